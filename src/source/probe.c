// SPDX-License-Identifier: Apache-2.0
#include "source/probe.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/digest.h"
#include "base/json.h"

#define SMALL_LIMIT 2u /* enough to see whether one page overlaps another */
#define SHOWN_FIELD_BYTES 300
#define NONE UINT64_MAX

const char *const probe_headers[] = {"RateLimit",
                                     "RateLimit-Policy",
                                     "RateLimit-Limit",
                                     "RateLimit-Remaining",
                                     "RateLimit-Reset",
                                     "X-RateLimit-Limit",
                                     "X-RateLimit-Remaining",
                                     "X-RateLimit-Reset",
                                     "X-Rate-Limit-Limit",
                                     "X-Rate-Limit-Remaining",
                                     "X-Rate-Limit-Reset",
                                     "Retry-After",
                                     "Link",
                                     "X-Total-Count",
                                     "X-Total",
                                     "X-WP-Total",
                                     NULL};

enum stage { ASK_FIRST, ASK_ZERO, ASK_ONE, ASK_TWO, ASK_LIMIT, ASK_BEHIND, ASK_NOTHING };

struct look { /* at one answer */
    bool asked, good, refused;
    uint64_t records, limit;
    unsigned char first[DIGEST_BYTES], second[DIGEST_BYTES]; /* of the first two records' keys, or texts */
};

struct probe {
    const struct source *source;
    const cJSON *job;
    struct page first; /* as the definition has it, or at 1 when 0 is refused */
    uint64_t declared; /* where the definition begins */
    enum stage stage;
    unsigned requests;
    struct look begin, zero, one, two;
    /* of the first answer */
    int status;
    char reason[48], error[400], total_at[LIMIT_POINTER_BYTES + 16];
    bool authorised, reachable, has_cost, rows;
    uint64_t total, keys, missing, duplicates;
    struct dec cost;
    struct page_facts facts;
    cJSON *fields;
    /* of page sizes */
    uint64_t limit, least, maximum, below; /* asked for now; surely given; found; refused */
    bool ignores_limit;
    bool failed; /* out of memory */
};

/* --- asking -------------------------------------------------------------------------------------------------------- */

static bool is_type(const struct probe *p, const char *type) {
    return strcmp(p->source->paginator_type, type) == 0;
}

static bool by_number(const struct probe *p) {
    return is_type(p, "page_number");
}

static bool is_numbered(const struct probe *p) {
    return is_type(p, "offset") || by_number(p);
}

static uint64_t page_size(const struct probe *p) {
    const cJSON *size = cJSON_GetObjectItemCaseSensitive(p->job, "batch_size");

    return cJSON_IsNumber(size) && size->valuedouble >= 1 && size->valuedouble < 1e9 ? (uint64_t)size->valuedouble : p->source->limit;
}

static bool may_ask(const struct source *source) {
    return !source->metered || source->preview != NULL;
}

enum rc probe_new(const struct source *source, const cJSON *job, struct probe **probe) {
    struct probe *p = calloc(1, sizeof(*p));
    struct paginator *paginator = NULL;
    enum rc rc;

    *probe = NULL;
    if (p == NULL) {
        return RC_TEMP;
    }
    *p = (struct probe){.source = source, .job = job, .total = NONE, .maximum = NONE, .below = NONE, .facts = {.total = NONE}};
    p->stage = may_ask(source) ? ASK_FIRST : ASK_NOTHING;
    p->fields = cJSON_CreateObject();
    rc = p->fields != NULL ? paginator_new(source, &(struct paginator_start){.take = NONE, .total = NONE, .page_size = page_size(p)}, &paginator, NULL)
                           : RC_TEMP;
    rc = rc == RC_OK ? paginator_next(paginator, &p->first) : rc;
    paginator_free(paginator);
    if (rc != RC_OK) {
        probe_free(p);
        return rc == RC_TEMP ? RC_TEMP : RC_PERM;
    }
    p->first.batch = 0;
    p->declared = p->first.offset;
    *probe = p;
    return RC_OK;
}

