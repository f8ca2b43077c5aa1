// SPDX-License-Identifier: Apache-2.0
#include "report/report_pdf_internal.h"

#include "os/fsio.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Pages by libharu, A4. Nothing is known of what is still to come, but that pages are kept until the end, when each gets its number, and the mark of a draft.
 */

#define SHORT_SIDE 595.28F
#define LONG_SIDE 841.89F
#define PAGES_MOST 5000u
#define TEXT_BEGIN 41.0F /* three lines of it */
#define OUT_BYTES 16384u

static const float inks[INK_COUNT][3] = {{0.10F, 0.14F, 0.20F}, {0.09F, 0.47F, 0.31F}, {0.54F, 0.35F, 0.00F}, {0.71F, 0.14F, 0.09F}, {0.40F, 0.44F, 0.51F},
                                         {0.12F, 0.31F, 0.55F}, {0.80F, 0.83F, 0.88F}, {0.95F, 0.96F, 0.98F}, {1.0F, 1.0F, 1.0F}};

static const struct style body = {PDF_REGULAR, 9.5F, 13.5F, INK_TEXT}, heading1 = {PDF_BOLD, 14.0F, 18.0F, INK_ACCENT};

static void got_error(HPDF_STATUS error, HPDF_STATUS detail, void *context) {
    struct pdf *p = context;
    p->failure = p->failure ? p->failure : error;
    p->detail = p->failure == error ? detail : p->detail;
}

enum rc report_pdf_state(struct pdf *p) {
    if (!p->failure)
        return RC_OK;
    return err_set(&p->paper.err, p->failure == HPDF_FAILD_TO_ALLOC_MEM ? RC_TEMP : RC_PERM, "PDF: the library failed (0x%lx, %lu)", (unsigned long)p->failure,
                   (unsigned long)p->detail);
}

static void ink(struct pdf *p, enum ink colour) {
    HPDF_Page_SetRGBFill(p->page, inks[colour][0], inks[colour][1], inks[colour][2]);
}

void report_pdf_box(struct pdf *p, float x, float y, float width, float height, enum ink colour) {
    ink(p, colour);
    HPDF_Page_Rectangle(p->page, x, y, width, height);
    HPDF_Page_Fill(p->page);
}

void report_pdf_show(struct pdf *p, const struct style *style, float x, float y, const char *text, size_t length) {
    ink(p, style->ink);
    report_pdf_text_show(&p->fonts, p->page, style->face, style->size, x, y, text, length);
}

float report_pdf_measure(struct pdf *p, const struct style *style, const char *text, size_t length) {
    return report_pdf_text_width(&p->fonts, style->face, style->size, text, length);
}

/* --- pages -------------------------------------------------------------------------------------------------------------- */

enum rc report_pdf_turn_page(struct pdf *p, bool wide) {
    p->wide = wide;
    p->width = wide ? LONG_SIDE : SHORT_SIDE;
    p->height = wide ? SHORT_SIDE : LONG_SIDE;
    HPDF_Page_SetWidth(p->page, p->width);
    HPDF_Page_SetHeight(p->page, p->height);
    p->y = p->height - TOP;
    p->fresh = true;
    return report_pdf_state(p);
}

enum rc report_pdf_new_page(struct pdf *p, bool wide) {
    if (p->page_count == PAGES_MOST)
        return err_set(&p->paper.err, RC_PERM, "PDF: more than %u pages", PAGES_MOST);
    if (p->page_count == p->page_capacity) {
        const size_t capacity = p->page_capacity ? p->page_capacity * 2 : 16;
        HPDF_Page *larger = realloc(p->pages, capacity * sizeof *larger);
        if (!larger)
            return err_set(&p->paper.err, RC_TEMP, "out of memory");
        p->pages = larger;
        p->page_capacity = capacity;
    }
    p->page = HPDF_AddPage(p->doc);
    if (!p->page)
        return report_pdf_state(p);
    p->pages[p->page_count++] = p->page;
    return report_pdf_turn_page(p, wide);
}

enum rc report_pdf_need(struct pdf *p, float height) {
    return p->page && p->y - height >= BOTTOM ? RC_OK : report_pdf_new_page(p, p->wide);
}

