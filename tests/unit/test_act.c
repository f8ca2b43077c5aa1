// SPDX-License-Identifier: Apache-2.0
#include "spool_scratch.h"

#include "engine/act.h"
#include "engine/batches.h"
#include "spool/move.h"

#include <errno.h>

#define SUM SUM_A

/* An accepted job that the daemon put there. */
static void lay(const struct bench *b, enum place place, const char *reason) {
    static const char *const events[PLACE_COUNT] = {[PLACE_PROCESSING] = "claimed", [PLACE_PROCESSED] = "completed", [PLACE_DEFERRED] = "deferred",
                                                    [PLACE_HOLD] = "held",          [PLACE_FAILED] = "failed",       [PLACE_CANCELLED] = "cancelled"};
    struct err err = {0};
    bench_job(b, ID_A);
    if (place == PLACE_PENDING)
        return;
    cJSON *members = cJSON_CreateObject();
    cJSON_AddStringToObject(members, "reason", reason);
    const struct move move = {.job_id = ID_A, .from = PLACE_PENDING, .to = place, .event = events[place], .by = "daemon", .members = members};
    assert_int_equal(move_job(b->spool, &move, &err), RC_OK);
    cJSON_Delete(members);
}

static struct jobs_entry find(const struct bench *b) {
    struct jobs_entry job;
    struct err err = {0};
    assert_int_equal(act_find(b->spool, ID_A, &job, &err), RC_OK);
    return job;
}

static void every_verb_in_every_place(void **state) {
    (void)state;
    /* The place where the job is then; 0: refused, and it stays. */
    static const enum place then[PLACE_COUNT][ACT_REQUEUE + 1] = {
        [PLACE_PENDING] = {[ACT_CANCEL] = PLACE_CANCELLED, [ACT_HOLD] = PLACE_HOLD},
        [PLACE_PROCESSING] = {[ACT_RETRY] = PLACE_PENDING, [ACT_CANCEL] = PLACE_CANCELLED, [ACT_HOLD] = PLACE_HOLD, [ACT_REQUEUE] = PLACE_PENDING},
        [PLACE_DEFERRED] = {PLACE_PENDING, PLACE_CANCELLED, PLACE_HOLD, PLACE_PENDING, PLACE_PENDING},
        [PLACE_HOLD] = {PLACE_PENDING, PLACE_CANCELLED, PLACE_NONE, PLACE_PENDING, PLACE_PENDING},
        [PLACE_FAILED] = {PLACE_PENDING, PLACE_CANCELLED, PLACE_HOLD, PLACE_PENDING, PLACE_PENDING},
        [PLACE_CANCELLED] = {PLACE_PENDING, PLACE_NONE, PLACE_HOLD, PLACE_PENDING, PLACE_PENDING},
    };
    for (enum place place = PLACE_PENDING; place < PLACE_COUNT; place++)
        for (enum act_verb verb = ACT_RETRY; verb <= ACT_REQUEUE; verb++) {
            void *made;
            bench_setup(&made);
            struct bench *b = made;
            const struct act act = {.verb = verb, .by = "ada"};
            const enum place want = then[place][verb];
            uint64_t left = 7;
            lay(b, place, "max_records");
            struct jobs_entry job = find(b);
            assert_int_equal(job.place, place);
            assert_int_equal(act_move(b->spool, &job, &act, &left, &b->err), want == PLACE_NONE ? RC_PERM : RC_OK);
            assert_int_equal(left, 0);
            if (want == PLACE_NONE)
                assert_int_equal(errno, 0);
            assert_int_equal(bench_place(b, ID_A), want == PLACE_NONE ? place : want);
            assert_int_equal(job.place, bench_place(b, ID_A));
            assert_int_equal(bench_row(b, ID_A).place, job.place);
            assert_int_equal(bench_has(b->spool->place_fd[PLACE_HOLD], ID_A ".why"), want == PLACE_HOLD);
            bench_teardown(&made);
        }
}

