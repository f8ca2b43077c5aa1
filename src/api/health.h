// SPDX-License-Identifier: Apache-2.0
#ifndef API_HEALTH_H
#define API_HEALTH_H

#include "api/request.h"

/*
 * GET /api/health, for everybody: {"status": "ok|degraded|down"}; who is signed in gets details. `down`, with 503: no daemon holds the lock of the spool, or
 * drops lie there that it does not take in, or deferred jobs that are due and that it does not take back. `degraded`: something is stuck, a source is stopped,
 * or not all journals were read yet. What is stuck (engine/stuck.h) is looked for on a lane, at most once in HEALTH_KEEP_MS, however many ask.
 */
#define HEALTH_KEEP_MS 5000

struct health; /* what was found last; the loop's alone */

struct health *health_new(void); /* NULL: out of memory */
void health_free(struct health *health);

bool health_prepare(struct request *r);
void health_find(struct request *r); /* lane */
void health_finish(struct request *r);

#endif
