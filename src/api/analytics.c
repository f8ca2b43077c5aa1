// SPDX-License-Identifier: Apache-2.0
#include "api/analytics.h"

#include "api/admit.h"
#include "api/follow.h"
#include "api/listing.h"
#include "api/outlook.h"
#include "api/recent.h"
#include "api/trend.h"
#include "base/clock.h"
#include "base/quantile.h"

#include <stdlib.h>
#include <string.h>

#define CURRENCIES 8u
#define USERS 200u
#define HISTORY_US INT64_C(3600000000)
#define HISTORY_MOST 100u

struct took { /* by a job that ended */
    int point;
    int64_t ms;
};

struct times {
    struct took *list;
    size_t count, capacity;
};

struct money {
    char currency[9];
    int64_t records;
    struct dec points[TREND_POINTS], spent, in_doubt, in_flight;
};

struct user {
    const char *name;
    int64_t jobs, records;
    struct dec cost[CURRENCIES];
};

struct figures {
    const char *source, *owner; /* NULL: all */
    struct trend_span span;
    int64_t window_s, now_us;
    uint64_t counts[PLACE_COUNT], completed, failed;
    struct queue queue;
    struct trend_sums points[TREND_POINTS], sums;
    uint64_t completed_at[TREND_POINTS], failed_at[TREND_POINTS];
    struct times processing, waiting;
    struct money money[CURRENCIES];
    size_t money_count;
    struct user users[USERS];
    size_t user_count;
};

/* --- counting ----------------------------------------------------------------------------------------------------------- */

/* What cannot be kept for want of memory is left out of the quantiles. */
static void times_add(struct times *times, int point, int64_t us) {
    if (times->count == times->capacity) {
        const size_t capacity = times->capacity ? times->capacity * 2 : 256;
        struct took *list = realloc(times->list, capacity * sizeof *list);
        if (!list)
            return;
        times->list = list;
        times->capacity = capacity;
    }
    times->list[times->count++] = (struct took){point, us > 0 ? us / 1000 : 0};
}

static struct money *money_of(struct figures *f, const char *currency) {
    for (size_t i = 0; i < f->money_count; i++)
        if (strcmp(f->money[i].currency, currency) == 0)
            return &f->money[i];
    if (!*currency || f->money_count == CURRENCIES)
        return NULL;
    struct money *money = &f->money[f->money_count++];
    str_copy(money->currency, sizeof money->currency, currency);
    return money;
}

/* NULL: there are too many. */
static struct user *user_of(struct figures *f, const char *name) {
    for (size_t i = 0; i < f->user_count; i++) /* the board has each name once */
        if (f->users[i].name == name)
            return &f->users[i];
    for (size_t i = 0; i < f->user_count; i++)
        if (strcmp(f->users[i].name, name) == 0)
            return &f->users[i];
    if (f->user_count == USERS)
        return NULL;
    f->users[f->user_count] = (struct user){.name = name};
    return &f->users[f->user_count++];
}

/* Of a job that ended in the window. */
static void count_end(struct figures *f, const struct board_row *row, int point) {
    if (row->place == PLACE_FAILED) {
        f->failed++;
        f->failed_at[point]++;
        return;
    }
    f->completed++;
    f->completed_at[point]++;
    if (row->started_us) /* others had nothing to ask for */
        times_add(&f->processing, point, row->completed_us - row->started_us);
}

static void count_job(struct figures *f, const struct board_row *row) {
    static const struct dec zero = {0};
    uint64_t none[PLACE_COUNT] = {0};
    const bool active = row->updated_us >= f->span.from_us;
    listing_count(row, &f->queue, active ? f->counts : none);
    if (dec_compare(row->cost_in_doubt, zero) != 0 || dec_compare(row->cost_open, zero) != 0) {
        struct money *money = money_of(f, row->currency);
        if (money) {
            money->in_doubt = dec_add(money->in_doubt, row->cost_in_doubt);
            money->in_flight = dec_add(money->in_flight, row->cost_open);
        }
    }
    if (!active)
        return;
    struct user *user = user_of(f, row->owner);
    if (user)
        user->jobs++;
    const int ended = row->place == PLACE_PROCESSED || row->place == PLACE_FAILED ? trend_point(&f->span, row->completed_us) : -1;
    if (ended >= 0)
        count_end(f, row, ended);
    const int begun = row->started_us ? trend_point(&f->span, row->started_us) : -1;
    if (begun >= 0)
        times_add(&f->waiting, begun, row->started_us - row->created_us);
}

