// SPDX-License-Identifier: Apache-2.0
#include "source/paginator_page.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "source_fixture.h"

/* The plan of page_number by itself; with requests and answers: test_paginator_conformance.c. */

#define NONE UINT64_MAX

static struct source *page_source(const char *more) {
    char patch[512];

    (void)snprintf(patch, sizeof(patch), "{\"paginator\":{\"type\":\"page_number\",\"limit\":10%s}}", more);
    return source_of(patch);
}

static struct paginator *start(const struct source *s, uint64_t take, uint64_t total) {
    const struct paginator_start begin = {.take = take, .total = total, .page_size = 10};
    struct paginator *p;
    struct err err = {0};

    if (paginator_new(s, &begin, &p, &err) != RC_OK) {
        fail_msg("%s", err.text);
    }
    return p;
}

/* The next page, which must be this one. */
static struct page next(struct paginator *p, uint32_t batch, uint64_t number) {
    struct page page;

    assert_int_equal(paginator_next(p, &page), RC_OK);
    assert_int_equal(page.batch, batch);
    assert_int_equal(page.offset, number);
    return page;
}

static void answer(struct paginator *p, struct page page, uint64_t records, uint64_t total) {
    paginator_answer(p, &page, &(struct page_facts){.records = records, .total = total});
}

static void assert_next(struct paginator *p, enum rc rc) {
    struct page page;

    assert_int_equal(paginator_next(p, &page), rc);
    assert_int_equal(paginator_ended(p), rc == RC_GONE);
}

static void test_limits(void **state) {
    struct source *s = page_source(",\"base_page\":1,\"page\":3,\"maximum_page\":6");
    struct paginator *p = start(s, NONE, NONE);
    struct page page = next(p, 1, 3);

    (void)state;
    assert_int_equal(page.limit, 0); /* nothing says how it is sent */
    assert_next(p, RC_AGAIN);
    answer(p, page, 10, 100);
    page = next(p, 2, 4);
    answer(p, next(p, 3, 5), 10, 100);
    assert_next(p, RC_AGAIN);
    answer(p, page, 10, 100);
    assert_next(p, RC_GONE);
    paginator_free(p);
    p = start(s, NONE, NONE);
    answer(p, next(p, 1, 3), 10, 4); /* pages 1 to 4 */
    answer(p, next(p, 2, 4), 10, 4);
    assert_next(p, RC_GONE);
    paginator_free(p);
    source_free(s);
}

static void test_preview(void **state) {
    struct source *s = page_source("");
    struct paginator *p = start(s, NONE, 2);

    (void)state;
    answer(p, next(p, 1, 0), 10, NONE);
    answer(p, next(p, 2, 1), 10, NONE);
    assert_next(p, RC_GONE);
    paginator_free(p);
    p = start(s, NONE, 0);
    assert_next(p, RC_GONE);
    paginator_free(p);
    source_free(s);
    s = page_source(",\"total_unit\":\"records\",\"limit_param\":\"n\"");
    assert_true(paginator_total_is_records(s));
    p = start(s, NONE, 11);
    answer(p, next(p, 1, 0), 10, NONE);
    answer(p, next(p, 2, 1), 1, NONE);
    assert_next(p, RC_GONE);
    paginator_free(p);
    source_free(s);
}

/* What a preview counts by count_path are records, which is no number of pages. */
static void test_preview_of_records(void **state) {
    struct source *s = source_of("{\"paginator\":{\"type\":\"page_number\",\"limit\":10},\"metering\":{\"count_path\":\"/count\"}}");
    struct paginator *p = start(s, NONE, 1);

    (void)state;
    assert_false(paginator_total_is_records(s));
    answer(p, next(p, 1, 0), 10, NONE);
    answer(p, next(p, 2, 1), 0, NONE);
    assert_next(p, RC_GONE);
    paginator_free(p);
    source_free(s);
}

