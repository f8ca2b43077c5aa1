// SPDX-License-Identifier: Apache-2.0
#ifndef STORE_HISTORY_H
#define STORE_HISTORY_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/dec.h"
#include "store/codec.h"

/*
 * The newest captured pages of one source, as the journals tell of them (`captured` with took_ms): what an estimate is made from. Which pages are kept, and in
 * which order, does not depend on the order in which they are added, so that a rebuilt index has the same.
 */

#define HISTORY_PAGES 128u

struct history_page {
    int64_t answered_us;
    uint32_t job;     /* a number made from the job's id: pages of one job have the same */
    uint32_t took_ms; /* from the request to the whole answer; at least 1 */
    uint32_t records;
    bool paid;
    struct dec cost; /* zero unless paid */
};
struct history {
    size_t count;
    struct history_page pages[HISTORY_PAGES]; /* by time */
};

/* False: it is older than all that are kept, and there is no room. */
bool history_add(struct history *history, const struct history_page *page);
uint32_t history_job(const char *job_id);

static_assert(HISTORY_PAGES * 29 + 1 <= CODEC_ROW_BYTES, "a history fits into a row of the index");
size_t history_write(const struct history *history, unsigned char out[CODEC_ROW_BYTES]);
bool history_read(const void *bytes, size_t length, struct history *history); /* takes any bytes; false: they are none */

#endif
