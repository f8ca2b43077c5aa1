// SPDX-License-Identifier: Apache-2.0
#include "api/board.h"

#include "base/str.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define SORTS (BOARD_COST + 1)
#define NOW_US (INT64_C(1795000000) * 1000000)

static const char *const NAMES[SORTS] = {"created_at", "updated_at", "completed_at",  "priority",          "status",
                                         "source",     "name",       "total_records", "processed_records", "cost"};

static int setup(void **state) {
    *state = board_new();
    return *state ? 0 : 1;
}

static int teardown(void **state) {
    board_free(*state);
    return 0;
}

/* The same numbers each time: a failure can be looked at. */
static uint32_t draw(uint32_t *seed, uint32_t most) {
    *seed = *seed * 1664525u + 1013904223u;
    return (*seed >> 8) % most;
}

static void id_of(unsigned number, char id[JOBID_SIZE]) {
    snprintf(id, JOBID_SIZE, "20261123T17%02u%02uZ-%012x-x", number / 60 % 60, number % 60, number * 7919u);
}

/* Few values of each, so that there are ties. */
static struct job_row random_row(uint32_t *seed, unsigned number) {
    static const char *const sources[] = {"items", "properties", "pagespeed"}, *const owners[] = {"ops", "rival", "ada", ""};
    char id[JOBID_SIZE];
    struct job_row row;
    id_of(number, id);
    job_row_init(&row, id);
    row.place = (enum place)(PLACE_PENDING + (int)draw(seed, PLACE_COUNT - PLACE_PENDING));
    row.priority = (enum priority)draw(seed, PRIORITY_URGENT + 1);
    str_copy(row.mode, sizeof row.mode, draw(seed, 10) ? "run" : "preview");
    str_copy(row.source, sizeof row.source, sources[draw(seed, 3)]);
    str_copy(row.created_by, sizeof row.created_by, owners[draw(seed, 4)]);
    snprintf(row.name, sizeof row.name, "%s %u", draw(seed, 2) ? "Reno" : draw(seed, 2) ? "reno" : "\xc3\xa9lan", draw(seed, 20));
    snprintf(row.campaign, sizeof row.campaign, "C-%u", draw(seed, 5));
    row.created_us = NOW_US - draw(seed, 50) * INT64_C(60000000);
    row.updated_us = row.created_us + draw(seed, 5) * INT64_C(1000000);
    row.completed_us = draw(seed, 2) ? row.updated_us : 0;
    row.total_records = draw(seed, 4) ? draw(seed, 30) : JOB_UNKNOWN;
    row.processed_records = draw(seed, 30);
    row.captured_batches = draw(seed, 3);
    row.loaded_batches = draw(seed, (uint32_t)row.captured_batches + 1);
    char cost[16];
    snprintf(cost, sizeof cost, "%u.%02u", draw(seed, 12), draw(seed, 3));
    assert_true(dec_parse(slice_of(cost), &row.cost));
    return row;
}

static void put(struct board *board, const struct job_row *row, struct board_change *change) {
    assert_int_equal(board_put(board, row, false, change), RC_OK);
}

static void put_find_remove(void **state) {
    struct board *board = *state;
    struct board_change change;
    uint32_t seed = 1;
    char id[JOBID_SIZE];
    for (unsigned i = 0; i < 500; i++) { /* in no order */
        const struct job_row row = random_row(&seed, i * 37 % 500);
        put(board, &row, &change);
        assert_true(change.fresh && strcmp(change.row->id, row.id) == 0);
        assert_int_equal(board_count(board), i + 1);
    }
    for (size_t i = 1; i < 500; i++)
        assert_true(strcmp(board_at(board, i - 1)->id, board_at(board, i)->id) < 0);
    assert_null(board_at(board, 500));
    for (unsigned i = 0; i < 500; i += 2) {
        id_of(i, id);
        board_remove(board, id);
        assert_null(board_find(board, id));
        board_remove(board, id);
    }
    assert_int_equal(board_count(board), 250);
    for (unsigned i = 1; i < 500; i += 2) {
        id_of(i, id);
        assert_non_null(board_find(board, id));
    }
    assert_null(board_find(board, "nothing"));
    board_clear(board);
    assert_int_equal(board_count(board), 0);
    id_of(1, id);
    assert_null(board_find(board, id));
}

