// SPDX-License-Identifier: Apache-2.0
#include "engine/engine_internal.h"

#include "base/clock.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/log.h"
#include "os/fsio.h"
#include "sink/sink.h"
#include "source/paginator.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/*
 * Delta purchase: where previews list ids for free, the whole search is listed first; what the record store has, young enough, is subtracted; the rest is
 * bought by its ids. The list, with who owned what, is kept in results/<id>/members.ndjson and journalled (`listed`) before anything is bought.
 */

#define LINES_BYTES ((size_t)64 * 1024)
#define ID_MOST ((size_t)64 * 1024)
#define OWN_LANE 1u /* one at a time looks into the record store: it is open once in a process */

struct listing { /* a lane has it while work is out */
    struct work work;
    struct run *run;
    struct paginator *paginator;
    struct page page; /* that was asked for last */
    unsigned pages;
    uint64_t rows;
    int fd; /* of a nameless file: an id a line, as it came */
    struct buf lines;
    enum rc rc;
    struct err err;
    struct delta *delta;
    char sha256[DIGEST_HEX_SIZE];
};

static void listing_free(struct run *run) {
    struct listing *l = run->listing;
    if (!l)
        return;
    paginator_free(l->paginator);
    if (l->fd >= 0)
        close(l->fd);
    buf_release(&l->lines);
    delta_free(l->delta);
    free(l);
    run->listing = NULL;
}

void delta_free(struct delta *delta) {
    if (!delta)
        return;
    members_close(delta->members);
    free(delta->starts);
    free(delta);
}

void delta_release(struct run *run) {
    listing_free(run);
    delta_free(run->delta);
    run->delta = NULL;
}

/* --- listing -------------------------------------------------------------------------------------------------------- */

bool delta_wanted(const struct run *run, const struct replay *r) {
    const struct source *s = run->source;
    return s->metered && s->lists_ids && !run->delta && !r->buy_all && !r->page_count &&
           (strcmp(run->row.mode, "run") == 0 || strcmp(run->row.mode, "preview") == 0);
}

static void ask(struct run *run) {
    run->ask = run->listing->page;
    run->ask.batch = 0;
    run->preview_retries = 0;
    run->preview_due_us = 0;
    run->phase = RUN_PREVIEW;
}

void delta_list(struct run *run) {
    char name[JOBID_SIZE + 16];
    struct listing *l = run->listing = engine_alloc(sizeof *l);
    const struct source *s = run->source;
    const struct paginator_start start = {
        .take = run->criteria->take, .total = JOB_UNKNOWN, .page_size = s->max_limit ? s->max_limit : run->criteria->batch_size};
    int dir = run->engine->spool->payloads_tmp_fd;
    l->run = run;
    l->fd = -1;
    buf_init(&l->lines, LINES_BYTES + ID_MOST + 1);
    str_format(name, sizeof name, "%s.listing", run->id);
    fsio_unlink(dir, name, NULL);
    if (paginator_new(s, &start, &l->paginator, &l->err) || paginator_next(l->paginator, &l->page)) {
        run_end(run, PLACE_FAILED, "paginator", l->err.text);
        listing_free(run);
        run->phase = RUN_PAGES;
        return;
    }
    l->rc = fsio_create(dir, name, 0640, &l->fd, &l->err); /* a failure is told when the first page is there */
    if (!l->rc)
        l->rc = fsio_unlink(dir, name, &l->err);
    ask(run);
}

static enum rc flush(struct listing *l) {
    enum rc rc = fsio_write(l->fd, buf_text(&l->lines), l->lines.length, &l->err);
    buf_reset(&l->lines);
    return rc;
}

void delta_take(struct run *run, const struct verdict *verdict) {
    struct listing *l = run->listing;
    struct slice name, record, id;
    struct json_iter iter;
    l->pages++;
    if (verdict->facts.count != JOB_UNKNOWN)
        run->total = verdict->facts.count;
    if (json_iter_init(&iter, verdict->records))
        while (!l->rc && json_iter_next(&iter, &name, &record)) {
            if (!json_find(record, run->source->primary_key[0], &id) || id.length > ID_MOST || (json_type(id) != JSON_STRING && json_type(id) != JSON_NUMBER))
                continue;
            l->rows++;
            if (buf_add(&l->lines, id.data, id.length) || buf_add_char(&l->lines, '\n'))
                l->rc = err_set(&l->err, RC_TEMP, "out of memory");
            else if (l->lines.length >= LINES_BYTES)
                l->rc = flush(l);
        }
    paginator_answer(l->paginator, &l->page, &verdict->facts);
}

/* --- what is owned -------------------------------------------------------------------------------------------------- */

struct owned { /* the version in the store that a look-up found */
    char job_id[JOBID_SIZE];
    int64_t captured_us;
};

