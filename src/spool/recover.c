// SPDX-License-Identifier: Apache-2.0
#include "spool/recover.h"

#include "base/clock.h"
#include "base/str.h"
#include "os/fsio.h"
#include "spool/bookmark.h"
#include "spool/journal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The docs/CRASH.md table, row by row. Everything happens under the journal's lock, so that no program is in the middle of a move of this job; only a hand may
 * be. */

#define DUPLICATES_MOST 1000u

struct sight { /* where the file lies */
    bool in[PLACE_COUNT];
    unsigned count;
    enum place where; /* of the one that counts */
    struct stat st;
};

/* Two files of one id where the journal names neither place: the one that does least counts. */
static const enum place preferred[] = {PLACE_CANCELLED, PLACE_HOLD, PLACE_FAILED, PLACE_DEFERRED, PLACE_PENDING, PLACE_PROCESSED, PLACE_PROCESSING};

static void file_name(const char *job_id, char out[JOBID_SIZE + 5]) {
    str_format(out, JOBID_SIZE + 5, "%s.json", job_id);
}

static enum rc look_around(const struct spool *spool, const char *job_id, enum place journalled, struct sight *sight, struct err *err) {
    char name[JOBID_SIZE + 5];
    *sight = (struct sight){.where = PLACE_NONE};
    file_name(job_id, name);
    for (enum place p = PLACE_PENDING; p < PLACE_COUNT; p++) {
        enum rc rc = fsio_stat(spool->place_fd[p], name, &sight->st, err);
        if (rc && rc != RC_GONE)
            return rc;
        sight->in[p] = rc == RC_OK && S_ISREG(sight->st.st_mode); /* links and the like are nobody's job */
        sight->count += sight->in[p];
    }
    if (journalled != PLACE_NONE && sight->in[journalled])
        sight->where = journalled;
    for (size_t i = 0; sight->where == PLACE_NONE && i < sizeof preferred / sizeof *preferred; i++)
        if (sight->in[preferred[i]])
            sight->where = preferred[i];
    if (sight->where == PLACE_NONE)
        return RC_OK;
    enum rc rc = fsio_stat(spool->place_fd[sight->where], name, &sight->st, err);
    return rc == RC_GONE ? RC_OK : rc;
}

static enum rc say(struct journal *journal, const char *event, const struct sight *sight, cJSON *members, struct err *err) {
    if (!members)
        return err_set(err, RC_TEMP, "out of memory");
    cJSON_AddNumberToObject(members, "uid", (double)sight->st.st_uid);
    enum rc rc = journal_add(journal, event, "mv", members, err);
    if (!rc)
        rc = journal_commit(journal, true, err);
    cJSON_Delete(members);
    return rc;
}

static void note(const struct spool *spool, const struct job_row *row, enum place place, const char *reason) {
    char text[2048];
    struct job_row shown = *row;
    shown.place = place;
    shown.placed_us = clock_wall_us();
    if (reason)
        str_copy(shown.reason, sizeof shown.reason, reason);
    if (place != PLACE_HOLD && place != PLACE_FAILED && place != PLACE_DEFERRED)
        return;
    job_why_format(&shown, text, sizeof text);
    spool_why_write(spool, place, row->id, text, NULL);
}

static enum rc rename_synced(const struct spool *spool, const char *job_id, enum place from, enum place to, struct err *err) {
    char name[JOBID_SIZE + 5];
    file_name(job_id, name);
    enum rc rc = fsio_rename_new(spool->place_fd[from], name, spool->place_fd[to], name, err);
    if (!rc)
        rc = fsio_sync_dir(spool->place_fd[to], ".", err);
    if (!rc)
        rc = fsio_sync_dir(spool->place_fd[from], ".", err);
    return rc;
}

/* The event comes first, whatever the place: it changes nothing of what the journal says, so a kill behind it leaves a file that is put back once more, and
 * none leaves a file that was put back without a word. */
