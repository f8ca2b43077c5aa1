// SPDX-License-Identifier: Apache-2.0
#include "source/answer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "source_fixture.h"

#define SHAPE                                                                                                                                                  \
    "\"data_selector\":\"/results\",\"primary_key\":\"/id\",\"paginator\":{\"type\":\"offset\",\"limit\":100,\"total_path\":\"/"                               \
    "total\",\"total_header\":\"X-Total\"}"
#define FILTERS                                                                                                                                                \
    "\"error_handler\":{\"response_filters\":[{\"http_codes\":[402],\"action\":\"HOLD\"},{\"http_codes\":[404],\"action\":\"IGNORE\"},"                        \
    "{\"http_codes\":[409],\"error_message_contains\":\"busy\",\"action\":\"RETRY\"},{\"http_codes\":[418],\"action\":\"RATE_LIMITED\"},"                      \
    "{\"http_codes\":[202],\"action\":\"SUCCESS\"},{\"has\":\"/error\",\"action\":\"FAIL\",\"error_message_path\":\"/error\"}]}"
#define PAID "{" SHAPE "," FILTERS ",\"metering\":{\"count_path\":\"/count\",\"cost_path\":\"/cost\"}}"
#define FREE "{" SHAPE "," FILTERS "}"
#define PAGE "{\"total\":3,\"cost\":\"0.15\",\"results\":[{\"id\":1},{\"id\":2},{\"id\":3}]}"

static struct verdict judge(const struct source *s, enum request_kind kind, int status, const char *body) {
    const struct answer a = {.sent = true, .complete = true, .status = status, .body = slice_of(body)};
    struct verdict v;

    answer_judge(s, kind, &a, &v);
    return v;
}

static void test_good(void **state) {
    struct source *s = source_of(PAID), *f = source_of(FREE);
    struct verdict v = judge(s, REQUEST_PAID, 200, PAGE);
    char cost[DEC_TEXT_SIZE];

    (void)state;
    assert_int_equal(v.charge, CHARGE_SPENT);
    assert_int_equal(v.action, ACTION_SUCCESS);
    assert_int_equal(v.facts.records, 3);
    assert_int_equal(v.facts.total, 3);
    assert_true(v.has_cost);
    dec_format(v.cost, cost);
    assert_string_equal(cost, "0.15");
    assert_int_equal(json_count(v.records), 3);
    v = judge(f, REQUEST_FREE, 200, "{\"results\":[]}");
    assert_int_equal(v.charge, CHARGE_NONE);
    assert_int_equal(v.action, ACTION_SUCCESS);
    assert_int_equal(v.facts.records, 0);
    assert_true(v.facts.total == UINT64_MAX);
    v = judge(s, REQUEST_PAID, 200, "{\"count\":\"7\",\"cost\":0.1,\"results\":[1]}");
    assert_int_equal(v.facts.total, 7);
    v = judge(s, REQUEST_PAID, 200, "{\"count\":0,\"cost\":-1,\"results\":[1]}");
    assert_true(v.facts.total == UINT64_MAX);
    assert_false(v.has_cost);
    source_free(s);
    source_free(f);
}

