// SPDX-License-Identifier: Apache-2.0
#include "engine/load.h"

#include "os/lockfile.h"
#include "sink/sink.h"

#include "load_fixture.h"

#define PAGE_A1                                                                                                                                                \
    "{\"total\":5,\"results\":[{\"RadarID\":\"P1\",\"AVM\":9007199254740993,\"Persons\":[{\"PersonKey\":1,\"FirstName\":\"Ann\"},{\"FirstName\":\"no "         \
    "key\"}]},"                                                                                                                                                \
    "\n {\"RadarID\":\"P2\"},{\"City\":\"Reno\"},{\"RadarID\":null},17,{\"RadarID\":\"P1\",\"AVM\":1e999}]}"
#define PAGE_A2 "{\"results\":[{\"RadarID\":\"P3\"},{\"RadarID\":\"P2\",\"late\":true}]}"
#define PAGE_B1 "{\"results\":[{\"RadarID\":\"P3\",\"from\":\"b\",\"Persons\":{\"PersonKey\":\"x\"}},{\"RadarID\":\"P4\"}]}"
#define PAGE_C1 "{\"results\":[]}"

static void capture_all(struct fixture *f) {
    accept_job(f, JOB_A, "camp");
    accept_job(f, JOB_B, "camp");
    accept_job(f, JOB_C, "camp");
    capture(f, JOB_A, "camp", 1, 10, PAGE_A1, "0.25");
    capture(f, JOB_A, "camp", 2, 11, PAGE_A2, NULL);
    capture(f, JOB_B, "camp", 1, 9, PAGE_B1, NULL);
    capture(f, JOB_C, "camp", 1, 12, PAGE_C1, NULL);
}

static void assert_all_loaded(struct fixture *f) {
    assert_int_equal(events(f, JOB_A, "loaded", 1), 1);
    assert_int_equal(events(f, JOB_A, "loaded", 2), 1);
    assert_int_equal(events(f, JOB_B, "loaded", 0), 1);
    assert_int_equal(events(f, JOB_C, "loaded", 0), 1);
    assert_int_equal(shelf_of(f, JOB_A, 1), SHELF_PROCESSED);
    assert_int_equal(shelf_of(f, JOB_A, 2), SHELF_PROCESSED);
    assert_int_equal(shelf_of(f, JOB_B, 1), SHELF_PROCESSED);
    assert_int_equal(shelf_of(f, JOB_C, 1), SHELF_PROCESSED);
}

static void test_load(void **state) {
    struct fixture f;
    struct load_report report;
    struct job_row row;
    char before[DIGEST_HEX_SIZE], after[DIGEST_HEX_SIZE];

    (void)state;
    start(&f);
    report = load(&f, (struct load_options){0});
    assert_int_equal(report.files + report.files_failed, 0);
    capture_all(&f);
    report = load(&f, (struct load_options){.dry_run = true});
    assert_int_equal(report.files, 4);
    assert_int_equal(report.records, 10);
    assert_int_equal(report.errors, 3);
    assert_int_equal(shelf_of(&f, JOB_A, 1), SHELF_PENDING);
    assert_int_equal(events(&f, JOB_A, "loaded", 0), 0);
    report = load(&f, (struct load_options){0});
    assert_int_equal(report.files, 4);
    assert_int_equal(report.files_failed, 0);
    assert_int_equal(report.records, 10);
    assert_int_equal(report.errors, 3);
    assert_int_equal(report.inserted, 4);
    assert_int_equal(report.inserted + report.updated + report.unchanged, 7);
    assert_all_loaded(&f);
    assert_int_equal(store_count(f.path, "records"), 4);
    assert_int_equal(store_count(f.path, "errors"), 3);
    assert_int_equal(job_row_read(f.spool, JOB_A, &row, NULL, NULL, NULL), RC_OK);
    assert_int_equal(row.success_count, 5);
    assert_int_equal(row.error_count, 3);
    assert_int_equal(row.loaded_batches, 2);
    store_dump(f.path, before);
    report = load(&f, (struct load_options){.reload = true});
    assert_int_equal(report.files, 4);
    assert_int_equal(report.unchanged, 7);
    assert_int_equal(report.inserted + report.updated, 0);
    assert_all_loaded(&f);
    report = load(&f, (struct load_options){.reload = true, .dry_run = true});
    assert_int_equal(report.unchanged, 7);
    store_dump(f.path, after);
    assert_string_equal(before, after);
    stop(&f);
}

