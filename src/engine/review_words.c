// SPDX-License-Identifier: Apache-2.0
#include "engine/review.h"

#include "base/json.h"
#include "base/str.h"
#include "helper/lease.h"
#include "report/lease_review.h"
#include "report/report_records.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A change held against the records and what was said before, and taken apart into words. Its form was checked (review_check.c). */

#define QUOTE_BYTES 4000u

struct making {
    const struct review_records *records;
    const cJSON *review;
    struct review_ask *ask;
    cJSON *words, *laid; /* laid: the record of the document that is looked at; NULL: it could not be analysed */
    const char *document;
    struct lease schema; /* of the document */
    struct err *err;
};

static const char *text_of(const cJSON *json, const char *name) {
    const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, name));
    return text ? text : "";
}

static const cJSON *member(const cJSON *json, const char *name) {
    return cJSON_GetObjectItemCaseSensitive(json, name);
}

/* pointer: names that the form check let pass, so that nothing is to be escaped. */
static enum rc refuse(const struct making *m, const char *pointer, const char *format, ...) __attribute__((format(printf, 3, 4)));
static enum rc refuse(const struct making *m, const char *pointer, const char *format, ...) {
    char text[400];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    str_copy(m->ask->pointer, sizeof m->ask->pointer, pointer);
    m->ask->why = REVIEW_WRONG;
    return err_set(m->err, RC_PERM, "%s", text);
}

/* --- what was said before ----------------------------------------------------------------------------------------------- */

static double seq_of(const cJSON *word) {
    const cJSON *seq = member(word, "seq"), *cell;
    double most = cJSON_IsNumber(seq) ? seq->valuedouble : 0;
    cJSON_ArrayForEach(cell, member(word, "cells")) most = fmax(most, seq_of(cell));
    return most;
}

static bool is_anothers(const cJSON *word, const char *reviewer) {
    return text_of(word, "reviewer")[0] && strcmp(text_of(word, "reviewer"), reviewer) != 0;
}

/* The first word, of a row or its cells, that another person said. */
static const cJSON *of_another(const cJSON *said, const char *reviewer) {
    const cJSON *cell;
    if (is_anothers(said, reviewer))
        return said;
    cJSON_ArrayForEach(cell, member(said, "cells")) if (of_another(cell, reviewer)) return cell;
    return NULL;
}

static bool says_the_same(const cJSON *word, const cJSON *said) {
    const cJSON *value = member(word, "value"), *before = member(said, "value");
    return strcmp(text_of(word, "decision"), text_of(said, "decision")) == 0 && !member(word, "values") &&
           (value ? cJSON_Compare(value, before, true) : !before);
}

/* said: what the word would replace; other: what another person said there. */
static enum rc check_conflict(const struct making *m, const char *pointer, const cJSON *word, const cJSON *said, const cJSON *other) {
    const cJSON *over = member(word, "over");
    if (over ? over->valuedouble == seq_of(said) : m->ask->match || m->ask->replace || !other || says_the_same(word, said))
        return RC_OK;
    other = other ? other : said;
    const enum rc rc = !other ? refuse(m, pointer, "what was said of it was taken back meanwhile; look at it again")
                              : refuse(m, pointer, "%.100s said \"%.40s\" of it at %.40s; look at it again", text_of(other, "reviewer"),
                                       text_of(other, "decision"), text_of(other, "at"));
    m->ask->why = REVIEW_CONFLICT;
    return rc;
}

/* --- words -------------------------------------------------------------------------------------------------------------- */

static cJSON *new_word(const struct making *m, const cJSON *word) {
    static const char *const kept[] = {"decision", "unit", "note"};
    cJSON *made = cJSON_CreateObject();
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++) {
        const cJSON *item = member(word, kept[i]);
        if (item && !cJSON_IsNull(item))
            cJSON_AddItemToObject(made, kept[i], cJSON_Duplicate(item, true));
    }
    if (cJSON_IsNull(word))
        cJSON_AddStringToObject(made, "decision", "withdrawn");
    cJSON_AddStringToObject(made, "document", m->document);
    return made;
}

