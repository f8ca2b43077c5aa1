// SPDX-License-Identifier: Apache-2.0
#include "engine/verify_internal.h"

#include "os/fsio.h"
#include "spool/journal_line.h"
#include "spool/members.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DAMAGE_MAX 10 /* told of one journal */

struct captured {
    char path[PAYLOAD_PATH_SIZE];
    char sha256[DIGEST_HEX_SIZE];
    uint64_t bytes, end; /* end of its line in the journal */
    uint32_t batch;
    bool loaded, archived;
    bool inner; /* of a step before the last of its unit */
};

struct fold {
    struct verify *v;
    const char *id;
    bool learn;
    char campaign[65];
    struct job_row row;      /* as the journal says */
    struct job_row at_index; /* as it said where the index stopped reading */
    struct job_row index_row;
    bool has_index, reached; /* an index row; its offset is the end of a line */
    unsigned damages;
    struct captured *list;
    size_t count, capacity, known_before;
    uint32_t highest;                  /* batch captured */
    struct verify_documents documents; /* that it names */
    char listed[DIGEST_HEX_SIZE];      /* SHA-256 of its list of members; "": it has none */
    enum rc rc;                        /* out of memory */
    struct err *err;
};

static const char *text_member(const cJSON *json, const char *name) {
    const cJSON *value = cJSON_GetObjectItemCaseSensitive(json, name);
    return cJSON_IsString(value) ? value->valuestring : "";
}

static uint64_t count_member(const cJSON *json, const char *name) {
    const cJSON *value = cJSON_GetObjectItemCaseSensitive(json, name);
    return cJSON_IsNumber(value) && value->valuedouble > 0 ? (uint64_t)value->valuedouble : 0;
}

static enum rc add_known(struct verify *v, const char *id, const char *path, const char *sha256, uint32_t batch, struct err *err) {
    if (v->known_count == v->known_capacity) {
        size_t capacity = v->known_capacity ? v->known_capacity * 2 : 256;
        struct verify_known *list = realloc(v->known, capacity * sizeof *list);
        if (!list)
            return err_set(err, RC_TEMP, "out of memory");
        v->known = list;
        v->known_capacity = capacity;
    }
    struct verify_known *known = &v->known[v->known_count];
    *known = (struct verify_known){.path = strdup(path), .batch = batch};
    if (!known->path)
        return err_set(err, RC_TEMP, "out of memory");
    str_copy(known->sha256, sizeof known->sha256, sha256);
    str_copy(known->job_id, sizeof known->job_id, id);
    v->known_count++;
    return RC_OK;
}

static struct captured *find_captured(const struct fold *fold, uint32_t batch) {
    for (size_t i = fold->count; i > 0; i--)
        if (fold->list[i - 1].batch == batch && !fold->list[i - 1].inner)
            return &fold->list[i - 1];
    return NULL;
}

/* What `archived` and `restored` are about. */
static struct captured *find_moved(const struct fold *fold, const struct journal_line *line) {
    for (size_t i = fold->count; i > 0 && job_line_inner(line); i--)
        if (fold->list[i - 1].inner && strcmp(fold->list[i - 1].path, text_member(line->json, "file")) == 0)
            return &fold->list[i - 1];
    return job_line_inner(line) ? NULL : find_captured(fold, job_line_batch(line));
}

/* The first `captured` of a batch is final. Batches come about in order, so that a new one is known by the highest number so far. */
static enum rc take_captured(struct fold *fold, const struct journal_line *line, struct err *err) {
    const uint32_t batch = job_line_batch(line);
    const bool inner = job_line_inner(line);
    if (!inner && batch <= fold->highest && find_captured(fold, batch))
        return RC_OK;
    if (fold->count == fold->capacity) {
        size_t capacity = fold->capacity ? fold->capacity * 2 : 64;
        struct captured *list = realloc(fold->list, capacity * sizeof *list);
        if (!list)
            return err_set(err, RC_TEMP, "out of memory");
        fold->list = list;
        fold->capacity = capacity;
    }
    struct captured *c = &fold->list[fold->count++];
    str_copy(c->path, sizeof c->path, text_member(line->json, "file"));
    str_copy(c->sha256, sizeof c->sha256, text_member(line->json, "sha256"));
    c->bytes = count_member(line->json, "bytes");
    c->batch = batch;
    c->loaded = c->archived = false;
    c->inner = inner;
    c->end = line->end;
    fold->highest = batch > fold->highest ? batch : fold->highest;
    return RC_OK;
}

