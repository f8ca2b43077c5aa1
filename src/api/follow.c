// SPDX-License-Identifier: Apache-2.0
#include "api/follow.h"

#include "api/events.h"
#include "api/outlook.h"
#include "api/recent.h"
#include "api/trend.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/log.h"
#include "os/dirscan.h"
#include "os/fsio.h"
#include "os/watch.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>

#define INDEX_DIR "web/index"
#define DIRTY_MOST 4096u
#define FLUSH_MOST 200u /* jobs a turn of the loop */
#define SWEEP_PIECE 128
#define FILL_PIECE_MS 3
#define FOLD_PIECE_MS 10 /* of a turn of the loop; one journal is read to its end */
#define TAG_JOURNAL 1
#define TAG_PAUSED 2

struct follow {
    struct api *api;
    struct index *index;
    struct watch *watch;
    struct loop_timer flush_timer, sweep_timer;
    struct loop_idle sweep_idle, fill_idle;
    struct dirscan *scan;
    bool sweeping, in_pending; /* the sweep is at jobs/pending */
    bool complete, again;
    bool filled; /* the trend knows what the index knew: until then no line is folded, or it would be counted twice */
    size_t fill_at;
    char (*dirty)[JOBID_SIZE];
    size_t dirty_count;
    char (*found)[JOBID_SIZE]; /* by the sweep, of a whole directory: folded in by id, so that neither board nor index is filled in its midst */
    size_t found_count, found_room, found_at;
    int64_t sweep_us, journal_ms; /* what the look at journal/ has cost; when the next one is */
};

static void flush_due(struct loop_timer *timer);

static void plan_flush(struct follow *f, int64_t ms) {
    if (!loop_timer_started(&f->flush_timer))
        loop_timer_start(f->api->loop, &f->flush_timer, clock_mono_ms() + ms, flush_due);
}

static bool sweep(struct loop_idle *idle);

/* Of all, from journal/ on. */
static void start_sweep(struct follow *f) {
    if (!f->filled)
        return; /* it comes then */
    f->again = f->sweeping;
    f->journal_ms = 0;
    loop_idle_start(f->api->loop, &f->sweep_idle, sweep);
}

static void mark(struct follow *f, const char *id) {
    for (size_t i = f->dirty_count; i > 0; i--)
        if (strcmp(f->dirty[i - 1], id) == 0)
            return;
    if (f->dirty_count == DIRTY_MOST) {
        start_sweep(f);
        return;
    }
    memcpy(f->dirty[f->dirty_count++], id, JOBID_SIZE);
    plan_flush(f, FOLLOW_DELAY_MS);
}

static bool id_of_journal(const char *name, char id[JOBID_SIZE]) {
    size_t length = strlen(name);
    if (!str_ends(name, ".ndjson") || length - 7 >= JOBID_SIZE)
        return false;
    memset(id, 0, JOBID_SIZE);
    memcpy(id, name, length - 7);
    return jobid_valid(id);
}

static void changed(void *context, int tag, uint32_t mask, const char *name) {
    struct follow *f = context;
    char id[JOBID_SIZE];
    if (tag == TAG_PAUSED) {
        outlook_changed(f->api->outlook);
        return;
    }
    if (tag != TAG_JOURNAL || (mask & IN_Q_OVERFLOW))
        start_sweep(f);
    else if (id_of_journal(name, id))
        mark(f, id);
}

/* --- jobs that were not accepted yet ------------------------------------------------------------------------------------ */

static void take_member(const cJSON *json, const char *name, char *out, size_t size) {
    const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, name));
    if (text)
        str_copy(out, size, text);
}

