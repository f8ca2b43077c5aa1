// SPDX-License-Identifier: Apache-2.0
#ifndef NET_FETCH_INTERNAL_H
#define NET_FETCH_INTERNAL_H

#include <curl/curl.h>

#include "base/buf.h"
#include "net/fetch.h"
#include "net/fetch_head.h"
#include "net/fetch_multi.h"
#include "net/fetch_url.h"

/* What fetch.c (a fetch from start to end, redirect by redirect) and fetch_easy.c (one transfer as libcurl has it) share. */

struct fetcher {
    struct loop *loop;
    struct fetch_held *spare; /* to be used again */
    unsigned spare_count, held_count;
    struct fetch_multi *multis; /* one for each way */
    char *ca_file;
};

struct fetch {
    struct fetcher *fetcher;
    struct fetch_multi *multi;
    fetch_done *done; /* NULL once it has been called */
    void *context;
    CURL *easy;
    struct curl_slist *headers;
    struct fetch_url url, target; /* target.text: where the answer under way redirects to */
    bool target_same_origin, target_as_get;
    char method[16];
    const char *body;
    size_t body_length;
    const char *const *wanted;
    int64_t started_ms, timeout_ms, stall_ms;
    uint64_t max_body_bytes;
    unsigned redirects_left;
    bool once, knock, allow_http, proxied, public_only, refused; /* refused: an address that is not public */
    int body_fd;
    fetch_open *body_open;
    bool to_file;

    bool sent;
    struct fetch_head head;
    struct digest *digest;
    struct buf kept;
    struct fetch_held
        *held; /* what came and is neither written nor hashed yet: large writes cost the kernel far less than libcurl's 16 KiB at a time; or NULL */
    bool hold, flushed;
    uint64_t body_bytes, dropped_bytes;
    struct loop_timer stall;
    curl_off_t received_bytes;
    int64_t received_ms;
    const char *reason; /* NULL, or why we broke it off ourselves */
    int disk_errno;
    struct err err;
    char curl_error[CURL_ERROR_SIZE];
};

/* It ends as this, whatever libcurl says of it then; err is set. Returns rc. */
static inline enum rc fetch_break_off(struct fetch *fetch, const char *reason, enum rc rc) {
    fetch->reason = reason;
    return rc;
}

/* fetch.c */

/* NULL, when there are many already or no memory: the body is written as it comes. */
struct fetch_held *fetcher_take_held(struct fetcher *fetcher);
/* The answer has begun: from now on it may stall. */
void fetch_look_later(struct fetch *fetch, int64_t now_ms);

/* fetch_easy.c */

/* All that the easy handle is told, once; url, method and headers are made. False: out of memory. */
bool fetch_easy_set(struct fetch *fetch, const struct fetch_request *request);
/* What a redirect changes. False: out of memory. */
bool fetch_easy_where(struct fetch *fetch);
/* The request's, and those that keep libcurl from adding its own; headers may be NULL. RC_PERM: one has a line break. RC_TEMP: out of memory. */
enum rc fetch_easy_headers(struct fetch *fetch, char *const *headers, struct err *err);
/* What is held, if anything, is hashed and written. As fsio_write; disk_errno is set. */
enum rc fetch_easy_flush(struct fetch *fetch);

#endif
