// SPDX-License-Identifier: Apache-2.0
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "base/clock.h"
#include "os/loop.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

static int setup(void **state) {
    return loop_new((struct loop **)state, NULL) == RC_OK ? 0 : -1;
}

static int teardown(void **state) {
    loop_free(*state);
    return 0;
}

/* An eventfd that counts its callbacks and can cancel another when it is called. */
struct probe {
    struct loop_fd watch;
    struct loop *loop;
    struct probe *victim;
    unsigned calls;
    uint32_t events;
};

static void probe_ready(struct loop_fd *watch, uint32_t events) {
    struct probe *probe = (struct probe *)(void *)watch;

    probe->calls++;
    probe->events = events;
    if (probe->victim != NULL)
        loop_fd_cancel(probe->loop, &probe->victim->watch);
}

static void probe_start(struct probe *probe, struct loop *loop, unsigned value) {
    struct err err = {0};

    *probe = (struct probe){.loop = loop};
    assert_int_equal(loop_fd_start(loop, &probe->watch, eventfd(value, EFD_NONBLOCK | EFD_CLOEXEC), EPOLLIN, probe_ready, &err), RC_OK);
}

static void probe_end(struct probe *probe) {
    loop_fd_cancel(probe->loop, &probe->watch);
    close(probe->watch.fd);
}

static void turn(struct loop *loop) {
    struct err err = {0};

    assert_int_equal(loop_turn(loop, 0, &err), RC_OK);
}

static void a_ready_descriptor_calls(void **state) {
    struct loop *loop = *state;
    struct probe quiet, ready;

    probe_start(&quiet, loop, 0);
    probe_start(&ready, loop, 1);
    turn(loop);
    turn(loop);
    assert_int_equal(quiet.calls, 0);
    assert_int_equal(ready.calls, 2);
    assert_int_equal(ready.events, EPOLLIN);
    assert_int_equal(loop_fd_change(loop, &ready.watch, EPOLLOUT, NULL), RC_OK);
    turn(loop);
    assert_int_equal(ready.events, EPOLLOUT);
    probe_end(&ready);
    loop_fd_cancel(loop, &ready.watch);
    turn(loop);
    assert_int_equal(ready.calls, 3);
    probe_end(&quiet);
}

static void a_cancelled_one_gets_no_call_in_the_same_turn(void **state) {
    struct loop *loop = *state;
    struct probe a, b;

    probe_start(&a, loop, 1);
    probe_start(&b, loop, 1);
    a.victim = &b;
    b.victim = &a;
    turn(loop);
    assert_int_equal(a.calls + b.calls, 1);
    turn(loop);
    assert_int_equal(a.calls + b.calls, 2);
    assert_true(a.calls == 0 || b.calls == 0);
    probe_end(&a);
    probe_end(&b);
}

/* The slot and even the descriptor are used again in the turn of the cancel: the old event must not reach the new watch. */
struct swapper {
    struct probe probe;
    struct probe *old, *fresh;
};

static void swap_ready(struct loop_fd *watch, uint32_t events) {
    struct swapper *swapper = (struct swapper *)(void *)watch;
    int fd = swapper->old->watch.fd;

    (void)events;
    swapper->probe.calls++;
    if (swapper->old->watch.slot == 0)
        return;
    loop_fd_cancel(swapper->probe.loop, &swapper->old->watch);
    *swapper->fresh = (struct probe){.loop = swapper->probe.loop};
    assert_int_equal(loop_fd_start(swapper->probe.loop, &swapper->fresh->watch, fd, EPOLLOUT, probe_ready, NULL), RC_OK);
}

static void an_old_event_does_not_reach_a_new_watch(void **state) {
    struct loop *loop = *state;
    struct probe old, fresh;
    struct swapper swapper = {.probe = {.loop = loop}, .old = &old, .fresh = &fresh};
    int fd = eventfd(1, EFD_NONBLOCK | EFD_CLOEXEC);

    assert_int_equal(loop_fd_start(loop, &swapper.probe.watch, fd, EPOLLIN, swap_ready, NULL), RC_OK);
    probe_start(&old, loop, 1);
    turn(loop);
    assert_int_equal(swapper.probe.calls, 1);
    assert_int_equal(old.calls + fresh.calls, 0);
    turn(loop);
    assert_int_equal(fresh.calls, 1);
    assert_int_equal(fresh.events, EPOLLOUT);
    probe_end(&fresh);
    loop_fd_cancel(loop, &swapper.probe.watch);
    close(fd);
}

