// SPDX-License-Identifier: Apache-2.0
#include "api/accounts.h"

#include "api/admit.h"
#include "api/api.h"
#include "api/listing.h"
#include "api/webaudit.h"
#include "base/limits.h"
#include "engine/audit.h"
#include "engine/money.h"

#include <stdlib.h>
#include <string.h>

#define LIMIT_DEFAULT 50u
#define LIMIT_MOST 500u
#define EVENTS_MOST 32u
#define SKIP_MOST 100000u

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
    struct sources *sources = NULL; /* not those of the lane of the sources: this takes long */
    struct err err = {0};
    if (given(r, "by") && !money_by_parse(given(r, "by"), &options.by)) {
        reply_problem(r, 400, "by must be source, campaign, owner, day or job");
        return;
    }
    if (!take_period(r, &options.period))
        return;
    enum rc rc = sources_new(r->api->options->sources_dir, r->api->options->source_settings, &sources, &err);
    if (!rc)
        rc = money_read(r->api->spool, sources, &options, NULL, NULL, &money, &err);
    if (rc)
        reply_rc(r, rc, &err);
    else {
        reply_json_cached(r, money_json(money));
        money_free(money);
    }
    sources_free(sources);
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

/* Acts of this program that are no job's (web/audit.ndjson): the newest of those that are asked for. */
struct acts {
    const struct audit_options *options;
    cJSON **ring;
    uint64_t room, count; /* count: of all that were seen */
};

static bool named(const struct audit_options *options, const char *act) {
    for (size_t i = 0; i < options->event_count; i++)
        if (strcmp(options->events[i], act) == 0)
            return true;
    return !options->event_count;
}

static const char *text_of(const cJSON *json, const char *member) {
    const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, member));
    return text ? text : "";
}

/* What a key did has "NAME by key ID"; who signs in is nobody before, and is named by the target. */
static bool is_act_by(const cJSON *json, const char *wanted) {
    const char *by = text_of(json, "by");
    const size_t length = strlen(wanted);
    return strcmp(by, wanted) == 0 || (strncmp(by, wanted, length) == 0 && strncmp(by + length, " by key ", 8) == 0) ||
           (strcmp(by, "nobody") == 0 && strcmp(text_of(json, "target"), wanted) == 0);
}

static bool is_act_of(const cJSON *json, const char *act, const char *source) {
    return strncmp(act, "source.", 7) == 0 && strcmp(text_of(json, "target"), source) == 0;
}

static bool see_act(void *context, struct slice line) {
    struct acts *acts = context;
    int64_t at_us;
    cJSON *json = cJSON_ParseWithLength(line.data, line.length), *act = cJSON_DetachItemFromObjectCaseSensitive(json, "act");
    const char *name = cJSON_GetStringValue(act);
    if (!name || !clock_parse_rfc3339(text_of(json, "ts"), &at_us) || !period_has(&acts->options->period, at_us) || !named(acts->options, name) ||
        (acts->options->by && !is_act_by(json, acts->options->by)) || (acts->options->source && !is_act_of(json, name, acts->options->source))) {
        cJSON_Delete(act);
        cJSON_Delete(json);
        return true;
    }
    cJSON_AddItemToObject(json, "event", act);
    cJSON **slot = &acts->ring[acts->count++ % acts->room];
    cJSON_Delete(*slot);
    *slot = json;
    return true;
}

static void acts_release(struct acts *acts) {
    for (uint64_t i = 0; acts->ring && i < acts->room; i++)
        cJSON_Delete(acts->ring[i]);
    free(acts->ring);
}

/* The n-th newest, from 0 on; NULL: there is none. It becomes the caller's. */
static cJSON *take_act(struct acts *acts, uint64_t n) {
    if (n >= acts->count || n >= acts->room)
        return NULL;
    cJSON **slot = &acts->ring[(acts->count - 1 - n) % acts->room], *json = *slot;
    *slot = NULL;
    return json;
}

