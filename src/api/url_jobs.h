// SPDX-License-Identifier: Apache-2.0
#ifndef API_URL_JOBS_H
#define API_URL_JOBS_H

#include "api/request.h"

/* /api/v1/batch-processing: jobs of URL analysis, with what became of each URL. The other paths of that family are those of all jobs. */

/* Whether a list of URLs for this source (NULL: pagespeed) may have those of public hosts only, as it has when there is no such source. On the lane of the
 * sources. False: the reply is set. */
bool url_jobs_public_only(struct request *r, const char *source, bool *public_only);

void url_jobs_start(struct request *r); /* lane of the sources; finish: url_jobs_started */
void url_jobs_started(struct request *r);
void url_jobs_list(struct request *r);     /* of the source pagespeed, or the one that the query names */
void url_jobs_progress(struct request *r); /* lane of the sources */
void url_jobs_results(struct request *r);  /* lane of the sources */

#endif
