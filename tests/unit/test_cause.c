// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "api/cause.h"
#include "base/str.h"

static void expect(const char *error, const char *wanted) {
    char cause[CAUSE_SIZE], again[CAUSE_SIZE];
    cause_of(error, cause);
    assert_string_equal(cause, wanted);
    cause_of(cause, again);
    assert_string_equal(again, wanted);
}

static void numbers(void **state) {
    (void)state;
    expect("", "");
    expect("the search costs 500.00 USD for 10000 records, max_cost is 250.00", "the search costs N USD for N records, max_cost is N");
    expect("1,234,567 records", "N records");
    expect("missing: 3, 17, 29 and 4.", "missing: N and N.");
    expect("at -5 degrees (12%)", "at -N degrees (N%)");
    expect("/results/17: not an object", "/results/N: not an object");
    expect("status_500 after 3 tries, HTTP2", "status_500 after N tries, HTTP2");
    expect("record P12345678X", "record PNX");
}

static void ids(void **state) {
    (void)state;
    expect("job 20261123T170501Z-4f9c2a01b7d3-ca-absentee is held", "job ID is held");
    expect("20261123T170501Z-4f9c2a01b7d3-ca-absentee_batch0001.json", "ID.json");
    expect("request 123e4567-e89b-12d3-a456-426614174000: no", "request ID: no");
    expect("sha256 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08 differs", "sha256 ID differs");
    expect("a facade, deadbeef and cafe42", "a facade, deadbeef and cafe42");
    expect("since 2026-11-23T17:05:01.123456Z, until 2026-11-23T18:00:00+01:00.", "since TIME, until TIME.");
    expect("2026-11-23", "N-N-N");
}

static void texts(void **state) {
    (void)state;
    expect("  two\t\nlines\x01 ", "two lines");
    expect("GET https://api.example.com/v1/items/42?token=abc&page=7 failed: why?", "GET https://api.example.com/v1/items/N failed: why?");
    expect("Größe 5 \xff", "Größe N ?");
}

static void is_bounded(void **state) {
    char error[2000] = "", cause[CAUSE_SIZE];
    (void)state;
    for (int i = 0; i < 300; i++)
        strcat(error, "\xc3\xa4 ");
    cause_of(error, cause);
    assert_true(strlen(cause) < CAUSE_SIZE && strlen(cause) > CAUSE_SIZE - 5);
    assert_true(str_is_utf8(cause, strlen(cause)));
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(numbers), cmocka_unit_test(ids), cmocka_unit_test(texts), cmocka_unit_test(is_bounded)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
