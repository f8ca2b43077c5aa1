// SPDX-License-Identifier: Apache-2.0
#ifndef ENGINE_REVIEW_RECORDS_H
#define ENGINE_REVIEW_RECORDS_H

#include <cjson/cJSON.h>

#include "engine/sources.h"
#include "report/report_lease.h"
#include "spool/layout.h"

/* What is reviewed: the analyses of a job's documents, read from its payloads, so that every program on the spool can, without the record store and whether
 * they are loaded or not; and the documents that could not be analysed. */

struct review_lost {
    struct report_lost *list;
    size_t count;
    cJSON *job;  /* what names and sums are borrowed from */
    void *units; /* and errors */
    char (*numbers)[24];
};
/* review_lost_release in any case. */
enum rc review_lost_read(const struct spool *spool, const char *job_id, struct review_lost *lost, struct err *err);
void review_lost_release(struct review_lost *lost);

struct review_records {
    struct report_lease input; /* without review */
    struct buf text;           /* NDJSON */
    struct review_lost lost;
    cJSON *documents; /* as the job names them: [{"sha256", "name", "bytes", "type"}]; or NULL */
};

/* The records of a job, or of the one whose payloads it reuses. RC_GONE: there is no such job. RC_PERM: its source's results are not told as leases, or a
 * payload is not in the spool (any more) or none of this source. review_records_release in any case. Reads; any thread, sources by the one that owns them. */
enum rc review_records_read(const struct spool *spool, struct sources *sources, const char *job_id, struct review_records *records, struct err *err);
void review_records_release(struct review_records *records);

#endif
