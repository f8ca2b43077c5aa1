// SPDX-License-Identifier: Apache-2.0
/*
 * chatapi: an endpoint on the loopback address that speaks the wire format of OpenAI's chat completions, to test document analysis against. It knows no
 * language: what it answers to the text of a lease comes from the regular expressions below, so that quotes and pages are real.
 *
 * POST /v1/chat/completions   Authorization: Bearer TOKEN. response_format json_schema (the schema is taken from it), json_object or none (the schema is taken
 * from the system message, where it stands as JSON). Parts image_url are counted; a request with images is answered with the text of `vision`. GET /v1/models
 * for health checks POST /ocr                   an OCR service: any body, answered with the pages of `ocr`
 *
 * Control, not counted: GET /_log (an object a request), POST /_reset, POST /_set with any of
 *   {"formats": ["json_schema", "json_object", "text"],    what is not named is refused with 400
 *    "vision": ["text of page 1", ...], "ocr": [{"page": 1, "text": "..."}], or an object: the whole answer of /ocr
 *    "open": true,                                          no key is asked for
 *    "faults": [{"kind": K, "on": "chat|ocr|any", "at": 1, "count": 1, "ms": 1000, "retry_after": "1"}]}
 * A fault sees each authorised request and acts on the `at`-th and the count-1 after it (-1: for ever). Kinds: rate_limit (429), insufficient_quota (429),
 * unauthorized (401), error (500), overloaded (503), length, refusal, content_filter, tool_calls, empty, invalid_json, html, fence (words and a fence around
 * the JSON), schema (a member too many), invent (a quote that is not in the text), drop (no answer), slow (ms).
 */
#include "base/buf.h"
#include "base/clock.h"
#include "base/str.h"
#include "standin.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <getopt.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <pthread.h>
#include <regex.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#define BODY_MAX ((size_t)256 * 1024 * 1024)
#define GROUPS 6
#define FAULTS_MAX 32u
#define DATE_IN_WORDS "([0-9]{1,2} [A-Z][a-z]+ [0-9]{4})"

struct fault {
    char kind[32], on[8], retry_after[16];
    int at, count, ms, seen;
};

struct server {
    const char *token;
    pthread_mutex_t lock; /* all below */
    cJSON *log, *vision, *ocr;
    bool json_schema, json_object, text;
    bool open; /* no key is asked for */
    struct fault faults[FAULTS_MAX];
    size_t fault_count;
    unsigned long completions;
};

struct request {
    struct server *server;
    struct buf body;
};

static cJSON *get(const cJSON *object, const char *name) {
    return cJSON_GetObjectItemCaseSensitive(object, name);
}

static const char *text_of(const cJSON *object, const char *name, const char *otherwise) {
    const char *text = cJSON_GetStringValue(get(object, name));
    return text ? text : otherwise;
}

/* ---- an empty answer of the schema ---- */

static const cJSON *resolve(const cJSON *root, const cJSON *schema) {
    const char *ref = text_of(schema, "$ref", NULL);
    return ref && str_starts(ref, "#/$defs/") ? get(get(root, "$defs"), ref + 8) : schema;
}

static bool has_type(const cJSON *schema, const char *type) {
    const cJSON *types = get(schema, "type"), *one;
    if (cJSON_IsString(types))
        return strcmp(types->valuestring, type) == 0;
    cJSON_ArrayForEach(one, types) {
        if (cJSON_IsString(one) && strcmp(one->valuestring, type) == 0)
            return true;
    }
    return false;
}

static cJSON *empty_of(const cJSON *root, const cJSON *schema, int depth) {
    schema = resolve(root, schema);
    const cJSON *property, *one;
    if (has_type(schema, "null") || depth > 8)
        return cJSON_CreateNull();
    cJSON_ArrayForEach(one, get(schema, "enum")) {
        if (cJSON_IsString(one) && strcmp(one->valuestring, "not_found") == 0)
            return cJSON_CreateString("not_found");
    }
    if (get(schema, "enum"))
        return cJSON_Duplicate(cJSON_GetArrayItem(get(schema, "enum"), 0), true);
    if (has_type(schema, "array"))
        return cJSON_CreateArray();
    if (has_type(schema, "string"))
        return cJSON_CreateString("");
    if (has_type(schema, "number") || has_type(schema, "integer"))
        return cJSON_CreateNumber(0);
    if (has_type(schema, "boolean"))
        return cJSON_CreateFalse();
    cJSON *object = cJSON_CreateObject();
    cJSON_ArrayForEach(property, get(schema, "properties")) {
        cJSON_AddItemToObject(object, property->string, empty_of(root, property, depth + 1));
    }
    return object;
}

/* ---- reading a lease by regular expressions ---- */

enum form { FORM_TEXT, FORM_NUMBER };

