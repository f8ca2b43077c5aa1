// SPDX-License-Identifier: Apache-2.0
#ifndef OS_FSIO_H
#define OS_FSIO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/err.h"

/*
 * The few disk verbs (STYLE rules 10-12). Paths are a directory descriptor and one validated name (or a relative path of validated names); they lead
 * nowhere but below that directory, and symbolic links are never followed, in the middle neither (RC_PERM). Only AT_FDCWD is different: it stands for
 * the operator's own path (a configuration file, the spool's root), absolute or not, which is resolved as usual, links included, but never for writing to the
 * file that a link names. Descriptors are O_CLOEXEC.
 *
 * Each durable verb passes a fault point: "open" (for writing), "write", "truncate", "fsync", "rename", "link", "unlink", "mkdir", "rmdir", "symlink",
 * "utimens"; its detail is the path, empty where only a descriptor is known. All may block: call them on a worker lane, or at start, or from a program without
 * a loop. err (may be NULL) names the file. errno is that of the failed call. RC_GONE: no such file. RC_NOSPACE: full. RC_PERM: exists, not allowed, wrong
 * kind. RC_TEMP: EIO and the like; after a failed fsync the descriptor is spent.
 */

/* Open a directory (O_DIRECTORY|O_PATH is not used: the descriptor can be fsynced). */
enum rc fsio_open_dir(int dir_fd, const char *path, int *fd, struct err *err);
/* mkdir -p of one path; mode is exact (fchmod after mkdir, setgid too). An existing directory is left alone. Durable: each new directory and the one
 * that holds it are fsynced. */
enum rc fsio_make_dirs(int dir_fd, const char *path, mode_t mode, struct err *err);
/* Open a regular file for reading: O_NOFOLLOW|O_NONBLOCK, beneath dir_fd; anything but a regular file is RC_PERM. st may be NULL. */
enum rc fsio_open_read(int dir_fd, const char *path, int *fd, struct stat *st, struct err *err);
/* Create a new file for writing and reading back (O_EXCL), mode exact. RC_PERM with errno EEXIST when it exists. */
enum rc fsio_create(int dir_fd, const char *path, mode_t mode, int *fd, struct err *err);
/* Create a file that has no name yet, to be appended to; without a name it goes with its descriptor. RC_PERM where there are no such files (errno EOPNOTSUPP).
 */
enum rc fsio_create_unnamed(int dir_fd, mode_t mode, int *fd, struct err *err);
/* Give it one, without replacing: RC_PERM with errno EEXIST. dir_fd as at its creation; name is one name. */
enum rc fsio_name(int fd, int dir_fd, const char *name, struct err *err);
/* Open for appending, created with mode when missing (*created says so). O_RDWR so that the tail can be read. */
enum rc fsio_open_append(int dir_fd, const char *path, mode_t mode, int *fd, bool *created, struct err *err);

/* Append the whole file, from its beginning, to out: RC_PERM when out->max would be passed. The file's position is not used. */
enum rc fsio_read_all(int fd, struct buf *out, struct err *err);
/* open_read + read_all + close. */
enum rc fsio_read_file(int dir_fd, const char *path, struct buf *out, struct err *err);

/* write() until all is written, at the file's position. A short write is gone on with; after a failure some of the bytes may be there. */
enum rc fsio_write(int fd, const void *bytes, size_t length, struct err *err);
/* The same, past the page cache as far as the file system knows how: for much that nobody reads soon. bytes and the file's position are multiples of
 * FSIO_DIRECT_BYTES, and what is left beyond the last whole multiple goes the usual way. */
#define FSIO_DIRECT_BYTES 4096
enum rc fsio_write_direct(int fd, const void *bytes, size_t length, struct err *err);
enum rc fsio_truncate(int fd, off_t length, struct err *err);
/* fsync / fdatasync. A failure is final for that descriptor: drop the file and make it again from its source. */
enum rc fsio_sync(int fd, struct err *err);
enum rc fsio_sync_data(int fd, struct err *err);
/* fsync of a directory given by path beneath dir_fd ("." for itself). */
enum rc fsio_sync_dir(int dir_fd, const char *path, struct err *err);
/* Everything that was written to the file system of dir_fd, by whomever: cheaper than many syncs. RC_PERM: its kind is not known to flush the disk then, sync
 * one by one. */
enum rc fsio_sync_all(int dir_fd, struct err *err);

/* rename, replacing (as mv). */
enum rc fsio_rename(int from_dir, const char *from, int to_dir, const char *to, struct err *err);
/* rename without replacing: RENAME_NOREPLACE, or link + unlink where the file system has no such flag (a crash between the two
 * leaves both names). RC_PERM with errno EEXIST. */
enum rc fsio_rename_new(int from_dir, const char *from, int to_dir, const char *to, struct err *err);
/* Exclusive publication (DESIGN 3 raw payload): link(from, to); RC_PERM with errno EEXIST when `to` exists. The caller unlinks `from` later. */
enum rc fsio_link(int from_dir, const char *from, int to_dir, const char *to, struct err *err);
enum rc fsio_unlink(int dir_fd, const char *path, struct err *err); /* a missing file is RC_GONE */
/* rmdir: RC_PERM when something is in it. */
enum rc fsio_remove_dir(int dir_fd, const char *path, struct err *err);
enum rc fsio_symlink(const char *target, int dir_fd, const char *path, struct err *err);
enum rc fsio_readlink(int dir_fd, const char *path, char *out, size_t size, struct err *err);
/* fstatat without following links. */
enum rc fsio_stat(int dir_fd, const char *path, struct stat *st, struct err *err);
/* Set the modification time (wall clock microseconds). */
enum rc fsio_set_mtime(int dir_fd, const char *path, int64_t wall_us, struct err *err);
/* Set it to now: that needs no more than writing to the file does, where another time needs its owner. */
enum rc fsio_touch(int dir_fd, const char *path, struct err *err);

/* Write a small file durably under its final name, replacing: tmp_path is created, written, fsynced, renamed, both directories fsynced (rule 11).
 * tmp_path is the caller's alone: what a crash left there is replaced, and a failure leaves nothing there. */
enum rc fsio_put_file(int dir_fd, const char *tmp_path, const char *path, mode_t mode, const void *bytes, size_t length, struct err *err);

/* Bytes and inodes that an unprivileged writer has left on the file system of fd; UINT64_MAX inodes where they are not counted. */
enum rc fsio_room(int fd, uint64_t *free_bytes, uint64_t *free_inodes, struct err *err);

/* True when no process has the file open for writing (a read lease is granted and given back). RC_AGAIN: a writer has it. RC_PERM: leases are refused here.
 * fd comes from fsio_open_read. */
enum rc fsio_probe_writers(int fd);

/* Map a regular file for reading (MAP_PRIVATE). length 0 gives data "" and no mapping. fsio_unmap undoes it. */
enum rc fsio_map(int fd, const char **data, size_t *length, struct err *err);
void fsio_unmap(const char *data, size_t length);

#endif
