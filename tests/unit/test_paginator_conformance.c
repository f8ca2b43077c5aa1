// SPDX-License-Identifier: Apache-2.0
#include "source/paginator.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "page_server.h"

/* Every row of paginator_rows against a server of its kind: request_make builds the requests, answer_judge reads the answers. */

#define LIMIT 4u
#define MOST_PAGES 64
#define URL "https://api.example.com/v1/items"
#define ODD_TEXT "a&b=c+d%20 'e'/\\\"\\u00fc\\u20ac?#x"
#define ODD_PLAIN "a&b=c+d%20 'e'/\"\xc3\xbc\xe2\x82\xac?#x"
#define BY_LIMIT "\"limit\":4,\"limit_param\":\"count\""
#define LINK_FIELD                                                                                                                                             \
    "Link: <" URL "?c=0010000>; rel=first , ,<x,;>;rel=\"prev\";title=\"<a>, \\\"b\\\"; rel=next\",<?c=#> ; foo ; REL = \"last  NEXT\" ;rel=other"

static const struct style styles[] = {
    {"single_page", "GET", "\"type\":\"single_page\"", READS_NOTHING, IN_PARAM, NULL, NULL, NULL, NULL, NULL, 0, false},
    {"offset", "GET", "\"type\":\"offset\",\"limit\":4", READS_OFFSET, IN_PARAM, "offset", "limit", NULL, NULL, NULL, 0, false},
    {"offset in a body, from 1", "POST", "\"type\":\"offset\",\"limit\":4,\"offset\":1,\"offset_body_path\":\"/at/0\",\"limit_body_path\":\"/size\"",
     READS_OFFSET, IN_BODY, "/at/0", "/size", NULL, NULL, NULL, 1, false},
    {"offset in a header", "GET", "\"type\":\"offset\",\"limit\":4,\"offset_header\":\"X-From\",\"limit_header\":\"X-Size\"", READS_OFFSET, IN_HEADER, "X-From",
     "X-Size", NULL, NULL, NULL, 0, false},
    {"page_number", "GET", "\"type\":\"page_number\"", READS_PAGE, IN_PARAM, "page", NULL, NULL, NULL, NULL, 0, false},
    {"page_number of a POST", "POST", "\"type\":\"page_number\",\"base_page\":1,\"page_param\":\"p\"," BY_LIMIT, READS_PAGE, IN_PARAM, "p", "count", NULL, NULL,
     NULL, 1, false},
    {"page_number in a body", "POST", "\"type\":\"page_number\",\"limit\":4,\"limit_body_path\":\"/at/2\",\"page_body_path\":\"/page/number\"", READS_PAGE,
     IN_BODY, "/page/number", "/at/2", NULL, NULL, NULL, 0, false},
    {"page_number in a header, with records as total", "GET", "\"type\":\"page_number\",\"limit\":4,\"total_unit\":\"records\",\"page_header\":\"X-Page\"",
     READS_PAGE, IN_HEADER, "X-Page", NULL, NULL, NULL, NULL, 0, false},
    {"cursor", "GET", "\"type\":\"cursor\"," BY_LIMIT, READS_TOKEN, IN_PARAM, "cursor", "count", ODD_PLAIN "", "\"cursors\":{\"next\":\"" ODD_TEXT "\"}", NULL,
     0, false},
    {"cursor in a body", "POST", "\"type\":\"cursor\",\"cursor_path\":\"/next\",\"cursor_body_path\":\"/after\"", READS_TOKEN, IN_BODY, "/after", NULL,
     "\"" ODD_TEXT "\"", "\"next\":\"" ODD_TEXT "\"", NULL, 0, false},
    {"cursor that is an object", "POST", "\"type\":\"cursor\",\"cursor_body_path\":\"/page/after\"", READS_TOKEN, IN_BODY, "/page/after", NULL,
     "{ \"k\" : [1e400, \"#\", -0.10] }", "\"cursors\":{\"next\": { \"k\" : [1e400, \"#\", -0.10] } }", NULL, 0, false},
    {"cursor that is a number", "GET", "\"type\":\"cursor\",\"cursor_param\":\"c d\"", READS_TOKEN, IN_PARAM, "c%20d", NULL, "123456789012345678901234567890#",
     "\"cursors\":{\"next\":123456789012345678901234567890#}", NULL, 0, false},
    {"cursor in a header", "GET", "\"type\":\"cursor\",\"limit\":4,\"cursor_header\":\"X-After\",\"limit_header\":\"X-Size\"", READS_TOKEN, IN_HEADER,
     "X-After", "X-Size", ODD_PLAIN, "\"cursors\":{\"next\":\"" ODD_TEXT "\"}", NULL, 0, false},
    {"header_cursor", "GET", "\"type\":\"header_cursor\"", READS_TOKEN, IN_PARAM, "cursor", NULL, "\"q\" & 50%+\xc3\xbc/\\#", NULL,
     "Next: \"q\" & 50%+\xc3\xbc/\\#", 0, false},
    {"header_cursor into a body", "POST", "\"type\":\"header_cursor\",\"cursor_key\":\"X-Next\",\"cursor_body_path\":\"/c\"", READS_TOKEN, IN_BODY, "/c", NULL,
     "\"\\\"q\\\"#\"", NULL, "x-next: \"q\"#", 0, false},
    {"header_cursor into a header", "GET", "\"type\":\"header_cursor\",\"cursor_key\":\"X-Next\",\"cursor_header\":\"X-After\"", READS_TOKEN, IN_HEADER,
     "X-After", NULL, "c=#,7", NULL, "X-Next: c=#,7", 0, false},
    {"header_link", "GET", "\"type\":\"header_link\"," BY_LIMIT, READS_TOKEN, IN_PARAM, "c", "count", "#", NULL, "Link: <" URL "?count=4&c=#>; rel=\"next\"", 0,
     true},
    {"header_link, relative and oddly written", "GET", "\"type\":\"header_link\"", READS_TOKEN, IN_PARAM, "c", NULL, "#", NULL, LINK_FIELD, 0, true},
    {"header_link in several lines", "GET", "\"type\":\"header_link\",\"links_next_key\":\"more\"", READS_TOKEN, IN_PARAM, "c", NULL, "a&#", NULL,
     "Link: </v1/items>; rel=next; anchor=\"/x\"\nLink: </v1/items?x&c=a%26#>; rel=\"https://x.example/rel more\"", 0, true},
    {"json_link", "GET", "\"type\":\"json_link\"", READS_TOKEN, IN_PARAM, "c", NULL, "#", "\"next\":\"https:\\/\\/API.example.com:443\\/v1\\/items?c=#\"", NULL,
     0, true},
    {"json_link of OData", "GET", "\"type\":\"json_link\",\"next_url_path\":\"/@odata.nextLink\"", READS_TOKEN, IN_PARAM, "$skiptoken", NULL, "a,#",
     "\"@odata.nextLink\":\"http://api.example.com/v1/items?$top=9&$skiptoken=a,#\"", NULL, 0, true},
    {"json_link of a POST, relative", "POST", "\"type\":\"json_link\",\"next_url_path\":\"/links/next\",\"limit\":4,\"limit_param\":\"n\"", READS_TOKEN,
     IN_PARAM, "c", "n", "#", "\"links\":{\"next\":\"../v1/./items?n=4&c=#\"}", NULL, 0, true},
};
#define STYLES (sizeof(styles) / sizeof(styles[0]))

