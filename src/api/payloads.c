// SPDX-License-Identifier: Apache-2.0
#include "api/payloads.h"

#include "api/admit.h"
#include "api/follow.h"
#include "api/listing.h"
#include "base/clock.h"
#include "base/limits.h"
#include "engine/act.h"
#include "os/dirscan.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define LIMIT_DEFAULT 50u
#define LIMIT_MOST 500u
#define RUN_FILES_MOST 100000u
#define RUNS_KEPT 50u
#define RUNS_FILES_MOST 200000u /* of all that are kept: the oldest go */
#define TOLD_FILES_PER_MS 50u   /* so long an answer about a run is given again: looking at its files takes the loop's time */
#define RUN_ID_SIZE 24
#define TOLD_MOST 100
#define LOOKED_MOST 5000u /* payloads whose shelf is looked for, for one page: then it is shorter than it was to be */

/* --- runs, and lists of payloads ----------------------------------------------------------------------------------------- */

struct file_name {
    char job_id[JOBID_SIZE];
    uint32_t batch;
};

struct payload_run {
    char id[RUN_ID_SIZE], owner[65];
    int64_t started_us;
    struct file_name *files;
    size_t count;
    cJSON *failed; /* what could not be moved: file_id, detail */
    cJSON *told;   /* the last answer */
    int64_t told_ms;
};

static void run_release(struct payload_run *run) {
    free(run->files);
    cJSON_Delete(run->failed);
    cJSON_Delete(run->told);
    *run = (struct payload_run){.id = ""};
}

static bool add_name(struct payload_run *run, const char *job_id, uint32_t batch) {
    if (run->count == RUN_FILES_MOST)
        return false;
    if ((run->count & (run->count - 1)) == 0) {
        struct file_name *files = realloc(run->files, (run->count ? run->count * 2 : 1) * sizeof *files);
        if (!files)
            return false;
        run->files = files;
    }
    struct file_name *name = &run->files[run->count++];
    memcpy(name->job_id, job_id, JOBID_SIZE);
    name->batch = batch;
    return true;
}

/* --- the list: jobs from the newest on, their batches in order ---------------------------------------------------------- */

struct walk {
    cJSON *list;
    const struct spool *spool;
    enum file_status status;
    enum shelf shelf; /* SHELF_NONE: any */
    bool all, more;
    uint64_t limit, looked;
    const char *cursor_id; /* the job of the last file of the page before, or "" */
    uint64_t cursor_batch;
    char last_id[JOBID_SIZE];
    uint32_t last_batch;
};

static bool add_file(void *context, const struct file_row *row) {
    struct walk *w = context;
    char marker[PAYLOAD_PATH_SIZE];
    if ((!w->all && row->status != w->status) || (strcmp(row->job_id, w->cursor_id) == 0 && row->batch <= w->cursor_batch))
        return true;
    payload_marker_name(row->job_id, row->batch, marker);
    const enum shelf shelf = payload_marker_shelf(w->spool, marker);
    const bool right = w->shelf == SHELF_NONE || shelf == w->shelf;
    if ((right && (uint64_t)cJSON_GetArraySize(w->list) >= w->limit) || w->looked++ == LOOKED_MOST) {
        w->more = true;
        return false;
    }
    memcpy(w->last_id, row->job_id, sizeof w->last_id);
    w->last_batch = row->batch;
    if (!right)
        return true;
    cJSON *json = file_row_json(row);
    cJSON_AddStringToObject(json, "shelf", shelf_name(shelf));
    cJSON_AddItemToArray(w->list, json);
    return true;
}

/* How many of a job's files have the status, by its counts. */
static uint64_t files_of(const struct board_row *row, const struct walk *w) {
    const uint64_t settled = (uint64_t)row->loaded_batches + row->failed_batches;
    if (w->all)
        return row->captured_batches;
    switch (w->status) {
    case FILE_PENDING:
        return row->captured_batches > settled ? row->captured_batches - settled : 0;
    case FILE_COMPLETED:
        return row->loaded_batches;
    case FILE_FAILED:
        return row->failed_batches;
    case FILE_PROCESSING:
        return 0;
    }
    return 0;
}