static enum rc learn_line(struct fold *fold, const struct journal_line *line, struct err *err) {
    struct verify *v = fold->v;
    const uint32_t batch = job_line_batch(line);
    const char *sha256 = text_member(line->json, "sha256"), *step = text_member(line->json, "step");
    char path[PAYLOAD_PATH_SIZE];
    if (strcmp(line->event, "captured") == 0) {
        enum rc added = add_known(v, fold->id, text_member(line->json, "file"), sha256, batch, err);
        if (added == RC_OK)
            v->known[v->known_count - 1].captured = true;
        return added;
    }
    if (strcmp(line->event, "answered") != 0 || !batch)
        return RC_OK;
    /* Published but not captured yet: the last step's name carries no step. */
    char named[PAYLOAD_STEP_SIZE];
    uint64_t part = 0;
    journal_line_u64(line->json, "part", &part);
    payload_raw_path(fold->id, fold->campaign, batch, NULL, path);
    enum rc rc = add_known(v, fold->id, path, sha256, batch, err);
    if (rc || !*step)
        return rc;
    payload_step_name(step, (uint32_t)part, named);
    payload_raw_path(fold->id, fold->campaign, batch, named, path);
    return add_known(v, fold->id, path, sha256, batch, err);
}

static void take_line(struct fold *fold, const struct journal_line *line) {
    if (fold->rc)
        return;
    if (strcmp(line->event, "accepted") == 0) {
        str_copy(fold->campaign, sizeof fold->campaign, text_member(line->json, "campaign_id"));
        if (!fold->count)
            fold->listed[0] = '\0';
        fold->rc = verify_documents_of(fold->id, text_member(line->json, "text"), &fold->documents, fold->err);
    }
    if (strcmp(line->event, "listed") == 0)
        str_copy(fold->listed, sizeof fold->listed, text_member(line->json, "sha256"));
    if (strcmp(line->event, "captured") == 0)
        fold->rc = take_captured(fold, line, fold->err);
    struct captured *loaded = strcmp(line->event, "loaded") == 0 ? find_captured(fold, job_line_batch(line)) : NULL;
    if (loaded)
        loaded->loaded = true;
    const bool archived = strcmp(line->event, "archived") == 0;
    struct captured *moved = archived || strcmp(line->event, "restored") == 0 ? find_moved(fold, line) : NULL;
    if (moved)
        moved->archived = archived;
    if (!fold->rc && fold->learn)
        fold->rc = learn_line(fold, line, fold->err);
}

static void on_line(void *context, const struct job_row *row, const struct journal_line *line) {
    struct fold *fold = context;
    if (fold->has_index && line->end == fold->index_row.journal_offset) {
        fold->reached = true;
        fold->at_index = *row;
    }
    take_line(fold, line);
}

/* Everything that can be learnt from a damaged journal, and its damages. A line that is no event breaks the chain at the next one, too: told once. */
static enum rc read_damaged(struct fold *fold) {
    char path[JOBID_SIZE + 20];
    struct journal_reader *reader;
    struct journal_line line;
    bool no_event = false;
    enum rc rc = journal_reader_open(fold->v->spool, fold->id, 0, 0, NULL, &reader, fold->err);
    if (rc)
        return rc;
    str_format(path, sizeof path, "journal/%s.ndjson", fold->id);
    do {
        memset(&line, 0, sizeof line);
        rc = journal_reader_next(reader, &line, fold->err);
        if (rc == RC_CORRUPT && !no_event && fold->damages++ < DAMAGE_MAX)
            fold->rc = verify_add(fold->v, fold->err, "journal-damaged", path, "%s", fold->err->text);
        no_event = !line.event;
        if (line.event)
            take_line(fold, &line);
    } while (!fold->rc && (rc == RC_OK || (rc == RC_CORRUPT && line.text)));
    journal_reader_close(reader);
    return rc == RC_GONE || rc == RC_CORRUPT ? fold->rc : rc;
}

