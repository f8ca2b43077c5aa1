// SPDX-License-Identifier: Apache-2.0
#include "report/report_pagespeed_internal.h"

#include "base/json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* All rows: one for each URL, strategy and run. Pages have a part of the columns. */

enum source {
    FROM_RECORD,
    FROM_URL,
    FROM_STRATEGY,
    FROM_RUN,
    FROM_STATUS,
    FROM_ERROR_CLASS,
    FROM_ERROR,
    FROM_SCORE,
    FROM_SAVING,
    FROM_CWV,
    FROM_DELTA,
    FROM_BASELINE,
    FROM_ATTEMPTS
};

struct column {
    const char *title;
    enum source source;
    const char *pointer; /* of FROM_RECORD, FROM_DELTA and FROM_BASELINE */
    unsigned number;     /* of a score or saving */
    unsigned width;      /* on pages; 0: not there */
    const char *format;
    bool right;
};

#define METRIC(label, path, form)                                                                                                                              \
    {label " p75", FROM_RECORD, path "/p75", 0, 0, form, true}, {label " category", FROM_RECORD, path "/category", 0, 0, NULL, false},                         \
        {label " good", FROM_RECORD, path "/good", 0, 0, "0.0%", true},                                                                                        \
        {label " needs improvement", FROM_RECORD, path "/needs_improvement", 0, 0, "0.0%", true}, {                                                            \
        label " poor", FROM_RECORD, path "/poor", 0, 0, "0.0%", true                                                                                           \
    }
#define FIELD(label, path)                                                                                                                                     \
    {label " scope", FROM_RECORD, path "/scope", 0, 0, NULL, false}, {label " category", FROM_RECORD, path "/category", 0, 0, NULL, false},                    \
        METRIC(label " LCP ms", path "/lcp_ms", NULL), METRIC(label " INP ms", path "/inp_ms", NULL), METRIC(label " CLS", path "/cls", "0.00"),               \
        METRIC(label " FCP ms", path "/fcp_ms", NULL), METRIC(label " TTFB ms", path "/ttfb_ms", NULL)
#define DELTAS(label, from)                                                                                                                                    \
    {label " performance", from, "/scores/performance", 0, 0, "+0;-0;0", true},                                                                                \
        {label " accessibility", from, "/scores/accessibility", 0, 0, "+0;-0;0", true},                                                                        \
        {label " best practices", from, "/scores/best_practices", 0, 0, "+0;-0;0", true}, {label " SEO", from, "/scores/seo", 0, 0, "+0;-0;0", true},          \
        {label " lab LCP ms", from, "/lab/lcp_ms", 0, 0, NULL, true}, {label " lab CLS", from, "/lab/cls", 0, 0, NULL, true},                                  \
        {label " lab TBT ms", from, "/lab/tbt_ms", 0, 0, NULL, true}, {label " field LCP ms", from, "/field/lcp_ms/p75", 0, 0, NULL, true},                    \
        {label " field INP ms", from, "/field/inp_ms/p75", 0, 0, NULL, true}, {                                                                                \
        label " field CLS", from, "/field/cls/p75", 0, 0, NULL, true                                                                                           \
    }

