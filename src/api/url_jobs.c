// SPDX-License-Identifier: Apache-2.0
#include "api/url_jobs.h"

#include "api/api.h"
#include "api/listing.h"
#include "api/sitemaps.h"
#include "api/submission.h"
#include "base/clock.h"
#include "base/limits.h"
#include "engine/unit_look.h"
#include "net/url_list.h"
#include "os/fsio.h"

#include <stdlib.h>
#include <string.h>

#define URL_SOURCE "pagespeed"
#define TOLD_MOST 100u /* URLs that are wrong, in one answer */
#define LIMIT_DEFAULT 100u
#define LIMIT_MOST 500u
#define RECORD_MOST ((size_t)1024 * 1024)

/* --- a new job ----------------------------------------------------------------------------------------------------------- */

/* Names that clients of this family have for members of the source. False: the reply is set. */
static bool rename_member(struct request *r, const char *from, const char *to) {
    char pointer[40];
    if (!cJSON_HasObjectItem(r->json, from))
        return true;
    if (cJSON_HasObjectItem(r->json, to)) {
        str_format(pointer, sizeof pointer, "/%s", from);
        reply_invalid(r, pointer, "says the same as %s, which is there too", to);
        return false;
    }
    cJSON *value = cJSON_DetachItemFromObjectCaseSensitive(r->json, from);
    if (cJSON_AddItemToObject(r->json, to, value))
        return true;
    cJSON_Delete(value);
    reply_later(r, 1, "out of memory");
    return false;
}

static bool rename_members(struct request *r) {
    const cJSON *strategy = cJSON_GetObjectItemCaseSensitive(r->json, "strategy");
    if (strategy && !cJSON_IsString(strategy)) {
        reply_invalid(r, "/strategy", "must be mobile or desktop");
        return false;
    }
    if (strategy && !cJSON_HasObjectItem(r->json, "strategies")) {
        cJSON *list = cJSON_AddArrayToObject(r->json, "strategies");
        cJSON_AddItemToArray(list, cJSON_DetachItemFromObjectCaseSensitive(r->json, "strategy"));
    }
    return rename_member(r, "strategy", "strategies") && rename_member(r, "batch_size", "concurrency") && rename_member(r, "timeout", "timeout_s");
}

bool url_jobs_public_only(struct request *r, const char *name, bool *public_only) {
    const struct source *source;
    struct err err = {0};
    if (!submission_sources(r))
        return false;
    const bool known = sources_get(r->api->sources, name ? name : URL_SOURCE, &source, &err) == RC_OK;
    const struct source_member *member = known ? source_urls(source) : NULL;
    *public_only = !member || !member->private_hosts;
    return true;
}

/* What is wrong with one; NULL: nothing. */
static const char *url_fault(const cJSON *member, bool public_only, struct err *err) {
    char clean[URL_LIST_URL_MOST];
    if (!cJSON_IsString(member))
        return "must be a text";
    if (url_list_clean(member->valuestring, clean, err))
        return err->text;
    return public_only && url_list_is_private(clean) ? URL_LIST_PRIVATE : NULL;
}

/* Every URL that is wrong is told, by its index; what is right is checked once more by the source. */
static bool check_urls(struct request *r) {
    bool public_only;
    if (!url_jobs_public_only(r, cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(r->json, "source")), &public_only))
        return false;
    const cJSON *item;
    char pointer[40];
    size_t index = 0, wrong = 0;
    cJSON_ArrayForEach(item, cJSON_GetObjectItemCaseSensitive(r->json, "urls")) {
        const cJSON *member = cJSON_IsObject(item) ? cJSON_GetObjectItemCaseSensitive(item, "url") : item;
        struct err err = {0};
        str_format(pointer, sizeof pointer, "/urls/%zu%s", index++, cJSON_IsObject(item) ? "/url" : "");
        const char *why = url_fault(member, public_only, &err);
        if (!why)
            continue;
        if (!wrong++)
            reply_invalid(r, pointer, "%s", why);
        else if (wrong <= TOLD_MOST)
            reply_invalid_add(r, pointer, why);
    }
    return wrong == 0;
}

