// SPDX-License-Identifier: Apache-2.0
#include "cmd/cmd.h"
int cmd_top(struct cmd *cmd, int argc, char **argv) {
    (void)argc;
    (void)argv;
    return cmd_usage(cmd);
}
