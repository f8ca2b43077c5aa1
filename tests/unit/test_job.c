// SPDX-License-Identifier: Apache-2.0
#include "spool_scratch.h"

static void assert_money(struct dec value, const char *text) {
    char out[DEC_TEXT_SIZE];
    dec_format(value, out);
    assert_string_equal(out, text);
}

static void assert_place(const struct bench *b, enum place place, const char *reason) {
    struct job_row row = bench_row(b, ID_A);
    assert_int_equal(row.place, place);
    assert_string_equal(row.reason, reason);
}

static void accepted_tells_what_a_job_is(void **state) {
    struct bench *b = *state;
    bench_event(b, ID_A, "accepted", "daemon",
                "{\"text\":\"{}\",\"name\":\"n\",\"source\":\"s\",\"campaign_id\":\"c\",\"priority\":\"high\",\"process\":\"auto\",\"metered\":true,"
                "\"take\":400,\"not_before\":\"2026-11-24T06:00:00Z\",\"currency\":\"USD\",\"created_by\":\"ops\"}");
    struct job_row row = bench_row(b, ID_A);
    assert_int_equal(row.place, PLACE_PENDING);
    assert_true(row.accepted && row.automatic && row.metered);
    assert_int_equal(row.priority, PRIORITY_HIGH);
    assert_string_equal(row.mode, "run");
    assert_string_equal(row.source, "s");
    assert_string_equal(row.campaign, "c");
    assert_int_equal(row.take, 400);
    assert_int_equal(row.not_before_us, INT64_C(1795500000000000));
    assert_int_equal(row.created_us, row.updated_us);
    assert_null(row.memory);
    bench_event(b, ID_A, "reprioritised", "command line", "{\"priority\":\"urgent\"}");
    bench_event(b, ID_A, "something_new", "daemon", "{\"place\":\"hold\"}");
    row = bench_row(b, ID_A);
    assert_int_equal(row.priority, PRIORITY_URGENT);
    assert_int_equal(row.journal_seq, 3);
}

static void accepted_tells_what_was_expected(void **state) {
    struct bench *b = *state;
    bench_event(b, ID_A, "accepted", "daemon",
                "{\"source\":\"s\",\"currency\":\"USD\",\"estimate\":{\"requests\":20,\"records\":8000,\"cost\":\"400.00\",\"seconds\":4.25,"
                "\"basis\":\"history of 60 pages\"}}");
    struct job_row row = bench_row(b, ID_A);
    assert_true(row.guess.requests == 20 && row.guess.records == 8000 && row.guess.ms == 4250 && row.guess.priced);
    assert_money(row.guess.cost, "400.00");
    assert_string_equal(row.guess.basis, "history of 60 pages");
    cJSON *json = job_row_json(&row);
    char *text = cJSON_PrintUnformatted(cJSON_GetObjectItem(json, "estimate"));
    assert_string_equal(text, "{\"requests\":20,\"records\":8000,\"cost\":\"400.00\",\"currency\":\"USD\",\"seconds\":4.25,\"basis\":\"history of 60 pages\"}");
    cJSON_free(text);
    cJSON_Delete(json);
    bench_event(b, ID_A, "accepted", "daemon", "{\"source\":\"s\",\"estimate\":{\"requests\":-1,\"seconds\":\"x\",\"cost\":5}}");
    row = bench_row(b, ID_A);
    assert_true(row.guess.requests == JOB_UNKNOWN && row.guess.ms == JOB_UNKNOWN && !row.guess.priced && row.guess.basis[0] == '\0');
    json = job_row_json(&row);
    assert_true(cJSON_IsNull(cJSON_GetObjectItem(json, "estimate")));
    cJSON_Delete(json);
}

