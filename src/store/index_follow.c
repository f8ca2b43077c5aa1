// SPDX-License-Identifier: Apache-2.0
#include "store/index.h"

#include "base/clock.h"
#include "base/limits.h"
#include "os/fsio.h"
#include "spool/journal_line.h"
#include "store/history.h"
#include "store/index_internal.h"

#include <stdlib.h>
#include <string.h>

#define GOVERNOR_BYTES ((size_t)64 * 1024)
#define ROOM_BYTES ((size_t)64 * 1024) /* pages on the way to the rows of one job */
#define ROOM_PER_BYTE 4                /* of a journal: its lines are longer than a quarter of what they put here */

/* Keys that follow from a job's row; false: the row is not in that table. */

static bool in_queue(const struct job_row *row, struct index_key *key) {
    bool errand = strcmp(row->mode, "results") == 0 || strcmp(row->mode, "cleanup") == 0;
    index_key_name(key, errand ? INDEX_ERRANDS : strcmp(row->mode, "source") == 0 ? INDEX_NO_SOURCE : row->source);
    index_key_number(key, (uint64_t)(PRIORITY_URGENT - row->priority), 1);
    index_key_text(key, row->id);
    return row->place == PLACE_PENDING && row->accepted;
}

static bool in_places(const struct job_row *row, struct index_key *key) {
    index_key_number(key, row->place, 1);
    index_key_text(key, row->id);
    return row->place != PLACE_NONE && row->archived_us == 0;
}

static bool in_deferred(const struct job_row *row, struct index_key *key) {
    index_key_number(key, row->until_us > 0 ? (uint64_t)row->until_us : 0, 8);
    index_key_text(key, row->id);
    return row->place == PLACE_DEFERRED;
}

static bool in_campaigns(const struct job_row *row, struct index_key *key) {
    index_key_name(key, row->campaign);
    index_key_text(key, row->id);
    return row->campaign[0] != '\0';
}

static bool in_criteria(const struct job_row *row, struct index_key *key) {
    index_key_name(key, row->source);
    index_key_name(key, row->criteria_hash);
    index_key_text(key, row->id);
    return row->accepted && row->criteria_hash[0] != '\0' && (strcmp(row->mode, "run") == 0 || strcmp(row->mode, "preview") == 0);
}

static const struct {
    enum index_table table;
    bool (*key)(const struct job_row *row, struct index_key *key);
} DERIVED[] = {
    {TABLE_QUEUE, in_queue}, {TABLE_PLACES, in_places}, {TABLE_DEFERRED, in_deferred}, {TABLE_CAMPAIGNS, in_campaigns}, {TABLE_CRITERIA, in_criteria},
};

static enum rc put_derived(struct index *index, const struct job_row *before, const struct job_row *row, struct err *err) {
    enum rc rc = RC_OK;
    for (size_t i = 0; rc == RC_OK && i < sizeof DERIVED / sizeof DERIVED[0]; i++) {
        struct index_key old = {.length = 0}, new = {.length = 0};
        bool was = before != NULL && DERIVED[i].key(before, &old), is = DERIVED[i].key(row, &new);
        if (was && is && old.length == new.length &&memcmp(old.bytes, new.bytes, old.length) == 0)
            continue;
        if (was)
            rc = index_delete(index, DERIVED[i].table, &old, err);
        if (rc == RC_OK && is)
            rc = index_put(index, DERIVED[i].table, &new, "", 0, err);
    }
    return rc;
}

static enum place counted_at(const struct job_row *row) {
    return row != NULL && strcmp(row->mode, "run") == 0 && row->archived_us == 0 ? row->place : PLACE_NONE;
}

static enum rc put_counts(struct index *index, enum place from, enum place to, struct err *err) {
    static const struct index_key key = {.bytes = "counts", .length = 6};
    struct codec_counts counts;
    unsigned char bytes[CODEC_ROW_BYTES];
    if (from == to)
        return RC_OK;
    enum rc rc = index_get_counts(index, index->txn, &counts, err);
    if (rc != RC_OK)
        return index->failed = rc;
    if (from != PLACE_NONE && counts.jobs[from] > 0)
        counts.jobs[from]--;
    if (to != PLACE_NONE)
        counts.jobs[to]++;
    return index_put(index, TABLE_META, &key, bytes, codec_counts_write(&counts, bytes), err);
}

