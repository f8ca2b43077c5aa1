// SPDX-License-Identifier: Apache-2.0
#include "net/governor.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define T0 INT64_C(1795453501000000)
#define SENDS_MAX 4000

/* A small generator of its own, so that a failure can be repeated. */
static uint64_t draw(uint64_t *seed) {
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return *seed;
}

struct run {
    int64_t sent_us[SENDS_MAX];
    size_t count;
};

/* The definition itself, without any cleverness: from every send on, count what lies within the interval. */
static void check_windows(const struct run *run, const struct governor_rate *rates, unsigned rate_count) {
    for (unsigned r = 0; r < rate_count; r++) {
        for (size_t i = 0; i < run->count; i++) {
            uint64_t inside = 0;
            for (size_t j = i; j < run->count && run->sent_us[j] - run->sent_us[i] <= rates[r].interval_ms * 1000; j++) {
                inside++;
            }
            assert_true(inside <= rates[r].limit);
        }
    }
}

/* Send as soon as allowed, but for pauses of up to idle_us, until `span_us` is over. */
static void drive(struct governor *governor, struct run *run, int64_t span_us, int64_t idle_us, uint64_t seed) {
    int64_t now_us = T0;
    run->count = 0;
    while (now_us < T0 + span_us && run->count < SENDS_MAX) {
        int64_t wait_us = governor_wait_us(governor, now_us);
        if (wait_us > 0) {
            if (wait_us > 1) {
                assert_true(governor_wait_us(governor, now_us + wait_us - 1) > 0); /* not a microsecond too long */
            }
            now_us += wait_us;
            continue;
        }
        governor_sent(governor, now_us);
        governor_done(governor);
        run->sent_us[run->count++] = now_us;
        now_us += idle_us > 0 ? (int64_t)(draw(&seed) % (uint64_t)idle_us) : 0;
    }
}

static void test_windows_hold_and_are_filled(void **state) {
    (void)state;
    static struct run run;
    static const struct governor_rate one[] = {{60, 60000}};
    struct governor *governor = governor_new();
    assert_int_equal(governor_wait_us(governor, T0), 0);
    assert_true(governor_configure(governor, one, 1, 0));
    drive(governor, &run, INT64_C(600) * 1000000, 0, 1);
    check_windows(&run, one, 1);
    assert_int_equal(run.count, 600);
    governor_free(governor);
}

static void test_many_windows_at_random(void **state) {
    (void)state;
    static struct run run;
    uint64_t seed = 42;
    for (int round = 0; round < 60; round++) {
        struct governor_rate rates[3];
        unsigned count = 1 + (unsigned)(draw(&seed) % 3);
        for (unsigned i = 0; i < count; i++) {
            rates[i] = (struct governor_rate){1 + draw(&seed) % 40, 1 + (int64_t)(draw(&seed) % 3000)};
        }
        struct governor *governor = governor_new();
        assert_true(governor_configure(governor, rates, count, 0));
        drive(governor, &run, INT64_C(20) * 1000000, round % 2 == 0 ? 0 : 1 + (int64_t)(draw(&seed) % 100000), draw(&seed));
        check_windows(&run, rates, count);
        if (round % 2 == 0 && count == 1 && run.count < SENDS_MAX) {
            assert_true(run.count >= rates[0].limit * (uint64_t)(20000 / (rates[0].interval_ms + 1)));
        }
        governor_free(governor);
    }
}

static void test_concurrency(void **state) {
    (void)state;
    struct governor *governor = governor_new();
    assert_true(governor_configure(governor, NULL, 0, 2));
    governor_sent(governor, T0);
    assert_int_equal(governor_wait_us(governor, T0), 0);
    governor_sent(governor, T0);
    assert_int_equal(governor_wait_us(governor, T0), INT64_MAX);
    governor_done(governor);
    assert_int_equal(governor_wait_us(governor, T0), 0);
    governor_done(governor);
    governor_done(governor); /* one too many changes nothing */
    governor_sent(governor, T0);
    assert_int_equal(governor_wait_us(governor, T0), 0);
    governor_free(governor);
}