/* Only the jobs that were asked for. */
static void test_jobs(void **state) {
    struct fixture f;
    struct load_report report;
    const char *ids[] = {JOB_B};

    (void)state;
    start(&f);
    capture_all(&f);
    report = load(&f, (struct load_options){.job_ids = ids, .job_count = 1});
    assert_int_equal(report.files, 1);
    assert_int_equal(shelf_of(&f, JOB_A, 1), SHELF_PENDING);
    assert_int_equal(shelf_of(&f, JOB_B, 1), SHELF_PROCESSED);
    stop(&f);
}

/* What another loader holds is left to it; what it abandoned is taken over. */
static void test_claims(void **state) {
    struct fixture f;
    struct load_report report;
    char raw[PAYLOAD_PATH_SIZE], marker[PAYLOAD_PATH_SIZE];
    int fd;

    (void)state;
    start(&f);
    capture_all(&f);
    payload_raw_path(JOB_A, "camp", 1, NULL, raw);
    payload_marker_name(JOB_A, 1, marker);
    assert_int_equal(payload_marker_move(f.spool, marker, SHELF_PENDING, SHELF_PROCESSING, true, NULL), RC_OK);
    assert_int_equal(fsio_open_read(f.spool->raw_fd, raw, &fd, NULL, NULL), RC_OK);
    assert_int_equal(lockfile_try(fd, NULL), RC_OK);
    report = load(&f, (struct load_options){0});
    assert_int_equal(report.files, 3);
    assert_int_equal(report.files_busy, 1);
    assert_int_equal(shelf_of(&f, JOB_A, 1), SHELF_PROCESSING);
    close(fd);
    report = load(&f, (struct load_options){0});
    assert_int_equal(report.files, 1);
    assert_int_equal(report.files_busy, 0);
    assert_all_loaded(&f);
    stop(&f);
}

/* The store of an undisturbed load. */
static void expected_store(char out[DIGEST_HEX_SIZE]) {
    struct fixture f;

    start(&f);
    capture_all(&f);
    (void)load(&f, (struct load_options){0});
    store_dump(f.path, out);
    stop(&f);
}

static void test_order_of_jobs(void **state) {
    const char *ids[] = {JOB_C, JOB_B, JOB_A};
    char expected[DIGEST_HEX_SIZE], got[DIGEST_HEX_SIZE];
    struct fixture f;

    (void)state;
    expected_store(expected);
    start(&f);
    capture_all(&f);
    for (size_t i = 0; i < 3; i++)
        (void)load(&f, (struct load_options){.job_ids = &ids[i], .job_count = 1});
    store_dump(f.path, got);
    assert_string_equal(got, expected);
    assert_all_loaded(&f);
    stop(&f);
}

static void test_three_at_once(void **state) {
    char expected[DIGEST_HEX_SIZE], got[DIGEST_HEX_SIZE];
    struct fixture f;

    (void)state;
    expected_store(expected);
    for (int round = 0; round < 10; round++) {
        pid_t pids[3];
        start(&f);
        capture_all(&f);
        for (int i = 0; i < 3; i++)
            pids[i] = start_worker(&f, NULL);
        for (int i = 0; i < 3; i++)
            assert_int_equal(end_worker(pids[i]), 0);
        store_dump(f.path, got);
        assert_string_equal(got, expected);
        assert_all_loaded(&f);
        stop(&f);
    }
}

