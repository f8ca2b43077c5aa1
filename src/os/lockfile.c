// SPDX-License-Identifier: Apache-2.0
#include "os/lockfile.h"

#include "base/str.h"
#include "os/fsio.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#define LOCK_MODE 0660
#define PID_TEXT_BYTES 24

enum rc lockfile_lock(int fd, struct err *err) {
    int result;

    do
        result = flock(fd, LOCK_EX);
    while (result < 0 && errno == EINTR);
    return result < 0 ? err_sys(err, "lock") : RC_OK;
}

enum rc lockfile_try(int fd, struct err *err) {
    int result;

    do
        result = flock(fd, LOCK_EX | LOCK_NB);
    while (result < 0 && errno == EINTR);
    return result < 0 ? err_sys(err, "lock") : RC_OK;
}

void lockfile_unlock(int fd) {
    flock(fd, LOCK_UN);
}

/* The pid that the file tells; 0 when its owner has not written it yet. */
static pid_t read_pid(int fd) {
    char text[PID_TEXT_BYTES];
    ssize_t length = pread(fd, text, sizeof(text) - 1, 0);
    uint64_t pid;

    if (length <= 0)
        return 0;
    text[length] = '\0';
    text[strcspn(text, "\n")] = '\0';
    return str_to_u64(text, 1, INT_MAX, &pid) ? (pid_t)pid : 0;
}

enum rc lockfile_hold(int dir_fd, const char *name, int *fd, struct err *err) {
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    char text[PID_TEXT_BYTES];
    bool created;
    enum rc rc = fsio_open_append(dir_fd, name, LOCK_MODE, fd, &created, err);

    if (rc != RC_OK)
        return rc;
    if (fcntl(*fd, F_OFD_SETLK, &lock) < 0) {
        pid_t pid = read_pid(*fd);
        if (errno != EAGAIN && errno != EACCES)
            rc = err_sys(err, "%s: lock", name);
        else
            rc = err_set(err, RC_AGAIN, "%s: held by process %d", name, (int)pid);
        goto close_file;
    }
    int length = snprintf(text, sizeof(text), "%d\n", (int)getpid());
    rc = fsio_truncate(*fd, 0, err);
    if (rc == RC_OK)
        rc = fsio_write(*fd, text, (size_t)length, err);
    if (rc != RC_OK)
        goto close_file;
    return RC_OK;

close_file:
    close(*fd);
    *fd = -1;
    return rc;
}

bool lockfile_held(int dir_fd, const char *name, pid_t *pid) {
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    int fd;
    bool held;

    *pid = 0;
    if (fsio_open_read(dir_fd, name, &fd, NULL, NULL) != RC_OK)
        return false;
    held = fcntl(fd, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
    if (held)
        *pid = read_pid(fd);
    close(fd);
    return held;
}
