// SPDX-License-Identifier: Apache-2.0
#ifndef BASE_STR_H
#define BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A borrowed run of bytes, not NUL-terminated. */
struct slice {
    const char *data;
    size_t length;
};

struct slice slice_of(const char *text);
bool slice_equals(struct slice a, const char *text);

/* Copy text into out (size bytes, NUL-terminated). False, and an empty out, when it does not fit. */
bool str_copy(char *out, size_t size, const char *text);
/* snprintf that tells whether all fitted; out is empty when not. */
bool str_format(char *out, size_t size, const char *format, ...) __attribute__((format(printf, 3, 4)));

bool str_starts(const char *text, const char *prefix);
bool str_ends(const char *text, const char *suffix);

/* Whole text to a number, decimal digits only (one '-' for the signed one), within [least, most]. False otherwise. */
bool str_to_u64(const char *text, uint64_t least, uint64_t most, uint64_t *out);
bool str_to_i64(const char *text, int64_t least, int64_t most, int64_t *out);

/* Lower-case hexadecimal. out holds 2*length+1 bytes. */
void str_hex(const void *bytes, size_t length, char *out);
/* Exactly 2*length lower- or upper-case hex digits to bytes. */
bool str_unhex(const char *text, void *bytes, size_t length);

/* [A-Za-z0-9_-]{1,64}: campaign ids, source, step and secret names (DESIGN 3). */
bool str_is_name(const char *text);

/* True when the bytes are well-formed UTF-8 (RFC 3629). */
bool str_is_utf8(const char *bytes, size_t length);
/* Bytes of the well-formed UTF-8 character that they start with; 0 when there is none. */
size_t str_utf8_length(const char *bytes, size_t length);

/* Copy text for people's eyes into out (size bytes, at least 1; NUL-terminated): control characters, bidi overrides, line separators and bytes
 * that are no UTF-8 as \xNN or \uNNNN; cut with "..." between characters when it does not fit. Returns the length. Twice is the same as once. */
size_t str_printable(char *out, size_t size, const char *text, size_t length);

/* Damerau-Levenshtein nearest of `count` names to `text`, for "did you mean"; NULL when none is near (distance > 3 or > half of text's length). */
const char *str_nearest(const char *text, const char *const *names, size_t count);

/* ISO 8601 duration as used in sources and configuration ("PT1M", "P30D", "PT0.5S", "P1DT12H"; weeks, alone, too; no years or months;
 * a fraction, with a point, in the last component only) to milliseconds, cut, at most 100 years. False when it is not one. */
bool str_duration_ms(const char *text, int64_t *ms);

#endif
