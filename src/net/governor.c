// SPDX-License-Identifier: Apache-2.0
#include "net/governor_internal.h"

#include "base/limits.h"

#include <stdlib.h>
#include <string.h>

/*
 * The sending times of the newest requests, in a ring; they never decrease. A rate of n requests in an interval asks only one question: has the
 * nth newest left the window?
 */

#define REMEMBERED_MIN 1000u
#define ALLOWED_MAX_US (INT64_C(3601) * 1000000) /* no such word holds longer: the clock was set back */
#define SAME_SPAN_US 1500000                     /* whole seconds are told, and answers take their time */
#define DEAD "dead_host"
#define BREAKER_MAX_MS ((int64_t)LIMIT_RETRY_AFTER_S * 1000)

struct governor *governor_new(void) {
    struct governor *governor = calloc(1, sizeof(*governor));
    if (governor == NULL) {
        return NULL;
    }
    governor->capacity = REMEMBERED_MIN;
    governor->times = calloc(governor->capacity, sizeof(*governor->times));
    if (governor->times == NULL) {
        free(governor);
        return NULL;
    }
    return governor;
}

void governor_free(struct governor *governor) {
    if (governor != NULL) {
        free(governor->times);
        free(governor);
    }
}

bool governor_resize(struct governor *governor, size_t capacity) {
    if (capacity == governor->capacity) {
        return true;
    }
    int64_t *times = calloc(capacity, sizeof(*times));
    if (times == NULL) {
        return false;
    }
    size_t kept = governor->count < capacity ? governor->count : capacity;
    for (size_t i = 0; i < kept; i++) {
        times[i] = *governor_time_at(governor, governor->count - kept + i);
    }
    free(governor->times);
    governor->times = times;
    governor->capacity = capacity;
    governor->first = 0;
    governor->count = kept;
    return true;
}

bool governor_configure(struct governor *governor, const struct governor_rate *rates, unsigned count, unsigned max_in_flight) {
    if (count > GOVERNOR_RATES_MAX) {
        return false;
    }
    uint64_t capacity = REMEMBERED_MIN;
    for (unsigned i = 0; i < count; i++) {
        if (rates[i].limit < 1 || rates[i].interval_ms < 1 || rates[i].interval_ms > GOVERNOR_INTERVAL_MAX_MS) {
            return false;
        }
        capacity = rates[i].limit > capacity ? rates[i].limit : capacity;
    }
    if (!governor_resize(governor, capacity < GOVERNOR_REMEMBERED_MAX ? (size_t)capacity : GOVERNOR_REMEMBERED_MAX)) {
        return false;
    }
    for (unsigned i = 0; i < count; i++) {
        governor->rates[i] = rates[i];
        if (rates[i].limit > GOVERNOR_REMEMBERED_MAX) {
            governor->rates[i].limit = GOVERNOR_REMEMBERED_MAX;
        }
    }
    governor->rate_count = count;
    governor->max_in_flight = max_in_flight;
    return true;
}

/* A time later than now says that the clock was set back. When it was sent is then unknown; now is the latest it can have been, so the wait is at most one
 * interval. */
static void forget_future(struct governor *governor, int64_t now_us) {
    for (size_t i = governor->count; i > 0 && *governor_time_at(governor, i - 1) > now_us; i--) {
        *governor_time_at(governor, i - 1) = now_us;
    }
}

/* --- may one leave --------------------------------------------------------------------------------------------------- */

/* When the limits that count let one leave; 0: at once. */
static int64_t counted_us(struct governor *governor, int64_t now_us) {
    int64_t free_at_us = governor_spent_until_us(governor, now_us);
    for (unsigned i = 0; i < governor->rate_count; i++) {
        const struct governor_rate *rate = &governor->rates[i];
        if (governor->count < rate->limit) {
            continue;
        }
        int64_t left_us = *governor_time_at(governor, governor->count - (size_t)rate->limit) + rate->interval_ms * 1000 + 1;
        free_at_us = left_us > free_at_us ? left_us : free_at_us;
    }
    if (governor->pace.gap_us > 0 && governor->count > 0) {
        int64_t next_us = *governor_time_at(governor, governor->count - 1) + governor->pace.gap_us;
        free_at_us = next_us > free_at_us ? next_us : free_at_us;
    }
    return free_at_us;
}

