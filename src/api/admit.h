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
/* The lane of a request's work: one job's acts in order; those of ROUTE_SOURCES, ROUTE_USERS and ROUTE_HEAVY. */
#define ADMIT_LANE_SOURCES 0u
#define ADMIT_LANE_USERS 1u
#define ADMIT_LANE_HEAVY 4u /* those before it are for all else */
#define ADMIT_LANES 5u
uint32_t admit_lane(const struct request *r);
/* The header fields that every answer has. */
void admit_seal(struct request *r);

/* A viewer and an admin see every job, an operator their own. */
bool admit_sees(const struct principal *who, const char *owner);
/* The owner that lists are narrowed to, or NULL. */
const char *admit_owner(const struct principal *who);
/* Still enabled, in the same role. */
bool admit_holds(struct api *api, const struct principal *who);

#endif
