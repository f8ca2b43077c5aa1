// SPDX-License-Identifier: Apache-2.0
#include "engine/attempt_internal.h"

#include "base/clock.h"
#include "base/log.h"
#include "engine/group_look.h"
#include "net/fetch_url.h"
#include "source/template.h"

#include <stdlib.h>
#include <string.h>

/*
 * Units that wait together (error_handler.throttle). Whether a group waits, and who tries it, is known by source, in net/throttle; which units of a job wait
 * for it is known here. A unit that waits is not among those that are due, and takes no place of any kind, so that those of other groups go past it. Those that
 * were never asked for are kept by their numbers alone: a job may have a hundred thousand of one group. They go first: what one of them says of the group does
 * not depend on a page that never works.
 */

#define LOOK_AHEAD 4096u  /* units that are put aside before the loop does something else */
#define OTHERS_US 1000000 /* how often it is looked whether a try of another job is over */
#define FAIL_TOGETHER 128u

struct parked {
    struct parked *next;
    struct throttle_group *group;
    bool given_up;          /* by this job */
    struct due_page *tried; /* first in, first out */
    uint32_t *fresh;        /* numbers, from begin on */
    size_t begin, count, capacity;
};

static struct throttle *throttle_of(const struct run *run) {
    return run->feed->throttle;
}

static bool has_groups(const struct run *run) {
    return run->source->throttle.group && run->units && run->feed;
}

/* --- which group ---------------------------------------------------------------------------------------------------- */

/* "STEP NAME": of a step, since another one asks another server. */
static bool make_key(const struct run *run, uint32_t batch, unsigned step, char out[THROTTLE_KEY_BYTES]) {
    const struct source_throttle *throttle = &run->source->throttle;
    cJSON *item = units_item(run->units, batch);
    const struct template_scope scope = {.job = run->criteria->json, .item = item};
    struct buf text = BUF_INIT(THROTTLE_KEY_BYTES);
    char origin[THROTTLE_KEY_BYTES];
    struct err ignored = {0};
    bool made = item && template_text(throttle->group, &scope, &text, &ignored) == RC_OK;
    const bool is_origin = made && throttle->origin && fetch_url_origin(buf_text(&text), origin, sizeof origin);
    made =
        made && str_format(out, THROTTLE_KEY_BYTES, "%s %s%s", run->source->steps[step].name, is_origin ? "origin " : "", is_origin ? origin : buf_text(&text));
    buf_release(&text);
    cJSON_Delete(item);
    return made;
}

/* The group of a unit's step, when anything is known of it; the caller gives it back. */
static struct throttle_group *known_group(const struct run *run, uint32_t batch, unsigned step) {
    char key[THROTTLE_KEY_BYTES];
    if ((!throttle_closed(throttle_of(run)) && !run->parked) || !make_key(run, batch, step, key) || !throttle_find(throttle_of(run), key))
        return NULL;
    return throttle_take(throttle_of(run), key, clock_wall_us());
}

/* --- units that wait -------------------------------------------------------------------------------------------------- */

static struct parked *parked_of(const struct run *run, const struct throttle_group *group) {
    struct parked *p = run->parked;
    while (p && p->group != group)
        p = p->next;
    return p;
}

static struct parked *parked_new(struct run *run, struct throttle_group *group) {
    struct parked *p = parked_of(run, group);
    if (p)
        return p;
    p = engine_alloc(sizeof *p);
    p->group = throttle_take(throttle_of(run), group->key, clock_wall_us());
    if (!p->group)
        abort();
    p->next = run->parked;
    run->parked = p;
    return p;
}

/* Not any more when a unit of another job was answered. */
static bool is_given_up(const struct parked *p) {
    return p->given_up && p->group->tries;
}

static bool is_empty(const struct parked *p) {
    return !p->tried && p->begin == p->count;
}

static void add_fresh(struct parked *p, uint32_t batch) {
    if (p->count == p->capacity) {
        p->capacity = p->capacity ? p->capacity * 2 : 16;
        p->fresh = realloc(p->fresh, p->capacity * sizeof *p->fresh);
        if (!p->fresh)
            abort();
    }
    p->fresh[p->count++] = batch;
}

/* It leaves those that are due. */
static void park(struct run *run, struct parked *p, struct due_page *due) {
    if (!due->attempts) {
        add_fresh(p, due->page.batch);
        run_due_remove(run, due);
        return;
    }
    struct due_page **end = &p->tried;
    while (*end)
        end = &(*end)->next;
    run_due_unlink(run, due);
    due->not_before_us = 0;
    due->next = NULL;
    *end = due;
}

