// SPDX-License-Identifier: Apache-2.0
#include "engine/unit_look.h"

#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "source/paginator.h"

static const char *const names[UNIT_STATES] = {"queued", "running", "done", "failed", "cancelled"};

const char *unit_state_name(enum unit_state state) {
    return names[state];
}

bool unit_state_parse(const char *name, enum unit_state *state) {
    for (int i = 0; i < UNIT_STATES; i++)
        if (strcmp(name, names[i]) == 0) {
            *state = (enum unit_state)i;
            return true;
        }
    return false;
}

/* --- the journal --------------------------------------------------------------------------------------------------- */

struct fold {
    struct units_look *look;
    bool out_of_memory;
};

static const char *kept(struct fold *fold, const cJSON *json, const char *name) {
    const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, name));
    const char *copy = text && *text ? strset_keep(&fold->look->texts, text, NULL) : NULL;
    fold->out_of_memory = fold->out_of_memory || (text && *text && !copy);
    return copy;
}

static void went_wrong(struct fold *fold, struct unit_look *unit, const struct journal_line *line) {
    const char *step = kept(fold, line->json, "step");
    unit->reason = kept(fold, line->json, "reason");
    unit->error = kept(fold, line->json, "error");
    unit->step = step ? step : unit->step;
}

static void begun(struct fold *fold, struct unit_look *unit, const struct journal_line *line) {
    unit->state = UNIT_RUNNING;
    unit->step = kept(fold, line->json, "step");
    unit->first = unit->first ? unit->first : unit->step;
    if (unit->step == unit->first && !cJSON_HasObjectItem(line->json, "cached")) /* each text is kept once */
        unit->attempts++;
}

static void on_line(void *context, const struct job_row *row, const struct journal_line *line) {
    struct fold *fold = context;
    const uint32_t batch = job_line_batch(line);
    (void)row;
    if (batch < 1 || batch > fold->look->units->count)
        return;
    struct unit_look *unit = &fold->look->list[batch - 1];
    unit->updated_us = line->ts_us;
    if (strcmp(line->event, "requested") == 0)
        begun(fold, unit, line);
    else if (strcmp(line->event, "retrying") == 0)
        went_wrong(fold, unit, line);
    else if (strcmp(line->event, "failed") == 0) {
        unit->state = UNIT_FAILED;
        went_wrong(fold, unit, line);
    } else if (strcmp(line->event, "captured") == 0 && !job_line_inner(line)) {
        unit->state = UNIT_DONE;
        unit->reason = unit->error = NULL;
        unit->file = kept(fold, line->json, "file");
    }
}

/* What is not at work now waits, or never comes. */
static void settle(struct units_look *look, enum place place) {
    for (uint64_t i = 0; i < look->units->count; i++) {
        struct unit_look *unit = &look->list[i];
        if (unit->state == UNIT_RUNNING && place != PLACE_PROCESSING)
            unit->state = UNIT_QUEUED;
        if (unit->state == UNIT_QUEUED && place == PLACE_CANCELLED)
            unit->state = UNIT_CANCELLED;
        look->counts[unit->state]++;
    }
}

/* --- the whole ----------------------------------------------------------------------------------------------------- */

static enum rc read_text(struct sources *sources, const char *text, size_t length, struct units_look *look, struct err *err) {
    char name[65], mode[16];
    const struct source *source = NULL;
    enum rc rc = criteria_source("job", text, length, name, mode, err);
    rc = rc ? rc : sources_get(sources, name, &source, err);
    look->source = source;
    if (!rc && !source->list_count)
        rc = err_set(err, RC_PERM, "the source %s has no lists of units", name);
    rc = rc ? rc : criteria_parse("job", text, length, source, &look->criteria, err);
    rc = rc ? rc : units_new(source, look->criteria->json, look->criteria->take, &look->units, err);
    return rc == RC_GONE ? RC_PERM : rc;
}

enum rc units_look(const struct spool *spool, struct sources *sources, const struct job_row *row, const char *text, size_t length, struct units_look *look,
                   struct err *err) {
    struct fold fold = {.look = look};
    struct job_row read;
    memset(look, 0, sizeof *look);
    enum rc rc = read_text(sources, text, length, look, err);
    if (rc)
        return rc;
    look->list = calloc((size_t)look->units->count, sizeof *look->list);
    if (!look->list)
        return err_set(err, RC_TEMP, "out of memory");
    rc = row->accepted ? job_row_read(spool, row->id, &read, on_line, &fold, err) : RC_OK;
    if (fold.out_of_memory)
        return err_set(err, RC_TEMP, "out of memory");
    if (rc && rc != RC_GONE && rc != RC_CORRUPT) /* of a damaged one what came before is told */
        return rc;
    settle(look, row->place);
    return RC_OK;
}

