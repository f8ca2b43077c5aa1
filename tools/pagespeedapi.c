// SPDX-License-Identifier: Apache-2.0
/*
 * pagespeedapi: a stand-in of the PageSpeed Insights API v5 on the loopback address, to test batchspool against.
 *
 * GET /pagespeedonline/v5/runPagespeed?url=&strategy=&category=...&locale=&fields=&key= answers in the service's shape, with figures that are made of the URL
 * and the strategy, so that the same request has the same answer. Of `fields` it heeds what its letters say: members of the answer and of lighthouseResult
 * whose names do not occur in it are left out, and of the audits those whose ids do not occur; without it, screenshots come, too (--bytes in all). Field data:
 * of a third of the URLs of the page, of a third by origin_fallback, of a third none.
 *
 * What a URL gets, if one of the words stands in it: "dead-dns" DNS_FAILURE, "dead-refused" FAILED_DOCUMENT_REQUEST, "dead-404" ERRORED_DOCUMENT_REQUEST,
 * "runtime-error" a 200 with NOT_HTML in runtimeError. Everything else is said by rules:
 *   POST /_rules {"rules":[{"url": text in the URL ("": all), "strategy": ..., "kind": K, "at": 1, "count": 1 (-1: for ever), ...}]}, which replace those of
 * before A rule sees each request that it matches and acts on the `at`-th and the count-1 after it; the first that acts decides. Kinds, with options: wrong
 * (500 "Something went wrong.")   error (code, details, status 500)   runtime (code, message: in a 200)   minute, day (429)   status (status, body) slow (ms,
 * then as usual)   drop (no answer)   truncate (half of the answer)
 * --key KEY: requests without a key are refused as those of the project that all without one share, those with another one as not valid. --minute N, --day N:
 * more requests in a minute, or in all, are refused.
 *
 * Control, not counted: GET /_stats, GET /_log (a JSON object a line for each request), POST /_reset (of counts and log).
 */
#include "base/buf.h"
#include "base/json.h"
#include "base/str.h"
#include "standin.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#define ANSWER_MAX ((size_t)64 << 20)
#define LOG_MAX ((size_t)256 << 20)
#define RULES_MAX 64u
#define MINUTE_MAX 100000u
#define SHARED_PROJECT "583797351490"

struct options {
    uint16_t port;
    const char *port_file, *key;
    uint32_t bytes, minute, day;
};

enum kind { KIND_NONE, KIND_WRONG, KIND_ERROR, KIND_RUNTIME, KIND_MINUTE, KIND_DAY, KIND_STATUS, KIND_SLOW, KIND_DROP, KIND_TRUNCATE };
static const char *const kind_names[] = {"", "wrong", "error", "runtime", "minute", "day", "status", "slow", "drop", "truncate"};

struct rule {
    enum kind kind;
    char url[256], strategy[16], code[64], details[128], body[1024];
    int64_t at, count, seen, status, ms;
};

struct server {
    struct options options; /* const after start */
    int stop_read;          /* at end of file once the server stops; wakes sleepers */
    pthread_mutex_t lock;   /* all below */
    struct rule rules[RULES_MAX];
    size_t rules_count;
    int64_t arrivals_ms[MINUTE_MAX]; /* a ring: of those that were not refused for the minute */
    uint64_t arrivals, requests, answered, in_flight, max_in_flight;
    struct buf log;
};

struct request {
    struct server *server;
    struct MHD_Connection *connection;
    struct buf body;
    char categories[200]; /* that were asked for, in capitals */
    bool counted;
};

/* ---- small things ---- */

