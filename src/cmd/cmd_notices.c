// SPDX-License-Identifier: Apache-2.0
#include "cmd/cmd.h"
#include "base/clock.h"
#include "engine/notice_files.h"
#include "notify/notifier.h"
#include "spool/pause.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* `notices`: looking at the files of notices/, sending one again, trying the way out. */

#define LIST_MOST 1000u
#define WAIT_MS 60000

struct notices_options {
    const char *state;
};

static int list_one(struct cmd *cmd, const char *id) {
    struct notice_seen_file seen;
    struct err err = {0};
    char shown[NOTICE_TARGET_SIZE], until[CLOCK_RFC3339_SIZE] = "";
    enum rc rc = notice_files_look(cmd->spool, id, &seen, &err);
    int code = EXIT_DONE;
    if (rc == RC_GONE) /* in this moment */
        return EXIT_DONE;
    if (rc)
        return cmd_fail_rc(cmd, rc, &err);
    if (cmd->json)
        code = cmd_print_json(cmd, notice_files_json(&seen, false));
    else {
        if (seen.until_us)
            clock_format_rfc3339(seen.until_us, 0, until);
        notice_target_shown(seen.notice.to, shown);
        printf("%-10s  %-45s  %s%s%s%s%s\n", notice_state_name(seen.state), seen.notice.id, shown, *until ? "  until " : "", until, *seen.why ? "  " : "",
               seen.why);
    }
    notice_files_release(&seen);
    return code;
}

static bool state_parse(const char *name, enum notice_state *state) {
    for (*state = NOTICE_PENDING; *state < NOTICE_STATE_COUNT; (*state)++)
        if (strcmp(notice_state_name(*state), name) == 0)
            return true;
    return false;
}

static int list(struct cmd *cmd, const struct notices_options *options) {
    enum notice_state state = NOTICE_NONE;
    char(*ids)[JOBID_SIZE] = NULL;
    size_t count = 0;
    struct err err = {0};
    int code = EXIT_DONE;
    if (options->state && !state_parse(options->state, &state))
        return cmd_fail(cmd, EXIT_USAGE, "--state: must be pending, processing, processed, deferred or failed");
    enum rc rc = notice_files_ids(cmd->spool, state, LIST_MOST, &ids, &count, &err);
    for (size_t i = 0; !rc && i < count && !code; i++)
        code = list_one(cmd, ids[i]);
    free(ids);
    return rc ? cmd_fail_rc(cmd, rc, &err) : code;
}

/* The one whose id has this text in it. */
static int find(struct cmd *cmd, const char *part, char id[JOBID_SIZE]) {
    char(*ids)[JOBID_SIZE] = NULL;
    size_t count = 0, found = 0;
    struct err err = {0};
    enum rc rc = notice_files_ids(cmd->spool, NOTICE_NONE, SIZE_MAX, &ids, &count, &err);
    for (size_t i = 0; !rc && i < count; i++)
        if (strcmp(ids[i], part) == 0) {
            memcpy(id, ids[i], JOBID_SIZE);
            found = 1;
            break;
        } else if (strstr(ids[i], part)) {
            memcpy(id, ids[i], JOBID_SIZE);
            found++;
        }
    free(ids);
    if (rc)
        return cmd_fail_rc(cmd, rc, &err);
    if (!found)
        return cmd_fail(cmd, EXIT_NOINPUT, "there is no notice \"%.80s\"", part);
    return found > 1 ? cmd_fail(cmd, EXIT_USAGE, "\"%.80s\" is in %zu ids: give more of it", part, found) : EXIT_DONE;
}

static int show(struct cmd *cmd, const char *part) {
    struct notice_seen_file seen;
    struct err err = {0};
    char id[JOBID_SIZE], shown[4096];
    const cJSON *value;
    int code = find(cmd, part, id);
    if (code)
        return code;
    enum rc rc = notice_files_look(cmd->spool, id, &seen, &err);
    if (rc)
        return cmd_fail_rc(cmd, rc, &err);
    if (cmd->json)
        code = cmd_print_json(cmd, notice_files_json(&seen, true));
    else {
        printf("%-14s %s\n%-14s %s\n%-14s %s\n%-14s %s\n", "notice", id, "state", notice_state_name(seen.state), "event", notice_kind_name(seen.notice.kind),
               "to", cmd_shown(shown, sizeof shown, seen.notice.to, true));
        if (*seen.why)
            printf("%-14s %s\n", "why", seen.why);
        cJSON_ArrayForEach(value, seen.notice.values) {
            printf("%-14s %s\n", value->string, cmd_shown(shown, sizeof shown, value->valuestring, true));
        }
    }
    notice_files_release(&seen);
    return code;
}

