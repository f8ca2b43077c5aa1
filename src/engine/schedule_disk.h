// SPDX-License-Identifier: Apache-2.0
#ifndef ENGINE_SCHEDULE_DISK_H
#define ENGINE_SCHEDULE_DISK_H

#include "engine/schedule_files.h"
#include "store/index.h"

/* What the answers of a schedule will take on the disk: those of an earlier job, times its due times until cleaning up takes them. */

struct schedule_disk {
    char job_id[JOBID_SIZE]; /* the job that it is estimated from: the schedule's last, else the newest of its source that completed; "": there is none */
    uint64_t pages;          /* of that job: pages or units that have an answer */
    uint64_t page_bytes;     /* of each, with the answers of all its steps */
    uint64_t run_pages;      /* of one run: units of its lists now, else as many as that job had */
    uint64_t runs;           /* within the time that payloads are kept, from now on */
    uint64_t bytes;          /* all of them */
    bool runs_cut;           /* there are more: no more than SCHEDULE_DISK_RUNS were counted */
};
#define SCHEDULE_DISK_RUNS 100000u

/* seen is one that is right. payload_months: kept beside the present one. index may be NULL. RC_GONE: there is no job to go by (runs is filled). */
enum rc schedule_disk(const struct spool *spool, struct index *index, struct sources *sources, const struct schedule_seen *seen, unsigned payload_months,
                      int64_t now_s, struct schedule_disk *disk, struct err *err);

#endif
