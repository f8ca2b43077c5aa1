// SPDX-License-Identifier: Apache-2.0
#include "api/sessions.h"

#include "os/fsio.h"
#include "spool_scratch.h"

#include <dirent.h>

#define GOOD "correct horse battery"
#define NOW INT64_C(1795000000)
#define DAY_S 86400

struct play {
    struct bench *b;
    struct secret secret;
    struct user ops;
    struct session session;
    char first[SESSIONS_TOKEN_SIZE], token[SESSIONS_TOKEN_SIZE], next[SESSIONS_TOKEN_SIZE];
    bool reused;
};

static int setup(void **state) {
    struct play *p = calloc(1, sizeof *p);
    void *bench;
    assert_non_null(p);
    bench_setup(&bench);
    p->b = bench;
    assert_int_equal(secret_load(p->b->spool, &p->secret, &p->b->err), RC_OK);
    assert_int_equal(users_add(p->b->spool, "ops", GOOD, ROLE_OPERATOR, &p->b->err), RC_OK);
    assert_int_equal(users_get(p->b->spool, "ops", &p->ops, &p->b->err), RC_OK);
    assert_int_equal(sessions_begin(p->b->spool, &p->ops, NOW, &p->session, p->first, &p->b->err), RC_OK);
    *state = p;
    return 0;
}

static int teardown(void **state) {
    struct play *p = *state;
    void *bench = p->b;
    bench_teardown(&bench);
    free(p);
    return 0;
}

static enum rc rotate(struct play *p, const char *token, int64_t now_s, char next[SESSIONS_TOKEN_SIZE]) {
    struct session session;
    struct user user;
    const enum rc rc = sessions_rotate(p->b->spool, &p->secret, token, now_s, &session, &user, next, &p->reused, &p->b->err);
    if (!rc) {
        assert_string_equal(session.family, p->session.family);
        assert_string_equal(user.name, "ops");
    }
    return rc;
}

static bool alive(const struct play *p) {
    return sessions_alive(p->b->spool, "ops", p->session.family);
}

static unsigned count_files(const struct play *p) {
    int fd = openat(p->b->spool->web_fd, "sessions", O_RDONLY | O_DIRECTORY);
    DIR *dir = fdopendir(fd);
    unsigned count = 0;
    for (struct dirent *e; (e = readdir(dir)) != NULL;)
        count += e->d_name[0] != '.';
    closedir(dir);
    return count;
}

static void test_parse(void **state) {
    static const char *const bad[] = {
        "",
        "~~",
        "ops",
        "ops~0123456789abcdef0123456789abcdef",
        "ops~0123456789abcdef0123456789abcdef~",
        "ops~0123456789abcdef0123456789abcde~AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        "ops~0123456789ABCDEF0123456789abcdef~AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        "ops~0123456789abcdef0123456789abcdef~AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
        "ops~0123456789abcdef0123456789abcdef~AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        "../ops~0123456789abcdef0123456789abcdef~AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        "~0123456789abcdef0123456789abcdef~AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        "ops~../../../../../../etc/passwd00000~AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
    };
    struct play *p = *state;
    struct session session;
    const char *secret;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_false(sessions_token_parse(bad[i], &session, &secret));
        assert_int_equal(rotate(p, bad[i], NOW, p->next), RC_PERM);
    }
    assert_true(sessions_token_parse(p->first, &session, &secret));
    assert_string_equal(session.user, "ops");
    assert_string_equal(session.family, p->session.family);
    assert_int_equal(strlen(secret), 43);
    assert_false(sessions_alive(p->b->spool, "ops", "../users"));
    assert_false(sessions_alive(p->b->spool, "../x", p->session.family));
    assert_true(alive(p));
}

static void test_rotation(void **state) {
    struct play *p = *state;
    char text[2048], name[128];
    strcpy(p->token, p->first);
    for (int i = 1; i <= 20; i++) {
        assert_int_equal(rotate(p, p->token, NOW + i * 600, p->next), RC_OK);
        assert_string_not_equal(p->next, p->token);
        assert_string_not_equal(p->next, p->first);
        strcpy(p->token, p->next);
    }
    assert_true(alive(p));
    assert_int_equal(count_files(p), 1);
    snprintf(name, sizeof name, "sessions/ops~%s.json", p->session.family);
    int fd = openat(p->b->spool->web_fd, name, O_RDONLY);
    ssize_t length = read(fd, text, sizeof text - 1);
    assert_true(length > 0);
    text[length] = '\0';
    close(fd);
    assert_null(strstr(text, strrchr(p->token, '~') + 1)); /* the sum alone */
}

