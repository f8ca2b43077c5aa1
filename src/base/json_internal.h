// SPDX-License-Identifier: Apache-2.0
#ifndef BASE_JSON_INTERNAL_H
#define BASE_JSON_INTERNAL_H

#include <endian.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/str.h"

#if defined(__SSE2__) && !defined(JSON_PORTABLE)
#include <emmintrin.h>
#define JSON_SSE2 1
#else
#define JSON_SSE2 0
#endif

/* What json.c, json_watch.c (check), json_skip.c and json_walk.c (find), json_value.c (read) and json_form.c (write) share. */

#define JSON_DEPTH_MOST 1024u /* of json_rules.max_depth, and of json_canonical */

/*
 * Many bytes at once: 8 in a word, or 16 with SSE2, which every x86-64 has (64 in json_skip.c). JSON_PORTABLE leaves SSE2 out, so that a test sees
 * both ways. Nothing is read at or past an end.
 */

/* In the result of each test of a word the lowest set bit lies in the first byte that answers to it; with little-endian words that is the first in
 * memory. Higher bits may be false alarms. */
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

static inline bool json_is_blank(char c) {
    return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

/* Behind blanks, of which there is at least one in the usual case. */
static inline const char *json_skip_blanks(const char *at, const char *end) {
#if JSON_SSE2
    for (; end - at >= 16; at += 16) {
        __m128i bytes = _mm_loadu_si128((const __m128i *)at);
        __m128i spaces = _mm_or_si128(_mm_cmpeq_epi8(bytes, _mm_set1_epi8(' ')), _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\t')));
        __m128i breaks = _mm_or_si128(_mm_cmpeq_epi8(bytes, _mm_set1_epi8('\n')), _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\r')));
        unsigned blank = (unsigned)_mm_movemask_epi8(_mm_or_si128(spaces, breaks));

        if (blank != 0xFFFF) {
            return at + __builtin_ctz(~blank);
        }
    }
#endif
    for (; at < end && json_is_blank(*at); at++) {
        while (end - at > 8 && json_load_word(at + 1) == JSON_EACH_BYTE(' ')) { /* indented text */
            at += 8;
        }
    }
    return at;
}

static inline const char *json_skip_blank(const char *at, const char *end) {
    return at < end && (unsigned char)*at <= ' ' ? json_skip_blanks(at, end) : at;
}

/* To the first quote or backslash, or to the end. */
static inline const char *json_skip_unquoted(const char *at, const char *end) {
#if JSON_SSE2
    for (; end - at >= 16; at += 16) {
        __m128i bytes = _mm_loadu_si128((const __m128i *)at);
        __m128i stops = _mm_or_si128(_mm_cmpeq_epi8(bytes, _mm_set1_epi8('"')), _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\\')));
        unsigned found = (unsigned)_mm_movemask_epi8(stops);

        if (found != 0) {
            return at + __builtin_ctz(found);
        }
    }
#endif
    for (; end - at >= 8; at += 8) {
        uint64_t word = json_load_word(at);
        uint64_t found = json_has_zero(word ^ JSON_EACH_BYTE('"')) | json_has_zero(word ^ JSON_EACH_BYTE('\\'));

        if (found != 0) {
            return at + json_first_byte(found);
        }
    }
    while (at < end && *at != '"' && *at != '\\') {
        at++;
    }
    return at;
}

#if JSON_SSE2
/* Which of 16 bytes are not plain ASCII of a string: a quote, a backslash, a control character, 0x80 or more. Bit i is byte i. */
static inline unsigned json_odd_16(const char *at) {
    __m128i bytes = _mm_loadu_si128((const __m128i *)at);
    __m128i stops = _mm_or_si128(_mm_cmpeq_epi8(bytes, _mm_set1_epi8('"')), _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\\')));

    /* As signed numbers bytes from 0x80 are less than 0x20 too. */
    return (unsigned)_mm_movemask_epi8(_mm_or_si128(stops, _mm_cmplt_epi8(bytes, _mm_set1_epi8(0x20))));
}

/* Of 64 bytes. */
static inline uint64_t json_odd_64(const char *at) {
    uint64_t low = json_odd_16(at) | json_odd_16(at + 16) << 16, high = json_odd_16(at + 32) | json_odd_16(at + 48) << 16;

    return low | high << 32;
}
#endif

/* To the first byte of a string that is not plain ASCII (a quote, a backslash, a control character, 0x80 or more), or to the end. */
static inline const char *json_skip_plain(const char *at, const char *end) {
#if JSON_SSE2
    for (; end - at >= 16; at += 16) {
        unsigned found = json_odd_16(at);

        if (found != 0) {
            return at + __builtin_ctz(found);
        }
    }
#endif
    for (; end - at >= 8; at += 8) {
        uint64_t word = json_load_word(at);
        /* The borrow of a subtraction can only raise a false alarm above a true one; bytes >= 0x80 stop by themselves. */
        uint64_t found =
            ((word - JSON_EACH_BYTE(0x20)) | ((word ^ JSON_EACH_BYTE('"')) - JSON_EACH_BYTE(1)) | ((word ^ JSON_EACH_BYTE('\\')) - JSON_EACH_BYTE(1)) | word) &
            JSON_EACH_BYTE(0x80);

        if (found != 0) {
            return at + json_first_byte(found);
        }
    }
    while (at < end && (unsigned char)*at >= 0x20 && (unsigned char)*at < 0x80 && *at != '"' && *at != '\\') {
        at++;
    }
    return at;
}

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

/* A reference token of a JSON Pointer. */
struct json_token {
    struct slice text;
    bool plain; /* nothing in it is or has to be escaped: a name without escapes that it means is the same bytes */
};

/* The value of the last member that the token names, in an object without blanks before it; what follows the object does no harm. */
bool json_find_member(struct slice object, const struct json_token *token, struct slice *value);

/* Does the token mean this name (inside of a string)? */
bool json_name_is(struct slice name, const struct json_token *token);

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
