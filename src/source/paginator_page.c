// SPDX-License-Identifier: Apache-2.0
#include "source/paginator_page.h"

#include <stdlib.h>
#include <string.h>

#include "base/limits.h"

/* The plan is a function of the pages that were handed out and of what came for each, whatever the order in which it is told: numbers are handed out one after
 * the other until one of the ends is reached. */

struct taken { /* a page that was handed out; batch 0: none */
    uint64_t number;
    uint32_t batch;
    bool answered, empty, last, doubted; /* last: has_more was false; doubted: out, but not waited for */
};

struct pages {
    struct paginator paginator;
    uint64_t base, next, size; /* size: records of a page as far as it is known before one came; 0: not at all */
    uint64_t limit;            /* that is sent; 0: none */
    uint64_t take, maximum;
    bool stop_after_empty, has_total, total_is_records;
    uint64_t total;       /* UINT64_MAX: not known */
    uint32_t total_batch; /* that named it; 0: the preview */
    struct taken *taken;  /* by batch */
    size_t capacity;
    size_t out, doubted; /* handed out and not answered; of them, not waited for */
    uint32_t last_batch;
    uint64_t records;                   /* that came */
    uint64_t most_records, most_number; /* of one page, and the first such page */
    uint64_t seen_to;                   /* behind the last page that had records */
    uint64_t stop_at;                   /* the source says that nothing follows: the first number not to ask for; UINT64_MAX: it did not */
    bool failed;                        /* a page could not be remembered */
};

static uint64_t least(uint64_t a, uint64_t b) {
    return a < b ? a : b;
}

