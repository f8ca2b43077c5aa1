// SPDX-License-Identifier: Apache-2.0
#include "report/report_pagespeed_internal.h"

#include "base/json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Against another run: Core Web Vitals as a whole and by metric, then scores that fell. */

static const struct {
    const char *name, *category, *p75;
} vitals[] = {{"LCP", "/field/lcp_ms/category", "/field/lcp_ms/p75"},
              {"INP", "/field/inp_ms/category", "/field/inp_ms/p75"},
              {"CLS", "/field/cls/category", "/field/cls/p75"}};
#define VITALS (sizeof vitals / sizeof *vitals)

static struct slice other_of(const struct pagespeed_row *row, bool baseline) {
    return baseline ? row->baseline : row->previous;
}

static double score_of(struct slice record, unsigned score) {
    double value;
    return report_get_number(record, report_pagespeed_score_pointers[score], &value) ? value : PAGESPEED_NONE;
}

/* How far it fell; below PAGESPEED_DROP: not, or by noise. */
static double drop_of(const struct pagespeed_row *row, bool baseline, unsigned score) {
    const double before = score_of(other_of(row, baseline), score), now = row->scores[score];
    return before < 0 || now < 0 ? 0 : before - now;
}

void report_pagespeed_count_changes(const struct pagespeed *p, bool baseline, struct pagespeed_changes *changes) {
    const char *failing = "", *working = ""; /* rows are by URL */
    *changes = (struct pagespeed_changes){.compared = 0};
    for (size_t i = 0; i < p->count; i++) {
        const struct pagespeed_row *row = &p->rows[i];
        const struct slice other = other_of(row, baseline);
        if (report_pagespeed_newly_fails(row, baseline)) {
            changes->fails++;
            changes->fail_pages += strcmp(failing, row->url) != 0;
            failing = row->url;
        } else if (report_pagespeed_works_again(row, baseline)) {
            changes->works++;
            changes->work_pages += strcmp(working, row->url) != 0;
            working = row->url;
        }
        if (!other.length || !row->record.length)
            continue;
        const int before = report_pagespeed_cwv(other);
        changes->compared++;
        changes->worse += before == 1 && row->cwv == 0;
        changes->better += before == 0 && row->cwv == 1;
        for (unsigned score = 0; score < PAGESPEED_SCORES; score++)
            changes->drops += drop_of(row, baseline, score) >= PAGESPEED_DROP;
    }
}

/* Text of both sides, or NULL: one is missing, or they are the same. */
static bool differ(struct slice a, struct slice b) {
    return a.length && b.length && (a.length != b.length || memcmp(a.data, b.data, a.length) != 0);
}

/* What Core Web Vitals call it, and the service otherwise. */
static const char *rated(const char *category) {
    return strcmp(category, "FAST") == 0 ? "good" : strcmp(category, "AVERAGE") == 0 ? "needs improvement" : strcmp(category, "SLOW") == 0 ? "poor" : category;
}

static bool put_vital(struct pagespeed *p, const struct pagespeed_row *row, struct slice other, size_t vital) {
    const struct slice before = report_get(other, vitals[vital].category), now = report_get(row->record, vitals[vital].category);
    if (!differ(before, now))
        return true;
    char *was = report_get_text(other, vitals[vital].category), *is = report_get_text(row->record, vitals[vital].category);
    const bool good = was && is;
    if (good) {
        const enum report_tone tone = strcmp(is, "FAST") == 0 ? REPORT_GOOD : strcmp(is, "SLOW") == 0 ? REPORT_BAD : REPORT_MIDDLING;
        const struct report_cell cells[] = {report_cell_text(row->url),
                                            report_cell_text(row->strategy),
                                            report_cell_text(vitals[vital].name),
                                            report_cell_text(rated(was)),
                                            report_cell_of(REPORT_TEXT, slice_of(rated(is)), tone),
                                            report_cell_of(REPORT_NUMBER, report_get(other, vitals[vital].p75), REPORT_PLAIN),
                                            report_cell_of(REPORT_NUMBER, report_get(row->record, vitals[vital].p75), REPORT_PLAIN)};
        report_row(p->report, cells);
    }
    free(was);
    free(is);
    return good;
}

static void put_pass(struct pagespeed *p, const struct pagespeed_row *row, int before) {
    const struct report_cell cells[] = {report_cell_text(row->url),
                                        report_cell_text(row->strategy),
                                        report_cell_text("Core Web Vitals"),
                                        report_cell_text(before ? "pass" : "fail"),
                                        report_cell_of(REPORT_TEXT, slice_of(row->cwv ? "pass" : "fail"), row->cwv ? REPORT_GOOD : REPORT_BAD),
                                        report_cell_text(NULL),
                                        report_cell_text(NULL)};
    report_row(p->report, cells);
}

