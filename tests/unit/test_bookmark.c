// SPDX-License-Identifier: Apache-2.0
#include "spool/bookmark.h"

#include "os/fsio.h"
#include "spool_scratch.h"

static void write_file(struct bench *b, const char *path, const char *text) {
    fsio_make_dirs(b->spool->bookmarks_fd, "tickets", 02770, &b->err);
    bench_put(b->spool->bookmarks_fd, path, text);
}

static struct job_row row_of(const char *name) {
    struct job_row row;
    job_row_init(&row, ID_A);
    str_copy(row.source, sizeof row.source, "tickets");
    str_copy(row.name, sizeof row.name, name);
    return row;
}

static const char *value_of(struct bench *b, const char *name) {
    static struct buf value = BUF_INIT(1024);
    buf_reset(&value);
    enum rc rc = bookmark_read(b->spool, "tickets", name, &value, &b->err);
    return rc == RC_OK ? buf_text(&value) : rc_name(rc);
}

static void test_compare(void **state) {
    static const struct {
        const char *a, *b;
        int order;
    } cases[] = {
        {"\"2026-11-23T10:00:00Z\"", "\"2026-11-23T11:00:00+02:00\"", 1},
        {"\"2026-11-23T10:00:00Z\"", "\"2026-11-23T10:00:00.000Z\"", 0},
        {"\"2026-11-23\"", "\"2026-11-22T23:59:59Z\"", 1},
        {"9", "10", -1},
        {"10.0", "10", 0},
        {"9007199254740993", "9007199254740992", 1},
        {"\"9\"", "\"10\"", 1},
        {"\"b\"", "\"a\"", 1},
        {"\"a\"", "\"ab\"", -1},
        {"\"a\"", "\"a\"", 0},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int there = bookmark_compare(slice_of(cases[i].a), slice_of(cases[i].b)), back = bookmark_compare(slice_of(cases[i].b), slice_of(cases[i].a));
        if ((there > 0) - (there < 0) != cases[i].order || (back > 0) - (back < 0) != -cases[i].order)
            fail_msg("%s, %s: %d, %d", cases[i].a, cases[i].b, there, back);
    }
}

static void test_names(void **state) {
    char path[160], other[160], name[129];
    (void)state;
    bookmark_path("tickets", "nightly", path, sizeof path);
    assert_string_equal(path, "tickets/nightly.json");
    bookmark_path("tickets", "Nightly", path, sizeof path);
    bookmark_path("tickets", "nightlY", other, sizeof other);
    assert_string_not_equal(path, other);
    assert_true(strncmp(path, "tickets/nightly-", 16) == 0);
    bookmark_path("tickets", "../../../etc/passwd", path, sizeof path);
    assert_null(strstr(path, ".."));
    struct job_row row = row_of("");
    bookmark_name(&row, name);
    assert_string_equal(name, "ca-absentee");
    row = row_of("Absentee owners");
    bookmark_name(&row, name);
    assert_string_equal(name, "Absentee owners");
}

static void test_advances(void **state) {
    struct bench *b = *state;
    struct job_row row = row_of("nightly");
    assert_string_equal(value_of(b, "nightly"), rc_name(RC_GONE));
    assert_int_equal(bookmark_advance(b->spool, &row, "\"2026-11-23T10:00:00Z\"", &b->err), RC_OK);
    assert_string_equal(value_of(b, "nightly"), "\"2026-11-23T10:00:00Z\"");
    /* the same job once more: edited meanwhile, and left so */
    write_file(b, "tickets/nightly.json", "{\"last_value\": \"2026-01-01T00:00:00Z\", \"job_id\": \"" ID_A "\"}");
    assert_int_equal(bookmark_advance(b->spool, &row, "\"2026-11-23T10:00:00Z\"", &b->err), RC_OK);
    assert_string_equal(value_of(b, "nightly"), "\"2026-01-01T00:00:00Z\"");
    /* another job goes on from the edit, and never back */
    str_copy(row.id, sizeof row.id, ID_B);
    assert_int_equal(bookmark_advance(b->spool, &row, "\"2025-12-31T00:00:00Z\"", &b->err), RC_OK);
    assert_string_equal(value_of(b, "nightly"), "\"2026-01-01T00:00:00Z\"");
    assert_int_equal(bookmark_advance(b->spool, &row, "\"2026-02-01T00:00:00Z\"", &b->err), RC_OK);
    assert_string_equal(value_of(b, "nightly"), "\"2026-02-01T00:00:00Z\"");
    assert_string_equal(value_of(b, "other"), rc_name(RC_GONE));
}

static void test_numbers_stay_exact(void **state) {
    struct bench *b = *state;
    struct job_row row = row_of("nightly");
    assert_int_equal(bookmark_advance(b->spool, &row, "9007199254740993", &b->err), RC_OK);
    assert_string_equal(value_of(b, "nightly"), "9007199254740993");
}

static void test_damaged_files(void **state) {
    struct bench *b = *state;
    struct job_row row = row_of("nightly");
    static const char *const texts[] = {"", "{\"last_value\": ", "{\"last_value\": true}", "{\"last_value\": {\"a\": 1}}"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        write_file(b, "tickets/nightly.json", texts[i]);
        assert_string_equal(value_of(b, "nightly"), rc_name(RC_PERM));
        assert_non_null(strstr(b->err.text, "bookmarks/tickets/nightly.json"));
        assert_int_equal(bookmark_advance(b->spool, &row, "5", &b->err), RC_OK); /* left alone */
        assert_string_equal(value_of(b, "nightly"), rc_name(RC_PERM));
    }
    write_file(b, "tickets/nightly.json", "{\"last_value\": null}");
    assert_string_equal(value_of(b, "nightly"), rc_name(RC_GONE));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_compare),
        cmocka_unit_test(test_names),
        cmocka_unit_test_setup_teardown(test_advances, bench_setup, bench_teardown),
        cmocka_unit_test_setup_teardown(test_numbers_stay_exact, bench_setup, bench_teardown),
        cmocka_unit_test_setup_teardown(test_damaged_files, bench_setup, bench_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
