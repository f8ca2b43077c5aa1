// SPDX-License-Identifier: Apache-2.0
#ifndef BASE_STRSET_H
#define BASE_STRSET_H

#include <stdbool.h>
#include <stddef.h>

/* A set of texts, each kept once until the set is released. Zeroed before the first use. */
struct strset {
    char **slots; /* open addressing; a power of two */
    size_t size, count;
};

/* The set's own copy of text, which lasts as long as the set. *fresh (may be NULL): it was not there before. NULL: out of memory. */
const char *strset_keep(struct strset *set, const char *text, bool *fresh);
bool strset_has(const struct strset *set, const char *text);
void strset_release(struct strset *set);

#endif
