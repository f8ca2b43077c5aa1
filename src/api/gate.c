// SPDX-License-Identifier: Apache-2.0
#include "api/gate.h"

#include "base/str.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <string.h>
#include <strings.h>

#define NAME_CHARACTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-_"
#define ADDRESS_CHARACTERS "0123456789abcdefABCDEF:."

/* --- hosts ----------------------------------------------------------------------------------------------------------- */

/* The host of "host[:port]", lower case, brackets kept, in out. False: it is none. */
static bool split_host(const char *text, char out[GATE_HOST_SIZE]) {
    size_t length;
    if (*text == '[') {
        length = 1 + strspn(text + 1, ADDRESS_CHARACTERS);
        if (length == 1 || text[length++] != ']')
            return false;
    } else
        length = strspn(text, NAME_CHARACTERS);
    const char *port = text + length;
    if (length == 0 || length >= GATE_HOST_SIZE || (*port && *port != ':'))
        return false;
    if (*port == ':' && (strspn(port + 1, "0123456789") != strlen(port + 1) || strlen(port + 1) > 5))
        return false;
    for (size_t i = 0; i < length; i++)
        out[i] = (char)tolower((unsigned char)text[i]);
    out[length] = '\0';
    return true;
}

static enum rc add_host(struct gate *gate, const char *text, const char *what, struct err *err) {
    char host[GATE_HOST_SIZE], bracketed[GATE_HOST_SIZE];
    unsigned char address[16];
    if (inet_pton(AF_INET6, text, address) == 1 && str_format(bracketed, sizeof bracketed, "[%s]", text))
        text = bracketed;
    if (!split_host(text, host) || strlen(host) != strlen(text))
        return err_set(err, RC_FATAL, "%s: \"%.100s\" is no name of a host", what, text);
    if (gate->host_count == GATE_HOSTS)
        return err_set(err, RC_FATAL, "%s: more than %u hosts", what, GATE_HOSTS);
    return str_copy(gate->hosts[gate->host_count++], GATE_HOST_SIZE, host) ? RC_OK : RC_FATAL;
}

static bool means_all(const char *host) {
    return strcmp(host, "0.0.0.0") == 0 || strcmp(host, "::") == 0 || strcmp(host, "*") == 0;
}

/* scheme://host[:port] without a path, lower case. */
static enum rc set_origin(struct gate *gate, const char *origin, struct err *err) {
    const char *host = str_starts(origin, "https://") ? origin + 8 : str_starts(origin, "http://") ? origin + 7 : NULL;
    char name[GATE_HOST_SIZE];
    if (!host || !split_host(host, name) || !str_copy(gate->origin, sizeof gate->origin, origin))
        return err_set(err, RC_FATAL, "the proxy's origin: \"%.100s\" is not https://HOST[:PORT], without a path", origin);
    for (char *at = gate->origin; *at; at++)
        *at = (char)tolower((unsigned char)*at);
    return add_host(gate, name, "the proxy's origin", err);
}

enum rc gate_init(struct gate *gate, const struct gate_options *options, struct err *err) {
    static const char *const own[] = {"localhost", "127.0.0.1", "[::1]"};
    enum rc rc = RC_OK;
    *gate = (struct gate){.tls = options->tls};
    for (size_t i = 0; i < sizeof own / sizeof *own && !rc; i++)
        rc = add_host(gate, own[i], "hosts", err);
    if (!rc && options->listen_host && *options->listen_host && !means_all(options->listen_host))
        rc = add_host(gate, options->listen_host, "the address to listen at", err);
    for (size_t i = 0; i < options->allowed_count && !rc; i++)
        rc = add_host(gate, options->allowed_hosts[i], "allowed_hosts", err);
    if (!rc && options->proxy_origin && *options->proxy_origin)
        rc = set_origin(gate, options->proxy_origin, err);
    return rc;
}

bool gate_secure(const struct gate *gate) {
    return gate->tls || str_starts(gate->origin, "https://");
}

