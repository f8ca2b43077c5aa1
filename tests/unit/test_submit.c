// SPDX-License-Identifier: Apache-2.0
#include "spool_scratch.h"

#include "engine/submit.h"
#include "source_fixture.h"
#include "spool/drop.h"

#define PATCH                                                                                                                                                  \
    "{\"steps\":[{\"http\":{\"method\":\"POST\",\"url\":\"https://api.example.com/items\",\"json\":{\"c\":\"${job.criteria}\",\"q\":\"${job.q}\"}}}],"         \
    "\"job_members\":{\"q\":{\"type\":\"string\",\"required\":true},\"deep\":{\"type\":\"object\"}}}"

static struct sources *sources_of(const struct bench *b) {
    char dir[400];
    struct err err = {0};
    struct sources *sources;
    char *text = definition(PATCH);
    snprintf(dir, sizeof dir, "%s/sources", b->scratch->path);
    assert_int_equal(mkdir(dir, 0770), 0);
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bench_put(fd, "items.json", text);
    bench_put(fd, "broken.json", "{\"name\":\"broken\"}");
    close(fd);
    free(text);
    assert_int_equal(sources_new(dir, NULL, &sources, &err), RC_OK);
    return sources;
}

static void what_is_wrong_has_its_pointer(void **state) {
    struct bench *b = *state;
    static const struct {
        const char *text, *pointer, *detail;
    } bad[] = {
        {"{\"source\":\"items\",\"q\":\"x\",\"criteria\":[]} x", "", "line 1 column 42"},
        {"{\"source\":\"items\",\"q\":\"x\",\"q\":\"y\"}", "", "line 1"},
        {"[]", "", "must be an object"},
        {"{\"q\":\"x\"}", "/source", "needs a source"},
        {"{\"sorce\":\"items\"}", "/sorce", "did you mean \"source\""},
        {"{\"source\":7}", "/source", "must be 1 to 64"},
        {"{\"source\":\"item\"}", "/source", "items"},
        {"{\"source\":\"broken\"}", "/source", "broken.json"},
        {"{\"source\":\"items\",\"mode\":\"walk\"}", "/mode", "must be one of"},
        {"{\"source\":\"items\",\"criteria\":[]}", "/q", "needs the member \"q\""},
        {"{\"source\":\"items\",\"q\":\"x\"}", "/criteria", "needs the member \"criteria\""},
        {"{\"source\":\"items\",\"q\":\"x\",\"criteria\":\"y\"}", "/criteria", "must be a list or an object"},
        {"{\"source\":\"items\",\"q\":\"x\",\"criteria\":[],\"take\":0}", "/take", "must be a whole number from 1 on"},
        {"{\"source\":\"items\",\"q\":\"x\",\"criteria\":[],\"priorty\":\"low\"}", "/priorty", "did you mean \"priority\""},
        {"{\"source\":\"items\",\"q\":\"x\",\"criteria\":[],\"notify\":[\"mailto:a@b\",\"x\"]}", "/notify/1", "must be \"mailto:"},
        {"{\"source\":\"items\",\"q\":\"x\",\"criteria\":[],\"a/b\":1}", "/a~1b", "unknown member"},
    };
    struct sources *sources = sources_of(b);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct submit submit;
        struct check_fault fault;
        assert_int_equal(submit_check(sources, "the body", bad[i].text, strlen(bad[i].text), &submit, &fault, &b->err), RC_PERM);
        submit_release(&submit);
        if (strcmp(fault.pointer, bad[i].pointer) != 0 || !strstr(fault.detail, bad[i].detail))
            fail_msg("%s\n  \"%s\": %s", bad[i].text, fault.pointer, fault.detail);
        assert_true(str_starts(b->err.text, "the body: "));
        assert_false(str_starts(fault.detail, "the body"));
    }
    sources_free(sources);
}

static void a_good_job_is_dropped(void **state) {
    struct bench *b = *state;
    static const char text[] = "{\"source\":\"items\",\"q\":\"x\",\"criteria\":[1]}";
    struct sources *sources = sources_of(b);
    struct submit submit;
    char id[JOBID_SIZE], other[JOBID_SIZE];
    assert_int_equal(submit_check(sources, "the body", text, strlen(text), &submit, NULL, &b->err), RC_OK);
    assert_string_equal(submit.source, "items");
    assert_string_equal(submit.mode, "run");
    assert_string_equal(submit.definition->name, "items");
    submit_release(&submit);
    assert_int_equal(submit_drop(b->spool, "Absentee owners.json", text, strlen(text), id, &b->err), RC_OK);
    assert_non_null(strstr(id, "-absentee-owners"));
    assert_int_equal(bench_place(b, id), PLACE_PENDING);
    assert_int_equal(submit_drop(b->spool, "Absentee owners.json", text, strlen(text), other, &b->err), RC_OK);
    assert_string_not_equal(id, other);
    sources_free(sources);
}

static void a_given_id_is_dropped_once(void **state) {
    struct bench *b = *state;
    static const char text[] = JOB_TEXT;
    bench_put(b->spool->jobs_tmp_fd, ID_A ".json", "cut off"); /* by a crash */
    assert_int_equal(submit_drop_as(b->spool, ID_A, text, strlen(text), &b->err), RC_OK);
    assert_int_equal(bench_place(b, ID_A), PLACE_PENDING);
    struct stat st;
    assert_int_equal(fstatat(b->spool->place_fd[PLACE_PENDING], ID_A ".json", &st, 0), 0);
    assert_int_equal(st.st_size, strlen(text));
    assert_int_equal(submit_drop_as(b->spool, ID_A, text, strlen(text), &b->err), RC_OK);
    bench_mv(b, ID_A, PLACE_PENDING, PLACE_HOLD);
    assert_int_equal(submit_drop_as(b->spool, ID_A, text, strlen(text), &b->err), RC_OK);
    assert_int_equal(bench_place(b, ID_A), PLACE_HOLD);
    bench_job(b, ID_B);
    assert_int_equal(unlinkat(b->spool->place_fd[PLACE_PENDING], ID_B ".json", 0), 0); /* a journal alone */
    assert_int_equal(submit_drop_as(b->spool, ID_B, text, strlen(text), &b->err), RC_OK);
    assert_int_equal(bench_place(b, ID_B), PLACE_NONE);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        BENCH_TEST(what_is_wrong_has_its_pointer),
        BENCH_TEST(a_good_job_is_dropped),
        BENCH_TEST(a_given_id_is_dropped_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
