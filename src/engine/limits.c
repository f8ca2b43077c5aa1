// SPDX-License-Identifier: Apache-2.0
#include "engine/attempt_internal.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/zone.h"

#include <stdlib.h>
#include <string.h>

/* A source's limits as its definition has them, what is known of its past, and what each answer teaches. */

#define EVEN_MS 1000        /* limits on so short a time mean even distances to many servers (nginx's limit_req, leaky buckets) */
#define GATE_LEAST_US 20000 /* shorter distances cannot be kept one by one: the loop counts in milliseconds */
#define GATE_MOST_US 1000000
#define RECALLED_MAX ((size_t)100000)

/* Requests leave a little after they are counted (their journal line is made durable first): a window that is a little longer than the source's own keeps it
 * from seeing more than its limit. */
static int64_t window_ms(int64_t interval_ms) {
    int64_t margin = interval_ms / 50;
    return interval_ms + (margin < 20 ? 20 : margin > 250 ? 250 : margin);
}

/* The distance at which requests use up a rate, without its margin. */
static int64_t distance_us(const struct source_rate *rate) {
    return rate->interval_ms * 1000 / (int64_t)rate->limit;
}

/* With it: requests are counted at these distances, and leave at a little less, so that one which the journal kept is made up for. */
static int64_t counted_us(const struct source_rate *rate) {
    return distance_us(rate) + distance_us(rate) / 22;
}

/* The rates that hold: those of the definition, or what a person set in their place. */
struct held {
    const struct source_rate *rates;
    unsigned count, concurrency; /* concurrency 0: as defined */
};

static struct held held_of(const struct feed *feed) {
    const struct steer *steer = control_rate(feed->engine, feed->source->name);
    struct held held = {feed->source->rates, feed->source->rate_count, 0};
    if (steer && steer->rate_count) {
        held.rates = steer->rates;
        held.count = steer->rate_count;
    }
    held.concurrency = steer ? steer->concurrency : 0;
    return held;
}

/* Of the rates on a short time the one that wants the largest distance; NULL: none. */
static const struct source_rate *even_rate(const struct held *held) {
    const struct source_rate *even = NULL;
    for (unsigned i = 0; i < held->count; i++)
        if (held->rates[i].interval_ms <= EVEN_MS && (!even || distance_us(&held->rates[i]) > distance_us(even)))
            even = &held->rates[i];
    return even;
}

/* The same as a window: of one request, or of as many as come within what a timer can tell apart. */
static struct governor_rate even_window(const struct source_rate *rate) {
    int64_t distance = counted_us(rate) + 1;
    uint64_t limit = distance < GATE_LEAST_US ? (uint64_t)(GATE_LEAST_US / distance) + 1 : 1;
    return (struct governor_rate){limit, ((int64_t)limit * distance + 999) / 1000};
}

static void configure_rates(struct feed *feed) {
    const struct source *source = feed->source;
    const struct held held = held_of(feed);
    struct governor_rate rates[SOURCE_MAX_RATES + 1];
    const struct source_rate *even = even_rate(&held);
    unsigned count = 0, most = held.concurrency ? held.concurrency : source->max_concurrency;
    int64_t floor_us = 0;
    for (unsigned i = 0; i < held.count; i++) {
        int64_t distance = counted_us(&held.rates[i]);
        rates[count++] = (struct governor_rate){held.rates[i].limit, window_ms(held.rates[i].interval_ms)};
        floor_us = distance > floor_us ? distance : floor_us;
    }
    if (even)
        rates[count++] = even_window(even);
    if (!governor_configure(feed->governor, rates, count, most))
        log_error("source %s: out of memory for its limits", source->name);
    governor_spread(feed->governor, floor_us);
    governor_adapt(feed->governor, source->metered ? 0 : held.concurrency ? held.concurrency : source->default_concurrency);
    governor_breaker(feed->governor, source->breaker_failures, source->breaker_reset_ms);
}

/* What journals and index know of the windows that the governor does not. */
static void configure_windows(struct feed *feed, int64_t now_us) {
    const struct source *source = feed->source;
    struct governor_window windows[SOURCE_MAX_WINDOWS];
    struct governor_window_state state;
    struct index_sums sums;
    for (unsigned i = 0; i < source->window_count; i++)
        windows[i] = (struct governor_window){source->windows[i].limit, source->windows[i].period_ms, source->windows[i].zone};
    governor_configure_windows(feed->governor, windows, source->window_count, now_us);
    for (unsigned i = 0; governor_window_state(feed->governor, i, now_us, &state); i++)
        if (state.period_ms % INDEX_SPAN_MS == 0 && index_sums(feed->engine->index, source->name, state.begin_us, now_us + 1, &sums, NULL) == RC_OK)
            governor_counted(feed->governor, i, sums.requests);
}

/* --- the past, when the index was lost ---------------------------------------------------------------------------------- */

struct recall {
    const struct feed *feed;
    int64_t since_us;
    int64_t *times;
    size_t count, capacity;
};

