// SPDX-License-Identifier: Apache-2.0
#include "source/paginator_chain.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "source/request.h"
#include "source_fixture.h"

/* What single answers mean to the types in which they name the next page, and what becomes of secrets; runs from end to end: test_paginator_conformance.c. */

#define URL "https://api.example.com/items"

static struct source *chain_source(const char *options) {
    char patch[1024];

    (void)snprintf(patch, sizeof(patch), "{\"steps\":[{\"http\":{\"method\":\"POST\",\"url\":\"" URL "\"}}],\"paginator\":{%s}}", options);
    return source_of(patch);
}

static struct paginator *start(const struct source *s, uint64_t take, uint64_t total) {
    const struct paginator_start begin = {.take = take, .total = total, .page_size = s->limit};
    struct paginator *p;
    struct err err = {0};

    if (paginator_new(s, &begin, &p, &err) != RC_OK) {
        fail_msg("%s", err.text);
    }
    return p;
}

static void read_answer(const struct source *s, const char *document, const char *field, const char *value, struct page_facts *facts) {
    struct fields fields = {.count = 0};

    assert_true(field == NULL || fields_add(&fields, field, value, strlen(value)));
    *facts = (struct page_facts){.records = 1};
    paginator_read(s, &(struct page_answer){.document = slice_of(document), .fields = &fields, .url = URL}, facts);
    fields_release(&fields);
}

static void test_tokens(void **state) {
    static const char *const cursor = "\"type\":\"cursor\",\"cursor_path\":\"/c\"",
                             *const in_body = "\"type\":\"cursor\",\"cursor_path\":\"/c\",\"cursor_body_path\":\"/c\"",
                             *const in_header = "\"type\":\"cursor\",\"cursor_path\":\"/c\",\"cursor_header\":\"X-C\"", *const json = "\"type\":\"json_link\"",
                             *const field = "\"type\":\"header_cursor\"", *const link = "\"type\":\"header_link\"";
    static const struct {
        const char *const *options;
        const char *answer; /* the body, or for header types the field */
        const char *token, *fault;
    } cases[] = {
        {&cursor, "{}", "", ""},
        {&cursor, "{\"c\":null}", "", ""},
        {&cursor, "{\"c\":\"\"}", "", ""},
        {&cursor, "{\"c\":false}", "", ""},
        {&cursor, "{\"c\":0}", "", ""},
        {&cursor, "{\"c\":-0.0e5}", "", ""},
        {&cursor, "{\"c\":\"0\"}", "\"0\"", ""},
        {&cursor, "{\"c\":true}", "true", ""},
        {&cursor, "{\"c\": 1.50e3 }", "1.50e3", ""},
        {&cursor, "{\"c\":\"\\u00fc\\n\"}", "\"\\u00fc\\n\"", ""},
        {&cursor, "{\"c\":\"a\\u0000b\"}", "", "the cursor has a control character in it, which has no place in the request"},
        {&cursor, "{\"c\":[1]}", "", "the cursor is an array or object, which has a place only in the body (cursor_body_path)"},
        {&in_body, "{\"c\":[1, {\"a\":\"\\u0000\"}]}", "[1, {\"a\":\"\\u0000\"}]", ""},
        {&in_header, "{\"c\":\"a\\r\\nX: y\"}", "", "the cursor has a control character in it, which has no place in the request"},
        {&in_header, "{\"c\":\"a\\tb\"}", "\"a\\tb\"", ""},
        {&in_header, "{\"c\":{}}", "", "the cursor is an array or object, which has a place only in the body (cursor_body_path)"},
        {&json, "{}", "", ""},
        {&json, "{\"next\":null}", "", ""},
        {&json, "{\"next\":\"\"}", "", ""},
        {&json, "{\"next\":false}", "", ""},
        {&json, "{\"next\":\"?p=2\"}", URL "?p=2", ""},
        {&json, "{\"next\":{\"href\":\"?p=2\"}}", "", "the next link is no text"},
        {&json, "{\"next\":2}", "", "the next link is no text"},
        {&json, "{\"next\":\"/a\\u0000b\"}", "", "the next link is no URL"},
        {&json, "{\"next\":\"https://evil.example/\"}", "", "the next link leads to https://evil.example, the source is https://api.example.com"},
        {&field, "", "", ""},
        {&field, "a b\"c", "a b\"c", ""},
        {&field, "a\xff", "", "the cursor is not UTF-8"},
        {&link, "<?p=2>; rel=prev", "", ""},
        {&link, "<?p=2>; rel=next", URL "?p=2", ""},
        {&link, "<http://api.example.com:81/>; rel=next", "", "the next link leads to http://api.example.com:81, the source is https://api.example.com"},
        {&link, "<https://me@api.example.com/>; rel=next", "", "the next link has a user name in it"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct source *s = chain_source(*cases[i].options);
        bool in_field = cases[i].options == &field || cases[i].options == &link;
        struct page_facts facts;

        read_answer(s, in_field ? "[]" : cases[i].answer, in_field ? (cases[i].options == &field ? "Next" : "Link") : NULL, cases[i].answer, &facts);
        if (strcmp(facts.token, cases[i].token) != 0 || strcmp(facts.fault, cases[i].fault) != 0) {
            fail_msg("%s: %s: %s, %s", *cases[i].options, cases[i].answer, facts.token, facts.fault);
        }
        source_free(s);
    }
}

static void test_long_tokens(void **state) {
    static const struct {
        const char *options, *before, *field, *fault;
    } cases[] = {{"\"type\":\"cursor\",\"cursor_path\":\"/c\"", "{\"c\":\"", NULL, "the cursor is longer than 8191 bytes"},
                 {"\"type\":\"header_cursor\"", "", "next", "the cursor is longer than 8191 bytes"},
                 {"\"type\":\"json_link\",\"next_url_path\":\"/c\"", "{\"c\":\"/", NULL, "the next link is longer than 8191 bytes"},
                 {"\"type\":\"header_link\"", "</", "Link", "the next link is longer than 8191 bytes"}};
    static char text[9000];

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const char *after = i == 3 ? ">; rel=next" : i == 1 ? "" : "\"}";

        for (int size = 8150; size < 8200; size++) {
            struct source *s = chain_source(cases[i].options);
            size_t length = (size_t)size + (i == 0 ? 2 : i == 1 ? 0 : strlen("https://api.example.com/"));
            bool fits = length < LIMIT_TOKEN_BYTES;
            struct page_facts facts;

            (void)snprintf(text, sizeof(text), "%s%0*d%s", cases[i].before, size, 0, after);
            read_answer(s, cases[i].field != NULL ? "[]" : text, cases[i].field, text, &facts);
            assert_int_equal(strlen(facts.token), fits ? length : 0);
            assert_string_equal(facts.fault, fits ? "" : cases[i].fault);
            source_free(s);
        }
    }
}

