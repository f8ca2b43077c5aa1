// SPDX-License-Identifier: Apache-2.0
#include "source/paginator_chain.h"

#include <stdlib.h>
#include <string.h>

#include "base/digest.h"
#include "base/limits.h"
#include "source/link.h"
#include "source/paginator_link.h"

struct seen { /* a token that was handed out or named */
    uint64_t hash;
    uint32_t batch; /* the page that it is asked with; 0: a free place */
};

struct chain {
    struct paginator paginator;
    const struct source *source;
    bool links;
    uint64_t size, take; /* size: the limit of a page; 0: none is sent */
    bool trims, stop_after_empty;
    uint64_t total;      /* UINT64_MAX: not known */
    uint64_t records;    /* that came */
    uint32_t last_batch; /* handed out */
    size_t out;          /* handed out and not answered */
    bool done, failed;   /* failed: a token could not be remembered */
    struct seen *seen;   /* open addressing, at most half full */
    size_t seen_count, seen_room;
    char next[LIMIT_TOKEN_BYTES];
    char fault[240]; /* "": none */
};

/* --- tokens -------------------------------------------------------------------------------------------------------- */

static struct seen *place_in(struct seen *places, size_t room, uint64_t hash) {
    size_t at = (size_t)hash & (room - 1);

    while (places[at].batch != 0 && places[at].hash != hash) {
        at = (at + 1) & (room - 1);
    }
    return &places[at];
}

static bool make_room(struct chain *c) {
    size_t room = c->seen_room > 0 ? 2 * c->seen_room : 64;
    struct seen *seen;

    if (2 * (c->seen_count + 1) <= c->seen_room) {
        return true;
    }
    seen = calloc(room, sizeof(*seen));
    if (seen == NULL) {
        return false;
    }
    for (size_t i = 0; i < c->seen_room; i++) {
        if (c->seen[i].batch != 0) {
            *place_in(seen, room, c->seen[i].hash) = c->seen[i];
        }
    }
    free(c->seen);
    c->seen = seen;
    c->seen_room = room;
    return true;
}

/* Remember that the page `batch` is asked with this token. Returns the page that was before it; 0: none. */
static uint32_t see(struct chain *c, const char *token, uint32_t batch) {
    unsigned char sum[DIGEST_BYTES];
    char bare[LIMIT_TOKEN_BYTES];
    struct seen *seen;
    uint64_t hash = 0;

    if (token[0] == '\0' || !str_copy(bare, sizeof(bare), token)) {
        return 0;
    }
    if (c->links) {
        paginator_link_bare(c->source, bare);
    }
    digest_of(bare, strlen(bare), sum);
    memcpy(&hash, sum, sizeof(hash));
    if (hash == 0 || !make_room(c)) {
        c->failed = true;
        return 0;
    }
    seen = place_in(c->seen, c->seen_room, hash);
    if (seen->batch != 0) {
        return seen->batch;
    }
    *seen = (struct seen){.hash = hash, .batch = batch};
    c->seen_count++;
    return 0;
}

/* The first page has a URL too, in the form that links to it are kept in. */
static void see_first(struct chain *c, const char *url) {
    char form[LIMIT_TOKEN_BYTES], fault[LINK_FAULT_SIZE];

    if (link_resolve(url, slice_of(url), form, sizeof(form), fault) == RC_OK) {
        (void)see(c, form, 1);
    }
}

/* --- pages --------------------------------------------------------------------------------------------------------- */

enum rc paginator_chain_create(const struct source *source, const struct paginator_start *start, struct paginator **paginator) {
    struct chain *c = calloc(1, sizeof(*c));

    if (c == NULL) {
        return RC_TEMP;
    }
    if (paginator_sends_limit(source)) {
        c->size = start->page_size > 0 ? start->page_size : source->limit;
    }
    c->source = source;
    c->links = paginator_row(source->paginator_type)->links;
    c->take = start->take;
    c->total = start->total;
    c->trims = paginator_trims(source);
    c->stop_after_empty = paginator_stops_when_empty(source, false);
    c->done = c->total == 0;
    if (c->links && start->first_url != NULL) {
        see_first(c, start->first_url);
    }
    *paginator = &c->paginator;
    return RC_OK;
}

