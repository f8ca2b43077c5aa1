// SPDX-License-Identifier: Apache-2.0
#include "engine/load.h"

#include "base/fault.h"
#include "spool/jobid.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>

struct arguments {
    const char *spool, *sources, *settings;
    struct load_options options;
};

cJSON *load_report_json(const struct load_report *report) {
    const struct {
        const char *name;
        uint64_t count;
    } counts[] = {
        {"files", report->files},       {"files_failed", report->files_failed}, {"files_busy", report->files_busy}, {"records", report->records},
        {"inserted", report->inserted}, {"updated", report->updated},           {"unchanged", report->unchanged},   {"errors", report->errors},
        {"time_ms", report->time_ms},
    };
    cJSON *json = cJSON_CreateObject();

    for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++)
        cJSON_AddNumberToObject(json, counts[i].name, (double)counts[i].count);
    if (report->first_error[0] != '\0')
        cJSON_AddStringToObject(json, "first_error", report->first_error);
    return json;
}

/* The sets of shelves that a program asks for, by their bits: argv only borrows text. */
static const struct {
    unsigned shelves;
    const char *text;
} shelf_sets[] = {
    {1u << SHELF_PENDING | 1u << SHELF_READY, "pending,ready"},
    {1u << SHELF_PENDING, "pending"},
    {1u << SHELF_READY, "ready"},
    {0, "none"},
};

void load_worker_args(const char *program, const char *spool_root, const char *sources_dir, const char *source_settings, const struct load_options *options,
                      const char **argv) {
    const unsigned known = 1u << SHELF_PENDING | 1u << SHELF_READY;
    size_t n = 0;

    argv[n++] = program;
    argv[n++] = "--load-worker";
    argv[n++] = "--spool";
    argv[n++] = spool_root;
    argv[n++] = "--sources";
    argv[n++] = sources_dir;
    argv[n++] = "--source-settings";
    argv[n++] = source_settings ? source_settings : "";
    argv[n++] = "--shelves";
    for (size_t i = 0; i < sizeof(shelf_sets) / sizeof(shelf_sets[0]); i++)
        if (shelf_sets[i].shelves == (options->shelves & known))
            argv[n++] = shelf_sets[i].text;
    if (options->reload)
        argv[n++] = "--reload";
    if (options->replay)
        argv[n++] = "--replay";
    if (options->dry_run)
        argv[n++] = "--dry-run";
    for (size_t i = 0; i < options->job_count; i++)
        argv[n++] = options->job_ids[i];
    argv[n] = NULL;
}

static bool read_shelves(const char *text, unsigned *shelves) {
    for (size_t i = 0; i < sizeof(shelf_sets) / sizeof(shelf_sets[0]); i++)
        if (strcmp(shelf_sets[i].text, text) == 0) {
            *shelves = shelf_sets[i].shelves;
            return true;
        }
    return false;
}

/* What load_worker_args made; anything else is no command line for people. */
static bool read_arguments(int argc, char **argv, struct arguments *arguments) {
    int i = 0;

    for (; i < argc && str_starts(argv[i], "--"); i++) {
        const char *value = i + 1 < argc ? argv[i + 1] : "";
        if (strcmp(argv[i], "--reload") == 0) {
            arguments->options.reload = true;
        } else if (strcmp(argv[i], "--replay") == 0) {
            arguments->options.replay = true;
        } else if (strcmp(argv[i], "--dry-run") == 0) {
            arguments->options.dry_run = true;
        } else {
            if (strcmp(argv[i], "--spool") == 0)
                arguments->spool = value;
            else if (strcmp(argv[i], "--sources") == 0)
                arguments->sources = value;
            else if (strcmp(argv[i], "--source-settings") == 0)
                arguments->settings = value;
            else if (strcmp(argv[i], "--shelves") != 0 || !read_shelves(value, &arguments->options.shelves))
                return false;
            i++;
        }
    }
    arguments->options.job_ids = (const char *const *)(argv + (i < argc ? i : argc));
    arguments->options.job_count = i < argc ? (size_t)(argc - i) : 0;
    for (; i < argc; i++)
        if (!jobid_valid(argv[i]))
            return false;
    return arguments->spool != NULL && arguments->sources != NULL;
}

static int print_report(const struct load_report *report) {
    cJSON *json = load_report_json(report);
    char *text = cJSON_PrintUnformatted(json);
    int printed = text == NULL ? -1 : printf("%s\n", text);

    free(text);
    cJSON_Delete(json);
    if (printed < 0 || fflush(stdout) != 0)
        return EX_IOERR;
    return report->files_failed > 0 ? EX_DATAERR : EX_OK;
}

int load_worker_main(int argc, char **argv) {
    struct arguments arguments = {0};
    struct load_report report;
    struct sources *sources = NULL;
    struct spool *spool = NULL;
    struct err err = {0};
    enum rc rc;
    int code = EX_IOERR;

    fault_init();
    (void)umask(007);
    if (!read_arguments(argc, argv, &arguments)) {
        (void)fprintf(stderr, "--load-worker: started by the programs themselves, with --spool DIR --sources DIR --shelves pending,ready [--reload] [--replay] "
                              "[--dry-run] [ID...]\n");
        return EX_USAGE;
    }
    rc = spool_open(arguments.spool, NULL, &spool, &err);
    if (rc == RC_OK)
        rc = sources_new(arguments.sources, arguments.settings, &sources, &err);
    if (rc == RC_OK)
        rc = load_run(spool, sources, &arguments.options, &report, &err);
    if (rc == RC_OK)
        code = print_report(&report);
    else
        (void)fprintf(stderr, "load: %s\n", err.text);
    sources_free(sources);
    if (spool != NULL)
        spool_close(spool);
    return code;
}