static void test_paid(void **state) {
    static const struct {
        int status;
        const char *body;
        enum charge charge;
        enum source_action action;
        const char *reason, *error;
    } cases[] = {
        {400, "{\"error\":\"Unexpected Criterion\"}", CHARGE_NONE, ACTION_FAIL, "status_400", "Unexpected Criterion"},
        {400, "", CHARGE_NONE, ACTION_FAIL, "status_400", ""},
        {401, "{\"error\":\"token\"}", CHARGE_NONE, ACTION_HOLD, "unauthorized", "token"},
        {402, "{\"message\":\"no balance\"}", CHARGE_NONE, ACTION_HOLD, "status_402", "no balance"},
        {403, "<html>", CHARGE_NONE, ACTION_HOLD, "unauthorized", ""},
        {404, "{\"error\":1}", CHARGE_NONE, ACTION_IGNORE, "status_404", "1"},
        {408, "", CHARGE_NONE, ACTION_RETRY, "status_408", ""},
        {409, "busy, later", CHARGE_NONE, ACTION_RETRY, "status_409", ""},
        {409, "no", CHARGE_NONE, ACTION_FAIL, "status_409", ""},
        {418, "", CHARGE_NONE, ACTION_RATE_LIMITED, "rate_limited", ""},
        {429, "", CHARGE_NONE, ACTION_RATE_LIMITED, "rate_limited", ""},
        {200, "{\"error\":{\"message\":\"no \\u001b[31m\\u0000x\"},\"results\":[]}", CHARGE_IN_DOUBT, ACTION_FAIL, "error_body", NULL},
        {200, "{\"results\":[", CHARGE_IN_DOUBT, ACTION_FAIL, "invalid_json", "line 1 column 13: the text ends where a value is expected"},
        {200, "", CHARGE_IN_DOUBT, ACTION_FAIL, "invalid_json", "the answer is empty"},
        {200, "<html>", CHARGE_IN_DOUBT, ACTION_FAIL, "invalid_json", NULL},
        {200, "{\"results\":{}}", CHARGE_IN_DOUBT, ACTION_FAIL, "no_records", "data_selector \"/results\" leads to an object, not to the array of records"},
        {200, "{\"results\":null}", CHARGE_SPENT, ACTION_SUCCESS, "", ""},
        {200, "{\"message\":\"hm\"}", CHARGE_IN_DOUBT, ACTION_FAIL, "no_records", "hm"},
        {200, PAGE " x", CHARGE_IN_DOUBT, ACTION_FAIL, "invalid_json", NULL},
        {201, PAGE, CHARGE_IN_DOUBT, ACTION_FAIL, "status_201", ""},
        {202, PAGE, CHARGE_IN_DOUBT, ACTION_FAIL, "status_202", ""},
        {301, "", CHARGE_IN_DOUBT, ACTION_FAIL, "status_301", ""},
        {500, "{\"error\":\"oops\"}", CHARGE_IN_DOUBT, ACTION_FAIL, "status_500", "oops"},
        {503, "", CHARGE_IN_DOUBT, ACTION_FAIL, "status_503", ""},
    };
    struct source *s = source_of(PAID), *again = source_of("{" SHAPE ",\"metering\":{\"on_charge_unknown\":\"retry\"}}");

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct verdict v = judge(s, REQUEST_PAID, cases[i].status, cases[i].body);

        if (v.charge != cases[i].charge || v.action != cases[i].action || strcmp(v.reason, cases[i].reason) != 0 ||
            (cases[i].error != NULL && strcmp(v.error, cases[i].error) != 0)) {
            fail_msg("%d %s: charge %d, %s, %s, \"%s\"", cases[i].status, cases[i].body, (int)v.charge, source_action_name(v.action), v.reason, v.error);
        }
        assert_int_equal(v.pause_source, cases[i].status == 401 || cases[i].status == 403);
        assert_null(strpbrk(v.error, "\x1b\n"));
    }
    assert_int_equal(judge(again, REQUEST_PAID, 500, "").action, ACTION_RETRY);
    assert_int_equal(judge(again, REQUEST_PAID, 500, "").charge, CHARGE_IN_DOUBT);
    source_free(s);
    source_free(again);
}

