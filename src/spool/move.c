// SPDX-License-Identifier: Apache-2.0
#include "spool/move.h"

#include "base/clock.h"
#include "base/str.h"
#include "os/fsio.h"
#include "spool/bookmark.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* DESIGN 3 "Moves by hand": what a person, and so a program for a person, may ask for. */
static const bool legal[PLACE_COUNT][PLACE_COUNT] = {
    [PLACE_PENDING] = {[PLACE_HOLD] = true, [PLACE_CANCELLED] = true},
    [PLACE_PROCESSING] = {[PLACE_PENDING] = true, [PLACE_HOLD] = true, [PLACE_CANCELLED] = true},
    [PLACE_DEFERRED] = {[PLACE_PENDING] = true, [PLACE_HOLD] = true, [PLACE_CANCELLED] = true},
    [PLACE_HOLD] = {[PLACE_PENDING] = true, [PLACE_CANCELLED] = true},
    [PLACE_FAILED] = {[PLACE_PENDING] = true, [PLACE_HOLD] = true, [PLACE_CANCELLED] = true},
    [PLACE_CANCELLED] = {[PLACE_PENDING] = true, [PLACE_HOLD] = true},
};

enum rc move_legal(enum place from, enum place to, struct err *err) {
    if (from != PLACE_NONE && legal[from][to])
        return RC_OK;
    if (from == PLACE_PROCESSED)
        return err_set(err, RC_PERM, "it is processed/: a new run of an old job is a new submission");
    return err_set(err, RC_PERM, "from %s/ to %s/ is no move that a person makes", place_name(from), place_name(to));
}

static void file_name(const char *job_id, char out[JOBID_SIZE + 5]) {
    str_format(out, JOBID_SIZE + 5, "%s.json", job_id);
}

static enum rc sync_both(const struct spool *spool, enum place to, enum place from, struct err *err) {
    enum rc rc = fsio_sync_dir(spool->place_fd[to], ".", err);
    return rc ? rc : fsio_sync_dir(spool->place_fd[from], ".", err);
}

static enum rc change_place(const struct spool *spool, const struct move *move, struct err *err) {
    char name[JOBID_SIZE + 5];
    file_name(move->job_id, name);
    return fsio_rename_new(spool->place_fd[move->from], name, spool->place_fd[move->to], name, err);
}

static enum rc look(const struct spool *spool, const struct move *move, struct stat *st, struct err *err) {
    char name[JOBID_SIZE + 5];
    file_name(move->job_id, name);
    return fsio_stat(spool->place_fd[move->from], name, st, err);
}

/* The file's time mirrors `until`, before the event, so that no kill leaves a time in deferred/ that looks like a `touch`. Only a file's owner and root can set
 * it, and not every file system knows the year 9999: what the file has in its place *mtime_us gets for the event, else it stays AS_UNTIL. */
#define AS_UNTIL (-1)
static enum rc mirror_until(const struct spool *spool, const struct move *move, int64_t *mtime_us, struct err *err) {
    char name[JOBID_SIZE + 5];
    struct stat st;
    file_name(move->job_id, name);
    *mtime_us = AS_UNTIL;
    if (move->to != PLACE_DEFERRED || !move->until_us)
        return RC_OK;
    enum rc rc = fsio_set_mtime(spool->place_fd[move->from], name, move->until_us, err);
    if (!rc || rc == RC_PERM)
        rc = look(spool, move, &st, err);
    if (!rc && clock_file_us(st.st_mtim) / 1000000 != move->until_us / 1000000)
        *mtime_us = clock_file_us(st.st_mtim);
    return rc;
}

static enum rc tell(struct journal *journal, const struct move *move, int64_t mtime_us, struct err *err) {
    char text[CLOCK_RFC3339_SIZE];
    cJSON *members = NULL;
    if (mtime_us != AS_UNTIL) {
        members = move->members ? cJSON_Duplicate(move->members, true) : cJSON_CreateObject();
        clock_format_rfc3339(mtime_us, 6, text);
        if (!members || !cJSON_AddStringToObject(members, "mtime", text)) {
            cJSON_Delete(members);
            return err_set(err, RC_TEMP, "out of memory");
        }
    }
    enum rc rc = journal_add(journal, move->event, move->by, members ? members : move->members, err);
    cJSON_Delete(members);
    return rc ? rc : journal_commit(journal, true, err);
}

static void notes(const struct spool *spool, const struct move *move) {
    if (move->why)
        spool_why_write(spool, move->to, move->job_id, move->why, NULL); /* can be made again: its loss is no failure */
    spool_why_remove(spool, move->from, move->job_id);
}

enum rc move_locked(const struct spool *spool, struct journal *journal, const struct move *move, struct err *err) {
    struct stat st;
    int64_t mtime_us;
    enum rc rc = look(spool, move, &st, err);
    if (!rc)
        rc = mirror_until(spool, move, &mtime_us, err);
    if (rc)
        return rc;
    bool event_first = move->from == PLACE_PROCESSING;
    if (event_first && !(move->told && *move->told)) {
        rc = tell(journal, move, mtime_us, err);
        if (!rc && move->told)
            *move->told = true;
    }
    if (!rc && move->bookmark)
        rc = bookmark_advance(spool, move->row, move->bookmark, err);
    if (!rc)
        rc = change_place(spool, move, err);
    /* A claim is told of before the old name's going is synced: what a loss of power brings back is a second name of the same file, which recovery takes away.
     */
    bool early = move->to == PLACE_PROCESSING;
    if (!rc)
        rc = early ? fsio_sync_dir(spool->place_fd[move->to], ".", err) : sync_both(spool, move->to, move->from, err);
    if (!rc && !event_first)
        rc = tell(journal, move, mtime_us, err);
    if (!rc && early)
        rc = fsio_sync_dir(spool->place_fd[move->from], ".", err);
    if (!rc)
        notes(spool, move);
    return rc;
}

enum rc move_job(const struct spool *spool, const struct move *move, struct err *err) {
    struct journal *journal;
    enum rc rc = journal_open(spool, move->job_id, false, &journal, err);
    if (rc)
        return rc;
    rc = journal_lock(journal, err);
    if (!rc)
        rc = move_locked(spool, journal, move, err);
    journal_close(journal);
    return rc;
}
