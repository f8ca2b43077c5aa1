// SPDX-License-Identifier: Apache-2.0
#include "engine/attempt_internal.h"

#include "base/clock.h"
#include "base/log.h"
#include "os/fsio.h"
#include "source/auth.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* From the answer to the end of an attempt, on the loop: from one kind of work to the next. */

#define KEYS_WAIT_US 30000000

uint64_t attempt_synced(const struct run *run) {
    uint64_t synced = run->synced;
    for (const struct attempt *a = run->attempts; a; a = a->next)
        if (a->unmarked && a->unmarked < synced)
            synced = a->unmarked;
    return synced;
}

enum rc attempt_follow(struct attempt *a) {
    a->run->synced = a->synced > a->run->synced ? a->synced : a->run->synced;
    return engine_follow(a->engine, a->run->id, NULL);
}

static void check_done(struct work *work);
static void record_done(struct work *work);
static void mark_done(struct work *work);
static void report_done(struct work *work);
static const struct work_class check_class = {.name = "check", .run = attempt_lane_check, .done = check_done, .max = 1};
static void checker_done(struct work *work);
static const struct work_class checker_class = {.name = "checker", .run = attempt_lane_checker, .done = checker_done, .max = 1};
static const struct work_class record_class = {.name = "record", .run = attempt_lane_record, .done = record_done, .max = 64};
static const struct work_class mark_class = {.name = "mark", .run = attempt_lane_mark, .done = mark_done, .max = 64};
static const struct work_class report_class = {.name = "report", .run = attempt_lane_report, .done = report_done, .max = 64};

void attempt_on_job_lane(struct attempt *a, const struct work_class *class) {
    worker_submit(a->engine->worker, &a->work, class, engine_lane(a->run->id));
}

/* It takes the disk long to make a file: the job's lane goes on meanwhile. What was paid for got its marker there, so that nothing keeps the index from prices.
 */
static void mark(struct attempt *a) {
    worker_submit(a->engine->worker, &a->work, &mark_class, engine_lane(a->run->id) + 1);
}

/* Its request is no more in flight: another one may leave. */
static void give_place(struct attempt *a) {
    if (!a->holds)
        return;
    a->holds = false;
    a->run->sending--;
    governor_done(a->run->feed->governor);
}

void attempt_end(struct attempt *a) {
    struct run *run = a->run;
    struct feed *feed = run->feed;
    for (struct attempt **at = &run->attempts; *at; at = &(*at)->next) {
        if (*at == a) {
            *at = a->next;
            break;
        }
    }
    run->attempt_count--;
    give_place(a);
    group_over(a);
    feed->in_flight_bytes -= a->room_bytes;
    feed->in_flight_price = dec_sub(feed->in_flight_price, a->price);
    if (a->open)
        feed->open_price = dec_sub(feed->open_price, a->price);
    run->in_flight_price = dec_sub(run->in_flight_price, a->price);
    if (a->body_fd >= 0)
        close(a->body_fd);
    const bool helped = a->helper != NULL;
    helper_free(a);
    fetcher_give_back(a->engine->fetcher, a->held);
    request_release(&a->request);
    fields_release(&a->fields);
    if (a->document)
        fsio_unmap(a->document, a->document_length);
    cJSON_Delete(a->item);
    cJSON_Delete(a->known);
    buf_release(&a->bookmark);
    free(a->url);
    cJSON_Delete(a->members);
    keys_release(&a->keys);
    free(a);
    run_step(run);
    feed_pump(feed);
    for (struct feed *f = helped || feed->engine->options.cost_cap_count ? feed->engine->feeds : NULL; f; f = f->next)
        if (f != feed)
            feed_pump(f); /* they share the daemon's caps, and its places for programs */
    sched_kick(feed->engine);
}

void attempt_report(struct attempt *a, const char *event, bool keep_body) {
    a->stage = STAGE_REPORT;
    a->event = event;
    a->keep_body = keep_body || a->spent;
    a->durable = a->kind == REQUEST_PAID || strcmp(event, "retrying") != 0;
    attempt_on_job_lane(a, &report_class);
}

