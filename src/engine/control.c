// SPDX-License-Identifier: Apache-2.0
#include "engine/engine_internal.h"

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "os/fsio.h"
#include "source/steer.h"
#include "spool/pause.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What persons pause and change while the daemon runs. The files of paused/ are the truth, wherever they come from: a job of mode source, the command line, a
 * hand. They are read again when one changes, and at each rescan; what they say is remembered here, because it is asked for at every request. */

#define UNTIL_CHECK_MS 30000 /* the wall clock may jump */

struct knob { /* one file */
    struct knob *next;
    char name[256];
    const char *source; /* in name; "" the queue */
    struct stat st;     /* as it was read */
    bool foreign;       /* a name that means nothing */
    bool rate, good;    /* good: the steer holds */
    bool seen;
    struct pause pause;
    struct steer steer;
};

struct control {
    struct engine *engine;
    struct knob *knobs;
    struct loop_timer timer;
};

static bool pauses(const struct knob *knob) {
    return !knob->rate && !knob->foreign && (!knob->pause.until_us || knob->pause.until_us > clock_wall_us());
}

bool control_paused(const struct engine *engine, const char *source) {
    for (const struct knob *k = engine->control->knobs; k; k = k->next)
        if (pauses(k) && (!*k->source || strcmp(k->source, source) == 0))
            return true;
    return false;
}

const struct steer *control_rate(const struct engine *engine, const char *source) {
    for (const struct knob *k = engine->control->knobs; k; k = k->next)
        if (k->rate && k->good && strcmp(k->source, source) == 0)
            return &k->steer;
    return NULL;
}

/* --- files --------------------------------------------------------------------------------------------------------- */

/* It may send again, or at another rate. */
static void wake(struct engine *engine, const char *source, bool limits) {
    for (struct feed *f = engine->feeds; f; f = f->next) {
        if (*source && strcmp(f->source->name, source) != 0)
            continue;
        if (limits)
            limits_configure(f, false);
        feed_pump(f);
    }
    sched_kick(engine);
}

/* "source x", "the queue" */
static const char *what_of(const struct knob *knob, char out[PAUSE_NAME_SIZE]) {
    str_format(out, PAUSE_NAME_SIZE, "%s%s", *knob->source ? "source " : "the queue", knob->source);
    return out;
}

static void read_rate(struct engine *engine, struct knob *knob) {
    char shown[PAUSE_NAME_SIZE + 8], owner[65];
    struct buf text = BUF_INIT(PAUSE_FILE_BYTES);
    struct steer steer;
    struct err err = {0};
    str_format(shown, sizeof shown, "paused/%s", knob->name);
    enum rc rc = fsio_read_file(engine->spool->paused_fd, knob->name, &text, &err);
    if (!rc)
        rc = steer_parse(shown, buf_text(&text), text.length, &steer, &err);
    buf_release(&text);
    if (rc == RC_GONE)
        return; /* the next look misses it */
    if (rc) {
        log_error("source %s: %s; %s", knob->source, err.text, knob->good ? "the limits that it said before stay" : "the definition's limits hold");
        return;
    }
    pause_user(knob->st.st_uid, owner);
    knob->steer = steer;
    knob->good = true;
    log_warn("source %s: limits of %s, a file of %s, hold in place of its definition's", knob->source, shown, owner);
    wake(engine, knob->source, true);
}

static bool same_pause(const struct pause *a, const struct pause *b) {
    return a->owner == b->owner && a->since_us == b->since_us && a->until_us == b->until_us && strcmp(a->by, b->by) == 0 && strcmp(a->reason, b->reason) == 0 &&
           strcmp(a->wrong, b->wrong) == 0;
}

