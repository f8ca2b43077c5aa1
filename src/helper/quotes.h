// SPDX-License-Identifier: Apache-2.0
#ifndef HELPER_QUOTES_H
#define HELPER_QUOTES_H

#include <stdbool.h>

#include "base/buf.h"
#include "helper/pages.h"

/*
 * Whether words that a model says it read are in the text, and on which page. Texts are compared without what reading and typesetting change: white space,
 * hyphens and dashes, upper and lower case (ASCII), forms of quotes and apostrophes, ligatures, soft hyphens. Pure.
 */

struct quotes; /* the pages in that form */

struct quotes *quotes_new(const struct pages *pages); /* NULL: out of memory. pages must stay */
void quotes_free(struct quotes *quotes);

/* The page on which the quote stands: the one that was named (0: none), else the first that has it; a quote that runs over a page's end belongs to the page
 * where it begins. Dots in it ("...", U+2026) stand for any text of that page. 0: it is nowhere, or too short to tell (fewer than 3 letters or digits). */
unsigned quotes_find(const struct quotes *quotes, const char *quote, unsigned page);

/* What a character beyond ASCII is compared as: the letters of a ligature, a plain quote, "" (blanks, dashes); NULL: itself. */
const char *quotes_alias(const char *at, size_t length);
/* Append a text in the form that is compared. punctuation false: that is left out, too. RC_TEMP, RC_PERM as buf_add. */
enum rc quotes_fold(const char *text, bool punctuation, struct buf *out);

#endif
