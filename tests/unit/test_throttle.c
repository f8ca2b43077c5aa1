// SPDX-License-Identifier: Apache-2.0
#include "net/throttle.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define T0 INT64_C(1795453501000000)
#define SECOND INT64_C(1000000)

static int setup(void **state) {
    *state = throttle_new();
    return *state == NULL ? -1 : 0;
}

static int teardown(void **state) {
    throttle_free(*state);
    return 0;
}

/* Close it for so long. */
static struct throttle_group *closed(struct throttle *t, const char *key, int64_t now_us, int64_t for_us) {
    struct throttle_group *group = throttle_take(t, key, now_us);

    assert_non_null(group);
    assert_true(throttle_failed(t, group, 0, now_us, "status 500"));
    throttle_wait(group, now_us + for_us);
    return group;
}

static void test_row(void **state) {
    struct throttle *t = *state;
    const struct throttle_limits limits = {.max_tries = 3};
    struct throttle_group *group = closed(t, "run a", T0, SECOND), *other = throttle_take(t, "run b", T0);
    uint64_t probe;

    assert_int_equal(throttle_closed(t), 1);
    assert_int_equal(group->tries, 1);
    assert_true(throttle_lets(other, T0));
    assert_int_equal(throttle_sent(other), 0);
    assert_false(throttle_lets(group, T0 + SECOND - 1));
    assert_true(throttle_lets(group, T0 + SECOND));
    probe = throttle_sent(group);
    assert_int_not_equal(probe, 0);
    assert_false(throttle_lets(group, T0 + 100 * SECOND)); /* one at a time */
    assert_true(throttle_failed(t, group, probe, T0 + 2 * SECOND, "status 503"));
    throttle_wait(group, T0 + 4 * SECOND);
    assert_int_equal(group->tries, 2);
    assert_int_equal(group->since_us, T0);
    assert_string_equal(group->error, "status 503");
    assert_false(throttle_spent(group, &limits, T0 + 2 * SECOND));
    assert_true(throttle_spent(group, &(struct throttle_limits){.max_tries = 9, .max_us = 2 * SECOND}, T0 + 2 * SECOND));
    assert_false(throttle_lets(group, T0 + 3 * SECOND));
    probe = throttle_sent(group);
    assert_true(throttle_failed(t, group, probe, T0 + 4 * SECOND, ""));
    assert_true(throttle_spent(group, &limits, T0 + 4 * SECOND));
    assert_true(throttle_succeeded(t, group));
    assert_false(throttle_succeeded(t, group));
    assert_false(throttle_spent(group, &limits, T0 + 4 * SECOND));
    assert_int_equal(throttle_closed(t), 0);
    throttle_give(t, group);
    throttle_give(t, other);
    assert_null(throttle_find(t, "run a"));
    throttle_give(t, NULL);
}

/* What had left together with the first that failed. */
static void test_in_flight(void **state) {
    struct throttle *t = *state;
    struct throttle_group *group = closed(t, "run a", T0, SECOND);
    uint64_t first, second;

    assert_false(throttle_failed(t, group, 0, T0 + 1, "late"));
    assert_int_equal(group->tries, 1);
    assert_string_equal(group->error, "status 500");
    first = throttle_sent(group);
    assert_true(throttle_succeeded(t, group)); /* by one that had left before: the try is still out */
    assert_true(throttle_failed(t, group, 0, T0 + SECOND, "again"));
    throttle_wait(group, T0 + 2 * SECOND);
    assert_true(throttle_lets(group, T0 + 2 * SECOND));
    second = throttle_sent(group);
    assert_int_not_equal(first, second);
    throttle_probed(group, first); /* it is none of this period */
    assert_false(throttle_lets(group, T0 + 2 * SECOND));
    assert_false(throttle_failed(t, group, first, T0 + 3 * SECOND, "old"));
    throttle_probed(group, second); /* nothing was learned */
    assert_true(throttle_lets(group, T0 + 3 * SECOND));
    throttle_probed(group, 0);
    throttle_give(t, group);
    assert_ptr_equal(throttle_find(t, "run a"), group); /* a closed one is remembered */
}

