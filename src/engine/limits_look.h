// SPDX-License-Identifier: Apache-2.0
#ifndef ENGINE_LIMITS_LOOK_H
#define ENGINE_LIMITS_LOOK_H

#include <cjson/cJSON.h>

#include "source/source.h"
#include "store/index.h"

/* The limits of a source as they stand, seen from outside the daemon: it keeps them in its index (INDEX_OF_DAEMON), and the rest is in what that folded from
 * the journals. What is left of its budgets and its daily cost, how many go at once, what holds it now; the caller frees. NULL: no index, or nothing is known.
 * */
cJSON *limits_look_json(struct index *index, const struct source *source);
/* Its fixed windows, as far as they are used; how many there are. */
struct limits_window {
    uint64_t limit, used;
    int64_t period_ms, end_us;
};
/* Seconds until the last of the windows that so many requests more need begins, by which as many as *rest are left; 0: those that are open do. *days: how many
 * days it takes, where a day's window is one of them, if that is more than it was. Pure. */
double limits_look_quota_s(const struct limits_window *windows, unsigned count, uint64_t requests, int64_t now_us, uint64_t *rest, uint64_t *days);
unsigned limits_look_windows(struct index *index, const struct source *source, int64_t now_us, struct limits_window out[SOURCE_MAX_WINDOWS]);

#endif
