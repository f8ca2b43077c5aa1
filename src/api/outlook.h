// SPDX-License-Identifier: Apache-2.0
#ifndef API_OUTLOOK_H
#define API_OUTLOOK_H

#include <sys/types.h>

#include "api/api.h"

/*
 * What is not in the journals: the daemon, its pauses and limits (from its index, which is opened for a moment, and the definitions), the loading shelves, the
 * room on the disk. Looked at on demand, at most once in OUTLOOK_KEEP_MS: a few small files. The loop's alone.
 */
#define OUTLOOK_KEEP_MS 2000
#define OUTLOOK_SOURCES 256u   /* definitions; more are not looked at */
#define OUTLOOK_MARKERS 20000u /* of one shelf; more are not counted */

struct outlook;

struct outlook_view { /* borrowed until the next outlook_now */
    int64_t at_us;
    bool daemon;
    pid_t pid;                  /* 0: not known */
    int64_t since_us;           /* when it took its lock; 0: not known */
    uint64_t ready, processing; /* markers on those shelves */
    uint64_t free_bytes, free_inodes /* UINT64_MAX: not counted */;
    bool room;      /* those are known */
    cJSON *paused;  /* files of paused/ (engine/pauses.h) */
    cJSON *sources; /* each: source, ok, paused (a sentence, or null), paused_reason, paused_until, rate (or null), metered, currency, reserve, limits
                       (engine/standing.h, or null) */
};

struct outlook *outlook_new(struct api *api); /* NULL: out of memory */
void outlook_free(struct outlook *look);
const struct outlook_view *outlook_now(struct outlook *look);
/* {"running": true, "pid": 1, "since": "..."}; the caller frees. */
cJSON *outlook_daemon_json(const struct outlook_view *view);
/* The row of a source; NULL: it has no definition. */
cJSON *outlook_source(const struct outlook_view *view, const char *name);
/* A pause that does not end by itself: a person's, or for refused credentials. */
bool outlook_source_stopped(const cJSON *source);

#endif
