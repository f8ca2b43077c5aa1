// SPDX-License-Identifier: Apache-2.0
#include "report/report_pagespeed_internal.h"

#include "base/json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Rows by label, by opportunity, and by cause of error. */

struct group {
    char *name;   /* owned */
    char *value;  /* of a label; the title of an opportunity; an example of an error. Owned */
    double *list; /* performance; or savings in ms */
    size_t count, capacity, rows, urls, pass, known, failed;
    double sum_ms, sum_bytes, worst;
    const char *worst_url, *last_url; /* of rows, which are by URL */
};

struct groups {
    struct group *list;
    size_t count, capacity;
    bool failed; /* out of memory */
};

#define GROUPS_MOST 5000u

/* value NULL: it does not tell groups apart. NULL: out of memory, or too many. */
static struct group *group_of(struct groups *g, const char *name, const char *value) {
    for (size_t i = 0; i < g->count; i++)
        if (strcmp(g->list[i].name, name) == 0 && (!value || strcmp(g->list[i].value, value) == 0))
            return &g->list[i];
    if (g->count == GROUPS_MOST)
        return NULL;
    if (g->count == g->capacity) {
        const size_t capacity = g->capacity ? g->capacity * 2 : 16;
        struct group *larger = realloc(g->list, capacity * sizeof *larger);
        if (!larger) {
            g->failed = true;
            return NULL;
        }
        g->list = larger;
        g->capacity = capacity;
    }
    struct group *group = &g->list[g->count];
    *group = (struct group){.name = strdup(name), .value = strdup(value ? value : ""), .worst = PAGESPEED_NONE};
    g->failed = g->failed || !group->name || !group->value;
    g->count++;
    return g->failed ? NULL : group;
}

static void groups_release(struct groups *g) {
    for (size_t i = 0; i < g->count; i++) {
        free(g->list[i].name);
        free(g->list[i].value);
        free(g->list[i].list);
    }
    free(g->list);
}

static bool note_number(struct group *group, double number) {
    if (group->count == group->capacity) {
        const size_t capacity = group->capacity ? group->capacity * 2 : 16;
        double *larger = realloc(group->list, capacity * sizeof *larger);
        if (!larger)
            return false;
        group->list = larger;
        group->capacity = capacity;
    }
    group->list[group->count++] = number;
    return true;
}

static void note_url(struct group *group, const char *url) {
    group->rows++;
    if (group->last_url && strcmp(group->last_url, url) == 0)
        return;
    group->last_url = url;
    group->urls++;
}

