// SPDX-License-Identifier: Apache-2.0
#include "engine/engine_internal.h"

#include "base/clock.h"
#include "base/log.h"
#include "engine/reuse.h"
#include "os/fsio.h"
#include "source/paginator_ids.h"
#include "source/split.h"

#include <stdlib.h>
#include <string.h>

/* A claimed job up to its first page: journal read -> (preview, parts of a split search, guards) -> plan. */

static void page_from(const struct replay_page *from, struct page *page) {
    *page = (struct page){.batch = from->batch, .offset = from->offset, .limit = from->limit};
    if (from->token)
        str_copy(page->token, sizeof page->token, from->token);
}

/* Lay the plan: what the journal says was handed out and answered, then what follows. */
static enum rc plan(struct run *run, struct err *err) {
    const struct replay *r = run->replay;
    uint64_t most = run->criteria->max_records, take = run->criteria->take;
    bool guarded = run->total == JOB_UNKNOWN && most < take && (!run->source->metered || paginator_trims(run->source));
    struct paginator_start start = {.take = guarded ? most : take,
                                    .total = paginator_total_is_records(run->source) ? run->total : JOB_UNKNOWN,
                                    .page_size = run->criteria->batch_size < most ? run->criteria->batch_size : most};
    struct page page = {.batch = 1, .limit = paginator_sends_limit(run->source) ? start.page_size : 0};
    char *first_url = NULL;
    paginator_free(run->paginator);
    run->paginator = NULL;
    if (!run->delta && !run->units && paginator_row(run->source->paginator_type)->links)
        request_first_url(run->source, &page, run->criteria->json, run->start, &first_url, NULL);
    start.first_url = first_url;
    enum rc rc = run->units   ? units_plan(run->units->count, &run->paginator)
                 : run->delta ? paginator_ids_new(run->delta->to_buy, run->delta->size, &run->paginator)
                              : paginator_new(run->source, &start, &run->paginator, err);
    free(first_url);
    if (rc)
        return rc;
    while (run->due)
        run_due_remove(run, run->due);
    group_release(run);
    run->records = run->units_in = run->units_failed = 0;
    page = (struct page){.batch = 0};
    for (size_t i = 0; i < r->asked_count; i++) {
        str_copy(page.token, sizeof page.token, r->asked[i].token);
        paginator_probed(run->paginator, &page, r->asked[i].total);
    }
    paginator_probe(run->paginator, &page); /* when nothing is left to ask, it is planned now */
    for (size_t i = 0; i < r->page_count; i++) {
        page_from(&r->pages[i], &page);
        paginator_restore(run->paginator, &page);
    }
    for (size_t i = 0; i < r->page_count; i++) {
        const struct replay_page *p = &r->pages[i];
        page_from(p, &page);
        if (!p->captured && !p->closed) {
            replay_due(run, p, run_due_add(run, &page, p->attempts, p->unknown ? DUE_UNKNOWN : DUE_SEND));
            if (p->unknown)
                paginator_doubt(run->paginator, &page);
            continue;
        }
        struct page_facts facts = {.records = p->advance, .total = p->total, .more = p->more, .given_up = p->given_up};
        if (p->next)
            str_copy(facts.token, sizeof facts.token, p->next);
        if (p->fault)
            str_copy(facts.fault, sizeof facts.fault, p->fault);
        run->records += p->captured ? p->records : 0;
        run->units_in += run->units && p->captured;
        run->units_failed += run->units && !p->captured;
        paginator_answer(run->paginator, &page, &facts);
        if (p->adopted || (p->captured && p->captured_seq > r->looked_seq)) /* what was not told of before a stop or a crash is told now */
            guard_limit(run, &page, p->advance);
    }
    return RC_OK;
}

static void go(struct run *run) {
    if (run->phase != RUN_PREVIEW) {
        replay_free(run->replay);
        run->replay = NULL;
    }
    run_step(run);
    feed_pump(run->feed);
}

/* The page that a preview asks for: the first one. */
static void first_page(struct run *run) {
    const struct paginator_start start = {.take = run->criteria->take, .total = JOB_UNKNOWN, .page_size = run->criteria->batch_size};
    struct paginator *paginator;
    run->ask = (struct page){.batch = 0};
    if (paginator_new(run->source, &start, &paginator, NULL))
        return;
    paginator_next(paginator, &run->ask);
    paginator_free(paginator);
    run->ask.batch = 0;
    if (!run->source->metered && run->source->split)
        run->ask.limit = 1; /* its records are asked for again */
}

