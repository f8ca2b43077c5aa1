// SPDX-License-Identifier: Apache-2.0
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "os/beside.h"

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>

struct seen {
    unsigned count;
    pthread_t thread;
    bool signals_blocked;
};

static void look(void *context) {
    struct seen *seen = context;
    sigset_t mask;

    pthread_sigmask(SIG_BLOCK, NULL, &mask);
    seen->count++;
    seen->thread = pthread_self();
    seen->signals_blocked = sigismember(&mask, SIGTERM) == 1 && sigismember(&mask, SIGUSR2) == 1;
}

static void each_start_is_one_run_elsewhere(void **state) {
    struct seen seen = {.count = 0};
    struct beside *beside;

    (void)state;
    assert_int_equal(beside_new(&beside, NULL), RC_OK);
    for (unsigned i = 1; i <= 1000; i++) {
        beside_start(beside, look, &seen);
        beside_wait(beside);
        assert_int_equal(seen.count, i);
        assert_false(pthread_equal(seen.thread, pthread_self()));
        assert_true(seen.signals_blocked);
    }
    beside_free(beside);
}

static void one_that_never_ran_ends(void **state) {
    struct beside *beside;

    (void)state;
    assert_int_equal(beside_new(&beside, NULL), RC_OK);
    beside_free(beside);
    beside_free(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_start_is_one_run_elsewhere),
        cmocka_unit_test(one_that_never_ran_ends),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
