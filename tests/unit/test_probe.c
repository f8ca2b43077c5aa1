// SPDX-License-Identifier: Apache-2.0
#include "source/probe.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "source_fixture.h"

/* A server that is asked for pages. */
struct server {
    uint64_t records, base, cap; /* cap: most of a page */
    uint64_t refuse_above;       /* a limit above is answered with 400; 0: none */
    bool by_page, refuses_zero, ignores_limit, ignores_offset, no_rows, no_total, has_more, no_key, same_key;
    int status; /* 0: 200 */
    const char *body;
};

static struct buf body_of(const struct server *server, const struct page *page) {
    struct buf out = BUF_INIT(4000000);
    uint64_t limit = server->ignores_limit ? 150 : page->limit > server->cap ? server->cap : page->limit;
    uint64_t place = server->ignores_offset || page->offset < server->base ? 0 : page->offset - server->base, start = place * (server->by_page ? limit : 1);

    (void)buf_printf(&out, "{\"results\":[");
    for (uint64_t i = start; !server->no_rows && i < start + limit && i < server->records; i++) {
        (void)buf_printf(&out, "%s{\"%s\":%d}", i == start ? "" : ",", server->no_key && i % 2 == 1 ? "x" : "id", server->same_key ? 7 : (int)i);
    }
    (void)buf_printf(&out, "],\"cost\":\"5.00\"%s", server->has_more ? start + limit < server->records ? ",\"more\":true" : ",\"more\":false" : "");
    if (!server->no_total) {
        (void)buf_printf(&out, ",\"total\":%d", (int)server->records);
    }
    (void)buf_add_text(&out, "}");
    return out;
}

static int status_of(const struct server *server, const struct page *page) {
    return server->status != 0                                               ? server->status
           : server->refuses_zero && page->offset == 0                       ? 400
           : server->refuse_above != 0 && page->limit > server->refuse_above ? 422
                                                                             : 200;
}

/* Asks until all is learnt. */
static cJSON *learn(const struct source *s, const struct server *server, unsigned *requests) {
    const enum request_kind kind = s->metered ? REQUEST_PREVIEW : REQUEST_FREE;
    cJSON *job = cJSON_CreateObject(), *result;
    struct fields fields = {.count = 0};
    struct probe *probe;
    struct page page;

    assert_true(fields_add(&fields, "x-ratelimit-remaining", "59", 2));
    assert_true(fields_add(&fields, "link", "<https://x/?key=SECRET>; rel=next", 33));
    assert_int_equal(probe_new(s, job, &probe), RC_OK);
    for (*requests = 0; probe_next(probe, &page); ++*requests) {
        struct buf body = body_of(server, &page);
        const int status = status_of(server, &page);
        struct answer a = {.sent = true, .complete = true, .status = status, .body = {buf_text(&body), body.length}, .fields = &fields};
        struct verdict v;

        assert_int_equal(page.batch, 0);
        if (server->body != NULL || status != 200) {
            a.body = slice_of(server->body != NULL ? server->body : "{\"error\":\"no\"}");
        }
        answer_judge(s, kind, &a, &v);
        probe_answer(probe, &page, &a, &v);
        buf_release(&body);
        assert_true(*requests < PROBE_MOST_REQUESTS);
    }
    result = probe_result(probe);
    assert_non_null(result);
    assert_int_equal(cJSON_GetNumberValue(cJSON_GetObjectItem(result, "requests")), *requests);
    probe_free(probe);
    cJSON_Delete(job);
    fields_release(&fields);
    return result;
}

/* The value at a Pointer of members, as text: numbers, true, false, null, or "-" when there is none. */
static const char *at(const cJSON *json, const char *path) {
    static char text[4][400];
    static unsigned turn;
    char name[60];

    while (json != NULL && *path == '/') {
        size_t length = strcspn(path + 1, "/");

        (void)str_format(name, sizeof(name), "%.*s", (int)length, path + 1);
        json = cJSON_GetObjectItemCaseSensitive(json, name);
        path += length + 1;
    }
    turn = (turn + 1) % 4;
    (void)str_format(text[turn], sizeof(text[turn]), "%s",
                     json == NULL           ? "-"
                     : cJSON_IsNull(json)   ? "null"
                     : cJSON_IsBool(json)   ? cJSON_IsTrue(json) ? "true" : "false"
                     : cJSON_IsString(json) ? json->valuestring
                                            : "?");
    if (cJSON_IsNumber(json)) {
        (void)str_format(text[turn], sizeof(text[turn]), "%.0f", json->valuedouble);
    }
    return text[turn];
}

/* All warnings, joined. */
static char *warnings_of(const cJSON *result) {
    struct buf text = BUF_INIT(10000);
    const cJSON *item;
    char *out;

    cJSON_ArrayForEach(item, cJSON_GetObjectItem(result, "warnings")) {
        (void)buf_printf(&text, "%s\n", item->valuestring);
    }
    out = buf_take(&text);
    buf_release(&text);
    return out;
}

