// SPDX-License-Identifier: Apache-2.0
#include "notify/fill.h"

#include "base/str.h"

#include <stdlib.h>
#include <string.h>

#define DEPTH_MOST 8
#define NAME_MOST 64

struct filler {
    const char *at, *begin;
    const cJSON *values;
    enum fill_form form;
    struct buf *out;
    struct err *err;
    unsigned depth, hidden; /* sections that are open; how many of them, from which on, show nothing */
    char open[DEPTH_MOST][NAME_MOST + 1];
    bool shown[DEPTH_MOST];
};

static enum rc wrong(const struct filler *f, const char *what, const char *name) {
    unsigned line = 1;
    for (const char *at = f->begin; at < f->at; at++)
        line += *at == '\n';
    return err_set(f->err, RC_PERM, "line %u: %s \"%.64s\"", line, what, name);
}

static enum rc full(const struct filler *f, enum rc rc) {
    return rc == RC_OK ? rc : err_set(f->err, rc, rc == RC_TEMP ? "out of memory" : "what the template makes is longer than %zu bytes", f->out->max);
}

/* --- values ------------------------------------------------------------------------------------------------------------ */

static const char *value_of(const struct filler *f, const char *name) {
    const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(f->values, name));
    return text != NULL ? text : "";
}

static enum rc add_escaped(struct buf *out, char c) {
    switch (c) {
    case '&':
        return buf_add_text(out, "&amp;");
    case '<':
        return buf_add_text(out, "&lt;");
    case '>':
        return buf_add_text(out, "&gt;");
    case '"':
        return buf_add_text(out, "&quot;");
    case '\'':
        return buf_add_text(out, "&#39;");
    default:
        return buf_add_char(out, c);
    }
}

/* One line of a value, for people's eyes. */
static enum rc add_piece(struct filler *f, const char *text, size_t length) {
    const size_t size = length * 6 + 1; /* the longest escape is \uNNNN */
    char *shown = malloc(size);
    if (shown == NULL)
        return RC_TEMP;
    const size_t count = str_printable(shown, size, text, length);
    enum rc rc = RC_OK;
    if (f->form == FILL_HTML)
        for (size_t i = 0; i < count && rc == RC_OK; i++)
            rc = add_escaped(f->out, shown[i]);
    else
        rc = buf_add(f->out, shown, count);
    free(shown);
    return rc;
}

static enum rc add_value(struct filler *f, const char *text) {
    enum rc rc = RC_OK;
    for (;;) {
        const size_t length = strcspn(text, "\n");
        rc = add_piece(f, text, length > 0 && text[length] == '\n' && text[length - 1] == '\r' ? length - 1 : length);
        if (rc != RC_OK || text[length] == '\0')
            return rc;
        rc = buf_add_char(f->out, f->form == FILL_LINE ? ' ' : '\n');
        if (rc != RC_OK)
            return rc;
        text += length + 1;
    }
}

/* --- marks ------------------------------------------------------------------------------------------------------------- */

/* "{{name}}", "{{#name}}" or "{{/name}}" at the beginning of text: its length; 0: it is none. */
static size_t mark_at(const char *text, char *sigil, char name[NAME_MOST + 1]) {
    if (!str_starts(text, "{{"))
        return 0;
    const char *at = text + 2;
    *sigil = *at == '#' || *at == '/' ? *at++ : '\0';
    const char *end = strstr(at, "}}");
    if (end == NULL || end == at || end - at > NAME_MOST)
        return 0;
    memcpy(name, at, (size_t)(end - at));
    name[end - at] = '\0';
    return str_is_name(name) ? (size_t)(end + 2 - text) : 0;
}

/* A mark of a section that has its line for itself takes the line along. */
static size_t whole_line(const struct filler *f, size_t length) {
    const char *end = f->at + length;
    if ((f->at > f->begin && f->at[-1] != '\n') || (*end != '\n' && *end != '\r'))
        return length;
    return length + (*end == '\r' && end[1] == '\n' ? 2 : 1);
}

static enum rc open_section(struct filler *f, const char *name) {
    if (f->depth == DEPTH_MOST)
        return wrong(f, "sections are too deep at", name);
    const bool shows = *value_of(f, name) != '\0';
    str_copy(f->open[f->depth], sizeof f->open[0], name);
    f->shown[f->depth] = shows;
    f->hidden += !shows;
    f->depth++;
    return RC_OK;
}

static enum rc close_section(struct filler *f, const char *name) {
    if (f->depth == 0 || strcmp(f->open[f->depth - 1], name) != 0)
        return wrong(f, "nothing that is open is closed by", name);
    f->depth--;
    f->hidden -= !f->shown[f->depth];
    return RC_OK;
}

static enum rc step(struct filler *f) {
    char sigil, name[NAME_MOST + 1];
    const size_t length = mark_at(f->at, &sigil, name);
    enum rc rc = RC_OK;
    if (length == 0) {
        const size_t plain = 1 + strcspn(f->at + 1, "{");
        if (f->hidden == 0)
            rc = full(f, buf_add(f->out, f->at, plain));
        f->at += plain;
        return rc;
    }
    if (sigil == '\0') {
        if (f->hidden == 0)
            rc = full(f, add_value(f, value_of(f, name)));
        f->at += length;
        return rc;
    }
    rc = sigil == '#' ? open_section(f, name) : close_section(f, name);
    f->at += whole_line(f, length);
    return rc;
}

enum rc fill(const char *template, const cJSON *values, enum fill_form form, struct buf *out, struct err *err) {
    struct filler f = {.at = template, .begin = template, .values = values, .form = form, .out = out, .err = err};
    enum rc rc = RC_OK;
    while (rc == RC_OK && *f.at != '\0')
        rc = step(&f);
    if (rc == RC_OK && f.depth > 0)
        rc = wrong(&f, "it ends within", f.open[f.depth - 1]);
    return rc;
}
