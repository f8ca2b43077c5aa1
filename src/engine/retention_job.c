// SPDX-License-Identifier: Apache-2.0
#include "engine/retention_internal.h"

#include "base/limits.h"
#include "os/dirscan.h"
#include "os/fsio.h"
#include "spool/journal_line.h"

#include <stdlib.h>
#include <string.h>

void retention_job_release(struct retention_job *job) {
    free(job->files);
    job->files = NULL;
    job->count = job->capacity = 0;
}

static bool is_file(const struct retention_job *job, size_t i, uint32_t batch) {
    return i < job->count && job->files[i].batch == batch && !job->files[i].inner;
}

/* Lines tell of batches about in order: the file is near the one that was told of last. */
static struct retention_file *file_of(struct retention_job *job, uint32_t batch) {
    for (size_t away = 0; away <= job->count; away++) {
        if (is_file(job, job->near + away, batch))
            job->near += away;
        else if (away <= job->near && is_file(job, job->near - away, batch))
            job->near -= away;
        else
            continue;
        return &job->files[job->near];
    }
    return NULL;
}

static void file_new(struct retention_job *job, uint32_t batch) {
    if (job->count == job->capacity) {
        size_t capacity = job->capacity ? job->capacity * 2 : 32;
        struct retention_file *larger = realloc(job->files, capacity * sizeof *larger);
        job->out_of_memory = job->out_of_memory || !larger;
        if (!larger)
            return;
        job->files = larger;
        job->capacity = capacity;
    }
    job->files[job->count++] = (struct retention_file){.batch = batch};
}

/* Of a step before the last: what lines say of it is about this file alone. */
static void inner_seen(struct retention_job *job, const struct journal_line *line) {
    const char *path = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(line->json, "file"));
    const char *sha256 = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(line->json, "sha256"));
    const bool captured = strcmp(line->event, "captured") == 0;
    if (!path || !sha256)
        return;
    for (size_t i = job->count; i > 0 && !captured; i--) {
        if (job->files[i - 1].inner && strcmp(job->files[i - 1].raw.path, path) == 0) {
            job->files[i - 1].archived = strcmp(line->event, "archived") == 0;
            return;
        }
    }
    const size_t before = job->count;
    if (captured)
        file_new(job, job_line_batch(line));
    if (job->count == before)
        return;
    struct retention_file *file = &job->files[job->count - 1];
    file->inner = true;
    journal_line_u64(line->json, "bytes", &file->bytes);
    str_copy(file->raw.path, sizeof file->raw.path, path);
    str_copy(file->raw.sha256, sizeof file->raw.sha256, sha256);
}

static void line_seen(void *context, const struct job_row *row, const struct journal_line *line) {
    struct retention_job *job = context;
    const uint32_t batch = job_line_batch(line);
    if (!batch)
        return;
    if (job_line_inner(line)) {
        inner_seen(job, line);
        return;
    }
    struct retention_file *file = file_of(job, batch);
    if (!file && strcmp(line->event, "captured") == 0) {
        file_new(job, batch);
        file = file_of(job, batch);
    }
    if (!file)
        return;
    struct file_row folded = {.batch = batch, .status = file->status, .archived_us = file->archived, .bytes = file->bytes};
    if (file->raw.path[0]) /* file_row_apply says what lines mean; here the row is put together for it */
        str_format(folded.file_path, sizeof folded.file_path, "payloads/raw/%s", file->raw.path);
    str_copy(folded.sha256, sizeof folded.sha256, file->raw.sha256);
    if (!file_row_apply(&folded, row, line))
        return;
    file->status = folded.status;
    file->archived = folded.archived_us != 0;
    file->bytes = folded.bytes;
    str_copy(file->raw.path, sizeof file->raw.path, folded.file_path + strlen("payloads/raw/"));
    str_copy(file->raw.sha256, sizeof file->raw.sha256, folded.sha256);
}

enum rc retention_job_read(const struct spool *spool, const char *id, struct retention_job *job, struct err *err) {
    *job = (struct retention_job){.files = NULL};
    enum rc rc = job_row_read(spool, id, &job->row, line_seen, job, err);
    if (!rc && job->out_of_memory)
        rc = err_set(err, RC_TEMP, "out of memory");
    if (rc)
        retention_job_release(job);
    return rc;
}

static bool is_final(const struct job_row *row) {
    return row->place == PLACE_PROCESSED || row->place == PLACE_FAILED || row->place == PLACE_CANCELLED;
}

/* Its own time has come. */
bool retention_old(const struct retention *r, const struct job_row *row) {
    return is_final(row) && row->completed_us && retention_days_over(r, row->source, row->completed_us);
}

