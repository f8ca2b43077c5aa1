// SPDX-License-Identifier: Apache-2.0
#include "report/lease_model.h"

#include "base/json.h"

#include <stdlib.h>
#include <string.h>

/* What needs review, and what is decided: docs/REPORTS.md says the same in words. */

struct walk {
    const struct lease_model *m;
    lease_need_seen *seen;
    void *context;
    enum lease_list list;
};

static const cJSON *word_on(const struct lease_model *m, const char *sha256, const char *name) {
    const cJSON *fields = cJSON_GetObjectItemCaseSensitive(m->input->review, "fields");
    return sha256 ? cJSON_GetObjectItemCaseSensitive(cJSON_GetObjectItemCaseSensitive(fields, sha256), name) : NULL;
}

static const char *doubt_of(struct slice item) {
    if (json_type(report_get(item, "/quote_verified")) == JSON_FALSE)
        return "the quote is not in the text of that page";
    if (!report_get(item, "/page").length || !report_get(item, "/quote").length)
        return "without page and quote";
    return NULL;
}

/* --- fields ------------------------------------------------------------------------------------------------------------- */

/* Why, or NULL: it does not, or somebody has looked. */
static const char *field_doubt(const struct lease_field *field) {
    if (!field->document || field->review || lease_model_status_is(field->field, "n/a"))
        return NULL;
    if (lease_model_status_is(field->field, "conflict"))
        return "the documents contradict each other";
    return lease_model_status_is(field->field, "not_found") ? "not found" : doubt_of(field->field);
}

static bool each_field(const struct walk *w, bool missing) {
    for (size_t i = 0; i < w->m->lease_count; i++)
        for (size_t k = 0; k < w->m->field_count; k++) {
            const struct lease_field field = lease_model_field(w->m, &w->m->leases[i], w->m->fields[k]);
            const char *why = field_doubt(&field);
            char text[LEASE_NOWHERE_SIZE];
            if (!why || missing != lease_model_status_is(field.field, "not_found"))
                continue;
            const bool nowhere = missing && lease_model_nowhere(w->m, &w->m->leases[i], w->m->fields[k]);
            const struct lease_need need = {.kind = LEASE_NEED_FIELD,
                                            .lease = &w->m->leases[i],
                                            .document = field.document,
                                            .name = w->m->fields[k],
                                            .item = field.field,
                                            .why = nowhere ? lease_model_nowhere_text(&w->m->leases[i], text) : why,
                                            .missing = missing,
                                            .nowhere = nowhere,
                                            .held = field};
            if (!w->seen(w->context, &need))
                return false;
        }
    return true;
}

/* --- rows --------------------------------------------------------------------------------------------------------------- */

/* A word on the row, or one on each of its cells that has a value. */
static bool row_decided(struct slice row, const struct lease_list_form *list) {
    const struct slice review = report_get(row, "/review");
    if (report_get(review, "/decision").length)
        return true;
    bool some = false;
    for (const struct lease_cell *cell = list->cells; cell->name; cell++) {
        char value[40], word[64];
        str_format(value, sizeof value, "/%s", cell->name);
        str_format(word, sizeof word, "/cells/%s", cell->name);
        const bool said = report_get(review, word).length > 0;
        if (!said && report_get(row, value).length)
            return false;
        some = some || said;
    }
    return some;
}

static bool see_row(void *context, const struct lease_bundle *lease, size_t document, struct slice row, enum lease_holds holds) {
    const struct walk *w = context;
    const bool decided = lease->documents[document].laid && row_decided(row, &lease_lists[w->list]); /* not by what a record says of itself */
    const char *why = holds == LEASE_HOLDS && !decided ? doubt_of(row) : NULL;
    const struct lease_need need = {
        .kind = LEASE_NEED_ROW, .lease = lease, .document = &lease->documents[document], .name = lease_lists[w->list].name, .item = row, .why = why};
    return !why || w->seen(w->context, &need);
}

static bool each_row(struct walk *w) {
    for (size_t i = 0; i < w->m->lease_count; i++)
        for (unsigned list = 0; list < LEASE_LISTS; list++) {
            w->list = (enum lease_list)list;
            if (!lease_model_rows(&w->m->leases[i], w->list, see_row, w))
                return false;
        }
    return true;
}

/* --- checks ------------------------------------------------------------------------------------------------------------- */

/* What a person has looked at is the check as it was then: one that fails in another way since needs another look. The check of quotes says what fields and
 * rows say, so it is decided with them. */
