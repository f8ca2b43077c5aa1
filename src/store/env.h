// SPDX-License-Identifier: Apache-2.0
#ifndef STORE_ENV_H
#define STORE_ENV_H

#include <lmdb.h>
#include <stdbool.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/err.h"
#include "spool/layout.h"

/* The LMDB environment under the index: opening, transactions, growth, keys. Only src/store uses it. */

enum table { /* key -> value; `\0` ends each name inside a key */
    TABLE_META,     /* "format", "boot", "clean", "built" -> text */
    TABLE_JOBS,     /* id -> job row */
    TABLE_FILES,    /* id \0 batch -> file row */
    TABLE_UNITS,    /* id \0 batch -> "": failed for good and not captured since */
    TABLE_UNKNOWN,  /* id -> undecided charges */
    TABLE_PLACES,   /* place id -> "" */
    TABLE_CAMPAIGNS, /* campaign \0 id -> "" */
    TABLE_SUMS,     /* SHA-256 id \0 batch -> "" */
    TABLE_PENDING,  /* queue \0 urgency id -> "" */
    TABLE_DEFERRED, /* until id -> "" */
    TABLE_CRITERIA, /* source \0 hash \0 id -> "" */
    TABLE_MONEY,    /* source \0 day -> spent, in doubt */
    TABLE_JOB_MONEY, /* id \0 day -> the job's part of that */
    TABLE_COUNTS,   /* place -> number of `run` jobs */
    TABLE_GOVERNOR, /* source -> blob */
    TABLE_COUNT
};

struct env {
    MDB_env *mdb;
    MDB_dbi table[TABLE_COUNT];
    MDB_txn *write; /* open write transaction */
    MDB_txn *read;  /* reset between uses */
    unsigned reads; /* uses of `read` under way */
    bool writer, broken; /* broken: a group lost a part of itself and can not be committed */
    const struct spool *spool; /* borrowed */
    ino_t inode;     /* of data.mdb when it was opened */
    int64_t looked_ms; /* when a reader last looked whether the index was built anew, and the writer for dead readers */
};

/* As index_open says, but for what the journals have to do with it: a new environment is not `built`. */
enum rc env_open(struct env *env, const struct spool *spool, bool write, struct err *err);
/* Writer: sync and mark clean. Safe on a zeroed env and after a failed open. */
void env_close(struct env *env);
/* Rename data.mdb away (one is kept as data.mdb.damaged) and drop its lock file. The env must be closed. */
enum rc env_set_aside(const struct spool *spool, struct err *err);
bool env_built(struct env *env);
enum rc env_mark_built(struct env *env, struct err *err);

/* A transaction of the writer; with room to grow into, so that it never meets a full map. */
enum rc env_begin(struct env *env, struct err *err);
enum rc env_commit(struct env *env, struct err *err);
void env_abort(struct env *env);

/* The transaction to read in: the open write transaction, else a read one. Every env_read that was RC_OK has its env_read_end. */
enum rc env_read(struct env *env, MDB_txn **txn, struct err *err);
void env_read_end(struct env *env);

/* The result of an LMDB call. MDB_NOTFOUND: RC_GONE; MDB_MAP_FULL, ENOSPC: RC_NOSPACE; damage: RC_CORRUPT. */
enum rc env_rc(int result, struct err *err);

/* Keys are short; one that would be too long can not occur, as names are bounded. */
struct key {
    unsigned char bytes[400];
    size_t length;
};
void key_add(struct key *key, const void *bytes, size_t length);
void key_text(struct key *key, const char *text); /* with its \0 */
void key_tail(struct key *key, const char *text); /* without */
void key_u32(struct key *key, uint32_t number);   /* big-endian */
void key_u64(struct key *key, uint64_t number);
MDB_val key_val(struct key *key);

enum rc env_get(struct env *env, MDB_txn *txn, enum table table, struct key *key, MDB_val *value, struct err *err);
/* In the open write transaction. A missing key is no error for env_del. */
enum rc env_put(struct env *env, enum table table, struct key *key, const void *bytes, size_t length, struct err *err);
enum rc env_del(struct env *env, enum table table, struct key *key, struct err *err);
/* The first entry whose key is not before `key` (after: whose key is behind it); found gets its key. RC_GONE: none. Borrowed until the next write. */
enum rc env_seek(struct env *env, MDB_txn *txn, enum table table, const struct key *key, bool after, MDB_val *found, MDB_val *value, struct err *err);

#endif
