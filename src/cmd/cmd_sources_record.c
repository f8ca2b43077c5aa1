// SPDX-License-Identifier: Apache-2.0
#include "cmd/cmd_sources.h"

#include "base/clock.h"
#include "base/limits.h"
#include "os/fsio.h"
#include "source/rehearse.h"
#include "spool/document.h"
#include "spool/payload.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* `sources record` of units, and of pages with several steps: each way of a step that was tried to its end, with what it asked and what came. */

struct taped {      /* one way of a step, as the journal has it */
    uint32_t batch; /* 0: nothing was asked for yet */
    uint64_t offset, limit;
    struct step_place at;
    unsigned attempt;
    bool paid;
    int status;
    enum cassette_end end;
    int64_t cached_us;
    char *token, *reason, *error, *file; /* of the page; NULL: none. file: below payloads/; NULL: nothing was kept */
    cJSON *headers;
    size_t order;
};

struct tape {
    struct cmd *cmd;
    const struct source *source;
    const struct criteria *criteria;
    const struct units *units; /* NULL: pages */
    const char *id;
    struct sources_totals totals;
    struct taped *now; /* by batch: what was asked for last */
    size_t now_capacity;
    struct taped *list;
    size_t count, capacity;
    size_t kept;               /* of them: the first ones */
    const struct taped *first; /* of the unit that is written */
    size_t unit_count;         /* of its lines */
    bool failed;
};

/* --- the journal --------------------------------------------------------------------------------------------------- */

static struct taped *now_of(struct tape *tape, uint32_t batch) {
    if (batch > LIMIT_BATCHES)
        return NULL;
    if (batch >= tape->now_capacity) {
        const size_t capacity = (size_t)batch * 2 + 16;
        struct taped *now = realloc(tape->now, capacity * sizeof *now);
        tape->failed = tape->failed || !now;
        if (!now)
            return NULL;
        memset(now + tape->now_capacity, 0, (capacity - tape->now_capacity) * sizeof *now);
        tape->now = now;
        tape->now_capacity = capacity;
    }
    return &tape->now[batch];
}

static char *copy(struct tape *tape, const char *text) {
    char *own = *text ? strdup(text) : NULL;
    tape->failed = tape->failed || (*text && !own);
    return own;
}

static void now_clear(struct taped *now) {
    cJSON_Delete(now->headers);
    free(now->token);
    *now = (struct taped){.batch = 0};
}

static void requested(struct tape *tape, struct taped *now, const struct journal_line *line, int step) {
    const cJSON *json = line->json;
    const char *cached = sources_text(json, "cached_at");
    now_clear(now);
    *now = (struct taped){.batch = job_line_batch(line),
                          .offset = sources_number(json, "offset", 0),
                          .limit = sources_number(json, "limit", 0),
                          .token = copy(tape, sources_text(json, "token")),
                          .at = {(unsigned)step, (unsigned)sources_number(json, "alternative", 0), (uint32_t)sources_number(json, "part", 0)},
                          .attempt = (unsigned)sources_number(json, "attempt", 1),
                          .paid = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(json, "paid"))};
    if (*cached)
        clock_parse_rfc3339(cached, &now->cached_us);
}

/* What ended without a request, as nothing could be asked, ended at this place. */
static void take_place(struct tape *tape, struct taped *now, const struct journal_line *line, int step) {
    const uint32_t part = (uint32_t)sources_number(line->json, "part", 0);
    if (now->batch && now->at.step == (unsigned)step && now->at.part == part)
        return;
    const bool same_step = now->batch && now->at.step == (unsigned)step; /* the next part is done the way that the last one was */
    const unsigned way = same_step ? now->at.way : source_first_way(&tape->source->steps[step], 0, tape->criteria->json);
    now_clear(now);
    *now = (struct taped){.batch = job_line_batch(line),
                          .at = {(unsigned)step, way < tape->source->steps[step].way_count ? way : 0, part},
                          .attempt = (unsigned)sources_number(line->json, "attempt", 1)};
}

