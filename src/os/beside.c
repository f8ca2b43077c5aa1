// SPDX-License-Identifier: Apache-2.0
#include "os/beside.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdlib.h>

struct beside {
    pthread_t thread;
    sem_t begin, end;  /* what stands below goes over with one and comes back with the other */
    beside_work *work; /* NULL: the thread ends */
    void *context;
};

static void pass(sem_t *sem) {
    while (sem_wait(sem) != 0 && errno == EINTR)
        continue;
}

static void *beside_main(void *context) {
    struct beside *beside = context;

    for (;;) {
        pass(&beside->begin);
        if (beside->work == NULL)
            return NULL;
        beside->work(beside->context);
        sem_post(&beside->end);
    }
}

enum rc beside_new(struct beside **out, struct err *err) {
    struct beside *beside = calloc(1, sizeof(*beside));
    sigset_t all, before;
    int errnum;

    *out = NULL;
    if (beside == NULL)
        return err_set(err, RC_TEMP, "a thread: out of memory");
    sem_init(&beside->begin, 0, 0);
    sem_init(&beside->end, 0, 0);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    errnum = pthread_create(&beside->thread, NULL, beside_main, beside);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (errnum != 0) {
        free(beside);
        errno = errnum;
        err_sys(err, "a thread");
        return RC_TEMP;
    }
    *out = beside;
    return RC_OK;
}

void beside_start(struct beside *beside, beside_work *work, void *context) {
    beside->work = work;
    beside->context = context;
    sem_post(&beside->begin);
}

void beside_wait(struct beside *beside) {
    pass(&beside->end);
}

void beside_free(struct beside *beside) {
    if (beside == NULL)
        return;
    beside_start(beside, NULL, NULL);
    pthread_join(beside->thread, NULL);
    sem_destroy(&beside->begin);
    sem_destroy(&beside->end);
    free(beside);
}
