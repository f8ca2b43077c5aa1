// SPDX-License-Identifier: Apache-2.0
/*
 * pagedapi: an API on the loopback address that pages in every style there is, to test batchspool's paginators, rates and credentials against.
 *
 * GET and POST /page_number /offset /cursor /header_cursor /header_link /json_link /odata /single, and /items (as /offset):
 *   {"data":[{"id":"r000001","n":1,"updated_at":"2026-01-01T00:00:01Z","price":P,"text":T},...]} ("value" and "@odata.count" at /odata), the total, and
 *   what names the next page: cursors.next, X-Next-Cursor, Link, next, @odata.nextLink.
 * limit, offset, page and cursor come as query parameters ($top, $skip, $skiptoken at /odata), as members of the JSON body or of its "paging", or as the
 * headers X-Limit and so on; so do count (what the search finds, at most all records), price_min, price_max (inclusive) and `since_param`. In the body also
 * {"Criteria":[{"name":"Price","value":[[lo,hi]]},{"name":"Count","value":[n]}]}. A cursor that was not given out is answered with 400.
 *
 * Control, neither counted nor logged: POST /_set (some of the settings below), POST /_reset (all as at the start), GET /_stats, and GET /_log, an object
 * a line for each request: {"method","url","status","first","count","headers","body"}. Settings; K is a page by its place in the search, from 1, 0: none:
 *   records   cap 500 (most of a page)   default_limit 100   base 0 (the number of the first page)   prices 1000 (how many there are)   text_bytes 60
 *   touch N: the first N records were changed, after all others   since_param "since"   since_after: later than that time, else also at it
 *   ignore_limit (pages of cap records)   ignore_offset   max_offset (400 beyond it)   has_more   delay_ms
 *   total: body, header, none, zero, changing (too much, but on the last page), pages, text
 *   cursor: text, number, object, odd, huge (of cursor_bytes 20000)
 *   link: absolute, relative (to the query), path, many, odd, foreign (another host's), http
 *   loop_at K: the page after it is the second again   empty_at K: it has no records, more follow   short_at K: it has a record fewer than asked
 *   duplicate_at K: its first record is the last of the page before   early_end_at K: the records end before it, whatever the total says
 *   fail_at N, fail_count 1, fail_status 503: the Nth request, and so many, are answered so; 0: not at all
 *   rate {style, limit, window_ms, retry_after}: windows by the clock; style: none, ratelimit, epoch, delta, structured, single, openai;
 *     retry_after: none, seconds, date
 *   auth: "none", "bearer TOKEN", "basic USER:PASSWORD", "api_key header NAME VALUE", "api_key query NAME VALUE", "oauth2 ID SECRET": a token of
 *     POST /oauth/token (client credentials, by basic authentication or in the form) that lives oauth_expires 3600 seconds; the first oauth_fail
 *     requests get 500; with oauth_refuse all get 401. POST /oauth/_revoke ends all tokens.
 * With --client-ca a request without a good client certificate gets 403. With --proxy it is a plain HTTP proxy (absolute URLs, http alone) that asks
 * for --proxy-auth and knows only the control paths besides.
 */
#include "base/buf.h"
#include "base/str.h"
#include "standin.h"

#include <cjson/cJSON.h>
#include <curl/curl.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <openssl/evp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#define BODY_MAX ((size_t)1 << 28)
#define REQUEST_BODY_MAX ((size_t)1 << 20)
#define FILE_BYTES_MAX ((size_t)1 << 20)
#define TEXT_MAX 512u
#define REPLY_HEADERS_MAX 24u
#define TOKENS_MAX 1024u
#define STATUS_MAX 600u
#define FIRST_DAY 1767225600 /* 2026-01-01 */
#define ANEW 1000000000u     /* in a cursor: the empty page at this position was seen */
#define NO_PAGE UINT64_MAX   /* it begins where no page of this limit does */

/* ---- settings ---- */

enum total { TOTAL_BODY, TOTAL_HEADER, TOTAL_NONE, TOTAL_ZERO, TOTAL_CHANGING, TOTAL_PAGES, TOTAL_TEXT };
enum cursor { CURSOR_TEXT, CURSOR_NUMBER, CURSOR_OBJECT, CURSOR_ODD, CURSOR_HUGE };
enum link { LINK_ABSOLUTE, LINK_RELATIVE, LINK_PATH, LINK_MANY, LINK_ODD, LINK_FOREIGN, LINK_HTTP };
enum rate { RATE_NONE, RATE_RATELIMIT, RATE_EPOCH, RATE_DELTA, RATE_STRUCTURED, RATE_SINGLE, RATE_OPENAI };
enum wait { WAIT_NONE, WAIT_SECONDS, WAIT_DATE };

struct settings {
    uint64_t records, cap, default_limit, base, prices, text_bytes, touch, max_offset, delay_ms, cursor_bytes;
    uint64_t loop_at, empty_at, short_at, duplicate_at, early_end_at, fail_at, fail_count, fail_status;
    uint64_t rate_limit, rate_window_ms, oauth_expires, oauth_fail;
    uint64_t since_after, ignore_limit, ignore_offset, has_more, oauth_refuse; /* 0 or 1 */
    uint64_t total, cursor, link, rate_style, rate_retry_after;                /* the enums above */
    char since_param[TEXT_MAX], auth[TEXT_MAX];
};

static const struct settings initial = {.records = 1000,
                                        .cap = 500,
                                        .default_limit = 100,
                                        .prices = 1000,
                                        .text_bytes = 60,
                                        .max_offset = UINT64_MAX,
                                        .cursor_bytes = 20000,
                                        .fail_count = 1,
                                        .fail_status = 503,
                                        .rate_window_ms = 1000,
                                        .oauth_expires = 3600,
                                        .since_param = "since",
                                        .auth = "none"};

/* One row a setting: a text with `text`, one of some words with `words`, true or false with `flag`, else a number. */
static const struct setting {
    const char *name;
    size_t offset;
    const char *words[8];
    bool text, flag;
} setting_rows[] = {
    {.name = "records", .offset = offsetof(struct settings, records)},
    {.name = "cap", .offset = offsetof(struct settings, cap)},
    {.name = "default_limit", .offset = offsetof(struct settings, default_limit)},
    {.name = "base", .offset = offsetof(struct settings, base)},
    {.name = "prices", .offset = offsetof(struct settings, prices)},
    {.name = "text_bytes", .offset = offsetof(struct settings, text_bytes)},
    {.name = "touch", .offset = offsetof(struct settings, touch)},
    {.name = "since_param", .offset = offsetof(struct settings, since_param), .text = true},
    {.name = "since_after", .offset = offsetof(struct settings, since_after), .flag = true},
    {.name = "ignore_limit", .offset = offsetof(struct settings, ignore_limit), .flag = true},
    {.name = "ignore_offset", .offset = offsetof(struct settings, ignore_offset), .flag = true},
    {.name = "max_offset", .offset = offsetof(struct settings, max_offset)},
    {.name = "total", .offset = offsetof(struct settings, total), .words = {"body", "header", "none", "zero", "changing", "pages", "text"}},
    {.name = "has_more", .offset = offsetof(struct settings, has_more), .flag = true},
    {.name = "delay_ms", .offset = offsetof(struct settings, delay_ms)},
    {.name = "cursor", .offset = offsetof(struct settings, cursor), .words = {"text", "number", "object", "odd", "huge"}},
    {.name = "cursor_bytes", .offset = offsetof(struct settings, cursor_bytes)},
    {.name = "link", .offset = offsetof(struct settings, link), .words = {"absolute", "relative", "path", "many", "odd", "foreign", "http"}},
    {.name = "loop_at", .offset = offsetof(struct settings, loop_at)},
    {.name = "empty_at", .offset = offsetof(struct settings, empty_at)},
    {.name = "short_at", .offset = offsetof(struct settings, short_at)},
    {.name = "duplicate_at", .offset = offsetof(struct settings, duplicate_at)},
    {.name = "early_end_at", .offset = offsetof(struct settings, early_end_at)},
    {.name = "fail_at", .offset = offsetof(struct settings, fail_at)},
    {.name = "fail_count", .offset = offsetof(struct settings, fail_count)},
    {.name = "fail_status", .offset = offsetof(struct settings, fail_status)},
    {.name = "auth", .offset = offsetof(struct settings, auth), .text = true},
    {.name = "oauth_expires", .offset = offsetof(struct settings, oauth_expires)},
    {.name = "oauth_fail", .offset = offsetof(struct settings, oauth_fail)},
    {.name = "oauth_refuse", .offset = offsetof(struct settings, oauth_refuse), .flag = true},
};
static const struct setting rate_rows[] = {
    {.name = "style", .offset = offsetof(struct settings, rate_style), .words = {"none", "ratelimit", "epoch", "delta", "structured", "single", "openai"}},
    {.name = "limit", .offset = offsetof(struct settings, rate_limit)},
    {.name = "window_ms", .offset = offsetof(struct settings, rate_window_ms)},
    {.name = "retry_after", .offset = offsetof(struct settings, rate_retry_after), .words = {"none", "seconds", "date"}},
};

