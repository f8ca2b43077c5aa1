// SPDX-License-Identifier: Apache-2.0
#include "report/lease_review.h"

#include "base/buf.h"
#include "base/date.h"
#include "base/dec.h"
#include "base/digest.h"
#include "base/json.h"
#include "helper/record.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

const struct lease_list_form lease_lists[LEASE_LISTS] = {
    [LEASE_RENT] =
        {"rent",
         {"from", NULL},
         "from",
         {{"from", LEASE_DATE}, {"to", LEASE_DATE}, {"amount", LEASE_NUMBER}, {"currency", LEASE_TEXT}, {"frequency", LEASE_TEXT}, {"tax", LEASE_TEXT}}},
    [LEASE_DATES] = {"dates", {"what", NULL}, "date", {{"date", LEASE_DATE}, {"what", LEASE_TEXT}}},
    [LEASE_OPTIONS] = {"options",
                       {"kind", "window_from"},
                       "window_from",
                       {{"kind", LEASE_TEXT}, {"window_from", LEASE_DATE}, {"window_to", LEASE_DATE}, {"notice", LEASE_TEXT}, {"conditions", LEASE_TEXT}}},
    [LEASE_CLAUSES] = {"clauses", {"topic", NULL}, NULL, {{"topic", LEASE_TEXT}, {"text", LEASE_TEXT}}},
};

#define TEXT_MOST ((size_t)16 * 1024)
#define DIGITS_MOST 15u /* that a double keeps */
#define ROWS_MOST 5000  /* of one list */

const struct lease_list_form *lease_review_list(const char *name) {
    for (size_t i = 0; i < LEASE_LISTS; i++)
        if (strcmp(lease_lists[i].name, name) == 0)
            return &lease_lists[i];
    return NULL;
}

const struct lease_cell *lease_review_cell(const struct lease_list_form *list, const char *name) {
    for (const struct lease_cell *cell = list->cells; cell->name; cell++)
        if (strcmp(cell->name, name) == 0)
            return cell;
    return NULL;
}

const char *lease_review_type_name(enum lease_type type) {
    static const char *const names[] = {"any", "text", "number", "boolean", "date"};
    return names[type];
}

/* --- values ------------------------------------------------------------------------------------------------------------- */

static bool is_decimal(const char *text) {
    size_t digits = 0;
    struct dec ignored;
    for (const char *at = text; *at; at++)
        digits += *at >= '0' && *at <= '9';
    return digits > 0 && digits <= DIGITS_MOST && !strpbrk(text, "eE") && dec_parse(slice_of(text), &ignored);
}

static enum rc fit_number(cJSON **value, struct err *err) {
    char text[64];
    if (cJSON_IsString(*value) && is_decimal((*value)->valuestring)) {
        cJSON *number = cJSON_CreateNumber(strtod((*value)->valuestring, NULL));
        if (!number)
            return err_set(err, RC_TEMP, "out of memory");
        cJSON_Delete(*value);
        *value = number;
        return RC_OK;
    }
    if (cJSON_IsNumber(*value) && fabs((*value)->valuedouble) < 1e15 && str_format(text, sizeof text, "%.15g", (*value)->valuedouble))
        return RC_OK;
    return err_set(err, RC_PERM, "must be a decimal number such as 1250.50, of at most 15 digits and without separators");
}

static enum rc fit_any(const cJSON *value, struct err *err) {
    const cJSON *item;
    size_t length = cJSON_IsString(value) ? strlen(value->valuestring) : 0;
    bool good = cJSON_IsString(value) || cJSON_IsNumber(value) || cJSON_IsBool(value) || cJSON_IsArray(value);
    if (cJSON_IsArray(value)) {
        cJSON_ArrayForEach(item, value) {
            good = good && (cJSON_IsString(item) || cJSON_IsNumber(item) || cJSON_IsBool(item));
            length += cJSON_IsString(item) ? strlen(item->valuestring) : 20;
        }
    }
    return good && length <= TEXT_MOST ? RC_OK : err_set(err, RC_PERM, "must be a text, a number, true, false, an array of these, or null for none");
}

