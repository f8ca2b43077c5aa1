// SPDX-License-Identifier: Apache-2.0
#include "store/index.h"

#include "store/index_internal.h"

#include <string.h>

enum rc index_get_job(struct index *index, MDB_txn *txn, const char *job_id, struct job_row *row, struct err *err) {
    struct index_key key = {.length = 0};
    MDB_val value;
    index_key_text(&key, job_id);
    enum rc rc = index_get(index, txn, TABLE_JOBS, &key, &value, err);
    if (rc == RC_OK && (!codec_job_read(value.mv_data, value.mv_size, row) || strcmp(row->id, job_id) != 0))
        rc = err_set(err, RC_CORRUPT, "%s/: the row of job %s is damaged; %s", index->home->dir, job_id, index->home->mend);
    return rc;
}

enum rc index_get_file(struct index *index, MDB_txn *txn, const char *job_id, uint32_t batch, struct file_row *row, struct err *err) {
    struct index_key key;
    MDB_val value;
    index_key_batch(&key, job_id, batch);
    enum rc rc = index_get(index, txn, TABLE_FILES, &key, &value, err);
    if (rc == RC_OK && (!codec_file_read(value.mv_data, value.mv_size, row) || row->batch != batch || strcmp(row->job_id, job_id) != 0))
        rc = err_set(err, RC_CORRUPT, "%s/: the row of job %s, batch %u is damaged; %s", index->home->dir, job_id, (unsigned)batch, index->home->mend);
    return rc;
}

void index_money_key(struct index_key *key, const char *source, const char *day) {
    *key = (struct index_key){.length = 0};
    index_key_name(key, source);
    index_key_text(key, day);
}

enum rc index_get_money(struct index *index, MDB_txn *txn, const struct index_key *key, struct codec_money *money, struct err *err) {
    MDB_val value;
    money->spent = money->in_doubt = money->open = dec_zero();
    enum rc rc = index_get(index, txn, TABLE_MONEY, key, &value, err);
    if (rc == RC_OK && !codec_money_read(value.mv_data, value.mv_size, money))
        rc = index_damaged(index, err, "a sum of money");
    return rc == RC_GONE ? RC_OK : rc;
}

void index_span_key(struct index_key *key, const char *source, int64_t at_us) {
    *key = (struct index_key){.length = 0};
    index_key_name(key, source);
    index_key_number(key, at_us > 0 ? (uint64_t)(at_us / (INDEX_SPAN_MS * 1000)) : 0, 4);
}

enum rc index_get_span(struct index *index, MDB_txn *txn, const struct index_key *key, struct codec_span *span, struct err *err) {
    MDB_val value;
    *span = (struct codec_span){.spent = dec_zero(), .in_doubt = dec_zero()};
    enum rc rc = index_get(index, txn, TABLE_SPANS, key, &value, err);
    if (rc == RC_OK && !codec_span_read(value.mv_data, value.mv_size, span))
        rc = index_damaged(index, err, "a span");
    return rc == RC_GONE ? RC_OK : rc;
}

enum rc index_get_counts(struct index *index, MDB_txn *txn, struct codec_counts *counts, struct err *err) {
    static const struct index_key key = {.bytes = "counts", .length = 6};
    MDB_val value;
    *counts = (struct codec_counts){{0}};
    enum rc rc = index_get(index, txn, TABLE_META, &key, &value, err);
    if (rc == RC_OK && !codec_counts_read(value.mv_data, value.mv_size, counts))
        rc = index_damaged(index, err, "the count of jobs");
    return rc == RC_GONE ? RC_OK : rc;
}

enum rc index_job(struct index *index, const char *job_id, struct job_row *row, struct err *err) {
    MDB_txn *txn;
    enum rc rc = index_read_begin(index, &txn, err);
    if (rc != RC_OK)
        return rc;
    rc = index_get_job(index, txn, job_id, row, err);
    index_read_end(index, txn);
    return rc;
}

enum rc index_file(struct index *index, const char *job_id, uint32_t batch, struct file_row *row, struct err *err) {
    MDB_txn *txn;
    enum rc rc = index_read_begin(index, &txn, err);
    if (rc != RC_OK)
        return rc;
    rc = index_get_file(index, txn, job_id, batch, row, err);
    index_read_end(index, txn);
    return rc;
}

uint64_t index_count(struct index *index, enum place place) {
    struct codec_counts counts = {{0}};
    MDB_txn *txn;
    if (place >= PLACE_COUNT || index_read_begin(index, &txn, NULL) != RC_OK)
        return 0;
    enum rc rc = index_get_counts(index, txn, &counts, NULL);
    index_read_end(index, txn);
    return rc == RC_OK ? counts.jobs[place] : 0;
}

