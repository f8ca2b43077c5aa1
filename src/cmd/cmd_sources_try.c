// SPDX-License-Identifier: Apache-2.0
#include "cmd/cmd_sources.h"

#include "base/json.h"
#include "base/limits.h"
#include "source/answer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void sources_add_count(cJSON *json, const char *name, uint64_t value) {
    if (value == UINT64_MAX)
        cJSON_AddNullToObject(json, name);
    else
        cJSON_AddNumberToObject(json, name, (double)value);
}

/* --- keys ---------------------------------------------------------------------------------------------------------- */

static void add_key(struct sources_keys *k, const struct buf *key) {
    if (k->count == k->capacity) {
        size_t capacity = k->capacity * 2 + 1024;
        void *sums = realloc(k->sums, capacity * sizeof *k->sums);
        if (!sums) {
            k->failed = true;
            return;
        }
        k->sums = sums;
        k->capacity = capacity;
    }
    digest_of(buf_text(key), key->length, k->sums[k->count++]);
}

void sources_keys_add(struct sources_keys *k, const struct source *source, struct slice records) {
    struct buf key = BUF_INIT(LIMIT_JOB_FILE_BYTES);
    struct json_iter iter;
    struct slice name, record;
    size_t index = 0;
    if (!json_iter_init(&iter, records))
        return;
    for (; json_iter_next(&iter, &name, &record); index++) {
        k->records++;
        if (!source->key_count)
            continue;
        if (answer_record_key(source, record, &key)) {
            add_key(k, &key);
            continue;
        }
        k->missing++;
        if (k->missing_at && cJSON_GetArraySize(k->missing_at) < 5) {
            char pointer[LIMIT_POINTER_BYTES + 24];
            str_format(pointer, sizeof pointer, "%s/%zu", source->data_selector, index);
            cJSON_AddItemToArray(k->missing_at, cJSON_CreateString(pointer));
        }
    }
    buf_release(&key);
}

static int compare_sums(const void *a, const void *b) {
    return memcmp(a, b, DIGEST_BYTES);
}

uint64_t sources_keys_unique(struct sources_keys *k, const struct source *source) {
    uint64_t unique = 0;
    if (!source->key_count)
        return k->records;
    if (k->count)
        qsort(k->sums, k->count, sizeof *k->sums, compare_sums);
    for (size_t i = 0; i < k->count; i++)
        unique += i == 0 || memcmp(k->sums[i - 1], k->sums[i], DIGEST_BYTES) != 0;
    return unique;
}

/* --- try ----------------------------------------------------------------------------------------------------------- */

static cJSON *try_children(const struct source *source, struct slice records) {
    cJSON *all = cJSON_CreateObject();
    struct buf key = BUF_INIT(LIMIT_JOB_FILE_BYTES);
    for (unsigned i = 0; i < source->child_count; i++) {
        const struct source_child *child = &source->children[i];
        uint64_t count = 0, missing = 0;
        struct json_iter each, inner;
        struct slice name, record, list, value;
        if (json_iter_init(&each, records))
            while (json_iter_next(&each, &name, &record))
                if (json_find(record, child->data_selector, &list) && json_type(list) == JSON_ARRAY && json_iter_init(&inner, list))
                    for (; json_iter_next(&inner, &name, &value); count++)
                        missing += child->primary_key && !answer_child_key(child, value, &key);
        cJSON *json = cJSON_AddObjectToObject(all, child->name);
        sources_add_count(json, "count", count);
        sources_add_count(json, "without_key", missing);
    }
    buf_release(&key);
    return all;
}

static void try_first(cJSON *json, const struct source *source, struct slice records) {
    struct json_iter iter;
    struct slice name, record, value;
    char shown[300];
    if (!json_iter_init(&iter, records) || !json_iter_next(&iter, &name, &record))
        return;
    cJSON *first = cJSON_AddObjectToObject(json, "first_record");
    sources_add_count(first, "bytes", record.length);
    cJSON *keys = cJSON_AddArrayToObject(first, "key");
    for (unsigned i = 0; i < source->key_count; i++)
        if (json_find(record, source->primary_key[i], &value)) {
            str_printable(shown, sizeof shown, value.data, value.length);
            cJSON_AddItemToArray(keys, cJSON_CreateString(shown));
        }
}

