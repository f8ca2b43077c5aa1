// SPDX-License-Identifier: Apache-2.0
#include "engine/attempt_internal.h"

#include "base/clock.h"
#include "os/fsio.h"
#include "source/incremental.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define ITEM(items, i) HEAP_ENTRY((items)[i], struct attempt, work)

/* --- lane: journal lines of a group, one write and one sync a journal ------------------------------------------------ */

typedef cJSON *line_of(const struct attempt *a, const char **event);

static void journal_group(struct work **items, size_t count, enum stage stage, line_of *line) {
    for (size_t i = 0; i < count; i++) {
        struct attempt *first = ITEM(items, i);
        if (first->rc || first->passed || first->stage != stage)
            continue;
        struct journal *journal = first->run->journal;
        bool durable = false;
        enum rc rc = journal_lock(journal, &first->err);
        uint64_t before = rc ? 0 : journal_size(journal);
        for (size_t j = i; !rc && j < count; j++) {
            struct attempt *a = ITEM(items, j);
            if (a->run != first->run || a->rc || a->passed || a->stage != stage)
                continue;
            const char *event = NULL;
            cJSON *members = line(a, &event);
            rc = journal_add(journal, event, NULL, members, &first->err);
            cJSON_Delete(members);
            durable = durable || a->durable;
        }
        if (!rc)
            rc = journal_commit(journal, durable, &first->err);
        uint64_t size = rc ? 0 : journal_size(journal);
        journal_unlock(journal);
        for (size_t j = i; j < count; j++) {
            struct attempt *a = ITEM(items, j);
            if (a->run != first->run || a->rc || a->passed || a->stage != stage)
                continue;
            a->rc = rc;
            if (a != first)
                a->err = first->err;
            if (!rc) {
                a->synced = size;
                a->before = before;
                a->stage++;
            }
        }
    }
}

cJSON *attempt_lane_members(const struct attempt *a) {
    cJSON *m = engine_members();
    cJSON_AddNumberToObject(m, "batch", a->page.batch);
    const struct source_step *step = &a->run->source->steps[a->step];
    if (step->name[0])
        cJSON_AddStringToObject(m, "step", step->name);
    if (a->part)
        cJSON_AddNumberToObject(m, "part", a->part);
    cJSON_AddNumberToObject(m, "attempt", a->number);
    return m;
}

static cJSON *requested_line(const struct attempt *a, const char **event) {
    char price[DEC_TEXT_SIZE];
    char item[UNITS_LABEL_SIZE];
    cJSON *m = attempt_lane_members(a);
    if (units_label(a->run->units, a->page.batch, item))
        cJSON_AddStringToObject(m, "item", item);
    cJSON_AddBoolToObject(m, "paid", a->kind == REQUEST_PAID);
    cJSON_AddNumberToObject(m, "offset", (double)a->page.offset);
    cJSON_AddNumberToObject(m, "limit", (double)a->page.limit);
    if (a->page.token[0])
        cJSON_AddStringToObject(m, "token", a->page.token);
    if (a->cached_path[0]) {
        char at[CLOCK_RFC3339_SIZE];
        clock_format_rfc3339(a->cached_us, 6, at);
        cJSON_AddStringToObject(m, "cached", a->cached_path);
        cJSON_AddStringToObject(m, "cached_at", at);
    }
    if (a->way)
        cJSON_AddNumberToObject(m, "alternative", a->way);
    if (a->helper && !a->checking) {
        const struct source_helper *exec = &a->run->source->steps[a->step].ways[a->way].exec;
        cJSON_AddStringToObject(m, "helper", exec->command->child->valuestring);
        cJSON_AddNumberToObject(m, "timeout_s", step_timeout_s(a->run->criteria->json, exec->timeout_s));
    }
    if (a->run->start)
        cJSON_AddStringToObject(m, "start", a->run->start);
    if (a->kind == REQUEST_PAID) {
        dec_format(a->price, price);
        cJSON_AddStringToObject(m, "max_cost", price);
    }
    *event = "requested";
    return m;
}

