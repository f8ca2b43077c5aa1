// SPDX-License-Identifier: Apache-2.0
#ifndef BASE_JSON_BLOCK_H
#define BASE_JSON_BLOCK_H

#include <endian.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if defined(__SSE2__) && !defined(JSON_PORTABLE)
#include <emmintrin.h>
#define JSON_SSE2 1
#else
#define JSON_SSE2 0
#endif

/*
 * Many bytes at once: 8 in a word, 16 or 64 with SSE2, which every x86-64 has. JSON_PORTABLE leaves SSE2 out, so that a test sees both ways.
 * Nothing is read at or past an end.
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

/* To the first byte of a string that is not plain ASCII (a quote, a backslash, a control character, 0x80 or more), or to the end. */
static inline const char *json_skip_plain(const char *at, const char *end) {
#if JSON_SSE2
    for (; end - at >= 16; at += 16) {
        __m128i bytes = _mm_loadu_si128((const __m128i *)at);
        __m128i stops = _mm_or_si128(_mm_cmpeq_epi8(bytes, _mm_set1_epi8('"')), _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\\')));
        /* As signed numbers bytes from 0x80 are less than 0x20 too. */
        unsigned found = (unsigned)_mm_movemask_epi8(_mm_or_si128(stops, _mm_cmplt_epi8(bytes, _mm_set1_epi8(0x20))));

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

/* 64 bytes; of what is asked about them bit i of the answer is byte i. */
#if JSON_SSE2
struct json_block {
    __m128i part[4];
};

static inline void json_block_load(struct json_block *b, const char *at) {
    for (size_t i = 0; i < 4; i++) {
        b->part[i] = _mm_loadu_si128((const __m128i *)(at + 16 * i));
    }
}

static inline uint64_t json_block_join(__m128i a, __m128i b, __m128i c, __m128i d) {
    uint64_t low = (uint32_t)_mm_movemask_epi8(a) | (uint32_t)_mm_movemask_epi8(b) << 16;
    uint64_t high = (uint32_t)_mm_movemask_epi8(c) | (uint32_t)_mm_movemask_epi8(d) << 16;

    return low | high << 32;
}

static inline uint64_t json_block_equal(const struct json_block *b, char c) {
    __m128i each = _mm_set1_epi8(c);

    return json_block_join(_mm_cmpeq_epi8(b->part[0], each), _mm_cmpeq_epi8(b->part[1], each), _mm_cmpeq_epi8(b->part[2], each),
                           _mm_cmpeq_epi8(b->part[3], each));
}

static inline __m128i json_part_brackets(__m128i part) {
    __m128i folded = _mm_or_si128(part, _mm_set1_epi8(0x20));

    return _mm_or_si128(_mm_cmpeq_epi8(folded, _mm_set1_epi8('{')), _mm_cmpeq_epi8(folded, _mm_set1_epi8('}')));
}

/* Brackets and braces differ in the bit 0x20. */
static inline uint64_t json_block_brackets(const struct json_block *b) {
    return json_block_join(json_part_brackets(b->part[0]), json_part_brackets(b->part[1]), json_part_brackets(b->part[2]), json_part_brackets(b->part[3]));
}
#else
struct json_block {
    uint64_t word[8];
};

static inline void json_block_load(struct json_block *b, const char *at) {
    for (size_t i = 0; i < 8; i++) {
        b->word[i] = json_load_word(at + 8 * i);
    }
}

/* One bit a byte that is c once the bits of `fold` are set in it; here without false alarms. */
static inline uint64_t json_block_equal_folded(const struct json_block *b, char c, unsigned char fold) {
    const uint64_t low = JSON_EACH_BYTE(0x7F);
    uint64_t found = 0;

    for (size_t i = 0; i < 8; i++) {
        uint64_t rest = (b->word[i] | JSON_EACH_BYTE(fold)) ^ JSON_EACH_BYTE((unsigned char)c);
        uint64_t zero = ~(((rest & low) + low) | rest | low) >> 7;

        found |= zero * UINT64_C(0x0102040810204080) >> 56 << 8 * i; /* the product has bit 8k of zero at 56+k */
    }
    return found;
}

static inline uint64_t json_block_equal(const struct json_block *b, char c) {
    return json_block_equal_folded(b, c, 0);
}

/* Brackets and braces differ in the bit 0x20. */
static inline uint64_t json_block_brackets(const struct json_block *b) {
    return json_block_equal_folded(b, '{', 0x20) | json_block_equal_folded(b, '}', 0x20);
}
#endif

#endif
