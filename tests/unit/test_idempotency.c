// SPDX-License-Identifier: Apache-2.0
#include "spool_scratch.h"

#include "api/idempotency.h"
#include "base/str.h"

#include <signal.h>

#define SUM_B "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

static enum rc take(const struct bench *b, const char *owner, const char *key, const char *sum, char id[JOBID_SIZE], bool *known) {
    struct err err = {0};
    return idempotency_take(b->spool, owner, key, sum, id, known, &err);
}

static void the_first_id_counts(void **state) {
    const struct bench *b = *state;
    char id[JOBID_SIZE];
    bool known;
    strcpy(id, ID_A);
    assert_int_equal(take(b, "ops", "key-1", SUM_A, id, &known), RC_OK);
    assert_false(known);
    assert_string_equal(id, ID_A);
    strcpy(id, ID_B);
    assert_int_equal(take(b, "ops", "key-1", SUM_A, id, &known), RC_OK);
    assert_true(known);
    assert_string_equal(id, ID_A);

    struct err err = {0};
    strcpy(id, ID_B);
    assert_int_equal(idempotency_take(b->spool, "ops", "key-1", SUM_B, id, &known, &err), RC_PERM);
    assert_false(known);
    assert_true(strstr(err.text, ID_A) != NULL);

    /* Other keys, other people: "a" and "b\nc" are not "a\nb" and "c". */
    static const char *const others[][2] = {{"ops", "key-2"}, {"rival", "key-1"}, {"op", "s\nkey-1"}, {"", "key-1"}};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        strcpy(id, ID_B);
        assert_int_equal(take(b, others[i][0], others[i][1], SUM_A, id, &known), RC_OK);
        assert_false(known);
        assert_string_equal(id, ID_B);
    }
}

static void keys(void **state) {
    char key[IDEMPOTENCY_KEY_MOST + 2];
    (void)state;
    assert_true(idempotency_key_valid("x"));
    assert_true(idempotency_key_valid("5e0b7c0e-7a55/..%2F~!"));
    assert_false(idempotency_key_valid(""));
    assert_false(idempotency_key_valid("a b"));
    assert_false(idempotency_key_valid("a\n"));
    assert_false(idempotency_key_valid("\xc3\xa4"));
    memset(key, 'x', sizeof key);
    key[IDEMPOTENCY_KEY_MOST + 1] = '\0';
    assert_false(idempotency_key_valid(key));
    key[IDEMPOTENCY_KEY_MOST] = '\0';
    assert_true(idempotency_key_valid(key));
}

/* With the longest of all a file name fits. */
static void the_longest(void **state) {
    const struct bench *b = *state;
    char key[IDEMPOTENCY_KEY_MOST + 1], owner[65], id[JOBID_SIZE];
    bool known;
    memset(key, 'k', sizeof key);
    key[IDEMPOTENCY_KEY_MOST] = '\0';
    memset(owner, 'o', sizeof owner);
    owner[64] = '\0';
    strcpy(id, ID_A);
    assert_int_equal(take(b, owner, key, SUM_A, id, &known), RC_OK);
    key[IDEMPOTENCY_KEY_MOST - 1] = 'x';
    strcpy(id, ID_B);
    assert_int_equal(take(b, owner, key, SUM_A, id, &known), RC_OK);
    assert_false(known);
}

/* The id of a child that is killed, or whose disk fails, at its n-th durable action; "" when it did not come to one. *ended: it got so far that there was no
 * n-th. */
static void take_in_child(const struct bench *b, const char *key, unsigned n, const char *action, char id[JOBID_SIZE], bool *ended) {
    int pipes[2], status;
    assert_int_equal(pipe(pipes), 0);
    const pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        char fault[64], mine[JOBID_SIZE] = ID_A;
        struct err err = {0};
        bool known;
        str_format(fault, sizeof fault, "%u:%s", n, action);
        setenv("BATCHSPOOL_FAULT", fault, 1);
        fault_init();
        if (idempotency_take(b->spool, "ops", key, SUM_A, mine, &known, &err) == RC_OK)
            (void)!write(pipes[1], mine, sizeof mine);
        _exit(0);
    }
    close(pipes[1]);
    if (read(pipes[0], id, JOBID_SIZE) != JOBID_SIZE)
        *id = '\0';
    close(pipes[0]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status) || (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL));
    *ended = *id != '\0';
}

