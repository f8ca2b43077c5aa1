// SPDX-License-Identifier: Apache-2.0
#include "engine/review_view.h"

#include "base/clock.h"
#include "base/docform.h"
#include "base/str.h"
#include "helper/lease.h"
#include "report/lease_model.h"
#include "spool/journal.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define HISTORY_MOST 500

static const char *text_of(const cJSON *json, const char *name) {
    const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, name));
    return text ? text : "";
}

static const cJSON *member(const cJSON *json, const char *name) {
    return cJSON_GetObjectItemCaseSensitive(json, name);
}

static void add_copy(cJSON *to, const char *name, const cJSON *item) {
    cJSON_AddItemToObject(to, name, item ? cJSON_Duplicate(item, true) : cJSON_CreateNull());
}

/* --- the job ------------------------------------------------------------------------------------------------------------ */

struct listing {
    cJSON *needs, *documents;
    size_t all; /* that hold the draft */
};

static cJSON *document_with(const cJSON *documents, const char *sha256) {
    cJSON *document;
    cJSON_ArrayForEach(document, documents) if (strcmp(text_of(document, "sha256"), sha256) == 0) return document;
    return NULL;
}

/* What would be confirmed: of a field in conflict the values that contradict each other, of a row its cells, of a note its pages. */
static cJSON *need_value(const struct lease_need *need, const cJSON *item) {
    const cJSON *candidate;
    cJSON *value = NULL;
    if (need->kind == LEASE_NEED_NOTE)
        return cJSON_Duplicate(item, true);
    if (need->kind == LEASE_NEED_FIELD && !lease_model_status_is(need->item, "conflict"))
        return cJSON_Duplicate(member(item, "value"), true);
    if (need->kind == LEASE_NEED_FIELD) {
        value = cJSON_CreateArray();
        cJSON_ArrayForEach(candidate, member(item, "candidates")) {
            cJSON_AddItemToArray(value, cJSON_Duplicate(member(candidate, "value"), true));
        }
    }
    if (need->kind == LEASE_NEED_ROW) {
        value = cJSON_CreateObject();
        for (const struct lease_cell *cell = lease_review_list(need->name)->cells; cell->name; cell++)
            add_copy(value, cell->name, member(item, cell->name));
    }
    return value;
}

static bool list_need(void *context, const struct lease_need *need) {
    static const char *const kinds[] = {[LEASE_NEED_FIELD] = "field", [LEASE_NEED_ROW] = "row", [LEASE_NEED_CHECK] = "check", [LEASE_NEED_NOTE] = "note"};
    struct listing *l = context;
    const char *sha256 = need->lost ? need->lost->sha256 : need->document->sha256;
    cJSON *document = sha256 ? document_with(l->documents, sha256) : NULL, *open = cJSON_GetObjectItemCaseSensitive(document, "open");
    if (open)
        cJSON_SetNumberValue(open, open->valuedouble + 1);
    if (cJSON_GetArraySize(l->needs) >= REVIEW_NEEDS_MOST)
        return true;
    cJSON *json = cJSON_CreateObject();
    cJSON_AddItemToObject(json, "document", sha256 ? cJSON_CreateString(sha256) : cJSON_CreateNull());
    cJSON_AddItemToObject(json, "name", need->nowhere ? cJSON_CreateNull() : cJSON_CreateString(need->lost ? need->lost->name : need->document->name));
    cJSON_AddItemToObject(json, "lease", need->lease ? cJSON_CreateString(need->lease->name) : cJSON_CreateNull());
    cJSON_AddStringToObject(json, "kind", kinds[need->kind]);
    if (need->kind == LEASE_NEED_ROW) {
        char *row = report_get_text(need->item, "/row");
        cJSON_AddStringToObject(json, "list", need->name);
        cJSON_AddStringToObject(json, "row", row ? row : "");
        free(row);
    } else
        cJSON_AddStringToObject(json, "field", need->name);
    cJSON_AddStringToObject(json, "why", need->why);
    cJSON *item = need->item.length ? cJSON_ParseWithLength(need->item.data, need->item.length) : NULL, *value = need_value(need, item);
    cJSON_AddItemToObject(json, "value", value ? value : cJSON_CreateNull());
    add_copy(json, "page", member(item, "page"));
    cJSON_Delete(item);
    cJSON_AddItemToArray(l->needs, json);
    return true;
}

