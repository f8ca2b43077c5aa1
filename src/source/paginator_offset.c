// SPDX-License-Identifier: Apache-2.0
#include "source/paginator_offset.h"

#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "source/paginator_split.h"

/*
 * The plan is a function of the pages that were handed out and of what came for each, whatever the order in which it is told: positions of the
 * search are taken by pages, and the next page is the first stretch before the end that no page takes. A page that is out takes what it asked for, an answered
 * one what came.
 */

struct taken { /* a page that was handed out */
    uint64_t offset, limit, records;
    uint32_t batch;
    bool answered, last, doubted; /* last: has_more was false; doubted: out, but not waited for */
};

struct offset {
    struct paginator paginator;
    uint64_t base, size, take, maximum;
    bool stop_after_empty;
    uint64_t total;       /* UINT64_MAX: not known */
    uint32_t total_batch; /* that named it; 0: the preview */
    struct taken *pages;  /* by offset, then batch */
    size_t count, capacity;
    size_t settled;      /* so many pages at the front are answered and leave no gap ... */
    uint64_t settled_to; /* ... before this */
    size_t out, doubted; /* handed out and not answered; of them, not waited for */
    uint32_t last_batch;
    uint64_t most_records; /* of one page */
    bool fell_short;       /* a page gave fewer than asked */
    uint64_t seen_to;      /* behind the last record that came */
    uint64_t stop_at;      /* the source says that nothing follows; UINT64_MAX: it did not */
    bool failed;           /* a page could not be remembered */
};

