// SPDX-License-Identifier: Apache-2.0
#ifndef ENGINE_RESULTS_INTERNAL_H
#define ENGINE_RESULTS_INTERNAL_H

#include "engine/errand.h"
#include "report/report_records.h"
#include "spool/job.h"

/* What the files of batchspool-report share: results_report.c (one report), results_pagespeed.c, results_lease.c (what those models need besides). */

struct gathered { /* records in a file without a name, mapped, so that their number takes no memory */
    int fd;
    struct report_records records;
};

#define GATHERED_NONE                                                                                                                                          \
    { .fd = -1 }

struct results_ask {
    const struct spool *spool;
    struct sources *sources;
    const struct errand *errand;
    const struct report_form *form;
    const struct report_job *job;
    struct gathered *gathered;
};

enum rc results_gather_open(const struct spool *spool, struct gathered *g, struct err *err); /* empty; to be written at g->fd */
enum rc results_gather_map(struct gathered *g, struct err *err);
void results_gather_release(struct gathered *g);
/* The records of this job as an export has them. */
enum rc results_gather_job(const struct spool *spool, struct sources *sources, const char *job_id, struct gathered *g, struct err *err);

/* Units that failed for good and were not captured since, by number. */
struct results_failed {
    struct results_unit {
        uint32_t batch;
        uint32_t attempts;    /* of its first step, as in unit_look.h */
        char *reason, *error; /* owned */
    } * list;
    size_t count, capacity;
};
enum rc results_failed_read(const struct spool *spool, const char *job_id, struct results_failed *failed, struct err *err);
void results_failed_release(struct results_failed *failed);

enum rc results_pagespeed_write(const struct results_ask *ask, int fd, struct err *err);
enum rc results_lease_write(const struct results_ask *ask, int fd, struct err *err);

#endif
