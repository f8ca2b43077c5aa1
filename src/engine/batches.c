// SPDX-License-Identifier: Apache-2.0
#include "engine/batches.h"

#include "base/clock.h"
#include "base/limits.h"
#include "spool/payload.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *text_member(const cJSON *json, const char *name) {
    const cJSON *value = cJSON_GetObjectItemCaseSensitive(json, name);
    return cJSON_IsString(value) ? value->valuestring : "";
}

static struct batch *batch_of(struct batches *batches, const cJSON *json) {
    const cJSON *value = cJSON_GetObjectItemCaseSensitive(json, "batch");
    if (!cJSON_IsNumber(value) || value->valuedouble < 1 || value->valuedouble > LIMIT_BATCHES)
        return NULL;
    size_t number = (size_t)value->valuedouble;
    if (number > batches->capacity) {
        size_t capacity = number * 2;
        struct batch *list = realloc(batches->list, capacity * sizeof *list);
        if (!list) {
            batches->out_of_memory = true;
            return NULL;
        }
        memset(list + batches->capacity, 0, (capacity - batches->capacity) * sizeof *list);
        batches->list = list;
        batches->capacity = capacity;
    }
    batches->count = number > batches->count ? number : batches->count;
    return &batches->list[number - 1];
}

static void fold_file(struct batches *batches, struct batch *batch, const struct journal_line *line) {
    if (!batch->file && strcmp(line->event, "captured") == 0 && !job_line_inner(line)) {
        batch->file = calloc(1, sizeof *batch->file);
        if (batch->file) {
            str_copy(batch->file->job_id, sizeof batch->file->job_id, batches->row.id);
            batch->file->batch = (uint32_t)(batch - batches->list) + 1;
        }
        batches->out_of_memory = batches->out_of_memory || !batch->file;
    }
    if (batch->file)
        file_row_apply(batch->file, &batches->row, line);
}

static void fold_batch(struct batch *batch, const struct journal_line *line) {
    static const struct {
        const char *event;
        enum batch_state state;
    } states[] = {{"requested", BATCH_REQUESTED},
                  {"retrying", BATCH_RETRYING},
                  {"charge_unknown", BATCH_IN_DOUBT},
                  {"failed", BATCH_FAILED},
                  {"captured", BATCH_CAPTURED}};
    for (size_t i = 0; i < sizeof states / sizeof states[0]; i++) {
        if (strcmp(line->event, states[i].event) != 0 || (states[i].state == BATCH_CAPTURED && job_line_inner(line)))
            continue;
        batch->state = batch->state == BATCH_CAPTURED ? BATCH_CAPTURED : states[i].state;
        const char *error = text_member(line->json, "error");
        snprintf(batch->error, sizeof batch->error, "%.399s", batch->state == BATCH_CAPTURED ? "" : *error ? error : text_member(line->json, "reason"));
    }
}

static void fold_item(struct batches *batches, struct batch *batch, const cJSON *json) {
    const char *item = text_member(json, "item");
    if (!*item || batch->item)
        return;
    batch->item = strdup(item);
    batches->out_of_memory = batches->out_of_memory || !batch->item;
}

static void fold_request(struct batches *batches, const cJSON *json) {
    if (cJSON_HasObjectItem(json, "cached"))
        batches->cached++;
    else if (!cJSON_HasObjectItem(json, "helper"))
        batches->requests++;
}

/* A decision without a batch is about every one that is in doubt. */
static void fold_release(struct batches *batches, const cJSON *json) {
    const char *decision = text_member(json, "decision");
    const bool accept = strcmp(decision, "accept_charge") == 0;
    if (!accept && strcmp(decision, "give_up") != 0)
        return;
    const cJSON *only = cJSON_GetObjectItemCaseSensitive(json, "batch");
    for (size_t i = 0; i < batches->count; i++)
        if (batches->list[i].state == BATCH_IN_DOUBT && (!cJSON_IsNumber(only) || only->valuedouble == (double)(i + 1)))
            batches->list[i].state = accept ? BATCH_RETRYING : BATCH_GIVEN_UP;
}

/* "2026-11-23T17:05:01Z captured batch=3 records=400": everything short that the event says. */
static void keep_event(struct batches *batches, const struct journal_line *line) {
    static const char *const skipped[] = {"v", "seq", "prev", "ts", "event", "node", "text", "sha256", "criteria_hash", "headers", "body", "file"};
    char *out = batches->events[batches->event_count++ % BATCH_EVENTS];
    const size_t size = sizeof batches->events[0];
    char when[CLOCK_RFC3339_SIZE];
    clock_format_rfc3339(line->ts_us, 0, when);
    size_t used = (size_t)snprintf(out, size, "%s %.40s", when, line->event);
    const cJSON *member;
    cJSON_ArrayForEach(member, line->json) {
        bool skip = cJSON_IsObject(member) || cJSON_IsArray(member) || cJSON_IsNull(member) || used >= size - 1;
        for (size_t i = 0; i < sizeof skipped / sizeof skipped[0]; i++)
            skip = skip || strcmp(member->string, skipped[i]) == 0;
        if (skip)
            continue;
        char value[120];
        if (cJSON_IsString(member))
            str_printable(value, sizeof value, *member->valuestring ? member->valuestring : "-", *member->valuestring ? strlen(member->valuestring) : 1);
        else if (cJSON_IsNumber(member))
            snprintf(value, sizeof value, "%.15g", member->valuedouble);
        else
            snprintf(value, sizeof value, "%s", cJSON_IsTrue(member) ? "yes" : "no");
        int more = snprintf(out + used, size - used, " %.40s=%s", member->string, value);
        used += more > 0 ? (size_t)more : 0;
    }
}

