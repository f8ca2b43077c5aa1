// SPDX-License-Identifier: Apache-2.0
#ifndef NET_RETRY_H
#define NET_RETRY_H

#include <stdint.h>

/* How long to wait before attempt `attempt` + 1 (attempt counts from 1): factor * 2^(attempt-1) seconds, at most max_s, plus a uniformly random part of
 * jitter_s. Result in milliseconds, at least 0. */
int64_t retry_exponential_ms(unsigned attempt, double factor_s, double jitter_s, double max_s);
/* Retry-After in seconds as libcurl gives it, clamped to [1 s, LIMIT_RETRY_AFTER_S]; 0 or less: 0 (no header). */
int64_t retry_after_ms(int64_t seconds);

#endif
