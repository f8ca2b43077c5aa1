// SPDX-License-Identifier: Apache-2.0
#include "os/loop.h"

#include "base/clock.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#define EVENTS_PER_TURN 64
#define SLOTS_AT_FIRST 16u
#define SLOTS_MOST (1u << 20)
/* So many busy turns in a row, and idle work gets a piece all the same: steady traffic must not stop a rescan. */
#define BUSY_TURNS_MOST 64u

/*
 * A watch as epoll knows it. The event carries slot and generation; cancelling raises the generation, so that an event which epoll_wait has
 * already returned finds nobody, even when the slot is in use again.
 */
struct slot {
    struct loop_fd *watch; /* NULL when free */
    uint32_t generation;
    uint32_t next_free; /* slot number + 1; 0 ends the list */
};

struct signal_handler {
    loop_signal_got *got;
    void *context;
};

struct loop {
    int epoll_fd;
    struct slot *slots;
    uint32_t slot_count, free_slot; /* free_slot: number + 1 */
    struct heap timers;
    struct loop_idle *idle_head, *idle_tail;
    struct loop_idle *idle_running; /* NULL again when it was cancelled by its own work */
    bool idle_again;                /* started again by its own work */
    unsigned busy_turns;
    struct loop_fd signal_watch;
    sigset_t signals;
    struct signal_handler handlers[NSIG];
    bool stopped;
};

static bool timer_before(const struct heap_node *a, const struct heap_node *b) {
    const struct loop_timer *first = (const struct loop_timer *)(const void *)((const char *)a - offsetof(struct loop_timer, node));
    const struct loop_timer *second = (const struct loop_timer *)(const void *)((const char *)b - offsetof(struct loop_timer, node));

    return first->at_mono_ms < second->at_mono_ms;
}

enum rc loop_new(struct loop **loop, struct err *err) {
    struct loop *l = calloc(1, sizeof(*l));

    *loop = NULL;
    if (l == NULL)
        return err_set(err, RC_TEMP, "event loop: out of memory");
    l->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (l->epoll_fd < 0) {
        free(l);
        return err_sys(err, "epoll");
    }
    heap_init(&l->timers, timer_before);
    sigemptyset(&l->signals);
    l->signal_watch.fd = -1;
    *loop = l;
    return RC_OK;
}

void loop_free(struct loop *loop) {
    if (loop == NULL)
        return;
    loop_fd_cancel(loop, &loop->signal_watch);
    if (loop->signal_watch.fd >= 0)
        close(loop->signal_watch.fd);
    close(loop->epoll_fd);
    heap_release(&loop->timers);
    free(loop->slots);
    free(loop);
}

void loop_stop(struct loop *loop) {
    loop->stopped = true;
}

static enum rc grow_slots(struct loop *loop, struct err *err) {
    uint32_t count = loop->slot_count == 0 ? SLOTS_AT_FIRST : loop->slot_count * 2;
    struct slot *slots = count > SLOTS_MOST ? NULL : realloc(loop->slots, count * sizeof(*slots));

    if (slots == NULL)
        return err_set(err, RC_TEMP, "event loop: no memory for more watches than %u", loop->slot_count);
    for (uint32_t i = count; i > loop->slot_count; i--) {
        slots[i - 1] = (struct slot){.next_free = loop->free_slot};
        loop->free_slot = i;
    }
    loop->slots = slots;
    loop->slot_count = count;
    return RC_OK;
}

static int control(const struct loop *loop, int operation, const struct loop_fd *watch) {
    struct epoll_event event = {.events = watch->events};

    event.data.u64 = (uint64_t)loop->slots[watch->slot - 1].generation << 32 | watch->slot;
    return epoll_ctl(loop->epoll_fd, operation, watch->fd, &event);
}

static void give_back_slot(struct loop *loop, struct loop_fd *watch) {
    struct slot *slot = &loop->slots[watch->slot - 1];

    slot->watch = NULL;
    slot->generation++;
    slot->next_free = loop->free_slot;
    loop->free_slot = watch->slot;
    watch->slot = 0;
}

