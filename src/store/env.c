// SPDX-License-Identifier: Apache-2.0
#include "store/env.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/str.h"
#include "os/fsio.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define FORMAT "1"
#define DATA "index/data.mdb"
#define DAMAGED "index/data.mdb.damaged"
#define LOCK "index/lock.mdb"
#define DATA_MODE 0640
#define LOCK_MODE 0660 /* readers write their slot into it */
#define MAP_BYTES ((size_t)256 << 20)
#define MAX_READERS 254
#define LOOK_MS 1000
#define READER_CHECK_MS 60000
#define BOOT_ID "/proc/sys/kernel/random/boot_id"

static const char *const TABLE_NAMES[TABLE_COUNT] = {"meta",    "jobs",     "files",    "units", "unknown",  "places", "campaigns", "sums",
                                                     "pending", "deferred", "criteria", "money", "jobmoney", "counts", "governor"};

enum rc env_rc(int result, struct err *err) {
    switch (result) {
    case MDB_SUCCESS:
        return RC_OK;
    case MDB_NOTFOUND:
        return RC_GONE;
    case MDB_MAP_FULL:
    case ENOSPC:
    case EDQUOT:
        return err_set(err, RC_NOSPACE, "index: %s", mdb_strerror(result));
    case MDB_CORRUPTED:
    case MDB_PAGE_NOTFOUND:
    case MDB_INVALID:
    case MDB_VERSION_MISMATCH:
    case MDB_PANIC:
    case MDB_INCOMPATIBLE:
    case MDB_DBS_FULL:
    case MDB_BAD_DBI:
        return err_set(err, RC_CORRUPT, "index: %s", mdb_strerror(result));
    case ENOENT:
        return err_set(err, RC_GONE, "index: there is none");
    case EACCES:
    case EPERM:
    case EROFS:
        return err_set(err, RC_PERM, "index: %s: it belongs to the daemon's user, and its group may read it", mdb_strerror(result));
    default:
        return err_set(err, RC_TEMP, "index: %s", mdb_strerror(result));
    }
}

/* Keys */

void key_add(struct key *key, const void *bytes, size_t length) {
    size_t room = sizeof key->bytes - key->length;
    if (length > room)
        length = room;
    memcpy(key->bytes + key->length, bytes, length);
    key->length += length;
}

void key_tail(struct key *key, const char *text) {
    key_add(key, text, strlen(text));
}

void key_text(struct key *key, const char *text) {
    key_add(key, text, strlen(text) + 1);
}

void key_u64(struct key *key, uint64_t number) {
    unsigned char bytes[8];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (unsigned char)(number >> (56 - 8 * i));
    key_add(key, bytes, sizeof bytes);
}

void key_u32(struct key *key, uint32_t number) {
    unsigned char bytes[4];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (unsigned char)(number >> (24 - 8 * i));
    key_add(key, bytes, sizeof bytes);
}

MDB_val key_val(struct key *key) {
    return (MDB_val){.mv_size = key->length, .mv_data = key->bytes};
}

/* Access */

enum rc env_get(struct env *env, MDB_txn *txn, enum table table, struct key *key, MDB_val *value, struct err *err) {
    MDB_val k = key_val(key);
    return env_rc(mdb_get(txn, env->table[table], &k, value), err);
}

enum rc env_put(struct env *env, enum table table, struct key *key, const void *bytes, size_t length, struct err *err) {
    char none = 0;
    MDB_val k = key_val(key), v = {.mv_size = length, .mv_data = length > 0 ? (void *)(uintptr_t)bytes : &none};
    return env_rc(mdb_put(env->write, env->table[table], &k, &v, 0), err);
}

enum rc env_del(struct env *env, enum table table, struct key *key, struct err *err) {
    MDB_val k = key_val(key);
    enum rc rc = env_rc(mdb_del(env->write, env->table[table], &k, NULL), err);
    return rc == RC_GONE ? RC_OK : rc;
}