enum rc lease_review_fit(enum lease_type type, cJSON **value, struct err *err) {
    struct date ignored;
    const char *text = cJSON_GetStringValue(*value);
    if (cJSON_IsNull(*value))
        return RC_OK;
    switch (type) {
    case LEASE_NUMBER:
        return fit_number(value, err);
    case LEASE_BOOLEAN:
        return cJSON_IsBool(*value) ? RC_OK : err_set(err, RC_PERM, "must be true or false");
    case LEASE_DATE:
        return text && date_parse(text, &ignored) ? RC_OK : err_set(err, RC_PERM, "must be a day of the calendar, as 2029-03-24");
    case LEASE_TEXT:
        return text && strlen(text) <= TEXT_MOST ? RC_OK : err_set(err, RC_PERM, "must be a text");
    case LEASE_ANY:
        break;
    }
    return fit_any(*value, err);
}

/* --- rows --------------------------------------------------------------------------------------------------------------- */

void lease_review_row_id(const cJSON *row, char out[LEASE_ROW_SIZE]) {
    char *text = cJSON_PrintUnformatted(row), sum[DIGEST_HEX_SIZE];
    struct buf canonical = BUF_INIT(SIZE_MAX / 4);
    if (!text || json_canonical(slice_of(text), &canonical))
        buf_reset(&canonical);
    digest_of_hex(buf_text(&canonical), canonical.length, sum);
    str_format(out, LEASE_ROW_SIZE, "r%.12s", sum);
    buf_release(&canonical);
    cJSON_free(text);
}

static void name_rows(cJSON *rows) {
    for (cJSON *row = rows->child; row; row = row->next) {
        char id[LEASE_ROW_SIZE], full[LEASE_ROW_SIZE];
        unsigned same = 1;
        lease_review_row_id(row, id);
        str_copy(full, sizeof full, id);
        for (const cJSON *other = rows->child; other != row; other = other->next) {
            const char *taken = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(other, "row"));
            if (taken && strncmp(taken, id, strlen(id)) == 0)
                str_format(full, sizeof full, "%.13s-%u", id, ++same);
        }
        cJSON_DeleteItemFromObjectCaseSensitive(row, "row"); /* of the record's own */
        cJSON_DeleteItemFromObjectCaseSensitive(row, "review");
        cJSON_AddStringToObject(row, "row", full);
    }
}

/* What is no object is none of ours. A list that is missing is empty. */
static cJSON *list_of(cJSON *record, const char *name) {
    cJSON *rows = cJSON_GetObjectItemCaseSensitive(record, name);
    if (!cJSON_IsArray(rows)) {
        cJSON_DeleteItemFromObjectCaseSensitive(record, name);
        return cJSON_AddArrayToObject(record, name);
    }
    for (cJSON *row = rows->child, *next; row; row = next) {
        next = row->next;
        if (!cJSON_IsObject(row))
            cJSON_Delete(cJSON_DetachItemViaPointer(rows, row));
    }
    return rows;
}

static void put_cell(cJSON *row, const char *name, const cJSON *value) {
    cJSON *copy = value ? cJSON_Duplicate(value, true) : cJSON_CreateNull();
    if (cJSON_GetObjectItemCaseSensitive(row, name))
        cJSON_ReplaceItemInObjectCaseSensitive(row, name, copy);
    else
        cJSON_AddItemToObject(row, name, copy);
}

static bool decision_is(const cJSON *word, const char *decision) {
    const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(word, "decision"));
    return text && strcmp(text, decision) == 0;
}

/* The word on a row, with `was` in each of its cells' words. */
static void lay_row(cJSON *row, const cJSON *word) {
    cJSON *said = cJSON_Duplicate(word, true), *cell;
    cJSON_ArrayForEach(cell, cJSON_GetObjectItemCaseSensitive(said, "cells")) {
        const cJSON *was = cJSON_GetObjectItemCaseSensitive(row, cell->string), *value = cJSON_GetObjectItemCaseSensitive(cell, "value");
        cJSON_AddItemToObject(cell, "was", was ? cJSON_Duplicate(was, true) : cJSON_CreateNull());
        if (decision_is(cell, "corrected"))
            put_cell(row, cell->string, value);
    }
    cJSON_DeleteItemFromObjectCaseSensitive(said, "values");
    cJSON_AddItemToObject(row, "review", said);
}

