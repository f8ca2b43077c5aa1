// SPDX-License-Identifier: Apache-2.0
#ifndef API_UPLOADS_H
#define API_UPLOADS_H

#include "api/request.h"

/*
 * Files that clients send: POST /api/documents, /api/uploads/criteria, /api/uploads/urls. The body goes piece by piece to documents/tmp/<random>.upload while
 * it is hashed, and when all of it is there, synced and right, to documents/raw/YYYY-MM/<SHA-256>. A connection that breaks takes its file with it; what a kill
 * left is removed at the next start.
 */

bool uploads_piece(struct request *r, const char *bytes, size_t length); /* route_upload of the three */
void uploads_document(struct request *r);                                /* lane */
void uploads_criteria(struct request *r);                                /* lane of the sources */
void uploads_urls(struct request *r);                                    /* lane */
/* The document of the request, kept: {document_id, bytes, name}, the caller frees. NULL: the reply is set. On a lane. */
cJSON *uploads_keep(struct request *r);
/* Remove broken uploads. For the one web program of a spool, before it listens. */
void uploads_sweep(const struct spool *spool);

#endif