void begin_probed(struct run *run) {
    run->preview_retries = 0;
    run->preview_due_us = 0;
    if (paginator_probe(run->paginator, &run->ask)) {
        run->phase = RUN_PREVIEW;
        return;
    }
    run->phase = RUN_PAGES;
    const char *fault = run->source->split ? paginator_fault(run->paginator) : NULL;
    if (fault && !run->accept_coverage) /* nothing is asked for that cannot be had whole */
        run_end(run, PLACE_HOLD, "depth_limit", fault);
}

static void begin_pages(struct run *run) {
    struct err err = {0};
    enum rc rc = plan(run, &err);
    run->phase = RUN_PAGES;
    if (rc)
        run_end(run, PLACE_FAILED, "paginator", err.text);
}

void begin_answer(struct run *run, cJSON *m) {
    char path[JOBID_SIZE + 32], tmp[JOBID_SIZE + 32];
    struct err err = {0};
    char *text = cJSON_Print(m);
    str_format(path, sizeof path, "%s/preview.json", run->id);
    str_format(tmp, sizeof tmp, "%s/.preview.tmp", run->id);
    enum rc rc = text ? fsio_make_dirs(run->engine->spool->results_fd, run->id, 02770, &err) : err_set(&err, RC_TEMP, "out of memory");
    if (!rc)
        rc = fsio_put_file(run->engine->spool->results_fd, tmp, path, 0660, text, strlen(text), &err);
    cJSON_free(text);
    cJSON_Delete(m);
    run->end = PLACE_NONE;
    if (rc)
        run_end(run, PLACE_FAILED, "disk", err.text);
    else
        run_end(run, PLACE_PROCESSED, run->row.mode, "");
}

static void write_preview(struct run *run) {
    struct estimate estimate;
    char cost[DEC_TEXT_SIZE];
    cJSON *m = engine_members();
    cJSON_AddStringToObject(m, "job_id", run->id);
    cJSON_AddStringToObject(m, "source", run->source->name);
    cJSON_AddBoolToObject(m, "metered", run->source->metered);
    if (run->total == JOB_UNKNOWN)
        cJSON_AddNullToObject(m, "total");
    else
        cJSON_AddNumberToObject(m, "total", (double)run->total);
    uint64_t plan_count = guard_planned(run), buy_count = guard_bought(run);
    if (plan_count != JOB_UNKNOWN)
        cJSON_AddNumberToObject(m, "planned", (double)plan_count);
    if (run->delta) {
        cJSON_AddNumberToObject(m, "owned", (double)run->delta->owned);
        cJSON_AddNumberToObject(m, "to_buy", (double)run->delta->to_buy);
    }
    if (run->delta && run->price_known) {
        dec_format(dec_times(run->price, run->delta->owned), cost);
        cJSON_AddStringToObject(m, "saving", cost);
    }
    run->feed->looked[run->criteria->priority].at_us = 0; /* somebody waits for what is true now */
    feed_estimate(run->engine, run->source, run->criteria, run->delta ? buy_count : run->total, run->id, &estimate);
    if (plan_count != JOB_UNKNOWN && run->source->metered && run->price_known) {
        estimate.guess.cost = dec_times(run->price, buy_count); /* as the guards count it */
        estimate.guess.priced = true;
    }
    estimate_add(&estimate, run->source, true, m);
    cJSON *guards = cJSON_AddArrayToObject(m, "guards");
    if (run->end == PLACE_HOLD) {
        cJSON *guard = cJSON_CreateObject();
        cJSON_AddStringToObject(guard, "reason", run->end_reason);
        cJSON_AddStringToObject(guard, "error", run->end_error);
        cJSON_AddItemToArray(guards, guard);
    }
    begin_answer(run, m);
}

/* --- mode probe ----------------------------------------------------------------------------------------------------- */

static void probe_on(struct run *run) {
    run->preview_retries = 0;
    run->preview_due_us = 0;
    if (probe_next(run->probe, &run->ask))
        run->phase = RUN_PREVIEW;
    else
        begin_answer(run, probe_result(run->probe));
}

void begin_taught(struct run *run, const struct page *page, const struct answer *answer, const struct verdict *verdict) {
    probe_answer(run->probe, page, answer, verdict);
    probe_on(run);
}

/* Nobody waits for suggestions that long. */
#define SUGGEST_MOST_US 30000000