static void recall_line(void *context, const struct job_row *row, const struct journal_line *line) {
    struct recall *recall = context;
    (void)row;
    if (line->ts_us < recall->since_us || !index_asked(line) || recall->count == RECALLED_MAX)
        return;
    if (recall->count == recall->capacity) {
        size_t capacity = recall->capacity ? 2 * recall->capacity : 1024;
        int64_t *times = realloc(recall->times, capacity * sizeof *times);
        if (!times)
            return;
        recall->times = times;
        recall->capacity = capacity;
    }
    recall->times[recall->count++] = line->ts_us;
}

static bool recall_job(void *context, const struct job_row *row) {
    struct recall *recall = context;
    struct job_row read;
    if (row->updated_us >= recall->since_us && strcmp(row->source, recall->feed->source->name) == 0)
        job_row_read(recall->feed->engine->spool, row->id, &read, recall_line, recall, NULL);
    return true;
}

static int earlier(const void *a, const void *b) {
    int64_t one = *(const int64_t *)a, other = *(const int64_t *)b;
    return one < other ? -1 : one > other;
}

static void recall_past(struct feed *feed, int64_t now_us) {
    int64_t longest_ms = 0;
    struct index_sums sums;
    const struct held held = held_of(feed);
    for (unsigned i = 0; i < held.count; i++)
        longest_ms = held.rates[i].interval_ms > longest_ms ? held.rates[i].interval_ms : longest_ms;
    for (unsigned i = 0; i < feed->source->window_count; i++)
        if (feed->source->windows[i].period_ms % INDEX_SPAN_MS != 0 && feed->source->windows[i].period_ms > longest_ms)
            longest_ms = feed->source->windows[i].period_ms;
    struct recall recall = {.feed = feed, .since_us = now_us - window_ms(longest_ms) * 1000};
    if (!longest_ms || index_sums(feed->engine->index, feed->source->name, recall.since_us, now_us + 1, &sums, NULL) || !sums.requests)
        return;
    index_jobs(feed->engine->index, PLACE_NONE, "", recall_job, &recall, NULL);
    if (recall.count)
        qsort(recall.times, recall.count, sizeof *recall.times, earlier);
    governor_recall(feed->governor, recall.times, recall.count);
    free(recall.times);
}

void limits_configure(struct feed *feed, bool lost) {
    int64_t now = clock_wall_us();
    configure_rates(feed);
    if (lost)
        recall_past(feed, now);
    configure_windows(feed, now);
}

/* --- the day's money ---------------------------------------------------------------------------------------------------- */

bool limits_today(const struct feed *feed, struct dec *spent, int64_t *day_end_us) {
    const struct source *source = feed->source;
    struct index_sums sums;
    int64_t now = clock_wall_us(), begin_us = zone_day_start_s(source->zone, now / 1000000, 0) * 1000000;
    *day_end_us = zone_day_start_s(source->zone, now / 1000000, 1) * 1000000;
    if (index_sums(feed->engine->index, source->name, begin_us, *day_end_us, &sums, NULL))
        return false;
    struct job_money open;
    if (index_spent(feed->engine->index, source->name, "", &open, NULL))
        return false;
    *spent = dec_add(dec_add(sums.spent, sums.in_doubt), open.open);
    return true;
}

bool limits_may_spend(const struct feed *feed) {
    const struct source *source = feed->source;
    struct dec spent;
    int64_t end_us;
    if (!source->has_daily_cost_cap || !limits_today(feed, &spent, &end_us))
        return true;
    struct dec page = dec_times(source->cost_per_record, source->limit ? source->limit : source->max_limit);
    return dec_compare(dec_add(dec_add(spent, dec_sub(feed->in_flight_price, feed->open_price)), page), dec_sub(source->daily_cost_cap, source->reserve)) <= 0;
}

/* --- what a request teaches --------------------------------------------------------------------------------------------- */

int64_t limits_gate_us(const struct feed *feed, int64_t now_us) {
    const struct held held = held_of(feed);
    const struct source_rate *even = even_rate(&held);
    int64_t gap = governor_gap_us(feed->governor), distance = even ? distance_us(even) : 0;
    gap -= gap / 50;
    distance += distance / 33;
    gap = distance > gap ? distance : gap;
    gap = gap < GATE_MOST_US ? gap : GATE_MOST_US;
    int64_t wait = feed->left_us + gap - now_us;
    return gap < GATE_LEAST_US || wait <= 0 ? 0 : wait < gap ? wait : gap;
}

/* No connection, or no word on one. One page alone that is never answered is not the host's end: its timeout counts when another page's came before. */
static bool unreachable(struct attempt *a) {
    struct feed *feed = a->run->feed;
    bool timeout = strcmp(a->reason, "timeout") == 0;
    if (!a->sent)
        return timeout || strcmp(a->reason, "resolve") == 0 || strcmp(a->reason, "connect") == 0 || strcmp(a->reason, "tls") == 0;
    if (!timeout)
        return false;
    bool same = feed->silent_batch == a->page.batch && strcmp(feed->silent_id, a->run->id) == 0;
    feed->silent_batch = a->page.batch;
    str_copy(feed->silent_id, sizeof feed->silent_id, a->run->id);
    return !same;
}

