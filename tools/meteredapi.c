// SPDX-License-Identifier: Apache-2.0
/*
 * meteredapi: a metered API in the shape of PropertyRadar's, on the loopback address, to test and show batchspool against.
 *
 * POST /v1/properties?Fields=&Limit=&Start=&Purchase=0|1&Sort= with {"Criteria":[...]}: Purchase=1 charges every returned record, before the
 * answer is sent. Criteria choose the search: {"name":"Count","value":[N]} its total, {"name":"Offset","value":[K]} its first record, or
 * {"name":"RadarID","value":["P0000000A", ...]} these records alone (those that there are: numbers below --records).
 * A preview's totalCost is the price of the whole search, a purchase's that of the records in the answer.
 * GET /v1/items?offset=&limit=&count= and GET /v1/list?... (a bare array): the same records, free and without a token.
 *
 * POST /v1/suggestions/{County,City,SiteAddress}?SuggestionInput=&Limit=: made-up ones in which that text stands, free; a fault with `on` free sees them.
 *
 * Control, not counted: GET /_stats, GET /_charges (lines "RadarID count"), GET /_invoice (CSV, a line for each charged request since the last /_reset), POST
 * /_reset, and POST /_faults with
 *   {"faults":[{"kind":K, "on":"paid|preview|free|any", "start":S, "at":1, "count":1, "charge":true|false, ...}]}
 * which replaces the list. A fault sees each valid request that matches `on` and `start` (Start or offset as sent) and acts on the `at`-th and
 * the count-1 after it (-1: for ever). The first acting fault decides the answer, the modifying kinds also act together. Kinds, with options:
 *   status (status 503, retry_after: text or "date:+5" for an HTTP date, body)   drop_before   drop_after   drop_mid (half of the body)
 *   truncate (a complete answer with half of the body)   invalid_json (its last byte)   error_body (200 {"error"})   html   stall (headers only)
 *   slow (ms_per_kb 10)   huge (endless)   gzip_bomb (mb 1024)   wrong_type (member: results, totalResultCount or content_type)
 *   modifying: delay (ms 1000)   short_page (n 1: at most n records)   duplicate (n 1: the first record n times more; replace: in place of the
 *   last)   change_total (delta -1)   shift (n 1: n new records before all others; negative: n fewer), both from that request on until /_reset
 */
#include "base/buf.h"
#include "base/dec.h"
#include "base/str.h"
#include "standin.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>
#include <zlib.h>

#define BODY_MAX ((size_t)1 << 31)
#define REQUEST_BODY_MAX ((size_t)1 << 20)
#define RECORD_LEAST 2048u /* no record without its filler is longer */
#define DEFAULT_LIMIT 25u
#define FAULTS_MAX 64u
#define ARRIVALS_MAX 10000u
#define ENDLESS_START "{\"results\":["
#define ENDLESS_PREFIX (sizeof ENDLESS_START - 1)
#define STATUS_MAX 600u

enum preview { PREVIEW_EMPTY, PREVIEW_IDS, PREVIEW_NONE };

struct options {
    uint16_t port;
    const char *port_file, *token, *bytes_log, *state;
    uint32_t records, record_bytes, max_limit;
    unsigned start_base;
    struct dec price;
    int64_t balance; /* records; -1: no limit */
    enum preview preview;
    uint32_t rate_limit, rate_seconds; /* 0: no limit */
    bool gzip;
};

enum scope { SCOPE_PAID, SCOPE_PREVIEW, SCOPE_FREE, SCOPE_ANY };
static const char *const scope_names[] = {"paid", "preview", "free", "any"};

enum kind {
    KIND_NONE,
    KIND_STATUS,
    KIND_DROP_BEFORE,
    KIND_DROP_AFTER,
    KIND_DROP_MID,
    KIND_TRUNCATE,
    KIND_INVALID_JSON,
    KIND_ERROR_BODY,
    KIND_HTML,
    KIND_STALL,
    KIND_SLOW,
    KIND_HUGE,
    KIND_GZIP_BOMB,
    KIND_WRONG_TYPE,
    KIND_DELAY,
    KIND_SHORT_PAGE,
    KIND_DUPLICATE,
    KIND_CHANGE_TOTAL,
    KIND_SHIFT,
};

/* One row a kind of fault: whether a purchase that meets it is charged, its default options. */
static const struct kind_row {
    const char *name;
    enum kind kind;
    bool charge;
    int64_t ms, n;
} kind_rows[] = {
    {"status", KIND_STATUS, false, 0, 0},
    {"drop_before", KIND_DROP_BEFORE, false, 0, 0},
    {"drop_after", KIND_DROP_AFTER, true, 0, 0},
    {"drop_mid", KIND_DROP_MID, true, 0, 0},
    {"truncate", KIND_TRUNCATE, true, 0, 0},
    {"invalid_json", KIND_INVALID_JSON, true, 0, 0},
    {"error_body", KIND_ERROR_BODY, false, 0, 0},
    {"html", KIND_HTML, false, 0, 0},
    {"stall", KIND_STALL, true, 0, 0},
    {"slow", KIND_SLOW, true, 10, 0},
    {"huge", KIND_HUGE, true, 0, 0},
    {"gzip_bomb", KIND_GZIP_BOMB, true, 0, 1024},
    {"wrong_type", KIND_WRONG_TYPE, true, 0, 0},
    {"delay", KIND_DELAY, true, 1000, 0},
    {"short_page", KIND_SHORT_PAGE, true, 0, 1},
    {"duplicate", KIND_DUPLICATE, true, 0, 1},
    {"change_total", KIND_CHANGE_TOTAL, true, 0, -1},
    {"shift", KIND_SHIFT, true, 0, 1},
};
#define KIND_ROWS (sizeof kind_rows / sizeof *kind_rows)

struct fault {
    enum kind kind;
    enum scope scope;
    bool charge, replace;
    int64_t at, count, start; /* start -1: any */
    int64_t seen;             /* matching requests so far */
    int64_t status, ms, n;
    char retry_after[64], member[32], body[1024];
};

struct charge {
    uint32_t number, count; /* count 0: free slot */
};

struct bill { /* one charged request */
    uint64_t request_id, rows;
    struct timespec when;
};

struct server {
    struct options options; /* const after start */
    int stop_read;          /* at end of file once the server stops; wakes sleepers */
    _Atomic uint64_t request_ids;
    pthread_mutex_t lock; /* all below */

    struct charge *charges; /* open addressing, a power of two, at most half full */
    size_t charges_capacity, charged_ids, charged_twice;
    uint64_t charged_records;
    uint32_t max_charge;
    FILE *state;
    struct bill *bills;
    size_t bills_count, bills_capacity;

    struct fault faults[FAULTS_MAX];
    size_t faults_count;
    uint64_t faults_fired;
    int64_t total_delta, shift;

    int64_t *window; /* arrivals of the last rate_limit admitted requests, a ring, microseconds */
    uint64_t window_count;

    uint64_t requests, paid_requests, previews, suggestions, dropped, connections;
    struct request *sales;   /* paid requests in flight */
    uint64_t same_in_flight; /* paid requests that came while the same page was being sold */
    unsigned in_flight, max_in_flight, paid_in_flight, max_paid_in_flight;
    uint64_t statuses[STATUS_MAX];
    int64_t arrivals_us[ARRIVALS_MAX]; /* a ring; requests counts them */
};

/* One request, from its headers to the last byte of its answer. */
struct request {
    struct server *server;
    struct MHD_Connection *connection;
    int fd;
    int64_t arrival_us;
    uint64_t id;
    bool counted, paid, finished, too_big;
    struct buf body;
    struct request *next_sale; /* and, of a paid one, its first record */
    uint64_t first;
};

struct search {
    enum scope scope;
    bool bare; /* GET /v1/list */
    int64_t start;
    uint32_t limit;
    uint64_t position; /* 0-based, start_base applied */
    uint64_t count;    /* total of this search before change_total */
    uint32_t offset;
    uint32_t *ids; /* malloc: of the criterion RadarID; NULL: none */
};

/* What the faults make of one request. */
struct plan {
    struct fault action; /* KIND_NONE with charge true when no fault acts */
    int64_t delay_ms, at_most, repeats;
    bool replace;
    int64_t total_delta, shift;
};

