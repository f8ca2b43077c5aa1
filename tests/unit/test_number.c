// SPDX-License-Identifier: Apache-2.0
#include "base/number.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct number of(const char *text) {
    struct number n;

    if (!number_parse(slice_of(text), &n)) {
        fail_msg("refused: %s", text);
    }
    return n;
}

static void test_format(void **state) {
    /* The right column is what ECMAScript prints, where a double holds the value. */
    static const char *const cases[][2] = {{"0", "0"},
                                           {"-0", "0"},
                                           {"-0.0e5", "0"},
                                           {"1", "1"},
                                           {"1.0", "1"},
                                           {"1e0", "1"},
                                           {"10e-1", "1"},
                                           {"0.00001e5", "1"},
                                           {"-12.50", "-12.5"},
                                           {"100", "100"},
                                           {"1e2", "100"},
                                           {"1e20", "100000000000000000000"},
                                           {"1e21", "1e+21"},
                                           {"123e25", "1.23e+27"},
                                           {"0.000001", "0.000001"},
                                           {"0.00000123", "0.00000123"},
                                           {"0.0000001", "1e-7"},
                                           {"12e-9", "1.2e-8"},
                                           {"0.1", "0.1"},
                                           {"100.001", "100.001"},
                                           {"9007199254740993", "9007199254740993"},
                                           {"3.14159265358979323846264338327950288", "3.14159265358979323846264338327950288"}};
    char out[128];

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct number n = of(cases[i][0]);
        size_t length = number_format(&n, out);

        assert_true(length <= number_format_size(&n));
        out[length] = '\0';
        assert_string_equal(out, cases[i][1]);
        n = of(out);
        assert_int_equal(number_format(&n, out), length);
    }
}

static void test_u64(void **state) {
    static const char *const bad[] = {"-1", "0.5", "1.5e0", "18446744073709551616", "1e20", "1e99999999999999999999", "1e-1", "12.01"};
    struct number n;
    uint64_t value;

    (void)state;
    n = of("18446744073709551615");
    assert_true(number_to_u64(&n, &value) && value == UINT64_MAX);
    n = of("1.8446744073709551615e19");
    assert_true(number_to_u64(&n, &value) && value == UINT64_MAX);
    n = of("1200e-2");
    assert_true(number_to_u64(&n, &value) && value == 12);
    n = of("-0");
    assert_true(number_to_u64(&n, &value) && value == 0);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        n = of(bad[i]);
        assert_false(number_to_u64(&n, &value));
    }
}

static void test_safe(void **state) {
    static const char *const good[] = {"0", "9007199254740991", "-9007199254740991", "1e308", "1.7976931348623157e308", "5e-324", "4.9e-324", "0.1", "0e999"};
    static const char *const bad[] = {
        "-0",      "-0.0",   "-0e9",   "9007199254740992", "-9007199254740993",         "10000000000000000",         "1e309", "-1e999",
        "1.8e308", "1e-999", "1e-325", "2e-324",           "1e99999999999999999999999", "1e-99999999999999999999999"};

    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        struct number n = of(good[i]);

        assert_true(number_is_safe(&n));
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct number n = of(bad[i]);

        if (number_is_safe(&n)) {
            fail_msg("safe: %s", bad[i]);
        }
    }
}

static void test_refused(void **state) {
    static const char *const bad[] = {"", "-", "+1", ".1", "1.", "01", "-01", "1e", "1e+", "1.e1", "e1", "1 ", "0x1", "1.1.1", "--1"};
    struct number n;

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_false(number_parse(slice_of(bad[i]), &n));
    }
    n = of("1e99999999999999999999999");
    assert_true(n.huge_exponent && n.power > 0);
    n = of("1e-99999999999999999999999");
    assert_true(n.huge_exponent && n.power < 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_format),
        cmocka_unit_test(test_u64),
        cmocka_unit_test(test_safe),
        cmocka_unit_test(test_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