bool gate_host(const struct gate *gate, const char *host) {
    char name[GATE_HOST_SIZE];
    if (!host || strnlen(host, GATE_HOST_SIZE) >= GATE_HOST_SIZE || !split_host(host, name))
        return false;
    for (size_t i = 0; i < gate->host_count; i++)
        if (strcmp(gate->hosts[i], name) == 0)
            return true;
    return false;
}

/* --- where a request comes from --------------------------------------------------------------------------------------- */

bool gate_safe_method(const char *method) {
    return strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0 || strcmp(method, "OPTIONS") == 0;
}

static bool site_ok(const char *fetch_site) {
    return !fetch_site || strcmp(fetch_site, "same-origin") == 0 || strcmp(fetch_site, "none") == 0;
}

bool gate_origin(const struct gate *gate, const char *host, const char *origin, const char *fetch_site) {
    char own[GATE_ORIGIN_SIZE];
    if (!origin || !site_ok(fetch_site))
        return false;
    if (*gate->origin && strcasecmp(origin, gate->origin) == 0)
        return true;
    return host && str_format(own, sizeof own, "%s://%s", gate->tls ? "https" : "http", host) && strcasecmp(origin, own) == 0;
}

bool gate_origin_or_none(const struct gate *gate, const char *host, const char *origin, const char *fetch_site) {
    return (!origin && !fetch_site) || gate_origin(gate, host, origin, fetch_site);
}

void gate_csrf(const struct secret *secret, const char *family, char out[GATE_CSRF_SIZE]) {
    secret_mac(secret, "csrf", family, out);
}

bool gate_csrf_ok(const struct secret *secret, const char *family, const char *given) {
    char right[GATE_CSRF_SIZE];
    gate_csrf(secret, family, right);
    return *family && given && strnlen(given, GATE_CSRF_SIZE) == GATE_CSRF_SIZE - 1 && secret_same(right, given);
}

/* --- what a browser is told -------------------------------------------------------------------------------------------- */

#define ON(kind) (1u << (kind))
#define OTHERS (ON(GATE_DATA) | ON(GATE_FILE) | ON(GATE_SHOWN))
#define ALL (ON(GATE_PAGE) | OTHERS)

/* Referrer-Policy is not no-referrer: browsers then say "Origin: null" with forms of our own, too. */
static const struct {
    unsigned kinds;
    bool tls; /* only when we speak it */
    struct gate_header header;
} HEADERS[] = {
    {ON(GATE_PAGE),
     false,
     {"Content-Security-Policy", "default-src 'self'; img-src 'self' data:; object-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'"}},
    {ON(GATE_DATA) | ON(GATE_FILE),
     false,
     {"Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'; sandbox"}},
    {ON(GATE_SHOWN),
     false,
     {"Content-Security-Policy", "default-src 'none'; object-src 'self'; img-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"}},
    {ALL, false, {"X-Content-Type-Options", "nosniff"}},
    {ALL, false, {"X-Frame-Options", "DENY"}},
    {ALL, false, {"Referrer-Policy", "same-origin"}},
    {ALL, false, {"Cross-Origin-Opener-Policy", "same-origin"}},
    {ALL, false, {"Cross-Origin-Resource-Policy", "same-origin"}},
    {ON(GATE_PAGE), false, {"Cross-Origin-Embedder-Policy", "require-corp"}},
    {ON(GATE_PAGE), false, {"Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()"}},
    {OTHERS, false, {"Cache-Control", "no-store"}},
    {ALL, true, {"Strict-Transport-Security", "max-age=31536000"}},
};

bool gate_header(const struct gate *gate, enum gate_kind kind, size_t i, struct gate_header *out) {
    for (size_t row = 0; row < sizeof HEADERS / sizeof *HEADERS; row++)
        if ((HEADERS[row].kinds & ON(kind)) && (gate->tls || !HEADERS[row].tls) && i-- == 0) {
            *out = HEADERS[row].header;
            return true;
        }
    return false;
}