static enum rc put_back(const struct spool *spool, struct journal *journal, const struct sight *sight, struct recover_result *result, struct err *err) {
    const struct job_row *row = &result->row;
    char name[JOBID_SIZE + 5];
    file_name(row->id, name);
    enum rc rc = RC_OK;
    if (row->place == PLACE_PROCESSED && sight->where != PLACE_PROCESSED) {
        rc = bookmark_recover(spool, row, err);
        if (rc)
            return rc;
    }
    if (row->place == PLACE_DEFERRED)
        rc = fsio_set_mtime(spool->place_fd[sight->where], name, row->until_mtime_us, err);
    if (rc && rc != RC_PERM) /* another user's file: its time is the new one, as if it had been touched */
        return rc;
    cJSON *m = cJSON_CreateObject();
    cJSON_AddStringToObject(m, "from", place_name(sight->where));
    cJSON_AddStringToObject(m, "to", place_name(row->place));
    cJSON_AddStringToObject(m, "reason", "put_back");
    rc = say(journal, "requeued", sight, m, err);
    if (!rc)
        rc = rename_synced(spool, row->id, sight->where, row->place, err);
    if (rc)
        return rc;
    spool_why_remove(spool, sight->where, row->id);
    note(spool, row, row->place, NULL);
    result->what = RECOVERED_PUT_BACK;
    result->where = row->place;
    return RC_OK;
}

static enum rc moved_by_hand(const struct spool *spool, struct journal *journal, const struct sight *sight, struct recover_result *result, struct err *err) {
    const struct job_row *row = &result->row;
    const char *event = sight->where == PLACE_PENDING ? "requeued" : sight->where == PLACE_HOLD ? "held" : "cancelled";
    enum rc rc = fsio_sync_dir(spool->place_fd[sight->where], ".", err);
    if (!rc && row->place != PLACE_NONE)
        rc = fsio_sync_dir(spool->place_fd[row->place], ".", err);
    if (rc)
        return rc;
    cJSON *m = cJSON_CreateObject();
    cJSON_AddStringToObject(m, "from", place_name(row->place));
    if (sight->where == PLACE_PENDING)
        cJSON_AddStringToObject(m, "to", "pending");
    else
        cJSON_AddStringToObject(m, "reason", "by_hand");
    rc = say(journal, event, sight, m, err);
    if (rc)
        return rc;
    if (row->place != PLACE_NONE)
        spool_why_remove(spool, row->place, row->id);
    note(spool, row, sight->where, "by_hand");
    result->what = RECOVERED_BY_MV;
    return RC_OK;
}

/* The note is not synced with its move: a crash may have left the job without. */
static void note_missing(const struct spool *spool, const struct job_row *row) {
    char name[JOBID_SIZE + 5];
    struct stat st;
    str_format(name, sizeof name, "%s.why", row->id);
    if (fsio_stat(spool->place_fd[row->place], name, &st, NULL) == RC_GONE)
        note(spool, row, row->place, NULL);
}

/* An mtime that was changed in deferred/ is the new time. */
static enum rc check_touch(struct journal *journal, const struct sight *sight, struct recover_result *result, struct err *err) {
    char until[CLOCK_RFC3339_SIZE];
    int64_t mtime_us = clock_file_us(sight->st.st_mtim);
    if (mtime_us / 1000000 == result->row.until_mtime_us / 1000000)
        return RC_OK;
    clock_format_rfc3339(mtime_us, 6, until);
    cJSON *m = cJSON_CreateObject();
    cJSON_AddStringToObject(m, "until", until);
    cJSON_AddStringToObject(m, "reason", result->row.reason);
    result->what = RECOVERED_BY_MV;
    return say(journal, "deferred", sight, m, err);
}

static bool live(enum place place) {
    return place == PLACE_PENDING || place == PLACE_PROCESSING || place == PLACE_DEFERRED || place == PLACE_HOLD;
}

static enum rc make_again(const struct spool *spool, struct journal *journal, struct recover_result *result, struct err *err) {
    struct sight nobody = {.st = {.st_uid = geteuid()}};
    char name[JOBID_SIZE + 5], *text = NULL;
    size_t length = 0;
    int fd;
    file_name(result->row.id, name);
    enum rc rc = job_text_read(spool, result->row.id, &text, &length, err);
    if (!rc) {
        fsio_unlink(spool->jobs_tmp_fd, name, NULL);
        rc = fsio_create(spool->jobs_tmp_fd, name, 0660, &fd, err);
    }
    if (!rc) {
        rc = fsio_write(fd, text, length, err);
        if (!rc)
            rc = fsio_sync(fd, err);
        close(fd);
    }
    if (!rc)
        rc = fsio_rename_new(spool->jobs_tmp_fd, name, spool->place_fd[PLACE_HOLD], name, err);
    if (!rc)
        rc = fsio_sync_dir(spool->place_fd[PLACE_HOLD], ".", err);
    free(text);
    if (rc)
        return rc;
    cJSON *m = cJSON_CreateObject();
    cJSON_AddStringToObject(m, "reason", "missing");
    cJSON_AddStringToObject(m, "error", "its file had vanished and was made again from the journal");
    result->what = RECOVERED_MADE_AGAIN;
    result->where = PLACE_HOLD;
    rc = say(journal, "held", &nobody, m, err);
    note(spool, &result->row, PLACE_HOLD, "missing");
    return rc;
}