static void forget_known(struct verify *v, size_t count) {
    while (v->known_count > count)
        free(v->known[--v->known_count].path);
}

static enum rc fold_journal(struct fold *fold) {
    enum rc rc = job_row_read(fold->v->spool, fold->id, &fold->row, on_line, fold, fold->err);
    if (rc != RC_CORRUPT)
        return rc ? rc : fold->rc;
    fold->count = 0;
    fold->highest = 0;
    if (fold->learn)
        forget_known(fold->v, fold->known_before);
    rc = read_damaged(fold);
    return rc;
}

static enum rc check_place(struct verify *v, const struct fold *fold, struct err *err) {
    char name[JOBID_SIZE + 8], places[200] = "", path[JOBID_SIZE + 40];
    enum place where = PLACE_NONE;
    size_t seen = 0, used = 0;
    str_format(name, sizeof name, "%s.json", fold->id);
    for (int place = PLACE_PENDING; place < PLACE_COUNT; place++) {
        struct stat st;
        if (fsio_stat(v->spool->place_fd[place], name, &st, NULL) != RC_OK)
            continue;
        used += (size_t)snprintf(places + used, sizeof places - used, "%sjobs/%s", seen ? ", " : "", place_name((enum place)place));
        where = (enum place)place;
        seen++;
    }
    if (fold->row.archived_us && (seen == 0 || (seen == 1 && where == fold->row.place))) /* what a kill left there goes with the next cleanup */
        return RC_OK;
    str_format(path, sizeof path, "jobs/%s/%s", place_name(seen == 1 ? where : fold->row.place), name);
    if (seen == 0)
        return verify_add(v, err, "job-missing", path, "its file is in no directory");
    if (seen > 1)
        return verify_add(v, err, "job-double", path, "its file lies in %s", places);
    if (!fold->damages && fold->row.place != PLACE_NONE && where != fold->row.place)
        return verify_add(v, err, "job-place", path, "the journal has it in jobs/%s", place_name(fold->row.place));
    return RC_OK;
}

static enum rc hash_file(struct verify *v, int fd, char hex[DIGEST_HEX_SIZE], struct err *err) {
    struct digest *digest = digest_new();
    if (!digest)
        return err_set(err, RC_TEMP, "out of memory");
    ssize_t got;
    while ((got = read(fd, v->bytes, VERIFY_READ_BYTES)) > 0)
        digest_add(digest, v->bytes, (size_t)got);
    if (!got)
        digest_hex(digest, hex);
    digest_free(digest);
    return got ? err_sys(err, "read") : RC_OK;
}

static enum rc check_payload(struct verify *v, const struct captured *c, struct err *err) {
    char shown[PAYLOAD_PATH_SIZE + 20], hex[DIGEST_HEX_SIZE] = "";
    struct stat st;
    struct err reason = {0};
    int fd;
    str_format(shown, sizeof shown, "payloads/raw/%s", c->path);
    enum rc rc = *c->path ? fsio_open_read(v->spool->raw_fd, c->path, &fd, &st, &reason) : RC_GONE;
    if (rc == RC_GONE && c->archived) {
        if (v->counts)
            v->counts->archived++;
        return RC_OK;
    }
    if (rc == RC_GONE)
        return verify_add(v, err, "payload-missing", shown, "batch %" PRIu32 " was captured, and its payload is not there", c->batch);
    if (rc)
        return verify_add(v, err, "payload-missing", shown, "cannot be opened: %s", reason.text);
    if (v->counts) {
        v->counts->payloads++;
        v->counts->bytes += (uint64_t)st.st_size;
    }
    if ((uint64_t)st.st_size != c->bytes)
        rc = verify_add(v, err, "payload-changed", shown, "it has %lld bytes, the journal says %" PRIu64, (long long)st.st_size, c->bytes);
    else if (!v->options->quick && (rc = hash_file(v, fd, hex, &reason)) != RC_OK)
        rc = verify_add(v, err, "payload-changed", shown, "cannot be read: %s", reason.text);
    else if (*hex && strcmp(hex, c->sha256) != 0)
        rc = verify_add(v, err, "payload-changed", shown, "its SHA-256 is %s, the journal says %s", hex, c->sha256);
    close(fd);
    return rc;
}

