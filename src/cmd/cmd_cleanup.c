// SPDX-License-Identifier: Apache-2.0
#include "cmd/cmd_drop.h"

#include "base/str.h"
#include "engine/retention.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static double number_of(const cJSON *json, const char *name) {
    const cJSON *value = cJSON_GetObjectItemCaseSensitive(json, name);
    return cJSON_IsNumber(value) ? value->valuedouble : 0;
}

static void print_month(const cJSON *month, bool dry_run) {
    const cJSON *archives = cJSON_GetObjectItemCaseSensitive(month, "archives"), *archive;
    const char *name = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(month, "month"));
    printf("%-10s %s%.0f payloads, %.0f bytes, of %.0f jobs\n", name ? name : "?", dry_run ? "would go: " : "", number_of(month, "files"),
           number_of(month, "bytes"), number_of(month, "jobs"));
    cJSON_ArrayForEach(archive, archives) {
        const char *file = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(archive, "file"));
        printf("%-10s %s, %.0f bytes\n", "", file ? file : "?", number_of(archive, "bytes"));
    }
}

static void print_report(const cJSON *report) {
    const bool dry_run = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(report, "dry_run"));
    const cJSON *months = cJSON_GetObjectItemCaseSensitive(report, "months"), *jobs = cJSON_GetObjectItemCaseSensitive(report, "jobs");
    const cJSON *kept = cJSON_GetObjectItemCaseSensitive(report, "kept"), *item;
    cJSON_ArrayForEach(item, months) {
        print_month(item, dry_run);
    }
    printf("%-10s", "jobs");
    cJSON_ArrayForEach(item, jobs) {
        printf(" %.0f %s", item->valuedouble, item->string);
    }
    printf("%s\n", dry_run ? " would go" : "");
    cJSON_ArrayForEach(item, cJSON_GetObjectItemCaseSensitive(report, "sources")) {
        const char *source = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(item, "source")),
                   *by = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(item, "by"));
        printf("%-10s %.0f of source %s: older than %.0f days (job_retention_days of the %s)\n", "", number_of(item, "jobs"), source ? source : "-",
               number_of(item, "days"), by ? by : "?");
    }
    item = cJSON_GetObjectItemCaseSensitive(report, "documents");
    if (number_of(item, "files") > 0)
        printf("%-10s %.0f, %.0f bytes%s\n", "documents", number_of(item, "files"), number_of(item, "bytes"), dry_run ? " would go" : "");
    cJSON_ArrayForEach(item, kept) {
        printf("%-10s %.0f jobs: %s\n", "kept", item->valuedouble, item->string);
    }
}

static int tell(struct cmd *cmd, cJSON *report) {
    if (cmd->json)
        return cmd_print_json(cmd, report);
    print_report(report);
    cJSON_Delete(report);
    return EXIT_DONE;
}

static int do_it(struct cmd *cmd, bool dry_run) {
    const struct retention_options options = {.limits = config_retention(&cmd->config), .dry_run = dry_run, .by = "command line"};
    struct err err = {0};
    cJSON *report = NULL;
    const int sources = cmd_sources(cmd);
    if (sources)
        return sources;
    enum rc rc = retention_run(cmd->spool, cmd->sources, &options, &report, &err);
    const int code = tell(cmd, report);
    return rc == RC_PERM ? cmd_fail(cmd, EXIT_NOPERM, "%s", err.text) : rc ? cmd_fail_rc(cmd, rc, &err) : code;
}

/* A daemon that runs does it, as its user, by what its own configuration says. */
static int ask(struct cmd *cmd) {
    struct buf text = BUF_INIT(100);
    cJSON *answer = NULL;
    buf_add_text(&text, "{\"mode\": \"cleanup\"}\n");
    int code = cmd_drop_ask(cmd, "cleanup", &text, &answer);
    buf_release(&text);
    return code ? code : tell(cmd, answer);
}

static int restore(struct cmd *cmd, const char *month) {
    struct err err = {0};
    uint64_t files;
    enum rc rc = retention_restore(cmd->spool, month, "command line", &files, &err);
    if (rc)
        return rc == RC_PERM ? cmd_fail(cmd, EXIT_DATA, "%s", err.text) : cmd_fail_rc(cmd, rc, &err);
    if (!cmd->json) {
        cmd_say(cmd, "%" PRIu64 " payloads of %s are back; `batchspool process --reload` loads them again", files, month);
        return EXIT_DONE;
    }
    cJSON *json = cJSON_CreateObject();
    cJSON_AddStringToObject(json, "month", month);
    cJSON_AddNumberToObject(json, "files", (double)files);
    return cmd_print_json(cmd, json);
}

int cmd_cleanup(struct cmd *cmd, int argc, char **argv) {
    bool dry_run = false;
    const char *month = NULL;
    const struct cmd_option table[] = {
        {"dry-run", CMD_FLAG, &dry_run, NULL, "tell what would go; change nothing"},
        {"restore", CMD_TEXT, &month, "YYYY-MM", "put the archived payloads of a month back, to be loaded again"},
        {.name = NULL},
    };
    int code;
    if (!cmd_parse(cmd, &argc, &argv, table, &code))
        return code;
    if (argc || (dry_run && month))
        return cmd_usage(cmd);
    if ((code = cmd_open(cmd)) != EXIT_DONE)
        return code;
    if (month)
        return restore(cmd, month);
    return !dry_run && spool_daemon_runs(cmd->spool) ? ask(cmd) : do_it(cmd, dry_run);
}