/* All but the one that counts become failed/<id>.dup-N.json; a second name of the same file, left by a move that was killed between link and unlink, just goes.
 */
static enum rc set_doubles_aside(const struct spool *spool, const char *job_id, const struct sight *sight, struct err *err) {
    char name[JOBID_SIZE + 5], to[JOBID_SIZE + 32];
    file_name(job_id, name);
    for (enum place p = PLACE_PENDING; p < PLACE_COUNT; p++) {
        if (!sight->in[p] || p == sight->where)
            continue;
        struct stat st;
        enum rc rc = RC_PERM;
        if (fsio_stat(spool->place_fd[p], name, &st, NULL) == RC_OK && st.st_ino == sight->st.st_ino && st.st_dev == sight->st.st_dev) {
            rc = fsio_unlink(spool->place_fd[p], name, err);
            if (rc)
                return rc;
        }
        for (unsigned n = 1; rc && n < DUPLICATES_MOST; n++) {
            str_format(to, sizeof to, "%s.dup-%u.json", job_id, n);
            rc = fsio_rename_new(spool->place_fd[p], name, spool->place_fd[PLACE_FAILED], to, err);
            if (rc && !(rc == RC_PERM && errno == EEXIST))
                return rc;
        }
        spool_why_remove(spool, p, job_id);
        if (!rc)
            rc = fsio_sync_dir(spool->place_fd[PLACE_FAILED], ".", err);
        if (!rc)
            rc = fsio_sync_dir(spool->place_fd[p], ".", err);
        if (rc)
            return rc;
    }
    return RC_OK;
}

/* A file that never was a job: in pending/ it is for the caller to accept, in hold/ and cancelled/ it rests, in failed/ it stays, elsewhere it goes there. */
static enum rc never_accepted(const struct spool *spool, const char *job_id, const struct sight *sight, struct recover_result *result, struct err *err) {
    result->what = sight->count ? RECOVERED_NEVER_ACCEPTED : RECOVERED_NOTHING;
    result->where = sight->where;
    if (sight->where != PLACE_PROCESSING && sight->where != PLACE_PROCESSED && sight->where != PLACE_DEFERRED)
        return RC_OK;
    enum rc rc = rename_synced(spool, job_id, sight->where, PLACE_FAILED, err);
    if (rc)
        return rc;
    result->where = PLACE_FAILED;
    cJSON *m = cJSON_CreateObject();
    cJSON_AddStringToObject(m, "reason", "never_accepted");
    cJSON_AddStringToObject(m, "error", "a new criteria file belongs into jobs/pending/");
    cJSON_AddNumberToObject(m, "uid", (double)sight->st.st_uid);
    rc = journal_put(spool, job_id, "rejected", "mv", m, err);
    cJSON_Delete(m);
    job_row_init(&result->row, job_id);
    note(spool, &result->row, PLACE_FAILED, "never_accepted");
    return rc;
}

static enum rc settle(const struct spool *spool, struct journal *journal, bool second_look, struct sight *sight, struct recover_result *result,
                      struct err *err) {
    const struct job_row *row = &result->row;
    result->where = sight->where;
    if (sight->count != 1 && !second_look && (sight->count || live(row->place))) {
        result->what = RECOVERED_LOOK_AGAIN;
        return RC_OK;
    }
    if (sight->count == 0)
        return live(row->place) ? make_again(spool, journal, result, err) : RC_OK;
    if (sight->count > 1) {
        enum rc rc = set_doubles_aside(spool, row->id, sight, err);
        if (rc)
            return rc;
        result->what = RECOVERED_DOUBLE;
    }
    if (sight->where == row->place) {
        note_missing(spool, row);
        return row->place == PLACE_DEFERRED ? check_touch(journal, sight, result, err) : RC_OK;
    }
    bool by_daemon_only = sight->where == PLACE_PROCESSING || sight->where == PLACE_PROCESSED || sight->where == PLACE_FAILED || sight->where == PLACE_DEFERRED;
    if (row->place == PLACE_PROCESSED || by_daemon_only)
        return put_back(spool, journal, sight, result, err);
    return moved_by_hand(spool, journal, sight, result, err);
}

