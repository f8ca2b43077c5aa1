// SPDX-License-Identifier: Apache-2.0
#include "net/retry.h"

#include "base/limits.h"

#include <math.h>
#include <stdint.h>
#include <sys/random.h>

#define LONGEST_S 1e9 /* keeps the sum far inside int64_t milliseconds, whatever a source says */

/* NaN and negative numbers count as 0. */
static double within_range(double seconds) {
    if (!(seconds > 0)) {
        return 0;
    }
    return seconds < LONGEST_S ? seconds : LONGEST_S;
}

/* Uniform in [0, 1). Without entropy the full jitter: a longer wait is never wrong. */
static double uniform(void) {
    uint64_t bits;
    if (getrandom(&bits, sizeof(bits), GRND_NONBLOCK) != (ssize_t)sizeof(bits)) {
        return 1;
    }
    return (double)(bits >> 11) / (double)(UINT64_C(1) << 53);
}

int64_t retry_exponential_ms(unsigned attempt, double factor_s, double jitter_s, double max_s) {
    int doublings = attempt < 1 ? 0 : attempt > 64 ? 63 : (int)attempt - 1;
    double wait_s = ldexp(within_range(factor_s), doublings);
    double most_s = within_range(max_s);
    if (wait_s > most_s) {
        wait_s = most_s;
    }
    return (int64_t)((wait_s + within_range(jitter_s) * uniform()) * 1000);
}

int64_t retry_after_ms(int64_t seconds) {
    if (seconds <= 0) {
        return 0;
    }
    return (seconds < LIMIT_RETRY_AFTER_S ? seconds : LIMIT_RETRY_AFTER_S) * 1000;
}
