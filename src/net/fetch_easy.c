// SPDX-License-Identifier: Apache-2.0
#include "net/fetch_internal.h"

#include "base/clock.h"
#include "base/str.h"
#include "net/public_host.h"

#include <errno.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#define RECEIVE_BYTES (128L * 1024)
#define ONCE_IDLE_MOST_S 3L        /* whole seconds, rounded down: up to 3.999 */
#define REDIRECT_BODY_BYTES 65536u /* of a 3xx that is followed, read so that its connection can be kept */

/* One transfer as libcurl has it: what its easy handle is told, and what it calls. */

/* ---- callbacks: inside libcurl, so nothing here may start, end or free a fetch ---- */

/* An address as libcurl writes it. */
static bool is_public(const char *address) {
    char host[64];
    return strchr(address, ':') == NULL ? public_host_name(address) && strchr(address, '.') != NULL
                                        : str_format(host, sizeof(host), "[%s]", address) && public_host_name(host);
}

/* Of several addresses libcurl tries the next one then. */
static curl_socket_t open_socket(void *context, curlsocktype purpose, struct curl_sockaddr *address) {
    struct fetch *fetch = context;
    (void)purpose;
    if (fetch->public_only && !public_host_address(&address->addr)) {
        fetch->refused = true;
        return CURL_SOCKET_BAD;
    }
    return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

/* libcurl comes by here each time before the first byte of a request leaves, after look-up, connect and TLS, and on every path by which it sends one again. */
static int before_request(void *context, char *peer, char *own, int peer_port, int own_port) {
    struct fetch *fetch = context;
    (void)own;
    (void)peer_port;
    (void)own_port;
    if (fetch->public_only && !is_public(peer)) { /* a connection that another request has opened */
        fetch->refused = true;
        return CURL_PREREQFUNC_ABORT;
    }
    if (fetch->knock) {
        (void)fetch_break_off(fetch, "reached", RC_OK);
        return CURL_PREREQFUNC_ABORT;
    }
    if (fetch->once && fetch->sent) {
        (void)fetch_break_off(fetch, "reset",
                              err_set(&fetch->err, RC_TEMP, "the connection died before an answer, and a request that may be charged is not sent again"));
        return CURL_PREREQFUNC_ABORT;
    }
    fetch->sent = true;
    return CURL_PREREQFUNC_OK;
}

static void consider_redirect(struct fetch *fetch) {
    int status = fetch->head.status;
    if (fetch->redirects_left == 0 || fetch->head.location[0] == '\0' || (status != 301 && status != 302 && status != 303 && status != 307 && status != 308)) {
        return;
    }
    bool safe = strcmp(fetch->method, "GET") == 0 || strcmp(fetch->method, "HEAD") == 0;
    fetch->target_as_get = !safe && (status == 303 || (status < 303 && strcmp(fetch->method, "POST") == 0));
    struct fetch_url target;
    if (fetch_url_redirect(&target, &fetch->url, fetch->head.location, fetch->allow_http, &fetch->target_same_origin, NULL) != RC_OK) {
        return;
    }
    if (!fetch->target_same_origin && !fetch->target_as_get && (!safe || fetch->body != NULL)) {
        fetch_url_release(&target);
        return;
    }
    fetch->target = target;
}

static size_t take_header(char *bytes, size_t size, size_t count, void *context) {
    struct fetch *fetch = context;
    bool ended = fetch->head.ended;
    if (!fetch_head_line(&fetch->head, fetch->wanted, bytes, size * count)) {
        (void)fetch_break_off(fetch, "headers_too_large", err_set(&fetch->err, RC_PERM, "the answer has more than 64 KiB of headers"));
        return CURL_WRITEFUNC_ERROR;
    }
    if (fetch->head.status != 0 && !loop_timer_started(&fetch->stall)) {
        fetch->received_ms = clock_mono_ms();
        fetch_look_later(fetch, fetch->received_ms);
    }
    if (fetch->head.ended && !ended) {
        consider_redirect(fetch);
    }
    return size * count;
}

static enum rc write_body(struct fetch *fetch, const char *bytes, size_t length) {
    enum rc rc = fetch->body_fd < 0 ? fetch->body_open(fetch->context, &fetch->body_fd, &fetch->err) : RC_OK;
    if (rc == RC_OK) {
        rc = fsio_write(fetch->body_fd, bytes, length, &fetch->err);
    }
    fetch->disk_errno = rc == RC_OK ? 0 : errno;
    return rc;
}

enum rc fetch_easy_flush(struct fetch *fetch) {
    struct fetch_held *held = fetch->held;
    if (held == NULL || held->length == 0) {
        return RC_OK;
    }
    size_t length = held->length;
    held->length = 0;
    fetch->flushed = true;
    digest_add(fetch->digest, held->bytes, length);
    return write_body(fetch, held->bytes, length);
}

/* What may have been charged is written at once, so that it outlives us. */
static enum rc store_body(struct fetch *fetch, const char *bytes, size_t length) {
    if (fetch->to_file && !fetch->once && fetch->held == NULL && fetch->body_bytes == 0) {
        fetch->held = fetcher_take_held(fetch->fetcher);
    }
    if (fetch->held != NULL && length <= FETCH_HELD_BYTES) {
        enum rc rc = fetch->held->length + length > FETCH_HELD_BYTES ? fetch_easy_flush(fetch) : RC_OK;
        if (rc == RC_OK) {
            memcpy(fetch->held->bytes + fetch->held->length, bytes, length);
            fetch->held->length += length;
        }
        return rc;
    }
    digest_add(fetch->digest, bytes, length);
    if (!fetch->to_file) {
        enum rc rc = buf_add(&fetch->kept, bytes, length);
        fetch->disk_errno = rc == RC_OK ? 0 : ENOMEM;
        return rc == RC_OK ? RC_OK : err_set(&fetch->err, rc, "out of memory");
    }
    return write_body(fetch, bytes, length);
}

static enum rc take_bytes(struct fetch *fetch, const char *bytes, size_t length) {
    if (fetch->target.text != NULL) {
        fetch->dropped_bytes += length;
        return fetch->dropped_bytes <= REDIRECT_BODY_BYTES
                   ? RC_OK
                   : fetch_break_off(fetch, "too_large", err_set(&fetch->err, RC_PERM, "the body of a redirect has more than %u bytes", REDIRECT_BODY_BYTES));
    }
    if (length > fetch->max_body_bytes - fetch->body_bytes) {
        return fetch_break_off(fetch, "too_large",
                               err_set(&fetch->err, RC_PERM, "the answer has more than %llu bytes", (unsigned long long)fetch->max_body_bytes));
    }
    enum rc rc = store_body(fetch, bytes, length);
    if (rc != RC_OK) {
        return fetch_break_off(fetch, "disk", rc);
    }
    fetch->body_bytes += length;
    return RC_OK;
}

static size_t take_body(char *bytes, size_t size, size_t count, void *context) {
    return take_bytes(context, bytes, size * count) == RC_OK ? size * count : CURL_WRITEFUNC_ERROR;
}

/* ---- making a request ---- */

static bool set_method(struct fetch *fetch) {
    CURL *easy = fetch->easy;
    bool post = strcmp(fetch->method, "POST") == 0, get = strcmp(fetch->method, "GET") == 0;
    if (curl_easy_setopt(easy, CURLOPT_HTTPGET, 1L) != CURLE_OK || curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, NULL) != CURLE_OK) {
        return false;
    }
    if (strcmp(fetch->method, "HEAD") == 0) {
        return curl_easy_setopt(easy, CURLOPT_NOBODY, 1L) == CURLE_OK;
    }
    if ((post || fetch->body != NULL) && (curl_easy_setopt(easy, CURLOPT_POST, 1L) != CURLE_OK ||
                                          curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)fetch->body_length) != CURLE_OK ||
                                          curl_easy_setopt(easy, CURLOPT_POSTFIELDS, fetch->body == NULL ? "" : fetch->body) != CURLE_OK)) {
        return false;
    }
    return post || (get && fetch->body == NULL) || curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, fetch->method) == CURLE_OK;
}