/* ---- the server ---- */

struct options {
    uint16_t port;
    const char *port_file, *cert, *key, *client_ca, *proxy_auth;
    bool proxy;
    struct settings settings;
};

struct token {
    char text[48];
    int64_t ends_us;
};

struct server {
    struct options options; /* const after start */
    int stop_read;          /* at end of file once the server stops; wakes sleepers */
    pthread_mutex_t lock;   /* all below */

    struct settings set;
    struct buf log;
    struct token tokens[TOKENS_MAX];
    int64_t window; /* number of the present one, since 1970 */
    uint64_t window_count;
    uint64_t requests, over, token_requests, tokens_given, in_flight, max_in_flight;
    uint64_t statuses[STATUS_MAX];
};

struct header {
    char name[48];
    char *value; /* owned */
};

/* One request, and its answer while it is made. */
struct request {
    struct server *server;
    struct MHD_Connection *connection;
    char *url; /* as it came; owned */
    char method[16];
    int fd;
    bool begun, counted, too_big, logged;
    struct buf body;
    cJSON *json; /* of the body, or NULL */
    struct header headers[REPLY_HEADERS_MAX];
    unsigned header_count;
    uint64_t first, count; /* the records of the answer */
};

enum style { STYLE_PAGE, STYLE_OFFSET, STYLE_CURSOR, STYLE_HEADER_CURSOR, STYLE_HEADER_LINK, STYLE_JSON_LINK, STYLE_ODATA, STYLE_SINGLE };

struct search {
    enum style style;
    const char *path;
    uint32_t *numbers; /* of the records that it finds, when not all; owned */
    uint64_t total, position, limit;
    uint64_t page; /* its number, from 1 */
    bool anew;     /* after an empty page at the same position */
};

/* What a page holds, and where the next begins. */
struct page {
    uint64_t first, count, next;
    bool more, anew;
};

/* ---- small things ---- */

static void add_text(struct buf *b, const char *text) {
    must(buf_add_text(b, text) == RC_OK, "buffer");
}

__attribute__((format(printf, 2, 3))) static void add(struct buf *b, const char *format, ...) {
    va_list args;
    va_start(args, format);
    must(buf_vprintf(b, format, args) == RC_OK, "buffer");
    va_end(args);
}

