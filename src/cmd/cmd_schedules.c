// SPDX-License-Identifier: Apache-2.0
#include "base/clock.h"
#include "base/json.h"
#include "base/limits.h"
#include "cmd/cmd_drop.h"
#include "engine/schedule_file.h"
#include "os/dirscan.h"
#include "os/fsio.h"
#include "spool/recurrence.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* `schedules`: looking at the files of schedules/, and putting them there. The daemon sees what changed by itself; nothing here asks it. */

#define NAMES_MOST 100000u
#define COUNT_MOST 1000u

struct schedules_options {
    const char *name, *count;
    uint64_t runs; /* of --count */
};

struct names {
    char (*list)[LIMIT_NAME_BYTES + 1];
    size_t count, capacity;
};

/* One schedule as it lies there. */
struct seen {
    const char *name;
    struct schedule_file file;
    struct recurrence state;
    bool off;   /* it is <name>.json.off */
    enum rc rc; /* of reading and checking it */
    struct err err;
    int64_t next_s; /* RECURRENCE_NONE: none */
};

/* --- which there are -------------------------------------------------------------------------------------------------- */

static int by_name(const void *a, const void *b) {
    return strcmp(a, b);
}

static enum rc names_add(struct names *names, const char *file, struct err *err) {
    size_t length = strlen(file) - (str_ends(file, ".off") ? 9 : 5);
    if (length > LIMIT_NAME_BYTES)
        return RC_OK;
    if (names->count == names->capacity) {
        size_t capacity = names->capacity ? names->capacity * 2 : 64;
        void *list = capacity <= NAMES_MOST ? realloc(names->list, capacity * sizeof *names->list) : NULL;
        if (!list)
            return err_set(err, RC_TEMP, "schedules/: too many files");
        names->list = list;
        names->capacity = capacity;
    }
    memcpy(names->list[names->count], file, length);
    names->list[names->count++][length] = '\0';
    return RC_OK;
}

static enum rc names_read(const struct spool *spool, struct names *names, struct err *err) {
    struct dirscan *scan;
    const char *file;
    unsigned char type;
    enum rc rc = dirscan_open(spool->schedules_fd, ".", &scan, err);
    if (rc)
        return rc;
    while ((rc = dirscan_next(scan, &file, &type, err)) == RC_OK)
        if (file[0] != '.' && (str_ends(file, ".json") || str_ends(file, ".json.off")) && (rc = names_add(names, file, err)) != RC_OK)
            break;
    dirscan_close(scan);
    if (names->count)
        qsort(names->list, names->count, sizeof *names->list, by_name);
    size_t kept = 0;
    for (size_t i = 0; i < names->count; i++) /* x.json beside x.json.off */
        if (!i || strcmp(names->list[i], names->list[kept - 1]) != 0)
            memmove(names->list[kept++], names->list[i], sizeof *names->list);
    names->count = kept;
    return rc == RC_GONE ? RC_OK : rc;
}

static int no_such(struct cmd *cmd, const char *name) {
    struct names names = {0};
    struct err err = {0};
    const char *near = NULL, **list = NULL;
    if (names_read(cmd->spool, &names, &err) == RC_OK && names.count && (list = calloc(names.count, sizeof *list))) {
        for (size_t i = 0; i < names.count; i++)
            list[i] = names.list[i];
        near = str_nearest(name, list, names.count);
    }
    if (near)
        cmd_say(cmd, "there is no schedule \"%.80s\" in %s/schedules (did you mean \"%s\"?)", name, cmd->spool->root, near);
    else
        cmd_say(cmd, "there is no schedule \"%.80s\" in %s/schedules", name, cmd->spool->root);
    free(list);
    free(names.list);
    return EXIT_NOINPUT;
}

static bool there(const struct spool *spool, const char *name, const char *suffix) {
    char file[LIMIT_NAME_BYTES + 16];
    struct stat st;
    return str_format(file, sizeof file, "%s%s", name, suffix) && fsio_stat(spool->schedules_fd, file, &st, NULL) == RC_OK;
}

