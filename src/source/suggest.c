// SPDX-License-Identifier: Apache-2.0
#include "source/suggest.h"

#include <stdlib.h>
#include <string.h>

#include "source/source_parts.h"

#define PARTS_MOST 16u

/* --- of a definition -------------------------------------------------------------------------------------------------- */

static bool are_pointers(const cJSON *value) {
    const cJSON *one;
    if (cJSON_IsString(value))
        return json_pointer_valid(value->valuestring);
    cJSON_ArrayForEach(one, value) {
        if (!cJSON_IsString(one) || !json_pointer_valid(one->valuestring))
            return false;
    }
    return cJSON_IsArray(value) && value->child;
}

static const cJSON *read_pointers(struct check *check, const cJSON *object, const char *name, bool parts_too) {
    const cJSON *value = cJSON_GetObjectItemCaseSensitive(object, name), *part;
    bool good = !value || are_pointers(value);
    if (value && parts_too && cJSON_IsObject(value)) {
        good = value->child && cJSON_GetArraySize(value) <= (int)PARTS_MOST;
        cJSON_ArrayForEach(part, value) {
            good = good && are_pointers(part);
        }
    }
    if (!good)
        (void)check_fail(check, name,
                         "must be a JSON Pointer such as \"/name\" (RFC 6901), or a list of them, of which the first that leads to something counts%s",
                         parts_too ? ", or an object of the names of criteria and such Pointers" : "");
    return value;
}

static void read_field(struct check *check, const cJSON *object, bool allow_http, struct source_suggest *out) {
    static const char *const more[] = {"data_selector", "value", "label", "cache_ttl", NULL};
    source_read_http(check, object, more, allow_http, &out->http);
    if (check->rc)
        return;
    out->data_selector = read_pointers(check, object, "data_selector", false);
    out->value = read_pointers(check, object, "value", true);
    out->label = read_pointers(check, object, "label", false);
    out->cache_ttl_ms = INT64_C(24) * 3600 * 1000;
    check_duration(check, object, "cache_ttl", 0, &out->cache_ttl_ms);
    if (!out->data_selector || !out->value)
        (void)check_fail(check, NULL, "needs data_selector, where the list is, and value, what is taken of an element");
    else if (cJSON_IsObject(out->value) && !out->label)
        (void)check_fail(check, NULL, "needs a label, as its value is of several parts");
}

void source_suggest(struct check *check, const cJSON *definition, struct source *source) {
    const cJSON *all = cJSON_GetObjectItemCaseSensitive(definition, "suggest"), *one;
    if (!all || check->rc)
        return;
    if (!cJSON_IsObject(all) || cJSON_GetArraySize(all) > SOURCE_MAX_SUGGEST) {
        (void)check_fail(check, "suggest", "must be an object of at most %d fields", SOURCE_MAX_SUGGEST);
        return;
    }
    const size_t outer = check_enter(check, "suggest", 0);
    cJSON_ArrayForEach(one, all) {
        struct source_suggest *out = &source->suggests[source->suggest_count];
        if (!str_is_name(one->string)) {
            (void)check_fail(check, one->string, "is no name: letters, digits, \"_\" and \"-\"");
            break;
        }
        str_copy(out->name, sizeof out->name, one->string);
        source->suggest_count++; /* what it owns is freed with the source */
        const size_t inner = check_enter(check, one->string, 0);
        read_field(check, one, source->allow_http, out);
        check_leave(check, inner);
    }
    check_leave(check, outer);
}

const struct source_suggest *suggest_find(const struct source *source, const char *field) {
    for (unsigned i = 0; i < source->suggest_count; i++)
        if (strcmp(source->suggests[i].name, field) == 0)
            return &source->suggests[i];
    return NULL;
}

/* --- of a job --------------------------------------------------------------------------------------------------------- */

void suggest_read(struct check *check, const cJSON *root, const struct source *source, struct suggest *suggest) {
    static const char *const names[] = {"source", "mode", "name", "created_by", "campaign_id", "priority", "not_before", "notify", "suggest", NULL};
    static const char *const members[] = {"field", "q", NULL};
    const cJSON *object = cJSON_GetObjectItemCaseSensitive(root, "suggest");
    char field[65] = "";
    if (!check_object(check, root, names, NULL))
        return;
    const size_t mark = check_enter(check, "suggest", 0);
    if (check_object(check, object, members, NULL)) {
        check_name(check, object, "field", field);
        const cJSON *q = check_string(check, object, "q", SUGGEST_QUERY_BYTES);
        if (!q || !q->valuestring[0])
            (void)check_fail(check, q ? "q" : NULL, "needs q, a text of 1 to %u bytes", SUGGEST_QUERY_BYTES);
        suggest->field = suggest_find(source, field);
        if (!suggest->field)
            (void)check_fail(check, "field", "the source %s has no suggestions for it", source->name);
    }
    suggest->job = object;
    check_leave(check, mark);
}

