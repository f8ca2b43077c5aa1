// SPDX-License-Identifier: Apache-2.0
#ifndef ENGINE_STANDING_H
#define ENGINE_STANDING_H

#include <cjson/cJSON.h>

#include "source/source.h"
#include "store/index.h"

/* The limits of a source as they stand: the daemon keeps them in the index, and the rest is in what it folded from the journals. concurrency, max_concurrency,
 * circuit_breaker, learned_distance_s, paused, paused_until, budgets, daily_cost. The caller frees; NULL: no index, or nothing can be told. */
cJSON *standing_json(struct index *index, const struct source *source, int64_t now_us);

#endif
