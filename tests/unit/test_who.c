// SPDX-License-Identifier: Apache-2.0
#include "api/who.h"

#include "api/account.h"
#include "api/credentials.h"
#include "api/login.h"
#include "spool_scratch.h"

#define GOOD "correct horse battery"
#define OTHER "staple battery horse"

struct play {
    struct bench *b;
    struct who *who;
    const struct secret *secret;
    int64_t now_s;
    struct login in;
    struct principal principal;
    char use_key[PRINCIPAL_KEY_SIZE];
    char field[4096];
};

static int setup(void **state) {
    struct play *p = calloc(1, sizeof *p);
    void *bench;
    assert_non_null(p);
    bench_setup(&bench);
    p->b = bench;
    setenv("BACKGROUND_PROCESSOR_API_KEY", "0123456789abcdef", 1);
    setenv("CRON_SECRET", "fedcba9876543210", 1);
    assert_int_equal(who_new(p->b->spool, &p->who, &p->b->err), RC_OK);
    p->secret = who_secret(p->who);
    p->now_s = clock_wall_us() / 1000000;
    assert_int_equal(users_add(p->b->spool, "root", GOOD, ROLE_ADMIN, &p->b->err), RC_OK);
    assert_int_equal(users_add(p->b->spool, "ops", GOOD, ROLE_OPERATOR, &p->b->err), RC_OK);
    assert_int_equal(login_begin(p->b->spool, p->secret, "ops", GOOD, p->now_s, &p->in, &p->b->err), RC_OK);
    *state = p;
    return 0;
}

static int teardown(void **state) {
    struct play *p = *state;
    void *bench = p->b;
    who_free(p->who);
    bench_teardown(&bench);
    free(p);
    return 0;
}

static enum rc is(struct play *p, const struct who_given *given) {
    struct who_given g = *given;
    g.now_s = g.now_s ? g.now_s : p->now_s;
    return who_is(p->who, &g, &p->principal, p->use_key, &p->b->err);
}

static enum rc bearer(struct play *p, const char *token) {
    snprintf(p->field, sizeof p->field, "Bearer %s", token);
    return is(p, &(struct who_given){.authorization = p->field});
}

static void test_token(void **state) {
    struct play *p = *state;
    char cookie[4096];
    assert_int_equal(bearer(p, p->in.access), RC_OK);
    assert_int_equal(p->principal.kind, PRINCIPAL_USER);
    assert_string_equal(p->principal.name, "ops");
    assert_string_equal(p->principal.family, p->in.session.family);
    assert_true(p->principal.role == ROLE_OPERATOR && p->principal.own_only && !p->principal.by_cookie);
    assert_true(principal_may(&p->principal, ROLE_OPERATOR, SCOPE_PERSON));
    assert_false(principal_may(&p->principal, ROLE_ADMIN, SCOPE_ADMIN));
    assert_true(principal_changes(&p->principal, "ops"));
    assert_false(principal_sees(&p->principal, "root"));
    snprintf(cookie, sizeof cookie, "a=b; bs_access=%s", p->in.access);
    assert_int_equal(is(p, &(struct who_given){.cookie = cookie}), RC_OK);
    assert_true(p->principal.by_cookie);
    assert_true(gate_csrf_ok(p->secret, p->principal.family, p->in.csrf));
    assert_int_equal(is(p, &(struct who_given){.cookie = cookie, .now_s = p->now_s + 901}), RC_AGAIN);
    assert_int_equal(is(p, &(struct who_given){.cookie = "a=b"}), RC_GONE);
    assert_int_equal(is(p, &(struct who_given){.cookie = NULL}), RC_GONE);
    assert_int_equal(p->principal.kind, PRINCIPAL_NOBODY);
    assert_false(principal_may(&p->principal, ROLE_VIEWER, SCOPE_READ));
    assert_true(principal_may(&p->principal, ROLE_NONE, SCOPE_READ));
    snprintf(cookie, sizeof cookie, "bs_access=%s; bs_access=%s", p->in.access, p->in.access);
    assert_int_equal(is(p, &(struct who_given){.cookie = cookie}), RC_PERM);
    snprintf(cookie, sizeof cookie, "bs_access=%s", p->in.access);
    assert_int_equal(is(p, &(struct who_given){.cookie = cookie, .authorization = "Bearer nonsense"}), RC_PERM); /* no second try */
    assert_int_equal(is(p, &(struct who_given){.cookie = cookie, .twice = true}), RC_PERM);
    assert_int_equal(is(p, &(struct who_given){.cookie = cookie, .authorization = p->field, .api_key = "x"}), RC_PERM);
    assert_int_equal(bearer(p, p->in.refresh), RC_PERM); /* the other kind of token */
    snprintf(cookie, sizeof cookie, "bs_access=%s", p->in.refresh);
    assert_int_equal(is(p, &(struct who_given){.cookie = cookie}), RC_PERM);
    assert_int_equal(is(p, &(struct who_given){.api_key = p->in.access}), RC_PERM);
}

