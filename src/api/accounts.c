// SPDX-License-Identifier: Apache-2.0
#include "api/accounts.h"

#include "api/admit.h"
#include "api/api.h"
#include "api/jobs.h"
#include "api/submission.h"
#include "api/webaudit.h"
#include "base/clock.h"
#include "base/limits.h"
#include "engine/audit.h"
#include "engine/money.h"

#include <stdlib.h>
#include <string.h>

#define LIMIT_DEFAULT 50u
#define LIMIT_MOST 500u
#define EVENTS_MOST 32u
#define SKIP_MOST 10000000u

static bool take_time(struct request *r, const char *name, bool until, int64_t *us) {
    const char *text = request_query(r, name);
    if (!text || !*text || period_time(text, until, us))
        return true;
    reply_problem(r, 400, "%s " PERIOD_HOW, name);
    return false;
}

static bool take_period(struct request *r, struct period *period) {
    period_init(period);
    return take_time(r, "since", false, &period->since_us) && take_time(r, "until", true, &period->until_us);
}

static const char *given(const struct request *r, const char *name) {
    const char *text = request_query(r, name);
    return text && *text ? text : NULL;
}

/* --- money -------------------------------------------------------------------------------------------------------------- */

void accounts_money(struct request *r) {
    struct money_options options = {.by = MONEY_BY_SOURCE,
                                    .source = given(r, "source"),
                                    .campaign = given(r, "campaign"),
                                    .owner = admit_owner(&r->who),
                                    .caps = r->api->options->caps,
                                    .cap_count = r->api->options->cap_count};
    struct money *money;
    struct err err = {0};
    if (given(r, "by") && !money_by_parse(given(r, "by"), &options.by)) {
        reply_problem(r, 400, "by must be source, campaign, owner, day or job");
        return;
    }
    if (!take_period(r, &options.period) || !submission_sources(r))
        return;
    enum rc rc = money_read(r->api->spool, r->api->sources, &options, NULL, NULL, &money, &err);
    if (rc) {
        reply_rc(r, rc, &err);
        return;
    }
    reply_json_cached(r, money_json(money));
    money_free(money);
}

/* --- audit -------------------------------------------------------------------------------------------------------------- */

/* "<until>.<skip>": what came since the first page does not move the others. */
static bool take_cursor(struct request *r, struct period *period, uint64_t *skip) {
    char text[64];
    int64_t until_us;
    const char *cursor = given(r, "cursor");
    *skip = 0;
    if (!cursor)
        return true;
    char *point = str_copy(text, sizeof text, cursor) ? strchr(text, '.') : NULL;
    if (point)
        *point = '\0';
    if (point && str_to_i64(text, 0, INT64_MAX, &until_us) && str_to_u64(point + 1, 0, SKIP_MOST, skip)) {
        period->until_us = until_us;
        return true;
    }
    reply_problem(r, 400, "cursor is none that was given out here");
    return false;
}

struct names {
    char text[1400];
    const char *list[EVENTS_MOST];
    size_t count;
};

static bool take_events(struct request *r, struct names *names) {
    const char *given_names = given(r, "event");
    char *rest = names->text;
    names->count = 0;
    if (!given_names)
        return true;
    if (!str_copy(names->text, sizeof names->text, given_names)) {
        reply_problem(r, 400, "event is too long");
        return false;
    }
    while (rest && names->count < EVENTS_MOST) {
        names->list[names->count++] = rest;
        rest = strchr(rest, ',');
        if (rest)
            *rest++ = '\0';
    }
    if (!rest)
        return true;
    reply_problem(r, 400, "event: at most %u at once", EVENTS_MOST);
    return false;
}

/* What was done through this program and left no trace in a journal: web/audit.ndjson. */
struct web_acts {
    struct audit *audit;
    const struct audit_options *options;
    uint64_t number;
    enum rc rc;
    struct err *err;
};

static const char *member(const cJSON *json, const char *name) {
    const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, name));
    return text ? text : "";
}

/* A key's line has "NAME by key ID"; that of who signs in says nobody, and whom in its target. */
static bool act_is_by(const cJSON *json, const char *wanted) {
    const char *by = member(json, "by");
    const size_t length = wanted ? strlen(wanted) : 0;
    if (!wanted || strcmp(by, wanted) == 0 || (strncmp(by, wanted, length) == 0 && strncmp(by + length, " by key ", 8) == 0))
        return true;
    if (strcmp(by, "nobody") == 0)
        return strcmp(member(json, "target"), wanted) == 0;
    return strcmp(wanted, strcmp(member(json, "client"), "command") == 0 ? "command line" : "web") == 0;
}

