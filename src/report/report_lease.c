// SPDX-License-Identifier: Apache-2.0
#include "report/report_lease_internal.h"

#include "base/clock.h"
#include "base/json.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *report_lease_title(const char *name, char out[128]) {
    str_printable(out, 128, name, strlen(name));
    for (char *at = out; *at; at++)
        if (*at == '_')
            *at = ' ';
    out[0] = (char)toupper((unsigned char)out[0]);
    return out;
}

void report_lease_put_evidence(struct report_line *line, const struct lease_document *d, struct slice evidence, enum report_tone tone) {
    const enum json_type verified = json_type(report_get(evidence, "/quote_verified"));
    const struct slice document = report_get(evidence, "/document");
    report_line_cell(line, REPORT_TEXT, tone);
    if (document.length)
        report_line_add_value(line, document);
    else
        report_line_add(line, d ? d->name : "");
    report_line_cell(line, REPORT_NUMBER, tone);
    report_line_add_value(line, report_get(evidence, "/page"));
    report_line_cell(line, REPORT_TEXT, tone);
    report_line_add_value(line, report_get(evidence, "/quote"));
    report_line_cell(line, REPORT_TEXT, verified == JSON_FALSE ? REPORT_BAD : tone);
    report_line_add(line, verified == JSON_TRUE ? "yes" : verified == JSON_FALSE ? "no" : "");
}

void report_lease_add_place(struct report_line *line, struct slice evidence, const char *before) {
    const struct slice page = report_get(evidence, "/page"), quote = report_get(evidence, "/quote");
    report_line_add(line, page.length || quote.length ? before : "");
    if (page.length) {
        report_line_add(line, "page ");
        report_line_add_value(line, page);
        report_line_add(line, quote.length ? ": " : "");
    }
    if (quote.length) {
        report_line_add(line, "\"");
        report_line_add_value(line, quote);
        report_line_add(line, "\"");
    }
}

/* --- summary ------------------------------------------------------------------------------------------------------------ */

/* The first of these names that some document has: schemas name the same thing differently. */
static const char *known_field(const struct lease_model *m, const char *const *names) {
    for (; *names; names++)
        for (size_t i = 0; i < m->field_count; i++)
            if (strcmp(m->fields[i], *names) == 0)
                return m->fields[i];
    return NULL;
}

static bool tell_glance(struct lease_model *m) {
    static const char *const parties[] = {"tenant", "lessee", NULL}, *const landlords[] = {"landlord", "lessor", NULL},
                             *const places[] = {"premises", "property", "premises_address", "demised_premises", "address", NULL},
                             *const starts[] = {"commencement", "commencement_date", "term_start", "start_date", NULL},
                             *const ends[] = {"expiry", "expiry_date", "term_end", "end_date", "expiration_date", NULL};
    const char *names[] = {known_field(m, parties), known_field(m, landlords), known_field(m, places), known_field(m, starts), known_field(m, ends)};
    static const struct report_column columns[] = {{.title = "Lease", .width = 22, .head = true},
                                                   {.title = "Tenant", .width = 18},
                                                   {.title = "Landlord", .width = 18},
                                                   {.title = "Premises", .width = 24},
                                                   {.title = "From", .width = 11},
                                                   {.title = "To", .width = 11}};
    const struct report_table table = {.title = "Leases at a glance", .formats = REPORT_HTML | REPORT_PDF, .most = 10, .column_count = 6, .columns = columns};
    struct report_line line;
    bool good = report_line_init(&line, 6);
    report_table_begin(m->report, &table);
    for (size_t i = 0; good && i < m->lease_count; i++) {
        report_line_begin(&line);
        report_line_text(&line, m->leases[i].name);
        for (size_t k = 0; k < sizeof names / sizeof *names; k++) {
            report_line_text(&line, "");
            if (!names[k])
                continue;
            const struct lease_field field = lease_model_field(m, &m->leases[i], names[k]);
            if (lease_model_found(&field))
                report_lease_add_value(&line, &field);
        }
        good = report_line_tell(&line, m->report);
    }
    report_table_end(m->report);
    report_line_release(&line);
    return good;
}