static bool tell_vitals(struct pagespeed *p, bool baseline) {
    static const struct report_column columns[] = {{.title = "URL", .width = 44, .head = true},
                                                   {.title = "Strategy", .width = 11},
                                                   {.title = "What", .width = 15},
                                                   {.title = "Before", .width = 13},
                                                   {.title = "Now", .width = 13},
                                                   {.title = "p75 before", .width = 10, .right = true},
                                                   {.title = "p75 now", .width = 10, .right = true}};
    const struct report_table table = {.title =
                                           baseline ? "Core Web Vitals that changed since the baseline" : "Core Web Vitals that changed since the run before",
                                       .sheet = baseline ? "Vitals vs baseline" : "Vitals changed",
                                       .empty = "None changed, or nothing can be compared.",
                                       .formats = REPORT_XLSX | REPORT_HTML | REPORT_PDF,
                                       .most = 500,
                                       .column_count = 7,
                                       .columns = columns};
    bool good = true;
    report_table_begin(p->report, &table);
    for (int worse = 1; worse >= 0; worse--) /* what got worse comes first */
        for (size_t i = 0; i < p->count; i++) {
            const int before = report_pagespeed_cwv(other_of(&p->rows[i], baseline));
            if (before >= 0 && p->rows[i].cwv >= 0 && before != p->rows[i].cwv && before == worse)
                put_pass(p, &p->rows[i], before);
        }
    for (size_t i = 0; good && i < p->count; i++)
        for (size_t v = 0; good && v < VITALS; v++)
            good = put_vital(p, &p->rows[i], other_of(&p->rows[i], baseline), v);
    report_table_end(p->report);
    return good;
}

struct fall {
    const struct pagespeed_row *row;
    unsigned score;
    double drop;
};

static int by_drop(const void *a, const void *b) {
    const struct fall *x = a, *y = b;
    if (x->drop != y->drop)
        return x->drop > y->drop ? -1 : 1;
    const int order = strcmp(x->row->url, y->row->url);
    return order ? order : strcmp(x->row->strategy, y->row->strategy);
}

static void put_fall(struct pagespeed *p, const struct fall *fall, bool baseline) {
    char before[32], now[32], change[32];
    report_pagespeed_number(score_of(other_of(fall->row, baseline), fall->score), before);
    report_pagespeed_number(fall->row->scores[fall->score], now);
    snprintf(change, sizeof change, "%.15g", -fall->drop);
    const struct report_cell cells[] = {report_cell_text(fall->row->url),
                                        report_cell_text(fall->row->strategy),
                                        report_cell_text(report_pagespeed_score_names[fall->score]),
                                        report_cell_of(REPORT_NUMBER, slice_of(before), REPORT_PLAIN),
                                        report_cell_of(REPORT_NUMBER, slice_of(now), report_pagespeed_tone(fall->row->scores[fall->score])),
                                        report_cell_of(REPORT_NUMBER, slice_of(change), REPORT_BAD)};
    report_row(p->report, cells);
}

static bool tell_drops(struct pagespeed *p, bool baseline) {
    static const struct report_column columns[] = {
        {.title = "URL", .width = 50, .head = true},    {.title = "Strategy", .width = 11},          {.title = "Score", .width = 15},
        {.title = "Before", .width = 8, .right = true}, {.title = "Now", .width = 8, .right = true}, {.title = "Change", .width = 8, .right = true}};
    const struct report_table table = {.title = baseline ? "Scores that fell by 10 or more since the baseline"
                                                         : "Scores that fell by 10 or more since the run before",
                                       .sheet = baseline ? "Drops vs baseline" : "Score drops",
                                       .empty = "None fell that far, or nothing can be compared.",
                                       .formats = REPORT_XLSX | REPORT_HTML | REPORT_PDF,
                                       .most = 500,
                                       .column_count = 6,
                                       .columns = columns};
    struct fall *falls = calloc(p->count * PAGESPEED_SCORES + 1, sizeof *falls);
    size_t count = 0;
    for (size_t i = 0; falls && i < p->count; i++)
        for (unsigned score = 0; score < PAGESPEED_SCORES; score++) {
            const double drop = drop_of(&p->rows[i], baseline, score);
            if (drop >= PAGESPEED_DROP)
                falls[count++] = (struct fall){&p->rows[i], score, drop};
        }
    if (falls)
        qsort(falls, count, sizeof *falls, by_drop);
    report_table_begin(p->report, &table);
    for (size_t i = 0; falls && i < count; i++)
        put_fall(p, &falls[i], baseline);
    report_table_end(p->report);
    free(falls);
    return falls != NULL;
}

bool report_pagespeed_tell_changes(struct pagespeed *p, bool baseline) {
    return tell_vitals(p, baseline) && tell_drops(p, baseline);
}