static enum rc check_marker_of(struct verify *v, const struct fold *fold, const struct captured *c, struct err *err) {
    char marker[PAYLOAD_PATH_SIZE], path[PAYLOAD_PATH_SIZE + 40], places[200] = "";
    size_t seen = 0, used = 0;
    int where = SHELF_PENDING;
    payload_marker_name(fold->id, c->batch, marker);
    for (int shelf = SHELF_PENDING; shelf < SHELF_COUNT; shelf++) {
        struct stat st;
        if (fsio_stat(v->spool->shelf_fd[shelf], marker, &st, NULL) != RC_OK)
            continue;
        used += (size_t)snprintf(places + used, sizeof places - used, "%spayloads/%s", seen ? ", " : "", shelf_name((enum shelf)shelf));
        where = shelf;
        seen++;
    }
    str_format(path, sizeof path, "payloads/%s/%s", shelf_name((enum shelf)where), marker);
    if (seen == 1 && where == SHELF_PROCESSED && !c->loaded)
        return verify_add(v, err, "marker-place", path, "the journal does not say that it was loaded: it belongs into ready/ or pending/");
    if (seen == 1 || (seen == 0 && c->archived))
        return RC_OK;
    if (seen)
        return verify_add(v, err, "marker-double", path, "it lies in %s", places);
    return verify_add(v, err, "marker-missing", path, "the payload was captured, and no directory has its marker");
}

static enum rc check_members(struct verify *v, const struct fold *fold, struct err *err) {
    struct members *members;
    struct err reason = {0};
    char path[JOBID_SIZE + 40];
    if (!fold->listed[0])
        return RC_OK;
    enum rc rc = members_open(v->spool, fold->id, fold->listed, &members, &reason);
    members_close(members);
    str_format(path, sizeof path, "results/%s/members.ndjson", fold->id);
    if (rc == RC_GONE)
        return verify_add(v, err, "members-missing", path, "the list of the job's records is not there");
    return rc ? verify_add(v, err, "members-changed", path, "%s", reason.text) : RC_OK;
}

/* With the parts of a row that job_row_json does not show. */
static cJSON *row_json(const struct job_row *row) {
    cJSON *json = job_row_json(row);
    if (!json)
        return NULL;
    cJSON_AddStringToObject(json, "criteria_hash", row->criteria_hash);
    cJSON_AddStringToObject(json, "text_sha256", row->text_sha256);
    cJSON_AddNumberToObject(json, "take", (double)row->take);
    cJSON_AddNumberToObject(json, "placed", (double)row->placed_us);
    cJSON_AddNumberToObject(json, "journal_seq", (double)row->journal_seq);
    cJSON_AddBoolToObject(json, "metered", row->metered);
    cJSON_AddBoolToObject(json, "accepted", row->accepted);
    cJSON_AddBoolToObject(json, "requested", row->requested);
    cJSON_AddBoolToObject(json, "override_wait", row->override_wait);
    return json;
}