static size_t count_words(const cJSON *review, const char *sha256) {
    const cJSON *list;
    size_t count = (size_t)cJSON_GetArraySize(member(member(review, "fields"), sha256));
    cJSON_ArrayForEach(list, member(member(review, "rows"), sha256)) count += (size_t)cJSON_GetArraySize(list);
    return count;
}

static cJSON *document_json(const struct review_records *records, const cJSON *review, const char *sha256, const char *name) {
    cJSON *json = cJSON_CreateObject();
    const cJSON *given = document_with(records->documents, sha256);
    cJSON_AddStringToObject(json, "sha256", sha256);
    cJSON_AddStringToObject(json, "name", name);
    const enum docform_type form = docform_from_name(text_of(given, "type"));
    cJSON_AddItemToObject(json, "media_type", form ? cJSON_CreateString(docform_media_type(form)) : cJSON_CreateNull());
    cJSON_AddNumberToObject(json, "open", 0);
    cJSON_AddNumberToObject(json, "words", (double)count_words(review, sha256));
    return json;
}

static void list_documents(const struct lease_model *m, const struct review_records *records, const cJSON *review, cJSON *documents) {
    for (size_t i = 0; i < m->count; i++) {
        const struct lease_document *d = &m->documents[i];
        cJSON *json = document_json(records, review, d->sha256, d->name);
        double pages;
        cJSON_AddStringToObject(json, "lease", d->lease);
        cJSON_AddItemToObject(json, "type", d->type[0] ? cJSON_CreateString(d->type) : cJSON_CreateNull());
        cJSON_AddItemToObject(json, "date", d->date[0] ? cJSON_CreateString(d->date) : cJSON_CreateNull());
        cJSON_AddItemToObject(json, "pages", report_get_number(d->record, "/document/pages", &pages) ? cJSON_CreateNumber(pages) : cJSON_CreateNull());
        cJSON_AddNullToObject(json, "error");
        cJSON_AddItemToArray(documents, json);
    }
    for (size_t i = 0; i < records->lost.count; i++) {
        const struct report_lost *lost = &records->lost.list[i];
        if (!lost->sha256)
            continue;
        cJSON *json = document_json(records, review, lost->sha256, lost->name);
        for (size_t k = 0; k < 4; k++)
            cJSON_AddNullToObject(json, (const char *[]){"lease", "type", "date", "pages"}[k]);
        cJSON_AddStringToObject(json, "error", lost->error ? lost->error : "");
        cJSON_AddItemToArray(documents, json);
    }
}

enum rc review_view_job(const struct review_records *records, cJSON *review, cJSON **view, struct err *err) {
    struct report_lease input = records->input;
    input.review = review;
    struct lease_model m = {.input = &input};
    struct listing l = {.all = 0};
    *view = NULL;
    const enum rc rc = lease_model_read(&m, true, err);
    if (!rc) {
        *view = cJSON_CreateObject();
        cJSON_AddBoolToObject(*view, "reviewed", !lease_model_draft(&m));
        cJSON_AddNumberToObject(*view, "open", (double)lease_model_open(&m));
        add_copy(*view, "declared", member(review, "declared"));
        add_copy(*view, "revision", member(review, "revision"));
        add_copy(*view, "revised_at", member(review, "revised_at"));
        l.documents = cJSON_AddArrayToObject(*view, "documents");
        l.needs = cJSON_AddArrayToObject(*view, "needs");
        list_documents(&m, records, review, l.documents);
        (void)lease_model_needs(&m, list_need, &l);
    }
    lease_model_release(&m);
    return rc;
}

/* --- one document ------------------------------------------------------------------------------------------------------- */