/* What a dropped file says of itself; the daemon will say what holds. */
static enum rc waiting_row(const struct spool *spool, const char *id, struct job_row *row, struct err *err) {
    char name[JOBID_SIZE + 8], priority[16] = "normal", process[16] = "";
    struct stat st;
    struct buf text = BUF_INIT(LIMIT_JOB_FILE_BYTES);
    job_row_init(row, id);
    str_format(name, sizeof name, "%s.json", id);
    enum rc rc = fsio_stat(spool->place_fd[PLACE_PENDING], name, &st, err);
    if (!rc)
        rc = fsio_read_file(spool->place_fd[PLACE_PENDING], name, &text, err);
    if (!rc) {
        cJSON *json = json_check(buf_text(&text), text.length, &json_rules_config, err) ? NULL : cJSON_ParseWithLength(buf_text(&text), text.length);
        row->place = PLACE_PENDING;
        row->created_us = row->updated_us = row->placed_us = clock_file_us(st.st_mtim);
        str_copy(row->mode, sizeof row->mode, "run");
        str_copy(row->reason, sizeof row->reason, "not_accepted");
        take_member(json, "source", row->source, sizeof row->source);
        take_member(json, "name", row->name, sizeof row->name);
        take_member(json, "campaign_id", row->campaign, sizeof row->campaign);
        take_member(json, "created_by", row->created_by, sizeof row->created_by);
        take_member(json, "mode", row->mode, sizeof row->mode);
        take_member(json, "priority", priority, sizeof priority);
        take_member(json, "process", process, sizeof process);
        priority_parse(priority, &row->priority);
        row->automatic = strcmp(process, "auto") == 0;
        cJSON_Delete(json);
    }
    buf_release(&text);
    return rc;
}

static void tell(struct follow *f, const struct job_row *row, bool waiting) {
    struct board_change change;
    if (board_put(f->api->board, row, waiting, &change))
        log_warn("job %s: out of memory, it is not on the board", row->id);
    else
        events_job(f->api->events, &change, row);
}

/* --- figures ------------------------------------------------------------------------------------------------------------ */

static void line_folded(void *context, const struct job_row *before, const struct job_row *row, const struct journal_line *line) {
    struct follow *f = context;
    trend_line(f->api->trend, before, row, line->ts_us, clock_wall_us());
    recent_line(f->api->recent, row, line);
}

static void fill_end(struct follow *f) {
    f->filled = true;
    start_sweep(f);
    if (f->dirty_count)
        plan_flush(f, 0);
}

static bool fill_some(struct loop_idle *idle) {
    struct follow *f = HEAP_ENTRY(idle, struct follow, fill_idle);
    const int64_t now_us = clock_wall_us(), end_ms = clock_mono_ms() + FILL_PIECE_MS;
    struct err err = {0};
    while (clock_mono_ms() < end_ms) {
        const struct board_row *row = board_at(f->api->board, f->fill_at++);
        if (!row) {
            fill_end(f);
            return false;
        }
        if (trend_fill(f->api->trend, f->index, row, now_us, &err))
            log_warn("job %s: %s", row->id, err.text);
        recent_fill(f->api->recent, row);
    }
    return true;
}

static void start_fill(struct follow *f) {
    trend_clear(f->api->trend);
    recent_clear(f->api->recent);
    f->filled = false;
    f->fill_at = 0;
    loop_idle_start(f->api->loop, &f->fill_idle, fill_some);
}

/* --- folding ------------------------------------------------------------------------------------------------------------ */

static void look_waiting(struct follow *f, const char *id) {
    struct job_row row;
    struct err err = {0};
    if (waiting_row(f->api->spool, id, &row, &err) == RC_OK)
        tell(f, &row, true);
    else
        board_remove(f->api->board, id);
}

static enum rc open_index(struct follow *f, struct err *err) {
    enum rc rc = index_open(f->api->spool, INDEX_OF_WEB, true, &f->index, err);
    if (rc == RC_CORRUPT) {
        log_warn("%s/" INDEX_DIR ": made again (%s)", f->api->spool->root, err->text);
        fsio_unlink(f->api->spool->root_fd, INDEX_DIR "/data.mdb", NULL);
        fsio_unlink(f->api->spool->root_fd, INDEX_DIR "/lock.mdb", NULL);
        rc = index_open(f->api->spool, INDEX_OF_WEB, true, &f->index, err);
    }
    if (!rc)
        index_listen(f->index, line_folded, f);
    return rc;
}

