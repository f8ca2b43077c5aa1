// SPDX-License-Identifier: Apache-2.0
#include "source/answer.h"

#include <string.h>

#include "base/json.h"
#include "base/limits.h"

#define MOST_MESSAGE_BYTES 4096u

/* An answer that is being judged: its body is scanned at most once. */
struct judged {
    const struct source *source;
    const struct answer *answer;
    struct verdict *verdict;
    bool scanned, json;
    struct json_outline outline;
    struct err damage;  /* why it is no JSON */
    const char *tapped; /* the bracket of the array whose elements were counted, and their keys taken, in that scan; NULL: none */
    uint64_t elements;
};

static void array_begins(void *context, const char *open) {
    struct judged *j = context;

    j->tapped = open;
    j->elements = 0;
    if (j->answer->keys != NULL) {
        keys_clear(j->answer->keys);
    }
}

static void element_seen(void *context, struct slice element, struct slice value) {
    struct judged *j = context;

    j->elements++;
    if (j->answer->keys != NULL) {
        keys_add(j->answer->keys, j->source, element, value);
    }
}

static bool scan(struct judged *j) {
    const struct slice *body = &j->answer->body;
    const struct json_tap tap = {.array = j->source->data_selector,
                                 .member = j->source->key_count == 1 ? j->source->primary_key[0] : NULL,
                                 .begin = array_begins,
                                 .element = element_seen,
                                 .context = j};

    return body->length > 0 && json_outline_tap(body->data, body->length, &json_rules_payload, &j->outline, &tap, &j->damage) == RC_OK;
}

static bool is_json(struct judged *j) {
    if (!j->scanned) {
        j->scanned = true;
        j->json = scan(j);
    }
    return j->json;
}

static bool find(struct judged *j, const char *pointer, struct slice *value) {
    return is_json(j) && json_outline_find(&j->outline, pointer, value);
}

/* --- the provider's words ------------------------------------------------------------------------------------------ */

/* A text at pointer, made fit for people's eyes. */
static bool take_words(struct judged *j, const char *pointer) {
    struct buf text = BUF_INIT(MOST_MESSAGE_BYTES);
    struct slice value;
    enum json_type type;
    bool found = false;

    if (!find(j, pointer, &value)) {
        return false;
    }
    type = json_type(value);
    if (type == JSON_STRING) {
        /* Of a longer text what fits is kept. */
        (void)json_decode_string(value, &text);
        found = text.length > 0;
        (void)str_printable(j->verdict->error, sizeof(j->verdict->error), buf_text(&text), text.length);
    } else if (type == JSON_NUMBER || type == JSON_ARRAY || type == JSON_OBJECT) {
        found = true;
        (void)str_printable(j->verdict->error, sizeof(j->verdict->error), value.data, value.length);
    }
    buf_release(&text);
    return found;
}

static void take_error(struct judged *j, const struct source_filter *filter) {
    static const char *const usual[] = {"/error/message", "/error", "/message", "/detail", "/title"};

    if (filter != NULL && filter->error_message_path != NULL && take_words(j, filter->error_message_path)) {
        return;
    }
    for (size_t i = 0; i < sizeof(usual) / sizeof(usual[0]); i++) {
        if (take_words(j, usual[i])) {
            return;
        }
    }
    if (j->answer->transport_error != NULL) {
        (void)str_printable(j->verdict->error, sizeof(j->verdict->error), j->answer->transport_error, strlen(j->answer->transport_error));
    }
}

/* --- filters ------------------------------------------------------------------------------------------------------- */

static bool names_code(const struct source_filter *filter, int status) {
    for (unsigned i = 0; i < filter->code_count; i++) {
        if (filter->http_codes[i] == status) {
            return true;
        }
    }
    return false;
}

static bool looks_at_body(const struct source_filter *filter) {
    return filter->has != NULL || filter->error_message_contains != NULL;
}

static bool contains(struct slice body, const cJSON *text) {
    return body.length > 0 && memmem(body.data, body.length, text->valuestring, strlen(text->valuestring)) != NULL;
}

static bool contains_one(struct slice body, const cJSON *texts) {
    const cJSON *text;

    cJSON_ArrayForEach(text, texts) {
        if (contains(body, text)) {
            return true;
        }
    }
    return cJSON_IsString(texts) && contains(body, texts);
}

