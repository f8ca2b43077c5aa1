// SPDX-License-Identifier: Apache-2.0
#include "os_scratch.h"

#include "os/tree.h"

static void everything_goes_and_links_are_not_followed(void **state) {
    const struct scratch *s = *state;
    char path[4200], inner[4300];
    struct stat st;
    struct err err = {0};

    scratch_write(s, "outside", "kept");
    snprintf(path, sizeof(path), "%s/tree", s->path);
    assert_int_equal(mkdir(path, 0700), 0);
    for (int i = 0; i < 40; i++) {
        snprintf(inner, sizeof(inner), "%s/tree/%d", s->path, i);
        assert_int_equal(mkdir(inner, 0700), 0);
        snprintf(inner, sizeof(inner), "%s/tree/%d/file", s->path, i);
        assert_int_equal(symlink("../../outside", inner), 0);
    }
    snprintf(inner, sizeof(inner), "%s/tree/up", s->path);
    assert_int_equal(symlink("..", inner), 0);
    assert_int_equal(tree_remove(path, &err), RC_OK);
    assert_int_equal(stat(path, &st), -1);
    snprintf(inner, sizeof(inner), "%s/outside", s->path);
    assert_int_equal(stat(inner, &st), 0);
    assert_int_equal(tree_remove(path, &err), RC_OK);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test_setup_teardown(everything_goes_and_links_are_not_followed, scratch_setup, scratch_teardown)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
