// SPDX-License-Identifier: Apache-2.0
#include "base/fault.h"

#include <errno.h>
#include <signal.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/* The plan is process-wide, so each case passes its points in a child. The child says in its exit code what the first failing call gave. */
struct outcome {
    int failed_at; /* 0: none */
    int result;    /* of that call: an errno, -1, or -SIGKILL; the exit code of fault_init as 1000 + code */
    int failures;
};

static struct outcome pass_points(const char *plan, const char *log) {
    static const char *const names[] = {"open", "write", "fsync", "open", "write", "fsync"};
    struct outcome outcome = {0, 0, 0};
    int pipes[2], status;
    pid_t child;

    assert_int_equal(pipe(pipes), 0);
    child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        if (freopen("/dev/null", "w", stderr) == NULL || setenv("BATCHSPOOL_FAULT", plan, 1) != 0 || setenv("BATCHSPOOL_FAULT_LOG", log, 1) != 0) {
            _exit(1);
        }
        fault_init();
        for (int i = 0; i < 6; i++) {
            int result = fault_point(names[i], "a file");

            if (result != 0 && outcome.failures++ == 0) {
                outcome.failed_at = i + 1;
                outcome.result = result;
            }
        }
        _exit(write(pipes[1], &outcome, sizeof(outcome)) == (ssize_t)sizeof(outcome) ? 0 : 1);
    }
    (void)close(pipes[1]);
    if (read(pipes[0], &outcome, sizeof(outcome)) != (ssize_t)sizeof(outcome)) {
        outcome = (struct outcome){0, 0, 0};
    }
    (void)close(pipes[0]);
    assert_int_equal(waitpid(child, &status, 0), child);
    if (WIFSIGNALED(status)) {
        outcome.result = -WTERMSIG(status);
    } else if (WEXITSTATUS(status) != 0) {
        outcome.result = 1000 + WEXITSTATUS(status);
    }
    return outcome;
}

static void test_plans(void **state) {
    static const struct {
        const char *plan;
        struct outcome expected;
    } cases[] = {
        {"", {0, 0, 0}},
        {"3:eio", {3, EIO, 1}},
        {"1:enospc", {1, ENOSPC, 1}},
        {"7:eio", {0, 0, 0}},
        {"2+:eio", {2, EIO, 5}},
        {"2:eio:write", {5, EIO, 1}},
        {"1+:enospc:fsync", {3, ENOSPC, 2}},
        {"1:eio:rename", {0, 0, 0}},
        {"2:short", {2, -1, 1}},
        {"3:short", {0, 0, 0}},
        {"2:short:write", {5, -1, 1}},
        {"4:kill", {0, -SIGKILL, 0}},
        {"2:kill:fsync", {0, -SIGKILL, 0}},
        {"0:eio", {0, 1078, 0}},
        {"x:eio", {0, 1078, 0}},
        {"+:eio", {0, 1078, 0}},
        {":eio", {0, 1078, 0}},
        {"3", {0, 1078, 0}},
        {"3:burn", {0, 1078, 0}},
        {"3:eio:", {0, 1078, 0}},
        {"3:", {0, 1078, 0}},
        {"99999999999999999999:eio", {0, 1078, 0}},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct outcome outcome = pass_points(cases[i].plan, "");

        if (memcmp(&outcome, &cases[i].expected, sizeof(outcome)) != 0) {
            fail_msg("%s: point %d, result %d, %d failures", cases[i].plan, outcome.failed_at, outcome.result, outcome.failures);
        }
    }
}

static void test_log(void **state) {
    const char *tmp = getenv("TMPDIR");
    char path[256], text[512] = "";
    FILE *file;
    int fd;

    (void)state;
    (void)snprintf(path, sizeof(path), "%s/fault-XXXXXX", tmp != NULL ? tmp : "/tmp");
    fd = mkstemp(path);
    assert_true(fd >= 0);
    (void)close(fd);
    (void)pass_points("5:kill", path);
    file = fopen(path, "r");
    assert_non_null(file);
    assert_true(fread(text, 1, sizeof(text) - 1, file) > 0);
    (void)fclose(file);
    assert_string_equal(text, "1 open a file\n2 write a file\n3 fsync a file\n4 open a file\n5 write a file\n");
    (void)unlink(path);
    assert_int_equal(pass_points("", "/nonexistent/dir/log").result, 1078);
}

static void test_off(void **state) {
    (void)state;
    assert_int_equal(fault_point("open", NULL), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_off),
        cmocka_unit_test(test_plans),
        cmocka_unit_test(test_log),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
