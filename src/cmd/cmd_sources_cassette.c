// SPDX-License-Identifier: Apache-2.0
#include "cmd/cmd_sources.h"

#include "base/digest.h"
#include "base/json.h"
#include "base/limits.h"
#include "cmd/cmd_jobs.h"
#include "os/fsio.h"
#include "source/answer.h"
#include "source/cassette.h"
#include "source/criteria.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MOST_TOLD 20 /* requests that are told one by one */

/* --- record -------------------------------------------------------------------------------------------------------- */

struct taped { /* one captured page, as the journal has it */
    struct page page;
    bool paid, captured;
    int status;
    char file[256];
    cJSON *headers;
};

struct tape {
    struct taped *pages; /* by batch, from 1 */
    size_t count, capacity;
    struct sources_totals totals;
    bool failed;
};

static struct taped *page_of(struct tape *tape, uint32_t batch) {
    if (batch > LIMIT_BATCHES)
        return NULL;
    if (batch >= tape->capacity) {
        size_t capacity = (size_t)batch * 2 + 16;
        struct taped *pages = realloc(tape->pages, capacity * sizeof *pages);
        tape->failed = tape->failed || !pages;
        if (!pages)
            return NULL;
        memset(pages + tape->capacity, 0, (capacity - tape->capacity) * sizeof *pages);
        tape->pages = pages;
        tape->capacity = capacity;
    }
    tape->count = batch >= tape->count ? batch + 1 : tape->count;
    return &tape->pages[batch];
}

uint64_t sources_number(const cJSON *json, const char *name, uint64_t otherwise) {
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(json, name);
    return cJSON_IsNumber(item) && item->valuedouble >= 0 && item->valuedouble < 9e15 ? (uint64_t)item->valuedouble : otherwise;
}

void sources_totals_see(struct sources_totals *totals, const struct journal_line *line) {
    if (strcmp(line->event, "previewed") != 0)
        return;
    const char *part = sources_text(line->json, "part");
    if (!*part) {
        totals->total = sources_number(line->json, "total", UINT64_MAX);
        return;
    }
    cJSON *item = cJSON_CreateObject();
    cJSON_AddStringToObject(item, "part", part);
    sources_add_count(item, "total", sources_number(line->json, "part_total", UINT64_MAX));
    totals->failed = !cJSON_AddItemToArray(totals->parts, item) || totals->failed;
}

static void see_line(void *context, const struct job_row *row, const struct journal_line *line) {
    struct tape *tape = context;
    (void)row;
    sources_totals_see(&tape->totals, line);
    const uint32_t batch = job_line_batch(line);
    struct taped *t = batch ? page_of(tape, batch) : NULL;
    if (!t || t->captured || job_line_inner(line)) /* a captured page is final */
        return;
    if (strcmp(line->event, "requested") == 0) {
        t->page = (struct page){.batch = batch, .offset = sources_number(line->json, "offset", 0), .limit = sources_number(line->json, "limit", 0)};
        str_copy(t->page.token, sizeof t->page.token, sources_text(line->json, "token"));
        t->paid = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(line->json, "paid"));
    } else if (strcmp(line->event, "answered") == 0) {
        cJSON_Delete(t->headers);
        t->headers = cJSON_Duplicate(cJSON_GetObjectItemCaseSensitive(line->json, "headers"), true);
        t->status = (int)sources_number(line->json, "status", 200);
    } else if (strcmp(line->event, "captured") == 0)
        t->captured = str_copy(t->file, sizeof t->file, sources_text(line->json, "file"));
}

static void tape_release(struct tape *tape) {
    for (size_t i = 0; i < tape->count; i++)
        cJSON_Delete(tape->pages[i].headers);
    free(tape->pages);
    cJSON_Delete(tape->totals.parts);
}

enum rc sources_request(const struct source *source, enum request_kind kind, const struct page *page, const cJSON *job, struct buf *out, struct err *err) {
    struct cassette_mask mask;
    const struct template_scope scope = {.job = job, .secret = cassette_secret, .secret_context = &mask};
    struct request request;
    enum rc rc = request_make(source, source->step_count - 1, 0, kind, page, &scope, &request, err);
    if (rc)
        return rc;
    rc = cassette_request(&request, NULL, out);
    request_release(&request);
    return rc ? err_set(err, rc, "out of memory, or the request is too long") : RC_OK;
}

static enum request_kind kind_of(bool paid) {
    return paid ? REQUEST_PAID : REQUEST_FREE;
}

