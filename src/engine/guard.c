// SPDX-License-Identifier: Apache-2.0
#include "engine/engine_internal.h"

#include "base/clock.h"
#include "os/fsio.h"

#include <string.h>

/* Whether a job may ask for its next page: its own guards, the caps of the source, the room on the disk. */

#define DISK_MARGIN_BYTES (1024u * 1024u)
#define DISK_MARGIN_INODES 16u
#define DISK_ROOM_WAIT_US 30000000
#define DAY_US INT64_C(86400000000)

uint64_t guard_planned(const struct run *run) {
    return run->total == JOB_UNKNOWN ? JOB_UNKNOWN : run->criteria->take < run->total ? run->criteria->take : run->total;
}

uint64_t guard_bought(const struct run *run) {
    return run->delta ? run->delta->to_buy : guard_planned(run);
}

/* A source that never names its total: no page goes beyond max_records, and behind it only a person knows whether more was wanted. */
bool guard_reached(const struct run *run) {
    const struct criteria *c = run->criteria;
    return guard_planned(run) == JOB_UNKNOWN && c->take > c->max_records && run->records >= c->max_records;
}

void guard_duplicates(struct run *run) {
    char text[200];
    if (!run->source->metered || run->units || run->duplicates <= run->source->coverage_tolerance || run->accept_duplicates)
        return;
    str_format(text, sizeof text, "%llu records were paid for and came before in this job; is the source's first offset right, or did its data shift?",
               (unsigned long long)run->duplicates);
    run_end(run, PLACE_HOLD, "duplicates", text);
}

void guard_check(struct run *run) {
    const struct criteria *c = run->criteria;
    char text[300], cost[DEC_TEXT_SIZE], most[DEC_TEXT_SIZE];
    uint64_t plan = guard_planned(run);
    if (plan == JOB_UNKNOWN || run->end != PLACE_NONE)
        return;
    if (plan > c->max_records) {
        str_format(text, sizeof text, "the search gives %llu records, max_records is %llu", (unsigned long long)plan, (unsigned long long)c->max_records);
        run_end(run, PLACE_HOLD, "max_records", text);
        return;
    }
    if (!run->source->metered || !c->has_max_cost || run->listing) /* what it costs is known when the ids are */
        return;
    plan = guard_bought(run);
    dec_format(c->max_cost, most);
    if (!run->price_known) {
        str_format(text, sizeof text, "max_cost is %s, but neither the preview nor cost_per_record of the source tells a price", most);
        run_end(run, PLACE_HOLD, "price_unknown", text);
        return;
    }
    struct dec price = dec_times(run->price, plan);
    if (dec_compare(price, c->max_cost) > 0) {
        dec_format(price, cost);
        str_format(text, sizeof text, "the search costs %s %s for %llu records, max_cost is %s", cost, run->source->currency, (unsigned long long)plan, most);
        run_end(run, PLACE_HOLD, "max_cost", text);
    }
}

/* A source that sends more than it is asked for may send all of it again for every page: it is not asked once more before somebody looked. Where nothing is
 * paid and the total tells the end, it may. */
void guard_limit(struct run *run, const struct page *page, uint64_t advance) {
    char text[300];
    uint64_t plan = guard_planned(run);
    bool known = plan != JOB_UNKNOWN;
    if (!paginator_row(run->source->paginator_type)->by_position || !page->limit || advance <= page->limit)
        return;
    if (known && (!run->source->metered || run->records >= plan))
        return;
    str_format(text, sizeof text,
               "page %u was to have %llu records and has %llu different ones: the source ignores the limit, and perhaps where a page begins; mend its "
               "paginator (single_page?), or release the job to ask for the next page",
               page->batch, (unsigned long long)page->limit, (unsigned long long)advance);
    run_end(run, PLACE_HOLD, "limit_ignored", text);
}

/* Without a total nothing but the paginator's rule ends the search, and repeats break that: a source that gives a page of records that all came before is not
 * asked on and on. */
void guard_repeats(struct run *run, const struct page *page) {
    char text[300];
    if (guard_planned(run) != JOB_UNKNOWN)
        return;
    str_format(text, sizeof text,
               "page %u has only records that came before: the source gives the same again, whatever page it is asked for; is the name of the parameter right "
               "that says where a page begins?",
               page->batch);
    run_end(run, PLACE_FAILED, "coverage", text);
}

struct dec guard_page_price(const struct run *run, uint64_t limit) {
    const struct source *s = run->source;
    return dec_times(run->price, limit ? limit : s->max_limit ? s->max_limit : s->limit);
}

/* A cap of a day: of one source, or of all sources of a currency. */
struct cap {
    struct dec limit;     /* without the reserve */
    struct dec cap;       /* to tell */
    struct dec used;      /* spent, in doubt, and asked for without an outcome, by jobs that run or that a crash left behind */
    int64_t end_us;       /* of the day */
    struct dec asked;     /* in flight, and not known to the index yet */
    bool idle;            /* nothing that it counts is in flight */
    const char *shown[2]; /* "source NAME", or "all sources of" and the currency */
};

