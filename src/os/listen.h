// SPDX-License-Identifier: Apache-2.0
#ifndef OS_LISTEN_H
#define OS_LISTEN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

/* A listening TCP or unix socket. */

#define LISTEN_TEXT_SIZE 300

struct listen_at {
    bool is_unix;        /* address is the path of a socket */
    const char *address; /* else an IPv4 or IPv6 address without brackets */
    uint16_t port;       /* 0: any that is free */
};

/* A unix socket that nobody answers at is replaced; its mode is 0660. at: where it listens ("127.0.0.1:43211", "unix:/run/x.sock"). RC_PERM, RC_TEMP: in use,
 * or not allowed. fd is the caller's. */
enum rc listen_open(const struct listen_at *where, int *fd, char at[LISTEN_TEXT_SIZE], struct err *err);

#endif
