// SPDX-License-Identifier: Apache-2.0
#include "engine/engine_internal.h"

#include "base/clock.h"
#include "base/log.h"
#include "net/retry.h"
#include "os/fsio.h"
#include "source/split.h"

#include <stdlib.h>
#include <string.h>

/* One claimed job: journal read -> (preview, guards) -> pages -> coverage -> (loads) -> out of processing/. */

#define DISK_MARGIN_BYTES (1024u * 1024u)
#define DISK_MARGIN_INODES 16u
#define DISK_ROOM_WAIT_US 30000000
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
static bool lies_in(const struct run *run, enum place place) {
    char name[JOBID_SIZE + 5];
    struct stat st;
    str_format(name, sizeof name, "%s.json", run->id);
    return fsio_stat(run->engine->spool->place_fd[place], name, &st, NULL) != RC_GONE;
}

static void run_free(struct run *run) {
    struct engine *engine = run->engine;
    struct run **at = bucket(engine, run->id);
    if (run->leaving && lies_in(run, PLACE_PROCESSING)) /* it was put back meanwhile */
        scan_look(engine, run->id, false, DISK_RETRY_MS);
    while (*at != run)
        at = &(*at)->next_by_id;
    *at = run->next_by_id;
    engine->run_count--;
    if (run->feed)
        feed_remove(run->feed, run);
    else
        engine->claiming_count--;
    loop_timer_cancel(engine->loop, &run->timer);
    while (run->due)
        run_due_remove(run, run->due);
    if (run->replay)
        replay_free(run->replay);
    paginator_free(run->paginator);
    keyset_free(run->keys);
    criteria_free(run->criteria);
    buf_release(&run->bookmark);
    free(run->start);
    journal_close(run->journal);
    free(run);
    sched_kick(engine);
    engine_settle_stop(engine);
}

static void run_timer(struct loop_timer *timer) {
    struct run *run = HEAP_ENTRY(timer, struct run, timer);
    if (run->leaving && !run->attempt_count && !run->busy) {
        run_free(run);
        return;
    }
    run_step(run);
    if (run->feed)
        feed_pump(run->feed);
}

static void wake_at(struct run *run, int64_t wall_us) {
    int64_t ms = (wall_us - clock_wall_us() + 999) / 1000;
    loop_timer_start(run->engine->loop, &run->timer, clock_mono_ms() + (ms < 0 ? 0 : ms), run_timer);
}

/* --- pages that are due --------------------------------------------------------------------------------------------- */

static struct due_page *due_add(struct run *run, const struct page *page, unsigned attempts, enum due_state state) {
    struct due_page **at = &run->due;
    while (*at && (*at)->page.batch < page->batch)
        at = &(*at)->next;
    struct due_page *due = engine_alloc(sizeof *due);
    due->page = *page;
    due->attempts = attempts;
    due->state = state;
    due->next = *at;
    *at = due;
    return due;
}

struct due_page *run_due(struct run *run, const struct page *page, unsigned attempts) {
    for (struct due_page *d = run->due; d; d = d->next)
        if (d->page.batch == page->batch)
            return d;
    return due_add(run, page, attempts, DUE_SEND);
}

void run_due_remove(struct run *run, struct due_page *due) {
    for (struct due_page **at = &run->due; *at; at = &(*at)->next) {
        if (*at == due) {
            *at = due->next;
            free(due);
            return;
        }
    }
}

static unsigned run_width(const struct run *run) {
    unsigned width = run->source->metered ? run->source->max_in_flight : run->source->default_concurrency;
    return width ? width : 1;
}

/* The page to send now, or the one that waits least; asks the paginator when too few are waiting. NULL: none. */
static struct due_page *due_next(struct run *run, int64_t now_us) {
    for (;;) {
        struct due_page *best = NULL;
        unsigned waiting = 0;
        for (struct due_page *d = run->due; d; d = d->next) {
            if (d->state != DUE_SEND)
                continue;
            waiting++;
            if (d->not_before_us <= now_us)
                return d;
            if (!best || d->not_before_us < best->not_before_us)
                best = d;
        }
        struct page page;
        if (waiting >= run_width(run) || paginator_next(run->paginator, &page))
            return best;
        due_add(run, &page, 0, DUE_SEND);
    }
}

/* --- guards and caps ------------------------------------------------------------------------------------------------ */

static uint64_t planned(const struct run *run) {
    return run->total == JOB_UNKNOWN ? JOB_UNKNOWN : run->criteria->take < run->total ? run->criteria->take : run->total;
}

