// SPDX-License-Identifier: Apache-2.0
#include "engine/act.h"

#include "base/clock.h"
#include "engine/batches.h"
#include "os/fsio.h"
#include "spool/move.h"

#include <errno.h>
#include <string.h>

#define LOOKS 8 /* a job that moves meanwhile is followed so often */

static const struct verb {
    const char *name, *event, *reason;
    enum place to;
} verbs[] = {
    [ACT_RETRY] = {"retry", "requeued", "retry", PLACE_PENDING},
    [ACT_CANCEL] = {"cancel", "cancelled", "asked", PLACE_CANCELLED},
    [ACT_HOLD] = {"hold", "held", "asked", PLACE_HOLD},
    [ACT_RELEASE] = {"release", "requeued", "release", PLACE_PENDING},
    [ACT_REQUEUE] = {"requeue", "requeued", "requeue", PLACE_PENDING},
};

static const char *const decisions[] = {[ACT_NO_DECISION] = "",
                                        [ACT_ACCEPT_CHARGE] = "accept_charge",
                                        [ACT_GIVE_UP] = "give_up",
                                        [ACT_ACCEPT_DUPLICATES] = "accept_duplicates",
                                        [ACT_ACCEPT_COVERAGE] = "accept_coverage",
                                        [ACT_BUY_ALL] = "buy_all"};

bool act_verb_parse(const char *name, enum act_verb *verb) {
    for (enum act_verb i = ACT_RETRY; i <= ACT_REQUEUE; i++)
        if (strcmp(name, verbs[i].name) == 0) {
            *verb = i;
            return true;
        }
    return false;
}

bool act_decision_parse(const char *name, enum act_decision *decision) {
    for (enum act_decision i = ACT_ACCEPT_CHARGE; i <= ACT_BUY_ALL; i++)
        if (strcmp(name, decisions[i]) == 0) {
            *decision = i;
            return true;
        }
    return false;
}

/* What was refused here, not by the disk. */
static enum rc refuse(enum rc rc) {
    errno = 0;
    return rc;
}

static const char *shown(const struct jobs_entry *job) {
    return job->file ? job->file : job->id;
}

enum rc act_find(const struct spool *spool, const char *id, struct jobs_entry *job, struct err *err) {
    *job = (struct jobs_entry){.place = PLACE_NONE};
    if (!jobid_valid(id))
        return refuse(err_set(err, RC_GONE, "\"%.80s\" is no id of a job", id));
    str_copy(job->id, sizeof job->id, id);
    job->place = jobs_place(spool, id);
    if (job->place == PLACE_NONE && !jobs_has_journal(spool, id))
        return refuse(err_set(err, RC_GONE, "there is no job %s", id));
    return RC_OK;
}

/* --- the move -------------------------------------------------------------------------------------------------------- */

static enum rc move_drop(const struct spool *spool, const struct jobs_entry *job, enum place to, struct err *err) {
    char name[JOBID_SIZE + 8];
    const char *file = jobs_file(job, name);
    enum rc rc = fsio_rename_new(spool->place_fd[job->place], file, spool->place_fd[to], file, err);
    if (!rc)
        rc = fsio_sync_dir(spool->place_fd[to], ".", err);
    if (!rc)
        rc = fsio_sync_dir(spool->place_fd[job->place], ".", err);
    return rc;
}

/* The note that will lie beside the job. */
static void format_why(const struct spool *spool, const char *id, const struct verb *verb, char *out, size_t size) {
    struct job_row row;
    if (job_row_read(spool, id, &row, NULL, NULL, NULL) != RC_OK)
        return;
    row.place = verb->to;
    row.placed_us = clock_wall_us();
    row.until_us = 0;
    str_copy(row.reason, sizeof row.reason, verb->reason);
    row.error_details[0] = '\0';
    job_why_format(&row, out, size);
}

static enum rc move_accepted(const struct spool *spool, const struct jobs_entry *job, const struct verb *verb, const char *by, struct err *err) {
    char why[1500] = "";
    if (verb->to == PLACE_HOLD)
        format_why(spool, job->id, verb, why, sizeof why);
    cJSON *members = cJSON_CreateObject();
    if (!members)
        return err_set(err, RC_TEMP, "out of memory");
    cJSON_AddStringToObject(members, "reason", verb->reason);
    if (verb->to == PLACE_PENDING) {
        cJSON_AddStringToObject(members, "from", place_name(job->place));
        cJSON_AddStringToObject(members, "to", place_name(verb->to));
    }
    const struct move move = {
        .job_id = job->id, .from = job->place, .to = verb->to, .event = verb->event, .by = by, .members = members, .why = *why ? why : NULL};
    errno = 0;
    enum rc rc = move_job(spool, &move, err);
    cJSON_Delete(members);
    return rc;
}

