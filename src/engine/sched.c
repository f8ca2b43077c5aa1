// SPDX-License-Identifier: Apache-2.0
#include "engine/engine_internal.h"

#include "base/clock.h"
#include "base/log.h"

#include <stdlib.h>
#include <string.h>

/* Dispatch: of every source that could send now, the pending job that comes first; of those, the one with the highest priority, then the oldest id. The queue
 * itself is the index and the directory: no list of waiting jobs is held. */

#define GATHER_MS 20
#define DEFERRED_CHECK_MS 30000 /* the wall clock may jump */

struct candidate {
    char id[JOBID_SIZE];
    char source[65];
    enum priority priority;
    bool found;
};

/* Runs that wait, for their source's limit or to try a page again, take no slot: they must not keep other sources' jobs out. */
static unsigned slots_used(const struct engine *engine) {
    unsigned used = 0;
    int64_t now = clock_wall_us();
    for (const struct feed *f = engine->feeds; f; f = f->next) {
        bool open = governor_wait_us(f->governor, clock_wall_us()) == 0;
        for (const struct run *r = f->runs; r; r = r->next_of_feed)
            used += r->attempt_count || (r->phase != RUN_PAGES && r->phase != RUN_PREVIEW) || (open && r->waits_until_us <= now);
    }
    return used;
}

static bool source_open(struct engine *engine, const char *name) {
    const struct source *source;
    /* Without a definition its jobs are claimed, and held with the reason. */
    if (sources_get(engine->sources, name, &source, NULL))
        return true;
    struct feed *feed = feed_get(engine, source);
    if (feed_open(feed))
        return true;
    feed_pump(feed); /* sets the time to look again */
    return false;
}

static void first_of_source(struct engine *engine, const char *source, struct candidate *best) {
    char after[JOBID_SIZE] = "", id[JOBID_SIZE];
    enum priority priority = PRIORITY_URGENT;
    while (index_next_pending(engine->index, source, priority, after, id, &priority, NULL) == RC_OK) {
        if (!engine_run(engine, id)) {
            if (!best->found || priority > best->priority || (priority == best->priority && strcmp(id, best->id) < 0)) {
                best->found = true;
                best->priority = priority;
                str_copy(best->id, sizeof best->id, id);
                str_copy(best->source, sizeof best->source, source);
            }
            return;
        }
        str_copy(after, sizeof after, id);
    }
}

static void shifted(struct engine *engine, struct shift *shift) {
    (void)shift;
    sched_deferred(engine);
    sched_kick(engine);
}

void sched_claimed(struct engine *engine, const char *job_id, enum rc rc) {
    if (rc == RC_OK)
        run_claimed(engine, job_id);
    else
        run_unclaimed(engine, job_id, true);
    sched_kick(engine);
}

static void claimed(struct engine *engine, struct shift *shift) {
    sched_claimed(engine, shift->id, shift->rc);
}

static void not_yet(struct engine *engine, struct shift *shift) {
    run_unclaimed(engine, shift->id, shift->rc != RC_OK);
    shifted(engine, shift);
}

static void claim(struct engine *engine, const char *id) {
    struct job_row row;
    if (index_job(engine->index, id, &row, NULL))
        return;
    if (row.not_before_us > clock_wall_us() && !row.override_wait) { /* a crash came between acceptance and deferral */
        char until[CLOCK_RFC3339_SIZE];
        cJSON *m = engine_members();
        clock_format_rfc3339(row.not_before_us, 0, until);
        cJSON_AddStringToObject(m, "until", until);
        cJSON_AddStringToObject(m, "reason", "not_before");
        run_claiming(engine, id);
        shift_start(engine, NULL, id, PLACE_PENDING, PLACE_DEFERRED, "deferred", m, engine_why(engine, id, PLACE_DEFERRED, "not_before", "", row.not_before_us),
                    row.not_before_us, not_yet);
        return;
    }
    run_claiming(engine, id);
    if (row.reuses[0]) { /* likewise between acceptance and completion */
        cJSON *m = engine_members();
        cJSON_AddStringToObject(m, "reason", strcmp(row.reason, "cached") == 0 ? row.reason : "reuse");
        cJSON_AddStringToObject(m, "reuses", row.reuses);
        shift_start(engine, NULL, id, PLACE_PENDING, PLACE_PROCESSED, "completed", m, NULL, 0, not_yet);
        return;
    }
    shift_start(engine, NULL, id, PLACE_PENDING, PLACE_PROCESSING, "claimed", NULL, NULL, 0, claimed);
}

