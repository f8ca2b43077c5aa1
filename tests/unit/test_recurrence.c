// SPDX-License-Identifier: Apache-2.0
#include "spool_scratch.h"
#include "spool/drop.h"
#include "spool/recurrence.h"

#include <dirent.h>

#define DUE INT64_C(1795431600) /* 2026-11-23T11:00:00Z */
#define TEXT "{\"source\":\"test\"}\n"
#define PENDING(b) ((b)->spool->place_fd[PLACE_PENDING])

static void the_file(void **state) {
    struct bench *b = *state;
    struct recurrence r;
    assert_int_equal(recurrence_read(b->spool, "nightly", &r, &b->err), RC_GONE);
    assert_true(r.after_s == RECURRENCE_NONE && r.due_s == RECURRENCE_NONE && !r.job_id[0] && !r.times[0]);
    struct recurrence w = {.times = "cron 0 6 * * 1-5 in America/New_York", .after_s = DUE, .due_s = DUE, .missed = 2, .missed_until_s = DUE - 86400};
    str_copy(w.job_id, sizeof w.job_id, ID_A);
    assert_int_equal(recurrence_write(b->spool, "nightly", &w, &b->err), RC_OK);
    assert_int_equal(recurrence_read(b->spool, "nightly", &r, &b->err), RC_OK);
    assert_string_equal(r.times, w.times);
    assert_string_equal(r.job_id, ID_A);
    assert_true(r.after_s == DUE && r.due_s == DUE && r.missed == 2 && r.missed_until_s == DUE - 86400);
    w = (struct recurrence){.times = "every PT1S", .after_s = RECURRENCE_NONE, .due_s = RECURRENCE_NONE, .missed_until_s = RECURRENCE_NONE};
    assert_int_equal(recurrence_write(b->spool, "nightly", &w, &b->err), RC_OK);
    assert_int_equal(recurrence_read(b->spool, "nightly", &r, &b->err), RC_OK);
    assert_true(r.after_s == RECURRENCE_NONE && r.due_s == RECURRENCE_NONE && !r.job_id[0] && r.missed == 0);
    struct stat st;
    assert_int_equal(fstatat(b->spool->schedules_fd, "nightly.state", &st, 0), 0);
    assert_int_equal(st.st_mode & 07777, 0660);
    assert_int_equal(recurrence_remove(b->spool, "nightly", &b->err), RC_OK);
    assert_int_equal(recurrence_remove(b->spool, "nightly", &b->err), RC_GONE);
}

static void a_damaged_file(void **state) {
    struct bench *b = *state;
    static const char *const texts[] = {"", "{", "[]", "{\"after\":1}garbage", "\"x\""};
    struct recurrence r;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        bench_put(b->spool->schedules_fd, "x.state", texts[i]);
        assert_int_equal(recurrence_read(b->spool, "x", &r, &b->err), RC_CORRUPT);
        assert_non_null(strstr(b->err.text, "schedules/x.state"));
        assert_true(r.after_s == RECURRENCE_NONE);
    }
    bench_put(b->spool->schedules_fd, "x.state", "{\"after\": 5, \"due\": \"yesterday\", \"missed\": -1, \"job_id\": [], \"new\": 1}");
    assert_int_equal(recurrence_read(b->spool, "x", &r, &b->err), RC_OK);
    assert_true(r.after_s == RECURRENCE_NONE && r.due_s == RECURRENCE_NONE && r.missed == 0);
}

static void ids(void **state) {
    (void)state;
    char a[JOBID_SIZE], c[JOBID_SIZE];
    recurrence_job_id("Nightly_run", DUE, a);
    assert_true(jobid_valid(a));
    assert_true(str_starts(a, "20261123T110000Z-") && str_ends(a, "-nightly-run"));
    recurrence_job_id("Nightly_run", DUE, c);
    assert_string_equal(a, c);
    recurrence_job_id("nightly-run", DUE, c); /* the same slug, another schedule */
    assert_string_not_equal(a, c);
    recurrence_job_id("Nightly_run", DUE + 1, c);
    assert_int_not_equal(strncmp(a + 17, c + 17, 12), 0);
}

