// SPDX-License-Identifier: Apache-2.0
#include "api/users.h"

#include "os/fsio.h"
#include "spool_scratch.h"

#include <time.h>

#define GOOD "correct horse battery"
#define OTHER "staple battery horse"

static void add(struct bench *b, const char *name, enum role role) {
    assert_int_equal(users_add(b->spool, name, GOOD, role, &b->err), RC_OK);
}

static void read_users(const struct bench *b, char *out, size_t size) {
    int fd = openat(b->spool->web_fd, USERS_FILE, O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    ssize_t length = read(fd, out, size - 1);
    assert_true(length > 0);
    out[length] = '\0';
    close(fd);
}

static void test_names(void **state) {
    static const char *const good[] = {"a", "ops", "Ann.Example@example.com", "_x", "7", "a-b_c.d@e"};
    static const char *const bad[] = {"",     ".",   "..", ".hidden",  "-x",   "a b", "a/b",
                                      "a\nb", "a~b", "@x", "\xc3\xa9", "a\"b", "a,b", "0123456789012345678901234567890123456789012345678901234567890123x"};
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        assert_true(users_name_valid(good[i]));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (users_name_valid(bad[i]))
            fail_msg("\"%s\" is taken", bad[i]);
}

static void test_passwords(void **state) {
    char longest[USERS_PASSWORD_MOST + 2];
    struct err err = {0};
    (void)state;
    memset(longest, 'x', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    assert_int_equal(users_password_check("ops", longest, &err), RC_PERM);
    longest[USERS_PASSWORD_MOST] = '\0';
    assert_int_equal(users_password_check("ops", longest, &err), RC_OK);
    assert_int_equal(users_password_check("ops", "elevenchars", &err), RC_PERM);
    assert_int_equal(users_password_check("ops", "twelve chars", &err), RC_OK);
    assert_int_equal(users_password_check("ops", "\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9", &err), RC_PERM); /* 12 bytes, 6 characters */
    assert_int_equal(users_password_check("ops", "not \xff utf-8 at all", &err), RC_PERM);
    assert_int_equal(users_password_check("ops", "with a\nline feed", &err), RC_PERM);
    assert_int_equal(users_password_check("ann@example.com", "ANN@example.com", &err), RC_PERM);
}

static void test_add_and_verify(void **state) {
    struct bench *b = *state;
    struct user user;
    char text[4096];
    struct stat st;
    assert_int_equal(users_verify(b->spool, "ops", GOOD, &user, &b->err), RC_PERM); /* no file yet */
    add(b, "ops", ROLE_OPERATOR);
    assert_int_equal(users_add(b->spool, "ops", GOOD, ROLE_ADMIN, &b->err), RC_AGAIN);
    assert_int_equal(users_add(b->spool, "../x", GOOD, ROLE_ADMIN, &b->err), RC_PERM);
    assert_int_equal(users_add(b->spool, "ann", GOOD, ROLE_NONE, &b->err), RC_PERM);
    assert_int_equal(users_add(b->spool, "ann", "short", ROLE_ADMIN, &b->err), RC_PERM);
    assert_int_equal(users_verify(b->spool, "ops", GOOD, &user, &b->err), RC_OK);
    assert_string_equal(user.name, "ops");
    assert_int_equal(user.role, ROLE_OPERATOR);
    assert_false(user.disabled);
    assert_true(user.created_us > 0 && user.updated_us >= user.created_us);
    assert_int_equal(users_verify(b->spool, "ops", GOOD "x", &user, &b->err), RC_PERM);
    assert_int_equal(users_verify(b->spool, "nobody", GOOD, &user, &b->err), RC_PERM);
    assert_string_equal(b->err.text, "user name or password is wrong");
    assert_int_equal(fstatat(b->spool->web_fd, USERS_FILE, &st, 0), 0);
    assert_int_equal(st.st_mode & 07777, 0660);
    read_users(b, text, sizeof text);
    assert_null(strstr(text, GOOD));
    assert_non_null(strstr(text, "$argon2id$v=19$m=65536,t=2,p=1$")); /* the limits of NOBODYS_HASH */
}

static int64_t took_us(const struct bench *b, const char *name) {
    struct timespec from, to;
    struct user user;
    int64_t least = INT64_MAX;
    for (unsigned i = 0; i < 3; i++) {
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &from);
        assert_int_equal(users_verify(b->spool, name, "not this one at all", &user, NULL), RC_PERM);
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &to);
        const int64_t us = (to.tv_sec - from.tv_sec) * 1000000 + (to.tv_nsec - from.tv_nsec) / 1000;
        least = us < least ? us : least;
    }
    return least;
}

