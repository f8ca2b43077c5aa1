// SPDX-License-Identifier: Apache-2.0
#include "engine/reuse.h"

#include "spool_scratch.h"

struct shop { /* a spool and its index */
    struct bench *b;
    struct index *index;
};

static void id_of(unsigned n, char id[JOBID_SIZE]) {
    snprintf(id, JOBID_SIZE, "20261123T170501Z-%012x-job", n);
}

/* One more event of job n, seen by the index. */
static void tell(struct shop *shop, unsigned n, const char *event, const char *members) {
    char id[JOBID_SIZE];
    id_of(n, id);
    bench_event(shop->b, id, event, "daemon", members);
    assert_int_equal(index_follow(shop->index, shop->b->spool, id, NULL, &shop->b->err), RC_OK);
}

static void accept_one(struct shop *shop, unsigned n, const char *hash, const char *mode, const char *more) {
    char members[400];
    snprintf(members, sizeof members, "{\"text\":\"{}\",\"source\":\"props\",\"mode\":\"%s\",\"criteria_hash\":\"%s\"%s}", mode, hash, more);
    tell(shop, n, "accepted", members);
}

static void capture(struct shop *shop, unsigned n, unsigned batch, unsigned sum, unsigned total) {
    char members[400];
    snprintf(members, sizeof members,
             "{\"batch\":%u,\"file\":\"2026-11/j_batch%04u_20261123T170501Z-%012x.json\",\"sha256\":\"%064x\",\"records\":5,\"total\":%u}", batch, batch, n,
             sum, total);
    tell(shop, n, "captured", members);
}

static void open_shop(void **state, struct shop *shop) {
    shop->b = *state;
    assert_int_equal(index_open(shop->b->spool, INDEX_OF_DAEMON, true, &shop->index, &shop->b->err), RC_OK);
}

/* n 0: none is expected */
static void expect(enum rc rc, const char *id, unsigned n) {
    char wanted[JOBID_SIZE];
    assert_int_equal(rc, n > 0 ? RC_OK : RC_GONE);
    id_of(n, wanted);
    if (n > 0)
        assert_string_equal(id, wanted);
}

static void duplicate(struct shop *shop, uint64_t take, int64_t since_us, bool exactly, unsigned except, unsigned n) {
    char id[JOBID_SIZE], except_id[JOBID_SIZE];
    id_of(except, except_id);
    const struct reuse_search search = {.source = "props", .hash = "h1", .take = take, .except_id = except > 0 ? except_id : NULL};
    expect(reuse_duplicate(shop->index, &search, since_us, exactly, id, &shop->b->err), id, n);
}

static void test_states(void **state) {
    struct shop shop;
    open_shop(state, &shop);
    accept_one(&shop, 3, "h10", "run", "");
    accept_one(&shop, 4, "h1", "preview", "");
    duplicate(&shop, JOB_UNKNOWN, 0, false, 0, 0); /* another search, and one that buys nothing */
    accept_one(&shop, 1, "h1", "run", "");
    duplicate(&shop, JOB_UNKNOWN, 0, false, 0, 1);
    duplicate(&shop, JOB_UNKNOWN, 0, false, 1, 0);
    duplicate(&shop, JOB_UNKNOWN, INT64_MAX, false, 0, 0);
    accept_one(&shop, 2, "h1", "run", "");
    duplicate(&shop, JOB_UNKNOWN, 0, false, 0, 2);
    tell(&shop, 2, "held", "{\"reason\":\"max_records\"}");
    duplicate(&shop, JOB_UNKNOWN, 0, false, 0, 1); /* it has bought nothing */
    tell(&shop, 2, "requested", "{\"batch\":1}");
    duplicate(&shop, JOB_UNKNOWN, 0, false, 0, 2);
    tell(&shop, 2, "completed", "{\"reason\":\"reuse\",\"reuses\":\"x\"}");
    duplicate(&shop, JOB_UNKNOWN, 0, false, 0, 1);
    tell(&shop, 1, "cancelled", "{}");
    duplicate(&shop, JOB_UNKNOWN, 0, false, 0, 0);
    tell(&shop, 1, "completed", "{\"total\":400}");
    duplicate(&shop, JOB_UNKNOWN, 0, false, 0, 0); /* without a page */
    capture(&shop, 1, 1, 7, 400);
    duplicate(&shop, JOB_UNKNOWN, 0, false, 0, 1);
    tell(&shop, 1, "deferred", "{\"until\":\"2099-01-01T00:00:00Z\"}");
    duplicate(&shop, JOB_UNKNOWN, 0, false, 0, 1);
    tell(&shop, 1, "failed", "{\"reason\":\"coverage\"}");
    duplicate(&shop, JOB_UNKNOWN, 0, false, 0, 0);
    index_close(shop.index);
}

static void test_take(void **state) {
    struct shop shop;
    open_shop(state, &shop);
    assert_true(reuse_covers(JOB_UNKNOWN, JOB_UNKNOWN) && reuse_covers(JOB_UNKNOWN, 5) && reuse_covers(5, 5) && reuse_covers(6, 5));
    assert_false(reuse_covers(5, 6) || reuse_covers(5, JOB_UNKNOWN));
    accept_one(&shop, 1, "h1", "run", ",\"take\":100");
    duplicate(&shop, 100, 0, false, 0, 1);
    duplicate(&shop, 99, 0, false, 0, 1);
    duplicate(&shop, 101, 0, false, 0, 0);
    duplicate(&shop, JOB_UNKNOWN, 0, false, 0, 0);
    duplicate(&shop, 99, 0, true, 0, 0); /* a reuse must give exactly what was asked for */
    duplicate(&shop, 100, 0, true, 0, 1);
    capture(&shop, 1, 1, 7, 60);
    duplicate(&shop, JOB_UNKNOWN, 0, false, 0, 0); /* it may still find more */
    tell(&shop, 1, "completed", "{\"total\":60}");
    duplicate(&shop, JOB_UNKNOWN, 0, false, 0, 1); /* there were only 60 */
    index_close(shop.index);
}