void paginator_chain_destroy(struct paginator *paginator) {
    struct chain *c = (struct chain *)paginator;

    free(c->seen);
    free(c);
}

enum rc paginator_chain_next(struct paginator *paginator, struct page *page) {
    struct chain *c = (struct chain *)paginator;

    if (c->failed) {
        return RC_TEMP;
    }
    if (c->out > 0) {
        return RC_AGAIN;
    }
    if (c->done || c->fault[0] != '\0') {
        return RC_GONE;
    }
    if (c->last_batch >= LIMIT_BATCHES) {
        return RC_PERM;
    }
    *page = (struct page){.batch = ++c->last_batch, .offset = c->records, .limit = c->size};
    if (c->trims && c->take - c->records < c->size) {
        page->limit = c->take - c->records;
    }
    (void)str_copy(page->token, sizeof(page->token), c->next);
    c->out++;
    return RC_OK;
}

void paginator_chain_restore(struct paginator *paginator, const struct page *page) {
    struct chain *c = (struct chain *)paginator;

    (void)see(c, page->token, page->batch);
    c->last_batch = page->batch > c->last_batch ? page->batch : c->last_batch;
    c->out++;
}

/* The last page that was handed out is answered, and the search is not at its end: go on to the page that the answer names. */
static void go_on(struct chain *c, uint32_t batch, const struct page_facts *facts) {
    uint32_t before = 0;

    if (c->paginator.row->read == NULL) {
        c->done = true;
    } else if (facts->given_up) {
        (void)str_format(c->fault, sizeof(c->fault), "page %u was given up, and only its answer would have named page %u", batch, batch + 1);
    } else if (facts->fault[0] != '\0') {
        (void)str_format(c->fault, sizeof(c->fault), "page %u: %s", batch, facts->fault);
    } else if (facts->token[0] == '\0' && facts->more == MORE_YES) {
        (void)str_format(c->fault, sizeof(c->fault), "page %u says that more follows, and does not name the next page", batch);
    } else if (facts->token[0] == '\0') {
        c->done = true;
    } else if ((before = see(c, facts->token, batch + 1)) != 0) {
        (void)str_format(c->fault, sizeof(c->fault), "page %u names a next page that was asked for already (page %u): the source goes in a circle", batch,
                         before);
    } else {
        (void)str_copy(c->next, sizeof(c->next), facts->token);
    }
}

void paginator_chain_answer(struct paginator *paginator, const struct page *page, const struct page_facts *facts) {
    struct chain *c = (struct chain *)paginator;
    bool empty = facts->records == 0 && !facts->given_up;

    c->out -= c->out > 0;
    c->records = facts->records > UINT64_MAX - c->records ? UINT64_MAX : c->records + facts->records;
    if (page->batch < c->last_batch) {
        return; /* its next page was handed out, in an earlier run */
    }
    if (facts->total != UINT64_MAX) {
        c->total = facts->total;
    }
    if (facts->more == MORE_NO || (empty && c->stop_after_empty) || c->records >= c->take || c->records >= c->total) {
        c->done = true;
    } else {
        go_on(c, page->batch, facts);
    }
}

bool paginator_chain_ended(const struct paginator *paginator) {
    const struct chain *c = (const struct chain *)paginator;

    return c->done && c->out == 0 && !c->failed;
}

const char *paginator_chain_fault(const struct paginator *paginator) {
    const struct chain *c = (const struct chain *)paginator;

    return c->fault[0] != '\0' ? c->fault : NULL;
}

/* --- single_page --------------------------------------------------------------------------------------------------- */

static const char *const single_options[] = {NULL};

static void single_check(struct check *check, struct source *source) {
    (void)check;
    (void)source;
}

static enum rc single_place(const struct source *source, const struct page *page, struct placement *placement) {
    (void)source;
    (void)page;
    (void)placement;
    return RC_OK;
}

const struct paginator_row paginator_single_page = {
    PAGINATOR_CHAIN, .type = "single_page", .trims = true, .options = single_options, .check = single_check, .place = single_place,
};
