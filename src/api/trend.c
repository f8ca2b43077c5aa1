// SPDX-License-Identifier: Apache-2.0
#include "api/trend.h"

#include "base/clock.h"

#include <stdlib.h>
#include <string.h>

#define MINUTE_US INT64_C(60000000)
#define HOUR_US (60 * MINUTE_US)
#define EACH_PAYLOAD_US (30 * HOUR_US)

static const struct {
    int64_t width_us;
    unsigned count; /* of buckets: what it covers, and the one that is not over */
} RINGS[] = {{MINUTE_US, 301}, {10 * MINUTE_US, 181}, {HOUR_US, 32 * 24 + 1}};
#define RING_COUNT (sizeof RINGS / sizeof RINGS[0])

struct ring {
    int64_t newest; /* number of the newest bucket: its time by the width */
    struct trend_sums *buckets;
};

struct pair {
    char source[65], owner[65], currency[9];
    struct ring rings[RING_COUNT];
};

struct trend {
    struct pair *pairs[TREND_KEYS + 1]; /* the last: all others */
    size_t count;
    size_t last; /* the pair that was found last: lines of one job come together */
};

struct trend *trend_new(void) {
    return calloc(1, sizeof(struct trend));
}

static void pair_free(struct pair *pair) {
    for (size_t i = 0; i < RING_COUNT; i++)
        free(pair->rings[i].buckets);
    free(pair);
}

void trend_clear(struct trend *t) {
    for (size_t i = 0; i < t->count; i++)
        pair_free(t->pairs[i]);
    t->count = t->last = 0;
}

void trend_free(struct trend *t) {
    if (!t)
        return;
    trend_clear(t);
    free(t);
}

/* --- counting ----------------------------------------------------------------------------------------------------------- */

static bool is(const struct pair *pair, const char *source, const char *owner, const char *currency) {
    return strcmp(pair->source, source) == 0 && strcmp(pair->owner, owner) == 0 && strcmp(pair->currency, currency) == 0;
}

static struct pair *pair_new(const char *source, const char *owner, const char *currency) {
    struct pair *pair = calloc(1, sizeof *pair);
    bool well = pair && str_copy(pair->source, sizeof pair->source, source) && str_copy(pair->owner, sizeof pair->owner, owner) &&
                str_copy(pair->currency, sizeof pair->currency, currency);
    for (size_t i = 0; well && i < RING_COUNT; i++)
        well = (pair->rings[i].buckets = calloc(RINGS[i].count, sizeof *pair->rings[i].buckets)) != NULL;
    if (well)
        return pair;
    if (pair)
        pair_free(pair);
    return NULL;
}

static struct pair *pair_of(struct trend *t, const char *source, const char *owner, const char *currency) {
    if (t->last < t->count && is(t->pairs[t->last], source, owner, currency))
        return t->pairs[t->last];
    for (size_t i = 0; i < t->count; i++)
        if (is(t->pairs[i], source, owner, currency)) {
            t->last = i;
            return t->pairs[i];
        }
    if (t->count > TREND_KEYS)
        return t->pairs[TREND_KEYS];
    struct pair *pair = t->count == TREND_KEYS ? pair_new("", "", "") : pair_new(source, owner, currency);
    if (pair)
        t->pairs[t->last = t->count++] = pair;
    return pair;
}

static void sums_add(struct trend_sums *to, const struct trend_sums *sums) {
    to->captured += sums->captured;
    to->loaded += sums->loaded;
    to->errors += sums->errors;
    to->batches += sums->batches;
    to->cost = dec_add(to->cost, sums->cost);
}

static bool sums_none(const struct trend_sums *sums) {
    return !sums->captured && !sums->loaded && !sums->errors && !sums->batches && dec_compare(sums->cost, dec_zero()) == 0;
}

static void ring_add(struct ring *ring, size_t which, int64_t at_us, const struct trend_sums *sums) {
    const int64_t number = at_us / RINGS[which].width_us, count = RINGS[which].count;
    if (number <= ring->newest - count)
        return;
    if (number > ring->newest + count)
        ring->newest = number - count;
    while (ring->newest < number)
        ring->buckets[++ring->newest % count] = (struct trend_sums){.captured = 0};
    sums_add(&ring->buckets[number % count], sums);
}

void trend_add(struct trend *t, const char *source, const char *owner, const char *currency, int64_t at_us, int64_t now_us, const struct trend_sums *sums) {
    const int64_t oldest_us = now_us - HOUR_US * 32 * 24;
    if (at_us > now_us)
        at_us = now_us;
    if (sums_none(sums) || at_us < 0 || at_us < oldest_us)
        return;
    struct pair *pair = pair_of(t, source, owner, currency);
    for (size_t i = 0; pair && i < RING_COUNT; i++)
        ring_add(&pair->rings[i], i, at_us, sums);
}

static int64_t more(uint64_t after, uint64_t before) {
    return (int64_t)(after - before);
}

void trend_line(struct trend *t, const struct job_row *before, const struct job_row *row, int64_t ts_us, int64_t now_us) {
    /* What a delta purchase owns already counts as captured and loaded there; here only what came. */
    const struct trend_sums sums = {.captured = more(row->processed_records - row->owned_records, before->processed_records - before->owned_records),
                                    .loaded = more(row->success_count - row->owned_records, before->success_count - before->owned_records),
                                    .errors = more(row->error_count - row->failed_units, before->error_count - before->failed_units),
                                    .batches = more(row->captured_batches, before->captured_batches),
                                    .cost = dec_sub(row->cost, before->cost)};
    trend_add(t, row->source, row->created_by, row->currency, ts_us, now_us, &sums);
}