float report_pdf_inner(const struct pdf *p) {
    return p->width - 2 * MARGIN;
}

/* A line that is cut with "..." when it does not fit. */
static void show_cut(struct pdf *p, const struct style *style, float x, float y, float width, const char *text, bool right) {
    size_t length = strlen(text), next;
    float used = report_pdf_measure(p, style, text, length);
    char cut[400];
    if (used > width && length < sizeof cut - 4) {
        length = report_pdf_text_fit(&p->fonts, style->face, style->size, text, length, width - report_pdf_measure(p, style, "...", 3), &next);
        snprintf(cut, sizeof cut, "%.*s...", (int)length, text);
        text = cut;
        length = strlen(cut);
        used = report_pdf_measure(p, style, text, length);
    }
    report_pdf_show(p, style, right ? x + width - used : x, y, text, length);
}

/* The letters as lines: as text they would be in what is searched and copied. A row is a line, or (curve) the arc to its end over two points. */
static const struct stroke {
    float x0, y0, x1, y1;
    bool curve; /* bulges to the right */
} strokes[] = {
    {0, 0, 0, 100, false},           {-7.5F, 92.5F, 25, 92.5F, false},   {25, 92.5F, 25, 7.5F, true}, {-7.5F, 7.5F, 25, 7.5F, false}, /* D */
    {85, 0, 85, 100, false},         {77.5F, 92.5F, 112, 92.5F, false},  {112, 92.5F, 112, 48, true}, {85, 48, 112, 48, false},
    {115, 48, 140, 0, false},                                                                       /* R */
    {162, 0, 195, 100, false},       {195, 100, 228, 0, false},          {175, 33, 215, 33, false}, /* A */
    {250, 0, 250, 100, false},       {242.5F, 92.5F, 300, 92.5F, false}, {250, 50, 290, 50, false}, /* F */
    {315, 92.5F, 380, 92.5F, false}, {347, 0, 347, 97, false},                                      /* T */
};
#define MARK_LENGTH 380.0F

/* One path, painted once, so that crossings are no darker. */
static void draw_mark(struct pdf *p) {
    const float slope = 0.7071F, scale = 1.05F;
    HPDF_Page_GSave(p->page);
    HPDF_Page_SetExtGState(p->page, p->faint);
    HPDF_Page_Concat(p->page, slope * scale, slope * scale, -slope * scale, slope * scale, p->width / 2, p->height / 2);
    HPDF_Page_Concat(p->page, 1, 0, 0, 1, -MARK_LENGTH / 2, -50.0F);
    HPDF_Page_SetRGBStroke(p->page, inks[INK_BAD][0], inks[INK_BAD][1], inks[INK_BAD][2]);
    HPDF_Page_SetLineWidth(p->page, 15.0F);
    for (size_t i = 0; i < sizeof strokes / sizeof *strokes; i++) {
        const struct stroke *s = &strokes[i];
        HPDF_Page_MoveTo(p->page, s->x0, s->y0);
        if (s->curve)
            HPDF_Page_CurveTo(p->page, s->x0 + (s->y0 - s->y1) * 0.55F, s->y0, s->x1 + (s->y0 - s->y1) * 0.55F, s->y1, s->x1, s->y1);
        else
            HPDF_Page_LineTo(p->page, s->x1, s->y1);
    }
    HPDF_Page_Stroke(p->page);
    HPDF_Page_GRestore(p->page);
}

static void finish_page(struct pdf *p, size_t index) {
    char number[64];
    p->page = p->pages[index];
    p->width = HPDF_Page_GetWidth(p->page);
    p->height = HPDF_Page_GetHeight(p->page);
    const float foot = 32.0F, middle = report_pdf_inner(p) / 2;
    snprintf(number, sizeof number, "Page %zu of %zu", index + 1, p->page_count);
    report_pdf_box(p, MARGIN, foot + 12.0F, report_pdf_inner(p), 0.6F, INK_LINE);
    show_cut(p, &small, MARGIN, foot, middle + 60, p->origin, false);
    show_cut(p, &small, MARGIN + middle + 70, foot, middle - 70, number, true);
    if (index > 0) {
        show_cut(p, &small, MARGIN, p->height - 38.0F, middle + 60, p->title, false);
        show_cut(p, &small, MARGIN + middle + 70, p->height - 38.0F, middle - 70, p->as_of, true);
        report_pdf_box(p, MARGIN, p->height - 45.0F, report_pdf_inner(p), 0.6F, INK_LINE);
    }
    if (p->draft)
        draw_mark(p);
}