static cJSON *answered_line(const struct attempt *a, const char **event) {
    cJSON *m = attempt_lane_members(a), *headers = cJSON_AddObjectToObject(m, "headers");
    cJSON_AddBoolToObject(m, "paid", a->kind == REQUEST_PAID);
    if ((!a->helper || a->checking) && !a->cached_path[0])
        cJSON_AddNumberToObject(m, "status", a->status);
    cJSON_AddStringToObject(m, "sha256", a->sha256);
    cJSON_AddNumberToObject(m, "bytes", (double)a->bytes);
    cJSON_AddStringToObject(m, "body", a->tmp);
    for (const char *const *name = a->run->source->wanted; *name; name++) {
        const char *value = fields_get(&a->fields, *name);
        if (value)
            cJSON_AddStringToObject(headers, *name, value);
    }
    if (a->request_id[0])
        cJSON_AddStringToObject(headers, "request_id", a->request_id);
    *event = "answered";
    return m;
}

int64_t attempt_took_ms(const struct attempt *a) {
    return a->answered_us > a->asked_us ? (a->answered_us - a->asked_us + 999) / 1000 : 0;
}

static cJSON *captured_line(const struct attempt *a, const char **event) {
    char item[UNITS_LABEL_SIZE] = "";
    struct captured c = {.page = a->page,
                         .facts = &a->verdict.facts,
                         .attempt = a->number,
                         .paid = a->kind == REQUEST_PAID,
                         .raw = a->raw,
                         .sha256 = a->sha256,
                         .bytes = a->bytes,
                         .advance = a->advance,
                         .bookmark = &a->bookmark,
                         .cost = a->cost,
                         .answered_us = a->answered_us,
                         .same_as = a->same_as,
                         .step = a->run->source->steps[a->step].name,
                         .part = a->part,
                         .inner = unit_inner(a),
                         .cached_us = a->cached_us,
                         .unit_key = unit_inner(a) || a->cached_us ? "" : a->unit_key,
                         .took_ms = attempt_took_ms(a),
                         .unit_ms = unit_inner(a) ? 0 : a->earlier_ms};
    if (!c.inner && units_label(a->run->units, a->page.batch, item))
        c.item = item;
    *event = "captured";
    cJSON *m = replay_captured_members(&c);
    group_members(a, m);
    return m;
}

/* --- lane: the kinds of work --------------------------------------------------------------------------------------- */

enum rc attempt_lane_body(void *attempt, int *body_fd, struct err *err) {
    struct attempt *a = attempt;
    int dir = a->engine->spool->payloads_tmp_fd;
    enum rc rc = fsio_create(dir, a->tmp, 0640, &a->body_fd, err);
    if (rc == RC_PERM && errno == EEXIST && fsio_unlink(dir, a->tmp, err) == RC_OK)
        rc = fsio_create(dir, a->tmp, 0640, &a->body_fd, err);
    *body_fd = a->body_fd;
    return rc;
}

/* What is paid for must find its file; other bodies get it when they are written, by any lane: it takes the disk long to make one. */
void attempt_lane_request(struct work **items, size_t count) {
    for (size_t i = 0; i < count; i++) {
        struct attempt *a = ITEM(items, i);
        a->rc = unit_prepare(a);
        if (!a->rc && a->cached_path[0])
            a->rc = unit_copy_back(a);
    }
    journal_group(items, count, STAGE_REQUEST, requested_line);
    for (size_t i = 0; i < count; i++) {
        struct attempt *a = ITEM(items, i);
        if (!a->rc && !a->passed && a->kind == REQUEST_PAID)
            a->rc = attempt_lane_body(a, &a->body_fd, &a->err);
    }
}

/* The whole body for the checks. What is held in memory is written and hashed here. */
static enum rc take_body(struct attempt *a, const char **data, size_t *length) {
    enum rc rc = a->body_fd < 0 ? attempt_lane_body(a, &a->body_fd, &a->err) : RC_OK;
    if (!a->held) {
        rc = rc ? rc : fsio_map(a->body_fd, data, length, &a->err);
        if (!rc && (a->helper || a->cached_path[0])) /* no fetch has seen it */
            digest_of_hex(*data, *length, a->sha256);
        return rc;
    }
    *data = a->held->bytes;
    *length = a->held->length;
    digest_of_hex(*data, *length, a->sha256);
    return rc ? rc : (a->automatic ? fsio_write : fsio_write_direct)(a->body_fd, *data, *length, &a->err);
}

