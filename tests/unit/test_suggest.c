// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "source/criteria.h"
#include "source/request.h"
#include "source_fixture.h"

#define WITH(members) "{\"suggest\":{\"County\":{\"url\":\"https://api.example.com/s\"," members "}}}"
#define PLAIN "\"data_selector\":\"/results\",\"value\":\"/FIPS\",\"label\":\"/County\""

static void test_definition(void **state) {
    struct source *s =
        source_of(WITH("\"method\":\"POST\",\"params\":{\"q\":\"${job.q}\"},\"headers\":{\"X-Key\":\"${secret:key}\"},\"cache_ttl\":\"PT1H\"," PLAIN));
    (void)state;
    const struct source_suggest *field = suggest_find(s, "County");
    assert_non_null(field);
    assert_string_equal(field->http.method, "POST");
    assert_true(field->cache_ttl_ms == 3600 * 1000);
    assert_null(suggest_find(s, "City"));
    assert_false(source_uses(s, "q")); /* of the pages' requests: a job needs no q */
    source_free(s);
    s = source_of(WITH(PLAIN));
    assert_string_equal(s->suggests[0].http.method, "GET");
    assert_true(s->suggests[0].cache_ttl_ms == INT64_C(86400) * 1000);
    source_free(s);
}

static void count_secret(void *context, const char *name, bool optional) {
    (void)optional;
    *(unsigned *)context += strcmp(name, "key") == 0;
}

static void test_secrets(void **state) {
    struct source *s = source_of(WITH("\"headers\":{\"X-Key\":\"${secret:key}\"}," PLAIN));
    unsigned count = 0;
    (void)state;
    source_secrets(s, count_secret, &count);
    assert_int_equal(count, 1);
    source_free(s);
}

static void test_refusals(void **state) {
    static const char *const cases[][2] = {
        {"{\"suggest\":[]}", "suggest"},
        {"{\"suggest\":{\"a b\":{}}}", "is no name"},
        {"{\"suggest\":{\"County\":[]}}", "/suggest/County"},
        {"{\"suggest\":{\"County\":{}}}", "needs a url"},
        {"{\"suggest\":{\"County\":{\"url\":\"http://api.example.com/s\"," PLAIN "}}}", "https://"},
        {WITH("\"value\":\"/x\""), "needs data_selector"},
        {WITH("\"data_selector\":\"\""), "needs data_selector"},
        {WITH("\"data_selector\":\"results\",\"value\":\"/x\""), "JSON Pointer"},
        {WITH("\"data_selector\":[],\"value\":\"/x\""), "JSON Pointer"},
        {WITH("\"data_selector\":{\"a\":\"/x\"},\"value\":\"/x\""), "JSON Pointer"},
        {WITH("\"data_selector\":\"\",\"value\":{\"A\":\"/x\"}"), "needs a label"},
        {WITH("\"data_selector\":\"\",\"value\":{\"A\":1},\"label\":\"/x\""), "JSON Pointer"},
        {WITH("\"valeu\":1," PLAIN), "did you mean \"value\""},
        {WITH("\"json\":{}," PLAIN), "a GET has no body"},
        {WITH("\"params\":{\"a\":\"${job.criteria}\"}," PLAIN), "only ${job.q}"},
        {WITH("\"params\":{\"a\":\"${steps.x/y}\"}," PLAIN), "no earlier step"},
        {WITH("\"cache_ttl\":\"a day\"," PLAIN), "cache_ttl"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *text = definition(cases[i][0]);
        struct source *s = NULL;
        struct err err = {0};
        assert_int_equal(source_parse("items.json", text, strlen(text), &s, &err), RC_PERM);
        if (!strstr(err.text, cases[i][1]))
            fail_msg("%s: %s", cases[i][0], err.text);
        free(text);
    }
}

static struct criteria *job_of(const struct source *s, const char *suggest, char wrong[1024]) {
    struct criteria *c = NULL;
    struct err err = {0};
    char text[2048];
    snprintf(text, sizeof text, "{\"mode\":\"probe\",\"source\":\"items\",\"created_by\":\"ops\",\"priority\":\"urgent\",\"suggest\":%s}", suggest);
    enum rc rc = criteria_parse("job", text, strlen(text), s, &c, &err);
    snprintf(wrong, 1024, "%s", rc ? err.text : "");
    return c;
}

static void test_job(void **state) {
    static const char *const cases[][2] = {
        {"1", "must be an object"},
        {"{}", "needs q"},
        {"{\"field\":\"County\",\"q\":\"\"}", "/suggest/q"},
        {"{\"field\":\"City\",\"q\":\"a\"}", "no suggestions"},
        {"{\"field\":\"County\",\"q\":1}", "/suggest/q"},
        {"{\"field\":\"County\",\"q\":\"a\",\"x\":1}", "unknown member"},
    };
    struct source *s = source_of(WITH("\"params\":{\"q\":\"${job.q}\"}," PLAIN));
    struct request request;
    struct err err = {0};
    char wrong[1024], large[300];
    (void)state;
    struct criteria *c = job_of(s, "{\"field\":\"County\",\"q\":\"a&b\"}", wrong);
    assert_string_equal(wrong, "");
    assert_ptr_equal(c->suggest->field, s->suggests);
    const struct template_scope scope = {.job = c->suggest->job};
    assert_int_equal(request_suggest(s, c->suggest->field, &scope, &request, &err), RC_OK);
    assert_string_equal(request.url, "https://api.example.com/s?q=a%26b");
    request_release(&request);
    criteria_free(c);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_null(job_of(s, cases[i][0], wrong));
        if (!strstr(wrong, cases[i][1]))
            fail_msg("%s: %s", cases[i][0], wrong);
    }
    snprintf(large, sizeof large, "{\"field\":\"County\",\"q\":\"%0201d\"}", 0);
    assert_null(job_of(s, large, wrong));
    source_free(s);
}