static int64_t now_us(clockid_t clock) {
    struct timespec now;
    clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* False when the client has gone or the server stops before the time is over. */
static bool wait_ms(const struct request *request, uint64_t ms) {
    int64_t end = now_us(CLOCK_MONOTONIC) + (int64_t)ms * 1000;
    for (;;) {
        int64_t left = (end - now_us(CLOCK_MONOTONIC) + 999) / 1000;
        if (left <= 0)
            return true;
        struct pollfd fds[2] = {{.fd = request->server->stop_read, .events = POLLIN}, {.fd = request->fd, .events = POLLRDHUP}};
        if (poll(fds, 2, left > INT_MAX ? INT_MAX : (int)left) > 0)
            return false;
    }
}

static void add_quoted(struct buf *b, const char *text) {
    cJSON *item = cJSON_CreateString(text);
    char *quoted = item ? cJSON_PrintUnformatted(item) : NULL;
    must(quoted, "text");
    add_text(b, quoted);
    free(quoted);
    cJSON_Delete(item);
}

static void add_escaped(struct buf *b, const char *text) {
    for (; *text; text++)
        if (strchr("-._~", *text) || (*text >= '0' && *text <= '9') || (*text >= 'a' && *text <= 'z') || (*text >= 'A' && *text <= 'Z'))
            must(buf_add_char(b, *text) == RC_OK, "buffer");
        else
            add(b, "%%%02X", (unsigned char)*text);
}

/* ---- reading settings ---- */

static bool setting_write(struct settings *settings, const struct setting *row, const cJSON *item) {
    char *at = (char *)settings + row->offset;
    uint64_t value = 0;
    if (row->text)
        return cJSON_IsString(item) && str_copy(at, TEXT_MAX, item->valuestring);
    if (row->words[0]) {
        while (value < 8 && row->words[value] && strcmp(row->words[value], cJSON_IsString(item) ? item->valuestring : "") != 0)
            value++;
        if (value == 8 || !row->words[value])
            return false;
    } else if (row->flag) {
        if (!cJSON_IsBool(item))
            return false;
        value = cJSON_IsTrue(item) ? 1 : 0;
    } else {
        if (!cJSON_IsNumber(item) || item->valuedouble < 0 || item->valuedouble > 1e15)
            return false;
        value = (uint64_t)item->valuedouble;
    }
    memcpy(at, &value, sizeof value);
    return true;
}

/* The name of the first member that is unknown or malformed; NULL when all were taken. */
static const char *settings_read(struct settings *settings, const struct setting *rows, size_t row_count, const cJSON *object) {
    const cJSON *item;
    cJSON_ArrayForEach(item, object) {
        bool good = false;
        if (rows == setting_rows && strcmp(item->string, "rate") == 0) {
            const char *wrong = settings_read(settings, rate_rows, sizeof rate_rows / sizeof *rate_rows, item);
            if (wrong)
                return wrong;
            continue;
        }
        for (size_t i = 0; i < row_count && !good; i++)
            good = strcmp(rows[i].name, item->string) == 0 && setting_write(settings, &rows[i], item);
        if (!good)
            return item->string;
    }
    return NULL;
}

static const char *settings_check(const struct settings *settings) {
    if (settings->records >= ANEW)
        return "records";
    if (settings->cap == 0 || settings->default_limit == 0)
        return "cap";
    return settings->prices == 0 ? "prices" : settings->rate_window_ms == 0 ? "window_ms" : settings->fail_status >= STATUS_MAX ? "fail_status" : NULL;
}

/* ---- answers ---- */

__attribute__((format(printf, 3, 4))) static void reply_header(struct request *request, const char *name, const char *format, ...) {
    struct buf value = BUF_INIT(BODY_MAX);
    va_list args;
    va_start(args, format);
    must(request->header_count < REPLY_HEADERS_MAX && buf_vprintf(&value, format, args) == RC_OK, "header");
    va_end(args);
    struct header *header = &request->headers[request->header_count++];
    str_copy(header->name, sizeof header->name, name);
    header->value = buf_take(&value);
}

static enum MHD_Result log_header(void *cls, enum MHD_ValueKind kind, const char *name, const char *value) {
    struct buf *log = cls;
    (void)kind;
    if (log->data[log->length - 1] != '{')
        add_text(log, ",");
    char lower[128];
    size_t length = 0;
    for (; length < sizeof lower - 1 && name[length]; length++)
        lower[length] = name[length] >= 'A' && name[length] <= 'Z' ? (char)(name[length] - 'A' + 'a') : name[length];
    lower[length] = '\0';
    add_quoted(log, lower);
    add_text(log, ":");
    add_quoted(log, value ? value : "");
    return MHD_YES;
}

static void log_request(struct request *request, unsigned status) {
    struct buf *log = &request->server->log;
    add(log, "{\"method\":\"%s\",\"url\":", request->method);
    add_quoted(log, request->url);
    add(log, ",\"status\":%u,\"first\":%llu,\"count\":%llu,\"headers\":{", status, (unsigned long long)request->first, (unsigned long long)request->count);
    MHD_get_connection_values(request->connection, MHD_HEADER_KIND, log_header, log);
    add_text(log, "},\"body\":");
    add_quoted(log, buf_text(&request->body));
    add_text(log, "}\n");
}

/* It is over when the answer is queued, so that a client which has it is never counted as still in flight. */
static void request_over(struct request *request, unsigned status) {
    struct server *server = request->server;
    if (request->counted) {
        request->counted = false;
        server->in_flight--;
        server->statuses[status]++;
    }
    if (request->logged) {
        request->logged = false;
        log_request(request, status);
    }
}

/* Queue the answer and take its body. */
static enum MHD_Result reply(struct request *request, unsigned status, const char *type, struct buf *body) {
    size_t length = body->length;
    char *bytes = buf_take(body);
    must(bytes, "body");
    struct MHD_Response *response = MHD_create_response_from_buffer(length, bytes, MHD_RESPMEM_MUST_FREE);
    must(response && (!type || MHD_add_response_header(response, "Content-Type", type) == MHD_YES), "response");
    for (unsigned i = 0; i < request->header_count; i++)
        must(MHD_add_response_header(response, request->headers[i].name, request->headers[i].value) == MHD_YES, "header");
    request_over(request, status);
    enum MHD_Result queued = MHD_queue_response(request->connection, status, response);
    MHD_destroy_response(response);
    return queued;
}

__attribute__((format(printf, 3, 4))) static enum MHD_Result reply_json(struct request *request, unsigned status, const char *format, ...) {
    struct buf body = BUF_INIT(BODY_MAX);
    va_list args;
    va_start(args, format);
    must(buf_vprintf(&body, format, args) == RC_OK, "buffer");
    va_end(args);
    return reply(request, status, "application/json", &body);
}

static enum MHD_Result reply_error(struct request *request, unsigned status, const char *what) {
    return reply_json(request, status, "{\"error\":\"%s\"}", what);
}

/* ---- values of a request ---- */

static const cJSON *body_member(const struct request *request, const char *name) {
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(request->json, name);
    return item ? item : cJSON_GetObjectItemCaseSensitive(cJSON_GetObjectItemCaseSensitive(request->json, "paging"), name);
}

/* A value as text, by header, body or query; false when there is none. */
static bool value_of(const struct request *request, const char *name, struct buf *out) {
    char header[TEXT_MAX + 2];
    const char *text = str_format(header, sizeof header, "X-%s", name) ? MHD_lookup_connection_value(request->connection, MHD_HEADER_KIND, header) : NULL;
    const cJSON *item = text ? NULL : body_member(request, name);
    buf_reset(out);
    if (item && !cJSON_IsString(item)) {
        char *printed = cJSON_PrintUnformatted(item);
        must(printed, "body");
        add_text(out, printed);
        free(printed);
        return true;
    }
    if (!text)
        text = item ? item->valuestring : MHD_lookup_connection_value(request->connection, MHD_GET_ARGUMENT_KIND, name);
    if (text)
        add_text(out, text);
    return text;
}

/* False when it is there and no number of [least, 10^9]. */
static bool number_of(const struct request *request, const char *name, uint64_t least, uint64_t *out) {
    struct buf text = BUF_INIT(BODY_MAX);
    bool good = !value_of(request, name, &text) || str_to_u64(buf_text(&text), least, ANEW, out);
    buf_release(&text);
    return good;
}

/* ---- records ---- */

static uint64_t price_of(const struct settings *set, uint64_t number) {
    return number * 7919 % set->prices;
}

static void time_of(const struct settings *set, uint64_t number, char out[32]) {
    struct tm parts;
    time_t when = FIRST_DAY + (time_t)(number <= set->touch ? number + set->records : number);
    strftime(out, 32, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&when, &parts));
}

static void add_record(const struct settings *set, uint64_t number, struct buf *out) {
    static const char filler[] = "Zo\\u00eb \\\"quoted\\\" M\xc3\xbcller 0123456789 ";
    char updated[32];
    time_of(set, number, updated);
    add(out, "{\"id\":\"r%06llu\",\"n\":%llu,\"updated_at\":\"%s\",\"price\":%llu,\"text\":\"", (unsigned long long)number, (unsigned long long)number, updated,
        (unsigned long long)price_of(set, number));
    for (uint64_t left = set->text_bytes; left >= sizeof filler - 1; left -= sizeof filler - 1)
        add_text(out, filler);
    for (uint64_t left = set->text_bytes % (sizeof filler - 1); left > 0; left--)
        add_text(out, "x");
    add_text(out, "\"}");
}

struct filter {
    uint64_t price_min, price_max, count;
    struct buf since;
    bool active;
};

static bool filter_criterion(const cJSON *criterion, struct filter *filter) {
    const cJSON *name = cJSON_GetObjectItemCaseSensitive(criterion, "name"), *value = cJSON_GetObjectItemCaseSensitive(criterion, "value");
    const cJSON *first = cJSON_GetArrayItem(value, 0);
    if (!cJSON_IsString(name) || !first)
        return false;
    if (strcmp(name->valuestring, "Count") == 0) {
        filter->count = cJSON_IsNumber(first) ? (uint64_t)first->valuedouble : 0;
        return cJSON_IsNumber(first);
    }
    const cJSON *low = cJSON_GetArrayItem(first, 0), *high = cJSON_GetArrayItem(first, 1);
    if (strcmp(name->valuestring, "Price") != 0 || !low || !high)
        return false;
    filter->price_min = cJSON_IsNumber(low) ? (uint64_t)low->valuedouble : 0;
    filter->price_max = cJSON_IsNumber(high) ? (uint64_t)high->valuedouble : UINT64_MAX;
    return true;
}

static bool filter_read(const struct request *request, struct filter *filter) {
    const cJSON *criterion;
    cJSON_ArrayForEach(criterion, cJSON_GetObjectItemCaseSensitive(request->json, "Criteria")) if (!filter_criterion(criterion, filter)) return false;
    if (!number_of(request, "price_min", 0, &filter->price_min) || !number_of(request, "price_max", 0, &filter->price_max) ||
        !number_of(request, "count", 0, &filter->count))
        return false;
    filter->active = filter->price_min > 0 || filter->price_max < UINT64_MAX;
    if (value_of(request, request->server->set.since_param, &filter->since))
        filter->active = true;
    return true;
}

static bool filter_finds(const struct settings *set, const struct filter *filter, uint64_t number) {
    char updated[32];
    uint64_t price = price_of(set, number);
    time_of(set, number, updated);
    int order = strcmp(updated, buf_text(&filter->since));
    return price >= filter->price_min && price <= filter->price_max && order >= (set->since_after ? 1 : 0);
}