static bool wanted(const struct request *r, const struct filter *filter, const struct board_row *row, const char *job) {
    const char *owner = admit_owner(&r->who);
    return (!owner || strcmp(owner, row->owner) == 0) && (!job || strcmp(job, row->id) == 0) && board_has(r->api->board, filter, row);
}

static enum rc walk_jobs(struct request *r, const struct filter *filter, struct walk *w, uint64_t *total, struct err *err) {
    const char *job = request_query(r, "job");
    enum rc rc = RC_OK;
    for (size_t i = board_count(r->api->board); i > 0 && !rc; i--) {
        const struct board_row *row = board_at(r->api->board, i - 1);
        const uint64_t files = files_of(row, w);
        if (!files || !wanted(r, filter, row, job))
            continue;
        *total += files;
        if (!w->more && (!*w->cursor_id || strcmp(row->id, w->cursor_id) <= 0))
            rc = index_files(follow_index(r->api->follow), row->id, add_file, w, err);
    }
    return rc;
}

/* The shelves from which the daemon loads have few markers at a time: their directories are the list. */
static enum rc read_shelf(struct request *r, const struct filter *filter, enum shelf shelf, struct payload_run *found, struct err *err) {
    const char *job = request_query(r, "job"), *name;
    struct dirscan *scan;
    unsigned char type;
    enum rc rc = dirscan_open(r->api->spool->shelf_fd[shelf], ".", &scan, err);
    if (rc)
        return rc;
    while ((rc = dirscan_next(scan, &name, &type, err)) == RC_OK) {
        char id[JOBID_SIZE];
        uint32_t batch;
        const struct board_row *row = payload_marker_parse(name, id, &batch) ? board_find(r->api->board, id) : NULL;
        if (row && wanted(r, filter, row, job) && !add_name(found, id, batch))
            break;
    }
    dirscan_close(scan);
    return rc == RC_GONE ? RC_OK : rc;
}

/* As walk_jobs goes. */
static int newest_first(const void *a, const void *b) {
    const struct file_name *x = a, *y = b;
    const int order = strcmp(y->job_id, x->job_id);
    return order ? order : (x->batch > y->batch) - (x->batch < y->batch);
}

static enum rc walk_shelf(struct request *r, const struct filter *filter, struct walk *w, uint64_t *total, struct err *err) {
    struct payload_run found = {.id = ""};
    struct file_row row;
    enum rc rc = read_shelf(r, filter, w->shelf, &found, err);
    if (found.count)
        qsort(found.files, found.count, sizeof *found.files, newest_first);
    *total = found.count;
    for (size_t i = 0; i < found.count && !rc && !w->more; i++) {
        if (*w->cursor_id && strcmp(found.files[i].job_id, w->cursor_id) > 0)
            continue;
        if (index_file(follow_index(r->api->follow), found.files[i].job_id, found.files[i].batch, &row, err) == RC_OK)
            (void)add_file(w, &row);
    }
    run_release(&found);
    return rc;
}

/* What is captured and not settled lies on one of three shelves; the other two are counted. */
static enum rc walk_pending(struct request *r, const struct filter *filter, struct walk *w, uint64_t *total, struct err *err) {
    struct payload_run loading = {.id = ""};
    enum rc rc = walk_jobs(r, filter, w, total, err);
    for (enum shelf shelf = SHELF_READY; shelf <= SHELF_PROCESSING && !rc; shelf++)
        rc = read_shelf(r, filter, shelf, &loading, err);
    *total -= loading.count < *total ? loading.count : *total;
    run_release(&loading);
    return rc;
}