/* Whatever happens at whatever step: who was told an id gets it again, and from the next answer on it is one id. */
static void killed_at_each_step(void **state) {
    const struct bench *b = *state;
    static const char *const actions[] = {"kill", "eio", "enospc", "short"};
    for (size_t a = 0; a < sizeof actions / sizeof *actions; a++) {
        unsigned n = 0;
        for (bool ended = false; !ended;) {
            char key[40], told[JOBID_SIZE], id[JOBID_SIZE] = ID_B, again[JOBID_SIZE] = "20261123T170503Z-4f9c2a01b7d5-third";
            bool known;
            str_format(key, sizeof key, "%s-%u", actions[a], ++n);
            take_in_child(b, key, n, actions[a], told, &ended);
            assert_int_equal(take(b, "ops", key, SUM_A, id, &known), RC_OK);
            if (*told)
                assert_string_equal(id, told);
            assert_true(strcmp(id, ID_A) == 0 || strcmp(id, ID_B) == 0);
            assert_int_equal(known, strcmp(id, ID_A) == 0);
            assert_int_equal(take(b, "ops", key, SUM_A, again, &known), RC_OK);
            assert_true(known);
            assert_string_equal(again, id);
            assert_true(n < 20);
        }
        /* Directories, the file's making, writing and syncing, its rename and the directory's syncing. */
        assert_true(n >= (strcmp(actions[a], "short") == 0 ? 1 : 5));
    }
}

static void path_of_first(const struct bench *b, char out[300]) {
    char command[400];
    assert_true(str_format(command, sizeof command, "ls %s/web/idempotency/*.json", b->root));
    FILE *list = popen(command, "r");
    assert_non_null(list);
    assert_non_null(fgets(out, 300, list));
    out[strcspn(out, "\n")] = '\0';
    pclose(list);
}

/* What is there and says nothing is as if it were not; what is old goes. */
static void damage_and_age(void **state) {
    const struct bench *b = *state;
    static const char *const damaged[] = {"", "{", "[]", "{\"sha256\":\"" SUM_A "\",\"job_id\":\"../etc\"}", "{\"sha256\":7,\"job_id\":\"" ID_A "\"}"};
    char path[300], id[JOBID_SIZE];
    bool known;
    strcpy(id, ID_A);
    assert_int_equal(take(b, "ops", "key", SUM_A, id, &known), RC_OK);
    path_of_first(b, path);
    for (size_t i = 0; i < sizeof damaged / sizeof *damaged; i++) {
        bench_put(AT_FDCWD, path, damaged[i]);
        strcpy(id, ID_B);
        assert_int_equal(take(b, "ops", "key", SUM_A, id, &known), RC_OK);
        assert_false(known);
        assert_string_equal(id, ID_B);
    }
    idempotency_prune(b->spool);
    assert_int_equal(access(path, F_OK), 0);
    const time_t then = time(NULL) - IDEMPOTENCY_KEEP_S - 60;
    const struct timespec times[2] = {{.tv_sec = then}, {.tv_sec = then}};
    assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
    idempotency_prune(b->spool);
    assert_int_not_equal(access(path, F_OK), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_first_id_counts, bench_setup, bench_teardown),
        cmocka_unit_test(keys),
        cmocka_unit_test_setup_teardown(the_longest, bench_setup, bench_teardown),
        cmocka_unit_test_setup_teardown(killed_at_each_step, bench_setup, bench_teardown),
        cmocka_unit_test_setup_teardown(damage_and_age, bench_setup, bench_teardown),
    };
    return cmocka_run_group_tests_name("idempotency", tests, NULL, NULL);
}
