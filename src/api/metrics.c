// SPDX-License-Identifier: Apache-2.0
#include "api/metrics.h"

#include "api/admit.h"
#include "api/board.h"
#include "api/events.h"
#include "api/follow.h"
#include "api/listing.h"
#include "api/notice_watch.h"
#include "api/prometheus.h"
#include "api/queue.h"
#include "api/route.h"
#include "api/web.h"
#include "base/clock.h"
#include "os/process.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define CLASSES 6u /* 1xx to 5xx; 0: none */
#define SOURCES_MOST 256u

static const double BOUNDS[] = {0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10};
#define BOUND_COUNT (sizeof BOUNDS / sizeof BOUNDS[0])

struct of_operation {
    uint64_t answers[CLASSES], took[BOUND_COUNT + 1]; /* the last: longer than all bounds */
    double seconds;
};

struct metrics {
    size_t count; /* of the table; behind it those of the dashboard's files, and what has no operation */
    struct of_operation list[];
};

struct metrics *metrics_new(void) {
    size_t count = 0;
    while (routes[count].method)
        count++;
    struct metrics *m = calloc(1, sizeof *m + (count + 2) * sizeof m->list[0]);
    if (m)
        m->count = count;
    return m;
}

void metrics_free(struct metrics *m) {
    free(m);
}

void metrics_count(const struct request *r) {
    struct metrics *m = r->api->metrics;
    struct of_operation *o = &m->list[!r->route ? m->count + 1 : r->route == &web_route ? m->count : (size_t)(r->route - routes)];
    const double seconds = (double)(clock_mono_us() - r->begun_us) / 1e6;
    size_t i = 0;
    while (i < BOUND_COUNT && seconds > BOUNDS[i])
        i++;
    o->took[i]++;
    o->seconds += seconds;
    o->answers[r->reply.status / 100 < CLASSES ? r->reply.status / 100 : 0]++;
}

/* --- jobs --------------------------------------------------------------------------------------------------------------- */

struct of_source { /* and currency */
    const char *source, *currency;
    uint64_t jobs[PLACE_COUNT][PRIORITY_URGENT + 1], captured, loaded, errors;
    struct dec spent, in_doubt;
};

struct jobs_seen {
    struct of_source *list;
    size_t count, last;
    struct queue queue;
    uint64_t counts[PLACE_COUNT]; /* listing_count's */
};

static bool is_of(const struct of_source *s, const struct board_row *row) {
    return s->source == row->source && strcmp(s->currency, row->currency) == 0; /* the board has each name once */
}

/* NULL: there are too many, or no memory. */
static struct of_source *source_of(struct jobs_seen *seen, const struct board_row *row) {
    if (seen->last < seen->count && is_of(&seen->list[seen->last], row))
        return &seen->list[seen->last];
    for (size_t i = 0; i < seen->count; i++)
        if (is_of(&seen->list[i], row))
            return &seen->list[seen->last = i];
    if (!seen->list || seen->count == SOURCES_MOST)
        return NULL;
    seen->last = seen->count++;
    seen->list[seen->last] = (struct of_source){.source = row->source, .currency = row->currency};
    return &seen->list[seen->last];
}

/* owner NULL: of all. */
static void see_jobs(struct jobs_seen *seen, const struct board *board, const char *owner) {
    for (size_t i = 0; i < board_count(board); i++) {
        const struct board_row *row = board_at(board, i);
        if (!row->runs || (owner && strcmp(row->owner, owner) != 0))
            continue;
        listing_count(row, &seen->queue, seen->counts);
        struct of_source *s = source_of(seen, row);
        if (!s)
            continue;
        s->jobs[row->place][row->priority]++;
        s->captured += row->processed_records;
        s->loaded += row->success_count;
        s->errors += row->error_count;
        s->spent = dec_add(s->spent, row->cost);
        s->in_doubt = dec_add(s->in_doubt, row->cost_in_doubt);
    }
}

static void put_jobs(struct buf *out, const struct jobs_seen *seen) {
    prometheus_head(out, "jobs", "gauge", "Jobs by status, source and priority.");
    for (size_t i = 0; i < seen->count; i++)
        for (int place = PLACE_PENDING; place < PLACE_COUNT; place++)
            for (int p = PRIORITY_LOW; p <= PRIORITY_URGENT; p++)
                if (seen->list[i].jobs[place][p]) {
                    const struct of_source *s = &seen->list[i];
                    const char *const labels[] = {"status",   place_status((enum place)place), "source", s->source,
                                                  "priority", priority_name((enum priority)p), NULL};
                    prometheus_sample(out, "jobs", labels, (double)s->jobs[place][p]);
                }
}

