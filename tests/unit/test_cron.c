// SPDX-License-Identifier: Apache-2.0
#include "base/cron.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/str.h"
#include "base/zone.h"

static struct cron parsed(const char *text) {
    struct cron cron;
    struct err err = {0};
    if (cron_parse(text, &cron, &err) != RC_OK)
        fail_msg("%s: %s", text, err.text);
    return cron;
}

static int64_t at(const char *time) {
    int64_t us;
    assert_true(clock_parse_rfc3339(time, &us));
    return us / 1000000;
}

/* The times that are due from `from` on, in UTC: the words of `wanted` in order. */
static void due(const char *text, const char *zone, const char *from, const char *wanted) {
    struct cron cron = parsed(text);
    int64_t now = at(from) - 1;
    char copy[600], *rest = NULL;
    assert_true(str_copy(copy, sizeof copy, wanted));
    for (char *word = strtok_r(copy, " ", &rest); word; word = strtok_r(NULL, " ", &rest)) {
        char shown[CLOCK_RFC3339_SIZE];
        assert_true(cron_next(&cron, zone, now, &now));
        clock_format_rfc3339(now * 1000000, 0, shown);
        if (strcmp(shown, word) != 0)
            fail_msg("%s in %s: %s in the place of %s", text, zone, shown, word);
    }
}

static void fields(void **state) {
    (void)state;
    due("0 6 * * 1-5", "UTC", "2026-11-27T06:00:00Z", "2026-11-27T06:00:00Z 2026-11-30T06:00:00Z 2026-12-01T06:00:00Z");
    due("*/20 22-23 * * *", "UTC", "2026-11-27T00:00:00Z", "2026-11-27T22:00:00Z 2026-11-27T22:20:00Z 2026-11-27T22:40:00Z 2026-11-27T23:00:00Z");
    due("5,7-11/2 0 1 jan,Jul *", "UTC", "2026-02-01T00:00:00Z",
        "2026-07-01T00:05:00Z 2026-07-01T00:07:00Z 2026-07-01T00:09:00Z 2026-07-01T00:11:00Z 2027-01-01T00:05:00Z");
    due("0 0 * * 7", "UTC", "2026-11-23T00:00:00Z", "2026-11-29T00:00:00Z 2026-12-06T00:00:00Z");
    due("0 0 * * sat-sun", "UTC", "2026-11-23T00:00:00Z", "2026-11-28T00:00:00Z 2026-11-29T00:00:00Z 2026-12-05T00:00:00Z");
    due("0 0 * * 5-7", "UTC", "2026-11-23T00:00:00Z", "2026-11-27T00:00:00Z 2026-11-28T00:00:00Z 2026-11-29T00:00:00Z");
    due("0 0 29 2 *", "UTC", "2097-01-01T00:00:00Z", "2104-02-29T00:00:00Z");
    due("0 6 * * *", "America/New_York", "2026-11-23T12:00:00Z", "2026-11-24T11:00:00Z 2026-11-25T11:00:00Z");
    due("* * * * *", "Asia/Kathmandu", "2026-11-23T12:00:30Z", "2026-11-23T12:01:00Z 2026-11-23T12:02:00Z");
}

/* Both restricted: one is enough. One that begins with a star: both. */
static void day_of_month_or_of_week(void **state) {
    (void)state;
    due("0 0 13 * FRI", "UTC", "2026-11-07T00:00:00Z",
        "2026-11-13T00:00:00Z 2026-11-20T00:00:00Z 2026-11-27T00:00:00Z 2026-12-04T00:00:00Z 2026-12-11T00:00:00Z 2026-12-13T00:00:00Z");
    due("0 0 */10 * FRI", "UTC", "2026-11-01T00:00:00Z", "2026-12-11T00:00:00Z 2027-01-01T00:00:00Z");
    due("0 0 29 2 */7", "UTC", "2033-01-01T00:00:00Z", "2060-02-29T00:00:00Z 2088-02-29T00:00:00Z");
    due("0 0 30 2 MON", "UTC", "2026-01-01T00:00:00Z", "2026-02-02T00:00:00Z");
}

