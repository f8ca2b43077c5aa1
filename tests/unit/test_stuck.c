// SPDX-License-Identifier: Apache-2.0
#include "spool_scratch.h"

#include "base/buf.h"
#include "engine/queue.h"
#include "engine/stuck.h"
#include "os/lockfile.h"

#define RAW "2026-11/CA_batch0001_20261123T170501Z-4f9c2a01b7d3.json"
#define MARKER ID_A "_batch0001.json"
#define NEVER INT64_C(3600000000)

/* "kind name; " of each that is found. */
static void note(void *context, const struct stuck *stuck) {
    struct buf *seen = context;
    assert_true(stuck->text[0] != '\0' && stuck->go_on[0] != '\0');
    buf_printf(seen, "%s %s/%s; ", stuck_kind_name(stuck->kind), stuck->where, stuck->file);
}

static void expect(struct bench *b, int64_t after_us, int64_t waiting_us, const char *wanted) {
    const struct stuck_options options = {.after_us = after_us, .waiting_us = waiting_us};
    struct buf seen = BUF_INIT(65536);
    assert_int_equal(stuck_find(b->spool, NULL, NULL, &options, note, &seen, &b->err), RC_OK);
    assert_string_equal(buf_text(&seen), wanted);
    buf_release(&seen);
}

static int daemon_lock(struct bench *b) {
    int fd;
    assert_int_equal(lockfile_hold(b->spool->root_fd, SPOOL_LOCK, &fd, &b->err), RC_OK);
    return fd;
}

static void nothing(void **state) {
    expect(*state, 0, 0, "");
}

static void jobs_by_lock_and_progress(void **state) {
    struct bench *b = *state;
    bench_job(b, ID_A);
    expect(b, NEVER, NEVER, "");
    expect(b, NEVER, 0, "waiting jobs/pending/" ID_A ".json; ");
    bench_mv(b, ID_A, PLACE_PENDING, PLACE_PROCESSING);
    expect(b, 0, 0, ""); /* its event is still to come */
    bench_event(b, ID_A, "claimed", "daemon", NULL);
    expect(b, NEVER, NEVER, "no_daemon jobs/processing/" ID_A ".json; "); /* at once */
    int lock = daemon_lock(b);
    expect(b, NEVER, NEVER, "");
    expect(b, 0, NEVER, "silent jobs/processing/" ID_A ".json; ");
    bench_event(b, ID_A, "retrying", "daemon", "{\"batch\":1,\"reason\":\"timeout\",\"until\":\"2999-01-01T00:00:00Z\"}");
    expect(b, 0, NEVER, ""); /* it waits, and says for what */
    close(lock);
}

static void jobs_that_wait_for_a_person(void **state) {
    struct bench *b = *state;
    bench_job(b, ID_A);
    bench_mv(b, ID_A, PLACE_PENDING, PLACE_HOLD);
    bench_event(b, ID_A, "held", "command line", "{\"reason\":\"asked\"}");
    expect(b, 0, 0, "");
    bench_event(b, ID_A, "held", "daemon", "{\"reason\":\"max_cost\",\"error\":\"5 is more than 3\"}");
    expect(b, NEVER, NEVER, "held jobs/hold/" ID_A ".json; ");
}

static void overdue_and_dropped(void **state) {
    struct bench *b = *state;
    bench_job(b, ID_A);
    bench_mv(b, ID_A, PLACE_PENDING, PLACE_DEFERRED);
    bench_event(b, ID_A, "deferred", "daemon", "{\"until\":\"2999-01-01T00:00:00Z\",\"reason\":\"not_before\"}");
    bench_put(b->spool->place_fd[PLACE_PENDING], "drop.json", "{}");
    bench_put(b->spool->place_fd[PLACE_PENDING], "note.txt", "");
    bench_put(b->spool->place_fd[PLACE_PENDING], ".tmp.json", "");
    expect(b, NEVER, 0, "");
    expect(b, 0, NEVER, "not_taken_in jobs/pending/drop.json; ");
    bench_event(b, ID_A, "deferred", "mv", "{\"until\":\"2026-01-01T00:00:00Z\"}");
    expect(b, 0, NEVER, "not_taken_in jobs/pending/drop.json; overdue jobs/deferred/" ID_A ".json; ");
}