/* shown: what the value is of. */
static enum rc fit(const struct making *m, const char *pointer, enum lease_type type, const cJSON *given, cJSON *made, const char *name, const char *shown) {
    struct err why = {0};
    cJSON *value = cJSON_Duplicate(given, true);
    const enum rc rc = value ? lease_review_fit(type, &value, &why) : err_set(&why, RC_TEMP, "out of memory");
    if (!rc) {
        cJSON_AddItemToObject(made, name, value);
        return RC_OK;
    }
    cJSON_Delete(value);
    return rc == RC_PERM ? refuse(m, pointer, "%s %s", shown, why.text) : err_set(m->err, rc, "%s", why.text);
}

/* --- fields ------------------------------------------------------------------------------------------------------------- */

/* What the analysis has there; of a conflict what the first candidate has. */
static const cJSON *value_in(const cJSON *field) {
    const cJSON *value = member(field, "value"), *candidates = member(field, "candidates");
    return (!value || cJSON_IsNull(value)) && cJSON_IsArray(candidates) && candidates->child ? member(candidates->child, "value") : value;
}

enum lease_type review_type(const cJSON *schema, const cJSON *record, const char *name) {
    const cJSON *value = value_in(member(member(record, "fields"), name));
    const char *ref = text_of(member(member(member(member(schema, "properties"), "fields"), "properties"), name), "$ref");
    if (str_ends(ref, "/date"))
        return LEASE_DATE;
    if (cJSON_IsNumber(value) || (str_ends(ref, "/number") && !cJSON_IsString(value)))
        return LEASE_NUMBER;
    if (cJSON_IsBool(value) || (str_ends(ref, "/boolean") && !cJSON_IsString(value)))
        return LEASE_BOOLEAN;
    cJSON *copy = cJSON_IsString(value) ? cJSON_Duplicate(value, false) : NULL;
    const bool date = copy && lease_review_fit(LEASE_DATE, &copy, NULL) == RC_OK;
    cJSON_Delete(copy);
    return date ? LEASE_DATE : cJSON_IsString(value) || str_ends(ref, "/text") ? LEASE_TEXT : LEASE_ANY;
}

/* A check that failed, pages, schedules, a document that could not be analysed: they can be looked at, not corrected. *was: the text of a check. */
static bool is_note(const struct making *m, const char *name, const char **was) {
    static const char *const notes[] = {"illegible_pages", "damaged_pages", "missing_schedules"};
    const cJSON *check;
    *was = NULL;
    for (size_t i = 0; m->laid && i < sizeof notes / sizeof *notes; i++)
        if (strcmp(name, notes[i]) == 0)
            return cJSON_GetArraySize(member(member(m->laid, "document"), name)) > 0;
    for (size_t i = 0; !m->laid && i < m->records->lost.count; i++)
        if (m->records->lost.list[i].sha256 && strcmp(m->records->lost.list[i].sha256, m->document) == 0)
            return strcmp(name, "not_analysed") == 0;
    cJSON_ArrayForEach(check, member(m->laid, "checks")) if (str_starts(name, "check_") && strcmp(text_of(check, "id"), name + 6) == 0) *was =
        text_of(check, "text");
    return *was != NULL;
}

static enum rc make_field(struct making *m, const cJSON *word) {
    char pointer[REVIEW_POINTER_SIZE];
    const char *name = word->string, *was = NULL;
    const bool known = member(member(m->laid, "fields"), name) != NULL, note = !known && is_note(m, name, &was);
    const cJSON *said = member(member(member(m->review, "fields"), m->document), name), *value = member(word, "value");
    str_format(pointer, sizeof pointer, "/fields/%s/%s", m->document, name);
    if (!known && !note && !(cJSON_IsNull(word) && said))
        return refuse(m, pointer, "the analysis of this document has no field \"%s\"", name);
    if (note && value)
        return refuse(m, pointer, "%s can be confirmed, not corrected", name);
    enum rc rc = check_conflict(m, pointer, word, said, of_another(said, m->ask->reviewer));
    if (rc)
        return rc;
    cJSON *made = new_word(m, word);
    cJSON_AddStringToObject(made, "field", name);
    if (was && cJSON_IsObject(word))
        cJSON_AddStringToObject(made, "was", was);
    str_format(pointer, sizeof pointer, "/fields/%s/%s/value", m->document, name);
    rc = value ? fit(m, pointer, review_type(m->schema.json, m->laid, name), value, made, "value", name) : RC_OK;
    if (!rc && member(made, "unit") && !value)
        rc = refuse(m, pointer, "a unit goes with a corrected value");
    cJSON_AddItemToArray(m->words, made);
    return rc;
}

