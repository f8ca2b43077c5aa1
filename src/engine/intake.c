// SPDX-License-Identifier: Apache-2.0
#include "engine/intake_internal.h"

#include "base/clock.h"
#include "base/limits.h"
#include "base/log.h"
#include "spool/journal.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Acceptance: a file is read and checked on the loop (cheap), then taken in durably on a lane in groups. What waits between the two is bounded and ordered by
 * priority, so an urgent job is not behind a flood. */

#define INTAKE_MOST 1024u
#define INTAKE_MOST_BYTES (16u * 1024u * 1024u)
#define ACCEPTING_MOST 64u
#define NAME_BUCKETS 2048u
#define STRANGE_SLOTS 256u
#define ACCEPT_LANE 0u

struct intakes {
    struct intake *names[NAME_BUCKETS]; /* every intake by its file's name */
    uint32_t strange[STRANGE_SLOTS];    /* names that were reported */
    uint64_t order;
    const struct spool *spool;
    int spare;             /* what the next new journal is made of (journal_spare); of the accepting lane */
    struct beside *beside; /* of that lane, too; or NULL */
    struct work make;      /* makes it */
    bool making;
};

static bool intake_before(const struct heap_node *x, const struct heap_node *y) {
    const struct intake *a = HEAP_ENTRY(x, const struct intake, node), *b = HEAP_ENTRY(y, const struct intake, node);
    return a->priority != b->priority ? a->priority > b->priority : a->order < b->order;
}

static struct intake **name_slot(struct engine *engine, const char *name) {
    struct intake **at = &engine->intake->names[engine_lane(name) % NAME_BUCKETS];
    while (*at && strcmp((*at)->name, name) != 0)
        at = &(*at)->next_of_name;
    return at;
}

static void intake_release(struct intake *in) {
    struct intake **slot = name_slot(in->engine, in->name);
    if (*slot == in)
        *slot = in->next_of_name;
    in->engine->intake_bytes -= in->text.length;
    buf_release(&in->text);
    criteria_free(in->criteria);
    cJSON_Delete(in->members);
    free(in->why);
    free(in);
}

bool intake_full(const struct engine *engine) {
    return engine->intakes.count >= INTAKE_MOST / 2 || engine->intake_bytes >= INTAKE_MOST_BYTES / 2;
}

bool intake_busy(const struct engine *engine) {
    return engine->accepting_count || engine->intakes.count || !engine->scanned;
}

static void edited_refused(struct intake *in, enum place to, const char *event, const char *reason, const char *error);

/* What an earlier job means for this one; false: it was moved on, and is released. */
static bool compare_with_earlier(struct intake *in) {
    if (!in->criteria || in->same_search)
        return true;
    in->cached = intake_cached(in, in->duplicate_of);
    bool twice = in->cached || intake_duplicate(in, in->duplicate_of);
    if (in->cached)
        cJSON_AddStringToObject(in->members, "reason", "cached");
    if (twice && intake_complete_at_once(in)) {
        cJSON_AddStringToObject(in->members, "reuses", in->duplicate_of);
        cJSON_DeleteItemFromObjectCaseSensitive(in->members, "estimate");
    }
    if (!twice || intake_complete_at_once(in))
        return true;
    char error[300];
    str_format(error, sizeof error, "job %s has the same source and criteria; on_duplicate is \"reject\" within its duplicate_window", in->duplicate_of);
    if (!in->again) {
        intake_refuse(in, "duplicate", error);
        return true;
    }
    edited_refused(in, PLACE_FAILED, "failed", "duplicate", error); /* it has a journal: moved under its lock */
    intake_release(in);
    return false;
}

static void accept_run(struct work **items, size_t count) {
    struct drop drops[ACCEPTING_MOST];
    struct engine *engine = HEAP_ENTRY(items[0], struct intake, work)->engine;
    for (size_t i = 0; i < count; i++)
        drops[i] = HEAP_ENTRY(items[i], struct intake, work)->drop;
    drop_accept(engine->spool, drops, count, &engine->intake->spare, engine->intake->beside);
    for (size_t i = 0; i < count; i++)
        HEAP_ENTRY(items[i], struct intake, work)->drop = drops[i];
}

