// SPDX-License-Identifier: Apache-2.0
#ifndef REPORT_LEASE_MODEL_H
#define REPORT_LEASE_MODEL_H

#include "report/lease_review.h"
#include "report/report_lease.h"

/*
 * Leases read from records, with the review laid over them: what holds, what is superseded, and what needs review still. Pure, and without any format of
 * reports: the page of review and the reports go by the same.
 */

struct lease_document {
    struct slice record;
    char *lease; /* the group, else the document's name: what is one lease */
    char *name, *sha256, *date, *type;
    char *laid; /* the text of record, when it is not the one that was given; owned */
};

struct lease_bundle { /* documents[0] is the newest */
    const char *name;
    const struct lease_document *documents;
    size_t count;
};

struct lease_model {
    const struct report_lease *input;
    struct report *report; /* where it is told, or NULL */
    char today[16];        /* the day that the job completed: what is next is seen from there */
    struct lease_document *documents;
    size_t count;
    struct lease_bundle *leases;
    size_t lease_count;
    char **fields; /* the names that any document has, in the order of the schema; owned */
    size_t field_count;
};

/* all: lay the review over each record, so that rows have their ids; else only where somebody said something. model->input is set, and borrowed; so are its
 * records. RC_CORRUPT: a record that is none of a lease; RC_TEMP: out of memory. lease_model_release in any case. */
enum rc lease_model_read(struct lease_model *m, bool all, struct err *err);
void lease_model_release(struct lease_model *m);

/* A field of a lease as it holds: the newest document that speaks of it; when none does, the oldest that was asked for it. */
struct lease_field {
    const struct lease_document *document; /* NULL: no document speaks of it */
    struct slice field;
    const cJSON *review; /* of this document and field, or NULL */
};
struct lease_field lease_model_field(const struct lease_model *m, const struct lease_bundle *lease, const char *name);
/* It was found in none of the documents of the lease, of which there are several: it belongs to none. */
bool lease_model_nowhere(const struct lease_model *m, const struct lease_bundle *lease, const char *name);
#define LEASE_NOWHERE_SIZE 64
const char *lease_model_nowhere_text(const struct lease_bundle *lease, char out[LEASE_NOWHERE_SIZE]); /* "not found in any of the 3 documents" */
/* The same as lease_model_field of one document, whether it holds or not. */
struct lease_field lease_model_field_of(const struct lease_model *m, const struct lease_document *d, const char *name);
/* It has something to say: found, in conflict, or corrected by a person. */
bool lease_model_speaks(const struct lease_field *field);
bool lease_model_found(const struct lease_field *field); /* and to what it says there is a value */
bool lease_model_status_is(struct slice field, const char *status);
bool lease_model_corrected(const cJSON *review);
const char *lease_model_said(const cJSON *review, const char *member); /* "": nothing */

/* Rows in document order, the newest document first; those that were removed last. False: seen said so. */
enum lease_holds { LEASE_HOLDS, LEASE_SUPERSEDED, LEASE_REMOVED };
typedef bool lease_row_seen(void *context, const struct lease_bundle *lease, size_t document, struct slice row, enum lease_holds holds);
bool lease_model_rows(const struct lease_bundle *lease, enum lease_list list, lease_row_seen *seen, void *context);

bool lease_model_check_is(struct slice check, const char *result);

/* --- what needs review -------------------------------------------------------------------------------------------------- */

enum lease_need_kind { LEASE_NEED_FIELD, LEASE_NEED_ROW, LEASE_NEED_CHECK, LEASE_NEED_NOTE };

struct lease_need {
    enum lease_need_kind kind;
    const struct lease_bundle *lease;      /* NULL: of a document that could not be analysed */
    const struct lease_document *document; /* the same; the one that a word on it is said of */
    const struct report_lost *lost;
    const char *name;        /* a field; a list; "check_" and the id of a check; "illegible_pages", "not_analysed" ... */
    struct slice item;       /* the field, row or check, or the list of pages */
    const char *why;         /* borrowed until seen returns */
    bool missing;            /* not found: comes after all that is doubtful */
    bool nowhere;            /* of a field: lease_model_nowhere */
    struct lease_field held; /* of a field */
};
typedef bool lease_need_seen(void *context, const struct lease_need *need);

/* What nobody has decided, the doubtful first. False: out of memory, or seen said so. */
bool lease_model_needs(const struct lease_model *m, lease_need_seen *seen, void *context);
size_t lease_model_open(const struct lease_model *m);
/* Reports say draft: something is open, or nobody has said anything, or the review was opened again and not ended since. */
bool lease_model_draft(const struct lease_model *m);

#endif
