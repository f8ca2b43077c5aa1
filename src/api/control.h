// SPDX-License-Identifier: Apache-2.0
#ifndef API_CONTROL_H
#define API_CONTROL_H

#include "api/request.h"

/* What persons do with jobs: /api/batch-jobs/{id}/{cancel,retry,hold,release,process,priority}, and /api/bulk. */

void control_cancel(struct request *r); /* these six: lane */
void control_retry(struct request *r);
void control_hold(struct request *r);
void control_release(struct request *r);
void control_process(struct request *r);
void control_priority(struct request *r);
void control_done(struct request *r); /* finish of each: the job as it is now */

void control_bulk_count(struct request *r);
bool control_bulk_prepare(struct request *r);
void control_bulk(struct request *r); /* lane */

#endif
