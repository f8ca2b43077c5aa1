// SPDX-License-Identifier: Apache-2.0
#include "engine/engine_internal.h"

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "engine/schedule_file.h"
#include "os/dirscan.h"
#include "os/fsio.h"
#include "spool/recurrence.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Recurring jobs. Of each file in schedules/ the times are kept, and the next one in a heap; the file is read again when it is due, and its job dropped on a
 * lane as anybody would drop it: jobs/tmp, pending/. Then the state beside the file is written; a kill between the two is made good by the job's id, which is
 * made of name and time (spool/recurrence.h). */

#define BUCKETS 1024u
#define PIECE 64
#define CHECK_MS 30000 /* the wall clock may jump */
#define LATE_S 60      /* of a clock that jumped: what is due longer ago was missed */
#define OUT_MOST 16u   /* jobs being dropped: each has its text in memory */
#define DAY_S INT64_C(86400)

struct entry {
    struct heap_node node; /* waiting for due_s */
    struct work work;
    struct entry *next, *next_ready;
    struct engine *engine;
    struct schedule schedule;
    struct recurrence state;
    struct stat st; /* of the file as it was checked last */
    uint64_t seen;  /* round of the scan */
    int64_t due_s;
    int64_t run_s;       /* a run that was decided on; RECURRENCE_NONE: none */
    bool good;           /* its file is right */
    bool fresh;          /* nobody watched it until now: what was due has been missed */
    bool known;          /* its state was read */
    bool unsaved;        /* its state is not on the disk */
    bool ready, busy;    /* in the list; on a lane */
    bool again, gone;    /* to be looked at when it comes back; its file is no more */
    char *told;          /* what is wrong with its file */
    char id[JOBID_SIZE]; /* on a lane: of the job to drop, or "" */
    struct buf text;
    struct recurrence saving;
    enum rc rc;
    struct err err;
    char name[];
};

struct schedules {
    struct engine *engine;
    struct entry *names[BUCKETS];
    struct heap waiting;
    struct entry *ready, *ready_last;
    unsigned out;
    struct loop_timer timer, scan_timer, retry_timer;
    struct loop_idle idle;
    struct dirscan *dir;
    uint64_t round;
    bool again;
    int64_t ticked_s;
};

static int64_t now_s(void) {
    return clock_wall_us() / 1000000;
}

static const char *shown(int64_t at_s, char out[CLOCK_RFC3339_SIZE]) {
    clock_format_rfc3339(at_s * 1000000, 0, out);
    return out;
}

static bool due_before(const struct heap_node *a, const struct heap_node *b) {
    return HEAP_ENTRY(a, const struct entry, node)->due_s < HEAP_ENTRY(b, const struct entry, node)->due_s;
}

static struct entry **slot_of(struct schedules *s, const char *name) {
    struct entry **at = &s->names[engine_lane(name) % BUCKETS];
    while (*at && strcmp((*at)->name, name) != 0)
        at = &(*at)->next;
    return at;
}

static struct entry *entry_of(struct schedules *s, const char *name) {
    struct entry **slot = slot_of(s, name);
    if (!*slot) {
        size_t size = strlen(name) + 1;
        struct entry *e = engine_alloc(sizeof *e + size);
        memcpy(e->name, name, size);
        e->engine = s->engine;
        e->run_s = RECURRENCE_NONE;
        e->fresh = true;
        buf_init(&e->text, 2 * (size_t)LIMIT_JOB_FILE_BYTES);
        *slot = e;
    }
    return *slot;
}

static void entry_free(struct entry *e) {
    buf_release(&e->text);
    free(e->told);
    free(e);
}

/* --- what comes next -------------------------------------------------------------------------------------------------- */

static void pump(struct schedules *s);
static void tick(struct loop_timer *timer);

static void set_timer(struct schedules *s) {
    const struct heap_node *top = heap_top(&s->waiting);
    if (!top || s->engine->stopping) {
        loop_timer_cancel(s->engine->loop, &s->timer);
        return;
    }
    int64_t wait_ms = HEAP_ENTRY(top, const struct entry, node)->due_s * 1000 - clock_wall_us() / 1000;
    wait_ms = wait_ms < 0 ? 0 : wait_ms > CHECK_MS ? CHECK_MS : wait_ms;
    loop_timer_start(s->engine->loop, &s->timer, clock_mono_ms() + wait_ms, tick);
}