/* --- text --------------------------------------------------------------------------------------------------------------- */

static const char *cleaned(struct pdf *p, struct slice text, size_t most) {
    buf_reset(&p->text);
    return report_clean(text, most, &p->text) == RC_OK ? buf_text(&p->text) : "";
}

enum rc report_pdf_paragraph(struct pdf *p, const struct style *style, const char *raw) {
    const char *text = cleaned(p, slice_of(raw), 100000);
    size_t left = strlen(text), next;
    enum rc rc = RC_OK;
    while (left && !rc) {
        const size_t length = report_pdf_text_fit(&p->fonts, style->face, style->size, text, left, report_pdf_inner(p), &next);
        rc = report_pdf_need(p, style->leading);
        if (rc)
            break;
        p->y -= style->leading;
        report_pdf_show(p, style, MARGIN, p->y + (style->leading - style->size) * 0.6F, text, length);
        p->fresh = false;
        text += next;
        left -= next;
    }
    return rc ? rc : report_pdf_state(p);
}

static enum rc front(struct pdf *p, const struct report_head *head) {
    static const struct style title = {PDF_BOLD, 21.0F, 26.0F, INK_TEXT}, sub = {PDF_REGULAR, 11.0F, 15.0F, INK_SOFT}, draft = {PDF_BOLD, 9.5F, 15.0F, INK_BAD};
    enum rc rc = report_pdf_new_page(p, false);
    p->y = p->height - MARGIN;
    rc = rc ? rc : report_pdf_paragraph(p, &title, head->title);
    if (!rc && head->subtitle)
        rc = report_pdf_paragraph(p, &sub, head->subtitle);
    if (!rc && head->draft)
        rc = report_pdf_paragraph(p, &draft, "DRAFT \xe2\x80\x93 not reviewed yet");
    rc = rc ? rc : report_pdf_paragraph(p, &small, p->as_of);
    if (rc)
        return rc;
    p->y -= 8.0F;
    report_pdf_box(p, MARGIN, p->y, report_pdf_inner(p), 1.6F, INK_ACCENT);
    p->y -= 12.0F;
    return report_pdf_state(p);
}

static void say_properties(struct pdf *p, const struct report_head *head) {
    const time_t seconds = (time_t)(head->as_of_us / 1000000);
    char title[200];
    struct tm tm;
    gmtime_r(&seconds, &tm);
    const HPDF_Date date = {tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, 'Z', 0, 0};
    /* Information is in the document's own encoding: what is not plain ASCII would be misread. */
    size_t length = 0;
    for (const char *at = head->title; *at && length < sizeof title - 1; at++)
        if ((unsigned char)*at < 0x80 && (unsigned char)*at >= 0x20)
            title[length++] = *at;
    title[length] = '\0';
    HPDF_SetInfoAttr(p->doc, HPDF_INFO_TITLE, title);
    HPDF_SetInfoAttr(p->doc, HPDF_INFO_CREATOR, "batchspool");
    HPDF_SetInfoDateAttr(p->doc, HPDF_INFO_CREATION_DATE, date);
    HPDF_SetInfoDateAttr(p->doc, HPDF_INFO_MOD_DATE, date);
}

static enum rc pdf_close(struct report_paper *paper, bool complete, struct err *err);

