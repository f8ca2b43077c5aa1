// SPDX-License-Identifier: Apache-2.0
#include "source/split.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "source/source_parts.h"

#define DAY_US (INT64_C(86400) * 1000000)

static bool day_of(const char *text, int64_t *day) {
    char whole[40];
    int64_t us;

    if (strlen(text) != 10 || !str_format(whole, sizeof(whole), "%sT00:00:00Z", text) || !clock_parse_rfc3339(whole, &us)) {
        return false;
    }
    *day = us / DAY_US;
    return true;
}

static void read_bound(struct check *check, const cJSON *split, const char *name, bool dates, int64_t *out) {
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(split, name);

    if (dates && cJSON_IsString(item) && day_of(item->valuestring, out)) {
        return;
    }
    if (!dates && cJSON_IsNumber(item) && item->valuedouble == (double)(int64_t)item->valuedouble) {
        *out = (int64_t)item->valuedouble;
        return;
    }
    (void)check_fail(check, name,
                     dates ? "must be a date such as \"2020-01-01\", as the other end is" : "must be an integer, or a date such as \"2020-01-01\"");
}

static void read_append(struct check *check, const cJSON *append) {
    const cJSON *member;
    struct err err = {0};
    size_t mark = check_enter(check, "append", 0);

    cJSON_ArrayForEach(member, append) {
        if (!json_pointer_valid(member->string)) {
            (void)check_fail(check, member->string, "must be the Pointer to an array of the body");
        }
    }
    if (!cJSON_IsObject(append)) {
        (void)check_fail(check, NULL, "must be an object: Pointer to an array of the body, and the value to add to it");
    } else if (template_check_value(append, &err) != RC_OK) {
        (void)check_fail(check, NULL, "%s", err.text);
    }
    check_leave(check, mark);
}

static bool counts(const struct source *source) {
    return source->count_path != NULL || source->total_path != NULL || paginator_option(source, "total_header") != NULL;
}

static enum rc end_seen(void *context, const struct template_reference *reference) {
    unsigned *ends = context;

    *ends |= reference->kind != TEMPLATE_RANGE ? 0 : strcmp(reference->name, "from") == 0 ? 1u : 2u;
    return RC_OK;
}

/* A part without one of its ends is no part. */
static void check_ends(struct check *check, const cJSON *split) {
    unsigned ends = 0;

    if (check->rc == RC_OK && template_each_value(split, end_seen, &ends) == RC_OK && ends != 3) {
        (void)check_fail(check, NULL, "needs both ${range.from} and ${range.to} in params, headers, json or append");
    }
}

void split_check(struct check *check, struct source *source) {
    static const char *const names[] = {"minimum", "maximum", "params", "headers", "json", "append", "to", NULL};
    static const char *const ends[] = {"inclusive", "exclusive", NULL};
    const cJSON *split = paginator_option(source, "split");
    struct split *out;
    unsigned end = 0;
    size_t mark;

    if (split == NULL || check->rc != RC_OK) {
        return;
    }
    out = calloc(1, sizeof(*out));
    if (out == NULL) {
        (void)check_no_memory(check);
        return;
    }
    source->split = out;
    if (paginator_option(source, "maximum_offset") == NULL || !counts(source)) {
        (void)check_fail(check, "split", "needs maximum_offset, and total_path or total_header: it is for searches with more records than can be reached");
    }
    if (source->metered && source->preview == NULL) {
        (void)check_fail(check, "split", "of a metered source needs metering.preview: to ask how many records a part has would be charged");
    }
    mark = check_enter(check, "split", 0);
    if (check_object(check, split, names, NULL)) {
        out->dates = cJSON_IsString(cJSON_GetObjectItemCaseSensitive(split, "minimum"));
        read_bound(check, split, "minimum", out->dates, &out->minimum);
        read_bound(check, split, "maximum", out->dates, &out->maximum);
        if (out->minimum >= out->maximum) {
            (void)check_fail(check, "maximum", "must be above minimum");
        }
        check_choice(check, split, "to", ends, &end);
        out->exclusive = end == 1;
        source_check_overlay(check, split);
        out->params = cJSON_GetObjectItemCaseSensitive(split, "params");
        out->headers = cJSON_GetObjectItemCaseSensitive(split, "headers");
        out->json = cJSON_GetObjectItemCaseSensitive(split, "json");
        out->append = cJSON_GetObjectItemCaseSensitive(split, "append");
        if (out->append != NULL) {
            read_append(check, out->append);
        }
        check_ends(check, split);
        if (out->params == NULL && out->headers == NULL && out->json == NULL && out->append == NULL) {
            (void)check_fail(check, NULL, "needs params, headers, json or append, with ${range.from} and ${range.to} in it");
        }
    }
    check_leave(check, mark);
}

/* --- tokens -------------------------------------------------------------------------------------------------------- */

static void value_text(const struct split *split, int64_t value, char *out, size_t size) {
    char time[CLOCK_RFC3339_SIZE];

    if (!split->dates) {
        (void)str_format(out, size, "%lld", (long long)value);
        return;
    }
    clock_format_rfc3339(value * DAY_US, 0, time);
    (void)str_format(out, size, "\"%.10s\"", time);
}

void split_token(const struct split *split, struct split_part part, char *token, size_t size) {
    char from[32], to[32];

    value_text(split, part.from, from, sizeof(from));
    value_text(split, part.to, to, sizeof(to));
    (void)str_format(token, size, "[%s,%s]", from, to);
}

bool split_is_token(const char *token) {
    return token[0] == '[';
}

static bool read_value(const struct split *split, const cJSON *item, int64_t *out) {
    if (split->dates) {
        return cJSON_IsString(item) && day_of(item->valuestring, out);
    }
    *out = cJSON_IsNumber(item) ? (int64_t)item->valuedouble : 0;
    return cJSON_IsNumber(item);
}

bool split_parse(const struct split *split, const char *token, struct split_part *part) {
    cJSON *json = split_is_token(token) ? cJSON_Parse(token) : NULL;
    bool good = cJSON_GetArraySize(json) == 2 && read_value(split, cJSON_GetArrayItem(json, 0), &part->from) &&
                read_value(split, cJSON_GetArrayItem(json, 1), &part->to) && part->from <= part->to;

    cJSON_Delete(json);
    return good;
}

static cJSON *value_json(const struct split *split, int64_t value) {
    char text[32];

    value_text(split, value, text, sizeof(text));
    return cJSON_Parse(text);
}

cJSON *split_range(const struct split *split, struct split_part part) {
    cJSON *range = cJSON_CreateObject();

    if (range != NULL && cJSON_AddItemToObject(range, "from", value_json(split, part.from)) &&
        cJSON_AddItemToObject(range, "to", value_json(split, part.to + split->exclusive))) {
        return range;
    }
    cJSON_Delete(range);
    return NULL;
}