static void add(struct buf *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void add(struct buf *b, const char *format, ...) {
    va_list args;
    va_start(args, format);
    must(buf_vprintf(b, format, args) == RC_OK, "buffer");
    va_end(args);
}

static void add_quoted(struct buf *b, const char *text) {
    must(json_quote(slice_of(text), b) == RC_OK, "buffer");
}

static int64_t mono_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void wait_ms(const struct server *server, int64_t ms) {
    struct pollfd fd = {.fd = server->stop_read, .events = POLLIN};
    poll(&fd, 1, ms > INT_MAX ? INT_MAX : (int)ms);
}

static const char *argument(const struct request *request, const char *name) {
    const char *value = MHD_lookup_connection_value(request->connection, MHD_GET_ARGUMENT_KIND, name);
    return value ? value : "";
}

static uint64_t hash_of(const char *text, const char *more) {
    uint64_t hash = UINT64_C(14695981039346656037);
    for (; *text; text++)
        hash = (hash ^ (unsigned char)*text) * UINT64_C(1099511628211);
    for (; *more; more++)
        hash = (hash ^ (unsigned char)*more) * UINT64_C(1099511628211);
    return hash ^ hash >> 29;
}

/* ---- answers ---- */

static enum MHD_Result send_body(struct request *request, unsigned status, struct buf *body) {
    struct MHD_Response *response = MHD_create_response_from_buffer(body->length, (void *)(uintptr_t)buf_text(body), MHD_RESPMEM_MUST_COPY);
    must(response, "response");
    MHD_add_response_header(response, "Content-Type", "application/json; charset=UTF-8");
    enum MHD_Result result = MHD_queue_response(request->connection, status, response);
    MHD_destroy_response(response);
    buf_release(body);
    return result;
}

static enum MHD_Result send_error(struct request *request, unsigned status, const char *message, const char *domain, const char *reason) {
    struct buf body = BUF_INIT(ANSWER_MAX);
    add(&body, "{\n  \"error\": {\n    \"code\": %u,\n    \"message\": ", status);
    add_quoted(&body, message);
    add(&body, ",\n    \"errors\": [\n      {\n        \"message\": ");
    add_quoted(&body, message);
    add(&body, ",\n        \"domain\": \"%s\",\n        \"reason\": \"%s\"\n      }\n    ]%s\n  }\n}\n", domain, reason,
        status == 429 ? ",\n    \"status\": \"RESOURCE_EXHAUSTED\"" : "");
    return send_body(request, status, &body);
}

static enum MHD_Result send_lighthouse(struct request *request, unsigned status, const char *code, const char *details) {
    static const struct {
        const char *code, *text;
    } texts[] = {
        {"DNS_FAILURE", "DNS servers could not resolve the provided domain."},
        {"FAILED_DOCUMENT_REQUEST",
         "Lighthouse was unable to reliably load the page you requested. Make sure you are testing the correct URL and that the server is "
         "properly responding to all requests."},
        {"ERRORED_DOCUMENT_REQUEST",
         "Lighthouse was unable to reliably load the page you requested. Make sure you are testing the correct URL and that the server is "
         "properly responding to all requests."},
        {"NO_FCP", "The page did not paint any content."},
    };
    const char *text = "";
    char message[600];
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        text = strcmp(code, texts[i].code) == 0 ? texts[i].text : text;
    str_format(message, sizeof message, "Lighthouse returned error: %s%s %s%s%s%s", code, *text ? "." : "", text, *details ? " (" : "", details,
               *details ? ")" : "");
    return send_error(request, status, message, "lighthouse", status == 400 ? "lighthouseUserError" : "lighthouseError");
}

static enum MHD_Result send_quota(struct request *request, const char *limit, const char *project) {
    char message[300];
    str_format(
        message, sizeof message,
        "Quota exceeded for quota metric 'Queries' and limit 'Queries per %s' of service 'pagespeedonline.googleapis.com' for consumer 'project_number:%s'.",
        limit, project);
    return send_error(request, 429, message, "global", "rateLimitExceeded");
}

/* ---- a result ---- */

struct result {
    const char *url, *strategy, *fields;
    uint64_t seed;
    struct buf body;
    bool first; /* of the object that is being written */
};

static bool is_wanted(const struct result *r, const char *name) {
    return !*r->fields || strstr(r->fields, name) != NULL;
}

/* ,"name": when that is wanted. */
static bool begin(struct result *r, const char *name) {
    if (!is_wanted(r, name))
        return false;
    add(&r->body, "%s\"%s\":", r->first ? "" : ",", name);
    r->first = false;
    return true;
}

static uint64_t between(struct result *r, uint64_t least, uint64_t most) {
    r->seed = r->seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return least + (r->seed >> 33) % (most - least + 1);
}

static void add_metric(struct result *r, const char *id, uint64_t p75, uint64_t good, uint64_t poor) {
    const char *category = p75 <= good ? "FAST" : p75 <= poor ? "AVERAGE" : "SLOW";
    const double share = p75 <= good ? 0.83 : p75 <= poor ? 0.61 : 0.3;
    add(&r->body,
        "%s\"%s\":{\"percentile\":%llu,\"distributions\":[{\"min\":0,\"max\":%llu,\"proportion\":%.4f},{\"min\":%llu,\"max\":%llu,\"proportion\":%.4f},{"
        "\"min\":%llu,\"proportion\":%.4f}],\"category\":\"%s\"}",
        r->first ? "" : ",", id, (unsigned long long)p75, (unsigned long long)good, share, (unsigned long long)good, (unsigned long long)poor,
        (1 - share) * 0.7, (unsigned long long)poor, (1 - share) * 0.3, category);
    r->first = false;
}

static void add_experience(struct result *r, const char *name, bool any, bool fallback) {
    if (!begin(r, name))
        return;
    add(&r->body, "{");
    if (any) {
        add(&r->body, "\"id\":");
        add_quoted(&r->body, r->url);
        add(&r->body, ",\"metrics\":{");
        r->first = true;
        add_metric(r, "CUMULATIVE_LAYOUT_SHIFT_SCORE", between(r, 0, 30), 10, 25);
        add_metric(r, "EXPERIMENTAL_TIME_TO_FIRST_BYTE", between(r, 100, 2200), 800, 1800);
        add_metric(r, "FIRST_CONTENTFUL_PAINT_MS", between(r, 700, 3600), 1800, 3000);
        if (between(r, 0, 3))
            add_metric(r, "INTERACTION_TO_NEXT_PAINT", between(r, 40, 600), 200, 500);
        add_metric(r, "LARGEST_CONTENTFUL_PAINT_MS", between(r, 900, 4800), 2500, 4000);
        add(&r->body, "},\"overall_category\":\"AVERAGE\",");
    }
    add(&r->body, "\"initial_url\":");
    add_quoted(&r->body, r->url);
    add(&r->body, "%s}", fallback ? ",\"origin_fallback\":true" : "");
    r->first = false;
}

static void add_audit(struct result *r, const char *id, const char *title, double value, const char *details) {
    if (!begin(r, id))
        return;
    add(&r->body,
        "{\"id\":\"%s\",\"title\":\"%s\",\"description\":\"What is measured here, and "
        "why.\",\"score\":0.5,\"scoreDisplayMode\":\"numeric\",\"numericValue\":%.12g,\"numericUnit\":\"unitless\"%s%s}",
        id, title, value, *details ? "," : "", details);
}

static void add_audits(struct result *r) {
    char details[300];
    add(&r->body, "{");
    r->first = true;
    add_audit(r, "first-contentful-paint", "First Contentful Paint", (double)between(r, 700, 4000) + 0.25, "");
    add_audit(r, "largest-contentful-paint", "Largest Contentful Paint", (double)between(r, 900, 9000) + 0.5, "");
    add_audit(r, "cumulative-layout-shift", "Cumulative Layout Shift", (double)between(r, 0, 400) / 1000, "");
    add_audit(r, "total-blocking-time", "Total Blocking Time", (double)between(r, 0, 2000), "");
    add_audit(r, "speed-index", "Speed Index", (double)between(r, 900, 8000), "");
    add_audit(r, "server-response-time", "Initial server response time was short", (double)between(r, 20, 900), "");
    add_audit(r, "total-byte-weight", "Avoids enormous network payloads", (double)between(r, 20000, 6000000), "");
    str_format(details, sizeof details, "\"details\":{\"type\":\"opportunity\",\"overallSavingsMs\":%u,\"overallSavingsBytes\":%u,\"items\":[]}",
               (unsigned)between(r, 0, 900), (unsigned)between(r, 0, 400000));
    add_audit(r, "unused-javascript", "Reduce unused JavaScript", 1, details);
    str_format(
        details, sizeof details,
        "\"metricSavings\":{\"FCP\":%u,\"LCP\":%u},\"details\":{\"type\":\"table\",\"items\":[],\"debugData\":{\"type\":\"debugdata\",\"wastedBytes\":%u}}",
        (unsigned)between(r, 0, 300), (unsigned)between(r, 0, 900), (unsigned)between(r, 0, 90000));
    add_audit(r, "image-delivery-insight", "Improve image delivery", 1, details);
    add_audit(r, "an-audit-of-next-year", "An audit that nobody knows yet", 1, "\"details\":{\"type\":\"novelty\"}");
    if (begin(r, "final-screenshot"))
        add(&r->body, "{\"id\":\"final-screenshot\",\"details\":{\"type\":\"screenshot\",\"data\":\"data:image/jpeg;base64,/9j/4AAQSkZJRgABAQAAAQABAAD\"}}");
    add(&r->body, "}");
    r->first = false;
}

static void add_time(struct buf *out) {
    struct timespec now;
    struct tm parts;
    char text[40];
    clock_gettime(CLOCK_REALTIME, &now);
    strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", gmtime_r(&now.tv_sec, &parts));
    add(out, "\"%s.%03ldZ\"", text, now.tv_nsec / 1000000);
}

static void add_screenshot(struct result *r, size_t bytes) {
    static const char fill[] = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAA";
    if (bytes <= r->body.length || !begin(r, "fullPageScreenshot"))
        return;
    add(&r->body, "{\"nodes\":{},\"screenshot\":{\"width\":412,\"height\":9000,\"data\":\"data:image/webp;base64,");
    while (r->body.length < bytes)
        must(buf_add(&r->body, fill, sizeof fill - 1) == RC_OK, "buffer");
    add(&r->body, "\"}}");
}

/* The categories that were asked for. */
static void add_categories(struct result *r, struct request *request) {
    static const struct { const char *asked, *id; } names[] = {{"ACCESSIBILITY", "accessibility"}, {"BEST_PRACTICES", "best-practices"}, {"SEO", "seo"}};
    add(&r->body, "{\"performance\":{\"id\":\"performance\",\"title\":\"Performance\",\"score\":%.2f}", (double)between(r, 20, 100) / 100);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (strstr(request->categories, names[i].asked))
            add(&r->body, ",\"%s\":{\"id\":\"%s\",\"title\":\"%s\",\"score\":%.2f}", names[i].id, names[i].id, names[i].id, (double)between(r, 60, 100) / 100);
    }
    add(&r->body, "}");
}

