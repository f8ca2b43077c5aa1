// SPDX-License-Identifier: Apache-2.0
#include "spool_scratch.h"

#include "spool/recover.h"

/* The event that brings a job where it shall be at the start. */
static const char *const EVENTS[PLACE_COUNT] = {NULL, NULL, "claimed", "completed", "deferred", "held", "failed", "cancelled"};

static void place_job(struct bench *b, const char *id, enum place place) {
    bench_job(b, id);
    if (place == PLACE_PENDING)
        return;
    bench_event(b, id, EVENTS[place], "daemon",
                place == PLACE_DEFERRED ? "{\"until\":\"2026-11-24T06:00:00Z\",\"reason\":\"budget\"}" : "{\"reason\":\"first\"}");
    bench_mv(b, id, PLACE_PENDING, place);
    if (place == PLACE_DEFERRED) {
        struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_sec = 1795500000}};
        char name[JOBID_SIZE + 8];
        snprintf(name, sizeof name, "%s.json", id);
        assert_int_equal(utimensat(b->spool->place_fd[place], name, times, 0), 0);
    }
}

static struct recover_result recover(struct bench *b, const char *id) {
    struct recover_result result;
    assert_int_equal(recover_job(b->spool, id, true, &result, &b->err), RC_OK);
    return result;
}

/* What the journal said last of a job, as raw text. */
static void last_line(struct bench *b, const char *id, char *out, size_t size) {
    struct journal_reader *reader;
    struct journal_line line;
    assert_int_equal(journal_reader_open(b->spool, id, 0, 0, NULL, &reader, &b->err), RC_OK);
    while (journal_reader_next(reader, &line, &b->err) == RC_OK)
        snprintf(out, size, "%.*s", (int)line.length, line.text);
    journal_reader_close(reader);
}

/* Every move by hand there is, from every place to every other: the table of DESIGN 3. */
static void the_table_of_moves_by_hand(void **state) {
    struct bench *b = *state;
    static const char LEGAL[PLACE_COUNT][PLACE_COUNT + 1] = {
        [PLACE_PENDING] = "00000101", [PLACE_PROCESSING] = "01000101", [PLACE_PROCESSED] = "00000000", [PLACE_DEFERRED] = "01000101",
        [PLACE_HOLD] = "01000001",    [PLACE_FAILED] = "01000101",     [PLACE_CANCELLED] = "01000100",
    };
    char id[JOBID_SIZE], line[4096];
    for (enum place from = PLACE_PENDING; from < PLACE_COUNT; from++)
        for (enum place to = PLACE_PENDING; to < PLACE_COUNT; to++) {
            if (from == to)
                continue;
            bool legal = LEGAL[from][to] == '1';
            snprintf(id, sizeof id, "20261123T170501Z-%012x-x", (unsigned)from * 16 + (unsigned)to);
            place_job(b, id, from);
            bench_mv(b, id, from, to);
            struct recover_result result = recover(b, id);
            assert_int_equal(result.what, legal ? RECOVERED_BY_MV : RECOVERED_PUT_BACK);
            assert_int_equal(result.where, legal ? to : from);
            assert_int_equal(result.row.place, result.where);
            assert_int_equal(bench_place(b, id), result.where);
            last_line(b, id, line, sizeof line);
            assert_non_null(strstr(line, "\"by\":\"mv\""));
            if (!legal) {
                assert_non_null(strstr(line, "\"reason\":\"put_back\""));
                assert_true(from == PLACE_PENDING || from == PLACE_DEFERRED || strcmp(result.row.reason, "first") == 0);
            }
            if (to == PLACE_PENDING && legal)
                assert_true(result.row.override_wait);
            bool told = result.where == PLACE_HOLD || result.where == PLACE_FAILED || result.where == PLACE_DEFERRED;
            char why[JOBID_SIZE + 8];
            snprintf(why, sizeof why, "%s.why", id);
            assert_int_equal(bench_has(b->spool->place_fd[result.where], why), told);
            uint64_t seq = result.row.journal_seq;
            result = recover(b, id);
            assert_int_equal(result.what, RECOVERED_NOTHING);
            assert_int_equal(result.row.journal_seq, seq);
        }
}

static void a_touched_deferral_is_the_new_time(void **state) {
    struct bench *b = *state;
    place_job(b, ID_A, PLACE_DEFERRED);
    assert_int_equal(recover(b, ID_A).what, RECOVERED_NOTHING);
    struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_sec = 1795600000}};
    assert_int_equal(utimensat(b->spool->place_fd[PLACE_DEFERRED], ID_A ".json", times, 0), 0);
    struct recover_result result = recover(b, ID_A);
    assert_int_equal(result.what, RECOVERED_BY_MV);
    assert_int_equal(result.row.until_us, INT64_C(1795600000000000));
    assert_string_equal(result.row.reason, "budget");
    assert_true(result.row.override_wait);
    assert_int_equal(recover(b, ID_A).what, RECOVERED_NOTHING);
}