void attempt_answered_here(struct attempt *a) {
    a->run->feed->in_flight_bytes -= a->room_bytes - a->bytes;
    a->room_bytes = a->bytes;
    a->stage = STAGE_CHECK;
    a->run->checking++;
    worker_submit(a->engine->worker, &a->work, &check_class, WORKER_ANY);
}

/* A probe learns from every answer but from those that are worth another try. */
static bool retried(const struct attempt *a) {
    const struct verdict *v = &a->verdict;
    return v->action == ACTION_RATE_LIMITED || (v->action == ACTION_RETRY && a->run->preview_retries < a->run->source->max_retries);
}

/* What is paid is kept before more is bought, and what a refusal says holds for the next. */
static bool leaves_early(const struct attempt *a) {
    return a->kind == REQUEST_FREE && a->status < 300;
}

/* Without what the source knows of us: it may say it again. */
static cJSON *suggestions(struct attempt *a, const struct answer *body) {
    cJSON *json = suggest_answer(a->run->criteria->suggest->field, body->body);
    char *text = json ? cJSON_PrintUnformatted(json) : NULL;
    cJSON_Delete(json);
    if (!text)
        return NULL;
    secrets_hide(a->run->feed, text);
    json = cJSON_Parse(text);
    cJSON_free(text);
    return json;
}

/* Suggestions are of use at once or not at all: nothing but an old access token is tried again. What the source says of its limits holds all the same, but a
 * refusal does not pause it: they may be no part of what the account has, and jobs go on. */
static void suggested(struct attempt *a, const struct answer *body) {
    const bool good = a->complete && a->status >= 200 && a->status < 300;
    cJSON *json = good ? suggestions(a, body) : NULL;
    if (json) {
        begin_answer(a->run, json);
        attempt_end(a);
        return;
    }
    if (good)
        str_copy(a->verdict.reason, sizeof a->verdict.reason, "no_suggestions");
    else
        answer_judge(a->run->source, a->kind, body, &a->verdict);
    if (attempt_renew_token(a))
        return;
    if (a->verdict.action == ACTION_RATE_LIMITED)
        limits_refused(a, 1);
    else if (a->retry_after_s)
        attempt_wait_until(a, 1);
    auth_hide(a->run->source, a->verdict.error);
    secrets_hide(a->run->feed, a->verdict.error);
    secrets_hide(a->run->feed, a->error);
    attempt_page_failed(a, a->verdict.reason);
}