static const struct rule {
    const char *field, *pattern, *unit;
    enum form form;
} RULES[] = {
    {"landlord", "LANDLORD: ([^.]+)\\.", NULL, FORM_TEXT},
    {"tenant", "TENANT: ([^.]+)\\.", NULL, FORM_TEXT},
    {"guarantor", "GUARANTOR: ([^.]+)\\.", NULL, FORM_TEXT},
    {"agent", "MANAGING AGENT: ([^.]+)\\.", NULL, FORM_TEXT},
    {"landlord_notice_address", "Address for notices to the Landlord: ([^.]+)\\.", NULL, FORM_TEXT},
    {"premises", "Premises: ([^.]+)\\.", NULL, FORM_TEXT},
    {"floor_area", "Floor Area: ([0-9,]+) square feet", "sq ft", FORM_NUMBER},
    {"area_basis", "measured on a ([a-z ]+) basis", NULL, FORM_TEXT},
    {"title_number", "Title Number: ([A-Z]+[0-9]+)", NULL, FORM_TEXT},
    {"parking", "Parking: ([^.]+)\\.", NULL, FORM_TEXT},
    {"commencement_date", "from and including " DATE_IN_WORDS, NULL, FORM_TEXT},
    {"rent_commencement_date", "Rent Commencement Date: " DATE_IN_WORDS, NULL, FORM_TEXT},
    {"expiry_date", "expires on " DATE_IN_WORDS, NULL, FORM_TEXT},
    {"term", "([0-9]+|five|ten|fifteen) years from", "years", FORM_NUMBER},
    {"holding_over", "(If the Tenant holds over[^.]+)\\.", NULL, FORM_TEXT},
    {"premium", "Premium: GBP ([0-9,]+)", "GBP", FORM_NUMBER},
    {"rent_payment_dates", "(quarterly instalments in[[:space:]]+advance on the usual quarter days)", NULL, FORM_TEXT},
    {"ground_rent_pattern", "Ground Rent: (GBP[^.]+)\\.", NULL, FORM_TEXT},
    {"rent_review", "Rent Review: ([^.]+)\\.", NULL, FORM_TEXT},
    {"escalation_percent", "rising by ([0-9.]+) percent", "percent", FORM_NUMBER},
    {"rent_free", "Rent Free Period: ([^.]+)\\.", NULL, FORM_TEXT},
    {"deposit", "Deposit: GBP ([0-9,]+)", "GBP", FORM_NUMBER},
    {"service_charge_share", "shall pay ([0-9.]+) percent of the Service Costs", "percent", FORM_NUMBER},
    {"service_charge_basis", "apportioned on[[:space:]]+the basis of ([a-z ]+)\\.", NULL, FORM_TEXT},
    {"service_charge_cap", "Service Charge Cap: ([^.]+)\\.", NULL, FORM_TEXT},
    {"service_charge_year_end", "service charge year ends on ([0-9]+ [A-Z][a-z]+)", NULL, FORM_TEXT},
    {"service_charge_exclusions", "([^.]+excluded from the Service Costs)", NULL, FORM_TEXT},
    {"service_charge_reserve", "(reserve fund[^.]+)\\.", NULL, FORM_TEXT},
    {"insurance", "(The Landlord shall insure[^.]+)\\.", NULL, FORM_TEXT},
    {"permitted_use", "Permitted Use: ([^.]+)\\.", NULL, FORM_TEXT},
    {"repair", "Repair: ([^.]+)\\.", NULL, FORM_TEXT},
    {"alterations", "Alterations: ([^.]+)\\.", NULL, FORM_TEXT},
    {"assignment", "Assignment: (not to[^.]+)\\.", NULL, FORM_TEXT},
    {"subletting", "Underletting: ([^.]+)\\.", NULL, FORM_TEXT},
    {"pets", "Pets: ([^.]+)\\.", NULL, FORM_TEXT},
    {"assignment_notice_fee", "fee of GBP ([0-9,]+)", "GBP", FORM_NUMBER},
    {"interest", "Interest: ([^.]+)\\.", NULL, FORM_TEXT},
    {"forfeiture", "(If any rent is unpaid[^.]+)\\.", NULL, FORM_TEXT},
    {"governing_law", "governed by (the law of [^.]+)\\.", NULL, FORM_TEXT},
};

/* The next match of a pattern in a text; groups are freed by the caller. */
static const char *match(const char *pattern, const char *text, char *groups[GROUPS]) {
    regex_t regex;
    regmatch_t at[GROUPS];
    for (int i = 0; i < GROUPS; i++)
        groups[i] = NULL;
    must(regcomp(&regex, pattern, REG_EXTENDED) == 0, pattern);
    bool found = regexec(&regex, text, GROUPS, at, 0) == 0;
    for (int i = 0; found && i < GROUPS; i++)
        if (at[i].rm_so >= 0)
            groups[i] = strndup(text + at[i].rm_so, (size_t)(at[i].rm_eo - at[i].rm_so));
    regfree(&regex);
    return found ? text + at[0].rm_eo : NULL;
}

