// SPDX-License-Identifier: Apache-2.0
#include "base/json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json_internal.h"
#include "base/number.h"

static void blank_out(char *from, const char *to) {
    for (; from < to; from++) {
        if (*from != '\n' && *from != '\r') {
            *from = ' ';
        }
    }
}

void json_strip_comments(char *text, size_t length) {
    for (size_t at = 0; at < length;) {
        char *here = text + at;
        const char *end = text + length, *stop;

        if (*here == '"') {
            stop = json_skip_string(here + 1, end);
        } else if (*here != '/' || end - here < 2 || (here[1] != '/' && here[1] != '*')) {
            stop = here + 1;
        } else if (here[1] == '/') {
            stop = memchr(here, '\n', (size_t)(end - here));
            stop = stop != NULL ? stop : end;
            blank_out(here, stop);
        } else {
            stop = memmem(here + 2, (size_t)(end - here - 2), "*/", 2);
            stop = stop != NULL ? stop + 2 : end;
            blank_out(here, stop);
        }
        at = (size_t)(stop - text);
    }
}

enum rc json_fold_lines(struct slice value, struct buf *out) {
    const char *at = value.data, *end = value.length > 0 ? at + value.length : at, *from = at;
    enum rc rc = buf_reserve(out, value.length < out->max - out->length ? value.length : 0);

    while (at < end && rc == RC_OK) {
        if (*at == '"') {
            at = json_skip_string(at + 1, end);
        } else if (*at != '\n' && *at != '\r') {
            at++;
        } else {
            rc = buf_add(out, from, (size_t)(at - from));
            from = at = json_skip_blank(at, end);
        }
    }
    return rc == RC_OK ? buf_add(out, from, (size_t)(at - from)) : rc;
}

/* The two-character escape of a byte, else \u00XX. */
static enum rc add_escape(struct buf *out, unsigned char c) {
    static const char plain[] = "\"\\\b\f\n\r\t", letters[] = "\"\\bfnrt";
    const char *found = c != '\0' ? strchr(plain, c) : NULL;
    char escape[8];

    if (found != NULL) {
        escape[0] = '\\';
        escape[1] = letters[found - plain];
        return buf_add(out, escape, 2);
    }
    (void)snprintf(escape, sizeof(escape), "\\u%04x", (unsigned)c);
    return buf_add(out, escape, 6);
}

enum rc json_quote(struct slice text, struct buf *out) {
    size_t from = 0, at = 0;
    enum rc rc = buf_add_char(out, '"');

    while (at < text.length && rc == RC_OK) {
        unsigned char c = (unsigned char)text.data[at];
        size_t size = c < 0x80 ? 1 : str_utf8_length(text.data + at, text.length - at);

        if (size > 0 && c >= 0x20 && c != '"' && c != '\\') {
            at += size;
            continue;
        }
        rc = buf_add(out, text.data + from, at - from);
        if (rc == RC_OK) {
            rc = size > 0 ? add_escape(out, c) : buf_add(out, "\xEF\xBF\xBD", 3);
        }
        from = ++at;
    }
    if (rc == RC_OK && at > from) {
        rc = buf_add(out, text.data + from, at - from);
    }
    return rc == RC_OK ? buf_add_char(out, '"') : rc;
}

struct member {
    struct slice name, value;
};

/* A container that is being written: its elements, and which comes next. */
struct frame {
    bool object;
    struct member *members;
    size_t count, next;
};

struct writer {
    struct buf *out;
    struct buf text; /* a string, decoded */
    struct frame *frames;
    size_t depth, capacity;
};

static int compare_members(const void *left, const void *right) {
    const struct member *a = left, *b = right;
    int difference = json_compare_names(a->name, b->name);

    return difference != 0 ? difference : (a->name.data > b->name.data) - (a->name.data < b->name.data);
}

/* Sort by name; of equal names the last one stays. */
static void sort_members(struct frame *f) {
    size_t kept = 0;

    if (f->count < 2) {
        return;
    }
    qsort(f->members, f->count, sizeof(*f->members), compare_members);
    for (size_t i = 0; i < f->count; i++) {
        if (i + 1 == f->count || json_compare_names(f->members[i].name, f->members[i + 1].name) != 0) {
            f->members[kept++] = f->members[i];
        }
    }
    f->count = kept;
}

