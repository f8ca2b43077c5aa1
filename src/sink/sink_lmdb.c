// SPDX-License-Identifier: Apache-2.0
#include "sink/lmdb_store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define MAP_BYTES ((size_t)1 << 30)
#define MAX_READERS 512
#define FILE_MODE 0660
#define FORMAT "2"
#define FORMAT_BEFORE "1" /* without loads and loaded */

static const char *const table_names[TABLE_COUNT] = {
    [TABLE_RECORDS] = "records", [TABLE_CHILDREN] = "children",   [TABLE_VERSIONS] = "versions", [TABLE_MEMBERS] = "members", [TABLE_ERRORS] = "errors",
    [TABLE_FILES] = "files",     [TABLE_CAMPAIGNS] = "campaigns", [TABLE_LOADS] = "loads",       [TABLE_LOADED] = "loaded",   [TABLE_META] = "meta",
};

enum rc lmdb_fail(struct err *err, int code, const char *what) {
    switch (code) {
    case MDB_NOTFOUND:
        return RC_GONE;
    case MDB_CORRUPTED:
    case MDB_PAGE_NOTFOUND:
    case MDB_INVALID:
    case MDB_VERSION_MISMATCH:
    case MDB_INCOMPATIBLE:
        return err_set(err, RC_CORRUPT, "records/: %s: %s; move its files away and run `batchspool process --reload`", what, mdb_strerror(code));
    default:
        if (code > 0) {
            errno = code;
            return err_sys(err, "records/: %s", what);
        }
        return err_set(err, RC_TEMP, "records/: %s: %s", what, mdb_strerror(code));
    }
}

int lmdb_begin(struct lmdb *db, bool write, MDB_txn **txn) {
    int code = mdb_txn_begin(db->env, NULL, write ? 0 : MDB_RDONLY, txn);

    /* Another process made the map larger: take its size over. */
    while (code == MDB_MAP_RESIZED) {
        code = mdb_env_set_mapsize(db->env, 0);
        if (code == 0)
            code = mdb_txn_begin(db->env, NULL, write ? 0 : MDB_RDONLY, txn);
    }
    return code;
}

int lmdb_grow(struct lmdb *db) {
    MDB_envinfo info;
    int code = mdb_env_info(db->env, &info);

    return code == 0 ? mdb_env_set_mapsize(db->env, info.me_mapsize * 2) : code;
}

int lmdb_read_begin(struct lmdb *db, MDB_txn **txn) {
    if (db->snapshot == NULL)
        return lmdb_begin(db, false, txn);
    *txn = db->snapshot;
    return 0;
}

void lmdb_read_end(struct lmdb *db, MDB_txn *txn) {
    if (txn != db->snapshot)
        mdb_txn_abort(txn);
}

/* An existing store brings its own size, which is never less than it needs. */
static int map_room(struct lmdb *db) {
    MDB_envinfo info;
    int code = mdb_env_info(db->env, &info);

    return code == 0 && info.me_mapsize < MAP_BYTES ? mdb_env_set_mapsize(db->env, MAP_BYTES) : code;
}

static int open_tables(struct lmdb *db, MDB_txn *txn, bool create) {
    for (int i = 0; i < TABLE_COUNT; i++) {
        int code = mdb_dbi_open(txn, table_names[i], create ? MDB_CREATE : 0, &db->tables[i]);
        if (code != 0)
            return code;
    }
    return 0;
}

static bool is_format(MDB_val value, const char *format) {
    return value.mv_size == strlen(format) && memcmp(value.mv_data, format, value.mv_size) == 0;
}

/* RC_AGAIN: it has the form before, and must be opened for writing once. */
static enum rc check_format(struct lmdb *db, MDB_txn *txn, bool write, bool *full, struct err *err) {
    MDB_val key = lmdb_val("format", 6), value, format = lmdb_val(FORMAT, sizeof(FORMAT) - 1);
    int code = mdb_dbi_open(txn, table_names[TABLE_META], write ? MDB_CREATE : 0, &db->tables[TABLE_META]);
    bool before;

    if (code == 0)
        code = mdb_get(txn, db->tables[TABLE_META], &key, &value);
    before = code == 0 && is_format(value, FORMAT_BEFORE);
    if (before && !write)
        return RC_AGAIN;
    if (before || (code == MDB_NOTFOUND && write)) {
        code = open_tables(db, txn, true);
        if (code == 0)
            code = lmdb_loads_make(db, txn);
        if (code == 0)
            code = mdb_put(txn, db->tables[TABLE_META], &key, &format, 0);
    } else if (code == 0 && !is_format(value, FORMAT))
        return err_set(err, RC_PERM, "records/: written in format %.*s, this program reads format " FORMAT "; use the program that wrote it",
                       (int)value.mv_size, (const char *)value.mv_data);
    *full = code == MDB_MAP_FULL;
    return code == 0 ? RC_OK : lmdb_fail(err, code, "format");
}