enum rc index_spent(struct index *index, const char *name, const char *day, struct job_money *money, struct err *err) {
    struct codec_money of_day, of_all;
    struct index_key key;
    MDB_txn *txn;
    enum rc rc = index_read_begin(index, &txn, err);
    if (rc != RC_OK)
        return rc;
    index_money_key(&key, name, day);
    rc = index_get_money(index, txn, &key, &of_day, err);
    if (rc == RC_OK) {
        index_money_key(&key, name, INDEX_NO_DAY);
        rc = index_get_money(index, txn, &key, &of_all, err);
    }
    index_read_end(index, txn);
    if (rc == RC_OK)
        *money = (struct job_money){.spent = of_day.spent, .in_doubt = of_day.in_doubt, .open = of_all.open};
    return rc;
}

enum rc index_get_governor(struct index *index, const char *source, void *blob, size_t *length, struct err *err) {
    struct index_key key = {.length = 0};
    MDB_txn *txn;
    MDB_val value;
    index_key_text(&key, source);
    enum rc rc = index_read_begin(index, &txn, err);
    if (rc != RC_OK)
        return rc;
    rc = index_get(index, txn, TABLE_GOVERNOR, &key, &value, err);
    if (rc == RC_OK && value.mv_size > *length)
        rc = err_set(err, RC_PERM, "%s/: governor: %s: %zu bytes do not fit into %zu", index->home->dir, source, value.mv_size, *length);
    if (rc == RC_OK) {
        memcpy(blob, value.mv_data, value.mv_size);
        *length = value.mv_size;
    }
    index_read_end(index, txn);
    return rc;
}

/* Walks */

enum rc index_sums(struct index *index, const char *source, int64_t from_us, int64_t to_us, struct index_sums *sums, struct err *err) {
    struct index_key prefix = {.length = 0}, from, to;
    struct index_walk walk;
    *sums = (struct index_sums){.spent = dec_zero(), .in_doubt = dec_zero()};
    index_key_name(&prefix, source);
    index_span_key(&from, source, from_us);
    index_span_key(&to, source, to_us - 1);
    enum rc rc = index_walk_begin(&walk, index, TABLE_SPANS, &prefix, &from, err);
    if (rc != RC_OK)
        return rc;
    for (; rc == RC_OK && index_walk_here(&walk) && walk.key.mv_size == to.length && memcmp(walk.key.mv_data, to.bytes, to.length) <= 0;
         index_walk_step(&walk)) {
        struct codec_span span;
        if (!codec_span_read(walk.value.mv_data, walk.value.mv_size, &span)) {
            rc = index_damaged(index, err, "a span");
            break;
        }
        sums->requests += span.requests;
        sums->spent = dec_add(sums->spent, span.spent);
        sums->in_doubt = dec_add(sums->in_doubt, span.in_doubt);
    }
    return index_walk_end(&walk, rc, err);
}

enum rc index_walk_begin(struct index_walk *walk, struct index *index, enum index_table table, const struct index_key *prefix, const struct index_key *from,
                         struct err *err) {
    *walk = (struct index_walk){.index = index, .prefix = prefix};
    enum rc rc = index_read_begin(index, &walk->txn, err);
    if (rc != RC_OK)
        return rc;
    walk->code = mdb_cursor_open(walk->txn, index->tables[table], &walk->cursor);
    if (walk->code != 0) {
        index_read_end(index, walk->txn);
        return index_fail(walk->index, err, walk->code, "walk");
    }
    index->walks++;
    walk->key = index_val(from->bytes, from->length);
    if (from->too_long)
        walk->code = MDB_NOTFOUND;
    else
        walk->code = mdb_cursor_get(walk->cursor, &walk->key, &walk->value, from->length > 0 ? MDB_SET_RANGE : MDB_FIRST);
    return RC_OK;
}

bool index_walk_here(const struct index_walk *walk) {
    return walk->code == 0 && index_starts(walk->key, walk->prefix);
}

void index_walk_step(struct index_walk *walk) {
    walk->code = mdb_cursor_get(walk->cursor, &walk->key, &walk->value, MDB_NEXT);
}

enum rc index_walk_end(struct index_walk *walk, enum rc rc, struct err *err) {
    walk->index->walks--;
    mdb_cursor_close(walk->cursor);
    index_read_end(walk->index, walk->txn);
    if (rc == RC_OK && walk->code != 0 && walk->code != MDB_NOTFOUND)
        return index_fail(walk->index, err, walk->code, "walk");
    return rc;
}

/* The job id that ends a key after `before` bytes; false: damaged. */
static bool key_job(const struct index_walk *walk, size_t before, char job_id[JOBID_SIZE]) {
    size_t length = walk->key.mv_size - before;
    if (walk->key.mv_size <= before || length >= JOBID_SIZE)
        return false;
    memcpy(job_id, (const char *)walk->key.mv_data + before, length);
    job_id[length] = '\0';
    return true;
}

