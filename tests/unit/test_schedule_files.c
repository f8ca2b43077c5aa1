// SPDX-License-Identifier: Apache-2.0
#include "spool_scratch.h"

#include "engine/schedule_files.h"
#include "source_fixture.h"

#include <errno.h>

#define GOOD "{\"every\":\"PT1H\",\"job\":{\"source\":\"items\",\"created_by\":\"ada\"}}"

static struct sources *sources_of(const struct bench *b) {
    char dir[400];
    struct err err = {0};
    struct sources *sources;
    char *text = definition("{}");
    snprintf(dir, sizeof dir, "%s/sources", b->scratch->path);
    assert_int_equal(mkdir(dir, 0770), 0);
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bench_put(fd, "items.json", text);
    close(fd);
    free(text);
    assert_int_equal(sources_new(dir, NULL, &sources, &err), RC_OK);
    return sources;
}

typedef enum rc put(const struct spool *spool, struct sources *sources, const char *name, const char *shown, const char *text, size_t length,
                    struct schedule_file *file, struct err *err);

static enum rc put_text(struct bench *b, struct sources *sources, put *fn, const char *text, struct check_fault *fault) {
    struct schedule_file file;
    enum rc rc = fn(b->spool, sources, "hourly", "the body", text, strlen(text), &file, &b->err);
    const int kept = errno;
    if (fault)
        *fault = file.fault;
    schedule_file_release(&file);
    errno = kept;
    return rc;
}

static const char *state(struct bench *b, struct sources *sources, char out[32]) {
    struct schedule_seen seen;
    if (schedule_files_see(b->spool, sources, "hourly", &seen) == RC_GONE)
        str_copy(out, 32, "none");
    else
        snprintf(out, 32, "%.8s %.16s", schedule_files_state(&seen), seen.file.schedule.when);
    schedule_file_release(&seen.file);
    return out;
}

static void a_life(void **unused) {
    struct bench *b = *unused;
    struct sources *sources = sources_of(b);
    struct schedule_seen seen;
    char text[32], id[JOBID_SIZE];
    assert_string_equal(state(b, sources, text), "none");
    assert_int_equal(put_text(b, sources, schedule_files_replace, GOOD, NULL), RC_GONE);
    assert_int_equal(put_text(b, sources, schedule_files_add, GOOD, NULL), RC_OK);
    assert_string_equal(state(b, sources, text), "on PT1H");
    assert_int_equal(put_text(b, sources, schedule_files_add, GOOD, NULL), RC_PERM);
    assert_int_equal(errno, EEXIST);
    assert_int_equal(put_text(b, sources, schedule_files_replace, "{\"every\":\"PT2H\",\"job\":{\"source\":\"items\"}}", NULL), RC_OK);
    assert_string_equal(state(b, sources, text), "on PT2H");
    assert_int_equal(schedule_files_enable(b->spool, sources, "hourly", false, &b->err), RC_OK);
    assert_int_equal(put_text(b, sources, schedule_files_add, GOOD, NULL), RC_PERM);
    assert_int_equal(errno, EEXIST);
    assert_int_equal(put_text(b, sources, schedule_files_replace, GOOD, NULL), RC_OK);
    assert_string_equal(state(b, sources, text), "off PT1H"); /* it stays switched off */
    assert_int_equal(schedule_files_enable(b->spool, sources, "hourly", true, &b->err), RC_OK);
    assert_string_equal(state(b, sources, text), "on PT1H");
    assert_int_equal(schedule_files_see(b->spool, sources, "hourly", &seen), RC_OK);
    assert_int_equal(schedule_files_run(b->spool, &seen, NULL, id, &b->err), RC_OK);
    schedule_file_release(&seen.file);
    assert_int_equal(bench_place(b, id), PLACE_PENDING);
    assert_int_equal(schedule_files_remove(b->spool, "hourly", &b->err), RC_OK);
    assert_int_equal(schedule_files_remove(b->spool, "hourly", &b->err), RC_GONE);
    assert_string_equal(state(b, sources, text), "none");
    sources_free(sources);
}

static void what_is_wrong_has_its_pointer(void **unused) {
    struct bench *b = *unused;
    static const struct {
        const char *text, *pointer, *detail;
    } bad[] = {
        {"{\"job\":{\"source\":\"items\"}}", "", "needs \"cron\" or \"every\""},
        {"{\"every\":\"PT1H\"}", "/job", "needs a \"job\""},
        {"{\"every\":\"1h\",\"job\":{\"source\":\"items\"}}", "/every", "must be"},
        {"{\"every\":\"PT1H\",\"job\":{\"source\":\"itens\"}}", "/job/source", "items"},
        {"{\"every\":\"PT1H\",\"job\":{}}", "/job/source", "needs a source"},
        {"{\"every\":\"PT1H\",\"job\":{\"source\":\"items\",\"take\":0}}", "/job/take", "must be a whole number"},
    };
    struct sources *sources = sources_of(b);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct check_fault fault;
        assert_int_equal(put_text(b, sources, schedule_files_add, bad[i].text, &fault), RC_PERM);
        assert_int_equal(errno, 0);
        if (strcmp(fault.pointer, bad[i].pointer) != 0 || !strstr(fault.detail, bad[i].detail))
            fail_msg("%s\n  \"%s\": %s", bad[i].text, fault.pointer, fault.detail);
    }
    sources_free(sources);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        BENCH_TEST(a_life),
        BENCH_TEST(what_is_wrong_has_its_pointer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
