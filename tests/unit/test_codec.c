// SPDX-License-Identifier: Apache-2.0
#include "store/codec.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

static void fill_job(struct job_row *row) {
    job_row_init(row, "20261123T170501Z-4f9c2a01b7d3-ca-absentee");
    row->place = PLACE_CANCELLED;
    row->priority = PRIORITY_URGENT;
    memset(row->error_details, 'e', sizeof row->error_details - 1);
    memset(row->name, 'n', sizeof row->name - 1);
    str_copy(row->source, sizeof row->source, "properties");
    row->automatic = row->accepted = true;
    row->created_us = INT64_MAX;
    row->until_us = -1;
    row->success_count = UINT64_C(1) << 63;
    row->cost.nano = -12345;
    row->open_batches = 3;
    row->cost_open = (struct dec){.nano = 1};
    row->repeats = 3;
    row->guess = (struct job_guess){.requests = 5, .records = JOB_UNKNOWN, .ms = 1500, .cost.nano = 77, .priced = true, .basis = "history of 9 pages"};
    row->cost_in_doubt = dec_times((struct dec){.nano = INT64_MAX}, 1000);
}

static void fill_file(struct file_row *row) {
    *row = (struct file_row){.batch = UINT32_MAX, .status = FILE_FAILED, .bytes = 12, .captured_us = 5, .processing_time_ms = 77};
    str_copy(row->job_id, sizeof row->job_id, "20261123T170501Z-4f9c2a01b7d3-ca-absentee");
    str_copy(row->file_path, sizeof row->file_path, "payloads/raw/2026-11/x.json");
    str_copy(row->same_as, sizeof row->same_as, "payloads/raw/2026-11/y.json");
}

static void test_round_trip(void **state) {
    (void)state;
    struct job_row job, job_back;
    struct file_row file, file_back;
    unsigned char bytes[CODEC_ROW_BYTES], again[CODEC_ROW_BYTES];
    fill_job(&job);
    size_t length = codec_job_write(&job, bytes);
    assert_true(codec_job_read(bytes, length, &job_back));
    assert_int_equal(codec_job_write(&job_back, again), length);
    assert_memory_equal(bytes, again, length);
    assert_true(job_back.until_us == -1 && job_back.total_records == JOB_UNKNOWN && job_back.place == PLACE_CANCELLED && job_back.priority == PRIORITY_URGENT);
    assert_string_equal(job_back.error_details, job.error_details);
    assert_string_equal(job_back.guess.basis, job.guess.basis);
    assert_true(job_back.repeats == 3 && job_back.guess.priced && job_back.guess.cost.nano == 77 && job_back.guess.records == JOB_UNKNOWN);
    assert_int_equal(dec_compare(job_back.cost, job.cost), 0);
    assert_int_equal(dec_compare(job_back.cost_in_doubt, job.cost_in_doubt), 0);
    assert_true(job_back.open_batches == 3 && job_back.cost_open.nano == 1);
    assert_null(job_back.memory);

    fill_file(&file);
    length = codec_file_write(&file, bytes);
    assert_true(codec_file_read(bytes, length, &file_back));
    assert_memory_equal(&file, &file_back, sizeof file);
}

static void test_small_values(void **state) {
    (void)state;
    unsigned char bytes[CODEC_ROW_BYTES];
    struct codec_money money = {{.nano = 5}, {.nano = -7}, {.nano = 8}}, money_back;
    size_t length = codec_money_write(&money, bytes);
    assert_true(codec_money_read(bytes, length, &money_back));
    assert_true(money_back.spent.nano == 5 && money_back.in_doubt.nano == -7 && money_back.open.nano == 8);
    assert_false(codec_money_read(bytes, length - 1, &money_back));
    assert_false(codec_money_read(bytes, length + 1, &money_back));

    struct job_unknown unknown = {.ts_us = 99, .cost = {.nano = 20}, .open = true}, unknown_back = {.batch = 3};
    length = codec_unknown_write(&unknown, bytes);
    assert_true(codec_unknown_read(bytes, length, &unknown_back));
    assert_true(unknown_back.ts_us == 99 && unknown_back.cost.nano == 20 && unknown_back.open && unknown_back.batch == 3);

    struct codec_counts counts = {{1, 2, 3, 4, 5, 6, 7, UINT64_MAX}}, counts_back;
    length = codec_counts_write(&counts, bytes);
    assert_true(codec_counts_read(bytes, length, &counts_back));
    assert_memory_equal(&counts, &counts_back, sizeof counts);
    assert_false(codec_counts_read(bytes, length - 1, &counts_back));
    assert_false(codec_counts_read(bytes, 0, &counts_back));
}

/* The bytes lie at the end of an allocation of their own, so that a sanitizer sees every step too far. */
static bool read_job(const unsigned char *bytes, size_t length) {
    struct job_row row;
    unsigned char *copy = malloc(length > 0 ? length : 1);
    assert_non_null(copy);
    memcpy(copy, bytes, length);
    bool good = codec_job_read(copy, length, &row);
    if (good)
        assert_true(row.place < PLACE_COUNT && row.priority <= PRIORITY_URGENT && strlen(row.name) < sizeof row.name);
    free(copy);
    return good;
}

static void test_damage(void **state) {
    (void)state;
    struct job_row job;
    unsigned char bytes[CODEC_ROW_BYTES];
    fill_job(&job);
    size_t length = codec_job_write(&job, bytes);
    for (size_t i = 0; i < length; i++)
        assert_false(read_job(bytes, i));
    bytes[length] = 0;
    assert_false(read_job(bytes, length + 1));
    for (size_t i = 0; i < length; i++)
        for (unsigned bit = 1; bit < 256; bit <<= 1) {
            bytes[i] = (unsigned char)(bytes[i] ^ bit);
            bool good = read_job(bytes, length);
            if (i == 0)
                assert_false(good);
            bytes[i] = (unsigned char)(bytes[i] ^ bit);
        }
    assert_true(read_job(bytes, length));
    srand(1);
    for (int round = 0; round < 2000; round++) {
        for (size_t i = 1; i < sizeof bytes; i++)
            bytes[i] = (unsigned char)rand();
        bytes[0] = CODEC_VERSION;
        assert_false(read_job(bytes, (size_t)rand() % sizeof bytes));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_small_values),
        cmocka_unit_test(test_damage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
