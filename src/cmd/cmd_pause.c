// SPDX-License-Identifier: Apache-2.0
#include "cmd/cmd_pause.h"

#include "base/clock.h"
#include "base/limits.h"
#include "cmd/cmd_drop.h"
#include "os/fsio.h"
#include "os/lockfile.h"
#include "source/steer.h"
#include "spool/pause.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- what is shown ------------------------------------------------------------------------------------------------- */

void cmd_pause_reason(struct cmd *cmd, struct job_row *row) {
    struct pause pause;
    const bool waits = row->place == PLACE_PENDING || row->place == PLACE_PROCESSING;
    if (waits && !*row->reason && strcmp(row->mode, "source") != 0 && pause_holds(cmd->spool, row->source, &pause, NULL))
        str_copy(row->reason, sizeof row->reason, "paused");
}

void cmd_pause_tell(struct cmd *cmd, const char *source, struct buf *out) {
    struct pause pause;
    const char *name;
    char text[400], shown[800];
    if (!pause_holds(cmd->spool, source, &pause, &name))
        return;
    const bool queue = !source || strcmp(name, source) != 0;
    pause_text(&pause, text, sizeof text);
    buf_printf(out, "%s%s is paused %s.\n", queue ? "" : "The source ", queue ? "The queue" : name, cmd_shown(shown, sizeof shown, text, false));
    buf_printf(out, "`batchspool %s%s`, or rm paused/%s%s, lets it go on.\n", queue ? "resume" : "sources resume ", queue ? "" : name,
               queue ? PAUSE_QUEUE : PAUSE_SOURCE, queue ? "" : name);
}

static void add_time(cJSON *json, const char *name, int64_t us) {
    char time[CLOCK_RFC3339_SIZE];
    clock_format_rfc3339(us, 0, time);
    if (us)
        cJSON_AddStringToObject(json, name, time);
}

static void add_limits(struct cmd *cmd, const char *file, cJSON *json) {
    struct buf text = BUF_INIT(PAUSE_FILE_BYTES);
    struct steer steer;
    struct err err = {0};
    if (fsio_read_file(cmd->spool->paused_fd, file, &text, &err) == RC_OK && steer_parse(file, buf_text(&text), text.length, &steer, &err) == RC_OK) {
        cJSON *root = cJSON_ParseWithLength(buf_text(&text), text.length);
        cJSON *rates = cJSON_DetachItemFromObjectCaseSensitive(root, "rates");
        if (rates)
            cJSON_AddItemToObject(json, "rates", rates);
        if (steer.concurrency)
            cJSON_AddNumberToObject(json, "concurrency", steer.concurrency);
        cJSON_Delete(root);
    } else
        cJSON_AddStringToObject(json, "error", err.text);
    buf_release(&text);
}

struct listing {
    struct cmd *cmd;
    cJSON *list;
};

static bool list_file(void *context, const char *file) {
    struct listing *l = context;
    const char *source;
    struct pause pause;
    struct err ignored = {0};
    if (!pause_known(file, &source) || pause_read(l->cmd->spool, file, &pause, &ignored) == RC_GONE)
        return true;
    const bool rate = str_starts(file, PAUSE_RATE);
    if (!rate && pause.until_us && pause.until_us <= clock_wall_us())
        return true;
    cJSON *json = cJSON_CreateObject();
    cJSON_AddStringToObject(json, "file", file);
    if (*source)
        cJSON_AddStringToObject(json, "source", source);
    cJSON_AddStringToObject(json, "by", pause.by);
    add_time(json, "since", pause.since_us);
    add_time(json, "until", pause.until_us);
    if (*pause.reason)
        cJSON_AddStringToObject(json, "reason", pause.reason);
    if (rate)
        add_limits(l->cmd, file, json);
    cJSON_AddItemToArray(l->list, json);
    return true;
}

cJSON *cmd_pause_list(struct cmd *cmd) {
    struct listing l = {.cmd = cmd, .list = cJSON_CreateArray()};
    struct err ignored = {0};
    pause_each(cmd->spool, list_file, &l, &ignored);
    return l.list;
}

/* "30/PT1M, at most 2 at a time" */
static void limits_text(const cJSON *json, char *out, size_t size) {
    const cJSON *concurrency = cJSON_GetObjectItemCaseSensitive(json, "concurrency");
    char rates[200];
    steer_rates_text(cJSON_GetObjectItemCaseSensitive(json, "rates"), rates, sizeof rates);
    if (cJSON_IsNumber(concurrency))
        str_format(out, size, "%s%sat most %.0f at a time", rates, *rates ? ", " : "", concurrency->valuedouble);
    else
        str_copy(out, size, rates);
}