static void free_groups(char *groups[GROUPS]) {
    for (int i = 0; i < GROUPS; i++)
        free(groups[i]);
}

/* White space in a row as one blank. */
static char *squeeze(char *text) {
    char *to = text;
    for (const char *at = text; *at; at++)
        if (!strchr(" \n\t", *at) || (to > text && to[-1] != ' '))
            *to++ = strchr(" \n\t", *at) ? ' ' : *at;
    *to = '\0';
    return text;
}

static double number_of(const char *text) {
    static const struct {
        const char *word;
        double value;
    } words[] = {{"five", 5}, {"ten", 10}, {"fifteen", 15}};
    char digits[40] = "";
    size_t length = 0;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strcmp(text, words[i].word) == 0)
            return words[i].value;
    for (; *text && length < sizeof digits - 1; text++)
        if (*text != ',')
            digits[length++] = *text;
    return strtod(digits, NULL);
}

static void put(cJSON *object, const char *name, cJSON *value) {
    if (get(object, name))
        cJSON_ReplaceItemInObjectCaseSensitive(object, name, value);
    else
        cJSON_Delete(value);
}

static void put_evidence(cJSON *object, int page, char *quote) {
    put(object, "page", cJSON_CreateNumber(page));
    put(object, "quote", cJSON_CreateString(squeeze(quote)));
}

static void read_fields(cJSON *fields, int page, const char *text) {
    for (size_t i = 0; i < sizeof RULES / sizeof *RULES; i++) {
        const struct rule *rule = &RULES[i];
        cJSON *field = get(fields, rule->field);
        char *groups[GROUPS];
        if (!field || strcmp(text_of(field, "status", ""), "found") == 0 || !match(rule->pattern, text, groups))
            continue;
        put(field, "status", cJSON_CreateString("found"));
        put(field, "value", rule->form == FORM_NUMBER ? cJSON_CreateNumber(number_of(groups[1])) : cJSON_CreateString(squeeze(groups[1])));
        put(field, "unit", rule->unit ? cJSON_CreateString(rule->unit) : cJSON_CreateNull());
        put_evidence(field, page, groups[0]);
        free_groups(groups);
    }
}

/* An element as the schema of a list wants it, at the list's end. */
static cJSON *add_row(const cJSON *root, cJSON *answer, const char *list) {
    cJSON *row = empty_of(root, get(get(get(root, "properties"), list), "items"), 1);
    cJSON_AddItemToArray(get(answer, list), row);
    return row;
}

static void read_rent(const cJSON *root, cJSON *answer, int page, const char *text) {
    char *groups[GROUPS];
    while (get(answer, "rent") && (text = match("Annual Rent from ([0-9/]+) to ([0-9/]+): GBP ([0-9,]+)( plus VAT)?", text, groups))) {
        cJSON *row = add_row(root, answer, "rent");
        put(row, "from", cJSON_CreateString(groups[1]));
        put(row, "to", cJSON_CreateString(groups[2]));
        put(row, "amount", cJSON_CreateNumber(number_of(groups[3])));
        put(row, "currency", cJSON_CreateString("GBP"));
        put(row, "frequency", cJSON_CreateString("year"));
        put(row, "tax", groups[4] ? cJSON_CreateString("plus VAT") : cJSON_CreateNull());
        put_evidence(row, page, groups[0]);
        free_groups(groups);
    }
}

static void read_options(const cJSON *root, cJSON *answer, int page, const char *text) {
    char *groups[GROUPS];
    if (!get(answer, "options"))
        return;
    if (match("end this lease on " DATE_IN_WORDS " by giving not[[:space:]]+less than ([a-z]+ months)[^,]+, provided that ([^.]+)", text, groups)) {
        cJSON *row = add_row(root, answer, "options");
        put(row, "kind", cJSON_CreateString("break"));
        put(row, "window_from", cJSON_CreateString(groups[1]));
        put(row, "window_to", cJSON_CreateString(groups[1]));
        put(row, "notice", cJSON_CreateString(groups[2]));
        put(row, "conditions", cJSON_CreateString(squeeze(groups[3])));
        put_evidence(row, page, groups[0]);
        free_groups(groups);
    }
    if (match("between " DATE_IN_WORDS " and[[:space:]]+" DATE_IN_WORDS " call for a new lease", text, groups)) {
        cJSON *row = add_row(root, answer, "options");
        put(row, "kind", cJSON_CreateString("renew"));
        put(row, "window_from", cJSON_CreateString(groups[1]));
        put(row, "window_to", cJSON_CreateString(groups[2]));
        put_evidence(row, page, groups[0]);
        free_groups(groups);
    }
}

