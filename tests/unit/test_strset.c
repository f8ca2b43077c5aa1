// SPDX-License-Identifier: Apache-2.0
#include "base/strset.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void keeps_each_once(void **state) {
    struct strset set = {.slots = NULL};
    bool fresh;
    (void)state;
    assert_false(strset_has(&set, "one"));
    const char *first = strset_keep(&set, "one", &fresh);
    assert_true(fresh);
    assert_string_equal(first, "one");
    assert_ptr_equal(strset_keep(&set, "one", &fresh), first);
    assert_false(fresh);
    assert_int_equal(strset_keep(&set, "", NULL)[0], '\0');
    assert_int_equal(set.count, 2);
    assert_true(strset_has(&set, "one"));
    assert_false(strset_has(&set, "two"));
    strset_release(&set);
    assert_int_equal(set.count, 0);
}

static void copies_stay_while_it_grows(void **state) {
    enum { MANY = 10000 };
    static const char *kept[MANY];
    struct strset set = {.slots = NULL};
    char text[16];
    (void)state;
    for (int i = 0; i < MANY; i++) {
        snprintf(text, sizeof text, "t%d", i);
        kept[i] = strset_keep(&set, text, NULL);
        assert_non_null(kept[i]);
    }
    for (int i = 0; i < MANY; i++) {
        bool fresh;
        snprintf(text, sizeof text, "t%d", i);
        assert_ptr_equal(strset_keep(&set, text, &fresh), kept[i]);
        assert_false(fresh);
    }
    assert_int_equal(set.count, MANY);
    strset_release(&set);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(keeps_each_once), cmocka_unit_test(copies_stay_while_it_grows)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