static void pages_with_the_same_bytes_are_counted(void **state) {
    struct bench *b = *state;
    bench_event(b, ID_A, "accepted", "daemon", "{\"source\":\"s\"}");
    bench_event(b, ID_A, "captured", "daemon", "{\"batch\":1,\"file\":\"2026-11/c_batch0001_20261123T170501Z-4f9c2a01b7d3.json\"}");
    bench_event(b, ID_A, "captured", "daemon",
                "{\"batch\":2,\"file\":\"2026-11/c_batch0002_20261123T170501Z-4f9c2a01b7d3.json\","
                "\"same_as\":\"2026-11/c_batch0001_20261123T170501Z-4f9c2a01b7d3.json\"}");
    bench_event(b, ID_A, "captured", "daemon",
                "{\"batch\":3,\"file\":\"2026-11/c_batch0003_20261123T170501Z-4f9c2a01b7d3.json\","
                "\"same_as\":\"2026-10/c_batch0003_20261023T170501Z-4f9c2a01b7d9.json\"}");
    bench_event(b, ID_A, "captured", "daemon", "{\"batch\":3,\"file\":\"x\",\"same_as\":\"x\"}"); /* the first is final */
    struct job_row row = bench_row(b, ID_A);
    assert_int_equal(row.same_batches, 2);
    assert_int_equal(row.repeats, 1);
}

static void events_tell_the_place(void **state) {
    struct bench *b = *state;
    bench_event(b, ID_A, "rejected", "daemon", "{\"reason\":\"invalid\",\"error\":\"line 1\",\"name\":\"x.json\"}");
    assert_place(b, PLACE_FAILED, "invalid");
    assert_false(bench_row(b, ID_A).accepted);
    bench_event(b, ID_A, "accepted", "daemon", "{\"source\":\"s\"}");
    assert_place(b, PLACE_PENDING, "");
    bench_event(b, ID_A, "claimed", "daemon", NULL);
    assert_place(b, PLACE_PROCESSING, "");
    bench_event(b, ID_A, "deferred", "daemon", "{\"until\":\"2026-11-24T06:00:00.5Z\",\"reason\":\"budget\"}");
    assert_place(b, PLACE_DEFERRED, "budget");
    assert_int_equal(bench_row(b, ID_A).until_us, INT64_C(1795500000500000));
    bench_event(b, ID_A, "requeued", "daemon", "{\"reason\":\"due\"}");
    assert_place(b, PLACE_PENDING, "due");
    assert_false(bench_row(b, ID_A).override_wait);
    assert_int_equal(bench_row(b, ID_A).until_us, 0);
    bench_event(b, ID_A, "held", "web", "{\"reason\":\"max_records\",\"error\":\"e\"}");
    bench_event(b, ID_A, "released", "web", "{\"decision\":\"release\"}");
    bench_event(b, ID_A, "requeued", "mv", "{\"from\":\"processed\",\"to\":\"hold\",\"reason\":\"put_back\"}");
    assert_place(b, PLACE_HOLD, "max_records");
    bench_event(b, ID_A, "requeued", "mv", "{\"from\":\"hold\",\"to\":\"pending\"}");
    assert_true(bench_row(b, ID_A).override_wait);
    bench_event(b, ID_A, "failed", "daemon", "{\"batch\":3,\"reason\":\"http\"}");
    assert_place(b, PLACE_PENDING, "");
    bench_event(b, ID_A, "failed", "daemon", "{\"reason\":\"coverage\",\"expected\":10,\"unique\":7,\"duplicates\":1,\"missing\":3}");
    assert_place(b, PLACE_FAILED, "coverage");
    assert_int_equal(bench_row(b, ID_A).missing_records, 3);
    assert_true(bench_row(b, ID_A).completed_us > 0);
    bench_event(b, ID_A, "cancelled", "mv", NULL);
    assert_place(b, PLACE_CANCELLED, "");
    bench_event(b, ID_A, "completed", "daemon", "{\"total\":10,\"unique\":10,\"duplicates\":0,\"missing\":0}");
    assert_place(b, PLACE_PROCESSED, "");
    assert_int_equal(bench_row(b, ID_A).total_records, 10);
}

static void a_new_time_by_hand_overrides_not_before(void **state) {
    struct bench *b = *state;
    bench_event(b, ID_A, "accepted", "daemon", "{\"not_before\":\"2026-11-25T06:00:00Z\"}");
    bench_event(b, ID_A, "deferred", "daemon", "{\"until\":\"2026-11-25T06:00:00Z\",\"mtime\":\"2026-11-23T06:00:00Z\"}");
    struct job_row row = bench_row(b, ID_A);
    assert_false(row.override_wait);
    assert_true(row.until_mtime_us < row.until_us);
    bench_event(b, ID_A, "deferred", "mv", "{\"until\":\"2026-11-24T06:00:00Z\"}");
    row = bench_row(b, ID_A);
    assert_true(row.override_wait);
    assert_int_equal(row.until_mtime_us, row.until_us);
}

