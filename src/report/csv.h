// SPDX-License-Identifier: Apache-2.0
#ifndef REPORT_CSV_H
#define REPORT_CSV_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

/*
 * CSV as in RFC 4180: comma, CRLF, quotes where needed and doubled inside, UTF-8, one header row.
 * A text cell that begins with = + - @ TAB or CR gets a ' before it, so that no spreadsheet takes a provider's text for a formula (header cells too). Numbers
 * of the JSON (-5, 1e3) are no text and stay as they are, digit for digit. A NUL in a text becomes U+FFFD. null and what is missing are empty cells; true and
 * false are words; arrays, and objects that a column names, are JSON text.
 */

#define CSV_COLUMNS_MAX 4096u

struct csv_column {
    char *name;     /* of the header */
    char *pointer;  /* where its value is in a record */
    char *fallback; /* where it is otherwise, or NULL */
    bool as_text;   /* a number is text, too (ZIP codes, parcel numbers) */
    bool learned;   /* objects in its place are in columns of their own */
};

/* The members of one record by name, so that a row reads its record once. */
struct csv_members {
    struct csv_member {
        struct slice name, value; /* name undecoded */
    } * list;
    size_t count, capacity;
    uint32_t *slots; /* place in list + 1, by the name's hash */
    size_t slot_count;
};

struct csv {
    struct csv_column *columns;
    size_t count, capacity;
    struct csv_members members;
    struct buf scratch;
};

void csv_init(struct csv *csv);
void csv_release(struct csv *csv);

/* Columns from --columns FILE: an array of names ("City", "Address.City", "/Address/City") or of {"name": ..., "path": "/Pointer", "as": "text"}. RC_PERM with
 * err. */
enum rc csv_columns_parse(struct csv *csv, const char *text, size_t length, struct err *err);
/* Add the columns of this record that are not there yet: members of objects inside objects are "a.b". RC_PERM: more than CSV_COLUMNS_MAX. */
enum rc csv_columns_learn(struct csv *csv, struct slice record, struct err *err);
/* "a.b" for "/a/b"; "value" for "". Caller frees; NULL when out of memory. */
char *csv_name_of_pointer(const char *pointer);

/* Cells are appended to row, each with a comma; csv_row_end ends the row. RC_PERM: row is full, RC_TEMP: out of memory. */
enum rc csv_header(const struct csv *csv, struct buf *row);
enum rc csv_record(struct csv *csv, struct slice record, struct buf *row);
/* The JSON values that a row would have, by column; empty where it has none. */
void csv_values(struct csv *csv, struct slice record, struct slice *values);
enum rc csv_cell_text(struct buf *row, struct slice text); /* guarded */
enum rc csv_cell_json(struct csv *csv, struct slice value, bool as_text, struct buf *row);
enum rc csv_row_end(struct buf *row);

#endif