static bool is_archived(const struct spool *spool, const struct jobs_entry *job) {
    struct job_row row;
    return job->id[0] && job_row_read(spool, job->id, &row, NULL, NULL, NULL) == RC_OK && row.archived_us;
}

/* Why not: of a complete job whose units failed in part there is a way. */
static enum rc illegal(const struct spool *spool, const struct jobs_entry *job, const struct verb *verb, enum rc rc, struct err *err) {
    char name[JOBID_SIZE + 8];
    struct job_row row;
    if (job->place == PLACE_PROCESSED && verb->to == PLACE_PENDING && job_row_read(spool, job->id, &row, NULL, NULL, NULL) == RC_OK && row.failed_units)
        return refuse(err_set(err, rc, "%s: it is complete; `batchspool submit --failed %s` makes a new job of its %llu units that failed", job->id, job->id,
                              (unsigned long long)row.failed_units));
    return refuse(err_prefix(err, rc, "%s", jobs_file(job, name)));
}

static enum rc move_one(const struct spool *spool, struct jobs_entry *job, const struct verb *verb, const char *by, struct err *err) {
    enum rc rc = RC_GONE;
    for (int look = 0; look < LOOKS && rc == RC_GONE; look++) {
        if (look && job->id[0])
            job->place = jobs_place(spool, job->id);
        if (job->place == PLACE_NONE && is_archived(spool, job))
            rc = refuse(err_set(err, RC_PERM, "%s: it was archived (batchspool cleanup): submit it anew", job->id));
        else if (job->place == PLACE_NONE)
            rc = refuse(err_set(err, RC_GONE, "%s: its file is in no directory; the daemon will make it again in hold/", job->id));
        else if ((rc = move_legal(job->place, verb->to, err)) != RC_OK)
            rc = illegal(spool, job, verb, rc, err);
        else if (jobs_has_journal(spool, job->id))
            rc = move_accepted(spool, job, verb, by, err);
        else
            rc = move_drop(spool, job, verb->to, err);
    }
    job->place = rc ? job->place : verb->to;
    return rc;
}

/* --- money in doubt ------------------------------------------------------------------------------------------------- */

/* It is decided by a release alone. */
static enum rc check_in_doubt(const struct spool *spool, const struct jobs_entry *job, const struct verb *verb, struct err *err) {
    struct job_row row;
    if (verb->to != PLACE_PENDING || job->place != PLACE_HOLD || !jobs_has_journal(spool, job->id))
        return RC_OK;
    enum rc rc = job_row_read(spool, job->id, &row, NULL, NULL, err);
    if (rc || !row.unknown_batches)
        return rc;
    char money[DEC_TEXT_SIZE];
    dec_format(row.cost_in_doubt, money);
    return refuse(err_set(err, RC_AGAIN,
                          "%s: it is not known whether %llu of its requests were charged (up to %s %s). Ask the provider, then `batchspool release %s "
                          "--accept-charge` to buy these pages "
                          "once more, or `--give-up` to go on without them",
                          row.id, (unsigned long long)row.unknown_batches, money, row.currency, row.id));
}

static enum rc write_decision(const struct spool *spool, const char *id, const struct act *act, struct err *err) {
    cJSON *members = cJSON_CreateObject();
    if (!members)
        return err_set(err, RC_TEMP, "out of memory");
    cJSON_AddStringToObject(members, "decision", decisions[act->decision]);
    if (act->batch)
        cJSON_AddNumberToObject(members, "batch", (double)act->batch);
    errno = 0;
    enum rc rc = journal_put(spool, id, "released", act->by, members, err);
    cJSON_Delete(members);
    return rc;
}

static bool is_one_of(const char *text, const char *one, const char *other) {
    return strcmp(text, one) == 0 || strcmp(text, other) == 0;
}