static void counts_and_money(void **state) {
    struct bench *b = *state;
    bench_event(b, ID_A, "accepted", "daemon", "{\"source\":\"s\",\"take\":900}");
    assert_true(bench_row(b, ID_A).total_records == JOB_UNKNOWN);
    bench_event(b, ID_A, "previewed", "daemon", "{\"total\":1000,\"cost\":\"50.00\",\"currency\":\"USD\"}");
    assert_int_equal(bench_row(b, ID_A).total_records, 900);
    bench_event(b, ID_A, "requested", "daemon", "{\"batch\":1,\"paid\":true}");
    bench_event(b, ID_A, "captured", "daemon", "{\"batch\":1,\"records\":400,\"total\":800,\"cost\":\"20.00\",\"file\":\"2026-11/x.json\"}");
    bench_event(b, ID_A, "captured", "daemon", "{\"batch\":1,\"records\":400,\"total\":800,\"cost\":\"20.00\",\"file\":\"2026-11/x.json\"}");
    bench_event(b, ID_A, "failed", "daemon", "{\"batch\":2,\"reason\":\"http\"}");
    struct job_row row = bench_row(b, ID_A);
    assert_true(row.requested);
    assert_int_equal(row.total_records, 800);
    assert_int_equal(row.processed_records, 400);
    assert_int_equal(row.captured_batches, 1);
    assert_int_equal(row.failed_units, 1);
    assert_int_equal(row.error_count, 1);
    assert_money(row.cost, "20.00");
    bench_event(b, ID_A, "captured", "daemon", "{\"batch\":2,\"records\":5,\"cost\":\"0.25\",\"file\":\"2026-11/y.json\"}");
    bench_event(b, ID_A, "loaded", "daemon", "{\"batch\":1,\"success_count\":398,\"error_count\":2}");
    bench_event(b, ID_A, "rejected", "daemon", "{\"batch\":2,\"reason\":\"load\",\"error\":\"bad\"}");
    row = bench_row(b, ID_A);
    assert_int_equal(row.place, PLACE_PENDING);
    assert_int_equal(row.failed_units, 0);
    assert_int_equal(row.success_count, 398);
    assert_int_equal(row.error_count, 2);
    assert_int_equal(row.loaded_batches, 1);
    assert_int_equal(row.failed_batches, 1);
    assert_money(row.cost, "20.25");
    /* Loaded again: the later counts hold. */
    bench_event(b, ID_A, "loaded", "daemon", "{\"batch\":1,\"success_count\":400,\"error_count\":0}");
    bench_event(b, ID_A, "loaded", "daemon", "{\"batch\":2,\"success_count\":5,\"error_count\":0}");
    row = bench_row(b, ID_A);
    assert_int_equal(row.success_count, 405);
    assert_int_equal(row.error_count, 0);
    assert_int_equal(row.loaded_batches, 2);
    assert_int_equal(row.failed_batches, 0);
}

/* What was asked for counts from then until something is heard of it, whatever that is. */
static void an_open_request_counts(void **state) {
    struct bench *b = *state;
    bench_event(b, ID_A, "accepted", "daemon", "{\"source\":\"s\"}");
    for (int batch = 1; batch <= 5; batch++) {
        char members[100];
        snprintf(members, sizeof members, "{\"batch\":%d,\"attempt\":1,\"paid\":true,\"max_cost\":\"%d.00\"}", batch, 1 << (batch - 1));
        bench_event(b, ID_A, "requested", NULL, members);
    }
    bench_event(b, ID_A, "requested", NULL, "{\"batch\":6,\"paid\":false}");
    struct job_row row = bench_row(b, ID_A);
    assert_int_equal(row.open_batches, 5);
    assert_money(row.cost_open, "31.00");
    assert_money(row.cost, "0.00");
    bench_event(b, ID_A, "captured", NULL, "{\"batch\":1,\"paid\":true,\"records\":5,\"cost\":\"0.25\",\"file\":\"f\"}");
    bench_event(b, ID_A, "retrying", NULL, "{\"batch\":2,\"attempt\":1,\"reason\":\"status_429\"}");
    bench_event(b, ID_A, "failed", NULL, "{\"batch\":3,\"attempt\":1,\"reason\":\"status_404\"}");
    bench_event(b, ID_A, "charge_unknown", NULL, "{\"batch\":4,\"cost\":\"8.00\"}");
    bench_event(b, ID_A, "answered", NULL, "{\"batch\":5}"); /* not kept yet */
    row = bench_row(b, ID_A);
    assert_int_equal(row.open_batches, 1);
    assert_money(row.cost_open, "16.00");
    assert_int_equal(row.unknown_batches, 1);
    assert_money(row.cost_in_doubt, "8.00");
    assert_money(row.cost, "0.25");
    /* A decision is about what is in doubt, not about what is open. */
    bench_event(b, ID_A, "released", "command line", "{\"decision\":\"accept_charge\"}");
    bench_event(b, ID_A, "requested", NULL, "{\"batch\":5,\"attempt\":2,\"paid\":true,\"max_cost\":\"16.00\"}");
    row = bench_row(b, ID_A);
    assert_money(row.cost, "8.25");
    assert_money(row.cost_in_doubt, "0.00");
    assert_money(row.cost_open, "16.00");
    assert_int_equal(row.open_batches, 1);
}

