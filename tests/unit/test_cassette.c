// SPDX-License-Identifier: Apache-2.0
#include "source/cassette.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "source_fixture.h"

static char *request_of(const struct source *s, uint64_t offset) {
    struct cassette_mask mask;
    cJSON *job = cJSON_Parse("{\"q\":\"a b\"}");
    const struct template_scope scope = {.job = job, .secret = cassette_secret, .secret_context = &mask};
    const struct page page = {.batch = 1, .offset = offset, .limit = 100};
    struct buf out = BUF_INIT(100000);
    struct request request;
    struct err err = {0};
    char *text;

    if (request_make(s, 0, 0, REQUEST_FREE, &page, &scope, &request, &err) != RC_OK) {
        fail_msg("%s", err.text);
    }
    assert_int_equal(cassette_request(&request, NULL, &out), RC_OK);
    request_release(&request);
    cJSON_Delete(job);
    text = buf_take(&out);
    buf_release(&out);
    return text;
}

static struct source *secret_source(void) {
    return source_of("{\"steps\":[{\"http\":{\"url\":\"https://api.example.com/items\",\"params\":{\"key\":\"${secret:k_1}\",\"q\":\"${job.q}\"},"
                     "\"headers\":{\"Authorization\":\"Bearer ${secret:token}\"}}}],\"job_members\":{\"q\":{\"type\":\"string\"}}}");
}

static void test_request(void **state) {
    struct source *s = secret_source();
    char *text = request_of(s, 200);

    (void)state;
    assert_non_null(strstr(text, "Authorization: Bearer ${secret:token}"));
    assert_non_null(strstr(text, "key=${secret:k_1}"));
    assert_non_null(strstr(text, "q=a%20b"));
    assert_non_null(strstr(text, "offset=200"));
    free(text);
    source_free(s);
}

/* Bodies come back byte for byte, whatever is in them. */
static void test_bodies(void **state) {
    static const struct {
        const char *bytes;
        size_t length;
        const char *member;
    } cases[] = {
        {"", 0, "\"body\""},
        {"{\"a\":\"\\u00e9 \xc3\xa9\",\n\t\"n\":1.10e5}\n", 31, "\"body\""},
        {"a\0b\x01", 4, "\"body\""},
        {"\xff", 1, "\"base64\""},
        {"\xff\xfe", 2, "\"base64\""},
        {"\xff\xfe\x00", 3, "\"base64\""},
        {"\x1f\x8b\x08\x00", 4, "\"base64\""},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct buf out = BUF_INIT(100000);
        char bytes[64], request[] = "{\"method\":\"GET\"}";
        struct cassette *c;
        struct err err = {0};
        cJSON *headers = cJSON_Parse("{\"x-total\":\"12\"}");

        assert_int_equal(cassette_write_head(&out, "items", NULL, i, NULL, NULL), RC_OK);
        const struct cassette_page line = {.batch = 7, .paid = true, .request = request, .status = 206, .body = bytes, .body_length = cases[i].length};

        memcpy(bytes, cases[i].bytes, cases[i].length);
        assert_int_equal(cassette_write_page(&out, &line, headers), RC_OK);
        assert_non_null(strstr(buf_text(&out), cases[i].member));
        if (cassette_read(buf_text(&out), out.length, &c, &err) != RC_OK) {
            fail_msg("%s", err.text);
        }
        assert_string_equal(c->source, "items");
        assert_int_equal(c->total, i);
        assert_int_equal(c->page_count, 1);
        assert_int_equal(c->pages[0].batch, 7);
        assert_true(c->pages[0].paid);
        assert_int_equal(c->pages[0].status, 206);
        assert_int_equal(c->pages[0].body_length, cases[i].length);
        assert_memory_equal(c->pages[0].body, cases[i].bytes, cases[i].length);
        assert_string_equal(fields_get(&c->pages[0].fields, "X-Total"), "12");
        cassette_free(c);
        cJSON_Delete(headers);
        buf_release(&out);
    }
}

static struct cassette *three_pages(const struct source *s) {
    struct buf out = BUF_INIT(100000);
    struct cassette *c;
    struct err err = {0};

