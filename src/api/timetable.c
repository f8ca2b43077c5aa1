// SPDX-License-Identifier: Apache-2.0
#include "api/timetable.h"

#include "api/admit.h"
#include "api/api.h"
#include "api/notice_watch.h"
#include "api/signin.h"
#include "api/submission.h"
#include "base/digest.h"
#include "base/json.h"
#include "engine/schedule_files.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* --- looking ------------------------------------------------------------------------------------------------------------ */

/* The file as JSON, without its comments; NULL: it is none. */
static cJSON *definition_of(const struct schedule_seen *seen) {
    struct buf text = BUF_INIT(LIMIT_JOB_FILE_BYTES + 1);
    cJSON *json = NULL;
    if (buf_add(&text, buf_text(&seen->file.text), seen->file.text.length) == RC_OK &&
        json_check(buf_text(&text), text.length, &json_rules_config_commented, NULL) == RC_OK) {
        json_strip_comments(text.data, text.length);
        json = cJSON_ParseWithLength(buf_text(&text), text.length);
    }
    buf_release(&text);
    return json;
}

static const char *owner_of(const cJSON *definition) {
    const cJSON *job = cJSON_GetObjectItemCaseSensitive(definition, "job");
    const char *owner = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(job, "created_by"));
    return owner ? owner : "";
}

static cJSON *seen_json(const struct request *r, const struct schedule_seen *seen, const cJSON *definition) {
    cJSON *json = schedule_files_json(r->api->spool, seen);
    if (json && !cJSON_HasObjectItem(json, "created_by")) {
        if (*owner_of(definition))
            cJSON_AddStringToObject(json, "created_by", owner_of(definition));
        else
            cJSON_AddNullToObject(json, "created_by");
    }
    return json;
}

void timetable_list(struct request *r) {
    struct schedule_names names = {.list = NULL};
    struct err err = {0};
    if (!submission_sources(r))
        return;
    enum rc rc = schedule_files_names(r->api->spool, &names, &err);
    cJSON *json = cJSON_CreateObject(), *list = cJSON_AddArrayToObject(json, "schedules");
    for (size_t i = 0; i < names.count && !rc; i++) {
        struct schedule_seen seen;
        enum rc saw = schedule_files_see(r->api->spool, r->api->sources, names.list[i], &seen);
        cJSON *definition = definition_of(&seen);
        if ((saw == RC_OK || saw == RC_PERM) && admit_sees(&r->who, owner_of(definition)))
            cJSON_AddItemToArray(list, seen_json(r, &seen, definition));
        cJSON_Delete(definition);
        schedule_file_release(&seen.file);
    }
    schedule_files_names_release(&names);
    if (rc && rc != RC_GONE) {
        cJSON_Delete(json);
        reply_rc(r, rc, &err);
    } else
        reply_json_cached(r, json);
}

static void tag_of(const struct schedule_seen *seen, char tag[32]) {
    char sum[DIGEST_HEX_SIZE];
    digest_of_hex(buf_text(&seen->file.text), seen->file.text.length, sum);
    str_format(tag, 32, "\"%.24s%c\"", sum, seen->off ? '0' : '1');
}

/* One that may be seen. False: the reply is set, and there is nothing to release. */
static bool find(struct request *r, struct schedule_seen *seen, cJSON **definition) {
    const char *name = r->vars[0];
    *definition = NULL;
    if (!submission_sources(r))
        return false;
    enum rc rc = str_is_name(name) ? schedule_files_see(r->api->spool, r->api->sources, name, seen) : RC_GONE;
    if (rc == RC_OK || rc == RC_PERM) {
        *definition = definition_of(seen);
        if (admit_sees(&r->who, owner_of(*definition)))
            return true;
        rc = RC_GONE;
        cJSON_Delete(*definition);
    }
    if (rc == RC_GONE)
        reply_problem(r, 404, "there is no schedule %.64s", name);
    else
        reply_rc(r, rc, &seen->err);
    if (str_is_name(name))
        schedule_file_release(&seen->file);
    return false;
}

static void reply_seen(struct request *r, unsigned status, const char *name) {
    struct schedule_seen seen;
    char tag[32];
    enum rc rc = schedule_files_see(r->api->spool, r->api->sources, name, &seen);
    if (rc && rc != RC_PERM)
        reply_rc(r, rc, &seen.err);
    else {
        cJSON *definition = definition_of(&seen), *json = seen_json(r, &seen, definition);
        cJSON_AddItemToObject(json, "definition", definition ? definition : cJSON_CreateNull());
        reply_json(r, status, json);
        tag_of(&seen, tag);
        reply_header(r, "ETag", "%s", tag);
    }
    schedule_file_release(&seen.file);
}

void timetable_get(struct request *r) {
    struct schedule_seen seen;
    cJSON *definition;
    if (!find(r, &seen, &definition))
        return;
    cJSON_Delete(definition);
    schedule_file_release(&seen.file);
    reply_seen(r, 200, r->vars[0]);
}

/* --- changing ----------------------------------------------------------------------------------------------------------- */

/* The file's text: the body without `schedule`, its job signed with the owner. The caller frees (cJSON_free); NULL: the reply is set. */
static char *text_of(struct request *r, const char *owner) {
    cJSON *json = cJSON_Duplicate(r->json, true), *job = cJSON_GetObjectItemCaseSensitive(json, "job");
    const char *given = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(job, "created_by"));
    char *text = NULL;
    cJSON_DeleteItemFromObjectCaseSensitive(json, "schedule");
    if (!cJSON_IsObject(job))
        reply_invalid(r, "/job", "must be the job that is dropped each time");
    else if (cJSON_HasObjectItem(job, "created_by") && !(given && (strcmp(given, owner) == 0 || r->who.role == ROLE_ADMIN)))
        reply_invalid(r, "/job/created_by", "must be %s, or is left out", owner);
    else if (notice_watch_allows(r, job, "/job")) {
        if (!given)
            cJSON_AddStringToObject(job, "created_by", owner);
        text = cJSON_Print(json);
        if (!text)
            reply_later(r, 1, "out of memory");
    }
    cJSON_Delete(json);
    return text;
}