enum rc index_put_job(struct index *index, const struct job_row *before, const struct job_row *row, struct err *err) {
    unsigned char bytes[CODEC_ROW_BYTES];
    struct index_key key = {.length = 0};
    index_key_text(&key, row->id);
    enum rc rc = index_put(index, TABLE_JOBS, &key, bytes, codec_job_write(row, bytes), err);
    if (rc == RC_OK)
        rc = put_derived(index, before, row, err);
    return rc == RC_OK ? put_counts(index, counted_at(before), counted_at(row), err) : rc;
}

/* One journal that is being folded in. */
struct fold {
    struct index *index;
    const struct spool *spool;
    struct job_row row, before;
    struct job_row earlier; /* before the line, when somebody listens */
    bool known;             /* there is a row: before */
    uint64_t limit;         /* lines that end behind it are left */
    struct job_memory memory;
    struct job_unknown *unknown; /* as the table has them */
    size_t unknown_count;
    struct err *err;
};

static enum rc add_to_span(struct fold *fold, int64_t ts_us, uint64_t requests, struct dec spent, struct dec in_doubt) {
    struct index *index = fold->index;
    struct codec_span span;
    struct index_key key;
    unsigned char bytes[CODEC_ROW_BYTES];
    index_span_key(&key, fold->row.source, ts_us);
    enum rc rc = index_get_span(index, index->txn, &key, &span, fold->err);
    if (rc != RC_OK)
        return index->failed = rc;
    span.requests += requests;
    span.spent = dec_add(span.spent, spent);
    span.in_doubt = dec_add(span.in_doubt, in_doubt);
    return index_put(index, TABLE_SPANS, &key, bytes, codec_span_write(&span, bytes), fold->err);
}

static void add_money(struct fold *fold, const char *name, const char *day, const struct job_money *moved) {
    struct index *index = fold->index;
    struct codec_money money;
    struct index_key key;
    unsigned char bytes[CODEC_ROW_BYTES];
    if (index->failed != RC_OK)
        return;
    index_money_key(&key, name, day);
    enum rc rc = index_get_money(index, index->txn, &key, &money, fold->err);
    if (rc != RC_OK) {
        index->failed = rc;
        return;
    }
    money.spent = dec_add(money.spent, moved->spent);
    money.in_doubt = dec_add(money.in_doubt, moved->in_doubt);
    money.open = dec_add(money.open, moved->open);
    index_put(index, TABLE_MONEY, &key, bytes, codec_money_write(&money, bytes), fold->err);
}

/* For the caps of the source and of all sources of a currency. What is open belongs to no day yet: its outcome says which. */
static void money_moved(void *context, int64_t ts_us, const struct job_money *moved) {
    struct fold *fold = context;
    char day[CLOCK_RFC3339_SIZE], currency[sizeof fold->row.currency + 1];
    const bool open = dec_compare(moved->open, dec_zero()) != 0;
    if (!open && dec_compare(moved->spent, dec_zero()) == 0 && dec_compare(moved->in_doubt, dec_zero()) == 0)
        return;
    clock_format_rfc3339(ts_us, 0, day);
    day[strlen("2026-11-23")] = '\0';
    str_format(currency, sizeof currency, "@%s", fold->row.currency);
    add_money(fold, fold->row.source, open ? INDEX_NO_DAY : day, moved);
    add_money(fold, currency, open ? INDEX_NO_DAY : day, moved);
    if (!open)
        add_to_span(fold, ts_us, 0, moved->spent, moved->in_doubt);
}

