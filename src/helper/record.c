// SPDX-License-Identifier: Apache-2.0
#include "helper/record.h"

#include "base/str.h"
#include "helper/tool.h"

#include <stdlib.h>
#include <string.h>

#define DOCUMENT_NAME_MOST 255

/* The lists of a record, the members by which rows are told apart, and those that are dates. */
static const struct list_row {
    const char *name;
    const struct record_member members[6];
    const char *const dates[3];
} LISTS[] = {
    {"rent",
     {{"from", RECORD_DATE}, {"to", RECORD_DATE}, {"amount", RECORD_NUMBER}, {"currency", RECORD_CURRENCY}, {"frequency", RECORD_WORD}, {.name = NULL}},
     {"from", "to", NULL}},
    {"options",
     {{"kind", RECORD_WORD}, {"window_from", RECORD_DATE}, {"window_to", RECORD_DATE}, {"notice", RECORD_TEXT}, {.name = NULL}},
     {"window_from", "window_to", NULL}},
    {"dates", {{"date", RECORD_DATE}, {"what", RECORD_TEXT}, {.name = NULL}}, {"date", NULL}},
    {"clauses", {{"topic", RECORD_TEXT}, {"text", RECORD_TEXT}, {.name = NULL}}, {NULL}},
};
#define LIST_COUNT (sizeof LISTS / sizeof *LISTS)

struct work {
    const struct record_input *input;
    struct quotes *quotes;
    cJSON *values; /* array: what the model said of each part */
    cJSON *model;
    struct chat_tokens tokens;
    struct record_doubts doubts;
    unsigned orders[2]; /* dates in the text that can only be read day first, month first */
};

/* --- answers ------------------------------------------------------------------------------------------------------------ */

static cJSON *tokens_json(const struct chat_tokens *tokens) {
    cJSON *json = cJSON_CreateObject();
    cJSON_AddNumberToObject(json, "prompt", (double)tokens->prompt);
    cJSON_AddNumberToObject(json, "completion", (double)tokens->completion);
    cJSON_AddNumberToObject(json, "total", (double)tokens->total);
    return json;
}

enum rc record_check(const struct lease *lease, cJSON *answer, cJSON **checked, struct err *err) {
    struct chat chat;
    cJSON *value = NULL;
    *checked = NULL;
    enum rc rc = chat_read(answer, &chat, err);
    if (!rc)
        rc = chat_extract(chat.content, &value, err);
    if (!rc)
        rc = lease_check(lease, value, err);
    if (rc) {
        cJSON_Delete(value);
        return rc;
    }
    cJSON *json = cJSON_CreateObject();
    cJSON_AddTrueToObject(json, "ok");
    cJSON_AddItemToObject(json, "value", value);
    if (chat.model)
        cJSON_AddStringToObject(json, "model", chat.model);
    else
        cJSON_AddNullToObject(json, "model");
    cJSON_AddItemToObject(json, "tokens", tokens_json(&chat.tokens));
    *checked = json;
    return RC_OK;
}

static void add_tokens(struct work *w, const cJSON *tokens) {
    w->tokens.prompt += (uint64_t)tool_number(tokens, "prompt", 0);
    w->tokens.completion += (uint64_t)tool_number(tokens, "completion", 0);
    w->tokens.total += (uint64_t)tool_number(tokens, "total", 0);
}

static enum rc read_answer(struct work *w, cJSON *answer, struct err *err) {
    cJSON *checked = NULL;
    enum rc rc = RC_OK;
    if (!cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(answer, "ok"))) {
        rc = record_check(w->input->lease, answer, &checked, err);
        answer = checked;
    }
    cJSON *value = cJSON_GetObjectItemCaseSensitive(answer, "value");
    if (!rc)
        rc = lease_check(w->input->lease, value, err);
    if (!rc) {
        const char *model = tool_text(answer, "model", NULL);
        add_tokens(w, cJSON_GetObjectItemCaseSensitive(answer, "tokens"));
        cJSON_AddItemToArray(w->values, cJSON_DetachItemViaPointer(answer, value));
        if (model && !w->model)
            w->model = cJSON_CreateString(model);
    }
    cJSON_Delete(checked);
    return rc;
}

static enum rc read_answers(struct work *w, struct err *err) {
    int count = cJSON_GetArraySize(w->input->answers), number = 1;
    enum rc rc = count ? RC_OK : err_set(err, RC_PERM, "there are no answers of the model");
    w->values = cJSON_CreateArray();
    for (cJSON *answer = count ? w->input->answers->child : NULL; answer && !rc; answer = answer->next, number++) {
        rc = read_answer(w, answer, err);
        if (rc && count > 1)
            err_prefix(err, rc, "part %d of %d", number, count);
    }
    return rc;
}