void units_look_release(struct units_look *look) {
    criteria_free(look->criteria);
    units_free(look->units);
    free(look->list);
    strset_release(&look->texts);
    memset(look, 0, sizeof *look);
}

/* --- what failed, again --------------------------------------------------------------------------------------------- */

static const char *group_of(const cJSON *value) {
    return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(value, "group"));
}

/* Documents of one group are one matter. */
static void keep_groups(const struct units_list *list, bool *keep) {
    for (uint64_t i = 0; i < list->count; i++) {
        const char *group = keep[i] ? group_of(list->values[i]) : NULL;
        for (uint64_t j = 0; group && j < list->count; j++) {
            const char *other = group_of(list->values[j]);
            keep[j] = keep[j] || (other && strcmp(other, group) == 0);
        }
    }
}

/* each: units that come before the list goes on to its next element. */
static enum rc put_failed(const struct units_look *look, unsigned number, uint64_t each, cJSON **job) {
    const struct units_list *list = &look->units->lists[number];
    bool *keep = calloc((size_t)list->count, sizeof *keep);
    cJSON *kept = keep ? cJSON_CreateArray() : NULL;
    bool good = kept;
    for (uint64_t i = 0; good && i < look->units->count; i++)
        keep[i / each % list->count] |= look->list[i].state == UNIT_FAILED;
    if (good)
        keep_groups(list, keep);
    for (uint64_t i = 0; good && i < list->count; i++)
        good = !keep[i] || cJSON_AddItemToArray(kept, cJSON_Duplicate(list->values[i], true));
    free(keep);
    if (good)
        return paginator_put_value(job, look->source->lists[number].in, kept);
    cJSON_Delete(kept);
    return RC_TEMP;
}

static enum rc make_again(const struct units_look *look, char **text) {
    static const char *const once[] = {"take", "not_before", "created_by"};
    cJSON *job = cJSON_Duplicate(look->criteria->json, true);
    enum rc rc = job ? RC_OK : RC_TEMP;
    for (size_t i = 0; i < sizeof once / sizeof once[0]; i++)
        cJSON_DeleteItemFromObjectCaseSensitive(job, once[i]);
    uint64_t each = 1;
    for (unsigned i = look->units->list_count; !rc && i-- > 0; each *= look->units->lists[i].count)
        rc = put_failed(look, i, each, &job);
    *text = rc ? NULL : cJSON_PrintUnformatted(job);
    cJSON_Delete(job);
    return *text ? RC_OK : RC_TEMP;
}

enum rc unit_look_again(const struct spool *spool, struct sources *sources, const struct job_row *row, char **text, struct err *err) {
    struct units_look look;
    char *was = NULL;
    size_t length = 0;
    *text = NULL;
    if (row->place == PLACE_FAILED || row->place == PLACE_CANCELLED)
        return err_set(err, RC_PERM, "%s: it is %s, and `batchspool retry` goes on with it", row->id, place_name(row->place));
    if (row->place != PLACE_PROCESSED)
        return err_set(err, RC_PERM, "%s: it is not complete yet", row->id);
    if (!row->failed_units)
        return err_set(err, RC_PERM, "%s: no unit of it failed", row->id);
    enum rc rc = job_text_read(spool, row->id, &was, &length, err);
    if (rc)
        return rc;
    rc = units_look(spool, sources, row, was, length, &look, err);
    free(was);
    if (!rc && !look.counts[UNIT_FAILED])
        rc = err_set(err, RC_PERM, "%s: no unit of it failed", row->id); /* pages that were ignored */
    if (!rc && make_again(&look, text))
        rc = err_set(err, RC_TEMP, "out of memory");
    units_look_release(&look);
    return rc;
}

/* The first word of capitals and low lines: DNS_FAILURE; but not the ERR_FAILED of net::ERR_FAILED. */
void unit_look_class(const struct unit_look *unit, char out[64]) {
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_";
    const char *at = unit->error ? unit->error : "";
    str_copy(out, 64, unit->reason ? unit->reason : "");
    while (*at) {
        const size_t length = strspn(at, letters);
        if (length >= 5 && length < 64 && memchr(at, '_', length) && (at == unit->error || !strchr("/.:", at[-1]))) {
            memcpy(out, at, length);
            out[length] = '\0';
            return;
        }
        at += length ? length : 1;
    }
}
