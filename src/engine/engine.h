// SPDX-License-Identifier: Apache-2.0
#ifndef ENGINE_ENGINE_H
#define ENGINE_ENGINE_H

#include <sys/types.h>

#include "base/dec.h"
#include "engine/retention.h"
#include "notify/settings.h"
#include "os/loop.h"
#include "spool/layout.h"

/* The daemon's work (DESIGN 3-7): acceptance, dispatch, capture, recovery, starting loaders. Everything runs on the loop's thread but for what worker lanes
 * carry. */

struct engine;

struct cost_cap { /* what all sources of a currency may cost in a UTC day */
    char currency[9];
    struct dec cap;
};

struct engine_options { /* strings are borrowed for the engine's life */
    const char *sources_dir;
    const char *source_settings; /* JSON, "" none: what is laid over the settings of definitions; its bytes may change at a reload */
    const char *credentials_dir; /* "" none */
    const char *ca_file;         /* "" none */
    const char *program;         /* absolute path of this program, to start loaders with */
    const char *helpers_dir;     /* absolute; where programs of exec steps are looked for first */
    unsigned max_helpers;        /* that run at a time */
    unsigned rescan_interval_s, max_concurrent_jobs, max_active, sync_threads;
    const struct cost_cap *cost_caps;
    unsigned cost_cap_count;
    unsigned priority_ageing_s; /* 0: no ageing */
    uid_t web_uid;              /* the user of the web program, whose created_by is believed as our own is; (uid_t)-1: none */
    struct retention_limits retention;
    const struct notify_settings *notices;
    unsigned stuck_after_s, stuck_waiting_s; /* of notices */
};

/* Bring the index level with the journals (rebuilding it when it is missing or damaged), then watch, scan, resume what was running, and go on from the loop.
 * spool is borrowed. */
enum rc engine_start(struct loop *loop, const struct spool *spool, const struct engine_options *options, struct engine **engine, struct err *err);

/* SIGTERM: nothing new is begun, free requests are given up, paid answers in flight are awaited and kept; then loop_stop. */
void engine_stop(struct engine *engine);
/* A second SIGTERM: loop_stop at once; paid requests in flight become CHARGE_UNKNOWN at the next start. */
void engine_abort(struct engine *engine);
/* SIGHUP: read sources again; sources paused for their credentials go on. Of the options those that are plain numbers hold from now on, but for
 * sync_threads. */
void engine_reload(struct engine *engine, const struct engine_options *options);
/* After loop_run has returned. */
void engine_free(struct engine *engine);

#endif
