// SPDX-License-Identifier: Apache-2.0
#ifndef NET_FETCH_MULTI_H
#define NET_FETCH_MULTI_H

#include <curl/curl.h>

#include "os/loop.h"

/* libcurl's multi interface driven by our loop, and its kept connections: part of net/fetch. */
struct fetch_multi;

/* A transfer has ended, and its easy handle is out of the multi handle again. transfer: its CURLOPT_PRIVATE. Called from the loop, never inside libcurl:
 * everything is allowed but fetch_multi_free. */
typedef void fetch_multi_ended(void *transfer, CURLcode code);

struct fetch_multi *fetch_multi_new(struct loop *loop, fetch_multi_ended *ended); /* NULL when out of memory */
void fetch_multi_free(struct fetch_multi *multi);                                 /* no transfer may be left; closes the kept connections */
/* RC_TEMP: libcurl can not take it now. */
enum rc fetch_multi_add(struct fetch_multi *multi, CURL *easy, struct err *err);
/* Before its end: there will be none. */
void fetch_multi_remove(struct fetch_multi *multi, CURL *easy);

#endif