static bool is_type(const struct style *style, const char *type) {
    size_t length = strlen(type);

    return strncmp(style->paginator + strlen("\"type\":\""), type, length) == 0 && style->paginator[strlen("\"type\":\"") + length] == '"';
}

static bool is_chain(const struct style *style) {
    return style->reads == READS_TOKEN || style->reads == READS_NOTHING;
}

static struct source *source_for(const struct style *style, const struct server *server, const char *more_options) {
    char patch[2048];

    (void)snprintf(patch, sizeof(patch),
                   "{\"data_selector\":\"/items\",\"primary_key\":\"/id\",\"steps\":[{\"http\":{\"method\":\"%s\",\"url\":\"" URL
                   "\"%s}}],\"paginator\":{%s%s%s%s}}",
                   style->method, strcmp(style->method, "POST") == 0 ? ",\"json\":{\"q\":\"x\",\"at\":[0,0,0]}" : "", style->paginator,
                   server->total == TOTAL_BODY     ? ",\"total_path\":\"/total\""
                   : server->total == TOTAL_HEADER ? ",\"total_header\":\"X-Total\""
                                                   : "",
                   server->more ? ",\"has_more_path\":\"/more\"" : "", more_options);
    return source_of(patch);
}

/* --- a run --------------------------------------------------------------------------------------------------------- */

