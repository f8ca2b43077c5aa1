// SPDX-License-Identifier: Apache-2.0
#include "report/report_pagespeed_internal.h"

#include "base/json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const report_pagespeed_score_names[PAGESPEED_SCORES] = {"Performance", "Accessibility", "Best practices", "SEO"};
const char *const report_pagespeed_score_pointers[PAGESPEED_SCORES] = {"/scores/performance", "/scores/accessibility", "/scores/best_practices", "/scores/seo"};

int report_pagespeed_cwv(struct slice record) {
    const enum json_type type = json_type(report_get(record, "/cwv_pass"));
    return type == JSON_TRUE ? 1 : type == JSON_FALSE ? 0 : -1;
}

bool report_pagespeed_fails(const struct pagespeed_row *row) {
    return row->failed || report_get(row->record, "/error_class").length;
}

enum report_tone report_pagespeed_tone(double score) {
    return score < 0 ? REPORT_PLAIN : score >= 90 ? REPORT_GOOD : score >= 50 ? REPORT_MIDDLING : REPORT_BAD;
}

const char *report_pagespeed_number(double number, char out[32]) {
    if (number == PAGESPEED_NONE)
        out[0] = '\0';
    else
        snprintf(out, 32, "%.15g", number);
    return out;
}

/* --- reading ------------------------------------------------------------------------------------------------------------ */

static int by_url(const void *a, const void *b) {
    const struct pagespeed_row *x = a, *y = b;
    const int order = strcmp(x->url, y->url);
    return order ? order : strcmp(x->strategy, y->strategy);
}

static bool read_row(struct slice record, struct pagespeed_row *row) {
    *row = (struct pagespeed_row){.record = record, .labels = report_get(record, "/labels"), .cwv = report_pagespeed_cwv(record)};
    row->url = report_get_text(record, "/url");
    row->strategy = report_get_text(record, "/strategy");
    for (unsigned i = 0; i < PAGESPEED_SCORES; i++)
        if (!report_get_number(record, report_pagespeed_score_pointers[i], &row->scores[i]))
            row->scores[i] = PAGESPEED_NONE;
    return row->url && row->strategy;
}

static bool read_failed(const struct report_failed *failed, struct pagespeed_row *row) {
    *row = (struct pagespeed_row){.failed = failed, .labels = failed->labels, .cwv = -1};
    row->url = strdup(failed->url);
    row->strategy = strdup(failed->strategy);
    for (unsigned i = 0; i < PAGESPEED_SCORES; i++)
        row->scores[i] = PAGESPEED_NONE;
    return row->url && row->strategy;
}

static bool read_rows(struct pagespeed *p) {
    const struct report_pagespeed *input = p->input;
    struct slice record;
    size_t at = 0;
    p->rows = calloc(input->records.count + input->failed_count + 1, sizeof *p->rows);
    if (!p->rows)
        return false;
    while (p->count < input->records.count && report_records_next(&input->records, &at, &record))
        if (!read_row(record, &p->rows[p->count++]))
            return false;
    for (size_t i = 0; i < input->failed_count; i++)
        if (!read_failed(&input->failed[i], &p->rows[p->count++]))
            return false;
    qsort(p->rows, p->count, sizeof *p->rows, by_url);
    return true;
}

/* The record of another run beside each row that is of the same URL and strategy. */
static bool join_other(struct pagespeed *p, const struct report_records *records, bool baseline) {
    struct slice record;
    size_t at = 0;
    while (report_records_next(records, &at, &record)) {
        struct pagespeed_row key = {.url = report_get_text(record, "/url"), .strategy = report_get_text(record, "/strategy")};
        const bool read = key.url && key.strategy;
        struct pagespeed_row *row = read && p->count ? bsearch(&key, p->rows, p->count, sizeof key, by_url) : NULL;
        if (row && baseline)
            row->baseline = record;
        else if (row)
            row->previous = record;
        free(key.url);
        free(key.strategy);
        if (!read)
            return false;
    }
    return true;
}

static bool join_failed(struct pagespeed *p) {
    for (size_t i = 0; i < p->input->failed_before_count; i++) {
        const struct report_failed *failed = &p->input->failed_before[i];
        struct pagespeed_row key = {.url = strdup(failed->url), .strategy = strdup(failed->strategy)};
        const bool good = key.url && key.strategy;
        struct pagespeed_row *row = good && p->count ? bsearch(&key, p->rows, p->count, sizeof key, by_url) : NULL;
        if (row)
            row->failed_before = failed;
        free(key.url);
        free(key.strategy);
        if (!good)
            return false;
    }
    return true;
}

