// SPDX-License-Identifier: Apache-2.0
#include "engine/engine.h"

#include "base/clock.h"
#include "base/log.h"
#include "engine/engine_internal.h"
#include "os/child.h"
#include "os/dirscan.h"
#include "os/fsio.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#define START_GATHER_MS 2000
#define TAG_READY 100
#define TAG_JOURNAL 101
#define TAG_PAUSED 102
#define TAG_SCHEDULES 103
#define TAG_NOTICES 104

void *engine_alloc(size_t size) {
    void *p = calloc(1, size);
    if (!p) {
        log_error("out of memory; what is on disk is whole, start again");
        abort();
    }
    return p;
}

cJSON *engine_members(void) {
    cJSON *members = cJSON_CreateObject();
    if (!members) {
        log_error("out of memory; what is on disk is whole, start again");
        abort();
    }
    return members;
}

char *engine_why(struct engine *engine, const char *job_id, enum place place, const char *reason, const char *error, int64_t until_us) {
    struct job_row row;
    char text[2048];
    if (index_job(engine->index, job_id, &row, NULL))
        job_row_init(&row, job_id);
    row.place = place;
    row.placed_us = clock_wall_us();
    row.until_us = until_us;
    str_copy(row.reason, sizeof row.reason, reason);
    str_format(row.error_details, sizeof row.error_details, "%.590s", error ? error : "");
    job_why_format(&row, text, sizeof text);
    return strdup(text);
}

static uint32_t hash_of(const char *text) {
    uint32_t h = 2166136261u;
    for (; *text; text++)
        h = (h ^ (unsigned char)*text) * 16777619u;
    return h;
}

/* WORKER_ANY is kept out of the result. */
uint32_t engine_lane(const char *job_id) {
    return hash_of(job_id) >> 1;
}

size_t engine_bucket(const char *job_id) {
    return hash_of(job_id) % RUN_BUCKETS;
}

struct run *engine_run(struct engine *engine, const char *job_id) {
    for (struct run *r = engine->runs[engine_bucket(job_id)]; r; r = r->next_by_id)
        if (strcmp(r->id, job_id) == 0)
            return r;
    return NULL;
}

enum rc engine_follow(struct engine *engine, const char *job_id, struct job_row *row) {
    struct err err = {0};
    struct job_row mine;
    struct run *run = engine_run(engine, job_id);
    /* While a lane may be writing lines of this job, only those that are synced. */
    uint64_t limit = run && run->attempt_count ? attempt_synced(run) : UINT64_MAX;
    if (run && !row && run->row.journal_offset >= limit)
        return RC_OK; /* followed with another line of its group */
    enum rc rc = index_follow_to(engine->index, engine->spool, job_id, limit, &mine, &err);
    if (rc && rc != RC_GONE)
        log_warn("index: job %s: %s", job_id, err.text);
    if (!rc && run)
        run->row = mine;
    if (!rc && row)
        *row = mine;
    return rc;
}

/* A journal was closed after writing: by a loader, the command line, the web program, or by us. */
static void journal_written(struct engine *engine, const char *name) {
    char id[JOBID_SIZE];
    size_t length = strlen(name);
    if (!str_ends(name, ".ndjson") || length - 7 >= sizeof id)
        return;
    memcpy(id, name, length - 7);
    id[length - 7] = '\0';
    if (!jobid_valid(id))
        return;
    struct run *run = engine_run(engine, id);
    struct job_row row;
    if (engine_follow(engine, id, &row) == RC_OK && run && run->phase == RUN_LOADING)
        run_loaded(run);
}

/* The file of a running job: by its claim, or by somebody who edits it then. */
static void running_written(struct engine *engine, const struct job_row *row) {
    char name[JOBID_SIZE + 5];
    struct stat st;
    str_format(name, sizeof name, "%s.json", row->id);
    if (fsio_stat(engine->spool->place_fd[PLACE_PROCESSING], name, &st, NULL) == RC_OK &&
        (int64_t)st.st_mtim.tv_sec * 1000000 + st.st_mtim.tv_nsec / 1000 > row->placed_us)
        control_edited(engine, row->id);
}