/* --- rows --------------------------------------------------------------------------------------------------------------- */

static bool is_corrected(const cJSON *word) {
    return strcmp(text_of(word, "decision"), "corrected") == 0;
}

static const cJSON *row_in(const cJSON *rows, const char *id) {
    const cJSON *row;
    cJSON_ArrayForEach(row, rows) if (strcmp(text_of(row, "row"), id) == 0) return row;
    return NULL;
}

static const cJSON *row_of(const struct making *m, const struct lease_list_form *list, const char *id) {
    const cJSON *row = row_in(member(m->laid, list->name), id);
    return row ? row : row_in(member(member(m->laid, "removed"), list->name), id);
}

static cJSON *row_word(const struct making *m, const cJSON *word, const char *list, const char *row) {
    cJSON *made = new_word(m, word);
    cJSON_AddStringToObject(made, "list", list);
    cJSON_AddStringToObject(made, "row", row);
    cJSON_AddItemToArray(m->words, made);
    return made;
}

static const char *const spans[][2] = {{"from", "to"}, {"window_from", "window_to"}}; /* cells of one row: where something begins and ends */

static enum rc check_span(const struct making *m, const char *pointer, const cJSON *row, const char *const span[2]) {
    const char *from = text_of(row, span[0]), *to = text_of(row, span[1]);
    return !*to || strcmp(from, to) <= 0 ? RC_OK : refuse(m, pointer, "the row ends (%s) before it begins (%s)", to, from);
}

/* As its cells are with these words: a correction must not end a row before it begins. What is taken back may, it is what the analysis has. */
static enum rc check_corrected(const struct making *m, const struct lease_list_form *list, const cJSON *before, const cJSON *word) {
    char pointer[REVIEW_POINTER_SIZE];
    const cJSON *said;
    cJSON *row = cJSON_Duplicate(before, true);
    enum rc rc = row ? RC_OK : err_set(m->err, RC_TEMP, "out of memory");
    cJSON_ArrayForEach(said, member(word, "cells")) {
        const cJSON *was = member(member(member(member(before, "review"), "cells"), said->string), "was"),
                    *is = is_corrected(said) ? member(said, "value") : was;
        if (!is)
            continue;
        cJSON_DeleteItemFromObjectCaseSensitive(row, said->string);
        cJSON_AddItemToObject(row, said->string, cJSON_Duplicate(is, true));
    }
    for (size_t i = 0; i < 2 * (sizeof spans / sizeof *spans) && !rc; i++) {
        const char *const *span = spans[i / 2];
        str_format(pointer, sizeof pointer, "/rows/%s/%s/%s/cells/%s/value", m->document, list->name, word->string, span[i % 2]);
        if (is_corrected(member(member(word, "cells"), span[i % 2])))
            rc = check_span(m, pointer, row, span);
    }
    cJSON_Delete(row);
    return rc;
}

