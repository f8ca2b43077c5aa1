// SPDX-License-Identifier: Apache-2.0
#include "cmd/cmd_jobs.h"
#include "engine/act.h"

int cmd_priority(struct cmd *cmd, int argc, char **argv) {
    int code;
    enum priority priority;
    if (!cmd_parse(cmd, &argc, &argv, NULL, &code))
        return code;
    if (argc < 2)
        return cmd_usage(cmd);
    const char *level = argv[argc - 1];
    if (!priority_parse(level, &priority))
        return cmd_fail(cmd, EXIT_USAGE, "\"%s\": the priority must be low, normal, high or urgent", level);
    if ((code = cmd_open(cmd)) != EXIT_DONE)
        return code;
    struct jobs jobs;
    code = cmd_jobs_find(cmd, argv, argc - 1, &jobs);
    if (!code)
        for (size_t i = 0; i < jobs.count; i++) {
            struct err err = {0};
            enum rc rc = act_priority(cmd->spool, &jobs.list[i], priority, "command line", &err);
            int one = rc ? cmd_fail_rc(cmd, rc, &err) : EXIT_DONE;
            code = code ? code : one;
        }
    jobs_release(&jobs);
    return code;
}
