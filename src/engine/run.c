// SPDX-License-Identifier: Apache-2.0
#include "engine/engine_internal.h"

#include "base/clock.h"
#include "base/log.h"
#include "engine/errand.h"
#include "net/retry.h"
#include "os/fsio.h"
#include "source/split.h"

#include <stdlib.h>
#include <string.h>

/* One claimed job: journal read -> (preview, guards) -> pages -> coverage -> (loads) -> out of processing/. */

#define KEEPING_MOST 4u /* for each request in flight so many answers may be on their way to the disk */

static struct run **bucket(struct engine *engine, const char *job_id) {
    return &engine->runs[engine_bucket(job_id)];
}

static struct run *run_new(struct engine *engine, const char *job_id) {
    struct run *run = engine_alloc(sizeof *run);
    struct run **at = bucket(engine, job_id);
    run->engine = engine;
    str_copy(run->id, sizeof run->id, job_id);
    run->phase = RUN_CLAIMING;
    run->total = JOB_UNKNOWN;
    buf_init(&run->bookmark, BOOKMARK_BYTES);
    run->next_by_id = *at;
    *at = run;
    engine->run_count++;
    engine->claiming_count++;
    return run;
}

/* Whether its file is there: what a hand did to it while a lane had the job was not looked at. */
bool run_lies_in(const struct run *run, enum place place) {
    char name[JOBID_SIZE + 5];
    struct stat st;
    str_format(name, sizeof name, "%s.json", run->id);
    return fsio_stat(run->engine->spool->place_fd[place], name, &st, NULL) != RC_GONE;
}

static void run_free(struct run *run) {
    struct engine *engine = run->engine;
    struct run **at = bucket(engine, run->id);
    if (run->leaving && run_lies_in(run, PLACE_PROCESSING)) /* it was put back meanwhile */
        scan_look(engine, run->id, false, DISK_RETRY_MS);
    while (*at != run)
        at = &(*at)->next_by_id;
    *at = run->next_by_id;
    engine->run_count--;
    if (run->feed)
        feed_remove(run->feed, run);
    else if (run->errand)
        errands_leave(run);
    else
        engine->claiming_count--;
    loop_timer_cancel(engine->loop, &run->timer);
    while (run->due)
        run_due_remove(run, run->due);
    group_release(run);
    if (run->replay)
        replay_free(run->replay);
    paginator_free(run->paginator);
    units_free(run->units);
    probe_free(run->probe);
    keyset_free(run->keys);
    delta_release(run);
    criteria_free(run->criteria);
    buf_release(&run->bookmark);
    free(run->start);
    cJSON_Delete(run->told);
    free(run->results);
    journal_close(run->journal);
    free(run);
    sched_kick(engine);
    engine_settle_stop(engine);
}

void run_timer(struct loop_timer *timer) {
    struct run *run = HEAP_ENTRY(timer, struct run, timer);
    if (run->leaving && !run->attempt_count && !run->busy) {
        run_free(run);
        return;
    }
    run_step(run);
    if (run->feed)
        feed_pump(run->feed);
}

void run_wake_at(struct run *run, int64_t wall_us) {
    int64_t ms = (wall_us - clock_wall_us() + 999) / 1000;
    loop_timer_start(run->engine->loop, &run->timer, clock_mono_ms() + (ms < 0 ? 0 : ms), run_timer);
}

/* --- pages that are due --------------------------------------------------------------------------------------------- */

void run_due_link(struct run *run, struct due_page *due) {
    struct due_page **at = &run->due;
    while (*at && (*at)->page.batch < due->page.batch)
        at = &(*at)->next;
    due->next = *at;
    *at = due;
}

void run_due_unlink(struct run *run, struct due_page *due) {
    struct due_page **at = &run->due;
    while (*at != due)
        at = &(*at)->next;
    *at = due->next;
}

struct due_page *run_due_add(struct run *run, const struct page *page, unsigned attempts, enum due_state state) {
    struct due_page *due = engine_alloc(sizeof *due);
    due->page = *page;
    due->attempts = attempts;
    due->state = state;
    run_due_link(run, due);
    return due;
}

