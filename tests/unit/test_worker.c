// SPDX-License-Identifier: Apache-2.0
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "os/worker.h"

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>

static int setup(void **state) {
    return loop_new((struct loop **)state, NULL) == RC_OK ? 0 : -1;
}

static int teardown(void **state) {
    loop_free(*state);
    return 0;
}

/* What the done() callbacks saw; the loop thread's. */
static struct {
    unsigned count;
    size_t largest;
    size_t together[14]; /* of the first ones */
    bool ordered;
    unsigned last[4];
} seen;

struct item {
    struct work work;
    struct worker *worker;
    unsigned lane, number;
    unsigned again; /* to be submitted so many times more */
    size_t together;
    pthread_t thread;
    bool signals_blocked;
};

static void run_items(struct work **items, size_t count) {
    sigset_t mask;

    pthread_sigmask(SIG_BLOCK, NULL, &mask);
    for (size_t i = 0; i < count; i++) {
        struct item *item = (struct item *)(void *)items[i];
        item->together = count;
        item->thread = pthread_self();
        item->signals_blocked = sigismember(&mask, SIGTERM) == 1 && sigismember(&mask, SIGUSR2) == 1;
    }
}

static void item_done(struct work *work);
static const struct work_class grouped = {.name = "grouped", .run = run_items, .done = item_done, .max = 8};
static const struct work_class single = {.name = "single", .run = run_items, .done = item_done, .max = 1};

static void item_done(struct work *work) {
    struct item *item = (struct item *)(void *)work;

    if (seen.count < 14)
        seen.together[seen.count] = item->together;
    seen.count++;
    if (item->together > seen.largest)
        seen.largest = item->together;
    if (item->number != seen.last[item->lane] + 1)
        seen.ordered = false;
    seen.last[item->lane] = item->number;
    if (item->together > work->class->max || pthread_equal(item->thread, pthread_self()) || !item->signals_blocked)
        seen.ordered = false;
    if (item->again > 0) {
        item->again--;
        item->number++;
        worker_submit(item->worker, work, work->class, item->lane);
        return;
    }
    free(item);
}

static void submit(struct worker *worker, const struct work_class *class, unsigned lane, unsigned number, unsigned again) {
    struct item *item = calloc(1, sizeof(*item));

    assert_non_null(item);
    item->worker = worker;
    item->lane = lane;
    item->number = number;
    item->again = again;
    worker_submit(worker, &item->work, class, lane);
}

static struct worker *start(struct loop *loop, unsigned lanes) {
    struct worker *worker;
    struct err err = {0};

    seen.count = 0;
    seen.largest = 0;
    seen.ordered = true;
    for (unsigned i = 0; i < 4; i++)
        seen.last[i] = 0;
    assert_int_equal(worker_new(loop, lanes, &worker, &err), RC_OK);
    return worker;
}

static void lanes_keep_their_order(void **state) {
    struct worker *worker = start(*state, 4);

    for (unsigned number = 1; number <= 2000; number++)
        for (unsigned lane = 0; lane < 4; lane++)
            submit(worker, number % 100 < 90 ? &grouped : &single, lane, number, 0);
    while (worker_pending(worker) > 0)
        assert_int_equal(loop_turn(*state, -1, NULL), RC_OK);
    assert_int_equal(seen.count, 8000);
    assert_true(seen.ordered);
    assert_in_range(seen.largest, 1, 8);
    worker_free(worker);
}

/* Holds its lane until the test lets go, so that what waits behind it is known. */
struct gate {
    struct work work;
    pthread_mutex_t lock;
};

static void run_gate(struct work **items, size_t count) {
    struct gate *gate = (struct gate *)(void *)items[0];

    (void)count;
    pthread_mutex_lock(&gate->lock);
    pthread_mutex_unlock(&gate->lock);
}

static void gate_done(struct work *work) {
    (void)work;
}

static const struct work_class gating = {.name = "gate", .run = run_gate, .done = gate_done, .max = 1};

static void what_waits_runs_together_by_class(void **state) {
    struct worker *worker = start(*state, 1);
    struct gate gate = {.lock = PTHREAD_MUTEX_INITIALIZER};
    static const size_t together[] = {8, 8, 8, 8, 8, 8, 8, 8, 2, 2, 1, 1, 2, 2};

    pthread_mutex_lock(&gate.lock);
    worker_submit(worker, &gate.work, &gating, 0);
    for (unsigned i = 0; i < 14; i++)
        submit(worker, i == 10 || i == 11 ? &single : &grouped, 0, i + 1, 0);
    assert_int_equal(worker_pending(worker), 15);
    pthread_mutex_unlock(&gate.lock);
    while (worker_pending(worker) > 0)
        assert_int_equal(loop_turn(*state, -1, NULL), RC_OK);
    assert_memory_equal(seen.together, together, sizeof(together));
    assert_true(seen.ordered);
    worker_free(worker);
}

static void any_takes_the_lightest_lane(void **state) {
    struct worker *worker = start(*state, 2);
    struct gate first = {.lock = PTHREAD_MUTEX_INITIALIZER}, second = {.lock = PTHREAD_MUTEX_INITIALIZER};

    pthread_mutex_lock(&first.lock);
    worker_submit(worker, &first.work, &gating, 0);
    worker_submit(worker, &second.work, &gating, WORKER_ANY);
    assert_int_equal(second.work.lane, 1);
    while (worker_pending(worker) > 1)
        assert_int_equal(loop_turn(*state, -1, NULL), RC_OK);
    worker_submit(worker, &second.work, &gating, WORKER_ANY);
    assert_int_equal(second.work.lane, 1);
    pthread_mutex_unlock(&first.lock);
    worker_free(worker);
    worker = start(*state, 2);
    worker_submit(worker, &second.work, &gating, 5);
    assert_int_equal(second.work.lane, 1);
    worker_free(worker);
}

static void freeing_finishes_everything(void **state) {
    struct worker *worker = start(*state, 3);

    for (unsigned lane = 0; lane < 3; lane++)
        submit(worker, &grouped, lane, 1, 500);
    worker_free(worker);
    assert_int_equal(seen.count, 3 * 501);
    assert_true(seen.ordered);
    worker_free(start(*state, 64));
    worker_free(NULL);
}

static void the_number_of_lanes_is_bounded(void **state) {
    struct worker *worker;

    assert_int_equal(worker_new(*state, 0, &worker, NULL), RC_PERM);
    assert_int_equal(worker_new(*state, 65, &worker, NULL), RC_PERM);
    assert_null(worker);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(lanes_keep_their_order),      TEST(what_waits_runs_together_by_class), TEST(any_takes_the_lightest_lane),
        TEST(freeing_finishes_everything), TEST(the_number_of_lanes_is_bounded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