static void payloads(void **state) {
    struct bench *b = *state;
    bench_job(b, ID_A);
    bench_mv(b, ID_A, PLACE_PENDING, PLACE_PROCESSED);
    bench_event(b, ID_A, "captured", "daemon", "{\"batch\":1,\"records\":1,\"file\":\"" RAW "\"}");
    bench_event(b, ID_A, "completed", "daemon", NULL);
    bench_put(b->spool->payloads_tmp_fd, ID_A "_batch0001.1.body", "abc");
    assert_int_equal(payload_publish(b->spool, ID_A "_batch0001.1.body", RAW, SUM_A, &b->err), RC_OK);
    assert_int_equal(payload_mark(b->spool, ID_A, 1, RAW, SHELF_READY, &b->err), RC_OK);
    expect(b, NEVER, NEVER, "");
    expect(b, 0, NEVER, "file_waiting payloads/ready/" MARKER "; ");
    assert_int_equal(payload_marker_move(b->spool, MARKER, SHELF_READY, SHELF_PROCESSING, false, &b->err), RC_OK);
    expect(b, 0, NEVER, "file_abandoned payloads/processing/" MARKER "; ");
    int fd = openat(b->spool->raw_fd, RAW, O_RDONLY | O_CLOEXEC);
    assert_int_equal(lockfile_lock(fd, &b->err), RC_OK);
    expect(b, 0, NEVER, ""); /* a loader has it */
    assert_int_equal(payload_reshelve(b->spool, ID_A, 1, SHELF_PROCESSING, SHELF_READY, "command line", &b->err), RC_AGAIN);
    close(fd);
    assert_int_equal(payload_marker_move(b->spool, MARKER, SHELF_PROCESSING, SHELF_FAILED, false, &b->err), RC_OK);
    bench_event(b, ID_A, "rejected", "daemon", "{\"batch\":1,\"reason\":\"damaged\",\"error\":\"other bytes\"}");
    assert_int_equal(bench_row(b, ID_A).failed_batches, 1);
    expect(b, NEVER, NEVER, "file_failed payloads/failed/" MARKER "; ");
    assert_int_equal(payload_reshelve(b->spool, ID_A, 1, SHELF_FAILED, SHELF_PENDING, "command line", &b->err), RC_OK);
    assert_int_equal(payload_reshelve(b->spool, ID_A, 1, SHELF_FAILED, SHELF_PENDING, "command line", &b->err), RC_GONE);
    assert_int_equal(payload_marker_shelf(b->spool, MARKER), SHELF_PENDING);
    struct job_row row = bench_row(b, ID_A);
    assert_int_equal(row.failed_batches, 0);
    assert_int_equal(row.place, PLACE_PROCESSED);
    bench_event(b, ID_A, "loaded", "daemon", "{\"batch\":1,\"success_count\":1}");
    row = bench_row(b, ID_A);
    assert_int_equal(row.loaded_batches, 1);
    assert_int_equal(row.success_count, 1);
    expect(b, 0, 0, "");
}

static void queue_figures(void **state) {
    (void)state;
    struct queue queue = {.figures = {{{0, 0}}}};
    struct job_row row;
    job_row_init(&row, ID_A);
    row.place = PLACE_PENDING;
    row.priority = PRIORITY_HIGH;
    row.placed_us = 9000000;
    queue_add(&queue, &row);
    row.placed_us = 5000000;
    queue_add(&queue, &row);
    row.priority = PRIORITY_LOW;
    row.placed_us = 0; /* a drop: since its file is there */
    row.created_us = 7000000;
    queue_add(&queue, &row);
    assert_int_equal(queue.figures[PLACE_PENDING][PRIORITY_HIGH].depth, 2);
    assert_int_equal(queue.figures[PLACE_PENDING][PRIORITY_HIGH].oldest_us, 5000000);
    assert_int_equal(queue_total(&queue, PLACE_PENDING).depth, 3);
    assert_int_equal(queue_total(&queue, PLACE_PENDING).oldest_us, 5000000);
    assert_int_equal(queue_total(&queue, PLACE_HOLD).depth, 0);
    cJSON *json = queue_json(&queue, 10000000), *pending = cJSON_GetObjectItemCaseSensitive(json, "pending");
    char *text = cJSON_PrintUnformatted(pending);
    assert_string_equal(text, "{\"urgent\":{\"depth\":0,\"oldest_s\":null},\"high\":{\"depth\":2,\"oldest_s\":5},\"normal\":{\"depth\":0,\"oldest_s\":null},"
                              "\"low\":{\"depth\":1,\"oldest_s\":3},\"depth\":3,\"oldest_s\":5}");
    cJSON_free(text);
    cJSON_Delete(json);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        BENCH_TEST(nothing),  BENCH_TEST(jobs_by_lock_and_progress), BENCH_TEST(jobs_that_wait_for_a_person), BENCH_TEST(overdue_and_dropped),
        BENCH_TEST(payloads), cmocka_unit_test(queue_figures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
