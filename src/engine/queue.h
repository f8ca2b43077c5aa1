// SPDX-License-Identifier: Apache-2.0
#ifndef ENGINE_QUEUE_H
#define ENGINE_QUEUE_H

#include <cjson/cJSON.h>

#include "spool/job.h"

/* Figures of what waits and runs: how many jobs of each priority lie in each place, and how long the one has been there that came first. */

struct queue_figure {
    uint64_t depth;
    int64_t oldest_us; /* when the one that has been there longest came; 0: none */
};

struct queue {
    struct queue_figure figures[PLACE_COUNT][PRIORITY_URGENT + 1];
};

/* The places that a job leaves again: pending, processing, deferred, hold; ends with PLACE_NONE. */
extern const enum place queue_places[5];

void queue_add(struct queue *queue, const struct job_row *row);
/* One job that came to its place at that time. */
void queue_count(struct queue *queue, enum place place, enum priority priority, int64_t since_us);
/* Of all priorities. */
struct queue_figure queue_total(const struct queue *queue, enum place place);
/* {"pending": {"urgent": {"depth": 1, "oldest_s": 12}, ..., "depth": 1, "oldest_s": 12}, ...}; the caller frees; NULL: out of memory. */
cJSON *queue_json(const struct queue *queue, int64_t now_us);

#endif
