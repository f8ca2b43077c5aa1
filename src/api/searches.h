// SPDX-License-Identifier: Apache-2.0
#ifndef API_SEARCHES_H
#define API_SEARCHES_H

#include "api/request.h"

/* Saved searches: /api/searches. One file each, web/searches/<owner>~<name>.json (the parts percent-encoded), written atomically; nobody else reads or writes
 * them. All on a lane, and the one of the sources, so that one change comes after another. */
#define SEARCHES_BYTES (128u * 1024u) /* of one: lists read all of them */

void searches_list(struct request *r);
void searches_create(struct request *r);
void searches_get(struct request *r);
void searches_put(struct request *r);
void searches_delete(struct request *r);

#endif
