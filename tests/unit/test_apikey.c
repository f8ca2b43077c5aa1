// SPDX-License-Identifier: Apache-2.0
#include "api/apikey.h"

#include "spool_scratch.h"

#define GOOD "correct horse battery"
#define DAY_S 86400

struct play {
    struct bench *b;
    struct users *users;
    struct apikeys *keys;
    struct apikey key;
    char text[APIKEY_SIZE];
    struct principal who;
    bool write_use;
    int64_t now_s;
};

static int setup(void **state) {
    struct play *p = calloc(1, sizeof *p);
    void *bench;
    assert_non_null(p);
    bench_setup(&bench);
    p->b = bench;
    p->users = users_new(p->b->spool);
    p->keys = apikeys_new(p->b->spool);
    p->now_s = clock_wall_us() / 1000000;
    assert_int_equal(users_add(p->b->spool, "root", GOOD, ROLE_ADMIN, &p->b->err), RC_OK);
    assert_int_equal(users_add(p->b->spool, "ops", GOOD, ROLE_OPERATOR, &p->b->err), RC_OK);
    *state = p;
    return 0;
}

static int teardown(void **state) {
    struct play *p = *state;
    void *bench = p->b;
    users_free(p->users);
    apikeys_free(p->keys);
    bench_teardown(&bench);
    free(p);
    return 0;
}

static enum rc add(struct play *p, const char *owner, enum role role, uint32_t scopes, unsigned days) {
    const struct apikey_wish wish = {.name = "ci", .owner = owner, .role = role, .scopes = scopes, .life_days = days};
    return apikey_add(p->b->spool, &wish, &p->key, p->text, &p->b->err);
}

static enum rc check(struct play *p, const char *text, int64_t now_s) {
    assert_int_equal(users_refresh(p->users, &p->b->err), RC_OK);
    assert_int_equal(apikeys_refresh(p->keys, &p->b->err), RC_OK);
    return apikeys_check(p->keys, p->users, text, now_s, &p->who, &p->write_use, &p->b->err);
}

static void test_round(void **state) {
    struct play *p = *state;
    char file[4096], id[PRINCIPAL_KEY_SIZE], changed[APIKEY_SIZE];
    const uint32_t scopes = SCOPE_BIT(SCOPE_READ) | SCOPE_BIT(SCOPE_SUBMIT);
    assert_int_equal(add(p, "ops", ROLE_NONE, scopes, 0), RC_OK);
    assert_int_equal(strlen(p->text), APIKEY_SIZE - 1);
    assert_true(apikey_id(p->text, id));
    assert_string_equal(id, p->key.id);
    assert_int_equal(check(p, p->text, p->now_s), RC_OK);
    assert_int_equal(p->who.kind, PRINCIPAL_KEY);
    assert_string_equal(p->who.name, "ops");
    assert_string_equal(p->who.key_id, id);
    assert_true(p->who.role == ROLE_OPERATOR && p->who.own_only && p->who.scopes == scopes);
    assert_true(principal_may(&p->who, ROLE_OPERATOR, SCOPE_SUBMIT));
    assert_false(principal_may(&p->who, ROLE_OPERATOR, SCOPE_CONTROL));
    assert_false(principal_may(&p->who, ROLE_VIEWER, SCOPE_PERSON));
    for (size_t i = 0; i < APIKEY_SIZE - 1; i++) {
        strcpy(changed, p->text);
        changed[i] = changed[i] == '0' ? '1' : '0';
        assert_int_equal(check(p, changed, p->now_s), RC_PERM);
    }
    assert_int_equal(check(p, "", p->now_s), RC_PERM);
    assert_int_equal(check(p, "bsk_", p->now_s), RC_PERM);
    int fd = openat(p->b->spool->web_fd, APIKEY_FILE, O_RDONLY);
    ssize_t length = read(fd, file, sizeof file - 1);
    assert_true(length > 0);
    file[length] = '\0';
    close(fd);
    assert_null(strstr(file, p->text + 21));
    assert_non_null(strstr(file, p->key.sha256));
    cJSON *json = apikey_json(&p->key);
    assert_false(cJSON_HasObjectItem(json, "sha256"));
    assert_int_equal(cJSON_GetArraySize(cJSON_GetObjectItem(json, "scopes")), 2);
    cJSON_Delete(json);
}

