// SPDX-License-Identifier: Apache-2.0
#ifndef SPOOL_JOURNAL_LINE_H
#define SPOOL_JOURNAL_LINE_H

#include <cjson/cJSON.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "spool/jobid.h"

/* One line of a journal as text; for journal.c and journal_reader.c. */

#define JOURNAL_NAME_SIZE (JOBID_SIZE + 8)
#define JOURNAL_FIRST_PREV "0000000000000000000000000000000000000000000000000000000000000000"

/* "<job id>.ndjson"; RC_PERM when it is no job id. */
enum rc journal_name(const char *job_id, char out[JOURNAL_NAME_SIZE], struct err *err);

struct line_head {
    uint64_t seq;
    const char *prev, *event, *node, *by; /* by may be NULL */
};
/* Append the line with its line feed. RC_PERM: longer than LIMIT_EVENT_BYTES. */
enum rc journal_line_format(struct buf *out, const struct line_head *head, const cJSON *members, struct err *err);

/* Strictly checked and parsed (cJSON_Delete). RC_CORRUPT: no JSON object with v 1, seq, prev, ts and event. */
enum rc journal_line_parse(const char *text, size_t length, cJSON **json, struct err *err);
/* seq of a line that must be one of ours. */
enum rc journal_line_seq(const char *text, size_t length, uint64_t *seq, struct err *err);
/* A member that is a whole number >= 0; false otherwise. */
bool journal_line_u64(const cJSON *json, const char *name, uint64_t *out);

#endif