/* The one that is next comes back to those that are due. */
static struct due_page *unpark(struct run *run, struct parked *p) {
    struct due_page *due = p->tried;
    if (p->begin < p->count) {
        const uint32_t batch = p->fresh[p->begin++];
        const struct page page = {.batch = batch, .offset = batch - 1, .limit = 1}; /* as units_plan has it */
        due = run_due_add(run, &page, 0, DUE_SEND);
        unit_enter(run, due, 0);
    } else if (due) {
        p->tried = due->next;
        run_due_link(run, due);
    }
    if (p->begin == p->count)
        p->begin = p->count = 0;
    return due;
}

/* A group that was given up is tried anew by the next job. */
static void parked_free(struct run *run, struct parked *p) {
    if (is_given_up(p))
        throttle_succeeded(throttle_of(run), p->group);
    while (p->tried) {
        struct due_page *due = p->tried;
        p->tried = due->next;
        free(due);
    }
    throttle_give(throttle_of(run), p->group);
    free(p->fresh);
    free(p);
}

void group_release(struct run *run) {
    while (run->parked) {
        struct parked *p = run->parked;
        run->parked = p->next;
        parked_free(run, p);
    }
}

void group_anew(struct run *run) {
    for (uint64_t i = 0; has_groups(run) && throttle_closed(throttle_of(run)) && i < run->units->count; i++)
        for (unsigned step = 0; step < run->source->step_count; step++) {
            struct throttle_group *group = known_group(run, (uint32_t)i + 1, step);
            if (group)
                throttle_succeeded(throttle_of(run), group);
            throttle_give(throttle_of(run), group);
        }
}

/* --- before a request ------------------------------------------------------------------------------------------------- */

bool group_stops(struct run *run, struct due_page *due, int64_t now_us) {
    if (!has_groups(run) || due->ungrouped || unit_by_helper(run, due))
        return false;
    struct throttle_group *group = known_group(run, due->page.batch, due->step);
    if (!group)
        return false;
    struct parked *p = parked_of(run, group);
    const bool stops = (p && is_given_up(p)) || !throttle_lets(group, now_us);
    if (stops)
        park(run, parked_new(run, group), due);
    throttle_give(throttle_of(run), group);
    if (stops && ++run->looked_ahead >= LOOK_AHEAD)
        run_wake_at(run, clock_wall_us());
    return stops;
}

bool group_looks(const struct run *run) {
    return run->looked_ahead >= LOOK_AHEAD;
}

struct due_page *group_next(struct run *run, int64_t now_us) {
    for (struct parked **at = &run->parked; *at;) {
        struct parked *p = *at;
        if (is_empty(p) && !is_given_up(p)) {
            *at = p->next;
            parked_free(run, p);
            continue;
        }
        if (!is_empty(p) && !is_given_up(p) && throttle_lets(p->group, now_us))
            return unpark(run, p);
        at = &p->next;
    }
    return NULL;
}

int64_t group_until(const struct run *run, int64_t now_us, const struct throttle_group **group) {
    int64_t first = 0;
    for (const struct parked *p = run->parked; p; p = p->next) {
        const int64_t until = p->group->probing ? now_us + OTHERS_US : p->group->tries ? p->group->until_us : now_us;
        if (is_empty(p) || is_given_up(p) || (first && until >= first))
            continue;
        first = until;
        *group = p->group;
    }
    return first;
}

void group_wake(struct run *run, int64_t now_us) {
    const struct throttle_group *group;
    const int64_t until = run->parked && !group_looks(run) ? group_until(run, now_us, &group) : 0;
    if (until > now_us)
        run_wake_at(run, until);
}

void group_why(const struct run *run, char *out, size_t size) {
    const struct throttle_group *group = NULL;
    if (group_until(run, clock_wall_us(), &group))
        str_format(out, size, "waits for %.150s: %u tries in a row failed, the last: %.100s", group_look_name(group), group->tries, group->error);
}

