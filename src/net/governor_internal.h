// SPDX-License-Identifier: Apache-2.0
#ifndef NET_GOVERNOR_INTERNAL_H
#define NET_GOVERNOR_INTERNAL_H

#include "base/zone.h"
#include "net/governor.h"
#include "net/pace.h"

/* What governor.c, governor_window.c (fixed windows) and governor_saved.c (what survives) share. */

#define GOVERNOR_RATES_MAX 9
#define GOVERNOR_REMEMBERED_MAX 100000u
#define GOVERNOR_INTERVAL_MAX_MS (INT64_C(100) * 366 * 86400 * 1000)
#define GOVERNOR_REASON_SIZE 48
#define GOVERNOR_DAY_MS INT64_C(86400000)

struct window {
    uint64_t limit, used, edge; /* edge: of those used, in EDGE_US before the end */
    int64_t period_ms, begin_us, end_us;
    char zone[ZONE_NAME_SIZE];
};

struct governor {
    int64_t *times;
    size_t capacity, first, count;
    struct governor_rate rates[GOVERNOR_RATES_MAX];
    struct window windows[GOVERNOR_WINDOWS_MAX];
    unsigned rate_count, window_count, max_in_flight, in_flight;
    int64_t paused_until_us;
    char reason[GOVERNOR_REASON_SIZE];
    bool by_pause;    /* what the last wait was for */
    uint64_t told;    /* how many it said were left, last */
    uint64_t allowed; /* by the source itself, before allowed_until_us (0: it said nothing) */
    int64_t allowed_until_us;
    unsigned initial;                     /* concurrency to begin with; 0: it does not adapt */
    double concurrency, success, failure; /* as Postfix's window, success and failure */
    struct pace pace;
    unsigned breaker_failures, failures, opened; /* opened: how often in a row; 0: closed */
    int64_t breaker_reset_ms;
};

/* A sending that is remembered; index 0 is the oldest. */
static inline int64_t *governor_time_at(const struct governor *governor, size_t index) {
    return &governor->times[(governor->first + index) % governor->capacity];
}

bool governor_resize(struct governor *governor, size_t capacity); /* the newest are kept; false: out of memory */
void governor_remember(struct governor *governor, int64_t sent_us);
uint64_t governor_remembered_since(const struct governor *governor, int64_t begin_us);

/* governor_window.c */
void governor_window_sent(struct governor *governor, int64_t now_us);

#endif
