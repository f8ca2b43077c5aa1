// SPDX-License-Identifier: Apache-2.0
#include "engine/notices_internal.h"

#include "base/clock.h"
#include "base/log.h"
#include "engine/stuck.h"

#include <stdlib.h>
#include <string.h>

/* What no line of a journal tells: the queue is long, a budget is nearly spent, something does not get on; and the heartbeat, by which somebody else notices
 * that this daemon is dead. */

#define WATCH_MS 10000
#define BEAT_TIMEOUT_MS 10000
#define STUCK_MOST 50u /* notices of one look */

static bool wanted(const struct notices *n, enum notice_kind kind) {
    return n->settings->recipients[kind].count > 0;
}

/* --- queue and budgets ------------------------------------------------------------------------------------------------- */

/* Told when it gets too long, and once more only after it was a fifth shorter. */
static void look_at_queue(struct notices *n) {
    const uint64_t depth = index_count(n->engine->index, PLACE_PENDING), most = n->settings->queue_depth;
    char subject[200], hour[CLOCK_RFC3339_SIZE];
    if (depth < most - most / 5)
        n->queue_over = false;
    if (depth < most || n->queue_over)
        return;
    n->queue_over = true;
    clock_format_rfc3339(clock_wall_us(), 0, hour);
    str_format(subject, sizeof subject, "queue %.13s", hour); /* a daemon that is started again and again tells once an hour */
    struct notices_make *make = notices_make_new(n, NOTICE_QUEUE, clock_wall_us(), subject);
    notices_value(make->values, "subject", "%llu jobs wait", (unsigned long long)depth);
    notices_value(make->values, "text", "%llu jobs wait in jobs/pending/, the threshold is %llu.", (unsigned long long)depth, (unsigned long long)most);
    notices_value(make->values, "depth", "%llu", (unsigned long long)depth);
    notices_value(make->values, "threshold", "%llu", (unsigned long long)most);
    notices_make_start(n, make);
}

struct budget {
    char name[80]; /* "source x", "all sources of USD" */
    struct dec cap, used;
    const char *currency;
};

static void look_at_budget(struct notices *n, const struct budget *b) {
    char subject[200], day[CLOCK_RFC3339_SIZE], cap[DEC_TEXT_SIZE], used[DEC_TEXT_SIZE];
    const struct dec hundred = dec_times(b->used, 100), most = dec_times(b->cap, n->settings->budget_percent);
    if (dec_compare(b->cap, dec_zero()) <= 0 || dec_compare(hundred, most) < 0)
        return;
    clock_format_rfc3339(clock_wall_us(), 0, day);
    /* One a day for each threshold; it is looked at often, but made only once, as its id is that of the one which is there. */
    int64_t midnight_us;
    str_copy(day + 10, sizeof day - 10, "T00:00:00Z");
    if (!clock_parse_rfc3339(day, &midnight_us))
        return;
    str_format(subject, sizeof subject, "budget %s %.10s %u", b->name, day, n->settings->budget_percent);
    dec_format(b->cap, cap);
    dec_format(b->used, used);
    struct notices_make *make = notices_make_new(n, NOTICE_BUDGET, midnight_us, subject);
    notices_value(make->values, "subject", "%s: %s of the day's %s %s are spent", b->name, used, cap, b->currency);
    notices_value(make->values, "text", "%s: %s of the day's %s %s are spent, in doubt or in flight; the threshold is %u %%.", b->name, used, cap, b->currency,
                  n->settings->budget_percent);
    notices_value(make->values, "used", "%s %s", used, b->currency);
    notices_value(make->values, "cap", "%s %s", cap, b->currency);
    notices_make_start(n, make);
}

