// SPDX-License-Identifier: Apache-2.0
#ifndef HELPER_TEXT_H
#define HELPER_TEXT_H

#include "helper/ocr.h"

/*
 * The text of the document on descriptor 3, page by page (helper/pages.h): a PDF's own where it has some, OCR elsewhere. What is known of a page is a file of
 * the working directory, page-NNNNN.json, so that after a kill it goes on with the page at which it was; memory does not grow with the number of pages.
 */

struct text_options {
    bool pdf_alone;        /* RC_GONE unless half of the pages have text: another way may be better than OCR here */
    const char *languages; /* of OCR */
    unsigned dpi;
};

/* All programs and languages that this way needs are there; no document is looked at. RC_GONE: one is missing; err says what to install. */
enum rc text_ready(const struct text_options *options, struct err *err);
/* The answer of an OCR service on standard input is of use, in the form of pages_read: it has every page of the document on descriptor 3 (when that is one),
 * once, and letters on one at least. RC_GONE: it is not; err says why: another way may read the document. */
enum rc text_check(struct err *err);
/* Write the answer to standard output. RC_PERM: the document cannot be read. RC_GONE: this way cannot do it. */
enum rc text_write(const struct text_options *options, struct err *err);

#endif
