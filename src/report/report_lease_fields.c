// SPDX-License-Identifier: Apache-2.0
#include "report/report_lease_internal.h"

#include "base/json.h"

#include <stdlib.h>
#include <string.h>

/* --- one field ---------------------------------------------------------------------------------------------------------- */

static struct slice field_of(const struct lease_document *d, const char *name) {
    char pointer[300] = "/fields/";
    size_t length = strlen(pointer);
    for (const char *at = name; *at && length < sizeof pointer - 3; at++) { /* RFC 6901 */
        if (*at == '~' || *at == '/') {
            pointer[length++] = '~';
            pointer[length++] = *at == '~' ? '0' : '1';
        } else
            pointer[length++] = *at;
    }
    pointer[length] = '\0';
    return report_get(d->record, pointer);
}

static const cJSON *review_of(const struct lease_model *m, const struct lease_document *d, const char *name) {
    const cJSON *fields = cJSON_GetObjectItemCaseSensitive(m->input->review, "fields");
    return cJSON_GetObjectItemCaseSensitive(cJSON_GetObjectItemCaseSensitive(fields, d->sha256), name);
}

const char *report_lease_review_text(const cJSON *review, const char *member) {
    const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(review, member));
    return text ? text : "";
}

static bool status_is(struct slice field, const char *status) {
    const struct slice value = report_get(field, "/status");
    return value.length == strlen(status) + 2 && memcmp(value.data + 1, status, strlen(status)) == 0;
}

/* It has something to say: found, in conflict, or corrected by a person. */
static bool speaks(const struct lease_field *field) {
    return field->review || status_is(field->field, "found") || status_is(field->field, "conflict");
}

bool report_lease_found(const struct lease_field *field) {
    return field->document && speaks(field);
}

struct lease_field report_lease_field(const struct lease_model *m, const struct lease *lease, const char *name) {
    struct lease_field first = {.document = NULL};
    for (size_t i = 0; i < lease->count; i++) {
        const struct lease_field field = {
            .document = &lease->documents[i], .field = field_of(&lease->documents[i], name), .review = review_of(m, &lease->documents[i], name)};
        if (!field.field.length && !field.review)
            continue;
        if (speaks(&field))
            return field;
        if (!first.document)
            first = field;
    }
    return first;
}

static void add_json(struct report_line *line, const cJSON *value) {
    if (cJSON_IsString(value)) {
        report_line_add(line, value->valuestring);
        return;
    }
    char *text = value && !cJSON_IsNull(value) ? cJSON_PrintUnformatted(value) : NULL;
    report_line_add(line, text ? text : "");
    cJSON_free(text);
}

static bool is_corrected(const cJSON *review) {
    return strcmp(report_lease_review_text(review, "decision"), "corrected") == 0;
}

char *report_lease_text(const struct lease_field *field) {
    if (!is_corrected(field->review))
        return report_get_text(field->field, "/value");
    const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(field->review, "value"));
    return strdup(text ? text : "");
}

static void add_with_unit(struct report_line *line, struct slice field) {
    const struct slice value = report_get(field, "/value"), unit = report_get(field, "/unit");
    report_line_add_value(line, value);
    if (unit.length && value.length && json_type(value) != JSON_NULL && json_type(unit) != JSON_NULL) {
        report_line_add(line, " ");
        report_line_add_value(line, unit);
    }
}

void report_lease_add_value(struct report_line *line, const struct lease_field *field) {
    if (is_corrected(field->review)) {
        const char *unit = report_lease_review_text(field->review, "unit");
        add_json(line, cJSON_GetObjectItemCaseSensitive(field->review, "value"));
        if (unit[0])
            report_line_printf(line, " %s", unit);
        return;
    }
    add_with_unit(line, field->field);
    const struct slice candidates = report_get(field->field, "/candidates");
    struct json_iter iter;
    struct slice key, candidate;
    if (field->review || !status_is(field->field, "conflict") || json_type(candidates) != JSON_ARRAY || !json_iter_init(&iter, candidates))
        return;
    for (bool first = true; json_iter_next(&iter, &key, &candidate); first = false) {
        report_line_add(line, first ? "" : " or ");
        add_with_unit(line, candidate);
    }
}

/* --- tables of fields --------------------------------------------------------------------------------------------------- */

