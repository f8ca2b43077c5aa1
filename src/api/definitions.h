// SPDX-License-Identifier: Apache-2.0
#ifndef API_DEFINITIONS_H
#define API_DEFINITIONS_H

#include "api/request.h"

/* Sources: GET /api/sources and /api/sources/{name}, with what the dashboard's builder needs; pause, resume and rate, which the daemon is asked for by a job of
 * mode source. */

void definitions_list(struct request *r);
bool definitions_get_prepare(struct request *r);
void definitions_get(struct request *r);   /* lane */
void definitions_pause(struct request *r); /* these three: lane of the sources */
void definitions_resume(struct request *r);
void definitions_rate(struct request *r);

#endif