#define FREE_SHAPE "\"data_selector\":\"/results\",\"primary_key\":\"/id\""
#define OFFSET(more) "{" FREE_SHAPE ",\"paginator\":{\"type\":\"offset\",\"limit\":100" more "}}"
#define PAGES(more)                                                                                                                                            \
    "{" FREE_SHAPE ",\"paginator\":{\"type\":\"page_number\",\"limit\":100,\"limit_param\":\"n\",\"page_param\":\"p\",\"total_unit\":\"records\"" more "}}"

static void test_learns(void **state) {
    static const struct {
        const char *definition;
        struct server server;
        const char *base, *maximum, *ignores, *warning; /* warning NULL: none */
    } cases[] = {
        {OFFSET(",\"max_limit\":500"), {.records = 5000, .cap = 500}, "0", "500", "false", NULL},
        {OFFSET(",\"max_limit\":1000"), {.records = 5000, .cap = 500}, "0", "500", "false", "\"max_limit\": 500"},
        {OFFSET(""), {.records = 5000, .cap = 40}, "0", "40", "false", "at most 40"},
        {OFFSET(",\"max_limit\":500"), {.records = 5000, .cap = 500, .base = 1}, "1", "500", "false", "\"offset\": 1"},
        {OFFSET(",\"max_limit\":500,\"offset\":1"), {.records = 5000, .cap = 500, .base = 1}, "1", "500", "false", NULL},
        {OFFSET(",\"max_limit\":500,\"offset\":1"), {.records = 5000, .cap = 500, .base = 1, .refuses_zero = true}, "1", "500", "false", NULL},
        {OFFSET(",\"max_limit\":500,\"offset\":1"), {.records = 5000, .cap = 500}, "0", "500", "false", "\"offset\": 0"},
        {OFFSET(",\"max_limit\":500"), {.records = 50000, .cap = 90000, .refuse_above = 700}, "0", "null", "false", NULL},
        {OFFSET(",\"max_limit\":1000"), {.records = 50000, .cap = 90000, .refuse_above = 700}, "0", "null", "false", "1000 is refused"},
        {OFFSET(",\"max_limit\":500"), {.records = 90000, .cap = 90000}, "0", "null", "false", NULL},
        {OFFSET(",\"max_limit\":500"), {.records = 5000, .cap = 500, .ignores_limit = true}, "0", "null", "true", "ignores the limit"},
        {OFFSET(",\"max_limit\":500"), {.records = 5000, .cap = 500, .ignores_offset = true}, "null", "500", "false", "ignores the offset"},
        {OFFSET(",\"max_limit\":500,\"total_path\":null"), {.records = 5000, .cap = 500, .no_total = true}, "0", "500", "false", NULL},
        {OFFSET(",\"max_limit\":500,\"total_path\":null"), {.records = 300, .cap = 500, .no_total = true}, "0", "null", "false", NULL},
        {OFFSET(",\"max_limit\":500,\"total_path\":null,\"has_more_path\":\"/more\""),
         {.records = 5000, .cap = 300, .no_total = true, .has_more = true},
         "0",
         "300",
         "false",
         "at most 300"},
        {OFFSET(",\"max_limit\":500"), {.records = 5000, .cap = 500, .no_total = true}, "0", "500", "false", "no total was found"},
        {OFFSET(",\"max_limit\":500"), {.records = 0, .cap = 500}, "null", "null", "false", NULL},
        {OFFSET(",\"max_limit\":500"), {.records = 1, .cap = 500}, "0", "null", "false", NULL},
        {OFFSET(",\"max_limit\":500"), {.records = 5000, .cap = 500, .no_key = true}, "0", "500", "false", "no primary_key"},
        {OFFSET(",\"max_limit\":500"), {.records = 5000, .cap = 500, .same_key = true}, "null", "500", "false", "more than once"},
        {PAGES(",\"base_page\":1"), {.records = 5000, .cap = 500, .by_page = true, .base = 1}, "1", "500", "false", NULL},
        {PAGES(",\"max_limit\":500"), {.records = 5000, .cap = 500, .by_page = true, .base = 1}, "1", "500", "false", "\"base_page\": 1"},
        {PAGES(",\"max_limit\":500"), {.records = 5000, .cap = 500, .by_page = true, .base = 1, .refuses_zero = true}, "1", "500", "false", "\"base_page\": 1"},
        {PAGES(",\"max_limit\":500"), {.records = 5000, .cap = 500, .by_page = true}, "0", "500", "false", NULL},
        {PAGES(",\"max_limit\":500,\"base_page\":1"),
         {.records = 5000, .cap = 500, .by_page = true, .base = 1, .refuses_zero = true},
         "1",
         "500",
         "false",
         NULL},
        {"{" FREE_SHAPE ",\"paginator\":{\"type\":\"single_page\"}}", {.records = 10, .cap = 500, .ignores_limit = true}, "null", "null", "false", NULL},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct source *s = source_of(cases[i].definition);
        unsigned requests;
        cJSON *r = learn(s, &cases[i].server, &requests);
        char *warnings = warnings_of(r);

        print_message("case %zu: %u requests, base %s, maximum %s, warnings %s\n", i, requests, at(r, "/start_base"), at(r, "/page_maximum/maximum"), warnings);
        assert_string_equal(at(r, "/start_base"), cases[i].base);
        assert_string_equal(at(r, "/page_maximum/maximum"), cases[i].maximum);
        assert_string_equal(at(r, "/ignores_limit"), cases[i].ignores);
        if (cases[i].warning == NULL) {
            assert_string_equal(warnings, "");
        } else {
            assert_non_null(strstr(warnings, cases[i].warning));
        }
        assert_string_equal(at(r, "/headers/X-RateLimit-Remaining"), "59");
        assert_string_equal(at(r, "/headers/Link"), "-");
        free(warnings);
        cJSON_Delete(r);
        source_free(s);
    }
}

