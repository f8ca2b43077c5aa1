// SPDX-License-Identifier: Apache-2.0
#include "spool/jobs.h"

#include "base/str.h"
#include "os/dirscan.h"
#include "os/fsio.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>

void jobs_release(struct jobs *jobs) {
    for (size_t i = 0; i < jobs->count; i++)
        free(jobs->list[i].file);
    free(jobs->list);
    *jobs = (struct jobs){NULL, 0, 0};
}

/* id or file is NULL. */
static enum rc add_job(struct jobs *jobs, const char *id, const char *file, enum place place, struct err *err) {
    if (jobs->count == jobs->capacity) {
        size_t capacity = jobs->capacity ? jobs->capacity * 2 : 64;
        struct jobs_entry *list = realloc(jobs->list, capacity * sizeof *list);
        if (!list)
            return err_set(err, RC_TEMP, "out of memory");
        jobs->list = list;
        jobs->capacity = capacity;
    }
    struct jobs_entry job = {.place = place};
    if (id)
        str_copy(job.id, sizeof job.id, id);
    if (file && !(job.file = strdup(file)))
        return err_set(err, RC_TEMP, "out of memory");
    jobs->list[jobs->count++] = job;
    return RC_OK;
}

static bool id_of_journal(const char *name, char id[JOBID_SIZE]) {
    size_t length = strlen(name);
    if (!str_ends(name, ".ndjson") || length - 7 >= JOBID_SIZE)
        return false;
    memcpy(id, name, length - 7);
    id[length - 7] = '\0';
    return jobid_valid(id);
}

enum rc jobs_journals(const struct spool *spool, enum rc (*read)(void *context, const char *job_id, struct err *err), void *context, struct err *err) {
    struct dirscan *scan;
    enum rc rc = dirscan_open(spool->journal_fd, ".", &scan, err);
    if (rc)
        return err_prefix(err, rc, "journal");
    const char *name;
    unsigned char type;
    while ((rc = dirscan_next(scan, &name, &type, err)) == RC_OK) {
        char id[JOBID_SIZE];
        if (id_of_journal(name, id) && (rc = read(context, id, err)) != RC_OK && rc != RC_GONE)
            break;
    }
    dirscan_close(scan);
    return rc == RC_GONE ? RC_OK : rc;
}

static enum rc scan_place(const struct spool *spool, enum place place, struct jobs *jobs, struct err *err) {
    struct dirscan *scan;
    enum rc rc = dirscan_open(spool->place_fd[place], ".", &scan, err);
    if (rc)
        return err_prefix(err, rc, "jobs/%s", place_name(place));
    const bool may_rest = place == PLACE_PENDING || place == PLACE_HOLD || place == PLACE_CANCELLED;
    const char *name;
    unsigned char type;
    while ((rc = dirscan_next(scan, &name, &type, err)) == RC_OK) {
        char id[JOBID_SIZE];
        if (type != DT_REG || name[0] == '.' || !str_ends(name, ".json"))
            continue;
        if (jobid_from_file(name, id))
            rc = add_job(jobs, id, NULL, place, err);
        else if (may_rest)
            rc = add_job(jobs, NULL, name, place, err);
        if (rc)
            break;
    }
    dirscan_close(scan);
    return rc == RC_GONE ? RC_OK : rc;
}

static enum rc add_journal(void *context, const char *id, struct err *err) {
    return add_job(context, id, NULL, PLACE_NONE, err);
}

static int by_id(const void *a, const void *b) {
    const struct jobs_entry *x = a, *y = b;
    int order = strcmp(x->id, y->id);
    if (order == 0 && x->file && y->file)
        order = strcmp(x->file, y->file);
    return order ? order : (int)y->place - (int)x->place; /* PLACE_NONE last */
}

/* Of entries of one id keep one; those that were seen twice, or only by their journal, were perhaps moved while the directories were read. */
static void settle(const struct spool *spool, struct jobs *jobs) {
    size_t kept = 0;
    for (size_t i = 0; i < jobs->count; kept++) {
        struct jobs_entry *job = &jobs->list[i];
        size_t seen = job->place != PLACE_NONE, next = i + 1;
        while (job->id[0] && next < jobs->count && strcmp(job->id, jobs->list[next].id) == 0)
            seen += jobs->list[next++].place != PLACE_NONE;
        jobs->list[kept] = *job;
        if (seen != 1)
            jobs->list[kept].place = jobs_place(spool, job->id);
        i = next;
    }
    jobs->count = kept;
}

enum rc jobs_scan(const struct spool *spool, struct jobs *jobs, struct err *err) {
    *jobs = (struct jobs){NULL, 0, 0};
    enum rc rc = RC_OK;
    for (int place = PLACE_PENDING; !rc && place < PLACE_COUNT; place++)
        rc = scan_place(spool, (enum place)place, jobs, err);
    if (!rc)
        rc = jobs_journals(spool, add_journal, jobs, err);
    if (rc) {
        jobs_release(jobs);
        return rc;
    }
    if (jobs->count)
        qsort(jobs->list, jobs->count, sizeof *jobs->list, by_id);
    settle(spool, jobs);
    return RC_OK;
}

enum place jobs_place(const struct spool *spool, const char *id) {
    char name[JOBID_SIZE + 8];
    struct stat st;
    str_format(name, sizeof name, "%s.json", id);
    /* Twice: a rename may pass from a directory not yet looked at to one that was. */
    for (int look = 0; look < 2; look++)
        for (int place = PLACE_PENDING; place < PLACE_COUNT; place++)
            if (fsio_stat(spool->place_fd[place], name, &st, NULL) == RC_OK && S_ISREG(st.st_mode))
                return (enum place)place;
    return PLACE_NONE;
}

const char *jobs_file(const struct jobs_entry *job, char out[JOBID_SIZE + 8]) {
    if (job->file)
        return job->file;
    str_format(out, JOBID_SIZE + 8, "%s.json", job->id);
    return out;
}

bool jobs_journal_bytes(const struct spool *spool, const char *id, uint64_t *bytes) {
    char name[JOBID_SIZE + 8];
    struct stat st;
    str_format(name, sizeof name, "%s.ndjson", id);
    if (fsio_stat(spool->journal_fd, name, &st, NULL) != RC_OK)
        return false;
    *bytes = (uint64_t)st.st_size;
    return true;
}

bool jobs_has_journal(const struct spool *spool, const char *id) {
    uint64_t bytes;
    return *id && jobs_journal_bytes(spool, id, &bytes) && bytes;
}
