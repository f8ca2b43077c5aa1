// SPDX-License-Identifier: Apache-2.0
#include "store/index.h"

#include "base/log.h"
#include "os/dirscan.h"
#include "os/fsio.h"
#include "store/index_internal.h"

#include <dirent.h>
#include <string.h>

#define JOBS_A_COMMIT 1000

static enum rc remove_old(const struct spool *spool, enum index_home home, struct err *err) {
    static const char *const names[] = {"data.mdb", "lock.mdb"};
    enum rc rc = RC_OK;
    for (size_t i = 0; rc == RC_OK && i < sizeof names / sizeof names[0]; i++) {
        char path[40];
        str_format(path, sizeof path, "%s/%s", index_home_row(home)->dir, names[i]);
        rc = fsio_unlink(spool->root_fd, path, err);
        if (rc == RC_GONE)
            rc = RC_OK;
    }
    return rc;
}

/* The next journal's job id. RC_GONE at the end. */
static enum rc next_id(struct dirscan *scan, char id[JOBID_SIZE], struct err *err) {
    const char *name;
    unsigned char type;
    enum rc rc;
    while ((rc = dirscan_next(scan, &name, &type, err)) == RC_OK) {
        size_t length = strlen(name), suffix = strlen(".ndjson");
        if (type != DT_REG || !str_ends(name, ".ndjson") || length - suffix >= JOBID_SIZE)
            continue;
        memcpy(id, name, length - suffix);
        id[length - suffix] = '\0';
        if (jobid_valid(id))
            return RC_OK;
    }
    return rc;
}

/* A journal that is damaged counts as far as it goes, and one that went meanwhile not at all. */
static enum rc fold_one(struct index *index, const struct spool *spool, const char *id, struct err *err) {
    struct err damaged = {0};
    enum rc rc = index_follow(index, spool, id, NULL, &damaged);
    if (rc == RC_CORRUPT || rc == RC_PERM)
        log_error("%s", damaged.text);
    else if (rc != RC_OK && rc != RC_GONE)
        return err_set(err, rc, "%s", damaged.text);
    return RC_OK;
}

static enum rc fold_all(struct index *index, const struct spool *spool, struct dirscan *scan, void (*progress)(void *context, uint64_t jobs), void *context,
                        struct err *err) {
    char id[JOBID_SIZE];
    uint64_t jobs = 0;
    enum rc rc = index_begin(index, err);
    while (rc == RC_OK && (rc = next_id(scan, id, err)) == RC_OK) {
        rc = fold_one(index, spool, id, err);
        if (rc != RC_OK || ++jobs % JOBS_A_COMMIT != 0)
            continue;
        rc = index_commit(index, err);
        if (rc == RC_OK)
            rc = index_begin(index, err);
        if (progress != NULL)
            progress(context, jobs);
    }
    if (rc == RC_GONE)
        rc = index_commit(index, err);
    if (rc == RC_OK && progress != NULL)
        progress(context, jobs);
    return rc;
}

enum rc index_rebuild(const struct spool *spool, enum index_home home, struct index **out, void (*progress)(void *context, uint64_t jobs), void *context,
                      struct err *err) {
    struct index *index = NULL;
    struct dirscan *scan;
    *out = NULL;
    enum rc rc = remove_old(spool, home, err);
    if (rc == RC_OK)
        rc = index_open(spool, home, true, &index, err);
    if (rc != RC_OK)
        return rc;
    rc = dirscan_open(spool->journal_fd, ".", &scan, err);
    if (rc == RC_OK) {
        rc = fold_all(index, spool, scan, progress, context, err);
        dirscan_close(scan);
    }
    if (rc == RC_OK)
        *out = index;
    else
        index_close(index);
    return rc;
}