static void a_job_that_moved_is_followed(void **state) {
    struct bench *b = *state;
    const struct act act = {.verb = ACT_CANCEL, .by = "ada"};
    lay(b, PLACE_HOLD, "max_records");
    struct jobs_entry job = find(b);
    job.place = PLACE_DEFERRED;
    assert_int_equal(act_move(b->spool, &job, &act, NULL, &b->err), RC_OK);
    assert_int_equal(bench_place(b, ID_A), PLACE_CANCELLED);
}

static void no_such_job(void **state) {
    struct bench *b = *state;
    struct jobs_entry job;
    assert_int_equal(act_find(b->spool, ID_B, &job, &b->err), RC_GONE);
    assert_int_equal(act_find(b->spool, "../x", &job, &b->err), RC_GONE);
}

static void a_job_that_was_never_accepted_moves_alone(void **state) {
    struct bench *b = *state;
    struct act act = {.verb = ACT_HOLD, .by = "ada"};
    bench_put(b->spool->place_fd[PLACE_PENDING], ID_A ".json", JOB_TEXT);
    struct jobs_entry job = find(b);
    assert_int_equal(act_move(b->spool, &job, &act, NULL, &b->err), RC_OK);
    assert_int_equal(bench_place(b, ID_A), PLACE_HOLD);
    assert_false(jobs_has_journal(b->spool, ID_A));
    act = (struct act){.verb = ACT_RELEASE, .by = "ada", .decision = ACT_GIVE_UP};
    assert_int_equal(act_move(b->spool, &job, &act, NULL, &b->err), RC_PERM);
    assert_int_equal(bench_place(b, ID_A), PLACE_HOLD);
}

/* --- decisions ------------------------------------------------------------------------------------------------------- */

static void doubt(const struct bench *b) {
    bench_job(b, ID_A);
    bench_event(b, ID_A, "requested", NULL, "{\"batch\":1,\"paid\":true,\"cost_most\":\"20\",\"currency\":\"USD\"}");
    bench_event(b, ID_A, "charge_unknown", NULL, "{\"batch\":1,\"cost\":\"20\",\"currency\":\"USD\",\"reason\":\"timeout\"}");
    bench_event(b, ID_A, "charge_unknown", NULL, "{\"batch\":3,\"cost\":\"20\",\"currency\":\"USD\",\"reason\":\"timeout\"}");
    cJSON *members = cJSON_Parse("{\"reason\":\"charge_unknown\"}");
    const struct move move = {.job_id = ID_A, .from = PLACE_PENDING, .to = PLACE_HOLD, .event = "held", .by = "daemon", .members = members};
    struct err err = {0};
    assert_int_equal(move_job(b->spool, &move, &err), RC_OK);
    cJSON_Delete(members);
    assert_int_equal(bench_row(b, ID_A).unknown_batches, 2);
}

static void money_in_doubt_is_decided_first(void **state) {
    struct bench *b = *state;
    doubt(b);
    struct jobs_entry job = find(b);
    uint64_t left;
    for (enum act_verb verb = ACT_RETRY; verb <= ACT_REQUEUE; verb++) {
        const struct act act = {.verb = verb, .by = "ada"};
        if (verb == ACT_CANCEL || verb == ACT_HOLD)
            continue;
        assert_int_equal(act_move(b->spool, &job, &act, &left, &b->err), RC_AGAIN);
        assert_non_null(strstr(b->err.text, "--accept-charge"));
    }
    struct act act = {.verb = ACT_RELEASE, .by = "ada", .decision = ACT_ACCEPT_CHARGE, .batch = 2};
    assert_int_equal(act_move(b->spool, &job, &act, &left, &b->err), RC_PERM);
    act.batch = 3;
    assert_int_equal(act_move(b->spool, &job, &act, &left, &b->err), RC_OK);
    assert_int_equal(left, 1);
    assert_int_equal(bench_place(b, ID_A), PLACE_HOLD);
    act = (struct act){.verb = ACT_RELEASE, .by = "ada", .decision = ACT_GIVE_UP};
    assert_int_equal(act_move(b->spool, &job, &act, &left, &b->err), RC_OK);
    assert_int_equal(left, 0);
    assert_int_equal(bench_place(b, ID_A), PLACE_PENDING);
    assert_int_equal(bench_row(b, ID_A).unknown_batches, 0);
}