static enum rc compare_rows(struct verify *v, const struct fold *fold, struct err *err) {
    cJSON *index = row_json(&fold->index_row), *journal = row_json(&fold->at_index);
    enum rc rc = index && journal ? RC_OK : err_set(err, RC_TEMP, "out of memory");
    const cJSON *mine;
    cJSON_ArrayForEach(mine, index) {
        const cJSON *other = cJSON_GetObjectItemCaseSensitive(journal, mine->string);
        if (rc || cJSON_Compare(mine, other, true))
            continue;
        char *left = cJSON_PrintUnformatted(mine), *right = other ? cJSON_PrintUnformatted(other) : NULL;
        char path[JOBID_SIZE + 20];
        str_format(path, sizeof path, "index/%s", fold->id);
        rc = verify_add(v, err, "index-changed", path, "%s is %s in the index, %s by the journal", mine->string, left ? left : "?", right ? right : "?");
        cJSON_free(left);
        cJSON_free(right);
        break;
    }
    cJSON_Delete(index);
    cJSON_Delete(journal);
    return rc;
}

static enum rc compare_files(struct verify *v, const struct fold *fold, struct err *err) {
    enum rc rc = RC_OK;
    for (size_t i = 0; !rc && i < fold->count && fold->list[i].end <= fold->index_row.journal_offset; i++) {
        const struct captured *c = &fold->list[i];
        if (c->inner)
            continue;
        struct file_row row;
        char path[JOBID_SIZE + 40], raw[PAYLOAD_PATH_SIZE + 20];
        struct err ignored = {0};
        str_format(path, sizeof path, "index/%s_batch%04" PRIu32, fold->id, c->batch);
        str_format(raw, sizeof raw, "payloads/raw/%s", c->path);
        if (index_file(v->index, fold->id, c->batch, &row, &ignored) != RC_OK)
            rc = verify_add(v, err, "index-changed", path, "the index has no row for this batch");
        else if (strcmp(row.sha256, c->sha256) != 0 || row.bytes != c->bytes || strcmp(row.file_path, raw) != 0)
            rc = verify_add(v, err, "index-changed", path, "its path, size or SHA-256 is not what the journal says");
    }
    return rc;
}

static enum rc check_index(struct verify *v, const struct fold *fold, struct err *err) {
    char path[JOBID_SIZE + 20];
    str_format(path, sizeof path, "journal/%s.ndjson", fold->id);
    if (!fold->has_index || fold->damages)
        return RC_OK;
    if (!fold->reached)
        return verify_add(v, err, "journal-changed", path, "the index has read it up to byte %" PRIu64 ", where no line ends now",
                          fold->index_row.journal_offset);
    if (strcmp(fold->index_row.journal_hash, fold->at_index.journal_hash) != 0)
        return verify_add(v, err, "journal-changed", path, "line %" PRIu64 " is not the one that the index has seen", fold->at_index.journal_seq);
    enum rc rc = compare_rows(v, fold, err);
    return rc ? rc : compare_files(v, fold, err);
}

/* A job that failed or was cancelled before anything came says itself what it lacks, and may name what never was. */
static enum rc check_documents(struct verify *v, const struct fold *fold, struct err *err) {
    const bool over = fold->row.place == PLACE_FAILED || fold->row.place == PLACE_CANCELLED;
    return fold->row.archived_us || (over && !fold->count) ? RC_OK : verify_named(v, &fold->documents, fold->learn, err);
}

enum rc verify_job(struct verify *v, const char *job_id, bool learn, struct err *err) {
    struct fold fold = {.v = v, .id = job_id, .learn = learn, .known_before = v->known_count, .err = err};
    struct err ignored = {0};
    fold.has_index = v->index && index_job(v->index, job_id, &fold.index_row, &ignored) == RC_OK;
    enum rc rc = fold_journal(&fold);
    if (rc == RC_GONE) /* it went since the directory was read, or was only made */
        rc = RC_OK;
    else if (!rc)
        rc = check_place(v, &fold, err);
    for (size_t i = 0; !rc && i < fold.count; i++) {
        rc = check_payload(v, &fold.list[i], err);
        if (!rc && !fold.list[i].inner)
            rc = check_marker_of(v, &fold, &fold.list[i], err);
    }
    if (!rc)
        rc = check_documents(v, &fold, err);
    if (!rc)
        rc = check_members(v, &fold, err);
    if (!rc)
        rc = check_index(v, &fold, err);
    free(fold.list);
    free(fold.documents.list);
    return rc;
}
