// SPDX-License-Identifier: Apache-2.0
#include "engine/retention_internal.h"

#include "base/clock.h"
#include "base/log.h"
#include "os/dirscan.h"
#include "os/fsio.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DAY_US (INT64_C(24) * 3600 * 1000000)

/* --- months --------------------------------------------------------------------------------------------------------- */

#define MONTHS_MOST 4096u

static bool is_month(const char *name) {
    return strlen(name) == 7 && strspn(name, "0123456789") == 4 && name[4] == '-' && strspn(name + 5, "0123456789") == 2;
}

static int month_order(const void *a, const void *b) {
    return strcmp(a, b);
}

static enum rc clean_months(struct retention *r) {
    struct dirscan *scan;
    const char *name;
    unsigned char type;
    char list[MONTHS_MOST][8];
    size_t count = 0;
    enum rc rc = dirscan_open(r->spool->raw_fd, ".", &scan, r->err);
    if (rc)
        return rc;
    while ((rc = dirscan_next(scan, &name, &type, r->err)) == RC_OK)
        if (type == DT_DIR && is_month(name) && strcmp(name, r->first_month) < 0 && count < MONTHS_MOST)
            str_copy(list[count++], sizeof *list, name);
    dirscan_close(scan);
    rc = rc == RC_GONE ? RC_OK : rc;
    qsort(list, count, sizeof *list, month_order);
    for (size_t i = 0; !rc && i < count; i++)
        rc = retention_month(r, list[i]);
    return rc;
}

/* --- jobs ----------------------------------------------------------------------------------------------------------- */

/* results/<id>/ but for the list of members, which exports go by. What is left of it is no failure: it can be made again. */
static void remove_results(const struct retention *r, const char *id) {
    struct dirscan *scan;
    const char *name;
    unsigned char type;
    char path[JOBID_SIZE + 260];
    bool members = false;
    if (dirscan_open(r->spool->results_fd, id, &scan, NULL))
        return;
    while (dirscan_next(scan, &name, &type, NULL) == RC_OK) {
        if (strcmp(name, "members.ndjson") == 0)
            members = true;
        else if (type == DT_REG && str_format(path, sizeof path, "%s/%s", id, name))
            fsio_unlink(r->spool->results_fd, path, NULL);
    }
    dirscan_close(scan);
    if (!members)
        fsio_remove_dir(r->spool->results_fd, id, NULL);
}

static enum rc remove_job(const struct retention *r, const char *id, enum place place) {
    char name[JOBID_SIZE + 8];
    remove_results(r, id);
    str_format(name, sizeof name, "%s.json", id);
    enum rc rc = fsio_unlink(r->spool->place_fd[place], name, r->err);
    spool_why_remove(r->spool, place, id);
    return rc == RC_GONE ? RC_OK : rc;
}

/* Under the journal's lock. RC_GONE: not now. */
static enum rc tell_over(struct retention *r, struct journal *journal, const char *id, enum place place, struct retention_job *job, struct err *err) {
    enum rc rc = journal_lock(journal, err);
    if (!rc)
        rc = retention_job_read(r->spool, id, job, err);
    if (rc || job->row.archived_us)
        return rc;
    if (job->row.place != place || !retention_old(r, &job->row) || retention_held_by(r, job))
        return RC_GONE;
    rc = retention_tell_job(r, journal, &job->row, err);
    return rc ? rc : journal_commit(journal, true, err);
}

static enum rc retire_job(struct retention *r, const char *id, enum place place) {
    struct retention_job job = {.files = NULL};
    struct journal *journal;
    enum rc rc = journal_open(r->spool, id, false, &journal, r->err);
    if (rc)
        return rc == RC_GONE ? RC_OK : rc;
    rc = tell_over(r, journal, id, place, &job, r->err);
    journal_close(journal);
    retention_job_release(&job);
    if (!rc)
        rc = remove_job(r, id, place);
    if (rc == RC_CORRUPT)
        log_warn("cleanup: job %s stays: its file is no text, or its journal is damaged", id);
    return rc == RC_GONE || rc == RC_CORRUPT ? RC_OK : rc;
}