/* The body is the job as it was renamed. */
static bool write_body(struct request *r) {
    char *text = cJSON_PrintUnformatted(r->json);
    buf_reset(&r->body);
    const bool done = text && buf_add_text(&r->body, text) == RC_OK;
    cJSON_free(text);
    if (!done)
        reply_problem(r, 413, "the job is longer than %u bytes", LIMIT_JOB_FILE_BYTES);
    return done;
}

void url_jobs_start(struct request *r) {
    if (!cJSON_HasObjectItem(r->json, "source") && !cJSON_AddStringToObject(r->json, "source", URL_SOURCE)) {
        reply_later(r, 1, "out of memory");
        return;
    }
    /* On a lane where that may take its time; then once more, with the URLs that were found. */
    if (cJSON_GetObjectItemCaseSensitive(r->json, "sitemap"))
        r->again = sitemaps_expand(r);
    else if (rename_members(r) && check_urls(r) && write_body(r))
        submission_create(r);
}

static void add_run(cJSON *json, const char *id) {
    cJSON_AddStringToObject(json, "processing_run_id", id);
}

void url_jobs_started(struct request *r) {
    submission_created(r);
    if (r->reply.status != 201)
        return;
    cJSON *json = cJSON_ParseWithLength(buf_text(&r->reply.body), r->reply.body.length);
    const char *job_id = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, "job_id"));
    char id[JOBID_SIZE];
    if (job_id && str_copy(id, sizeof id, job_id)) {
        add_run(json, id);
        if (r->beside)
            cJSON_AddItemToObject(json, "sitemap", r->beside);
        r->beside = NULL;
        reply_json(r, 201, json);
        reply_header(r, "Location", "/api/v1/batch-processing/progress/%s", id);
        return;
    }
    cJSON_Delete(json);
    reply_later(r, 1, "out of memory");
}

/* --- the list ------------------------------------------------------------------------------------------------------------ */

void url_jobs_list(struct request *r) {
    if (!request_query(r, "source") && r->query_count < REQUEST_FIELDS_MAX) {
        struct request_field *field = &r->query[r->query_count];
        field->name = strdup("source");
        field->value = strdup(URL_SOURCE);
        r->query_count++;
        if (!field->name || !field->value) {
            reply_later(r, 1, "out of memory");
            return;
        }
    }
    listing_jobs(r);
}

/* --- what became of each URL ---------------------------------------------------------------------------------------------- */

struct shown {
    uint64_t limit, after;
    bool all;
    enum unit_state state;
};

static bool read_page(struct request *r, struct shown *page) {
    const char *state = request_query(r, "url_status");
    *page = (struct shown){.limit = LIMIT_DEFAULT, .all = !state || !*state};
    if (!request_number(r, "limit", 1, LIMIT_MOST, &page->limit) || !request_number(r, "cursor", 0, LIMIT_BATCHES, &page->after))
        return false;
    if (page->all || unit_state_parse(state, &page->state))
        return true;
    reply_parameter(r, "url_status", "must be queued, running, done, failed or cancelled");
    return false;
}

/* RC_PERM: the job has no units, as its source is now. */
static enum rc look_at(struct request *r, struct units_look *look, struct err *err) {
    char *text = NULL, name[JOBID_SIZE + 8];
    size_t length = 0;
    struct buf file = BUF_INIT(LIMIT_JOB_FILE_BYTES);
    memset(look, 0, sizeof *look);
    if (!submission_sources(r))
        return RC_CANCELLED;
    enum rc rc = job_text_read(r->api->spool, r->job->id, &text, &length, err);
    if (rc == RC_GONE) { /* not accepted yet */
        str_format(name, sizeof name, "%s.json", r->job->id);
        rc = fsio_read_file(r->api->spool->place_fd[r->job->place == PLACE_NONE ? PLACE_PENDING : r->job->place], name, &file, err);
        length = file.length;
        text = rc ? NULL : buf_take(&file);
    }
    rc = rc ? rc : units_look(r->api->spool, r->api->sources, r->job, text, length, look, err);
    free(text);
    buf_release(&file);
    return rc;
}

