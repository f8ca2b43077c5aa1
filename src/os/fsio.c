// SPDX-License-Identifier: Apache-2.0
#include "os/fsio.h"

#include "base/fault.h"
#include "os/place.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#define READ_CHUNK_BYTES ((size_t)64 * 1024)
#define DIRECT_LEAST_BYTES ((size_t)64 * 1024) /* less is copied sooner than it is waited for */

/* Pass a fault point; true when the action must fail, with errno set. */
static bool fault(const char *name, const char *path) {
    int errnum = fault_point(name, path);

    if (errnum <= 0)
        return false;
    errno = errnum;
    return true;
}

/* The file of a descriptor, for an error text. */
static const char *fd_name(int fd, char out[PATH_MAX]) {
    char link[40];
    ssize_t length;
    int saved = errno;

    snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    length = readlink(link, out, PATH_MAX - 1);
    if (length < 0)
        length = snprintf(out, PATH_MAX, "file descriptor %d", fd);
    out[length] = '\0';
    errno = saved;
    return out;
}

static enum rc fail_fd(int fd, struct err *err, const char *what) {
    char name[PATH_MAX];

    return err_sys(err, "%s: %s", fd_name(fd, name), what);
}

/* The directory part of path, "." when it has none; false when it is too long. */
static bool parent_of(const char *path, char out[PATH_MAX]) {
    const char *slash = strrchr(path, '/');
    size_t length = slash == NULL ? 1 : slash == path ? 1 : (size_t)(slash - path);

    if (length >= PATH_MAX)
        return false;
    memcpy(out, slash == NULL ? "." : path, length);
    out[length] = '\0';
    return true;
}

enum rc fsio_open_dir(int dir_fd, const char *path, int *fd, struct err *err) {
    *fd = place_open_file(dir_fd, path, O_RDONLY | O_DIRECTORY, 0);
    return *fd < 0 ? err_sys(err, "%s", path) : RC_OK;
}

/* Make one directory, exact in its mode and durable in its parent. RC_OK too when there is one already. */
static enum rc make_dir(int dir_fd, const char *path, mode_t mode, struct err *err) {
    struct place place;
    struct stat st;
    enum rc rc = place_open(&place, dir_fd, path, err);
    char parent[PATH_MAX];
    int fd = -1;

    if (rc != RC_OK)
        return rc;
    if (fstatat(place.dir, place.name, &st, dir_fd == AT_FDCWD ? 0 : AT_SYMLINK_NOFOLLOW) == 0) {
        errno = ENOTDIR;
        rc = S_ISDIR(st.st_mode) ? RC_OK : err_sys(err, "%s", path);
        goto out;
    }
    if (fault("mkdir", path) || mkdirat(place.dir, place.name, 0700) < 0) {
        if (errno != EEXIST)
            rc = err_sys(err, "mkdir %s", path);
        goto out;
    }
    rc = fsio_open_dir(place.dir, place.name, &fd, err);
    if (rc == RC_OK && fchmod(fd, mode) < 0)
        rc = err_sys(err, "chmod %s", path);
    if (rc == RC_OK)
        rc = fsio_sync(fd, err);
    if (rc == RC_OK && !parent_of(path, parent))
        rc = err_set(err, RC_PERM, "%s: the path is too long", path);
    if (rc == RC_OK)
        rc = fsio_sync_dir(dir_fd, parent, err);
    if (fd >= 0)
        place_close_fd(fd);
out:
    place_close(&place);
    return rc;
}

enum rc fsio_make_dirs(int dir_fd, const char *path, mode_t mode, struct err *err) {
    char prefix[PATH_MAX];
    size_t length = strlen(path);
    enum rc rc = RC_OK;

    if (length >= sizeof(prefix)) {
        errno = ENAMETOOLONG;
        return err_sys(err, "%s", path);
    }
    for (size_t i = 1; i <= length && rc == RC_OK; i++) {
        if ((path[i] != '/' && path[i] != '\0') || path[i - 1] == '/')
            continue;
        memcpy(prefix, path, i);
        prefix[i] = '\0';
        rc = make_dir(dir_fd, prefix, mode, err);
    }
    return rc;
}

enum rc fsio_open_read(int dir_fd, const char *path, int *fd, struct stat *st, struct err *err) {
    struct stat own;
    enum rc rc;