static bool tell_summary(struct lease_model *m) {
    char leases[24], documents[40], review[24], checks[40], date[16] = "none", what[128] = "";
    const size_t open = lease_model_open(m), failed = report_lease_failed_checks(m);
    const bool next = report_lease_next_date(m, date, what);
    snprintf(leases, sizeof leases, "%zu", m->lease_count);
    snprintf(documents, sizeof documents, "of %zu document%s", m->count + m->input->lost_count, m->count + m->input->lost_count == 1 ? "" : "s");
    snprintf(review, sizeof review, "%zu", open);
    snprintf(checks, sizeof checks, "%zu", failed);
    const struct report_figure figures[] = {
        {.label = "Leases", .value = leases, .note = documents},
        {.label = "Next date", .value = date, .note = next ? what : "no date lies ahead"},
        {.label = "Needs review", .value = review, .note = open ? "decided by nobody yet" : "all is decided", .tone = open ? REPORT_MIDDLING : REPORT_GOOD},
        {.label = "Checks that failed",
         .value = checks,
         .note = failed ? "see each lease" : "of arithmetic and dates",
         .tone = failed ? REPORT_BAD : REPORT_GOOD}};
    report_figures(m->report, figures, 4);
    if (m->input->lost_count)
        report_text(m->report, REPORT_BAD, "%zu document%s could not be analysed; what needs review names %s.", m->input->lost_count,
                    m->input->lost_count == 1 ? "" : "s", m->input->lost_count == 1 ? "it" : "them");
    return tell_glance(m) && report_lease_tell_next(m, 12);
}

/* --- documents ---------------------------------------------------------------------------------------------------------- */

static bool tell_documents(struct lease_model *m, const struct lease_bundle *lease) {
    static const struct report_column columns[] = {{.title = "Lease", .width = 18},
                                                   {.title = "Document", .width = 22, .head = true},
                                                   {.title = "Type", .width = 11},
                                                   {.title = "Date", .width = 11},
                                                   {.title = "Supersedes", .width = 14},
                                                   {.title = "Pages", .width = 7, .right = true},
                                                   {.title = "Text by", .width = 9},
                                                   {.title = "Illegible pages", .width = 10},
                                                   {.title = "Missing schedules", .width = 13},
                                                   {.title = "Order of dates", .width = 10},
                                                   {.title = "Model", .width = 13},
                                                   {.title = "Prompt", .width = 8},
                                                   {.title = "Tokens", .width = 9, .right = true},
                                                   {.title = "SHA-256", .width = 16}};
    static const char *const pointers[] = {"/document/name",
                                           "/document/type",
                                           "/document/date",
                                           "/document/supersedes",
                                           "/document/pages",
                                           "/document/text_by",
                                           "/document/illegible_pages",
                                           "/document/missing_schedules",
                                           "/document/date_order",
                                           "/model",
                                           "/prompt_version",
                                           "/tokens/total",
                                           "/document/sha256"};
    const size_t skip = lease ? 1 : 0, count = lease ? 12 : 14; /* on pages without the lease, which the heading names, and the sum */
    const struct report_table table = {.title = "Documents",
                                       .formats = lease ? REPORT_HTML | REPORT_PDF : REPORT_XLSX,
                                       .wide = lease != NULL,
                                       .column_count = count,
                                       .columns = columns + skip};
    struct report_line line;
    bool good = report_line_init(&line, count);
    report_table_begin(m->report, &table);
    for (size_t i = 0; good && i < m->count; i++) {
        const struct lease_document *d = &m->documents[i];
        if (lease && strcmp(d->lease, lease->name) != 0)
            continue;
        report_line_begin(&line);
        if (!lease)
            report_line_text(&line, d->lease);
        for (size_t k = 0; k + 1 - skip < count; k++) {
            if (strcmp(pointers[k], "/document/date") == 0) {
                report_line_cell(&line, REPORT_DATE, REPORT_PLAIN);
                report_line_add(&line, d->date);
            } else
                report_line_value(&line, report_get(d->record, pointers[k]));
        }
        good = report_line_tell(&line, m->report);
    }
    report_table_end(m->report);
    report_line_release(&line);
    return good;
}

/* --- all of it ---------------------------------------------------------------------------------------------------------- */