static void job_event(struct engine *engine, enum place place, uint32_t mask, const char *name) {
    char id[JOBID_SIZE];
    bool came = mask & (IN_MOVED_TO | IN_CLOSE_WRITE | IN_CREATE);
    if (name[0] == '.' || !str_ends(name, ".json"))
        return;
    if (!jobid_from_file(name, id)) {
        if (place == PLACE_PENDING && (mask & (IN_MOVED_TO | IN_CLOSE_WRITE)))
            intake_file(engine, name, true);
        else if (place != PLACE_PENDING && came)
            scan_soon(engine);
        return;
    }
    struct run *run = engine_run(engine, id);
    if (run && run->busy)
        return; /* a move of ours; what a hand does meanwhile shows when it is done */
    struct job_row row;
    struct err err = {0};
    enum rc rc = index_job(engine->index, id, &row, &err);
    if (rc == RC_GONE && place == PLACE_PENDING) {
        if (mask & (IN_MOVED_TO | IN_CLOSE_WRITE))
            intake_file(engine, name, true);
        return;
    }
    bool here = rc == RC_OK && row.place == place;
    if (here && !came && row.archived_us) /* retention took it */
        return;
    if (here && place == PLACE_PENDING && (mask & (IN_MOVED_TO | IN_CLOSE_WRITE)))
        intake_edited(engine, id);
    else if (here && place == PLACE_PROCESSING && run && came)
        running_written(engine, &row);
    else if ((came && !here) || (!came && here) || (place == PLACE_DEFERRED && (mask & IN_ATTRIB)))
        scan_look(engine, id, false, 0);
}

static void watched(void *context, int tag, uint32_t mask, const char *name) {
    struct engine *engine = context;
    if (engine->stopping)
        return;
    if (mask & IN_Q_OVERFLOW) {
        log_info("inotify: events were lost, looking at every directory");
        scan_all(engine);
        control_look(engine);
        loaders_kick(engine);
        schedules_scan(engine);
        notices_scan(engine);
    } else if (tag == TAG_READY)
        loaders_kick(engine);
    else if (tag == TAG_JOURNAL)
        journal_written(engine, name);
    else if (tag == TAG_PAUSED)
        control_look(engine);
    else if (tag == TAG_SCHEDULES)
        schedules_event(engine, name);
    else if (tag == TAG_NOTICES)
        notices_event(engine, name);
    else if (tag > PLACE_NONE && tag < PLACE_COUNT)
        job_event(engine, (enum place)tag, mask, name);
}

static void watch_dir(struct engine *engine, const char *below, uint32_t mask, int tag) {
    char path[4200];
    struct err err = {0};
    snprintf(path, sizeof path, "%s/%s", engine->spool->root, below);
    if (watch_add(engine->watch, path, mask, tag, &err))
        log_warn("%s; the rescan every %u s carries on alone", err.text, engine->options.rescan_interval_s);
}

static enum rc watch_all(struct engine *engine, struct err *err) {
    enum rc rc = watch_new(engine->loop, watched, engine, &engine->watch, err);
    if (rc)
        return rc;
    for (enum place p = PLACE_PENDING; p < PLACE_COUNT; p++) {
        char below[64];
        snprintf(below, sizeof below, "jobs/%s", place_name(p));
        uint32_t mask = IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_CLOSE_WRITE | IN_ONLYDIR;
        watch_dir(engine, below, p == PLACE_DEFERRED ? mask | IN_ATTRIB : mask, (int)p);
    }
    watch_dir(engine, "payloads/ready", IN_MOVED_TO | IN_CREATE | IN_ONLYDIR, TAG_READY);
    watch_dir(engine, "journal", IN_CLOSE_WRITE | IN_ONLYDIR, TAG_JOURNAL);
    watch_dir(engine, "paused", IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_CLOSE_WRITE | IN_ONLYDIR, TAG_PAUSED);
    watch_dir(engine, "schedules", IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_CLOSE_WRITE | IN_ONLYDIR, TAG_SCHEDULES);
    watch_dir(engine, "notices/pending", IN_MOVED_TO | IN_CLOSE_WRITE | IN_ONLYDIR, TAG_NOTICES);
    return RC_OK;
}

