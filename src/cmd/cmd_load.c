// SPDX-License-Identifier: Apache-2.0
#include "cmd/cmd_jobs.h"

#include "base/json.h"
#include "base/limits.h"
#include "engine/export.h"
#include "engine/load.h"
#include "os/child.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define REPORT_MAX 65536

static double number_of(const cJSON *json, const char *name) {
    const cJSON *value = cJSON_GetObjectItemCaseSensitive(json, name);
    return cJSON_IsNumber(value) ? value->valuedouble : 0;
}

/* Payloads of these jobs (none: of all) that a reload cannot reach. */
static double archived_files(struct cmd *cmd, const struct load_options *options) {
    struct jobs jobs = {.count = 0};
    struct err ignored = {0};
    double files = 0;
    if (!options->reload || (!options->job_count && jobs_scan(cmd->spool, &jobs, &ignored)))
        return 0;
    for (size_t i = 0; i < (options->job_count ? options->job_count : jobs.count); i++) {
        struct job_row row;
        const char *id = options->job_count ? options->job_ids[i] : jobs.list[i].id;
        if (*id && index_job_now(cmd_index(cmd), cmd->spool, id, &row, &ignored) == RC_OK)
            files += (double)row.archived_batches;
    }
    jobs_release(&jobs);
    return files;
}