/* Whatever point a load dies or fails at, the next one ends with the same store, and each file is journalled once. */
static void stop_at_every_step(const char *action, bool damaged) {
    char expected[DIGEST_HEX_SIZE], got[DIGEST_HEX_SIZE], fault[32], raw[PAYLOAD_PATH_SIZE];
    struct fixture f;
    bool hit = true;
    int n;

    expected_store(expected);
    for (n = 1; hit; n++) {
        start(&f);
        capture_all(&f);
        if (damaged) {
            accept_job(&f, JOB_D, "camp");
            capture(&f, JOB_D, "camp", 1, 12, PAGE_C1, NULL);
            payload_raw_path(JOB_D, "camp", 1, NULL, raw);
            assert_int_equal(fchmodat(f.spool->raw_fd, raw, 0640, 0), 0);
            write_text(f.spool->raw_fd, raw, 0640, "{\"results\":[1]}");
        }
        (void)snprintf(fault, sizeof(fault), "%d:%s", n, action);
        int status = end_worker(start_worker(&f, fault));
        hit = WIFSIGNALED(status) || (WEXITSTATUS(status) != 0 && WEXITSTATUS(status) != 65);
        status = end_worker(start_worker(&f, NULL));
        assert_true(WIFEXITED(status) && (WEXITSTATUS(status) == 0 || damaged));
        store_dump(f.path, got);
        assert_string_equal(got, expected);
        assert_all_loaded(&f);
        if (damaged) {
            assert_int_equal(events(&f, JOB_D, "rejected", 1), 1);
            assert_int_equal(shelf_of(&f, JOB_D, 1), SHELF_FAILED);
        }
        stop(&f);
    }
    assert_true(n > 15);
}

static void test_killed_at_every_step(void **state) {
    (void)state;
    stop_at_every_step("kill", false);
}

static void test_killed_while_rejecting(void **state) {
    (void)state;
    stop_at_every_step("kill", true);
}

static void test_error_at_every_step(void **state) {
    (void)state;
    stop_at_every_step("eio", false);
    stop_at_every_step("enospc", false);
    stop_at_every_step("eio", true);
}

static void test_set_aside(void **state) {
    struct fixture f;
    struct load_report report;
    char raw[PAYLOAD_PATH_SIZE];

    (void)state;
    start(&f);
    accept_job(&f, JOB_A, "camp");
    capture(&f, JOB_A, "camp", 1, 10, "{\"results\":[{\"RadarID\":1}", NULL);   /* not JSON */
    capture(&f, JOB_A, "camp", 2, 10, "{\"result\":[]}", NULL);                 /* nothing at data_selector */
    capture(&f, JOB_A, "camp", 3, 10, "{\"results\":[{\"RadarID\":1}]}", NULL); /* damaged below */
    capture(&f, JOB_A, "camp", 4, 10, "{\"results\":[{\"RadarID\":2}]}", NULL); /* its raw file goes */
    capture(&f, JOB_A, "camp", 5, 10, "{\"results\":[{\"RadarID\":3}]}", NULL); /* good */
    payload_raw_path(JOB_A, "camp", 3, NULL, raw);
    assert_int_equal(fchmodat(f.spool->raw_fd, raw, 0640, 0), 0);
    write_text(f.spool->raw_fd, raw, 0640, "{\"results\":[{\"RadarID\":7}]}");
    payload_raw_path(JOB_A, "camp", 4, NULL, raw);
    assert_int_equal(unlinkat(f.spool->raw_fd, raw, 0), 0);
    /* One that the journal does not know, one that leads elsewhere, one whose job has no journal. */
    payload_raw_path(JOB_A, "camp", 5, NULL, raw);
    char target[PAYLOAD_PATH_SIZE + 16];
    (void)snprintf(target, sizeof(target), "../raw/%s", raw);
    assert_int_equal(symlinkat(target, f.spool->shelf_fd[SHELF_PENDING], JOB_A "_batch0006.json"), 0);
    assert_int_equal(symlinkat("/etc/passwd", f.spool->shelf_fd[SHELF_PENDING], JOB_A "_batch0007.json"), 0);
    assert_int_equal(symlinkat(target, f.spool->shelf_fd[SHELF_PENDING], JOB_B "_batch0001.json"), 0);
    report = load(&f, (struct load_options){0});
    assert_int_equal(report.files, 1);
    assert_int_equal(report.files_failed, 7);
    assert_true(report.first_error[0] != '\0');
    for (uint32_t batch = 1; batch <= 7; batch++) {
        assert_int_equal(shelf_of(&f, JOB_A, batch), batch == 5 ? SHELF_PROCESSED : SHELF_FAILED);
        assert_int_equal(events(&f, JOB_A, "rejected", batch), batch == 5 ? 0 : 1);
    }
    assert_int_equal(shelf_of(&f, JOB_B, 1), SHELF_FAILED);
    assert_int_equal(events(&f, JOB_A, "loaded", 0), 1);
    /* Mended: the file is what it was, so it loads. */
    payload_raw_path(JOB_A, "camp", 3, NULL, raw);
    write_text(f.spool->raw_fd, raw, 0640, "{\"results\":[{\"RadarID\":1}]}");
    report = load(&f, (struct load_options){.reload = true});
    assert_int_equal(report.files, 2);
    assert_int_equal(report.files_failed, 6);
    assert_int_equal(shelf_of(&f, JOB_A, 3), SHELF_PROCESSED);
    assert_int_equal(events(&f, JOB_A, "loaded", 3), 1);
    assert_int_equal(events(&f, JOB_A, "rejected", 1), 1);
    stop(&f);
}