struct filling {
    struct trend *trend;
    const struct board_row *row;
    int64_t now_us;
    uint64_t total, seen; /* records of all payloads; of those so far */
};

static bool count_records(void *context, const struct file_row *file) {
    struct filling *f = context;
    f->total += file->records;
    return true;
}

static bool add_file(void *context, const struct file_row *file) {
    struct filling *f = context;
    const struct board_row *row = f->row;
    struct trend_sums sums = {.captured = (int64_t)file->records, .batches = 1};
    if (f->total) /* shares are rounded: each is what all so far have more than those before */
        sums.cost = dec_sub(dec_share(row->cost, f->seen + file->records, f->total), dec_share(row->cost, f->seen, f->total));
    f->seen += file->records;
    trend_add(f->trend, row->source, row->owner, row->currency, file->created_us, f->now_us, &sums);
    sums = (struct trend_sums){.loaded = (int64_t)file->success_count, .errors = (int64_t)file->error_count};
    trend_add(f->trend, row->source, row->owner, row->currency, file->processed_us, f->now_us, &sums);
    return true;
}

enum rc trend_fill(struct trend *t, struct index *index, const struct board_row *row, int64_t now_us, struct err *err) {
    struct filling f = {.trend = t, .row = row, .now_us = now_us};
    if (!row->captured_batches)
        return RC_OK;
    if (row->updated_us < now_us - EACH_PAYLOAD_US) {
        const struct trend_sums sums = {(int64_t)row->processed_records, (int64_t)row->success_count, (int64_t)row->error_count, row->captured_batches,
                                        row->cost};
        trend_add(t, row->source, row->owner, row->currency, row->updated_us, now_us, &sums);
        return RC_OK;
    }
    enum rc rc = index_files(index, row->id, count_records, &f, err);
    return rc ? rc : index_files(index, row->id, add_file, &f, err);
}

/* --- looking ------------------------------------------------------------------------------------------------------------ */

bool trend_window(const char *text, int64_t *seconds) {
    char digits[8];
    const size_t length = strlen(text);
    int64_t count;
    if (length < 2 || length > sizeof digits)
        return false;
    memcpy(digits, text, length - 1);
    digits[length - 1] = '\0';
    const int64_t unit = text[length - 1] == 'm' ? 60 : text[length - 1] == 'h' ? 3600 : text[length - 1] == 'd' ? 86400 : 0;
    if (!unit || !str_to_i64(digits, 1, TREND_WINDOW_MAX_S / unit, &count))
        return false;
    *seconds = count * unit;
    return true;
}

struct trend_span trend_span(int64_t window_s, int64_t now_us) {
    static const int64_t minutes[] = {1, 2, 5, 10, 20, 30, 60, 120, 180, 360, 720};
    const int64_t window_us = window_s * 1000000;
    size_t i = 0;
    while (i + 1 < sizeof minutes / sizeof minutes[0] && window_us > 60 * minutes[i] * MINUTE_US)
        i++;
    struct trend_span span = {.width_us = minutes[i] * MINUTE_US};
    /* Of a bucket that reaches into the window all counts, as nobody knows which part of it belongs there. */
    const int64_t bucket_us = span.width_us % HOUR_US == 0 ? HOUR_US : span.width_us % (10 * MINUTE_US) == 0 ? 10 * MINUTE_US : MINUTE_US;
    span.from_us = (now_us - window_us) / bucket_us * bucket_us;
    span.first_us = span.from_us / span.width_us * span.width_us;
    span.count = (unsigned)(now_us / span.width_us - span.first_us / span.width_us + 1);
    if (span.count > TREND_POINTS)
        span.count = TREND_POINTS;
    return span;
}

int trend_point(const struct trend_span *span, int64_t at_us) {
    if (at_us < span->from_us || at_us >= span->first_us + (int64_t)span->count * span->width_us)
        return -1;
    return (int)((at_us - span->first_us) / span->width_us);
}

static bool points_of(const struct pair *pair, const struct trend_span *span, struct trend_sums points[TREND_POINTS]) {
    size_t which = RING_COUNT - 1;
    while (which && span->width_us % RINGS[which].width_us)
        which--;
    const struct ring *ring = &pair->rings[which];
    const int64_t width_us = RINGS[which].width_us, count = RINGS[which].count;
    bool some = false;
    memset(points, 0, TREND_POINTS * sizeof *points);
    int64_t number = span->from_us / width_us;
    if (number <= ring->newest - count)
        number = ring->newest - count + 1;
    for (; number <= ring->newest; number++) {
        const int point = trend_point(span, number * width_us);
        if (point < 0 || sums_none(&ring->buckets[number % count]))
            continue;
        sums_add(&points[point], &ring->buckets[number % count]);
        some = true;
    }
    return some;
}

void trend_each(const struct trend *t, const struct trend_span *span, const char *source, const char *owner, trend_seen *fn, void *context) {
    struct trend_sums points[TREND_POINTS];
    for (size_t i = 0; i < t->count; i++) {
        const struct pair *pair = t->pairs[i];
        if ((source && strcmp(pair->source, source) != 0) || (owner && strcmp(pair->owner, owner) != 0))
            continue;
        if (points_of(pair, span, points))
            fn(context, pair->source, pair->owner, pair->currency, points);
    }
}