static enum rc tape_page(struct cmd *cmd, const struct source *source, const struct criteria *criteria, const struct taped *t, struct buf *out,
                         struct err *err) {
    struct buf request = BUF_INIT(CASSETTE_REQUEST_BYTES), body = BUF_INIT(CASSETTE_MOST_BYTES);
    const char *file = str_starts(t->file, "payloads/raw/") ? t->file + strlen("payloads/raw/") : t->file;
    enum rc rc = sources_request(source, kind_of(t->paid), &t->page, criteria->json, &request, err);
    if (!rc)
        rc = fsio_read_file(cmd->spool->raw_fd, file, &body, err);
    if (!rc) {
        const struct cassette_page line = {.batch = t->page.batch,
                                           .paid = t->paid,
                                           .status = t->status ? t->status : 200,
                                           .request = (char *)(uintptr_t)buf_text(&request),
                                           .body = (char *)(uintptr_t)buf_text(&body),
                                           .body_length = body.length};
        rc = cassette_write_page(out, &line, t->headers);
        if (rc)
            err_set(err, rc, "out of memory, or the cassette would be longer than %u bytes", CASSETTE_MOST_BYTES);
    }
    buf_release(&request);
    buf_release(&body);
    return rc;
}

static enum rc tape_job(struct cmd *cmd, const char *id, const struct source *source, struct criteria *criteria, struct buf *out, cJSON *told,
                        struct err *err) {
    struct tape tape = {.totals = {.total = UINT64_MAX, .parts = cJSON_CreateArray()}};
    struct job_row row;
    enum rc rc = job_row_read(cmd->spool, id, &row, see_line, &tape, err);
    if (!rc && (tape.failed || tape.totals.failed))
        rc = err_set(err, RC_TEMP, "out of memory");
    if (!rc)
        rc = cassette_write_head(out, source->name, NULL, tape.totals.total, tape.totals.parts, criteria->json);
    size_t count = 0;
    for (size_t i = 0; !rc && i < tape.count; i++)
        if (tape.pages[i].captured) {
            rc = tape_page(cmd, source, criteria, &tape.pages[i], out, err);
            count++;
        }
    sources_add_count(told, "pages", count);
    tape_release(&tape);
    return !rc && !count ? err_set(err, RC_PERM, "%s: has captured nothing", id) : rc;
}

static bool has_steps(const struct source *source) {
    return source->list_count || source->step_count > 1;
}

static int record_job(struct cmd *cmd, const struct sources_options *options, const char *id) {
    struct sources_definition definition = {.own = NULL};
    struct criteria *criteria = NULL;
    struct buf out = BUF_INIT(CASSETTE_MOST_BYTES);
    char *text = NULL, source[65], mode[16], file[JOBID_SIZE + 20];
    size_t length;
    cJSON *told = cJSON_CreateObject();
    struct err err = {0};
    errno = 0;
    enum rc rc = job_text_read(cmd->spool, id, &text, &length, &err);
    if (!rc)
        rc = criteria_source(id, text, length, source, mode, &err);
    int code = rc ? cmd_fail_rc(cmd, rc, &err) : sources_definition_load(cmd, options, source, &definition);
    if (!code) {
        errno = 0;
        rc = criteria_parse(id, text, length, definition.source, &criteria, &err);
        cJSON_AddStringToObject(told, "job_id", id);
        cJSON_AddStringToObject(told, "source", source);
        if (!rc)
            rc = has_steps(definition.source) ? sources_record_steps(cmd, options, id, definition.source, criteria, &out, told, &err)
                                              : tape_job(cmd, id, definition.source, criteria, &out, told, &err);
        code = rc ? cmd_fail_rc(cmd, rc, &err) : EXIT_DONE;
    }
    str_format(file, sizeof file, "%s.cassette", id);
    if (!code)
        code = sources_write(cmd, options->output ? options->output : file, buf_text(&out), out.length);
    if (!code && !(options->output && strcmp(options->output, "-") == 0)) {
        cJSON_AddStringToObject(told, "file", options->output ? options->output : file);
        code = sources_print(cmd, told);
        told = NULL;
    }
    cJSON_Delete(told);
    free(text);
    criteria_free(criteria);
    buf_release(&out);
    sources_definition_release(&definition);
    return code;
}

int sources_record(struct cmd *cmd, const struct sources_options *options, int argc, char **argv) {
    if (argc != 1)
        return cmd_usage(cmd);
    int code = cmd_open(cmd);
    struct jobs_entry job;
    if (code || (code = cmd_job_find(cmd, argv[0], &job)) != EXIT_DONE)
        return code;
    code = *job.id ? record_job(cmd, options, job.id) : cmd_fail(cmd, EXIT_DATA, "%s: was not accepted yet", argv[0]);
    free(job.file);
    return code;
}

