// SPDX-License-Identifier: Apache-2.0
#ifndef OS_WORKER_H
#define OS_WORKER_H

#include <stddef.h>
#include <stdint.h>

#include "os/loop.h"

/* Worker lanes: threads that do what may block (sync, scan, rename) so that the loop never waits for the disk. A work item is moved to its lane and
 * back: between worker_submit and done() only run() may touch it. No locks are needed, or allowed, elsewhere. */
struct worker;
struct work;

/* run() gets up to `max` items of one class that were waiting in one lane, in the order of submission: the place where syncs are shared (group commit). It runs
 * on the lane. done() runs on the loop, once an item, in order within a lane. */
struct work_class {
    const char *name;
    void (*run)(struct work **items, size_t count);
    void (*done)(struct work *item);
    size_t max; /* at least 1, at most 256 */
};

struct work {
    const struct work_class *class;
    struct work *next; /* these two set by worker_* only */
    uint32_t lane;
};

#define WORKER_ANY UINT32_MAX

/* lanes: 1 to 64 threads. All signals are blocked in them. */
enum rc worker_new(struct loop *loop, unsigned lanes, struct worker **worker, struct err *err);
/* The lane with the fewest items, of those from first to before end. */
uint32_t worker_lightest(const struct worker *worker, uint32_t first, uint32_t end);
size_t worker_load(const struct worker *worker, uint32_t lane); /* of one lane: submitted and not yet done() */
/* Same lane number (modulo the number of lanes): same thread, in order. WORKER_ANY: the lane with the fewest items. Never fails; from the loop thread only.
 * What done() submits begins when all that came back with its item has been told, so that what can share a sync is together by then. */
void worker_submit(struct worker *worker, struct work *item, const struct work_class *class, uint32_t lane);
size_t worker_pending(const struct worker *worker); /* submitted and not yet done() */
/* Wait until nothing is pending (done() is called for each, what it submits included), then end the threads. Not from done() itself. */
void worker_free(struct worker *worker);

#endif
