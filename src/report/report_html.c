// SPDX-License-Identifier: Apache-2.0
#include "report/report.h"

#include "base/clock.h"
#include "os/fsio.h"

#include <stdlib.h>
#include <string.h>

/* One file that needs nothing else: no script, nothing from elsewhere (its own policy forbids both). It is well-formed XML too. */

#define OUT_MOST (SIZE_MAX / 4)
#define FLUSH_BYTES ((size_t)256 * 1024)
#define CELL_MOST 4000u /* what is longer is for the other files */
#define WIDEST 24u

static const char style[] =
    ":root{--ink:#1a2433;--soft:#5b6676;--line:#d7dde6;--paper:#fff;--band:#f4f6f9;--accent:#1f4e8c;--good:#18794e;--middling:#8a5a00;--bad:#b42318}\n"
    "@media (prefers-color-scheme:dark){:root{--ink:#e6eaf0;--soft:#a3adba;--line:#38424f;--paper:#14181f;--band:#1d232c;--accent:#8db8f0;"
    "--good:#5bc795;--middling:#e0b04a;--bad:#ff8b7f}}\n"
    "*{box-sizing:border-box}\n"
    "body{margin:0 auto;padding:2.5rem 1.5rem 4rem;max-width:82rem;color:var(--ink);background:var(--paper);"
    "font:15px/1.5 system-ui,-apple-system,\"Segoe UI\",\"Liberation Sans\",Arial,sans-serif}\n"
    "header{border-bottom:2px solid var(--accent);margin-bottom:1.5rem;padding-bottom:.75rem}\n"
    "h1{font-size:1.75rem;line-height:1.2;margin:0 0 .25rem}\n"
    "h2{font-size:1.25rem;margin:2.25rem 0 .5rem;color:var(--accent)}\n"
    "h3{font-size:1.05rem;margin:1.5rem 0 .5rem}\n"
    "p{margin:.4rem 0;max-width:60rem;white-space:pre-line;overflow-wrap:anywhere}\n"
    ".sub{font-size:1.05rem}.meta,.quiet{color:var(--soft)}.meta{font-size:.85rem}\n"
    ".draft{display:inline-block;border:2px solid var(--bad);color:var(--bad);font-weight:700;letter-spacing:.12em;padding:.1rem .6rem;margin:.25rem 0}\n"
    ".good{color:var(--good)}.middling{color:var(--middling)}.bad{color:var(--bad)}\n"
    ".figures{display:grid;grid-template-columns:repeat(auto-fit,minmax(10.5rem,1fr));gap:.75rem;margin:1rem 0;padding:0;list-style:none}\n"
    ".figures li{border:1px solid var(--line);border-radius:6px;padding:.7rem .9rem;background:var(--band)}\n"
    ".figures .label{display:block;font-size:.82rem;color:var(--soft)}\n"
    ".figures .value{display:block;font-size:1.5rem;font-weight:600;line-height:1.25;overflow-wrap:anywhere}\n"
    ".figures .note{display:block;font-size:.8rem;color:var(--soft)}\n"
    ".scroll{overflow-x:auto;margin:.75rem 0 1.25rem;border:1px solid var(--line);border-radius:6px}\n"
    "table{border-collapse:collapse;width:100%;font-size:.88rem}\n"
    "caption{text-align:left;font-weight:600;padding:.6rem}\n"
    "th,td{text-align:left;vertical-align:top;padding:.4rem .6rem;border-top:1px solid var(--line);overflow-wrap:anywhere;white-space:pre-line;"
    "unicode-bidi:isolate;max-width:30rem}\n"
    "thead th{min-width:calc(min(var(--w),12)*1ch + 1.25rem);background:var(--band);border-top:0;font-weight:600}tbody th{font-weight:500}\n"
    "tbody tr:nth-child(even){background:var(--band)}\n"
    ".wide{font-size:.82rem}.wide th,.wide td{padding:.35rem .45rem}.wide thead th{font-size:.76rem;min-width:calc(min(var(--w),12)*1.1ch + 1.1rem)}"
    ".wide thead .n{white-space:normal}.wide .clip{max-width:11rem;white-space:nowrap;overflow:hidden;text-overflow:ellipsis}\n"
    "@media screen and (min-width:50rem){.wide .key{min-width:19rem}.wide tbody .key{position:sticky;left:0;background:var(--paper);"
    "border-right:1px solid var(--line)}.wide tbody tr:nth-child(even) .key{background:var(--band)}}\n"
    ".n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}\n"
    "footer{margin-top:2.5rem;border-top:1px solid var(--line);padding-top:.75rem;font-size:.85rem;color:var(--soft)}\n"
    "@media (max-width:50rem){thead th{min-width:calc(min(var(--w),14)*1ch + 1.25rem)}.wide thead th{min-width:calc(min(var(--w),14)*1.1ch + "
    "1.25rem)}.figures{grid-template-columns:1fr 1fr}.figures "
    ".value{font-size:1.25rem}body{padding:1.5rem 1rem 3rem}}\n"
    "@page{size:A4;margin:15mm}\n"
    "@media print{:root{--ink:#000;--soft:#444;--line:#bbb;--paper:#fff;--band:#f2f2f2;--accent:#1f4e8c;--good:#18794e;--middling:#8a5a00;--bad:#b42318}"
    "body{padding:0;max-width:none;font-size:10pt}.wide .clip{white-space:pre-line}.scroll{overflow:visible;border:0}table{font-size:8.5pt}thead "
    "th{min-width:0}thead{display:table-header-group}"
    "tr,.figures li{break-inside:avoid}h2,h3,caption{break-after:avoid}.page{break-before:page}}\n";