static const struct column columns[] = {
    {"URL", FROM_URL, NULL, 0, 42, NULL, false},
    {"Final URL", FROM_RECORD, "/final_url", 0, 0, NULL, false},
    {"Strategy", FROM_STRATEGY, NULL, 0, 10, NULL, false},
    /* the labels come here */
    {"Run", FROM_RUN, "/run", 0, 0, NULL, false},
    {"Status", FROM_STATUS, NULL, 0, 0, NULL, false},
    {"Error class", FROM_ERROR_CLASS, NULL, 0, 13, NULL, false},
    {"Error", FROM_ERROR, NULL, 0, 22, NULL, false},
    {"Performance", FROM_SCORE, NULL, PAGESPEED_PERFORMANCE, 10, NULL, true},
    {"Accessibility", FROM_SCORE, NULL, PAGESPEED_ACCESSIBILITY, 10, NULL, true},
    {"Best practices", FROM_SCORE, NULL, PAGESPEED_BEST_PRACTICES, 10, NULL, true},
    {"SEO", FROM_SCORE, NULL, PAGESPEED_SEO, 7, NULL, true},
    {"Core Web Vitals", FROM_CWV, NULL, 0, 9, NULL, false},
    {"Lab FCP ms", FROM_RECORD, "/lab/fcp_ms", 0, 0, "0", true},
    {"Lab LCP ms", FROM_RECORD, "/lab/lcp_ms", 0, 9, "0", true},
    {"Lab CLS", FROM_RECORD, "/lab/cls", 0, 8, "0.000", true},
    {"Lab TBT ms", FROM_RECORD, "/lab/tbt_ms", 0, 9, "0", true},
    {"Lab Speed Index ms", FROM_RECORD, "/lab/speed_index_ms", 0, 0, "0", true},
    {"Server response ms", FROM_RECORD, "/lab/server_response_ms", 0, 0, "0", true},
    {"Bytes", FROM_RECORD, "/lab/total_bytes", 0, 0, "#,##0", true},
    {"Saving 1", FROM_SAVING, NULL, 0, 0, NULL, false},
    {"Saving 2", FROM_SAVING, NULL, 1, 0, NULL, false},
    {"Saving 3", FROM_SAVING, NULL, 2, 0, NULL, false},
    {"Saving 4", FROM_SAVING, NULL, 3, 0, NULL, false},
    {"Saving 5", FROM_SAVING, NULL, 4, 0, NULL, false},
    FIELD("Field", "/field"),
    FIELD("Origin", "/origin"),
    DELTAS("Since run before:", FROM_DELTA),
    DELTAS("Since baseline:", FROM_BASELINE),
    {"Engine", FROM_RECORD, "/engine", 0, 0, NULL, false},
    {"Lighthouse", FROM_RECORD, "/lighthouse_version", 0, 0, NULL, false},
    {"Fetched at", FROM_RECORD, "/fetched_at", 0, 0, NULL, false},
    {"Cached at", FROM_RECORD, "/cached_at", 0, 0, NULL, false},
    {"Attempts", FROM_ATTEMPTS, "/attempts", 0, 0, NULL, true},
    {"Warnings", FROM_RECORD, "/warnings", 0, 0, NULL, false},
};
#define COLUMNS (sizeof columns / sizeof *columns)
#define LABELS_AT 3u

/* The members of a record's root, so that a row goes through its record once and not once a column. */
#define MEMBERS_MOST 48u
struct members {
    struct slice record;
    struct {
        struct slice name, value;
    } list[MEMBERS_MOST];
    size_t count;
    bool plain; /* all of them are here, and no name has escapes */
};

static void read_members(struct members *members, struct slice record) {
    struct json_iter iter;
    struct slice name, value;
    *members = (struct members){.record = record};
    if (json_type(record) != JSON_OBJECT || !json_iter_init(&iter, record))
        return;
    members->plain = true;
    while (json_iter_next(&iter, &name, &value)) {
        members->plain = members->plain && members->count < MEMBERS_MOST && !memchr(name.data, '\\', name.length);
        if (!members->plain)
            return;
        members->list[members->count].name = name;
        members->list[members->count++].value = value;
    }
}

/* As report_get; of names that come twice the last counts. */
static struct slice get(const struct members *members, const char *pointer) {
    const size_t length = strcspn(pointer + 1, "/");
    if (!members->plain)
        return report_get(members->record, pointer);
    for (size_t i = members->count; i > 0; i--)
        if (members->list[i - 1].name.length == length && memcmp(members->list[i - 1].name.data, pointer + 1, length) == 0) {
            const struct slice value = members->list[i - 1].value;
            return report_get(value, pointer + 1 + length); /* of null nothing */
        }
    return (struct slice){.length = 0};
}

struct rows {
    struct pagespeed *p;
    struct members now, previous, baseline;
    bool pages; /* only what has a width */
    struct report_column *columns;
    const struct column **shown; /* NULL: a label */
    size_t *labels;              /* of those, which */
    size_t count;
    struct report_line line;
};

/* "Reduce unused JavaScript (450 ms, 117 KiB)" */
static void put_saving(struct report_line *line, const struct members *record, unsigned number) {
    char pointer[32];
    double ms, bytes;
    str_format(pointer, sizeof pointer, "/savings/%u", number);
    const struct slice saving = get(record, pointer);
    const bool timed = report_get_number(saving, "/ms", &ms), sized = report_get_number(saving, "/bytes", &bytes);
    report_line_value(line, report_get(saving, "/title"));
    if (timed)
        report_line_printf(line, " (%.0f ms%s", ms, sized ? "" : ")");
    if (sized)
        report_line_printf(line, "%s%.0f KiB)", timed ? ", " : " (", bytes / 1024);
}

