// SPDX-License-Identifier: Apache-2.0
#include "sink/lmdb_store.h"

#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>

/* Call fn for each row whose key starts with prefix, in key order. A negative or positive code ends the walk; WALK_STOP without error. */
#define WALK_STOP (-1)
typedef int row_seen(void *context, MDB_val key, MDB_val value);

static int each_row(MDB_txn *txn, MDB_dbi table, const struct lmdb_key *prefix, row_seen *fn, void *context) {
    MDB_val key = lmdb_key_val(prefix), value;
    MDB_cursor *cursor;
    int code = mdb_cursor_open(txn, table, &cursor);

    if (code != 0)
        return code;
    code = mdb_cursor_get(cursor, &key, &value, prefix->length > 0 ? MDB_SET_RANGE : MDB_FIRST);
    while (code == 0 && lmdb_starts(key, prefix)) {
        code = fn(context, key, value);
        if (code == 0)
            code = mdb_cursor_get(cursor, &key, &value, MDB_NEXT);
    }
    mdb_cursor_close(cursor);
    return code == MDB_NOTFOUND || code == WALK_STOP ? 0 : code;
}

/* The same in a transaction of the store. */
static enum rc walk_table(struct lmdb *db, enum lmdb_table table, const struct lmdb_key *prefix, row_seen *fn, void *context, struct err *err) {
    MDB_txn *txn;
    int code = lmdb_read_begin(db, &txn);

    if (code == 0) {
        code = each_row(txn, db->tables[table], prefix, fn, context);
        lmdb_read_end(db, txn);
    }
    return code == 0 ? RC_OK : lmdb_fail(err, code, "read");
}

struct files_walk {
    sink_file_seen *fn;
    void *context;
};

static int file_seen(void *context, MDB_val key, MDB_val value) {
    struct files_walk *walk = context;
    struct sink_file_row row;

    if (!lmdb_file_read(lmdb_slice(key), lmdb_slice(value), &row))
        return MDB_CORRUPTED;
    return walk->fn(walk->context, &row) ? 0 : WALK_STOP;
}

enum rc lmdb_files(struct sink *sink, const char *job_id, sink_file_seen *fn, void *context, struct err *err) {
    struct files_walk walk = {.fn = fn, .context = context};
    struct lmdb_key prefix = {.length = 0};

    lmdb_key_text(&prefix, job_id);
    return walk_table(LMDB_OF(sink), TABLE_FILES, &prefix, file_seen, &walk, err);
}

struct file_find {
    struct sink_file_row *row;
    bool found;
};

static bool take_file(void *context, const struct sink_file_row *row) {
    struct file_find *find = context;

    *find->row = *row;
    find->found = true;
    return false;
}

enum rc lmdb_file(struct sink *sink, const char *job_id, uint32_t batch, struct sink_file_row *row, struct err *err) {
    struct file_find find = {.row = row};
    struct files_walk walk = {.fn = take_file, .context = &find};
    struct lmdb_key key;
    enum rc rc;

    lmdb_key_place(&key, job_id, batch);
    rc = walk_table(LMDB_OF(sink), TABLE_FILES, &key, file_seen, &walk, err);
    return rc == RC_OK && !find.found ? RC_GONE : rc;
}

struct jobs_walk {
    sink_job_seen *fn;
    void *context;
    size_t skip; /* bytes of the campaign in a key */
};

static int job_seen(void *context, MDB_val key, MDB_val value) {
    struct jobs_walk *walk = context;
    char job_id[JOBID_SIZE];

    (void)value;
    if (key.mv_size - walk->skip >= sizeof(job_id))
        return MDB_CORRUPTED;
    memcpy(job_id, (const char *)key.mv_data + walk->skip, key.mv_size - walk->skip);
    job_id[key.mv_size - walk->skip] = '\0';
    return walk->fn(walk->context, job_id) ? 0 : WALK_STOP;
}

enum rc lmdb_jobs(struct sink *sink, const char *campaign, sink_job_seen *fn, void *context, struct err *err) {
    struct jobs_walk walk = {.fn = fn, .context = context, .skip = strlen(campaign) + 1};
    struct lmdb_key prefix = {.length = 0};

    lmdb_key_text(&prefix, campaign);
    return walk_table(LMDB_OF(sink), TABLE_CAMPAIGNS, &prefix, job_seen, &walk, err);
}

struct errors_walk {
    sink_error_seen *fn;
    void *context;
};

