// SPDX-License-Identifier: Apache-2.0
#include "cmd/cmd_jobs.h"
#include "engine/schedule_disk.h"
#include "engine/schedule_files.h"

#include <errno.h>
#include <inttypes.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* `schedules`: looking at the files of schedules/, and putting them there. The daemon sees what changed by itself; nothing here asks it. */

#define COUNT_MOST 1000u

struct schedules_options {
    const char *name, *count;
    uint64_t runs; /* of --count */
};

/* --- which there are -------------------------------------------------------------------------------------------------- */

static int no_such(struct cmd *cmd, const char *name) {
    struct schedule_names names = {0};
    struct err err = {0};
    const char *near = NULL, **list = NULL;
    if (schedule_files_names(cmd->spool, &names, &err) == RC_OK && names.count && (list = calloc(names.count, sizeof *list))) {
        for (size_t i = 0; i < names.count; i++)
            list[i] = names.list[i];
        near = str_nearest(name, list, names.count);
    }
    if (near)
        cmd_say(cmd, "there is no schedule \"%.80s\" in %s/schedules (did you mean \"%s\"?)", name, cmd->spool->root, near);
    else
        cmd_say(cmd, "there is no schedule \"%.80s\" in %s/schedules", name, cmd->spool->root);
    free(list);
    schedule_files_names_release(&names);
    return EXIT_NOINPUT;
}

/* --- list, next, check ------------------------------------------------------------------------------------------------ */

static void list_line(struct cmd *cmd, const struct schedule_seen *seen) {
    const struct schedule *s = &seen->file.schedule;
    char next[CLOCK_RFC3339_SIZE + 8] = "-", last[CLOCK_RFC3339_SIZE] = "-", when[300], job[JOBID_SIZE + 24] = "-";
    if (seen->next_s != RECURRENCE_NONE)
        schedule_files_local(next, s->zone, seen->next_s);
    if (seen->state.due_s != RECURRENCE_NONE)
        schedule_files_utc(last, seen->state.due_s);
    if (seen->state.job_id[0])
        str_format(job, sizeof job, "%s %s", seen->state.job_id, schedule_files_status(cmd->spool, seen->state.job_id));
    printf("%-24s  %-5s  %-20s  %-20s  %-25s  %-20s  %s\n", seen->name, schedule_files_state(seen),
           seen->rc ? "-" : cmd_shown(when, sizeof when, s->when, true), seen->rc ? "-" : s->zone, next, last, job);
    if (seen->state.missed)
        printf("%-24s  %" PRIu64 " missed, the last of %s\n", "", seen->state.missed, schedule_files_utc(last, seen->state.missed_until_s));
    if (seen->rc)
        printf("%-24s  %s\n", "", seen->err.text);
}

static int list_one(struct cmd *cmd, const struct schedules_options *options, const struct schedule_seen *seen) {
    (void)options;
    if (cmd->json)
        return cmd_print_json(cmd, schedule_files_json(cmd->spool, seen));
    list_line(cmd, seen);
    return EXIT_DONE;
}

static int next_one(struct cmd *cmd, const struct schedules_options *options, const struct schedule_seen *seen) {
    const struct schedule *s = &seen->file.schedule;
    char there_text[CLOCK_RFC3339_SIZE + 8], text[CLOCK_RFC3339_SIZE];
    int64_t at_s = seen->next_s;
    int code = EXIT_DONE;
    if (seen->rc && !seen->off)
        return cmd_fail(cmd, EXIT_DATA, "%s", seen->err.text);
    bool more = at_s != RECURRENCE_NONE;
    for (uint64_t i = 0; i < options->runs && more && !code; i++) {
        schedule_files_local(there_text, s->zone, at_s);
        schedule_files_utc(text, at_s);
        if (cmd->json) {
            cJSON *json = cJSON_CreateObject();
            cJSON_AddStringToObject(json, "schedule", seen->name);
            cJSON_AddStringToObject(json, "due", text);
            cJSON_AddStringToObject(json, "local", there_text);
            cJSON_AddStringToObject(json, "timezone", s->zone);
            code = cmd_print_json(cmd, json);
        } else
            printf("%-24s  %-25s  %-20s  %s\n", seen->name, there_text, text, s->zone);
        more = schedule_next(s, at_s, &at_s);
    }
    return code;
}

