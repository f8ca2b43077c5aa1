// SPDX-License-Identifier: Apache-2.0
#ifndef TESTS_UNIT_STORE_DUMP_H
#define TESTS_UNIT_STORE_DUMP_H

#include <lmdb.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <setjmp.h>
#include <cmocka.h>

#include "base/digest.h"

/* The sum of every row of every table of the embedded record store: equal sums, equal stores. Nothing else may have it open. */
static inline void store_dump(const char *root, char out[DIGEST_HEX_SIZE]) {
    static const char *const tables[] = {"records", "children", "versions", "members", "errors", "files", "campaigns", "meta"};
    struct digest *sum = digest_new();
    char path[4200];
    MDB_env *env;
    MDB_txn *txn;
    MDB_cursor *cursor;
    MDB_dbi table;
    MDB_val key, value;

    (void)snprintf(path, sizeof(path), "%s/records", root);
    assert_int_equal(mdb_env_create(&env), 0);
    assert_int_equal(mdb_env_set_maxdbs(env, 16), 0);
    assert_int_equal(mdb_env_open(env, path, MDB_RDONLY | MDB_NOTLS, 0660), 0);
    assert_int_equal(mdb_txn_begin(env, NULL, MDB_RDONLY, &txn), 0);
    for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
        assert_int_equal(mdb_dbi_open(txn, tables[i], 0, &table), 0);
        assert_int_equal(mdb_cursor_open(txn, table, &cursor), 0);
        while (mdb_cursor_get(cursor, &key, &value, MDB_NEXT) == 0) {
            uint64_t sizes[3] = {i, key.mv_size, value.mv_size};
            digest_add(sum, sizes, sizeof(sizes));
            digest_add(sum, key.mv_data, key.mv_size);
            digest_add(sum, value.mv_data, value.mv_size);
        }
        mdb_cursor_close(cursor);
    }
    mdb_txn_abort(txn);
    mdb_env_close(env);
    digest_hex(sum, out);
    digest_free(sum);
}

/* Rows of one table. */
static inline size_t store_count(const char *root, const char *name) {
    char path[4200];
    MDB_env *env;
    MDB_txn *txn;
    MDB_dbi table;
    MDB_stat stat;

    (void)snprintf(path, sizeof(path), "%s/records", root);
    assert_int_equal(mdb_env_create(&env), 0);
    assert_int_equal(mdb_env_set_maxdbs(env, 16), 0);
    assert_int_equal(mdb_env_open(env, path, MDB_RDONLY | MDB_NOTLS, 0660), 0);
    assert_int_equal(mdb_txn_begin(env, NULL, MDB_RDONLY, &txn), 0);
    assert_int_equal(mdb_dbi_open(txn, name, 0, &table), 0);
    assert_int_equal(mdb_stat(txn, table, &stat), 0);
    mdb_txn_abort(txn);
    mdb_env_close(env);
    return stat.ms_entries;
}

/* The store as format 1 had it. */
static inline void store_form_before(const char *root) {
    char path[4200];
    MDB_env *env;
    MDB_txn *txn;
    MDB_dbi table;
    MDB_val key = {.mv_data = (char[]){"format"}, .mv_size = 6}, value = {.mv_data = (char[]){"1"}, .mv_size = 1};

    (void)snprintf(path, sizeof(path), "%s/records", root);
    assert_int_equal(mdb_env_create(&env), 0);
    assert_int_equal(mdb_env_set_maxdbs(env, 16), 0);
    assert_int_equal(mdb_env_open(env, path, MDB_NOTLS, 0660), 0);
    assert_int_equal(mdb_txn_begin(env, NULL, 0, &txn), 0);
    assert_int_equal(mdb_dbi_open(txn, "loads", 0, &table), 0);
    assert_int_equal(mdb_drop(txn, table, 1), 0);
    assert_int_equal(mdb_dbi_open(txn, "loaded", 0, &table), 0);
    assert_int_equal(mdb_drop(txn, table, 1), 0);
    assert_int_equal(mdb_dbi_open(txn, "meta", 0, &table), 0);
    assert_int_equal(mdb_put(txn, table, &key, &value, 0), 0);
    assert_int_equal(mdb_txn_commit(txn), 0);
    mdb_env_close(env);
}

#endif
