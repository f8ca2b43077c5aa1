// SPDX-License-Identifier: Apache-2.0
#include "source/rehearse.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/json.h"

/* Two units: `get` asks, `part` is done for each of a list by a program or its fallback, `made` makes records of both. */
#define DEFINITION(more)                                                                                                                                       \
    "{\"name\":\"items\",\"foreach\":[{\"name\":\"n\",\"in\":\"/ns\"}],\"job_members\":{\"ns\":{\"type\":\"array\"}},"                                         \
    "\"steps\":[{\"name\":\"get\",\"http\":{\"url\":\"https://h.example/${item.n}\",\"headers\":{\"Key\":\"${secret:k}\"}}},"                                  \
    "{\"name\":\"part\",\"for_each\":\"${steps.get/l}\",\"exec\":{\"command\":[\"p\",\"${part}\"]},\"fallback\":[{\"exec\":{\"command\":[\"q\"]}}]},"          \
    "{\"name\":\"made\",\"exec\":{\"command\":[\"m\"],\"stdin\":\"${steps.part}\"}}],"                                                                         \
    "\"data_selector\":\"/r\"" more "}"
#define HEAD "{\"cassette\":2,\"source\":\"items\",\"job_id\":\"j\",\"job\":{}}\n"
#define GET(n, rest)                                                                                                                                           \
    "{\"batch\":" #n ",\"step\":\"get\",\"request\":{\"headers\":[\"Key: ${secret:k}\"],\"method\":\"GET\",\"url\":\"https://h.example/" #n "\"}," rest "}\n"
#define GOOD "\"status\":200,\"headers\":{},\"body\":\"{\\\"l\\\":[1]}\""
#define LINE(n, step, rest) "{\"batch\":" #n ",\"step\":\"" step "\",\"request\":{}," rest "}\n"
#define BODY(text) "\"status\":200,\"headers\":{},\"body\":\"" text "\""
#define REST                                                                                                                                                   \
    LINE(1, "part", "\"part\":1,\"end\":\"other_way\",\"reason\":\"helper\",\"status\":0,\"headers\":{}")                                                      \
    LINE(1, "part", "\"part\":1,\"way\":1," BODY("{\\\"v\\\":1}")) LINE(1, "made", BODY("{\\\"r\\\":[1,2]}"))

struct run {
    struct rehearse rehearse;
    struct rehearsed unit;
    char differences[4000], asked[400];
    enum rehearse_ran ran; /* of each program */
};

static void differ(void *context, const char *kind, const char *text) {
    (void)kind;
    struct run *run = context;

    strncat(run->differences, text, sizeof(run->differences) - strlen(run->differences) - 1);
    strncat(run->differences, "\n", 2);
}

static enum rehearse_ran run_program(void *context, struct rehearse_program *program) {
    struct run *run = context;
    const char *name = program->exec->command->child->valuestring;

    strncat(run->asked, name, 10);
    if (run->ran == REHEARSE_FAILED) {
        program_failed(program->exec, ACTION_FAIL, "helper", "no", program->failed);
    } else if (run->ran == REHEARSE_DID) {
        assert_int_equal(buf_add_text(program->answer, *name == 'm' ? "{\"r\":[1, 3]}" : "{\"v\":1}"), RC_OK);
    }
    return run->ran;
}

/* What becomes of a unit; what differs, and what was run, are in *run. */
static void walk(const char *definition, const char *cassette, uint32_t unit, int ran, struct run *run) {
    cJSON *job = cJSON_Parse("{\"ns\":[1,2]}");
    const struct page page = {.batch = unit, .limit = 1};
    struct source *source;
    struct cassette *c;
    struct units *units;
    struct err err = {0};

    memset(run, 0, sizeof(*run));
    if (source_parse("items.json", definition, strlen(definition), &source, &err) != RC_OK || cassette_read(cassette, strlen(cassette), &c, &err) != RC_OK ||
        units_new(source, job, UINT64_MAX, &units, &err) != RC_OK) {
        fail_msg("%s", err.text);
    }
    run->ran = ran < 0 ? REHEARSE_NOT_RUN : (enum rehearse_ran)ran;
    run->rehearse =
        (struct rehearse){.source = source, .job = job, .cassette = c, .units = units, .run = ran < 0 ? NULL : run_program, .differ = differ, .context = run};
    assert_int_equal(rehearse_unit(&run->rehearse, &page, &run->unit, &err), RC_OK);
    run->unit.facts.records = run->unit.state == REHEARSED_DONE ? json_count(run->unit.records) : 0;
    rehearsed_release(&run->unit);
    cassette_free(c);
    units_free(units);
    source_free(source);
    cJSON_Delete(job);
}