static bool slots_free(const struct engine *engine, unsigned count) {
    return !engine->stopping && engine->run_count + count <= engine->options.max_active &&
           slots_used(engine) + engine->claiming_count + count <= engine->options.max_concurrent_jobs;
}

bool sched_idle(struct engine *engine, const char *source) {
    char waiting[65];
    return slots_free(engine, 2) && index_next_source(engine->index, "", waiting, NULL) == RC_GONE && source_open(engine, source);
}

static void sched_due(struct loop_timer *timer) {
    struct engine *engine = HEAP_ENTRY(timer, struct engine, sched_timer);
    if (intake_busy(engine) && clock_mono_ms() < engine->sched_by_ms) { /* who comes in the same breath is ordered by priority */
        loop_timer_start(engine->loop, timer, clock_mono_ms() + 1, sched_due);
        return;
    }
    engine->sched_by_ms = 0;
    while (slots_free(engine, 1)) {
        struct candidate best = {.found = false};
        char after[65] = "", source[65];
        while (index_next_source(engine->index, after, source, NULL) == RC_OK) {
            if (source_open(engine, source))
                first_of_source(engine, source, &best);
            str_copy(after, sizeof after, source);
        }
        if (!best.found)
            return;
        claim(engine, best.id);
    }
}

void sched_kick(struct engine *engine) {
    if (!engine->sched_by_ms)
        engine->sched_by_ms = clock_mono_ms() + GATHER_MS;
    if (!engine->stopping)
        loop_timer_start(engine->loop, &engine->sched_timer, clock_mono_ms(), sched_due);
}

static void deferred_due(struct loop_timer *timer);

static void deferred_moved(struct engine *engine, struct shift *shift) {
    engine->deferred_moving = false;
    if (shift->rc) /* it is being looked at */
        loop_timer_start(engine->loop, &engine->deferred_timer, clock_mono_ms() + DISK_RETRY_MS, deferred_due);
    else
        shifted(engine, shift);
}

void sched_deferred(struct engine *engine) {
    char id[JOBID_SIZE];
    int64_t until_us;
    if (engine->stopping || engine->deferred_moving || index_next_deferred(engine->index, id, &until_us, NULL))
        return;
    int64_t wait_ms = (until_us - clock_wall_us() + 999) / 1000;
    if (wait_ms > 0) {
        loop_timer_start(engine->loop, &engine->deferred_timer, clock_mono_ms() + (wait_ms > DEFERRED_CHECK_MS ? DEFERRED_CHECK_MS : wait_ms), deferred_due);
        return;
    }
    cJSON *m = engine_members();
    cJSON_AddStringToObject(m, "from", "deferred");
    cJSON_AddStringToObject(m, "to", "pending");
    cJSON_AddStringToObject(m, "reason", "due");
    engine->deferred_moving = true;
    shift_start(engine, NULL, id, PLACE_DEFERRED, PLACE_PENDING, "requeued", m, NULL, 0, deferred_moved);
}

static bool refused_before(void *context, const struct job_row *row) {
    struct engine *engine = context;
    if (strcmp(row->reason, "unauthorized") != 0)
        return true;
    cJSON *m = engine_members();
    cJSON_AddStringToObject(m, "from", "deferred");
    cJSON_AddStringToObject(m, "to", "pending");
    cJSON_AddStringToObject(m, "reason", "reload");
    shift_start(engine, NULL, row->id, PLACE_DEFERRED, PLACE_PENDING, "requeued", m, NULL, 0, shifted);
    return true;
}

void sched_reload(struct engine *engine) {
    struct err err = {0};
    if (index_jobs(engine->index, PLACE_DEFERRED, "", refused_before, engine, &err))
        log_warn("index: %s", err.text);
}

static void deferred_due(struct loop_timer *timer) {
    sched_deferred(HEAP_ENTRY(timer, struct engine, deferred_timer));
}
