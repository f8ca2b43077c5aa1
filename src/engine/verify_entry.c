// SPDX-License-Identifier: Apache-2.0
#include "engine/verify_internal.h"

#include "base/limits.h"
#include "os/fsio.h"
#include "source/steer.h"
#include "spool/pack.h"
#include "spool/pause.h"
#include "spool/recurrence.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SUMS_MAX ((size_t)256 * 1024 * 1024)

static bool has_journal(const struct verify *v, const char *job_id) {
    char name[JOBID_SIZE + 10];
    struct stat st;
    str_format(name, sizeof name, "%s.ndjson", job_id);
    return fsio_stat(v->spool->journal_fd, name, &st, NULL) == RC_OK;
}

enum rc verify_row(struct verify *v, const char *job_id, struct err *err) {
    char path[JOBID_SIZE + 20];
    str_format(path, sizeof path, "index/%s", job_id);
    return has_journal(v, job_id) ? RC_OK : verify_add(v, err, "index-stray", path, "the index has a row for it, and there is no journal");
}

/* A file in a directory of jobs. Those with a journal were looked at with it. */
enum rc verify_entry(struct verify *v, enum place place, const char *name, struct err *err) {
    char path[400], id[JOBID_SIZE];
    struct stat st;
    const bool may_rest = place == PLACE_PENDING || place == PLACE_HOLD || place == PLACE_CANCELLED;
    const bool double_copy = place == PLACE_FAILED && strstr(name, ".dup-") != NULL;
    if (may_rest || double_copy || (jobid_from_file(name, id) && has_journal(v, id)) || fsio_stat(v->spool->place_fd[place], name, &st, NULL) == RC_GONE)
        return RC_OK;
    snprintf(path, sizeof path, "jobs/%s/%s", place_name(place), name);
    return verify_add(v, err, "job-foreign", path, "no journal knows it, and only accepted jobs lie here");
}

/* A file of paused/: whatever is wrong with it is logged once, and here each time. */
enum rc verify_pause(struct verify *v, const char *name, struct err *err) {
    char path[400];
    struct pause pause;
    struct steer steer;
    struct buf text = BUF_INIT(PAUSE_FILE_BYTES);
    struct err wrong = {0};
    snprintf(path, sizeof path, "paused/%s", name);
    if (!pause_known(name, NULL))
        return verify_add(v, err, "pause-foreign", path, "its name is neither " PAUSE_QUEUE " nor " PAUSE_SOURCE "NAME nor " PAUSE_RATE "NAME");
    enum rc rc = fsio_read_file(v->spool->paused_fd, name, &text, &wrong);
    if (!rc && str_starts(name, PAUSE_RATE))
        rc = steer_parse(path, buf_text(&text), text.length, &steer, &wrong);
    else if (!rc && (rc = pause_read(v->spool, name, &pause, &wrong)) == RC_OK && *pause.wrong)
        rc = err_set(&wrong, RC_PERM, "%s", pause.wrong);
    buf_release(&text);
    return rc && rc != RC_GONE ? verify_add(v, err, "pause-wrong", path, "%s", wrong.text) : RC_OK;
}

enum rc verify_marker(struct verify *v, enum shelf shelf, const char *name, struct err *err) {
    char path[400], raw[PAYLOAD_PATH_SIZE], id[JOBID_SIZE];
    uint32_t batch;
    struct err reason = {0};
    int fd;
    snprintf(path, sizeof path, "payloads/%s/%s", shelf_name(shelf), name);
    if (!payload_marker_parse(name, id, &batch))
        return verify_add(v, err, "marker-foreign", path, "its name is not <job id>_batch<NNNN>.json");
    enum rc rc = payload_open(v->spool, shelf, name, &fd, raw, &reason);
    if (rc == RC_GONE) /* taken meanwhile */
        return RC_OK;
    if (rc == RC_CORRUPT)
        return verify_add(v, err, "marker-dangling", path, "%s", reason.text);
    if (rc == RC_PERM)
        return verify_add(v, err, "marker-foreign", path, "%s", reason.text);
    if (rc)
        return err_set(err, rc, "%s", reason.text);
    close(fd);
    const struct verify_known *known = verify_find_known(v, raw);
    if (!known || strcmp(known->job_id, id) != 0 || known->batch != batch)
        return verify_add(v, err, "marker-foreign", path, "it leads to payloads/raw/%s, which is not the payload of this job and batch", raw);
    return RC_OK;
}