/* --- replay -------------------------------------------------------------------------------------------------------- */

struct replaying {
    const struct source *source;
    struct criteria *criteria;
    struct cassette *cassette;
    struct paginator *paginator;
    struct sources_keys keys;
    cJSON *differences;
    uint64_t pages, different, total;
    uint64_t planned; /* the total that pages are trimmed to */
    const char *fault;
    bool ended;
};

static void differ(struct replaying *r, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void differ(struct replaying *r, const char *format, ...) {
    char text[3000];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (r->different++ < MOST_TOLD)
        cJSON_AddItemToArray(r->differences, cJSON_CreateString(text));
}

static void tell_missing(struct replaying *r, const struct page *page, const char *request) {
    char differs[2400];
    const struct cassette_page *nearest = cassette_nearest(r->cassette, request, differs, sizeof differs);
    if (nearest)
        differ(r, "page %" PRIu32 " is not recorded; the nearest is page %" PRIu32 ": %s", page->batch, nearest->batch, differs);
    else
        differ(r, "page %" PRIu32 " is not recorded: the cassette is empty", page->batch);
}

static void judge_page(struct replaying *r, const struct page *page, const struct cassette_page *from, struct page_facts *facts) {
    char *url = NULL;
    struct verdict verdict;
    request_base(r->source, page, r->criteria->json, &url, NULL);
    const struct answer answer = {
        .sent = true, .complete = true, .status = from->status, .body = {from->body, from->body_length}, .fields = &from->fields, .url = url};
    answer_judge(r->source, kind_of(r->source->metered), &answer, &verdict);
    free(url);
    *facts = verdict.facts;
    if (verdict.action != ACTION_SUCCESS) {
        differ(r, "page %" PRIu32 " does not pass: %s%s%s", page->batch, verdict.reason, *verdict.error ? ": " : "", verdict.error);
        facts->given_up = true;
        facts->records = page->limit;
        return;
    }
    if (verdict.facts.total != UINT64_MAX)
        r->total = r->planned = verdict.facts.total;
    sources_keys_add(&r->keys, r->source, verdict.records);
}

static enum rc replay_page(struct replaying *r, const struct page *page, struct err *err) {
    struct page_facts facts = {.given_up = true, .records = page->limit, .total = UINT64_MAX};
    struct buf request = BUF_INIT(CASSETTE_REQUEST_BYTES);
    enum rc rc = sources_request(r->source, kind_of(r->source->metered), page, r->criteria->json, &request, err);
    if (!rc) {
        struct cassette_page *found = cassette_find(r->cassette, buf_text(&request));
        r->pages++;
        if (found) {
            found->used = true;
            judge_page(r, page, found, &facts);
        } else
            tell_missing(r, page, buf_text(&request));
        paginator_answer(r->paginator, page, &facts);
    }
    buf_release(&request);
    return rc;
}

void sources_replay_parts(const struct cassette *cassette, struct paginator *paginator, void (*missing)(void *context, const char *text), void *context) {
    struct page page;
    char text[LIMIT_TOKEN_BYTES + 100];
    int at = 0;
    while (paginator_probe(paginator, &page)) {
        const cJSON *part = cJSON_GetArrayItem(cassette->parts, at++);
        const bool known = part && strcmp(sources_text(part, "part"), page.token) == 0;
        str_format(text, sizeof text, "the total of the part %s is not recorded", page.token);
        if (!known)
            missing(context, text);
        paginator_probed(paginator, &page, known ? sources_number(part, "total", UINT64_MAX) : UINT64_MAX);
    }
}

static void part_differs(void *context, const char *text) {
    differ(context, "%s", text);
}

/* Pages one after the other: what the plan is must not depend on how many are out at a time. */
static enum rc replay_all(struct replaying *r, struct err *err) {
    r->planned = r->cassette->total;
    const struct paginator_start start = {
        .take = r->criteria->take, .total = paginator_total_is_records(r->source) ? r->planned : UINT64_MAX, .page_size = r->criteria->batch_size};
    const uint64_t most = r->cassette->page_count * 2 + MOST_TOLD; /* a plan that has lost its way need not be followed to its end */
    struct page page;
    enum rc rc = paginator_new(r->source, &start, &r->paginator, err);
    if (rc)
        return rc;
    sources_replay_parts(r->cassette, r->paginator, part_differs, r);
    while (!rc && r->pages < most && (rc = paginator_next(r->paginator, &page)) == RC_OK) {
        paginator_trim(r->source, r->planned, r->keys.records, &page);
        rc = replay_page(r, &page, err);
    }
    if (rc && rc != RC_GONE && rc != RC_AGAIN)
        return rc;
    for (size_t i = 0; i < r->cassette->page_count; i++)
        if (!r->cassette->pages[i].used)
            differ(r, "recorded page %" PRIu32 " is not asked for any more", r->cassette->pages[i].batch);
    r->ended = paginator_ended(r->paginator);
    r->fault = paginator_fault(r->paginator);
    if (r->fault)
        differ(r, "%s", r->fault);
    return r->keys.failed ? err_set(err, RC_TEMP, "out of memory") : RC_OK;
}

static int end_replay(struct cmd *cmd, struct replaying *r) {
    const uint64_t unique = sources_keys_unique(&r->keys, r->source), take = r->criteria->take, tolerance = r->source->coverage_tolerance;
    const uint64_t total = paginator_total_is_records(r->source) ? r->total : UINT64_MAX, expected = total < take ? total : take;
    const uint64_t apart = expected == UINT64_MAX ? 0 : unique < expected ? expected - unique : unique - expected;
    const bool covered = total == UINT64_MAX ? r->ended && (!r->source->key_count || unique == r->keys.count) : apart <= tolerance;
    cJSON *json = cJSON_CreateObject();
    cJSON_AddStringToObject(json, "source", r->source->name);
    cJSON_AddBoolToObject(json, "ok", covered && !r->different);
    sources_add_count(json, "recorded_pages", r->cassette->page_count);
    sources_add_count(json, "pages", r->pages);
    sources_add_count(json, "records", r->keys.records);
    sources_add_count(json, "unique", unique);
    sources_add_count(json, "duplicates", r->source->key_count ? r->keys.count - unique : 0);
    sources_add_count(json, "without_key", r->keys.missing);
    sources_add_count(json, "total", r->total);
    sources_add_count(json, "expected", expected);
    cJSON_AddBoolToObject(json, "ended", r->ended);
    cJSON_AddBoolToObject(json, "covered", covered);
    sources_add_count(json, "different", r->different);
    cJSON_AddItemToObject(json, "differences", r->differences);
    r->differences = NULL;
    const int printed = sources_print(cmd, json);
    return printed ? printed : covered && !r->different ? EXIT_DONE : EXIT_DATA;
}

static enum rc read_cassette(const char *file, const struct source *source, struct replaying *r, struct err *err) {
    struct buf text = BUF_INIT(CASSETTE_MOST_BYTES);
    errno = 0;
    enum rc rc = cmd_read(file, &text, err);
    if (!rc) {
        errno = 0;
        rc = cassette_read(buf_text(&text), text.length, &r->cassette, err);
        if (rc)
            err_prefix(err, rc, "%s", file);
    }
    buf_release(&text);
    if (rc)
        return rc;
    char *job = cJSON_PrintUnformatted(r->cassette->job);
    struct buf named = BUF_INIT(LIMIT_JOB_FILE_BYTES);
    /* The definition may have another name by now. */
    cJSON *json = job ? cJSON_Parse(job) : NULL;
    cJSON_free(job);
    cJSON_DeleteItemFromObjectCaseSensitive(json, "source");
    cJSON_AddStringToObject(json, "source", source->name);
    rc = template_print(json, &named);
    cJSON_Delete(json);
    rc = rc ? err_set(err, rc, "out of memory") : criteria_parse(file, buf_text(&named), named.length, source, &r->criteria, err);
    buf_release(&named);
    return rc;
}

int sources_replay(struct cmd *cmd, const struct sources_options *options, int argc, char **argv) {
    if (argc != 2)
        return cmd_usage(cmd);
    struct sources_definition definition;
    int code = sources_definition_load(cmd, options, argv[0], &definition);
    struct replaying r = {.source = definition.source, .total = UINT64_MAX, .differences = cJSON_CreateArray()};
    if (!code) {
        struct err err = {0};
        enum rc rc = read_cassette(argv[1], definition.source, &r, &err);
        if (!rc && r.cassette->steps != has_steps(r.source))
            rc = err_set(&err, RC_PERM, "%s: is of pages %s; record it again", argv[1],
                         r.cassette->steps ? "with several steps, or of units, which the definition has not" : "with one step, which the definition has not");
        if (!rc && r.cassette->steps)
            code = sources_replay_steps(cmd, options, r.source, r.criteria, r.cassette);
        else {
            rc = rc ? rc : replay_all(&r, &err);
            code = rc ? cmd_fail_rc(cmd, rc, &err) : end_replay(cmd, &r);
        }
    }
    cJSON_Delete(r.differences);
    paginator_free(r.paginator);
    criteria_free(r.criteria);
    cassette_free(r.cassette);
    free(r.keys.sums);
    sources_definition_release(&definition);
    return code;
}