static void count_jobs(struct figures *f, const struct board *board) {
    for (size_t i = 0; i < board_count(board); i++) {
        const struct board_row *row = board_at(board, i);
        if (row->runs && (!f->source || strcmp(row->source, f->source) == 0) && (!f->owner || strcmp(row->owner, f->owner) == 0))
            count_job(f, row);
    }
}

static void count_pair(void *context, const char *source, const char *owner, const char *currency, const struct trend_sums *points) {
    struct figures *f = context;
    struct money *money = money_of(f, currency);
    struct user *user = user_of(f, owner);
    (void)source;
    for (unsigned i = 0; i < f->span.count; i++) {
        const struct trend_sums *point = &points[i];
        f->points[i].captured += point->captured;
        f->points[i].loaded += point->loaded;
        f->sums.captured += point->captured;
        f->sums.loaded += point->loaded;
        f->sums.errors += point->errors;
        f->sums.batches += point->batches;
        if (user)
            user->records += point->captured;
        if (!money)
            continue;
        money->records += point->captured;
        money->points[i] = dec_add(money->points[i], point->cost);
        money->spent = dec_add(money->spent, point->cost);
        if (user)
            user->cost[money - f->money] = dec_add(user->cost[money - f->money], point->cost);
    }
}

/* --- telling ------------------------------------------------------------------------------------------------------------ */

static void add_time(cJSON *json, const char *name, int64_t us) {
    char text[CLOCK_RFC3339_SIZE];
    clock_format_rfc3339(us, 0, text);
    cJSON_AddStringToObject(json, name, text);
}

static void add_amount(cJSON *json, const char *name, struct dec amount) {
    char text[DEC_TEXT_SIZE];
    dec_format(amount, text);
    cJSON_AddStringToObject(json, name, text);
}

static double count_of(int64_t count) {
    return count > 0 ? (double)count : 0;
}

static void add_ratio(cJSON *json, const char *name, uint64_t part, uint64_t whole) {
    if (whole)
        cJSON_AddNumberToObject(json, name, (double)part / (double)whole);
    else
        cJSON_AddNullToObject(json, name);
}

static cJSON *series_json(const struct figures *f) {
    cJSON *list = cJSON_CreateArray();
    for (unsigned i = 0; i < f->span.count; i++) {
        cJSON *json = cJSON_CreateObject();
        add_time(json, "t", f->span.first_us + (int64_t)i * f->span.width_us);
        cJSON_AddNumberToObject(json, "captured", count_of(f->points[i].captured));
        cJSON_AddNumberToObject(json, "loaded", count_of(f->points[i].loaded));
        cJSON_AddNumberToObject(json, "completed", (double)f->completed_at[i]);
        cJSON_AddNumberToObject(json, "failed", (double)f->failed_at[i]);
        cJSON *cost = cJSON_AddObjectToObject(json, "cost");
        for (size_t m = 0; m < f->money_count; m++)
            if (dec_compare(f->money[m].points[i], dec_zero()) != 0)
                add_amount(cost, f->money[m].currency, f->money[m].points[i]);
        cJSON_AddItemToArray(list, json);
    }
    return list;
}

static void add_quantiles(cJSON *json, int64_t *values, size_t count) {
    static const struct {
        const char *name;
        double share;
    } quantiles[] = {{"p50", 0.5}, {"p90", 0.9}};
    for (size_t i = 0; i < sizeof quantiles / sizeof quantiles[0]; i++)
        if (count)
            cJSON_AddNumberToObject(json, quantiles[i].name, (double)quantile_of(values, count, quantiles[i].share));
        else
            cJSON_AddNullToObject(json, quantiles[i].name);
}

