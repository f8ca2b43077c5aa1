// SPDX-License-Identifier: Apache-2.0
#include "base/fault.h"
#include "base/log.h"
#include "cmd/cmd.h"
#include "engine/load.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static const struct cmd_row rows[] = {
    {"init", "", "Make a spool, or repair its directories", cmd_init},
    {"submit",
     "[--set MEMBER=VALUE]... [--wait] FILE... | - | (--document FILE)... --source NAME [--group NAME] | --urls FILE [--source NAME] | "
     "--sitemap URL [--labels] [--any-host] [--private-hosts] [--source NAME] | --failed JOB",
     "Check job files, drop them and print their ids", cmd_submit},
    {"preview", "FILE | -", "What a job would fetch and cost, without buying", cmd_preview},
    {"list", "[--status STATUS] [--source NAME] [--campaign ID] [--mode MODE] [--archived]", "What is where", cmd_list},
    {"show", "ID", "One job: its money, pages and timeline", cmd_show},
    {"why", "ID", "Why a job waits and how to go on", cmd_why},
    {"watch", "[ID]", "Progress as it happens", cmd_watch},
    {"process", "[--replay | --reload] [--dry-run] [ID...]", "Load pending payloads into the record store now", cmd_process},
    {"retry", "ID...", "Go on with the missing pages of a job", cmd_retry},
    {"cancel", "ID...", "Cancel a job; what was captured stays", cmd_cancel},
    {"hold", "ID...", "Let a job rest until it is released", cmd_hold},
    {"release", "[--accept-charge | --give-up [--batch N]] [--accept-duplicates] [--accept-coverage] ID...", "Let a held job go on", cmd_release},
    {"priority", "ID... low|normal|high|urgent", "Change the priority of a waiting or running job", cmd_priority},
    {"pause", "[--until TIME] [--reason TEXT]", "Begin nothing new until `resume`; what is paid for is kept", cmd_pause},
    {"resume", "", "Let the queue go on", cmd_resume},
    {"reload", "", "Have the daemon read configuration and sources again", cmd_reload},
    {"verify", "[--quick]", "Compare every checksum, marker, journal, directory and index row", cmd_verify},
    {"reindex", "", "Build the index and SHA256SUMS again from the spool", cmd_reindex},
    {"cleanup", "[--dry-run | --restore YYYY-MM]", "Archive payloads and remove jobs that are past their retention", cmd_cleanup},
    {"export", "[--format ndjson|csv] [--source NAME] [--campaign ID] [--job ID] [OPTION...]", "Print loaded records", cmd_export},
    {"results", "[--format FORMAT]... [--report REPORT] [--baseline ID] [--output DIR] ID", "Make reports and exports of a job as files", cmd_results},
    {"review",
     "[--confirm WHAT | --set WHAT=VALUE | --remove LIST/ROW | --add LIST={...} | --withdraw WHAT]... [--confirm-rest] [--document SHA256] "
     "[--unit UNIT] [--note TEXT] [--replace] [--done | --reopen] [--rows] ID",
     "Confirm or correct fields and rows of an analysis, and end its review", cmd_review},
    {"stats", "", "Counts by status, records, bytes, cost, throughput", cmd_stats},
    {"sources",
     "[list | test NAME [JOBFILE] | new URL | record JOB | replay NAME CASSETTE | try NAME FILE... | check [NAME...] | pause NAME | "
     "resume NAME | rate NAME RATE... | NAME] [OPTION...]",
     "List, test, draft, show or check source definitions; pause a source or change its rate", cmd_sources_command},
    {"stuck", "", "What does not get on by itself, and how to go on", cmd_stuck},
    {"requeue", "[--all-failed] [--stuck] [--files] [ID...]", "Put failed or stuck jobs, or payloads that could not be loaded, back", cmd_requeue},
    {"top", "", "Queues, running jobs, money and errors, live, with keys", cmd_top},
    {"check", "[--credentials DIR]", "Check configuration, sources, secrets and spool before a start", cmd_check},
    {"audit", "[--job ID] [--source NAME] [--campaign ID] [--by WHO] [--event EVENT]... [--since TIME] [--until TIME] [--all]", "Who did what", cmd_audit},
    {"money", "[--by source|campaign|day|job] [--source NAME] [--campaign ID] [--since TIME] [--until TIME]", "What was spent, is in doubt, and is left",
     cmd_money_command},
    {"reconcile", "[--source NAME]... [--columns MAP] [--since TIME] [--until TIME] [--differences] [OPTION...] INVOICE.csv | -",
     "Compare a provider's invoice with the journals, line by line", cmd_reconcile},
    {"schedules", "[list | next [--count N] | disk | check] [NAME...] | add FILE [--name NAME] | enable|disable|remove|run NAME...", "Recurring jobs",
     cmd_schedules},
    {"notices", "[list [--state STATE] | show ID | retry ID... | test TARGET]", "What people are told: what waits or failed, once more, a test", cmd_notices},
    {"user",
     "list | add NAME --role ROLE | passwd NAME | role NAME ROLE | disable|enable|remove NAME | key list [NAME] | key add NAME --scope SCOPE... [OPTION...] | "
     "key remove KEY",
     "Who may sign in at batchspool-httpd, and keys of machines", cmd_user},
};