static void print_report(struct cmd *cmd, const cJSON *json) {
    static const char *const names[] = {"files", "records", "inserted", "updated", "unchanged", "errors"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        printf("%-10s %.0f\n", names[i], number_of(json, names[i]));
    printf("%-10s %.3f s\n", "time", number_of(json, "time_ms") / 1000.0);
    if (number_of(json, "files_busy") > 0)
        cmd_say(cmd, "%.0f files are being loaded by another process", number_of(json, "files_busy"));
    if (number_of(json, "files_archived") > 0)
        cmd_say(cmd, "%.0f files are archived and were not loaded again: `batchspool cleanup --restore YYYY-MM` brings those of a month back",
                number_of(json, "files_archived"));
    if (number_of(json, "files_failed") > 0) {
        const cJSON *error = cJSON_GetObjectItemCaseSensitive(json, "first_error");
        cmd_say(cmd, "%.0f files could not be loaded and lie in payloads/failed: %s", number_of(json, "files_failed"),
                cJSON_IsString(error) ? error->valuestring : "");
    }
}

/* The report is the last line that the worker wrote. */
static int take_report(struct cmd *cmd, const struct load_options *options, const struct buf *output) {
    const char *text = buf_text(output);
    size_t length = strcspn(text, "\n");
    struct err err = {0};
    if (json_check(text, length, &json_rules_config, &err) != RC_OK)
        return cmd_fail(cmd, EXIT_IO, "the worker gave no report");
    cJSON *json = cJSON_ParseWithLength(text, length);
    if (options->reload)
        cJSON_AddNumberToObject(json, "files_archived", archived_files(cmd, options));
    if (cmd->json)
        return cmd_print_json(cmd, json);
    print_report(cmd, json);
    cJSON_Delete(json);
    return EXIT_DONE;
}

static int run_worker(struct cmd *cmd, const struct load_options *options) {
    char program[PATH_MAX];
    ssize_t length = readlink("/proc/self/exe", program, sizeof program - 1);
    if (length <= 0)
        return cmd_fail(cmd, EXIT_IO, "/proc/self/exe: %s", strerror(errno));
    program[length] = '\0';
    const char **argv = calloc(16 + options->job_count, sizeof *argv);
    if (!argv)
        return cmd_fail(cmd, EXIT_IO, "out of memory");
    load_worker_args(program, cmd->spool->root, cmd->config.sources, cmd->config.source_settings, options, argv);
    struct buf output = BUF_INIT(REPORT_MAX);
    struct err err = {0};
    int status = 0, code;
    enum rc rc = child_run(argv, NULL, &output, &status, &err);
    free(argv);
    if (rc)
        code = cmd_fail_rc(cmd, rc, &err);
    else if (!WIFEXITED(status))
        code = cmd_fail(cmd, EXIT_IO, "the worker was ended by signal %d (%s); what it had not finished stays to be loaded", WTERMSIG(status),
                        strsignal(WTERMSIG(status)));
    else {
        int exited = WEXITSTATUS(status);
        code = exited == EXIT_DONE || exited == EXIT_DATA ? take_report(cmd, options, &output) : exited;
        code = code ? code : exited;
    }
    buf_release(&output);
    return code;
}

int cmd_process(struct cmd *cmd, int argc, char **argv) {
    struct load_options options = {.shelves = 1u << SHELF_PENDING | 1u << SHELF_READY};
    const struct cmd_option table[] = {
        {"replay", CMD_FLAG, &options.replay, NULL, "only the records that could not be loaded, with the source definition of today"},
        {"reload", CMD_FLAG, &options.reload, NULL, "load what was loaded again, from the raw payloads"},
        {"dry-run", CMD_FLAG, &options.dry_run, NULL, "scan and count; write and move nothing"},
        {.name = NULL},
    };
    int code;
    if (!cmd_parse(cmd, &argc, &argv, table, &code))
        return code;
    if (options.replay && options.reload)
        return cmd_usage(cmd);
    if ((code = cmd_open(cmd)) != EXIT_DONE)
        return code;
    struct jobs jobs;
    code = cmd_jobs_find(cmd, argv, argc, &jobs);
    const char **ids = code ? NULL : calloc(jobs.count + 1, sizeof *ids);
    for (size_t i = 0; ids && !code && i < jobs.count; i++) {
        if (!jobs.list[i].id[0])
            code = cmd_fail(cmd, EXIT_DATA, "%s: it was never accepted and has captured nothing", jobs.list[i].file);
        ids[i] = jobs.list[i].id;
    }
    if (!code && !ids)
        code = cmd_fail(cmd, EXIT_IO, "out of memory");
    options.job_ids = ids;
    options.job_count = code ? 0 : jobs.count;
    if (!code)
        code = run_worker(cmd, &options);
    free(ids);
    jobs_release(&jobs);
    return code;
}

static int run_export(struct cmd *cmd, struct export_options *options, const char *columns) {
    struct buf text = BUF_INIT(LIMIT_JOB_FILE_BYTES);
    struct err err = {0};
    enum rc rc = columns ? cmd_read(columns, &text, &err) : RC_OK;
    if (columns) {
        options->columns_text = buf_text(&text);
        options->columns_length = text.length;
    }
    uint64_t rows = 0;
    char cursor[EXPORT_CURSOR_SIZE] = "";
    options->cursor = cursor;
    if (!rc)
        rc = export_run(cmd->spool, cmd->sources, options, stdout, &rows, &err);
    buf_release(&text);
    options->cursor = NULL;
    if (!rc && cursor[0])
        cmd_say(cmd, "next cursor %s", cursor);
    return rc ? cmd_fail_rc(cmd, rc, &err) : EXIT_DONE;
}

int cmd_export(struct cmd *cmd, int argc, char **argv) {
    struct export_options options = {.csv = false};
    const char *format = "ndjson", *columns = NULL, *part = NULL, *limit = NULL;
    const struct cmd_option table[] = {
        {"format", CMD_TEXT, &format, "ndjson|csv", "ndjson: a line is the record's exact text; csv: a row a record"},
        {"source", CMD_TEXT, &options.source, "NAME", "only records of this source"},
        {"campaign", CMD_TEXT, &options.campaign, "ID", "only records of this campaign"},
        {"job", CMD_TEXT, &part, "ID", "the records of this job, in its order and as it captured them"},
        {"children", CMD_TEXT, &options.children, "NAME", "the children of this name, a row each"},
        {"columns", CMD_TEXT, &columns, "FILE", "csv: which members, in which order, under which names"},
        {"not-in", CMD_TEXT, &options.not_in, "CAMPAIGN", "leave out what this campaign has"},
        {"since", CMD_TEXT, &options.since, "CURSOR", "what loading has brought or changed since that export; 0: since ever; tells the next cursor"},
        {"limit", CMD_TEXT, &limit, "N", "with --since: at most so many records"},
        {"with-origin", CMD_FLAG, &options.with_origin, NULL, "source, job, batch, captured_at and cost beside each row"},
        {.name = NULL},
    };
    int code;
    if (!cmd_parse(cmd, &argc, &argv, table, &code))
        return code;
    options.csv = strcmp(format, "csv") == 0;
    if (argc || (!options.csv && strcmp(format, "ndjson") != 0) || (columns && !options.csv) || (part && options.since) ||
        (limit && (!options.since || !str_to_u64(limit, 1, UINT64_MAX - 1, &options.limit))))
        return cmd_usage(cmd);
    if ((code = cmd_open(cmd)) != EXIT_DONE || (code = cmd_sources(cmd)) != EXIT_DONE)
        return code;
    struct jobs_entry job = {.file = NULL};
    if (part && (code = cmd_job_find(cmd, part, &job)) != EXIT_DONE)
        return code;
    if (job.file)
        code = cmd_fail(cmd, EXIT_NOINPUT, "%s: it was never accepted and has no records", job.file);
    options.job = part ? job.id : NULL;
    if (!code)
        code = run_export(cmd, &options, columns);
    free(job.file);
    return code;
}