static uint64_t add(uint64_t a, uint64_t b) {
    return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

static uint64_t least(uint64_t a, uint64_t b) {
    return a < b ? a : b;
}

/* --- definition ---------------------------------------------------------------------------------------------------- */

static const char *const offset_options[] = {"offset", "offset_param", "offset_body_path", "offset_header", "maximum_offset", "split", NULL};

static void offset_check(struct check *check, struct source *source) {
    const cJSON *options = source->paginator;
    uint64_t first = 0, maximum = UINT64_MAX;

    check_u64(check, options, "offset", 0, 1, &first);
    paginator_check_place(check, source, "offset");
    check_u64(check, options, "maximum_offset", first + 1, UINT64_MAX, &maximum);
    if (!paginator_stops_when_empty(source, true) && maximum == UINT64_MAX && source->has_more_path == NULL && paginator_option(source, "total_path") == NULL &&
        paginator_option(source, "total_header") == NULL) {
        (void)check_fail(check, "stop_after_empty_page",
                         "may be false only with total_path, total_header, has_more_path or maximum_offset: else there is no end");
    }
}

/* --- pages --------------------------------------------------------------------------------------------------------- */

enum rc paginator_offset_create(const struct source *source, const struct paginator_start *start, struct paginator **paginator) {
    struct offset *o = calloc(1, sizeof(*o));

    if (o == NULL) {
        return RC_TEMP;
    }
    o->base = paginator_number(source, "offset", 0);
    o->size = start->page_size > 0 ? start->page_size : source->limit;
    o->take = start->take;
    o->total = start->total;
    o->maximum = paginator_number(source, "maximum_offset", UINT64_MAX);
    o->stop_after_empty = paginator_stops_when_empty(source, true);
    o->settled_to = o->base;
    o->stop_at = UINT64_MAX;
    *paginator = &o->paginator;
    return RC_OK;
}

static enum rc offset_create(const struct source *source, const struct paginator_start *start, struct paginator **paginator) {
    return source->split != NULL ? paginator_split_create(source, start, paginator) : paginator_offset_create(source, start, paginator);
}

void paginator_offset_number(struct paginator *paginator, uint32_t last_batch) {
    struct offset *o = (struct offset *)paginator;

    o->last_batch = last_batch > o->last_batch ? last_batch : o->last_batch;
}

static void offset_destroy(struct paginator *paginator) {
    struct offset *o = (struct offset *)paginator;

    free(o->pages);
    free(o);
}

/* Where a page with this offset and batch stands, or would stand. */
static size_t find(const struct offset *o, uint64_t offset, uint32_t batch) {
    size_t low = 0, high = o->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct taken *t = &o->pages[middle];

        if (t->offset < offset || (t->offset == offset && t->batch < batch)) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static struct taken *remember(struct offset *o, uint64_t offset, uint64_t limit, uint32_t batch) {
    size_t at = find(o, offset, batch);

    if (at < o->count && o->pages[at].offset == offset && o->pages[at].batch == batch) {
        return &o->pages[at];
    }
    if (o->count == o->capacity) {
        size_t capacity = o->capacity > 0 ? 2 * o->capacity : 64;
        struct taken *pages = realloc(o->pages, capacity * sizeof(*pages));

        if (pages == NULL) {
            o->failed = true;
            return NULL;
        }
        o->pages = pages;
        o->capacity = capacity;
    }
    memmove(&o->pages[at + 1], &o->pages[at], (o->count - at) * sizeof(*o->pages));
    o->pages[at] = (struct taken){.offset = offset, .limit = limit, .batch = batch};
    o->count++;
    o->out++;
    o->settled += at < o->settled;
    o->last_batch = batch > o->last_batch ? batch : o->last_batch;
    return &o->pages[at];
}

static uint64_t end_of(const struct taken *t) {
    /* Of an empty page nothing more is to be had: it takes what it asked for. */
    return add(t->offset, t->answered && t->records > 0 ? t->records : t->limit);
}

static void settle(struct offset *o) {
    while (o->settled < o->count && o->pages[o->settled].answered && o->pages[o->settled].offset <= o->settled_to) {
        uint64_t end = end_of(&o->pages[o->settled++]);

        o->settled_to = end > o->settled_to ? end : o->settled_to;
    }
}

/* Where this answer says that the search ends; UINT64_MAX: it does not. */
static uint64_t stop_of(const struct offset *o, const struct taken *t) {
    uint64_t behind = add(t->offset, t->records);

    if (!t->answered || behind < o->seen_to || !(t->last || (t->records == 0 && o->stop_after_empty))) {
        return UINT64_MAX;
    }
    return behind;
}

/* A page said that nothing follows, and a later one had records all the same: what do the others say? */
static void look_for_stop(struct offset *o) {
    o->stop_at = UINT64_MAX;
    for (size_t i = 0; i < o->count; i++) {
        o->stop_at = least(o->stop_at, stop_of(o, &o->pages[i]));
    }
}

static uint64_t end_by_count(const struct offset *o) {
    return add(o->base, least(o->take, o->total));
}

/* The first stretch that no page takes; limit 0: there is none. */
static void find_gap(const struct offset *o, uint64_t *offset, uint64_t *limit) {
    uint64_t from = o->settled_to, until = UINT64_MAX, end = least(least(end_by_count(o), o->stop_at), o->maximum);
    /* Pages side by side must not overlap, nor ask for what a server with a smaller maximum does not give. */
    uint64_t size = o->total != UINT64_MAX && o->fell_short ? least(o->size, o->most_records) : o->size;

    for (size_t i = o->settled; i < o->count; i++) {
        if (o->pages[i].offset > from) {
            until = o->pages[i].offset;
            break;
        }
        if (end_of(&o->pages[i]) > from) {
            from = end_of(&o->pages[i]);
        }
    }
    *offset = from;
    *limit = from >= end ? 0 : least(least(size, until - from), add(o->base, o->take) - from);
}

static enum rc offset_next(struct paginator *paginator, struct page *page) {
    struct offset *o = (struct offset *)paginator;
    uint64_t offset, limit;

    if (o->failed) {
        return RC_TEMP;
    }
    if (o->out > o->doubted && (o->most_records == 0 || o->total == UINT64_MAX)) {
        return RC_AGAIN;
    }
    find_gap(o, &offset, &limit);
    if (limit == 0) {
        return o->out > 0 ? RC_AGAIN : RC_GONE;
    }
    if (o->last_batch >= LIMIT_BATCHES) {
        return RC_PERM;
    }
    *page = (struct page){.batch = o->last_batch + 1, .offset = offset, .limit = limit};
    return remember(o, offset, limit, page->batch) != NULL ? RC_OK : RC_TEMP;
}

static void offset_restore(struct paginator *paginator, const struct page *page) {
    (void)remember((struct offset *)paginator, page->offset, page->limit, page->batch);
}

static void offset_doubt(struct paginator *paginator, const struct page *page) {
    struct offset *o = (struct offset *)paginator;
    struct taken *t = remember(o, page->offset, page->limit, page->batch);

    if (t != NULL && !t->answered && !t->doubted) {
        t->doubted = true;
        o->doubted++;
    }
}

static void offset_answer(struct paginator *paginator, const struct page *page, const struct page_facts *facts) {
    struct offset *o = (struct offset *)paginator;
    struct taken *t = remember(o, page->offset, page->limit, page->batch);
    uint64_t seen_to = o->seen_to;

    if (t == NULL || t->answered) {
        return;
    }
    t->answered = true;
    o->doubted -= t->doubted;
    t->doubted = false;
    t->records = facts->records;
    t->last = facts->more == MORE_NO;
    o->out--;
    if (facts->total != UINT64_MAX && page->batch >= o->total_batch) {
        o->total = facts->total;
        o->total_batch = page->batch;
    }
    if (t->records > 0) {
        o->most_records = t->records > o->most_records ? t->records : o->most_records;
        o->seen_to = add(t->offset, t->records) > o->seen_to ? add(t->offset, t->records) : o->seen_to;
        o->fell_short = o->fell_short || t->records < t->limit;
    }
    if (o->seen_to > seen_to && o->stop_at < o->seen_to) {
        look_for_stop(o);
    } else {
        o->stop_at = least(o->stop_at, stop_of(o, t));
    }
    settle(o);
}

static bool offset_ended(const struct paginator *paginator) {
    const struct offset *o = (const struct offset *)paginator;
    uint64_t offset, limit;

    find_gap(o, &offset, &limit);
    return !o->failed && o->out == 0 && limit == 0;
}

static enum rc offset_place(const struct source *source, const struct page *page, struct placement *placement) {
    return paginator_put_number(source, "offset", "offset", page->offset, placement);
}

const struct paginator_row paginator_offset = {
    .type = "offset",
    .trims = true,
    .by_position = true,
    .total_is_records = true,
    .total_by_default = true,
    .limit_param = "limit",
    .options = offset_options,
    .check = offset_check,
    .create = offset_create,
    .destroy = offset_destroy,
    .next = offset_next,
    .restore = offset_restore,
    .doubt = offset_doubt,
    .answer = offset_answer,
    .ended = offset_ended,
    .place = offset_place,
};