static int check_one(struct cmd *cmd, const struct schedules_options *options, const struct schedule_seen *seen) {
    (void)options;
    if (cmd->json) {
        cJSON *json = cJSON_CreateObject();
        cJSON_AddStringToObject(json, "schedule", seen->name);
        cJSON_AddBoolToObject(json, "ok", !seen->rc);
        cJSON_AddStringToObject(json, "text", seen->rc ? seen->err.text : seen->file.schedule.times);
        cmd_print_json(cmd, json);
    } else
        printf("%-5s  %-24s  %s\n", seen->rc ? "wrong" : "ok", seen->name, seen->rc ? seen->err.text : seen->file.schedule.times);
    return seen->rc ? EXIT_DATA : EXIT_DONE;
}

static cJSON *disk_json(const struct schedule_seen *seen, const struct schedule_disk *disk, enum rc rc) {
    cJSON *json = cJSON_CreateObject();
    cJSON_AddStringToObject(json, "schedule", seen->name);
    cJSON_AddNumberToObject(json, "runs", (double)disk->runs);
    cJSON_AddBoolToObject(json, "more_runs", disk->runs_cut);
    if (!rc) {
        cJSON_AddStringToObject(json, "job_id", disk->job_id);
        cJSON_AddNumberToObject(json, "page_bytes", (double)disk->page_bytes);
        cJSON_AddNumberToObject(json, "pages", (double)disk->run_pages);
        cJSON_AddNumberToObject(json, "run_bytes", (double)disk->page_bytes * (double)disk->run_pages);
        cJSON_AddNumberToObject(json, "bytes", (double)disk->bytes);
    }
    return json;
}

static int disk_one(struct cmd *cmd, const struct schedules_options *options, const struct schedule_seen *seen) {
    struct schedule_disk disk;
    struct err err = {0};
    (void)options;
    if (seen->rc)
        return cmd_fail(cmd, EXIT_DATA, "%s", seen->err.text);
    const enum rc rc =
        schedule_disk(cmd->spool, cmd_index(cmd), cmd->sources, seen, cmd->config.payload_retention_months, clock_wall_us() / 1000000, &disk, &err);
    if (rc && rc != RC_GONE)
        return cmd_fail_rc(cmd, rc, &err);
    if (cmd->json)
        return cmd_print_json(cmd, disk_json(seen, &disk, rc));
    if (rc)
        printf("%-24s  %s\n", seen->name, err.text);
    else
        printf("%-24s  %.1f MB for %s%" PRIu64 " runs that are kept at a time: %" PRIu64 " answers of %.1f kB each, as in %s\n", seen->name,
               (double)disk.bytes / 1e6, disk.runs_cut ? "more than " : "", disk.runs, disk.run_pages, (double)disk.page_bytes / 1e3, disk.job_id);
    return EXIT_DONE;
}

typedef int each_seen(struct cmd *cmd, const struct schedules_options *options, const struct schedule_seen *seen);

/* fn for each that is named, or for all. The first code that is not 0 is told, after all were seen. */
static int each(struct cmd *cmd, const struct schedules_options *options, int argc, char **argv, each_seen *fn) {
    struct schedule_names names = {0};
    struct err err = {0};
    int code = EXIT_DONE, one;
    enum rc rc = argc ? RC_OK : schedule_files_names(cmd->spool, &names, &err);
    if (rc)
        code = cmd_fail_rc(cmd, rc, &err);
    for (size_t i = 0; !rc && i < (argc ? (size_t)argc : names.count); i++) {
        struct schedule_seen seen;
        const char *name = argc ? argv[i] : names.list[i];
        rc = schedule_files_see(cmd->spool, cmd->sources, name, &seen);
        one = rc == RC_GONE ? argc ? no_such(cmd, name) : EXIT_DONE : fn(cmd, options, &seen);
        code = code ? code : one;
        schedule_file_release(&seen.file);
        rc = RC_OK;
    }
    schedule_files_names_release(&names);
    return code;
}