/* Payloads that a kill left without their markers. A job that goes on makes its own; but it may have been moved away, or edited. */
static void mark_captured(struct engine *engine, const struct job_row *row) {
    struct err err = {0};
    if (row->captured_batches <= row->loaded_batches + row->failed_batches)
        return;
    if (payload_mark_captured(engine->spool, row->id, row->automatic ? SHELF_READY : SHELF_PENDING, &err))
        log_warn("payloads of %s: %s", row->id, err.text);
}

static bool captured_before(void *context, const struct job_row *row) {
    mark_captured(context, row);
    return true;
}

/* Fold in what every journal has beyond what the index knows. Nothing is bought before this is done. */
static enum rc level_index(struct engine *engine, struct err *err) {
    struct dirscan *scan;
    enum rc rc = dirscan_open(engine->spool->journal_fd, ".", &scan, err);
    if (rc)
        return rc;
    rc = index_begin(engine->index, err);
    const char *name;
    unsigned char type;
    uint64_t followed = 0;
    while (!rc && (rc = dirscan_next(scan, &name, &type, err)) == RC_OK) {
        char id[JOBID_SIZE];
        size_t length = strlen(name);
        if (type != DT_REG || !str_ends(name, ".ndjson") || length - 7 >= sizeof id)
            continue;
        memcpy(id, name, length - 7);
        id[length - 7] = '\0';
        struct stat st;
        struct job_row row;
        if (!jobid_valid(id) || fstatat(engine->spool->journal_fd, name, &st, AT_SYMLINK_NOFOLLOW))
            continue;
        bool known = index_job(engine->index, id, &row, NULL) == RC_OK && row.journal_offset == (uint64_t)st.st_size;
        if (known && row.place == PLACE_PROCESSING)
            mark_captured(engine, &row);
        if (known)
            continue;
        struct err damaged = {0};
        enum rc one = index_follow(engine->index, engine->spool, id, &row, &damaged);
        if (!one)
            mark_captured(engine, &row);
        if (one == RC_CORRUPT)
            log_error("journal of %s: %s", id, damaged.text);
        else if (one && one != RC_GONE)
            rc = err_set(err, one, "index: %s", damaged.text);
        if (++followed % 1000 == 0 && !rc) {
            rc = index_commit(engine->index, err);
            if (!rc)
                rc = index_begin(engine->index, err);
        }
    }
    dirscan_close(scan);
    if (rc == RC_GONE)
        rc = index_commit(engine->index, err);
    return rc;
}

static enum rc open_index(struct engine *engine, struct err *err) {
    enum rc rc = index_open(engine->spool, INDEX_OF_DAEMON, true, &engine->index, err);
    if (!rc)
        notices_listen(engine);
    if (rc != RC_CORRUPT && rc != RC_GONE)
        return rc ? rc : level_index(engine, err);
    log_info("index: %s; building it again from the journals", err->text);
    if (payload_sums_rebuild(engine->spool, err)) /* written without sync, too */
        log_warn("SHA256SUMS: %s", err->text);
    rc = index_rebuild(engine->spool, INDEX_OF_DAEMON, &engine->index, NULL, NULL, err);
    if (!rc)
        notices_listen(engine); /* lines from before are told of by their time alone */
    return rc ? rc : index_jobs(engine->index, PLACE_NONE, "", captured_before, engine, err);
}

/* A daemon that was killed took its programs along, but not what those had started: it would be at work beside the next attempt, in the same directory. */
static void end_left(const struct spool *spool) {
    char home[sizeof spool->root + 32];
    str_format(home, sizeof home, "HOME=%s/payloads/tmp/", spool->root);
    const unsigned count = child_end_left(home);
    if (count)
        log_warn("%u processes that programs of a killed daemon had left behind were ended", count);
}