static void put_review(struct report_line *line, const cJSON *review, bool apart) {
    const char *decision = report_lease_review_text(review, "decision"), *note = report_lease_review_text(review, "note");
    report_line_text(line, decision);
    if (apart) {
        report_line_text(line, report_lease_review_text(review, "reviewer"));
        report_line_cell(line, REPORT_DATE, REPORT_PLAIN);
        report_line_add(line, report_lease_review_text(review, "at"));
        report_line_text(line, note);
        return;
    }
    if (review)
        report_line_printf(line, " by %s%s%s", report_lease_review_text(review, "reviewer"), note[0] ? ": " : "", note);
}

static enum report_tone tone_of(const struct lease_field *field, bool superseded) {
    if (superseded)
        return REPORT_QUIET;
    return field->review ? REPORT_GOOD : status_is(field->field, "conflict") ? REPORT_BAD : REPORT_PLAIN;
}

/* One row: of the value that holds, or of one that a newer document superseded. */
static bool put_field(struct lease_model *m, struct report_line *line, const struct lease *lease, const char *name, const struct lease_field *field,
                      bool superseded, bool whole) {
    char title[128];
    const enum report_tone tone = tone_of(field, superseded);
    const bool corrected = is_corrected(field->review);
    report_line_begin(line);
    if (whole) {
        report_line_text(line, lease->name);
        report_line_text(line, name);
    }
    report_line_cell(line, REPORT_TEXT, tone == REPORT_QUIET ? tone : REPORT_PLAIN);
    report_line_add(line, report_lease_title(name, title));
    if (whole) {
        const struct slice value = report_get(field->field, "/value");
        const cJSON *correction = corrected ? cJSON_GetObjectItemCaseSensitive(field->review, "value") : NULL;
        const bool number = corrected ? cJSON_IsNumber(correction) : json_type(value) == JSON_NUMBER;
        report_line_cell(line, number ? REPORT_NUMBER : REPORT_DATE, tone); /* other texts than dates are text */
        if (corrected)
            add_json(line, correction);
        else
            report_line_add_value(line, value);
        report_line_text(line, "");
        if (corrected && report_lease_review_text(field->review, "unit")[0])
            report_line_add(line, report_lease_review_text(field->review, "unit"));
        else
            report_line_add_value(line, report_get(field->field, "/unit"));
    } else {
        report_line_cell(line, REPORT_TEXT, tone);
        report_lease_add_value(line, field);
    }
    report_line_cell(line, REPORT_TEXT, tone);
    if (superseded)
        report_line_add(line, "superseded");
    else if (!whole && status_is(field->field, "not_found"))
        report_line_add(line, "not found");
    else
        report_line_add_value(line, report_get(field->field, "/status"));
    if (whole)
        report_line_value(line, corrected ? report_get(field->field, "/value") : (struct slice){.length = 0});
    report_lease_put_evidence(line, field->document, field->field, superseded ? REPORT_QUIET : REPORT_PLAIN);
    put_review(line, field->review, whole);
    return report_line_tell(line, m->report);
}

/* What contradicts each other, below the row that says so. */
static bool put_candidates(struct lease_model *m, struct report_line *line, const struct lease *lease, const char *name, const struct lease_field *field,
                           bool whole) {
    const struct slice candidates = report_get(field->field, "/candidates");
    struct json_iter iter;
    struct slice key, candidate;
    if (field->review || json_type(candidates) != JSON_ARRAY || !json_iter_init(&iter, candidates))
        return true;
    bool good = true;
    while (good && json_iter_next(&iter, &key, &candidate)) {
        const struct lease_field other = {.document = field->document, .field = candidate};
        report_line_begin(line);
        if (whole) {
            report_line_text(line, lease->name);
            report_line_text(line, name);
        }
        report_line_cell(line, REPORT_TEXT, REPORT_QUIET);
        report_line_add(line, whole ? "" : "  either");
        report_line_cell(line, !whole ? REPORT_TEXT : json_type(report_get(candidate, "/value")) == JSON_NUMBER ? REPORT_NUMBER : REPORT_DATE, REPORT_PLAIN);
        if (whole) {
            report_line_add_value(line, report_get(candidate, "/value"));
            report_line_value(line, report_get(candidate, "/unit"));
        } else
            report_lease_add_value(line, &other);
        report_line_text(line, "candidate");
        if (whole)
            report_line_text(line, "");
        report_lease_put_evidence(line, field->document, candidate, REPORT_PLAIN);
        good = report_line_tell(line, m->report);
    }
    return good;
}

