// SPDX-License-Identifier: Apache-2.0
#ifndef ENGINE_LOAD_H
#define ENGINE_LOAD_H

#include <cjson/cJSON.h>

#include "engine/sources.h"
#include "spool/layout.h"

/* The second phase (DESIGN 7): payloads into the record store, exactly once. Runs in a worker process of its own (batchspoold and batchspool start one with
 * load_worker_args), without a loop. */

struct load_options {
    const char *const *job_ids; /* NULL with count 0: every job */
    size_t job_count;
    unsigned shelves; /* bits 1u << SHELF_PENDING, 1u << SHELF_READY; abandoned claims in processing/ are always taken over */
    bool reload;      /* load processed and failed files again too; one that is stored as its definition of today would have it changes nothing */
    bool replay;      /* only the kept bad records, with the definition of today; shelves play no part */
    bool dry_run;     /* scan and count, write and move nothing; each file is compared with the store of now, not with other waiting files */
};

struct load_report {
    uint64_t files, files_failed, files_busy; /* loaded; set aside in failed/; held by another loader */
    uint64_t records, inserted, updated, unchanged, errors;
    uint64_t time_ms;
    char first_error[300]; /* of a file that failed */
};

/* Raw files are locked by flock and their markers claimed by rename; the SHA-256 is checked against the journal; all records of a file and its status row go
 * into one transaction of the record store (several files share one); then `loaded` is journalled, then the marker goes to processed/. Every step can be
 * repeated: a crash anywhere is mended by the next run, which takes the abandoned claim over, finds the file stored (counted unchanged) and journals what is
 * missing. A file that can not be loaded goes to failed/ and is journalled `rejected`: damaged (SHA-256), invalid (not JSON, nothing at data_selector), foreign
 * (a marker that its job does not know), dangling (no raw file); one without its source definition stays. RC_OK although files failed (see the report).
 * RC_NOSPACE, RC_TEMP: what was not stored was put back. At most one at a time in a process (LMDB). */
enum rc load_run(const struct spool *spool, struct sources *sources, const struct load_options *options, struct load_report *report, struct err *err);

cJSON *load_report_json(const struct load_report *report);

/* Command line of a worker: `PROGRAM --load-worker --spool DIR --sources DIR --shelves pending,ready [--reload] [--replay] [--dry-run] [ID...]`. argv begins
 * after --load-worker. Prints the report as one JSON line on standard output. Returns the exit code: 0, 65 a file could not be loaded, 74 I/O. */
int load_worker_main(int argc, char **argv);
/* The arguments for child_start; program is an absolute path; source_settings: as sources_new; strings are borrowed from the parameters and from static text.
 * argv has room for at least 16 + job_count entries. */
void load_worker_args(const char *program, const char *spool_root, const char *sources_dir, const char *source_settings, const struct load_options *options,
                      const char **argv);

#endif
