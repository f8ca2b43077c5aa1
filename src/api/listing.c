// SPDX-License-Identifier: Apache-2.0
#include "api/listing.h"

#include "api/admit.h"
#include "api/board.h"
#include "api/decode.h"
#include "api/follow.h"
#include "base/clock.h"
#include "base/limits.h"
#include "engine/batches.h"
#include "os/fsio.h"
#include "spool/payload.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define LIMIT_DEFAULT 50u
#define LOG_DEFAULT 200u
#define LOG_MOST 2000u
#define RAW_DEFAULT 65536u
#define RAW_MOST (1024u * 1024u)

/* --- what several need -------------------------------------------------------------------------------------------------- */

cJSON *listing_row_json(const struct job_row *row, bool waiting) {
    cJSON *json = job_row_json(row);
    if (!json)
        return NULL;
    const int64_t now_us = clock_wall_us();
    const struct job_progress progress = job_progress(row, now_us);
    job_progress_json(row, &progress, now_us, json);
    cJSON_AddStringToObject(json, "place", place_name(row->place));
    cJSON_AddBoolToObject(json, "accepted", !waiting);
    return json;
}

void listing_count(const struct board_row *row, struct queue *queue, uint64_t counts[PLACE_COUNT]) {
    counts[row->place]++;
    queue_count(queue, (enum place)row->place, (enum priority)row->priority, row->placed_us ? row->placed_us : row->created_us);
}

cJSON *listing_counts_json(const uint64_t counts[PLACE_COUNT]) {
    cJSON *json = cJSON_CreateObject();
    for (int place = PLACE_PENDING; place < PLACE_COUNT; place++)
        cJSON_AddNumberToObject(json, place_status((enum place)place), (double)counts[place]);
    return json;
}

cJSON *listing_figures(const struct api *api) {
    struct queue queue = {0};
    uint64_t counts[PLACE_COUNT] = {0};
    for (size_t i = 0; i < board_count(api->board); i++) {
        const struct board_row *row = board_at(api->board, i);
        if (row->runs)
            listing_count(row, &queue, counts);
    }
    cJSON *json = cJSON_CreateObject();
    cJSON_AddItemToObject(json, "counts", listing_counts_json(counts));
    cJSON_AddItemToObject(json, "queue", queue_json(&queue, clock_wall_us()));
    return json;
}

bool listing_filter(struct request *r, struct filter *filter) {
    static const char *const keys[] = {"status", "source", "campaign", "owner",         "priority",       "mode",          "reason",        "q",
                                       "older",  "newer",  "is",       "created_after", "created_before", "updated_after", "updated_before"};
    struct err err = {0};
    const int64_t now_us = clock_wall_us();
    memset(filter, 0, sizeof *filter);
    enum rc rc = request_query(r, "filter") ? filter_parse(filter, request_query(r, "filter"), now_us, &err) : RC_OK;
    for (size_t i = 0; !rc && i < sizeof keys / sizeof keys[0]; i++)
        if (request_query(r, keys[i]) && *request_query(r, keys[i]))
            rc = filter_add(filter, keys[i], request_query(r, keys[i]), now_us, &err);
    if (rc)
        reply_problem(r, 400, "%s", err.text);
    return !rc;
}

void listing_link_next(struct request *r, const char *cursor) {
    struct buf link = BUF_INIT(REPLY_VALUE_MOST);
    enum rc rc = buf_printf(&link, "<%s?", r->path);
    for (size_t i = 0; i < r->query_count && !rc; i++) {
        if (strcmp(r->query[i].name, "cursor") == 0)
            continue;
        rc = decode_escape(&link, r->query[i].name);
        if (!rc)
            rc = buf_add_char(&link, '=');
        if (!rc)
            rc = decode_escape(&link, r->query[i].value);
        if (!rc)
            rc = buf_add_char(&link, '&');
    }
    if (!rc)
        rc = buf_add_text(&link, "cursor=");
    if (!rc)
        rc = decode_escape(&link, cursor);
    if (!rc && buf_add_text(&link, ">; rel=\"next\"") == RC_OK)
        reply_header(r, "Link", "%s", buf_text(&link));
    buf_release(&link);
}

