// SPDX-License-Identifier: Apache-2.0
#include "api/queue.h"

#include "api/follow.h"
#include "api/listing.h"
#include "base/clock.h"

#include <stdlib.h>
#include <string.h>

#define RUNNING_MOST 500u /* whose rates are added up */

struct of_source {
    const char *name; /* the board's or the definition's */
    uint64_t places[PLACE_COUNT];
    double rate_per_s;
};

struct by_source {
    struct of_source list[OUTLOOK_SOURCES];
    size_t count, running;
};

/* NULL: there are too many. */
static struct of_source *of_source(struct by_source *by, const char *name) {
    for (size_t i = 0; i < by->count; i++) /* the board has each name once */
        if (by->list[i].name == name)
            return &by->list[i];
    for (size_t i = 0; i < by->count; i++)
        if (strcmp(by->list[i].name, name) == 0)
            return &by->list[i];
    if (by->count == OUTLOOK_SOURCES)
        return NULL;
    by->list[by->count] = (struct of_source){.name = name};
    return &by->list[by->count++];
}

static double rate_of(struct api *api, const struct board_row *job, int64_t now_us) {
    struct job_row row;
    struct err err = {0};
    if (job->waiting || index_job(follow_index(api->follow), job->id, &row, &err))
        return 0;
    const double rate = job_progress(&row, now_us).rate_per_s;
    return rate > 0 ? rate : 0;
}

static void count(struct api *api, struct by_source *by) {
    const int64_t now_us = clock_wall_us();
    for (size_t i = 0; i < board_count(api->board); i++) {
        const struct board_row *row = board_at(api->board, i);
        struct of_source *source = row->runs && *row->source ? of_source(by, row->source) : NULL;
        if (!source)
            continue;
        source->places[row->place]++;
        if (row->place == PLACE_PROCESSING && by->running++ < RUNNING_MOST)
            source->rate_per_s += rate_of(api, row, now_us);
    }
}

static cJSON *source_json(const struct of_source *source, const cJSON *looked) {
    cJSON *json = looked ? cJSON_Duplicate(looked, true) : cJSON_CreateObject();
    if (!looked) { /* of jobs whose definition is gone */
        cJSON_AddStringToObject(json, "source", source->name);
        cJSON_AddBoolToObject(json, "ok", false);
        cJSON_AddNullToObject(json, "paused");
        cJSON_AddNullToObject(json, "rate");
        cJSON_AddNullToObject(json, "limits");
    }
    for (const enum place *place = queue_places; *place != PLACE_NONE; place++)
        cJSON_AddNumberToObject(json, place_name(*place), (double)source->places[*place]);
    cJSON_AddNumberToObject(json, "rate_per_s", source->rate_per_s);
    return json;
}

static bool matters(const struct of_source *source) {
    return source->places[PLACE_PENDING] || source->places[PLACE_PROCESSING] || source->places[PLACE_DEFERRED] || source->places[PLACE_HOLD];
}

/* Those with a definition first, then those that have jobs that wait all the same. */
static cJSON *sources_json(struct api *api, const struct outlook_view *view) {
    struct by_source *by = calloc(1, sizeof *by);
    cJSON *list = cJSON_CreateArray();
    const cJSON *looked;
    if (!by)
        return list;
    count(api, by);
    cJSON_ArrayForEach(looked, view->sources) {
        const char *name = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(looked, "source"));
        const struct of_source none = {.name = name}, *source = of_source(by, name);
        cJSON_AddItemToArray(list, source_json(source ? source : &none, looked));
    }
    for (size_t i = 0; i < by->count; i++)
        if (matters(&by->list[i]) && !outlook_source(view, by->list[i].name))
            cJSON_AddItemToArray(list, source_json(&by->list[i], NULL));
    free(by);
    return list;
}

struct queue_files queue_files(const struct board *board, const struct outlook_view *view) {
    struct queue_files files = {.ready = view->ready, .processing = view->processing};
    uint64_t captured = 0;
    for (size_t i = 0; i < board_count(board); i++) {
        const struct board_row *row = board_at(board, i);
        captured += row->captured_batches;
        files.processed += row->loaded_batches;
        files.failed += row->failed_batches;
    }
    const uint64_t elsewhere = files.processed + files.failed + files.ready + files.processing;
    files.pending = captured > elsewhere ? captured - elsewhere : 0;
    return files;
}

/* Jobs that run, and how many may. */
static cJSON *slots_json(const struct api *api, const cJSON *counts) {
    cJSON *json = cJSON_CreateObject();
    cJSON_AddItemToObject(json, "used", cJSON_Duplicate(cJSON_GetObjectItemCaseSensitive(counts, place_status(PLACE_PROCESSING)), true));
    cJSON_AddNumberToObject(json, "max", api->options->max_concurrent_jobs);
    return json;
}

static cJSON *files_json(const struct queue_files *files) {
    cJSON *json = cJSON_CreateObject();
    cJSON_AddNumberToObject(json, shelf_name(SHELF_PENDING), (double)files->pending);
    cJSON_AddNumberToObject(json, shelf_name(SHELF_READY), (double)files->ready);
    cJSON_AddNumberToObject(json, shelf_name(SHELF_PROCESSING), (double)files->processing);
    cJSON_AddNumberToObject(json, shelf_name(SHELF_PROCESSED), (double)files->processed);
    cJSON_AddNumberToObject(json, shelf_name(SHELF_FAILED), (double)files->failed);
    return json;
}

void queue_status(struct request *r) {
    const struct outlook_view view = outlook_now(r->api->outlook);
    const struct queue_files files = queue_files(r->api->board, &view);
    cJSON *json = listing_figures(r->api);
    cJSON_AddItemToObject(json, "daemon", outlook_daemon_json(&view));
    cJSON_AddItemToObject(json, "paused", cJSON_Duplicate(view.paused, true));
    cJSON_AddItemToObject(json, "sources", sources_json(r->api, &view));
    cJSON_AddItemToObject(json, "slots", slots_json(r->api, cJSON_GetObjectItemCaseSensitive(json, "counts")));
    cJSON_AddItemToObject(json, "files", files_json(&files));
    reply_json(r, 200, json);
}
