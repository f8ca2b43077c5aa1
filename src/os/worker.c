// SPDX-License-Identifier: Apache-2.0
#include "os/worker.h"

#include "base/heap.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define LANES_MOST 64u
#define ITEMS_MOST 256u

struct queue {
    struct work *head, *tail;
};

struct lane {
    struct worker *worker;
    pthread_t thread;
    pthread_mutex_t lock; /* of waiting and ending */
    pthread_cond_t wake;
    struct queue waiting;
    bool ending;
    size_t load;      /* submitted and not yet done(); the loop thread's */
    bool to_be_woken; /* the loop thread's */
};

struct worker {
    struct loop *loop;
    struct loop_fd watch; /* of an eventfd that the lanes raise */
    pthread_mutex_t lock; /* of finished */
    struct queue finished;
    size_t pending; /* this and finishing are the loop thread's */
    bool finishing; /* done() is being called */
    unsigned lane_count;
    struct lane lanes[];
};

static void queue_add(struct queue *queue, struct work *item) {
    item->next = NULL;
    if (queue->tail != NULL)
        queue->tail->next = item;
    else
        queue->head = item;
    queue->tail = item;
}

static struct work *queue_take(struct queue *queue) {
    struct work *item = queue->head;

    queue->head = item->next;
    if (queue->head == NULL)
        queue->tail = NULL;
    return item;
}

/* Wait for work and take what may run together. 0 when the lane ends. */
static size_t take_run(struct lane *lane, struct work *items[ITEMS_MOST]) {
    size_t count = 0;

    pthread_mutex_lock(&lane->lock);
    while (lane->waiting.head == NULL && !lane->ending)
        pthread_cond_wait(&lane->wake, &lane->lock);
    while (lane->waiting.head != NULL && count < ITEMS_MOST) {
        const struct work_class *class = lane->waiting.head->class;
        if (count > 0 && (class != items[0]->class || count >= class->max))
            break;
        items[count++] = queue_take(&lane->waiting);
    }
    pthread_mutex_unlock(&lane->lock);
    return count;
}

static void hand_back(struct worker *worker, struct work *const *items, size_t count) {
    const uint64_t one = 1;
    bool first;

    pthread_mutex_lock(&worker->lock);
    first = worker->finished.head == NULL;
    for (size_t i = 0; i < count; i++)
        queue_add(&worker->finished, items[i]);
    pthread_mutex_unlock(&worker->lock);
    /* Only the one that fills the empty list wakes the loop. An eventfd takes far more than one of these: the write cannot fail. */
    if (first)
        (void)!write(worker->watch.fd, &one, sizeof(one));
}

static void *lane_main(void *context) {
    struct lane *lane = context;
    struct work *items[ITEMS_MOST];
    size_t count;

    while ((count = take_run(lane, items)) > 0) {
        items[0]->class->run(items, count);
        hand_back(lane->worker, items, count);
    }
    return NULL;
}

/* Call done() for all that has come back. */
static void finish(struct worker *worker) {
    struct queue queue;
    uint64_t value;

    (void)!read(worker->watch.fd, &value, sizeof(value));
    pthread_mutex_lock(&worker->lock);
    queue = worker->finished;
    worker->finished = (struct queue){0};
    pthread_mutex_unlock(&worker->lock);
    worker->finishing = true;
    while (queue.head != NULL) {
        struct work *item = queue_take(&queue);
        worker->lanes[item->lane].load--;
        worker->pending--;
        item->class->done(item);
    }
    worker->finishing = false;
    for (unsigned i = 0; i < worker->lane_count; i++) {
        if (worker->lanes[i].to_be_woken)
            pthread_cond_signal(&worker->lanes[i].wake);
        worker->lanes[i].to_be_woken = false;
    }
}

static void finished_ready(struct loop_fd *watch, uint32_t events) {
    (void)events;
    finish(HEAP_ENTRY(watch, struct worker, watch));
}

static enum rc lane_start(struct worker *worker, struct lane *lane, struct err *err) {
    int errnum;

