// SPDX-License-Identifier: Apache-2.0
#ifndef ENGINE_REVIEW_VIEW_H
#define ENGINE_REVIEW_VIEW_H

#include "engine/review.h"

/* The analyses of a job as somebody who reviews them looks at them: what needs review, and each document with the review laid over it. */

/*
 * {"reviewed", "open", "declared", "revision", "documents": [{"sha256", "name", "lease", "type", "date", "pages", "media_type", "open", "words"}],
 *  "needs": [{"document", "name", "lease", "kind": "field|row|check|note", "field" | "list" and "row", "why", "value", "page"}]}
 * needs is what is open, in the order in which it is best looked at, at most REVIEW_NEEDS_MOST; `field` is what a change calls it, of the
 * document; name, of the document that it stands in, is null of what was found in none of several. value: of
 * a field, of one in conflict a list of those that contradict each other; of a row an object of its cells; of a note its pages. media_type: of the document as
 * it was handed in, or null: it is not known. review is what review_read gave. The caller frees *view. RC_CORRUPT: a record is none of a lease.
 */
#define REVIEW_NEEDS_MOST 1000
enum rc review_view_job(const struct review_records *records, cJSON *review, cJSON **view, struct err *err);

/*
 * The record of one document with the review laid over it (lease_review_lay), and besides
 *   `fields`: each with `type`, `title`, `group`, `review` (the word on it) and `open` (why it needs review) or `superseded`
 *   `rows`: {"<list>": {"cells": [{"name", "type"}], "rows": [...]}}, each row with `open`, `holds` ("holds", "superseded", "removed")
 *   `checks`, each with `field`, `review` and `open`; `notes`: [{"field", "value", "why", "review", "open"}]
 *   `history`: each word that was said of it, the newest first (at most 500): {"seq", "at", "reviewer", "decision", "field" | "list", "row", "cell", ...}
 * and `revision`, `reviewed`. RC_GONE: the job has no analysis of this document.
 */
enum rc review_view_document(const struct spool *spool, const char *job_id, const struct review_records *records, cJSON *review, const char *sha256,
                             cJSON **view, struct err *err);

#endif
