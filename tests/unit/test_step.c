// SPDX-License-Identifier: Apache-2.0
#include "source/step.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/json.h"

static const char definition[] =
    "{\"name\":\"items\",\"foreach\":[{\"name\":\"n\",\"in\":\"/ns\"}],\"job_members\":{\"e\":{\"type\":\"string\"},\"ns\":{\"type\":\"array\"}},"
    "\"steps\":[{\"name\":\"a\",\"when\":{\"/e\":\"x\"},\"exec\":{\"command\":[\"a\"]}},"
    "{\"name\":\"b\",\"exec\":{\"command\":[\"b\"]},\"fallback\":[{\"when\":{\"/"
    "e\":\"x\"},\"exec\":{\"command\":[\"b2\"]}},{\"exec\":{\"command\":[\"b3\"]}}]},"
    "{\"name\":\"c\",\"for_each\":\"${steps.b/list}\",\"exec\":{\"command\":[\"c\"],\"stdin\":[\"${part}\",\"${part/n}\",\"${steps.a}\",\"${steps.a/x}\"]}},"
    "{\"name\":\"d\",\"exec\":{\"command\":[\"d\"],\"stdin\":[\"${steps.c}\",\"${steps.c/1/v}\",\"${steps.b/gone}\"]}}],"
    "\"data_selector\":\"/r\"}";

static struct source *stepped(void) {
    struct source *source = NULL;
    struct err err = {0};

    if (source_parse("items.json", definition, strlen(definition), &source, &err) != RC_OK) {
        fail_msg("%s", err.text);
    }
    return source;
}

static void assert_at(const struct step_place *at, unsigned step, unsigned way, uint32_t part) {
    assert_int_equal(at->step, step);
    assert_int_equal(at->way, way);
    assert_int_equal(at->part, part);
}

static void test_places(void **state) {
    struct source *s = stepped();
    cJSON *x = cJSON_Parse("{\"e\":\"x\"}"), *y = cJSON_Parse("{\"e\":\"y\",\"timeout_s\":7}");
    struct step_place at;

    (void)state;
    step_enter(s, x, 0, &at);
    assert_at(&at, 0, 0, 0);
    assert_false(step_other_way(s, x, &at));
    step_next(s, x, false, &at);
    assert_at(&at, 1, 0, 0);
    assert_true(step_other_way(s, x, &at));
    assert_at(&at, 1, 1, 0);
    step_enter(s, y, 0, &at); /* no way for this job: passed over */
    assert_at(&at, 1, 0, 0);
    assert_true(step_other_way(s, y, &at));
    assert_at(&at, 1, 2, 0);
    assert_false(step_other_way(s, y, &at));
    step_next(s, y, false, &at);
    assert_at(&at, 2, 0, 1);
    step_next(s, y, false, &at);
    assert_at(&at, 2, 0, 2);
    step_next(s, y, true, &at);
    assert_at(&at, 3, 0, 0);
    assert_int_equal(step_number(s, "c"), 2);
    assert_int_equal(step_number(s, "z"), -1);
    assert_int_equal(step_timeout_s(x, 5), 5);
    assert_int_equal(step_timeout_s(y, 5), 7);
    cJSON_Delete(x);
    cJSON_Delete(y);
    source_free(s);
}

/* Answers "STEP.PART"; b has a list of two. */
struct answers {
    const char *b;
    unsigned open;
};

static enum rc open_answer(void *context, unsigned step, uint32_t part, struct slice *answer, struct err *err) {
    struct answers *answers = context;

    if (step == 0 || part > 2) {
        return err_set(err, RC_GONE, "there is none");
    }
    *answer = slice_of(step == 1 ? answers->b : part == 1 ? "{\"v\":\"one\"}" : "{\"v\":\"two\"}");
    answers->open++;
    return RC_OK;
}

static void close_answer(void *context, struct slice answer) {
    struct answers *answers = context;

    (void)answer;
    answers->open--;
}

/* What is known at a place, as JSON; "over", or the error's text. The caller frees. */
static char *known_at(const struct source *s, const char *b, unsigned step, uint32_t part) {
    static const uint16_t tries[] = {2, 1, 3};
    struct answers answers = {.b = b};
    cJSON *job = cJSON_Parse("{\"e\":\"y\"}"), *known = NULL;
    const struct step_view view = {.source = s,
                                   .job = job,
                                   .job_id = "j",
                                   .attempt = 3,
                                   .tries = tries,
                                   .at = {step, 0, part},
                                   .open = open_answer,
                                   .close = close_answer,
                                   .context = &answers};
    struct err err = {0};
    bool over = false;
    enum rc rc = step_known_new(&view, &known, &err);
    char *text;

    rc = rc == RC_OK ? step_known_fill(&view, known, &over, &err) : rc;
    text = rc != RC_OK ? strdup(err.text) : over ? strdup("over") : cJSON_PrintUnformatted(known);
    assert_int_equal(answers.open, 0);
    cJSON_Delete(known);
    cJSON_Delete(job);
    return text;
}

static void test_known(void **state) {
    static const struct {
        const char *b;
        unsigned step;
        uint32_t part;
        const char *known;
    } cases[] = {
        {"{\"list\":[{\"n\":\"1\"},{\"n\":2}]}", 2, 1,
         "{\"job_id\":\"j\",\"attempt\":3,\"part_number\":1,\"cached_at\":null,\"attempts.a\":2,\"attempts.b\":1,\"steps.b/"
         "list\":[{\"n\":\"1\"},{\"n\":2}],\"part\":{\"n\":\"1\"},\"part/"
         "n\":\"1\",\"steps.a\":null}"},
        {"{\"list\":[{\"n\":\"1\"},{\"n\":2}]}", 2, 2,
         "{\"job_id\":\"j\",\"attempt\":3,\"part_number\":2,\"cached_at\":null,\"attempts.a\":2,\"attempts.b\":1,\"steps.b/"
         "list\":[{\"n\":\"1\"},{\"n\":2}],\"part\":{\"n\":2},\"part/"
         "n\":2,\"steps.a\":null}"},
        {"{\"list\":[{\"n\":\"1\"},{\"n\":2}]}", 2, 3, "over"},
        {"{\"list\":[]}", 2, 1, "over"},
        {"{\"list\":null}", 2, 1, "over"},
        {"{}", 2, 1, "over"},
        {"{\"list\":{\"n\":1}}", 2, 1, "for_each: what ${steps.b/list} names is no array"},
        {"{}", 3, 0,
         "{\"job_id\":\"j\",\"attempt\":3,\"cached_at\":null,\"attempts.a\":2,\"attempts.b\":1,\"attempts.c\":3,\"steps.c\":[{\"v\":\"one\"},{\"v\":\"two\"}],"
         "\"steps.c/1/v\":\"two\"}"},
        {"{}", 0, 0, "no way of step a is for this job: see its `when`"},
    };
    struct source *s = stepped();

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char *text = known_at(s, cases[i].b, cases[i].step, cases[i].part);

        assert_string_equal(text, cases[i].known);
        free(text);
    }
    source_free(s);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_places), cmocka_unit_test(test_known)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
