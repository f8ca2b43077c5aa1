// SPDX-License-Identifier: Apache-2.0
#include "engine/results_internal.h"

#include "base/str.h"

#include <stdlib.h>
#include <string.h>

/* The journal's last word on each unit that ever failed. */

struct reading {
    struct results_failed *failed;
    struct known {
        uint32_t attempts, place; /* place: in failed, from 1; 0: it is not there */
    } * units;                    /* by batch, from 1 */
    size_t capacity;
    char first[65]; /* the step that units begin with */
    bool begun;
    bool out_of_memory;
};

static struct known *known_of(struct reading *reading, uint32_t batch) {
    if (batch > reading->capacity) {
        const size_t capacity = batch < 64 ? 64 : (size_t)batch * 2;
        struct known *larger = realloc(reading->units, capacity * sizeof *larger);
        if (!larger)
            return NULL;
        memset(larger + reading->capacity, 0, (capacity - reading->capacity) * sizeof *larger);
        reading->units = larger;
        reading->capacity = capacity;
    }
    return &reading->units[batch - 1];
}

static struct results_unit *unit_of(struct results_failed *failed, struct known *known, uint32_t batch, bool add) {
    if (known->place)
        return &failed->list[known->place - 1];
    if (!add)
        return NULL;
    if (failed->count == failed->capacity) {
        const size_t capacity = failed->capacity ? failed->capacity * 2 : 16;
        struct results_unit *larger = realloc(failed->list, capacity * sizeof *larger);
        if (!larger)
            return NULL;
        failed->list = larger;
        failed->capacity = capacity;
    }
    failed->list[failed->count] = (struct results_unit){.batch = batch};
    known->place = (uint32_t)++failed->count;
    return &failed->list[failed->count - 1];
}

static void see_request(struct reading *reading, struct known *known, const cJSON *json) {
    const char *step = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, "step"));
    step = step ? step : "";
    if (!reading->begun)
        str_copy(reading->first, sizeof reading->first, step);
    reading->begun = true;
    known->attempts += strcmp(step, reading->first) == 0 && !cJSON_HasObjectItem(json, "cached");
}

static char *copy_of(const cJSON *json, const char *name) {
    const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, name));
    return strdup(text ? text : "");
}

static void unit_release(struct results_unit *unit) {
    free(unit->reason);
    free(unit->error);
    unit->reason = unit->error = NULL;
}

/* `captured` comes for each step of a unit, so that one of a later try that fails again is followed by another `failed`. */
static void see_line(void *context, const struct job_row *row, const struct journal_line *line) {
    struct reading *reading = context;
    const uint32_t batch = job_line_batch(line);
    const bool failed = strcmp(line->event, "failed") == 0;
    (void)row;
    const bool requested = strcmp(line->event, "requested") == 0;
    if (!batch || (!failed && !requested && strcmp(line->event, "captured") != 0))
        return;
    struct known *known = known_of(reading, batch);
    if (known && requested) {
        see_request(reading, known, line->json);
        return;
    }
    struct results_unit *unit = known ? unit_of(reading->failed, known, batch, failed) : NULL;
    if (!unit) {
        reading->out_of_memory = reading->out_of_memory || failed || !known;
        return;
    }
    unit->attempts = known->attempts;
    unit_release(unit);
    if (!failed)
        return;
    unit->reason = copy_of(line->json, "reason");
    unit->error = copy_of(line->json, "error");
    reading->out_of_memory = reading->out_of_memory || !unit->reason || !unit->error;
}

static int by_batch(const void *a, const void *b) {
    const struct results_unit *x = a, *y = b;
    return x->batch < y->batch ? -1 : x->batch > y->batch;
}

enum rc results_failed_read(const struct spool *spool, const char *job_id, struct results_failed *failed, struct err *err) {
    struct reading reading = {.failed = failed};
    struct job_row row;
    size_t kept = 0;
    *failed = (struct results_failed){.count = 0};
    const enum rc rc = job_row_read(spool, job_id, &row, see_line, &reading, err);
    free(reading.units);
    for (size_t i = 0; i < failed->count; i++)
        if (failed->list[i].reason && failed->list[i].error)
            failed->list[kept++] = failed->list[i];
    failed->count = kept;
    if (kept)
        qsort(failed->list, kept, sizeof *failed->list, by_batch);
    return !rc && reading.out_of_memory ? err_set(err, RC_TEMP, "out of memory") : rc;
}

void results_failed_release(struct results_failed *failed) {
    for (size_t i = 0; i < failed->count; i++)
        unit_release(&failed->list[i]);
    free(failed->list);
}