static void test_recorded(void **state) {
    struct run run;

    (void)state;
    walk(DEFINITION(""), HEAD GET(1, GOOD) REST, 1, -1, &run);
    assert_int_equal(run.unit.state, REHEARSED_DONE);
    assert_int_equal(run.unit.facts.records, 2);
    assert_int_equal(run.rehearse.taken, 3); /* the first way of `part` was no answer, but it was taken */
    assert_string_equal(run.differences, "");
}

static void test_run(void **state) {
    struct run run;

    (void)state;
    walk(DEFINITION(""), HEAD GET(1, GOOD) REST, 1, REHEARSE_DID, &run);
    assert_int_equal(run.unit.state, REHEARSED_DONE);
    assert_string_equal(run.asked, "pm");
    assert_string_equal(run.differences, "unit 1 step part part 1 passes; recorded: helper\n"
                                         "unit 1 step made answers something else at \"/r/1\": 3, recorded: 2\n");
    walk(DEFINITION(""), HEAD GET(1, GOOD) REST, 1, REHEARSE_FAILED, &run);
    assert_int_equal(run.unit.state, REHEARSED_FAILED);
    assert_string_equal(run.asked, "pq");
    assert_string_equal(run.unit.reason, "helper");
    assert_string_equal(run.differences, "unit 1 step part part 1, fallback 1 does not pass: helper: q: no\n");
}

static void test_missing(void **state) {
    struct run run;

    (void)state;
    walk(DEFINITION(""), HEAD GET(1, GOOD) REST, 2, -1, &run);
    assert_int_equal(run.unit.state, REHEARSED_UNKNOWN);
    assert_string_equal(run.unit.reason, "not_recorded");
    assert_string_equal(run.differences,
                        "unit 2 step get is not recorded; the nearest is unit 1 step get: url: \"https://h.example/2\", recorded: \"https://h.example/1\"\n");
    walk(DEFINITION(""), HEAD GET(1, GOOD), 1, -1, &run);
    assert_int_equal(run.unit.state, REHEARSED_UNKNOWN);
    assert_string_equal(run.differences, "unit 1 step part part 1 is not recorded, and its program is not run\n");
    walk(DEFINITION(""), HEAD, 1, -1, &run);
    assert_string_equal(run.differences, "unit 1 step get is not recorded: the cassette is empty\n");
}

/* Filters decide anew; errors that had no answer stand. */
static void test_failed(void **state) {
#define REFUSED "\"end\":\"failed\",\"reason\":\"status_400\",\"status\":400,\"headers\":{},\"body\":\"{\\\"error\\\":\\\"no such page\\\"}\""
#define FILTER(action) ",\"error_handler\":{\"response_filters\":[{\"http_codes\":[400],\"action\":\"" action "\"}]}"
    struct run run;

    (void)state;
    walk(DEFINITION(""), HEAD GET(1, REFUSED), 1, -1, &run);
    assert_int_equal(run.unit.state, REHEARSED_FAILED);
    assert_string_equal(run.unit.error, "no such page");
    assert_int_equal(run.unit.action, ACTION_FAIL);
    assert_string_equal(run.differences, "");
    walk(DEFINITION(FILTER("HOLD")), HEAD GET(1, REFUSED), 1, -1, &run);
    assert_int_equal(run.unit.action, ACTION_HOLD);
    walk(DEFINITION(FILTER("IGNORE")), HEAD GET(1, REFUSED), 1, -1, &run);
    assert_string_equal(run.differences, "unit 1 step get fails with ignored; recorded: status_400\n");
    walk(DEFINITION(FILTER("SUCCESS")), HEAD GET(1, REFUSED), 1, -1, &run);
    assert_non_null(strstr(run.differences, "unit 1 step get passes; recorded: status_400"));
    walk(DEFINITION(""), HEAD GET(1, "\"end\":\"failed\",\"reason\":\"not_sent\",\"error\":\"no such host\",\"status\":0,\"headers\":{}"), 1, -1, &run);
    assert_int_equal(run.unit.state, REHEARSED_FAILED);
    assert_string_equal(run.unit.error, "no such host");
    assert_string_equal(run.differences, "");
    walk(DEFINITION(""), HEAD GET(1, "\"end\":\"in_doubt\",\"reason\":\"no_answer\",\"status\":0,\"headers\":{}"), 1, -1, &run);
    assert_int_equal(run.unit.state, REHEARSED_IN_DOUBT);
    assert_string_equal(run.differences, "");
    walk(DEFINITION(""), HEAD GET(1, BODY("[1,")), 1, -1, &run);
    assert_non_null(strstr(run.differences, "unit 1 step get does not pass: invalid_json"));
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_recorded), cmocka_unit_test(test_run), cmocka_unit_test(test_missing),
                                       cmocka_unit_test(test_failed)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
