// SPDX-License-Identifier: Apache-2.0
#include "report/report.h"

#include "base/clock.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <xlsxwriter.h>

/* A workbook by libxlsxwriter, which in its constant memory mode keeps one row: rows go to a temporary file without a name, and into the ZIP file at the end.
 * Widths and filters are said when a sheet ends; the library writes them before the rows all the same. */

#define SHEET_ROWS 1048576u /* Excel's */
#define CELL_UNITS 32767u
#define WIDTH_MOST 60u
#define WIDTH_LEAST 6u
#define BUFFER_MOST ((size_t)4 * CELL_UNITS + 64)

enum look { LOOK_TEXT, LOOK_NUMBER, LOOK_DATE, LOOK_TIME, LOOK_COUNT };
#define TONES 5u

struct xlsx {
    struct report_paper paper;
    lxw_workbook *book;
    lxw_worksheet *about, *sheet;
    lxw_format *title, *head, *looks[LOOK_COUNT][TONES], *wrapped;
    lxw_format *(*numbers)[TONES]; /* by column, made when one is needed */
    const struct report_table *table;
    unsigned *widths;
    unsigned part;                  /* of a table that needs several sheets */
    uint32_t row, about_row, first; /* of the sheet: the next one; its head */
    struct buf text;
};

static const uint32_t tone_colours[TONES] = {0, 0x18794E, 0x8A5A00, 0xB42318, 0x667085};

static enum rc failed(struct xlsx *x, lxw_error error) {
    if (!error)
        return RC_OK;
    return err_set(&x->paper.err, error == LXW_ERROR_CREATING_TMPFILE || error == LXW_ERROR_MEMORY_MALLOC_FAILED ? RC_TEMP : RC_PERM, "workbook: %s",
                   lxw_strerror(error));
}

static lxw_format *make_look(lxw_workbook *book, enum look look, unsigned tone) {
    lxw_format *format = workbook_add_format(book);
    if (!format)
        return NULL;
    format_set_align(format, LXW_ALIGN_VERTICAL_TOP);
    if (look == LOOK_TEXT) {
        format_set_num_format(format, "@");
        format_set_text_wrap(format);
    } else if (look == LOOK_DATE)
        format_set_num_format(format, "yyyy-mm-dd");
    else if (look == LOOK_TIME)
        format_set_num_format(format, "yyyy-mm-dd hh:mm:ss");
    if (tone)
        format_set_font_color(format, tone_colours[tone]);
    return format;
}

static bool make_looks(struct xlsx *x) {
    bool good = true;
    for (unsigned look = 0; look < LOOK_COUNT; look++)
        for (unsigned tone = 0; tone < TONES; tone++)
            good = good && (x->looks[look][tone] = make_look(x->book, (enum look)look, tone)) != NULL;
    x->title = workbook_add_format(x->book);
    x->head = workbook_add_format(x->book);
    x->wrapped = workbook_add_format(x->book);
    if (!good || !x->title || !x->head || !x->wrapped)
        return false;
    format_set_bold(x->title);
    format_set_font_size(x->title, 16);
    format_set_bold(x->head);
    format_set_bg_color(x->head, 0xE7ECF3);
    format_set_bottom(x->head, LXW_BORDER_THIN);
    format_set_text_wrap(x->head);
    format_set_align(x->head, LXW_ALIGN_VERTICAL_TOP);
    format_set_text_wrap(x->wrapped);
    format_set_align(x->wrapped, LXW_ALIGN_VERTICAL_TOP);
    return true;
}

static const char *cleaned(struct xlsx *x, struct slice text) {
    buf_reset(&x->text);
    return report_clean(text, CELL_UNITS, &x->text) == RC_OK ? buf_text(&x->text) : "";
}

static enum rc about_line(struct xlsx *x, const char *text, lxw_format *format) {
    return failed(x, worksheet_write_string(x->about, x->about_row++, 0, cleaned(x, slice_of(text)), format));
}

