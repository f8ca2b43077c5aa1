// SPDX-License-Identifier: Apache-2.0
#include "sink/lmdb_store.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

/* When each file came into the store, by numbers that only grow: what changed since is what later numbers brought. */

#define STORE_ID_BYTES 16 /* hex digits */

static void number_key(struct lmdb_key *key, uint64_t number) {
    key->length = 0;
    lmdb_key_u64(key, number);
}

static uint64_t number_of(MDB_val value) {
    uint64_t number = 0;

    for (size_t i = 0; i < value.mv_size && i < 8; i++)
        number = number << 8 | ((const unsigned char *)value.mv_data)[i];
    return number;
}

static int put(MDB_txn *txn, MDB_dbi table, const struct lmdb_key *key, const void *data, size_t length) {
    MDB_val k = lmdb_key_val(key), value = lmdb_val(data, length);

    return mdb_put(txn, table, &k, &value, 0);
}

static int last_number(struct lmdb *db, MDB_txn *txn, uint64_t *number) {
    MDB_val key, value;
    MDB_cursor *cursor;
    int code = mdb_cursor_open(txn, db->tables[TABLE_LOADS], &cursor);

    *number = 0;
    if (code != 0)
        return code;
    code = mdb_cursor_get(cursor, &key, &value, MDB_LAST);
    if (code == 0)
        *number = number_of(key);
    mdb_cursor_close(cursor);
    return code == MDB_NOTFOUND ? 0 : code;
}

int lmdb_loads_add(struct lmdb *db, MDB_txn *txn, const struct lmdb_key *place) {
    MDB_val key = lmdb_key_val(place), value;
    struct lmdb_key number;
    uint64_t last;
    int code = last_number(db, txn, &last);

    if (code == 0)
        code = mdb_get(txn, db->tables[TABLE_LOADED], &key, &value);
    if (code == 0) { /* it was loaded before */
        number_key(&number, number_of(value));
        key = lmdb_key_val(&number);
        code = mdb_del(txn, db->tables[TABLE_LOADS], &key, NULL);
    }
    if (code != 0 && code != MDB_NOTFOUND)
        return code;
    number_key(&number, last + 1);
    code = put(txn, db->tables[TABLE_LOADS], &number, place->bytes, place->length);
    return code == 0 ? put(txn, db->tables[TABLE_LOADED], place, number.bytes, number.length) : code;
}

/* The store before it had numbers */

struct old_file {
    int64_t captured_us;
    struct lmdb_key place;
};

static int old_order(const void *left, const void *right) {
    const struct old_file *a = left, *b = right;
    size_t shorter = a->place.length < b->place.length ? a->place.length : b->place.length;

    if (a->captured_us != b->captured_us)
        return a->captured_us < b->captured_us ? -1 : 1;
    return memcmp(a->place.bytes, b->place.bytes, shorter);
}

static int list_files(struct lmdb *db, MDB_txn *txn, struct old_file **list, size_t *count) {
    struct sink_file_row row;
    MDB_cursor *cursor;
    MDB_val key, value;
    MDB_stat stat;
    int code = mdb_stat(txn, db->tables[TABLE_FILES], &stat);

    *list = code == 0 ? calloc(stat.ms_entries + 1, sizeof(**list)) : NULL;
    if (*list == NULL)
        return code != 0 ? code : ENOMEM;
    code = mdb_cursor_open(txn, db->tables[TABLE_FILES], &cursor);
    if (code != 0)
        return code;
    for (*count = 0; *count < stat.ms_entries && (code = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) == 0; ++*count) {
        if (!lmdb_file_read(lmdb_slice(key), lmdb_slice(value), &row)) {
            code = MDB_CORRUPTED;
            break;
        }
        (*list)[*count].captured_us = row.captured_us;
        lmdb_key_raw(&(*list)[*count].place, key.mv_data, key.mv_size);
    }
    mdb_cursor_close(cursor);
    return code == MDB_NOTFOUND ? 0 : code;
}

static int put_store_id(struct lmdb *db, MDB_txn *txn) {
    unsigned char random[STORE_ID_BYTES / 2];
    char id[STORE_ID_BYTES + 1];
    struct lmdb_key zero;

    if (getrandom(random, sizeof(random), 0) != (ssize_t)sizeof(random))
        return EIO;
    for (size_t i = 0; i < sizeof(random); i++)
        (void)snprintf(id + 2 * i, 3, "%02x", random[i]);
    number_key(&zero, 0);
    return put(txn, db->tables[TABLE_LOADS], &zero, id, STORE_ID_BYTES);
}

int lmdb_loads_make(struct lmdb *db, MDB_txn *txn) {
    struct old_file *list = NULL;
    size_t count = 0;
    int code = list_files(db, txn, &list, &count);

    if (code == 0)
        code = put_store_id(db, txn);
    if (count > 1)
        qsort(list, count, sizeof(*list), old_order);
    for (size_t i = 0; i < count && code == 0; i++)
        code = lmdb_loads_add(db, txn, &list[i].place);
    free(list);
    return code;
}

/* Walking */

struct changes {
    struct lmdb *db;
    MDB_txn *txn;
    struct sink_position *at;
    const struct sink_pick *pick;
    sink_record_seen *fn;
    void *context;
    bool stopped;
};

static int id_order(const void *key, const void *element) {
    return strcmp(key, *(const char *const *)element);
}