/* Fields as practitioners look for them. The first whose word a name begins with holds; a word of both halves is looked for first. */
static const char *group_of(const char *name) {
    static const char *const groups[][2] = {
        {"landlord", "Parties"},
        {"lessor", "Parties"},
        {"tenant", "Parties"},
        {"lessee", "Parties"},
        {"guarantor", "Parties"},
        {"agent", "Parties"},
        {"premises", "Premises"},
        {"property", "Premises"},
        {"demised", "Premises"},
        {"floor_area", "Premises"},
        {"area", "Premises"},
        {"title", "Premises"},
        {"parking", "Premises"},
        {"commencement", "Term"},
        {"rent_commencement", "Term"},
        {"expiry", "Term"},
        {"term", "Term"},
        {"holding", "Term"},
        {"service_charge", "Service charge and insurance"},
        {"insurance", "Service charge and insurance"},
        {"ground_rent", "Rent"},
        {"rent", "Rent"},
        {"escalation", "Rent"},
        {"deposit", "Rent"},
        {"permitted", "Use and dealings"},
        {"use", "Use and dealings"},
        {"repair", "Use and dealings"},
        {"alteration", "Use and dealings"},
        {"assign", "Use and dealings"},
        {"sublet", "Use and dealings"},
        {"pets", "Use and dealings"},
        {"consent", "Use and dealings"},
        {"notice_of", "Use and dealings"},
        {"default", "Default and law"},
        {"interest", "Default and law"},
        {"forfeiture", "Default and law"},
        {"law", "Default and law"},
        {"governing", "Default and law"},
    };
    for (size_t i = 0; i < sizeof groups / sizeof *groups; i++)
        if (str_starts(name, groups[i][0]))
            return groups[i][1];
    return "Other";
}

/* "Rent commencement date" of "rent_commencement_date". */
static void add_title(cJSON *json, const char *name) {
    char title[128];
    str_printable(title, sizeof title, name, strlen(name));
    for (char *at = title; *at; at++)
        if (*at == '_')
            *at = ' ';
    title[0] = (char)toupper((unsigned char)title[0]);
    cJSON_AddStringToObject(json, "title", title);
}

struct viewing {
    const struct lease_model *m;
    const struct lease_bundle *lease;
    const struct lease_document *document;
    cJSON *view;
    const cJSON *words; /* on fields of the document */
};

static void view_fields(const struct viewing *v, const cJSON *schema) {
    cJSON *field;
    cJSON_ArrayForEach(field, member(v->view, "fields")) {
        if (!cJSON_IsObject(field))
            continue;
        const struct lease_field held = lease_model_field(v->m, v->lease, field->string);
        const char *names[] = {"type", "title", "group", "review", "open", "superseded"};
        const enum lease_type type = review_type(schema, v->view, field->string);
        for (size_t i = 0; i < sizeof names / sizeof *names; i++)
            cJSON_DeleteItemFromObjectCaseSensitive(field, names[i]);
        cJSON_AddStringToObject(field, "type", lease_review_type_name(type));
        add_title(field, field->string);
        cJSON_AddStringToObject(field, "group", group_of(field->string));
        add_copy(field, "review", member(v->words, field->string));
        cJSON_AddNullToObject(field, "open");
        cJSON_AddBoolToObject(field, "superseded", held.document && held.document != v->document && lease_model_speaks(&held));
    }
}

/* Which row it is of the laid record, in the same order as the model goes through them. */
static bool view_row(void *context, const struct lease_bundle *lease, size_t document, struct slice row, enum lease_holds holds) {
    static const char *const words[] = {"holds", "superseded", "removed"};
    const struct viewing *v = context;
    if (&lease->documents[document] != v->document)
        return true;
    cJSON *json = cJSON_ParseWithLength(row.data, row.length), *rows = cJSON_GetObjectItemCaseSensitive(v->view, "rows")->child;
    while (rows->next) /* the list that is being made is the last one */
        rows = rows->next;
    cJSON_DeleteItemFromObjectCaseSensitive(json, "holds");
    cJSON_DeleteItemFromObjectCaseSensitive(json, "open");
    cJSON_AddStringToObject(json, "holds", words[holds]);
    cJSON_AddNullToObject(json, "open");
    cJSON_AddItemToArray(cJSON_GetObjectItemCaseSensitive(rows, "rows"), json);
    return json != NULL;
}

