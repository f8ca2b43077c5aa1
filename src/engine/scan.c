// SPDX-License-Identifier: Apache-2.0
#include "engine/engine_internal.h"

#include "base/clock.h"
#include "base/log.h"
#include "os/dirscan.h"
#include "os/fsio.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* inotify is a hint: every directory is read again at start, after an overflow and on a slow timer, a piece a turn. A directory that nobody changed since it
 * was read last is not read. */

#define SCAN_PIECE 256
#define AHEAD_PIECE 100
#define SECOND_LOOK_MS 300

struct scan {
    struct engine *engine;
    struct loop_idle idle;
    enum place place; /* being read; PLACE_NONE: between rounds */
    struct dirscan *dir;
    uint64_t seen; /* jobs that the index knows here */
    struct timespec read_at[PLACE_COUNT], changed[PLACE_COUNT];
    bool due, all;
    bool pending_again; /* something was left in pending/, which does not change by that */
    bool sweeping;      /* looking for rows whose file is not here */
    char after[JOBID_SIZE];
    bool ahead_due;
    struct dirscan *ahead;
    struct loop_timer ahead_timer;
};

/* --- looking at one job ------------------------------------------------------------------------------------------ */

struct look {
    struct work work;
    struct engine *engine;
    char id[JOBID_SIZE];
    bool second;
    enum rc rc;
    struct err err;
    struct recover_result result;
};

static void look_run(struct work **items, size_t count) {
    for (size_t i = 0; i < count; i++) {
        struct look *l = HEAP_ENTRY(items[i], struct look, work);
        l->rc = recover_job(l->engine->spool, l->id, l->second, &l->result, &l->err);
    }
}

static void look_found(struct engine *engine, const struct look *look) {
    const struct recover_result *r = &look->result;
    struct run *run = engine_run(engine, look->id);
    if (r->what != RECOVERED_NOTHING && r->what != RECOVERED_LOOK_AGAIN && r->what != RECOVERED_NEVER_ACCEPTED)
        log_info("job %s: found in %s/ after a look (%s)", look->id, place_name(r->where),
                 r->what == RECOVERED_BY_MV        ? "moved by hand"
                 : r->what == RECOVERED_PUT_BACK   ? "put back"
                 : r->what == RECOVERED_MADE_AGAIN ? "file had vanished, made again"
                                                   : "a second file was set aside");
    /* While its claim is on the lane this look is older than the claim. */
    if (run && run->phase != RUN_CLAIMING && r->where != PLACE_PROCESSING && r->what != RECOVERED_LOOK_AGAIN)
        run_leave(run);
    if (r->where == PLACE_PENDING && r->what == RECOVERED_NEVER_ACCEPTED) {
        char name[JOBID_SIZE + 5];
        str_format(name, sizeof name, "%s.json", look->id);
        intake_file(engine, name, false);
    } else if (r->where == PLACE_PENDING && !run)
        intake_edited(engine, look->id);
    if (r->where == PLACE_PROCESSING && !run && r->row.accepted && r->row.place == PLACE_PROCESSING)
        run_claimed(engine, look->id);
    if (r->where == PLACE_DEFERRED)
        sched_deferred(engine);
    sched_kick(engine);
}

static void look_done(struct work *work) {
    struct look *l = HEAP_ENTRY(work, struct look, work);
    struct engine *engine = l->engine;
    engine_follow(engine, l->id, NULL);
    if (l->rc == RC_OK && l->result.what == RECOVERED_LOOK_AGAIN)
        scan_look(engine, l->id, true, SECOND_LOOK_MS);
    else if (l->rc == RC_OK || l->rc == RC_CORRUPT)
        look_found(engine, l);
    if (l->rc == RC_CORRUPT)
        log_error("job %s: %s", l->id, l->err.text);
    else if (l->rc == RC_TEMP || l->rc == RC_NOSPACE) {
        log_warn("job %s: %s; looking again", l->id, l->err.text);
        scan_look(engine, l->id, l->second, DISK_RETRY_MS);
    } else if (l->rc && l->rc != RC_GONE)
        log_warn("job %s: %s", l->id, l->err.text);
    engine->shifts--;
    free(l);
    engine_settle_stop(engine);
}

static const struct work_class look_class = {.name = "look", .run = look_run, .done = look_done, .max = 1};

static void look_start(struct engine *engine, const char *job_id, bool second) {
    struct look *l = engine_alloc(sizeof *l);
    l->engine = engine;
    l->second = second;
    str_copy(l->id, sizeof l->id, job_id);
    engine->shifts++;
    worker_submit(engine->worker, &l->work, &look_class, engine_lane(job_id));
}