static void read_document(const cJSON *root, cJSON *answer, int page, const char *text) {
    cJSON *document = get(answer, "document"), *row;
    char *groups[GROUPS];
    if (strstr(text, "DEED OF VARIATION"))
        put(document, "type", cJSON_CreateString("amendment"));
    else if (strstr(text, "THIS LEASE"))
        put(document, "type", cJSON_CreateString("lease"));
    if (!text_of(document, "date", NULL) && match("dated " DATE_IN_WORDS, text, groups)) {
        put(document, "date", cJSON_CreateString(groups[1]));
        free_groups(groups);
    }
    if (match("supplemental to (a lease dated [^.]+)\\.", text, groups)) {
        put(document, "supersedes", cJSON_CreateString(squeeze(groups[1])));
        free_groups(groups);
    }
    if (match("attached as (Schedule [0-9]+)", text, groups)) {
        cJSON_AddItemToArray(get(document, "missing_schedules"), cJSON_CreateString(groups[1]));
        free_groups(groups);
    }
    if (get(answer, "dates") && match("With effect from " DATE_IN_WORDS, text, groups)) {
        row = add_row(root, answer, "dates");
        put(row, "date", cJSON_CreateString(groups[1]));
        put(row, "what", cJSON_CreateString("the variation takes effect"));
        put_evidence(row, page, groups[0]);
        free_groups(groups);
    }
    if (get(answer, "clauses") && match("the[[:space:]]+Landlord may re-enter[^.]+", text, groups)) {
        row = add_row(root, answer, "clauses");
        put(row, "topic", cJSON_CreateString("re-entry"));
        put(row, "text", cJSON_CreateString("The landlord may re-enter when rent is unpaid."));
        put_evidence(row, page, groups[0]);
        free_groups(groups);
    }
}

/* All pages of the text, by their marks. */
static cJSON *read_lease(const cJSON *root, const char *text) {
    static const char mark[] = "\\[\\[page ([0-9]+) of [0-9]+ \\| [0-9a-f]+\\]\\]";
    cJSON *answer = empty_of(root, root, 0);
    char *groups[GROUPS], *next[GROUPS];
    const char *at = match(mark, text, groups);
    while (at) {
        const char *after = match(mark, at, next);
        char *page_text = after ? strndup(at, (size_t)(after - at) - strlen(next[0])) : strdup(at);
        int page = atoi(groups[1]);
        read_fields(get(answer, "fields"), page, page_text);
        read_rent(root, answer, page, page_text);
        read_options(root, answer, page, page_text);
        read_document(root, answer, page, page_text);
        free(page_text);
        free_groups(groups);
        memcpy(groups, next, sizeof groups);
        at = after;
    }
    return answer;
}

/* ---- answers ---- */

static enum MHD_Result reply(struct MHD_Connection *connection, unsigned status, const char *type, char *body, const char *retry_after) {
    struct MHD_Response *response = MHD_create_response_from_buffer(strlen(body), body, MHD_RESPMEM_MUST_FREE);
    static const char *const headers[][2] = {{"x-ratelimit-limit-requests", "500"},     {"x-ratelimit-limit-tokens", "200000"},
                                             {"x-ratelimit-remaining-requests", "499"}, {"x-ratelimit-remaining-tokens", "190000"},
                                             {"x-ratelimit-reset-requests", "120ms"},   {"x-ratelimit-reset-tokens", "6m0s"},
                                             {"x-request-id", "req_0123456789abcdef"}};
    for (size_t i = 0; i < sizeof headers / sizeof *headers; i++)
        MHD_add_response_header(response, headers[i][0], headers[i][1]);
    MHD_add_response_header(response, "Content-Type", type);
    if (retry_after && *retry_after)
        MHD_add_response_header(response, "Retry-After", retry_after);
    enum MHD_Result queued = MHD_queue_response(connection, status, response);
    MHD_destroy_response(response);
    return queued;
}

static enum MHD_Result reply_json(struct MHD_Connection *connection, unsigned status, cJSON *json, const char *retry_after) {
    char *body = cJSON_PrintUnformatted(json);
    must(body, "print");
    cJSON_Delete(json);
    return reply(connection, status, "application/json", body, retry_after);
}

static enum MHD_Result refuse(struct MHD_Connection *connection, unsigned status, const char *message, const char *type, const char *code,
                              const char *retry_after) {
    cJSON *json = cJSON_CreateObject(), *error = cJSON_AddObjectToObject(json, "error");
    cJSON_AddStringToObject(error, "message", message);
    cJSON_AddStringToObject(error, "type", type);
    cJSON_AddNullToObject(error, "param");
    cJSON_AddItemToObject(error, "code", code ? cJSON_CreateString(code) : cJSON_CreateNull());
    return reply_json(connection, status, json, retry_after);
}

