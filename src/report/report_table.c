// SPDX-License-Identifier: Apache-2.0
#include "report/report_table.h"

#include "base/json.h"
#include "report/csv.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HTML_COLUMNS 40u
#define PDF_COLUMNS 9u
#define HTML_ROWS 2000u
#define PDF_ROWS 200u
#define EXAMPLE_BYTES 120u

struct profile { /* of a column */
    uint64_t filled, numbers, arrays;
    size_t length; /* of its texts, all together */
    char example[EXAMPLE_BYTES];
};

struct table {
    struct report *report;
    const struct report_records *records;
    struct csv csv;
    struct profile *profiles;
    struct slice *json;
    struct report_cell *cells, *chosen_cells;
    struct report_values values;
    struct report_column *columns;
    size_t *chosen, chosen_count; /* of the columns, what this format has */
};

/* --- looking ------------------------------------------------------------------------------------------------------------ */

/* The words that a name is made of: "ZipFive", "zip_code" and "address.zip" have "zip". */
static bool has_word(const char *name, const char *word) {
    const size_t length = strlen(word);
    for (const char *at = name; *at; at++) {
        const char before = at > name ? at[-1] : '.', after = at[0] ? at[length < strlen(at) ? length : strlen(at)] : '\0';
        const bool begins = !isalnum((unsigned char)before) || (isupper((unsigned char)*at) && islower((unsigned char)before));
        const bool ends = !islower((unsigned char)after);
        if (begins && ends && strncasecmp(at, word, length) == 0)
            return true;
    }
    return false;
}