/* What the request searches for. False: it cannot be read. */
static bool search_find(const struct request *request, struct search *search) {
    const struct settings *set = &request->server->set;
    struct filter filter = {.price_max = UINT64_MAX, .count = set->records, .since = BUF_INIT(BODY_MAX)};
    bool good = filter_read(request, &filter);
    search->total = set->records;
    if (good && filter.active) {
        search->numbers = calloc(set->records + 1, sizeof *search->numbers);
        must(search->numbers, "calloc");
        search->total = 0;
        for (uint64_t number = 1; number <= set->records; number++)
            if (filter_finds(set, &filter, number))
                search->numbers[search->total++] = (uint32_t)number;
    }
    if (search->total > filter.count)
        search->total = filter.count;
    buf_release(&filter.since);
    return good;
}

/* ---- cursors ---- */

static void add_cursor(const struct settings *set, uint64_t raw, struct buf *out) {
    switch ((enum cursor)set->cursor) {
    case CURSOR_TEXT:
        add(out, "c%010llu", (unsigned long long)raw);
        break;
    case CURSOR_NUMBER:
        add(out, "%llu", (unsigned long long)raw);
        break;
    case CURSOR_OBJECT:
        add(out, "{\"z\":[true,null],\"after\":%llu}", (unsigned long long)raw);
        break;
    case CURSOR_ODD:
        add(out, "a b&c=d%%2F+#?\"\\<\xc3\xbc>/;%llu", (unsigned long long)raw);
        break;
    case CURSOR_HUGE:
        for (uint64_t left = set->cursor_bytes; left > 20; left--)
            must(buf_add_char(out, 'h') == RC_OK, "buffer");
        add(out, "%020llu", (unsigned long long)raw);
        break;
    }
}

static void add_cursor_json(const struct settings *set, uint64_t raw, struct buf *out) {
    struct buf text = BUF_INIT(BODY_MAX);
    add_cursor(set, raw, &text);
    if (set->cursor == CURSOR_NUMBER || set->cursor == CURSOR_OBJECT)
        add_text(out, buf_text(&text));
    else
        add_quoted(out, buf_text(&text));
    buf_release(&text);
}

static bool same_json(const char *left, const char *right) {
    cJSON *a = cJSON_Parse(left), *b = cJSON_Parse(right);
    bool same = a && b && cJSON_Compare(a, b, 1);
    cJSON_Delete(a);
    cJSON_Delete(b);
    return same;
}

/* The number that ends the cursor tells the position; all of it must be as it was given out. */
static bool cursor_read(const struct request *request, const struct buf *given, uint64_t *raw) {
    const struct settings *set = &request->server->set;
    const char *text = buf_text(given);
    size_t end = strlen(text), start;
    bool good = false;
    while (end > 0 && (text[end - 1] < '0' || text[end - 1] > '9'))
        end--;
    for (start = end; start > 0 && end - start < 20 && text[start - 1] >= '0' && text[start - 1] <= '9';)
        start--;
    char digits[24];
    if (str_format(digits, sizeof digits, "%.*s", (int)(end - start), text + start) && str_to_u64(digits, 0, 2ull * ANEW, raw)) {
        struct buf wanted = BUF_INIT(BODY_MAX);
        add_cursor(set, *raw, &wanted);
        good = strcmp(buf_text(&wanted), text) == 0 || (set->cursor == CURSOR_OBJECT && same_json(buf_text(&wanted), text));
        buf_release(&wanted);
    }
    return good;
}

/* ---- one page of a search ---- */

static const char *limit_name(enum style style) {
    return style == STYLE_ODATA ? "$top" : "limit";
}

static const char *cursor_name(enum style style) {
    return style == STYLE_ODATA ? "$skiptoken" : "cursor";
}

static bool read_cursor(const struct request *request, struct search *search) {
    struct buf given = BUF_INIT(BODY_MAX);
    uint64_t raw = 0;
    bool good = !value_of(request, cursor_name(search->style), &given) || cursor_read(request, &given, &raw);
    search->anew = raw >= ANEW;
    search->position = raw % ANEW;
    buf_release(&given);
    return good;
}

/* Limit and position, as the style has them. False: they cannot be read. */
static bool search_place(const struct request *request, struct search *search) {
    const struct settings *set = &request->server->set;
    bool good = true;
    uint64_t page = set->base;
    search->limit = set->default_limit;
    if (search->style == STYLE_SINGLE) {
        search->limit = search->total > 0 ? search->total : 1;
        search->page = 1;
        return true;
    }
    if (!number_of(request, limit_name(search->style), 1, &search->limit))
        return false;
    if (set->ignore_limit || search->limit > set->cap)
        search->limit = set->cap;
    if (search->style == STYLE_PAGE) {
        good = number_of(request, "page", set->base, &page);
        search->position = (page - set->base) * search->limit;
    } else if (search->style == STYLE_OFFSET) {
        good = number_of(request, "offset", 0, &search->position);
    } else {
        good = read_cursor(request, search) && (search->style != STYLE_ODATA || number_of(request, "$skip", 0, &search->position));
    }
    if (set->ignore_offset)
        search->position = 0;
    search->page = search->position % search->limit == 0 ? search->position / search->limit + 1 : NO_PAGE;
    return good;
}

static struct page page_of(const struct settings *set, const struct search *search) {
    uint64_t there = search->total, limit = search->limit;
    if (set->early_end_at > 0 && there > (set->early_end_at - 1) * limit)
        there = (set->early_end_at - 1) * limit;
    struct page page = {.first = search->position};
    if (search->position < there)
        page.count = there - search->position < limit ? there - search->position : limit;
    if (search->page == set->short_at && page.count > 0)
        page.count--;
    if (search->page == set->empty_at && !search->anew) {
        page.count = 0;
        page.anew = true;
    }
    page.next = search->position + page.count;
    page.more = page.next < there;
    if (search->page == set->loop_at) {
        page.next = limit;
        page.more = true;
    }
    return page;
}

static uint64_t number_at(const struct settings *set, const struct search *search, uint64_t position, uint64_t first) {
    if (search->page == set->duplicate_at && position == first && position > 0)
        position--;
    return search->numbers ? search->numbers[position] : position + 1;
}

/* The total as it is told; false when it is not. */
static bool total_told(const struct settings *set, const struct search *search, const struct page *page, uint64_t *total) {
    uint64_t pages = (search->total + search->limit - 1) / search->limit;
    *total = search->total;
    switch ((enum total)set->total) {
    case TOTAL_NONE:
        return false;
    case TOTAL_ZERO:
        *total = 0;
        return true;
    case TOTAL_CHANGING:
        *total += page->more ? pages : 0;
        return true;
    case TOTAL_PAGES:
        *total = pages;
        return true;
    case TOTAL_BODY:
    case TOTAL_HEADER:
    case TOTAL_TEXT:
        return true;
    }
    return false;
}

static void reply_total(struct request *request, const struct search *search, const struct page *page, struct buf *body) {
    const struct settings *set = &request->server->set;
    uint64_t total;
    if (!total_told(set, search, page, &total))
        return;
    const char *quote = set->total == TOTAL_TEXT ? "\"" : "";
    if (set->total == TOTAL_HEADER)
        reply_header(request, "X-Total-Count", "%llu", (unsigned long long)total);
    else
        add(body, ",\"%s\":%s%llu%s", search->style == STYLE_ODATA ? "@odata.count" : "total", quote, (unsigned long long)total, quote);
}

/* ---- links ---- */

struct echo {
    struct buf *out;
    const char *leave;
};

static enum MHD_Result echo_parameter(void *cls, enum MHD_ValueKind kind, const char *name, const char *value) {
    struct echo *echo = cls;
    (void)kind;
    if (strcmp(name, echo->leave) == 0)
        return MHD_YES;
    add_escaped(echo->out, name);
    add_text(echo->out, "=");
    add_escaped(echo->out, value ? value : "");
    add_text(echo->out, "&");
    return MHD_YES;
}