static enum rc read_unknown(struct fold *fold) {
    uint64_t charges = fold->row.unknown_batches + fold->row.open_batches;
    size_t count = charges <= LIMIT_BATCHES ? (size_t)charges : LIMIT_BATCHES;
    struct index_key prefix = {.length = 0};
    struct index_walk walk;
    if (count == 0)
        return RC_OK;
    fold->unknown = calloc(count, sizeof *fold->unknown);
    fold->memory.unknown = calloc(count, sizeof *fold->unknown);
    if (fold->unknown == NULL || fold->memory.unknown == NULL)
        return err_set(fold->err, RC_TEMP, "out of memory");
    index_key_name(&prefix, fold->row.id);
    enum rc rc = index_walk_begin(&walk, fold->index, TABLE_UNKNOWN, &prefix, &prefix, fold->err);
    if (rc != RC_OK)
        return rc;
    for (; rc == RC_OK && index_walk_here(&walk) && fold->unknown_count < count; index_walk_step(&walk)) {
        struct job_unknown *unknown = &fold->unknown[fold->unknown_count++];
        char id[JOBID_SIZE];
        if (!codec_unknown_read(walk.value.mv_data, walk.value.mv_size, unknown) ||
            !index_key_take_batch(walk.key.mv_data, walk.key.mv_size, id, &unknown->batch))
            rc = index_damaged(fold->index, fold->err, "a row of unknown");
    }
    rc = index_walk_end(&walk, rc, fold->err);
    memcpy(fold->memory.unknown, fold->unknown, fold->unknown_count * sizeof *fold->unknown);
    fold->memory.unknown_count = fold->unknown_count;
    fold->memory.unknown_capacity = count;
    return rc == RC_OK && fold->unknown_count != count ? index_damaged(fold->index, fold->err, "the table unknown") : rc;
}

/* Both lists are in the order of batches. */
static enum rc put_unknown(struct fold *fold) {
    const struct job_unknown *old = fold->unknown, *new = fold->memory.unknown;
    size_t i = 0, k = 0;
    enum rc rc = RC_OK;
    while (rc == RC_OK && (i < fold->unknown_count || k < fold->memory.unknown_count)) {
        struct index_key key;
        unsigned char bytes[CODEC_ROW_BYTES];
        if (k == fold->memory.unknown_count || (i < fold->unknown_count && old[i].batch < new[k].batch)) {
            index_key_batch(&key, fold->row.id, old[i++].batch);
            rc = index_delete(fold->index, TABLE_UNKNOWN, &key, fold->err);
            continue;
        }
        if (i < fold->unknown_count && old[i].batch == new[k].batch)
            i++;
        index_key_batch(&key, fold->row.id, new[k].batch);
        rc = index_put(fold->index, TABLE_UNKNOWN, &key, bytes, codec_unknown_write(&new[k], bytes), fold->err);
        k++;
    }
    return rc;
}

/* Later units may look for the unit that this line captured, by the digest that it names, as payloads are looked for by theirs. */
static enum rc put_unit_key(struct fold *fold, const struct journal_line *line, const struct file_row *file) {
    const char *unit = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(line->json, "unit"));
    unsigned char sum[DIGEST_BYTES];
    struct index_key key, by_sum = {.length = 0};
    if (unit == NULL || strcmp(line->event, "captured") != 0 || !str_unhex(unit, sum, sizeof sum))
        return RC_OK;
    index_key_batch(&key, file->job_id, file->batch);
    index_key_bytes(&by_sum, sum, sizeof sum);
    index_key_bytes(&by_sum, key.bytes, key.length);
    return index_put(fold->index, TABLE_SHA256, &by_sum, "", 0, fold->err);
}

/* What fails now is not answered by what it was before. */
static enum rc drop_unit_key(struct fold *fold, const struct journal_line *line) {
    const char *unit = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(line->json, "unit"));
    unsigned char sum[DIGEST_BYTES];
    struct index_key prefix = {.length = 0};
    if (unit == NULL || strcmp(line->event, "failed") != 0 || !str_unhex(unit, sum, sizeof sum))
        return RC_OK;
    index_key_bytes(&prefix, sum, sizeof sum);
    for (;;) {
        struct index_walk walk;
        struct index_key found = {.length = 0};
        enum rc rc = index_walk_begin(&walk, fold->index, TABLE_SHA256, &prefix, &prefix, fold->err);
        if (rc != RC_OK)
            return rc;
        if (index_walk_here(&walk))
            index_key_bytes(&found, walk.key.mv_data, walk.key.mv_size);
        rc = index_walk_end(&walk, RC_OK, fold->err);
        rc = rc == RC_OK && found.length > 0 ? index_delete(fold->index, TABLE_SHA256, &found, fold->err) : rc;
        if (rc != RC_OK || found.length == 0)
            return rc;
    }
}