/* Both are newest first; times of one form compare as texts. */
static enum rc take_page(struct audit *audit, struct acts *acts, uint64_t skip, uint64_t limit, cJSON *list, bool *more, struct err *err) {
    cJSON *event = NULL, *act = take_act(acts, 0);
    uint64_t act_number = 0;
    enum rc rc = RC_OK;
    for (uint64_t number = 0; number < skip + limit; number++) {
        struct slice text;
        if (!event && !rc && (rc = audit_next(audit, &text, err)) == RC_OK)
            event = cJSON_ParseWithLength(text.data, text.length);
        if (rc && rc != RC_GONE)
            break;
        const bool from_acts = act && (!event || strcmp(text_of(act, "ts"), text_of(event, "ts")) > 0);
        cJSON *newest = from_acts ? act : event;
        if (number >= skip && newest)
            cJSON_AddItemToArray(list, newest);
        else
            cJSON_Delete(newest);
        if (from_acts)
            act = take_act(acts, ++act_number);
        else
            event = NULL;
    }
    cJSON_Delete(event);
    cJSON_Delete(act);
    *more = audit_count(audit) + acts->count > skip + limit && skip + limit <= SKIP_MOST; /* further back: by `until` */
    return rc == RC_GONE ? RC_OK : rc;
}

static void reply_events(struct request *r, struct audit *audit, struct acts *acts, uint64_t skip, uint64_t limit) {
    const struct period *period = &acts->options->period;
    struct err err = {0};
    bool more;
    char cursor[64];
    cJSON *json = cJSON_CreateObject(), *list = cJSON_AddArrayToObject(json, "events");
    enum rc rc = take_page(audit, acts, skip, limit, list, &more, &err);
    if (rc) {
        cJSON_Delete(json);
        reply_rc(r, rc, &err);
        return;
    }
    str_format(cursor, sizeof cursor, "%lld.%llu", (long long)period->until_us, (unsigned long long)skip + limit);
    cJSON_AddNumberToObject(json, "total", (double)(audit_count(audit) + acts->count));
    cJSON_AddNumberToObject(json, "damaged", (double)audit_damages(audit));
    if (more)
        cJSON_AddStringToObject(json, "next_cursor", cursor);
    else
        cJSON_AddNullToObject(json, "next_cursor");
    reply_json(r, 200, json);
    if (more)
        listing_link_next(r, cursor);
}

/* What is asked of jobs alone has no acts of this program. */
static enum rc read_acts(struct request *r, struct acts *acts, struct err *err) {
    const struct audit_options *options = acts->options;
    acts->ring = calloc((size_t)acts->room, sizeof *acts->ring);
    if (!acts->ring)
        return err_set(err, RC_TEMP, "out of memory");
    return options->job || options->campaign ? RC_OK : webaudit_each(r->api->spool, see_act, acts, err);
}

void accounts_audit(struct request *r) {
    struct names names = {.count = 0};
    uint64_t skip, limit = LIMIT_DEFAULT;
    struct audit *audit;
    struct err err = {0};
    struct audit_options options = {.job = given(r, "job"),
                                    .source = given(r, "source"),
                                    .campaign = given(r, "campaign"),
                                    .by = given(r, "by"),
                                    .events = names.list,
                                    .newest_first = true};
    if (!take_period(r, &options.period) || !take_cursor(r, &options.period, &skip) || !take_events(r, &names) ||
        !request_number(r, "limit", 1, LIMIT_MOST, &limit) || !request_flag(r, "all", &options.all))
        return;
    const int64_t now_us = clock_wall_us();
    options.event_count = names.count;
    if (options.period.until_us > now_us)
        options.period.until_us = now_us;
    if (options.job && !jobid_valid(options.job)) {
        reply_problem(r, 400, "job must be a job's id");
        return;
    }
    struct acts acts = {.options = &options, .room = skip + limit};
    enum rc rc = read_acts(r, &acts, &err);
    if (!rc)
        rc = audit_read(r->api->spool, &options, audit_json, NULL, NULL, &audit, &err);
    if (rc)
        reply_rc(r, rc, &err);
    else {
        reply_events(r, audit, &acts, skip, limit);
        audit_free(audit);
    }
    acts_release(&acts);
}
