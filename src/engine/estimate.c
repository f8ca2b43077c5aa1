// SPDX-License-Identifier: Apache-2.0
#include "engine/estimate.h"

#include "base/clock.h"
#include "source/units.h"

#include <string.h>

#define DAY_US INT64_C(86400000000)
#define SAME_WORK_US 1000000 /* a page that follows another of its job so soon waited for nothing but the work between them */
#define PACE_LEAST 4u        /* pages; fewer may have been the end of a job, which is slower */
#define MOST_MS ((uint64_t)1000 * 365 * 86400 * 100)

/* --- the history in short ------------------------------------------------------------------------------------------- */

/* When the work on a page that closely follows another of its job began: with its request, or with that one's answer. INT64_MAX: it follows none. The first
 * page of a job, which is asked for alone, says nothing of the pace. */
static int64_t began_us(const struct history *history, size_t at) {
    const struct history_page *page = &history->pages[at];
    int64_t asked = page->answered_us - (int64_t)page->took_ms * 1000;
    for (size_t i = at; i-- > 0;) {
        int64_t before = history->pages[i].answered_us;
        if (history->pages[i].job == page->job)
            return asked - before > SAME_WORK_US ? INT64_MAX : before < asked ? before : asked;
    }
    return INT64_MAX;
}

/* Pages of running jobs per second in which at least one was being worked on; 0: nobody knows. */
static double pages_per_s(const struct history *history) {
    int64_t busy = 0, low = INT64_MAX; /* what was counted reaches down to low */
    unsigned pages = 0;
    for (size_t i = history->count; i-- > 0;) {
        int64_t end = history->pages[i].answered_us, began = began_us(history, i);
        pages += began != INT64_MAX;
        end = end < low ? end : low;
        if (began >= end)
            continue;
        busy += end - began;
        low = began;
    }
    return busy > 0 && pages >= PACE_LEAST ? (double)pages * 1e6 / (double)busy : 0;
}

void estimate_pace(const struct history *history, struct estimate_pace *pace) {
    struct dec cost = dec_zero();
    uint64_t bought = 0, took_ms = 0;
    *pace = (struct estimate_pace){.pages = (unsigned)history->count, .price = dec_zero()};
    if (history->count == 0)
        return;
    for (size_t i = 0; i < history->count; i++) {
        const struct history_page *page = &history->pages[i];
        took_ms += page->took_ms;
        pace->most_records = page->records > pace->most_records ? page->records : pace->most_records;
        if (!page->paid)
            continue;
        cost = dec_add(cost, page->cost);
        bought += page->records;
    }
    pace->page_s = (double)took_ms / 1000 / (double)history->count;
    pace->pages_per_s = pages_per_s(history);
    pace->priced = bought > 0;
    if (pace->priced)
        pace->price = dec_share(cost, 1, bought);
}

/* --- the estimate --------------------------------------------------------------------------------------------------- */

static uint64_t pages_of(uint64_t records, uint64_t size) {
    return records / size + (records % size != 0);
}

/* Requests of one job that are in flight together: types whose answers name the next page have one. */
static unsigned width_of(const struct estimate_input *in) {
    const struct source *source = in->source;
    const struct paginator_row *row = paginator_row(source->paginator_type);
    /* One job may use all that the source takes. */
    unsigned width = source->metered ? source->max_in_flight : source->max_concurrency ? source->max_concurrency : source->default_concurrency;
    if (in->by_units) {
        width = in->unit.width && in->unit.width < width ? in->unit.width : width;
        return width ? width : 1;
    }
    if (row == NULL || !row->by_position || width == 0)
        return 1;
    return width < source->max_concurrency || source->max_concurrency == 0 ? width : source->max_concurrency;
}

static double window_s(const struct source *source, uint64_t requests) {
    double longest = 0;
    for (unsigned i = 0; i < source->rate_count && requests > 0; i++) {
        double wait = (double)((requests - 1) / source->rates[i].limit) * (double)source->rates[i].interval_ms / 1000;
        longest = wait > longest ? wait : longest;
    }
    return longest;
}