#define METERED(offset, metering)                                                                                                                              \
    "{" FREE_SHAPE ",\"paginator\":{\"type\":\"offset\",\"limit\":100,\"max_limit\":500,\"offset\":" offset "},"                                               \
    "\"metering\":{" metering "\"count_path\":\"/total\",\"cost_path\":\"/cost\",\"cost_per_record\":\"0.05\",\"currency\":\"USD\"}}"
#define PREVIEW "\"preview\":{\"params\":{\"Purchase\":\"0\"}},\"purchase\":{\"params\":{\"Purchase\":\"1\"}},"

static void test_metered(void **state) {
    static const struct {
        const char *definition;
        struct server server;
        unsigned requests;
        const char *base, *why, *maximum, *refused, *warning;
    } cases[] = {
        {METERED("0", ""), {.records = 5000, .cap = 500}, 0, "-", "-", "-", "-", "not asked"},
        {METERED("0", PREVIEW), {.records = 5000, .cap = 500, .no_rows = true}, 5, "null", "previews list no records", "null", "null", NULL},
        {METERED("0", PREVIEW),
         {.records = 5000, .cap = 500, .no_rows = true, .refuse_above = 400},
         2,
         "null",
         "previews list no records",
         "null",
         "500",
         "500 is refused"},
        {METERED("1", PREVIEW), {.records = 5000, .cap = 500, .no_rows = true, .refuses_zero = true}, 6, "1", "0 is refused", "null", "null", NULL},
        {METERED("0", PREVIEW), {.records = 5000, .cap = 500, .base = 1}, 6, "1", "0 and 1 give the same page", "500", "null", "\"offset\": 1"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct source *s = source_of(cases[i].definition);
        unsigned requests;
        cJSON *r = learn(s, &cases[i].server, &requests);
        char *warnings = warnings_of(r);

        print_message("case %zu: %u requests, warnings %s\n", i, requests, warnings);
        assert_int_equal(requests, cases[i].requests);
        assert_string_equal(at(r, "/start_base"), cases[i].base);
        assert_string_equal(at(r, "/start_base_why"), cases[i].why);
        assert_string_equal(at(r, "/page_maximum/maximum"), cases[i].maximum);
        assert_string_equal(at(r, "/page_maximum/refused"), cases[i].refused);
        if (cases[i].warning == NULL) {
            assert_string_equal(warnings, "");
        } else {
            assert_non_null(strstr(warnings, cases[i].warning));
        }
        if (requests > 0) {
            assert_string_equal(at(r, "/cost"), "5.00");
            assert_string_equal(at(r, "/total"), "5000");
            assert_string_equal(at(r, "/total_at"), "/total");
        }
        free(warnings);
        cJSON_Delete(r);
        source_free(s);
    }
}

static void test_failures(void **state) {
    static const struct {
        int status;
        const char *body, *authorised, *warning;
    } cases[] = {
        {401, "{\"message\":\"bad token\"}", "false", "unauthorized: bad token"},
        {403, "", "false", "unauthorized"},
        {500, "", "true", "status_500"},
        {429, "", "true", "rate_limited"},
        {200, "{\"items\":[]}", "true", "data_selector"},
        {200, "<html>", "true", "invalid_json"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct source *s = source_of(OFFSET(""));
        const struct server server = {.status = cases[i].status, .body = cases[i].body};
        unsigned requests;
        cJSON *r = learn(s, &server, &requests);
        char *warnings = warnings_of(r);

        assert_int_equal(requests, 1);
        assert_string_equal(at(r, "/reachable"), "true");
        assert_string_equal(at(r, "/authorised"), cases[i].authorised);
        if (strstr(warnings, cases[i].warning) == NULL) {
            fail_msg("%zu: %s", i, warnings);
        }
        free(warnings);
        cJSON_Delete(r);
        source_free(s);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_learns), cmocka_unit_test(test_metered), cmocka_unit_test(test_failures)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