static enum rc begin(struct pdf *p, const struct report_head *head) {
    char when[CLOCK_RFC3339_SIZE];
    p->doc = HPDF_New(got_error, p);
    if (!p->doc)
        return err_set(&p->paper.err, RC_TEMP, "out of memory");
    HPDF_SetCompressionMode(p->doc, HPDF_COMP_ALL);
    p->draft = head->draft;
    str_printable(p->title, sizeof p->title, head->title, strlen(head->title));
    str_printable(p->origin, sizeof p->origin, head->origin ? head->origin : "batchspool", strlen(head->origin ? head->origin : "batchspool"));
    clock_format_rfc3339(head->as_of_us, 0, when);
    snprintf(p->as_of, sizeof p->as_of, "As of %.10s %.5s UTC", when, when + 11);
    say_properties(p, head);
    enum rc rc = report_pdf_fonts_open(p->doc, &p->fonts, &p->paper.err);
    p->faint = rc ? NULL : HPDF_CreateExtGState(p->doc);
    if (p->faint)
        HPDF_ExtGState_SetAlphaStroke(p->faint, 0.10F);
    rc = rc ? rc : report_pdf_state(p);
    return rc ? rc : front(p, head);
}

static enum rc pdf_open(int fd, const struct report_head *head, struct report_paper **paper, struct err *err) {
    struct pdf *p = calloc(1, sizeof *p);
    if (!p)
        return err_set(err, RC_TEMP, "out of memory");
    p->fd = fd;
    buf_init(&p->text, (size_t)4 * 1024 * 1024);
    const enum rc rc = begin(p, head);
    if (rc) {
        (void)err_set(err, rc, "%s", p->paper.err.text);
        (void)pdf_close(&p->paper, false, NULL);
        return rc;
    }
    *paper = &p->paper;
    return RC_OK;
}

static enum rc pdf_page(struct report_paper *paper, bool wide) {
    struct pdf *p = (struct pdf *)paper;
    const enum rc rc = report_pdf_put_heading(p, 0);
    if (rc)
        return rc;
    return p->fresh ? report_pdf_turn_page(p, wide) : report_pdf_new_page(p, wide);
}

/* In the list at the side, too. */
static void list_heading(struct pdf *p, const char *text) {
    char plain[120];
    size_t length = 0;
    for (; *text && length < sizeof plain - 1; text++)
        plain[length++] = (unsigned char)*text < 0x80 ? *text : '-';
    plain[length] = '\0';
    HPDF_Outline item = HPDF_CreateOutline(p->doc, NULL, plain, NULL);
    HPDF_Destination at = item ? HPDF_Page_CreateDestination(p->page) : NULL;
    if (!at)
        return;
    HPDF_Destination_SetFitH(at, p->y + 6.0F);
    HPDF_Outline_SetDestination(item, at);
}

enum rc report_pdf_put_heading(struct pdf *p, float below) {
    const struct style *style = p->heading_level == 1 ? &heading1 : &heading2;
    const float above = p->heading_level == 1 ? 12.0F : 8.0F;
    if (!p->heading[0])
        return RC_OK;
    enum rc rc = report_pdf_need(p, above + style->leading + 3.0F + below);
    if (rc)
        return rc;
    p->y -= p->fresh ? 0.0F : above;
    if (p->heading_level == 1)
        list_heading(p, p->heading);
    rc = report_pdf_paragraph(p, style, p->heading);
    p->y -= 3.0F;
    p->heading[0] = '\0';
    return rc;
}

static enum rc pdf_heading(struct report_paper *paper, unsigned level, const char *text) {
    struct pdf *p = (struct pdf *)paper;
    const enum rc rc = report_pdf_put_heading(p, heading2.leading + TABLE_BEGIN);
    p->heading_level = level;
    snprintf(p->heading, sizeof p->heading, "%s", text);
    return rc;
}

static enum rc pdf_text(struct report_paper *paper, enum report_tone tone, const char *text) {
    struct pdf *p = (struct pdf *)paper;
    struct style style = body;
    style.ink = (enum ink)tone;
    enum rc rc = report_pdf_put_heading(p, TEXT_BEGIN);
    rc = rc ? rc : report_pdf_paragraph(p, &style, text);
    p->y -= 4.0F;
    return rc;
}

/* --- figures ------------------------------------------------------------------------------------------------------------ */

#define FIGURES_A_ROW 4u
#define FIGURE_HEIGHT 50.0F
#define FIGURE_GAP 8.0F

