// SPDX-License-Identifier: Apache-2.0
#include "report/report_lease_internal.h"

#include "base/json.h"

#include <stdlib.h>
#include <string.h>

/* --- one field ---------------------------------------------------------------------------------------------------------- */

static void add_json(struct report_line *line, const cJSON *value) {
    if (cJSON_IsString(value)) {
        report_line_add(line, value->valuestring);
        return;
    }
    char *text = value && !cJSON_IsNull(value) ? cJSON_PrintUnformatted(value) : NULL;
    report_line_add(line, text ? text : "");
    cJSON_free(text);
}

char *report_lease_text(const struct lease_field *field) {
    if (!lease_model_corrected(field->review))
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

/* That of the correction; one that names none leaves the unit of the analysis. */
static void add_unit(struct report_line *line, const struct lease_field *field, const char *before) {
    const cJSON *said = lease_model_corrected(field->review) ? cJSON_GetObjectItemCaseSensitive(field->review, "unit") : NULL;
    const struct slice unit = report_get(field->field, "/unit");
    if (said ? !*lease_model_said(field->review, "unit") : !unit.length)
        return;
    report_line_add(line, before);
    if (said)
        report_line_add(line, lease_model_said(field->review, "unit"));
    else
        report_line_add_value(line, unit);
}

void report_lease_add_value(struct report_line *line, const struct lease_field *field) {
    if (lease_model_corrected(field->review)) {
        const cJSON *value = cJSON_GetObjectItemCaseSensitive(field->review, "value");
        add_json(line, value);
        if (value && !cJSON_IsNull(value))
            add_unit(line, field, " ");
        return;
    }
    add_with_unit(line, field->field);
    const struct slice candidates = report_get(field->field, "/candidates");
    struct json_iter iter;
    struct slice key, candidate;
    if (field->review || !lease_model_status_is(field->field, "conflict") || json_type(candidates) != JSON_ARRAY || !json_iter_init(&iter, candidates))
        return;
    for (bool first = true; json_iter_next(&iter, &key, &candidate); first = false) {
        report_line_add(line, first ? "" : " or ");
        add_with_unit(line, candidate);
    }
}

/* --- tables of fields --------------------------------------------------------------------------------------------------- */

void report_lease_put_review(struct report_line *line, const struct lease_field *field, bool apart) {
    const cJSON *review = field->review;
    const char *decision = lease_model_said(review, "decision"), *note = lease_model_said(review, "note");
    report_line_text(line, decision);
    if (apart) {
        report_line_text(line, lease_model_said(review, "reviewer"));
        report_line_cell(line, REPORT_DATE, REPORT_PLAIN);
        report_line_add(line, lease_model_said(review, "at"));
        report_line_text(line, note);
        return;
    }
    if (review)
        report_line_printf(line, " by %s%s%s", lease_model_said(review, "reviewer"), note[0] ? ": " : "", note);
}

void report_lease_add_analysis(struct report_line *line, const struct lease_field *field) {
    const struct lease_field analysis = {.document = field->document, .field = field->field};
    if (!lease_model_corrected(field->review))
        return;
    report_line_add(line, lease_model_speaks(&analysis) ? "; the analysis has " : "; the analysis has nothing");
    report_lease_add_value(line, &analysis);
    report_lease_add_place(line, field->field, ", ");
}

static enum report_tone tone_of(const struct lease_field *field, bool superseded) {
    if (superseded)
        return REPORT_QUIET;
    return field->review ? REPORT_GOOD : lease_model_status_is(field->field, "conflict") ? REPORT_BAD : REPORT_PLAIN;
}

/* One row: of the value that holds, or of one that a newer document superseded. */
static bool put_field(struct lease_model *m, struct report_line *line, const struct lease_bundle *lease, const char *name, const struct lease_field *field,
                      bool superseded, bool whole) {
    char title[128], words[LEASE_NOWHERE_SIZE];
    const enum report_tone tone = tone_of(field, superseded);
    const bool nowhere = !superseded && lease_model_nowhere(m, lease, name);
    const bool corrected = lease_model_corrected(field->review);
    const struct slice none = {.length = 0};
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
        add_unit(line, field, "");
    } else {
        report_line_cell(line, REPORT_TEXT, tone);
        report_lease_add_value(line, field);
    }
    report_line_cell(line, REPORT_TEXT, tone);
    if (superseded)
        report_line_add(line, "superseded");
    else if (!whole && nowhere)
        report_line_add(line, lease_model_nowhere_text(lease, words));
    else if (!whole && lease_model_status_is(field->field, "not_found"))
        report_line_add(line, "not found");
    else
        report_line_add_value(line, report_get(field->field, "/status"));
    if (whole) {
        report_line_value(line, corrected ? report_get(field->field, "/value") : none);
        report_line_text(line, "");
        report_lease_add_place(line, corrected ? field->field : none, "");
    }
    /* Its words prove what the analysis read there, not what a person put in its place. */
    report_lease_put_evidence(line, nowhere ? NULL : field->document, nowhere || corrected ? none : field->field, superseded ? REPORT_QUIET : REPORT_PLAIN);
    report_lease_put_review(line, field, whole);
    return report_line_tell(line, m->report);
}

