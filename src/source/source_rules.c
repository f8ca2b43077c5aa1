// SPDX-License-Identifier: Apache-2.0
#include "source/source_parts.h"

#include <string.h>

#include "base/limits.h"

/* Money, rates and errors of a source (DESIGN 5). */

#define REFRESH_OLDER_THAN_MS (INT64_C(30) * 24 * 3600 * 1000)
#define DAY_MS INT64_C(86400000)
#define BREAKER_FAILURES 5
#define BREAKER_RESET_MS 60000

/* --- money --------------------------------------------------------------------------------------------------------- */

static cJSON *read_overlay(struct check *check, const cJSON *metering, const char *name) {
    static const char *const names[] = {"params", "headers", "json", NULL};
    cJSON *overlay = cJSON_GetObjectItemCaseSensitive(metering, name);
    size_t mark;

    if (overlay == NULL || check->rc != RC_OK) {
        return NULL;
    }
    mark = check_enter(check, name, 0);
    if (check_object(check, overlay, names, NULL)) {
        source_check_overlay(check, overlay);
    }
    check_leave(check, mark);
    return overlay;
}

static void check_overlay_body(struct check *check, const struct source *source, const cJSON *overlay, const char *name) {
    if (cJSON_GetObjectItemCaseSensitive(overlay, "json") != NULL && source->steps[0].ways[0].http.method != NULL &&
        strcmp(source->steps[0].ways[0].http.method, "GET") == 0) {
        (void)check_fail(check, name, "has json, but a GET has no body");
    }
}

/* The name of a time zone; UTC when there is none. */
static void read_zone(struct check *check, const cJSON *object, char out[ZONE_NAME_SIZE]) {
    const cJSON *zone = check_string(check, object, "timezone", ZONE_NAME_SIZE - 1);

    (void)str_copy(out, ZONE_NAME_SIZE, zone != NULL ? zone->valuestring : "UTC");
    if (zone != NULL && !zone_known(out)) {
        (void)check_fail(check, "timezone", "is no time zone that this machine knows; its names are such as \"America/Los_Angeles\" or \"UTC\"");
    }
}