/* The records of one answer: `distinct` ascending numbers from `first`, then the first again `repeats` times. */
struct page {
    uint64_t total;
    uint32_t first;
    uint64_t distinct, repeats;
    const uint32_t *ids; /* instead of ascending numbers */
};

enum manner { MANNER_WHOLE, MANNER_DRIP, MANNER_HALF, MANNER_STALL, MANNER_ENDLESS };

struct reply {
    unsigned status;
    const char *type;
    struct buf body;
    enum manner manner;
    int ms_per_kb;
    bool coded; /* the body is gzip already */
    char retry_after[64], total_count[24];
};

/* ---- small things ---- */

static void add_text(struct buf *b, const char *text) {
    must(buf_add_text(b, text) == RC_OK, "buffer");
}

static int64_t mono_us(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* False when the client has gone or the server stops before the time is over; ms -1 waits for that alone. */
static bool wait_ms(const struct request *request, int64_t ms) {
    int64_t end = mono_us() + ms * 1000;
    for (;;) {
        int64_t left = ms < 0 ? -1 : (end - mono_us() + 999) / 1000;
        if (ms >= 0 && left <= 0)
            return true;
        struct pollfd fds[2] = {{.fd = request->server->stop_read, .events = POLLIN}, {.fd = request->fd, .events = POLLRDHUP}};
        if (poll(fds, 2, left > INT_MAX ? INT_MAX : (int)left) > 0)
            return false;
    }
}

static bool json_int(const cJSON *item, int64_t least, int64_t most, int64_t *out) {
    if (!cJSON_IsNumber(item) || item->valuedouble < (double)least || item->valuedouble > (double)most)
        return false;
    *out = (int64_t)item->valuedouble;
    return (double)*out == item->valuedouble;
}

/* ---- records ---- */

static char *put_uint(char *at, uint64_t value) {
    char digits[20];
    size_t n = 0;
    do {
        digits[n++] = (char)('0' + value % 10);
    } while ((value /= 10) > 0);
    while (n > 0)
        *at++ = digits[--n];
    return at;
}

static char *put_digits(char *at, uint64_t value, int width) {
    for (int i = width - 1; i >= 0; i--, value /= 10)
        at[i] = (char)('0' + value % 10);
    return at + width;
}

static char *put_hex(char *at, uint32_t number) {
    for (int shift = 28; shift >= 0; shift -= 4)
        *at++ = "0123456789ABCDEF"[number >> shift & 15];
    return at;
}

static char *put_member_uint(char *at, const char *name, uint64_t value) {
    return put_uint(stpcpy(at, name), value);
}

static char *put_person(char *at, uint32_t number, unsigned which, uint64_t seed) {
    static const char *const first[] = {"Zo\\u00eb", "José", "Maria", "John", "Li", "O\\u2019Neil"};
    static const char *const last[] = {"Garc\\u00eda", "Smith", "Nguyen", "D'Angelo", "Müller", "Van \\\"Dutch\\\" Berg", "Wong"};
    at = put_hex(stpcpy(at, "{\"RadarID\":\"P"), number);
    at = put_hex(stpcpy(at, "\",\"PersonKey\":\"K"), number);
    *at++ = (char)('1' + which);
    at = stpcpy(stpcpy(at, "\",\"isPrimaryContact\":"), which == 0 ? "1" : "0");
    at = stpcpy(stpcpy(at, ",\"OwnershipRole\":\""), which == 0 ? "PRIMARY" : "SPOUSE");
    at = stpcpy(stpcpy(at, "\",\"PersonType\":\"Person\",\"FirstName\":\""), first[(seed + which) % 6]);
    at = stpcpy(stpcpy(at, "\",\"LastName\":\""), last[seed % 7]);
    at = put_uint(stpcpy(at, "\",\"MailAddress\":\"PO Box "), seed % 9000);
    return stpcpy(at, ", Reno\\/Sparks, NV 89501\"}");
}

/* Write one record of at least record_bytes; `at` has room for that and RECORD_LEAST more. */
static char *put_record(char *at, uint32_t number, uint32_t record_bytes) {
    static const char *const places[] = {"Reno\",\"State\":\"NV\",\"ZipFive\":\"89501", "Boston\",\"State\":\"MA\",\"ZipFive\":\"02134",
                                         "Ca\\u00f1on City\",\"State\":\"CO\",\"ZipFive\":\"81212", "La Cañada\",\"State\":\"CA\",\"ZipFive\":\"91011"};
    char *start = at;
    uint64_t seed = (number + 1) * UINT64_C(0x9E3779B97F4A7C15) >> 20;
    at = put_hex(stpcpy(at, "{\"RadarID\":\"P"), number);
    at = put_member_uint(at, "\",\"PropertyKey\":", UINT64_C(9007199254740993) + 2 * (uint64_t)number);
    at = put_digits(stpcpy(at, ",\"APN\":\""), number / 100000, 5);
    at = put_digits(stpcpy(at, "-"), number % 100000, 5);
    at = put_member_uint(at, "\",\"FIPS\":\"06037\",\"County\":\"Washoe\",\"Address\":\"", seed % 9999 + 1);
    at = stpcpy(stpcpy(at, " Caf\\u00e9 St #1\\/2\",\"City\":\""), places[seed % 4]);
    at = put_digits(stpcpy(at, "\",\"Latitude\":39.52963299999"), seed % 100000000, 8);
    at = put_digits(stpcpy(at, ",\"Longitude\":-119.8138027000"), seed % 99999999, 8);
    at = put_member_uint(at, ",\"PType\":\"SFR\",\"Beds\":", seed % 6 + 1);
    at = put_member_uint(at, ",\"Baths\":2.50,\"SqFt\":", 600 + seed % 4000);
    at = put_member_uint(at, ",\"YearBuilt\":", 1900 + seed % 124);
    at = put_member_uint(at, ",\"isSameMailingOrExempt\":", seed & 1);
    at = put_member_uint(at, ",\"isMailVacant\":", seed >> 1 & 1);
    at = put_member_uint(at, ",\"isSiteVacant\":0,\"AVM\":", 100000 + seed % 900000);
    at = put_member_uint(at, ",\"AssessedValue\":1844674407370955", 1000000 + seed % 8999999);
    at = put_member_uint(at, ",\"AvailableEquity\":", seed % 400000);
    at = put_member_uint(at, ".10,\"EquityPercent\":", seed % 101);
    at = stpcpy(stpcpy(at, ",\"TotalLoanBalance\":"), seed % 5 ? "2.5e5" : "\"Unknown\"");
    at = put_digits(stpcpy(at, ",\"AnnualTaxes\":4321.90,\"EstimatedTaxRate\":1.1234567890123456789"), seed % 1000, 3);
    at = put_member_uint(at, ",\"PhoneAvailability\":", seed >> 2 & 1);
    at = put_member_uint(at, ",\"EmailAvailability\":", seed >> 3 & 1);
    at = stpcpy(at, ",\"inForeclosure\":0,\"DelinquentYear\":null,\"Persons\":[");
    at = put_person(at, number, 0, seed);
    if (seed % 3 > 0) {
        *at++ = ',';
        at = put_person(at, number, 1, seed);
    }
    at = stpcpy(at, "],\"Notes\":\"");
    size_t length = (size_t)(at - start) + 2;
    if (length < record_bytes) {
        memset(at, 'n', record_bytes - length);
        at += record_bytes - length;
    }
    return stpcpy(at, "\"}");
}

/* ---- charges ---- */

static void charge_one(struct server *server, uint32_t number, uint32_t times);

static void charges_grow(struct server *server) {
    struct charge *old = server->charges;
    size_t old_capacity = server->charges_capacity;
    server->charges_capacity = old_capacity ? 2 * old_capacity : 1024;
    server->charges = calloc(server->charges_capacity, sizeof *server->charges);
    must(server->charges, "calloc");
    server->charged_ids = server->charged_twice = 0;
    server->charged_records = 0;
    for (size_t i = 0; i < old_capacity; i++)
        if (old[i].count > 0)
            charge_one(server, old[i].number, old[i].count);
    free(old);
}

static void charge_one(struct server *server, uint32_t number, uint32_t times) {
    if (2 * (server->charged_ids + 1) > server->charges_capacity)
        charges_grow(server);
    size_t mask = server->charges_capacity - 1, slot = (number * 0x9E3779B1u) & mask;
    while (server->charges[slot].count > 0 && server->charges[slot].number != number)
        slot = (slot + 1) & mask;
    struct charge *charge = &server->charges[slot];
    charge->number = number;
    server->charged_ids += charge->count == 0;
    server->charged_twice += charge->count < 2 && charge->count + times >= 2;
    charge->count += times;
    server->charged_records += times;
    if (charge->count > server->max_charge)
        server->max_charge = charge->count;
}

static uint32_t page_number(const struct page *page, uint64_t row) {
    if (page->ids)
        return page->ids[row < page->distinct ? row : 0];
    return row < page->distinct ? page->first + (uint32_t)row : page->first;
}

static void bill(struct server *server, uint64_t request_id, uint64_t rows) {
    if (server->bills_count == server->bills_capacity) {
        server->bills_capacity = server->bills_capacity ? server->bills_capacity * 2 : 64;
        server->bills = realloc(server->bills, server->bills_capacity * sizeof *server->bills);
        must(server->bills, "realloc");
    }
    struct bill *entry = &server->bills[server->bills_count++];
    *entry = (struct bill){.request_id = request_id, .rows = rows};
    clock_gettime(CLOCK_REALTIME, &entry->when);
}

/* Charge a page's records, in memory and in the state file. False, and nothing charged, when the balance does not cover them. */
static bool charge_page(struct server *server, uint64_t request_id, const struct page *page) {
    uint64_t rows = page->distinct + page->repeats;
    pthread_mutex_lock(&server->lock);
    bool covered = server->options.balance < 0 || server->charged_records + rows <= (uint64_t)server->options.balance;
    for (uint64_t row = 0; covered && row < rows; row++) {
        charge_one(server, page_number(page, row), 1);
        if (server->state)
            fprintf(server->state, "P%08X\n", page_number(page, row));
    }
    if (covered)
        bill(server, request_id, rows);
    if (covered && server->state)
        must(fflush(server->state) == 0, "state file");
    pthread_mutex_unlock(&server->lock);
    return covered;
}

static void charges_clear(struct server *server) {
    free(server->charges);
    server->charges = NULL;
    server->charges_capacity = server->charged_ids = server->charged_twice = 0;
    server->charged_records = 0;
    server->max_charge = 0;
    server->bills_count = 0;
}

static bool state_open(struct server *server, const char *path) {
    server->state = fopen(path, "a+e");
    if (!server->state)
        return false;
    char line[32];
    rewind(server->state);
    while (fgets(line, sizeof line, server->state)) {
        unsigned char bytes[4];
        /* A line without its end is the torn one of a killed server. */
        if (line[0] != 'P' || strlen(line) != 10 || line[9] != '\n')
            continue;
        line[9] = '\0';
        if (str_unhex(line + 1, bytes, 4))
            charge_one(server, (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3], 1);
    }
    return true;
}

/* ---- what is counted of a request ---- */

static void request_count(struct request *request) {
    struct server *server = request->server;
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(request->connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    bool *known = info ? info->socket_context : NULL;
    pthread_mutex_lock(&server->lock);
    request->counted = true;
    server->arrivals_us[server->requests++ % ARRIVALS_MAX] = request->arrival_us;
    if (++server->in_flight > server->max_in_flight)
        server->max_in_flight = server->in_flight;
    if (known && !*known) {
        *known = true;
        server->connections++;
    }
    pthread_mutex_unlock(&server->lock);
}

static void request_classify(struct request *request, const struct search *search) {
    struct server *server = request->server;
    pthread_mutex_lock(&server->lock);
    server->previews += search->scope == SCOPE_PREVIEW;
    if (search->scope == SCOPE_PAID) {
        request->paid = true;
        request->first = search->offset + search->position;
        for (const struct request *other = server->sales; other; other = other->next_sale)
            server->same_in_flight += other->first == request->first;
        request->next_sale = server->sales;
        server->sales = request;
        server->paid_requests++;
        if (++server->paid_in_flight > server->max_paid_in_flight)
            server->max_paid_in_flight = server->paid_in_flight;
    }
    pthread_mutex_unlock(&server->lock);
}

/* Called before the last byte leaves, so that a client which has the answer is never counted as still in flight. */
static void request_finish(struct request *request) {
    if (!request->counted || request->finished)
        return;
    request->finished = true;
    pthread_mutex_lock(&request->server->lock);
    request->server->in_flight--;
    if (request->paid) {
        struct request **at = &request->server->sales;
        request->server->paid_in_flight--;
        while (*at != request)
            at = &(*at)->next_sale;
        *at = request->next_sale;
    }
    pthread_mutex_unlock(&request->server->lock);
}

/* ---- answers ---- */

/* The body while it is sent; the HTTP library owns it. */
struct sending {
    struct request *request; /* valid while the reader is called, not when it is freed */
    struct buf body;
    enum manner manner;
    int ms_per_kb;
};

static ssize_t sending_read(void *cls, uint64_t position, char *out, size_t max) {
    struct sending *sending = cls;
    size_t length = sending->body.length, take = max;
    if (sending->manner == MANNER_STALL && !wait_ms(sending->request, -1))
        return MHD_CONTENT_READER_END_WITH_ERROR;
    if (sending->manner == MANNER_ENDLESS && position >= length)
        position = ENDLESS_PREFIX + (position - ENDLESS_PREFIX) % (length - ENDLESS_PREFIX);
    if (sending->manner == MANNER_HALF && position >= length / 2) {
        request_finish(sending->request);
        return MHD_CONTENT_READER_END_WITH_ERROR;
    }
    if (sending->manner == MANNER_DRIP) {
        if (!wait_ms(sending->request, sending->ms_per_kb))
            return MHD_CONTENT_READER_END_WITH_ERROR;
        take = take < 1024 ? take : 1024;
    }
    size_t end = sending->manner == MANNER_HALF ? length / 2 : length;
    if (take > end - position)
        take = end - (size_t)position;
    memcpy(out, sending->body.data + position, take);
    if (position + take == length && sending->manner != MANNER_ENDLESS)
        request_finish(sending->request);
    return (ssize_t)take;
}

static void sending_free(void *cls) {
    struct sending *sending = cls;
    buf_release(&sending->body);
    free(sending);
}

/* gzip `plain`; with repeat > 0 its text is followed by repeat blocks of 1 MiB of blanks, deflated once and copied. */
static struct buf gzip_of(const struct buf *plain, uint64_t repeat) {
    static const unsigned char head[10] = {0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3};
    static const unsigned char last_block[2] = {3, 0};
    const size_t block = (size_t)1 << 20;
    struct buf out = BUF_INIT(BODY_MAX);
    unsigned char *blanks = repeat > 0 ? malloc(block) : NULL;
    z_stream z = {0};
    must(deflateInit2(&z, repeat > 0 ? 9 : 1, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY) == Z_OK && (repeat == 0 || blanks), "deflate");
    must(buf_reserve(&out, deflateBound(&z, plain->length) + deflateBound(&z, block) + 64) == RC_OK, "buffer");
    must(buf_add(&out, head, sizeof head) == RC_OK, "buffer");

    z.next_in = (unsigned char *)plain->data;
    z.avail_in = (uInt)plain->length;
    z.next_out = (unsigned char *)out.data + out.length;
    z.avail_out = (uInt)(out.capacity - out.length - 1);
    must(deflate(&z, Z_FULL_FLUSH) == Z_OK && z.avail_in == 0, "deflate");
    out.length = (size_t)(z.next_out - (unsigned char *)out.data);
    uLong crc = crc32(0, (unsigned char *)plain->data, (uInt)plain->length);
    if (repeat > 0) {
        memset(blanks, ' ', block);
        z.next_in = blanks;
        z.avail_in = (uInt)block;
        must(deflate(&z, Z_FULL_FLUSH) == Z_OK && z.avail_in == 0, "deflate");
        size_t deflated = (size_t)(z.next_out - (unsigned char *)out.data) - out.length, from = out.length;
        uLong blanks_crc = crc32(0, blanks, (uInt)block);
        must(buf_reserve(&out, deflated * repeat + 64) == RC_OK, "buffer");
        for (uint64_t i = 0; i < repeat; i++, out.length += deflated) {
            memmove(out.data + out.length, out.data + from, deflated);
            crc = crc32_combine(crc, blanks_crc, (z_off_t)block);
        }
    }
    deflateEnd(&z);
    free(blanks);
    uint64_t size = plain->length + repeat * block;
    must(buf_add(&out, last_block, sizeof last_block) == RC_OK, "buffer");
    for (int shift = 0; shift < 32; shift += 8)
        must(buf_add_char(&out, (char)(crc >> shift & 255)) == RC_OK, "buffer");
    for (int shift = 0; shift < 32; shift += 8)
        must(buf_add_char(&out, (char)(size >> shift & 255)) == RC_OK, "buffer");
    return out;
}

static enum MHD_Result drop(struct request *request) {
    pthread_mutex_lock(&request->server->lock);
    request->server->dropped++;
    pthread_mutex_unlock(&request->server->lock);
    request_finish(request);
    return MHD_NO;
}

static void add_header(struct MHD_Response *response, const char *name, const char *value) {
    if (value[0])
        must(MHD_add_response_header(response, name, value) == MHD_YES, "header");
}

/* Queue the answer and take its body. */
static enum MHD_Result send_reply(struct request *request, struct reply *reply) {
    struct server *server = request->server;
    const char *accepts = MHD_lookup_connection_value(request->connection, MHD_HEADER_KIND, "Accept-Encoding");
    if (server->options.gzip && !reply->coded && reply->manner != MANNER_ENDLESS && reply->body.length > 0 && accepts && strstr(accepts, "gzip")) {
        struct buf coded = gzip_of(&reply->body, 0);
        buf_release(&reply->body);
        reply->body = coded;
        reply->coded = true;
    }
    struct sending *sending = calloc(1, sizeof *sending);
    must(sending, "calloc");
    *sending = (struct sending){.request = request, .body = reply->body, .manner = reply->manner, .ms_per_kb = reply->ms_per_kb};
    size_t length = reply->body.length, block = length < 65536 ? length + 1 : 65536;
    uint64_t size = reply->manner == MANNER_ENDLESS ? MHD_SIZE_UNKNOWN : length;
    struct MHD_Response *response = MHD_create_response_from_callback(size, block, sending_read, sending, sending_free);
    must(response, "response");

    char id[32];
    snprintf(id, sizeof id, "req-%08llu", (unsigned long long)request->id);
    add_header(response, "X-Radar-Request-Id", id);
    add_header(response, "Content-Type", reply->type);
    add_header(response, "Retry-After", reply->retry_after);
    add_header(response, "X-Total-Count", reply->total_count);
    add_header(response, "Content-Encoding", reply->coded ? "gzip" : "");
    if (request->counted) {
        pthread_mutex_lock(&server->lock);
        server->statuses[reply->status < STATUS_MAX ? reply->status : 0]++;
        pthread_mutex_unlock(&server->lock);
    }
    enum MHD_Result queued = MHD_queue_response(request->connection, reply->status, response);
    MHD_destroy_response(response);
    return queued;
}

static enum MHD_Result send_text(struct request *request, unsigned status, const char *type, const char *text) {
    struct reply reply = {.status = status, .type = type, .body = BUF_INIT(BODY_MAX)};
    add_text(&reply.body, text);
    return send_reply(request, &reply);
}

static enum MHD_Result send_error(struct request *request, unsigned status, const char *message, const char *retry_after) {
    struct reply reply = {.status = status, .type = "application/json", .body = BUF_INIT(BODY_MAX)};
    must(buf_printf(&reply.body, "{\"error\":\"%s\",\"eventid\":\"evt-%u\"}", message, status) == RC_OK, "buffer");
    str_copy(reply.retry_after, sizeof reply.retry_after, retry_after);
    return send_reply(request, &reply);
}

/* ---- faults ---- */

static bool fault_acts(struct fault *fault, const struct search *search) {
    if ((fault->scope != SCOPE_ANY && fault->scope != search->scope) || (fault->start >= 0 && fault->start != search->start))
        return false;
    fault->seen++;
    return fault->seen >= fault->at && (fault->count < 0 || fault->seen - fault->at < fault->count);
}

/* False when the kind decides the answer instead. */
static bool plan_modify(struct server *server, const struct fault *fault, struct plan *plan) {
    if (fault->kind == KIND_DELAY)
        plan->delay_ms += fault->ms;
    else if (fault->kind == KIND_SHORT_PAGE)
        plan->at_most = fault->n;
    else if (fault->kind == KIND_DUPLICATE) {
        plan->repeats = fault->n;
        plan->replace = fault->replace;
    } else if (fault->kind == KIND_CHANGE_TOTAL)
        server->total_delta += fault->n;
    else if (fault->kind == KIND_SHIFT)
        server->shift += fault->n;
    else
        return false;
    return true;
}

static struct plan plan_make(struct server *server, const struct search *search) {
    struct plan plan = {.action = {.kind = KIND_NONE, .charge = true}, .at_most = -1};
    pthread_mutex_lock(&server->lock);
    for (size_t i = 0; i < server->faults_count; i++) {
        struct fault *fault = &server->faults[i];
        if (!fault_acts(fault, search))
            continue;
        if (plan_modify(server, fault, &plan)) {
            server->faults_fired++;
        } else if (plan.action.kind == KIND_NONE) {
            plan.action = *fault;
            server->faults_fired++;
        }
    }
    plan.total_delta = server->total_delta;
    plan.shift = server->shift;
    pthread_mutex_unlock(&server->lock);
    return plan;
}

static bool fault_text(char *out, size_t size, const cJSON *item) {
    return cJSON_IsString(item) && str_copy(out, size, item->valuestring);
}

static bool fault_member(struct fault *fault, const cJSON *item) {
    const char *name = item->string;
    if (strcmp(name, "kind") == 0)
        return true;
    if (strcmp(name, "at") == 0)
        return json_int(item, 1, INT32_MAX, &fault->at);
    if (strcmp(name, "count") == 0)
        return json_int(item, -1, INT32_MAX, &fault->count);
    if (strcmp(name, "start") == 0)
        return json_int(item, 0, UINT32_MAX, &fault->start);
    if (strcmp(name, "status") == 0)
        return json_int(item, 200, STATUS_MAX - 1, &fault->status);
    if (strcmp(name, "ms") == 0 || strcmp(name, "ms_per_kb") == 0)
        return json_int(item, 0, INT32_MAX, &fault->ms);
    if (strcmp(name, "n") == 0 || strcmp(name, "delta") == 0)
        return json_int(item, INT32_MIN, INT32_MAX, &fault->n);
    if (strcmp(name, "mb") == 0)
        return json_int(item, 1, 1 << 20, &fault->n);
    if (strcmp(name, "retry_after") == 0)
        return fault_text(fault->retry_after, sizeof fault->retry_after, item);
    if (strcmp(name, "body") == 0)
        return fault_text(fault->body, sizeof fault->body, item);
    if (strcmp(name, "member") == 0)
        return fault_text(fault->member, sizeof fault->member, item);
    if (strcmp(name, "charge") == 0 || strcmp(name, "replace") == 0) {
        *(name[0] == 'c' ? &fault->charge : &fault->replace) = cJSON_IsTrue(item);
        return cJSON_IsBool(item);
    }
    for (size_t scope = 0; strcmp(name, "on") == 0 && cJSON_IsString(item) && scope <= SCOPE_ANY; scope++)
        if (strcmp(item->valuestring, scope_names[scope]) == 0) {
            fault->scope = (enum scope)scope;
            return true;
        }
    return false;
}

static bool fault_parse(const cJSON *object, struct fault *fault) {
    const char *kind = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, "kind"));
    const struct kind_row *row = kind_rows;
    while (row < kind_rows + KIND_ROWS && (!kind || strcmp(kind, row->name) != 0))
        row++;
    if (row == kind_rows + KIND_ROWS)
        return false;
    *fault = (struct fault){.kind = row->kind, .scope = SCOPE_ANY, .charge = row->charge, .at = 1, .count = 1, .start = -1, .status = 503};
    fault->ms = row->ms;
    fault->n = row->n;
    const cJSON *item;
    cJSON_ArrayForEach(item, object) if (!fault_member(fault, item)) return false;
    return true;
}