static void add_lighthouse(struct result *r, struct request *request, const char *code, const char *message) {
    add(&r->body, "{");
    r->first = true;
    static const char *const urls[] = {"requestedUrl", "finalUrl", "mainDocumentUrl", "finalDisplayedUrl"};
    for (size_t i = 0; i < sizeof urls / sizeof *urls; i++)
        if (begin(r, urls[i]))
            add_quoted(&r->body, r->url);
    if (begin(r, "lighthouseVersion"))
        add(&r->body, "\"12.8.2\"");
    if (begin(r, "userAgent"))
        add(&r->body, "\"Mozilla/5.0 (X11; Linux x86_64) HeadlessChrome/139.0.0.0\"");
    if (begin(r, "fetchTime"))
        add_time(&r->body);
    if (begin(r, "runWarnings"))
        add(&r->body, "[]");
    if (begin(r, "configSettings"))
        add(&r->body, "{\"formFactor\":\"%s\",\"emulatedFormFactor\":\"%s\",\"locale\":\"en-US\",\"channel\":\"lr\"}", r->strategy, r->strategy);
    if (*code && begin(r, "runtimeError")) {
        add(&r->body, "{\"code\":");
        add_quoted(&r->body, code);
        add(&r->body, ",\"message\":");
        add_quoted(&r->body, message);
        add(&r->body, "}");
    }
    if (begin(r, "categories"))
        add_categories(r, request);
    if (begin(r, "audits"))
        add_audits(r);
    add_screenshot(r, *r->fields ? 0 : request->server->options.bytes);
    add(&r->body, "}");
    r->first = false;
}