static void judge(struct attempt *a) {
    const char *data = "";
    size_t length = 0;
    enum rc rc = take_body(a, &data, &length);
    if (rc)
        str_copy(a->reason, sizeof a->reason, "disk");
    struct answer answer = {.sent = a->sent,
                            .complete = a->complete && !rc,
                            .status = a->status,
                            .body = {data, length},
                            .transport_error = a->error[0] ? a->error : NULL,
                            .retry_after_s = a->retry_after_s,
                            .fields = &a->fields,
                            .keys = unit_inner(a) ? NULL : &a->keys,
                            .url = a->url,
                            .inner = unit_inner(a)};
    answer_judge(a->run->source, a->kind, &answer, &a->verdict);
    if (a->run->delta)
        delta_facts(&a->verdict.facts);
    if (a->reason[0])
        str_copy(a->verdict.reason, sizeof a->verdict.reason, a->reason);
    if (a->verdict.action == ACTION_SUCCESS && a->verdict.charge != CHARGE_IN_DOUBT) {
        a->rc = a->keys.failed ? err_set(&a->err, RC_TEMP, "out of memory") : RC_OK;
        a->advance = keys_advance(&a->keys, a->run->source, a->page.limit, a->verdict.facts.records);
        if (a->run->units && !unit_inner(a))
            a->verdict.facts.count = a->run->units->count; /* what a job of units has of them */
        if (!a->rc && a->run->source->incremental && !unit_inner(a))
            a->rc = incremental_max(a->run->source, a->verdict.records, &a->bookmark);
    }
    if (!a->held)
        fsio_unmap(data, length);
}

bool attempt_lane_good(const struct attempt *a) {
    return a->verdict.action == ACTION_SUCCESS && a->verdict.charge != CHARGE_IN_DOUBT;
}

void attempt_lane_check(struct work **items, size_t count) {
    for (size_t i = 0; i < count; i++) {
        struct attempt *a = ITEM(items, i);
        judge(a);
        if (!a->rc && attempt_lane_good(a))
            a->rc = fsio_sync(a->body_fd, &a->err);
    }
}

void attempt_lane_checker(struct work **items, size_t count) {
    for (size_t i = 0; i < count; i++)
        ITEM(items, i)->rc = helper_prepare_check(ITEM(items, i));
}

/* The names of the bodies, before any line says that they are there. */
static void settle_group(const struct spool *spool, struct work **items, size_t count) {
    bool any = false;
    for (size_t i = 0; i < count; i++)
        any = any || ITEM(items, i)->stage == STAGE_SETTLE;
    struct err err = {0};
    enum rc rc = any ? fsio_sync_dir(spool->payloads_tmp_fd, ".", &err) : RC_OK;
    for (size_t i = 0; i < count; i++) {
        struct attempt *a = ITEM(items, i);
        if (a->stage != STAGE_SETTLE)
            continue;
        a->rc = rc;
        a->err = err;
        a->stage = rc ? STAGE_SETTLE : STAGE_ANSWERED;
    }
}

/* Links, one sync a month, then the names in tmp/ go. */
static void publish_group(const struct spool *spool, struct work **items, size_t count) {
    const struct attempt *synced = NULL;
    for (size_t i = 0; i < count; i++) {
        struct attempt *a = ITEM(items, i);
        if (!a->rc && a->stage == STAGE_PUBLISH)
            a->rc = payload_publish_link(spool, a->tmp, a->raw, a->sha256, &a->err);
    }
    for (size_t i = 0; i < count; i++) {
        struct attempt *a = ITEM(items, i);
        if (a->rc || a->stage != STAGE_PUBLISH)
            continue;
        if (!synced || !payload_same_month(synced->raw, a->raw))
            a->rc = payload_publish_sync(spool, a->raw, &a->err);
        synced = a->rc ? NULL : a;
    }
    for (size_t i = 0; i < count; i++) {
        struct attempt *a = ITEM(items, i);
        if (a->rc || a->stage != STAGE_PUBLISH)
            continue;
        a->rc = payload_publish_unlink(spool, a->tmp, &a->err);
        if (!a->rc)
            a->rc = payload_sums_add(spool, a->raw, a->sha256, &a->err);
        if (!a->rc)
            a->stage = STAGE_CAPTURED;
    }
}