static bool parse_shelf(struct request *r, struct walk *w) {
    static const enum file_status of[SHELF_COUNT] = {[SHELF_PENDING] = FILE_PENDING,
                                                     [SHELF_READY] = FILE_PENDING,
                                                     [SHELF_PROCESSING] = FILE_PENDING,
                                                     [SHELF_PROCESSED] = FILE_COMPLETED,
                                                     [SHELF_FAILED] = FILE_FAILED};
    const char *text = request_query(r, "shelf");
    if (!text || !*text)
        return true;
    w->shelf = shelf_from_name(text);
    if (w->shelf == SHELF_NONE) {
        reply_problem(r, 400, "shelf must be pending, ready, processing, processed or failed");
        return false;
    }
    w->status = of[w->shelf];
    w->all = w->shelf == SHELF_READY || w->shelf == SHELF_PROCESSING; /* the directory has said enough */
    return true;
}

static bool parse_job(struct request *r) {
    const char *job = request_query(r, "job");
    if (!job || jobid_valid(job))
        return true;
    reply_problem(r, 400, "job must be a job's id");
    return false;
}

static bool parse_cursor(struct request *r, char id[JOBID_SIZE], uint64_t *batch) {
    const char *text = request_query(r, "cursor"), *colon = text ? strchr(text, ':') : NULL;
    *id = '\0';
    if (!text)
        return true;
    if (colon && (size_t)(colon - text) < JOBID_SIZE) {
        memcpy(id, text, (size_t)(colon - text));
        id[colon - text] = '\0';
        if (jobid_valid(id) && str_to_u64(colon + 1, 0, LIMIT_BATCHES, batch))
            return true;
    }
    reply_problem(r, 400, "cursor is none that was given out here");
    return false;
}

static bool parse_status(struct request *r, struct walk *w) {
    const char *text = request_query(r, "file_status");
    w->all = !text || !*text;
    if (w->all)
        return true;
    for (int i = FILE_PENDING; i <= FILE_FAILED; i++)
        if (strcasecmp(text, file_status_name((enum file_status)i)) == 0) {
            w->status = (enum file_status)i;
            return true;
        }
    reply_problem(r, 400, "file_status must be pending, processing, completed or failed");
    return false;
}

void payloads_list(struct request *r) {
    char id[JOBID_SIZE], cursor[JOBID_SIZE + 16];
    struct walk w = {.spool = r->api->spool, .limit = LIMIT_DEFAULT, .cursor_id = id};
    struct filter filter;
    struct err err = {0};
    uint64_t total = 0;
    if (!listing_filter(r, &filter) || !request_number(r, "limit", 1, LIMIT_MOST, &w.limit) || !parse_cursor(r, id, &w.cursor_batch) || !parse_status(r, &w) ||
        !parse_shelf(r, &w) || !parse_job(r))
        return;
    w.list = cJSON_CreateArray();
    enum rc rc = w.shelf == SHELF_READY || w.shelf == SHELF_PROCESSING ? walk_shelf(r, &filter, &w, &total, &err)
                 : w.shelf == SHELF_PENDING                            ? walk_pending(r, &filter, &w, &total, &err)
                                                                       : walk_jobs(r, &filter, &w, &total, &err);
    if (rc) {
        cJSON_Delete(w.list);
        reply_rc(r, rc, &err);
        return;
    }
    cJSON *json = cJSON_CreateObject();
    cJSON_AddItemToObject(json, "files", w.list);
    cJSON_AddNumberToObject(json, "total", (double)total);
    str_format(cursor, sizeof cursor, "%s:%u", w.last_id, (unsigned)w.last_batch);
    if (w.more)
        cJSON_AddStringToObject(json, "next_cursor", cursor);
    else
        cJSON_AddNullToObject(json, "next_cursor");
    reply_json_cached(r, json);
    if (w.more)
        listing_link_next(r, cursor);
}

/* --- loading ------------------------------------------------------------------------------------------------------------ */

