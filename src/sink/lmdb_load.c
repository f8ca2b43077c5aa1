// SPDX-License-Identifier: Apache-2.0
#include "sink/lmdb_store.h"

#include "base/fault.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct entry { /* one record to put */
    struct sink_file *file;
    const struct sink_record *record;
    const unsigned char *key; /* in records */
    size_t key_at, key_length;
    bool skip;  /* its file is there already, or its bad record went */
    bool first; /* the first place of its key in its file: a member */
};

struct load {
    struct lmdb *db;
    struct sink_file *files;
    size_t count;
    struct buf keys;
    struct entry *entries, **sorted; /* entries in the order of the files */
    size_t entry_count;
    MDB_txn *txn;
    MDB_cursor *cursors[TABLE_COUNT];
    /* of the record whose children are being put */
    const struct entry *parent;
    int child_code;
};

static bool same_text(struct slice a, struct slice b) {
    return a.length == b.length && memcmp(a.data, b.data, a.length) == 0;
}

static struct lmdb_version version_of(const struct entry *entry) {
    return (struct lmdb_version){.captured_us = entry->file->captured_us,
                                 .batch = entry->file->batch,
                                 .index = entry->record->index,
                                 .job_id = slice_of(entry->file->job_id),
                                 .text = entry->record->text};
}

static int get(struct load *load, enum lmdb_table table, const struct lmdb_key *key, MDB_val *value) {
    MDB_val k = lmdb_key_val(key);

    return mdb_cursor_get(load->cursors[table], &k, value, MDB_SET_KEY);
}

static int put(struct load *load, enum lmdb_table table, const struct lmdb_key *key, const void *data, size_t length) {
    MDB_val k = lmdb_key_val(key), value = lmdb_val(data, length);

    return mdb_cursor_put(load->cursors[table], &k, &value, 0);
}

/* A missing row is no error. */
static int del(struct load *load, enum lmdb_table table, const struct lmdb_key *key) {
    MDB_val value;
    int code = get(load, table, key, &value);

    if (code == 0)
        code = mdb_cursor_del(load->cursors[table], 0);
    return code == MDB_NOTFOUND ? 0 : code;
}

static int put_version(struct load *load, enum lmdb_table table, const struct lmdb_key *key, const struct lmdb_version *version) {
    MDB_val k = lmdb_key_val(key), value = {.mv_size = lmdb_version_size(version)};
    int code = mdb_cursor_put(load->cursors[table], &k, &value, MDB_RESERVE);

    if (code == 0)
        lmdb_version_write(version, value.mv_data);
    return code;
}

/* Children */

static void children_prefix(struct lmdb_key *key, const unsigned char *record_key, size_t length) {
    key->length = 0;
    lmdb_key_raw(key, record_key, length);
    lmdb_key_raw(key, "", 1);
}

static int drop_children(struct load *load, const unsigned char *record_key, size_t length) {
    struct lmdb_key prefix;
    MDB_val key, value;
    int code;

    children_prefix(&prefix, record_key, length);
    for (;;) {
        key = lmdb_key_val(&prefix);
        code = mdb_cursor_get(load->cursors[TABLE_CHILDREN], &key, &value, MDB_SET_RANGE);
        if (code != 0 || !lmdb_starts(key, &prefix))
            return code == MDB_NOTFOUND ? 0 : code;
        code = mdb_cursor_del(load->cursors[TABLE_CHILDREN], 0);
        if (code != 0)
            return code;
    }
}

static enum rc put_child(void *context, const char *name, struct slice child_key, struct slice text) {
    struct load *load = context;
    struct lmdb_key key;

    children_prefix(&key, load->parent->key, load->parent->key_length);
    lmdb_key_text(&key, name);
    lmdb_key_pk(&key, child_key, LMDB_CHILD_KEY_BYTES);
    load->child_code = put(load, TABLE_CHILDREN, &key, text.data, text.length);
    return load->child_code == 0 ? RC_OK : RC_TEMP;
}

static int put_children(struct load *load, const struct entry *parent, struct slice text) {
    load->parent = parent;
    load->child_code = 0;
    if (parent->file->children == NULL || parent->file->children(parent->file->children_context, text, put_child, load) == RC_OK)
        return 0;
    return load->child_code != 0 ? load->child_code : ENOMEM;
}