/* The fault that acts on this request; kind "" when none does. */
static struct fault fault_of(struct server *server, const char *on) {
    struct fault acting = {.kind = ""};
    pthread_mutex_lock(&server->lock);
    for (size_t i = 0; i < server->fault_count; i++) {
        struct fault *fault = &server->faults[i];
        if (strcmp(fault->on, "any") != 0 && strcmp(fault->on, on) != 0)
            continue;
        fault->seen++;
        if (!*acting.kind && fault->seen >= fault->at && (fault->count < 0 || fault->seen < fault->at + fault->count))
            acting = *fault;
    }
    pthread_mutex_unlock(&server->lock);
    return acting;
}

static bool is_kind(const struct fault *fault, const char *kind) {
    return strcmp(fault->kind, kind) == 0;
}

/* True when the fault answers in place of everything else; *result then. */
static bool fault_answers(struct MHD_Connection *connection, const struct fault *fault, enum MHD_Result *result) {
    if (is_kind(fault, "slow")) {
        struct timespec wait = {.tv_sec = fault->ms / 1000, .tv_nsec = fault->ms % 1000 * 1000000L};
        nanosleep(&wait, NULL);
        return false;
    }
    if (is_kind(fault, "drop"))
        *result = MHD_NO;
    else if (is_kind(fault, "unauthorized"))
        *result = refuse(connection, 401, "Incorrect API key provided.", "invalid_request_error", "invalid_api_key", "");
    else if (is_kind(fault, "rate_limit"))
        *result = refuse(connection, 429, "Rate limit reached for requests", "requests", "rate_limit_exceeded", fault->retry_after);
    else if (is_kind(fault, "insufficient_quota"))
        *result = refuse(connection, 429, "You exceeded your current quota, please check your plan and billing details.", "insufficient_quota",
                         "insufficient_quota", "");
    else if (is_kind(fault, "error"))
        *result = refuse(connection, 500, "The server had an error while processing your request.", "server_error", NULL, fault->retry_after);
    else if (is_kind(fault, "overloaded"))
        *result = refuse(connection, 503, "The engine is currently overloaded, please try again later.", "server_error", NULL, fault->retry_after);
    else if (is_kind(fault, "html"))
        *result = reply(connection, 200, "text/html", strdup("<html><body>Bad gateway</body></html>"), "");
    else
        return false;
    return true;
}

/* What a request is about. */
struct question {
    struct buf system, user;
    size_t images, image_bytes;
};

static void add_part(struct question *q, const cJSON *part, bool user) {
    const char *url = text_of(get(part, "image_url"), "url", NULL), *text = text_of(part, "text", NULL);
    if (url) {
        q->images++;
        q->image_bytes += strlen(url);
    }
    if (text)
        (void)buf_add_text(user ? &q->user : &q->system, text);
}

static void question_read(const cJSON *body, struct question *q) {
    const cJSON *message, *part;
    buf_init(&q->system, BODY_MAX);
    buf_init(&q->user, BODY_MAX);
    q->images = q->image_bytes = 0;
    cJSON_ArrayForEach(message, get(body, "messages")) {
        bool user = strcmp(text_of(message, "role", ""), "user") == 0;
        const char *text = text_of(message, "content", NULL);
        if (text)
            (void)buf_add_text(user ? &q->user : &q->system, text);
        const cJSON *parts = text ? NULL : get(message, "content");
        cJSON_ArrayForEach(part, parts) {
            add_part(q, part, user);
        }
    }
}

static char *lease_content(const cJSON *format, const struct question *q, const struct fault *fault) {
    const char *in_prompt = strstr(buf_text(&q->system), "JSON Schema says:");
    cJSON *parsed = in_prompt && strchr(in_prompt, '{') ? cJSON_Parse(strchr(in_prompt, '{')) : NULL;
    const cJSON *schema = get(get(format, "json_schema"), "schema");
    schema = schema ? schema : parsed;
    cJSON *answer = schema ? read_lease(schema, buf_text(&q->user)) : cJSON_CreateObject();
    if (is_kind(fault, "schema"))
        cJSON_AddStringToObject(answer, "opinion", "a good lease");
    if (is_kind(fault, "invent"))
        put(get(get(answer, "fields"), "tenant"), "quote", cJSON_CreateString("words that stand nowhere in this document"));
    char *text = cJSON_PrintUnformatted(answer);
    cJSON_Delete(answer);
    cJSON_Delete(parsed);
    return text;
}

/* "page 3" in the words beside the image chooses its text. */
static char *vision_content(struct server *server, const struct question *q) {
    char *groups[GROUPS];
    int page = match("[Pp]age ([0-9]+)", buf_text(&q->user), groups) ? atoi(groups[1]) : 1;
    free_groups(groups);
    pthread_mutex_lock(&server->lock);
    const char *text = cJSON_GetStringValue(cJSON_GetArrayItem(server->vision, page - 1));
    cJSON *answer = cJSON_CreateObject();
    cJSON_AddNumberToObject(answer, "page", page);
    cJSON_AddStringToObject(answer, "text", text ? text : "");
    pthread_mutex_unlock(&server->lock);
    char *printed = cJSON_PrintUnformatted(answer);
    cJSON_Delete(answer);
    return printed;
}

