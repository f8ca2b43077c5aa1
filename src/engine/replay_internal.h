// SPDX-License-Identifier: Apache-2.0
#ifndef ENGINE_REPLAY_INTERNAL_H
#define ENGINE_REPLAY_INTERNAL_H

#include "engine/engine_internal.h"

/* What replay.c (the first half: what a journal says) and replay_mend.c (the second: what follows from it) share. The structs, and the halves themselves, are
 * in engine_internal.h. */

/* The number of a step by its name; 0 when there is no name, or none that the source still has. */
unsigned replay_step(const struct source *source, const char *name);
/* What was answered is captured, lost, or asked for once more. */
void replay_forget_answer(struct replay_page *page);
void replay_done(struct work *work); /* struct work_class.done of both halves */

#endif