/* What the definition finds in one document. True: all of it is as it should be. */
static bool try_document(const struct source *source, struct slice document, cJSON *json) {
    const struct answer answer = {
        .sent = true, .complete = true, .status = 200, .body = document, .url = source->steps[source->step_count - 1].ways[0].http.url};
    struct sources_keys keys = {.missing_at = cJSON_CreateArray()};
    struct page_facts facts = {.total = UINT64_MAX};
    struct slice records = {.data = NULL, .length = 0};
    char text[DEC_TEXT_SIZE], shown[400];
    struct dec cost;
    uint64_t total;
    bool has_cost, found = json_find(document, source->data_selector, &records) && json_type(records) == JSON_ARRAY;
    if (!found) {
        str_format(shown, sizeof shown, "there is no list at data_selector \"%.300s\"", source->data_selector);
        cJSON_AddStringToObject(json, "error", shown);
        cJSON_Delete(keys.missing_at);
        return false;
    }
    sources_keys_add(&keys, source, records);
    facts.records = keys.records;
    answer_preview(source, &answer, &total, &cost, &has_cost);
    paginator_read(source, &(struct page_answer){.document = document, .url = answer.url}, &facts);
    const uint64_t unique = sources_keys_unique(&keys, source);
    sources_add_count(json, "records", keys.records);
    sources_add_count(json, "unique", unique);
    sources_add_count(json, "duplicates", source->key_count ? keys.count - unique : 0);
    sources_add_count(json, "without_key", keys.missing);
    const bool good = !keys.missing && !keys.failed && (!source->key_count || unique == keys.count);
    if (keys.missing)
        cJSON_AddItemToObject(json, "without_key_at", keys.missing_at);
    else
        cJSON_Delete(keys.missing_at);
    cJSON_AddItemToObject(json, "children", try_children(source, records));
    sources_add_count(json, "total", total);
    dec_format(cost, text);
    if (has_cost)
        cJSON_AddStringToObject(json, "cost", text);
    str_printable(shown, sizeof shown, *facts.fault ? facts.fault : facts.token, strlen(*facts.fault ? facts.fault : facts.token));
    if (*shown)
        cJSON_AddStringToObject(json, *facts.fault ? "next_page_fault" : "next_page", shown);
    try_first(json, source, records);
    free(keys.sums);
    return good;
}

static int try_file(const struct source *source, const char *file, cJSON *json) {
    struct buf text = BUF_INIT(source->max_response_bytes);
    struct err err = {0};
    const enum rc rc = cmd_read(file, &text, &err);
    bool good = rc == RC_OK;
    cJSON_AddStringToObject(json, "file", file);
    if (good && json_check(buf_text(&text), text.length, &json_rules_payload, &err) != RC_OK) {
        err_prefix(&err, RC_PERM, "is no JSON");
        good = false;
    }
    if (!good)
        cJSON_AddStringToObject(json, "error", err.text);
    good = good && try_document(source, (struct slice){buf_text(&text), text.length}, json);
    buf_release(&text);
    return good ? EXIT_DONE : rc == RC_GONE ? EXIT_NOINPUT : EXIT_DATA;
}

int sources_try(struct cmd *cmd, const struct sources_options *options, int argc, char **argv) {
    if (argc < 2)
        return cmd_usage(cmd);
    struct sources_definition definition;
    int code = sources_definition_load(cmd, options, argv[0], &definition);
    int worst = EXIT_DONE;
    cJSON *list = cJSON_CreateArray();
    for (int i = 1; !code && i < argc; i++) {
        cJSON *json = cJSON_CreateObject();
        const int one = try_file(definition.source, argv[i], json);
        worst = one > worst ? one : worst;
        cJSON_AddItemToArray(list, json);
    }
    sources_definition_release(&definition);
    if (code) {
        cJSON_Delete(list);
        return code;
    }
    code = sources_print(cmd, list);
    return code ? code : worst;
}
