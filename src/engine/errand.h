// SPDX-License-Identifier: Apache-2.0
#ifndef ENGINE_ERRAND_H
#define ENGINE_ERRAND_H

#include "engine/retention.h"
#include "source/errand.h"
#include "spool/layout.h"

/*
 * Jobs of modes results and cleanup (DESIGN 2): what they ask for is done in a process of its own, which the daemon starts as it starts loaders (errands.c), so
 * that neither a large export nor a month that is packed keeps the loop waiting. Done once more after a kill it comes to the same end.
 */

struct sources;

/* results_make: write the records that a job of mode results asks for to results/<the job they are of, else this job>/<name>, durable: a temporary file,
 * synced, renamed over it, the directory synced; then <name>.sha256, which `sha256sum -c` accepts. answer, owned by the caller: file, sha256, bytes, records,
 * cursor. What export_run says otherwise; RC_TEMP, RC_NOSPACE: nothing was replaced. */
enum rc results_make(const struct spool *spool, struct sources *sources, const char *job_id, const struct errand *errand, cJSON **answer, struct err *err);
/* The temporary file that a killed one leaves, below results/. */
void results_tmp(const char *job_id, const struct errand *errand, char *out, size_t size);

/* Command line of a worker: `PROGRAM --errand-worker --spool DIR --sources DIR --job ID --job-days N --payload-months N --archive 0|1`. argv begins after
 * --errand-worker. It reads what to do from the journal, writes results/<ID>/preview.json and prints the same object as one line; or {"reason","error"}.
 * Returns the exit code: 0, 65 what was asked for cannot be had, 74 I/O. */
int errand_worker_main(int argc, char **argv);

#define ERRAND_ARGS 16
struct errand_args {
    const char *argv[ERRAND_ARGS];
    char days[16], months[16];
};
/* For child_start; strings are borrowed. */
void errand_worker_args(const char *program, const struct spool *spool, const char *sources_dir, const char *job_id, const struct retention_limits *limits,
                        struct errand_args *args);

#endif
