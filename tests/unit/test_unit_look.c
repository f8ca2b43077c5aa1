// SPDX-License-Identifier: Apache-2.0
#include "engine/unit_look.h"

#include "spool_scratch.h"

#define DEFINITION                                                                                                                                             \
    "{\"name\":\"pages\",\"foreach\":[{\"name\":\"url\",\"in\":\"/urls\"},{\"name\":\"strategy\",\"in\":\"/"                                                   \
    "strategies\"}],\"job_members\":{\"urls\":{\"type\":"                                                                                                      \
    "\"urls\",\"required\":true},\"strategies\":{\"type\":\"array\",\"default\":[\"mobile\"]}},\"steps\":[{\"name\":\"run\",\"http\":{\"url\":"                \
    "\"https://h.example/\"}},{\"name\":\"record\",\"http\":{\"url\":\"https://h.example/\"}}],\"data_selector\":\"/results\"}"
#define JOB "{\"source\":\"pages\",\"urls\":[\"a.example\",\"b.example\",\"A.example/\",\"c.example\"],\"strategies\":[\"mobile\",\"desktop\"]}"

static void test_names(void **state) {
    enum unit_state one;

    (void)state;
    for (int i = 0; i < UNIT_STATES; i++) {
        assert_true(unit_state_parse(unit_state_name((enum unit_state)i), &one));
        assert_int_equal(one, i);
    }
    assert_false(unit_state_parse("", &one));
    assert_false(unit_state_parse("dead", &one));
}

static void test_class(void **state) {
    static const struct {
        const char *error, *reason, *wanted;
    } cases[] = {
        {"Lighthouse returned error: DNS_FAILURE. DNS servers could not resolve the provided domain.", "status_500", "DNS_FAILURE"},
        {"batchspool-lighthouse: Lighthouse: NOT_HTML: The page provided is not HTML.", "helper_data", "NOT_HTML"},
        {"Lighthouse returned error: FAILED_DOCUMENT_REQUEST. x (Details: net::ERR_FAILED)", "status_400", "FAILED_DOCUMENT_REQUEST"},
        {"(Details: net::ERR_FAILED)", "status_400", "status_400"},
        {"Lighthouse returned error: Something went wrong.", "status_500", "status_500"},
        {"see https://h.example/NOT_THIS", "timeout", "timeout"},
        {"HTTP TLS", NULL, ""},
        {NULL, "timeout", "timeout"},
        {NULL, NULL, ""},
    };
    char class[64];

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct unit_look unit = {.error = cases[i].error, .reason = cases[i].reason};

        unit_look_class(&unit, class);
        assert_string_equal(class, cases[i].wanted);
    }
}

/* "done - 0", "failed run 2 DNS" ...: state, step, attempts. */
static void expect(const struct units_look *look, uint64_t unit, const char *wanted) {
    const struct unit_look *u = &look->list[unit - 1];
    char text[200];

    assert_true(str_format(text, sizeof(text), "%s %s %u %s %s", unit_state_name(u->state), u->step != NULL ? u->step : "-", u->attempts,
                           u->reason != NULL ? u->reason : "-", u->file != NULL ? u->file : "-"));
    if (strcmp(text, wanted) != 0) {
        fail_msg("unit %llu: %s", (unsigned long long)unit, text);
    }
}

static void look(struct bench *b, struct sources *sources, enum place place, struct units_look *out) {
    struct job_row row;

    job_row_init(&row, ID_A);
    row.place = place;
    row.accepted = true;
    if (units_look(b->spool, sources, &row, JOB, strlen(JOB), out, &b->err) != RC_OK) {
        fail_msg("%s", b->err.text);
    }
}

/* Three URLs (one was there twice) and two strategies are six units; what the journal says of each. */
static void test_fold(void **state) {
    struct bench *b = *state;
    struct sources *sources;
    struct units_look units;

    bench_put(b->scratch->fd, "pages.json", DEFINITION);
    assert_int_equal(sources_new(b->scratch->path, NULL, &sources, &b->err), RC_OK);
    bench_job(b, ID_A);
    bench_event(b, ID_A, "claimed", "daemon", NULL);
    bench_event(b, ID_A, "requested", "daemon", "{\"batch\":1,\"step\":\"run\",\"attempt\":1}");
    bench_event(b, ID_A, "retrying", "daemon", "{\"batch\":1,\"step\":\"run\",\"reason\":\"status_500\",\"error\":\"x\"}");
    bench_event(b, ID_A, "requested", "daemon", "{\"batch\":1,\"step\":\"run\",\"attempt\":2}");
    bench_event(b, ID_A, "captured", "daemon", "{\"batch\":1,\"step\":\"run\",\"inner\":true,\"file\":\"2026-11/x.run.json\"}");
    bench_event(b, ID_A, "requested", "daemon", "{\"batch\":1,\"step\":\"record\",\"attempt\":1}");
    bench_event(b, ID_A, "captured", "daemon", "{\"batch\":1,\"step\":\"record\",\"file\":\"2026-11/x.json\"}");
    bench_event(b, ID_A, "requested", "daemon", "{\"batch\":2,\"step\":\"run\",\"attempt\":1}");
    bench_event(b, ID_A, "failed", "daemon", "{\"batch\":2,\"step\":\"run\",\"reason\":\"status_400\",\"error\":\"DNS_FAILURE\"}");
    bench_event(b, ID_A, "requested", "daemon", "{\"batch\":3,\"step\":\"run\",\"attempt\":1}");
    bench_event(b, ID_A, "requested", "daemon", "{\"batch\":5,\"step\":\"run\",\"attempt\":1,\"cached\":\"2026-11/y.run.json\"}");
    bench_event(b, ID_A, "requested", "daemon", "{\"batch\":5,\"step\":\"record\",\"attempt\":2}");
    bench_event(b, ID_A, "failed", "daemon", "{\"batch\":6,\"step\":\"run\",\"attempt\":0,\"reason\":\"throttled\"}");
    bench_event(b, ID_A, "requested", "daemon", "{\"batch\":7,\"step\":\"run\",\"attempt\":1}"); /* no such unit */
    look(b, sources, PLACE_PROCESSING, &units);
    assert_int_equal(units.units->count, 6);
    expect(&units, 1, "done record 2 - 2026-11/x.json");
    expect(&units, 2, "failed run 1 status_400 -");
    expect(&units, 3, "running run 1 - -");
    expect(&units, 4, "queued - 0 - -");
    expect(&units, 5, "running record 0 - -");
    expect(&units, 6, "failed run 0 throttled -");
    assert_int_equal(units.counts[UNIT_DONE] + units.counts[UNIT_FAILED] + units.counts[UNIT_RUNNING], 5);
    assert_int_equal(units.counts[UNIT_QUEUED], 1);
    units_look_release(&units);
    look(b, sources, PLACE_DEFERRED, &units);
    expect(&units, 3, "queued run 1 - -");
    units_look_release(&units);
    look(b, sources, PLACE_CANCELLED, &units);
    assert_int_equal(units.counts[UNIT_CANCELLED], 3);
    units_look_release(&units);
    sources_free(sources);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_fold, bench_setup, bench_teardown),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_class),
    };

    return cmocka_run_group_tests_name("unit_look", tests, NULL, NULL);
}
