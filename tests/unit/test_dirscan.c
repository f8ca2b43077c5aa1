// SPDX-License-Identifier: Apache-2.0
#include "os_scratch.h"

#include "os/dirscan.h"

#include <dirent.h>

static void tells_names_and_types(void **state) {
    const struct scratch *s = *state;
    struct dirscan *scan;
    struct err err = {0};
    const char *name;
    unsigned char type;
    unsigned seen = 0;

    assert_int_equal(mkdirat(s->fd, "d", 0700), 0);
    scratch_write(s, "d/file", "");
    scratch_write(s, "d/.dot", "");
    assert_int_equal(mkdirat(s->fd, "d/dir", 0700), 0);
    assert_int_equal(symlinkat("file", s->fd, "d/link"), 0);
    assert_int_equal(dirscan_open(s->fd, "d", &scan, &err), RC_OK);
    while (dirscan_next(scan, &name, &type, &err) == RC_OK) {
        if (strcmp(name, "file") == 0 || strcmp(name, ".dot") == 0)
            assert_int_equal(type, DT_REG);
        else if (strcmp(name, "dir") == 0)
            assert_int_equal(type, DT_DIR);
        else if (strcmp(name, "link") == 0)
            assert_int_equal(type, DT_LNK);
        else
            fail_msg("an entry that is not there: %s", name);
        seen++;
    }
    assert_int_equal(seen, 4);
    assert_int_equal(dirscan_next(scan, &name, &type, &err), RC_GONE);
    assert_int_equal(faccessat(dirscan_fd(scan), "file", F_OK, 0), 0);
    dirscan_close(scan);
}

static void reads_many_and_survives_deletes(void **state) {
    const struct scratch *s = *state;
    struct dirscan *scan;
    const char *name;
    unsigned char type;
    char path[32];
    unsigned seen = 0;

    for (int i = 0; i < 2000; i++) {
        snprintf(path, sizeof(path), "f%d", i);
        scratch_write(s, path, "");
    }
    assert_int_equal(dirscan_open(s->fd, ".", &scan, NULL), RC_OK);
    while (dirscan_next(scan, &name, &type, NULL) == RC_OK) {
        assert_int_equal(unlinkat(dirscan_fd(scan), name, 0), 0);
        seen++;
    }
    assert_int_equal(seen, 2000);
    dirscan_close(scan);
}

static void refuses_what_is_no_directory(void **state) {
    const struct scratch *s = *state;
    struct dirscan *scan;
    struct err err = {0};

    scratch_write(s, "file", "");
    assert_int_equal(mkdirat(s->fd, "dir", 0700), 0);
    assert_int_equal(symlinkat("dir", s->fd, "link"), 0);
    assert_int_equal(dirscan_open(s->fd, "file", &scan, &err), RC_PERM);
    assert_int_equal(dirscan_open(s->fd, "link", &scan, &err), RC_PERM);
    assert_int_equal(dirscan_open(s->fd, "missing", &scan, &err), RC_GONE);
    assert_null(scan);
    assert_non_null(strstr(err.text, "missing"));
    dirscan_close(NULL);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, scratch_setup, scratch_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {TEST(tells_names_and_types), TEST(reads_many_and_survives_deletes), TEST(refuses_what_is_no_directory)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
