// SPDX-License-Identifier: Apache-2.0
#ifndef CMD_CMD_DROP_H
#define CMD_CMD_DROP_H

#include "cmd/cmd_jobs.h"

/* Dropping a job that was checked, and asking the daemon something by one. */

/* "member=value", of --set: the value as JSON when it is some, else as text. RC_FATAL: it is none of that form. */
enum rc cmd_drop_set(cJSON *job, const char *setting, struct err *err);
/* Drop text under an id that is drawn for the label (a name, without directories). Returns 0, or the exit code after a message. */
int cmd_drop(struct cmd *cmd, const char *label, const struct buf *text, char id[JOBID_SIZE]);
/* The same with a job of mode preview or probe: wait for the daemon, and read what it wrote, with the job's id in it. *answer is owned by the caller. */
int cmd_drop_ask(struct cmd *cmd, const char *label, const struct buf *text, cJSON **answer);

#endif