struct run {
    const struct style *style;
    const struct server *server;
    const struct source *source;
    uint64_t take;
    struct paginator *paginator;
    struct page pages[MOST_PAGES]; /* by batch - 1 */
    struct page_facts facts[MOST_PAGES];
    bool told[MOST_PAGES];
    char *requests[MOST_PAGES];
    unsigned count, told_count;
    unsigned records, distinct;
    bool came[256], ended;
    char fault[300];
};

static void begin(struct run *run) {
    const struct paginator_start start = {.take = run->take, .total = UINT64_MAX, .page_size = run->source->limit};
    struct err err = {0};

    if (paginator_new(run->source, &start, &run->paginator, &err) != RC_OK) {
        fail_msg("%s", err.text);
    }
}

/* The daemon comes back: it knows what was handed out and what was captured. */
static void crash(struct run *run) {
    paginator_free(run->paginator);
    begin(run);
    for (unsigned i = run->count; i > 0; i--) {
        paginator_restore(run->paginator, &run->pages[i - 1]);
    }
    for (unsigned i = 0; i < run->count; i++) {
        if (run->told[i]) {
            paginator_answer(run->paginator, &run->pages[i], &run->facts[i]);
        }
    }
}

/* Ask for a page, once more perhaps: then by the same request. */
static void ask(struct run *run, unsigned i, struct reply *reply) {
    const struct template_scope scope = {.job = NULL};
    struct request request;
    struct err err = {0};
    char *text = NULL;

    if (request_make(run->source, 0, 0, REQUEST_FREE, &run->pages[i], &scope, &request, &err) != RC_OK) {
        fail_msg("%s: page %u: %s", run->style->name, i + 1, err.text);
    }
    assert_true(asprintf(&text, "%s %s %s %s", request.method, request.url, request.headers[0] != NULL ? request.headers[0] : "",
                         request.body != NULL ? request.body : "") > 0);
    if (run->requests[i] != NULL) {
        assert_string_equal(text, run->requests[i]);
    }
    free(run->requests[i]);
    run->requests[i] = text;
    server_answer(run->style, run->server, &request, reply);
    request_release(&request);
}

static void keep_records(struct run *run, struct slice records) {
    struct json_iter iter;
    struct slice name, value, id;
    uint64_t number;

    assert_true(json_iter_init(&iter, records));
    while (json_iter_next(&iter, &name, &value)) {
        assert_true(json_find(value, "/id", &id) && json_to_u64(id, false, &number) && number < sizeof(run->came));
        run->records++;
        run->distinct += !run->came[number];
        run->came[number] = true;
    }
}

static void tell(struct run *run, unsigned i) {
    struct reply reply;
    struct verdict verdict;
    char *url = NULL;

    ask(run, i, &reply);
    assert_int_equal(request_base(run->source, &run->pages[i], NULL, &url, NULL), RC_OK);
    answer_judge(run->source, REQUEST_FREE,
                 &(struct answer){.sent = true, .complete = true, .status = 200, .body = slice_of(reply.body), .fields = &reply.fields, .url = url}, &verdict);
    if (verdict.action != ACTION_SUCCESS) {
        fail_msg("%s: %s: %s", run->style->name, verdict.reason, reply.body);
    }
    keep_records(run, verdict.records);
    run->facts[i] = verdict.facts;
    run->told[i] = true;
    run->told_count++;
    paginator_answer(run->paginator, &run->pages[i], &run->facts[i]);
    fields_release(&reply.fields);
    free(url);
}