static void add_text(cJSON *json, const char *name, const char *text) {
    if (text)
        cJSON_AddStringToObject(json, name, text);
    else
        cJSON_AddNullToObject(json, name);
}

/* url, labels and strategy of a unit. */
static void add_item(cJSON *json, const struct units_look *look, uint32_t batch) {
    cJSON *item = units_item(look->units, batch), *url = cJSON_GetObjectItemCaseSensitive(item, "url");
    const char *text = cJSON_GetStringValue(cJSON_IsObject(url) ? cJSON_GetObjectItemCaseSensitive(url, "url") : url);
    cJSON *labels = cJSON_IsObject(url) ? cJSON_DetachItemFromObjectCaseSensitive(url, "labels") : NULL;
    add_text(json, "url", text);
    cJSON_AddItemToObject(json, "labels", labels ? labels : cJSON_CreateObject());
    add_text(json, "strategy", cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(item, "strategy")));
    cJSON_Delete(item);
}

static void add_class(cJSON *json, const struct unit_look *unit) {
    char class[64];
    unit_look_class(unit, class);
    add_text(json, "error_class", *class ? class : NULL);
}

static cJSON *progress_item(struct request *r, const struct units_look *look, uint32_t batch) {
    const struct unit_look *unit = &look->list[batch - 1];
    char when[CLOCK_RFC3339_SIZE];
    cJSON *json = cJSON_CreateObject();
    (void)r;
    cJSON_AddNumberToObject(json, "batch_number", batch);
    add_item(json, look, batch);
    cJSON_AddStringToObject(json, "status", unit_state_name(unit->state));
    add_text(json, "current_step", unit->state == UNIT_RUNNING || unit->state == UNIT_FAILED ? unit->step : NULL);
    cJSON_AddNumberToObject(json, "attempts", unit->attempts);
    add_class(json, unit);
    add_text(json, "error", unit->error);
    if (unit->updated_us)
        clock_format_rfc3339(unit->updated_us, 6, when);
    add_text(json, "updated_at", unit->updated_us ? when : NULL);
    return json;
}

/* --- results -------------------------------------------------------------------------------------------------------------- */

/* The record of a unit that is done: what the last step made, which is its payload. NULL: it is not there (archived), or is none. */
static cJSON *record_of(struct request *r, const struct unit_look *unit) {
    char path[256];
    struct buf text = BUF_INIT(RECORD_MOST);
    if (!unit->file || strstr(unit->file, "..") || !str_format(path, sizeof path, "payloads/raw/%s", unit->file) ||
        fsio_read_file(r->api->spool->root_fd, path, &text, NULL)) {
        buf_release(&text);
        return NULL;
    }
    cJSON *json = cJSON_ParseWithLength(buf_text(&text), text.length);
    cJSON *list = cJSON_GetObjectItemCaseSensitive(json, "results");
    cJSON *record = cJSON_IsArray(list) ? cJSON_DetachItemFromArray(list, 0) : NULL;
    cJSON_Delete(json);
    buf_release(&text);
    return record;
}

/* A row of the same form for a unit without a record: everything that was measured is null. */
static cJSON *row_without_record(struct request *r, const struct units_look *look, uint32_t batch) {
    static const char *const measured[] = {
        "final_url", "lighthouse_version", "fetched_at", "cached_at", "warnings", "scores", "lab", "savings", "field", "origin", "cwv_pass"};
    const struct unit_look *unit = &look->list[batch - 1];
    cJSON *json = cJSON_CreateObject();
    add_item(json, look, batch);
    cJSON_AddStringToObject(json, "run", r->job->id);
    add_text(json, "engine", cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(look->criteria->json, "engine")));
    cJSON_AddStringToObject(json, "status", unit_state_name(unit->state));
    add_class(json, unit);
    add_text(json, "error", unit->error);
    for (size_t i = 0; i < sizeof measured / sizeof measured[0]; i++)
        cJSON_AddNullToObject(json, measured[i]);
    return json;
}

