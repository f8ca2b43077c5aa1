// SPDX-License-Identifier: Apache-2.0
#include "report/csv.h"

#include "base/json.h"
#include "base/limits.h"

#include <cjson/cJSON.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define REPLACEMENT "\xef\xbf\xbd"

void csv_init(struct csv *csv) {
    memset(csv, 0, sizeof(*csv));
    buf_init(&csv->scratch, SIZE_MAX / 2);
}

static void column_release(struct csv_column *column) {
    free(column->name);
    free(column->pointer);
    free(column->fallback);
}

void csv_release(struct csv *csv) {
    for (size_t i = 0; i < csv->count; i++)
        column_release(&csv->columns[i]);
    free(csv->columns);
    free(csv->members.list);
    free(csv->members.slots);
    buf_release(&csv->scratch);
}

/* Takes the column's texts over, also when it fails. */
static enum rc add_column(struct csv *csv, struct csv_column *column, struct err *err) {
    enum rc rc = RC_OK;

    if (column->name == NULL || column->pointer == NULL)
        rc = err_set(err, RC_TEMP, "out of memory");
    else if (csv->count == CSV_COLUMNS_MAX)
        rc = err_set(err, RC_PERM, "more than %u columns; choose some with --columns", CSV_COLUMNS_MAX);
    if (rc == RC_OK && csv->count == csv->capacity) {
        size_t capacity = csv->capacity == 0 ? 64 : csv->capacity * 2;
        struct csv_column *larger = realloc(csv->columns, capacity * sizeof(*larger));
        if (larger == NULL) {
            rc = err_set(err, RC_TEMP, "out of memory");
        } else {
            csv->columns = larger;
            csv->capacity = capacity;
        }
    }
    if (rc == RC_OK)
        csv->columns[csv->count++] = *column;
    else
        column_release(column);
    return rc;
}

char *csv_name_of_pointer(const char *pointer) {
    char *name = strdup(pointer[0] == '\0' ? "value" : pointer + 1), *to = name;

    if (name == NULL || pointer[0] == '\0')
        return name;
    for (const char *from = pointer + 1; *from != '\0'; from++) {
        if (from[0] == '~' && (from[1] == '0' || from[1] == '1'))
            *to++ = *++from == '0' ? '~' : '/';
        else
            *to++ = *from == '/' ? '.' : *from;
    }
    *to = '\0';
    return name;
}

/* A token of a JSON Pointer, escaped. A dot begins a new one when dots are wanted. */
static enum rc add_token(struct buf *pointer, const char *text, size_t length, bool dots) {
    enum rc rc = buf_add_char(pointer, '/');

    for (size_t i = 0; i < length && rc == RC_OK; i++) {
        if (text[i] == '~' || text[i] == '/')
            rc = buf_add_text(pointer, text[i] == '~' ? "~0" : "~1");
        else
            rc = buf_add_char(pointer, dots && text[i] == '.' ? '/' : text[i]);
    }
    return rc;
}

static char *pointer_of_name(const char *name, bool dots) {
    struct buf pointer = BUF_INIT(2 * LIMIT_JOB_FILE_BYTES);
    char *out = NULL;

    if (add_token(&pointer, name, strlen(name), dots) == RC_OK)
        out = buf_take(&pointer);
    buf_release(&pointer);
    return out;
}

/* The member that has this very name comes before a way through objects. */
static void place_by_name(struct csv_column *column, const char *name) {
    if (name[0] == '/' || name[0] == '\0') {
        column->pointer = strdup(name);
        return;
    }
    column->pointer = pointer_of_name(name, false);
    if (strchr(name, '.') != NULL)
        column->fallback = pointer_of_name(name, true);
}

static enum rc parse_object(const cJSON *item, struct csv_column *column, struct err *err) {
    static const char *const known[] = {"name", "path", "as"};
    const cJSON *name = cJSON_GetObjectItemCaseSensitive(item, "name"), *path = cJSON_GetObjectItemCaseSensitive(item, "path");
    const cJSON *as = cJSON_GetObjectItemCaseSensitive(item, "as"), *member;