bool group_fail(struct run *run) {
    bool any = false;
    if (run->phase != RUN_PAGES || run->end != PLACE_NONE || run->leaving || run->busy || run->engine->stopping)
        return false;
    for (struct parked *p = run->parked; p; p = p->next)
        while (is_given_up(p) && !is_empty(p) && run->attempt_count < FAIL_TOGETHER && run->end == PLACE_NONE) {
            struct due_page *due = unpark(run, p);
            due->ungrouped = true;
            attempt_give_up(run, due, p->group);
            any = true;
        }
    return any;
}

void group_sent(struct attempt *a) {
    struct run *run = a->run;
    if (!has_groups(run) || run_due(run, &a->page, a->number)->ungrouped)
        return;
    a->group = known_group(run, a->page.batch, a->step);
    if (a->group)
        a->group_probe = throttle_sent(a->group);
}

void group_over(struct attempt *a) {
    if (!a->group)
        return;
    throttle_probed(a->group, a->group_probe);
    throttle_give(throttle_of(a->run), a->group);
    a->group = NULL;
}

/* --- after an answer -------------------------------------------------------------------------------------------------- */

static struct throttle_group *own_group(struct attempt *a) {
    char key[THROTTLE_KEY_BYTES];
    if (!a->group && make_key(a->run, a->page.batch, a->step, key))
        a->group = throttle_take(throttle_of(a->run), key, clock_wall_us());
    return a->group;
}

bool group_counts(const struct attempt *a) {
    return a->verdict.throttle && a->verdict.action == ACTION_RETRY && a->page.batch && has_groups(a->run);
}

bool group_knew(struct attempt *a) {
    return group_counts(a) && own_group(a) && a->group->tries > 0;
}

/* The source answered for this group as it should, be it that the page is dead. */
void group_judged(struct attempt *a) {
    const struct verdict *v = &a->verdict;
    const bool settled = attempt_lane_good(a) || v->action == ACTION_FAIL || v->action == ACTION_IGNORE;
    if (!has_groups(a->run) || !a->page.batch || (a->helper && !a->checking) || a->cached_path[0] || !a->status || !settled)
        return;
    if (!a->group)
        a->group = known_group(a->run, a->page.batch, a->step);
    if (!a->group || !throttle_succeeded(throttle_of(a->run), a->group))
        return;
    a->group_opened = true;
    log_info("source %s: %s is answered again", a->run->source->name, group_look_name(a->group));
}

enum group_verdict group_failed(struct attempt *a, struct due_page *due, int64_t *until_us) {
    struct run *run = a->run;
    const struct source_throttle *throttle = &run->source->throttle;
    const struct throttle_limits limits = {throttle->max_tries, throttle->max_time_ms * 1000};
    const int64_t now = clock_wall_us();
    struct throttle_group *group = own_group(a);
    if (!group) /* out of memory */
        return GROUP_PAGE;
    const char *error = a->verdict.error[0] ? a->verdict.error : a->verdict.reason;
    const bool closed = group->tries > 0, counted = throttle_failed(throttle_of(run), group, a->group_probe, now, error);
    if (counted) {
        throttle_wait(group, now + run_backoff_us(run, group->tries, a->retry_after_s));
        if (!closed)
            log_warn("source %s: %s waits, the other units go on: %.200s", run->source->name, group_look_name(group), error);
    }
    a->group_tries = group->tries;
    *until_us = group->until_us;
    if (counted && throttle_spent(group, &limits, now)) {
        parked_new(run, group)->given_up = true;
        log_warn("job %s: the units of %s fail: %u tries in a row did", run->id, group_look_name(group), group->tries);
        return GROUP_SPENT;
    }
    const bool page = due->period && due->period != group->period; /* others of the group were answered meanwhile */
    due->period = group->period;
    return page ? GROUP_PAGE : GROUP_WAITS;
}

void group_park(struct attempt *a, struct due_page *due) {
    park(a->run, parked_new(a->run, a->group), due);
}

void group_error(const struct throttle_group *group, char *out, size_t size) {
    str_format(out, size, "%.150s: %u tries in a row failed, the last: %.200s", group_look_name(group), group->tries, group->error);
}

void group_members(const struct attempt *a, cJSON *members) {
    char since[CLOCK_RFC3339_SIZE];
    if (!a->group || (!a->group_tries && !a->group_opened))
        return;
    cJSON_AddStringToObject(members, "group", group_look_name(a->group));
    if (!a->group_tries)
        return;
    clock_format_rfc3339(a->group->since_us, 6, since);
    cJSON_AddNumberToObject(members, "throttled", a->group_tries);
    cJSON_AddStringToObject(members, "since", since);
}
