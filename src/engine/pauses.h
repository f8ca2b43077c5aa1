// SPDX-License-Identifier: Apache-2.0
#ifndef ENGINE_PAUSES_H
#define ENGINE_PAUSES_H

#include <cjson/cJSON.h>

#include "base/buf.h"
#include "engine/sources.h"
#include "source/check.h"
#include "spool/job.h"

/* What is paused or changed (spool/pause.h) as programs show it, and asking for it. Any thread, but for who takes sources. */

/* The reason "paused" for a job that waits or runs without another one while its source or the queue is paused. */
void pauses_reason(const struct spool *spool, struct job_row *row);
/* The sentence for it, of what pauses the source (NULL: the queue alone); nothing when nothing does. */
void pauses_tell(const struct spool *spool, const char *source, struct buf *out);
/* A list of what is paused or changed, one object a file of paused/: file, source, by, since, until, reason, rates, concurrency. */
cJSON *pauses_list(const struct spool *spool);
/* Whether the queue is: paused, by, since, until, reason. */
cJSON *pauses_queue_json(const struct spool *spool);
/* Of an object of pauses_list: "30/PT1M, at most 2 at a time". */
void pauses_limits_text(const cJSON *json, char *out, size_t size);
/* What is said of one source into an object: paused (the sentence) and limits (text), where they apply. */
void pauses_of_source(const struct spool *spool, const char *source, cJSON *json);

/* Pause the queue, durably; each but spool may be NULL: by (else the user that runs this), until (RFC 3339, the caller has checked it), reason. */
enum rc pauses_queue(const struct spool *spool, const char *by, const char *until, const char *reason, struct err *err);
/* RC_GONE: it was not paused. */
enum rc pauses_queue_resume(const struct spool *spool, struct err *err);

/* The text of the job of mode source that has the daemon do this: "pause", "resume" or "rate"; members (until, reason, rates, concurrency, default, created_by)
 * is borrowed and may be NULL. */
enum rc pauses_job(const char *source, const char *action, const cJSON *members, struct buf *text, struct err *err);
/* Check it and drop it: submit_check and submit_drop say what can go wrong. */
enum rc pauses_drop(const struct spool *spool, struct sources *sources, const char *source, const char *action, const cJSON *members, char id[JOBID_SIZE],
                    struct check_fault *fault, struct err *err);

#endif
