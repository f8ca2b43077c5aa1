// SPDX-License-Identifier: Apache-2.0
#ifndef API_LISTING_H
#define API_LISTING_H

#include "api/api.h"
#include "api/request.h"

/* Looking at jobs, their payloads and journals: GET of /api/batch-jobs and /api/files. */

void listing_jobs(struct request *r);
void listing_show(struct request *r); /* lane */
bool listing_files_prepare(struct request *r);
void listing_files(struct request *r); /* lane */
bool listing_raw_prepare(struct request *r);
void listing_raw(struct request *r); /* lane */
void listing_log(struct request *r); /* lane */

/* A job as lists and events have it; the caller frees. */
cJSON *listing_row_json(const struct job_row *row, bool waiting);
/* {"counts": {"PENDING": n, ...}, "queue": queue_json}; of jobs of mode run. */
cJSON *listing_figures(const struct api *api);
/* One job more in these figures; counts by status as JSON. */
void listing_count(const struct board_row *row, struct queue *queue, uint64_t counts[PLACE_COUNT]);
cJSON *listing_counts_json(const uint64_t counts[PLACE_COUNT]);
/* The filter that the query says (status=, filter= ...). False: the reply is set. */
struct filter;
bool listing_filter(struct request *r, struct filter *filter);
/* `Link: <...>; rel="next"`: this request's path and query with another cursor. */
void listing_link_next(struct request *r, const char *cursor);

#endif
