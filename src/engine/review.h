// SPDX-License-Identifier: Apache-2.0
#ifndef ENGINE_REVIEW_H
#define ENGINE_REVIEW_H

#include <cjson/cJSON.h>

#include "engine/review_records.h"
#include "report/lease_review.h"
#include "spool/layout.h"

/*
 * What reviewers say of the analyses of a job's documents, which reports lay over them. The job's journal has each word of it (event `reviewed`), and is the
 * truth; results/<job id>/review.json is made from it, for people and other programs:
 *
 *     {"reviewed": false, "open": 3, "declared": null, "revision": 12,
 *      "fields": {"<document>": {"<field>": WORD}},
 *      "rows": {"<document>": {"<list>": {"<row>": {"decision": "confirmed|removed|added", "values": {}, ..., "cells": {"<cell>": WORD}}}}}}
 *     WORD = {"decision": "confirmed|corrected", "value", "unit", "note", "reviewer", "at", "seq", "was"}
 *
 * <document> is the SHA-256 of a document, <field> a name as the record has it, or of a thing that is only confirmed: check_<id>, illegible_pages,
 * damaged_pages, missing_schedules, not_analysed. <row> is an id (report/lease_review.h), of an added row one that begins with "a". seq is the number of the
 * line in the journal, revision the greatest of them. `was` of a check is its text when it was confirmed.
 *
 * open is what needs review still; reviewed, that reports are no draft: lease_model_draft. declared is "done", "reopened" or null, what a person said of the
 * whole last.
 */

#define REVIEW_WORDS_MOST 1000u /* of one change */
#define REVIEW_POINTER_SIZE 600
#define REVIEW_ROW_MOST 32u /* bytes of the id of an added row */

/* As the journal says, without reviewed and open (review_settle). RC_GONE: no such job. Nobody has said anything: fields and rows empty. *review is the
 * caller's. Any thread. */
enum rc review_read(const struct spool *spool, const char *job_id, cJSON **review, struct err *err);
/* Put in `reviewed` and `open`. RC_CORRUPT: a record is none of a lease. */
enum rc review_settle(const struct review_records *records, cJSON *review, struct err *err);

struct review_ask {
    const cJSON *change;
    const char *by, *reviewer; /* `by` of events; the person's name */
    bool replace;              /* also what other reviewers said */
    bool match;                /* only when the revision is this one */
    uint64_t revision;
    char pointer[REVIEW_POINTER_SIZE];                                   /* out: what of the change is wrong */
    enum { REVIEW_WRONG, REVIEW_CONFLICT, REVIEW_OLD, REVIEW_OPEN } why; /* out, of RC_PERM: the change; another reviewer; the revision; done, but it is not */
};

/* Check the form of a change: {"reviewed": bool, "fields": {"<document>": {"<field>": null | {"decision", "value", "unit", "note", "over"}}}, "rows":
 * {"<document>": {"<list>": {"<row>": null | {"decision", "values", "note", "over", "cells": {"<cell>": null | {"decision", "value", "note", "over"}}}}}}}, all
 * may be absent; null takes back what was said (of a row with its cells). RC_PERM: err says what is wrong, ask->pointer where. */
enum rc review_check(struct review_ask *ask, struct err *err);

/*
 * Check a change against the records and what was said before, journal it, durable, then write review.json. What the change does not name stays. *review (may
 * be NULL) as it is now, settled, the caller's. Nothing is journalled of a change of which anything is refused. RC_PERM, by ask->why:
 *   REVIEW_WRONG     a document, field, row or cell that there is not, a value that may not stand there
 *   REVIEW_CONFLICT  `over` is not the seq of what the word would replace (0: nothing; of a row the greatest of its own and its cells'); or, without it, that
 *                    is another reviewer's, says something else, and ask->replace is not set
 *   REVIEW_OLD       the review was changed since that revision
 *   REVIEW_OPEN      reviewed is true, but something needs review still
 * RC_GONE: no such job. RC_TEMP, RC_NOSPACE: nothing is journalled; or all of it, and only the file is old: the next change makes it anew. Any thread.
 */
enum rc review_change(const struct spool *spool, const char *job_id, const struct review_records *records, struct review_ask *ask, cJSON **review,
                      struct err *err);

/* --- for review*.c */

/* The words of a change as members of events, without their reviewer; conflicts and what does not fit are refused. RC_PERM as review_change. */
enum rc review_words(const struct review_records *records, const cJSON *review, struct review_ask *ask, cJSON **words, struct err *err);
/* What a field may hold, as the schema says; a value of another kind that is there already tells more. schema NULL (it is not on this machine): it says
 * nothing.
 */
enum lease_type review_type(const cJSON *schema, const cJSON *record, const char *name);
/* Lay one word over a review. */
void review_apply(cJSON *review, const cJSON *word, uint64_t seq, const char *at);

#endif
