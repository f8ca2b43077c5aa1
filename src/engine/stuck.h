// SPDX-License-Identifier: Apache-2.0
#ifndef ENGINE_STUCK_H
#define ENGINE_STUCK_H

#include "engine/sources.h"
#include "spool/payload.h"
#include "store/index.h"

/* What does not get on by itself, found by lock and progress: age alone is no sign, a job may run for days. For people, and for notices. */

struct stuck_options {
    int64_t after_us;   /* a running job is silent, a payload is not loaded, a drop is not taken in, or a deferred job is overdue for as long */
    int64_t waiting_us; /* a job waits in pending/ for as long although its source is open */
};

enum stuck_kind {
    STUCK_SOURCE_PAUSED,  /* the source refused its credentials: one row, not one a job */
    STUCK_DROP,           /* a file in jobs/pending/ that is not taken in */
    STUCK_WAITING,        /* pending for too long */
    STUCK_NO_DAEMON,      /* in processing/, and no daemon runs (its lock) */
    STUCK_SILENT,         /* in processing/, and nothing was asked or answered for too long */
    STUCK_OVERDUE,        /* in deferred/ beyond its time */
    STUCK_HELD,           /* a person must decide; not what a person put there */
    STUCK_FILE_FAILED,    /* a payload that could not be loaded */
    STUCK_FILE_WAITING,   /* in payloads/ready/ for too long */
    STUCK_FILE_ABANDONED, /* in payloads/processing/ for too long, and no loader has it (its lock) */
};
const char *stuck_kind_name(enum stuck_kind kind);

struct stuck {
    enum stuck_kind kind;
    char job_id[JOBID_SIZE];      /* "" of a source or a drop without an id */
    uint32_t batch;               /* of files; else 0 */
    char file[PAYLOAD_PATH_SIZE]; /* its name below `where`; "" of a source */
    char source[65];              /* "" when it is not known */
    const char *where;            /* "jobs/processing", "payloads/failed" ...; "" of a source */
    char reason[48];              /* of a held job, a failed file, a paused source; or "" */
    char text[800];               /* what is wrong */
    char go_on[400];              /* what to do */
    int64_t since_us;
};

/* found is called for each, sources first, then jobs by place and id, then files by shelf and name. index and sources may be NULL: then pauses are not known.
 * May be called from any program; RC_TEMP: a directory cannot be read, or out of memory. */
typedef void stuck_found(void *context, const struct stuck *stuck);
enum rc stuck_find(const struct spool *spool, struct index *index, struct sources *sources, const struct stuck_options *options, stuck_found *found,
                   void *context, struct err *err);

#endif