static void a_decision_needs_its_reason(void **state) {
    (void)state;
    static const struct {
        const char *name, *reason;
    } good[] = {{"accept_duplicates", "duplicates"},
                {"accept_coverage", "coverage"},
                {"accept_coverage", "depth_limit"},
                {"buy_all", "no_ids"},
                {"buy_all", "listing"},
                {"accept_charge", ""},
                {"give_up", ""}};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        for (int fits = 0; fits < 2; fits++) {
            void *made;
            bench_setup(&made);
            struct bench *b = made;
            struct act act = {.verb = ACT_RELEASE, .by = "ada"};
            assert_true(act_decision_parse(good[i].name, &act.decision));
            lay(b, PLACE_HOLD, fits ? good[i].reason : "max_records");
            struct jobs_entry job = find(b);
            const bool done = fits && *good[i].reason;
            assert_int_equal(act_move(b->spool, &job, &act, NULL, &b->err), done ? RC_OK : RC_PERM);
            assert_int_equal(bench_place(b, ID_A), done ? PLACE_PENDING : PLACE_HOLD);
            bench_teardown(&made);
        }
    enum act_decision decision;
    enum act_verb verb;
    assert_false(act_decision_parse("", &decision));
    assert_false(act_decision_parse("accept", &decision));
    assert_true(act_verb_parse("release", &verb));
    assert_int_equal(verb, ACT_RELEASE);
    assert_false(act_verb_parse("priority", &verb));
}

/* --- priority -------------------------------------------------------------------------------------------------------- */

static void priority_rewrites_what_waits(void **state) {
    (void)state;
    for (enum place place = PLACE_PENDING; place < PLACE_COUNT; place++) {
        void *made;
        bench_setup(&made);
        struct bench *b = made;
        lay(b, place, "asked");
        struct jobs_entry job = find(b);
        const bool waits = place == PLACE_PENDING || place == PLACE_PROCESSING || place == PLACE_DEFERRED || place == PLACE_HOLD;
        assert_int_equal(act_priority(b->spool, &job, PRIORITY_URGENT, "ada", &b->err), waits ? RC_OK : RC_PERM);
        assert_int_equal(bench_row(b, ID_A).priority, waits ? PRIORITY_URGENT : PRIORITY_NORMAL);
        assert_int_equal(bench_place(b, ID_A), place);
        bench_teardown(&made);
    }
}

/* --- payloads -------------------------------------------------------------------------------------------------------- */

static void capture(const struct bench *b, const char *id, unsigned batch, enum shelf shelf) {
    char members[400], raw[PAYLOAD_PATH_SIZE];
    struct err err = {0};
    payload_raw_path(id, "CA", batch, NULL, raw);
    mkdirat(b->spool->raw_fd, "2026-11", 0770);
    bench_put(b->spool->raw_fd, raw, "abc");
    snprintf(members, sizeof members, "{\"batch\":%u,\"file\":\"%s\",\"sha256\":\"" SUM "\",\"bytes\":3,\"records\":1}", batch, raw);
    bench_event(b, id, "captured", NULL, members);
    assert_int_equal(payload_mark(b->spool, id, batch, raw, shelf, &err), RC_OK);
}

static enum shelf shelf_of(const struct bench *b, const char *id, unsigned batch) {
    char marker[PAYLOAD_PATH_SIZE];
    payload_marker_name(id, batch, marker);
    return payload_marker_shelf(b->spool, marker);
}

