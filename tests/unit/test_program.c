// SPDX-License-Identifier: Apache-2.0
#include "source/program.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "source_fixture.h"

static struct source *program_source(void) {
    return source_of(
        "{\"steps\":[{\"name\":\"a\",\"exec\":{\"command\":[\"prog\",\"--of\",\"${job.q}\"],\"stdin\":{\"q\":\"${job.q}\",\"id\":\"${job_id}\"}}},"
        "{\"name\":\"b\",\"http\":{\"url\":\"https://api.example.com/items\"}}],\"job_members\":{\"q\":{\"type\":\"string\"}},\"max_response_bytes\":1024}");
}

static void test_told(void **state) {
    struct source *s = program_source();
    const struct source_helper *exec = &s->steps[0].ways[0].exec;
    cJSON *job = cJSON_Parse("{\"q\":\"a b\"}"), *known = cJSON_Parse("{\"job_id\":\"j1\"}");
    const struct template_scope scope = {.job = job, .known = known}, nothing = {.job = NULL};
    struct buf input = BUF_INIT(100), tight = BUF_INIT(10);
    struct err err = {0};
    char **argv;

    (void)state;
    assert_int_equal(program_arguments(exec, "/lib/prog", &scope, &argv, &err), RC_OK);
    assert_string_equal(argv[0], "/lib/prog");
    assert_string_equal(argv[1], "--of");
    assert_string_equal(argv[2], "a b");
    assert_null(argv[3]);
    program_arguments_free(argv);
    assert_int_equal(program_input(exec, &scope, &input, &err), RC_OK);
    assert_string_equal(buf_text(&input), "{\"q\":\"a b\",\"id\":\"j1\"}");
    assert_int_equal(program_input(exec, &scope, &tight, &err), RC_PERM);
    assert_int_equal(program_arguments(exec, "/lib/prog", &nothing, &argv, &err), RC_PERM);
    program_arguments_free(argv);
    buf_release(&input);
    buf_release(&tight);
    cJSON_Delete(job);
    cJSON_Delete(known);
    source_free(s);
}

static void test_judged(void **state) {
    static const struct {
        struct program_end end;
        bool good, final;
        enum source_action action;
        const char *reason, *error;
    } cases[] = {
        {{.wait_status = 0, .bytes = 1024, .words = "chatter"}, true, false, ACTION_SUCCESS, "", ""},
        {{.wait_status = 0, .bytes = 1025, .words = ""}, false, false, ACTION_FAIL, "too_large", "max_response_bytes"},
        {{.wait_status = 65 << 8, .words = "bad input"}, false, true, ACTION_FAIL, "helper_data", "prog: bad input"},
        {{.wait_status = 65 << 8, .words = "prog: bad input"}, false, true, ACTION_FAIL, "helper_data", "prog: bad input"},
        {{.wait_status = 65 << 8, .words = ""}, false, true, ACTION_FAIL, "helper_data", "exit code 65"},
        {{.wait_status = 69 << 8, .words = "no OCR"}, false, false, ACTION_FAIL, "helper_unavailable", "prog: no OCR"},
        {{.wait_status = 75 << 8, .words = ""}, false, false, ACTION_RETRY, "helper", "prog: exit code 75"},
        {{.wait_status = SIGSEGV, .words = ""}, false, false, ACTION_RETRY, "helper_killed", "signal 11"},
        {{.wait_status = SIGKILL, .timed_out = true, .words = ""}, false, false, ACTION_RETRY, "timeout", "timeout_s"},
    };
    struct source *s = program_source();

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct verdict verdict = {.action = ACTION_SUCCESS};
        bool final = true;

        assert_int_equal(program_judge(s, &s->steps[0].ways[0].exec, &cases[i].end, &verdict, &final), cases[i].good);
        assert_int_equal(final, cases[i].final);
        assert_int_equal(verdict.action, cases[i].action);
        assert_string_equal(verdict.reason, cases[i].reason);
        assert_null(strstr(verdict.error, "prog: prog:"));
        if (strstr(verdict.error, cases[i].error) == NULL) {
            fail_msg("%zu: %s", i, verdict.error);
        }
    }
    source_free(s);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_told), cmocka_unit_test(test_judged)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