/* Why nothing of it may go; NULL: it may. */
const char *retention_held_by(const struct retention *r, const struct retention_job *job) {
    const struct job_row *row = &job->row;
    char marker[PAYLOAD_PATH_SIZE];
    if (!is_final(row))
        return "unfinished";
    if (row->unknown_batches || row->open_batches)
        return "in_doubt";
    if (row->failed_batches)
        return "not_loadable";
    for (size_t i = 0; i < job->count; i++) {
        const struct retention_file *file = &job->files[i];
        if (file->archived || file->inner)
            continue;
        payload_marker_name(row->id, file->batch, marker);
        if (file->status != FILE_COMPLETED || payload_marker_shelf(r->spool, marker) != SHELF_PROCESSED)
            return "not_loaded";
    }
    return NULL;
}

void retention_keep(struct retention *r, const char *reason) {
    for (size_t i = 0; i < RETENTION_REASONS; i++) {
        struct retention_kept *kept = &r->kept[i];
        if (kept->reason && strcmp(kept->reason, reason) != 0)
            continue;
        kept->reason = reason;
        kept->jobs++;
        return;
    }
}

size_t retention_files_left(const struct retention_job *job, uint64_t *bytes) {
    size_t left = 0;
    for (size_t i = 0; i < job->count; i++) {
        left += !job->files[i].archived;
        if (bytes && !job->files[i].archived)
            *bytes += job->files[i].bytes;
    }
    return left;
}

/* The text of a file that no `accepted` has: a drop that was refused, or was edited where nobody looked. RC_CORRUPT: it is no text. */
static enum rc odd_text(const struct retention *r, const struct job_row *row, cJSON *m, struct err *err) {
    char name[JOBID_SIZE + 8], sum[DIGEST_HEX_SIZE];
    struct buf text = BUF_INIT(LIMIT_JOB_FILE_BYTES);
    str_format(name, sizeof name, "%s.json", row->id);
    enum rc rc = fsio_read_file(r->spool->place_fd[row->place], name, &text, err);
    if (rc == RC_GONE)
        rc = RC_OK;
    else if (rc == RC_PERM)
        rc = RC_CORRUPT;
    else if (!rc) {
        digest_of_hex(buf_text(&text), text.length, sum);
        if (row->accepted && strcmp(sum, row->text_sha256) == 0)
            rc = RC_OK;
        else if (strlen(buf_text(&text)) == text.length && str_is_utf8(buf_text(&text), text.length)) {
            cJSON_AddStringToObject(m, "text", buf_text(&text));
            cJSON_AddStringToObject(m, "sha256", sum);
        } else
            rc = RC_CORRUPT;
    }
    buf_release(&text);
    return rc;
}

cJSON *retention_file_members(const struct retention_file *file) {
    cJSON *m = cJSON_CreateObject();
    cJSON_AddNumberToObject(m, "batch", file->batch);
    cJSON_AddStringToObject(m, "file", file->raw.path);
    cJSON_AddStringToObject(m, "sha256", file->raw.sha256);
    if (file->inner)
        cJSON_AddTrueToObject(m, "inner");
    return m;
}

enum rc retention_tell_job(const struct retention *r, struct journal *journal, const struct job_row *row, struct err *err) {
    cJSON *m = cJSON_CreateObject();
    if (!m)
        return err_set(err, RC_TEMP, "out of memory");
    enum rc rc = odd_text(r, row, m, err);
    if (!rc)
        rc = journal_add(journal, "archived", r->options->by, m, err);
    cJSON_Delete(m);
    return rc;
}

void retention_ids_release(struct retention_ids *ids) {
    free(ids->list);
    *ids = (struct retention_ids){.count = 0};
}

enum rc retention_ids_add(struct retention_ids *ids, const char *id, struct err *err) {
    if (ids->count == ids->capacity) {
        size_t capacity = ids->capacity ? ids->capacity * 2 : 64;
        char(*larger)[JOBID_SIZE] = realloc(ids->list, capacity * sizeof *larger);
        if (!larger)
            return err_set(err, RC_TEMP, "out of memory");
        ids->list = larger;
        ids->capacity = capacity;
    }
    str_copy(ids->list[ids->count++], JOBID_SIZE, id);
    return RC_OK;
}

static int id_order(const void *a, const void *b) {
    return strcmp(a, b);
}

/* The jobs of a month by their journals, in order. */
enum rc retention_month_ids(const struct retention *r, const char *month, struct retention_ids *ids) {
    struct dirscan *scan;
    const char *name;
    unsigned char type;
    char prefix[8], id[JOBID_SIZE];
    str_format(prefix, sizeof prefix, "%.4s%.2s", month, month + 5);
    enum rc rc = dirscan_open(r->spool->journal_fd, ".", &scan, r->err);
    if (rc)
        return rc;
    while ((rc = dirscan_next(scan, &name, &type, r->err)) == RC_OK)
        if (str_starts(name, prefix) && str_ends(name, ".ndjson") && str_format(id, sizeof id, "%.*s", (int)(strlen(name) - 7), name) && jobid_valid(id) &&
            (rc = retention_ids_add(ids, id, r->err)) != RC_OK)
            break;
    dirscan_close(scan);
    if (ids->count)
        qsort(ids->list, ids->count, sizeof *ids->list, id_order);
    return rc == RC_GONE ? RC_OK : rc;
}
