// SPDX-License-Identifier: Apache-2.0
#include "api/definitions.h"

#include "api/api.h"
#include "api/outlook.h"
#include "api/signin.h"
#include "api/submission.h"
#include "base/json.h"
#include "base/limits.h"
#include "engine/pauses.h"
#include "os/fsio.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#define BUILDER_MOST (512u * 1024u)

/* --- looking ------------------------------------------------------------------------------------------------------------ */

/* NAME.builder.json beside the definition (docs/BUILDER.md); NULL: there is none, or it is no JSON. */
static cJSON *read_builder(const struct request *r, const char *name) {
    char path[4200];
    struct buf text = BUF_INIT(BUILDER_MOST);
    cJSON *json = NULL;
    if (str_format(path, sizeof path, "%s/%s.builder.json", r->api->options->sources_dir, name) && fsio_read_file(AT_FDCWD, path, &text, NULL) == RC_OK &&
        json_check(buf_text(&text), text.length, &json_rules_config_commented, NULL) == RC_OK) {
        json_strip_comments(text.data, text.length);
        json = cJSON_ParseWithLength(buf_text(&text), text.length);
    }
    buf_release(&text);
    return json;
}

static bool has_builder(const struct request *r, const char *name) {
    char path[4200];
    struct stat st;
    return str_format(path, sizeof path, "%s/%s.builder.json", r->api->options->sources_dir, name) && fsio_stat(AT_FDCWD, path, &st, NULL) == RC_OK;
}

static cJSON *summary(const cJSON *row) {
    cJSON *json = cJSON_Duplicate(row, true);
    cJSON_DeleteItemFromObjectCaseSensitive(json, "source");
    return json;
}

void definitions_list(struct request *r) {
    const struct outlook_view view = outlook_now(r->api->outlook);
    const cJSON *row;
    cJSON *json = cJSON_CreateObject(), *list = cJSON_AddArrayToObject(json, "sources");
    cJSON_ArrayForEach(row, view.sources) {
        cJSON *one = summary(row);
        cJSON_AddBoolToObject(one, "builder", has_builder(r, cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(row, "source"))));
        cJSON_AddItemToArray(list, one);
    }
    reply_json_cached(r, json);
}

static void add_members(const struct source *source, cJSON *json) {
    cJSON *members = cJSON_AddObjectToObject(json, "job_members");
    for (unsigned i = 0; i < source->member_count; i++) {
        const struct source_member *m = &source->members[i];
        cJSON *one = cJSON_AddObjectToObject(members, m->name);
        cJSON_AddStringToObject(one, "type", m->type);
        cJSON_AddBoolToObject(one, "required", m->required);
        if (m->initial)
            cJSON_AddItemToObject(one, "default", cJSON_Duplicate(m->initial, true));
        if (m->values)
            cJSON_AddItemToObject(one, "values", cJSON_Duplicate(m->values, true));
        if (m->private_hosts)
            cJSON_AddTrueToObject(one, "private_hosts");
        if (m->has_minimum)
            cJSON_AddNumberToObject(one, "minimum", m->minimum);
        if (m->has_maximum)
            cJSON_AddNumberToObject(one, "maximum", m->maximum);
    }
    cJSON *size = cJSON_AddObjectToObject(json, "batch_size");
    if (source->limit)
        cJSON_AddNumberToObject(size, "default", (double)source->limit);
    if (source->max_limit)
        cJSON_AddNumberToObject(size, "maximum", (double)source->max_limit);
}

static void release(void *json) {
    cJSON_Delete(json);
}

/* What is known of it, taken along. */
bool definitions_get_prepare(struct request *r) {
    const char *name = r->vars[0];
    const struct outlook_view view = outlook_now(r->api->outlook);
    const cJSON *row = str_is_name(name) ? outlook_source(&view, name) : NULL;
    if (!row) {
        reply_problem(r, 404, "there is no source %.64s", name);
        return false;
    }
    r->own = summary(row);
    r->own_release = release;
    return true;
}

void definitions_get(struct request *r) {
    const char *name = r->vars[0];
    struct sources *sources = NULL;
    const struct source *source;
    struct err err = {0};
    cJSON *json = r->own;
    r->own = NULL;
    if (sources_new(r->api->options->sources_dir, r->api->options->source_settings, &sources, &err) == RC_OK &&
        sources_get(sources, name, &source, &err) == RC_OK)
        add_members(source, json);
    sources_free(sources);
    cJSON *builder = read_builder(r, name);
    cJSON_AddItemToObject(json, "builder", builder ? builder : cJSON_CreateNull());
    reply_json_cached(r, json);
}

/* --- asking ------------------------------------------------------------------------------------------------------------- */

static void ask(struct request *r, const char *action) {
    const char *name = r->vars[0];
    const struct source *source;
    struct err err = {0};
    struct check_fault fault = {.pointer = ""};
    char id[JOBID_SIZE], act[32];
    if (!submission_sources(r))
        return;
    if (!str_is_name(name) || sources_get(r->api->sources, name, &source, &err) == RC_GONE) {
        reply_problem(r, 404, "there is no source %.64s", name);
        return;
    }
    cJSON *members = r->json ? cJSON_Duplicate(r->json, true) : cJSON_CreateObject();
    cJSON_DeleteItemFromObjectCaseSensitive(members, "created_by");
    cJSON_AddStringToObject(members, "created_by", r->who.name);
    err = (struct err){0};
    enum rc rc = pauses_drop(r->api->spool, r->api->sources, name, action, members, id, &fault, &err);
    cJSON_Delete(members);
    if (rc == RC_PERM)
        reply_invalid(r, fault.pointer, "%s", *fault.detail ? fault.detail : err.text);
    else if (rc)
        reply_rc(r, rc, &err);
    else {
        cJSON *json = cJSON_CreateObject();
        cJSON_AddStringToObject(json, "job_id", id);
        reply_json(r, 202, json);
        reply_header(r, "Location", "/api/batch-jobs/%s", id);
    }
    str_format(act, sizeof act, "source.%s", action);
    signin_audit(r, act, name, NULL);
}

void definitions_pause(struct request *r) {
    static const char *const known[] = {"until", "reason", NULL};
    if (!r->json || request_members(r, known))
        ask(r, "pause");
}

void definitions_resume(struct request *r) {
    static const char *const known[] = {NULL};
    if (!r->json || request_members(r, known))
        ask(r, "resume");
}

void definitions_rate(struct request *r) {
    static const char *const known[] = {"rates", "concurrency", "default", "reason", NULL};
    if (request_members(r, known))
        ask(r, "rate");
}
