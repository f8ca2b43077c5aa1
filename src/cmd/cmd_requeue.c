// SPDX-License-Identifier: Apache-2.0
#include "cmd/cmd_jobs.h"
#include "cmd/cmd_stuck.h"

#include "engine/act.h"
#include "os/dirscan.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Jobs back into pending/, payloads that could not be loaded back to be loaded; each is told. */

struct item {
    struct jobs_entry job;
    uint32_t batch; /* 0: the job itself */
    enum shelf shelf;
};

struct work {
    struct cmd *cmd;
    struct item *list;
    size_t count, capacity;
    bool out_of_memory;
};

static void add(struct work *work, const char *id, enum place place, uint32_t batch, enum shelf shelf) {
    if (work->count == work->capacity) {
        size_t capacity = work->capacity ? work->capacity * 2 : 64;
        struct item *list = realloc(work->list, capacity * sizeof *list);
        if (!list) {
            work->out_of_memory = true;
            return;
        }
        work->list = list;
        work->capacity = capacity;
    }
    struct item *item = &work->list[work->count++];
    *item = (struct item){.job = {.place = place}, .batch = batch, .shelf = shelf};
    str_copy(item->job.id, sizeof item->job.id, id);
}

/* --- what is to be put back ------------------------------------------------------------------------------------------ */

/* What a person has to decide, or a daemon only to be started for, is not put back. */
static void add_stuck(void *context, const struct stuck *s) {
    struct work *work = context;
    switch (s->kind) {
    case STUCK_SILENT:
    case STUCK_NO_DAEMON:
        add(work, s->job_id, PLACE_PROCESSING, 0, SHELF_NONE);
        return;
    case STUCK_OVERDUE:
        add(work, s->job_id, PLACE_DEFERRED, 0, SHELF_NONE);
        return;
    case STUCK_FILE_ABANDONED:
        add(work, s->job_id, PLACE_NONE, s->batch, SHELF_PROCESSING);
        return;
    case STUCK_SOURCE_PAUSED:
    case STUCK_DROP:
    case STUCK_WAITING:
    case STUCK_HELD:
    case STUCK_FILE_FAILED:
    case STUCK_FILE_WAITING:
        return;
    }
}

/* Markers in payloads/failed; id NULL: of every job. */
static enum rc add_failed_files(struct work *work, const char *id, struct err *err) {
    struct dirscan *scan;
    const char *name;
    unsigned char type;
    char of[JOBID_SIZE];
    uint32_t batch;
    enum rc rc = dirscan_open(work->cmd->spool->shelf_fd[SHELF_FAILED], ".", &scan, err);
    if (rc)
        return rc;
    while ((rc = dirscan_next(scan, &name, &type, err)) == RC_OK)
        if (type == DT_LNK && payload_marker_parse(name, of, &batch) && (!id || strcmp(id, of) == 0))
            add(work, of, PLACE_NONE, batch, SHELF_FAILED);
    dirscan_close(scan);
    return rc == RC_GONE ? RC_OK : rc;
}

/* A drop that was refused is to be mended, not tried again. */
static enum rc add_failed_jobs(struct work *work, struct err *err) {
    struct jobs jobs;
    enum rc rc = jobs_scan(work->cmd->spool, &jobs, err);
    for (size_t i = 0; !rc && i < jobs.count; i++) {
        struct job_row row;
        struct err ignored = {0};
        if (jobs.list[i].place != PLACE_FAILED || cmd_job_row(work->cmd, &jobs.list[i], &row, &ignored) != RC_OK)
            continue;
        if (row.accepted)
            add(work, row.id, PLACE_FAILED, 0, SHELF_NONE);
        else
            cmd_say(work->cmd, "%s: stays: it was never accepted (%s); mend the file, then move it to jobs/pending/", row.id, row.reason);
    }
    jobs_release(&jobs);
    return rc;
}

static int add_named(struct work *work, char **parts, int count, bool files) {
    struct jobs jobs;
    struct err err = {0};
    enum rc rc = RC_OK;
    int code = cmd_jobs_find(work->cmd, parts, count, &jobs);
    for (size_t i = 0; !code && !rc && i < jobs.count; i++) {
        const size_t before = work->count;
        if (!jobs.list[i].id[0])
            code = cmd_fail(work->cmd, EXIT_DATA, "%s: it was never accepted; move it to jobs/pending/", jobs.list[i].file);
        else if (!files)
            add(work, jobs.list[i].id, jobs.list[i].place, 0, SHELF_NONE);
        else if ((rc = add_failed_files(work, jobs.list[i].id, &err)) == RC_OK && work->count == before)
            code = cmd_fail(work->cmd, EXIT_NOINPUT, "%s: none of its payloads lies in payloads/failed", jobs.list[i].id);
    }
    jobs_release(&jobs);
    return rc ? cmd_fail_rc(work->cmd, rc, &err) : code;
}