static void end_way(struct tape *tape, const struct taped *now, enum cassette_end end, const cJSON *json) {
    if (tape->count == tape->capacity) {
        const size_t capacity = tape->capacity * 2 + 64;
        struct taped *list = realloc(tape->list, capacity * sizeof *list);
        tape->failed = tape->failed || !list;
        if (!list)
            return;
        tape->list = list;
        tape->capacity = capacity;
    }
    struct taped *t = &tape->list[tape->count];
    char file[PAYLOAD_PATH_SIZE + 32] = "";
    const char *body = sources_text(json, "body");
    *t = *now;
    t->order = tape->count++;
    t->token = copy(tape, now->token ? now->token : "");
    t->end = end;
    t->headers = end == CASSETTE_CAPTURED ? cJSON_Duplicate(now->headers, true) : NULL;
    t->status = end == CASSETTE_CAPTURED ? now->status : (int)sources_number(json, "status", 0);
    t->reason = copy(tape, sources_text(json, "reason"));
    t->error = copy(tape, sources_text(json, "error"));
    if (end == CASSETTE_CAPTURED) {
        const char *raw = sources_text(json, "file");
        str_format(file, sizeof file, "raw/%s", str_starts(raw, "payloads/raw/") ? raw + strlen("payloads/raw/") : raw);
    } else if (*body)
        str_format(file, sizeof file, "failed/%s", body);
    t->file = copy(tape, file);
}

static void see_line(void *context, const struct job_row *row, const struct journal_line *line) {
    struct tape *tape = context;
    const char *name = sources_text(line->json, "step");
    const uint32_t batch = job_line_batch(line);
    struct taped *now = batch ? now_of(tape, batch) : NULL;
    const int step = *name ? step_number(tape->source, name) : 0;
    (void)row;
    sources_totals_see(&tape->totals, line);
    if (!now || step < 0)
        return;
    if (strcmp(line->event, "requested") == 0)
        requested(tape, now, line, step);
    else if (strcmp(line->event, "answered") == 0) {
        cJSON_Delete(now->headers);
        now->headers = cJSON_Duplicate(cJSON_GetObjectItemCaseSensitive(line->json, "headers"), true);
        now->status = (int)sources_number(line->json, "status", 200);
    } else if (strcmp(line->event, "captured") == 0)
        end_way(tape, now, CASSETTE_CAPTURED, line->json);
    else if (strcmp(line->event, "retrying") == 0 && cJSON_HasObjectItem(line->json, "alternative")) {
        take_place(tape, now, line, step);
        end_way(tape, now, CASSETTE_OTHER_WAY, line->json);
        now->at.way = (unsigned)sources_number(line->json, "alternative", 0);
    } else if (strcmp(line->event, "failed") == 0 || strcmp(line->event, "charge_unknown") == 0) {
        take_place(tape, now, line, step);
        end_way(tape, now, strcmp(line->event, "failed") == 0 ? CASSETTE_FAILED : CASSETTE_IN_DOUBT, line->json);
    }
}

/* --- what counts of it --------------------------------------------------------------------------------------------- */

static int compare_numbers(uint64_t a, uint64_t b) {
    return (a > b) - (a < b);
}

static int compare_place(const struct taped *a, const struct taped *b) {
    int order = compare_numbers(a->batch, b->batch);
    order = order ? order : compare_numbers(a->at.step, b->at.step);
    return order ? order : compare_numbers(a->at.part, b->at.part);
}

static int compare(const void *one, const void *other) {
    const struct taped *a = one, *b = other;
    int order = compare_place(a, b);
    order = order ? order : compare_numbers(a->at.way, b->at.way);
    return order ? order : compare_numbers(a->order, b->order);
}

static void taped_release(struct taped *t) {
    free(t->token);
    free(t->reason);
    free(t->error);
    free(t->file);
    cJSON_Delete(t->headers);
}

static void swap(struct taped *a, struct taped *b) {
    const struct taped one = *a;
    *a = *b;
    *b = one;
}

/* Of tries of the same way the one that captured it, else the last; none of ways behind one that captured it, which an earlier run of the unit went. They come
 * to the front, in order. */