static bool put_all_of(struct lease_model *m, struct report_line *line, const struct lease *lease, const char *name, bool whole) {
    const struct lease_field holds = report_lease_field(m, lease, name);
    if (!holds.document)
        return true;
    bool good = put_field(m, line, lease, name, &holds, false, whole) && put_candidates(m, line, lease, name, &holds, whole);
    for (size_t i = 0; good && i < lease->count; i++) {
        const struct lease_field older = {
            .document = &lease->documents[i], .field = field_of(&lease->documents[i], name), .review = review_of(m, &lease->documents[i], name)};
        if (older.document > holds.document && speaks(&older) && older.field.length)
            good = put_field(m, line, lease, name, &older, true, whole);
    }
    return good;
}

bool report_lease_tell_fields(struct lease_model *m, const struct lease *lease) {
    static const struct report_column brief[] = {
        {.title = "Field", .width = 17, .head = true}, {.title = "Value", .width = 23}, {.title = "Status", .width = 10},  {.title = "Document", .width = 14},
        {.title = "Page", .width = 6, .right = true},  {.title = "Quote", .width = 34}, {.title = "Verified", .width = 8}, {.title = "Review", .width = 13}};
    static const struct report_column full[] = {{.title = "Lease", .head = true},
                                                {.title = "Field"},
                                                {.title = "Title"},
                                                {.title = "Value"},
                                                {.title = "Unit"},
                                                {.title = "Status"},
                                                {.title = "Value of the analysis"},
                                                {.title = "Document"},
                                                {.title = "Page", .right = true},
                                                {.title = "Quote"},
                                                {.title = "Quote verified"},
                                                {.title = "Correction"},
                                                {.title = "Reviewer"},
                                                {.title = "Reviewed at"},
                                                {.title = "Note"}};
    const struct report_table table = {.title = "Fields",
                                       .formats = lease ? REPORT_HTML | REPORT_PDF : REPORT_XLSX | REPORT_CSV,
                                       .wide = lease != NULL,
                                       .column_count = lease ? 8 : 15,
                                       .columns = lease ? brief : full};
    struct report_line line;
    bool good = report_line_init(&line, table.column_count);
    report_table_begin(m->report, &table);
    for (size_t i = 0; i < m->lease_count; i++)
        for (size_t k = 0; good && k < m->field_count && (!lease || lease == &m->leases[i]); k++)
            good = put_all_of(m, &line, &m->leases[i], m->fields[k], !lease);
    report_table_end(m->report);
    report_line_release(&line);
    return good;
}

bool report_lease_tell_sheet(struct lease_model *m) {
    const size_t count = m->field_count;
    struct report_column *columns = calloc(count + 4, sizeof *columns);
    char(*titles)[128] = calloc(count + 1, sizeof *titles);
    struct report_line line;
    if (!columns || !titles) {
        free(columns);
        free(titles);
        return false;
    }
    columns[0] = (struct report_column){.title = "Lease", .head = true};
    columns[1] = (struct report_column){.title = "Documents", .right = true};
    columns[2] = (struct report_column){.title = "Newest document"};
    columns[3] = (struct report_column){.title = "Schema"};
    for (size_t i = 0; i < count; i++)
        columns[4 + i] = (struct report_column){.title = report_lease_title(m->fields[i], titles[i])};
    const struct report_table table = {.title = "Leases", .formats = REPORT_XLSX, .column_count = count + 4, .columns = columns};
    bool good = report_line_init(&line, count + 4);
    report_table_begin(m->report, &table);
    for (size_t i = 0; good && i < m->lease_count; i++) {
        const struct lease *lease = &m->leases[i];
        report_line_begin(&line);
        report_line_text(&line, lease->name);
        report_line_cell(&line, REPORT_NUMBER, REPORT_PLAIN);
        report_line_printf(&line, "%zu", lease->count);
        report_line_text(&line, lease->documents[0].name);
        report_line_value(&line, report_get(lease->documents[0].record, "/schema"));
        for (size_t k = 0; k < count; k++) {
            const struct lease_field field = report_lease_field(m, lease, m->fields[k]);
            report_line_cell(&line, REPORT_DATE, report_lease_found(&field) ? tone_of(&field, false) : REPORT_PLAIN); /* other texts are text */
            if (report_lease_found(&field))
                report_lease_add_value(&line, &field);
        }
        good = report_line_tell(&line, m->report);
    }
    report_table_end(m->report);
    report_line_release(&line);
    free(columns);
    free(titles);
    return good;
}

/* --- what needs review -------------------------------------------------------------------------------------------------- */

