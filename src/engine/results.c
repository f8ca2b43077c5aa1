// SPDX-License-Identifier: Apache-2.0
#include "engine/errand.h"

#include "base/digest.h"
#include "base/fault.h"
#include "engine/export.h"
#include "os/dirscan.h"
#include "os/fsio.h"
#include "spool/job.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PATH_SIZE (JOBID_SIZE + ERRAND_NAME_SIZE + 16)
#define PIECE_BYTES ((size_t)64 * 1024)
#define SUM_ENDING ".sha256"
#define FILES_MOST 1000u

/* An export while it is written: the disk's word on it, which stdio does not keep. */
struct output {
    int fd;
    enum rc rc;
    struct err *err;
};

static ssize_t output_write(void *cookie, const char *bytes, size_t length) {
    struct output *out = cookie;
    if (out->rc == RC_OK)
        out->rc = fsio_write(out->fd, bytes, length, out->err);
    return out->rc ? 0 : (ssize_t)length; /* 0: an error, to stdio */
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

/* Of a job of which every unit failed nothing was ever loaded: its files say so. */
static bool all_failed(const struct spool *spool, const char *job_id) {
    struct job_row row;
    return job_id[0] && job_row_read(spool, job_id, &row, NULL, NULL, NULL) == RC_OK && row.failed_units && !row.captured_batches;
}

enum rc results_export(const struct spool *spool, struct sources *sources, const struct errand *errand, enum form form, int fd, uint64_t *rows, char *cursor,
                       struct err *err) {
    char *columns = errand->columns ? cJSON_PrintUnformatted(errand->columns) : NULL;
    const struct export_options options = {.csv = form == FORM_CSV,
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
    struct err disk = {0};
    struct output out = {.fd = fd, .err = &disk};
    FILE *file = fopencookie(&out, "w", functions);
    enum rc rc = file && (columns || !errand->columns) ? RC_OK : err_set(err, RC_TEMP, "out of memory");
    if (!rc)
        rc = export_run(spool, sources, &options, file, rows, err);
    if (rc == RC_GONE && all_failed(spool, errand->job)) {
        *rows = 0;
        rc = RC_OK;
    }
    if (file && fclose(file) != 0 && !rc)
        rc = RC_TEMP;
    free(columns);
    return out.rc ? err_set(err, out.rc, "%s", disk.text) : rc;
}

/* --- one file ----------------------------------------------------------------------------------------------------------- */

struct made {
    char name[ERRAND_NAME_SIZE], sha256[DIGEST_HEX_SIZE];
    uint64_t bytes, rows;
};

static enum rc sum_of(int fd, char sha256[DIGEST_HEX_SIZE], uint64_t *bytes, struct err *err) {
    struct digest *digest = digest_new();
    char *piece = malloc(PIECE_BYTES);
    ssize_t length = -1;
    *bytes = 0;
    while (digest && piece && (length = pread(fd, piece, PIECE_BYTES, (off_t)*bytes)) > 0) {
        digest_add(digest, piece, (size_t)length);
        *bytes += (uint64_t)length;
    }
    enum rc rc = length == 0 ? RC_OK : digest && piece ? err_sys(err, "reading what was written") : err_set(err, RC_TEMP, "out of memory");
    if (!rc)
        digest_hex(digest, sha256);
    digest_free(digest);
    free(piece);
    return rc;
}

/* These very bytes lie there under their name, with their sum: a repeated run changes nothing. */
static bool is_there(const struct spool *spool, const char *path, const char *sum_path, const char *line, const struct made *made) {
    char sha256[DIGEST_HEX_SIZE];
    struct buf sum = BUF_INIT(512);
    uint64_t bytes;
    int fd;
    if (fsio_open_read(spool->results_fd, path, &fd, NULL, NULL))
        return false;
    const bool same = sum_of(fd, sha256, &bytes, NULL) == RC_OK && bytes == made->bytes && strcmp(sha256, made->sha256) == 0 &&
                      fsio_read_file(spool->results_fd, sum_path, &sum, NULL) == RC_OK && strcmp(buf_text(&sum), line) == 0;
    buf_release(&sum);
    close(fd);
    return same;
}

/* Under its own name, which may be there from another export. */
static enum rc publish(const struct spool *spool, const char *dir, const char *tmp, const struct made *made, const char *job_id, struct err *err) {
    char path[PATH_SIZE], sum_path[PATH_SIZE], sum_tmp[PATH_SIZE], line[DIGEST_HEX_SIZE + ERRAND_NAME_SIZE + 8];
    str_format(path, sizeof path, "%s/%s", dir, made->name);
    str_format(sum_path, sizeof sum_path, "%s/%s" SUM_ENDING, dir, made->name);
    str_format(sum_tmp, sizeof sum_tmp, "%s/.%s.sum", dir, job_id);
    str_format(line, sizeof line, "%s  %s\n", made->sha256, made->name);
    if (is_there(spool, path, sum_path, line, made)) {
        enum rc rc = fsio_unlink(spool->results_fd, tmp, err);
        return rc ? rc : fsio_sync_dir(spool->results_fd, dir, err); /* its rename may not have been synced */
    }
    enum rc rc = fsio_unlink(spool->results_fd, sum_path, err); /* of what lay there: until the new one is there, it has none */
    rc = rc == RC_GONE ? RC_OK : rc ? rc : fsio_sync_dir(spool->results_fd, dir, err);
    rc = rc ? rc : fsio_rename(spool->results_fd, tmp, spool->results_fd, path, err);
    if (!rc)
        rc = fsio_sync_dir(spool->results_fd, dir, err);
    return rc ? rc : fsio_put_file(spool->results_fd, sum_tmp, sum_path, 0660, line, strlen(line), err);
}

struct making {
    const struct spool *spool;
    struct sources *sources;
    const char *job_id; /* of mode results */
    const struct errand *errand;
    results_report *report;
    char *cursor;
};

static enum rc fill(const struct making *m, enum form form, int fd, uint64_t *rows, struct err *err) {
    if (form == FORM_NDJSON || errand_exports(m->errand))
        return results_export(m->spool, m->sources, m->errand, form, fd, rows, m->cursor, err);
    return m->report ? m->report(m->spool, m->sources, m->errand, form, fd, rows, err) : err_set(err, RC_PERM, "reports are made by batchspool-report");
}

static enum rc make_one(const struct making *m, enum form form, const char *name, struct made *made, struct err *err) {
    char tmp[PATH_SIZE];
    int fd;
    str_copy(made->name, sizeof made->name, name);
    results_tmp(m->job_id, m->errand, tmp, sizeof tmp);
    enum rc rc = fsio_unlink(m->spool->results_fd, tmp, err); /* of one that was killed */
    if (!rc || rc == RC_GONE)
        rc = fsio_create(m->spool->results_fd, tmp, 0660, &fd, err);
    if (rc)
        return rc;
    rc = fill(m, form, fd, &made->rows, err);
    if (!rc && fault_point("results", tmp))
        rc = err_set(err, RC_TEMP, "%s: a fault that was asked for", tmp);
    if (!rc)
        rc = fsio_sync(fd, err);
    if (!rc)
        rc = sum_of(fd, made->sha256, &made->bytes, err);
    close(fd);
    if (rc) {
        fsio_unlink(m->spool->results_fd, tmp, NULL);
        return rc;
    }
    return publish(m->spool, dir_of(m->job_id, m->errand), tmp, made, m->job_id, err);
}

/* --- SHA256SUMS --------------------------------------------------------------------------------------------------------- */

static int by_name(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The names of the sums that lie there, in order. */
static enum rc list_sums(const struct spool *spool, const char *dir, char **names, size_t *count, struct err *err) {
    struct dirscan *scan;
    const char *name;
    unsigned char type;
    enum rc rc = dirscan_open(spool->results_fd, dir, &scan, err);
    if (rc)
        return rc;
    while ((rc = dirscan_next(scan, &name, &type, err)) == RC_OK && *count < FILES_MOST) {
        if (type != DT_REG || name[0] == '.' || !str_ends(name, SUM_ENDING))
            continue;
        names[*count] = strdup(name);
        if (!names[*count]) {
            rc = err_set(err, RC_TEMP, "out of memory");
            break;
        }
        ++*count;
    }
    dirscan_close(scan);
    qsort(names, *count, sizeof *names, by_name);
    return rc == RC_GONE ? RC_OK : rc;
}

static enum rc join_sums(const struct spool *spool, const char *dir, char **names, size_t count, struct buf *text, struct err *err) {
    enum rc rc = RC_OK;
    for (size_t i = 0; i < count && !rc; i++) {
        char path[PATH_SIZE + 16];
        struct buf line = BUF_INIT(1024);
        str_format(path, sizeof path, "%s/%s", dir, names[i]);
        rc = fsio_read_file(spool->results_fd, path, &line, err);
        if (!rc && buf_add(text, line.data, line.length))
            rc = err_set(err, RC_TEMP, "out of memory");
        buf_release(&line);
    }
    return rc;
}

/* All files of a job's results in one list that `sha256sum -c` takes. */
static enum rc write_sums(const struct spool *spool, const char *dir, const char *job_id, struct err *err) {
    char **names = calloc(FILES_MOST, sizeof *names), path[PATH_SIZE], tmp[PATH_SIZE];
    struct buf text = BUF_INIT(FILES_MOST * 512), old = BUF_INIT(FILES_MOST * 512);
    size_t count = 0;
    str_format(path, sizeof path, "%s/SHA256SUMS", dir);
    str_format(tmp, sizeof tmp, "%s/.%s.sums", dir, job_id);
    enum rc rc = names ? list_sums(spool, dir, names, &count, err) : err_set(err, RC_TEMP, "out of memory");
    if (!rc)
        rc = join_sums(spool, dir, names, count, &text, err);
    const bool same = !rc && fsio_read_file(spool->results_fd, path, &old, NULL) == RC_OK && strcmp(buf_text(&old), buf_text(&text)) == 0;
    if (!rc && !same)
        rc = fsio_put_file(spool->results_fd, tmp, path, 0660, buf_text(&text), text.length, err);
    for (size_t i = 0; i < count; i++)
        free(names[i]);
    free(names);
    buf_release(&text);
    buf_release(&old);
    return rc;
}

/* What was made, when all of it is there. */
static enum rc write_ready(const struct spool *spool, const char *dir, const char *job_id, const cJSON *json, struct err *err) {
    char path[PATH_SIZE], tmp[PATH_SIZE], *text = cJSON_Print(json);
    struct buf line = BUF_INIT(1024 * 1024), old = BUF_INIT(1024 * 1024);
    str_format(path, sizeof path, "%s/" RESULTS_READY, dir);
    str_format(tmp, sizeof tmp, "%s/.%s.ready", dir, job_id);
    enum rc rc = text && buf_printf(&line, "%s\n", text) == RC_OK ? RC_OK : err_set(err, RC_TEMP, "out of memory");
    const bool same = !rc && fsio_read_file(spool->results_fd, path, &old, NULL) == RC_OK && strcmp(buf_text(&old), buf_text(&line)) == 0;
    if (!rc && !same)
        rc = fsio_put_file(spool->results_fd, tmp, path, 0660, buf_text(&line), line.length, err);
    cJSON_free(text);
    buf_release(&line);
    buf_release(&old);
    return rc;
}

/* --- all of it ---------------------------------------------------------------------------------------------------------- */

static cJSON *made_json(const char *dir, const struct made *made) {
    char path[PATH_SIZE + 16];
    cJSON *json = cJSON_CreateObject();
    str_format(path, sizeof path, "results/%s/%s", dir, made->name);
    cJSON_AddStringToObject(json, "file", path);
    cJSON_AddStringToObject(json, "sha256", made->sha256);
    cJSON_AddNumberToObject(json, "bytes", (double)made->bytes);
    cJSON_AddNumberToObject(json, "records", (double)made->rows);
    return json;
}

static enum rc known_job(const struct spool *spool, const char *job_id, struct err *err) {
    char name[JOBID_SIZE + 8];
    struct stat st;
    str_format(name, sizeof name, "%s.ndjson", job_id);
    return fsio_stat(spool->journal_fd, name, &st, NULL) == RC_OK ? RC_OK : err_set(err, RC_GONE, "there is no job %s", job_id);
}

/* RC_AGAIN: it is about to. */
static enum rc has_ended(const struct spool *spool, const char *job_id, struct err *err) {
    struct job_row row;
    const enum rc rc = job_row_read(spool, job_id, &row, NULL, NULL, err);
    return !rc && (row.place == PLACE_PROCESSING || row.place == PLACE_PENDING) ? err_set(err, RC_AGAIN, "job %s has not ended yet", job_id) : rc;
}

/* Which report, when the job of mode results does not say it: the definition's word, as it is now. A source that has gone is a table. */
static enum forms_report report_of(const struct making *m) {
    const struct source *source;
    struct job_row row;
    if (m->errand->reported)
        return m->errand->report;
    const bool known = m->errand->job[0] && job_row_read(m->spool, m->errand->job, &row, NULL, NULL, NULL) == RC_OK &&
                       sources_get(m->sources, row.source, &source, NULL) == RC_OK;
    return known ? source->report : FORMS_TABLE;
}

static enum rc make_set(const struct making *m, unsigned formats, cJSON *answer, struct err *err) {
    cJSON *files = cJSON_AddArrayToObject(answer, "files");
    enum rc rc = RC_OK;
    for (unsigned i = 0; i < FORM_COUNT && !rc; i++) {
        struct made made = {.bytes = 0};
        if (!(formats & FORM_BIT(i)))
            continue;
        rc = make_one(m, (enum form)i, forms_file((enum form)i), &made, err);
        if (!rc)
            cJSON_AddItemToArray(files, made_json(m->errand->job, &made));
    }
    return rc;
}

enum rc results_make(const struct spool *spool, struct sources *sources, const char *job_id, const struct errand *errand, results_report *report,
                     cJSON **answer, struct err *err) {
    const char *dir = dir_of(job_id, errand);
    char cursor[EXPORT_CURSOR_SIZE] = "";
    struct errand own = *errand;
    const struct making m = {.spool = spool, .sources = sources, .job_id = job_id, .errand = &own, .report = report, .cursor = cursor};
    struct made made = {.bytes = 0};
    cJSON *json = NULL;
    enum rc rc = known_job(spool, dir, err);
    if (!rc)
        rc = fsio_make_dirs(spool->results_fd, dir, 02770, err);
    if (!rc && errand->wait)
        rc = has_ended(spool, dir, err);
    if (!errand_exports(errand))
        own.report = report_of(&m);
    if (!rc && errand->set) {
        json = cJSON_CreateObject();
        cJSON_AddStringToObject(json, "report", forms_report_name(own.report));
        rc = make_set(&m, errand->formats ? errand->formats : forms_standard(own.report), json, err);
    } else if (!rc) {
        enum form form = FORM_NDJSON;
        while (form + 1 < FORM_COUNT && !(errand->formats & FORM_BIT(form)))
            form++;
        rc = make_one(&m, form, errand->name, &made, err);
        json = rc ? NULL : made_json(dir, &made);
        if (!rc && cursor[0])
            cJSON_AddStringToObject(json, "cursor", cursor);
    }
    if (!rc)
        rc = write_sums(spool, dir, job_id, err);
    if (!rc && errand->wait)
        rc = write_ready(spool, dir, job_id, json, err);
    if (rc)
        cJSON_Delete(json);
    else
        *answer = json;
    return rc;
}
