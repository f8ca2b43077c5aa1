// SPDX-License-Identifier: Apache-2.0
#include "engine/attempt_internal.h"

#include "base/clock.h"
#include "base/log.h"
#include "engine/reuse.h"
#include "source/auth.h"
#include "source/split.h"

#include <string.h>

#define OPTIONAL_WAIT_S 60

/* What an answer, or that there was none, means for its page, its job and its source. */

struct due_page *attempt_due(struct attempt *a) {
    return run_due(a->run, &a->page, a->number);
}

void attempt_add_failure(struct attempt *a, const char *reason) {
    const char *error = a->verdict.error[0] ? a->verdict.error : a->error[0] ? a->error : a->err.text;
    char item[UNITS_LABEL_SIZE];
    cJSON_Delete(a->members);
    a->members = a->page.batch ? attempt_lane_members(a) : engine_members();
    if (units_label(a->run->units, a->page.batch, item))
        cJSON_AddStringToObject(a->members, "item", item);
    if (a->status)
        cJSON_AddNumberToObject(a->members, "status", a->status);
    cJSON_AddStringToObject(a->members, "reason", reason);
    if (*error)
        cJSON_AddStringToObject(a->members, "error", error);
    if (a->request_id[0])
        cJSON_AddStringToObject(a->members, "request_id", a->request_id);
    group_members(a, a->members);
    if (a->spent) {
        char cost[DEC_TEXT_SIZE];
        dec_format(a->cost, cost);
        cJSON_AddStringToObject(a->members, "cost", cost);
    }
}

static void set_until(struct attempt *a, int64_t until_us) {
    char until[CLOCK_RFC3339_SIZE];
    clock_format_rfc3339(until_us, 3, until);
    cJSON_AddStringToObject(a->members, "until", until);
}

/* Another page of this job with the same records is a strong hint that the source ignores where a page begins. Pages without records are all alike. */
static void compare_bytes(struct attempt *a) {
    struct run *run = a->run;
    if (!a->verdict.facts.records)
        return;
    /* First those that are not in the index yet. */
    for (const struct attempt *b = run->attempts; b && !a->same_as[0]; b = b->next)
        if (b != a && b->raw[0] && strcmp(b->sha256, a->sha256) == 0)
            str_copy(a->same_as, sizeof a->same_as, b->raw);
    bool own = a->same_as[0];
    if (!own && reuse_bytes(a->engine->index, run->source->name, run->id, a->page.batch, a->sha256, a->same_as, sizeof a->same_as, NULL) != RC_OK)
        return;
    own = own || payload_same_job(a->raw, a->same_as);
    if (own && !run->told_repeat)
        log_warn("job %s page %u: the same bytes as %s, another page of it; does the source ignore where a page begins?", run->id, a->page.batch, a->same_as);
    else
        log_debug("job %s page %u: the same bytes as %s", run->id, a->page.batch, a->same_as);
    run->told_repeat = run->told_repeat || own;
}

static void page_good(struct attempt *a) {
    struct run *run = a->run;
    a->cost = attempt_cost(run->source, a->step, a->way, &a->verdict);
    if (a->kind == REQUEST_PAID && run->units) {
        if (dec_compare(a->cost, run->price) > 0)
            run->price = a->cost;
        run->price_known = true;
    } else if (a->kind == REQUEST_PAID && a->verdict.facts.records) { /* the source may charge more than its definition says */
        struct dec each = dec_share(a->cost, 1, a->verdict.facts.records);
        if (dec_compare(each, run->price) > 0)
            run->price = each;
        run->price_known = true;
    }
    unit_raw_path(run, run->row.campaign, a->page.batch, a->step, a->part, a->raw);
    if (!unit_inner(a))
        compare_bytes(a);
    a->stage = STAGE_SETTLE;
    a->durable = true;
    run->to_record[run->to_record_count++] = a;
    attempt_record(run, a->kind == REQUEST_PAID);
}