static void reply_wrong(struct request *r, enum rc rc, const struct schedule_file *file, const struct err *err) {
    if (rc == RC_PERM && errno == 0)
        reply_invalid(r, file->fault.pointer, "%s", *file->fault.detail ? file->fault.detail : err->text);
    else if (rc == RC_PERM && errno == EEXIST)
        reply_problem(r, 409, "%s", err->text);
    else
        reply_rc(r, rc == RC_PERM ? RC_TEMP : rc, err);
}

void timetable_create(struct request *r) {
    struct schedule_file file = {.job = {NULL, 0}};
    struct err err = {0};
    const char *name;
    if (!request_text(r, "schedule", LIMIT_NAME_BYTES, true, &name))
        return;
    if (!str_is_name(name)) {
        reply_invalid(r, "/schedule", "must be 1 to 64 letters, digits, _ or -");
        return;
    }
    char *text = submission_sources(r) ? text_of(r, r->who.name) : NULL;
    if (!text)
        return;
    errno = 0;
    enum rc rc = schedule_files_add(r->api->spool, r->api->sources, name, "schedule", text, strlen(text), &file, &err);
    if (rc)
        reply_wrong(r, rc, &file, &err);
    else {
        reply_seen(r, 201, name);
        reply_header(r, "Location", "/api/schedules/%s", name);
    }
    schedule_file_release(&file);
    cJSON_free(text);
    signin_audit(r, "schedule.add", name, NULL);
}

/* As the client saw it last. False: the reply is set. */
static bool unchanged(struct request *r, const struct schedule_seen *seen) {
    char tag[32];
    const char *match = request_header(r, "If-Match");
    tag_of(seen, tag);
    if (!match || strcmp(match, "*") == 0 || strstr(match, tag))
        return true;
    reply_problem(r, 412, "the schedule was changed meanwhile; read it again");
    return false;
}

void timetable_put(struct request *r) {
    struct schedule_seen seen;
    struct schedule_file file = {.job = {NULL, 0}};
    struct err err = {0};
    cJSON *definition;
    if (!find(r, &seen, &definition))
        return;
    char *text = unchanged(r, &seen) ? text_of(r, *owner_of(definition) ? owner_of(definition) : r->who.name) : NULL;
    if (text) {
        errno = 0;
        enum rc rc = schedule_files_replace(r->api->spool, r->api->sources, r->vars[0], "schedule", text, strlen(text), &file, &err);
        if (rc)
            reply_wrong(r, rc, &file, &err);
        else
            reply_seen(r, 200, r->vars[0]);
        schedule_file_release(&file);
        signin_audit(r, "schedule.change", r->vars[0], NULL);
    }
    cJSON_free(text);
    cJSON_Delete(definition);
    schedule_file_release(&seen.file);
}

void timetable_delete(struct request *r) {
    struct schedule_seen seen;
    struct err err = {0};
    cJSON *definition;
    if (!find(r, &seen, &definition))
        return;
    if (unchanged(r, &seen)) {
        enum rc rc = schedule_files_remove(r->api->spool, r->vars[0], &err);
        if (rc)
            reply_rc(r, rc, &err);
        else
            reply_empty(r, 204);
        signin_audit(r, "schedule.remove", r->vars[0], NULL);
    }
    cJSON_Delete(definition);
    schedule_file_release(&seen.file);
}

static void enable(struct request *r, bool on) {
    struct schedule_seen seen;
    struct err err = {0};
    cJSON *definition;
    if (!find(r, &seen, &definition))
        return;
    cJSON_Delete(definition);
    schedule_file_release(&seen.file);
    errno = 0;
    enum rc rc = schedule_files_enable(r->api->spool, r->api->sources, r->vars[0], on, &err);
    if (rc == RC_PERM && errno == 0)
        reply_problem(r, 409, "%s", err.text);
    else if (rc)
        reply_rc(r, rc, &err);
    else
        reply_seen(r, 200, r->vars[0]);
    signin_audit(r, on ? "schedule.on" : "schedule.off", r->vars[0], NULL);
}

void timetable_pause(struct request *r) {
    enable(r, false);
}

void timetable_resume(struct request *r) {
    enable(r, true);
}

void timetable_run(struct request *r) {
    struct schedule_seen seen;
    struct err err = {0};
    cJSON *definition;
    char id[JOBID_SIZE];
    if (!find(r, &seen, &definition))
        return;
    errno = 0;
    enum rc rc = seen.rc == RC_PERM ? err_set(&err, RC_PERM, "%s", seen.err.text)
                                    : schedule_files_run(r->api->spool, &seen, *owner_of(definition) ? NULL : r->who.name, id, &err);
    if (rc == RC_PERM && errno == 0)
        reply_problem(r, 409, "%s", err.text);
    else if (rc)
        reply_rc(r, rc == RC_PERM ? RC_TEMP : rc, &err);
    else
        submission_dropped(r, id);
    cJSON_Delete(definition);
    schedule_file_release(&seen.file);
    signin_audit(r, "schedule.run", r->vars[0], NULL);
}