/* Answer one of the pages that are out: the oldest, or the newest. */
static bool tell_one(struct run *run, bool newest) {
    for (unsigned k = 0; k < run->count; k++) {
        unsigned i = newest ? run->count - 1 - k : k;

        if (!run->told[i]) {
            tell(run, i);
            return true;
        }
    }
    return false;
}

/* To the end, with up to `width` pages out; a crash when so many answers were told, after one more had been answered but not captured (0: none). */
static void go(struct run *run, unsigned width, unsigned crash_at) {
    struct reply reply;
    enum rc rc;

    begin(run);
    do {
        while (run->count - run->told_count < width && (rc = paginator_next(run->paginator, &run->pages[run->count])) == RC_OK) {
            assert_int_equal(run->pages[run->count].batch, run->count + 1);
            assert_true(++run->count < MOST_PAGES);
        }
        if (crash_at > 0 && run->told_count + 1 == crash_at) {
            for (unsigned i = 0; i < run->count; i++) {
                if (!run->told[i]) {
                    ask(run, i, &reply);
                    fields_release(&reply.fields);
                }
            }
            crash(run);
        }
        assert_true(run->told_count == run->count || !paginator_ended(run->paginator));
    } while (tell_one(run, width > 1));
    assert_int_equal(paginator_next(run->paginator, &run->pages[run->count]), RC_GONE);
    run->ended = paginator_ended(run->paginator);
    if (paginator_fault(run->paginator) != NULL) {
        (void)snprintf(run->fault, sizeof(run->fault), "%s", paginator_fault(run->paginator));
    }
    assert_false(run->ended && run->fault[0] != '\0');
    paginator_free(run->paginator);
}

static void forget(struct run *run) {
    for (unsigned i = 0; i < MOST_PAGES; i++) {
        free(run->requests[i]);
    }
}

/* A run, and the same with a crash at each of its pages; the first one's outcome is in *run. */
static void go_all(struct run *run, unsigned width) {
    static struct run again;
    again = *run;
    go(run, width, 0);
    for (unsigned at = 1; at <= run->count; at++) {
        struct run crashed = again;

        go(&crashed, width, at);
        assert_int_equal(crashed.count, run->count);
        for (unsigned i = 0; i < run->count; i++) {
            assert_string_equal(crashed.requests[i], run->requests[i]);
        }
        assert_int_equal(crashed.records, run->records);
        assert_int_equal(crashed.ended, run->ended);
        assert_string_equal(crashed.fault, run->fault);
        forget(&crashed);
    }
}

/* --- every row x every size ---------------------------------------------------------------------------------------- */

static unsigned expected_requests(const struct style *style, const struct server *server) {
    unsigned pages = (server->records + LIMIT - 1) / LIMIT;

    if (style->reads == READS_NOTHING) {
        return 1;
    }
    if (is_chain(style) || server->total != TOTAL_NONE || server->more) {
        return pages > 0 ? pages : 1;
    }
    return pages + 1; /* the end is an empty page */
}

static void test_every_size(void **state) {
    static const unsigned sizes[] = {0, 1, LIMIT, 2 * LIMIT, 4 * LIMIT, 3 * LIMIT + 2};

    (void)state;
    for (size_t n = 0; n < STYLES * 6 * 3 * 2 * 2; n++) {
        const struct style *style = &styles[n / 72];
        struct server server = {.page = LIMIT, .records = sizes[n / 12 % 6], .total = (enum total)(n / 4 % 3), .more = n / 2 % 2 != 0};
        struct run run = {.style = style, .server = &server, .take = UINT64_MAX};
        struct source *source;

        server.page = style->reads == READS_NOTHING ? 100 : LIMIT;
        server.total_in_pages = is_type(style, "page_number") && strstr(style->paginator, "records") == NULL;
        run.source = source = source_for(style, &server, "");
        go_all(&run, n % 2 == 0 ? 1 : 4);
        if (run.records != server.records || run.distinct != server.records || !run.ended || run.count != expected_requests(style, &server)) {
            fail_msg("%s, %u records, total %d, more %d: %u came in %u requests, %s", style->name, server.records, (int)server.total, server.more, run.records,
                     run.count, run.ended ? "ended" : run.fault);
        }
        forget(&run);
        source_free(source);
    }
}