static void begin_probe(struct run *run) {
    run->phase = RUN_PAGES;
    if (run->source->list_count && !run->criteria->suggest) {
        unit_probe_run(run);
        return;
    }
    if (run->criteria->suggest && clock_wall_us() - run->row.created_us > SUGGEST_MOST_US)
        run_end(run, PLACE_FAILED, "late", "nobody waits for these suggestions any more");
    else if (run->criteria->suggest) {
        run->ask = (struct page){.batch = 0};
        run->phase = RUN_PREVIEW;
    } else if (probe_new(run->source, run->criteria->json, &run->probe))
        run_end(run, PLACE_FAILED, "probe", "the source's definition has no first page to ask for");
    else
        probe_on(run);
    run_step(run);
    feed_pump(run->feed);
}

/* --- mode preview and run ------------------------------------------------------------------------------------------- */

void begin_previewed(struct run *run) {
    if (run->listing) {
        delta_go_on(run);
        return;
    }
    guard_check(run);
    if (strcmp(run->row.mode, "preview") == 0)
        write_preview(run);
    else {
        begin_pages(run);
        if (run->end == PLACE_NONE)
            begin_probed(run);
    }
}

void begin_listed(struct run *run) {
    guard_check(run);
    if (strcmp(run->row.mode, "preview") == 0)
        write_preview(run);
    else if (run->end == PLACE_NONE) {
        begin_pages(run);
        if (run->end == PLACE_NONE)
            begin_probed(run);
    }
    go(run);
}

static void again_later(struct run *run, const struct err *err);

static bool replay_over(struct replay *r) {
    struct run *run = r->run;
    run->busy = false;
    if (!run->leaving && !run_lies_in(run, PLACE_PROCESSING)) {
        run->leaving = true;
        scan_look(run->engine, run->id, false, 0);
    }
    if (run->leaving || run->engine->stopping) {
        run->leaving = true;
        run_wake_at(run, 0);
        return true;
    }
    if (r->rc == RC_TEMP || r->rc == RC_NOSPACE) {
        again_later(run, &r->err);
        return true;
    }
    if (r->rc) {
        run->row = r->row;
        run_end_now(run, PLACE_HOLD, r->reason ? r->reason : "damaged", r->err.text);
        return true;
    }
    return false;
}

/* The total that the captured pages name. */
static void totals(struct run *run, const struct replay *r) {
    struct page page;
    run->total = JOB_UNKNOWN;
    run->total_batch = 0;
    run->records = 0;
    for (size_t i = 0; i < r->page_count; i++) {
        page_from(&r->pages[i], &page);
        if (!r->pages[i].captured)
            continue;
        run_total(run, &page, r->pages[i].count);
        run->records += r->pages[i].records;
    }
    if (run->delta)
        run->total = run->delta->total;
    if (run->units)
        run->total = run->units->count;
}

static void mended(struct replay *r) {
    struct run *run = r->run;
    engine_follow(run->engine, run->id, NULL);
    if (replay_over(r))
        return;
    run->keys = r->keys;
    r->keys = NULL;
    free(run->start);
    run->start = r->start;
    r->start = NULL;
    replay_bookmark(&run->bookmark, (struct slice){buf_text(&r->bookmark), r->bookmark.length});
    run->duplicates = r->duplicates;
    run->keyless = r->keyless;
    run->unkeyed = r->unkeyed;
    run->accept_duplicates = r->accept_duplicates;
    run->accept_coverage = r->accept_coverage;
    totals(run, r);
    if (r->groups_anew)
        group_anew(run);
    else if (r->groups && r->groups_us < run->feed->began_us)
        throttle_adopt(run->feed->throttle, r->groups, clock_wall_us());
    run->price = run->source->cost_per_record;
    run->price_known = run->source->has_cost_per_record;
    if (strcmp(run->row.mode, "probe") == 0) {
        begin_probe(run);
        return;
    }
    if (delta_wanted(run, r)) {
        delta_list(run);
        go(run);
        return;
    }
    bool preview_only = strcmp(run->row.mode, "preview") == 0;
    if (!preview_only)
        begin_pages(run); /* as far as is known: a job that has all its pages needs no preview */
    bool ask = !run->units && run->end == PLACE_NONE && run->source->split && run->total == JOB_UNKNOWN;
    struct page part;
    bool probe = run->end == PLACE_NONE && !preview_only && paginator_probe(run->paginator, &part);
    bool more = preview_only || (run->end == PLACE_NONE && (ask || probe || run_due_next(run, INT64_MAX)));
    if (more && !preview_only) { /* what held it holds still */
        guard_duplicates(run);
        if (!run->source->metered || !run->source->preview || run->delta)
            guard_check(run);
        more = run->end == PLACE_NONE;
    }
    if (more && preview_only && (run->units || (run->source->metered && !run->source->preview)))
        write_preview(run);
    else if (more && (preview_only || ask || (run->source->metered && run->source->preview && !run->delta))) {
        first_page(run);
        run->phase = RUN_PREVIEW;
    }
    if (run->phase == RUN_REPLAY && more && !preview_only)
        begin_probed(run);
    if (run->phase == RUN_REPLAY)
        run->phase = RUN_PAGES;
    go(run);
}

