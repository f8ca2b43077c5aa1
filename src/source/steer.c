// SPDX-License-Identifier: Apache-2.0
#include "source/steer.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/str.h"
#include "source/source_parts.h"

/* What rates and concurrency say, wherever they stand. */
static void read_limits(struct check *check, const cJSON *root, struct steer *steer) {
    struct source *room = calloc(1, sizeof *room); /* it is where rates are read into */
    if (!room) {
        (void)check_no_memory(check);
        return;
    }
    if (cJSON_HasObjectItem(root, "rates"))
        source_rates(check, root, room);
    memcpy(steer->rates, room->rates, sizeof steer->rates);
    steer->rate_count = room->rate_count;
    free(room);
    check_unsigned(check, root, "concurrency", 1, 1000, &steer->concurrency);
}

static void read_text(struct check *check, const cJSON *root, const char *name, char *out, size_t size) {
    const cJSON *item = check_string(check, root, name, size - 1);
    if (!item)
        return;
    for (const unsigned char *at = (const unsigned char *)item->valuestring; *at; at++)
        if (*at < ' ' || *at == 0x7f)
            (void)check_fail(check, name, "has a control character");
    str_copy(out, size, item->valuestring);
}

/* A member that another action has. */
static void refuse(struct check *check, const cJSON *root, const char *name, const char *action) {
    if (cJSON_GetObjectItemCaseSensitive(root, name))
        (void)check_fail(check, name, "goes with action \"%s\" alone", action);
}

void steer_read(struct check *check, const cJSON *root, struct steer *steer) {
    static const char *const names[] = {"source", "mode",  "name",   "created_by", "campaign_id", "priority", "not_before", "notify",
                                        "action", "until", "reason", "rates",      "concurrency", "default",  NULL};
    static const char *const actions[] = {"none", "pause", "resume", "rate", NULL}; /* as enum steer_action */
    unsigned action = STEER_NONE;
    if (!check_object(check, root, names, NULL))
        return;
    check_choice(check, root, "action", actions + 1, &action);
    if (!cJSON_GetObjectItemCaseSensitive(root, "action"))
        (void)check_fail(check, NULL, "needs an action: pause, resume or rate");
    else
        action++;
    if (check->rc)
        return;
    steer->action = (enum steer_action)action;
    const cJSON *until = check_string(check, root, "until", 64);
    if (until && !clock_parse_rfc3339(until->valuestring, &steer->until_us))
        (void)check_fail(check, "until", "must be a time such as \"2026-11-24T06:00:00Z\" (RFC 3339)");
    read_text(check, root, "reason", steer->reason, sizeof steer->reason);
    read_limits(check, root, steer);
    check_flag(check, root, "default", &steer->back);
    if (steer->action != STEER_PAUSE)
        refuse(check, root, "until", "pause");
    if (steer->action != STEER_RATE) {
        refuse(check, root, "rates", "rate");
        refuse(check, root, "concurrency", "rate");
        refuse(check, root, "default", "rate");
    } else if (steer->back == (steer->rate_count || steer->concurrency))
        (void)check_fail(check, NULL, "needs rates or concurrency, or \"default\": true to go back to what the definition says");
}

enum rc steer_parse(const char *file, const char *text, size_t length, struct steer *steer, struct err *err) {
    static const char *const names[] = {"source", "rates", "concurrency", "by", "since", "reason", "job", NULL};
    struct check check;
    *steer = (struct steer){.action = STEER_RATE};
    check_open(&check, file, text, length, &json_rules_config, err);
    if (!check.rc && !cJSON_IsObject(check.root))
        (void)check_fail(&check, NULL, "must be an object");
    if (!check.rc && check_object(&check, check.root, names, NULL))
        read_limits(&check, check.root, steer);
    if (!check.rc && !steer->rate_count && !steer->concurrency)
        (void)check_fail(&check, NULL, "needs rates, such as [{\"limit\": 30, \"interval\": \"PT1M\"}], or concurrency");
    check_release(&check);
    return check.rc;
}

bool steer_rate(const char *text, cJSON *rates) {
    const char *slash = strchr(text, '/');
    char digits[24];
    uint64_t limit;
    int64_t interval_ms;
    if (!slash || !str_duration_ms(slash + 1, &interval_ms) || interval_ms < 1 || !str_format(digits, sizeof digits, "%.*s", (int)(slash - text), text) ||
        !str_to_u64(digits, 1, 1000000000, &limit))
        return false;
    cJSON *rate = cJSON_CreateObject();
    cJSON_AddNumberToObject(rate, "limit", (double)limit);
    cJSON_AddStringToObject(rate, "interval", slash + 1);
    return cJSON_AddItemToArray(rates, rate);
}

void steer_rates_text(const cJSON *rates, char *out, size_t size) {
    const cJSON *rate;
    size_t at = 0;
    out[0] = '\0';
    cJSON_ArrayForEach(rate, rates) {
        const cJSON *limit = cJSON_GetObjectItemCaseSensitive(rate, "limit");
        const char *interval = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(rate, "interval"));
        if (cJSON_IsNumber(limit) && interval && str_format(out + at, size - at, "%s%.0f/%.40s", at ? ", " : "", limit->valuedouble, interval))
            at += strlen(out + at);
    }
}
