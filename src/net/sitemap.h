// SPDX-License-Identifier: Apache-2.0
#ifndef NET_SITEMAP_H
#define NET_SITEMAP_H

#include "net/url_list.h"

/*
 * The URLs of a site by the address of its sitemap (sitemaps.org/protocol.html), fetched file after file: a sitemap, an index of several, indices of indices
 * (SITEMAP_DEPTH_MOST), compressed or not, or a text with a URL a line. Of a bare host the sitemaps are those that its robots.txt names, else /sitemap.xml.
 *
 * Blocking, with a loop of its own: for the command line, and for worker lanes. Memory is one file and the distinct URLs.
 *
 * - Nothing is asked of this machine or of private networks, by whatever name, redirect or nested sitemap an address comes (fetch.h, public_only), unless
 *   private_hosts.
 * - At most SITEMAP_REDIRECTS_MOST redirects a file, from http to https too, never back.
 * - Entries belong to the site: the host that was asked for, or those to which it redirected; "www." before it makes no difference, nor do scheme and port.
 *   Others are told and left out (sitemaps.org has them be invalid: a sitemap must not make us test somebody else's pages), unless any_host. A nested sitemap
 * of another host than the site's and its index' is an error, for without it the list would be half of what the site means. Those that robots.txt names may be
 *   anywhere: by that line the site says so.
 */
#define SITEMAP_FILE_BYTES_MOST (50u * 1024 * 1024) /* decompressed, as sitemaps.org has it, like the next */
#define SITEMAP_FILE_ENTRIES_MOST 50000u
#define SITEMAP_FILES_MOST 1000u
#define SITEMAP_DEPTH_MOST 3u
#define SITEMAP_REDIRECTS_MOST 5u
#define SITEMAP_TRIES_MOST 3u /* of a file, when its server is busy, broken or silent; one, when nothing of the site has answered yet */

struct sitemap_options {
    bool private_hosts, any_host;
    bool labels;         /* URLs have the labels lastmod, and sitemap: the name of its file */
    const char *ca_file; /* trusted beside the system's; or NULL */
    int64_t timeout_ms;  /* of the whole */
    int stop_fd;         /* what can be read there breaks off; -1: none */
};

struct sitemap_told {
    /* file: the URL of the sitemap. False: no more of them are wanted, and what is left is not read. */
    bool (*url)(void *context, const char *file, size_t line, const char *url, const struct url_list_labels *labels);
    void (*wrong)(void *context, const char *file, size_t line, const char *text, const char *why); /* text may be any bytes, at most 200 */
    void (*other)(void *context, const char *file, size_t line, const char *url);                   /* of another host */
    void (*asked)(void *context, const char *file);                                                 /* each file, before it is read; may be NULL */
    void *context;
};

struct sitemap_counts {
    size_t urls, duplicates, wrong, other_hosts, files; /* files: sitemaps that were read, indices too */
};

/* where: a URL, or a bare host. All err texts name the file, and its line where there is one; they say so when https:// was assumed and nothing answered.
 * RC_PERM: an address that is none or not allowed, or what lies there is no sitemap or more than the limits above. RC_GONE: there is no such host, or nothing
 * there (4xx). RC_AGAIN: the site did not answer as it should in time; later it may. RC_CANCELLED: stop_fd. RC_TEMP: out of memory, or ca_file is not readable.
 * After each of them what was told is half a list. */
enum rc sitemap_read(const char *where, const struct sitemap_options *options, const struct sitemap_told *told, struct sitemap_counts *counts, struct err *err);

#endif
