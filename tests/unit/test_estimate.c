// SPDX-License-Identifier: Apache-2.0
#include "engine/estimate.h"

#include "base/clock.h"
#include "spool_scratch.h"

#include "source_fixture.h"

#define S INT64_C(1000000)

/* pages of 400 in `width` lanes, each took_ms, from start_s on; what is done between them takes work_ms. */
static void captured(struct history *history, uint32_t job, double start_s, unsigned count, unsigned width, uint32_t took_ms, uint32_t work_ms) {
    int64_t at = (int64_t)(start_s * 1e6);
    for (unsigned i = 0; i < count; i++) {
        if (i == 1 || (i > 1 && (i - 1) % width == 0))
            at += (int64_t)(took_ms + work_ms) * 1000;
        struct history_page page = {.answered_us = at + (int64_t)took_ms * 1000, .job = job, .took_ms = took_ms, .records = 400, .paid = true};
        page.cost.nano = INT64_C(20000000000);
        history_add(history, &page);
    }
}

static void near(double wanted, double is) {
    if (is < wanted * 0.98 || is > wanted * 1.02)
        fail_msg("wanted about %g, got %g", wanted, is);
}

static void test_pace(void **state) {
    struct history history = {.count = 0};
    struct estimate_pace pace;
    (void)state;
    estimate_pace(&history, &pace);
    assert_int_equal(pace.pages, 0);
    assert_false(pace.priced);
    captured(&history, 1, 100, 21, 1, 200, 20);
    estimate_pace(&history, &pace);
    assert_int_equal(pace.pages, 21);
    near(0.2, pace.page_s);
    near(1 / 0.22, pace.pages_per_s); /* with what is done between them */
    assert_int_equal(pace.most_records, 400);
    assert_true(pace.priced && pace.price.nano == 50000000);
    captured(&history, 2, 5000, 21, 1, 200, 20); /* what lies between two jobs is no work */
    estimate_pace(&history, &pace);
    near(1 / 0.22, pace.pages_per_s);
    captured(&history, 3, 5000, 21, 1, 200, 20); /* two at the same time are twice as fast together */
    estimate_pace(&history, &pace);
    near(60 / (40 * 0.22), pace.pages_per_s);
    history.count = 0;
    captured(&history, 1, 100, 41, 4, 200, 0);
    estimate_pace(&history, &pace);
    near(20, pace.pages_per_s);
    history.count = 0;
    for (unsigned i = 0; i < 20; i++)
        captured(&history, i, 100 + i, 1, 1, 200, 0);
    estimate_pace(&history, &pace);
    near(0.2, pace.page_s);
    assert_true(pace.pages_per_s <= 0); /* jobs of one page tell nothing of the pace */
}

static struct estimate_input input_of(const struct source *source, uint64_t records) {
    struct estimate_input in = {.source = source, .page_size = 100, .records = records, .jobs_at_once = 8, .now_us = 1795500000 * S};
    in.spent_today = in.pace.price = dec_zero();
    return in;
}

static void test_requests(void **state) {
    struct source *source = source_of("{}");
    struct estimate estimate;
    struct estimate_input in = input_of(source, JOB_UNKNOWN);
    (void)state;
    estimate_make(&in, &estimate);
    assert_true(estimate.guess.requests == JOB_UNKNOWN && estimate.guess.records == JOB_UNKNOWN && estimate.guess.ms == JOB_UNKNOWN);
    in = input_of(source, 1001);
    estimate_make(&in, &estimate);
    assert_int_equal(estimate.guess.requests, 11);
    assert_true(estimate.guess.ms == JOB_UNKNOWN && !estimate.guess.priced && estimate.guess.basis[0] == '\0');
    in = input_of(source, 0);
    estimate_make(&in, &estimate);
    assert_int_equal(estimate.guess.requests, 1);
    in = input_of(source, UINT64_MAX - 1);
    estimate_make(&in, &estimate);
    assert_true(estimate.guess.requests == (UINT64_MAX - 1) / 100 + 1);
    in.page_size = 0; /* as many as its pages had */
    in.records = 1000;
    estimate_make(&in, &estimate);
    assert_true(estimate.guess.requests == JOB_UNKNOWN);
    in.pace.most_records = 30;
    estimate_make(&in, &estimate);
    assert_int_equal(estimate.guess.requests, 34);
    source_free(source);
}

