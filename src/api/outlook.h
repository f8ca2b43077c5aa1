// SPDX-License-Identifier: Apache-2.0
#ifndef API_OUTLOOK_H
#define API_OUTLOOK_H

#include <sys/types.h>

#include "api/api.h"

/*
 * What is not in the journals: the daemon, the pauses and limits of sources (from paused/, the definitions, and the daemon's index, which is opened for a
 * moment), the loading shelves, the room on the disk. The lane of ROUTE_SOURCES looks every OUTLOOK_EVERY_MS, and sooner when somebody asks and what is known
 * is older than OUTLOOK_FRESH_MS; nobody waits for it. Daemon and room are always as they are now. The loop's alone.
 */
#define OUTLOOK_EVERY_MS 10000
#define OUTLOOK_FRESH_MS 1000
#define OUTLOOK_SOURCES 256u   /* definitions; more are not looked at */
#define OUTLOOK_MARKERS 20000u /* of one shelf; more are not counted */

struct outlook;

struct outlook_view { /* borrowed until control goes back to the loop */
    bool daemon;
    pid_t pid;        /* 0: not known */
    int64_t since_us; /* when it took its lock; 0: not known */
    bool room;        /* these are known: */
    uint64_t free_bytes, free_inodes /* UINT64_MAX: not counted */;
    uint64_t ready, processing; /* markers on those shelves */
    const cJSON *paused;        /* files of paused/ (engine/pauses.h) */
    const cJSON *sources; /* each: source, ok, paused (a sentence, or null), paused_reason, paused_until, rate (or null), metered, currency, reserve, limits
                             (engine/limits_look.h, or null) */
};

/* Looks once, so that it must come before any lane is used. NULL: out of memory. */
struct outlook *outlook_new(struct api *api);
/* When the lanes have ended. */
void outlook_free(struct outlook *outlook);
/* No more looks are begun. */
void outlook_stop(struct outlook *outlook);

/* Something of it has changed (paused/): look at once, and tell the live events when it was seen. */
void outlook_changed(struct outlook *outlook);
struct outlook_view outlook_now(struct outlook *outlook);
/* {"running": true, "pid": 1, "since": "..."}; the caller frees. */
cJSON *outlook_daemon_json(const struct outlook_view *view);
/* The row of a source; NULL: it has no definition. */
const cJSON *outlook_source(const struct outlook_view *view, const char *name);
/* A pause that does not end by itself: a person's, or for refused credentials. */
bool outlook_source_stopped(const cJSON *source);

#endif