/* As servers do that think no further, the link holds the whole query of the request, credentials and all. */
static void add_link(struct request *request, const struct search *search, enum link link, uint64_t raw, struct buf *out) {
    const struct server *server = request->server;
    const char *host = MHD_lookup_connection_value(request->connection, MHD_HEADER_KIND, "Host"), *port = host ? strrchr(host, ':') : NULL;
    const char *scheme = server->options.cert && link != LINK_HTTP ? "https" : "http";
    struct echo echo = {.out = out, .leave = cursor_name(search->style)};
    if (link == LINK_FOREIGN)
        add(out, "%s://localhost%s%s", scheme, port ? port : "", search->path);
    else if (link == LINK_PATH)
        add_text(out, search->path);
    else if (link != LINK_RELATIVE)
        add(out, "%s://%s%s", scheme, host ? host : "127.0.0.1", search->path);
    add_text(out, "?");
    MHD_get_connection_values(request->connection, MHD_GET_ARGUMENT_KIND, echo_parameter, &echo);
    add(out, "%s=", echo.leave);
    struct buf cursor = BUF_INIT(BODY_MAX);
    add_cursor(&server->set, raw, &cursor);
    add_escaped(out, buf_text(&cursor));
    buf_release(&cursor);
}

static void reply_link_header(struct request *request, const struct search *search, const struct page *page, const char *next) {
    const struct settings *set = &request->server->set;
    struct buf first = BUF_INIT(BODY_MAX);
    add_link(request, search, (enum link)set->link, 0, &first);
    if (set->link == LINK_MANY) {
        reply_header(request, "Link", "<%s>; rel=\"first\", <%s>; rel=\"prev\"; title=\"page, \\\"before\\\"\"", buf_text(&first), buf_text(&first));
        if (page->more)
            reply_header(request, "Link", "<%s>; rel=\"next\", <%s>; rel=\"last\"", next, buf_text(&first));
    } else if (set->link == LINK_ODD) {
        reply_header(request, "Link", "<%s>; title=\"a; rel=next, <b>\"; rel=\"first nextish\"%s%s%s", buf_text(&first), page->more ? ",, <" : "",
                     page->more ? next : "", page->more ? "> ; foo ;\tREL = \"prefetch NEXT\"; rel=last" : "");
    } else if (page->more) {
        reply_header(request, "Link", "<%s>; rel=\"next\"", next);
    }
    buf_release(&first);
}

/* Say where the next page is, in the way of the style. */
static void reply_next(struct request *request, const struct search *search, const struct page *page, struct buf *body) {
    const struct settings *set = &request->server->set;
    uint64_t raw = page->next + (page->anew ? ANEW : 0);
    struct buf text = BUF_INIT(BODY_MAX);
    switch (search->style) {
    case STYLE_CURSOR:
        add_text(body, ",\"cursors\":{\"next\":");
        if (page->more)
            add_cursor_json(set, raw, body);
        else
            add_text(body, "null");
        add_text(body, "}");
        break;
    case STYLE_HEADER_CURSOR:
        add_cursor(set, raw, &text);
        if (page->more)
            reply_header(request, "X-Next-Cursor", "%s", buf_text(&text));
        break;
    case STYLE_HEADER_LINK:
        add_link(request, search, (enum link)set->link, raw, &text);
        reply_link_header(request, search, page, buf_text(&text));
        break;
    case STYLE_JSON_LINK:
    case STYLE_ODATA:
        add_link(request, search, (enum link)set->link, raw, &text);
        if (page->more || search->style == STYLE_JSON_LINK)
            add_text(body, search->style == STYLE_ODATA ? ",\"@odata.nextLink\":" : ",\"next\":");
        if (page->more)
            add_quoted(body, buf_text(&text));
        else if (search->style == STYLE_JSON_LINK)
            add_text(body, "null");
        break;
    case STYLE_PAGE:
    case STYLE_OFFSET:
    case STYLE_SINGLE:
        break;
    }
    buf_release(&text);
}

static enum MHD_Result reply_page(struct request *request, const struct search *search) {
    const struct settings *set = &request->server->set;
    struct page page = page_of(set, search);
    struct buf body = BUF_INIT(BODY_MAX);
    add(&body, "{\"%s\":[", search->style == STYLE_ODATA ? "value" : "data");
    for (uint64_t i = 0; i < page.count; i++) {
        add_text(&body, i > 0 ? "," : "");
        add_record(set, number_at(set, search, page.first + i, page.first), &body);
    }
    add_text(&body, "]");
    reply_total(request, search, &page, &body);
    if (set->has_more)
        add(&body, ",\"has_more\":%s", page.more ? "true" : "false");
    reply_next(request, search, &page, &body);
    add_text(&body, "}");
    request->count = page.count;
    if (page.count > 0)
        request->first = number_at(set, search, page.first, page.first);
    return reply(request, 200, "application/json", &body);
}

/* ---- rates ---- */

static void reply_rate(struct request *request, uint64_t left, int64_t left_ms, int64_t ends_ms) {
    const struct settings *set = &request->server->set;
    unsigned long long limit = set->rate_limit, remaining = left, window_s = (set->rate_window_ms + 999) / 1000;
    long long seconds = (left_ms + 999) / 1000;
    switch ((enum rate)set->rate_style) {
    case RATE_NONE:
        break;
    case RATE_RATELIMIT:
        reply_header(request, "RateLimit-Limit", "%llu", limit);
        reply_header(request, "RateLimit-Remaining", "%llu", remaining);
        reply_header(request, "RateLimit-Reset", "%lld", seconds);
        break;
    case RATE_EPOCH:
    case RATE_DELTA:
        reply_header(request, "X-RateLimit-Limit", "%llu", limit);
        reply_header(request, "X-RateLimit-Remaining", "%llu", remaining);
        reply_header(request, "X-RateLimit-Reset", "%lld", set->rate_style == RATE_EPOCH ? (long long)((ends_ms + 999) / 1000) : seconds);
        break;
    case RATE_STRUCTURED:
        reply_header(request, "RateLimit-Policy", "\"default\";q=%llu;w=%llu", limit, window_s);
        reply_header(request, "RateLimit", "\"default\";r=%llu;t=%lld", remaining, seconds);
        break;
    case RATE_SINGLE:
        reply_header(request, "RateLimit", "limit=%llu, remaining=%llu, reset=%lld", limit, remaining, seconds);
        break;
    case RATE_OPENAI:
        reply_header(request, "x-ratelimit-limit-requests", "%llu", limit);
        reply_header(request, "x-ratelimit-remaining-requests", "%llu", remaining);
        if (left_ms < 1000)
            reply_header(request, "x-ratelimit-reset-requests", "%lldms", (long long)left_ms);
        else if (seconds < 60)
            reply_header(request, "x-ratelimit-reset-requests", "%llds", seconds);
        else
            reply_header(request, "x-ratelimit-reset-requests", "%lldm%llds", seconds / 60, seconds % 60);
        break;
    }
}

/* Count the request in its window and tell what is left. True when there was nothing left. */
static bool over_rate(struct request *request) {
    struct server *server = request->server;
    const struct settings *set = &server->set;
    if (set->rate_limit == 0)
        return false;
    int64_t now_ms = now_us(CLOCK_REALTIME) / 1000, window = now_ms / (int64_t)set->rate_window_ms, ends_ms = (window + 1) * (int64_t)set->rate_window_ms;
    if (window != server->window) {
        server->window = window;
        server->window_count = 0;
    }
    bool over = server->window_count >= set->rate_limit;
    server->window_count += !over;
    server->over += over;
    reply_rate(request, set->rate_limit - server->window_count, ends_ms - now_ms, ends_ms);
    if (over && set->rate_retry_after == WAIT_SECONDS)
        reply_header(request, "Retry-After", "%lld", (long long)(ends_ms - now_ms + 999) / 1000);
    if (over && set->rate_retry_after == WAIT_DATE) {
        char date[64];
        struct tm parts;
        time_t when = (time_t)((ends_ms + 999) / 1000);
        strftime(date, sizeof date, "%a, %d %b %Y %H:%M:%S GMT", gmtime_r(&when, &parts));
        reply_header(request, "Retry-After", "%s", date);
    }
    return over;
}