static void spare_run(struct work **items, size_t count) {
    struct intakes *intakes = HEAP_ENTRY(items[0], struct intakes, make);
    (void)count;
    journal_spare(intakes->spool, &intakes->spare);
}

static void spare_done(struct work *work) {
    HEAP_ENTRY(work, struct intakes, make)->making = false;
}

static const struct work_class spare_class = {.name = "spare", .run = spare_run, .done = spare_done, .max = 1};

static void spare_make(struct engine *engine) {
    if (engine->intake->making || engine->accepting_count || engine->stopping)
        return;
    engine->intake->making = true;
    worker_submit(engine->worker, &engine->intake->make, &spare_class, ACCEPT_LANE);
}

static void intake_pump(struct engine *engine);

static void moved(struct engine *engine, struct shift *shift) {
    (void)shift;
    sched_deferred(engine);
    sched_kick(engine);
}

static void accepted(struct intake *in) {
    struct engine *engine = in->engine;
    const struct criteria *c = in->criteria;
    log_info("job %s: %s (%s, %s)", in->drop.job_id, in->again ? "accepted afresh, its file was edited" : "accepted", c->errand ? c->mode : c->source,
             priority_name(c->priority));
    if (!in->drop.fresh_id)
        for (enum place p = PLACE_PENDING; p < PLACE_COUNT; p++)
            spool_why_remove(engine->spool, p, in->drop.job_id);
    if (intake_complete_at_once(in)) {
        struct job_row row;
        job_row_init(&row, in->drop.job_id);
        row.automatic = c->automatic;
        str_copy(row.source, sizeof row.source, c->source);
        intake_created_by(in, c, row.created_by, sizeof row.created_by);
        shift_reuse(engine, &row, in->cached ? "cached" : "reuse", in->duplicate_of, moved);
    } else if (c->not_before_us > clock_wall_us()) {
        char until[CLOCK_RFC3339_SIZE];
        cJSON *m = engine_members();
        clock_format_rfc3339(c->not_before_us, 0, until);
        cJSON_AddStringToObject(m, "until", until);
        cJSON_AddStringToObject(m, "reason", "not_before");
        char *why = engine_why(engine, in->drop.job_id, PLACE_DEFERRED, "not_before", "", c->not_before_us);
        shift_start(engine, NULL, in->drop.job_id, PLACE_PENDING, PLACE_DEFERRED, "deferred", m, why, c->not_before_us, moved);
    } else
        sched_kick(engine);
}

static void accept_done(struct work *work) {
    struct intake *in = HEAP_ENTRY(work, struct intake, work);
    struct engine *engine = in->engine;
    for (struct intake **at = &engine->accepting; *at; at = &(*at)->next_accepting) {
        if (*at == in) {
            *at = in->next_accepting;
            break;
        }
    }
    engine->accepting_count--;
    if (in->drop.rc == RC_OK) {
        engine_follow(engine, in->drop.job_id, NULL);
        if (in->drop.to == PLACE_PENDING && !engine->stopping)
            accepted(in);
        if (in->drop.claim) {
            if (in->drop.claim_rc == RC_OK)
                log_info("job %s: pending/ -> processing/ (claimed)", in->id);
            else
                scan_look(engine, in->id, false, 0);
            sched_claimed(engine, in->id, in->drop.claim_rc);
        }
    } else {
        if (in->drop.claim)
            run_unclaimed(engine, in->id, false);
        if (in->drop.rc != RC_GONE)
            log_warn("%s: %s; it stays in jobs/pending/ and is tried again", in->name, in->drop.err.text);
        scan_soon(engine);
    }
    intake_release(in);
    intake_pump(engine);
    spare_make(engine);
    engine_settle_stop(engine);
}

static const struct work_class accept_class = {.name = "accept", .run = accept_run, .done = accept_done, .max = ACCEPTING_MOST};

