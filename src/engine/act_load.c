// SPDX-License-Identifier: Apache-2.0
#include "engine/act.h"

#include "os/dirscan.h"

#include <dirent.h>
#include <errno.h>
#include <string.h>

/* `mv payloads/pending/x payloads/ready/`: the daemon loads what lies there. */

static enum rc move_pending(const struct spool *spool, struct dirscan *scan, const char *job_id, uint64_t *moved, struct err *err) {
    const char *name;
    unsigned char type;
    char of[JOBID_SIZE];
    uint32_t batch;
    enum rc rc;
    while ((rc = dirscan_next(scan, &name, &type, err)) == RC_OK) {
        if (type != DT_LNK || !payload_marker_parse(name, of, &batch) || (job_id && strcmp(job_id, of) != 0))
            continue;
        rc = payload_marker_move(spool, name, SHELF_PENDING, SHELF_READY, false, err);
        if (rc && rc != RC_GONE) /* a loader took it meanwhile */
            return rc;
        *moved += rc == RC_OK;
    }
    return rc == RC_GONE ? RC_OK : rc;
}

enum rc act_load(const struct spool *spool, const char *job_id, uint64_t *moved, struct err *err) {
    struct dirscan *scan;
    *moved = 0;
    errno = 0;
    enum rc rc = dirscan_open(spool->shelf_fd[SHELF_PENDING], ".", &scan, err);
    if (rc)
        return err_prefix(err, rc, "payloads/pending");
    rc = move_pending(spool, scan, job_id, moved, err);
    dirscan_close(scan);
    /* One sync for all: a marker that a loss of power brings back waits as it did before. */
    if (*moved && !rc)
        rc = payload_mark_sync(spool, SHELF_READY, err);
    if (*moved && !rc)
        rc = payload_mark_sync(spool, SHELF_PENDING, err);
    return rc;
}

enum rc act_load_file(const struct spool *spool, const char *job_id, uint32_t batch, const char *by, struct err *err) {
    char marker[PAYLOAD_PATH_SIZE];
    payload_marker_name(job_id, batch, marker);
    const enum shelf shelf = payload_marker_shelf(spool, marker);
    errno = 0;
    switch (shelf) {
    case SHELF_READY:
        return RC_OK;
    case SHELF_PENDING:
        return payload_marker_move(spool, marker, SHELF_PENDING, SHELF_READY, true, err);
    case SHELF_PROCESSING: /* RC_AGAIN when a loader has it */
    case SHELF_FAILED:
        return payload_reshelve(spool, job_id, batch, shelf, SHELF_READY, by, err);
    case SHELF_PROCESSED:
        return err_set(err, RC_PERM, "%s: it is loaded", marker);
    case SHELF_NONE:
    case SHELF_COUNT:
        break;
    }
    return err_set(err, RC_GONE, "%s: there is no such payload", marker);
}
