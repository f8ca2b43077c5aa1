// SPDX-License-Identifier: Apache-2.0
#include "base/strset.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define SIZE_FIRST 64

/* FNV-1a */
static size_t hash(const char *text) {
    uint64_t h = UINT64_C(14695981039346656037);
    for (; *text; text++)
        h = (h ^ (unsigned char)*text) * UINT64_C(1099511628211);
    return (size_t)h;
}

static char **slot_of(const struct strset *set, const char *text) {
    size_t at = hash(text) & (set->size - 1);
    while (set->slots[at] && strcmp(set->slots[at], text) != 0)
        at = (at + 1) & (set->size - 1);
    return &set->slots[at];
}

static bool grow(struct strset *set) {
    struct strset wider = {.size = set->size ? set->size * 2 : SIZE_FIRST, .count = set->count};
    wider.slots = calloc(wider.size, sizeof *wider.slots);
    if (!wider.slots)
        return false;
    for (size_t i = 0; i < set->size; i++)
        if (set->slots[i])
            *slot_of(&wider, set->slots[i]) = set->slots[i];
    free(set->slots);
    *set = wider;
    return true;
}

const char *strset_keep(struct strset *set, const char *text, bool *fresh) {
    if (set->count * 2 >= set->size && !grow(set))
        return NULL;
    char **slot = slot_of(set, text);
    if (fresh)
        *fresh = !*slot;
    if (!*slot && (*slot = strdup(text)))
        set->count++;
    return *slot;
}

bool strset_has(const struct strset *set, const char *text) {
    return set->size && *slot_of(set, text);
}

void strset_release(struct strset *set) {
    for (size_t i = 0; i < set->size; i++)
        free(set->slots[i]);
    free(set->slots);
    *set = (struct strset){.slots = NULL};
}
