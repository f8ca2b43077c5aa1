// SPDX-License-Identifier: Apache-2.0
#include "cmd/config_notices.h"

#include "base/str.h"
#include "source/check.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#define RESEND_URL "https://api.resend.com"

/* --- members ------------------------------------------------------------------------------------------------------- */

static void take_text(struct check *check, const cJSON *object, const char *name, char *out, size_t size) {
    const cJSON *item = check_string(check, object, name, size - 1);
    if (!item)
        return;
    for (const unsigned char *at = (const unsigned char *)item->valuestring; *at; at++)
        if (*at < ' ' || *at == 0x7f) {
            check_fail(check, name, "has a control character");
            return;
        }
    str_copy(out, size, item->valuestring);
}

static void take_seconds(struct check *check, const cJSON *object, const char *name, unsigned least, unsigned most, unsigned *out) {
    int64_t ms = -1;
    check_duration(check, object, name, 0, &ms);
    if (ms < 0)
        return;
    if (ms / 1000 < least || ms / 1000 > most)
        check_fail(check, name, "must be a duration of %u to %u seconds, such as \"PT%uS\"", least, most, least ? least : 60);
    else
        *out = (unsigned)(ms / 1000);
}

/* An object of its own; NULL: there is none. *mark is for check_leave. */
static const cJSON *part(struct check *check, const cJSON *object, const char *name, const char *const *names, size_t *mark) {
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);
    *mark = check_enter(check, name, 0);
    if (item && check_object(check, item, names, NULL))
        return item;
    check_leave(check, *mark);
    return NULL;
}

static bool is_mail_url(const char *url) {
    const char *host = strstr(url, "://");
    if (!str_starts(url, "smtp://") && !str_starts(url, "smtps://"))
        return false;
    for (const char *at = url; *at; at++)
        if ((unsigned char)*at <= ' ' || (unsigned char)*at >= 0x7f || strchr("@<>\"?#", *at))
            return false;
    return host[3] && host[3] != '/' && host[3] != ':';
}

static void read_smtp(struct check *check, const cJSON *root, struct notify_settings *s) {
    static const char *const names[] = {"url", "username", "password", "tls", NULL}, *const levels[] = {"required", "opportunistic", "none", NULL};
    size_t mark;
    unsigned level = NOTIFY_TLS_REQUIRED;
    const cJSON *smtp = part(check, root, "smtp", names, &mark);
    if (!smtp)
        return;
    take_text(check, smtp, "url", s->smtp_url, sizeof s->smtp_url);
    take_text(check, smtp, "username", s->smtp_username, sizeof s->smtp_username);
    check_name(check, smtp, "password", s->smtp_password);
    check_choice(check, smtp, "tls", levels, &level);
    s->smtp_tls = (enum notify_tls)level;
    const bool loopback = notify_loopback(s->smtp_url);
    if (!is_mail_url(s->smtp_url))
        check_fail(check, "url", "must be \"smtp://HOST:587\" or \"smtps://HOST:465\"");
    else if (!*s->smtp_username != !*s->smtp_password)
        check_fail(check, *s->smtp_username ? "username" : "password", "username and password (the name of a secret) belong together");
    else if (level == NOTIFY_TLS_NONE && !loopback)
        check_fail(check, "tls", "\"none\" is for a server on this host alone: what is sent could be read on the way");
    else if (level != NOTIFY_TLS_REQUIRED && *s->smtp_username && !loopback && !str_starts(s->smtp_url, "smtps:"))
        check_fail(check, "tls", "must be \"required\" where there is a password, or it could be read on the way");
    check_leave(check, mark);
}

static void read_resend(struct check *check, const cJSON *root, struct notify_settings *s) {
    static const char *const names[] = {"api_key", "url", NULL};
    size_t mark;
    const cJSON *resend = part(check, root, "resend", names, &mark);
    if (!resend)
        return;
    str_copy(s->resend_url, sizeof s->resend_url, RESEND_URL);
    check_name(check, resend, "api_key", s->resend_key);
    take_text(check, resend, "url", s->resend_url, sizeof s->resend_url);
    const size_t length = strlen(s->resend_url);
    if (length && s->resend_url[length - 1] == '/')
        s->resend_url[length - 1] = '\0';
    if (!notice_url_valid(s->resend_url))
        check_fail(check, "url", "must be a URL that begins with https://");
    check_leave(check, mark);
}

