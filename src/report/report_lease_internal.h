// SPDX-License-Identifier: Apache-2.0
#ifndef REPORT_REPORT_LEASE_INTERNAL_H
#define REPORT_REPORT_LEASE_INTERNAL_H

#include "report/lease_model.h"

/* What the files of this report share: report_lease.c (the order of things, summary), report_lease_fields.c (fields and what needs review),
 * report_lease_lists.c (rent, dates, options, clauses), report_lease_checks.c. */

/* Its value for people: the correction, else what the analysis says. */
void report_lease_add_value(struct report_line *line, const struct lease_field *field);
/* The same as text alone, without its unit; "" of what is none. The caller frees; NULL: out of memory. */
char *report_lease_text(const struct lease_field *field);
/* Document, page, quote and whether it is verified: four cells. d NULL: it is of none. No evidence: the document alone. */
void report_lease_put_evidence(struct report_line *line, const struct lease_document *d, struct slice evidence, enum report_tone tone);
/* `page 9: "the sum of £12,500"` appended, and `before` before it; of no evidence nothing. */
void report_lease_add_place(struct report_line *line, struct slice evidence, const char *before);
/* "Rent commencement date" of "rent_commencement_date". */
const char *report_lease_title(const char *name, char out[128]);

/* What was said of a field: one cell, "corrected by ann: why"; or apart, decision, reviewer, time and note. */
void report_lease_put_review(struct report_line *line, const struct lease_field *field, bool apart);
/* "; the analysis has 12500 GBP, page 9: ..." of one that was corrected, appended. */
void report_lease_add_analysis(struct report_line *line, const struct lease_field *field);

/* --- report_lease_fields.c. False: out of memory. */
bool report_lease_tell_review(struct lease_model *m);
/* Of one lease for pages, or (lease NULL) of all, with a column that names it. */
bool report_lease_tell_fields(struct lease_model *m, const struct lease_bundle *lease);
bool report_lease_tell_sheet(struct lease_model *m); /* a row a lease */

/* --- report_lease_lists.c */
bool report_lease_tell_list(struct lease_model *m, enum lease_list list, const struct lease_bundle *lease);
/* Every cell of every row as a line of the table of fields: "rent/r1a2b3c4d5e6f/amount". */
bool report_lease_tell_cells(struct lease_model *m, struct report_line *line);
/* Dates that hold from today on, the next ones first; most 0: all, and those that are past. */
bool report_lease_tell_next(struct lease_model *m, size_t most);
bool report_lease_next_date(const struct lease_model *m, char date[16], char what[128]); /* false: none */
void report_lease_tell_events(struct lease_model *m);

/* --- report_lease_checks.c */
bool report_lease_tell_checks(struct lease_model *m, const struct lease_bundle *lease);
size_t report_lease_failed_checks(const struct lease_model *m);

#endif
