// SPDX-License-Identifier: Apache-2.0
#include "source/source.h"

#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "source/incremental.h"
#include "source/split.h"
#include "source/source_parts.h"

const char *const source_common_members[] = {
    "mode",       "source",  "name",         "campaign_id",      "criteria", "priority",   "not_before",         "max_records", "max_cost", "take",
    "batch_size", "process", "on_duplicate", "duplicate_window", "notify",   "created_by", "refresh_older_than", "cache",       NULL};

bool source_is_common_member(const char *name) {
    for (const char *const *common = source_common_members; *common != NULL; common++) {
        if (strcmp(*common, name) == 0) {
            return true;
        }
    }
    return false;
}

const char *source_action_name(enum source_action action) {
    switch (action) {
    case ACTION_SUCCESS:
        return "SUCCESS";
    case ACTION_FAIL:
        return "FAIL";
    case ACTION_RETRY:
        return "RETRY";
    case ACTION_IGNORE:
        return "IGNORE";
    case ACTION_RATE_LIMITED:
        return "RATE_LIMITED";
    case ACTION_HOLD:
        return "HOLD";
    }
    return "?";
}

char *source_copy(struct check *check, const char *text) {
    char *copy = strdup(text);

    if (copy == NULL) {
        (void)check_no_memory(check);
    }
    return copy;
}

/* sources/x.json is the source x: a job that names x gets that file and no other. */
static void check_file_name(struct check *check, const struct source *source) {
    const char *slash = strrchr(check->file, '/'), *base = slash != NULL ? slash + 1 : check->file;
    size_t length = strlen(source->name);

    if (strncmp(base, source->name, length) != 0 || strcmp(base + length, ".json") != 0) {
        (void)check_fail(check, "name", "is \"%s\", so the file must be named %s.json", source->name, source->name);
    }
}

/* What a job of the source has when it does not say. */
static void read_defaults(struct check *check, struct source *source) {
    static const char *const names[] = {"process", "on_duplicate", NULL}, *const processes[] = {"manual", "auto", NULL};
    static const char *const duplicates[] = {"reject", "reuse", "run", NULL}; /* as enum on_duplicate */
    const cJSON *defaults = cJSON_GetObjectItemCaseSensitive(check->root, "job_defaults");
    unsigned process = 0, duplicate = 0;

    source->on_duplicate = -1;
    if (defaults == NULL || check->rc != RC_OK) {
        return;
    }
    size_t mark = check_enter(check, "job_defaults", 0);
    if (check_object(check, defaults, names, NULL)) {
        check_choice(check, defaults, "process", processes, &process);
        check_choice(check, defaults, "on_duplicate", duplicates, &duplicate);
        source->automatic = process == 1;
        source->on_duplicate = cJSON_GetObjectItemCaseSensitive(defaults, "on_duplicate") != NULL ? (int)duplicate : -1;
    }
    check_leave(check, mark);
}

static void read_top(struct check *check, struct source *source) {
    static const char *const names[] = {"name",
                                        "settings",
                                        "steps",
                                        "auth",
                                        "tls",
                                        "proxy",
                                        "paginator",
                                        "foreach",
                                        "documents",
                                        "confine",
                                        "job_defaults",
                                        "max_concurrent_jobs",
                                        "job_retention_days",
                                        "unit_cache",
                                        "data_selector",
                                        "primary_key",
                                        "children",
                                        "metering",
                                        "api_budget",
                                        "concurrency_level",
                                        "error_handler",
                                        "coverage_tolerance",
                                        "timeout_s",
                                        "max_response_bytes",
                                        "allow_http",
                                        "job_members",
                                        "incremental",
                                        "circuit_breaker",
                                        "cache_ttl",
                                        "report",
                                        "results",
                                        "suggest",
                                        NULL};
    const cJSON *root = check->root;

    if (check->rc != RC_OK || !check_object(check, root, names, NULL)) {
        return;
    }
    check_name(check, root, "name", source->name);
    if (source->name[0] == '\0') {
        (void)check_fail(check, NULL, "needs a name");
    }
    if (check->rc == RC_OK) {
        check_file_name(check, source);
    }
    check_flag(check, root, "allow_http", &source->allow_http);
    check_flag(check, root, "confine", &source->confine);
    source_units(check, root, source);
    source_steps(check, root, source);
    source_suggest(check, root, source);
    source_paging(check, root, source);
    source_incremental(check, root, source);
    source_metering(check, root, source);
    source_access(check, root, source);
    if (source->metered && source->list_count == 0 && source->limit == 0 && source->max_limit == 0) {
        (void)check_fail(check, "paginator", "a metered source needs limit or max_limit: the most records that one answer can charge");
    }
    split_check(check, source);
    source_limits(check, root, source);
    source_errors(check, root, source);
    source_members(check, root, source);
    read_defaults(check, source);
    source_unit_cache(check, root, source);
    check_unsigned(check, root, "max_concurrent_jobs", 1, 1000, &source->max_concurrent_jobs);
    source->has_job_retention = cJSON_GetObjectItemCaseSensitive(root, "job_retention_days") != NULL;
    check_unsigned(check, root, "job_retention_days", 0, 36500, &source->job_retention_days);
    check_u64(check, root, "coverage_tolerance", 0, UINT64_MAX, &source->coverage_tolerance);
    check_duration(check, root, "cache_ttl", 0, &source->cache_ttl_ms);
    forms_read_report(check, root, &source->report);
    forms_read(check, root, "results", &source->results);
    if (source->incremental != NULL && source->cache_ttl_ms > 0) {
        (void)check_fail(check, "cache_ttl", "an incremental source gives something else each time");
    }
    check_unsigned(check, root, "timeout_s", 1, 3600, &source->timeout_s);
    check_u64(check, root, "max_response_bytes", 1024, 1u << 30, &source->max_response_bytes);
    if (check->rc == RC_OK) {
        source_check_references(check, source);
        source_find_hidden(check, source);
        source_hide_key(check, source);
    }
}

