// SPDX-License-Identifier: Apache-2.0
#include "cmd/cmd_jobs.h"
#include "cmd/cmd_estimate.h"

#include "base/clock.h"
#include "engine/batches.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void print_time(const char *label, int64_t us) {
    char when[CLOCK_RFC3339_SIZE];
    if (!us)
        return;
    clock_format_rfc3339(us, 0, when);
    printf("%-10s %s\n", label, when);
}

static void print_field(const char *label, const char *text) {
    char shown[1000];
    if (*text)
        printf("%-10s %s\n", label, cmd_shown(shown, sizeof shown, text, false));
}

static void print_counts(const struct job_row *row) {
    char money[128];
    printf("%-10s %" PRIu64 " captured", "records", row->processed_records);
    if (row->total_records != JOB_UNKNOWN)
        printf(" of %" PRIu64, row->total_records);
    printf("; %" PRIu64 " loaded, %" PRIu64 " errors\n", row->success_count, row->error_count);
    if (row->unique_records != JOB_UNKNOWN && row->duplicate_records != JOB_UNKNOWN && row->missing_records != JOB_UNKNOWN)
        printf("%-10s %" PRIu64 " unique, %" PRIu64 " duplicates, %" PRIu64 " missing\n", "coverage", row->unique_records, row->duplicate_records,
               row->missing_records);
    printf("%-10s %" PRIu64 " captured, %" PRIu64 " loaded, %" PRIu64 " that could not be loaded, %" PRIu64 " in doubt\n", "batches", row->captured_batches,
           row->loaded_batches, row->failed_batches, row->unknown_batches);
    if (row->same_batches)
        printf("%-10s %" PRIu64 " batches have the bytes of an earlier payload, %" PRIu64 " of them of another page of this job\n", "same", row->same_batches,
               row->repeats);
    if (row->metered)
        printf("%-10s %s\n", "cost", cmd_money(money, row->cost, row->cost_in_doubt, row->currency));
}

static void print_progress(struct cmd *cmd, const struct job_row *row) {
    const int64_t now_us = clock_wall_us();
    const struct job_progress progress = cmd_job_progress(cmd, row, now_us);
    char rate[24], eta[24], reason[48];
    if (progress.rate_per_s >= 0)
        printf("%-10s %s records/s\n", "rate", look_rate(rate, &progress));
    if (progress.eta_us) {
        print_time("eta", progress.eta_us);
        printf("%-10s %s\n", "left", look_eta(eta, &progress, now_us));
    }
    const int64_t until_us = cmd_job_waits(cmd, row, now_us, reason);
    if (until_us) {
        print_field("waits for", reason);
        print_time("until", until_us);
    }
}

/* What was thought when it was accepted, and what it then took, with the time that it waited. */
static void print_estimate(const struct job_row *row, const struct batches *batches) {
    char text[CMD_ESTIMATE_TEXT];
    if (!*cmd_guess(text, &row->guess, row->currency))
        return;
    printf("%-10s %s\n", "estimate", text);
    if (row->place != PLACE_PROCESSED)
        return;
    const int64_t from_us = row->not_before_us > row->created_us ? row->not_before_us : row->created_us;
    struct job_guess took = {.requests = batches->requests,
                             .records = row->processed_records,
                             .ms = row->completed_us > from_us ? (uint64_t)(row->completed_us - from_us) / 1000 : 0,
                             .cost = row->cost,
                             .priced = row->metered};
    printf("%-10s %s", "took", cmd_guess(text, &took, row->currency));
    if (batches->cached)
        printf("; %" PRIu64 " answers from the cache", batches->cached);
    putchar('\n');
}

static void print_job(struct cmd *cmd, const struct job_row *row, enum place place, const struct batches *batches) {
    char reason[100];
    printf("%-10s %s\n", "id", row->id);
    printf("%-10s %s (%s%s)%s%s\n", "status", place_status(row->place), row->archived_us && place == PLACE_NONE ? "" : "jobs/",
           row->archived_us && place == PLACE_NONE ? "archived" : place_name(place), *row->reason ? ", " : "",
           cmd_shown(reason, sizeof reason, row->reason, false));
    print_field("error", row->error_details);
    print_field("source", row->source);
    print_field("campaign", row->campaign);
    print_field("name", row->name);
    print_field("by", row->created_by);
    print_field("mode", row->mode);
    printf("%-10s %s\n", "priority", priority_name(row->priority));
    printf("%-10s %s\n", "process", row->automatic ? "auto" : "manual");
    print_time("created", row->created_us);
    print_time("updated", row->updated_us);
    print_time("until", row->place == PLACE_DEFERRED ? row->until_us : 0);
    print_time("completed", row->completed_us);
    print_time("archived", row->archived_us);
    print_field("reuses", row->reuses);
    print_counts(row);
    print_progress(cmd, row);
    print_estimate(row, batches);
}

