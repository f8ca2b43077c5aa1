// SPDX-License-Identifier: Apache-2.0
#ifndef API_GATE_H
#define API_GATE_H

#include <stdbool.h>
#include <stddef.h>

#include "api/secret.h"
#include "base/err.h"

/*
 * What is refused before anybody asks who it is (DNS rebinding, forged requests of other sites), and the fields that tell a browser to be as strict. Pure:
 * made once at start, then from every thread.
 */

#define GATE_HOSTS 32u
#define GATE_HOST_SIZE 256
#define GATE_ORIGIN_SIZE 280

struct gate {
    char hosts[GATE_HOSTS][GATE_HOST_SIZE]; /* lower case; IPv6 in brackets */
    size_t host_count;
    char origin[GATE_ORIGIN_SIZE]; /* of the proxy: "https://batch.example"; "" none */
    bool tls;                      /* we speak TLS ourselves */
};

struct gate_options {
    const char *listen_host;          /* the address we listen at, without port and brackets; NULL or "": a unix socket */
    const char *const *allowed_hosts; /* more names, without ports */
    size_t allowed_count;
    const char *proxy_origin; /* what browsers see, when a proxy is before us; NULL or "": none */
    bool tls;
};
/* RC_FATAL with what is wrong in the options. Beside those, localhost, 127.0.0.1 and [::1] are allowed; an address that means all (0.0.0.0, ::) is no name. */
enum rc gate_init(struct gate *gate, const struct gate_options *options, struct err *err);

/* Cookies are Secure: TLS here, or at the proxy. */
bool gate_secure(const struct gate *gate);

/* Whether the field Host (NULL: there is none; HTTP/1.1 must have one) names us. The port plays no part: who rebinds a name has another name, while the port
 * differs wherever one is forwarded. */
bool gate_host(const struct gate *gate, const char *host);

/* GET, HEAD, OPTIONS: what changes nothing. */
bool gate_safe_method(const char *method);

/* Whether a request that changes something comes from our own pages: Origin is the proxy's origin, or our scheme with exactly what Host says; Sec-Fetch-Site,
 * when the browser tells it, is same-origin or none. No Origin, and "null", are refused: all browsers send it with unsafe methods. For cookie credentials,
 * and for login. host has passed gate_host. */
bool gate_origin(const struct gate *gate, const char *host, const char *origin, const char *fetch_site);
/* The same for login and refresh, which programs call as well: a request without Origin and Sec-Fetch-Site is no browser's. */
bool gate_origin_or_none(const struct gate *gate, const char *host, const char *origin, const char *fetch_site);

/* The CSRF token of a session: HMAC-SHA256(web/secret, family). */
#define GATE_CSRF_SIZE SECRET_MAC_SIZE
#define GATE_CSRF_HEADER "X-CSRF-Token"
void gate_csrf(const struct secret *secret, const char *family, char out[GATE_CSRF_SIZE]);
bool gate_csrf_ok(const struct secret *secret, const char *family, const char *given); /* constant time; given may be NULL */

/* Fields of every answer. GATE_PAGE: the dashboard's own files. GATE_DATA: the API. GATE_FILE: bytes that somebody else made (payloads, downloads).
 * GATE_SHOWN: the same, of documents that the browser shows: its viewer of PDF does not work in a sandbox, and nothing in them is a script of ours. */
enum gate_kind { GATE_PAGE, GATE_DATA, GATE_FILE, GATE_SHOWN };
struct gate_header {
    const char *name, *value;
};
/* The i-th of a kind; false: there is none. Strict-Transport-Security is among them only when we speak TLS ourselves (a proxy says it for itself). */
bool gate_header(const struct gate *gate, enum gate_kind kind, size_t i, struct gate_header *out);

#endif