static enum rc put_file(struct fold *fold, const struct file_row *file) {
    unsigned char bytes[CODEC_ROW_BYTES], sum[DIGEST_BYTES];
    struct index_key key, by_sum = {.length = 0};
    index_key_batch(&key, file->job_id, file->batch);
    enum rc rc = index_put(fold->index, TABLE_FILES, &key, bytes, codec_file_write(file, bytes), fold->err);
    if (rc != RC_OK || !str_unhex(file->sha256, sum, sizeof sum))
        return rc;
    index_key_bytes(&by_sum, sum, sizeof sum);
    index_key_bytes(&by_sum, key.bytes, key.length);
    return index_put(fold->index, TABLE_SHA256, &by_sum, "", 0, fold->err);
}

bool index_asked(const struct journal_line *line) {
    const bool sent = !cJSON_HasObjectItem(line->json, "helper") && !cJSON_HasObjectItem(line->json, "cached"); /* a program, or an earlier answer, is none */
    return (strcmp(line->event, "requested") == 0 && sent) || strcmp(line->event, "previewed") == 0 ||
           (strcmp(line->event, "retrying") == 0 && job_line_batch(line) == 0);
}

static bool page_of_history(const struct job_row *row, const struct journal_line *line, struct history_page *page) {
    const char *cost = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(line->json, "cost"));
    const char *answered = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(line->json, "captured_at"));
    uint64_t took_ms, records = 0;
    const bool timed = journal_line_u64(line->json, "unit_ms", &took_ms) || journal_line_u64(line->json, "took_ms", &took_ms);
    *page = (struct history_page){.answered_us = line->ts_us, .job = history_job(row->id), .cost = dec_zero()};
    if (row->source[0] == '\0' || strcmp(line->event, "captured") != 0 || job_line_inner(line) || !timed || cJSON_HasObjectItem(line->json, "cached_at"))
        return false; /* also a page that recovery took over, and a unit that another one has done: nobody knows how long it took */
    journal_line_u64(line->json, "records", &records);
    if (answered != NULL)
        clock_parse_rfc3339(answered, &page->answered_us);
    page->took_ms = took_ms < UINT32_MAX ? (uint32_t)took_ms : UINT32_MAX;
    page->records = records < UINT32_MAX ? (uint32_t)records : UINT32_MAX;
    page->paid = cost != NULL && dec_parse(slice_of(cost), &page->cost);
    return true;
}

static enum rc put_history(struct fold *fold, const struct journal_line *line) {
    struct index *index = fold->index;
    struct index_key key = {.length = 0};
    struct history_page page;
    struct history history;
    unsigned char bytes[CODEC_ROW_BYTES];
    if (!page_of_history(&fold->row, line, &page))
        return RC_OK;
    index_key_text(&key, fold->row.source);
    enum rc rc = index_get_history(index, index->txn, &key, &history, fold->err);
    if (rc != RC_OK)
        return index->failed = rc;
    return history_add(&history, &page) ? index_put(index, TABLE_HISTORY, &key, bytes, history_write(&history, bytes), fold->err) : RC_OK;
}

static enum rc fold_job(struct fold *fold, const struct journal_line *line) {
    struct index *index = fold->index;
    if (index->seen)
        fold->earlier = fold->row;
    enum rc rc = job_row_apply(&fold->row, line);
    if (rc != RC_OK)
        return err_set(fold->err, rc, "out of memory");
    if (index->seen)
        index->seen(index->seen_context, &fold->earlier, &fold->row, line);
    if (fold->index->failed == RC_OK && index_asked(line))
        add_to_span(fold, line->ts_us, 1, dec_zero(), dec_zero());
    return fold->index->failed;
}