static bool owned_seen(void *context, const struct sink_seen *seen) {
    struct owned *owned = context;
    str_copy(owned->job_id, sizeof owned->job_id, seen->job_id);
    owned->captured_us = seen->captured_us;
    return false;
}

/* One id of the list, once: who owns it, and a line. */
static enum rc sort_id(struct listing *l, struct sink *sink, struct keyset *listed, struct members_writer *writer, int64_t since_us, struct slice id) {
    struct buf key = BUF_INIT(ID_MOST + 32);
    unsigned char sum[DIGEST_BYTES];
    struct owned owned = {.job_id = ""};
    bool fresh = false;
    enum rc rc = answer_key(id, &key) ? RC_OK : err_set(&l->err, RC_TEMP, "out of memory");
    if (!rc) {
        digest_of(buf_text(&key), key.length, sum);
        rc = keyset_add(listed, sum, &fresh, &l->err);
    }
    if (!rc && fresh && sink) {
        rc = sink_find(sink, l->run->source->name, (struct slice){buf_text(&key), key.length}, NULL, owned_seen, &owned, &l->err);
        rc = rc == RC_GONE ? RC_OK : rc;
    }
    buf_release(&key);
    if (rc || !fresh)
        return rc;
    if (owned.job_id[0] && owned.captured_us < since_us)
        owned.job_id[0] = '\0';
    l->delta->total++;
    l->delta->owned += owned.job_id[0] != '\0';
    return writer ? members_add(writer, id, owned.job_id, &l->err) : RC_OK;
}

static enum rc sort_ids(struct listing *l, struct sink *sink, struct members_writer *writer) {
    const struct run *run = l->run;
    int64_t since_us = clock_wall_us() - run->criteria->refresh_older_than_ms * 1000;
    struct keyset *listed = keyset_new(run->engine->spool->payloads_tmp_fd);
    const char *data = "";
    size_t length = 0;
    enum rc rc = listed ? fsio_map(l->fd, &data, &length, &l->err) : err_set(&l->err, RC_TEMP, "out of memory");
    for (size_t at = 0; !rc && at < length && l->delta->total < run->criteria->take;) {
        const char *line = data + at, *end = memchr(line, '\n', length - at);
        size_t size = end ? (size_t)(end - line) : length - at;
        rc = sort_id(l, sink, listed, writer, since_us, (struct slice){line, size});
        at += size + 1;
    }
    fsio_unmap(data, length);
    keyset_free(listed);
    l->delta->to_buy = l->delta->total - l->delta->owned;
    return rc;
}

static void own_run(struct work **items, size_t count) {
    for (size_t i = 0; i < count; i++) {
        struct listing *l = HEAP_ENTRY(items[i], struct listing, work);
        const struct run *run = l->run;
        struct sink *sink = NULL;
        struct members_writer *writer = NULL;
        bool keep = strcmp(run->row.mode, "run") == 0;
        l->rc = flush(l);
        if (!l->rc && (l->rc = sink_open(NULL, run->engine->spool, false, &sink, &l->err)) == RC_GONE)
            l->rc = RC_OK; /* nothing was ever loaded */
        if (!l->rc && keep)
            l->rc = members_begin(run->engine->spool, run->id, &writer, &l->err);
        if (!l->rc)
            l->rc = sort_ids(l, sink, writer);
        sink_close(sink);
        if (writer && l->rc)
            members_abort(writer);
        else if (writer)
            l->rc = members_commit(writer, l->sha256, &l->err);
    }
}

/* --- the list, kept ------------------------------------------------------------------------------------------------- */

enum rc delta_open(const struct spool *spool, const char *job_id, const char *sha256, struct delta *delta, struct err *err) {
    struct member member;
    uint64_t to_buy = 0, total = 0;
    size_t slices = (size_t)((delta->to_buy + delta->size - 1) / delta->size), at = 0;
    enum rc rc = members_open(spool, job_id, sha256, &delta->members, err);
    if (rc)
        return rc;
    delta->starts = calloc(slices + 1, sizeof *delta->starts);
    if (!delta->starts)
        return err_set(err, RC_TEMP, "out of memory");
    for (; members_next(delta->members, &member); at = members_at(delta->members)) {
        total++;
        if (member.job_id[0])
            continue;
        if (to_buy % delta->size == 0 && to_buy / delta->size < slices)
            delta->starts[to_buy / delta->size] = at;
        to_buy++;
    }
    return to_buy == delta->to_buy && total == delta->total ? RC_OK : err_set(err, RC_CORRUPT, "results/%s/members.ndjson has not what was journalled", job_id);
}

