// SPDX-License-Identifier: Apache-2.0
#include "notify/notifier.h"

#include "base/clock.h"
#include "base/str.h"
#include "notify/resend.h"
#include "notify/smtp.h"
#include "notify/webhook.h"

#include <openssl/crypto.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define CONNECT_MS 30000L
#define TALK_MS 120000
#define VERDICT_MS 600000 /* RFC 5321 4.5.3.2.6: who hangs up earlier will send it twice */
#define CANCELLED_MS 5000 /* of what was handed over when the daemon stops */
#define ANSWER_BYTES 65536u
#define REQUEST_BYTES (2u * 1024u * 1024u)

const struct notifier_row *const notifier_rows[] = {&notifier_smtp, &notifier_resend, &notifier_webhook, NULL};

const struct notifier_row *notifier_for(const struct notify_settings *settings, const char *target) {
    const bool mail = notice_target_address(target) != NULL;
    for (const struct notifier_row *const *row = notifier_rows; *row != NULL; row++)
        if ((*row)->mail == mail && (*row)->configured(settings))
            return *row;
    return NULL;
}

const char *notifier_missing(const char *target) {
    return notice_target_address(target) != NULL
               ? "there is no way out for mail: give notices.smtp or notices.resend, and notices.from, in the configuration (batchspool.json(5))"
               : "there is no way out for webhooks";
}

void notify_outcome_set(struct notify_outcome *outcome, enum notify_result result, const char *format, ...) {
    char text[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    outcome->result = result;
    str_printable(outcome->text, sizeof outcome->text, text, strlen(text));
}

/* --- secrets ----------------------------------------------------------------------------------------------------------- */

void notify_wipe(struct buf *secret) {
    if (secret->data != NULL)
        OPENSSL_cleanse(secret->data, secret->capacity);
    buf_release(secret);
}

bool notify_secret_get(const struct notify_order *order, const char *name, struct buf *out, struct notify_outcome *outcome) {
    struct err err = {0};
    enum rc rc = order->secret(order->context, name, out, &err);
    if (rc == RC_OK && strlen(buf_text(out)) == out->length && strpbrk(buf_text(out), "\r\n") == NULL && out->length > 0)
        return true;
    if (rc == RC_OK)
        notify_outcome_set(outcome, NOTIFY_WAY, "secret \"%s\": must be one line", name);
    else
        notify_outcome_set(outcome, NOTIFY_WAY, "%s", err.text);
    return false;
}

/* --- a link ------------------------------------------------------------------------------------------------------------ */

static struct notify_link *link_new(const struct notify_order *order) {
    struct notify_link *link = calloc(1, sizeof *link);
    if (link == NULL)
        return NULL;
    buf_init(&link->request, REQUEST_BYTES);
    buf_init(&link->answer, ANSWER_BYTES);
    link->cancel = order->cancel;
    link->end_ms = clock_mono_ms() + TALK_MS;
    link->easy = curl_easy_init();
    if (link->easy == NULL) {
        notify_link_free(link);
        return NULL;
    }
    return link;
}

/* libcurl says good-bye (QUIT) and waits two minutes for the answer, whatever it was told about time: with nothing to be read any more it only says so. */
static void hang_up(CURL *easy) {
    curl_socket_t fd = CURL_SOCKET_BAD;
    if (curl_easy_getinfo(easy, CURLINFO_ACTIVESOCKET, &fd) == CURLE_OK && fd != CURL_SOCKET_BAD)
        (void)shutdown(fd, SHUT_RD);
    curl_easy_cleanup(easy);
}

void notify_link_free(struct notify_link *link) {
    if (link == NULL)
        return;
    if (link->easy != NULL)
        hang_up(link->easy);
    curl_mime_free(link->mime);
    curl_slist_free_all(link->headers);
    curl_slist_free_all(link->recipients);
    buf_release(&link->request);
    buf_release(&link->answer);
    free(link);
}

bool notify_link_header(struct notify_link *link, const char *line) {
    struct curl_slist *longer = curl_slist_append(link->headers, line);
    if (longer != NULL)
        link->headers = longer;
    return longer != NULL;
}

/* Called at least once a second. */
static int look_up(void *context, curl_off_t down_total, curl_off_t down, curl_off_t up_total, curl_off_t up) {
    struct notify_link *link = context;
    const int cancel = atomic_load(link->cancel);
    (void)down_total;
    (void)down;
    (void)up_total;
    (void)up;
    return (cancel > 0 && !link->handed_over) || cancel > 1 || clock_mono_ms() > link->end_ms;
}

static size_t take_answer(char *bytes, size_t size, size_t count, void *context) {
    struct notify_link *link = context;
    const size_t length = size * count, room = link->answer.max - link->answer.length;
    (void)buf_add(&link->answer, bytes, length < room ? length : room); /* the rest tells nobody anything */
    return length;
}

bool notify_link_set(struct notify_link *link, const struct notify_order *order, const char *url, const char *protocols) {
    CURL *easy = link->easy;
    return curl_easy_setopt(easy, CURLOPT_URL, url) == CURLE_OK && curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, protocols) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L) == CURLE_OK && curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED) == CURLE_OK && curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L) == CURLE_OK && curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2L) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2) == CURLE_OK &&
           (*order->ca_file == '\0' || curl_easy_setopt(easy, CURLOPT_CAINFO, order->ca_file) == CURLE_OK) &&
           (!notify_loopback(url) || curl_easy_setopt(easy, CURLOPT_PROXY, "") == CURLE_OK) &&
           curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_MS) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_SERVER_RESPONSE_TIMEOUT, (long)(VERDICT_MS / 1000)) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_NOPROGRESS, 0L) == CURLE_OK && curl_easy_setopt(easy, CURLOPT_XFERINFOFUNCTION, look_up) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_XFERINFODATA, link) == CURLE_OK && curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_answer) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_WRITEDATA, link) == CURLE_OK && curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, link->curl_error) == CURLE_OK;
}

