// SPDX-License-Identifier: Apache-2.0
#ifndef SPOOL_MOVE_H
#define SPOOL_MOVE_H

#include <cjson/cJSON.h>

#include "spool/job.h"

/* The one function that changes a job's state (STYLE rule 13): checks the table of legal moves, renames, journals, in the order of DESIGN 3 ("Writers of a
 * move"). */

struct move {
    const char *job_id;
    enum place from, to;
    const char *event;    /* held, cancelled, requeued, deferred, claimed, completed, failed ... */
    const char *by;       /* daemon, command line, web, mv */
    const cJSON *members; /* borrowed; reason, error, until ... of the event; may be NULL */
    const char *why;      /* text of <id>.why at the destination; NULL: none */
    bool *told;           /* or NULL; set once the event is durable: a repeated call does not tell it again */
    const struct job_row *row;
    const char *bookmark; /* value to move the bookmark of row's job on to, once the event is durable; NULL: none */
    int64_t until_us;     /* mtime to set for deferred/; 0: leave it */
};

/* Whether programs may make this move for a person (retry, hold, cancel, release). RC_PERM with err when not (exit code 65). */
enum rc move_legal(enum place from, enum place to, struct err *err);

/* Under the journal's lock: out of processing/ event (durable) then rename, elsewhere rename then event; both directories fsynced (of a
 * claim the one it leaves last of all). The old .why goes, the new one comes. RC_GONE: the file is not in `from` (any more), or has no journal: look again.
 * RC_NOSPACE, RC_TEMP: nothing happened, or the same call or recovery finishes it. */
enum rc move_job(const struct spool *spool, const struct move *move, struct err *err);
struct journal;
/* The same with the job's journal, which the caller has open and locked. */
enum rc move_locked(const struct spool *spool, struct journal *journal, const struct move *move, struct err *err);

#endif