static void test_forgotten(void **state) {
    struct throttle *t = *state;
    struct throttle_group *group = closed(t, "run a", T0, SECOND);
    const int64_t late = T0 + 2 * SECOND + THROTTLE_FORGET_US;
    uint64_t probe = throttle_sent(group), period = group->period;

    throttle_probed(group, probe);
    probe = throttle_sent(group);
    assert_true(throttle_failed(t, group, probe, late, "much later"));
    assert_int_equal(group->tries, 1); /* a new row */
    assert_int_equal(group->since_us, late);
    assert_int_not_equal(group->period, period);
    assert_int_equal(throttle_closed(t), 1);
    throttle_give(t, group);
    /* A clock that jumps back does not close it for ever. */
    throttle_wait(group, late + SECOND);
    assert_true(throttle_lets(group, T0 - THROTTLE_FORGET_US));
    /* Many that nobody tries any more go when others come. */
    for (int i = 0; i < 5000; i++) {
        char key[40];
        snprintf(key, sizeof key, "run %d", i);
        throttle_give(t, closed(t, key, T0, SECOND));
    }
    for (int i = 0; i < 20000; i++) {
        char key[40];
        snprintf(key, sizeof key, "run x%d", i);
        throttle_give(t, throttle_take(t, key, T0 + 10 * THROTTLE_FORGET_US));
    }
    assert_int_equal(throttle_closed(t), 0);
}

static void test_bounds(void **state) {
    struct throttle *t = *state;
    char *key = malloc(THROTTLE_KEY_BYTES + 1), error[1000];

    memset(key, 'k', THROTTLE_KEY_BYTES);
    key[THROTTLE_KEY_BYTES] = '\0';
    assert_null(throttle_take(t, key, T0));
    key[THROTTLE_KEY_BYTES - 1] = '\0';
    struct throttle_group *group = throttle_take(t, key, T0);
    assert_non_null(group);
    memset(error, 'e', sizeof error - 1);
    error[sizeof error - 1] = '\0';
    assert_true(throttle_failed(t, group, 0, T0, error));
    assert_int_equal(strlen(group->error), 290);
    throttle_give(t, group);
    free(key);
}

static void count(void *context, const struct throttle_group *group) {
    unsigned *sum = context;

    *sum += group->tries;
}

static void test_recalled(void **state) {
    struct throttle *t = *state, *journal = throttle_new();
    unsigned sum = 0;

    assert_non_null(journal);
    assert_true(throttle_recall(journal, "run a", 3, T0, T0 + SECOND, "x", T0));
    assert_true(throttle_recall(journal, "run a", 4, T0, T0 + 2 * SECOND, "y", T0));
    assert_true(throttle_recall(journal, "run b", 1, T0, T0 + SECOND, "x", T0));
    assert_true(throttle_recall(journal, "run b", 0, 0, 0, "", T0));
    assert_true(throttle_recall(journal, "run c", 2, T0, T0 + SECOND, "x", T0));
    assert_true(throttle_recall(journal, "run old", 2, T0 - 2 * THROTTLE_FORGET_US, T0 - 2 * THROTTLE_FORGET_US, "x", T0));
    throttle_each(journal, count, &sum);
    assert_int_equal(sum, 8);
    struct throttle_group *known = closed(t, "run c", T0, SECOND);
    throttle_adopt(t, journal, T0);
    assert_int_equal(throttle_closed(t), 2);
    assert_int_equal(throttle_find(t, "run a")->tries, 4);
    assert_int_equal(throttle_find(t, "run a")->until_us, T0 + 2 * SECOND);
    assert_string_equal(throttle_find(t, "run a")->error, "y");
    assert_int_equal(known->tries, 1); /* memory knows better */
    assert_null(throttle_find(t, "run b"));
    assert_null(throttle_find(t, "run old"));
    throttle_give(t, known);
    throttle_free(journal);
    throttle_free(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_row, setup, teardown),       cmocka_unit_test_setup_teardown(test_in_flight, setup, teardown),
        cmocka_unit_test_setup_teardown(test_forgotten, setup, teardown), cmocka_unit_test_setup_teardown(test_bounds, setup, teardown),
        cmocka_unit_test_setup_teardown(test_recalled, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
