// SPDX-License-Identifier: Apache-2.0
#include "engine/engine_internal.h"

#include "base/clock.h"
#include "base/log.h"
#include "engine/paused.h"

#include <stdlib.h>
#include <string.h>

#define GOVERNOR_BLOB_BYTES (64u * 1024u)
#define LOOKED_US 100000

struct feed *feed_get(struct engine *engine, const struct source *source) {
    for (struct feed *f = engine->feeds; f; f = f->next)
        if (strcmp(f->source->name, source->name) == 0)
            return f;
    struct feed *feed = engine_alloc(sizeof *feed);
    feed->engine = engine;
    feed->source = source;
    feed->governor = governor_new();
    feed->throttle = throttle_new();
    feed->began_us = clock_wall_us();
    if (!feed->governor || !feed->throttle)
        abort();
    void *blob = engine_alloc(GOVERNOR_BLOB_BYTES);
    size_t length = GOVERNOR_BLOB_BYTES;
    bool known = index_get_governor(engine->index, source->name, blob, &length, NULL) == RC_OK && governor_load(feed->governor, blob, length);
    free(blob);
    limits_configure(feed, !known);
    const char *reason = "";
    if (governor_paused_until_us(feed->governor, &reason) && paused_tried_anew(reason))
        governor_resume(feed->governor);
    feed->next = engine->feeds;
    engine->feeds = feed;
    if (known)
        feed->left_us = clock_wall_us(); /* perhaps one left just before a crash */
    else
        feed_save(feed);
    return feed;
}

void feed_save(struct feed *feed) {
    void *blob = engine_alloc(GOVERNOR_BLOB_BYTES);
    struct err err = {0};
    size_t length = governor_save(feed->governor, blob, GOVERNOR_BLOB_BYTES);
    if (feed->saved && feed->saved_bytes == length && memcmp(feed->saved, blob, length) == 0) {
        free(blob);
        return;
    }
    free(feed->saved);
    feed->saved = NULL;
    if (index_put_governor(feed->engine->index, feed->source->name, blob, length, &err))
        log_warn("source %s: limits not kept: %s", feed->source->name, err.text);
    else
        feed->saved = realloc(blob, length);
    feed->saved_bytes = length;
    if (!feed->saved)
        free(blob);
}

bool feed_open(struct feed *feed) {
    return !control_paused(feed->engine, feed->source->name) && governor_wait_us(feed->governor, clock_wall_us()) == 0;
}

int64_t feed_wait_us(struct feed *feed) {
    int64_t wait = governor_wait_us(feed->governor, clock_wall_us());
    return wait == INT64_MAX ? 0 : wait;
}

bool feed_long_wait(struct feed *feed) {
    return feed_wait_us(feed) > SHORT_WAIT_US ||
           (governor_dead(feed->governor) && feed_wait_us(feed) > 0 && strcmp(governor_wait_reason(feed->governor), "dead_host") == 0);
}

void feed_sent(struct feed *feed) {
    governor_sent(feed->governor, clock_wall_us());
    feed_save(feed);
}

void feed_allow(struct feed *feed, uint64_t remaining, int64_t now_us, int64_t until_us) {
    governor_allow(feed->governor, remaining, now_us, until_us);
    if (remaining == 0)
        feed_save(feed);
}

void feed_pause(struct feed *feed, int64_t until_us, const char *reason) {
    char when[CLOCK_RFC3339_SIZE];
    clock_format_rfc3339(until_us, 0, when);
    log_warn("source %s: nothing is sent before %s (%s)", feed->source->name, when, reason);
    governor_pause(feed->governor, until_us, reason);
    feed_save(feed);
}

static void feed_due(struct loop_timer *timer) {
    struct feed *feed = HEAP_ENTRY(timer, struct feed, timer);
    feed_pump(feed);
    sched_kick(feed->engine);
}

/* So many requests of others, while jobs of a priority wait, count like one ageing interval: at a busy source a minute is long. */
#define PASSED_OVER 8u

/* As in sched.c each priority is a class that ages: since one of it sent last, or the job came. */
static enum priority aged(const struct run *run) {
    const struct feed *feed = run->feed;
    const enum priority own = run->row.priority;
    const int64_t since_ms = feed->served_ms[own] > run->joined_ms ? feed->served_ms[own] : run->joined_ms;
    const uint64_t since = feed->served[own] > run->joined ? feed->served[own] : run->joined;
    return sched_aged(run->engine, own, clock_mono_ms() - since_ms + run->waited_ms, (feed->sends - since) / PASSED_OVER);
}