/* A job that has nothing to wait for is claimed by the same work that accepts it. */
static bool alone(const struct intake *in) {
    const struct engine *engine = in->engine;
    return in->criteria && !in->criteria->errand && !in->refused && !in->again && in->drop.fresh_id && !in->duplicate_of[0] &&
           in->criteria->not_before_us <= clock_wall_us() && !engine->accepting_count && !engine->intakes.count && engine->scanned;
}

static void intake_pump(struct engine *engine) {
    while (!engine->stopping && engine->accepting_count < ACCEPTING_MOST && heap_top(&engine->intakes)) {
        struct intake *in = HEAP_ENTRY(heap_pop(&engine->intakes), struct intake, node);
        if (!compare_with_earlier(in))
            continue;
        in->drop.name = in->name;
        in->drop.st = &in->st;
        in->drop.members = in->members;
        in->drop.why = in->why;
        str_copy(in->id, sizeof in->id, in->drop.job_id);
        in->drop.claim = alone(in) && sched_idle(engine, in->source);
        if (in->drop.claim)
            run_claiming(engine, in->id);
        in->next_accepting = engine->accepting;
        engine->accepting = in;
        engine->accepting_count++;
        worker_submit(engine->worker, &in->work, &accept_class, ACCEPT_LANE);
    }
}

/* The one that waits longest from now: a leaf of the heap, so in its second half. */
static struct intake *intake_last(struct engine *engine) {
    struct heap *h = &engine->intakes;
    struct heap_node *last = h->nodes[h->count - 1];
    for (size_t i = h->count / 2; i < h->count; i++)
        if (intake_before(last, h->nodes[i]))
            last = h->nodes[i];
    return HEAP_ENTRY(last, struct intake, node);
}

static bool queue_full(const struct engine *engine) {
    return engine->intakes.count >= INTAKE_MOST || (engine->intake_bytes >= INTAKE_MOST_BYTES && engine->intakes.count);
}

/* Of a flood most would find no room: that is seen without a closer look. */
static bool hopeless(struct engine *engine, const struct buf *text) {
    const char *bytes = buf_text(text);
    return queue_full(engine) && intake_last(engine)->priority >= PRIORITY_NORMAL && !memmem(bytes, text->length, "urgent", 6) &&
           !memmem(bytes, text->length, "high", 4);
}

/* There is room for it, if need be in the place of one that comes later: an urgent job is not behind a flood. */
static bool intake_room(struct intake *in) {
    struct engine *engine = in->engine;
    if (!queue_full(engine))
        return true;
    struct intake *last = intake_last(engine);
    scan_soon(engine); /* what is left in pending/ comes back by the rescan */
    if (!intake_before(&in->node, &last->node))
        return false;
    heap_remove(&engine->intakes, &last->node);
    intake_release(last);
    return true;
}

static void intake_queue(struct intake *in) {
    struct engine *engine = in->engine;
    in->order = ++engine->intake->order;
    if (!intake_room(in) || !heap_push(&engine->intakes, &in->node)) {
        intake_release(in);
        return;
    }
    struct intake **slot = name_slot(engine, in->name);
    in->next_of_name = *slot;
    *slot = in;
    intake_pump(engine);
}

void intake_strange(struct engine *engine, enum place place, const char *name, const char *text) {
    uint32_t hash = engine_lane(name) | 1u, *slot = &engine->intake->strange[hash % STRANGE_SLOTS];
    if (*slot == hash)
        return;
    *slot = hash;
    log_warn("jobs/%s/%s: %s; left alone", place_name(place), name, text);
}

static struct intake *intake_new(struct engine *engine, const char *name) {
    struct intake *in = engine_alloc(sizeof *in);
    in->engine = engine;
    in->priority = PRIORITY_NORMAL;
    buf_init(&in->text, LIMIT_JOB_FILE_BYTES);
    if (!str_copy(in->name, sizeof in->name, name)) {
        free(in);
        return NULL;
    }
    in->drop.fresh_id = !jobid_from_file(name, in->drop.job_id);
    return in;
}

/* A file under its new name whose acceptance is still on a lane. */
static bool accepting(const struct engine *engine, const char *id) {
    for (const struct intake *a = engine->accepting; a; a = a->next_accepting)
        if (strcmp(a->id, id) == 0)
            return true;
    return false;
}