static void test_time(void **state) {
    struct source *one = source_of("{\"concurrency_level\":{\"max_concurrency\":1}}");
    struct source *four = source_of("{\"concurrency_level\":{\"default_concurrency\":4,\"max_concurrency\":4}}");
    struct source *chain = source_of("{\"concurrency_level\":{\"default_concurrency\":4},\"paginator\":{\"type\":\"cursor\",\"cursor_path\":\"/next\","
                                     "\"cursor_param\":\"after\",\"limit\":100,\"limit_param\":\"limit\"}}");
    struct estimate estimate;
    struct estimate_input in = input_of(one, 2000);
    (void)state;
    in.pace = (struct estimate_pace){.pages = 50, .page_s = 0.2, .pages_per_s = 1 / 0.22};
    estimate_make(&in, &estimate);
    near(20 * 220, (double)estimate.guess.ms);
    assert_string_equal(estimate.guess.basis, "history of 50 pages");
    assert_int_equal(estimate.queue_ms, 0);
    in.source = chain; /* each page names the next: there is nothing to do together */
    estimate_make(&in, &estimate);
    near(20 * 220, (double)estimate.guess.ms);
    in.source = four;
    in.pace.pages_per_s = 0; /* not known: as many as may be */
    estimate_make(&in, &estimate);
    near(200 + 5 * 200, (double)estimate.guess.ms);
    in.pace.pages_per_s = 100; /* several jobs together did so: one alone cannot */
    estimate_make(&in, &estimate);
    near(200 + 5 * 200, (double)estimate.guess.ms);
    in.pace.pages_per_s = 10; /* the server does two at once, or is limited */
    estimate_make(&in, &estimate);
    near(200 + 10 * 200, (double)estimate.guess.ms);
    in.records = 1;
    estimate_make(&in, &estimate);
    near(200, (double)estimate.guess.ms);
    source_free(one);
    source_free(four);
    source_free(chain);
}

static void test_limits(void **state) {
    struct source *source = source_of("{\"api_budget\":{\"policies\":[{\"type\":\"moving_window\",\"rates\":[{\"limit\":60,\"interval\":\"PT1M\"},"
                                      "{\"limit\":1000,\"interval\":\"P1D\"}]}]}}");
    struct estimate estimate;
    struct estimate_input in = input_of(source, 6000);
    (void)state;
    estimate_make(&in, &estimate);
    assert_true(estimate.guess.ms == JOB_UNKNOWN); /* the limits let them all go at once */
    in.records = 15000;
    estimate_make(&in, &estimate);
    near(120000, (double)estimate.guess.ms);
    assert_string_equal(estimate.guess.basis, "limits of the definition");
    in.pace = (struct estimate_pace){.pages = 9, .page_s = 0.5, .pages_per_s = 2};
    estimate_make(&in, &estimate);
    near(120500, (double)estimate.guess.ms); /* the limit, not the pace */
    in.records = 100 * 2001;
    estimate_make(&in, &estimate);
    near(2 * 86400e3, (double)estimate.guess.ms);
    in.records = 6000; /* what is before it uses the same window */
    in.queue = (struct estimate_queue){.jobs = 1, .requests = 60};
    in.pace = (struct estimate_pace){.pages = 9, .page_s = 0.1, .pages_per_s = 20};
    estimate_make(&in, &estimate);
    near(60100, (double)estimate.guess.ms);
    near(60000, (double)estimate.queue_ms);
    source_free(source);
}

static void test_queue(void **state) {
    struct source *source = source_of("{\"metering\":{\"max_in_flight\":2},\"concurrency_level\":{\"default_concurrency\":2,\"max_concurrency\":4}}");
    struct estimate estimate;
    struct estimate_input in = input_of(source, 1000);
    (void)state;
    in.pace = (struct estimate_pace){.pages = 50, .page_s = 1, .pages_per_s = 2};
    in.queue = (struct estimate_queue){.jobs = 1, .requests = 100};
    estimate_make(&in, &estimate); /* two jobs of two requests each fit: it begins at once */
    assert_int_equal(estimate.queue_ms, 0);
    near(6000, (double)estimate.guess.ms);
    in.queue = (struct estimate_queue){.jobs = 10, .requests = 101, .unknown = 2};
    estimate_make(&in, &estimate);
    near(51000.0 / 2, (double)estimate.queue_ms);
    near(51000.0 / 2 + 6000, (double)estimate.guess.ms);
    assert_string_equal(estimate.guess.basis, "history of 50 pages; 2 jobs before it are of unknown size");
    in.jobs_at_once = 1;
    in.queue.cut = true;
    estimate_make(&in, &estimate);
    near(51000, (double)estimate.queue_ms);
    assert_string_equal(estimate.guess.basis, "history of 50 pages; more than 256 jobs wait before it");
    source_free(source);
}