void probe_free(struct probe *probe) {
    if (probe != NULL) {
        cJSON_Delete(probe->fields);
        free(probe);
    }
}

static uint64_t behind(const struct probe *p) {
    return by_number(p) ? p->first.offset + 1 : p->first.offset + p->least;
}

bool probe_next(struct probe *probe, struct page *page) {
    const uint64_t small = probe->first.limit == 0 || probe->first.limit < SMALL_LIMIT ? probe->first.limit : SMALL_LIMIT;

    *page = probe->first;
    if (probe->requests == PROBE_MOST_REQUESTS) {
        probe->stage = ASK_NOTHING;
    }
    switch (probe->stage) {
    case ASK_FIRST:
        return true;
    case ASK_ZERO:
    case ASK_ONE:
    case ASK_TWO:
        page->offset = (uint64_t)(probe->stage - ASK_ZERO);
        page->limit = small;
        return true;
    case ASK_LIMIT:
        page->limit = probe->limit;
        return true;
    case ASK_BEHIND:
        page->offset = behind(probe);
        page->limit = by_number(probe) ? probe->limit : small;
        return true;
    case ASK_NOTHING:
        return false;
    }
    return false;
}

/* --- answers ------------------------------------------------------------------------------------------------------- */

/* The request itself was not liked, rather than its sender or its time. */
static bool is_refusal(const struct answer *answer) {
    return answer->status >= 400 && answer->status < 500 && answer->status != 401 && answer->status != 403 && answer->status != 408 && answer->status != 429;
}

/* Rows of a preview too, which the verdict does not tell. */
static bool records_of(const struct source *source, const struct answer *answer, struct slice *records) {
    return answer->body.length > 0 && json_check(answer->body.data, answer->body.length, &json_rules_payload, NULL) == RC_OK &&
           json_find(answer->body, source->data_selector, records) && json_type(*records) == JSON_ARRAY;
}

static bool sum_of(struct probe *p, struct slice record, unsigned char sum[DIGEST_BYTES]) {
    struct buf key = BUF_INIT(LIMIT_JOB_FILE_BYTES);
    bool keyed = answer_record_key(p->source, record, &key);

    digest_of(keyed ? buf_text(&key) : record.data, keyed ? key.length : record.length, sum);
    buf_release(&key);
    return keyed;
}

static struct look look_at(struct probe *p, const struct page *page, const struct answer *answer, const struct verdict *verdict) {
    struct look look = {.asked = true, .good = verdict->action == ACTION_SUCCESS, .refused = is_refusal(answer), .limit = page->limit};
    struct slice records, name, record;
    struct json_iter iter;

    if (look.good && records_of(p->source, answer, &records) && json_iter_init(&iter, records)) {
        for (unsigned i = 0; i < 2 && json_iter_next(&iter, &name, &record); i++) {
            (void)sum_of(p, record, i == 0 ? look.first : look.second);
        }
        look.records = json_count(records);
    }
    if (page->limit > 0 && look.records > page->limit) {
        p->ignores_limit = true;
    }
    return look;
}

static int compare_sums(const void *a, const void *b) {
    return memcmp(a, b, DIGEST_BYTES);
}

static void count_keys(struct probe *p, struct slice records) {
    size_t count = json_count(records);
    unsigned char *sums = p->source->key_count > 0 ? calloc(count + 1, DIGEST_BYTES) : NULL;
    struct slice name, record;
    struct json_iter iter;

    if (sums == NULL || !json_iter_init(&iter, records)) {
        p->failed = p->failed || (sums == NULL && p->source->key_count > 0);
        free(sums);
        return;
    }
    while (json_iter_next(&iter, &name, &record)) {
        if (sum_of(p, record, sums + p->keys * DIGEST_BYTES)) {
            p->keys++;
        } else {
            p->missing++;
        }
    }
    qsort(sums, p->keys, DIGEST_BYTES, compare_sums);
    for (uint64_t i = 1; i < p->keys; i++) {
        p->duplicates += memcmp(sums + i * DIGEST_BYTES, sums + (i - 1) * DIGEST_BYTES, DIGEST_BYTES) == 0;
    }
    free(sums);
}