    assert_int_equal(cassette_write_head(&out, "items", NULL, UINT64_MAX, NULL, NULL), RC_OK);
    for (uint32_t i = 0; i < 3; i++) {
        char *request = request_of(s, 100 * i), body[] = "[]";
        const struct cassette_page line = {.batch = i + 1, .request = request, .status = 200, .body = body, .body_length = 2};

        assert_int_equal(cassette_write_page(&out, &line, NULL), RC_OK);
        free(request);
    }
    if (cassette_read(buf_text(&out), out.length, &c, &err) != RC_OK) {
        fail_msg("%s", err.text);
    }
    buf_release(&out);
    return c;
}

static void test_find(void **state) {
    struct source *s = secret_source();
    struct cassette *c = three_pages(s);
    char *known = request_of(s, 100), *other = request_of(s, 150), differs[2000];
    const struct cassette_page *nearest;

    (void)state;
    assert_true(c->total == UINT64_MAX);
    assert_ptr_equal(cassette_find(c, known), &c->pages[1]);
    c->pages[1].used = true;
    assert_ptr_equal(cassette_find(c, known), &c->pages[1]);
    assert_null(cassette_find(c, other));
    nearest = cassette_nearest(c, other, differs, sizeof(differs));
    assert_ptr_equal(nearest, &c->pages[1]);
    assert_non_null(strstr(differs, "url: "));
    assert_non_null(strstr(differs, "offset=150"));
    assert_non_null(strstr(differs, "offset=100"));
    assert_null(strstr(differs, "headers"));
    free(known);
    free(other);
    cassette_free(c);
    source_free(s);
}

/* A request that was recorded twice gives both answers, in order. */
static void test_twice(void **state) {
    static const char text[] = "{\"cassette\":1,\"source\":\"items\",\"job\":{}}\n"
                               "{\"batch\":1,\"request\":{\"url\":\"u\"},\"status\":200,\"headers\":{},\"body\":\"1\"}\n"
                               "{\"batch\":2,\"request\":{ \"url\" : \"u\" },\"status\":200,\"headers\":{},\"body\":\"2\"}";
    struct cassette *c;

    (void)state;
    assert_int_equal(cassette_read(text, strlen(text), &c, NULL), RC_OK);
    assert_ptr_equal(cassette_find(c, "{\"url\":\"u\"}"), &c->pages[0]);
    c->pages[0].used = true;
    assert_ptr_equal(cassette_find(c, "{\"url\":\"u\"}"), &c->pages[1]);
    cassette_free(c);
}