static void heard_nothing(struct attempt *a) {
    struct feed *feed = a->run->feed;
    char when[CLOCK_RFC3339_SIZE];
    governor_failed(feed->governor);
    if (!unreachable(a))
        return;
    a->unreachable = feed->source->breaker_failures > 0;
    str_format(feed->trouble, sizeof feed->trouble, "%s: %.150s", a->reason, a->error);
    secrets_hide(feed, feed->trouble);
    if (governor_unreachable(feed->governor, clock_wall_us())) {
        clock_format_rfc3339(governor_paused_until_us(feed->governor, NULL), 0, when);
        log_warn("source %s: its host cannot be reached (%s); its jobs wait, one request tries it again from %s on", feed->source->name, feed->trouble, when);
    }
    feed_save(feed);
}

/* A filter may say that such a status is the answer to this page alone, or to its group. */
static bool is_judged(const struct source *source, int status) {
    for (unsigned i = 0; i < source->filter_count; i++)
        for (unsigned j = 0; j < source->filters[i].code_count; j++)
            if ((source->filters[i].action == ACTION_FAIL || source->filters[i].throttle) && source->filters[i].http_codes[j] == status)
                return true;
    return false;
}

void limits_judged(struct attempt *a) {
    if (attempt_optional(a) || a->status < 500 || a->helper || !is_judged(a->run->source, a->status))
        return;
    if (a->verdict.action == ACTION_FAIL)
        governor_succeeded(a->run->feed->governor, clock_wall_us());
    else if (!group_knew(a)) /* of a group that waits already it says nothing new of the source */
        governor_failed(a->run->feed->governor);
}

void limits_heard(struct attempt *a) {
    struct feed *feed = a->run->feed;
    if (attempt_optional(a)) /* another host, of which the source can do without */
        return;
    if (!a->status) {
        heard_nothing(a);
        return;
    }
    feed->silent_id[0] = '\0';
    if (governor_reachable(feed->governor)) {
        log_info("source %s: its host answers again", feed->source->name);
        feed_save(feed);
    }
    if (a->status >= 500 && is_judged(feed->source, a->status))
        return; /* limits_judged */
    if (a->status >= 500 || a->status == 408 || (a->status < 300 && !a->complete))
        governor_failed(feed->governor);
    else if (a->status < 400)
        governor_succeeded(feed->governor, clock_wall_us());
}

/* The source says that its day is used up: ours is then, too, whatever was counted here (others may use the same account). */
static int64_t window_spent_us(struct feed *feed, int64_t now_us) {
    struct governor_window_state state, longest = {.period_ms = 0};
    unsigned window = 0;
    for (unsigned i = 0; governor_window_state(feed->governor, i, now_us, &state); i++)
        if (state.period_ms > longest.period_ms) {
            longest = state;
            window = i;
        }
    governor_counted(feed->governor, window, longest.limit);
    feed_save(feed);
    return longest.end_us;
}

int64_t limits_refused(struct attempt *a, unsigned refusals) {
    struct feed *feed = a->run->feed;
    int64_t now = clock_wall_us();
    if (a->verdict.until_window)
        return window_spent_us(feed, now);
    bool alone = governor_refused(feed->governor, a->sent_us, now);
    unsigned row = governor_refusals(feed->governor);
    int64_t until = now + run_backoff_us(a->run, row > refusals ? row : refusals, a->retry_after_s);
    if (!alone || a->retry_after_s)
        feed_pause(feed, until, "rate_limited");
    return until;
}

/* --- words ---------------------------------------------------------------------------------------------------------------- */

void limits_why(struct feed *feed, const char *reason, char *out, size_t size) {
    struct governor_window_state state;
    int64_t now = clock_wall_us();
    out[0] = '\0';
    if (strcmp(reason, "unauthorized") == 0)
        str_format(out, size, "the source refused its credentials%s%s%s: renew them, then `batchspool reload`", feed->refused[0] ? " (" : "", feed->refused,
                   feed->refused[0] ? ")" : "");
    else if (strcmp(reason, "dead_host") == 0)
        str_format(out, size, "the source's host cannot be reached%s%s; it is tried by one request at a time", feed->trouble[0] ? ": " : "", feed->trouble);
    else if (strcmp(reason, "api_budget") == 0)
        for (unsigned i = 0; governor_window_state(feed->governor, i, now, &state); i++)
            if (state.used >= state.limit && state.end_us == governor_spent_until_us(feed->governor, now))
                str_format(out, size, "source %s: all of its %llu requests are made (api_budget, time zone %s)", feed->source->name,
                           (unsigned long long)state.limit, state.zone);
}