static void find_total(struct probe *p, const struct answer *answer) {
    const char *header = cJSON_GetStringValue(paginator_option(p->source, "total_header"));
    const char *const paths[] = {p->source->count_path, p->source->total_path};
    struct slice value;
    uint64_t number;

    if (p->total == NONE) {
        return;
    }
    if (header != NULL && answer->fields != NULL && fields_get(answer->fields, header) != NULL) {
        (void)str_format(p->total_at, sizeof(p->total_at), "header %s", header);
    }
    for (unsigned i = 0; i < 2; i++) {
        if (paths[i] != NULL && json_find(answer->body, paths[i], &value) && json_to_u64(value, true, &number)) {
            (void)str_copy(p->total_at, sizeof(p->total_at), paths[i]);
        }
    }
}

static void keep_fields(struct probe *p, const struct answer *answer) {
    char shown[SHOWN_FIELD_BYTES];

    for (const char *const *name = probe_headers; answer->fields != NULL && *name != NULL; name++) {
        const char *value = fields_get(answer->fields, *name);

        /* A link may hold secrets of the query. */
        if (value != NULL && strcmp(*name, "Link") != 0) {
            (void)str_printable(shown, sizeof(shown), value, strlen(value));
            cJSON_DeleteItemFromObject(p->fields, *name);
            p->failed = cJSON_AddStringToObject(p->fields, *name, shown) == NULL || p->failed;
        }
    }
}

static void read_first(struct probe *p, const struct page *page, const struct answer *answer, const struct verdict *verdict) {
    struct slice records;

    p->status = answer->status;
    p->reachable = answer->status > 0;
    p->authorised = p->reachable && answer->status != 401 && answer->status != 403 && answer->status != 407;
    (void)str_copy(p->reason, sizeof(p->reason), verdict->reason);
    (void)str_copy(p->error, sizeof(p->error), verdict->error);
    p->begin = look_at(p, page, answer, verdict);
    if (!p->begin.good) {
        return;
    }
    p->rows = p->begin.records > 0;
    p->facts = verdict->facts;
    p->total = verdict->facts.total;
    p->cost = verdict->cost;
    p->has_cost = verdict->has_cost;
    if (p->source->metered) {
        p->facts.records = p->begin.records;
        paginator_read(p->source, &(struct page_answer){.document = answer->body, .fields = answer->fields, .url = answer->url}, &p->facts);
        answer_preview(p->source, answer, &p->total, &p->cost, &p->has_cost);
    }
    find_total(p, answer);
    if (records_of(p->source, answer, &records)) {
        count_keys(p, records);
    }
}

/* --- the plan ------------------------------------------------------------------------------------------------------ */

/* More records than these are in the search. */
static bool more_follow(const struct probe *p, const struct page_facts *facts, uint64_t records) {
    uint64_t total = facts->total != NONE ? facts->total : p->total;

    if (total != NONE && paginator_total_is_records(p->source)) {
        return records < total;
    }
    return facts->more == MORE_YES || facts->token[0] != '\0';
}

/* What one page size teaches; true: a larger one may teach more. */
static bool learn_limit(struct probe *p, const struct look *look, const struct page_facts *facts) {
    if (!look->good || p->ignores_limit) {
        p->below = look->refused ? look->limit : NONE;
        return false;
    }
    p->least = look->records > p->least ? look->records : p->least;
    if (!p->rows) {
        return true; /* a refusal would still tell */
    }
    if (look->records < look->limit && more_follow(p, facts, look->records)) {
        p->maximum = look->records;
    }
    return look->records == look->limit;
}

static enum stage after_limit(struct probe *p, const struct look *look, const struct page_facts *facts) {
    const bool told = (facts->total != NONE || p->total != NONE) && paginator_total_is_records(p->source);

