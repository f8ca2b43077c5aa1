// SPDX-License-Identifier: Apache-2.0
#include "report/lease_model.h"

#include "base/json.h"

#include <stdlib.h>
#include <string.h>

#define FIELDS_MOST 400u

/* --- reading ------------------------------------------------------------------------------------------------------------ */

/* By lease; the newest document first. One without a date is older than all; on the same day an amendment is newer than a lease. */
static int by_lease(const void *a, const void *b) {
    const struct lease_document *x = a, *y = b;
    int order = strcmp(x->lease, y->lease);
    order = order ? order : strcmp(y->date, x->date);
    order = order ? order : (strcmp(x->type, "lease") == 0) - (strcmp(y->type, "lease") == 0);
    order = order ? order : strcmp(x->name, y->name);
    return order ? order : strcmp(x->sha256, y->sha256);
}

static enum rc lay(const cJSON *review, struct lease_document *d, struct err *err) {
    cJSON *laid;
    const enum rc rc = lease_review_lay(d->record, review, &laid, err);
    if (rc)
        return rc;
    d->laid = cJSON_PrintUnformatted(laid);
    cJSON_Delete(laid);
    if (!d->laid)
        return err_set(err, RC_TEMP, "out of memory");
    d->record = slice_of(d->laid);
    return RC_OK;
}

static enum rc read_document(const cJSON *review, bool all, struct lease_document *d, struct err *err) {
    const enum rc rc = all ? lay(review, d, err) : RC_OK;
    if (rc)
        return rc;
    d->name = report_get_text(d->record, "/document/name");
    d->sha256 = report_get_text(d->record, "/document/sha256");
    d->date = report_get_text(d->record, "/document/date");
    d->type = report_get_text(d->record, "/document/type");
    d->lease = report_get_text(d->record, "/group");
    if (d->lease && !d->lease[0]) {
        free(d->lease);
        d->lease = report_get_text(d->record, "/document/name");
    }
    return d->name && d->sha256 && d->date && d->type && d->lease ? RC_OK : err_set(err, RC_TEMP, "out of memory");
}

static bool has_words(const cJSON *review) {
    const cJSON *fields = cJSON_GetObjectItemCaseSensitive(review, "fields"), *rows = cJSON_GetObjectItemCaseSensitive(review, "rows");
    return (fields && fields->child) || (rows && rows->child);
}

static enum rc read_documents(struct lease_model *m, bool all, struct err *err) {
    struct slice record;
    size_t at = 0;
    enum rc rc = RC_OK;
    m->documents = calloc(m->input->records.count + 1, sizeof *m->documents);
    m->leases = calloc(m->input->records.count + 1, sizeof *m->leases);
    if (!m->documents || !m->leases)
        return err_set(err, RC_TEMP, "out of memory");
    while (!rc && m->count < m->input->records.count && report_records_next(&m->input->records, &at, &record)) {
        m->documents[m->count] = (struct lease_document){.record = record};
        rc = read_document(m->input->review, all, &m->documents[m->count++], err);
    }
    if (rc)
        return rc;
    qsort(m->documents, m->count, sizeof *m->documents, by_lease);
    for (size_t i = 0; i < m->count; i++) {
        if (i > 0 && strcmp(m->documents[i].lease, m->documents[i - 1].lease) == 0)
            m->leases[m->lease_count - 1].count++;
        else
            m->leases[m->lease_count++] = (struct lease_bundle){m->documents[i].lease, &m->documents[i], 1};
    }
    return RC_OK;
}

static bool note_field(struct lease_model *m, struct slice raw) {
    struct buf text = BUF_INIT(256);
    const enum rc rc = json_decode_string((struct slice){raw.data - 1, raw.length + 2}, &text); /* between its quotes */
    size_t i = 0;
    while (i < m->field_count && strcmp(m->fields[i], buf_text(&text)) != 0)
        i++;
    bool good = rc != RC_TEMP;
    if (rc == RC_OK && i == m->field_count && i < FIELDS_MOST) {
        m->fields[i] = strdup(buf_text(&text));
        good = m->fields[i] != NULL;
        m->field_count += good;
    }
    buf_release(&text);
    return good;
}

static bool read_fields(struct lease_model *m) {
    m->fields = calloc(FIELDS_MOST, sizeof *m->fields);
    for (size_t i = 0; m->fields && i < m->count; i++) {
        struct json_iter iter;
        struct slice name, value, fields = report_get(m->documents[i].record, "/fields");
        if (json_type(fields) != JSON_OBJECT || !json_iter_init(&iter, fields))
            continue;
        while (json_iter_next(&iter, &name, &value))
            if (!note_field(m, name))
                return false;
    }
    return m->fields != NULL;
}

enum rc lease_model_read(struct lease_model *m, bool all, struct err *err) {
    const enum rc rc = read_documents(m, all || has_words(m->input->review), err);
    if (rc)
        return rc;
    return read_fields(m) ? RC_OK : err_set(err, RC_TEMP, "out of memory");
}

void lease_model_release(struct lease_model *m) {
    for (size_t i = 0; m->documents && i < m->count; i++) {
        free(m->documents[i].lease);
        free(m->documents[i].name);
        free(m->documents[i].sha256);
        free(m->documents[i].date);
        free(m->documents[i].type);
        cJSON_free(m->documents[i].laid);
    }
    for (size_t i = 0; i < m->field_count; i++)
        free(m->fields[i]);
    free(m->fields);
    free(m->documents);
    free(m->leases);
}