/* --- of an answer ----------------------------------------------------------------------------------------------------- */

/* A text or number, fit to be shown. The caller frees. */
static char *text_at(struct slice item, const char *pointer) {
    struct buf text = BUF_INIT(SUGGEST_QUERY_BYTES + 1);
    struct slice value;
    char *out = NULL;
    const enum json_type type = json_find(item, pointer, &value) ? json_type(value) : JSON_NONE;
    enum rc rc = type == JSON_STRING ? json_decode_string(value, &text) : type == JSON_NUMBER ? buf_add(&text, value.data, value.length) : RC_GONE;
    bool good = rc == RC_OK && text.length;
    for (size_t i = 0; good && i < text.length; i++)
        good = (unsigned char)text.data[i] >= ' ' && text.data[i] != 0x7f;
    if (good)
        out = buf_take(&text);
    buf_release(&text);
    return out;
}

static char *first_text(struct slice item, const cJSON *pointers) {
    const cJSON *one;
    char *text = NULL;
    if (cJSON_IsString(pointers))
        return text_at(item, pointers->valuestring);
    cJSON_ArrayForEach(one, pointers) {
        if ((text = text_at(item, one->valuestring)) != NULL)
            break;
    }
    return text;
}

static bool first_list(struct slice body, const cJSON *pointers, struct json_iter *iter) {
    const cJSON *one = cJSON_IsString(pointers) ? pointers : pointers->child;
    for (; one; one = cJSON_IsString(pointers) ? NULL : one->next) {
        struct slice list;
        if (json_find(body, one->valuestring, &list) && json_type(list) == JSON_ARRAY)
            return json_iter_init(iter, list);
    }
    return false;
}

/* For a criterion of several parts: those that are there, as the builder takes them. */
static cJSON *value_of(struct slice item, const cJSON *value) {
    const cJSON *part;
    char *text;
    if (!cJSON_IsObject(value)) {
        text = first_text(item, value);
        cJSON *json = text ? cJSON_CreateString(text) : NULL;
        free(text);
        return json;
    }
    cJSON *list = cJSON_CreateArray();
    cJSON_ArrayForEach(part, value) {
        if ((text = first_text(item, part)) == NULL)
            continue;
        cJSON *one = cJSON_CreateObject();
        cJSON_AddStringToObject(one, "name", part->string);
        cJSON_AddStringToObject(one, "value", text);
        cJSON_AddItemToArray(list, one);
        free(text);
    }
    if (list && list->child)
        return list;
    cJSON_Delete(list);
    return NULL;
}

static cJSON *suggestion(const struct source_suggest *field, struct slice item) {
    cJSON *value = value_of(item, field->value);
    char *label = field->label ? first_text(item, field->label) : NULL;
    const char *shown = label ? label : cJSON_GetStringValue(value);
    cJSON *json = NULL;
    if (value && shown && (json = cJSON_CreateObject()) != NULL) {
        cJSON_AddItemToObject(json, "value", value);
        cJSON_AddStringToObject(json, "label", shown);
    } else
        cJSON_Delete(value);
    free(label);
    return json;
}

cJSON *suggest_answer(const struct source_suggest *field, struct slice body) {
    struct json_iter iter;
    struct slice name, item;
    bool empty = true;
    if (!body.length || json_check(body.data, body.length, &json_rules_payload, NULL) || !first_list(body, field->data_selector, &iter))
        return NULL;
    cJSON *json = cJSON_CreateObject(), *list = cJSON_AddArrayToObject(json, "suggestions");
    for (unsigned count = 0; count < SUGGEST_MOST && json_iter_next(&iter, &name, &item);) {
        cJSON *one = suggestion(field, item);
        empty = false;
        if (one && cJSON_AddItemToArray(list, one))
            count++;
    }
    cJSON_AddNumberToObject(json, "cache_ttl_s", (double)(field->cache_ttl_ms / 1000));
    if (list && (empty || list->child))
        return json;
    cJSON_Delete(json);
    return NULL;
}
