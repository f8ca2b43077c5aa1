// SPDX-License-Identifier: Apache-2.0
#ifndef NET_FETCH_H
#define NET_FETCH_H

#include <stdbool.h>
#include <stdint.h>

#include "base/digest.h"
#include "base/fields.h"
#include "os/fsio.h"
#include "os/loop.h"

/* HTTP by libcurl's multi interface on our loop: connections kept and reused, HTTP/2 where offered, content coding undone, the body streamed to a file while it
 * is hashed and counted. */

struct fetcher;
struct fetch;

struct fetch_way {                    /* by which way; NULL: as the fetcher and the environment say */
    const char *ca_file;              /* trusted beside the system's directory of certificates, instead of the fetcher's */
    const char *cert_file, *key_file; /* of the client, PEM; without key_file the key is in cert_file. Never shown to another origin */
    const char *proxy;                /* URL of http, https or socks5h; for loopback hosts too. The environment's are then of no account */
    const char *proxy_username, *proxy_password;
};

/* Of the context that fetch_start got. */
typedef enum rc fetch_open(void *context, int *body_fd, struct err *err);

struct fetch_request { /* all borrowed until fetch_start returns, but for body: until the end */
    const char *method, *url;
    char *const *headers; /* "Name: value", NULL at the end; no line breaks in them */
    const char *body;
    size_t body_length;
    int64_t timeout_ms;         /* of the whole exchange; 0: none */
    int64_t connect_timeout_ms; /* 0: libcurl's own */
    int64_t stall_ms; /* once the answer has begun: so long without a byte ends as timeout. 0: 30 s. The server's thinking before that is bounded by timeout_ms
                         alone */
    uint64_t max_body_bytes; /* after content coding is undone; passing it ends the fetch as broken (too_large) */
    unsigned max_redirects;  /* 0: a 3xx is an answer like any other, as it is when this many have been followed */
    bool once;               /* a request that may be charged: it leaves at most once, whatever happens to the connection; no redirect is followed */
    bool knock;              /* look-up, connect and TLS, and no request: ends with reason "reached", not sent, when the way is there */
    bool allow_http;         /* plain http to other than loopback hosts */
    bool public_only; /* of no other address than a public one (net/public_host.h) anything is asked: what is looked at is the address that is connected to, at
                         each redirect and on kept connections too. No proxy is used, for its address would say nothing. Not with way.proxy */
    const char *const *wanted; /* header fields that are wanted of the answer, NULL at the end; until the end. Or NULL */
    struct fetch_way way;
    int body_fd;           /* written from its position; owned by the caller; -1: kept in memory (answer.body) up to max_body_bytes */
    fetch_open *body_open; /* or NULL: gives body_fd when something must be written, as a body that is handed over need not be */
    bool hold; /* a small body is handed over as answer.held, neither written to body_fd nor hashed: for a thread that has the time. Not with once */
};

#define FETCH_HELD_BYTES (1024u * 1024u)
struct fetch_held { /* a body in memory, as fsio_write_direct takes it */
    _Alignas(FSIO_DIRECT_BYTES) char bytes[FETCH_HELD_BYTES];
    struct fetch_held *next;
    size_t length;
};

struct fetch_answer { /* borrowed during the callback */
    bool sent;        /* false: no byte of the request has left: look-up, connect, TLS; true when in doubt */
    bool complete;    /* the answer came to its end, undamaged */
    int status;       /* of the final answer, also of a broken one; 0: none came */
    char error[256];  /* transport error text, "" when complete */
    char reason[32];  /* "", "resolve", "connect", "tls", "timeout", "reset", "truncated", "too_large", "headers_too_large", "private" (public_only: there is no
                         public address), "reached" (knock), "disk" (writing body_fd failed: see disk_errno), "protocol" */
    int disk_errno;   /* with reason "disk"; ENOMEM when body_fd was -1 */
    uint64_t body_bytes;
    char sha256[DIGEST_HEX_SIZE]; /* of the body bytes */
    const char *body;             /* when there was no file for it */
    struct fetch_held *held;      /* the whole body, sha256 is ""; from now on the caller's: fetcher_give_back. NULL: it is in body_fd */
    int64_t retry_after_s;        /* of either form; a time that has passed is 1; 0: none, or not readable */
    const struct fields *fields;  /* of the wanted ones those that came */
    char content_type[128];
    char request_id[128]; /* X-Request-Id or any header ending in -Request-Id, or Request-Id; "" */
    int64_t time_ms;
};
typedef void fetch_done(void *context, const struct fetch_answer *answer);

/* Protocols are https, and http where allowed (loopback hosts are, and are never asked for by a proxy); no user name in a URL; netrc off; no proxy but the
 * environment's (https_proxy) or the request's own; TLS 1.2 or newer, always verified; ca_file (or NULL) adds a private CA to the system's directory of
 * certificates. Connections are shared only among requests that go the same way.
 *
 * Redirects stay within the scheme and never lead from elsewhere to loopback. Within the same origin (scheme, host, port) headers and body go along. To another
 * origin only GET and HEAD go, with none of the request's headers, for any of them may be a credential. 303 (and 301, 302 after POST) becomes a GET without
 * body. What these rules do not allow is not followed: the 3xx is the answer.
 *
 * `once`: libcurl by itself sends a request again when a kept connection turns out dead before the first byte of an answer, or when HTTP/2 says REFUSED_STREAM,
 * GOAWAY or HTTP_1_1_REQUIRED. Such a second sending is refused here: the fetch ends as reset, sent. Connections are kept and reused all the same, but for
 * `once` only when idle for less than 4 s, less than servers commonly keep theirs. */
/* RC_PERM: ca_file is not readable. */
enum rc fetcher_new(struct loop *loop, const char *ca_file, struct fetcher **fetcher, struct err *err);
void fetcher_give_back(struct fetcher *fetcher, struct fetch_held *held); /* NULL is none */
bool fetcher_holds(const struct fetcher *fetcher);                        /* there is memory for one more */
void fetcher_free(struct fetcher *fetcher);                               /* all fetches must have ended or been cancelled */

/* done() comes later from the loop, once; never before this returns; in it new fetches may be started and others cancelled. The fetch is gone after done().
 * Passes the fault point "request", as does each redirect. RC_PERM: the URL or a header is not acceptable, or a file of `way` is not readable; RC_TEMP: out of
 * memory, or the fault point. */
enum rc fetch_start(struct fetcher *fetcher, const struct fetch_request *request, fetch_done *done, void *context, struct fetch **fetch, struct err *err);
/* No callback after this. What was sent stays sent. */
void fetch_cancel(struct fetch *fetch);

#endif