/* What was switched off is not checked against its source. */
static void see_off(struct cmd *cmd, struct seen *seen) {
    char file[LIMIT_NAME_BYTES + 16];
    seen->off = true;
    seen->file = (struct schedule_file){.text = BUF_INIT(LIMIT_JOB_FILE_BYTES)};
    str_format(file, sizeof file, "%s.json.off", seen->name);
    seen->rc = fsio_stat(cmd->spool->schedules_fd, file, &seen->file.st, &seen->err);
    if (!seen->rc)
        seen->rc = fsio_read_file(cmd->spool->schedules_fd, file, &seen->file.text, &seen->err);
    if (!seen->rc)
        seen->rc = schedule_parse(file, buf_text(&seen->file.text), seen->file.text.length, &seen->file.schedule, &seen->file.job, &seen->err);
}

/* Released by schedule_file_release(&seen->file), also when it is not there (RC_GONE). */
static enum rc see(struct cmd *cmd, const char *name, struct seen *seen) {
    int64_t now_s = clock_wall_us() / 1000000;
    *seen = (struct seen){.name = name, .next_s = RECURRENCE_NONE};
    seen->rc = schedule_file_read(cmd->spool, cmd->sources, name, true, &seen->file, &seen->err);
    if (seen->rc == RC_GONE && there(cmd->spool, name, ".json.off"))
        see_off(cmd, seen);
    recurrence_read(cmd->spool, name, &seen->state, NULL);
    int64_t after_s = seen->state.after_s > now_s ? seen->state.after_s : now_s;
    if (!seen->rc && !seen->off && seen->file.schedule.enabled && !schedule_next(&seen->file.schedule, after_s, &seen->next_s))
        seen->next_s = RECURRENCE_NONE;
    return seen->rc;
}

/* --- list, next, check ------------------------------------------------------------------------------------------------ */

static const char *utc(char out[CLOCK_RFC3339_SIZE], int64_t at_s) {
    clock_format_rfc3339(at_s * 1000000, 0, out);
    return out;
}

/* "2026-11-24T06:00:00-05:00": what the clock shows there. */
static const char *local(char out[CLOCK_RFC3339_SIZE + 8], const char *zone, int64_t at_s) {
    int64_t offset_s = zone_offset_s(zone, at_s), minutes = (offset_s < 0 ? -offset_s : offset_s) / 60;
    clock_format_rfc3339((at_s + offset_s) * 1000000, 0, out);
    snprintf(out + strlen(out) - 1, 8, "%c%02u:%02u", offset_s < 0 ? '-' : '+', (unsigned)(minutes / 60) % 100, (unsigned)(minutes % 60));
    return out;
}

static const char *state_of(const struct seen *seen) {
    return seen->off ? "off" : seen->rc ? "wrong" : !seen->file.schedule.enabled ? "off" : seen->next_s == RECURRENCE_NONE ? "ended" : "on";
}

static const char *status_of(struct cmd *cmd, const char *job_id) {
    enum place place = *job_id ? jobs_place(cmd->spool, job_id) : PLACE_NONE;
    return place == PLACE_NONE ? "" : place_status(place);
}

static void add_text(cJSON *json, const char *name, const char *text) {
    if (*text)
        cJSON_AddStringToObject(json, name, text);
    else
        cJSON_AddNullToObject(json, name);
}

static void add_utc(cJSON *json, const char *name, int64_t at_s) {
    char text[CLOCK_RFC3339_SIZE] = "";
    add_text(json, name, at_s == RECURRENCE_NONE ? "" : utc(text, at_s));
}

static int list_json(struct cmd *cmd, const struct seen *seen) {
    const struct schedule *s = &seen->file.schedule;
    char text[CLOCK_RFC3339_SIZE + 8];
    cJSON *json = cJSON_CreateObject();
    cJSON_AddStringToObject(json, "schedule", seen->name);
    cJSON_AddStringToObject(json, "state", state_of(seen));
    cJSON_AddBoolToObject(json, "enabled", !seen->off && !seen->rc && s->enabled);
    if (seen->rc)
        cJSON_AddStringToObject(json, "error", seen->err.text);
    else {
        add_text(json, "name", s->label);
        cJSON_AddStringToObject(json, s->every_s ? "every" : "cron", s->when);
        cJSON_AddStringToObject(json, "timezone", s->zone);
        cJSON_AddStringToObject(json, "missed_runs", s->once ? "once" : "skip");
        add_utc(json, "next", seen->next_s);
        add_text(json, "next_local", seen->next_s == RECURRENCE_NONE ? "" : local(text, s->zone, seen->next_s));
    }
    add_utc(json, "last", seen->state.due_s);
    add_text(json, "job_id", seen->state.job_id);
    add_text(json, "status", status_of(cmd, seen->state.job_id));
    cJSON_AddNumberToObject(json, "missed", (double)seen->state.missed);
    add_utc(json, "missed_until", seen->state.missed_until_s);
    return cmd_print_json(cmd, json);
}

