// SPDX-License-Identifier: Apache-2.0
#ifndef OS_DIRSCAN_H
#define OS_DIRSCAN_H

#include <stdbool.h>

#include "base/err.h"

/* A directory read piece by piece, so that a million entries never hold up the loop. */
struct dirscan; /* opaque */

enum rc dirscan_open(int dir_fd, const char *path, struct dirscan **scan, struct err *err);
/* The next entry but "." and ".."; *name is borrowed until the next call; *type is a DT_ value (DT_UNKNOWN is resolved by fstatat). RC_GONE at the end. */
enum rc dirscan_next(struct dirscan *scan, const char **name, unsigned char *type, struct err *err);
int dirscan_fd(const struct dirscan *scan); /* borrowed */
void dirscan_close(struct dirscan *scan);

#endif
