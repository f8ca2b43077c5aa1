// SPDX-License-Identifier: Apache-2.0
#include "engine/engine_internal.h"

#include "base/clock.h"
#include "base/log.h"
#include "engine/paused.h"

#include <stdlib.h>
#include <string.h>

/*
 * Dispatch: of every source that could send now, the pending job that comes first; of those, the one with the highest priority, and among equal ones that of
 * the source which has the fewest slots, then of the one that had its turn longest ago: one source's flood does not keep the others out. The queue itself is
 * the index and the directory: no list of waiting jobs is held, and what a claim costs grows with sources and priorities, not with jobs.
 *
 * Ageing: within a source each priority is a class. A class that has waited so many seconds, since its first job came or one of it was claimed last, counts as
 * one higher, up to high; of equals that which was raised goes first, so it gets its job through, and the next one waits as long again. So nothing is starved,
 * and a flood of normal jobs does not become a flood of high ones.
 */

#define GATHER_MS 20
#define DEFERRED_CHECK_MS 30000 /* the wall clock may jump */
#define ASKED_MOST 16u          /* jobs of mode source beyond max_active: they take no slot */

struct turn { /* of a source that had jobs */
    struct turn *next;
    char source[65];
    uint64_t last;                          /* of all claims; 0: none yet */
    int64_t served_ms[PRIORITY_URGENT + 1]; /* when one of this priority was claimed last, or 0 */
};

struct candidate {
    char id[JOBID_SIZE];
    struct turn *turn;
    enum priority own, priority; /* priority: with its age */
    int64_t waited_ms;           /* that raised it */
    unsigned slots;              /* that its source has */
    bool found;
};

enum priority sched_aged(const struct engine *engine, enum priority own, int64_t waited_ms, uint64_t passed_over) {
    if (!engine->options.priority_ageing_s || own >= PRIORITY_HIGH)
        return own;
    uint64_t levels = passed_over + (waited_ms > 0 ? (uint64_t)waited_ms / 1000 / engine->options.priority_ageing_s : 0);
    return levels >= (uint64_t)(PRIORITY_HIGH - own) ? PRIORITY_HIGH : own + (enum priority)levels;
}

static struct turn *turn_of(struct engine *engine, const char *source) {
    struct turn *t = engine->turns;
    while (t && strcmp(t->source, source) != 0)
        t = t->next;
    if (!t) {
        t = engine_alloc(sizeof *t);
        str_copy(t->source, sizeof t->source, source);
        t->next = engine->turns;
        engine->turns = t;
    }
    return t;
}

/* Runs that wait, for their source's limit or to try a page again, take no slot: they must not keep other sources' jobs out. */
static unsigned slots_of(struct feed *feed) {
    unsigned used = 0;
    int64_t now = clock_wall_us();
    bool open = feed_open(feed);
    for (const struct run *r = feed->runs; r; r = r->next_of_feed)
        used += r->attempt_count || (r->phase != RUN_PAGES && r->phase != RUN_PREVIEW) || (open && r->waits_until_us <= now);
    return used;
}

static unsigned slots_used(const struct engine *engine) {
    unsigned used = 0;
    for (struct feed *f = engine->feeds; f; f = f->next)
        used += slots_of(f);
    return used;
}

enum way { WAY_OPEN, WAY_SOON, WAY_CLOSED };

/* Whether jobs of the source could send. SOON: others of it are in flight, or its limit opens within a minute. Without a definition (feed NULL) its jobs are
 * claimed, and held with the reason. */
static enum way source_way(struct engine *engine, const char *name, struct feed **feed) {
    const struct source *source;
    *feed = NULL;
    if (control_paused(engine, name))
        return WAY_CLOSED;
    if (sources_get(engine->sources, name, &source, NULL))
        return WAY_OPEN;
    *feed = feed_get(engine, source);
    if (source->max_concurrent_jobs && slots_of(*feed) + engine->claiming_count >= source->max_concurrent_jobs)
        return WAY_CLOSED; /* one that ends has it looked at again */
    if (feed_open(*feed))
        return WAY_OPEN;
    feed_pump(*feed); /* sets the time to look again */
    aside_pending(*feed);
    int64_t wait = governor_wait_us((*feed)->governor, clock_wall_us());
    return wait <= SHORT_WAIT_US || wait == INT64_MAX ? WAY_SOON : WAY_CLOSED;
}

/* At a source that is closed for a moment jobs are claimed so that they share it: no more than would run if it were open, but for one that goes before them
 * all. */
static bool may_join(const struct engine *engine, const struct feed *feed, const struct candidate *c) {
    unsigned count = 0;
    bool first = true;
    for (const struct run *r = feed->runs; r; r = r->next_of_feed) {
        count++;
        first = first && c->priority > r->row.priority;
    }
    return first || count < engine->options.max_concurrent_jobs;
}