static void test_not_charged(void **state) {
    static const struct {
        int status;
        const char *body;
        enum source_action action;
        const char *reason;
    } cases[] = {
        {500, "", ACTION_RETRY, "status_500"},
        {599, "", ACTION_RETRY, "status_599"},
        {500, "{\"error\":\"x\"}", ACTION_FAIL, "status_500"},
        {200, "{\"error\":\"x\"}", ACTION_FAIL, "error_body"},
        {200, "{", ACTION_RETRY, "invalid_json"},
        {200, "{}", ACTION_RETRY, "no_records"},
        {204, "", ACTION_RETRY, "invalid_json"},
        {301, "", ACTION_FAIL, "status_301"},
        {404, "", ACTION_IGNORE, "status_404"},
        {410, "", ACTION_FAIL, "status_410"},
        {202, PAGE, ACTION_SUCCESS, ""},
        {202, "x", ACTION_RETRY, "invalid_json"},
        {201, PAGE, ACTION_SUCCESS, ""},
        {429, "", ACTION_RATE_LIMITED, "rate_limited"},
    };
    struct source *s = source_of(FREE);

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct verdict v = judge(s, REQUEST_FREE, cases[i].status, cases[i].body);

        if (v.charge != CHARGE_NONE || v.action != cases[i].action || strcmp(v.reason, cases[i].reason) != 0) {
            fail_msg("%d %s: charge %d, %s, %s", cases[i].status, cases[i].body, (int)v.charge, source_action_name(v.action), v.reason);
        }
    }
    source_free(s);
}

static void test_transport(void **state) {
    static const struct {
        enum request_kind kind;
        bool sent, complete;
        int status;
        enum charge charge;
        enum source_action action;
        const char *reason;
    } cases[] = {
        {REQUEST_PAID, false, false, 0, CHARGE_NONE, ACTION_RETRY, "not_sent"},
        {REQUEST_PAID, true, false, 0, CHARGE_IN_DOUBT, ACTION_FAIL, "no_answer"},
        {REQUEST_PAID, true, false, 200, CHARGE_IN_DOUBT, ACTION_FAIL, "truncated"},
        {REQUEST_PAID, true, false, 429, CHARGE_NONE, ACTION_RATE_LIMITED, "rate_limited"},
        {REQUEST_PAID, true, false, 502, CHARGE_IN_DOUBT, ACTION_FAIL, "status_502"},
        {REQUEST_FREE, false, false, 0, CHARGE_NONE, ACTION_RETRY, "not_sent"},
        {REQUEST_FREE, true, false, 0, CHARGE_NONE, ACTION_RETRY, "no_answer"},
        {REQUEST_FREE, true, false, 200, CHARGE_NONE, ACTION_RETRY, "truncated"},
        {REQUEST_FREE, true, false, 400, CHARGE_NONE, ACTION_FAIL, "status_400"},
        {REQUEST_PREVIEW, true, false, 200, CHARGE_NONE, ACTION_RETRY, "truncated"},
    };
    struct source *s = source_of(PAID);

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct answer a = {
            .sent = cases[i].sent, .complete = cases[i].complete, .status = cases[i].status, .body = {NULL, 0}, .transport_error = "it\nbroke"};
        struct verdict v;

        answer_judge(s, cases[i].kind, &a, &v);
        if (v.charge != cases[i].charge || v.action != cases[i].action || strcmp(v.reason, cases[i].reason) != 0) {
            fail_msg("%zu: charge %d, %s, %s", i, (int)v.charge, source_action_name(v.action), v.reason);
        }
        assert_non_null(strstr(v.error, "broke"));
        assert_null(strchr(v.error, '\n'));
    }
    source_free(s);
}

static void test_named_unauthorized(void **state) {
    struct source *s = source_of("{" SHAPE ",\"error_handler\":{\"response_filters\":[{\"http_codes\":[403],\"has\":\"/plan\",\"action\":\"FAIL\"}]}}");
    struct verdict v = judge(s, REQUEST_FREE, 403, "{\"plan\":\"solo\"}");

    (void)state;
    assert_int_equal(v.action, ACTION_FAIL);
    assert_false(v.pause_source);
    v = judge(s, REQUEST_FREE, 403, "{}");
    assert_true(v.pause_source);
    source_free(s);
}