static void read_heartbeat(struct check *check, const cJSON *root, struct notify_settings *s) {
    static const char *const names[] = {"url", "url_secret", "interval", NULL};
    size_t mark;
    const cJSON *heartbeat = part(check, root, "heartbeat", names, &mark);
    if (!heartbeat)
        return;
    take_text(check, heartbeat, "url", s->heartbeat_url, sizeof s->heartbeat_url);
    check_name(check, heartbeat, "url_secret", s->heartbeat_secret);
    take_seconds(check, heartbeat, "interval", 1, 86400, &s->heartbeat_interval_s);
    if (!*s->heartbeat_url == !*s->heartbeat_secret)
        check_fail(check, NULL, "needs url, or url_secret, the name of a secret that has it");
    else if (*s->heartbeat_url && !notice_url_valid(s->heartbeat_url))
        check_fail(check, "url", "must be a URL that begins with https://");
    check_leave(check, mark);
}

static void read_webhook(struct check *check, const cJSON *root, struct notify_settings *s) {
    static const char *const names[] = {"secret", NULL};
    size_t mark;
    const cJSON *webhook = part(check, root, "webhook", names, &mark);
    if (!webhook)
        return;
    check_name(check, webhook, "secret", s->webhook_secret);
    check_leave(check, mark);
}

static void read_thresholds(struct check *check, const cJSON *root, struct notify_settings *s) {
    static const char *const names[] = {"queue_depth", "budget_percent", "stuck_interval", NULL};
    size_t mark;
    const cJSON *thresholds = part(check, root, "thresholds", names, &mark);
    if (!thresholds)
        return;
    check_unsigned(check, thresholds, "queue_depth", 0, 100000000, &s->queue_depth);
    check_unsigned(check, thresholds, "budget_percent", 0, 100, &s->budget_percent);
    take_seconds(check, thresholds, "stuck_interval", 0, 86400, &s->stuck_interval_s);
    check_leave(check, mark);
}

/* --- lists ----------------------------------------------------------------------------------------------------------- */

static void no_room(struct check *check) {
    check_fail(check, NULL, "lists of notices are longer than %u texts, or %u bytes together", NOTIFY_LIST_MOST, NOTIFY_TEXTS_BYTES);
}

static void read_allow(struct check *check, const cJSON *root, struct notify_settings *s) {
    const cJSON *list = check_array(check, root, "allow", 0, NOTIFY_LIST_MOST), *item;
    const size_t mark = check_enter(check, "allow", 0);
    unsigned index = 0;
    cJSON_ArrayForEach(item, list) {
        const size_t inner = check_enter(check, NULL, index++);
        const char *text = cJSON_GetStringValue(item);
        if (!text || !notify_allow_valid(text))
            check_fail(check, NULL,
                       "must be a domain (\"example.com\"), an address (\"ops@example.com\") or the beginning of a URL (\"https://hooks.example.com/\")");
        else if (!notify_settings_add(s, &s->allow, text))
            no_room(check);
        check_leave(check, inner);
    }
    check_leave(check, mark);
}

static bool listed(const struct notify_settings *s, const struct notify_list *list, const char *text) {
    const char *at = NULL;
    while ((at = notify_settings_next(s, list, at)))
        if (strcmp(at, text) == 0)
            return true;
    return false;
}

static void add_recipients(struct check *check, const cJSON *object, const char *name, struct notify_settings *s, struct notify_list *out) {
    const cJSON *list = check_array(check, object, name, 0, NOTIFY_LIST_MOST), *item;
    const size_t mark = check_enter(check, name, 0);
    unsigned index = 0;
    cJSON_ArrayForEach(item, list) {
        const size_t inner = check_enter(check, NULL, index++);
        const char *text = cJSON_GetStringValue(item);
        if (!text || !notice_target_valid(text))
            check_fail(check, NULL, "must be " NOTICE_TARGET_RULE);
        else if (!listed(s, out, text) && !notify_settings_add(s, out, text))
            no_room(check);
        check_leave(check, inner);
    }
    check_leave(check, mark);
}

static bool by_event(enum notice_kind kind) {
    return kind != NOTICE_TEST && kind != NOTICE_DIGEST;
}

