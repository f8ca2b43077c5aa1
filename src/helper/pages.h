// SPDX-License-Identifier: Apache-2.0
#ifndef HELPER_PAGES_H
#define HELPER_PAGES_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

/*
 * The text of a document by page, as the steps hand it on:
 *   {"pages": [{"page": 1, "text": "...", "by": "pdf|ocr|service|vision", "confidence": 87.5|null, "illegible": false, "damaged": null|"why"}], "page_count":
 * 1, "text_by": "pdf"}
 */

#define PAGES_MOST 10000u
#define PAGES_TEXT_MOST ((size_t)1024 * 1024) /* of one page */

struct page {
    unsigned number;
    const char *text; /* borrowed from the JSON; "" when there is none */
    bool illegible, damaged;
};

struct pages {
    struct page *list; /* in order of their numbers, which are distinct */
    size_t count;
    unsigned page_count; /* of the document; pages may be missing */
    const char *text_by;
};

/* Read what a step answered: the form above; that of an OCR service ({"pages": [{"page" or "page_number": 1, "text": "..."}]}, {"text": "..."} for one page,
 * with form feeds between more); or a list of chat completions, one a page, whose content is the page's text or {"page": 1, "text": "..."} (vision). Borrows
 * from json, which must stay, and into which texts may be added. RC_PERM: it is none of these. pages_release in any case. */
enum rc pages_read(cJSON *json, struct pages *pages, struct err *err);
void pages_release(struct pages *pages);
/* The text in a helper's input: of `vision`, when a model has read pages, else of `text`. What was shown to that model (batchspool-document-images) is then
 * `text`: its pages have those numbers, and those that were left out count as damaged. A page of which a model says that something is [illegible] is. Otherwise
 * as pages_read. */
enum rc pages_read_input(cJSON *input, struct pages *pages, struct err *err);

/* Letters and digits in a text, with all beyond ASCII counted as letters. */
size_t pages_letters(const char *text);
/* Too many characters that are none (no mapping to Unicode in a PDF), so that it must be read from the image. */
bool pages_garbage(const char *text);

#endif
