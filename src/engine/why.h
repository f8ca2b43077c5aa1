// SPDX-License-Identifier: Apache-2.0
#ifndef ENGINE_WHY_H
#define ENGINE_WHY_H

#include "engine/look.h"

/* Why a job is where it is, and how to go on, for people. */

struct why {
    const struct look *look;
    unsigned max_concurrent_jobs, stuck_after_s; /* of the configuration */
    bool no_queue;                               /* its place in the queue is not looked for, which reads the row of every job */
};

#define WHY_BYTES 65536 /* room that out should have */

/* *row is the job's row, with the reason "paused" where that is it; the text is appended to out. RC_GONE: it went away. */
enum rc why_tell(const struct why *why, const struct jobs_entry *job, struct job_row *row, struct buf *out, struct err *err);
/* What `why --json` prints; the caller frees. */
cJSON *why_json(const struct jobs_entry *job, const struct job_row *row, const struct buf *text);

#endif