static void add_row(cJSON *rows, const struct lease_list_form *list, const cJSON *word, const cJSON *name) {
    const cJSON *values = cJSON_GetObjectItemCaseSensitive(word, "values");
    static const char *const evidence[] = {"page", "quote"};
    cJSON *row = cJSON_CreateObject();
    for (const struct lease_cell *cell = list->cells; cell->name; cell++)
        put_cell(row, cell->name, cJSON_GetObjectItemCaseSensitive(values, cell->name));
    put_cell(row, "document", name);
    for (size_t i = 0; i < sizeof evidence / sizeof *evidence; i++)
        put_cell(row, evidence[i], cJSON_GetObjectItemCaseSensitive(values, evidence[i]));
    cJSON_AddNullToObject(row, "quote_verified");
    cJSON_AddStringToObject(row, "row", word->string);
    lay_row(row, word);
    cJSON_AddItemToArray(rows, row);
}

/* In the order of their dates, those without one last; what is equal stays as it was. */
static void sort_rows(cJSON *rows, const char *by) {
    cJSON *sorted = cJSON_CreateArray();
    while (sorted && rows->child) {
        cJSON *first = rows->child;
        const char *least = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(first, by));
        for (cJSON *row = first->next; row; row = row->next) {
            const char *date = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(row, by));
            if (date && (!least || strcmp(date, least) < 0)) {
                first = row;
                least = date;
            }
        }
        cJSON_AddItemToArray(sorted, cJSON_DetachItemViaPointer(rows, first));
    }
    while (sorted && sorted->child)
        cJSON_AddItemToArray(rows, cJSON_DetachItemFromArray(sorted, 0));
    cJSON_Delete(sorted);
}

static void lay_list(cJSON *record, const struct lease_list_form *list, const cJSON *words, const cJSON *name) {
    cJSON *rows = list_of(record, list->name), *gone = NULL;
    const cJSON *word;
    name_rows(rows);
    for (cJSON *row = rows->child, *next; row; row = next) {
        next = row->next;
        word = cJSON_GetObjectItemCaseSensitive(words, cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(row, "row")));
        if (!word)
            continue;
        lay_row(row, word);
        if (!decision_is(word, "removed"))
            continue;
        gone = gone ? gone : cJSON_AddArrayToObject(cJSON_GetObjectItemCaseSensitive(record, "removed"), list->name);
        cJSON_AddItemToArray(gone, cJSON_DetachItemViaPointer(rows, row));
    }
    cJSON_ArrayForEach(word, words) if (decision_is(word, "added")) add_row(rows, list, word, name);
    if (words && words->child && list->by)
        sort_rows(rows, list->by);
}

/* --- checks ------------------------------------------------------------------------------------------------------------- */

/* What the checks of the helper are made of: fields and rows of known form. Of a field that a reviewer looked at, its value counts, and no quote. */
static cJSON *check_input(const cJSON *record, const cJSON *words) {
    cJSON *input = cJSON_CreateObject(), *fields = cJSON_AddObjectToObject(input, "fields");
    const cJSON *field;
    cJSON_ArrayForEach(field, cJSON_GetObjectItemCaseSensitive(record, "fields")) {
        const cJSON *word = cJSON_GetObjectItemCaseSensitive(words, field->string), *value = cJSON_GetObjectItemCaseSensitive(word, "value"),
                    *unit = cJSON_GetObjectItemCaseSensitive(word, "unit");
        cJSON *copy = cJSON_IsObject(field) ? cJSON_Duplicate(field, true) : cJSON_CreateObject();
        if (word)
            cJSON_AddTrueToObject(copy, "review");
        if (decision_is(word, "corrected")) {
            put_cell(copy, "value", value);
            cJSON *status = cJSON_CreateString(cJSON_IsNull(value) ? "n/a" : "found");
            put_cell(copy, "status", status);
            cJSON_Delete(status);
            if (unit)
                put_cell(copy, "unit", unit);
        }
        cJSON_AddItemToObject(fields, field->string, copy);
    }
    for (size_t i = 0; i < LEASE_LISTS; i++)
        cJSON_AddItemToObject(input, lease_lists[i].name, cJSON_Duplicate(cJSON_GetObjectItemCaseSensitive(record, lease_lists[i].name), true));
    return input;
}

