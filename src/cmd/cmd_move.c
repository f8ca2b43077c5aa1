// SPDX-License-Identifier: Apache-2.0
#include "cmd/cmd_batches.h"

#include "base/clock.h"
#include "base/limits.h"
#include "os/fsio.h"
#include "spool/move.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The renames that `mv` makes, with a check first. */

#define BY "command line"
#define LOOKS 8 /* a job that moves meanwhile is followed so often */

struct verb {
    const char *event, *reason;
    enum place to;
};

static const struct verb retry = {"requeued", "retry", PLACE_PENDING};
static const struct verb release = {"requeued", "release", PLACE_PENDING};
static const struct verb cancel = {"cancelled", "asked", PLACE_CANCELLED};
static const struct verb requeue = {"requeued", "requeue", PLACE_PENDING};
static const struct verb hold = {"held", "asked", PLACE_HOLD};

static enum rc move_drop(struct cmd *cmd, const struct cmd_job *job, enum place to, struct err *err) {
    char name[JOBID_SIZE + 8];
    const char *file = cmd_job_file(job, name);
    enum rc rc = fsio_rename_new(cmd->spool->place_fd[job->place], file, cmd->spool->place_fd[to], file, err);
    if (!rc)
        rc = fsio_sync_dir(cmd->spool->place_fd[to], ".", err);
    if (!rc)
        rc = fsio_sync_dir(cmd->spool->place_fd[job->place], ".", err);
    return rc;
}

/* The note that will lie beside the job. */
static void format_why(struct cmd *cmd, const struct cmd_job *job, const struct verb *verb, char *out, size_t size) {
    struct job_row row;
    struct err ignored = {0};
    if (cmd_job_row(cmd, job, &row, &ignored) != RC_OK)
        return;
    row.place = verb->to;
    row.placed_us = clock_wall_us();
    row.until_us = 0;
    str_copy(row.reason, sizeof row.reason, verb->reason);
    row.error_details[0] = '\0';
    job_why_format(&row, out, size);
}

static enum rc move_accepted(struct cmd *cmd, const struct cmd_job *job, const struct verb *verb, struct err *err) {
    char why[1500] = "";
    if (verb->to == PLACE_HOLD)
        format_why(cmd, job, verb, why, sizeof why);
    cJSON *members = cJSON_CreateObject();
    if (!members)
        return err_set(err, RC_TEMP, "out of memory");
    cJSON_AddStringToObject(members, "reason", verb->reason);
    if (verb->to == PLACE_PENDING) {
        cJSON_AddStringToObject(members, "from", place_name(job->place));
        cJSON_AddStringToObject(members, "to", place_name(verb->to));
    }
    const struct move move = {
        .job_id = job->id, .from = job->place, .to = verb->to, .event = verb->event, .by = BY, .members = members, .why = *why ? why : NULL};
    enum rc rc = move_job(cmd->spool, &move, err);
    cJSON_Delete(members);
    return rc;
}

static int move_one(struct cmd *cmd, struct cmd_job *job, const struct verb *verb) {
    char name[JOBID_SIZE + 8];
    struct err err = {0};
    enum rc rc = RC_GONE;
    errno = 0;
    for (int look = 0; look < LOOKS && rc == RC_GONE; look++) {
        if (look && job->id[0])
            job->place = cmd_job_place(cmd->spool, job->id);
        if (job->place == PLACE_NONE)
            rc = err_set(&err, RC_GONE, "%s: its file is in no directory; the daemon will make it again in hold/", job->id);
        else if ((rc = move_legal(job->place, verb->to, &err)) != RC_OK)
            rc = err_prefix(&err, rc, "%s", cmd_job_file(job, name));
        else if (cmd_job_has_journal(cmd->spool, job->id))
            rc = move_accepted(cmd, job, verb, &err);
        else
            rc = move_drop(cmd, job, verb->to, &err);
    }
    return rc ? cmd_fail_rc(cmd, rc, &err) : EXIT_DONE;
}