/* While it waited, the same job completed: that one answers it, within the source's cache_ttl. */
static bool cached(struct run *run) {
    const struct criteria *c = run->criteria;
    const struct reuse_search search = {.source = c->source, .hash = c->hash, .take = c->take, .automatic = c->automatic, .except_id = run->id};
    if (!run->source->cache_ttl_ms || !c->cache || strcmp(run->row.mode, "run") != 0 || run->row.requested)
        return false;
    return reuse_completed(run->engine->index, &search, clock_wall_us() - run->source->cache_ttl_ms * 1000, run->reuses, NULL) == RC_OK;
}

/* Of pages that are about to be adopted. */
static void compare_bytes(struct run *run, struct replay *r) {
    for (size_t i = 0; i < r->page_count; i++) {
        struct answered *answered = r->pages[i].answered;
        if (answered && !r->pages[i].captured)
            reuse_bytes(run->engine->index, run->source->name, run->id, r->pages[i].batch, answered->sha256, answered->same_as, sizeof answered->same_as, NULL);
    }
}

static void read(struct replay *r) {
    struct run *run = r->run;
    struct engine *engine = run->engine;
    struct err err = {0};
    run->row = r->row;
    if (replay_over(r))
        return;
    struct err strayed = {0};
    if (index_follow(engine->index, engine->spool, run->id, NULL, &strayed) == RC_CORRUPT) {
        run_end(run, PLACE_HOLD, "damaged", "");
        str_format(run->end_error, sizeof run->end_error,
                   "the index remembers more than the journal has: %.400s; when the journal is right, `batchspool reindex`", strayed.text);
        run_finish(run);
        return;
    }
    if (r->row.place != PLACE_PROCESSING) { /* moved meanwhile */
        run->leaving = true;
        run_wake_at(run, 0);
        scan_look(engine, run->id, false, 0);
        return;
    }
    if (r->edited) {
        run_end_now(run, PLACE_PENDING, "edited", "");
        return;
    }
    enum errand_kind kind;
    const bool errand = errand_mode(r->row.mode, &kind);
    enum rc rc = errand ? RC_OK : sources_get(engine->sources, r->row.source, &run->source, &err);
    if (!rc)
        rc = criteria_parse("job", r->text ? r->text : "", r->text_length, run->source, &run->criteria, &err);
    if (rc) {
        const char *reason = run->source || errand ? "invalid" : "source";
        run->source = NULL;
        run_end_now(run, PLACE_HOLD, reason, err.text);
        return;
    }
    if (!errand && run->source->list_count && strcmp(r->row.mode, "probe") != 0)
        rc = units_new(run->source, run->criteria->json, run->criteria->take, &run->units, &err);
    if (rc) {
        run_end_now(run, PLACE_HOLD, "invalid", err.text);
        return;
    }
    if (errand) {
        errands_run(run);
        return;
    }
    run->feed = feed_get(engine, run->source);
    engine->claiming_count--;
    feed_add(run->feed, run);
    if (run->criteria->steer) {
        control_run(run);
        return;
    }
    if (cached(run)) {
        run_end_now(run, PLACE_PROCESSED, "cached", "");
        return;
    }
    compare_bytes(run, r);
    run->busy = true;
    replay_mend(r, mended);
}

static void read_again(struct loop_timer *timer) {
    struct run *run = HEAP_ENTRY(timer, struct run, timer);
    if (run->leaving) {
        run_timer(timer);
        return;
    }
    run->busy = true;
    if (run->feed)
        replay_mend(run->replay, mended);
    else {
        replay_free(run->replay);
        run->replay = replay_read(run, read);
    }
}

static void again_later(struct run *run, const struct err *err) {
    log_warn("job %s: %s; trying again", run->id, err->text);
    loop_timer_start(run->engine->loop, &run->timer, clock_mono_ms() + DISK_RETRY_MS, read_again);
}

void begin_run(struct run *run) {
    run->phase = RUN_REPLAY;
    run->busy = true;
    run->replay = replay_read(run, read);
}
