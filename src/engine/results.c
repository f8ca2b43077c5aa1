// SPDX-License-Identifier: Apache-2.0
#include "engine/errand.h"

#include "base/digest.h"
#include "base/fault.h"
#include "engine/export.h"
#include "os/fsio.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PATH_SIZE (JOBID_SIZE + ERRAND_NAME_SIZE + 16)

/* The file while it is written: its sum and length are those of what went to the disk. */
struct output {
    int fd;
    struct digest *digest;
    uint64_t bytes;
    enum rc rc;
    struct err *err;
};

static ssize_t output_write(void *cookie, const char *bytes, size_t length) {
    struct output *out = cookie;
    if (out->rc == RC_OK)
        out->rc = fsio_write(out->fd, bytes, length, out->err);
    if (out->rc)
        return 0; /* an error, to stdio */
    digest_add(out->digest, bytes, length);
    out->bytes += length;
    return (ssize_t)length;
}

static const char *dir_of(const char *job_id, const struct errand *errand) {
    return errand->job[0] ? errand->job : job_id;
}

void results_tmp(const char *job_id, const struct errand *errand, char *out, size_t size) {
    str_format(out, size, "%s/.%s.tmp", dir_of(job_id, errand), job_id);
}

static const char *given(const char *text) {
    return text[0] ? text : NULL;
}

static enum rc export_to(const struct spool *spool, struct sources *sources, const struct errand *errand, struct output *out, uint64_t *rows, char *cursor,
                         struct err *err) {
    char *columns = errand->columns ? cJSON_PrintUnformatted(errand->columns) : NULL;
    const struct export_options options = {.csv = errand->csv,
                                           .source = given(errand->source),
                                           .campaign = given(errand->campaign),
                                           .job = given(errand->job),
                                           .children = given(errand->children),
                                           .not_in = given(errand->not_in),
                                           .columns_text = columns,
                                           .columns_length = columns ? strlen(columns) : 0,
                                           .with_origin = errand->with_origin,
                                           .since = given(errand->since),
                                           .limit = errand->limit,
                                           .cursor = cursor};
    const cookie_io_functions_t functions = {.write = output_write};
    FILE *file = fopencookie(out, "w", functions);
    enum rc rc = file && (columns || !errand->columns) ? RC_OK : err_set(err, RC_TEMP, "out of memory");
    if (!rc)
        rc = export_run(spool, sources, &options, file, rows, err);
    if (file && fclose(file) != 0 && !rc)
        rc = RC_TEMP;
    free(columns);
    if (out->rc) /* the disk's word on it, not stdio's */
        rc = err_set(err, out->rc, "%s", out->err->text);
    return rc;
}

/* Under its own name, which may be there from another export. */
static enum rc publish(const struct spool *spool, const char *dir, const char *tmp, const char *name, const char *sha256, const char *job_id, struct err *err) {
    char path[PATH_SIZE], sum_path[PATH_SIZE], sum_tmp[PATH_SIZE], line[DIGEST_HEX_SIZE + ERRAND_NAME_SIZE + 8];
    str_format(path, sizeof path, "%s/%s", dir, name);
    str_format(sum_path, sizeof sum_path, "%s/%s.sha256", dir, name);
    str_format(sum_tmp, sizeof sum_tmp, "%s/.%s.sum", dir, job_id);
    str_format(line, sizeof line, "%s  %s\n", sha256, name);
    enum rc rc = fsio_rename(spool->results_fd, tmp, spool->results_fd, path, err);
    if (!rc)
        rc = fsio_sync_dir(spool->results_fd, dir, err);
    return rc ? rc : fsio_put_file(spool->results_fd, sum_tmp, sum_path, 0660, line, strlen(line), err);
}

static enum rc write_file(const struct spool *spool, struct sources *sources, const char *job_id, const struct errand *errand, struct output *out,
                          uint64_t *rows, char *cursor, struct err *err) {
    char tmp[PATH_SIZE];
    results_tmp(job_id, errand, tmp, sizeof tmp);
    enum rc rc = fsio_unlink(spool->results_fd, tmp, err); /* of one that was killed */
    if (!rc || rc == RC_GONE)
        rc = fsio_create(spool->results_fd, tmp, 0660, &out->fd, err);
    if (rc)
        return rc;
    rc = export_to(spool, sources, errand, out, rows, cursor, err);
    if (!rc && fault_point("results", tmp))
        rc = err_set(err, RC_TEMP, "%s: a fault that was asked for", tmp);
    if (!rc)
        rc = fsio_sync(out->fd, err);
    close(out->fd);
    if (rc)
        fsio_unlink(spool->results_fd, tmp, NULL);
    return rc;
}

static cJSON *answer_of(const char *path, const char *sha256, const struct output *out, uint64_t rows, const char *cursor) {
    cJSON *answer = cJSON_CreateObject();
    cJSON_AddStringToObject(answer, "file", path);
    cJSON_AddStringToObject(answer, "sha256", sha256);
    cJSON_AddNumberToObject(answer, "bytes", (double)out->bytes);
    cJSON_AddNumberToObject(answer, "records", (double)rows);
    if (cursor[0])
        cJSON_AddStringToObject(answer, "cursor", cursor);
    return answer;
}

static enum rc known_job(const struct spool *spool, const char *job_id, struct err *err) {
    char name[JOBID_SIZE + 8];
    struct stat st;
    str_format(name, sizeof name, "%s.ndjson", job_id);
    return fsio_stat(spool->journal_fd, name, &st, NULL) == RC_OK ? RC_OK : err_set(err, RC_GONE, "there is no job %s", job_id);
}

enum rc results_make(const struct spool *spool, struct sources *sources, const char *job_id, const struct errand *errand, cJSON **answer, struct err *err) {
    const char *dir = dir_of(job_id, errand);
    char tmp[PATH_SIZE], path[PATH_SIZE], sha256[DIGEST_HEX_SIZE], cursor[EXPORT_CURSOR_SIZE] = "";
    struct err disk = {0};
    struct output out = {.digest = digest_new(), .err = &disk};
    uint64_t rows = 0;
    enum rc rc = out.digest ? known_job(spool, dir, err) : err_set(err, RC_TEMP, "out of memory");
    if (!rc)
        rc = fsio_make_dirs(spool->results_fd, dir, 02770, err);
    if (!rc)
        rc = write_file(spool, sources, job_id, errand, &out, &rows, cursor, err);
    if (!rc) {
        digest_hex(out.digest, sha256);
        results_tmp(job_id, errand, tmp, sizeof tmp);
        rc = publish(spool, dir, tmp, errand->name, sha256, job_id, err);
    }
    if (!rc) {
        str_format(path, sizeof path, "results/%s/%s", dir, errand->name);
        *answer = answer_of(path, sha256, &out, rows, cursor);
    }
    digest_free(out.digest);
    return rc;
}