/* --- what servers do ----------------------------------------------------------------------------------------------- */

enum { CHAIN = 1, OFFSET = 2, PAGE = 4, ALL = 7 };

static const struct twist {
    const char *name;
    unsigned kinds;
    const char *options;
    struct server server;
    uint64_t take; /* 0: all */
    unsigned width, requests, records, distinct;
    const char *fault; /* or NULL: it ended */
} twists[] = {
    {"loop",
     CHAIN,
     "",
     {.loop_at = 3, .loop_to = 2},
     0,
     4,
     3,
     12,
     12,
     "page 3 names a next page that was asked for already (page 2): the source goes in a circle"},
    {"names itself", CHAIN, "", {.loop_at = 3, .loop_to = 3}, 0, 1, 3, 12, 12, "(page 3)"},
    {"loop behind the end", CHAIN, "", {.loop_at = 4, .loop_to = 2, .total = TOTAL_BODY}, 0, 1, 4, 14, 14, NULL},
    {"empty page goes on", CHAIN, "", {.empty_at = 2}, 0, 1, 5, 14, 14, NULL},
    {"empty page ends", CHAIN, ",\"stop_after_empty_page\":true", {.empty_at = 2}, 0, 1, 2, 4, 4, NULL},
    {"short page", CHAIN, "", {.short_at = 2}, 0, 1, 4, 14, 14, NULL},
    {"says that it is the last", CHAIN, "", {.more = true, .lie_at = 2}, 0, 1, 2, 8, 8, NULL},
    {"names no next page", CHAIN, "", {.forget_at = 2}, 0, 1, 2, 8, 8, NULL},
    {"names no next page, but has more",
     CHAIN,
     "",
     {.more = true, .forget_at = 2},
     0,
     1,
     2,
     8,
     8,
     "page 2 says that more follows, and does not name the next page"},
    {"early end", ALL, "", {.more = true, .end_at = 2}, 0, 1, 2, 8, 8, NULL},
    {"page that came before", ALL, "", {.total = TOTAL_BODY, .again_at = 2}, 0, 1, 4, 14, 10, NULL},
    {"growing total", ALL, "", {.total = TOTAL_BODY, .grow_at = 3, .grown = 20}, 0, 1, 5, 20, 20, NULL},
    {"shrinking total", ALL, "", {.total = TOTAL_HEADER, .grow_at = 2, .grown = 6}, 0, 1, 2, 6, 6, NULL},
    {"smaller pages", CHAIN, "", {.most = 3}, 0, 1, 5, 14, 14, NULL},
    {"smaller pages", OFFSET | PAGE, "", {.most = 3}, 0, 1, 6, 14, 14, NULL},
    {"smaller pages, total", OFFSET | PAGE, "", {.most = 3, .total = TOTAL_BODY}, 0, 4, 5, 14, 14, NULL},
    {"limit ignored", CHAIN, "", {.page = 10, .ignores_limit = true}, 0, 1, 2, 14, 14, NULL},
    {"limit ignored", OFFSET | PAGE, "", {.page = 10, .ignores_limit = true}, 0, 1, 3, 14, 14, NULL},
    {"limit ignored, total", OFFSET | PAGE, "", {.page = 10, .ignores_limit = true, .total = TOTAL_BODY}, 0, 4, 2, 14, 14, NULL},
    {"all at once", OFFSET | PAGE, "", {.page = 99, .ignores_limit = true, .total = TOTAL_BODY}, 0, 4, 1, 14, 14, NULL},
    {"empty page ends", OFFSET | PAGE, "", {.empty_at = 2}, 0, 1, 2, 4, 4, NULL},
    {"empty page between others", OFFSET | PAGE, "", {.empty_at = 2, .total = TOTAL_BODY}, 0, 4, 4, 10, 10, NULL},
    {"empty page goes on", OFFSET | PAGE, ",\"stop_after_empty_page\":false", {.empty_at = 2, .total = TOTAL_BODY}, 0, 1, 4, 10, 10, NULL},
    {"empty page goes on, more", OFFSET | PAGE, ",\"stop_after_empty_page\":false", {.empty_at = 2, .more = true}, 0, 1, 4, 10, 10, NULL},
    {"short page", PAGE, "", {.short_at = 2, .total = TOTAL_BODY}, 0, 4, 4, 13, 13, NULL},
    {"short page", PAGE, "", {.short_at = 2}, 0, 1, 5, 13, 13, NULL},
    {"take", PAGE, "", {.total = TOTAL_BODY}, 6, 4, 2, 8, 8, NULL},
    {"take, without a total", PAGE, "", {.records = 14}, 6, 1, 2, 8, 8, NULL},
    {"take, of shorter pages", PAGE, "", {.short_at = 2, .total = TOTAL_BODY}, 8, 4, 3, 11, 11, NULL},
    {"take, of smaller pages", PAGE, "", {.most = 3}, 7, 4, 3, 9, 9, NULL},
    {"take, of fewer", ALL, "", {.total = TOTAL_BODY}, 99, 1, 4, 14, 14, NULL},
    {"take, all of a page", ALL, "", {.records = 14}, 8, 1, 2, 8, 8, NULL},
    {"take", OFFSET, "", {.total = TOTAL_BODY}, 6, 4, 2, 6, 6, NULL},
};