/* The content spoilt as the fault says; takes and gives. */
static char *spoil(char *content, const struct fault *fault) {
    size_t length = strlen(content);
    if (is_kind(fault, "length"))
        content[length / 2] = '\0';
    else if (is_kind(fault, "invalid_json"))
        content[length - 1] = '\0';
    else if (is_kind(fault, "fence")) {
        size_t size = length + 100;
        char *fenced = calloc(1, size);
        must(fenced, "calloc");
        snprintf(fenced, size, "Here is what the lease says:\n```json\n%s\n```\nPlease check it.", content);
        free(content);
        return fenced;
    }
    return content;
}

static cJSON *completion(struct server *server, const cJSON *body, const char *content, const struct question *q, const struct fault *fault) {
    static const char *const finishes[] = {"length", "content_filter", "tool_calls"};
    const char *finish = "stop";
    char id[40];
    for (size_t i = 0; i < sizeof finishes / sizeof *finishes; i++)
        finish = is_kind(fault, finishes[i]) ? finishes[i] : finish;
    pthread_mutex_lock(&server->lock);
    snprintf(id, sizeof id, "chatcmpl-%08lu", ++server->completions);
    pthread_mutex_unlock(&server->lock);
    bool silent = is_kind(fault, "refusal") || is_kind(fault, "empty") || is_kind(fault, "tool_calls") || is_kind(fault, "content_filter");
    cJSON *json = cJSON_CreateObject(), *choice = cJSON_CreateObject(), *message, *usage;
    cJSON_AddStringToObject(json, "id", id);
    cJSON_AddStringToObject(json, "object", "chat.completion");
    cJSON_AddNumberToObject(json, "created", (double)(clock_wall_us() / 1000000));
    cJSON_AddStringToObject(json, "model", text_of(body, "model", ""));
    cJSON_AddItemToArray(cJSON_AddArrayToObject(json, "choices"), choice);
    cJSON_AddNumberToObject(choice, "index", 0);
    message = cJSON_AddObjectToObject(choice, "message");
    cJSON_AddStringToObject(message, "role", "assistant");
    cJSON_AddItemToObject(message, "content", silent ? cJSON_CreateNull() : cJSON_CreateString(content));
    cJSON_AddItemToObject(message, "refusal", is_kind(fault, "refusal") ? cJSON_CreateString("I'm sorry, I cannot assist with that.") : cJSON_CreateNull());
    cJSON_AddNullToObject(choice, "logprobs");
    cJSON_AddStringToObject(choice, "finish_reason", finish);
    usage = cJSON_AddObjectToObject(json, "usage");
    size_t prompt = (q->system.length + q->user.length) / 4 + 850 * q->images, answered = silent ? 0 : strlen(content) / 4;
    cJSON_AddNumberToObject(usage, "prompt_tokens", (double)prompt);
    cJSON_AddNumberToObject(usage, "completion_tokens", (double)answered);
    cJSON_AddNumberToObject(usage, "total_tokens", (double)(prompt + answered));
    cJSON_AddStringToObject(json, "system_fingerprint", "fp_standin");
    return json;
}