enum rc env_seek(struct env *env, MDB_txn *txn, enum table table, const struct key *key, bool after, MDB_val *found, MDB_val *value, struct err *err) {
    struct key from = *key;
    MDB_cursor *cursor;
    if (after)
        key_add(&from, "", 1); /* the least key that is greater */
    enum rc rc = env_rc(mdb_cursor_open(txn, env->table[table], &cursor), err);
    if (rc != RC_OK)
        return rc;
    *found = key_val(&from);
    /* An empty key is refused by LMDB; it stands for the first entry. */
    rc = env_rc(mdb_cursor_get(cursor, found, value, from.length > 0 ? MDB_SET_RANGE : MDB_FIRST), err);
    mdb_cursor_close(cursor);
    return rc;
}

static struct key meta_key(const char *name) {
    struct key key = {.length = 0};
    key_tail(&key, name);
    return key;
}

static bool meta_is(struct env *env, MDB_txn *txn, const char *name, const char *value) {
    struct key key = meta_key(name);
    MDB_val found;
    return env_get(env, txn, TABLE_META, &key, &found, NULL) == RC_OK && found.mv_size == strlen(value) && memcmp(found.mv_data, value, found.mv_size) == 0;
}

static enum rc meta_put(struct env *env, const char *name, const char *value, struct err *err) {
    struct key key = meta_key(name);
    return env_put(env, TABLE_META, &key, value, strlen(value), err);
}

/* Opening */

static void boot_id(char *out, size_t size) {
    struct buf text = BUF_INIT(128);
    str_copy(out, size, "unknown");
    if (fsio_read_file(AT_FDCWD, BOOT_ID, &text, NULL) == RC_OK && text.length > 1) {
        text.data[strcspn(text.data, "\n")] = '\0';
        str_copy(out, size, text.data);
    }
    buf_release(&text);
}

static enum rc open_tables(struct env *env, MDB_txn *txn, struct err *err) {
    enum rc rc = RC_OK;
    for (enum table table = TABLE_META; rc == RC_OK && table < TABLE_COUNT; table++)
        rc = env_rc(mdb_dbi_open(txn, TABLE_NAMES[table], env->writer ? MDB_CREATE : 0, &env->table[table]), err);
    return rc == RC_GONE ? err_set(err, RC_CORRUPT, "index: a table is missing") : rc;
}

/* Committed without sync, an index is whole after a crash of a program (the kernel has its pages) but not after one of the machine. */
static enum rc check_meta(struct env *env, MDB_txn *txn, const char *boot, struct err *err) {
    struct key key = meta_key("format");
    MDB_val value;
    enum rc rc = env_get(env, txn, TABLE_META, &key, &value, err);
    if (rc == RC_GONE && env->writer)
        return RC_OK; /* a new one */
    if (rc != RC_OK)
        return rc == RC_GONE ? err_set(err, RC_CORRUPT, "index: it is not finished") : rc;
    if (!meta_is(env, txn, "format", FORMAT))
        return err_set(err, RC_CORRUPT, "index: another format: it is built again");
    if (!meta_is(env, txn, "clean", "1") && !meta_is(env, txn, "boot", boot))
        return err_set(err, RC_CORRUPT, "index: the machine stopped while it was written: it is built again");
    return RC_OK;
}

static enum rc mark_open(struct env *env, const char *boot, struct err *err) {
    enum rc rc = meta_put(env, "format", FORMAT, err);
    if (rc == RC_OK)
        rc = meta_put(env, "boot", boot, err);
    return rc == RC_OK ? meta_put(env, "clean", "0", err) : rc;
}

static enum rc set_up(struct env *env, struct err *err) {
    MDB_txn *txn;
    char boot[64];
    boot_id(boot, sizeof boot);
    enum rc rc = env_rc(mdb_txn_begin(env->mdb, NULL, env->writer ? 0 : MDB_RDONLY, &txn), err);
    if (rc != RC_OK)
        return rc;
    if ((rc = open_tables(env, txn, err)) == RC_OK)
        rc = check_meta(env, txn, boot, err);
    if (rc == RC_OK && env->writer) {
        env->write = txn;
        rc = mark_open(env, boot, err);
        env->write = NULL;
    }
    if (rc != RC_OK) {
        mdb_txn_abort(txn);
        return rc;
    }
    if ((rc = env_rc(mdb_txn_commit(txn), err)) != RC_OK)
        return rc;
    /* The mark must reach the disk before anything that it warns of. */
    return env->writer ? env_rc(mdb_env_sync(env->mdb, 1), err) : RC_OK;
}

