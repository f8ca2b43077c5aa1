// SPDX-License-Identifier: Apache-2.0
#include "os_scratch.h"

#include "os/child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

struct seen {
    struct loop *loop;
    unsigned count;
    int status;
    char output[64];
    size_t length;
};

static void child_done(void *context, int wait_status, const struct buf *output) {
    struct seen *seen = context;

    seen->count++;
    seen->status = wait_status;
    seen->length = output->length;
    snprintf(seen->output, sizeof(seen->output), "%s", buf_text(output));
    loop_stop(seen->loop);
}

static int loop_setup(void **state) {
    return loop_new((struct loop **)state, NULL) == RC_OK ? 0 : -1;
}

static int loop_teardown(void **state) {
    loop_free(*state);
    return 0;
}

static struct child *shell(struct seen *seen, struct loop *loop, const char *script, size_t output_max) {
    const char *const argv[] = {"/bin/sh", "-c", script, NULL};
    struct child *child;
    struct err err = {0};

    *seen = (struct seen){.loop = loop};
    assert_int_equal(child_start(loop, argv, NULL, output_max, child_done, seen, &child, &err), RC_OK);
    return child;
}

static void run_shell(const char *script, const struct child_limits *limits, struct buf *output, int *status) {
    const char *const argv[] = {"/bin/sh", "-c", script, NULL};
    struct err err = {0};

    assert_int_equal(child_run(argv, limits, output, status, &err), RC_OK);
}

static void output_and_status_come_back(void **state) {
    struct seen seen;

    shell(&seen, *state, "echo hello; exit 3", 1000);
    assert_int_equal(loop_run(*state, NULL), RC_OK);
    assert_int_equal(seen.count, 1);
    assert_true(WIFEXITED(seen.status));
    assert_int_equal(WEXITSTATUS(seen.status), 3);
    assert_string_equal(seen.output, "hello\n");
}

static void output_is_cut_at_its_maximum(void **state) {
    struct seen seen;
    struct buf output = BUF_INIT(7);
    int status;

    shell(&seen, *state, "head -c 300000 /dev/zero | tr '\\0' x", 10);
    assert_int_equal(loop_run(*state, NULL), RC_OK);
    assert_int_equal(seen.status, 0);
    assert_int_equal(seen.length, 10);
    assert_string_equal(seen.output, "xxxxxxxxxx");
    run_shell("head -c 300000 /dev/zero | tr '\\0' y", NULL, &output, &status);
    assert_int_equal(status, 0);
    assert_string_equal(buf_text(&output), "yyyyyyy");
    buf_release(&output);
}

static void an_early_end_of_output_is_not_the_end(void **state) {
    struct seen seen;
    struct buf output = BUF_INIT(100);
    int status;

    shell(&seen, *state, "echo out; exec >&-; read x; exit 5", 100);
    assert_int_equal(loop_run(*state, NULL), RC_OK);
    assert_int_equal(WEXITSTATUS(seen.status), 5);
    assert_string_equal(seen.output, "out\n");
    run_shell("echo out; exec >&-; read x; exit 6", NULL, &output, &status);
    assert_int_equal(WEXITSTATUS(status), 6);
    assert_string_equal(buf_text(&output), "out\n");
    buf_release(&output);
}

static void what_cannot_run_is_told_at_start(void **state) {
    static const char *const missing[] = {"/nonexistent/program", NULL};
    static const char *const relative[] = {"sh", NULL};
    static const char *const directory[] = {"/", NULL};
    static const char *const *const all[] = {missing, relative, directory};
    struct child *child;
    struct seen seen = {.loop = *state};

    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        struct err err = {0};
        assert_int_equal(child_start(*state, all[i], NULL, 10, child_done, &seen, &child, &err), RC_PERM);
        assert_null(child);
        assert_non_null(strstr(err.text, all[i][0]));
    }
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    assert_int_equal(errno, ECHILD);
    assert_int_equal(seen.count, 0);
}

static void only_three_descriptors_are_open(void **state) {
    struct buf output = BUF_INIT(1000);
    int status, leak = dup(1); /* without O_CLOEXEC */

    (void)state;
    assert_true(leak > 2);
    run_shell("for f in 0 1 2 3 4 5 6 7 8 9; do [ -e /proc/$$/fd/$f ] && printf %s $f; done; readlink /proc/$$/fd/0", NULL, &output, &status);
    assert_string_equal(buf_text(&output), "012/dev/null\n");
    close(leak);
    buf_release(&output);
}