static struct buf make_result(struct request *request, const char *code, const char *message) {
    struct result r = {.url = argument(request, "url"), .fields = argument(request, "fields"), .first = true, .body = BUF_INIT(ANSWER_MAX)};
    r.strategy = strcasecmp(argument(request, "strategy"), "mobile") == 0 ? "mobile" : "desktop";
    r.seed = hash_of(r.url, r.strategy);
    const unsigned field = (unsigned)(hash_of(r.url, "") % 3); /* the same for both strategies */
    add(&r.body, "{");
    if (begin(&r, "captchaResult"))
        add(&r.body, "\"CAPTCHA_NOT_NEEDED\"");
    if (begin(&r, "kind"))
        add(&r.body, "\"pagespeedonline#result\"");
    if (begin(&r, "id"))
        add_quoted(&r.body, r.url);
    add_experience(&r, "loadingExperience", field > 0, field == 2);
    add_experience(&r, "originLoadingExperience", field > 0, false);
    if (begin(&r, "lighthouseResult"))
        add_lighthouse(&r, request, code, message);
    if (begin(&r, "analysisUTCTimestamp"))
        add_time(&r.body);
    add(&r.body, "}\n");
    return r.body;
}

/* ---- requests ---- */

static enum MHD_Result one_category(void *context, enum MHD_ValueKind kind, const char *name, const char *value) {
    struct request *request = context;
    char joined[sizeof request->categories];
    (void)kind;
    if (strcmp(name, "category") != 0 || !value || !str_format(joined, sizeof joined, "%s%s%s", request->categories, *request->categories ? " " : "", value))
        return MHD_YES;
    for (char *at = joined; *at; at++)
        *at = *at == '-' ? '_' : *at >= 'a' && *at <= 'z' ? (char)(*at - 32) : *at;
    return str_copy(request->categories, sizeof request->categories, joined) ? MHD_YES : MHD_NO;
}

