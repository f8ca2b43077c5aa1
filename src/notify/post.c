// SPDX-License-Identifier: Apache-2.0
#include "notify/post.h"

#include "base/limits.h"
#include "base/str.h"

#include <string.h>

/* The connection stands: from here on it may be taken. */
static int before_request(void *context, char *local, char *remote, int local_port, int remote_port) {
    struct notify_link *link = context;
    (void)local;
    (void)remote;
    (void)local_port;
    (void)remote_port;
    link->handed_over = true;
    return CURL_PREREQFUNC_OK;
}

static bool prepare(struct notify_link *link, const struct notify_order *order, const char *url) {
    return notify_link_set(link, order, url, str_starts(url, "https:") ? "https" : "http") && notify_link_header(link, "Content-Type: application/json") &&
           notify_link_header(link, "Expect:") && curl_easy_setopt(link->easy, CURLOPT_HTTPHEADER, link->headers) == CURLE_OK &&
           curl_easy_setopt(link->easy, CURLOPT_PREREQFUNCTION, before_request) == CURLE_OK &&
           curl_easy_setopt(link->easy, CURLOPT_PREREQDATA, link) == CURLE_OK && curl_easy_setopt(link->easy, CURLOPT_USERAGENT, "batchspool") == CURLE_OK &&
           curl_easy_setopt(link->easy, CURLOPT_POST, 1L) == CURLE_OK &&
           curl_easy_setopt(link->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)link->request.length) == CURLE_OK &&
           curl_easy_setopt(link->easy, CURLOPT_POSTFIELDS, buf_text(&link->request)) == CURLE_OK;
}

static enum notify_result meaning(long status) {
    if (status >= 200 && status < 300)
        return NOTIFY_SENT;
    if (status == 408 || status == 425 || status == 429 || status >= 500)
        return NOTIFY_LATER;
    return status == 401 || status == 403 ? NOTIFY_WAY : NOTIFY_NEVER;
}

long notify_post(struct notify_link *link, const struct notify_order *order, const char *url, struct notify_outcome *outcome) {
    curl_off_t wait_s = 0;
    long status = 0;
    if (!prepare(link, order, url)) {
        notify_outcome_set(outcome, NOTIFY_LATER, "out of memory");
        return 0;
    }
    if (!notify_link_perform(link, outcome))
        return 0;
    curl_easy_getinfo(link->easy, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_getinfo(link->easy, CURLINFO_RETRY_AFTER, &wait_s);
    notify_outcome_set(outcome, meaning(status), "status %ld%s%.200s", status, link->answer.length > 0 ? ": " : "", buf_text(&link->answer));
    if (outcome->result == NOTIFY_LATER && wait_s > 0)
        outcome->retry_after_s = wait_s < LIMIT_RETRY_AFTER_S ? wait_s : LIMIT_RETRY_AFTER_S;
    return status;
}
