// SPDX-License-Identifier: Apache-2.0
#ifndef API_FAMILIES_H
#define API_FAMILIES_H

#include "api/request.h"

/* The paths of URL analysis and of document analysis clients (DESIGN 9) are views of the same engine: most of their rows in routes.c name the handlers of
 * /api/batch-jobs. Here is what they have beside those. */

void families_upload(struct request *r); /* lane of the sources; finish: submission_created */
bool families_processor_prepare(struct request *r);
void families_processor(struct request *r); /* lane */
void families_cleanup(struct request *r);   /* lane; also of DELETE /api/cleanup */

#endif
