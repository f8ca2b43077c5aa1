// SPDX-License-Identifier: Apache-2.0
#include "base/buf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void test_grows_and_keeps_nul(void **state) {
    struct buf b = BUF_INIT(100000);

    (void)state;
    assert_string_equal(buf_text(&b), "");
    for (size_t i = 0; i < 100000; i++) {
        assert_int_equal(buf_add_char(&b, (char)('a' + i % 26)), RC_OK);
        assert_int_equal(b.length, i + 1);
        assert_int_equal(b.data[b.length], '\0');
    }
    assert_int_equal(buf_add_char(&b, 'x'), RC_PERM);
    assert_int_equal(b.length, 100000);
    assert_int_equal(b.data[27], 'b');
    buf_reset(&b);
    assert_string_equal(buf_text(&b), "");
    assert_int_equal(buf_add_text(&b, "again"), RC_OK);
    assert_string_equal(buf_text(&b), "again");
    buf_release(&b);
    assert_null(b.data);
    assert_int_equal(buf_add_text(&b, "used again"), RC_OK);
    buf_release(&b);
}

static void test_maximum(void **state) {
    struct buf b;

    (void)state;
    buf_init(&b, 5);
    assert_int_equal(buf_add(&b, "123", 3), RC_OK);
    assert_int_equal(buf_add(&b, "456", 3), RC_PERM);
    assert_string_equal(buf_text(&b), "123");
    assert_int_equal(buf_reserve(&b, SIZE_MAX), RC_PERM);
    assert_int_equal(buf_reserve(&b, 3), RC_PERM);
    assert_int_equal(buf_reserve(&b, 2), RC_OK);
    assert_int_equal(buf_add(&b, "45", 2), RC_OK);
    assert_int_equal(buf_add(&b, "", 0), RC_OK);
    assert_string_equal(buf_text(&b), "12345");
    buf_release(&b);
    buf_init(&b, SIZE_MAX);
    assert_int_equal(buf_add(&b, "x", 1), RC_OK);
    assert_int_not_equal(buf_reserve(&b, SIZE_MAX - 1), RC_OK);
    assert_string_equal(buf_text(&b), "x");
    buf_release(&b);
    buf_init(&b, 0);
    assert_int_equal(buf_add_char(&b, 'x'), RC_PERM);
    assert_int_equal(buf_add(&b, NULL, 0), RC_OK);
    assert_string_equal(buf_text(&b), "");
    buf_release(&b);
}

static void test_printf(void **state) {
    struct buf b = BUF_INIT(20);

    (void)state;
    assert_int_equal(buf_printf(&b, "%s=%d", "n", 12), RC_OK);
    assert_string_equal(buf_text(&b), "n=12");
    assert_int_equal(buf_printf(&b, "%s", ""), RC_OK);
    assert_int_equal(buf_printf(&b, "%017d", 5), RC_PERM);
    assert_string_equal(buf_text(&b), "n=12");
    assert_int_equal(buf_printf(&b, "%016d", 5), RC_OK);
    assert_string_equal(buf_text(&b), "n=120000000000000005");
    buf_release(&b);
}

static void test_take(void **state) {
    struct buf b = BUF_INIT(20);
    char *bytes = buf_take(&b);

    (void)state;
    assert_string_equal(bytes, "");
    free(bytes);
    assert_int_equal(buf_add(&b, "a\0b", 3), RC_OK);
    bytes = buf_take(&b);
    assert_memory_equal(bytes, "a\0b", 4);
    assert_int_equal(b.length, 0);
    assert_int_equal(b.max, 20);
    free(bytes);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_grows_and_keeps_nul),
        cmocka_unit_test(test_maximum),
        cmocka_unit_test(test_printf),
        cmocka_unit_test(test_take),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