/* ---- searches ---- */

static const char *query_value(const struct request *request, const char *name) {
    return MHD_lookup_connection_value(request->connection, MHD_GET_ARGUMENT_KIND, name);
}

/* An absent or empty parameter keeps *value. */
static bool query_number(const struct request *request, const char *name, uint64_t least, uint64_t *value) {
    const char *text = query_value(request, name);
    return !text || !text[0] || str_to_u64(text, least, UINT32_MAX, value);
}

/* The numbers of the ids that exist. */
static bool ids_parse(const cJSON *value, uint32_t records, struct search *search) {
    const cJSON *item;
    search->ids = calloc((size_t)cJSON_GetArraySize(value) + 1, sizeof *search->ids);
    must(search->ids, "calloc");
    search->count = 0;
    cJSON_ArrayForEach(item, value) {
        const char *id = cJSON_GetStringValue(item);
        char *end;
        if (!id || id[0] != 'P' || strlen(id) != 9)
            return false;
        unsigned long number = strtoul(id + 1, &end, 16);
        if (*end)
            return false;
        if (number < records)
            search->ids[search->count++] = (uint32_t)number;
    }
    return true;
}

static bool criterion_parse(const cJSON *item, uint32_t records, struct search *search) {
    const char *name = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(item, "name"));
    const cJSON *value = cJSON_GetObjectItemCaseSensitive(item, "value");
    int64_t number = 0;
    if (!name || !cJSON_IsArray(value))
        return false;
    if (strcmp(name, "RadarID") == 0)
        return !search->ids && ids_parse(value, records, search);
    bool count = strcmp(name, "Count") == 0, offset = strcmp(name, "Offset") == 0;
    if ((count || offset) && !json_int(cJSON_GetArrayItem(value, 0), 0, UINT32_MAX, &number))
        return false;
    if (count)
        search->count = (uint64_t)number;
    if (offset)
        search->offset = (uint32_t)number;
    return true;
}

