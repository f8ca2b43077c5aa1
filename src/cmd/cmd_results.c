// SPDX-License-Identifier: Apache-2.0
#include "cmd/cmd_drop.h"

#include "os/fsio.h"
#include "source/forms.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PIECE_BYTES ((size_t)64 * 1024)
#define REPORT_MOST 65536

/* --- copies ------------------------------------------------------------------------------------------------------------- */

static enum rc copy_bytes(int from, int to, struct err *err) {
    char *piece = malloc(PIECE_BYTES);
    off_t at = 0;
    ssize_t length = 0;
    enum rc rc = piece ? RC_OK : err_set(err, RC_TEMP, "out of memory");
    while (!rc && (length = pread(from, piece, PIECE_BYTES, at)) > 0) {
        rc = fsio_write(to, piece, (size_t)length, err);
        at += length;
    }
    free(piece);
    return rc ? rc : length < 0 ? err_sys(err, "reading a result") : RC_OK;
}

/* One file, whole or not at all, under its own name in the caller's directory. */
static enum rc copy_file(const struct spool *spool, const char *path, const char *name, int dir_fd, struct err *err) {
    char tmp[300];
    int from, to;
    str_format(tmp, sizeof tmp, ".%s.%ld.tmp", name, (long)getpid());
    enum rc rc = fsio_open_read(spool->root_fd, path, &from, NULL, err);
    if (rc)
        return rc;
    rc = fsio_create(dir_fd, tmp, 0640, &to, err);
    if (!rc) {
        rc = copy_bytes(from, to, err);
        if (!rc)
            rc = fsio_sync(to, err);
        close(to);
        if (!rc)
            rc = fsio_rename(dir_fd, tmp, dir_fd, name, err);
        if (!rc)
            rc = fsio_sync_dir(dir_fd, ".", err);
        if (rc)
            fsio_unlink(dir_fd, tmp, NULL);
    }
    close(from);
    return rc;
}

/* SHA256SUMS of what was copied, which may be less than the job has. */
static enum rc put_sums(const cJSON *files, int dir_fd, struct err *err) {
    struct buf text = BUF_INIT(REPORT_MOST);
    const cJSON *file;
    enum rc rc = RC_OK;
    cJSON_ArrayForEach(file, files) {
        const char *path = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(file, "file")), *slash = path ? strrchr(path, '/') : NULL;
        const char *sum = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(file, "sha256"));
        if (!rc && slash && sum)
            rc = buf_printf(&text, "%s  %s\n", sum, slash + 1);
    }
    if (!rc)
        rc = fsio_put_file(dir_fd, ".SHA256SUMS.tmp", "SHA256SUMS", 0640, buf_text(&text), text.length, err);
    buf_release(&text);
    return rc;
}

/* One of the files that the daemon told, which is told by the name of its copy from then on. */
static enum rc copy_told(struct cmd *cmd, cJSON *file, int dir_fd, const char *output, struct err *err) {
    char target[4096];
    const char *path = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(file, "file")), *slash = path ? strrchr(path, '/') : NULL;
    if (!slash)
        return err_set(err, RC_CORRUPT, "the daemon's answer names no file");
    const enum rc rc = copy_file(cmd->spool, path, slash + 1, dir_fd, err);
    str_format(target, sizeof target, "%s%s%s", output, str_ends(output, "/") ? "" : "/", slash + 1);
    cJSON_ReplaceItemInObjectCaseSensitive(file, "file", cJSON_CreateString(target));
    return rc;
}

static int copy_all(struct cmd *cmd, cJSON *files, const char *output) {
    struct err err = {0};
    cJSON *file;
    int dir_fd;
    enum rc rc = fsio_make_dirs(AT_FDCWD, output, 0750, &err);
    if (!rc)
        rc = fsio_open_dir(AT_FDCWD, output, &dir_fd, &err);
    if (rc)
        return cmd_fail(cmd, EXIT_CANTCREATE, "%s", err.text);
    cJSON_ArrayForEach(file, files) {
        rc = copy_told(cmd, file, dir_fd, output, &err);
        if (rc)
            break;
    }
    if (!rc)
        rc = put_sums(files, dir_fd, &err);
    close(dir_fd);
    return rc ? cmd_fail_rc(cmd, rc, &err) : EXIT_DONE;
}

/* --- asking ------------------------------------------------------------------------------------------------------------- */

