// SPDX-License-Identifier: Apache-2.0
#ifndef ENGINE_RETENTION_H
#define ENGINE_RETENTION_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdint.h>

#include "spool/layout.h"

/*
 * Retention (DESIGN 8): `batchspool cleanup` and jobs of mode cleanup.
 *
 * Payloads of months before the kept ones go to archive/ (spool/pack.h), or go without, once every payload of their job is loaded and the job is over for good:
 * it is processed, or its own time has come too. Finished jobs whose last event is old enough lose their file, its .why and what results/ has of them but for
 * the list of their members; the journal stays: it is the audit trail and the ledger, and what duplicates, delta purchases, exports and money go by. Nothing
 * goes of a job with a payload that is not loaded, could not be, or is being loaded, nor with money in doubt or a request that is open, nor when a payload is
 * not what its checksum says.
 *
 * Order: packed, synced and read back; `archived` durable in the journal, under its lock, with all that was asked for above looked at once more; then marker
 * and raw payload, or the job's file. Each can be repeated: what a kill left behind the event is taken away by the next run, and what is packed without an
 * event is not packed again.
 */

struct retention_limits {
    unsigned job_days;       /* finished jobs are kept for so many days, unless their source says otherwise */
    bool job_days_hold;      /* whatever it says */
    unsigned payload_months; /* payloads are kept of this month and so many before */
    bool archive;            /* payloads are packed before they go */
};

struct retention_options {
    struct retention_limits limits;
    bool dry_run;   /* look only */
    const char *by; /* of the events */
};

struct sources;

/* sources: whose job_retention_days hold; a definition that cannot be read has none. report, owned by the caller: {"dry_run", "months":
 * [{"month","jobs","files","bytes","archives": [{"file","sha256","bytes"}]}], "files", "bytes", "jobs":
 * {"COMPLETED","FAILED","CANCELLED"}, "sources": [{"source","jobs" (that went),"days","by": "source|configuration|environment"}], "kept": {reason:
 * jobs}}; what was done until then also when it fails. RC_AGAIN: another one is at work. RC_PERM: not the
 * daemon's user. */
enum rc retention_run(const struct spool *spool, struct sources *sources, const struct retention_options *options, cJSON **report, struct err *err);

/* Payloads of a month back from archive/ below payloads/raw, with markers in payloads/processed, journalled `restored`: to be loaded again. files: how many.
 * RC_GONE: nothing of that month is there. */
enum rc retention_restore(const struct spool *spool, const char *month, const char *by, uint64_t *files, struct err *err);

#endif
