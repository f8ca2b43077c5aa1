// SPDX-License-Identifier: Apache-2.0
#include "api/downloads.h"

#include "api/admit.h"
#include "api/api.h"
#include "api/decode.h"
#include "api/follow.h"
#include "api/submission.h"
#include "base/clock.h"
#include "base/digest.h"
#include "base/limits.h"
#include "os/dirscan.h"
#include "os/fsio.h"
#include "source/forms.h"

#include <dirent.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NAME_MOST 128u
#define FILES_MOST 1000
#define RECORDS_DEFAULT 50u
#define RECORDS_MOST 500u
#define RECORDS_WAIT_MS 20000u
#define SUM_ENDING ".sha256"

/* --- files -------------------------------------------------------------------------------------------------------------- */

/* [A-Za-z0-9_][A-Za-z0-9._-]*: what the daemon gives its files, and nothing that leads elsewhere. */
static bool name_valid(const char *name) {
    size_t length = strlen(name);
    if (!length || length > NAME_MOST || *name == '.' || *name == '-')
        return false;
    for (const char *at = name; *at; at++)
        if (!((*at >= 'a' && *at <= 'z') || (*at >= 'A' && *at <= 'Z') || (*at >= '0' && *at <= '9') || strchr("._-", *at)))
            return false;
    return true;
}

/* The sum that lies beside a file; "" none. */
static void sum_of(const struct spool *spool, const char *path, char sum[DIGEST_HEX_SIZE]) {
    char beside[JOBID_SIZE + NAME_MOST + 16];
    struct buf text = BUF_INIT(512);
    unsigned char ignored[DIGEST_BYTES];
    *sum = '\0';
    str_format(beside, sizeof beside, "%s" SUM_ENDING, path);
    if (fsio_read_file(spool->results_fd, beside, &text, NULL) == RC_OK && text.length >= DIGEST_HEX_SIZE) {
        memcpy(sum, text.data, DIGEST_HEX_SIZE - 1);
        sum[DIGEST_HEX_SIZE - 1] = '\0';
        if (!str_unhex(sum, ignored, DIGEST_BYTES))
            *sum = '\0';
    }
    buf_release(&text);
}

static const char *type_of(const char *name) {
    enum form form;
    const char *dot = strrchr(name, '.');
    if (dot && forms_parse(dot + 1, &form))
        return forms_type(form);
    return str_ends(name, ".json") ? "application/json" : "application/octet-stream";
}

static cJSON *file_json(const struct spool *spool, const char *id, const char *name) {
    char path[JOBID_SIZE + NAME_MOST + 8], sum[DIGEST_HEX_SIZE], time[CLOCK_RFC3339_SIZE];
    struct stat st;
    str_format(path, sizeof path, "%s/%s", id, name);
    if (fsio_stat(spool->results_fd, path, &st, NULL) || !S_ISREG(st.st_mode))
        return NULL;
    cJSON *json = cJSON_CreateObject();
    sum_of(spool, path, sum);
    clock_format_rfc3339(clock_file_us(st.st_mtim), 6, time);
    cJSON_AddStringToObject(json, "name", name);
    cJSON_AddNumberToObject(json, "bytes", (double)st.st_size);
    if (*sum)
        cJSON_AddStringToObject(json, "sha256", sum);
    else
        cJSON_AddNullToObject(json, "sha256");
    cJSON_AddStringToObject(json, "created_at", time);
    return json;
}

void downloads_list(struct request *r) {
    struct dirscan *scan;
    const char *name;
    unsigned char type;
    struct err err = {0};
    cJSON *json = cJSON_CreateObject(), *list = cJSON_AddArrayToObject(json, "results");
    enum rc rc = dirscan_open(r->api->spool->results_fd, r->job->id, &scan, &err);
    const bool some = rc == RC_OK;
    while (!rc && cJSON_GetArraySize(list) < FILES_MOST && (rc = dirscan_next(scan, &name, &type, &err)) == RC_OK) {
        if (type == DT_REG && name_valid(name) && !str_ends(name, SUM_ENDING) && strcmp(name, "SHA256SUMS") != 0)
            cJSON_AddItemToArray(list, file_json(r->api->spool, r->job->id, name));
    }
    if (some)
        dirscan_close(scan);
    if (rc && rc != RC_GONE) {
        cJSON_Delete(json);
        reply_rc(r, rc, &err);
        return;
    }
    cJSON_AddNumberToObject(json, "records", (double)r->job->success_count);
    reply_json(r, 200, json);
}