/* A journal is shorter than what was read of it: lines that were never synced were cut off. What was made of them must go. */
static void begin_again(struct follow *f) {
    struct err err = {0};
    index_close(f->index);
    f->index = NULL;
    fsio_unlink(f->api->spool->root_fd, INDEX_DIR "/data.mdb", NULL);
    if (open_index(f, &err))
        log_error("%s", err.text);
    f->complete = false;
    board_clear(f->api->board);
    events_resync(f->api->events);
    start_fill(f);
}

static bool shorter(const struct follow *f, const char *id) {
    char name[JOBID_SIZE + 8];
    struct stat st;
    const struct board_row *row = board_find(f->api->board, id);
    str_format(name, sizeof name, "%s.ndjson", id);
    return row && fsio_stat(f->api->spool->journal_fd, name, &st, NULL) == RC_OK && (uint64_t)st.st_size < row->journal_offset;
}

/* False: the read index began again. */
static bool fold(struct follow *f, const char *id) {
    struct job_row row;
    struct err err = {0};
    enum rc rc = index_follow(f->index, f->api->spool, id, &row, &err);
    if (rc == RC_GONE) {
        look_waiting(f, id);
        return true;
    }
    if (rc == RC_CORRUPT && shorter(f, id)) {
        log_warn("journal/%s.ndjson: lines that had been read were cut off", id);
        return false;
    }
    if (rc && rc != RC_CORRUPT)
        log_warn("job %s: %s", id, err.text);
    else
        tell(f, &row, false);
    return true;
}

/* How many were: it stops after a while. */
static size_t fold_some(struct follow *f, char (*ids)[JOBID_SIZE], size_t count) {
    const int64_t end_ms = clock_mono_ms() + FOLD_PIECE_MS;
    struct err err = {0};
    bool well = true;
    size_t done = 0;
    if (!f->index || index_begin(f->index, &err)) {
        log_warn("%s", f->index ? err.text : "the read index is not open");
        return count;
    }
    do
        well = fold(f, ids[done++]);
    while (done < count && well && clock_mono_ms() < end_ms);
    if (index_commit(f->index, &err))
        log_warn("%s", err.text);
    if (!well)
        begin_again(f);
    return done;
}

static void flush_due(struct loop_timer *timer) {
    struct follow *f = HEAP_ENTRY(timer, struct follow, flush_timer);
    if (!f->filled)
        return;
    size_t count = f->dirty_count < FLUSH_MOST ? f->dirty_count : FLUSH_MOST;
    if (count)
        count = fold_some(f, f->dirty, count);
    f->dirty_count -= count;
    memmove(f->dirty, f->dirty + count, f->dirty_count * sizeof *f->dirty);
    if (f->dirty_count)
        plan_flush(f, 0);
}

void follow_now(struct follow *f, const char *job_id) {
    char id[1][JOBID_SIZE] = {""};
    if (!str_copy(id[0], JOBID_SIZE, job_id))
        return;
    if (f->filled)
        fold_some(f, id, 1);
    else
        mark(f, id[0]);
}

/* --- sweep -------------------------------------------------------------------------------------------------------------- */

static void sweep_due(struct loop_timer *timer) {
    struct follow *f = HEAP_ENTRY(timer, struct follow, sweep_timer);
    if (f->filled)
        loop_idle_start(f->api->loop, &f->sweep_idle, sweep);
}

static void forget_found(struct follow *f) {
    free(f->found);
    f->found = NULL;
    f->found_count = f->found_room = f->found_at = 0;
}

static void keep_found(struct follow *f, const char id[JOBID_SIZE]) {
    if (f->found_count == f->found_room) {
        size_t room = f->found_room ? f->found_room * 2 : SWEEP_PIECE;
        char(*found)[JOBID_SIZE] = realloc(f->found, room * sizeof *found);
        if (!found)
            return; /* the next sweep finds it */
        f->found = found;
        f->found_room = room;
    }
    memcpy(f->found[f->found_count++], id, JOBID_SIZE);
}

