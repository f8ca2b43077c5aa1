// SPDX-License-Identifier: Apache-2.0
#include "engine/queue.h"

const enum place queue_places[5] = {PLACE_PENDING, PLACE_PROCESSING, PLACE_DEFERRED, PLACE_HOLD, PLACE_NONE};

static void add(struct queue_figure *figure, uint64_t depth, int64_t since_us) {
    if (figure->depth == 0 || (depth && since_us < figure->oldest_us))
        figure->oldest_us = since_us;
    figure->depth += depth;
}

void queue_count(struct queue *queue, enum place place, enum priority priority, int64_t since_us) {
    add(&queue->figures[place][priority], 1, since_us);
}

void queue_add(struct queue *queue, const struct job_row *row) {
    queue_count(queue, row->place, row->priority, row->placed_us ? row->placed_us : row->created_us);
}

struct queue_figure queue_total(const struct queue *queue, enum place place) {
    struct queue_figure total = {0, 0};
    for (int p = PRIORITY_LOW; p <= PRIORITY_URGENT; p++)
        add(&total, queue->figures[place][p].depth, queue->figures[place][p].oldest_us);
    return total;
}

static void add_json(cJSON *json, struct queue_figure figure, int64_t now_us) {
    cJSON_AddNumberToObject(json, "depth", (double)figure.depth);
    if (figure.depth)
        cJSON_AddNumberToObject(json, "oldest_s", (double)(now_us > figure.oldest_us ? (now_us - figure.oldest_us) / 1000000 : 0));
    else
        cJSON_AddNullToObject(json, "oldest_s");
}

cJSON *queue_json(const struct queue *queue, int64_t now_us) {
    cJSON *json = cJSON_CreateObject();
    for (const enum place *place = queue_places; *place != PLACE_NONE; place++) {
        cJSON *of_place = cJSON_AddObjectToObject(json, place_name(*place));
        for (int p = PRIORITY_URGENT; p >= PRIORITY_LOW; p--)
            add_json(cJSON_AddObjectToObject(of_place, priority_name((enum priority)p)), queue->figures[*place][p], now_us);
        add_json(of_place, queue_total(queue, *place), now_us);
    }
    return json;
}
