// SPDX-License-Identifier: Apache-2.0
#include "engine/engine_internal.h"

#include "base/clock.h"
#include "base/log.h"

#include <string.h>

/* Jobs in deferred/ because a budget of their source is spent: those that wait in pending/ go there too, and all come back when the budget is another one. */

#define TOGETHER 32u /* moves under way */

struct aside {
    struct engine *engine;
    unsigned count;
};

/* --- there ------------------------------------------------------------------------------------------------------------ */

static void set_aside_done(struct engine *engine, struct shift *shift) {
    run_unclaimed(engine, shift->id, shift->rc != RC_OK);
    sched_deferred(engine);
    sched_kick(engine); /* the next ones */
}

static void set_aside(struct feed *feed, const char *id, int64_t until_us) {
    char until[CLOCK_RFC3339_SIZE], text[300];
    cJSON *m = engine_members();
    clock_format_rfc3339(until_us, 0, until);
    limits_why(feed, "api_budget", text, sizeof text);
    cJSON_AddStringToObject(m, "reason", "api_budget");
    cJSON_AddStringToObject(m, "error", text);
    cJSON_AddStringToObject(m, "until", until);
    run_claiming(feed->engine, id);
    shift_start(feed->engine, NULL, id, PLACE_PENDING, PLACE_DEFERRED, "deferred", m,
                engine_why(feed->engine, id, PLACE_DEFERRED, "api_budget", text, until_us), until_us, set_aside_done);
}

void aside_pending(struct feed *feed) {
    struct engine *engine = feed->engine;
    char after[JOBID_SIZE] = "", id[JOBID_SIZE];
    enum priority priority = PRIORITY_URGENT;
    int64_t now = clock_wall_us(), until_us = governor_spent_until_us(feed->governor, now);
    if (until_us - now <= SHORT_WAIT_US)
        return;
    while (!engine->stopping && engine->claiming_count < TOGETHER &&
           index_next_pending(engine->index, feed->source->name, priority, after, id, &priority, NULL) == RC_OK) {
        if (!engine_run(engine, id))
            set_aside(feed, id, until_us);
        str_copy(after, sizeof after, id);
    }
}

/* --- and back ----------------------------------------------------------------------------------------------------------- */

static void go_on(struct engine *engine);

static void back_done(struct engine *engine, struct shift *shift) {
    (void)shift;
    engine->coming_back--;
    sched_deferred(engine);
    sched_kick(engine);
    if (!engine->coming_back)
        go_on(engine);
}

static bool may_come_back(struct engine *engine, const struct job_row *row) {
    const struct source *source;
    bool calls = strcmp(row->reason, "api_budget") == 0, money = strcmp(row->reason, "daily_cost_cap") == 0;
    if ((!calls && !money) || sources_get(engine->sources, row->source, &source, NULL))
        return false;
    struct feed *feed = feed_get(engine, source);
    return money ? limits_may_spend(feed) : feed_wait_us(feed) <= SHORT_WAIT_US;
}

static bool look(void *context, const struct job_row *row) {
    struct aside *aside = context;
    struct engine *engine = aside->engine;
    if (!may_come_back(engine, row))
        return true;
    cJSON *m = engine_members();
    cJSON_AddStringToObject(m, "from", "deferred");
    cJSON_AddStringToObject(m, "to", "pending");
    cJSON_AddStringToObject(m, "reason", "budget");
    str_copy(engine->back_after, sizeof engine->back_after, row->id);
    engine->coming_back++;
    shift_start(engine, NULL, row->id, PLACE_DEFERRED, PLACE_PENDING, "requeued", m, NULL, 0, back_done);
    return ++aside->count < TOGETHER;
}

static void go_on(struct engine *engine) {
    struct aside aside = {.engine = engine};
    struct err err = {0};
    if (!engine->stopping && index_jobs(engine->index, PLACE_DEFERRED, engine->back_after, look, &aside, &err))
        log_warn("index: %s", err.text);
}

void aside_back(struct engine *engine) {
    engine->back_after[0] = '\0';
    if (!engine->coming_back)
        go_on(engine);
}