/* What a redirect changes. */
bool fetch_easy_where(struct fetch *fetch) {
    CURL *easy = fetch->easy;
    const char *protocols = fetch->url.secure ? "https" : "http";
    if (fetch->timeout_ms > 0) {
        int64_t left_ms = fetch->timeout_ms - (clock_mono_ms() - fetch->started_ms);
        if (curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)(left_ms > 1 ? left_ms : 1)) != CURLE_OK) {
            return false;
        }
    }
    return curl_easy_setopt(easy, CURLOPT_URL, fetch->url.text) == CURLE_OK && curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, protocols) == CURLE_OK &&
           (fetch->proxied || curl_easy_setopt(easy, CURLOPT_PROXY, fetch->url.loopback || fetch->public_only ? "" : NULL) == CURLE_OK) &&
           curl_easy_setopt(easy, CURLOPT_HTTPHEADER, fetch->headers) == CURLE_OK && set_method(fetch);
}

static bool set_safety(struct fetch *fetch) {
    CURL *easy = fetch->easy;
    return curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L) == CURLE_OK /* else a cancel waits for the resolver's thread */
           && curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L) == CURLE_OK && curl_easy_setopt(easy, CURLOPT_REDIR_PROTOCOLS_STR, "https") == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED) == CURLE_OK && curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2L) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_PROXY_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_HEADEROPT, (long)CURLHEADER_SEPARATE) == CURLE_OK && /* none of the request's for a proxy's CONNECT */
           (!fetch->once || curl_easy_setopt(easy, CURLOPT_MAXAGE_CONN, ONCE_IDLE_MOST_S) == CURLE_OK) &&
           (!fetch->public_only || (curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, open_socket) == CURLE_OK &&
                                    curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, fetch) == CURLE_OK)) &&
           curl_easy_setopt(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L) == CURLE_OK;
}