/* The first page is asked for alone, and a preview before it; then they go in rounds of as many as are in flight together. Units do so from the first on. */
static double own_s(const struct estimate_input *in, uint64_t requests) {
    const struct estimate_pace *pace = &in->pace;
    unsigned width = width_of(in);
    double fastest = width / pace->page_s, rate = pace->pages_per_s > 0 && pace->pages_per_s < fastest ? pace->pages_per_s : fastest;
    double together = rate * pace->page_s + 0.5;
    unsigned abreast = together < 1 ? 1 : (unsigned)together;
    bool preview = in->source->metered && in->source->preview != NULL;
    if (in->by_units)
        return (double)pages_of(requests, abreast) * (abreast / rate);
    uint64_t rest = requests > 0 ? requests - 1 : 0;
    return (preview ? pace->page_s : 0) + (requests > 0 ? (abreast == 1 ? 1 / rate : pace->page_s) : 0) + (double)pages_of(rest, abreast) * (abreast / rate);
}

/* Jobs of one source that run together. */
static unsigned abreast_of(const struct estimate_input *in) {
    unsigned width = width_of(in), most = in->source->max_concurrency / width;
    most = most < in->jobs_at_once ? most : in->jobs_at_once;
    return most > 0 ? most : 1;
}

static double queue_s(const struct estimate_input *in) {
    unsigned abreast = abreast_of(in);
    if (in->queue.jobs < abreast || in->queue.requests == 0)
        return 0; /* it finds a place at once */
    return own_s(in, in->queue.requests) / abreast;
}

/* Days of buying under the cap, and how long it waits for the first hour of the last of them. */
static double days_s(const struct estimate_input *in, struct estimate *out) {
    const struct source *s = in->source;
    if (!s->has_daily_cost_cap || !out->guess.priced)
        return 0;
    struct dec cap = dec_sub(s->daily_cost_cap, s->reserve), left = dec_sub(cap, in->spent_today);
    struct dec before = in->pace.priced ? dec_times(dec_times(in->pace.price, in->queue.requests), in->page_size) : dec_zero();
    struct dec cost = dec_add(out->guess.cost, before);
    out->days = 1;
    if (dec_compare(cost, left) <= 0)
        return 0;
    if (dec_compare(cap, dec_zero()) <= 0) { /* never */
        out->days = 0;
        return -1;
    }
    if (dec_compare(left, dec_zero()) > 0)
        cost = dec_sub(cost, left);
    __extension__ __int128 days = (cost.nano + cap.nano - 1) / cap.nano;
    out->days = days < 1000000 ? (uint64_t)days + (dec_compare(left, dec_zero()) > 0) : 1000000;
    double midnight_s = (double)(DAY_US - in->now_us % DAY_US) / 1e6;
    return midnight_s + 86400.0 * (double)(days < 1000000 ? (int64_t)days - 1 : 999999);
}

static uint64_t times(uint64_t count, unsigned factor) {
    return factor && count > UINT64_MAX / factor ? UINT64_MAX : count * factor;
}