static void signals_are_as_by_default(void **state) {
    struct buf output = BUF_INIT(4000);
    sigset_t one, before;
    int status;

    (void)state;
    sigemptyset(&one);
    sigaddset(&one, SIGUSR1);
    pthread_sigmask(SIG_BLOCK, &one, &before);
    signal(SIGPIPE, SIG_IGN);
    run_shell("exec grep -E '^Sig(Blk|Ign):' /proc/self/status", NULL, &output, &status);
    signal(SIGPIPE, SIG_DFL);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    unsigned long long blocked = 1, ignored = 1;
    assert_int_equal(sscanf(buf_text(&output), "SigBlk:\t%llx\nSigIgn:\t%llx\n", &blocked, &ignored), 2);
    /* 32 and 33 are the C library's own: it lets nobody change them, so they stay as whoever started us left them. */
    ignored &= ~(3ull << 31);
    assert_true(blocked == 0 && ignored == 0);
    buf_release(&output);
}

static void limits_are_set_and_end_it(void **state) {
    struct child_limits limits = {.address_space_bytes = 256u << 20, .cpu_s = 1};
    struct buf output = BUF_INIT(100);
    int status;

    (void)state;
    run_shell("ulimit -v; ulimit -t", &limits, &output, &status);
    assert_string_equal(buf_text(&output), "262144\n1\n");
    run_shell("while :; do :; done", &limits, &output, &status);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGXCPU);
    buf_release(&output);
}

static void a_signal_reaches_the_group(void **state) {
    struct seen seen;
    struct child *child = shell(&seen, *state, "sleep 600 & sleep 600", 10);

    assert_int_equal(getpgid(child_pid(child)), child_pid(child));
    child_signal(child, SIGTERM);
    assert_int_equal(loop_run(*state, NULL), RC_OK);
    assert_true(WIFSIGNALED(seen.status));
    assert_int_equal(WTERMSIG(seen.status), SIGTERM);
}

static void a_cancelled_one_is_reaped_in_silence(void **state) {
    struct seen seen;
    struct child *child = shell(&seen, *state, "exec sleep 600", 10);
    pid_t pid = child_pid(child);

    child_cancel(child);
    assert_int_equal(waitpid(pid, NULL, 0), -1);
    assert_int_equal(errno, ECHILD);
    /* Already ended, and ready in the loop, but not told. */
    child = shell(&seen, *state, "exit 0", 10);
    siginfo_t info;
    assert_int_equal(waitid(P_PID, (id_t)child_pid(child), &info, WEXITED | WNOWAIT), 0);
    child_cancel(child);
    assert_int_equal(loop_turn(*state, 0, NULL), RC_OK);
    assert_int_equal(seen.count, 0);
    child_cancel(NULL);
}

/* A process that outlives its parent, holding the pipe, does not hold up the end. */
static void a_left_process_does_not_delay(void **state) {
    struct seen seen;

    shell(&seen, *state, "sleep 600 & echo $!", 100);
    assert_int_equal(loop_run(*state, NULL), RC_OK);
    int left = atoi(seen.output);
    assert_true(left > 1);
    kill(left, SIGKILL);
}

/* In a process of its own: start a child, tell its pid, and die. */
static _Noreturn void be_a_dying_parent(int out) {
    static const char *const argv[] = {"/bin/sleep", "600", NULL};
    struct loop *loop;
    struct child *child;
    struct seen seen = {0};
    pid_t pid;

    if (loop_new(&loop, NULL) != RC_OK || child_start(loop, argv, NULL, 10, child_done, &seen, &child, NULL) != RC_OK)
        _exit(1);
    pid = child_pid(child);
    _exit(write(out, &pid, sizeof(pid)) == (ssize_t)sizeof(pid) ? 0 : 1);
}

static void a_child_dies_with_its_parent(void **state) {
    int told[2], status;
    pid_t parent, pid = 0;

    (void)state;
    /* The orphan comes to this process, which can wait for its end. */
    assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), 0);
    assert_int_equal(pipe(told), 0);
    parent = fork();
    assert_true(parent >= 0);
    if (parent == 0)
        be_a_dying_parent(told[1]);
    assert_int_equal(read(told[0], &pid, sizeof(pid)), sizeof(pid));
    assert_int_equal(waitpid(parent, &status, 0), parent);
    assert_int_equal(status, 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGKILL);
    close(told[0]);
    close(told[1]);
    prctl(PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0);
}

