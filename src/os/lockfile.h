// SPDX-License-Identifier: Apache-2.0
#ifndef OS_LOCKFILE_H
#define OS_LOCKFILE_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/err.h"

/* Whole-file flock(2): journals and raw payloads. Waits (lockfile_lock) or does not (lockfile_try: RC_AGAIN when another holds it). Ends with the descriptor.
 */
enum rc lockfile_lock(int fd, struct err *err);
enum rc lockfile_try(int fd, struct err *err);
void lockfile_unlock(int fd);

/* The daemon's lock of a spool: an open-file-description write lock on the file, which holds "PID\n". RC_AGAIN when another daemon has it
 * (err names its pid). The descriptor is kept open for the life of the daemon. */
enum rc lockfile_hold(int dir_fd, const char *name, int *fd, struct err *err);
/* Whether a daemon holds it; never takes it, so that a question can not stop a daemon from starting. *pid may be 0 when unknown. */
bool lockfile_held(int dir_fd, const char *name, pid_t *pid);

#endif