    cJSON_ArrayForEach(member, item) {
        bool found = false;
        for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
            found = found || strcmp(known[i], member->string) == 0;
        if (!found)
            return err_set(err, RC_PERM, "unknown member \"%s\"; there are name, path and as", member->string);
    }
    if (!cJSON_IsString(name) || name->valuestring[0] == '\0')
        return err_set(err, RC_PERM, "name is missing, or no text");
    if (path != NULL && (!cJSON_IsString(path) || !json_pointer_valid(path->valuestring)))
        return err_set(err, RC_PERM, "path is no JSON Pointer such as \"/Persons/0/FirstName\"");
    if (as != NULL && (!cJSON_IsString(as) || strcmp(as->valuestring, "text") != 0))
        return err_set(err, RC_PERM, "as can only be \"text\"");
    column->name = strdup(name->valuestring);
    column->as_text = as != NULL;
    if (path != NULL)
        column->pointer = strdup(path->valuestring);
    else
        place_by_name(column, name->valuestring);
    return RC_OK;
}

static enum rc parse_column(struct csv *csv, const cJSON *item, struct err *err) {
    struct csv_column column = {0};
    enum rc rc = RC_OK;

    if (cJSON_IsObject(item)) {
        rc = parse_object(item, &column, err);
    } else if (!cJSON_IsString(item)) {
        rc = err_set(err, RC_PERM, "neither a name nor an object");
    } else if (item->valuestring[0] == '/' && !json_pointer_valid(item->valuestring)) {
        rc = err_set(err, RC_PERM, "\"%s\" is no JSON Pointer", item->valuestring);
    } else {
        column.name = item->valuestring[0] == '/' || item->valuestring[0] == '\0' ? csv_name_of_pointer(item->valuestring) : strdup(item->valuestring);
        place_by_name(&column, item->valuestring);
    }
    if (rc == RC_OK)
        return add_column(csv, &column, err);
    column_release(&column);
    return rc;
}

enum rc csv_columns_parse(struct csv *csv, const char *text, size_t length, struct err *err) {
    enum rc rc = json_check(text, length, &json_rules_config, err);
    const cJSON *item;
    cJSON *json;
    unsigned n = 0;

    if (rc != RC_OK)
        return err_prefix(err, rc, "--columns");
    json = cJSON_ParseWithLength(text, length);
    if (!cJSON_IsArray(json) || cJSON_GetArraySize(json) == 0)
        rc = err_set(err, RC_PERM, "--columns: not an array of columns, e.g. [\"City\", {\"name\": \"ZIP\", \"path\": \"/ZipFive\", \"as\": \"text\"}]");
    else
        cJSON_ArrayForEach(item, json) {
            rc = parse_column(csv, item, err);
            if (rc != RC_OK) {
                (void)err_prefix(err, rc, "--columns: /%u", n);
                break;
            }
            n++;
        }
    cJSON_Delete(json);
    return rc;
}

/* Learning */

static enum rc learn_column(struct csv *csv, const char *pointer, struct err *err) {
    struct csv_column column = {.learned = true};
    bool taken = false;

    for (size_t i = 0; i < csv->count; i++)
        if (strcmp(csv->columns[i].pointer, pointer) == 0)
            return RC_OK;
    column.name = csv_name_of_pointer(pointer);
    for (size_t i = 0; i < csv->count && column.name != NULL; i++)
        taken = taken || strcmp(csv->columns[i].name, column.name) == 0;
    if (taken) {
        /* A member "a.b" beside a member b of a: the pointer tells them apart. */
        free(column.name);
        column.name = strdup(pointer);
    }
    column.pointer = strdup(pointer);
    return add_column(csv, &column, err);
}

struct level {
    struct json_iter iter;
    size_t pointer_length;
};

/* Objects inside objects with a stack of our own; a payload is at most LIMIT_PAYLOAD_DEPTH deep. */
enum rc csv_columns_learn(struct csv *csv, struct slice record, struct err *err) {
    struct level stack[LIMIT_PAYLOAD_DEPTH + 1];
    struct buf pointer = BUF_INIT(SIZE_MAX / 2), name = BUF_INIT(SIZE_MAX / 2);
    struct slice raw, value;
    size_t depth = 0;
    enum rc rc = RC_OK;