static int error_seen(void *context, MDB_val key, MDB_val value) {
    struct errors_walk *walk = context;
    struct sink_error error;
    cJSON *head;
    int code = MDB_CORRUPTED;

    if (lmdb_error_read(lmdb_slice(key), lmdb_slice(value), &error, &head))
        code = walk->fn(walk->context, &error) ? 0 : WALK_STOP;
    cJSON_Delete(head);
    return code;
}

enum rc lmdb_errors(struct sink *sink, const char *job_id, uint32_t batch, sink_error_seen *fn, void *context, struct err *err) {
    struct errors_walk walk = {.fn = fn, .context = context};
    struct lmdb_key prefix = {.length = 0};

    if (job_id != NULL)
        lmdb_key_text(&prefix, job_id);
    if (job_id != NULL && batch > 0)
        lmdb_key_u32(&prefix, batch);
    return walk_table(LMDB_OF(sink), TABLE_ERRORS, &prefix, error_seen, &walk, err);
}

struct records_walk {
    struct lmdb *db;
    MDB_txn *txn;
    MDB_cursor *versions;
    const struct sink_pick *pick;
    sink_record_seen *fn;
    void *context;
};

static int tell(struct records_walk *walk, MDB_val key, const struct lmdb_version *version) {
    char job_id[JOBID_SIZE];
    struct sink_seen seen = {.key = lmdb_slice(key), .source = key.mv_data, .job_id = job_id};

    if (memchr(key.mv_data, '\0', key.mv_size) == NULL)
        return MDB_CORRUPTED;
    if (walk->pick->source != NULL && strcmp(seen.source, walk->pick->source) != 0)
        return 0;
    memcpy(job_id, version->job_id.data, version->job_id.length);
    job_id[version->job_id.length] = '\0';
    seen.batch = version->batch;
    seen.captured_us = version->captured_us;
    seen.text = version->text;
    return walk->fn(walk->context, &seen) ? 0 : WALK_STOP;
}

static int record_seen(void *context, MDB_val key, MDB_val value) {
    struct lmdb_version version;

    return lmdb_version_read(value.mv_data, value.mv_size, &version) ? tell(context, key, &version) : MDB_CORRUPTED;
}

static int job_order(const void *key, const void *element) {
    const struct slice *id = key;
    const char *job = *(const char *const *)element;
    int order = strncmp(id->data, job, id->length);

    return order != 0 ? order : -(job[id->length] != '\0');
}

static bool is_picked(const struct sink_pick *pick, const struct lmdb_version *version) {
    return bsearch(&version->job_id, pick->jobs, pick->job_count, sizeof(pick->jobs[0]), job_order) != NULL;
}

/* The newest version of this record that one of the jobs captured: the present one, else backwards through the superseded ones. */
static int find_version(struct records_walk *walk, MDB_val record_key, struct lmdb_version *version) {
    struct lmdb_key prefix = {.length = 0}, end = {.length = 0};
    MDB_val key = record_key, value;
    int code = mdb_get(walk->txn, walk->db->tables[TABLE_RECORDS], &key, &value);

    if (code != 0)
        return code;
    if (!lmdb_version_read(value.mv_data, value.mv_size, version))
        return MDB_CORRUPTED;
    if (walk->pick->job_count == 0 || is_picked(walk->pick, version))
        return 0;
    lmdb_key_raw(&prefix, record_key.mv_data, record_key.mv_size);
    lmdb_key_raw(&end, record_key.mv_data, record_key.mv_size);
    lmdb_key_raw(&prefix, "", 1);
    lmdb_key_raw(&end, "\1", 1);
    key = lmdb_key_val(&end);
    code = mdb_cursor_get(walk->versions, &key, &value, MDB_SET_RANGE);
    code = mdb_cursor_get(walk->versions, &key, &value, code == 0 ? MDB_PREV : MDB_LAST);
    for (; code == 0 && lmdb_starts(key, &prefix); code = mdb_cursor_get(walk->versions, &key, &value, MDB_PREV)) {
        if (!lmdb_version_read(value.mv_data, value.mv_size, version))
            return MDB_CORRUPTED;
        if (is_picked(walk->pick, version))
            return 0;
    }
    return code == 0 ? MDB_NOTFOUND : code;
}

static int member_seen(void *context, MDB_val key, MDB_val value) {
    struct records_walk *walk = context;
    struct lmdb_version version;
    int code = find_version(walk, value, &version);

    (void)key;
    code = code == MDB_NOTFOUND ? MDB_CORRUPTED : code; /* its job captured it */
    return code == 0 ? tell(walk, value, &version) : code;
}