static void test_doubt(void **state) {
    struct source *s = page_source("");
    struct paginator *p = start(s, NONE, 3);
    struct page first = next(p, 1, 0), page;

    (void)state;
    assert_next(p, RC_AGAIN);
    paginator_doubt(p, &first);
    page = next(p, 2, 1);
    assert_next(p, RC_AGAIN); /* one alone, until the server's pages are known */
    answer(p, page, 10, 3);
    answer(p, next(p, 3, 2), 10, 3);
    assert_next(p, RC_AGAIN);
    paginator_answer(p, &first, &(struct page_facts){.total = NONE, .given_up = true});
    assert_next(p, RC_GONE);
    paginator_free(p);
    source_free(s);
    s = page_source(",\"total_unit\":\"records\"");
    p = start(s, NONE, 15);
    first = next(p, 1, 0);
    paginator_doubt(p, &first);
    answer(p, next(p, 2, 1), 5, 15); /* the last page may be short: that says nothing of the others */
    assert_next(p, RC_AGAIN);
    answer(p, first, 10, 15);
    assert_next(p, RC_GONE);
    paginator_free(p);
    source_free(s);
}

/* A page that was given up says nothing: neither that nothing follows, nor how many pages there are. */
static void test_given_up(void **state) {
    struct source *s = page_source("");
    struct paginator *p = start(s, NONE, NONE);
    struct page page = next(p, 1, 0);

    (void)state;
    paginator_answer(p, &page, &(struct page_facts){.total = 1, .more = MORE_NO, .given_up = true});
    answer(p, next(p, 2, 1), 10, NONE);
    answer(p, next(p, 3, 2), 0, NONE);
    assert_next(p, RC_GONE);
    paginator_free(p);
    source_free(s);
}

/* has_more was false for a page, and a later one that was out already had records. */
static void test_stop_taken_back(void **state) {
    struct source *s = page_source(",\"has_more_path\":\"/more\"");
    struct paginator *p = start(s, NONE, 5);
    struct page second, third;

    (void)state;
    answer(p, next(p, 1, 0), 10, NONE);
    second = next(p, 2, 1);
    third = next(p, 3, 2);
    paginator_answer(p, &second, &(struct page_facts){.records = 10, .total = NONE, .more = MORE_NO});
    assert_next(p, RC_AGAIN);
    answer(p, third, 10, NONE);
    answer(p, next(p, 4, 3), 0, NONE);
    assert_next(p, RC_GONE);
    paginator_free(p);
    source_free(s);
}

static void test_newest_total(void **state) {
    struct source *s = page_source("");
    struct paginator *p = start(s, NONE, NONE);
    struct page second;

    (void)state;
    answer(p, next(p, 1, 0), 10, 3);
    second = next(p, 2, 1);
    answer(p, next(p, 3, 2), 10, 4);
    answer(p, second, 10, 2); /* asked before: what batch 3 was told is newer */
    answer(p, next(p, 4, 3), 10, 0);
    assert_next(p, RC_GONE);
    paginator_free(p);
    source_free(s);
}

static void test_most(void **state) {
    struct source *s = page_source("");
    struct paginator *p = start(s, NONE, NONE);
    struct page page = {.batch = LIMIT_BATCHES, .offset = LIMIT_BATCHES - 1};

    (void)state;
    paginator_restore(p, &page);
    answer(p, page, 10, NONE);
    assert_next(p, RC_PERM);
    paginator_free(p);
    p = start(s, NONE, NONE);
    page = (struct page){.batch = LIMIT_BATCHES + 1, .offset = 5}; /* no such batch: from a journal that was written to */
    paginator_restore(p, &page);
    answer(p, page, 10, NONE);
    (void)next(p, 1, 0);
    paginator_free(p);
    source_free(s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_limits),   cmocka_unit_test(test_preview),         cmocka_unit_test(test_preview_of_records), cmocka_unit_test(test_doubt),
        cmocka_unit_test(test_given_up), cmocka_unit_test(test_stop_taken_back), cmocka_unit_test(test_newest_total),       cmocka_unit_test(test_most),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