static int in_doubt(struct cmd *cmd, const struct job_row *row) {
    char money[DEC_TEXT_SIZE];
    dec_format(row->cost_in_doubt, money);
    return cmd_fail(cmd, EXIT_LATER,
                    "%s: it is not known whether %llu of its requests were charged (up to %s %s). Ask the provider, then `batchspool release %s "
                    "--accept-charge` to buy these pages "
                    "once more, or `--give-up` to go on without them",
                    row->id, (unsigned long long)row->unknown_batches, money, row->currency, row->id);
}

/* 0, or the exit code after a message: money in doubt is decided by `release` alone. */
static int check_in_doubt(struct cmd *cmd, const struct cmd_job *job, const struct verb *verb) {
    struct job_row row;
    struct err err = {0};
    if (verb->to != PLACE_PENDING || job->place != PLACE_HOLD || !cmd_job_has_journal(cmd->spool, job->id))
        return EXIT_DONE;
    enum rc rc = cmd_job_row(cmd, job, &row, &err);
    if (rc)
        return cmd_fail_rc(cmd, rc, &err);
    return row.unknown_batches ? in_doubt(cmd, &row) : EXIT_DONE;
}

int cmd_move_requeue(struct cmd *cmd, struct cmd_job *job) {
    int code = check_in_doubt(cmd, job, &requeue);
    return code ? code : move_one(cmd, job, &requeue);
}

static int worst(int a, int b) {
    return a ? a : b;
}

static int move_all(struct cmd *cmd, char **parts, int count, const struct verb *verb) {
    struct cmd_jobs jobs;
    int code = cmd_jobs_find(cmd, parts, count, &jobs);
    if (!code)
        for (size_t i = 0; i < jobs.count; i++) {
            int one = check_in_doubt(cmd, &jobs.list[i], verb);
            code = worst(code, one ? one : move_one(cmd, &jobs.list[i], verb));
        }
    cmd_jobs_release(&jobs);
    return code;
}

static int run_verb(struct cmd *cmd, int argc, char **argv, const struct verb *verb) {
    int code;
    if (!cmd_parse(cmd, &argc, &argv, NULL, &code))
        return code;
    if (argc < 1)
        return cmd_usage(cmd);
    if ((code = cmd_open(cmd)) != EXIT_DONE)
        return code;
    return move_all(cmd, argv, argc, verb);
}

int cmd_retry(struct cmd *cmd, int argc, char **argv) {
    return run_verb(cmd, argc, argv, &retry);
}

int cmd_cancel(struct cmd *cmd, int argc, char **argv) {
    return run_verb(cmd, argc, argv, &cancel);
}

int cmd_hold(struct cmd *cmd, int argc, char **argv) {
    return run_verb(cmd, argc, argv, &hold);
}

struct decision {
    const char *name; /* of the event; NULL: a bare release */
    uint64_t batch;   /* 0: every undecided one */
};

static enum rc write_decision(struct cmd *cmd, const char *id, const struct decision *decision, struct err *err) {
    cJSON *members = cJSON_CreateObject();
    if (!members)
        return err_set(err, RC_TEMP, "out of memory");
    cJSON_AddStringToObject(members, "decision", decision->name);
    if (decision->batch)
        cJSON_AddNumberToObject(members, "batch", (double)decision->batch);
    enum rc rc = journal_put(cmd->spool, id, "released", BY, members, err);
    cJSON_Delete(members);
    return rc;
}

static bool is_money(const struct decision *decision) {
    return strcmp(decision->name, "accept_charge") == 0 || strcmp(decision->name, "give_up") == 0;
}