    if (st == NULL)
        st = &own;
    *fd = place_open_file(dir_fd, path, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);
    if (*fd < 0) {
        if (errno == ENXIO || errno == ENODEV) /* a socket, or a device without a driver */
            return err_set(err, RC_PERM, "%s: not a regular file", path);
        return err_sys(err, "%s", path);
    }
    rc = fstat(*fd, st) < 0 ? err_sys(err, "%s", path) : RC_OK;
    if (rc == RC_OK && !S_ISREG(st->st_mode))
        rc = err_set(err, RC_PERM, "%s: not a regular file", path);
    if (rc == RC_OK)
        return rc;
    place_close_fd(*fd);
    *fd = -1;
    return rc;
}

/* A file made by O_EXCL gets its mode exactly, whatever the umask. */
static int create_exact(int dir_fd, const char *path, int flags, mode_t mode) {
    int fd;

    if (fault("open", path))
        return -1;
    fd = place_open_file(dir_fd, path, flags | O_CREAT | O_EXCL | O_NOCTTY, mode);
    if (fd >= 0 && fchmod(fd, mode) < 0) {
        place_close_fd(fd);
        return -1;
    }
    return fd;
}

enum rc fsio_create(int dir_fd, const char *path, mode_t mode, int *fd, struct err *err) {
    *fd = create_exact(dir_fd, path, O_RDWR, mode);
    return *fd < 0 ? err_sys(err, "%s", path) : RC_OK;
}

enum rc fsio_create_unnamed(int dir_fd, mode_t mode, int *fd, struct err *err) {
    *fd = fault("open", "") ? -1 : place_open_file(dir_fd, ".", O_TMPFILE | O_RDWR | O_APPEND | O_NONBLOCK, mode);
    if (*fd >= 0 && fchmod(*fd, mode) < 0) {
        place_close_fd(*fd);
        *fd = -1;
    }
    return *fd < 0 ? err_sys(err, "a file without a name") : RC_OK;
}

enum rc fsio_name(int fd, int dir_fd, const char *name, struct err *err) {
    char path[64];

    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    if (fault("link", name) || linkat(AT_FDCWD, path, dir_fd, name, AT_SYMLINK_FOLLOW) < 0)
        return err_sys(err, "%s", name);
    return RC_OK;
}

enum rc fsio_open_append(int dir_fd, const char *path, mode_t mode, int *fd, bool *created, struct err *err) {
    const int flags = O_RDWR | O_APPEND | O_NONBLOCK;
    struct stat st;

    *created = false;
    /* Twice, for a file that comes or goes between the two opens. */
    for (int attempt = 0; attempt < 2; attempt++) {
        *fd = place_open_file(dir_fd, path, flags | O_NOFOLLOW | O_NOCTTY, 0);
        if (*fd >= 0 || errno != ENOENT)
            break;
        *fd = create_exact(dir_fd, path, flags, mode);
        *created = *fd >= 0;
        if (*fd >= 0 || errno != EEXIST)
            break;
    }
    if (*fd < 0)
        return err_sys(err, "%s", path);
    if (fstat(*fd, &st) == 0 && S_ISREG(st.st_mode))
        return RC_OK;
    place_close_fd(*fd);
    *fd = -1;
    return err_set(err, RC_PERM, "%s: not a regular file", path);
}

enum rc fsio_read_all(int fd, struct buf *out, struct err *err) {
    char name[PATH_MAX], extra;
    off_t at = 0;

    for (;;) {
        size_t room = out->max - out->length;
        size_t want = room < READ_CHUNK_BYTES ? room : READ_CHUNK_BYTES;
        enum rc rc = buf_reserve(out, want);
        if (rc != RC_OK)
            return err_set(err, rc, "%s: out of memory", fd_name(fd, name));
        /* A full buffer asks for one byte more: only the end of the file makes it fit. */
        ssize_t got = want > 0 ? pread(fd, out->data + out->length, want, at) : pread(fd, &extra, 1, at);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return fail_fd(fd, err, "read");
        if (got == 0)
            return RC_OK;
        if (want == 0)
            return err_set(err, RC_PERM, "%s: longer than the %zu bytes allowed", fd_name(fd, name), out->max);
        out->length += (size_t)got;
        out->data[out->length] = '\0';
        at += got;
    }
}

enum rc fsio_read_file(int dir_fd, const char *path, struct buf *out, struct err *err) {
    int fd;
    enum rc rc = fsio_open_read(dir_fd, path, &fd, NULL, err);