static void look_at_budgets(struct notices *n) {
    const struct engine_options *options = &n->engine->options;
    char name[16], day[CLOCK_RFC3339_SIZE];
    clock_format_rfc3339(clock_wall_us(), 0, day);
    day[10] = '\0';
    for (const struct feed *f = n->engine->feeds; f; f = f->next) {
        struct budget b = {.cap = f->source->daily_cost_cap, .currency = f->source->currency};
        int64_t end_us;
        str_format(b.name, sizeof b.name, "source %s", f->source->name);
        if (f->source->has_daily_cost_cap && limits_today(f, &b.used, &end_us))
            look_at_budget(n, &b);
    }
    for (unsigned i = 0; i < options->cost_cap_count; i++) {
        struct budget b = {.cap = options->cost_caps[i].cap, .currency = options->cost_caps[i].currency};
        struct job_money money;
        str_format(name, sizeof name, "@%s", b.currency);
        str_format(b.name, sizeof b.name, "all sources of %s", b.currency);
        if (index_spent(n->engine->index, name, day, &money, NULL))
            continue;
        b.used = dec_add(money.spent, dec_add(money.in_doubt, money.open));
        look_at_budget(n, &b);
    }
}

static void watch_due(struct loop_timer *timer) {
    struct notices *n = HEAP_ENTRY(timer, struct notices, watch_timer);
    if (n->settings->queue_depth && wanted(n, NOTICE_QUEUE))
        look_at_queue(n);
    if (n->settings->budget_percent && wanted(n, NOTICE_BUDGET))
        look_at_budgets(n);
    loop_timer_start(n->engine->loop, &n->watch_timer, clock_mono_ms() + WATCH_MS, watch_due);
}

/* --- what is stuck ----------------------------------------------------------------------------------------------------- */

struct stuck_look {
    struct work work;
    struct notices *notices;
    struct notices_make *makes[STUCK_MOST];
    size_t count, all;
    struct err err;
    enum rc rc;
};

/* Jobs that wait for a person and payloads that could not be loaded have notices of their own. */
static void stuck_seen(void *context, const struct stuck *s) {
    struct stuck_look *l = context;
    char subject[200];
    if (s->kind == STUCK_HELD || s->kind == STUCK_FILE_FAILED || s->kind == STUCK_SOURCE_PAUSED || s->kind == STUCK_NO_DAEMON || ++l->all > STUCK_MOST)
        return;
    str_format(subject, sizeof subject, "stuck %s %s %u %lld", stuck_kind_name(s->kind), s->job_id[0] ? s->job_id : s->where, s->batch, (long long)s->since_us);
    struct notices_make *make = notices_make_new(l->notices, NOTICE_STUCK, s->since_us, subject);
    notices_value(make->values, "subject", "%s: %s", s->job_id[0] ? s->job_id : s->file, stuck_kind_name(s->kind));
    notices_value(make->values, "text", "%s", s->text);
    notices_value(make->values, "go_on", "%s", s->go_on);
    notices_value(make->values, "job_id", "%s", s->job_id);
    notices_value(make->values, "source", "%s", s->source);
    notices_value(make->values, "reason", "%s", stuck_kind_name(s->kind));
    l->makes[l->count++] = make;
}

static void stuck_run(struct work **items, size_t count) {
    struct stuck_look *l = HEAP_ENTRY(items[0], struct stuck_look, work);
    const struct engine_options *options = &l->notices->engine->options;
    const struct stuck_options o = {.after_us = (int64_t)options->stuck_after_s * 1000000, .waiting_us = (int64_t)options->stuck_waiting_s * 1000000};
    (void)count;
    l->rc = stuck_find(l->notices->engine->spool, NULL, NULL, &o, stuck_seen, l, &l->err);
}

static void stuck_done(struct work *work) {
    struct stuck_look *l = HEAP_ENTRY(work, struct stuck_look, work);
    struct notices *n = l->notices;
    n->stuck_busy = false;
    if (l->rc)
        log_warn("notices: what is stuck: %s", l->err.text);
    for (size_t i = 0; i < l->count; i++)
        notices_make_start(n, l->makes[i]);
    free(l);
}

