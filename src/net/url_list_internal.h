// SPDX-License-Identifier: Apache-2.0
#ifndef NET_URL_LIST_INTERNAL_H
#define NET_URL_LIST_INTERNAL_H

#include "base/csv_reader.h"
#include "base/strset.h"
#include "net/url_list.h"

#include <expat.h>
#include <zlib.h>

/* Parts of src/net/url_list*.c; nobody else includes this. */

#define URL_LIST_TOO_LONG "is longer than a URL may be"
#define LASTMOD_MOST 64u /* "2026-11-28T10:00:00.000+01:00" and some blanks */

enum url_list_form { FORM_UNKNOWN, FORM_LINES, FORM_CSV, FORM_SITEMAP };

struct url_list {
    struct url_list_told told;
    struct url_list_counts counts;
    struct strset seen;
    enum url_list_form form;
    size_t line, bytes; /* lines that are done; bytes that came, decompressed */
    struct buf first;   /* the first line, until the form is known; then a line that is not complete */
    bool cut;           /* the rest of that line is dropped */
    bool rest_told;     /* that only the first field of a line counts */
    /* gzip */
    bool gzip, begun, ended; /* ended: of its last stream all has come */
    z_stream z;
    /* CSV */
    struct csv_reader csv;
    size_t url_column, columns[URL_LIST_LABELS_MOST];
    char *names[URL_LIST_LABELS_MOST];
    size_t names_count;
    /* sitemap */
    XML_Parser xml;
    unsigned depth;
    bool in_entry, nested, loc_cut; /* nested: the entry is one of an index */
    struct buf *into, loc, lastmod; /* into: what the text of the element that is open goes to; or NULL */
    size_t loc_line, entries, xml_bytes;
    enum rc rc; /* of a callback of the parser */
    struct err err;
};

/* One URL of a line: cleaned, told once, or told as wrong. RC_TEMP: out of memory. */
enum rc url_list_one(struct url_list *list, size_t line, const char *text, const struct url_list_labels *labels);
void url_list_wrong(struct url_list *list, size_t line, const char *text, const char *why);
void url_list_note(struct url_list *list, size_t line, struct slice text, const char *why);

enum rc url_list_csv_begin(struct url_list *list, const char *header, size_t length, bool *is_csv); /* the first line names a column for URLs */
enum rc url_list_csv_take(struct url_list *list, const char *bytes, size_t length, struct err *err);
enum rc url_list_csv_end(struct url_list *list, struct err *err);

enum rc url_list_sitemap_begin(struct url_list *list);
enum rc url_list_sitemap_take(struct url_list *list, const char *bytes, size_t length, bool last, struct err *err);

#endif
