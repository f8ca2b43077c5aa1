// SPDX-License-Identifier: Apache-2.0
#include "cmd/cmd.h"

#include "engine/verify.h"
#include "os/fsio.h"
#include "os/lockfile.h"
#include "spool/payload.h"

#include <errno.h>
#include <grp.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int cmd_init(struct cmd *cmd, int argc, char **argv) {
    int code;
    if (!cmd_parse(cmd, &argc, &argv, NULL, &code))
        return code;
    if (argc)
        return cmd_usage(cmd);
    if ((code = cmd_configure(cmd)) != EXIT_DONE)
        return code;
    struct err err = {0};
    errno = 0;
    enum rc rc = spool_init(cmd->config.spool, &err);
    if (rc) {
        bool denied = rc == RC_PERM && (errno == EACCES || errno == EPERM);
        return cmd_fail(cmd, denied ? EXIT_NOPERM : EXIT_CANTCREATE, "%s", err.text);
    }
    if (!cmd->json) {
        cmd_say(cmd, "%s is ready", cmd->config.spool);
        return EXIT_DONE;
    }
    cJSON *json = cJSON_CreateObject();
    cJSON_AddStringToObject(json, "spool", cmd->config.spool);
    return cmd_print_json(cmd, json);
}

struct differences {
    const struct cmd *cmd;
    cJSON *list; /* NULL: they are printed at once */
};

static void on_difference(void *context, const char *kind, const char *path, const char *detail) {
    struct differences *d = context;
    char shown_path[700], shown[1500];
    cmd_shown(shown_path, sizeof shown_path, path, false);
    cmd_shown(shown, sizeof shown, detail, false);
    if (!d->list) {
        printf("%s %s %s\n", kind, shown_path, shown);
        return;
    }
    cJSON *item = cJSON_CreateObject();
    cJSON_AddStringToObject(item, "kind", kind);
    cJSON_AddStringToObject(item, "path", shown_path);
    cJSON_AddStringToObject(item, "detail", shown);
    cJSON_AddItemToArray(d->list, item);
}

static int print_differences(struct cmd *cmd, const struct verify_counts *counts, cJSON *list) {
    cJSON *json = cJSON_CreateObject();
    cJSON_AddNumberToObject(json, "jobs", (double)counts->jobs);
    cJSON_AddNumberToObject(json, "payloads", (double)counts->payloads);
    cJSON_AddNumberToObject(json, "same_payloads", (double)counts->same);
    cJSON_AddNumberToObject(json, "archived_payloads", (double)counts->archived);
    cJSON_AddNumberToObject(json, "bytes", (double)counts->bytes);
    cJSON_AddNumberToObject(json, "documents", (double)counts->documents);
    cJSON_AddNumberToObject(json, "markers", (double)counts->markers);
    cJSON_AddNumberToObject(json, "index_rows", (double)counts->index_rows);
    cJSON_AddItemToObject(json, "differences", list);
    return cmd_print_json(cmd, json);
}