/* --- the list ----------------------------------------------------------------------------------------------------------- */

static cJSON *page_json(struct request *r, const struct board_page *page) {
    cJSON *json = cJSON_CreateObject(), *list = cJSON_AddArrayToObject(json, "jobs");
    struct job_row row;
    struct err err = {0};
    for (size_t i = 0; i < page->count; i++) {
        enum rc rc = page->rows[i]->waiting ? follow_row(r->api->follow, page->rows[i]->id, &row, &err)
                                            : index_job(follow_index(r->api->follow), page->rows[i]->id, &row, &err);
        if (rc == RC_OK)
            cJSON_AddItemToArray(list, listing_row_json(&row, page->rows[i]->waiting));
    }
    cJSON_AddNumberToObject(json, "total", (double)page->total);
    if (page->more)
        cJSON_AddStringToObject(json, "next_cursor", page->rows[page->count - 1]->id);
    else
        cJSON_AddNullToObject(json, "next_cursor");
    return json;
}

void listing_jobs(struct request *r) {
    struct filter filter;
    uint64_t limit = LIMIT_DEFAULT;
    const char *sort = request_query(r, "sort"), *cursor = request_query(r, "cursor");
    struct board_query query = {.filter = &filter, .owner = admit_owner(&r->who), .sort = BOARD_CREATED, .down = true, .after = cursor ? cursor : ""};
    if (!listing_filter(r, &filter) || !request_number(r, "limit", 1, BOARD_LIMIT_MAX, &limit))
        return;
    if (sort && *sort && !board_sort_parse(sort, &query.sort, &query.down)) {
        reply_problem(r, 400, "sort must be one of %s", board_sort_names);
        return;
    }
    const struct board_row *after = *query.after ? board_find(r->api->board, query.after) : NULL;
    if (*query.after && !(after && admit_sees(&r->who, after->owner))) {
        reply_problem(r, 400, "cursor: its job is not there any more; begin again without it");
        return;
    }
    struct board_page *page = malloc(sizeof *page);
    if (!page) {
        reply_later(r, 1, "out of memory");
        return;
    }
    query.limit = (size_t)limit;
    board_list(r->api->board, &query, page);
    reply_json_cached(r, page_json(r, page));
    if (page->more)
        listing_link_next(r, page->rows[page->count - 1]->id);
    free(page);
}

/* --- one job ------------------------------------------------------------------------------------------------------------ */

/* The job as it was submitted: criteria, and the whole. */
static void add_text_of_job(struct request *r, cJSON *json) {
    char *text = NULL;
    size_t length = 0;
    char name[JOBID_SIZE + 8];
    struct err ignored = {0};
    struct buf file = BUF_INIT(LIMIT_JOB_FILE_BYTES);
    if (job_text_read(r->api->spool, r->job->id, &text, &length, &ignored) != RC_OK) {
        str_format(name, sizeof name, "%s.json", r->job->id);
        if (fsio_read_file(r->api->spool->place_fd[PLACE_PENDING], name, &file, &ignored) == RC_OK) {
            length = file.length;
            text = buf_take(&file);
        }
    }
    cJSON *job = text ? cJSON_ParseWithLength(text, length) : NULL;
    cJSON *criteria = cJSON_Duplicate(cJSON_GetObjectItemCaseSensitive(job, "criteria"), true);
    cJSON_AddItemToObject(json, "criteria", criteria ? criteria : cJSON_CreateNull());
    cJSON_AddItemToObject(json, "job", job ? job : cJSON_CreateNull());
    free(text);
    buf_release(&file);
}