int64_t governor_wait_us(struct governor *governor, int64_t now_us) {
    forget_future(governor, now_us);
    unsigned most = governor_concurrency(governor);
    if ((most != 0 && governor->in_flight >= most) || (governor->opened > 0 && governor->in_flight > 0)) {
        return INT64_MAX;
    }
    int64_t counted = counted_us(governor, now_us), free_at_us = governor->paused_until_us;
    if (governor->allowed_until_us <= now_us || governor->allowed_until_us - now_us > ALLOWED_MAX_US) {
        governor->allowed_until_us = 0;
    } else if (governor->allowed == 0) {
        counted = governor->allowed_until_us > counted ? governor->allowed_until_us : counted;
    }
    governor->by_pause = free_at_us >= counted;
    free_at_us = counted > free_at_us ? counted : free_at_us;
    return free_at_us > now_us ? free_at_us - now_us : 0;
}

const char *governor_wait_reason(const struct governor *governor) {
    return governor->by_pause && governor->reason[0] != '\0' ? governor->reason : "api_budget";
}

bool governor_rate_state(const struct governor *governor, unsigned rate, int64_t now_us, uint64_t *used, int64_t *next_us) {
    if (rate >= governor->rate_count) {
        return false;
    }
    int64_t interval_us = governor->rates[rate].interval_ms * 1000;
    *used = governor_remembered_since(governor, now_us - interval_us);
    *next_us = *used > 0 ? *governor_time_at(governor, governor->count - (size_t)*used) + interval_us : 0;
    return true;
}

void governor_remember(struct governor *governor, int64_t sent_us) {
    if (governor->count == governor->capacity) {
        governor->first = (governor->first + 1) % governor->capacity;
        governor->count--;
    }
    *governor_time_at(governor, governor->count) = sent_us;
    governor->count++;
}

uint64_t governor_remembered_since(const struct governor *governor, int64_t begin_us) {
    uint64_t count = 0;
    while (count < governor->count && *governor_time_at(governor, governor->count - 1 - (size_t)count) >= begin_us) {
        count++;
    }
    return count;
}

void governor_sent(struct governor *governor, int64_t now_us) {
    forget_future(governor, now_us);
    governor_remember(governor, now_us);
    governor_window_sent(governor, now_us);
    governor->in_flight++;
    governor->allowed -= governor->allowed > 0;
}

unsigned governor_in_flight(const struct governor *governor) {
    return governor->in_flight;
}

void governor_recall(struct governor *governor, const int64_t *sent_us, size_t count) {
    size_t known = governor->count, room = governor->capacity - known;
    size_t first = count > room ? count - room : 0;
    int64_t *all = calloc(known + 1, sizeof(*all));
    if (all == NULL) {
        return;
    }
    for (size_t i = 0; i < known; i++) {
        all[i] = *governor_time_at(governor, i);
    }
    governor->count = 0;
    for (size_t i = first; i < count; i++) {
        governor_remember(governor, known > 0 && sent_us[i] > all[0] ? all[0] : sent_us[i]);
    }
    for (size_t i = 0; i < known; i++) {
        governor_remember(governor, all[i]);
    }
    free(all);
}

/* --- what answers teach ----------------------------------------------------------------------------------------------- */

void governor_adapt(struct governor *governor, unsigned initial) {
    if (governor->initial == 0 && !(governor->concurrency > 0)) {
        governor->concurrency = initial;
    }
    governor->initial = initial;
    if (governor->max_in_flight > 0 && governor->concurrency > governor->max_in_flight) {
        governor->concurrency = governor->max_in_flight;
    }
    if (governor->concurrency < 1) {
        governor->concurrency = 1;
    }
}

unsigned governor_concurrency(const struct governor *governor) {
    return governor->initial == 0 ? governor->max_in_flight : (unsigned)(governor->concurrency + 0.5);
}

void governor_succeeded(struct governor *governor, int64_t now_us) {
    pace_succeeded(&governor->pace, now_us);
    /* Not far beyond what is really in flight: else a failure would be felt late. */
    if (governor->initial == 0 || governor->concurrency >= governor->max_in_flight ||
        governor->concurrency >= (double)governor->in_flight + governor->initial) {
        return;
    }
    governor->success += 1 / governor->concurrency;
    if (governor->success > 1 - 1e-9) {
        governor->concurrency++;
        governor->success = governor->failure = 0;
    }
}