static enum shelf shelf_of(const struct attempt *a) {
    return a->automatic ? SHELF_READY : SHELF_PENDING;
}

static bool to_mark(const struct attempt *a, bool paid_only) {
    return a->stage == STAGE_MARK && (a->kind == REQUEST_PAID || !paid_only);
}

static void mark_group(struct work **items, size_t count, bool paid_only) {
    const struct spool *spool = ITEM(items, 0)->engine->spool;
    enum rc rc[SHELF_COUNT];
    bool any[SHELF_COUNT] = {false};
    for (size_t i = 0; i < count; i++) {
        struct attempt *a = ITEM(items, i);
        if (!to_mark(a, paid_only))
            continue;
        a->rc = payload_mark_put(spool, a->run->id, a->page.batch, a->raw, shelf_of(a), !a->marked, &a->err);
        a->marked = true;
        any[shelf_of(a)] = true;
    }
    for (enum shelf shelf = SHELF_NONE; shelf < SHELF_COUNT; shelf++)
        rc[shelf] = any[shelf] ? payload_mark_sync(spool, shelf, NULL) : RC_OK;
    for (size_t i = 0; i < count; i++) {
        struct attempt *a = ITEM(items, i);
        if (a->rc || !to_mark(a, paid_only))
            continue;
        if (rc[shelf_of(a)])
            a->rc = err_set(&a->err, rc[shelf_of(a)], "payloads/%s: its sync failed", shelf_name(shelf_of(a)));
        else
            a->stage = STAGE_MARKED;
    }
}

void attempt_lane_record(struct work **items, size_t count) {
    const struct spool *spool = ITEM(items, 0)->engine->spool;
    for (size_t i = 0; i < count; i++)
        ITEM(items, i)->rc = RC_OK;
    settle_group(spool, items, count);
    journal_group(items, count, STAGE_ANSWERED, answered_line);
    publish_group(spool, items, count);
    journal_group(items, count, STAGE_CAPTURED, captured_line);
    for (size_t i = 0; i < count; i++) {
        struct attempt *a = ITEM(items, i);
        if (!a->rc && a->stage == STAGE_MARK && unit_inner(a)) /* nothing of it is loaded */
            a->stage = STAGE_MARKED;
        else if (!a->rc && a->stage == STAGE_MARK && unit_has_steps(a->run))
            unit_work_remove(spool, a->run->id, a->page.batch);
    }
    mark_group(items, count, true);
}

void attempt_lane_mark(struct work **items, size_t count) {
    mark_group(items, count, false);
}

static cJSON *report_line(const struct attempt *a, const char **event) {
    *event = a->event;
    return cJSON_Duplicate(a->members, true);
}

void attempt_lane_report(struct work **items, size_t count) {
    const struct spool *spool = ITEM(items, 0)->engine->spool;
    for (size_t i = 0; i < count; i++) {
        struct attempt *a = ITEM(items, i);
        a->rc = RC_OK;
        if (a->over)
            unit_work_remove(spool, a->run->id, a->page.batch);
        if (!a->tmp[0])
            continue;
        enum rc rc = a->keep_body ? payload_keep_failed(spool, a->tmp, &a->err) : fsio_unlink(spool->payloads_tmp_fd, a->tmp, &a->err);
        if (rc == RC_OK && a->keep_body && !cJSON_HasObjectItem(a->members, "body"))
            cJSON_AddStringToObject(a->members, "body", a->tmp);
        if (rc != RC_GONE && a->keep_body)
            a->rc = rc;
    }
    journal_group(items, count, STAGE_REPORT, report_line);
}
