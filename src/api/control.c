// SPDX-License-Identifier: Apache-2.0
#include "api/control.h"

#include "api/admit.h"
#include "api/follow.h"
#include "api/listing.h"
#include "api/route.h"
#include "base/clock.h"
#include "base/limits.h"
#include "engine/act.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define BULK_MOST 100000u
#define BULK_TOLD 100

/* --- one job ------------------------------------------------------------------------------------------------------------ */

/* As engine/act.h says of its results. */
static void reply_act(struct request *r, enum rc rc, const struct err *err) {
    const bool disk = rc == RC_PERM && (errno == EACCES || errno == EPERM);
    if (rc == RC_AGAIN || rc == RC_CORRUPT)
        reply_problem(r, 409, "%s", err->text);
    else if (rc)
        reply_rc(r, disk ? RC_TEMP : rc, err);
}

static void move(struct request *r, const struct act *act) {
    struct jobs_entry job = {.id = ""};
    struct err err = {0};
    uint64_t left = 0;
    errno = 0;
    enum rc rc = act_find(r->api->spool, r->job->id, &job, &err);
    if (!rc) {
        errno = 0;
        rc = act_move(r->api->spool, &job, act, &left, &err);
    }
    free(job.file);
    if (rc)
        reply_act(r, rc, &err);
    else
        reply_empty(r, 200);
}

void control_cancel(struct request *r) {
    const struct act act = {.verb = ACT_CANCEL, .by = r->who.name};
    move(r, &act);
}

void control_retry(struct request *r) {
    const struct act act = {.verb = ACT_RETRY, .by = r->who.name};
    move(r, &act);
}

void control_hold(struct request *r) {
    const struct act act = {.verb = ACT_HOLD, .by = r->who.name};
    move(r, &act);
}

void control_release(struct request *r) {
    static const char *const known[] = {"decision", "batch", NULL};
    struct act act = {.verb = ACT_RELEASE, .by = r->who.name};
    const char *decision = NULL;
    const cJSON *batch = cJSON_GetObjectItemCaseSensitive(r->json, "batch");
    if (!request_members(r, known) || !request_text(r, "decision", 40, false, &decision))
        return;
    if (decision && !act_decision_parse(decision, &act.decision)) {
        reply_invalid(r, "/decision", "must be accept_charge, give_up, accept_duplicates, accept_coverage or buy_all");
        return;
    }
    if (batch && (!cJSON_IsNumber(batch) || batch->valuedouble < 1 || batch->valuedouble > LIMIT_BATCHES ||
                  batch->valuedouble != (double)(uint64_t)batch->valuedouble || (act.decision != ACT_ACCEPT_CHARGE && act.decision != ACT_GIVE_UP))) {
        reply_invalid(r, "/batch", "must be the number of a batch, and is for accept_charge and give_up alone");
        return;
    }
    act.batch = batch ? (uint64_t)batch->valuedouble : 0;
    move(r, &act);
}

void control_priority(struct request *r) {
    static const char *const known[] = {"priority", NULL};
    struct jobs_entry job = {.id = ""};
    struct err err = {0};
    const char *name;
    enum priority priority;
    if (!request_members(r, known) || !request_text(r, "priority", 16, true, &name))
        return;
    if (!priority_parse(name, &priority)) {
        reply_invalid(r, "/priority", "must be low, normal, high or urgent");
        return;
    }
    errno = 0;
    enum rc rc = act_find(r->api->spool, r->job->id, &job, &err);
    if (!rc)
        rc = act_priority(r->api->spool, &job, priority, r->who.name, &err);
    free(job.file);
    if (rc)
        reply_act(r, rc, &err);
    else
        reply_empty(r, 200);
}

void control_process(struct request *r) {
    struct err err = {0};
    uint64_t *moved = calloc(1, sizeof *moved);
    r->own = moved;
    r->own_release = free;
    errno = 0;
    enum rc rc = moved ? act_load(r->api->spool, r->job->id, moved, &err) : err_set(&err, RC_TEMP, "out of memory");
    if (rc)
        reply_act(r, rc, &err);
    else
        reply_empty(r, 200);
}

void control_done(struct request *r) {
    struct job_row row;
    struct err err = {0};
    if (r->reply.status != 200)
        return;
    follow_now(r->api->follow, r->job->id);
    enum rc rc = follow_row(r->api->follow, r->job->id, &row, &err);
    if (rc && rc != RC_CORRUPT)
        row = *r->job;
    cJSON *json = listing_row_json(&row, !row.accepted);
    if (json && r->route->handle == control_process)
        cJSON_AddNumberToObject(json, "moved", (double)*(const uint64_t *)r->own);
    reply_json(r, 200, json);
}

/* --- many jobs ---------------------------------------------------------------------------------------------------------- */

struct bulk {
    char (*ids)[JOBID_SIZE];
    size_t count, capacity;
    bool failed;
};

static bool add_id(void *context, const struct board_row *row) {
    struct bulk *b = context;
    if (b->count == BULK_MOST) {
        b->failed = true;
        return false;
    }
    if (b->count == b->capacity) {
        size_t capacity = b->capacity ? b->capacity * 2 : 256;
        char(*ids)[JOBID_SIZE] = realloc(b->ids, capacity * sizeof *ids);
        if (!ids) {
            b->failed = true;
            return false;
        }
        b->ids = ids;
        b->capacity = capacity;
    }
    memcpy(b->ids[b->count++], row->id, JOBID_SIZE);
    return true;
}