static void list_line(struct cmd *cmd, const struct seen *seen) {
    const struct schedule *s = &seen->file.schedule;
    char next[CLOCK_RFC3339_SIZE + 8] = "-", last[CLOCK_RFC3339_SIZE] = "-", when[300], job[JOBID_SIZE + 24] = "-";
    if (seen->next_s != RECURRENCE_NONE)
        local(next, s->zone, seen->next_s);
    if (seen->state.due_s != RECURRENCE_NONE)
        utc(last, seen->state.due_s);
    if (seen->state.job_id[0])
        str_format(job, sizeof job, "%s %s", seen->state.job_id, status_of(cmd, seen->state.job_id));
    printf("%-24s  %-5s  %-20s  %-20s  %-25s  %-20s  %s\n", seen->name, state_of(seen), seen->rc ? "-" : cmd_shown(when, sizeof when, s->when, true),
           seen->rc ? "-" : s->zone, next, last, job);
    if (seen->state.missed)
        printf("%-24s  %" PRIu64 " missed, the last of %s\n", "", seen->state.missed, utc(last, seen->state.missed_until_s));
    if (seen->rc)
        printf("%-24s  %s\n", "", seen->err.text);
}

static int list_one(struct cmd *cmd, const struct schedules_options *options, const struct seen *seen) {
    (void)options;
    if (cmd->json)
        return list_json(cmd, seen);
    list_line(cmd, seen);
    return EXIT_DONE;
}