enum rc source_parse(const char *file, const char *text, size_t length, struct source **source, struct err *err) {
    return source_parse_with(file, text, length, NULL, source, err);
}

enum rc source_parse_with(const char *file, const char *text, size_t length, const cJSON *settings, struct source **source, struct err *err) {
    struct source *s = calloc(1, sizeof(*s));
    struct check check;
    enum rc rc;

    *source = NULL;
    if (s == NULL) {
        return err_set(err, RC_TEMP, "%s: out of memory", file);
    }
    s->timeout_s = 120;
    s->max_response_bytes = (uint64_t)LIMIT_RESPONSE_BYTES;
    rc = check_open(&check, file, text, length, &json_rules_config_commented, err);
    if (rc == RC_OK) {
        source_settings(&check, settings, s);
        read_top(&check, s);
        rc = check.rc;
    }
    s->definition = check_take_root(&check); /* the source borrows from it */
    check_release(&check);
    if (rc != RC_OK) {
        source_free(s);
        return rc;
    }
    *source = s;
    return RC_OK;
}

const struct source_member *source_urls(const struct source *source) {
    for (unsigned i = 0; i < source->member_count; i++) {
        if (strcmp(source->members[i].type, "urls") == 0) {
            return &source->members[i];
        }
    }
    return NULL;
}

void source_free(struct source *source) {
    if (source == NULL) {
        return;
    }
    for (unsigned i = 0; i < source->step_count; i++) {
        for (unsigned k = 0; k < source->steps[i].way_count; k++) {
            free(source->steps[i].ways[k].http.method);
            free(source->steps[i].ways[k].http.url);
        }
    }
    for (unsigned i = 0; i < source->list_count; i++) {
        free(source->lists[i].in);
    }
    for (unsigned i = 0; i < source->term_count; i++) {
        free(source->terms[i].path);
    }
    for (unsigned i = 0; i < source->suggest_count; i++) {
        free(source->suggests[i].http.method);
        free(source->suggests[i].http.url);
    }
    for (unsigned i = 0; i < source->key_count; i++) {
        free(source->primary_key[i]);
    }
    for (unsigned i = 0; i < source->child_count; i++) {
        free(source->children[i].data_selector);
        free(source->children[i].primary_key);
    }
    for (unsigned i = 0; i < source->filter_count; i++) {
        free(source->filters[i].has);
        free(source->filters[i].error_message_path);
    }
    for (unsigned i = 0; i < source->backoff_count; i++) {
        free(source->backoffs[i].header);
    }
    free(source->total_path);
    free(source->has_more_path);
    free(source->cursor_path);
    free(source->split);
    free(source->data_selector);
    free(source->count_path);
    free(source->cost_path);
    free(source->free_fields);
    cJSON_Delete(source->settings);
    cJSON_Delete(source->definition);
    free(source);
}

static enum rc each_in_value(const cJSON *value, template_seen *fn, void *context) {
    return value != NULL ? template_each_value(value, fn, context) : RC_OK;
}

static enum rc each_in_way(const struct source_way *way, template_seen *fn, void *context) {
    enum rc rc = way->helper ? each_in_value(way->exec.command, fn, context) : template_each(way->http.url, fn, context);

    rc = rc == RC_OK ? each_in_value(way->exec.input, fn, context) : rc;
    rc = rc == RC_OK ? each_in_value(way->http.check.command, fn, context) : rc;
    rc = rc == RC_OK ? each_in_value(way->http.check.input, fn, context) : rc;
    rc = rc == RC_OK ? each_in_value(way->http.params, fn, context) : rc;
    rc = rc == RC_OK ? each_in_value(way->http.headers, fn, context) : rc;
    return rc == RC_OK ? each_in_value(way->http.json, fn, context) : rc;
}