/* Records */

static void count_changes(struct entry **run, size_t count, const struct slice *before) {
    for (size_t i = 0; i < count; i++) {
        if (before == NULL)
            run[i]->file->inserted++;
        else if (same_text(*before, run[i]->record->text))
            run[i]->file->unchanged++;
        else
            run[i]->file->updated++;
        before = &run[i]->record->text;
    }
}

static int put_superseded(struct load *load, const struct lmdb_key *record_key, const struct lmdb_version *version) {
    struct lmdb_version there;
    struct lmdb_key key;
    MDB_val value;
    int code;

    lmdb_key_version(&key, (struct slice){.data = (const char *)record_key->bytes, .length = record_key->length}, version);
    code = get(load, TABLE_VERSIONS, &key, &value);
    if (code == 0 && !lmdb_version_read(value.mv_data, value.mv_size, &there))
        return MDB_CORRUPTED;
    if (code == 0 && there.index >= version->index)
        return 0;
    return code == 0 || code == MDB_NOTFOUND ? put_version(load, TABLE_VERSIONS, &key, version) : code;
}

/* One file's records of one key, in their order: the last one's text is the file's version. */
static int apply_file(struct load *load, struct entry **run, size_t count) {
    const struct entry *last = run[count - 1];
    struct lmdb_version version = version_of(last), current;
    struct lmdb_key key = {.length = 0};
    MDB_val value;
    bool same = false;
    int code, order;

    run[0]->first = true;
    lmdb_key_raw(&key, last->key, last->key_length);
    code = get(load, TABLE_RECORDS, &key, &value);
    if (code == MDB_NOTFOUND) {
        count_changes(run, count, NULL);
    } else if (code != 0) {
        return code;
    } else {
        if (!lmdb_version_read(value.mv_data, value.mv_size, &current))
            return MDB_CORRUPTED;
        order = lmdb_version_order(&version, &current);
        if (order < 0 || (order == 0 && version.index < current.index)) {
            last->file->unchanged += count;
            return order < 0 ? put_superseded(load, &key, &version) : 0;
        }
        count_changes(run, count, &current.text);
        same = same_text(version.text, current.text);
        if (order > 0) {
            buf_reset(&load->db->scratch);
            if (buf_add(&load->db->scratch, value.mv_data, value.mv_size) != RC_OK)
                return ENOMEM;
            (void)lmdb_version_read(load->db->scratch.data, load->db->scratch.length, &current);
            code = put_superseded(load, &key, &current);
            if (code != 0)
                return code;
        }
        code = same ? 0 : drop_children(load, last->key, last->key_length);
        if (code != 0)
            return code;
    }
    code = put_version(load, TABLE_RECORDS, &key, &version);
    return code != 0 || same ? code : put_children(load, last, version.text);
}

static int file_order(const struct sink_file *a, const struct sink_file *b) {
    int order;

    if (a->captured_us != b->captured_us)
        return a->captured_us < b->captured_us ? -1 : 1;
    order = strcmp(a->job_id, b->job_id);
    return order != 0 ? order : (a->batch > b->batch) - (a->batch < b->batch);
}

static int key_order(const struct entry *a, const struct entry *b) {
    int order = memcmp(a->key, b->key, a->key_length < b->key_length ? a->key_length : b->key_length);

    return order != 0 ? order : (a->key_length > b->key_length) - (a->key_length < b->key_length);
}

static int entry_order(const void *left, const void *right) {
    const struct entry *a = *(struct entry *const *)left, *b = *(struct entry *const *)right;
    int order = key_order(a, b);

    if (order == 0)
        order = file_order(a->file, b->file);
    return order != 0 ? order : (a->record->index > b->record->index) - (a->record->index < b->record->index);
}

/* In key order: neighbours share pages, which is most of the speed. */
static int apply_records(struct load *load) {
    size_t count = 0, next;
    int code = 0;

    for (size_t i = 0; i < load->entry_count; i++) {
        load->entries[i].first = false;
        if (!load->entries[i].skip)
            load->sorted[count++] = &load->entries[i];
    }
    if (count > 1)
        qsort(load->sorted, count, sizeof(struct entry *), entry_order);
    for (size_t i = 0; i < count && code == 0; i = next) {
        for (next = i + 1; next < count; next++)
            if (load->sorted[next]->file != load->sorted[i]->file || key_order(load->sorted[next], load->sorted[i]) != 0)
                break;
        code = apply_file(load, load->sorted + i, next - i);
    }
    return code;
}