void cmd_pause_print(struct cmd *cmd) {
    struct buf text = BUF_INIT(PAUSE_FILE_BYTES);
    cJSON *list = cmd_pause_list(cmd);
    const cJSON *item;
    char limits[300], shown[700];
    cJSON_ArrayForEach(item, list) {
        const char *source = sources_text(item, "source"), *until = sources_text(item, "until"), *reason = sources_text(item, "reason");
        const bool rate = str_starts(sources_text(item, "file"), PAUSE_RATE);
        limits_text(item, limits, sizeof limits);
        if (rate && !*limits)
            str_format(limits, sizeof limits, "%.280s", sources_text(item, "error"));
        buf_reset(&text);
        buf_printf(&text, "%s%s by %s since %s%s%s%s%s", rate ? "limits " : "", rate ? limits : "paused", sources_text(item, "by"), sources_text(item, "since"),
                   *until ? " until " : "", until, *reason ? ": " : "", reason);
        printf("%s%s: %s\n", *source ? "source " : "queue", source, cmd_shown(shown, sizeof shown, buf_text(&text), false));
    }
    cJSON_Delete(list);
    buf_release(&text);
}

void cmd_pause_of_source(struct cmd *cmd, const char *source, cJSON *json) {
    char file[PAUSE_NAME_SIZE], text[400];
    struct pause pause;
    struct stat st;
    if (!pause_name(PAUSE_SOURCE, source, file))
        return;
    if (pause_holds(cmd->spool, source, &pause, NULL)) {
        pause_text(&pause, text, sizeof text);
        cJSON_AddStringToObject(json, "paused", text);
    }
    pause_name(PAUSE_RATE, source, file);
    if (fsio_stat(cmd->spool->paused_fd, file, &st, NULL) == RC_OK) {
        cJSON *limits = cJSON_CreateObject();
        add_limits(cmd, file, limits);
        limits_text(limits, text, sizeof text);
        cJSON_AddStringToObject(json, "limits", *text ? text : sources_text(limits, "error"));
        cJSON_Delete(limits);
    }
}

/* --- the queue ----------------------------------------------------------------------------------------------------- */

/* --until and --reason into members. 0, or the exit code after a message. */
static int add_words(struct cmd *cmd, cJSON *members, const char *until, const char *reason) {
    int64_t until_us;
    if (until && !clock_parse_rfc3339(until, &until_us))
        return cmd_fail(cmd, EXIT_USAGE, "--until %s: must be a time such as 2026-11-24T06:00:00Z (RFC 3339)", until);
    if (until && until_us <= clock_wall_us())
        return cmd_fail(cmd, EXIT_USAGE, "--until %s: is over", until);
    if (until)
        cJSON_AddStringToObject(members, "until", until);
    if (reason)
        cJSON_AddStringToObject(members, "reason", reason);
    return EXIT_DONE;
}

static int show_queue(struct cmd *cmd) {
    struct pause pause;
    char text[400], shown[800];
    const bool paused = pause_holds(cmd->spool, NULL, &pause, NULL);
    if (cmd->json) {
        cJSON *json = cJSON_CreateObject();
        cJSON_AddBoolToObject(json, "paused", paused);
        if (paused) {
            cJSON_AddStringToObject(json, "by", pause.by);
            add_time(json, "since", pause.since_us);
            add_time(json, "until", pause.until_us);
            cJSON_AddStringToObject(json, "reason", pause.reason);
        }
        return cmd_print_json(cmd, json);
    }
    if (!paused) {
        printf("The queue goes on.\n");
        return EXIT_DONE;
    }
    pause_text(&pause, text, sizeof text);
    printf("The queue is paused %s.\n", cmd_shown(shown, sizeof shown, text, false));
    return EXIT_DONE;
}

int cmd_pause(struct cmd *cmd, int argc, char **argv) {
    const char *until = NULL, *reason = NULL;
    const struct cmd_option options[] = {
        {"until", CMD_TEXT, &until, "TIME", "go on at this time, such as 2026-11-24T06:00:00Z"},
        {"reason", CMD_TEXT, &reason, "TEXT", "what everybody who looks is told"},
        {.name = NULL},
    };
    struct err err = {0};
    int code;
    if (!cmd_parse(cmd, &argc, &argv, options, &code))
        return code;
    if (argc)
        return cmd_usage(cmd);
    if ((code = cmd_open(cmd)) != EXIT_DONE)
        return code;
    cJSON *members = cJSON_CreateObject();
    code = add_words(cmd, members, until, reason);
    if (!code) {
        errno = 0;
        enum rc rc = pause_write(cmd->spool, PAUSE_QUEUE, members, &err);
        code = rc ? cmd_fail_rc(cmd, rc, &err) : show_queue(cmd);
    }
    cJSON_Delete(members);
    return code;
}

int cmd_resume(struct cmd *cmd, int argc, char **argv) {
    struct err err = {0};
    int code;
    if (!cmd_parse(cmd, &argc, &argv, NULL, &code))
        return code;
    if (argc)
        return cmd_usage(cmd);
    if ((code = cmd_open(cmd)) != EXIT_DONE)
        return code;
    errno = 0;
    enum rc rc = pause_remove(cmd->spool, PAUSE_QUEUE, &err);
    return rc && rc != RC_GONE ? cmd_fail_rc(cmd, rc, &err) : show_queue(cmd);
}

