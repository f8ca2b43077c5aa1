// SPDX-License-Identifier: Apache-2.0
#ifndef OS_SORTER_H
#define OS_SORTER_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

/*
 * Any number of records put in order in bounded memory: sorted runs in a nameless file of $TMPDIR (or /tmp), merged as they are read. Keys compare as bytes;
 * records of one key come in the order in which they were added.
 */
struct sorter;

#define SORTER_MEMORY_BYTES ((size_t)16 * 1024 * 1024) /* of what is not in the file; a merge takes as much again */
#define SORTER_RECORD_BYTES ((size_t)64 * 1024)        /* of key and value */

/* NULL: out of memory. memory_bytes: 0 for SORTER_MEMORY_BYTES, or less for tests. */
struct sorter *sorter_new(size_t memory_bytes);
void sorter_free(struct sorter *sorter);
/* RC_PERM: too long. RC_TEMP, RC_NOSPACE: the file. Not after sorter_next. */
enum rc sorter_add(struct sorter *sorter, struct slice key, struct slice value, struct err *err);
/* The next one, borrowed until the next call. RC_GONE: no more. */
enum rc sorter_next(struct sorter *sorter, struct slice *key, struct slice *value, struct err *err);
uint64_t sorter_count(const struct sorter *sorter); /* added */

#endif
