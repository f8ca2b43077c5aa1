// SPDX-License-Identifier: Apache-2.0
#include "api/recent.h"

#include "base/clock.h"

#include <stdlib.h>
#include <string.h>

#define KEEP_US INT64_C(3600000000)

struct seen {
    int64_t ts_us;
    uint32_t batch;
    char id[JOBID_SIZE], event[24], source[65], owner[65], name[129], by[65], reason[48];
};

struct recent {
    struct seen ring[RECENT_KEPT];
    size_t count; /* that there ever were */
};

struct recent *recent_new(void) {
    return calloc(1, sizeof(struct recent));
}

void recent_free(struct recent *r) {
    free(r);
}

void recent_clear(struct recent *r) {
    r->count = 0;
}

static bool cared_for(const struct journal_line *line) {
    static const char *const events[] = {"accepted",  "rejected", "claimed",       "deferred",  "held",   "released",
                                         "cancelled", "requeued", "reprioritised", "completed", "failed", "charge_unknown"};
    for (size_t i = 0; i < sizeof events / sizeof events[0]; i++)
        if (strcmp(line->event, events[i]) == 0)
            return true;
    return false;
}

static void take(const cJSON *json, const char *name, char *out, size_t size) {
    const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, name));
    if (text)
        str_printable(out, size, text, strlen(text));
}

void recent_line(struct recent *r, const struct job_row *row, const struct journal_line *line) {
    if (strcmp(row->mode, "run") != 0 || !cared_for(line))
        return;
    struct seen *seen = &r->ring[r->count++ % RECENT_KEPT];
    *seen = (struct seen){.ts_us = line->ts_us, .batch = job_line_batch(line)};
    memcpy(seen->id, row->id, sizeof seen->id);
    str_copy(seen->event, sizeof seen->event, line->event);
    str_copy(seen->source, sizeof seen->source, row->source);
    str_copy(seen->owner, sizeof seen->owner, row->created_by);
    str_copy(seen->name, sizeof seen->name, row->name);
    take(line->json, "by", seen->by, sizeof seen->by);
    take(line->json, "reason", seen->reason, sizeof seen->reason);
}

void recent_fill(struct recent *r, const struct board_row *row) {
    static const char *const events[PLACE_COUNT] = {
        [PLACE_PENDING] = "accepted", [PLACE_PROCESSING] = "claimed", [PLACE_PROCESSED] = "completed", [PLACE_DEFERRED] = "deferred",
        [PLACE_HOLD] = "held",        [PLACE_FAILED] = "failed",      [PLACE_CANCELLED] = "cancelled"};
    if (!row->runs || row->waiting || !events[row->place] || row->placed_us < clock_wall_us() - KEEP_US)
        return;
    struct seen *seen = &r->ring[r->count++ % RECENT_KEPT];
    *seen = (struct seen){.ts_us = row->placed_us};
    memcpy(seen->id, row->id, sizeof seen->id);
    str_copy(seen->event, sizeof seen->event, row->place == PLACE_PENDING && row->placed_us > row->created_us ? "requeued" : events[row->place]);
    str_copy(seen->source, sizeof seen->source, row->source);
    str_copy(seen->owner, sizeof seen->owner, row->owner);
    str_copy(seen->name, sizeof seen->name, row->name);
    str_copy(seen->reason, sizeof seen->reason, row->reason);
}

static int newest_first(const void *a, const void *b) {
    const struct seen *x = *(const struct seen *const *)a, *y = *(const struct seen *const *)b;
    if (x->ts_us != y->ts_us)
        return x->ts_us < y->ts_us ? 1 : -1;
    return x < y ? 1 : -1;
}

static void add_text(cJSON *json, const char *name, const char *text) {
    if (*text)
        cJSON_AddStringToObject(json, name, text);
}

static cJSON *seen_json(const struct seen *seen) {
    cJSON *json = cJSON_CreateObject();
    char ts[CLOCK_RFC3339_SIZE];
    clock_format_rfc3339(seen->ts_us, 6, ts);
    cJSON_AddStringToObject(json, "ts", ts);
    cJSON_AddStringToObject(json, "job_id", seen->id);
    cJSON_AddStringToObject(json, "event", seen->event);
    cJSON_AddStringToObject(json, "by", *seen->by ? seen->by : "daemon");
    add_text(json, "source", seen->source);
    add_text(json, "name", seen->name);
    add_text(json, "reason", seen->reason);
    if (seen->batch)
        cJSON_AddNumberToObject(json, "batch", seen->batch);
    return json;
}

/* Lines of several jobs that were folded at once are in the order of jobs: sorted by time. */
cJSON *recent_json(const struct recent *r, int64_t since_us, const char *source, const char *owner, size_t limit) {
    const struct seen *found[RECENT_KEPT];
    const size_t kept = r->count < RECENT_KEPT ? r->count : RECENT_KEPT;
    size_t count = 0;
    for (size_t i = 0; i < kept; i++) {
        const struct seen *seen = &r->ring[i];
        if (seen->ts_us >= since_us && (!source || strcmp(source, seen->source) == 0) && (!owner || strcmp(owner, seen->owner) == 0))
            found[count++] = seen;
    }
    if (count)
        qsort(found, count, sizeof found[0], newest_first);
    cJSON *list = cJSON_CreateArray();
    for (size_t i = 0; i < count && i < limit; i++)
        cJSON_AddItemToArray(list, seen_json(found[i]));
    return list;
}
