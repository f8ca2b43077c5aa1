// SPDX-License-Identifier: Apache-2.0
#ifndef OS_LISTEN_H
#define OS_LISTEN_H

#include <stdbool.h>

#include "base/err.h"

/* A listening TCP or unix socket. */

/* "127.0.0.1:8080", "[::1]:8080", "localhost:8080" (its loopback address), "unix:/run/x.sock"; port 0: any that is free. RC_FATAL: it is none of these. */
enum rc listen_check(const char *where, bool *loopback, struct err *err);
/* A unix socket that nobody listens at is replaced; its mode is 0660. at: where it listens ("127.0.0.1:43211", or as given). RC_PERM: in use, or not allowed. */
enum rc listen_open(const char *where, int *fd, char at[128], struct err *err);

#endif
