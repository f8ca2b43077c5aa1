// SPDX-License-Identifier: Apache-2.0
#include "store/index.h"

#include "base/log.h"
#include "os/fsio.h"
#include "store/index_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define MAP_BYTES ((size_t)256 << 20)
#define MAX_READERS 512
#define LOCK_MODE 0660
#define UNSYNCED (MDB_NOSYNC | MDB_NOMETASYNC)
#define FORMAT "batchspool index 12"
#define BOOT_BYTES 64

static const char *const TABLE_NAMES[TABLE_COUNT] = {"meta",     "jobs",  "files",   "queue", "places",   "deferred", "campaigns", "sha256",
                                                     "criteria", "money", "unknown", "units", "governor", "spans",    "history"};

static const struct index_key KEY_FORMAT = {.bytes = "format", .length = 6};
static const struct index_key KEY_BOOT = {.bytes = "boot", .length = 4};
static const struct index_key KEY_CLEAN = {.bytes = "clean", .length = 5};

/* The daemon's is read by everybody in the group and written by nobody else; the web program's group is the same, and may take it over from another user. */
static const struct index_home_row HOMES[] = {
    [INDEX_OF_DAEMON] = {"index", 02750, 0640, "run `batchspool reindex`", "`batchspool reindex` makes it"},
    [INDEX_OF_WEB] = {"web/index", 02770, 0660, "batchspool-httpd makes it again when it starts", "batchspool-httpd makes it when it starts"},
};

const struct index_home_row *index_home_row(enum index_home home) {
    return &HOMES[home];
}

enum rc index_damaged(const struct index *index, struct err *err, const char *what) {
    return err_set(err, RC_CORRUPT, "%s/: %s is damaged; %s", index->home->dir, what, index->home->mend);
}

enum rc index_fail(const struct index *index, struct err *err, int code, const char *what) {
    switch (code) {
    case MDB_NOTFOUND:
        return RC_GONE;
    case MDB_CORRUPTED:
    case MDB_PAGE_NOTFOUND:
    case MDB_INVALID:
    case MDB_VERSION_MISMATCH:
    case MDB_INCOMPATIBLE:
    case MDB_PANIC:
        return err_set(err, RC_CORRUPT, "%s/: %s: %s; %s", index->home->dir, what, mdb_strerror(code), index->home->mend);
    default:
        if (code > 0) {
            errno = code;
            return err_sys(err, "%s/: %s", index->home->dir, what);
        }
        return err_set(err, RC_TEMP, "%s/: %s: %s", index->home->dir, what, mdb_strerror(code));
    }
}

/* Keys */

void index_key_bytes(struct index_key *key, const void *bytes, size_t length) {
    if (length > sizeof key->bytes - key->length) {
        key->too_long = true;
        return;
    }
    memcpy(key->bytes + key->length, bytes, length);
    key->length += length;
}

void index_key_text(struct index_key *key, const char *text) {
    index_key_bytes(key, text, strlen(text));
}

void index_key_name(struct index_key *key, const char *text) {
    index_key_bytes(key, text, strlen(text) + 1);
}

void index_key_number(struct index_key *key, uint64_t value, size_t bytes) {
    unsigned char big[8];
    for (size_t i = 0; i < bytes; i++)
        big[i] = (unsigned char)(value >> (8 * (bytes - 1 - i)));
    index_key_bytes(key, big, bytes);
}

void index_key_batch(struct index_key *key, const char *job_id, uint32_t batch) {
    *key = (struct index_key){.length = 0};
    index_key_name(key, job_id);
    index_key_number(key, batch, 4);
}

