// SPDX-License-Identifier: Apache-2.0
#include "os_scratch.h"

#include "os/lockfile.h"

#include <signal.h>
#include <sys/wait.h>

static int open_file(const struct scratch *s) {
    int fd = openat(s->fd, "file", O_RDWR | O_CREAT | O_CLOEXEC, 0600);

    assert_true(fd >= 0);
    return fd;
}

static void flock_excludes(void **state) {
    int first = open_file(*state), second = open_file(*state);

    assert_int_equal(lockfile_lock(first, NULL), RC_OK);
    assert_int_equal(lockfile_try(second, NULL), RC_AGAIN);
    lockfile_unlock(first);
    assert_int_equal(lockfile_try(second, NULL), RC_OK);
    assert_int_equal(lockfile_try(first, NULL), RC_AGAIN);
    close(second);
    assert_int_equal(lockfile_try(first, NULL), RC_OK);
    close(first);
}

static void one_daemon_holds(void **state) {
    const struct scratch *s = *state;
    struct err err = {0};
    char text[32], own[32];
    int fd, other;
    pid_t pid = 1;

    assert_false(lockfile_held(s->fd, "lock", &pid));
    assert_int_equal(pid, 0);
    scratch_write(s, "lock", "a longer text of another one\n");
    assert_int_equal(lockfile_hold(s->fd, "lock", &fd, &err), RC_OK);
    scratch_read(s, "lock", text, sizeof(text));
    snprintf(own, sizeof(own), "%d\n", (int)getpid());
    assert_string_equal(text, own);
    assert_true(lockfile_held(s->fd, "lock", &pid));
    assert_int_equal(pid, getpid());
    assert_int_equal(lockfile_hold(s->fd, "lock", &other, &err), RC_AGAIN);
    assert_int_equal(other, -1);
    own[strlen(own) - 1] = '\0';
    assert_non_null(strstr(err.text, own));
    scratch_read(s, "lock", text, sizeof(text));
    assert_string_not_equal(text, "");
    close(fd);
    assert_false(lockfile_held(s->fd, "lock", &pid));
    assert_int_equal(lockfile_hold(s->fd, "lock", &fd, &err), RC_OK);
    close(fd);
}

/* Asking never takes the lock: a holder in another process stays, and goes with its process. */
static void the_lock_goes_with_its_process(void **state) {
    const struct scratch *s = *state;
    int ready[2], fd, status;
    pid_t pid, told;
    char byte;

    assert_int_equal(pipe(ready), 0);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        if (lockfile_hold(s->fd, "lock", &fd, NULL) != RC_OK || write(ready[1], "x", 1) != 1)
            _exit(1);
        for (;;)
            pause();
    }
    assert_int_equal(read(ready[0], &byte, 1), 1);
    assert_true(lockfile_held(s->fd, "lock", &told));
    assert_int_equal(told, pid);
    kill(pid, SIGKILL);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_false(lockfile_held(s->fd, "lock", &told));
    close(ready[0]);
    close(ready[1]);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, scratch_setup, scratch_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {TEST(flock_excludes), TEST(one_daemon_holds), TEST(the_lock_goes_with_its_process)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