static const char *secret(void *context, const char *name) {
    (void)context;
    (void)name;
    return "s3/cr3t";
}

/* The server names its next page with all that it was asked with; the secret is not kept, and sent again. */
static void test_secrets(void **state) {
    struct source *s = source_of(
        "{\"steps\":[{\"http\":{\"method\":\"POST\",\"url\":\"" URL "\",\"params\":{\"api key\":\"${secret:k}\",\"q\":\"x\",\"buy\":0},\"json\":{\"a\":1}}}],"
        "\"paginator\":{\"type\":\"json_link\",\"limit\":10,\"limit_param\":\"n\"},\"metering\":{\"purchase\":{\"params\":{\"buy\":1}}}}");
    struct page page = {.batch = 2, .limit = 10};
    const struct template_scope scope = {.secret = secret};
    struct request request;
    struct page_facts facts;
    struct err err = {0};

    (void)state;
    read_answer(s, "{\"next\":\"/items?api%20key=s3%2Fcr3t&q=x&buy=0&n=10&API+KEY=s3/cr3t&at=7\"}", NULL, NULL, &facts);
    assert_string_equal(facts.token, URL "?q=x&buy=0&n=10&at=7");
    (void)str_copy(page.token, sizeof(page.token), facts.token);
    assert_int_equal(request_make(s, 0, 0, REQUEST_PAID, &page, &scope, &request, &err), RC_OK);
    assert_string_equal(request.url, URL "?q=x&n=10&at=7&api%20key=s3%2Fcr3t&buy=1");
    assert_string_equal(request.body, "{\"a\":1}");
    request_release(&request);
    /* the definition was changed, and leads elsewhere now */
    (void)str_copy(page.token, sizeof(page.token), "https://old.example.com/items?q=x");
    assert_int_equal(request_make(s, 0, 0, REQUEST_PAID, &page, &scope, &request, &err), RC_PERM);
    source_free(s);
}

