// SPDX-License-Identifier: Apache-2.0
#include "api/submission.h"

#include "api/follow.h"
#include "api/idempotency.h"
#include "api/listing.h"
#include "api/notice_watch.h"
#include "api/server.h"
#include "base/clock.h"
#include "base/digest.h"
#include "base/limits.h"
#include "engine/submit.h"
#include "engine/unit_look.h"
#include "os/fsio.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define LOOK_MS 20
#define LOOK_MOST_MS 400u
#define PREVIEW_MOST_MS 20000

struct submission {
    char id[JOBID_SIZE];
    bool known; /* the Idempotency-Key came before */
    int64_t end_ms;
    unsigned look_ms; /* until the next look */
    submission_ready *ready;
};

/* --- the text ----------------------------------------------------------------------------------------------------------- */

/* What runs is the text as it came; only who submits it (and the mode) is put into it. */
static enum rc make_text(struct request *r, const char *mode, struct buf *text) {
    const char *body = buf_text(&r->body), *open = strchr(body, '{');
    enum rc rc = buf_add(text, open, 1);
    const char *comma = r->json->child ? "," : "";
    if (!rc && !cJSON_HasObjectItem(r->json, "created_by")) {
        rc = buf_add_text(text, "\"created_by\":");
        if (!rc)
            rc = json_quote(slice_of(r->who.name), text);
        if (!rc)
            rc = buf_add_text(text, mode ? "," : comma);
    }
    if (!rc && mode)
        rc = buf_printf(text, "\"mode\":\"%s\"%s", mode, comma);
    if (!rc)
        rc = buf_add(text, open + 1, r->body.length - (size_t)(open + 1 - body));
    return rc;
}

static bool check_members(struct request *r) {
    const char *owner = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(r->json, "created_by"));
    const char *mode = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(r->json, "mode"));
    if (cJSON_HasObjectItem(r->json, "mode") && !(mode && strcmp(mode, "run") == 0))
        reply_invalid(r, "/mode", "only jobs that run can be submitted here");
    else if (cJSON_HasObjectItem(r->json, "created_by") && !(owner && (strcmp(owner, r->who.name) == 0 || r->who.role == ROLE_ADMIN)))
        reply_invalid(r, "/created_by", "must be you, or is left out");
    else
        return notice_watch_allows(r, r->json, "");
    return false;
}

bool submission_sources(struct request *r) {
    struct err err = {0};
    if (r->api->sources) {
        sources_free(r->api->sources);
        r->api->sources = NULL;
    }
    enum rc rc = sources_new(r->api->options->sources_dir, r->api->options->source_settings, &r->api->sources, &err);
    if (rc)
        reply_rc(r, rc, &err);
    return !rc;
}

static bool check_text(struct request *r, const struct buf *text) {
    struct submit submit;
    struct check_fault fault = {.pointer = ""};
    struct err err = {0};
    if (!submission_sources(r))
        return false;
    enum rc rc = submit_check(r->api->sources, "job", buf_text(text), text->length, &submit, &fault, &err);
    submit_release(&submit);
    if (rc == RC_PERM && strcmp(fault.pointer, "/source") == 0 && !submit.definition) /* without the directory that they lie in */
        reply_invalid(r, "/source", "there is no source \"%.64s\" that can be used (GET /api/sources lists them)", submit.source);
    else if (rc == RC_PERM)
        reply_invalid(r, fault.pointer, "%s", *fault.detail ? fault.detail : err.text);
    else if (rc)
        reply_rc(r, rc, &err);
    return !rc;
}

static void label_of(const struct request *r, char out[130]) {
    const char *name = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(r->json, "name"));
    const char *source = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(r->json, "source"));
    const char *label = name && *name ? name : source ? source : "job";
    size_t length = strnlen(label, 129);
    memcpy(out, label, length);
    out[length] = '\0';
    for (char *at = out; *at; at++)
        if (*at == '/')
            *at = '-';
}

/* --- a job that runs ---------------------------------------------------------------------------------------------------- */

