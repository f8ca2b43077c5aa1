// SPDX-License-Identifier: Apache-2.0
#include "base/json_scan.h"

#include <stdlib.h>

/* --- names --------------------------------------------------------------------------------------------------------- */

static bool keep_name(struct json_scan *s, struct slice name) {
    if (s->name_count == s->name_capacity) {
        size_t capacity = s->name_capacity > 0 ? s->name_capacity * 2 : 64;
        struct slice *names = realloc(s->names, capacity * sizeof(*names));

        if (names == NULL) {
            s->rc = err_set(s->err, RC_TEMP, "out of memory");
            return false;
        }
        s->names = names;
        s->name_capacity = capacity;
    }
    s->names[s->name_count++] = name;
    return true;
}

/* Equal names are ordered by where they stand, so that the later one is reported. */
static int compare_names(const void *left, const void *right) {
    const struct slice *a = left, *b = right;
    int difference = json_compare_names(*a, *b);

    return difference != 0 ? difference : (a->data > b->data) - (a->data < b->data);
}

/* The names of the object that closes are the last ones kept. They are sorted: n log n for any input, without a hash that it could attack. */
bool json_watch_object_end(struct json_scan *s) {
    size_t count = s->members[s->depth - 1];
    struct slice *names = s->names + (s->name_count - count);
    const struct slice *twice = NULL;

    s->name_count -= count;
    if (count < 2) {
        return true;
    }
    qsort(names, count, sizeof(*names), compare_names);
    for (size_t i = 1; i < count; i++) {
        if ((twice == NULL || names[i].data < twice->data) && json_compare_names(names[i - 1], names[i]) == 0) {
            twice = &names[i];
        }
    }
    if (twice != NULL) {
        (void)json_scan_fail(s, twice->data - 1, "the name \"%.*s\" stands twice in one object", (int)(twice->length < 80 ? twice->length : 80), twice->data);
    }
    return twice == NULL;
}

/* A member of the root begins. */
static void outline_name(struct json_outline *outline, struct slice name) {
    if (outline->count == JSON_OUTLINE_MOST) {
        outline->complete = false;
    } else {
        outline->members[outline->count++].name = name;
    }
}

/* Its start is found again behind the name. */
void json_watch_root_value(struct json_scan *s, const char *end) {
    struct json_member *m = &s->outline->members[s->outline->count - 1];

    if (s->outline->complete) {
        const char *from = json_scan_skip(s, json_scan_skip(s, m->name.data + m->name.length + 1) + 1);

        m->value = (struct slice){.data = from, .length = (size_t)(end - from)};
    }
}

bool json_watch_name(struct json_scan *s, struct slice name, bool plain) {
    if (s->outline != NULL && s->depth == 1) {
        outline_name(s->outline, name);
    }
    if (s->tap != NULL && s->depth == 1) {
        s->tap_next = s->tap_array.data != NULL && json_same_name(name, s->tap_array);
    } else if (s->tap_depth > 0 && s->depth == s->tap_depth + 1) {
        s->value_next = json_same_name(name, s->tap_member);
        s->odd_name = s->odd_name || (!plain && memchr(name.data, '\\', name.length) != NULL);
    }
    if (s->count_members && s->members[s->depth - 1]++ == s->rules->max_members && s->rules->max_members > 0) {
        (void)json_scan_fail(s, name.data - 1, "more than %u members in one object", (unsigned)s->rules->max_members);
        return false;
    }
    return !s->rules->unique_names || keep_name(s, name);
}

/* --- the tap ------------------------------------------------------------------------------------------------------- */

void json_watch_array(struct json_scan *s, const char *open) {
    if (s->depth == 0 ? s->tap_array.data != NULL : !s->tap_next || s->tap_array.data == NULL) {
        return;
    }
    s->tap_next = false;
    s->tap_depth = s->depth + 1;
    s->found.data = NULL;
    s->tap->begin(s->tap->context, open);
}

void json_watch_value(struct json_scan *s, const char *end) {
    if (s->depth == s->tap_depth + 1 && s->value_next) {
        s->value_next = false;
        s->found = (struct slice){.data = s->value, .length = (size_t)(end - s->value)};
    } else if (s->depth == s->tap_depth) {
        struct slice none = {.data = NULL, .length = 0};

        s->tap->element(s->tap->context, (struct slice){.data = s->element, .length = (size_t)(end - s->element)}, s->odd_name ? none : s->found);
        s->odd_name = false;
        s->found.data = NULL;
    }
}

/* A name that stands in a Pointer of one token without escapes, and in the text as it is. */
static bool plain_token(const char *pointer, struct slice *name) {
    if (pointer[0] != '/' || strpbrk(pointer + 1, "/~\"\\") != NULL) {
        return false;
    }
    *name = (struct slice){.data = pointer + 1, .length = strlen(pointer + 1)};
    return true;
}

void json_watch_tap(struct json_scan *s, const struct json_tap *tap) {
    s->tap = NULL;
    s->tap_depth = 0;
    s->tap_next = s->value_next = s->odd_name = false;
    s->tap_array = s->tap_member = s->found = (struct slice){.data = NULL, .length = 0};
    if (tap != NULL && (tap->array[0] == '\0' || plain_token(tap->array, &s->tap_array))) {
        s->tap = tap;
        if (tap->member == NULL || !plain_token(tap->member, &s->tap_member)) {
            s->tap_member = (struct slice){.data = "\"", .length = 1}; /* no name is that */
        }
    }
}