/* What no text can say is the nearest that one can, and told once. */
static void touched_out_of_all_reason(void **state) {
    struct bench *b = *state;
    static const int64_t seconds[] = {-2000000000, -1, 14000000000, 300000000000};
    place_job(b, ID_A, PLACE_DEFERRED);
    for (size_t i = 0; i < sizeof seconds / sizeof seconds[0]; i++) {
        struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_sec = seconds[i]}};
        assert_int_equal(utimensat(b->spool->place_fd[PLACE_DEFERRED], ID_A ".json", times, 0), 0);
        struct recover_result result = recover(b, ID_A);
        assert_true(result.what == RECOVERED_BY_MV || i == 1);
        assert_true(seconds[i] < 0 ? result.row.until_us == 0 : result.row.until_us > INT64_C(13000000000000000));
        assert_int_equal(recover(b, ID_A).what, RECOVERED_NOTHING);
    }
}

static void a_vanished_live_job_is_made_again(void **state) {
    struct bench *b = *state;
    struct recover_result result;
    char text[64];
    for (enum place place = PLACE_PENDING; place < PLACE_COUNT; place++) {
        char id[JOBID_SIZE], name[JOBID_SIZE + 8];
        bool live = place == PLACE_PENDING || place == PLACE_PROCESSING || place == PLACE_DEFERRED || place == PLACE_HOLD;
        snprintf(id, sizeof id, "20261123T170501Z-%012x-x", (unsigned)place);
        snprintf(name, sizeof name, "%s.json", id);
        place_job(b, id, place);
        assert_int_equal(unlinkat(b->spool->place_fd[place], name, 0), 0);
        assert_int_equal(recover_job(b->spool, id, false, &result, &b->err), RC_OK);
        assert_int_equal(result.what, live ? RECOVERED_LOOK_AGAIN : RECOVERED_NOTHING);
        result = recover(b, id);
        assert_int_equal(result.what, live ? RECOVERED_MADE_AGAIN : RECOVERED_NOTHING);
        assert_int_equal(bench_place(b, id), live ? PLACE_HOLD : PLACE_NONE);
        if (!live)
            continue;
        assert_string_equal(result.row.reason, "missing");
        int fd = openat(b->spool->place_fd[PLACE_HOLD], name, O_RDONLY);
        assert_int_equal(read(fd, text, sizeof text), strlen(JOB_TEXT));
        assert_memory_equal(text, JOB_TEXT, strlen(JOB_TEXT));
        close(fd);
        assert_int_equal(recover(b, id).what, RECOVERED_NOTHING);
    }
}

static void of_doubles_the_journals_place_holds(void **state) {
    struct bench *b = *state;
    struct recover_result result;
    place_job(b, ID_A, PLACE_HOLD);
    bench_put(b->spool->place_fd[PLACE_PENDING], ID_A ".json", "other");
    bench_put(b->spool->place_fd[PLACE_CANCELLED], ID_A ".json", "third");
    assert_int_equal(recover_job(b->spool, ID_A, false, &result, &b->err), RC_OK);
    assert_int_equal(result.what, RECOVERED_LOOK_AGAIN);
    result = recover(b, ID_A);
    assert_int_equal(result.what, RECOVERED_DOUBLE);
    assert_int_equal(bench_place(b, ID_A), PLACE_HOLD);
    assert_true(bench_has(b->spool->place_fd[PLACE_FAILED], ID_A ".dup-1.json"));
    assert_true(bench_has(b->spool->place_fd[PLACE_FAILED], ID_A ".dup-2.json"));
    assert_int_equal(recover(b, ID_A).what, RECOVERED_NOTHING);
}

static void else_the_one_that_does_least(void **state) {
    struct bench *b = *state;
    place_job(b, ID_A, PLACE_PROCESSING);
    bench_mv(b, ID_A, PLACE_PROCESSING, PLACE_PENDING);
    bench_put(b->spool->place_fd[PLACE_CANCELLED], ID_A ".json", "other");
    struct recover_result result = recover(b, ID_A);
    assert_int_equal(bench_place(b, ID_A), PLACE_CANCELLED);
    assert_int_equal(result.row.place, PLACE_CANCELLED);
    assert_true(bench_has(b->spool->place_fd[PLACE_FAILED], ID_A ".dup-1.json"));
}

