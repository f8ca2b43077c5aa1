// SPDX-License-Identifier: Apache-2.0
#ifndef SPOOL_RECURRENCE_H
#define SPOOL_RECURRENCE_H

#include "spool/jobid.h"
#include "spool/layout.h"

/*
 * The jobs of a schedule: one for each due time, whatever crashes, and what is remembered of the last one in schedules/<name>.state, for people to read:
 *   {"schedule": "nightly", "times": "cron 0 6 * * 1-5 in America/New_York", "after": "2026-11-23T11:00:00Z", "due": "2026-11-23T11:00:00Z", "job_id": "...",
 *    "missed": 2, "missed_until": "2026-11-22T11:00:00Z"}
 * A due time's job has an id that is made of the schedule's name and that time, so it can be asked for twice and is one. Times are seconds since the epoch.
 */

#define RECURRENCE_NONE INT64_MIN

struct recurrence {
    char times[400];         /* of the schedule when it was written (struct schedule) */
    int64_t after_s;         /* due times after it are still to come; RECURRENCE_NONE: it was stopped, and begins anew */
    int64_t due_s;           /* of the last run, RECURRENCE_NONE: there was none */
    char job_id[JOBID_SIZE]; /* its job, or "" */
    uint64_t missed;         /* due times that were left out, the last time that some were */
    int64_t missed_until_s;  /* the last of them, or RECURRENCE_NONE */
};

/* RC_GONE: there is none. RC_CORRUPT: it is not as it should be. In both cases *out says nothing (stopped, no run). */
enum rc recurrence_read(const struct spool *spool, const char *name, struct recurrence *out, struct err *err);
/* Durable, replacing. */
enum rc recurrence_write(const struct spool *spool, const char *name, const struct recurrence *state, struct err *err);
enum rc recurrence_remove(const struct spool *spool, const char *name, struct err *err);

void recurrence_job_id(const char *name, int64_t due_s, char out[JOBID_SIZE]);
/* Its drop was begun: there is a file or a journal of that id, at the latest what a kill left in jobs/tmp. */
bool recurrence_begun(const struct spool *spool, const char *id);
/* Drop the job, or do nothing when it was dropped before. Durable; may be repeated after any failure. */
enum rc recurrence_drop(const struct spool *spool, const char *id, const void *text, size_t length, struct err *err);

#endif
