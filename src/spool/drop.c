// SPDX-License-Identifier: Apache-2.0
#include "spool/drop.h"

#include "base/clock.h"
#include "base/limits.h"
#include "base/str.h"
#include "os/fsio.h"
#include "spool/journal.h"
#include "spool/move.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define YOUNG_US 5000000 /* DESIGN 3 Drop: where leases are refused, a file is taken when its ctime is this old */
#define DRAWS 8

enum rc drop_submit(const struct spool *spool, const char *name, const void *text, size_t length, struct err *err) {
    int fd;
    enum rc rc = fsio_create(spool->jobs_tmp_fd, name, 0660, &fd, err);
    if (rc)
        return rc;
    rc = fsio_write(fd, text, length, err);
    if (!rc)
        rc = fsio_sync(fd, err);
    if (close(fd) && !rc)
        rc = err_sys(err, "jobs/tmp/%s", name);
    if (!rc)
        rc = fsio_rename_new(spool->jobs_tmp_fd, name, spool->place_fd[PLACE_PENDING], name, err);
    if (rc) {
        fsio_unlink(spool->jobs_tmp_fd, name, NULL);
        return rc;
    }
    rc = fsio_sync_dir(spool->place_fd[PLACE_PENDING], ".", err);
    return rc ? rc : fsio_sync_dir(spool->jobs_tmp_fd, ".", err);
}

/* Whether the file is whole: its writer said so by closing or renaming it, or nobody has it open for writing, or it has been left alone for a while. */
static enum rc settled(int fd, const struct stat *st, struct err *err) {
    enum rc rc = fsio_probe_writers(fd);
    if (rc == RC_OK)
        return RC_OK;
    int64_t changed = (int64_t)st->st_ctim.tv_sec * 1000000 + st->st_ctim.tv_nsec / 1000;
    if (rc == RC_PERM && clock_wall_us() - changed >= YOUNG_US)
        return RC_OK;
    return err_set(err, RC_AGAIN, "it is still being written");
}

static enum rc kind_of(const struct spool *spool, const char *name, struct stat *st, struct err *err) {
    enum rc rc = fsio_stat(spool->place_fd[PLACE_PENDING], name, st, err);
    if (rc)
        return rc;
    if (!S_ISREG(st->st_mode))
        return err_set(err, RC_PERM, "it is no regular file");
    if (st->st_nlink != 1)
        return err_set(err, RC_PERM, "it has %ju names (hard links); copy it instead", (uintmax_t)st->st_nlink);
    return RC_OK;
}

enum rc drop_read(const struct spool *spool, const char *name, bool closed, struct buf *text, struct stat *st, struct err *err) {
    int fd, dir = spool->place_fd[PLACE_PENDING];
    enum rc rc = kind_of(spool, name, st, err);
    if (rc)
        return rc;
    rc = fsio_open_read(dir, name, &fd, st, err);
    if (rc == RC_PERM && errno == EACCES)
        return err_set(err, RC_CORRUPT, "%s: the daemon (uid %u) can not read it: give the spool's group read permission (chmod g+r)", name,
                       (unsigned)geteuid());
    if (rc)
        return rc;
    if (st->st_size > (off_t)LIMIT_JOB_FILE_BYTES)
        rc = err_set(err, RC_CORRUPT, "%s: %jd bytes are more than a criteria file may have (%u)", name, (intmax_t)st->st_size, LIMIT_JOB_FILE_BYTES);
    if (!rc && !closed)
        rc = settled(fd, st, err);
    if (!rc) {
        text->max = (size_t)st->st_size; /* no more memory than that: thousands may wait */
        rc = fsio_read_all(fd, text, err);
        if (rc == RC_PERM)
            rc = err_set(err, RC_AGAIN, "%s: it grew while it was read", name);
    }
    if (!rc && fstat(fd, st))
        rc = err_sys(err, "%s", name);
    close(fd);
    return rc;
}

/* --- acceptance ------------------------------------------------------------------------------------------------------ */