static void set_time(const struct estimate_input *in, struct estimate *out) {
    const unsigned each = in->by_units ? in->unit.requests : 1;
    const uint64_t requests = out->guess.requests, work = in->by_units ? in->records - in->unit.cached : requests, before = times(in->queue.requests, each);
    uint64_t rest = 0;
    const struct estimate_pace *pace = &in->pace;
    bool paced = pace->page_s > 0;
    double wait = paced ? queue_s(in) : 0, own = paced ? own_s(in, work) : 0;
    double bound = window_s(in->source, before + requests), days = days_s(in, out);
    double quota = limits_look_quota_s(in->windows, in->window_count, before + requests, in->now_us, &rest, &out->days);
    double sum = wait + own;
    if ((!paced && bound <= 0 && days <= 0 && quota <= 0) || days < 0)
        return;
    if (bound > sum) {
        wait = window_s(in->source, before + 1);
        sum = bound + (paced ? pace->page_s : 0);
    }
    sum = days > sum ? days : sum;
    if (quota > 0) {
        const double last = paced ? own_s(in, each ? rest / each : 0) : 0, last_bound = window_s(in->source, rest);
        quota += last > last_bound ? last : last_bound;
        sum = quota > sum ? quota : sum;
    }
    out->guess.ms = sum * 1000 < (double)MOST_MS ? (uint64_t)(sum * 1000 + 0.5) : MOST_MS;
    out->queue_ms = wait * 1000 < (double)MOST_MS ? (uint64_t)(wait * 1000 + 0.5) : MOST_MS;
    char *basis = out->guess.basis;
    const size_t size = sizeof out->guess.basis;
    if (paced)
        str_format(basis, size, "history of %u %s", pace->pages, in->by_units ? "units" : "pages");
    else
        str_copy(basis, size, "limits of the definition");
    size_t used = strlen(basis);
    if (in->queue.cut)
        str_format(basis + used, size - used, "; more than %u jobs wait before it", ESTIMATE_QUEUE);
    else if (in->queue.unknown)
        str_format(basis + used, size - used, "; %llu jobs before it are of unknown size", (unsigned long long)in->queue.unknown);
}

static void set_cost(const struct estimate_input *in, struct estimate *out) {
    const struct source *s = in->source;
    out->guess.priced = s->metered && (in->pace.priced || s->has_cost_per_record);
    if (out->guess.priced && in->by_units)
        out->guess.cost = dec_times(in->pace.priced ? in->pace.price : dec_times(s->cost_per_record, in->unit.requests), in->records - in->unit.cached);
    else if (out->guess.priced)
        out->guess.cost = dec_times(in->pace.priced ? in->pace.price : s->cost_per_record, in->records);
}

void estimate_make(const struct estimate_input *in, struct estimate *out) {
    *out = (struct estimate){.guess = {.requests = JOB_UNKNOWN, .records = in->records, .ms = JOB_UNKNOWN, .cost = dec_zero()}, .queue_ms = JOB_UNKNOWN};
    uint64_t size = in->page_size ? in->page_size : in->pace.most_records;
    if (in->records == JOB_UNKNOWN)
        return;
    set_cost(in, out);
    if (in->by_units) {
        out->guess.requests = times(in->records - in->unit.cached, in->unit.requests);
        set_time(in, out);
        return;
    }
    if (size == 0)
        return;
    /* A free search without records is asked all the same. */
    out->guess.requests = in->records == 0 && !in->source->metered ? 1 : pages_of(in->records, size);
    set_time(in, out);
}

/* --- what the index says -------------------------------------------------------------------------------------------- */

/* Of units the queue counts units, which have an outcome when they failed, too. */
static void count_job(struct estimate_queue *queue, const struct job_row *row, uint64_t page_size, bool by_units) {
    const uint64_t done = row->processed_records + (by_units ? row->failed_units : 0);
    uint64_t left = JOB_UNKNOWN;
    if (strcmp(row->mode, "run") != 0 || row->reuses[0] != '\0')
        return;
    if (row->total_records != JOB_UNKNOWN && page_size > 0)
        left = pages_of(row->total_records > done ? row->total_records - done : 0, page_size);
    else if (!by_units && row->guess.requests != JOB_UNKNOWN)
        left = row->guess.requests > row->captured_batches ? row->guess.requests - row->captured_batches : 0;
    queue->jobs++;
    queue->unknown += left == JOB_UNKNOWN;
    queue->requests += left == JOB_UNKNOWN ? 0 : left;
}

struct running {
    const struct source *source;
    const char *job_id;
    uint64_t page_size;
    struct estimate_queue *queue;
};

static bool see_running(void *context, const struct job_row *row) {
    struct running *r = context;
    if (strcmp(row->source, r->source->name) == 0 && strcmp(row->id, r->job_id) != 0)
        count_job(r->queue, row, r->page_size, r->source->list_count > 0);
    return true;
}

