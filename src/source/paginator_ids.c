// SPDX-License-Identifier: Apache-2.0
#include "source/paginator_ids.h"

#include <stdlib.h>

struct slice_state {
    uint64_t got;
    unsigned out; /* pages of it that are not answered */
    bool done;
};

struct ids {
    struct paginator paginator;
    uint64_t count, size;
    struct slice_state *slices;
    size_t slice_count, open; /* open: not done */
    size_t next;              /* no slice before it is to be asked for */
    size_t out, doubted;      /* pages */
    uint32_t last_batch;
};

static const struct paginator_row ids_row;

static struct ids *ids_of(struct paginator *paginator) {
    return (struct ids *)(void *)paginator;
}

static uint64_t length_of(const struct ids *ids, size_t slice) {
    uint64_t left = ids->count - slice * ids->size;

    return left < ids->size ? left : ids->size;
}

/* NULL: the page is none of this plan. */
static struct slice_state *state_of(struct ids *ids, const struct page *page) {
    return page->offset / ids->size < ids->slice_count ? &ids->slices[page->offset / ids->size] : NULL;
}

enum rc paginator_ids_new(uint64_t count, uint64_t size, struct paginator **paginator) {
    struct ids *ids = calloc(1, sizeof(*ids));

    *paginator = NULL;
    if (ids == NULL) {
        return RC_TEMP;
    }
    ids->paginator.row = &ids_row;
    ids->count = count;
    ids->size = size;
    ids->slice_count = ids->open = (size_t)((count + size - 1) / size);
    ids->slices = calloc(ids->slice_count > 0 ? ids->slice_count : 1, sizeof(*ids->slices));
    if (ids->slices == NULL) {
        free(ids);
        return RC_TEMP;
    }
    *paginator = &ids->paginator;
    return RC_OK;
}

static void ids_destroy(struct paginator *paginator) {
    free(ids_of(paginator)->slices);
    free(paginator);
}

static enum rc ids_next(struct paginator *paginator, struct page *page) {
    struct ids *ids = ids_of(paginator);

    while (ids->next < ids->slice_count && (ids->slices[ids->next].done || ids->slices[ids->next].out > 0)) {
        ids->next++;
    }
    if (ids->next == ids->slice_count) {
        return ids->out > ids->doubted ? RC_AGAIN : RC_GONE;
    }
    if (ids->last_batch >= LIMIT_BATCHES) {
        return RC_PERM;
    }
    struct slice_state *slice = &ids->slices[ids->next];
    *page = (struct page){.batch = ++ids->last_batch, .offset = ids->next * ids->size, .limit = length_of(ids, ids->next) - slice->got};
    slice->out++;
    ids->out++;
    return RC_OK;
}

static void ids_restore(struct paginator *paginator, const struct page *page) {
    struct ids *ids = ids_of(paginator);
    struct slice_state *slice = state_of(ids, page);

    ids->last_batch = page->batch > ids->last_batch ? page->batch : ids->last_batch;
    if (slice != NULL) {
        slice->out++;
        ids->out++;
    }
}

static void ids_doubt(struct paginator *paginator, const struct page *page) {
    struct ids *ids = ids_of(paginator);

    ids->doubted += state_of(ids, page) != NULL;
}

static void ids_answer(struct paginator *paginator, const struct page *page, const struct page_facts *facts) {
    struct ids *ids = ids_of(paginator);
    struct slice_state *slice = state_of(ids, page);

    if (slice == NULL || slice->out == 0) {
        return;
    }
    slice->out--;
    ids->out--;
    slice->got += facts->records;
    if (!slice->done && (facts->records == 0 || facts->given_up || slice->got >= length_of(ids, (size_t)(page->offset / ids->size)))) {
        slice->done = true;
        ids->open--;
    } else if (!slice->done && page->offset / ids->size < ids->next) {
        ids->next = (size_t)(page->offset / ids->size);
    }
}

static bool ids_ended(const struct paginator *paginator) {
    return ((const struct ids *)(const void *)paginator)->open == 0;
}

static const struct paginator_row ids_row = {
    .type = "ids",
    .trims = true,
    .total_is_records = true,
    .destroy = ids_destroy,
    .next = ids_next,
    .restore = ids_restore,
    .doubt = ids_doubt,
    .answer = ids_answer,
    .ended = ids_ended,
};