enum rc verify_raw(struct verify *v, const char *path, struct err *err) {
    char shown[PAYLOAD_PATH_SIZE + 320];
    struct stat st;
    snprintf(shown, sizeof shown, "payloads/raw/%s", path);
    if (fsio_stat(v->spool->raw_fd, path, &st, NULL) == RC_GONE || verify_find_known(v, path))
        return RC_OK;
    return verify_add(v, err, "payload-unknown", shown, "no journal names it");
}

/* One line of SHA256SUMS: 64 digits, two blanks, the name. */
static enum rc check_sum(struct verify *v, const char *month, const char *line, size_t length, struct err *err) {
    char path[PAYLOAD_PATH_SIZE], shown[PAYLOAD_PATH_SIZE + 20];
    str_format(shown, sizeof shown, "payloads/raw/%s/SHA256SUMS", month);
    if (length < 67 || length - 66 >= 200 || line[64] != ' ' || (line[65] != ' ' && line[65] != '*'))
        return verify_add(v, err, "sums-changed", shown, "a line is not \"<SHA-256>  <name>\"");
    str_format(path, sizeof path, "%s/%.*s", month, (int)(length - 66), line + 66);
    const struct verify_known *known = verify_find_known(v, path);
    if (!known)
        return verify_add(v, err, "sums-changed", shown, "it names %s, which no journal does", path);
    if (strncmp(known->sha256, line, 64) != 0)
        return verify_add(v, err, "sums-changed", shown, "the sum of %s is not the one of the journal", path);
    return RC_OK;
}

enum rc verify_sums(struct verify *v, const char *month, struct err *err) {
    char path[80];
    struct buf text = BUF_INIT(SUMS_MAX);
    str_format(path, sizeof path, "%s/SHA256SUMS", month);
    enum rc rc = fsio_read_file(v->spool->raw_fd, path, &text, err);
    const char *at = buf_text(&text), *end = at + text.length;
    while (!rc && at < end) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        if (!stop) /* being appended */
            break;
        rc = check_sum(v, month, at, (size_t)(stop - at), err);
        at = stop + 1;
    }
    buf_release(&text);
    return rc == RC_GONE ? RC_OK : rc;
}

/* An archive beside its sum. One that was taken elsewhere is no difference. */
enum rc verify_archive(struct verify *v, const char *name, struct err *err) {
    char path[400];
    struct pack pack;
    struct err reason = {0};
    enum rc rc = pack_check(v->spool, name, &pack, &reason);
    if (rc == RC_OK || rc == RC_GONE)
        return RC_OK;
    snprintf(path, sizeof path, "archive/%s", name);
    return rc == RC_CORRUPT ? verify_add(v, err, "archive-changed", path, "%s", reason.text) : err_set(err, rc, "%s", reason.text);
}

/* <name>.state in schedules/. What a schedule itself says is `schedules check`'s. */
enum rc verify_schedule(struct verify *v, const char *state, struct err *err) {
    char path[400], name[65];
    struct recurrence read;
    struct err reason = {0};
    if (!str_format(name, sizeof name, "%.*s", (int)(strlen(state) - strlen(".state")), state))
        return RC_OK; /* no schedule has such a name */
    enum rc rc = recurrence_read(v->spool, name, &read, &reason);
    if (rc == RC_OK || rc == RC_GONE)
        return RC_OK;
    if (rc == RC_TEMP || rc == RC_NOSPACE)
        return err_set(err, rc, "%s", reason.text);
    snprintf(path, sizeof path, "schedules/%s", state);
    return verify_add(v, err, "schedule-state", path, "%s; without it the schedule begins anew", reason.text);
}
