// SPDX-License-Identifier: Apache-2.0
#include "source/paginator_split.h"

#include <stdlib.h>
#include <string.h>

#include "source/paginator_offset.h"
#include "source/split.h"

#define MOST_PARTS 20000u

struct part {
    struct split_part range;
    uint64_t total; /* UINT64_MAX: to be asked */
    uint64_t take;  /* of the job's, once all totals are known */
    bool halved;    /* its halves stand for it */
    struct paginator *pages;
};

struct split_plan {
    struct paginator paginator;
    const struct source *source;
    struct paginator_start start;
    struct paginator *whole; /* the search as it is, when all of it can be reached */
    uint64_t reachable;      /* records of one search */
    struct part *parts;      /* by range; a halved one stands before its halves */
    size_t count, capacity;
    uint32_t last_batch;
    bool planned, failed;
    char fault[200];
};

static enum rc search(const struct split_plan *plan, uint64_t take, uint64_t total, struct paginator **paginator) {
    const struct paginator_start start = {.take = take, .total = total, .page_size = plan->start.page_size};
    enum rc rc = paginator_offset_create(plan->source, &start, paginator);

    if (rc == RC_OK) {
        (*paginator)->row = &paginator_offset;
    }
    return rc;
}

static bool insert(struct split_plan *plan, size_t at, struct split_part range) {
    if (plan->count == plan->capacity) {
        size_t capacity = plan->capacity > 0 ? plan->capacity * 2 : 64;
        struct part *parts = realloc(plan->parts, capacity * sizeof(*parts));

        if (parts == NULL) {
            plan->failed = true;
            return false;
        }
        plan->parts = parts;
        plan->capacity = capacity;
    }
    memmove(&plan->parts[at + 1], &plan->parts[at], (plan->count - at) * sizeof(*plan->parts));
    plan->parts[at] = (struct part){.range = range, .total = UINT64_MAX};
    plan->count++;
    return true;
}

static enum rc split_create(const struct source *source, const struct paginator_start *start, struct paginator **paginator, const struct paginator_row *row) {
    struct split_plan *plan = calloc(1, sizeof(*plan));
    uint64_t base = paginator_number(source, "offset", 0), maximum = paginator_number(source, "maximum_offset", UINT64_MAX);
    enum rc rc = RC_OK;

    if (plan == NULL) {
        return RC_TEMP;
    }
    plan->paginator.row = row;
    plan->source = source;
    plan->start = *start;
    plan->reachable = maximum - base;
    if (start->total == UINT64_MAX || start->total <= plan->reachable || start->take <= plan->reachable) {
        rc = search(plan, start->take, start->total, &plan->whole);
    } else if (!insert(plan, 0, (struct split_part){.from = source->split->minimum, .to = source->split->maximum})) {
        rc = RC_TEMP;
    }
    if (rc != RC_OK) {
        free(plan);
        return rc;
    }
    *paginator = &plan->paginator;
    return RC_OK;
}

static void split_destroy(struct paginator *paginator) {
    struct split_plan *plan = (struct split_plan *)paginator;

    paginator_free(plan->whole);
    for (size_t i = 0; i < plan->count; i++) {
        paginator_free(plan->parts[i].pages);
    }
    free(plan->parts);
    free(plan);
}

/* --- parts --------------------------------------------------------------------------------------------------------- */

static void describe(const struct split_plan *plan, struct split_part range, char *out, size_t size) {
    split_token(plan->source->split, range, out, size);
}

/* The first part that must be asked about; halves what is too large on the way. NULL: none. */
static struct part *to_ask(struct split_plan *plan) {
    char text[80];

    for (size_t i = 0; i < plan->count && !plan->failed; i++) {
        struct part *p = &plan->parts[i];
        struct split_part range = p->range;
        int64_t middle = range.from + (range.to - range.from) / 2;

        if (p->total == UINT64_MAX) {
            return p;
        }
        if (p->halved || p->total <= plan->reachable) {
            continue;
        }
        if (range.from == range.to || plan->count + 2 > MOST_PARTS) {
            if (plan->fault[0] == '\0') {
                describe(plan, range, text, sizeof(text));
                (void)str_format(plan->fault, sizeof(plan->fault), "%llu records are in the range %s, and only the first %llu of a search can be reached",
                                 (unsigned long long)p->total, text, (unsigned long long)plan->reachable);
            }
            continue;
        }
        p->halved = true;
        if (!insert(plan, i + 1, (struct split_part){.from = range.from, .to = middle}) ||
            !insert(plan, i + 2, (struct split_part){.from = middle + 1, .to = range.to})) {
            return NULL;
        }
    }
    return NULL;
}

/* All totals are known: each part gets its share of `take`, and what the range does not find is told. */
static void settle(struct split_plan *plan) {
    uint64_t sum = 0, left = plan->start.take;

    if (plan->planned) {
        return;
    }
    plan->planned = true;
    for (size_t i = 0; i < plan->count; i++) {
        struct part *p = &plan->parts[i];

        if (!p->halved) {
            p->take = p->total < left ? p->total : left;
            left -= left != UINT64_MAX ? p->take : 0;
            sum += p->total;
        }
    }
    if (sum != plan->start.total && plan->fault[0] == '\0') {
        (void)str_format(plan->fault, sizeof(plan->fault), "the ranges of `split` find %llu records and the search has %llu: some lie outside or between them",
                         (unsigned long long)sum, (unsigned long long)plan->start.total);
    }
}