static void listed_run(struct work **items, size_t count) {
    for (size_t i = 0; i < count; i++) {
        struct listing *l = HEAP_ENTRY(items[i], struct listing, work);
        struct journal *journal = l->run->journal;
        char path[JOBID_SIZE + 32];
        cJSON *m = engine_members();
        str_format(path, sizeof path, "results/%s/members.ndjson", l->run->id);
        cJSON_AddNumberToObject(m, "total", (double)l->delta->total);
        cJSON_AddNumberToObject(m, "owned", (double)l->delta->owned);
        cJSON_AddNumberToObject(m, "to_buy", (double)l->delta->to_buy);
        cJSON_AddNumberToObject(m, "size", (double)l->delta->size);
        cJSON_AddStringToObject(m, "file", path);
        cJSON_AddStringToObject(m, "sha256", l->sha256);
        l->rc = journal_lock(journal, &l->err);
        if (!l->rc)
            l->rc = journal_add(journal, "listed", NULL, m, &l->err);
        if (!l->rc)
            l->rc = journal_commit(journal, true, &l->err);
        journal_unlock(journal);
        cJSON_Delete(m);
        if (!l->rc)
            l->rc = delta_open(l->run->engine->spool, l->run->id, l->sha256, l->delta, &l->err);
    }
}

/* Back on the loop. False: the run is leaving, or ends with what failed. */
static bool back(struct run *run) {
    struct listing *l = run->listing;
    run->busy = false;
    engine_follow(run->engine, run->id, NULL);
    if (run->leaving || run->engine->stopping || !run_lies_in(run, PLACE_PROCESSING)) {
        if (!run->leaving && !run->engine->stopping)
            scan_look(run->engine, run->id, false, 0);
        run->leaving = true;
        run_wake_at(run, 0);
        return false;
    }
    if (!l->rc)
        return true;
    if (l->rc == RC_TEMP || l->rc == RC_NOSPACE) { /* it was free: once more, all of it */
        log_warn("job %s: %s; trying again", run->id, l->err.text);
        listing_free(run);
        delta_list(run);
        run->preview_due_us = clock_wall_us() + DISK_RETRY_MS * 1000;
        run_step(run);
    } else
        run_end(run, PLACE_HOLD, "damaged", l->err.text);
    return false;
}

static void finish(struct run *run) {
    delta_free(run->delta);
    run->delta = run->listing->delta;
    run->listing->delta = NULL;
    listing_free(run);
    begin_listed(run);
}

static void gave_up(struct run *run) {
    if (run->end == PLACE_NONE)
        return;
    listing_free(run);
    begin_listed(run);
}

static void listed_done(struct work *work) {
    struct run *run = HEAP_ENTRY(work, struct listing, work)->run;
    if (back(run))
        finish(run);
    else
        gave_up(run);
}

/* The list must be the search, or what is bought by it would be something else. */
static bool whole(struct run *run) {
    const struct listing *l = run->listing;
    char text[300];
    uint64_t planned = guard_planned(run), total = l->delta->total, off = planned > total ? planned - total : total - planned;
    if (planned == JOB_UNKNOWN) {
        run->total = total;
        return true;
    }
    if (off <= run->source->coverage_tolerance)
        return true;
    str_format(text, sizeof text, "the source names %llu records, and its previews list %llu different ids; release the job to list them again",
               (unsigned long long)planned, (unsigned long long)total);
    run_end(run, PLACE_HOLD, "listing", text);
    return false;
}

static void own_done(struct work *work) {
    static const struct work_class class = {.name = "listed", .run = listed_run, .done = listed_done, .max = 1};
    struct listing *l = HEAP_ENTRY(work, struct listing, work);
    struct run *run = l->run;
    if (!back(run) || !whole(run))
        gave_up(run);
    else if (strcmp(run->row.mode, "run") != 0)
        finish(run);
    else {
        run->busy = true;
        worker_submit(run->engine->worker, &l->work, &class, engine_lane(run->id));
    }
}

/* --- from page to page ---------------------------------------------------------------------------------------------- */

static void all_listed(struct run *run) {
    static const struct work_class class = {.name = "own", .run = own_run, .done = own_done, .max = 1};
    struct listing *l = run->listing;
    const char *fault = paginator_fault(l->paginator);
    char text[300];
    if (fault || (!l->rows && run->total)) { /* without a total nobody knows whether there is nothing */
        if (fault)
            str_format(text, sizeof text, "the ids cannot be listed: %.200s", fault);
        else
            str_format(
                text, sizeof text,
                "the source's previews list no ids, so no saving is possible: all %llu records would be bought, the owned ones again (`batchspool release "
                "--buy-all`)",
                (unsigned long long)guard_planned(run));
        run_end(run, PLACE_HOLD, "no_ids", text);
        gave_up(run);
        return;
    }
    l->delta = engine_alloc(sizeof *l->delta);
    l->delta->size = run->criteria->batch_size ? run->criteria->batch_size : run->source->max_limit;
    run->busy = true;
    worker_submit(run->engine->worker, &l->work, &class, OWN_LANE);
}