static void a_decided_charge_is_spent(void **state) {
    struct bench *b = *state;
    bench_event(b, ID_A, "accepted", "daemon", "{\"source\":\"s\"}");
    bench_event(b, ID_A, "charge_unknown", "daemon", "{\"batch\":3,\"cost\":\"3.00\"}");
    bench_event(b, ID_A, "charge_unknown", "daemon", "{\"batch\":1,\"cost\":\"1.00\"}");
    bench_event(b, ID_A, "charge_unknown", "daemon", "{\"batch\":2,\"cost\":\"2.00\"}");
    struct job_row row = bench_row(b, ID_A);
    assert_int_equal(row.unknown_batches, 3);
    assert_money(row.cost, "0.00");
    assert_money(row.cost_in_doubt, "6.00");
    bench_event(b, ID_A, "released", "mv", "{\"decision\":\"release\"}"); /* decides nothing about money */
    assert_int_equal(bench_row(b, ID_A).unknown_batches, 3);
    bench_event(b, ID_A, "released", "command line", "{\"decision\":\"accept_charge\",\"batch\":2}");
    bench_event(b, ID_A, "released", "command line", "{\"decision\":\"accept_charge\",\"batch\":2}");
    row = bench_row(b, ID_A);
    assert_int_equal(row.unknown_batches, 2);
    assert_money(row.cost, "2.00");
    assert_money(row.cost_in_doubt, "4.00");
    bench_event(b, ID_A, "captured", "daemon", "{\"batch\":2,\"records\":1,\"cost\":\"2.00\",\"file\":\"f\"}");
    bench_event(b, ID_A, "released", "command line", "{\"decision\":\"give_up\"}");
    row = bench_row(b, ID_A);
    assert_int_equal(row.unknown_batches, 0);
    assert_money(row.cost, "8.00");
    assert_money(row.cost_in_doubt, "0.00");
}

static void files(void **state) {
    struct bench *b = *state;
    struct journal_reader *reader;
    struct journal_line line;
    struct job_row job;
    struct file_row file = {.batch = 7};
    bench_event(b, ID_A, "captured", "daemon",
                "{\"batch\":7,\"file\":\"2026-11/CA_batch0007_x.json\",\"sha256\":\"" SUM_A
                "\",\"bytes\":3,\"records\":2,\"captured_at\":\"2026-11-23T17:05:01Z\"}");
    bench_event(b, ID_A, "loaded", "daemon", "{\"batch\":8}");
    bench_event(b, ID_A, "rejected", "daemon", "{\"batch\":7,\"error\":\"cannot\"}");
    bench_event(b, ID_A, "loaded", "daemon", "{\"batch\":7,\"properties_count\":2,\"success_count\":2,\"error_count\":0,\"processing_time_ms\":4}");
    job_row_init(&job, ID_A);
    snprintf(job.campaign, sizeof job.campaign, "CA");
    static const bool ABOUT[] = {true, false, true, true};
    static const enum file_status STATUS[] = {FILE_PENDING, FILE_PENDING, FILE_FAILED, FILE_COMPLETED};
    assert_int_equal(journal_reader_open(b->spool, ID_A, 0, 0, NULL, &reader, &b->err), RC_OK);
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(journal_reader_next(reader, &line, &b->err), RC_OK);
        assert_int_equal(file_row_apply(&file, &job, &line), ABOUT[i]);
        assert_int_equal(file.status, STATUS[i]);
    }
    journal_reader_close(reader);
    assert_string_equal(file.file_path, "payloads/raw/2026-11/CA_batch0007_x.json");
    assert_string_equal(file.campaign, "CA");
    assert_int_equal(file.captured_us, INT64_C(1795453501000000));
    assert_string_equal(file.error_details, "");
    assert_int_equal(file.success_count, 2);
    char id[100];
    file_id_format(ID_A, 7, id, sizeof id);
    assert_string_equal(id, ID_A "_batch0007");
    cJSON *json = file_row_json(&file);
    assert_int_equal(cJSON_GetObjectItem(json, "batch_number")->valueint, 7);
    assert_string_equal(cJSON_GetObjectItem(json, "status")->valuestring, "COMPLETED");
    cJSON_Delete(json);
}

