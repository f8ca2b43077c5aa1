// SPDX-License-Identifier: Apache-2.0
#ifndef API_TREND_H
#define API_TREND_H

#include "api/board.h"
#include "store/index.h"

/*
 * What came when: captured and loaded records, payloads and money by time, source and owner, in memory, so that figures over any window are answered at once
 * however many jobs there are. For each pair of source and owner three rings: minutes for five hours, ten minutes for 30 hours, hours for 32 days.
 *
 * How exact: lines of journals that are folded in while the program runs count with their amounts at their own times. What the read index knew before it
 * started comes from its rows (trend_fill): of jobs that changed within the last 30 hours each payload at its times, with its share of the job's cost by
 * records; of older ones all at the time when they changed last. Money of a released charge counts when it is decided. A window is rounded up to whole buckets.
 * What a later load of a payload replaces is taken back at the time of the later load. The loop's alone.
 */
#define TREND_KEYS 512u  /* pairs of source and owner; what comes beyond is counted together, without names */
#define TREND_POINTS 64u /* the most of one series */
#define TREND_WINDOW_MIN_S 60
#define TREND_WINDOW_MAX_S (31 * 86400)

struct trend;

struct trend_sums {
    int64_t captured, loaded, errors; /* records; those that could not be loaded */
    int64_t batches;                  /* payloads captured */
    struct dec cost;
};

struct trend *trend_new(void); /* NULL: out of memory */
void trend_free(struct trend *trend);
void trend_clear(struct trend *trend);

/* What is older than 32 days is left out, and what cannot be kept for want of memory. Times to come count as now. */
void trend_add(struct trend *trend, const char *source, const char *owner, const char *currency, int64_t at_us, int64_t now_us, const struct trend_sums *sums);
/* What a line of a journal has moved. */
void trend_line(struct trend *trend, const struct job_row *before, const struct job_row *row, int64_t ts_us, int64_t now_us);
/* What the index knows of a job. */
enum rc trend_fill(struct trend *trend, struct index *index, const struct board_row *row, int64_t now_us, struct err *err);

/* "90m", "24h", "31d": seconds, 1 minute to 31 days. */
bool trend_window(const char *text, int64_t *seconds);
/* A window and its series: count points of width_us each, at whole multiples of it; the last holds now. */
struct trend_span {
    int64_t from_us; /* where the window begins: in the first point */
    int64_t first_us, width_us;
    unsigned count;
};
struct trend_span trend_span(int64_t window_s, int64_t now_us);
/* The number of the point that a time belongs to; -1: none, or before the window. */
int trend_point(const struct trend_span *span, int64_t at_us);

/* points: span->count of them. source, owner: only those; NULL: all. Pairs of which there is nothing in the window are passed over. Texts stay until
 * trend_clear. */
typedef void trend_seen(void *context, const char *source, const char *owner, const char *currency, const struct trend_sums *points);
void trend_each(const struct trend *trend, const struct trend_span *span, const char *source, const char *owner, trend_seen *fn, void *context);

#endif
