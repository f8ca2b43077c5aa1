// SPDX-License-Identifier: Apache-2.0
#include "engine/engine_internal.h"

#include "base/clock.h"
#include "base/log.h"
#include "engine/load.h"
#include "os/child.h"
#include "os/dirscan.h"
#include "os/fsio.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

/* Loading what lies in payloads/ready/ by a worker process of its own: a hostile payload ends that process, not the daemon. The record store has one writer at
 * a time, so one worker runs at a time. */

#define CRASHES_MOST 3
#define FAILED_WAIT_MS 5000

struct loaders {
    struct engine *engine;
    struct child *child;
    bool wanted;      /* something came while the child ran */
    bool unfinished;  /* the last child did not come to its end: claims of it may lie in processing/ */
    unsigned crashes; /* in a row */
    struct loop_timer timer;
};

static bool shelf_has(const struct spool *spool, enum shelf shelf) {
    struct dirscan *scan;
    const char *name;
    unsigned char type;
    bool any = false;
    if (dirscan_open(spool->shelf_fd[shelf], ".", &scan, NULL))
        return false;
    while (!any && dirscan_next(scan, &name, &type, NULL) == RC_OK)
        any = type == DT_LNK && name[0] != '.';
    dirscan_close(scan);
    return any;
}

/* The same payload ended the loader again and again: it goes aside, the others go on. */
static void set_crashers_aside(struct engine *engine) {
    struct dirscan *scan;
    const char *marker;
    unsigned char type;
    char id[JOBID_SIZE];
    uint32_t batch;
    if (dirscan_open(engine->spool->shelf_fd[SHELF_PROCESSING], ".", &scan, NULL))
        return;
    while (dirscan_next(scan, &marker, &type, NULL) == RC_OK) {
        if (!payload_marker_parse(marker, id, &batch) || !payload_abandoned(engine->spool, marker))
            continue;
        cJSON *m = engine_members();
        cJSON_AddNumberToObject(m, "batch", batch);
        cJSON_AddStringToObject(m, "reason", "loader_crashed");
        cJSON_AddStringToObject(m, "error", "the loader process ended at this file more than once");
        struct err err = {0};
        if (journal_put(engine->spool, id, "rejected", "daemon", m, &err) ||
            payload_marker_move(engine->spool, marker, SHELF_PROCESSING, SHELF_FAILED, true, &err))
            log_error("payload %s: %s", marker, err.text);
        cJSON_Delete(m);
        engine_follow(engine, id, NULL);
    }
    dirscan_close(scan);
}

static void loaders_again(struct loop_timer *timer) {
    loaders_kick(HEAP_ENTRY(timer, struct loaders, timer)->engine);
}

static void each_loading(struct engine *engine) {
    for (size_t i = 0; i < RUN_BUCKETS; i++) {
        for (struct run *r = engine->runs[i], *next; r; r = next) {
            next = r->next_by_id;
            if (r->phase == RUN_LOADING && engine_follow(engine, r->id, NULL) == RC_OK)
                run_loaded(r);
        }
    }
}

static void loader_ended(void *context, int wait_status, const struct buf *output) {
    struct loaders *l = context;
    struct engine *engine = l->engine;
    bool clean = WIFEXITED(wait_status) && (WEXITSTATUS(wait_status) == 0 || WEXITSTATUS(wait_status) == 65);
    l->child = NULL;
    if (clean)
        log_info("loader: %.*s", (int)(output->length && output->data[output->length - 1] == '\n' ? output->length - 1 : output->length), buf_text(output));
    else
        log_error("loader: %s %d", WIFEXITED(wait_status) ? "exit code" : "ended by signal",
                  WIFEXITED(wait_status) ? WEXITSTATUS(wait_status) : WTERMSIG(wait_status));
    l->unfinished = !clean;
    l->crashes = WIFSIGNALED(wait_status) ? l->crashes + 1 : 0;
    if (l->crashes >= CRASHES_MOST) {
        set_crashers_aside(engine);
        l->crashes = 0;
    }
    each_loading(engine);
    if (engine->stopping)
        return;
    if (clean && l->wanted)
        loaders_kick(engine);
    else if (!clean)
        loop_timer_start(engine->loop, &l->timer, clock_mono_ms() + FAILED_WAIT_MS, loaders_again);
}

void loaders_kick(struct engine *engine) {
    struct loaders *l = engine->loaders;
    const char *argv[32];
    struct err err = {0};
    if (!l || engine->stopping)
        return;
    l->wanted = true;
    if (l->child || (!shelf_has(engine->spool, SHELF_READY) && !(l->unfinished && shelf_has(engine->spool, SHELF_PROCESSING))))
        return;
    l->wanted = false;
    struct load_options options = {.shelves = 1u << SHELF_READY};
    load_worker_args(engine->options.program, engine->spool->root, engine->options.sources_dir, engine->options.source_settings, &options, argv);
    if (child_start(engine->loop, argv, NULL, 4096, loader_ended, l, &l->child, &err)) {
        log_error("loader: %s", err.text);
        loop_timer_start(engine->loop, &l->timer, clock_mono_ms() + FAILED_WAIT_MS, loaders_again);
    }
}

void loaders_start(struct engine *engine) {
    struct loaders *l = engine_alloc(sizeof *l);
    l->engine = engine;
    engine->loaders = l;
    /* Claims that a crash left behind go back to where they are taken from. */
    struct dirscan *scan;
    const char *marker;
    unsigned char type;
    if (dirscan_open(engine->spool->shelf_fd[SHELF_PROCESSING], ".", &scan, NULL) == RC_OK) {
        while (dirscan_next(scan, &marker, &type, NULL) == RC_OK)
            if (type == DT_LNK && payload_abandoned(engine->spool, marker))
                payload_marker_move(engine->spool, marker, SHELF_PROCESSING, SHELF_READY, false, NULL);
        dirscan_close(scan);
    }
    loaders_kick(engine);
}

void loaders_free(struct engine *engine) {
    struct loaders *l = engine->loaders;
    if (!l)
        return;
    if (l->child)
        child_cancel(l->child);
    loop_timer_cancel(engine->loop, &l->timer);
    free(l);
    engine->loaders = NULL;
}