void listing_show(struct request *r) {
    char why[1500];
    cJSON *json = listing_row_json(r->job, !r->job->accepted);
    if (!json) {
        reply_later(r, 1, "out of memory");
        return;
    }
    add_text_of_job(r, json);
    job_why_format(r->job, why, sizeof why);
    if (r->job->place == PLACE_HOLD || r->job->place == PLACE_FAILED || r->job->place == PLACE_DEFERRED)
        cJSON_AddStringToObject(json, "why", why);
    else
        cJSON_AddNullToObject(json, "why");
    reply_json_cached(r, json);
}

/* --- payloads ----------------------------------------------------------------------------------------------------------- */

struct files {
    cJSON *list;
    const struct spool *spool;
    uint64_t after, limit, total, count; /* total: of all pages */
    enum file_status status;
    bool all, more;
    uint32_t last;
};

static bool add_file(void *context, const struct file_row *row) {
    struct files *f = context;
    if (!f->all && row->status != f->status)
        return true;
    f->total++;
    if (row->batch <= f->after)
        return true;
    if (f->count >= f->limit) {
        f->more = true;
        return true;
    }
    f->last = row->batch;
    f->count++;
    char marker[PAYLOAD_PATH_SIZE];
    cJSON *json = file_row_json(row);
    payload_marker_name(row->job_id, row->batch, marker);
    cJSON_AddStringToObject(json, "shelf", shelf_name(payload_marker_shelf(f->spool, marker)));
    cJSON_AddItemToArray(f->list, json);
    return true;
}

static bool status_of_file(const char *text, enum file_status *status) {
    for (int i = FILE_PENDING; i <= FILE_FAILED; i++)
        if (strcasecmp(text, file_status_name((enum file_status)i)) == 0) {
            *status = (enum file_status)i;
            return true;
        }
    return false;
}

static void delete_json(void *own) {
    cJSON_Delete(own);
}

bool listing_files_prepare(struct request *r) {
    struct files f = {.spool = r->api->spool, .limit = LIMIT_DEFAULT, .all = true};
    const char *status = request_query(r, "status");
    struct err err = {0};
    char cursor[24];
    if (!request_number(r, "limit", 1, BOARD_LIMIT_MAX, &f.limit) || !request_number(r, "cursor", 0, LIMIT_BATCHES, &f.after))
        return false;
    if (status && *status && !(f.all = false, status_of_file(status, &f.status))) {
        reply_problem(r, 400, "status must be pending, processing, completed or failed");
        return false;
    }
    f.list = cJSON_CreateArray();
    enum rc rc = index_files(follow_index(r->api->follow), r->job->id, add_file, &f, &err);
    if (rc) {
        cJSON_Delete(f.list);
        reply_rc(r, rc, &err);
        return false;
    }
    cJSON *json = cJSON_CreateObject();
    cJSON_AddItemToObject(json, "files", f.list);
    cJSON_AddNumberToObject(json, "total", (double)f.total);
    str_format(cursor, sizeof cursor, "%u", (unsigned)f.last);
    if (f.more)
        cJSON_AddStringToObject(json, "next_cursor", cursor);
    else
        cJSON_AddNullToObject(json, "next_cursor");
    r->own = json;
    r->own_release = delete_json;
    return true;
}

/* Pages that were asked for and have not come are told with the first ones; the journal knows them. */
void listing_files(struct request *r) {
    cJSON *json = r->own;
    const char *next = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, "next_cursor"));
    struct batches batches;
    struct err ignored = {0};
    char cursor[24] = "";
    r->own = NULL;
    if (next)
        str_copy(cursor, sizeof cursor, next);
    if (r->job->accepted && !request_query(r, "cursor")) {
        enum rc rc = batches_read(r->api->spool, r->job->id, &batches, &ignored);
        if (rc == RC_OK || rc == RC_CORRUPT)
            batches_open_json(&batches, json);
        batches_release(&batches);
    }
    if (!cJSON_HasObjectItem(json, "open_batches"))
        cJSON_AddArrayToObject(json, "open_batches");
    reply_json_cached(r, json);
    if (*cursor)
        listing_link_next(r, cursor);
}

struct raw {
    struct file_row file;
    uint64_t offset, length;
};

