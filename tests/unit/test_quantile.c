// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/quantile.h"

#define COUNT 1000

static int by_value(const void *a, const void *b) {
    const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static void few(void **state) {
    int64_t one[] = {7}, two[] = {9, 3}, ten[] = {10, 9, 8, 7, 6, 5, 4, 3, 2, 1};
    (void)state;
    assert_int_equal(quantile_of(one, 1, 0.5), 7);
    assert_int_equal(quantile_of(one, 1, 0), 7);
    assert_int_equal(quantile_of(two, 2, 0.5), 3);
    assert_int_equal(quantile_of(two, 2, 0.9), 9);
    assert_int_equal(quantile_of(ten, 10, 0.5), 5);
    assert_int_equal(quantile_of(ten, 10, 0.9), 9);
    assert_int_equal(quantile_of(ten, 10, 1), 10);
}

/* In every kind of order the same as sorting says. */
static void as_sorted(void **state) {
    static int64_t values[COUNT], sorted[COUNT];
    uint64_t seed = 42;
    (void)state;
    for (int kind = 0; kind < 5; kind++)
        for (size_t count = 1; count <= COUNT; count += 1 + count / 3) {
            for (size_t i = 0; i < count; i++) {
                seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407u;
                const int64_t kinds[] = {(int64_t)(seed >> 40), (int64_t)i, (int64_t)(count - i), 5, (int64_t)(i < count / 2 ? i : count - i)};
                values[i] = sorted[i] = kinds[kind];
            }
            qsort(sorted, count, sizeof *sorted, by_value);
            for (size_t percent = 0; percent <= 100; percent += 10) {
                const size_t rank = (percent * count + 99) / 100;
                assert_int_equal(quantile_of(values, count, (double)percent / 100), sorted[rank ? rank - 1 : 0]);
            }
        }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(few), cmocka_unit_test(as_sorted)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