static void test_completed(void **state) {
    struct shop shop;
    struct reuse_search search = {.source = "props", .hash = "h1", .take = JOB_UNKNOWN};
    struct job_row row;
    char id[JOBID_SIZE], first[JOBID_SIZE], members[200];
    open_shop(state, &shop);
#define COMPLETED(since) reuse_completed(shop.index, &search, since, id, &shop.b->err)
    accept_one(&shop, 1, "h1", "run", "");
    capture(&shop, 1, 1, 7, 5);
    expect(COMPLETED(0), id, 0); /* it runs */
    tell(&shop, 1, "completed", "{\"total\":5}");
    expect(COMPLETED(0), id, 1);
    id_of(1, first);
    assert_int_equal(index_job(shop.index, first, &row, NULL), RC_OK);
    expect(COMPLETED(row.completed_us), id, 1);
    expect(COMPLETED(row.completed_us + 1), id, 0);
    snprintf(members, sizeof members, "{\"reason\":\"cached\",\"reuses\":\"%s\"}", first);
    for (unsigned n = 10; n < 200; n++) { /* very many that it answered lie before it */
        accept_one(&shop, n, "h1", "run", "");
        tell(&shop, n, "completed", members);
    }
    expect(COMPLETED(0), id, 1);
    expect(COMPLETED(row.completed_us + 1), id, 0); /* they do not make it younger */
    search.automatic = true;
    expect(COMPLETED(0), id, 0);
    tell(&shop, 1, "loaded", "{\"batch\":1,\"success_count\":5}");
    expect(COMPLETED(0), id, 1);
    search.take = 5;
    expect(COMPLETED(0), id, 0);
    search.take = JOB_UNKNOWN;
    search.hash = "h2";
    expect(COMPLETED(0), id, 0);
#undef COMPLETED
    index_close(shop.index);
}

static void test_records(void **state) {
    struct shop shop;
    struct reuse_search search = {.source = "props", .hash = "h1", .take = JOB_UNKNOWN};
    uint64_t records;
    char id[JOBID_SIZE];
    open_shop(state, &shop);
#define RECORDS() reuse_records(shop.index, &search, &records, id, &shop.b->err)
    accept_one(&shop, 1, "h1", "preview", "");
    expect(RECORDS(), id, 0);
    tell(&shop, 1, "previewed", "{\"total\":1000}");
    expect(RECORDS(), id, 1);
    assert_int_equal(records, 1000);
    search.take = 30;
    expect(RECORDS(), id, 1);
    assert_int_equal(records, 30);
    accept_one(&shop, 2, "h1", "run", ",\"take\":50");
    tell(&shop, 2, "previewed", "{\"total\":1100}");
    expect(RECORDS(), id, 2);
    assert_int_equal(records, 30);
    search.take = 60; /* it took 50 of more */
    expect(RECORDS(), id, 1);
    assert_int_equal(records, 60);
    accept_one(&shop, 3, "h1", "run", ",\"take\":50");
    tell(&shop, 3, "previewed", "{\"total\":40}");
    search.take = JOB_UNKNOWN;
    expect(RECORDS(), id, 3);
    assert_int_equal(records, 40);
#undef RECORDS
    index_close(shop.index);
}

static void test_bytes(void **state) {
    struct shop shop;
    char file[100], one[JOBID_SIZE], two[JOBID_SIZE], sum[DIGEST_HEX_SIZE];
    open_shop(state, &shop);
    id_of(1, one);
    id_of(2, two);
    snprintf(sum, sizeof sum, "%064x", 7u);
#define BYTES(source, job, batch) reuse_bytes(shop.index, source, job, batch, sum, file, sizeof file, &shop.b->err)
    assert_int_equal(BYTES("props", one, 1), RC_GONE);
    accept_one(&shop, 1, "h1", "run", "");
    capture(&shop, 1, 1, 7, 9);
    assert_int_equal(BYTES("props", one, 1), RC_GONE); /* it is itself */
    assert_int_equal(BYTES("other", two, 1), RC_GONE); /* of another source */
    assert_int_equal(BYTES("props", two, 1), RC_OK);
    assert_string_equal(file, "2026-11/j_batch0001_20261123T170501Z-000000000001.json");
    accept_one(&shop, 2, "h2", "run", "");
    capture(&shop, 2, 4, 7, 9);
    assert_int_equal(BYTES("props", two, 5), RC_OK); /* its own page says more */
    assert_string_equal(file, "2026-11/j_batch0004_20261123T170501Z-000000000002.json");
    str_copy(sum, sizeof sum, "no sum");
    assert_int_equal(BYTES("props", two, 5), RC_GONE);
#undef BYTES
    index_close(shop.index);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_states, bench_setup, bench_teardown),
        cmocka_unit_test_setup_teardown(test_take, bench_setup, bench_teardown),
        cmocka_unit_test_setup_teardown(test_completed, bench_setup, bench_teardown),
        cmocka_unit_test_setup_teardown(test_records, bench_setup, bench_teardown),
        cmocka_unit_test_setup_teardown(test_bytes, bench_setup, bench_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