static enum rc drop(struct request *r, struct submission *s, const struct buf *text, struct err *err) {
    char slug[JOBID_SLUG_SIZE], label[130], sum[DIGEST_HEX_SIZE];
    const char *key = request_header(r, "Idempotency-Key");
    label_of(r, label);
    if (!key)
        return submit_drop(r->api->spool, label, buf_text(text), text->length, s->id, err);
    jobid_slug(label, slug);
    enum rc rc = jobid_new(clock_wall_us(), slug, s->id, err);
    /* Of all that is dropped: a key that came with a preview of this job stands for no job that runs. */
    digest_of_hex(buf_text(text), text->length, sum);
    if (!rc)
        rc = idempotency_take(r->api->spool, r->who.name, key, sum, s->id, &s->known, err);
    return rc ? rc : submit_drop_as(r->api->spool, s->id, buf_text(text), text->length, err);
}

/* Checked and dropped: r->own has the id. False: the reply is set. */
static bool submit(struct request *r, const char *mode) {
    struct buf text = BUF_INIT(LIMIT_JOB_FILE_BYTES);
    struct submission *s = calloc(1, sizeof *s);
    struct err err = {0};
    const char *key = request_header(r, "Idempotency-Key");
    bool done = false;
    if (r->own && r->own_release)
        r->own_release(r->own);
    r->own = s;
    r->own_release = free;
    if (!s || make_text(r, mode, &text))
        reply_problem(r, 413, "the job may have at most %u bytes", LIMIT_JOB_FILE_BYTES);
    else if (key && !idempotency_key_valid(key))
        reply_problem(r, 400, "Idempotency-Key must be 1 to %u visible characters", IDEMPOTENCY_KEY_MOST);
    else if (check_text(r, &text)) {
        errno = 0;
        enum rc rc = drop(r, s, &text, &err);
        if (rc == RC_PERM && errno != EACCES && errno != EPERM)
            reply_problem(r, 422, "%s", err.text);
        else if (rc)
            reply_rc(r, rc == RC_PERM ? RC_TEMP : rc, &err);
        done = !rc;
    }
    buf_release(&text);
    return done;
}

bool submission_check(struct request *r) {
    struct err err = {0};
    if (json_check(buf_text(&r->body), r->body.length, &json_rules_config, &err)) {
        reply_invalid(r, "", "the file is no JSON: %s", err.text);
        return false;
    }
    cJSON_Delete(r->json);
    r->json = cJSON_ParseWithLength(buf_text(&r->body), r->body.length);
    if (!cJSON_IsObject(r->json)) {
        reply_invalid(r, "", "must be an object");
        return false;
    }
    return check_members(r) && check_text(r, &r->body);
}

void submission_create(struct request *r) {
    if (check_members(r) && submit(r, NULL))
        reply_empty(r, 201);
}

void submission_again(struct request *r) {
    struct err err = {0};
    char *text = NULL;
    if (!submission_sources(r))
        return;
    const enum rc rc = unit_look_again(r->api->spool, r->api->sources, r->job, &text, &err);
    r->body.max = LIMIT_JOB_FILE_BYTES;
    buf_reset(&r->body);
    cJSON_Delete(r->json);
    r->json = rc ? NULL : cJSON_Parse(text);
    if (rc == RC_PERM)
        reply_problem(r, 409, "%s", err.text);
    else if (rc)
        reply_rc(r, rc, &err);
    else if (!r->json || buf_add_text(&r->body, text))
        reply_problem(r, 413, "the job may have at most %u bytes", LIMIT_JOB_FILE_BYTES);
    else
        submission_create(r);
    free(text);
}

void submission_dropped(struct request *r, const char *job_id) {
    struct submission *s = calloc(1, sizeof *s);
    r->own = s;
    r->own_release = free;
    if (!s) {
        reply_later(r, 1, "out of memory");
        return;
    }
    str_copy(s->id, sizeof s->id, job_id);
    reply_empty(r, 201);
}

void submission_created(struct request *r) {
    const struct submission *s = r->own;
    struct job_row row;
    struct err err = {0};
    if (r->reply.status != 201)
        return;
    follow_now(r->api->follow, s->id);
    enum rc rc = follow_row(r->api->follow, s->id, &row, &err);
    if (rc && rc != RC_CORRUPT) {
        job_row_init(&row, s->id); /* accepted, and moved on, in this moment */
        row.place = PLACE_PENDING;
    }
    reply_json(r, 201, listing_row_json(&row, !row.accepted));
    reply_header(r, "Location", "/api/batch-jobs/%s", s->id);
}

