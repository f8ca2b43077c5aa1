// SPDX-License-Identifier: Apache-2.0
#ifndef API_IDEMPOTENCY_H
#define API_IDEMPOTENCY_H

#include "base/err.h"
#include "spool/jobid.h"
#include "spool/layout.h"

/*
 * Idempotency-Key: a client that sends a submission again, because it does not know whether it was heard, gets the job of the first time. What a key stands for
 * lies in web/idempotency/<SHA-256 of owner and key>.json, durable before anything is dropped, so the job's id is the same whatever is killed between. On a
 * lane: one at a time for a key (the lane of ROUTE_SOURCES). Keys are forgotten after IDEMPOTENCY_KEEP_S.
 */
#define IDEMPOTENCY_KEEP_S 172800
#define IDEMPOTENCY_KEY_MOST 200u

/* The id that the key stands for: `id` as given (drawn by the caller) when it is new, *known says which. RC_PERM: the key came before with another body.
 * RC_TEMP, RC_NOSPACE: it could not be kept, nothing may be dropped. body_sha256, lower-case hex, is of whatever must be the same. */
enum rc idempotency_take(const struct spool *spool, const char *owner, const char *key, const char *body_sha256, char id[JOBID_SIZE], bool *known,
                         struct err *err);
/* 1 to IDEMPOTENCY_KEY_MOST visible ASCII characters. */
bool idempotency_key_valid(const char *key);
/* Remove what is older than it is kept: at start and once an hour, on a lane. */
void idempotency_prune(const struct spool *spool);

#endif
