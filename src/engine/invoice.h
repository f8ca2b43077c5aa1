// SPDX-License-Identifier: Apache-2.0
#ifndef ENGINE_INVOICE_H
#define ENGINE_INVOICE_H

#include "base/csv_reader.h"
#include "base/err.h"
#include "engine/invoice_value.h"

/* A provider's invoice: which columns it has, and what its lines say. No I/O: `reconcile` reads the file. */

enum invoice_column { INVOICE_REQUEST_ID, INVOICE_TIME, INVOICE_RECORDS, INVOICE_AMOUNT, INVOICE_CURRENCY, INVOICE_COLUMNS };
const char *invoice_column_name(enum invoice_column column); /* "request_id" ... */

#define INVOICE_SAMPLE_BYTES ((size_t)64 * 1024)
#define INVOICE_ID_SIZE 128

struct invoice_options {
    const char *columns; /* "amount=Total cost,time=Date": names of the header; NULL: found by what they are usually called */
    char separator;      /* 0: found */
    char decimal;        /* '.' or ','; 0: found in each amount */
    enum invoice_dates dates;
    const char *zone; /* of times without one */
};

struct invoice {
    struct invoice_options options;
    char separator;
    uint64_t header_line;
    bool has[INVOICE_COLUMNS];
    size_t at[INVOICE_COLUMNS];
    char names[INVOICE_COLUMNS][80]; /* as in the header */
    char currency[9];                /* that the name of the amount's column tells: "Amount (USD)" */
};

struct invoice_line {
    uint64_t line;
    char request_id[INVOICE_ID_SIZE];
    bool has_time, has_records;
    int64_t from_us, until_us; /* a moment, or a day */
    uint64_t records;
    struct dec amount;
    char currency[9]; /* "": it is not said */
};

/* Find separator, header and columns in the first bytes of the file (INVOICE_SAMPLE_BYTES, or all). RC_PERM: there is no column of amounts, or not the one that
 * options name; err says what there is and how to name them. */
enum rc invoice_detect(struct invoice *invoice, const struct invoice_options *options, const char *sample, size_t length, struct err *err);
/* One row. RC_GONE: it is no charge (what stands before the data, blank, a total). RC_CORRUPT: err names line and column. */
enum rc invoice_read(const struct invoice *invoice, const struct csv_reader *row, struct invoice_line *line, struct err *err);

#endif