/* ---- credentials ---- */

static const char *sent_header(const struct request *request, const char *name) {
    const char *value = MHD_lookup_connection_value(request->connection, MHD_HEADER_KIND, name);
    return value ? value : "";
}

static bool is_basic(const char *sent, const char *pair) {
    unsigned char wanted[2 * TEXT_MAX];
    if (strlen(pair) > TEXT_MAX)
        return false;
    EVP_EncodeBlock(wanted, (const unsigned char *)pair, (int)strlen(pair));
    return strncasecmp(sent, "Basic ", 6) == 0 && strcmp(sent + 6, (const char *)wanted) == 0;
}

static bool is_token(const struct server *server, const char *sent) {
    int64_t now = now_us(CLOCK_MONOTONIC);
    for (size_t i = 0; i < TOKENS_MAX; i++)
        if (server->tokens[i].text[0] && now < server->tokens[i].ends_us && strcmp(server->tokens[i].text, sent) == 0)
            return true;
    return false;
}

static bool authorised(const struct request *request) {
    const char *auth = request->server->set.auth, *sent = sent_header(request, "Authorization");
    char where[16], name[64], value[TEXT_MAX];
    if (str_starts(auth, "bearer "))
        return str_starts(sent, "Bearer ") && strcmp(sent + 7, auth + 7) == 0;
    if (str_starts(auth, "basic "))
        return is_basic(sent, auth + 6);
    if (str_starts(auth, "oauth2 "))
        return str_starts(sent, "Bearer ") && is_token(request->server, sent + 7);
    if (sscanf(auth, "api_key %15s %63s %511s", where, name, value) == 3) {
        const char *given =
            strcmp(where, "query") == 0 ? MHD_lookup_connection_value(request->connection, MHD_GET_ARGUMENT_KIND, name) : sent_header(request, name);
        return given && strcmp(given, value) == 0;
    }
    return strcmp(auth, "none") == 0;
}

/* The library behind the HTTP library has the certificate; asked by name, so that nothing more need be linked. */
static bool client_known(const struct request *request) {
    const struct server *server = request->server;
    if (!server->options.client_ca)
        return true;
    int (*verify)(void *session, unsigned *status);
    unsigned status = 0;
    *(void **)&verify = dlsym(RTLD_DEFAULT, "gnutls_certificate_verify_peers2");
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(request->connection, MHD_CONNECTION_INFO_GNUTLS_SESSION);
    return verify && info && verify(info->tls_session, &status) == 0 && status == 0;
}

static bool form_value(const char *form, const char *name, char *out, size_t size) {
    size_t length = strlen(name);
    while (form && *form) {
        const char *end = strchr(form, '&');
        if (strncmp(form, name, length) == 0 && form[length] == '=') {
            const char *value = form + length + 1;
            if (!str_format(out, size, "%.*s", end ? (int)(end - value) : (int)strlen(value), value))
                return false;
            for (char *at = out; *at; at++)
                *at = *at == '+' ? ' ' : *at;
            MHD_http_unescape(out);
            return true;
        }
        form = end ? end + 1 : NULL;
    }
    return false;
}

static bool client_proved(const struct request *request, const char *form) {
    char id[TEXT_MAX], secret[TEXT_MAX], pair[2 * TEXT_MAX], wanted[2 * TEXT_MAX];
    const char *auth = request->server->set.auth, *sent = sent_header(request, "Authorization");
    if (sscanf(auth, "oauth2 %511s %511s", id, secret) != 2 || !str_format(wanted, sizeof wanted, "%s:%s", id, secret))
        return false;
    if (sent[0])
        return is_basic(sent, wanted);
    return form_value(form, "client_id", id, sizeof id) && form_value(form, "client_secret", secret, sizeof secret) &&
           str_format(pair, sizeof pair, "%s:%s", id, secret) && strcmp(pair, wanted) == 0;
}

static enum MHD_Result route_token(struct request *request) {
    struct server *server = request->server;
    struct settings *set = &server->set;
    const char *form = buf_text(&request->body);
    char grant[64];
    request->logged = true;
    server->token_requests++;
    if (set->oauth_fail > 0) {
        set->oauth_fail--;
        return reply_error(request, 500, "server_error");
    }
    if (!str_starts(sent_header(request, "Content-Type"), "application/x-www-form-urlencoded") || !form_value(form, "grant_type", grant, sizeof grant) ||
        strcmp(grant, "client_credentials") != 0)
        return reply_error(request, 400, "unsupported_grant_type");
    if (set->oauth_refuse || !client_proved(request, form))
        return reply_error(request, 401, "invalid_client");
    struct token *token = &server->tokens[server->tokens_given++ % TOKENS_MAX];
    int64_t now = now_us(CLOCK_MONOTONIC);
    must(str_format(token->text, sizeof token->text, "token-%llu-%llx", (unsigned long long)server->tokens_given, (unsigned long long)now), "token");
    token->ends_us = now + (int64_t)set->oauth_expires * 1000000;
    return reply_json(request, 200, "{\"access_token\":\"%s\",\"token_type\":\"Bearer\",\"expires_in\":%llu}", token->text,
                      (unsigned long long)set->oauth_expires);
}

static enum MHD_Result route_revoke(struct request *request) {
    memset(request->server->tokens, 0, sizeof request->server->tokens);
    return reply_json(request, 200, "{\"ok\":true}");
}

/* ---- the searches ---- */

static enum MHD_Result search_answer(struct request *request, struct search *search) {
    if (request->body.length > 0 && !request->json)
        return reply_error(request, 400, "malformed body");
    if (!search_find(request, search))
        return reply_error(request, 400, "malformed filter");
    if (!search_place(request, search))
        return reply_error(request, 400, "malformed limit, or a position that nobody gave out");
    if (search->position > request->server->set.max_offset)
        return reply_error(request, 400, "beyond the deepest offset");
    return reply_page(request, search);
}

/* Rate, credentials, injected failures: what comes before any search. True when *result is the answer already. */
static bool refused(struct request *request, uint64_t nth, enum MHD_Result *result) {
    const struct settings *set = &request->server->set;
    if (over_rate(request)) {
        *result = reply_error(request, 429, "too many requests");
    } else if (!client_known(request)) {
        *result = reply_error(request, 403, "no good client certificate");
    } else if (!authorised(request)) {
        reply_header(request, "WWW-Authenticate", "Bearer");
        *result = reply_error(request, 401, "not authorised");
    } else if (set->fail_at > 0 && nth >= set->fail_at && nth - set->fail_at < set->fail_count) {
        if (set->fail_status == 0)
            request_over(request, 0);
        *result = set->fail_status > 0 ? reply_error(request, (unsigned)set->fail_status, "injected") : MHD_NO;
    } else {
        return false;
    }
    return true;
}

