// SPDX-License-Identifier: Apache-2.0
#ifndef NET_ROBOTS_H
#define NET_ROBOTS_H

#include <stddef.h>

/* robots.txt (RFC 9309), of which the lines "Sitemap: URL" alone are read: sitemaps.org has them stand anywhere, for every robot. No I/O. */

#define ROBOTS_BYTES_MOST (512u * 1024) /* what stands behind is not read, as crawlers do it */

typedef void robots_sitemap(void *context, size_t line, const char *url); /* clean (net/url_list.h) */

/* Lines that name what is no absolute URL of http or https are passed over. */
void robots_read(const char *text, size_t length, robots_sitemap *told, void *context);

#endif