static void read_pause(struct engine *engine, struct knob *knob) {
    char what[PAUSE_NAME_SIZE], text[400], owner[65];
    struct pause before = knob->pause;
    struct err err = {0};
    if (pause_read(engine->spool, knob->name, &knob->pause, &err) == RC_GONE)
        return; /* the next look misses it */
    if (same_pause(&before, &knob->pause))
        return;
    pause_text(&knob->pause, text, sizeof text);
    pause_user(knob->pause.owner, owner);
    log_warn("%s is paused %s (paused/%s, a file of %s)", what_of(knob, what), text, knob->name, owner);
    if (*knob->pause.wrong)
        log_error("paused/%s: %s; it pauses all the same", knob->name, knob->pause.wrong);
    if (knob->pause.until_us)
        wake(engine, knob->source, false); /* it may be over */
}

static bool same_file(const struct stat *a, const struct stat *b) {
    return a->st_ino == b->st_ino && a->st_size == b->st_size && a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec &&
           a->st_ctim.tv_sec == b->st_ctim.tv_sec && a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

static bool file_seen(void *context, const char *name) {
    struct engine *engine = context;
    struct knob *knob = engine->control->knobs;
    const struct source *source;
    struct err err = {0};
    struct stat st;
    if (fsio_stat(engine->spool->paused_fd, name, &st, NULL))
        return true;
    while (knob && strcmp(knob->name, name) != 0)
        knob = knob->next;
    if (!knob) {
        knob = engine_alloc(sizeof *knob);
        str_copy(knob->name, sizeof knob->name, name);
        knob->foreign = !pause_known(knob->name, &knob->source);
        knob->rate = !knob->foreign && str_starts(name, PAUSE_RATE);
        if (knob->foreign)
            log_warn("paused/%s: its name is neither " PAUSE_QUEUE " nor " PAUSE_SOURCE "NAME nor " PAUSE_RATE "NAME; it changes nothing", name);
        else if (*knob->source && sources_get(engine->sources, knob->source, &source, &err) == RC_GONE)
            log_warn("paused/%s: %s", name, err.text);
        knob->next = engine->control->knobs;
        engine->control->knobs = knob;
    }
    knob->seen = true;
    if (knob->foreign || same_file(&st, &knob->st))
        return true;
    knob->st = st;
    if (knob->rate)
        read_rate(engine, knob);
    else
        read_pause(engine, knob);
    return true;
}

static void gone(struct engine *engine, const struct knob *knob) {
    char what[PAUSE_NAME_SIZE];
    if (knob->foreign)
        return;
    if (knob->rate && knob->good)
        log_warn("source %s: the limits of its definition hold again, paused/%s is gone", knob->source, knob->name);
    else if (!knob->rate)
        log_warn("%s goes on: paused/%s is gone", what_of(knob, what), knob->name);
    wake(engine, knob->source, knob->rate);
}

static void until_due(struct loop_timer *timer) {
    control_look(HEAP_ENTRY(timer, struct control, timer)->engine);
}

/* A pause whose time is over loses its file; the next one that will be is waited for. */
static void see_times(struct engine *engine) {
    struct control *control = engine->control;
    int64_t now = clock_wall_us(), next_us = INT64_MAX;
    struct err err = {0};
    for (struct knob *k = control->knobs; k; k = k->next) {
        if (k->rate || k->foreign || !k->pause.until_us)
            continue;
        if (k->pause.until_us > now)
            next_us = k->pause.until_us < next_us ? k->pause.until_us : next_us;
        else if (pause_remove(engine->spool, k->name, &err) == RC_OK) {
            log_info("paused/%s: its time is over", k->name);
            k->seen = false;
        }
    }
    if (next_us == INT64_MAX)
        return;
    int64_t wait_ms = (next_us - now + 999) / 1000;
    loop_timer_start(engine->loop, &control->timer, clock_mono_ms() + (wait_ms > UNTIL_CHECK_MS ? UNTIL_CHECK_MS : wait_ms), until_due);
}

void control_look(struct engine *engine) {
    struct control *control = engine->control;
    struct err err = {0};
    if (engine->stopping)
        return;
    for (struct knob *k = control->knobs; k; k = k->next)
        k->seen = false;
    if (pause_each(engine->spool, file_seen, engine, &err)) {
        log_warn("paused/: %s", err.text);
        return;
    }
    see_times(engine);
    for (struct knob **at = &control->knobs; *at;) {
        struct knob *k = *at;
        if (k->seen) {
            at = &k->next;
            continue;
        }
        *at = k->next;
        gone(engine, k);
        free(k);
    }
}

enum rc control_start(struct engine *engine, struct err *err) {
    (void)err;
    engine->control = engine_alloc(sizeof *engine->control);
    engine->control->engine = engine;
    control_look(engine);
    return RC_OK;
}

void control_free(struct engine *engine) {
    struct control *control = engine->control;
    if (!control)
        return;
    loop_timer_cancel(engine->loop, &control->timer);
    while (control->knobs) {
        struct knob *k = control->knobs;
        control->knobs = k->next;
        free(k);
    }
    free(control);
    engine->control = NULL;
}

/* --- jobs of mode source ------------------------------------------------------------------------------------------- */

static void copy_member(const cJSON *from, const char *name, cJSON *to) {
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(from, name);
    if (item)
        cJSON_AddItemToObject(to, name, cJSON_Duplicate(item, true));
}

static enum rc act(const struct run *run, struct err *err) {
    static const char *const members[] = {"until", "reason", "rates", "concurrency"};
    const struct spool *spool = run->engine->spool;
    const struct steer *steer = run->criteria->steer;
    char name[PAUSE_NAME_SIZE];
    pause_name(steer->action == STEER_RATE ? PAUSE_RATE : PAUSE_SOURCE, run->source->name, name);
    if (steer->action == STEER_RESUME || steer->back) {
        enum rc rc = pause_remove(spool, name, err);
        return rc == RC_GONE ? RC_OK : rc; /* it was not paused */
    }
    cJSON *m = engine_members();
    for (size_t i = 0; i < sizeof members / sizeof *members; i++)
        copy_member(run->criteria->json, members[i], m);
    cJSON_AddStringToObject(m, "by", run->row.created_by);
    cJSON_AddStringToObject(m, "job", run->id);
    enum rc rc = pause_write(spool, name, m, err);
    cJSON_Delete(m);
    return rc;
}

static cJSON *answer_of(const struct run *run) {
    static const char *const actions[] = {"none", "pause", "resume", "rate"}; /* as enum steer_action */
    const struct engine *engine = run->engine;
    const char *source = run->source->name;
    struct pause pause;
    char name[PAUSE_NAME_SIZE], time[CLOCK_RFC3339_SIZE];
    cJSON *m = engine_members();
    cJSON_AddStringToObject(m, "job_id", run->id);
    cJSON_AddStringToObject(m, "source", source);
    cJSON_AddStringToObject(m, "action", actions[run->criteria->steer->action]);
    cJSON_AddBoolToObject(m, "paused", control_paused(engine, source));
    pause_name(PAUSE_SOURCE, source, name);
    if (pause_holds(engine->spool, source, &pause, NULL)) {
        cJSON_AddStringToObject(m, "by", pause.by);
        if (pause.until_us) {
            clock_format_rfc3339(pause.until_us, 0, time);
            cJSON_AddStringToObject(m, "until", time);
        }
        cJSON_AddStringToObject(m, "reason", pause.reason);
    }
    const struct steer *steer = control_rate(engine, source);
    const struct source_rate *rates = steer && steer->rate_count ? steer->rates : run->source->rates;
    const unsigned count = steer && steer->rate_count ? steer->rate_count : run->source->rate_count;
    cJSON *list = cJSON_AddArrayToObject(m, "rates");
    for (unsigned i = 0; i < count; i++) {
        cJSON *rate = cJSON_CreateObject();
        cJSON_AddNumberToObject(rate, "limit", (double)rates[i].limit);
        cJSON_AddNumberToObject(rate, "interval_ms", (double)rates[i].interval_ms);
        cJSON_AddItemToArray(list, rate);
    }
    cJSON_AddNumberToObject(m, "max_concurrency", steer && steer->concurrency ? steer->concurrency : run->source->max_concurrency);
    return m;
}

void control_run(struct run *run) {
    struct err err = {0};
    if (act(run, &err))
        run_end(run, PLACE_FAILED, "disk", err.text);
    else {
        control_look(run->engine);
        begin_answer(run, answer_of(run));
    }
    run->phase = RUN_PAGES; /* now that it has ended: it has no pages to offer */
    run_step(run);
}

/* --- the file of a running job ------------------------------------------------------------------------------------- */

struct edit {
    struct work work;
    struct engine *engine;
    char id[JOBID_SIZE];
    enum priority priority;
    bool changed;
    enum rc rc;
    struct err err;
};

/* The priority that the file says. False: it does not check, and is looked at when the job is claimed next. */
static bool file_priority(const struct spool *spool, const char *id, enum priority *priority, uid_t *owner) {
    char name[JOBID_SIZE + 5], word[16];
    struct buf text = BUF_INIT(LIMIT_JOB_FILE_BYTES);
    struct err ignored = {0};
    struct stat st;
    struct slice value;
    int fd;
    str_format(name, sizeof name, "%s.json", id);
    if (fsio_open_read(spool->place_fd[PLACE_PROCESSING], name, &fd, &st, NULL))
        return false;
    bool good = fsio_read_all(fd, &text, NULL) == RC_OK && json_check(buf_text(&text), text.length, &json_rules_config, &ignored) == RC_OK;
    close(fd);
    *owner = st.st_uid;
    *priority = PRIORITY_NORMAL;
    if (good && json_find((struct slice){buf_text(&text), text.length}, "/priority", &value))
        good = value.length > 2 && str_format(word, sizeof word, "%.*s", (int)value.length - 2, value.data + 1) && priority_parse(word, priority);
    buf_release(&text);
    return good;
}

/* Under the journal's lock: `batchspool priority` writes file and event under it. */
static enum rc compare(struct edit *e, struct journal *journal) {
    struct job_row row = {.place = PLACE_NONE};
    uid_t owner;
    enum rc rc = journal_lock(journal, &e->err);
    if (!rc)
        rc = job_row_read(e->engine->spool, e->id, &row, NULL, NULL, &e->err);
    if (rc || row.place != PLACE_PROCESSING || !file_priority(e->engine->spool, e->id, &e->priority, &owner) || e->priority == row.priority)
        return rc;
    cJSON *m = cJSON_CreateObject();
    cJSON_AddNumberToObject(m, "uid", owner);
    cJSON_AddStringToObject(m, "priority", priority_name(e->priority));
    rc = journal_add(journal, "reprioritised", "mv", m, &e->err);
    if (!rc)
        rc = journal_commit(journal, true, &e->err);
    cJSON_Delete(m);
    e->changed = !rc;
    return rc;
}

static void edit_run(struct work **items, size_t count) {
    for (size_t i = 0; i < count; i++) {
        struct edit *e = HEAP_ENTRY(items[i], struct edit, work);
        struct journal *journal;
        e->rc = journal_open(e->engine->spool, e->id, false, &journal, &e->err);
        if (!e->rc) {
            e->rc = compare(e, journal);
            journal_close(journal);
        }
    }
}

static void edit_done(struct work *work) {
    struct edit *e = HEAP_ENTRY(work, struct edit, work);
    struct engine *engine = e->engine;
    engine_follow(engine, e->id, NULL);
    if (e->changed)
        log_info("job %s: its file says priority %s", e->id, priority_name(e->priority));
    else if (e->rc && e->rc != RC_GONE)
        log_warn("job %s: %s", e->id, e->err.text);
    engine->shifts--;
    free(e);
    engine_settle_stop(engine);
}

static const struct work_class edit_class = {.name = "edit", .run = edit_run, .done = edit_done, .max = 1};

void control_edited(struct engine *engine, const char *job_id) {
    struct edit *e = engine_alloc(sizeof *e);
    e->engine = engine;
    str_copy(e->id, sizeof e->id, job_id);
    engine->shifts++;
    worker_submit(engine->worker, &e->work, &edit_class, engine_lane(job_id));
}