static void a_second_name_of_one_file_is_no_double(void **state) {
    struct bench *b = *state;
    struct stat st;
    place_job(b, ID_A, PLACE_HOLD);
    assert_int_equal(linkat(b->spool->place_fd[PLACE_HOLD], ID_A ".json", b->spool->place_fd[PLACE_PENDING], ID_A ".json", 0), 0);
    recover(b, ID_A);
    assert_int_equal(bench_place(b, ID_A), PLACE_HOLD);
    assert_int_equal(fstatat(b->spool->place_fd[PLACE_HOLD], ID_A ".json", &st, 0), 0);
    assert_int_equal(st.st_nlink, 1);
    assert_false(bench_has(b->spool->place_fd[PLACE_FAILED], ID_A ".dup-1.json"));
}

static void links_are_nobodys_job(void **state) {
    struct bench *b = *state;
    place_job(b, ID_A, PLACE_HOLD);
    assert_int_equal(symlinkat("../hold/" ID_A ".json", b->spool->place_fd[PLACE_PENDING], ID_A ".json"), 0);
    assert_int_equal(recover(b, ID_A).what, RECOVERED_NOTHING);
    assert_true(bench_has(b->spool->place_fd[PLACE_PENDING], ID_A ".json"));
}

static void files_that_never_were_jobs(void **state) {
    struct bench *b = *state;
    for (enum place place = PLACE_PENDING; place < PLACE_COUNT; place++) {
        char id[JOBID_SIZE], name[JOBID_SIZE + 8];
        bool rests = place == PLACE_PENDING || place == PLACE_HOLD || place == PLACE_CANCELLED || place == PLACE_FAILED;
        snprintf(id, sizeof id, "20261123T170501Z-%012x-x", (unsigned)place);
        snprintf(name, sizeof name, "%s.json", id);
        bench_put(b->spool->place_fd[place], name, JOB_TEXT);
        struct recover_result result = recover(b, id);
        assert_int_equal(result.what, RECOVERED_NEVER_ACCEPTED);
        assert_int_equal(result.where, rests ? place : PLACE_FAILED);
        assert_int_equal(bench_place(b, id), result.where);
        assert_false(result.row.accepted);
    }
    assert_int_equal(recover(b, ID_A).what, RECOVERED_NOTHING);
}

/* A drop that was refused lies in failed/; the journal follows where a hand puts it, and a second file of its id is set aside. */
static void refused_drops_are_moved_like_jobs(void **state) {
    struct bench *b = *state;
    for (enum place to = PLACE_PENDING; to < PLACE_COUNT; to++) {
        char id[JOBID_SIZE], name[JOBID_SIZE + 8];
        if (to == PLACE_FAILED)
            continue;
        bool rests = to == PLACE_HOLD || to == PLACE_CANCELLED;
        snprintf(id, sizeof id, "20261123T170501Z-%012x-x", (unsigned)to);
        snprintf(name, sizeof name, "%s.json", id);
        bench_event(b, id, "rejected", "daemon", "{\"reason\":\"invalid\"}");
        bench_put(b->spool->place_fd[PLACE_FAILED], name, JOB_TEXT);
        bench_mv(b, id, PLACE_FAILED, to);
        struct recover_result result = recover(b, id);
        assert_int_equal(result.what, to == PLACE_PENDING ? RECOVERED_NEVER_ACCEPTED : rests ? RECOVERED_BY_MV : RECOVERED_PUT_BACK);
        assert_int_equal(result.where, to == PLACE_PENDING || rests ? to : PLACE_FAILED);
        assert_int_equal(bench_place(b, id), result.where);
        if (to != PLACE_PENDING)
            assert_int_equal(bench_row(b, id).place, result.where);
        assert_false(result.row.accepted);
    }
    /* Put back into the queue, and taken away: it does not wait for ever. */
    bench_event(b, ID_B, "rejected", "daemon", "{\"reason\":\"invalid\"}");
    bench_event(b, ID_B, "requeued", "command line", "{\"to\":\"pending\"}");
    recover(b, ID_B);
    assert_int_equal(bench_row(b, ID_B).place, PLACE_FAILED);
    assert_string_equal(bench_row(b, ID_B).reason, "missing");
    bench_event(b, ID_A, "rejected", "daemon", "{\"reason\":\"invalid\"}");
    bench_put(b->spool->place_fd[PLACE_FAILED], ID_A ".json", JOB_TEXT);
    bench_put(b->spool->place_fd[PLACE_PENDING], ID_A ".json", "{}");
    assert_int_equal(recover(b, ID_A).what, RECOVERED_DOUBLE);
    assert_int_equal(bench_place(b, ID_A), PLACE_FAILED);
    assert_true(bench_has(b->spool->place_fd[PLACE_FAILED], ID_A ".dup-1.json"));
}

