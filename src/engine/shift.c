// SPDX-License-Identifier: Apache-2.0
#include "engine/engine_internal.h"

#include "base/clock.h"
#include "base/log.h"
#include "engine/errand.h"
#include "os/fsio.h"
#include "spool/recurrence.h"

#include <stdlib.h>
#include <string.h>

/* Before the job is told to be complete, so that no crash leaves it without its results: the drop may be repeated, and what makes them waits for the end. */
static enum rc drop_results(struct shift *s) {
    char id[JOBID_SIZE];
    errand_automatic_id(s->id, id);
    return recurrence_drop(s->engine->spool, id, s->results, strlen(s->results), &s->err);
}

static void shift_run(struct work **items, size_t count) {
    for (size_t i = 0; i < count; i++) {
        struct shift *s = HEAP_ENTRY(items[i], struct shift, work);
        /* What was published is gone from tmp/ for good before the job is done with. */
        s->rc = s->run ? fsio_sync_dir(s->engine->spool->payloads_tmp_fd, ".", &s->err) : RC_OK;
        if (!s->rc && s->results)
            s->rc = drop_results(s);
        if (!s->rc)
            s->rc = move_job(s->engine->spool, &s->move, &s->err);
    }
}

static void shift_done(struct work *work);
static const struct work_class shift_class = {.name = "move", .run = shift_run, .done = shift_done, .max = 64};

static void shift_submit(struct shift *s) {
    worker_submit(s->engine->worker, &s->work, &shift_class, engine_lane(s->id));
}

static void shift_again(struct loop_timer *timer) {
    shift_submit(HEAP_ENTRY(timer, struct shift, timer));
}

static void shift_free(struct shift *s) {
    cJSON_Delete(s->members);
    free(s->why);
    free(s->bookmark);
    free(s->results);
    free(s);
}

static void shift_done(struct work *work) {
    struct shift *s = HEAP_ENTRY(work, struct shift, work);
    struct engine *engine = s->engine;
    if ((s->rc == RC_TEMP || s->rc == RC_NOSPACE || s->rc == RC_AGAIN) && !engine->stopping) {
        log_warn("job %s: to %s/: %s; trying again", s->id, place_name(s->move.to), s->err.text);
        loop_timer_start(engine->loop, &s->timer, clock_mono_ms() + DISK_RETRY_MS, shift_again);
        return;
    }
    engine_follow(engine, s->id, NULL);
    if (s->rc == RC_OK)
        log_info("job %s: %s/ -> %s/ (%s)", s->id, place_name(s->move.from), place_name(s->move.to), s->move.event);
    else if (s->rc != RC_GONE && !engine->stopping)
        log_warn("job %s: to %s/: %s", s->id, place_name(s->move.to), s->err.text);
    if (s->rc)
        scan_look(engine, s->id, false, 0);
    engine->shifts--;
    s->then(engine, s);
    shift_free(s);
    engine_settle_stop(engine);
}

static struct shift *shift_new(struct engine *engine, struct run *run, const char *id, cJSON *members, char *why, shift_then *then) {
    struct shift *s = engine_alloc(sizeof *s);
    s->engine = engine;
    s->run = run;
    s->results = run ? run->results : NULL;
    if (run)
        run->results = NULL;
    str_copy(s->id, sizeof s->id, id);
    s->members = members;
    s->why = why;
    s->then = then;
    engine->shifts++;
    return s;
}

void shift_start(struct engine *engine, struct run *run, const char *id, enum place from, enum place to, const char *event, cJSON *members, char *why,
                 int64_t until_us, shift_then *then) {
    struct shift *s = shift_new(engine, run, id, members, why, then);
    s->move = (struct move){
        .job_id = s->id, .from = from, .to = to, .event = event, .by = "daemon", .members = members, .why = why, .told = &s->told, .until_us = until_us};
    shift_submit(s);
}

void shift_reuse(struct engine *engine, const struct job_row *row, const char *reason, const char *reuses, shift_then *then) {
    const struct source *source;
    cJSON *m = engine_members();
    cJSON_AddStringToObject(m, "reason", reason);
    cJSON_AddStringToObject(m, "reuses", reuses);
    struct shift *s = shift_new(engine, NULL, row->id, m, NULL, then);
    if (row->automatic && sources_get(engine->sources, row->source, &source, NULL) == RC_OK && source->results)
        s->results = errand_automatic(row->id, row->created_by, source->results);
    s->move =
        (struct move){.job_id = s->id, .from = PLACE_PENDING, .to = PLACE_PROCESSED, .event = "completed", .by = "daemon", .members = m, .told = &s->told};
    shift_submit(s);
}

void shift_complete(struct engine *engine, struct run *run, cJSON *members, const char *bookmark, shift_then *then) {
    struct shift *s = shift_new(engine, run, run->id, members, NULL, then);
    s->row = run->row;
    s->bookmark = strdup(bookmark);
    if (!s->bookmark)
        abort();
    s->move = (struct move){.job_id = s->id,
                            .from = PLACE_PROCESSING,
                            .to = PLACE_PROCESSED,
                            .event = "completed",
                            .by = "daemon",
                            .members = members,
                            .told = &s->told,
                            .row = &s->row,
                            .bookmark = s->bookmark};
    shift_submit(s);
}