void governor_failed(struct governor *governor) {
    if (governor->initial == 0) {
        return;
    }
    governor->failure -= 1 / governor->concurrency;
    if (governor->failure < 0) {
        governor->concurrency -= governor->concurrency > 1;
        governor->failure++;
        governor->success = 0;
    }
}

bool governor_refused(struct governor *governor, int64_t sent_us, int64_t now_us) {
    governor_failed(governor);
    return pace_refused(&governor->pace, sent_us, now_us);
}

unsigned governor_refusals(const struct governor *governor) {
    return governor->pace.row;
}

void governor_spread(struct governor *governor, int64_t floor_us) {
    governor->pace.floor_us = floor_us;
}

int64_t governor_gap_us(const struct governor *governor) {
    return governor->pace.gap_us;
}

void governor_breaker(struct governor *governor, unsigned failures, int64_t reset_ms) {
    governor->breaker_failures = failures;
    governor->breaker_reset_ms = reset_ms;
    if (failures == 0) {
        (void)governor_reachable(governor);
    }
}

bool governor_unreachable(struct governor *governor, int64_t now_us) {
    bool was = governor->opened > 0;
    if (governor->breaker_failures == 0 || (was && governor->paused_until_us > now_us)) {
        return false; /* it left before the breaker opened */
    }
    governor->failures++;
    if (governor->failures < governor->breaker_failures && !was) {
        return false;
    }
    int64_t wait_ms = governor->breaker_reset_ms;
    for (unsigned i = 0; i < governor->opened && wait_ms < BREAKER_MAX_MS; i++) {
        wait_ms *= 2;
    }
    governor->opened++;
    governor_pause(governor, now_us + (wait_ms < BREAKER_MAX_MS ? wait_ms : BREAKER_MAX_MS) * 1000, DEAD);
    return !was;
}

bool governor_reachable(struct governor *governor) {
    bool was = governor->opened > 0;
    governor->failures = governor->opened = 0;
    if (was && strcmp(governor->reason, DEAD) == 0) {
        governor_resume(governor);
    }
    return was;
}

bool governor_dead(const struct governor *governor) {
    return governor->opened > 0;
}

/* --- pauses ------------------------------------------------------------------------------------------------------------- */

void governor_done(struct governor *governor) {
    if (governor->in_flight > 0) {
        governor->in_flight--;
    }
}

void governor_allow(struct governor *governor, uint64_t remaining, int64_t now_us, int64_t until_us) {
    uint64_t others = governor->in_flight > 0 ? governor->in_flight - 1 : 0, allowed = remaining > others ? remaining - others : 0;
    bool same =
        governor->allowed_until_us > now_us && until_us - governor->allowed_until_us < SAME_SPAN_US &&
        (remaining < governor->told || (others > 0 && remaining <= governor->told + others)); /* more are left than overtaken answers explain: counted anew */
    if (same && governor->allowed < allowed) {
        allowed = governor->allowed;
    }
    governor->told = remaining;
    governor->allowed = allowed;
    governor->allowed_until_us = same && governor->allowed_until_us > until_us ? governor->allowed_until_us : until_us;
    if (remaining == 0) {
        governor_pause(governor, until_us, "ratelimit");
    }
}

void governor_pause(struct governor *governor, int64_t until_us, const char *reason) {
    if (until_us <= governor->paused_until_us) {
        return;
    }
    if (governor->pace.row > 0) { /* for a refusal; what is waited already counts once */
        int64_t from_us = governor->paused_until_us > governor->pace.learned_us ? governor->paused_until_us : governor->pace.learned_us;
        pace_waited(&governor->pace, until_us > from_us && until_us - from_us < ALLOWED_MAX_US ? until_us - from_us : 0);
    }
    governor->paused_until_us = until_us;
    size_t length = strnlen(reason, GOVERNOR_REASON_SIZE - 1);
    memset(governor->reason, 0, sizeof(governor->reason));
    memcpy(governor->reason, reason, length);
}

void governor_resume(struct governor *governor) {
    governor->paused_until_us = 0;
    memset(governor->reason, 0, sizeof(governor->reason));
}

int64_t governor_paused_until_us(const struct governor *governor, const char **reason) {
    if (reason != NULL) {
        *reason = governor->reason;
    }
    return governor->paused_until_us;
}
