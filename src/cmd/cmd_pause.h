// SPDX-License-Identifier: Apache-2.0
#ifndef CMD_CMD_PAUSE_H
#define CMD_CMD_PAUSE_H

#include "cmd/cmd_sources.h"
#include "spool/job.h"

/* Pauses of the queue and of sources, and changed limits: commands, and what the looking ones show of them. */

/* The reason "paused" for a job that waits or runs without another one while its source or the queue is paused. */
void cmd_pause_reason(struct cmd *cmd, struct job_row *row);
/* The sentence for it, of what pauses the source (NULL: the queue alone); nothing when nothing does. */
void cmd_pause_tell(struct cmd *cmd, const char *source, struct buf *out);
/* A list of what is paused or changed, one object a file of paused/: file, source, by, since, until, reason, rates, concurrency. */
cJSON *cmd_pause_list(struct cmd *cmd);
/* The same as lines; nothing when there is nothing. */
void cmd_pause_print(struct cmd *cmd);
/* What it says of one source into an object: paused (the sentence) and limits (text), where they apply. */
void cmd_pause_of_source(struct cmd *cmd, const char *source, cJSON *json);

int sources_pause(struct cmd *cmd, const struct sources_options *options, int argc, char **argv);
int sources_resume(struct cmd *cmd, const struct sources_options *options, int argc, char **argv);
int sources_set_rate(struct cmd *cmd, const struct sources_options *options, int argc, char **argv);

#endif