static unsigned kind_of(const struct style *style) {
    return style->reads == READS_TOKEN ? CHAIN : style->reads == READS_OFFSET ? OFFSET : style->reads == READS_PAGE ? PAGE : 0;
}

static void test_twists(void **state) {
    (void)state;
    for (size_t n = 0; n < STYLES * (sizeof(twists) / sizeof(twists[0])); n++) {
        const struct style *style = &styles[n % STYLES];
        const struct twist *twist = &twists[n / STYLES];
        struct server server = twist->server;
        struct run run = {.style = style, .server = &server, .take = twist->take > 0 ? twist->take : UINT64_MAX};
        struct source *source;

        if ((twist->kinds & kind_of(style)) == 0) {
            continue;
        }
        server.records = 14;
        server.page = server.page > 0 ? server.page : LIMIT;
        server.total_in_pages = style->reads == READS_PAGE && strstr(style->paginator, "records") == NULL;
        run.source = source = source_for(style, &server, twist->options);
        go_all(&run, twist->width);
        if (run.count != twist->requests || run.records != twist->records || run.distinct != twist->distinct || run.ended != (twist->fault == NULL) ||
            (twist->fault != NULL && strstr(run.fault, twist->fault) == NULL)) {
            fail_msg("%s, %s: %u requests, %u records, %u different, %s %s", style->name, twist->name, run.count, run.records, run.distinct,
                     run.ended ? "ended" : "not ended:", run.fault);
        }
        forget(&run);
        source_free(source);
    }
}

/* Types that can ask for less do so on the last page; the others have some too many. */
static void test_take(void **state) {
    const struct server server = {.records = 14, .page = LIMIT};

    (void)state;
    for (size_t i = 0; i < STYLES; i++) {
        struct run run = {.style = &styles[i], .server = &server, .take = 6};
        struct source *source;

        if (kind_of(&styles[i]) != CHAIN) {
            continue;
        }
        run.source = source = source_for(&styles[i], &server, "");
        go_all(&run, 1);
        assert_int_equal(run.count, 2);
        assert_int_equal(run.records, paginator_trims(source) ? 6 : 8);
        assert_int_equal(paginator_trims(source), styles[i].limit_at != NULL && !styles[i].own_url);
        assert_true(run.ended);
        forget(&run);
        source_free(source);
    }
}

static void test_every_row(void **state) {
    (void)state;
    for (const struct paginator_row *const *row = paginator_rows; *row != NULL; row++) {
        bool found = false;

        for (size_t i = 0; i < STYLES; i++) {
            found = found || is_type(&styles[i], (*row)->type);
        }
        if (!found) {
            fail_msg("%s has no style here", (*row)->type);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_row),
        cmocka_unit_test(test_every_size),
        cmocka_unit_test(test_twists),
        cmocka_unit_test(test_take),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
