// SPDX-License-Identifier: Apache-2.0
#include "api/rests.h"

#include "base/clock.h"
#include "base/heap.h"
#include "os/loop.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#define RESTS_MOST 64u
#define RESTS_MS 10000

struct rest {
    struct rests *rests;
    struct loop_fd watch;
    struct loop_timer deadline;
    int fd;
    size_t left;
    struct rest *before, *after;
};

static void rest_end(struct rest *rest) {
    struct rests *all = rest->rests;
    loop_fd_cancel(all->loop, &rest->watch);
    loop_timer_cancel(all->loop, &rest->deadline);
    close(rest->fd);
    *(rest->before ? &rest->before->after : &all->first) = rest->after;
    if (rest->after)
        rest->after->before = rest->before;
    all->count--;
    free(rest);
}

static void rest_due(struct loop_timer *timer) {
    rest_end(HEAP_ENTRY(timer, struct rest, deadline));
}

static void rest_ready(struct loop_fd *watch, uint32_t events) {
    struct rest *rest = HEAP_ENTRY(watch, struct rest, watch);
    char bytes[16384];
    (void)events;
    ssize_t got = read(rest->fd, bytes, sizeof bytes);
    if (got > 0 && (size_t)got < rest->left)
        rest->left -= (size_t)got;
    else if (got >= 0 || (errno != EAGAIN && errno != EINTR))
        rest_end(rest);
}

void rests_take(struct rests *all, int fd, size_t most) {
    struct err ignored = {0};
    struct rest *rest = all->count < RESTS_MOST ? calloc(1, sizeof *rest) : NULL;
    if (!rest)
        return;
    rest->rests = all;
    rest->left = most;
    rest->fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    if (rest->fd < 0 || loop_fd_start(all->loop, &rest->watch, rest->fd, EPOLLIN, rest_ready, &ignored) != RC_OK) {
        if (rest->fd >= 0)
            close(rest->fd);
        free(rest);
        return;
    }
    loop_timer_start(all->loop, &rest->deadline, clock_mono_ms() + RESTS_MS, rest_due);
    rest->after = all->first;
    if (all->first)
        all->first->before = rest;
    all->first = rest;
    all->count++;
}

void rests_end(struct rests *all) {
    for (struct rest *rest = all->first, *after; rest; rest = after) {
        after = rest->after;
        rest_end(rest);
    }
}
