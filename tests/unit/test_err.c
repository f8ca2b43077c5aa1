// SPDX-License-Identifier: Apache-2.0
#include "base/err.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void test_rc(void **state) {
    (void)state;
    for (int rc = RC_OK; rc <= RC_FATAL; rc++) {
        assert_string_not_equal(rc_name((enum rc)rc), "unknown");
        for (int other = RC_OK; other < rc; other++) {
            assert_string_not_equal(rc_name((enum rc)rc), rc_name((enum rc)other));
        }
    }
    assert_string_equal(rc_name((enum rc)99), "unknown");
    assert_int_equal(rc_from_errno(0), RC_OK);
    assert_int_equal(rc_from_errno(ENOENT), RC_GONE);
    assert_int_equal(rc_from_errno(ESTALE), RC_GONE);
    assert_int_equal(rc_from_errno(EWOULDBLOCK), RC_AGAIN);
    assert_int_equal(rc_from_errno(EINTR), RC_AGAIN);
    assert_int_equal(rc_from_errno(ENOSPC), RC_NOSPACE);
    assert_int_equal(rc_from_errno(EDQUOT), RC_NOSPACE);
    assert_int_equal(rc_from_errno(EEXIST), RC_PERM);
    assert_int_equal(rc_from_errno(EROFS), RC_PERM);
    assert_int_equal(rc_from_errno(EIO), RC_TEMP);
    assert_int_equal(rc_from_errno(ENOMEM), RC_TEMP);
}

static void test_set_and_prefix(void **state) {
    struct err err = {{0}};

    (void)state;
    assert_int_equal(err_set(NULL, RC_PERM, "lost"), RC_PERM);
    assert_int_equal(err_prefix(NULL, RC_TEMP, "lost"), RC_TEMP);
    assert_int_equal(err_prefix(&err, RC_TEMP, "alone"), RC_TEMP);
    assert_string_equal(err.text, "alone");
    assert_int_equal(err_set(&err, RC_PERM, "line %d", 7), RC_PERM);
    assert_string_equal(err.text, "line 7");
    assert_int_equal(err_prefix(&err, RC_CORRUPT, "file %s", "x"), RC_CORRUPT);
    assert_string_equal(err.text, "file x: line 7");
    /* The old text may be an argument of the new one. */
    assert_int_equal(err_set(&err, RC_PERM, "(%s)", err.text), RC_PERM);
    assert_string_equal(err.text, "(file x: line 7)");
}

static void test_sys(void **state) {
    struct err err;
    char path[3000];

    (void)state;
    errno = ENOENT;
    assert_int_equal(err_sys(&err, "open %s", "a"), RC_GONE);
    assert_int_equal(errno, ENOENT);
    assert_string_equal(err.text, "open a: No such file or directory");
    memset(path, 'p', sizeof(path) - 1);
    path[sizeof(path) - 1] = '\0';
    errno = ENOSPC;
    assert_int_equal(err_sys(&err, "open %s", path), RC_NOSPACE);
    assert_non_null(strstr(err.text, ": No space left on device"));
    errno = EIO;
    assert_int_equal(err_sys(NULL, "x"), RC_TEMP);
    assert_int_equal(errno, EIO);
}

static void test_text_is_safe(void **state) {
    struct err err;
    char longer[3000];

    (void)state;
    (void)err_set(&err, RC_PERM, "a\nb\x1b[31m\xe2\x80\xae\xff");
    assert_string_equal(err.text, "a\\x0ab\\x1b[31m\\u202e\\xff");
    (void)err_prefix(&err, RC_PERM, "p");
    assert_string_equal(err.text, "p: a\\x0ab\\x1b[31m\\u202e\\xff");
    memset(longer, 'x', sizeof(longer) - 1);
    longer[sizeof(longer) - 1] = '\0';
    (void)err_set(&err, RC_PERM, "%s", longer);
    assert_int_equal(strlen(err.text), sizeof(err.text) - 1);
    assert_string_equal(err.text + sizeof(err.text) - 5, "x...");
    (void)err_prefix(&err, RC_PERM, "%s", longer);
    assert_string_equal(err.text + sizeof(err.text) - 5, "x...");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rc),
        cmocka_unit_test(test_set_and_prefix),
        cmocka_unit_test(test_sys),
        cmocka_unit_test(test_text_is_safe),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