static enum rc about_open(struct xlsx *x, const struct report_head *head) {
    char line[200], when[CLOCK_RFC3339_SIZE];
    clock_format_rfc3339(head->as_of_us, 0, when);
    x->about = workbook_add_worksheet(x->book, "About");
    if (!x->about)
        return err_set(&x->paper.err, RC_TEMP, "out of memory");
    worksheet_set_column(x->about, 0, 0, 100, NULL);
    enum rc rc = about_line(x, head->title, x->title);
    if (!rc && head->draft)
        rc = about_line(x, "DRAFT: not reviewed yet", x->looks[LOOK_TEXT][REPORT_BAD]);
    if (!rc && head->subtitle)
        rc = about_line(x, head->subtitle, x->wrapped);
    if (!rc && head->origin)
        rc = about_line(x, head->origin, x->wrapped);
    str_format(line, sizeof line, "As of %s", when);
    return rc ? rc : about_line(x, line, x->wrapped);
}

static void say_properties(struct xlsx *x, const struct report_head *head) {
    char title[256], author[] = "batchspool";
    str_printable(title, sizeof title, head->title, strlen(head->title));
    lxw_doc_properties properties = {.title = title, .author = author, .created = (time_t)(head->as_of_us / 1000000)};
    if (!properties.created)
        properties.created = 1; /* 0 is the library's word for now */
    workbook_set_properties(x->book, &properties);
}

static enum rc xlsx_open(int fd, const struct report_head *head, struct report_paper **paper, struct err *err) {
    char path[64], *dir;
    struct xlsx *x = calloc(1, sizeof *x);
    if (!x)
        return err_set(err, RC_TEMP, "out of memory");
    buf_init(&x->text, BUFFER_MOST);
    dir = head->tmp_dir ? strdup(head->tmp_dir) : NULL;
    str_format(path, sizeof path, "/proc/self/fd/%d", fd); /* the library opens by name: that file, emptied */
    lxw_workbook_options options = {.constant_memory = LXW_TRUE, .tmpdir = dir, .use_zip64 = LXW_FALSE};
    x->book = workbook_new_opt(path, &options); /* keeps a copy of the name */
    free(dir);
    enum rc rc = x->book && make_looks(x) ? RC_OK : err_set(&x->paper.err, RC_TEMP, "out of memory");
    if (!rc) {
        say_properties(x, head);
        rc = about_open(x, head);
    }
    if (rc) {
        (void)err_set(err, rc, "%s", x->paper.err.text);
        (void)report_xlsx.close(&x->paper, false, NULL);
        return rc;
    }
    *paper = &x->paper;
    return RC_OK;
}

static enum rc xlsx_text(struct report_paper *paper, enum report_tone tone, const char *text) {
    struct xlsx *x = (struct xlsx *)paper;
    return about_line(x, text, tone ? x->looks[LOOK_TEXT][tone] : x->wrapped);
}

static enum rc xlsx_figures(struct report_paper *paper, const struct report_figure *figures, size_t count) {
    struct xlsx *x = (struct xlsx *)paper;
    char line[400];
    enum rc rc = RC_OK;
    for (size_t i = 0; i < count && !rc; i++) {
        snprintf(line, sizeof line, "%s: %s%s%s%s", figures[i].label, figures[i].value, figures[i].note ? " (" : "", figures[i].note ? figures[i].note : "",
                 figures[i].note ? ")" : "");
        rc = about_line(x, line, x->looks[LOOK_TEXT][figures[i].tone]);
    }
    return rc;
}

/* --- sheets ------------------------------------------------------------------------------------------------------------- */