enum rc source_each_way_reference(const struct source_step *step, unsigned way, template_seen *fn, void *context) {
    enum rc rc = step->for_each != NULL ? template_each(step->for_each, fn, context) : RC_OK;

    return rc == RC_OK ? each_in_way(&step->ways[way], fn, context) : rc;
}

enum rc source_each_reference(const struct source *source, template_seen *fn, void *context) {
    const cJSON *const overlays[] = {source->preview, source->purchase, source->list, source->by_id};
    enum rc rc = RC_OK;

    for (unsigned i = 0; i < source->step_count; i++) {
        for (unsigned k = 0; k < source->steps[i].way_count && rc == RC_OK; k++) {
            rc = source->steps[i].ways[k].unset == NULL ? each_in_way(&source->steps[i].ways[k], fn, context) : RC_OK;
        }
    }
    for (size_t i = 0; i < sizeof(overlays) / sizeof(overlays[0]) && rc == RC_OK; i++) {
        rc = each_in_value(overlays[i], fn, context);
    }
    return rc == RC_OK ? source_each_access_reference(source, fn, context) : rc;
}

/* The value of the job at a Pointer is the one that `when` names; what the job does not have is null. */
static bool holds(const cJSON *condition, const cJSON *job) {
    const cJSON *value = template_at(job, condition->string);

    return value == NULL ? cJSON_IsNull(condition) : cJSON_Compare(value, condition, true);
}

unsigned source_first_way(const struct source_step *step, unsigned from, const cJSON *job) {
    for (; from < step->way_count; from++) {
        const cJSON *condition;
        bool all = step->ways[from].unset == NULL;

        cJSON_ArrayForEach(condition, step->ways[from].when) {
            all = all && holds(condition, job);
        }
        if (all) {
            break;
        }
    }
    return from;
}

struct secrets {
    void (*fn)(void *context, const char *name, bool optional);
    void *context;
    char told[SOURCE_MAX_MEMBERS][LIMIT_NAME_BYTES + 1];
    unsigned count;
};

static enum rc secret_seen(void *context, const struct template_reference *reference) {
    struct secrets *secrets = context;

    if (reference->kind != TEMPLATE_SECRET || secrets->count == SOURCE_MAX_MEMBERS) {
        return RC_OK;
    }
    for (unsigned i = 0; i < secrets->count; i++) {
        if (strcmp(secrets->told[i], reference->name) == 0) {
            return RC_OK;
        }
    }
    (void)str_copy(secrets->told[secrets->count++], LIMIT_NAME_BYTES + 1, reference->name);
    secrets->fn(secrets->context, reference->name, reference->optional);
    return RC_OK;
}

void source_secrets(const struct source *source, void (*fn)(void *context, const char *name, bool optional), void *context) {
    struct secrets secrets = {.fn = fn, .context = context};

    (void)source_each_reference(source, secret_seen, &secrets);
    for (unsigned i = 0; i < source->suggest_count; i++) {
        const struct source_http *http = &source->suggests[i].http;
        const cJSON *values[] = {http->params, http->headers, http->json};

        (void)template_each(http->url, secret_seen, &secrets);
        for (size_t k = 0; k < sizeof(values) / sizeof(values[0]); k++) {
            if (values[k] != NULL) {
                (void)template_each_value(values[k], secret_seen, &secrets);
            }
        }
    }
}

static void name_secret(void *context, const char *name, bool optional) {
    char before[SOURCE_NAMES_SIZE], *out = context;

    (void)optional;
    (void)str_copy(before, sizeof(before), out);
    if (before[0] == '\0') {
        (void)str_format(out, SOURCE_NAMES_SIZE, "secret %s", name);
    } else {
        (void)str_format(out, SOURCE_NAMES_SIZE, "secrets %s, %s", strchr(before, ' ') + 1, name);
    }
}

static void name_needed(void *context, const char *name, bool optional) {
    if (!optional) {
        name_secret(context, name, optional);
    }
}

const char *source_secret_names(const struct source *source, const struct source_step *step, unsigned way, char out[SOURCE_NAMES_SIZE]) {
    struct secrets secrets = {.fn = name_secret, .context = out};

    out[0] = '\0';
    if (step == NULL) {
        source_secrets(source, name_needed, out);
    } else {
        (void)source_each_way_reference(step, way, secret_seen, &secrets);
        (void)source_each_access_reference(source, secret_seen, &secrets);
    }
    return out;
}

static enum rc member_used(void *context, const struct template_reference *reference) {
    return reference->kind == TEMPLATE_JOB && strcmp(reference->name, context) == 0 ? RC_GONE : RC_OK;
}

bool source_uses(const struct source *source, const char *job_member) {
    char name[LIMIT_NAME_BYTES + 1];

    return str_copy(name, sizeof(name), job_member) && source_each_reference(source, member_used, name) == RC_GONE;
}