    if (rc != RC_OK)
        return rc;
    rc = fsio_read_all(fd, out, err);
    place_close_fd(fd);
    return rc;
}

enum rc fsio_write(int fd, const void *bytes, size_t length, struct err *err) {
    const char *at = bytes;

    while (length > 0) {
        int errnum = fault_point("write", "");
        size_t want = errnum < 0 ? (length + 1) / 2 : length;
        ssize_t put = -1;
        if (errnum > 0)
            errno = errnum;
        else
            put = write(fd, at, want);
        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return fail_fd(fd, err, "write");
        at += put;
        length -= (size_t)put;
    }
    return RC_OK;
}

/* One write of so much; how much of it was written, -1 with errno. */
static ssize_t write_once(int fd, const char *bytes, size_t length) {
    int errnum = fault_point("write", "");

    if (errnum > 0) {
        errno = errnum;
        return -1;
    }
    return write(fd, bytes, errnum < 0 ? length / 2 / FSIO_DIRECT_BYTES * FSIO_DIRECT_BYTES : length);
}

enum rc fsio_write_direct(int fd, const void *bytes, size_t length, struct err *err) {
    size_t whole = length < DIRECT_LEAST_BYTES ? 0 : length / FSIO_DIRECT_BYTES * FSIO_DIRECT_BYTES;
    int flags = fcntl(fd, F_GETFL);
    ssize_t put = 0;

    if (whole > 0 && flags >= 0 && fcntl(fd, F_SETFL, flags | O_DIRECT) == 0) {
        put = write_once(fd, bytes, whole);
        int saved = errno;
        if (fcntl(fd, F_SETFL, flags) < 0)
            return fail_fd(fd, err, "write");
        errno = saved;
        if (put < 0 && errno != EINVAL && errno != EINTR) /* EINVAL: of other multiples, or not at all */
            return fail_fd(fd, err, "write");
    }
    put = put < 0 ? 0 : put;
    return fsio_write(fd, (const char *)bytes + put, length - (size_t)put, err);
}

enum rc fsio_truncate(int fd, off_t length, struct err *err) {
    if (fault("truncate", "") || ftruncate(fd, length) < 0)
        return fail_fd(fd, err, "truncate");
    return RC_OK;
}

/* The kernel reports a write-back error once and then calls the pages clean: asking again would get a false "synced" (rule 12). */
static enum rc synced(int result, int fd, struct err *err) {
    if (result == 0)
        return RC_OK;
    enum rc rc = fail_fd(fd, err, "fsync");
    return rc == RC_NOSPACE ? rc : RC_TEMP;
}

enum rc fsio_sync(int fd, struct err *err) {
    return synced(fault("fsync", "") ? -1 : fsync(fd), fd, err);
}

enum rc fsio_sync_data(int fd, struct err *err) {
    return synced(fault("fsync", "") ? -1 : fdatasync(fd), fd, err);
}

/* Opened each time: the kernel tells an error once to each open file, and dir_fd is shared by lanes of which every one must hear it. */
enum rc fsio_sync_dir(int dir_fd, const char *path, struct err *err) {
    int fd;
    enum rc rc = fsio_open_dir(dir_fd, path, &fd, err);

    if (rc != RC_OK)
        return rc;
    rc = synced(fault("fsync", path) ? -1 : fsync(fd), fd, err);
    place_close_fd(fd);
    return rc;
}

/* Through FUSE, NFS and others a syncfs hands the bytes on and no more. */
static bool flushes_at_syncfs(int fd) {
    struct statfs fs;

    return fstatfs(fd, &fs) == 0 && (fs.f_type == EXT4_SUPER_MAGIC || fs.f_type == XFS_SUPER_MAGIC || fs.f_type == BTRFS_SUPER_MAGIC);
}

enum rc fsio_sync_all(int dir_fd, struct err *err) {
    if (!flushes_at_syncfs(dir_fd))
        return err_set(err, RC_PERM, "no syncfs on this kind of file system");
    return synced(fault("fsync", "") ? -1 : syncfs(dir_fd), dir_fd, err);
}

/* The system calls that put one name where another was; 0 or -1 with errno. */
typedef int move_call(const struct place *from, const struct place *to);

static int call_rename(const struct place *from, const struct place *to) {
    return renameat(from->dir, from->name, to->dir, to->name);
}

