// SPDX-License-Identifier: Apache-2.0
#ifndef TESTS_UNIT_SOURCE_FIXTURE_H
#define TESTS_UNIT_SOURCE_FIXTURE_H

#include <cjson/cJSON.h>

#include "source/source.h"

/* The smallest definition, "items", with the members of a JSON object in the place of its own. The caller frees. */
static inline char *definition(const char *patch) {
    cJSON *base = cJSON_Parse("{\"name\":\"items\",\"steps\":[{\"http\":{\"url\":\"https://api.example.com/items\"}}],"
                              "\"paginator\":{\"type\":\"offset\",\"limit\":100,\"total_path\":\"/total\"}}");
    cJSON *over = cJSON_Parse(patch), *member;
    char *text;

    if (over == NULL) {
        fail_msg("no JSON: %s", patch);
    }
    cJSON_ArrayForEach(member, over) {
        cJSON_DeleteItemFromObjectCaseSensitive(base, member->string);
        cJSON_AddItemToObject(base, member->string, cJSON_Duplicate(member, true));
    }
    text = cJSON_PrintUnformatted(base);
    cJSON_Delete(over);
    cJSON_Delete(base);
    return text;
}

static inline struct source *source_of(const char *patch) {
    char *text = definition(patch);
    struct source *source = NULL;
    struct err err = {0};

    if (source_parse("items.json", text, strlen(text), &source, &err) != RC_OK) {
        fail_msg("%s", err.text);
    }
    free(text);
    return source;
}

#endif
