// SPDX-License-Identifier: Apache-2.0
#include "engine/replay_internal.h"

#include "base/clock.h"
#include "base/limits.h"
#include "engine/group_look.h"
#include "os/fsio.h"
#include "source/step.h"
#include "spool/bookmark.h"

#include <stdlib.h>
#include <string.h>

/* A claimed job goes on where its journal ends, be it new, retried, released or left behind by a crash. */

static const char *text_of(const cJSON *json, const char *name) {
    const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, name));
    return text ? text : "";
}

static uint64_t count_of(const cJSON *json, const char *name, uint64_t otherwise) {
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(json, name);
    return cJSON_IsNumber(item) && item->valuedouble >= 0 ? (uint64_t)item->valuedouble : otherwise;
}

static char *copy_of(const cJSON *json, const char *name) {
    const char *text = text_of(json, name);
    return *text ? strdup(text) : NULL;
}

/* Pages come in the order of their numbers but for repeats: the place is at or near the end. */
static struct replay_page *page_of(struct replay *r, uint32_t batch) {
    size_t at = r->page_count;
    while (at && r->pages[at - 1].batch > batch)
        at--;
    if (at && r->pages[at - 1].batch == batch)
        return &r->pages[at - 1];
    if (r->page_count == r->page_capacity) {
        size_t capacity = r->page_capacity ? r->page_capacity * 2 : 64;
        struct replay_page *pages = realloc(r->pages, capacity * sizeof *pages);
        if (!pages)
            return NULL;
        r->pages = pages;
        r->page_capacity = capacity;
    }
    memmove(&r->pages[at + 1], &r->pages[at], (r->page_count - at) * sizeof *r->pages);
    r->page_count++;
    r->pages[at] = (struct replay_page){.batch = batch, .total = JOB_UNKNOWN, .count = JOB_UNKNOWN};
    return &r->pages[at];
}

void replay_forget_answer(struct replay_page *p) {
    if (p->answered)
        fields_release(&p->answered->fields);
    free(p->answered);
    p->answered = NULL;
}

void replay_bookmark(struct buf *bookmark, struct slice value) {
    if (!value.length || (bookmark->length && bookmark_compare(value, (struct slice){buf_text(bookmark), bookmark->length}) <= 0))
        return;
    buf_reset(bookmark);
    buf_add(bookmark, value.data, value.length);
}

unsigned replay_step(const struct source *source, const char *name) {
    const int step = name ? step_number(source, name) : -1;
    return step > 0 ? (unsigned)step : 0;
}

/* Of a name in the journal; SOURCE_MAX_STEPS: there are more than a definition can have. */
static unsigned named_step(struct replay *r, const char *name) {
    for (unsigned i = 0; i < r->step_count; i++)
        if (strcmp(r->steps[i], name) == 0)
            return i;
    if (r->step_count < SOURCE_MAX_STEPS)
        str_copy(r->steps[r->step_count++], sizeof r->steps[0], name);
    else
        return SOURCE_MAX_STEPS;
    return r->step_count - 1;
}

static void count_try(struct replay *r, struct replay_page *p, const cJSON *json) {
    const unsigned step = cJSON_HasObjectItem(json, "cached") ? SOURCE_MAX_STEPS : named_step(r, text_of(json, "step"));
    if (step < SOURCE_MAX_STEPS && p->tries[step] < UINT16_MAX)
        p->tries[step]++;
}

void replay_due(const struct run *run, const struct replay_page *page, struct due_page *due) {
    const unsigned step = replay_step(run->source, page->done_step);
    for (unsigned i = 0; i < run->replay->step_count; i++)
        for (unsigned k = 0; k < run->source->step_count; k++)
            if (strcmp(run->replay->steps[i], run->source->steps[k].name) == 0)
                due->tries[k] = page->tries[i];
    due->cached_us = page->cached_us;
    due->took_ms = page->took_ms;
    if (!page->done_step)
        unit_enter(run, due, 0);
    else if (page->done_part) {
        unit_enter(run, due, step);
        due->part = page->done_part + 1;
    } else if (step + 1 < run->source->step_count)
        unit_enter(run, due, step + 1);
    if (page->way < run->source->steps[due->step].way_count && page->way > due->way)
        due->way = page->way;
}