static void put_delta(struct report_line *line, const struct members *now, const struct members *before, const char *pointer) {
    double a, b;
    report_line_cell(line, REPORT_NUMBER, REPORT_PLAIN);
    if (!report_get_number(get(now, pointer), "", &a) || !report_get_number(get(before, pointer), "", &b))
        return;
    const double change = a - b;
    report_line_printf(line, "%.10g", change > -1e-9 && change < 1e-9 ? 0.0 : change); /* 0.3 - 0.1 in as many digits as it means */
}

/* Digits that nobody reads are left out on pages. */
static void put_value(const struct rows *r, struct report_line *line, struct slice value, const char *format) {
    char text[64];
    double number;
    if (!r->pages || !format || json_type(value) != JSON_NUMBER || !report_number(value, &number)) {
        report_line_value(line, value);
        return;
    }
    const char *point = strchr(format, '.');
    snprintf(text, sizeof text, "%.*f", point ? (int)strspn(point + 1, "0") : 0, number);
    report_line_cell(line, REPORT_NUMBER, REPORT_PLAIN);
    report_line_add(line, text);
}

static void put_record(const struct rows *r, struct report_line *line, const struct column *column) {
    const struct slice value = get(&r->now, column->pointer);
    if (strcmp(column->pointer, "/fetched_at") == 0 || strcmp(column->pointer, "/cached_at") == 0) {
        report_line_cell(line, REPORT_DATE, REPORT_PLAIN);
        report_line_add_value(line, value);
    } else
        put_value(r, line, value, column->format);
}

/* Of a unit that failed, what the journal says; else the record. */
static void put_failure(struct report_line *line, const struct pagespeed_row *row, const char *failed, const char *pointer) {
    report_line_cell(line, REPORT_TEXT, row->failed ? REPORT_BAD : REPORT_PLAIN);
    if (row->failed)
        report_line_add(line, failed);
    else
        report_line_add_value(line, report_get(row->record, pointer));
}

static void put(const struct rows *r, struct report_line *line, const struct pagespeed_row *row, const struct column *column) {
    char number[32];
    switch (column->source) {
    case FROM_RECORD:
        put_record(r, line, column);
        break;
    case FROM_URL:
        report_line_text(line, row->url);
        break;
    case FROM_STRATEGY:
        report_line_text(line, row->strategy);
        break;
    case FROM_RUN:
        report_line_cell(line, REPORT_TEXT, REPORT_PLAIN);
        if (row->failed)
            report_line_add(line, r->p->job_id);
        else
            report_line_add_value(line, report_get(row->record, column->pointer));
        break;
    case FROM_STATUS:
        put_failure(line, row, "failed", "/status");
        break;
    case FROM_ERROR_CLASS:
        put_failure(line, row, row->failed ? row->failed->error_class : "", "/error_class");
        break;
    case FROM_ERROR:
        put_failure(line, row, row->failed ? row->failed->error : "", "/error");
        break;
    case FROM_ATTEMPTS:
        if (row->failed) {
            report_line_cell(line, REPORT_NUMBER, REPORT_PLAIN);
            report_line_printf(line, "%u", row->failed->attempts);
        } else
            put_record(r, line, column);
        break;
    case FROM_SCORE:
        report_line_cell(line, REPORT_NUMBER, report_pagespeed_tone(row->scores[column->number]));
        report_line_add(line, report_pagespeed_number(row->scores[column->number], number));
        break;
    case FROM_SAVING:
        put_saving(line, &r->now, column->number);
        break;
    case FROM_CWV:
        report_line_cell(line, REPORT_TEXT, row->cwv == 1 ? REPORT_GOOD : REPORT_BAD);
        report_line_add(line, row->cwv < 0 ? "" : row->cwv ? "pass" : "fail");
        break;
    case FROM_DELTA:
        put_delta(line, &r->now, &r->previous, column->pointer);
        break;
    case FROM_BASELINE:
        put_delta(line, &r->now, &r->baseline, column->pointer);
        break;
    }
}

static void put_label(struct report_line *line, const struct pagespeed_row *row, const char *label) {
    struct json_iter iter;
    struct slice name, value;
    struct buf text = BUF_INIT(4096);
    report_line_cell(line, REPORT_TEXT, REPORT_PLAIN);
    if (json_type(row->labels) != JSON_OBJECT || !json_iter_init(&iter, row->labels))
        return;
    while (json_iter_next(&iter, &name, &value)) {
        buf_reset(&text);
        if (json_decode_string((struct slice){name.data - 1, name.length + 2}, &text) || strcmp(buf_text(&text), label) != 0)
            continue;
        report_line_add_value(line, value);
        break;
    }
    buf_release(&text);
}

