// SPDX-License-Identifier: Apache-2.0
#include "report/report.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TEXT_MOST ((size_t)1024 * 1024)
#define DIGITS_KEPT 15u
#define REPLACEMENT "\xef\xbf\xbd"
#define CUT "\xe2\x80\xa6"

const struct report_form *const report_forms[] = {&report_xlsx, &report_html, &report_pdf, &report_csv, &report_ics, NULL};

const struct report_form *report_form_named(const char *name) {
    for (size_t i = 0; report_forms[i]; i++)
        if (strcmp(report_forms[i]->name, name) == 0)
            return report_forms[i];
    return NULL;
}

struct report {
    const struct report_form *form;
    struct report_paper *paper;
    const struct report_table *table; /* that is being told; NULL: none, or one that this format leaves out */
    uint64_t rows;
    enum rc rc;
    struct err err;
};

enum rc report_open(const struct report_form *form, int fd, const struct report_head *head, struct report **report, struct err *err) {
    struct report *r = calloc(1, sizeof *r);
    if (!r)
        return err_set(err, RC_TEMP, "out of memory");
    r->form = form;
    enum rc rc = form->open(fd, head, &r->paper, err);
    if (rc) {
        free(r);
        return rc;
    }
    *report = r;
    return RC_OK;
}

bool report_wants(const struct report *report, unsigned formats) {
    return report->form->bit & formats;
}

void report_fail(struct report *report, enum rc rc, const struct err *err) {
    if (report->rc)
        return;
    report->rc = rc;
    report->err = *err;
}

bool report_failed(const struct report *report) {
    return report->rc != RC_OK;
}

static void keep(struct report *report, enum rc rc) {
    if (!rc)
        return;
    if (!report->paper->err.text[0])
        err_set(&report->paper->err, rc, rc == RC_PERM ? "a text is too long" : "out of memory");
    report_fail(report, rc, &report->paper->err);
}

void report_page(struct report *report, bool wide) {
    if (!report->rc && report->form->page)
        keep(report, report->form->page(report->paper, wide));
}

__attribute__((format(printf, 2, 0))) static bool say(struct buf *out, const char *format, va_list args) {
    return buf_vprintf(out, format, args) == RC_OK;
}

void report_heading(struct report *report, unsigned level, const char *format, ...) {
    struct buf text = BUF_INIT(TEXT_MOST);
    va_list args;
    va_start(args, format);
    if (!report->rc && report->form->heading)
        keep(report, say(&text, format, args) ? report->form->heading(report->paper, level, buf_text(&text)) : RC_TEMP);
    va_end(args);
    buf_release(&text);
}

void report_text(struct report *report, enum report_tone tone, const char *format, ...) {
    struct buf text = BUF_INIT(TEXT_MOST);
    va_list args;
    va_start(args, format);
    if (!report->rc && report->form->text)
        keep(report, say(&text, format, args) ? report->form->text(report->paper, tone, buf_text(&text)) : RC_TEMP);
    va_end(args);
    buf_release(&text);
}

void report_figures(struct report *report, const struct report_figure *figures, size_t count) {
    if (!report->rc && report->form->figures)
        keep(report, report->form->figures(report->paper, figures, count));
}

void report_table_begin(struct report *report, const struct report_table *table) {
    const bool told = report->form->table && (table->formats & report->form->bit);
    report->table = told ? table : NULL;
    report->rows = 0;
    if (!report->rc && told)
        keep(report, report->form->table(report->paper, table));
}

void report_row(struct report *report, const struct report_cell *cells) {
    const struct report_table *table = report->table;
    if (report->rc || !table)
        return;
    report->rows++;
    if (table->most && report->rows > table->most && report_wants(report, REPORT_HTML | REPORT_PDF))
        return;
    keep(report, report->form->row(report->paper, cells));
}

void report_table_end(struct report *report) {
    const struct report_table *table = report->table;
    if (report->rc || !table)
        return;
    const bool cut = table->most && report->rows > table->most && report_wants(report, REPORT_HTML | REPORT_PDF);
    keep(report, report->form->table_end(report->paper, cut ? report->rows - table->most : 0));
    report->table = NULL;
}

void report_event(struct report *report, const struct report_event *event) {
    if (!report->rc && report->form->event)
        keep(report, report->form->event(report->paper, event));
}

enum rc report_close(struct report *report, struct err *err) {
    const bool complete = report->rc == RC_OK;
    struct err own = report->err;
    enum rc rc = report->rc;
    if (complete)
        rc = report->form->close(report->paper, true, &own);
    else
        (void)report->form->close(report->paper, false, NULL);
    free(report);
    return rc ? err_set(err, rc, "%s", own.text) : RC_OK;
}

struct report_cell report_cell_text(const char *text) {
    return (struct report_cell){.text = slice_of(text ? text : "")};
}

struct report_cell report_cell_of(enum report_kind kind, struct slice text, enum report_tone tone) {
    return (struct report_cell){.text = text, .kind = kind, .tone = tone};
}

struct report_cell report_toned(struct report_cell cell, enum report_tone tone) {
    cell.tone = tone;
    return cell;
}

/* No UTF-8 (length 0), a control character, no character, or one that turns the text around it. */
static bool is_bad(const unsigned char *at, size_t length) {
    switch (length) {
    case 1:
        return (*at < 0x20 && *at != '\t' && *at != '\n') || *at == 0x7f;
    case 2:
        return at[0] == 0xc2 && at[1] < 0xa0;
    case 3:
        return (at[0] == 0xef && at[1] == 0xbf && at[2] >= 0xbe) || (at[0] == 0xe2 && at[1] == 0x80 && at[2] >= 0xaa && at[2] <= 0xae) ||
               (at[0] == 0xe2 && at[1] == 0x81 && at[2] >= 0xa6 && at[2] <= 0xa9);
    default:
        return length == 0;
    }
}

enum rc report_clean(struct slice text, size_t most, struct buf *out) {
    size_t units = 0;
    enum rc rc = RC_OK;
    for (size_t at = 0; at < text.length && !rc;) {
        const unsigned char c = (unsigned char)text.data[at];
        size_t length = str_utf8_length(text.data + at, text.length - at);
        const size_t more = length == 4 ? 2 : 1;
        const bool bad = is_bad((const unsigned char *)text.data + at, length);
        if (most && units + more > most - 1 && (at + (length ? length : 1) < text.length || units + more > most))
            return buf_add_text(out, CUT);
        if (c == '\r' && at + 1 < text.length && text.data[at + 1] == '\n') { /* the line feed says it */
            at++;
            continue;
        }
        rc = c == '\r' ? buf_add_char(out, '\n') : bad ? buf_add_text(out, REPLACEMENT) : buf_add(out, text.data + at, length);
        units += bad ? 1 : more;
        at += length ? length : 1;
    }
    return rc;
}

bool report_number(struct slice text, double *number) {
    char copy[48], *end;
    size_t digits = 0;
    bool leading = true, whole = true;
    if (!text.length || text.length >= sizeof copy)
        return false;
    memcpy(copy, text.data, text.length);
    copy[text.length] = '\0';
    for (const char *at = copy; *at; at++) {
        if (!strchr("0123456789+-.eE", *at))
            return false;
        whole = whole && !strchr(".eE", *at);
        leading = leading && !(*at >= '1' && *at <= '9');
        digits += *at >= '0' && *at <= '9' && !leading && whole;
    }
    *number = strtod(copy, &end);
    return *end == '\0' && digits <= DIGITS_KEPT && *number > -1e300 && *number < 1e300;
}