static void test_cost(void **state) {
    struct source *source = source_of("{\"metering\":{\"preview\":{\"params\":{\"p\":\"0\"}},\"cost_per_record\":\"0.05\",\"currency\":\"USD\","
                                      "\"daily_cost_cap\":\"50\",\"reserve\":\"10\"}}");
    struct source *free_one = source_of("{}");
    struct estimate estimate;
    struct estimate_input in = input_of(source, 400);
    char text[DEC_TEXT_SIZE];
    (void)state;
    estimate_make(&in, &estimate);
    dec_format(estimate.guess.cost, text);
    assert_string_equal(text, "20.00");
    assert_int_equal(estimate.days, 1);
    in.pace = (struct estimate_pace){.pages = 5, .page_s = 1, .priced = true, .price = {.nano = 100000000}};
    estimate_make(&in, &estimate); /* what it really cost */
    dec_format(estimate.guess.cost, text);
    assert_string_equal(text, "40.00");
    assert_int_equal(estimate.days, 1);
    near(1000 + 4 * 1000, (double)estimate.guess.ms); /* with its preview */
    in.spent_today = (struct dec){.nano = 1};
    estimate_make(&in, &estimate);
    assert_int_equal(estimate.days, 2);
    const int64_t day_us = 86400 * S;
    near((double)(day_us - in.now_us % day_us) / 1000, (double)estimate.guess.ms);
    in.spent_today = (struct dec){.nano = INT64_C(60000000000)};
    in.records = 1200;
    estimate_make(&in, &estimate);
    assert_int_equal(estimate.days, 3);
    near((double)(day_us - in.now_us % day_us + 2 * day_us) / 1000, (double)estimate.guess.ms);
    in.source = free_one;
    estimate_make(&in, &estimate);
    assert_true(!estimate.guess.priced && estimate.days == 0);
    source_free(source);
    source_free(free_one);
}

/* --- from an index -------------------------------------------------------------------------------------------------- */

static void job(const struct bench *b, struct index *index, unsigned n, const char *mode, const char *more) {
    char id[JOBID_SIZE], members[600];
    snprintf(id, sizeof id, "20261123T170501Z-%012x-job", n);
    snprintf(
        members, sizeof members,
        "{\"text\":\"{}\",\"source\":\"items\",\"priority\":\"normal\",\"mode\":\"%s\",\"criteria_hash\":\"h%u\",\"estimate\":{\"requests\":7,\"seconds\":1.5,"
        "\"basis\":\"b\"}}",
        mode, n);
    bench_event(b, id, "accepted", "daemon", members);
    if (more != NULL)
        bench_event(b, id, "previewed", "daemon", more);
    assert_int_equal(index_follow(index, b->spool, id, NULL, NULL), RC_OK);
}

static void test_look(void **state) {
    struct bench *b = *state;
    struct source *source = source_of("{}");
    struct index *index;
    struct estimate_source look;
    struct estimate estimate;
    struct criteria *criteria;
    const char *text = "{\"source\":\"items\",\"take\":120}";
    assert_int_equal(index_open(b->spool, INDEX_OF_DAEMON, true, &index, &b->err), RC_OK);
    job(b, index, 1, "run", NULL);
    job(b, index, 2, "preview", "{\"total\":1000}");
    job(b, index, 3, "run", "{\"total\":1000}");
    estimate_look(index, source, PRIORITY_NORMAL, "", 5, &look);
    assert_int_equal(look.queue.jobs, 2); /* a preview is no work */
    assert_int_equal(look.queue.requests, 17);
    assert_int_equal(look.queue.unknown, 0);
    assert_int_equal(look.at_us, 5);
    estimate_look(index, source, PRIORITY_NORMAL, "20261123T170501Z-000000000003-job", 5, &look);
    assert_int_equal(look.queue.requests, 7);
    estimate_look(index, source, PRIORITY_HIGH, "", 5, &look);
    assert_int_equal(look.queue.jobs, 0);
    for (unsigned n = 10; n < 10 + ESTIMATE_QUEUE; n++)
        job(b, index, n, "run", NULL);
    estimate_look(index, source, PRIORITY_LOW, "", 5, &look);
    assert_true(look.queue.cut && look.queue.jobs <= ESTIMATE_QUEUE);
    estimate_look(NULL, source, PRIORITY_LOW, "", 5, &look);
    assert_true(!look.queue.cut && look.pace.pages == 0);

    assert_int_equal(criteria_parse("j", text, strlen(text), source, &criteria, &b->err), RC_OK);
    estimate_job(index, source, criteria, JOB_UNKNOWN, NULL, &look, 8, &estimate);
    assert_string_equal(estimate.records_from, "take");
    assert_int_equal(estimate.guess.requests, 2);
    estimate_job(index, source, criteria, 110, NULL, &look, 8, &estimate);
    assert_string_equal(estimate.records_from, "preview");
    assert_int_equal(estimate.guess.records, 110);
    str_copy(criteria->hash, sizeof criteria->hash, "h2");
    estimate_job(index, source, criteria, JOB_UNKNOWN, NULL, &look, 8, &estimate);
    assert_string_equal(estimate.records_from, "job 20261123T170501Z-000000000002-job");
    assert_int_equal(estimate.guess.records, 120);
    cJSON *json = cJSON_CreateObject();
    estimate_add(&estimate, source, true, json);
    char *printed = cJSON_PrintUnformatted(json);
    assert_string_equal(printed, "{\"requests\":2,\"records\":120,\"records_from\":\"job 20261123T170501Z-000000000002-job\",\"seconds\":null,"
                                 "\"queue_seconds\":null,\"basis\":null}");
    cJSON_free(printed);
    cJSON_Delete(json);
    criteria_free(criteria);
    index_close(index);
    source_free(source);
}

