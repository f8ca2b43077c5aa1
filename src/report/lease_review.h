// SPDX-License-Identifier: Apache-2.0
#ifndef REPORT_LEASE_REVIEW_H
#define REPORT_LEASE_REVIEW_H

#include <cjson/cJSON.h>

#include "base/err.h"
#include "base/str.h"

/*
 * What reviewers said, laid over the record of one document: its rows and checks. Pure. The record as it was analysed is never changed; the one that is made is
 * what reports and the page of review are made of.
 *
 * A row is known by what the analysis said in it (lease_review_row_id), not by its place: when rows come or go, a correction stays with its own.
 */

enum lease_type { LEASE_ANY, LEASE_TEXT, LEASE_NUMBER, LEASE_BOOLEAN, LEASE_DATE };

struct lease_list_form {
    const char *name;    /* the member of the record */
    const char *same[2]; /* the cells by which a newer row supersedes an older one; the second may be NULL */
    const char *by;      /* rows are in the order of this date; NULL: as they came */
    struct lease_cell {
        const char *name;
        enum lease_type type;
    } cells[7]; /* name NULL ends them */
};

enum lease_list { LEASE_RENT, LEASE_DATES, LEASE_OPTIONS, LEASE_CLAUSES, LEASE_LISTS };
extern const struct lease_list_form lease_lists[LEASE_LISTS];

const struct lease_list_form *lease_review_list(const char *name); /* NULL: none of this name */
const struct lease_cell *lease_review_cell(const struct lease_list_form *list, const char *name);
const char *lease_review_type_name(enum lease_type type);

/* "r" and 12 hexadecimal digits of the canonical form. Rows that say the same get "-2", "-3" behind it, in their order (lease_review_lay). */
#define LEASE_ROW_SIZE 40
void lease_review_row_id(const cJSON *row, char out[LEASE_ROW_SIZE]);

/* Whether a value may stand there: null always (there is none), a date that is one, a decimal number of at most 15 digits, as such or as text, which *value
 * then becomes. RC_PERM: err says what it must be. */
enum rc lease_review_fit(enum lease_type type, cJSON **value, struct err *err);

/*
 * The record with what the review (engine/review.h) says of its document laid over it; the caller frees. review may be NULL.
 *   rows         have `row`, their id; cells as corrected; `review`, when something was said of one: the word on it, and in `cells` those on cells, each
 *                with `was`, what the analysis has there. Added rows are among them.
 *   removed      {"rent": [...]}: the rows that were taken away
 *   checks       as the corrected values make them; one that they change has `was`, its text before
 * RC_CORRUPT: it is no record of a lease; RC_TEMP: out of memory.
 */
enum rc lease_review_lay(struct slice record, const cJSON *review, cJSON **laid, struct err *err);

#endif
