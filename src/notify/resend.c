// SPDX-License-Identifier: Apache-2.0
#include "notify/resend.h"

#include "notify/post.h"

#include <string.h>

/* Mail by Resend's API: POST /emails with an Idempotency-Key, which is the notice's id, so that what is asked for twice within a day is one mail. */

static bool configured(const struct notify_settings *settings) {
    return settings->resend_url[0] != '\0' && settings->from[0] != '\0';
}

static bool make_body(struct notify_link *link, const struct notify_order *order, const struct letter *letter) {
    cJSON *json = cJSON_CreateObject(), *headers = cJSON_CreateObject();
    cJSON_AddStringToObject(json, "from", order->settings->from);
    cJSON_AddItemToArray(cJSON_AddArrayToObject(json, "to"), cJSON_CreateString(notice_target_address(order->notice->to)));
    cJSON_AddStringToObject(json, "subject", buf_text(&letter->subject));
    cJSON_AddStringToObject(json, "text", buf_text(&letter->text));
    if (letter->html.length > 0)
        cJSON_AddStringToObject(json, "html", buf_text(&letter->html));
    cJSON_AddStringToObject(headers, "Auto-Submitted", "auto-generated");
    cJSON_AddItemToObject(json, "headers", headers);
    char *text = cJSON_PrintUnformatted(json);
    cJSON_Delete(json);
    const bool done = text != NULL && buf_add_text(&link->request, text) == RC_OK;
    cJSON_free(text);
    return done;
}

static bool add_headers(struct notify_link *link, const struct notice *notice, const struct buf *key) {
    struct buf line = BUF_INIT(2048);
    bool done = buf_printf(&line, "Idempotency-Key: %s", notice->id) == RC_OK && notify_link_header(link, buf_text(&line));
    buf_reset(&line);
    done = done && buf_printf(&line, "Authorization: Bearer %s", buf_text(key)) == RC_OK && notify_link_header(link, buf_text(&line));
    notify_wipe(&line);
    return done;
}

/* 409: the key was heard before. With another body the first one went out; with the same one it is on its way. */
static void judge_repeat(const struct notify_link *link, struct notify_outcome *outcome) {
    const bool went = strstr(buf_text(&link->answer), "invalid_idempotent_request") != NULL;
    notify_outcome_set(outcome, went ? NOTIFY_SENT : NOTIFY_LATER, "status 409: %.200s", buf_text(&link->answer));
}

static void send_by_resend(struct notify_link *link, const struct notify_order *order, struct notify_outcome *outcome) {
    struct buf key = BUF_INIT(1024);
    char url[400];
    struct letter letter;
    struct err err = {0};
    enum rc rc = letter_make(order->settings->templates, order->notice, &letter, &err);
    str_format(url, sizeof url, "%s/emails", order->settings->resend_url);
    if (rc != RC_OK)
        notify_outcome_set(outcome, rc == RC_PERM ? NOTIFY_NEVER : NOTIFY_LATER, "%s", err.text);
    else if (notify_secret_get(order, order->settings->resend_key, &key, outcome)) {
        if (!make_body(link, order, &letter) || !add_headers(link, order->notice, &key))
            notify_outcome_set(outcome, NOTIFY_LATER, "out of memory");
        else if (notify_post(link, order, url, outcome) == 409)
            judge_repeat(link, outcome);
    }
    notify_wipe(&key);
    letter_release(&letter);
}

const struct notifier_row notifier_resend = {.name = "resend", .mail = true, .configured = configured, .send = send_by_resend};