#define ROW_COUNT (sizeof rows / sizeof rows[0])

static void print_commands(FILE *out) {
    fprintf(out, "usage: batchspool COMMAND [--spool DIR] [--config FILE] [--json] [ARGS]\n\n");
    for (size_t i = 0; i < ROW_COUNT; i++)
        fprintf(out, "  %-9s  %s\n", rows[i].name, rows[i].summary);
    fprintf(out, "  %-9s  %s\n\n`batchspool COMMAND --help` and batchspool(1) tell more.\n", "help", "This text, or that of a command");
}

static const struct cmd_row *find_row(const char *name) {
    for (size_t i = 0; i < ROW_COUNT; i++)
        if (strcmp(rows[i].name, name) == 0)
            return &rows[i];
    return NULL;
}

static int unknown(const char *name) {
    const char *names[ROW_COUNT];
    for (size_t i = 0; i < ROW_COUNT; i++)
        names[i] = rows[i].name;
    char shown[80];
    const char *near = str_nearest(name, names, ROW_COUNT);
    cmd_shown(shown, sizeof shown, name, false);
    if (near)
        fprintf(stderr, "batchspool: there is no command \"%s\" (did you mean \"%s\"?)\n", shown, near);
    else
        fprintf(stderr, "batchspool: there is no command \"%s\"; `batchspool help` lists them\n", shown);
    return EXIT_USAGE;
}

static int run(const struct cmd_row *row, int argc, char **argv) {
    struct cmd cmd = {.row = row};
    int code = row->run(&cmd, argc, argv);
    cmd_close(&cmd);
    if ((fflush(stdout) != 0 || ferror(stdout)) && !code) {
        fprintf(stderr, "batchspool %s: standard output: %s\n", row->name, strerror(errno));
        code = EXIT_IO;
    }
    return code;
}

static int help(int argc, char **argv) {
    const struct cmd_row *row = argc > 1 ? find_row(argv[1]) : NULL;
    if (argc > 1 && !row)
        return unknown(argv[1]);
    if (!row) {
        print_commands(stdout);
        return fflush(stdout) == 0 ? EXIT_DONE : EXIT_IO;
    }
    char option[] = "--help", *args[] = {argv[1], option, NULL};
    return run(row, 2, args);
}

int main(int argc, char **argv) {
    umask(007);
    fault_init();
    log_init(LOG_LEVEL_WARN, false);
    if (argc > 1 && strcmp(argv[1], "--load-worker") == 0)
        return load_worker_main(argc - 2, argv + 2);
    if (argc < 2) {
        print_commands(stderr);
        return EXIT_USAGE;
    }
    if (strcmp(argv[1], "help") == 0 || strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)
        return help(argc - 1, argv + 1);
    const struct cmd_row *row = find_row(argv[1]);
    return row ? run(row, argc - 1, argv + 1) : unknown(argv[1]);
}