/* What the source says of a part of the search. */
static void part_good(struct attempt *a) {
    cJSON_Delete(a->members);
    a->members = engine_members();
    cJSON_AddStringToObject(a->members, "part", a->page.token);
    if (a->verdict.facts.total != JOB_UNKNOWN)
        cJSON_AddNumberToObject(a->members, "part_total", (double)a->verdict.facts.total);
    paginator_probed(a->run->paginator, &a->page, a->verdict.facts.total);
    begin_probed(a->run);
    attempt_report(a, "previewed", false);
}

static void preview_good(struct attempt *a) {
    struct run *run = a->run;
    char cost[DEC_TEXT_SIZE];
    uint64_t total = a->verdict.facts.total;
    run->total = total;
    cJSON_Delete(a->members);
    a->members = engine_members();
    if (total != JOB_UNKNOWN) {
        uint64_t planned = run->criteria->take < total ? run->criteria->take : total;
        cJSON_AddNumberToObject(a->members, "total", (double)total);
        cJSON_AddNumberToObject(a->members, "planned", (double)planned);
        if (a->verdict.has_cost && total) {
            struct dec each = dec_share(a->verdict.cost, 1, total);
            if (dec_compare(each, run->price) > 0)
                run->price = each;
            run->price_known = true;
        }
        dec_format(dec_times(run->price, planned), cost);
        if (run->price_known)
            cJSON_AddStringToObject(a->members, "cost", cost);
    }
    if (run->source->currency[0])
        cJSON_AddStringToObject(a->members, "currency", run->source->currency);
    run->preview_retries = 0;
    begin_previewed(run);
    attempt_report(a, "previewed", false);
}

/* A pause that the source asked for holds for all its jobs. */
int64_t attempt_wait_until(struct attempt *a, unsigned retries) {
    int64_t until = clock_wall_us() + run_backoff_us(a->run, retries, a->retry_after_s);
    if (a->retry_after_s && !attempt_optional(a))
        feed_pause(a->run->feed, until, "retry_after");
    return until;
}

void attempt_try_again(struct attempt *a, int64_t until_us, const char *reason, bool counts) {
    if (a->page.batch == 0) {
        a->run->preview_due_us = until_us;
        a->run->preview_retries += counts;
    } else {
        struct due_page *due = attempt_due(a);
        due->state = DUE_SEND;
        due->not_before_us = until_us;
        due->retries += counts;
    }
    attempt_add_failure(a, reason);
    set_until(a, until_us);
    attempt_report(a, "retrying", false);
}

/* A unit that fails for good is a result with its error; the others go on. */
static void unit_failed(struct attempt *a, const char *reason) {
    struct run *run = a->run;
    struct page_facts none = {.total = JOB_UNKNOWN, .count = JOB_UNKNOWN};
    char item[UNITS_LABEL_SIZE];
    attempt_add_failure(a, reason);
    if (a->unit_key[0])
        cJSON_AddStringToObject(a->members, "unit", a->unit_key);
    units_label(run->units, a->page.batch, item);
    str_format(run->unit_error, sizeof run->unit_error, "unit %u (%.120s): %s%s%.200s", a->page.batch, item, reason,
               a->verdict.error[0] || a->err.text[0] ? ": " : "", a->verdict.error[0] ? a->verdict.error : a->err.text);
    log_info("job %s %s", run->id, run->unit_error);
    run->units_failed++;
    run_page_in(run, &a->page, &none, 0);
    a->over = true;
    attempt_report(a, "failed", true);
}

