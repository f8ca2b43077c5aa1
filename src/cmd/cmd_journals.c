// SPDX-License-Identifier: Apache-2.0
#include "cmd/cmd_journals.h"

#include "cmd/cmd_jobs.h"

#include <stdlib.h>
#include <string.h>

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

int cmd_journals_each(struct cmd *cmd, const char *part, const struct cmd_journals *journals) {
    struct err err = {0};
    if (!part) {
        enum rc rc = jobs_journals(cmd->spool, journals->read, journals->context, &err);
        return rc ? cmd_fail_rc(cmd, rc, &err) : EXIT_DONE;
    }
    struct jobs_entry job;
    int code = cmd_job_find(cmd, part, &job);
    if (code)
        return code;
    enum rc rc = job.id[0] ? journals->read(journals->context, job.id, &err) : RC_GONE;
    if (rc == RC_GONE)
        code = cmd_fail(cmd, EXIT_NOINPUT, "%s has no journal", job.file ? job.file : job.id);
    else if (rc)
        code = cmd_fail_rc(cmd, rc, &err);
    free(job.file);
    return code;
}