static bool tell_lease(struct lease_model *m, const struct lease_bundle *lease) {
    report_page(m->report, true);
    report_heading(m->report, 1, "%s", lease->name);
    bool good = tell_documents(m, lease) && report_lease_tell_fields(m, lease);
    for (unsigned list = 0; good && list < LEASE_LISTS; list++)
        good = report_lease_tell_list(m, (enum lease_list)list, lease);
    return good && report_lease_tell_checks(m, lease);
}

static void tell_method(struct lease_model *m) {
    report_page(m->report, false);
    report_heading(m->report, 1, "Method");
    report_text(
        m->report, REPORT_PLAIN,
        "The text of each document was taken from its pages (column Text by), and a language model was asked for the fields of a fixed schema, each with the "
        "page and the words that it rests on. A quote counts as verified when these words are in the text of that page. Arithmetic and dates were checked by "
        "the program, not by the model. The order of day and month was made explicit: dates are year-month-day.");
    report_text(
        m->report, REPORT_PLAIN,
        "Of several documents of one lease the newest that speaks of a field holds; what older ones say is shown as superseded. A document without a date "
        "counts as the oldest. Corrections of a reviewer hold over the analysis; checks of arithmetic are made with them.");
    report_text(m->report, REPORT_PLAIN, "This is an abstract made by a machine. It is not legal advice and no substitute for reading the documents.%s",
                lease_model_draft(m) ? " It is a draft: not all that needs review was decided by a person." : "");
}

static bool tell(struct lease_model *m) {
    if (report_wants(m->report, REPORT_ICS)) {
        report_lease_tell_events(m);
        return true;
    }
    if (report_wants(m->report, REPORT_CSV))
        return report_lease_tell_fields(m, NULL);
    bool good = true;
    if (report_wants(m->report, REPORT_XLSX)) {
        good = report_lease_tell_sheet(m);
        for (unsigned list = 0; good && list < LEASE_LISTS; list++)
            good = report_lease_tell_list(m, (enum lease_list)list, NULL);
        good = good && report_lease_tell_review(m) && report_lease_tell_fields(m, NULL) && report_lease_tell_checks(m, NULL) && tell_documents(m, NULL);
        tell_method(m);
        return good;
    }
    good = tell_summary(m);
    report_page(m->report, true);
    report_heading(m->report, 1, "What needs review");
    good = good && report_lease_tell_review(m);
    for (size_t i = 0; good && i < m->lease_count; i++)
        good = tell_lease(m, &m->leases[i]);
    tell_method(m);
    return good;
}

enum rc report_lease_write(const struct report_lease *input, const struct report_job *job, const struct report_form *form, int fd, struct err *err) {
    struct lease_model m = {.input = input};
    char subtitle[200 + REPORT_UNFINISHED_SIZE], origin[200], unfinished[REPORT_UNFINISHED_SIZE], when[CLOCK_RFC3339_SIZE];
    clock_format_rfc3339(job->completed_us, 0, when);
    str_format(m.today, sizeof m.today, "%.10s", when);
    enum rc rc = lease_model_read(&m, form->bit == REPORT_CSV, err);
    snprintf(origin, sizeof origin, "Job %s", job->id);
    report_tell_unfinished(job, unfinished);
    snprintf(subtitle, sizeof subtitle, "Abstract of %zu lease%s from %zu document%s. Not legal advice.%s", m.lease_count, m.lease_count == 1 ? "" : "s",
             m.count, m.count == 1 ? "" : "s", unfinished);
    const struct report_head head = {.title = m.lease_count == 1 ? m.leases[0].name
                                              : job->name[0]     ? job->name
                                                                 : "Lease abstracts",
                                     .subtitle = subtitle,
                                     .origin = origin,
                                     .as_of_us = job->completed_us,
                                     .tmp_dir = job->tmp_dir,
                                     .draft = !rc && lease_model_draft(&m)};
    rc = rc ? rc : report_open(form, fd, &head, &m.report, err);
    if (!rc) {
        struct err memory = {0};
        if (!tell(&m))
            report_fail(m.report, err_set(&memory, RC_TEMP, "out of memory"), &memory);
        rc = report_close(m.report, err);
    }
    lease_model_release(&m);
    return rc;
}
