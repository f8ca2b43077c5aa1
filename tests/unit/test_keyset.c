// SPDX-License-Identifier: Apache-2.0
#include "engine/keyset.h"

#include "base/digest.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static void key_of(uint64_t number, unsigned char key[KEYSET_KEY_BYTES]) {
    unsigned char sum[DIGEST_BYTES];
    digest_of(&number, sizeof number, sum);
    memcpy(key, sum, KEYSET_KEY_BYTES);
}

static void test_fresh_once(void **state) {
    (void)state;
    struct keyset *set = keyset_new(AT_FDCWD);
    unsigned char key[KEYSET_KEY_BYTES], zero[KEYSET_KEY_BYTES] = {0};
    bool fresh = false;
    assert_non_null(set);
    for (uint64_t round = 0; round < 2; round++)
        for (uint64_t i = 0; i < 5000; i++) {
            key_of(i, key);
            assert_int_equal(keyset_has(set, key), round == 1);
            assert_int_equal(keyset_add(set, key, &fresh, NULL), RC_OK);
            assert_int_equal(fresh, round == 0);
        }
    assert_int_equal(keyset_count(set), 5000);
    assert_false(keyset_has(set, zero));
    assert_int_equal(keyset_add(set, zero, &fresh, NULL), RC_OK);
    assert_true(fresh);
    assert_int_equal(keyset_add(set, zero, &fresh, NULL), RC_OK);
    assert_false(fresh);
    assert_true(keyset_has(set, zero));
    assert_int_equal(keyset_count(set), 5001);
    keyset_free(set);
}

/* Past a mebibyte the set lies in a file; what was in it before the move still is. */
static void test_large(void **state) {
    (void)state;
    char dir[] = "/tmp/keyset.XXXXXX";
    assert_non_null(mkdtemp(dir));
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct keyset *set = keyset_new(fd);
    unsigned char key[KEYSET_KEY_BYTES];
    bool fresh = false;
    for (uint64_t i = 0; i < 300000; i++) {
        key_of(i, key);
        assert_int_equal(keyset_add(set, key, &fresh, NULL), RC_OK);
        assert_true(fresh);
    }
    for (uint64_t i = 0; i < 300000; i += 7) {
        key_of(i, key);
        assert_int_equal(keyset_add(set, key, &fresh, NULL), RC_OK);
        assert_false(fresh);
    }
    assert_int_equal(keyset_count(set), 300000);
    keyset_free(set);
    close(fd);
    assert_int_equal(rmdir(dir), 0); /* nothing was left in it */
}

/* Where no file can be made the set says so and stays what it was. */
static void test_no_room(void **state) {
    (void)state;
    struct keyset *set = keyset_new(-1);
    unsigned char key[KEYSET_KEY_BYTES];
    struct err err = {0};
    bool fresh = false;
    uint64_t added = 0;
    enum rc rc = RC_OK;
    while (rc == RC_OK && added < 1000000) {
        key_of(added, key);
        rc = keyset_add(set, key, &fresh, &err);
        added += rc == RC_OK;
    }
    assert_int_not_equal(rc, RC_OK);
    assert_true(strlen(err.text) > 0);
    assert_int_equal(keyset_count(set), added);
    key_of(0, key);
    assert_int_equal(keyset_add(set, key, &fresh, NULL), RC_OK);
    assert_false(fresh);
    keyset_free(set);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_fresh_once), cmocka_unit_test(test_large), cmocka_unit_test(test_no_room)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