static void enqueue(struct entry *e) {
    struct schedules *s = e->engine->schedules;
    if (e->ready || e->busy)
        return;
    e->ready = true;
    e->next_ready = NULL;
    if (s->ready)
        s->ready_last->next_ready = e;
    else
        s->ready = e;
    s->ready_last = e;
}

static void save(struct entry *e) {
    e->unsaved = true;
    enqueue(e);
}

static void leave_out(struct entry *e, const struct schedule_passed *passed) {
    char first[CLOCK_RFC3339_SIZE], last[CLOCK_RFC3339_SIZE];
    log_warn("schedule %s: %s%u time%s due from %s to %s %s missed and left out; \"missed\": \"once\" would make up for them by one run", e->name,
             passed->count == SCHEDULE_PASSED_MOST ? "at least " : "", passed->count, passed->count == 1 ? "" : "s", shown(passed->first_s, first),
             shown(passed->last_s, last), passed->count == 1 ? "was" : "were");
    e->state.after_s = passed->last_s;
    e->state.missed = passed->count;
    e->state.missed_until_s = passed->last_s;
    save(e);
}

static void run_at(struct entry *e, const struct schedule_passed *passed) {
    char due[CLOCK_RFC3339_SIZE];
    if (passed->count > 1)
        log_warn("schedule %s: the run of %s stands for %s%u that were due and missed", e->name, shown(passed->last_s, due),
                 passed->count == SCHEDULE_PASSED_MOST ? "at least " : "", passed->count);
    e->run_s = passed->last_s;
    enqueue(e);
}

/* A drop that was begun for the first time that is due, before a kill, is finished. */
static bool begun(const struct entry *e, struct schedule_passed *passed) {
    char id[JOBID_SIZE];
    recurrence_job_id(e->name, passed->first_s, id);
    if (!e->fresh || !recurrence_begun(e->engine->spool, id))
        return false;
    *passed = (struct schedule_passed){.first_s = passed->first_s, .last_s = passed->first_s, .count = 1};
    return true;
}

/* Decide on what is due now, and wait for what comes then. */
static void arrange(struct entry *e) {
    struct schedules *s = e->engine->schedules;
    struct schedule_passed passed;
    int64_t now = now_s();
    heap_remove(&s->waiting, &e->node);
    if (!e->good || !e->schedule.enabled || e->run_s != RECURRENCE_NONE)
        return;
    if (schedule_passed(&e->schedule, e->state.after_s, now, &passed)) {
        if (begun(e, &passed)) {
            run_at(e, &passed);
            return;
        }
        bool missed = e->fresh || now - passed.last_s > LATE_S;
        e->fresh = false;
        if (!missed || e->schedule.once) {
            run_at(e, &passed);
            return;
        }
        leave_out(e, &passed);
    }
    e->fresh = false;
    if (schedule_next(&e->schedule, e->state.after_s, &e->due_s) && !heap_push(&s->waiting, &e->node))
        log_error("schedule %s: out of memory", e->name);
}

/* It begins here: what would have been due before is nobody's. Of this very second a job may have been dropped already: it is the same one then. */
static void begin_anew(struct entry *e) {
    e->state.after_s = now_s() - 1;
    e->fresh = false;
    str_copy(e->state.times, sizeof e->state.times, e->schedule.times);
    save(e);
}

static void read_state(struct entry *e) {
    struct err err = {0};
    enum rc rc = recurrence_read(e->engine->spool, e->name, &e->state, &err);
    if (rc && rc != RC_GONE)
        log_warn("%s; the schedule begins anew", err.text);
    e->known = true;
}

static void stop(struct entry *e) {
    heap_remove(&e->engine->schedules->waiting, &e->node);
    e->run_s = RECURRENCE_NONE;
    e->fresh = true;
    if (e->known && e->state.after_s != RECURRENCE_NONE) {
        e->state.after_s = RECURRENCE_NONE;
        save(e);
    }
}

/* Its file is right: go by it. */
static void settle(struct entry *e) {
    if (!e->known)
        read_state(e);
    if (!e->schedule.enabled) {
        stop(e);
        return;
    }
    bool ahead = e->state.after_s > now_s() + DAY_S;
    if (ahead)
        log_warn("schedule %s: its last run lies more than a day ahead: the clock was put back, it begins anew", e->name);
    if (ahead || e->state.after_s == RECURRENCE_NONE || strcmp(e->state.times, e->schedule.times) != 0) {
        if (ahead)
            e->run_s = RECURRENCE_NONE;
        begin_anew(e);
    }
    arrange(e);
}