static bool tell_row(struct rows *r, const struct pagespeed_row *row) {
    read_members(&r->now, row->record);
    read_members(&r->previous, row->previous);
    read_members(&r->baseline, row->baseline);
    report_line_begin(&r->line);
    for (size_t i = 0; i < r->count; i++) {
        if (r->shown[i])
            put(r, &r->line, row, r->shown[i]);
        else
            put_label(&r->line, row, r->p->labels[r->labels[i]]);
    }
    return report_line_tell(&r->line, r->p->report);
}

static void add_column(struct rows *r, const struct column *column, size_t label) {
    const size_t i = r->count++;
    r->shown[i] = column;
    r->labels[i] = label;
    r->columns[i] = column ? (struct report_column){.title = column->title,
                                                    .width = column->width,
                                                    .format = column->format,
                                                    .right = column->right,
                                                    .head = column->source == FROM_URL,
                                                    .clip = column->source == FROM_ERROR}
                           : (struct report_column){.title = r->p->labels[label], .width = 10};
}

/* On pages errors have columns when there are any: their class where it is seen, the text, which is long, behind the figures. */
static void choose(struct rows *r) {
    const struct column *said = NULL;
    bool fails = false;
    for (size_t i = 0; i < r->p->count && !fails; i++)
        fails = report_pagespeed_fails(&r->p->rows[i]);
    for (size_t i = 0; i < COLUMNS; i++) {
        for (size_t k = 0; i == LABELS_AT && k < r->p->label_count && k < (r->pages ? 2 : r->p->label_count); k++)
            add_column(r, NULL, k);
        if (!r->pages)
            add_column(r, &columns[i], 0);
        else if (columns[i].source == FROM_ERROR)
            said = &columns[i];
        else if (columns[i].width && (fails || columns[i].source != FROM_ERROR_CLASS))
            add_column(r, &columns[i], 0);
    }
    if (said && fails)
        add_column(r, said, 0);
}

/* What failed, then the lowest performance; what has none last. */
static int by_trouble(const void *a, const void *b) {
    const struct pagespeed_row *x = *(const struct pagespeed_row *const *)a, *y = *(const struct pagespeed_row *const *)b;
    const double sx = x->scores[PAGESPEED_PERFORMANCE], sy = y->scores[PAGESPEED_PERFORMANCE];
    const bool fx = report_pagespeed_fails(x), fy = report_pagespeed_fails(y);
    if (fx != fy)
        return fx ? -1 : 1;
    if ((sx < 0) != (sy < 0))
        return sx < 0 ? 1 : -1;
    if (sx != sy)
        return sx < sy ? -1 : 1;
    return x < y ? -1 : x > y; /* by URL */
}

/* Pages have what needs somebody first; what is sorted by its reader comes by URL. */
static const struct pagespeed_row **order_of(const struct pagespeed *p, bool pages) {
    const struct pagespeed_row **order = calloc(p->count + 1, sizeof(const struct pagespeed_row *));
    for (size_t i = 0; order && i < p->count; i++)
        order[i] = &p->rows[i];
    if (order && pages)
        qsort((void *)order, p->count, sizeof(const struct pagespeed_row *), by_trouble);
    return order;
}

bool report_pagespeed_tell_rows(struct pagespeed *p) {
    const size_t most = COLUMNS + p->label_count;
    struct rows r = {.p = p, .pages = report_wants(p->report, REPORT_HTML | REPORT_PDF)};
    r.columns = calloc(most, sizeof *r.columns);
    r.shown = calloc(most, sizeof(const struct column *));
    r.labels = calloc(most, sizeof *r.labels);
    const struct pagespeed_row **order = order_of(p, r.pages);
    bool good = r.columns && r.shown && r.labels && order;
    if (good)
        choose(&r);
    good = good && report_line_init(&r.line, r.count);
    if (good) {
        const struct report_table table = {.title = r.pages ? "All rows, what failed and the slowest first" : "All rows",
                                           .formats = REPORT_XLSX | REPORT_HTML | REPORT_PDF | REPORT_CSV,
                                           .most = 2000,
                                           .wide = true,
                                           .column_count = r.count,
                                           .columns = r.columns};
        report_table_begin(p->report, &table);
        for (size_t i = 0; good && i < p->count; i++)
            good = tell_row(&r, order[i]);
        report_table_end(p->report);
    }
    report_line_release(&r.line);
    free(r.columns);
    free((void *)r.shown);
    free((void *)order);
    free(r.labels);
    return good;
}
