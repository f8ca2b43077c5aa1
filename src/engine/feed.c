// SPDX-License-Identifier: Apache-2.0
#include "engine/engine_internal.h"

#include "base/clock.h"
#include "base/log.h"

#include <stdlib.h>
#include <string.h>

#define GOVERNOR_BLOB_BYTES (64u * 1024u)
#define LOOKED_US 100000

/* Requests leave a little after they are counted (their journal line is made durable first): a window that is a little longer than the source's own keeps it
 * from seeing more than its limit. */
static int64_t window_ms(int64_t interval_ms) {
    int64_t margin = interval_ms / 50;
    return interval_ms + (margin < 20 ? 20 : margin > 250 ? 250 : margin);
}

static void feed_configure(struct feed *feed) {
    struct governor_rate rates[SOURCE_MAX_RATES];
    for (unsigned i = 0; i < feed->source->rate_count; i++)
        rates[i] = (struct governor_rate){feed->source->rates[i].limit, window_ms(feed->source->rates[i].interval_ms)};
    if (!governor_configure(feed->governor, rates, feed->source->rate_count, feed->source->max_concurrency))
        log_error("source %s: out of memory for its limits", feed->source->name);
}

static bool paused_for_access(const char *reason) {
    return strcmp(reason, "unauthorized") == 0 || strcmp(reason, "token") == 0;
}

struct feed *feed_get(struct engine *engine, const struct source *source) {
    for (struct feed *f = engine->feeds; f; f = f->next)
        if (strcmp(f->source->name, source->name) == 0)
            return f;
    struct feed *feed = engine_alloc(sizeof *feed);
    feed->engine = engine;
    feed->source = source;
    feed->governor = governor_new();
    if (!feed->governor)
        abort();
    feed_configure(feed);
    void *blob = engine_alloc(GOVERNOR_BLOB_BYTES);
    size_t length = GOVERNOR_BLOB_BYTES;
    if (index_get_governor(engine->index, source->name, blob, &length, NULL) == RC_OK)
        governor_load(feed->governor, blob, length);
    free(blob);
    const char *reason = "";
    if (governor_paused_until_us(feed->governor, &reason) && paused_for_access(reason))
        governor_resume(feed->governor); /* a start is a try with the credentials of today */
    feed->next = engine->feeds;
    engine->feeds = feed;
    return feed;
}

static void feed_save(struct feed *feed) {
    void *blob = engine_alloc(GOVERNOR_BLOB_BYTES);
    struct err err = {0};
    size_t length = governor_save(feed->governor, blob, GOVERNOR_BLOB_BYTES);
    if (index_put_governor(feed->engine->index, feed->source->name, blob, length, &err))
        log_warn("source %s: limits not kept: %s", feed->source->name, err.text);
    free(blob);
}

bool feed_open(struct feed *feed) {
    return governor_wait_us(feed->governor, clock_wall_us()) == 0;
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

/* Higher priority first; among equals the one with fewer requests in flight, then the older id. */
static bool goes_before(const struct run *a, const struct run *b) {
    if (a->row.priority != b->row.priority)
        return a->row.priority > b->row.priority;
    if (a->attempt_count != b->attempt_count)
        return a->attempt_count < b->attempt_count;
    return strcmp(a->id, b->id) < 0;
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
        if (run_offer(best))
            return true;
    }
}

void feed_pump(struct feed *feed) {
    int64_t wait = 0;
    while (!feed->engine->stopping && (wait = governor_wait_us(feed->governor, clock_wall_us())) == 0 && token_ready(feed) && offer_one(feed)) {
    }
    if (wait > 0 && wait != INT64_MAX) {
        int64_t ms = (wait + 999) / 1000;
        loop_timer_start(feed->engine->loop, &feed->timer, clock_mono_ms() + (ms > 60000 ? 60000 : ms), feed_due);
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
        free(feed);
    }
}

static void broken(void *context, const char *name, const struct err *err) {
    (void)context;
    log_error("source %s: %s; the definition read before stays", name, err->text);
}

void feed_reload(struct engine *engine) {
    sources_reload(engine->sources, broken, NULL);
    for (struct feed *feed = engine->feeds; feed; feed = feed->next) {
        const struct source *source;
        token_reset(feed);
        if (sources_get(engine->sources, feed->source->name, &source, NULL) == RC_OK)
            feed->source = source;
        feed_configure(feed);
        const char *reason = "";
        if (governor_paused_until_us(feed->governor, &reason) && paused_for_access(reason)) {
            governor_resume(feed->governor);
            feed_save(feed);
        }
        feed_pump(feed);
    }
}
