// SPDX-License-Identifier: Apache-2.0
#include "spool/job.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define T0 INT64_C(1795453501000000)
#define SECOND INT64_C(1000000)

/* A job whose journal is told line by line, at times that are told too. */
struct told {
    struct job_row row;
    struct job_memory memory;
    uint64_t seq;
};

static void tell(struct told *t, int64_t at_us, const char *event, const char *members) {
    cJSON *json = cJSON_Parse(members);
    assert_non_null(json);
    const struct journal_line line = {.seq = ++t->seq, .ts_us = at_us, .event = event, .json = json};
    t->memory.batch = (struct job_batch){.captured = false};
    t->row.memory = &t->memory;
    assert_int_equal(job_row_apply(&t->row, &line), RC_OK);
    cJSON_Delete(json);
}

static void begin(struct told *t) {
    *t = (struct told){.seq = 0};
    job_row_init(&t->row, "20261123T170501Z-4f9c2a01b7d3-ca");
    tell(t, T0 - 5 * SECOND, "accepted", "{\"source\":\"s\"}");
    tell(t, T0 - 4 * SECOND, "claimed", "{}");
    tell(t, T0 - SECOND, "previewed", "{\"total\":5000}");
}

static void page(struct told *t, int64_t asked_us, int64_t came_us) {
    tell(t, asked_us, "requested", "{\"batch\":1}");
    tell(t, came_us, "captured", "{\"batch\":1,\"records\":100,\"total\":5000}");
}

static bool near(double value, double wanted, double part) {
    return fabs(value - wanted) <= wanted * part;
}

static void a_steady_source(void **state) {
    (void)state;
    struct told t;
    begin(&t);
    assert_true(job_progress(&t.row, T0).rate_per_s < 0);
    assert_true(job_progress(&t.row, T0).eta_us == 0);
    /* 50 pages, one in 2 s: after 10 of them, and until the next one is late. */
    for (int i = 0; i < 10; i++)
        page(&t, T0 + i * 2 * SECOND, T0 + (i + 1) * 2 * SECOND);
    for (int64_t now = T0 + 20 * SECOND; now < T0 + 22 * SECOND; now += SECOND / 4) {
        struct job_progress p = job_progress(&t.row, now);
        assert_true(near(p.rate_per_s, 50, 0.001));
        assert_true(p.eta_us == T0 + 100 * SECOND);
    }
    /* Then it stalls: the rate falls and the end goes away, until nobody knows it any more. */
    struct job_progress late = job_progress(&t.row, T0 + 38 * SECOND);
    assert_true(late.rate_per_s < 49 && late.eta_us > T0 + 105 * SECOND);
    late = job_progress(&t.row, T0 + 80 * SECOND);
    assert_true(late.rate_per_s < 25 && late.eta_us == 0);
    t.row.memory = NULL;
    job_memory_release(&t.memory);
}

/* The source is tried with more and more requests, each answered after 2 s, up to 4 at a time: 200 records/s then, whatever it was before. */
static void a_source_that_is_tried(void **state) {
    (void)state;
    struct told t;
    begin(&t);
    int64_t due[64], now = T0;
    unsigned first = 0, asked = 0, width = 1;
    for (unsigned came = 0; came < 24; came++) {
        while (asked - first < width) {
            tell(&t, now + asked, "requested", "{\"batch\":1}");
            due[asked++] = now + 2 * SECOND;
        }
        now = due[first++];
        tell(&t, now + came, "captured", "{\"batch\":1,\"records\":100,\"total\":5000}");
        width += width < 4 && came + 1 >= width * 2;
    }
    struct job_progress p = job_progress(&t.row, now);
    assert_true(near(p.rate_per_s, 200, 0.2));
    assert_true(near((double)(p.eta_us - now), 2600.0 / 200 * SECOND, 0.2));
    t.row.memory = NULL;
    job_memory_release(&t.memory);
}

static void pages_that_come_in_bursts(void **state) {
    (void)state;
    struct told t;
    begin(&t);
    /* Eight at a time, each round 4 s: 200 records a second; looked at any time within the third round. */
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < 8; i++)
            tell(&t, T0 + round * 4 * SECOND, "requested", "{\"batch\":1}");
        for (int i = 0; i < 8; i++)
            tell(&t, T0 + (round + 1) * 4 * SECOND, "captured", "{\"batch\":1,\"records\":100,\"total\":5000}");
    }
    for (int64_t now = T0 + 8 * SECOND; now < T0 + 12 * SECOND; now += SECOND / 4) {
        struct job_progress p = job_progress(&t.row, now);
        assert_true(near(p.rate_per_s, 200, 0.01));
        assert_true(near((double)(p.eta_us - T0), 25e6, 0.01));
    }
    job_memory_release(&t.memory);
}