struct stop_watch {
    struct records_walk *walk;
    bool stopped;
};

/* A stop inside one job's members ends the walk over all jobs. */
static int member_seen_until(void *context, MDB_val key, MDB_val value) {
    struct stop_watch *watch = context;
    int code = member_seen(watch->walk, key, value);

    watch->stopped = code == WALK_STOP;
    return code;
}

static int walk_jobs(struct records_walk *walk) {
    struct stop_watch watch = {.walk = walk};
    int code = mdb_cursor_open(walk->txn, walk->db->tables[TABLE_VERSIONS], &walk->versions);

    if (code != 0)
        return code;
    for (size_t i = 0; i < walk->pick->job_count && code == 0 && !watch.stopped; i++) {
        struct lmdb_key prefix = {.length = 0};
        lmdb_key_text(&prefix, walk->pick->jobs[i]);
        code = each_row(walk->txn, walk->db->tables[TABLE_MEMBERS], &prefix, member_seen_until, &watch);
    }
    mdb_cursor_close(walk->versions);
    return code;
}

enum rc lmdb_walk(struct sink *sink, const struct sink_pick *pick, sink_record_seen *fn, void *context, struct err *err) {
    struct records_walk walk = {.db = LMDB_OF(sink), .pick = pick, .fn = fn, .context = context};
    struct lmdb_key prefix = {.length = 0};
    int code = lmdb_read_begin(walk.db, &walk.txn);

    if (code != 0)
        return lmdb_fail(err, code, "read");
    if (pick->source != NULL)
        lmdb_key_text(&prefix, pick->source);
    if (pick->job_count > 0)
        code = walk_jobs(&walk);
    else
        code = each_row(walk.txn, walk.db->tables[TABLE_RECORDS], &prefix, record_seen, &walk);
    lmdb_read_end(walk.db, walk.txn);
    return code == 0 ? RC_OK : lmdb_fail(err, code, "read");
}

static int find_record(struct records_walk *walk, const struct lmdb_key *record_key) {
    struct lmdb_version version;
    MDB_val key = lmdb_key_val(record_key);
    int code = mdb_cursor_open(walk->txn, walk->db->tables[TABLE_VERSIONS], &walk->versions);

    if (code != 0)
        return code;
    code = find_version(walk, key, &version);
    if (code == 0)
        code = tell(walk, key, &version);
    mdb_cursor_close(walk->versions);
    return code == WALK_STOP ? 0 : code;
}

enum rc lmdb_find(struct sink *sink, const char *source, struct slice key, const char *job_id, sink_record_seen *fn, void *context, struct err *err) {
    const struct sink_pick pick = {.jobs = &job_id, .job_count = job_id != NULL};
    struct records_walk walk = {.db = LMDB_OF(sink), .pick = &pick, .fn = fn, .context = context};
    struct lmdb_key record_key;
    int code = lmdb_read_begin(walk.db, &walk.txn);

    if (code != 0)
        return lmdb_fail(err, code, "read");
    lmdb_key_record(&record_key, source, key);
    code = find_record(&walk, &record_key);
    lmdb_read_end(walk.db, walk.txn);
    return code == 0 ? RC_OK : lmdb_fail(err, code, "read");
}

enum rc lmdb_compare(struct sink *sink, const struct sink_file *file, const struct sink_record *record, enum sink_change *change, struct err *err) {
    struct lmdb *db = LMDB_OF(sink);
    struct lmdb_version mine = {.captured_us = file->captured_us, .batch = file->batch, .job_id = slice_of(file->job_id)}, there;
    struct lmdb_key record_key;
    MDB_txn *txn;
    MDB_val key, value;
    int code = lmdb_read_begin(db, &txn);

    if (code != 0)
        return lmdb_fail(err, code, "read");
    lmdb_key_record(&record_key, file->source, record->key);
    key = lmdb_key_val(&record_key);
    code = mdb_get(txn, db->tables[TABLE_RECORDS], &key, &value);
    *change = SINK_INSERTED;
    if (code == 0 && !lmdb_version_read(value.mv_data, value.mv_size, &there))
        code = MDB_CORRUPTED;
    if (code == 0) {
        bool same = there.text.length == record->text.length && memcmp(there.text.data, record->text.data, there.text.length) == 0;
        *change = same || lmdb_version_order(&mine, &there) < 0 ? SINK_UNCHANGED : SINK_UPDATED;
    }
    lmdb_read_end(db, txn);
    return code == 0 || code == MDB_NOTFOUND ? RC_OK : lmdb_fail(err, code, "read");
}
