// SPDX-License-Identifier: Apache-2.0
#ifndef BASE_HEAP_H
#define BASE_HEAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A binary heap of borrowed pointers; each element embeds a struct heap_node, so that it can be removed or moved from the middle in O(log n). */
struct heap_node {
    size_t index; /* 0 when not in a heap, else position + 1; set by heap_* only */
};

typedef bool heap_before(const struct heap_node *a, const struct heap_node *b); /* a comes out before b */

struct heap {
    struct heap_node **nodes;
    size_t count, capacity;
    heap_before *before;
};

void heap_init(struct heap *h, heap_before *before);
void heap_release(struct heap *h);                        /* elements are not touched */
bool heap_push(struct heap *h, struct heap_node *node);   /* false when out of memory */
struct heap_node *heap_top(const struct heap *h);         /* NULL when empty */
struct heap_node *heap_pop(struct heap *h);               /* NULL when empty */
void heap_remove(struct heap *h, struct heap_node *node); /* nothing when it is not in */
void heap_moved(struct heap *h, struct heap_node *node);  /* its key changed */

/* The element around a node (or any embedded member). */
#define HEAP_ENTRY(node, type, member) ((type *)((uintptr_t)(node)-offsetof(type, member)))

#endif