/* Excel's rules: 31 characters, none of []:*?/\, no ' at the ends. */
static void sheet_name(const struct report_table *table, unsigned part, char out[40]) {
    size_t length = 0, units = 0;
    const char *from = table->sheet ? table->sheet : table->title;
    while (*from && units < 25) {
        size_t bytes = str_utf8_length(from, strlen(from));
        if (!bytes || length + bytes >= 33)
            break;
        if (bytes == 1 && (strchr("[]:*?/\\'", *from) || (unsigned char)*from < 0x20))
            out[length++] = '-';
        else {
            memcpy(out + length, from, bytes);
            length += bytes;
        }
        units += bytes == 4 ? 2 : 1;
        from += bytes;
    }
    if (part > 1)
        snprintf(out + length, 40 - length, " %u", part % 1000);
    else
        out[length] = '\0';
}

static enum rc add_sheet(struct xlsx *x) {
    char name[40];
    const struct report_table *table = x->table;
    sheet_name(table, ++x->part, name);
    x->sheet = workbook_add_worksheet(x->book, name);
    if (!x->sheet)
        return err_set(&x->paper.err, RC_PERM, "workbook: a sheet named \"%s\" cannot be", name);
    worksheet_freeze_panes(x->sheet, 1, table->column_count && table->columns[0].head ? 1 : 0);
    worksheet_repeat_rows(x->sheet, 0, 0);
    worksheet_set_landscape(x->sheet);
    worksheet_fit_to_pages(x->sheet, 1, 0);
    worksheet_set_paper(x->sheet, 9);
    worksheet_set_footer(x->sheet, "&L&A&RPage &P of &N");
    enum rc rc = RC_OK;
    for (size_t i = 0; i < table->column_count && !rc; i++)
        rc = failed(x, worksheet_write_string(x->sheet, 0, (lxw_col_t)i, cleaned(x, slice_of(table->columns[i].title)), x->head));
    x->row = 1;
    return rc;
}

static void end_sheet(struct xlsx *x) {
    const size_t count = x->table->column_count;
    for (size_t i = 0; i < count; i++)
        worksheet_set_column(x->sheet, (lxw_col_t)i, (lxw_col_t)i, x->widths[i] + 2, NULL);
    if (count)
        worksheet_autofilter(x->sheet, 0, 0, x->row > 1 ? x->row - 1 : 1, (lxw_col_t)(count - 1));
}

static unsigned shown_width(const char *text) {
    unsigned widest = 0, width = 0;
    for (const char *at = text; *at; at++) {
        if (*at == '\n') {
            widest = width > widest ? width : widest;
            width = 0;
        } else
            width += ((unsigned char)*at & 0xC0) != 0x80;
    }
    widest = width > widest ? width : widest;
    return widest > WIDTH_MOST ? WIDTH_MOST : widest;
}

static void widen(struct xlsx *x, size_t column, const char *text) {
    const unsigned width = shown_width(text);
    if (width > x->widths[column])
        x->widths[column] = width;
}

static enum rc xlsx_table(struct report_paper *paper, const struct report_table *table) {
    struct xlsx *x = (struct xlsx *)paper;
    x->table = table;
    x->part = 0;
    free(x->widths);
    free(x->numbers);
    x->widths = calloc(table->column_count + 1, sizeof *x->widths);
    x->numbers = calloc(table->column_count + 1, sizeof *x->numbers);
    if (!x->widths || !x->numbers)
        return err_set(&x->paper.err, RC_TEMP, "out of memory");
    for (size_t i = 0; i < table->column_count; i++) {
        x->widths[i] = WIDTH_LEAST;
        widen(x, i, table->columns[i].title);
    }
    return add_sheet(x);
}

/* --- cells -------------------------------------------------------------------------------------------------------------- */

/* As Excel counts days, which knows none before 1900. */
static bool read_date(struct slice text, lxw_datetime *date, bool *has_time) {
    char copy[CLOCK_RFC3339_SIZE + 8];
    int64_t us;
    if (text.length < 10 || text.length >= CLOCK_RFC3339_SIZE)
        return false;
    *has_time = text.length > 10;
    snprintf(copy, sizeof copy, "%.*s%s", (int)text.length, text.data, *has_time ? "" : "T00:00:00Z");
    if (!clock_parse_rfc3339(copy, &us))
        return false;
    const time_t seconds = (time_t)(us / 1000000);
    struct tm tm;
    gmtime_r(&seconds, &tm);
    *date = (lxw_datetime){tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec};
    return date->year >= 1900;
}