static void settle(struct tape *tape) {
    size_t kept = 0;
    if (tape->count)
        qsort(tape->list, tape->count, sizeof *tape->list, compare);
    for (size_t i = 0; i < tape->count; i++) {
        struct taped *t = &tape->list[i], *last = kept ? &tape->list[kept - 1] : NULL;
        const bool same_place = last && compare_place(last, t) == 0;
        if (same_place && last->end == CASSETTE_CAPTURED) /* it is final */
            continue;
        swap(same_place && last->at.way == t->at.way ? last : &tape->list[kept++], t);
    }
    tape->kept = kept;
}

/* --- the lines ----------------------------------------------------------------------------------------------------- */

static enum rc read_body(const struct tape *tape, const struct taped *t, struct buf *body, struct err *err) {
    const char *raw = str_starts(t->file, "raw/") ? t->file + strlen("raw/") : NULL,
               *failed = str_starts(t->file, "failed/") ? t->file + strlen("failed/") : NULL;
    const struct spool *spool = tape->cmd->spool;
    return raw ? fsio_read_file(spool->raw_fd, raw, body, err) : failed ? fsio_read_file(spool->shelf_fd[SHELF_FAILED], failed, body, err) : RC_GONE;
}

/* The answer of an earlier step of the unit that is written: step_view.open. */
static enum rc open_answer(void *context, unsigned step, uint32_t part, struct slice *answer, struct err *err) {
    const struct tape *tape = context;
    struct taped sought = {.batch = tape->first->batch, .at = {step, 0, part}};
    for (size_t i = 0; i < tape->unit_count; i++) {
        const struct taped *t = &tape->first[i];
        if (t->end != CASSETTE_CAPTURED || compare_place(t, &sought))
            continue;
        struct buf body = BUF_INIT(CASSETTE_MOST_BYTES);
        enum rc rc = read_body(tape, t, &body, err);
        if (!rc && (rc = json_check(buf_text(&body), body.length, &json_rules_payload, err)))
            rc = err_set(err, RC_CORRUPT, "payloads/%s is damaged", t->file);
        answer->length = body.length;
        answer->data = rc ? NULL : buf_take(&body);
        buf_release(&body);
        return rc == RC_GONE ? err_set(err, RC_CORRUPT, "payloads/%s is not there any more", t->file) : rc;
    }
    return RC_GONE;
}

static void close_answer(void *context, struct slice answer) {
    (void)context;
    free((void *)(uintptr_t)answer.data);
}

/* What it asked. *request stays empty when that cannot be told: a template's value was missing. */
static enum rc ask(struct tape *tape, const struct taped *t, struct buf *request, struct err *err) {
    const struct step_view view = {.source = tape->source,
                                   .job = tape->criteria->json,
                                   .job_id = tape->id,
                                   .attempt = t->attempt,
                                   .cached_us = t->cached_us,
                                   .at = t->at,
                                   .open = open_answer,
                                   .close = close_answer,
                                   .context = tape};
    cJSON *item = tape->units ? units_item(tape->units, t->batch) : NULL, *known = NULL;
    bool over = false;
    struct page page = {.batch = t->batch, .offset = t->offset, .limit = t->limit};
    str_copy(page.token, sizeof page.token, t->token ? t->token : "");
    if (tape->units && !item)
        return err_set(err, RC_PERM, "%s: the definition of today does not have unit %" PRIu32, tape->id, t->batch);
    enum rc rc = step_known_new(&view, &known, err);
    rc = rc ? rc : step_known_fill(&view, known, &over, err);
    if (!rc && !over)
        rc = rehearse_request(&view, item, known, tape->units ? NULL : &page, request, err);
    cJSON_Delete(item);
    cJSON_Delete(known);
    return rc == RC_PERM && t->end != CASSETTE_CAPTURED ? RC_OK : rc;
}

