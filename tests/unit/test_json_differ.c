// SPDX-License-Identifier: Apache-2.0
#include "base/json_differ.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void test_differ(void **state) {
    static const struct {
        const char *a, *b, *pointer, *there; /* pointer NULL: they do not differ */
    } cases[] = {
        {"{\"a\":[1,{\"b\":2}]}", " { \"a\" : [1.0, {\"b\":2e0}] }", NULL, NULL},
        {"{\"a\":[1,{\"b\":2}]}", "{\"a\":[1,{\"b\":3}]}", "/a/1/b", "3"},
        {"{\"a\":\"\\u0078\"}", "{\"a\":\"x\"}", NULL, NULL},
        {"{\"a\":1}", "{\"a\":1,\"b\":2}", "", "{\"a\":1,\"b\":2}"},
        {"{\"a\":1,\"b\":2}", "{\"b\":3,\"a\":1}", "", "{\"b\":3,\"a\":1}"},
        {"{\"a\":1,\"b\":2}", "{\"b\":2,\"a\":1}", NULL, NULL},
        {"[[],[1,2]]", "[[],[1]]", "/1", "[1]"},
        {"[{\"a\":null}]", "[{\"a\":{}}]", "/0/a", "{}"},
        {"1", "2", "", "2"},
        {"[1e20,1e20,1e20,1e20,1e20,1e20,1e20,1e20,1e20,1e20,1]", "[1e20,1e20,1e20,1e20,1e20,1e20,1e20,1e20,1e20,1e20,2]", "/10", "2"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct slice a = slice_of(cases[i].a), b = slice_of(cases[i].b);
        char pointer[JSON_DIFFER_POINTER];
        enum rc rc = RC_FATAL;

        assert_int_equal(json_differ(&a, &b, pointer, &rc), cases[i].pointer != NULL);
        assert_int_equal(rc, RC_OK);
        if (cases[i].pointer != NULL) {
            assert_string_equal(pointer, cases[i].pointer);
            assert_int_equal(b.length, strlen(cases[i].there));
            assert_memory_equal(b.data, cases[i].there, b.length);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_differ)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
