// SPDX-License-Identifier: Apache-2.0
#include "engine/load_internal.h"

#include "base/json.h"
#include "source/answer.h"

#include <stdio.h>
#include <string.h>

#define CHILD_KEY_MAX ((size_t)64 * 1024 * 1024)

void load_definition(const struct source *source, char out[DIGEST_HEX_SIZE]) {
    struct digest *sum = digest_new();

    out[0] = '\0';
    if (sum == NULL)
        return;
    digest_add(sum, source->data_selector, strlen(source->data_selector) + 1);
    for (unsigned i = 0; i < source->key_count; i++)
        digest_add(sum, source->primary_key[i], strlen(source->primary_key[i]) + 1);
    for (unsigned i = 0; i < source->child_count; i++) {
        const struct source_child *child = &source->children[i];
        /* A line feed is in no name and Pointer: keys and children can not be mistaken for each other. */
        digest_add(sum, "\n", 1);
        digest_add(sum, child->name, strlen(child->name) + 1);
        digest_add(sum, child->data_selector, strlen(child->data_selector) + 1);
        digest_add(sum, child->primary_key, strlen(child->primary_key) + 1);
    }
    digest_hex(sum, out);
    digest_free(sum);
}

static void why_no_key(const struct source *source, struct slice record, char *reason, size_t size) {
    struct slice value;

    for (unsigned i = 0; i < source->key_count; i++) {
        const char *pointer = source->primary_key[i];
        if (pointer[0] != '\0' && json_type(record) != JSON_OBJECT) {
            (void)snprintf(reason, size, "the record is not an object");
            return;
        }
        if (!json_find(record, pointer, &value)) {
            (void)snprintf(reason, size, "primary key %s is missing", pointer);
            return;
        }
        switch (json_type(value)) {
        case JSON_NULL:
            (void)snprintf(reason, size, "primary key %s is null", pointer);
            return;
        case JSON_ARRAY:
        case JSON_OBJECT:
            (void)snprintf(reason, size, "primary key %s is neither text nor number", pointer);
            return;
        case JSON_NONE:
        case JSON_FALSE:
        case JSON_TRUE:
        case JSON_NUMBER:
        case JSON_STRING:
            break;
        }
    }
    (void)snprintf(reason, size, "the primary key can not be used");
}

enum rc load_record_key(const struct source *source, struct slice record, const char *job_id, uint32_t batch, uint32_t index, struct buf *key, char *reason,
                        size_t reason_size) {
    if (source->key_count == 0) {
        /* Without a primary key every captured record is itself: known by where it was captured. */
        buf_reset(key);
        return buf_printf(key, "#%s/%u/%u", job_id, batch, index);
    }
    if (answer_record_key(source, record, key) && key->length > 0)
        return RC_OK;
    why_no_key(source, record, reason, reason_size);
    return RC_PERM;
}

static enum rc one_child(const struct source_child *child, struct slice value, uint32_t place, struct buf *key, sink_child_seen *seen, void *context) {
    if (json_type(value) == JSON_NULL)
        return RC_OK;
    if (!answer_child_key(child, value, key) || key->length == 0) {
        buf_reset(key);
        enum rc rc = buf_printf(key, "#%08x", place);
        if (rc != RC_OK)
            return rc;
    }
    return seen(context, child->name, (struct slice){.data = key->data, .length = key->length}, value);
}

enum rc load_children(const void *definition, struct slice record, sink_child_seen *seen, void *context) {
    const struct source *source = definition;
    struct buf key = BUF_INIT(CHILD_KEY_MAX);
    struct slice container, name, value;
    struct json_iter iter;
    enum rc rc = RC_OK;

    for (unsigned i = 0; i < source->child_count && rc == RC_OK; i++) {
        const struct source_child *child = &source->children[i];
        uint32_t place = 0;
        if (!json_find(record, child->data_selector, &container))
            continue;
        if (json_type(container) != JSON_ARRAY || !json_iter_init(&iter, container)) {
            rc = one_child(child, container, 0, &key, seen, context);
            continue;
        }
        while (rc == RC_OK && json_iter_next(&iter, &name, &value))
            rc = one_child(child, value, place++, &key, seen, context);
    }
    buf_release(&key);
    return rc;
}