static void test_pause(void **state) {
    (void)state;
    struct governor *governor = governor_new();
    const char *reason = NULL;
    assert_int_equal(governor_paused_until_us(governor, &reason), 0);
    assert_string_equal(reason, "");
    governor_pause(governor, T0 + 100, "Retry-After");
    governor_pause(governor, T0 + 50, "shorter");
    assert_int_equal(governor_wait_us(governor, T0), 100);
    assert_int_equal(governor_wait_us(governor, T0 + 99), 1);
    assert_int_equal(governor_wait_us(governor, T0 + 100), 0);
    assert_int_equal(governor_paused_until_us(governor, &reason), T0 + 100);
    assert_string_equal(reason, "Retry-After");
    governor_pause(governor, INT64_MAX, "a reason that is much longer than what can be kept of one, so it is cut");
    assert_int_equal(governor_paused_until_us(governor, &reason), INT64_MAX);
    assert_int_equal(strlen(reason), 47);
    governor_resume(governor);
    assert_int_equal(governor_wait_us(governor, T0), 0);
    assert_int_equal(governor_paused_until_us(governor, NULL), 0);
    governor_free(governor);
}

static void test_new_limits_remember(void **state) {
    (void)state;
    struct governor *governor = governor_new();
    for (int i = 0; i < 500; i++) {
        governor_sent(governor, T0 + i);
    }
    static const struct governor_rate narrow[] = {{10, 1000}}, wide[] = {{500, 1000}}, huge[] = {{UINT64_MAX, 1000}};
    assert_true(governor_configure(governor, narrow, 1, 0));
    assert_int_equal(governor_wait_us(governor, T0 + 500), 490 + 1000000 + 1 - 500);
    assert_true(governor_configure(governor, wide, 1, 0));
    assert_int_equal(governor_wait_us(governor, T0 + 500), 1000000 + 1 - 500);
    assert_true(governor_configure(governor, huge, 1, 0));
    assert_int_equal(governor_wait_us(governor, T0 + 500), 0);
    for (int i = 500; i < 100000; i++) {
        assert_int_equal(governor_wait_us(governor, T0 + 500), 0);
        governor_sent(governor, T0 + 500);
    }
    assert_int_equal(governor_wait_us(governor, T0 + 500), 1000000 + 1 - 500);
    static const struct governor_rate none[] = {{0, 1000}}, instant[] = {{1, 0}}, endless[] = {{1, INT64_MAX}}, ten[10] = {{1, 1}};
    assert_false(governor_configure(governor, none, 1, 0));
    assert_false(governor_configure(governor, instant, 1, 0));
    assert_false(governor_configure(governor, endless, 1, 0));
    assert_false(governor_configure(governor, ten, 10, 0));
    assert_int_equal(governor_wait_us(governor, T0 + 500), 1000000 + 1 - 500);
    governor_free(governor);
}

static void test_clock_jumps(void **state) {
    (void)state;
    static const struct governor_rate rates[] = {{3, 1000}};
    const int64_t day_us = INT64_C(86400) * 1000000, interval_us = 1000000;
    struct governor *governor = governor_new();
    assert_true(governor_configure(governor, rates, 1, 0));
    for (int i = 0; i < 3; i++) {
        governor_sent(governor, T0 + i);
    }
    assert_int_equal(governor_wait_us(governor, T0 - day_us), interval_us + 1);
    assert_int_equal(governor_wait_us(governor, T0 - day_us + interval_us), 1); /* the wait goes by, it does not start again */
    assert_int_equal(governor_wait_us(governor, T0 - day_us + interval_us + 1), 0);
    governor_sent(governor, T0 + day_us);
    governor_sent(governor, T0 - day_us);
    governor_sent(governor, T0 - day_us + 5);
    assert_int_equal(governor_wait_us(governor, T0 - day_us + 6), interval_us + 1 - 6);
    assert_int_equal(governor_wait_us(governor, T0 + day_us), 0);

    /* Whatever the clock does, a wait is never longer than one interval, and asking again after it is always answered with 0. */
    uint64_t seed = 7;
    int64_t now_us = T0;
    for (int i = 0; i < 5000; i++) {
        if (draw(&seed) % 20 == 0) {
            now_us += (int64_t)(draw(&seed) % (uint64_t)(4 * day_us)) - 2 * day_us;
        }
        int64_t wait_us = governor_wait_us(governor, now_us);
        assert_in_range(wait_us, 0, interval_us + 1);
        now_us += wait_us;
        assert_int_equal(governor_wait_us(governor, now_us), 0);
        governor_sent(governor, now_us);
        governor_done(governor);
    }
    governor_free(governor);
}