int cmd_verify(struct cmd *cmd, int argc, char **argv) {
    struct verify_options options = {.quick = false};
    const struct cmd_option table[] = {
        {"quick", CMD_FLAG, &options.quick, NULL, "leave out the checksums of the payloads"},
        {.name = NULL},
    };
    int code;
    if (!cmd_parse(cmd, &argc, &argv, table, &code))
        return code;
    if (argc)
        return cmd_usage(cmd);
    if ((code = cmd_open(cmd)) != EXIT_DONE)
        return code;
    /* What is being done takes longer to be finished while a daemon is at work. */
    options.pause_ms = spool_daemon_runs(cmd->spool) ? 1000 : 200;
    struct differences found = {cmd, cmd->json ? cJSON_CreateArray() : NULL};
    struct verify_counts counts;
    struct err err = {0};
    enum rc rc = verify_run(cmd->spool, cmd_index(cmd), &options, on_difference, &found, &counts, &err);
    if (rc) {
        cJSON_Delete(found.list);
        return cmd_fail_rc(cmd, rc, &err);
    }
    if (cmd->json)
        code = print_differences(cmd, &counts, found.list);
    else {
        if (counts.same)
            cmd_say(cmd, "%" PRIu64 " payloads have the same bytes as another one, which is no difference", counts.same);
        if (counts.documents)
            cmd_say(cmd, "%" PRIu64 " documents (%" PRIu64 " bytes%s)", counts.documents, counts.document_bytes, options.quick ? ", sums left out" : "");
        if (counts.archived)
            cmd_say(cmd, "%" PRIu64 " payloads are archived, which is no difference", counts.archived);
        cmd_say(cmd, "%" PRIu64 " jobs, %" PRIu64 " payloads (%" PRIu64 " bytes%s), %" PRIu64 " markers, %" PRIu64 " index rows: %" PRIu64 " differences",
                counts.jobs, counts.payloads, counts.bytes, options.quick ? ", sums left out" : "", counts.markers, counts.index_rows, counts.differences);
    }
    return code ? code : counts.differences ? EXIT_DATA : EXIT_DONE;
}

static void on_progress(void *context, uint64_t jobs) {
    uint64_t *done = context;
    *done = jobs;
}

/* The index stays the daemon user's: root builds it as that user, anyone else may not. */
static int become_owner(struct cmd *cmd) {
    struct stat st;
    struct err err = {0};
    enum rc rc = fsio_stat(cmd->spool->root_fd, "index", &st, &err);
    if (rc == RC_GONE)
        rc = fsio_stat(cmd->spool->root_fd, ".", &st, &err);
    if (rc)
        return cmd_fail_rc(cmd, rc, &err);
    if (geteuid() == st.st_uid)
        return EXIT_DONE;
    if (geteuid() != 0)
        return cmd_fail(cmd, EXIT_NOPERM, "%s/index belongs to user %u: run this as that user (sudo -u '#%u' batchspool reindex)", cmd->spool->root,
                        (unsigned)st.st_uid, (unsigned)st.st_uid);
    if (setgroups(1, &st.st_gid) != 0 || setegid(st.st_gid) != 0 || seteuid(st.st_uid) != 0)
        return cmd_fail(cmd, EXIT_NOPERM, "becoming user %u: %s", (unsigned)st.st_uid, strerror(errno));
    return EXIT_DONE;
}

static int rebuild(struct cmd *cmd) {
    uint64_t jobs = 0;
    struct index *index = NULL;
    struct err err = {0};
    enum rc rc = index_rebuild(cmd->spool, INDEX_OF_DAEMON, &index, on_progress, &jobs, &err);
    if (index)
        index_close(index);
    if (!rc)
        rc = payload_sums_rebuild(cmd->spool, &err);
    if (rc)
        return cmd_fail_rc(cmd, rc, &err);
    if (!cmd->json) {
        cmd_say(cmd, "%" PRIu64 " jobs", jobs);
        return EXIT_DONE;
    }
    cJSON *json = cJSON_CreateObject();
    cJSON_AddNumberToObject(json, "jobs", (double)jobs);
    return cmd_print_json(cmd, json);
}

int cmd_reindex(struct cmd *cmd, int argc, char **argv) {
    int code, lock;
    if (!cmd_parse(cmd, &argc, &argv, NULL, &code))
        return code;
    if (argc)
        return cmd_usage(cmd);
    if ((code = cmd_open(cmd)) != EXIT_DONE || (code = become_owner(cmd)) != EXIT_DONE)
        return code;
    /* Held for as long as it takes, so that no daemon starts on half an index. */
    struct err err = {0};
    enum rc rc = lockfile_hold(cmd->spool->root_fd, SPOOL_LOCK, &lock, &err);
    if (rc == RC_AGAIN)
        return cmd_fail(cmd, EXIT_LATER, "a daemon runs on %s and keeps the index itself; stop it first", cmd->spool->root);
    if (rc)
        return cmd_fail_rc(cmd, rc, &err);
    code = rebuild(cmd);
    close(lock);
    return code;
}