static int call_link(const struct place *from, const struct place *to) {
    return linkat(from->dir, from->name, to->dir, to->name, 0);
}

static int call_rename_new(const struct place *from, const struct place *to) {
    if (renameat2(from->dir, from->name, to->dir, to->name, RENAME_NOREPLACE) == 0)
        return 0;
    if (errno != EINVAL && errno != ENOSYS)
        return -1;
    if (fault("link", to->name) || call_link(from, to) < 0)
        return -1;
    if (fault("unlink", from->name) || unlinkat(from->dir, from->name, 0) < 0)
        return -1;
    return 0;
}

static enum rc move(const char *point, move_call *call, int from_dir, const char *from, int to_dir, const char *to, struct err *err) {
    struct place source, target;
    enum rc rc = place_open(&source, from_dir, from, err);

    if (rc != RC_OK)
        return rc;
    rc = place_open(&target, to_dir, to, err);
    if (rc == RC_OK) {
        if (fault(point, to) || call(&source, &target) < 0)
            rc = err_sys(err, "%s %s to %s", point, from, to);
        place_close(&target);
    }
    place_close(&source);
    return rc;
}

enum rc fsio_rename(int from_dir, const char *from, int to_dir, const char *to, struct err *err) {
    return move("rename", call_rename, from_dir, from, to_dir, to, err);
}

enum rc fsio_rename_new(int from_dir, const char *from, int to_dir, const char *to, struct err *err) {
    return move("rename", call_rename_new, from_dir, from, to_dir, to, err);
}

enum rc fsio_link(int from_dir, const char *from, int to_dir, const char *to, struct err *err) {
    return move("link", call_link, from_dir, from, to_dir, to, err);
}

enum rc fsio_unlink(int dir_fd, const char *path, struct err *err) {
    struct place place;
    enum rc rc = place_open(&place, dir_fd, path, err);

    if (rc != RC_OK)
        return rc;
    if (fault("unlink", path) || unlinkat(place.dir, place.name, 0) < 0)
        rc = err_sys(err, "unlink %s", path);
    place_close(&place);
    return rc;
}

enum rc fsio_remove_dir(int dir_fd, const char *path, struct err *err) {
    struct place place;
    enum rc rc = place_open(&place, dir_fd, path, err);

    if (rc != RC_OK)
        return rc;
    if (fault("rmdir", path) || unlinkat(place.dir, place.name, AT_REMOVEDIR) < 0)
        rc = err_sys(err, "rmdir %s", path);
    place_close(&place);
    return rc;
}

enum rc fsio_symlink(const char *target, int dir_fd, const char *path, struct err *err) {
    struct place place;
    enum rc rc = place_open(&place, dir_fd, path, err);

    if (rc != RC_OK)
        return rc;
    if (fault("symlink", path) || symlinkat(target, place.dir, place.name) < 0)
        rc = err_sys(err, "symlink %s", path);
    place_close(&place);
    return rc;
}

enum rc fsio_readlink(int dir_fd, const char *path, char *out, size_t size, struct err *err) {
    struct place place;
    enum rc rc = place_open(&place, dir_fd, path, err);

    if (rc != RC_OK)
        return rc;
    ssize_t length = readlinkat(place.dir, place.name, out, size);
    if (length >= 0 && (size_t)length == size) {
        errno = ENAMETOOLONG;
        length = -1;
    }
    if (length < 0)
        rc = err_sys(err, "readlink %s", path);
    else
        out[length] = '\0';
    place_close(&place);
    return rc;
}

enum rc fsio_stat(int dir_fd, const char *path, struct stat *st, struct err *err) {
    struct place place;
    enum rc rc = place_open(&place, dir_fd, path, err);

    if (rc != RC_OK)
        return rc;
    if (fstatat(place.dir, place.name, st, AT_SYMLINK_NOFOLLOW) < 0)
        rc = err_sys(err, "%s", path);
    place_close(&place);
    return rc;
}

static enum rc set_times(int dir_fd, const char *path, const struct timespec times[2], struct err *err) {
    struct place place;
    enum rc rc = place_open(&place, dir_fd, path, err);

    if (rc != RC_OK)
        return rc;
    if (fault("utimens", path) || utimensat(place.dir, place.name, times, AT_SYMLINK_NOFOLLOW) < 0)
        rc = err_sys(err, "%s: set the modification time", path);
    place_close(&place);
    return rc;
}