struct due_page *run_due(struct run *run, const struct page *page, unsigned attempts) {
    for (struct due_page *d = run->due; d; d = d->next)
        if (d->page.batch == page->batch)
            return d;
    return run_due_add(run, page, attempts, DUE_SEND);
}

void run_due_remove(struct run *run, struct due_page *due) {
    run_due_unlink(run, due);
    free(due);
}

/* How many requests of one job may be in flight: what is paid has its own limit, the rest as many as the source takes now; less when the job says so, in a
 * member that its source declares. */
static unsigned run_width(const struct run *run) {
    unsigned width = run->source->metered ? run->source->max_in_flight : governor_concurrency(run->feed->governor);
    const cJSON *own = cJSON_GetObjectItemCaseSensitive(run->criteria->json, "concurrency");
    if (cJSON_IsNumber(own) && own->valuedouble >= 1 && own->valuedouble < width)
        width = (unsigned)own->valuedouble;
    return width ? width : 1;
}

bool run_wants(const struct run *run) {
    return (run->phase == RUN_PREVIEW || run->phase == RUN_PAGES) && run->end == PLACE_NONE && !run->leaving && !run->busy;
}

/* The page to send now, or the one that waits least (of those whose next step a program does only when there is no other); asks the paginator when too few are
 * waiting. Units whose group waits are put aside. NULL: none. */
struct due_page *run_due_next(struct run *run, int64_t now_us) {
    run->looked_ahead = 0;
    for (;;) {
        struct due_page *best = NULL, *helped = NULL;
        unsigned waiting = 0;
        for (struct due_page *d = run->due, *next; d; d = next) {
            next = d->next;
            if (d->state != DUE_SEND || group_stops(run, d, now_us))
                continue;
            waiting++;
            if (unit_by_helper(run, d)) {
                if (!helped || d->not_before_us < helped->not_before_us)
                    helped = d;
                continue;
            }
            if (d->not_before_us <= now_us)
                return d;
            if (!best || d->not_before_us < best->not_before_us)
                best = d;
        }
        struct due_page *grouped = group_next(run, now_us);
        if (grouped)
            return grouped;
        struct page page;
        if (group_looks(run) || waiting >= run_width(run) || paginator_next(run->paginator, &page))
            return best ? best : helped;
        unit_enter(run, run_due_add(run, &page, 0, DUE_SEND), 0);
    }
}

bool run_offer(struct run *run) {
    int64_t now = clock_wall_us();
    if (run->leaving || run->busy || run->end != PLACE_NONE)
        return false;
    if (run->phase == RUN_PREVIEW) {
        if (run->attempt_count || run->preview_due_us > now)
            return false;
        attempt_preview(run);
        return true;
    }
    if (run->phase != RUN_PAGES || run->sending >= run_width(run) || run->attempt_count >= run_width(run) * KEEPING_MOST)
        return false;
    struct due_page *due = run_due_next(run, now);
    if (due && !run->units)
        guard_trim(run, &due->page);
    if (!due || unit_by_helper(run, due) || due->not_before_us > now || (run->source->metered && !guard_may_buy(run, due->page.limit)) ||
        !guard_disk_room(run)) {
        if (run->end != PLACE_NONE)
            run_wake_at(run, 0);
        else
            group_wake(run, now);
        return false;
    }
    attempt_page(run, due);
    return true;
}

/* --- ending --------------------------------------------------------------------------------------------------------- */

uint64_t run_unique(const struct run *run) {
    uint64_t bought = run->source && run->source->key_count ? (run->keys ? keyset_count(run->keys) : 0) : run->unkeyed;
    return bought + (run->delta ? run->delta->owned : 0);
}

static void add_coverage(const struct run *run, cJSON *m) {
    uint64_t unique = run_unique(run), expected = guard_planned(run);
    if (run->units) {
        cJSON_AddNumberToObject(m, run->end == PLACE_FAILED ? "expected" : "total", (double)expected);
        cJSON_AddNumberToObject(m, "missing", (double)run->units_failed);
    } else if (expected != JOB_UNKNOWN) {
        cJSON_AddNumberToObject(m, run->end == PLACE_FAILED ? "expected" : "total", (double)expected);
        cJSON_AddNumberToObject(m, "missing", expected > unique ? (double)(expected - unique) : 0);
    }
    cJSON_AddNumberToObject(m, "unique", (double)unique);
    cJSON_AddNumberToObject(m, "duplicates", (double)run->duplicates);
}