/* What ends a token before its time. */
static void test_ends(void **state) {
    struct play *p = *state;
    struct login next;
    bool reused;
    assert_int_equal(users_set_role(p->b->spool, "ops", ROLE_VIEWER, &p->b->err), RC_OK);
    assert_int_equal(bearer(p, p->in.access), RC_PERM);
    assert_int_equal(login_refresh(p->b->spool, p->secret, p->in.refresh, p->now_s, &next, &reused, &p->b->err), RC_OK);
    assert_int_equal(bearer(p, next.access), RC_OK);
    assert_true(p->principal.role == ROLE_VIEWER && !p->principal.own_only);
    assert_string_equal(next.session.family, p->in.session.family);
    assert_string_equal(next.csrf, p->in.csrf);
    assert_int_equal(sessions_end(p->b->spool, "ops", next.session.family, &p->b->err), RC_OK);
    assert_int_equal(bearer(p, next.access), RC_PERM);
    assert_int_equal(login_refresh(p->b->spool, p->secret, next.refresh, p->now_s, &next, &reused, &p->b->err), RC_PERM);

    assert_int_equal(login_begin(p->b->spool, p->secret, "ops", GOOD, p->now_s, &p->in, &p->b->err), RC_OK);
    assert_int_equal(account_set_password(p->b->spool, "ops", OTHER, &p->b->err), RC_OK);
    assert_int_equal(bearer(p, p->in.access), RC_PERM);
    assert_int_equal(login_begin(p->b->spool, p->secret, "ops", OTHER, p->now_s, &p->in, &p->b->err), RC_OK);
    assert_int_equal(bearer(p, p->in.access), RC_OK);
    assert_int_equal(account_set_disabled(p->b->spool, "ops", true, &p->b->err), RC_OK);
    assert_int_equal(bearer(p, p->in.access), RC_PERM);
    assert_int_equal(login_begin(p->b->spool, p->secret, "ops", OTHER, p->now_s, &p->in, &p->b->err), RC_PERM);
    assert_string_equal(p->b->err.text, "user name or password is wrong");
    assert_int_equal(account_set_disabled(p->b->spool, "ops", false, &p->b->err), RC_OK);
    assert_int_equal(login_begin(p->b->spool, p->secret, "ops", OTHER, p->now_s, &p->in, &p->b->err), RC_OK);
    assert_int_equal(account_remove(p->b->spool, "ops", &p->b->err), RC_OK);
    assert_int_equal(bearer(p, p->in.access), RC_PERM);
    assert_int_equal(users_add(p->b->spool, "ops", OTHER, ROLE_VIEWER, &p->b->err), RC_OK);
    assert_int_equal(bearer(p, p->in.access), RC_PERM);
}

/* A thief uses the refresh token once more: access tokens of the family are over, too. */
static void test_thief(void **state) {
    struct play *p = *state;
    struct login honest, thief;
    bool reused;
    assert_int_equal(login_refresh(p->b->spool, p->secret, p->in.refresh, p->now_s + 1, &honest, &reused, &p->b->err), RC_OK);
    assert_int_equal(bearer(p, honest.access), RC_OK);
    assert_int_equal(login_refresh(p->b->spool, p->secret, p->in.refresh, p->now_s + 60, &thief, &reused, &p->b->err), RC_PERM);
    assert_true(reused);
    assert_string_equal(thief.session.user, "ops");
    assert_string_equal(thief.access, "");
    assert_int_equal(bearer(p, honest.access), RC_PERM);
    assert_int_equal(bearer(p, p->in.access), RC_PERM);
}

static void test_own_password(void **state) {
    struct play *p = *state;
    struct login next;
    assert_int_equal(login_change_password(p->b->spool, p->secret, "ops", "wrong wrong wrong", OTHER, p->now_s, &next, &p->b->err), RC_AGAIN);
    assert_int_equal(login_change_password(p->b->spool, p->secret, "ops", GOOD, "short", p->now_s, &next, &p->b->err), RC_PERM);
    assert_int_equal(bearer(p, p->in.access), RC_OK);
    assert_int_equal(login_change_password(p->b->spool, p->secret, "ops", GOOD, OTHER, p->now_s, &next, &p->b->err), RC_OK);
    assert_int_equal(bearer(p, p->in.access), RC_PERM);
    assert_int_equal(bearer(p, next.access), RC_OK);
    login_wipe(&next);
    assert_string_equal(next.access, "");
}