    if (json_type(record) != JSON_OBJECT)
        return learn_column(csv, "", err);
    (void)json_iter_init(&stack[0].iter, record);
    stack[0].pointer_length = 0;
    for (depth = 1; depth > 0 && rc == RC_OK;) {
        struct level *top = &stack[depth - 1];
        if (!json_iter_next(&top->iter, &raw, &value)) {
            depth--;
            continue;
        }
        pointer.length = top->pointer_length;
        buf_reset(&name);
        /* The iterator gives a name between its quotes, which stand right beside it. */
        rc = json_decode_string((struct slice){.data = raw.data - 1, .length = raw.length + 2}, &name);
        if (rc == RC_OK)
            rc = add_token(&pointer, buf_text(&name), strlen(buf_text(&name)), false);
        if (rc != RC_OK) {
            rc = err_set(err, RC_TEMP, "out of memory");
        } else if (json_type(value) == JSON_OBJECT && depth <= LIMIT_PAYLOAD_DEPTH) {
            (void)json_iter_init(&stack[depth].iter, value);
            stack[depth++].pointer_length = pointer.length;
        } else if (pointer.length <= LIMIT_POINTER_BYTES) {
            rc = learn_column(csv, buf_text(&pointer), err);
        }
    }
    buf_release(&pointer);
    buf_release(&name);
    return rc;
}

/* Cells */

enum rc csv_cell_text(struct buf *row, struct slice text) {
    bool guard = text.length > 0 && memchr("=+-@\t\r", text.data[0], 6) != NULL;
    bool quote = false;
    size_t start = 0;
    enum rc rc;

    for (size_t i = 0; i < text.length && !quote; i++)
        quote = text.data[i] == ',' || text.data[i] == '"' || text.data[i] == '\r' || text.data[i] == '\n';
    rc = buf_add_text(row, quote ? (guard ? "\"'" : "\"") : (guard ? "'" : ""));
    for (size_t i = 0; i < text.length && rc == RC_OK; i++) {
        if (text.data[i] != '"' && text.data[i] != '\0')
            continue;
        rc = buf_add(row, text.data + start, i - start);
        if (rc == RC_OK)
            rc = buf_add_text(row, text.data[i] == '"' ? "\"\"" : REPLACEMENT);
        start = i + 1;
    }
    if (rc == RC_OK && start < text.length)
        rc = buf_add(row, text.data + start, text.length - start);
    return rc == RC_OK ? buf_add_text(row, quote ? "\"," : ",") : rc;
}

enum rc csv_cell_json(struct csv *csv, struct slice value, bool as_text, struct buf *row) {
    enum rc rc = RC_OK;

    buf_reset(&csv->scratch);
    switch (json_type(value)) {
    case JSON_NONE:
    case JSON_NULL:
        return buf_add_char(row, ',');
    case JSON_NUMBER:
        if (!as_text) {
            rc = buf_add(row, value.data, value.length);
            return rc == RC_OK ? buf_add_char(row, ',') : rc;
        }
        return csv_cell_text(row, value);
    case JSON_FALSE:
    case JSON_TRUE:
        return csv_cell_text(row, value);
    case JSON_STRING:
        rc = json_decode_string(value, &csv->scratch);
        break;
    case JSON_ARRAY:
    case JSON_OBJECT:
        rc = json_fold_lines(value, &csv->scratch);
        break;
    }
    return rc == RC_OK ? csv_cell_text(row, (struct slice){.data = buf_text(&csv->scratch), .length = csv->scratch.length}) : rc;
}

enum rc csv_header(const struct csv *csv, struct buf *row) {
    enum rc rc = RC_OK;

    for (size_t i = 0; i < csv->count && rc == RC_OK; i++)
        rc = csv_cell_text(row, slice_of(csv->columns[i].name));
    return rc;
}

/* Finding */

static uint32_t hash_of(struct slice name) {
    uint32_t hash = 2166136261u;

    for (size_t i = 0; i < name.length; i++)
        hash = (hash ^ (unsigned char)name.data[i]) * 16777619u;
    return hash;
}