static int by_text(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

#define LABELS_MOST 32u

static bool note_label(struct pagespeed *p, struct slice raw) {
    struct buf text = BUF_INIT(4096);
    const enum rc rc = json_decode_string((struct slice){raw.data - 1, raw.length + 2}, &text); /* between its quotes */
    bool good = rc == RC_OK || rc == RC_PERM;
    size_t i = 0;
    while (i < p->label_count && strcmp(p->labels[i], buf_text(&text)) != 0)
        i++;
    if (rc == RC_OK && i == p->label_count && i < LABELS_MOST) {
        p->labels[i] = strdup(buf_text(&text));
        good = p->labels[i] != NULL;
        p->label_count += good;
    }
    buf_release(&text);
    return good;
}

static bool read_labels(struct pagespeed *p) {
    p->labels = calloc(LABELS_MOST, sizeof *p->labels);
    if (!p->labels)
        return false;
    for (size_t i = 0; i < p->count; i++) {
        struct json_iter iter;
        struct slice name, value;
        if (json_type(p->rows[i].labels) != JSON_OBJECT || !json_iter_init(&iter, p->rows[i].labels))
            continue;
        while (json_iter_next(&iter, &name, &value))
            if (!note_label(p, name))
                return false;
    }
    qsort(p->labels, p->label_count, sizeof *p->labels, by_text);
    return true;
}

static void release(struct pagespeed *p) {
    for (size_t i = 0; p->rows && i < p->count; i++) {
        free(p->rows[i].url);
        free(p->rows[i].strategy);
    }
    for (size_t i = 0; i < p->label_count; i++)
        free(p->labels[i]);
    free(p->labels);
    free(p->rows);
}

/* --- summary ------------------------------------------------------------------------------------------------------------ */

static int by_number(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

struct band {
    size_t bad, middling, good, none;
    double median;
};

/* strategy NULL: of all */
static bool count_band(const struct pagespeed *p, unsigned score, const char *strategy, struct band *band) {
    double *list = calloc(p->count + 1, sizeof *list);
    size_t count = 0;
    *band = (struct band){.median = PAGESPEED_NONE};
    for (size_t i = 0; list && i < p->count; i++) {
        const double value = p->rows[i].scores[score];
        if (strategy && strcmp(p->rows[i].strategy, strategy) != 0)
            continue;
        if (value < 0) {
            band->none++;
            continue;
        }
        list[count++] = value;
        band->bad += value < 50;
        band->middling += value >= 50 && value < 90;
        band->good += value >= 90;
    }
    if (list && count) {
        qsort(list, count, sizeof *list, by_number);
        band->median = count % 2 ? list[count / 2] : (list[count / 2 - 1] + list[count / 2]) / 2;
    }
    free(list);
    return list != NULL;
}

static bool tell_band(struct pagespeed *p, unsigned score, const char *strategy) {
    struct band band;
    char bad[24], middling[24], good[24], none[24], median[32];
    if (!count_band(p, score, strategy, &band))
        return false;
    snprintf(bad, sizeof bad, "%zu", band.bad);
    snprintf(middling, sizeof middling, "%zu", band.middling);
    snprintf(good, sizeof good, "%zu", band.good);
    snprintf(none, sizeof none, "%zu", band.none);
    const struct report_cell cells[] = {
        report_cell_text(report_pagespeed_score_names[score]),
        report_cell_text(strategy),
        report_cell_of(REPORT_NUMBER, slice_of(bad), band.bad ? REPORT_BAD : REPORT_PLAIN),
        report_cell_of(REPORT_NUMBER, slice_of(middling), band.middling ? REPORT_MIDDLING : REPORT_PLAIN),
        report_cell_of(REPORT_NUMBER, slice_of(good), band.good ? REPORT_GOOD : REPORT_PLAIN),
        report_cell_of(REPORT_NUMBER, slice_of(none), REPORT_QUIET),
        report_cell_of(REPORT_NUMBER, slice_of(report_pagespeed_number(band.median, median)), report_pagespeed_tone(band.median))};
    report_row(p->report, cells);
    return true;
}

#define STRATEGIES_MOST 8u

static bool tell_bands(struct pagespeed *p) {
    static const struct report_column columns[] = {{.title = "Score", .width = 18, .head = true},  {.title = "Strategy", .width = 12},
                                                   {.title = "0-49", .width = 9, .right = true},   {.title = "50-89", .width = 9, .right = true},
                                                   {.title = "90-100", .width = 9, .right = true}, {.title = "Not measured", .width = 12, .right = true},
                                                   {.title = "Median", .width = 9, .right = true}};
    const struct report_table table = {
        .title = "Scores", .sheet = "Scores", .formats = REPORT_XLSX | REPORT_HTML | REPORT_PDF, .column_count = 7, .columns = columns};
    const char *strategies[STRATEGIES_MOST];
    size_t count = 0;
    for (size_t i = 0; i < p->count; i++) {
        size_t k = 0;
        while (k < count && strcmp(strategies[k], p->rows[i].strategy) != 0)
            k++;
        if (k == count && count < STRATEGIES_MOST)
            strategies[count++] = p->rows[i].strategy;
    }
    report_table_begin(p->report, &table);
    bool good = true;
    for (unsigned score = 0; good && score < PAGESPEED_SCORES; score++)
        for (size_t k = 0; good && k < count; k++)
            good = tell_band(p, score, strategies[k]);
    report_table_end(p->report);
    return good;
}

/* Answers that came from the cache: how many, and when they were given. False: out of memory. */
static bool tell_cached(struct pagespeed *p, size_t *cached) {
    char first[32] = "", last[32] = "", until[48] = "";
    *cached = 0;
    for (size_t i = 0; i < p->count; i++) {
        if (json_type(report_get(p->rows[i].record, "/cached_at")) != JSON_STRING)
            continue;
        char *at = report_get_text(p->rows[i].record, "/cached_at");
        if (!at)
            return false;
        if (!(*cached)++ || strcmp(at, first) < 0)
            str_copy(first, sizeof first, at);
        if (strcmp(at, last) > 0)
            str_copy(last, sizeof last, at);
        free(at);
    }
    if (strncmp(first, last, 16) != 0)
        snprintf(until, sizeof until, " to %.10s %.5s", last, strlen(last) > 11 ? last + 11 : "");
    if (*cached)
        report_text(p->report, REPORT_PLAIN, "%zu of %zu results came from the cache: their pages had been tested shortly before, %.10s %.5s%s UTC.", *cached,
                    p->count, first, strlen(first) > 11 ? first + 11 : "", until);
    return true;
}

/* What stopped working is told before all else. */
static void tell_failing(struct pagespeed *p, bool baseline, const struct pagespeed_changes *c) {
    const char *other = baseline ? "the baseline" : "the run before";
    if (c->fails)
        report_text(p->report, REPORT_BAD, "%zu row%s (%zu page%s) newly fail%s: %s ok in %s.", c->fails, c->fails == 1 ? "" : "s", c->fail_pages,
                    c->fail_pages == 1 ? "" : "s", c->fails == 1 ? "s" : "", c->fails == 1 ? "it was" : "they were", other);
    if (c->works)
        report_text(p->report, REPORT_GOOD, "%zu row%s (%zu page%s) work%s again: %s failed in %s.", c->works, c->works == 1 ? "" : "s", c->work_pages,
                    c->work_pages == 1 ? "" : "s", c->works == 1 ? "s" : "", c->works == 1 ? "it" : "they", other);
}

static void tell_compared(struct pagespeed *p, bool baseline, bool cached) {
    struct pagespeed_changes c;
    report_pagespeed_count_changes(p, baseline, &c);
    const char *other = baseline ? "the baseline" : "the run before";
    if (!c.compared) {
        if (c.fails || c.works)
            return;
        if (baseline && p->input->baseline_id)
            report_text(p->report, REPORT_QUIET, "Nothing can be compared with the baseline: it has none of these URLs.");
        else if (!baseline && cached)
            report_text(p->report, REPORT_QUIET, "There is nothing to compare with yet: no earlier run has other answers.");
        else if (!baseline)
            report_text(p->report, REPORT_QUIET, "This is the first run of these URLs; the next one is compared with it.");
        return;
    }
    report_text(p->report, c.worse || c.drops ? REPORT_BAD : REPORT_PLAIN,
                "Against %s (%zu of %zu rows can be compared): Core Web Vitals no longer pass for %zu and pass again for %zu; %zu scores fell by 10 or more.",
                other, c.compared, p->count, c.worse, c.better, c.drops);
}

static bool tell_summary(struct pagespeed *p) {
    struct band band;
    struct pagespeed_changes changes, changes_of_base;
    size_t pass = 0, known = 0, failed = 0;
    char rate[32], rate_note[64], median[32], bands[64], errors[32], errors_note[64], analysed[32], analysed_note[64];
    report_pagespeed_count_changes(p, false, &changes);
    report_pagespeed_count_changes(p, true, &changes_of_base);
    for (size_t i = 0; i < p->count; i++) {
        pass += p->rows[i].cwv == 1;
        known += p->rows[i].cwv >= 0;
        failed += p->rows[i].failed != NULL;
    }
    if (!count_band(p, PAGESPEED_PERFORMANCE, NULL, &band))
        return false;
    if (known)
        snprintf(rate, sizeof rate, "%.0f%%", 100.0 * (double)pass / (double)known);
    else
        str_copy(rate, sizeof rate, "no field data");
    snprintf(rate_note, sizeof rate_note, "%zu of %zu with field data", pass, known);
    snprintf(analysed, sizeof analysed, "%zu", p->count - failed);
    snprintf(analysed_note, sizeof analysed_note, "of %zu URL and strategy pairs", p->count);
    snprintf(errors, sizeof errors, "%zu", failed);
    snprintf(errors_note, sizeof errors_note, "%zu newly", changes.fails);
    snprintf(bands, sizeof bands, "%zu poor, %zu middling, %zu good", band.bad, band.middling, band.good);
    report_pagespeed_number(band.median, median);
    const double share = known ? (double)pass / (double)known : -1;
    const struct report_figure figures[] = {
        {.label = "Core Web Vitals pass",
         .value = rate,
         .note = rate_note,
         .tone = share < 0       ? REPORT_PLAIN
                 : share >= 0.75 ? REPORT_GOOD
                 : share >= 0.5  ? REPORT_MIDDLING
                                 : REPORT_BAD},
        {.label = "Performance, median", .value = median[0] ? median : "none", .note = bands, .tone = report_pagespeed_tone(band.median)},
        {.label = "Analysed", .value = analysed, .note = analysed_note},
        {.label = "Errors",
         .value = errors,
         .note = changes.fails ? errors_note
                 : failed      ? "see errors by cause"
                               : "none failed for good",
         .tone = failed ? REPORT_BAD : REPORT_GOOD}};
    report_figures(p->report, figures, 4);
    size_t cached;
    tell_failing(p, false, &changes);
    tell_failing(p, true, &changes_of_base);
    if (!tell_cached(p, &cached))
        return false;
    tell_compared(p, false, cached);
    tell_compared(p, true, cached);
    return tell_bands(p);
}

/* --- all of it ---------------------------------------------------------------------------------------------------------- */

static bool tell(struct pagespeed *p) {
    struct report *r = p->report;
    if (report_wants(r, REPORT_CSV))
        return report_pagespeed_tell_rows(p);
    struct pagespeed_changes changes;
    report_pagespeed_count_changes(p, false, &changes);
    /* A workbook has the same sheets each time. */
    const bool compared = changes.compared || report_wants(r, REPORT_XLSX), failing = compared || changes.fails || changes.works;
    bool good = tell_summary(p) && report_pagespeed_tell_labels(p);
    if (failing || p->input->baseline_id)
        report_heading(r, 1, "Changes");
    if (failing)
        good = good && report_pagespeed_tell_failing(p, false);
    if (p->input->baseline_id)
        good = good && report_pagespeed_tell_failing(p, true);
    if (compared)
        good = good && report_pagespeed_tell_changes(p, false);
    if (p->input->baseline_id)
        good = good && report_pagespeed_tell_changes(p, true);
    report_heading(r, 1, "Opportunities and errors");
    good = good && report_pagespeed_tell_opportunities(p) && report_pagespeed_tell_errors(p) && report_pagespeed_tell_failed(p);
    report_heading(r, 1, "How to read this");
    report_text(
        r, REPORT_PLAIN,
        "Scores are those of Lighthouse, 0 to 100, of one visit in a laboratory; they vary from run to run, so that changes of less than 10 are not told. "
        "Field data are what users of Chrome had over the last 28 days (75th percentile), where enough of them came: of the page, or else of its origin. "
        "Core Web Vitals pass when LCP, INP and CLS are all good in the field. What was not measured is empty and counts in no mean or share.");
    report_page(r, true);
    good = good && report_pagespeed_tell_rows(p);
    return good;
}

enum rc report_pagespeed_write(const struct report_pagespeed *input, const struct report_job *job, const struct report_form *form, int fd, struct err *err) {
    struct pagespeed p = {.input = input, .job_id = job->id};
    char subtitle[200 + REPORT_UNFINISHED_SIZE], origin[200], unfinished[REPORT_UNFINISHED_SIZE];
    snprintf(origin, sizeof origin, "Job %s", job->id);
    report_tell_unfinished(job, unfinished);
    snprintf(subtitle, sizeof subtitle, "Page speed of %llu URL and strategy pairs%s%s", (unsigned long long)input->records.count + input->failed_count,
             unfinished[0] ? "." : "", unfinished);
    const struct report_head head = {
        .title = job->name[0] ? job->name : "Page speed", .subtitle = subtitle, .origin = origin, .as_of_us = job->completed_us, .tmp_dir = job->tmp_dir};
    bool good = read_rows(&p) && read_labels(&p) && join_other(&p, &input->previous, false) && join_other(&p, &input->baseline, true) && join_failed(&p);
    enum rc rc = good ? report_open(form, fd, &head, &p.report, err) : err_set(err, RC_TEMP, "out of memory");
    if (!rc) {
        struct err memory = {0};
        if (!tell(&p))
            report_fail(p.report, err_set(&memory, RC_TEMP, "out of memory"), &memory);
        rc = report_close(p.report, err);
    }
    release(&p);
    return rc;
}
