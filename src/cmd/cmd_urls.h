// SPDX-License-Identifier: Apache-2.0
#ifndef CMD_CMD_URLS_H
#define CMD_CMD_URLS_H

#include "cmd/cmd.h"

/* The text of a job for a list of URLs (net/url_list.h): file, or standard input ("-"); for a source that has a member of type urls. What is wrong in the list
 * is said, the first lines of it and how many there are. Returns 0, or the exit code after a message. */
int cmd_urls(struct cmd *cmd, const char *file, const char *source, struct buf *text);

struct cmd_urls_site {
    const char *where; /* the URL of a sitemap, or a bare host */
    bool any_host, private_hosts, labels;
};
/* The same for the sitemap of a site (net/sitemap.h). */
int cmd_urls_sitemap(struct cmd *cmd, const struct cmd_urls_site *site, const char *source, struct buf *text);

#endif