static bool again_before(const struct heap_node *a, const struct heap_node *b) {
    return HEAP_ENTRY(a, const struct again, node)->at_mono_ms < HEAP_ENTRY(b, const struct again, node)->at_mono_ms;
}

static void agains_due(struct loop_timer *timer) {
    struct engine *engine = HEAP_ENTRY(timer, struct engine, again_timer);
    struct heap_node *top;
    while ((top = heap_top(&engine->agains))) {
        struct again *a = HEAP_ENTRY(top, struct again, node);
        if (a->at_mono_ms > clock_mono_ms()) {
            loop_timer_start(engine->loop, timer, a->at_mono_ms, agains_due);
            return;
        }
        heap_pop(&engine->agains);
        if (!engine->stopping)
            look_start(engine, a->id, a->second);
        free(a);
    }
}

void scan_look(struct engine *engine, const char *job_id, bool second, int64_t delay_ms) {
    if (engine->stopping)
        return;
    if (delay_ms == 0) {
        look_start(engine, job_id, second);
        return;
    }
    struct again *a = engine_alloc(sizeof *a);
    str_copy(a->id, sizeof a->id, job_id);
    a->second = second;
    a->at_mono_ms = clock_mono_ms() + delay_ms;
    if (!heap_push(&engine->agains, &a->node)) {
        free(a); /* the rescan will come to it */
        return;
    }
    struct again *first = HEAP_ENTRY(heap_top(&engine->agains), struct again, node);
    loop_timer_start(engine->loop, &engine->again_timer, first->at_mono_ms, agains_due);
}

/* --- reading directories ----------------------------------------------------------------------------------------- */

/* A file without a job's name where only the daemon puts files: it was never accepted, so it goes to failed/ under its own name and says so. */
static void set_aside(struct engine *engine, enum place place, const char *name) {
    struct err err = {0};
    char to[NAME_MAX + 1], id[JOBID_SIZE], slug[JOBID_SLUG_SIZE];
    jobid_slug(name, slug);
    enum rc rc = jobid_new(clock_wall_us(), slug, id, &err);
    if (!rc)
        str_format(to, sizeof to, "%s.json", id);
    if (!rc)
        rc = fsio_rename_new(engine->spool->place_fd[place], name, engine->spool->place_fd[PLACE_FAILED], to, &err);
    if (!rc) {
        cJSON *members = engine_members();
        cJSON_AddStringToObject(members, "name", name);
        cJSON_AddStringToObject(members, "reason", "never_accepted");
        cJSON_AddStringToObject(members, "error", "a new criteria file belongs into jobs/pending/");
        rc = journal_put(engine->spool, id, "rejected", "daemon", members, &err);
        cJSON_Delete(members);
        char *why = engine_why(engine, id, PLACE_FAILED, "never_accepted", "it was put where only the daemon puts files", 0);
        spool_why_write(engine->spool, PLACE_FAILED, id, why, NULL);
        free(why);
        engine_follow(engine, id, NULL);
    }
    if (rc)
        log_warn("jobs/%s/%s: %s", place_name(place), name, err.text);
}

/* A job waits here for a person, and no note says why. */
static bool note_missing(const struct scan *scan, const char *id) {
    char name[JOBID_SIZE + 5];
    if (scan->place != PLACE_HOLD && scan->place != PLACE_FAILED && scan->place != PLACE_DEFERRED)
        return false;
    str_format(name, sizeof name, "%s.why", id);
    return faccessat(scan->engine->spool->place_fd[scan->place], name, F_OK, AT_SYMLINK_NOFOLLOW) && errno == ENOENT;
}