/* The number in the lock file may be one of another container's: nobody else is to get the signal. */
static bool is_daemon(pid_t pid) {
    char path[40], name[32] = "";
    str_format(path, sizeof path, "/proc/%ld/comm", (long)pid);
    FILE *file = fopen(path, "re");
    if (!file)
        return false;
    const bool good = fgets(name, sizeof name, file) && strcmp(name, "batchspoold\n") == 0;
    fclose(file);
    return good;
}

int cmd_reload(struct cmd *cmd, int argc, char **argv) {
    pid_t pid = 0;
    int code;
    if (!cmd_parse(cmd, &argc, &argv, NULL, &code))
        return code;
    if (argc)
        return cmd_usage(cmd);
    if ((code = cmd_open(cmd)) != EXIT_DONE)
        return code;
    if (!lockfile_held(cmd->spool->root_fd, SPOOL_LOCK, &pid))
        return cmd_fail(cmd, EXIT_NO_DAEMON, "no daemon runs on %s", cmd->spool->root);
    if (pid <= 0 || !is_daemon(pid))
        return cmd_fail(cmd, EXIT_NOPERM, "%s/%s names no batchspoold that can be seen from here: send it SIGHUP where it runs", cmd->spool->root, SPOOL_LOCK);
    if (kill(pid, SIGHUP) != 0)
        return cmd_fail(cmd, errno == EPERM ? EXIT_NOPERM : EXIT_IO, "process %ld: %s", (long)pid, strerror(errno));
    return EXIT_DONE;
}

/* --- sources ------------------------------------------------------------------------------------------------------- */

/* Drop the job of mode source, and wait for its answer. members is taken. */
static int ask(struct cmd *cmd, const char *source, const char *action, cJSON *members) {
    char label[LIMIT_NAME_BYTES + 16];
    struct buf text = BUF_INIT(LIMIT_JOB_FILE_BYTES);
    const struct source *definition;
    struct err err = {0};
    cJSON *answer = NULL;
    int code = cmd_sources(cmd);
    errno = 0;
    enum rc rc = code ? RC_OK : sources_get(cmd->sources, source, &definition, &err);
    if (rc)
        code = rc == RC_GONE ? cmd_fail(cmd, EXIT_NOINPUT, "%s", err.text) : cmd_fail(cmd, EXIT_CONFIG, "%s", err.text);
    if (!code)
        code = cmd_open(cmd);
    cJSON_AddStringToObject(members, "source", source);
    cJSON_AddStringToObject(members, "mode", "source");
    cJSON_AddStringToObject(members, "action", action);
    cJSON_AddStringToObject(members, "priority", "urgent"); /* a flood of drops is not taken in before it */
    char *printed = cJSON_Print(members);
    cJSON_Delete(members);
    rc = printed ? buf_add_text(&text, printed) : RC_TEMP;
    cJSON_free(printed);
    if (!code && rc)
        code = cmd_fail(cmd, EXIT_IO, "out of memory, or the reason is too long");
    str_format(label, sizeof label, "%s-%s", action, source);
    if (!code)
        code = cmd_drop_ask(cmd, label, &text, &answer);
    buf_release(&text);
    return code ? code : sources_print(cmd, answer);
}

int sources_pause(struct cmd *cmd, const struct sources_options *options, int argc, char **argv) {
    if (argc != 1)
        return cmd_usage(cmd);
    cJSON *members = cJSON_CreateObject();
    int code = add_words(cmd, members, options->until, options->reason);
    if (code) {
        cJSON_Delete(members);
        return code;
    }
    return ask(cmd, argv[0], "pause", members);
}

int sources_resume(struct cmd *cmd, const struct sources_options *options, int argc, char **argv) {
    (void)options;
    return argc == 1 ? ask(cmd, argv[0], "resume", cJSON_CreateObject()) : cmd_usage(cmd);
}

int sources_set_rate(struct cmd *cmd, const struct sources_options *options, int argc, char **argv) {
    uint64_t concurrency = 0;
    if (argc < 1 || (argc == 1 && !options->concurrency && !options->back) || (options->back && (argc > 1 || options->concurrency)))
        return cmd_usage(cmd);
    if (options->concurrency && !str_to_u64(options->concurrency, 1, 1000, &concurrency))
        return cmd_fail(cmd, EXIT_USAGE, "--concurrency %s: must be a whole number from 1 to 1000", options->concurrency);
    cJSON *members = cJSON_CreateObject(), *rates = cJSON_CreateArray();
    for (int i = 1; i < argc; i++) {
        if (steer_rate(argv[i], rates))
            continue;
        cJSON_Delete(rates);
        cJSON_Delete(members);
        return cmd_fail(cmd, EXIT_USAGE, "%s: must be requests/duration, such as 30/PT1M", argv[i]);
    }
    if (argc > 1)
        cJSON_AddItemToObject(members, "rates", rates);
    else
        cJSON_Delete(rates);
    if (concurrency)
        cJSON_AddNumberToObject(members, "concurrency", (double)concurrency);
    if (options->back)
        cJSON_AddTrueToObject(members, "default");
    if (options->reason)
        cJSON_AddStringToObject(members, "reason", options->reason);
    return ask(cmd, argv[0], "rate", members);
}
