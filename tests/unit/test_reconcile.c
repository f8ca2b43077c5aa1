// SPDX-License-Identifier: Apache-2.0
#include "engine/reconcile.h"

#include "base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define MINUTE INT64_C(60000000)
#define DAY (INT64_C(24) * 60 * MINUTE)
#define T0 (DAY * 20000) /* some midnight */

static struct dec money(const char *text) {
    struct dec value;
    assert_true(dec_parse(slice_of(text), &value));
    return value;
}

static struct reconcile *bench(void) {
    const struct reconcile_options options = {.window_us = 15 * MINUTE};
    return reconcile_new(&options);
}

static void charge(struct reconcile *r, const char *id, int64_t us, const char *amount, uint64_t records, enum ledger_state state, uint32_t batch) {
    struct err err = {0};
    struct ledger_charge c = {.batch = batch, .state = state, .time_us = us, .amount = money(amount), .has_records = true, .records = records};
    str_copy(c.job_id, sizeof c.job_id, "20261123T170501Z-4f9c2a01b7d3-job");
    str_copy(c.request_id, sizeof c.request_id, id);
    str_copy(c.currency, sizeof c.currency, "USD");
    assert_int_equal(reconcile_add_charge(r, &c, &err), RC_OK);
}

/* records -1: the invoice tells none; us -1: no time. */
static void line(struct reconcile *r, uint64_t number, const char *id, int64_t us, const char *amount, int records) {
    struct err err = {0};
    struct invoice_line l = {.line = number, .has_time = us >= 0, .from_us = us, .until_us = us + 1, .has_records = records >= 0, .amount = money(amount)};
    l.records = records >= 0 ? (uint64_t)records : 0;
    str_copy(l.request_id, sizeof l.request_id, id);
    str_copy(l.currency, sizeof l.currency, "USD");
    assert_int_equal(reconcile_add_line(r, &l, &err), RC_OK);
}

/* "LINE:STATUS:BATCH" of each, with commas. */
static void results(struct reconcile *r, const char *wanted) {
    static const char *const names[] = {"ok", "amount", "records", "not_ours", "missing", "not_charged", "bad"};
    struct reconcile_result result;
    struct err err = {0};
    char out[2000] = "";
    size_t used = 0;
    assert_int_equal(reconcile_match(r, &err), RC_OK);
    while (reconcile_next(r, &result, &err) == RC_OK)
        used += (size_t)snprintf(out + used, sizeof out - used, "%s%u:%s:%u", used ? "," : "", result.has_line ? (unsigned)result.line.line : 0,
                                 names[result.status], result.has_charge ? (unsigned)result.charge.batch : 0);
    assert_string_equal(out, wanted);
    reconcile_free(r);
}

static void test_by_id(void **state) {
    (void)state;
    struct reconcile *r = bench();
    charge(r, "a", T0, "20.00", 400, LEDGER_CAPTURED, 1);
    charge(r, "b", T0, "20.00", 400, LEDGER_CAPTURED, 2);
    charge(r, "c", T0, "20.00", 400, LEDGER_CAPTURED, 3);
    charge(r, "d", T0, "0", 400, LEDGER_REFUSED, 4);
    charge(r, "e", T0, "0", 400, LEDGER_REFUSED, 5);
    line(r, 2, "b", T0 + DAY * 9, "20.00", 400); /* an id needs no time */
    line(r, 3, "a", T0, "21.00", 400);
    line(r, 4, "x", T0, "20.00", 400); /* looks like the page that is missing, and is none of ours */
    line(r, 5, "a", T0, "20.00", 400);
    line(r, 6, "d", T0, "20.00", 400);
    results(r, "2:ok:2,3:amount:1,4:not_ours:0,5:not_ours:0,6:amount:4,0:missing:3");
    r = bench();
    charge(r, "a", T0, "20.00", 400, LEDGER_CAPTURED, 1);
    line(r, 2, "a", T0, "20.00", 399);
    results(r, "2:records:1");
}