/* The rule that acts on this request; kind NONE when none does. */
static struct rule rule_for(struct server *server, const char *url, const char *strategy) {
    struct rule acting = {.kind = KIND_NONE};
    for (size_t i = 0; i < server->rules_count; i++) {
        struct rule *rule = &server->rules[i];
        if (!strstr(url, rule->url) || (*rule->strategy && strcasecmp(rule->strategy, strategy) != 0))
            continue;
        rule->seen++;
        if (acting.kind == KIND_NONE && rule->seen >= rule->at && (rule->count < 0 || rule->seen < rule->at + rule->count))
            acting = *rule;
    }
    return acting;
}

static bool minute_is_full(struct server *server) {
    const uint32_t limit = server->options.minute;
    const int64_t now = mono_ms();
    if (!limit)
        return false;
    if (server->arrivals >= limit && now - server->arrivals_ms[(server->arrivals - limit) % MINUTE_MAX] < 60000)
        return true;
    server->arrivals_ms[server->arrivals++ % MINUTE_MAX] = now;
    return false;
}

static void log_request(struct request *request, const char *answer) {
    struct buf *log = &request->server->log;
    static const char *const names[] = {"url", "strategy", "locale", "fields", "key"};
    add(log, "{");
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        add(log, "\"%s\":", names[i]);
        add_quoted(log, argument(request, names[i]));
        add(log, ",");
    }
    add(log, "\"categories\":");
    add_quoted(log, request->categories);
    add(log, ",\"answer\":\"%s\"}\n", answer);
}