static const cJSON *check_named(const cJSON *checks, const char *id) {
    const cJSON *check;
    cJSON_ArrayForEach(check, checks) {
        const char *name = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(check, "id"));
        if (name && id && strcmp(name, id) == 0)
            return check;
    }
    return NULL;
}

/* A check that the review changes is the new one; the others stay as the analysis has them, which knew the text. */
static void lay_checks(cJSON *record, const cJSON *before, const cJSON *after) {
    cJSON *check;
    cJSON_ArrayForEach(check, cJSON_GetObjectItemCaseSensitive(record, "checks")) {
        const char *id = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(check, "id")), *old;
        const cJSON *was = check_named(before, id), *is = check_named(after, id);
        if (!was || !is || strcmp(id, "date_order") == 0 || cJSON_Compare(was, is, true))
            continue;
        old = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(check, "text"));
        cJSON_AddStringToObject(check, "was", old ? old : "");
        put_cell(check, "result", cJSON_GetObjectItemCaseSensitive(is, "result"));
        put_cell(check, "text", cJSON_GetObjectItemCaseSensitive(is, "text"));
    }
}

static cJSON *checks_of(const cJSON *record, const cJSON *words) {
    static const char *const orders[] = {"", "dmy", "mdy"};
    const char *order = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(cJSON_GetObjectItemCaseSensitive(record, "document"), "date_order"));
    struct record_doubts doubts = {.order = DATE_ORDER_NONE};
    const unsigned none[2] = {0, 0};
    for (unsigned i = 1; order && i < sizeof orders / sizeof *orders; i++)
        if (strcmp(order, orders[i]) == 0)
            doubts.order = (enum date_order)i;
    cJSON *input = check_input(record, words), *checks = record_checks(input, &doubts, none);
    cJSON_Delete(input);
    return checks;
}

/* --- the whole ---------------------------------------------------------------------------------------------------------- */

enum rc lease_review_lay(struct slice text, const cJSON *review, cJSON **laid, struct err *err) {
    cJSON *record = cJSON_ParseWithLength(text.data, text.length);
    const cJSON *document = cJSON_GetObjectItemCaseSensitive(record, "document");
    const char *sha256 = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(document, "sha256"));
    *laid = NULL;
    if (!cJSON_IsObject(record) || !cJSON_IsObject(cJSON_GetObjectItemCaseSensitive(record, "fields")) || !sha256) {
        cJSON_Delete(record);
        return err_set(err, record ? RC_CORRUPT : RC_TEMP, "a record is none of a lease: it needs fields, and document with its sha256");
    }
    const cJSON *words = cJSON_GetObjectItemCaseSensitive(cJSON_GetObjectItemCaseSensitive(review, "fields"), sha256),
                *rows = cJSON_GetObjectItemCaseSensitive(cJSON_GetObjectItemCaseSensitive(review, "rows"), sha256),
                *name = cJSON_GetObjectItemCaseSensitive(document, "name");
    cJSON *before = NULL, *after;
    cJSON_DeleteItemFromObjectCaseSensitive(record, "removed");
    cJSON_AddObjectToObject(record, "removed");
    for (size_t i = 0; i < LEASE_LISTS; i++) {
        if (cJSON_GetArraySize(list_of(record, lease_lists[i].name)) <= ROWS_MOST)
            continue;
        cJSON_Delete(record);
        return err_set(err, RC_CORRUPT, "a record has more than %d rows of %s", ROWS_MOST, lease_lists[i].name);
    }
    if (words || rows)
        before = checks_of(record, NULL);
    for (size_t i = 0; i < LEASE_LISTS; i++)
        lay_list(record, &lease_lists[i], cJSON_GetObjectItemCaseSensitive(rows, lease_lists[i].name), name);
    if (before) {
        after = checks_of(record, words);
        lay_checks(record, before, after);
        cJSON_Delete(after);
    }
    cJSON_Delete(before);
    *laid = record;
    return RC_OK;
}