static void test_without_definition(void **state) {
    struct fixture f;
    struct load_report report;
    char path[400];

    (void)state;
    start(&f);
    capture_all(&f);
    (void)snprintf(path, sizeof(path), "%s/leads.json", f.sources_dir);
    assert_int_equal(unlink(path), 0);
    report = load(&f, (struct load_options){0});
    assert_int_equal(report.files, 0);
    assert_int_equal(report.files_failed, 4);
    assert_non_null(strstr(report.first_error, "stays"));
    assert_int_equal(shelf_of(&f, JOB_A, 1), SHELF_PENDING);
    define_source(&f, LEADS);
    report = load(&f, (struct load_options){0});
    assert_int_equal(report.files, 4);
    assert_all_loaded(&f);
    stop(&f);
}

static void test_replay(void **state) {
    struct fixture f;
    struct load_report report;
    struct job_row row;

    (void)state;
    start(&f);
    accept_job(&f, JOB_A, "camp");
    capture(&f, JOB_A, "camp", 1, 10, "{\"results\":[{\"RadarID\":\"P1\",\"id\":1},{\"id\":2},{\"id\":null}]}", NULL);
    (void)load(&f, (struct load_options){0});
    report = load(&f, (struct load_options){.replay = true});
    assert_int_equal(report.records, 2);
    assert_int_equal(report.errors, 2);
    define_source(&f, LEADS_HEAD "\"primary_key\":\"/id\"" LEADS_TAIL);
    report = load(&f, (struct load_options){.replay = true, .dry_run = true});
    assert_int_equal(report.inserted, 1);
    report = load(&f, (struct load_options){.replay = true});
    assert_int_equal(report.inserted, 1);
    assert_int_equal(report.errors, 1);
    assert_int_equal(job_row_read(f.spool, JOB_A, &row, NULL, NULL, NULL), RC_OK);
    assert_int_equal(row.success_count, 2);
    assert_int_equal(row.error_count, 1);
    assert_int_equal(row.loaded_batches, 1);
    /* The whole file by the new definition. */
    report = load(&f, (struct load_options){.reload = true});
    assert_int_equal(report.errors, 1);
    assert_int_equal(report.records, 3);
    assert_int_equal(store_count(f.path, "records"), 2);
    assert_int_equal(store_count(f.path, "members"), 2);
    stop(&f);
}

static void test_report(void **state) {
    const struct load_report report = {.files = 1, .records = 2, .first_error = "x"};
    cJSON *json = load_report_json(&report);
    char *text = cJSON_PrintUnformatted(json);

    (void)state;
    assert_string_equal(
        text, "{\"files\":1,\"files_failed\":0,\"files_busy\":0,\"records\":2,\"inserted\":0,\"updated\":0,\"unchanged\":0,\"errors\":0,\"time_ms\":0,"
              "\"first_error\":\"x\"}");
    free(text);
    cJSON_Delete(json);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_load),
        cmocka_unit_test(test_jobs),
        cmocka_unit_test(test_claims),
        cmocka_unit_test(test_order_of_jobs),
        cmocka_unit_test(test_three_at_once),
        cmocka_unit_test(test_killed_at_every_step),
        cmocka_unit_test(test_killed_while_rejecting),
        cmocka_unit_test(test_error_at_every_step),
        cmocka_unit_test(test_set_aside),
        cmocka_unit_test(test_without_definition),
        cmocka_unit_test(test_replay),
        cmocka_unit_test(test_report),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