enum rc engine_start(struct loop *loop, const struct spool *spool, const struct engine_options *options, struct engine **out, struct err *err) {
    struct engine *engine = engine_alloc(sizeof *engine);
    engine->loop = loop;
    engine->spool = spool;
    engine->options = *options;
    end_left(spool);
    intake_start(engine);
    enum rc rc = sources_new(options->sources_dir, options->source_settings, &engine->sources, err);
    if (!rc)
        rc = notices_start(engine, err);
    if (!rc)
        rc = open_index(engine, err);
    if (!rc)
        rc = worker_new(loop, options->sync_threads, &engine->worker, err);
    if (!rc)
        rc = fetcher_new(loop, *options->ca_file ? options->ca_file : NULL, &engine->fetcher, err);
    if (!rc)
        rc = watch_all(engine, err);
    if (!rc)
        rc = control_start(engine, err);
    if (!rc)
        rc = scan_start(engine, err);
    if (rc) {
        engine_free(engine);
        return rc;
    }
    loaders_start(engine);
    errands_start(engine);
    schedules_start(engine);
    ready_look(engine);
    sched_deferred(engine);
    aside_back(engine);
    engine->sched_by_ms = clock_mono_ms() + START_GATHER_MS;
    sched_kick(engine);
    *out = engine;
    return RC_OK;
}

static void each_run(struct engine *engine, void (*fn)(struct run *run)) {
    for (size_t i = 0; i < RUN_BUCKETS; i++) {
        for (struct run *r = engine->runs[i]; r;) {
            struct run *next = r->next_by_id;
            fn(r);
            r = next;
        }
    }
}

void engine_settle_stop(struct engine *engine) {
    if (!engine->stopping || engine->stopped || engine->run_count || engine->shifts || engine->accepting_count || notices_busy(engine))
        return;
    engine->stopped = true;
    loop_stop(engine->loop);
}

void engine_stop(struct engine *engine) {
    if (engine->stopping)
        return;
    engine->stopping = true;
    log_info("stopping: paid answers in flight are awaited, nothing new is begun");
    notices_stop(engine);
    each_run(engine, run_leave);
    engine_settle_stop(engine);
}

void engine_abort(struct engine *engine) {
    engine->stopping = true;
    engine->stopped = true;
    loop_stop(engine->loop);
}

void engine_reload(struct engine *engine, const struct engine_options *options) {
    engine->options.rescan_interval_s = options->rescan_interval_s;
    engine->options.max_concurrent_jobs = options->max_concurrent_jobs;
    engine->options.max_active = options->max_active;
    engine->options.max_helpers = options->max_helpers;
    engine->options.priority_ageing_s = options->priority_ageing_s;
    engine->options.retention = options->retention;
    engine->options.cost_caps = options->cost_caps;
    engine->options.cost_cap_count = options->cost_cap_count;
    log_info("reading sources again");
    control_look(engine);
    scan_soon(engine); /* the next rescan is a new interval later */
    feed_reload(engine);
    ready_reload(engine);
    sched_reload(engine);
    schedules_scan(engine);
    notices_reload(engine);
    aside_back(engine);
    sched_deferred(engine);
    sched_kick(engine);
}

void engine_free(struct engine *engine) {
    if (!engine)
        return;
    engine->stopping = engine->stopped = true;
    loaders_free(engine);
    errands_free(engine);
    if (engine->watch)
        watch_free(engine->watch);
    if (engine->worker)
        worker_free(engine->worker);
    notices_free(engine);
    scan_free(engine);
    intake_free(engine);
    schedules_free(engine);
    ready_free(engine);
    if (engine->index)
        index_close(engine->index);
    /* Runs that an abort left behind, their fetches and the fetcher go with the process. */
    if (!engine->run_count) {
        feed_free(engine);
        control_free(engine);
        sched_free(engine);
        if (engine->fetcher)
            fetcher_free(engine->fetcher);
        sources_free(engine->sources);
    }
    free(engine);
}