/* A key that leads to a row that is not there, or cannot be read. */
static enum rc led_nowhere(const struct index *index, enum rc rc, struct err *err) {
    return rc == RC_GONE ? index_damaged(index, err, "a key without its row") : rc;
}

static bool at_key(const struct index_walk *walk, const struct index_key *key) {
    return index_walk_here(walk) && walk->key.mv_size == key->length && memcmp(walk->key.mv_data, key->bytes, key->length) == 0;
}

static enum rc each_job(struct index *index, enum index_table table, const struct index_key *prefix, const char *after_id, index_job_seen *fn, void *context,
                        struct err *err) {
    struct index_key from = *prefix;
    struct index_walk walk;
    index_key_text(&from, after_id);
    enum rc rc = index_walk_begin(&walk, index, table, prefix, &from, err);
    if (rc != RC_OK)
        return rc;
    if (after_id[0] != '\0' && at_key(&walk, &from))
        index_walk_step(&walk);
    for (bool more = true; more && index_walk_here(&walk);) {
        char id[JOBID_SIZE];
        struct job_row row;
        rc = key_job(&walk, prefix->length, id) ? index_get_job(index, walk.txn, id, &row, err) : RC_GONE;
        if (rc != RC_OK)
            break;
        more = fn(context, &row);
        if (more)
            index_walk_step(&walk);
    }
    return index_walk_end(&walk, led_nowhere(index, rc, err), err);
}

enum rc index_jobs(struct index *index, enum place place, const char *after_id, index_job_seen *fn, void *context, struct err *err) {
    struct index_key prefix = {.length = 0};
    if (place != PLACE_NONE)
        index_key_number(&prefix, place, 1);
    return each_job(index, place == PLACE_NONE ? TABLE_JOBS : TABLE_PLACES, &prefix, after_id, fn, context, err);
}

enum rc index_jobs_of_campaign(struct index *index, const char *campaign, index_job_seen *fn, void *context, struct err *err) {
    struct index_key prefix = {.length = 0};
    index_key_name(&prefix, campaign);
    return each_job(index, TABLE_CAMPAIGNS, &prefix, "", fn, context, err);
}

/* Keys of both tables end like those of files. */
static enum rc each_file(struct index *index, enum index_table table, const struct index_key *prefix, size_t before, index_file_seen *fn, void *context,
                         struct err *err) {
    struct index_walk walk;
    enum rc rc = index_walk_begin(&walk, index, table, prefix, prefix, err);
    if (rc != RC_OK)
        return rc;
    for (bool more = true; more && index_walk_here(&walk);) {
        char id[JOBID_SIZE];
        uint32_t batch;
        struct file_row row;
        bool whole = index_key_take_batch((const unsigned char *)walk.key.mv_data + before, walk.key.mv_size - before, id, &batch);
        rc = whole ? index_get_file(index, walk.txn, id, batch, &row, err) : RC_GONE;
        if (rc != RC_OK)
            break;
        more = fn(context, &row);
        if (more)
            index_walk_step(&walk);
    }
    return index_walk_end(&walk, led_nowhere(index, rc, err), err);
}

enum rc index_files(struct index *index, const char *job_id, index_file_seen *fn, void *context, struct err *err) {
    struct index_key prefix = {.length = 0};
    index_key_name(&prefix, job_id);
    return each_file(index, TABLE_FILES, &prefix, 0, fn, context, err);
}

enum rc index_files_by_sha256(struct index *index, const char *sha256, const char *job_id, index_file_seen *fn, void *context, struct err *err) {
    struct index_key prefix = {.length = 0};
    unsigned char sum[DIGEST_BYTES];
    if (!str_unhex(sha256, sum, sizeof sum))
        return RC_OK;
    index_key_bytes(&prefix, sum, sizeof sum);
    if (job_id != NULL)
        index_key_name(&prefix, job_id);
    return each_file(index, TABLE_SHA256, &prefix, sizeof sum, fn, context, err);
}

/* Dispatch */

enum rc index_next_pending(struct index *index, const char *source, enum priority after_priority, const char *after_id, char job_id[JOBID_SIZE],
                           enum priority *priority, struct err *err) {
    struct index_key prefix = {.length = 0};
    struct index_walk walk;
    index_key_name(&prefix, source);
    struct index_key from = prefix;
    index_key_number(&from, (uint64_t)(PRIORITY_URGENT - after_priority), 1);
    index_key_text(&from, after_id);
    enum rc rc = index_walk_begin(&walk, index, TABLE_QUEUE, &prefix, &from, err);
    if (rc != RC_OK)
        return rc;
    if (after_id[0] != '\0' && at_key(&walk, &from))
        index_walk_step(&walk);
    rc = RC_GONE;
    if (index_walk_here(&walk)) {
        unsigned urgency = walk.key.mv_size > prefix.length ? ((const unsigned char *)walk.key.mv_data)[prefix.length] : 0xff;
        bool whole = urgency <= PRIORITY_URGENT && key_job(&walk, prefix.length + 1, job_id);
        rc = whole ? RC_OK : index_damaged(index, err, "a key of queue");
        *priority = whole ? (enum priority)(PRIORITY_URGENT - urgency) : PRIORITY_NORMAL;
    }
    enum rc walked = index_walk_end(&walk, RC_OK, err);
    return walked != RC_OK ? walked : rc;
}

