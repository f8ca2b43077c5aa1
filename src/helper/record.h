// SPDX-License-Identifier: Apache-2.0
#ifndef HELPER_RECORD_H
#define HELPER_RECORD_H

#include <cjson/cJSON.h>

#include "helper/chat.h"
#include "helper/lease.h"
#include "helper/quotes.h"

/* The record of one lease, made of what a model answered to the parts of its text (batchspool-documents(7)). No clock and no files: the same input gives the
 * same record. */

struct record_input {
    const char *run, *name, *sha256, *group; /* group may be NULL */
    enum date_order order;                   /* what the job says; DATE_ORDER_NONE: what the document itself shows */
    const struct lease *lease;
    const char *schema_version, *prompt_version;
    const struct pages *pages;
    cJSON *answers; /* array: chat completions, or what record_check made of them; worked in */
};

/* One answer: whole, JSON, and as the schema says: {"ok": true, "value": ..., "model": ..., "tokens": {...}}; the caller frees. RC_PERM: another try would give
 * the same (cut off, refused, filtered). RC_TEMP: another answer may be right. */
enum rc record_check(const struct lease *lease, cJSON *answer, cJSON **checked, struct err *err);

/* The caller frees *record. Results as record_check. */
enum rc record_make(struct record_input *input, cJSON **record, struct err *err);

/* --- its parts, for record*.c and their tests --------------------------------------------------------------------------- */

enum record_kind {
    RECORD_TEXT,
    RECORD_NAME, /* of a person or company, or of a thing: other words are another one */
    RECORD_NUMBER,
    RECORD_BOOLEAN,
    RECORD_DATE, /* ISO */
    RECORD_WORD, /* one of a few */
    RECORD_CURRENCY,
};

struct record_member { /* by which rows are told apart */
    const char *name;  /* NULL at the end */
    enum record_kind kind;
};

/* What dates were not understood, for the checks. */
struct record_doubts {
    enum date_order order;
    unsigned count;
    char first[80];
};

/* The date that a text means as ISO text in out; false: none, or two. */
bool record_date(const char *text, struct record_doubts *doubts, char out[DATE_TEXT_SIZE]);
/* A field of the record from fields of the parts (array, in order; taken apart). One whose quote is in the text goes before those whose is not; between equals
 * it is a conflict if they differ in what they say, and then all of them are in `candidates`. What is not in the one that is kept is in `also`. The caller
 * frees. */
cJSON *record_merge_field(cJSON *parts, enum record_kind kind);
/* Put rows into a list, without those that are there already, perhaps in other words; rows is taken apart. */
void record_merge_rows(cJSON *list, cJSON *rows, const struct record_member *members);
/* The list of checks of a record that has all else. An item with a member `review` was looked at by a person: its quote is not. */
cJSON *record_checks(const cJSON *record, const struct record_doubts *doubts, const unsigned orders[2]);

#endif