static int list(struct cmd *cmd, const struct schedules_options *options, int argc, char **argv) {
    if (!cmd->json && isatty(STDOUT_FILENO))
        printf("%-24s  %-5s  %-20s  %-20s  %-25s  %-20s  %s\n", "SCHEDULE", "STATE", "WHEN", "ZONE", "NEXT", "LAST", "JOB");
    return each(cmd, options, argc, argv, list_one);
}

static int next(struct cmd *cmd, const struct schedules_options *options, int argc, char **argv) {
    return each(cmd, options, argc, argv, next_one);
}

static int disk(struct cmd *cmd, const struct schedules_options *options, int argc, char **argv) {
    return each(cmd, options, argc, argv, disk_one);
}

static int check(struct cmd *cmd, const struct schedules_options *options, int argc, char **argv) {
    return each(cmd, options, argc, argv, check_one);
}

/* --- add, enable, disable, remove ------------------------------------------------------------------------------------- */

static int add_checked(struct cmd *cmd, const char *shown, const char *name, const struct buf *given, struct schedule_file *file) {
    struct err err = {0};
    int64_t next_s;
    char text[CLOCK_RFC3339_SIZE + 8] = "";
    enum rc rc = schedule_files_add(cmd->spool, cmd->sources, name, shown, buf_text(given), given->length, file, &err);
    if (rc == RC_PERM && errno == EEXIST)
        return cmd_fail(cmd, EXIT_CANTCREATE, "schedules/%s.json is there already: edit it, remove it first, or give another --name", name);
    if (rc)
        return cmd_fail_rc(cmd, rc, &err);
    if (schedule_next(&file->schedule, clock_wall_us() / 1000000, &next_s))
        schedule_files_local(text, file->schedule.zone, next_s);
    if (!cmd->json) {
        puts(name);
        return EXIT_DONE;
    }
    cJSON *json = cJSON_CreateObject();
    cJSON_AddStringToObject(json, "schedule", name);
    if (*text)
        cJSON_AddStringToObject(json, "next_local", text);
    else
        cJSON_AddNullToObject(json, "next_local");
    return cmd_print_json(cmd, json);
}

static int add(struct cmd *cmd, const struct schedules_options *options, int argc, char **argv) {
    if (argc != 1)
        return cmd_usage(cmd);
    const char *shown = strcmp(argv[0], "-") == 0 ? "standard input" : argv[0], *slash = strrchr(argv[0], '/');
    char name[LIMIT_NAME_BYTES + 8] = "";
    struct schedule_file file = {.text = BUF_INIT(0)};
    struct buf text = BUF_INIT(LIMIT_JOB_FILE_BYTES);
    struct err err = {0};
    str_copy(name, sizeof name, options->name ? options->name : slash ? slash + 1 : argv[0]);
    if (str_ends(name, ".json"))
        name[strlen(name) - 5] = '\0';
    if (!str_is_name(name) || strcmp(name, "-") == 0)
        return cmd_fail(cmd, EXIT_USAGE, "\"%.80s\" is no name of a schedule (1 to 64 of A-Z a-z 0-9 _ -): give one with --name", name);
    errno = 0;
    enum rc rc = cmd_read(argv[0], &text, &err);
    int code = rc ? cmd_fail_rc(cmd, rc, &err) : add_checked(cmd, shown, name, &text, &file);
    schedule_file_release(&file);
    buf_release(&text);
    return code;
}

static enum rc enable_one(struct cmd *cmd, const char *name, struct err *err) {
    return schedule_files_enable(cmd->spool, cmd->sources, name, true, err);
}

static enum rc disable_one(struct cmd *cmd, const char *name, struct err *err) {
    return schedule_files_enable(cmd->spool, cmd->sources, name, false, err);
}

