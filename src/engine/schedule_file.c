// SPDX-License-Identifier: Apache-2.0
#include "engine/schedule_file.h"

#include "base/limits.h"
#include "os/fsio.h"
#include "source/check.h"
#include "source/criteria.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The job alone, in its place: what is around it becomes blank, so that errors name its lines. */
static char *job_in_place(const struct schedule_file *file) {
    const char *text = buf_text(&file->text), *end = file->job.data + file->job.length;
    char *alone = strdup(text);
    for (size_t i = 0; alone && i < file->text.length; i++)
        if ((text + i < file->job.data || text + i >= end) && alone[i] != '\n')
            alone[i] = ' ';
    return alone;
}

/* What is wrong with the source that the job names, with the place where it does. */
static enum rc wrong_source(const char *shown, const char *alone, size_t length, struct err *err) {
    struct check check;
    const struct err wrong = *err;
    if (check_open(&check, shown, alone, length, &json_rules_config, err) == RC_OK)
        check_fail(&check, "source", "%s", wrong.text);
    enum rc rc = check.rc;
    check_release(&check);
    return rc;
}

static enum rc check_job(struct sources *sources, const char *shown, struct schedule_file *file, struct err *err) {
    const struct source *source = NULL;
    enum errand_kind kind;
    struct criteria *criteria = NULL;
    struct check_fault fault = {.pointer = ""};
    char name[65], mode[16], *alone = job_in_place(file);
    if (!alone)
        return err_set(err, RC_TEMP, "out of memory");
    enum rc rc = criteria_source_at(shown, alone, file->text.length, name, mode, &fault, err);
    if (!rc && !errand_mode(mode, &kind)) {
        rc = sources_get(sources, name, &source, err);
        if (rc == RC_GONE || rc == RC_PERM) {
            str_copy(fault.pointer, sizeof fault.pointer, "/source");
            str_copy(fault.detail, sizeof fault.detail, err->text);
            rc = wrong_source(shown, alone, file->text.length, err);
        }
    }
    if (!rc)
        rc = criteria_parse_at(shown, alone, file->text.length, source, &criteria, &fault, err);
    if (rc) { /* it is told of the whole file */
        str_format(file->fault.pointer, sizeof file->fault.pointer, "/job%.590s", fault.pointer);
        str_copy(file->fault.detail, sizeof file->fault.detail, fault.detail);
    }
    criteria_free(criteria);
    free(alone);
    return rc;
}

enum rc schedule_file_check(struct sources *sources, const char *shown, struct schedule_file *file, struct err *err) {
    enum rc rc = schedule_parse_at(shown, buf_text(&file->text), file->text.length, &file->schedule, &file->job, &file->fault, err);
    return rc ? rc : check_job(sources, shown, file, err);
}

static enum rc read_text(const struct spool *spool, const char *shown, const char *name, bool closed, struct schedule_file *file, struct err *err) {
    int fd;
    errno = 0;
    enum rc rc = fsio_open_read(spool->schedules_fd, name, &fd, &file->st, err);
    if (rc == RC_PERM && errno == EACCES)
        return err_set(err, RC_PERM, "%s: uid %u can not read it: give the spool's group read permission (chmod g+r)", shown, (unsigned)geteuid());
    if (rc)
        return rc;
    if (!closed && fsio_probe_writers(fd) == RC_AGAIN)
        rc = err_set(err, RC_AGAIN, "%s: it is still being written", shown);
    if (!rc)
        rc = fsio_read_all(fd, &file->text, err);
    if (rc == RC_PERM)
        err_set(err, RC_PERM, "%s: is longer than %u bytes", shown, LIMIT_JOB_FILE_BYTES);
    close(fd);
    return rc;
}

enum rc schedule_file_read(const struct spool *spool, struct sources *sources, const char *name, bool closed, struct schedule_file *file, struct err *err) {
    char shown[NAME_MAX + 20];
    *file = (struct schedule_file){.text = BUF_INIT(LIMIT_JOB_FILE_BYTES)};
    if (!str_format(shown, sizeof shown, "schedules/%s.json", name))
        return err_set(err, RC_GONE, "schedules/%.60s...: is no name of a file", name);
    enum rc rc = fsio_stat(spool->schedules_fd, strchr(shown, '/') + 1, &file->st, err);
    if (!rc && !str_is_name(name))
        rc = err_set(err, RC_PERM, "%s: its name must be 1 to 64 of A-Z a-z 0-9 _ - before .json: rename it", shown);
    if (!rc && !S_ISREG(file->st.st_mode))
        rc = err_set(err, RC_PERM, "%s: is no regular file", shown);
    if (!rc)
        rc = read_text(spool, shown, strchr(shown, '/') + 1, closed, file, err);
    return rc ? rc : schedule_file_check(sources, shown, file, err);
}

void schedule_file_release(struct schedule_file *file) {
    buf_release(&file->text);
}
