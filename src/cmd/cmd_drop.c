// SPDX-License-Identifier: Apache-2.0
#include "cmd/cmd_drop.h"

#include "base/json.h"
#include "engine/pauses.h"
#include "engine/submit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum rc cmd_drop_set(cJSON *job, const char *setting, struct err *err) {
    const char *equals = strchr(setting, '=');
    if (!equals || equals == setting)
        return err_set(err, RC_FATAL, "--set %s: must be member=value", setting);
    const char *text = equals + 1;
    struct err ignored = {0};
    cJSON *value = json_check(text, strlen(text), &json_rules_config, &ignored) == RC_OK ? cJSON_Parse(text) : cJSON_CreateString(text);
    char *name = strndup(setting, (size_t)(equals - setting));
    bool done = false;
    if (value && name) {
        cJSON_DeleteItemFromObjectCaseSensitive(job, name);
        done = cJSON_AddItemToObject(job, name, value);
    }
    if (!done)
        cJSON_Delete(value);
    free(name);
    return done ? RC_OK : err_set(err, RC_TEMP, "out of memory");
}

int cmd_drop(struct cmd *cmd, const char *label, const struct buf *text, char id[JOBID_SIZE]) {
    struct err err = {0};
    errno = 0;
    enum rc rc = submit_drop(cmd->spool, label, buf_text(text), text->length, id, &err);
    return rc ? cmd_fail_rc(cmd, rc, &err) : EXIT_DONE;
}

/* Who waits for a source that is paused is told. */
static void tell_paused(struct cmd *cmd, const struct buf *text) {
    struct buf out = BUF_INIT(4096);
    cJSON *job = cJSON_ParseWithLength(buf_text(text), text->length);
    const char *source = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(job, "source"));
    const char *mode = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(job, "mode"));
    if (source && !(mode && strcmp(mode, "source") == 0))
        pauses_tell(cmd->spool, source, &out);
    if (out.length)
        cmd_say(cmd, "%.*s Waiting.", (int)strcspn(buf_text(&out), "\n"), buf_text(&out));
    buf_release(&out);
    cJSON_Delete(job);
}

int cmd_drop_ask(struct cmd *cmd, const char *label, const struct buf *text, cJSON **answer) {
    struct cmd_follow follow;
    char id[JOBID_SIZE];
    if (!spool_daemon_runs(cmd->spool))
        return cmd_fail(cmd, EXIT_NO_DAEMON, "no daemon runs on %s, and it is the daemon that asks the source: start batchspoold", cmd->spool->root);
    int code = cmd_drop(cmd, label, text, id);
    if (code)
        return code;
    tell_paused(cmd, text);
    cmd_follow_init(&follow, id);
    code = cmd_follow_wait(cmd, &follow, 1, "preview.json");
    if (code)
        return code;
    struct err err = {0};
    errno = 0;
    enum rc rc = submit_answer(cmd->spool, id, answer, &err);
    return rc ? cmd_fail_rc(cmd, rc, &err) : EXIT_DONE;
}