static void changes(void **state) {
    struct board *board = *state;
    struct board_change change;
    uint32_t seed = 2;
    struct job_row row = random_row(&seed, 1);
    put(board, &row, &change);
    put(board, &row, &change);
    assert_false(change.fresh || change.moved || change.progressed || change.files);
    row.place = row.place == PLACE_PENDING ? PLACE_PROCESSING : PLACE_PENDING;
    put(board, &row, &change);
    assert_true(change.moved && !change.progressed && !change.files);
    assert_int_equal(board_put(board, &row, true, &change), RC_OK);
    assert_true(change.moved && change.row->waiting);
    put(board, &row, NULL);
    row.captured_batches++;
    put(board, &row, &change);
    assert_true(change.files && change.progressed && !change.moved);
    row.processed_records++;
    put(board, &row, &change);
    assert_true(change.progressed && !change.files);
    str_copy(row.reason, sizeof row.reason, "max_cost");
    put(board, &row, &change);
    assert_true(change.moved);
    str_copy(row.name, sizeof row.name, "Another");
    put(board, &row, &change);
    assert_string_equal(board_find(board, row.id)->name, "Another");
    assert_true(strstr(board_find(board, row.id)->text, "another") != NULL);
    assert_int_equal(board_count(board), 1);
}

static void sorts_have_names(void **state) {
    (void)state;
    for (int i = 0; i < SORTS; i++) {
        enum board_sort sort;
        bool down;
        char text[40];
        assert_true(board_sort_parse(NAMES[i], &sort, &down));
        assert_true((int)sort == i && !down);
        snprintf(text, sizeof text, "-%s", NAMES[i]);
        assert_true(board_sort_parse(text, &sort, &down));
        assert_true((int)sort == i && down);
        assert_true(strstr(board_sort_names, NAMES[i]) != NULL);
    }
    static const char *const bad[] = {"", "-", "--name", "Name", "created", "name ", "-name,cost"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        enum board_sort sort;
        bool down;
        assert_false(board_sort_parse(bad[i], &sort, &down));
    }
}

/* --- against a list that is sorted as a whole ------------------------------------------------------------------------------ */

static struct {
    int sort;
    bool down;
} wanted;

static int number(int64_t a, int64_t b) {
    return (a > b) - (a < b);
}

static int compare(const void *pa, const void *pb) {
    const struct job_row *a = *(struct job_row *const *)pa, *b = *(struct job_row *const *)pb;
    int by = 0;
    switch (wanted.sort) {
    case BOARD_CREATED:
        by = number(a->created_us, b->created_us);
        break;
    case BOARD_UPDATED:
        by = number(a->updated_us, b->updated_us);
        break;
    case BOARD_COMPLETED:
        by = number(a->completed_us, b->completed_us);
        break;
    case BOARD_PRIORITY:
        by = number(a->priority, b->priority);
        break;
    case BOARD_STATUS:
        by = strcmp(place_status(a->place), place_status(b->place));
        break;
    case BOARD_SOURCE:
        by = strcmp(a->source, b->source);
        break;
    case BOARD_NAME:
        by = strcasecmp(a->name, b->name);
        break;
    case BOARD_TOTAL:
        by = a->total_records == b->total_records ? 0
             : a->total_records == JOB_UNKNOWN    ? -1
             : b->total_records == JOB_UNKNOWN    ? 1
                                                  : number((int64_t)a->total_records, (int64_t)b->total_records);
        break;
    case BOARD_PROCESSED:
        by = number((int64_t)a->processed_records, (int64_t)b->processed_records);
        break;
    case BOARD_COST:
        by = dec_compare(a->cost, b->cost);
        break;
    default:
        fail();
    }
    by = by ? by : strcmp(a->id, b->id);
    return wanted.down ? -by : by;
}

struct model {
    struct job_row *rows;
    struct job_row **list;
    size_t rows_count, count;
};

static void model_of(struct model *m, const char *source, const char *owner, const char *word) {
    m->count = 0;
    for (size_t i = 0; i < m->rows_count; i++) {
        struct job_row *row = &m->rows[i];
        if (strcmp(row->mode, "run") == 0 && (!source || strcmp(row->source, source) == 0) && (!owner || strcmp(row->created_by, owner) == 0) &&
            (!word || strcasestr(row->name, word)))
            m->list[m->count++] = row;
    }
    qsort(m->list, m->count, sizeof *m->list, compare);
}

/* Page by page by its cursor: the whole list, each once, in order. */
static void read_pages(const struct board *board, const struct model *m, const struct filter *filter, const char *owner, size_t limit) {
    struct board_query query = {.filter = filter, .owner = owner, .sort = (enum board_sort)wanted.sort, .down = wanted.down, .limit = limit, .after = ""};
    struct board_page *page = malloc(sizeof *page);
    char after[JOBID_SIZE];
    size_t seen = 0;
    assert_non_null(page);
    do {
        board_list(board, &query, page);
        assert_int_equal(page->total, m->count);
        assert_true(page->count <= limit);
        assert_true(page->count > 0 || m->count == 0);
        for (size_t i = 0; i < page->count; i++, seen++) {
            assert_true(board_has(board, filter, page->rows[i]));
            if (seen >= m->count || strcmp(page->rows[i]->id, m->list[seen]->id) != 0)
                fail_msg("%s%s, limit %zu: row %zu", wanted.down ? "-" : "", NAMES[wanted.sort], limit, seen);
        }
        assert_int_equal(page->more, seen < m->count);
        if (page->count)
            str_copy(after, sizeof after, page->rows[page->count - 1]->id);
        query.after = after;
    } while (page->more);
    assert_int_equal(seen, m->count);
    free(page);
}