/* The same token again within 10 s has the same successor; later it ends the family. */
static void test_reuse(void **state) {
    struct play *p = *state;
    char again[SESSIONS_TOKEN_SIZE], last[SESSIONS_TOKEN_SIZE];
    assert_int_equal(rotate(p, p->first, NOW + 100, p->next), RC_OK);
    assert_int_equal(rotate(p, p->first, NOW + 110, again), RC_OK);
    assert_string_equal(p->next, again);
    assert_false(p->reused);
    assert_int_equal(rotate(p, p->next, NOW + 111, last), RC_OK);     /* whichever answer was kept */
    assert_int_equal(rotate(p, p->first, NOW + 112, again), RC_PERM); /* two generations ago */
    assert_true(p->reused);
    assert_false(alive(p));
    assert_int_equal(rotate(p, last, NOW + 113, again), RC_PERM); /* the honest one is out, too */
    assert_false(p->reused);
    assert_string_equal(p->b->err.text, "the session is over");
    assert_int_equal(count_files(p), 0);
}

static void test_reuse_after_grace(void **state) {
    struct play *p = *state;
    assert_int_equal(rotate(p, p->first, NOW + 100, p->next), RC_OK);
    assert_int_equal(rotate(p, p->first, NOW + 111, p->token), RC_PERM);
    assert_true(p->reused);
    assert_false(alive(p));
}

static void test_forged(void **state) {
    struct play *p = *state;
    snprintf(p->token, sizeof p->token, "ops~%s~AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", p->session.family);
    assert_int_equal(rotate(p, p->token, NOW, p->next), RC_PERM);
    assert_false(alive(p));
}

static void test_expiry(void **state) {
    struct play *p = *state;
    assert_int_equal(p->session.expires_s, NOW + 7 * DAY_S);
    strcpy(p->token, p->first);
    for (int day = 6; day <= 24; day += 6) { /* each use prolongs it ... */
        assert_int_equal(rotate(p, p->token, NOW + day * DAY_S, p->next), RC_OK);
        strcpy(p->token, p->next);
    }
    assert_int_equal(rotate(p, p->token, NOW + 29 * DAY_S, p->next), RC_OK);
    assert_int_equal(rotate(p, p->next, NOW + 30 * DAY_S, p->token), RC_PERM); /* ... but not for ever */
    assert_false(p->reused);
    assert_false(alive(p));
}

static void test_idle(void **state) {
    struct play *p = *state;
    assert_int_equal(rotate(p, p->first, NOW + 7 * DAY_S, p->next), RC_PERM);
    assert_false(alive(p));
}

static void test_user_changes(void **state) {
    struct play *p = *state;
    assert_int_equal(users_set_role(p->b->spool, "ops", ROLE_VIEWER, &p->b->err), RC_OK);
    assert_int_equal(rotate(p, p->first, NOW + 1, p->next), RC_OK); /* a role changes no session */
    assert_int_equal(users_set_password(p->b->spool, "ops", "another password", &p->b->err), RC_OK);
    assert_true(alive(p)); /* its file is worth nothing, though */
    assert_int_equal(rotate(p, p->next, NOW + 2, p->token), RC_PERM);
    assert_false(alive(p));
    assert_int_equal(sessions_begin(p->b->spool, &p->ops, NOW, &p->session, p->first, &p->b->err), RC_OK); /* verified before the change */
    assert_int_equal(rotate(p, p->first, NOW + 2, p->token), RC_PERM);
    assert_int_equal(users_get(p->b->spool, "ops", &p->ops, &p->b->err), RC_OK);
    assert_int_equal(sessions_begin(p->b->spool, &p->ops, NOW, &p->session, p->first, &p->b->err), RC_OK);
    assert_int_equal(users_set_disabled(p->b->spool, "ops", true, &p->b->err), RC_OK);
    assert_int_equal(rotate(p, p->first, NOW + 2, p->token), RC_PERM);
}

