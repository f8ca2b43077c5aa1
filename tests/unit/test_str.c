// SPDX-License-Identifier: Apache-2.0
#include "base/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void test_copy_and_compare(void **state) {
    char out[6] = "old";

    (void)state;
    assert_true(slice_equals(slice_of("abc"), "abc"));
    assert_false(slice_equals(slice_of("abc"), "abcd"));
    assert_false(slice_equals(slice_of("abc"), "abd"));
    assert_true(slice_equals((struct slice){.data = NULL, .length = 0}, ""));
    assert_true(str_copy(out, sizeof(out), "12345"));
    assert_string_equal(out, "12345");
    assert_false(str_copy(out, sizeof(out), "123456"));
    assert_string_equal(out, "");
    assert_true(str_format(out, sizeof(out), "%d", 12345));
    assert_string_equal(out, "12345");
    assert_false(str_format(out, sizeof(out), "%d", 123456));
    assert_string_equal(out, "");
    assert_true(str_starts("pending/x", "pending/"));
    assert_false(str_starts("pend", "pending"));
    assert_true(str_ends("a.json", ".json"));
    assert_false(str_ends("json", ".json"));
}

static void test_numbers(void **state) {
    static const char *const bad[] = {"", "-", "+1", " 1", "1 ", "1x", "0x1", "18446744073709551616", "99999999999999999999999", "--1"};
    uint64_t u = 0;
    int64_t i = 0;

    (void)state;
    assert_true(str_to_u64("18446744073709551615", 0, UINT64_MAX, &u));
    assert_true(u == UINT64_MAX);
    assert_true(str_to_u64("007", 0, 10, &u));
    assert_int_equal(u, 7);
    assert_false(str_to_u64("11", 0, 10, &u));
    assert_false(str_to_u64("1", 2, 10, &u));
    assert_false(str_to_u64("-1", 0, 10, &u));
    assert_true(str_to_i64("-9223372036854775808", INT64_MIN, INT64_MAX, &i));
    assert_true(i == INT64_MIN);
    assert_true(str_to_i64("9223372036854775807", INT64_MIN, INT64_MAX, &i));
    assert_true(i == INT64_MAX);
    assert_false(str_to_i64("9223372036854775808", INT64_MIN, INT64_MAX, &i));
    assert_false(str_to_i64("-9223372036854775809", INT64_MIN, INT64_MAX, &i));
    assert_false(str_to_i64("-6", -5, 5, &i));
    for (size_t k = 0; k < sizeof(bad) / sizeof(bad[0]); k++) {
        assert_false(str_to_u64(bad[k], 0, UINT64_MAX, &u));
        assert_false(str_to_i64(bad[k], INT64_MIN, INT64_MAX, &i));
    }
}

static void test_hex(void **state) {
    unsigned char bytes[3];
    char text[7];

    (void)state;
    str_hex("\x00\xAB\x7f", 3, text);
    assert_string_equal(text, "00ab7f");
    assert_true(str_unhex("00aB7F", bytes, 3));
    assert_memory_equal(bytes, "\x00\xAB\x7f", 3);
    assert_false(str_unhex("00ab7", bytes, 3));
    assert_false(str_unhex("00ab7f0", bytes, 3));
    assert_false(str_unhex("00ab7g", bytes, 3));
    assert_true(str_unhex("", bytes, 0));
}

static void test_names(void **state) {
    char longest[66];

    (void)state;
    memset(longest, 'n', 65);
    longest[65] = '\0';
    assert_true(str_is_name("CA-2026_11"));
    assert_false(str_is_name(""));
    assert_false(str_is_name("a/b"));
    assert_false(str_is_name("a.b"));
    assert_false(str_is_name("\xc3\xa9"));
    assert_false(str_is_name(longest));
    assert_true(str_is_name(longest + 1));
}

