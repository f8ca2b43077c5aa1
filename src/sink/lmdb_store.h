// SPDX-License-Identifier: Apache-2.0
#ifndef SINK_LMDB_STORE_H
#define SINK_LMDB_STORE_H

#include <lmdb.h>

#include "sink/lmdb_codec.h"

/* The embedded record store: sink_lmdb.c (environment, transactions), lmdb_load.c (writing), lmdb_read.c (walks), lmdb_changes.c (what came when). */

enum lmdb_table {
    TABLE_RECORDS,
    TABLE_CHILDREN,
    TABLE_VERSIONS,
    TABLE_MEMBERS,
    TABLE_ERRORS,
    TABLE_FILES,
    TABLE_CAMPAIGNS,
    TABLE_LOADS,
    TABLE_LOADED,
    TABLE_META,
    TABLE_COUNT
};

struct lmdb {
    struct sink base;
    MDB_env *env;
    MDB_dbi tables[TABLE_COUNT];
    MDB_txn *snapshot;  /* of a store opened for reading, as long as it is open; else NULL */
    struct buf scratch; /* a value that must outlive a put */
};

#define LMDB_OF(sink) ((struct lmdb *)(void *)(sink))

/* The text of an LMDB code that is not 0, and what a caller does about it. MDB_NOTFOUND is RC_GONE, without a text. */
enum rc lmdb_fail(struct err *err, int code, const char *what);

/* Begin a transaction, whatever other processes did to the map's size. */
int lmdb_begin(struct lmdb *db, bool write, MDB_txn **txn);
/* Twice the room for the next transaction. None may be open. */
int lmdb_grow(struct lmdb *db);
/* A transaction for reading: the snapshot, or one of its own until lmdb_read_end. */
int lmdb_read_begin(struct lmdb *db, MDB_txn **txn);
void lmdb_read_end(struct lmdb *db, MDB_txn *txn);

static inline MDB_val lmdb_val(const void *data, size_t length) {
    return (MDB_val){.mv_data = (void *)(uintptr_t)data, .mv_size = length};
}

static inline MDB_val lmdb_key_val(const struct lmdb_key *key) {
    return lmdb_val(key->bytes, key->length);
}

static inline struct slice lmdb_slice(MDB_val value) {
    return (struct slice){.data = value.mv_data, .length = value.mv_size};
}

static inline bool lmdb_starts(MDB_val key, const struct lmdb_key *prefix) {
    return key.mv_size >= prefix->length && __builtin_memcmp(key.mv_data, prefix->bytes, prefix->length) == 0;
}

/* In a write transaction: the file (its key in files) changed the store now. */
int lmdb_loads_add(struct lmdb *db, MDB_txn *txn, const struct lmdb_key *place);
/* The tables of a store that had none: every file of it, in the order in which they were captured. */
int lmdb_loads_make(struct lmdb *db, MDB_txn *txn);
enum rc lmdb_changes(struct sink *sink, struct sink_position *at, const struct sink_pick *pick, sink_record_seen *fn, void *context, struct err *err);

enum rc lmdb_load(struct sink *sink, struct sink_file *files, size_t count, struct err *err);

enum rc lmdb_file(struct sink *sink, const char *job_id, uint32_t batch, struct sink_file_row *row, struct err *err);
enum rc lmdb_files(struct sink *sink, const char *job_id, sink_file_seen *fn, void *context, struct err *err);
enum rc lmdb_jobs(struct sink *sink, const char *campaign, sink_job_seen *fn, void *context, struct err *err);
enum rc lmdb_walk(struct sink *sink, const struct sink_pick *pick, sink_record_seen *fn, void *context, struct err *err);
enum rc lmdb_errors(struct sink *sink, const char *job_id, uint32_t batch, sink_error_seen *fn, void *context, struct err *err);
enum rc lmdb_find(struct sink *sink, const char *source, struct slice key, const char *job_id, sink_record_seen *fn, void *context, struct err *err);
enum rc lmdb_compare(struct sink *sink, const struct sink_file *file, const struct sink_record *record, enum sink_change *change, struct err *err);

#endif
