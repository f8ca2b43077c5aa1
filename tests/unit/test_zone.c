// SPDX-License-Identifier: Apache-2.0
#include "base/zone.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <time.h>

#include <cmocka.h>

static int64_t face(int year, int month, int day, int hour, int minute) {
    struct tm tm = {.tm_year = year - 1900, .tm_mon = month - 1, .tm_mday = day, .tm_hour = hour, .tm_min = minute};
    return (int64_t)timegm(&tm);
}

static void names(void **state) {
    (void)state;
    assert_true(zone_known("UTC"));
    assert_true(zone_known("Europe/Berlin"));
    assert_true(zone_known("America/Argentina/Buenos_Aires"));
    static const char *const bad[] = {"",       "Europe/Nowhere", "../etc/passwd", "/etc/localtime", "EST5EDT,M3.2.0,M11.1.0",
                                      "Europe", "zone.tab",       "Europe//Berlin"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(zone_known(bad[i]));
}

static void offsets(void **state) {
    (void)state;
    assert_int_equal(zone_offset_s("Europe/Berlin", face(2026, 1, 15, 12, 0)), 3600);
    assert_int_equal(zone_offset_s("Europe/Berlin", face(2026, 7, 15, 12, 0)), 7200);
    assert_int_equal(zone_offset_s("UTC", face(2026, 7, 15, 12, 0)), 0);
    assert_int_equal(zone_offset_s("America/Los_Angeles", face(2026, 7, 15, 12, 0)), -7 * 3600);
    assert_int_equal(zone_offset_s("Asia/Kathmandu", 0), 5 * 3600 + 1800);
}

static void gaps_and_repeats(void **state) {
    (void)state;
    int64_t at[2];
    assert_int_equal(zone_instants("Europe/Berlin", face(2026, 3, 29, 2, 30), at), 0);
    assert_int_equal(zone_instants("Europe/Berlin", face(2026, 3, 29, 3, 0), at), 1);
    assert_int_equal(at[0], face(2026, 3, 29, 1, 0));
    assert_int_equal(zone_instants("Europe/Berlin", face(2026, 10, 25, 2, 30), at), 2);
    assert_int_equal(at[0], face(2026, 10, 25, 0, 30));
    assert_int_equal(at[1], face(2026, 10, 25, 1, 30));
    assert_int_equal(zone_instants("Australia/Lord_Howe", face(2026, 4, 5, 1, 45), at), 2);
    assert_int_equal(at[1] - at[0], 1800);
}

static void days(void **state) {
    (void)state;
    assert_int_equal(zone_day_start_s("America/Los_Angeles", face(2026, 11, 28, 3, 0), 0), face(2026, 11, 27, 8, 0));
    assert_int_equal(zone_day_start_s("America/Los_Angeles", face(2026, 11, 28, 3, 0), 1), face(2026, 11, 28, 8, 0));
    assert_int_equal(zone_day_start_s("UTC", -1, 0), -86400);
    /* Santiago puts its clock forward at midnight: 2026-09-06 begins at 01:00. */
    assert_int_equal(zone_day_start_s("America/Santiago", face(2026, 9, 6, 12, 0), 0), face(2026, 9, 6, 4, 0));
    for (int hour = 0; hour < 24 * 400; hour++) {
        int64_t now = face(2026, 1, 1, 0, 30) + hour * 3600, start = zone_day_start_s("America/Santiago", now, 0),
                next = zone_day_start_s("America/Santiago", now, 1);
        assert_true(start <= now && now < next);
        assert_int_equal(zone_day_start_s("America/Santiago", next, 0), next);
        assert_int_equal(zone_day_start_s("America/Santiago", next - 1, 0), start);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(names), cmocka_unit_test(offsets), cmocka_unit_test(gaps_and_repeats), cmocka_unit_test(days)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
