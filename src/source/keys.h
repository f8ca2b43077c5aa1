// SPDX-License-Identifier: Apache-2.0
#ifndef SOURCE_KEYS_H
#define SOURCE_KEYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/json.h"
#include "source/source.h"

/* The primary keys of a page's records, each as the SipHash-2-4 of 128 bits of its text (answer_record_key): they are told apart in memory and never kept. */

#define KEYS_BYTES 16

struct keys {
    unsigned char (*list)[KEYS_BYTES]; /* malloc; the caller may take it (and set NULL) */
    size_t count, capacity;
    uint64_t keyless; /* records without a key */
    bool failed;      /* out of memory */
    struct buf text;
};

void keys_init(struct keys *keys);
void keys_release(struct keys *keys);
void keys_clear(struct keys *keys); /* none, as at first */
/* One more record. value: what its only key is, when that is known already; data NULL: look for it. Nothing for a source without primary_key. */
void keys_add(struct keys *keys, const struct source *source, struct slice record, struct slice value);
/* All records of an array. */
void keys_add_all(struct keys *keys, const struct source *source, struct slice records);

/* How far a page brings the search: by the records that came; when more came than were asked for, by the different ones among them (a server that ignores the
 * limit, or adds repeats), but never by less than was asked for. */
uint64_t keys_advance(const struct keys *keys, const struct source *source, uint64_t limit, uint64_t records);

#endif