struct html {
    struct report_paper paper;
    int fd;
    struct buf out, text;
    const struct report_table *table;
    uint64_t rows;
    bool page; /* the next heading begins one */
    char origin[300];
};

static const char *const tones[] = {"", "good", "middling", "bad", "quiet"};

static enum rc add(struct html *h, const char *text) {
    return buf_add_text(&h->out, text);
}

static enum rc flush(struct html *h, size_t least) {
    if (h->out.length < least)
        return RC_OK;
    const enum rc rc = fsio_write(h->fd, h->out.data, h->out.length, &h->paper.err);
    buf_reset(&h->out);
    return rc;
}

static enum rc escape(struct html *h, struct slice text) {
    buf_reset(&h->text);
    enum rc rc = report_clean(text, CELL_MOST, &h->text);
    const char *at = buf_text(&h->text);
    while (*at && !rc) {
        const size_t plain = strcspn(at, "&<>\"'");
        rc = buf_add(&h->out, at, plain);
        at += plain;
        if (rc || !*at)
            break;
        rc = add(h, *at == '&' ? "&amp;" : *at == '<' ? "&lt;" : *at == '>' ? "&gt;" : *at == '"' ? "&quot;" : "&#39;");
        at++;
    }
    return rc;
}

/* before, the text escaped, after */
static enum rc put(struct html *h, const char *before, const char *text, const char *after) {
    enum rc rc = add(h, before);
    rc = rc ? rc : escape(h, slice_of(text));
    return rc ? rc : add(h, after);
}

static enum rc put_head(struct html *h, const struct report_head *head) {
    char when[CLOCK_RFC3339_SIZE];
    clock_format_rfc3339(head->as_of_us, 0, when);
    enum rc rc = put(h,
                     "<!DOCTYPE html>\n<html lang=\"en\" xmlns=\"http://www.w3.org/1999/xhtml\">\n<head>\n<meta charset=\"utf-8\"/>\n"
                     "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\"/>\n"
                     "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n<meta name=\"color-scheme\" content=\"light dark\"/>\n<title>",
                     head->title, "</title>\n<style>\n");
    rc = rc ? rc : add(h, style);
    rc = rc ? rc : put(h, "</style>\n</head>\n<body>\n<header>\n<h1>", head->title, "</h1>\n");
    if (!rc && head->draft)
        rc = add(h, "<p class=\"draft\">DRAFT</p>\n");
    if (!rc && head->subtitle)
        rc = put(h, "<p class=\"sub\">", head->subtitle, "</p>\n");
    rc = rc ? rc : put(h, "<p class=\"meta\">", h->origin, " &#183; as of ");
    rc = rc ? rc : put(h, "", when, "</p>\n</header>\n<main>\n");
    return rc;
}