static void pending_payloads_go_to_ready(void **state) {
    struct bench *b = *state;
    uint64_t moved;
    bench_job(b, ID_A);
    bench_job(b, ID_B);
    capture(b, ID_A, 1, SHELF_PENDING);
    capture(b, ID_A, 2, SHELF_PENDING);
    capture(b, ID_A, 3, SHELF_PROCESSED);
    capture(b, ID_B, 1, SHELF_PENDING);
    assert_int_equal(act_load(b->spool, ID_A, &moved, &b->err), RC_OK);
    assert_int_equal(moved, 2);
    assert_int_equal(shelf_of(b, ID_A, 2), SHELF_READY);
    assert_int_equal(shelf_of(b, ID_A, 3), SHELF_PROCESSED);
    assert_int_equal(shelf_of(b, ID_B, 1), SHELF_PENDING);
    assert_int_equal(act_load(b->spool, NULL, &moved, &b->err), RC_OK);
    assert_int_equal(moved, 1);
    assert_int_equal(act_load(b->spool, NULL, &moved, &b->err), RC_OK);
    assert_int_equal(moved, 0);
}

static void one_payload_from_every_shelf(void **state) {
    struct bench *b = *state;
    static const enum rc want[SHELF_COUNT] = {[SHELF_PROCESSED] = RC_PERM}; /* one in processing/ that nobody has locked was abandoned */
    bench_job(b, ID_A);
    for (enum shelf shelf = SHELF_PENDING; shelf < SHELF_COUNT; shelf++) {
        capture(b, ID_A, shelf, shelf);
        assert_int_equal(act_load_file(b->spool, ID_A, shelf, "ada", &b->err), want[shelf]);
        assert_int_equal(shelf_of(b, ID_A, shelf), want[shelf] ? shelf : SHELF_READY);
    }
    assert_int_equal(act_load_file(b->spool, ID_A, 9, "ada", &b->err), RC_GONE);
}

struct told {
    unsigned count;
    enum shelf to;
};

static void tell(void *context, uint32_t batch, enum shelf to, enum rc rc, const struct err *err) {
    struct told *told = context;
    (void)err;
    assert_int_equal(rc, RC_OK);
    assert_int_equal(batch, 2);
    told->count++;
    told->to = to;
}

static void requeue_puts_payloads_back_first(void **state) {
    struct bench *b = *state;
    struct told told = {0};
    const struct act act = {.verb = ACT_REQUEUE, .by = "ada", .reshelved = tell, .context = &told};
    bench_job(b, ID_A);
    capture(b, ID_A, 1, SHELF_PROCESSED);
    capture(b, ID_A, 2, SHELF_FAILED);
    cJSON *members = cJSON_Parse("{\"reason\":\"load\"}");
    const struct move move = {.job_id = ID_A, .from = PLACE_PENDING, .to = PLACE_FAILED, .event = "failed", .by = "daemon", .members = members};
    assert_int_equal(move_job(b->spool, &move, &b->err), RC_OK);
    cJSON_Delete(members);
    struct jobs_entry job = find(b);
    assert_int_equal(act_move(b->spool, &job, &act, NULL, &b->err), RC_OK);
    assert_int_equal(told.count, 1);
    assert_int_equal(told.to, SHELF_PENDING); /* a person loads them: it is no automatic job */
    assert_int_equal(shelf_of(b, ID_A, 2), SHELF_PENDING);
    assert_int_equal(bench_place(b, ID_A), PLACE_PENDING);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_verb_in_every_place),           BENCH_TEST(a_job_that_moved_is_followed),    BENCH_TEST(no_such_job),
        BENCH_TEST(a_job_that_was_never_accepted_moves_alone), BENCH_TEST(money_in_doubt_is_decided_first), cmocka_unit_test(a_decision_needs_its_reason),
        cmocka_unit_test(priority_rewrites_what_waits),        BENCH_TEST(pending_payloads_go_to_ready),    BENCH_TEST(one_payload_from_every_shelf),
        BENCH_TEST(requeue_puts_payloads_back_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
