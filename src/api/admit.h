// SPDX-License-Identifier: Apache-2.0
#ifndef API_ADMIT_H
#define API_ADMIT_H

#include "api/api.h"
#include "api/request.h"

/* Whether a request may go on: host, rate, who asks, role, ownership. Each sets the reply when it may not. The loop's alone, but for admit_sees. */

/* Host and Origin: before anything else of a request is looked at. */
bool admit_host(struct request *r);
/* Rates, credentials, CSRF, role, scope; of ROUTE_JOB the job. */
bool admit_request(struct request *r);
/* Lanes: of ROUTE_SOURCES, of ROUTE_USERS, two of ROUTE_HEAVY (what looks, what acts), two of ROUTE_FETCH, so that whatever takes minutes stands in nobody's
 * way, and the others, where acts on one job come one after another. */
#define ADMIT_LANE_SOURCES 0u
#define ADMIT_LANE_USERS 1u
#define ADMIT_LANE_LOOKS 2u
#define ADMIT_LANE_ACTS 3u
#define ADMIT_LANE_FETCH 4u
#define ADMIT_LANE_FIRST 6u
#define ADMIT_LANES 9u
uint32_t admit_lane(const struct request *r);
/* Too much waits there: 503. */
#define ADMIT_HEAVY_MOST 8u
#define ADMIT_FETCH_MOST 4u
#define ADMIT_LANE_MOST 256u
bool admit_lane_free(struct request *r, uint32_t lane);
/* The header fields that every answer has. */
void admit_seal(struct request *r);

/* A viewer and an admin see every job, an operator their own. */
bool admit_sees(const struct principal *who, const char *owner);
/* The owner that lists are narrowed to, or NULL. */
const char *admit_owner(const struct principal *who);
/* Still enabled, in the same role. */
bool admit_holds(struct api *api, const struct principal *who);

#endif
