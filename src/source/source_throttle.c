// SPDX-License-Identifier: Apache-2.0
#include "source/source_parts.h"

/* error_handler.throttle of a source (DESIGN 5). */

#define MAX_TRIES 20

static enum rc is_of_unit(void *context, const struct template_reference *reference) {
    bool *found = context;

    *found = *found || reference->kind == TEMPLATE_ITEM;
    return RC_OK;
}

/* A group is known before anything is asked for. */
static enum rc is_fit(void *context, const struct template_reference *reference) {
    (void)context;
    return reference->kind == TEMPLATE_ITEM || reference->kind == TEMPLATE_JOB ? RC_OK : RC_GONE;
}

static void read_group(struct check *check, const cJSON *throttle, struct source *source) {
    const cJSON *group = check_string(check, throttle, "group", LIMIT_POINTER_BYTES);
    struct err err = {0};
    bool of_unit = false;

    if (check->rc != RC_OK) {
        return;
    }
    if (group == NULL) {
        (void)check_fail(check, NULL, "needs group, a template of the unit such as \"${item.url/url}\"");
        return;
    }
    source->throttle.group = group->valuestring;
    if (template_check(group->valuestring, &err) != RC_OK) {
        (void)check_fail(check, "group", "%s", err.text);
    } else if (template_each(group->valuestring, is_fit, NULL) != RC_OK) {
        (void)check_fail(check, "group", "is of ${item} and ${job}: what they do not have is not known before a request");
    } else if (template_each(group->valuestring, is_of_unit, &of_unit) != RC_OK || !of_unit) {
        (void)check_fail(check, "group", "must name something of ${item}: else all units are one group");
    }
}

static bool is_used(const struct source *source) {
    bool used = false;

    for (unsigned i = 0; i < source->filter_count; i++) {
        used = used || source->filters[i].throttle;
    }
    return used;
}

void source_throttle(struct check *check, const cJSON *handler, struct source *source) {
    static const char *const names[] = {"group", "of", "max_tries", "max_time", NULL}, *const parts[] = {"text", "origin", NULL};
    const cJSON *throttle = cJSON_GetObjectItemCaseSensitive(handler, "throttle");
    unsigned part = 0;
    size_t mark;

    if (check->rc != RC_OK) {
        return;
    }
    if (throttle == NULL) {
        if (is_used(source)) {
            (void)check_fail(check, "response_filters", "one has throttle: error_handler needs a throttle beside them, which says what a group is");
        }
        return;
    }
    mark = check_enter(check, "throttle", 0);
    source->throttle.max_tries = MAX_TRIES;
    if (check_object(check, throttle, names, NULL)) {
        read_group(check, throttle, source);
        check_choice(check, throttle, "of", parts, &part);
        source->throttle.origin = part == 1;
        check_unsigned(check, throttle, "max_tries", 1, 1000, &source->throttle.max_tries);
        check_duration(check, throttle, "max_time", 1000, &source->throttle.max_time_ms);
    }
    if (source->list_count == 0) {
        (void)check_fail(check, NULL, "is for units that are no pages: the source has no foreach, nor documents");
    } else if (!is_used(source)) {
        (void)check_fail(check, NULL, "no response filter has \"throttle\": true, which says which errors count against a group");
    }
    check_leave(check, mark);
}
