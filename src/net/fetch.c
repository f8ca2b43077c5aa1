// SPDX-License-Identifier: Apache-2.0
#include "net/fetch.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/fault.h"
#include "base/limits.h"
#include "base/str.h"
#include "net/fetch_head.h"
#include "net/fetch_multi.h"
#include "net/fetch_url.h"
#include "net/public_host.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#define RECEIVE_BYTES (128L * 1024)
#define SPARE_MOST HELD_MOST
#define HELD_MOST 16u
#define STALL_MS 30000
#define STALL_LOOKS 4 /* a stall is seen within a quarter of its length */
#define LOOK_MOST_MS 250
#define ONCE_IDLE_MOST_S 3L        /* whole seconds, rounded down: up to 3.999 */
#define REDIRECT_BODY_BYTES 65536u /* of a 3xx that is followed, read so that its connection can be kept */

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

/* ---- one transfer's callbacks: inside libcurl, so nothing here may start, end or free a fetch ---- */

static enum rc break_off(struct fetch *fetch, const char *reason, enum rc rc) {
    fetch->reason = reason;
    return rc;
}

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
        (void)break_off(fetch, "reached", RC_OK);
        return CURL_PREREQFUNC_ABORT;
    }
    if (fetch->once && fetch->sent) {
        (void)break_off(fetch, "reset",
                        err_set(&fetch->err, RC_TEMP, "the connection died before an answer, and a request that may be charged is not sent again"));
        return CURL_PREREQFUNC_ABORT;
    }
    fetch->sent = true;
    return CURL_PREREQFUNC_OK;
}

static void stall_due(struct loop_timer *timer);

/* Without memory for the timer timeout_ms still ends the fetch. */
static void look_later(struct fetch *fetch, int64_t now_ms) {
    int64_t wait_ms = fetch->stall_ms / STALL_LOOKS + 1;
    (void)loop_timer_start(fetch->fetcher->loop, &fetch->stall, now_ms + (wait_ms < LOOK_MOST_MS ? wait_ms : LOOK_MOST_MS), stall_due);
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
        (void)break_off(fetch, "headers_too_large", err_set(&fetch->err, RC_PERM, "the answer has more than 64 KiB of headers"));
        return CURL_WRITEFUNC_ERROR;
    }
    if (fetch->head.status != 0 && !loop_timer_started(&fetch->stall)) {
        fetch->received_ms = clock_mono_ms();
        look_later(fetch, fetch->received_ms);
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

/* NULL, when there are many already or no memory: the body is written as it comes. */
static struct fetch_held *take_held(struct fetcher *fetcher) {
    struct fetch_held *held = fetcher->spare;
    if (held != NULL) {
        fetcher->spare = held->next;
        fetcher->spare_count--;
    } else if (fetcher->held_count < HELD_MOST) {
        held = aligned_alloc(FSIO_DIRECT_BYTES, sizeof(*held));
    }
    if (held != NULL) {
        held->length = 0;
        fetcher->held_count++;
    }
    return held;
}

bool fetcher_holds(const struct fetcher *fetcher) {
    return fetcher->held_count < HELD_MOST;
}

void fetcher_give_back(struct fetcher *fetcher, struct fetch_held *held) {
    if (held == NULL) {
        return;
    }
    fetcher->held_count--;
    if (fetcher->spare_count == SPARE_MOST) {
        free(held);
        return;
    }
    held->next = fetcher->spare;
    fetcher->spare = held;
    fetcher->spare_count++;
}

static enum rc flush_held(struct fetch *fetch) {
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
        fetch->held = take_held(fetch->fetcher);
    }
    if (fetch->held != NULL && length <= FETCH_HELD_BYTES) {
        enum rc rc = fetch->held->length + length > FETCH_HELD_BYTES ? flush_held(fetch) : RC_OK;
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
                   : break_off(fetch, "too_large", err_set(&fetch->err, RC_PERM, "the body of a redirect has more than %u bytes", REDIRECT_BODY_BYTES));
    }
    if (length > fetch->max_body_bytes - fetch->body_bytes) {
        return break_off(fetch, "too_large", err_set(&fetch->err, RC_PERM, "the answer has more than %llu bytes", (unsigned long long)fetch->max_body_bytes));
    }
    enum rc rc = store_body(fetch, bytes, length);
    if (rc != RC_OK) {
        return break_off(fetch, "disk", rc);
    }
    fetch->body_bytes += length;
    return RC_OK;
}

static size_t take_body(char *bytes, size_t size, size_t count, void *context) {
    return take_bytes(context, bytes, size * count) == RC_OK ? size * count : CURL_WRITEFUNC_ERROR;
}

/* ---- the end of a transfer ---- */