/* The children's rows as one file; else the file of a form, or the standard set. */
static cJSON *make_what(const char *id, const char *format, const char *children, const char *baseline) {
    cJSON *results = cJSON_CreateObject();
    cJSON_AddStringToObject(results, "job", id);
    if (children) {
        cJSON_AddStringToObject(results, "format", format);
        cJSON_AddStringToObject(results, "children", children);
    } else if (format)
        cJSON_AddItemToArray(cJSON_AddArrayToObject(results, "formats"), cJSON_CreateString(format));
    else
        cJSON_AddTrueToObject(results, "standard");
    if (baseline)
        cJSON_AddStringToObject(results, "baseline", baseline);
    return results;
}

/* A report tells of its baseline, too: whoever may not see that job gets none. */
bool downloads_make_prepare(struct request *r) {
    const char *baseline = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(r->json, "baseline"));
    struct job_row row;
    if (!baseline || !jobid_valid(baseline)) /* what is wrong is told when all members are checked */
        return true;
    const enum rc rc = follow_row(r->api->follow, baseline, &row, NULL);
    if ((rc == RC_OK || rc == RC_CORRUPT) && admit_sees(&r->who, row.created_by))
        return true;
    reply_invalid(r, "/baseline", "there is no job %s", baseline);
    return false;
}

void downloads_make(struct request *r) {
    static const char *const known[] = {"format", "children", "baseline", NULL};
    const char *format, *children, *baseline;
    char label[JOBID_SLUG_SIZE];
    enum form form = FORM_NDJSON;
    if (!request_members(r, known) || !request_text(r, "format", 10, false, &format) || !request_text(r, "children", LIMIT_NAME_BYTES, false, &children) ||
        !request_text(r, "baseline", JOBID_SIZE - 1, false, &baseline))
        return;
    if (format && !forms_parse(format, &form))
        reply_invalid(r, "/format", "must be ndjson, csv, xlsx, html, pdf or ics");
    else if (children && (!format || (form != FORM_NDJSON && form != FORM_CSV)))
        reply_invalid(r, "/format", "must be ndjson or csv, for children");
    else if (children && !str_is_name(children))
        reply_invalid(r, "/children", "must be the name of children of the source");
    else if (baseline && !jobid_valid(baseline))
        reply_invalid(r, "/baseline", "must be the whole id of a job");
    else if (!r->job->loaded_batches && !r->job->owned_records && !r->job->failed_units)
        reply_problem(r, 409, "nothing of the job is loaded yet; process it first");
    else {
        cJSON *json = cJSON_CreateObject();
        cJSON_AddStringToObject(json, "mode", "results");
        cJSON_AddItemToObject(json, "results", make_what(r->job->id, format, children, baseline));
        str_format(label, sizeof label, "results-%s", format ? format : "all");
        submission_ask(r, label, json);
    }
}

/* Without If-Range, or when that is the file's ETag: who goes on with a part of an older file must get the whole of this one. */
static bool is_same_file(const struct request *r, const char *sum) {
    const char *field = request_header(r, "If-Range");
    char tag[DIGEST_HEX_SIZE + 2];
    return !field || (*sum && str_format(tag, sizeof tag, "\"%s\"", sum) && strcmp(field, tag) == 0);
}

/* "bytes=A-B", one range only; others are answered as if there were none. False: the reply is 416. */
static bool take_range(struct request *r, uint64_t size) {
    const char *field = request_header(r, "Range");
    char text[64], *dash;
    uint64_t from = 0, to = size ? size - 1 : 0;
    if (!field || !str_starts(field, "bytes=") || strchr(field, ',') || !str_copy(text, sizeof text, field + 6) || !(dash = strchr(text, '-')))
        return true;
    *dash = '\0';
    if (!*text) { /* the last so many */
        uint64_t last;
        if (!str_to_u64(dash + 1, 0, UINT64_MAX / 2, &last))
            return true;
        from = last < size ? size - last : 0;
    } else if (!str_to_u64(text, 0, UINT64_MAX / 2, &from) || (dash[1] && !str_to_u64(dash + 1, from, UINT64_MAX / 2, &to)))
        return true;
    if (from >= size) {
        reply_problem(r, 416, "the file has %llu bytes", (unsigned long long)size);
        reply_header(r, "Content-Range", "bytes */%llu", (unsigned long long)size);
        return false;
    }
    if (to >= size)
        to = size - 1;
    r->reply.status = 206;
    r->reply.offset = from;
    r->reply.length = to - from + 1;
    reply_header(r, "Content-Range", "bytes %llu-%llu/%llu", (unsigned long long)from, (unsigned long long)to, (unsigned long long)size);
    return true;
}

/* What is handed on bears the name of its job: "oxford-portfolio-report.pdf". */
static void handed_on(const char *job_id, const char *name, char *out, size_t size) {
    char time[17], hex[13];
    const char *slug;
    jobid_parts(job_id, time, hex, &slug);
    str_format(out, size, "%s-%s", slug, name);
}