static enum rc html_close(struct report_paper *paper, bool complete, struct err *err) {
    struct html *h = (struct html *)paper;
    enum rc rc = RC_OK;
    if (complete) {
        rc = put(h, "</main>\n<footer>batchspool &#183; ", h->origin, "</footer>\n</body>\n</html>\n");
        rc = rc ? rc : flush(h, 1);
        if (rc)
            (void)err_set(err, rc, "%s", h->paper.err.text[0] ? h->paper.err.text : "out of memory");
    }
    buf_release(&h->out);
    buf_release(&h->text);
    free(h);
    return rc;
}

static enum rc html_open(int fd, const struct report_head *head, struct report_paper **paper, struct err *err) {
    struct html *h = calloc(1, sizeof *h);
    if (!h)
        return err_set(err, RC_TEMP, "out of memory");
    h->fd = fd;
    buf_init(&h->out, OUT_MOST);
    buf_init(&h->text, OUT_MOST);
    str_printable(h->origin, sizeof h->origin, head->origin ? head->origin : "", head->origin ? strlen(head->origin) : 0);
    const enum rc rc = put_head(h, head);
    if (rc) {
        (void)html_close(&h->paper, false, NULL);
        return err_set(err, rc, "out of memory");
    }
    *paper = &h->paper;
    return RC_OK;
}

static enum rc html_page(struct report_paper *paper, bool wide) {
    (void)wide;
    ((struct html *)paper)->page = true;
    return RC_OK;
}

static enum rc html_heading(struct report_paper *paper, unsigned level, const char *text) {
    struct html *h = (struct html *)paper;
    const char *open = level == 1 ? h->page ? "<h2 class=\"page\">" : "<h2>" : h->page ? "<h3 class=\"page\">" : "<h3>";
    h->page = false;
    return put(h, open, text, level == 1 ? "</h2>\n" : "</h3>\n");
}

static enum rc html_text(struct report_paper *paper, enum report_tone tone, const char *text) {
    struct html *h = (struct html *)paper;
    enum rc rc = tone ? put(h, "<p class=\"", tones[tone], "\">") : add(h, "<p>");
    return rc ? rc : put(h, "", text, "</p>\n");
}

static enum rc html_figures(struct report_paper *paper, const struct report_figure *figures, size_t count) {
    struct html *h = (struct html *)paper;
    enum rc rc = add(h, "<ul class=\"figures\">\n");
    for (size_t i = 0; i < count && !rc; i++) {
        rc = put(h, "<li><span class=\"label\">", figures[i].label, "</span> <span class=\"value ");
        rc = rc ? rc : put(h, tones[figures[i].tone], "", "\">");
        rc = rc ? rc : put(h, "", figures[i].value, "</span>");
        if (!rc && figures[i].note)
            rc = put(h, " <span class=\"note\">", figures[i].note, "</span>");
        rc = rc ? rc : add(h, "</li>\n");
    }
    return rc ? rc : add(h, "</ul>\n");
}

/* Words may be broken anywhere, so that long ones fit; columns are then no narrower than this: characters of its title's longest word, or what is usual in
 * it. Where there is no room for all of them the table can be moved to the side. */
static unsigned least_width(const struct report_column *column) {
    size_t least = 0;
    for (const char *at = column->title; *at;) {
        const size_t length = strcspn(at, " ");
        least = length > least ? length : least;
        at += length + (at[length] == ' ');
    }
    const size_t usual = column->right ? 5 : column->width ? column->width : 10;
    return (unsigned)(usual > WIDEST ? (least > WIDEST ? least : WIDEST) : usual > least ? usual : least);
}