static void test_ends(void **state) {
    struct play *p = *state;
    struct user other = {.name = "ops2", .epoch = "x"};
    struct session second, others;
    assert_int_equal(sessions_begin(p->b->spool, &p->ops, NOW, &second, p->token, &p->b->err), RC_OK);
    assert_int_equal(sessions_begin(p->b->spool, &other, NOW, &others, p->token, &p->b->err), RC_OK);
    assert_int_equal(count_files(p), 3);
    assert_int_equal(sessions_end_all(p->b->spool, "ops", second.family, &p->b->err), RC_OK);
    assert_false(alive(p));
    assert_true(sessions_alive(p->b->spool, "ops", second.family));
    assert_true(sessions_alive(p->b->spool, "ops2", others.family));
    assert_int_equal(sessions_end(p->b->spool, "ops", second.family, &p->b->err), RC_OK);
    assert_int_equal(sessions_end(p->b->spool, "ops", second.family, &p->b->err), RC_GONE);
    assert_int_equal(sessions_end(p->b->spool, "ops", "../users", &p->b->err), RC_GONE);
    assert_int_equal(count_files(p), 1);
}

static void test_bounds(void **state) {
    struct play *p = *state;
    struct session session;
    char name[128];
    snprintf(name, sizeof name, "sessions/ops~%s.json", p->session.family);
    assert_int_equal(fsio_set_mtime(p->b->spool->web_fd, name, clock_wall_us() - 1000000, &p->b->err), RC_OK);
    for (unsigned i = 0; i < SESSIONS_MOST + 5; i++)
        assert_int_equal(sessions_begin(p->b->spool, &p->ops, NOW, &session, p->token, &p->b->err), RC_OK);
    assert_int_equal(count_files(p), SESSIONS_MOST);
    assert_false(alive(p)); /* the oldest went first */
    assert_true(sessions_alive(p->b->spool, "ops", session.family));
    assert_int_equal(sessions_prune(p->b->spool, clock_wall_us() / 1000000, &p->b->err), RC_OK);
    assert_int_equal(count_files(p), SESSIONS_MOST);
    assert_int_equal(sessions_prune(p->b->spool, clock_wall_us() / 1000000 + 8 * DAY_S, &p->b->err), RC_OK);
    assert_int_equal(count_files(p), 0);
}

static void test_damaged(void **state) {
    static const char *const texts[] = {"", "{\"version\":1}", "{\"version\":1,\"current\":\"\"}", "{\"version\":3,\"current\":\"x\"}", "nonsense"};
    struct play *p = *state;
    char name[128];
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        snprintf(name, sizeof name, "sessions/ops~%s.json", p->session.family);
        bench_put(p->b->spool->web_fd, name, texts[i]);
        assert_int_equal(rotate(p, p->first, NOW, p->next), RC_PERM);
    }
}

static struct play *playing;

static int rotate_first(struct bench *b) {
    (void)b;
    return rotate(playing, playing->first, NOW + 1, playing->next) ? 1 : 0;
}

/* Killed at each step: the old token or its successor is good for one more, so the one who has the old one is never out. */
static void test_faults(void **state) {
    struct play *p = playing = *state;
    bool any = true;
    for (unsigned n = 1; any; n++) {
        char plan[32];
        int code;
        snprintf(plan, sizeof plan, "%u:kill", n);
        any = bench_faulty(p->b, plan, rotate_first, &code);
        assert_int_equal(rotate(p, p->first, NOW + 2, p->next), RC_OK);
        assert_int_equal(sessions_end_all(p->b->spool, "ops", NULL, &p->b->err), RC_OK);
        assert_int_equal(sessions_begin(p->b->spool, &p->ops, NOW, &p->session, p->first, &p->b->err), RC_OK);
    }
}

#define PLAY(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        PLAY(test_parse), PLAY(test_rotation),     PLAY(test_reuse),  PLAY(test_reuse_after_grace), PLAY(test_forged), PLAY(test_expiry), PLAY(test_idle),
        PLAY(test_ends),  PLAY(test_user_changes), PLAY(test_bounds), PLAY(test_damaged),           PLAY(test_faults),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