/* NULL, or what the answer 400 says. */
static const char *payload_parse(const struct request *request, struct search *search) {
    cJSON *payload = cJSON_ParseWithOpts(buf_text(&request->body), NULL, 1);
    const cJSON *item, *criterion;
    const char *problem = cJSON_IsObject(payload) ? NULL : "Invalid JSON payload";
    const cJSON *criteria = cJSON_GetObjectItemCaseSensitive(payload, "Criteria");
    if (!problem && !cJSON_IsArray(criteria))
        problem = "Missing required param Criteria";
    cJSON_ArrayForEach(item, payload) if (!problem && strcmp(item->string, "Criteria") != 0) problem = "Unexpected payload field";
    cJSON_ArrayForEach(criterion, criteria) if (!problem && !criterion_parse(criterion, request->server->options.records, search)) problem =
        "Unexpected Criterion";
    cJSON_Delete(payload);
    return problem;
}

static const char *purchase_parse(const struct request *request, struct search *search) {
    const char *purchase = query_value(request, "Purchase");
    if (!purchase)
        return "Missing required param Purchase";
    bool paid = strcmp(purchase, "1") == 0 || strcmp(purchase, "true") == 0;
    if (!paid && strcmp(purchase, "0") != 0 && strcmp(purchase, "false") != 0)
        return "Invalid param Purchase";
    if (!paid && request->server->options.preview == PREVIEW_NONE)
        return "Preview is not available";
    search->scope = paid ? SCOPE_PAID : SCOPE_PREVIEW;
    return NULL;
}

