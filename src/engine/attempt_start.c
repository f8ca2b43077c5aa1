// SPDX-License-Identifier: Apache-2.0
#include "engine/attempt_internal.h"

#include "base/clock.h"
#include "base/log.h"

#include <string.h>

/* The way to the request: the attempt is made, `requested` is journalled, and its request, program or copy begins; or it is cancelled. */

/* From here on the index counts its price, and goes on to after a crash. */
static void opened(struct attempt *a) {
    a->open = true;
    a->run->feed->open_price = dec_add(a->run->feed->open_price, a->price);
}

/* Nothing left: the page is as it was. */
static void not_sent(struct attempt *a, const char *reason) {
    struct due_page *due = attempt_due(a);
    due->state = DUE_SEND;
    due->not_before_us = clock_wall_us() + DISK_RETRY_MS * 1000;
    attempt_add_failure(a, reason);
    attempt_report(a, "retrying", false);
}

/* The request was not made: what passes is tried again like an answer that never came, the rest is for a person to mend. */
static void not_begun(struct attempt *a, enum rc rc) {
    struct run *run = a->run;
    unsigned retries = a->page.batch ? attempt_due(a)->retries : run->preview_retries;
    if (rc == RC_AGAIN && a->page.batch) {
        not_sent(a, "token");
        return;
    }
    if ((rc == RC_TEMP || rc == RC_NOSPACE || rc == RC_AGAIN) && retries < run->source->max_retries) {
        attempt_try_again(a, clock_wall_us() + run_backoff_us(run, retries + 1, 0), "request", true);
        return;
    }
    run_end(run, run->criteria->suggest ? PLACE_FAILED : PLACE_HOLD, "request", a->err.text);
    if (a->page.batch)
        not_sent(a, "request");
    else
        attempt_end(a);
}

static void depart(struct attempt *a);

static void gate_opens(struct loop_timer *timer) {
    struct attempt *a = HEAP_ENTRY(timer, struct attempt, timer);
    a->gated = false;
    depart(a);
}

/* What the journal let through sooner than the one before it stands back, so that requests leave as evenly as they are counted. */
static void depart(struct attempt *a) {
    if (a->cached_path[0]) {
        a->asked_us = a->answered_us = clock_wall_us();
        a->sent = a->complete = true;
        a->status = 200;
        attempt_answered_here(a);
        return;
    }
    if (a->helper) {
        a->stage = STAGE_FETCH;
        a->sent_us = clock_wall_us();
        helper_start(a);
        return;
    }
    int64_t now = clock_wall_us(), wait = limits_gate_us(a->run->feed, now);
    a->stage = STAGE_FETCH;
    if (wait > 0) {
        a->gated = true;
        loop_timer_start(a->engine->loop, &a->timer, clock_mono_ms() + (wait + 999) / 1000, gate_opens);
        return;
    }
    a->run->feed->left_us = a->sent_us = now;
    enum rc rc = attempt_send(a, attempt_fetched);
    if (rc)
        not_begun(a, rc);
}

/* What the step needs is not there: nothing was asked. */
static void unfit(struct attempt *a) {
    const bool missing = a->rc == RC_GONE;
    if (a->rc == RC_CORRUPT)
        a->final = true;
    a->rc = RC_OK;
    attempt_page_failed(a, missing ? "helper_unavailable" : "step");
}

static void request_done(struct work *work) {
    struct attempt *a = HEAP_ENTRY(work, struct attempt, work);
    if (a->stage == STAGE_REQUEST && !a->cached_path[0] && attempt_due(a)->tries[a->step])
        attempt_due(a)->tries[a->step]--; /* the journal does not have it */
    if (a->passed) {
        unit_inner_done(a);
        attempt_end(a);
        return;
    }
    if (a->cached_path[0] && a->rc) { /* it is asked for after all, by the same number: a body that was begun has its name */
        struct due_page *due = attempt_due(a);
        due->state = DUE_SEND;
        due->attempts = a->number - 1;
        attempt_end(a);
        return;
    }
    if (a->stage == STAGE_REQUEST && (a->rc == RC_GONE || a->rc == RC_PERM || a->rc == RC_CORRUPT) && unit_has_steps(a->run) && !a->run->leaving) {
        unfit(a);
        return;
    }
    if (attempt_follow(a) == RC_OK && a->stage != STAGE_REQUEST)
        opened(a);
    if (a->rc && a->stage == STAGE_REQUEST) { /* the journal refused it: nothing was asked */
        struct due_page *due = attempt_due(a);
        log_warn("job %s page %u: %s", a->run->id, a->page.batch, a->err.text);
        due->state = DUE_SEND;
        due->attempts = a->number - 1;
        due->not_before_us = clock_wall_us() + DISK_RETRY_MS * 1000;
        attempt_end(a);
        return;
    }
    if (a->rc || a->run->leaving || a->engine->stopping) {
        not_sent(a, a->rc ? "disk" : "stopped");
        return;
    }
    depart(a);
}

