// SPDX-License-Identifier: Apache-2.0
#include "helper/quotes.h"

#include "base/str.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define FOLDED_MOST ((size_t)512 * 1024 * 1024)
#define LETTERS_LEAST 3u
#define GAP '\x01' /* in a folded quote: dots */

struct quotes {
    const struct pages *pages;
    struct buf text; /* all pages, folded */
    size_t *starts;  /* of each page, and the end */
};

/* Characters beyond ASCII that mean others, or nothing. */
static const struct alias {
    const char *bytes, *meaning;
} ALIASES[] = {
    {"\xc2\xa0", ""},        {"\xc2\xad", ""},       {"\xe2\x80\x90", ""},   {"\xe2\x80\x91", ""},    {"\xe2\x80\x92", ""},   {"\xe2\x80\x93", ""},
    {"\xe2\x80\x94", ""},    {"\xe2\x80\x95", ""},   {"\xe2\x88\x92", ""},   {"\xe2\x80\x98", "'"},   {"\xe2\x80\x99", "'"},  {"\xe2\x80\x9a", "'"},
    {"\xe2\x80\x9b", "'"},   {"\xc2\xb4", "'"},      {"\xe2\x80\x9c", "\""}, {"\xe2\x80\x9d", "\""},  {"\xe2\x80\x9e", "\""}, {"\xe2\x80\x9f", "\""},
    {"\xc2\xab", "\""},      {"\xc2\xbb", "\""},     {"\xef\xac\x80", "ff"}, {"\xef\xac\x81", "fi"},  {"\xef\xac\x82", "fl"}, {"\xef\xac\x83", "ffi"},
    {"\xef\xac\x84", "ffl"}, {"\xef\xac\x85", "st"}, {"\xef\xac\x86", "st"}, {"\xe2\x80\xa6", "..."}, {"\xe2\x80\xaf", ""},   {"\xe2\x80\x8b", ""},
    {"\xe2\x80\x89", ""},    {"\xe2\x80\x82", ""},   {"\xe2\x80\x83", ""},   {"\xef\xbb\xbf", ""},    {"\xe3\x80\x80", ""},
};

const char *quotes_alias(const char *at, size_t length) {
    for (size_t i = 0; i < sizeof ALIASES / sizeof *ALIASES; i++)
        if (strlen(ALIASES[i].bytes) == length && memcmp(at, ALIASES[i].bytes, length) == 0)
            return ALIASES[i].meaning;
    return NULL;
}

static enum rc fold_ascii(char c, bool punctuation, struct buf *out) {
    unsigned char u = (unsigned char)c;
    if (isspace(u) || c == '-' || u < ' ')
        return RC_OK;
    if (c == '`')
        c = '\'';
    return punctuation || isalnum(u) ? buf_add_char(out, (char)tolower((unsigned char)c)) : RC_OK;
}

enum rc quotes_fold(const char *text, bool punctuation, struct buf *out) {
    enum rc rc = RC_OK;
    for (size_t left = strlen(text); left && !rc;) {
        size_t length = str_utf8_length(text, left);
        const char *alias = length > 1 ? quotes_alias(text, length) : NULL;
        if (alias)
            for (; *alias && !rc; alias++)
                rc = fold_ascii(*alias, punctuation, out);
        else if (length > 1)
            rc = buf_add(out, text, length);
        else
            rc = fold_ascii(*text, punctuation, out);
        length += length == 0;
        text += length;
        left -= length;
    }
    return rc;
}

struct quotes *quotes_new(const struct pages *pages) {
    struct quotes *q = calloc(1, sizeof *q);
    if (!q)
        return NULL;
    q->pages = pages;
    buf_init(&q->text, FOLDED_MOST);
    q->starts = calloc(pages->count + 1, sizeof *q->starts);
    enum rc rc = q->starts ? RC_OK : RC_TEMP;
    for (size_t i = 0; i < pages->count && !rc; i++) {
        q->starts[i] = q->text.length;
        rc = quotes_fold(pages->list[i].text, true, &q->text);
        q->starts[i + 1] = q->text.length;
    }
    if (!rc)
        return q;
    quotes_free(q);
    return NULL;
}

void quotes_free(struct quotes *q) {
    if (!q)
        return;
    buf_release(&q->text);
    free(q->starts);
    free(q);
}

/* Dots between words become one GAP; those at the ends go. Returns the letters that are left. */
static size_t mark_gaps(struct buf *quote) {
    size_t to = 0, letters = 0;
    for (size_t at = 0; at < quote->length;) {
        size_t dots = strspn(quote->data + at, ".");
        if (dots >= 3) {
            if (to && at + dots < quote->length)
                quote->data[to++] = GAP;
            at += dots;
            continue;
        }
        unsigned char c = (unsigned char)quote->data[at++];
        letters += isalnum(c) || (c & 0xc0) == 0xc0;
        quote->data[to++] = (char)c;
    }
    quote->length = to;
    quote->data[to] = '\0';
    return letters;
}

/* The pieces of a quote in this order from `from` on, where the first must begin before `begin_most`; the place where it begins, or NULL. */
static const char *find_pieces(const struct quotes *q, const char *quote, size_t from, size_t begin_most, size_t end_most) {
    const char *text = q->text.data, *first = NULL, *at = text + from;
    while (*quote) {
        size_t length = strcspn(quote, "\x01");
        size_t room = end_most - (size_t)(at - text);
        const char *found = length <= room ? memmem(at, room, quote, length) : NULL;
        if (!found || (!first && (size_t)(found - text) >= begin_most))
            return NULL;
        first = first ? first : found;
        at = found + length;
        quote += length + (quote[length] != '\0');
    }
    return first;
}

/* Whether it begins on this page of the list; it may end on the next one that has text. */
static bool is_on(const struct quotes *q, const char *quote, size_t i) {
    size_t last = i + 1;
    while (last < q->pages->count && q->starts[last] == q->starts[i + 1])
        last++;
    size_t end = q->starts[last < q->pages->count ? last + 1 : last];
    return q->text.length && q->starts[i] < q->starts[i + 1] && find_pieces(q, quote, q->starts[i], q->starts[i + 1], end);
}

unsigned quotes_find(const struct quotes *q, const char *quote, unsigned page) {
    struct buf folded = BUF_INIT(FOLDED_MOST);
    unsigned found = 0;
    if (quotes_fold(quote, true, &folded) || !folded.length || mark_gaps(&folded) < LETTERS_LEAST) {
        buf_release(&folded);
        return 0;
    }
    for (size_t i = 0; i < q->pages->count && !found; i++)
        if (q->pages->list[i].number == page && is_on(q, buf_text(&folded), i))
            found = page;
    for (size_t i = 0; i < q->pages->count && !found; i++)
        if (is_on(q, buf_text(&folded), i))
            found = q->pages->list[i].number;
    buf_release(&folded);
    return found;
}
