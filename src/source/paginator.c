// SPDX-License-Identifier: Apache-2.0
#include "source/paginator.h"

#include <stdlib.h>
#include <string.h>

#include "source/paginator_chain.h"
#include "source/paginator_cursor.h"
#include "source/paginator_link.h"
#include "source/paginator_offset.h"
#include "source/paginator_page.h"
#include "source/units.h"

const struct paginator_row *const paginator_rows[] = {&paginator_single_page,   &paginator_offset,      &paginator_page_number, &paginator_cursor,
                                                      &paginator_header_cursor, &paginator_header_link, &paginator_json_link,   NULL};

const struct paginator_row *paginator_row(const char *type) {
    if (strcmp(type, units_row.type) == 0) {
        return &units_row;
    }
    for (const struct paginator_row *const *row = paginator_rows; *row != NULL; row++) {
        if (strcmp((*row)->type, type) == 0) {
            return *row;
        }
    }
    return NULL;
}

/* --- definition ---------------------------------------------------------------------------------------------------- */

const char *const paginator_common[] = {
    "type", "limit", "max_limit", "limit_param", "limit_body_path", "limit_header", "total_path", "total_header", "has_more_path", "stop_after_empty_page",
    NULL};

const cJSON *paginator_option(const struct source *source, const char *name) {
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(source->paginator, name);

    return cJSON_IsNull(item) ? NULL : item;
}

uint64_t paginator_number(const struct source *source, const char *name, uint64_t otherwise) {
    const cJSON *item = paginator_option(source, name);

    return item != NULL ? (uint64_t)item->valuedouble : otherwise;
}

bool paginator_stops_when_empty(const struct source *source, bool otherwise) {
    const cJSON *stop = paginator_option(source, "stop_after_empty_page");

    return stop != NULL ? cJSON_IsTrue(stop) : otherwise;
}

/* The options' <name>_<place>, or NULL. */
static const cJSON *place_of(const cJSON *options, const char *name, const char *place) {
    char option[48];
    const cJSON *item = str_format(option, sizeof(option), "%s_%s", name, place) ? cJSON_GetObjectItemCaseSensitive(options, option) : NULL;

    return cJSON_IsNull(item) ? NULL : item;
}

void paginator_check_place(struct check *check, const struct source *source, const char *name) {
    paginator_check_place_in(check, source, source->paginator, name);
}

void paginator_check_place_in(struct check *check, const struct source *source, const cJSON *options, const char *name) {
    char param[48], path[48], header[48], *pointer = NULL;
    const cJSON *text;

    (void)str_format(param, sizeof(param), "%s_param", name);
    (void)str_format(path, sizeof(path), "%s_body_path", name);
    (void)str_format(header, sizeof(header), "%s_header", name);
    text = check_string(check, options, param, 256);
    if (text != NULL && text->valuestring[0] == '\0') {
        (void)check_fail(check, param, "must not be empty");
    }
    (void)check_header(check, options, header, true);
    check_pointer(check, options, path, &pointer);
    if (pointer != NULL && pointer[0] == '\0') {
        (void)check_fail(check, path, "must name a member of the body");
    }
    if (pointer != NULL && strcmp(source->steps[source->step_count - 1].ways[0].http.method, "GET") == 0) {
        (void)check_fail(check, path, "a GET has no body");
    }
    free(pointer);
    if ((text != NULL) + (place_of(options, name, "body_path") != NULL) + (place_of(options, name, "header") != NULL) > 1) {
        (void)check_fail(check, text != NULL ? param : header, "give one of %s, %s, %s", param, path, header);
    }
}

void paginator_want(struct check *check, struct source *source, const char *option, const char *otherwise) {
    const char *named = option != NULL ? cJSON_GetStringValue(paginator_option(source, option)) : NULL, *header = named != NULL ? named : otherwise;

    if (option != NULL) {
        (void)check_header(check, source->paginator, option, false);
    }
    for (size_t i = 0; header != NULL && i + 1 < sizeof(source->wanted) / sizeof(source->wanted[0]); i++) {
        if (source->wanted[i] == NULL) {
            source->wanted[i] = header;
            return;
        }
    }
}