/* True when the moving window has no room; *wait_s is then the time until it has. */
static bool over_rate(struct server *server, int64_t now_us, int64_t *wait_s) {
    uint32_t limit = server->options.rate_limit;
    if (limit == 0)
        return false;
    pthread_mutex_lock(&server->lock);
    int64_t *oldest = &server->window[server->window_count % limit];
    int64_t free_us = *oldest + (int64_t)server->options.rate_seconds * 1000000;
    bool over = server->window_count >= limit && now_us < free_us;
    if (over) {
        *wait_s = (free_us - now_us + 999999) / 1000000;
    } else {
        *oldest = now_us;
        server->window_count++;
    }
    pthread_mutex_unlock(&server->lock);
    return over;
}

static struct page page_of(const struct search *search, const struct plan *plan) {
    int64_t total = (int64_t)search->count + plan->total_delta;
    struct page page = {.total = total > 0 ? (uint64_t)total : 0};
    if (search->position < page.total)
        page.distinct = page.total - search->position < search->limit ? page.total - search->position : search->limit;
    if (plan->at_most >= 0 && page.distinct > (uint64_t)plan->at_most)
        page.distinct = (uint64_t)plan->at_most;
    /* Wraps round: the records that a shift brings in have the highest numbers. */
    page.ids = search->ids ? search->ids + search->position : NULL;
    page.first = (uint32_t)(search->offset + search->position - (uint64_t)plan->shift);
    if (plan->repeats > 0 && page.distinct > 0) {
        page.repeats = (uint64_t)plan->repeats;
        if (plan->replace)
            page.distinct = page.distinct > page.repeats ? page.distinct - page.repeats : 1;
    }
    return page;
}

static void add_rows(const struct server *server, const struct page *page, bool ids_only, struct buf *out) {
    uint64_t rows = page->distinct + page->repeats;
    must(buf_reserve(out, rows * (ids_only ? 32 : server->options.record_bytes + RECORD_LEAST) + 8) == RC_OK, "buffer");
    char *at = out->data + out->length;
    *at++ = '[';
    for (uint64_t row = 0; row < rows; row++) {
        if (row > 0)
            *at++ = ',';
        if (ids_only)
            at = stpcpy(put_hex(stpcpy(at, "{\"RadarID\":\"P"), page_number(page, row)), "\"}");
        else
            at = put_record(at, page_number(page, row), server->options.record_bytes);
    }
    *at++ = ']';
    *at = '\0';
    out->length = (size_t)(at - out->data);
}

static uint64_t balance_left(struct server *server) {
    pthread_mutex_lock(&server->lock);
    uint64_t balance = server->options.balance > 0 ? (uint64_t)server->options.balance : 0;
    uint64_t left = balance > server->charged_records ? balance - server->charged_records : 0;
    pthread_mutex_unlock(&server->lock);
    return left;
}

static void add_envelope(struct server *server, const struct search *search, const struct page *page, const struct fault *action, struct buf *out) {
    const struct page no_rows = {0};
    bool preview = search->scope == SCOPE_PREVIEW, wrong = action->kind == KIND_WRONG_TYPE;
    bool wrong_total = wrong && strcmp(action->member, "totalResultCount") == 0;
    bool wrong_results = wrong && !wrong_total && strcmp(action->member, "content_type") != 0;
    const struct page *shown = preview && server->options.preview == PREVIEW_EMPTY ? &no_rows : page;
    uint64_t rows = shown->distinct + shown->repeats;
    char cost[DEC_TEXT_SIZE];
    dec_format(dec_times(server->options.price, preview ? page->total : rows), cost);
    add_text(out, wrong_results ? "{\"results\":{\"rows\":" : "{\"results\":");
    add_rows(server, shown, preview, out);
    const char *quote = wrong_total ? "\"about " : "", *unquote = wrong_total ? "\"" : "";
    must(buf_printf(out, "%s,\"resultCount\":%llu,\"totalResultCount\":%s%llu%s,\"totalCost\":\"%s\"", wrong_results ? "}" : "", (unsigned long long)rows,
                    quote, (unsigned long long)page->total, unquote, cost) == RC_OK,
         "buffer");
    if (preview)
        must(buf_printf(out, ",\"quantityFreeRemaining\":%llu", (unsigned long long)balance_left(server)) == RC_OK, "buffer");
    add_text(out, "}");
}

static void add_answer(struct server *server, const struct search *search, const struct page *page, const struct fault *action, struct buf *out) {
    if (search->scope != SCOPE_FREE) {
        add_envelope(server, search, page, action, out);
    } else if (search->bare) {
        add_rows(server, page, false, out);
    } else {
        add_text(out, "{\"items\":");
        add_rows(server, page, false, out);
        must(buf_printf(out, ",\"total\":%llu}", (unsigned long long)page->total) == RC_OK, "buffer");
    }
}

/* Keep the exact body of a purchase for comparison, whole or not at all. */
static void bytes_log(const struct server *server, int64_t start, const struct buf *body) {
    char temporary[PATH_MAX], path[PATH_MAX];
    must(str_format(temporary, sizeof temporary, "%s/.%lld.%llx", server->options.bytes_log, (long long)start, (unsigned long long)mono_us()) &&
             str_format(path, sizeof path, "%s/%lld.json", server->options.bytes_log, (long long)start),
         "bytes log name");
    FILE *file = fopen(temporary, "wxe");
    must(file && fwrite(body->data, 1, body->length, file) == body->length && fclose(file) == 0 && rename(temporary, path) == 0, "bytes log");
}