static enum rc push(struct writer *w, struct slice container) {
    struct frame *f;
    struct json_iter iter;
    size_t count = json_count(container);

    if (w->depth == JSON_DEPTH_MOST) {
        return RC_PERM;
    }
    if (w->depth == w->capacity) {
        size_t capacity = w->capacity > 0 ? w->capacity * 2 : 16;
        struct frame *frames = realloc(w->frames, capacity * sizeof(*frames));

        if (frames == NULL) {
            return RC_TEMP;
        }
        w->frames = frames;
        w->capacity = capacity;
    }
    f = &w->frames[w->depth];
    *f = (struct frame){.members = calloc(count > 0 ? count : 1, sizeof(*f->members))};
    if (f->members == NULL || !json_iter_init(&iter, container)) {
        free(f->members);
        return RC_TEMP;
    }
    w->depth++;
    f->object = iter.object;
    while (f->count < count && json_iter_next(&iter, &f->members[f->count].name, &f->members[f->count].value)) {
        f->count++;
    }
    if (f->object) {
        sort_members(f);
    }
    return buf_add_char(w->out, f->object ? '{' : '[');
}

static enum rc write_string(struct writer *w, struct slice value) {
    enum rc rc;

    buf_reset(&w->text);
    rc = json_decode_string(value, &w->text);
    return rc == RC_OK ? json_quote((struct slice){.data = buf_text(&w->text), .length = w->text.length}, w->out) : rc;
}

static enum rc write_number(struct writer *w, struct slice value) {
    struct number n;
    enum rc rc;

    if (!number_parse(value, &n)) {
        return RC_PERM;
    }
    if (n.huge_exponent && n.count > 0) {
        return buf_add(w->out, value.data, value.length);
    }
    rc = buf_reserve(w->out, number_format_size(&n));
    if (rc != RC_OK) {
        return rc;
    }
    w->out->length += number_format(&n, w->out->data + w->out->length);
    w->out->data[w->out->length] = '\0';
    return RC_OK;
}

static enum rc write_value(struct writer *w, struct slice value) {
    switch (json_type(value)) {
    case JSON_NONE:
        return RC_PERM;
    case JSON_NULL:
    case JSON_FALSE:
    case JSON_TRUE:
        return buf_add(w->out, value.data, value.length);
    case JSON_NUMBER:
        return write_number(w, value);
    case JSON_STRING:
        return write_string(w, value);
    case JSON_ARRAY:
    case JSON_OBJECT:
        return push(w, value);
    }
    return RC_PERM;
}

/* The next element of the innermost container, or its end. */
static enum rc write_next(struct writer *w) {
    struct frame *f = &w->frames[w->depth - 1];
    const struct member *m;
    enum rc rc = RC_OK;

    if (f->next == f->count) {
        free(f->members);
        w->depth--;
        return buf_add_char(w->out, f->object ? '}' : ']');
    }
    m = &f->members[f->next++];
    if (f->next > 1) {
        rc = buf_add_char(w->out, ',');
    }
    if (rc == RC_OK && f->object) {
        /* The name with its quotes is a string like any other. */
        rc = write_string(w, (struct slice){.data = m->name.data - 1, .length = m->name.length + 2});
        rc = rc == RC_OK ? buf_add_char(w->out, ':') : rc;
    }
    return rc == RC_OK ? write_value(w, m->value) : rc;
}

enum rc json_canonical(struct slice value, struct buf *out) {
    struct writer w = {.out = out, .text = BUF_INIT(value.length)};
    struct slice whole;
    enum rc rc = json_find(value, "", &whole) ? write_value(&w, whole) : RC_PERM;

    while (rc == RC_OK && w.depth > 0) {
        rc = write_next(&w);
    }
    while (w.depth > 0) {
        free(w.frames[--w.depth].members);
    }
    free(w.frames);
    buf_release(&w.text);
    return rc;
}