static bool matches(struct judged *j, const struct source_filter *filter) {
    struct slice value;

    if (filter->code_count > 0 && !names_code(filter, j->answer->status)) {
        return false;
    }
    if (filter->has != NULL && !find(j, filter->has, &value)) {
        return false;
    }
    return filter->error_message_contains == NULL || contains_one(j->answer->body, filter->error_message_contains);
}

static const struct source_filter *first_match(struct judged *j, bool by_body) {
    for (unsigned i = 0; i < j->source->filter_count; i++) {
        const struct source_filter *filter = &j->source->filters[i];

        if ((!by_body || looks_at_body(filter)) && matches(j, filter)) {
            return filter;
        }
    }
    return NULL;
}

/* --- judging ------------------------------------------------------------------------------------------------------- */

static void decide(struct judged *j, enum charge charge, enum source_action action, const char *reason) {
    j->verdict->charge = charge;
    j->verdict->action = action;
    (void)str_copy(j->verdict->reason, sizeof(j->verdict->reason), reason);
}

static void decide_status(struct judged *j, enum charge charge, enum source_action action) {
    decide(j, charge, action, "");
    (void)str_format(j->verdict->reason, sizeof(j->verdict->reason), "status_%d", j->answer->status);
}

/* The amount at pointer, as text or number. */
static bool amount_at(const struct json_outline *document, const char *pointer, struct dec *out) {
    struct buf text = BUF_INIT(DEC_TEXT_SIZE);
    struct slice value;
    bool found = false;

    if (pointer == NULL || !json_outline_find(document, pointer, &value)) {
        return false;
    }
    if (json_type(value) == JSON_STRING) {
        found = json_decode_string(value, &text) == RC_OK && dec_parse((struct slice){.data = buf_text(&text), .length = text.length}, out);
    } else if (json_type(value) == JSON_NUMBER) {
        found = dec_parse(value, out);
    }
    buf_release(&text);
    return found && dec_compare(*out, dec_zero()) >= 0;
}

static uint64_t count_at(const struct json_outline *document, const char *pointer) {
    struct slice value;
    uint64_t count;

    return pointer != NULL && json_outline_find(document, pointer, &value) && json_to_u64(value, true, &count) ? count : UINT64_MAX;
}

/* What stands where the records should be. */
static void tell_selector(struct judged *j) {
    static const char *const types[] = {"nothing", "null", "false", "true", "a number", "a text", "an array", "an object"}; /* as enum json_type */

    (void)str_format(j->verdict->error, sizeof(j->verdict->error), "data_selector \"%.200s\" leads to %s, not to the array of records",
                     j->source->data_selector, types[json_type(j->verdict->records)]);
}

/* What the answer says of its own cost. A count that it does not have costs nothing. */
static void read_cost(struct judged *j) {
    struct verdict *v = j->verdict;

    v->has_cost = amount_at(&j->outline, j->source->cost_path, &v->cost);
    for (unsigned i = 0; i < j->source->term_count; i++) {
        uint64_t count = count_at(&j->outline, j->source->terms[i].path);

        if (count != UINT64_MAX) {
            v->cost = v->has_cost ? dec_add(v->cost, dec_times(j->source->terms[i].price, count)) : dec_times(j->source->terms[i].price, count);
            v->has_cost = true;
        }
    }
}

/* What is wrong with the body of a good status; NULL: nothing, and the verdict's page is filled in. */
static const char *read_page(struct judged *j, enum request_kind kind) {
    struct verdict *v = j->verdict;

    if (!j->answer->complete) {
        return "truncated";
    }
    if (!is_json(j)) {
        (void)str_format(j->verdict->error, sizeof(j->verdict->error), "%.300s", j->answer->body.length > 0 ? j->damage.text : "the answer is empty");
        return "invalid_json";
    }
    if (kind == REQUEST_PREVIEW) {
        return NULL; /* counts and cost; records may be missing */
    }
    read_cost(j);
    if (j->answer->inner) {
        return NULL;
    }
    if (!json_outline_find(&j->outline, j->source->data_selector, &v->records)) {
        v->records = (struct slice){.data = NULL, .length = 0};
    }
    if (json_type(v->records) == JSON_NULL || (kind == REQUEST_LIST && json_type(v->records) != JSON_ARRAY)) { /* how some write an empty list */
        v->records = slice_of("[]");
    }
    if (json_type(v->records) != JSON_ARRAY) {
        tell_selector(j);
        v->records = (struct slice){.data = NULL, .length = 0};
        return "no_records";
    }
    if (j->tapped == v->records.data) {
        v->facts.records = j->elements;
    } else {
        v->facts.records = json_count(v->records);
        if (j->answer->keys != NULL) {
            keys_clear(j->answer->keys);
            keys_add_all(j->answer->keys, j->source, v->records);
        }
    }
    if (j->source->list_count > 0) {
        return NULL;
    }
    paginator_read(j->source, &(struct page_answer){.document = j->answer->body, .outline = &j->outline, .fields = j->answer->fields, .url = j->answer->url},
                   &v->facts);
    v->facts.count = count_at(&j->outline, j->source->count_path);
    if (v->facts.count == 0 && v->facts.records > 0) {
        v->facts.count = UINT64_MAX;
    }
    if (paginator_total_is_records(j->source)) {
        if (v->facts.total == UINT64_MAX) {
            v->facts.total = v->facts.count;
        }
        v->facts.count = v->facts.total;
    }
    return NULL;
}