static void log_request(struct server *server, struct MHD_Connection *connection, const char *path, const cJSON *body, const struct question *q, size_t bytes) {
    cJSON *entry = cJSON_CreateObject();
    cJSON_AddBoolToObject(entry, "authorized", MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Authorization") != NULL);
    const cJSON *format = get(body, "response_format");
    cJSON_AddStringToObject(entry, "path", path);
    cJSON_AddNumberToObject(entry, "bytes", (double)bytes);
    cJSON_AddStringToObject(entry, "model", text_of(body, "model", ""));
    cJSON_AddStringToObject(entry, "format", text_of(format, "type", "text"));
    if (q) {
        cJSON_AddNumberToObject(entry, "images", (double)q->images);
        cJSON_AddNumberToObject(entry, "image_bytes", (double)q->image_bytes);
        cJSON_AddStringToObject(entry, "system", buf_text(&q->system));
        cJSON_AddStringToObject(entry, "user", buf_text(&q->user));
    }
    pthread_mutex_lock(&server->lock);
    cJSON_AddItemToArray(server->log, entry);
    pthread_mutex_unlock(&server->lock);
}

static bool format_allowed(struct server *server, const char *type) {
    pthread_mutex_lock(&server->lock);
    bool allowed = strcmp(type, "json_schema") == 0   ? server->json_schema
                   : strcmp(type, "json_object") == 0 ? server->json_object
                                                      : strcmp(type, "text") == 0 && server->text;
    pthread_mutex_unlock(&server->lock);
    return allowed;
}

static enum MHD_Result chat(struct request *request, struct MHD_Connection *connection) {
    struct server *server = request->server;
    cJSON *body = cJSON_ParseWithOpts(buf_text(&request->body), NULL, 1);
    const cJSON *format = get(body, "response_format");
    const char *type = text_of(format, "type", "text");
    struct question q;
    enum MHD_Result result;
    question_read(body, &q);
    log_request(server, connection, "/v1/chat/completions", body, &q, request->body.length);
    struct fault fault = fault_of(server, "chat");
    if (fault_answers(connection, &fault, &result))
        ;
    else if (!body || !text_of(body, "model", NULL) || !cJSON_IsArray(get(body, "messages")))
        result = refuse(connection, 400, "We could not parse the JSON body of your request.", "invalid_request_error", NULL, "");
    else if (!format_allowed(server, type))
        result =
            refuse(connection, 400, "Invalid parameter: 'response_format' of this type is not supported with this model.", "invalid_request_error", NULL, "");
    else if (strcmp(type, "json_object") == 0 && !strstr(buf_text(&q.system), "JSON"))
        result = refuse(connection, 400, "'messages' must contain the word 'json' in some form, to use 'response_format' of type 'json_object'.",
                        "invalid_request_error", NULL, "");
    else {
        char *content = spoil(q.images ? vision_content(server, &q) : lease_content(format, &q, &fault), &fault);
        result = reply_json(connection, 200, completion(server, body, content, &q, &fault), "");
        free(content);
    }
    buf_release(&q.system);
    buf_release(&q.user);
    cJSON_Delete(body);
    return result;
}

static enum MHD_Result ocr(struct request *request, struct MHD_Connection *connection) {
    struct server *server = request->server;
    enum MHD_Result result;
    log_request(server, connection, "/ocr", NULL, NULL, request->body.length);
    struct fault fault = fault_of(server, "ocr");
    if (fault_answers(connection, &fault, &result))
        return result;
    if (!request->body.length)
        return refuse(connection, 400, "there is no document", "invalid_request_error", NULL, "");
    pthread_mutex_lock(&server->lock);
    cJSON *json = cJSON_IsObject(server->ocr) ? cJSON_Duplicate(server->ocr, true) : NULL;
    pthread_mutex_unlock(&server->lock);
    if (json)
        return reply_json(connection, 200, json, "");
    json = cJSON_CreateObject();
    pthread_mutex_lock(&server->lock);
    cJSON_AddItemToObject(json, "pages", server->ocr ? cJSON_Duplicate(server->ocr, true) : cJSON_CreateArray());
    cJSON_AddNumberToObject(json, "page_count", cJSON_GetArraySize(server->ocr));
    pthread_mutex_unlock(&server->lock);
    return reply_json(connection, 200, json, "");
}

/* ---- control ---- */

static void defaults(struct server *server) {
    cJSON_Delete(server->log);
    cJSON_Delete(server->vision);
    cJSON_Delete(server->ocr);
    server->log = cJSON_CreateArray();
    server->vision = server->ocr = NULL;
    server->json_schema = server->json_object = server->text = true;
    server->open = false;
    server->fault_count = 0;
}

static bool fault_read(const cJSON *json, struct fault *fault) {
    static const char *const kinds[] = {"rate_limit",  "insufficient_quota", "error", "overloaded", "length", "refusal", "content_filter", "tool_calls",
                                        "empty",       "invalid_json",       "html",  "fence",      "schema", "invent",  "drop",           "slow",
                                        "unauthorized"};
    size_t kind = 0;
    while (kind < sizeof kinds / sizeof *kinds && strcmp(text_of(json, "kind", ""), kinds[kind]) != 0)
        kind++;
    const cJSON *at = get(json, "at"), *count = get(json, "count"), *ms = get(json, "ms");
    *fault = (struct fault){.at = at ? at->valueint : 1, .count = count ? count->valueint : 1, .ms = ms ? ms->valueint : 1000};
    return kind < sizeof kinds / sizeof *kinds && str_copy(fault->kind, sizeof fault->kind, kinds[kind]) &&
           str_copy(fault->on, sizeof fault->on, text_of(json, "on", "chat")) &&
           str_copy(fault->retry_after, sizeof fault->retry_after, text_of(json, "retry_after", ""));
}

static bool set(struct server *server, const cJSON *json) {
    const cJSON *item, *one;
    bool good = cJSON_IsObject(json);
    cJSON_ArrayForEach(item, json) {
        if (strcmp(item->string, "formats") == 0) {
            server->json_schema = server->json_object = server->text = false;
            cJSON_ArrayForEach(one, item) {
                server->json_schema |= strcmp(one->valuestring, "json_schema") == 0;
                server->json_object |= strcmp(one->valuestring, "json_object") == 0;
                server->text |= strcmp(one->valuestring, "text") == 0;
            }
        } else if (strcmp(item->string, "vision") == 0 || strcmp(item->string, "ocr") == 0) {
            cJSON **to = item->string[0] == 'v' ? &server->vision : &server->ocr;
            cJSON_Delete(*to);
            *to = cJSON_Duplicate(item, true);
        } else if (strcmp(item->string, "open") == 0) {
            server->open = cJSON_IsTrue(item);
        } else if (strcmp(item->string, "faults") == 0) {
            server->fault_count = 0;
            cJSON_ArrayForEach(one, item) {
                good = good && server->fault_count < FAULTS_MAX && fault_read(one, &server->faults[server->fault_count++]);
            }
        } else
            good = false;
    }
    return good;
}

static enum MHD_Result control(struct request *request, struct MHD_Connection *connection, const char *url) {
    struct server *server = request->server;
    cJSON *json = NULL, *answer = NULL;
    bool good = true;
    pthread_mutex_lock(&server->lock);
    if (strcmp(url, "/_log") == 0)
        answer = cJSON_Duplicate(server->log, true);
    else if (strcmp(url, "/_reset") == 0)
        defaults(server);
    else if (strcmp(url, "/_set") == 0) {
        json = cJSON_Parse(buf_text(&request->body));
        good = set(server, json);
        cJSON_Delete(json);
    } else
        good = false;
    pthread_mutex_unlock(&server->lock);
    if (!answer) {
        answer = cJSON_CreateObject();
        cJSON_AddBoolToObject(answer, "ok", good);
    }
    return reply_json(connection, good ? 200 : 400, answer, "");
}

static enum MHD_Result dispatch(struct request *request, struct MHD_Connection *connection, const char *url, const char *method) {
    const char *authorization = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Authorization");
    const char *token = request->server->token;
    if (str_starts(url, "/_"))
        return control(request, connection, url);
    pthread_mutex_lock(&request->server->lock);
    const bool open = request->server->open;
    pthread_mutex_unlock(&request->server->lock);
    if (!open && (!authorization || !str_starts(authorization, "Bearer ") || strcmp(authorization + 7, token) != 0))
        return refuse(connection, 401, "Incorrect API key provided.", "invalid_request_error", "invalid_api_key", "");
    if (strcmp(url, "/v1/chat/completions") == 0 && strcmp(method, "POST") == 0)
        return chat(request, connection);
    if (strcmp(url, "/ocr") == 0 && strcmp(method, "POST") == 0)
        return ocr(request, connection);
    if (strcmp(url, "/v1/models") == 0)
        return reply(connection, 200, "application/json", strdup("{\"object\":\"list\",\"data\":[{\"id\":\"stand-in-1\",\"object\":\"model\"}]}"), "");
    return refuse(connection, 404, "Unknown request URL.", "invalid_request_error", "unknown_url", "");
}

static enum MHD_Result handle(void *context, struct MHD_Connection *connection, const char *url, const char *method, const char *version, const char *bytes,
                              size_t *length, void **own) {
    struct request *request = *own;
    (void)version;
    if (!request) {
        *own = request = calloc(1, sizeof *request);
        must(request, "calloc");
        request->server = context;
        buf_init(&request->body, BODY_MAX);
        return MHD_YES;
    }
    if (*length) {
        enum rc rc = buf_add(&request->body, bytes, *length);
        *length = 0;
        return rc ? MHD_NO : MHD_YES;
    }
    return dispatch(request, connection, url, method);
}

static void ended(void *context, struct MHD_Connection *connection, void **own, enum MHD_RequestTerminationCode why) {
    struct request *request = *own;
    (void)context, (void)connection, (void)why;
    if (request)
        buf_release(&request->body);
    free(request);
}

int main(int argc, char **argv) {
    static const struct option longs[] = {{"port-file", required_argument, NULL, 'f'}, {"token", required_argument, NULL, 't'}, {NULL, 0, NULL, 0}};
    struct server server = {.token = "secret-token", .lock = PTHREAD_MUTEX_INITIALIZER};
    const char *port_file = NULL;
    for (int c; (c = getopt_long(argc, argv, "", longs, NULL)) != -1;) {
        if (c != 'f' && c != 't') {
            fprintf(stderr, "usage: chatapi [--port-file FILE] [--token TOKEN]\n");
            return EX_USAGE;
        }
        *(c == 'f' ? &port_file : &server.token) = optarg;
    }
    struct sockaddr_in address = standin_address(0);
    const sigset_t signals = standin_signals();
    defaults(&server);
    struct MHD_Daemon *daemon = MHD_start_daemon(MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_THREAD_PER_CONNECTION, 0, NULL, NULL, handle, &server,
                                                 MHD_OPTION_SOCK_ADDR, &address, MHD_OPTION_NOTIFY_COMPLETED, ended, NULL, MHD_OPTION_END);
    const int status = standin_wait(daemon, &signals, "http", port_file);
    if (daemon)
        MHD_stop_daemon(daemon);
    cJSON_Delete(server.log);
    cJSON_Delete(server.vision);
    cJSON_Delete(server.ocr);
    return status;
}
