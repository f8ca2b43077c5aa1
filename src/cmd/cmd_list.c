// SPDX-License-Identifier: Apache-2.0
#include "cmd/cmd_jobs.h"
#include "cmd/cmd_pause.h"

#include "base/clock.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

struct filter {
    const char *status, *source, *campaign, *mode;
    enum place place; /* of status */
    bool archived;    /* too */
};

/* By the word of DESIGN 7 or by the directory's name. */
static enum place place_of(const char *text) {
    for (int place = PLACE_PENDING; place < PLACE_COUNT; place++)
        if (strcasecmp(text, place_status((enum place)place)) == 0 || strcasecmp(text, place_name((enum place)place)) == 0)
            return (enum place)place;
    return PLACE_NONE;
}

static bool wanted(const struct filter *filter, const struct job_row *row) {
    return (!row->archived_us || filter->archived) && (!filter->status || row->place == filter->place) &&
           (!filter->source || strcmp(filter->source, row->source) == 0) && (!filter->campaign || strcmp(filter->campaign, row->campaign) == 0) &&
           strcmp(filter->mode ? filter->mode : "run", row->mode) == 0;
}

static const char *records_of(char out[64], const struct job_row *row) {
    if (row->total_records == JOB_UNKNOWN)
        snprintf(out, 64, "%" PRIu64 "/?", row->processed_records);
    else
        snprintf(out, 64, "%" PRIu64 "/%" PRIu64, row->processed_records, row->total_records);
    return out;
}

static void print_line(struct cmd *cmd, const struct jobs_entry *job, const struct job_row *row, int id_width, int64_t now_us) {
    char id[400], reason[100], records[64], money[128], age[24], source[100], waits[48], rate[24], eta[24];
    const struct job_progress progress = cmd_job_progress(cmd, row, now_us);
    cmd_job_waits(cmd, row, now_us, waits);
    printf("%-*s  %-10s  %-16s  %-8s  %13s  %-20s  %-16s  %5s", id_width, cmd_shown(id, sizeof id, job->file ? job->file : job->id, true),
           place_status(row->place), cmd_shown(reason, sizeof reason, *waits ? waits : row->reason, true), priority_name(row->priority),
           records_of(records, row), row->metered ? cmd_money(money, row->cost, row->cost_in_doubt, row->currency) : "-",
           cmd_shown(source, sizeof source, row->source, true), cmd_span(age, now_us - row->created_us));
    if (row->place == PLACE_PROCESSING)
        printf("  %8s/s  %5s", look_rate(rate, &progress), look_eta(eta, &progress, now_us));
    if (row->failed_units)
        printf("  %" PRIu64 " failed", row->failed_units);
    if (row->same_batches)
        printf("  %" PRIu64 " same", row->same_batches);
    putchar('\n');
}

static int print_object(struct cmd *cmd, const struct jobs_entry *job, const struct job_row *row) {
    cJSON *json = job_row_json(row);
    if (json) {
        cmd_job_progress_json(cmd, row, json);
        if (!job->id[0])
            cJSON_ReplaceItemInObjectCaseSensitive(json, "job_id", cJSON_CreateNull());
        cJSON_DeleteItemFromObjectCaseSensitive(json, "place");
        cJSON_AddStringToObject(json, "place", place_name(job->place));
        if (job->file) {
            char file[512];
            cJSON_AddStringToObject(json, "file", cmd_shown(file, sizeof file, job->file, false));
        }
    }
    return cmd_print_json(cmd, json);
}

static int list_jobs(struct cmd *cmd, const struct filter *filter, const struct jobs *jobs) {
    const int64_t now_us = clock_wall_us();
    int width = 0, code = EXIT_DONE;
    for (size_t i = 0; i < jobs->count; i++) {
        int length = (int)strlen(jobs->list[i].file ? jobs->list[i].file : jobs->list[i].id);
        width = length > width ? length : width;
    }
    if (!cmd->json && isatty(STDOUT_FILENO) && jobs->count)
        printf("%-*s  %-10s  %-16s  %-8s  %13s  %-20s  %-16s  %5s  %10s  %5s\n", width, "ID", "STATUS", "REASON", "PRIORITY", "RECORDS", "COST", "SOURCE",
               "AGE", "RATE", "ETA");
    for (size_t i = 0; i < jobs->count && !code; i++) {
        const struct jobs_entry *job = &jobs->list[i];
        struct job_row row;
        struct err err = {0};
        if (filter->status && job->place != PLACE_NONE && job->place != filter->place)
            continue;
        enum rc rc = cmd_job_row(cmd, job, &row, &err);
        if (rc == RC_GONE)
            continue;
        if (rc && rc != RC_CORRUPT)
            return cmd_fail_rc(cmd, rc, &err);
        if (!wanted(filter, &row))
            continue;
        pauses_reason(cmd->spool, &row);
        if (cmd->json)
            code = print_object(cmd, job, &row);
        else
            print_line(cmd, job, &row, width, now_us);
    }
    return code;
}

int cmd_list(struct cmd *cmd, int argc, char **argv) {
    struct filter filter = {.place = PLACE_NONE};
    const struct cmd_option options[] = {
        {"status", CMD_TEXT, &filter.status, "STATUS", "only PENDING, PROCESSING, COMPLETED, FAILED, DEFERRED, HELD or CANCELLED"},
        {"source", CMD_TEXT, &filter.source, "NAME", "only jobs of this source"},
        {"campaign", CMD_TEXT, &filter.campaign, "ID", "only jobs of this campaign"},
        {"archived", CMD_FLAG, &filter.archived, NULL, "also jobs that cleanup has taken away"},
        {"mode", CMD_TEXT, &filter.mode, "MODE", "jobs of this mode in place of `run`: preview, probe, results, cleanup, source"},
        {.name = NULL},
    };
    int code;
    if (!cmd_parse(cmd, &argc, &argv, options, &code))
        return code;
    if (argc)
        return cmd_usage(cmd);
    if (filter.status && (filter.place = place_of(filter.status)) == PLACE_NONE)
        return cmd_fail(cmd, EXIT_USAGE, "--status %s: must be PENDING, PROCESSING, COMPLETED, FAILED, DEFERRED, HELD or CANCELLED", filter.status);
    if ((code = cmd_open(cmd)) != EXIT_DONE)
        return code;
    struct jobs jobs;
    struct err err = {0};
    enum rc rc = jobs_scan(cmd->spool, &jobs, &err);
    if (rc)
        return cmd_fail_rc(cmd, rc, &err);
    code = list_jobs(cmd, &filter, &jobs);
    jobs_release(&jobs);
    return code;
}