struct payload_runs {
    struct payload_run list[RUNS_KEPT];
    size_t next;
};

struct payload_runs *payload_runs_new(void) {
    return calloc(1, sizeof(struct payload_runs));
}

void payload_runs_free(struct payload_runs *runs) {
    for (size_t i = 0; runs && i < RUNS_KEPT; i++)
        run_release(&runs->list[i]);
    free(runs);
}

static void own_release(void *own) {
    run_release(own);
    free(own);
}

/* A payload that this person may have loaded; the id is that of file_row_json. */
static bool add_given(struct request *r, struct payload_run *run, const cJSON *item, size_t number) {
    char marker[PAYLOAD_PATH_SIZE], id[JOBID_SIZE] = "", pointer[32];
    uint32_t batch;
    str_format(pointer, sizeof pointer, "/files/%zu", number);
    if (!cJSON_IsString(item) || !str_format(marker, sizeof marker, "%s.json", item->valuestring) || !payload_marker_parse(marker, id, &batch)) {
        reply_invalid(r, pointer, "must be a file_id");
        return false;
    }
    const struct board_row *row = board_find(r->api->board, id);
    if (!row || !admit_sees(&r->who, row->owner)) {
        reply_problem(r, 404, "there is no file %.100s", item->valuestring);
        return false;
    }
    if (add_name(run, id, batch))
        return true;
    reply_problem(r, 409, "more than %u files at once", RUN_FILES_MOST);
    return false;
}

struct all {
    struct payload_run *run;
    bool full;
};

static bool add_waiting(void *context, const struct file_row *file) {
    struct all *all = context;
    all->full = file->status == FILE_PENDING && !add_name(all->run, file->job_id, file->batch);
    return !all->full;
}

static bool add_all(struct request *r, struct payload_run *run) {
    struct all all = {.run = run};
    const struct walk pending = {.status = FILE_PENDING};
    struct err err = {0};
    for (size_t i = 0; i < board_count(r->api->board) && !all.full; i++) {
        const struct board_row *row = board_at(r->api->board, i);
        if (!files_of(row, &pending) || !admit_sees(&r->who, row->owner))
            continue;
        enum rc rc = index_files(follow_index(r->api->follow), row->id, add_waiting, &all, &err);
        if (rc) {
            reply_rc(r, rc, &err);
            return false;
        }
    }
    return true; /* a full run is one of many: the next takes the others */
}

bool payloads_load_prepare(struct request *r) {
    static const char *const known[] = {"files", "all", NULL};
    const cJSON *files = cJSON_GetObjectItemCaseSensitive(r->json, "files"), *item;
    const bool whole = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(r->json, "all"));
    struct payload_run *run = calloc(1, sizeof *run);
    size_t number = 0;
    r->own = run;
    r->own_release = own_release;
    if (!run) {
        reply_later(r, 1, "out of memory");
        return false;
    }
    if (!request_members(r, known))
        return false;
    if (whole == cJSON_IsArray(files)) {
        reply_invalid(r, whole ? "/all" : "/files", "either \"files\": [file_id, ...] or \"all\": true");
        return false;
    }
    if (whole)
        return add_all(r, run);
    cJSON_ArrayForEach(item, files) if (!add_given(r, run, item, number++)) return false;
    return true;
}

void payloads_load(struct request *r) {
    struct payload_run *run = r->own;
    run->failed = cJSON_CreateArray();
    run->started_us = clock_wall_us();
    str_copy(run->owner, sizeof run->owner, r->who.name);
    for (size_t i = 0; i < run->count; i++) {
        struct err err = {0};
        char id[JOBID_SIZE + 20];
        errno = 0;
        if (act_load_file(r->api->spool, run->files[i].job_id, run->files[i].batch, r->who.name, &err) == RC_OK || cJSON_GetArraySize(run->failed) >= TOLD_MOST)
            continue;
        cJSON *one = cJSON_CreateObject();
        file_id_format(run->files[i].job_id, run->files[i].batch, id, sizeof id);
        cJSON_AddStringToObject(one, "file_id", id);
        cJSON_AddStringToObject(one, "detail", err.text);
        cJSON_AddItemToArray(run->failed, one);
    }
    reply_empty(r, 202);
}

