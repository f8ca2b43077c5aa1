// SPDX-License-Identifier: Apache-2.0
#ifndef API_RESTS_H
#define API_RESTS_H

#include <stddef.h>

/*
 * The rest of bodies. A body that was refused by its head is not read, and libmicrohttpd closes then. To close with bytes unread resets the connection, and a
 * client that still sends may never see why it was refused: so its socket is kept here until it has read the answer and closes, or has sent too much, or is
 * late (10 s).
 */
struct loop;
struct rest;

struct rests {
    struct loop *loop; /* set by the owner, all else zero */
    struct rest *first;
    size_t count;
};

/* Keeps a duplicate of fd, from which at most so many bytes are read. More than 64 at a time are not kept, nor any where memory or descriptors are short. */
void rests_take(struct rests *rests, int fd, size_t most);
/* Closes all. */
void rests_end(struct rests *rests);

#endif