/* "total_path": null says that the body's /total is none. */
static void read_total(struct check *check, struct source *source, const struct paginator_row *row) {
    const cJSON *header = paginator_option(source, "total_header");

    paginator_want(check, source, "total_header", NULL);
    if (paginator_option(source, "total_path") != NULL) {
        check_pointer(check, source->paginator, "total_path", &source->total_path);
    } else if (row->total_by_default && header == NULL && cJSON_GetObjectItemCaseSensitive(source->paginator, "total_path") == NULL && check->rc == RC_OK) {
        source->total_path = strdup("/total");
        if (source->total_path == NULL) {
            (void)check_no_memory(check);
        }
    }
}

void paginator_check(struct check *check, struct source *source) {
    const struct paginator_row *row = paginator_row(source->paginator_type);
    bool stop;

    paginator_check_place(check, source, "limit");
    read_total(check, source, row);
    check_pointer(check, source->paginator, "has_more_path", &source->has_more_path);
    if (paginator_option(source, "stop_after_empty_page") != NULL) {
        check_flag(check, source->paginator, "stop_after_empty_page", &stop);
    }
    if (source->limit == 0 && (place_of(source->paginator, "limit", "param") != NULL || place_of(source->paginator, "limit", "body_path") != NULL ||
                               place_of(source->paginator, "limit", "header") != NULL || row->limit_param != NULL)) {
        (void)check_fail(check, NULL, "needs limit, the records of a page");
    }
    if (check->rc == RC_OK) {
        row->check(check, source);
    }
}

bool paginator_sends_limit(const struct source *source) {
    return paginator_row(source->paginator_type)->limit_param != NULL || place_of(source->paginator, "limit", "param") != NULL ||
           place_of(source->paginator, "limit", "body_path") != NULL || place_of(source->paginator, "limit", "header") != NULL;
}

bool paginator_trims(const struct source *source) {
    return source->list_count > 0 || (paginator_row(source->paginator_type)->trims && paginator_sends_limit(source));
}

bool paginator_total_is_records(const struct source *source) {
    const char *unit = cJSON_GetStringValue(paginator_option(source, "total_unit"));

    return unit != NULL ? strcmp(unit, "records") == 0 : paginator_row(source->paginator_type)->total_is_records;
}

void paginator_trim(const struct source *source, uint64_t total, uint64_t records, struct page *page) {
    uint64_t first = paginator_number(source, "offset", 0);

    if (!source->metered || total == UINT64_MAX || !paginator_trims(source) || !paginator_total_is_records(source)) {
        return;
    }
    if (paginator_row(source->paginator_type)->by_position) {
        if (page->offset < first) {
            return;
        }
        records = page->offset - first;
    }
    if (records < total && total - records < page->limit) {
        page->limit = total - records;
    }
}

/* --- plan ---------------------------------------------------------------------------------------------------------- */

enum rc paginator_new(const struct source *source, const struct paginator_start *start, struct paginator **paginator, struct err *err) {
    const struct paginator_row *row = paginator_row(source->paginator_type);
    enum rc rc;

    *paginator = NULL;
    if (row == NULL) {
        return err_set(err, RC_PERM, "there is no paginator \"%s\"", source->paginator_type);
    }
    if (source->metered && start->take != UINT64_MAX && !paginator_trims(source)) {
        return err_set(err, RC_PERM, "take: the paginator %s cannot ask for less than a page, and %s charges for each record", row->type, source->name);
    }
    rc = row->create(source, start, paginator);
    if (rc != RC_OK) {
        return err_set(err, rc, "out of memory");
    }
    if ((*paginator)->row == NULL) {
        (*paginator)->row = row;
    }
    return RC_OK;
}

void paginator_free(struct paginator *paginator) {
    if (paginator != NULL) {
        paginator->row->destroy(paginator);
    }
}

bool paginator_probe(struct paginator *paginator, struct page *page) {
    return paginator->row->probe != NULL && paginator->row->probe(paginator, page);
}