static void dropping_twice(void **state) {
    struct bench *b = *state;
    char id[JOBID_SIZE], file[JOBID_SIZE + 8];
    recurrence_job_id("nightly", DUE, id);
    snprintf(file, sizeof file, "%s.json", id);
    assert_false(recurrence_begun(b->spool, id));
    bench_put(b->spool->jobs_tmp_fd, file, "{\"sour"); /* of a kill */
    assert_true(recurrence_begun(b->spool, id));
    assert_int_equal(recurrence_drop(b->spool, id, TEXT, strlen(TEXT), &b->err), RC_OK);
    assert_int_equal(bench_place(b, id), PLACE_PENDING);
    assert_false(bench_has(b->spool->jobs_tmp_fd, file));
    assert_true(recurrence_begun(b->spool, id));
    assert_int_equal(recurrence_drop(b->spool, id, "other", 5, &b->err), RC_OK);
    struct stat st;
    assert_int_equal(fstatat(PENDING(b), file, &st, 0), 0);
    assert_int_equal(st.st_size, strlen(TEXT));
    assert_int_equal(st.st_mode & 07777, 0660);
    /* Wherever it went meanwhile. */
    bench_mv(b, id, PLACE_PENDING, PLACE_HOLD);
    assert_int_equal(recurrence_drop(b->spool, id, TEXT, strlen(TEXT), &b->err), RC_OK);
    assert_int_equal(bench_place(b, id), PLACE_HOLD);
    bench_mv(b, id, PLACE_HOLD, PLACE_PENDING);
    bench_event(b, id, "accepted", "daemon", "{\"text\":\"x\"}");
    assert_int_equal(unlinkat(PENDING(b), file, 0), 0);
    assert_int_equal(recurrence_drop(b->spool, id, TEXT, strlen(TEXT), &b->err), RC_OK);
    assert_int_equal(bench_place(b, id), PLACE_NONE);
    assert_true(recurrence_begun(b->spool, id));
}

/* As the daemon does it for one due time: the job, then the state. */
static int run_once(struct bench *b) {
    char id[JOBID_SIZE];
    struct recurrence state = {.times = "every PT1H", .after_s = DUE, .due_s = DUE, .missed_until_s = RECURRENCE_NONE};
    recurrence_job_id("nightly", DUE, id);
    str_copy(state.job_id, sizeof state.job_id, id);
    enum rc rc = recurrence_drop(b->spool, id, TEXT, strlen(TEXT), &b->err);
    return (int)(rc ? rc : recurrence_write(b->spool, "nightly", &state, &b->err));
}

static unsigned files_in(int dir_fd) {
    unsigned count = 0;
    int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fdopendir(fd);
    for (struct dirent *entry; (entry = readdir(dir));)
        count += entry->d_name[0] != '.';
    closedir(dir);
    return count;
}

/* After a kill, or a refusal of the disk, at every point: the next try leaves one job, whole, and the state that says so. `accept`: somebody took the job in
 * before that. */
static void stopped(struct bench *b, const char *action, bool accept) {
    char id[JOBID_SIZE], file[JOBID_SIZE + 8], journal[JOBID_SIZE + 8];
    bool stops = true;
    int points = 0;
    recurrence_job_id("nightly", DUE, id);
    snprintf(file, sizeof file, "%s.json", id);
    snprintf(journal, sizeof journal, "%s.ndjson", id);
    for (int point = 1; stops; point++) {
        char plan[32];
        int code;
        struct recurrence state;
        unlinkat(PENDING(b), file, 0);
        unlinkat(b->spool->place_fd[PLACE_PROCESSED], file, 0);
        unlinkat(b->spool->journal_fd, journal, 0);
        recurrence_remove(b->spool, "nightly", NULL);
        snprintf(plan, sizeof plan, "%d:%s", point, action);
        stops = bench_faulty(b, plan, run_once, &code) || code != RC_OK;
        bool there = bench_has(PENDING(b), file);
        if (there && accept) {
            bench_job(b, id);
            bench_mv(b, id, PLACE_PENDING, PLACE_PROCESSED);
        }
        if (stops)
            assert_int_equal(run_once(b), RC_OK);
        assert_int_equal(bench_place(b, id), there && accept ? PLACE_PROCESSED : PLACE_PENDING);
        assert_int_equal(files_in(PENDING(b)) + files_in(b->spool->place_fd[PLACE_PROCESSED]), 1);
        assert_int_equal(files_in(b->spool->jobs_tmp_fd), 0);
        struct stat st;
        if (!accept || !there) {
            assert_int_equal(fstatat(PENDING(b), file, &st, 0), 0);
            assert_int_equal(st.st_size, strlen(TEXT));
        }
        assert_int_equal(recurrence_read(b->spool, "nightly", &state, &b->err), RC_OK);
        assert_int_equal(state.after_s, DUE);
        assert_string_equal(state.job_id, id);
        points = point;
        assert_true(point < 40);
    }
    assert_true(points > 8);
}

static void stopped_at_every_step(void **state) {
    static const char *const actions[] = {"kill", "eio", "enospc"};
    for (size_t i = 0; i < sizeof actions / sizeof actions[0]; i++) {
        stopped(*state, actions[i], false);
        stopped(*state, actions[i], true);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        BENCH_TEST(the_file), BENCH_TEST(a_damaged_file), cmocka_unit_test(ids), BENCH_TEST(dropping_twice), BENCH_TEST(stopped_at_every_step),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
