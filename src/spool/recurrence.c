// SPDX-License-Identifier: Apache-2.0
#include "spool/recurrence.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/digest.h"
#include "base/json.h"
#include "base/str.h"
#include "os/fsio.h"
#include "spool/drop.h"

#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>

#define FILE_BYTES 65536u
#define NAME_BYTES 128u
#define SECOND_US INT64_C(1000000)

/* --- the file -------------------------------------------------------------------------------------------------------- */

static bool file_of(const char *name, const char *suffix, char out[NAME_BYTES]) {
    return str_format(out, NAME_BYTES, "%s%s", name, suffix);
}

static int64_t time_of(const cJSON *json, const char *name) {
    const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, name));
    int64_t us;
    return text && clock_parse_rfc3339(text, &us) ? us / SECOND_US : RECURRENCE_NONE;
}

static void text_of(const cJSON *json, const char *name, char *out, size_t size) {
    const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, name));
    if (text)
        str_copy(out, size, text);
}

enum rc recurrence_read(const struct spool *spool, const char *name, struct recurrence *out, struct err *err) {
    char file[NAME_BYTES];
    struct buf text = BUF_INIT(FILE_BYTES);
    struct err wrong = {0};
    *out = (struct recurrence){.after_s = RECURRENCE_NONE, .due_s = RECURRENCE_NONE, .missed_until_s = RECURRENCE_NONE};
    if (!file_of(name, ".state", file))
        return err_set(err, RC_GONE, "%.64s: is no name of a schedule", name);
    enum rc rc = fsio_read_file(spool->schedules_fd, file, &text, err);
    if (!rc && json_check(buf_text(&text), text.length, &json_rules_config, &wrong))
        rc = err_set(err, RC_CORRUPT, "schedules/%s: %.300s", file, wrong.text);
    cJSON *json = rc ? NULL : cJSON_ParseWithLength(buf_text(&text), text.length);
    if (!rc && !cJSON_IsObject(json))
        rc = err_set(err, RC_CORRUPT, "schedules/%s: is no JSON object", file);
    if (!rc) {
        const cJSON *missed = cJSON_GetObjectItemCaseSensitive(json, "missed");
        text_of(json, "times", out->times, sizeof out->times);
        text_of(json, "job_id", out->job_id, sizeof out->job_id);
        out->after_s = time_of(json, "after");
        out->due_s = time_of(json, "due");
        out->missed_until_s = time_of(json, "missed_until");
        out->missed = cJSON_IsNumber(missed) && missed->valuedouble > 0 ? (uint64_t)missed->valuedouble : 0;
    }
    cJSON_Delete(json);
    buf_release(&text);
    return rc;
}

static void add_time(cJSON *json, const char *name, int64_t at_s) {
    char text[CLOCK_RFC3339_SIZE];
    if (at_s == RECURRENCE_NONE) {
        cJSON_AddNullToObject(json, name);
        return;
    }
    clock_format_rfc3339(at_s * SECOND_US, 0, text);
    cJSON_AddStringToObject(json, name, text);
}

enum rc recurrence_write(const struct spool *spool, const char *name, const struct recurrence *state, struct err *err) {
    char file[NAME_BYTES], tmp[NAME_BYTES];
    cJSON *m = cJSON_CreateObject();
    cJSON_AddStringToObject(m, "schedule", name);
    cJSON_AddStringToObject(m, "times", state->times);
    add_time(m, "after", state->after_s);
    add_time(m, "due", state->due_s);
    if (state->job_id[0])
        cJSON_AddStringToObject(m, "job_id", state->job_id);
    if (state->missed) {
        cJSON_AddNumberToObject(m, "missed", (double)state->missed);
        add_time(m, "missed_until", state->missed_until_s);
    }
    char *text = cJSON_Print(m);
    cJSON_Delete(m);
    if (!text)
        return err_set(err, RC_TEMP, "out of memory");
    enum rc rc = file_of(name, ".state", file) && str_format(tmp, sizeof tmp, ".%s.state", name)
                     ? fsio_put_file(spool->schedules_fd, tmp, file, 0660, text, strlen(text), err)
                     : err_set(err, RC_PERM, "%.64s: is no name of a schedule", name);
    free(text);
    return rc;
}

enum rc recurrence_remove(const struct spool *spool, const char *name, struct err *err) {
    char file[NAME_BYTES];
    return file_of(name, ".state", file) ? fsio_unlink(spool->schedules_fd, file, err) : RC_GONE;
}

/* --- the job --------------------------------------------------------------------------------------------------------- */

void recurrence_job_id(const char *name, int64_t due_s, char out[JOBID_SIZE]) {
    char time[20], slug[JOBID_SLUG_SIZE], seed[256], sum[DIGEST_HEX_SIZE];
    clock_format_basic(due_s * SECOND_US, time);
    jobid_slug(name, slug);
    str_format(seed, sizeof seed, "schedule %s %s", name, time);
    digest_of_hex(seed, strlen(seed), sum);
    str_format(out, JOBID_SIZE, "%s-%.12s-%s", time, sum, slug);
}

static bool has_journal(const struct spool *spool, const char *id) {
    char file[JOBID_SIZE + 8];
    struct stat st;
    str_format(file, sizeof file, "%s.ndjson", id);
    return fsio_stat(spool->journal_fd, file, &st, NULL) == RC_OK;
}

/* Where its file lies; a file that was moved while this looked has a journal. */
static enum place place_of(const struct spool *spool, const char *id) {
    char file[JOBID_SIZE + 8];
    struct stat st;
    str_format(file, sizeof file, "%s.json", id);
    for (enum place place = PLACE_PENDING; place < PLACE_COUNT; place++)
        if (fsio_stat(spool->place_fd[place], file, &st, NULL) == RC_OK)
            return place;
    return PLACE_NONE;
}

bool recurrence_begun(const struct spool *spool, const char *id) {
    char file[JOBID_SIZE + 8];
    struct stat st;
    str_format(file, sizeof file, "%s.json", id);
    return fsio_stat(spool->jobs_tmp_fd, file, &st, NULL) == RC_OK || place_of(spool, id) != PLACE_NONE || has_journal(spool, id);
}

enum rc recurrence_drop(const struct spool *spool, const char *id, const void *text, size_t length, struct err *err) {
    char file[JOBID_SIZE + 8];
    str_format(file, sizeof file, "%s.json", id);
    enum rc rc = fsio_unlink(spool->jobs_tmp_fd, file, err); /* what a kill left there may be torn, or a second name */
    if (rc && rc != RC_GONE)
        return rc;
    enum place place = place_of(spool, id);
    if (has_journal(spool, id))
        return RC_OK;
    if (place != PLACE_NONE) /* perhaps it was not synced yet */
        return fsio_sync_dir(spool->place_fd[place], ".", err);
    return drop_submit(spool, file, text, length, err);
}
