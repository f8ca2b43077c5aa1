// SPDX-License-Identifier: Apache-2.0
#include "source/source_parts.h"

#include <string.h>

#include "base/limits.h"
#include "source/paginator.h"

/* Pages and records of a source: paginator, data_selector, primary_key, children (DESIGN 5). */

#define MOST_PAGE 1000000u

static void read_paginator(struct check *check, struct source *source) {
    const cJSON *options = source->paginator, *type = check_string(check, options, "type", sizeof(source->paginator_type) - 1);
    const char *types[16];
    unsigned count = 0, chosen = 0;
    const struct paginator_row *row;

    if (type == NULL) {
        (void)check_fail(check, NULL, "needs a type");
        return;
    }
    for (; count < 15 && paginator_rows[count] != NULL; count++) {
        types[count] = paginator_rows[count]->type;
    }
    types[count] = NULL;
    check_choice(check, options, "type", types, &chosen);
    row = paginator_rows[chosen];
    if (!check_object(check, options, paginator_common, row->options)) {
        return;
    }
    (void)str_copy(source->paginator_type, sizeof(source->paginator_type), row->type);
    check_u64(check, options, "limit", 1, MOST_PAGE, &source->limit);
    check_u64(check, options, "max_limit", 1, MOST_PAGE, &source->max_limit);
    if (source->max_limit > 0 && source->limit > source->max_limit) {
        (void)check_fail(check, "limit", "is above max_limit");
    }
    paginator_check(check, source);
}

static void read_keys(struct check *check, const cJSON *definition, struct source *source) {
    const cJSON *keys = cJSON_GetObjectItemCaseSensitive(definition, "primary_key"), *key;

    if (!cJSON_IsArray(keys)) {
        check_pointer(check, definition, "primary_key", &source->primary_key[0]);
        source->key_count = source->primary_key[0] != NULL;
        return;
    }
    if (check_array(check, definition, "primary_key", 1, SOURCE_MAX_KEYS) == NULL) {
        return;
    }
    cJSON_ArrayForEach(key, keys) {
        if (!cJSON_IsString(key) || !json_pointer_valid(key->valuestring) || key->valuestring[0] == '\0') {
            (void)check_fail(check, "primary_key", "each must be a JSON Pointer such as \"/id\"");
            return;
        }
        source->primary_key[source->key_count] = source_copy(check, key->valuestring);
        source->key_count += source->primary_key[source->key_count] != NULL;
    }
}

static void read_children(struct check *check, const cJSON *definition, struct source *source) {
    static const char *const names[] = {"data_selector", "primary_key", NULL};
    const cJSON *children = cJSON_GetObjectItemCaseSensitive(definition, "children"), *child;
    size_t outer, inner;

    if (children == NULL || check->rc != RC_OK) {
        return;
    }
    if (!cJSON_IsObject(children) || cJSON_GetArraySize(children) > SOURCE_MAX_CHILDREN) {
        (void)check_fail(check, "children", "must be an object of at most %u names", SOURCE_MAX_CHILDREN);
        return;
    }
    outer = check_enter(check, "children", 0);
    cJSON_ArrayForEach(child, children) {
        struct source_child *out = &source->children[source->child_count++];

        if (!str_is_name(child->string)) {
            (void)check_fail(check, child->string, "the name must be 1 to 64 of A-Z a-z 0-9 _ -");
            break;
        }
        (void)str_copy(out->name, sizeof(out->name), child->string);
        inner = check_enter(check, child->string, 0);
        if (check_object(check, child, names, NULL)) {
            check_pointer(check, child, "data_selector", &out->data_selector);
            check_pointer(check, child, "primary_key", &out->primary_key);
            if (out->data_selector == NULL || out->primary_key == NULL) {
                (void)check_fail(check, NULL, "needs data_selector and primary_key");
            }
        }
        check_leave(check, inner);
    }
    check_leave(check, outer);
}

void source_paging(struct check *check, const cJSON *definition, struct source *source) {
    const struct source_step *last = &source->steps[source->step_count > 0 ? source->step_count - 1 : 0];
    size_t mark;

    source->paginator = cJSON_GetObjectItemCaseSensitive(definition, "paginator");
    if (source->paginator == NULL && source->list_count == 0) {
        (void)check_fail(check, NULL, "needs a paginator, or foreach, or documents: what its units are");
        return;
    }
    if (check->rc != RC_OK) {
        return;
    }
    mark = check_enter(check, "paginator", 0);
    if (source->list_count > 0) {
        (void)str_copy(source->paginator_type, sizeof(source->paginator_type), "units");
    } else if (last->way_count > 1 || last->ways[0].helper || last->ways[0].when != NULL) {
        (void)check_fail(check, NULL, "pages are asked for by the last step: it must be an http without when and fallback");
    } else if (cJSON_IsObject(source->paginator)) {
        read_paginator(check, source);
    } else {
        (void)check_fail(check, NULL, "must be an object");
    }
    check_leave(check, mark);
    check_pointer(check, definition, "data_selector", &source->data_selector);
    if (source->data_selector == NULL && check->rc == RC_OK) {
        source->data_selector = source_copy(check, "");
    }
    read_keys(check, definition, source);
    read_children(check, definition, source);
}