static void archived_payloads_and_jobs(void **state) {
    struct bench *b = *state;
    bench_job(b, ID_A);
    bench_event(b, ID_A, "claimed", "daemon", NULL);
    bench_event(b, ID_A, "captured", "daemon", "{\"batch\":1,\"file\":\"2026-11/x.json\",\"records\":7}");
    bench_event(b, ID_A, "loaded", "daemon", "{\"batch\":1,\"properties_count\":7,\"success_count\":6,\"error_count\":1}");
    bench_event(b, ID_A, "completed", "daemon", NULL);
    bench_event(b, ID_A, "archived", "daemon", "{\"batch\":1,\"archive\":\"archive/2026-11.tar.zst\"}");
    bench_event(b, ID_A, "archived", "daemon", "{\"batch\":1,\"archive\":\"archive/2026-11.tar.zst\"}");
    bench_event(b, ID_A, "archived", "daemon", "{\"batch\":2}");
    struct job_row row = bench_row(b, ID_A);
    assert_true(row.archived_batches == 1 && row.archived_us == 0 && row.success_count == 6 && row.loaded_batches == 1);
    bench_event(b, ID_A, "archived", "daemon", NULL);
    row = bench_row(b, ID_A);
    assert_true(row.archived_us != 0 && row.place == PLACE_PROCESSED && row.completed_us != 0);
    bench_event(b, ID_A, "restored", "daemon", "{\"batch\":1}");
    bench_event(b, ID_A, "loaded", "daemon", "{\"batch\":1,\"properties_count\":7,\"success_count\":7}");
    row = bench_row(b, ID_A);
    assert_true(row.archived_batches == 0 && row.success_count == 7 && row.error_count == 0 && row.archived_us != 0);
    bench_event(b, ID_A, "requeued", "mv", "{\"to\":\"pending\"}"); /* a hand brought it back */
    assert_true(bench_row(b, ID_A).archived_us == 0);
}

static void rows_as_json(void **state) {
    struct bench *b = *state;
    bench_job(b, ID_A);
    struct job_row row = bench_row(b, ID_A);
    cJSON *json = job_row_json(&row);
    assert_string_equal(cJSON_GetObjectItem(json, "job_id")->valuestring, ID_A);
    assert_string_equal(cJSON_GetObjectItem(json, "status")->valuestring, "PENDING");
    assert_true(cJSON_IsNull(cJSON_GetObjectItem(json, "total_records")));
    assert_string_equal(cJSON_GetObjectItem(json, "cost")->valuestring, "0.00");
    assert_true(cJSON_IsNull(cJSON_GetObjectItem(json, "completed_at")));
    cJSON_Delete(json);
}

