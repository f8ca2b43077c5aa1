// SPDX-License-Identifier: Apache-2.0
#ifndef REPORT_REPORT_H
#define REPORT_REPORT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

/*
 * What a report is made of, and who writes it down. A model (report_table, report_pagespeed, report_lease) tells a report from its beginning to its end by the
 * calls below; a format (one file and one table row each) writes what it is told, without keeping it: a report may have any number of rows. The same calls give
 * the same bytes. Nothing here opens or moves a file: a format is given a descriptor.
 *
 * Texts are bytes of any kind: what is no UTF-8, control characters but TAB and line feed, and characters that turn text around become U+FFFD. Texts are
 * borrowed for the call.
 */

enum report_kind {
    REPORT_TEXT,   /* text for every program, be it a ZIP code or the beginning of a formula */
    REPORT_NUMBER, /* a decimal number, as JSON has it; a whole one of more digits than a spreadsheet keeps is text there */
    REPORT_DATE,   /* YYYY-MM-DD, or RFC 3339 in UTC; other text is text */
};
enum report_tone { REPORT_PLAIN, REPORT_GOOD, REPORT_MIDDLING, REPORT_BAD, REPORT_QUIET };

struct report_cell {
    struct slice text; /* empty: there is no value, which is not 0 */
    enum report_kind kind;
    enum report_tone tone;
};

enum { REPORT_XLSX = 1, REPORT_HTML = 2, REPORT_PDF = 4, REPORT_CSV = 8, REPORT_ICS = 16 };

struct report_column {
    const char *title;
    unsigned width;     /* in characters, for pages; what is longer is wrapped. 0: 10 */
    const char *format; /* of a spreadsheet, such as "0.000"; NULL: as it is */
    bool right;         /* numbers stand to the right */
    bool head;          /* names the row */
    bool clip;          /* in HTML a line of it, with the whole below the pointer: it stands in full elsewhere */
};

struct report_table {
    const char *title; /* never NULL */
    const char *sheet; /* of a workbook, at most 25 bytes; NULL: title. Two tables never have the same one */
    const char *empty; /* said when there are no rows; NULL: "None." */
    unsigned formats;  /* REPORT_XLSX | ...: of others it is left out, with its rows */
    uint64_t most;     /* rows in HTML and PDF; 0: all. The rest is told by its number */
    bool wide;         /* pages lie on their side */
    bool untitled;     /* on pages a heading said already what it is */
    size_t column_count;
    const struct report_column *columns;
};

struct report_figure {                /* one of the few that matter most */
    const char *label, *value, *note; /* note may be NULL */
    enum report_tone tone;
};

struct report_head {
    const char *title, *subtitle; /* subtitle may be NULL */
    const char *origin;           /* the job, for people: on every page */
    int64_t as_of_us;             /* when the report's content was complete: the one time that is in it */
    bool draft;                   /* every page says so */
    const char *tmp_dir;          /* where files may be put aside, without names; NULL: TMPDIR */
};

struct report_event { /* of a calendar */
    const char *uid;  /* the same for the same date in every report */
    const char *date; /* YYYY-MM-DD; other texts are left out */
    const char *summary, *description;
};

struct report_paper; /* the file of one format */

struct report_form {
    const char *name; /* "xlsx" ... */
    unsigned bit;     /* REPORT_XLSX ... */
    /* fd: an empty regular file, open for reading and writing, which stays the caller's. Of the others every one may be NULL but close. Each returns RC_OK, or
     * what writing said with err. */
    enum rc (*open)(int fd, const struct report_head *head, struct report_paper **paper, struct err *err);
    enum rc (*page)(struct report_paper *paper, bool wide);                           /* what comes begins a page, which lies on its side */
    enum rc (*heading)(struct report_paper *paper, unsigned level, const char *text); /* 1 or 2 */
    enum rc (*text)(struct report_paper *paper, enum report_tone tone, const char *text);
    enum rc (*figures)(struct report_paper *paper, const struct report_figure *figures, size_t count);
    enum rc (*table)(struct report_paper *paper, const struct report_table *table);
    enum rc (*row)(struct report_paper *paper, const struct report_cell *cells);
    enum rc (*table_end)(struct report_paper *paper, uint64_t left_out);
    enum rc (*event)(struct report_paper *paper, const struct report_event *event);
    enum rc (*close)(struct report_paper *paper, bool complete, struct err *err); /* complete: write what is left; not synced. Frees in any case */
};

extern const struct report_form report_xlsx, report_html, report_pdf, report_csv, report_ics;
extern const struct report_form *const report_forms[];         /* NULL at the end */
const struct report_form *report_form_named(const char *name); /* NULL: none */

/* One report in one format: what models call. After a failure every call does nothing and report_close tells it. */
struct report;
enum rc report_open(const struct report_form *form, int fd, const struct report_head *head, struct report **report, struct err *err);
bool report_wants(const struct report *report, unsigned formats);
void report_page(struct report *report, bool wide);
void report_heading(struct report *report, unsigned level, const char *format, ...) __attribute__((format(printf, 3, 4)));
void report_text(struct report *report, enum report_tone tone, const char *format, ...) __attribute__((format(printf, 3, 4)));
void report_figures(struct report *report, const struct report_figure *figures, size_t count);
void report_table_begin(struct report *report, const struct report_table *table); /* table lives until its end */
void report_row(struct report *report, const struct report_cell *cells);          /* column_count of them */
void report_table_end(struct report *report);
void report_event(struct report *report, const struct report_event *event);
void report_fail(struct report *report, enum rc rc, const struct err *err);
bool report_failed(const struct report *report);
/* Ends and frees it. RC_TEMP, RC_NOSPACE, RC_PERM with err: the file is not whole. */
enum rc report_close(struct report *report, struct err *err);

struct report_cell report_cell_text(const char *text); /* NULL: empty */
struct report_cell report_cell_of(enum report_kind kind, struct slice text, enum report_tone tone);
struct report_cell report_toned(struct report_cell cell, enum report_tone tone);

/* For formats. */
struct report_paper {
    struct err err;
};
/* Append text as the top of this file says. most: at most so many UTF-16 units, the last one a mark ("…") when it was cut; 0: all. */
enum rc report_clean(struct slice text, size_t most, struct buf *out);
/* A number of which a double keeps every digit before the point; what is lost far behind it nobody counts by. */
bool report_number(struct slice text, double *number);

#endif
