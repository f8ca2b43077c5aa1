// SPDX-License-Identifier: Apache-2.0
#ifndef API_ERRORS_H
#define API_ERRORS_H

#include "api/request.h"

/*
 * What went wrong, by what caused it, so that one act mends all that a cause broke. GET /api/errors: groups of jobs that failed, of jobs that are held (not
 * those that a person holds), and of payloads that could not be loaded, each with one source, reason and cause (api/cause.h). POST /api/errors/act {"key",
 * "act", "count"}: for each of a group, when it has as many as the person was shown. To an operator the own jobs alone.
 */
#define ERRORS_GROUPS 100u /* that are told: the largest */
#define ERRORS_MOST 10000u /* of one group that one act is for */

void errors_list(struct request *r);
bool errors_act_prepare(struct request *r);
void errors_act(struct request *r); /* lane */

#endif
