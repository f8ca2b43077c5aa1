// SPDX-License-Identifier: Apache-2.0
#ifndef API_SUBMISSION_H
#define API_SUBMISSION_H

#include "api/request.h"

/* New jobs: POST /api/batch-jobs and /api/preview; and jobs of other modes for whoever asks the daemon something. */

void submission_create(struct request *r); /* lane of the sources */
void submission_created(struct request *r);
/* What failed of a complete job, as a new one (unit_look_again). Lane of the sources; finish: submission_created. */
void submission_again(struct request *r);
void submission_preview(struct request *r); /* lane of the sources */
void submission_previewed(struct request *r);

/* This job was dropped by the handler itself: submission_created, as `finish`, answers 201 with it. */
void submission_dropped(struct request *r, const char *job_id);
/* api->sources with definitions that are read afresh. False: the reply is set. On the lane of the sources. */
bool submission_sources(struct request *r);
/* Whether r->body is a job that could be submitted; r->json is it then. False: the reply is set. On the lane of the sources. */
bool submission_check(struct request *r);
/* Drop a job of another mode (`{"mode":"source", ...}`), json is taken. The reply becomes 202 with Location and {"job_id"}, or a problem. On a lane. */
void submission_ask(struct request *r, const char *label, cJSON *json);
/* What a job of mode preview or probe found (results/ID/preview.json); NULL: nothing yet. The caller frees. */
cJSON *submission_answer(const struct request *r, const char *job_id);
/* As `finish` of a route that asked: wait, at most this long, until ready (on the loop, often) has set the reply, or the job has ended without it (409); else
 * what submission_ask answered holds. */
typedef bool submission_ready(struct request *r, const char *job_id);
void submission_wait(struct request *r, unsigned most_ms, submission_ready *ready);

#endif