/* --- files ------------------------------------------------------------------------------------------------------------ */

static void broken(struct entry *e, const struct err *err) {
    char text[1024], now[CLOCK_RFC3339_SIZE];
    heap_remove(&e->engine->schedules->waiting, &e->node);
    e->good = false;
    e->fresh = true;
    e->run_s = RECURRENCE_NONE;
    if (e->told && strcmp(e->told, err->text) == 0)
        return;
    free(e->told);
    e->told = strdup(err->text);
    log_error("schedule %s: %s; it does not run", e->name, err->text);
    str_format(text, sizeof text,
               "%s\n\nSince %s nothing is dropped for this schedule; the others go on. Mend the file, which is looked at at once\n"
               "(`batchspool schedules check %s` tells whether it is right), or `mv %s.json %s.json.off`.\n",
               err->text, shown(now_s(), now), e->name, e->name, e->name);
    spool_note_write(e->engine->spool, e->engine->spool->schedules_fd, e->name, text, NULL);
}

static void take(struct entry *e, const struct schedule_file *file) {
    if (!e->good)
        spool_note_remove(e->engine->spool->schedules_fd, e->name);
    if (e->told)
        log_info("schedule %s: it is right now", e->name);
    free(e->told);
    e->told = NULL;
    e->good = true;
    e->st = file->st;
    e->schedule = file->schedule;
}

static void vanished(struct entry *e) {
    char state[NAME_MAX + 8];
    struct stat st;
    str_format(state, sizeof state, "%s.state", e->name);
    if (fsio_stat(e->engine->spool->schedules_fd, state, &st, NULL) == RC_GONE) { /* removed for good: none is written again */
        e->known = e->unsaved = false;
        e->state.after_s = RECURRENCE_NONE;
    }
    stop(e);
    spool_note_remove(e->engine->spool->schedules_fd, e->name);
    e->good = false;
    e->gone = true;
}

static void release_gone(struct entry *e) {
    if (!e->gone || e->busy || e->ready)
        return;
    *slot_of(e->engine->schedules, e->name) = e->next;
    entry_free(e);
}

