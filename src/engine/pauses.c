// SPDX-License-Identifier: Apache-2.0
#include "engine/pauses.h"

#include "base/clock.h"
#include "base/limits.h"
#include "base/str.h"
#include "engine/submit.h"
#include "os/fsio.h"
#include "source/steer.h"
#include "spool/pause.h"

#include <string.h>

static const char *printable(char *out, size_t size, const char *text) {
    str_printable(out, size, text, strlen(text));
    return out;
}

void pauses_reason(const struct spool *spool, struct job_row *row) {
    struct pause pause;
    const bool waits = row->place == PLACE_PENDING || row->place == PLACE_PROCESSING;
    if (waits && !*row->reason && strcmp(row->mode, "source") != 0 && pause_holds(spool, row->source, &pause, NULL))
        str_copy(row->reason, sizeof row->reason, "paused");
}

void pauses_tell(const struct spool *spool, const char *source, struct buf *out) {
    struct pause pause;
    const char *name;
    char text[400], shown[800];
    if (!pause_holds(spool, source, &pause, &name))
        return;
    const bool queue = !source || strcmp(name, source) != 0;
    pause_text(&pause, text, sizeof text);
    buf_printf(out, "%s%s is paused %s.\n", queue ? "" : "The source ", queue ? "The queue" : name, printable(shown, sizeof shown, text));
    buf_printf(out, "`batchspool %s%s`, or rm paused/%s%s, lets it go on.\n", queue ? "resume" : "sources resume ", queue ? "" : name,
               queue ? PAUSE_QUEUE : PAUSE_SOURCE, queue ? "" : name);
}

static void add_time(cJSON *json, const char *name, int64_t us) {
    char time[CLOCK_RFC3339_SIZE];
    clock_format_rfc3339(us, 0, time);
    if (us)
        cJSON_AddStringToObject(json, name, time);
}

static void add_limits(const struct spool *spool, const char *file, cJSON *json) {
    struct buf text = BUF_INIT(PAUSE_FILE_BYTES);
    struct steer steer;
    struct err err = {0};
    if (fsio_read_file(spool->paused_fd, file, &text, &err) == RC_OK && steer_parse(file, buf_text(&text), text.length, &steer, &err) == RC_OK) {
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
    const struct spool *spool;
    cJSON *list;
};

static bool list_file(void *context, const char *file) {
    struct listing *l = context;
    const char *source;
    struct pause pause;
    struct err ignored = {0};
    if (!pause_known(file, &source) || pause_read(l->spool, file, &pause, &ignored) == RC_GONE)
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
        add_limits(l->spool, file, json);
    cJSON_AddItemToArray(l->list, json);
    return true;
}

cJSON *pauses_list(const struct spool *spool) {
    struct listing l = {.spool = spool, .list = cJSON_CreateArray()};
    struct err ignored = {0};
    pause_each(spool, list_file, &l, &ignored);
    return l.list;
}

/* "30/PT1M, at most 2 at a time" */
void pauses_limits_text(const cJSON *json, char *out, size_t size) {
    const cJSON *concurrency = cJSON_GetObjectItemCaseSensitive(json, "concurrency");
    char rates[200];
    steer_rates_text(cJSON_GetObjectItemCaseSensitive(json, "rates"), rates, sizeof rates);
    if (cJSON_IsNumber(concurrency))
        str_format(out, size, "%s%sat most %.0f at a time", rates, *rates ? ", " : "", concurrency->valuedouble);
    else
        str_copy(out, size, rates);
}

void pauses_of_source(const struct spool *spool, const char *source, cJSON *json) {
    char file[PAUSE_NAME_SIZE], text[400];
    struct pause pause;
    struct stat st;
    if (!pause_name(PAUSE_SOURCE, source, file))
        return;
    if (pause_holds(spool, source, &pause, NULL)) {
        pause_text(&pause, text, sizeof text);
        cJSON_AddStringToObject(json, "paused", text);
    }
    pause_name(PAUSE_RATE, source, file);
    if (fsio_stat(spool->paused_fd, file, &st, NULL) == RC_OK) {
        cJSON *limits = cJSON_CreateObject();
        add_limits(spool, file, limits);
        pauses_limits_text(limits, text, sizeof text);
        const char *error = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(limits, "error"));
        cJSON_AddStringToObject(json, "limits", *text ? text : error ? error : "");
        cJSON_Delete(limits);
    }
}

cJSON *pauses_queue_json(const struct spool *spool) {
    struct pause pause;
    cJSON *json = cJSON_CreateObject();
    const bool paused = pause_holds(spool, NULL, &pause, NULL);
    cJSON_AddBoolToObject(json, "paused", paused);
    if (paused) {
        cJSON_AddStringToObject(json, "by", pause.by);
        add_time(json, "since", pause.since_us);
        add_time(json, "until", pause.until_us);
        cJSON_AddStringToObject(json, "reason", pause.reason);
    }
    return json;
}

/* --- asking for them ------------------------------------------------------------------------------------------------- */

enum rc pauses_queue(const struct spool *spool, const char *by, const char *until, const char *reason, struct err *err) {
    cJSON *members = cJSON_CreateObject();
    bool good = members && (!by || cJSON_AddStringToObject(members, "by", by)) && (!until || cJSON_AddStringToObject(members, "until", until)) &&
                (!reason || cJSON_AddStringToObject(members, "reason", reason));
    enum rc rc = good ? pause_write(spool, PAUSE_QUEUE, members, err) : err_set(err, RC_TEMP, "out of memory");
    cJSON_Delete(members);
    return rc;
}

enum rc pauses_queue_resume(const struct spool *spool, struct err *err) {
    return pause_remove(spool, PAUSE_QUEUE, err);
}

enum rc pauses_job(const char *source, const char *action, const cJSON *members, struct buf *text, struct err *err) {
    cJSON *job = members ? cJSON_Duplicate(members, true) : cJSON_CreateObject();
    cJSON_AddStringToObject(job, "source", source);
    cJSON_AddStringToObject(job, "mode", "source");
    cJSON_AddStringToObject(job, "action", action);
    cJSON_AddStringToObject(job, "priority", "urgent"); /* a flood of drops is not taken in before it */
    char *printed = cJSON_Print(job);
    enum rc rc = printed ? buf_add_text(text, printed) : RC_TEMP;
    cJSON_free(printed);
    cJSON_Delete(job);
    return rc ? err_set(err, rc, "out of memory, or the reason is too long") : RC_OK;
}

enum rc pauses_drop(const struct spool *spool, struct sources *sources, const char *source, const char *action, const cJSON *members, char id[JOBID_SIZE],
                    struct check_fault *fault, struct err *err) {
    char label[LIMIT_NAME_BYTES + 16];
    struct buf text = BUF_INIT(LIMIT_JOB_FILE_BYTES);
    struct submit submit = {.criteria = NULL};
    enum rc rc = pauses_job(source, action, members, &text, err);
    if (!rc)
        rc = submit_check(sources, "the job", buf_text(&text), text.length, &submit, fault, err);
    str_format(label, sizeof label, "%s-%s", action, source);
    if (!rc)
        rc = submit_drop(spool, label, buf_text(&text), text.length, id, err);
    submit_release(&submit);
    buf_release(&text);
    return rc;
}