static void test_expiry(void **state) {
    struct play *p = *state;
    assert_int_equal(add(p, "ops", ROLE_NONE, SCOPE_BIT(SCOPE_READ), 1), RC_OK);
    assert_int_equal(check(p, p->text, p->now_s + DAY_S - 2), RC_OK);
    assert_int_equal(check(p, p->text, p->now_s + DAY_S + 2), RC_PERM);
    assert_int_equal(add(p, "ops", ROLE_NONE, SCOPE_BIT(SCOPE_READ), 0), RC_OK);
    assert_int_equal(check(p, p->text, p->now_s + 89 * DAY_S), RC_OK);
    assert_int_equal(check(p, p->text, p->now_s + 91 * DAY_S), RC_PERM);
    assert_int_equal(add(p, "ops", ROLE_NONE, SCOPE_BIT(SCOPE_READ), APIKEY_LIFE_MOST_DAYS + 1), RC_PERM);
}

/* Never more than its owner can, now. */
static void test_owner(void **state) {
    struct play *p = *state;
    assert_int_equal(add(p, "ops", ROLE_ADMIN, SCOPE_BIT(SCOPE_READ), 0), RC_PERM);
    assert_int_equal(add(p, "ops", ROLE_NONE, SCOPE_BIT(SCOPE_ADMIN), 0), RC_PERM);
    assert_int_equal(add(p, "nobody", ROLE_NONE, SCOPE_BIT(SCOPE_READ), 0), RC_GONE);
    assert_int_equal(add(p, "ops", ROLE_VIEWER, SCOPE_BIT(SCOPE_READ), 0), RC_OK);
    assert_int_equal(check(p, p->text, p->now_s), RC_OK);
    assert_true(p->who.role == ROLE_VIEWER && p->who.own_only); /* a viewer sees all, but its owner does not */
    assert_false(principal_sees(&p->who, "root"));
    assert_true(principal_sees(&p->who, "ops"));
    assert_false(principal_changes(&p->who, "ops"));
    assert_int_equal(add(p, "ops", ROLE_OPERATOR, SCOPE_BIT(SCOPE_CONTROL), 0), RC_OK);
    assert_int_equal(users_set_role(p->b->spool, "ops", ROLE_VIEWER, &p->b->err), RC_OK);
    assert_int_equal(check(p, p->text, p->now_s), RC_OK);
    assert_int_equal(p->who.role, ROLE_VIEWER);
    assert_true(p->who.own_only);
    assert_int_equal(users_set_disabled(p->b->spool, "ops", true, &p->b->err), RC_OK);
    assert_int_equal(check(p, p->text, p->now_s), RC_PERM);
    assert_int_equal(users_set_disabled(p->b->spool, "ops", false, &p->b->err), RC_OK);
    assert_int_equal(check(p, p->text, p->now_s), RC_OK);
    assert_int_equal(users_remove(p->b->spool, "ops", &p->b->err), RC_OK);
    assert_int_equal(check(p, p->text, p->now_s), RC_PERM);
    assert_int_equal(users_add(p->b->spool, "ops", GOOD, ROLE_ADMIN, &p->b->err), RC_OK); /* another of that name */
    assert_int_equal(check(p, p->text, p->now_s), RC_PERM);
}

static void test_remove(void **state) {
    struct play *p = *state;
    struct apikey first;
    assert_int_equal(add(p, "ops", ROLE_NONE, SCOPE_BIT(SCOPE_READ), 0), RC_OK);
    first = p->key;
    assert_int_equal(apikey_remove(p->b->spool, first.id, "root", &p->b->err), RC_GONE);
    assert_int_equal(apikey_remove(p->b->spool, first.id, "ops", &p->b->err), RC_OK);
    assert_int_equal(apikey_remove(p->b->spool, first.id, NULL, &p->b->err), RC_GONE);
    assert_int_equal(check(p, p->text, p->now_s), RC_PERM);
    for (unsigned i = 0; i < APIKEY_MOST_OF_OWNER; i++)
        assert_int_equal(add(p, "ops", ROLE_NONE, SCOPE_BIT(SCOPE_READ), 0), RC_OK);
    assert_int_equal(add(p, "ops", ROLE_NONE, SCOPE_BIT(SCOPE_READ), 0), RC_AGAIN);
    assert_int_equal(add(p, "root", ROLE_NONE, SCOPE_BIT(SCOPE_ADMIN), 0), RC_OK);
    assert_int_equal(apikey_remove_all(p->b->spool, "ops", &p->b->err), RC_OK);
    assert_int_equal(apikey_remove_all(p->b->spool, "ops", &p->b->err), RC_OK);
    assert_int_equal(check(p, p->text, p->now_s), RC_OK);
    assert_int_equal(apikeys_count(p->keys), 1);
    assert_string_equal(apikeys_at(p->keys, 0)->owner, "root");
    assert_ptr_equal(apikeys_find(p->keys, p->key.id), apikeys_at(p->keys, 0));
}

