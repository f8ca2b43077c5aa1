// SPDX-License-Identifier: Apache-2.0
#ifndef REPORT_REPORT_LEASE_INTERNAL_H
#define REPORT_REPORT_LEASE_INTERNAL_H

#include "report/report_lease.h"

/* What the files of this model share: report_lease.c (reading, the order of things, summary), report_lease_fields.c (fields and what needs review),
 * report_lease_lists.c (rent, dates, options, clauses, checks). */

struct lease_document {
    struct slice record;
    char *lease; /* the group, else the document's name: what is one lease */
    char *name, *sha256, *date, *type;
};

struct lease { /* documents[0] is the newest */
    const char *name;
    const struct lease_document *documents;
    size_t count;
};

enum lease_list { LEASE_RENT, LEASE_DATES, LEASE_OPTIONS, LEASE_CLAUSES, LEASE_LISTS };

struct lease_model {
    struct report *report;
    const struct report_lease *input;
    char today[16]; /* the day that the job completed: what is next is seen from there */
    struct lease_document *documents;
    size_t count;
    struct lease *leases;
    size_t lease_count;
    char **fields; /* the names that any document has, in the order of the schema; owned */
    size_t field_count;
};

/* A field of a lease as it holds: the newest document that has it. */
struct lease_field {
    const struct lease_document *document; /* NULL: no document speaks of it */
    struct slice field;
    const cJSON *review; /* of this document and field, or NULL */
};
struct lease_field report_lease_field(const struct lease_model *m, const struct lease *lease, const char *name);
/* Its value for people: the correction, else what the analysis says. */
void report_lease_add_value(struct report_line *line, const struct lease_field *field);
/* The same as text alone, without its unit; "" of what is none. The caller frees; NULL: out of memory. */
char *report_lease_text(const struct lease_field *field);
bool report_lease_found(const struct lease_field *field);
/* Document, page, quote and whether it is verified: four cells. */
void report_lease_put_evidence(struct report_line *line, const struct lease_document *d, struct slice evidence, enum report_tone tone);
/* "Rent commencement date" of "rent_commencement_date". */
const char *report_lease_title(const char *name, char out[128]);
const char *report_lease_review_text(const cJSON *review, const char *member);

/* --- report_lease_fields.c. False: out of memory. */
size_t report_lease_count_review(const struct lease_model *m);
bool report_lease_tell_review(struct lease_model *m);
/* Of one lease for pages, or (lease NULL) of all, with a column that names it. */
bool report_lease_tell_fields(struct lease_model *m, const struct lease *lease);
bool report_lease_tell_sheet(struct lease_model *m); /* a row a lease */

/* --- report_lease_lists.c */
bool report_lease_tell_list(struct lease_model *m, enum lease_list list, const struct lease *lease);
bool report_lease_tell_checks(struct lease_model *m, const struct lease *lease);
/* Dates that hold from today on, the next ones first; most 0: all, and those that are past. */
bool report_lease_tell_next(struct lease_model *m, size_t most);
bool report_lease_next_date(const struct lease_model *m, char date[16], char what[128]); /* false: none */
void report_lease_tell_events(struct lease_model *m);
size_t report_lease_failed_checks(const struct lease_model *m);

#endif
