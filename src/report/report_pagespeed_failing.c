// SPDX-License-Identifier: Apache-2.0
#include "report/report_pagespeed_internal.h"

#include <stdlib.h>
#include <string.h>

/* What failed: newly, no more, and all of it. */

/* A record that does not say that it failed. */
static bool was_ok(struct slice other) {
    return other.length && !report_get(other, "/error_class").length;
}

bool report_pagespeed_newly_fails(const struct pagespeed_row *row, bool baseline) {
    return report_pagespeed_fails(row) && was_ok(baseline ? row->baseline : row->previous) && (baseline || !row->failed_before);
}

bool report_pagespeed_works_again(const struct pagespeed_row *row, bool baseline) {
    return !baseline && !report_pagespeed_fails(row) && (row->failed_before || (row->previous.length && !was_ok(row->previous)));
}

/* Pages are for reading; the CSV file has all rows. */
static uint64_t list_most(const struct pagespeed *p) {
    return report_wants(p->report, REPORT_PDF) ? 100 : 2000;
}

/* Its class and what was said: of a unit that failed, else of a record that says so. */
static void put_words(struct report_line *line, const struct report_failed *failed, struct slice record, enum report_tone tone) {
    report_line_cell(line, REPORT_TEXT, tone);
    if (failed)
        report_line_add(line, failed->error_class);
    else
        report_line_add_value(line, report_get(record, "/error_class"));
    report_line_cell(line, REPORT_TEXT, REPORT_PLAIN);
    if (failed)
        report_line_add(line, failed->error);
    else
        report_line_add_value(line, report_get(record, "/error"));
}

/* When its answer was given; of a record that does not say so, its run, whose id begins with the time. False: out of memory. */
static bool put_when(const struct pagespeed *p, struct report_line *line, struct slice record) {
    char *when = report_get_text(record, "/fetched_at");
    const bool told = when && strlen(when) > 16, pages = report_wants(p->report, REPORT_HTML | REPORT_PDF);
    report_line_cell(line, told && !pages ? REPORT_DATE : REPORT_TEXT, REPORT_PLAIN);
    if (told && pages)
        report_line_printf(line, "%.10s %.5s UTC", when, when + 11);
    else
        report_line_add_value(line, report_get(record, told ? "/fetched_at" : "/run"));
    free(when);
    return when != NULL;
}

/* A table of the rows that are wanted: URL, strategy, and what put says of each. */
static bool tell_rows(struct pagespeed *p, const struct report_table *table, bool baseline, bool (*wanted)(const struct pagespeed_row *row, bool baseline),
                      bool (*put)(const struct pagespeed *p, struct report_line *line, const struct pagespeed_row *row, bool baseline)) {
    struct report_line line;
    bool good = report_line_init(&line, table->column_count);
    report_table_begin(p->report, table);
    for (size_t i = 0; good && i < p->count; i++) {
        const struct pagespeed_row *row = &p->rows[i];
        if (!wanted(row, baseline))
            continue;
        report_line_begin(&line);
        report_line_text(&line, row->url);
        report_line_text(&line, row->strategy);
        good = put(p, &line, row, baseline) && report_line_tell(&line, p->report);
    }
    report_table_end(p->report);
    report_line_release(&line);
    return good;
}

static bool put_newly(const struct pagespeed *p, struct report_line *line, const struct pagespeed_row *row, bool baseline) {
    put_words(line, row->failed, row->record, REPORT_BAD);
    return put_when(p, line, baseline ? row->baseline : row->previous);
}

static bool tell_fails(struct pagespeed *p, bool baseline) {
    static const struct report_column columns[] = {{.title = "URL", .width = 36, .head = true},
                                                   {.title = "Strategy", .width = 10},
                                                   {.title = "Error class", .width = 20},
                                                   {.title = "Error", .width = 40},
                                                   {.title = "Ok last", .width = 14}};
    const struct report_table table = {.title = baseline ? "What fails, and was ok in the baseline" : "What newly fails, and was ok in the run before",
                                       .sheet = baseline ? "Failing vs baseline" : "Newly failing",
                                       .empty = "Nothing that was ok fails now.",
                                       .formats = REPORT_XLSX | REPORT_HTML | REPORT_PDF,
                                       .most = list_most(p),
                                       .column_count = 5,
                                       .columns = columns};
    return tell_rows(p, &table, baseline, report_pagespeed_newly_fails, put_newly);
}

static bool put_again(const struct pagespeed *p, struct report_line *line, const struct pagespeed_row *row, bool baseline) {
    const double score = row->scores[PAGESPEED_PERFORMANCE];
    char number[32];
    (void)p;
    (void)baseline;
    report_line_cell(line, REPORT_NUMBER, report_pagespeed_tone(score));
    report_line_add(line, report_pagespeed_number(score, number));
    put_words(line, row->failed_before, row->previous, REPORT_PLAIN);
    return true;
}

static bool tell_works(struct pagespeed *p) {
    static const struct report_column columns[] = {{.title = "URL", .width = 40, .head = true},
                                                   {.title = "Strategy", .width = 10},
                                                   {.title = "Performance now", .width = 12, .right = true},
                                                   {.title = "Error class before", .width = 20},
                                                   {.title = "Error before", .width = 38}};
    const struct report_table table = {.title = "What works again, and failed in the run before",
                                       .sheet = "Works again",
                                       .empty = "Nothing that failed works now.",
                                       .formats = REPORT_XLSX | REPORT_HTML | REPORT_PDF,
                                       .most = list_most(p),
                                       .column_count = 5,
                                       .columns = columns};
    return tell_rows(p, &table, false, report_pagespeed_works_again, put_again);
}

static bool fails(const struct pagespeed_row *row, bool baseline) {
    (void)baseline;
    return report_pagespeed_fails(row);
}

static bool put_failed(const struct pagespeed *p, struct report_line *line, const struct pagespeed_row *row, bool baseline) {
    (void)p;
    put_words(line, row->failed, row->record, REPORT_BAD);
    report_line_text(line, report_pagespeed_newly_fails(row, baseline) ? "newly" : "");
    return true;
}

/* Every one, where errors by cause name an example each. */
bool report_pagespeed_tell_failed(struct pagespeed *p) {
    static const struct report_column columns[] = {{.title = "URL", .width = 36, .head = true},
                                                   {.title = "Strategy", .width = 10},
                                                   {.title = "Error class", .width = 20},
                                                   {.title = "Error", .width = 44},
                                                   {.title = "Newly", .width = 8}};
    const struct report_table table = {.title = "What failed",
                                       .sheet = "Failed",
                                       .formats = REPORT_XLSX | REPORT_HTML | REPORT_PDF,
                                       .most = list_most(p),
                                       .column_count = 5,
                                       .columns = columns};
    return tell_rows(p, &table, false, fails, put_failed);
}

bool report_pagespeed_tell_failing(struct pagespeed *p, bool baseline) {
    return tell_fails(p, baseline) && (baseline || tell_works(p));
}