static cJSON *result_item(struct request *r, const struct units_look *look, uint32_t batch) {
    const struct unit_look *unit = &look->list[batch - 1];
    cJSON *json = unit->state == UNIT_DONE ? record_of(r, unit) : NULL;
    json = json ? json : row_without_record(r, look, batch);
    cJSON_DeleteItemFromObjectCaseSensitive(json, "attempts");
    cJSON_AddNumberToObject(json, "attempts", unit->attempts);
    cJSON_AddNumberToObject(json, "batch_number", batch);
    return json;
}

/* --- both ------------------------------------------------------------------------------------------------------------------ */

static void add_list(struct request *r, const struct units_look *look, const struct shown *page, const char *name, cJSON *json,
                     cJSON *(*item)(struct request *r, const struct units_look *look, uint32_t batch)) {
    cJSON *list = cJSON_AddArrayToObject(json, name);
    uint64_t count = 0, last = 0;
    bool more = false;
    char cursor[24];
    for (uint64_t i = page->after; look->units && i < look->units->count && !more; i++) {
        if (!page->all && look->list[i].state != page->state)
            continue;
        more = count == page->limit;
        if (!more) {
            cJSON_AddItemToArray(list, item(r, look, (uint32_t)i + 1));
            last = i + 1;
            count++;
        }
    }
    str_format(cursor, sizeof cursor, "%llu", (unsigned long long)last);
    add_text(json, "next_cursor", more ? cursor : NULL);
}

static void add_counts(const struct units_look *look, cJSON *json) {
    cJSON *counts = cJSON_AddObjectToObject(json, "url_counts");
    for (int i = 0; i < UNIT_STATES; i++)
        cJSON_AddNumberToObject(counts, unit_state_name((enum unit_state)i), (double)look->counts[i]);
    /* The first list is the URLs'. */
    cJSON_AddNumberToObject(json, "total_urls", look->units ? (double)look->units->lists[0].count : 0);
    cJSON_AddNumberToObject(json, "total_tests", look->units ? (double)look->units->count : 0);
}

static void answer(struct request *r, cJSON *json, const struct units_look *look, const struct shown *page, const char *name,
                   cJSON *(*item)(struct request *r, const struct units_look *look, uint32_t batch)) {
    add_run(json, r->job->id);
    add_counts(look, json);
    add_list(r, look, page, name, json, item);
    const char *cursor = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, "next_cursor"));
    char next[24] = "";
    if (cursor)
        str_copy(next, sizeof next, cursor);
    reply_json_cached(r, json);
    if (*next)
        listing_link_next(r, next);
}

/* A job that has no units (its source is gone, or another one) has an empty list. False: the reply is set. */
static bool look(struct request *r, struct units_look *look_out, struct shown *page) {
    struct err err = {0};
    memset(look_out, 0, sizeof *look_out);
    if (!read_page(r, page))
        return false;
    const enum rc rc = look_at(r, look_out, &err);
    if (!rc)
        return true;
    units_look_release(look_out);
    if (rc == RC_PERM || rc == RC_GONE || rc == RC_CORRUPT)
        return true;
    if (rc != RC_CANCELLED)
        reply_rc(r, rc, &err);
    return false;
}

void url_jobs_progress(struct request *r) {
    char why[1500];
    struct units_look units;
    struct shown page;
    if (!look(r, &units, &page))
        return;
    cJSON *json = listing_row_json(r->job, !r->job->accepted);
    job_why_format(r->job, why, sizeof why);
    add_text(json, "why", r->job->place == PLACE_HOLD || r->job->place == PLACE_FAILED || r->job->place == PLACE_DEFERRED ? why : NULL);
    answer(r, json, &units, &page, "urls", progress_item);
    units_look_release(&units);
}

void url_jobs_results(struct request *r) {
    struct units_look units;
    struct shown page;
    if (!look(r, &units, &page))
        return;
    cJSON *json = cJSON_CreateObject();
    cJSON_AddStringToObject(json, "job_id", r->job->id);
    cJSON_AddStringToObject(json, "status", place_status(r->job->place));
    answer(r, json, &units, &page, "results", result_item);
    units_look_release(&units);
}