/* The column that stays in sight when a wide table is moved to the side: one that needs room to be read, such as a URL. */
static bool is_key(const struct report_table *table, const struct report_column *column) {
    return table->wide && column->head && column->width > WIDEST;
}

static enum rc html_table(struct report_paper *paper, const struct report_table *table) {
    struct html *h = (struct html *)paper;
    h->table = table;
    h->rows = 0;
    enum rc rc = put(h, "<div class=\"scroll\" role=\"region\" tabindex=\"0\" aria-label=\"", table->title,
                     table->wide ? "\">\n<table class=\"wide\">\n" : "\">\n<table>\n");
    if (!rc && !table->untitled)
        rc = put(h, "<caption>", table->title, "</caption>\n");
    rc = rc ? rc : add(h, "<thead><tr>");
    for (size_t i = 0; i < table->column_count && !rc; i++) {
        rc = buf_printf(&h->out, "<th scope=\"col\"%s style=\"--w:%u\">",
                        table->columns[i].right             ? " class=\"n\""
                        : is_key(table, &table->columns[i]) ? " class=\"key\""
                                                            : "",
                        least_width(&table->columns[i]));
        rc = rc ? rc : put(h, "", table->columns[i].title, "</th>");
    }
    return rc ? rc : add(h, "</tr></thead>\n<tbody>\n");
}

static enum rc html_cell(struct html *h, const struct report_column *column, const struct report_cell *cell) {
    const char *name = column->head ? "th" : "td",
               *classes[] = {column->right ? "n" : "", is_key(h->table, column) ? "key" : "", tones[cell->tone], column->clip ? "clip" : ""};
    const char *before = " class=\"";
    enum rc rc = buf_printf(&h->out, column->head ? "<%s scope=\"row\"" : "<%s", name);
    for (size_t i = 0; i < sizeof classes / sizeof *classes && !rc; i++)
        if (classes[i][0]) {
            rc = buf_printf(&h->out, "%s%s", before, classes[i]);
            before = " ";
        }
    if (!rc && before[1] == '\0')
        rc = add(h, "\"");
    if (!rc && column->clip && cell->text.length) {
        rc = add(h, " title=\"");
        rc = rc ? rc : escape(h, cell->text);
        rc = rc ? rc : add(h, "\"");
    }
    rc = rc ? rc : add(h, ">");
    rc = rc ? rc : escape(h, cell->text);
    return rc ? rc : buf_printf(&h->out, "</%s>", name);
}

static enum rc html_row(struct report_paper *paper, const struct report_cell *cells) {
    struct html *h = (struct html *)paper;
    enum rc rc = add(h, "<tr>");
    h->rows++;
    for (size_t i = 0; i < h->table->column_count && !rc; i++)
        rc = html_cell(h, &h->table->columns[i], &cells[i]);
    rc = rc ? rc : add(h, "</tr>\n");
    return rc ? rc : flush(h, FLUSH_BYTES);
}

static enum rc html_table_end(struct report_paper *paper, uint64_t left_out) {
    struct html *h = (struct html *)paper;
    const char *empty = h->table->empty ? h->table->empty : "None.";
    enum rc rc = RC_OK;
    if (!h->rows) {
        rc = buf_printf(&h->out, "<tr><td class=\"quiet\" colspan=\"%zu\">", h->table->column_count);
        rc = rc ? rc : put(h, "", empty, "</td></tr>\n");
    }
    rc = rc ? rc : add(h, "</tbody>\n</table>\n</div>\n");
    if (!rc && left_out)
        rc = buf_printf(&h->out, "<p class=\"quiet\">%llu more rows are not shown here; the spreadsheet and the CSV file have all of them.</p>\n",
                        (unsigned long long)left_out);
    return rc;
}

const struct report_form report_html = {.name = "html",
                                        .bit = REPORT_HTML,
                                        .open = html_open,
                                        .page = html_page,
                                        .heading = html_heading,
                                        .text = html_text,
                                        .figures = html_figures,
                                        .table = html_table,
                                        .row = html_row,
                                        .table_end = html_table_end,
                                        .close = html_close};
