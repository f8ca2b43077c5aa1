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

/* Write one file of a report (form is not FORM_NDJSON), or of a table as CSV, to fd, an empty file: what batchspool-report has and the daemon has not
 * (results_report.c), so that the libraries of workbooks and pages are linked to that program alone. Not synced. As export_run. */
typedef enum rc results_report(const struct spool *spool, struct sources *sources, const struct errand *errand, enum form form, int fd, uint64_t *rows,
                               struct err *err);
results_report results_report_write;

/* Write what a job of mode results asks for to results/<the job it is of, else this job>/<name>, durable: a temporary file, synced, renamed over it, the
 * directory synced; then <name>.sha256, which `sha256sum -c` accepts, and in the end SHA256SUMS with all of them, and with wait RESULTS_READY. A file whose
 * bytes are there already is left as it is. report may be NULL: exports alone. answer, owned by the caller: file, sha256, bytes, records, cursor; of a set:
 * report, and files with these. What export_run says otherwise; RC_TEMP, RC_NOSPACE: what was there is there, but for files of a set that were made before. */
enum rc results_make(const struct spool *spool, struct sources *sources, const char *job_id, const struct errand *errand, results_report *report,
                     cJSON **answer, struct err *err);
/* The records of it as an export has them (FORM_NDJSON, FORM_CSV), to fd. cursor: as in export_options. */
enum rc results_export(const struct spool *spool, struct sources *sources, const struct errand *errand, enum form form, int fd, uint64_t *rows, char *cursor,
                       struct err *err);
/* The temporary file that a killed one leaves, below results/. */
void results_tmp(const char *job_id, const struct errand *errand, char *out, size_t size);

/* Command line of a worker: `PROGRAM --errand-worker --spool DIR --sources DIR --source-settings JSON --job ID --job-days N|N! --payload-months N --archive
 * 0|1`. argv begins after
 * --errand-worker. It reads what to do from the journal, writes results/<ID>/preview.json and prints the same object as one line; or {"reason","error"}.
 * Returns the exit code: 0, 65 what was asked for cannot be had, 74 I/O, 75 the job that it waits for goes on. report: of batchspool-report, else NULL. */
int errand_worker_main(int argc, char **argv, results_report *report);
/* The program that does it: the daemon's own, or batchspool-report among the helpers, else beside the daemon. RC_PERM with err: it is not there. */
enum rc errand_program(const char *program, const char *helpers_dir, const struct errand *errand, char *out, size_t size, struct err *err);

/* The results that a source has made of each job that was loaded by itself (`results` of its definition): the text of the job of mode results, which the caller
 * frees, and its id, which is made of the job's own, so that it may be dropped twice and is one. */
char *errand_automatic(const char *job_id, const char *created_by, unsigned formats);
void errand_automatic_id(const char *job_id, char out[JOBID_SIZE]);
/* The file below results/<job id>/ that is there when all files of that set are, with what is said of them: a notice of the job may name them from then on. */
#define RESULTS_READY "results.json"

#define ERRAND_ARGS 18
struct errand_args {
    const char *argv[ERRAND_ARGS];
    char days[32], months[16];
};
/* For child_start; strings are borrowed. */
void errand_worker_args(const char *program, const struct spool *spool, const char *sources_dir, const char *source_settings, const char *job_id,
                        const struct retention_limits *limits, struct errand_args *args);

#endif
