// SPDX-License-Identifier: Apache-2.0
#include "cmd/cmd_jobs.h"

#include "spool/payload.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct look cmd_look(struct cmd *cmd) {
    return (struct look){.spool = cmd->spool, .index = cmd_index(cmd), .sources = cmd_sources(cmd) == EXIT_DONE ? cmd->sources : NULL};
}

enum rc cmd_job_journalled(struct cmd *cmd, const char *id, struct job_row *row, struct err *err) {
    const struct look look = cmd_look(cmd);
    return look_journalled(&look, id, row, err);
}

enum rc cmd_job_row(struct cmd *cmd, const struct jobs_entry *job, struct job_row *row, struct err *err) {
    const struct look look = cmd_look(cmd);
    return look_row(&look, job, row, err);
}

static bool same_file(const char *part, const char *file) {
    size_t length = strlen(part);
    return strcmp(part, file) == 0 || (strncmp(part, file, length) == 0 && strcmp(file + length, ".json") == 0);
}

static int several(struct cmd *cmd, const char *part, const struct jobs *jobs) {
    const size_t most = 20;
    size_t found = 0;
    cmd_say(cmd, "\"%s\" is part of several ids:", part);
    for (size_t i = 0; i < jobs->count; i++) {
        const struct jobs_entry *job = &jobs->list[i];
        char shown[512];
        if (!strstr(job->file ? job->file : job->id, part) || ++found > most)
            continue;
        fprintf(stderr, "  %s (%s)\n", cmd_shown(shown, sizeof shown, job->file ? job->file : job->id, false), place_name(job->place));
    }
    if (found > most)
        fprintf(stderr, "  ... and %zu more\n", found - most);
    return EXIT_USAGE;
}

static int take_found(struct cmd *cmd, const char *part, struct jobs *jobs, struct jobs_entry *out) {
    struct jobs_entry *only = NULL, *exact = NULL;
    size_t found = 0;
    for (size_t i = 0; *part && i < jobs->count; i++) {
        struct jobs_entry *job = &jobs->list[i];
        if (!strstr(job->file ? job->file : job->id, part))
            continue;
        only = job;
        found++;
        if (job->file && same_file(part, job->file))
            exact = exact ? exact : job;
    }
    if (found > 1 && !exact)
        return several(cmd, part, jobs);
    if (!found)
        return cmd_fail(cmd, EXIT_NOINPUT, "no job has \"%s\" in its id; `batchspool list` shows those that there are", part);
    only = exact ? exact : only;
    *out = *only;
    only->file = NULL;
    return EXIT_DONE;
}

int cmd_job_find(struct cmd *cmd, const char *part, struct jobs_entry *job) {
    struct err err = {0};
    uint32_t batch;
    *job = (struct jobs_entry){.place = PLACE_NONE};
    if (jobid_valid(part) || payload_marker_parse(part, job->id, &batch)) {
        if (!job->id[0])
            str_copy(job->id, sizeof job->id, part);
        job->place = jobs_place(cmd->spool, job->id);
        if (job->place != PLACE_NONE || jobs_has_journal(cmd->spool, job->id))
            return EXIT_DONE;
        *job = (struct jobs_entry){.place = PLACE_NONE};
    }
    struct jobs jobs;
    enum rc rc = jobs_scan(cmd->spool, &jobs, &err);
    if (rc)
        return cmd_fail_rc(cmd, rc, &err);
    int code = take_found(cmd, part, &jobs, job);
    jobs_release(&jobs);
    return code;
}

int cmd_job_run(struct cmd *cmd, int argc, char **argv, int (*run)(struct cmd *cmd, const struct jobs_entry *job)) {
    int code;
    if (!cmd_parse(cmd, &argc, &argv, NULL, &code))
        return code;
    if (argc != 1)
        return cmd_usage(cmd);
    struct jobs_entry job;
    if ((code = cmd_open(cmd)) != EXIT_DONE || (code = cmd_job_find(cmd, argv[0], &job)) != EXIT_DONE)
        return code;
    code = run(cmd, &job);
    free(job.file);
    return code;
}

int cmd_jobs_find(struct cmd *cmd, char **parts, int count, struct jobs *jobs) {
    *jobs = (struct jobs){NULL, 0, 0};
    jobs->list = calloc((size_t)count + 1, sizeof *jobs->list);
    if (!jobs->list)
        return cmd_fail(cmd, EXIT_IO, "out of memory");
    jobs->capacity = (size_t)count + 1;
    for (int i = 0; i < count; i++) {
        int code = cmd_job_find(cmd, parts[i], &jobs->list[jobs->count]);
        if (code)
            return code;
        jobs->count++;
    }
    return EXIT_DONE;
}

int64_t cmd_job_waits(struct cmd *cmd, const struct job_row *row, int64_t now_us, char reason[48]) {
    const struct look look = cmd_look(cmd);
    return look_waits(&look, row, now_us, reason);
}

struct job_progress cmd_job_progress(struct cmd *cmd, const struct job_row *row, int64_t now_us) {
    const struct look look = cmd_look(cmd);
    return look_progress(&look, row, now_us);
}

void cmd_job_progress_json(struct cmd *cmd, const struct job_row *row, cJSON *json) {
    const struct look look = cmd_look(cmd);
    look_progress_json(&look, row, json);
}

const char *cmd_bar(char *out, size_t width, uint64_t records, uint64_t goal) {
    const size_t full = goal == JOB_UNKNOWN || goal == 0 ? 0 : records >= goal ? width : (size_t)((double)records / (double)goal * (double)width);
    memset(out, '.', width + 2);
    memset(out + 1, '#', full);
    out[0] = '[';
    out[width + 1] = ']';
    out[width + 2] = '\0';
    return out;
}
