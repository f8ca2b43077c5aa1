// SPDX-License-Identifier: Apache-2.0
#include "cmd/cmd_jobs.h"
#include "engine/why.h"

#include <stdio.h>

static int explain(struct cmd *cmd, const struct jobs_entry *job) {
    const struct look look = cmd_look(cmd);
    const struct why why = {.look = &look, .max_concurrent_jobs = cmd->config.max_concurrent_jobs, .stuck_after_s = cmd->config.stuck_after_s};
    struct job_row row;
    struct buf out = BUF_INIT(WHY_BYTES);
    struct err err = {0};
    int code = EXIT_DONE;
    enum rc rc = why_tell(&why, job, &row, &out, &err);
    char file[JOBID_SIZE + 8], shown[512];
    if (rc)
        code = cmd_fail_rc(cmd, rc, &err);
    else if (cmd->json)
        code = cmd_print_json(cmd, why_json(job, &row, &out));
    else
        printf("%s: %s (jobs/%s)\n%s", cmd_shown(shown, sizeof shown, jobs_file(job, file), false), place_status(row.place), place_name(job->place),
               buf_text(&out));
    buf_release(&out);
    return code;
}

int cmd_why(struct cmd *cmd, int argc, char **argv) {
    return cmd_job_run(cmd, argc, argv, explain);
}
