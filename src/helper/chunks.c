// SPDX-License-Identifier: Apache-2.0
#include "helper/chunks.h"

#include "base/digest.h"
#include "base/str.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define MARK_MOST 64u   /* bytes of a page mark */
#define SEARCH_SHARE 3u /* a cut is looked for in the last third of a part */
#define TEXT_MOST ((size_t)256 * 1024 * 1024)

/* All pages in one text. */
struct whole {
    struct buf text;
    size_t *starts; /* of each page, and the end */
    const struct pages *pages;
    char nonce[CHUNKS_NONCE_SIZE];
};

void chunks_nonce(const struct pages *pages, char out[CHUNKS_NONCE_SIZE]) {
    char hex[DIGEST_HEX_SIZE] = "";
    struct digest *digest = digest_new();
    if (digest) {
        for (size_t i = 0; i < pages->count; i++)
            digest_add(digest, pages->list[i].text, strlen(pages->list[i].text) + 1);
        digest_hex(digest, hex);
        digest_free(digest);
    }
    snprintf(out, CHUNKS_NONCE_SIZE, "%.12s", hex);
}

static enum rc whole_make(const struct pages *pages, struct whole *w, struct err *err) {
    *w = (struct whole){.text = BUF_INIT(TEXT_MOST), .starts = calloc(pages->count + 1, sizeof *w->starts), .pages = pages};
    enum rc rc = w->starts ? RC_OK : RC_TEMP;
    chunks_nonce(pages, w->nonce);
    for (size_t i = 0; i < pages->count && !rc; i++) {
        w->starts[i] = w->text.length;
        rc = buf_add_text(&w->text, pages->list[i].text);
        if (!rc && (!w->text.length || w->text.data[w->text.length - 1] != '\n'))
            rc = buf_add_char(&w->text, '\n');
    }
    if (rc)
        return err_set(err, rc, "the document's text is too long, or memory too short");
    w->starts[pages->count] = w->text.length;
    return RC_OK;
}

static void whole_release(struct whole *w) {
    buf_release(&w->text);
    free(w->starts);
}

/* The page, counted in the list, in which a place lies. */
static size_t page_at(const struct whole *w, size_t at) {
    size_t low = 0, high = w->pages->count;
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        if (w->starts[middle] <= at)
            low = middle;
        else
            high = middle;
    }
    return low;
}

/* --- where to cut ------------------------------------------------------------------------------------------------------- */

enum border { BORDER_NONE, BORDER_CHARACTER, BORDER_WORD, BORDER_LINE, BORDER_PARAGRAPH, BORDER_CLAUSE, BORDER_PAGE };

/* "12.", "3.1", "(a)", "SCHEDULE", "PART II", "Clause 4": what a clause begins with. */
static bool begins_clause(const char *line) {
    static const char *const words[] = {"schedule", "part", "clause", "section", "article", "annex", "appendix", "particulars", "definitions"};
    line += strspn(line, " \t");
    if (*line == '(')
        return isalnum((unsigned char)line[1]) && (line[2] == ')' || (line[2] && line[3] == ')'));
    if (isdigit((unsigned char)*line)) {
        size_t digits = strspn(line, "0123456789."), dots = 0;
        for (size_t i = 0; i < digits; i++)
            dots += line[i] == '.';
        return dots > 0 && digits < 12 && (line[digits] == ' ' || line[digits] == '\t');
    }
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strncasecmp(line, words[i], strlen(words[i])) == 0 && !islower((unsigned char)line[0]))
            return true;
    return false;
}

static enum border border_at(const struct whole *w, size_t at) {
    const char *text = w->text.data;
    if (w->starts[page_at(w, at)] == at)
        return BORDER_PAGE;
    if (text[at - 1] == '\n')
        return begins_clause(text + at) ? BORDER_CLAUSE : at > 1 && text[at - 2] == '\n' ? BORDER_PARAGRAPH : BORDER_LINE;
    if (text[at - 1] == ' ')
        return BORDER_WORD;
    return ((unsigned char)text[at] & 0xc0) != 0x80 ? BORDER_CHARACTER : BORDER_NONE;
}

