// SPDX-License-Identifier: Apache-2.0
#include "spool_scratch.h"

#include "base/limits.h"
#include "spool/drop.h"

#define PENDING(b) ((b)->spool->place_fd[PLACE_PENDING])

static int none = -1; /* no spare journal */

static enum rc read_it(struct bench *b, const char *name, bool closed, struct stat *st) {
    struct buf text = BUF_INIT(LIMIT_JOB_FILE_BYTES);
    enum rc rc = drop_read(b->spool, name, closed, &text, st, &b->err);
    if (rc == RC_OK)
        assert_int_equal(text.length, st->st_size);
    buf_release(&text);
    return rc;
}

static void submitting(void **state) {
    struct bench *b = *state;
    struct stat st;
    assert_int_equal(drop_submit(b->spool, ID_A ".json", JOB_TEXT, strlen(JOB_TEXT), &b->err), RC_OK);
    assert_false(bench_has(b->spool->jobs_tmp_fd, ID_A ".json"));
    assert_int_equal(fstatat(PENDING(b), ID_A ".json", &st, 0), 0);
    assert_int_equal(st.st_mode & 07777, 0660);
    assert_int_equal(st.st_size, strlen(JOB_TEXT));
    assert_int_equal(drop_submit(b->spool, ID_A ".json", "x", 1, &b->err), RC_PERM);
    assert_int_equal(fstatat(PENDING(b), ID_A ".json", &st, 0), 0);
    assert_int_equal(st.st_size, strlen(JOB_TEXT));
    assert_false(bench_has(b->spool->jobs_tmp_fd, ID_A ".json"));
}

static void a_writer_makes_it_wait(void **state) {
    struct bench *b = *state;
    struct stat st;
    int fd = openat(PENDING(b), "a.json", O_WRONLY | O_CREAT, 0660);
    assert_true(fd >= 0);
    assert_int_equal(read_it(b, "a.json", false, &st), RC_AGAIN);
    assert_int_equal(read_it(b, "a.json", true, &st), RC_OK);
    close(fd);
    assert_int_equal(read_it(b, "a.json", false, &st), RC_OK);
    assert_int_equal(read_it(b, "b.json", false, &st), RC_GONE);
}

static void what_is_no_job_file_is_left_alone(void **state) {
    struct bench *b = *state;
    struct stat st;
    bench_put(PENDING(b), "one.json", "{}");
    assert_int_equal(linkat(PENDING(b), "one.json", PENDING(b), "two.json", 0), 0);
    assert_int_equal(symlinkat("/etc/passwd", PENDING(b), "link.json"), 0);
    assert_int_equal(mkfifoat(PENDING(b), "fifo.json", 0660), 0);
    assert_int_equal(mkdirat(PENDING(b), "dir.json", 0770), 0);
    static const char *const NAMES[] = {"one.json", "two.json", "link.json", "fifo.json", "dir.json"};
    for (size_t i = 0; i < sizeof NAMES / sizeof NAMES[0]; i++) {
        assert_int_equal(read_it(b, NAMES[i], true, &st), RC_PERM);
        assert_true(bench_has(PENDING(b), NAMES[i]));
    }
}

static void a_huge_file_is_not_read(void **state) {
    struct bench *b = *state;
    struct stat st;
    int fd = openat(PENDING(b), "huge.json", O_WRONLY | O_CREAT, 0660);
    assert_int_equal(ftruncate(fd, (off_t)1 << 40), 0);
    close(fd);
    assert_int_equal(read_it(b, "huge.json", true, &st), RC_CORRUPT);
}

static struct drop fresh(const char *name, const struct stat *st, const char *id) {
    struct drop drop = {.name = name, .st = st, .fresh_id = true, .to = PLACE_PENDING, .event = "accepted"};
    snprintf(drop.job_id, sizeof drop.job_id, "%s", id);
    return drop;
}

static void a_batch_is_taken_in(void **state) {
    struct bench *b = *state;
    struct stat st[3];
    cJSON *members = cJSON_Parse("{\"text\":\"{}\",\"source\":\"s\"}"), *bad = cJSON_Parse("{\"reason\":\"invalid\",\"error\":\"line 1\"}");
    bench_put(PENDING(b), "a.json", "{}");
    bench_put(PENDING(b), "b.json", "{");
    bench_put(PENDING(b), ID_B ".json", "{}");
    struct drop drops[3] = {fresh("a.json", &st[0], ID_A), fresh("b.json", &st[1], "20261123T170501Z-000000000001-b"), fresh(ID_B ".json", &st[2], ID_B)};
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(read_it(b, drops[i].name, true, &st[i]), RC_OK);
        drops[i].members = members;
    }
    drops[1].to = PLACE_FAILED;
    drops[1].event = "rejected";
    drops[1].members = bad;
    drops[1].why = "line 1\n";
    drops[2].fresh_id = false;
    drop_accept(b->spool, drops, 3, &none, NULL);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(drops[i].rc, RC_OK);
        assert_int_equal(bench_place(b, drops[i].job_id), drops[i].to);
        assert_int_equal(bench_row(b, drops[i].job_id).place, drops[i].to);
    }
    assert_false(bench_has(PENDING(b), "a.json"));
    assert_true(bench_has(b->spool->place_fd[PLACE_FAILED], "20261123T170501Z-000000000001-b.why"));
    assert_true(bench_row(b, ID_A).accepted);
    cJSON_Delete(members);
    cJSON_Delete(bad);
}