static void release(struct fetch *fetch) {
    loop_timer_cancel(fetch->fetcher->loop, &fetch->stall);
    curl_easy_cleanup(fetch->easy);
    curl_slist_free_all(fetch->headers);
    fetch_url_release(&fetch->url);
    fetch_url_release(&fetch->target);
    digest_free(fetch->digest);
    if (fetch->kept.data != NULL) {
        explicit_bzero(fetch->kept.data, fetch->kept.capacity); /* it may be an access token */
    }
    buf_release(&fetch->kept);
    fetcher_give_back(fetch->fetcher, fetch->held);
    fields_release(&fetch->head.fields);
    free(fetch);
}

static const char *reason_of(CURLcode code, bool sent) {
    static const struct {
        CURLcode code;
        const char *reason;
    } reasons[] = {
        {CURLE_COULDNT_RESOLVE_HOST, "resolve"},  {CURLE_COULDNT_RESOLVE_PROXY, "resolve"}, {CURLE_COULDNT_CONNECT, "connect"},
        {CURLE_OPERATION_TIMEDOUT, "timeout"},    {CURLE_PARTIAL_FILE, "truncated"},        {CURLE_SSL_CONNECT_ERROR, "tls"},
        {CURLE_PEER_FAILED_VERIFICATION, "tls"},  {CURLE_SSL_CERTPROBLEM, "tls"},           {CURLE_SSL_CIPHER, "tls"},
        {CURLE_SSL_CACERT_BADFILE, "tls"},        {CURLE_SSL_ISSUER_ERROR, "tls"},          {CURLE_SSL_INVALIDCERTSTATUS, "tls"},
        {CURLE_UNSUPPORTED_PROTOCOL, "protocol"}, {CURLE_WEIRD_SERVER_REPLY, "protocol"},   {CURLE_BAD_CONTENT_ENCODING, "protocol"},
        {CURLE_WRITE_ERROR, "protocol"},
    };
    for (size_t i = 0; i < sizeof(reasons) / sizeof(*reasons); i++) {
        if (reasons[i].code == code) {
            return reasons[i].reason;
        }
    }
    return sent ? "reset" : "connect";
}

/* libcurl gives a past date as a negative number, and as 0 what it can not read: nonsense, but also "-1" and numbers beyond 64 bits. */
static int64_t retry_after_s(const struct fetch *fetch) {
    const char *text = fetch->head.retry_after;
    curl_off_t seconds = 0;
    (void)curl_easy_getinfo(fetch->easy, CURLINFO_RETRY_AFTER, &seconds);
    if (text[0] == '\0') {
        return 0;
    }
    if (seconds > 0) {
        return seconds;
    }
    if (text[0] >= '1' && text[0] <= '9') {
        return LIMIT_RETRY_AFTER_S;
    }
    return seconds < 0 || text[0] == '0' || text[0] == '-' ? 1 : 0;
}

/* Tells the caller and forgets the fetch. The easy handle is out of the multi handle. */
static void finish(struct fetch *fetch, CURLcode code) {
    bool held = fetch->hold && fetch->held != NULL && !fetch->flushed;
    enum rc rc = held ? RC_OK : flush_held(fetch);
    if (rc != RC_OK && fetch->reason == NULL) {
        (void)break_off(fetch, "disk", rc);
    }
    struct fetch_answer answer = {.sent = fetch->sent, .status = fetch->head.status, .disk_errno = fetch->disk_errno, .body_bytes = fetch->body_bytes};
    if (code == CURLE_OK && fetch->reason == NULL && fetch->head.status == 0) {
        (void)break_off(fetch, "protocol", err_set(&fetch->err, RC_PERM, "the answer has no final status"));
    }
    if (fetch->refused && (code == CURLE_COULDNT_CONNECT || code == CURLE_ABORTED_BY_CALLBACK) && fetch->reason == NULL) {
        (void)break_off(fetch, "private", err_set(&fetch->err, RC_PERM, "%s: leads to an address of this machine or of a private network", fetch->url.shown));
    }
    answer.complete = code == CURLE_OK && fetch->reason == NULL;
    if (fetch->reason != NULL) {
        (void)str_copy(answer.reason, sizeof(answer.reason), fetch->reason);
        (void)snprintf(answer.error, sizeof(answer.error), "%.*s", (int)sizeof(answer.error) - 1, fetch->err.text);
    } else if (code != CURLE_OK) {
        (void)str_copy(answer.reason, sizeof(answer.reason), reason_of(code, fetch->sent));
        (void)snprintf(answer.error, sizeof(answer.error), "%s", fetch->curl_error[0] != '\0' ? fetch->curl_error : curl_easy_strerror(code));
    }
    if (held) {
        answer.held = fetch->held;
        fetch->held = NULL;
    } else {
        digest_hex(fetch->digest, answer.sha256);
    }
    answer.body = fetch->to_file ? NULL : buf_text(&fetch->kept);
    answer.retry_after_s = retry_after_s(fetch);
    answer.fields = &fetch->head.fields;
    memcpy(answer.content_type, fetch->head.content_type, sizeof(answer.content_type));
    memcpy(answer.request_id, fetch->head.request_id, sizeof(answer.request_id));
    answer.time_ms = clock_mono_ms() - fetch->started_ms;
    loop_timer_cancel(fetch->fetcher->loop, &fetch->stall);
    fetch_done *done = fetch->done;
    fetch->done = NULL;
    done(fetch->context, &answer);
    release(fetch);
}

