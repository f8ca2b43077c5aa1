// SPDX-License-Identifier: Apache-2.0
#include "source/source_parts.h"

#include <string.h>

/* The members of a job that a source declares (job_members), and whether a value fits one (DESIGN 5). */

static bool has_type(const char *type, const cJSON *value) {
    if (strcmp(type, "integer") == 0) {
        double d = cJSON_IsNumber(value) ? value->valuedouble : 0.5;

        return d >= -9007199254740991.0 && d <= 9007199254740991.0 && (double)(int64_t)d >= d && (double)(int64_t)d <= d;
    }
    return strcmp(type, "string") == 0    ? cJSON_IsString(value)
           : strcmp(type, "number") == 0  ? cJSON_IsNumber(value)
           : strcmp(type, "boolean") == 0 ? cJSON_IsBool(value)
           : strcmp(type, "array") == 0   ? cJSON_IsArray(value)
           : strcmp(type, "urls") == 0    ? cJSON_IsArray(value)
                                          : cJSON_IsObject(value);
}

static bool is_among(const cJSON *values, const cJSON *item) {
    const cJSON *value;

    cJSON_ArrayForEach(value, values) {
        if (cJSON_IsString(item) && strcmp(item->valuestring, value->valuestring) == 0) {
            return true;
        }
    }
    return false;
}

/* One of the values, or a list in which each is one of them and none is there twice. */
static void check_values(struct check *check, const cJSON *values, const char *name, const cJSON *value) {
    struct buf known = BUF_INIT(400);
    const cJSON *list = cJSON_IsArray(value) ? value : NULL, *item;
    bool good = list != NULL || is_among(values, value);

    cJSON_ArrayForEach(item, list) {
        good = good && is_among(values, item);
        for (const cJSON *later = item->next; good && later != NULL; later = later->next) {
            good = !cJSON_Compare(item, later, true);
        }
    }
    if (good) {
        return;
    }
    cJSON_ArrayForEach(item, values) {
        (void)buf_printf(&known, "%s\"%s\"", known.length > 0 ? ", " : "", item->valuestring);
    }
    (void)check_fail(check, name, "must be %s %s%s", cJSON_IsArray(value) ? "a list of" : "one of", buf_text(&known),
                     cJSON_IsArray(value) ? ", each once at most" : "");
    buf_release(&known);
}

void source_member_check(struct check *check, const struct source_member *member, const char *name, const cJSON *value) {
    const char *what = cJSON_IsString(value) ? "its length in bytes" : cJSON_IsArray(value) || cJSON_IsObject(value) ? "its length" : "it";
    double measure;

    if (!has_type(member->type, value)) {
        (void)check_fail(check, name, "must be %s %s", strcmp(member->type, "urls") == 0 ? "a list of" : "of type",
                         strcmp(member->type, "urls") == 0 ? "URLs" : member->type);
        return;
    }
    measure = cJSON_IsString(value)                           ? (double)strlen(value->valuestring)
              : cJSON_IsArray(value) || cJSON_IsObject(value) ? (double)cJSON_GetArraySize(value)
                                                              : value->valuedouble;
    if (member->has_minimum && measure < member->minimum) {
        (void)check_fail(check, name, "%s must be at least %.17g", what, member->minimum);
    } else if (member->has_maximum && measure > member->maximum) {
        (void)check_fail(check, name, "%s must be at most %.17g", what, member->maximum);
    } else if (member->values != NULL) {
        check_values(check, member->values, name, value);
    }
}

/* The texts that a member may be. */
static void read_values(struct check *check, const cJSON *item, struct source_member *out) {
    const cJSON *value;

    out->values = check_array(check, item, "values", 1, SOURCE_MAX_VALUES);
    if (out->values != NULL && strcmp(out->type, "string") != 0 && strcmp(out->type, "array") != 0) {
        (void)check_fail(check, "values", "are for a string, or for an array of strings");
    }
    cJSON_ArrayForEach(value, out->values) {
        if (!cJSON_IsString(value)) {
            (void)check_fail(check, "values", "must be texts");
            return;
        }
    }
}

static void read_member(struct check *check, const cJSON *item, struct source_member *out) {
    static const char *const names[] = {"type", "default", "minimum", "maximum", "required", "values", "private_hosts", NULL};
    static const char *const types[] = {"string", "integer", "number", "boolean", "array", "object", "urls", NULL};
    const double most = 9007199254740991.0;
    unsigned type = 0;

    if (!check_object(check, item, names, NULL)) {
        return;
    }
    if (cJSON_GetObjectItemCaseSensitive(item, "type") == NULL) {
        (void)check_fail(check, NULL, "needs a type");
    }
    check_choice(check, item, "type", types, &type);
    (void)str_copy(out->type, sizeof(out->type), types[type]);
    out->has_minimum = cJSON_GetObjectItemCaseSensitive(item, "minimum") != NULL;
    out->has_maximum = cJSON_GetObjectItemCaseSensitive(item, "maximum") != NULL;
    check_real(check, item, "minimum", -most, most, &out->minimum);
    check_real(check, item, "maximum", out->has_minimum ? out->minimum : -most, most, &out->maximum);
    if (strcmp(out->type, "boolean") == 0 && (out->has_minimum || out->has_maximum)) {
        (void)check_fail(check, NULL, "a boolean has no minimum and maximum");
    }
    read_values(check, item, out);
    check_flag(check, item, "required", &out->required);
    check_flag(check, item, "private_hosts", &out->private_hosts);
    if (out->private_hosts && strcmp(out->type, "urls") != 0) {
        (void)check_fail(check, "private_hosts", "is for the type urls");
    }
    out->initial = cJSON_GetObjectItemCaseSensitive(item, "default");
    if (out->initial != NULL) {
        source_member_check(check, out, "default", out->initial);
        if (out->required) {
            (void)check_fail(check, "required", "a member with a default is never missing");
        }
    }
}

void source_members(struct check *check, const cJSON *definition, struct source *source) {
    const cJSON *members = cJSON_GetObjectItemCaseSensitive(definition, "job_members"), *item;
    size_t outer, inner;

    if (members == NULL || check->rc != RC_OK) {
        return;
    }
    if (!cJSON_IsObject(members) || cJSON_GetArraySize(members) > SOURCE_MAX_MEMBERS) {
        (void)check_fail(check, "job_members", "must be an object of at most %u names", SOURCE_MAX_MEMBERS);
        return;
    }
    outer = check_enter(check, "job_members", 0);
    cJSON_ArrayForEach(item, members) {
        struct source_member *out = &source->members[source->member_count];

        if (!str_is_name(item->string) || source_is_common_member(item->string)) {
            (void)check_fail(check, item->string,
                             source_is_common_member(item->string) ? "every job has this member" : "the name must be 1 to 64 of A-Z a-z 0-9 _ -");
            break;
        }
        (void)str_copy(out->name, sizeof(out->name), item->string);
        inner = check_enter(check, item->string, 0);
        read_member(check, item, out);
        check_leave(check, inner);
        source->member_count++;
    }
    check_leave(check, outer);
}
