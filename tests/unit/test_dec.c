// SPDX-License-Identifier: Apache-2.0
#include "base/dec.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct dec of(const char *text) {
    struct dec d;

    if (!dec_parse(slice_of(text), &d)) {
        fail_msg("refused: %s", text);
    }
    return d;
}

static void assert_text(struct dec value, const char *expected) {
    char text[DEC_TEXT_SIZE];

    dec_format(value, text);
    assert_string_equal(text, expected);
}

#define MOST "999999999999999999.999999999"

static void test_parse_and_format(void **state) {
    static const struct {
        const char *in, *out;
    } good[] = {{"0", "0.00"},
                {"-0", "0.00"},
                {"0.0000000000000000", "0.00"},
                {"0e99999999999999999999999", "0.00"},
                {"250.00", "250.00"},
                {"-0.05", "-0.05"},
                {"12.5", "12.50"},
                {"0.005", "0.005"},
                {"0.123456789", "0.123456789"},
                {"0.1234567890000", "0.123456789"},
                {"1e3", "1000.00"},
                {"1E+3", "1000.00"},
                {"15e-1", "1.50"},
                {"1e-9", "0.000000001"},
                {"1.5e2", "150.00"},
                {"1e17", "100000000000000000.00"},
                {"1000000000000000000000e-9", "1000000000000.00"},
                {"0.000000000000000000000000001e27", "1.00"},
                {MOST, MOST},
                {"-" MOST, "-" MOST}};
    static const char *const bad[] = {"",
                                      "-",
                                      "+1",
                                      " 1",
                                      "1 ",
                                      "1,000",
                                      "$1",
                                      "1.",
                                      ".5",
                                      "01",
                                      "00",
                                      "1e",
                                      "1e+",
                                      "--1",
                                      "1.2.3",
                                      "0x10",
                                      "1e18",
                                      "1000000000000000000",
                                      "1e-10",
                                      "0.0000000001",
                                      "1e999999999999999999999",
                                      "1e-99999999999999999999",
                                      "NaN",
                                      "Infinity",
                                      "\"1\"",
                                      "1a",
                                      "1e1.5",
                                      "1_000",
                                      "12345678901234567890"};

    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        assert_text(of(good[i].in), good[i].out);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct dec d;

        if (dec_parse(slice_of(bad[i]), &d)) {
            fail_msg("accepted: %s", bad[i]);
        }
    }
    assert_false(dec_parse((struct slice){.data = NULL, .length = 0}, &(struct dec){0}));
    assert_text((struct dec){.nano = (((struct dec){0}).nano + INT64_MAX) * INT64_MAX}, MOST);
}

static void test_arithmetic(void **state) {
    (void)state;
    assert_text(dec_add(of("0.10"), of("0.20")), "0.30");
    assert_text(dec_sub(of("1"), of("1.000000001")), "-0.000000001");
    assert_text(dec_times(of("0.05"), 12345), "617.25");
    assert_text(dec_times(of("-0.05"), 3), "-0.15");
    assert_text(dec_times(of("5"), 0), "0.00");
    assert_int_equal(dec_compare(of("0.30"), dec_add(of("0.10"), of("0.20"))), 0);
    assert_true(dec_compare(of("-1"), dec_zero()) < 0);
    assert_true(dec_compare(of("1"), dec_zero()) > 0);
}

static void test_saturation(void **state) {
    (void)state;
    assert_text(dec_add(of(MOST), of("0.000000001")), MOST);
    assert_text(dec_sub(of("-" MOST), of(MOST)), "-" MOST);
    assert_text(dec_times(of("2"), UINT64_MAX), MOST);
    assert_text(dec_times(of(MOST), UINT64_MAX), MOST);
    assert_text(dec_times(of("-" MOST), UINT64_MAX), "-" MOST);
    assert_text(dec_share(of(MOST), UINT64_MAX, 1), MOST);
    assert_text(dec_share(of("-" MOST), UINT64_MAX, 2), "-" MOST);
}

static void test_share(void **state) {
    (void)state;
    assert_text(dec_share(of("10"), 1, 4), "2.50");
    assert_text(dec_share(of("10"), 1, 3), "3.333333334");
    assert_text(dec_share(of("-10"), 1, 3), "-3.333333334");
    assert_text(dec_share(of("10"), 0, 3), "0.00");
    assert_text(dec_share(of("617.25"), 400, 12345), "20.00");
    assert_text(dec_share(of(MOST), UINT64_MAX, UINT64_MAX), MOST);
    assert_text(dec_share(of("0.000000001"), 1, UINT64_MAX), "0.000000001");
    assert_text(dec_share(of("12.34"), UINT64_MAX - 1, UINT64_MAX), "12.34");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parse_and_format),
        cmocka_unit_test(test_arithmetic),
        cmocka_unit_test(test_saturation),
        cmocka_unit_test(test_share),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
