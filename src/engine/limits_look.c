// SPDX-License-Identifier: Apache-2.0
#include "engine/limits_look.h"

#include "base/clock.h"
#include "base/zone.h"
#include "net/governor.h"

#include <stdlib.h>

#define DAY_MS INT64_C(86400000)
#define GOVERNOR_BYTES 65536 /* the most that is kept of one */

static bool stand(struct index *index, const struct source *source, struct governor *governor, int64_t now_us) {
    struct governor_rate rates[SOURCE_MAX_RATES];
    struct governor_window windows[SOURCE_MAX_WINDOWS];
    struct governor_window_state state;
    struct index_sums sums;
    size_t length = GOVERNOR_BYTES;
    char *blob = malloc(length);
    bool good = blob && (index_get_governor(index, source->name, blob, &length, NULL) != RC_OK || governor_load(governor, blob, length));
    free(blob);
    for (unsigned i = 0; i < source->rate_count; i++)
        rates[i] = (struct governor_rate){source->rates[i].limit, source->rates[i].interval_ms};
    for (unsigned i = 0; i < source->window_count; i++)
        windows[i] = (struct governor_window){source->windows[i].limit, source->windows[i].period_ms, source->windows[i].zone};
    good = good && governor_configure(governor, rates, source->rate_count, source->max_concurrency) &&
           governor_configure_windows(governor, windows, source->window_count, now_us);
    governor_adapt(governor, source->metered ? 0 : source->default_concurrency);
    for (unsigned i = 0; good && governor_window_state(governor, i, now_us, &state); i++)
        if (state.period_ms % INDEX_SPAN_MS == 0 && index_sums(index, source->name, state.begin_us, now_us + 1, &sums, NULL) == RC_OK)
            governor_counted(governor, i, sums.requests);
    return good;
}

static void add_time(cJSON *json, const char *name, int64_t us) {
    char when[CLOCK_RFC3339_SIZE];
    clock_format_rfc3339(us, 0, when);
    cJSON_AddStringToObject(json, name, when);
}

static cJSON *add_budget(cJSON *list, const char *type, uint64_t limit, uint64_t used, int64_t span_ms) {
    cJSON *json = cJSON_CreateObject();
    cJSON_AddStringToObject(json, "type", type);
    cJSON_AddNumberToObject(json, "limit", (double)limit);
    cJSON_AddNumberToObject(json, "seconds", (double)span_ms / 1000);
    cJSON_AddNumberToObject(json, "used", (double)used);
    cJSON_AddNumberToObject(json, "left", used < limit ? (double)(limit - used) : 0);
    cJSON_AddItemToArray(list, json);
    return json;
}

static void add_budgets(const struct source *source, struct governor *governor, int64_t now_us, cJSON *list) {
    struct governor_window_state state;
    uint64_t used;
    int64_t next_us;
    for (unsigned i = 0; governor_rate_state(governor, i, now_us, &used, &next_us); i++)
        add_budget(list, "moving_window", source->rates[i].limit, used, source->rates[i].interval_ms);
    for (unsigned i = 0; governor_window_state(governor, i, now_us, &state); i++) {
        cJSON *json = add_budget(list, "fixed_window", state.limit, state.used, state.period_ms);
        cJSON_AddStringToObject(json, "timezone", state.zone);
        add_time(json, "resets_at", state.end_us);
    }
}

static void add_amount(cJSON *json, const char *name, struct dec amount) {
    char text[DEC_TEXT_SIZE];
    dec_format(amount, text);
    cJSON_AddStringToObject(json, name, text);
}

static void add_cost(struct index *index, const struct source *source, int64_t now_us, cJSON *limits) {
    struct index_sums sums;
    int64_t begin_us = zone_day_start_s(source->zone, now_us / 1000000, 0) * 1000000, end_us = zone_day_start_s(source->zone, now_us / 1000000, 1) * 1000000;
    if (!source->has_daily_cost_cap || index_sums(index, source->name, begin_us, end_us, &sums, NULL))
        return;
    struct dec left = dec_sub(dec_sub(source->daily_cost_cap, source->reserve), dec_add(sums.spent, sums.in_doubt));
    cJSON *json = cJSON_AddObjectToObject(limits, "daily_cost");
    add_amount(json, "cap", source->daily_cost_cap);
    add_amount(json, "spent", sums.spent);
    add_amount(json, "in_doubt", sums.in_doubt);
    add_amount(json, "left", dec_compare(left, dec_zero()) > 0 ? left : dec_zero());
    cJSON_AddStringToObject(json, "currency", source->currency);
    cJSON_AddStringToObject(json, "timezone", source->zone);
    add_time(json, "resets_at", end_us);
}

cJSON *limits_look_json(struct index *index, const struct source *source) {
    struct governor *governor = governor_new();
    int64_t now_us = clock_wall_us();
    cJSON *json = NULL;
    const char *reason = "";
    if (index && governor && stand(index, source, governor, now_us)) {
        int64_t until_us = governor_paused_until_us(governor, &reason);
        bool paused = until_us > now_us;
        json = cJSON_CreateObject();
        cJSON_AddNumberToObject(json, "concurrency", governor_concurrency(governor));
        cJSON_AddNumberToObject(json, "max_concurrency", source->max_concurrency);
        cJSON_AddStringToObject(json, "circuit_breaker", !governor_dead(governor) ? "closed" : paused ? "open" : "trying");
        if (governor_gap_us(governor) > 0)
            cJSON_AddNumberToObject(json, "learned_distance_s", (double)governor_gap_us(governor) / 1e6);
        if (paused) {
            cJSON_AddStringToObject(json, "paused", reason);
            add_time(json, "paused_until", until_us);
        }
        add_budgets(source, governor, now_us, cJSON_AddArrayToObject(json, "budgets"));
        add_cost(index, source, now_us, json);
    }
    governor_free(governor);
    return json;
}

unsigned limits_look_windows(struct index *index, const struct source *source, int64_t now_us, struct limits_window out[SOURCE_MAX_WINDOWS]) {
    struct governor_window_state state;
    unsigned count = 0;
    struct governor *governor = index && source->window_count ? governor_new() : NULL;
    if (governor && stand(index, source, governor, now_us))
        for (; governor_window_state(governor, count, now_us, &state); count++)
            out[count] = (struct limits_window){state.limit, state.used, state.period_ms, state.end_us};
    governor_free(governor);
    return count;
}

double limits_look_quota_s(const struct limits_window *windows, unsigned count, uint64_t requests, int64_t now_us, uint64_t *rest, uint64_t *days) {
    double longest = 0;
    for (unsigned i = 0; i < count; i++) {
        const struct limits_window *w = &windows[i];
        const uint64_t left = w->used < w->limit ? w->limit - w->used : 0;
        if (requests <= left || w->limit == 0)
            continue;
        const uint64_t later = (requests - left - 1) / w->limit + 1; /* windows after this one */
        const double until_s = (double)(w->end_us - now_us) / 1e6 + (double)(later - 1) * (double)w->period_ms / 1000;
        const uint64_t taken = w->period_ms == DAY_MS ? later + (left > 0) : 0;
        *days = taken > *days ? taken : *days;
        if (until_s <= longest)
            continue;
        longest = until_s;
        *rest = requests - left - (later - 1) * w->limit;
    }
    return longest;
}