static enum rc open_txn(struct lmdb *db, bool write, struct err *err) {
    MDB_txn *txn;
    enum rc rc;
    bool full = false;
    int code = lmdb_begin(db, write, &txn);

    if (code != 0)
        return lmdb_fail(err, code, "open");
    rc = check_format(db, txn, write, &full, err);
    if (rc == RC_OK) {
        code = open_tables(db, txn, write);
        rc = code == 0 ? RC_OK : lmdb_fail(err, code, "tables");
    }
    if (rc != RC_OK) {
        mdb_txn_abort(txn);
        return full && lmdb_grow(db) == 0 ? open_txn(db, write, err) : rc;
    }
    /* Handles opened in a transaction belong to the environment only after its commit; one that only read commits by renewing nothing. */
    code = mdb_txn_commit(txn);
    if (code == 0 && !write)
        code = lmdb_begin(db, false, &db->snapshot);
    return code == 0 ? RC_OK : lmdb_fail(err, code, "open");
}

/* The files are the group's whatever the umask; only their owner can say so. */
static void set_modes(const struct spool *spool) {
    static const char *const names[] = {"records/data.mdb", "records/lock.mdb"};
    struct stat st;

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (fstatat(spool->root_fd, names[i], &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode) && (st.st_mode & 0777) != FILE_MODE)
            (void)!fchmodat(spool->root_fd, names[i], FILE_MODE, 0);
}

static void lmdb_close(struct sink *sink) {
    struct lmdb *db = LMDB_OF(sink);

    if (db->snapshot != NULL)
        mdb_txn_abort(db->snapshot);
    mdb_env_close(db->env);
    buf_release(&db->scratch);
    free(db);
}

static enum rc lmdb_open(const struct spool *spool, bool write, struct sink **sink, struct err *err);

/* Opened for writing and closed, it has the form of today. */
static enum rc bring_up_to_date(const struct spool *spool, struct err *err) {
    struct sink *sink = NULL;
    enum rc rc = lmdb_open(spool, true, &sink, err);

    if (rc == RC_OK)
        lmdb_close(sink);
    return rc;
}

static enum rc lmdb_open(const struct spool *spool, bool write, struct sink **sink, struct err *err) {
    struct lmdb *db = calloc(1, sizeof(*db));
    char path[sizeof(spool->root) + 16];
    enum rc rc = RC_OK;
    int code, dead;

    if (db == NULL || mdb_env_create(&db->env) != 0) {
        free(db);
        return err_set(err, RC_TEMP, "records/: out of memory");
    }
    db->base.row = &sink_lmdb;
    buf_init(&db->scratch, SIZE_MAX / 2);
    if (!str_format(path, sizeof(path), "%s/records", spool->root))
        rc = err_set(err, RC_PERM, "%s: the path is too long", spool->root);
    mdb_env_set_maxdbs(db->env, TABLE_COUNT);
    mdb_env_set_maxreaders(db->env, MAX_READERS);
    /* Default sync: a commit that was told lasts. No read-ahead: look-ups are random. */
    code = rc == RC_OK ? mdb_env_open(db->env, path, MDB_NOTLS | MDB_NORDAHEAD | (write ? 0 : MDB_RDONLY), FILE_MODE) : 0;
    if (code == 0 && rc == RC_OK && write) {
        set_modes(spool);
        code = map_room(db);
    }
    if (code == 0 && rc == RC_OK)
        code = mdb_reader_check(db->env, &dead);
    if (code != 0)
        rc = lmdb_fail(err, code, "open");
    if (rc == RC_OK)
        rc = open_txn(db, write, err);
    if (rc == RC_GONE)
        rc = err_set(err, RC_GONE, "%s: nothing was loaded yet", path);
    if (rc != RC_OK) {
        lmdb_close(&db->base);
        if (rc == RC_AGAIN && (rc = bring_up_to_date(spool, err)) == RC_OK)
            rc = lmdb_open(spool, write, sink, err);
        return rc;
    }
    *sink = &db->base;
    return RC_OK;
}

const struct sink_row sink_lmdb = {
    .name = "lmdb",
    .open = lmdb_open,
    .close = lmdb_close,
    .load = lmdb_load,
    .file = lmdb_file,
    .files = lmdb_files,
    .jobs = lmdb_jobs,
    .walk = lmdb_walk,
    .errors = lmdb_errors,
    .find = lmdb_find,
    .compare = lmdb_compare,
    .changes = lmdb_changes,
};
