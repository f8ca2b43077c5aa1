// SPDX-License-Identifier: Apache-2.0
#include "api/webaudit.h"

#include "base/json.h"
#include "spool_scratch.h"

struct seen {
    unsigned count, stop_after;
    char last[4096];
};

static bool see(void *context, struct slice line) {
    struct seen *s = context;
    s->count++;
    snprintf(s->last, sizeof s->last, "%.*s", (int)line.length, line.data);
    return s->count != s->stop_after;
}

static unsigned count(struct bench *b, struct seen *s) {
    s->count = 0;
    assert_int_equal(webaudit_each(b->spool, see, s, &b->err), RC_OK);
    return s->count;
}

static void test_lines(void **state) {
    struct bench *b = *state;
    struct seen s = {0};
    struct stat st;
    char longest[2000];
    assert_int_equal(count(b, &s), 0);
    memset(longest, 'x', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    const struct webaudit entry = {
        .by = "ops\n{\"by\":\"root\"}", .client = "192.0.2.7", .act = "login", .target = "\x1b[31m\xe2\x80\xae\xff", .outcome = longest};
    assert_int_equal(webaudit_add(b->spool, &entry, &b->err), RC_OK);
    assert_int_equal(webaudit_add(b->spool, &(struct webaudit){.act = "logout"}, &b->err), RC_OK);
    s.stop_after = 1;
    assert_int_equal(count(b, &s), 1);
    cJSON *json = cJSON_Parse(s.last);
    assert_non_null(json);
    assert_string_equal(cJSON_GetObjectItem(json, "by")->valuestring, "ops\\x0a{\"by\":\"root\"}");
    assert_string_equal(cJSON_GetObjectItem(json, "target")->valuestring, "\\x1b[31m\\u202e\\xff");
    assert_true(strlen(cJSON_GetObjectItem(json, "outcome")->valuestring) < WEBAUDIT_FIELD);
    assert_true(str_ends(cJSON_GetObjectItem(json, "outcome")->valuestring, "..."));
    cJSON_Delete(json);
    s.stop_after = 0;
    assert_int_equal(count(b, &s), 2);
    assert_non_null(strstr(s.last, "\"by\":\"\",\"client\":\"\",\"act\":\"logout\""));
    assert_int_equal(fstatat(b->spool->web_fd, WEBAUDIT_FILE, &st, 0), 0);
    assert_int_equal(st.st_mode & 07777, 0660);
}

static void test_torn(void **state) {
    struct bench *b = *state;
    struct seen s = {0};
    assert_int_equal(webaudit_add(b->spool, &(struct webaudit){.act = "one"}, &b->err), RC_OK);
    int fd = openat(b->spool->web_fd, WEBAUDIT_FILE, O_WRONLY | O_APPEND);
    assert_int_equal(write(fd, "{\"ts\":\"20", 9), 9);
    close(fd);
    assert_int_equal(count(b, &s), 1);
    assert_int_equal(webaudit_add(b->spool, &(struct webaudit){.act = "two"}, &b->err), RC_OK);
    assert_int_equal(count(b, &s), 2);
    assert_non_null(strstr(s.last, "\"act\":\"two\""));
}

static void test_rotation(void **state) {
    struct bench *b = *state;
    struct seen s = {0};
    char act[32], name[64];
    for (unsigned i = 0; i < WEBAUDIT_FILES + 3; i++) {
        snprintf(act, sizeof act, "act %u", i);
        assert_int_equal(webaudit_add(b->spool, &(struct webaudit){.act = act}, &b->err), RC_OK);
        int fd = openat(b->spool->web_fd, WEBAUDIT_FILE, O_WRONLY);
        assert_int_equal(ftruncate(fd, WEBAUDIT_BYTES), 0); /* full: of holes, which are no lines */
        close(fd);
    }
    assert_int_equal(count(b, &s), WEBAUDIT_FILES);
    assert_non_null(strstr(s.last, act));
    snprintf(name, sizeof name, WEBAUDIT_FILE ".%u", WEBAUDIT_FILES - 1);
    assert_true(bench_has(b->spool->web_fd, name));
    snprintf(name, sizeof name, WEBAUDIT_FILE ".%u", WEBAUDIT_FILES);
    assert_false(bench_has(b->spool->web_fd, name));
    s.stop_after = 1;
    assert_int_equal(count(b, &s), 1);
    assert_non_null(strstr(s.last, "act 3")); /* 0 to 2 went */
}

/* Writers beside each other, while it rotates: each line once and whole. */
static void test_beside_each_other(void **state) {
    struct bench *b = *state;
    struct seen s = {0};
    pid_t pids[4];
    bench_put(b->spool->web_fd, WEBAUDIT_FILE, "");
    int fd = openat(b->spool->web_fd, WEBAUDIT_FILE, O_WRONLY);
    assert_int_equal(ftruncate(fd, WEBAUDIT_BYTES - 2000), 0);
    close(fd);
    for (size_t i = 0; i < 4; i++) {
        pids[i] = fork();
        assert_true(pids[i] >= 0);
        if (pids[i] == 0) {
            for (unsigned n = 0; n < 50; n++)
                if (webaudit_add(b->spool, &(struct webaudit){.act = "many", .target = "x"}, NULL))
                    _exit(1);
            _exit(0);
        }
    }
    for (size_t i = 0; i < 4; i++) {
        int status;
        assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
        assert_int_equal(status, 0);
    }
    assert_true(bench_has(b->spool->web_fd, WEBAUDIT_FILE ".1"));
    assert_false(bench_has(b->spool->web_fd, WEBAUDIT_FILE ".2"));
    assert_int_equal(count(b, &s), 200);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        BENCH_TEST(test_lines),
        BENCH_TEST(test_torn),
        BENCH_TEST(test_rotation),
        BENCH_TEST(test_beside_each_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
