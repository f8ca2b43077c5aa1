// SPDX-License-Identifier: Apache-2.0
#ifndef HELPER_OCR_H
#define HELPER_OCR_H

#include <cjson/cJSON.h>

#include "base/docform.h"
#include "base/err.h"

/* Text of page images, by tesseract: one page at a time, a child process each, limited in CPU time and memory. */

#define OCR_CONFIDENCE_LEAST 60.0 /* below it a page counts as illegible: percent, over all its characters */

struct ocr {
    enum docform_type type; /* of the document on descriptor 3 */
    const char *languages;  /* "eng", "eng+deu": ocr_languages_valid */
    unsigned dpi;           /* at which pages of a PDF are drawn */
};

bool ocr_languages_valid(const char *languages);
/* tesseract is there with these languages. RC_GONE: not; err names the package. */
enum rc ocr_ready(const struct ocr *ocr, struct err *err);
/* Read one page: {"page", "text", "by": "ocr", "confidence", "illegible", "damaged"}; the caller frees. A page that cannot be drawn or read is told in
 * "damaged" and is no failure. RC_TEMP: another try may help. RC_GONE: a program is missing. */
enum rc ocr_page(const struct ocr *ocr, unsigned page, cJSON **out, struct err *err);

/* The object of a page. */
cJSON *ocr_page_json(unsigned page, const char *text, const char *by, double confidence, bool illegible, const char *damaged); /* confidence < 0: null */

#endif
