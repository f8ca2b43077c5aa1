// SPDX-License-Identifier: Apache-2.0
#ifndef OS_PLACE_H
#define OS_PLACE_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/err.h"

/* How fsio finds its files; for src/os alone. Nothing is found above or beside dir_fd, and no symbolic link is followed, except that AT_FDCWD stands
 * for the operator's own path, which is resolved as usual. */

/* The directory that holds the last name of a path. */
struct place {
    int dir;
    const char *name; /* in the caller's path */
    bool opened;      /* dir is the place's to close */
};

/* A single name costs nothing; of a longer path the directories are opened. */
enum rc place_open(struct place *place, int dir_fd, const char *path, struct err *err);
void place_close(struct place *place); /* keeps errno */

/* open(2), O_CLOEXEC. -1 with errno. */
int place_open_file(int dir_fd, const char *path, int flags, mode_t mode);
void place_close_fd(int fd); /* keeps errno, for a way out that has one to tell */

#endif