/* A source that never names its total: no page goes beyond max_records, and behind it only a person knows whether more was wanted. */
static bool guard_reached(const struct run *run) {
    const struct criteria *c = run->criteria;
    return planned(run) == JOB_UNKNOWN && c->take > c->max_records && run->records >= c->max_records;
}

static void check_duplicates(struct run *run) {
    char text[200];
    if (!run->source->metered || run->duplicates <= run->source->coverage_tolerance || run->accept_duplicates)
        return;
    str_format(text, sizeof text, "%llu records were paid for and came before in this job; is the source's first offset right, or did its data shift?",
               (unsigned long long)run->duplicates);
    run_end(run, PLACE_HOLD, "duplicates", text);
}

static void check_guards(struct run *run) {
    const struct criteria *c = run->criteria;
    char text[300], cost[DEC_TEXT_SIZE], most[DEC_TEXT_SIZE];
    uint64_t plan = planned(run);
    if (plan == JOB_UNKNOWN || run->end != PLACE_NONE)
        return;
    if (plan > c->max_records) {
        str_format(text, sizeof text, "the search gives %llu records, max_records is %llu", (unsigned long long)plan, (unsigned long long)c->max_records);
        run_end(run, PLACE_HOLD, "max_records", text);
        return;
    }
    if (!run->source->metered || !c->has_max_cost)
        return;
    dec_format(c->max_cost, most);
    if (!run->price_known) {
        str_format(text, sizeof text, "max_cost is %s, but neither the preview nor cost_per_record of the source tells a price", most);
        run_end(run, PLACE_HOLD, "price_unknown", text);
        return;
    }
    struct dec price = dec_times(run->price, plan);
    if (dec_compare(price, c->max_cost) > 0) {
        dec_format(price, cost);
        str_format(text, sizeof text, "the search costs %s %s for %llu records, max_cost is %s", cost, run->source->currency, (unsigned long long)plan, most);
        run_end(run, PLACE_HOLD, "max_cost", text);
    }
}

/* A source that sends more than it is asked for may send all of it again for every page: it is not asked once more before somebody looked. Where nothing is
 * paid and the total tells the end, it may. */
static void check_limit(struct run *run, const struct page *page, uint64_t advance) {
    char text[300];
    uint64_t plan = planned(run);
    bool known = plan != JOB_UNKNOWN && paginator_total_is_records(run->source);
    if (!paginator_row(run->source->paginator_type)->by_position || !page->limit || advance <= page->limit)
        return;
    if (known && (!run->source->metered || run->records >= plan))
        return;
    str_format(text, sizeof text,
               "page %u was to have %llu records and has %llu different ones: the source ignores the limit, and perhaps where a page begins; mend its "
               "paginator (single_page?), or release the job to ask for the next page",
               page->batch, (unsigned long long)page->limit, (unsigned long long)advance);
    run_end(run, PLACE_HOLD, "limit_ignored", text);
}

static int64_t next_day_us(int64_t now_us) {
    int64_t day = 86400LL * 1000000;
    return (now_us / day + 1) * day;
}

struct dec run_page_price(const struct run *run, uint64_t limit) {
    const struct source *s = run->source;
    return dec_times(run->price, limit ? limit : s->max_limit ? s->max_limit : s->limit);
}

/* What is spent plus what is in flight at its highest price stays within both caps. */
static bool may_buy(struct run *run, uint64_t limit) {
    const struct source *s = run->source;
    struct dec price = run_page_price(run, limit), spent, in_doubt;
    char text[300], cap[DEC_TEXT_SIZE], is[DEC_TEXT_SIZE], day[CLOCK_RFC3339_SIZE];
    int64_t now = clock_wall_us();
    if ((run->criteria->has_max_cost || s->has_daily_cost_cap) && !run->price_known) {
        str_format(text, sizeof text, "%s, but neither the preview nor cost_per_record of the source tells a price",
                   run->criteria->has_max_cost ? "the job has a max_cost" : "the source has a daily_cost_cap");
        run_end(run, PLACE_HOLD, "price_unknown", text);
        return false;
    }
    if (run->criteria->has_max_cost) {
        struct dec sum = dec_add(dec_add(run->row.cost, run->row.cost_in_doubt), dec_add(run->in_flight_price, price));
        if (dec_compare(sum, run->criteria->max_cost) > 0) {
            if (!run->attempt_count) {
                dec_format(run->criteria->max_cost, cap);
                dec_format(sum, is);
                str_format(text, sizeof text, "with the next page the job would have cost %s %s, max_cost is %s", is, s->currency, cap);
                run_end(run, PLACE_HOLD, "max_cost", text);
            }
            return false;
        }
    }
    if (!s->has_daily_cost_cap)
        return true;
    clock_format_rfc3339(now, 0, day);
    day[10] = '\0';
    if (index_spent(run->engine->index, s->name, day, &spent, &in_doubt, NULL))
        return false;
    struct dec sum = dec_add(dec_add(spent, in_doubt), dec_add(run->feed->in_flight_price, price));
    if (dec_compare(sum, dec_sub(s->daily_cost_cap, s->reserve)) <= 0)
        return true;
    if (!run->attempt_count && dec_compare(run->feed->in_flight_price, dec_zero()) == 0) {
        dec_format(s->daily_cost_cap, cap);
        dec_format(dec_add(spent, in_doubt), is);
        str_format(text, sizeof text, "source %s: %s of the day's %s %s are spent or in doubt", s->name, is, cap, s->currency);
        run_end(run, PLACE_DEFERRED, "daily_cost_cap", text);
        run->end_until_us = next_day_us(now);
    }
    return false;
}