static void a_damaged_journal_holds_its_job(void **state) {
    struct bench *b = *state;
    struct recover_result result;
    place_job(b, ID_A, PLACE_PROCESSING);
    bench_event(b, ID_A, "requested", "daemon", "{\"batch\":1}");
    int fd = openat(b->spool->journal_fd, ID_A ".ndjson", O_RDWR);
    assert_int_equal(pwrite(fd, "X", 1, 90), 1);
    close(fd);
    assert_int_equal(recover_job(b->spool, ID_A, true, &result, &b->err), RC_CORRUPT);
    assert_int_equal(result.where, PLACE_HOLD);
    assert_int_equal(bench_place(b, ID_A), PLACE_HOLD);
    assert_true(bench_has(b->spool->place_fd[PLACE_HOLD], ID_A ".why"));
    place_job(b, ID_B, PLACE_CANCELLED);
    fd = openat(b->spool->journal_fd, ID_B ".ndjson", O_RDWR);
    assert_int_equal(pwrite(fd, "X", 1, 90), 1);
    close(fd);
    assert_int_equal(recover_job(b->spool, ID_B, true, &result, NULL), RC_CORRUPT);
    assert_int_equal(bench_place(b, ID_B), PLACE_CANCELLED);
    assert_false(bench_has(b->spool->place_fd[PLACE_HOLD], ID_B ".why"));
}

static int recover_once(struct bench *b) {
    struct recover_result result;
    return (int)recover_job(b->spool, ID_A, true, &result, &b->err);
}

/* What a hand did is brought to its end whenever recovery itself is stopped. */
static void stopped_at_every_step(void **state) {
    char line[4096];
    struct bench *b = *state;
    static const struct {
        enum place from, to, end; /* to none: the file is removed */
    } CASES[] = {{PLACE_PENDING, PLACE_HOLD, PLACE_HOLD},
                 {PLACE_HOLD, PLACE_PENDING, PLACE_PENDING},
                 {PLACE_PENDING, PLACE_PROCESSED, PLACE_PENDING},
                 {PLACE_PROCESSING, PLACE_CANCELLED, PLACE_CANCELLED},
                 {PLACE_PENDING, PLACE_NONE, PLACE_HOLD}};
    static const char *const ACTIONS[] = {"kill", "eio", "enospc"};
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0] * 3; i++) {
        bool stopped = true;
        for (int point = 1; stopped; point++) {
            char plan[32];
            int code;
            for (enum place place = PLACE_PENDING; place < PLACE_COUNT; place++)
                unlinkat(b->spool->place_fd[place], ID_A ".json", 0);
            unlinkat(b->spool->journal_fd, ID_A ".ndjson", 0);
            place_job(b, ID_A, CASES[i / 3].from);
            if (CASES[i / 3].to == PLACE_NONE)
                assert_int_equal(unlinkat(b->spool->place_fd[CASES[i / 3].from], ID_A ".json", 0), 0);
            else
                bench_mv(b, ID_A, CASES[i / 3].from, CASES[i / 3].to);
            snprintf(plan, sizeof plan, "%d:%s", point, ACTIONS[i % 3]);
            stopped = bench_faulty(b, plan, recover_once, &code) || code != RC_OK;
            if (CASES[i / 3].to != PLACE_NONE && CASES[i / 3].from == CASES[i / 3].end && bench_place(b, ID_A) == CASES[i / 3].end) {
                last_line(b, ID_A, line, sizeof line);
                assert_non_null(strstr(line, "put_back")); /* nothing is put back without a word */
            }
            recover(b, ID_A);
            struct recover_result result = recover(b, ID_A);
            assert_int_equal(result.what, RECOVERED_NOTHING);
            assert_int_equal(result.row.place, CASES[i / 3].end);
            assert_int_equal(bench_place(b, ID_A), CASES[i / 3].end);
            assert_true(point < 40);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        BENCH_TEST(the_table_of_moves_by_hand),
        BENCH_TEST(a_touched_deferral_is_the_new_time),
        BENCH_TEST(touched_out_of_all_reason),
        BENCH_TEST(a_vanished_live_job_is_made_again),
        BENCH_TEST(of_doubles_the_journals_place_holds),
        BENCH_TEST(else_the_one_that_does_least),
        BENCH_TEST(a_second_name_of_one_file_is_no_double),
        BENCH_TEST(links_are_nobodys_job),
        BENCH_TEST(files_that_never_were_jobs),
        BENCH_TEST(refused_drops_are_moved_like_jobs),
        BENCH_TEST(a_damaged_journal_holds_its_job),
        BENCH_TEST(stopped_at_every_step),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
