// SPDX-License-Identifier: Apache-2.0
#include "os/sorter.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct slice of(const char *text) {
    return slice_of(text);
}

static void test_few(void **state) {
    (void)state;
    struct sorter *s = sorter_new(0);
    struct slice key, value;
    struct err err = {0};
    static const char *const in[][2] = {{"b", "1"}, {"a", "2"}, {"", "3"}, {"ab", ""}, {"b", "0"}, {"a", "1"}};
    static const char *const out[][2] = {{"", "3"}, {"a", "2"}, {"a", "1"}, {"ab", ""}, {"b", "1"}, {"b", "0"}};
    for (size_t i = 0; i < 6; i++)
        assert_int_equal(sorter_add(s, of(in[i][0]), of(in[i][1]), &err), RC_OK);
    assert_int_equal(sorter_count(s), 6);
    for (size_t i = 0; i < 6; i++) {
        assert_int_equal(sorter_next(s, &key, &value, &err), RC_OK);
        assert_true(slice_equals(key, out[i][0]) && slice_equals(value, out[i][1]));
    }
    assert_int_equal(sorter_next(s, &key, &value, &err), RC_GONE);
    assert_int_equal(sorter_next(s, &key, &value, &err), RC_GONE);
    sorter_free(s);
}

static void test_none(void **state) {
    (void)state;
    struct sorter *s = sorter_new(0);
    struct slice key, value;
    assert_int_equal(sorter_next(s, &key, &value, NULL), RC_GONE);
    sorter_free(s);
    sorter_free(NULL);
}

/* In many runs: everything comes out, in order, equal keys as they were added. */
static void runs(size_t count, size_t longest) {
    struct sorter *s = sorter_new(1);
    struct err err = {0};
    struct slice key, value;
    char *bytes = malloc(SORTER_RECORD_BYTES + 1), last[32] = "";
    unsigned seed = 7;
    uint64_t in = 0, out = 0, last_number = 0;
    memset(bytes, 'x', SORTER_RECORD_BYTES);
    for (size_t i = 0; i < count; i++) {
        char name[32];
        snprintf(name, sizeof name, "%06u", (unsigned)rand_r(&seed) % 5000);
        size_t length = 8 + (size_t)rand_r(&seed) % longest;
        uint64_t number = i;
        memcpy(bytes, &number, sizeof number);
        in += length * (i + 1);
        assert_int_equal(sorter_add(s, of(name), (struct slice){bytes, length}, &err), RC_OK);
    }
    for (size_t i = 0; i < count; i++) {
        char name[32];
        uint64_t number;
        assert_int_equal(sorter_next(s, &key, &value, &err), RC_OK);
        snprintf(name, sizeof name, "%.*s", (int)key.length, key.data);
        memcpy(&number, value.data, sizeof number);
        assert_true(strcmp(name, last) > 0 || (strcmp(name, last) == 0 && number > last_number));
        str_copy(last, sizeof last, name);
        last_number = number;
        out += value.length * (number + 1);
    }
    assert_int_equal(sorter_next(s, &key, &value, &err), RC_GONE);
    assert_true(in == out);
    sorter_free(s);
    free(bytes);
}

static void test_runs(void **state) {
    (void)state;
    runs(100000, 100);
    runs(300, SORTER_RECORD_BYTES - 32);
}

static void test_too_long(void **state) {
    (void)state;
    struct sorter *s = sorter_new(1);
    struct err err = {0};
    struct slice key, value;
    char *bytes = calloc(1, SORTER_RECORD_BYTES + 1);
    assert_int_equal(sorter_add(s, of("k"), (struct slice){bytes, SORTER_RECORD_BYTES}, &err), RC_PERM);
    assert_int_equal(sorter_add(s, of("k"), (struct slice){bytes, SORTER_RECORD_BYTES - 1}, &err), RC_OK);
    assert_int_equal(sorter_next(s, &key, &value, &err), RC_OK);
    assert_int_equal(value.length, SORTER_RECORD_BYTES - 1);
    sorter_free(s);
    free(bytes);
}

static void test_no_directory(void **state) {
    (void)state;
    struct sorter *s = sorter_new(1);
    struct err err = {0};
    char *bytes = calloc(1, SORTER_RECORD_BYTES);
    enum rc rc = RC_OK;
    setenv("TMPDIR", "/nonexistent", 1);
    for (int i = 0; i < 10 && rc == RC_OK; i++)
        rc = sorter_add(s, of("k"), (struct slice){bytes, 60000}, &err);
    assert_int_equal(rc, RC_GONE);
    assert_non_null(strstr(err.text, "/nonexistent"));
    unsetenv("TMPDIR");
    sorter_free(s);
    free(bytes);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_few),      cmocka_unit_test(test_none),         cmocka_unit_test(test_runs),
        cmocka_unit_test(test_too_long), cmocka_unit_test(test_no_directory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