static bool disk_room(struct run *run) {
    uint64_t bytes, inodes, wanted = run->source->max_response_bytes + DISK_MARGIN_BYTES;
    char text[200];
    for (const struct feed *f = run->engine->feeds; f; f = f->next)
        wanted += f->in_flight_bytes;
    if (fsio_room(run->engine->spool->payloads_fd, &bytes, &inodes, NULL) || (bytes >= wanted && inodes >= DISK_MARGIN_INODES))
        return true;
    if (!run->attempt_count) {
        str_format(text, sizeof text, "%llu bytes are free, an answer may need %llu; nothing is asked before there is room", (unsigned long long)bytes,
                   (unsigned long long)wanted);
        run_end(run, PLACE_DEFERRED, "disk_room", text);
        run->end_until_us = clock_wall_us() + DISK_ROOM_WAIT_US;
    }
    return false;
}

/* Of a paid search no more is asked for than it is said to have: the last page is priced, and can be charged, by what is left. */
static void trim(const struct run *run, struct page *page) {
    const struct source *s = run->source;
    if (!s->metered || run->total == JOB_UNKNOWN || !paginator_trims(s) || !paginator_total_is_records(s))
        return;
    uint64_t first = paginator_number(s, "offset", 0), done = run->records;
    if (paginator_row(s->paginator_type)->by_position) {
        if (page->offset < first)
            return;
        done = page->offset - first;
    }
    if (done < run->total && run->total - done < page->limit)
        page->limit = run->total - done;
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
    struct due_page *due = due_next(run, now);
    if (due)
        trim(run, &due->page);
    if (!due || due->not_before_us > now || (run->source->metered && !may_buy(run, due->page.limit)) || !disk_room(run)) {
        if (run->end != PLACE_NONE)
            wake_at(run, 0);
        return false;
    }
    attempt_page(run, due);
    return true;
}

/* --- ending --------------------------------------------------------------------------------------------------------- */

static void add_coverage(const struct run *run, cJSON *m) {
    uint64_t unique = run->source && run->source->key_count ? (run->keys ? keyset_count(run->keys) : 0) : run->unkeyed;
    uint64_t expected = planned(run);
    if (expected != JOB_UNKNOWN) {
        cJSON_AddNumberToObject(m, run->end == PLACE_FAILED ? "expected" : "total", (double)expected);
        cJSON_AddNumberToObject(m, "missing", expected > unique ? (double)(expected - unique) : 0);
    }
    cJSON_AddNumberToObject(m, "unique", (double)unique);
    cJSON_AddNumberToObject(m, "duplicates", (double)run->duplicates);
}

static void ended(struct engine *engine, struct shift *shift) {
    struct run *run = shift->run;
    bool edited = shift->move.to == PLACE_PENDING;
    if (!shift->rc && !lies_in(run, shift->move.to))
        scan_look(engine, run->id, false, 0);
    run->busy = false;
    run->leaving = true;
    wake_at(run, 0);
    if (edited)
        intake_edited(engine, shift->id);
    sched_deferred(engine);
}