static void test_save_and_load(void **state) {
    (void)state;
    static const struct governor_rate rates[] = {{60, 60000}, {5, 1000}};
    static char blob[65536];
    struct governor *before = governor_new(), *after = governor_new();
    assert_true(governor_configure(before, rates, 2, 0));
    int64_t now_us = T0;
    for (int i = 0; i < 60; i++) {
        now_us += governor_wait_us(before, now_us);
        governor_sent(before, now_us);
    }
    governor_pause(before, now_us + 77, "token expired");
    size_t length = governor_save(before, blob, sizeof(blob));
    assert_in_range(length, 60 * 8, 60 * 8 + 100);
    assert_true(governor_load(after, blob, length));
    assert_true(governor_configure(after, rates, 2, 1));
    const char *reason = NULL;
    assert_int_equal(governor_paused_until_us(after, &reason), now_us + 77);
    assert_string_equal(reason, "token expired");
    for (int64_t at_us = now_us; at_us < now_us + 61000000; at_us += 333333) {
        assert_int_equal(governor_wait_us(after, at_us), governor_wait_us(before, at_us)); /* nothing was in flight after a restart */
    }
    governor_free(before);
    governor_free(after);
}

static void test_save_with_little_room_stays_safe(void **state) {
    (void)state;
    static const struct governor_rate rates[] = {{20000, 60000}};
    static char blob[65536];
    struct governor *before = governor_new(), *after = governor_new();
    assert_true(governor_configure(before, rates, 1, 0));
    for (int i = 0; i < 20000; i++) {
        governor_sent(before, T0 + i);
    }
    size_t length = governor_save(before, blob, sizeof(blob));
    assert_in_range(length, 8000 * 8, sizeof(blob));
    assert_true(governor_load(after, blob, length));
    assert_true(governor_configure(after, rates, 1, 0));
    assert_int_equal(governor_wait_us(before, T0 + 20000), 60000001 - 20000);
    int64_t wait_us = governor_wait_us(after, T0 + 20000);
    assert_in_range(wait_us, 60000001 - 20000, 60000001);
    assert_int_equal(governor_save(before, blob, 1023), 0);
    governor_free(before);
    governor_free(after);
}

static void test_load_refuses_what_is_not_ours(void **state) {
    (void)state;
    static const struct governor_rate rates[] = {{2, 1000}};
    char blob[1024], bad[1024];
    struct governor *governor = governor_new();
    assert_true(governor_configure(governor, rates, 1, 0));
    governor_sent(governor, T0);
    governor_sent(governor, T0 + 1);
    size_t length = governor_save(governor, blob, sizeof(blob));
    for (size_t cut = 0; cut < length; cut++) {
        assert_false(governor_load(governor, blob, cut));
    }
    assert_false(governor_load(governor, blob, length + 1));
    memcpy(bad, blob, length);
    bad[0] ^= 1;
    assert_false(governor_load(governor, bad, length));
    memcpy(bad, blob, length);
    bad[length - 8] = 0; /* the times no longer rise */
    bad[length - 7] = 0;
    assert_false(governor_load(governor, bad, length));
    assert_int_equal(governor_wait_us(governor, T0 + 1), 1000000);
    assert_true(governor_load(governor, blob, length));
    assert_int_equal(governor_wait_us(governor, T0 + 1), 1000000);
    governor_free(governor);
}

/* What the source says of itself. */
static void test_allowed(void **state) {
    (void)state;
    struct governor *governor = governor_new();
    int64_t now_us = T0;
    governor_sent(governor, now_us);
    governor_allow(governor, 2, now_us, now_us + 10000000);
    governor_done(governor);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(governor_wait_us(governor, now_us), 0);
        governor_sent(governor, now_us);
        governor_done(governor);
    }
    assert_int_equal(governor_wait_us(governor, now_us), 10000000);
    assert_int_equal(governor_wait_us(governor, now_us + 10000000), 0);
    governor_sent(governor, now_us + 10000000);
    governor_allow(governor, 0, now_us + 10000000, now_us + 12000000);
    const char *reason;
    assert_int_equal(governor_paused_until_us(governor, &reason), now_us + 12000000);
    assert_string_equal(reason, "ratelimit");
    governor_free(governor);
}

/* Others in flight may not be counted in it yet. */
static void test_allowed_with_others_in_flight(void **state) {
    (void)state;
    struct governor *governor = governor_new();
    for (int i = 0; i < 4; i++) {
        governor_sent(governor, T0);
    }
    governor_allow(governor, 4, T0, T0 + 10000000);
    assert_int_equal(governor_wait_us(governor, T0), 0);
    governor_sent(governor, T0);
    assert_true(governor_wait_us(governor, T0) > 0);
    governor_free(governor);
}