static bool check_open(const struct lease_model *m, const struct lease_document *d, struct slice check, const char *name) {
    char *text = report_get_text(check, "/text");
    const cJSON *word = word_on(m, d->sha256, name);
    const bool open = text && (!word || strcmp(lease_model_said(word, "was"), text) != 0);
    free(text);
    return open && strcmp(name, "check_quotes") != 0;
}

static bool each_check_of(const struct walk *w, const struct lease_bundle *lease, const struct lease_document *d) {
    const struct slice checks = report_get(d->record, "/checks");
    struct json_iter iter;
    struct slice member, check;
    bool good = true;
    if (json_type(checks) != JSON_ARRAY || !json_iter_init(&iter, checks))
        return true;
    while (good && json_iter_next(&iter, &member, &check)) {
        char *id = report_get_text(check, "/id"), name[128], *why = NULL;
        if (!id)
            return false;
        if (lease_model_check_is(check, "failed") && str_format(name, sizeof name, "check_%s", id) && check_open(w->m, d, check, name)) {
            why = report_get_text(check, "/text");
            const struct lease_need need = {.kind = LEASE_NEED_CHECK, .lease = lease, .document = d, .name = name, .item = check, .why = why};
            good = why && w->seen(w->context, &need);
        }
        free(why);
        free(id);
    }
    return good;
}

static bool each_check(const struct walk *w) {
    for (size_t i = 0; i < w->m->lease_count; i++)
        for (size_t k = 0; k < w->m->leases[i].count; k++)
            if (!each_check_of(w, &w->m->leases[i], &w->m->leases[i].documents[k]))
                return false;
    return true;
}

/* --- documents ---------------------------------------------------------------------------------------------------------- */

/* Lost ones, pages that cannot be read, schedules that are not there. */
static bool each_note(const struct walk *w) {
    static const struct {
        const char *pointer, *name, *why;
    } kinds[] = {{"/document/illegible_pages", "illegible_pages", "pages cannot be read"},
                 {"/document/damaged_pages", "damaged_pages", "pages are damaged"},
                 {"/document/missing_schedules", "missing_schedules", "schedules are named, but not there"}};
    for (size_t i = 0; i < w->m->input->lost_count; i++) {
        const struct report_lost *lost = &w->m->input->lost[i];
        const struct lease_need need = {.kind = LEASE_NEED_NOTE, .lost = lost, .name = "not_analysed", .why = lost->error};
        if (!word_on(w->m, lost->sha256, "not_analysed") && !w->seen(w->context, &need))
            return false;
    }
    for (size_t i = 0; i < w->m->lease_count; i++)
        for (size_t j = 0; j < w->m->leases[i].count; j++)
            for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
                const struct lease_document *d = &w->m->leases[i].documents[j];
                const struct slice list = report_get(d->record, kinds[k].pointer);
                if (json_type(list) != JSON_ARRAY || !json_count(list) || word_on(w->m, d->sha256, kinds[k].name))
                    continue;
                const struct lease_need need = {
                    .kind = LEASE_NEED_NOTE, .lease = &w->m->leases[i], .document = d, .name = kinds[k].name, .item = list, .why = kinds[k].why};
                if (!w->seen(w->context, &need))
                    return false;
            }
    return true;
}

/* --- the whole ---------------------------------------------------------------------------------------------------------- */

bool lease_model_needs(const struct lease_model *m, lease_need_seen *seen, void *context) {
    struct walk w = {.m = m, .seen = seen, .context = context};
    return each_note(&w) && each_field(&w, false) && each_row(&w) && each_check(&w) && each_field(&w, true);
}

/* A document that the job has no sum of can only be told, not decided. */
static bool count_need(void *context, const struct lease_need *need) {
    *(size_t *)context += !need->lost || need->lost->sha256;
    return true;
}

size_t lease_model_open(const struct lease_model *m) {
    size_t count = 0;
    (void)lease_model_needs(m, count_need, &count);
    return count;
}

bool lease_model_draft(const struct lease_model *m) {
    const char *declared = lease_model_said(m->input->review, "declared");
    const cJSON *fields = cJSON_GetObjectItemCaseSensitive(m->input->review, "fields"), *rows = cJSON_GetObjectItemCaseSensitive(m->input->review, "rows");
    const bool said = (fields && fields->child) || (rows && rows->child) || strcmp(declared, "done") == 0;
    return !said || strcmp(declared, "reopened") == 0 || lease_model_open(m) > 0;
}