static int by_id(const void *a, const void *b) {
    return strcmp(a, b);
}

/* True: its journal has another length than what was folded in. */
static bool stale(const struct follow *f, const char *name, const char *id) {
    struct stat st;
    const struct board_row *row = board_find(f->api->board, id);
    return !row || row->waiting || (fsio_stat(f->api->spool->journal_fd, name, &st, NULL) == RC_OK && (uint64_t)st.st_size != row->journal_offset);
}

static bool wanted(const struct follow *f, const char *name, unsigned char type, char id[JOBID_SIZE]) {
    memset(id, 0, JOBID_SIZE);
    if (type != DT_REG)
        return false;
    if (!f->in_pending)
        return id_of_journal(name, id) && stale(f, name, id);
    return jobid_from_file(name, id) && !board_find(f->api->board, id);
}

/* Those whose file went before it was accepted. */
static void drop_vanished(struct follow *f) {
    char name[JOBID_SIZE + 8];
    struct stat st;
    for (size_t i = board_count(f->api->board); i > 0; i--) {
        const struct board_row *row = board_at(f->api->board, i - 1);
        if (!row->waiting)
            continue;
        str_format(name, sizeof name, "%s.json", row->id);
        if (fsio_stat(f->api->spool->place_fd[PLACE_PENDING], name, &st, NULL) == RC_GONE)
            board_remove(f->api->board, row->id);
    }
}

/* Some entries of the directory. False: that was the last. */
static bool look_on(struct follow *f) {
    struct err err = {0};
    char id[JOBID_SIZE];
    const char *name;
    unsigned char type;
    enum rc rc = RC_OK;
    if (!f->scan)
        rc = dirscan_open(f->in_pending ? f->api->spool->place_fd[PLACE_PENDING] : f->api->spool->journal_fd, ".", &f->scan, &err);
    for (int i = 0; i < SWEEP_PIECE && !rc; i++) {
        rc = dirscan_next(f->scan, &name, &type, &err);
        if (!rc && wanted(f, name, type, id))
            keep_found(f, id);
    }
    if (rc && rc != RC_GONE)
        log_warn("%s: %s", f->in_pending ? "jobs/pending" : "journal", err.text);
    return !rc;
}

/* Some of what was found. False: that was the last. */
static bool fold_on(struct follow *f) {
    size_t count = f->found_count - f->found_at < SWEEP_PIECE ? f->found_count - f->found_at : SWEEP_PIECE;
    if (count)
        f->found_at += fold_some(f, f->found + f->found_at, count);
    return f->found_at < f->found_count;
}

static void directory_end(struct follow *f) {
    dirscan_close(f->scan);
    f->scan = NULL;
    forget_found(f);
}

/* True: there is more to sweep. */
static bool next_directory(struct follow *f) {
    const int64_t now_ms = clock_mono_ms(), rest_ms = f->sweep_us / 1000 * FOLLOW_SWEEP_SHARE;
    directory_end(f);
    if (!f->in_pending) {
        f->journal_ms = now_ms + (rest_ms < FOLLOW_SWEEP_MOST_MS ? rest_ms : FOLLOW_SWEEP_MOST_MS);
        f->in_pending = true;
        return true;
    }
    drop_vanished(f);
    f->complete = true;
    f->sweeping = false;
    if (f->again)
        f->journal_ms = 0;
    else
        loop_timer_start(f->api->loop, &f->sweep_timer, now_ms + FOLLOW_SWEEP_MS, sweep_due);
    return f->again;
}

/* jobs/pending/ has no other watch; journal/ is looked at more rarely the longer that takes. */
static void begin_sweep(struct follow *f) {
    struct err err = {0};
    if (!f->index && open_index(f, &err)) /* it could not be made again */
        log_error("%s", err.text);
    f->sweeping = true;
    f->again = false;
    f->in_pending = clock_mono_ms() < f->journal_ms;
    f->sweep_us = 0;
}