static bool same_file(const struct stat *a, const struct stat *b) {
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size && a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
           a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

/* Give the file its id's name. Another file that took its place meanwhile goes back under the name it had. */
static enum rc take_name(const struct spool *spool, struct drop *d) {
    char name[JOBID_SIZE + 5];
    struct stat st;
    enum rc rc = RC_TEMP;
    for (int i = 0; i < DRAWS; i++) {
        str_format(name, sizeof name, "%s.json", d->job_id);
        if (d->to == PLACE_PENDING && strcmp(name, d->name) == 0)
            break;
        rc = fsio_rename_new(spool->place_fd[PLACE_PENDING], d->name, spool->place_fd[d->to], name, &d->err);
        if (rc != RC_PERM || errno != EEXIST || !d->fresh_id)
            break;
        char slug[JOBID_SLUG_SIZE];
        jobid_slug(d->name, slug);
        if (jobid_new(clock_wall_us(), slug, d->job_id, &d->err))
            return RC_TEMP;
    }
    if (strcmp(name, d->name) == 0 && d->to == PLACE_PENDING)
        rc = RC_OK;
    if (!rc)
        rc = fsio_stat(spool->place_fd[d->to], name, &st, &d->err);
    if (!rc && !same_file(&st, d->st)) {
        if (strcmp(name, d->name) != 0 || d->to != PLACE_PENDING)
            fsio_rename_new(spool->place_fd[d->to], name, spool->place_fd[PLACE_PENDING], d->name, NULL);
        rc = err_set(&d->err, RC_GONE, "%s: another file took its place while it was read", d->name);
    }
    return rc;
}

static enum rc add_line(struct drop *d, struct journal *journal) {
    cJSON *members = cJSON_Duplicate(d->members, true);
    enum rc rc = members || !d->members ? RC_OK : err_set(&d->err, RC_TEMP, "out of memory");
    if (!rc && members && !cJSON_HasObjectItem(members, "uid"))
        cJSON_AddNumberToObject(members, "uid", (double)d->st->st_uid);
    if (!rc)
        rc = journal_lock(journal, &d->err);
    if (!rc)
        rc = journal_add(journal, d->event, "daemon", members, &d->err);
    cJSON_Delete(members);
    return rc;
}

static void put_back(const struct spool *spool, const struct drop *d) {
    char name[JOBID_SIZE + 5], journal[JOBID_SIZE + 8];
    struct stat st;
    str_format(journal, sizeof journal, "%s.ndjson", d->job_id);
    if (fsio_stat(spool->journal_fd, journal, &st, NULL) == RC_OK && st.st_size == 0)
        fsio_unlink(spool->journal_fd, journal, NULL); /* the next try draws another id */
    str_format(name, sizeof name, "%s.json", d->job_id);
    if (d->to != PLACE_PENDING || strcmp(name, d->name) != 0)
        fsio_rename_new(spool->place_fd[d->to], name, spool->place_fd[PLACE_PENDING], d->name, NULL);
}

static void fail(const struct spool *spool, struct drop *d, enum rc rc, const struct err *err) {
    put_back(spool, d);
    d->rc = rc;
    d->err = *err;
}

struct dir_sync {
    int dir_fd;
    enum rc rc;
    struct err err;
};

static void sync_dir(void *context) {
    struct dir_sync *sync = context;
    sync->rc = fsio_sync_dir(sync->dir_fd, ".", &sync->err);
}

/* The new names are on the disk before any event tells of them: after a power loss a file must not lie under its dropped name with its job accepted. All names
 * are made before the first is synced: the journal of a file system takes them together. The lines are made, not written, meanwhile. */
static void sync_names(const struct spool *spool, struct drop *drops, struct journal **journals, size_t count, int *spare, struct beside *beside) {
    struct err err = {0};
    bool failed = false;
    for (size_t i = 0; i < count; i++) {
        enum rc one = drops[i].rc ? RC_OK : journal_open_spare(spool, drops[i].job_id, spare, &journals[i], &err);
        if (one)
            fail(spool, &drops[i], one, &err);
        failed = failed || (!drops[i].rc && drops[i].to == PLACE_FAILED);
    }
    struct dir_sync journal = {.dir_fd = spool->journal_fd};
    if (beside)
        beside_start(beside, sync_dir, &journal);
    enum rc rc = fsio_sync_dir(spool->place_fd[PLACE_PENDING], ".", &err);
    if (!rc && failed)
        rc = fsio_sync_dir(spool->place_fd[PLACE_FAILED], ".", &err);
    for (size_t i = 0; i < count && !rc; i++)
        if (!drops[i].rc && (drops[i].rc = add_line(&drops[i], journals[i])))
            put_back(spool, &drops[i]);
    if (beside)
        beside_wait(beside);
    else
        sync_dir(&journal);
    if (!rc && journal.rc) {
        rc = journal.rc;
        err = journal.err;
    }
    for (size_t i = 0; i < count; i++) {
        if (!drops[i].rc)
            journal_entered(journals[i]);
        if (!drops[i].rc && rc)
            fail(spool, &drops[i], rc, &err);
    }
}

static void claim(const struct spool *spool, struct drop *d, const char *id, struct journal *journal) {
    const struct move move = {.job_id = d->job_id, .from = PLACE_PENDING, .to = PLACE_PROCESSING, .event = "claimed", .by = "daemon"};
    d->claim_rc = d->rc || strcmp(id, d->job_id) != 0 ? RC_GONE : move_locked(spool, journal, &move, NULL);
}

static void settle(const struct spool *spool, struct drop *d, enum rc synced, const struct err *err) {
    if (d->rc)
        return;
    d->rc = synced;
    if (d->rc)
        d->err = *err;
    else if (d->why)
        spool_why_write(spool, d->to, d->job_id, d->why, NULL);
}

void drop_accept(const struct spool *spool, struct drop *drops, size_t count, int *spare, struct beside *beside) {
    struct journal **journals = calloc(count, sizeof *journals);
    char(*ids)[JOBID_SIZE] = calloc(count, sizeof *ids);
    enum rc *rcs = calloc(count, sizeof *rcs);
    struct err err = {0};
    bool memory = journals && ids && rcs;
    for (size_t i = 0; i < count; i++) {
        struct drop *d = &drops[i];
        if (memory)
            memcpy(ids[i], d->job_id, sizeof ids[i]);
        d->rc = memory ? take_name(spool, d) : err_set(&d->err, RC_TEMP, "out of memory");
    }
    if (memory) {
        sync_names(spool, drops, journals, count, spare, beside);
        for (size_t i = 0; i < count; i++) {
            if (!drops[i].rc && (drops[i].rc = journal_write(journals[i], &drops[i].err)))
                put_back(spool, &drops[i]);
            rcs[i] = drops[i].rc;
        }
        journal_sync_all(journals, rcs, count, &err);
        for (size_t i = 0; i < count; i++) {
            settle(spool, &drops[i], rcs[i], &err);
            if (drops[i].claim)
                claim(spool, &drops[i], ids[i], journals[i]);
            journal_close(journals[i]);
        }
    }
    free(journals);
    free(ids);
    free(rcs);
}