/* What a URL gets by its own words. */
static struct rule named_rule(const char *url) {
    struct rule rule = {.kind = KIND_NONE, .status = 500};
    if (strstr(url, "dead-dns")) {
        rule.kind = KIND_ERROR;
        str_copy(rule.code, sizeof rule.code, "DNS_FAILURE");
    } else if (strstr(url, "dead-refused")) {
        rule.kind = KIND_ERROR;
        rule.status = 400;
        str_copy(rule.code, sizeof rule.code, "FAILED_DOCUMENT_REQUEST");
        str_copy(rule.details, sizeof rule.details, "Details: net::ERR_CONNECTION_REFUSED");
    } else if (strstr(url, "dead-404")) {
        rule.kind = KIND_ERROR;
        str_copy(rule.code, sizeof rule.code, "ERRORED_DOCUMENT_REQUEST");
        str_copy(rule.details, sizeof rule.details, "Status code: 404");
    } else if (strstr(url, "runtime-error")) {
        rule.kind = KIND_RUNTIME;
        str_copy(rule.code, sizeof rule.code, "NOT_HTML");
        str_copy(rule.details, sizeof rule.details, "The page provided is not HTML.");
    }
    return rule;
}

static enum MHD_Result act(struct request *request, const struct rule *rule) {
    switch (rule->kind) {
    case KIND_WRONG:
        return send_error(request, 500, "Lighthouse returned error: Something went wrong.", "lighthouse", "lighthouseError");
    case KIND_ERROR:
        return send_lighthouse(request, (unsigned)rule->status, rule->code, rule->details);
    case KIND_MINUTE:
        return send_quota(request, "minute", "123456789012");
    case KIND_DAY:
        return send_quota(request, "day", "123456789012");
    case KIND_STATUS: {
        struct buf body = BUF_INIT(ANSWER_MAX);
        add(&body, "%s", rule->body);
        return send_body(request, (unsigned)rule->status, &body);
    }
    case KIND_DROP:
        return MHD_NO;
    case KIND_SLOW:
        wait_ms(request->server, rule->ms);
        break;
    case KIND_NONE:
    case KIND_RUNTIME:
    case KIND_TRUNCATE:
        break;
    }
    struct buf body = make_result(request, rule->kind == KIND_RUNTIME ? rule->code : "", rule->details);
    if (rule->kind == KIND_TRUNCATE)
        body.length /= 2;
    return send_body(request, 200, &body);
}

static enum MHD_Result run(struct request *request) {
    struct server *server = request->server;
    const char *url = argument(request, "url"), *key = argument(request, "key");
    MHD_get_connection_values(request->connection, MHD_GET_ARGUMENT_KIND, one_category, request);
    pthread_mutex_lock(&server->lock);
    struct rule rule = rule_for(server, url, argument(request, "strategy"));
    server->requests++;
    const bool keyless = server->options.key && !*key, wrong_key = server->options.key && *key && strcmp(key, server->options.key) != 0;
    const bool full = !keyless && !wrong_key && minute_is_full(server), over = server->options.day && server->requests > server->options.day;
    if (rule.kind == KIND_NONE)
        rule = named_rule(url);
    log_request(request, keyless || wrong_key ? "key" : over ? "day" : full ? "minute" : kind_names[rule.kind]);
    server->answered += !keyless && !wrong_key && !full && !over && (rule.kind == KIND_NONE || rule.kind == KIND_SLOW);
    server->in_flight++;
    server->max_in_flight = server->in_flight > server->max_in_flight ? server->in_flight : server->max_in_flight;
    request->counted = true;
    pthread_mutex_unlock(&server->lock);
    if (keyless)
        return send_quota(request, "day", SHARED_PROJECT);
    if (wrong_key)
        return send_error(request, 400, "API key not valid. Please pass a valid API key.", "global", "badRequest");
    if (over || full)
        return send_quota(request, over ? "day" : "minute", "123456789012");
    if (strncasecmp(url, "http://", 7) != 0 && strncasecmp(url, "https://", 8) != 0)
        return send_error(request, 400, "Invalid value ''. Values must match the following regular expression: '(?i)(url:|origin:)?http(s)?://.*'", "global",
                          "invalidParameter");
    return act(request, &rule);
}

