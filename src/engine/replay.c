// SPDX-License-Identifier: Apache-2.0
#include "engine/attempt_internal.h"

#include "base/clock.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/log.h"
#include "engine/group_look.h"
#include "os/fsio.h"
#include "source/incremental.h"
#include "source/split.h"
#include "spool/bookmark.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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

/* What was answered is captured, lost, or asked for once more. */
static void forget_answer(struct replay_page *p) {
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

/* Its number; 0 when there is no name, or none that the source still has. */
static unsigned step_of(const struct source *source, const char *name) {
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
    const unsigned step = step_of(run->source, page->done_step);
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
    forget_answer(p);
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
        r->groups_anew = r->groups_anew || strcmp(text_of(json, "by"), "daemon") != 0;
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
        forget_answer(p);
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
        forget_answer(p);
    } else if (strcmp(line->event, "charge_unknown") == 0) {
        p->unknown = true;
        forget_answer(p);
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

/* --- second half ------------------------------------------------------------------------------------------------- */

static enum rc put(struct replay *r, const char *event, const cJSON *members) {
    struct journal *j = r->run->journal;
    enum rc rc = journal_lock(j, &r->err);
    if (!rc)
        rc = journal_add(j, event, NULL, members, &r->err);
    if (!rc)
        rc = journal_commit(j, true, &r->err);
    journal_unlock(j);
    return rc;
}

static enum rc lost(struct replay *r, struct replay_page *p, const char *reason, const char *error) {
    char body[PAYLOAD_PATH_SIZE], price[DEC_TEXT_SIZE];
    payload_tmp_name(r->run->id, p->batch, p->attempts, body);
    cJSON *m = engine_members();
    cJSON_AddNumberToObject(m, "batch", p->batch);
    cJSON_AddNumberToObject(m, "attempt", p->attempts);
    cJSON_AddStringToObject(m, "reason", reason);
    cJSON_AddStringToObject(m, "error", error);
    dec_format(p->price, price);
    cJSON_AddStringToObject(m, "cost", price);
    enum rc rc = payload_keep_failed(r->run->engine->spool, body, &r->err);
    if (rc == RC_OK)
        cJSON_AddStringToObject(m, "body", body);
    if (rc == RC_OK || rc == RC_GONE)
        rc = put(r, "charge_unknown", m);
    cJSON_Delete(m);
    if (rc)
        return rc;
    p->unknown = true;
    p->open = false;
    forget_answer(p);
    return RC_OK;
}

static enum rc lost_again(struct replay *r, struct replay_page *p) {
    cJSON *m = engine_members();
    cJSON_AddNumberToObject(m, "batch", p->batch);
    cJSON_AddNumberToObject(m, "attempt", p->attempts);
    cJSON_AddStringToObject(m, "reason", "lost");
    enum rc rc = put(r, "retrying", m);
    cJSON_Delete(m);
    p->open = rc != RC_OK;
    return rc;
}

/* The bytes that were answered: in payloads/tmp, or already under their raw name. */
static enum rc open_answered(struct replay *r, const struct replay_page *p, const char *raw, const char **data, size_t *length, const char **from) {
    const struct spool *spool = r->run->engine->spool;
    const struct {
        int dir;
        const char *name, *from;
    } places[] = {{spool->payloads_tmp_fd, p->answered->body, "tmp"}, {spool->raw_fd, raw, "raw"}};
    for (size_t i = 0; i < 2; i++) {
        int fd;
        char sum[DIGEST_HEX_SIZE];
        enum rc rc = fsio_open_read(places[i].dir, places[i].name, &fd, NULL, &r->err);
        if (rc == RC_GONE)
            continue;
        if (!rc) {
            rc = fsio_map(fd, data, length, &r->err);
            close(fd);
        }
        if (rc)
            return rc;
        digest_of_hex(*data, *length, sum);
        *from = places[i].from;
        if (strcmp(sum, p->answered->sha256) == 0)
            return RC_OK;
        fsio_unmap(*data, *length);
        return RC_CORRUPT;
    }
    return RC_GONE;
}

cJSON *replay_captured_members(const struct captured *c) {
    char cost[DEC_TEXT_SIZE], at[CLOCK_RFC3339_SIZE];
    cJSON *m = engine_members();
    cJSON_AddNumberToObject(m, "batch", c->page.batch);
    cJSON_AddNumberToObject(m, "attempt", c->attempt);
    cJSON_AddBoolToObject(m, "paid", c->paid);
    cJSON_AddStringToObject(m, "file", c->raw);
    cJSON_AddStringToObject(m, "sha256", c->sha256);
    cJSON_AddNumberToObject(m, "bytes", (double)c->bytes);
    cJSON_AddNumberToObject(m, "records", (double)c->facts->records);
    /* That of a part, or of pages, is not the job's. */
    if (c->facts->count != JOB_UNKNOWN && !split_is_token(c->page.token))
        cJSON_AddNumberToObject(m, "total", (double)c->facts->count);
    if (c->facts->total != JOB_UNKNOWN && (c->facts->total != c->facts->count || split_is_token(c->page.token)))
        cJSON_AddNumberToObject(m, "part_total", (double)c->facts->total);
    if (c->paid) {
        dec_format(c->cost, cost);
        cJSON_AddStringToObject(m, "cost", cost);
    }
    cJSON_AddNumberToObject(m, "offset", (double)c->page.offset);
    cJSON_AddNumberToObject(m, "next", (double)(c->page.offset + c->advance));
    if (c->facts->more != MORE_UNKNOWN)
        cJSON_AddBoolToObject(m, "has_more", c->facts->more == MORE_YES);
    if (c->facts->token[0])
        cJSON_AddStringToObject(m, "next_token", c->facts->token);
    if (c->facts->fault[0])
        cJSON_AddStringToObject(m, "next_fault", c->facts->fault);
    if (c->bookmark && c->bookmark->length)
        cJSON_AddStringToObject(m, "bookmark", buf_text(c->bookmark));
    if (*c->step)
        cJSON_AddStringToObject(m, "step", c->step);
    if (c->part)
        cJSON_AddNumberToObject(m, "part", c->part);
    if (c->inner)
        cJSON_AddTrueToObject(m, "inner");
    if (c->cached_us) {
        clock_format_rfc3339(c->cached_us, 6, at);
        cJSON_AddStringToObject(m, "cached_at", at);
    }
    if (c->item && *c->item)
        cJSON_AddStringToObject(m, "item", c->item);
    if (c->unit_key && *c->unit_key)
        cJSON_AddStringToObject(m, "unit", c->unit_key);
    clock_format_rfc3339(c->answered_us, 6, at);
    cJSON_AddStringToObject(m, "captured_at", at);
    if (c->took_ms > 0)
        cJSON_AddNumberToObject(m, "took_ms", (double)c->took_ms);
    if (c->took_ms > 0 && c->unit_ms > 0)
        cJSON_AddNumberToObject(m, "unit_ms", (double)(c->unit_ms + c->took_ms));
    if (c->same_as[0])
        cJSON_AddStringToObject(m, "same_as", c->same_as);
    return m;
}

/* What recovery does with a good answer: `adopted`, published, `captured`. */
static enum rc publish(struct replay *r, const struct replay_page *p, const struct captured *c, const char *raw, const char *from) {
    const struct spool *spool = r->run->engine->spool;
    cJSON *m = engine_members();
    cJSON_AddNumberToObject(m, "batch", p->batch);
    cJSON_AddStringToObject(m, "sha256", p->answered->sha256);
    cJSON_AddStringToObject(m, "from", from);
    enum rc rc = put(r, "adopted", m);
    cJSON_Delete(m);
    if (!rc)
        rc = payload_publish(spool, p->answered->body, raw, p->answered->sha256, &r->err);
    if (!rc)
        rc = payload_sums_add(spool, raw, p->answered->sha256, &r->err);
    if (!rc) {
        m = replay_captured_members(c);
        rc = put(r, "captured", m);
        cJSON_Delete(m);
    }
    return rc;
}

static enum rc adopt(struct replay *r, struct replay_page *p) {
    struct run *run = r->run;
    char raw[PAYLOAD_PATH_SIZE];
    const char *data, *from;
    size_t length;
    const unsigned step = step_of(run->source, p->asked_step);
    const bool inner = step + 1 < run->source->step_count;
    unit_raw_path(run, r->row.campaign, p->batch, step, p->asked_part, raw);
    enum rc rc = open_answered(r, p, raw, &data, &length, &from);
    if (rc == RC_GONE || rc == RC_CORRUPT)
        return p->paid ? lost(r, p, "damaged", "the answer that was journalled is no longer there, or not with these bytes") : RC_OK;
    if (rc)
        return rc;
    struct verdict verdict;
    struct page page = {.batch = p->batch, .offset = p->offset, .limit = p->limit};
    if (p->token)
        str_copy(page.token, sizeof page.token, p->token);
    char *url = NULL;
    rc = run->units ? RC_OK : request_base(run->source, &page, run->criteria->json, &url, &r->err);
    if (rc) {
        fsio_unmap(data, length);
        return rc;
    }
    struct keys keys;
    keys_init(&keys);
    struct answer answer = {.sent = true,
                            .complete = true,
                            .status = p->answered->status,
                            .body = {data, length},
                            .fields = &p->answered->fields,
                            .keys = inner ? NULL : &keys,
                            .url = url,
                            .inner = inner};
    answer_judge(run->source, p->paid ? REQUEST_PAID : REQUEST_FREE, &answer, &verdict);
    free(url);
    if (verdict.action != ACTION_SUCCESS || verdict.charge == CHARGE_IN_DOUBT) { /* the definition was changed meanwhile */
        keys_release(&keys);
        fsio_unmap(data, length);
        return p->paid ? lost(r, p, verdict.reason, "the answer that was journalled does not pass the checks of the source as it is now") : RC_OK;
    }
    struct captured c = {.page = page,
                         .facts = &verdict.facts,
                         .attempt = p->answered->attempt,
                         .paid = p->paid,
                         .raw = raw,
                         .sha256 = p->answered->sha256,
                         .bytes = length,
                         .answered_us = p->answered->at_us,
                         .step = run->source->steps[step].name,
                         .part = p->asked_part,
                         .cached_us = p->cached_us,
                         .inner = inner,
                         .same_as = verdict.facts.records ? p->answered->same_as : ""};
    if (run->delta)
        delta_facts(&verdict.facts);
    char item[UNITS_LABEL_SIZE];
    if (run->units && !inner) {
        verdict.facts.count = run->units->count;
        c.item = units_label(run->units, p->batch, item) ? item : NULL;
    }
    c.advance = keys_advance(&keys, run->source, p->limit, verdict.facts.records);
    rc = keys.failed ? err_set(&r->err, RC_TEMP, "out of memory") : RC_OK;
    keys_release(&keys);
    c.cost = attempt_cost(run->source, step, p->way < run->source->steps[step].way_count ? p->way : 0, &verdict);
    struct buf bookmark = BUF_INIT(BOOKMARK_BYTES);
    if (!rc && run->source->incremental && !inner)
        rc = incremental_max(run->source, verdict.records, &bookmark);
    fsio_unmap(data, length);
    c.bookmark = &bookmark;
    replay_bookmark(&r->bookmark, (struct slice){buf_text(&bookmark), bookmark.length});
    rc = rc ? rc : publish(r, p, &c, raw, from);
    buf_release(&bookmark);
    if (!rc && inner) {
        free(p->done_step);
        p->done_step = p->asked_step;
        p->asked_step = NULL;
        p->done_part = p->asked_part;
        p->way = 0;
        p->open = false;
    } else if (!rc) {
        p->captured = p->adopted = true;
        p->open = false;
        p->records = verdict.facts.records;
        p->advance = c.advance;
        p->total = verdict.facts.total;
        p->count = verdict.facts.count;
        p->more = verdict.facts.more;
        p->next = verdict.facts.token[0] ? strdup(verdict.facts.token) : NULL;
        p->fault = verdict.facts.fault[0] ? strdup(verdict.facts.fault) : NULL;
    }
    return rc;
}

static enum rc collect(struct replay *r, struct replay_page *p) {
    const struct spool *spool = r->run->engine->spool;
    char raw[PAYLOAD_PATH_SIZE];
    const char *data;
    size_t length;
    int fd;
    payload_raw_path(r->run->id, r->row.campaign, p->batch, NULL, raw);
    enum rc rc = RC_OK;
    if (!p->loaded)
        rc = payload_mark(spool, r->run->id, p->batch, raw, r->row.automatic ? SHELF_READY : SHELF_PENDING, &r->err);
    if (rc)
        return rc;
    if (!r->run->source->key_count) {
        r->unkeyed += p->records;
        return RC_OK;
    }
    rc = fsio_open_read(spool->raw_fd, raw, &fd, NULL, &r->err);
    if (!rc) {
        rc = fsio_map(fd, &data, &length, &r->err);
        close(fd);
    }
    if (rc == RC_GONE) { /* bought, and taken away since: `verify` tells; its keys count as missing */
        log_error("job %s: payloads/raw/%s is missing", r->run->id, raw);
        return RC_OK;
    }
    if (rc)
        return rc;
    struct slice records = {NULL, 0};
    struct keys keys;
    keys_init(&keys);
    if (json_check(data, length, &json_rules_payload, NULL) == RC_OK && json_find((struct slice){data, length}, r->run->source->data_selector, &records))
        keys_add_all(&keys, r->run->source, records);
    fsio_unmap(data, length);
    rc = keys.failed ? err_set(&r->err, RC_TEMP, "out of memory") : RC_OK;
    r->keyless += keys.keyless;
    for (size_t i = 0; !rc && i < keys.count; i++) {
        bool fresh;
        rc = keyset_add(r->keys, keys.list[i], &fresh, &r->err);
        r->duplicates += !fresh;
    }
    keys_release(&keys);
    return rc;
}

static enum rc mend_page(struct replay *r, struct replay_page *p) {
    char tmp[PAYLOAD_PATH_SIZE];
    enum rc rc = RC_OK;
    p->closed = p->closed || (r->run->units && p->failed && !p->captured);
    if (p->answered && !p->captured && !p->closed)
        rc = adopt(r, p);
    else if (p->open && p->paid && !r->run->source->retry_unknown)
        rc = lost(r, p, "lost", "the daemon ended before the answer was kept; nobody knows whether it was charged");
    else if (p->open) {
        payload_tmp_name(r->run->id, p->batch, p->attempts, tmp);
        fsio_unlink(r->run->engine->spool->payloads_tmp_fd, tmp, NULL);
        if (p->paid) /* of an idempotent source: it is asked again, and charged once */
            rc = lost_again(r, p);
    }
    if (!rc && p->captured) {
        payload_tmp_name(r->run->id, p->batch, p->attempts, tmp);
        fsio_unlink(r->run->engine->spool->payloads_tmp_fd, tmp, NULL); /* left by a loss of power */
        rc = collect(r, p);
    }
    if (!rc && unit_has_steps(r->run) && (p->captured || p->closed)) /* left by a crash */
        unit_work_remove(r->run->engine->spool, r->run->id, p->batch);
    return rc;
}

/* What a unit has done and the source knows no more cannot be gone on with, and to do it all again might be paid for twice. */
static enum rc check_steps(struct replay *r, const struct replay_page *p) {
    const struct source *source = r->run->source;
    const char *names[] = {p->done_step, p->answered ? p->asked_step : NULL};
    for (size_t i = 0; i < 2 && unit_has_steps(r->run) && !p->captured && !p->closed; i++)
        if (names[i] && *names[i] && step_number(source, names[i]) < 0) {
            r->reason = "source";
            return err_set(&r->err, RC_PERM, "source %s has no step %s any more, of which unit %u has an answer: give the step its name back", source->name,
                           names[i], p->batch);
        }
    return RC_OK;
}

/* An incremental job begins where the last one of its name ended, or where it began itself. */
static enum rc find_start(struct replay *r) {
    const struct source *source = r->run->source;
    struct buf last = BUF_INIT(BOOKMARK_BYTES), start = BUF_INIT(BOOKMARK_BYTES);
    char name[129];
    if (!source->incremental || r->start)
        return RC_OK;
    bookmark_name(&r->row, name);
    enum rc rc = bookmark_read(r->run->engine->spool, source->name, name, &last, &r->err);
    if (!rc || rc == RC_GONE)
        rc = incremental_start(source, buf_text(&last), &start, &r->err);
    if (rc == RC_PERM)
        r->reason = "incremental";
    if (!rc) {
        r->start = strdup(buf_text(&start));
        rc = r->start ? RC_OK : err_set(&r->err, RC_TEMP, "out of memory");
    }
    buf_release(&last);
    buf_release(&start);
    return rc;
}

/* The list of a job that buys what is not owned yet. As long as nothing was asked for it can be made again. */
static enum rc open_list(struct replay *r) {
    if (!r->delta || r->run->delta)
        return RC_OK;
    enum rc rc = r->buy_all && !r->page_count ? RC_GONE : delta_open(r->run->engine->spool, r->run->id, r->delta_sha256, r->delta, &r->err);
    if ((rc == RC_GONE || rc == RC_CORRUPT) && !r->page_count) {
        delta_free(r->delta);
        r->delta = NULL;
        return RC_OK;
    }
    if (rc)
        return rc == RC_GONE ? RC_CORRUPT : rc;
    r->run->delta = r->delta;
    r->delta = NULL;
    return RC_OK;
}

static void mend_run(struct work **items, size_t count) {
    for (size_t i = 0; i < count; i++) {
        struct replay *r = HEAP_ENTRY(items[i], struct replay, work);
        keyset_free(r->keys);
        r->keyless = r->duplicates = r->unkeyed = 0;
        r->keys = keyset_new(r->run->engine->spool->payloads_tmp_fd);
        r->rc = r->keys ? find_start(r) : err_set(&r->err, RC_TEMP, "out of memory");
        if (!r->rc)
            r->rc = open_list(r);
        for (size_t p = 0; !r->rc && p < r->page_count; p++) {
            r->rc = check_steps(r, &r->pages[p]);
            r->rc = r->rc ? r->rc : mend_page(r, &r->pages[p]);
        }
    }
}

static void replay_done(struct work *work) {
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

void replay_mend(struct replay *replay, void (*done)(struct replay *replay)) {
    static const struct work_class class = {.name = "mend", .run = mend_run, .done = replay_done, .max = 1};
    replay->done = done;
    worker_submit(replay->run->engine->worker, &replay->work, &class, engine_lane(replay->run->id));
}

void replay_free(struct replay *replay) {
    for (size_t i = 0; i < replay->page_count; i++) {
        free(replay->pages[i].token);
        free(replay->pages[i].next);
        free(replay->pages[i].fault);
        free(replay->pages[i].asked_step);
        free(replay->pages[i].done_step);
        forget_answer(&replay->pages[i]);
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
