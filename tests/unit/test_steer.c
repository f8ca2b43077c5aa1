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
#include "source/steer.h"

#include "source_fixture.h"

/* The job with these members, or what is wrong with it. */
static struct criteria *job_of(const char *members, char wrong[1024]) {
    struct source *source = source_of("{}");
    struct criteria *criteria = NULL;
    struct err err = {0};
    char text[600];
    snprintf(text, sizeof text, "{\"source\": \"items\", \"mode\": \"source\"%s%s}", *members ? ", " : "", members);
    enum rc rc = criteria_parse("job.json", text, strlen(text), source, &criteria, &err);
    snprintf(wrong, 1024, "%s", rc ? err.text : "");
    source_free(source);
    return criteria;
}

static void test_jobs(void **state) {
    char wrong[1024];
    (void)state;
    struct criteria *c = job_of("\"action\": \"pause\", \"until\": \"2026-11-24T06:00:00Z\", \"reason\": \"dispute\"", wrong);
    assert_string_equal(wrong, "");
    assert_int_equal(c->steer->action, STEER_PAUSE);
    assert_true(c->steer->until_us == INT64_C(1795500000000000));
    assert_string_equal(c->steer->reason, "dispute");
    criteria_free(c);
    c = job_of("\"action\": \"resume\"", wrong);
    assert_int_equal(c->steer->action, STEER_RESUME);
    criteria_free(c);
    c = job_of("\"action\": \"rate\", \"rates\": [{\"limit\": 30, \"interval\": \"PT1M\"}, {\"limit\": 2, \"interval\": \"PT1S\"}], \"concurrency\": 3", wrong);
    assert_string_equal(wrong, "");
    assert_int_equal(c->steer->action, STEER_RATE);
    assert_int_equal(c->steer->rate_count, 2);
    assert_int_equal(c->steer->rates[0].limit, 30);
    assert_int_equal(c->steer->rates[0].interval_ms, 60000);
    assert_int_equal(c->steer->concurrency, 3);
    criteria_free(c);
    c = job_of("\"action\": \"rate\", \"default\": true", wrong);
    assert_true(c->steer->back);
    criteria_free(c);
}

static void test_refusals(void **state) {
    static const char *const cases[][2] = {
        {"", "needs an action"},
        {"\"action\": \"stop\"", "action"},
        {"\"action\": \"pause\", \"untli\": \"x\"", "did you mean \"until\""},
        {"\"action\": \"pause\", \"until\": \"tomorrow\"", "/until"},
        {"\"action\": \"pause\", \"reason\": \"a\\u001bb\"", "control character"},
        {"\"action\": \"pause\", \"rates\": [{\"limit\": 1, \"interval\": \"PT1S\"}]", "action \"rate\" alone"},
        {"\"action\": \"resume\", \"until\": \"2026-11-24T06:00:00Z\"", "action \"pause\" alone"},
        {"\"action\": \"rate\"", "needs rates or concurrency"},
        {"\"action\": \"rate\", \"rates\": []", "/rates"},
        {"\"action\": \"rate\", \"rates\": [{\"limit\": 0, \"interval\": \"PT1S\"}]", "/rates/0/limit"},
        {"\"action\": \"rate\", \"concurrency\": 0", "/concurrency"},
        {"\"action\": \"rate\", \"concurrency\": 2, \"default\": true", "needs rates or concurrency"},
        {"\"action\": \"pause\", \"criteria\": []", "criteria"},
    };
    char wrong[1024];
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_null(job_of(cases[i][0], wrong));
        if (!strstr(wrong, cases[i][1]) || !strstr(wrong, "job.json"))
            fail_msg("%s: \"%s\" lacks \"%s\"", cases[i][0], wrong, cases[i][1]);
    }
}

static enum rc parse(const char *text, struct steer *steer, struct err *err) {
    return steer_parse("paused/rate.items", text, strlen(text), steer, err);
}

static void test_files(void **state) {
    struct steer steer;
    struct err err = {0};
    (void)state;
    assert_int_equal(parse("{\"by\": \"ops\", \"since\": \"2026-11-23T17:05:01Z\", \"concurrency\": 1}", &steer, &err), RC_OK);
    assert_int_equal(steer.concurrency, 1);
    assert_int_equal(steer.rate_count, 0);
    assert_int_equal(parse("{\"rates\": [\n{\"limit\": 5, \"interval\": \"P1D\"}]}", &steer, &err), RC_OK);
    assert_int_equal(steer.rates[0].interval_ms, 86400000);
    assert_int_equal(parse("{\n \"rates\": [{\"limit\": 5, \"interval\": \"1 day\"}]}", &steer, &err), RC_PERM);
    assert_non_null(strstr(err.text, "paused/rate.items: line 2 column"));
    assert_int_equal(parse("", &steer, &err), RC_PERM);
    assert_int_equal(parse("{}", &steer, &err), RC_PERM);
    assert_int_equal(parse("[]", &steer, &err), RC_PERM);
    assert_int_equal(parse("{\"rate\": 5}", &steer, &err), RC_PERM);
    assert_non_null(strstr(err.text, "rates"));
}

static void test_words(void **state) {
    cJSON *rates = cJSON_CreateArray();
    char text[100];
    (void)state;
    assert_true(steer_rate("30/PT1M", rates));
    assert_true(steer_rate("5/PT0.5S", rates));
    assert_false(steer_rate("30", rates));
    assert_false(steer_rate("/PT1M", rates));
    assert_false(steer_rate("0/PT1M", rates));
    assert_false(steer_rate("30/minute", rates));
    steer_rates_text(rates, text, sizeof text);
    assert_string_equal(text, "30/PT1M, 5/PT0.5S");
    steer_rates_text(NULL, text, sizeof text);
    assert_string_equal(text, "");
    cJSON_Delete(rates);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_jobs),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_files),
        cmocka_unit_test(test_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