static bool same_file(const struct stat *a, const struct stat *b) {
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size && a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
           a->st_mtim.tv_nsec == b->st_mtim.tv_nsec && a->st_ctim.tv_sec == b->st_ctim.tv_sec && a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

static bool unchanged(const struct entry *e) {
    char file[NAME_MAX + 6];
    struct stat st;
    return e->good && !e->gone && str_format(file, sizeof file, "%s.json", e->name) && fsio_stat(e->engine->spool->schedules_fd, file, &st, NULL) == RC_OK &&
           same_file(&st, &e->st);
}

/* Its jobs are dropped by us, who may name anybody to be told: the file's owner may not. */
static bool allowed(struct engine *engine, const struct schedule_file *file, struct err *err) {
    cJSON *job = cJSON_ParseWithLength(file->job.data, file->job.length);
    const bool good = notices_allows(engine, job, file->st.st_uid, err);
    cJSON_Delete(job);
    return good;
}

/* Read its file and go by what it says. */
static void look(struct entry *e, bool closed) {
    struct engine *engine = e->engine;
    struct schedule_file file;
    struct err err = {0};
    e->seen = engine->schedules->round;
    if (e->busy) {
        e->again = true;
        return;
    }
    if (unchanged(e))
        return;
    enum rc rc = schedule_file_read(engine->spool, engine->sources, e->name, closed, &file, &err);
    if (!rc && !allowed(engine, &file, &err))
        rc = RC_PERM;
    e->gone = false;
    if (rc == RC_GONE)
        vanished(e);
    else if (rc == RC_PERM)
        broken(e, &err);
    else if (rc == RC_OK) {
        take(e, &file);
        settle(e);
    } else if (rc != RC_AGAIN)
        log_warn("schedule %s: %s; it is looked at again", e->name, err.text);
    schedule_file_release(&file);
    release_gone(e);
}

void schedules_event(struct engine *engine, const char *file) {
    char name[NAME_MAX + 1];
    if (file[0] == '.' || !str_ends(file, ".json") || !str_format(name, sizeof name, "%.*s", (int)(strlen(file) - 5), file))
        return;
    look(entry_of(engine->schedules, name), true);
    pump(engine->schedules);
    set_timer(engine->schedules);
}

static bool scan_piece(struct loop_idle *idle);

static void scan_ended(struct schedules *s) {
    dirscan_close(s->dir);
    s->dir = NULL;
    for (size_t i = 0; i < BUCKETS; i++) {
        for (struct entry *e = s->names[i], *next; e; e = next) {
            next = e->next;
            if (e->seen != s->round)
                look(e, true);
        }
    }
}

static void scan_due(struct loop_timer *timer) {
    struct schedules *s = HEAP_ENTRY(timer, struct schedules, scan_timer);
    struct err err = {0};
    if (s->dir || s->engine->stopping)
        return;
    s->again = false;
    s->round++;
    if (dirscan_open(s->engine->spool->schedules_fd, ".", &s->dir, &err) == RC_OK) {
        loop_idle_start(s->engine->loop, &s->idle, scan_piece);
        return;
    }
    log_warn("schedules: %s", err.text);
    loop_timer_start(s->engine->loop, timer, clock_mono_ms() + DISK_RETRY_MS, scan_due);
}

static bool scan_piece(struct loop_idle *idle) {
    struct schedules *s = HEAP_ENTRY(idle, struct schedules, idle);
    const char *file;
    unsigned char type;
    char name[NAME_MAX + 1];
    if (s->engine->stopping)
        return false;
    for (int i = 0; i < PIECE; i++) {
        if (dirscan_next(s->dir, &file, &type, NULL)) {
            scan_ended(s);
            int64_t wait_ms = s->again ? 0 : (int64_t)s->engine->options.rescan_interval_s * 1000;
            loop_timer_start(s->engine->loop, &s->scan_timer, clock_mono_ms() + wait_ms, scan_due);
            pump(s);
            set_timer(s);
            return false;
        }
        if (file[0] != '.' && str_ends(file, ".json") && str_format(name, sizeof name, "%.*s", (int)(strlen(file) - 5), file))
            look(entry_of(s, name), false);
    }
    pump(s);
    set_timer(s);
    return true;
}

void schedules_scan(struct engine *engine) {
    struct schedules *s = engine->schedules;
    s->again = true;
    if (!s->dir)
        loop_timer_start(engine->loop, &s->scan_timer, clock_mono_ms(), scan_due);
}

/* --- dropping ---------------------------------------------------------------------------------------------------------- */

static void drop_run(struct work **items, size_t count) {
    for (size_t i = 0; i < count; i++) {
        struct entry *e = HEAP_ENTRY(items[i], struct entry, work);
        const struct spool *spool = e->engine->spool;
        e->rc = e->id[0] ? recurrence_drop(spool, e->id, buf_text(&e->text), e->text.length, &e->err) : RC_OK;
        if (!e->rc)
            e->rc = recurrence_write(spool, e->name, &e->saving, &e->err);
    }
}

static void retry_due(struct loop_timer *timer) {
    pump(HEAP_ENTRY(timer, struct schedules, retry_timer));
}

static void failed(struct entry *e) {
    struct schedules *s = e->engine->schedules;
    log_warn("schedule %s: %s; tried again", e->name, e->err.text);
    e->unsaved = true;
    enqueue(e);
    loop_timer_start(s->engine->loop, &s->retry_timer, clock_mono_ms() + DISK_RETRY_MS, retry_due);
}

static void dropped(struct entry *e) {
    char due[CLOCK_RFC3339_SIZE];
    if (!e->id[0])
        return;
    log_info("schedule %s: job %s dropped, due %s", e->name, e->id, shown(e->saving.due_s, due));
    e->state.due_s = e->saving.due_s;
    str_copy(e->state.job_id, sizeof e->state.job_id, e->id);
    if (e->state.after_s != RECURRENCE_NONE && e->state.after_s < e->saving.after_s)
        e->state.after_s = e->saving.after_s;
    if (e->run_s == e->saving.due_s)
        e->run_s = RECURRENCE_NONE;
}

static void drop_done(struct work *work) {
    struct entry *e = HEAP_ENTRY(work, struct entry, work);
    struct engine *engine = e->engine;
    struct schedules *s = engine->schedules;
    e->busy = false;
    s->out--;
    engine->shifts--;
    buf_release(&e->text);
    if (e->rc)
        failed(e);
    else
        dropped(e);
    if (!engine->stopping) {
        bool again = e->again;
        e->again = false;
        if (!e->rc)
            arrange(e);
        if (e->unsaved || e->run_s != RECURRENCE_NONE)
            enqueue(e);
        if (again)
            look(e, true);
        else
            release_gone(e);
        if (!loop_timer_started(&s->retry_timer))
            pump(s);
        set_timer(s);
    }
    engine_settle_stop(engine);
}

static const struct work_class drop_class = {.name = "schedule", .run = drop_run, .done = drop_done, .max = 16};

/* The job's text, from the file as it is now. False: there is nothing to drop after all. */
static bool make_job(struct entry *e) {
    struct engine *engine = e->engine;
    struct schedule_file file;
    struct slice said;
    struct err err = {0};
    bool made = false;
    enum rc rc = schedule_file_read(engine->spool, engine->sources, e->name, true, &file, &err);
    if (rc == RC_GONE)
        vanished(e);
    else if (rc == RC_PERM)
        broken(e, &err);
    else if (rc == RC_OK) {
        take(e, &file);
        settle(e);
    }
    if (rc == RC_OK && e->run_s != RECURRENCE_NONE) {
        const char *owner = intake_believes(engine, file.st.st_uid) && json_find(file.job, "/created_by", &said) ? NULL : intake_owner(engine, file.st.st_uid);
        rc = schedule_job(file.job, owner, &e->text);
        made = rc == RC_OK;
    }
    if (rc && rc != RC_GONE && rc != RC_PERM) {
        e->err = err;
        failed(e);
    }
    schedule_file_release(&file);
    return made;
}

static void begin(struct entry *e) {
    struct engine *engine = e->engine;
    bool runs = e->run_s != RECURRENCE_NONE, made = runs && make_job(e);
    if (runs && !made && e->unsaved)
        enqueue(e);
    if (runs ? !made : !e->unsaved) {
        release_gone(e);
        return;
    }
    e->id[0] = '\0';
    if (made)
        recurrence_job_id(e->name, e->run_s, e->id);
    e->saving = e->state;
    if (e->id[0]) {
        e->saving.due_s = e->run_s;
        e->saving.after_s = e->run_s > e->state.after_s ? e->run_s : e->state.after_s;
        str_copy(e->saving.job_id, sizeof e->saving.job_id, e->id);
    }
    e->unsaved = false;
    e->busy = true;
    engine->shifts++;
    engine->schedules->out++;
    worker_submit(engine->worker, &e->work, &drop_class, engine_lane(e->name));
}

static void pump(struct schedules *s) {
    while (s->ready && s->out < OUT_MOST && !s->engine->stopping && !loop_timer_started(&s->retry_timer)) {
        struct entry *e = s->ready;
        s->ready = e->next_ready;
        e->ready = false;
        if (!e->busy) /* else it comes back when it is done */
            begin(e);
    }
}

/* A clock that was put back far: what was waited for by the old one is nothing to wait for. */
static void clock_put_back(struct schedules *s) {
    log_warn("schedules: the clock was put back by more than a day");
    for (size_t i = 0; i < BUCKETS; i++)
        for (struct entry *e = s->names[i]; e; e = e->next)
            if (e->good && !e->busy)
                settle(e);
}

static void tick(struct loop_timer *timer) {
    struct schedules *s = HEAP_ENTRY(timer, struct schedules, timer);
    struct heap_node *top;
    int64_t now = now_s();
    if (now + DAY_S < s->ticked_s)
        clock_put_back(s);
    s->ticked_s = now;
    while ((top = heap_top(&s->waiting)) && HEAP_ENTRY(top, struct entry, node)->due_s <= now)
        arrange(HEAP_ENTRY(top, struct entry, node));
    pump(s);
    set_timer(s);
}

void schedules_start(struct engine *engine) {
    struct schedules *s = engine->schedules = engine_alloc(sizeof *s);
    s->engine = engine;
    heap_init(&s->waiting, due_before);
    schedules_scan(engine);
}

void schedules_free(struct engine *engine) {
    struct schedules *s = engine->schedules;
    if (!s)
        return;
    loop_timer_cancel(engine->loop, &s->timer);
    loop_timer_cancel(engine->loop, &s->scan_timer);
    loop_timer_cancel(engine->loop, &s->retry_timer);
    loop_idle_cancel(engine->loop, &s->idle);
    if (s->dir)
        dirscan_close(s->dir);
    for (size_t i = 0; i < BUCKETS; i++) {
        while (s->names[i]) {
            struct entry *e = s->names[i];
            s->names[i] = e->next;
            entry_free(e);
        }
    }
    heap_release(&s->waiting);
    free(s);
    engine->schedules = NULL;
}
