// SPDX-License-Identifier: Apache-2.0
#include "source/units.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "source_fixture.h"

#define TWO_LISTS                                                                                                                                              \
    "{\"paginator\":null,\"foreach\":[{\"name\":\"url\",\"in\":\"/urls\"},{\"name\":\"strategy\",\"in\":\"/how/strategies\"}],\"steps\":["                     \
    "{\"http\":{\"url\":\"https://h/x\",\"params\":{\"url\":\"${item.url}\",\"strategy\":\"${item.strategy}\"}}}]}"

/* source_of puts members in the place of others; a definition of units has no paginator at all. */
static struct source *source_without_pages(const char *patch) {
    char *text = definition(patch);
    cJSON *json = cJSON_Parse(text);
    struct source *source = NULL;
    struct err err = {0};

    free(text);
    cJSON_DeleteItemFromObjectCaseSensitive(json, "paginator");
    text = cJSON_PrintUnformatted(json);
    cJSON_Delete(json);
    if (source_parse("items.json", text, strlen(text), &source, &err) != RC_OK) {
        fail_msg("%s", err.text);
    }
    free(text);
    return source;
}

static void assert_item(const struct units *units, uint32_t batch, const char *expected) {
    cJSON *item = units_item(units, batch);
    char *text = item != NULL ? cJSON_PrintUnformatted(item) : NULL;

    assert_non_null(text);
    assert_string_equal(text, expected);
    cJSON_free(text);
    cJSON_Delete(item);
}

static void assert_label(const struct units *units, uint32_t batch, const char *expected) {
    char label[UNITS_LABEL_SIZE];

    assert_true(units_label(units, batch, label));
    assert_string_equal(label, expected);
}

static void test_labels(void **state) {
    struct source *s = source_without_pages(TWO_LISTS);
    cJSON *job = cJSON_Parse("{\"urls\":[\"https://a.example/\\u202e\",{\"labels\":{\"url\":\"x\"},\"url\":\"b\"},{\"sha256\":\"0\",\"name\":\"lease.pdf\"},3],"
                             "\"how\":{\"strategies\":[\"m\",\"d\"]}}");
    struct units *units;
    struct err err = {0};
    char label[UNITS_LABEL_SIZE] = "x";

    (void)state;
    assert_int_equal(units_new(s, job, 7, &units, &err), RC_OK);
    assert_label(units, 2, "https://a.example/\\u202e d");
    assert_label(units, 3, "b m");
    assert_label(units, 6, "lease.pdf d");
    assert_label(units, 7, "3 m");
    assert_false(units_label(units, 0, label));
    assert_string_equal(label, "");
    assert_false(units_label(units, 8, label)); /* not within take */
    assert_false(units_label(NULL, 1, label));
    units_free(units);
    cJSON_Delete(job);
    source_free(s);
}

static void test_cross_product(void **state) {
    struct source *s = source_without_pages(TWO_LISTS);
    cJSON *job = cJSON_Parse("{\"urls\":[\"a\",{\"url\":\"b\"},3],\"how\":{\"strategies\":[\"m\",\"d\"]}}");
    struct units *units;
    struct err err = {0};

    (void)state;
    assert_int_equal(units_new(s, job, UINT64_MAX, &units, &err), RC_OK);
    assert_int_equal(units->count, 6);
    assert_item(units, 1, "{\"strategy\":\"m\",\"url\":\"a\"}");
    assert_item(units, 2, "{\"strategy\":\"d\",\"url\":\"a\"}");
    assert_item(units, 3, "{\"strategy\":\"m\",\"url\":{\"url\":\"b\"}}");
    assert_item(units, 6, "{\"strategy\":\"d\",\"url\":3}");
    assert_null(units_item(units, 0));
    assert_null(units_item(units, 7));
    units_free(units);
    assert_int_equal(units_new(s, job, 4, &units, &err), RC_OK);
    assert_int_equal(units->count, 4);
    assert_null(units_item(units, 5));
    units_free(units);
    cJSON_Delete(job);
    source_free(s);
}

static void test_lists_that_are_none(void **state) {
    static const struct {
        const char *job, *says;
    } bad[] = {{"{\"how\":{\"strategies\":[1]}}", "urls"},
               {"{\"urls\":[],\"how\":{\"strategies\":[1]}}", "urls"},
               {"{\"urls\":\"a\",\"how\":{\"strategies\":[1]}}", "urls"},
               {"{\"urls\":[1],\"how\":{}}", "how/strategies"}};
    struct source *s = source_without_pages(TWO_LISTS);

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        cJSON *job = cJSON_Parse(bad[i].job);
        struct units *units;
        struct err err = {0};

        assert_int_equal(units_new(s, job, UINT64_MAX, &units, &err), RC_PERM);
        assert_non_null(strstr(err.text, bad[i].says));
        cJSON_Delete(job);
    }
    source_free(s);
}

