// SPDX-License-Identifier: Apache-2.0
#include "engine/engine_internal.h"

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "engine/errand.h"
#include "os/child.h"
#include "os/fsio.h"

#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <sysexits.h>

/* Jobs of modes results and cleanup, one at a time, each by a process of its own. Such a job stays in processing/ until its process has ended; a daemon that is
 * stopped or killed meanwhile takes its process along, and begins it anew at its next start. */

#define OUTPUT_BYTES ((size_t)64 * 1024)
#define START_AGAIN_MS 5000
#define CRASHES_MOST 3
#define WAITS_MOST 240 /* a minute */

struct errands {
    struct engine *engine;
    unsigned count; /* runs that are errands */
    struct child *child;
    struct run *run;  /* that it works for */
    unsigned crashes; /* of it, in a row */
    unsigned waits;   /* in a row, for the job that it is of to end */
    struct loop_timer timer;
};

static void pump(struct errands *e);

static void pump_again(struct loop_timer *timer) {
    pump(HEAP_ENTRY(timer, struct errands, timer));
}

bool errands_busy(const struct engine *engine) {
    return engine->errands->count > 0;
}

void errands_mark(struct run *run) {
    if (!run || run->errand)
        return;
    run->errand = true;
    run->engine->claiming_count--;
    run->engine->errands->count++;
}

/* The object that a worker printed; NULL: none. */
static cJSON *object_of(const struct buf *output) {
    const char *text = buf_text(output);
    const size_t length = strcspn(text, "\n");
    struct err ignored = {0};
    return json_check(text, length, &json_rules_config, &ignored) == RC_OK ? cJSON_ParseWithLength(text, length) : NULL;
}

static void conclude(struct run *run, int wait_status, cJSON *answer) {
    char text[200] = "";
    const char *reason = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(answer, "reason"));
    const char *error = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(answer, "error"));
    if (WIFEXITED(wait_status) && WEXITSTATUS(wait_status) == 0 && answer) {
        cJSON_DeleteItemFromObjectCaseSensitive(answer, "job_id");
        cJSON_DeleteItemFromObjectCaseSensitive(answer, "mode");
        run->told = answer;
        run_end_now(run, PLACE_PROCESSED, run->row.mode, "");
        return;
    }
    if (WIFSIGNALED(wait_status))
        str_format(text, sizeof text, "its process was ended by signal %d (%s)", WTERMSIG(wait_status), strsignal(WTERMSIG(wait_status)));
    else if (!error)
        str_format(text, sizeof text, "its process ended with exit code %d", WEXITSTATUS(wait_status));
    run_end_now(run, PLACE_FAILED, reason ? reason : "crashed", error ? error : text);
    cJSON_Delete(answer);
}

/* Memory ran out, or somebody killed it: what it does can be done once more. */
static bool once_more(struct errands *e, const struct run *run, int wait_status) {
    if (WIFEXITED(wait_status) && WEXITSTATUS(wait_status) == EX_TEMPFAIL && ++e->waits < WAITS_MOST) { /* the job that it is of has not ended yet */
        loop_timer_start(e->engine->loop, &e->timer, clock_mono_ms() + START_AGAIN_MS / 20, pump_again);
        return true;
    }
    if (!WIFSIGNALED(wait_status) || ++e->crashes >= CRASHES_MOST)
        return false;
    log_error("job %s: its process was ended by signal %d; it is started again", run->id, WTERMSIG(wait_status));
    loop_timer_start(e->engine->loop, &e->timer, clock_mono_ms() + START_AGAIN_MS / 10, pump_again);
    return true;
}

static void ended(void *context, int wait_status, const struct buf *output) {
    struct errands *e = context;
    struct run *run = e->run;
    e->child = NULL;
    e->run = NULL;
    if (!run->leaving && once_more(e, run, wait_status))
        return;
    e->crashes = e->waits = 0;
    if (!run->leaving) { /* what leaves is looked at again where it lies */
        engine_follow(e->engine, run->id, NULL);
        conclude(run, wait_status, object_of(output));
    }
    pump(e);
}

/* The one that was asked for first. */
static struct run *next_run(const struct engine *engine) {
    struct run *first = NULL;
    for (size_t i = 0; i < RUN_BUCKETS; i++)
        for (struct run *r = engine->runs[i]; r; r = r->next_by_id)
            if (r->phase == RUN_ERRAND && r->end == PLACE_NONE && !r->leaving && (!first || strcmp(r->id, first->id) < 0))
                first = r;
    return first;
}

static void pump(struct errands *e) {
    const struct engine_options *options = &e->engine->options;
    struct run *run = e->child || e->engine->stopping || !e->count ? NULL : next_run(e->engine);
    struct errand_args args;
    struct err err = {0};
    char program[4096];
    if (!run)
        return;
    if (errand_program(options->program, options->helpers_dir, run->criteria->errand, program, sizeof program, &err)) {
        run_end_now(run, PLACE_FAILED, "unavailable", err.text);
        return;
    }
    errand_worker_args(program, e->engine->spool, options->sources_dir, options->source_settings, run->id, &options->retention, &args);
    if (child_start(e->engine->loop, args.argv, NULL, OUTPUT_BYTES, ended, e, &e->child, &err)) {
        log_error("job %s: %s", run->id, err.text);
        loop_timer_start(e->engine->loop, &e->timer, clock_mono_ms() + START_AGAIN_MS, pump_again);
        return;
    }
    e->run = run;
}

void errands_run(struct run *run) {
    errands_mark(run);
    replay_free(run->replay);
    run->replay = NULL;
    run->phase = RUN_ERRAND;
    pump(run->engine->errands);
}

void errands_leave(struct run *run) {
    struct errands *e = run->engine->errands;
    char tmp[2 * JOBID_SIZE];
    e->count--;
    if (e->run != run)
        return;
    child_cancel(e->child);
    e->child = NULL;
    e->run = NULL;
    e->crashes = e->waits = 0;
    results_tmp(run->id, run->criteria->errand, tmp, sizeof tmp);
    fsio_unlink(run->engine->spool->results_fd, tmp, NULL);
    loop_timer_start(e->engine->loop, &e->timer, clock_mono_ms(), pump_again);
}

void errands_start(struct engine *engine) {
    engine->errands = engine_alloc(sizeof *engine->errands);
    engine->errands->engine = engine;
}

void errands_free(struct engine *engine) {
    struct errands *e = engine->errands;
    if (!e)
        return;
    if (e->child)
        child_cancel(e->child);
    loop_timer_cancel(engine->loop, &e->timer);
    free(e);
    engine->errands = NULL;
}