static void test_utf8(void **state) {
    static const char *const good[] = {"",
                                       "plain",
                                       "\x7f",
                                       "\xc2\x80",
                                       "\xdf\xbf",
                                       "\xe0\xa0\x80",
                                       "\xed\x9f\xbf",
                                       "\xee\x80\x80",
                                       "\xef\xbf\xbf",
                                       "\xf0\x90\x80\x80",
                                       "\xf4\x8f\xbf\xbf",
                                       "a\xe2\x82\xac."};
    static const char *const bad[] = {"\x80",     "\xbf",         "\xc0\xaf",      "\xc1\xbf",         "\xc2",         "\xc2\x41",         "\xe0\x9f\xbf",
                                      "\xe2\x82", "\xed\xa0\x80", "\xed\xbf\xbf",  "\xf0\x8f\xbf\xbf", "\xf0\x90\x80", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80",
                                      "\xfe",     "\xff",         "ok\xe2\x82\x41"};

    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        assert_true(str_is_utf8(good[i], strlen(good[i])));
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_false(str_is_utf8(bad[i], strlen(bad[i])));
    }
    assert_true(str_is_utf8("a\0b", 3));
    assert_int_equal(str_utf8_length("\xe2\x82\xac", 3), 3);
    assert_int_equal(str_utf8_length("\xe2\x82\xac", 2), 0);
    assert_int_equal(str_utf8_length("", 0), 0);
}

static void test_printable(void **state) {
    static const char text[] = "\xe2\x82\xac\n\xe2\x81\xa6\xc2\x85\xff\x7f\\";
    char out[64], again[64], whole[64];
    size_t length = str_printable(out, sizeof(out), text, sizeof(text) - 1);

    (void)state;
    assert_string_equal(out, "\xe2\x82\xac\\x0a\\u2066\\u0085\\xff\\x7f\\");
    assert_int_equal(length, strlen(out));
    assert_int_equal(str_printable(again, sizeof(again), out, length), length);
    assert_string_equal(again, out);
    (void)str_copy(whole, sizeof(whole), out);
    for (size_t size = 1; size <= length; size++) { /* every cut is in bounds, ends in dots and splits no character */
        size_t cut = str_printable(out, size, text, sizeof(text) - 1);

        assert_true(cut < size);
        assert_int_equal(strlen(out), cut);
        assert_true(str_is_utf8(out, cut));
        if (size > 3) {
            assert_true(str_ends(out, "..."));
            assert_memory_equal(out, whole, cut - 3);
        }
    }
    assert_int_equal(str_printable(out, length + 1, text, sizeof(text) - 1), length);
}

static void test_nearest(void **state) {
    static const char *const names[] = {"source", "campaign_id", "max_records", "max_cost", "notify", "not_before", "take"};

    (void)state;
    assert_string_equal(str_nearest("max_record", names, 7), "max_records");
    assert_string_equal(str_nearest("maxcost", names, 7), "max_cost");
    assert_string_equal(str_nearest("soruce", names, 7), "source");
    assert_string_equal(str_nearest("tkae", names, 7), "take");
    assert_string_equal(str_nearest("notfy", names, 7), "notify");
    assert_null(str_nearest("zzzz", names, 7));
    assert_null(str_nearest("t", names, 7));
    assert_null(str_nearest("", names, 7));
    assert_null(str_nearest("completely_other_thing_of_a_length_that_is_far_past_all_reasonable_names", names, 7));
    assert_null(str_nearest("take", names, 0));
}

static void test_duration(void **state) {
    static const struct {
        const char *text;
        int64_t ms;
    } good[] = {{"PT1M", 60000},
                {"P30D", INT64_C(2592000000)},
                {"PT0.5S", 500},
                {"P1DT12H", 129600000},
                {"P2W", 1209600000},
                {"PT1H30M5.25S", 5405250},
                {"PT0S", 0},
                {"P0D", 0},
                {"PT1.5H", 5400000},
                {"PT0.0019S", 1},
                {"P36525D", INT64_C(3155760000000)}};
    static const char *const bad[] = {"",
                                      "P",
                                      "PT",
                                      "P1",
                                      "1M",
                                      "P1Y",
                                      "P1M",
                                      "PT1D",
                                      "P1H",
                                      "P1DT",
                                      "PT1M1H",
                                      "PT1M1M",
                                      "PT1.5M3S",
                                      "PT.5S",
                                      "PT1.S",
                                      "-PT1S",
                                      "PT-1S",
                                      "P1W1D",
                                      "P1WT1H",
                                      "pt1m",
                                      "PT1,5S",
                                      "P36526D",
                                      "PT99999999999999999999S",
                                      "PT1S ",
                                      "PTT1S",
                                      "P36525DT1S"};
    int64_t ms;

    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        assert_true(str_duration_ms(good[i].text, &ms));
        assert_int_equal(ms, good[i].ms);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        if (str_duration_ms(bad[i], &ms)) {
            fail_msg("accepted: %s", bad[i]);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_copy_and_compare),
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_hex),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_utf8),
        cmocka_unit_test(test_printable),
        cmocka_unit_test(test_nearest),
        cmocka_unit_test(test_duration),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
