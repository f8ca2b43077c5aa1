// SPDX-License-Identifier: Apache-2.0
#include "net/retry.h"

#include "base/limits.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void test_doubles_up_to_the_cap(void **state) {
    (void)state;
    static const int64_t expected_ms[] = {2000, 4000, 8000, 16000, 32000, 64000, 128000, 256000, 300000, 300000};
    for (unsigned i = 0; i < sizeof(expected_ms) / sizeof(*expected_ms); i++) {
        assert_int_equal(retry_exponential_ms(i + 1, 2, 0, 300), expected_ms[i]);
    }
    assert_int_equal(retry_exponential_ms(0, 2, 0, 300), 2000);
    assert_int_equal(retry_exponential_ms(UINT32_MAX, 2, 0, 300), 300000);
    assert_int_equal(retry_exponential_ms(UINT32_MAX, 0, 0, 300), 0);
    assert_int_equal(retry_exponential_ms(1, 0.25, 0, 300), 250);
}

static void test_jitter_is_added_and_bounded(void **state) {
    (void)state;
    int64_t least = INT64_MAX, most = 0;
    for (int i = 0; i < 1000; i++) {
        int64_t wait_ms = retry_exponential_ms(3, 1, 2, 300);
        assert_in_range(wait_ms, 4000, 6000);
        least = wait_ms < least ? wait_ms : least;
        most = wait_ms > most ? wait_ms : most;
    }
    assert_true(least < 4300); /* a fair draw fails this once in 10^70 runs */
    assert_true(most > 5700);
}

static void test_nonsense_waits_within_range(void **state) {
    (void)state;
    assert_int_equal(retry_exponential_ms(1, -1, -1, 300), 0);
    assert_int_equal(retry_exponential_ms(1, NAN, NAN, NAN), 0);
    assert_int_equal(retry_exponential_ms(5, 1, 0, -3), 0);
    assert_in_range(retry_exponential_ms(UINT32_MAX, INFINITY, INFINITY, INFINITY), 1, INT64_C(3000000000000));
}

static void test_retry_after(void **state) {
    (void)state;
    assert_int_equal(retry_after_ms(0), 0);
    assert_int_equal(retry_after_ms(-1), 0);
    assert_int_equal(retry_after_ms(INT64_MIN), 0);
    assert_int_equal(retry_after_ms(1), 1000);
    assert_int_equal(retry_after_ms(LIMIT_RETRY_AFTER_S), INT64_C(1000) * LIMIT_RETRY_AFTER_S);
    assert_int_equal(retry_after_ms(INT64_C(1000000000000)), INT64_C(1000) * LIMIT_RETRY_AFTER_S);
    assert_int_equal(retry_after_ms(INT64_MAX), INT64_C(1000) * LIMIT_RETRY_AFTER_S);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_doubles_up_to_the_cap),
        cmocka_unit_test(test_jitter_is_added_and_bounded),
        cmocka_unit_test(test_nonsense_waits_within_range),
        cmocka_unit_test(test_retry_after),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