/* A window that slides says "50 left, in 3,000 s" for ever: that is no reason to stop. */
static void test_allowed_by_a_sliding_window(void **state) {
    (void)state;
    struct governor *governor = governor_new();
    for (int64_t now_us = T0; now_us < T0 + 100000000; now_us += 200000) {
        assert_int_equal(governor_wait_us(governor, now_us), 0);
        governor_sent(governor, now_us);
        governor_allow(governor, 50, now_us, now_us + INT64_C(3000000000));
        governor_done(governor);
    }
    governor_free(governor);
}

/* 2026-03-08 and 2026-11-01: a day of 23 hours and one of 25 in Los Angeles; midnights there are 08:00 and 07:00 UTC. */
#define UTC(day, hour) ((INT64_C(20454) + (day)) * 86400 + INT64_C(3600) * (hour)) /* day 0 is 2026-01-01 */
#define US(seconds) ((seconds)*INT64_C(1000000))
#define SPRING 66
#define AUTUMN 304

static void spend(struct governor *governor, int64_t now_us, unsigned count) {
    for (unsigned i = 0; i < count; i++) {
        assert_int_equal(governor_wait_us(governor, now_us), 0);
        governor_sent(governor, now_us);
        governor_done(governor);
    }
}

static void test_days(void **state) {
    (void)state;
    static const struct governor_window day[] = {{3, 86400000, "America/Los_Angeles"}};
    struct governor *governor = governor_new();
    const int64_t before = US(UTC(SPRING, 7)) + 1, begins = US(UTC(SPRING, 8)), ends = US(UTC(SPRING + 1, 7));
    assert_true(governor_configure_windows(governor, day, 1, before));
    assert_int_equal(governor_spent_until_us(governor, before), 0);
    spend(governor, before, 3);
    assert_int_equal(governor_wait_us(governor, before), begins - before);
    assert_string_equal(governor_wait_reason(governor), "api_budget");
    assert_int_equal(governor_spent_until_us(governor, before), begins);
    assert_int_equal(governor_wait_us(governor, begins - 1), 1);
    spend(governor, begins, 3);
    assert_int_equal(governor_wait_us(governor, begins), INT64_C(23) * 3600 * 1000000); /* the clock was put forward */
    spend(governor, ends, 3);
    assert_int_equal(governor_wait_us(governor, ends), INT64_C(24) * 3600 * 1000000);
    /* A clock that goes back makes no new day of a spent one. */
    assert_int_equal(governor_wait_us(governor, ends - 5), 5);
    spend(governor, US(UTC(AUTUMN, 7)), 3);
    assert_int_equal(governor_wait_us(governor, US(UTC(AUTUMN, 7))), INT64_C(25) * 3600 * 1000000);
    governor_free(governor);
}

static void test_short_and_long_windows(void **state) {
    (void)state;
    static const struct governor_window minute[] = {{2, 60000, "UTC"}}, week[] = {{2, 7 * 86400000, "UTC"}},
                                        hours[] = {{1, 6 * 3600000, "America/Los_Angeles"}};
    static const struct governor_window odd[] = {{1, 86400000 + 1, "UTC"}}, none[] = {{0, 1000, "UTC"}};
    struct governor *governor = governor_new();
    const int64_t now = US(UTC(10, 5)) + 12345678; /* a Sunday */
    assert_true(governor_configure_windows(governor, minute, 1, now));
    spend(governor, now, 2);
    assert_int_equal(governor_wait_us(governor, now), 60000000 - 12345678);
    assert_true(governor_configure_windows(governor, week, 1, now)); /* counted from what is remembered */
    assert_int_equal(governor_wait_us(governor, now), US(UTC(11, 0)) - now);
    assert_int_equal(governor_wait_us(governor, US(UTC(11, 0))), 0);
    spend(governor, US(UTC(11, 0)), 2);
    assert_int_equal(governor_wait_us(governor, US(UTC(17, 23))), 3600000000);
    /* The last one of a day of 23 hours is shorter: midnight begins another. */
    const int64_t evening = US(UTC(SPRING + 1, 6));
    assert_true(governor_configure_windows(governor, hours, 1, evening));
    spend(governor, evening, 1);
    assert_int_equal(governor_wait_us(governor, evening), 3600000000);
    assert_false(governor_configure_windows(governor, odd, 1, now));
    assert_false(governor_configure_windows(governor, none, 1, now));
    assert_int_equal(governor_wait_us(governor, evening), 3600000000);
    governor_free(governor);
}