static void view_rows(struct viewing *v) {
    cJSON *lists = cJSON_AddObjectToObject(v->view, "rows");
    for (unsigned i = 0; i < LEASE_LISTS; i++) {
        cJSON *list = cJSON_AddObjectToObject(lists, lease_lists[i].name), *cells = cJSON_AddArrayToObject(list, "cells");
        for (const struct lease_cell *cell = lease_lists[i].cells; cell->name; cell++) {
            cJSON *json = cJSON_CreateObject();
            cJSON_AddStringToObject(json, "name", cell->name);
            cJSON_AddStringToObject(json, "type", lease_review_type_name(cell->type));
            add_title(json, cell->name);
            cJSON_AddItemToArray(cells, json);
        }
        cJSON_AddArrayToObject(list, "rows");
        (void)lease_model_rows(v->lease, (enum lease_list)i, view_row, v);
        cJSON_DeleteItemFromObjectCaseSensitive(v->view, lease_lists[i].name);
    }
    cJSON_DeleteItemFromObjectCaseSensitive(v->view, "removed");
}

static void view_checks(const struct viewing *v) {
    cJSON *check;
    cJSON_ArrayForEach(check, member(v->view, "checks")) {
        static const char *const ours[] = {"field", "title", "review", "open"};
        char name[128];
        if (!cJSON_IsObject(check))
            continue;
        for (size_t i = 0; i < sizeof ours / sizeof *ours; i++)
            cJSON_DeleteItemFromObjectCaseSensitive(check, ours[i]);
        str_format(name, sizeof name, "check_%.100s", text_of(check, "id"));
        cJSON_AddStringToObject(check, "field", name);
        add_title(check, text_of(check, "id"));
        add_copy(check, "review", member(v->words, name));
        cJSON_AddNullToObject(check, "open");
    }
}

static void view_notes(const struct viewing *v) {
    static const char *const names[] = {"illegible_pages", "damaged_pages", "missing_schedules"};
    cJSON *notes = cJSON_AddArrayToObject(v->view, "notes");
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const cJSON *value = member(member(v->view, "document"), names[i]);
        if (!cJSON_GetArraySize(value))
            continue;
        cJSON *note = cJSON_CreateObject();
        cJSON_AddStringToObject(note, "field", names[i]);
        add_title(note, names[i]);
        add_copy(note, "value", value);
        add_copy(note, "review", member(v->words, names[i]));
        cJSON_AddNullToObject(note, "open");
        cJSON_AddItemToArray(notes, note);
    }
}

static cJSON *by_name(const cJSON *list, const char *member_name, const char *value) {
    cJSON *item;
    cJSON_ArrayForEach(item, list) if (strcmp(text_of(item, member_name), value) == 0) return item;
    return NULL;
}

static bool mark_need(void *context, const struct lease_need *need) {
    const struct viewing *v = context;
    cJSON *item = NULL;
    if (need->document != v->document)
        return true;
    switch (need->kind) {
    case LEASE_NEED_FIELD:
        item = cJSON_GetObjectItemCaseSensitive(member(v->view, "fields"), need->name);
        break;
    case LEASE_NEED_ROW: {
        char *row = report_get_text(need->item, "/row");
        item = by_name(member(member(member(v->view, "rows"), need->name), "rows"), "row", row ? row : "");
        free(row);
        break;
    }
    case LEASE_NEED_CHECK:
        item = by_name(member(v->view, "checks"), "field", need->name);
        break;
    case LEASE_NEED_NOTE:
        item = by_name(member(v->view, "notes"), "field", need->name);
        break;
    }
    if (item)
        cJSON_ReplaceItemInObjectCaseSensitive(item, "open", cJSON_CreateString(need->why));
    return true;
}

static enum rc view_history(const struct spool *spool, const char *job_id, const char *sha256, cJSON *view, struct err *err) {
    static const char *const kept[] = {"reviewer", "decision", "field", "list", "row", "cell", "value", "values", "unit", "note"};
    struct journal_reader *reader;
    struct journal_line line;
    cJSON *history = cJSON_AddArrayToObject(view, "history");
    enum rc rc = journal_reader_open(spool, job_id, 0, 0, NULL, &reader, err);
    if (rc)
        return rc;
    while ((rc = journal_reader_find(reader, "reviewed", &line, err)) == RC_OK) {
        char at[CLOCK_RFC3339_SIZE];
        if (strcmp(text_of(line.json, "document"), sha256) != 0)
            continue;
        cJSON *json = cJSON_CreateObject();
        clock_format_rfc3339(line.ts_us, 0, at);
        cJSON_AddNumberToObject(json, "seq", (double)line.seq);
        cJSON_AddStringToObject(json, "at", at);
        for (size_t i = 0; i < sizeof kept / sizeof *kept; i++)
            if (member(line.json, kept[i]))
                add_copy(json, kept[i], member(line.json, kept[i]));
        cJSON_InsertItemInArray(history, 0, json);
        if (cJSON_GetArraySize(history) > HISTORY_MOST)
            cJSON_DeleteItemFromArray(history, HISTORY_MOST);
    }
    journal_reader_close(reader);
    return rc == RC_GONE ? RC_OK : rc;
}

