// SPDX-License-Identifier: Apache-2.0
#ifndef ENGINE_RETENTION_INTERNAL_H
#define ENGINE_RETENTION_INTERNAL_H

#include "base/strset.h"
#include "engine/retention.h"
#include "spool/pack.h"

/* What the files of retention share: retention.c (jobs, report, restoring), retention_month.c (payloads of a month), retention_job.c (what the journal of one
 * job says, and why it must stay), retention_days.c (how long). */

#define RETENTION_REASONS 8u

struct retention {
    const struct spool *spool;
    const struct retention_options *options;
    int64_t now_us;
    char first_month[8]; /* that is kept */
    cJSON *months;
    uint64_t files, bytes, jobs[PLACE_COUNT];
    uint64_t documents, document_bytes;
    struct retention_source { /* that has a time of its own */
        char name[65];
        unsigned days;
        bool documents;
    } * sources;
    size_t source_count;
    struct retention_gone {
        char source[65];
        uint64_t jobs;
    } * gone;
    size_t gone_count;
    struct strset going; /* jobs that a run that only looks would take away */
    struct retention_kept {
        const char *reason;
        uint64_t jobs;
    } kept[RETENTION_REASONS];
    struct err *err;
};

/* retention_days.c */

enum rc retention_days_learn(struct retention *r, struct sources *sources);
unsigned retention_days(const struct retention *r, const char *source, const char **by); /* by: who says it */
unsigned retention_days_least(const struct retention *r, bool documents);                /* of any source; of those of documents */
bool retention_days_over(const struct retention *r, const char *source, int64_t at_us);
enum rc retention_went(struct retention *r, const struct job_row *row); /* count a job that goes */
cJSON *retention_days_report(const struct retention *r);
void retention_days_release(struct retention *r);

/* retention_documents.c */
enum rc retention_documents(struct retention *r);

/* retention_job.c */

struct retention_file { /* a captured payload */
    uint32_t batch;
    enum file_status status;
    bool archived;
    bool inner; /* of a step before the last of its unit: it has no marker */
    uint64_t bytes;
    struct pack_file raw;
};

struct retention_job { /* as its journal has it now */
    struct job_row row;
    struct retention_file *files; /* in the order of capture */
    size_t count, capacity, near; /* near: that was looked for last */
    bool out_of_memory;
};

/* RC_GONE: no journal. RC_CORRUPT: damaged. Released by the caller when RC_OK. */
enum rc retention_job_read(const struct spool *spool, const char *id, struct retention_job *job, struct err *err);
void retention_job_release(struct retention_job *job);
bool retention_old(const struct retention *r, const struct job_row *row);                  /* it has ended, and its time has come */
const char *retention_held_by(const struct retention *r, const struct retention_job *job); /* why nothing of it may go; NULL: it may */
void retention_keep(struct retention *r, const char *reason);                              /* count a job that stays */
size_t retention_files_left(const struct retention_job *job, uint64_t *bytes);             /* that are not archived; their bytes are added; may be NULL */
/* Of the events that are about one; NULL: out of memory. */
cJSON *retention_file_members(const struct retention_file *file);
/* Queue the `archived` of the job itself. RC_CORRUPT: its file is no text that the journal could keep. Journal locked. */
enum rc retention_tell_job(const struct retention *r, struct journal *journal, const struct job_row *row, struct err *err);

struct retention_ids {
    char (*list)[JOBID_SIZE];
    size_t count, capacity;
};
enum rc retention_ids_add(struct retention_ids *ids, const char *id, struct err *err);
void retention_ids_release(struct retention_ids *ids);
/* The jobs of a month that have journals, in order; released by the caller in any case. */
enum rc retention_month_ids(const struct retention *r, const char *month, struct retention_ids *ids);

/* retention_month.c */
enum rc retention_month(struct retention *r, const char *month);

#endif