/* Whether there is something to decide in that way. */
static int check_decision(struct cmd *cmd, const struct cmd_job *job, const struct batches *batches, const struct decision *decision) {
    const struct job_row *row = &batches->row;
    if (strcmp(decision->name, "accept_duplicates") == 0)
        return strcmp(row->reason, "duplicates") == 0 ? EXIT_DONE : cmd_fail(cmd, EXIT_DATA, "%s: it is not held for duplicates", job->id);
    if (strcmp(decision->name, "accept_coverage") == 0)
        return strcmp(row->reason, "coverage") == 0 || strcmp(row->reason, "depth_limit") == 0
                   ? EXIT_DONE
                   : cmd_fail(cmd, EXIT_DATA, "%s: it neither failed for its coverage nor is held for its depth_limit", job->id);
    if (strcmp(decision->name, "buy_all") == 0)
        return strcmp(row->reason, "no_ids") == 0 || strcmp(row->reason, "listing") == 0
                   ? EXIT_DONE
                   : cmd_fail(cmd, EXIT_DATA, "%s: it is not held because what is owned cannot be told", job->id);
    if (!row->unknown_batches)
        return cmd_fail(cmd, EXIT_DATA, "%s: no charge of it is in doubt", job->id);
    if (decision->batch && (decision->batch > batches->count || batches->list[decision->batch - 1].state != BATCH_IN_DOUBT))
        return cmd_fail(cmd, EXIT_DATA, "%s: the charge of batch %llu is not in doubt", job->id, (unsigned long long)decision->batch);
    return EXIT_DONE;
}

/* Journal the decision. *left: charges that are in doubt after it. */
static int decide(struct cmd *cmd, const struct cmd_job *job, const struct decision *decision, uint64_t *left) {
    struct err err = {0};
    struct batches batches;
    *left = 0;
    if (!cmd_job_has_journal(cmd->spool, job->id))
        return cmd_fail(cmd, EXIT_DATA, "%s: it was never accepted, so there is nothing to decide", job->file ? job->file : job->id);
    enum rc rc = cmd_batches_read(cmd->spool, job->id, &batches, &err);
    int code = rc ? cmd_fail_rc(cmd, rc, &err) : check_decision(cmd, job, &batches, decision);
    if (!code) {
        if ((rc = move_legal(job->place, PLACE_PENDING, &err)) == RC_OK)
            rc = write_decision(cmd, job->id, decision, &err);
        code = rc ? cmd_fail_rc(cmd, rc, &err) : EXIT_DONE;
    }
    if (is_money(decision) && decision->batch && batches.row.unknown_batches)
        *left = batches.row.unknown_batches - 1;
    cmd_batches_release(&batches);
    return code;
}

static int release_one(struct cmd *cmd, struct cmd_job *job, const struct decision *decision) {
    uint64_t left = 0;
    int code = EXIT_DONE;
    if (job->place == PLACE_PENDING || job->place == PLACE_PROCESSING)
        return cmd_fail(cmd, EXIT_DATA, "%s: it lies in jobs/%s and needs no release", job->file ? job->file : job->id, place_name(job->place));
    errno = 0;
    if (decision->name)
        code = decide(cmd, job, decision, &left);
    if (!code && left) {
        cmd_say(cmd, "%s: decided; the charge of %llu more of its batches is in doubt, so it stays in jobs/%s", job->id, (unsigned long long)left,
                place_name(job->place));
        return EXIT_DONE;
    }
    if (!code)
        code = check_in_doubt(cmd, job, &release);
    return code ? code : move_one(cmd, job, &release);
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
    struct decision decision = {NULL, 0};
    if (!cmd_parse(cmd, &argc, &argv, options, &code))
        return code;
    if (argc < 1 || charge + give_up + duplicates + coverage + all > 1 || (batch && !charge && !give_up))
        return cmd_usage(cmd);
    if (batch && !str_to_u64(batch, 1, LIMIT_BATCHES, &decision.batch))
        return cmd_fail(cmd, EXIT_USAGE, "--batch %s: must be the number of a batch", batch);
    decision.name = charge ? "accept_charge" : give_up ? "give_up" : duplicates ? "accept_duplicates" : coverage ? "accept_coverage" : all ? "buy_all" : NULL;
    if ((code = cmd_open(cmd)) != EXIT_DONE)
        return code;
    struct cmd_jobs jobs;
    code = cmd_jobs_find(cmd, argv, argc, &jobs);
    if (!code)
        for (size_t i = 0; i < jobs.count; i++)
            code = worst(code, release_one(cmd, &jobs.list[i], &decision));
    cmd_jobs_release(&jobs);
    return code;
}