void index_listen(struct index *index, index_line_seen *seen, void *context) {
    index->seen = seen;
    index->seen_context = context;
}

static enum rc put_unit(struct fold *fold, const struct index_key *key, bool was, bool is) {
    if (was == is)
        return RC_OK;
    return is ? index_put(fold->index, TABLE_UNITS, key, "", 0, fold->err) : index_delete(fold->index, TABLE_UNITS, key, fold->err);
}

/* A line about a batch: what was known of it before decides what the line means for the job. */
static enum rc fold_batch(struct fold *fold, const struct journal_line *line, uint32_t batch) {
    struct index *index = fold->index;
    struct file_row file;
    struct index_key key;
    MDB_val value;
    enum rc rc = index_get_file(index, index->txn, fold->row.id, batch, &file, fold->err);
    bool captured = rc == RC_OK;
    if (rc == RC_GONE) {
        file = (struct file_row){.batch = batch};
        memcpy(file.job_id, fold->row.id, sizeof file.job_id);
        rc = RC_OK;
    }
    index_key_batch(&key, fold->row.id, batch);
    enum rc unit = rc == RC_OK ? index_get(index, index->txn, TABLE_UNITS, &key, &value, fold->err) : rc;
    if (unit != RC_OK && unit != RC_GONE)
        return unit;
    bool failed = unit == RC_OK;
    fold->memory.batch = (struct job_batch){captured, failed, file.status, file.archived_us != 0, file.success_count, file.error_count};
    if ((rc = fold_job(fold, line)) != RC_OK || (!captured && (rc = put_history(fold, line)) != RC_OK))
        return rc;
    if ((rc = drop_unit_key(fold, line)) != RC_OK)
        return rc;
    if (file_row_apply(&file, &fold->row, line) && ((rc = put_file(fold, &file)) != RC_OK || (rc = put_unit_key(fold, line, &file)) != RC_OK))
        return rc;
    return put_unit(fold, &key, failed, (failed || strcmp(line->event, "failed") == 0) && file.file_path[0] == '\0');
}

/* RC_OK at the journal's end. After anything else the row is as it was after the line before, unless the transaction has failed. */
static enum rc fold_lines(struct fold *fold) {
    struct journal_reader *reader;
    struct journal_line line;
    const struct job_row *row = &fold->row;
    enum rc rc = journal_reader_open(fold->spool, row->id, row->journal_offset, row->journal_seq, row->journal_hash, &reader, fold->err);
    if (rc != RC_OK)
        return rc;
    while ((rc = journal_reader_next(reader, &line, fold->err)) == RC_OK && line.end <= fold->limit) {
        uint32_t batch = job_line_batch(&line);
        fold->memory.batch = (struct job_batch){.captured = false};
        rc = batch > 0 && batch <= LIMIT_BATCHES ? fold_batch(fold, &line, batch) : fold_job(fold, &line);
        if (rc != RC_OK)
            break;
    }
    journal_reader_close(reader);
    return rc == RC_GONE ? RC_OK : rc;
}

/* Nobody can say what a job with a damaged journal has done: it waits for a person, as its file does (recover_job), and is dispatched by nothing. */
static bool out_of_the_way(struct job_row *row) {
    if (row->journal_seq == 0 || (row->place != PLACE_PENDING && row->place != PLACE_PROCESSING && row->place != PLACE_DEFERRED))
        return false;
    row->place = PLACE_HOLD;
    row->until_us = row->until_mtime_us = 0;
    str_copy(row->reason, sizeof row->reason, "damaged");
    return true;
}