void attempt_page_failed(struct attempt *a, const char *reason) {
    struct run *run = a->run;
    char text[500];
    if (unit_takes_other_way(a)) {
        attempt_add_failure(a, reason);
        cJSON_AddNumberToObject(a->members, "alternative", attempt_due(a)->way);
        attempt_report(a, "retrying", a->status != 0); /* nobody asks this way again: what it answered is kept */
        return;
    }
    if (run->units && a->page.batch) {
        unit_failed(a, reason);
        return;
    }
    attempt_add_failure(a, reason);
    const char *error = a->verdict.error[0] ? a->verdict.error : a->error;
    if (a->page.batch)
        str_format(text, sizeof text, "page %u: %s%s%.400s", a->page.batch, reason, *error ? ": " : "", error);
    else
        str_format(text, sizeof text, "preview: %s%s%.400s", reason, *error ? ": " : "", error);
    run_end(run, PLACE_FAILED, reason, text);
    if (a->page.batch == 0) {
        attempt_end(a); /* the job's own `failed` line tells it all */
        return;
    }
    attempt_due(a)->state = DUE_SEND;
    attempt_report(a, "failed", true);
}

void attempt_page_in_doubt(struct attempt *a) {
    char price[DEC_TEXT_SIZE];
    attempt_due(a)->state = DUE_UNKNOWN;
    paginator_doubt(a->run->paginator, &a->page);
    attempt_add_failure(a, a->verdict.reason);
    dec_format(a->price, price);
    cJSON_AddStringToObject(a->members, "cost", price);
    log_warn("job %s page %u: nobody knows whether it was charged (%s)", a->run->id, a->page.batch, a->verdict.reason);
    attempt_report(a, "charge_unknown", true);
}

/* A 401 to an access token: the page is asked for once more with a new one. Nothing was charged. */
bool attempt_renew_token(struct attempt *a) {
    bool *renewed = a->page.batch ? &attempt_due(a)->renewed : &a->run->preview_renewed;
    bool first = a->status == 401 && a->token_serial && !*renewed;
    if (a->status == 401 && a->token_serial)
        token_drop(a->run->feed, a->token_serial);
    if (a->status)
        *renewed = first;
    if (first)
        attempt_try_again(a, clock_wall_us(), "token", false);
    return first;
}

/* A host that is not there is no fault of the page: a job waits for it. Who asks for a preview or a probe is told at once when it is known to be dead. */
static bool spared(const struct attempt *a) {
    bool dead = governor_dead(a->run->feed->governor);
    return strcmp(a->run->row.mode, "run") == 0 && !a->helper && !attempt_optional(a) && (a->unreachable || (dead && !a->status));
}

/* There is another way: nobody is asked to mend this one, and it is not waited for long. */
static bool optional_over(struct attempt *a) {
    const struct verdict *v = &a->verdict;
    const bool again = v->action == ACTION_RETRY || v->action == ACTION_RATE_LIMITED;
    return v->pause_source || v->action == ACTION_HOLD || (again && a->retry_after_s > OPTIONAL_WAIT_S) ||
           (v->action == ACTION_RATE_LIMITED && attempt_due(a)->retries >= a->run->source->max_retries);
}

/* The error is its group's, and uses up none of the page's retries. */
static void wait_for_group(struct attempt *a) {
    struct run *run = a->run;
    struct due_page *due = attempt_due(a);
    const unsigned own = a->verdict.max_retries, most = own ? own : run->source->max_retries;
    unsigned *used = own ? &due->apart : &due->retries;
    int64_t until = 0;
    const enum group_verdict group = group_failed(a, due, &until);
    if (a->retry_after_s)
        attempt_wait_until(a, 1);
    if (group == GROUP_SPENT) {
        due->ungrouped = true;
        group_error(a->group, a->verdict.error, sizeof a->verdict.error);
        attempt_page_failed(a, "throttled");
    } else if (group == GROUP_PAGE && *used >= most)
        attempt_page_failed(a, a->verdict.reason);
    else {
        *used += group == GROUP_PAGE;
        attempt_try_again(a, until, a->group ? "throttled" : a->verdict.reason, false);
        if (a->group)
            group_park(a, due);
    }
}

