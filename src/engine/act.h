// SPDX-License-Identifier: Apache-2.0
#ifndef ENGINE_ACT_H
#define ENGINE_ACT_H

#include "spool/jobs.h"
#include "spool/payload.h"

/*
 * What a person asks of a job: the renames that `mv` makes, with a check first, journalled under his name. For the command line and for the web program. Only
 * spool and journals are touched, so any thread may call; RC_OK means durable.
 *
 * Results, in all functions: RC_GONE: there is no such job or payload (404). RC_PERM: what it is or where it lies does not allow it (409), nothing happened;
 * or, when errno is EACCES or EPERM, the disk refused it (503). RC_AGAIN: something must come first: a decision about money in doubt, or the loader that has
 * the payload (409). RC_CORRUPT: its journal is damaged (409). RC_NOSPACE, RC_TEMP: the same call again finishes it (503). err names job and mend.
 */

enum act_verb { ACT_RETRY, ACT_CANCEL, ACT_HOLD, ACT_RELEASE, ACT_REQUEUE };
bool act_verb_parse(const char *name, enum act_verb *verb); /* "retry" ... */

/* What a release decides beside the move. */
enum act_decision { ACT_NO_DECISION, ACT_ACCEPT_CHARGE, ACT_GIVE_UP, ACT_ACCEPT_DUPLICATES, ACT_ACCEPT_COVERAGE, ACT_BUY_ALL };
bool act_decision_parse(const char *name, enum act_decision *decision); /* "accept_charge" ... */

struct act {
    enum act_verb verb;
    const char *by;             /* of the journal: "command line", a user's name; never "daemon", "mv" */
    enum act_decision decision; /* of ACT_RELEASE */
    uint64_t batch;             /* of ACT_ACCEPT_CHARGE and ACT_GIVE_UP: this one alone; 0: all that are in doubt */
    /* ACT_REQUEUE puts payloads back that could not be loaded before a job that failed for them; each is told here, with the result. May be NULL. */
    void (*reshelved)(void *context, uint32_t batch, enum shelf to, enum rc rc, const struct err *err);
    void *context;
};

/* The job of this id, wherever it lies (PLACE_NONE: it has a journal alone). RC_GONE: none. */
enum rc act_find(const struct spool *spool, const char *id, struct jobs_entry *job, struct err *err);

/* Move it. job says where it was seen; it is followed when it moves meanwhile, and has its place then. A job that was never accepted is moved without a
 * journal. *left (may be NULL): so many charges are still in doubt after the decision about one; the job stays then. */
enum rc act_move(const struct spool *spool, struct jobs_entry *job, const struct act *act, uint64_t *left, struct err *err);

/* Give a job that waits or runs another priority: its file is rewritten, under the journal's lock. */
enum rc act_priority(const struct spool *spool, struct jobs_entry *job, enum priority priority, const char *by, struct err *err);

/* Have the daemon load what waits in payloads/pending: of one job, or (NULL) all. *moved payloads went to payloads/ready, also when it failed on the way. */
enum rc act_load(const struct spool *spool, const char *job_id, uint64_t *moved, struct err *err);
/* The same of one payload; also of one that could not be loaded, or whose loader has gone (then journalled). RC_OK too when it lies in ready/. */
enum rc act_load_file(const struct spool *spool, const char *job_id, uint32_t batch, const char *by, struct err *err);

#endif
