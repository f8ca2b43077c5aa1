// SPDX-License-Identifier: Apache-2.0
#include "cmd/cmd_jobs.h"

#include "base/limits.h"
#include "engine/act.h"

#define BY "command line"

static int move_one(struct cmd *cmd, struct jobs_entry *job, const struct act *act) {
    struct err err = {0};
    uint64_t left;
    enum rc rc = act_move(cmd->spool, job, act, &left, &err);
    if (rc)
        return cmd_fail_rc(cmd, rc, &err);
    if (left)
        cmd_say(cmd, "%s: decided; the charge of %llu more of its batches is in doubt, so it stays in jobs/%s", job->id, (unsigned long long)left,
                place_name(job->place));
    return EXIT_DONE;
}

static int move_all(struct cmd *cmd, char **parts, int count, const struct act *act) {
    struct jobs jobs;
    int code = cmd_open(cmd);
    if (code)
        return code;
    code = cmd_jobs_find(cmd, parts, count, &jobs);
    if (!code)
        for (size_t i = 0; i < jobs.count; i++) {
            int one = move_one(cmd, &jobs.list[i], act);
            code = code ? code : one;
        }
    jobs_release(&jobs);
    return code;
}

static int run_verb(struct cmd *cmd, int argc, char **argv, enum act_verb verb) {
    const struct act act = {.verb = verb, .by = BY};
    int code;
    if (!cmd_parse(cmd, &argc, &argv, NULL, &code))
        return code;
    return argc < 1 ? cmd_usage(cmd) : move_all(cmd, argv, argc, &act);
}

int cmd_retry(struct cmd *cmd, int argc, char **argv) {
    return run_verb(cmd, argc, argv, ACT_RETRY);
}

int cmd_cancel(struct cmd *cmd, int argc, char **argv) {
    return run_verb(cmd, argc, argv, ACT_CANCEL);
}

int cmd_hold(struct cmd *cmd, int argc, char **argv) {
    return run_verb(cmd, argc, argv, ACT_HOLD);
}

int cmd_release(struct cmd *cmd, int argc, char **argv) {
    bool charge = false, give_up = false, duplicates = false, coverage = false, all = false;
    const char *batch = NULL;
    const struct cmd_option options[] = {
        {"accept-charge", CMD_FLAG, &charge, NULL, "buy the pages whose charge is in doubt once more"},
        {"give-up", CMD_FLAG, &give_up, NULL, "go on without the pages whose charge is in doubt; their cost is counted"},
        {"batch", CMD_TEXT, &batch, "N", "decide about this batch alone"},
        {"accept-duplicates", CMD_FLAG, &duplicates, NULL, "go on although records were bought twice"},
        {"accept-coverage", CMD_FLAG, &coverage, NULL, "complete it although records are missing"},
        {"buy-all", CMD_FLAG, &all, NULL, "buy the whole search although owned records cannot be left out"},
        {.name = NULL},
    };
    int code;
    struct act act = {.verb = ACT_RELEASE, .by = BY};
    if (!cmd_parse(cmd, &argc, &argv, options, &code))
        return code;
    if (argc < 1 || charge + give_up + duplicates + coverage + all > 1 || (batch && !charge && !give_up))
        return cmd_usage(cmd);
    if (batch && !str_to_u64(batch, 1, LIMIT_BATCHES, &act.batch))
        return cmd_fail(cmd, EXIT_USAGE, "--batch %s: must be the number of a batch", batch);
    act.decision = charge       ? ACT_ACCEPT_CHARGE
                   : give_up    ? ACT_GIVE_UP
                   : duplicates ? ACT_ACCEPT_DUPLICATES
                   : coverage   ? ACT_ACCEPT_COVERAGE
                   : all        ? ACT_BUY_ALL
                                : ACT_NO_DECISION;
    return move_all(cmd, argv, argc, &act);
}