static void many_watches_find_a_slot(void **state) {
    struct loop *loop = *state;
    struct probe probes[100];

    for (unsigned round = 0; round < 2; round++) {
        for (unsigned i = 0; i < 100; i++)
            probe_start(&probes[i], loop, 1);
        for (unsigned i = 0; i < 100; i++)
            assert_true(probes[i].watch.slot != 0);
        turn(loop);
        turn(loop);
        turn(loop);
        turn(loop);
        for (unsigned i = 0; i < 100; i++) {
            assert_true(probes[i].calls > 0);
            probe_end(&probes[i]);
        }
    }
}

static void a_bad_descriptor_is_told(void **state) {
    struct err err = {0};
    struct loop_fd watch;
    int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);

    assert_int_equal(loop_fd_start(*state, &watch, fd, EPOLLIN, probe_ready, &err), RC_PERM);
    assert_int_equal(watch.slot, 0);
    assert_true(strlen(err.text) > 0);
    close(fd);
}

struct ticker {
    struct loop_timer timer;
    struct loop *loop;
    struct ticker *victim;
    unsigned *order;
    unsigned called_as;
    int64_t repeat_at; /* 0: once */
};

static void tick(struct loop_timer *timer) {
    struct ticker *ticker = (struct ticker *)(void *)timer;

    assert_false(loop_timer_started(timer));
    assert_true(clock_mono_ms() >= timer->at_mono_ms);
    ticker->called_as = ++*ticker->order;
    if (ticker->victim != NULL)
        loop_timer_cancel(ticker->loop, &ticker->victim->timer);
    if (ticker->repeat_at != 0)
        assert_int_equal(loop_timer_start(ticker->loop, timer, ticker->repeat_at, tick), RC_OK);
}

static void timers_come_in_order_and_once(void **state) {
    struct loop *loop = *state;
    unsigned order = 0;
    int64_t now = clock_mono_ms();
    struct ticker a = {.order = &order}, b = {.order = &order}, c = {.order = &order};

    assert_int_equal(loop_timer_start(loop, &a.timer, now + 20, tick), RC_OK);
    assert_int_equal(loop_timer_start(loop, &b.timer, now + 5, tick), RC_OK);
    assert_int_equal(loop_timer_start(loop, &c.timer, now + 60000, tick), RC_OK);
    assert_int_equal(loop_timer_start(loop, &c.timer, now + 10, tick), RC_OK);
    while (order < 3)
        assert_int_equal(loop_turn(loop, -1, NULL), RC_OK);
    assert_int_equal(b.called_as, 1);
    assert_int_equal(c.called_as, 2);
    assert_int_equal(a.called_as, 3);
    assert_false(loop_timer_started(&a.timer));
    turn(loop);
    assert_int_equal(order, 3);
}

static void a_cancelled_timer_stays_silent(void **state) {
    struct loop *loop = *state;
    unsigned order = 0;
    struct ticker b = {.order = &order}, a = {.order = &order, .loop = loop, .victim = &b};

    assert_int_equal(loop_timer_start(loop, &a.timer, 1, tick), RC_OK);
    assert_int_equal(loop_timer_start(loop, &b.timer, 2, tick), RC_OK);
    turn(loop);
    assert_int_equal(a.called_as, 1);
    assert_int_equal(b.called_as, 0);
    loop_timer_cancel(loop, &b.timer);
}

static void a_timer_in_the_past_does_not_hold_the_turn(void **state) {
    struct loop *loop = *state;
    unsigned order = 0;
    struct ticker a = {.order = &order, .loop = loop, .repeat_at = 1};

    assert_int_equal(loop_timer_start(loop, &a.timer, 1, tick), RC_OK);
    turn(loop);
    assert_int_equal(order, 1);
    turn(loop);
    assert_int_equal(order, 2);
    loop_timer_cancel(loop, &a.timer);
}

static void waiting_ends_at_its_most(void **state) {
    struct loop *loop = *state;
    unsigned order = 0;
    struct ticker a = {.order = &order};
    int64_t start = clock_mono_ms();

    assert_int_equal(loop_timer_start(loop, &a.timer, start + 3600000, tick), RC_OK);
    assert_int_equal(loop_turn(loop, 5, NULL), RC_OK);
    assert_true(clock_mono_ms() - start < 60000);
    assert_int_equal(order, 0);
    loop_timer_cancel(loop, &a.timer);
}

struct chore {
    struct loop_idle idle;
    struct loop *loop;
    unsigned pieces, most;
    enum { CHORE_GO_ON, CHORE_CANCEL, CHORE_RESTART } at_end;
};