static void test_definitions(void **state) {
    static const struct {
        const char *patch, *error;
    } cases[] = {
        {"{\"paginator\":{\"type\":\"cursor\",\"cursor_path\":\"next\"}}", "/paginator/cursor_path"},
        {"{\"paginator\":{\"type\":\"cursor\",\"cursor_body_path\":\"/a\"}}", "a GET has no body"},
        {"{\"paginator\":{\"type\":\"cursor\",\"cursor_param\":\"a\",\"cursor_header\":\"b\"}}", "give one of cursor_param"},
        {"{\"paginator\":{\"type\":\"cursor\",\"limit_param\":\"a\"}}", "needs limit"},
        {"{\"paginator\":{\"type\":\"cursor\",\"cursor_key\":\"a\"}}", "cursor_key"},
        {"{\"paginator\":{\"type\":\"header_cursor\",\"cursor_key\":\"a b\"}}", "is no name of a header"},
        {"{\"paginator\":{\"type\":\"header_cursor\",\"cursor_key\":1}}", "/paginator/cursor_key"},
        {"{\"paginator\":{\"type\":\"header_link\",\"links_next_key\":\"\"}}", "must be one relation"},
        {"{\"paginator\":{\"type\":\"header_link\",\"links_next_key\":\"a b\"}}", "must be one relation"},
        {"{\"paginator\":{\"type\":\"json_link\",\"next_url_path\":\"next\"}}", "/paginator/next_url_path"},
        {"{\"paginator\":{\"type\":\"json_link\"},\"steps\":[{\"http\":{\"url\":\"https://h/${secret:k}/x\"}}]}",
         "a url with a secret in it cannot be paged by links"},
        {"{\"paginator\":{\"type\":\"header_link\"},\"steps\":[{\"http\":{\"url\":\"https://h/x?k=${secret:k}\"}}]}",
         "a url with a secret in it cannot be paged by links"},
        {"{\"paginator\":{\"type\":\"page_number\",\"base_page\":1,\"page\":0}}", "/paginator/page"},
        {"{\"paginator\":{\"type\":\"page_number\",\"page\":3,\"maximum_page\":3}}", "/paginator/maximum_page"},
        {"{\"paginator\":{\"type\":\"page_number\",\"total_unit\":\"books\"}}", "/paginator/total_unit"},
        {"{\"paginator\":{\"type\":\"page_number\",\"total_unit\":\"records\"}}", "needs limit"},
        {"{\"paginator\":{\"type\":\"page_number\",\"stop_after_empty_page\":false}}", "may be false only with"},
        {"{\"paginator\":{\"type\":\"single_page\",\"cursor_param\":\"a\"}}", "cursor_param"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char *text = definition(cases[i].patch);
        struct source *source = NULL;
        struct err err = {0};

        if (source_parse("items.json", text, strlen(text), &source, &err) != RC_PERM || strstr(err.text, cases[i].error) == NULL) {
            fail_msg("%s: %s", cases[i].patch, err.text);
        }
        free(text);
        source_free(source);
    }
}

static void test_wanted(void **state) {
    struct source *s = chain_source("\"type\":\"header_cursor\",\"total_header\":\"X-Total\"");

    (void)state;
    assert_string_equal(s->wanted[0], "X-Total");
    assert_string_equal(s->wanted[1], "next");
    assert_null(s->wanted[2]);
    source_free(s);
    s = chain_source("\"type\":\"header_link\",\"links_next_key\":\"more\"");
    assert_string_equal(s->wanted[0], "Link");
    assert_null(s->wanted[1]);
    source_free(s);
}

static void test_given_up(void **state) {
    struct source *s = chain_source("\"type\":\"cursor\",\"limit\":10,\"limit_param\":\"n\"");
    struct paginator *p = start(s, UINT64_MAX, UINT64_MAX);
    struct page page, next;

    (void)state;
    assert_int_equal(paginator_next(p, &page), RC_OK);
    paginator_doubt(p, &page);
    assert_int_equal(paginator_next(p, &next), RC_AGAIN);
    assert_false(paginator_ended(p));
    paginator_answer(p, &page, &(struct page_facts){.records = 10, .total = UINT64_MAX, .given_up = true});
    assert_int_equal(paginator_next(p, &next), RC_GONE);
    assert_false(paginator_ended(p));
    assert_string_equal(paginator_fault(p), "page 1 was given up, and only its answer would have named page 2");
    paginator_free(p);
    p = start(s, UINT64_MAX, 10); /* nothing follows it */
    assert_int_equal(paginator_next(p, &page), RC_OK);
    paginator_answer(p, &page, &(struct page_facts){.records = 10, .total = UINT64_MAX, .given_up = true});
    assert_true(paginator_ended(p));
    assert_null(paginator_fault(p));
    paginator_free(p);
    source_free(s);
    s = chain_source("\"type\":\"single_page\"");
    p = start(s, UINT64_MAX, UINT64_MAX);
    assert_int_equal(paginator_next(p, &page), RC_OK);
    assert_int_equal(page.limit, 0);
    paginator_answer(p, &page, &(struct page_facts){.total = UINT64_MAX, .more = MORE_YES, .given_up = true});
    assert_true(paginator_ended(p));
    assert_null(paginator_fault(p));
    paginator_free(p);
    source_free(s);
}

/* The first page has a URL too: what leads back to it, with or without what the metering puts in, is a circle. */
static void test_first_page_again(void **state) {
    static const char *const links[] = {URL "?n=10", "?n=10", "?buy=1&n=10", "?n=10&buy=0", "/items?n=10#top"};
    struct source *s =
        source_of("{\"steps\":[{\"http\":{\"method\":\"POST\",\"url\":\"" URL "\"}}],"
                  "\"paginator\":{\"type\":\"json_link\",\"limit\":10,\"limit_param\":\"n\"},\"metering\":{\"purchase\":{\"params\":{\"buy\":1}}}}");

    (void)state;
    for (size_t i = 0; i < sizeof(links) / sizeof(links[0]); i++) {
        const struct paginator_start begin = {.take = UINT64_MAX, .total = UINT64_MAX, .page_size = 10, .first_url = URL "?n=10"};
        struct paginator *p;
        struct page page;
        struct page_facts facts;
        char document[128];

        assert_int_equal(paginator_new(s, &begin, &p, NULL), RC_OK);
        assert_int_equal(paginator_next(p, &page), RC_OK);
        (void)snprintf(document, sizeof(document), "{\"next\":\"%s\"}", links[i]);
        read_answer(s, document, NULL, NULL, &facts);
        paginator_answer(p, &page, &facts);
        if (paginator_fault(p) == NULL || paginator_next(p, &page) != RC_GONE) {
            fail_msg("%s is asked for", links[i]);
        }
        paginator_free(p);
    }
    source_free(s);
}

static void test_fault(void **state) {
    struct source *s = chain_source("\"type\":\"json_link\"");
    struct paginator *p = start(s, UINT64_MAX, UINT64_MAX);
    struct page page;
    struct page_facts facts;

    (void)state;
    assert_int_equal(paginator_next(p, &page), RC_OK);
    read_answer(s, "{\"next\":\"https://evil.example/\"}", NULL, NULL, &facts);
    paginator_answer(p, &page, &facts);
    assert_string_equal(paginator_fault(p), "page 1: the next link leads to https://evil.example, the source is https://api.example.com");
    assert_int_equal(paginator_next(p, &page), RC_GONE);
    assert_false(paginator_ended(p));
    paginator_free(p);
    p = start(s, UINT64_MAX, UINT64_MAX);
    assert_int_equal(paginator_next(p, &page), RC_OK);
    facts.more = MORE_NO; /* then what else it says does not matter */
    paginator_answer(p, &page, &facts);
    assert_true(paginator_ended(p));
    assert_null(paginator_fault(p));
    paginator_free(p);
    p = start(s, UINT64_MAX, 0);
    assert_int_equal(paginator_next(p, &page), RC_GONE); /* a preview said that there are none */
    assert_true(paginator_ended(p));
    paginator_free(p);
    source_free(s);
}

/* Every token of a long chain is known again; a million pages are the most. */
static void test_long_chain(void **state) {
    static const unsigned again[] = {1, 40, 4321, 4999};
    struct source *s = chain_source("\"type\":\"cursor\"");
    struct paginator *p;
    struct page_facts facts = {.records = 1, .total = UINT64_MAX};
    struct page page;
    char text[120];

    (void)state;
    for (size_t k = 0; k < sizeof(again) / sizeof(again[0]); k++) {
        p = start(s, UINT64_MAX, UINT64_MAX);
        for (unsigned i = 1; i <= 5000; i++) {
            assert_int_equal(paginator_next(p, &page), RC_OK);
            (void)snprintf(facts.token, sizeof(facts.token), "%u", i < 5000 ? i : again[k]);
            paginator_answer(p, &page, &facts);
        }
        (void)snprintf(text, sizeof(text), "page 5000 names a next page that was asked for already (page %u): the source goes in a circle", again[k] + 1);
        assert_string_equal(paginator_fault(p), text);
        paginator_free(p);
    }
    p = start(s, UINT64_MAX, UINT64_MAX);
    page = (struct page){.batch = LIMIT_BATCHES, .token = "1"};
    paginator_restore(p, &page);
    (void)str_copy(facts.token, sizeof(facts.token), "2");
    paginator_answer(p, &page, &facts);
    assert_int_equal(paginator_next(p, &page), RC_PERM);
    assert_false(paginator_ended(p));
    paginator_free(p);
    source_free(s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tokens),           cmocka_unit_test(test_long_tokens), cmocka_unit_test(test_secrets),
        cmocka_unit_test(test_definitions),      cmocka_unit_test(test_wanted),      cmocka_unit_test(test_given_up),
        cmocka_unit_test(test_first_page_again), cmocka_unit_test(test_fault),       cmocka_unit_test(test_long_chain),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
