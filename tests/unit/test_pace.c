// SPDX-License-Identifier: Apache-2.0
#include "net/pace.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#define T0 INT64_C(1795453501000000)
#define SECOND INT64_C(1000000)

static uint64_t draw(uint64_t *seed) {
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return *seed;
}

/* Limiters of others: one request for each distance, with so many at once; or so many from one full window to the next. */
struct limiter {
    int64_t distance_us, window_us;
    double burst;
    unsigned limit;
    /* state */
    double level;
    int64_t last_us, window;
    unsigned used;
};

static bool lets_through(struct limiter *l, int64_t now_us) {
    if (l->window_us > 0) {
        l->used = now_us / l->window_us == l->window ? l->used : 0;
        l->window = now_us / l->window_us;
        return l->used < l->limit && ++l->used > 0;
    }
    double level = l->level - (double)(now_us - l->last_us) / (double)l->distance_us;
    level = level > 0 ? level : 0;
    if (level > l->burst + 1e-9)
        return false;
    l->level = level + 1;
    l->last_us = now_us;
    return true;
}

struct result {
    double refused, rate; /* shares of 1,000 */
};

/* One client that has always something to ask: requests arrive up to jitter_us late, a refusal makes it wait 2 s and longer each time. */
static struct result drive(struct limiter limiter, struct pace *pace, unsigned answers, int64_t jitter_us, double allowed_per_s) {
    uint64_t seed = 42;
    int64_t now_us = T0, arrived_us = T0;
    unsigned good = 0, refused = 0;
    while (good + refused < answers) {
        int64_t at_us = now_us + (jitter_us > 0 ? (int64_t)(draw(&seed) % (uint64_t)jitter_us) : 0);
        arrived_us = at_us > arrived_us ? at_us : arrived_us;
        if (lets_through(&limiter, arrived_us)) {
            good++;
            pace_succeeded(pace, arrived_us);
        } else {
            refused++;
            if (!pace_refused(pace, now_us, arrived_us)) {
                int64_t wait_us = (2 * SECOND << (pace->row < 8 ? pace->row - 1 : 7)) + (int64_t)(draw(&seed) % SECOND);
                pace_waited(pace, wait_us);
                now_us = arrived_us + wait_us;
                continue;
            }
        }
        now_us = (arrived_us > now_us + pace->gap_us ? arrived_us : now_us + pace->gap_us) + 1000;
    }
    return (struct result){1000.0 * refused / answers, 1000.0 * good / (allowed_per_s * (double)(now_us - T0) / 1e6)};
}

static void assert_learned(struct limiter limiter, double allowed_per_s, unsigned answers, double most_refused, double least_rate) {
    for (int64_t jitter_us = 0; jitter_us <= 10000; jitter_us += 5000) {
        struct pace pace = {.gap_us = 0};
        struct result r = drive(limiter, &pace, answers, jitter_us, allowed_per_s);
        print_message("%u answers, jitter %d ms: %.1f of 1,000 refused, %.0f of 1,000 of what is allowed, gap %.1f ms\n", answers, (int)(jitter_us / 1000),
                      r.refused, r.rate, (double)pace.gap_us / 1000);
        assert_true(r.refused <= most_refused);
        assert_true(r.rate >= least_rate);
    }
}

static void test_no_burst(void **state) {
    (void)state;
    assert_learned((struct limiter){.distance_us = SECOND / 5}, 5, 300, 40, 600);
    assert_learned((struct limiter){.distance_us = SECOND / 5}, 5, 3000, 20, 850);
    assert_learned((struct limiter){.distance_us = SECOND / 50}, 50, 3000, 20, 600);
    assert_learned((struct limiter){.distance_us = SECOND}, 1, 1000, 20, 800);
}

static void test_bucket(void **state) {
    (void)state;
    assert_learned((struct limiter){.distance_us = SECOND / 5, .burst = 20}, 5, 2000, 40, 700);
}

static void test_full_windows(void **state) {
    (void)state;
    assert_learned((struct limiter){.window_us = 60 * SECOND, .limit = 100}, 100.0 / 60, 2000, 40, 700);
    assert_learned((struct limiter){.window_us = SECOND, .limit = 5}, 5, 2000, 40, 700);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_burst),
        cmocka_unit_test(test_bucket),
        cmocka_unit_test(test_full_windows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