static void stuck_due(struct loop_timer *timer) {
    static const struct work_class stuck_class = {.name = "stuck", .run = stuck_run, .done = stuck_done, .max = 1};
    struct notices *n = HEAP_ENTRY(timer, struct notices, stuck_timer);
    if (!n->stuck_busy) {
        struct stuck_look *l = engine_alloc(sizeof *l);
        l->notices = n;
        n->stuck_busy = true;
        worker_submit(n->lanes, &l->work, &stuck_class, NOTICES_LANE_STUCK);
    }
    loop_timer_start(n->engine->loop, &n->stuck_timer, clock_mono_ms() + (int64_t)n->settings->stuck_interval_s * 1000, stuck_due);
}

/* --- heartbeat --------------------------------------------------------------------------------------------------------- */

static void beaten(void *context, const struct fetch_answer *answer) {
    struct notices *n = context;
    const bool well = answer->complete && answer->status >= 200 && answer->status < 300;
    n->beat = NULL;
    if (!well && !n->beat_failed)
        log_warn("notices: heartbeat: %s", *answer->error ? answer->error : "the answer is no 2xx");
    else if (well && n->beat_failed)
        log_info("notices: heartbeat: it is heard again");
    n->beat_failed = !well;
}

/* The URL may be a secret: who knows it can keep a dead daemon alive. */
static bool beat_url(struct notices *n) {
    struct err err = {0};
    buf_reset(&n->beat_url);
    enum rc rc = n->settings->heartbeat_url[0] ? buf_add_text(&n->beat_url, n->settings->heartbeat_url)
                                               : sources_secret(n->engine->options.credentials_dir, n->settings->heartbeat_secret, &n->beat_url, &err);
    if (!rc && notice_url_valid(buf_text(&n->beat_url)))
        return true;
    if (!n->beat_failed)
        log_warn("notices: heartbeat: %s", rc ? err.text : "the secret is no URL that begins with https://");
    n->beat_failed = true;
    return false;
}

static void beat_due(struct loop_timer *timer) {
    struct notices *n = HEAP_ENTRY(timer, struct notices, beat_timer);
    struct err err = {0};
    if (!n->beat && beat_url(n)) {
        const struct fetch_request request = {
            .method = "GET", .url = buf_text(&n->beat_url), .timeout_ms = BEAT_TIMEOUT_MS, .max_body_bytes = 65536, .max_redirects = 0, .body_fd = -1};
        if (fetch_start(n->engine->fetcher, &request, beaten, n, &n->beat, &err) && !n->beat_failed) {
            log_warn("notices: heartbeat: it could not be sent");
            n->beat_failed = true;
        }
    }
    loop_timer_start(n->engine->loop, &n->beat_timer, clock_mono_ms() + (int64_t)n->settings->heartbeat_interval_s * 1000, beat_due);
}

/* --- start and stop ---------------------------------------------------------------------------------------------------- */

void notices_watch_start(struct notices *n) {
    const struct notify_settings *s = n->settings;
    const int64_t now_ms = clock_mono_ms();
    if ((s->queue_depth && wanted(n, NOTICE_QUEUE)) || (s->budget_percent && wanted(n, NOTICE_BUDGET)))
        loop_timer_start(n->engine->loop, &n->watch_timer, now_ms + 1000, watch_due);
    if (s->stuck_interval_s && wanted(n, NOTICE_STUCK))
        loop_timer_start(n->engine->loop, &n->stuck_timer, now_ms + (int64_t)s->stuck_interval_s * 1000, stuck_due);
    if (s->heartbeat_url[0] || s->heartbeat_secret[0])
        loop_timer_start(n->engine->loop, &n->beat_timer, now_ms, beat_due);
}

void notices_watch_stop(struct notices *n) {
    struct loop_timer *const timers[] = {&n->watch_timer, &n->stuck_timer, &n->beat_timer};
    for (size_t i = 0; i < sizeof timers / sizeof *timers; i++)
        loop_timer_cancel(n->engine->loop, timers[i]);
    if (n->beat)
        fetch_cancel(n->beat);
    n->beat = NULL;
}
