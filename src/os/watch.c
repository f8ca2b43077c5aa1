// SPDX-License-Identifier: Apache-2.0
#include "os/watch.h"

#include "base/heap.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <unistd.h>

#define READ_BYTES 16384

struct tagged {
    int wd, tag;
};

struct watch {
    struct loop *loop;
    struct loop_fd fd_watch;
    watch_event *event;
    void *context;
    struct tagged *tagged; /* some dozens at most: searched from the start */
    size_t count, capacity;
    bool telling, freed; /* freed while event() runs: the memory goes after it */
};

static struct tagged *find(const struct watch *watch, int wd) {
    for (size_t i = 0; i < watch->count; i++)
        if (watch->tagged[i].wd == wd)
            return &watch->tagged[i];
    return NULL;
}

static void tell(struct watch *watch, const struct inotify_event *event) {
    struct tagged *found;
    int tag;

    if ((event->mask & IN_Q_OVERFLOW) != 0) {
        watch->event(watch->context, -1, IN_Q_OVERFLOW, "");
        return;
    }
    found = find(watch, event->wd);
    if (found == NULL)
        return;
    tag = found->tag;
    if ((event->mask & IN_IGNORED) != 0) /* the directory is gone, and with it the kernel's watch */
        *found = watch->tagged[--watch->count];
    watch->event(watch->context, tag, event->mask, event->len > 0 ? event->name : "");
}

static void free_memory(struct watch *watch) {
    free(watch->tagged);
    free(watch);
}

/* One read a turn: the loop stays fair, and what is left comes in the next turn. */
static void events_ready(struct loop_fd *fd_watch, uint32_t events) {
    struct watch *watch = HEAP_ENTRY(fd_watch, struct watch, fd_watch);
    _Alignas(struct inotify_event) char bytes[READ_BYTES];
    ssize_t length = read(fd_watch->fd, bytes, sizeof(bytes));

    (void)events;
    watch->telling = true;
    for (ssize_t at = 0; at < length && !watch->freed;) {
        const struct inotify_event *event = (const struct inotify_event *)(const void *)(bytes + at);
        at += (ssize_t)(sizeof(*event) + event->len);
        tell(watch, event);
    }
    watch->telling = false;
    if (watch->freed)
        free_memory(watch);
}

enum rc watch_new(struct loop *loop, watch_event *event, void *context, struct watch **watch, struct err *err) {
    struct watch *w = calloc(1, sizeof(*w));
    enum rc rc;
    int fd;

    *watch = NULL;
    if (w == NULL)
        return err_set(err, RC_TEMP, "inotify: out of memory");
    *w = (struct watch){.loop = loop, .event = event, .context = context};
    fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (fd < 0) {
        rc = err_sys(err, "inotify (see sysctl fs.inotify.max_user_instances)");
        goto free_watch;
    }
    rc = loop_fd_start(loop, &w->fd_watch, fd, EPOLLIN, events_ready, err);
    if (rc != RC_OK)
        goto close_fd;
    *watch = w;
    return RC_OK;

close_fd:
    close(fd);
free_watch:
    free(w);
    return rc;
}

void watch_free(struct watch *watch) {
    if (watch == NULL)
        return;
    loop_fd_cancel(watch->loop, &watch->fd_watch);
    close(watch->fd_watch.fd);
    watch->freed = true;
    if (!watch->telling)
        free_memory(watch);
}

static enum rc make_room(struct watch *watch, struct err *err) {
    size_t capacity = watch->capacity == 0 ? 16 : watch->capacity * 2;
    struct tagged *tagged;

    if (watch->count < watch->capacity)
        return RC_OK;
    tagged = realloc(watch->tagged, capacity * sizeof(*tagged));
    if (tagged == NULL)
        return err_set(err, RC_TEMP, "inotify: out of memory");
    watch->tagged = tagged;
    watch->capacity = capacity;
    return RC_OK;
}

enum rc watch_add(struct watch *watch, const char *path, uint32_t mask, int tag, struct err *err) {
    struct tagged *found;
    enum rc rc = make_room(watch, err);
    int wd;

    if (rc != RC_OK)
        return rc;
    wd = inotify_add_watch(watch->fd_watch.fd, path, mask);
    if (wd < 0 && errno == ENOSPC)
        return err_set(err, RC_NOSPACE, "%s: no inotify watch left: raise sysctl fs.inotify.max_user_watches", path);
    if (wd < 0)
        return err_sys(err, "%s: inotify", path);
    found = find(watch, wd); /* the kernel knows a directory once, by whatever path */
    if (found == NULL)
        found = &watch->tagged[watch->count++];
    *found = (struct tagged){.wd = wd, .tag = tag};
    return RC_OK;
}