static bool count_one(void *context, const struct board_row *row) {
    (void)row;
    ++*(uint64_t *)context;
    return true;
}

void control_bulk_count(struct request *r) {
    struct filter filter;
    uint64_t count = 0;
    if (!listing_filter(r, &filter))
        return;
    board_each(r->api->board, &filter, admit_owner(&r->who), count_one, &count);
    cJSON *json = cJSON_CreateObject();
    cJSON_AddNumberToObject(json, "count", (double)count);
    reply_json(r, 200, json);
}

static void bulk_release(void *own) {
    struct bulk *b = own;
    free(b->ids);
    free(b);
}

/* The filter frozen: what it has now, when that is as many as the person was shown. */
bool control_bulk_prepare(struct request *r) {
    static const char *const known[] = {"act", "filter", "count", "priority", "decision", NULL};
    const cJSON *count = cJSON_GetObjectItemCaseSensitive(r->json, "count"), *text = cJSON_GetObjectItemCaseSensitive(r->json, "filter");
    struct filter filter = {0};
    struct err err = {0};
    if (!request_members(r, known))
        return false;
    if (!cJSON_IsString(text) || filter_parse(&filter, text->valuestring, clock_wall_us(), &err)) {
        reply_invalid(r, "/filter", "%s", *err.text ? err.text : "must be a text; empty for all jobs");
        return false;
    }
    if (!cJSON_IsNumber(count) || count->valuedouble < 0) {
        reply_invalid(r, "/count", "must be the number of jobs that the filter had (GET /api/bulk)");
        return false;
    }
    struct bulk *b = calloc(1, sizeof *b);
    r->own = b;
    r->own_release = bulk_release;
    if (b)
        board_each(r->api->board, &filter, admit_owner(&r->who), add_id, b);
    if (!b || b->failed) {
        reply_problem(r, 409, "more than %u jobs at once; narrow the filter", BULK_MOST);
        return false;
    }
    if ((double)b->count != count->valuedouble) {
        reply_problem(r, 409, "the filter has %zu jobs now, not %.0f; look again", b->count, count->valuedouble);
        return false;
    }
    return true;
}

struct bulk_act {
    struct act act;
    bool process, priority;
    enum priority to;
};

static bool bulk_act_of(struct request *r, struct bulk_act *out) {
    const char *name, *priority, *decision;
    if (!request_text(r, "act", 20, true, &name) || !request_text(r, "priority", 16, false, &priority) || !request_text(r, "decision", 40, false, &decision))
        return false;
    *out = (struct bulk_act){.act = {.by = r->who.name}, .process = strcmp(name, "process") == 0, .priority = strcmp(name, "priority") == 0};
    if (out->priority && !(priority && priority_parse(priority, &out->to)))
        reply_invalid(r, "/priority", "must be low, normal, high or urgent");
    else if (!out->priority && !out->process && (!act_verb_parse(name, &out->act.verb) || out->act.verb == ACT_REQUEUE))
        reply_invalid(r, "/act", "must be cancel, retry, hold, release, process or priority");
    else if (decision && !(out->act.verb == ACT_RELEASE && act_decision_parse(decision, &out->act.decision)))
        reply_invalid(r, "/decision", "is for release alone: accept_charge, give_up, accept_duplicates, accept_coverage or buy_all");
    else
        return true;
    return false;
}

static enum rc act_on(struct request *r, const struct bulk_act *bulk, const char *id, struct err *err) {
    struct jobs_entry job = {.id = ""};
    uint64_t moved;
    if (bulk->process)
        return act_load(r->api->spool, id, &moved, err);
    enum rc rc = act_find(r->api->spool, id, &job, err);
    if (!rc)
        rc = bulk->priority ? act_priority(r->api->spool, &job, bulk->to, r->who.name, err) : act_move(r->api->spool, &job, &bulk->act, NULL, err);
    free(job.file);
    return rc;
}

void control_bulk(struct request *r) {
    const struct bulk *b = r->own;
    struct bulk_act bulk;
    size_t done = 0;
    if (!bulk_act_of(r, &bulk))
        return;
    cJSON *json = cJSON_CreateObject(), *failed = cJSON_CreateArray();
    for (size_t i = 0; i < b->count; i++) {
        struct err err = {0};
        errno = 0;
        if (act_on(r, &bulk, b->ids[i], &err) == RC_OK) {
            done++;
            continue;
        }
        if (cJSON_GetArraySize(failed) >= BULK_TOLD)
            continue;
        cJSON *one = cJSON_CreateObject();
        cJSON_AddStringToObject(one, "job_id", b->ids[i]);
        cJSON_AddStringToObject(one, "detail", err.text);
        cJSON_AddItemToArray(failed, one);
    }
    cJSON_AddNumberToObject(json, "matched", (double)b->count);
    cJSON_AddNumberToObject(json, "done", (double)done);
    cJSON_AddItemToObject(json, "failed", failed);
    reply_json(r, 200, json);
}
