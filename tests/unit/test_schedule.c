// SPDX-License-Identifier: Apache-2.0
#include "source/schedule.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>
#include <cmocka.h>

#include "base/clock.h"
#include "base/json.h"

#define JOB "\"job\":{\"source\":\"items\"}"

static int64_t at(const char *time) {
    int64_t us;
    assert_true(clock_parse_rfc3339(time, &us));
    return us / 1000000;
}

static struct schedule parsed(const char *text) {
    struct schedule schedule;
    struct slice job;
    struct err err = {0};
    if (schedule_parse("x.json", text, strlen(text), &schedule, &job, &err) != RC_OK)
        fail_msg("%s: %s", text, err.text);
    assert_true(job.data[0] == '{' && job.data[job.length - 1] == '}');
    return schedule;
}

static void defaults(void **state) {
    (void)state;
    struct schedule s = parsed("{\"cron\":\"0 6 * * 1-5\"," JOB "}");
    assert_string_equal(s.zone, "UTC");
    assert_true(s.enabled);
    assert_false(s.once);
    assert_string_equal(s.times, "cron 0 6 * * 1-5 in UTC");
    s = parsed("{\"name\":\"Nightly\",\"every\":\"PT2H\",\"start\":\"2026-01-01T00:30:00Z\",\"missed\":\"once\",\"enabled\":false," JOB "}");
    assert_string_equal(s.label, "Nightly");
    assert_int_equal(s.every_s, 7200);
    assert_true(s.once && !s.enabled);
    assert_string_equal(s.times, "every PT2H from 2026-01-01T00:30:00Z");
}