/* Why, or NULL: it does not, or somebody has looked. */
static const char *doubt_of(const struct lease_field *field) {
    if (!field->document || field->review || status_is(field->field, "n/a"))
        return NULL;
    if (status_is(field->field, "conflict"))
        return "values contradict each other";
    if (status_is(field->field, "not_found"))
        return "not found";
    if (json_type(report_get(field->field, "/quote_verified")) == JSON_FALSE)
        return "the quote is not in the text of that page";
    if (!report_get(field->field, "/page").length || !report_get(field->field, "/quote").length)
        return "without page and quote";
    return NULL;
}

/* What is found but doubtful comes before what was not found. */
static bool each_doubt(const struct lease_model *m, bool missing, struct report_line *line, size_t *count) {
    bool good = true;
    for (size_t i = 0; good && i < m->lease_count; i++)
        for (size_t k = 0; good && k < m->field_count; k++) {
            const struct lease_field field = report_lease_field(m, &m->leases[i], m->fields[k]);
            const char *why = doubt_of(&field);
            char title[128];
            if (!why || missing != (strcmp(why, "not found") == 0))
                continue;
            ++*count;
            if (!line)
                continue;
            report_line_begin(line);
            report_line_text(line, m->leases[i].name);
            report_line_text(line, report_lease_title(m->fields[k], title));
            report_line_cell(line, REPORT_TEXT, missing ? REPORT_QUIET : REPORT_BAD);
            report_line_add(line, why);
            report_line_text(line, "");
            report_lease_add_value(line, &field);
            report_lease_put_evidence(line, field.document, field.field, REPORT_PLAIN);
            good = report_line_tell(line, m->report);
        }
    return good;
}

static bool put_note(const struct lease_model *m, struct report_line *line, const char *lease, const char *what, const char *why, struct slice value,
                     const char *document) {
    report_line_begin(line);
    report_line_text(line, lease);
    report_line_text(line, what);
    report_line_cell(line, REPORT_TEXT, REPORT_BAD);
    report_line_add(line, why);
    report_line_value(line, value);
    report_line_text(line, document);
    return report_line_tell(line, m->report);
}

/* Of whole documents: lost ones, pages that cannot be read, schedules that are not there, checks that failed. */
static bool each_note(const struct lease_model *m, struct report_line *line, size_t *count) {
    bool good = true;
    for (size_t i = 0; good && i < m->input->lost_count; i++, ++*count)
        if (line)
            good = put_note(m, line, "", "Document", m->input->lost[i].error, (struct slice){.length = 0}, m->input->lost[i].name);
    for (size_t i = 0; good && i < m->count; i++) {
        const struct lease_document *d = &m->documents[i];
        static const struct {
            const char *pointer, *what, *why;
        } kinds[] = {{"/document/illegible_pages", "Pages", "cannot be read"},
                     {"/document/damaged_pages", "Pages", "are damaged"},
                     {"/document/missing_schedules", "Schedules", "named, but not there"}};
        for (size_t k = 0; good && k < sizeof kinds / sizeof *kinds; k++) {
            const struct slice list = report_get(d->record, kinds[k].pointer);
            if (json_type(list) != JSON_ARRAY || !json_count(list))
                continue;
            ++*count;
            if (line)
                good = put_note(m, line, d->lease, kinds[k].what, kinds[k].why, list, d->name);
        }
    }
    return good;
}

size_t report_lease_count_review(const struct lease_model *m) {
    size_t count = 0;
    (void)each_note(m, NULL, &count);
    (void)each_doubt(m, false, NULL, &count);
    (void)each_doubt(m, true, NULL, &count);
    return count;
}

bool report_lease_tell_review(struct lease_model *m) {
    static const struct report_column columns[] = {
        {.title = "Lease", .width = 16},    {.title = "Field", .width = 16, .head = true}, {.title = "Why", .width = 19},   {.title = "Value", .width = 18},
        {.title = "Document", .width = 14}, {.title = "Page", .width = 6, .right = true},  {.title = "Quote", .width = 28}, {.title = "Verified", .width = 8}};
    const struct report_table table = {.title = "Review",
                                       .empty = "Nothing: every field was found with a verified quote, or looked at by a reviewer.",
                                       .formats = REPORT_XLSX | REPORT_HTML | REPORT_PDF,
                                       .untitled = true,
                                       .wide = true,
                                       .column_count = 8,
                                       .columns = columns};
    struct report_line line;
    size_t count = 0;
    bool good = report_line_init(&line, 8);
    report_table_begin(m->report, &table);
    good = good && each_note(m, &line, &count) && each_doubt(m, false, &line, &count) && each_doubt(m, true, &line, &count);
    report_table_end(m->report);
    report_line_release(&line);
    return good;
}
