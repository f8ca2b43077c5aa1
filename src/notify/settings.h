// SPDX-License-Identifier: Apache-2.0
#ifndef NOTIFY_SETTINGS_H
#define NOTIFY_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>

#include "spool/notice.h"

/* What the configuration says of notices (batchspool.json(5), `notices`). Plain values: it can be copied and compared byte by byte. */

#define NOTIFY_TEXTS_BYTES 32768u
#define NOTIFY_LIST_MOST 64u

struct notify_list { /* texts, one behind the other, each with its NUL, in `texts` */
    unsigned at, count;
};

enum notify_tls { NOTIFY_TLS_REQUIRED, NOTIFY_TLS_OPPORTUNISTIC, NOTIFY_TLS_NONE };

struct notify_settings {
    char smtp_url[300]; /* "smtp://mail.example.com:587", "smtps://..."; "": no SMTP */
    char smtp_username[256];
    char smtp_password[65]; /* the secret's name */
    enum notify_tls smtp_tls;
    char from[300];       /* "ops@example.com" or "Batch jobs <ops@example.com>" */
    char resend_url[300]; /* of the service, without the path; "": no Resend */
    char resend_key[65];  /* the secret's name */
    char webhook_secret[65];
    char heartbeat_url[NOTICE_TARGET_SIZE];
    char heartbeat_secret[65]; /* the secret that has the URL, in place of it */
    unsigned heartbeat_interval_s;
    char templates[4096]; /* a directory, absolute */
    char link[300];       /* of the dashboard; "" none */
    unsigned digest_s;    /* what comes within it is one mail; 0: each is its own */
    unsigned rate_per_hour;
    unsigned retry_s, give_up_s; /* the shortest wait before a second attempt; how old a notice may get */
    unsigned keep_days;          /* of those that were sent */
    unsigned queue_depth;        /* jobs in pending/; 0: no notice */
    unsigned budget_percent;     /* of a daily cap; 0: no notice */
    unsigned stuck_interval_s;   /* how often is looked for what is stuck; 0: never */
    struct notify_list allow;
    struct notify_list recipients[NOTICE_KIND_COUNT]; /* of all kinds that are not asked for by a person */
    unsigned texts_length;
    char texts[NOTIFY_TEXTS_BYTES];
};

void notify_settings_init(struct notify_settings *settings);
/* Append a text to a list, which must be the last one that was begun: list->at is set by the first. False: there is no room. */
bool notify_settings_add(struct notify_settings *settings, struct notify_list *list, const char *text);
/* The text behind `text` in the list; NULL: from the first. NULL at the end. */
const char *notify_settings_next(const struct notify_settings *settings, const struct notify_list *list, const char *text);

/* Whether a target is one that anybody may name: of the configured recipients, or let in by `allow`: a domain ("example.com": mail to it), an address, or the
 * beginning of a URL ("https://hooks.example.com/", up to a whole part of its path). */
bool notify_allowed(const struct notify_settings *settings, const char *target);
bool notify_allow_valid(const char *entry);

/* "Name <address>" or an address: the two parts; false: it is neither. name may be empty. */
bool notify_mailbox(const char *text, char name[200], char address[320]);
/* The host of smtp_url, or of another URL, is loopback by its name. */
bool notify_loopback(const char *url);

#endif
