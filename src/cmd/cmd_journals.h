// SPDX-License-Identifier: Apache-2.0
#ifndef CMD_CMD_JOURNALS_H
#define CMD_CMD_JOURNALS_H

#include "base/period.h"
#include "cmd/cmd.h"
#include "spool/job.h"

/* What `audit`, `money` and `reconcile` share: all journals one after the other, whatever the index says, and a span of time. */

/* Of --since and --until (each may be NULL: no end), as period_time has them. 0, or 64 after a message. */
int cmd_period_parse(struct cmd *cmd, const char *since, const char *until, struct period *period);

struct cmd_journals {
    /* One journal; RC_GONE: it went away. Anything else but RC_OK ends the walk. */
    enum rc (*read)(void *context, const char *job_id, struct err *err);
    void *context;
};
/* Of the one job that `part` is a unique part of (NULL: of all). The order is that of the directory. 0, or the exit code after a message. */
int cmd_journals_each(struct cmd *cmd, const char *part, const struct cmd_journals *journals);

#endif
