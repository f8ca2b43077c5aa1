// SPDX-License-Identifier: Apache-2.0
#ifndef BASE_NUMBER_H
#define BASE_NUMBER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

/* The text of a JSON number (RFC 8259, section 6) taken apart without loss: value = d.ddd x 10^power, where d are `count` significant
 * digits without zeros at either end. */
struct number {
    bool negative;
    bool integer_text;   /* written without point and exponent */
    bool huge_exponent;  /* the exponent's own digits passed 10^17: power says only its sign and that it is enormous */
    size_t count;        /* 0: the value is zero */
    int64_t power;       /* of the first digit; 0 for zero */
    struct slice digits; /* the integer and fraction part as written, from the first significant digit to the last, with perhaps a point inside */
    size_t point;        /* where in digits the point is; digits.length when there is none */
};

/* False when text is no JSON number. The slices borrow from text. */
bool number_parse(struct slice text, struct number *out);

/* Significant digit i, from 0. */
int number_digit(const struct number *n, size_t i);

/* An integer from 0 to 2^64-1, however written (12, 12.0, 1.2e1). */
bool number_to_u64(const struct number *n, uint64_t *out);

/* True when a double holds it: integers written as such up to +-(2^53-1); others neither overflow nor become 0; no negative zero. */
bool number_is_safe(const struct number *n);

/* Bytes that number_format needs for n. */
size_t number_format_size(const struct number *n);
/* The one form of this value, that of ECMAScript and RFC 8785: plain from 1e-6 to below 1e21, else d.ddde+X; -0 is 0. Returns the length (no NUL).
 * Not for numbers with a huge exponent. */
size_t number_format(const struct number *n, char *out);

#endif
