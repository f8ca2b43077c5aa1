// SPDX-License-Identifier: Apache-2.0
#ifndef SPOOL_JOBS_H
#define SPOOL_JOBS_H

#include "spool/jobid.h"
#include "spool/layout.h"

/* Which jobs there are and where: where a file lies is its state, so jobs/ is read each time; journals and index only give the details. Any thread. */

struct jobs_entry {
    char id[JOBID_SIZE]; /* "" when the file is not named by an id (a drop that was not accepted yet, or rests in hold/ or cancelled/) */
    char *file;          /* its name then, else NULL; owned */
    enum place place;    /* PLACE_NONE: a journal, but no file */
};

struct jobs {
    struct jobs_entry *list;
    size_t count, capacity;
};

/* All job files, and the journals without one, sorted by id; files that are not named by an id first. A job that is being moved meanwhile is there once. */
enum rc jobs_scan(const struct spool *spool, struct jobs *jobs, struct err *err);
void jobs_release(struct jobs *jobs);

/* The place of <id>.json; PLACE_NONE. */
enum place jobs_place(const struct spool *spool, const char *id);
/* Its file name in the place where it lies. */
const char *jobs_file(const struct jobs_entry *job, char out[JOBID_SIZE + 8]);
/* It was accepted, or refused, once. */
bool jobs_has_journal(const struct spool *spool, const char *id);
/* The size of its journal. False: there is none. */
bool jobs_journal_bytes(const struct spool *spool, const char *id, uint64_t *bytes);

/* Every journal there is, in the order of the directory: read returns RC_GONE when it went away meanwhile; anything else but RC_OK ends the walk and is the
 * result. */
enum rc jobs_journals(const struct spool *spool, enum rc (*read)(void *context, const char *job_id, struct err *err), void *context, struct err *err);

#endif
