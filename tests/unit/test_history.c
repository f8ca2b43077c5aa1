// SPDX-License-Identifier: Apache-2.0
#include "store/history.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct history_page page_at(unsigned n) {
    return (struct history_page){.answered_us = 1000 + n / 3, .job = n % 3, .took_ms = n + 1, .records = n, .paid = n % 2, .cost = {.nano = n % 2 ? n : 0}};
}

/* Which pages are kept, and how, does not depend on the order in which they come. */
static void test_order(void **state) {
    enum { PAGES = 3 * HISTORY_PAGES / 2 };
    static unsigned order[PAGES];
    static unsigned char bytes[2][CODEC_ROW_BYTES];
    size_t length[2];
    (void)state;
    srand(3);
    for (unsigned i = 0; i < PAGES; i++)
        order[i] = i;
    for (unsigned round = 0; round < 20; round++) {
        struct history history = {.count = 0};
        unsigned refused = 0;
        for (unsigned i = 0; i < PAGES; i++) {
            struct history_page page = page_at(order[i]);
            refused += !history_add(&history, &page);
        }
        assert_int_equal(history.count, HISTORY_PAGES);
        assert_int_equal(history.pages[HISTORY_PAGES - 1].took_ms, PAGES);
        assert_int_equal(history.pages[0].took_ms, PAGES - HISTORY_PAGES + 1);
        assert_true(round > 0 || refused == 0); /* in order each is the newest */
        length[round > 0] = history_write(&history, bytes[round > 0]);
        if (round > 0) {
            assert_int_equal(length[0], length[1]);
            assert_memory_equal(bytes[0], bytes[1], length[0]);
        }
        for (unsigned i = PAGES - 1; i > 0; i--) {
            unsigned k = (unsigned)rand() % (i + 1), kept = order[i];
            order[i] = order[k];
            order[k] = kept;
        }
    }
}

static void test_bytes(void **state) {
    unsigned char bytes[CODEC_ROW_BYTES], again[CODEC_ROW_BYTES];
    struct history history = {.count = 0}, back;
    (void)state;
    size_t length = history_write(&history, bytes);
    assert_true(history_read(bytes, length, &back));
    assert_int_equal(back.count, 0);
    for (unsigned i = 0; i < 10; i++) {
        struct history_page page = page_at(i);
        assert_true(history_add(&history, &page));
    }
    history.pages[9].cost.nano = (__extension__(__int128) INT64_MAX) + 5; /* more than fits is the most that does */
    length = history_write(&history, bytes);
    assert_true(history_read(bytes, length, &back));
    assert_int_equal(back.count, 10);
    assert_true(back.pages[9].cost.nano == INT64_MAX && back.pages[9].paid && back.pages[3].answered_us == 1001);
    assert_int_equal(history_write(&back, again), length);
    assert_memory_equal(bytes, again, length);
    for (size_t cut = 0; cut < length; cut++)
        assert_int_equal(history_read(bytes, cut, &back), cut % 29 == 1);
    bytes[1]++; /* out of order */
    bytes[2] = 0xff;
    assert_false(history_read(bytes, length, &back));
    bytes[0]++;
    assert_false(history_read(bytes, length, &back));
    memset(bytes, CODEC_VERSION, sizeof bytes);
    assert_false(history_read(bytes, (HISTORY_PAGES + 1) * 29 + 1, &back));
}

static void test_job(void **state) {
    (void)state;
    assert_int_equal(history_job("20261123T170501Z-4f9c2a01b7d3-a"), history_job("20261123T170501Z-4f9c2a01b7d3-a"));
    assert_int_not_equal(history_job("20261123T170501Z-4f9c2a01b7d3-a"), history_job("20261123T170501Z-4f9c2a01b7d4-a"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_bytes),
        cmocka_unit_test(test_job),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