static void test_success_by_body(void **state) {
    struct source *s = source_of(
        "{" SHAPE
        ",\"metering\":{},\"error_handler\":{\"response_filters\":[{\"has\":\"/ok\",\"action\":\"SUCCESS\"},{\"has\":\"/error\",\"action\":\"FAIL\"}]}}");

    (void)state;
    assert_int_equal(judge(s, REQUEST_PAID, 200, "{\"ok\":1,\"error\":null,\"results\":[]}").charge, CHARGE_SPENT);
    assert_int_equal(judge(s, REQUEST_PAID, 200, "{\"error\":null,\"results\":[]}").charge, CHARGE_IN_DOUBT);
    assert_int_equal(judge(s, REQUEST_PAID, 200, "{\"ok\":1}").charge, CHARGE_IN_DOUBT);
    source_free(s);
}

static void test_long_error(void **state) {
    struct source *s = source_of(FREE);
    char body[3000];
    struct verdict v;

    (void)state;
    (void)snprintf(body, sizeof(body), "{\"error\":\"%02000d\"}", 0);
    v = judge(s, REQUEST_FREE, 400, body);
    assert_int_equal(strlen(v.error), sizeof(v.error) - 1);
    source_free(s);
}

static void test_preview(void **state) {
    static const struct {
        const char *body, *header;
        uint64_t total;
        const char *cost;
    } cases[] = {{"{\"count\":12,\"cost\":\"0.60\",\"total\":5}", NULL, 12, "0.60"},
                 {"{\"total\":\"5\"}", "9", 5, NULL},
                 {"{\"results\":[]}", "9", 9, NULL},
                 {"{\"cost\":0.1}", NULL, UINT64_MAX, "0.10"},
                 {"nothing", NULL, UINT64_MAX, NULL},
                 {"{\"count\":0}", NULL, 0, NULL},
                 {"{\"cost\":\"free\"}", NULL, UINT64_MAX, NULL}};
    struct source *s = source_of(PAID);

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct fields fields = {.count = 0};
        const struct answer a = {.sent = true, .complete = true, .status = 200, .body = slice_of(cases[i].body), .fields = &fields};
        uint64_t total;
        struct dec cost;
        bool has_cost;
        char text[DEC_TEXT_SIZE];

        assert_true(cases[i].header == NULL || fields_add(&fields, "X-Total", cases[i].header, 1));
        answer_preview(s, &a, &total, &cost, &has_cost);
        assert_true(total == cases[i].total);
        assert_int_equal(has_cost, cases[i].cost != NULL);
        dec_format(cost, text);
        assert_string_equal(text, cases[i].cost != NULL ? cases[i].cost : "0.00");
        fields_release(&fields);
    }
    assert_int_equal(judge(s, REQUEST_PREVIEW, 200, "{\"count\":5}").action, ACTION_SUCCESS);
    struct verdict v = judge(s, REQUEST_LIST, 200, PAGE);
    assert_int_equal(v.charge, CHARGE_NONE);
    assert_int_equal(v.facts.records, 3);
    assert_int_equal(json_count(v.records), 3);
    v = judge(s, REQUEST_LIST, 200, "{\"count\":5}");
    assert_int_equal(v.action, ACTION_SUCCESS);
    assert_int_equal(v.facts.records, 0);
    assert_int_equal(judge(s, REQUEST_PREVIEW, 200, "{\"error\":\"Unexpected Criterion\"}").action, ACTION_FAIL);
    source_free(s);
}

