// SPDX-License-Identifier: Apache-2.0
#ifndef CMD_CMD_PAUSE_H
#define CMD_CMD_PAUSE_H

#include "cmd/cmd_sources.h"
#include "engine/pauses.h"

/* Pauses of the queue and of sources, and changed limits: commands. */

/* pauses_list as lines; nothing when there is nothing. */
void cmd_pause_print(struct cmd *cmd);
int sources_pause(struct cmd *cmd, const struct sources_options *options, int argc, char **argv);
int sources_resume(struct cmd *cmd, const struct sources_options *options, int argc, char **argv);
int sources_set_rate(struct cmd *cmd, const struct sources_options *options, int argc, char **argv);

#endif