/* {"p50", "p90", "series"}: the values by their points, one after the other, then all. */
static cJSON *times_json(const struct figures *f, const struct times *times) {
    size_t starts[TREND_POINTS + 1] = {0}, at[TREND_POINTS];
    int64_t *values = times->count ? malloc(times->count * sizeof *values) : NULL;
    cJSON *json = cJSON_CreateObject(), *series = cJSON_CreateArray();
    for (size_t i = 0; values && i < times->count; i++)
        starts[times->list[i].point + 1]++;
    for (unsigned i = 0; i < f->span.count; i++) {
        starts[i + 1] += starts[i];
        at[i] = starts[i];
    }
    for (size_t i = 0; values && i < times->count; i++)
        values[at[times->list[i].point]++] = times->list[i].ms;
    for (unsigned i = 0; i < f->span.count; i++) {
        cJSON *point = cJSON_CreateObject();
        add_time(point, "t", f->span.first_us + (int64_t)i * f->span.width_us);
        add_quantiles(point, values ? &values[starts[i]] : NULL, starts[i + 1] - starts[i]);
        cJSON_AddItemToArray(series, point);
    }
    add_quantiles(json, values, values ? times->count : 0);
    cJSON_AddItemToObject(json, "series", series);
    free(values);
    return json;
}

/* Of the daily caps of sources, as the daemon's index has them. */
static cJSON *caps_json(const struct figures *f, const struct outlook_view *view) {
    static const char *const names[][2] = {{"cap", "daily_cost_cap"}, {"spent", "used_today"},  {"in_doubt", "in_doubt_today"},
                                           {"left", "left_today"},    {"currency", "currency"}, {"resets_at", "resets_at"}};
    cJSON *list = cJSON_CreateArray();
    const cJSON *source;
    cJSON_ArrayForEach(source, view->sources) {
        const char *name = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(source, "source"));
        const cJSON *daily = cJSON_GetObjectItemCaseSensitive(cJSON_GetObjectItemCaseSensitive(source, "limits"), "daily_cost");
        if (!daily || (f->source && strcmp(f->source, name) != 0))
            continue;
        cJSON *json = cJSON_CreateObject();
        cJSON_AddStringToObject(json, "source", name);
        for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
            cJSON_AddItemToObject(json, names[i][1], cJSON_Duplicate(cJSON_GetObjectItemCaseSensitive(daily, names[i][0]), true));
        cJSON_AddItemToObject(json, "reserve", cJSON_Duplicate(cJSON_GetObjectItemCaseSensitive(source, "reserve"), true));
        cJSON_AddItemToArray(list, json);
    }
    return list;
}

/* Of the configuration, for all sources of a currency together; their day is that of UTC. */
static cJSON *currency_caps_json(const struct figures *f, const struct api *api) {
    char name[sizeof api->options->caps->currency + 1], day[CLOCK_RFC3339_SIZE];
    cJSON *list = cJSON_CreateArray();
    clock_format_rfc3339(f->now_us, 0, day);
    day[strlen("2026-11-23")] = '\0';
    for (unsigned i = 0; i < api->options->cap_count; i++) {
        const struct cost_cap *cap = &api->options->caps[i];
        struct job_money today;
        struct err err = {0};
        str_format(name, sizeof name, "@%s", cap->currency);
        if (index_spent(follow_index(api->follow), name, day, &today, &err))
            continue;
        const struct dec used = dec_add(dec_add(today.spent, today.in_doubt), today.open), left = dec_sub(cap->cap, used);
        cJSON *json = cJSON_CreateObject();
        cJSON_AddStringToObject(json, "currency", cap->currency);
        add_amount(json, "daily_cost_cap", cap->cap);
        add_amount(json, "used_today", used);
        add_amount(json, "left_today", dec_compare(left, dec_zero()) > 0 ? left : dec_zero());
        cJSON_AddItemToArray(list, json);
    }
    return list;
}

static cJSON *cost_json(const struct figures *f, const struct api *api, const struct outlook_view *view) {
    cJSON *json = cJSON_CreateObject(), *totals = cJSON_AddArrayToObject(json, "totals");
    for (size_t i = 0; i < f->money_count; i++) {
        const struct money *money = &f->money[i];
        cJSON *total = cJSON_CreateObject();
        cJSON_AddStringToObject(total, "currency", money->currency);
        cJSON_AddNumberToObject(total, "records", count_of(money->records));
        add_amount(total, "spent", money->spent);
        add_amount(total, "in_doubt", money->in_doubt);
        add_amount(total, "in_flight", money->in_flight);
        cJSON_AddItemToArray(totals, total);
    }
    cJSON_AddItemToObject(json, "caps", caps_json(f, view));
    cJSON_AddItemToObject(json, "daily_cost_caps", currency_caps_json(f, api));
    return json;
}

