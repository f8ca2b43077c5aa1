// SPDX-License-Identifier: Apache-2.0
#ifndef NET_FETCH_URL_H
#define NET_FETCH_URL_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

/* Where a request may go: part of net/fetch. */

struct fetch_url {
    char *text;    /* normalised; owned */
    char *shown;   /* without its query and fragment, which may hold secrets: for messages; owned */
    bool secure;   /* https */
    bool loopback; /* localhost, 127.0.0.0/8 or ::1, by its name alone */
};

/* https, or http to loopback or with allow_http; no user name or password. RC_PERM otherwise (err never shows the query), RC_TEMP: out of memory. */
enum rc fetch_url_init(struct fetch_url *url, const char *text, bool allow_http, struct err *err);
void fetch_url_release(struct fetch_url *url);

/* Scheme, host and port (RFC 6454) of a text, in lower case, without the port that the scheme has anyway: "https://a.example". False: it is no URL, or longer
 * than size. */
bool fetch_url_origin(const char *text, char *out, size_t size);

/* Where a Location header leads from `from`; *same_origin: scheme, host and port are the same. RC_PERM: nowhere a redirect is followed to, that is another
 * scheme, what fetch_url_init refuses, or from elsewhere to loopback. */
enum rc fetch_url_redirect(struct fetch_url *url, const struct fetch_url *from, const char *location, bool allow_http, bool *same_origin, struct err *err);

#endif