static void set_body(struct reply *reply, const char *type, const char *text) {
    reply->type = type;
    buf_reset(&reply->body);
    add_text(&reply->body, text);
}

static void set_retry_after(struct reply *reply, const char *text) {
    if (!str_starts(text, "date:")) {
        str_copy(reply->retry_after, sizeof reply->retry_after, text);
        return;
    }
    struct tm parts;
    time_t when = time(NULL) + strtol(text + 5, NULL, 10);
    strftime(reply->retry_after, sizeof reply->retry_after, "%a, %d %b %Y %H:%M:%S GMT", gmtime_r(&when, &parts));
}

/* Turn the honest answer into the faulty one. False when no answer is sent at all. */
static bool reply_spoil(struct reply *reply, const struct fault *action) {
    switch (action->kind) {
    case KIND_STATUS:
        reply->status = (unsigned)action->status;
        set_body(reply, "application/json", action->body[0] ? action->body : "{\"error\":\"Injected failure\",\"eventid\":\"evt-fault\"}");
        set_retry_after(reply, action->retry_after);
        return true;
    case KIND_DROP_BEFORE:
    case KIND_DROP_AFTER:
        return false;
    case KIND_DROP_MID:
        reply->manner = MANNER_HALF;
        return true;
    case KIND_TRUNCATE:
        reply->body.length /= 2;
        return true;
    case KIND_INVALID_JSON:
        reply->body.data[reply->body.length - 1] = ')';
        return true;
    case KIND_ERROR_BODY:
        set_body(reply, "application/json", action->body[0] ? action->body : "{\"error\":\"Search failed\",\"eventid\":\"evt-fault\"}");
        return true;
    case KIND_HTML:
        set_body(reply, "text/html", action->body[0] ? action->body : "<!DOCTYPE html><html><body><h1>Maintenance</h1></body></html>");
        return true;
    case KIND_STALL:
        reply->manner = MANNER_STALL;
        return true;
    case KIND_SLOW:
        reply->manner = MANNER_DRIP;
        reply->ms_per_kb = (int)action->ms;
        return true;
    case KIND_HUGE:
        set_body(reply, "application/json", ENDLESS_START);
        for (int i = 0; i < 4096; i++)
            add_text(&reply->body, "{\"RadarID\":\"P00000000\"},");
        reply->manner = MANNER_ENDLESS;
        return true;
    case KIND_GZIP_BOMB: {
        set_body(reply, "application/json", ENDLESS_START);
        struct buf bomb = gzip_of(&reply->body, (uint64_t)action->n);
        buf_release(&reply->body);
        reply->body = bomb;
        reply->coded = true;
        return true;
    }
    case KIND_WRONG_TYPE:
        if (strcmp(action->member, "content_type") == 0)
            reply->type = "text/plain";
        return true;
    case KIND_NONE:
    case KIND_DELAY:
    case KIND_SHORT_PAGE:
    case KIND_DUPLICATE:
    case KIND_CHANGE_TOTAL:
    case KIND_SHIFT:
        return true;
    }
    return true;
}

static enum MHD_Result serve_search(struct request *request, const struct search *search) {
    struct server *server = request->server;
    request_classify(request, search);
    struct plan plan = plan_make(server, search);
    if (plan.delay_ms > 0 && !wait_ms(request, plan.delay_ms))
        return drop(request);
    struct page page = page_of(search, &plan);
    bool charged = search->scope == SCOPE_PAID && plan.action.charge;
    if (charged && !charge_page(server, request->id, &page))
        return send_error(request, 402, "Insufficient balance", "");

    struct reply reply = {.status = 200, .type = "application/json", .body = BUF_INIT(BODY_MAX)};
    add_answer(server, search, &page, &plan.action, &reply.body);
    if (search->scope == SCOPE_FREE)
        put_uint(reply.total_count, page.total);
    if (charged && server->options.bytes_log && (plan.action.kind == KIND_NONE || plan.action.kind == KIND_SLOW))
        bytes_log(server, search->start, &reply.body);
    if (!reply_spoil(&reply, &plan.action)) {
        buf_release(&reply.body);
        return drop(request);
    }
    return send_reply(request, &reply);
}

/* ---- routes ---- */

static bool authorised(const struct request *request) {
    const char *token = request->server->options.token;
    const char *sent = MHD_lookup_connection_value(request->connection, MHD_HEADER_KIND, "Authorization");
    return !token || (sent && strncmp(sent, "Bearer ", 7) == 0 && strcmp(sent + 7, token) == 0);
}

/* Common to all of /v1. True when *result is the answer already. */
static bool refused_by_rate(struct request *request, enum MHD_Result *result) {
    int64_t wait_s = 0;
    if (!over_rate(request->server, request->arrival_us, &wait_s))
        return false;
    char text[24];
    snprintf(text, sizeof text, "%lld", (long long)wait_s);
    *result = send_error(request, 429, "Rate limit exceeded", text);
    return true;
}

static enum MHD_Result route_properties(struct request *request) {
    const struct options *options = &request->server->options;
    enum MHD_Result result;
    if (refused_by_rate(request, &result))
        return result;
    if (!authorised(request))
        return send_error(request, 401, "Invalid or missing token", "");
    struct search search = {.count = options->records};
    uint64_t start = options->start_base, limit = DEFAULT_LIMIT;
    const char *problem = purchase_parse(request, &search);
    if (!problem && !query_number(request, "Start", 0, &start))
        problem = "Invalid param Start";
    if (!problem && !query_number(request, "Limit", 1, &limit))
        problem = "Invalid param Limit";
    if (!problem)
        problem = payload_parse(request, &search);
    if (problem) {
        free(search.ids);
        return send_error(request, 400, problem, "");
    }
    search.start = (int64_t)start;
    search.position = start > 0 ? start - options->start_base : 0;
    search.limit = (uint32_t)(limit < options->max_limit ? limit : options->max_limit);
    result = serve_search(request, &search);
    free(search.ids);
    return result;
}

static enum MHD_Result route_free(struct request *request, bool bare) {
    const struct options *options = &request->server->options;
    enum MHD_Result result;
    if (refused_by_rate(request, &result))
        return result;
    struct search search = {.scope = SCOPE_FREE, .bare = bare, .count = options->records};
    uint64_t limit = DEFAULT_LIMIT;
    if (!query_number(request, "offset", 0, &search.position) || !query_number(request, "limit", 1, &limit) ||
        !query_number(request, "count", 0, &search.count))
        return send_error(request, 400, "Invalid offset, limit or count", "");
    search.start = (int64_t)search.position;
    search.limit = (uint32_t)(limit < options->max_limit ? limit : options->max_limit);
    return serve_search(request, &search);
}

static enum MHD_Result route_items(struct request *request) {
    return route_free(request, false);
}

static enum MHD_Result route_list(struct request *request) {
    return route_free(request, true);
}

/* ---- suggestions ---- */

/* Each: the text that is looked through, and the rest of its row. */
static const char *const counties[][2] = {
    {"Clark, NV", "\"FIPS\":\"32003\""},       {"Clark, OH", "\"FIPS\":\"39023\""},     {"Clark, WA", "\"FIPS\":\"53011\""},
    {"Los Angeles, CA", "\"FIPS\":\"06037\""}, {"Multnomah, OR", "\"FIPS\":\"41051\""}, {"Wasco, OR", "\"FIPS\":\"41065\""},
    {"Washington, OR", "\"FIPS\":\"41067\""},  {"Washoe, NV", "\"FIPS\":\"32031\""},    {NULL, NULL}};
static const char *const cities[][2] = {
    {"Portland", "\"State\":\"OR\""},      {"Reno", "\"State\":\"NV\""},   {"Renton", "\"State\":\"WA\""},      {"Sacramento", "\"State\":\"CA\""},
    {"San Francisco", "\"State\":\"CA\""}, {"Sparks", "\"State\":\"NV\""}, {"Springfield", "\"State\":\"MA\""}, {NULL, NULL}};
#define RENO "\"City\":\"Reno\",\"State\":\"NV\",\"ZipFive\":\"89501\""
#define PORTLAND "\"City\":\"Portland\",\"State\":\"OR\",\"ZipFive\":\"97202\""
static const char *const addresses[][2] = {{"1 Main St", RENO},      {"123 Main St", RENO}, {"12 Oak Ave", PORTLAND},
                                           {"45 Oak Ave", PORTLAND}, {"7 River Rd", RENO},  {NULL, NULL}};