/* --- evidence and dates ------------------------------------------------------------------------------------------------- */

/* Say where it stands: only what was looked up. */
static void add_evidence(const struct work *w, cJSON *item) {
    const char *quote = tool_text(item, "quote", NULL);
    double told = tool_number(item, "page", 0);
    unsigned named = told >= 1 && told <= PAGES_MOST ? (unsigned)told : 0;
    unsigned page = quote && *quote ? quotes_find(w->quotes, quote, named) : 0;
    cJSON *number = page || (named && named <= w->input->pages->page_count) ? cJSON_CreateNumber(page ? page : named) : cJSON_CreateNull();
    cJSON_ReplaceItemInObjectCaseSensitive(item, "page", number);
    cJSON_DeleteItemFromObjectCaseSensitive(item, "document");
    cJSON_AddStringToObject(item, "document", w->input->name);
    if (quote && *quote)
        cJSON_AddBoolToObject(item, "quote_verified", page != 0);
    else
        cJSON_AddNullToObject(item, "quote_verified");
}

static void doubt(struct record_doubts *doubts, const char *text) {
    if (!doubts->count++)
        str_printable(doubts->first, sizeof doubts->first, text, strlen(text));
}

bool record_date(const char *text, struct record_doubts *doubts, char out[DATE_TEXT_SIZE]) {
    struct date dates[2];
    if (date_read(text, doubts->order, dates) == DATE_ONE) {
        date_format(dates[0], out);
        return true;
    }
    doubt(doubts, text);
    return false;
}

static void add_reading(cJSON *candidates, const cJSON *field, cJSON *value) {
    cJSON *one = cJSON_Duplicate(field, true);
    cJSON_ReplaceItemInObjectCaseSensitive(one, "value", value);
    cJSON_ReplaceItemInObjectCaseSensitive(one, "status", cJSON_CreateString("conflict"));
    cJSON_AddItemToArray(candidates, one);
}

/* A date that was found becomes ISO, or a conflict of what it may be. */
static void settle_date(struct work *w, cJSON *field) {
    const char *text = tool_text(field, "value", "");
    char iso[DATE_TEXT_SIZE];
    struct date dates[2];
    enum date_found found = date_read(text, w->doubts.order, dates);
    if (found == DATE_ONE) {
        date_format(dates[0], iso);
        cJSON_ReplaceItemInObjectCaseSensitive(field, "value", cJSON_CreateString(iso));
        return;
    }
    doubt(&w->doubts, text);
    cJSON *candidates = cJSON_CreateArray();
    for (int i = 0; i < (found == DATE_TWO ? 2 : 1); i++) {
        if (found == DATE_TWO)
            date_format(dates[i], iso);
        add_reading(candidates, field, cJSON_CreateString(found == DATE_TWO ? iso : text));
    }
    cJSON_ReplaceItemInObjectCaseSensitive(field, "status", cJSON_CreateString("conflict"));
    cJSON_AddItemToObject(field, "candidates", candidates);
}

/* --- fields ------------------------------------------------------------------------------------------------------------- */

static bool is_name(const char *name) {
    static const char *const names[] = {"landlord", "tenant", "guarantor", "agent", "title_number"};
    size_t i = 0;
    while (i < sizeof names / sizeof *names && strcmp(names[i], name) != 0)
        i++;
    return i < sizeof names / sizeof *names;
}

static enum record_kind kind_of(const cJSON *schema, const char *name) {
    const cJSON *fields = cJSON_GetObjectItemCaseSensitive(cJSON_GetObjectItemCaseSensitive(schema, "properties"), "fields");
    const char *ref = tool_text(cJSON_GetObjectItemCaseSensitive(cJSON_GetObjectItemCaseSensitive(fields, "properties"), name), "$ref", "");
    return str_ends(ref, "/date")      ? RECORD_DATE
           : str_ends(ref, "/number")  ? RECORD_NUMBER
           : str_ends(ref, "/boolean") ? RECORD_BOOLEAN
           : is_name(name)             ? RECORD_NAME
                                       : RECORD_TEXT;
}