/* --- preview ------------------------------------------------------------------------------------------------------------ */

void submission_preview(struct request *r) {
    if (!spool_daemon_runs(r->api->spool))
        reply_later(r, 10, "no daemon runs, and it is the daemon that asks the source");
    else if (cJSON_HasObjectItem(r->json, "mode"))
        reply_invalid(r, "/mode", "a preview takes the job without a mode");
    else if (check_members(r) && submit(r, "preview"))
        reply_empty(r, 202);
}

cJSON *submission_answer(const struct request *r, const char *id) {
    char path[JOBID_SIZE + 20];
    struct buf text = BUF_INIT(LIMIT_JOB_FILE_BYTES);
    struct err err = {0};
    str_format(path, sizeof path, "%s/preview.json", id);
    cJSON *json = fsio_read_file(r->api->spool->results_fd, path, &text, &err) == RC_OK ? cJSON_ParseWithLength(buf_text(&text), text.length) : NULL;
    buf_release(&text);
    return json;
}

static bool preview_ready(struct request *r, const char *id) {
    cJSON *json = submission_answer(r, id);
    if (!json)
        return false;
    if (!cJSON_HasObjectItem(json, "job_id"))
        cJSON_AddStringToObject(json, "job_id", id);
    reply_json(r, 200, json);
    return true;
}

void submission_previewed(struct request *r) {
    submission_wait(r, PREVIEW_MOST_MS, preview_ready);
}

/* --- other modes -------------------------------------------------------------------------------------------------------- */

static void reply_asked(struct request *r, const char *id) {
    cJSON *json = cJSON_CreateObject();
    cJSON_AddStringToObject(json, "job_id", id);
    reply_json(r, 202, json);
    reply_header(r, "Location", "/api/batch-jobs/%s", id);
}

/* It ended without an answer. */
static bool refused(struct request *r, const char *id) {
    struct job_row row;
    struct err err = {0};
    if (follow_row(r->api->follow, id, &row, &err) != RC_OK || (row.place != PLACE_FAILED && row.place != PLACE_HOLD && row.place != PLACE_CANCELLED))
        return false;
    reply_problem(r, 409, "%s", row.error_details[0] ? row.error_details : row.reason);
    return true;
}

/* Rarer and rarer: many may wait. */
static unsigned next_look_ms(struct submission *s) {
    s->look_ms += s->look_ms / 4;
    if (s->look_ms > LOOK_MOST_MS)
        s->look_ms = LOOK_MOST_MS;
    return s->look_ms;
}

static void look(struct loop_timer *timer) {
    struct request *r = HEAP_ENTRY(timer, struct request, timer);
    struct submission *s = r->own;
    if (!s->ready(r, s->id) && !refused(r, s->id)) {
        if (clock_mono_ms() < s->end_ms && !server_stopping(r->api->server)) {
            loop_timer_start(r->api->loop, timer, clock_mono_ms() + next_look_ms(s), look);
            return;
        }
        reply_asked(r, s->id);
    }
    server_answer(r);
}

void submission_wait(struct request *r, unsigned most_ms, submission_ready *ready) {
    struct submission *s = r->own;
    if (r->reply.status != 202 || !s)
        return;
    s->end_ms = clock_mono_ms() + most_ms;
    s->ready = ready;
    s->look_ms = LOOK_MS;
    r->waiting = loop_timer_start(r->api->loop, &r->timer, clock_mono_ms() + LOOK_MS, look) == RC_OK;
}

void submission_ask(struct request *r, const char *label, cJSON *json) {
    struct err err = {0};
    struct submission *s = calloc(1, sizeof *s);
    if (r->own && r->own_release)
        r->own_release(r->own);
    r->own = s;
    r->own_release = free;
    if (json && !cJSON_HasObjectItem(json, "created_by"))
        cJSON_AddStringToObject(json, "created_by", r->who.name);
    char *text = json ? cJSON_PrintUnformatted(json) : NULL;
    cJSON_Delete(json);
    enum rc rc = text && s ? submit_drop(r->api->spool, label, text, strlen(text), s->id, &err) : err_set(&err, RC_TEMP, "out of memory");
    cJSON_free(text);
    if (rc)
        reply_rc(r, rc == RC_PERM ? RC_TEMP : rc, &err);
    else
        reply_asked(r, s->id);
}