static enum rc open_mdb(struct env *env, struct err *err) {
    char path[sizeof env->spool->root + 16];
    int dead;
    struct stat st;
    enum rc rc = env_rc(mdb_env_create(&env->mdb), err);
    if (rc != RC_OK) {
        env->mdb = NULL;
        return rc;
    }
    str_format(path, sizeof path, "%s/index", env->spool->root);
    mdb_env_set_maxdbs(env->mdb, TABLE_COUNT);
    mdb_env_set_maxreaders(env->mdb, MAX_READERS);
    if (env->writer)
        mdb_env_set_mapsize(env->mdb, MAP_BYTES);
    unsigned flags = MDB_NOTLS | (env->writer ? (unsigned)MDB_NOSYNC : (unsigned)MDB_RDONLY);
    if ((rc = env_rc(mdb_env_open(env->mdb, path, flags, DATA_MODE), err)) != RC_OK)
        return rc;
    mdb_reader_check(env->mdb, &dead);
    if ((rc = fsio_stat(env->spool->root_fd, DATA, &st, err)) != RC_OK)
        return rc;
    env->inode = st.st_ino;
    return RC_OK;
}

/* Exact modes, whatever the umask; a file of another user (root ran `reindex`) is left as it is. */
static void set_modes(const struct env *env) {
    if (fchmodat(env->spool->root_fd, LOCK, LOCK_MODE, 0) != 0 || fchmodat(env->spool->root_fd, DATA, DATA_MODE, 0) != 0)
        log_warn("index: its modes could not be set: %s", strerror(errno));
}

enum rc env_open(struct env *env, const struct spool *spool, bool write, struct err *err) {
    struct stat st;
    *env = (struct env){.writer = write, .spool = spool, .looked_ms = clock_mono_ms()};
    if (!write && fsio_stat(spool->root_fd, DATA, &st, NULL) == RC_GONE)
        return err_set(err, RC_GONE, "%s/index: there is none yet: start the daemon or run `batchspool reindex`", spool->root);
    enum rc rc = open_mdb(env, err);
    if (rc == RC_OK)
        rc = set_up(env, err);
    if (rc == RC_OK && !write && !env_built(env))
        rc = err_set(err, RC_CORRUPT, "index: it is not finished");
    if (rc == RC_OK && write)
        set_modes(env);
    if (rc != RC_OK) {
        env->writer = false; /* nothing to mark clean */
        env_close(env);
        env->writer = write;
    }
    return rc;
}

void env_close(struct env *env) {
    struct err err = {0};
    env_abort(env);
    if (env->read != NULL)
        mdb_txn_abort(env->read);
    env->read = NULL;
    env->reads = 0;
    if (env->mdb == NULL)
        return;
    if (env->writer) {
        /* First the rows, then the word that they are whole. */
        enum rc rc = env_rc(mdb_env_sync(env->mdb, 1), &err);
        if (rc == RC_OK && (rc = env_begin(env, &err)) == RC_OK && (rc = meta_put(env, "clean", "1", &err)) == RC_OK && (rc = env_commit(env, &err)) == RC_OK)
            rc = env_rc(mdb_env_sync(env->mdb, 1), &err);
        env_abort(env);
        if (rc != RC_OK)
            log_warn("index: not closed cleanly: %s", err.text);
    }
    mdb_env_close(env->mdb);
    env->mdb = NULL;
}

enum rc env_set_aside(const struct spool *spool, struct err *err) {
    enum rc rc = fsio_rename(spool->root_fd, DATA, spool->root_fd, DAMAGED, err);
    if (rc == RC_OK || rc == RC_GONE)
        rc = fsio_unlink(spool->root_fd, LOCK, err); /* readers of the old one keep theirs */
    return rc == RC_GONE ? RC_OK : rc;
}

bool env_built(struct env *env) {
    MDB_txn *txn;
    if (env_read(env, &txn, NULL) != RC_OK)
        return false;
    bool built = meta_is(env, txn, "built", "1");
    env_read_end(env);
    return built;
}