void delta_go_on(struct run *run) {
    struct listing *l = run->listing;
    enum rc rc = l->rc;
    guard_check(run);
    if (run->end != PLACE_NONE)
        gave_up(run);
    else if (rc) {
        back(run);
        gave_up(run);
    } else if (l->rows && (rc = paginator_next(l->paginator, &l->page)) == RC_OK)
        ask(run);
    else
        all_listed(run);
}

bool delta_first(const struct run *run) {
    return run->listing->pages <= 1;
}

/* --- buying --------------------------------------------------------------------------------------------------------- */

static bool add_id(cJSON *ids, struct slice id) {
    char *text = strndup(id.data, id.length);
    cJSON *raw = text ? cJSON_CreateRaw(text) : NULL;
    free(text);
    return raw && cJSON_AddItemToArray(ids, raw);
}

/* The ids of the page's slice that did not come yet. */
static enum rc wanted_ids(const struct run *run, const struct page *page, cJSON *ids, struct err *err) {
    const struct delta *d = run->delta;
    struct member member;
    struct keys keys;
    enum rc rc = RC_OK;
    uint64_t seen = 0, count = 0, length = d->to_buy - page->offset < d->size ? d->to_buy - page->offset : d->size;
    keys_init(&keys);
    members_seek(d->members, d->starts[page->offset / d->size]);
    while (!rc && seen < length && count < page->limit && members_next(d->members, &member)) {
        if (member.job_id[0])
            continue;
        seen++;
        keys_clear(&keys);
        keys_add(&keys, run->source, (struct slice){"", 0}, member.key);
        if (keys.failed || keys.count != 1)
            rc = err_set(err, RC_TEMP, "out of memory");
        else if (!keyset_has(run->keys, keys.list[0])) {
            count++;
            rc = add_id(ids, member.key) ? RC_OK : err_set(err, RC_TEMP, "out of memory");
        }
    }
    keys_release(&keys);
    return rc || count ? rc : err_set(err, RC_PERM, "every id of this page came with another one");
}

/* [{"name": the key's last name, "value": ids}] in place of the job's criteria. */
static cJSON *by_criteria(const struct run *run, const cJSON *ids) {
    const char *name = strrchr(run->source->primary_key[0], '/') + 1;
    cJSON *job = cJSON_Duplicate(run->criteria->json, true), *list = cJSON_CreateArray(), *criterion = cJSON_CreateObject(),
          *value = cJSON_Duplicate(ids, true);
    bool made = job && list && criterion && value && cJSON_AddStringToObject(criterion, "name", name);
    made = made && cJSON_AddItemToObject(criterion, "value", value);
    value = made ? NULL : value;
    made = made && cJSON_AddItemToArray(list, criterion);
    criterion = made ? NULL : criterion;
    cJSON_DeleteItemFromObjectCaseSensitive(job, "criteria");
    made = made && cJSON_AddItemToObject(job, "criteria", list);
    if (made)
        return job;
    cJSON_Delete(value);
    cJSON_Delete(criterion);
    cJSON_Delete(list);
    cJSON_Delete(job);
    return NULL;
}

enum rc delta_request(const struct run *run, const struct page *page, struct delta_request *request, struct err *err) {
    const struct paginator_start start = {.take = JOB_UNKNOWN, .total = JOB_UNKNOWN, .page_size = run->delta->size};
    struct paginator *paginator = NULL;
    cJSON *ids = cJSON_CreateArray();
    *request = (struct delta_request){.item = cJSON_CreateObject()};
    if (!ids || !request->item || !cJSON_AddItemToObject(request->item, "ids", ids)) {
        cJSON_Delete(ids);
        return err_set(err, RC_TEMP, "out of memory");
    }
    enum rc rc = wanted_ids(run, page, ids, err);
    if (!rc && !run->source->by_id && !(request->job = by_criteria(run, ids)))
        rc = err_set(err, RC_TEMP, "out of memory");
    if (!rc)
        rc = paginator_new(run->source, &start, &paginator, err);
    if (!rc)
        rc = paginator_next(paginator, &request->page);
    paginator_free(paginator);
    request->page.batch = page->batch;
    if (request->page.limit)
        request->page.limit = (uint64_t)cJSON_GetArraySize(ids);
    return rc;
}

void delta_request_release(struct delta_request *request) {
    cJSON_Delete(request->item);
    cJSON_Delete(request->job);
}

void delta_facts(struct page_facts *facts) {
    facts->total = facts->count = JOB_UNKNOWN;
    facts->token[0] = facts->fault[0] = '\0';
    facts->more = MORE_UNKNOWN;
}
