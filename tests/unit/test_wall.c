// SPDX-License-Identifier: Apache-2.0
#include "os_scratch.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "os/child.h"
#include "os/wall.h"

/* What a shell behind the wall can do: a line each, "yes" or "no". */
static const char script[] =
    "try() { if sh -c \"$1\" >/dev/null 2>&1; then echo yes; else echo no; fi; }\n"
    "try 'cat secret/file'\ntry 'echo x >secret/new'\ntry 'ls secret'\ntry 'cat other/link'\ntry 'rm secret/file'\n"
    "try 'mv secret/mine/own secret/taken'\ntry 'ln secret/shown other/hard'\ntry 'echo x >beside'\ntry \"readlink /proc/$PPID/exe\"\n"
    "echo -\n"
    "try 'cat secret/mine/own'\ntry 'echo x >secret/mine/new'\ntry 'rm secret/mine/new'\ntry 'cat secret/shown'\ntry 'cat other/file'\n"
    "try 'echo x >other/new'\ntry 'cat /dev/fd/3'\ntry 'ls /usr/bin'\ntry 'echo x >/dev/null'\n";

static void make(const struct scratch *s, const char *name, const char *text) {
    char path[4200];
    if (text == NULL) {
        snprintf(path, sizeof(path), "%s/%s", s->path, name);
        assert_int_equal(mkdir(path, 0700), 0);
    } else
        scratch_write(s, name, text);
}

static int open_at(const struct scratch *s, const char *name, int flags) {
    char path[4200];
    snprintf(path, sizeof(path), "%s/%s", s->path, name);
    const int fd = open(path, flags | O_CLOEXEC);
    assert_true(fd >= 0);
    return fd;
}

static void what_is_hidden_is_out_of_reach(void **state) {
    const struct scratch *s = *state;
    char secret[4200], absent[4200], link[4200];
    const char *const hidden[] = {secret, absent, NULL}, *const argv[] = {"/bin/sh", "-c", script, NULL};
    struct child_place place = {.input_fd = -1, .output_fd = -1, .error_fd = -1, .more_fd = -1, .dir_fd = -1, .wall_fd = -1};
    struct buf output = BUF_INIT(1000);
    struct err err = {0};
    int status;

    if (!wall_possible())
        skip();
    make(s, "secret", NULL);
    make(s, "secret/file", "hidden");
    make(s, "secret/shown", "shown");
    make(s, "secret/mine", NULL);
    make(s, "secret/mine/own", "own");
    make(s, "other", NULL);
    make(s, "other/file", "other");
    snprintf(secret, sizeof(secret), "%s/secret", s->path);
    snprintf(absent, sizeof(absent), "%s/absent/dir", s->path);
    snprintf(link, sizeof(link), "%s/other/link", s->path);
    assert_int_equal(symlink("../secret/file", link), 0);
    place.dir_fd = open_at(s, ".", O_RDONLY | O_DIRECTORY);
    place.more_fd = open_at(s, "secret/shown", O_RDONLY);

    const struct child_limits limits = {.confined = true};
    assert_int_equal(child_run_in(argv, &limits, &place, &output, &status, &err), RC_OK);
    assert_string_equal(buf_text(&output), "yes\nyes\nyes\nyes\nyes\nyes\nyes\nyes\nyes\n-\nno\nyes\nyes\nyes\nyes\nyes\nyes\nyes\nyes\n"); /* without a wall */
    buf_reset(&output);
    char again[8400];
    snprintf(again, sizeof(again), "cd '%s' && rm -f other/hard beside secret/new && mv secret/taken secret/mine/own && echo hidden >secret/file", s->path);
    assert_int_equal(system(again), 0);

    const int shown[] = {open_at(s, "secret/mine", O_RDONLY | O_DIRECTORY), place.more_fd, -1};
    assert_int_equal(wall_new(hidden, 3, shown, 3, &place.wall_fd, &err), RC_OK);
    assert_int_equal(child_run_in(argv, &limits, &place, &output, &status, &err), RC_OK);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    assert_string_equal(buf_text(&output), "no\nno\nno\nno\nno\nno\nno\nno\nno\n-\nyes\nyes\nyes\nyes\nyes\nyes\nyes\nyes\nyes\n");
    buf_release(&output);
    close(place.wall_fd);
    close(place.dir_fd);
    close(place.more_fd);
    close(shown[0]);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test_setup_teardown(what_is_hidden_is_out_of_reach, scratch_setup, scratch_teardown)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