enum rc fsio_set_mtime(int dir_fd, const char *path, int64_t wall_us, struct err *err) {
    struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_sec = wall_us / 1000000, .tv_nsec = wall_us % 1000000 * 1000}};

    if (times[1].tv_nsec < 0) {
        times[1].tv_sec--;
        times[1].tv_nsec += 1000000000;
    }
    return set_times(dir_fd, path, times, err);
}

enum rc fsio_touch(int dir_fd, const char *path, struct err *err) {
    static const struct timespec now[2] = {{.tv_nsec = UTIME_NOW}, {.tv_nsec = UTIME_NOW}};

    return set_times(dir_fd, path, now, err);
}

/* A new file with these bytes, on the disk. */
static enum rc write_new(int dir_fd, const char *path, mode_t mode, const void *bytes, size_t length, struct err *err) {
    int fd;
    enum rc rc = fsio_create(dir_fd, path, mode, &fd, err);

    if (rc != RC_OK)
        return rc;
    rc = fsio_write(fd, bytes, length, err);
    if (rc == RC_OK)
        rc = fsio_sync(fd, err);
    if (rc != RC_OK)
        place_close_fd(fd);
    else if (close(fd) < 0)
        rc = err_sys(err, "%s: close", path);
    return rc;
}

enum rc fsio_put_file(int dir_fd, const char *tmp_path, const char *path, mode_t mode, const void *bytes, size_t length, struct err *err) {
    char tmp_parent[PATH_MAX], parent[PATH_MAX];
    enum rc rc;

    if (!parent_of(tmp_path, tmp_parent) || !parent_of(path, parent)) {
        errno = ENAMETOOLONG;
        return err_sys(err, "%s", path);
    }
    rc = write_new(dir_fd, tmp_path, mode, bytes, length, err);
    if (rc == RC_PERM && errno == EEXIST) {
        /* Left by a crash. */
        rc = fsio_unlink(dir_fd, tmp_path, err);
        if (rc == RC_OK || rc == RC_GONE)
            rc = write_new(dir_fd, tmp_path, mode, bytes, length, err);
    }
    if (rc == RC_OK)
        rc = fsio_rename(dir_fd, tmp_path, dir_fd, path, err);
    if (rc != RC_OK) {
        int saved = errno;
        fsio_unlink(dir_fd, tmp_path, NULL);
        errno = saved;
        return rc;
    }
    rc = fsio_sync_dir(dir_fd, parent, err);
    if (rc == RC_OK && strcmp(parent, tmp_parent) != 0)
        rc = fsio_sync_dir(dir_fd, tmp_parent, err);
    return rc;
}

enum rc fsio_room(int fd, uint64_t *free_bytes, uint64_t *free_inodes, struct err *err) {
    struct statvfs vfs;

    if (fstatvfs(fd, &vfs) < 0)
        return fail_fd(fd, err, "statvfs");
    *free_bytes = (uint64_t)vfs.f_bavail * vfs.f_frsize;
    *free_inodes = vfs.f_files == 0 ? UINT64_MAX : (uint64_t)vfs.f_favail;
    return RC_OK;
}

enum rc fsio_probe_writers(int fd) {
    /* A writer that opens meanwhile breaks the lease by a signal: SIGIO would end the process, SIGURG is ignored by default. */
    if (fcntl(fd, F_SETSIG, SIGURG) < 0)
        return RC_PERM;
    if (fcntl(fd, F_SETLEASE, F_RDLCK) < 0)
        return errno == EAGAIN ? RC_AGAIN : RC_PERM;
    fcntl(fd, F_SETLEASE, F_UNLCK);
    return RC_OK;
}

enum rc fsio_map(int fd, const char **data, size_t *length, struct err *err) {
    struct stat st;
    void *mapped;

    if (fstat(fd, &st) < 0)
        return fail_fd(fd, err, "stat");
    *data = "";
    *length = (size_t)st.st_size;
    if (*length == 0)
        return RC_OK;
    mapped = mmap(NULL, *length, PROT_READ, MAP_PRIVATE, fd, 0);
    if (mapped == MAP_FAILED)
        return fail_fd(fd, err, "map");
    *data = mapped;
    return RC_OK;
}

void fsio_unmap(const char *data, size_t length) {
    if (length > 0)
        munmap((void *)(uintptr_t)data, length);
}