static void page_requested(struct replay_page *p, const cJSON *json) {
    p->offset = count_of(json, "offset", 0);
    p->limit = count_of(json, "limit", 0);
    p->attempts = (unsigned)count_of(json, "attempt", p->attempts + 1);
    p->paid = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(json, "paid"));
    p->open = true;
    p->unknown = false;
    p->way = (unsigned)count_of(json, "alternative", 0);
    free(p->asked_step);
    p->asked_step = copy_of(json, "step");
    p->asked_part = (uint32_t)count_of(json, "part", 0);
    if (!p->done_step && !clock_parse_rfc3339(text_of(json, "cached_at"), &p->cached_us))
        p->cached_us = 0;
    replay_forget_answer(p);
    free(p->token);
    p->token = copy_of(json, "token");
    if (!dec_parse(slice_of(text_of(json, "max_cost")), &p->price))
        p->price = dec_zero();
}

static bool page_answered(struct replay_page *p, const struct journal_line *line) {
    const cJSON *json = line->json;
    if (!p->answered)
        p->answered = calloc(1, sizeof *p->answered);
    if (!p->answered)
        return false;
    str_copy(p->answered->sha256, sizeof p->answered->sha256, text_of(json, "sha256"));
    str_copy(p->answered->body, sizeof p->answered->body, text_of(json, "body"));
    p->answered->status = (int)count_of(json, "status", 200);
    p->answered->bytes = count_of(json, "bytes", 0);
    p->answered->attempt = (unsigned)count_of(json, "attempt", 1);
    p->answered->at_us = line->ts_us;
    fields_release(&p->answered->fields);
    const cJSON *header;
    cJSON_ArrayForEach(header, cJSON_GetObjectItemCaseSensitive(json, "headers")) {
        if (cJSON_IsString(header) && !fields_add(&p->answered->fields, header->string, header->valuestring, strlen(header->valuestring)))
            return false;
    }
    return true;
}

static void released(struct replay *r, const cJSON *json) {
    const char *decision = text_of(json, "decision");
    uint64_t batch = count_of(json, "batch", 0);
    r->accept_duplicates = r->accept_duplicates || strcmp(decision, "accept_duplicates") == 0;
    r->accept_coverage = r->accept_coverage || strcmp(decision, "accept_coverage") == 0;
    r->buy_all = r->buy_all || strcmp(decision, "buy_all") == 0;
    bool give_up = strcmp(decision, "give_up") == 0;
    if (!give_up && strcmp(decision, "accept_charge") != 0)
        return;
    for (size_t i = 0; i < r->page_count; i++) {
        struct replay_page *p = &r->pages[i];
        if (!p->unknown || (batch && p->batch != batch))
            continue;
        p->unknown = false;
        p->closed = p->given_up = give_up;
        p->advance = give_up ? p->limit : 0;
    }
}

static bool part_asked(struct replay *r, const cJSON *json) {
    if (r->asked_count == r->asked_capacity) {
        size_t capacity = r->asked_capacity ? r->asked_capacity * 2 : 64;
        struct asked *asked = realloc(r->asked, capacity * sizeof *asked);
        if (!asked)
            return false;
        r->asked = asked;
        r->asked_capacity = capacity;
    }
    struct asked *a = &r->asked[r->asked_count++];
    str_copy(a->token, sizeof a->token, text_of(json, "part"));
    a->total = count_of(json, "part_total", JOB_UNKNOWN);
    return true;
}