/* ---- control ---- */

static void take(const cJSON *item, const char *name, char *out, size_t size) {
    const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(item, name));
    str_copy(out, size, text ? text : "");
}

static int64_t number(const cJSON *item, const char *name, int64_t otherwise) {
    const cJSON *value = cJSON_GetObjectItemCaseSensitive(item, name);
    return cJSON_IsNumber(value) ? (int64_t)value->valuedouble : otherwise;
}

static bool read_rule(const cJSON *item, struct rule *rule) {
    const char *kind = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(item, "kind"));
    *rule =
        (struct rule){.at = number(item, "at", 1), .count = number(item, "count", 1), .status = number(item, "status", 500), .ms = number(item, "ms", 1000)};
    for (size_t i = 1; kind && i < sizeof kind_names / sizeof *kind_names; i++)
        if (strcmp(kind, kind_names[i]) == 0)
            rule->kind = (enum kind)i;
    take(item, "url", rule->url, sizeof rule->url);
    take(item, "strategy", rule->strategy, sizeof rule->strategy);
    take(item, "code", rule->code, sizeof rule->code);
    take(item, cJSON_HasObjectItem(item, "message") ? "message" : "details", rule->details, sizeof rule->details);
    take(item, "body", rule->body, sizeof rule->body);
    return rule->kind != KIND_NONE;
}

static enum MHD_Result send_text(struct request *request, unsigned status, const char *text) {
    struct buf body = BUF_INIT(ANSWER_MAX);
    add(&body, "%s", text);
    return send_body(request, status, &body);
}

static enum MHD_Result set_rules(struct request *request) {
    struct server *server = request->server;
    cJSON *json = cJSON_ParseWithOpts(buf_text(&request->body), NULL, 1);
    const cJSON *list = cJSON_GetObjectItemCaseSensitive(json, "rules"), *item;
    bool good = cJSON_IsArray(list) && cJSON_GetArraySize(list) <= (int)RULES_MAX;
    pthread_mutex_lock(&server->lock);
    server->rules_count = 0;
    cJSON_ArrayForEach(item, list) good = good && read_rule(item, &server->rules[server->rules_count++]);
    if (!good)
        server->rules_count = 0;
    pthread_mutex_unlock(&server->lock);
    cJSON_Delete(json);
    return send_text(request, good ? 200 : 400, good ? "{\"ok\":true}" : "{\"error\":\"unknown or malformed rule\"}");
}

static enum MHD_Result control(struct request *request, const char *method, const char *path) {
    struct server *server = request->server;
    struct buf body = BUF_INIT(LOG_MAX);
    if (strcmp(method, "POST") == 0 && strcmp(path, "/_rules") == 0)
        return set_rules(request);
    pthread_mutex_lock(&server->lock);
    bool known = true;
    if (strcmp(path, "/_stats") == 0)
        add(&body, "{\"requests\":%llu,\"answered\":%llu,\"max_in_flight\":%llu}", (unsigned long long)server->requests, (unsigned long long)server->answered,
            (unsigned long long)server->max_in_flight);
    else if (strcmp(path, "/_log") == 0)
        must(buf_add(&body, buf_text(&server->log), server->log.length) == RC_OK, "buffer");
    else if (strcmp(path, "/_reset") == 0) {
        server->requests = server->answered = server->arrivals = server->max_in_flight = 0;
        buf_reset(&server->log);
        add(&body, "{\"ok\":true}");
    } else
        known = false;
    pthread_mutex_unlock(&server->lock);
    if (!known)
        add(&body, "{\"error\":\"not found\"}");
    return send_body(request, known ? 200 : 404, &body);
}

