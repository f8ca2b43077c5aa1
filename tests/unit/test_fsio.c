// SPDX-License-Identifier: Apache-2.0
#include "os_scratch.h"

#include "base/fault.h"
#include "os/fsio.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

static mode_t mode_of(const struct scratch *s, const char *name) {
    struct stat st;

    assert_int_equal(fstatat(s->fd, name, &st, AT_SYMLINK_NOFOLLOW), 0);
    return st.st_mode & 07777;
}

static bool exists(const struct scratch *s, const char *name) {
    return faccessat(s->fd, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static void assert_content(const struct scratch *s, const char *name, const char *want) {
    char text[4096];

    scratch_read(s, name, text, sizeof(text));
    assert_string_equal(text, want);
}

static void create_is_exclusive_and_exact(void **state) {
    const struct scratch *s = *state;
    struct err err = {0};
    mode_t before = umask(077);
    int fd;

    assert_int_equal(fsio_create(s->fd, "new", 0664, &fd, &err), RC_OK);
    umask(before);
    assert_int_equal(mode_of(s, "new"), 0664);
    assert_true((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
    close(fd);
    errno = 0;
    assert_int_equal(fsio_create(s->fd, "new", 0664, &fd, &err), RC_PERM);
    assert_int_equal(errno, EEXIST);
    assert_non_null(strstr(err.text, "new"));
    assert_int_equal(symlinkat("elsewhere", s->fd, "dangling"), 0);
    assert_int_equal(fsio_create(s->fd, "dangling", 0664, &fd, NULL), RC_PERM);
    assert_false(exists(s, "elsewhere"));
    assert_int_equal(fsio_create(s->fd, "missing/new", 0664, &fd, NULL), RC_GONE);
}

static void make_dirs_makes_each_with_the_mode(void **state) {
    const struct scratch *s = *state;
    struct err err = {0};
    mode_t before = umask(077);

    assert_int_equal(mkdirat(s->fd, "old", 0700), 0);
    assert_int_equal(fsio_make_dirs(s->fd, "old/a/b", 02770, &err), RC_OK);
    umask(before);
    assert_int_equal(mode_of(s, "old"), 0700);
    assert_int_equal(mode_of(s, "old/a"), 02770);
    assert_int_equal(mode_of(s, "old/a/b"), 02770);
    assert_int_equal(fsio_make_dirs(s->fd, "old/a/b", 0700, &err), RC_OK);
    assert_int_equal(mode_of(s, "old/a/b"), 02770);
    scratch_write(s, "file", "x");
    assert_int_equal(fsio_make_dirs(s->fd, "file", 0700, &err), RC_PERM);
    assert_int_equal(fsio_make_dirs(s->fd, "file/sub", 0700, &err), RC_PERM);
    assert_int_equal(symlinkat("old", s->fd, "link"), 0);
    assert_int_equal(fsio_make_dirs(s->fd, "link", 0700, &err), RC_PERM);
    assert_int_equal(fsio_make_dirs(s->fd, "link/sub", 0700, &err), RC_PERM);
    assert_false(exists(s, "old/sub"));
}

static void make_dirs_takes_the_operators_path(void **state) {
    const struct scratch *s = *state;
    char path[400];

    assert_int_equal(mkdirat(s->fd, "real", 0700), 0);
    assert_int_equal(symlinkat("real", s->fd, "link"), 0);
    snprintf(path, sizeof(path), "%s/link/x//y/", s->path);
    assert_int_equal(fsio_make_dirs(AT_FDCWD, path, 02750, NULL), RC_OK);
    assert_int_equal(mode_of(s, "real/x/y"), 02750);
}

static void open_read_takes_regular_files_only(void **state) {
    const struct scratch *s = *state;
    struct err err = {0};
    struct stat st;
    int fd;

    scratch_write(s, "file", "four");
    assert_int_equal(fsio_open_read(s->fd, "file", &fd, &st, &err), RC_OK);
    assert_int_equal(st.st_size, 4);
    close(fd);
    assert_int_equal(mkfifoat(s->fd, "fifo", 0600), 0);
    assert_int_equal(mkdirat(s->fd, "dir", 0700), 0);
    assert_int_equal(symlinkat("file", s->fd, "link"), 0);
    assert_int_equal(mknodat(s->fd, "socket", S_IFSOCK | 0600, 0), 0);
    static const char *const others[] = {"fifo", "dir", "link", "socket"};
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        assert_int_equal(fsio_open_read(s->fd, others[i], &fd, NULL, &err), RC_PERM);
        assert_int_equal(fd, -1);
        assert_non_null(strstr(err.text, others[i]));
    }
    assert_int_equal(fsio_open_read(s->fd, "missing", &fd, NULL, &err), RC_GONE);
}

static void assert_stays_beneath(const struct scratch *s) {
    struct stat st;
    int fd, inner = openat(s->fd, "in", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    assert_true(inner >= 0);
    assert_int_equal(fsio_open_read(inner, "sub/file", &fd, NULL, NULL), RC_OK);
    close(fd);
    assert_int_equal(fsio_open_read(inner, "../secret", &fd, NULL, NULL), RC_PERM);
    assert_int_equal(fsio_open_read(inner, "out/secret", &fd, NULL, NULL), RC_PERM);
    assert_int_equal(fsio_stat(inner, "out/secret", &st, NULL), RC_PERM);
    assert_int_equal(fsio_unlink(inner, "out/secret", NULL), RC_PERM);
    assert_int_equal(fsio_rename(inner, "sub/file", inner, "out/file", NULL), RC_PERM);
    assert_int_equal(fsio_rename(inner, "sub/file", inner, "sub/moved", NULL), RC_OK);
    assert_int_equal(fsio_rename(inner, "sub/moved", inner, "sub/file", NULL), RC_OK);
    assert_int_equal(fsio_open_dir(inner, "out", &fd, NULL), RC_PERM);
    assert_int_equal(fsio_open_dir(inner, ".", &fd, NULL), RC_OK);
    close(fd);
    assert_int_equal(fsio_create(inner, "sub/new", 0600, &fd, NULL), RC_OK);
    close(fd);
    assert_int_equal(fsio_unlink(inner, "sub/new", NULL), RC_OK);
    close(inner);
}

static void make_beneath_tree(const struct scratch *s) {
    assert_int_equal(mkdirat(s->fd, "in", 0700), 0);
    assert_int_equal(mkdirat(s->fd, "in/sub", 0700), 0);
    scratch_write(s, "in/sub/file", "x");
    scratch_write(s, "secret", "x");
    assert_int_equal(symlinkat("..", s->fd, "in/out"), 0);
}

static void paths_stay_beneath(void **state) {
    make_beneath_tree(*state);
    assert_stays_beneath(*state);
}

/* From here on the kernel answers this system call with an errno. */
static void refuse_call(unsigned number, unsigned errnum) {
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | errnum),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {.len = sizeof(code) / sizeof(code[0]), .filter = code};

    assert_int_equal(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
    assert_int_equal(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program), 0);
}

/* Run in a process of its own and give back its wait status. A failed assertion aborts it: it must not go on with the other tests. */
static int in_child(void (*body)(const struct scratch *s, const char *argument), const struct scratch *s, const char *argument) {
    pid_t pid = fork();
    int status;

    assert_true(pid >= 0);
    if (pid == 0) {
        setenv("CMOCKA_TEST_ABORT", "1", 1);
        body(s, argument);
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return status;
}

static void beneath_without_openat2(const struct scratch *s, const char *argument) {
    (void)argument;
    refuse_call(SYS_openat2, ENOSYS);
    assert_int_equal(syscall(SYS_openat2, s->fd, "in", NULL, 0), -1);
    assert_int_equal(errno, ENOSYS);
    assert_stays_beneath(s);
}

static void old_kernels_stay_beneath(void **state) {
    make_beneath_tree(*state);
    assert_int_equal(in_child(beneath_without_openat2, *state, NULL), 0);
}

static void read_all_is_bounded(void **state) {
    const struct scratch *s = *state;
    struct buf out = BUF_INIT(5);
    struct err err = {0};

    scratch_write(s, "five", "12345");
    scratch_write(s, "six", "123456");
    scratch_write(s, "empty", "");
    assert_int_equal(fsio_read_file(s->fd, "five", &out, &err), RC_OK);
    assert_string_equal(buf_text(&out), "12345");
    buf_reset(&out);
    assert_int_equal(fsio_read_file(s->fd, "empty", &out, &err), RC_OK);
    assert_int_equal(out.length, 0);
    assert_int_equal(fsio_read_file(s->fd, "six", &out, &err), RC_PERM);
    assert_non_null(strstr(err.text, "six"));
    buf_release(&out);
}

static void read_all_reads_long_files(void **state) {
    const struct scratch *s = *state;
    struct buf out = BUF_INIT(1000000);
    char *bytes = malloc(300000);
    int fd;

    assert_non_null(bytes);
    memset(bytes, 'x', 300000);
    assert_int_equal(fsio_create(s->fd, "long", 0600, &fd, NULL), RC_OK);
    assert_int_equal(fsio_write(fd, bytes, 300000, NULL), RC_OK);
    close(fd);
    assert_int_equal(fsio_read_file(s->fd, "long", &out, NULL), RC_OK);
    assert_int_equal(out.length, 300000);
    assert_memory_equal(out.data, bytes, 300000);
    buf_release(&out);
    free(bytes);
}

static void append_creates_once(void **state) {
    const struct scratch *s = *state;
    struct err err = {0};
    bool created;
    int fd;

    assert_int_equal(fsio_open_append(s->fd, "log", 0660, &fd, &created, &err), RC_OK);
    assert_true(created);
    assert_int_equal(mode_of(s, "log"), 0660);
    assert_int_equal(fsio_write(fd, "one\n", 4, &err), RC_OK);
    close(fd);
    assert_int_equal(fsio_open_append(s->fd, "log", 0660, &fd, &created, &err), RC_OK);
    assert_false(created);
    assert_int_equal(fsio_write(fd, "two\n", 4, &err), RC_OK);
    assert_int_equal(fsio_sync_data(fd, &err), RC_OK);
    assert_content(s, "log", "one\ntwo\n");
    assert_int_equal(fsio_truncate(fd, 4, &err), RC_OK);
    close(fd);
    assert_content(s, "log", "one\n");
    assert_int_equal(symlinkat("log", s->fd, "link"), 0);
    assert_int_equal(fsio_open_append(s->fd, "link", 0660, &fd, &created, &err), RC_PERM);
    assert_int_equal(mkfifoat(s->fd, "fifo", 0600), 0);
    assert_int_equal(fsio_open_append(s->fd, "fifo", 0660, &fd, &created, &err), RC_PERM);
}

static void unnamed_files_get_a_name_once(void **state) {
    const struct scratch *s = *state;
    struct err err = {0};
    int fd, other;

    if (fsio_create_unnamed(s->fd, 0660, &fd, &err) != RC_OK)
        skip(); /* not on this file system */
    assert_int_equal(fsio_create_unnamed(s->fd, 0660, &other, &err), RC_OK);
    assert_int_equal(fsio_name(fd, s->fd, "a", &err), RC_OK);
    assert_int_equal(mode_of(s, "a"), 0660);
    assert_int_equal(fsio_write(fd, "one", 3, &err), RC_OK);
    errno = 0;
    assert_int_equal(fsio_name(other, s->fd, "a", &err), RC_PERM);
    assert_int_equal(errno, EEXIST);
    assert_content(s, "a", "one");
    close(fd);
    close(other);
}

static void moves_do_not_replace(void **state) {
    const struct scratch *s = *state;
    struct err err = {0};

    scratch_write(s, "a", "a");
    scratch_write(s, "b", "b");
    errno = 0;
    assert_int_equal(fsio_rename_new(s->fd, "a", s->fd, "b", &err), RC_PERM);
    assert_int_equal(errno, EEXIST);
    errno = 0;
    assert_int_equal(fsio_link(s->fd, "a", s->fd, "b", &err), RC_PERM);
    assert_int_equal(errno, EEXIST);
    assert_content(s, "b", "b");
    assert_int_equal(fsio_rename_new(s->fd, "a", s->fd, "c", &err), RC_OK);
    assert_false(exists(s, "a"));
    assert_int_equal(fsio_link(s->fd, "c", s->fd, "d", &err), RC_OK);
    assert_content(s, "d", "a");
    assert_int_equal(fsio_rename(s->fd, "c", s->fd, "b", &err), RC_OK);
    assert_content(s, "b", "a");
    assert_int_equal(fsio_rename(s->fd, "c", s->fd, "b", &err), RC_GONE);
    assert_int_equal(fsio_unlink(s->fd, "d", &err), RC_OK);
    assert_int_equal(fsio_unlink(s->fd, "d", &err), RC_GONE);
    assert_int_equal(errno, ENOENT);
}

static void move_without_the_flag(const struct scratch *s, const char *argument) {
    (void)argument;
    refuse_call(SYS_renameat2, EINVAL);
    assert_int_equal(fsio_rename_new(s->fd, "a", s->fd, "b", NULL), RC_PERM);
    assert_int_equal(errno, EEXIST);
    assert_int_equal(fsio_rename_new(s->fd, "a", s->fd, "c", NULL), RC_OK);
}

static void moves_do_not_replace_where_the_flag_is_unknown(void **state) {
    const struct scratch *s = *state;

    scratch_write(s, "a", "a");
    scratch_write(s, "b", "b");
    assert_int_equal(in_child(move_without_the_flag, s, NULL), 0);
    assert_false(exists(s, "a"));
    assert_content(s, "b", "b");
    assert_content(s, "c", "a");
}

static void links_are_read_not_followed(void **state) {
    const struct scratch *s = *state;
    char target[16], small[4];
    struct stat st;

    assert_int_equal(fsio_symlink("../raw", s->fd, "link", NULL), RC_OK);
    assert_int_equal(fsio_symlink("../raw", s->fd, "link", NULL), RC_PERM);
    assert_int_equal(errno, EEXIST);
    assert_int_equal(fsio_readlink(s->fd, "link", target, sizeof(target), NULL), RC_OK);
    assert_string_equal(target, "../raw");
    assert_int_equal(fsio_readlink(s->fd, "link", small, sizeof(small), NULL), RC_PERM);
    assert_int_equal(fsio_stat(s->fd, "link", &st, NULL), RC_OK);
    assert_true(S_ISLNK(st.st_mode));
}

static void mtime_is_set_to_the_microsecond(void **state) {
    const struct scratch *s = *state;
    struct stat st;

    scratch_write(s, "file", "");
    assert_int_equal(fsio_set_mtime(s->fd, "file", 1795626301123456, NULL), RC_OK);
    assert_int_equal(fsio_stat(s->fd, "file", &st, NULL), RC_OK);
    assert_int_equal(st.st_mtim.tv_sec, 1795626301);
    assert_int_equal(st.st_mtim.tv_nsec, 123456000);
    assert_int_equal(fsio_set_mtime(s->fd, "file", -1, NULL), RC_OK);
    assert_int_equal(fsio_stat(s->fd, "file", &st, NULL), RC_OK);
    assert_int_equal(st.st_mtim.tv_sec, -1);
    assert_int_equal(st.st_mtim.tv_nsec, 999999000);
    assert_int_equal(fsio_set_mtime(s->fd, "missing", 0, NULL), RC_GONE);
}

static void put_file_replaces(void **state) {
    const struct scratch *s = *state;
    struct err err = {0};

    assert_int_equal(mkdirat(s->fd, "tmp", 0700), 0);
    assert_int_equal(fsio_put_file(s->fd, "tmp/x", "x", 0640, "one", 3, &err), RC_OK);
    assert_content(s, "x", "one");
    assert_int_equal(mode_of(s, "x"), 0640);
    scratch_write(s, "tmp/x", "left by a crash");
    assert_int_equal(fsio_put_file(s->fd, "tmp/x", "x", 0640, "two", 3, &err), RC_OK);
    assert_content(s, "x", "two");
    assert_int_equal(mkdirat(s->fd, "dir", 0700), 0);
    assert_int_equal(fsio_put_file(s->fd, "tmp/x", "dir", 0640, "two", 3, &err), RC_PERM);
    assert_int_equal(errno, EISDIR);
    assert_false(exists(s, "tmp/x"));
}

static void room_and_map(void **state) {
    const struct scratch *s = *state;
    uint64_t bytes = 0, inodes = 0;
    const char *data;
    size_t length;
    int fd;

    assert_int_equal(fsio_room(s->fd, &bytes, &inodes, NULL), RC_OK);
    assert_true(bytes > 0 && inodes > 0);
    scratch_write(s, "file", "mapped");
    assert_int_equal(fsio_open_read(s->fd, "file", &fd, NULL, NULL), RC_OK);
    assert_int_equal(fsio_map(fd, &data, &length, NULL), RC_OK);
    assert_int_equal(length, 6);
    assert_memory_equal(data, "mapped", 6);
    fsio_unmap(data, length);
    close(fd);
    scratch_write(s, "empty", "");
    assert_int_equal(fsio_open_read(s->fd, "empty", &fd, NULL, NULL), RC_OK);
    assert_int_equal(fsio_map(fd, &data, &length, NULL), RC_OK);
    assert_int_equal(length, 0);
    assert_string_equal(data, "");
    fsio_unmap(data, length);
    close(fd);
}

static void writers_are_noticed(void **state) {
    const struct scratch *s = *state;
    int fd, writer;

    scratch_write(s, "file", "x");
    assert_int_equal(fsio_open_read(s->fd, "file", &fd, NULL, NULL), RC_OK);
    enum rc first = fsio_probe_writers(fd);
    if (first == RC_PERM) { /* a file system without leases */
        close(fd);
        skip();
    }
    assert_int_equal(first, RC_OK);
    writer = openat(s->fd, "file", O_WRONLY | O_CLOEXEC);
    assert_int_equal(fsio_probe_writers(fd), RC_AGAIN);
    close(writer);
    assert_int_equal(fsio_probe_writers(fd), RC_OK);
    close(fd);
}

/* The environment of the next in_child: fault_init reads it there. */
static void set_fault(const char *fault, const char *log) {
    assert_int_equal(fault != NULL ? setenv("BATCHSPOOL_FAULT", fault, 1) : unsetenv("BATCHSPOOL_FAULT"), 0);
    assert_int_equal(log != NULL ? setenv("BATCHSPOOL_FAULT_LOG", log, 1) : unsetenv("BATCHSPOOL_FAULT_LOG"), 0);
}

static void put_in_child(const struct scratch *s, const char *text) {
    fault_init();
    _exit((int)fsio_put_file(s->fd, "tmp/x", "x", 0600, text, strlen(text), NULL));
}

static int put_with_fault(const struct scratch *s, const char *fault, const char *text) {
    set_fault(fault, NULL);
    int status = in_child(put_in_child, s, text);
    set_fault(NULL, NULL);
    return status;
}

static void make_put_tree(const struct scratch *s) {
    scratch_write(s, "x", "old");
    mkdirat(s->fd, "tmp", 0700);
}

/* open, write, fsync, rename, fsync of both directories. */
enum { PUT_POINTS = 6, PUT_RENAME = 4 };

static void a_kill_leaves_old_or_new(void **state) {
    const struct scratch *s = *state;
    char fault[32];

    for (int point = 1; point <= PUT_POINTS; point++) {
        make_put_tree(s);
        snprintf(fault, sizeof(fault), "%d:kill", point);
        int status = put_with_fault(s, fault, "new");
        assert_true(WIFSIGNALED(status));
        assert_int_equal(WTERMSIG(status), SIGKILL);
        assert_content(s, "x", point <= PUT_RENAME ? "old" : "new");
        assert_int_equal(exists(s, "tmp/x"), point > 1 && point <= PUT_RENAME);
        assert_int_equal(put_with_fault(s, NULL, "again"), 0);
        assert_content(s, "x", "again");
        assert_false(exists(s, "tmp/x"));
    }
    snprintf(fault, sizeof(fault), "%d:kill", PUT_POINTS + 1);
    assert_int_equal(put_with_fault(s, fault, "new"), 0);
}

static void an_error_leaves_old_or_new(void **state) {
    const struct scratch *s = *state;
    char fault[32];

    for (int point = 1; point <= PUT_POINTS; point++) {
        make_put_tree(s);
        snprintf(fault, sizeof(fault), "%d:eio", point);
        assert_int_equal(WEXITSTATUS(put_with_fault(s, fault, "new")), RC_TEMP);
        assert_content(s, "x", point <= PUT_RENAME ? "old" : "new");
        assert_false(exists(s, "tmp/x"));
        make_put_tree(s);
        snprintf(fault, sizeof(fault), "%d:enospc", point);
        assert_int_equal(WEXITSTATUS(put_with_fault(s, fault, "new")), RC_NOSPACE);
        assert_content(s, "x", point <= PUT_RENAME ? "old" : "new");
    }
}

static void faults_go_by_name(void **state) {
    const struct scratch *s = *state;

    make_put_tree(s);
    assert_int_equal(WEXITSTATUS(put_with_fault(s, "1:eio:rename", "new")), RC_TEMP);
    assert_content(s, "x", "old");
    assert_int_equal(WEXITSTATUS(put_with_fault(s, "2:eio:fsync", "new")), RC_TEMP);
    assert_content(s, "x", "new");
    assert_int_equal(put_with_fault(s, "2:eio:rename", "newer"), 0);
}

static void short_writes_are_gone_on_with(void **state) {
    const struct scratch *s = *state;

    make_put_tree(s);
    assert_int_equal(put_with_fault(s, "1+:short", "a text of some length"), 0);
    assert_content(s, "x", "a text of some length");
}

/* Blocks and a tail. */
#define LARGE_BYTES (70u * 1024u + 321u)

static void write_large(const struct scratch *s, const char *fault) {
    void *bytes = aligned_alloc(FSIO_DIRECT_BYTES, LARGE_BYTES / FSIO_DIRECT_BYTES * FSIO_DIRECT_BYTES + FSIO_DIRECT_BYTES);
    int fd;

    (void)fault;
    fault_init();
    for (size_t i = 0; i < LARGE_BYTES; i++)
        ((unsigned char *)bytes)[i] = (unsigned char)(i * 7 + i / 251);
    if (fsio_create(s->fd, "large", 0600, &fd, NULL) != RC_OK || fsio_write_direct(fd, bytes, LARGE_BYTES, NULL) != RC_OK)
        _exit(RC_TEMP);
    if ((fcntl(fd, F_GETFL) & O_DIRECT) != 0 || fsio_write_direct(fd, "end", 3, NULL) != RC_OK || fsio_sync(fd, NULL) != RC_OK)
        _exit(99);
    free(bytes);
    _exit(0);
}

static void assert_large(const struct scratch *s, const char *fault) {
    const char *data;
    size_t length;
    int fd;

    set_fault(fault, NULL);
    assert_int_equal(in_child(write_large, s, NULL), 0);
    set_fault(NULL, NULL);
    assert_int_equal(fsio_open_read(s->fd, "large", &fd, NULL, NULL), RC_OK);
    assert_int_equal(fsio_map(fd, &data, &length, NULL), RC_OK);
    assert_int_equal(length, LARGE_BYTES + 3);
    for (size_t i = 0; i < LARGE_BYTES; i++)
        assert_int_equal((unsigned char)data[i], (unsigned char)(i * 7 + i / 251));
    assert_memory_equal(data + LARGE_BYTES, "end", 3);
    fsio_unmap(data, length);
    close(fd);
    assert_int_equal(fsio_unlink(s->fd, "large", NULL), RC_OK);
}

static void large_writes_need_no_cache(void **state) {
    const struct scratch *s = *state;

    assert_large(s, NULL);
    assert_large(s, "1:short:write");
    assert_large(s, "1+:short:write");
    set_fault("1:enospc:write", NULL);
    assert_int_equal(WEXITSTATUS(in_child(write_large, s, NULL)), RC_TEMP);
    set_fault(NULL, NULL);
}

static void pass_every_verb(const struct scratch *s, const char *argument) {
    bool created;
    int fd;

    (void)argument;
    fault_init();
    fsio_make_dirs(s->fd, "d", 0700, NULL);
    fsio_create(s->fd, "d/a", 0600, &fd, NULL);
    fsio_write(fd, "x", 1, NULL);
    fsio_truncate(fd, 0, NULL);
    fsio_sync(fd, NULL);
    fsio_sync_data(fd, NULL);
    fsio_open_append(s->fd, "d/b", 0600, &fd, &created, NULL);
    fsio_rename(s->fd, "d/a", s->fd, "d/c", NULL);
    fsio_rename_new(s->fd, "d/c", s->fd, "d/e", NULL);
    fsio_link(s->fd, "d/e", s->fd, "d/f", NULL);
    fsio_unlink(s->fd, "d/f", NULL);
    fsio_symlink("e", s->fd, "d/g", NULL);
    fsio_set_mtime(s->fd, "d/e", 0, NULL);
    fsio_sync_dir(s->fd, "d", NULL);
}

static void every_durable_verb_passes_its_point(void **state) {
    const struct scratch *s = *state;
    char log[300];

    snprintf(log, sizeof(log), "%s/log", s->path);
    set_fault(NULL, log);
    assert_int_equal(in_child(pass_every_verb, s, NULL), 0);
    set_fault(NULL, NULL);
    assert_content(s, "log",
                   "1 mkdir d\n2 fsync \n3 fsync .\n4 open d/a\n5 write \n6 truncate \n7 fsync \n8 fsync \n9 open d/b\n10 rename d/c\n11 rename d/e\n"
                   "12 link d/f\n13 unlink d/f\n14 symlink d/g\n15 utimens d/e\n16 fsync d\n");
}

static void fail_every_verb(const struct scratch *s, const char *argument) {
    bool created;
    int fd;

    (void)argument;
    fault_init();
    assert_int_equal(fsio_make_dirs(s->fd, "new", 0700, NULL), RC_TEMP);
    assert_int_equal(fsio_create(s->fd, "new", 0600, &fd, NULL), RC_TEMP);
    assert_int_equal(fsio_open_append(s->fd, "new", 0600, &fd, &created, NULL), RC_TEMP);
    assert_int_equal(fsio_rename(s->fd, "a", s->fd, "new", NULL), RC_TEMP);
    assert_int_equal(fsio_rename_new(s->fd, "a", s->fd, "new", NULL), RC_TEMP);
    assert_int_equal(fsio_link(s->fd, "a", s->fd, "new", NULL), RC_TEMP);
    assert_int_equal(fsio_unlink(s->fd, "a", NULL), RC_TEMP);
    assert_int_equal(fsio_symlink("a", s->fd, "new", NULL), RC_TEMP);
    assert_int_equal(fsio_set_mtime(s->fd, "a", 0, NULL), RC_TEMP);
    assert_int_equal(fsio_sync_dir(s->fd, ".", NULL), RC_TEMP);
    fd = openat(s->fd, "a", O_RDWR | O_CLOEXEC);
    assert_int_equal(fsio_write(fd, "b", 1, NULL), RC_TEMP);
    assert_int_equal(fsio_truncate(fd, 0, NULL), RC_TEMP);
    assert_int_equal(fsio_sync(fd, NULL), RC_TEMP);
    assert_int_equal(fsio_sync_data(fd, NULL), RC_TEMP);
}

static void a_failed_verb_does_nothing(void **state) {
    const struct scratch *s = *state;
    struct stat st;

    scratch_write(s, "a", "a");
    set_fault("1+:eio", NULL);
    assert_int_equal(in_child(fail_every_verb, s, NULL), 0);
    set_fault(NULL, NULL);
    assert_content(s, "a", "a");
    assert_int_equal(fsio_stat(s->fd, "a", &st, NULL), RC_OK);
    assert_true(st.st_mtim.tv_sec > 0);
    assert_false(exists(s, "new"));
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, scratch_setup, scratch_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(create_is_exclusive_and_exact),
        TEST(make_dirs_makes_each_with_the_mode),
        TEST(make_dirs_takes_the_operators_path),
        TEST(open_read_takes_regular_files_only),
        TEST(paths_stay_beneath),
        TEST(old_kernels_stay_beneath),
        TEST(read_all_is_bounded),
        TEST(read_all_reads_long_files),
        TEST(append_creates_once),
        TEST(unnamed_files_get_a_name_once),
        TEST(moves_do_not_replace),
        TEST(moves_do_not_replace_where_the_flag_is_unknown),
        TEST(links_are_read_not_followed),
        TEST(mtime_is_set_to_the_microsecond),
        TEST(put_file_replaces),
        TEST(room_and_map),
        TEST(writers_are_noticed),
        TEST(a_kill_leaves_old_or_new),
        TEST(an_error_leaves_old_or_new),
        TEST(faults_go_by_name),
        TEST(short_writes_are_gone_on_with),
        TEST(large_writes_need_no_cache),
        TEST(every_durable_verb_passes_its_point),
        TEST(a_failed_verb_does_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