static void listed(struct replay *r, const cJSON *json) {
    delta_free(r->delta);
    r->delta = engine_alloc(sizeof *r->delta);
    r->delta->total = count_of(json, "total", 0);
    r->delta->owned = count_of(json, "owned", 0);
    r->delta->to_buy = count_of(json, "to_buy", 0);
    r->delta->size = count_of(json, "size", 1);
    r->delta->size += r->delta->size == 0;
    str_copy(r->delta_sha256, sizeof r->delta_sha256, text_of(json, "sha256"));
}

/* A group of units waits, or does not any more. */
static bool group_told(struct replay *r, const struct journal_line *line) {
    if (!*text_of(line->json, "group"))
        return true;
    r->groups = r->groups ? r->groups : throttle_new();
    r->groups_us = line->ts_us;
    r->groups_anew = false;
    return r->groups && group_look_line(r->groups, line);
}

/* A person has the failed job go on: units that failed for good are tried once more. */
static void tried_again(struct replay *r) {
    r->failed = false;
    for (size_t i = 0; i < r->page_count; i++) {
        r->pages[i].failed = false;
        r->pages[i].way = 0;
    }
}

static void line_seen(void *context, const struct job_row *row, const struct journal_line *line) {
    struct replay *r = context;
    const cJSON *json = line->json;
    (void)row;
    if (strcmp(line->event, "accepted") == 0) {
        free(r->text);
        r->text = copy_of(json, "text");
        r->text_length = r->text ? strlen(r->text) : 0;
        if (!r->page_count) { /* another search, perhaps */
            delta_free(r->delta);
            r->delta = NULL;
            r->buy_all = false;
        }
    } else if (strcmp(line->event, "listed") == 0)
        listed(r, json);
    else if (strcmp(line->event, "released") == 0)
        released(r, json);
    else if (strcmp(line->event, "previewed") == 0 && *text_of(json, "part") && !part_asked(r, json))
        r->rc = RC_TEMP;
    if (strcmp(line->event, "held") == 0 && (strcmp(text_of(json, "reason"), "limit_ignored") == 0))
        r->looked_seq = line->seq;
    uint64_t batch = count_of(json, "batch", 0);
    if (!batch && strcmp(line->event, "failed") == 0)
        r->failed = true;
    if (strcmp(line->event, "requeued") == 0) {
        r->groups_anew = strcmp(text_of(json, "by"), "daemon") != 0;
        if (r->failed)
            tried_again(r);
    }
    if (!batch || batch > LIMIT_BATCHES || strcmp(line->event, "released") == 0)
        return;
    struct replay_page *p = page_of(r, (uint32_t)batch);
    if (!p || !group_told(r, line)) {
        r->rc = RC_TEMP;
        return;
    }
    if (strcmp(line->event, "requested") == 0) {
        const cJSON *start = cJSON_GetObjectItemCaseSensitive(json, "start");
        if (!r->start && cJSON_IsString(start))
            r->start = strdup(start->valuestring);
        page_requested(p, json);
        count_try(r, p, json);
        return;
    }
    if (strcmp(line->event, "answered") == 0) {
        if (!page_answered(p, line))
            r->rc = RC_TEMP;
    } else if (strcmp(line->event, "captured") == 0 && job_line_inner(line)) {
        free(p->done_step);
        p->done_step = copy_of(json, "step");
        p->done_part = (uint32_t)count_of(json, "part", 0);
        p->way = 0;
        p->took_ms += (int64_t)count_of(json, "took_ms", 0);
        if (!clock_parse_rfc3339(text_of(json, "cached_at"), &p->cached_us))
            p->cached_us = 0;
        replay_forget_answer(p);
    } else if (strcmp(line->event, "captured") == 0) {
        p->captured = true;
        p->captured_seq = line->seq;
        p->records = count_of(json, "records", 0);
        uint64_t next = count_of(json, "next", 0), offset = count_of(json, "offset", 0);
        p->advance = next >= offset ? next - offset : p->records;
        p->count = count_of(json, "total", JOB_UNKNOWN);
        p->total = count_of(json, "part_total", p->count);
        free(p->next);
        p->next = copy_of(json, "next_token");
        free(p->fault);
        p->fault = copy_of(json, "next_fault");
        replay_bookmark(&r->bookmark, slice_of(text_of(json, "bookmark")));
        const cJSON *more = cJSON_GetObjectItemCaseSensitive(json, "has_more");
        p->more = cJSON_IsTrue(more) ? MORE_YES : cJSON_IsFalse(more) ? MORE_NO : MORE_UNKNOWN;
        replay_forget_answer(p);
    } else if (strcmp(line->event, "charge_unknown") == 0) {
        p->unknown = true;
        replay_forget_answer(p);
    } else if (strcmp(line->event, "failed") == 0 && strcmp(text_of(json, "reason"), "ignored") == 0)
        p->closed = true;
    else if (strcmp(line->event, "failed") == 0)
        p->failed = true;
    else if (strcmp(line->event, "retrying") == 0 && cJSON_HasObjectItem(json, "alternative"))
        p->way = (unsigned)count_of(json, "alternative", 0);
    else if (strcmp(line->event, "loaded") == 0 || strcmp(line->event, "rejected") == 0)
        p->loaded = true;
    if (strcmp(line->event, "adopted") != 0 && strcmp(line->event, "loaded") != 0 && strcmp(line->event, "rejected") != 0)
        p->open = false;
}