bool listing_raw_prepare(struct request *r) {
    uint64_t batch = 0;
    struct err err = {0};
    struct raw *raw = calloc(1, sizeof *raw);
    r->own = raw;
    r->own_release = free;
    if (!raw) {
        reply_later(r, 1, "out of memory");
        return false;
    }
    raw->length = RAW_DEFAULT;
    if (!request_number(r, "offset", 0, UINT64_MAX / 2, &raw->offset) || !request_number(r, "length", 1, RAW_MOST, &raw->length))
        return false;
    enum rc rc =
        str_to_u64(r->vars[1], 1, LIMIT_BATCHES, &batch) ? index_file(follow_index(r->api->follow), r->job->id, (uint32_t)batch, &raw->file, &err) : RC_GONE;
    if (rc == RC_GONE)
        reply_problem(r, 404, "job %s has no payload of batch %.20s", r->job->id, r->vars[1]);
    else if (rc)
        reply_rc(r, rc, &err);
    return !rc;
}

void listing_raw(struct request *r) {
    const struct raw *raw = r->own;
    struct stat st;
    struct err err = {0};
    int fd;
    enum rc rc = fsio_open_read(r->api->spool->root_fd, raw->file.file_path, &fd, &st, &err);
    if (rc) {
        reply_rc(r, rc == RC_PERM ? RC_TEMP : rc, &err);
        return;
    }
    uint64_t size = (uint64_t)st.st_size, offset = raw->offset < size ? raw->offset : size;
    reply_file(r, "text/plain; charset=utf-8", NULL, NULL, fd, size - offset < raw->length ? size - offset : raw->length);
    r->reply.offset = offset;
    reply_header(r, "X-Total-Bytes", "%llu", (unsigned long long)size);
    reply_header(r, "X-SHA256", "%s", raw->file.sha256);
}

/* --- the journal -------------------------------------------------------------------------------------------------------- */

static enum rc read_log(struct request *r, uint64_t after, uint64_t limit, cJSON *list, uint64_t *last, bool *more, struct err *err) {
    struct journal_reader *reader;
    struct journal_line line;
    enum rc rc = journal_reader_open(r->api->spool, r->job->id, 0, 0, NULL, &reader, err);
    if (rc)
        return rc;
    *more = false;
    while (!*more && (rc = journal_reader_next(reader, &line, err)) == RC_OK) {
        if (line.seq <= after)
            continue;
        if ((uint64_t)cJSON_GetArraySize(list) >= limit) {
            *more = true;
            break;
        }
        *last = line.seq;
        cJSON *event = cJSON_Duplicate(line.json, true);
        if (strcmp(line.event, "accepted") == 0)
            cJSON_DeleteItemFromObjectCaseSensitive(event, "text"); /* the job itself has it */
        cJSON_AddItemToArray(list, event);
    }
    journal_reader_close(reader);
    return rc == RC_GONE ? RC_OK : rc;
}

void listing_log(struct request *r) {
    uint64_t after = 0, limit = LOG_DEFAULT, last = 0;
    bool more = false;
    char cursor[24];
    struct err err = {0};
    if (!request_number(r, "cursor", 0, UINT64_MAX / 2, &after) || !request_number(r, "limit", 1, LOG_MOST, &limit))
        return;
    cJSON *json = cJSON_CreateObject(), *list = cJSON_AddArrayToObject(json, "events");
    enum rc rc = read_log(r, after, limit, list, &last, &more, &err);
    if (rc && rc != RC_GONE && rc != RC_CORRUPT) {
        cJSON_Delete(json);
        reply_rc(r, rc, &err);
        return;
    }
    if (rc == RC_CORRUPT)
        cJSON_AddStringToObject(json, "damaged", err.text);
    str_format(cursor, sizeof cursor, "%llu", (unsigned long long)last);
    if (more)
        cJSON_AddStringToObject(json, "next_cursor", cursor);
    else
        cJSON_AddNullToObject(json, "next_cursor");
    reply_json_cached(r, json);
    if (more)
        listing_link_next(r, cursor);
}