static void test_window_changes(void **state) {
    (void)state;
    static const struct governor_window five[] = {{5, 86400000, "UTC"}}, seven[] = {{7, 86400000, "UTC"}};
    static char blob[4096];
    struct governor *governor = governor_new(), *after = governor_new();
    const int64_t now = US(UTC(3, 1));
    assert_true(governor_configure_windows(governor, five, 1, now));
    spend(governor, now, 5);
    assert_true(governor_wait_us(governor, now) > 0);
    assert_true(governor_configure_windows(governor, seven, 1, now));
    spend(governor, now, 2);
    assert_int_equal(governor_spent_until_us(governor, now), US(UTC(4, 0)));
    size_t length = governor_save(governor, blob, sizeof(blob));
    assert_true(governor_load(after, blob, length));
    assert_true(governor_configure_windows(after, seven, 1, now));
    assert_int_equal(governor_wait_us(after, now), US(UTC(4, 0)) - now);
    for (size_t cut = 0; cut < length; cut++) {
        assert_false(governor_load(after, blob, cut));
    }
    governor_counted(after, 0, 6); /* less than is known */
    assert_true(governor_wait_us(after, now) > 0);
    /* What leaves at the very end may arrive behind it. */
    spend(after, US(UTC(5, 0)) - 1000, 3);
    struct governor_window_state w;
    assert_true(governor_window_state(after, 0, US(UTC(5, 0)), &w));
    assert_int_equal(w.used, 3);
    assert_false(governor_window_state(after, 1, now, &w));
    governor_free(governor);
    governor_free(after);
}

static void test_recall(void **state) {
    (void)state;
    static const struct governor_rate rates[] = {{4, 10000}};
    static const int64_t past[] = {T0 - 20000000, T0 - 3000000, T0 - 2000000, T0 - 1000000};
    struct governor *governor = governor_new();
    assert_true(governor_configure(governor, rates, 1, 0));
    governor_recall(governor, past, 4);
    assert_int_equal(governor_wait_us(governor, T0), 0);
    spend(governor, T0, 1);
    assert_int_equal(governor_wait_us(governor, T0), 10000000 - 3000000 + 1);
    uint64_t used;
    int64_t next_us;
    assert_true(governor_rate_state(governor, 0, T0, &used, &next_us));
    assert_int_equal(used, 4);
    assert_int_equal(next_us, T0 + 7000000);
    governor_free(governor);
}

/* As many as may be in flight come back, and others go out for them. */
static void cohort(struct governor *governor, bool good) {
    unsigned count = governor_concurrency(governor);
    for (unsigned i = 0; i < count; i++) {
        governor_sent(governor, T0);
    }
    for (unsigned i = 0; i < count; i++) {
        if (good) {
            governor_succeeded(governor, T0);
        } else {
            governor_failed(governor);
        }
        governor_done(governor);
        governor_sent(governor, T0);
    }
    while (governor_in_flight(governor) > 0) {
        governor_done(governor);
    }
}

static void test_concurrency_adapts(void **state) {
    (void)state;
    struct governor *governor = governor_new();
    assert_true(governor_configure(governor, NULL, 0, 6));
    assert_int_equal(governor_concurrency(governor), 6);
    governor_adapt(governor, 2);
    assert_int_equal(governor_concurrency(governor), 2);
    for (unsigned wanted = 3; wanted <= 6; wanted++) {
        cohort(governor, true); /* one more after each full turn */
        assert_int_equal(governor_concurrency(governor), wanted);
    }
    cohort(governor, true);
    assert_int_equal(governor_concurrency(governor), 6);
    governor_failed(governor);
    assert_int_equal(governor_concurrency(governor), 5);
    governor_failed(governor); /* the next few are of the same turn */
    governor_failed(governor);
    assert_int_equal(governor_concurrency(governor), 5);
    for (unsigned i = 0; i < 5; i++) {
        cohort(governor, false);
    }
    assert_int_equal(governor_concurrency(governor), 1);
    cohort(governor, true);
    assert_int_equal(governor_concurrency(governor), 2);
    /* One in flight is no reason for ever more. */
    for (unsigned i = 0; i < 100; i++) {
        governor_sent(governor, T0);
        governor_succeeded(governor, T0);
        governor_done(governor);
    }
    assert_int_equal(governor_concurrency(governor), 3);
    assert_true(governor_configure(governor, NULL, 0, 2));
    governor_adapt(governor, 2);
    assert_int_equal(governor_concurrency(governor), 2);
    governor_free(governor);
}