/* One part's field: found without a value is not found, and what was not found has no evidence. */
static void settle_field(struct work *w, cJSON *field, enum record_kind kind) {
    const cJSON *value = cJSON_GetObjectItemCaseSensitive(field, "value");
    bool empty = cJSON_IsNull(value) || (cJSON_IsString(value) && !*value->valuestring);
    if (strcmp(tool_text(field, "status", ""), "found") != 0)
        return;
    if (empty) {
        cJSON_ReplaceItemInObjectCaseSensitive(field, "status", cJSON_CreateString("not_found"));
        return;
    }
    add_evidence(w, field);
    if (kind == RECORD_DATE)
        settle_date(w, field);
}

static cJSON *make_fields(struct work *w) {
    cJSON *fields = cJSON_CreateObject();
    const cJSON *first = cJSON_GetObjectItemCaseSensitive(w->values->child, "fields");
    for (const cJSON *named = first->child; named; named = named->next) {
        enum record_kind kind = kind_of(w->input->lease->json, named->string);
        cJSON *parts = cJSON_CreateArray();
        for (const cJSON *value = w->values->child; value; value = value->next) {
            cJSON *field = cJSON_Duplicate(cJSON_GetObjectItemCaseSensitive(cJSON_GetObjectItemCaseSensitive(value, "fields"), named->string), true);
            settle_field(w, field, kind);
            cJSON_AddItemToArray(parts, field);
        }
        cJSON_AddItemToObject(fields, named->string, record_merge_field(parts, kind));
        cJSON_Delete(parts);
    }
    return fields;
}

/* --- rows --------------------------------------------------------------------------------------------------------------- */

static void settle_row(struct work *w, cJSON *row, const struct list_row *list) {
    char iso[DATE_TEXT_SIZE];
    add_evidence(w, row);
    for (const char *const *name = list->dates; *name; name++) {
        const char *text = tool_text(row, *name, NULL);
        if (text)
            cJSON_ReplaceItemInObjectCaseSensitive(row, *name, record_date(text, &w->doubts, iso) ? cJSON_CreateString(iso) : cJSON_CreateNull());
    }
}

static int compare_rows(const void *a, const void *b) {
    const cJSON *x = *(cJSON *const *)a, *y = *(cJSON *const *)b;
    const char *left = tool_text(x, "from", tool_text(x, "date", tool_text(x, "window_from", ""))),
               *right = tool_text(y, "from", tool_text(y, "date", tool_text(y, "window_from", "")));
    return *left && *right ? strcmp(left, right) : (*left == '\0') - (*right == '\0'); /* without a date: last */
}

/* In order of their dates. */
static cJSON *sort_rows(cJSON *rows) {
    size_t count = (size_t)cJSON_GetArraySize(rows), at = 0;
    cJSON **all = calloc(count + 1, sizeof *all), *sorted = cJSON_CreateArray();
    if (!all)
        return rows;
    while ((all[at] = cJSON_DetachItemFromArray(rows, 0)))
        at++;
    qsort(all, count, sizeof(*all), compare_rows);
    for (at = 0; at < count; at++)
        cJSON_AddItemToArray(sorted, all[at]);
    free(all);
    cJSON_Delete(rows);
    return sorted;
}

static cJSON *make_rows(struct work *w, const struct list_row *list) {
    cJSON *rows = cJSON_CreateArray();
    for (cJSON *value = w->values->child; value; value = value->next) {
        cJSON *part = cJSON_GetObjectItemCaseSensitive(value, list->name);
        for (cJSON *row = part->child; row; row = row->next)
            settle_row(w, row, list);
        record_merge_rows(rows, part, list->members);
    }
    return list->dates[0] ? sort_rows(rows) : rows;
}

/* --- the document ------------------------------------------------------------------------------------------------------- */

/* The first part that says it. */
static cJSON *first_text(const struct work *w, const char *name) {
    for (const cJSON *value = w->values->child; value; value = value->next) {
        const char *text = tool_text(cJSON_GetObjectItemCaseSensitive(value, "document"), name, NULL);
        if (text && *text)
            return cJSON_CreateString(text);
    }
    return cJSON_CreateNull();
}

static cJSON *document_date(struct work *w) {
    char iso[DATE_TEXT_SIZE];
    cJSON *text = first_text(w, "date");
    if (!cJSON_IsString(text))
        return text;
    cJSON *date = record_date(text->valuestring, &w->doubts, iso) ? cJSON_CreateString(iso) : cJSON_CreateNull();
    cJSON_Delete(text);
    return date;
}

