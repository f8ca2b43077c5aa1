// SPDX-License-Identifier: Apache-2.0
#include "api/board.h"

#include "api/cause.h"
#include "base/str.h"
#include "base/strset.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define AHEAD 8 /* steps of a walk */

struct board {
    struct board_row *rows;        /* by id */
    struct filter_glance *glances; /* of the same jobs in the same order; what a list reads of all, so it is one small piece */
    size_t count, capacity;
    struct strset names, causes; /* that many jobs share: there are as many as sources, campaigns, people and reasons */
};

/* --- rows --------------------------------------------------------------------------------------------------------------- */

struct board *board_new(void) {
    return calloc(1, sizeof(struct board));
}

void board_clear(struct board *board) {
    for (size_t i = 0; i < board->count; i++)
        free(board->rows[i].name);
    board->count = 0;
}

void board_free(struct board *board) {
    if (!board)
        return;
    board_clear(board);
    strset_release(&board->names);
    strset_release(&board->causes);
    free(board->rows);
    free(board->glances);
    free(board);
}

/* Where the id is, or would be. Ids begin with their time, so a new one belongs to the end nearly always. */
static size_t position(const struct board *board, const char *id, bool *found) {
    size_t low = 0, high = board->count;
    *found = false;
    if (high && strcmp(board->rows[high - 1].id, id) < 0)
        return high;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(board->rows[middle].id, id);
        if (order == 0) {
            *found = true;
            return middle;
        }
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static uint32_t small(uint64_t count) {
    return count < UINT32_MAX ? (uint32_t)count : UINT32_MAX;
}

static bool add_texts(struct board_row *row, const struct job_row *job) {
    const size_t name_size = strlen(job->name) + 1, size = name_size + strlen(job->id) + strlen(job->name) + strlen(job->campaign) + strlen(job->source) + 4;
    row->name = malloc(size);
    if (!row->name)
        return false;
    memcpy(row->name, job->name, name_size);
    char *text = row->name + name_size;
    str_format(text, size - name_size, "%s %s %s %s", job->id, job->name, job->campaign, job->source);
    for (char *at = text; *at; at++)
        *at = (char)tolower((unsigned char)*at);
    row->text = text;
    return true;
}

const char *board_cause(struct board *board, const char *error) {
    static const char none[] = "";
    char cause[CAUSE_SIZE];
    cause_of(error, cause);
    if (!*cause || (board->causes.count >= BOARD_CAUSES && !strset_has(&board->causes, cause)))
        return none;
    const char *kept = strset_keep(&board->causes, cause, NULL);
    return kept ? kept : none;
}

static bool row_of(struct board *board, const struct job_row *job, bool waiting, struct board_row *row) {
    *row = (struct board_row){.place = (uint8_t)job->place,
                              .priority = (uint8_t)job->priority,
                              .automatic = job->automatic,
                              .metered = job->metered,
                              .runs = !job->mode[0] || strcmp(job->mode, "run") == 0,
                              .waiting = waiting,
                              .captured_batches = small(job->captured_batches),
                              .loaded_batches = small(job->loaded_batches),
                              .failed_batches = small(job->failed_batches),
                              .unknown_batches = small(job->unknown_batches),
                              .created_us = job->created_us,
                              .updated_us = job->updated_us,
                              .source = strset_keep(&board->names, job->source, NULL),
                              .campaign = strset_keep(&board->names, job->campaign, NULL),
                              .owner = strset_keep(&board->names, job->created_by, NULL),
                              .reason = strset_keep(&board->names, job->reason, NULL),
                              .mode = strset_keep(&board->names, job->mode[0] ? job->mode : "run", NULL),
                              .error_count = job->error_count,
                              .completed_us = job->completed_us,
                              .placed_us = job->placed_us,
                              .started_us = job->started_us,
                              .total_records = job->total_records,
                              .processed_records = job->processed_records,
                              .success_count = job->success_count,
                              .journal_offset = job->journal_offset,
                              .cost = job->cost,
                              .cost_in_doubt = job->cost_in_doubt,
                              .cost_open = job->cost_open};
    memcpy(row->id, job->id, sizeof row->id);
    memcpy(row->currency, job->currency, sizeof row->currency);
    row->cause = job->place == PLACE_FAILED || job->place == PLACE_HOLD ? board_cause(board, job->error_details) : "";
    if (!row->source || !row->campaign || !row->owner || !row->reason || !row->mode)
        return false;
    return add_texts(row, job);
}

static struct filter_glance glance_of(const struct board_row *row) {
    struct filter_glance glance = {.created_us = row->created_us,
                                   .updated_us = row->updated_us,
                                   .source = row->source,
                                   .campaign = row->campaign,
                                   .owner = row->owner,
                                   .reason = row->reason,
                                   .name = row->name,
                                   .place = row->place,
                                   .priority = row->priority,
                                   .runs = row->runs,
                                   .automatic = row->automatic,
                                   .unloaded = row->captured_batches > row->loaded_batches,
                                   .loaded = row->captured_batches && row->captured_batches == row->loaded_batches,
                                   .error = row->error_count || row->failed_batches};
    filter_pairs(row->text, glance.pairs);
    return glance;
}

static bool make_room(struct board *board) {
    if (board->count < board->capacity)
        return true;
    size_t capacity = board->capacity ? board->capacity * 2 : 256;
    struct board_row *rows = realloc(board->rows, capacity * sizeof *rows);
    if (!rows)
        return false;
    board->rows = rows;
    struct filter_glance *glances = realloc(board->glances, capacity * sizeof *glances);
    if (!glances)
        return false;
    board->glances = glances;
    board->capacity = capacity;
    return true;
}

static void compare(const struct board_row *old, const struct board_row *row, struct board_change *change) {
    *change = (struct board_change){.row = NULL, .fresh = !old};
    if (!old)
        return;
    change->moved = old->place != row->place || old->waiting != row->waiting || old->reason != row->reason || old->priority != row->priority;
    change->files = old->captured_batches != row->captured_batches || old->loaded_batches != row->loaded_batches || old->failed_batches != row->failed_batches;
    change->progressed = change->files || old->processed_records != row->processed_records || old->total_records != row->total_records ||
                         old->success_count != row->success_count || old->unknown_batches != row->unknown_batches || old->updated_us != row->updated_us;
}

enum rc board_put(struct board *board, const struct job_row *job, bool waiting, struct board_change *change) {
    bool found;
    struct board_row row;
    if (!make_room(board) || !row_of(board, job, waiting, &row))
        return RC_TEMP;
    size_t at = position(board, job->id, &found);
    if (change)
        compare(found ? &board->rows[at] : NULL, &row, change);
    if (found)
        free(board->rows[at].name);
    else {
        memmove(&board->rows[at + 1], &board->rows[at], (board->count - at) * sizeof *board->rows);
        memmove(&board->glances[at + 1], &board->glances[at], (board->count - at) * sizeof *board->glances);
        board->count++;
    }
    board->rows[at] = row;
    board->glances[at] = glance_of(&row);
    if (change)
        change->row = &board->rows[at];
    return RC_OK;
}

void board_remove(struct board *board, const char *id) {
    bool found;
    size_t at = position(board, id, &found);
    if (!found)
        return;
    free(board->rows[at].name);
    board->count--;
    memmove(&board->rows[at], &board->rows[at + 1], (board->count - at) * sizeof *board->rows);
    memmove(&board->glances[at], &board->glances[at + 1], (board->count - at) * sizeof *board->glances);
}

const struct board_row *board_find(const struct board *board, const char *id) {
    bool found;
    size_t at = position(board, id, &found);
    return found ? &board->rows[at] : NULL;
}

size_t board_count(const struct board *board) {
    return board->count;
}

const struct board_row *board_at(const struct board *board, size_t number) {
    return number < board->count ? &board->rows[number] : NULL;
}

/* --- lists -------------------------------------------------------------------------------------------------------------- */

static const char *const SORTS[] = {"created_at", "updated_at", "completed_at",  "priority",          "status",
                                    "source",     "name",       "total_records", "processed_records", "cost"};
const char board_sort_names[] =
    "created_at, updated_at, completed_at, priority, status, source, name, total_records, processed_records or cost, with - before it "
    "from the greatest down";

bool board_sort_parse(const char *text, enum board_sort *sort, bool *down) {
    *down = *text == '-';
    for (size_t i = 0; i < sizeof SORTS / sizeof SORTS[0]; i++)
        if (strcmp(text + *down, SORTS[i]) == 0) {
            *sort = (enum board_sort)i;
            return true;
        }
    return false;
}

static int by_number(int64_t a, int64_t b) {
    return (a > b) - (a < b);
}

/* What is not known comes first. */
static int by_count(uint64_t a, uint64_t b) {
    return by_number(a == JOB_UNKNOWN ? -1 : (int64_t)a, b == JOB_UNKNOWN ? -1 : (int64_t)b);
}

/* What a list is made of. */
struct listing {
    const struct board *board;
    const struct board_query *query;
    struct board_page *page;
};

static const struct filter_glance *glance_at(const struct listing *l, const struct board_row *row) {
    return &l->board->glances[row - l->board->rows];
}

static int by_key(const struct listing *l, const struct board_row *a, const struct board_row *b) {
    switch (l->query->sort) {
    case BOARD_CREATED:
        return by_number(glance_at(l, a)->created_us, glance_at(l, b)->created_us);
    case BOARD_UPDATED:
        return by_number(glance_at(l, a)->updated_us, glance_at(l, b)->updated_us);
    case BOARD_COMPLETED:
        return by_number(a->completed_us, b->completed_us);
    case BOARD_PRIORITY:
        return by_number(glance_at(l, a)->priority, glance_at(l, b)->priority);
    case BOARD_STATUS:
        return strcmp(place_status((enum place)glance_at(l, a)->place), place_status((enum place)glance_at(l, b)->place));
    case BOARD_SOURCE:
        return strcmp(glance_at(l, a)->source, glance_at(l, b)->source);
    case BOARD_NAME:
        return strcasecmp(glance_at(l, a)->name, glance_at(l, b)->name);
    case BOARD_TOTAL:
        return by_count(a->total_records, b->total_records);
    case BOARD_PROCESSED:
        return by_count(a->processed_records, b->processed_records);
    case BOARD_COST:
        return dec_compare(a->cost, b->cost);
    }
    return 0;
}

/* > 0: a comes after b on the pages. Equal keys by id, which is the order of the rows. */
static int order(const struct listing *l, const struct board_row *a, const struct board_row *b) {
    int by = by_key(l, a, b);
    if (!by)
        by = (a > b) - (a < b);
    return l->query->down ? -by : by;
}

static bool meant(const struct board *board, size_t i, const struct filter *filter, const char *owner) {
    const struct filter_glance *glance = &board->glances[i];
    if (!filter_may_have(filter, glance) || (owner && strcmp(glance->owner, owner) != 0))
        return false;
    if (filter_is_plain(filter))
        return true;
    const struct filter_job job = {.glance = glance,
                                   .id = board->rows[i].id,
                                   .mode = filter->modes.count ? board->rows[i].mode : "run", /* the row is not touched for it */
                                   .text = glance->name + strlen(glance->name) + 1};
    return filter_has(filter, &job);
}

bool board_has(const struct board *board, const struct filter *filter, const struct board_row *row) {
    return meant(board, (size_t)(row - board->rows), filter, NULL);
}

/* The page is a heap whose top is its last row, until all have been seen. */
static void sift_down(const struct listing *l, size_t at, size_t count) {
    const struct board_row **rows = l->page->rows;
    for (;;) {
        size_t last = at, left = 2 * at + 1;
        for (size_t child = left; child < left + 2 && child < count; child++)
            if (order(l, rows[child], rows[last]) > 0)
                last = child;
        if (last == at)
            return;
        const struct board_row *row = rows[at];
        rows[at] = rows[last];
        rows[last] = row;
        at = last;
    }
}

static void keep(const struct listing *l, const struct board_row *row) {
    struct board_page *page = l->page;
    if (page->count < l->query->limit) {
        size_t at = page->count++;
        page->rows[at] = row;
        while (at && order(l, page->rows[at], page->rows[(at - 1) / 2]) > 0) {
            const struct board_row *up = page->rows[(at - 1) / 2];
            page->rows[(at - 1) / 2] = page->rows[at];
            page->rows[at] = up;
            at = (at - 1) / 2;
        }
        return;
    }
    page->more = true;
    if (order(l, row, page->rows[0]) >= 0)
        return;
    page->rows[0] = row;
    sift_down(l, 0, page->count);
}

/* The row that a walk comes to at this step. What a step soon needs beside the glance is fetched meanwhile: else a walk waits for little but memory. */
static size_t walk(const struct board *board, size_t step, bool down, bool names, bool rows) {
    if (step + AHEAD < board->count) {
        size_t next = down ? board->count - 1 - step - AHEAD : step + AHEAD;
        if (names)
            __builtin_prefetch(board->glances[next].name);
        if (rows) {
            __builtin_prefetch(&board->rows[next].completed_us);
            __builtin_prefetch(&board->rows[next].cost);
        }
    }
    return down ? board->count - 1 - step : step;
}

void board_list(const struct board *board, const struct board_query *query, struct board_page *page) {
    const struct listing l = {board, query, page};
    const struct board_row *after = *query->after ? board_find(board, query->after) : NULL;
    const bool names = query->sort == BOARD_NAME || query->filter->word_count;
    const bool rows = query->sort == BOARD_COMPLETED || query->sort == BOARD_TOTAL || query->sort == BOARD_PROCESSED || query->sort == BOARD_COST;
    page->count = page->total = 0;
    page->more = false;
    for (size_t step = 0; step < board->count; step++) {
        /* From the newest on, when that is wanted: then most rows are seen to come after the page at once. */
        const size_t i = walk(board, step, query->down, names, rows);
        if (!meant(board, i, query->filter, query->owner))
            continue;
        page->total++;
        if (!after || order(&l, &board->rows[i], after) > 0)
            keep(&l, &board->rows[i]);
    }
    for (size_t count = page->count; count > 1;) {
        const struct board_row *last = page->rows[0];
        page->rows[0] = page->rows[--count];
        page->rows[count] = last;
        sift_down(&l, 0, count);
    }
}

void board_each(const struct board *board, const struct filter *filter, const char *owner, board_seen *fn, void *context) {
    for (size_t i = 0; i < board->count; i++)
        if (meant(board, i, filter, owner) && !fn(context, &board->rows[i]))
            return;
}
