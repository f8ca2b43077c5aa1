// SPDX-License-Identifier: Apache-2.0
#ifndef OS_BESIDE_H
#define OS_BESIDE_H

#include "base/err.h"

/* A thread beside a lane that has to wait for two things of which neither waits for the other: it waits for one while the lane waits for the other. */
struct beside;

typedef void beside_work(void *context);

/* All signals are blocked in it. */
enum rc beside_new(struct beside **beside, struct err *err);
/* work(context) runs there; the context is its own until beside_wait returns. Each start is followed by a wait, from the same thread. */
void beside_start(struct beside *beside, beside_work *work, void *context);
void beside_wait(struct beside *beside);
void beside_free(struct beside *beside); /* NULL is none; not between start and wait */

#endif