static const struct reading {
    const char *pointer, *title, *status;
    enum report_tone tone;
} contradicting = {"/candidates", "  either", "candidate", REPORT_PLAIN}, elsewhere = {"/also", "  also", "also", REPORT_PLAIN},
  analysed = {"", "  the analysis has", "corrected", REPORT_QUIET};

/* A reading of the analysis, below the row that it is of. */
static bool put_reading(struct lease_model *m, struct report_line *line, const struct lease_bundle *lease, const char *name, const struct lease_field *field,
                        const struct reading *kind, bool whole) {
    const struct slice value = report_get(field->field, "/value");
    report_line_begin(line);
    if (whole) {
        report_line_text(line, lease->name);
        report_line_text(line, name);
    }
    report_line_cell(line, REPORT_TEXT, REPORT_QUIET);
    report_line_add(line, whole ? "" : kind->title);
    report_line_cell(line, !whole ? REPORT_TEXT : json_type(value) == JSON_NUMBER ? REPORT_NUMBER : REPORT_DATE, kind->tone);
    if (whole) {
        report_line_add_value(line, value);
        report_line_value(line, report_get(field->field, "/unit"));
    } else
        report_lease_add_value(line, field);
    report_line_cell(line, REPORT_TEXT, kind->tone);
    report_line_add(line, kind->status);
    if (whole) {
        report_line_text(line, "");
        report_line_text(line, "");
    }
    report_lease_put_evidence(line, field->document, field->field, kind->tone);
    return report_line_tell(line, m->report);
}

static bool put_each_reading(struct lease_model *m, struct report_line *line, const struct lease_bundle *lease, const char *name,
                             const struct lease_field *field, const struct reading *kind, bool whole) {
    const struct slice readings = report_get(field->field, kind->pointer);
    struct lease_field one = {.document = field->document};
    struct json_iter iter;
    struct slice key;
    bool good = true;
    if (json_type(readings) != JSON_ARRAY || !json_iter_init(&iter, readings))
        return true;
    while (good && json_iter_next(&iter, &key, &one.field))
        good = put_reading(m, line, lease, name, &one, kind, whole);
    return good;
}

/* What contradicts each other, and where else it was found; of a field that was corrected, on pages, what the analysis has. */
static bool put_readings(struct lease_model *m, struct report_line *line, const struct lease_bundle *lease, const char *name, const struct lease_field *field,
                         bool whole) {
    const struct lease_field analysis = {.document = field->document, .field = field->field};
    if (lease_model_corrected(field->review))
        return whole || !lease_model_speaks(&analysis) || put_reading(m, line, lease, name, &analysis, &analysed, false);
    return (field->review || put_each_reading(m, line, lease, name, field, &contradicting, whole)) &&
           put_each_reading(m, line, lease, name, field, &elsewhere, whole);
}

static bool put_all_of(struct lease_model *m, struct report_line *line, const struct lease_bundle *lease, const char *name, bool whole) {
    const struct lease_field holds = lease_model_field(m, lease, name);
    if (!holds.document)
        return true;
    bool good = put_field(m, line, lease, name, &holds, false, whole) && put_readings(m, line, lease, name, &holds, whole);
    for (size_t i = 0; good && i < lease->count; i++) {
        const struct lease_field older = lease_model_field_of(m, &lease->documents[i], name);
        if (older.document > holds.document && lease_model_speaks(&older) && older.field.length)
            good = put_field(m, line, lease, name, &older, true, whole);
    }
    return good;
}

