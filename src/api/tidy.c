// SPDX-License-Identifier: Apache-2.0
#include "api/tidy.h"

#include "api/admit.h"
#include "api/idempotency.h"
#include "api/sessions.h"
#include "base/clock.h"
#include "base/heap.h"
#include "base/log.h"

#include <stdlib.h>

struct tidy {
    struct api *api;
    struct loop_timer timer;
    struct work work;
    bool working, stopped;
};

static void run(struct work **items, size_t count) {
    for (size_t i = 0; i < count; i++) {
        const struct tidy *t = HEAP_ENTRY(items[i], struct tidy, work);
        struct err err = {0};
        if (sessions_prune(t->api->spool, clock_wall_us() / 1000000, &err))
            log_warn("%s", err.text);
        idempotency_prune(t->api->spool);
    }
}

static void due(struct loop_timer *timer);

static void done(struct work *item) {
    struct tidy *t = HEAP_ENTRY(item, struct tidy, work);
    t->working = false;
    if (t->stopped)
        free(t);
    else
        loop_timer_start(t->api->loop, &t->timer, clock_mono_ms() + TIDY_EVERY_MS, due);
}

static void begin(struct tidy *t) {
    static const struct work_class class = {.name = "tidy", .run = run, .done = done, .max = 1};
    t->working = true;
    worker_submit(t->api->worker, &t->work, &class, ADMIT_LANE_LOOKS);
}

static void due(struct loop_timer *timer) {
    begin(HEAP_ENTRY(timer, struct tidy, timer));
}

struct tidy *tidy_new(struct api *api) {
    struct tidy *t = calloc(1, sizeof *t);
    if (!t)
        return NULL;
    t->api = api;
    begin(t);
    return t;
}

void tidy_stop(struct tidy *t) {
    if (!t)
        return;
    loop_timer_cancel(t->api->loop, &t->timer);
    t->stopped = true;
    if (!t->working)
        free(t);
}