static void each_run_by_itself(void **state) {
    (void)state;
    struct told t;
    begin(&t);
    page(&t, T0, T0 + SECOND);
    page(&t, T0 + SECOND, T0 + 2 * SECOND);
    tell(&t, T0 + 2 * SECOND, "deferred", "{\"until\":\"2026-11-24T06:00:00Z\",\"reason\":\"api_budget\"}");
    assert_true(near(job_progress(&t.row, T0 + 9000 * SECOND).rate_per_s, 100, 0.001)); /* of the last run */
    assert_true(job_progress(&t.row, T0 + 9000 * SECOND).eta_us == 0);
    tell(&t, T0 + 9000 * SECOND, "requeued", "{\"reason\":\"due\"}");
    tell(&t, T0 + 9000 * SECOND, "claimed", "{}");
    assert_true(job_progress(&t.row, T0 + 9000 * SECOND).rate_per_s < 0);
    page(&t, T0 + 9001 * SECOND, T0 + 9005 * SECOND);
    assert_true(near(job_progress(&t.row, T0 + 9005 * SECOND).rate_per_s, 25, 0.001));
    assert_true(job_progress(&t.row, T0 + 9005 * SECOND).eta_us == T0 + 9005 * SECOND + 188 * SECOND);
    /* No daemon for an hour, in the middle of it. */
    page(&t, T0 + 12600 * SECOND, T0 + 12601 * SECOND);
    assert_true(near(job_progress(&t.row, T0 + 12601 * SECOND).rate_per_s, 100, 0.001));
    /* All is there, it waits for its loads. */
    t.row.total_records = t.row.processed_records + 3;
    t.row.failed_units = 2; /* units that failed do not come any more */
    assert_true(job_progress(&t.row, T0 + 12601 * SECOND).eta_us == T0 + 12601 * SECOND + SECOND / 100);
    t.row.total_records = t.row.processed_records + 2;
    assert_true(near(job_progress(&t.row, T0 + 20000 * SECOND).rate_per_s, 100, 0.001));
    assert_true(job_progress(&t.row, T0 + 20000 * SECOND).eta_us == 0);
    job_memory_release(&t.memory);
}

static void what_it_waits_for(void **state) {
    (void)state;
    struct told t;
    const char *reason = "";
    begin(&t);
    assert_true(job_heard_us(&t.row) == T0 - SECOND);
    tell(&t, T0, "requested", "{\"batch\":1}");
    tell(&t, T0 + 1, "requested", "{\"batch\":2}");
    assert_true(job_waits_until(&t.row, T0 + 2, &reason) == 0);
    tell(&t, T0 + SECOND, "retrying", "{\"batch\":1,\"reason\":\"status_503\",\"until\":\"2026-11-23T17:05:31Z\"}"); /* T0 + 30 s */
    tell(&t, T0 + 2 * SECOND, "retrying", "{\"batch\":2,\"reason\":\"timeout\",\"until\":\"2026-11-23T17:05:41Z\"}");
    assert_true(job_heard_us(&t.row) == T0 + 2 * SECOND);
    assert_true(job_waits_until(&t.row, T0 + 3 * SECOND, &reason) == T0 + 30 * SECOND); /* the first of them */
    assert_string_equal(reason, "status_503");
    assert_true(job_waits_until(&t.row, T0 + 30 * SECOND, &reason) == 0);
    tell(&t, T0 + 4 * SECOND, "requested", "{\"batch\":3}");
    assert_true(job_waits_until(&t.row, T0 + 5 * SECOND, &reason) == 0); /* something is in flight */
    tell(&t, T0 + 6 * SECOND, "captured", "{\"batch\":3,\"records\":1}");
    assert_true(job_waits_until(&t.row, T0 + 7 * SECOND, &reason) == T0 + 30 * SECOND);
    tell(&t, T0 + 8 * SECOND, "held", "{\"reason\":\"asked\"}");
    assert_true(job_waits_until(&t.row, T0 + 9 * SECOND, &reason) == 0);
    job_memory_release(&t.memory);
}

static void as_json(void **state) {
    (void)state;
    struct told t;
    begin(&t);
    page(&t, T0, T0 + SECOND);
    cJSON *json = cJSON_CreateObject();
    const struct job_progress progress = job_progress(&t.row, T0 + SECOND);
    job_progress_json(&t.row, &progress, T0 + SECOND, json);
    char *text = cJSON_PrintUnformatted(json);
    assert_string_equal(text, "{\"rate_per_s\":100.000,\"eta\":\"2026-11-23T17:05:51.000000Z\",\"eta_s\":49,\"waiting_until\":null,\"waiting_for\":null}");
    cJSON_free(text);
    cJSON_Delete(json);
    job_memory_release(&t.memory);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_steady_source),    cmocka_unit_test(a_source_that_is_tried), cmocka_unit_test(pages_that_come_in_bursts),
        cmocka_unit_test(each_run_by_itself), cmocka_unit_test(what_it_waits_for),      cmocka_unit_test(as_json),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
