// SPDX-License-Identifier: Apache-2.0
#include "base/heap.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct item {
    int key;
    struct heap_node node; /* not first, so that HEAP_ENTRY has something to do */
};

static bool before(const struct heap_node *a, const struct heap_node *b) {
    const struct item *left = (const struct item *)(const void *)((const char *)a - offsetof(struct item, node));
    const struct item *right = (const struct item *)(const void *)((const char *)b - offsetof(struct item, node));

    return left->key < right->key;
}

static void assert_sound(const struct heap *h) {
    for (size_t i = 0; i < h->count; i++) {
        assert_int_equal(h->nodes[i]->index, i + 1);
        if (i > 0) {
            assert_false(before(h->nodes[i], h->nodes[(i - 1) / 2]));
        }
    }
}

static void test_order(void **state) {
    struct item items[500] = {{0}};
    struct heap h;
    uint32_t random = 12345;
    int last = -1;

    (void)state;
    heap_init(&h, before);
    assert_null(heap_top(&h));
    assert_null(heap_pop(&h));
    for (size_t i = 0; i < 500; i++) {
        random = random * 1664525u + 1013904223u;
        items[i].key = (int)(random >> 24);
        assert_true(heap_push(&h, &items[i].node));
    }
    assert_sound(&h);
    for (size_t i = 0; i < 500; i++) {
        struct heap_node *top = heap_top(&h);
        struct item *item = HEAP_ENTRY(top, struct item, node);

        assert_ptr_equal(heap_pop(&h), top);
        assert_int_equal(top->index, 0);
        assert_true(item->key >= last);
        last = item->key;
    }
    assert_null(heap_pop(&h));
    heap_release(&h);
}

/* Random pushes, removals from the middle and changed keys against a plain scan for the least. */
static void test_against_scan(void **state) {
    struct item items[64] = {{0}};
    struct heap h;
    uint32_t random = 99;

    (void)state;
    heap_init(&h, before);
    for (int round = 0; round < 20000; round++) {
        struct item *item;
        int least = INT32_MAX;

        random = random * 1664525u + 1013904223u;
        item = &items[random >> 26];
        if (item->node.index == 0) {
            item->key = (int)(random >> 8 & 0xFF);
            assert_true(heap_push(&h, &item->node));
        } else if ((random & 0x80) != 0) {
            heap_remove(&h, &item->node);
            assert_int_equal(item->node.index, 0);
            heap_remove(&h, &item->node);
            heap_moved(&h, &item->node);
        } else {
            item->key = (int)(random >> 8 & 0xFF);
            heap_moved(&h, &item->node);
        }
        assert_sound(&h);
        for (size_t i = 0; i < 64; i++) {
            if (items[i].node.index != 0 && items[i].key < least) {
                least = items[i].key;
            }
        }
        if (h.count > 0) {
            assert_int_equal(HEAP_ENTRY(heap_top(&h), struct item, node)->key, least);
        }
    }
    heap_release(&h);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_against_scan),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