static bool split_probe(struct paginator *paginator, struct page *page) {
    struct split_plan *plan = (struct split_plan *)paginator;
    const struct part *part = plan->whole == NULL && !plan->planned ? to_ask(plan) : NULL;

    if (part == NULL) {
        if (plan->whole == NULL && !plan->failed) {
            settle(plan);
        }
        return false;
    }
    *page = (struct page){.offset = paginator_number(plan->source, "offset", 0), .limit = 1};
    split_token(plan->source->split, part->range, page->token, sizeof(page->token));
    return true;
}

static struct part *part_of(struct split_plan *plan, const char *token, bool halved) {
    struct split_part range;

    if (!split_parse(plan->source->split, token, &range)) {
        return NULL;
    }
    for (size_t i = 0; i < plan->count; i++) {
        struct part *p = &plan->parts[i];

        if (p->range.from == range.from && p->range.to == range.to && (halved || !p->halved)) {
            return p;
        }
    }
    return NULL;
}

static void split_probed(struct paginator *paginator, const struct page *page, uint64_t total) {
    struct split_plan *plan = (struct split_plan *)paginator;
    struct part *part = part_of(plan, page->token, true);

    if (part != NULL && part->total == UINT64_MAX) {
        part->total = total;
        if (total == UINT64_MAX) { /* it cannot be planned */
            part->total = 0;
            (void)str_format(plan->fault, sizeof(plan->fault), "the source names no total for the range %.100s", page->token);
        }
        (void)to_ask(plan); /* halves it, so that its halves can be told of in any order */
    }
}

/* --- pages --------------------------------------------------------------------------------------------------------- */

static struct paginator *pages_of(struct split_plan *plan, struct part *part) {
    if (part->pages == NULL && search(plan, part->take, part->total, &part->pages) != RC_OK) {
        plan->failed = true;
    }
    return part->pages;
}

static enum rc split_next(struct paginator *paginator, struct page *page) {
    struct split_plan *plan = (struct split_plan *)paginator;
    bool waits = false;

    if (plan->whole != NULL) {
        return paginator_next(plan->whole, page);
    }
    if (!plan->planned) {
        return RC_AGAIN;
    }
    for (size_t i = 0; i < plan->count; i++) {
        struct part *p = &plan->parts[i];
        enum rc rc;

        if (p->halved || p->take == 0) {
            continue;
        }
        if (pages_of(plan, p) == NULL) {
            return RC_TEMP;
        }
        paginator_offset_number(p->pages, plan->last_batch);
        rc = paginator_next(p->pages, page);
        if (rc == RC_OK) {
            plan->last_batch = page->batch;
            split_token(plan->source->split, p->range, page->token, sizeof(page->token));
        }
        if (rc != RC_AGAIN && rc != RC_GONE) {
            return rc;
        }
        waits = waits || rc == RC_AGAIN;
    }
    return waits ? RC_AGAIN : RC_GONE;
}

/* The search that a page belongs to; NULL: none, the definition was changed. */
static struct paginator *search_of(struct split_plan *plan, const struct page *page) {
    struct part *part;

    plan->last_batch = page->batch > plan->last_batch ? page->batch : plan->last_batch;
    if (plan->whole != NULL) {
        return plan->whole;
    }
    part = part_of(plan, page->token, false);
    if (part == NULL) {
        (void)str_format(plan->fault, sizeof(plan->fault), "page %u belongs to no part of the search as it is split now", page->batch);
        return NULL;
    }
    return pages_of(plan, part);
}

static void split_restore(struct paginator *paginator, const struct page *page) {
    struct paginator *pages = search_of((struct split_plan *)paginator, page);

    if (pages != NULL) {
        paginator_restore(pages, page);
    }
}

static void split_doubt(struct paginator *paginator, const struct page *page) {
    struct paginator *pages = search_of((struct split_plan *)paginator, page);

    if (pages != NULL) {
        paginator_doubt(pages, page);
    }
}

static void split_answer(struct paginator *paginator, const struct page *page, const struct page_facts *facts) {
    struct paginator *pages = search_of((struct split_plan *)paginator, page);

    if (pages != NULL) {
        paginator_answer(pages, page, facts);
    }
}

static bool split_ended(const struct paginator *paginator) {
    const struct split_plan *plan = (const struct split_plan *)paginator;

    if (plan->whole != NULL) {
        return paginator_ended(plan->whole);
    }
    for (size_t i = 0; i < plan->count; i++) {
        const struct part *p = &plan->parts[i];

        if (!p->halved && p->take > 0 && (p->pages == NULL || !paginator_ended(p->pages))) {
            return false;
        }
    }
    return plan->planned && !plan->failed;
}

static const char *split_fault(const struct paginator *paginator) {
    const struct split_plan *plan = (const struct split_plan *)paginator;

    return plan->fault[0] != '\0' ? plan->fault : NULL;
}

static const struct paginator_row split_row = {
    .type = "offset",
    .trims = true,
    .by_position = true,
    .total_is_records = true,
    .destroy = split_destroy,
    .next = split_next,
    .restore = split_restore,
    .doubt = split_doubt,
    .answer = split_answer,
    .ended = split_ended,
    .fault = split_fault,
    .probe = split_probe,
    .probed = split_probed,
};

enum rc paginator_split_create(const struct source *source, const struct paginator_start *start, struct paginator **paginator) {
    return split_create(source, start, paginator, &split_row);
}
