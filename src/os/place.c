// SPDX-License-Identifier: Apache-2.0
#include "os/place.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

void place_close_fd(int fd) {
    int saved = errno;

    close(fd);
    errno = saved;
}

/* What openat2 does, one name at a time, for kernels before 5.6. */
static int open_walk(int dir_fd, const char *path, int flags, mode_t mode) {
    const char *slash;
    char name[NAME_MAX + 1];
    int dir = dir_fd, next;

    for (;; path = slash + 1) {
        slash = strchr(path, '/');
        size_t length = slash != NULL ? (size_t)(slash - path) : strlen(path);
        if (length == 0 || length > NAME_MAX || (length == 2 && memcmp(path, "..", 2) == 0)) {
            errno = length > NAME_MAX ? ENAMETOOLONG : length == 0 ? ENOENT : EXDEV;
            next = -1;
        } else {
            memcpy(name, path, length);
            name[length] = '\0';
            next = slash != NULL ? openat(dir, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC) : openat(dir, name, flags | O_NOFOLLOW, mode);
        }
        if (dir != dir_fd)
            place_close_fd(dir);
        if (next < 0 || slash == NULL)
            return next;
        dir = next;
    }
}

int place_open_file(int dir_fd, const char *path, int flags, mode_t mode) {
    struct open_how how = {.flags = (unsigned)(flags | O_CLOEXEC), .mode = (flags & O_CREAT) != 0 ? mode : 0, .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS};
    long fd;

    do {
        if (dir_fd == AT_FDCWD)
            fd = openat(dir_fd, path, flags | O_CLOEXEC, mode);
        else
            fd = syscall(SYS_openat2, dir_fd, path, &how, sizeof(how));
    } while (fd < 0 && errno == EINTR);
    if (fd < 0 && errno == ENOSYS)
        return open_walk(dir_fd, path, flags | O_CLOEXEC, mode);
    return (int)fd;
}

enum rc place_open(struct place *place, int dir_fd, const char *path, struct err *err) {
    const char *slash = strrchr(path, '/');
    char parent[PATH_MAX];

    *place = (struct place){.dir = dir_fd, .name = path, .opened = false};
    if (slash == NULL || dir_fd == AT_FDCWD)
        return RC_OK;
    if ((size_t)(slash - path) >= sizeof(parent)) {
        errno = ENAMETOOLONG;
        return err_sys(err, "%s", path);
    }
    memcpy(parent, path, (size_t)(slash - path));
    parent[slash - path] = '\0';
    place->dir = place_open_file(dir_fd, parent, O_PATH | O_DIRECTORY, 0);
    if (place->dir < 0)
        return err_sys(err, "%s", parent);
    place->name = slash + 1;
    place->opened = true;
    return RC_OK;
}

void place_close(struct place *place) {
    if (place->opened)
        place_close_fd(place->dir);
}