static int retry(struct cmd *cmd, const char *part) {
    struct err err = {0};
    char id[JOBID_SIZE];
    int code = find(cmd, part, id);
    if (code)
        return code;
    enum rc rc = notice_files_retry(cmd->spool, id, &err);
    if (!rc)
        printf("%s\n", id);
    return rc ? cmd_fail_rc(cmd, rc, &err) : EXIT_DONE;
}

/* As the daemon will say; told here, before anything is dropped. */
static int check_target(const struct cmd *cmd, const char *to) {
    char shown[400];
    if (!notice_target_valid(to))
        return cmd_fail(cmd, EXIT_DATA, "\"%s\": must be " NOTICE_TARGET_RULE, cmd_shown(shown, sizeof shown, to, true));
    if (!notifier_for(&cmd->config.notices, to))
        return cmd_fail(cmd, EXIT_CONFIG, "%s", notifier_missing(to));
    if (!spool_daemon_runs(cmd->spool))
        return cmd_fail(cmd, EXIT_NO_DAEMON, "no daemon runs, and it is the daemon that sends notices");
    return EXIT_DONE;
}

static int test(struct cmd *cmd, const char *target) {
    struct err err = {0};
    char id[JOBID_SIZE], by[65], to[NOTICE_TARGET_SIZE], shown[NOTICE_TARGET_SIZE * 4 + 1];
    const bool bare = strchr(target, '@') && !strstr(target, ":");
    if (!str_format(to, sizeof to, "%s%s", bare ? "mailto:" : "", target))
        return cmd_fail(cmd, EXIT_DATA, "the recipient is too long");
    int code = check_target(cmd, to);
    if (code)
        return code;
    if (!notify_allowed(&cmd->config.notices, to)) /* the daemon's user and root are not bound by it, and nobody else's test is sent */
        cmd_say(cmd, "warning: %s is not in notices.allow of the configuration: jobs that name it in notify are refused, unless an admin submits them",
                cmd_shown(shown, sizeof shown, to, true));
    pause_user(geteuid(), by);
    enum rc rc = notice_files_test(cmd->spool, to, by, id, &err);
    if (rc)
        return cmd_fail_rc(cmd, rc, &err);
    const int64_t end_ms = clock_mono_ms() + WAIT_MS;
    while ((rc = notice_files_outcome(cmd->spool, id, &err)) == RC_AGAIN && clock_mono_ms() < end_ms)
        nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
    if (rc == RC_AGAIN)
        return cmd_fail(cmd, EXIT_LATER, "%s: it is not sent yet; `batchspool notices show %s` tells more", id, id);
    if (rc)
        return cmd_fail(cmd, EXIT_INCOMPLETE, "%s", err.text);
    if (!cmd->json)
        printf("%s was sent: the other end has taken it\n", id);
    struct notice_seen_file seen;
    if (cmd->json && notice_files_look(cmd->spool, id, &seen, &err) == RC_OK) {
        code = cmd_print_json(cmd, notice_files_json(&seen, false));
        notice_files_release(&seen);
    }
    return code;
}

int cmd_notices(struct cmd *cmd, int argc, char **argv) {
    struct notices_options options = {.state = NULL};
    const struct cmd_option table[] = {{"state", CMD_TEXT, &options.state, "STATE", "list those in this directory of notices/ alone"},
                                       {NULL, CMD_FLAG, NULL, NULL, NULL}};
    int code;
    if (!cmd_parse(cmd, &argc, &argv, table, &code))
        return code;
    const char *verb = argc ? argv[0] : "list";
    const bool lists = strcmp(verb, "list") == 0;
    int (*one)(struct cmd * cmd, const char *text) = strcmp(verb, "show") == 0    ? show
                                                     : strcmp(verb, "retry") == 0 ? retry
                                                     : strcmp(verb, "test") == 0  ? test
                                                                                  : NULL;
    if ((lists && argc > 1) || (!lists && (!one || argc < 2)))
        return cmd_usage(cmd);
    if ((code = cmd_open(cmd)) != EXIT_DONE)
        return code;
    if (lists)
        return list(cmd, &options);
    for (int i = 1; i < argc && !code; i++)
        code = one(cmd, argv[i]);
    return code;
}
