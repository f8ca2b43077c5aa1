// SPDX-License-Identifier: Apache-2.0
#ifndef BASE_DEC_H
#define BASE_DEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

/* Money: an exact decimal, at most 18 digits before the point and 9 after. Never a double. */
struct dec {
    __extension__ __int128 nano; /* value x 10^9 */
};

#define DEC_TEXT_SIZE 48

/* "250.00", "-0.05", "1e3" (exponent within range) as in a JSON number, or in a JSON string without its quotes. False when it is none, has more than 9
 * significant places after the point, or is out of range. Leading '+', blanks, thousands separators and currency signs are refused. */
bool dec_parse(struct slice text, struct dec *out);
/* Shortest exact text with at least two places after the point ("12.50", "0.005"). */
void dec_format(struct dec value, char out[DEC_TEXT_SIZE]);

struct dec dec_zero(void);
/* Saturate at the range's end, so a cap is passed rather than wrapped around. */
struct dec dec_add(struct dec a, struct dec b);
struct dec dec_sub(struct dec a, struct dec b);
struct dec dec_times(struct dec a, uint64_t count);
/* a * count / of, rounded up (away from zero); `of` > 0. */
struct dec dec_share(struct dec a, uint64_t count, uint64_t of);
int dec_compare(struct dec a, struct dec b); /* <0, 0, >0 */

#endif
