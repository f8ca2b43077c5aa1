// SPDX-License-Identifier: Apache-2.0
#include "os_scratch.h"

#include "spool/jobid.h"

static void slug_keeps_letters_and_digits(void **state) {
    (void)state;
    static const char *const CASES[][2] = {
        {"CA Absentee.json", "ca-absentee"}, {".json", "job"}, {"", "job"}, {"a.json.json", "a-json"}, {"\xc3\xa9t\xc3\xa9.json", "--t--"}, {"x", "x"},
    };
    char slug[JOBID_SLUG_SIZE];
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        jobid_slug(CASES[i][0], slug);
        assert_string_equal(slug, CASES[i][1]);
    }
    jobid_slug("0123456789012345678901234567890123456789tail.json", slug);
    assert_int_equal(strlen(slug), 40);
}

static void new_ids_are_valid_and_differ(void **state) {
    (void)state;
    struct err err = {0};
    char a[JOBID_SIZE], b[JOBID_SIZE], time[17], hex[13];
    const char *slug;
    assert_int_equal(jobid_new(INT64_C(1795453501000000), "ca-absentee", a, &err), RC_OK);
    assert_int_equal(jobid_new(INT64_C(1795453501000000), "ca-absentee", b, &err), RC_OK);
    assert_string_not_equal(a, b);
    assert_true(jobid_valid(a));
    jobid_parts(a, time, hex, &slug);
    assert_string_equal(time, "20261123T170501Z");
    assert_int_equal(strlen(hex), 12);
    assert_string_equal(slug, "ca-absentee");
    assert_int_equal(jobid_new(0, "01234567890123456789012345678901234567890", a, &err), RC_PERM);
}

static void only_the_exact_form_is_valid(void **state) {
    (void)state;
    static const char *const BAD[] = {
        "",
        "20261123T170501Z-4f9c2a01b7d3-",
        "20261123T170501Z-4f9c2a01b7d3",
        "20261123T170501Z-4F9C2A01B7D3-x",
        "20261123T170501Z-4f9c2a01b7d-xx",
        "20261323T170501Z-4f9c2a01b7d3-x",
        "20261123T170501Z-4f9c2a01b7d3-X",
        "20261123T170501Z-4f9c2a01b7d3-x.dup-1",
        "20261123T170501Z-4f9c2a01b7d3-../x",
        "20261123T170501Z-4f9c2a01b7d3-01234567890123456789012345678901234567890",
    };
    for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++)
        assert_false(jobid_valid(BAD[i]));
    assert_true(jobid_valid("20261123T170501Z-4f9c2a01b7d3-0123456789012345678901234567890123456789"));
}

static void file_names(void **state) {
    (void)state;
    char id[JOBID_SIZE];
    assert_true(jobid_from_file("20261123T170501Z-4f9c2a01b7d3-x.json", id));
    assert_string_equal(id, "20261123T170501Z-4f9c2a01b7d3-x");
    assert_false(jobid_from_file("20261123T170501Z-4f9c2a01b7d3-x", id));
    assert_false(jobid_from_file("20261123T170501Z-4f9c2a01b7d3-x.dup-1.json", id));
    assert_string_equal(id, "");
    assert_false(jobid_from_file(".json", id));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(slug_keeps_letters_and_digits),
        cmocka_unit_test(new_ids_are_valid_and_differ),
        cmocka_unit_test(only_the_exact_form_is_valid),
        cmocka_unit_test(file_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
