// SPDX-License-Identifier: Apache-2.0
#include "base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#define S INT64_C(1000000)

static void test_reads(void **state) {
    int64_t before = clock_mono_ms();
    int64_t wall = clock_wall_us();

    (void)state;
    assert_true(clock_mono_ms() >= before);
    assert_true(wall / S - (int64_t)time(NULL) <= 1 && (int64_t)time(NULL) - wall / S <= 1);
}

static void test_format(void **state) {
    char text[CLOCK_RFC3339_SIZE], basic[20];

    (void)state;
    clock_format_rfc3339(INT64_C(1795453501123456), 6, text);
    assert_string_equal(text, "2026-11-23T17:05:01.123456Z");
    clock_format_rfc3339(INT64_C(1795453501123456), 3, text);
    assert_string_equal(text, "2026-11-23T17:05:01.123Z");
    clock_format_rfc3339(INT64_C(1795453501123456), 0, text);
    assert_string_equal(text, "2026-11-23T17:05:01Z");
    clock_format_basic(INT64_C(1795453501123456), basic);
    assert_string_equal(basic, "20261123T170501Z");
    clock_format_rfc3339(0, 0, text);
    assert_string_equal(text, "1970-01-01T00:00:00Z");
    clock_format_rfc3339(-5, 6, text);
    assert_string_equal(text, "1970-01-01T00:00:00.000000Z");
    clock_format_rfc3339(INT64_MAX, 6, text);
    assert_string_equal(text, "9999-12-31T23:59:59.999999Z");
}

static void test_parse(void **state) {
    static const struct {
        const char *text;
        int64_t us;
    } good[] = {
        {"1970-01-01T00:00:00Z", 0},
        {"2026-11-23T17:05:01.123456Z", INT64_C(1795453501123456)},
        {"2026-11-23T17:05:01.1234569Z", INT64_C(1795453501123456)},
        {"2026-11-23T17:05:01.5z", INT64_C(1795453501500000)},
        {"2026-11-23t18:05:01+01:00", INT64_C(1795453501) * S},
        {"2026-11-23T09:05:01-08:00", INT64_C(1795453501) * S},
        {"2000-02-29T00:00:00Z", INT64_C(951782400) * S},
        {"2024-12-31T23:30:00-00:30", INT64_C(1735689600) * S},
        {"2016-12-31T23:59:60Z", INT64_C(1483228800) * S},
        {"2017-01-01T00:59:60+01:00", INT64_C(1483228800) * S},
        {"1969-12-31T23:59:59-00:01", 59 * S},
        {"9999-12-31T23:59:59.999999Z", INT64_C(253402300799999999)},
    };
    static const char *const bad[] = {"",
                                      "2026-11-23",
                                      "2026-11-23T17:05:01",
                                      "2026-11-23 17:05:01Z",
                                      "2026-11-23T17:05Z",
                                      "2026-13-01T00:00:00Z",
                                      "2026-00-01T00:00:00Z",
                                      "2026-02-29T00:00:00Z",
                                      "1900-02-29T00:00:00Z",
                                      "2026-11-31T00:00:00Z",
                                      "2026-11-00T00:00:00Z",
                                      "2026-11-23T24:00:00Z",
                                      "2026-11-23T17:60:00Z",
                                      "2026-11-23T17:05:61Z",
                                      "2026-11-23T17:05:60Z",
                                      "2026-11-23T17:05:01.Z",
                                      "2026-11-23T17:05:01,5Z",
                                      "2026-11-23T17:05:01+0100",
                                      "2026-11-23T17:05:01+24:00",
                                      "2026-11-23T17:05:01+01:60",
                                      "2026-11-23T17:05:01Z ",
                                      " 2026-11-23T17:05:01Z",
                                      "1969-12-31T23:59:59Z",
                                      "0000-01-01T00:00:00Z",
                                      "9999-12-31T23:59:59-00:01",
                                      "+2026-11-23T17:05:01Z",
                                      "2026-1-23T17:05:01Z",
                                      "20261123T170501Z"};
    int64_t us = 7;

    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        assert_true(clock_parse_rfc3339(good[i].text, &us));
        assert_int_equal(us, good[i].us);
    }
    us = 7;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        if (clock_parse_rfc3339(bad[i], &us)) {
            fail_msg("accepted: %s", bad[i]);
        }
    }
    assert_true(clock_parse_basic("20261123T170501Z", &us));
    assert_int_equal(us, INT64_C(1795453501) * S);
    assert_false(clock_parse_basic("20261123T170501", &us));
    assert_false(clock_parse_basic("20261123T170501Zx", &us));
    assert_false(clock_parse_basic("20261123t170501Z", &us));
    assert_false(clock_parse_basic("20261123T235960Z", &us));
    assert_false(clock_parse_basic("20260229T000000Z", &us));
}

/* Every day from 1970 to 9999, each at another time of day, is what it was. */
static void test_round_trip(void **state) {
    char text[CLOCK_RFC3339_SIZE], basic[20];

    (void)state;
    for (int64_t day = 0; day < 2932897; day += 3) {
        int64_t us = (day * 86400 + day * 7919 % 86400) * S + day % S, back;

        clock_format_rfc3339(us, 6, text);
        assert_true(clock_parse_rfc3339(text, &back));
        assert_int_equal(back, us);
        clock_format_basic(us, basic);
        assert_true(clock_parse_basic(basic, &back));
        assert_int_equal(back, us - us % S);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reads),
        cmocka_unit_test(test_format),
        cmocka_unit_test(test_parse),
        cmocka_unit_test(test_round_trip),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