static void test_broken(void **state) {
#define HEAD "{\"cassette\":1,\"source\":\"items\",\"job\":{}}\n"
#define STEPS "{\"cassette\":2,\"source\":\"items\",\"job_id\":\"j1\",\"job\":{}}\n"
    static const struct {
        const char *text, *error;
    } cases[] = {
        {"", "empty"},
        {"{\"cassette\":3,\"source\":\"items\",\"job\":{}}", "version 1 or 2"},
        {"{\"cassette\":2,\"source\":\"items\",\"job\":{}}", "no source"},
        {STEPS "{\"batch\":1,\"request\":{},\"status\":200,\"headers\":{},\"body\":\"\"}", "is no step"},
        {STEPS "{\"batch\":1,\"step\":\"a\",\"request\":{},\"status\":200,\"headers\":{}}", "no body"},
        {STEPS "{\"batch\":1,\"step\":\"a\",\"way\":6,\"request\":{},\"status\":200,\"headers\":{},\"body\":\"\"}", "is no step"},
        {STEPS "{\"batch\":1,\"step\":\"a\",\"part\":-1,\"request\":{},\"status\":200,\"headers\":{},\"body\":\"\"}", "is no step"},
        {STEPS "{\"batch\":1,\"step\":\"a\",\"end\":\"x\",\"request\":{},\"status\":200,\"headers\":{},\"body\":\"\"}", "an end"},
        {STEPS "{\"batch\":1,\"step\":\"a\",\"cached_at\":\"x\",\"request\":{},\"status\":200,\"headers\":{},\"body\":\"\"}", "an end"},
        {STEPS "{\"document\":\"abc\",\"base64\":\"YQ==\"}", "not what its sum"},
        {STEPS "{\"document\":\"abc\"}", "is no document"},
        {"{\"cassette\":1,\"job\":{}}", "no source"},
        {"{\"cassette\":1,\"source\":\"items\",\"job\":1}", "no job"},
        {"{\"cassette\":1,\"source\":\"a/b\",\"job\":{}}", "no source"},
        {"nonsense", "line 1"},
        {HEAD "{\"batch\":1}", "page 1: is no page"},
        {HEAD "{\"batch\":1,\"request\":{},\"status\":200,\"headers\":{}}", "no body"},
        {HEAD "{\"batch\":1,\"request\":{},\"status\":200,\"headers\":{},\"base64\":\"abc\"}", "no body"},
        {HEAD "{\"batch\":1,\"request\":{},\"status\":200,\"headers\":{},\"base64\":\"a=bc\"}", "no body"},
        {HEAD "{\"batch\":1,\"request\":{},\"status\":200,\"headers\":{},\"base64\":\"a===\"}", "no body"},
        {HEAD "{\"batch\":1,\"request\":{},\"status\":200,\"headers\":{},\"base64\":\"ab==ab==\"}", "no body"},
        {HEAD "{\"batch\":1,\"request\":{},\"status\":200,\"headers\":{},\"base64\":\" abc\"}", "no body"},
        {HEAD "{\"batch\":1,\"request\":{},\"status\":200,\"headers\":{},\"base64\":\"abc \"}", "no body"},
        {HEAD "{\"batch\":1,\"request\":{},\"status\":200,\"headers\":{},\"base64\":\"a-bc\"}", "no body"},
        {HEAD "{\"batch\":1,\"request\":{},\"status\":200,\"headers\":{\"a\":1},\"body\":\"\"}", "headers"},
        {HEAD "{\"batch\":1,\"request\":{},\"status\":1000,\"headers\":{},\"body\":\"\"}", "is no page"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct cassette *c;
        struct err err = {0};

        assert_int_equal(cassette_read(cases[i].text, strlen(cases[i].text), &c, &err), RC_PERM);
        assert_null(c);
        if (strstr(err.text, cases[i].error) == NULL) {
            fail_msg("%zu: %s", i, err.text);
        }
    }
}

/* A line of a step comes back as it was written; what is usual is left out. */
static void test_steps(void **state) {
    char request[] = "{\"command\":[\"p\"]}", reason[] = "helper_data", error[] = "p: \xc3\xa9", body[] = "{}";
    const struct cassette_page lines[] = {
        {.batch = 1, .step = "run", .attempt = 1, .request = request, .status = 200, .body = body, .body_length = 2},
        {.batch = 1, .step = "x", .part = 2, .way = 3, .attempt = 7, .end = CASSETTE_OTHER_WAY, .reason = reason, .error = error, .request = request},
        {.batch = 2, .step = "x", .attempt = 1, .end = CASSETTE_IN_DOUBT, .reason = reason, .status = 500, .paid = true, .cached_us = 1000000},
    };
    struct buf out = BUF_INIT(100000);
    struct cassette *c;
    struct err err = {0};

    (void)state;
    assert_int_equal(cassette_write_head(&out, "items", "j1", UINT64_MAX, NULL, NULL), RC_OK);
    assert_int_equal(cassette_write_document(&out, "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb", slice_of("a")), RC_OK);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(cassette_write_page(&out, &lines[i], NULL), RC_OK);
    }
    if (cassette_read(buf_text(&out), out.length, &c, &err) != RC_OK) {
        fail_msg("%s", err.text);
    }
    assert_true(c->steps);
    assert_string_equal(c->job_id, "j1");
    assert_int_equal(c->page_count, 3);
    for (size_t i = 0; i < 3; i++) {
        const struct cassette_page *page = &c->pages[i], *line = &lines[i];

        assert_ptr_equal(cassette_at(c, line->batch, line->step, line->part, line->way), page);
        assert_true(page->attempt == line->attempt && page->end == line->end && page->status == line->status && page->paid == line->paid);
        assert_true(page->cached_us == line->cached_us && (page->body != NULL) == (line->body != NULL));
        assert_true((page->reason != NULL) == (line->reason != NULL) && (page->error != NULL) == (line->error != NULL));
    }
    assert_string_equal(c->pages[1].reason, reason);
    assert_string_equal(c->pages[1].error, error);
    assert_string_equal(c->pages[2].request, "{}");
    assert_null(cassette_at(c, 1, "x", 2, 2));
    assert_null(cassette_at(c, 3, "x", 0, 0));
    assert_non_null(cassette_document(c, "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb"));
    assert_null(cassette_document(c, "other"));
    cassette_free(c);
    buf_release(&out);
}

