// SPDX-License-Identifier: Apache-2.0
#ifndef API_SITEMAPS_H
#define API_SITEMAPS_H

#include "api/request.h"

/* URLs by the address of a sitemap (net/sitemap.h): POST /api/uploads/sitemap, and the member `sitemap` of a job of URLs. Nothing is asked of private networks,
 * whoever asks, unless the configuration allows it (sitemap_private_hosts). On the lanes of ROUTE_FETCH. */

void sitemaps_list(struct request *r);

/* Put the URLs of the job's `sitemap` (an address, or an object) in the place of it, as its `urls`. What was left out is put into r->beside. False: the reply
 * is set. */
bool sitemaps_expand(struct request *r);

#endif
