// SPDX-License-Identifier: Apache-2.0
#ifndef NET_URL_LIST_H
#define NET_URL_LIST_H

#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"

/*
 * A list of URLs as people have them: one a line, or CSV with the URL in the first column. Cleaned: blanks off, https:// before a bare host, international host
 * names in ASCII, lower-case scheme and host, default port, trailing slashes and the fragment off, duplicates out; empty lines and lines that begin with # are
 * passed over, and a first line that names its column ("url"). Pure but for memory.
 */
#define URL_LIST_URL_MOST 2048u

struct url_list;

struct url_list_told {
    void (*url)(void *context, size_t line, const char *url);                     /* clean, and new */
    void (*wrong)(void *context, size_t line, const char *text, const char *why); /* text may be any bytes, at most 200 */
    void *context;
};

struct url_list_counts {
    size_t urls, duplicates, wrong;
};

/* RC_TEMP: out of memory. */
enum rc url_list_read(const char *text, size_t length, const struct url_list_told *told, struct url_list_counts *counts, struct err *err);
/* One of them. RC_PERM: err says what is wrong with it. */
enum rc url_list_clean(const char *text, char out[URL_LIST_URL_MOST], struct err *err);

#endif
