// SPDX-License-Identifier: Apache-2.0
#include "api/board.h"

#include "base/str.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define JOBS 700u

/* Numbers in no order, the same each time. */
static unsigned next(unsigned *state) {
    return (*state = *state * 1103515245u + 12345u) >> 8;
}

static void make_row(unsigned n, struct job_row *row) {
    static const char *const WORDS[] = {"Absentee", "reno", "Sparks", "élan", "condo"};
    unsigned state = n;
    char id[JOBID_SIZE];
    str_format(id, sizeof id, "20260101T%02u%02u%02uZ-%012x-job-%u", n / 3600, n / 60 % 60, n % 60, next(&state), n);
    job_row_init(row, id);
    row->place = (enum place)(PLACE_PENDING + next(&state) % (PLACE_COUNT - PLACE_PENDING));
    row->priority = (enum priority)(next(&state) % 4);
    row->created_us = 1000000 * (int64_t)(next(&state) % 50);
    row->updated_us = 1000000 * (int64_t)(next(&state) % 50);
    row->total_records = next(&state) % 9 ? next(&state) % 40 : JOB_UNKNOWN;
    row->captured_batches = next(&state) % 3;
    row->loaded_batches = next(&state) % 3;
    str_format(row->name, sizeof row->name, "%s %s", WORDS[next(&state) % 5], WORDS[next(&state) % 5]);
    str_format(row->source, sizeof row->source, "source-%u", next(&state) % 3);
    str_format(row->created_by, sizeof row->created_by, "owner-%u", next(&state) % 3);
    str_copy(row->mode, sizeof row->mode, next(&state) % 7 ? "run" : "results");
}

/* All jobs, taken in without order. */
static int setup(void **state) {
    struct board *board = board_new();
    struct job_row row;
    for (unsigned i = 0; i < JOBS; i++) {
        make_row(i * 391 % JOBS, &row);
        assert_int_equal(board_put(board, &row, false, NULL), RC_OK);
    }
    *state = board;
    return 0;
}

static int teardown(void **state) {
    board_free(*state);
    return 0;
}

/* What a page must be, one row after the other. */
static int compare(const struct board_row *a, const struct board_row *b, const struct board_query *query) {
    int by = 0;
    if (query->sort == BOARD_CREATED)
        by = (a->created_us > b->created_us) - (a->created_us < b->created_us);
    else if (query->sort == BOARD_NAME)
        by = strcasecmp(a->name, b->name);
    else if (query->sort == BOARD_TOTAL)
        by = (a->total_records != JOB_UNKNOWN ? (int)a->total_records : -1) - (b->total_records != JOB_UNKNOWN ? (int)b->total_records : -1);
    else if (query->sort == BOARD_STATUS)
        by = strcmp(place_status((enum place)a->place), place_status((enum place)b->place));
    if (!by)
        by = strcmp(a->id, b->id);
    return query->down ? -by : by;
}

static size_t expected(const struct board *board, bool (*wanted)(const struct board_row *row), const char *owner) {
    size_t count = 0;
    for (size_t i = 0; i < board_count(board); i++)
        count += wanted(board_at(board, i)) && (!owner || strcmp(board_at(board, i)->owner, owner) == 0);
    return count;
}

/* Page after page has every job that is wanted, once, in order. */
static void check(const struct board *board, const char *text, bool (*wanted)(const struct board_row *row), const char *owner) {
    static const enum board_sort SORTS[] = {BOARD_CREATED, BOARD_NAME, BOARD_TOTAL, BOARD_STATUS};
    struct filter filter = {0};
    struct err err = {0};
    assert_int_equal(filter_parse(&filter, text, 100000000, &err), RC_OK);
    for (size_t i = 0; i < 2 * sizeof SORTS / sizeof SORTS[0]; i++) {
        struct board_query query = {.filter = &filter, .owner = owner, .sort = SORTS[i / 2], .down = i % 2, .limit = 23, .after = ""};
        struct board_page page;
        const struct board_row *before = NULL;
        size_t seen = 0;
        do {
            board_list(board, &query, &page);
            assert_int_equal(page.total, expected(board, wanted, owner));
            for (size_t at = 0; at < page.count; at++) {
                assert_true(wanted(page.rows[at]) && board_has(board, &filter, page.rows[at]));
                assert_true(!before || compare(before, page.rows[at], &query) < 0);
                before = page.rows[at];
            }
            seen += page.count;
            query.after = page.count ? page.rows[page.count - 1]->id : "";
        } while (page.more);
        assert_int_equal(seen, page.total);
    }
}

static bool runs(const struct board_row *row) {
    return row->runs;
}

static bool failed(const struct board_row *row) {
    return row->runs && row->place == PLACE_FAILED && row->created_us < 70000000 && strcmp(row->source, "source-1") == 0;
}

static bool of_reno(const struct board_row *row) {
    return row->runs && strcasestr(row->name, "reno") && strstr(row->id, "-job-1");
}

static bool unloaded(const struct board_row *row) {
    return row->runs && row->captured_batches > row->loaded_batches;
}

static bool of_results(const struct board_row *row) {
    return strcmp(row->mode, "results") == 0;
}

static bool none(const struct board_row *row) {
    (void)row;
    return false;
}

static void test_lists(void **state) {
    check(*state, "", runs, NULL);
    check(*state, "", runs, "owner-2");
    check(*state, "status:failed source:source-1 older:30s", failed, NULL);
    check(*state, "RENO job-1", of_reno, NULL);
    check(*state, "is:unloaded", unloaded, "owner-0");
    check(*state, "mode:results", of_results, NULL);
    check(*state, "renosparks", none, NULL);
}

static void test_changes(void **state) {
    struct job_row row;
    struct board_change change;
    make_row(5, &row);
    row.place = row.place == PLACE_FAILED ? PLACE_HOLD : PLACE_FAILED;
    str_copy(row.name, sizeof row.name, "quite another name");
    assert_int_equal(board_put(*state, &row, false, &change), RC_OK);
    assert_true(change.moved && !change.fresh);
    board_remove(*state, board_at(*state, 9)->id);
    assert_int_equal(board_count(*state), JOBS - 1);
    check(*state, "", runs, NULL);
    check(*state, "reno job-1", of_reno, NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_lists), cmocka_unit_test(test_changes)};
    return cmocka_run_group_tests(tests, setup, teardown);
}