static enum MHD_Result serve_suggestions(struct request *request, const char *member, const char *const (*rows)[2]) {
    struct server *server = request->server;
    enum MHD_Result result;
    uint64_t limit = 10;
    const char *input = query_value(request, "SuggestionInput"), *comma = "";
    if (refused_by_rate(request, &result))
        return result;
    if (!authorised(request))
        return send_error(request, 401, "Invalid or missing token", "");
    if (!input || !*input || !query_number(request, "Limit", 1, &limit))
        return send_error(request, 400, "Missing required param SuggestionInput, or invalid Limit", "");
    pthread_mutex_lock(&server->lock);
    server->suggestions++;
    pthread_mutex_unlock(&server->lock);
    const struct search search = {.scope = SCOPE_FREE};
    struct plan plan = plan_make(server, &search);
    if (plan.delay_ms > 0 && !wait_ms(request, plan.delay_ms))
        return drop(request);
    struct reply reply = {.status = 200, .type = "application/json", .body = BUF_INIT(BODY_MAX)};
    add_text(&reply.body, "{\"results\":[");
    for (size_t i = 0; rows[i][0] && limit; i++)
        if (strcasestr(rows[i][0], input)) {
            must(buf_printf(&reply.body, "%s{\"%s\":\"%s\",%s}", comma, member, rows[i][0], rows[i][1]) == RC_OK, "buffer");
            comma = ",";
            limit--;
        }
    add_text(&reply.body, "]}");
    if (!reply_spoil(&reply, &plan.action)) {
        buf_release(&reply.body);
        return drop(request);
    }
    return send_reply(request, &reply);
}

static enum MHD_Result route_counties(struct request *request) {
    return serve_suggestions(request, "County", counties);
}

static enum MHD_Result route_cities(struct request *request) {
    return serve_suggestions(request, "City", cities);
}

static enum MHD_Result route_addresses(struct request *request) {
    return serve_suggestions(request, "Address", addresses);
}

static void add_statuses(const struct server *server, struct buf *out) {
    const char *comma = "";
    for (unsigned status = 0; status < STATUS_MAX; status++)
        if (server->statuses[status] > 0) {
            must(buf_printf(out, "%s\"%u\":%llu", comma, status, (unsigned long long)server->statuses[status]) == RC_OK, "buffer");
            comma = ",";
        }
}

static void add_arrivals(const struct server *server, struct buf *out) {
    uint64_t first = server->requests > ARRIVALS_MAX ? server->requests - ARRIVALS_MAX : 0;
    for (uint64_t i = first; i < server->requests; i++) {
        int64_t us = server->arrivals_us[i % ARRIVALS_MAX];
        must(buf_printf(out, "%s%lld.%03d", i > first ? "," : "", (long long)(us / 1000), (int)(us % 1000)) == RC_OK, "buffer");
    }
}

static enum MHD_Result route_stats(struct request *request) {
    struct server *server = request->server;
    struct reply reply = {.status = 200, .type = "application/json", .body = BUF_INIT(BODY_MAX)};
    struct buf *out = &reply.body;
    pthread_mutex_lock(&server->lock);
    const struct {
        const char *name;
        uint64_t value;
    } numbers[] = {
        {"requests", server->requests},
        {"paid_requests", server->paid_requests},
        {"previews", server->previews},
        {"suggestions", server->suggestions},
        {"charged_records", server->charged_records},
        {"charged_ids", server->charged_ids},
        {"max_charge", server->max_charge},
        {"twice", server->charged_twice},
        {"same_in_flight", server->same_in_flight},
        {"in_flight", server->in_flight},
        {"max_in_flight", server->max_in_flight},
        {"paid_in_flight", server->paid_in_flight},
        {"max_paid_in_flight", server->max_paid_in_flight},
        {"connections", server->connections},
        {"dropped", server->dropped},
        {"faults_fired", server->faults_fired},
    };
    add_text(out, "{");
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        must(buf_printf(out, "\"%s\":%llu,", numbers[i].name, (unsigned long long)numbers[i].value) == RC_OK, "buffer");
    add_text(out, "\"statuses\":{");
    add_statuses(server, out);
    add_text(out, "},\"arrivals_ms\":[");
    add_arrivals(server, out);
    add_text(out, "]}");
    pthread_mutex_unlock(&server->lock);
    return send_reply(request, &reply);
}

static int charge_order(const void *left, const void *right) {
    const struct charge *a = left, *b = right;
    return (a->number > b->number) - (a->number < b->number);
}

static enum MHD_Result route_charges(struct request *request) {
    struct server *server = request->server;
    struct reply reply = {.status = 200, .type = "text/plain", .body = BUF_INIT(BODY_MAX)};
    pthread_mutex_lock(&server->lock);
    size_t count = 0;
    struct charge *sorted = calloc(server->charged_ids + 1, sizeof *sorted);
    must(sorted, "calloc");
    for (size_t i = 0; i < server->charges_capacity; i++)
        if (server->charges[i].count > 0)
            sorted[count++] = server->charges[i];
    pthread_mutex_unlock(&server->lock);
    qsort(sorted, count, sizeof *sorted, charge_order);
    for (size_t i = 0; i < count; i++)
        must(buf_printf(&reply.body, "P%08X %u\n", sorted[i].number, sorted[i].count) == RC_OK, "buffer");
    free(sorted);
    return send_reply(request, &reply);
}

static enum MHD_Result route_invoice(struct request *request) {
    struct server *server = request->server;
    struct reply reply = {.status = 200, .type = "text/csv", .body = BUF_INIT(BODY_MAX)};
    add_text(&reply.body, "Request ID,Date/Time,Records,Amount,Currency\r\n");
    pthread_mutex_lock(&server->lock);
    for (size_t i = 0; i < server->bills_count; i++) {
        const struct bill *entry = &server->bills[i];
        struct tm parts;
        char amount[DEC_TEXT_SIZE], when[40];
        dec_format(dec_times(server->options.price, entry->rows), amount);
        strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&entry->when.tv_sec, &parts));
        must(buf_printf(&reply.body, "req-%08llu,%s,%llu,%s,USD\r\n", (unsigned long long)entry->request_id, when, (unsigned long long)entry->rows, amount) ==
                 RC_OK,
             "buffer");
    }
    pthread_mutex_unlock(&server->lock);
    return send_reply(request, &reply);
}

static enum MHD_Result route_reset(struct request *request) {
    struct server *server = request->server;
    pthread_mutex_lock(&server->lock);
    charges_clear(server);
    if (server->state)
        must(fflush(server->state) == 0 && ftruncate(fileno(server->state), 0) == 0, "state file");
    server->faults_count = 0;
    server->faults_fired = 0;
    server->total_delta = server->shift = 0;
    server->window_count = 0;
    server->requests = server->paid_requests = server->previews = server->suggestions = server->dropped = server->connections = server->same_in_flight = 0;
    server->max_in_flight = server->in_flight;
    server->max_paid_in_flight = server->paid_in_flight;
    memset(server->statuses, 0, sizeof server->statuses);
    pthread_mutex_unlock(&server->lock);
    return send_text(request, 200, "application/json", "{\"ok\":true}");
}

static enum MHD_Result route_faults(struct request *request) {
    struct server *server = request->server;
    cJSON *payload = cJSON_ParseWithOpts(buf_text(&request->body), NULL, 1);
    const cJSON *list = cJSON_GetObjectItemCaseSensitive(payload, "faults"), *item;
    struct fault *faults = calloc(FAULTS_MAX, sizeof *faults);
    must(faults, "calloc");
    size_t count = 0;
    bool good = cJSON_IsArray(list) && cJSON_GetArraySize(list) <= (int)FAULTS_MAX;
    if (good)
        cJSON_ArrayForEach(item, list) good = good && fault_parse(item, &faults[count++]);
    cJSON_Delete(payload);
    if (good) {
        pthread_mutex_lock(&server->lock);
        memcpy(server->faults, faults, sizeof server->faults);
        server->faults_count = count;
        pthread_mutex_unlock(&server->lock);
    }
    free(faults);
    return good ? send_text(request, 200, "application/json", "{\"ok\":true}") : send_error(request, 400, "Unknown or malformed fault", "");
}