/* {"failed": [...], "*": [...]}: of one kind, of all. */
static void read_recipients(struct check *check, const cJSON *root, struct notify_settings *s) {
    const char *names[NOTICE_KIND_COUNT + 2];
    size_t mark, count = 0;
    for (enum notice_kind kind = 0; kind < NOTICE_KIND_COUNT; kind++)
        if (by_event(kind))
            names[count++] = notice_kind_name(kind);
    names[count++] = "*";
    names[count] = NULL;
    const cJSON *recipients = part(check, root, "recipients", names, &mark);
    if (!recipients)
        return;
    for (enum notice_kind kind = 0; kind < NOTICE_KIND_COUNT; kind++)
        if (by_event(kind)) {
            add_recipients(check, recipients, notice_kind_name(kind), s, &s->recipients[kind]);
            add_recipients(check, recipients, "*", s, &s->recipients[kind]);
        }
    check_leave(check, mark);
}

/* --- all of it --------------------------------------------------------------------------------------------------------- */

static void read_own(struct check *check, const cJSON *root, const char *dir, struct notify_settings *s) {
    char templates[sizeof s->templates] = "", name[200], address[320];
    take_text(check, root, "from", s->from, sizeof s->from);
    if (*s->from && !notify_mailbox(s->from, name, address))
        check_fail(check, "from", "must be \"NAME@DOMAIN\" or \"Name <NAME@DOMAIN>\"");
    take_text(check, root, "link", s->link, sizeof s->link);
    if (*s->link && !notice_url_valid(s->link))
        check_fail(check, "link", "must be the URL of the dashboard, such as \"https://batch.example.com/\"");
    take_text(check, root, "templates", templates, sizeof templates);
    if (*templates && !str_format(s->templates, sizeof s->templates, "%s%s%s", *templates == '/' ? "" : dir, *templates == '/' ? "" : "/", templates))
        check_fail(check, "templates", "must be a shorter path");
    take_seconds(check, root, "digest", 0, 86400, &s->digest_s);
    check_unsigned(check, root, "rate_per_hour", 1, 10000, &s->rate_per_hour);
    take_seconds(check, root, "retry", 1, 3600, &s->retry_s);
    take_seconds(check, root, "give_up", 1, 31 * 86400, &s->give_up_s);
    check_unsigned(check, root, "keep_days", 1, 36500, &s->keep_days);
}

static void read_all(struct check *check, const cJSON *root, const char *dir, struct notify_settings *s) {
    static const char *const names[] = {"smtp",   "resend",    "webhook", "from",  "allow",   "recipients", "thresholds",    "heartbeat",
                                        "digest", "templates", "link",    "retry", "give_up", "keep_days",  "rate_per_hour", NULL};
    if (!check_object(check, root, names, NULL))
        return;
    read_own(check, root, dir, s);
    read_smtp(check, root, s);
    read_resend(check, root, s);
    read_webhook(check, root, s);
    read_heartbeat(check, root, s);
    read_thresholds(check, root, s);
    read_allow(check, root, s);
    read_recipients(check, root, s);
}

enum rc config_notices_read(struct notify_settings *notices, const char *file, const char *text, size_t length, const char *member, const char *dir,
                            struct err *err) {
    struct check check;
    enum rc rc = check_open(&check, file, text, length, &json_rules_config_commented, err);
    notify_settings_init(notices);
    if (!rc) {
        if (member)
            check_enter(&check, member, 0);
        read_all(&check, member ? cJSON_GetObjectItemCaseSensitive(check.root, member) : check.root, dir, notices);
        rc = check.rc;
    }
    check_release(&check);
    return rc ? RC_FATAL : RC_OK;
}

enum rc config_notices_environment(struct notify_settings *notices, const char *templates, struct err *err) {
    const char *from = getenv("FROM_EMAIL"), *key = getenv("RESEND_API_KEY");
    char name[200], address[320];
    struct stat st;
    if (from && *from && (!notify_mailbox(from, name, address) || !str_copy(notices->from, sizeof notices->from, from)))
        return err_set(err, RC_FATAL, "environment: FROM_EMAIL: must be \"NAME@DOMAIN\" or \"Name <NAME@DOMAIN>\"");
    if (key && *key && !*notices->smtp_url && !*notices->resend_url)
        str_copy(notices->resend_url, sizeof notices->resend_url, RESEND_URL);
    if ((*notices->smtp_url || *notices->resend_url) && !*notices->from)
        return err_set(err, RC_FATAL,
                       "notices: from: is missing: mail needs the address that it comes from, such as \"batchspool@example.com\" (or FROM_EMAIL)");
    if (!*notices->templates && stat(templates, &st) == 0 && S_ISDIR(st.st_mode))
        str_copy(notices->templates, sizeof notices->templates, templates);
    return RC_OK;
}