/* The first job of the class, with the age of the class. False: it is not in the index. */
static bool consider(struct engine *engine, struct candidate *c) {
    struct job_row row;
    const unsigned ageing_s = engine->options.priority_ageing_s;
    const int64_t served_ms = c->turn->served_ms[c->own];
    c->priority = c->own;
    c->waited_ms = 0;
    if (!ageing_s || c->own >= PRIORITY_HIGH || (served_ms && clock_mono_ms() - served_ms < (int64_t)ageing_s * 1000))
        return true;
    if (index_job(engine->index, c->id, &row, NULL))
        return false;
    c->waited_ms = (clock_wall_us() - row.placed_us) / 1000;
    if (served_ms && clock_mono_ms() - served_ms < c->waited_ms)
        c->waited_ms = clock_mono_ms() - served_ms;
    c->priority = sched_aged(engine, c->own, c->waited_ms, 0);
    return true;
}

static bool before(const struct candidate *a, const struct candidate *b) {
    if (a->priority != b->priority)
        return a->priority > b->priority;
    if (a->turn == b->turn)
        return a->own < b->own; /* which was raised */
    return a->slots != b->slots ? a->slots < b->slots : a->turn->last < b->turn->last;
}

static void first_of_source(struct engine *engine, const char *source, struct candidate *best) {
    struct feed *feed;
    enum way way = source_way(engine, source, &feed);
    struct candidate c = {.turn = way == WAY_CLOSED ? NULL : turn_of(engine, source), .slots = feed ? slots_of(feed) : 0, .found = true};
    char after[JOBID_SIZE] = "";
    enum priority from = PRIORITY_URGENT;
    while (c.turn && index_next_pending(engine->index, source, from, after, c.id, &c.own, NULL) == RC_OK) {
        if (engine_run(engine, c.id)) { /* it is being claimed */
            from = c.own;
            str_copy(after, sizeof after, c.id);
            continue;
        }
        if (consider(engine, &c) && (way == WAY_OPEN || may_join(engine, feed, &c)) && (!best->found || before(&c, best)))
            *best = c;
        if (c.own == PRIORITY_LOW || !engine->options.priority_ageing_s)
            return;
        from = c.own - 1;
        after[0] = '\0';
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
        shift_reuse(engine, &row, strcmp(row.reason, "cached") == 0 ? row.reason : "reuse", row.reuses, not_yet);
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
    struct feed *feed;
    return slots_free(engine, 2) && index_next_source(engine->index, "", waiting, NULL) == RC_GONE && source_way(engine, source, &feed) == WAY_OPEN;
}

/* Jobs of mode source wait for nobody: they are what opens a source again. */
static void claim_asked(struct engine *engine) {
    char id[JOBID_SIZE], after[JOBID_SIZE] = "";
    enum priority priority = PRIORITY_URGENT;
    while (engine->run_count < engine->options.max_active + ASKED_MOST &&
           index_next_pending(engine->index, INDEX_NO_SOURCE, priority, after, id, &priority, NULL) == RC_OK) {
        if (!engine_run(engine, id))
            claim(engine, id);
        str_copy(after, sizeof after, id);
    }
}

/* Those of modes results and cleanup run one at a time, in a child process, beside everything else: they take no slot. */
static void claim_errand(struct engine *engine) {
    char id[JOBID_SIZE];
    enum priority priority;
    if (errands_busy(engine) || index_next_pending(engine->index, INDEX_ERRANDS, PRIORITY_URGENT, "", id, &priority, NULL) != RC_OK || engine_run(engine, id))
        return;
    claim(engine, id);
    errands_mark(engine_run(engine, id));
}

static void claim_best(struct engine *engine, const struct candidate *best) {
    best->turn->last = ++engine->claims;
    best->turn->served_ms[best->own] = clock_mono_ms();
    claim(engine, best->id);
    struct run *run = engine_run(engine, best->id);
    if (run && best->priority > best->own)
        run->waited_ms = best->waited_ms;
}

static void sched_due(struct loop_timer *timer) {
    struct engine *engine = HEAP_ENTRY(timer, struct engine, sched_timer);
    if (intake_busy(engine) && clock_mono_ms() < engine->sched_by_ms) { /* who comes in the same breath is ordered by priority */
        loop_timer_start(engine->loop, timer, clock_mono_ms() + 1, sched_due);
        return;
    }
    engine->sched_by_ms = 0;
    if (engine->stopping)
        return;
    claim_asked(engine);
    claim_errand(engine);
    while (slots_free(engine, 1)) {
        struct candidate best = {.found = false};
        char after[65] = "", source[65];
        while (index_next_source(engine->index, after, source, NULL) == RC_OK) {
            first_of_source(engine, source, &best);
            str_copy(after, sizeof after, source);
        }
        if (!best.found)
            return;
        claim_best(engine, &best);
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

static bool tried_anew(void *context, const struct job_row *row) {
    struct engine *engine = context;
    if (!paused_tried_anew(row->reason))
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
    if (index_jobs(engine->index, PLACE_DEFERRED, "", tried_anew, engine, &err))
        log_warn("index: %s", err.text);
}

static void deferred_due(struct loop_timer *timer) {
    sched_deferred(HEAP_ENTRY(timer, struct engine, deferred_timer));
}

void sched_free(struct engine *engine) {
    while (engine->turns) {
        struct turn *t = engine->turns;
        engine->turns = t->next;
        free(t);
    }
}
