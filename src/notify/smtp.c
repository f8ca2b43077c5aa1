// SPDX-License-Identifier: Apache-2.0
#include "notify/smtp.h"

#include "base/clock.h"
#include "base/str.h"
#include "notify/mail_header.h"

#include <stdlib.h>
#include <string.h>

/* Mail to a submission server (RFC 6409): STARTTLS or TLS, AUTH, one recipient a message. A message counts as taken with the 2xx behind its end. What a server
 * says of itself (421, no TLS, 530, 534, 535, 538) is no verdict on a notice, so that a password that was changed empties no queue into failed/. */

#define HEADER_BYTES 4096u
#define VERDICT_MS 600000

static bool configured(const struct notify_settings *settings) {
    return settings->smtp_url[0] != '\0' && settings->from[0] != '\0';
}

/* --- what the server says ---------------------------------------------------------------------------------------------- */

static size_t take_reply(char *bytes, size_t size, size_t count, void *context) {
    struct notify_link *link = context;
    size_t length = size * count;
    char line[sizeof link->reply];
    while (length > 0 && (bytes[length - 1] == '\r' || bytes[length - 1] == '\n'))
        length--;
    if (!str_format(line, sizeof line, "%.*s", (int)(length < sizeof line ? length : sizeof line - 1), bytes))
        return size * count;
    str_printable(link->reply, sizeof link->reply, line, strlen(line));
    if (*line == '4' || *line == '5')
        memcpy(link->refusal, link->reply, sizeof link->refusal);
    else if (!str_starts(line, "221")) /* it went on: what it refused before was not the mail. 221 only says good-bye. */
        link->refusal[0] = '\0';
    if (str_starts(line, "354")) { /* go ahead: from here on it may take the message */
        link->handed_over = true;
        link->end_ms = clock_mono_ms() + VERDICT_MS;
    }
    return size * count;
}

/* libcurl says that it failed; the server's last word says what about. */
static void judge(const struct notify_link *link, struct notify_outcome *outcome) {
    const long code = strtol(link->refusal, NULL, 10);
    if (outcome->result == NOTIFY_CANCELLED || code < 400)
        return;
    if (outcome->result == NOTIFY_WAY || code == 421 || code == 454 || code == 530 || code == 534 || code == 535 || code == 538)
        notify_outcome_set(outcome, NOTIFY_WAY, "the mail server said: %s", link->refusal);
    else
        notify_outcome_set(outcome, code >= 500 ? NOTIFY_NEVER : NOTIFY_LATER, "the mail server said: %s", link->refusal);
}

/* --- the message ------------------------------------------------------------------------------------------------------- */

static bool add_field(struct notify_link *link, struct buf *line, enum rc rc) {
    const bool done = rc == RC_OK && notify_link_header(link, buf_text(line));
    buf_reset(line);
    return done;
}

static bool add_fields(struct notify_link *link, const struct notice *notice, const struct letter *letter, const char *name, const char *from) {
    struct buf line = BUF_INIT(HEADER_BYTES);
    const char *to = notice_target_address(notice->to);
    const bool done =
        add_field(link, &line, mail_header_mailbox(&line, "From", name, from)) && add_field(link, &line, mail_header_mailbox(&line, "To", "", to)) &&
        add_field(link, &line, mail_header_text(&line, "Subject", buf_text(&letter->subject))) &&
        add_field(link, &line, mail_header_date(&line, notice->created_us)) && add_field(link, &line, mail_header_id(&line, "Message-ID", notice->id, from)) &&
        notify_link_header(link, "Auto-Submitted: auto-generated") && notify_link_header(link, "X-Auto-Response-Suppress: All") &&
        (notice->job_id[0] == '\0' || add_field(link, &line, mail_header_text(&line, "X-Batchspool-Job", notice->job_id)));
    buf_release(&line);
    return done;
}

/* Lines of a mail end with CR LF. */
static bool add_part(curl_mime *mime, const char *type, const struct buf *text) {
    struct buf lines = BUF_INIT(2 * text->max);
    curl_mimepart *part = curl_mime_addpart(mime);
    enum rc rc = RC_OK;
    for (size_t i = 0; i < text->length && rc == RC_OK; i++) {
        if (text->data[i] == '\r')
            continue;
        rc = text->data[i] == '\n' ? buf_add_text(&lines, "\r\n") : buf_add_char(&lines, text->data[i]);
    }
    const bool done = rc == RC_OK && part != NULL && curl_mime_data(part, buf_text(&lines), lines.length) == CURLE_OK &&
                      curl_mime_type(part, type) == CURLE_OK && curl_mime_encoder(part, "quoted-printable") == CURLE_OK;
    buf_release(&lines);
    return done;
}