/* --- putting it back ------------------------------------------------------------------------------------------------- */

static int tell(struct cmd *cmd, const struct item *item, const char *from, const char *to, int code) {
    char file[PAYLOAD_PATH_SIZE];
    payload_marker_name(item->job.id, item->batch, file);
    if (cmd->json) {
        cJSON *json = cJSON_CreateObject();
        cJSON_AddStringToObject(json, "job_id", item->job.id);
        if (item->batch)
            cJSON_AddNumberToObject(json, "batch_number", item->batch);
        cJSON_AddStringToObject(json, "from", from);
        cJSON_AddStringToObject(json, "to", to);
        cJSON_AddBoolToObject(json, "done", code == EXIT_DONE);
        cmd_print_json(cmd, json);
    } else if (!code)
        printf("%s: %s -> %s\n", item->batch ? file : item->job.id, from, to);
    return code;
}

static int put_back_file(struct cmd *cmd, const struct item *item) {
    struct job_row row;
    struct err err = {0};
    char from[32], to[32];
    errno = 0;
    enum rc rc = cmd_job_journalled(cmd, item->job.id, &row, &err);
    const enum shelf shelf = !rc && row.automatic ? SHELF_READY : SHELF_PENDING;
    if (!rc)
        rc = payload_reshelve(cmd->spool, item->job.id, item->batch, item->shelf, shelf, "command line", &err);
    str_format(from, sizeof from, "payloads/%s", shelf_name(item->shelf));
    str_format(to, sizeof to, "payloads/%s", shelf_name(shelf));
    return tell(cmd, item, from, to, rc ? cmd_fail_rc(cmd, rc, &err) : EXIT_DONE);
}

struct telling {
    struct cmd *cmd;
    const char *job_id;
    int code;
};

/* A payload that went back before its job. */
static void tell_reshelved(void *context, uint32_t batch, enum shelf to, enum rc rc, const struct err *err) {
    struct telling *telling = context;
    struct item item = {.batch = batch};
    char path[32];
    str_copy(item.job.id, sizeof item.job.id, telling->job_id);
    str_format(path, sizeof path, "payloads/%s", shelf_name(to));
    telling->code = rc ? cmd_fail_rc(telling->cmd, rc, err) : EXIT_DONE;
    tell(telling->cmd, &item, "payloads/failed", path, telling->code);
}

static int put_back(struct cmd *cmd, struct item *item) {
    struct telling telling = {.cmd = cmd, .job_id = item->job.id};
    const struct act act = {.verb = ACT_REQUEUE, .by = "command line", .reshelved = tell_reshelved, .context = &telling};
    char from[32];
    struct err err = {0};
    if (item->batch)
        return put_back_file(cmd, item);
    str_format(from, sizeof from, "jobs/%s", place_name(item->job.place));
    enum rc rc = act_move(cmd->spool, &item->job, &act, NULL, &err);
    return tell(cmd, item, from, "jobs/pending", telling.code ? telling.code : rc ? cmd_fail_rc(cmd, rc, &err) : EXIT_DONE);
}

static int collect(struct work *work, char **parts, int count, bool all_failed, bool stuck, bool files) {
    struct err err = {0};
    int code = count ? add_named(work, parts, count, files) : EXIT_DONE;
    if (!code && stuck)
        code = cmd_stuck_find(work->cmd, add_stuck, work);
    enum rc rc = !code && all_failed ? add_failed_jobs(work, &err) : RC_OK;
    if (!code && !rc && files && !count)
        rc = add_failed_files(work, NULL, &err);
    if (work->out_of_memory)
        rc = err_set(&err, RC_TEMP, "out of memory");
    return rc ? cmd_fail_rc(work->cmd, rc, &err) : code;
}

int cmd_requeue(struct cmd *cmd, int argc, char **argv) {
    bool all_failed = false, stuck = false, files = false;
    const struct cmd_option options[] = {
        {"all-failed", CMD_FLAG, &all_failed, NULL, "every job that failed"},
        {"stuck", CMD_FLAG, &stuck, NULL, "running jobs that are silent or without a daemon, overdue ones, and payloads whose loader has gone"},
        {"files", CMD_FLAG, &files, NULL, "payloads that could not be loaded: those of the jobs named, or all"},
        {.name = NULL},
    };
    int code;
    if (!cmd_parse(cmd, &argc, &argv, options, &code))
        return code;
    if (!argc && !all_failed && !stuck && !files)
        return cmd_usage(cmd);
    if ((code = cmd_open(cmd)) != EXIT_DONE)
        return code;
    struct work work = {.cmd = cmd};
    code = collect(&work, argv, argc, all_failed, stuck, files);
    if (!code)
        for (size_t i = 0; i < work.count; i++) {
            int one = put_back(cmd, &work.list[i]);
            code = code ? code : one;
        }
    free(work.list);
    return code;
}