static int next_one(struct cmd *cmd, const struct schedules_options *options, const struct seen *seen) {
    const struct schedule *s = &seen->file.schedule;
    char there_text[CLOCK_RFC3339_SIZE + 8], text[CLOCK_RFC3339_SIZE];
    int64_t at_s = seen->next_s;
    int code = EXIT_DONE;
    if (seen->rc && !seen->off)
        return cmd_fail(cmd, EXIT_DATA, "%s", seen->err.text);
    bool more = at_s != RECURRENCE_NONE;
    for (uint64_t i = 0; i < options->runs && more && !code; i++) {
        local(there_text, s->zone, at_s);
        utc(text, at_s);
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

static int check_one(struct cmd *cmd, const struct schedules_options *options, const struct seen *seen) {
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

typedef int each_seen(struct cmd *cmd, const struct schedules_options *options, const struct seen *seen);

/* fn for each that is named, or for all. The first code that is not 0 is told, after all were seen. */
static int each(struct cmd *cmd, const struct schedules_options *options, int argc, char **argv, each_seen *fn) {
    struct names names = {0};
    struct err err = {0};
    int code = EXIT_DONE, one;
    enum rc rc = argc ? RC_OK : names_read(cmd->spool, &names, &err);
    if (rc)
        code = cmd_fail_rc(cmd, rc, &err);
    for (size_t i = 0; !rc && i < (argc ? (size_t)argc : names.count); i++) {
        struct seen seen;
        const char *name = argc ? argv[i] : names.list[i];
        rc = see(cmd, name, &seen);
        one = rc == RC_GONE ? argc ? no_such(cmd, name) : EXIT_DONE : fn(cmd, options, &seen);
        code = code ? code : one;
        schedule_file_release(&seen.file);
        rc = RC_OK;
    }
    free(names.list);
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

static int check(struct cmd *cmd, const struct schedules_options *options, int argc, char **argv) {
    return each(cmd, options, argc, argv, check_one);
}

/* --- add, enable, disable, remove ------------------------------------------------------------------------------------- */

static enum rc put_new(const struct spool *spool, const char *name, const struct buf *text, struct err *err) {
    char tmp[LIMIT_NAME_BYTES + 32], file[LIMIT_NAME_BYTES + 8];
    int fd;
    str_format(tmp, sizeof tmp, ".%s.%ld.new", name, (long)getpid());
    str_format(file, sizeof file, "%s.json", name);
    enum rc rc = fsio_create(spool->schedules_fd, tmp, 0660, &fd, err);
    if (rc)
        return rc;
    rc = fsio_write(fd, buf_text(text), text->length, err);
    rc = rc ? rc : fsio_sync(fd, err);
    close(fd);
    rc = rc ? rc : fsio_rename_new(spool->schedules_fd, tmp, spool->schedules_fd, file, err);
    if (rc) {
        int kept = errno;
        fsio_unlink(spool->schedules_fd, tmp, NULL);
        errno = kept;
        return rc;
    }
    return fsio_sync_dir(spool->schedules_fd, ".", err);
}

static int add_checked(struct cmd *cmd, const char *shown, const char *name, struct schedule_file *file) {
    struct err err = {0};
    int64_t next_s;
    char text[CLOCK_RFC3339_SIZE + 8] = "";
    enum rc rc = schedule_file_check(cmd->sources, shown, file, &err);
    if (rc)
        return rc == RC_PERM ? cmd_fail(cmd, EXIT_DATA, "%s", err.text) : cmd_fail_rc(cmd, rc, &err);
    errno = 0;
    rc = there(cmd->spool, name, ".json.off") ? RC_PERM : put_new(cmd->spool, name, &file->text, &err);
    if (rc == RC_PERM && (errno == EEXIST || errno == 0))
        return cmd_fail(cmd, EXIT_CANTCREATE, "schedules/%s.json is there already: edit it, remove it first, or give another --name", name);
    if (rc)
        return cmd_fail_rc(cmd, rc, &err);
    if (schedule_next(&file->schedule, clock_wall_us() / 1000000, &next_s))
        local(text, file->schedule.zone, next_s);
    if (!cmd->json) {
        puts(name);
        return EXIT_DONE;
    }
    cJSON *json = cJSON_CreateObject();
    cJSON_AddStringToObject(json, "schedule", name);
    add_text(json, "next_local", text);
    return cmd_print_json(cmd, json);
}

static int add(struct cmd *cmd, const struct schedules_options *options, int argc, char **argv) {
    if (argc != 1)
        return cmd_usage(cmd);
    const char *shown = strcmp(argv[0], "-") == 0 ? "standard input" : argv[0], *slash = strrchr(argv[0], '/');
    char name[LIMIT_NAME_BYTES + 8] = "";
    struct schedule_file file = {.text = BUF_INIT(LIMIT_JOB_FILE_BYTES)};
    struct err err = {0};
    str_copy(name, sizeof name, options->name ? options->name : slash ? slash + 1 : argv[0]);
    if (str_ends(name, ".json"))
        name[strlen(name) - 5] = '\0';
    if (!str_is_name(name) || strcmp(name, "-") == 0)
        return cmd_fail(cmd, EXIT_USAGE, "\"%.80s\" is no name of a schedule (1 to 64 of A-Z a-z 0-9 _ -): give one with --name", name);
    errno = 0;
    enum rc rc = cmd_read(argv[0], &file.text, &err);
    int code = rc ? cmd_fail_rc(cmd, rc, &err) : add_checked(cmd, shown, name, &file);
    schedule_file_release(&file);
    return code;
}

/* With the member `enabled` set in the text; owner and mode stay where the user may give it away. */
static enum rc set_enabled(const struct spool *spool, const char *name, const struct schedule_file *old, bool enabled, struct err *err) {
    char tmp[LIMIT_NAME_BYTES + 32], file[LIMIT_NAME_BYTES + 8];
    struct buf text = BUF_INIT(LIMIT_JOB_FILE_BYTES + 64);
    str_format(tmp, sizeof tmp, ".%s.%ld.new", name, (long)getpid());
    str_format(file, sizeof file, "%s.json", name);
    enum rc rc = schedule_enable((struct slice){buf_text(&old->text), old->text.length}, enabled, &text);
    rc = rc ? err_set(err, rc, "schedules/%s: is too long", file)
            : fsio_put_file(spool->schedules_fd, tmp, file, old->st.st_mode & 0777, buf_text(&text), text.length, err);
    buf_release(&text);
    if (!rc && fchownat(spool->schedules_fd, file, old->st.st_uid, old->st.st_gid, AT_SYMLINK_NOFOLLOW) != 0 && errno != EPERM)
        rc = err_sys(err, "schedules/%s", file);
    return rc;
}

/* disable: mv x.json x.json.off; enable: back, and where the file itself says that it is not enabled, in there. */
static enum rc switch_to(struct cmd *cmd, const char *name, bool on, struct err *err) {
    const struct spool *spool = cmd->spool;
    char file[LIMIT_NAME_BYTES + 8], off[LIMIT_NAME_BYTES + 16];
    str_format(file, sizeof file, "%s.json", name);
    str_format(off, sizeof off, "%s.json.off", name);
    bool is_on = there(spool, name, ".json"), is_off = there(spool, name, ".json.off");
    if (!is_on && !is_off)
        return RC_GONE;
    errno = 0;
    if (is_on && is_off)
        return err_set(err, RC_PERM, "schedules/%s lies beside schedules/%s: remove one of them", off, file);
    enum rc rc = RC_OK;
    if (is_on != on) {
        rc = on ? fsio_rename_new(spool->schedules_fd, off, spool->schedules_fd, file, err)
                : fsio_rename_new(spool->schedules_fd, file, spool->schedules_fd, off, err);
        rc = rc ? rc : fsio_sync_dir(spool->schedules_fd, ".", err);
    }
    if (rc || !on)
        return rc;
    struct seen seen;
    if (see(cmd, name, &seen) == RC_OK && !seen.file.schedule.enabled)
        rc = set_enabled(spool, name, &seen.file, true, err);
    else if (seen.rc) {
        errno = 0;
        rc = err_set(err, seen.rc, "%.500s", seen.err.text);
    }
    schedule_file_release(&seen.file);
    return rc;
}

static enum rc enable_one(struct cmd *cmd, const char *name, struct err *err) {
    return switch_to(cmd, name, true, err);
}

static enum rc disable_one(struct cmd *cmd, const char *name, struct err *err) {
    return switch_to(cmd, name, false, err);
}

/* The state first: where it is gone the daemon writes none for a file that goes. */
static enum rc remove_one(struct cmd *cmd, const char *name, struct err *err) {
    static const char *const suffixes[] = {".state", ".json", ".json.off", ".why"};
    if (!there(cmd->spool, name, ".json") && !there(cmd->spool, name, ".json.off"))
        return RC_GONE;
    for (size_t i = 0; i < sizeof suffixes / sizeof suffixes[0]; i++) {
        char file[LIMIT_NAME_BYTES + 16];
        str_format(file, sizeof file, "%s%s", name, suffixes[i]);
        enum rc rc = there(cmd->spool, name, suffixes[i]) ? fsio_unlink(cmd->spool->schedules_fd, file, err) : RC_OK;
        if (rc && rc != RC_GONE)
            return rc;
    }
    return fsio_sync_dir(cmd->spool->schedules_fd, ".", err);
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

static int run_one(struct cmd *cmd, const struct schedules_options *options, const struct seen *seen) {
    struct buf text = BUF_INIT(LIMIT_JOB_FILE_BYTES + 4096);
    const struct passwd *owner = getpwuid(seen->file.st.st_uid);
    char id[JOBID_SIZE];
    (void)options;
    if (seen->rc)
        return cmd_fail(cmd, EXIT_DATA, "%s", seen->err.text);
    if (schedule_job(seen->file.job, owner && strlen(owner->pw_name) <= 64 ? owner->pw_name : NULL, &text) != RC_OK) {
        buf_release(&text);
        return cmd_fail(cmd, EXIT_DATA, "schedules/%s.json: the job is too long", seen->name);
    }
    int code = cmd_drop(cmd, seen->name, &text, id);
    buf_release(&text);
    if (code)
        return code;
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
    {"list", list}, {"next", next}, {"check", check}, {"add", add}, {"enable", enable}, {"disable", disable}, {"remove", remove_all}, {"run", run},
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
