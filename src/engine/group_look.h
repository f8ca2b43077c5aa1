// SPDX-License-Identifier: Apache-2.0
#ifndef ENGINE_GROUP_LOOK_H
#define ENGINE_GROUP_LOOK_H

#include "net/throttle.h"
#include "spool/job.h"
#include "spool/journal.h"
#include "spool/layout.h"

/* What a job's journal says of groups of units that wait together (error_handler.throttle). A group's key is "STEP NAME". */

#define GROUP_LOOK_SHOWN 20u

const char *group_look_name(const struct throttle_group *group); /* "origin https://a.example"; borrowed */
/* Fold one line; any line may be given. False: out of memory. */
bool group_look_line(struct throttle *throttle, const struct journal_line *line);
/* Those that wait now, the one that is tried first first; at most GROUP_LOOK_SHOWN are told, of how many. Each is told once, with the texts borrowed for the
 * call. RC_TEMP, RC_CORRUPT, RC_GONE as of job_row_read. */
typedef void group_look_told(void *context, const struct throttle_group *group);
enum rc group_look(const struct spool *spool, const char *job_id, int64_t now_us, group_look_told *told, void *context, size_t *count, struct err *err);

#endif