static void count_queue(struct index *index, const struct source *source, enum priority priority, const char *job_id, struct estimate_source *out) {
    uint64_t page_size = source->list_count ? 1 : source->limit ? source->limit : out->pace.most_records;
    struct running running = {.source = source, .job_id = job_id, .page_size = page_size, .queue = &out->queue};
    char after[JOBID_SIZE] = "", id[JOBID_SIZE];
    enum priority at = PRIORITY_URGENT;
    unsigned looked = 0;
    index_jobs(index, PLACE_PROCESSING, "", see_running, &running, NULL);
    while (index_next_pending(index, source->name, at, after, id, &at, NULL) == RC_OK) {
        struct job_row row;
        if (at < priority || (at == priority && job_id[0] != '\0' && strcmp(id, job_id) >= 0))
            return;
        out->queue.cut = ++looked > ESTIMATE_QUEUE;
        if (out->queue.cut)
            return;
        if (index_job(index, id, &row, NULL) == RC_OK)
            count_job(&out->queue, &row, page_size, source->list_count > 0);
        str_copy(after, sizeof after, id);
    }
}

void estimate_look(struct index *index, const struct source *source, enum priority priority, const char *job_id, int64_t now_us, struct estimate_source *out) {
    struct history history = {.count = 0};
    struct job_money money;
    char day[CLOCK_RFC3339_SIZE];
    *out = (struct estimate_source){.at_us = now_us, .spent_today = dec_zero()};
    if (index == NULL)
        return;
    index_history(index, source->name, &history, NULL);
    estimate_pace(&history, &out->pace);
    count_queue(index, source, priority, job_id, out);
    clock_format_rfc3339(now_us, 0, day);
    day[strlen("2026-11-23")] = '\0';
    if (source->has_daily_cost_cap && index_spent(index, source->name, day, &money, NULL) == RC_OK)
        out->spent_today = dec_add(money.spent, dec_add(money.in_doubt, money.open));
    out->window_count = limits_look_windows(index, source, now_us, out->windows);
}

static uint64_t records_of(struct index *index, const struct criteria *c, uint64_t total, const char *job_id, char *from, size_t size) {
    const struct reuse_search search = {.source = c->source, .hash = c->hash, .take = c->take, .except_id = job_id};
    char other[JOBID_SIZE];
    uint64_t records = JOB_UNKNOWN;
    if (total != JOB_UNKNOWN) {
        str_copy(from, size, "preview");
        return total < c->take ? total : c->take;
    }
    if (index != NULL && reuse_records(index, &search, &records, other, NULL) == RC_OK)
        str_format(from, size, "job %s", other);
    else if (c->take != JOB_UNKNOWN && c->take <= c->max_records)
        str_copy(from, size, "take");
    else if (c->max_records != JOB_UNKNOWN)
        str_copy(from, size, "max_records");
    return records != JOB_UNKNOWN ? records : c->take < c->max_records ? c->take : c->max_records;
}

/* --- units --------------------------------------------------------------------------------------------------------- */

struct earlier {
    int64_t since_us;
    bool found;
};

static bool see_earlier(void *context, const struct file_row *file) {
    struct earlier *e = context;
    e->found = e->found || (!file->archived_us && file->captured_us >= e->since_us);
    return !e->found;
}

static bool is_cached(struct index *index, const struct source *source, const struct criteria *c, const struct units *units, uint32_t batch, int64_t now_us) {
    struct earlier earlier = {.since_us = now_us - source->unit_cache_ttl_ms * 1000};
    char key[DIGEST_HEX_SIZE];
    cJSON *item = units_item(units, batch);
    if (item && units_key(source, c->json, item, NULL, key, NULL) == RC_OK)
        index_files_by_sha256(index, key, NULL, see_earlier, &earlier, NULL);
    cJSON_Delete(item);
    return earlier.found;
}

