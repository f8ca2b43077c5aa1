// SPDX-License-Identifier: Apache-2.0
#ifndef NOTIFY_POST_H
#define NOTIFY_POST_H

#include "notify/notifier.h"

/* POST of link->request as JSON, with the headers that were added, and what the status of the answer means: 2xx sent; 408, 425, 429 and 5xx later (Retry-After
 * is heard); 401 and 403 the way; all else never. Returns the status; 0: none came. */
long notify_post(struct notify_link *link, const struct notify_order *order, const char *url, struct notify_outcome *outcome);

#endif