static void put_queue(struct buf *out, const struct jobs_seen *seen) {
    const int64_t now_us = clock_wall_us();
    for (int pass = 0; pass < 2; pass++) {
        if (pass == 0)
            prometheus_head(out, "queue_depth", "gauge", "Jobs that wait or run, by place and priority.");
        else
            prometheus_head(out, "queue_oldest_age_seconds", "gauge", "How long the job has been in its place that came there first.");
        for (const enum place *place = queue_places; *place != PLACE_NONE; place++)
            for (int p = PRIORITY_LOW; p <= PRIORITY_URGENT; p++) {
                const struct queue_figure *figure = &seen->queue.figures[*place][p];
                const char *const labels[] = {"place", place_name(*place), "priority", priority_name((enum priority)p), NULL};
                const double age = figure->depth && now_us > figure->oldest_us ? (double)(now_us - figure->oldest_us) / 1e6 : 0;
                prometheus_sample(out, pass ? "queue_oldest_age_seconds" : "queue_depth", labels, pass ? age : (double)figure->depth);
            }
    }
}

static void put_records(struct buf *out, const struct jobs_seen *seen) {
    static const struct {
        const char *name, *help;
        size_t offset;
    } counts[] = {{"records_captured_total", "Records captured, of the jobs that are known.", offsetof(struct of_source, captured)},
                  {"records_loaded_total", "Records loaded, of the jobs that are known.", offsetof(struct of_source, loaded)},
                  {"records_errors_total", "Records and pages that failed, of the jobs that are known.", offsetof(struct of_source, errors)}};
    for (size_t k = 0; k < sizeof counts / sizeof counts[0]; k++) {
        prometheus_head(out, counts[k].name, "counter", counts[k].help);
        for (size_t i = 0; i < seen->count; i++) {
            /* A source may have jobs of several currencies: one sample for all of them. */
            double sum = 0;
            bool first = true;
            for (size_t j = 0; j < seen->count; j++) {
                if (strcmp(seen->list[i].source, seen->list[j].source) != 0)
                    continue;
                uint64_t count;
                memcpy(&count, (const char *)&seen->list[j] + counts[k].offset, sizeof count);
                sum += (double)count;
                first = first && j >= i;
            }
            const char *const labels[] = {"source", seen->list[i].source, NULL};
            if (first)
                prometheus_sample(out, counts[k].name, labels, sum);
        }
    }
}

static double amount(struct dec value) {
    return (double)value.nano / 1e9;
}

static void put_cost(struct buf *out, const struct jobs_seen *seen) {
    for (int pass = 0; pass < 2; pass++) {
        const char *name = pass ? "cost_in_doubt" : "cost_spent_total";
        if (pass)
            prometheus_head(out, name, "gauge", "Money that may have been charged, by source, in the currency.");
        else
            prometheus_head(out, name, "counter", "Money spent, of the jobs that are known, by source, in the currency.");
        for (size_t i = 0; i < seen->count; i++) {
            const char *const labels[] = {"source", seen->list[i].source, "currency", seen->list[i].currency, NULL};
            if (*seen->list[i].currency)
                prometheus_sample(out, name, labels, amount(pass ? seen->list[i].in_doubt : seen->list[i].spent));
        }
    }
}

/* --- spool and daemon --------------------------------------------------------------------------------------------------- */

static void put_files(struct buf *out, const struct api *api, const struct outlook_view *view) {
    const struct queue_files files = queue_files(api->board, view);
    const struct {
        enum shelf shelf;
        uint64_t count;
    } shelves[] = {{SHELF_PENDING, files.pending},
                   {SHELF_READY, files.ready},
                   {SHELF_PROCESSING, files.processing},
                   {SHELF_PROCESSED, files.processed},
                   {SHELF_FAILED, files.failed}};
    prometheus_head(out, "payloads", "gauge", "Captured payloads by shelf.");
    for (size_t i = 0; i < sizeof shelves / sizeof shelves[0]; i++) {
        const char *const labels[] = {"shelf", shelf_name(shelves[i].shelf), NULL};
        prometheus_sample(out, "payloads", labels, (double)shelves[i].count);
    }
}

static void put_notices(struct buf *out, const struct api *api) {
    const struct notice_counts *counts = notice_watch_counts(api->notices);
    const struct {
        enum notice_state state;
        uint64_t count;
    } states[] = {{NOTICE_PENDING, counts->pending}, {NOTICE_DEFERRED, counts->deferred}, {NOTICE_FAILED, counts->failed}};
    prometheus_head(out, "notices", "gauge", "Notices that wait, are tried again later, or will not be sent.");
    for (size_t i = 0; i < sizeof states / sizeof states[0]; i++) {
        const char *const labels[] = {"state", notice_state_name(states[i].state), NULL};
        prometheus_sample(out, "notices", labels, (double)states[i].count);
    }
}