void attempt_decide(struct attempt *a) {
    struct run *run = a->run;
    const struct verdict *v = &a->verdict;
    unsigned retries = a->page.batch ? attempt_due(a)->retries : run->preview_retries;
    unsigned *refusals = a->page.batch ? &attempt_due(a)->refusals : &run->preview_refusals;
    limits_judged(a);
    group_judged(a);
    if (!attempt_lane_good(a)) {
        auth_hide(run->source, a->verdict.error);
        secrets_hide(run->feed, a->verdict.error);
        secrets_hide(run->feed, a->error);
        secrets_hide(run->feed, a->request_id);
    }
    if (attempt_optional(a) && a->status && (attempt_lane_good(a) || v->pause_source))
        ready_answered(a->engine, run->source, a->step, a->way, a->status, v->pause_source);
    if (attempt_lane_good(a)) {
        if (a->page.batch)
            page_good(a);
        else if (a->kind == REQUEST_LIST && !delta_first(run)) {
            delta_go_on(run);
            attempt_end(a);
        } else if (split_is_token(a->page.token))
            part_good(a);
        else
            preview_good(a);
        return;
    }
    if (attempt_renew_token(a))
        return;
    if (v->charge == CHARGE_IN_DOUBT && v->action != ACTION_RETRY) {
        if (a->retry_after_s)
            attempt_wait_until(a, 1);
        attempt_page_in_doubt(a);
        return;
    }
    if (attempt_optional(a) && optional_over(a)) {
        attempt_page_failed(a, v->pause_source ? "unauthorized" : v->reason);
        return;
    }
    if (v->pause_source) {
        int64_t until = clock_wall_us() + UNAUTHORIZED_WAIT_US;
        source_secret_names(run->source, &run->source->steps[a->step], a->way, run->feed->refused);
        feed_pause(run->feed, until, "unauthorized");
        attempt_try_again(a, until, "unauthorized", false);
        return;
    }
    switch (v->action) {
    case ACTION_RATE_LIMITED:
        if (attempt_optional(a)) {
            attempt_try_again(a, attempt_wait_until(a, retries + 1), "rate_limited", true);
            return;
        }
        attempt_try_again(a, limits_refused(a, ++*refusals), "rate_limited", false);
        return;
    case ACTION_RETRY:
        if (group_counts(a))
            wait_for_group(a);
        else if (spared(a))
            attempt_try_again(a, clock_wall_us() + (governor_dead(run->feed->governor) ? 0 : run_backoff_us(run, ++*refusals, 0)), v->reason, false);
        else if (v->max_retries && a->page.batch && attempt_due(a)->apart < v->max_retries) {
            const unsigned apart = ++attempt_due(a)->apart;
            attempt_try_again(a, attempt_wait_until(a, apart), v->reason, false);
        } else if ((v->max_retries && a->page.batch) || retries >= run->source->max_retries || (!a->status && !a->helper && governor_dead(run->feed->governor)))
            attempt_page_failed(a, v->reason);
        else
            attempt_try_again(a, attempt_wait_until(a, retries + 1), v->reason, true);
        return;
    case ACTION_HOLD:
        run_end(run, PLACE_HOLD, v->reason, v->error[0] ? v->error : a->error);
        attempt_try_again(a, clock_wall_us(), v->reason, false);
        return;
    case ACTION_IGNORE:
        if (a->page.batch) {
            struct page_facts none = {.total = JOB_UNKNOWN, .count = JOB_UNKNOWN};
            if (run->units) {
                unit_failed(a, "ignored");
                return;
            }
            attempt_add_failure(a, "ignored");
            run_page_in(run, &a->page, &none, 0);
            attempt_report(a, "failed", true);
            return;
        }
        attempt_page_failed(a, v->reason);
        return;
    case ACTION_SUCCESS:
    case ACTION_FAIL:
        attempt_page_failed(a, v->reason);
        return;
    }
}
