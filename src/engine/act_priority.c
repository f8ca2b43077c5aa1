// SPDX-License-Identifier: Apache-2.0
#include "engine/act.h"

#include "base/json.h"
#include "base/limits.h"
#include "os/fsio.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define LOOKS 8

/* The text with another `priority`; *text is owned by the caller. */
static enum rc edit_text(const char *file, const struct buf *old, const char *level, char **text, struct err *err) {
    enum rc rc = json_check(buf_text(old), old->length, &json_rules_config, err);
    if (rc)
        return err_prefix(err, rc, "%s", file);
    cJSON *json = cJSON_ParseWithLength(buf_text(old), old->length);
    if (!cJSON_IsObject(json)) {
        cJSON_Delete(json);
        return err_set(err, RC_PERM, "%s: is no JSON object", file);
    }
    cJSON_DeleteItemFromObjectCaseSensitive(json, "priority");
    cJSON_AddStringToObject(json, "priority", level);
    *text = cJSON_Print(json);
    cJSON_Delete(json);
    if (!*text)
        return err_set(err, RC_TEMP, "out of memory");
    return RC_OK;
}

/* Written aside with the owner and time of the old file (in deferred/ that time is the schedule), then renamed over it. */
static enum rc replace_file(const struct spool *spool, enum place place, const char *file, const struct stat *st, const char *text, struct err *err) {
    char tmp[64];
    int fd;
    str_format(tmp, sizeof tmp, ".priority-%ld", (long)gettid()); /* lanes of one process may do this at a time */
    fsio_unlink(spool->jobs_tmp_fd, tmp, NULL);                   /* left by a thread of this number that was killed */
    enum rc rc = fsio_create(spool->jobs_tmp_fd, tmp, st->st_mode & 0777, &fd, err);
    if (rc)
        return rc;
    /* Only root may give a file away; anyone else owns what he wrote. */
    if (fchown(fd, st->st_uid, st->st_gid) != 0 && errno != EPERM)
        rc = err_sys(err, "%s", file);
    if (!rc)
        rc = fsio_write(fd, text, strlen(text), err);
    if (!rc)
        rc = fsio_write(fd, "\n", 1, err);
    if (!rc)
        rc = fsio_sync(fd, err);
    close(fd);
    if (!rc && place == PLACE_DEFERRED)
        rc = fsio_set_mtime(spool->jobs_tmp_fd, tmp, (int64_t)st->st_mtim.tv_sec * 1000000 + st->st_mtim.tv_nsec / 1000, err);
    if (!rc)
        rc = fsio_rename(spool->jobs_tmp_fd, tmp, spool->place_fd[place], file, err);
    if (rc) {
        fsio_unlink(spool->jobs_tmp_fd, tmp, NULL);
        return rc;
    }
    rc = fsio_sync_dir(spool->place_fd[place], ".", err);
    return rc ? rc : fsio_sync_dir(spool->jobs_tmp_fd, ".", err);
}

static enum rc rewrite(const struct spool *spool, const struct jobs_entry *job, const char *level, struct err *err) {
    char name[JOBID_SIZE + 8], *text = NULL;
    const char *file = jobs_file(job, name);
    struct buf old = BUF_INIT(LIMIT_JOB_FILE_BYTES);
    struct stat st;
    int fd;
    enum rc rc = fsio_open_read(spool->place_fd[job->place], file, &fd, &st, err);
    if (rc)
        return rc;
    rc = fsio_read_all(fd, &old, err);
    close(fd);
    if (!rc)
        rc = edit_text(file, &old, level, &text, err);
    if (!rc && text)
        rc = replace_file(spool, job->place, file, &st, text, err);
    cJSON_free(text);
    buf_release(&old);
    return rc;
}

/* Claims are made under the journal's lock: while it is held the file stays where it is. */
static enum rc reprioritise(const struct spool *spool, const struct jobs_entry *job, const char *level, const char *by, struct err *err) {
    struct journal *journal;
    enum rc rc = journal_open(spool, job->id, false, &journal, err);
    if (rc)
        return rc;
    cJSON *members = cJSON_CreateObject();
    rc = members && cJSON_AddStringToObject(members, "priority", level) ? journal_lock(journal, err) : err_set(err, RC_TEMP, "out of memory");
    if (!rc)
        rc = rewrite(spool, job, level, err);
    if (!rc)
        rc = journal_add(journal, "reprioritised", by, members, err);
    if (!rc)
        rc = journal_commit(journal, true, err);
    cJSON_Delete(members);
    journal_close(journal);
    return rc;
}

enum rc act_priority(const struct spool *spool, struct jobs_entry *job, enum priority priority, const char *by, struct err *err) {
    const char *level = priority_name(priority);
    enum rc rc = RC_GONE;
    for (int look = 0; look < LOOKS && rc == RC_GONE; look++) {
        if (look && job->id[0])
            job->place = jobs_place(spool, job->id);
        errno = 0;
        if (job->place != PLACE_PENDING && job->place != PLACE_DEFERRED && job->place != PLACE_HOLD && job->place != PLACE_PROCESSING)
            rc = err_set(err, RC_PERM, "%s: it neither waits nor runs (jobs/%s), so its priority has no meaning", job->id, place_name(job->place));
        else if (jobs_has_journal(spool, job->id))
            rc = reprioritise(spool, job, level, by, err);
        else
            rc = rewrite(spool, job, level, err);
    }
    return rc;
}