/* Paid, and not certainly free of charge: either all of it is good, or nobody knows. */
static void judge_charged(struct judged *j) {
    const struct answer *a = j->answer;
    const struct source_filter *filter = a->status == 200 && a->complete ? first_match(j, true) : NULL;
    enum source_action action = j->source->retry_unknown ? ACTION_RETRY : ACTION_FAIL;
    const char *wrong = NULL;

    if (a->status == 0) {
        decide(j, CHARGE_IN_DOUBT, action, "no_answer");
    } else if (a->status != 200) {
        decide_status(j, CHARGE_IN_DOUBT, action);
    } else if (filter != NULL && filter->action != ACTION_SUCCESS) {
        decide(j, CHARGE_IN_DOUBT, action, "error_body");
    } else if ((wrong = read_page(j, REQUEST_PAID)) != NULL) {
        decide(j, CHARGE_IN_DOUBT, action, wrong);
    } else {
        decide(j, CHARGE_SPENT, ACTION_SUCCESS, "");
        return;
    }
    take_error(j, filter);
}

/* What a status means when no filter says otherwise (Airbyte's defaults; 402 is a matter for a person). */
static void judge_status(struct judged *j) {
    int status = j->answer->status;

    if (status == 429) {
        decide(j, CHARGE_NONE, ACTION_RATE_LIMITED, "rate_limited");
    } else if (status == 402) {
        decide_status(j, CHARGE_NONE, ACTION_HOLD);
    } else if (status == 408 || status >= 500) {
        decide_status(j, CHARGE_NONE, ACTION_RETRY);
    } else {
        decide_status(j, CHARGE_NONE, ACTION_FAIL);
    }
}

static void judge_filtered(struct judged *j, enum request_kind kind, const struct source_filter *filter) {
    const char *wrong = filter->action == ACTION_SUCCESS ? read_page(j, kind) : NULL;

    j->verdict->max_retries = filter->max_retries;
    j->verdict->throttle = filter->throttle;
    if (wrong != NULL) {
        decide(j, CHARGE_NONE, ACTION_RETRY, wrong);
    } else if (filter->action == ACTION_SUCCESS) {
        decide(j, CHARGE_NONE, ACTION_SUCCESS, "");
    } else if (filter->action == ACTION_RATE_LIMITED) {
        decide(j, CHARGE_NONE, ACTION_RATE_LIMITED, "rate_limited");
        j->verdict->until_window = filter->until_window;
    } else if (j->answer->status == 200) {
        decide(j, CHARGE_NONE, filter->action, "error_body");
    } else {
        decide_status(j, CHARGE_NONE, filter->action);
    }
}

/* Nothing was charged. */
static void judge_free(struct judged *j, enum request_kind kind) {
    const struct answer *a = j->answer;
    const struct source_filter *filter;
    const char *wrong;

    if (!a->sent || a->status == 0) {
        decide(j, CHARGE_NONE, ACTION_RETRY, a->sent ? "no_answer" : "not_sent");
        take_error(j, NULL);
        return;
    }
    if (!a->complete && a->status < 300) {
        decide(j, CHARGE_NONE, ACTION_RETRY, "truncated");
        take_error(j, NULL);
        return;
    }
    filter = first_match(j, false);
    /* An expired token must not fail jobs because its answer has an `error` too; only a filter that names the status may say otherwise. */
    if ((a->status == 401 || a->status == 403) && (filter == NULL || !names_code(filter, a->status))) {
        decide(j, CHARGE_NONE, ACTION_HOLD, "unauthorized");
        j->verdict->pause_source = true;
    } else if (filter != NULL) {
        judge_filtered(j, kind, filter);
    } else if (a->status >= 300 || a->status < 200) {
        judge_status(j);
    } else if ((wrong = read_page(j, kind)) != NULL) {
        decide(j, CHARGE_NONE, ACTION_RETRY, wrong);
    } else {
        decide(j, CHARGE_NONE, ACTION_SUCCESS, "");
    }
    if (j->verdict->action != ACTION_SUCCESS) {
        take_error(j, filter);
    }
}