/* Of many units some are looked at, at even distances. */
#define LOOKED_AT 128u
static uint64_t count_cached(struct index *index, const struct source *source, const struct criteria *c, const struct units *units, int64_t now_us) {
    const uint64_t looked = units->count < LOOKED_AT ? units->count : LOOKED_AT;
    uint64_t cached = 0;
    if (!index || !source->unit_cache_key || !c->cache)
        return 0;
    for (uint64_t i = 0; i < looked; i++)
        cached += is_cached(index, source, c, units, (uint32_t)(i * units->count / looked) + 1, now_us);
    return cached * units->count / looked;
}

/* False: its lists cannot be read. */
static bool set_units(struct index *index, const struct criteria *c, struct estimate_input *in) {
    const cJSON *own = cJSON_GetObjectItemCaseSensitive(c->json, "concurrency");
    struct units *units;
    if (units_new(in->source, c->json, c->take, &units, NULL))
        return false;
    in->by_units = true;
    in->records = units->count;
    in->unit.requests = units_requests(in->source, c->json);
    in->unit.width = cJSON_IsNumber(own) && own->valuedouble >= 1 && own->valuedouble < 1000 ? (unsigned)own->valuedouble : 0;
    in->unit.cached = units->count ? count_cached(index, in->source, c, units, in->now_us) : 0;
    units_free(units);
    return true;
}

void estimate_job(struct index *index, const struct source *source, const struct criteria *criteria, uint64_t total, const char *job_id,
                  const struct estimate_source *look, unsigned jobs_at_once, struct estimate *estimate) {
    struct estimate_input in = {.source = source,
                                .page_size = paginator_sends_limit(source) ? criteria->batch_size : 0,
                                .pace = look->pace,
                                .queue = look->queue,
                                .jobs_at_once = jobs_at_once,
                                .spent_today = look->spent_today,
                                .now_us = look->at_us};
    char from[sizeof estimate->records_from] = "";
    in.windows = look->windows;
    in.window_count = look->window_count;
    if (source->list_count && set_units(index, criteria, &in))
        str_copy(from, sizeof from, "units");
    else
        in.records = records_of(index, criteria, total, job_id, from, sizeof from);
    estimate_make(&in, estimate);
    str_copy(estimate->records_from, sizeof estimate->records_from, from);
}

/* --- as JSON -------------------------------------------------------------------------------------------------------- */

static void add_number(cJSON *json, const char *name, bool known, double number, bool nulls) {
    if (known)
        cJSON_AddNumberToObject(json, name, number);
    else if (nulls)
        cJSON_AddNullToObject(json, name);
}

static void add_text(cJSON *json, const char *name, const char *text, bool nulls) {
    if (text[0] != '\0')
        cJSON_AddStringToObject(json, name, text);
    else if (nulls)
        cJSON_AddNullToObject(json, name);
}

void estimate_add(const struct estimate *estimate, const struct source *source, bool nulls, cJSON *json) {
    const struct job_guess *guess = &estimate->guess;
    char cost[DEC_TEXT_SIZE] = "";
    if (guess->priced)
        dec_format(guess->cost, cost);
    add_number(json, "requests", guess->requests != JOB_UNKNOWN, (double)guess->requests, nulls);
    add_number(json, "records", guess->records != JOB_UNKNOWN, (double)guess->records, nulls);
    add_text(json, "records_from", estimate->records_from, nulls);
    add_text(json, "cost", cost, nulls && source->metered);
    add_text(json, "currency", guess->priced ? source->currency : "", false);
    add_number(json, "seconds", guess->ms != JOB_UNKNOWN, (double)guess->ms / 1000, nulls);
    add_number(json, "queue_seconds", estimate->queue_ms != JOB_UNKNOWN, (double)estimate->queue_ms / 1000, nulls);
    add_number(json, "days", estimate->days > 0, (double)estimate->days, nulls && source->has_daily_cost_cap);
    add_text(json, "basis", guess->basis, nulls);
}