static void figure(struct pdf *p, const struct report_figure *figure, float x, float width) {
    static const struct style label = {PDF_REGULAR, 7.5F, 10.0F, INK_SOFT};
    struct style value = {PDF_BOLD, 15.0F, 18.0F, (enum ink)figure->tone};
    const float room = width - 16.0F;
    report_pdf_box(p, x, p->y - FIGURE_HEIGHT, width, FIGURE_HEIGHT, INK_BAND);
    report_pdf_box(p, x, p->y - FIGURE_HEIGHT, 2.0F, FIGURE_HEIGHT, figure->tone ? value.ink : INK_ACCENT);
    show_cut(p, &label, x + 9.0F, p->y - 13.0F, room, cleaned(p, slice_of(figure->label), 200), false);
    const char *text = cleaned(p, slice_of(figure->value), 200);
    while (value.size > 8.0F && report_pdf_measure(p, &value, text, strlen(text)) > room)
        value.size -= 0.5F;
    show_cut(p, &value, x + 9.0F, p->y - 30.0F, room, text, false);
    if (figure->note)
        show_cut(p, &label, x + 9.0F, p->y - 42.0F, room, cleaned(p, slice_of(figure->note), 200), false);
}

static enum rc pdf_figures(struct report_paper *paper, const struct report_figure *figures, size_t count) {
    struct pdf *p = (struct pdf *)paper;
    enum rc rc = report_pdf_put_heading(p, FIGURE_HEIGHT + FIGURE_GAP);
    for (size_t i = 0; i < count && !rc; i += FIGURES_A_ROW) {
        rc = report_pdf_need(p, FIGURE_HEIGHT + FIGURE_GAP);
        const float width = (report_pdf_inner(p) - FIGURE_GAP * (FIGURES_A_ROW - 1)) / FIGURES_A_ROW;
        for (size_t k = i; !rc && k < count && k < i + FIGURES_A_ROW; k++)
            figure(p, &figures[k], MARGIN + (width + FIGURE_GAP) * (float)(k - i), width);
        p->y -= FIGURE_HEIGHT + FIGURE_GAP;
        p->fresh = false;
    }
    return rc ? rc : report_pdf_state(p);
}

/* --- the end ------------------------------------------------------------------------------------------------------------ */

static enum rc save(struct pdf *p) {
    HPDF_BYTE piece[OUT_BYTES];
    if (HPDF_SaveToStream(p->doc) != HPDF_OK)
        return report_pdf_state(p);
    HPDF_ResetStream(p->doc);
    for (;;) {
        HPDF_UINT32 size = sizeof piece;
        const HPDF_STATUS status = HPDF_ReadFromStream(p->doc, piece, &size);
        if (size) {
            const enum rc rc = fsio_write(p->fd, piece, size, &p->paper.err);
            if (rc)
                return rc;
        }
        if (status != HPDF_OK || !size)
            return RC_OK; /* the end is an error of its own to the library */
    }
}

static enum rc pdf_close(struct report_paper *paper, bool complete, struct err *err) {
    struct pdf *p = (struct pdf *)paper;
    enum rc rc = complete ? report_pdf_put_heading(p, 0) : RC_OK;
    if (!rc && complete && p->fonts.missing) {
        char text[200];
        snprintf(text, sizeof text, "%lu characters are shown as \xef\xbf\xbd, because no font that is installed has them; the other files have them.",
                 p->fonts.missing);
        rc = report_pdf_paragraph(p, &small, text);
    }
    for (size_t i = 0; complete && !rc && i < p->page_count; i++)
        finish_page(p, i);
    if (complete && !rc)
        rc = report_pdf_state(p);
    if (complete && !rc)
        rc = save(p);
    if (rc)
        (void)err_set(err, rc, "%s", p->paper.err.text);
    report_pdf_fonts_release(&p->fonts);
    if (p->doc)
        HPDF_Free(p->doc);
    free(p->pages);
    free(p->widths);
    buf_release(&p->text);
    free(p);
    return rc;
}

const struct report_form report_pdf = {.name = "pdf",
                                       .bit = REPORT_PDF,
                                       .open = pdf_open,
                                       .page = pdf_page,
                                       .heading = pdf_heading,
                                       .text = pdf_text,
                                       .figures = pdf_figures,
                                       .table = report_pdf_table_begin,
                                       .row = report_pdf_table_row,
                                       .table_end = report_pdf_table_end,
                                       .close = pdf_close};