void answer_judge(const struct source *source, enum request_kind kind, const struct answer *answer, struct verdict *verdict) {
    struct judged j = {.source = source, .answer = answer, .verdict = verdict};

    memset(verdict, 0, sizeof(*verdict));
    verdict->facts.total = UINT64_MAX;
    verdict->facts.count = UINT64_MAX;
    verdict->cost = dec_zero();
    if (kind == REQUEST_PAID && answer->sent && (answer->status < 400 || answer->status > 499)) {
        judge_charged(&j);
    } else {
        judge_free(&j, kind);
    }
}

void answer_preview(const struct source *source, const struct answer *answer, uint64_t *total, struct dec *cost, bool *has_cost) {
    struct page_facts facts = {.records = 0};
    struct json_outline outline;

    *total = UINT64_MAX;
    *cost = dec_zero();
    *has_cost = false;
    if (answer->body.length == 0 || json_outline(answer->body.data, answer->body.length, &json_rules_payload, &outline, NULL) != RC_OK) {
        return;
    }
    *total = count_at(&outline, source->count_path);
    if (*total == UINT64_MAX && paginator_total_is_records(source)) {
        paginator_read(source, &(struct page_answer){.document = answer->body, .outline = &outline, .fields = answer->fields, .url = answer->url}, &facts);
        *total = facts.total;
    }
    *has_cost = amount_at(&outline, source->cost_path, cost);
    if (!*has_cost) {
        *cost = dec_zero();
    }
}

/* --- keys ---------------------------------------------------------------------------------------------------------- */

static bool add_part(char letter, struct slice text, struct buf *out) {
    char length[24];
    int digits = (int)sizeof(length);
    size_t left = text.length;

    length[--digits] = ':';
    do {
        length[--digits] = (char)('0' + left % 10);
        left /= 10;
    } while (left > 0);
    return buf_add_char(out, letter) == RC_OK && buf_add(out, length + digits, sizeof(length) - (size_t)digits) == RC_OK &&
           buf_add(out, text.data, text.length) == RC_OK;
}

/* "s5:P1234": type, length and bytes, so that no two lists of values look alike. */
static bool add_key(struct slice value, struct buf *out) {
    struct buf part = BUF_INIT(out->max);
    enum json_type type = json_type(value);
    bool added = false;

    if (type == JSON_TRUE || type == JSON_FALSE) {
        return add_part('b', slice_of(type == JSON_TRUE ? "1" : "0"), out);
    }
    if (type == JSON_STRING && memchr(value.data, '\\', value.length) == NULL) {
        return add_part('s', (struct slice){.data = value.data + 1, .length = value.length - 2}, out);
    }
    if (type == JSON_STRING && json_decode_string(value, &part) == RC_OK) {
        added = add_part('s', (struct slice){.data = buf_text(&part), .length = part.length}, out);
    } else if (type == JSON_NUMBER && json_canonical(value, &part) == RC_OK) {
        added = add_part('n', (struct slice){.data = buf_text(&part), .length = part.length}, out);
    }
    buf_release(&part);
    return added;
}

static bool key_at(struct slice document, const char *const *pointers, unsigned count, struct buf *out) {
    struct slice value;

    buf_reset(out);
    for (unsigned i = 0; i < count; i++) {
        if (!json_find(document, pointers[i], &value) || !add_key(value, out)) {
            buf_reset(out);
            return false;
        }
    }
    return count > 0;
}

bool answer_key(struct slice value, struct buf *out) {
    buf_reset(out);
    return add_key(value, out);
}

bool answer_record_key(const struct source *source, struct slice record, struct buf *out) {
    return key_at(record, (const char *const *)source->primary_key, source->key_count, out);
}

bool answer_child_key(const struct source_child *child, struct slice value, struct buf *out) {
    const char *pointer = child->primary_key;

    return key_at(value, &pointer, 1, out);
}
