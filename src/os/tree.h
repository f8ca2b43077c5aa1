// SPDX-License-Identifier: Apache-2.0
#ifndef OS_TREE_H
#define OS_TREE_H

#include "base/err.h"

/* Remove a directory with all that is in it; links are removed, never followed, and no other file system is entered. path is absolute, and below a directory
 * that nobody else writes to. Not durable: what a crash brings back is removed again. RC_OK too when there is none. */
enum rc tree_remove(const char *path, struct err *err);

#endif
