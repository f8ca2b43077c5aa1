// SPDX-License-Identifier: Apache-2.0
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

int64_t clock_mono_ms(void); /* CLOCK_MONOTONIC: for timers and waiting */
int64_t clock_mono_us(void); /* for how long something took */
int64_t clock_wall_us(void); /* CLOCK_REALTIME since 1970, UTC: for what people and journals read */

/* Microseconds since 1970 of a file's time; of one before 1970 or after 9999 the nearest that a text can say. */
int64_t clock_file_us(struct timespec time);

#define CLOCK_RFC3339_SIZE 32
/* "2026-11-23T17:05:01.123456Z"; with digits 0, 3 or 6 after the second. Years 1970 to 9999, others as the nearest of them. */
void clock_format_rfc3339(int64_t wall_us, int digits, char out[CLOCK_RFC3339_SIZE]);
/* "20261123T170501Z": the time of a job id. */
void clock_format_basic(int64_t wall_us, char out[20]);
/* RFC 3339 with Z or a numeric offset, any number of fraction digits (cut at 6). False when it is not one (a date alone is not)
 * or is not within the years 1970 to 9999 in UTC. */
bool clock_parse_rfc3339(const char *text, int64_t *wall_us);
/* "3s", "5m", "2h", "4d" of a span of time; a negative one is "0s". */
void clock_format_span(int64_t us, char out[24]);
/* Exactly "20261123T170501Z". */
bool clock_parse_basic(const char *text, int64_t *wall_us);

#endif