void intake_file(struct engine *engine, const char *name, bool closed) {
    struct err err = {0};
    if (engine->stopping || *name_slot(engine, name))
        return;
    struct intake *in = intake_new(engine, name);
    if (!in)
        return;
    if (!in->drop.fresh_id && accepting(engine, in->drop.job_id)) {
        intake_release(in);
        return;
    }
    if (in->drop.fresh_id) {
        char slug[JOBID_SLUG_SIZE];
        jobid_slug(name, slug);
        if (jobid_new(clock_wall_us(), slug, in->drop.job_id, &err)) {
            log_error("%s", err.text);
            intake_release(in);
            return;
        }
    }
    enum rc rc = drop_read(engine->spool, name, closed, &in->text, &in->st, &err);
    engine->intake_bytes += in->text.length;
    if ((rc != RC_OK && rc != RC_CORRUPT) || hopeless(engine, &in->text)) {
        if (rc == RC_PERM)
            intake_strange(engine, PLACE_PENDING, name, err.text);
        else if (rc != RC_GONE)
            scan_soon(engine);
        intake_release(in);
        return;
    }
    intake_check(in, rc, &err);
    intake_queue(in);
}

/* --- edited files ------------------------------------------------------------------------------------------------ */

static void edited_refused(struct intake *in, enum place to, const char *event, const char *reason, const char *error) {
    cJSON *m = engine_members();
    cJSON_AddStringToObject(m, "reason", reason);
    cJSON_AddStringToObject(m, "error", error);
    char *why = engine_why(in->engine, in->drop.job_id, to, reason, error, 0);
    shift_start(in->engine, NULL, in->drop.job_id, PLACE_PENDING, to, event, m, why, 0, moved);
}

void intake_edited(struct engine *engine, const char *job_id) {
    char name[JOBID_SIZE + 5], sum[DIGEST_HEX_SIZE];
    struct err err = {0};
    struct job_row row;
    str_format(name, sizeof name, "%s.json", job_id);
    if (engine->stopping || *name_slot(engine, name) || index_job(engine->index, job_id, &row, NULL) || row.place != PLACE_PENDING)
        return;
    struct intake *in = intake_new(engine, name);
    enum rc rc = drop_read(engine->spool, name, true, &in->text, &in->st, &err);
    engine->intake_bytes += in->text.length;
    if (!rc)
        digest_of_hex(buf_text(&in->text), in->text.length, sum);
    if (rc == RC_GONE || rc == RC_AGAIN || (!rc && strcmp(sum, row.text_sha256) == 0)) {
        intake_release(in);
        sched_kick(engine);
        return;
    }
    in->again = true;
    intake_check(in, rc, &err);
    if (!in->criteria)
        edited_refused(in, PLACE_FAILED, "failed", in->reason, cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(in->members, "error")));
    else if (intake_may_go_on(in, &row, &err))
        edited_refused(in, PLACE_HOLD, "held", "edited", err.text);
    else {
        in->same_search = row.requested || (strcmp(in->hash, row.criteria_hash) == 0 && strcmp(in->source, row.source) == 0);
        intake_queue(in);
        return;
    }
    intake_release(in);
}

void intake_free(struct engine *engine) {
    struct heap_node *node;
    if (!engine->intakes.before)
        return;
    while ((node = heap_pop(&engine->intakes)))
        intake_release(HEAP_ENTRY(node, struct intake, node));
    heap_release(&engine->intakes);
    if (engine->intake->spare >= 0)
        close(engine->intake->spare);
    beside_free(engine->intake->beside);
    free(engine->intake);
}

void intake_start(struct engine *engine) {
    struct err err = {0};
    engine->intake = engine_alloc(sizeof *engine->intake);
    engine->intake->spool = engine->spool;
    engine->intake->spare = -1;
    if (beside_new(&engine->intake->beside, &err))
        log_warn("acceptance: %s; it waits for one sync after the other", err.text);
    heap_init(&engine->intakes, intake_before);
}
