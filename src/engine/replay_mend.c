// SPDX-License-Identifier: Apache-2.0
#include "engine/replay_internal.h"

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "engine/attempt_internal.h"
#include "os/fsio.h"
#include "source/incremental.h"
#include "source/split.h"
#include "spool/bookmark.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What a journal leaves open is made good before the job goes on: an answer is adopted, or its charge told as unknown; what is captured is collected. */

static enum rc map_file(struct replay *r, int dir_fd, const char *name, const char **data, size_t *length) {
    int fd;
    enum rc rc = fsio_open_read(dir_fd, name, &fd, NULL, &r->err);
    if (rc)
        return rc;
    rc = fsio_map(fd, data, length, &r->err);
    close(fd);
    return rc;
}

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
    replay_forget_answer(p);
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
        char sum[DIGEST_HEX_SIZE];
        enum rc rc = map_file(r, places[i].dir, places[i].name, data, length);
        if (rc == RC_GONE)
            continue;
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
    const unsigned step = replay_step(run->source, p->asked_step);
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
    rc = map_file(r, spool->raw_fd, raw, &data, &length);
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

void replay_mend(struct replay *replay, void (*done)(struct replay *replay)) {
    static const struct work_class class = {.name = "mend", .run = mend_run, .done = replay_done, .max = 1};
    replay->done = done;
    worker_submit(replay->run->engine->worker, &replay->work, &class, engine_lane(replay->run->id));
}