static enum MHD_Result serve_search(struct request *request, enum style style, const char *path) {
    struct server *server = request->server;
    struct search search = {.style = style, .path = path};
    enum MHD_Result result;
    uint64_t nth = ++server->requests, delay_ms = server->set.delay_ms;
    request->counted = request->logged = true;
    if (++server->in_flight > server->max_in_flight)
        server->max_in_flight = server->in_flight;
    if (delay_ms > 0) {
        pthread_mutex_unlock(&server->lock);
        bool stayed = wait_ms(request, delay_ms);
        pthread_mutex_lock(&server->lock);
        if (!stayed) {
            request_over(request, 0);
            return MHD_NO;
        }
    }
    if (request->too_big)
        return reply_error(request, 413, "too big");
    request->json = request->body.length > 0 ? cJSON_ParseWithOpts(buf_text(&request->body), NULL, 1) : NULL;
    if (!refused(request, nth, &result))
        result = search_answer(request, &search);
    free(search.numbers);
    return result;
}

/* ---- control ---- */

static enum MHD_Result route_set(struct request *request) {
    struct server *server = request->server;
    struct settings settings = server->set;
    request->json = cJSON_ParseWithOpts(buf_text(&request->body), NULL, 1);
    const char *wrong =
        cJSON_IsObject(request->json) ? settings_read(&settings, setting_rows, sizeof setting_rows / sizeof *setting_rows, request->json) : "not an object";
    if (!wrong)
        wrong = settings_check(&settings);
    if (wrong)
        return reply_error(request, 400, wrong);
    server->set = settings;
    return reply_json(request, 200, "{\"ok\":true}");
}

static void server_reset(struct server *server) {
    server->set = server->options.settings;
    buf_reset(&server->log);
    memset(server->tokens, 0, sizeof server->tokens);
    memset(server->statuses, 0, sizeof server->statuses);
    server->window_count = 0;
    server->requests = server->over = server->token_requests = server->tokens_given = 0;
    server->max_in_flight = server->in_flight;
}

static enum MHD_Result route_reset(struct request *request) {
    server_reset(request->server);
    return reply_json(request, 200, "{\"ok\":true}");
}

static enum MHD_Result route_log(struct request *request) {
    struct buf body = BUF_INIT(BODY_MAX);
    add_text(&body, buf_text(&request->server->log));
    return reply(request, 200, "application/x-ndjson", &body);
}

static enum MHD_Result route_stats(struct request *request) {
    const struct server *server = request->server;
    const struct {
        const char *name;
        uint64_t value;
    } numbers[] = {
        {"requests", server->requests},         {"over", server->over},           {"token_requests", server->token_requests},
        {"tokens_given", server->tokens_given}, {"in_flight", server->in_flight}, {"max_in_flight", server->max_in_flight},
    };
    struct buf body = BUF_INIT(BODY_MAX);
    add_text(&body, "{");
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        add(&body, "\"%s\":%llu,", numbers[i].name, (unsigned long long)numbers[i].value);
    add_text(&body, "\"statuses\":{");
    const char *comma = "";
    for (unsigned status = 0; status < STATUS_MAX; status++)
        if (server->statuses[status] > 0) {
            add(&body, "%s\"%u\":%llu", comma, status, (unsigned long long)server->statuses[status]);
            comma = ",";
        }
    add_text(&body, "}}");
    return reply(request, 200, "application/json", &body);
}

static const struct {
    const char *method, *path;
    enum MHD_Result (*serve)(struct request *request);
} routes[] = {
    {"POST", "/_set", route_set},    {"POST", "/_reset", route_reset},      {"GET", "/_log", route_log},
    {"GET", "/_stats", route_stats}, {"POST", "/oauth/token", route_token}, {"POST", "/oauth/_revoke", route_revoke},
};

static const struct {
    const char *path;
    enum style style;
} searches[] = {
    {"/page_number", STYLE_PAGE},
    {"/offset", STYLE_OFFSET},
    {"/items", STYLE_OFFSET},
    {"/cursor", STYLE_CURSOR},
    {"/header_cursor", STYLE_HEADER_CURSOR},
    {"/header_link", STYLE_HEADER_LINK},
    {"/json_link", STYLE_JSON_LINK},
    {"/odata", STYLE_ODATA},
    {"/single", STYLE_SINGLE},
};

/* ---- the proxy ---- */

static enum MHD_Result forward_header(void *cls, enum MHD_ValueKind kind, const char *name, const char *value) {
    struct curl_slist **list = cls;
    struct buf line = BUF_INIT(BODY_MAX);
    (void)kind;
    if (strncasecmp(name, "Proxy-", 6) == 0 || strcasecmp(name, "Connection") == 0 || strcasecmp(name, "Content-Length") == 0)
        return MHD_YES;
    add(&line, "%s: %s", name, value ? value : "");
    *list = curl_slist_append(*list, buf_text(&line));
    must(*list, "header");
    buf_release(&line);
    return MHD_YES;
}

static size_t take_body(char *bytes, size_t size, size_t count, void *cls) {
    return buf_add(cls, bytes, size * count) == RC_OK ? size * count : 0;
}

static size_t take_header(char *line, size_t size, size_t count, void *cls) {
    struct request *request = cls;
    char name[48];
    size_t length = size * count;
    const char *colon = memchr(line, ':', length);
    bool own = !colon || !str_format(name, sizeof name, "%.*s", (int)(colon - line), line) || strcasecmp(name, "Transfer-Encoding") == 0 ||
               strcasecmp(name, "Content-Length") == 0 || strcasecmp(name, "Connection") == 0 || strcasecmp(name, "Date") == 0;
    if (own || request->header_count == REPLY_HEADERS_MAX)
        return length;
    const char *value = colon + 1, *end = line + length;
    while (value < end && *value == ' ')
        value++;
    while (end > value && (end[-1] == '\r' || end[-1] == '\n'))
        end--;
    reply_header(request, name, "%.*s", (int)(end - value), value);
    return length;
}

static enum MHD_Result serve_proxy(struct request *request) {
    struct server *server = request->server;
    struct buf body = BUF_INIT(BODY_MAX);
    struct curl_slist *headers = NULL;
    long status = 502;
    server->requests++;
    request->logged = true;
    if (server->options.proxy_auth && !is_basic(sent_header(request, "Proxy-Authorization"), server->options.proxy_auth)) {
        reply_header(request, "Proxy-Authenticate", "Basic realm=\"pagedapi\"");
        return reply_error(request, 407, "not authorised");
    }
    if (!str_starts(request->url, "http://"))
        return reply_error(request, 400, "not an absolute http URL");
    MHD_get_connection_values(request->connection, MHD_HEADER_KIND, forward_header, &headers);
    CURL *curl = curl_easy_init();
    must(curl, "curl");
    curl_easy_setopt(curl, CURLOPT_URL, request->url);
    curl_easy_setopt(curl, CURLOPT_PROXY, "");
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT, 60L);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_body);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, &body);
    curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, take_header);
    curl_easy_setopt(curl, CURLOPT_HEADERDATA, request);
    if (strcmp(request->method, "POST") == 0) {
        curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE, (long)request->body.length);
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, buf_text(&request->body));
    }
    pthread_mutex_unlock(&server->lock);
    if (curl_easy_perform(curl) == CURLE_OK)
        curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    pthread_mutex_lock(&server->lock);
    curl_easy_cleanup(curl);
    curl_slist_free_all(headers);
    return reply(request, status > 0 && status < (long)STATUS_MAX ? (unsigned)status : 502, NULL, &body);
}

/* ---- the HTTP library's callbacks ---- */

static enum MHD_Result route_request(struct request *request, const char *path) {
    bool known = false;
    for (size_t i = 0; i < sizeof routes / sizeof *routes; i++) {
        if (strcmp(path, routes[i].path) != 0)
            continue;
        known = true;
        if (strcmp(request->method, routes[i].method) == 0)
            return request->too_big ? reply_error(request, 413, "too big") : routes[i].serve(request);
    }
    if (request->server->options.proxy)
        return serve_proxy(request);
    for (size_t i = 0; i < sizeof searches / sizeof *searches; i++) {
        if (strcmp(path, searches[i].path) != 0)
            continue;
        known = true;
        if (strcmp(request->method, "GET") == 0 || strcmp(request->method, "POST") == 0)
            return serve_search(request, searches[i].style, searches[i].path);
    }
    return reply_error(request, known ? 405 : 404, known ? "method not allowed" : "not found");
}