/* In a process of its own, which has no standard descriptors. */
static _Noreturn void run_without_descriptors(int out) {
    static const char *const argv[] = {"/bin/sh", "-c", "echo works; read x", NULL};
    struct buf output = BUF_INIT(100);
    int status;

    close(0);
    close(1);
    close(2);
    enum rc rc = child_run(argv, NULL, &output, &status, NULL);
    _exit(rc == RC_OK && write(out, output.data, output.length) == 6 ? 0 : 1);
}

static void closed_standard_descriptors_do_no_harm(void **state) {
    int told[2], status;
    char text[16] = "";
    pid_t pid;

    (void)state;
    assert_int_equal(pipe(told), 0);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0)
        run_without_descriptors(told[1]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    assert_int_equal(read(told[0], text, sizeof(text) - 1), 6);
    assert_string_equal(text, "works\n");
    close(told[0]);
    close(told[1]);
}

static struct child *confined_shell(struct seen *seen, struct loop *loop, const char *script, const struct child_limits *limits,
                                    const struct child_place *place) {
    const char *const argv[] = {"/bin/sh", "-c", script, NULL};
    struct child *child;
    struct err err = {0};

    *seen = (struct seen){.loop = loop};
    assert_int_equal(child_start_in(loop, argv, limits, place, 1000, child_done, seen, &child, &err), RC_OK);
    assert_int_equal(loop_run(loop, NULL), RC_OK);
    assert_int_equal(seen->count, 1);
    return child;
}

static int scratch_file(const char *text) {
    FILE *file = tmpfile();
    int fd;

    assert_non_null(file);
    fputs(text, file);
    fflush(file);
    fd = dup(fileno(file));
    fclose(file);
    assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
    return fd;
}

static void read_back(int fd, char *out, size_t size) {
    ssize_t length = pread(fd, out, size - 1, 0);

    assert_true(length >= 0);
    out[length] = '\0';
    close(fd);
}

static void a_place_has_descriptors_directory_and_environment(void **state) {
    const char *const environment[] = {"PATH=/usr/bin:/bin", "ONLY=this", NULL};
    struct child_place place = {.input_fd = scratch_file("in\n"),
                                .output_fd = scratch_file(""),
                                .error_fd = scratch_file(""),
                                .more_fd = scratch_file("document\n"),
                                .dir_fd = open("/usr", O_RDONLY | O_DIRECTORY | O_CLOEXEC),
                                .wall_fd = -1,
                                .environment = environment};
    struct seen seen;
    char text[200];

    confined_shell(&seen, *state, "cat; cat /dev/fd/3; pwd; echo $ONLY $HOME; echo trouble >&2; ls /proc/self/fd | wc -l", NULL, &place);
    assert_int_equal(seen.status, 0);
    assert_int_equal(seen.length, 0);
    read_back(place.output_fd, text, sizeof(text));
    assert_string_equal(text, "in\ndocument\n/usr\nthis\n5\n"); /* 0 to 3, and that of ls itself */
    read_back(place.error_fd, text, sizeof(text));
    assert_string_equal(text, "trouble\n");
    close(place.input_fd);
    close(place.more_fd);
    close(place.dir_fd);
}

static void a_confined_one_is_confined(void **state) {
    const struct child_limits limits = {.file_bytes = 4096, .files = 20, .confined = true, .no_network = true};
    struct child_place place = {.input_fd = -1, .output_fd = -1, .error_fd = scratch_file(""), .more_fd = -1, .dir_fd = -1, .wall_fd = -1};
    struct seen seen;
    char text[200];

    confined_shell(&seen, *state, "ulimit -n; ulimit -c; grep -c 'NoNewPrivs:.1' /proc/self/status", &limits, &place);
    assert_string_equal(seen.output, "20\n0\n1\n");
    confined_shell(&seen, *state, "exec head -c 100000 /dev/zero >/tmp/.batchspool-test-child-$$", &limits, &place);
    assert_true(WIFSIGNALED(seen.status) && WTERMSIG(seen.status) == SIGXFSZ);
    confined_shell(&seen, *state, "rm -f /tmp/.batchspool-test-child-*; exec bash -c 'exec 9<>/dev/tcp/127.0.0.1/9'", &limits, &place);
    assert_true(WIFEXITED(seen.status) && WEXITSTATUS(seen.status) != 0);
    read_back(place.error_fd, text, sizeof(text));
    assert_non_null(strstr(text, "Permission denied"));
}

