// SPDX-License-Identifier: Apache-2.0
#ifndef ENGINE_RESULTS_INTERNAL_H
#define ENGINE_RESULTS_INTERNAL_H

#include "engine/errand.h"
#include "report/report_pagespeed.h"
#include "report/report_records.h"
#include "source/criteria.h"
#include "spool/job.h"

/* What the files of batchspool-report share: results_report.c (one report), results_pagespeed.c, results_before.c (the run
 * before), results_lease.c (what those models need besides). */

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

/* The same as rows of a report of page speed: which URL and strategy, and the class of what went wrong (unit_look.h). */
struct results_failures {
    struct report_failed *list; /* they borrow from what follows, which is owned */
    size_t count;
    char **labels;
    char (*classes)[64];
    struct results_failed units;
    struct criteria *criteria;
    cJSON *job; /* when there is no definition */
};
/* RC_GONE, RC_CORRUPT: of the job's journal. Release in any case. */
enum rc results_failures_read(const struct results_ask *ask, const char *job_id, struct results_failures *f, struct err *err);
void results_failures_release(struct results_failures *f);

/* What the report is compared with: of each URL and strategy of the job, be it a record or what failed, what the same owner's last run before has of it. */
#define BEFORE_RUNS 12u /* jobs of the same owner and source whose journals are looked through for what failed */
struct results_before {
    struct gathered found;        /* the last record */
    struct report_failed *failed; /* what failed in a run after that record, or failed and never had one; borrows from runs */
    size_t failed_count;
    struct results_failures runs[BEFORE_RUNS];
    size_t run_count;
};
#define RESULTS_BEFORE_NONE                                                                                                                                    \
    { .found = GATHERED_NONE }
enum rc results_before_read(const struct results_ask *ask, const struct results_failures *now, struct results_before *before, struct err *err);
void results_before_release(struct results_before *before);

enum rc results_pagespeed_write(const struct results_ask *ask, int fd, struct err *err);
enum rc results_lease_write(const struct results_ask *ask, int fd, struct err *err);

#endif