/* What is made of an answer, as text; "-": nothing. The caller frees. */
static void answers(const char *members, const char *body, const char *wanted) {
    char patch[1024];
    snprintf(patch, sizeof patch, WITH("%s"), members);
    struct source *s = source_of(patch);
    cJSON *json = suggest_answer(s->suggests, slice_of(body));
    char *text = json ? cJSON_PrintUnformatted(cJSON_GetObjectItem(json, "suggestions")) : strdup("-");
    if (strcmp(text, wanted) != 0)
        fail_msg("%s: %s, not %s", body, text, wanted);
    cJSON_free(text);
    cJSON_Delete(json);
    source_free(s);
}

static void test_answer(void **state) {
    (void)state;
    answers(PLAIN, "{\"results\":[{\"FIPS\":\"06037\",\"County\":\"Los Angeles\"},{\"FIPS\":32031}]}",
            "[{\"value\":\"06037\",\"label\":\"Los Angeles\"},{\"value\":\"32031\",\"label\":\"32031\"}]");
    answers(PLAIN, "{\"results\":[]}", "[]");
    answers(PLAIN, "{\"results\":{}}", "-");
    answers(PLAIN, "{\"results\":[1,null,{\"FIPS\":[]},{\"FIPS\":\"a\\u0000b\"},{\"FIPS\":\"a\\nb\"},{\"FIPS\":\"\"}]}", "-");
    answers(PLAIN, "{\"results\":[1,{\"FIPS\":\"a\"}]}", "[{\"value\":\"a\",\"label\":\"a\"}]");
    answers(PLAIN, "", "-");
    answers(PLAIN, "<html>", "-");
    answers(PLAIN, "{\"results\":[{\"FIPS\":\"a\"}]} x", "-");
    answers("\"data_selector\":[\"/results\",\"\"],\"value\":[\"/v\",\"\"]", "[\"x\",{\"v\":2}]",
            "[{\"value\":\"x\",\"label\":\"x\"},{\"value\":\"2\",\"label\":\"2\"}]");
    answers("\"data_selector\":\"\",\"label\":\"/l\",\"value\":{\"Address\":\"/a\",\"City\":[\"/c\",\"/d\"]}",
            "[{\"l\":\"x\",\"a\":\"1 Main St\",\"d\":\"Reno\"},{\"l\":\"y\"},{\"a\":\"z\"}]",
            "[{\"value\":[{\"name\":\"Address\",\"value\":\"1 Main St\"},{\"name\":\"City\",\"value\":\"Reno\"}],\"label\":\"x\"}]");
}

static void test_bounds(void **state) {
    struct source *s = source_of(WITH("\"data_selector\":\"\",\"value\":\"\""));
    char body[2000] = "[", large[400];
    (void)state;
    for (unsigned i = 0; i < 100; i++)
        snprintf(body + strlen(body), sizeof body - strlen(body), "%u,", i);
    body[strlen(body) - 1] = ']';
    cJSON *json = suggest_answer(s->suggests, slice_of(body));
    assert_int_equal(cJSON_GetArraySize(cJSON_GetObjectItem(json, "suggestions")), SUGGEST_MOST);
    assert_true(cJSON_GetObjectItem(json, "cache_ttl_s")->valuedouble == 86400);
    cJSON_Delete(json);
    snprintf(large, sizeof large, "[\"%0300d\"]", 0);
    assert_null(suggest_answer(s->suggests, slice_of(large)));
    source_free(s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_definition), cmocka_unit_test(test_secrets), cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_job),        cmocka_unit_test(test_answer),  cmocka_unit_test(test_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
