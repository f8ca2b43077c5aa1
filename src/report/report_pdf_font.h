// SPDX-License-Identifier: Apache-2.0
#ifndef REPORT_REPORT_PDF_FONT_H
#define REPORT_REPORT_PDF_FONT_H

#include <hpdf.h>
#include <stdbool.h>

#include "base/buf.h"
#include "base/err.h"

/*
 * Type for pages. Files of Debian's packages fonts-liberation and fonts-dejavu-core, and of fonts-droid-fallback where that is installed (Chinese, Japanese,
 * Korean), are embedded, as far as their characters are used. Each character is taken from the first of them that has it; of none: U+FFFD, and counted. Text
 * runs from left to right; scripts that join or run the other way are written letter by letter.
 */

enum pdf_face { PDF_REGULAR, PDF_BOLD, PDF_FACES };
#define PDF_FONT_LEVELS 3u

struct pdf_fonts {
    HPDF_Doc doc;
    HPDF_Font fonts[PDF_FACES][PDF_FONT_LEVELS]; /* NULL: not installed */
    HPDF_FontDef definitions[PDF_FACES][PDF_FONT_LEVELS];
    unsigned char *known[PDF_FACES]; /* by character: 0 not looked for yet, else level + 1 */
    unsigned short *widths[PDF_FACES];
    unsigned long missing; /* characters that no font has */
};

/* RC_GONE with err: none of the fonts is installed. The document is borrowed. */
enum rc report_pdf_fonts_open(HPDF_Doc doc, struct pdf_fonts *fonts, struct err *err);
void report_pdf_fonts_release(struct pdf_fonts *fonts);

/* The width in points of clean UTF-8. */
float report_pdf_text_width(struct pdf_fonts *fonts, enum pdf_face face, float size, const char *text, size_t length);
/* How many bytes of a line's text fit into width: to the end, to a line feed, or to where it may be broken; at least one character. *next is where the next
 * line begins. */
size_t report_pdf_text_fit(struct pdf_fonts *fonts, enum pdf_face face, float size, const char *text, size_t length, float width, size_t *next);
/* Show text with its baseline at y. */
void report_pdf_text_show(struct pdf_fonts *fonts, HPDF_Page page, enum pdf_face face, float size, float x, float y, const char *text, size_t length);

#endif
