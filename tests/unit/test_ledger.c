// SPDX-License-Identifier: Apache-2.0
#include "engine/ledger.h"

#include "spool_scratch.h"

struct seen {
    char text[2000];
    size_t used;
    unsigned damages;
};

static enum rc on_charge(void *context, const struct job_row *row, const struct ledger_charge *charge, struct err *err) {
    static const char *const names[] = {"captured", "decided", "undecided", "open", "refused"};
    struct seen *seen = context;
    char amount[DEC_TEXT_SIZE];
    (void)err;
    assert_string_equal(row->source, "s");
    assert_string_equal(charge->currency, "USD");
    dec_format(charge->amount, amount);
    seen->used += (size_t)snprintf(seen->text + seen->used, sizeof seen->text - seen->used, "%u.%u %s %s %llu %s\n", (unsigned)charge->batch,
                                   (unsigned)charge->attempt, names[charge->state], amount, (unsigned long long)charge->records, charge->request_id);
    return RC_OK;
}

static void on_damage(void *context, const struct err *err) {
    struct seen *seen = context;
    assert_true(err->text[0] != '\0');
    seen->damages++;
}

static void requested(struct bench *b, unsigned batch, unsigned attempt, const char *cost) {
    char members[200];
    snprintf(members, sizeof members, "{\"batch\":%u,\"attempt\":%u,\"paid\":true,\"limit\":400,\"max_cost\":\"%s\"}", batch, attempt, cost);
    bench_event(b, ID_A, "requested", NULL, members);
}

static void test_outcomes(void **state) {
    struct bench *b = *state;
    struct seen seen = {.used = 0};
    bench_event(b, ID_A, "accepted", "daemon", "{\"source\":\"s\",\"currency\":\"USD\"}");
    for (unsigned batch = 1; batch <= 7; batch++)
        requested(b, batch, 1, "20.00");
    bench_event(b, ID_A, "answered", NULL, "{\"batch\":1,\"headers\":{\"request_id\":\"r1\"}}");
    bench_event(b, ID_A, "captured", NULL, "{\"batch\":1,\"records\":390,\"cost\":\"19.50\",\"file\":\"f\"}");
    bench_event(b, ID_A, "charge_unknown", NULL, "{\"batch\":2,\"cost\":\"20.00\",\"request_id\":\"r2\"}");
    bench_event(b, ID_A, "charge_unknown", NULL, "{\"batch\":3,\"cost\":\"20.00\"}");
    bench_event(b, ID_A, "retrying", NULL, "{\"batch\":4,\"status\":429,\"request_id\":\"r4\"}");
    bench_event(b, ID_A, "retrying", NULL, "{\"batch\":5,\"reason\":\"stopped\"}");
    bench_event(b, ID_A, "failed", NULL, "{\"batch\":6,\"status\":404,\"request_id\":\"r6\"}");
    bench_event(b, ID_A, "released", "command line", "{\"decision\":\"accept_charge\",\"batch\":2}");
    requested(b, 2, 2, "20.00");
    bench_event(b, ID_A, "captured", NULL, "{\"batch\":2,\"records\":400,\"cost\":\"20.00\",\"file\":\"g\"}");
    bench_event(b, ID_A, "requested", NULL, "{\"batch\":8,\"paid\":false}");
    bench_event(b, ID_A, "captured", NULL, "{\"batch\":8,\"records\":1,\"file\":\"h\"}");
    assert_int_equal(ledger_read(b->spool, ID_A, on_charge, on_damage, &seen, &b->err), RC_OK);
    assert_string_equal(seen.text,
                        "1.1 captured 19.50 390 r1\n4.1 refused 0.00 400 r4\n6.1 refused 0.00 400 r6\n2.1 decided 20.00 400 r2\n2.2 captured 20.00 400 \n"
                        "3.1 undecided 20.00 400 \n7.1 open 20.00 400 \n");
    assert_int_equal(seen.damages, 0);
    assert_int_equal(ledger_read(b->spool, ID_B, on_charge, on_damage, &seen, &b->err), RC_GONE);
}

/* What can be read of an edited journal counts, and the damage is told once. */
static void test_damage(void **state) {
    struct bench *b = *state;
    struct seen seen = {.used = 0};
    struct buf text = BUF_INIT(100000);
    bench_event(b, ID_A, "accepted", "daemon", "{\"source\":\"s\",\"currency\":\"USD\"}");
    requested(b, 1, 1, "20.00");
    bench_event(b, ID_A, "captured", NULL, "{\"batch\":1,\"records\":400,\"cost\":\"20.00\",\"file\":\"f\"}");
    requested(b, 2, 1, "20.00");
    int fd = openat(b->spool->journal_fd, ID_A ".ndjson", O_RDWR | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(buf_reserve(&text, 50000), RC_OK);
    ssize_t length = read(fd, text.data, 49999);
    text.data[length] = '\0';
    char *cost = strstr(text.data, "\"cost\":\"20.00\"");
    assert_non_null(cost);
    assert_int_equal(pwrite(fd, "\"cost\":\"10.00\"", 14, cost - text.data), 14);
    close(fd);
    assert_int_equal(ledger_read(b->spool, ID_A, on_charge, on_damage, &seen, &b->err), RC_OK);
    assert_string_equal(seen.text, "1.1 captured 10.00 400 \n2.1 open 20.00 400 \n");
    assert_int_equal(seen.damages, 1);
    assert_int_equal(ledger_read(b->spool, ID_A, on_charge, NULL, &seen, &b->err), RC_CORRUPT);
    buf_release(&text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_outcomes, bench_setup, bench_teardown),
        cmocka_unit_test_setup_teardown(test_damage, bench_setup, bench_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