static bool add_body(struct notify_link *link, const struct letter *letter) {
    link->mime = curl_mime_init(link->easy);
    return link->mime != NULL && add_part(link->mime, "text/plain; charset=utf-8", &letter->text) &&
           (letter->html.length == 0 || add_part(link->mime, "text/html; charset=utf-8", &letter->html)) &&
           notify_link_header(link, "Content-Type: multipart/alternative") && curl_easy_setopt(link->easy, CURLOPT_HTTPHEADER, link->headers) == CURLE_OK &&
           curl_easy_setopt(link->easy, CURLOPT_MIMEPOST, link->mime) == CURLE_OK;
}

/* --- the exchange ------------------------------------------------------------------------------------------------------ */

static bool set_envelope(struct notify_link *link, const struct notice *notice, const char *from) {
    char address[400];
    str_format(address, sizeof address, "<%s>", from);
    if (curl_easy_setopt(link->easy, CURLOPT_MAIL_FROM, address) != CURLE_OK)
        return false;
    str_format(address, sizeof address, "<%s>", notice_target_address(notice->to));
    link->recipients = curl_slist_append(NULL, address);
    return link->recipients != NULL && curl_easy_setopt(link->easy, CURLOPT_MAIL_RCPT, link->recipients) == CURLE_OK;
}

static bool set_way(struct notify_link *link, const struct notify_order *order) {
    static const long levels[] = {CURLUSESSL_ALL, CURLUSESSL_TRY, CURLUSESSL_NONE}; /* as enum notify_tls */
    const struct notify_settings *s = order->settings;
    return notify_link_set(link, order, s->smtp_url, str_starts(s->smtp_url, "smtps:") ? "smtps" : "smtp") &&
           curl_easy_setopt(link->easy, CURLOPT_USE_SSL, levels[s->smtp_tls]) == CURLE_OK &&
           curl_easy_setopt(link->easy, CURLOPT_HEADERFUNCTION, take_reply) == CURLE_OK && curl_easy_setopt(link->easy, CURLOPT_HEADERDATA, link) == CURLE_OK;
}

static bool set_login(struct notify_link *link, const struct notify_order *order, struct notify_outcome *outcome) {
    const struct notify_settings *s = order->settings;
    struct buf password = BUF_INIT(1024);
    if (s->smtp_username[0] == '\0')
        return true;
    bool done = notify_secret_get(order, s->smtp_password, &password, outcome);
    if (done && (curl_easy_setopt(link->easy, CURLOPT_USERNAME, s->smtp_username) != CURLE_OK ||
                 curl_easy_setopt(link->easy, CURLOPT_PASSWORD, buf_text(&password)) != CURLE_OK)) {
        notify_outcome_set(outcome, NOTIFY_LATER, "out of memory");
        done = false;
    }
    notify_wipe(&password);
    return done;
}

static void send_mail(struct notify_link *link, const struct notify_order *order, struct notify_outcome *outcome) {
    char name[200], from[320];
    struct letter letter;
    struct err err = {0};
    enum rc rc = letter_make(order->settings->templates, order->notice, &letter, &err);
    if (rc != RC_OK)
        notify_outcome_set(outcome, rc == RC_PERM ? NOTIFY_NEVER : NOTIFY_LATER, "%s", err.text);
    else if (!notify_mailbox(order->settings->from, name, from))
        notify_outcome_set(outcome, NOTIFY_WAY, "notices.from is no address");
    else if (set_login(link, order, outcome)) {
        if (!set_way(link, order) || !set_envelope(link, order->notice, from) || !add_fields(link, order->notice, &letter, name, from) ||
            !add_body(link, &letter))
            notify_outcome_set(outcome, NOTIFY_LATER, "out of memory");
        else if (notify_link_perform(link, outcome))
            notify_outcome_set(outcome, NOTIFY_SENT, "%s", link->reply);
        else
            judge(link, outcome);
    }
    letter_release(&letter);
}

const struct notifier_row notifier_smtp = {.name = "smtp", .mail = true, .configured = configured, .send = send_mail};