static void ended(struct engine *engine, struct shift *shift) {
    struct run *run = shift->run;
    bool edited = shift->move.to == PLACE_PENDING;
    if (!shift->rc && !run_lies_in(run, shift->move.to))
        scan_look(engine, run->id, false, 0);
    run->busy = false;
    run->leaving = true;
    run_wake_at(run, 0);
    if (edited)
        intake_edited(engine, shift->id);
    sched_deferred(engine);
}

/* `take` left records behind that the next job is to find. */
static bool taken_in_part(const struct run *run) {
    uint64_t take = run->criteria->take;
    return take != JOB_UNKNOWN && (run->total == JOB_UNKNOWN ? run->records >= take : run->total > take);
}

void run_finish(struct run *run) {
    static const char *const events[PLACE_COUNT] = {
        [PLACE_PENDING] = "requeued", [PLACE_PROCESSED] = "completed", [PLACE_DEFERRED] = "deferred", [PLACE_HOLD] = "held", [PLACE_FAILED] = "failed",
    };
    cJSON *m = engine_members();
    char *why = NULL;
    if (run->end_reason[0])
        cJSON_AddStringToObject(m, "reason", run->end_reason);
    if (run->end_error[0])
        cJSON_AddStringToObject(m, "error", run->end_error);
    if (run->end == PLACE_DEFERRED) {
        char until[CLOCK_RFC3339_SIZE];
        clock_format_rfc3339(run->end_until_us, 0, until);
        cJSON_AddStringToObject(m, "until", until);
    }
    bool ran = run->source && strcmp(run->row.mode, "run") == 0;
    if (run->end == PLACE_PROCESSED)
        for (cJSON *item; (item = run->told ? run->told->child : NULL);)
            cJSON_AddItemToObject(m, item->string, cJSON_DetachItemViaPointer(run->told, item));
    if (run->reuses[0])
        cJSON_AddStringToObject(m, "reuses", run->reuses);
    else if (ran && (run->end == PLACE_PROCESSED || strcmp(run->end_reason, "coverage") == 0))
        add_coverage(run, m);
    if (run->end != PLACE_PROCESSED && run->end != PLACE_PENDING)
        why = engine_why(run->engine, run->id, run->end, run->end_reason, run->end_error, run->end == PLACE_DEFERRED ? run->end_until_us : 0);
    run->phase = RUN_ENDING;
    run->busy = true;
    if (ran && run->end == PLACE_PROCESSED && run->row.automatic && run->source->results)
        run->results = errand_automatic(run->id, run->row.created_by, run->source->results);
    if (ran && run->end == PLACE_PROCESSED && run->bookmark.length && !taken_in_part(run)) {
        cJSON_AddStringToObject(m, "bookmark", buf_text(&run->bookmark));
        shift_complete(run->engine, run, m, buf_text(&run->bookmark), ended);
        return;
    }
    shift_start(run->engine, run, run->id, PLACE_PROCESSING, run->end, events[run->end], m, why, run->end == PLACE_DEFERRED ? run->end_until_us : 0, ended);
}

void run_end(struct run *run, enum place place, const char *reason, const char *error) {
    if (run->end != PLACE_NONE)
        return; /* the first reason is the one to tell */
    run->end = place;
    str_copy(run->end_reason, sizeof run->end_reason, reason);
    str_format(run->end_error, sizeof run->end_error, "%.590s", error);
}

void run_end_now(struct run *run, enum place place, const char *reason, const char *error) {
    run_end(run, place, reason, error);
    run_finish(run);
}

static bool covered(const struct run *run) {
    uint64_t expected = guard_planned(run), tolerance = run->source->coverage_tolerance;
    uint64_t unique = run_unique(run);
    if (run->accept_coverage)
        return true;
    if (run->units) /* each has an outcome */
        return run->units_in > 0;
    if (expected == JOB_UNKNOWN)
        return paginator_ended(run->paginator) && run->duplicates + run->keyless <= tolerance;
    if (unique > expected && expected == run->criteria->take && !paginator_trims(run->source))
        return true; /* its last page could not be asked for in part */
    return expected > unique ? expected - unique <= tolerance : unique - expected <= tolerance;
}