static bool do_chore(struct loop_idle *idle) {
    struct chore *chore = (struct chore *)(void *)idle;

    if (++chore->pieces < chore->most)
        return true;
    if (chore->at_end == CHORE_CANCEL) {
        loop_idle_cancel(chore->loop, idle);
        memset(chore, 0, sizeof(*chore));
        return true;
    }
    if (chore->at_end == CHORE_RESTART) {
        chore->at_end = CHORE_GO_ON;
        chore->most = 2 * chore->most;
        loop_idle_start(chore->loop, idle, do_chore);
    }
    return false;
}

static void idle_work_takes_turns_and_ends(void **state) {
    struct loop *loop = *state;
    struct chore a = {.most = 3}, b = {.most = 2};

    loop_idle_start(loop, &a.idle, do_chore);
    loop_idle_start(loop, &b.idle, do_chore);
    loop_idle_start(loop, &b.idle, do_chore);
    turn(loop);
    assert_int_equal(a.pieces, 1);
    assert_int_equal(b.pieces, 0);
    for (int i = 0; i < 6; i++)
        turn(loop);
    assert_int_equal(a.pieces, 3);
    assert_int_equal(b.pieces, 2);
    assert_false(a.idle.started);
    assert_false(b.idle.started);
}

static void idle_work_can_cancel_and_restart_itself(void **state) {
    struct loop *loop = *state;
    struct chore a = {.loop = loop, .most = 1, .at_end = CHORE_CANCEL}, b = {.loop = loop, .most = 2, .at_end = CHORE_RESTART};
    struct chore c = {.loop = loop, .most = 1}, d = {.loop = loop, .most = 1};

    loop_idle_start(loop, &a.idle, do_chore);
    loop_idle_start(loop, &b.idle, do_chore);
    loop_idle_start(loop, &c.idle, do_chore);
    loop_idle_start(loop, &d.idle, do_chore);
    loop_idle_cancel(loop, &c.idle);
    loop_idle_cancel(loop, &d.idle);
    loop_idle_cancel(loop, &d.idle);
    loop_idle_start(loop, &d.idle, do_chore);
    for (int i = 0; i < 10; i++)
        turn(loop);
    assert_int_equal(a.pieces, 0);
    assert_int_equal(b.pieces, 4);
    assert_int_equal(c.pieces, 0);
    assert_int_equal(d.pieces, 1);
}

static void idle_work_waits_for_traffic_but_not_for_ever(void **state) {
    struct loop *loop = *state;
    struct chore chore = {.most = 1000};
    struct probe busy;

    probe_start(&busy, loop, 1);
    loop_idle_start(loop, &chore.idle, do_chore);
    turn(loop);
    turn(loop);
    assert_int_equal(chore.pieces, 0);
    for (int i = 0; i < 1000; i++)
        turn(loop);
    assert_in_range(chore.pieces, 1, 100);
    loop_idle_cancel(loop, &chore.idle);
    probe_end(&busy);
}

struct signals {
    struct loop *loop;
    int got[2];
    unsigned count;
};

static void got_signal(void *context, int signo) {
    struct signals *signals = context;

    if (signals->count < 2)
        signals->got[signals->count] = signo;
    if (++signals->count == 2)
        loop_stop(signals->loop);
}

static void signals_come_through_the_loop(void **state) {
    struct signals signals = {.loop = *state};

    assert_int_equal(loop_signal_start(*state, SIGUSR1, got_signal, &signals, NULL), RC_OK);
    assert_int_equal(loop_signal_start(*state, SIGTERM, got_signal, &signals, NULL), RC_OK);
    assert_int_equal(loop_signal_start(*state, 1000, got_signal, &signals, NULL), RC_PERM);
    kill(getpid(), SIGTERM);
    kill(getpid(), SIGUSR1);
    assert_int_equal(loop_run(*state, NULL), RC_OK);
    assert_int_equal(signals.got[0] + signals.got[1], SIGTERM + SIGUSR1);
    loop_stop(*state);
    assert_int_equal(loop_run(*state, NULL), RC_OK);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_ready_descriptor_calls),
        TEST(a_cancelled_one_gets_no_call_in_the_same_turn),
        TEST(an_old_event_does_not_reach_a_new_watch),
        TEST(many_watches_find_a_slot),
        TEST(a_bad_descriptor_is_told),
        TEST(timers_come_in_order_and_once),
        TEST(a_cancelled_timer_stays_silent),
        TEST(a_timer_in_the_past_does_not_hold_the_turn),
        TEST(waiting_ends_at_its_most),
        TEST(idle_work_takes_turns_and_ends),
        TEST(idle_work_can_cancel_and_restart_itself),
        TEST(idle_work_waits_for_traffic_but_not_for_ever),
        TEST(signals_come_through_the_loop),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