static void test_plan(void **state) {
    const struct page_facts facts = {.records = 1};
    struct paginator *p;
    struct page page, first;

    (void)state;
    assert_int_equal(units_plan(4, &p), RC_OK);
    page = (struct page){.batch = 2};
    paginator_restore(p, &page);
    paginator_restore(p, &page);
    paginator_answer(p, &page, &facts);
    assert_int_equal(paginator_next(p, &first), RC_OK);
    assert_int_equal(first.batch, 1);
    assert_int_equal(first.limit, 1);
    assert_int_equal(paginator_next(p, &page), RC_OK);
    assert_int_equal(page.batch, 3);
    paginator_answer(p, &page, &facts);
    assert_int_equal(paginator_next(p, &page), RC_OK);
    assert_int_equal(page.batch, 4);
    assert_int_equal(paginator_next(p, &page), RC_AGAIN);
    assert_false(paginator_ended(p));
    page.batch = 4;
    paginator_answer(p, &page, &facts);
    paginator_answer(p, &first, &facts);
    assert_int_equal(paginator_next(p, &page), RC_GONE);
    assert_true(paginator_ended(p));
    paginator_free(p);
}

static void test_definitions(void **state) {
    static const struct {
        const char *patch, *says;
    } bad[] = {
        {"{\"foreach\":[{\"name\":\"url\",\"in\":\"/urls\"}]}", "more than one of paginator, foreach and documents"},
        {"{\"documents\":true}", "more than one of"},
        {"{\"steps\":[{\"http\":{\"url\":\"https://h/${item.url}\"}}]}", "no items"},
        {"{\"steps\":[{\"exec\":{\"command\":[\"x\"]}}]}", "must be an http"},
        {"{\"steps\":[{\"name\":\"a\",\"exec\":{\"command\":[]}},{\"name\":\"b\",\"http\":{\"url\":\"https://h/\"}}]}", "command"},
        {"{\"steps\":[{\"name\":\"a\",\"exec\":{\"command\":[\"../x\"]}},{\"name\":\"b\",\"http\":{\"url\":\"https://h/\"}}]}", "name of a program"},
        {"{\"steps\":[{\"name\":\"a\",\"exec\":{\"command\":[\"x\",\"${secret:k}\"]}},{\"name\":\"b\",\"http\":{\"url\":\"https://h/\"}}]}",
         "secrets go into requests"},
        {"{\"steps\":[{\"name\":\"a\",\"exec\":{\"command\":[\"x\",\"${part}\"]}},{\"name\":\"b\",\"http\":{\"url\":\"https://h/\"}}]}", "no for_each"},
        {"{\"steps\":[{\"name\":\"a\",\"when\":{\"engine\":1},\"exec\":{\"command\":[\"x\"]}},{\"name\":\"b\",\"http\":{\"url\":\"https://h/\"}}]}",
         "no JSON Pointer"},
        {"{\"steps\":[{\"name\":\"a\",\"for_each\":\"${job.x}\",\"exec\":{\"command\":[\"x\"]}},{\"name\":\"b\",\"http\":{\"url\":\"https://h/\"}}]}",
         "one reference"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        char *text = definition(bad[i].patch);
        struct source *source = NULL;
        struct err err = {0};

        if (source_parse("items.json", text, strlen(text), &source, &err) != RC_PERM || strstr(err.text, bad[i].says) == NULL) {
            fail_msg("%s: %s", bad[i].patch, err.text);
        }
        free(text);
    }
}

static void test_ways(void **state) {
    struct source *s = source_without_pages("{\"paginator\":null,\"foreach\":[{\"name\":\"url\",\"in\":\"/urls\"}],\"steps\":[{\"when\":{\"/"
                                            "engine\":\"service\"},\"http\":{\"url\":\"https://h/\"},"
                                            "\"fallback\":[{\"exec\":{\"command\":[\"a\"]},\"when\":{\"/engine\":\"local\",\"/"
                                            "n\":2}},{\"exec\":{\"command\":[\"b\"]},\"when\":{\"/gone\":null}}]}]}");
    static const struct {
        const char *job;
        unsigned from, way;
    } cases[] = {{"{\"engine\":\"service\"}", 0, 0},
                 {"{\"engine\":\"service\"}", 1, 2},
                 {"{\"engine\":\"local\",\"n\":2}", 0, 1},
                 {"{\"engine\":\"local\",\"n\":3}", 0, 2},
                 {"{\"engine\":\"local\",\"gone\":1}", 0, 3}};

    (void)state;
    assert_int_equal(s->steps[0].way_count, 3);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        cJSON *job = cJSON_Parse(cases[i].job);

        assert_int_equal(source_first_way(&s->steps[0], cases[i].from, job), cases[i].way);
        cJSON_Delete(job);
    }
    source_free(s);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_cross_product), cmocka_unit_test(test_labels),      cmocka_unit_test(test_lists_that_are_none),
                                       cmocka_unit_test(test_plan),          cmocka_unit_test(test_definitions), cmocka_unit_test(test_ways)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