/* The best place in (from, to], the last of equals. */
static size_t best_cut(const struct whole *w, size_t from, size_t to) {
    size_t best = 0;
    enum border rank = BORDER_NONE;
    for (size_t at = to; at > from; at--) {
        enum border border = border_at(w, at);
        if (border > rank) {
            rank = border;
            best = at;
        }
    }
    for (best = best ? best : to; best < w->text.length && border_at(w, best) == BORDER_NONE;) /* no place in so few bytes */
        best++;
    return best;
}

/* Where the next part begins so that it repeats about so many bytes before a cut: at a line, or at the cut itself. */
static size_t step_back(const struct whole *w, size_t start, size_t cut, size_t bytes) {
    size_t least = cut > bytes ? cut - bytes : 0;
    if (least <= start)
        least = start + 1;
    for (size_t at = least; at < cut; at++)
        if (border_at(w, at) >= BORDER_LINE)
            return at;
    return cut;
}

/* --- parts -------------------------------------------------------------------------------------------------------------- */

static enum rc add_mark(const struct whole *w, size_t page, bool continued, struct buf *out) {
    return buf_printf(out, "%s[[page %u of %u | %s]]%s\n", out->length ? "\n" : "", w->pages->list[page].number, w->pages->page_count, w->nonce,
                      continued ? " (continued)" : "");
}

static enum rc fill(const struct whole *w, size_t from, size_t to, struct chunk *chunk) {
    size_t page = page_at(w, from);
    enum rc rc = RC_OK;
    buf_init(&chunk->text, TEXT_MOST);
    chunk->first_page = w->pages->list[page].number;
    do {
        size_t end = w->starts[page + 1] < to ? w->starts[page + 1] : to;
        if (end > from) /* pages without text have no mark */
            rc = add_mark(w, page, from > w->starts[page], &chunk->text);
        if (!rc)
            rc = buf_add(&chunk->text, w->text.data + from, end - from);
        from = end;
        page++;
    } while (!rc && from < to);
    chunk->last_page = w->pages->list[page - 1].number;
    chunk->tokens = chunk->text.length / CHUNKS_BYTES_PER_TOKEN + 1;
    return rc;
}

/* The furthest end of a part that begins here and, with its marks, fits into so many bytes. */
static size_t furthest(const struct whole *w, size_t from, size_t bytes) {
    size_t page = page_at(w, from), used = 0, at = from;
    while (at < w->text.length) {
        size_t length = w->starts[page + 1] - at;
        used += length ? MARK_MOST : 0;
        if (used + length > bytes) {
            at += used < bytes ? bytes - used : 0;
            return at > from ? at : from + 1;
        }
        used += length;
        at = w->starts[++page];
    }
    return at;
}

static enum rc cut(const struct whole *w, const struct chunks_options *options, struct chunk **chunks, size_t *count) {
    size_t bytes = options->tokens * CHUNKS_BYTES_PER_TOKEN, room = 0, from = 0;
    enum rc rc = RC_OK;
    do {
        size_t to = furthest(w, from, bytes);
        size_t end = to < w->text.length ? best_cut(w, to - (to - from) / SEARCH_SHARE - 1, to) : w->text.length;
        if (*count == room) {
            room = room ? 2 * room : 8;
            struct chunk *grown = realloc(*chunks, room * sizeof *grown);
            if (!grown)
                return RC_TEMP;
            *chunks = grown;
        }
        rc = fill(w, from, end, &(*chunks)[(*count)++]);
        from = end < w->text.length ? step_back(w, from, end, options->overlap * CHUNKS_BYTES_PER_TOKEN) : end;
    } while (!rc && from < w->text.length);
    return rc;
}

enum rc chunks_cut(const struct pages *pages, const struct chunks_options *options, struct chunk **chunks, size_t *count, struct err *err) {
    struct whole w;
    *chunks = NULL;
    *count = 0;
    enum rc rc = whole_make(pages, &w, err);
    if (!rc) {
        rc = cut(&w, options, chunks, count);
        if (rc)
            err_set(err, rc, "out of memory");
    }
    whole_release(&w);
    if (rc) {
        chunks_free(*chunks, *count);
        *chunks = NULL;
        *count = 0;
    }
    return rc;
}

void chunks_free(struct chunk *chunks, size_t count) {
    for (size_t i = 0; i < count; i++)
        buf_release(&chunks[i].text);
    free(chunks);
}