/* What runs is the text in `accepted`; a file that says something else was edited while it waited. */
static void compare_file(struct replay *r) {
    char name[JOBID_SIZE + 5], sum[DIGEST_HEX_SIZE];
    struct buf text = BUF_INIT(LIMIT_JOB_FILE_BYTES);
    str_format(name, sizeof name, "%s.json", r->run->id);
    if (fsio_read_file(r->run->engine->spool->place_fd[PLACE_PROCESSING], name, &text, NULL) == RC_OK) {
        digest_of_hex(buf_text(&text), text.length, sum);
        r->edited = strcmp(sum, r->row.text_sha256) != 0;
    }
    buf_release(&text);
}

static void read_run(struct work **items, size_t count) {
    for (size_t i = 0; i < count; i++) {
        struct replay *r = HEAP_ENTRY(items[i], struct replay, work);
        const struct spool *spool = r->run->engine->spool;
        r->rc = RC_OK;
        enum rc rc = job_row_read(spool, r->run->id, &r->row, line_seen, r, &r->err);
        if (rc || !r->rc)
            r->rc = rc;
        if (!r->rc && !r->run->journal)
            r->rc = journal_open(spool, r->run->id, false, &r->run->journal, &r->err);
        if (!r->rc)
            compare_file(r);
    }
}

void replay_done(struct work *work) {
    struct replay *r = HEAP_ENTRY(work, struct replay, work);
    r->done(r);
}

struct replay *replay_read(struct run *run, void (*done)(struct replay *replay)) {
    static const struct work_class class = {.name = "replay", .run = read_run, .done = replay_done, .max = 1};
    struct replay *r = engine_alloc(sizeof *r);
    r->run = run;
    r->done = done;
    buf_init(&r->bookmark, BOOKMARK_BYTES);
    worker_submit(run->engine->worker, &r->work, &class, engine_lane(run->id));
    return r;
}

void replay_free(struct replay *replay) {
    for (size_t i = 0; i < replay->page_count; i++) {
        free(replay->pages[i].token);
        free(replay->pages[i].next);
        free(replay->pages[i].fault);
        free(replay->pages[i].asked_step);
        free(replay->pages[i].done_step);
        replay_forget_answer(&replay->pages[i]);
    }
    free(replay->pages);
    free(replay->asked);
    throttle_free(replay->groups);
    keyset_free(replay->keys);
    delta_free(replay->delta);
    free(replay->text);
    free(replay->start);
    buf_release(&replay->bookmark);
    free(replay);
}