/* The slot of this name, or the empty one where it belongs. */
static uint32_t *slot_of(const struct csv_members *members, struct slice name) {
    size_t at = hash_of(name) & (members->slot_count - 1);

    for (;; at = (at + 1) & (members->slot_count - 1)) {
        uint32_t *slot = &members->slots[at];
        if (*slot == 0)
            return slot;
        const struct slice *other = &members->list[*slot - 1].name;
        if (other->length == name.length && memcmp(other->data, name.data, name.length) == 0)
            return slot;
    }
}

static bool members_grow(struct csv_members *members) {
    size_t capacity = members->capacity == 0 ? 64 : members->capacity * 2;
    struct csv_member *list = realloc(members->list, capacity * sizeof(*list));

    if (list == NULL)
        return false;
    members->list = list;
    members->capacity = capacity;
    return true;
}

/* False: this record must be searched as it is (no object, or a name with escapes), or memory is short. */
static bool members_read(struct csv_members *members, struct slice record) {
    struct slice name, value;
    struct json_iter iter;

    members->count = 0;
    if (json_type(record) != JSON_OBJECT || !json_iter_init(&iter, record))
        return false;
    while (json_iter_next(&iter, &name, &value)) {
        if (memchr(name.data, '\\', name.length) != NULL || (members->count == members->capacity && !members_grow(members)))
            return false;
        members->list[members->count++] = (struct csv_member){.name = name, .value = value};
    }
    if (members->slot_count < members->capacity * 2) {
        free(members->slots);
        members->slot_count = members->capacity * 2;
        members->slots = malloc(members->slot_count * sizeof(members->slots[0]));
        if (members->slots == NULL) {
            members->slot_count = 0;
            return false;
        }
    }
    if (members->slot_count == 0)
        return false;
    memset(members->slots, 0, members->slot_count * sizeof(members->slots[0]));
    /* Of equal names the last counts. */
    for (size_t i = 0; i < members->count; i++)
        *slot_of(members, members->list[i].name) = (uint32_t)i + 1;
    return true;
}

static bool find(const struct csv *csv, struct slice record, bool by_members, const char *pointer, struct slice *value) {
    struct slice name;
    uint32_t slot;

    if (!by_members || pointer[0] == '\0')
        return json_find(record, pointer, value);
    name = (struct slice){.data = pointer + 1, .length = strcspn(pointer + 1, "/")};
    if (memchr(name.data, '~', name.length) != NULL)
        return json_find(record, pointer, value);
    slot = *slot_of(&csv->members, name);
    if (slot == 0)
        return false;
    *value = csv->members.list[slot - 1].value;
    return name.data[name.length] == '\0' || json_find(*value, name.data + name.length, value);
}

/* by_members: csv->members is the record's. */
static struct slice value_of(const struct csv *csv, struct slice record, bool by_members, const struct csv_column *column) {
    struct slice value = {.length = 0};

    if (!find(csv, record, by_members, column->pointer, &value) && (column->fallback == NULL || !find(csv, record, by_members, column->fallback, &value)))
        value.length = 0;
    if (column->learned && json_type(value) == JSON_OBJECT)
        value.length = 0;
    return value;
}

void csv_values(struct csv *csv, struct slice record, struct slice *values) {
    bool by_members = members_read(&csv->members, record);

    for (size_t i = 0; i < csv->count; i++)
        values[i] = value_of(csv, record, by_members, &csv->columns[i]);
}

enum rc csv_record(struct csv *csv, struct slice record, struct buf *row) {
    bool by_members = members_read(&csv->members, record);
    enum rc rc = RC_OK;

    for (size_t i = 0; i < csv->count && rc == RC_OK; i++)
        rc = csv_cell_json(csv, value_of(csv, record, by_members, &csv->columns[i]), csv->columns[i].as_text, row);
    return rc;
}

enum rc csv_row_end(struct buf *row) {
    if (row->length > 0)
        row->length--;
    /* One empty cell would be an empty line, which is no row to many readers. */
    if (row->length == 0 && buf_add_text(row, "\"\"") != RC_OK)
        return RC_TEMP;
    return buf_add_text(row, "\r\n");
}
