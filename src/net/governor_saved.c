// SPDX-License-Identifier: Apache-2.0
#include "net/governor_internal.h"

#include <string.h>

/* Saved form, little-endian: magic, paused until (8 bytes), reason (48), gap (8), concurrency in thousandths (4), failures to connect (2), times that the
 * breaker opened (2), windows (4); of each window period (8), zone (64), begin (8), end (8), used (8), at its edge (8); count remembered (4), count kept (4),
 * the kept times (8 each). */
#define SAVED_MAGIC UINT64_C(0x32766f6773627362) /* "bsbsgov2" */
#define SAVED_HEAD_BYTES (8 + 8 + GOVERNOR_REASON_SIZE + 8 + 4 + 2 + 2 + 4)
#define SAVED_WINDOW_BYTES (8 + ZONE_NAME_SIZE + 8 + 8 + 8 + 8)
#define SAVED_LEAST_ROOM 1024u

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
    if (longest_us == 0) {
        return 0;
    }
    while (counting < governor->count &&
           *governor_time_at(governor, governor->count - 1) - *governor_time_at(governor, governor->count - 1 - counting) <= longest_us) {
        counting++;
    }
    return counting;
}

static unsigned char *put_window(unsigned char *at, const struct window *window) {
    at = put_le(at, (uint64_t)window->period_ms, 8);
    memcpy(at, window->zone, ZONE_NAME_SIZE);
    at = put_le(at + ZONE_NAME_SIZE, (uint64_t)window->begin_us, 8);
    at = put_le(at, (uint64_t)window->end_us, 8);
    at = put_le(at, window->used, 8);
    return put_le(at, window->edge, 8);
}

size_t governor_save(const struct governor *governor, void *blob, size_t room) {
    if (room < SAVED_LEAST_ROOM) {
        return 0;
    }
    size_t counting = still_counting(governor);
    size_t most = (room - SAVED_HEAD_BYTES - governor->window_count * SAVED_WINDOW_BYTES - 8) / 8;
    size_t kept = counting < most ? counting : most;
    unsigned char *at = put_le(blob, SAVED_MAGIC, 8);
    at = put_le(at, (uint64_t)governor->paused_until_us, 8);
    memcpy(at, governor->reason, GOVERNOR_REASON_SIZE);
    at = put_le(at + GOVERNOR_REASON_SIZE, (uint64_t)governor->pace.gap_us, 8);
    at = put_le(at, (uint64_t)(governor->concurrency * 1000), 4);
    at = put_le(at, governor->failures < UINT16_MAX ? governor->failures : UINT16_MAX, 2);
    at = put_le(at, governor->opened < UINT16_MAX ? governor->opened : UINT16_MAX, 2);
    at = put_le(at, governor->window_count, 4);
    for (unsigned i = 0; i < governor->window_count; i++) {
        at = put_window(at, &governor->windows[i]);
    }
    at = put_le(at, counting, 4);
    at = put_le(at, kept, 4);
    for (size_t i = governor->count - kept; i < governor->count; i++) {
        at = put_le(at, (uint64_t)*governor_time_at(governor, i), 8);
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

static bool get_window(const unsigned char **at, struct window *window) {
    memset(window, 0, sizeof(*window));
    window->period_ms = (int64_t)get_le(at, 8);
    memcpy(window->zone, *at, ZONE_NAME_SIZE);
    *at += ZONE_NAME_SIZE;
    window->begin_us = (int64_t)get_le(at, 8);
    window->end_us = (int64_t)get_le(at, 8);
    window->used = get_le(at, 8);
    window->edge = get_le(at, 8);
    window->limit = UINT64_MAX; /* until it is configured */
    return window->period_ms > 0 && window->period_ms <= GOVERNOR_INTERVAL_MAX_MS &&
           (window->period_ms <= GOVERNOR_DAY_MS || window->period_ms % GOVERNOR_DAY_MS == 0) && memchr(window->zone, 0, ZONE_NAME_SIZE) != NULL &&
           window->begin_us >= 0 && window->begin_us < window->end_us && window->end_us < INT64_MAX / 2 && window->edge <= window->used;
}

bool governor_load(struct governor *governor, const void *blob, size_t length) {
    const unsigned char *at = blob, *end = at + length;
    struct window windows[GOVERNOR_WINDOWS_MAX];
    if (length < SAVED_HEAD_BYTES + 8 || get_le(&at, 8) != SAVED_MAGIC) {
        return false;
    }
    int64_t paused_until_us = (int64_t)get_le(&at, 8);
    const char *reason = (const char *)at;
    at += GOVERNOR_REASON_SIZE;
    int64_t gap_us = (int64_t)get_le(&at, 8);
    double concurrency = (double)get_le(&at, 4) / 1000;
    unsigned failures = (unsigned)get_le(&at, 2), opened = (unsigned)get_le(&at, 2), window_count = (unsigned)get_le(&at, 4);
    if (window_count > GOVERNOR_WINDOWS_MAX || (size_t)(end - at) < window_count * SAVED_WINDOW_BYTES + 8) {
        return false;
    }
    for (unsigned i = 0; i < window_count; i++) {
        if (!get_window(&at, &windows[i])) {
            return false;
        }
    }
    size_t remembered = (size_t)get_le(&at, 4), kept = (size_t)get_le(&at, 4);
    if (paused_until_us < 0 || gap_us < 0 || memchr(reason, 0, GOVERNOR_REASON_SIZE) == NULL || remembered > GOVERNOR_REMEMBERED_MAX || kept > remembered ||
        (kept == 0) != (remembered == 0) || (size_t)(end - at) != kept * 8 || !times_valid(at, kept)) {
        return false;
    }
    if (remembered > governor->capacity && !governor_resize(governor, remembered)) {
        return false;
    }
    governor->paused_until_us = paused_until_us;
    memcpy(governor->reason, reason, GOVERNOR_REASON_SIZE);
    governor->pace.gap_us = gap_us;
    governor->concurrency = concurrency;
    governor->failures = failures;
    governor->opened = opened;
    memcpy(governor->windows, windows, window_count * sizeof(*windows));
    governor->window_count = window_count;
    governor->count = 0;
    for (size_t i = kept; i < remembered; i++) {
        const unsigned char *oldest = at;
        governor_remember(governor, (int64_t)get_le(&oldest, 8));
    }
    for (size_t i = 0; i < kept; i++) {
        governor_remember(governor, (int64_t)get_le(&at, 8));
    }
    return true;
}