static void on_line(void *context, const struct job_row *row, const struct journal_line *line) {
    struct batches *batches = context;
    batches->row = *row;
    struct batch *batch = batch_of(batches, line->json);
    if (strcmp(line->event, "released") == 0)
        fold_release(batches, line->json);
    else if (batch) {
        fold_file(batches, batch, line);
        fold_batch(batch, line);
        fold_item(batches, batch, line->json);
        if (strcmp(line->event, "requested") == 0)
            fold_request(batches, line->json);
    }
    keep_event(batches, line);
}

static void find_shelves(const struct spool *spool, struct batches *batches) {
    for (size_t i = 0; i < batches->count; i++) {
        struct batch *batch = &batches->list[i];
        if (!batch->file)
            continue;
        char marker[PAYLOAD_PATH_SIZE];
        payload_marker_name(batches->row.id, (uint32_t)i + 1, marker);
        batch->shelf = payload_marker_shelf(spool, marker);
        static const enum file_status lies[SHELF_COUNT] = {[SHELF_PENDING] = FILE_PENDING,
                                                           [SHELF_READY] = FILE_PENDING,
                                                           [SHELF_PROCESSING] = FILE_PROCESSING,
                                                           [SHELF_PROCESSED] = FILE_COMPLETED,
                                                           [SHELF_FAILED] = FILE_FAILED};
        if (batch->shelf != SHELF_NONE)
            batch->file->status = lies[batch->shelf];
    }
}

enum rc batches_read(const struct spool *spool, const char *id, struct batches *batches, struct err *err) {
    memset(batches, 0, sizeof *batches);
    job_row_init(&batches->row, id);
    struct job_row row;
    enum rc rc = job_row_read(spool, id, &row, on_line, batches, err);
    if (rc != RC_GONE)
        batches->row = row;
    if (batches->out_of_memory)
        rc = err_set(err, RC_TEMP, "out of memory");
    if (!rc || rc == RC_CORRUPT)
        find_shelves(spool, batches);
    return rc;
}

void batches_release(struct batches *batches) {
    for (size_t i = 0; i < batches->count; i++) {
        free(batches->list[i].file);
        free(batches->list[i].item);
    }
    free(batches->list);
    batches->list = NULL;
    batches->count = batches->capacity = 0;
}

const char *batches_state(const struct batch *batch) {
    switch (batch->state) {
    case BATCH_NONE:
        return "-";
    case BATCH_REQUESTED:
        return "requested";
    case BATCH_RETRYING:
        return "retrying";
    case BATCH_IN_DOUBT:
        return "charge_unknown";
    case BATCH_GIVEN_UP:
        return "given_up";
    case BATCH_FAILED:
        return "failed";
    case BATCH_CAPTURED:
        break;
    }
    if (batch->shelf == SHELF_NONE && batch->file && batch->file->archived_us)
        return "archived";
    return batch->shelf == SHELF_NONE ? "captured" : shelf_name(batch->shelf);
}

static void add_open(cJSON *open, const struct batch *batch, size_t number) {
    cJSON *item = cJSON_CreateObject();
    cJSON_AddNumberToObject(item, "batch_number", (double)number);
    cJSON_AddItemToObject(item, "item", batch->item ? cJSON_CreateString(batch->item) : cJSON_CreateNull());
    cJSON_AddStringToObject(item, "state", batches_state(batch));
    cJSON_AddStringToObject(item, "error", batch->error);
    cJSON_AddItemToArray(open, item);
}

void batches_open_json(const struct batches *batches, cJSON *json) {
    cJSON *open = cJSON_AddArrayToObject(json, "open_batches");
    for (size_t i = 0; i < batches->count; i++)
        if (batches->list[i].state != BATCH_NONE && !batches->list[i].file)
            add_open(open, &batches->list[i], i + 1);
}

void batches_json(const struct batches *batches, cJSON *json) {
    cJSON *files = cJSON_AddArrayToObject(json, "files");
    for (size_t i = 0; i < batches->count; i++) {
        const struct batch *batch = &batches->list[i];
        if (batch->state == BATCH_NONE || !batch->file)
            continue;
        cJSON *item = file_row_json(batch->file);
        cJSON_AddStringToObject(item, "shelf", shelf_name(batch->shelf));
        cJSON_AddItemToArray(files, item);
    }
    batches_open_json(batches, json);
}

static void add_criteria(const struct spool *spool, const char *id, cJSON *json) {
    char *text;
    size_t length;
    struct err ignored = {0};
    if (job_text_read(spool, id, &text, &length, &ignored) != RC_OK)
        return;
    cJSON *job = cJSON_ParseWithLength(text, length);
    cJSON *criteria = cJSON_DetachItemFromObjectCaseSensitive(job, "criteria");
    cJSON_DeleteItemFromObjectCaseSensitive(json, "criteria");
    cJSON_AddItemToObject(json, "criteria", criteria ? criteria : cJSON_CreateNull());
    cJSON_Delete(job);
    free(text);
}

cJSON *batches_document(const struct look *look, const struct jobs_entry *job, const struct job_row *row, const struct batches *batches) {
    char name[JOBID_SIZE + 8], shown[512];
    cJSON *json = job_row_json(row);
    if (!json)
        return NULL;
    const char *file = jobs_file(job, name);
    cJSON_DeleteItemFromObjectCaseSensitive(json, "place");
    cJSON_AddStringToObject(json, "place", place_name(job->place));
    str_printable(shown, sizeof shown, file, strlen(file));
    cJSON_AddStringToObject(json, "file", shown);
    look_progress_json(look, row, json);
    add_criteria(look->spool, job->id, json);
    batches_json(batches, json);
    return json;
}
