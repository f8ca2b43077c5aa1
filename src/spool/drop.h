// SPDX-License-Identifier: Apache-2.0
#ifndef SPOOL_DROP_H
#define SPOOL_DROP_H

#include <cjson/cJSON.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "os/beside.h"
#include "spool/jobid.h"
#include "spool/layout.h"

/* The maildir way in (DESIGN 3 Drop, Accept). */

/* Write text into jobs/tmp, fsync, rename to pending/<name> without replacing, fsync both directories; then it is submitted. name is "<job id>.json". */
enum rc drop_submit(const struct spool *spool, const char *name, const void *text, size_t length, struct err *err);

/* Read a file that lies in pending/ (bounded). closed: an event told that its writer is done; otherwise a writer or a young ctime gives RC_AGAIN (come back in
 * a second). RC_OK: text read, *st filled. RC_GONE: it went. RC_PERM: not a job file (link, FIFO, nlink > 1 ...): leave it alone, report once. RC_CORRUPT: can
 * not be read by us (EACCES) or longer than LIMIT_JOB_FILE_BYTES: set it aside with reason `unreadable` / `invalid` (err). */
enum rc drop_read(const struct spool *spool, const char *name, bool closed, struct buf *text, struct stat *st, struct err *err);

struct drop {
    const char *name;        /* as it lies in pending/ */
    const struct stat *st;   /* of what was read: must still be the same inode after the rename */
    char job_id[JOBID_SIZE]; /* given; when drawn fresh and taken, drawn again with the same slug */
    bool fresh_id;           /* the id was drawn by the caller, not named by the file */
    enum place to;           /* PLACE_PENDING with event accepted; PLACE_FAILED with event rejected; PLACE_CANCELLED / PLACE_HOLD not used */
    const char *event;       /* accepted or rejected */
    const cJSON *members;    /* of that event */
    const char *why;         /* for failed/ */
    bool claim;              /* to processing/ at once, unless another id had to be drawn */
    enum rc claim_rc;        /* result of that: as move_job; RC_GONE: not tried */
    enum rc rc;              /* result: RC_OK; RC_GONE: the file changed or went meanwhile (look again); RC_TEMP, RC_NOSPACE: try later */
    struct err err;
};

/* Take the files in: rename to <place>/<id>.json without replacing, see that it is the same inode (another one is put back under its name), journal, all
 * durable; journal and directory syncs shared by the batch. Those to be claimed are, then. A file that has its id name already in pending/ is only journalled.
 * The name's owner is journalled as uid. spare: of journal_spare. beside: waits for one of two syncs that need not wait for each other; or NULL. */
void drop_accept(const struct spool *spool, struct drop *drops, size_t count, int *spare, struct beside *beside);

#endif