static void test_breaker(void **state) {
    (void)state;
    static char blob[1024];
    struct governor *governor = governor_new(), *after = governor_new();
    const char *reason;
    int64_t now_us = T0, wait_us = 60000000;
    governor_breaker(governor, 3, 60000);
    assert_false(governor_unreachable(governor, now_us));
    assert_false(governor_unreachable(governor, now_us));
    assert_false(governor_reachable(governor)); /* in a row */
    assert_false(governor_unreachable(governor, now_us));
    assert_false(governor_unreachable(governor, now_us));
    assert_false(governor_dead(governor));
    assert_true(governor_unreachable(governor, now_us));
    assert_true(governor_dead(governor));
    assert_false(governor_unreachable(governor, now_us + 1)); /* it left before */
    assert_int_equal(governor_paused_until_us(governor, &reason), now_us + wait_us);
    assert_string_equal(reason, "dead_host");
    for (unsigned i = 0; i < 10; i++) {
        now_us += wait_us;
        assert_int_equal(governor_wait_us(governor, now_us), 0);
        governor_sent(governor, now_us);
        assert_int_equal(governor_wait_us(governor, now_us), INT64_MAX); /* one tries */
        assert_false(governor_unreachable(governor, now_us));
        governor_done(governor);
        wait_us = 2 * wait_us < INT64_C(3600000000) ? 2 * wait_us : INT64_C(3600000000);
        assert_int_equal(governor_wait_us(governor, now_us), wait_us);
        assert_string_equal(governor_wait_reason(governor), "dead_host");
    }
    assert_true(governor_load(after, blob, governor_save(governor, blob, sizeof(blob))));
    governor_breaker(after, 3, 60000);
    assert_true(governor_dead(after));
    assert_int_equal(governor_wait_us(after, now_us), wait_us);
    assert_true(governor_reachable(after));
    assert_int_equal(governor_wait_us(after, now_us), 0);
    assert_false(governor_dead(after));
    /* A pause that somebody else asked for stays. */
    governor_pause(governor, now_us + 10 * wait_us, "retry_after");
    assert_true(governor_reachable(governor));
    assert_int_equal(governor_wait_us(governor, now_us), 10 * wait_us);
    /* Switched off. */
    governor_breaker(after, 0, 60000);
    for (unsigned i = 0; i < 100; i++) {
        assert_false(governor_unreachable(after, now_us));
    }
    assert_int_equal(governor_wait_us(after, now_us), 0);
    governor_free(governor);
    governor_free(after);
}

static void test_reason_is_the_last_one_to_end(void **state) {
    (void)state;
    static const struct governor_rate rates[] = {{1, 10000}};
    struct governor *governor = governor_new();
    assert_true(governor_configure(governor, rates, 1, 0));
    governor_pause(governor, T0 + 5, "retry_after");
    assert_int_equal(governor_wait_us(governor, T0), 5);
    assert_string_equal(governor_wait_reason(governor), "retry_after");
    governor_sent(governor, T0 + 5);
    assert_true(governor_wait_us(governor, T0 + 6) > 0);
    assert_string_equal(governor_wait_reason(governor), "api_budget");
    governor_free(governor);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_windows_hold_and_are_filled),
        cmocka_unit_test(test_days),
        cmocka_unit_test(test_short_and_long_windows),
        cmocka_unit_test(test_window_changes),
        cmocka_unit_test(test_recall),
        cmocka_unit_test(test_concurrency_adapts),
        cmocka_unit_test(test_breaker),
        cmocka_unit_test(test_reason_is_the_last_one_to_end),
        cmocka_unit_test(test_allowed),
        cmocka_unit_test(test_allowed_with_others_in_flight),
        cmocka_unit_test(test_allowed_by_a_sliding_window),
        cmocka_unit_test(test_many_windows_at_random),
        cmocka_unit_test(test_concurrency),
        cmocka_unit_test(test_pause),
        cmocka_unit_test(test_new_limits_remember),
        cmocka_unit_test(test_clock_jumps),
        cmocka_unit_test(test_save_and_load),
        cmocka_unit_test(test_save_with_little_room_stays_safe),
        cmocka_unit_test(test_load_refuses_what_is_not_ours),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
