// SPDX-License-Identifier: Apache-2.0
#ifndef OS_WATCH_H
#define OS_WATCH_H

#include <stdbool.h>
#include <stdint.h>

#include "os/loop.h"

/* inotify on the loop. A hint, never the truth (DESIGN 3): the receiver looks for itself. */
struct watch;

/* One event: tag is the number given at watch_add; mask holds IN_ bits; name is borrowed, "" for the directory itself. A full kernel queue comes as
 * tag -1, mask IN_Q_OVERFLOW: everything must be scanned. */
typedef void watch_event(void *context, int tag, uint32_t mask, const char *name);

enum rc watch_new(struct loop *loop, watch_event *event, void *context, struct watch **watch, struct err *err);
void watch_free(struct watch *watch);
/* path is absolute or relative to the working directory. RC_NOSPACE: max_user_watches reached (err says which sysctl; the timer carries on). */
enum rc watch_add(struct watch *watch, const char *path, uint32_t mask, int tag, struct err *err);

#endif