/* Of a cell that nobody spoke of, the word on its row holds. */
static enum rc make_cell(const struct making *m, const struct lease_list_form *list, const char *row, const cJSON *word, const cJSON *said, bool with_row) {
    char pointer[REVIEW_POINTER_SIZE];
    const struct lease_cell *cell = lease_review_cell(list, word->string);
    const cJSON *before = member(member(said, "cells"), word->string), *value = member(word, "value");
    str_format(pointer, sizeof pointer, "/rows/%s/%s/%s/cells/%s", m->document, list->name, row, word->string);
    if (!cell)
        return refuse(m, pointer, "rows of %s have no \"%s\"", list->name, word->string);
    const cJSON *holds = before ? before : said, *other = holds && is_anothers(holds, m->ask->reviewer) ? holds : NULL;
    enum rc rc = with_row ? RC_OK : check_conflict(m, pointer, word, before, other);
    if (rc)
        return rc;
    cJSON *made = row_word(m, word, list->name, row);
    cJSON_AddStringToObject(made, "cell", word->string);
    str_format(pointer, sizeof pointer, "/rows/%s/%s/%s/cells/%s/value", m->document, list->name, row, word->string);
    return value ? fit(m, pointer, cell->type, value, made, "value", cell->name) : RC_OK;
}

static enum rc make_values(const struct making *m, const struct lease_list_form *list, const char *row, const cJSON *values, cJSON *made) {
    char pointer[REVIEW_POINTER_SIZE];
    cJSON *out = cJSON_AddObjectToObject(made, "values");
    const cJSON *value, *pages = member(member(m->laid, "document"), "pages");
    bool some = false;
    enum rc rc = RC_OK;
    cJSON_ArrayForEach(value, values) {
        const struct lease_cell *cell = lease_review_cell(list, value->string);
        const bool page = strcmp(value->string, "page") == 0, quote = strcmp(value->string, "quote") == 0;
        str_format(pointer, sizeof pointer, "/rows/%s/%s/%s/values/%.64s", m->document, list->name, row, value->string);
        if (!cell && !page && !quote)
            return refuse(m, pointer, "rows of %s have no \"%.64s\"", list->name, value->string);
        rc = fit(m, pointer, cell ? cell->type : page ? LEASE_NUMBER : LEASE_TEXT, value, out, value->string, value->string);
        if (rc)
            return rc;
        const cJSON *taken = member(out, value->string);
        const double number = cJSON_IsNumber(taken) ? taken->valuedouble : 1;
        if (page && (number < 1 || number != floor(number) || (cJSON_IsNumber(pages) && number > pages->valuedouble)))
            return refuse(m, pointer, "page must be one of the document's pages");
        if (quote && cJSON_IsString(taken) && strlen(taken->valuestring) > QUOTE_BYTES)
            return refuse(m, pointer, "quote is too long");
        some = some || (cell && !cJSON_IsNull(value));
    }
    str_format(pointer, sizeof pointer, "/rows/%s/%s/%s/values", m->document, list->name, row);
    for (size_t i = 0; i < sizeof spans / sizeof *spans; i++)
        if ((rc = check_span(m, pointer, out, spans[i])) != RC_OK)
            return rc;
    return some ? RC_OK : refuse(m, pointer, "a row that is added must say something");
}

static enum rc check_row(const struct making *m, const struct lease_list_form *list, const cJSON *word, const cJSON *said, const char *pointer) {
    const char *id = word->string, *decision = text_of(word, "decision");
    const bool there = row_of(m, list, id) != NULL;
    const bool added = strcmp(text_of(said, "decision"), "added") == 0;
    if (strcmp(decision, "added") == 0)
        return id[0] == 'a' && strlen(id) <= REVIEW_ROW_MOST ? RC_OK
                                                             : refuse(m, pointer, "the id of a row that is added begins with \"a\" and has at most 32 letters");
    if (!there && !(cJSON_IsNull(word) && said))
        return refuse(m, pointer, "the analysis of this document has no row \"%s\" of %s", id, list->name);
    if (added && decision[0])
        return refuse(m, pointer, "%s added this row: correct its cells, or take it back", text_of(said, "reviewer"));
    return RC_OK;
}

