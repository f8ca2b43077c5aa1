// SPDX-License-Identifier: Apache-2.0
#ifndef API_WEBAUDIT_H
#define API_WEBAUDIT_H

#include "base/str.h"
#include "spool/layout.h"

/*
 * web/audit.ndjson: acts that leave no trace in a job's journal (sign-in, users and keys, pauses, schedules, searches, bulk acts, what was refused). A line is
 *   {"ts":"2026-11-23T17:05:01.123456Z","by":"ops","client":"192.0.2.7","act":"login","target":"","outcome":"ok"}
 * Appended under flock with one write and synced. When the file has WEBAUDIT_BYTES it becomes audit.ndjson.1, that .2, and so on; the last of WEBAUDIT_FILES
 * goes. Never a secret: callers pass names and ids. All of it on a lane, or in a program.
 */

#define WEBAUDIT_FILE "audit.ndjson"
#define WEBAUDIT_BYTES (8u << 20)
#define WEBAUDIT_FILES 10u
#define WEBAUDIT_FIELD 256u /* bytes of a field; longer ones are cut with "..." */

struct webaudit {
    const char *by;      /* principal_text; "" nobody */
    const char *client;  /* its address; "command" */
    const char *act;     /* "login", "user.add", "key.remove", "source.pause" ... */
    const char *target;  /* what was acted on; "" */
    const char *outcome; /* "ok", "denied", or why it failed */
};

/* Control characters, bidi overrides and what is no UTF-8 are escaped for people's eyes. NULL members are "". */
enum rc webaudit_add(const struct spool *spool, const struct webaudit *entry, struct err *err);

/* Each line, oldest first, over all files; a torn or damaged one is left out. fn returns false to stop. */
enum rc webaudit_each(const struct spool *spool, bool (*fn)(void *context, struct slice line), void *context, struct err *err);

#endif