static void conclude(struct run *run) {
    if (!covered(run)) {
        char text[500];
        uint64_t unique = run_unique(run), expected = guard_planned(run);
        const char *fault = paginator_fault(run->paginator), *colon = fault ? ": " : "";
        fault = fault ? fault : "";
        if (run->units)
            str_format(text, sizeof text, "none of %llu units succeeded; the last: %s", (unsigned long long)run->units->count, run->unit_error);
        else if (expected == JOB_UNKNOWN)
            str_format(text, sizeof text, "%llu records, %llu of them came twice, %llu without their key%s%.300s", (unsigned long long)unique,
                       (unsigned long long)run->duplicates, (unsigned long long)run->keyless, colon, fault);
        else
            str_format(text, sizeof text, "expected %llu records, captured %llu different ones (%llu came twice, %llu without their key)%s%.300s",
                       (unsigned long long)expected, (unsigned long long)unique, (unsigned long long)run->duplicates, (unsigned long long)run->keyless, colon,
                       fault);
        run_end_now(run, PLACE_FAILED, "coverage", text);
    } else if (run->row.automatic) {
        run->phase = RUN_LOADING;
        loaders_kick(run->engine);
        engine_follow(run->engine, run->id, NULL); /* what loaders wrote while pages were in flight */
        run_loaded(run);
    } else
        run_end_now(run, PLACE_PROCESSED, "", "");
}

void run_loaded(struct run *run) {
    const struct job_row *row = &run->row;
    if (run->busy || run->leaving || run->end != PLACE_NONE || row->loaded_batches + row->failed_batches < row->captured_batches)
        return;
    if (row->failed_batches) {
        char text[200];
        str_format(text, sizeof text, "%llu of %llu payload files could not be loaded; see payloads/failed/", (unsigned long long)row->failed_batches,
                   (unsigned long long)row->captured_batches);
        run_end_now(run, PLACE_FAILED, "load", text);
    } else
        run_end_now(run, PLACE_PROCESSED, "", "");
}

/* Nothing can be sent before this time: wait here, or in deferred/ when it is long, or nobody knows how long. */
static void wait_for(struct run *run, int64_t at_us, const char *reason) {
    char text[300] = "";
    int64_t now = clock_wall_us(), governed = feed_wait_us(run->feed);
    bool away = feed_long_wait(run->feed);
    if (governed > 0 && now + governed + 1000000 > at_us) { /* the page waits for its source, or no longer than that */
        at_us = now + governed > at_us ? now + governed : at_us;
        reason = governor_wait_reason(run->feed->governor);
        limits_why(run->feed, reason, text, sizeof text);
    } else {
        away = false;
        if (strcmp(reason, "throttled") == 0)
            group_why(run, text, sizeof text);
    }
    if (at_us <= now)
        return; /* what keeps it (a page in flight, a cap, another job) pumps the feed when it ends */
    if (at_us - now <= SHORT_WAIT_US && !away) {
        run->waits_until_us = at_us;
        run_wake_at(run, at_us);
        sched_kick(run->engine); /* its place is free */
        return;
    }
    run_end(run, PLACE_DEFERRED, reason, text);
    run->end_until_us = (at_us + 999999) / 1000000 * 1000000; /* whole seconds are told, and none too few */
    run_finish(run);
}

/* Whether there is something to send, or to wait for. */
static bool step_due(struct run *run) {
    const struct throttle_group *group;
    const int64_t now = clock_wall_us();
    struct due_page *due = run_due_next(run, now);
    const int64_t until = group_until(run, now, &group);
    if (group_looks(run) || group_fail(run))
        return true;
    if (due && unit_by_helper(run, due)) { /* it waits for its back-off, or for a place for its program */
        if (until > now && (due->not_before_us <= now || until < due->not_before_us))
            run_wake_at(run, until);
        else if (due->not_before_us > now)
            run_wake_at(run, due->not_before_us);
        return true;
    }
    if (due && (!until || due->not_before_us <= until))
        wait_for(run, due->not_before_us, "backoff");
    else if (until)
        wait_for(run, until, "throttled");
    return due || until;
}