enum rc index_next_source(struct index *index, const char *after, char source[65], struct err *err) {
    struct index_key any = {.length = 0}, from = {.length = 0};
    struct index_walk walk;
    /* Behind every key of `after`, whose name ends in NUL, and of the queues that are no source's, and before every name that is longer. */
    index_key_text(&from, after);
    index_key_number(&from, 2, 1);
    enum rc rc = index_walk_begin(&walk, index, TABLE_QUEUE, &any, &from, err);
    if (rc != RC_OK)
        return rc;
    rc = RC_GONE;
    if (index_walk_here(&walk)) {
        size_t length = strnlen(walk.key.mv_data, walk.key.mv_size < 65 ? walk.key.mv_size : 65);
        rc = length < 65 && length < walk.key.mv_size ? RC_OK : index_damaged(index, err, "a key of queue");
        if (rc == RC_OK)
            memcpy(source, walk.key.mv_data, length + 1);
    }
    enum rc walked = index_walk_end(&walk, RC_OK, err);
    return walked != RC_OK ? walked : rc;
}

enum rc index_next_deferred(struct index *index, char job_id[JOBID_SIZE], int64_t *until_us, struct err *err) {
    struct index_key any = {.length = 0};
    struct index_walk walk;
    enum rc rc = index_walk_begin(&walk, index, TABLE_DEFERRED, &any, &any, err);
    if (rc != RC_OK)
        return rc;
    rc = RC_GONE;
    if (index_walk_here(&walk)) {
        rc = key_job(&walk, 8, job_id) ? RC_OK : index_damaged(index, err, "a key of deferred");
        uint64_t until = 0;
        for (size_t i = 0; rc == RC_OK && i < 8; i++)
            until = until << 8 | ((const unsigned char *)walk.key.mv_data)[i];
        *until_us = (int64_t)until;
    }
    enum rc walked = index_walk_end(&walk, RC_OK, err);
    return walked != RC_OK ? walked : rc;
}

/* Onto the last key before the end of the prefix. */
static void walk_to_last(struct index_walk *walk) {
    walk->code = mdb_cursor_get(walk->cursor, &walk->key, &walk->value, walk->code == 0 ? MDB_PREV : MDB_LAST);
}

enum rc index_jobs_of_criteria(struct index *index, const char *source, const char *criteria_hash, index_job_seen *fn, void *context, struct err *err) {
    struct index_key prefix = {.length = 0};
    struct index_walk walk;
    struct job_row row;
    index_key_name(&prefix, source);
    index_key_name(&prefix, criteria_hash);
    struct index_key end = prefix;
    index_key_number(&end, 0xff, 1);
    enum rc rc = index_walk_begin(&walk, index, TABLE_CRITERIA, &prefix, &end, err);
    if (rc != RC_OK)
        return rc;
    if (!end.too_long)
        walk_to_last(&walk);
    for (bool more = true; more && index_walk_here(&walk);) {
        char id[JOBID_SIZE];
        rc = key_job(&walk, prefix.length, id) ? index_get_job(index, walk.txn, id, &row, err) : RC_GONE;
        if (rc != RC_OK)
            break;
        more = fn(context, &row);
        if (more)
            walk.code = mdb_cursor_get(walk.cursor, &walk.key, &walk.value, MDB_PREV);
    }
    return index_walk_end(&walk, led_nowhere(index, rc, err), err);
}

enum rc index_get_history(struct index *index, MDB_txn *txn, const struct index_key *key, struct history *history, struct err *err) {
    MDB_val value;
    history->count = 0;
    enum rc rc = index_get(index, txn, TABLE_HISTORY, key, &value, err);
    if (rc == RC_OK && !history_read(value.mv_data, value.mv_size, history))
        rc = index_damaged(index, err, "the history of a source");
    return rc == RC_GONE ? RC_OK : rc;
}

enum rc index_history(struct index *index, const char *source, struct history *history, struct err *err) {
    struct index_key key = {.length = 0};
    MDB_txn *txn;
    history->count = 0;
    index_key_text(&key, source);
    enum rc rc = index_read_begin(index, &txn, err);
    if (rc != RC_OK)
        return rc;
    rc = index_get_history(index, txn, &key, history, err);
    index_read_end(index, txn);
    return rc;
}
