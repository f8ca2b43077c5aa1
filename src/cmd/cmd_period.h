// SPDX-License-Identifier: Apache-2.0
#ifndef CMD_CMD_PERIOD_H
#define CMD_CMD_PERIOD_H

#include "base/period.h"
#include "cmd/cmd.h"
#include "spool/job.h"

/* What `audit`, `money` and `reconcile` share. */

/* Of --since and --until (each may be NULL: no end), as period_time has them. 0, or 64 after a message. */
int cmd_period_parse(struct cmd *cmd, const char *since, const char *until, struct period *period);

#endif