/* Taking a file out again, because its definition changed */

/* The key's version of this file goes; the newest that is left takes its place. */
static int withdraw(struct load *load, const struct entry *gone, const struct lmdb_version *version) {
    struct lmdb_version current;
    struct lmdb_key record_key = {.length = 0}, key, prefix;
    MDB_val value, found;
    int code;

    lmdb_key_raw(&record_key, gone->key, gone->key_length);
    code = get(load, TABLE_RECORDS, &record_key, &value);
    if (code != 0)
        return code == MDB_NOTFOUND ? 0 : code;
    if (!lmdb_version_read(value.mv_data, value.mv_size, &current))
        return MDB_CORRUPTED;
    lmdb_key_version(&key, (struct slice){.data = (const char *)gone->key, .length = gone->key_length}, version);
    if (lmdb_version_order(&current, version) != 0)
        return del(load, TABLE_VERSIONS, &key);
    code = drop_children(load, gone->key, gone->key_length);
    if (code != 0)
        return code;
    /* This version is not in the table: the row before its place is the next older one. */
    children_prefix(&prefix, gone->key, gone->key_length);
    found = lmdb_key_val(&key);
    code = mdb_cursor_get(load->cursors[TABLE_VERSIONS], &found, &value, MDB_SET_RANGE);
    code = mdb_cursor_get(load->cursors[TABLE_VERSIONS], &found, &value, code == 0 ? MDB_PREV : MDB_LAST);
    if (code == MDB_NOTFOUND || (code == 0 && !lmdb_starts(found, &prefix)))
        return del(load, TABLE_RECORDS, &record_key);
    buf_reset(&load->db->scratch);
    if (code != 0 || buf_add(&load->db->scratch, value.mv_data, value.mv_size) != RC_OK)
        return code != 0 ? code : ENOMEM;
    code = mdb_cursor_del(load->cursors[TABLE_VERSIONS], 0);
    if (code == 0)
        code = put(load, TABLE_RECORDS, &record_key, load->db->scratch.data, load->db->scratch.length);
    if (code == 0 && !lmdb_version_read(load->db->scratch.data, load->db->scratch.length, &current))
        return MDB_CORRUPTED;
    return code == 0 ? put_children(load, gone, current.text) : code;
}

/* Take the first row under the prefix out; its value goes to row. MDB_NOTFOUND: none is left. */
static int take_first(struct load *load, enum lmdb_table table, const struct lmdb_key *prefix, struct lmdb_key *row) {
    MDB_val key = lmdb_key_val(prefix), value;
    int code = mdb_cursor_get(load->cursors[table], &key, &value, MDB_SET_RANGE);

    if (code != 0 || !lmdb_starts(key, prefix))
        return code != 0 ? code : MDB_NOTFOUND;
    if (row != NULL) {
        row->length = 0;
        lmdb_key_raw(row, value.mv_data, value.mv_size);
    }
    return mdb_cursor_del(load->cursors[table], 0);
}

static int take_out(struct load *load, struct sink_file *file, const struct sink_file_row *row) {
    struct lmdb_version version = {.captured_us = row->captured_us, .batch = row->batch, .job_id = slice_of(row->job_id)};
    struct lmdb_key place, record_key;
    int code;

    lmdb_key_place(&place, row->job_id, row->batch);
    while ((code = take_first(load, TABLE_MEMBERS, &place, &record_key)) == 0) {
        struct entry gone = {.file = file, .key = record_key.bytes, .key_length = record_key.length};
        code = withdraw(load, &gone, &version);
        if (code != 0)
            return code;
    }
    while (code == MDB_NOTFOUND && (code = take_first(load, TABLE_ERRORS, &place, NULL)) == 0)
        code = MDB_NOTFOUND;
    return code == MDB_NOTFOUND ? 0 : code;
}

/* Files */

static int read_row(struct load *load, const struct sink_file *file, struct sink_file_row *row) {
    struct lmdb_key key;
    MDB_val value;
    int code;

    lmdb_key_place(&key, file->job_id, file->batch);
    code = get(load, TABLE_FILES, &key, &value);
    if (code != 0)
        return code;
    return lmdb_file_read((struct slice){.data = (const char *)key.bytes, .length = key.length}, lmdb_slice(value), row) ? 0 : MDB_CORRUPTED;
}

