// SPDX-License-Identifier: Apache-2.0
#ifndef BASE_JSON_INTERNAL_H
#define BASE_JSON_INTERNAL_H

#include <endian.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/str.h"

/* What json.c (check), json_value.c (look) and json_form.c (write) share. */

#define JSON_DEPTH_MOST 1024u /* of json_rules.max_depth, and of json_canonical */

/* Eight bytes at once: in the result of each test the lowest set bit lies in the first byte that answers to it; with little-endian words
 * that is the first in memory. Higher bits may be false alarms. */
#define JSON_EACH_BYTE(value) (UINT64_C(0x0101010101010101) * (value))

static inline uint64_t json_load_word(const char *at) {
    uint64_t word;

    memcpy(&word, at, sizeof(word));
    return le64toh(word);
}

static inline uint64_t json_has_zero(uint64_t word) {
    return (word - JSON_EACH_BYTE(1)) & ~word & JSON_EACH_BYTE(0x80);
}

static inline size_t json_first_byte(uint64_t found) {
    return (size_t)__builtin_ctzll(found) / 8;
}

static inline int json_hex_value(char c) {
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static inline bool json_is_blank(char c) {
    return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

static inline const char *json_skip_blank(const char *at, const char *end) {
    while (at < end && json_is_blank(*at)) {
        at++;
    }
    return at;
}

/* From behind an opening quote to behind its closing quote; end when there is none. */
static inline const char *json_skip_string(const char *at, const char *end) {
    for (;;) {
        while (end - at >= 8) {
            uint64_t word = json_load_word(at);
            uint64_t found = json_has_zero(word ^ JSON_EACH_BYTE('"')) | json_has_zero(word ^ JSON_EACH_BYTE('\\'));

            if (found != 0) {
                at += json_first_byte(found);
                break;
            }
            at += 8;
        }
        while (at < end && *at != '"' && *at != '\\') {
            at++;
        }
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
