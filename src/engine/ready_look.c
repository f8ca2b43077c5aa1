// SPDX-License-Identifier: Apache-2.0
#include "engine/engine_internal.h"

#include "base/clock.h"
#include "base/log.h"
#include "engine/ready.h"

#include <stdlib.h>
#include <string.h>

/* What sources of steps miss on this machine, looked at from time to time on a lane: it is told when a job is accepted, and to the web program. */

#define LOOK_MS 300000
#define MOST_SOURCES 1000u

struct ready_look {
    struct work work;
    struct engine *engine;
    struct loop_timer timer;
    const struct source **sources; /* of this look */
    size_t count;
    cJSON *found;     /* by the lane */
    cJSON *all;       /* of the last look */
    cJSON *refused;   /* {"<source>": {"<step>/<way>": "..."}}: optional ways that refused their credentials when they were asked last */
    cJSON *telling;   /* the same, as it was when this look began */
    bool busy, again; /* again: asked for meanwhile */
};

static void key_of(const char *step, unsigned way, char out[96]) {
    str_format(out, 96, "%.64s/%u", step[0] ? step : "1", way);
}

static void add_refused(const cJSON *optional, const cJSON *refused) {
    cJSON *way;
    cJSON_ArrayForEach(way, optional) {
        const cJSON *alternative = cJSON_GetObjectItemCaseSensitive(way, "alternative"), *text;
        char key[96];
        key_of(cJSON_GetObjectItemCaseSensitive(way, "step")->valuestring, alternative ? (unsigned)alternative->valueint : 0, key);
        text = cJSON_GetObjectItemCaseSensitive(refused, key);
        if (text && cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(way, "configured")))
            cJSON_AddStringToObject(way, "refused", text->valuestring);
    }
}

static void look_run(struct work **items, size_t count) {
    for (size_t i = 0; i < count; i++) {
        struct ready_look *look = HEAP_ENTRY(items[i], struct ready_look, work);
        const struct engine_options *options = &look->engine->options;
        look->found = cJSON_CreateObject();
        for (size_t s = 0; s < look->count && look->found; s++) {
            bool able = true;
            cJSON *missing = ready_missing(look->sources[s], options->credentials_dir, options->helpers_dir, &able);
            cJSON *optional = ready_optional(look->sources[s]);
            add_refused(optional, cJSON_GetObjectItemCaseSensitive(look->telling, look->sources[s]->name));
            const bool any = cJSON_GetArraySize(missing) || cJSON_GetArraySize(optional);
            cJSON *one = any ? cJSON_AddObjectToObject(look->found, look->sources[s]->name) : NULL;
            if (one) {
                cJSON_AddBoolToObject(one, "able", able);
                cJSON_AddItemToObject(one, "missing", missing);
                cJSON_AddItemToObject(one, "optional", optional);
            } else {
                cJSON_Delete(missing);
                cJSON_Delete(optional);
            }
        }
        struct err err = {0};
        if (look->found && ready_write(look->engine->spool, look->found, &err))
            log_warn("what sources need is not told to others: %s", err.text);
    }
}

static void tell(const cJSON *all) {
    const cJSON *source, *text;
    cJSON_ArrayForEach(source, all) {
        cJSON_ArrayForEach(text, ready_of(all, source->string)) {
            log_info("source %s: %s", source->string, text->valuestring);
        }
    }
}

static void look_again(struct loop_timer *timer) {
    ready_look(HEAP_ENTRY(timer, struct ready_look, timer)->engine);
}

static void look_done(struct work *work) {
    struct ready_look *look = HEAP_ENTRY(work, struct ready_look, work);
    if (!cJSON_Compare(look->all, look->found, true))
        tell(look->found);
    cJSON_Delete(look->all);
    look->all = look->found;
    look->found = NULL;
    look->busy = false;
    if (look->again)
        ready_look(look->engine);
    else if (!look->engine->stopping)
        loop_timer_start(look->engine->loop, &look->timer, clock_mono_ms() + LOOK_MS, look_again);
}

static bool add_source(void *context, const char *name) {
    struct ready_look *look = context;
    const struct source *source;
    if (sources_get(look->engine->sources, name, &source, NULL) == RC_OK && (source->list_count || source->step_count > 1))
        look->sources[look->count++] = source;
    return look->count < MOST_SOURCES;
}

void ready_look(struct engine *engine) {
    static const struct work_class class = {.name = "ready", .run = look_run, .done = look_done, .max = 1};
    struct ready_look *look = engine->ready;
    if (!look) {
        look = engine->ready = engine_alloc(sizeof *look);
        look->engine = engine;
        look->refused = engine_members();
        look->sources = engine_alloc(MOST_SOURCES * sizeof(const struct source *));
    }
    look->again = look->busy;
    if (look->busy || engine->stopping)
        return;
    look->count = 0;
    sources_list(engine->sources, add_source, look, NULL);
    look->busy = true;
    cJSON_Delete(look->telling);
    look->telling = cJSON_Duplicate(look->refused, true);
    worker_submit(engine->worker, &look->work, &class, WORKER_ANY);
}

void ready_reload(struct engine *engine) {
    if (engine->ready) {
        cJSON_Delete(engine->ready->refused);
        engine->ready->refused = engine_members();
    }
    ready_look(engine);
}

void ready_answered(struct engine *engine, const struct source *source, unsigned step, unsigned way, int status, bool refused) {
    char key[96], text[READY_REFUSED_SIZE];
    cJSON *all = engine->ready ? engine->ready->refused : NULL, *ways = cJSON_GetObjectItemCaseSensitive(all, source->name);
    key_of(source->steps[step].name, way, key);
    if (!all || refused == (cJSON_GetObjectItemCaseSensitive(ways, key) != NULL))
        return; /* that is known */
    if (refused)
        cJSON_AddStringToObject(ways ? ways : cJSON_AddObjectToObject(all, source->name), key,
                                ready_refused_text(source, &source->steps[step], way, status, clock_wall_us(), text));
    else
        cJSON_DeleteItemFromObjectCaseSensitive(ways, key);
    if (refused)
        log_warn("source %s: %s", source->name, text);
    ready_look(engine);
}

const cJSON *ready_known(const struct engine *engine, const char *source) {
    return engine->ready ? ready_of(engine->ready->all, source) : NULL;
}

void ready_free(struct engine *engine) {
    struct ready_look *look = engine->ready;
    if (!look)
        return;
    loop_timer_cancel(engine->loop, &look->timer);
    cJSON_Delete(look->all);
    cJSON_Delete(look->refused);
    cJSON_Delete(look->telling);
    free(look->sources);
    free(look);
    engine->ready = NULL;
}
