// SPDX-License-Identifier: Apache-2.0
#ifndef API_WEB_H
#define API_WEB_H

#include "api/route.h"

/* The dashboard's own files (src/web): built in, or read from --web-root. Every path outside of /api/ that names no file is the page itself, which finds its
 * way by its own address. */

struct web_file { /* one row a file, made by tools/embed.c */
    const char *path, *sha256;
    const unsigned char *bytes;
    size_t length;
    const unsigned char *gzip;
    size_t gzip_length;
};
extern const struct web_file web_files[]; /* ends with path NULL */

extern const struct route web_route;
bool web_serves(const char *path);

#endif