void paginator_probed(struct paginator *paginator, const struct page *page, uint64_t total) {
    if (paginator->row->probed != NULL) {
        paginator->row->probed(paginator, page, total);
    }
}

enum rc paginator_next(struct paginator *paginator, struct page *page) {
    return paginator->row->next(paginator, page);
}

void paginator_restore(struct paginator *paginator, const struct page *page) {
    paginator->row->restore(paginator, page);
}

void paginator_doubt(struct paginator *paginator, const struct page *page) {
    if (paginator->row->doubt != NULL) {
        paginator->row->doubt(paginator, page);
    }
}

void paginator_answer(struct paginator *paginator, const struct page *page, const struct page_facts *facts) {
    struct page_facts believed = *facts;

    if (believed.total == 0 && believed.records > 0) {
        believed.total = UINT64_MAX;
    }
    paginator->row->answer(paginator, page, &believed);
}

bool paginator_ended(const struct paginator *paginator) {
    return paginator->row->ended(paginator);
}

const char *paginator_fault(const struct paginator *paginator) {
    return paginator->row->fault != NULL ? paginator->row->fault(paginator) : NULL;
}

/* --- request ------------------------------------------------------------------------------------------------------- */

/* The member that token names in *at (an object, or an array for a number); made as an object when it is missing. */
static cJSON *go_into(cJSON *at, const char *token) {
    cJSON *member;
    uint64_t index;

    if (cJSON_IsArray(at)) {
        return str_to_u64(token, 0, INT32_MAX, &index) ? cJSON_GetArrayItem(at, (int)index) : NULL;
    }
    if (!cJSON_IsObject(at)) {
        return NULL;
    }
    member = cJSON_GetObjectItemCaseSensitive(at, token);
    return member != NULL ? member : cJSON_AddObjectToObject(at, token);
}

/* Takes value. */
static enum rc put_member(cJSON *at, const char *token, cJSON *value) {
    uint64_t index;
    bool done;

    if (cJSON_IsArray(at)) {
        cJSON_free(value->string); /* an element has no name */
        value->string = NULL;
        done = strcmp(token, "-") == 0 ? cJSON_AddItemToArray(at, value)
                                       : str_to_u64(token, 0, INT32_MAX, &index) && cJSON_ReplaceItemInArray(at, (int)index, value);
    } else {
        done = cJSON_IsObject(at) && (cJSON_GetObjectItemCaseSensitive(at, token) != NULL ? cJSON_ReplaceItemInObjectCaseSensitive(at, token, value)
                                                                                          : cJSON_AddItemToObject(at, token, value));
    }
    if (!done) {
        cJSON_Delete(value);
    }
    return done ? RC_OK : RC_PERM;
}

enum rc paginator_put_value(cJSON **json, const char *pointer, cJSON *value) {
    char token[LIMIT_POINTER_BYTES + 1];
    cJSON *at;

    if (*json == NULL) {
        *json = cJSON_CreateObject();
    }
    if (*json == NULL) {
        cJSON_Delete(value);
        return RC_TEMP;
    }
    at = *json;
    for (;;) {
        size_t length = 0;

        for (pointer++; *pointer != '\0' && *pointer != '/'; pointer++) {
            token[length++] = *pointer != '~' ? *pointer : *++pointer == '0' ? '~' : '/';
        }
        token[length] = '\0';
        if (at == NULL || *pointer == '\0') {
            break;
        }
        at = go_into(at, token);
    }
    if (at == NULL) {
        cJSON_Delete(value);
        return RC_PERM;
    }
    return put_member(at, token, value);
}

static enum rc put_text(cJSON *object, const char *name, bool any_case, struct slice json) {
    struct buf text = BUF_INIT(LIMIT_TOKEN_BYTES);
    enum rc rc = json.length > 0 && json.data[0] == '"' ? json_decode_string(json, &text) : buf_add(&text, json.data, json.length);

