// SPDX-License-Identifier: Apache-2.0
#ifndef STORE_INDEX_INTERNAL_H
#define STORE_INDEX_INTERNAL_H

#include <lmdb.h>
#include <sys/types.h>

#include "store/codec.h"
#include "store/history.h"
#include "store/index.h"

/*
 * What index.c (environment, transactions), index_follow.c (writing), index_read.c (reading) and rebuild.c share. The tables; values are those of codec.h where
 * nothing else is said. Texts in keys end in NUL; batch is 4 bytes, until 8, big endian, so that keys sort as numbers do.
 *
 *   meta       "format", "boot" (boot id), "clean" ("1": closed cleanly), "counts"
 *   jobs       job                              row
 *   files      job NUL batch                    row
 *   queue      source NUL urgency job           (nothing); urgency is 3 - priority; jobs in pending/
 *   places     place job                        (nothing)
 *   deferred   until job                        (nothing)
 *   campaigns  campaign NUL job                 (nothing)
 *   sha256     32 bytes job NUL batch           (nothing)
 *   criteria   source NUL hash NUL job          (nothing); accepted jobs of modes run and preview
 *   money      source NUL day                   spent, in doubt; also of "@" and a currency; of INDEX_NO_DAY: open
 *   unknown    job NUL batch                    an undecided CHARGE_UNKNOWN, or a paid request that is open
 *   units      job NUL batch                    (nothing); failed for good and not captured since
 *   governor   source                           a blob of the governor
 *   spans      source NUL quarter               requests, spent, in doubt; quarters of an hour since 1970 (4 bytes)
 *   history    source                           its newest pages (store/history.h)
 */
enum index_table {
    TABLE_META,
    TABLE_JOBS,
    TABLE_FILES,
    TABLE_QUEUE,
    TABLE_PLACES,
    TABLE_DEFERRED,
    TABLE_CAMPAIGNS,
    TABLE_SHA256,
    TABLE_CRITERIA,
    TABLE_MONEY,
    TABLE_UNKNOWN,
    TABLE_UNITS,
    TABLE_GOVERNOR,
    TABLE_SPANS,
    TABLE_HISTORY,
    TABLE_COUNT
};

struct index_home_row {
    const char *dir; /* below the spool */
    mode_t dir_mode, data_mode;
    const char *mend, *make; /* for errors */
};
const struct index_home_row *index_home_row(enum index_home home);

struct index {
    const struct index_home_row *home;
    MDB_env *env;
    MDB_dbi tables[TABLE_COUNT];
    bool write;
    MDB_txn *txn;          /* the open write transaction, or NULL */
    enum rc failed;        /* of that transaction: a write failed half-way, so nothing of it may be committed */
    bool full;             /* of that transaction: the map was too small */
    size_t room_bytes;     /* of that transaction: what its writes may need at most, as far as known */
    index_line_seen *seen; /* or NULL */
    void *seen_context;
    unsigned walks; /* cursors that are open: the map must stay where it is */
};

#define INDEX_NO_DAY "-"

/* Keys */

struct index_key {
    unsigned char bytes[511]; /* LMDB's limit */
    size_t length;
    bool too_long; /* no row can have it */
};

void index_key_bytes(struct index_key *key, const void *bytes, size_t length);
void index_key_text(struct index_key *key, const char *text); /* without NUL */
void index_key_name(struct index_key *key, const char *text); /* with NUL */
void index_key_number(struct index_key *key, uint64_t value, size_t bytes);
void index_key_batch(struct index_key *key, const char *job_id, uint32_t batch); /* a whole key */
/* The batch at the end of a key and the job before it; false: damaged. */
bool index_key_take_batch(const unsigned char *bytes, size_t length, char job_id[JOBID_SIZE], uint32_t *batch);

static inline MDB_val index_val(const void *bytes, size_t length) {
    return (MDB_val){.mv_data = (void *)(uintptr_t)bytes, .mv_size = length};
}

static inline bool index_starts(MDB_val key, const struct index_key *prefix) {
    return key.mv_size >= prefix->length && __builtin_memcmp(key.mv_data, prefix->bytes, prefix->length) == 0;
}

/* The text of an LMDB code that is not 0, and what a caller does about it. MDB_NOTFOUND is RC_GONE. */
enum rc index_fail(const struct index *index, struct err *err, int code, const char *what);
enum rc index_damaged(const struct index *index, struct err *err, const char *what);

/* Transactions */

/* Open the write transaction for a change that takes at most room_bytes; own says whether there was none. One that is open may be committed and opened again to
 * make room. */
enum rc index_change_begin(struct index *index, size_t room_bytes, bool *own, struct err *err);
/* Commit (rc RC_OK) or abort what change_begin opened; when it was the caller's, leave it. Returns rc, or why the commit failed. */
enum rc index_change_end(struct index *index, bool own, enum rc rc, struct err *err);

/* The write transaction, or a short one for reading until index_read_end. */
enum rc index_read_begin(struct index *index, MDB_txn **txn, struct err *err);
void index_read_end(struct index *index, MDB_txn *txn);

/* RC_GONE: no such key (no text). The value is borrowed until the next write or the transaction's end. */
enum rc index_get(struct index *index, MDB_txn *txn, enum index_table table, const struct index_key *key, MDB_val *value, struct err *err);
/* In the write transaction; put does not write what is there already. A failure marks the transaction as failed. */
enum rc index_put(struct index *index, enum index_table table, const struct index_key *key, const void *bytes, size_t length, struct err *err);
enum rc index_delete(struct index *index, enum index_table table, const struct index_key *key, struct err *err);

/* Rows */

enum rc index_get_job(struct index *index, MDB_txn *txn, const char *job_id, struct job_row *row, struct err *err);
enum rc index_get_file(struct index *index, MDB_txn *txn, const char *job_id, uint32_t batch, struct file_row *row, struct err *err);
enum rc index_get_money(struct index *index, MDB_txn *txn, const struct index_key *key, struct codec_money *money,
                        struct err *err); /* zero when there is none */
enum rc index_get_counts(struct index *index, MDB_txn *txn, struct codec_counts *counts, struct err *err);
/* The span that a time lies in; zero when there is none. */
void index_span_key(struct index_key *key, const char *source, int64_t at_us);
enum rc index_get_span(struct index *index, MDB_txn *txn, const struct index_key *key, struct codec_span *span, struct err *err);
enum rc index_get_history(struct index *index, MDB_txn *txn, const struct index_key *key, struct history *history, struct err *err); /* empty: none */
void index_money_key(struct index_key *key, const char *source, const char *day);
/* A job's row and every key that follows from it; before is NULL when it is new. In the write transaction. */
enum rc index_put_job(struct index *index, const struct job_row *before, const struct job_row *row, struct err *err);

/* A walk over the keys that start with prefix, from the first at or after `from`. */
struct index_walk {
    struct index *index;
    MDB_txn *txn;
    MDB_cursor *cursor;
    const struct index_key *prefix;
    MDB_val key, value; /* of the entry; borrowed until the next write or step */
    int code;
};
enum rc index_walk_begin(struct index_walk *walk, struct index *index, enum index_table table, const struct index_key *prefix, const struct index_key *from,
                         struct err *err);
bool index_walk_here(const struct index_walk *walk); /* there is an entry */
void index_walk_step(struct index_walk *walk);
/* rc, or what failed while walking. */
enum rc index_walk_end(struct index_walk *walk, enum rc rc, struct err *err);

#endif
