// SPDX-License-Identifier: Apache-2.0
#include "spool_scratch.h"

#include "spool/move.h"
#include "spool/recover.h"

#include <grp.h>

#define CHECK(condition)                                                                                                                                       \
    if (!(condition))                                                                                                                                          \
    return __LINE__ % 200 + 1

static enum rc go(struct bench *b, enum place from, enum place to, const char *event) {
    struct move move = {.job_id = ID_A, .from = from, .to = to, .event = event, .by = "daemon"};
    return move_job(b->spool, &move, &b->err);
}

static void the_table_of_legal_moves(void **state) {
    (void)state;
    static const char LEGAL[PLACE_COUNT][PLACE_COUNT + 1] = {
        /* to:            N P p d D h f c */
        [PLACE_PENDING] = "00000101", [PLACE_PROCESSING] = "01000101", [PLACE_PROCESSED] = "00000000", [PLACE_DEFERRED] = "01000101",
        [PLACE_HOLD] = "01000001",    [PLACE_FAILED] = "01000101",     [PLACE_CANCELLED] = "01000100",
    };
    struct err err = {0};
    for (enum place from = PLACE_PENDING; from < PLACE_COUNT; from++)
        for (enum place to = PLACE_PENDING; to < PLACE_COUNT; to++)
            assert_int_equal(move_legal(from, to, &err), LEGAL[from][to] == '1' ? RC_OK : RC_PERM);
}

static void a_move_takes_file_journal_and_why(void **state) {
    struct bench *b = *state;
    bench_job(b, ID_A);
    assert_int_equal(go(b, PLACE_PENDING, PLACE_PROCESSING, "claimed"), RC_OK);
    assert_int_equal(bench_place(b, ID_A), PLACE_PROCESSING);
    cJSON *members = cJSON_Parse("{\"reason\":\"max_records\"}");
    struct move hold = {.job_id = ID_A, .from = PLACE_PROCESSING, .to = PLACE_HOLD, .event = "held", .by = "daemon", .members = members, .why = "why\n"};
    assert_int_equal(move_job(b->spool, &hold, &b->err), RC_OK);
    cJSON_Delete(members);
    assert_int_equal(bench_place(b, ID_A), PLACE_HOLD);
    assert_string_equal(bench_row(b, ID_A).reason, "max_records");
    assert_true(bench_has(b->spool->place_fd[PLACE_HOLD], ID_A ".why"));
    members = cJSON_Parse("{\"from\":\"hold\",\"to\":\"pending\"}");
    struct move release = {.job_id = ID_A, .from = PLACE_HOLD, .to = PLACE_PENDING, .event = "requeued", .by = "command line", .members = members};
    assert_int_equal(move_job(b->spool, &release, &b->err), RC_OK);
    cJSON_Delete(members);
    assert_int_equal(bench_row(b, ID_A).place, PLACE_PENDING);
    assert_false(bench_has(b->spool->place_fd[PLACE_HOLD], ID_A ".why"));
}

static void a_file_that_is_elsewhere_is_looked_for_again(void **state) {
    struct bench *b = *state;
    bench_job(b, ID_A);
    assert_int_equal(go(b, PLACE_HOLD, PLACE_PENDING, "requeued"), RC_GONE);
    assert_int_equal(go(b, PLACE_PROCESSING, PLACE_HOLD, "held"), RC_GONE);
    assert_int_equal(bench_row(b, ID_A).journal_seq, 1);
    bench_put(b->spool->place_fd[PLACE_PENDING], ID_B ".json", JOB_TEXT);
    struct move move = {.job_id = ID_B, .from = PLACE_PENDING, .to = PLACE_HOLD, .event = "held", .by = "web"};
    assert_int_equal(move_job(b->spool, &move, &b->err), RC_GONE);
    assert_int_equal(bench_place(b, ID_B), PLACE_PENDING);
}

static void a_double_is_never_replaced(void **state) {
    struct bench *b = *state;
    bench_job(b, ID_A);
    bench_put(b->spool->place_fd[PLACE_HOLD], ID_A ".json", "other");
    assert_int_equal(go(b, PLACE_PENDING, PLACE_HOLD, "held"), RC_PERM);
    assert_int_equal(bench_row(b, ID_A).place, PLACE_PENDING);
}

static struct move deferral(cJSON *members) {
    return (struct move){.job_id = ID_A,
                         .from = PLACE_PENDING,
                         .to = PLACE_DEFERRED,
                         .event = "deferred",
                         .by = "daemon",
                         .members = members,
                         .until_us = INT64_C(1795500000000000)};
}