/* Tell the record when this file made it what it is. */
static int tell(struct changes *c, MDB_val record_key, const struct lmdb_key *place) {
    const char *job_id = (const char *)place->bytes;
    struct lmdb_version version;
    struct sink_seen seen = {.key = lmdb_slice(record_key), .source = record_key.mv_data, .job_id = job_id};
    struct lmdb_key mine;
    MDB_val value;
    int code = mdb_get(c->txn, c->db->tables[TABLE_RECORDS], &record_key, &value);

    if (code != 0)
        return code == MDB_NOTFOUND ? 0 : code;
    if (!lmdb_version_read(value.mv_data, value.mv_size, &version) || memchr(record_key.mv_data, '\0', record_key.mv_size) == NULL)
        return MDB_CORRUPTED;
    mine.length = 0;
    lmdb_key_raw(&mine, version.job_id.data, version.job_id.length);
    lmdb_key_raw(&mine, "", 1);
    lmdb_key_u32(&mine, version.batch);
    if (mine.length != place->length || memcmp(mine.bytes, place->bytes, mine.length) != 0 ||
        (c->pick->source != NULL && strcmp(seen.source, c->pick->source) != 0))
        return 0;
    seen.batch = version.batch;
    seen.captured_us = version.captured_us;
    seen.text = version.text;
    c->stopped = !c->fn(c->context, &seen);
    return 0;
}

/* The members of one file, from at->next on. */
static int each_member(struct changes *c, MDB_cursor *members, const struct lmdb_key *place) {
    struct lmdb_key from = *place;
    MDB_val key, value;
    int code;

    if (memchr(place->bytes, '\0', place->length) == NULL)
        return MDB_CORRUPTED;
    if (c->pick->job_count > 0 && bsearch(place->bytes, c->pick->jobs, c->pick->job_count, sizeof(c->pick->jobs[0]), id_order) == NULL)
        return 0;
    lmdb_key_u32(&from, c->at->next);
    key = lmdb_key_val(&from);
    code = mdb_cursor_get(members, &key, &value, MDB_SET_RANGE);
    while (code == 0 && !c->stopped && lmdb_starts(key, place)) {
        const MDB_val index = lmdb_val((const char *)key.mv_data + place->length, key.mv_size - place->length);
        code = tell(c, value, place);
        c->at->next = (uint32_t)number_of(index) + 1;
        if (code == 0 && !c->stopped)
            code = mdb_cursor_get(members, &key, &value, MDB_NEXT);
    }
    return code == MDB_NOTFOUND ? 0 : code;
}

static int each_load(struct changes *c, MDB_cursor *loads, MDB_cursor *members) {
    struct lmdb_key from, place;
    MDB_val key, value;
    int code;

    number_key(&from, c->at->load > 0 ? c->at->load : 1);
    key = lmdb_key_val(&from);
    for (code = mdb_cursor_get(loads, &key, &value, MDB_SET_RANGE); code == 0; code = mdb_cursor_get(loads, &key, &value, MDB_NEXT)) {
        if (number_of(key) != c->at->load)
            c->at->next = 0;
        c->at->load = number_of(key);
        place.length = 0;
        lmdb_key_raw(&place, value.mv_data, value.mv_size);
        code = each_member(c, members, &place);
        if (code != 0 || c->stopped)
            return code;
        c->at->load++;
        c->at->next = 0;
    }
    return code == MDB_NOTFOUND ? 0 : code;
}

static int check_store(struct changes *c, bool *other) {
    struct lmdb_key zero;
    char id[STORE_ID_BYTES + 1] = "";
    MDB_val key, value;
    int code;

    number_key(&zero, 0);
    key = lmdb_key_val(&zero);
    code = mdb_get(c->txn, c->db->tables[TABLE_LOADS], &key, &value);
    if (code != 0 || value.mv_size != STORE_ID_BYTES)
        return code != 0 ? code : MDB_CORRUPTED;
    memcpy(id, value.mv_data, STORE_ID_BYTES);
    *other = c->at->store[0] != '\0' && strcmp(c->at->store, id) != 0;
    if (!*other)
        memcpy(c->at->store, id, sizeof(id));
    return 0;
}

enum rc lmdb_changes(struct sink *sink, struct sink_position *at, const struct sink_pick *pick, sink_record_seen *fn, void *context, struct err *err) {
    struct changes changes = {.db = LMDB_OF(sink), .at = at, .pick = pick, .fn = fn, .context = context};
    MDB_cursor *loads = NULL, *members = NULL;
    bool other = false;
    int code = lmdb_read_begin(changes.db, &changes.txn);

    if (code != 0)
        return lmdb_fail(err, code, "read");
    code = check_store(&changes, &other);
    if (code == 0)
        code = mdb_cursor_open(changes.txn, changes.db->tables[TABLE_LOADS], &loads);
    if (code == 0)
        code = mdb_cursor_open(changes.txn, changes.db->tables[TABLE_MEMBERS], &members);
    if (code == 0 && !other)
        code = each_load(&changes, loads, members);
    if (members != NULL)
        mdb_cursor_close(members);
    if (loads != NULL)
        mdb_cursor_close(loads);
    lmdb_read_end(changes.db, changes.txn);
    if (code == MDB_NOTFOUND)
        code = MDB_CORRUPTED;
    if (code != 0)
        return lmdb_fail(err, code, "read");
    return other ? err_set(err, RC_PERM, "the cursor is of another record store than the one that is here now; begin anew, without one") : RC_OK;
}