bool index_key_take_batch(const unsigned char *bytes, size_t length, char job_id[JOBID_SIZE], uint32_t *batch) {
    if (length < 6 || length - 5 >= JOBID_SIZE || memchr(bytes, '\0', length - 4) != bytes + length - 5)
        return false;
    memcpy(job_id, bytes, length - 4);
    bytes += length - 4;
    *batch = (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
    return true;
}

/* Room: LMDB's map has a fixed size while transactions are open, so it is made large enough before one begins. */

static int map_use(struct index *index, size_t *used, size_t *map) {
    MDB_envinfo info;
    MDB_stat stat;
    int code = mdb_env_info(index->env, &info);
    if (code == 0)
        code = mdb_env_stat(index->env, &stat);
    *used = code == 0 ? (info.me_last_pgno + 1) * stat.ms_psize : 0;
    *map = code == 0 ? info.me_mapsize : 0;
    return code;
}

/* True when the map would be more than 60 % full. */
static bool tight(size_t used, size_t room, size_t map) {
    return used + room > map / 10 * 6;
}

static int make_room(struct index *index, size_t room) {
    size_t used, map;
    int code = map_use(index, &used, &map);
    if (code != 0 || index->walks > 0 || !tight(used, room, map))
        return code;
    while (tight(used, room, map) && map < SIZE_MAX / 4)
        map *= 2;
    return mdb_env_set_mapsize(index->env, map);
}

static void grow(struct index *index) {
    size_t used, map;
    if (index->walks == 0 && map_use(index, &used, &map) == 0)
        mdb_env_set_mapsize(index->env, map * 2);
}

/* Transactions */

static int begin(struct index *index, unsigned flags, MDB_txn **txn) {
    int code = mdb_txn_begin(index->env, NULL, flags, txn);
    /* Another process made the map larger: take its size over. */
    while (code == MDB_MAP_RESIZED && index->walks == 0) {
        code = mdb_env_set_mapsize(index->env, 0);
        if (code == 0)
            code = mdb_txn_begin(index->env, NULL, flags, txn);
    }
    return code;
}

static enum rc begin_change(struct index *index, size_t room, struct err *err) {
    int code = make_room(index, room);
    if (code == 0)
        code = begin(index, 0, &index->txn);
    if (code != 0) {
        index->txn = NULL;
        return index_fail(index, err, code, "begin");
    }
    index->failed = RC_OK;
    index->full = false;
    index->room_bytes = room;
    return RC_OK;
}

static void abort_change(struct index *index) {
    mdb_txn_abort(index->txn);
    index->txn = NULL;
    if (index->full)
        grow(index);
}

/* Pages that a transaction took and gave back at the end of the file are not written. With them the file is as long as its header says, and one that was cut
 * short is known by its length: touching what is missing would be a SIGBUS. */
static void fill_file(struct index *index) {
    size_t used, map;
    struct stat st;
    int fd;
    if (map_use(index, &used, &map) == 0 && mdb_env_get_fd(index->env, &fd) == 0 && fstat(fd, &st) == 0 && (uint64_t)st.st_size < used)
        fsio_truncate(fd, (off_t)used, NULL);
}

enum rc index_begin(struct index *index, struct err *err) {
    if (index->txn != NULL)
        return err_set(err, RC_FATAL, "%s/: a transaction is open already", index->home->dir);
    return begin_change(index, 0, err);
}

enum rc index_commit(struct index *index, struct err *err) {
    if (index->txn == NULL)
        return err_set(err, RC_FATAL, "%s/: no transaction is open", index->home->dir);
    if (index->failed != RC_OK) {
        abort_change(index);
        return err_set(err, index->failed, "%s/: a write failed, the transaction was undone", index->home->dir);
    }
    int code = mdb_txn_commit(index->txn);
    index->txn = NULL;
    if (code != 0) {
        if (code == MDB_MAP_FULL)
            grow(index);
        return index_fail(index, err, code, "commit");
    }
    fill_file(index);
    return RC_OK;
}

enum rc index_change_begin(struct index *index, size_t room_bytes, bool *own, struct err *err) {
    *own = index->txn == NULL;
    if (*own)
        return begin_change(index, room_bytes, err);
    size_t used, map;
    index->room_bytes += room_bytes;
    if (index->walks > 0 || index->failed != RC_OK || map_use(index, &used, &map) != 0 || !tight(used, index->room_bytes, map))
        return RC_OK;
    enum rc rc = index_commit(index, err);
    return rc == RC_OK ? begin_change(index, room_bytes, err) : rc;
}

enum rc index_change_end(struct index *index, bool own, enum rc rc, struct err *err) {
    if (!own)
        return rc;
    if (rc == RC_OK)
        return index_commit(index, err);
    abort_change(index);
    return rc;
}

enum rc index_read_begin(struct index *index, MDB_txn **txn, struct err *err) {
    if (index == NULL) /* of a reader that makes its own again */
        return err_set(err, RC_TEMP, "the index is not open");
    if (index->txn != NULL) {
        *txn = index->txn;
        return RC_OK;
    }
    int code = begin(index, MDB_RDONLY, txn);
    return code == 0 ? RC_OK : index_fail(index, err, code, "read");
}

void index_read_end(struct index *index, MDB_txn *txn) {
    if (txn != index->txn)
        mdb_txn_abort(txn);
}

enum rc index_get(struct index *index, MDB_txn *txn, enum index_table table, const struct index_key *key, MDB_val *value, struct err *err) {
    if (key->too_long || key->length == 0)
        return RC_GONE;
    MDB_val at = index_val(key->bytes, key->length);
    int code = mdb_get(txn, index->tables[table], &at, value);
    return code == 0 ? RC_OK : index_fail(index, err, code, TABLE_NAMES[table]);
}

static enum rc write_failed(struct index *index, int code, enum index_table table, struct err *err) {
    enum rc rc = index_fail(index, err, code, TABLE_NAMES[table]);
    index->failed = rc;
    index->full = index->full || code == MDB_MAP_FULL;
    return rc;
}

enum rc index_put(struct index *index, enum index_table table, const struct index_key *key, const void *bytes, size_t length, struct err *err) {
    if (key->too_long)
        return err_set(err, index->failed = RC_PERM, "%s/: %s: the key is too long", index->home->dir, TABLE_NAMES[table]);
    MDB_val at = index_val(key->bytes, key->length), value = index_val(bytes, length), old;
    int code = mdb_get(index->txn, index->tables[table], &at, &old);
    if (code == 0 && old.mv_size == length && (length == 0 || memcmp(old.mv_data, bytes, length) == 0))
        return RC_OK;
    if (code == 0 || code == MDB_NOTFOUND)
        code = mdb_put(index->txn, index->tables[table], &at, &value, 0);
    return code == 0 ? RC_OK : write_failed(index, code, table, err);
}

enum rc index_delete(struct index *index, enum index_table table, const struct index_key *key, struct err *err) {
    MDB_val at = index_val(key->bytes, key->length);
    int code = mdb_del(index->txn, index->tables[table], &at, NULL);
    return code == 0 || code == MDB_NOTFOUND ? RC_OK : write_failed(index, code, table, err);
}

/* Opening and closing */

static void boot_id(char out[BOOT_BYTES]) {
    struct buf text = BUF_INIT(BOOT_BYTES - 1);
    if (fsio_read_file(AT_FDCWD, "/proc/sys/kernel/random/boot_id", &text, NULL) != RC_OK || !str_copy(out, BOOT_BYTES, buf_text(&text)))
        str_copy(out, BOOT_BYTES, "unknown");
    buf_release(&text);
    out[strcspn(out, "\n")] = '\0';
}

static bool meta_is(struct index *index, MDB_txn *txn, const struct index_key *key, const char *text) {
    MDB_val value;
    return index_get(index, txn, TABLE_META, key, &value, NULL) == RC_OK && value.mv_size == strlen(text) && memcmp(value.mv_data, text, value.mv_size) == 0;
}

/* What is not synced survives the end of a process, but not that of the machine. */
static enum rc check_meta(struct index *index, MDB_txn *txn, struct err *err) {
    char boot[BOOT_BYTES];
    MDB_val value;
    enum rc rc = index_get(index, txn, TABLE_META, &KEY_FORMAT, &value, err);
    if (rc != RC_OK)
        return rc;
    if (!meta_is(index, txn, &KEY_FORMAT, FORMAT))
        return err_set(err, RC_CORRUPT, "%s/: it has another format than \"" FORMAT "\"", index->home->dir);
    boot_id(boot);
    if (!meta_is(index, txn, &KEY_CLEAN, "1") && !meta_is(index, txn, &KEY_BOOT, boot))
        return err_set(err, RC_CORRUPT, "%s/: it was not closed before the machine was started again", index->home->dir);
    return RC_OK;
}

static enum rc put_meta(struct index *index, const struct index_key *key, const char *text, struct err *err) {
    return index_put(index, TABLE_META, key, text, strlen(text), err);
}

static enum rc mark_open(struct index *index, struct err *err) {
    char boot[BOOT_BYTES];
    boot_id(boot);
    enum rc rc = put_meta(index, &KEY_FORMAT, FORMAT, err);
    if (rc == RC_OK)
        rc = put_meta(index, &KEY_BOOT, boot, err);
    return rc == RC_OK ? put_meta(index, &KEY_CLEAN, "0", err) : rc;
}

static int open_tables(struct index *index, MDB_txn *txn) {
    int code = 0;
    for (int i = 0; code == 0 && i < TABLE_COUNT; i++)
        code = mdb_dbi_open(txn, TABLE_NAMES[i], index->write ? MDB_CREATE : 0, &index->tables[i]);
    return code;
}

/* The mark is durable before anything that is not: it must never be found clean when pages of it were written over. */
static enum rc open_for_writing(struct index *index, struct err *err) {
    enum rc rc = begin_change(index, 0, err);
    if (rc != RC_OK)
        return rc;
    int code = open_tables(index, index->txn);
    rc = code == 0 ? check_meta(index, index->txn, err) : index_fail(index, err, code, "tables");
    if (rc == RC_OK || (rc == RC_GONE && code == 0))
        rc = mark_open(index, err);
    rc = index_change_end(index, true, rc, err);
    if (rc == RC_OK && (code = mdb_env_set_flags(index->env, UNSYNCED, 1)) != 0)
        rc = index_fail(index, err, code, "open");
    return rc;
}

static enum rc open_for_reading(struct index *index, struct err *err) {
    MDB_txn *txn;
    int code = begin(index, MDB_RDONLY, &txn);
    if (code != 0)
        return index_fail(index, err, code, "open");
    code = open_tables(index, txn);
    enum rc rc = code == 0 ? check_meta(index, txn, err) : index_fail(index, err, code, "tables");
    if (rc != RC_OK) {
        mdb_txn_abort(txn);
        return rc;
    }
    code = mdb_txn_commit(txn); /* the handles of the tables are kept only so */
    return code == 0 ? RC_OK : index_fail(index, err, code, "open");
}

static void set_mode(const struct spool *spool, const char *dir, const char *name, mode_t mode) {
    char path[40];
    struct stat st;
    str_format(path, sizeof path, "%s/%s", dir, name);
    if (fsio_stat(spool->root_fd, path, &st, NULL) == RC_OK && S_ISREG(st.st_mode) && (st.st_mode & 07777) != mode &&
        fchmodat(spool->root_fd, path, mode, 0) != 0)
        log_warn("%s: its mode could not be set to %04o", path, (unsigned)mode);
}

static enum rc check_length(struct index *index, struct err *err) {
    size_t used, map;
    struct stat st;
    int fd, code = map_use(index, &used, &map);
    if (code == 0)
        code = mdb_env_get_fd(index->env, &fd);
    if (code != 0)
        return index_fail(index, err, code, "open");
    if (fstat(fd, &st) != 0)
        return err_sys(err, "%s/data.mdb", index->home->dir);
    /* A new one has no pages behind its header. */
    if ((uint64_t)st.st_size < used)
        return err_set(err, RC_CORRUPT, "%s/data.mdb: %zu bytes are missing at its end", index->home->dir, used - (size_t)st.st_size);
    return RC_OK;
}

static enum rc open_env(const struct spool *spool, struct index *index, struct err *err) {
    const struct index_home_row *home = index->home;
    char path[sizeof spool->root + 16];
    if (!str_format(path, sizeof path, "%s/%s", spool->root, home->dir))
        return err_set(err, RC_PERM, "%s: the path is too long", spool->root);
    enum rc rc = index->write ? fsio_make_dirs(spool->root_fd, home->dir, home->dir_mode, err) : RC_OK;
    if (rc != RC_OK)
        return rc;
    int code = mdb_env_set_maxdbs(index->env, TABLE_COUNT);
    if (code == 0)
        code = mdb_env_set_maxreaders(index->env, MAX_READERS);
    if (code == 0)
        code = mdb_env_open(index->env, path, MDB_NOTLS | MDB_NORDAHEAD | (index->write ? 0 : MDB_RDONLY), home->data_mode);
    if (code != 0)
        return index_fail(index, err, code, "open");
    if (index->write) {
        set_mode(spool, home->dir, "data.mdb", home->data_mode);
        set_mode(spool, home->dir, "lock.mdb", LOCK_MODE);
    }
    return check_length(index, err);
}

/* A file brings its own size, which is never less than it needs. */
static int start_map(struct index *index) {
    size_t used, map;
    int dead, code = map_use(index, &used, &map);
    if (code == 0 && index->write && map < MAP_BYTES)
        code = mdb_env_set_mapsize(index->env, MAP_BYTES);
    return code == 0 ? mdb_reader_check(index->env, &dead) : code;
}

enum rc index_open(const struct spool *spool, enum index_home home, bool write, struct index **out, struct err *err) {
    *out = NULL;
    struct index *index = calloc(1, sizeof *index);
    if (index == NULL || mdb_env_create(&index->env) != 0) {
        free(index);
        return err_set(err, RC_TEMP, "%s/: out of memory", HOMES[home].dir);
    }
    index->home = &HOMES[home];
    index->write = write;
    enum rc rc = open_env(spool, index, err);
    int code = rc == RC_OK ? start_map(index) : 0;
    if (code != 0)
        rc = index_fail(index, err, code, "open");
    if (rc == RC_OK)
        rc = write ? open_for_writing(index, err) : open_for_reading(index, err);
    if (rc == RC_OK) {
        *out = index;
        return RC_OK;
    }
    mdb_env_close(index->env);
    free(index);
    return rc == RC_GONE ? err_set(err, RC_GONE, "%s/%s: there is no index; %s", spool->root, HOMES[home].dir, HOMES[home].make) : rc;
}

/* All that was committed is on disk before the mark that says so. */
static enum rc mark_clean(struct index *index, struct err *err) {
    int code = mdb_env_sync(index->env, 1);
    if (code == 0)
        code = mdb_env_set_flags(index->env, UNSYNCED, 0);
    if (code != 0)
        return index_fail(index, err, code, "sync");
    enum rc rc = begin_change(index, 0, err);
    return rc == RC_OK ? index_change_end(index, true, put_meta(index, &KEY_CLEAN, "1", err), err) : rc;
}

void index_close(struct index *index) {
    struct err err = {0};
    if (index == NULL)
        return;
    if (index->txn != NULL)
        abort_change(index);
    if (index->write && mark_clean(index, &err) != RC_OK)
        log_warn("%s", err.text);
    mdb_env_close(index->env);
    free(index);
}
