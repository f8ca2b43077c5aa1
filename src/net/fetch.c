// SPDX-License-Identifier: Apache-2.0
#include "net/fetch_internal.h"

#include "base/clock.h"
#include "base/fault.h"
#include "base/limits.h"
#include "base/str.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SPARE_MOST HELD_MOST
#define HELD_MOST 16u
#define STALL_MS 30000
#define STALL_LOOKS 4 /* a stall is seen within a quarter of its length */
#define LOOK_MOST_MS 250

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
    enum rc rc = held ? RC_OK : fetch_easy_flush(fetch);
    if (rc != RC_OK && fetch->reason == NULL) {
        (void)fetch_break_off(fetch, "disk", rc);
    }
    struct fetch_answer answer = {.sent = fetch->sent, .status = fetch->head.status, .disk_errno = fetch->disk_errno, .body_bytes = fetch->body_bytes};
    if (code == CURLE_OK && fetch->reason == NULL && fetch->head.status == 0) {
        (void)fetch_break_off(fetch, "protocol", err_set(&fetch->err, RC_PERM, "the answer has no final status"));
    }
    if (fetch->refused && (code == CURLE_COULDNT_CONNECT || code == CURLE_ABORTED_BY_CALLBACK) && fetch->reason == NULL) {
        (void)fetch_break_off(fetch, "private",
                              err_set(&fetch->err, RC_PERM, "%s: leads to an address of this machine or of a private network", fetch->url.shown));
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

static void stall_due(struct loop_timer *timer);

/* Without memory for the timer timeout_ms still ends the fetch. */
void fetch_look_later(struct fetch *fetch, int64_t now_ms) {
    int64_t wait_ms = fetch->stall_ms / STALL_LOOKS + 1;
    (void)loop_timer_start(fetch->fetcher->loop, &fetch->stall, now_ms + (wait_ms < LOOK_MOST_MS ? wait_ms : LOOK_MOST_MS), stall_due);
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
        fetch_look_later(fetch, now_ms);
    } else if (now_ms - fetch->received_ms < fetch->stall_ms) {
        nudge(fetch);
        fetch_look_later(fetch, now_ms);
    } else {
        fetch_multi_remove(fetch->multi, fetch->easy);
        (void)fetch_break_off(fetch, "timeout", err_set(&fetch->err, RC_TEMP, "the answer stalled: no byte for %lld ms", (long long)fetch->stall_ms));
        finish(fetch, CURLE_OPERATION_TIMEDOUT);
    }
}

/* ---- sending, and redirects ---- */

static enum rc send_request(struct fetch *fetch, struct err *err) {
    if (!fetch->knock && fault_point("request", fetch->url.shown) != 0) {
        return err_set(err, RC_TEMP, "%s: not sent (fault point)", fetch->url.shown);
    }
    return fetch_multi_add(fetch->multi, fetch->easy, err);
}

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
        enum rc rc = fetch_easy_headers(fetch, NULL, &fetch->err);
        if (rc != RC_OK) {
            return rc;
        }
    }
    return fetch_easy_where(fetch) ? send_request(fetch, &fetch->err) : err_set(&fetch->err, RC_TEMP, "out of memory");
}

static void end_transfer(void *transfer, CURLcode code) {
    struct fetch *fetch = transfer;
    if (code != CURLE_OK || fetch->target.text == NULL) {
        finish(fetch, code);
    } else if (follow(fetch) != RC_OK) {
        (void)fetch_break_off(fetch, "connect", RC_TEMP);
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

struct fetch_held *fetcher_take_held(struct fetcher *fetcher) {
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
        rc = fetch_easy_headers(fetch, request->headers, err);
    }
    if (rc == RC_OK) {
        rc = check_files(&request->way, err);
    }
    if (rc == RC_OK && !fetch_easy_set(fetch, request)) {
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
