// SPDX-License-Identifier: Apache-2.0
#ifndef BASE_JSON_INTERNAL_H
#define BASE_JSON_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/json_block.h"
#include "base/str.h"

/* What json.c (check), json_walk.c (find), json_value.c (read) and json_form.c (write) share. */

#define JSON_DEPTH_MOST 1024u /* of json_rules.max_depth, and of json_canonical */

static inline int json_hex_value(char c) {
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* From behind an opening quote to behind its closing quote; end when there is none. */
static inline const char *json_skip_string(const char *at, const char *end) {
    for (;;) {
        at = json_skip_unquoted(at, end);
        if (at == end) {
            return end;
        }
        if (*at == '"') {
            return at + 1;
        }
        at = end - at >= 2 ? at + 2 : end;
    }
}

/* From the first byte of a value to behind it, never past end. */
const char *json_skip_value(const char *at, const char *end);

/* One escape, from behind its backslash, as UTF-8 into out; *at goes on behind it. Returns 1 to 4 bytes, 0 at the end of the text. */
size_t json_take_escape(const char **at, const char *end, char out[4]);

/* The bytes of the inside of a string, one by one, escapes decoded. */
struct json_bytes {
    const char *at, *end;
    char decoded[4];
    size_t decoded_count, decoded_next;
};
void json_bytes_init(struct json_bytes *bytes, struct slice inside);
int json_bytes_next(struct json_bytes *bytes); /* 0 to 255, -1 at the end */

/* Compare two names (insides of strings) by their decoded bytes: <0, 0, >0. */
int json_compare_names(struct slice a, struct slice b);

#endif