static enum rc fold_journal(struct fold *fold) {
    fold->memory.money = money_moved;
    fold->memory.context = fold;
    fold->row.memory = &fold->memory;
    enum rc rc = read_unknown(fold), put = RC_OK;
    if (rc == RC_OK)
        rc = fold_lines(fold);
    fold->row.memory = NULL;
    bool set_aside = rc == RC_CORRUPT && fold->index->failed == RC_OK && out_of_the_way(&fold->row);
    if (set_aside || (fold->index->failed == RC_OK && fold->row.journal_seq > fold->before.journal_seq)) {
        put = put_unknown(fold);
        if (put == RC_OK)
            put = index_put_job(fold->index, fold->known ? &fold->before : NULL, &fold->row, fold->err);
    }
    job_memory_release(&fold->memory);
    free(fold->unknown);
    return put != RC_OK ? put : rc;
}

static enum rc journal_bytes(const struct spool *spool, const char *job_id, uint64_t *bytes, struct err *err) {
    char name[JOBID_SIZE + 8];
    struct stat st;
    if (!jobid_valid(job_id) || !str_format(name, sizeof name, "%s.ndjson", job_id))
        return err_set(err, RC_PERM, "%.80s: no job id", job_id);
    enum rc rc = fsio_stat(spool->journal_fd, name, &st, err);
    if (rc == RC_OK)
        *bytes = (uint64_t)st.st_size;
    return rc;
}

enum rc index_job_now(struct index *index, const struct spool *spool, const char *job_id, struct job_row *row, struct err *err) {
    uint64_t bytes = 0;
    enum rc rc = journal_bytes(spool, job_id, &bytes, err);
    if (rc != RC_OK)
        return rc;
    if (index != NULL && index_job(index, job_id, row, NULL) == RC_OK && row->journal_offset == bytes)
        return RC_OK;
    return job_row_read(spool, job_id, row, NULL, NULL, err);
}

static enum rc follow(struct index *index, const struct spool *spool, struct fold *fold, uint64_t bytes, struct err *err) {
    uint64_t more = bytes > fold->row.journal_offset ? bytes - fold->row.journal_offset : 0;
    bool own;
    enum rc rc = index_change_begin(index, ROOM_BYTES + (size_t)more * ROOM_PER_BYTE, &own, err);
    if (rc != RC_OK)
        return rc;
    fold->index = index;
    fold->spool = spool;
    fold->err = err;
    enum rc folded = fold_journal(fold);
    /* A damaged line, or one that could not be read, does not undo those before it. */
    rc = index_change_end(index, own, index->failed, err);
    return rc != RC_OK ? rc : folded;
}

enum rc index_follow(struct index *index, const struct spool *spool, const char *job_id, struct job_row *row, struct err *err) {
    return index_follow_to(index, spool, job_id, UINT64_MAX, row, err);
}

enum rc index_follow_to(struct index *index, const struct spool *spool, const char *job_id, uint64_t limit, struct job_row *row, struct err *err) {
    struct fold fold = {.known = false, .limit = limit};
    uint64_t bytes = 0;
    enum rc rc = journal_bytes(spool, job_id, &bytes, err);
    if (rc != RC_OK)
        return rc;
    rc = index_job(index, job_id, &fold.row, err);
    fold.known = rc == RC_OK;
    if (rc == RC_GONE)
        job_row_init(&fold.row, job_id);
    else if (rc != RC_OK)
        return rc;
    fold.before = fold.row;
    rc = fold.known && fold.row.journal_offset == bytes ? RC_OK : follow(index, spool, &fold, bytes, err);
    if (rc == RC_OK && fold.row.journal_seq == 0)
        return err_set(err, RC_GONE, "journal/%s.ndjson: it is empty", job_id);
    if (row != NULL)
        *row = fold.row;
    return rc;
}

enum rc index_put_governor(struct index *index, const char *source, const void *blob, size_t length, struct err *err) {
    struct index_key key = {.length = 0};
    bool own;
    index_key_text(&key, source);
    if (!str_is_name(source) || length > GOVERNOR_BYTES)
        return err_set(err, RC_PERM, "%s/: governor: %.80s: no name of a source, or more than %zu bytes", index->home->dir, source, GOVERNOR_BYTES);
    enum rc rc = index_change_begin(index, ROOM_BYTES + length, &own, err);
    if (rc != RC_OK)
        return rc;
    return index_change_end(index, own, index_put(index, TABLE_GOVERNOR, &key, blob, length, err), err);
}
