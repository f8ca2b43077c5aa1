// SPDX-License-Identifier: Apache-2.0
#ifndef NOTIFY_NOTIFIER_H
#define NOTIFY_NOTIFIER_H

#include <curl/curl.h>
#include <stdatomic.h>

#include "notify/letter.h"
#include "notify/settings.h"

/* The ways out for notices: one file and one row each. A row sends one notice to one recipient, waits for the answer, and says what it means; it touches no
 * file of the spool. Each call has a lane for itself; rows have no state. */

enum notify_result {
    NOTIFY_SENT,     /* the other end has taken it */
    NOTIFY_LATER,    /* it may be taken at another time */
    NOTIFY_WAY,      /* so may it, and nobody else's notice goes this way now: no connection, no TLS, refused credentials */
    NOTIFY_NEVER,    /* it will not be taken as it is */
    NOTIFY_CANCELLED /* by *cancel, before the other end could have taken it */
};

struct notify_outcome {
    enum notify_result result;
    char text[400];        /* why, for people; of NOTIFY_SENT what the other end said. No secrets */
    int64_t retry_after_s; /* that it asked for; 0: nothing */
};

/* A secret by its name: RC_GONE: there is none, and err says where it is looked for. The caller wipes out. */
typedef enum rc notify_secret(void *context, const char *name, struct buf *out, struct err *err);

struct notify_order { /* all borrowed */
    const struct notice *notice;
    const struct notify_settings *settings;
    const char *ca_file; /* "": the system's certificates */
    notify_secret *secret;
    void *context;
    const atomic_int *cancel; /* 1: what was not handed over yet is not sent any more; 2: no answer is waited for either */
};

/* One connection: it is hung up when what came of it has been kept, so that a slow good-bye does not stand between the two. */
struct notify_link {
    CURL *easy;
    struct curl_slist *headers, *recipients;
    curl_mime *mime;
    struct buf request, answer; /* bodies */
    char reply[200];            /* the last line that a mail server said, */
    char refusal[200];          /* and the last that was a refusal */
    char curl_error[CURL_ERROR_SIZE];
    const atomic_int *cancel;
    bool handed_over; /* from now on the other end may have taken it */
    int64_t end_ms;
};

struct notifier_row {
    const char *name;
    bool mail; /* its recipients are addresses, else URLs */
    bool (*configured)(const struct notify_settings *settings);
    void (*send)(struct notify_link *link, const struct notify_order *order, struct notify_outcome *outcome);
};

extern const struct notifier_row *const notifier_rows[]; /* ends with NULL */
/* The first row that serves this target and is configured; NULL: none. */
const struct notifier_row *notifier_for(const struct notify_settings *settings, const char *target);
/* What is missing then, and the mend. */
const char *notifier_missing(const char *target);

/* Send: renders what the row needs. *link is to be freed by notify_link_free when the outcome was kept; NULL: none was opened. Blocks for up to two minutes,
 * and ten more when the other end thinks about what it has in its hands (RFC 5321 4.5.3.2.6). */
void notifier_send(const struct notifier_row *row, const struct notify_order *order, struct notify_link **link, struct notify_outcome *outcome);
void notify_link_free(struct notify_link *link);

/* --- for rows ---------------------------------------------------------------------------------------------------------- */

/* What all transfers have: verified TLS 1.2 or newer, the private CA, no proxy for loopback, no netrc, no redirects, deadlines, the answer's bytes bounded. */
bool notify_link_set(struct notify_link *link, const struct notify_order *order, const char *url, const char *protocols);
bool notify_link_header(struct notify_link *link, const char *line);
/* curl_easy_perform, with what went wrong as an outcome (NOTIFY_CANCELLED, NOTIFY_WAY or NOTIFY_LATER); true: the exchange came to its end. */
bool notify_link_perform(struct notify_link *link, struct notify_outcome *outcome);
void notify_outcome_set(struct notify_outcome *outcome, enum notify_result result, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* A secret as text; false: the outcome is set (NOTIFY_WAY). */
bool notify_secret_get(const struct notify_order *order, const char *name, struct buf *out, struct notify_outcome *outcome);
void notify_wipe(struct buf *secret);

#endif
