// SPDX-License-Identifier: Apache-2.0
#ifndef OS_LOOP_H
#define OS_LOOP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/heap.h"

/* One epoll loop on one thread, which owns all state (STYLE rule 16). No callback comes before a start function returns nor after its cancel (rule 17):
 * cancelling inside a callback is allowed, for itself and for others that are ready in the same turn. */
struct loop;

enum rc loop_new(struct loop **loop, struct err *err);
void loop_free(struct loop *loop); /* watches and timers must have been cancelled */

/* Run until loop_stop. RC_OK, or RC_FATAL when epoll itself fails. */
enum rc loop_run(struct loop *loop, struct err *err);
/* One turn: wait at most max_wait_ms (-1: until something happens), call what is due. For tests and for programs with their own end. */
enum rc loop_turn(struct loop *loop, int max_wait_ms, struct err *err);
void loop_stop(struct loop *loop); /* from the loop thread; before loop_run it makes that return at once */

/* Descriptors, level-triggered. events is a mask of EPOLLIN, EPOLLOUT; EPOLLERR and EPOLLHUP come unasked. The watch is embedded by its owner and must stay
 * until cancelled. */
struct loop_fd;
typedef void loop_fd_ready(struct loop_fd *watch, uint32_t events);
struct loop_fd {
    int fd;
    uint32_t events;
    loop_fd_ready *ready;
    uint32_t slot; /* set by loop_* only; 0 when not started */
};
enum rc loop_fd_start(struct loop *loop, struct loop_fd *watch, int fd, uint32_t events, loop_fd_ready *ready, struct err *err);
enum rc loop_fd_change(struct loop *loop, struct loop_fd *watch, uint32_t events, struct err *err);
void loop_fd_cancel(struct loop *loop, struct loop_fd *watch); /* nothing when not started; call before close(fd) */

/* Timers on the monotonic clock, in milliseconds (clock_mono_ms). */
struct loop_timer;
typedef void loop_timer_due(struct loop_timer *timer);
struct loop_timer {
    struct heap_node node;
    int64_t at_mono_ms;
    loop_timer_due *due;
};
/* Start or move a timer. {0}-initialise before the first start. Fires once, at or after at_mono_ms. RC_TEMP: out of memory. */
enum rc loop_timer_start(struct loop *loop, struct loop_timer *timer, int64_t at_mono_ms, loop_timer_due *due);
void loop_timer_cancel(struct loop *loop, struct loop_timer *timer); /* nothing when not started */
bool loop_timer_started(const struct loop_timer *timer);

/* Work that the loop does when nothing else is ready, a small piece a turn (and now and then under steady load, so that it ends); e.g. a
 * rescan. {0}-initialise before the first start. Return false when done (then it is off until started again; a start from within counts). */
struct loop_idle;
typedef bool loop_idle_work(struct loop_idle *idle);
struct loop_idle {
    loop_idle_work *work;
    struct loop_idle *next; /* set by loop_* only */
    bool started;
};
void loop_idle_start(struct loop *loop, struct loop_idle *idle, loop_idle_work *work);
void loop_idle_cancel(struct loop *loop, struct loop_idle *idle);

/* Signals by signalfd; the signal is blocked for the whole process (call before threads start). At most one handler a signal, until
 * loop_free; the signal stays blocked. */
typedef void loop_signal_got(void *context, int signo);
enum rc loop_signal_start(struct loop *loop, int signo, loop_signal_got *got, void *context, struct err *err);

#endif