static void ten_thousand(void **state) {
    static const size_t limits[] = {BOARD_LIMIT_MAX, 7};
    struct board *board = *state;
    const size_t count = 10000;
    struct model m = {.rows = calloc(count, sizeof *m.rows), .list = calloc(count, sizeof(struct job_row *)), .rows_count = count};
    struct filter all = {0}, some = {0};
    struct err err = {0};
    uint32_t seed = 3;
    assert_true(m.rows && m.list);
    for (unsigned i = 0; i < count; i++) {
        m.rows[i] = random_row(&seed, i);
        put(board, &m.rows[i], NULL);
    }
    assert_int_equal(filter_parse(&some, "source:items \"reno 1\"", NOW_US, &err), RC_OK);
    for (wanted.sort = 0; wanted.sort < SORTS; wanted.sort++)
        for (int down = 0; down < 2; down++) {
            wanted.down = down;
            model_of(&m, NULL, NULL, NULL);
            assert_in_range(m.count, 5000, 9999);
            read_pages(board, &m, &all, NULL, limits[0]);
            model_of(&m, "items", NULL, "reno 1");
            assert_in_range(m.count, 100, 3000);
            read_pages(board, &m, &some, NULL, limits[1]);
            model_of(&m, "items", "ops", "reno 1");
            assert_in_range(m.count, 10, 1000);
            read_pages(board, &m, &some, "ops", limits[1]);
            model_of(&m, NULL, "nobody", NULL);
            read_pages(board, &m, &all, "nobody", 1);
        }
    free(m.rows);
    free(m.list);
}

struct seen {
    size_t count, most;
    char last[JOBID_SIZE];
};

static bool see(void *context, const struct board_row *row) {
    struct seen *s = context;
    assert_true(strcmp(s->last, row->id) < 0);
    str_copy(s->last, sizeof s->last, row->id);
    return ++s->count < s->most;
}

static void each(void **state) {
    struct board *board = *state;
    const struct filter all = {0};
    uint32_t seed = 4;
    size_t of_ops = 0;
    for (unsigned i = 0; i < 300; i++) {
        struct job_row row = random_row(&seed, i);
        str_copy(row.mode, sizeof row.mode, i % 2 ? "" : "run");
        of_ops += strcmp(row.created_by, "ops") == 0;
        put(board, &row, NULL);
    }
    struct seen seen = {.most = SIZE_MAX};
    board_each(board, &all, NULL, see, &seen);
    assert_int_equal(seen.count, 300);
    seen = (struct seen){.most = SIZE_MAX};
    board_each(board, &all, "ops", see, &seen);
    assert_int_equal(seen.count, of_ops);
    seen = (struct seen){.most = 5};
    board_each(board, &all, NULL, see, &seen);
    assert_int_equal(seen.count, 5);
}

/* Equal causes are one pointer, and there is an end to them. */
static void causes(void **state) {
    struct board *board = *state;
    char text[64];
    const char *one = board_cause(board, "the search gives 3000 records, max_records is 10");
    assert_ptr_equal(one, board_cause(board, "the search gives 2000 records, max_records is 20"));
    for (unsigned i = 0; i < BOARD_CAUSES + 10; i++) {
        snprintf(text, sizeof text, "cause %c%c%c%c", 'a' + (int)(i % 26), 'a' + (int)(i / 26 % 26), 'a' + (int)(i / 676 % 26), 'a' + (int)(i / 17576));
        (void)board_cause(board, text);
    }
    assert_string_equal(board_cause(board, "one more that is new"), "");
    assert_ptr_equal(one, board_cause(board, "the search gives 1 records, max_records is 2"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(put_find_remove, setup, teardown),
        cmocka_unit_test_setup_teardown(changes, setup, teardown),
        cmocka_unit_test(sorts_have_names),
        cmocka_unit_test_setup_teardown(ten_thousand, setup, teardown),
        cmocka_unit_test_setup_teardown(each, setup, teardown),
        cmocka_unit_test_setup_teardown(causes, setup, teardown),
    };
    return cmocka_run_group_tests_name("board", tests, NULL, NULL);
}