static uint64_t add(uint64_t a, uint64_t b) {
    return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

static uint64_t pages_of(uint64_t records, uint64_t size) {
    return records / size + (records % size != 0);
}

/* --- definition ---------------------------------------------------------------------------------------------------- */

static const char *const page_options[] = {"base_page", "page", "page_param", "page_body_path", "page_header", "maximum_page", "total_unit", NULL};

static void page_check(struct check *check, struct source *source) {
    static const char *const units[] = {"pages", "records", NULL};
    const cJSON *options = source->paginator;
    uint64_t base = 0, first, maximum = UINT64_MAX;
    unsigned unit = 0;

    check_u64(check, options, "base_page", 0, LIMIT_BATCHES, &base);
    first = base;
    check_u64(check, options, "page", base, UINT64_MAX, &first);
    paginator_check_place(check, source, "page");
    check_u64(check, options, "maximum_page", first + 1, UINT64_MAX, &maximum);
    check_choice(check, options, "total_unit", units, &unit);
    if (unit == 1 && source->limit == 0) {
        (void)check_fail(check, "total_unit", "\"records\" needs limit, the records of a page");
    }
    if (!paginator_stops_when_empty(source, true) && maximum == UINT64_MAX && source->has_more_path == NULL && paginator_option(source, "total_path") == NULL &&
        paginator_option(source, "total_header") == NULL) {
        (void)check_fail(check, "stop_after_empty_page",
                         "may be false only with total_path, total_header, has_more_path or maximum_page: else there is no end");
    }
}

/* --- pages --------------------------------------------------------------------------------------------------------- */

static enum rc page_create(const struct source *source, const struct paginator_start *start, struct paginator **paginator) {
    struct pages *p = calloc(1, sizeof(*p));

    if (p == NULL) {
        return RC_TEMP;
    }
    p->base = paginator_number(source, "base_page", 0);
    p->next = paginator_number(source, "page", p->base);
    p->maximum = paginator_number(source, "maximum_page", UINT64_MAX);
    p->size = start->page_size > 0 && paginator_sends_limit(source) ? start->page_size : source->limit;
    p->limit = paginator_sends_limit(source) ? p->size : 0;
    p->take = start->take;
    p->stop_after_empty = paginator_stops_when_empty(source, true);
    p->total_is_records = paginator_total_is_records(source);
    /* What count_path names is a count of records. */
    p->has_total = p->total_is_records || source->total_path != NULL || paginator_option(source, "total_header") != NULL;
    p->total = p->has_total && (p->total_is_records || source->count_path == NULL) ? start->total : UINT64_MAX;
    p->stop_at = UINT64_MAX;
    *paginator = &p->paginator;
    return RC_OK;
}

static void page_destroy(struct paginator *paginator) {
    struct pages *p = (struct pages *)paginator;

    free(p->taken);
    free(p);
}

/* The page with this batch number; made when it is new. NULL: out of memory, or no batch number. */
static struct taken *remember(struct pages *p, uint64_t number, uint32_t batch) {
    struct taken *t;

    if (batch == 0 || batch > LIMIT_BATCHES) {
        return NULL;
    }
    if (batch > p->capacity) {
        size_t capacity = p->capacity > 0 ? 2 * p->capacity : 64;
        struct taken *taken;

        capacity = batch > capacity ? batch : capacity;
        taken = realloc(p->taken, capacity * sizeof(*taken));
        if (taken == NULL) {
            p->failed = true;
            return NULL;
        }
        memset(taken + p->capacity, 0, (capacity - p->capacity) * sizeof(*taken));
        p->taken = taken;
        p->capacity = capacity;
    }
    t = &p->taken[batch - 1];
    if (t->batch == 0) {
        *t = (struct taken){.number = number, .batch = batch};
        p->out++;
        p->last_batch = batch > p->last_batch ? batch : p->last_batch;
        p->next = number >= p->next ? add(number, 1) : p->next;
    }
    return t;
}

/* Behind the last page by the total. A page that has fewer records than it should shows how many the server gives at once; one with more, too. */
static uint64_t end_by_total(const struct pages *p) {
    uint64_t end, pages, rest;

    if (p->total == UINT64_MAX || !p->total_is_records) {
        return add(p->base, p->total);
    }
    pages = pages_of(p->total, p->size);
    end = add(p->base, pages);
    rest = pages > 0 ? p->total - (pages - 1) * p->size : 0; /* what the last page is to have */
    return p->most_records == 0 || (add(p->most_number, 1) == end && p->most_records >= rest) ? end : add(p->base, pages_of(p->total, p->most_records));
}

/* With what is out, as many records as are wanted will have come. */
static bool taken_enough(const struct pages *p) {
    uint64_t size = p->most_records > 0 ? p->most_records : p->size;

    return p->records >= p->take || (p->out > 0 && size > 0 && p->out >= pages_of(p->take - p->records, size));
}

static bool nothing_follows(const struct pages *p) {
    return p->next >= least(least(end_by_total(p), p->stop_at), p->maximum) || taken_enough(p);
}

static enum rc page_next(struct paginator *paginator, struct page *page) {
    struct pages *p = (struct pages *)paginator;

    if (p->failed) {
        return RC_TEMP;
    }
    if (p->out > p->doubted && (p->most_records == 0 || p->total == UINT64_MAX)) {
        return RC_AGAIN;
    }
    if (nothing_follows(p)) {
        return p->out > 0 ? RC_AGAIN : RC_GONE;
    }
    if (p->last_batch >= LIMIT_BATCHES) {
        return RC_PERM;
    }
    *page = (struct page){.batch = p->last_batch + 1, .offset = p->next, .limit = p->limit};
    return remember(p, page->offset, page->batch) != NULL ? RC_OK : RC_TEMP;
}

static void page_restore(struct paginator *paginator, const struct page *page) {
    (void)remember((struct pages *)paginator, page->offset, page->batch);
}

static void page_doubt(struct paginator *paginator, const struct page *page) {
    struct pages *p = (struct pages *)paginator;
    struct taken *t = remember(p, page->offset, page->batch);

    if (t != NULL && !t->answered && !t->doubted) {
        t->doubted = true;
        p->doubted++;
    }
}

/* The first number that this answer says is not to be asked for; UINT64_MAX: it does not. */
static uint64_t stop_of(const struct pages *p, const struct taken *t) {
    uint64_t stop = t->empty && p->stop_after_empty ? t->number : t->last ? add(t->number, 1) : UINT64_MAX;

    return t->answered && stop >= p->seen_to ? stop : UINT64_MAX;
}

/* A page said that nothing follows, and a later one had records all the same: what do the others say? */
static void look_for_stop(struct pages *p) {
    p->stop_at = UINT64_MAX;
    for (uint32_t i = 0; i < p->last_batch; i++) {
        p->stop_at = least(p->stop_at, stop_of(p, &p->taken[i]));
    }
}

static void count_records(struct pages *p, uint64_t number, uint64_t records) {
    if (records > p->most_records || (records == p->most_records && number < p->most_number)) {
        p->most_records = records;
        p->most_number = number;
    }
    if (p->seen_to < add(number, 1)) {
        p->seen_to = add(number, 1);
        if (p->stop_at < p->seen_to) {
            look_for_stop(p);
        }
    }
}

static void page_answer(struct paginator *paginator, const struct page *page, const struct page_facts *facts) {
    struct pages *p = (struct pages *)paginator;
    struct taken *t = remember(p, page->offset, page->batch);

    if (t == NULL || t->answered) {
        return;
    }
    t->answered = true;
    p->doubted -= t->doubted;
    t->doubted = false;
    p->out--;
    p->records = add(p->records, facts->records);
    if (facts->given_up) {
        return;
    }
    t->empty = facts->records == 0;
    t->last = facts->more == MORE_NO;
    if (p->has_total && facts->total != UINT64_MAX && page->batch >= p->total_batch) {
        p->total = facts->total;
        p->total_batch = page->batch;
    }
    if (facts->records > 0) {
        count_records(p, t->number, facts->records);
    }
    p->stop_at = least(p->stop_at, stop_of(p, t));
}

static bool page_ended(const struct paginator *paginator) {
    const struct pages *p = (const struct pages *)paginator;

    return !p->failed && p->out == 0 && nothing_follows(p);
}

static enum rc page_place(const struct source *source, const struct page *page, struct placement *placement) {
    return paginator_put_number(source, "page", "page", page->offset, placement);
}

const struct paginator_row paginator_page_number = {
    .type = "page_number",
    .by_position = true,
    .total_by_default = true,
    .options = page_options,
    .check = page_check,
    .create = page_create,
    .destroy = page_destroy,
    .next = page_next,
    .restore = page_restore,
    .doubt = page_doubt,
    .answer = page_answer,
    .ended = page_ended,
    .place = page_place,
};
