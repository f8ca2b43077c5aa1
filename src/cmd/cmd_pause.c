// SPDX-License-Identifier: Apache-2.0
#include "cmd/cmd_pause.h"

#include "base/clock.h"
#include "base/limits.h"
#include "cmd/cmd_drop.h"
#include "os/lockfile.h"
#include "source/steer.h"
#include "spool/pause.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- what is shown ------------------------------------------------------------------------------------------------- */

void cmd_pause_print(struct cmd *cmd) {
    struct buf text = BUF_INIT(PAUSE_FILE_BYTES);
    cJSON *list = pauses_list(cmd->spool);
    const cJSON *item;
    char limits[300], shown[700];
    cJSON_ArrayForEach(item, list) {
        const char *source = sources_text(item, "source"), *until = sources_text(item, "until"), *reason = sources_text(item, "reason");
        const bool rate = str_starts(sources_text(item, "file"), PAUSE_RATE);
        pauses_limits_text(item, limits, sizeof limits);
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

/* --- the queue ----------------------------------------------------------------------------------------------------- */

static int check_until(struct cmd *cmd, const char *until) {
    int64_t until_us;
    if (until && !clock_parse_rfc3339(until, &until_us))
        return cmd_fail(cmd, EXIT_USAGE, "--until %s: must be a time such as 2026-11-24T06:00:00Z (RFC 3339)", until);
    if (until && until_us <= clock_wall_us())
        return cmd_fail(cmd, EXIT_USAGE, "--until %s: is over", until);
    return EXIT_DONE;
}

static int show_queue(struct cmd *cmd) {
    struct pause pause;
    char text[400], shown[800];
    if (cmd->json)
        return cmd_print_json(cmd, pauses_queue_json(cmd->spool));
    if (!pause_holds(cmd->spool, NULL, &pause, NULL)) {
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
    if ((code = check_until(cmd, until)) != EXIT_DONE)
        return code;
    errno = 0;
    enum rc rc = pauses_queue(cmd->spool, NULL, until, reason, &err);
    return rc ? cmd_fail_rc(cmd, rc, &err) : show_queue(cmd);
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
    enum rc rc = pauses_queue_resume(cmd->spool, &err);
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
    if (!code && pauses_job(source, action, members, &text, &err) != RC_OK)
        code = cmd_fail(cmd, EXIT_IO, "%s", err.text);
    cJSON_Delete(members);
    str_format(label, sizeof label, "%s-%s", action, source);
    if (!code)
        code = cmd_drop_ask(cmd, label, &text, &answer);
    buf_release(&text);
    return code ? code : sources_print(cmd, answer);
}

int sources_pause(struct cmd *cmd, const struct sources_options *options, int argc, char **argv) {
    if (argc != 1)
        return cmd_usage(cmd);
    int code = check_until(cmd, options->until);
    if (code)
        return code;
    cJSON *members = cJSON_CreateObject();
    if (options->until)
        cJSON_AddStringToObject(members, "until", options->until);
    if (options->reason)
        cJSON_AddStringToObject(members, "reason", options->reason);
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
