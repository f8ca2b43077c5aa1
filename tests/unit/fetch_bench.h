// SPDX-License-Identifier: Apache-2.0
#ifndef TESTS_FETCH_BENCH_H
#define TESTS_FETCH_BENCH_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "base/clock.h"
#include "net/fetch.h"

#include <stdio.h>
#include <string.h>

/* One fetch after the other, run to its end, for the tests of net/fetch. */

#define BENCH_GIVE_UP_MS 20000

struct bench {
    struct loop *loop;
    struct fetcher *fetcher;
    int calls; /* of done() */
    struct fetch_answer answer;
    char body[65536]; /* answer.body, cut */
    char total[64];   /* answer.fields: its X-Total-Count */
    unsigned field_count;
};

static inline void bench_open(struct bench *bench, const char *ca_file) {
    struct err err = {{0}};
    assert_int_equal(loop_new(&bench->loop, &err), RC_OK);
    assert_int_equal(fetcher_new(bench->loop, ca_file, &bench->fetcher, &err), RC_OK);
}

static inline void bench_close(struct bench *bench) {
    fetcher_free(bench->fetcher);
    loop_free(bench->loop);
}

static inline void bench_done(void *context, const struct fetch_answer *answer) {
    struct bench *bench = context;
    bench->calls++;
    bench->answer = *answer;
    (void)snprintf(bench->body, sizeof(bench->body), "%s", answer->body == NULL ? "" : answer->body);
    bench->answer.body = bench->body;
    const char *total = fields_get(answer->fields, "x-total-count");
    (void)snprintf(bench->total, sizeof(bench->total), "%s", total == NULL ? "" : total);
    bench->field_count = answer->fields->count;
    bench->answer.fields = NULL; /* gone after this */
}

/* A plain GET with generous limits, to be changed. */
static inline struct fetch_request bench_request(const char *url) {
    return (struct fetch_request){.method = "GET", .url = url, .timeout_ms = 10000, .connect_timeout_ms = 5000, .max_body_bytes = 1000000, .body_fd = -1};
}

static inline void bench_turn_until(struct bench *bench, const int *counter, int wanted) {
    int64_t end_ms = clock_mono_ms() + BENCH_GIVE_UP_MS;
    while (*counter < wanted) {
        assert_true(clock_mono_ms() < end_ms);
        assert_int_equal(loop_turn(bench->loop, 1000, NULL), RC_OK);
    }
}

static inline const struct fetch_answer *bench_run(struct bench *bench, const struct fetch_request *request) {
    struct fetch *fetch = NULL;
    struct err err = {{0}};
    bench->calls = 0;
    assert_int_equal(fetch_start(bench->fetcher, request, bench_done, bench, &fetch, &err), RC_OK);
    assert_non_null(fetch);
    assert_int_equal(bench->calls, 0);
    bench_turn_until(bench, &bench->calls, 1);
    return &bench->answer;
}

static inline void bench_expect_broken(const struct fetch_answer *answer, const char *reason, bool sent) {
    assert_string_equal(answer->reason, reason);
    assert_false(answer->complete);
    assert_int_equal(answer->sent, sent);
    assert_true(answer->error[0] != '\0');
}

static inline void bench_expect_whole(const struct fetch_answer *answer, int status, const char *body) {
    assert_string_equal(answer->error, "");
    assert_string_equal(answer->reason, "");
    assert_true(answer->complete);
    assert_true(answer->sent);
    assert_int_equal(answer->status, status);
    assert_string_equal(answer->body, body);
    assert_int_equal(answer->body_bytes, strlen(body));
    char sha256[DIGEST_HEX_SIZE];
    digest_of_hex(body, strlen(body), sha256);
    assert_string_equal(answer->sha256, sha256);
}

#endif