/* A superseded or bad number is written like the others of its column. NULL: out of memory. */
static lxw_format *number_look(struct xlsx *x, size_t column, enum report_tone tone) {
    const char *wanted = x->table->columns[column].format;
    lxw_format **look = wanted ? &x->numbers[column][tone] : &x->looks[LOOK_NUMBER][tone];
    if (!*look && (*look = make_look(x->book, LOOK_NUMBER, tone)) != NULL)
        format_set_num_format(*look, wanted);
    return *look;
}

static enum rc write_cell(struct xlsx *x, size_t column, const struct report_cell *cell) {
    lxw_datetime date;
    double number;
    bool has_time;
    if (!cell->text.length)
        return RC_OK;
    if (cell->kind == REPORT_NUMBER && report_number(cell->text, &number)) {
        lxw_format *format = number_look(x, column, cell->tone);
        if (!format)
            return err_set(&x->paper.err, RC_TEMP, "out of memory");
        widen(x, column, cleaned(x, cell->text));
        return failed(x, worksheet_write_number(x->sheet, x->row, (lxw_col_t)column, number, format));
    }
    if (cell->kind == REPORT_DATE && read_date(cell->text, &date, &has_time)) {
        widen(x, column, has_time ? "2026-11-28 10:00:00" : "2026-11-28");
        return failed(x, worksheet_write_datetime(x->sheet, x->row, (lxw_col_t)column, &date, x->looks[has_time ? LOOK_TIME : LOOK_DATE][cell->tone]));
    }
    const char *text = cleaned(x, cell->text);
    widen(x, column, text);
    return failed(x, worksheet_write_string(x->sheet, x->row, (lxw_col_t)column, text, x->looks[LOOK_TEXT][cell->tone]));
}

static enum rc xlsx_row(struct report_paper *paper, const struct report_cell *cells) {
    struct xlsx *x = (struct xlsx *)paper;
    enum rc rc = RC_OK;
    if (x->row == SHEET_ROWS) {
        end_sheet(x);
        rc = add_sheet(x);
    }
    for (size_t i = 0; i < x->table->column_count && !rc; i++)
        rc = write_cell(x, i, &cells[i]);
    x->row++;
    return rc;
}

static enum rc xlsx_table_end(struct report_paper *paper, uint64_t left_out) {
    struct xlsx *x = (struct xlsx *)paper;
    (void)left_out;
    end_sheet(x);
    return RC_OK;
}

static enum rc xlsx_close(struct report_paper *paper, bool complete, struct err *err) {
    struct xlsx *x = (struct xlsx *)paper;
    enum rc rc = RC_OK;
    if (x->book && complete) {
        if (x->book->num_worksheets > 1)
            worksheet_activate(STAILQ_NEXT(STAILQ_FIRST(x->book->worksheets), list_pointers));
        errno = 0;
        rc = failed(x, workbook_close(x->book));
        if (rc && errno == ENOSPC)
            rc = RC_NOSPACE;
        else if (rc)
            rc = RC_TEMP;
    } else if (x->book)
        lxw_workbook_free(x->book);
    if (rc)
        (void)err_set(err, rc, "%s", x->paper.err.text);
    free(x->widths);
    free(x->numbers);
    buf_release(&x->text);
    free(x);
    return rc;
}

const struct report_form report_xlsx = {.name = "xlsx",
                                        .bit = REPORT_XLSX,
                                        .open = xlsx_open,
                                        .text = xlsx_text,
                                        .figures = xlsx_figures,
                                        .table = xlsx_table,
                                        .row = xlsx_row,
                                        .table_end = xlsx_table_end,
                                        .close = xlsx_close};
