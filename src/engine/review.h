// SPDX-License-Identifier: Apache-2.0
#ifndef ENGINE_REVIEW_H
#define ENGINE_REVIEW_H

#include <cjson/cJSON.h>

#include "spool/layout.h"

/*
 * What reviewers say of the fields of a job's records, which reports lay over the analysis. The job's journal has each word of it (event `reviewed`), and is
 * the truth; results/<job id>/review.json is made from it, for people and other programs:
 *
 *     {"reviewed": false, "fields": {"<document>": {"<field>": {"decision": "confirmed|corrected", "value", "unit", "note", "reviewer", "at"}}}}
 *
 * <document> is the SHA-256 of a document, <field> a name as the record has it. reviewed: the review is done, reports are no draft any more; a later word on a
 * field does not change that.
 */

#define REVIEW_FIELDS_MOST 1000u /* of one change */

struct review_by {
    const char *by, *reviewer; /* `by` of events; the person's name */
};

/* As the journal says. RC_GONE: no such job. Nobody has said anything: reviewed false, fields empty. *review is the caller's. Any thread. */
enum rc review_read(const struct spool *spool, const char *job_id, cJSON **review, struct err *err);

/* Check a change: {"reviewed": bool, "fields": {"<document>": {"<field>": null | {"decision", "value", "unit", "note"}}}}, both members may be absent; null
 * takes back what was said. value is wanted when it is corrected, and is a text, number, true, false or an array of these. RC_PERM: err says what is wrong;
 * pointer (600 bytes; may be NULL) where. */
enum rc review_check(const cJSON *change, char *pointer, struct err *err);
/* Journal a checked change, durable, then write review.json. What the change does not name stays. *review (may be NULL) as it is now, the caller's. RC_GONE: no
 * such job. RC_TEMP, RC_NOSPACE: it may be journalled in part (the whole may be said again); or all of it, and only the file is old: the next change makes it
 * anew. Any thread. */
enum rc review_change(const struct spool *spool, const char *job_id, const cJSON *change, const struct review_by *by, cJSON **review, struct err *err);

#endif