/* --- fields ------------------------------------------------------------------------------------------------------------- */

static struct slice field_in(const struct lease_document *d, const char *name) {
    return report_get_in(d->record, "/fields", name);
}

static const cJSON *word_on(const struct lease_model *m, const char *sha256, const char *name) {
    const cJSON *fields = cJSON_GetObjectItemCaseSensitive(m->input->review, "fields");
    return cJSON_GetObjectItemCaseSensitive(cJSON_GetObjectItemCaseSensitive(fields, sha256), name);
}

const char *lease_model_said(const cJSON *review, const char *member) {
    const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(review, member));
    return text ? text : "";
}

bool lease_model_corrected(const cJSON *review) {
    return strcmp(lease_model_said(review, "decision"), "corrected") == 0;
}

static bool text_is(struct slice item, const char *pointer, const char *text) {
    const struct slice value = report_get(item, pointer);
    return value.length == strlen(text) + 2 && memcmp(value.data + 1, text, strlen(text)) == 0;
}

bool lease_model_status_is(struct slice field, const char *status) {
    return text_is(field, "/status", status);
}

bool lease_model_speaks(const struct lease_field *field) {
    return field->review || lease_model_status_is(field->field, "found") || lease_model_status_is(field->field, "conflict");
}

bool lease_model_found(const struct lease_field *field) {
    return field->document && lease_model_speaks(field);
}

struct lease_field lease_model_field_of(const struct lease_model *m, const struct lease_document *d, const char *name) {
    return (struct lease_field){.document = d, .field = field_in(d, name), .review = word_on(m, d->sha256, name)};
}

struct lease_field lease_model_field(const struct lease_model *m, const struct lease_bundle *lease, const char *name) {
    struct lease_field last = {.document = NULL};
    for (size_t i = 0; i < lease->count; i++) {
        const struct lease_field field = lease_model_field_of(m, &lease->documents[i], name);
        if (!field.field.length && !field.review)
            continue;
        if (lease_model_speaks(&field))
            return field;
        last = field;
    }
    return last;
}

bool lease_model_nowhere(const struct lease_model *m, const struct lease_bundle *lease, const char *name) {
    const struct lease_field holds = lease_model_field(m, lease, name);
    bool nowhere = lease->count > 1 && lease_model_status_is(holds.field, "not_found");
    for (size_t i = 0; nowhere && i < lease->count; i++) {
        const struct lease_field field = lease_model_field_of(m, &lease->documents[i], name);
        nowhere = !lease_model_corrected(field.review) && !lease_model_status_is(field.field, "found") && !lease_model_status_is(field.field, "conflict");
    }
    return nowhere;
}

const char *lease_model_nowhere_text(const struct lease_bundle *lease, char out[LEASE_NOWHERE_SIZE]) {
    str_format(out, LEASE_NOWHERE_SIZE, "not found in any of the %zu documents", lease->count);
    return out;
}

/* --- rows --------------------------------------------------------------------------------------------------------------- */

static bool same_value(struct slice a, struct slice b, const char *member) {
    char pointer[40];
    str_format(pointer, sizeof pointer, "/%s", member);
    const struct slice x = report_get(a, pointer), y = report_get(b, pointer);
    return x.length == y.length && (!x.length || memcmp(x.data, y.data, x.length) == 0);
}

static struct slice rows_in(const struct lease_document *d, const struct lease_list_form *list, const char *below) {
    char pointer[40];
    str_format(pointer, sizeof pointer, "%s/%s", below, list->name);
    return report_get(d->record, pointer);
}

/* A newer document of the lease has a row for the same thing. */
static bool is_superseded(const struct lease_bundle *lease, size_t document, const struct lease_list_form *list, struct slice row) {
    for (size_t i = 0; i < document; i++) {
        const struct slice rows = rows_in(&lease->documents[i], list, "");
        struct json_iter iter;
        struct slice name, other;
        if (json_type(rows) != JSON_ARRAY || !json_iter_init(&iter, rows))
            continue;
        while (json_iter_next(&iter, &name, &other))
            if (same_value(row, other, list->same[0]) && (!list->same[1] || same_value(row, other, list->same[1])))
                return true;
    }
    return false;
}

bool lease_model_rows(const struct lease_bundle *lease, enum lease_list which, lease_row_seen *seen, void *context) {
    static const char *const below[] = {"", "/removed"};
    const struct lease_list_form *list = &lease_lists[which];
    for (size_t k = 0; k < sizeof below / sizeof *below; k++)
        for (size_t i = 0; i < lease->count; i++) {
            const struct slice rows = rows_in(&lease->documents[i], list, below[k]);
            struct json_iter iter;
            struct slice name, row;
            if (json_type(rows) != JSON_ARRAY || !json_iter_init(&iter, rows))
                continue;
            while (json_iter_next(&iter, &name, &row)) {
                const enum lease_holds holds = k ? LEASE_REMOVED : is_superseded(lease, i, list, row) ? LEASE_SUPERSEDED : LEASE_HOLDS;
                if (!seen(context, lease, i, row, holds))
                    return false;
            }
        }
    return true;
}

bool lease_model_check_is(struct slice check, const char *result) {
    return text_is(check, "/result", result);
}