static bool is_way(CURLcode code) {
    return code == CURLE_COULDNT_CONNECT || code == CURLE_COULDNT_RESOLVE_HOST || code == CURLE_COULDNT_RESOLVE_PROXY || code == CURLE_SSL_CONNECT_ERROR ||
           code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_USE_SSL_FAILED || code == CURLE_LOGIN_DENIED || code == CURLE_SSL_CACERT_BADFILE ||
           code == CURLE_SSL_CERTPROBLEM || code == CURLE_SSL_CIPHER;
}

bool notify_link_perform(struct notify_link *link, struct notify_outcome *outcome) {
    const CURLcode code = curl_easy_perform(link->easy);
    const char *text = link->curl_error[0] != '\0' ? link->curl_error : curl_easy_strerror(code);
    if (code == CURLE_OK)
        return true;
    if (code == CURLE_ABORTED_BY_CALLBACK && atomic_load(link->cancel) > 0)
        notify_outcome_set(outcome, link->handed_over ? NOTIFY_LATER : NOTIFY_CANCELLED, "the daemon stopped");
    else if (code == CURLE_ABORTED_BY_CALLBACK || code == CURLE_OPERATION_TIMEDOUT)
        notify_outcome_set(outcome, NOTIFY_WAY, "no answer in time");
    else
        notify_outcome_set(outcome, is_way(code) ? NOTIFY_WAY : NOTIFY_LATER, "%s", text);
    return false;
}

void notifier_send(const struct notifier_row *row, const struct notify_order *order, struct notify_link **link, struct notify_outcome *outcome) {
    *outcome = (struct notify_outcome){.result = NOTIFY_LATER};
    *link = link_new(order);
    if (*link == NULL)
        notify_outcome_set(outcome, NOTIFY_LATER, "out of memory");
    else
        row->send(*link, order, outcome);
}