static cJSON *missing_schedules(const struct work *w) {
    cJSON *list = cJSON_CreateArray();
    for (const cJSON *value = w->values->child; value; value = value->next)
        for (const cJSON *one = cJSON_GetObjectItemCaseSensitive(cJSON_GetObjectItemCaseSensitive(value, "document"), "missing_schedules")->child; one;
             one = one->next) {
            const cJSON *known = list->child;
            while (known && strcmp(known->valuestring, one->valuestring) != 0)
                known = known->next;
            if (!known)
                cJSON_AddItemToArray(list, cJSON_CreateString(one->valuestring));
        }
    return list;
}

static cJSON *pages_where(const struct pages *pages, bool damaged) {
    cJSON *list = cJSON_CreateArray();
    for (size_t i = 0; i < pages->count; i++)
        if (damaged ? pages->list[i].damaged : pages->list[i].illegible)
            cJSON_AddItemToArray(list, cJSON_CreateNumber(pages->list[i].number));
    return list;
}

static cJSON *make_document(struct work *w) {
    static const char *const orders[] = {NULL, "dmy", "mdy"};
    const struct record_input *in = w->input;
    cJSON *document = cJSON_CreateObject();
    cJSON_AddStringToObject(document, "sha256", in->sha256);
    cJSON_AddStringToObject(document, "name", in->name);
    cJSON_AddItemToObject(document, "type", first_text(w, "type"));
    cJSON_AddItemToObject(document, "date", document_date(w));
    cJSON_AddItemToObject(document, "supersedes", first_text(w, "supersedes"));
    cJSON_AddNumberToObject(document, "pages", in->pages->page_count);
    cJSON_AddStringToObject(document, "text_by", in->pages->text_by);
    cJSON_AddItemToObject(document, "illegible_pages", pages_where(in->pages, false));
    cJSON_AddItemToObject(document, "damaged_pages", pages_where(in->pages, true));
    cJSON_AddItemToObject(document, "missing_schedules", missing_schedules(w));
    cJSON_AddItemToObject(document, "date_order", w->doubts.order ? cJSON_CreateString(orders[w->doubts.order]) : cJSON_CreateNull());
    return document;
}

/* What the job says counts; else what the document's own dates leave no doubt of. */
static void settle_order(struct work *w) {
    for (size_t i = 0; i < w->input->pages->count; i++) {
        unsigned day = 0, month = 0;
        date_count_orders(w->input->pages->list[i].text, &day, &month);
        w->orders[0] += day;
        w->orders[1] += month;
    }
    w->doubts.order = w->input->order;
    if (w->doubts.order == DATE_ORDER_NONE && (w->orders[0] > 0) != (w->orders[1] > 0))
        w->doubts.order = w->orders[0] ? DATE_ORDER_DMY : DATE_ORDER_MDY;
}

static cJSON *assemble(struct work *w) {
    const struct record_input *in = w->input;
    cJSON *record = cJSON_CreateObject();
    cJSON_AddStringToObject(record, "run", in->run);
    cJSON_AddItemToObject(record, "group", in->group ? cJSON_CreateString(in->group) : cJSON_CreateNull());
    cJSON_AddStringToObject(record, "schema", in->lease->name);
    cJSON_AddStringToObject(record, "schema_version", in->schema_version ? in->schema_version : in->lease->schema_version);
    cJSON_AddStringToObject(record, "prompt_version", in->prompt_version ? in->prompt_version : in->lease->prompt_version);
    cJSON_AddItemToObject(record, "model", w->model ? w->model : cJSON_CreateNull());
    w->model = NULL;
    cJSON_AddItemToObject(record, "tokens", tokens_json(&w->tokens));
    cJSON_AddItemToObject(record, "document", make_document(w));
    cJSON_AddItemToObject(record, "fields", make_fields(w));
    for (size_t i = 0; i < LIST_COUNT; i++)
        cJSON_AddItemToObject(record, LISTS[i].name, make_rows(w, &LISTS[i]));
    cJSON_AddItemToObject(record, "checks", record_checks(record, &w->doubts, w->orders));
    return record;
}

enum rc record_make(struct record_input *input, cJSON **record, struct err *err) {
    struct work w = {.input = input, .quotes = quotes_new(input->pages)};
    *record = NULL;
    enum rc rc = w.quotes ? read_answers(&w, err) : err_set(err, RC_TEMP, "out of memory");
    if (!rc) {
        settle_order(&w);
        *record = assemble(&w);
    }
    cJSON_Delete(w.values);
    cJSON_Delete(w.model);
    quotes_free(w.quotes);
    return rc;
}
