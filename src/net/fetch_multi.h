// SPDX-License-Identifier: Apache-2.0
#ifndef NET_FETCH_MULTI_H
#define NET_FETCH_MULTI_H

#include <curl/curl.h>

#include "net/fetch.h"
#include "os/loop.h"

/* libcurl's multi interface driven by our loop, and its kept connections: part of net/fetch. */
struct fetch_multi;

/* A transfer has ended, and its easy handle is out of the multi handle again. transfer: its CURLOPT_PRIVATE. Called from the loop, never inside libcurl:
 * everything is allowed but fetch_multi_free. */
typedef void fetch_multi_ended(void *transfer, CURLcode code);

/* That of the list whose transfers go this way, made when there is none; NULL when out of memory. Connections are kept for each way by themselves: a proxy's
 * tunnel, or a connection that a certificate opened, is for nobody else. libcurl compares files and proxies, but not every release of it compares what a
 * proxy was shown. */
struct fetch_multi *fetch_multi_of(struct fetch_multi **list, struct loop *loop, fetch_multi_ended *ended, const struct fetch_way *way);
void fetch_multi_free(struct fetch_multi *list); /* all of it; no transfer may be left; closes the kept connections */
/* RC_TEMP: libcurl can not take it now. */
enum rc fetch_multi_add(struct fetch_multi *multi, CURL *easy, struct err *err);
/* Before its end: there will be none. */
void fetch_multi_remove(struct fetch_multi *multi, CURL *easy);

#endif