static void read_currency(struct check *check, const cJSON *metering, struct source *source) {
    const cJSON *currency = check_string(check, metering, "currency", 8);
    bool reserve = dec_compare(source->reserve, dec_zero()) != 0;

    if (currency != NULL) {
        if (strlen(currency->valuestring) != 3 || strspn(currency->valuestring, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != 3) {
            (void)check_fail(check, "currency", "must be a code of three letters (ISO 4217) such as \"USD\"");
        }
        (void)str_copy(source->currency, sizeof(source->currency), currency->valuestring);
    } else if (source->has_cost_per_record || source->term_count > 0 || source->has_daily_cost_cap || reserve) {
        (void)check_fail(check, NULL, "needs a currency beside its amounts");
    }
}

/* metering.free_fields, list, by_id, refresh_older_than: what a delta purchase needs. The key is read by then. */
static void read_delta(struct check *check, const cJSON *metering, struct source *source) {
    const cJSON *fields = check_array(check, metering, "free_fields", 1, 32), *field;
    const cJSON *params = source->steps[0].ways[0].http.params;
    struct buf joined = BUF_INIT(4096);
    enum rc rc = RC_OK;

    source->list = read_overlay(check, metering, "list");
    source->by_id = read_overlay(check, metering, "by_id");
    check_overlay_body(check, source, source->list, "list");
    check_overlay_body(check, source, source->by_id, "by_id");
    source->refresh_older_than_ms = REFRESH_OLDER_THAN_MS;
    check_duration(check, metering, "refresh_older_than", 0, &source->refresh_older_than_ms);
    if (fields == NULL) {
        if (source->list != NULL || source->by_id != NULL) {
            (void)check_fail(check, source->list != NULL ? "list" : "by_id", "needs free_fields beside it: what previews list for free");
        }
        return;
    }
    cJSON_ArrayForEach(field, fields) {
        const char *text = cJSON_GetStringValue(field);
        if (text == NULL || *text == '\0' || strpbrk(text, ", ") != NULL) {
            (void)check_fail(check, "free_fields", "must be a list of the names of fields");
            return;
        }
        rc = rc == RC_OK ? buf_printf(&joined, "%s%s", joined.length > 0 ? "," : "", text) : rc;
    }
    source->lists_ids = true;
    source->free_fields = rc == RC_OK ? buf_take(&joined) : NULL;
    buf_release(&joined);
    if (source->free_fields == NULL) {
        (void)check_no_memory(check);
    }
    if (source->preview == NULL) {
        (void)check_fail(check, "free_fields", "needs a preview: ids are listed by it");
    }
    if (source->list == NULL && cJSON_GetObjectItemCaseSensitive(params, "Fields") != NULL) {
        source->fields_param = "Fields";
    }
}

/* What the key and the steps have to say of it. */
static void check_delta(struct check *check, const struct source *source) {
    if (check->rc != RC_OK || !source->lists_ids) {
        return;
    }
    if (source->key_count != 1 || source->primary_key[0][0] != '/') {
        (void)check_fail(check, "free_fields", "needs a primary_key of one Pointer: the id that is listed");
    } else if (source->by_id == NULL && !source_uses(source, "criteria")) {
        (void)check_fail(check, "free_fields", "needs by_id, what asks for records by ${item.ids}: the source does not use ${job.criteria}");
    }
}

/* What an answer of a language model costs: so much a token read, so much a token written. */
static void read_terms(struct check *check, const cJSON *metering, struct source *source) {
    static const char *const names[] = {"path", "price", NULL};
    const cJSON *list = check_array(check, metering, "cost_terms", 1, SOURCE_MAX_TERMS), *term;
    size_t outer = check_enter(check, "cost_terms", 0);

    cJSON_ArrayForEach(term, list) {
        size_t inner = check_enter(check, NULL, source->term_count);
        bool priced = false;

        if (check_object(check, term, names, NULL)) {
            check_pointer(check, term, "path", &source->terms[source->term_count].path);
            check_money(check, term, "price", &source->terms[source->term_count].price, &priced);
        }
        if (check->rc == RC_OK && (source->terms[source->term_count].path == NULL || !priced)) {
            (void)check_fail(check, NULL, "needs path, the JSON Pointer to a count in the answer, and price, the amount for each");
        }
        source->term_count++;
        check_leave(check, inner);
    }
    check_leave(check, outer);
    if (source->term_count > 0 && source->cost_path != NULL) {
        (void)check_fail(check, "cost_terms", "there is cost_path, which tells the cost too: take one of them away");
    }
}

/* What is bought by units is asked for by whatever step is an http. */
static void check_units(struct check *check, const struct source *source) {
    if (check->rc != RC_OK) {
        return;
    }
    if (source->list_count > 0 && (source->preview != NULL || source->count_path != NULL)) {
        (void)check_fail(check, source->preview != NULL ? "preview" : "count_path", "the units are counted, not asked for: it is of sources that have pages");
    }
    if (source->list_count == 0 && source->step_count > 1) {
        (void)check_fail(check, NULL, "a metered source whose units are pages has one step: it is the one that is paid");
    }
}

void source_metering(struct check *check, const cJSON *definition, struct source *source) {
    static const char *const names[] = {
        "preview",           "purchase",    "count_path", "cost_path", "cost_per_record",    "currency", "daily_cost_cap", "reserve", "max_in_flight",
        "on_charge_unknown", "free_fields", "list",       "by_id",     "refresh_older_than", "timezone", "cost_terms",     NULL};
    static const char *const unknown[] = {"hold", "retry", NULL};
    const cJSON *metering = cJSON_GetObjectItemCaseSensitive(definition, "metering");
    unsigned choice = 0;
    bool has_reserve = false;
    size_t mark;

    source->reserve = dec_zero();
    source->max_in_flight = 1;
    (void)str_copy(source->zone, sizeof(source->zone), "UTC");
    if (metering == NULL || check->rc != RC_OK) {
        return;
    }
    source->metered = true;
    mark = check_enter(check, "metering", 0);
    if (check_object(check, metering, names, NULL)) {
        source->preview = read_overlay(check, metering, "preview");
        source->purchase = read_overlay(check, metering, "purchase");
        check_overlay_body(check, source, source->preview, "preview");
        check_overlay_body(check, source, source->purchase, "purchase");
        check_pointer(check, metering, "count_path", &source->count_path);
        check_pointer(check, metering, "cost_path", &source->cost_path);
        check_money(check, metering, "cost_per_record", &source->cost_per_record, &source->has_cost_per_record);
        check_money(check, metering, "daily_cost_cap", &source->daily_cost_cap, &source->has_daily_cost_cap);
        check_money(check, metering, "reserve", &source->reserve, &has_reserve);
        read_terms(check, metering, source);
        read_currency(check, metering, source);
        check_units(check, source);
        read_zone(check, metering, source->zone);
        check_unsigned(check, metering, "max_in_flight", 1, 64, &source->max_in_flight);
        check_choice(check, metering, "on_charge_unknown", unknown, &choice);
        source->retry_unknown = choice == 1;
        read_delta(check, metering, source);
        check_delta(check, source);
    }
    check_leave(check, mark);
}

/* --- rates --------------------------------------------------------------------------------------------------------- */

/* Read each element of a list with a function. */
static void each_of(struct check *check, const cJSON *object, const char *name, unsigned least, unsigned most,
                    void (*read)(struct check *, const cJSON *, struct source *), struct source *source) {
    const cJSON *list = check_array(check, object, name, least, most), *item;
    size_t outer = check_enter(check, name, 0), inner;
    unsigned index = 0;

    cJSON_ArrayForEach(item, list) {
        if (check->rc != RC_OK) {
            break;
        }
        inner = check_enter(check, NULL, index++);
        read(check, item, source);
        check_leave(check, inner);
    }
    check_leave(check, outer);
}

static void read_rate(struct check *check, const cJSON *rate, struct source *source) {
    static const char *const names[] = {"limit", "interval", NULL};
    struct source_rate *out = &source->rates[source->rate_count];

    if (source->rate_count == SOURCE_MAX_RATES) {
        (void)check_fail(check, NULL, "more than %u rates", SOURCE_MAX_RATES);
    }
    if (!check_object(check, rate, names, NULL)) {
        return;
    }
    check_u64(check, rate, "limit", 1, 1000000000, &out->limit);
    check_duration(check, rate, "interval", 1, &out->interval_ms);
    if (out->limit == 0 || out->interval_ms == 0) {
        (void)check_fail(check, NULL, "needs limit and interval");
    }
    source->rate_count++;
}

void source_rates(struct check *check, const cJSON *object, struct source *source) {
    each_of(check, object, "rates", 1, SOURCE_MAX_RATES, read_rate, source);
}

static void read_fixed_window(struct check *check, const cJSON *policy, struct source *source) {
    static const char *const names[] = {"type", "period", "call_limit", "timezone", NULL};
    struct source_window *out = &source->windows[source->window_count];

    if (source->window_count == SOURCE_MAX_WINDOWS) {
        (void)check_fail(check, NULL, "more than %u fixed windows", SOURCE_MAX_WINDOWS);
    }
    if (!check_object(check, policy, names, NULL)) {
        return;
    }
    check_u64(check, policy, "call_limit", 1, 1000000000, &out->limit);
    check_duration(check, policy, "period", 1000, &out->period_ms);
    read_zone(check, policy, out->zone);
    if (out->limit == 0 || out->period_ms == 0) {
        (void)check_fail(check, NULL, "needs period and call_limit");
    } else if (out->period_ms > DAY_MS && out->period_ms % DAY_MS != 0) {
        (void)check_fail(check, "period", "must be whole days when it is longer than one: windows begin at midnight");
    }
    source->window_count++;
}

static void read_policy(struct check *check, const cJSON *policy, struct source *source) {
    static const char *const names[] = {"type", "rates", NULL}, *const types[] = {"moving_window", "fixed_window", NULL};
    unsigned type = 0;

    if (cJSON_IsObject(policy) && cJSON_GetObjectItemCaseSensitive(policy, "type") == NULL) {
        (void)check_fail(check, NULL, "needs a type");
    }
    check_choice(check, policy, "type", types, &type);
    if (type == 1) {
        read_fixed_window(check, policy, source);
        return;
    }
    if (!check_object(check, policy, names, NULL)) {
        return;
    }
    if (cJSON_GetObjectItemCaseSensitive(policy, "rates") == NULL) {
        (void)check_fail(check, NULL, "needs rates");
    }
    source_rates(check, policy, source);
}

static void read_budget(struct check *check, const cJSON *budget, struct source *source) {
    static const char *const names[] = {"policies", "ratelimit_remaining_header", "ratelimit_reset_header", NULL};

    if (!check_object(check, budget, names, NULL)) {
        return;
    }
    source->remaining_header = check_header(check, budget, "ratelimit_remaining_header", false);
    source->reset_header = check_header(check, budget, "ratelimit_reset_header", false);
    each_of(check, budget, "policies", 0, SOURCE_MAX_RATES, read_policy, source);
}

/* What a host is given before it counts as dead. */
static void read_breaker(struct check *check, const cJSON *breaker, struct source *source) {
    static const char *const names[] = {"failures", "reset", NULL};
    size_t mark;

    source->breaker_failures = BREAKER_FAILURES;
    source->breaker_reset_ms = BREAKER_RESET_MS;
    if (breaker == NULL) {
        return;
    }
    mark = check_enter(check, "circuit_breaker", 0);
    if (check_object(check, breaker, names, NULL)) {
        check_unsigned(check, breaker, "failures", 0, 1000, &source->breaker_failures);
        check_duration(check, breaker, "reset", 1000, &source->breaker_reset_ms);
        if (source->breaker_reset_ms > (int64_t)LIMIT_RETRY_AFTER_S * 1000) {
            (void)check_fail(check, "reset", "must be at most an hour");
        }
    }
    check_leave(check, mark);
}

void source_limits(struct check *check, const cJSON *definition, struct source *source) {
    static const char *const names[] = {"default_concurrency", "max_concurrency", NULL};
    const cJSON *budget = cJSON_GetObjectItemCaseSensitive(definition, "api_budget");
    const cJSON *level = cJSON_GetObjectItemCaseSensitive(definition, "concurrency_level");
    size_t mark;

    if (budget != NULL) {
        mark = check_enter(check, "api_budget", 0);
        read_budget(check, budget, source);
        check_leave(check, mark);
    }
    read_breaker(check, cJSON_GetObjectItemCaseSensitive(definition, "circuit_breaker"), source);
    if (level != NULL) {
        mark = check_enter(check, "concurrency_level", 0);
        if (check_object(check, level, names, NULL)) {
            check_unsigned(check, level, "default_concurrency", 1, 1000, &source->default_concurrency);
            check_unsigned(check, level, "max_concurrency", 1, 1000, &source->max_concurrency);
            if (source->max_concurrency > 0 && source->default_concurrency > source->max_concurrency) {
                (void)check_fail(check, "default_concurrency", "is above max_concurrency");
            }
        }
        check_leave(check, mark);
    }
    if (source->default_concurrency == 0) {
        source->default_concurrency = source->max_concurrency == 1 ? 1 : 2;
    }
    if (source->max_concurrency == 0) {
        source->max_concurrency = source->default_concurrency;
    }
}

/* --- errors -------------------------------------------------------------------------------------------------------- */

/* A text, or a list of texts. */
static const cJSON *read_contains(struct check *check, const cJSON *filter) {
    static const char name[] = "error_message_contains";
    const cJSON *contains = cJSON_GetObjectItemCaseSensitive(filter, name), *item;

    if (!cJSON_IsArray(contains)) {
        contains = check_string(check, filter, name, 1024);
        return contains != NULL && contains->valuestring[0] != '\0' ? contains : NULL;
    }
    (void)check_array(check, filter, name, 1, SOURCE_MAX_CONTAINS);
    cJSON_ArrayForEach(item, contains) {
        if (!cJSON_IsString(item) || item->valuestring[0] == '\0' || strlen(item->valuestring) > 1024) {
            (void)check_fail(check, name, "must be a text or a list of texts");
            return NULL;
        }
    }
    return contains;
}

/* "until": "window" needs one. */
static void check_until(struct check *check, const struct source *source, const struct source_filter *filter) {
    if (filter->until_window && filter->action != ACTION_RATE_LIMITED) {
        (void)check_fail(check, "until", "is for the action RATE_LIMITED");
    } else if (filter->until_window && source->window_count == 0) {
        (void)check_fail(check, "until", "needs a policy of type fixed_window in api_budget: it is what is waited for");
    }
}

static void read_filter(struct check *check, const cJSON *filter, struct source *source) {
    static const char *const names[] = {"http_codes", "has", "error_message_contains", "error_message_path", "action", "until", "max_retries",
                                        "throttle",   NULL},
                             *const untils[] = {"window", NULL};
    static const char *const actions[] = {"SUCCESS", "FAIL", "RETRY", "IGNORE", "RATE_LIMITED", "HOLD", NULL}; /* as enum source_action */
    struct source_filter *out = &source->filters[source->filter_count++];
    const cJSON *codes, *code;
    unsigned action = ACTION_FAIL, until = 0;

    if (!check_object(check, filter, names, NULL)) {
        return;
    }
    codes = check_array(check, filter, "http_codes", 1, sizeof(out->http_codes) / sizeof(out->http_codes[0]));
    cJSON_ArrayForEach(code, codes) {
        if (!cJSON_IsNumber(code) || code->valuedouble < 100 || code->valuedouble > 599 || (double)code->valueint < code->valuedouble) {
            (void)check_fail(check, "http_codes", "must be numbers from 100 to 599");
            return;
        }
        out->http_codes[out->code_count++] = code->valueint;
    }
    check_pointer(check, filter, "has", &out->has);
    check_pointer(check, filter, "error_message_path", &out->error_message_path);
    out->error_message_contains = read_contains(check, filter);
    if (cJSON_GetObjectItemCaseSensitive(filter, "action") == NULL) {
        (void)check_fail(check, NULL, "needs an action");
    }
    check_choice(check, filter, "action", actions, &action);
    out->action = (enum source_action)action;
    check_choice(check, filter, "until", untils, &until);
    out->until_window = cJSON_GetObjectItemCaseSensitive(filter, "until") != NULL;
    check_until(check, source, out);
    check_unsigned(check, filter, "max_retries", 1, 1000, &out->max_retries);
    if (out->max_retries > 0 && out->action != ACTION_RETRY) {
        (void)check_fail(check, "max_retries", "is for the action RETRY");
    }
    check_flag(check, filter, "throttle", &out->throttle);
    if (out->throttle && out->action != ACTION_RETRY) {
        (void)check_fail(check, "throttle", "is for the action RETRY");
    }
    if (out->code_count == 0 && out->has == NULL && out->error_message_contains == NULL) {
        (void)check_fail(check, NULL, "needs http_codes, has or error_message_contains: else it is for every answer");
    }
}

static void read_backoff(struct check *check, const cJSON *backoff, struct source *source) {
    static const char *const types[] = {"wait_time_from_header", "constant", "exponential", NULL}; /* as enum source_backoff_type */
    static const char *const header_names[] = {"type", "header", NULL};
    static const char *const constant_names[] = {"type", "backoff_time_in_seconds", "jitter_range_in_seconds", NULL};
    static const char *const exponential_names[] = {"type", "factor", "jitter_range_in_seconds", "max_s", NULL};
    static const char *const *const names[] = {header_names, constant_names, exponential_names};
    struct source_backoff *out = &source->backoffs[source->backoff_count++];
    unsigned type = 0;

    *out = (struct source_backoff){.factor_s = 2, .jitter_s = 1, .max_s = 300, .constant_s = 5};
    if (!cJSON_IsObject(backoff) || cJSON_GetObjectItemCaseSensitive(backoff, "type") == NULL) {
        (void)check_fail(check, NULL, "must be an object with a type");
    }
    check_choice(check, backoff, "type", types, &type);
    out->type = (enum source_backoff_type)type;
    if (!check_object(check, backoff, names[type], NULL)) {
        return;
    }
    check_real(check, backoff, "factor", 0, 3600, &out->factor_s);
    check_real(check, backoff, "jitter_range_in_seconds", 0, 3600, &out->jitter_s);
    check_real(check, backoff, "max_s", 0, 86400, &out->max_s);
    check_real(check, backoff, "backoff_time_in_seconds", 0, 86400, &out->constant_s);
    if (out->type == BACKOFF_WAIT_TIME_FROM_HEADER) {
        const char *header = check_header(check, backoff, "header", false);

        out->header = source_copy(check, header != NULL ? header : "Retry-After");
    }
}

static void default_backoffs(struct check *check, struct source *source) {
    source->backoffs[0] = (struct source_backoff){.type = BACKOFF_WAIT_TIME_FROM_HEADER, .header = source_copy(check, "Retry-After")};
    source->backoffs[1] = (struct source_backoff){.type = BACKOFF_EXPONENTIAL, .factor_s = 2, .jitter_s = 1, .max_s = 300};
    source->backoff_count = 2;
}

void source_errors(struct check *check, const cJSON *definition, struct source *source) {
    static const char *const names[] = {"max_retries", "response_filters", "backoff_strategies", "throttle", NULL};
    const cJSON *handler = cJSON_GetObjectItemCaseSensitive(definition, "error_handler");
    size_t mark;

    source->max_retries = 5;
    if (handler != NULL && check->rc == RC_OK) {
        mark = check_enter(check, "error_handler", 0);
        if (check_object(check, handler, names, NULL)) {
            check_unsigned(check, handler, "max_retries", 0, 100, &source->max_retries);
            each_of(check, handler, "response_filters", 0, SOURCE_MAX_FILTERS, read_filter, source);
            each_of(check, handler, "backoff_strategies", 0, sizeof(source->backoffs) / sizeof(source->backoffs[0]), read_backoff, source);
            source_throttle(check, handler, source);
        }
        check_leave(check, mark);
    }
    if (source->backoff_count == 0 && check->rc == RC_OK) {
        default_backoffs(check, source);
    }
}