static enum rc view_lost(const struct review_records *records, const cJSON *review, const char *sha256, cJSON **view, struct err *err) {
    for (size_t i = 0; i < records->lost.count; i++) {
        const struct report_lost *lost = &records->lost.list[i];
        if (!lost->sha256 || strcmp(lost->sha256, sha256) != 0)
            continue;
        const cJSON *word = member(member(member(review, "fields"), sha256), "not_analysed");
        *view = cJSON_CreateObject();
        cJSON *document = cJSON_AddObjectToObject(*view, "document"), *note = cJSON_CreateObject();
        cJSON_AddStringToObject(document, "sha256", sha256);
        cJSON_AddStringToObject(document, "name", lost->name);
        cJSON_AddObjectToObject(*view, "fields");
        cJSON_AddObjectToObject(*view, "rows");
        cJSON_AddArrayToObject(*view, "checks");
        cJSON_AddItemToArray(cJSON_AddArrayToObject(*view, "notes"), note);
        cJSON_AddStringToObject(note, "field", "not_analysed");
        add_title(note, "not_analysed");
        add_copy(note, "value", NULL);
        add_copy(note, "review", word);
        cJSON_AddItemToObject(note, "open", word ? cJSON_CreateNull() : cJSON_CreateString(lost->error ? lost->error : ""));
        return RC_OK;
    }
    return err_set(err, RC_GONE, "the job has no analysis of a document %.12s…", sha256);
}

static enum rc view_laid(const struct lease_model *m, const cJSON *review, const char *sha256, cJSON **view, struct err *err) {
    struct viewing v = {.m = m, .words = member(member(review, "fields"), sha256)};
    struct lease schema = {.json = NULL};
    struct err ignored = {0};
    for (size_t i = 0; i < m->lease_count; i++)
        for (size_t k = 0; k < m->leases[i].count; k++)
            if (strcmp(m->leases[i].documents[k].sha256, sha256) == 0) {
                v.lease = &m->leases[i];
                v.document = &m->leases[i].documents[k];
            }
    v.view = v.document ? cJSON_ParseWithLength(v.document->record.data, v.document->record.length) : NULL;
    if (!v.view)
        return v.document ? err_set(err, RC_TEMP, "out of memory") : RC_GONE;
    static const char *const ours[] = {"rows", "notes", "history", "reviewed", "revision"};
    for (size_t i = 0; i < sizeof ours / sizeof *ours; i++) /* whatever the record has of these names */
        cJSON_DeleteItemFromObjectCaseSensitive(v.view, ours[i]);
    (void)lease_open(NULL, text_of(v.view, "schema"), &schema, &ignored);
    view_fields(&v, schema.json);
    lease_release(&schema);
    view_rows(&v);
    view_checks(&v);
    view_notes(&v);
    (void)lease_model_needs(m, mark_need, &v);
    *view = v.view;
    return RC_OK;
}

enum rc review_view_document(const struct spool *spool, const char *job_id, const struct review_records *records, cJSON *review, const char *sha256,
                             cJSON **view, struct err *err) {
    struct report_lease input = records->input;
    input.review = review;
    struct lease_model m = {.input = &input};
    *view = NULL;
    enum rc rc = lease_model_read(&m, true, err);
    rc = rc ? rc : view_laid(&m, review, sha256, view, err);
    if (rc == RC_GONE)
        rc = view_lost(records, review, sha256, view, err);
    if (!rc) {
        cJSON_AddBoolToObject(*view, "reviewed", !lease_model_draft(&m));
        add_copy(*view, "revision", member(review, "revision"));
        rc = view_history(spool, job_id, sha256, *view, err);
    }
    lease_model_release(&m);
    if (rc) {
        cJSON_Delete(*view);
        *view = NULL;
    }
    return rc;
}