static const struct route {
    const char *method, *path;
    bool counted;
    enum MHD_Result (*serve)(struct request *request);
} routes[] = {
    {"POST", "/v1/properties", true, route_properties},
    {"GET", "/v1/items", true, route_items},
    {"GET", "/v1/list", true, route_list},
    {"POST", "/v1/suggestions/County", true, route_counties},
    {"POST", "/v1/suggestions/City", true, route_cities},
    {"POST", "/v1/suggestions/SiteAddress", true, route_addresses},
    {"GET", "/_stats", false, route_stats},
    {"GET", "/_charges", false, route_charges},
    {"GET", "/_invoice", false, route_invoice},
    {"POST", "/_reset", false, route_reset},
    {"POST", "/_faults", false, route_faults},
};

static enum MHD_Result route_request(struct request *request, const char *method, const char *path) {
    bool known = false;
    for (size_t i = 0; i < sizeof routes / sizeof *routes; i++) {
        if (strcmp(path, routes[i].path) != 0)
            continue;
        known = true;
        if (strcmp(method, routes[i].method) == 0)
            return request->too_big ? send_error(request, 413, "Payload too large", "") : routes[i].serve(request);
    }
    return known ? send_error(request, 405, "Method not allowed", "") : send_error(request, 404, "Not found", "");
}

/* ---- the HTTP library's callbacks ---- */

static enum MHD_Result on_request(void *cls, struct MHD_Connection *connection, const char *path, const char *method, const char *version, const char *upload,
                                  size_t *upload_size, void **context) {
    struct request *request = *context;
    (void)version;
    if (!request) {
        *context = request = calloc(1, sizeof *request);
        must(request, "calloc");
        request->server = cls;
        request->id = atomic_fetch_add(&request->server->request_ids, 1);
        request->connection = connection;
        request->fd = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
        request->arrival_us = mono_us();
        buf_init(&request->body, REQUEST_BODY_MAX);
        if (str_starts(path, "/v1/"))
            request_count(request);
        return MHD_YES;
    }
    if (*upload_size > 0) {
        if (buf_add(&request->body, upload, *upload_size) != RC_OK)
            request->too_big = true;
        *upload_size = 0;
        return MHD_YES;
    }
    return route_request(request, method, path);
}

static void on_completed(void *cls, struct MHD_Connection *connection, void **context, enum MHD_RequestTerminationCode code) {
    struct request *request = *context;
    (void)cls, (void)connection, (void)code;
    if (!request)
        return;
    request_finish(request);
    buf_release(&request->body);
    free(request);
    *context = NULL;
}

/* The socket's context says whether request_count has counted this connection. */
static void on_connection(void *cls, struct MHD_Connection *connection, void **socket_context, enum MHD_ConnectionNotificationCode code) {
    (void)cls, (void)connection;
    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
        *socket_context = calloc(1, sizeof(bool));
    } else {
        free(*socket_context);
        *socket_context = NULL;
    }
}

/* ---- start and stop ---- */

static int usage(void) {
    fputs("usage: meteredapi [--port 0] [--port-file FILE] [--token TOKEN] [--records 10000] [--record-bytes 1200] [--start-base 0|1]\n"
          "                  [--max-limit 500] [--price 0.05] [--balance RECORDS] [--preview empty|ids|none] [--rate LIMIT/SECONDS] [--gzip]\n"
          "                  [--bytes-log DIR] [--state FILE]\n",
          stderr);
    return EX_USAGE;
}

static bool option_u32(const char *text, uint64_t least, uint64_t most, uint32_t *out) {
    uint64_t value;
    if (!str_to_u64(text, least, most, &value))
        return false;
    *out = (uint32_t)value;
    return true;
}

static bool option_rate(const char *text, struct options *options) {
    char limit[32];
    const char *slash = strchr(text, '/');
    return slash && str_format(limit, sizeof limit, "%.*s", (int)(slash - text), text) && option_u32(limit, 1, 1000000, &options->rate_limit) &&
           option_u32(slash + 1, 1, 86400, &options->rate_seconds);
}

static bool option_preview(const char *text, enum preview *out) {
    static const char *const names[] = {"empty", "ids", "none"};
    for (size_t i = 0; i < 3; i++)
        if (strcmp(text, names[i]) == 0) {
            *out = (enum preview)i;
            return true;
        }
    return false;
}

static bool option_set(struct options *options, int option) {
    uint32_t number = 0;
    switch (option) {
    case 'p':
        return option_u32(optarg, 0, 65535, &number) && ((options->port = (uint16_t)number), true);
    case 'f':
        return (options->port_file = optarg), true;
    case 't':
        return (options->token = optarg), true;
    case 'n':
        return option_u32(optarg, 0, UINT32_MAX, &options->records);
    case 'b':
        return option_u32(optarg, 0, 1 << 20, &options->record_bytes);
    case 's':
        return option_u32(optarg, 0, 1, &number) && ((options->start_base = number), true);
    case 'm':
        return option_u32(optarg, 1, 100000, &options->max_limit);
    case 'c':
        return dec_parse(slice_of(optarg), &options->price);
    case 'B':
        return option_u32(optarg, 0, UINT32_MAX, &number) && ((options->balance = number), true);
    case 'v':
        return option_preview(optarg, &options->preview);
    case 'r':
        return option_rate(optarg, options);
    case 'z':
        return (options->gzip = true);
    case 'l':
        return (options->bytes_log = optarg), true;
    case 'S':
        return (options->state = optarg), true;
    default:
        return false;
    }
}

static bool options_parse(int argc, char **argv, struct options *options) {
    static const struct option names[] = {
        {"port", 1, NULL, 'p'},       {"port-file", 1, NULL, 'f'}, {"token", 1, NULL, 't'},     {"records", 1, NULL, 'n'}, {"record-bytes", 1, NULL, 'b'},
        {"start-base", 1, NULL, 's'}, {"max-limit", 1, NULL, 'm'}, {"price", 1, NULL, 'c'},     {"balance", 1, NULL, 'B'}, {"preview", 1, NULL, 'v'},
        {"rate", 1, NULL, 'r'},       {"gzip", 0, NULL, 'z'},      {"bytes-log", 1, NULL, 'l'}, {"state", 1, NULL, 'S'},   {NULL, 0, NULL, 0},
    };
    *options = (struct options){.records = 10000, .record_bytes = 1200, .max_limit = 500, .balance = -1};
    must(dec_parse(slice_of("0.05"), &options->price), "default price");
    for (int option; (option = getopt_long(argc, argv, "", names, NULL)) != -1;)
        if (!option_set(options, option))
            return false;
    return optind == argc;
}

/* Serve until SIGTERM or SIGINT. */
static int serve(struct server *server, int stop_write) {
    struct sockaddr_in address = standin_address(server->options.port);
    const sigset_t signals = standin_signals();
    struct MHD_Daemon *daemon = MHD_start_daemon(MHD_USE_THREAD_PER_CONNECTION | MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_POLL | MHD_USE_ITC, 0, NULL, NULL,
                                                 on_request, server, MHD_OPTION_SOCK_ADDR, (struct sockaddr *)&address, MHD_OPTION_NOTIFY_COMPLETED,
                                                 on_completed, NULL, MHD_OPTION_NOTIFY_CONNECTION, on_connection, NULL, MHD_OPTION_CONNECTION_LIMIT, 2000u,
                                                 MHD_OPTION_LISTENING_ADDRESS_REUSE, 1u, MHD_OPTION_THREAD_STACK_SIZE, (size_t)512 * 1024, MHD_OPTION_END);
    const int status = standin_wait(daemon, &signals, "http", server->options.port_file);
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
    int status = EX_CANTCREAT;
    if (!options_parse(argc, argv, &server->options)) {
        status = usage();
    } else if (server->options.state && !state_open(server, server->options.state)) {
        fprintf(stderr, "meteredapi: %s: %s\n", server->options.state, strerror(errno));
    } else if (server->options.bytes_log && mkdir(server->options.bytes_log, 0777) != 0 && errno != EEXIST) {
        fprintf(stderr, "meteredapi: %s: %s\n", server->options.bytes_log, strerror(errno));
    } else {
        server->window = calloc(server->options.rate_limit + 1, sizeof *server->window);
        must(server->window, "calloc");
        status = serve(server, stop[1]);
        free(server->window);
    }
    if (server->state)
        fclose(server->state);
    free(server->charges);
    free(server);
    return status;
}