/* Higher priority first, of equals that which was raised; then the one that was served longest ago, then the older id. */
static bool goes_before(const struct run *a, const struct run *b) {
    const enum priority of_a = aged(a), of_b = aged(b);
    if (of_a != of_b)
        return of_a > of_b;
    if (a->row.priority != b->row.priority)
        return a->row.priority < b->row.priority;
    if (a->served != b->served)
        return a->served < b->served;
    return strcmp(a->id, b->id) < 0;
}

static void served(struct feed *feed, struct run *run) {
    run->served = ++feed->sends;
    run->waited_ms = 0;
    feed->served[run->row.priority] = feed->sends;
    feed->served_ms[run->row.priority] = clock_mono_ms();
}

static bool offer_one(struct feed *feed) {
    feed->round++;
    for (;;) {
        struct run *best = NULL;
        for (struct run *r = feed->runs; r; r = r->next_of_feed)
            if (r->refused != feed->round && (!best || goes_before(r, best)))
                best = r;
        if (!best)
            return false;
        best->refused = feed->round; /* unless it sends it is not asked again in this round */
        if (run_offer(best)) {
            served(feed, best);
            return true;
        }
    }
}

/* Nothing leaves for long: those that have nothing in flight go where that is seen. */
static void stand_down(struct feed *feed) {
    for (struct run *run = feed->runs; run;) {
        struct run *next = run->next_of_feed;
        if (run_wants(run) && !run->attempt_count)
            run_step(run);
        run = next;
    }
}

void feed_pump(struct feed *feed) {
    int64_t wait = 0;
    if (control_paused(feed->engine, feed->source->name))
        return;
    for (struct run *run = feed->source->list_count || feed->source->step_count > 1 ? feed->runs : NULL; run; run = run->next_of_feed)
        unit_pump(run);
    while (!feed->engine->stopping && (wait = governor_wait_us(feed->governor, clock_wall_us())) == 0 && token_ready(feed) && offer_one(feed)) {
    }
    if (wait > 0 && wait != INT64_MAX) {
        int64_t ms = (wait + 999) / 1000;
        loop_timer_start(feed->engine->loop, &feed->timer, clock_mono_ms() + (ms > 60000 ? 60000 : ms), feed_due);
        if (feed_long_wait(feed))
            stand_down(feed);
    }
}

void feed_estimate(struct engine *engine, const struct source *source, const struct criteria *criteria, uint64_t total, const char *job_id,
                   struct estimate *estimate) {
    struct estimate_source *look = &feed_get(engine, source)->looked[criteria->priority];
    int64_t now = clock_wall_us();
    if (now - look->at_us > LOOKED_US || now < look->at_us)
        estimate_look(engine->index, source, criteria->priority, "", now, look);
    estimate_job(engine->index, source, criteria, total, job_id, look, engine->options.max_concurrent_jobs, estimate);
}

void feed_add(struct feed *feed, struct run *run) {
    run->joined = run->served = feed->sends; /* behind those that wait already */
    run->joined_ms = clock_mono_ms();
    run->next_of_feed = feed->runs;
    feed->runs = run;
}

void feed_remove(struct feed *feed, struct run *run) {
    for (struct run **at = &feed->runs; *at; at = &(*at)->next_of_feed) {
        if (*at == run) {
            *at = run->next_of_feed;
            return;
        }
    }
}

void feed_free(struct engine *engine) {
    while (engine->feeds) {
        struct feed *feed = engine->feeds;
        engine->feeds = feed->next;
        loop_timer_cancel(engine->loop, &feed->timer);
        token_reset(feed);
        governor_free(feed->governor);
        throttle_free(feed->throttle);
        free(feed->saved);
        free(feed);
    }
}

static void broken(void *context, const char *name, const struct err *err) {
    (void)context;
    log_error("source %s: %s; the definition read before stays", name, err->text);
}

void feed_reload(struct engine *engine) {
    sources_reload(engine->sources, engine->options.source_settings, broken, NULL);
    for (struct feed *feed = engine->feeds; feed; feed = feed->next) {
        const struct source *source;
        token_reset(feed);
        if (sources_get(engine->sources, feed->source->name, &source, NULL) == RC_OK)
            feed->source = source;
        limits_configure(feed, false);
        const char *reason = "";
        if (governor_paused_until_us(feed->governor, &reason) && paused_tried_anew(reason)) {
            governor_resume(feed->governor);
            feed_save(feed);
        }
        feed_pump(feed);
    }
}
