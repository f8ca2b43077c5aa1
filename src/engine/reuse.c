// SPDX-License-Identifier: Apache-2.0
#include "engine/reuse.h"

#include "base/str.h"
#include "spool/payload.h"

#include <string.h>

#define LOOK_MOST 64u /* at jobs of one search, at payloads of one sum: a search that runs every minute has thousands */
#define RECORDS_MOST 8u

bool reuse_covers(uint64_t other, uint64_t take) {
    return other == JOB_UNKNOWN || (take != JOB_UNKNOWN && take <= other);
}

/* Live or completed, and not empty-handed. A job that points at another's payloads has none of its own: that other one is found. */
static bool counts(const struct job_row *row) {
    bool nothing_of_some = row->processed_records == 0 && row->total_records != JOB_UNKNOWN && row->total_records > 0;
    switch (row->place) {
    case PLACE_PENDING:
    case PLACE_PROCESSING:
    case PLACE_DEFERRED:
        return true;
    case PLACE_HOLD:
        return row->requested || row->captured_batches > 0;
    case PLACE_PROCESSED:
        return row->captured_batches > 0 && !nothing_of_some;
    case PLACE_NONE:
    case PLACE_FAILED:
    case PLACE_CANCELLED:
    case PLACE_COUNT:
        break;
    }
    return false;
}

/* Its `take` left nothing behind. */
static bool took_all(const struct job_row *row) {
    return row->place == PLACE_PROCESSED && row->take != JOB_UNKNOWN && row->total_records < row->take;
}

struct look {
    struct index *index;
    const struct reuse_search *search;
    int64_t since_us;
    bool exactly, found;
    unsigned looked;
    uint64_t records;
    char *job_id;
};

static bool is_other(const struct look *look, const struct job_row *row) {
    return look->search->except_id == NULL || strcmp(row->id, look->search->except_id) != 0;
}

static bool found(struct look *look, const struct job_row *row, bool is) {
    look->found = is;
    if (is)
        str_copy(look->job_id, JOBID_SIZE, row->id);
    return !is;
}

static bool see_duplicate(void *context, const struct job_row *row) {
    struct look *look = context;
    bool fits = look->exactly ? row->take == look->search->take : reuse_covers(row->take, look->search->take) || took_all(row);
    bool since = row->created_us >= look->since_us;
    return found(look, row, fits && since && strcmp(row->mode, "run") == 0 && is_other(look, row) && counts(row));
}

static bool answers(const struct look *look, const struct job_row *row) {
    bool loaded = !look->search->automatic || row->loaded_batches == row->captured_batches;
    bool same = row->take == look->search->take && strcmp(row->mode, "run") == 0 && is_other(look, row);
    return same && loaded && row->place == PLACE_PROCESSED && row->completed_us >= look->since_us && counts(row);
}

/* Of jobs that were answered by another's payloads there may be very many: that other one is asked for at once. */
static bool see_completed(void *context, const struct job_row *row) {
    struct look *look = context;
    struct job_row other;
    if (row->reuses[0] != '\0' && index_job(look->index, row->reuses, &other, NULL) == RC_OK)
        row = &other;
    return found(look, row, answers(look, row)) && ++look->looked < LOOK_MOST;
}

/* What a job that took some says of one that takes more is not enough. */
static bool see_records(void *context, const struct job_row *row) {
    struct look *look = context;
    struct job_row other;
    if (row->reuses[0] != '\0' && index_job(look->index, row->reuses, &other, NULL) == RC_OK)
        row = &other;
    bool known = row->total_records != JOB_UNKNOWN && is_other(look, row);
    bool trimmed = row->take != JOB_UNKNOWN && row->total_records >= row->take;
    known = known && (!trimmed || reuse_covers(row->take, look->search->take));
    look->records = row->total_records < look->search->take ? row->total_records : look->search->take;
    return found(look, row, known) && ++look->looked < RECORDS_MOST;
}

static enum rc walk(struct index *index, struct look *look, index_job_seen *see, struct err *err) {
    look->index = index;
    enum rc rc = index_jobs_of_criteria(index, look->search->source, look->search->hash, see, look, err);
    return rc == RC_OK && !look->found ? RC_GONE : rc;
}

enum rc reuse_duplicate(struct index *index, const struct reuse_search *search, int64_t since_us, bool exactly, char job_id[JOBID_SIZE], struct err *err) {
    struct look look = {.search = search, .since_us = since_us, .exactly = exactly, .job_id = job_id};
    return walk(index, &look, see_duplicate, err);
}

enum rc reuse_completed(struct index *index, const struct reuse_search *search, int64_t since_us, char job_id[JOBID_SIZE], struct err *err) {
    struct look look = {.search = search, .since_us = since_us, .job_id = job_id};
    return walk(index, &look, see_completed, err);
}

enum rc reuse_records(struct index *index, const struct reuse_search *search, uint64_t *records, char job_id[JOBID_SIZE], struct err *err) {
    struct look look = {.search = search, .job_id = job_id};
    enum rc rc = walk(index, &look, see_records, err);
    *records = rc == RC_OK ? look.records : JOB_UNKNOWN;
    return rc;
}

/* --- payloads ------------------------------------------------------------------------------------------------------- */

struct bytes {
    struct index *index;
    const char *source, *job_id;
    uint32_t batch;
    bool found;
    unsigned looked;
    char *file;
    size_t size;
};

static bool see_file(void *context, const struct file_row *row) {
    struct bytes *b = context;
    struct job_row job;
    bool own = strcmp(row->job_id, b->job_id) == 0;
    b->found = own ? row->batch != b->batch : index_job(b->index, row->job_id, &job, NULL) == RC_OK && strcmp(job.source, b->source) == 0;
    if (b->found)
        str_copy(b->file, b->size, row->file_path + strlen("payloads/raw/"));
    return !b->found && ++b->looked < LOOK_MOST;
}

enum rc reuse_bytes(struct index *index, const char *source, const char *job_id, uint32_t batch, const char *sha256, char *file, size_t size, struct err *err) {
    struct bytes b = {.index = index, .source = source, .job_id = job_id, .batch = batch, .file = file, .size = size};
    enum rc rc = index_files_by_sha256(index, sha256, job_id, see_file, &b, err);
    if (rc == RC_OK && !b.found)
        rc = index_files_by_sha256(index, sha256, NULL, see_file, &b, err);
    return rc == RC_OK && !b.found ? RC_GONE : rc;
}