static void job_seen(struct scan *scan, const char *id) {
    struct engine *engine = scan->engine;
    struct job_row row;
    enum rc rc = index_job(engine->index, id, &row, NULL);
    if (rc == RC_GONE && scan->place == PLACE_PENDING) {
        char name[JOBID_SIZE + 5];
        str_format(name, sizeof name, "%s.json", id);
        intake_file(engine, name, false);
        return;
    }
    if (rc || row.place != scan->place) {
        if (rc != RC_GONE || (scan->place != PLACE_HOLD && scan->place != PLACE_CANCELLED))
            scan_look(engine, id, false, 0);
        return;
    }
    scan->seen += strcmp(row.mode, "run") == 0 && !row.archived_us; /* as index_count does */
    struct stat st;
    char name[JOBID_SIZE + 5];
    str_format(name, sizeof name, "%s.json", id);
    if (scan->place == PLACE_DEFERRED && fstatat(engine->spool->place_fd[PLACE_DEFERRED], name, &st, AT_SYMLINK_NOFOLLOW) == 0) {
        if (clock_file_us(st.st_mtim) / 1000000 != row.until_mtime_us / 1000000)
            scan_look(engine, id, false, 0);
    }
    if (scan->all && note_missing(scan, id))
        scan_look(engine, id, false, 0);
    if (scan->place == PLACE_PROCESSING && !engine_run(engine, id))
        run_claimed(engine, id);
    else if (scan->place == PLACE_PENDING && scan->all && fstatat(engine->spool->place_fd[PLACE_PENDING], name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
             (int64_t)st.st_ctim.tv_sec * 1000000 > row.updated_us)
        intake_edited(engine, id);
}

static void entry_seen(struct scan *scan, const char *name, unsigned char type) {
    char id[JOBID_SIZE];
    if (name[0] == '.' || str_ends(name, ".why"))
        return;
    if (type != DT_REG || !str_ends(name, ".json")) {
        intake_strange(scan->engine, scan->place, name, "no job file (a name ending in .json, no link, one name only)");
        return;
    }
    if (jobid_from_file(name, id))
        job_seen(scan, id);
    else if (scan->place == PLACE_PENDING)
        intake_file(scan->engine, name, false);
    else if (scan->place == PLACE_PROCESSING || scan->place == PLACE_PROCESSED || scan->place == PLACE_DEFERRED)
        set_aside(scan->engine, scan->place, name);
}

static bool row_here(void *context, const struct job_row *row) {
    struct scan *scan = context;
    char name[JOBID_SIZE + 5];
    str_copy(scan->after, sizeof scan->after, row->id);
    str_format(name, sizeof name, "%s.json", row->id);
    if (faccessat(scan->engine->spool->place_fd[scan->place], name, F_OK, AT_SYMLINK_NOFOLLOW) && errno == ENOENT && !engine_run(scan->engine, row->id))
        scan_look(scan->engine, row->id, false, 0);
    return ++scan->seen % SCAN_PIECE != 0;
}

/* Rows of this place whose file is gone. */
static bool sweep(struct scan *scan) {
    char before[JOBID_SIZE];
    memcpy(before, scan->after, sizeof before);
    scan->seen = 0;
    index_jobs(scan->engine->index, scan->place, scan->after, row_here, scan, NULL);
    return strcmp(before, scan->after) != 0 && scan->seen % SCAN_PIECE == 0 && scan->seen;
}

static bool unchanged(struct scan *scan, enum place place) {
    struct stat st;
    bool again = place == PLACE_PENDING && scan->pending_again;
    if (again)
        scan->pending_again = false;
    if (again || scan->all || fstat(scan->engine->spool->place_fd[place], &st))
        return false;
    bool same = st.st_mtim.tv_sec == scan->changed[place].tv_sec && st.st_mtim.tv_nsec == scan->changed[place].tv_nsec;
    bool settled = scan->read_at[place].tv_sec > st.st_mtim.tv_sec + 2;
    scan->changed[place] = st.st_mtim;
    return same && settled;
}

static bool next_place(struct scan *scan) {
    while (++scan->place < PLACE_COUNT) {
        if (unchanged(scan, scan->place))
            continue;
        struct err err = {0};
        clock_gettime(CLOCK_REALTIME, &scan->read_at[scan->place]);
        if (dirscan_open(scan->engine->spool->place_fd[scan->place], ".", &scan->dir, &err) == RC_OK) {
            scan->seen = 0;
            return true;
        }
        log_warn("jobs/%s: %s", place_name(scan->place), err.text);
    }
    scan->place = PLACE_NONE;
    scan->all = false;
    return false;
}

static void scan_due(struct loop_timer *timer);

static bool round_ended(struct scan *scan) {
    struct engine *engine = scan->engine;
    if (scan->due) {
        scan->due = false;
        scan->place = PLACE_NONE;
        return next_place(scan);
    }
    control_look(engine);
    loop_timer_start(engine->loop, &engine->scan_timer, clock_mono_ms() + (int64_t)engine->options.rescan_interval_s * 1000, scan_due);
    return false;
}

/* Reading pending/ waits while acceptance is full. An urgent file in there whose event was lost must not wait for the whole flood: acceptance is shown every
 * file once, and takes those that go before what it has. */
static void ahead_piece(struct loop_timer *timer) {
    struct scan *scan = HEAP_ENTRY(timer, struct scan, ahead_timer);
    struct engine *engine = scan->engine;
    const char *name;
    unsigned char type;
    char id[JOBID_SIZE];
    struct job_row row;
    for (int i = 0; i < AHEAD_PIECE; i++) {
        if (engine->stopping || dirscan_next(scan->ahead, &name, &type, NULL)) {
            dirscan_close(scan->ahead);
            scan->ahead = NULL;
            return;
        }
        bool dropped = type == DT_REG && name[0] != '.' && str_ends(name, ".json");
        if (dropped && (!jobid_from_file(name, id) || index_job(engine->index, id, &row, NULL) == RC_GONE))
            intake_file(engine, name, false);
    }
    loop_timer_start(engine->loop, timer, clock_mono_ms() + 1, ahead_piece);
}

static void ahead_start(struct scan *scan) {
    struct engine *engine = scan->engine;
    scan->ahead_due = false;
    if (scan->ahead)
        dirscan_close(scan->ahead);
    scan->ahead = NULL;
    loop_timer_cancel(engine->loop, &scan->ahead_timer);
    if (dirscan_open(engine->spool->place_fd[PLACE_PENDING], ".", &scan->ahead, NULL) == RC_OK)
        loop_timer_start(engine->loop, &scan->ahead_timer, clock_mono_ms(), ahead_piece);
}

static bool scan_piece(struct loop_idle *idle) {
    struct scan *scan = HEAP_ENTRY(idle, struct scan, idle);
    if (scan->engine->stopping)
        return false;
    if (scan->sweeping) {
        scan->sweeping = sweep(scan);
        return scan->sweeping || next_place(scan) || round_ended(scan);
    }
    const char *name;
    unsigned char type;
    struct err err = {0};
    for (int i = 0; i < SCAN_PIECE; i++) {
        if (scan->place == PLACE_PENDING && intake_full(scan->engine)) {
            if (scan->ahead_due)
                ahead_start(scan);
            loop_timer_start(scan->engine->loop, &scan->engine->scan_timer, clock_mono_ms() + 5, scan_due);
            return false; /* goes on where it is when acceptance has caught up */
        }
        enum rc rc = dirscan_next(scan->dir, &name, &type, &err);
        if (rc == RC_OK) {
            entry_seen(scan, name, type);
            continue;
        }
        dirscan_close(scan->dir);
        scan->dir = NULL;
        scan->engine->scanned = true;
        scan->sweeping = scan->seen != index_count(scan->engine->index, scan->place);
        scan->after[0] = '\0';
        return scan->sweeping || next_place(scan) || round_ended(scan);
    }
    return true;
}

static void scan_due(struct loop_timer *timer) {
    struct engine *engine = HEAP_ENTRY(timer, struct engine, scan_timer);
    struct scan *scan = engine->scan;
    if (scan->dir || scan->sweeping || next_place(scan))
        loop_idle_start(engine->loop, &scan->idle, scan_piece);
    else
        round_ended(scan);
    loaders_kick(engine);
}

void scan_all(struct engine *engine) {
    engine->scan->all = true;
    engine->scan->ahead_due = true;
    engine->scan->due = engine->scan->dir || engine->scan->sweeping;
    loop_timer_start(engine->loop, &engine->scan_timer, clock_mono_ms(), scan_due);
}

void scan_soon(struct engine *engine) {
    int64_t at = clock_mono_ms() + 1000;
    engine->scan->pending_again = true;
    if (!engine->scan->dir && !engine->scan->sweeping && (!loop_timer_started(&engine->scan_timer) || engine->scan_timer.at_mono_ms > at))
        loop_timer_start(engine->loop, &engine->scan_timer, at, scan_due);
}

enum rc scan_start(struct engine *engine, struct err *err) {
    (void)err;
    engine->scan = engine_alloc(sizeof *engine->scan);
    engine->scan->engine = engine;
    heap_init(&engine->agains, again_before);
    scan_all(engine);
    return RC_OK;
}

void scan_free(struct engine *engine) {
    loop_timer_cancel(engine->loop, &engine->scan_timer);
    loop_timer_cancel(engine->loop, &engine->again_timer);
    if (engine->scan) {
        loop_idle_cancel(engine->loop, &engine->scan->idle);
        loop_timer_cancel(engine->loop, &engine->scan->ahead_timer);
        if (engine->scan->ahead)
            dirscan_close(engine->scan->ahead);
        if (engine->scan->dir)
            dirscan_close(engine->scan->dir);
        struct heap_node *node;
        while ((node = heap_pop(&engine->agains)))
            free(HEAP_ENTRY(node, struct again, node));
        heap_release(&engine->agains);
    }
    free(engine->scan);
}
