// SPDX-License-Identifier: Apache-2.0
#include "base/fields.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static bool add(struct fields *fields, const char *name, const char *value) {
    return fields_add(fields, name, value, strlen(value));
}

static void test_names(void **state) {
    struct fields fields = {.count = 0};

    (void)state;
    assert_null(fields_get(&fields, "Link"));
    assert_true(add(&fields, "X-Total", "12"));
    assert_true(add(&fields, "Link", ""));
    assert_int_equal(fields.count, 2);
    assert_string_equal(fields.list[0].name, "x-total");
    assert_string_equal(fields_get(&fields, "X-TOTAL"), "12");
    assert_string_equal(fields_get(&fields, "link"), "");
    assert_null(fields_get(&fields, "X-Tota"));
    assert_null(fields_get(&fields, "X-Total-"));
    fields_release(&fields);
    assert_int_equal(fields.count, 0);
    assert_null(fields_get(&fields, "link"));
}

static void test_joined(void **state) {
    struct fields fields = {.count = 0};

    (void)state;
    assert_true(add(&fields, "Link", "<a>; rel=prev"));
    assert_true(add(&fields, "Other", "x"));
    assert_true(add(&fields, "LINK", "<b>; rel=next"));
    assert_true(add(&fields, "link", ""));
    assert_int_equal(fields.count, 2);
    assert_string_equal(fields_get(&fields, "Link"), "<a>; rel=prev, <b>; rel=next, ");
    fields_release(&fields);
}

static void test_bytes(void **state) {
    struct fields fields = {.count = 0};

    (void)state;
    assert_true(fields_add(&fields, "a", "x\r\ny\0z\x7f\x1b\t \xc3\xbc", 12));
    assert_string_equal(fields_get(&fields, "a"), "x??y?z??\t \xc3\xbc");
    fields_release(&fields);
}

static void test_full(void **state) {
    struct fields fields = {.count = 0};
    char name[16];

    (void)state;
    for (unsigned i = 0; i < FIELDS_MAX; i++) {
        (void)snprintf(name, sizeof(name), "n%u", i);
        assert_true(add(&fields, name, "v"));
    }
    assert_false(add(&fields, "one more", "v"));
    assert_true(add(&fields, "N3", "w"));
    assert_string_equal(fields_get(&fields, "n3"), "v, w");
    assert_int_equal(fields.count, FIELDS_MAX);
    fields_release(&fields);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_joined),
        cmocka_unit_test(test_bytes),
        cmocka_unit_test(test_full),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