static int by_records(const void *a, const void *b) {
    const struct user *x = a, *y = b;
    if (x->records != y->records)
        return x->records < y->records ? 1 : -1;
    return x->jobs != y->jobs ? (x->jobs < y->jobs ? 1 : -1) : strcmp(x->name, y->name);
}

static cJSON *users_json(struct figures *f) {
    cJSON *list = cJSON_CreateArray();
    if (f->user_count)
        qsort(f->users, f->user_count, sizeof f->users[0], by_records);
    for (size_t i = 0; i < f->user_count; i++) {
        const struct user *user = &f->users[i];
        cJSON *json = cJSON_CreateObject();
        cJSON_AddStringToObject(json, "name", user->name);
        cJSON_AddNumberToObject(json, "jobs", (double)user->jobs);
        cJSON_AddNumberToObject(json, "records", count_of(user->records));
        cJSON *cost = cJSON_AddObjectToObject(json, "cost");
        for (size_t m = 0; m < f->money_count; m++)
            if (dec_compare(user->cost[m], dec_zero()) != 0)
                add_amount(cost, f->money[m].currency, user->cost[m]);
        cJSON_AddItemToArray(list, json);
    }
    return list;
}

static cJSON *figures_json(struct figures *f, struct api *api) {
    const uint64_t ended = f->completed + f->failed;
    const double hours = (double)f->window_s / 3600;
    const struct outlook_view view = outlook_now(api->outlook);
    cJSON *json = cJSON_CreateObject();
    cJSON_AddNumberToObject(json, "window_s", (double)f->window_s);
    add_time(json, "from", f->span.from_us);
    cJSON_AddItemToObject(json, "counts", listing_counts_json(f->counts));
    cJSON_AddNumberToObject(json, "finished", (double)ended);
    add_ratio(json, "success_rate", f->completed, ended);
    add_ratio(json, "error_rate", f->failed, ended);
    cJSON *records = cJSON_AddObjectToObject(json, "records");
    cJSON_AddNumberToObject(records, "captured", count_of(f->sums.captured));
    cJSON_AddNumberToObject(records, "loaded", count_of(f->sums.loaded));
    cJSON_AddNumberToObject(records, "errors", count_of(f->sums.errors));
    cJSON *throughput = cJSON_AddObjectToObject(json, "throughput");
    cJSON_AddNumberToObject(throughput, "records_per_hour", count_of(f->sums.captured) / hours);
    cJSON_AddNumberToObject(throughput, "batches_per_hour", count_of(f->sums.batches) / hours);
    cJSON_AddItemToObject(json, "series", series_json(f));
    cJSON_AddItemToObject(json, "processing_time_ms", times_json(f, &f->processing));
    cJSON_AddItemToObject(json, "waiting_time_ms", times_json(f, &f->waiting));
    cJSON_AddItemToObject(json, "queue", queue_json(&f->queue, f->now_us));
    cJSON_AddItemToObject(json, "cost", cost_json(f, api, &view));
    cJSON_AddItemToObject(json, "users", users_json(f));
    cJSON_AddItemToObject(json, "history", recent_json(api->recent, f->now_us - HISTORY_US, f->source, f->owner, HISTORY_MOST));
    return json;
}

/* An empty parameter is none. */
static const char *given(const struct request *r, const char *name) {
    const char *text = request_query(r, name);
    return text && *text ? text : NULL;
}

void analytics(struct request *r) {
    const char *window = given(r, "window"), *own = admit_owner(&r->who);
    int64_t window_s = 86400;
    if (window && !trend_window(window, &window_s)) {
        reply_problem(r, 400, "window must be minutes, hours or days up to 31d: 90m, 24h, 7d");
        return;
    }
    struct figures *f = calloc(1, sizeof *f);
    if (!f) {
        reply_later(r, 1, "out of memory");
        return;
    }
    f->source = given(r, "source");
    f->owner = own ? own : given(r, "owner");
    f->window_s = window_s;
    f->now_us = clock_wall_us();
    f->span = trend_span(window_s, f->now_us);
    count_jobs(f, r->api->board);
    trend_each(r->api->trend, &f->span, f->source, f->owner, count_pair, f);
    reply_json(r, 200, figures_json(f, r->api));
    free(f->processing.list);
    free(f->waiting.list);
    free(f);
}