/* libcurl 7.88 misses the end of an HTTP/2 answer that came before the request's body was sent: the stream then closes by sending, and no socket wakes anybody.
 * Pausing and going on makes it read soon, whatever the socket says; where nothing is to be had, nothing happens. */
static void nudge(struct fetch *fetch) {
    (void)curl_easy_pause(fetch->easy, CURLPAUSE_SEND);
    (void)curl_easy_pause(fetch->easy, CURLPAUSE_CONT);
}

static void stall_due(struct loop_timer *timer) {
    struct fetch *fetch = HEAP_ENTRY(timer, struct fetch, stall);
    curl_off_t body_bytes = 0;
    (void)curl_easy_getinfo(fetch->easy, CURLINFO_SIZE_DOWNLOAD_T, &body_bytes);
    curl_off_t received_bytes = body_bytes + (curl_off_t)fetch->head.bytes;
    int64_t now_ms = clock_mono_ms();
    if (received_bytes != fetch->received_bytes) {
        fetch->received_bytes = received_bytes;
        fetch->received_ms = now_ms;
        look_later(fetch, now_ms);
    } else if (now_ms - fetch->received_ms < fetch->stall_ms) {
        nudge(fetch);
        look_later(fetch, now_ms);
    } else {
        fetch_multi_remove(fetch->multi, fetch->easy);
        (void)break_off(fetch, "timeout", err_set(&fetch->err, RC_TEMP, "the answer stalled: no byte for %lld ms", (long long)fetch->stall_ms));
        finish(fetch, CURLE_OPERATION_TIMEDOUT);
    }
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
static bool set_where(struct fetch *fetch) {
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
static enum rc make_headers(struct fetch *fetch, char *const *headers, struct err *err) {
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

static enum rc send_request(struct fetch *fetch, struct err *err) {
    if (!fetch->knock && fault_point("request", fetch->url.shown) != 0) {
        return err_set(err, RC_TEMP, "%s: not sent (fault point)", fetch->url.shown);
    }
    return fetch_multi_add(fetch->multi, fetch->easy, err);
}

/* ---- redirects ---- */

static enum rc follow(struct fetch *fetch) {
    fetch_url_release(&fetch->url);
    fetch->url = fetch->target;
    fetch->target = (struct fetch_url){0};
    fetch->redirects_left--;
    fields_release(&fetch->head.fields);
    fetch->head = (struct fetch_head){0};
    fetch->dropped_bytes = 0;
    fetch->received_bytes = 0;
    loop_timer_cancel(fetch->fetcher->loop, &fetch->stall);
    if (fetch->target_as_get) {
        memcpy(fetch->method, "GET", sizeof("GET"));
        fetch->body = NULL;
        fetch->body_length = 0;
    }
    if (!fetch->target_same_origin) {
        curl_slist_free_all(fetch->headers);
        fetch->headers = NULL;
        (void)curl_easy_setopt(fetch->easy, CURLOPT_SSLCERT, NULL);
        (void)curl_easy_setopt(fetch->easy, CURLOPT_SSLKEY, NULL);
        enum rc rc = make_headers(fetch, NULL, &fetch->err);
        if (rc != RC_OK) {
            return rc;
        }
    }
    return set_where(fetch) ? send_request(fetch, &fetch->err) : err_set(&fetch->err, RC_TEMP, "out of memory");
}

static void end_transfer(void *transfer, CURLcode code) {
    struct fetch *fetch = transfer;
    if (code != CURLE_OK || fetch->target.text == NULL) {
        finish(fetch, code);
    } else if (follow(fetch) != RC_OK) {
        (void)break_off(fetch, "connect", RC_TEMP);
        finish(fetch, CURLE_OK);
    }
}

/* ---- the fetcher ---- */

enum rc fetcher_new(struct loop *loop, const char *ca_file, struct fetcher **fetcher, struct err *err) {
    *fetcher = NULL;
    if (ca_file != NULL && access(ca_file, R_OK) != 0) {
        (void)err_sys(err, "%s", ca_file);
        return RC_PERM;
    }
    struct fetcher *f = calloc(1, sizeof(*f));
    if (f == NULL) {
        return err_set(err, RC_TEMP, "out of memory");
    }
    f->loop = loop;
    f->ca_file = ca_file == NULL ? NULL : strdup(ca_file);
    if (fetch_multi_of(&f->multis, loop, end_transfer, &(struct fetch_way){.ca_file = NULL}) == NULL || (ca_file != NULL && f->ca_file == NULL)) {
        fetcher_free(f);
        return err_set(err, RC_TEMP, "libcurl can not be started: out of memory");
    }
    *fetcher = f;
    return RC_OK;
}

void fetcher_free(struct fetcher *fetcher) {
    if (fetcher == NULL) {
        return;
    }
    fetch_multi_free(fetcher->multis);
    while (fetcher->spare != NULL) {
        struct fetch_held *held = fetcher->spare;
        fetcher->spare = held->next;
        free(held);
    }
    free(fetcher->ca_file);
    free(fetcher);
}

/* ---- start and cancel ---- */

static struct fetch *new_fetch(struct fetcher *fetcher, const struct fetch_request *request, fetch_done *done, void *context) {
    struct fetch *fetch = calloc(1, sizeof(*fetch));
    if (fetch == NULL) {
        return NULL;
    }
    *fetch = (struct fetch){
        .fetcher = fetcher,
        .multi = fetch_multi_of(&fetcher->multis, fetcher->loop, end_transfer, &request->way),
        .done = done,
        .context = context,
        .easy = curl_easy_init(),
        .body = request->body,
        .body_length = request->body == NULL ? 0 : request->body_length,
        .wanted = request->wanted,
        .started_ms = clock_mono_ms(),
        .timeout_ms = request->timeout_ms,
        .stall_ms = request->stall_ms > 0 ? request->stall_ms : STALL_MS,
        .max_body_bytes = request->max_body_bytes,
        .redirects_left = request->once ? 0 : request->max_redirects,
        .once = request->once,
        .knock = request->knock,
        .hold = request->hold,
        .allow_http = request->allow_http,
        .public_only = request->public_only,
        .body_fd = request->body_fd,
        .body_open = request->body_open,
        .to_file = request->body_fd >= 0 || request->body_open != NULL,
        .digest = digest_new(),
    };
    buf_init(&fetch->kept, (size_t)request->max_body_bytes);
    if (fetch->easy == NULL || fetch->digest == NULL || fetch->multi == NULL) {
        release(fetch);
        return NULL;
    }
    return fetch;
}

static enum rc check_files(const struct fetch_way *way, struct err *err) {
    const char *const files[] = {way->ca_file, way->cert_file, way->key_file};
    for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++) {
        if (files[i] != NULL && access(files[i], R_OK) != 0) {
            (void)err_sys(err, "%s", files[i]);
            return RC_PERM;
        }
    }
    return RC_OK;
}

static enum rc prepare(struct fetch *fetch, const struct fetch_request *request, struct err *err) {
    if (!str_copy(fetch->method, sizeof(fetch->method), request->method)) {
        return err_set(err, RC_PERM, "the method %s is too long", request->method);
    }
    enum rc rc = fetch_url_init(&fetch->url, request->url, request->allow_http, err);
    if (rc == RC_OK) {
        rc = make_headers(fetch, request->headers, err);
    }
    if (rc == RC_OK) {
        rc = check_files(&request->way, err);
    }
    if (rc == RC_OK && !(set_transfer(fetch, request->connect_timeout_ms) && set_safety(fetch) && set_way(fetch, &request->way) && set_where(fetch))) {
        rc = err_set(err, RC_TEMP, "libcurl: out of memory");
    }
    return rc;
}

enum rc fetch_start(struct fetcher *fetcher, const struct fetch_request *request, fetch_done *done, void *context, struct fetch **fetch, struct err *err) {
    *fetch = NULL;
    struct fetch *f = new_fetch(fetcher, request, done, context);
    if (f == NULL) {
        return err_set(err, RC_TEMP, "out of memory");
    }
    enum rc rc = prepare(f, request, err);
    if (rc == RC_OK) {
        rc = send_request(f, err);
    }
    if (rc != RC_OK) {
        release(f);
        return rc;
    }
    *fetch = f;
    return RC_OK;
}

void fetch_cancel(struct fetch *fetch) {
    if (fetch->done == NULL) {
        return; /* its own done() is running */
    }
    fetch_multi_remove(fetch->multi, fetch->easy);
    release(fetch);
}