static bool act_is_wanted(const struct audit_options *options, const cJSON *json, int64_t ts_us) {
    const char *act = member(json, "act");
    bool wanted = options->event_count == 0;
    for (size_t i = 0; i < options->event_count; i++)
        wanted = wanted || strcmp(options->events[i], act) == 0;
    if (!*act || !wanted || options->job || options->campaign || !period_has(&options->period, ts_us) || !act_is_by(json, options->by))
        return false;
    return !options->source || (strncmp(act, "source.", 7) == 0 && strcmp(member(json, "target"), options->source) == 0);
}

static bool add_act(void *context, struct slice line) {
    struct web_acts *acts = context;
    int64_t ts_us;
    cJSON *json = cJSON_ParseWithLength(line.data, line.length);
    acts->number++;
    if (json && clock_parse_rfc3339(member(json, "ts"), &ts_us) && act_is_wanted(acts->options, json, ts_us)) {
        if (strcmp(member(json, "act"), "login") == 0 && strcmp(member(json, "outcome"), "ok") == 0)
            cJSON_ReplaceItemInObjectCaseSensitive(json, "by", cJSON_CreateString(member(json, "target")));
        cJSON_AddItemToObject(json, "event", cJSON_DetachItemFromObjectCaseSensitive(json, "act"));
        char *text = cJSON_PrintUnformatted(json);
        acts->rc = text ? audit_add(acts->audit, ts_us, acts->number, (struct slice){text, strlen(text)}, acts->err) : err_set(acts->err, RC_TEMP, "out of memory");
        cJSON_free(text);
    }
    cJSON_Delete(json);
    return !acts->rc;
}

static enum rc add_acts(const struct spool *spool, const struct audit_options *options, struct audit *audit, struct err *err) {
    struct web_acts acts = {.audit = audit, .options = options, .err = err};
    enum rc rc = webaudit_each(spool, add_act, &acts, err);
    return rc ? rc : acts.rc;
}

static enum rc take_page(struct audit *audit, uint64_t skip, uint64_t limit, cJSON *list, bool *more, struct err *err) {
    struct slice event;
    enum rc rc = RC_OK;
    for (uint64_t number = 0; !rc && number < skip + limit; number++) {
        rc = audit_next(audit, &event, err);
        if (!rc && number >= skip)
            cJSON_AddItemToArray(list, cJSON_ParseWithLength(event.data, event.length));
    }
    *more = !rc && audit_count(audit) > skip + limit;
    return rc == RC_GONE ? RC_OK : rc;
}

static void reply_events(struct request *r, struct audit *audit, const struct period *period, uint64_t skip, uint64_t limit) {
    struct err err = {0};
    bool more;
    char cursor[64];
    cJSON *json = cJSON_CreateObject(), *list = cJSON_AddArrayToObject(json, "events");
    enum rc rc = take_page(audit, skip, limit, list, &more, &err);
    if (rc) {
        cJSON_Delete(json);
        reply_rc(r, rc, &err);
        return;
    }
    str_format(cursor, sizeof cursor, "%lld.%llu", (long long)period->until_us, (unsigned long long)(skip + limit));
    cJSON_AddNumberToObject(json, "total", (double)audit_count(audit));
    cJSON_AddNumberToObject(json, "damaged", (double)audit_damages(audit));
    if (more)
        cJSON_AddStringToObject(json, "next_cursor", cursor);
    else
        cJSON_AddNullToObject(json, "next_cursor");
    reply_json(r, 200, json);
    if (more)
        jobs_link_next(r, cursor);
}

void accounts_audit(struct request *r) {
    struct names names;
    uint64_t skip, limit = LIMIT_DEFAULT;
    struct audit *audit;
    struct err err = {0};
    struct audit_options options = {
        .job = given(r, "job"), .source = given(r, "source"), .campaign = given(r, "campaign"), .by = given(r, "by"), .events = names.list, .newest_first = true};
    if (!take_period(r, &options.period) || !take_cursor(r, &options.period, &skip) || !take_events(r, &names) || !request_number(r, "limit", 1, LIMIT_MOST, &limit) ||
        !request_flag(r, "all", &options.all))
        return;
    const int64_t now_us = clock_wall_us();
    options.event_count = names.count;
    if (options.period.until_us > now_us)
        options.period.until_us = now_us;
    if (options.job && !jobid_valid(options.job)) {
        reply_problem(r, 400, "job must be a job's id");
        return;
    }
    enum rc rc = audit_read(r->api->spool, &options, audit_json, NULL, NULL, &audit, &err);
    if (!rc && (rc = add_acts(r->api->spool, &options, audit, &err)) != RC_OK)
        audit_free(audit);
    if (rc) {
        reply_rc(r, rc, &err);
        return;
    }
    reply_events(r, audit, &options.period, skip, limit);
    audit_free(audit);
}
