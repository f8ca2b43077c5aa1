// SPDX-License-Identifier: Apache-2.0
#include "source/paginator_ids.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static struct paginator *plan(uint64_t count, uint64_t size) {
    struct paginator *p;
    assert_int_equal(paginator_ids_new(count, size, &p), RC_OK);
    return p;
}

static struct page next(struct paginator *p, uint32_t batch, uint64_t offset, uint64_t limit) {
    struct page page;
    assert_int_equal(paginator_next(p, &page), RC_OK);
    assert_int_equal(page.batch, batch);
    assert_int_equal(page.offset, offset);
    assert_int_equal(page.limit, limit);
    return page;
}

static void came(struct paginator *p, const struct page *page, uint64_t records) {
    const struct page_facts facts = {.records = records, .total = UINT64_MAX, .count = UINT64_MAX};
    paginator_answer(p, page, &facts);
}

static void nothing(struct paginator *p, enum rc wanted) {
    struct page page;
    assert_int_equal(paginator_next(p, &page), wanted);
}

static void slices(void **state) {
    (void)state;
    struct paginator *p = plan(1000, 400);
    struct page a = next(p, 1, 0, 400), b = next(p, 2, 400, 400), c = next(p, 3, 800, 200);
    nothing(p, RC_AGAIN);
    came(p, &c, 200);
    came(p, &a, 400);
    assert_false(paginator_ended(p));
    came(p, &b, 400);
    nothing(p, RC_GONE);
    assert_true(paginator_ended(p));
    paginator_free(p);
}

static void none(void **state) {
    (void)state;
    struct paginator *p = plan(0, 400);
    nothing(p, RC_GONE);
    assert_true(paginator_ended(p));
    paginator_free(p);
}

/* What did not come is asked for again until nothing more comes. */
static void short_slices(void **state) {
    (void)state;
    struct paginator *p = plan(500, 400);
    struct page a = next(p, 1, 0, 400);
    came(p, &a, 150);
    struct page again = next(p, 2, 0, 250), b = next(p, 3, 400, 100);
    came(p, &b, 0);
    came(p, &again, 249);
    struct page last = next(p, 4, 0, 1);
    nothing(p, RC_AGAIN);
    came(p, &last, 0);
    nothing(p, RC_GONE);
    assert_true(paginator_ended(p));
    paginator_free(p);
}

/* As a journal is replayed: every page first, then what came of those that were answered. */
static void replayed(void **state) {
    (void)state;
    struct paginator *p = plan(1200, 400);
    const struct page pages[] = {{.batch = 1, .offset = 0, .limit = 400}, {.batch = 2, .offset = 400, .limit = 400}, {.batch = 3, .offset = 0, .limit = 300}};
    for (size_t i = 0; i < 3; i++)
        paginator_restore(p, &pages[i]);
    came(p, &pages[0], 100);
    struct page c = next(p, 4, 800, 400);
    nothing(p, RC_AGAIN);
    came(p, &pages[2], 300);
    came(p, &c, 400);
    paginator_doubt(p, &pages[1]);
    nothing(p, RC_GONE);
    assert_false(paginator_ended(p));
    const struct page_facts closed = {.records = 400, .given_up = true};
    paginator_answer(p, &pages[1], &closed);
    assert_true(paginator_ended(p));
    paginator_free(p);
}

/* A page of another plan changes nothing. */
static void strange_pages(void **state) {
    (void)state;
    struct paginator *p = plan(10, 10);
    const struct page far = {.batch = 7, .offset = 1000, .limit = 10};
    paginator_restore(p, &far);
    came(p, &far, 10);
    next(p, 8, 0, 10);
    paginator_free(p);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(slices), cmocka_unit_test(none), cmocka_unit_test(short_slices), cmocka_unit_test(replayed),
                                       cmocka_unit_test(strange_pages)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