enum rc loop_fd_start(struct loop *loop, struct loop_fd *watch, int fd, uint32_t events, loop_fd_ready *ready, struct err *err) {
    *watch = (struct loop_fd){.fd = fd, .events = events, .ready = ready, .slot = 0};
    if (loop->free_slot == 0) {
        enum rc rc = grow_slots(loop, err);
        if (rc != RC_OK)
            return rc;
    }
    watch->slot = loop->free_slot;
    loop->free_slot = loop->slots[watch->slot - 1].next_free;
    loop->slots[watch->slot - 1].watch = watch;
    if (control(loop, EPOLL_CTL_ADD, watch) < 0) {
        enum rc rc = err_sys(err, "epoll: watch descriptor %d", fd);
        give_back_slot(loop, watch);
        return rc;
    }
    return RC_OK;
}

enum rc loop_fd_change(struct loop *loop, struct loop_fd *watch, uint32_t events, struct err *err) {
    uint32_t before = watch->events;

    watch->events = events;
    if (control(loop, EPOLL_CTL_MOD, watch) == 0)
        return RC_OK;
    watch->events = before;
    return err_sys(err, "epoll: change descriptor %d", watch->fd);
}

void loop_fd_cancel(struct loop *loop, struct loop_fd *watch) {
    if (watch->slot == 0)
        return;
    control(loop, EPOLL_CTL_DEL, watch);
    give_back_slot(loop, watch);
}

enum rc loop_timer_start(struct loop *loop, struct loop_timer *timer, int64_t at_mono_ms, loop_timer_due *due) {
    timer->at_mono_ms = at_mono_ms;
    timer->due = due;
    if (loop_timer_started(timer)) {
        heap_moved(&loop->timers, &timer->node);
        return RC_OK;
    }
    return heap_push(&loop->timers, &timer->node) ? RC_OK : RC_TEMP;
}

void loop_timer_cancel(struct loop *loop, struct loop_timer *timer) {
    heap_remove(&loop->timers, &timer->node);
}

bool loop_timer_started(const struct loop_timer *timer) {
    return timer->node.index != 0;
}

static struct loop_timer *first_timer(const struct loop *loop) {
    struct heap_node *top = heap_top(&loop->timers);

    return top == NULL ? NULL : HEAP_ENTRY(top, struct loop_timer, node);
}

/* Call what is due. No more than were there at first, so that a timer which starts itself in the past does not hold the turn. */
static bool run_timers(struct loop *loop) {
    int64_t now = clock_mono_ms();
    bool any = false;

    for (size_t left = loop->timers.count; left > 0; left--) {
        struct loop_timer *timer = first_timer(loop);
        if (timer == NULL || timer->at_mono_ms > now)
            break;
        heap_pop(&loop->timers);
        any = true;
        timer->due(timer);
    }
    return any;
}

static void append_idle(struct loop *loop, struct loop_idle *idle) {
    idle->next = NULL;
    if (loop->idle_tail != NULL)
        loop->idle_tail->next = idle;
    else
        loop->idle_head = idle;
    loop->idle_tail = idle;
}

void loop_idle_start(struct loop *loop, struct loop_idle *idle, loop_idle_work *work) {
    idle->work = work;
    if (idle == loop->idle_running)
        loop->idle_again = true;
    else if (!idle->started)
        append_idle(loop, idle);
    idle->started = true;
}

void loop_idle_cancel(struct loop *loop, struct loop_idle *idle) {
    struct loop_idle *before = NULL;

    if (!idle->started)
        return;
    idle->started = false;
    if (idle == loop->idle_running) {
        loop->idle_running = NULL;
        return;
    }
    for (struct loop_idle *at = loop->idle_head; at != idle; at = at->next)
        before = at;
    if (before != NULL)
        before->next = idle->next;
    else
        loop->idle_head = idle->next;
    if (loop->idle_tail == idle)
        loop->idle_tail = before;
}