static void test_keys(void **state) {
    struct play *p = *state;
    const struct apikey_wish wish = {.name = "ci", .owner = "ops", .scopes = SCOPE_BIT(SCOPE_READ)};
    const struct users *users;
    const struct apikeys *keys;
    struct apikey key;
    char text[APIKEY_SIZE];
    assert_int_equal(apikey_add(p->b->spool, &wish, &key, text, &p->b->err), RC_OK);
    assert_int_equal(is(p, &(struct who_given){.api_key = text}), RC_OK);
    assert_int_equal(p->principal.kind, PRINCIPAL_KEY);
    assert_string_equal(p->use_key, key.id);
    assert_int_equal(bearer(p, text), RC_OK);
    assert_string_equal(p->use_key, ""); /* not twice a minute */
    assert_false(p->principal.by_cookie);
    snprintf(p->field, sizeof p->field, "bs_access=%s", text);
    assert_int_equal(is(p, &(struct who_given){.cookie = p->field}), RC_PERM); /* no cookie is a key */
    assert_int_equal(who_users(p->who, &users, &p->b->err), RC_OK);
    assert_int_equal(users_count(users), 2);
    assert_int_equal(who_keys(p->who, &keys, &p->b->err), RC_OK);
    assert_int_equal(apikeys_count(keys), 1);
    bench_put(p->b->spool->web_fd, APIKEY_FILE, "damaged");
    assert_int_equal(bearer(p, text), RC_CORRUPT);
    assert_int_equal(bearer(p, p->in.access), RC_OK); /* persons still come in */
    bench_put(p->b->spool->web_fd, USERS_FILE, "damaged");
    assert_int_equal(bearer(p, p->in.access), RC_CORRUPT);
}

static void test_environment(void **state) {
    struct play *p = *state;
    const char *const processor = "Bearer 0123456789abcdef", *const cron = "Bearer fedcba9876543210";
    assert_int_equal(is(p, &(struct who_given){.authorization = processor, .env_scope = SCOPE_PROCESS}), RC_OK);
    assert_int_equal(p->principal.kind, PRINCIPAL_ENV);
    assert_true(principal_may(&p->principal, ROLE_OPERATOR, SCOPE_PROCESS));
    assert_int_equal(is(p, &(struct who_given){.authorization = cron, .env_scope = SCOPE_CRON}), RC_OK);
    assert_int_equal(is(p, &(struct who_given){.authorization = processor, .env_scope = SCOPE_CRON}), RC_PERM);
    assert_int_equal(is(p, &(struct who_given){.authorization = cron, .env_scope = SCOPE_PROCESS}), RC_PERM);
    assert_int_equal(is(p, &(struct who_given){.authorization = processor}), RC_PERM); /* any other route */
    assert_int_equal(is(p, &(struct who_given){.api_key = "0123456789abcdef", .env_scope = SCOPE_PROCESS}), RC_OK);
    assert_int_equal(is(p, &(struct who_given){.api_key = "0123456789abcdef"}), RC_PERM);
    snprintf(p->field, sizeof p->field, "Bearer %s", p->in.access); /* persons may use these routes, too */
    assert_int_equal(is(p, &(struct who_given){.authorization = p->field, .env_scope = SCOPE_PROCESS}), RC_OK);
    assert_int_equal(p->principal.kind, PRINCIPAL_USER);
}

/* role x owner, as the table of the brief has it */
static void test_matrix(void **state) {
    static const struct {
        enum role role;
        bool own_only, sees_own, sees_others, changes_own, changes_others;
    } cases[] = {
        {ROLE_NONE, false, false, false, false, false},  {ROLE_VIEWER, false, true, true, false, false}, {ROLE_VIEWER, true, true, false, false, false},
        {ROLE_OPERATOR, true, true, false, true, false}, {ROLE_ADMIN, false, true, true, true, true},
    };
    char text[128];
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct principal who = {.kind = PRINCIPAL_USER, .name = "ops", .role = cases[i].role, .own_only = cases[i].own_only};
        assert_int_equal(principal_sees(&who, "ops"), cases[i].sees_own);
        assert_int_equal(principal_sees(&who, "root"), cases[i].sees_others);
        assert_int_equal(principal_changes(&who, "ops"), cases[i].changes_own);
        assert_int_equal(principal_changes(&who, "root"), cases[i].changes_others);
        for (enum role least = ROLE_VIEWER; least <= ROLE_ADMIN; least++)
            assert_int_equal(principal_may(&who, least, SCOPE_PERSON), cases[i].role >= least);
        who.kind = PRINCIPAL_NOBODY;
        assert_false(principal_sees(&who, "ops"));
    }
    principal_text(&(struct principal){.kind = PRINCIPAL_KEY, .name = "ops", .key_id = "0123456789abcdef"}, text, sizeof text);
    assert_string_equal(text, "ops by key 0123456789abcdef");
}

#define PLAY(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        PLAY(test_token), PLAY(test_ends), PLAY(test_thief), PLAY(test_own_password), PLAY(test_keys), PLAY(test_environment), cmocka_unit_test(test_matrix),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