static void refused(void **state) {
    (void)state;
    static const struct {
        const char *text, *why;
    } cases[] = {
        {"[]", "must be an object"},
        {"{" JOB "}", "needs \"cron\" or \"every\""},
        {"{\"cron\":\"@daily\",\"every\":\"PT1H\"," JOB "}", "/every: stands beside cron"},
        {"{\"cron\":\"@daily\"}", "needs a \"job\""},
        {"{\"cron\":\"@daily\",\"job\":\"x.json\"}", "/job: must be an object"},
        {"{\"cron\":5," JOB "}", "/cron: must be text"},
        {"{\n\"cron\":\n  \"0 25 * * *\"," JOB "}", "line 3 column 3: /cron: field 2 (hour): \"25\""},
        {"{\"cron\":\"0 0 30 2 *\"," JOB "}", "never due"},
        {"{\"every\":\"2h\"," JOB "}", "/every: must be an ISO 8601 duration"},
        {"{\"every\":\"PT0S\"," JOB "}", "/every"},
        {"{\"every\":\"PT0.5S\"," JOB "}", "whole seconds"},
        {"{\"every\":\"PT1.5S\"," JOB "}", "whole seconds"},
        {"{\"cron\":\"@daily\",\"timezone\":\"Europe/Nowhere\"," JOB "}", "/timezone: \"Europe/Nowhere\" is no time zone"},
        {"{\"cron\":\"@daily\",\"timezone\":\"../etc/passwd\"," JOB "}", "/timezone"},
        {"{\"cron\":\"@daily\",\"timezone\":1," JOB "}", "/timezone: must be text"},
        {"{\"cron\":\"@daily\",\"start\":\"tomorrow\"," JOB "}", "/start: must be a time"},
        {"{\"every\":\"PT1H\",\"start\":\"2026-01-02T00:00:00Z\",\"until\":\"2026-01-01T00:00:00Z\"," JOB "}", "/until: is never due before that"},
        {"{\"cron\":\"0 0 1 1 *\",\"start\":\"2026-01-02T00:00:00Z\",\"until\":\"2026-12-31T00:00:00Z\"," JOB "}", "/until: is never due before that"},
        {"{\"cron\":\"@daily\",\"missed\":\"all\"," JOB "}", "/missed: must be one of skip, once"},
        {"{\"cron\":\"@daily\",\"enabled\":\"no\"," JOB "}", "/enabled: must be true or false"},
        {"{\"corn\":\"@daily\"," JOB "}", "did you mean \"cron\"?"},
        {"{\"cron\":\"@daily\",\"cron\":\"@hourly\"," JOB "}", "cron"},
        {"{\"cron\":\"@daily\"," JOB ",}", "line 1"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct schedule schedule;
        struct slice job;
        struct err err = {0};
        if (schedule_parse("x.json", cases[i].text, strlen(cases[i].text), &schedule, &job, &err) != RC_PERM)
            fail_msg("%s is taken", cases[i].text);
        if (!strstr(err.text, cases[i].why) || strncmp(err.text, "x.json: ", 8) != 0)
            fail_msg("%s: %s", cases[i].text, err.text);
    }
}

static void every(void **state) {
    (void)state;
    int64_t due;
    struct schedule s = parsed("{\"every\":\"PT2H\"," JOB "}");
    assert_true(schedule_next(&s, at("2026-11-23T05:00:00Z"), &due));
    assert_int_equal(due, at("2026-11-23T06:00:00Z"));
    assert_true(schedule_next(&s, due, &due));
    assert_int_equal(due, at("2026-11-23T08:00:00Z"));
    assert_true(schedule_next(&s, due - 1, &due));
    assert_int_equal(due, at("2026-11-23T08:00:00Z"));
    s = parsed("{\"every\":\"P1D\",\"start\":\"2026-11-23T05:30:00+02:00\",\"until\":\"2026-11-25T03:30:00Z\"," JOB "}");
    assert_true(schedule_next(&s, 0, &due));
    assert_int_equal(due, at("2026-11-23T03:30:00Z"));
    assert_true(schedule_next(&s, at("2026-11-24T12:00:00Z"), &due));
    assert_int_equal(due, at("2026-11-25T03:30:00Z"));
    assert_false(schedule_next(&s, due, &due));
}

static void bounds_of_cron(void **state) {
    (void)state;
    int64_t due;
    struct schedule s =
        parsed("{\"cron\":\"0 6 * * *\",\"timezone\":\"Europe/Berlin\",\"start\":\"2026-11-23T05:00:00Z\",\"until\":\"2026-11-24T05:00:00Z\"," JOB "}");
    assert_true(schedule_next(&s, 0, &due));
    assert_int_equal(due, at("2026-11-23T05:00:00Z"));
    assert_true(schedule_next(&s, due, &due));
    assert_int_equal(due, at("2026-11-24T05:00:00Z"));
    assert_false(schedule_next(&s, due, &due));
}

static void passed(void **state) {
    (void)state;
    struct schedule_passed p;
    struct schedule s = parsed("{\"cron\":\"0 6 * * *\"," JOB "}");
    assert_false(schedule_passed(&s, at("2026-11-23T06:00:00Z"), at("2026-11-24T05:59:59Z"), &p));
    assert_true(schedule_passed(&s, at("2026-11-23T06:00:00Z"), at("2026-11-24T06:00:00Z"), &p));
    assert_int_equal(p.count, 1);
    assert_int_equal(p.first_s, at("2026-11-24T06:00:00Z"));
    assert_int_equal(p.last_s, p.first_s);
    assert_true(schedule_passed(&s, at("2026-11-23T06:00:00Z"), at("2026-11-26T07:00:00Z"), &p));
    assert_int_equal(p.count, 3);
    assert_int_equal(p.last_s, at("2026-11-26T06:00:00Z"));
    /* Years of them: the last one is exact, and nobody counts them all. */
    static const char *const many[] = {"\"cron\":\"* * * * *\"",
                                       "\"cron\":\"*/7 3 * * *\"",
                                       "\"every\":\"PT7S\"",
                                       "\"every\":\"PT7S\",\"until\":\"2026-06-01T00:00:00Z\"",
                                       "\"cron\":\"0 6 * * *\",\"until\":\"2026-06-01T00:00:00Z\"",
                                       "\"cron\":\"0 0 1 1,6 *\""};
    for (size_t i = 0; i < sizeof many / sizeof many[0]; i++) {
        char text[200];
        int64_t next, now = at("2026-11-26T07:00:30Z"), from = at(i == 5 ? "1971-01-01T00:00:00Z" : "2021-01-01T00:00:00Z");
        assert_true(str_format(text, sizeof text, "{%s," JOB "}", many[i]));
        s = parsed(text);
        assert_true(schedule_passed(&s, from, now, &p));
        assert_int_equal(p.count, SCHEDULE_PASSED_MOST);
        assert_true(p.last_s <= now && schedule_next(&s, p.last_s - 1, &next));
        assert_int_equal(next, p.last_s);
        assert_true(!schedule_next(&s, p.last_s, &next) || next > now);
    }
}

static void made(const char *job, const char *created_by, const char *wanted) {
    struct buf out = BUF_INIT(4096), flat = BUF_INIT(4096);
    struct err err = {0};
    assert_int_equal(schedule_job(slice_of(job), created_by, &out), RC_OK);
    assert_int_equal(json_check(buf_text(&out), out.length, &json_rules_config, &err), RC_OK);
    assert_int_equal(json_fold_lines((struct slice){buf_text(&out), out.length - 1}, &flat), RC_OK);
    assert_string_equal(buf_text(&flat), wanted);
    buf_release(&out);
    buf_release(&flat);
}

static void the_job(void **state) {
    (void)state;
    made("{\"source\":\"x\"}", NULL, "{\"source\": \"x\",\"on_duplicate\": \"run\"}");
    made("{ \"source\" : \"x\", \"on_duplicate\":\"reject\" }", NULL, "{\"source\": \"x\",\"on_duplicate\": \"reject\"}");
    made("{\"source\":\"x\",\"mode\":\"results\"}", NULL, "{\"source\": \"x\",\"mode\": \"results\"}");
    made("{\"source\":\"x\",\"mode\":\"run\"}", NULL, "{\"source\": \"x\",\"mode\": \"run\",\"on_duplicate\": \"run\"}");
    /* Numbers as they are written, and another's name is not believed. */
    made("{\"created_by\":\"root\",\"source\":\"x\",\"max_cost\":250.10,\"criteria\":[1.500, {\"a\" : 1}]}", "o\"ps",
         "{\"source\": \"x\",\"max_cost\": 250.10,\"criteria\": [1.500, {\"a\" : 1}],\"on_duplicate\": \"run\",\"created_by\": \"o\\\"ps\"}");
    made("{}", "ops", "{\"on_duplicate\": \"run\",\"created_by\": \"ops\"}");
    struct buf small = BUF_INIT(10);
    assert_int_equal(schedule_job(slice_of("{\"source\":\"x\"}"), NULL, &small), RC_PERM);
    buf_release(&small);
}

static void enabling(void **state) {
    (void)state;
    static const struct {
        const char *text;
        bool on;
        const char *wanted;
    } cases[] = {
        {"{ \"enabled\" : true, \"job\": {\"enabled\": true}}", false, "{ \"enabled\" : false, \"job\": {\"enabled\": true}}"},
        {"{\"job\":{},\n \"enabled\":false }\n", true, "{\"job\":{},\n \"enabled\":true }\n"},
        {" {\"job\":{\"enabled\": true}}", false, " {\n  \"enabled\": false,\"job\":{\"enabled\": true}}"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct buf out = BUF_INIT(4096);
        assert_int_equal(schedule_enable(slice_of(cases[i].text), cases[i].on, &out), RC_OK);
        assert_string_equal(buf_text(&out), cases[i].wanted);
        buf_release(&out);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults), cmocka_unit_test(refused), cmocka_unit_test(every),    cmocka_unit_test(bounds_of_cron),
        cmocka_unit_test(passed),   cmocka_unit_test(the_job), cmocka_unit_test(enabling),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