static void put_spool(struct buf *out, const struct api *api, const struct outlook_view *view) {
    prometheus_one(out, "daemon_up", "gauge", "Whether a daemon holds the lock of the spool.", view->daemon);
    if (view->daemon && view->since_us)
        prometheus_one(out, "daemon_start_time_seconds", "gauge", "When it took the lock.", (double)view->since_us / 1e6);
    if (view->room)
        prometheus_one(out, "spool_free_bytes", "gauge", "Room that is left on the disk of the spool.", (double)view->free_bytes);
    if (view->room && view->free_inodes != UINT64_MAX)
        prometheus_one(out, "spool_free_inodes", "gauge", "Files that can still be made there.", (double)view->free_inodes);
    prometheus_one(out, "follow_complete", "gauge", "Whether all journals have been read since the program started.", follow_complete(api->follow));
    prometheus_head(out, "source_stopped", "gauge", "Whether a person has paused the source, or it refuses its credentials.");
    const cJSON *source;
    cJSON_ArrayForEach(source, view->sources) {
        const char *const labels[] = {"source", cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(source, "source")), NULL};
        prometheus_sample(out, "source_stopped", labels, outlook_source_stopped(source));
    }
}

/* --- this program ------------------------------------------------------------------------------------------------------- */

static uint64_t answered(const struct of_operation *o) {
    uint64_t sum = 0;
    for (size_t i = 0; i <= BOUND_COUNT; i++)
        sum += o->took[i];
    return sum;
}

static const char *operation_of(const struct metrics *m, size_t i) {
    return i < m->count ? routes[i].operation : i == m->count ? "web" : "none";
}

static void put_histogram(struct buf *out, const char *operation, const struct of_operation *o) {
    const char *const labels[] = {"operation", operation, NULL};
    uint64_t sum = 0;
    for (size_t i = 0; i <= BOUND_COUNT; i++) {
        char le[24] = "+Inf";
        if (i < BOUND_COUNT)
            str_format(le, sizeof le, "%g", BOUNDS[i]);
        const char *const with_le[] = {"operation", operation, "le", le, NULL};
        sum += o->took[i];
        prometheus_sample(out, "http_request_duration_seconds_bucket", with_le, (double)sum);
    }
    prometheus_sample(out, "http_request_duration_seconds_sum", labels, o->seconds);
    prometheus_sample(out, "http_request_duration_seconds_count", labels, (double)sum);
}

static void put_requests(struct buf *out, const struct metrics *m) {
    static const char *const classes[CLASSES] = {"none", "1xx", "2xx", "3xx", "4xx", "5xx"};
    prometheus_head(out, "http_requests_total", "counter", "Requests answered, by operation and class of status.");
    for (size_t i = 0; i < m->count + 2; i++)
        for (size_t class = 0; class < CLASSES; class ++) {
            const char *const labels[] = {"operation", operation_of(m, i), "code", classes[class], NULL};
            if (m->list[i].answers[class])
                prometheus_sample(out, "http_requests_total", labels, (double)m->list[i].answers[class]);
        }
    prometheus_head(out, "http_request_duration_seconds", "histogram", "From a request's first line to the beginning of its answer.");
    for (size_t i = 0; i < m->count + 2; i++)
        if (answered(&m->list[i]))
            put_histogram(out, operation_of(m, i), &m->list[i]);
}

static void put_process(struct buf *out, const struct api *api) {
    struct process_use use;
    prometheus_one(out, "events_listeners", "gauge", "Clients that listen to live events.", (double)events_listeners(api->events));
    prometheus_one(out, "process_start_time_seconds", "gauge", "When this program started, since 1970.", (double)api->started_us / 1e6);
    if (!process_use(&use))
        return;
    prometheus_one(out, "process_cpu_seconds_total", "counter", "Processor time that this program has used.", use.cpu_s);
    prometheus_one(out, "process_resident_memory_bytes", "gauge", "Memory that it holds.", (double)use.resident_bytes);
    prometheus_one(out, "process_open_fds", "gauge", "Descriptors that it holds.", (double)use.open_fds);
}

void metrics_handle(struct request *r) {
    struct jobs_seen *seen = calloc(1, sizeof *seen);
    struct buf *out = &r->reply.body;
    const struct outlook_view view = outlook_now(r->api->outlook);
    if (!seen || !(seen->list = malloc(SOURCES_MOST * sizeof *seen->list))) {
        free(seen);
        reply_later(r, 1, "out of memory");
        return;
    }
    see_jobs(seen, r->api->board, admit_owner(&r->who));
    put_jobs(out, seen);
    put_queue(out, seen);
    put_records(out, seen);
    put_cost(out, seen);
    if (!admit_owner(&r->who))
        put_files(out, r->api, &view);
    put_notices(out, r->api);
    put_spool(out, r->api, &view);
    put_requests(out, r->api->metrics);
    put_process(out, r->api);
    free(seen->list);
    free(seen);
    reply_body(r, 200, "text/plain; version=0.0.4; charset=utf-8");
}
