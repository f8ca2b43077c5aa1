// SPDX-License-Identifier: Apache-2.0
#ifndef ENGINE_REUSE_H
#define ENGINE_REUSE_H

#include "store/index.h"

/* What earlier jobs mean for another one: is it a duplicate (DESIGN 4), do a completed one's payloads answer it, how much will it give, has a page come before.
 * Asks the index alone. In all of it RC_GONE is: none. */

struct reuse_search {
    const char *source, *hash; /* of the canonical criteria */
    uint64_t take;             /* JOB_UNKNOWN: all */
    bool automatic;            /* its records are to be loaded too */
    const char *except_id;     /* the job itself; NULL: it has no id yet */
};

/* A live or completed job, accepted since then, that is not failed, cancelled or empty-handed and gives all that this one asks for: it is not trimmed, or not
 * below what this one takes, or it took all there was. exactly: it takes as many, as a job must whose payloads are the answer. The newest is found. */
enum rc reuse_duplicate(struct index *index, const struct reuse_search *search, int64_t since_us, bool exactly, char job_id[JOBID_SIZE], struct err *err);
/* A job that takes exactly as many and completed since then; for an automatic job it must be loaded as well. */
enum rc reuse_completed(struct index *index, const struct reuse_search *search, int64_t since_us, char job_id[JOBID_SIZE], struct err *err);
/* One that takes `other` gives all that one asks for that takes `take`. */
bool reuse_covers(uint64_t other, uint64_t take);

/* How many records the search gives, as the newest job or preview knew that learned it. */
enum rc reuse_records(struct index *index, const struct reuse_search *search, uint64_t *records, char job_id[JOBID_SIZE], struct err *err);

/* The payload, below payloads/raw, that has these bytes already: another page of this job, or else one of another job of the source, the oldest. */
enum rc reuse_bytes(struct index *index, const char *source, const char *job_id, uint32_t batch, const char *sha256, char *file, size_t size, struct err *err);

#endif
