// SPDX-License-Identifier: Apache-2.0
#ifndef HELPER_PDF_H
#define HELPER_PDF_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/err.h"

/* The PDF on descriptor 3, read by the programs of poppler-utils, a child process each, limited in CPU time and memory. Pages count from 1.
 * RC_GONE: a program is missing. RC_TEMP: it cannot be started. */

#define PDF_PACKAGE "poppler-utils"
#define PDF_SIDE_MOST 6000u /* pixels of a page's longer side when it is drawn */

/* RC_PERM: it cannot be read at all (damaged, encrypted), or has no or too many pages. */
enum rc pdf_page_count(unsigned *pages, struct err *err);
/* The text of a page as it stands there, replacing out's. RC_PERM: the page cannot be read; err says why. */
enum rc pdf_page_text(unsigned page, struct buf *out, struct err *err);
/* Images cover most of the page: what little text it has was stamped on a scan. False when that cannot be told. */
bool pdf_page_is_scan(unsigned page);

struct pdf_draw {
    const char *form;   /* option of pdftoppm: "-gray" (page.pgm), "-jpeg" (page.jpg) */
    const char *prefix; /* of the file in the working directory, which gets an ending of its own */
    unsigned dpi, side_most;
};
/* Draw a page into a file. RC_PERM: it cannot be drawn. */
enum rc pdf_draw_page(unsigned page, const struct pdf_draw *draw, struct err *err);

#endif