static enum rc remove_one(struct cmd *cmd, const char *name, struct err *err) {
    return schedule_files_remove(cmd->spool, name, err);
}

static int each_name(struct cmd *cmd, int argc, char **argv, enum rc (*fn)(struct cmd *cmd, const char *name, struct err *err)) {
    int code = EXIT_DONE;
    if (!argc)
        return cmd_usage(cmd);
    for (int i = 0; i < argc; i++) {
        struct err err = {0};
        enum rc rc = str_is_name(argv[i]) ? fn(cmd, argv[i], &err) : RC_GONE;
        int one = rc == RC_GONE ? no_such(cmd, argv[i]) : rc ? cmd_fail_rc(cmd, rc, &err) : EXIT_DONE;
        code = code ? code : one;
    }
    return code;
}

static int enable(struct cmd *cmd, const struct schedules_options *options, int argc, char **argv) {
    (void)options;
    return each_name(cmd, argc, argv, enable_one);
}

static int disable(struct cmd *cmd, const struct schedules_options *options, int argc, char **argv) {
    (void)options;
    return each_name(cmd, argc, argv, disable_one);
}

static int remove_all(struct cmd *cmd, const struct schedules_options *options, int argc, char **argv) {
    (void)options;
    return each_name(cmd, argc, argv, remove_one);
}

/* --- run -------------------------------------------------------------------------------------------------------------- */

static int run_one(struct cmd *cmd, const struct schedules_options *options, const struct schedule_seen *seen) {
    const struct passwd *owner = getpwuid(seen->file.st.st_uid);
    char id[JOBID_SIZE];
    struct err err = {0};
    (void)options;
    enum rc rc = schedule_files_run(cmd->spool, seen, owner && strlen(owner->pw_name) <= 64 ? owner->pw_name : NULL, id, &err);
    if (rc)
        return cmd_fail_rc(cmd, rc, &err);
    if (!cmd->json) {
        puts(id);
        return EXIT_DONE;
    }
    cJSON *json = cJSON_CreateObject();
    cJSON_AddStringToObject(json, "schedule", seen->name);
    cJSON_AddStringToObject(json, "job_id", id);
    return cmd_print_json(cmd, json);
}

static int run(struct cmd *cmd, const struct schedules_options *options, int argc, char **argv) {
    return argc ? each(cmd, options, argc, argv, run_one) : cmd_usage(cmd);
}

/* --- the table -------------------------------------------------------------------------------------------------------- */

static const struct subcommand {
    const char *name;
    int (*run)(struct cmd *cmd, const struct schedules_options *options, int argc, char **argv);
} subcommands[] = {
    {"list", list},     {"next", next},       {"disk", disk},         {"check", check}, {"add", add},
    {"enable", enable}, {"disable", disable}, {"remove", remove_all}, {"run", run},
};

int cmd_schedules(struct cmd *cmd, int argc, char **argv) {
    struct schedules_options o = {.runs = 1};
    const struct cmd_option options[] = {
        {"count", CMD_TEXT, &o.count, "N", "next: how many runs of each (1)"},
        {"name", CMD_TEXT, &o.name, "NAME", "add: the name of the schedule, in the place of the file's"},
        {.name = NULL},
    };
    int code;
    if (!cmd_parse(cmd, &argc, &argv, options, &code))
        return code;
    if (o.count && !str_to_u64(o.count, 1, COUNT_MOST, &o.runs))
        return cmd_fail(cmd, EXIT_USAGE, "--count %s: must be a number from 1 to %u", o.count, COUNT_MOST);
    if ((code = cmd_open(cmd)) != EXIT_DONE || (code = cmd_sources(cmd)) != EXIT_DONE)
        return code;
    for (size_t i = 0; argc && i < sizeof subcommands / sizeof subcommands[0]; i++)
        if (strcmp(argv[0], subcommands[i].name) == 0)
            return subcommands[i].run(cmd, &o, argc - 1, argv + 1);
    return list(cmd, &o, argc, argv);
}