/* An unknown name and a disabled user cost what a wrong password costs. */
static void test_same_work(void **state) {
    struct bench *b = *state;
    add(b, "ops", ROLE_ADMIN);
    add(b, "off", ROLE_VIEWER);
    assert_int_equal(users_set_disabled(b->spool, "off", true, &b->err), RC_OK);
    const int64_t known = took_us(b, "ops"), unknown = took_us(b, "nobody"), disabled = took_us(b, "off");
    if (unknown < known / 2 || unknown > known * 2 || disabled < known / 2 || disabled > known * 2)
        fail_msg("known %ld, unknown %ld, disabled %ld us", (long)known, (long)unknown, (long)disabled);
}

static void test_changes(void **state) {
    struct bench *b = *state;
    struct user before, after;
    add(b, "ops", ROLE_VIEWER);
    assert_int_equal(users_get(b->spool, "ops", &before, &b->err), RC_OK);
    assert_int_equal(users_set_password(b->spool, "ops", OTHER, &b->err), RC_OK);
    assert_int_equal(users_verify(b->spool, "ops", GOOD, &after, &b->err), RC_PERM);
    assert_int_equal(users_verify(b->spool, "ops", OTHER, &after, &b->err), RC_OK);
    assert_string_not_equal(before.epoch, after.epoch);
    assert_int_equal(before.created_us, after.created_us);
    before = after;
    assert_int_equal(users_set_role(b->spool, "ops", ROLE_ADMIN, &b->err), RC_OK);
    assert_int_equal(users_get(b->spool, "ops", &after, &b->err), RC_OK);
    assert_int_equal(after.role, ROLE_ADMIN);
    assert_string_equal(before.epoch, after.epoch); /* sessions go on: what they may do is looked up */
    add(b, "ann", ROLE_ADMIN);
    assert_int_equal(users_set_disabled(b->spool, "ops", true, &b->err), RC_OK);
    assert_int_equal(users_verify(b->spool, "ops", OTHER, &after, &b->err), RC_PERM);
    assert_int_equal(users_set_disabled(b->spool, "ops", false, &b->err), RC_OK);
    assert_int_equal(users_verify(b->spool, "ops", OTHER, &after, &b->err), RC_OK);
    assert_string_not_equal(before.epoch, after.epoch);
    assert_int_equal(users_remove(b->spool, "ops", &b->err), RC_OK);
    assert_int_equal(users_get(b->spool, "ops", &after, &b->err), RC_GONE);
    assert_int_equal(users_remove(b->spool, "ops", &b->err), RC_GONE);
    assert_int_equal(users_set_role(b->spool, "../ops", ROLE_ADMIN, &b->err), RC_GONE);
    assert_int_equal(users_set_password(b->spool, "nobody", OTHER, &b->err), RC_GONE);
}

static void test_last_admin(void **state) {
    struct bench *b = *state;
    struct user user;
    add(b, "ann", ROLE_ADMIN);
    add(b, "bob", ROLE_ADMIN);
    add(b, "cyd", ROLE_OPERATOR);
    assert_int_equal(users_set_disabled(b->spool, "bob", true, &b->err), RC_OK);
    assert_int_equal(users_set_disabled(b->spool, "ann", true, &b->err), RC_AGAIN);
    assert_int_equal(users_set_role(b->spool, "ann", ROLE_OPERATOR, &b->err), RC_AGAIN);
    assert_int_equal(users_remove(b->spool, "ann", &b->err), RC_AGAIN);
    assert_int_equal(users_get(b->spool, "ann", &user, &b->err), RC_OK);
    assert_true(user.role == ROLE_ADMIN && !user.disabled);
    assert_int_equal(users_set_password(b->spool, "ann", OTHER, &b->err), RC_OK);
    assert_int_equal(users_set_role(b->spool, "ann", ROLE_ADMIN, &b->err), RC_OK);
    assert_int_equal(users_remove(b->spool, "bob", &b->err), RC_OK); /* a disabled admin is none */
    assert_int_equal(users_set_role(b->spool, "cyd", ROLE_ADMIN, &b->err), RC_OK);
    assert_int_equal(users_remove(b->spool, "ann", &b->err), RC_OK);
    assert_int_equal(users_set_disabled(b->spool, "cyd", true, &b->err), RC_AGAIN);
}