    if (rc == RC_OK) {
        if (any_case) {
            cJSON_DeleteItemFromObject(object, name);
        } else {
            cJSON_DeleteItemFromObjectCaseSensitive(object, name);
        }
        rc = cJSON_AddStringToObject(object, name, buf_text(&text)) != NULL ? RC_OK : RC_TEMP;
    }
    buf_release(&text);
    return rc;
}

enum rc paginator_put(const struct source *source, const char *name, const char *param, struct slice json, struct placement *placement) {
    return paginator_put_in(source->paginator, name, param, json, placement);
}

enum rc paginator_put_in(const cJSON *options, const char *name, const char *param, struct slice json, struct placement *placement) {
    const cJSON *path = place_of(options, name, "body_path"), *header = place_of(options, name, "header"), *own = place_of(options, name, "param");
    char text[LIMIT_TOKEN_BYTES];

    if (path != NULL) {
        cJSON *raw = str_format(text, sizeof(text), "%.*s", (int)json.length, json.data) ? cJSON_CreateRaw(text) : NULL;

        return raw != NULL ? paginator_put_value(&placement->json, path->valuestring, raw) : RC_TEMP;
    }
    if (header != NULL) {
        return put_text(placement->headers, header->valuestring, true, json);
    }
    param = own != NULL ? own->valuestring : param;
    return param != NULL ? put_text(placement->params, param, false, json) : RC_OK;
}

enum rc paginator_put_number(const struct source *source, const char *name, const char *param, uint64_t value, struct placement *placement) {
    char text[24];

    (void)str_format(text, sizeof(text), "%llu", (unsigned long long)value);
    return paginator_put(source, name, param, slice_of(text), placement);
}

enum rc paginator_place(const struct source *source, const struct page *page, struct placement *placement, struct err *err) {
    const struct paginator_row *row = paginator_row(source->paginator_type);
    enum rc rc = page->limit > 0 ? paginator_put_number(source, "limit", row->limit_param, page->limit, placement) : RC_OK;

    rc = rc == RC_OK ? row->place(source, page, placement) : rc;
    return rc == RC_OK ? RC_OK : err_set(err, rc, rc == RC_TEMP ? "out of memory" : "the page has no place in the request");
}

/* --- answer -------------------------------------------------------------------------------------------------------- */

bool paginator_find(const struct page_answer *answer, const char *pointer, struct slice *value) {
    return answer->outline != NULL ? json_outline_find(answer->outline, pointer, value) : json_find(answer->document, pointer, value);
}

static uint64_t total_of(const struct source *source, const struct page_answer *answer) {
    const char *name = cJSON_GetStringValue(paginator_option(source, "total_header"));
    const char *text = name != NULL && answer->fields != NULL ? fields_get(answer->fields, name) : NULL;
    struct slice value;
    uint64_t total;

    if (source->total_path != NULL && paginator_find(answer, source->total_path, &value) && json_to_u64(value, true, &total)) {
        return total;
    }
    return text != NULL && str_to_u64(text, 0, UINT64_MAX - 1, &total) ? total : UINT64_MAX;
}

static enum page_more more_of(const struct source *source, const struct page_answer *answer) {
    struct slice value;

    if (source->has_more_path == NULL || !paginator_find(answer, source->has_more_path, &value)) {
        return MORE_UNKNOWN;
    }
    /* Some write it as a text or a number. */
    if (json_type(value) == JSON_TRUE || slice_equals(value, "\"true\"") || slice_equals(value, "1")) {
        return MORE_YES;
    }
    return json_type(value) == JSON_FALSE || slice_equals(value, "\"false\"") || slice_equals(value, "0") ? MORE_NO : MORE_UNKNOWN;
}

void paginator_read(const struct source *source, const struct page_answer *answer, struct page_facts *facts) {
    const struct paginator_row *row = paginator_row(source->paginator_type);

    facts->token[0] = '\0';
    facts->fault[0] = '\0';
    facts->total = total_of(source, answer);
    if (facts->total == 0 && facts->records > 0) {
        facts->total = UINT64_MAX;
    }
    facts->more = more_of(source, answer);
    if (row->read != NULL && facts->more != MORE_NO) {
        row->read(source, answer, facts);
    }
}