/* The time in its id: who began later cannot be old enough. */
static bool began_later(const struct retention *r, const char *id) {
    char limit[CLOCK_RFC3339_SIZE];
    const int64_t limit_us = r->now_us - (int64_t)retention_days_least(r, false) * DAY_US;
    if (limit_us <= 0)
        return true;
    clock_format_basic(limit_us, limit);
    return strncmp(id, limit, 16) > 0;
}

static enum rc place_job(struct retention *r, const char *id, enum place place) {
    struct retention_job job;
    struct err damage = {0};
    if (began_later(r, id))
        return RC_OK;
    enum rc rc = retention_job_read(r->spool, id, &job, &damage);
    if (rc == RC_CORRUPT)
        retention_keep(r, "damaged");
    if (rc)
        return rc == RC_CORRUPT || rc == RC_GONE ? RC_OK : err_set(r->err, rc, "%s", damage.text);
    const bool old = job.row.place == place && retention_old(r, &job.row), over = job.row.place == place && job.row.archived_us;
    const char *held = old && !over ? retention_held_by(r, &job) : NULL;
    if (held && !(job.count && strncmp(job.files[0].raw.path, r->first_month, 7) < 0)) /* else it was counted with its month */
        retention_keep(r, held);
    const bool goes = !held && (old || over);
    if (goes)
        rc = retention_went(r, &job.row);
    retention_job_release(&job);
    if (rc || !goes)
        return rc;
    r->jobs[place]++;
    if (r->options->dry_run)
        return RC_OK;
    return over ? remove_job(r, id, place) : retire_job(r, id, place);
}

static enum rc clean_place(struct retention *r, enum place place) {
    struct dirscan *scan;
    const char *name;
    unsigned char type;
    char id[JOBID_SIZE];
    enum rc rc = dirscan_open(r->spool->place_fd[place], ".", &scan, r->err);
    if (rc)
        return rc;
    const uint64_t before = r->jobs[place];
    while ((rc = dirscan_next(scan, &name, &type, r->err)) == RC_OK)
        if (type == DT_REG && name[0] != '.' && jobid_from_file(name, id) && (rc = place_job(r, id, place)) != RC_OK)
            break;
    dirscan_close(scan);
    if (r->jobs[place] > before && !r->options->dry_run) {
        enum rc synced = fsio_sync_dir(r->spool->place_fd[place], ".", r->err);
        rc = rc == RC_GONE || !rc ? synced : rc;
    }
    return rc == RC_GONE ? RC_OK : rc;
}

/* --- all ------------------------------------------------------------------------------------------------------------ */

/* The first of the months that are kept. */
static void first_month(struct retention *r) {
    char now[CLOCK_RFC3339_SIZE];
    clock_format_rfc3339(r->now_us, 0, now);
    const int months = atoi(now) * 12 + atoi(now + 5) - 1 - (int)r->options->limits.payload_months;
    str_format(r->first_month, sizeof r->first_month, "%04d-%02d", months > 0 ? months / 12 : 0, months > 0 ? months % 12 + 1 : 1);
}

static cJSON *report_of(struct retention *r) {
    cJSON *report = cJSON_CreateObject();
    cJSON_AddBoolToObject(report, "dry_run", r->options->dry_run);
    cJSON_AddItemToObject(report, "months", r->months);
    cJSON_AddNumberToObject(report, "files", (double)r->files);
    cJSON_AddNumberToObject(report, "bytes", (double)r->bytes);
    cJSON *jobs = cJSON_AddObjectToObject(report, "jobs");
    static const enum place places[] = {PLACE_PROCESSED, PLACE_FAILED, PLACE_CANCELLED};
    for (size_t i = 0; i < sizeof places / sizeof *places; i++)
        cJSON_AddNumberToObject(jobs, place_status(places[i]), (double)r->jobs[places[i]]);
    cJSON *documents = cJSON_AddObjectToObject(report, "documents");
    cJSON_AddNumberToObject(documents, "files", (double)r->documents);
    cJSON_AddNumberToObject(documents, "bytes", (double)r->document_bytes);
    cJSON_AddItemToObject(report, "sources", retention_days_report(r));
    cJSON *kept = cJSON_AddObjectToObject(report, "kept");
    for (size_t i = 0; i < RETENTION_REASONS && r->kept[i].reason; i++)
        cJSON_AddNumberToObject(kept, r->kept[i].reason, (double)r->kept[i].jobs);
    return report;
}

