// SPDX-License-Identifier: Apache-2.0
#ifndef BASE_CSV_READER_H
#define BASE_CSV_READER_H

#include "base/buf.h"
#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * Rows of CSV (RFC 4180) as programs write it: any separator, lines that end with CRLF, LF or CR, quotes doubled inside of quotes, line breaks inside of
 * quotes, a byte order mark before the first cell. Bytes are given piece by piece; memory is bounded by CSV_READER_ROW_BYTES.
 */

#define CSV_READER_CELLS 512u
#define CSV_READER_ROW_BYTES ((size_t)64 * 1024)

enum csv_step {
    CSV_MORE, /* all bytes are used */
    CSV_ROW,  /* a row is complete */
    CSV_BAD   /* a line is none: `problem` says why; reading goes on behind it */
};

struct csv_reader {
    char separator;
    uint64_t line;       /* where the row begins, from 1 */
    const char *problem; /* of CSV_BAD */
    /* private */
    struct buf text;
    size_t starts[CSV_READER_CELLS + 1];
    size_t count;
    uint64_t next_line;
    int state;
    bool started, after_cr, spoilt;
};

void csv_reader_init(struct csv_reader *reader, char separator);
void csv_reader_release(struct csv_reader *reader);
/* Use bytes up to the end of a row; *used says how many. */
enum csv_step csv_reader_feed(struct csv_reader *reader, const char *bytes, size_t length, size_t *used);
/* No more bytes: a last row that lacks its line break (CSV_ROW), none (CSV_MORE), or one that is cut inside of quotes (CSV_BAD). */
enum csv_step csv_reader_end(struct csv_reader *reader);
/* The row of the last CSV_ROW; borrowed until the next call. */
size_t csv_reader_count(const struct csv_reader *reader);
struct slice csv_reader_cell(const struct csv_reader *reader, size_t i); /* empty behind the last one */

#endif
