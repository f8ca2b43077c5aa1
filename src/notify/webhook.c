// SPDX-License-Identifier: Apache-2.0
#include "notify/webhook.h"

#include "base/clock.h"
#include "notify/post.h"
#include "notify/sign.h"

#include <stdio.h>
#include <string.h>

/* POST of a JSON document to whoever wants to know, signed in the way of Standard Webhooks (webhook-id, webhook-timestamp, webhook-signature). The id is the
 * notice's: one that comes twice, by a crash or because a person sends it once more, has the same. `sequence` is the number of the event in its job's journal.
 */

static bool configured(const struct notify_settings *settings) {
    (void)settings;
    return true;
}

static bool make_body(struct notify_link *link, const struct notice *notice) {
    char when[CLOCK_RFC3339_SIZE];
    cJSON *json = cJSON_CreateObject();
    clock_format_rfc3339(notice->created_us, 6, when);
    cJSON_AddStringToObject(json, "id", notice->id);
    cJSON_AddStringToObject(json, "type", notice_kind_name(notice->kind));
    cJSON_AddStringToObject(json, "timestamp", when);
    if (notice->job_id[0] != '\0')
        cJSON_AddStringToObject(json, "job_id", notice->job_id);
    if (notice->seq > 0)
        cJSON_AddNumberToObject(json, "sequence", (double)notice->seq);
    cJSON_AddItemReferenceToObject(json, "data", notice->values);
    char *text = cJSON_PrintUnformatted(json);
    cJSON_Delete(json);
    const bool done = text != NULL && buf_add_text(&link->request, text) == RC_OK;
    cJSON_free(text);
    return done;
}

static bool add_headers(struct notify_link *link, const struct notice *notice, const struct buf *secret) {
    const long long now_s = (long long)(clock_wall_us() / 1000000);
    char signature[SIGN_SIZE], line[200];
    if (!sign_webhook(buf_text(secret), secret->length, notice->id, now_s, buf_text(&link->request), link->request.length, signature))
        return false;
    snprintf(line, sizeof line, "webhook-id: %s", notice->id);
    if (!notify_link_header(link, line))
        return false;
    snprintf(line, sizeof line, "webhook-timestamp: %lld", now_s);
    if (!notify_link_header(link, line))
        return false;
    snprintf(line, sizeof line, "webhook-signature: %s", signature);
    return notify_link_header(link, line);
}

static void send_by_webhook(struct notify_link *link, const struct notify_order *order, struct notify_outcome *outcome) {
    struct buf secret = BUF_INIT(1024);
    if (notify_secret_get(order, order->settings->webhook_secret, &secret, outcome)) {
        if (!make_body(link, order->notice) || !add_headers(link, order->notice, &secret))
            notify_outcome_set(outcome, NOTIFY_LATER, "out of memory, or secret \"%s\" has whsec_ without base64 behind it", order->settings->webhook_secret);
        else if (notify_post(link, order, order->notice->to, outcome) == 410)
            notify_outcome_set(outcome, NOTIFY_NEVER, "status 410: nobody listens there any more");
    }
    notify_wipe(&secret);
}

const struct notifier_row notifier_webhook = {.name = "webhook", .mail = false, .configured = configured, .send = send_by_webhook};