static bool set_transfer(struct fetch *fetch, int64_t connect_timeout_ms) {
    CURL *easy = fetch->easy;
    return curl_easy_setopt(easy, CURLOPT_PRIVATE, fetch) == CURLE_OK && curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, fetch->curl_error) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, before_request) == CURLE_OK && curl_easy_setopt(easy, CURLOPT_PREREQDATA, fetch) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, take_header) == CURLE_OK && curl_easy_setopt(easy, CURLOPT_HEADERDATA, fetch) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_body) == CURLE_OK && curl_easy_setopt(easy, CURLOPT_WRITEDATA, fetch) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, RECEIVE_BYTES) == CURLE_OK && curl_easy_setopt(easy, CURLOPT_ACCEPT_ENCODING, "") == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2TLS) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_USERAGENT, "batchspool") == CURLE_OK && curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L) == CURLE_OK &&
           (connect_timeout_ms <= 0 || curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)connect_timeout_ms) == CURLE_OK);
}

static bool set_text(CURL *easy, CURLoption option, const char *text) {
    return text == NULL || curl_easy_setopt(easy, option, text) == CURLE_OK;
}

static bool set_way(struct fetch *fetch, const struct fetch_way *way) {
    CURL *easy = fetch->easy;
    const char *ca_file = way->ca_file != NULL ? way->ca_file : fetch->fetcher->ca_file;
    fetch->proxied = way->proxy != NULL;
    return set_text(easy, CURLOPT_CAINFO, ca_file) && set_text(easy, CURLOPT_PROXY_CAINFO, ca_file) && set_text(easy, CURLOPT_SSLCERT, way->cert_file) &&
           set_text(easy, CURLOPT_SSLKEY, way->key_file) && set_text(easy, CURLOPT_PROXY, way->proxy) &&
           (!fetch->proxied || curl_easy_setopt(easy, CURLOPT_NOPROXY, "") == CURLE_OK) && /* else no_proxy of the environment counts */
           set_text(easy, CURLOPT_PROXYUSERNAME, way->proxy_username) && set_text(easy, CURLOPT_PROXYPASSWORD, way->proxy_password) &&
           curl_easy_setopt(easy, CURLOPT_PROXYAUTH, (long)CURLAUTH_BASIC) == CURLE_OK;
}

static bool append(struct curl_slist **list, const char *line) {
    struct curl_slist *longer = curl_slist_append(*list, line);
    if (longer != NULL) {
        *list = longer;
    }
    return longer != NULL;
}

/* Names without a value switch libcurl's own headers off: it is not to wait for 100-continue, nor to guess a content type. */
enum rc fetch_easy_headers(struct fetch *fetch, char *const *headers, struct err *err) {
    bool typed = false;
    for (; headers != NULL && *headers != NULL; headers++) {
        if (strpbrk(*headers, "\r\n") != NULL) {
            return err_set(err, RC_PERM, "a header has a line break");
        }
        typed = typed || strncasecmp(*headers, "content-type:", 13) == 0;
        if (!append(&fetch->headers, *headers)) {
            return err_set(err, RC_TEMP, "out of memory");
        }
    }
    bool ok = append(&fetch->headers, "Expect:") && (typed || append(&fetch->headers, "Content-Type:"));
    return ok ? RC_OK : err_set(err, RC_TEMP, "out of memory");
}

bool fetch_easy_set(struct fetch *fetch, const struct fetch_request *request) {
    return set_transfer(fetch, request->connect_timeout_ms) && set_safety(fetch) && set_way(fetch, &request->way) && fetch_easy_where(fetch);
}