/* What is used, and this page, stay within the cap. */
static bool cap_allows(struct run *run, const struct cap *cap, struct dec price) {
    char text[300], most[DEC_TEXT_SIZE], is[DEC_TEXT_SIZE];
    if (dec_compare(dec_add(dec_add(cap->used, cap->asked), price), cap->limit) <= 0)
        return true;
    if (!run->attempt_count && cap->idle) {
        dec_format(cap->cap, most);
        dec_format(cap->used, is);
        str_format(text, sizeof text, "%s %s: %s of the day's %s %s are spent or in doubt", cap->shown[0], cap->shown[1], is, most, run->source->currency);
        run_end(run, PLACE_DEFERRED, "daily_cost_cap", text);
        run->end_until_us = cap->end_us;
    }
    return false;
}

static bool source_allows(struct run *run, struct dec price) {
    const struct source *s = run->source;
    const struct feed *feed = run->feed;
    struct cap cap = {.limit = dec_sub(s->daily_cost_cap, s->reserve),
                      .cap = s->daily_cost_cap,
                      .asked = dec_sub(feed->in_flight_price, feed->open_price),
                      .idle = dec_compare(feed->in_flight_price, dec_zero()) == 0,
                      .shown = {"source", s->name}};
    return !s->has_daily_cost_cap || (limits_today(feed, &cap.used, &cap.end_us) && cap_allows(run, &cap, price));
}

static const struct cost_cap *daemon_cap(const struct run *run) {
    const struct engine_options *options = &run->engine->options;
    for (unsigned i = 0; i < options->cost_cap_count; i++)
        if (strcmp(options->cost_caps[i].currency, run->source->currency) == 0)
            return &options->cost_caps[i];
    return NULL;
}

static bool daemon_allows(struct run *run, struct dec price) {
    const struct cost_cap *own = daemon_cap(run);
    if (!own)
        return true;
    struct cap cap = {.limit = own->cap, .cap = own->cap, .idle = true, .shown = {"all sources of", own->currency}};
    for (const struct feed *f = run->engine->feeds; f; f = f->next) {
        if (strcmp(f->source->currency, own->currency) != 0)
            continue;
        cap.asked = dec_add(cap.asked, dec_sub(f->in_flight_price, f->open_price));
        cap.idle = cap.idle && dec_compare(f->in_flight_price, dec_zero()) == 0;
    }
    char name[16], day[CLOCK_RFC3339_SIZE];
    struct job_money money;
    int64_t now = clock_wall_us();
    clock_format_rfc3339(now, 0, day);
    day[10] = '\0';
    str_format(name, sizeof name, "@%s", own->currency);
    if (index_spent(run->engine->index, name, day, &money, NULL))
        return false;
    cap.used = dec_add(money.spent, dec_add(money.in_doubt, money.open));
    cap.end_us = (now / DAY_US + 1) * DAY_US;
    return cap_allows(run, &cap, price);
}

/* What is spent plus what is in flight at its highest price stays within the caps of the job, the source and the daemon. */
bool guard_may_buy(struct run *run, uint64_t limit) {
    const struct source *s = run->source;
    struct dec price = guard_page_price(run, limit);
    char text[300], cap[DEC_TEXT_SIZE], is[DEC_TEXT_SIZE];
    if ((run->criteria->has_max_cost || s->has_daily_cost_cap || daemon_cap(run)) && !run->price_known) {
        str_format(text, sizeof text, "%s, but neither the preview nor cost_per_record of the source tells a price",
                   run->criteria->has_max_cost ? "the job has a max_cost"
                   : s->has_daily_cost_cap     ? "the source has a daily_cost_cap"
                                               : "the daemon has a cap of daily_cost_caps for its currency");
        run_end(run, PLACE_HOLD, "price_unknown", text);
        return false;
    }
    if (run->criteria->has_max_cost) {
        struct dec sum = dec_add(dec_add(run->row.cost, run->row.cost_in_doubt), dec_add(run->in_flight_price, price));
        if (dec_compare(sum, run->criteria->max_cost) > 0) {
            if (!run->attempt_count) {
                dec_format(run->criteria->max_cost, cap);
                dec_format(sum, is);
                str_format(text, sizeof text, "with the next page the job would have cost %s %s, max_cost is %s", is, s->currency, cap);
                run_end(run, PLACE_HOLD, "max_cost", text);
            }
            return false;
        }
    }
    return source_allows(run, price) && daemon_allows(run, price);
}

bool guard_disk_room(struct run *run) {
    uint64_t bytes, inodes, wanted = run->source->max_response_bytes + DISK_MARGIN_BYTES;
    char text[200];
    for (const struct feed *f = run->engine->feeds; f; f = f->next)
        wanted += f->in_flight_bytes;
    if (fsio_room(run->engine->spool->payloads_fd, &bytes, &inodes, NULL) || (bytes >= wanted && inodes >= DISK_MARGIN_INODES))
        return true;
    if (!run->attempt_count) {
        str_format(text, sizeof text, "%llu bytes are free, an answer may need %llu; nothing is asked before there is room", (unsigned long long)bytes,
                   (unsigned long long)wanted);
        run_end(run, PLACE_DEFERRED, "disk_room", text);
        run->end_until_us = clock_wall_us() + DISK_ROOM_WAIT_US;
    }
    return false;
}

void guard_trim(const struct run *run, struct page *page) {
    paginator_trim(run->source, run->total, run->records, page);
}
