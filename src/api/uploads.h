// SPDX-License-Identifier: Apache-2.0
#ifndef API_UPLOADS_H
#define API_UPLOADS_H

#include "api/request.h"

/* Files that clients send: POST /api/documents, /api/uploads/criteria, /api/uploads/urls. They come in and are stored as spool/document.h says; a connection
 * that breaks takes its file with it. */

bool uploads_piece(struct request *r, const char *bytes, size_t length); /* route_upload of the three */
void uploads_document(struct request *r);                                /* lane */
void uploads_criteria(struct request *r);                                /* lane of the sources */
void uploads_urls(struct request *r);                                    /* lane */
/* The document of the request, kept, as a job names it (document_json), the caller frees. NULL: the reply is set. On a lane. */
cJSON *uploads_keep(struct request *r);

#endif