/* Whether there is something to decide in that way. */
static enum rc check_decision(const struct batches *batches, const struct act *act, struct err *err) {
    const struct job_row *row = &batches->row;
    switch (act->decision) {
    case ACT_NO_DECISION:
        return RC_OK;
    case ACT_ACCEPT_DUPLICATES:
        return strcmp(row->reason, "duplicates") == 0 ? RC_OK : err_set(err, RC_PERM, "%s: it is not held for duplicates", row->id);
    case ACT_ACCEPT_COVERAGE:
        return is_one_of(row->reason, "coverage", "depth_limit")
                   ? RC_OK
                   : err_set(err, RC_PERM, "%s: it neither failed for its coverage nor is held for its depth_limit", row->id);
    case ACT_BUY_ALL:
        return is_one_of(row->reason, "no_ids", "listing") ? RC_OK : err_set(err, RC_PERM, "%s: it is not held because what is owned cannot be told", row->id);
    case ACT_ACCEPT_CHARGE:
    case ACT_GIVE_UP:
        break;
    }
    if (!row->unknown_batches)
        return err_set(err, RC_PERM, "%s: no charge of it is in doubt", row->id);
    if (act->batch && (act->batch > batches->count || batches->list[act->batch - 1].state != BATCH_IN_DOUBT))
        return err_set(err, RC_PERM, "%s: the charge of batch %llu is not in doubt", row->id, (unsigned long long)act->batch);
    return RC_OK;
}

/* Journal the decision. *left: charges that are in doubt after it. */
static enum rc decide(const struct spool *spool, const struct jobs_entry *job, const struct act *act, uint64_t *left, struct err *err) {
    struct batches batches;
    if (!jobs_has_journal(spool, job->id))
        return refuse(err_set(err, RC_PERM, "%s: it was never accepted, so there is nothing to decide", shown(job)));
    enum rc rc = batches_read(spool, job->id, &batches, err);
    if (!rc && (rc = check_decision(&batches, act, err)) == RC_OK)
        rc = move_legal(job->place, PLACE_PENDING, err);
    rc = rc ? refuse(rc) : write_decision(spool, job->id, act, err);
    const bool money = act->decision == ACT_ACCEPT_CHARGE || act->decision == ACT_GIVE_UP;
    if (!rc && money && act->batch && batches.row.unknown_batches)
        *left = batches.row.unknown_batches - 1;
    batches_release(&batches);
    return rc;
}

static enum rc release(const struct spool *spool, const struct jobs_entry *job, const struct act *act, uint64_t *left, struct err *err) {
    if (job->place == PLACE_PENDING || job->place == PLACE_PROCESSING)
        return refuse(err_set(err, RC_PERM, "%s: it lies in jobs/%s and needs no release", shown(job), place_name(job->place)));
    return act->decision == ACT_NO_DECISION ? RC_OK : decide(spool, job, act, left, err);
}

/* --- payloads that could not be loaded ------------------------------------------------------------------------------- */

/* A job that failed because payloads could not be loaded would fail again at once: these go back first. */
static enum rc put_back_loads(const struct spool *spool, const struct jobs_entry *job, const struct act *act, struct err *err) {
    struct batches batches;
    if (job->place != PLACE_FAILED)
        return RC_OK;
    const bool read = batches_read(spool, job->id, &batches, NULL) == RC_OK;
    const enum shelf to = batches.row.automatic ? SHELF_READY : SHELF_PENDING;
    enum rc rc = RC_OK;
    for (size_t i = 0; read && strcmp(batches.row.reason, "load") == 0 && !rc && i < batches.count; i++) {
        if (batches.list[i].shelf != SHELF_FAILED)
            continue;
        errno = 0;
        rc = payload_reshelve(spool, job->id, (uint32_t)i + 1, SHELF_FAILED, to, act->by, err);
        if (act->reshelved)
            act->reshelved(act->context, (uint32_t)i + 1, to, rc, err);
    }
    batches_release(&batches);
    return rc;
}

enum rc act_move(const struct spool *spool, struct jobs_entry *job, const struct act *act, uint64_t *left, struct err *err) {
    const struct verb *verb = &verbs[act->verb];
    uint64_t in_doubt = 0;
    enum rc rc = RC_OK;
    if (act->verb == ACT_RELEASE)
        rc = release(spool, job, act, &in_doubt, err);
    if (left)
        *left = in_doubt;
    if (rc || in_doubt)
        return rc;
    rc = check_in_doubt(spool, job, verb, err);
    if (!rc && act->verb == ACT_REQUEUE)
        rc = put_back_loads(spool, job, act, err);
    return rc ? rc : move_one(spool, job, verb, act->by, err);
}