static void nicknames(void **state) {
    (void)state;
    due("@hourly", "UTC", "2026-11-27T06:00:01Z", "2026-11-27T07:00:00Z");
    due("@daily", "America/New_York", "2026-11-27T06:00:00Z", "2026-11-28T05:00:00Z");
    due("@midnight", "UTC", "2026-11-27T06:00:00Z", "2026-11-28T00:00:00Z");
    due("@weekly", "UTC", "2026-11-27T06:00:00Z", "2026-11-29T00:00:00Z");
    due("@monthly", "UTC", "2026-11-27T06:00:00Z", "2026-12-01T00:00:00Z");
    due("@yearly", "UTC", "2026-11-27T06:00:00Z", "2027-01-01T00:00:00Z");
    due("@annually", "UTC", "2026-11-27T06:00:00Z", "2027-01-01T00:00:00Z");
}

static void refused(void **state) {
    (void)state;
    static const struct {
        const char *text, *why;
    } cases[] = {
        {"", "five"},
        {"0 6 * *", "has 4 fields"},
        {"0 0 6 * * *", "has 6 fields"},
        {"60 6 * * *", "field 1 (minute): \"60\" is no number from 0 to 59"},
        {"0 24 * * *", "field 2 (hour)"},
        {"0 0 0 * *", "field 3 (day of month)"},
        {"0 0 32 * *", "field 3 (day of month)"},
        {"0 0 * 13 *", "field 4 (month)"},
        {"0 0 * JANUAR *", "JAN to DEC"},
        {"0 0 * * 8", "field 5 (day of week)"},
        {"0 0 * * MO", "SUN to SAT"},
        {"0 0 * MON *", "field 4 (month)"},
        {"0 9-5 * * *", "\"9-5\" goes backwards"},
        {"0 0 * * FRI-MON", "goes backwards"},
        {"*/0 * * * *", "step"},
        {"*/61 * * * *", "no number from 1 to 60"},
        {"5/15 * * * *", "\"5-59/15\""},
        {"1,,2 * * * *", "empty element"},
        {"1, * * * *", "empty element"},
        {"-1 * * * *", "field 1"},
        {"1- * * * *", "field 1"},
        {"1-2-3 * * * *", "field 1"},
        {"*5 * * * *", "field 1"},
        {"1.5 * * * *", "field 1"},
        {"99999999999999999999 * * * *", "field 1"},
        {"0 0 L * *", "field 3"},
        {"0 0 ? * *", "field 3"},
        {"0 0 30 2 *", "never due"},
        {"0 0 31 2,4,6,9,11 *", "never due"},
        {"@reboot", "@hourly"},
        {"@dayly", "did you mean @daily"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct cron cron;
        struct err err = {0};
        if (cron_parse(cases[i].text, &cron, &err) != RC_PERM)
            fail_msg("\"%s\" is taken", cases[i].text);
        if (!strstr(err.text, cases[i].why))
            fail_msg("\"%s\": %s", cases[i].text, err.text);
    }
    char longest[400];
    struct cron cron;
    memset(longest, ' ', sizeof longest);
    longest[sizeof longest - 1] = '\0';
    assert_int_equal(cron_parse(longest, &cron, NULL), RC_PERM);
}

/* --- summer time -------------------------------------------------------------------------------------------------- */

static void kept_times(void **state) {
    (void)state;
    /* Into the gap: once, when the clock is put forward. */
    due("30 2 * * *", "Europe/Berlin", "2026-03-28T00:00:00Z", "2026-03-28T01:30:00Z 2026-03-29T01:00:00Z 2026-03-30T00:30:00Z");
    due("15,30,45 2 * * *", "Europe/Berlin", "2026-03-29T00:00:00Z", "2026-03-29T01:00:00Z 2026-03-30T00:15:00Z");
    due("30 2,3 * * *", "America/New_York", "2026-03-08T00:00:00Z", "2026-03-08T07:00:00Z 2026-03-08T07:30:00Z 2026-03-09T06:30:00Z");
    due("0 3 * * *", "Europe/Berlin", "2026-03-29T00:00:00Z", "2026-03-29T01:00:00Z 2026-03-30T01:00:00Z");
    due("15 2 * * *", "Australia/Lord_Howe", "2026-10-03T00:00:00Z", "2026-10-03T15:30:00Z 2026-10-04T15:15:00Z");
    due("0 0 * * *", "America/Santiago", "2026-09-05T12:00:00Z", "2026-09-06T04:00:00Z 2026-09-07T03:00:00Z");
    due("30 0 * * SUN", "America/Santiago", "2026-09-05T12:00:00Z", "2026-09-06T04:00:00Z 2026-09-13T03:30:00Z");
    /* Twice there: the first time. */
    due("30 2 * * *", "Europe/Berlin", "2026-10-25T00:00:00Z", "2026-10-25T00:30:00Z 2026-10-26T01:30:00Z");
    due("30 1 * * *", "America/New_York", "2026-11-01T00:00:00Z", "2026-11-01T05:30:00Z 2026-11-02T06:30:00Z");
    due("45 1 * * *", "Australia/Lord_Howe", "2026-04-04T12:00:00Z", "2026-04-04T14:45:00Z 2026-04-05T15:15:00Z");
    due("30 23 * * *", "America/Santiago", "2026-04-04T12:00:00Z", "2026-04-05T02:30:00Z 2026-04-06T03:30:00Z");
    /* From between the two. */
    due("30 2 * * *", "Europe/Berlin", "2026-10-25T00:45:00Z", "2026-10-26T01:30:00Z");
}

static void times_of_the_clock(void **state) {
    (void)state;
    due("30 * * * *", "Europe/Berlin", "2026-03-29T00:00:00Z", "2026-03-29T00:30:00Z 2026-03-29T01:30:00Z");
    due("*/30 * * * *", "Europe/Berlin", "2026-10-25T00:00:00Z",
        "2026-10-25T00:00:00Z 2026-10-25T00:30:00Z 2026-10-25T01:00:00Z 2026-10-25T01:30:00Z 2026-10-25T02:00:00Z");
    due("*/30 2 * * *", "Europe/Berlin", "2026-03-29T00:00:00Z", "2026-03-30T00:00:00Z");
    due("*/30 2 * * *", "Europe/Berlin", "2026-10-25T00:00:00Z",
        "2026-10-25T00:00:00Z 2026-10-25T00:30:00Z 2026-10-25T01:00:00Z 2026-10-25T01:30:00Z 2026-10-26T01:00:00Z");
    due("@hourly", "Australia/Lord_Howe", "2026-04-04T13:00:00Z", "2026-04-04T13:00:00Z 2026-04-04T14:00:00Z 2026-04-04T15:30:00Z");
    due("@hourly", "America/Santiago", "2026-04-05T01:00:00Z", "2026-04-05T01:00:00Z 2026-04-05T02:00:00Z 2026-04-05T03:00:00Z 2026-04-05T04:00:00Z");
}

/* --- against another way to say it: the clock is looked at every minute ------------------------------------------------- */

static bool face_fits(const struct cron *cron, int64_t face) {
    struct tm tm;
    time_t time = (time_t)face;
    gmtime_r(&time, &tm);
    bool month_day = cron->days >> tm.tm_mday & 1, weekday = cron->weekdays >> tm.tm_wday & 1;
    return cron->minutes >> tm.tm_min & 1 && cron->hours >> tm.tm_hour & 1 && cron->months >> (tm.tm_mon + 1) & 1 &&
           (cron->either ? month_day || weekday : month_day && weekday);
}

static int64_t looked(const struct cron *cron, const char *zone, int64_t after, int64_t last) {
    int64_t shown = after - after % 60 - 86400, farthest = shown + zone_offset_s(zone, shown);
    for (int64_t now = shown + 60; now <= last; now += 60) {
        int64_t face = now + zone_offset_s(zone, now);
        bool fits = false;
        if (!cron->kept)
            fits = face_fits(cron, face);
        for (; cron->kept && farthest < face; fits = face_fits(cron, farthest) || fits)
            farthest += 60;
        if (fits && now > after)
            return now;
    }
    return 0;
}

static void random_field(char *out, size_t size, unsigned least, unsigned most) {
    unsigned low = least + (unsigned)rand() % (most - least + 1), high = low + (unsigned)rand() % (most - low + 1);
    switch (rand() % 6) {
    case 0:
    case 1:
        str_format(out, size, "*");
        break;
    case 2:
        str_format(out, size, "*/%u", 1 + (unsigned)rand() % (most - least));
        break;
    case 3:
        str_format(out, size, "%u-%u", low, high);
        break;
    case 4:
        str_format(out, size, "%u,%u-%u/2", least + (unsigned)rand() % (most - least + 1), low, high);
        break;
    default:
        str_format(out, size, "%u", low);
        break;
    }
}

static void as_the_clock_shows(void **state) {
    (void)state;
    static const char *const zones[] = {
        "UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "America/Santiago", "Africa/Casablanca", "America/St_Johns"};
    static const char *const starts[] = {"2026-03-07T00:00:00Z", "2026-03-28T00:00:00Z", "2026-04-04T00:00:00Z", "2026-09-05T00:00:00Z",
                                         "2026-10-03T00:00:00Z", "2026-10-24T00:00:00Z", "2026-10-31T00:00:00Z", "2026-02-14T00:00:00Z",
                                         "2026-03-21T00:00:00Z", "2026-07-01T00:00:00Z"};
    srand(4);
    unsigned compared = 0;
    for (int round = 0; round < 500; round++) {
        char text[200], field[5][24];
        static const unsigned limits[5][2] = {{0, 59}, {0, 23}, {1, 31}, {1, 12}, {0, 7}};
        for (int i = 0; i < 5; i++)
            random_field(field[i], sizeof field[i], limits[i][0], limits[i][1]);
        if (round % 2) /* mostly times at which something happens */
            str_format(field[1], sizeof field[1], "%u", (unsigned)rand() % 4);
        str_format(text, sizeof text, "%s %s %s %s %s", field[0], field[1], round % 3 ? "*" : field[2], round % 3 ? "*" : field[3], round % 5 ? "*" : field[4]);
        struct cron cron;
        if (cron_parse(text, &cron, NULL) != RC_OK)
            continue;
        const char *zone = zones[(unsigned)rand() % 7];
        int64_t now = at(starts[(unsigned)rand() % 10]) + rand() % 7200, last = now + 4 * 86400, wanted;
        for (int i = 0; i < 12 && (wanted = looked(&cron, zone, now, last)); i++) {
            int64_t got = 0;
            bool found = cron_next(&cron, zone, now, &got);
            if (!found || got != wanted)
                fail_msg("%s in %s after %lld: %lld in the place of %lld", text, zone, (long long)now, (long long)got, (long long)wanted);
            now = got;
            compared++;
        }
    }
    assert_true(compared > 1200);
}

/* The one that comes last is found, and cheaply enough for a thousand of them. */
static void the_rarest(void **state) {
    (void)state;
    struct cron cron = parsed("0 0 29 2 */7");
    int64_t now = at("2088-03-01T00:00:00Z"), due_s;
    assert_true(cron_next(&cron, "America/New_York", now, &due_s));
    assert_int_equal(due_s, at("2128-02-29T05:00:00Z"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fields),     cmocka_unit_test(day_of_month_or_of_week), cmocka_unit_test(nicknames),          cmocka_unit_test(refused),
        cmocka_unit_test(kept_times), cmocka_unit_test(times_of_the_clock),      cmocka_unit_test(as_the_clock_shows), cmocka_unit_test(the_rarest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