/* Decide what is to be done with a file, and with the rows that it has. entries are its own. */
static int begin_file(struct load *load, struct sink_file *file, struct entry *entries) {
    struct sink_file_row row;
    struct lmdb_key key;
    MDB_val value;
    int code = read_row(load, file, &row);
    uint64_t taken = 0;

    file->inserted = file->updated = file->unchanged = 0;
    if (code != 0 && code != MDB_NOTFOUND)
        return code;
    file->known = file->again ? code == MDB_NOTFOUND : code == 0 && strcmp(row.sha256, file->sha256) == 0 && strcmp(row.definition, file->definition) == 0;
    file->success_count = code == 0 ? row.success_count : 0;
    file->error_count = code == 0 ? row.error_count : 0;
    for (size_t i = 0; i < file->record_count; i++)
        entries[i].skip = file->known;
    if (file->known) {
        file->unchanged = file->success_count;
        return 0;
    }
    if (!file->again) {
        file->success_count = file->record_count;
        file->error_count = file->bad_count;
        return code == 0 ? take_out(load, file, &row) : 0;
    }
    for (size_t i = 0; i < file->record_count; i++) {
        lmdb_key_indexed(&key, file->job_id, file->batch, file->records[i].index);
        code = get(load, TABLE_ERRORS, &key, &value);
        entries[i].skip = code == MDB_NOTFOUND;
        if (code == 0)
            code = mdb_cursor_del(load->cursors[TABLE_ERRORS], 0);
        if (code != 0 && code != MDB_NOTFOUND)
            return code;
        taken += !entries[i].skip;
    }
    file->success_count += taken;
    file->error_count -= taken;
    return 0;
}

/* A replayed record may repeat a key that its file has already: the first place stays the only one. *wanted false: it is before this one. */
static int yield_member(struct load *load, const struct entry *entry, bool *wanted) {
    struct lmdb_key place, mine;
    MDB_val key, value;
    int code;

    *wanted = true;
    lmdb_key_place(&place, entry->file->job_id, entry->file->batch);
    lmdb_key_indexed(&mine, entry->file->job_id, entry->file->batch, entry->record->index);
    key = lmdb_key_val(&place);
    for (code = mdb_cursor_get(load->cursors[TABLE_MEMBERS], &key, &value, MDB_SET_RANGE); code == 0 && lmdb_starts(key, &place);
         code = mdb_cursor_get(load->cursors[TABLE_MEMBERS], &key, &value, MDB_NEXT)) {
        if (value.mv_size != entry->key_length || memcmp(value.mv_data, entry->key, entry->key_length) != 0)
            continue;
        *wanted = memcmp(key.mv_data, mine.bytes, mine.length) > 0;
        return *wanted ? mdb_cursor_del(load->cursors[TABLE_MEMBERS], 0) : 0;
    }
    return code == MDB_NOTFOUND ? 0 : code;
}

static int put_members(struct load *load, const struct sink_file *file, const struct entry *entries) {
    struct lmdb_key key;
    bool wanted = true;
    int code = 0;

    for (size_t i = 0; i < file->record_count && code == 0; i++) {
        if (entries[i].skip || !entries[i].first)
            continue;
        if (file->again)
            code = yield_member(load, &entries[i], &wanted);
        if (code != 0 || !wanted)
            continue;
        lmdb_key_indexed(&key, file->job_id, file->batch, entries[i].record->index);
        code = put(load, TABLE_MEMBERS, &key, entries[i].key, entries[i].key_length);
    }
    return code;
}