static const struct work_class request_class = {.name = "request", .run = attempt_lane_request, .done = request_done, .max = 64};

/* --- starting and cancelling ---------------------------------------------------------------------------------------- */

enum doer { BY_REQUEST, BY_HELPER, BY_COPY };

static struct attempt *attempt_new(struct run *run, enum request_kind kind) {
    struct attempt *a = engine_alloc(sizeof *a);
    a->run = run;
    a->engine = run->engine;
    a->kind = kind;
    a->body_fd = -1;
    buf_init(&a->bookmark, BOOKMARK_BYTES);
    keys_init(&a->keys);
    attempt_send_want(a);
    a->next = run->attempts;
    run->attempts = a;
    run->attempt_count++;
    return a;
}

/* A request takes a place, and counts at the source's limits; a program has places of its own. */
static void take_place(struct attempt *a, enum doer doer) {
    if (doer == BY_HELPER)
        helper_new(a);
    if (doer != BY_REQUEST)
        return;
    a->run->sending++;
    a->holds = true;
    feed_sent(a->run->feed);
}

void attempt_page(struct run *run, struct due_page *due) {
    const bool by_helper = unit_by_helper(run, due);
    struct attempt *a = attempt_new(run, run->source->metered && !by_helper ? REQUEST_PAID : REQUEST_FREE);
    due->state = DUE_IN_FLIGHT;
    a->page = due->page;
    a->step = due->step;
    a->way = due->way;
    a->part = due->part;
    a->number = ++due->attempts;
    a->cached_us = due->cached_us;
    unit_look_back(a);
    if (a->cached_path[0])
        a->kind = REQUEST_FREE;
    if (!a->cached_path[0] && !by_helper)
        group_sent(a);
    if (!a->cached_path[0] && due->tries[due->step] < UINT16_MAX)
        due->tries[due->step]++;
    memcpy(a->tries, due->tries, sizeof a->tries);
    a->earlier_ms = due->took_ms;
    take_place(a, a->cached_path[0] ? BY_COPY : by_helper ? BY_HELPER : BY_REQUEST);
    a->durable = a->kind == REQUEST_PAID;
    a->automatic = run->row.automatic;
    if (a->kind == REQUEST_PAID)
        a->price = guard_page_price(run, due->page.limit);
    a->room_bytes = run->source->max_response_bytes;
    run->feed->in_flight_bytes += a->room_bytes;
    run->feed->in_flight_price = dec_add(run->feed->in_flight_price, a->price);
    run->in_flight_price = dec_add(run->in_flight_price, a->price);
    payload_tmp_name(run->id, a->page.batch, a->number, a->tmp);
    attempt_on_job_lane(a, &request_class);
}

void attempt_give_up(struct run *run, struct due_page *due, struct throttle_group *group) {
    struct attempt *a = attempt_new(run, REQUEST_FREE);
    due->state = DUE_IN_FLIGHT;
    a->page = due->page;
    a->step = due->step;
    a->way = due->way;
    a->part = due->part;
    a->number = due->attempts;
    a->group = throttle_take(run->feed->throttle, group->key, clock_wall_us());
    a->group_tries = group->tries;
    group_error(group, a->verdict.error, sizeof a->verdict.error);
    attempt_page_failed(a, "throttled");
}

void attempt_preview(struct run *run) {
    struct attempt *a = attempt_new(run, run->listing ? REQUEST_LIST : run->source->metered && !run->criteria->suggest ? REQUEST_PREVIEW : REQUEST_FREE);
    take_place(a, BY_REQUEST);
    a->page = run->ask;
    a->stage = STAGE_FETCH;
    a->number = run->preview_retries + 1;
    depart(a);
}

void attempt_cancel_free(struct run *run) {
    for (struct attempt *a = run->attempts; a;) {
        struct attempt *next = a->next;
        const bool paid_for = a->checking && a->kind == REQUEST_PAID; /* its answer is here */
        if (a->gated || (helper_runs(a) && !paid_for) || (a->fetch && a->kind != REQUEST_PAID)) {
            loop_timer_cancel(a->engine->loop, &a->timer);
            helper_cancel(a);
            if (a->fetch)
                fetch_cancel(a->fetch);
            a->gated = false;
            a->fetch = NULL;
            if (a->page.batch)
                not_sent(a, "stopped");
            else
                attempt_end(a);
        }
        a = next;
    }
}
