// SPDX-License-Identifier: Apache-2.0
#ifndef API_REVIEWS_H
#define API_REVIEWS_H

#include "api/request.h"

/* The review of a job's analyses (engine/review.h, engine/review_view.h): GET and PUT of /api/batch-jobs/{id}/review, and what a reviewer looks at. All on a
 * lane. */

void reviews_get(struct request *r);
void reviews_put(struct request *r);
void reviews_documents(struct request *r); /* GET .../review/documents */
void reviews_document(struct request *r);  /* GET .../review/documents/{sha256} */
void reviews_original(struct request *r);  /* GET .../documents/{sha256}: a document of the job, as it was handed in */

#endif
