// SPDX-License-Identifier: Apache-2.0
#ifndef API_BOARD_H
#define API_BOARD_H

#include "api/filter.h"
#include "engine/queue.h"

/*
 * What the list of jobs, the figures and the live events look at: a small row of every job in memory, some 200 bytes each, so that any filter and any order of
 * 100,000 jobs is answered in milliseconds. Filled from the read index at start, then kept by follow.c. The loop's alone.
 */
struct board;

struct board_row { /* borrowed until the next change of the board; what filters look at comes first */
    uint8_t place, priority;
    bool automatic, metered, runs /* mode run */, waiting /* dropped, and not accepted yet */;
    uint32_t captured_batches, loaded_batches, failed_batches, unknown_batches;
    int64_t created_us, updated_us;
    const char *source, *campaign, *owner, *reason, *mode; /* kept by the board as long as it lives */
    uint64_t error_count;
    const char *cause; /* board_cause of what the error of one says that failed or is held; else "" */
    char *name;        /* with `text` behind its end: see struct filter_job */
    const char *text;
    char id[JOBID_SIZE];
    char currency[9];
    int64_t completed_us, placed_us, started_us;
    uint64_t total_records, processed_records, success_count, journal_offset;
    struct dec cost, cost_in_doubt, cost_open;
};

/* What a change was, for those who hear of it. */
struct board_change {
    const struct board_row *row;
    bool fresh, moved, progressed, files; /* a new job; another place; counts changed; counts of its files changed */
};

struct board *board_new(void); /* NULL: out of memory */
void board_free(struct board *board);
/* RC_TEMP: out of memory, nothing changed. change may be NULL; its row is borrowed. */
enum rc board_put(struct board *board, const struct job_row *row, bool waiting, struct board_change *change);
void board_remove(struct board *board, const char *id);
const struct board_row *board_find(const struct board *board, const char *id);
size_t board_count(const struct board *board);
void board_clear(struct board *board);
/* A cause (api/cause.h), kept as long as the board lives: equal ones are one pointer. There are BOARD_CAUSES of them at most: "" for others, and without
 * memory. */
#define BOARD_CAUSES 4096u
const char *board_cause(struct board *board, const char *error);
/* By id, from the first on. */
const struct board_row *board_at(const struct board *board, size_t number);

enum board_sort {
    BOARD_CREATED,
    BOARD_UPDATED,
    BOARD_COMPLETED,
    BOARD_PRIORITY,
    BOARD_STATUS,
    BOARD_SOURCE,
    BOARD_NAME,
    BOARD_TOTAL,
    BOARD_PROCESSED,
    BOARD_COST
};
/* "created_at", "-cost"; false: no such order. */
bool board_sort_parse(const char *text, enum board_sort *sort, bool *down);
extern const char board_sort_names[]; /* for texts: all of them */

struct board_query {
    const struct filter *filter;
    const char *owner; /* only this person's jobs; NULL: all */
    enum board_sort sort;
    bool down;
    size_t limit;      /* 1 to 500 */
    const char *after; /* id of the last job of the page before; "" from the beginning. A job that changed its place in the order since may come twice or not
                          at all, as with every list that lives */
};
#define BOARD_LIMIT_MAX 500u
struct board_page {
    const struct board_row *rows[BOARD_LIMIT_MAX];
    size_t count, total; /* on this page; of all pages */
    bool more;
};
void board_list(const struct board *board, const struct board_query *query, struct board_page *page);

/* row is one of the board. */
bool board_has(const struct board *board, const struct filter *filter, const struct board_row *row);
/* Every job that the filter has, by id. fn returns false to stop. */
typedef bool board_seen(void *context, const struct board_row *row);
void board_each(const struct board *board, const struct filter *filter, const char *owner, board_seen *fn, void *context);

#endif