    p->limit = look->limit;
    if (learn_limit(p, look, facts) && look->limit < PROBE_MOST_LIMIT) {
        /* At max_limit and twice that, then in larger steps. */
        uint64_t next = look->limit < p->source->max_limit ? p->source->max_limit : look->limit * (look->limit <= p->source->max_limit ? 2 : 4);

        p->limit = next < PROBE_MOST_LIMIT ? next : PROBE_MOST_LIMIT;
        return ASK_LIMIT;
    }
    if (look->good && p->rows && is_numbered(p) && p->maximum == NONE && !told && look->records > 0 && look->records < look->limit) {
        return ASK_BEHIND; /* the end of the search, or the most of a page */
    }
    return ASK_NOTHING;
}

static enum stage sizes(struct probe *p) {
    return p->first.limit == 0 || p->ignores_limit ? ASK_NOTHING : after_limit(p, &p->begin, &p->facts);
}

static enum stage after_first(struct probe *p) {
    if (!p->begin.good) {
        /* A source that counts from 1 may refuse 0: then the rest can be learnt from there. */
        const bool shift = p->begin.refused && is_numbered(p) && p->first.offset == 0 && !p->zero.asked;

        p->zero = p->begin;
        p->first.offset = shift ? 1 : p->declared;
        return shift ? ASK_FIRST : ASK_NOTHING;
    }
    if (p->first.offset != p->declared) {
        p->one = p->begin;
        return sizes(p);
    }
    return is_numbered(p) && (p->rows || p->first.offset != 0) ? ASK_ZERO : sizes(p);
}

static bool same(const unsigned char a[DIGEST_BYTES], const unsigned char b[DIGEST_BYTES]) {
    return memcmp(a, b, DIGEST_BYTES) == 0;
}

void probe_answer(struct probe *probe, const struct page *page, const struct answer *answer, const struct verdict *verdict) {
    struct look look;

    probe->requests++;
    keep_fields(probe, answer);
    switch (probe->stage) {
    case ASK_FIRST:
        read_first(probe, page, answer, verdict);
        probe->stage = after_first(probe);
        break;
    case ASK_ZERO:
        probe->zero = look_at(probe, page, answer, verdict);
        probe->stage = probe->rows ? ASK_ONE : sizes(probe);
        break;
    case ASK_ONE:
        probe->one = look_at(probe, page, answer, verdict);
        look = probe->zero;
        probe->stage = look.records > 0 && probe->one.records > 0 && same(look.first, probe->one.first) ? ASK_TWO : sizes(probe);
        break;
    case ASK_TWO:
        probe->two = look_at(probe, page, answer, verdict);
        probe->stage = sizes(probe);
        break;
    case ASK_LIMIT:
        look = look_at(probe, page, answer, verdict);
        probe->stage = after_limit(probe, &look, &verdict->facts);
        break;
    case ASK_BEHIND:
        look = look_at(probe, page, answer, verdict);
        probe->maximum = look.records > 0 ? probe->least : NONE;
        probe->stage = ASK_NOTHING;
        break;
    case ASK_NOTHING:
        break;
    }
}

/* --- what was learnt ----------------------------------------------------------------------------------------------- */

struct base {
    uint64_t base; /* 0, 1 or NONE */
    bool ignored;
    const char *why;
};

static struct base learn_base(const struct probe *p) {
    const struct look *zero = &p->zero, *one = &p->one, *two = &p->two;

    if (!is_numbered(p)) {
        return (struct base){NONE, false, "pages of this kind have no numbers"};
    }
    if (zero->refused && (one->good || (!p->rows && p->first.offset == 1))) {
        return (struct base){1, false, "0 is refused"};
    }
    if (!p->rows) {
        return (struct base){NONE, false, p->source->metered ? "previews list no records" : "the search finds nothing"};
    }
    if (!zero->good || !one->good) {
        return (struct base){NONE, false, "the answers failed"};
    }
    if (zero->records == 0 && one->records > 0) {
        return (struct base){1, false, "page 0 is empty"};
    }
    if (one->records > 0 && same(zero->first, one->first)) {
        if (two->good && two->records > 0 && same(two->first, one->first)) {
            return (struct base){NONE, true, "every page begins with the same record"};
        }
        return two->good ? (struct base){1, false, "0 and 1 give the same page"} : (struct base){NONE, false, "the answers failed"};
    }
    if (by_number(p)) {
        return (struct base){0, false, "page 0 is another than page 1"};
    }
    if (zero->records < 2 ? one->records == 0 : same(zero->second, one->first)) {
        return (struct base){0, false, "the record at 1 is the second of those at 0"};
    }
    return (struct base){NONE, false, "the records at 0 and at 1 do not follow one another: is their order stable?"};
}

