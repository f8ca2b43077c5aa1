// SPDX-License-Identifier: Apache-2.0
#ifndef ENGINE_BATCHES_H
#define ENGINE_BATCHES_H

#include "engine/look.h"

/* One job in full: its row, its batches, its last events, folded from the journal. */

enum batch_state { BATCH_NONE, BATCH_REQUESTED, BATCH_RETRYING, BATCH_IN_DOUBT, BATCH_GIVEN_UP, BATCH_FAILED, BATCH_CAPTURED };

struct batch {
    enum batch_state state;
    struct file_row *file; /* when captured */
    enum shelf shelf;      /* where its marker lies */
    char error[400];
    char *item; /* of a unit: which it is, for people; owned, or NULL */
};

#define BATCH_EVENTS 20

struct batches {
    struct job_row row;
    struct batch *list; /* list[n - 1] is batch n */
    size_t count, capacity;
    char events[BATCH_EVENTS][400]; /* for people; the last ones, a ring */
    size_t event_count;
    uint64_t requests, cached; /* that were sent, and that an earlier unit's answer saved */
    bool out_of_memory;
};

/* RC_CORRUPT: the journal is damaged; what came before is there. RC_GONE: no journal. */
enum rc batches_read(const struct spool *spool, const char *id, struct batches *batches, struct err *err);
void batches_release(struct batches *batches);
/* "charge_unknown", "requested" ... and for a captured batch the shelf. */
const char *batches_state(const struct batch *batch);

/* open_batches: those that have no payload yet. */
void batches_open_json(const struct batches *batches, cJSON *json);
/* `files` (as file_row_json, with their shelf) and `open_batches` into an object. */
void batches_json(const struct batches *batches, cJSON *json);
/* All of one job but its events: the row (look_row), place, file, progress, criteria, batches_json. The caller frees; NULL: out of memory. */
cJSON *batches_document(const struct look *look, const struct jobs_entry *job, const struct job_row *row, const struct batches *batches);

#endif
