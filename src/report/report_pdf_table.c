// SPDX-License-Identifier: Apache-2.0
#include "report/report_pdf_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Tables: rows whose cells are wrapped, the head of the table on each page. */

#define CELL_LINES 60u
#define PAD 4.0F

static const struct style table_head = {PDF_BOLD, 7.8F, 10.2F, INK_TEXT}, table_cell = {PDF_REGULAR, 7.8F, 10.2F, INK_TEXT};

struct lines { /* of one cell */
    size_t count;
    struct {
        size_t from, length;
    } list[CELL_LINES];
    struct buf text;
};

static enum rc lay_out(struct pdf *p, const struct style *style, struct slice text, float width, struct lines *lines) {
    size_t at = 0, next;
    buf_init(&lines->text, (size_t)64 * 1024);
    lines->count = 0;
    enum rc rc = report_clean(text, 6000, &lines->text);
    const char *clean = buf_text(&lines->text);
    while (!rc && at < lines->text.length && lines->count < CELL_LINES) {
        lines->list[lines->count].from = at;
        lines->list[lines->count++].length = report_pdf_text_fit(&p->fonts, style->face, style->size, clean + at, lines->text.length - at, width, &next);
        at += next;
    }
    return rc;
}

static enum rc draw_row(struct pdf *p, const struct style *style, struct lines *cells, const struct report_cell *tones, float height, enum ink band) {
    float x = MARGIN;
    report_pdf_box(p, MARGIN, p->y - height, report_pdf_inner(p), height, band);
    for (size_t i = 0; i < p->table->column_count; i++) {
        struct style own = *style;
        own.ink = tones ? (enum ink)tones[i].tone : style->ink;
        own.face = tones && p->table->columns[i].head ? PDF_BOLD : style->face;
        const float width = p->widths[i] - 2 * PAD;
        for (size_t k = 0; k < cells[i].count; k++) {
            const char *text = buf_text(&cells[i].text) + cells[i].list[k].from;
            const size_t length = cells[i].list[k].length;
            const float left = p->table->columns[i].right ? width - report_pdf_measure(p, &own, text, length) : 0.0F;
            const float y = p->y - PAD - style->leading * (float)k - style->size;
            if (y < p->y - height)
                break;
            report_pdf_show(p, &own, x + PAD + (left > 0 ? left : 0), y, text, length);
        }
        x += p->widths[i];
    }
    p->y -= height;
    report_pdf_box(p, MARGIN, p->y, report_pdf_inner(p), 0.4F, INK_LINE);
    p->fresh = false;
    return report_pdf_state(p);
}

static enum rc draw_head(struct pdf *p);

/* The lines of a row's cells, its height, and a new page with the head of the table when it does not fit. A row higher than a page is cut. */
static enum rc put_row(struct pdf *p, const struct style *style, const struct report_cell *cells, enum ink band, bool is_head) {
    const size_t count = p->table->column_count;
    struct lines *lines = calloc(count, sizeof *lines);
    size_t most = 1;
    enum rc rc = lines ? RC_OK : err_set(&p->paper.err, RC_TEMP, "out of memory");
    for (size_t i = 0; i < count && !rc; i++) {
        struct style own = *style;
        own.face = p->table->columns[i].head ? PDF_BOLD : style->face;
        rc = lay_out(p, &own, cells[i].text, p->widths[i] - 2 * PAD, &lines[i]);
        most = lines[i].count > most ? lines[i].count : most;
    }
    const float page = p->height - TOP - BOTTOM - 60.0F;
    float height = (float)most * style->leading + 2 * PAD - (style->leading - style->size) * 0.5F;
    height = height > page ? page : height;
    if (!rc && p->y - height < BOTTOM) {
        rc = report_pdf_new_page(p, p->wide);
        if (!rc && !is_head)
            rc = draw_head(p);
    }
    rc = rc ? rc : draw_row(p, style, lines, is_head ? NULL : cells, height, band);
    for (size_t i = 0; lines && i < count; i++)
        buf_release(&lines[i].text);
    free(lines);
    return rc;
}