static void the_text_of_the_last_acceptance(void **state) {
    struct bench *b = *state;
    char *text;
    size_t length;
    assert_int_equal(job_text_read(b->spool, ID_A, &text, &length, &b->err), RC_GONE);
    bench_event(b, ID_A, "rejected", "daemon", "{\"error\":\"\\\"event\\\":\\\"accepted\\\"\"}");
    assert_int_equal(job_text_read(b->spool, ID_A, &text, &length, &b->err), RC_GONE);
    bench_job(b, ID_A);
    bench_event(b, ID_A, "accepted", "daemon", "{\"text\":\"{ \\\"a\\\": \\\"\\u00e9\\\" }\"}");
    assert_int_equal(job_text_read(b->spool, ID_A, &text, &length, &b->err), RC_OK);
    assert_string_equal(text, "{ \"a\": \"\xc3\xa9\" }");
    assert_int_equal(length, strlen(text));
    free(text);
    bench_event(b, ID_A, "accepted", "daemon", "{\"text\":\"{}\",\"sha256\":\"" SUM_A "\"}");
    assert_int_equal(job_text_read(b->spool, ID_A, &text, &length, &b->err), RC_CORRUPT);
    assert_null(text);
}

static void texts_are_cut_between_characters(void **state) {
    struct bench *b = *state;
    char error[1600] = "{\"error\":\"x", *at = error + strlen(error);
    for (int i = 0; i < 400; i++, at += 2)
        memcpy(at, "\xc3\xa9", 3);
    strcpy(at, "\"}");
    bench_event(b, ID_A, "held", "daemon", error);
    struct job_row row = bench_row(b, ID_A);
    assert_int_equal(strlen(row.error_details), 599);
    assert_int_equal((unsigned char)row.error_details[598], 0xa9);
}

static void why_tells_how_to_go_on(void **state) {
    struct bench *b = *state;
    char text[2048];
    bench_job(b, ID_A);
    bench_event(b, ID_A, "held", "daemon", "{\"reason\":\"max_records\",\"error\":\"12 are more than 10\"}");
    struct job_row row = bench_row(b, ID_A);
    job_why_format(&row, text, sizeof text);
    assert_non_null(strstr(text, "max_records"));
    assert_non_null(strstr(text, "12 are more than 10"));
    assert_non_null(strstr(text, "batchspool release"));
}

/* What a delta purchase owns already counts once, however often it was listed before anything was asked for. */
static void owned_records_count(void **state) {
    struct bench *b = *state;
    bench_event(b, ID_A, "accepted", "daemon", "{\"source\":\"s\"}");
    bench_event(b, ID_A, "listed", NULL, "{\"total\":10,\"owned\":7,\"to_buy\":3,\"size\":400}");
    bench_event(b, ID_A, "listed", NULL, "{\"total\":12,\"owned\":4,\"to_buy\":8,\"size\":400}");
    struct job_row row = bench_row(b, ID_A);
    assert_int_equal(row.total_records, 12);
    assert_int_equal(row.processed_records, 4);
    assert_int_equal(row.success_count, 4);
    bench_event(b, ID_A, "accepted", "daemon", "{\"source\":\"s\"}");
    row = bench_row(b, ID_A);
    assert_int_equal(row.owned_records, 0);
    assert_int_equal(row.processed_records, 0);
    bench_event(b, ID_A, "listed", NULL, "{\"total\":12,\"owned\":4,\"to_buy\":8,\"size\":400}");
    bench_event(b, ID_A, "requested", NULL, "{\"batch\":1,\"paid\":true}");
    bench_event(b, ID_A, "captured", NULL, "{\"batch\":1,\"records\":8,\"file\":\"2026-11/a.json\",\"sha256\":\"" SUM_A "\"}");
    bench_event(b, ID_A, "loaded", NULL, "{\"batch\":1,\"success_count\":8,\"error_count\":0}");
    row = bench_row(b, ID_A);
    assert_int_equal(row.processed_records, 12);
    assert_int_equal(row.success_count, 12);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        BENCH_TEST(accepted_tells_what_a_job_is),
        BENCH_TEST(accepted_tells_what_was_expected),
        BENCH_TEST(pages_with_the_same_bytes_are_counted),
        BENCH_TEST(events_tell_the_place),
        BENCH_TEST(a_new_time_by_hand_overrides_not_before),
        BENCH_TEST(counts_and_money),
        BENCH_TEST(an_open_request_counts),
        BENCH_TEST(a_decided_charge_is_spent),
        BENCH_TEST(files),
        BENCH_TEST(owned_records_count),
        BENCH_TEST(archived_payloads_and_jobs),
        BENCH_TEST(rows_as_json),
        BENCH_TEST(the_text_of_the_last_acceptance),
        BENCH_TEST(texts_are_cut_between_characters),
        BENCH_TEST(why_tells_how_to_go_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
