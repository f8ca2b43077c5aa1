// SPDX-License-Identifier: Apache-2.0
#ifndef API_PAYLOADS_H
#define API_PAYLOADS_H

#include "api/request.h"

/* Payload files of all jobs, and loading them by hand: GET /api/files, POST /api/files/process, GET /api/files/process/{run_id}. */

void payloads_list(struct request *r);
bool payloads_load_prepare(struct request *r);
void payloads_load(struct request *r); /* lane */
void payloads_load_done(struct request *r);
void payloads_run(struct request *r);

struct payload_runs; /* what persons had loaded lately, by api->runs */
struct payload_runs *payload_runs_new(void);
void payload_runs_free(struct payload_runs *runs);

#endif