static void test_use(void **state) {
    struct play *p = *state;
    assert_int_equal(add(p, "ops", ROLE_NONE, SCOPE_BIT(SCOPE_READ), 0), RC_OK);
    assert_int_equal(check(p, p->text, p->now_s), RC_OK);
    assert_true(p->write_use);
    assert_int_equal(check(p, p->text, p->now_s + 1), RC_OK);
    assert_false(p->write_use);
    assert_int_equal(apikey_used(p->b->spool, p->key.id, p->now_s * 1000000, &p->b->err), RC_OK);
    assert_int_equal(check(p, p->text, p->now_s + 59), RC_OK);
    assert_false(p->write_use);
    assert_int_equal(apikeys_find(p->keys, p->key.id)->last_used_us, p->now_s * 1000000);
    assert_int_equal(check(p, p->text, p->now_s + 60), RC_OK);
    assert_true(p->write_use);
    assert_int_equal(apikey_used(p->b->spool, "0000000000000000", p->now_s * 1000000, &p->b->err), RC_OK); /* removed meanwhile */
}

static void test_scopes(void **state) {
    static const char *const good[] = {"read", "cron", "read"};
    static const char *const bad[] = {"read", "raed"};
    static const char *const person[] = {"person"};
    struct err err = {0};
    uint32_t scopes;
    (void)state;
    assert_int_equal(apikey_scopes(good, 3, &scopes, &err), RC_OK);
    assert_int_equal(scopes, SCOPE_BIT(SCOPE_READ) | SCOPE_BIT(SCOPE_CRON));
    assert_int_equal(apikey_scopes(bad, 2, &scopes, &err), RC_PERM);
    assert_non_null(strstr(err.text, "did you mean \"read\""));
    assert_int_equal(apikey_scopes(person, 1, &scopes, &err), RC_PERM);
    assert_int_equal(apikey_scopes(good, 0, &scopes, &err), RC_PERM);
}

static void test_environment(void **state) {
    struct apikey_env env = {0};
    struct principal who;
    struct err err = {0};
    (void)state;
    unsetenv("BACKGROUND_PROCESSOR_API_KEY");
    unsetenv("CRON_SECRET");
    assert_int_equal(apikey_env_take(&env, &err), RC_OK);
    assert_false(apikey_env_check(&env, "", SCOPE_PROCESS, &who));
    setenv("BACKGROUND_PROCESSOR_API_KEY", "0123456789abcdef", 1);
    setenv("CRON_SECRET", "fedcba9876543210", 1);
    assert_int_equal(apikey_env_take(&env, &err), RC_OK);
    assert_null(getenv("CRON_SECRET"));
    assert_null(getenv("BACKGROUND_PROCESSOR_API_KEY"));
    assert_true(apikey_env_check(&env, "0123456789abcdef", SCOPE_PROCESS, &who));
    assert_true(principal_may(&who, ROLE_OPERATOR, SCOPE_PROCESS));
    assert_false(principal_may(&who, ROLE_VIEWER, SCOPE_READ));
    assert_false(principal_may(&who, ROLE_OPERATOR, SCOPE_CRON));
    assert_false(principal_may(&who, ROLE_ADMIN, SCOPE_PROCESS));
    assert_true(apikey_env_check(&env, "fedcba9876543210", SCOPE_CRON, &who));
    assert_false(apikey_env_check(&env, "fedcba9876543210", SCOPE_PROCESS, &who));
    assert_false(apikey_env_check(&env, "0123456789abcdef", SCOPE_CRON, &who));
    for (enum scope s = SCOPE_PERSON; s < SCOPE_COUNT; s++)
        if (s != SCOPE_PROCESS && s != SCOPE_CRON)
            assert_false(apikey_env_check(&env, "0123456789abcdef", s, &who) || apikey_env_check(&env, "fedcba9876543210", s, &who));
    setenv("CRON_SECRET", "short", 1);
    assert_int_equal(apikey_env_take(&env, &err), RC_FATAL);
    assert_null(strstr(err.text, "short"));
    setenv("CRON_SECRET", "with a blank in it", 1);
    assert_int_equal(apikey_env_take(&env, &err), RC_FATAL);
    unsetenv("CRON_SECRET");
}

#define PLAY(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        PLAY(test_round),
        PLAY(test_expiry),
        PLAY(test_owner),
        PLAY(test_remove),
        PLAY(test_use),
        cmocka_unit_test(test_scopes),
        cmocka_unit_test(test_environment),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