    lane->worker = worker;
    pthread_mutex_init(&lane->lock, NULL);
    pthread_cond_init(&lane->wake, NULL);
    errnum = pthread_create(&lane->thread, NULL, lane_main, lane);
    if (errnum == 0)
        return RC_OK;
    pthread_cond_destroy(&lane->wake);
    pthread_mutex_destroy(&lane->lock);
    errno = errnum;
    err_sys(err, "worker thread");
    return RC_TEMP;
}

/* End the threads, whose queues are empty, and free all. */
static void tear_down(struct worker *worker) {
    int event_fd = worker->watch.fd;

    for (unsigned i = 0; i < worker->lane_count; i++) {
        struct lane *lane = &worker->lanes[i];
        pthread_mutex_lock(&lane->lock);
        lane->ending = true;
        pthread_cond_signal(&lane->wake);
        pthread_mutex_unlock(&lane->lock);
        pthread_join(lane->thread, NULL);
        pthread_cond_destroy(&lane->wake);
        pthread_mutex_destroy(&lane->lock);
    }
    loop_fd_cancel(worker->loop, &worker->watch);
    close(event_fd);
    pthread_mutex_destroy(&worker->lock);
    free(worker);
}

enum rc worker_new(struct loop *loop, unsigned lanes, struct worker **worker, struct err *err) {
    struct worker *w;
    sigset_t all, before;
    enum rc rc;
    int event_fd;

    *worker = NULL;
    if (lanes < 1 || lanes > LANES_MOST)
        return err_set(err, RC_PERM, "%u worker lanes: from 1 to %u are possible", lanes, LANES_MOST);
    w = calloc(1, sizeof(*w) + lanes * sizeof(w->lanes[0]));
    if (w == NULL)
        return err_set(err, RC_TEMP, "worker lanes: out of memory");
    event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (event_fd < 0) {
        rc = err_sys(err, "eventfd");
        goto free_worker;
    }
    w->loop = loop;
    rc = loop_fd_start(loop, &w->watch, event_fd, EPOLLIN, finished_ready, err);
    if (rc != RC_OK)
        goto close_event;
    pthread_mutex_init(&w->lock, NULL);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    while (rc == RC_OK && w->lane_count < lanes) {
        rc = lane_start(w, &w->lanes[w->lane_count], err);
        if (rc == RC_OK)
            w->lane_count++;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (rc != RC_OK) {
        tear_down(w);
        return rc;
    }
    *worker = w;
    return RC_OK;

close_event:
    close(event_fd);
free_worker:
    free(w);
    return rc;
}

uint32_t worker_lightest(const struct worker *worker, uint32_t first, uint32_t end) {
    uint32_t lightest = first;

    for (uint32_t i = first + 1; i < end && i < worker->lane_count; i++)
        if (worker->lanes[i].load < worker->lanes[lightest].load)
            lightest = i;
    return lightest;
}

size_t worker_load(const struct worker *worker, uint32_t lane) {
    return worker->lanes[lane % worker->lane_count].load;
}

void worker_submit(struct worker *worker, struct work *item, const struct work_class *class, uint32_t lane) {
    struct lane *to;

    item->class = class;
    item->lane = lane == WORKER_ANY ? worker_lightest(worker, 0, worker->lane_count) : lane % worker->lane_count;
    to = &worker->lanes[item->lane];
    to->load++;
    worker->pending++;
    pthread_mutex_lock(&to->lock);
    queue_add(&to->waiting, item);
    pthread_mutex_unlock(&to->lock);
    if (worker->finishing)
        to->to_be_woken = true; /* with all that is submitted to it meanwhile, so that it shares syncs */
    else
        pthread_cond_signal(&to->wake); /* so that it does not wake to wait for the lock */
}

size_t worker_pending(const struct worker *worker) {
    return worker->pending;
}

void worker_free(struct worker *worker) {
    if (worker == NULL)
        return;
    while (worker->pending > 0) {
        struct pollfd event = {.fd = worker->watch.fd, .events = POLLIN};
        if (poll(&event, 1, -1) > 0)
            finish(worker);
    }
    tear_down(worker);
}
