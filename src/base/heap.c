// SPDX-License-Identifier: Apache-2.0
#include "base/heap.h"

#include <stdint.h>
#include <stdlib.h>

void heap_init(struct heap *h, heap_before *before) {
    *h = (struct heap){.before = before};
}

void heap_release(struct heap *h) {
    free(h->nodes);
    h->nodes = NULL;
    h->count = h->capacity = 0;
}

static void put(struct heap *h, size_t at, struct heap_node *node) {
    h->nodes[at] = node;
    node->index = at + 1;
}

static size_t sift_up(struct heap *h, size_t at, struct heap_node *node) {
    while (at > 0) {
        size_t parent = (at - 1) / 2;

        if (!h->before(node, h->nodes[parent])) {
            break;
        }
        put(h, at, h->nodes[parent]);
        at = parent;
    }
    put(h, at, node);
    return at;
}

static void sift_down(struct heap *h, size_t at, struct heap_node *node) {
    for (;;) {
        size_t child = 2 * at + 1;

        if (child >= h->count) {
            break;
        }
        if (child + 1 < h->count && h->before(h->nodes[child + 1], h->nodes[child])) {
            child++;
        }
        if (!h->before(h->nodes[child], node)) {
            break;
        }
        put(h, at, h->nodes[child]);
        at = child;
    }
    put(h, at, node);
}

/* Node goes to position `at`, whose old element is gone or is node itself; its key may belong above or below. */
static void settle(struct heap *h, size_t at, struct heap_node *node) {
    sift_down(h, sift_up(h, at, node), node);
}

bool heap_push(struct heap *h, struct heap_node *node) {
    if (h->count == h->capacity) {
        size_t capacity = h->capacity > 0 ? h->capacity * 2 : 16;
        struct heap_node **nodes;

        if (capacity > SIZE_MAX / sizeof(*nodes)) {
            return false;
        }
        nodes = realloc(h->nodes, capacity * sizeof(*nodes));
        if (nodes == NULL) {
            return false;
        }
        h->nodes = nodes;
        h->capacity = capacity;
    }
    h->count++;
    (void)sift_up(h, h->count - 1, node);
    return true;
}

struct heap_node *heap_top(const struct heap *h) {
    return h->count > 0 ? h->nodes[0] : NULL;
}

struct heap_node *heap_pop(struct heap *h) {
    struct heap_node *top = heap_top(h);

    if (top != NULL) {
        heap_remove(h, top);
    }
    return top;
}

void heap_remove(struct heap *h, struct heap_node *node) {
    size_t at;
    struct heap_node *last;

    if (node->index == 0) {
        return;
    }
    at = node->index - 1;
    node->index = 0;
    last = h->nodes[--h->count];
    if (last != node) {
        settle(h, at, last);
    }
}

void heap_moved(struct heap *h, struct heap_node *node) {
    if (node->index != 0) {
        settle(h, node->index - 1, node);
    }
}