/* Units are counted, not guessed; some of them have their answer already. */
static void test_units(void **state) {
    struct source *source = source_of("{\"concurrency_level\":{\"default_concurrency\":2,\"max_concurrency\":20}}");
    struct estimate estimate;
    struct estimate_input in = input_of(source, 600);
    (void)state;
    in.by_units = true;
    in.unit.requests = 1;
    in.unit.width = 5;
    estimate_make(&in, &estimate);
    assert_int_equal(estimate.guess.requests, 600);
    assert_true(estimate.guess.ms == JOB_UNKNOWN);
    in.pace = (struct estimate_pace){.pages = 50, .page_s = 20};
    estimate_make(&in, &estimate);
    near(600 / 5 * 20000, (double)estimate.guess.ms);
    assert_string_equal(estimate.guess.basis, "history of 50 units");
    in.unit.width = 0; /* as many as the source takes */
    estimate_make(&in, &estimate);
    near(600 / 20 * 20000, (double)estimate.guess.ms);
    in.unit.cached = 400;
    estimate_make(&in, &estimate);
    assert_int_equal(estimate.guess.requests, 200);
    assert_int_equal(estimate.guess.records, 600);
    near(200 / 20 * 20000, (double)estimate.guess.ms);
    in.unit.requests = 2;
    estimate_make(&in, &estimate);
    assert_int_equal(estimate.guess.requests, 400);
    in.unit.requests = 0; /* programs do it all */
    estimate_make(&in, &estimate);
    assert_int_equal(estimate.guess.requests, 0);
    near(200 / 20 * 20000, (double)estimate.guess.ms);
    in.unit.cached = 600;
    estimate_make(&in, &estimate);
    assert_int_equal(estimate.guess.ms, 0);
    source_free(source);
}

/* A day's quota that does not do makes days of a job. */
static void test_quota(void **state) {
    struct source *source = source_of("{\"concurrency_level\":{\"default_concurrency\":2,\"max_concurrency\":20}}");
    struct estimate estimate;
    struct estimate_input in = input_of(source, 60000);
    struct limits_window windows[] = {{.limit = 25000, .period_ms = 86400000, .end_us = in.now_us + 36000 * S}, {.limit = 1000000, .period_ms = 3600000}};
    (void)state;
    in.by_units = true;
    in.unit.requests = 1;
    in.windows = windows;
    in.window_count = 2;
    estimate_make(&in, &estimate);
    assert_int_equal(estimate.days, 3);
    near(36000e3 + 86400e3, (double)estimate.guess.ms); /* the last of them begins then */
    assert_string_equal(estimate.guess.basis, "limits of the definition");
    in.pace = (struct estimate_pace){.pages = 50, .page_s = 20};
    estimate_make(&in, &estimate);
    near(36000e3 + 86400e3 + 10000 / 20 * 20000, (double)estimate.guess.ms);
    windows[0].used = 20000; /* of today 5,000 are left */
    estimate_make(&in, &estimate);
    assert_int_equal(estimate.days, 4);
    windows[0].used = 30000;
    estimate_make(&in, &estimate);
    assert_int_equal(estimate.days, 3);
    near(36000e3 + 2 * 86400e3 + 10000 / 20 * 20000, (double)estimate.guess.ms);
    windows[0].used = 0;
    in.queue = (struct estimate_queue){.jobs = 1, .requests = 40000};
    estimate_make(&in, &estimate);
    assert_int_equal(estimate.days, 4);
    in.queue = (struct estimate_queue){.jobs = 0};
    in.records = 25000;
    estimate_make(&in, &estimate);
    assert_int_equal(estimate.days, 0);
    near(25000 / 20 * 20000, (double)estimate.guess.ms);
    windows[0].limit = 0; /* no window */
    estimate_make(&in, &estimate);
    near(25000 / 20 * 20000, (double)estimate.guess.ms);
    source_free(source);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pace),   cmocka_unit_test(test_requests), cmocka_unit_test(test_time),
        cmocka_unit_test(test_limits), cmocka_unit_test(test_units),    cmocka_unit_test(test_quota),
        cmocka_unit_test(test_queue),  cmocka_unit_test(test_cost),     cmocka_unit_test_setup_teardown(test_look, bench_setup, bench_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