static cJSON *run_json(struct request *r, const struct payload_run *run) {
    uint64_t by[4] = {0}, records = 0, good = 0, bad = 0;
    char at[CLOCK_RFC3339_SIZE];
    cJSON *json = cJSON_CreateObject(), *files = cJSON_CreateObject();
    for (size_t i = 0; i < run->count; i++) {
        struct file_row row;
        struct err err = {0};
        if (index_file(follow_index(r->api->follow), run->files[i].job_id, run->files[i].batch, &row, &err))
            continue;
        by[row.status]++;
        if (row.status == FILE_PENDING)
            continue;
        records += row.properties_count;
        good += row.success_count;
        bad += row.error_count;
    }
    clock_format_rfc3339(run->started_us, 6, at);
    cJSON_AddStringToObject(json, "run_id", run->id);
    cJSON_AddStringToObject(json, "started_at", at);
    cJSON_AddStringToObject(json, "status", by[FILE_PENDING] + by[FILE_PROCESSING] > (uint64_t)cJSON_GetArraySize(run->failed) ? "PROCESSING" : "COMPLETED");
    cJSON_AddNumberToObject(json, "files_count", (double)run->count);
    cJSON_AddItemToObject(json, "files", files);
    for (int i = FILE_PENDING; i <= FILE_FAILED; i++)
        cJSON_AddNumberToObject(files, file_status_name((enum file_status)i), (double)by[i]);
    cJSON_AddNumberToObject(json, "properties_count", (double)records);
    cJSON_AddNumberToObject(json, "success_count", (double)good);
    cJSON_AddNumberToObject(json, "error_count", (double)bad);
    cJSON_AddItemToObject(json, "failed", cJSON_Duplicate(run->failed, true));
    return json;
}

/* The oldest go when all together have too many files; the newest stays. */
static void forget_runs(struct payload_runs *runs) {
    uint64_t files = 0;
    for (size_t age = 1; age <= RUNS_KEPT && age <= runs->next; age++) {
        struct payload_run *run = &runs->list[(runs->next - age) % RUNS_KEPT];
        files += run->count;
        if (age > 1 && files > RUNS_FILES_MOST)
            run_release(run);
    }
}

void payloads_load_done(struct request *r) {
    struct payload_runs *runs = r->api->runs;
    struct payload_run *run = r->own, *kept = &runs->list[runs->next % RUNS_KEPT];
    if (r->reply.status != 202)
        return;
    str_format(run->id, sizeof run->id, "%llx-%zu", (unsigned long long)run->started_us, runs->next % RUNS_KEPT);
    runs->next++;
    run_release(kept);
    *kept = *run;
    *run = (struct payload_run){.id = ""};
    forget_runs(runs);
    reply_json(r, 202, run_json(r, kept));
    reply_header(r, "Location", "/api/files/process/%s", kept->id);
}

void payloads_run(struct request *r) {
    for (size_t i = 0; i < RUNS_KEPT; i++) {
        struct payload_run *run = &r->api->runs->list[i];
        if (*run->id && strcmp(run->id, r->vars[0]) == 0 && admit_sees(&r->who, run->owner)) {
            const int64_t now_ms = clock_mono_ms();
            if (!run->told || now_ms >= run->told_ms + (int64_t)(run->count / TOLD_FILES_PER_MS)) {
                cJSON_Delete(run->told);
                run->told = run_json(r, run);
                run->told_ms = now_ms;
            }
            reply_json(r, 200, cJSON_Duplicate(run->told, true));
            return;
        }
    }
    reply_problem(r, 404, "there is no such run, or it was long ago");
}