static int by_number(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static double median(struct group *group) {
    if (!group->count)
        return PAGESPEED_NONE;
    qsort(group->list, group->count, sizeof *group->list, by_number);
    const size_t half = group->count / 2;
    return group->count % 2 ? group->list[half] : (group->list[half - 1] + group->list[half]) / 2;
}

static const char *count_text(size_t count, char out[24]) {
    snprintf(out, 24, "%zu", count);
    return out;
}

static struct report_cell number_cell(const char *text, enum report_tone tone) {
    return report_cell_of(REPORT_NUMBER, slice_of(text), tone);
}

/* --- labels ------------------------------------------------------------------------------------------------------------- */

static bool note_labelled(struct groups *g, const struct pagespeed_row *row, const char *label) {
    const struct slice said = report_get_in(row->labels, "", label);
    if (!said.length)
        return true;
    char *value = report_get_text(said, "");
    struct group *group = value ? group_of(g, label, value) : NULL;
    bool good = value && !g->failed;
    free(value);
    if (!group)
        return good;
    note_url(group, row->url);
    group->pass += row->cwv == 1;
    group->known += row->cwv >= 0;
    group->failed += row->failed != NULL;
    const double score = row->scores[PAGESPEED_PERFORMANCE];
    if (score >= 0 && (group->worst < 0 || score < group->worst)) {
        group->worst = score;
        group->worst_url = row->url;
    }
    return score < 0 || note_number(group, score);
}

/* By label, as each of them divides the same rows; of one the lowest median first, but before it a group of which all failed;
 * one that was not measured last. */
static int by_median(const void *a, const void *b) {
    struct group *x = (struct group *)(uintptr_t)a, *y = (struct group *)(uintptr_t)b;
    const double mx = median(x), my = median(y);
    const int label = strcmp(x->name, y->name);
    if (label)
        return label;
    if ((mx < 0) != (my < 0))
        return mx < 0 ? (x->failed ? -1 : 1) : y->failed ? 1 : -1;
    if (mx == my && x->failed != y->failed)
        return x->failed > y->failed ? -1 : 1;
    if (mx != my)
        return mx < my ? -1 : 1;
    return strcmp(x->value, y->value);
}

/* named: with the label beside its value */
static void put_label(struct pagespeed *p, struct group *group, bool named) {
    char urls[24], errors[24], middle[32], worst[32], pass[64] = "";
    const double value = median(group);
    if (group->known)
        snprintf(pass, sizeof pass, "%.0f%% (%zu of %zu)", 100.0 * (double)group->pass / (double)group->known, group->pass, group->known);
    report_pagespeed_number(value, middle);
    report_pagespeed_number(group->worst, worst);
    const struct report_cell cells[] = {report_cell_text(group->name),
                                        report_cell_text(group->value),
                                        number_cell(count_text(group->urls, urls), REPORT_PLAIN),
                                        number_cell(middle, report_pagespeed_tone(value)),
                                        number_cell(worst, report_pagespeed_tone(group->worst)),
                                        report_cell_text(group->worst_url),
                                        report_cell_text(pass),
                                        number_cell(count_text(group->failed, errors), group->failed ? REPORT_BAD : REPORT_PLAIN)};
    report_row(p->report, named ? cells : cells + 1);
}

/* A sheet of all labels, which can be filtered; on pages a table of one, so that each ranks what can be compared. */
static void tell_groups(struct pagespeed *p, struct group *list, size_t count, const char *label) {
    static const struct report_column columns[] = {{.title = "Label", .width = 12},
                                                   {.title = "Value", .width = 18, .head = true},
                                                   {.title = "URLs", .width = 7, .right = true},
                                                   {.title = "Median performance", .width = 12, .right = true},
                                                   {.title = "Worst", .width = 8, .right = true},
                                                   {.title = "Worst URL", .width = 36},
                                                   {.title = "Vitals pass", .width = 14},
                                                   {.title = "Errors", .width = 8, .right = true}};
    char title[120];
    snprintf(title, sizeof title, "Worst by label: %.90s", label ? label : "");
    const struct report_table table = {.title = label ? title : "Worst by label",
                                       .sheet = "Labels",
                                       .empty = "No URL has a label.",
                                       .formats = REPORT_XLSX | REPORT_HTML | REPORT_PDF,
                                       .most = 12,
                                       .column_count = label ? 7 : 8,
                                       .columns = label ? columns + 1 : columns};
    report_table_begin(p->report, &table);
    for (size_t i = 0; i < count; i++)
        put_label(p, &list[i], !label);
    report_table_end(p->report);
}

bool report_pagespeed_tell_labels(struct pagespeed *p) {
    struct groups groups = {.count = 0};
    bool good = true;
    for (size_t i = 0; good && i < p->count; i++)
        for (size_t k = 0; good && k < p->label_count; k++)
            good = note_labelled(&groups, &p->rows[i], p->labels[k]);
    if (good && groups.count)
        qsort(groups.list, groups.count, sizeof *groups.list, by_median);
    if (good && (report_wants(p->report, REPORT_XLSX) || !groups.count))
        tell_groups(p, groups.list, groups.count, NULL);
    else
        for (size_t i = 0, end; good && i < groups.count; i = end) {
            for (end = i + 1; end < groups.count && strcmp(groups.list[end].name, groups.list[i].name) == 0; end++)
                ;
            tell_groups(p, &groups.list[i], end - i, groups.list[i].name);
        }
    groups_release(&groups);
    return good;
}

/* --- opportunities ------------------------------------------------------------------------------------------------------ */

static bool note_saving(struct groups *g, const struct pagespeed_row *row, struct slice saving) {
    char *id = report_get_text(saving, "/id"), *title = report_get_text(saving, "/title");
    struct group *group = id && title && *id ? group_of(g, id, NULL) : NULL;
    bool good = id && title && !g->failed;
    double number;
    if (group) {
        if (!group->value[0]) {
            free(group->value);
            group->value = title;
            title = NULL;
        }
        note_url(group, row->url);
        if (report_get_number(saving, "/ms", &number)) {
            group->sum_ms += number;
            good = note_number(group, number);
        }
        if (report_get_number(saving, "/bytes", &number))
            group->sum_bytes += number;
    }
    free(id);
    free(title);
    return good;
}

static int by_urls(const void *a, const void *b) {
    const struct group *x = a, *y = b;
    if (x->urls != y->urls)
        return x->urls > y->urls ? -1 : 1;
    if (x->sum_ms != y->sum_ms)
        return x->sum_ms > y->sum_ms ? -1 : 1;
    return strcmp(x->name, y->name);
}

static void put_opportunity(struct pagespeed *p, struct group *group) {
    char urls[24], rows[24], middle[32], bytes[32] = "";
    const double value = median(group);
    if (group->sum_bytes > 0)
        snprintf(bytes, sizeof bytes, "%.0f", group->sum_bytes / 1024);
    const struct report_cell cells[] = {
        report_cell_text(group->value[0] ? group->value : group->name),    report_cell_text(group->name),
        number_cell(count_text(group->urls, urls), REPORT_PLAIN),          number_cell(count_text(group->rows, rows), REPORT_PLAIN),
        number_cell(report_pagespeed_number(value, middle), REPORT_PLAIN), number_cell(bytes, REPORT_PLAIN)};
    report_row(p->report, cells);
}

bool report_pagespeed_tell_opportunities(struct pagespeed *p) {
    static const struct report_column columns[] = {{.title = "Opportunity", .width = 40, .head = true}, {.title = "Audit", .width = 26},
                                                   {.title = "URLs", .width = 8, .right = true},        {.title = "Rows", .width = 8, .right = true},
                                                   {.title = "Median ms", .width = 10, .right = true},  {.title = "KiB in all", .width = 11, .right = true}};
    const struct report_table table = {.title = "Opportunities by number of URLs",
                                       .sheet = "Opportunities",
                                       .formats = REPORT_XLSX | REPORT_HTML | REPORT_PDF,
                                       .most = 50,
                                       .column_count = 6,
                                       .columns = columns};
    struct groups groups = {.count = 0};
    bool good = true;
    for (size_t i = 0; good && i < p->count; i++) {
        const struct slice savings = report_get(p->rows[i].record, "/savings");
        struct json_iter iter;
        struct slice name, saving;
        if (json_type(savings) != JSON_ARRAY || !json_iter_init(&iter, savings))
            continue;
        while (good && json_iter_next(&iter, &name, &saving))
            good = note_saving(&groups, &p->rows[i], saving);
    }
    if (good && groups.count)
        qsort(groups.list, groups.count, sizeof *groups.list, by_urls);
    report_table_begin(p->report, &table);
    for (size_t i = 0; good && i < groups.count; i++)
        put_opportunity(p, &groups.list[i]);
    report_table_end(p->report);
    groups_release(&groups);
    return good;
}

/* --- errors ------------------------------------------------------------------------------------------------------------- */

static bool note_error(struct groups *g, const struct pagespeed_row *row) {
    char *cause = NULL, *text = NULL;
    if (row->failed) {
        cause = strdup(row->failed->error_class[0] ? row->failed->error_class : "failed");
        text = strdup(row->failed->error);
    } else if (report_get(row->record, "/error_class").length) {
        cause = report_get_text(row->record, "/error_class");
        text = report_get_text(row->record, "/error");
    } else
        return true;
    struct group *group = cause && text ? group_of(g, cause, NULL) : NULL;
    const bool good = cause && text && !g->failed;
    if (group) {
        note_url(group, row->url);
        if (!group->value[0]) {
            free(group->value);
            group->value = text;
            text = NULL;
            group->worst_url = row->url;
        }
    }
    free(cause);
    free(text);
    return good;
}

bool report_pagespeed_tell_errors(struct pagespeed *p) {
    static const struct report_column columns[] = {{.title = "Cause", .width = 18, .head = true},
                                                   {.title = "URLs", .width = 7, .right = true},
                                                   {.title = "Rows", .width = 7, .right = true},
                                                   {.title = "For example", .width = 30},
                                                   {.title = "What was said", .width = 44}};
    const struct report_table table = {
        .title = "Errors by cause", .sheet = "Errors", .formats = REPORT_XLSX | REPORT_HTML | REPORT_PDF, .most = 100, .column_count = 5, .columns = columns};
    struct groups groups = {.count = 0};
    bool good = true;
    for (size_t i = 0; good && i < p->count; i++)
        good = note_error(&groups, &p->rows[i]);
    if (good && groups.count)
        qsort(groups.list, groups.count, sizeof *groups.list, by_urls);
    report_table_begin(p->report, &table);
    for (size_t i = 0; good && i < groups.count; i++) {
        const struct group *group = &groups.list[i];
        char urls[24], rows[24];
        const struct report_cell cells[] = {report_cell_text(group->name), number_cell(count_text(group->urls, urls), REPORT_PLAIN),
                                            number_cell(count_text(group->rows, rows), REPORT_PLAIN), report_cell_text(group->worst_url),
                                            report_cell_text(group->value)};
        report_row(p->report, cells);
    }
    report_table_end(p->report);
    groups_release(&groups);
    return good;
}