static enum MHD_Result on_request(void *cls, struct MHD_Connection *connection, const char *path, const char *method, const char *version, const char *upload,
                                  size_t *upload_size, void **context) {
    struct request *request = *context;
    (void)version;
    if (!request) {
        *context = request = calloc(1, sizeof *request);
        must(request, "calloc");
        request->server = cls;
        request->connection = connection;
        buf_init(&request->body, (size_t)1 << 20);
        return MHD_YES;
    }
    if (*upload_size > 0) {
        (void)buf_add(&request->body, upload, *upload_size);
        *upload_size = 0;
        return MHD_YES;
    }
    return strcmp(path, "/pagespeedonline/v5/runPagespeed") == 0 && strcmp(method, "GET") == 0 ? run(request) : control(request, method, path);
}

static void on_completed(void *cls, struct MHD_Connection *connection, void **context, enum MHD_RequestTerminationCode code) {
    struct request *request = *context;
    (void)cls, (void)connection, (void)code;
    if (!request)
        return;
    if (request->counted) {
        pthread_mutex_lock(&request->server->lock);
        request->server->in_flight--;
        pthread_mutex_unlock(&request->server->lock);
    }
    buf_release(&request->body);
    free(request);
    *context = NULL;
}

/* ---- start and stop ---- */

static bool options_parse(int argc, char **argv, struct options *options) {
    static const struct option names[] = {{"port", 1, NULL, 'p'},   {"port-file", 1, NULL, 'f'}, {"key", 1, NULL, 'k'}, {"bytes", 1, NULL, 'b'},
                                          {"minute", 1, NULL, 'm'}, {"day", 1, NULL, 'd'},       {NULL, 0, NULL, 0}};
    *options = (struct options){.bytes = 400000};
    for (int option; (option = getopt_long(argc, argv, "", names, NULL)) != -1;) {
        uint64_t value = 0;
        if (option == 'f')
            options->port_file = optarg;
        else if (option == 'k')
            options->key = optarg;
        else if (option == '?' || !str_to_u64(optarg, 0, option == 'p' ? 65535 : option == 'm' ? MINUTE_MAX : 50000000, &value))
            return false;
        if (option == 'p')
            options->port = (uint16_t)value;
        else if (option == 'b')
            options->bytes = (uint32_t)value;
        else if (option == 'm')
            options->minute = (uint32_t)value;
        else if (option == 'd')
            options->day = (uint32_t)value;
    }
    return optind == argc;
}

/* Until SIGTERM or SIGINT. */
static int serve(struct server *server, int stop_write) {
    struct sockaddr_in address = standin_address(server->options.port);
    const sigset_t signals = standin_signals();
    struct MHD_Daemon *daemon =
        MHD_start_daemon(MHD_USE_THREAD_PER_CONNECTION | MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_POLL | MHD_USE_ITC, 0, NULL, NULL, on_request, server,
                         MHD_OPTION_SOCK_ADDR, (struct sockaddr *)&address, MHD_OPTION_NOTIFY_COMPLETED, on_completed, NULL, MHD_OPTION_LISTENING_ADDRESS_REUSE,
                         1u, MHD_OPTION_THREAD_STACK_SIZE, (size_t)512 * 1024, MHD_OPTION_END);
    const int status = standin_wait(daemon, &signals, "http", server->options.port_file);
    close(stop_write);
    if (daemon)
        MHD_stop_daemon(daemon);
    return status;
}

int main(int argc, char **argv) {
    struct server *server = calloc(1, sizeof *server);
    int stop[2];
    must(server && pipe(stop) == 0, "start");
    server->stop_read = stop[0];
    pthread_mutex_init(&server->lock, NULL);
    buf_init(&server->log, LOG_MAX);
    if (!options_parse(argc, argv, &server->options)) {
        fputs("usage: pagespeedapi [--port 0] [--port-file FILE] [--key KEY] [--bytes 400000] [--minute N] [--day N]\n", stderr);
        free(server);
        return EX_USAGE;
    }
    const int status = serve(server, stop[1]);
    buf_release(&server->log);
    free(server);
    return status;
}