static void test_keys(void **state) {
    static const struct {
        const char *keys, *record, *key;
    } cases[] = {
        {"\"/id\"", "{\"id\":\"P12\"}", "s3:P12"},
        {"\"/id\"", "{\"id\":12}", "n2:12"},
        {"\"/id\"", "{\"id\":1.20e1}", "n2:12"},
        {"\"/id\"", "{\"id\":\"12\"}", "s2:12"},
        {"\"/id\"", "{\"id\":\"\\u0050\"}", "s1:P"},
        {"\"/id\"", "{\"id\":\"\"}", "s0:"},
        {"\"/id\"", "{\"id\":true}", "b1:1"},
        {"\"/id\"", "{\"id\":1,\"id\":2}", "n1:2"},
        {"\"/id\"", "{\"id\":null}", NULL},
        {"\"/id\"", "{\"id\":[1]}", NULL},
        {"\"/id\"", "{\"id\":{}}", NULL},
        {"\"/id\"", "{\"Id\":1}", NULL},
        {"\"/id\"", "5", NULL},
        {"\"\"", "\"bare\"", "s4:bare"},
        {"\"\"", "{\"id\":1}", NULL},
        {"[\"/a\",\"/b\"]", "{\"a\":\"x\",\"b\":\"ys1:\"}", "s1:xs4:ys1:"},
        {"[\"/a\",\"/b\"]", "{\"a\":\"x\"}", NULL},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char patch[128];
        struct source *s;
        struct buf key = BUF_INIT(4096);

        (void)snprintf(patch, sizeof(patch), "{\"primary_key\":%s}", cases[i].keys);
        s = source_of(patch);
        assert_int_equal(buf_add_text(&key, "old"), RC_OK);
        assert_int_equal(answer_record_key(s, slice_of(cases[i].record), &key), cases[i].key != NULL);
        assert_string_equal(buf_text(&key), cases[i].key != NULL ? cases[i].key : "");
        buf_release(&key);
        source_free(s);
    }
}

static void test_key_limits(void **state) {
    struct source *s = source_of("{\"children\":{\"c\":{\"data_selector\":\"/c\",\"primary_key\":\"/k\"}}}");
    struct buf key = BUF_INIT(40);

    (void)state;
    assert_false(answer_record_key(s, slice_of("{\"id\":1}"), &key)); /* a source without a key */
    assert_true(answer_child_key(&s->children[0], slice_of("{\"k\":5}"), &key));
    assert_string_equal(buf_text(&key), "n1:5");
    assert_false(answer_child_key(&s->children[0], slice_of("{\"k\":\"too long for it, as it has more than forty bytes\"}"), &key));
    buf_release(&key);
    source_free(s);
}

/* Of a list of texts one must be in the body; the filter says whether a window's end is waited for. */
static void test_texts(void **state) {
    struct source *s = source_of("{" SHAPE ",\"api_budget\":{\"policies\":[{\"type\":\"fixed_window\",\"period\":\"P1D\",\"call_limit\":9}]},"
                                 "\"error_handler\":{\"response_filters\":[{\"http_codes\":[429],\"error_message_contains\":[\"per day\",\"daily\"],"
                                 "\"action\":\"RATE_LIMITED\",\"until\":\"window\"},{\"error_message_contains\":[\"DNS\",\"404\"],\"action\":\"FAIL\"}]}}");
    struct verdict v = judge(s, REQUEST_FREE, 429, "{\"error\":\"Queries per day\"}");

    (void)state;
    assert_int_equal(v.action, ACTION_RATE_LIMITED);
    assert_true(v.until_window);
    v = judge(s, REQUEST_FREE, 429, "the daily limit");
    assert_true(v.until_window);
    v = judge(s, REQUEST_FREE, 429, "{\"error\":\"Queries per minute\"}");
    assert_int_equal(v.action, ACTION_RATE_LIMITED);
    assert_false(v.until_window);
    assert_int_equal(judge(s, REQUEST_FREE, 500, "{\"error\":\"DNS_FAILURE\"}").action, ACTION_FAIL);
    assert_int_equal(judge(s, REQUEST_FREE, 500, "{\"error\":\"status 404\"}").action, ACTION_FAIL);
    assert_int_equal(judge(s, REQUEST_FREE, 500, "{\"error\":\"Something went wrong\"}").action, ACTION_RETRY);
    assert_int_equal(judge(s, REQUEST_FREE, 500, "").action, ACTION_RETRY);
    source_free(s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_texts),
        cmocka_unit_test(test_good),
        cmocka_unit_test(test_paid),
        cmocka_unit_test(test_not_charged),
        cmocka_unit_test(test_transport),
        cmocka_unit_test(test_named_unauthorized),
        cmocka_unit_test(test_success_by_body),
        cmocka_unit_test(test_long_error),
        cmocka_unit_test(test_preview),
        cmocka_unit_test(test_keys),
        cmocka_unit_test(test_key_limits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