static void add(bool *good, const void *item) {
    *good = *good && item != NULL;
}

static void add_count(bool *good, cJSON *object, const char *name, uint64_t value) {
    add(good, value == NONE ? cJSON_AddNullToObject(object, name) : cJSON_AddNumberToObject(object, name, (double)value));
}

static void warn(bool *good, cJSON *list, const char *format, ...) __attribute__((format(printf, 3, 4)));

static void warn(bool *good, cJSON *list, const char *format, ...) {
    char text[800];
    cJSON *item;
    va_list args;

    va_start(args, format);
    (void)vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    item = cJSON_CreateString(text);
    if (item == NULL || !cJSON_AddItemToArray(list, item)) {
        cJSON_Delete(item);
        *good = false;
    }
}

static void add_first_page(const struct probe *p, bool *good, cJSON *out) {
    cJSON *page = cJSON_AddObjectToObject(out, "first_page");

    add(good, page);
    add_count(good, page, "asked", p->first.limit > 0 ? p->first.limit : NONE);
    add_count(good, page, "records", p->begin.records);
    if (p->source->key_count > 0) {
        add_count(good, page, "keys", p->keys);
        add_count(good, page, "without_key", p->missing);
        add_count(good, page, "duplicates", p->duplicates);
    }
}

static void add_sizes(const struct probe *p, bool *good, cJSON *out) {
    cJSON *sizes_of = cJSON_AddObjectToObject(out, "page_maximum");
    const char *why = p->first.limit == 0            ? "no limit is sent"
                      : p->ignores_limit             ? "the limit is ignored"
                      : p->maximum != NONE           ? "more were asked for, and more there are"
                      : p->below != NONE             ? "more is refused"
                      : !p->rows                     ? "no records are listed, and no limit was refused"
                      : p->least >= PROBE_MOST_LIMIT ? "more was not tried"
                                                     : "the search has no more records to see it by";

    add(good, sizes_of);
    add_count(good, sizes_of, "maximum", p->maximum);
    add_count(good, sizes_of, "at_least", p->least > 0 && !p->ignores_limit ? p->least : NONE);
    add_count(good, sizes_of, "refused", p->below);
    add(good, cJSON_AddStringToObject(sizes_of, "why", why));
    add(good, cJSON_AddBoolToObject(out, "ignores_limit", p->ignores_limit));
}

static void add_price(const struct probe *p, bool *good, cJSON *out) {
    char text[DEC_TEXT_SIZE];

    if (!p->source->metered) {
        return;
    }
    dec_format(p->cost, text);
    add(good, p->has_cost ? cJSON_AddStringToObject(out, "cost", text) : cJSON_AddNullToObject(out, "cost"));
    if (p->source->has_cost_per_record) {
        dec_format(p->source->cost_per_record, text);
        add(good, cJSON_AddStringToObject(out, "cost_per_record", text));
    }
    add(good, cJSON_AddStringToObject(out, "currency", p->source->currency));
}

static void warn_of_answer(const struct probe *p, bool *good, cJSON *list) {
    const struct source *s = p->source;

    if (!p->begin.good) {
        warn(good, list, "the first page failed: %s%s%s%s", p->reason, p->error[0] != '\0' ? ": " : "", p->error,
             strcmp(p->reason, "no_records") == 0 ? ": data_selector names no list" : "");
        return;
    }
    if (p->total == NONE && (s->total_path != NULL || paginator_option(s, "total_header") != NULL)) {
        warn(good, list, "no total was found where the definition says (%s): without it the end is known by the pages alone",
             s->total_path != NULL ? s->total_path : cJSON_GetStringValue(paginator_option(s, "total_header")));
    }
    if (p->missing > 0) {
        warn(good, list, "%" PRIu64 " of %" PRIu64 " records of the first page have no primary_key", p->missing, p->begin.records);
    }
    if (p->duplicates > 0) {
        warn(good, list, "%" PRIu64 " keys of the first page come more than once: primary_key does not tell records apart", p->duplicates);
    }
    if (p->facts.fault[0] != '\0') {
        warn(good, list, "the next page: %s", p->facts.fault);
    }
}