static void print_files(struct cmd *cmd, const cJSON *files, bool copied) {
    const cJSON *file;
    cJSON_ArrayForEach(file, files) {
        const char *path = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(file, "file"));
        const char *sum = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(file, "sha256"));
        const cJSON *bytes = cJSON_GetObjectItemCaseSensitive(file, "bytes");
        printf("%s%s%s  %.0f bytes  sha256 %s\n", copied ? "" : cmd->spool->root, copied ? "" : "/", path ? path : "?", bytes ? bytes->valuedouble : 0.0,
               sum ? sum : "?");
    }
}

static enum rc job_text(const char *job_id, const struct cmd_list *formats, const char *report, const char *baseline, struct buf *text) {
    cJSON *json = cJSON_CreateObject(), *results = cJSON_AddObjectToObject(json, "results");
    cJSON_AddStringToObject(json, "mode", "results");
    cJSON_AddStringToObject(results, "job", job_id);
    if (formats->count) {
        cJSON *list = cJSON_AddArrayToObject(results, "formats");
        for (size_t i = 0; i < formats->count; i++)
            cJSON_AddItemToArray(list, cJSON_CreateString(formats->items[i]));
    } else
        cJSON_AddTrueToObject(results, "standard");
    if (report)
        cJSON_AddStringToObject(results, "report", report);
    if (baseline)
        cJSON_AddStringToObject(results, "baseline", baseline);
    char *printed = cJSON_Print(json);
    enum rc rc = printed ? buf_add_text(text, printed) : RC_TEMP;
    cJSON_free(printed);
    cJSON_Delete(json);
    return rc;
}

struct results_ask {
    struct cmd_list formats;
    const char *output, *report, *baseline;
};

static int run(struct cmd *cmd, const char *job_id, const struct results_ask *ask, const char *baseline) {
    struct buf text = BUF_INIT(REPORT_MOST);
    cJSON *answer = NULL;
    int code = job_text(job_id, &ask->formats, ask->report, baseline, &text) ? cmd_fail(cmd, EXIT_IO, "out of memory") : EXIT_DONE;
    if (!code)
        code = cmd_drop_ask(cmd, "results", &text, &answer);
    buf_release(&text);
    cJSON *files = cJSON_GetObjectItemCaseSensitive(answer, "files");
    if (!code && ask->output)
        code = copy_all(cmd, files, ask->output);
    if (!code && cmd->json)
        return cmd_print_json(cmd, answer);
    if (!code)
        print_files(cmd, files, ask->output != NULL);
    cJSON_Delete(answer);
    return code;
}

int cmd_results(struct cmd *cmd, int argc, char **argv) {
    struct results_ask ask = {.output = NULL};
    const struct cmd_option table[] = {
        {"format", CMD_LIST, &ask.formats, "FORMAT",
         "ndjson, csv, xlsx, html, pdf or ics; may be repeated. Without it: what the kind of the results usually has"},
        {"report", CMD_TEXT, &ask.report, "table|pagespeed|lease", "what is made of the records; else the source's definition says it"},
        {"baseline", CMD_TEXT, &ask.baseline, "ID", "pagespeed: compare with this job, too"},
        {"output", CMD_TEXT, &ask.output, "DIR", "copy the files to this directory, with their SHA256SUMS"},
        {.name = NULL},
    };
    struct jobs_entry job = {.file = NULL}, base = {.file = NULL};
    enum form form;
    int code;
    if (!cmd_parse(cmd, &argc, &argv, table, &code))
        return code;
    if (argc != 1)
        return cmd_usage(cmd);
    for (size_t i = 0; i < ask.formats.count; i++)
        if (!forms_parse(ask.formats.items[i], &form))
            return cmd_fail(cmd, EXIT_USAGE, "--format %s: there are ndjson, csv, xlsx, html, pdf and ics", ask.formats.items[i]);
    if ((code = cmd_open(cmd)) != EXIT_DONE || (code = cmd_job_find(cmd, argv[0], &job)) != EXIT_DONE)
        return code;
    if (!job.id[0])
        code = cmd_fail(cmd, EXIT_NOINPUT, "%s: it was never accepted and has no records", job.file);
    if (!code && ask.baseline)
        code = cmd_job_find(cmd, ask.baseline, &base);
    if (!code)
        code = run(cmd, job.id, &ask, ask.baseline ? base.id : NULL);
    free(job.file);
    free(base.file);
    return code;
}
