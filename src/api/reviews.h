// SPDX-License-Identifier: Apache-2.0
#ifndef API_REVIEWS_H
#define API_REVIEWS_H

#include "api/request.h"

/* What reviewers say of a job's records (engine/review.h): GET and PUT of /api/batch-jobs/{id}/review. */

void reviews_get(struct request *r); /* lane */
void reviews_put(struct request *r); /* lane */

#endif