static enum rc draw_head(struct pdf *p) {
    struct report_cell *cells = calloc(p->table->column_count, sizeof *cells);
    if (!cells)
        return err_set(&p->paper.err, RC_TEMP, "out of memory");
    for (size_t i = 0; i < p->table->column_count; i++)
        cells[i] = report_cell_text(p->table->columns[i].title);
    const enum rc rc = put_row(p, &table_head, cells, INK_LINE, true);
    free(cells);
    return rc;
}

/* The longest word of a title, which is not broken. */
static float least_width(struct pdf *p, const char *title) {
    float least = 0;
    while (*title) {
        const size_t length = strcspn(title, " ");
        const float width = report_pdf_measure(p, &table_head, title, length);
        least = width > least ? width : least;
        title += length + (title[length] == ' ');
    }
    return least + 2 * PAD + 1.0F;
}

static float weight_of(const struct report_column *column) {
    return column->width ? (float)column->width : 10.0F;
}

/* By weight; what is narrower than its title is widened at the cost of the others. */
static enum rc share_width(struct pdf *p) {
    const struct report_table *table = p->table;
    free(p->widths);
    p->widths = calloc(table->column_count + 1, sizeof *p->widths);
    if (!p->widths)
        return err_set(&p->paper.err, RC_TEMP, "out of memory");
    float room = report_pdf_inner(p), weights = 0, least = 0;
    for (size_t i = 0; i < table->column_count; i++) {
        weights += weight_of(&table->columns[i]);
        least += least_width(p, table->columns[i].title);
    }
    const float scale = least > room ? room / least : 1.0F; /* more columns than there is room for */
    for (size_t round = 0; round < table->column_count; round++) {
        bool changed = false;
        for (size_t i = 0; i < table->column_count; i++) {
            const float weight = weight_of(&table->columns[i]);
            const float need_width = least_width(p, table->columns[i].title) * scale;
            if (p->widths[i] > 0 || room * weight >= need_width * weights)
                continue;
            p->widths[i] = need_width;
            room -= need_width;
            weights -= weight;
            changed = true;
        }
        if (!changed)
            break;
    }
    for (size_t i = 0; i < table->column_count; i++)
        if (p->widths[i] <= 0)
            p->widths[i] = room * weight_of(&table->columns[i]) / (weights > 0 ? weights : 1.0F);
    return RC_OK;
}

enum rc report_pdf_table_begin(struct report_paper *paper, const struct report_table *table) {
    struct pdf *p = (struct pdf *)paper;
    enum rc rc = RC_OK;
    p->table = table;
    p->rows = 0;
    if (table->wide != p->wide)
        rc = p->fresh ? report_pdf_turn_page(p, table->wide) : report_pdf_new_page(p, table->wide);
    rc = rc ? rc : report_pdf_put_heading(p, TABLE_BEGIN);
    rc = rc ? rc : report_pdf_need(p, TABLE_BEGIN);
    if (!rc && !table->untitled) {
        p->y -= p->fresh ? 0.0F : 6.0F;
        rc = report_pdf_paragraph(p, &heading2, table->title);
        p->y -= 3.0F;
    }
    return rc ? rc : share_width(p);
}

enum rc report_pdf_table_row(struct report_paper *paper, const struct report_cell *cells) {
    struct pdf *p = (struct pdf *)paper;
    const enum rc rc = p->rows ? RC_OK : draw_head(p); /* a table without rows has none */
    return rc ? rc : put_row(p, &table_cell, cells, p->rows++ % 2 ? INK_BAND : INK_WHITE, false);
}

enum rc report_pdf_table_end(struct report_paper *paper, uint64_t left_out) {
    struct pdf *p = (struct pdf *)paper;
    char text[200];
    enum rc rc = RC_OK;
    if (!p->rows) {
        p->y -= 3.0F;
        rc = report_pdf_paragraph(p, &small, p->table->empty ? p->table->empty : "None.");
    } else if (left_out) {
        snprintf(text, sizeof text, "%llu more rows are not shown here; the spreadsheet and the CSV file have all of them.", (unsigned long long)left_out);
        p->y -= 3.0F;
        rc = report_pdf_paragraph(p, &small, text);
    }
    p->y -= 8.0F;
    return rc;
}
