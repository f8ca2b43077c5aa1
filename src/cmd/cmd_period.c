// SPDX-License-Identifier: Apache-2.0
#include "cmd/cmd_period.h"

int cmd_period_parse(struct cmd *cmd, const char *since, const char *until, struct period *period) {
    period_init(period);
    if (since && !period_time(since, false, &period->since_us))
        return cmd_fail(cmd, EXIT_USAGE, "--since %s: " PERIOD_HOW, since);
    if (until && !period_time(until, true, &period->until_us))
        return cmd_fail(cmd, EXIT_USAGE, "--until %s: " PERIOD_HOW, until);
    if (period->since_us >= period->until_us)
        return cmd_fail(cmd, EXIT_USAGE, "--since must be before --until");
    return EXIT_DONE;
}