static void a_taken_id_is_drawn_again(void **state) {
    struct bench *b = *state;
    struct stat st;
    bench_job(b, ID_A);
    bench_put(PENDING(b), "CA Absentee.json", "{}");
    assert_int_equal(read_it(b, "CA Absentee.json", true, &st), RC_OK);
    struct drop drop = fresh("CA Absentee.json", &st, ID_A);
    drop_accept(b->spool, &drop, 1, &none, NULL);
    assert_int_equal(drop.rc, RC_OK);
    assert_string_not_equal(drop.job_id, ID_A);
    assert_non_null(strstr(drop.job_id, "-ca-absentee"));
    assert_int_equal(bench_row(b, ID_A).journal_seq, 1);
    assert_int_equal(bench_row(b, drop.job_id).journal_seq, 1);
}

static void a_file_that_was_replaced_goes_back(void **state) {
    struct bench *b = *state;
    struct stat st;
    bench_put(PENDING(b), "a.json", "{}");
    assert_int_equal(read_it(b, "a.json", true, &st), RC_OK);
    bench_put(PENDING(b), "new", "{ }");
    assert_int_equal(renameat(PENDING(b), "new", PENDING(b), "a.json"), 0);
    struct drop drop = fresh("a.json", &st, ID_A);
    drop_accept(b->spool, &drop, 1, &none, NULL);
    assert_int_equal(drop.rc, RC_GONE);
    assert_true(bench_has(PENDING(b), "a.json"));
    assert_int_equal(bench_place(b, ID_A), PLACE_NONE);
    assert_false(bench_has(b->spool->journal_fd, ID_A ".ndjson"));
    drop = fresh("b.json", &st, ID_A);
    drop_accept(b->spool, &drop, 1, &none, NULL);
    assert_int_equal(drop.rc, RC_GONE);
}

static int accept_again(struct bench *b) {
    int spare = -1;
    struct stat st;
    struct buf text = BUF_INIT(LIMIT_JOB_FILE_BYTES);
    bool named = !bench_has(PENDING(b), "a.json");
    const char *name = named ? ID_A ".json" : "a.json";
    enum rc rc = drop_read(b->spool, name, true, &text, &st, &b->err);
    buf_release(&text);
    if (rc != RC_OK)
        return (int)rc;
    struct drop drop = fresh(name, &st, ID_A);
    drop.fresh_id = !named;
    struct beside *beside = NULL;
    beside_new(&beside, NULL);
    journal_spare(b->spool, &spare);
    drop_accept(b->spool, &drop, 1, &spare, beside);
    beside_free(beside);
    if (spare >= 0)
        close(spare);
    return (int)drop.rc;
}

static void stopped_at_every_step(void **state) {
    struct bench *b = *state;
    static const char *const ACTIONS[] = {"kill", "eio", "enospc"};
    for (size_t action = 0; action < 3; action++) {
        bool stopped = true;
        for (int point = 1; stopped; point++) {
            char plan[32];
            int code;
            unlinkat(PENDING(b), ID_A ".json", 0);
            unlinkat(b->spool->journal_fd, ID_A ".ndjson", 0);
            bench_put(PENDING(b), "a.json", "{}");
            snprintf(plan, sizeof plan, "%d:%s", point, ACTIONS[action]);
            stopped = bench_faulty(b, plan, accept_again, &code) || code != RC_OK;
            /* Whatever was done: the same file is there once, and is one job after the next try. */
            assert_int_not_equal(bench_has(PENDING(b), "a.json"), bench_has(PENDING(b), ID_A ".json"));
            if (stopped)
                assert_int_equal(accept_again(b), RC_OK);
            assert_int_equal(bench_place(b, ID_A), PLACE_PENDING);
            assert_true(bench_row(b, ID_A).accepted);
            assert_true(point < 40);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        BENCH_TEST(submitting),
        BENCH_TEST(a_writer_makes_it_wait),
        BENCH_TEST(what_is_no_job_file_is_left_alone),
        BENCH_TEST(a_huge_file_is_not_read),
        BENCH_TEST(a_batch_is_taken_in),
        BENCH_TEST(a_taken_id_is_drawn_again),
        BENCH_TEST(a_file_that_was_replaced_goes_back),
        BENCH_TEST(stopped_at_every_step),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
