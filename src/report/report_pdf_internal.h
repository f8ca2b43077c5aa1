// SPDX-License-Identifier: Apache-2.0
#ifndef REPORT_REPORT_PDF_INTERNAL_H
#define REPORT_REPORT_PDF_INTERNAL_H

#include "base/clock.h"
#include "report/report.h"
#include "report/report_pdf_font.h"

/* What the files of the PDF form share: report_pdf.c (pages, text, figures), report_pdf_table.c. Lengths are points; y grows upwards. */

#define MARGIN 50.0F
#define TOP 62.0F          /* below the head of a page */
#define BOTTOM 58.0F       /* above its foot */
#define TABLE_BEGIN 112.0F /* title and head of a table with some rows, which stay together */

enum ink { INK_TEXT, INK_GOOD, INK_MIDDLING, INK_BAD, INK_SOFT, INK_ACCENT, INK_LINE, INK_BAND, INK_WHITE, INK_COUNT };

struct style {
    enum pdf_face face;
    float size, leading;
    enum ink ink;
};
static const struct style heading2 = {PDF_BOLD, 10.5F, 14.0F, INK_TEXT}, small = {PDF_REGULAR, 7.5F, 10.0F, INK_SOFT};

struct pdf {
    struct report_paper paper;
    int fd;
    HPDF_Doc doc;
    HPDF_Page page; /* NULL: none begun */
    HPDF_Page *pages;
    size_t page_count, page_capacity;
    HPDF_ExtGState faint; /* of the mark of a draft */
    struct pdf_fonts fonts;
    float width, height, y; /* of the page; y: what is free ends there */
    bool wide, fresh;       /* fresh: nothing on the page yet */
    struct buf text;
    HPDF_STATUS failure, detail;
    bool draft;
    char title[200], origin[300], as_of[CLOCK_RFC3339_SIZE];
    char heading[400]; /* waits for what comes below it, which decides whether it still fits on the page; "": none */
    unsigned heading_level;
    /* the table that is being told */
    const struct report_table *table;
    float *widths;
    uint64_t rows;
};

/* What the library says: RC_OK, or RC_TEMP or RC_PERM with paper.err. */
enum rc report_pdf_state(struct pdf *p);
void report_pdf_box(struct pdf *p, float x, float y, float width, float height, enum ink colour);
void report_pdf_show(struct pdf *p, const struct style *style, float x, float y, const char *text, size_t length);
float report_pdf_measure(struct pdf *p, const struct style *style, const char *text, size_t length);
/* The page, which is empty, upright or on its side. */
enum rc report_pdf_turn_page(struct pdf *p, bool wide);
enum rc report_pdf_new_page(struct pdf *p, bool wide);
/* Room for so much, on this page or the next. */
enum rc report_pdf_need(struct pdf *p, float height);
/* The width between the margins. */
float report_pdf_inner(const struct pdf *p);
/* Wrapped, over pages. */
enum rc report_pdf_paragraph(struct pdf *p, const struct style *style, const char *raw);
/* The one that waits, if any, with room for what begins below it: never alone at a page's end. */
enum rc report_pdf_put_heading(struct pdf *p, float below);

/* table, row and table_end of struct report_form. */
enum rc report_pdf_table_begin(struct report_paper *paper, const struct report_table *table);
enum rc report_pdf_table_row(struct report_paper *paper, const struct report_cell *cells);
enum rc report_pdf_table_end(struct report_paper *paper, uint64_t left_out);

#endif
