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

#endif
