// SPDX-License-Identifier: Apache-2.0
#ifndef OS_WALL_H
#define OS_WALL_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

/* A wall around a program that reads other people's files (Landlock, landlock(7)): of the directories that are hidden it reaches nothing, neither to read nor
 * to write, but what is shown; everything else is to it as it was. Nor does it reach any process outside of the wall: by ptrace(2), and what is like it in
 * /proc (environ and maps are open to root all the same), and from Linux 6.12 on by signals. It cannot mount. What it opens before it is behind the wall, or
 * gets as a descriptor, stays open. */

/*
 * hidden: absolute paths of directories; one that is not there is left out. shown: descriptors of directories, which are shown with all below them, or of
 * files; -1 is left out. *wall_fd: for child_place, the caller's. A directory on the way to a hidden one can neither be listed nor written to; what comes to be
 * in it later is hidden, too. RC_GONE: this kernel has no Landlock. RC_TEMP. Any thread; time and memory grow with the entries of the directories on the way.
 */
enum rc wall_new(const char *const *hidden, size_t hidden_count, const int *shown, size_t shown_count, int *wall_fd, struct err *err);
/* This process, and what comes of it, is behind it from now on; it has no new privileges (PR_SET_NO_NEW_PRIVS). System calls only. False with errno. */
bool wall_enter(int wall_fd);
/* Whether wall_new would succeed. */
bool wall_possible(void);

#endif
