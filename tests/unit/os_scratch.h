// SPDX-License-Identifier: Apache-2.0
#ifndef TESTS_OS_SCRATCH_H
#define TESTS_OS_SCRATCH_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A directory of one test: setup and teardown functions for cmocka, *state is a struct scratch. */
struct scratch {
    char path[256];
    int fd;
};

static inline int scratch_setup(void **state) {
    struct scratch *s = calloc(1, sizeof(*s));
    const char *base = getenv("TMPDIR");

    assert_non_null(s);
    snprintf(s->path, sizeof(s->path), "%s/batchspool-test-XXXXXX", base != NULL ? base : "/tmp");
    assert_non_null(mkdtemp(s->path));
    s->fd = open(s->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(s->fd >= 0);
    *state = s;
    return 0;
}

static inline int scratch_remove_one(const char *path, const struct stat *st, int kind, struct FTW *ftw) {
    (void)st;
    (void)kind;
    (void)ftw;
    return remove(path);
}

static inline int scratch_teardown(void **state) {
    struct scratch *s = *state;

    close(s->fd);
    nftw(s->path, scratch_remove_one, 16, FTW_DEPTH | FTW_PHYS);
    free(s);
    return 0;
}

static inline void scratch_write(const struct scratch *s, const char *name, const char *text) {
    int fd = openat(s->fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
}

static inline void scratch_read(const struct scratch *s, const char *name, char *out, size_t size) {
    int fd = openat(s->fd, name, O_RDONLY | O_CLOEXEC);

    assert_true(fd >= 0);
    ssize_t length = read(fd, out, size - 1);
    assert_true(length >= 0);
    out[length] = '\0';
    close(fd);
}

#endif
