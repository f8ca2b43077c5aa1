// SPDX-License-Identifier: Apache-2.0
#include "spool/pause.h"

#include "os/fsio.h"
#include "spool_scratch.h"

static void put(const struct bench *b, const char *name, const char *text) {
    bench_put(b->spool->paused_fd, name, text);
}

static void test_names(void **state) {
    static const char *const known[] = {"queue", "source.items", "rate.items", "source.a_b-c"};
    static const char *const foreign[] = {"", "queue2", "source", "source.", "source.a.b", "source.a/b", "rates.items", ".source.items.7", "rate."};
    char name[PAUSE_NAME_SIZE];
    const char *source;
    (void)state;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        assert_true(pause_known(known[i], NULL));
    for (size_t i = 0; i < sizeof foreign / sizeof *foreign; i++)
        assert_false(pause_known(foreign[i], &source));
    assert_true(pause_known("rate.items", &source));
    assert_string_equal(source, "items");
    assert_true(pause_name(PAUSE_SOURCE, "items", name));
    assert_string_equal(name, "source.items");
    assert_false(pause_name(PAUSE_SOURCE, "../items", name));
}

static void test_what_a_file_says(void **state) {
    struct bench *b = *state;
    struct pause pause;
    char me[65], text[400];
    pause_user(geteuid(), me);
    assert_int_equal(pause_read(b->spool, "queue", &pause, &b->err), RC_GONE);
    put(b, "queue", "");
    assert_int_equal(pause_read(b->spool, "queue", &pause, &b->err), RC_OK);
    assert_string_equal(pause.by, me);
    assert_string_equal(pause.reason, "");
    assert_string_equal(pause.wrong, "");
    assert_int_equal(pause.until_us, 0);
    assert_true(clock_wall_us() - pause.since_us < 60 * 1000000LL);
    put(b, "queue", "\n ask Ann \x1b[31m\nor Bob\n");
    assert_int_equal(pause_read(b->spool, "queue", &pause, &b->err), RC_OK);
    assert_string_equal(pause.reason, "ask Ann \\x1b[31m");
    put(b, "queue", "{\"by\": \"ops\", \"since\": \"2026-11-23T17:05:01Z\", \"until\": \"2026-11-24T07:00:00+01:00\", \"reason\": \"dispute\"}");
    assert_int_equal(pause_read(b->spool, "queue", &pause, &b->err), RC_OK);
    pause_text(&pause, text, sizeof text);
    assert_string_equal(text, "by ops since 2026-11-23T17:05:01Z until 2026-11-24T06:00:00Z: dispute");
    assert_string_equal(pause.wrong, "");
}

/* It pauses, and says what is wrong. */
static void test_files_that_do_not_check(void **state) {
    static const char *const cases[][2] = {
        {"{\"until\": \"soon\"}", "until must be a time"},
        {"{\"until\": 5}", "until must be a time"},
        {"{\"untli\": \"2026-11-24T06:00:00Z\"}", "did you mean \"until\""},
        {"{\"until\": ", "line 1 column"},
        {"{\"a\": 1, \"a\": 2}", "line 1 column"},
    };
    struct bench *b = *state;
    struct pause pause;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        put(b, "source.items", cases[i][0]);
        assert_int_equal(pause_read(b->spool, "source.items", &pause, &b->err), RC_OK);
        if (!strstr(pause.wrong, cases[i][1]))
            fail_msg("\"%s\" lacks \"%s\"", pause.wrong, cases[i][1]);
        assert_true(pause_holds(b->spool, "items", &pause, NULL));
    }
    assert_int_equal(fsio_unlink(b->spool->paused_fd, "source.items", NULL), RC_OK);
    assert_int_equal(symlinkat("/etc/passwd", b->spool->paused_fd, "source.items"), 0);
    assert_int_equal(pause_read(b->spool, "source.items", &pause, &b->err), RC_PERM);
    assert_true(pause_holds(b->spool, "items", &pause, NULL));
    assert_string_equal(pause.reason, ""); /* what the link leads to is not read */
}

static bool count_one(void *context, const char *name) {
    *(unsigned *)context += pause_known(name, NULL);
    return true;
}

static void test_holds(void **state) {
    struct bench *b = *state;
    struct pause pause;
    const char *name;
    unsigned count = 0;
    cJSON *members = cJSON_Parse("{\"reason\": \"x\"}"), *over = cJSON_Parse("{\"until\": \"2001-01-01T00:00:00Z\"}");
    assert_false(pause_holds(b->spool, "items", &pause, &name));
    assert_int_equal(pause_write(b->spool, "source.items", members, &b->err), RC_OK);
    assert_true(pause_holds(b->spool, "items", &pause, &name));
    assert_string_equal(name, "items");
    assert_false(pause_holds(b->spool, "other", &pause, NULL));
    assert_false(pause_holds(b->spool, NULL, &pause, NULL));
    assert_int_equal(pause_write(b->spool, PAUSE_QUEUE, members, &b->err), RC_OK);
    assert_true(pause_holds(b->spool, "other", &pause, &name));
    assert_string_equal(name, "the queue");
    assert_int_equal(pause_remove(b->spool, PAUSE_QUEUE, &b->err), RC_OK);
    assert_int_equal(pause_remove(b->spool, PAUSE_QUEUE, &b->err), RC_GONE);
    assert_int_equal(pause_write(b->spool, "source.items", over, &b->err), RC_OK);
    assert_false(pause_holds(b->spool, "items", &pause, NULL)); /* its time is over */
    put(b, "rate.items", "{}");
    put(b, "foreign", "");
    assert_int_equal(pause_each(b->spool, count_one, &count, &b->err), RC_OK);
    assert_int_equal(count, 2);
    cJSON_Delete(members);
    cJSON_Delete(over);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test_setup_teardown(test_what_a_file_says, bench_setup, bench_teardown),
        cmocka_unit_test_setup_teardown(test_files_that_do_not_check, bench_setup, bench_teardown),
        cmocka_unit_test_setup_teardown(test_holds, bench_setup, bench_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