static void *on_uri(void *cls, const char *uri, struct MHD_Connection *connection) {
    struct request *request = calloc(1, sizeof *request);
    must(request, "calloc");
    request->server = cls;
    request->connection = connection;
    request->url = strdup(uri);
    must(request->url, "strdup");
    request->fd = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
    buf_init(&request->body, REQUEST_BODY_MAX);
    return request;
}

static enum MHD_Result on_request(void *cls, struct MHD_Connection *connection, const char *path, const char *method, const char *version, const char *upload,
                                  size_t *upload_size, void **context) {
    struct request *request = *context;
    (void)cls, (void)connection, (void)version;
    if (!request->begun) {
        request->begun = true;
        str_copy(request->method, sizeof request->method, method);
        return MHD_YES;
    }
    if (*upload_size > 0) {
        if (buf_add(&request->body, upload, *upload_size) != RC_OK)
            request->too_big = true;
        *upload_size = 0;
        return MHD_YES;
    }
    pthread_mutex_lock(&request->server->lock);
    enum MHD_Result result = route_request(request, path);
    pthread_mutex_unlock(&request->server->lock);
    return result;
}

static void on_completed(void *cls, struct MHD_Connection *connection, void **context, enum MHD_RequestTerminationCode code) {
    struct request *request = *context;
    (void)cls, (void)connection, (void)code;
    if (!request)
        return;
    for (unsigned i = 0; i < request->header_count; i++)
        free(request->headers[i].value);
    cJSON_Delete(request->json);
    buf_release(&request->body);
    free(request->url);
    free(request);
    *context = NULL;
}

/* ---- start and stop ---- */

static int usage(void) {
    fputs("usage: pagedapi [--port 0] [--port-file FILE] [--records 1000] [--max-offset N] [--auth AUTH] [--set JSON]\n"
          "                [--cert FILE --key FILE [--client-ca FILE]] [--proxy [--proxy-auth USER:PASSWORD]]\n",
          stderr);
    return EX_USAGE;
}

static bool option_json(const char *text, struct settings *settings) {
    cJSON *object = cJSON_Parse(text);
    bool good = cJSON_IsObject(object) && !settings_read(settings, setting_rows, sizeof setting_rows / sizeof *setting_rows, object);
    cJSON_Delete(object);
    return good;
}

static bool option_set(struct options *options, int option) {
    uint64_t number = 0;
    switch (option) {
    case 'p':
        return str_to_u64(optarg, 0, 65535, &number) && ((options->port = (uint16_t)number), true);
    case 'f':
        return (options->port_file = optarg), true;
    case 'n':
        return str_to_u64(optarg, 0, ANEW - 1, &options->settings.records);
    case 'm':
        return str_to_u64(optarg, 0, UINT64_MAX, &options->settings.max_offset);
    case 'a':
        return str_copy(options->settings.auth, TEXT_MAX, optarg);
    case 's':
        return option_json(optarg, &options->settings);
    case 'c':
        return (options->cert = optarg), true;
    case 'k':
        return (options->key = optarg), true;
    case 'C':
        return (options->client_ca = optarg), true;
    case 'x':
        return (options->proxy = true);
    case 'X':
        return (options->proxy_auth = optarg), true;
    default:
        return false;
    }
}

static bool options_parse(int argc, char **argv, struct options *options) {
    static const struct option names[] = {
        {"port", 1, NULL, 'p'},  {"port-file", 1, NULL, 'f'}, {"records", 1, NULL, 'n'},    {"max-offset", 1, NULL, 'm'},
        {"auth", 1, NULL, 'a'},  {"set", 1, NULL, 's'},       {"cert", 1, NULL, 'c'},       {"key", 1, NULL, 'k'},
        {"proxy", 0, NULL, 'x'}, {"client-ca", 1, NULL, 'C'}, {"proxy-auth", 1, NULL, 'X'}, {NULL, 0, NULL, 0},
    };
    *options = (struct options){.settings = initial};
    for (int option; (option = getopt_long(argc, argv, "", names, NULL)) != -1;)
        if (!option_set(options, option))
            return false;
    return optind == argc && !options->cert == !options->key && (options->cert || !options->client_ca) && !settings_check(&options->settings);
}

/* The text of a file, owned; NULL with errno. */
static char *file_text(const char *path) {
    struct buf text = BUF_INIT(FILE_BYTES_MAX);
    char block[4096];
    FILE *file = fopen(path, "re");
    if (!file)
        return NULL;
    for (size_t got; (got = fread(block, 1, sizeof block, file)) > 0;)
        must(buf_add(&text, block, got) == RC_OK, path);
    fclose(file);
    return buf_take(&text);
}

static struct MHD_Daemon *listen_start(struct server *server) {
    const struct options *options = &server->options;
    struct sockaddr_in address = standin_address(options->port);
    unsigned flags = MHD_USE_THREAD_PER_CONNECTION | MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_POLL | MHD_USE_ITC;
    const struct {
        const char *path;
        enum MHD_OPTION option;
    } files[] = {{options->cert, MHD_OPTION_HTTPS_MEM_CERT}, {options->key, MHD_OPTION_HTTPS_MEM_KEY}, {options->client_ca, MHD_OPTION_HTTPS_MEM_TRUST}};
    struct MHD_OptionItem tls[4];
    char *texts[3] = {NULL};
    size_t count = 0;
    for (size_t i = 0; i < 3; i++)
        if (files[i].path) {
            texts[i] = file_text(files[i].path);
            must(texts[i], files[i].path);
            tls[count++] = (struct MHD_OptionItem){.option = files[i].option, .ptr_value = texts[i]};
        }
    tls[count] = (struct MHD_OptionItem){.option = MHD_OPTION_END};
    struct MHD_Daemon *daemon =
        MHD_start_daemon(options->cert ? flags | MHD_USE_TLS : flags, 0, NULL, NULL, on_request, server, MHD_OPTION_SOCK_ADDR, (struct sockaddr *)&address,
                         MHD_OPTION_NOTIFY_COMPLETED, on_completed, NULL, MHD_OPTION_URI_LOG_CALLBACK, on_uri, server, MHD_OPTION_CONNECTION_LIMIT, 2000u,
                         MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)256 * 1024, MHD_OPTION_LISTENING_ADDRESS_REUSE, 1u, MHD_OPTION_ARRAY, tls, MHD_OPTION_END);
    for (size_t i = 0; i < 3; i++)
        free(texts[i]);
    return daemon;
}

/* Serve until SIGTERM or SIGINT. */
static int serve(struct server *server, int stop_write) {
    const sigset_t signals = standin_signals();
    struct MHD_Daemon *daemon = listen_start(server);
    const int status = standin_wait(daemon, &signals, server->options.cert ? "https" : "http", server->options.port_file);
    close(stop_write);
    if (daemon)
        MHD_stop_daemon(daemon);
    return status;
}

int main(int argc, char **argv) {
    struct server *server = calloc(1, sizeof *server);
    int stop[2];
    must(server && pipe2(stop, O_CLOEXEC) == 0, "start");
    server->stop_read = stop[0];
    pthread_mutex_init(&server->lock, NULL);
    buf_init(&server->log, BODY_MAX);
    curl_global_init(CURL_GLOBAL_DEFAULT);
    int status = EX_USAGE;
    if (options_parse(argc, argv, &server->options)) {
        server_reset(server);
        status = serve(server, stop[1]);
    } else {
        usage();
    }
    curl_global_cleanup();
    buf_release(&server->log);
    free(server);
    return status;
}