static void test_memory(void **state) {
    struct bench *b = *state;
    struct users *users = users_new(b->spool);
    assert_int_equal(users_refresh(users, &b->err), RC_OK);
    assert_int_equal(users_count(users), 0);
    assert_null(users_find(users, "ops"));
    add(b, "ops", ROLE_VIEWER);
    add(b, "ann", ROLE_ADMIN);
    assert_null(users_find(users, "ops"));
    assert_int_equal(users_refresh(users, &b->err), RC_OK);
    assert_int_equal(users_count(users), 2);
    assert_string_equal(users_at(users, 0)->name, "ann");
    assert_int_equal(users_find(users, "ops")->role, ROLE_VIEWER);
    assert_int_equal(users_set_role(b->spool, "ops", ROLE_OPERATOR, &b->err), RC_OK);
    assert_int_equal(users_refresh(users, &b->err), RC_OK);
    assert_int_equal(users_find(users, "ops")->role, ROLE_OPERATOR);
    cJSON *json = users_json(users_find(users, "ops"));
    assert_non_null(json);
    assert_false(cJSON_HasObjectItem(json, "hash"));
    assert_false(cJSON_HasObjectItem(json, "epoch"));
    cJSON_Delete(json);
    assert_int_equal(fsio_unlink(b->spool->web_fd, USERS_FILE, &b->err), RC_OK);
    assert_int_equal(users_refresh(users, &b->err), RC_OK);
    assert_int_equal(users_count(users), 0);
    users_free(users);
}

/* Nobody is known, and nothing is written over it. */
static void test_damaged(void **state) {
    static const char *const texts[] = {
        "",
        "{\"version\":2,\"users\":{}}",
        "{\"users\":{}}",
        "{\"version\":1,\"users\":[]}",
        "{\"version\":1,\"users\":{\"ops\":{\"role\":\"admin\"}}}",
        "{\"version\":1,\"users\":{\"ops\":{\"hash\":\"\",\"role\":\"king\",\"disabled\":false,\"epoch\":\"1\"}}}",
        "{\"version\":1,\"users\":{\"../x\":{\"hash\":\"\",\"role\":\"admin\",\"disabled\":false,\"epoch\":\"1\"}}}",
        "{\"version\":1,\"users\":{\"ops\":{\"hash\":\"\",\"role\":\"admin\",\"disabled\":0,\"epoch\":\"1\"}}}",
        "{\"version\":1,\"users\":{\"ops\":{\"hash\":\"\",\"role\":\"admin\",\"disabled\":false,\"epoch\":\"\"}}}",
        "{\"version\":1,\"users\":{}} x",
    };
    struct bench *b = *state;
    struct users *users = users_new(b->spool);
    struct user user;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        bench_put(b->spool->web_fd, USERS_FILE, texts[i]);
        if (users_refresh(users, &b->err) != RC_CORRUPT || users_count(users) != 0)
            fail_msg("%s: is taken", texts[i]);
        assert_true(users_verify(b->spool, "ops", "", &user, &b->err) != RC_OK);
    }
    assert_int_equal(users_add(b->spool, "ops", GOOD, ROLE_ADMIN, &b->err), RC_CORRUPT);
    users_free(users);
}

static int add_two(struct bench *b) {
    struct err err = {0};
    char name[16];
    for (unsigned i = 0; i < 2; i++) {
        snprintf(name, sizeof name, "%ld-%u", (long)getpid(), i);
        if (users_add(b->spool, name, GOOD, ROLE_VIEWER, &err))
            return 1;
    }
    return 0;
}

/* Programs beside each other lose nothing of each other's. */
static void test_beside_each_other(void **state) {
    struct bench *b = *state;
    struct users *users = users_new(b->spool);
    pid_t pids[4];
    for (size_t i = 0; i < 4; i++) {
        pids[i] = fork();
        assert_true(pids[i] >= 0);
        if (pids[i] == 0)
            _exit(add_two(b));
    }
    for (size_t i = 0; i < 4; i++) {
        int status;
        assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
        assert_int_equal(status, 0);
    }
    assert_int_equal(users_refresh(users, &b->err), RC_OK);
    assert_int_equal(users_count(users), 8);
    users_free(users);
}

static int make_viewer(struct bench *b) {
    struct err err = {0};
    return users_set_role(b->spool, "ops", ROLE_VIEWER, &err) ? 1 : 0;
}

/* Stopped at each step: the old one or the new one, and the next change goes through. */
static void test_faults(void **state) {
    struct bench *b = *state;
    struct user user;
    add(b, "ops", ROLE_OPERATOR);
    unsigned n = 0;
    bool any = true;
    while (any) {
        char plan[32];
        int code;
        snprintf(plan, sizeof plan, "%u:kill", ++n);
        any = bench_faulty(b, plan, make_viewer, &code);
        assert_int_equal(users_get(b->spool, "ops", &user, &b->err), RC_OK);
        assert_true(user.role == ROLE_OPERATOR || user.role == ROLE_VIEWER);
        assert_int_equal(users_set_role(b->spool, "ops", ROLE_OPERATOR, &b->err), RC_OK);
    }
    assert_true(n > 3);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),       cmocka_unit_test(test_passwords), BENCH_TEST(test_add_and_verify), BENCH_TEST(test_same_work),
        BENCH_TEST(test_changes),           BENCH_TEST(test_last_admin),      BENCH_TEST(test_memory),         BENCH_TEST(test_damaged),
        BENCH_TEST(test_beside_each_other), BENCH_TEST(test_faults),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