/* An answer that was lost has no id; sure charges take the lines first. */
static void test_doubt(void **state) {
    (void)state;
    struct reconcile *r = bench();
    charge(r, "a", T0, "20.00", 400, LEDGER_CAPTURED, 1);
    charge(r, "", T0 + MINUTE, "20.00", 400, LEDGER_UNDECIDED, 2);
    charge(r, "", T0 + 2 * MINUTE, "20.00", 400, LEDGER_UNDECIDED, 3);
    charge(r, "z", T0 + 3 * MINUTE, "20.00", 400, LEDGER_UNDECIDED, 4);
    line(r, 2, "a", T0, "20.00", 400);
    line(r, 3, "lost", T0 + MINUTE, "20.00", 400);
    results(r, "2:ok:1,3:ok:2,0:not_charged:3,0:not_charged:4");
    r = bench(); /* without ids */
    charge(r, "a", T0 + 2 * MINUTE, "20.00", 400, LEDGER_CAPTURED, 1);
    charge(r, "", T0, "20.00", 400, LEDGER_UNDECIDED, 2);
    line(r, 2, "", T0 + MINUTE, "20.00", 400);
    results(r, "2:ok:1,0:not_charged:2");
}

static void test_by_time(void **state) {
    (void)state;
    struct reconcile *r = bench();
    charge(r, "a", T0 + 60 * MINUTE, "20.00", 400, LEDGER_CAPTURED, 1);
    charge(r, "b", T0 + 80 * MINUTE, "20.00", 400, LEDGER_CAPTURED, 2);
    charge(r, "c", T0 + 300 * MINUTE, "20.00", 400, LEDGER_CAPTURED, 3);
    charge(r, "d", T0 + 301 * MINUTE, "10.00", 200, LEDGER_CAPTURED, 4);
    charge(r, "e", T0 - DAY, "20.00", 400, LEDGER_CAPTURED, 5); /* of another period */
    line(r, 2, "", T0 + 70 * MINUTE, "20.00", 400);
    line(r, 3, "", T0 + 85 * MINUTE, "20.00", 400);
    line(r, 4, "", T0 + 200 * MINUTE, "20.00", 400);
    line(r, 5, "", T0 + 300 * MINUTE, "11.00", 200);
    results(r, "2:ok:1,3:ok:2,4:not_ours:0,5:amount:4,0:missing:3");
    r = bench(); /* other ids than the answers had; no records; no times */
    charge(r, "a", T0, "20.00", 400, LEDGER_CAPTURED, 1);
    charge(r, "b", T0, "10.00", 200, LEDGER_CAPTURED, 2);
    line(r, 2, "t-1", -1, "10.00", -1);
    line(r, 3, "t-2", -1, "20.00", -1);
    line(r, 4, "t-3", -1, "20.00", -1);
    results(r, "2:ok:2,3:ok:1,4:not_ours:0");
}

static void test_nothing(void **state) {
    (void)state;
    struct err err = {0};
    results(bench(), "");
    struct reconcile *r = bench();
    charge(r, "a", T0, "20.00", 400, LEDGER_CAPTURED, 1);
    results(r, "0:missing:1");
    r = bench();
    line(r, 2, "a", T0, "-5.00", 0);
    assert_int_equal(reconcile_add_bad(r, 3, "no", &err), RC_OK);
    results(r, "2:not_ours:0,3:bad:0");
}

/* Many, on disk: each line finds its charge. */
static void test_many(void **state) {
    (void)state;
    enum { COUNT = 60000 };
    struct reconcile *r = bench();
    struct reconcile_result result;
    struct err err = {0};
    unsigned ok = 0;
    for (unsigned i = 0; i < COUNT; i++) {
        char id[20];
        snprintf(id, sizeof id, "r%u", i * 7919 % COUNT);
        charge(r, i % 3 ? id : "", T0 + (int64_t)(i * 7919 % COUNT) * MINUTE / 60, "20.00", i * 7919 % COUNT, LEDGER_CAPTURED, i + 1);
    }
    for (unsigned i = 0; i < COUNT; i++) {
        char id[20];
        snprintf(id, sizeof id, "r%u", i);
        line(r, i + 2, id, T0 + (int64_t)i * MINUTE / 60, "20.00", (int)i);
    }
    assert_int_equal(reconcile_match(r, &err), RC_OK);
    for (uint64_t at = 2; reconcile_next(r, &result, &err) == RC_OK; at++) {
        assert_true(result.has_line && result.line.line == at);
        ok += result.status == RECONCILE_OK;
    }
    assert_int_equal(ok, COUNT);
    reconcile_free(r);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_by_id), cmocka_unit_test(test_doubt), cmocka_unit_test(test_by_time),
                                       cmocka_unit_test(test_nothing), cmocka_unit_test(test_many)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
