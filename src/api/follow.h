// SPDX-License-Identifier: Apache-2.0
#ifndef API_FOLLOW_H
#define API_FOLLOW_H

#include "api/api.h"
#include "store/index.h"

/*
 * The web program's own read index (web/index, store/index.h) and the board, kept by following the journals: inotify says which grew, a sweep of the directory
 * finds what it did not say. A line is on the board within FOLLOW_DELAY_MS, and told to the live events. Also files in jobs/pending/ that are named by an id
 * and have no journal yet: dropped, and not accepted. The loop's alone.
 */
#define FOLLOW_DELAY_MS 100
#define FOLLOW_SWEEP_MS 10000
#define FOLLOW_SWEEP_SHARE                                                                                                                                     \
    100 /* that of journal/ comes again after so many times what the last one took, and not more than about a hundredth of a core is used */
#define FOLLOW_SWEEP_MOST_MS 300000

struct follow;

/* Opens the read index (made, or made again when it is damaged), fills the board from it and starts the first sweep. */
enum rc follow_start(struct api *api, struct follow **follow, struct err *err);
void follow_stop(struct follow *follow);
/* The read index; writes are follow's. */
struct index *follow_index(const struct follow *follow);
/* The first sweep has ended: everything that was there at start is on the board. */
bool follow_complete(const struct follow *follow);
/* Journals that are known to have grown and were not read yet. */
size_t follow_behind(const struct follow *follow);
/* Look at this job's journal, or at its file in pending/, at once. */
void follow_now(struct follow *follow, const char *job_id);
/* The row as the journal has it now (rows of the board that were borrowed are so no more). RC_GONE: no such job. RC_CORRUPT: a damaged line, the row has what
 * came before. A dropped one that was not accepted yet has what its file says. */
enum rc follow_row(struct follow *follow, const char *job_id, struct job_row *row, struct err *err);

#endif