static bool sweep(struct loop_idle *idle) {
    struct follow *f = HEAP_ENTRY(idle, struct follow, sweep_idle);
    const int64_t begin_us = clock_mono_us();
    if (!f->filled) { /* the read index began again */
        directory_end(f);
        f->sweeping = false;
        return false;
    }
    if (!f->sweeping)
        begin_sweep(f);
    if (!f->found_at) {
        if (look_on(f)) {
            f->sweep_us += clock_mono_us() - begin_us;
            return true;
        }
        if (f->found_count)
            qsort(f->found, f->found_count, sizeof *f->found, by_id);
    }
    return fold_on(f) || next_directory(f);
}

/* --- start and stop ----------------------------------------------------------------------------------------------------- */

static bool fill(void *context, const struct job_row *row) {
    return board_put(context, row, false, NULL) == RC_OK;
}

enum rc follow_start(struct api *api, struct follow **out, struct err *err) {
    char path[sizeof api->spool->root + 16];
    struct follow *f = calloc(1, sizeof *f);
    *out = NULL;
    if (!f || !(f->dirty = calloc(DIRTY_MOST, sizeof *f->dirty))) {
        free(f);
        return err_set(err, RC_TEMP, "out of memory");
    }
    f->api = api;
    enum rc rc = open_index(f, err);
    if (!rc)
        rc = index_jobs(f->index, PLACE_NONE, "", fill, api->board, err);
    if (!rc)
        rc = watch_new(api->loop, changed, f, &f->watch, err);
    str_format(path, sizeof path, "%s/journal", api->spool->root);
    if (!rc && watch_add(f->watch, path, IN_MODIFY | IN_CREATE | IN_MOVED_TO | IN_ONLYDIR, TAG_JOURNAL, err))
        log_warn("journal: %s; changes are found every %d s", err->text, FOLLOW_SWEEP_MS / 1000);
    str_format(path, sizeof path, "%s/paused", api->spool->root);
    if (!rc && watch_add(f->watch, path, IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_ONLYDIR, TAG_PAUSED, err))
        log_warn("paused: %s", err->text);
    if (rc) {
        follow_stop(f);
        return rc;
    }
    start_fill(f);
    *out = f;
    return RC_OK;
}

void follow_stop(struct follow *f) {
    if (!f)
        return;
    loop_timer_cancel(f->api->loop, &f->flush_timer);
    loop_timer_cancel(f->api->loop, &f->sweep_timer);
    loop_idle_cancel(f->api->loop, &f->sweep_idle);
    loop_idle_cancel(f->api->loop, &f->fill_idle);
    dirscan_close(f->scan);
    forget_found(f);
    watch_free(f->watch);
    index_close(f->index);
    free(f->dirty);
    free(f);
}

struct index *follow_index(const struct follow *f) {
    return f->index;
}

bool follow_complete(const struct follow *f) {
    return f->complete;
}

size_t follow_behind(const struct follow *f) {
    return f->dirty_count;
}

/* By what the index has and what came since, of which a long journal of a job that runs has little; without the index all of it would be read. */
enum rc follow_row(struct follow *f, const char *job_id, struct job_row *row, struct err *err) {
    const struct board_row *known = board_find(f->api->board, job_id);
    if (known && !known->waiting && f->filled) {
        char name[JOBID_SIZE + 8];
        str_format(name, sizeof name, "%s.ndjson", job_id);
        if (stale(f, name, job_id))
            follow_now(f, job_id);
        if (f->index && index_job(f->index, job_id, row, err) == RC_OK)
            return RC_OK;
    }
    enum rc rc = index_job_now(f->index, f->api->spool, job_id, row, err);
    return rc == RC_GONE ? waiting_row(f->api->spool, job_id, row, err) : rc;
}
