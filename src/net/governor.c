// SPDX-License-Identifier: Apache-2.0
#include "net/governor.h"

#include <stdlib.h>
#include <string.h>

/*
 * The sending times of the newest requests, in a ring; they never decrease. A rate of n requests in an interval asks only one question: has the
 * nth newest left the window?
 */

#define RATES_MAX 8
#define REMEMBERED_MAX 100000u
#define REMEMBERED_MIN 1000u
#define INTERVAL_MAX_MS (INT64_C(100) * 366 * 86400 * 1000)
#define REASON_SIZE 48
#define ALLOWED_MAX_US (INT64_C(3601) * 1000000) /* no such word holds longer: the clock was set back */
#define SAME_SPAN_US 1500000                     /* whole seconds are told, and answers take their time */

/* Saved form, little-endian: magic, paused until (8 bytes), reason (48), count remembered (4), count kept (4), the kept times (8 each). */
#define SAVED_MAGIC UINT64_C(0x31766f6773627362) /* "bsbsgov1" */
#define SAVED_HEAD_BYTES (8 + 8 + REASON_SIZE + 4 + 4)
#define SAVED_LEAST_ROOM 256u

struct governor {
    int64_t *times;
    size_t capacity, first, count;
    struct governor_rate rates[RATES_MAX];
    unsigned rate_count, max_in_flight, in_flight;
    int64_t paused_until_us;
    char reason[REASON_SIZE];
    uint64_t told;    /* how many it said were left, last */
    uint64_t allowed; /* by the source itself, before allowed_until_us (0: it said nothing) */
    int64_t allowed_until_us;
};

/* index 0 is the oldest. */
static int64_t *time_at(const struct governor *governor, size_t index) {
    return &governor->times[(governor->first + index) % governor->capacity];
}

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

static bool resize(struct governor *governor, size_t capacity) {
    if (capacity == governor->capacity) {
        return true;
    }
    int64_t *times = calloc(capacity, sizeof(*times));
    if (times == NULL) {
        return false;
    }
    size_t kept = governor->count < capacity ? governor->count : capacity;
    for (size_t i = 0; i < kept; i++) {
        times[i] = *time_at(governor, governor->count - kept + i);
    }
    free(governor->times);
    governor->times = times;
    governor->capacity = capacity;
    governor->first = 0;
    governor->count = kept;
    return true;
}

bool governor_configure(struct governor *governor, const struct governor_rate *rates, unsigned count, unsigned max_in_flight) {
    if (count > RATES_MAX) {
        return false;
    }
    uint64_t capacity = REMEMBERED_MIN;
    for (unsigned i = 0; i < count; i++) {
        if (rates[i].limit < 1 || rates[i].interval_ms < 1 || rates[i].interval_ms > INTERVAL_MAX_MS) {
            return false;
        }
        capacity = rates[i].limit > capacity ? rates[i].limit : capacity;
    }
    if (!resize(governor, capacity < REMEMBERED_MAX ? (size_t)capacity : REMEMBERED_MAX)) {
        return false;
    }
    for (unsigned i = 0; i < count; i++) {
        governor->rates[i] = rates[i];
        if (rates[i].limit > REMEMBERED_MAX) {
            governor->rates[i].limit = REMEMBERED_MAX;
        }
    }
    governor->rate_count = count;
    governor->max_in_flight = max_in_flight;
    return true;
}

/* A time later than now says that the clock was set back. When it was sent is then unknown; now is the latest it can have been, so the wait is at most one
 * interval. */
static void forget_future(struct governor *governor, int64_t now_us) {
    for (size_t i = governor->count; i > 0 && *time_at(governor, i - 1) > now_us; i--) {
        *time_at(governor, i - 1) = now_us;
    }
}

int64_t governor_wait_us(struct governor *governor, int64_t now_us) {
    forget_future(governor, now_us);
    if (governor->max_in_flight != 0 && governor->in_flight >= governor->max_in_flight) {
        return INT64_MAX;
    }
    int64_t free_at_us = governor->paused_until_us;
    if (governor->allowed_until_us <= now_us || governor->allowed_until_us - now_us > ALLOWED_MAX_US) {
        governor->allowed_until_us = 0;
    } else if (governor->allowed == 0) {
        free_at_us = governor->allowed_until_us > free_at_us ? governor->allowed_until_us : free_at_us;
    }
    for (unsigned i = 0; i < governor->rate_count; i++) {
        const struct governor_rate *rate = &governor->rates[i];
        if (governor->count < rate->limit) {
            continue;
        }
        int64_t left_us = *time_at(governor, governor->count - (size_t)rate->limit) + rate->interval_ms * 1000 + 1;
        free_at_us = left_us > free_at_us ? left_us : free_at_us;
    }
    return free_at_us > now_us ? free_at_us - now_us : 0;
}

