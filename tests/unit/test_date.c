// SPDX-License-Identifier: Apache-2.0
#include "base/date.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void test_days(void **state) {
    (void)state;
    struct date date;
    char text[DATE_TEXT_SIZE];
    assert_true(date_parse("1970-01-01", &date));
    assert_int_equal(date_days(date), 0);
    assert_true(date_parse("2000-02-29", &date));
    assert_int_equal(date_days(date), 11016);
    for (int64_t day = -354285; day < 2932896; day += 37) { /* years 1000 to 9999 */
        struct date again = date_of_days(day);
        date_format(again, text);
        assert_true(date_parse(text, &date));
        assert_int_equal(date_days(date), day);
    }
    static const char *const wrong[] = {"2019-02-29",  "2019-13-01", "2019-00-10", "2019-1-1",   "19-01-01",
                                        "2019-01-01x", "",           "0999-01-01", "2019/01/01", "1900-02-29"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_false(date_parse(wrong[i], &date));
}

static void test_months(void **state) {
    (void)state;
    static const struct {
        const char *from, *to;
        int months;
    } cases[] = {{"2019-03-25", "2029-03-25", 120},
                 {"2020-01-31", "2020-02-29", 1},
                 {"2020-02-29", "2021-02-28", 12},
                 {"2020-03-31", "2020-02-29", -1},
                 {"2019-12-01", "2020-01-01", 1}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct date date;
        char text[DATE_TEXT_SIZE];
        assert_true(date_parse(cases[i].from, &date));
        date_format(date_add_months(date, cases[i].months), text);
        assert_string_equal(text, cases[i].to);
    }
}

/* What is read: "Y-M-D", "A|B" for two, "-" for none. */
static void read(const char *text, enum date_order order, char out[32]) {
    struct date dates[2];
    char a[DATE_TEXT_SIZE], b[DATE_TEXT_SIZE];
    enum date_found found = date_read(text, order, dates);
    if (found == DATE_NOT) {
        strcpy(out, "-");
        return;
    }
    date_format(dates[0], a);
    date_format(dates[1], b);
    snprintf(out, 32, found == DATE_TWO ? "%s|%s" : "%s", a, b);
}

static void test_texts(void **state) {
    (void)state;
    static const struct {
        const char *text, *none, *dmy, *mdy;
    } cases[] = {
        {"2019-03-25", "2019-03-25", "2019-03-25", "2019-03-25"},
        {"25 March 2019", "2019-03-25", "2019-03-25", "2019-03-25"},
        {"the 25th day of March, 2019", "2019-03-25", "2019-03-25", "2019-03-25"},
        {"March 25, 2019", "2019-03-25", "2019-03-25", "2019-03-25"},
        {"1st Sept. 2020", "2020-09-01", "2020-09-01", "2020-09-01"},
        {"dated 3 May 2021 (the Term Commencement Date)", "2021-05-03", "2021-05-03", "2021-05-03"},
        {"25/03/2019", "2019-03-25", "2019-03-25", "-"},
        {"03/25/2019", "2019-03-25", "-", "2019-03-25"},
        {"03/04/2019", "2019-04-03|2019-03-04", "2019-04-03", "2019-03-04"},
        {"04/04/2019", "2019-04-04", "2019-04-04", "2019-04-04"},
        {"3.4.2019", "2019-04-03|2019-03-04", "2019-04-03", "2019-03-04"},
        {"3-4/2019", "-", "-", "-"},
        {"03/04/19", "-", "-", "-"},
        {"29 February 2019", "-", "-", "-"},
        {"from completion", "-", "-", "-"},
        {"2019", "-", "-", "-"},
        {"1 March 2019 and 2 March 2019", "-", "-", "-"},
        {"1 March 2019 (01/03/2019)", "-", "2019-03-01", "-"}, /* both must mean the same day */
        {"", "-", "-", "-"},
        {"25 Marching 2019", "-", "-", "-"},
        {"125 March 2019", "-", "-", "-"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char out[32];
        read(cases[i].text, DATE_ORDER_NONE, out);
        assert_string_equal(out, cases[i].none);
        read(cases[i].text, DATE_ORDER_DMY, out);
        assert_string_equal(out, cases[i].dmy);
        read(cases[i].text, DATE_ORDER_MDY, out);
        assert_string_equal(out, cases[i].mdy);
    }
}

static void test_is_in(void **state) {
    (void)state;
    const struct date date = {.year = 2019, .month = 4, .day = 3};
    assert_true(date_is_in("from 1 May 2018 to 3 April 2019", DATE_ORDER_NONE, date));
    assert_true(date_is_in("3/4/2019 and 5/6/2020", DATE_ORDER_DMY, date));
    assert_true(date_is_in("4/3/2019", DATE_ORDER_NONE, date));
    assert_false(date_is_in("4/3/2019", DATE_ORDER_DMY, date));
    assert_false(date_is_in("3 April 2018", DATE_ORDER_DMY, date));
    assert_false(date_is_in("", DATE_ORDER_DMY, date));
}

static void test_orders(void **state) {
    (void)state;
    unsigned day, month;
    date_count_orders("from 25/03/2019 to 24.03.2029, 1/2/2020, 13-14-2020, 2019/25/03, 12/31/2020, 110/25/2019 x25/12/20199", &day, &month);
    assert_int_equal(day, 2);
    assert_int_equal(month, 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_days), cmocka_unit_test(test_months), cmocka_unit_test(test_texts), cmocka_unit_test(test_is_in),
                                       cmocka_unit_test(test_orders)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