static void warn_of_pages(const struct probe *p, const struct base *base, bool *good, cJSON *list) {
    const struct source *s = p->source;
    uint64_t most = s->max_limit > s->limit ? s->max_limit : s->limit;

    if (base->base != NONE && base->base != p->declared) {
        warn(good, list, "the definition begins at %" PRIu64 ", the source at %" PRIu64 ": set \"%s\": %" PRIu64, p->declared, base->base,
             by_number(p) ? "base_page" : "offset", base->base);
    }
    if (base->ignored) {
        warn(good, list, "the source ignores the %s: is the parameter named rightly?", by_number(p) ? "page's number" : "offset");
    }
    if (p->ignores_limit) {
        warn(good, list, "the source ignores the limit: more records came than were asked for");
    }
    if (!p->ignores_limit && p->maximum != NONE && p->maximum < most) {
        warn(good, list, "pages have at most %" PRIu64 " records: set \"max_limit\": %" PRIu64 ", and a limit within it", p->maximum, p->maximum);
    }
    if (p->below != NONE && p->below <= most) {
        warn(good, list, "a limit of %" PRIu64 " is refused, but max_limit allows it", p->below);
    }
}

static void add_answer(const struct probe *p, const struct base *base, bool *good, cJSON *out, cJSON *warnings) {
    char text[300];

    add(good, cJSON_AddBoolToObject(out, "reachable", p->reachable));
    add(good, cJSON_AddBoolToObject(out, "authorised", p->authorised));
    add_count(good, out, "status", p->status > 0 ? (uint64_t)p->status : NONE);
    add_price(p, good, out);
    add_count(good, out, "total", p->total);
    add(good, p->total_at[0] != '\0' ? cJSON_AddStringToObject(out, "total_at", p->total_at) : cJSON_AddNullToObject(out, "total_at"));
    warn_of_answer(p, good, warnings);
    if (!p->begin.good) {
        return;
    }
    add_first_page(p, good, out);
    add_count(good, out, "start_base", base->base);
    add(good, cJSON_AddStringToObject(out, "start_base_why", base->why));
    add_sizes(p, good, out);
    (void)str_printable(text, sizeof(text), p->facts.token, strlen(p->facts.token));
    add(good, text[0] != '\0' ? cJSON_AddStringToObject(out, "next_page", text) : cJSON_AddNullToObject(out, "next_page"));
    warn_of_pages(p, base, good, warnings);
}

cJSON *probe_result(const struct probe *probe) {
    const struct base base = learn_base(probe);
    cJSON *out = cJSON_CreateObject(), *warnings = cJSON_CreateArray(), *fields = cJSON_Duplicate(probe->fields, true);
    bool good = out != NULL && warnings != NULL && fields != NULL && !probe->failed;

    if (good) {
        add(&good, cJSON_AddStringToObject(out, "source", probe->source->name));
        add(&good, cJSON_AddStringToObject(out, "paginator", probe->source->paginator_type));
        add(&good, cJSON_AddBoolToObject(out, "metered", probe->source->metered));
        add_count(&good, out, "requests", probe->requests);
        if (!may_ask(probe->source)) {
            warn(&good, warnings, "not asked: the source is metered, and without metering.preview nothing is known to be free");
        } else if (probe->requests > 0) {
            add_answer(probe, &base, &good, out, warnings);
        }
        good = good && cJSON_AddItemToObject(out, "headers", fields);
        fields = good ? NULL : fields;
        good = good && cJSON_AddItemToObject(out, "warnings", warnings);
        warnings = good ? NULL : warnings;
    }
    cJSON_Delete(fields);
    cJSON_Delete(warnings);
    if (!good) {
        cJSON_Delete(out);
    }
    return good ? out : NULL;
}