static enum rc write_way(struct tape *tape, const struct taped *t, struct buf *out, struct err *err) {
    struct buf request = BUF_INIT(CASSETTE_REQUEST_BYTES), body = BUF_INIT(CASSETTE_MOST_BYTES);
    enum rc rc = ask(tape, t, &request, err);
    const enum rc found = rc || !t->file ? RC_GONE : read_body(tape, t, &body, err);
    if (!rc && found && (found != RC_GONE || t->end == CASSETTE_CAPTURED))
        rc = err_set(err, found, "payloads/%s: is not there any more (an archive can be restored)", t->file ? t->file : "");
    if (!rc) {
        struct cassette_page line = {.batch = t->batch,
                                     .paid = t->paid,
                                     .status = t->status,
                                     .request = request.length ? request.data : NULL,
                                     .way = t->at.way,
                                     .attempt = t->attempt ? t->attempt : 1,
                                     .part = t->at.part,
                                     .end = t->end,
                                     .reason = t->reason,
                                     .error = t->error,
                                     .cached_us = t->cached_us,
                                     .body = found ? NULL : (char *)(uintptr_t)buf_text(&body),
                                     .body_length = body.length};
        str_copy(line.step, sizeof line.step, tape->source->steps[t->at.step].name);
        rc = cassette_write_page(out, &line, t->headers);
        rc = rc ? err_set(err, rc, "out of memory, or the cassette would be longer than %u bytes", CASSETTE_MOST_BYTES) : RC_OK;
    }
    buf_release(&request);
    buf_release(&body);
    return rc;
}

static enum rc write_document(struct tape *tape, const char *sha256, struct buf *out, struct err *err) {
    const char *data;
    size_t length;
    int fd;
    enum rc rc = document_open(tape->cmd->spool, sha256, &fd, NULL, err);
    if (rc)
        return rc;
    rc = fsio_map(fd, &data, &length, err);
    close(fd);
    if (rc)
        return rc;
    rc = cassette_write_document(out, sha256, (struct slice){data, length});
    fsio_unmap(data, length);
    return rc ? err_set(err, rc, "out of memory, or with its documents the cassette would be longer than %u bytes", CASSETTE_MOST_BYTES) : RC_OK;
}

static enum rc write_all(struct tape *tape, bool documents, struct buf *out, uint64_t *units, struct err *err) {
    const bool embed = documents && tape->source->documents;
    const cJSON *document, *list = embed ? cJSON_GetObjectItemCaseSensitive(tape->criteria->json, "documents") : NULL;
    enum rc rc = cassette_write_head(out, tape->source->name, tape->id, tape->totals.total, tape->totals.parts, tape->criteria->json);
    cJSON_ArrayForEach(document, list) {
        rc = rc ? rc : write_document(tape, sources_text(document, "sha256"), out, err);
    }
    for (size_t i = 0; !rc && i < tape->kept; i++) {
        if (!tape->unit_count || tape->first->batch != tape->list[i].batch) {
            tape->first = &tape->list[i];
            tape->unit_count = 0;
            ++*units;
        }
        tape->unit_count++;
        rc = write_way(tape, &tape->list[i], out, err);
    }
    return rc;
}

enum rc sources_record_steps(struct cmd *cmd, const struct sources_options *options, const char *id, const struct source *source,
                             const struct criteria *criteria, struct buf *out, cJSON *told, struct err *err) {
    struct tape tape = {.cmd = cmd, .source = source, .criteria = criteria, .id = id, .totals = {.total = UINT64_MAX, .parts = cJSON_CreateArray()}};
    struct units *units = NULL;
    struct job_row row;
    uint64_t count = 0;
    enum rc rc = source->list_count ? units_new(source, criteria->json, criteria->take, &units, err) : RC_OK;
    tape.units = units;
    rc = rc ? rc : job_row_read(cmd->spool, id, &row, see_line, &tape, err);
    if (!rc && (tape.failed || tape.totals.failed))
        rc = err_set(err, RC_TEMP, "out of memory");
    if (!rc) {
        settle(&tape);
        rc = tape.count ? write_all(&tape, options->documents, out, &count, err) : err_set(err, RC_PERM, "%s: has captured nothing", id);
    }
    sources_add_count(told, units ? "units" : "pages", count);
    sources_add_count(told, "answers", tape.kept);
    for (size_t i = 0; i < tape.count; i++)
        taped_release(&tape.list[i]);
    for (size_t i = 0; i < tape.now_capacity; i++)
        now_clear(&tape.now[i]);
    free(tape.now);
    free(tape.list);
    cJSON_Delete(tape.totals.parts);
    units_free(units);
    return rc;
}