static void remember(struct governor *governor, int64_t sent_us) {
    if (governor->count == governor->capacity) {
        governor->first = (governor->first + 1) % governor->capacity;
        governor->count--;
    }
    *time_at(governor, governor->count) = sent_us;
    governor->count++;
}

void governor_sent(struct governor *governor, int64_t now_us) {
    forget_future(governor, now_us);
    remember(governor, now_us);
    governor->in_flight++;
    governor->allowed -= governor->allowed > 0;
}

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
    governor->paused_until_us = until_us;
    size_t length = strnlen(reason, REASON_SIZE - 1);
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

static unsigned char *put_le(unsigned char *at, uint64_t value, unsigned bytes) {
    for (unsigned i = 0; i < bytes; i++) {
        at[i] = (unsigned char)(value >> (8 * i));
    }
    return at + bytes;
}

static uint64_t get_le(const unsigned char **at, unsigned bytes) {
    uint64_t value = 0;
    for (unsigned i = 0; i < bytes; i++) {
        value |= (uint64_t)(*at)[i] << (8 * i);
    }
    *at += bytes;
    return value;
}

/* How many of the newest still lie in some window, seen from the newest: what is older says nothing any more. */
static size_t still_counting(const struct governor *governor) {
    int64_t longest_us = 0;
    for (unsigned i = 0; i < governor->rate_count; i++) {
        int64_t interval_us = governor->rates[i].interval_ms * 1000;
        longest_us = interval_us > longest_us ? interval_us : longest_us;
    }
    size_t counting = 0;
    while (counting < governor->count && *time_at(governor, governor->count - 1) - *time_at(governor, governor->count - 1 - counting) <= longest_us) {
        counting++;
    }
    return counting;
}

size_t governor_save(const struct governor *governor, void *blob, size_t room) {
    if (room < SAVED_LEAST_ROOM) {
        return 0;
    }
    size_t counting = still_counting(governor);
    size_t most = (room - SAVED_HEAD_BYTES) / 8;
    size_t kept = counting < most ? counting : most;
    unsigned char *at = put_le(blob, SAVED_MAGIC, 8);
    at = put_le(at, (uint64_t)governor->paused_until_us, 8);
    memcpy(at, governor->reason, REASON_SIZE);
    at = put_le(at + REASON_SIZE, counting, 4);
    at = put_le(at, kept, 4);
    for (size_t i = governor->count - kept; i < governor->count; i++) {
        at = put_le(at, (uint64_t)*time_at(governor, i), 8);
    }
    return (size_t)(at - (unsigned char *)blob);
}

/* The kept times must be possible ones, in order: anything else is not ours. */
static bool times_valid(const unsigned char *at, size_t kept) {
    int64_t before_us = 0;
    for (size_t i = 0; i < kept; i++) {
        int64_t sent_us = (int64_t)get_le(&at, 8);
        if (sent_us < before_us || sent_us > INT64_MAX / 2) {
            return false;
        }
        before_us = sent_us;
    }
    return true;
}

bool governor_load(struct governor *governor, const void *blob, size_t length) {
    const unsigned char *at = blob;
    if (length < SAVED_HEAD_BYTES || get_le(&at, 8) != SAVED_MAGIC) {
        return false;
    }
    int64_t paused_until_us = (int64_t)get_le(&at, 8);
    const char *reason = (const char *)at;
    at += REASON_SIZE;
    size_t remembered = (size_t)get_le(&at, 4), kept = (size_t)get_le(&at, 4);
    if (paused_until_us < 0 || memchr(reason, 0, REASON_SIZE) == NULL || remembered > REMEMBERED_MAX || kept > remembered || (kept == 0) != (remembered == 0) ||
        length - SAVED_HEAD_BYTES != kept * 8 || !times_valid(at, kept)) {
        return false;
    }
    if (remembered > governor->capacity && !resize(governor, remembered)) {
        return false;
    }
    governor->paused_until_us = paused_until_us;
    memcpy(governor->reason, reason, REASON_SIZE);
    governor->count = 0;
    for (size_t i = kept; i < remembered; i++) {
        const unsigned char *oldest = at;
        remember(governor, (int64_t)get_le(&oldest, 8));
    }
    for (size_t i = 0; i < kept; i++) {
        remember(governor, (int64_t)get_le(&at, 8));
    }
    return true;
}
