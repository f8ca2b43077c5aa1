// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "source/criteria.h"

#define JOB "20261101T000000Z-000000000001-a"

/* The job, or what is wrong with it. */
static struct criteria *job_of(const char *text, char wrong[1024]) {
    struct criteria *criteria = NULL;
    struct err err = {0};
    char source[65], mode[16];
    enum rc rc = criteria_source("job.json", text, strlen(text), source, mode, &err);
    if (rc == RC_OK)
        rc = criteria_parse("job.json", text, strlen(text), NULL, &criteria, &err);
    snprintf(wrong, 1024, "%s", rc ? err.text : "");
    return criteria;
}

static void test_results(void **state) {
    char wrong[1024];
    (void)state;
    struct criteria *c =
        job_of("{\"mode\": \"results\", \"results\": {\"job\": \"" JOB "\", \"format\": \"csv\", \"columns\": [\"a\"], \"with_origin\": true}}", wrong);
    assert_string_equal(wrong, "");
    assert_int_equal(c->errand->kind, ERRAND_RESULTS);
    assert_string_equal(c->errand->job, JOB);
    assert_string_equal(c->errand->name, "records.csv");
    assert_true(c->errand->formats == FORM_BIT(FORM_CSV) && c->errand->with_origin && cJSON_GetArraySize(c->errand->columns) == 1);
    criteria_free(c);
    c = job_of(
        "{\"mode\": \"results\", \"source\": \"items\", \"priority\": \"high\", \"results\": {\"since\": \"0\", \"limit\": 5, \"children\": \"owners\"}}",
        wrong);
    assert_string_equal(wrong, "");
    assert_string_equal(c->errand->source, "items");
    assert_string_equal(c->errand->name, "owners.ndjson");
    assert_true(c->errand->limit == 5 && c->priority == PRIORITY_HIGH && c->errand->formats == FORM_BIT(FORM_NDJSON));
    criteria_free(c);
}

static void test_cleanup(void **state) {
    char wrong[1024];
    (void)state;
    struct criteria *c = job_of("{\"mode\": \"cleanup\", \"dry_run\": true}", wrong);
    assert_string_equal(wrong, "");
    assert_true(c->errand->kind == ERRAND_CLEANUP && c->errand->dry_run);
    criteria_free(c);
}

static void test_refusals(void **state) {
    static const char *const cases[][2] = {
        {"{\"mode\": \"results\"}", "needs results"},
        {"{\"mode\": \"results\", \"results\": []}", "/results"},
        {"{\"mode\": \"results\", \"results\": {\"jobs\": 1}}", "did you mean \"job\""},
        {"{\"mode\": \"results\", \"results\": {\"job\": \"x\"}}", "/results/job"},
        {"{\"mode\": \"results\", \"results\": {\"name\": \"a/b.ndjson\"}}", "/results/name"},
        {"{\"mode\": \"results\", \"results\": {\"name\": \".ndjson\"}}", "/results/name"},
        {"{\"mode\": \"results\", \"results\": {\"name\": \"members.ndjson\"}}", "list of a job"},
        {"{\"mode\": \"results\", \"results\": {\"name\": \"x.ndjson\", \"format\": \"csv\"}}", "ends in .csv"},
        {"{\"mode\": \"results\", \"results\": {\"since\": \"0\", \"job\": \"" JOB "\"}}", "/results/since"},
        {"{\"mode\": \"results\", \"results\": {}, \"criteria\": []}", "criteria"},
        {"{\"mode\": \"results\", \"results\": {}, \"source\": \"a b\"}", "/source"},
        {"{\"mode\": \"cleanup\", \"source\": \"items\"}", "whole spool"},
        {"{\"mode\": \"cleanup\", \"results\": {}}", "results"},
        {"{\"mode\": \"run\"}", "needs a source"},
        {"[]", "must be an object"},
    };
    char wrong[1024];
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_null(job_of(cases[i][0], wrong));
        if (!strstr(wrong, cases[i][1]))
            fail_msg("%s: %s", cases[i][0], wrong);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_results), cmocka_unit_test(test_cleanup), cmocka_unit_test(test_refusals)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