static int end_file(struct load *load, const struct sink_file *file, const struct entry *entries) {
    struct buf *out = &load->db->scratch;
    struct sink_file_row row = {.captured_us = file->captured_us, .cost = file->cost, .has_cost = file->has_cost};
    struct lmdb_key key;
    int code;

    if (file->known)
        return 0;
    lmdb_key_place(&key, file->job_id, file->batch);
    code = lmdb_loads_add(load->db, load->txn, &key);
    if (code == 0)
        code = put_members(load, file, entries);
    for (size_t i = 0; i < file->bad_count && code == 0; i++) {
        lmdb_key_indexed(&key, file->job_id, file->batch, file->bad[i].index);
        code = lmdb_error_write(&file->bad[i], out) == RC_OK ? put(load, TABLE_ERRORS, &key, out->data, out->length) : ENOMEM;
    }
    row.success_count = file->success_count;
    row.error_count = file->error_count;
    row.properties_count = file->success_count + file->error_count;
    if (!str_copy(row.source, sizeof(row.source), file->source) || !str_copy(row.campaign, sizeof(row.campaign), file->campaign) ||
        !str_copy(row.path, sizeof(row.path), file->path) || !str_copy(row.sha256, sizeof(row.sha256), file->sha256) ||
        !str_copy(row.definition, sizeof(row.definition), file->definition))
        return EINVAL;
    lmdb_key_place(&key, file->job_id, file->batch);
    if (code == 0)
        code = lmdb_file_write(&row, out) == RC_OK ? put(load, TABLE_FILES, &key, out->data, out->length) : ENOMEM;
    key.length = 0;
    lmdb_key_text(&key, file->campaign);
    lmdb_key_raw(&key, file->job_id, strlen(file->job_id));
    return code == 0 ? put(load, TABLE_CAMPAIGNS, &key, "", 0) : code;
}

static int load_in_txn(struct load *load) {
    struct entry *entries = load->entries;
    int code = 0;

    for (int table = 0; table < TABLE_COUNT && code == 0; table++)
        code = mdb_cursor_open(load->txn, load->db->tables[table], &load->cursors[table]);
    for (size_t i = 0; i < load->count && code == 0; entries += load->files[i++].record_count)
        code = begin_file(load, &load->files[i], entries);
    if (code == 0)
        code = apply_records(load);
    entries = load->entries;
    for (size_t i = 0; i < load->count && code == 0; entries += load->files[i++].record_count)
        code = end_file(load, &load->files[i], entries);
    return code;
}

static int load_once(struct load *load) {
    int code = lmdb_begin(load->db, true, &load->txn);

    if (code != 0)
        return code;
    code = load_in_txn(load);
    if (code == 0)
        code = fault_point("commit", "records");
    if (code != 0) {
        mdb_txn_abort(load->txn);
        return code > 0 || code < -1 ? code : EIO;
    }
    return mdb_txn_commit(load->txn);
}

/* Keys are made once, however often the transaction is done again. */
static enum rc make_entries(struct load *load) {
    struct lmdb_key key;
    struct entry *entry;

    for (size_t i = 0; i < load->count; i++)
        load->entry_count += load->files[i].record_count;
    load->entries = calloc(load->entry_count + 1, sizeof(*load->entries));
    load->sorted = calloc(load->entry_count + 1, sizeof(*load->sorted));
    if (load->entries == NULL || load->sorted == NULL)
        return RC_TEMP;
    entry = load->entries;
    for (size_t i = 0; i < load->count; i++) {
        for (size_t j = 0; j < load->files[i].record_count; j++, entry++) {
            const struct sink_record *record = &load->files[i].records[j];
            lmdb_key_record(&key, load->files[i].source, record->key);
            *entry = (struct entry){.file = &load->files[i], .record = record, .key_at = load->keys.length, .key_length = key.length};
            if (buf_add(&load->keys, key.bytes, key.length) != RC_OK)
                return RC_TEMP;
        }
    }
    for (size_t i = 0; i < load->entry_count; i++)
        load->entries[i].key = (const unsigned char *)load->keys.data + load->entries[i].key_at;
    return RC_OK;
}

enum rc lmdb_load(struct sink *sink, struct sink_file *files, size_t count, struct err *err) {
    struct load load = {.db = LMDB_OF(sink), .files = files, .count = count, .keys = BUF_INIT(SIZE_MAX / 2)};
    enum rc rc = make_entries(&load);
    int code = 0;

    if (rc != RC_OK) {
        rc = err_set(err, rc, "records/: out of memory");
        goto out;
    }
    while ((code = load_once(&load)) == MDB_MAP_FULL)
        if ((code = lmdb_grow(load.db)) != 0)
            break;
    if (code != 0)
        rc = lmdb_fail(err, code, "load");
out:
    buf_release(&load.keys);
    free(load.entries);
    free(load.sorted);
    return rc;
}