static void the_schedule_is_the_files_time(void **state) {
    struct bench *b = *state;
    struct stat st;
    bench_job(b, ID_A);
    cJSON *members = cJSON_Parse("{\"until\":\"2026-11-24T06:00:00Z\"}");
    struct move move = deferral(members);
    assert_int_equal(move_job(b->spool, &move, &b->err), RC_OK);
    cJSON_Delete(members);
    assert_int_equal(fstatat(b->spool->place_fd[PLACE_DEFERRED], ID_A ".json", &st, 0), 0);
    assert_int_equal(st.st_mtim.tv_sec, 1795500000);
}

/* As another user of the group, who may rename the file but not set its time. */
static int defer_as_another(struct bench *b) {
    cJSON *members = cJSON_Parse("{\"until\":\"2026-11-24T06:00:00Z\"}");
    struct move move = deferral(members);
    struct recover_result result;
    CHECK(setgroups(0, NULL) == 0 && setgid(65534) == 0 && setuid(65534) == 0);
    CHECK(move_job(b->spool, &move, &b->err) == RC_OK);
    cJSON_Delete(members);
    CHECK(recover_job(b->spool, ID_A, true, &result, &b->err) == RC_OK);
    CHECK(result.what == RECOVERED_NOTHING && result.row.place == PLACE_DEFERRED);
    CHECK(result.row.until_us == INT64_C(1795500000000000));
    return 0;
}

static int give_to_group(const char *path, const struct stat *st, int kind, struct FTW *ftw) {
    (void)kind;
    (void)ftw;
    assert_int_equal(lchown(path, (uid_t)-1, 65534), 0);
    return chmod(path, st->st_mode & 07777);
}

static void another_users_file_keeps_its_time(void **state) {
    struct bench *b = *state;
    int code;
    if (geteuid() != 0)
        skip();
    bench_job(b, ID_A);
    assert_int_equal(nftw(b->root, give_to_group, 16, FTW_PHYS), 0);
    assert_int_equal(chmod(b->scratch->path, 0755), 0);
    assert_int_equal(fchmodat(b->spool->place_fd[PLACE_PENDING], ID_A ".json", 0660, 0), 0);
    assert_int_equal(fchmodat(b->spool->journal_fd, ID_A ".ndjson", 0660, 0), 0);
    assert_false(bench_faulty(b, "1000000:eio", defer_as_another, &code));
    assert_int_equal(code, 0);
}

static int claim(struct bench *b) {
    return (int)go(b, PLACE_PENDING, PLACE_PROCESSING, "claimed");
}

static int hold(struct bench *b) {
    return (int)go(b, PLACE_PROCESSING, PLACE_HOLD, "held");
}

/* File and journal agree after a kill at any point, once recovery was there. */
static void assert_recovered(struct bench *b) {
    struct recover_result result;
    assert_int_equal(recover_job(b->spool, ID_A, true, &result, &b->err), RC_OK);
    assert_int_equal(recover_job(b->spool, ID_A, true, &result, &b->err), RC_OK);
    assert_int_equal(result.what, RECOVERED_NOTHING);
    assert_int_equal(bench_place(b, ID_A), result.row.place);
}

static void stopped_at_every_step(void **state) {
    struct bench *b = *state;
    static int (*const STEPS[])(struct bench *) = {claim, hold};
    static const enum place BEFORE[] = {PLACE_PENDING, PLACE_PROCESSING};
    static const char *const ACTIONS[] = {"kill", "eio", "enospc"};
    bench_job(b, ID_A);
    for (size_t step = 0; step < 2; step++)
        for (size_t action = 0; action < 3; action++) {
            bool stopped = true;
            for (int point = 1; stopped; point++) {
                char plan[32];
                int code;
                enum place now = bench_row(b, ID_A).place;
                if (now != BEFORE[step]) { /* start over, from where the step begins */
                    if (now != PLACE_PENDING)
                        assert_int_equal(go(b, now, PLACE_PENDING, "requeued"), RC_OK);
                    if (BEFORE[step] == PLACE_PROCESSING)
                        assert_int_equal(go(b, PLACE_PENDING, PLACE_PROCESSING, "claimed"), RC_OK);
                }
                snprintf(plan, sizeof plan, "%d:%s", point, ACTIONS[action]);
                stopped = bench_faulty(b, plan, STEPS[step], &code) || code != RC_OK;
                assert_recovered(b);
                assert_true(point < 40);
            }
        }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_table_of_legal_moves), BENCH_TEST(a_move_takes_file_journal_and_why), BENCH_TEST(a_file_that_is_elsewhere_is_looked_for_again),
        BENCH_TEST(a_double_is_never_replaced),     BENCH_TEST(the_schedule_is_the_files_time),    BENCH_TEST(another_users_file_keeps_its_time),
        BENCH_TEST(stopped_at_every_step),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
