// SPDX-License-Identifier: Apache-2.0
#ifndef API_DOWNLOADS_H
#define API_DOWNLOADS_H

#include "api/request.h"

/* What lies in results/<job id>/: GET and POST of /api/batch-jobs/{id}/results, its download, and GET /api/records. Exports are made by the daemon (jobs of
 * mode results): this program does not open the record store. */

void downloads_list(struct request *r);         /* lane */
bool downloads_make_prepare(struct request *r); /* loop */
void downloads_make(struct request *r);         /* lane */
void downloads_fetch(struct request *r);        /* lane */
void downloads_records(struct request *r);      /* lane */
void downloads_records_done(struct request *r); /* finish: waits for the daemon's answer */

#endif
