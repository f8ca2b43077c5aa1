// SPDX-License-Identifier: Apache-2.0
#ifndef BASE_PERIOD_H
#define BASE_PERIOD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"

/* A span of time as people name one. */

struct period {
    int64_t since_us, until_us; /* until is not in it */
};

#define PERIOD_HOW "must be a time such as 2026-11-23T17:00:00Z, a UTC day such as 2026-11-23, or how long ago, such as P7D or PT2H"

/* All of time. */
void period_init(struct period *period);
/* An RFC 3339 time, a UTC day ("2026-11-23": its beginning, with until its end), or how long ago ("P7D", "PT2H"). */
bool period_time(const char *text, bool until, int64_t *us);
bool period_has(const struct period *period, int64_t us);
/* The UTC day that holds us. */
void period_of_day(struct period *period, int64_t us);
void period_day(char out[CLOCK_RFC3339_SIZE], int64_t us); /* "2026-11-23", UTC */

#endif