static enum rc make_row(struct making *m, const struct lease_list_form *list, const cJSON *word) {
    char pointer[REVIEW_POINTER_SIZE];
    const cJSON *said = member(member(member(member(m->review, "rows"), m->document), list->name), word->string), *cell;
    const bool whole = cJSON_IsNull(word) || member(word, "decision");
    str_format(pointer, sizeof pointer, "/rows/%s/%s/%s", m->document, list->name, word->string);
    enum rc rc = check_row(m, list, word, said, pointer);
    if (!rc && (whole || member(word, "over")))
        rc = check_conflict(m, pointer, word, said, of_another(said, m->ask->reviewer));
    if (rc)
        return rc;
    if (whole) {
        cJSON *made = row_word(m, word, list->name, word->string);
        if (member(word, "values"))
            rc = make_values(m, list, word->string, member(word, "values"), made);
    }
    cJSON_ArrayForEach(cell, member(word, "cells")) {
        rc = rc ? rc : make_cell(m, list, word->string, cell, said, member(word, "over") != NULL);
    }
    const cJSON *values = member(word, "values"), *row = values ? values : row_of(m, list, word->string);
    return !rc && row ? check_corrected(m, list, row, word) : rc;
}

/* --- documents ---------------------------------------------------------------------------------------------------------- */

static enum rc open_document(struct making *m, const char *part, const char *sha256) {
    char pointer[REVIEW_POINTER_SIZE];
    struct slice record;
    size_t at = 0;
    enum rc rc = RC_OK;
    m->document = sha256;
    while (!m->laid && report_records_next(&m->records->input.records, &at, &record)) {
        char *sum = report_get_text(record, "/document/sha256");
        if (sum && strcmp(sum, sha256) == 0)
            rc = lease_review_lay(record, m->review, &m->laid, m->err);
        free(sum);
        if (rc)
            return rc;
    }
    for (size_t i = 0; !m->laid && i < m->records->lost.count; i++)
        if (m->records->lost.list[i].sha256 && strcmp(m->records->lost.list[i].sha256, sha256) == 0)
            return RC_OK;
    str_format(pointer, sizeof pointer, "/%s/%s", part, sha256);
    if (!m->laid)
        return refuse(m, pointer, "the job has no analysis of a document %.12s…", sha256);
    struct err ignored = {0};
    (void)lease_open(NULL, text_of(m->laid, "schema"), &m->schema, &ignored);
    return RC_OK;
}

static void close_document(struct making *m) {
    cJSON_Delete(m->laid);
    lease_release(&m->schema);
    m->laid = NULL;
}

static enum rc make_fields(struct making *m, const cJSON *fields) {
    const cJSON *word;
    enum rc rc = open_document(m, "fields", fields->string);
    cJSON_ArrayForEach(word, fields) {
        rc = rc ? rc : make_field(m, word);
    }
    close_document(m);
    return rc;
}

static enum rc make_rows(struct making *m, const cJSON *lists) {
    const cJSON *list, *word;
    enum rc rc = open_document(m, "rows", lists->string);
    cJSON_ArrayForEach(list, lists) {
        for (word = list->child; word && !rc; word = word->next)
            rc = make_row(m, lease_review_list(list->string), word);
    }
    close_document(m);
    return rc;
}

enum rc review_words(const struct review_records *records, const cJSON *review, struct review_ask *ask, cJSON **words, struct err *err) {
    struct making m = {.records = records, .review = review, .ask = ask, .words = cJSON_CreateArray(), .err = err};
    const cJSON *document, *reviewed = member(ask->change, "reviewed");
    enum rc rc = m.words ? RC_OK : err_set(err, RC_TEMP, "out of memory");
    cJSON_ArrayForEach(document, member(ask->change, "fields")) {
        rc = rc ? rc : make_fields(&m, document);
    }
    cJSON_ArrayForEach(document, member(ask->change, "rows")) {
        rc = rc ? rc : make_rows(&m, document);
    }
    if (!rc && reviewed) {
        cJSON *word = cJSON_CreateObject();
        cJSON_AddBoolToObject(word, "reviewed", cJSON_IsTrue(reviewed));
        cJSON_AddItemToArray(m.words, word);
    }
    *words = m.words;
    return rc;
}