void attempt_fetched(void *context, const struct fetch_answer *answer) {
    struct attempt *a = context;
    a->fetch = NULL;
    a->sent = answer->sent;
    a->complete = answer->complete;
    a->status = answer->status;
    a->bytes = answer->body_bytes;
    a->held = answer->held;
    a->answered_us = clock_wall_us();
    a->retry_after_s = answer->retry_after_s > 0 ? (answer->retry_after_s > LIMIT_RETRY_AFTER_S ? LIMIT_RETRY_AFTER_S : answer->retry_after_s) : 0;
    str_copy(a->reason, sizeof a->reason, answer->reason);
    str_copy(a->error, sizeof a->error, answer->error);
    str_copy(a->sha256, sizeof a->sha256, answer->sha256);
    str_copy(a->request_id, sizeof a->request_id, answer->request_id);
    for (unsigned i = 0; i < answer->fields->count; i++)
        fields_add(&a->fields, answer->fields->list[i].name, answer->fields->list[i].value, strlen(answer->fields->list[i].value));
    for (unsigned i = 0; i < a->fields.count; i++)
        auth_hide(a->run->source, a->fields.list[i].value); /* they are journalled */
    for (unsigned i = 0; a->status >= 300 && i < a->fields.count; i++)
        secrets_hide(a->run->feed, a->fields.list[i].value);
    attempt_send_heed(a);
    limits_heard(a);
    a->stage = STAGE_CHECK;
    if (a->kind == REQUEST_PREVIEW || a->page.batch == 0) {
        struct answer body = {.sent = a->sent,
                              .complete = a->complete,
                              .status = a->status,
                              .body = {answer->body ? answer->body : "", answer->body ? (size_t)answer->body_bytes : 0},
                              .transport_error = a->error[0] ? a->error : NULL,
                              .retry_after_s = a->retry_after_s,
                              .fields = &a->fields,
                              .url = a->url};
        if (a->run->criteria->suggest) {
            suggested(a, &body);
            return;
        }
        answer_judge(a->run->source, a->kind, &body, &a->verdict);
        if (attempt_lane_good(a) && a->kind == REQUEST_LIST)
            delta_take(a->run, &a->verdict);
        if (attempt_lane_good(a)) {
            bool has_cost = false;
            answer_preview(a->run->source, &body, &a->verdict.facts.total, &a->verdict.cost, &has_cost);
            a->verdict.has_cost = has_cost;
        }
        if (a->run->probe && !retried(a)) {
            if (attempt_renew_token(a))
                return;
            secrets_hide(a->run->feed, a->verdict.error);
            begin_taught(a->run, &a->page, &body, &a->verdict);
            attempt_end(a);
            return;
        }
        attempt_decide(a);
        return;
    }
    if (a->bytes < a->room_bytes) { /* what it takes is known now */
        a->run->feed->in_flight_bytes -= a->room_bytes - a->bytes;
        a->room_bytes = a->bytes;
    }
    a->run->checking++;
    worker_submit(a->engine->worker, &a->work, &check_class, WORKER_ANY);
    if (leaves_early(a) && fetcher_holds(a->engine->fetcher)) { /* else the loop would have to write what comes next */
        give_place(a);
        feed_pump(a->run->feed);
    }
}

/* Of an answer that was paid for, and is of no use, nobody else can say what it cost; where that is for a person to decide, it is. */
static void check_over(struct attempt *a) {
    if (a->spent && !a->run->source->retry_unknown) {
        a->verdict.charge = CHARGE_IN_DOUBT;
        a->verdict.action = ACTION_FAIL;
        a->spent = false;
    }
    attempt_decide(a);
}

void helper_over(struct attempt *a) {
    if (a->checking) {
        check_over(a);
        return;
    }
    if (!a->status) {
        attempt_decide(a);
        return;
    }
    attempt_answered_here(a);
}

/* The disk refused a body that had come, and nothing says that it came. */
static void body_refused(struct attempt *a) {
    a->verdict.charge = a->kind == REQUEST_PAID ? CHARGE_IN_DOUBT : CHARGE_NONE;
    a->verdict.action = a->run->source->retry_unknown || a->kind != REQUEST_PAID ? ACTION_RETRY : ACTION_FAIL;
    str_copy(a->verdict.reason, sizeof a->verdict.reason, "disk");
    str_format(a->verdict.error, sizeof a->verdict.error, "%.390s", a->err.text);
    attempt_decide(a);
}

void attempt_record(struct run *run, bool now) {
    if (!now && run->checking > 0 && run->to_record_count < RECORD_TOGETHER)
        return;
    for (unsigned i = 0; i < run->to_record_count; i++)
        attempt_on_job_lane(run->to_record[i], &record_class);
    run->to_record_count = 0;
}

static void check_done(struct work *work) {
    struct attempt *a = HEAP_ENTRY(work, struct attempt, work);
    struct run *run = a->run;
    run->checking--;
    fetcher_give_back(a->engine->fetcher, a->held);
    a->held = NULL;
    if (a->holds && leaves_early(a)) {
        give_place(a);
        feed_pump(a->run->feed);
    }
    bool others = run->to_record_count > 0; /* so it does not end */
    if (a->rc && attempt_lane_good(a))
        body_refused(a);
    else if (attempt_lane_good(a) && a->run->source->steps[a->step].ways[a->way].http.checked) {
        helper_new(a);
        a->checking = true;
        worker_submit(a->engine->worker, &a->work, &checker_class, WORKER_ANY);
    } else
        attempt_decide(a);
    if (others)
        attempt_record(run, false);
}

