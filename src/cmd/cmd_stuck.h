// SPDX-License-Identifier: Apache-2.0
#ifndef CMD_CMD_STUCK_H
#define CMD_CMD_STUCK_H

#include "cmd/cmd.h"
#include "engine/stuck.h"

/* stuck_find with the thresholds of the configuration. 0, or the exit code after a message. */
int cmd_stuck_find(struct cmd *cmd, stuck_found *found, void *context);

#endif
