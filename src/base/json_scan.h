// SPDX-License-Identifier: Apache-2.0
#ifndef BASE_JSON_SCAN_H
#define BASE_JSON_SCAN_H

#include "base/json.h"
#include "base/json_internal.h"

/* The scanner's state: what json.c (is it JSON) and json_watch.c (what is kept of names, members and elements meanwhile) share. */

struct json_scan {
    const char *text, *end;
    const char *looked; /* where the 64 bytes end that skip_plain saw last */
    uint64_t stops;     /* at which of them json_skip_plain stops */
    const struct json_rules *rules;
    struct err *err;
    enum rc rc;
    uint32_t depth, max_depth;
    uint64_t is_object[JSON_DEPTH_MOST / 64]; /* bit depth-1: the container at that depth */
    uint32_t members[JSON_DEPTH_MOST];        /* of the object at depth-1 so far; kept when max_members or unique_names */
    bool count_members;
    struct slice *names; /* of all open objects, outermost first; kept when unique_names */
    size_t name_count, name_capacity;
    struct json_outline *outline;       /* NULL: not wanted */
    bool watch_root;                    /* the names of the root's members are wanted */
    const struct json_tap *tap;         /* NULL: not wanted */
    struct slice tap_array, tap_member; /* their names, undecoded; of tap_array data NULL: the root */
    uint32_t tap_depth;                 /* inside the array that is tapped; 0: not there */
    bool tap_next;                      /* the member whose value comes next is that array */
    bool value_next;                    /* ... is the element's member */
    bool odd_name;                      /* the element has a name with an escape: who knows what it is */
    const char *element, *value;
    struct slice found;
};

/* json.c */

/* What is wrong at a place: sets rc and err. NULL. */
const char *json_scan_fail(struct json_scan *s, const char *at, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* Behind blanks, and comments where the rules have them. */
const char *json_scan_skip(const struct json_scan *s, const char *at);

/* json_watch.c */

static inline bool json_same_name(struct slice a, struct slice b) {
    return a.length == b.length && memcmp(a.data, b.data, a.length) == 0;
}

/* Before all others; tap may be NULL. */
void json_watch_tap(struct json_scan *s, const struct json_tap *tap);
/* What is kept of a name besides its form. plain: without escapes. False: one too many, or out of memory (rc and err are set). */
bool json_watch_name(struct json_scan *s, struct slice name, bool plain);
/* An object closes whose names were kept (unique_names). False: one of them stands there twice. */
bool json_watch_object_end(struct json_scan *s);
/* A member of the root ended; its name was seen. Where there is an outline. */
void json_watch_root_value(struct json_scan *s, const char *end);
/* An array at the root or in it is opened: tap may want it. */
void json_watch_array(struct json_scan *s, const char *open);
/* A value in the tapped array ended: an element, or a member of one. */
void json_watch_value(struct json_scan *s, const char *end);

#endif