static bool is_code(const char *name) {
    static const char *const words[] = {"zip", "zipcode", "postal", "postcode", "postalcode", "apn", "parcel", "fips", "phone", "mobile", "fax", "id", "key"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (has_word(name, words[i]))
            return true;
    return false;
}

static enum rc learn(struct table *t, struct err *err) {
    struct slice record;
    size_t at = 0;
    enum rc rc = RC_OK;
    while (!rc && report_records_next(t->records, &at, &record))
        rc = csv_columns_learn(&t->csv, record, err);
    if (rc)
        return rc;
    const size_t count = t->csv.count + 1;
    t->profiles = calloc(count, sizeof *t->profiles);
    t->json = calloc(count, sizeof *t->json);
    t->cells = calloc(count, sizeof *t->cells);
    t->chosen_cells = calloc(count, sizeof *t->chosen_cells);
    t->columns = calloc(count, sizeof *t->columns);
    t->chosen = calloc(count, sizeof *t->chosen);
    if (!t->profiles || !t->json || !t->cells || !t->chosen_cells || !t->columns || !t->chosen)
        return err_set(err, RC_TEMP, "out of memory");
    for (size_t i = 0; i < t->csv.count; i++)
        t->csv.columns[i].as_text = is_code(t->csv.columns[i].name);
    return RC_OK;
}

static enum rc read_cells(struct table *t, struct slice record) {
    csv_values(&t->csv, record, t->json);
    const enum rc rc = report_values_cells(&t->values, t->json, t->csv.count, t->cells);
    for (size_t i = 0; !rc && i < t->csv.count; i++)
        if (t->csv.columns[i].as_text)
            t->cells[i].kind = REPORT_TEXT;
    return rc;
}

static enum rc look(struct table *t, struct err *err) {
    struct slice record;
    size_t at = 0;
    while (report_records_next(t->records, &at, &record)) {
        if (read_cells(t, record))
            return err_set(err, RC_TEMP, "out of memory");
        for (size_t i = 0; i < t->csv.count; i++) {
            struct profile *profile = &t->profiles[i];
            const struct report_cell *cell = &t->cells[i];
            if (!cell->text.length)
                continue;
            if (!profile->filled++)
                str_printable(profile->example, sizeof profile->example, cell->text.data, cell->text.length);
            profile->numbers += cell->kind == REPORT_NUMBER;
            profile->arrays += json_type(t->json[i]) == JSON_ARRAY;
            profile->length += cell->text.length < 60 ? cell->text.length : 60;
        }
    }
    return RC_OK;
}

/* --- what is shown ------------------------------------------------------------------------------------------------------ */

static unsigned width_of(const struct table *t, size_t column) {
    const struct profile *profile = &t->profiles[column];
    const size_t mean = profile->filled ? profile->length / profile->filled : 4, title = strlen(t->csv.columns[column].name);
    const size_t width = mean + 3 > title ? mean + 3 : (mean + 3 + title) / 2;
    return (unsigned)(width < 6 ? 6 : width > 34 ? 34 : width);
}

/* Those that most records have, lists last, in their order. */
static void choose(struct table *t, size_t most) {
    for (size_t i = 0; i < t->csv.count; i++) {
        const struct profile *profile = &t->profiles[i];
        size_t better = 0;
        for (size_t k = 0; k < t->csv.count && most < t->csv.count; k++) {
            const struct profile *other = &t->profiles[k];
            const bool worse = profile->arrays != other->arrays   ? profile->arrays > other->arrays
                               : other->filled != profile->filled ? other->filled > profile->filled
                                                                  : k < i;
            better += worse;
        }
        if (better < most)
            t->chosen[t->chosen_count++] = i;
    }
    for (size_t i = 0; i < t->chosen_count; i++) {
        const struct profile *profile = &t->profiles[t->chosen[i]];
        t->columns[i] = (struct report_column){.title = t->csv.columns[t->chosen[i]].name,
                                               .width = width_of(t, t->chosen[i]),
                                               .right = profile->filled && profile->numbers == profile->filled,
                                               .head = i == 0 && !profile->numbers};
    }
}

static void tell_profile(struct table *t) {
    static const struct report_column columns[] = {{.title = "Column", .width = 24, .head = true},
                                                   {.title = "Filled", .width = 9, .right = true},
                                                   {.title = "Share", .width = 8, .right = true},
                                                   {.title = "Example", .width = 46}};
    const struct report_table table = {.title = "What is in which column",
                                       .sheet = "Columns",
                                       .formats = REPORT_XLSX | REPORT_HTML | REPORT_PDF,
                                       .most = 400,
                                       .column_count = 4,
                                       .columns = columns};
    report_table_begin(t->report, &table);
    for (size_t i = 0; i < t->csv.count; i++) {
        const struct profile *profile = &t->profiles[i];
        char filled[24], share[24];
        snprintf(filled, sizeof filled, "%llu", (unsigned long long)profile->filled);
        snprintf(share, sizeof share, "%.1f%%", t->records->count ? 100.0 * (double)profile->filled / (double)t->records->count : 0.0);
        const struct report_cell cells[] = {report_cell_text(t->csv.columns[i].name), report_cell_of(REPORT_NUMBER, slice_of(filled), REPORT_PLAIN),
                                            report_cell_text(share), report_cell_text(profile->example)};
        report_row(t->report, cells);
    }
    report_table_end(t->report);
}

static void tell_rows(struct table *t, struct err *err) {
    const bool pages = report_wants(t->report, REPORT_PDF);
    const struct report_table table = {.title = "Records",
                                       .formats = REPORT_XLSX | REPORT_HTML | REPORT_PDF | REPORT_CSV,
                                       .most = pages ? PDF_ROWS : HTML_ROWS,
                                       .wide = true,
                                       .column_count = t->chosen_count,
                                       .columns = t->columns};
    struct slice record;
    uint64_t row = 0;
    size_t at = 0;
    report_table_begin(t->report, &table);
    while (!report_failed(t->report) && report_records_next(t->records, &at, &record)) {
        const bool shown = report_wants(t->report, REPORT_XLSX | REPORT_CSV) || row < table.most;
        row++;
        if (shown && read_cells(t, record)) {
            report_fail(t->report, err_set(err, RC_TEMP, "out of memory"), err);
            return;
        }
        for (size_t i = 0; i < t->chosen_count; i++)
            t->chosen_cells[i] = t->cells[t->chosen[i]];
        report_row(t->report, t->chosen_cells);
    }
    report_table_end(t->report);
}

static void tell(struct table *t, const struct report_job *job, struct err *err) {
    char records[24], columns[24], failed[24];
    snprintf(records, sizeof records, "%llu", (unsigned long long)t->records->count);
    snprintf(columns, sizeof columns, "%zu", t->csv.count);
    snprintf(failed, sizeof failed, "%llu", (unsigned long long)job->failed_units);
    const struct report_figure figures[] = {{.label = "Records", .value = records},
                                            {.label = "Columns", .value = columns},
                                            {.label = "Source", .value = job->source},
                                            {.label = "Campaign", .value = job->campaign[0] ? job->campaign : "none"}};
    report_figures(t->report, figures, 4);
    if (job->failed_units)
        report_text(t->report, REPORT_BAD, "%s parts of the job failed for good; their records are not here.", failed);
    const bool first = report_wants(t->report, REPORT_XLSX); /* the sheet that opens is that of the records */
    if (first)
        tell_rows(t, err);
    if (!report_wants(t->report, REPORT_XLSX | REPORT_CSV))
        report_heading(t->report, 1, "Columns");
    tell_profile(t);
    if (first)
        return;
    if (t->chosen_count < t->csv.count && !report_wants(t->report, REPORT_CSV))
        report_text(t->report, REPORT_QUIET, "Below are the %zu columns that are filled most, of %zu. The spreadsheet and the CSV file have all of them.",
                    t->chosen_count, t->csv.count);
    tell_rows(t, err);
}

static void release(struct table *t) {
    csv_release(&t->csv);
    report_values_release(&t->values);
    free(t->profiles);
    free(t->json);
    free(t->cells);
    free(t->chosen_cells);
    free(t->columns);
    free(t->chosen);
}

enum rc report_table_write(const struct report_records *records, const struct report_job *job, const struct report_form *form, int fd, struct err *err) {
    struct table t = {.records = records};
    char subtitle[300 + REPORT_UNFINISHED_SIZE], origin[200], unfinished[REPORT_UNFINISHED_SIZE];
    struct err told = {0};
    csv_init(&t.csv);
    report_values_init(&t.values);
    enum rc rc = learn(&t, err);
    rc = rc ? rc : look(&t, err);
    if (!rc) {
        choose(&t, form->bit == REPORT_PDF ? PDF_COLUMNS : form->bit == REPORT_HTML ? HTML_COLUMNS : t.csv.count);
        report_tell_unfinished(job, unfinished);
        snprintf(subtitle, sizeof subtitle, "%llu records of %s%s%s", (unsigned long long)records->count, job->source, unfinished[0] ? "." : "", unfinished);
        snprintf(origin, sizeof origin, "Job %s", job->id);
        const struct report_head head = {
            .title = job->name[0] ? job->name : job->source, .subtitle = subtitle, .origin = origin, .as_of_us = job->completed_us, .tmp_dir = job->tmp_dir};
        rc = report_open(form, fd, &head, &t.report, err);
    }
    if (!rc) {
        tell(&t, job, &told);
        rc = report_close(t.report, err);
    }
    release(&t);
    return rc;
}