/* What a program is asked: short members as they are, long ones by their sum. */
static void test_program(void **state) {
    char name[] = "prog", argument[] = "a b", *command[] = {name, argument, NULL}, differs[800];
    struct buf input = BUF_INIT(10000), one = BUF_INIT(10000), other = BUF_INIT(10000);
    const struct cassette_page page = {.request = NULL};
    struct cassette_page recorded = page;

    (void)state;
    assert_int_equal(buf_add_text(&input, "{\"x\":1,\"long\":\""), RC_OK);
    for (unsigned i = 0; i < 500; i++) {
        assert_int_equal(buf_add_char(&input, 'x'), RC_OK);
    }
    assert_int_equal(buf_add_text(&input, "\"}"), RC_OK);
    assert_int_equal(cassette_program(command, (struct slice){buf_text(&input), input.length}, "SUM", &one), RC_OK);
    assert_non_null(strstr(buf_text(&one), "{\"command\":[\"prog\",\"a b\"],\"document\":\"SUM\",\"stdin\":{\"long\":{\"bytes\":502,\"sha256\":\""));
    assert_non_null(strstr(buf_text(&one), "\"x\":1}}"));
    assert_int_equal(cassette_program(command, slice_of("[2]"), NULL, &other), RC_OK);
    assert_string_equal(buf_text(&other), "{\"command\":[\"prog\",\"a b\"],\"stdin\":[2]}");
    recorded.request = one.data;
    cassette_differs(buf_text(&other), &recorded, differs, sizeof(differs));
    assert_non_null(strstr(differs, "document: none, recorded: "));
    assert_non_null(strstr(differs, "stdin: [2], recorded: {"));
    assert_null(strstr(differs, "command"));
    buf_reset(&other);
    assert_int_equal(cassette_program(command, slice_of(""), NULL, &other), RC_OK);
    assert_string_equal(buf_text(&other), "{\"command\":[\"prog\",\"a b\"]}");
    buf_release(&input);
    buf_release(&one);
    buf_release(&other);
}

/* Whatever the text, it is read or refused. */
static void test_mutations(void **state) {
    static const char text[] = HEAD
        "{\"batch\":1,\"paid\":true,\"request\":{\"method\":\"GET\",\"headers\":[\"a: b\"]},\"status\":200,\"headers\":{\"x\":\"y\"},\"body\":\"\\u00e9\"}\n"
        "{\"batch\":2,\"request\":{},\"status\":200,\"headers\":{},\"base64\":\"/w==\"}\n";
    uint32_t random = 1;
    unsigned good = 0;

    (void)state;
    for (unsigned round = 0; round < 20000; round++) {
        char changed[sizeof(text)], differs[500];
        struct cassette *c;
        struct err err = {0};

        memcpy(changed, text, sizeof(text));
        for (unsigned i = 0; i < 1 + round % 3; i++) {
            random = random * 1664525u + 1013904223u;
            changed[(random >> 8) % (sizeof(text) - 1)] = "{}[]\",:0=/\n\\ "[(random >> 24) % 13];
        }
        if (cassette_read(changed, sizeof(text) - 1 - (round % 5 == 4 ? (random >> 16) % sizeof(text) : 0), &c, &err) == RC_OK) {
            (void)cassette_find(c, "{\"method\":\"GET\"}");
            (void)cassette_nearest(c, "{\"method\":\"GET\",\"url\":\"x\"}", differs, sizeof(differs));
            cassette_free(c);
            good++;
        } else {
            assert_true(err.text[0] != '\0');
        }
    }
    assert_true(good > 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_request), cmocka_unit_test(test_bodies),    cmocka_unit_test(test_find),  cmocka_unit_test(test_twice),
        cmocka_unit_test(test_broken),  cmocka_unit_test(test_mutations), cmocka_unit_test(test_steps), cmocka_unit_test(test_program),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
