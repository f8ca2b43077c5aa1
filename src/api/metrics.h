// SPDX-License-Identifier: Apache-2.0
#ifndef API_METRICS_H
#define API_METRICS_H

#include "api/request.h"

/* GET /metrics: the text format of Prometheus, 0.0.4. Labels are statuses, priorities, sources, currencies and operations; never a job. To an operator
 * jobs, records and money are the own ones. The loop's alone. */

struct metrics; /* what was answered */

struct metrics *metrics_new(void); /* NULL: out of memory */
void metrics_free(struct metrics *metrics);
/* The server: a request has its answer. */
void metrics_count(const struct request *r);
/* The handler. */
void metrics_handle(struct request *r);

#endif