/* There is no text to make it again from. */
static enum rc refused_and_gone(struct journal *journal, struct recover_result *result, struct err *err) {
    struct sight nobody = {.st = {.st_uid = geteuid()}};
    cJSON *m = cJSON_CreateObject();
    cJSON_AddStringToObject(m, "reason", "missing");
    cJSON_AddStringToObject(m, "error", "its file has gone, and it was never accepted");
    result->what = RECOVERED_BY_MV;
    return say(journal, "rejected", &nobody, m, err);
}

/* A drop that was refused, and lies somewhere else now: in pending/ it is for the caller to accept, in hold/ and cancelled/ it rests, and the journal says so.
 */
static enum rc refused(const struct spool *spool, struct journal *journal, bool second_look, struct sight *sight, struct recover_result *result,
                       struct err *err) {
    const struct job_row *row = &result->row;
    result->where = sight->where;
    if (sight->count == 0 && !live(row->place))
        return RC_OK;
    if (sight->count != 1) {
        if (!second_look) {
            result->what = RECOVERED_LOOK_AGAIN;
            return RC_OK;
        }
        if (sight->count == 0)
            return refused_and_gone(journal, result, err);
        enum rc rc = set_doubles_aside(spool, row->id, sight, err);
        if (rc)
            return rc;
        result->what = RECOVERED_DOUBLE;
    }
    if (sight->where == PLACE_PENDING) {
        result->what = RECOVERED_NEVER_ACCEPTED;
        return RC_OK;
    }
    if (sight->where == row->place) {
        note_missing(spool, row);
        return RC_OK;
    }
    if (sight->where == PLACE_HOLD || sight->where == PLACE_CANCELLED)
        return moved_by_hand(spool, journal, sight, result, err);
    return put_back(spool, journal, sight, result, err);
}

/* Nobody can say what this job has done: it waits for a person. */
static enum rc damaged(const struct spool *spool, const char *job_id, const struct sight *sight, struct recover_result *result, struct err *err) {
    struct err ignored = {0};
    result->where = sight->where;
    if (sight->where == PLACE_PENDING || sight->where == PLACE_PROCESSING || sight->where == PLACE_DEFERRED) {
        if (rename_synced(spool, job_id, sight->where, PLACE_HOLD, &ignored) == RC_OK) {
            spool_why_remove(spool, sight->where, job_id);
            result->where = PLACE_HOLD;
        }
    }
    str_format(result->row.error_details, sizeof result->row.error_details, "%.590s", err ? err->text : "its journal is damaged");
    note(spool, &result->row, result->where, "damaged");
    return RC_CORRUPT;
}

enum rc recover_job(const struct spool *spool, const char *job_id, bool second_look, struct recover_result *result, struct err *err) {
    struct journal *journal;
    struct sight sight;
    *result = (struct recover_result){.what = RECOVERED_NOTHING};
    job_row_init(&result->row, job_id);
    enum rc rc = journal_open(spool, job_id, false, &journal, err);
    if (rc == RC_GONE) {
        rc = look_around(spool, job_id, PLACE_NONE, &sight, err);
        return rc ? rc : never_accepted(spool, job_id, &sight, result, err);
    }
    if (rc)
        return rc;
    rc = journal_lock(journal, err);
    if (!rc)
        rc = job_row_read(spool, job_id, &result->row, NULL, NULL, err);
    struct err seen = {0};
    enum rc looked = look_around(spool, job_id, result->row.place, &sight, &seen);
    if (looked) {
        if (err)
            *err = seen;
        rc = looked;
    } else if (rc == RC_CORRUPT)
        rc = damaged(spool, job_id, &sight, result, err);
    else if (rc == RC_GONE || (!rc && result->row.place == PLACE_NONE)) {
        journal_close(journal);
        return never_accepted(spool, job_id, &sight, result, err);
    } else if (!rc) {
        rc = result->row.accepted ? settle(spool, journal, second_look, &sight, result, err) : refused(spool, journal, second_look, &sight, result, err);
        if (!rc && result->what != RECOVERED_NOTHING && result->what != RECOVERED_LOOK_AGAIN)
            rc = job_row_read(spool, job_id, &result->row, NULL, NULL, err);
    }
    journal_close(journal);
    return rc;
}