static void print_batches(const struct batches *batches) {
    bool first = true;
    for (size_t i = 0; i < batches->count; i++) {
        const struct batch *batch = &batches->list[i];
        const char *item = batch->file ? batch->file->item : batch->item ? batch->item : "";
        if (batch->state == BATCH_NONE)
            continue;
        if (first)
            printf("\nbatches\n");
        first = false;
        char error[500], shown[400];
        item = cmd_shown(shown, sizeof shown, item, false);
        if (batch->file)
            printf("  %04zu  %-14s  %6" PRIu64 " records  %9" PRIu64 " bytes  %s  %s%s%s%s%s%s%s\n", i + 1, batches_state(batch), batch->file->records,
                   batch->file->bytes, batch->file->sha256, batch->file->file_path, *item ? "  of " : "", item, batch->file->same_as[0] ? "  same as " : "",
                   batch->file->same_as, batch->file->archive[0] ? "  in " : "", batch->file->archive);
        else
            printf("  %04zu  %-14s  %s%s%s\n", i + 1, batches_state(batch), item, *item && batch->error[0] ? ": " : "",
                   cmd_shown(error, sizeof error, batch->error, false));
    }
}

static void print_events(const struct batches *batches) {
    if (!batches->event_count)
        return;
    size_t first = batches->event_count > BATCH_EVENTS ? batches->event_count - BATCH_EVENTS : 0;
    printf("\nevents%s\n", first ? " (the last ones)" : "");
    for (size_t i = first; i < batches->event_count; i++)
        printf("  %s\n", batches->events[i % BATCH_EVENTS]);
}

/* The document is written in one piece but for the events, which go from the journal to standard output as they are. */
static int print_document(struct cmd *cmd, const struct jobs_entry *job, const struct job_row *row, const struct batches *batches) {
    const struct look look = cmd_look(cmd);
    cJSON *json = batches_document(&look, job, row, batches);
    if (!json)
        return cmd_fail(cmd, EXIT_IO, "out of memory");
    char *text = cJSON_PrintUnformatted(json);
    cJSON_Delete(json);
    if (!text)
        return cmd_fail(cmd, EXIT_IO, "out of memory");
    text[strlen(text) - 1] = '\0';
    printf("%s,\"events\":[", text);
    cJSON_free(text);
    struct err err = {0};
    struct journal_reader *reader;
    enum rc rc = journal_reader_open(cmd->spool, job->id, 0, 0, NULL, &reader, &err);
    struct journal_line line;
    bool first = true;
    while (!rc && (rc = journal_reader_next(reader, &line, &err)) == RC_OK) {
        printf("%s%.*s", first ? "" : ",", (int)line.length, line.text);
        first = false;
    }
    if (rc == RC_GONE || rc == RC_CORRUPT)
        journal_reader_close(reader);
    puts("]}");
    return EXIT_DONE;
}

static int show_drop(struct cmd *cmd, const struct jobs_entry *job) {
    struct job_row row;
    struct err err = {0};
    char name[JOBID_SIZE + 8], file[512];
    enum rc rc = cmd_job_row(cmd, job, &row, &err);
    if (rc)
        return cmd_fail_rc(cmd, rc, &err);
    cmd_shown(file, sizeof file, jobs_file(job, name), false);
    if (cmd->json) {
        cJSON *json = job_row_json(&row);
        cJSON_DeleteItemFromObjectCaseSensitive(json, "place");
        cJSON_AddStringToObject(json, "place", place_name(job->place));
        cJSON_AddStringToObject(json, "file", file);
        if (!job->id[0])
            cJSON_ReplaceItemInObjectCaseSensitive(json, "job_id", cJSON_CreateNull());
        cJSON_AddArrayToObject(json, "files");
        cJSON_AddArrayToObject(json, "events");
        return cmd_print_json(cmd, json);
    }
    printf("%-10s %s\n%-10s %s (jobs/%s), not accepted yet\n", "file", file, "status", place_status(job->place), place_name(job->place));
    print_field("source", row.source);
    print_field("campaign", row.campaign);
    print_field("name", row.name);
    print_time("since", row.created_us);
    return EXIT_DONE;
}

static int show_job(struct cmd *cmd, const struct jobs_entry *job) {
    struct batches batches;
    struct err err = {0};
    struct job_row row;
    int code = EXIT_DONE;
    if (!jobs_has_journal(cmd->spool, job->id))
        return show_drop(cmd, job);
    enum rc rc = batches_read(cmd->spool, job->id, &batches, &err);
    if (rc == RC_CORRUPT)
        cmd_say(cmd, "%s (what came before it is shown)", err.text);
    else if (rc) {
        code = cmd_fail_rc(cmd, rc, &err);
        batches_release(&batches);
        return code;
    }
    /* With the place laid over it. */
    err = (struct err){0};
    rc = cmd_job_row(cmd, job, &row, &err);
    if (rc && rc != RC_CORRUPT)
        row = batches.row;
    if (cmd->json)
        code = print_document(cmd, job, &row, &batches);
    else {
        print_job(cmd, &row, job->place, &batches);
        print_batches(&batches);
        print_events(&batches);
    }
    batches_release(&batches);
    return code ? code : rc == RC_CORRUPT ? EXIT_DATA : EXIT_DONE;
}

int cmd_show(struct cmd *cmd, int argc, char **argv) {
    return cmd_job_run(cmd, argc, argv, show_job);
}