static void finish(struct run *run) {
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
    if (ran && (run->end == PLACE_PROCESSED || strcmp(run->end_reason, "coverage") == 0))
        add_coverage(run, m);
    if (run->end != PLACE_PROCESSED && run->end != PLACE_PENDING)
        why = engine_why(run->engine, run->id, run->end, run->end_reason, run->end_error, run->end == PLACE_DEFERRED ? run->end_until_us : 0);
    run->phase = RUN_ENDING;
    run->busy = true;
    if (ran && run->end == PLACE_PROCESSED && run->bookmark.length) {
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

static void end_now(struct run *run, enum place place, const char *reason, const char *error) {
    run_end(run, place, reason, error);
    finish(run);
}

static bool covered(const struct run *run) {
    uint64_t expected = planned(run), tolerance = run->source->coverage_tolerance;
    uint64_t unique = run->source->key_count ? keyset_count(run->keys) : run->unkeyed;
    if (run->accept_coverage)
        return true;
    if (expected == JOB_UNKNOWN || !paginator_total_is_records(run->source))
        return paginator_ended(run->paginator) && run->duplicates + run->keyless <= tolerance;
    if (unique > expected && expected == run->criteria->take && !paginator_trims(run->source))
        return true; /* its last page could not be asked for in part */
    return expected > unique ? expected - unique <= tolerance : unique - expected <= tolerance;
}

static void conclude(struct run *run) {
    if (!covered(run)) {
        char text[500];
        uint64_t unique = run->source->key_count ? keyset_count(run->keys) : run->unkeyed, expected = planned(run);
        const char *fault = paginator_fault(run->paginator), *colon = fault ? ": " : "";
        fault = fault ? fault : "";
        if (expected == JOB_UNKNOWN)
            str_format(text, sizeof text, "%llu records, %llu of them came twice, %llu without their key%s%.300s", (unsigned long long)unique,
                       (unsigned long long)run->duplicates, (unsigned long long)run->keyless, colon, fault);
        else
            str_format(text, sizeof text, "expected %llu records, captured %llu different ones (%llu came twice, %llu without their key)%s%.300s",
                       (unsigned long long)expected, (unsigned long long)unique, (unsigned long long)run->duplicates, (unsigned long long)run->keyless, colon,
                       fault);
        end_now(run, PLACE_FAILED, "coverage", text);
    } else if (run->row.automatic) {
        run->phase = RUN_LOADING;
        loaders_kick(run->engine);
        engine_follow(run->engine, run->id, NULL); /* what loaders wrote while pages were in flight */
        run_loaded(run);
    } else
        end_now(run, PLACE_PROCESSED, "", "");
}

void run_loaded(struct run *run) {
    const struct job_row *row = &run->row;
    if (run->busy || run->leaving || run->end != PLACE_NONE || row->loaded_batches + row->failed_batches < row->captured_batches)
        return;
    if (row->failed_batches) {
        char text[200];
        str_format(text, sizeof text, "%llu of %llu payload files could not be loaded; see payloads/failed/", (unsigned long long)row->failed_batches,
                   (unsigned long long)row->captured_batches);
        end_now(run, PLACE_FAILED, "load", text);
    } else
        end_now(run, PLACE_PROCESSED, "", "");
}

/* Nothing can be sent before this time: wait here, or in deferred/ when it is long. */
static void wait_for(struct run *run, int64_t at_us, const char *reason) {
    const char *why = "";
    int64_t now = clock_wall_us(), governed = governor_wait_us(run->feed->governor, now);
    if (governed > 0 && governed != INT64_MAX && now + governed + 1000000 > at_us) { /* the page waits for its source, or no longer than that */
        at_us = now + governed > at_us ? now + governed : at_us;
        reason = governor_paused_until_us(run->feed->governor, &why) && *why ? why : "api_budget";
    }
    if (at_us <= now)
        return; /* what keeps it (a page in flight, a cap, another job) pumps the feed when it ends */
    if (at_us - now <= SHORT_WAIT_US) {
        wake_at(run, at_us);
        return;
    }
    run_end(run, PLACE_DEFERRED, reason,
            strcmp(reason, "unauthorized") == 0 ? "the source refused its credentials: renew them, then send the daemon SIGHUP" : "");
    run->end_until_us = at_us;
    finish(run);
}

void run_step(struct run *run) {
    if (run->busy || run->phase <= RUN_REPLAY)
        return;
    if (run->leaving) {
        if (!run->attempt_count)
            wake_at(run, 0);
        return;
    }
    if (run->attempt_count)
        return;
    if (run->end != PLACE_NONE) {
        finish(run);
        return;
    }
    if (run->phase == RUN_PREVIEW) {
        wait_for(run, run->preview_due_us, "backoff");
        return;
    }
    if (run->phase == RUN_LOADING) {
        run_loaded(run);
        return;
    }
    struct due_page *due = due_next(run, clock_wall_us());
    if (due) {
        wait_for(run, due->not_before_us, "backoff");
        return;
    }
    unsigned unknown = 0;
    for (struct due_page *d = run->due; d; d = d->next)
        unknown += d->state == DUE_UNKNOWN;
    if (unknown) {
        char text[200];
        str_format(text, sizeof text, "%u page%s asked for and perhaps charged, but no whole answer was kept", unknown, unknown == 1 ? " was" : "s were");
        end_now(run, PLACE_HOLD, "charge_unknown", text);
    } else if (guard_reached(run) && !run->accept_coverage) {
        char text[200];
        str_format(text, sizeof text, "the search gave %llu records, max_records is %llu, and the source does not tell how many there are",
                   (unsigned long long)run->records, (unsigned long long)run->criteria->max_records);
        end_now(run, PLACE_HOLD, "max_records", text);
    } else
        conclude(run);
}

void run_page_in(struct run *run, const struct page *page, const struct page_facts *facts, uint64_t advance) {
    struct page_facts told = *facts;
    told.records = advance;
    run_due_remove(run, run_due(run, page, 0));
    if (facts->total != JOB_UNKNOWN && !split_is_token(page->token))
        run->total = facts->total;
    run->records += facts->records;
    paginator_answer(run->paginator, page, &told);
    check_guards(run);
    check_duplicates(run);
    check_limit(run, page, advance);
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

/* --- beginning ------------------------------------------------------------------------------------------------------ */

static void page_from(const struct replay_page *from, struct page *page) {
    *page = (struct page){.batch = from->batch, .offset = from->offset, .limit = from->limit};
    if (from->token)
        str_copy(page->token, sizeof page->token, from->token);
}

/* Lay the plan: what the journal says was handed out and answered, then what follows. */
static enum rc plan(struct run *run, struct err *err) {
    const struct replay *r = run->replay;
    uint64_t most = run->criteria->max_records, take = run->criteria->take;
    struct paginator_start start = {.take = run->total == JOB_UNKNOWN && most < take ? most : take,
                                    .total = run->total,
                                    .page_size = run->criteria->batch_size < most ? run->criteria->batch_size : most};
    struct page page;
    paginator_free(run->paginator);
    run->paginator = NULL;
    enum rc rc = paginator_new(run->source, &start, &run->paginator, err);
    if (rc)
        return rc;
    while (run->due)
        run_due_remove(run, run->due);
    run->records = 0;
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
            due_add(run, &page, p->attempts, p->unknown ? DUE_UNKNOWN : DUE_SEND);
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
        paginator_answer(run->paginator, &page, &facts);
        if (p->adopted)
            check_limit(run, &page, p->advance);
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

void run_probed(struct run *run) {
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

static void write_preview(struct run *run) {
    char path[JOBID_SIZE + 32], cost[DEC_TEXT_SIZE], tmp[JOBID_SIZE + 32];
    struct err err = {0};
    cJSON *m = engine_members();
    cJSON_AddStringToObject(m, "job_id", run->id);
    cJSON_AddStringToObject(m, "source", run->source->name);
    cJSON_AddBoolToObject(m, "metered", run->source->metered);
    if (run->total == JOB_UNKNOWN)
        cJSON_AddNullToObject(m, "total");
    else
        cJSON_AddNumberToObject(m, "total", (double)run->total);
    uint64_t plan_count = planned(run);
    if (plan_count != JOB_UNKNOWN) {
        cJSON_AddNumberToObject(m, "planned", (double)plan_count);
        uint64_t size = run->criteria->batch_size;
        if (size)
            cJSON_AddNumberToObject(m, "requests", (double)((plan_count + size - 1) / size));
    }
    if (plan_count != JOB_UNKNOWN && run->source->metered && run->price_known) {
        dec_format(dec_times(run->price, plan_count), cost);
        cJSON_AddStringToObject(m, "cost", cost);
        cJSON_AddStringToObject(m, "currency", run->source->currency);
    }
    cJSON *guards = cJSON_AddArrayToObject(m, "guards");
    if (run->end == PLACE_HOLD) {
        cJSON *guard = cJSON_CreateObject();
        cJSON_AddStringToObject(guard, "reason", run->end_reason);
        cJSON_AddStringToObject(guard, "error", run->end_error);
        cJSON_AddItemToArray(guards, guard);
    }
    char *text = cJSON_Print(m);
    str_format(path, sizeof path, "%s/preview.json", run->id);
    str_format(tmp, sizeof tmp, "%s/.preview.tmp", run->id);
    enum rc rc = fsio_make_dirs(run->engine->spool->results_fd, run->id, 02770, &err);
    if (!rc)
        rc = fsio_put_file(run->engine->spool->results_fd, tmp, path, 0660, text, strlen(text), &err);
    cJSON_free(text);
    cJSON_Delete(m);
    run->end = PLACE_NONE;
    if (rc)
        run_end(run, PLACE_FAILED, "disk", err.text);
    else
        run_end(run, PLACE_PROCESSED, "preview", "");
}

void run_previewed(struct run *run) {
    check_guards(run);
    if (strcmp(run->row.mode, "preview") == 0)
        write_preview(run);
    else {
        begin_pages(run);
        if (run->end == PLACE_NONE)
            run_probed(run);
    }
}

static void again_later(struct run *run, const struct err *err);

static bool replay_over(struct replay *r) {
    struct run *run = r->run;
    run->busy = false;
    if (!run->leaving && !lies_in(run, PLACE_PROCESSING)) {
        run->leaving = true;
        scan_look(run->engine, run->id, false, 0);
    }
    if (run->leaving || run->engine->stopping) {
        run->leaving = true;
        wake_at(run, 0);
        return true;
    }
    if (r->rc == RC_TEMP || r->rc == RC_NOSPACE) {
        again_later(run, &r->err);
        return true;
    }
    if (r->rc) {
        run->row = r->row;
        end_now(run, PLACE_HOLD, r->reason ? r->reason : "damaged", r->err.text);
        return true;
    }
    return false;
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
    run->total = r->total;
    run->price = run->source->cost_per_record;
    run->price_known = run->source->has_cost_per_record;
    bool preview_only = strcmp(run->row.mode, "preview") == 0;
    if (!preview_only)
        begin_pages(run); /* as far as is known: a job that has all its pages needs no preview */
    bool ask = run->end == PLACE_NONE && run->source->split && run->total == JOB_UNKNOWN;
    struct page part;
    bool probe = run->end == PLACE_NONE && !preview_only && paginator_probe(run->paginator, &part);
    bool more = preview_only || (run->end == PLACE_NONE && (ask || probe || due_next(run, INT64_MAX)));
    if (more && !preview_only) { /* what held it holds still */
        check_duplicates(run);
        if (!run->source->metered || !run->source->preview)
            check_guards(run);
        more = run->end == PLACE_NONE;
    }
    if (more && run->source->metered && !run->source->preview && preview_only)
        write_preview(run);
    else if (more && (preview_only || ask || (run->source->metered && run->source->preview))) {
        first_page(run);
        run->phase = RUN_PREVIEW;
    }
    if (run->phase == RUN_REPLAY && more && !preview_only)
        run_probed(run);
    if (run->phase == RUN_REPLAY)
        run->phase = RUN_PAGES;
    go(run);
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
        finish(run);
        return;
    }
    if (r->row.place != PLACE_PROCESSING) { /* moved meanwhile */
        run->leaving = true;
        wake_at(run, 0);
        scan_look(engine, run->id, false, 0);
        return;
    }
    if (r->edited) {
        end_now(run, PLACE_PENDING, "edited", "");
        return;
    }
    enum rc rc = sources_get(engine->sources, r->row.source, &run->source, &err);
    if (!rc)
        rc = criteria_parse("job", r->text ? r->text : "", r->text_length, run->source, &run->criteria, &err);
    if (rc) {
        const char *reason = run->source ? "invalid" : "source";
        run->source = NULL;
        end_now(run, PLACE_HOLD, reason, err.text);
        return;
    }
    run->feed = feed_get(engine, run->source);
    engine->claiming_count--;
    feed_add(run->feed, run);
    if (strcmp(run->row.mode, "run") != 0 && strcmp(run->row.mode, "preview") != 0) {
        end_now(run, PLACE_FAILED, "mode", "this daemon runs jobs of mode run and preview");
        return;
    }
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
    run->phase = RUN_REPLAY;
    run->busy = true;
    run->replay = replay_read(run, read);
}

void run_leave(struct run *run) {
    if (run->leaving)
        return;
    run->leaving = true;
    if (run->phase == RUN_CLAIMING || run->phase == RUN_ENDING)
        return; /* the move under way ends it */
    attempt_cancel_free(run);
    if (!run->attempt_count && !run->busy)
        wake_at(run, 0);
}