void run_step(struct run *run) {
    if (run->busy || run->phase <= RUN_REPLAY)
        return;
    if (run->leaving) {
        if (!run->attempt_count)
            run_wake_at(run, 0);
        return;
    }
    if (run->attempt_count)
        return;
    if (run->end != PLACE_NONE) {
        run_finish(run);
        return;
    }
    if (run->phase == RUN_ERRAND)
        return;
    if (run->phase == RUN_PREVIEW) {
        wait_for(run, run->preview_due_us, "backoff");
        return;
    }
    if (run->phase == RUN_LOADING) {
        run_loaded(run);
        return;
    }
    if (step_due(run))
        return;
    unsigned unknown = 0;
    for (struct due_page *d = run->due; d; d = d->next)
        unknown += d->state == DUE_UNKNOWN;
    if (unknown) {
        char text[200];
        str_format(text, sizeof text, "pages that were asked for and perhaps charged, of which no whole answer was kept: %u", unknown);
        run_end_now(run, PLACE_HOLD, "charge_unknown", text);
    } else if (guard_reached(run) && !run->accept_coverage) {
        char text[200];
        str_format(text, sizeof text, "the search gave %llu records, max_records is %llu, and the source does not tell how many there are",
                   (unsigned long long)run->records, (unsigned long long)run->criteria->max_records);
        run_end_now(run, PLACE_HOLD, "max_records", text);
    } else
        conclude(run);
}

void run_total(struct run *run, const struct page *page, uint64_t total) {
    if (run->delta || run->units || total == JOB_UNKNOWN || (total == 0 && run->records) || page->batch < run->total_batch || split_is_token(page->token))
        return;
    run->total = total;
    run->total_batch = page->batch;
}

void run_page_in(struct run *run, const struct page *page, const struct page_facts *facts, uint64_t advance) {
    struct page_facts told = *facts;
    told.records = advance;
    run_due_remove(run, run_due(run, page, 0));
    run_total(run, page, facts->count);
    run->records += facts->records;
    paginator_answer(run->paginator, page, &told);
    guard_check(run);
    guard_duplicates(run);
    guard_limit(run, page, advance);
}

int64_t run_backoff_us(const struct run *run, unsigned retries, int64_t retry_after_s) {
    const struct source *s = run->source;
    if (retry_after_s > 0)
        return retry_after_ms(retry_after_s) * 1000;
    for (unsigned i = 0; i < s->backoff_count; i++) {
        const struct source_backoff *b = &s->backoffs[i];
        if (b->type == BACKOFF_EXPONENTIAL)
            return retry_exponential_ms(retries, b->factor_s, b->jitter_s, b->max_s) * 1000;
        if (b->type == BACKOFF_CONSTANT)
            return retry_exponential_ms(1, b->constant_s, b->jitter_s, b->constant_s) * 1000;
    }
    return retry_exponential_ms(retries, 2, 1, 300) * 1000;
}

void run_claiming(struct engine *engine, const char *job_id) {
    run_new(engine, job_id)->busy = true;
}

void run_unclaimed(struct engine *engine, const char *job_id, bool failed) {
    struct run *run = engine_run(engine, job_id);
    if (!run)
        return;
    if (!failed) {
        run_free(run);
        return;
    }
    /* Until the look at it is over it is not claimed again and again. */
    run->busy = false;
    run->leaving = true;
    loop_timer_start(engine->loop, &run->timer, clock_mono_ms() + DISK_RETRY_MS, run_timer);
}

void run_claimed(struct engine *engine, const char *job_id) {
    struct run *run = engine_run(engine, job_id);
    if (!run)
        run = run_new(engine, job_id);
    if (engine->stopping || run->leaving) {
        run_free(run);
        return;
    }
    begin_run(run);
}

void run_leave(struct run *run) {
    if (run->leaving)
        return;
    run->leaving = true;
    if (run->phase == RUN_CLAIMING || run->phase == RUN_ENDING)
        return; /* the move under way ends it */
    attempt_cancel_free(run);
    if (!run->attempt_count && !run->busy)
        run_wake_at(run, 0);
}
