// SPDX-License-Identifier: Apache-2.0
#ifndef NET_URL_LIST_H
#define NET_URL_LIST_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

/*
 * A list of URLs as people have them, compressed by gzip or not:
 * - one a line, or the first field of each line;
 * - CSV with a first row of names: the column "url" (or else "urls", "loc", "address", "website", "page") has the URL, the others are labels of it;
 * - a sitemap (sitemaps.org), or the index of several.
 * Cleaned: blanks off, https:// before a bare host, international host names in ASCII, lower-case scheme and host, default port, trailing slashes and the
 * fragment off, duplicates out; empty lines and lines that begin with # are passed over. Bytes are given piece by piece; memory is that of the distinct URLs.
 * No I/O.
 */
#define URL_LIST_URL_MOST 2048u
#define URL_LIST_LINES_MOST 1000000u
#define URL_LIST_BYTES_MOST ((size_t)1 << 30) /* of what was compressed, too */
#define URL_LIST_LABELS_MOST 64u
#define URL_LIST_LABEL_BYTES 1024u
#define URL_LIST_PRIVATE "is a host of this machine or of a private network"

struct url_list;

struct url_list_labels { /* of one URL; borrowed */
    const char *const *names;
    const struct slice *values; /* UTF-8 without control characters; empty: this URL has none */
    size_t count;
};

struct url_list_told {
    void (*url)(void *context, size_t line, const char *url, const struct url_list_labels *labels); /* clean, and new; labels: NULL when the list has none */
    void (*wrong)(void *context, size_t line, const char *text, const char *why);                   /* text may be any bytes, at most 200 */
    void (*note)(void *context, size_t line, const char *text, const char *why);                    /* what is left out though nothing is wrong; may be NULL */
    void (*sitemap)(void *context, size_t line, const char *url);                                   /* that an index names; NULL: such are wrong */
    bool public_only;                                                                               /* URLs of this machine and of private networks are wrong */
    bool lastmod;                                                                                   /* URLs of a sitemap have the label lastmod */
    size_t bytes_most;                                                                              /* of one file, decompressed; 0: URL_LIST_BYTES_MOST */
    size_t entries_most;                                                                            /* of one sitemap; 0: URL_LIST_LINES_MOST */
    void *context;
};

struct url_list_counts {
    size_t urls, duplicates, wrong;
};

/* told is copied. RC_TEMP: out of memory. */
enum rc url_list_new(const struct url_list_told *told, struct url_list **list, struct err *err);
/* RC_PERM: more than URL_LIST_LINES_MOST lines, too long, damaged, or no sitemap; err has the line. RC_TEMP: out of memory. After either only url_list_free. */
enum rc url_list_take(struct url_list *list, const char *bytes, size_t length, struct err *err);
/* No more bytes. counts may be NULL. */
enum rc url_list_end(struct url_list *list, struct url_list_counts *counts, struct err *err);
/* After url_list_end: what comes now is another file of the same list. What was in those before is a duplicate; counts go on, lines begin anew. */
void url_list_next(struct url_list *list);
void url_list_free(struct url_list *list);
/* The four of them for a text in memory. */
enum rc url_list_read(const char *text, size_t length, const struct url_list_told *told, struct url_list_counts *counts, struct err *err);

/* One of them. RC_PERM: err says what is wrong with it. */
enum rc url_list_clean(const char *text, char out[URL_LIST_URL_MOST], struct err *err);
/* Whether a clean URL names a host of this machine or of a private network: localhost, names that end with .localhost, .local or .internal, and addresses that
 * are not for the public (RFC 6890). A public name may lead there all the same. */
bool url_list_is_private(const char *url);

#endif