static enum rc may(const struct retention *r) {
    if (faccessat(r->spool->raw_fd, ".", W_OK, AT_EACCESS) != 0)
        return err_set(r->err, RC_PERM, "payloads/raw belongs to another user: this is for the daemon's user");
    return pack_lock(r->spool, r->err);
}

enum rc retention_run(const struct spool *spool, struct sources *sources, const struct retention_options *options, cJSON **report, struct err *err) {
    struct retention r = {.spool = spool, .options = options, .now_us = clock_wall_us(), .months = cJSON_CreateArray(), .err = err};
    first_month(&r);
    enum rc rc = options->dry_run ? RC_OK : may(&r);
    if (!rc)
        rc = retention_days_learn(&r, sources);
    if (!rc)
        rc = clean_months(&r);
    for (enum place place = PLACE_PENDING; !rc && place < PLACE_COUNT; place++)
        if (place == PLACE_PROCESSED || place == PLACE_FAILED || place == PLACE_CANCELLED)
            rc = clean_place(&r, place);
    if (!rc)
        rc = retention_documents(&r);
    *report = report_of(&r);
    retention_days_release(&r);
    return rc;
}

/* --- back ----------------------------------------------------------------------------------------------------------- */

static enum rc counted(void *context, const char *path, const char *sha256, struct err *err) {
    (void)path;
    (void)sha256;
    (void)err;
    ++*(uint64_t *)context;
    return RC_OK;
}

/* The marker first: what is restored by the journal is to be loaded when somebody asks for it. */
static enum rc restore_files(const struct retention *r, struct journal *journal, const struct retention_job *job, struct err *err) {
    struct stat st;
    enum rc rc = RC_OK;
    for (size_t i = 0; !rc && i < job->count; i++) {
        const struct retention_file *file = &job->files[i];
        if (!file->archived || fsio_stat(r->spool->raw_fd, file->raw.path, &st, NULL) != RC_OK)
            continue;
        if (!file->inner)
            rc = payload_mark(r->spool, job->row.id, file->batch, file->raw.path, SHELF_PROCESSED, err);
        cJSON *m = retention_file_members(file);
        if (!rc && !m)
            rc = err_set(err, RC_TEMP, "out of memory");
        if (!rc)
            rc = journal_add(journal, "restored", r->options->by, m, err);
        cJSON_Delete(m);
        if (!rc)
            rc = payload_sums_add(r->spool, file->raw.path, file->raw.sha256, err);
    }
    return rc ? rc : journal_commit(journal, true, err);
}

static enum rc restore_job(const struct retention *r, const char *id) {
    struct retention_job job = {.files = NULL};
    struct journal *journal;
    enum rc rc = journal_open(r->spool, id, false, &journal, r->err);
    if (rc)
        return rc;
    rc = journal_lock(journal, r->err);
    if (!rc)
        rc = retention_job_read(r->spool, id, &job, r->err);
    if (!rc && retention_files_left(&job, NULL) < job.count)
        rc = restore_files(r, journal, &job, r->err);
    journal_close(journal);
    retention_job_release(&job);
    return rc == RC_GONE ? RC_OK : rc;
}

enum rc retention_restore(const struct spool *spool, const char *month, const char *by, uint64_t *files, struct err *err) {
    const struct retention_options options = {.by = by};
    struct retention r = {.spool = spool, .options = &options, .err = err};
    struct retention_ids ids = {.count = 0};
    *files = 0;
    if (!is_month(month))
        return err_set(err, RC_PERM, "\"%.40s\" is no month such as 2026-11", month);
    enum rc rc = may(&r);
    if (!rc)
        rc = pack_restore(spool, month, counted, files, err);
    if (!rc)
        rc = retention_month_ids(&r, month, &ids);
    for (size_t i = 0; !rc && i < ids.count; i++)
        rc = restore_job(&r, ids.list[i]);
    retention_ids_release(&ids);
    return rc;
}