/* Ended, and no zombie of ours: nobody else would reap it. */
static void what_a_confined_one_leaves_behind_goes(void **state) {
    static const char *const scripts[] = {
        "sleep 600 & echo $!",                                                                                 /* in its group */
        "setsid sh -c 'echo $$; exec sleep 600' & sleep 0.2",                                                  /* in another session */
        "setsid sh -c 'setsid sh -c \"echo \\$\\$; exec sleep 600\" & sleep 600' & sleep 0.3",                 /* two deep */
        "bash -mc 'sleep 600 & echo $!'",                                                                      /* in another group */
        "(setsid sh -c 'echo $$; exec sleep 600' &); sleep 0.2",                                               /* whose parent has ended */
        "setsid sh -c 'echo $$; trap \"\" TERM HUP INT; while :; do sleep 600; done' & sleep 0.2; kill -9 $$", /* of one that was killed */
    };
    const struct child_limits limits = {.confined = true};
    struct seen seen;

    for (size_t i = 0; i < sizeof(scripts) / sizeof(scripts[0]); i++) {
        confined_shell(&seen, *state, scripts[i], &limits, NULL);
        assert_true(atoi(seen.output) > 1);
        assert_int_equal(kill(atoi(seen.output), 0), -1);
        assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
        assert_int_equal(errno, ECHILD);
    }
}

static void one_that_still_runs_is_no_stray(void **state) {
    const char *const argv[] = {"/bin/sh", "-c", "(setsid sleep 600 &); exec cat /dev/fd/3", NULL};
    const struct child_limits limits = {.confined = true};
    int ends[2];
    struct seen first = {.loop = NULL}, seen;
    struct child *child;
    struct err err = {0};

    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    const struct child_place place = {.input_fd = -1, .output_fd = -1, .error_fd = -1, .more_fd = ends[0], .dir_fd = -1, .wall_fd = -1};
    first.loop = *state;
    assert_int_equal(child_start_in(*state, argv, &limits, &place, 1000, child_done, &first, &child, &err), RC_OK);
    confined_shell(&seen, *state, "setsid sleep 600 & sleep 0.1", &limits, NULL);
    assert_int_equal(first.count, 0);
    assert_int_equal(kill(child_pid(child), 0), 0);
    close(ends[0]);
    assert_int_equal(write(ends[1], "still\n", 6), 6);
    close(ends[1]);
    assert_int_equal(loop_run(*state, NULL), RC_OK);
    assert_int_equal(first.status, 0);
    assert_string_equal(first.output, "still\n");
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
}

static void what_an_earlier_run_left_goes(void **state) {
    const char *const environment[] = {"PATH=/usr/bin:/bin", "HOME=/tmp/batchspool-test-child/a", NULL}, *const argv[] = {"/bin/sleep", "600", NULL};
    const struct child_place place = {.input_fd = -1, .output_fd = -1, .error_fd = -1, .more_fd = -1, .dir_fd = -1, .wall_fd = -1, .environment = environment};
    struct seen seen = {.loop = *state};
    struct child *child;
    struct err err = {0};

    assert_int_equal(child_start_in(*state, argv, NULL, &place, 1000, child_done, &seen, &child, &err), RC_OK);
    assert_int_equal(child_end_left("HOME=/tmp/batchspool-test-child/b"), 0);
    assert_int_equal(child_end_left("HOME=/tmp/batchspool-test-child/"), 1);
    assert_int_equal(loop_run(*state, NULL), RC_OK);
    assert_true(WIFSIGNALED(seen.status) && WTERMSIG(seen.status) == SIGKILL);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, loop_setup, loop_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(output_and_status_come_back),
        TEST(output_is_cut_at_its_maximum),
        TEST(an_early_end_of_output_is_not_the_end),
        TEST(what_cannot_run_is_told_at_start),
        TEST(only_three_descriptors_are_open),
        TEST(signals_are_as_by_default),
        TEST(limits_are_set_and_end_it),
        TEST(a_signal_reaches_the_group),
        TEST(a_cancelled_one_is_reaped_in_silence),
        TEST(a_left_process_does_not_delay),
        TEST(a_child_dies_with_its_parent),
        TEST(closed_standard_descriptors_do_no_harm),
        TEST(a_place_has_descriptors_directory_and_environment),
        TEST(a_confined_one_is_confined),
        TEST(what_a_confined_one_leaves_behind_goes),
        TEST(one_that_still_runs_is_no_stray),
        TEST(what_an_earlier_run_left_goes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