bool report_lease_tell_fields(struct lease_model *m, const struct lease_bundle *lease) {
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
                                                {.title = "Where the analysis has it"},
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
                                       .column_count = lease ? 8 : 16,
                                       .columns = lease ? brief : full};
    struct report_line line;
    bool good = report_line_init(&line, table.column_count);
    report_table_begin(m->report, &table);
    for (size_t i = 0; i < m->lease_count; i++)
        for (size_t k = 0; good && k < m->field_count && (!lease || lease == &m->leases[i]); k++)
            good = put_all_of(m, &line, &m->leases[i], m->fields[k], !lease);
    if (report_wants(m->report, REPORT_CSV)) /* of a workbook the rows have sheets */
        good = good && report_lease_tell_cells(m, &line);
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
        const struct lease_bundle *lease = &m->leases[i];
        report_line_begin(&line);
        report_line_text(&line, lease->name);
        report_line_cell(&line, REPORT_NUMBER, REPORT_PLAIN);
        report_line_printf(&line, "%zu", lease->count);
        report_line_text(&line, lease->documents[0].name);
        report_line_value(&line, report_get(lease->documents[0].record, "/schema"));
        for (size_t k = 0; k < count; k++) {
            const struct lease_field field = lease_model_field(m, lease, m->fields[k]);
            report_line_cell(&line, REPORT_DATE, lease_model_found(&field) ? tone_of(&field, false) : REPORT_PLAIN); /* other texts are text */
            if (lease_model_found(&field))
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

/* Of a row what it is known by, of a note what it is about. */
static void put_need_name(struct report_line *line, const struct lease_need *need) {
    char title[128], pointer[40];
    report_line_text(line, report_lease_title(need->name, title));
    for (size_t i = 0; need->kind == LEASE_NEED_ROW && i < 2; i++) {
        const char *cell = lease_review_list(need->name)->same[i];
        str_format(pointer, sizeof pointer, "/%s", cell ? cell : "");
        const struct slice value = cell ? report_get(need->item, pointer) : (struct slice){.length = 0};
        if (value.length) {
            report_line_add(line, i ? ", " : ": ");
            report_line_add_value(line, value);
        }
    }
}

static void put_need_value(struct report_line *line, const struct lease_need *need) {
    const struct lease_list_form *list = need->kind == LEASE_NEED_ROW ? lease_review_list(need->name) : NULL;
    bool some = false;
    report_line_text(line, "");
    if (need->kind == LEASE_NEED_FIELD)
        report_lease_add_value(line, &need->held);
    else if (need->kind == LEASE_NEED_NOTE)
        report_line_add_value(line, need->item);
    for (const struct lease_cell *cell = list ? list->cells : NULL; cell && cell->name; cell++) {
        char pointer[40];
        str_format(pointer, sizeof pointer, "/%s", cell->name);
        const struct slice value = report_get(need->item, pointer);
        if (!value.length)
            continue;
        report_line_add(line, some ? "; " : "");
        report_line_add_value(line, value);
        some = true;
    }
}

struct telling {
    struct report *report;
    struct report_line *line;
};

static bool put_need(void *context, const struct lease_need *need) {
    const struct telling *t = context;
    report_line_begin(t->line);
    report_line_text(t->line, need->lease ? need->lease->name : "");
    put_need_name(t->line, need);
    report_line_cell(t->line, REPORT_TEXT, need->missing ? REPORT_QUIET : REPORT_BAD);
    report_line_add(t->line, need->why);
    put_need_value(t->line, need);
    if (need->nowhere)
        report_lease_put_evidence(t->line, NULL, (struct slice){.length = 0}, REPORT_PLAIN);
    else if (need->kind == LEASE_NEED_FIELD || need->kind == LEASE_NEED_ROW)
        report_lease_put_evidence(t->line, need->document, need->item, REPORT_PLAIN);
    else
        report_line_text(t->line, need->lost ? need->lost->name : need->document->name);
    return report_line_tell(t->line, t->report);
}

bool report_lease_tell_review(struct lease_model *m) {
    static const struct report_column columns[] = {
        {.title = "Lease", .width = 16},    {.title = "Field", .width = 16, .head = true}, {.title = "Why", .width = 19},   {.title = "Value", .width = 18},
        {.title = "Document", .width = 14}, {.title = "Page", .width = 6, .right = true},  {.title = "Quote", .width = 28}, {.title = "Verified", .width = 8}};
    const struct report_table table = {.title = "Review",
                                       .empty = "Nothing: all was found with a verified quote, or decided by a reviewer.",
                                       .formats = REPORT_XLSX | REPORT_HTML | REPORT_PDF,
                                       .untitled = true,
                                       .wide = true,
                                       .column_count = 8,
                                       .columns = columns};
    struct report_line line;
    struct telling t = {m->report, &line};
    bool good = report_line_init(&line, 8);
    report_table_begin(m->report, &table);
    good = good && lease_model_needs(m, put_need, &t);
    report_table_end(m->report);
    report_line_release(&line);
    return good;
}
