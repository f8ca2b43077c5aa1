// SPDX-License-Identifier: Apache-2.0
#ifndef ENGINE_LOOK_H
#define ENGINE_LOOK_H

#include "engine/sources.h"
#include "spool/job.h"
#include "spool/jobs.h"
#include "store/index.h"

/* One job as everything that looks from outside the daemon shows it: where its file lies, laid over what index or journal say. As many threads as index and
 * sources allow; without both (NULL) any. */
struct look {
    const struct spool *spool;
    struct index *index;     /* NULL: the journals are read */
    struct sources *sources; /* NULL: the limits of sources are not looked at */
};

/* The row as index or journal say, without the place laid over it; *row as it was when the journal did not grow. RC_GONE: no journal. */
enum rc look_journalled(const struct look *look, const char *id, struct job_row *row, struct err *err);

/* The row of a job: from the index when that is as new as the journal, else from the journal, else (never accepted) from what the file says of itself; place is
 * where the file lies. A damaged journal gives reason "damaged", the err and RC_CORRUPT. RC_GONE: it went away. */
enum rc look_row(const struct look *look, const struct jobs_entry *job, struct job_row *row, struct err *err);

/* A running job that waits, for a page's back-off or for its source: until when and for what; 0: it does not. */
int64_t look_waits(const struct look *look, const struct job_row *row, int64_t now_us, char reason[48]);
/* job_progress, with what it waits for and the days that the quotas of its source make it take; without a daemon there is no ETA. */
struct job_progress look_progress(const struct look *look, const struct job_row *row, int64_t now_us);
/* The same as JSON, and for what it waits. */
void look_progress_json(const struct look *look, const struct job_row *row, cJSON *json);

/* "120.5", "-" when it is not known; "4m" until the ETA, "-". */
const char *look_rate(char out[24], const struct job_progress *progress);
const char *look_eta(char out[24], const struct job_progress *progress, int64_t now_us);

#endif