/* One piece of the first idle work, which then goes to the end of the line. It is in no list while it runs: it may cancel and free itself. */
static void run_idle(struct loop *loop) {
    struct loop_idle *idle = loop->idle_head;
    bool more;

    loop->idle_head = idle->next;
    if (loop->idle_head == NULL)
        loop->idle_tail = NULL;
    loop->idle_running = idle;
    loop->idle_again = false;
    more = idle->work(idle);
    if (loop->idle_running == NULL)
        return;
    loop->idle_running = NULL;
    idle->started = more || loop->idle_again;
    if (idle->started)
        append_idle(loop, idle);
}

/* How long epoll may wait: not past the first timer, not at all beside idle work. */
static int wait_ms(const struct loop *loop, int max_wait_ms) {
    const struct loop_timer *timer = first_timer(loop);
    int64_t wait;

    if (loop->idle_head != NULL)
        return 0;
    if (timer == NULL)
        return max_wait_ms;
    wait = timer->at_mono_ms - clock_mono_ms();
    if (wait < 0)
        wait = 0;
    if (wait > INT_MAX)
        wait = INT_MAX;
    return max_wait_ms >= 0 && max_wait_ms < wait ? max_wait_ms : (int)wait;
}

/* Tell the owner of one event; false when it has cancelled or no longer asks for this. */
static bool dispatch(struct loop *loop, const struct epoll_event *event) {
    const struct slot *slot = &loop->slots[(uint32_t)event->data.u64 - 1];
    uint32_t events;

    if (slot->watch == NULL || slot->generation != (uint32_t)(event->data.u64 >> 32))
        return false;
    events = event->events & (slot->watch->events | EPOLLERR | EPOLLHUP);
    if (events == 0)
        return false;
    slot->watch->ready(slot->watch, events);
    return true;
}

enum rc loop_turn(struct loop *loop, int max_wait_ms, struct err *err) {
    struct epoll_event events[EVENTS_PER_TURN];
    int count = epoll_wait(loop->epoll_fd, events, EVENTS_PER_TURN, wait_ms(loop, max_wait_ms));
    bool busy = false;

    if (count < 0 && errno != EINTR) {
        err_sys(err, "epoll");
        return RC_FATAL;
    }
    for (int i = 0; i < count; i++)
        busy |= dispatch(loop, &events[i]);
    busy |= run_timers(loop);
    if (busy && ++loop->busy_turns < BUSY_TURNS_MOST)
        return RC_OK;
    loop->busy_turns = 0;
    if (loop->idle_head != NULL)
        run_idle(loop);
    return RC_OK;
}

enum rc loop_run(struct loop *loop, struct err *err) {
    enum rc rc = RC_OK;

    while (!loop->stopped && rc == RC_OK)
        rc = loop_turn(loop, -1, err);
    loop->stopped = false;
    return rc;
}

static void signals_ready(struct loop_fd *watch, uint32_t events) {
    struct loop *loop = HEAP_ENTRY(watch, struct loop, signal_watch);
    struct signalfd_siginfo info;

    (void)events;
    if (read(watch->fd, &info, sizeof(info)) != (ssize_t)sizeof(info))
        return;
    if (info.ssi_signo < NSIG && loop->handlers[info.ssi_signo].got != NULL)
        loop->handlers[info.ssi_signo].got(loop->handlers[info.ssi_signo].context, (int)info.ssi_signo);
}

enum rc loop_signal_start(struct loop *loop, int signo, loop_signal_got *got, void *context, struct err *err) {
    sigset_t one;
    int fd, errnum;

    sigemptyset(&one);
    if (signo >= NSIG || sigaddset(&one, signo) < 0)
        return err_set(err, RC_PERM, "there is no signal %d", signo);
    errnum = pthread_sigmask(SIG_BLOCK, &one, NULL);
    if (errnum != 0) {
        errno = errnum;
        return err_sys(err, "block signal %d", signo);
    }
    sigaddset(&loop->signals, signo);
    fd = signalfd(loop->signal_watch.fd, &loop->signals, SFD_NONBLOCK | SFD_CLOEXEC);
    if (fd < 0)
        return err_sys(err, "signalfd");
    loop->handlers[signo] = (struct signal_handler){.got = got, .context = context};
    if (loop->signal_watch.slot != 0)
        return RC_OK;
    return loop_fd_start(loop, &loop->signal_watch, fd, EPOLLIN, signals_ready, err);
}