/* Repr-Digest (RFC 9530): of the whole file, also with a part of it. */
static void tell_digest(struct request *r, const char *sum) {
    unsigned char bytes[DIGEST_BYTES];
    char text[sodium_base64_ENCODED_LEN(DIGEST_BYTES, sodium_base64_VARIANT_ORIGINAL)];
    if (!str_unhex(sum, bytes, DIGEST_BYTES))
        return;
    sodium_bin2base64(text, sizeof text, bytes, sizeof bytes, sodium_base64_VARIANT_ORIGINAL);
    reply_header(r, "Repr-Digest", "sha-256=:%s:", text);
}

void downloads_fetch(struct request *r) {
    const char *name = request_query(r, "name"), *format = request_query(r, "format");
    char path[JOBID_SIZE + NAME_MOST + 8], sum[DIGEST_HEX_SIZE], shown[NAME_MOST + JOBID_SLUG_SIZE + 2];
    struct stat st;
    struct err err = {0};
    enum form form = FORM_NDJSON;
    int fd;
    if (!name == !format) {
        reply_problem(r, 400, "either name or format");
        return;
    }
    if (format && !forms_parse(format, &form)) {
        reply_problem(r, 400, "format must be ndjson, csv, xlsx, html, pdf or ics");
        return;
    }
    if (format)
        name = forms_file(form);
    if (!name_valid(name)) {
        reply_problem(r, 400, "name is none of a result");
        return;
    }
    str_format(path, sizeof path, "%s/%s", r->job->id, name);
    enum rc rc = fsio_open_read(r->api->spool->results_fd, path, &fd, &st, &err);
    if (rc == RC_GONE)
        reply_problem(r, 404, "there is no %s of this job yet; POST /api/batch-jobs/%s/results makes one", name, r->job->id);
    else if (rc)
        reply_rc(r, rc == RC_PERM ? RC_TEMP : rc, &err);
    if (rc)
        return;
    sum_of(r->api->spool, path, sum);
    handed_on(r->job->id, name, shown, sizeof shown);
    reply_file(r, type_of(name), shown, *sum ? sum : NULL, fd, (uint64_t)st.st_size);
    reply_header(r, "Accept-Ranges", "bytes");
    if (*sum)
        tell_digest(r, sum);
    if (r->reply.status == 200 && is_same_file(r, sum))
        take_range(r, (uint64_t)st.st_size);
}

/* --- what changed ------------------------------------------------------------------------------------------------------- */

void downloads_records(struct request *r) {
    const char *since = request_query(r, "since"), *source = request_query(r, "source");
    uint64_t limit = RECORDS_DEFAULT;
    if (!request_number(r, "limit", 1, RECORDS_MOST, &limit))
        return;
    if (source && *source && !str_is_name(source)) {
        reply_problem(r, 400, "source must be the name of a source");
        return;
    }
    if (admit_owner(&r->who)) {
        reply_problem(r, 403, "records of all jobs are for viewers and admins");
        return;
    }
    if (!spool_daemon_runs(r->api->spool)) {
        reply_later(r, 10, "no daemon runs, and it is the daemon that reads the record store");
        return;
    }
    cJSON *json = cJSON_CreateObject(), *results = cJSON_CreateObject();
    cJSON_AddStringToObject(json, "mode", "results");
    if (source && *source)
        cJSON_AddStringToObject(json, "source", source);
    cJSON_AddItemToObject(json, "results", results);
    cJSON_AddStringToObject(results, "since", since && *since ? since : "0");
    cJSON_AddNumberToObject(results, "limit", (double)limit);
    cJSON_AddTrueToObject(results, "with_origin");
    submission_ask(r, "records", json);
}

static bool records_ready(struct request *r, const char *id) {
    char path[JOBID_SIZE + 32];
    struct buf text = BUF_INIT(LIMIT_JOB_FILE_BYTES);
    struct stat st;
    int fd;
    str_format(path, sizeof path, "%s/preview.json", id);
    cJSON *json = fsio_read_file(r->api->spool->results_fd, path, &text, NULL) == RC_OK ? cJSON_ParseWithLength(buf_text(&text), text.length) : NULL;
    buf_release(&text);
    const char *next = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, "cursor"));
    const char *file = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, "file"));
    const char *name = file ? strrchr(file, '/') : NULL;
    str_format(path, sizeof path, "%s/%.30s", id, name ? name + 1 : file ? file : "records.ndjson");
    const bool ready = next && fsio_open_read(r->api->spool->results_fd, path, &fd, &st, NULL) == RC_OK;
    if (ready) {
        reply_file(r, "application/x-ndjson", NULL, NULL, fd, (uint64_t)st.st_size);
        reply_header(r, "X-Next-Cursor", "%s", next);
    }
    cJSON_Delete(json);
    return ready;
}

void downloads_records_done(struct request *r) {
    submission_wait(r, RECORDS_WAIT_MS, records_ready);
}