enum rc env_mark_built(struct env *env, struct err *err) {
    enum rc rc = env_begin(env, err);
    if (rc == RC_OK && (rc = meta_put(env, "built", "1", err)) == RC_OK)
        rc = env_commit(env, err);
    env_abort(env);
    return rc;
}

/* Transactions */

/* Twice the room when half is used: no transaction of ours fills half a map, so none is met by MDB_MAP_FULL. Not while somebody reads. */
static enum rc grow(struct env *env, struct err *err) {
    MDB_envinfo info;
    MDB_stat stat;
    mdb_env_info(env->mdb, &info);
    mdb_env_stat(env->mdb, &stat);
    if (env->reads > 0 || (info.me_last_pgno + 1) * stat.ms_psize < info.me_mapsize / 2)
        return RC_OK;
    return env_rc(mdb_env_set_mapsize(env->mdb, info.me_mapsize * 2), err);
}

enum rc env_begin(struct env *env, struct err *err) {
    if (!env->writer || env->mdb == NULL)
        return err_set(err, RC_PERM, "index: it is open for reading");
    if (env->write != NULL)
        return err_set(err, RC_PERM, "index: a transaction is open already");
    int dead;
    if (clock_mono_ms() - env->looked_ms > READER_CHECK_MS) {
        mdb_reader_check(env->mdb, &dead); /* readers that were killed keep old pages from being used again */
        env->looked_ms = clock_mono_ms();
    }
    enum rc rc = grow(env, err);
    env->broken = false;
    return rc == RC_OK ? env_rc(mdb_txn_begin(env->mdb, NULL, 0, &env->write), err) : rc;
}

enum rc env_commit(struct env *env, struct err *err) {
    if (env->write == NULL)
        return err_set(err, RC_PERM, "index: no transaction is open");
    if (env->broken) {
        env_abort(env);
        return err_set(err, RC_TEMP, "index: a part of the group failed: follow its jobs again");
    }
    MDB_txn *txn = env->write;
    env->write = NULL;
    return env_rc(mdb_txn_commit(txn), err);
}

void env_abort(struct env *env) {
    if (env->write != NULL)
        mdb_txn_abort(env->write);
    env->write = NULL;
    env->broken = false;
}

/* A rebuild leaves readers with the old file: look now and then, and open the new one. */
static enum rc look_again(struct env *env, struct err *err) {
    struct stat st;
    if (env->writer || env->reads > 0 || (env->mdb != NULL && clock_mono_ms() - env->looked_ms < LOOK_MS))
        return RC_OK;
    env->looked_ms = clock_mono_ms();
    enum rc rc = fsio_stat(env->spool->root_fd, DATA, &st, err);
    if (rc == RC_OK && (env->mdb == NULL || st.st_ino != env->inode)) {
        const struct spool *spool = env->spool;
        env_close(env);
        rc = env_open(env, spool, false, err);
    }
    return rc;
}

static enum rc renew(struct env *env, struct err *err) {
    int result = env->read == NULL ? mdb_txn_begin(env->mdb, NULL, MDB_RDONLY, &env->read) : mdb_txn_renew(env->read);
    if (result == MDB_MAP_RESIZED) { /* the writer, another process, has grown the map */
        mdb_env_set_mapsize(env->mdb, 0);
        result = env->read == NULL ? mdb_txn_begin(env->mdb, NULL, MDB_RDONLY, &env->read) : mdb_txn_renew(env->read);
    }
    return env_rc(result, err);
}

enum rc env_read(struct env *env, MDB_txn **txn, struct err *err) {
    if (env->write != NULL) {
        *txn = env->write;
        return RC_OK;
    }
    enum rc rc = look_again(env, err);
    if (rc != RC_OK)
        return rc;
    if (env->reads == 0 && (rc = renew(env, err)) != RC_OK)
        return rc;
    env->reads++;
    *txn = env->read;
    return RC_OK;
}

void env_read_end(struct env *env) {
    if (env->reads == 0)
        return; /* it was read in the write transaction */
    if (--env->reads == 0)
        mdb_txn_reset(env->read);
}