static void checker_done(struct work *work) {
    struct attempt *a = HEAP_ENTRY(work, struct attempt, work);
    if (a->rc)
        helper_unfit(a);
    else
        helper_start(a);
}

static void record_again(struct loop_timer *timer) {
    struct attempt *a = HEAP_ENTRY(timer, struct attempt, timer);
    if (a->stage == STAGE_MARK)
        mark(a);
    else
        attempt_on_job_lane(a, a->stage == STAGE_REPORT ? &report_class : &record_class);
}

/* The money is spent: what the disk refuses is tried until it succeeds. When the daemon stops, recovery goes on from here at the next start. */
static bool stuck(struct attempt *a) {
    if (!a->rc || a->engine->stopping)
        return false;
    log_warn("job %s page %u: %s; trying again", a->run->id, a->page.batch, a->err.text);
    loop_timer_start(a->engine->loop, &a->timer, clock_mono_ms() + DISK_RETRY_MS, record_again);
    return true;
}

static void record_done(struct work *work) {
    struct attempt *a = HEAP_ENTRY(work, struct attempt, work);
    if (a->rc && a->stage == STAGE_SETTLE) {
        body_refused(a);
        return;
    }
    if (a->rc == RC_CORRUPT || a->rc == RC_GONE) { /* another body lies under its raw name, or the body vanished: no bytes of ours to publish */
        str_format(a->verdict.error, sizeof a->verdict.error, "%.390s", a->err.text);
        str_copy(a->verdict.reason, sizeof a->verdict.reason, "damaged");
        a->rc = RC_OK;
        if (a->kind == REQUEST_PAID)
            attempt_page_in_doubt(a);
        else
            attempt_page_failed(a, "damaged");
        return;
    }
    if (a->rc || a->stage == STAGE_MARKED) {
        mark_done(work);
        return;
    }
    a->unmarked = a->before;
    mark(a);
}

static void mark_done(struct work *work) {
    struct attempt *a = HEAP_ENTRY(work, struct attempt, work);
    struct run *run = a->run;
    if (stuck(a))
        return;
    a->unmarked = 0;
    attempt_follow(a);
    if (!a->rc && unit_inner(a))
        unit_inner_done(a);
    else if (!a->rc) {
        bool news = a->keys.count == 0;
        for (size_t i = 0; i < a->keys.count; i++) {
            bool fresh = true;
            if (keyset_add(run->keys, a->keys.list[i], &fresh, &a->err)) { /* the next claim collects all of them again from the payloads */
                run_end(run, PLACE_DEFERRED, "disk_room", a->err.text);
                run->end_until_us = clock_wall_us() + KEYS_WAIT_US;
            }
            run->duplicates += !fresh;
            news = news || fresh;
        }
        run->keyless += a->keys.keyless;
        replay_bookmark(&run->bookmark, (struct slice){buf_text(&a->bookmark), a->bookmark.length});
        run->unkeyed += run->source->key_count ? 0 : a->verdict.facts.records;
        run->units_in += run->units != NULL;
        run_page_in(run, &a->page, &a->verdict.facts, a->advance);
        if (!news)
            guard_repeats(run, &a->page);
        if (run->row.automatic)
            loaders_kick(a->engine);
    }
    attempt_end(a);
}

static void report_done(struct work *work) {
    struct attempt *a = HEAP_ENTRY(work, struct attempt, work);
    if (stuck(a))
        return;
    attempt_follow(a);
    attempt_end(a);
}

bool attempt_optional(const struct attempt *a) {
    return a->page.batch && a->run->source->steps[a->step].ways[a->way].when_set;
}

struct dec attempt_cost(const struct source *source, unsigned step, unsigned way, const struct verdict *verdict) {
    const struct source_http *http = &source->steps[step].ways[way].http;
    if (verdict->has_cost)
        return verdict->cost;
    if (http->has_cost)
        return http->cost_per_record;
    return dec_times(source->cost_per_record, source->list_count ? 1 : verdict->facts.records); /* of units a request has its price, whatever comes */
}
