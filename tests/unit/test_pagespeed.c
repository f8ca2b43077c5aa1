// SPDX-License-Identifier: Apache-2.0
#include "helper/pagespeed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/json.h"

#define ITEM "\"item\":{\"url\":\"https://example.com\",\"strategy\":\"mobile\"}"

/* The record made of an answer and what stands beside it; fails the test when there is none. */
static struct buf record_of(const char *answer, const char *beside) {
    struct buf out = BUF_INIT(PAGESPEED_RECORD_MOST), text = BUF_INIT(1u << 20);
    struct err err = {.text = ""};

    assert_int_equal(buf_printf(&text, "{\"answer\":%s,%s}", answer, beside), RC_OK);
    if (pagespeed_record(buf_text(&text), text.length, &out, &err) != RC_OK) {
        fail_msg("%s: %s", answer, err.text);
    }
    buf_release(&text);
    assert_int_equal(json_check(buf_text(&out), out.length, &json_rules_payload, &err), RC_OK);
    return out;
}

/* What stands at a Pointer of the record is this text. */
static void expect(const char *answer, const char *beside, const char *pointer, const char *wanted) {
    struct buf out = record_of(answer, beside);
    char whole[200];
    struct slice value = {.data = NULL, .length = 0};

    assert_true(str_format(whole, sizeof(whole), "/results/0%s", pointer));
    if (!json_find((struct slice){.data = buf_text(&out), .length = out.length}, whole, &value) || !slice_equals(value, wanted)) {
        fail_msg("%s: wanted %s, got %.*s", pointer, wanted, (int)value.length, value.data != NULL ? value.data : "");
    }
    buf_release(&out);
}

static void test_missing_is_null(void **state) {
    static const char *const nulls[] = {"/final_url",
                                        "/run",
                                        "/engine",
                                        "/lighthouse_version",
                                        "/fetched_at",
                                        "/cached_at",
                                        "/attempts",
                                        "/error",
                                        "/error_class",
                                        "/scores/performance",
                                        "/scores/accessibility",
                                        "/scores/best_practices",
                                        "/scores/seo",
                                        "/lab/fcp_ms",
                                        "/lab/lcp_ms",
                                        "/lab/cls",
                                        "/lab/tbt_ms",
                                        "/lab/speed_index_ms",
                                        "/lab/server_response_ms",
                                        "/lab/total_bytes",
                                        "/field",
                                        "/origin",
                                        "/cwv_pass"};
    (void)state;
    for (size_t i = 0; i < sizeof(nulls) / sizeof(nulls[0]); i++) {
        expect("{\"lighthouseResult\":{\"audits\":{}}}", ITEM, nulls[i], "null");
        expect("{\"audits\":{},\"categories\":{\"performance\":{\"score\":null}}}", ITEM, nulls[i], "null");
    }
    expect("{\"audits\":{}}", ITEM, "/warnings", "[]");
    expect("{\"audits\":{}}", ITEM, "/savings", "[]");
    expect("{\"audits\":{}}", ITEM, "/labels", "{}");
    expect("{\"audits\":{}}", ITEM, "/status", "\"ok\"");
}

static void test_who_and_when(void **state) {
    static const char answer[] =
        "{\"id\":\"https://example.com/old\",\"analysisUTCTimestamp\":\"2026-11-28T10:00:01.000Z\",\"lighthouseResult\":{\"audits\":{},"
        "\"lighthouseVersion\":\"12.8.2\",\"finalUrl\":\"https://example.com/\",\"configSettings\":{\"formFactor\":\"desktop\"},"
        "\"runWarnings\":[\"slow\",1,\"redirected\"]}}";
    static const char beside[] =
        "\"item\":{\"url\":{\"url\":\"https://example.com\",\"labels\":{\"client\":\"A\",\"deep\":{\"x\":1}}}},\"engine\":\"service\",\"run\":\"r1\","
        "\"attempts\":2,\"labels\":{\"client\":\"B\",\"team\":7}";
    (void)state;
    expect(answer, beside, "/url", "\"https://example.com\"");
    expect(answer, beside, "/final_url", "\"https://example.com/\"");
    expect(answer, beside, "/strategy", "\"desktop\"");
    expect(answer, beside, "/labels", "{\"client\":\"A\",\"team\":7}");
    expect(answer, beside, "/attempts", "2");
    expect(answer, beside, "/engine", "\"service\"");
    expect(answer, beside, "/run", "\"r1\"");
    expect(answer, beside, "/lighthouse_version", "\"12.8.2\"");
    expect(answer, beside, "/fetched_at", "\"2026-11-28T10:00:01.000Z\"");
    expect(answer, beside, "/warnings", "[\"slow\",\"redirected\"]");
    expect("{\"id\":\"https://example.com/now\",\"lighthouseResult\":{\"audits\":{}}}", ITEM, "/final_url", "\"https://example.com/now\"");
}

static void test_scores_and_lab(void **state) {
    static const char answer[] =
        "{\"lighthouseResult\":{\"categories\":{\"performance\":{\"score\":0.295},\"accessibility\":{\"score\":1},\"best-practices\":{\"score\":0},\"seo\":{"
        "\"score\":1.5}},"
        "\"audits\":{\"first-contentful-paint\":{\"numericValue\":1234.5},\"largest-contentful-paint\":{\"numericValue\":2e3},\"total-blocking-time\":{"
        "\"numericValue\":-1},"
        "\"cumulative-layout-shift\":{\"numericValue\":0},\"speed-index\":{\"numericValue\":\"7\"},\"total-byte-weight\":{\"errorMessage\":\"no\"},"
        "\"document-latency-insight\":{\"details\":{\"debugData\":{\"serverResponseTime\":180}}},\"unknown-audit\":{\"x\":[1,{\"y\":2}]},\"odd\":5}}}";
    (void)state;
    expect(answer, ITEM, "/scores", "{\"performance\":30,\"accessibility\":100,\"best_practices\":0,\"seo\":null}");
    expect(answer, ITEM, "/lab",
           "{\"fcp_ms\":1234.5,\"lcp_ms\":2e3,\"cls\":0,\"tbt_ms\":null,\"speed_index_ms\":null,\"server_response_ms\":180,\"total_bytes\":null}");
}

static void test_savings(void **state) {
    (void)state;
    expect("{\"audits\":{\"a\":{\"title\":\"A\",\"details\":{\"overallSavingsMs\":100,\"overallSavingsBytes\":5}},"
           "\"b\":{\"title\":\"B\",\"details\":{\"overallSavingsMs\":0,\"overallSavingsBytes\":900}},"
           "\"c\":{\"details\":{\"overallSavingsBytes\":901}},"
           "\"d\":{\"title\":\"D\",\"details\":{\"overallSavingsMs\":0,\"overallSavingsBytes\":0}},"
           "\"e-insight\":{\"title\":\"E\",\"metricSavings\":{\"FCP\":50,\"LCP\":300,\"CLS\":0.2},\"details\":{\"debugData\":{\"wastedBytes\":7}}},"
           "\"mainthread-work-breakdown\":{\"metricSavings\":{\"TBT\":4000}}}}",
           ITEM, "/savings",
           "[{\"id\":\"e-insight\",\"title\":\"E\",\"ms\":300,\"bytes\":7},{\"id\":\"a\",\"title\":\"A\",\"ms\":100,\"bytes\":5},"
           "{\"id\":\"c\",\"title\":null,\"ms\":null,\"bytes\":901},{\"id\":\"b\",\"title\":\"B\",\"ms\":0,\"bytes\":900}]");
    /* The five that promise most; what an insight replaces is not there twice. */
    expect("{\"audits\":{\"render-blocking-resources\":{\"details\":{\"overallSavingsMs\":999}},\"render-blocking-insight\":{\"metricSavings\":{\"LCP\":1}},"
           "\"a\":{\"details\":{\"overallSavingsMs\":2}},\"b\":{\"details\":{\"overallSavingsMs\":3}},\"c\":{\"details\":{\"overallSavingsMs\":4}},"
           "\"d\":{\"details\":{\"overallSavingsMs\":5}},\"e\":{\"details\":{\"overallSavingsMs\":6}}}}",
           ITEM, "/savings/4", "{\"id\":\"a\",\"title\":null,\"ms\":2,\"bytes\":null}");
    expect("{\"audits\":{\"render-blocking-resources\":{\"details\":{\"overallSavingsMs\":999}}}}", ITEM, "/savings/0/ms", "999");
}

#define EXPERIENCE(metrics) "{\"audits\":{},\"loadingExperience\":{\"overall_category\":\"SLOW\",\"metrics\":{" metrics "}}}"
#define LCP(n) "\"LARGEST_CONTENTFUL_PAINT_MS\":{\"percentile\":" n "}"
#define INP(n) "\"INTERACTION_TO_NEXT_PAINT\":{\"percentile\":" n "}"
#define CLS(n) "\"CUMULATIVE_LAYOUT_SHIFT_SCORE\":{\"percentile\":" n "}"

static void test_field(void **state) {
    static const struct {
        const char *answer, *pass;
    } cases[] = {
        {EXPERIENCE(LCP("2500") "," INP("200") "," CLS("10")), "true"},
        {EXPERIENCE(LCP("2501") "," INP("200") "," CLS("10")), "false"},
        {EXPERIENCE(LCP("2500") "," INP("201") "," CLS("10")), "false"},
        {EXPERIENCE(LCP("2500") "," INP("200") "," CLS("11")), "false"},
        {EXPERIENCE(LCP("2500") "," CLS("0")), "true"}, /* not enough visits with interactions: the others decide */
        {EXPERIENCE(LCP("2600") "," CLS("0")), "false"},
        {EXPERIENCE(LCP("9000") "," INP("900")), "null"}, /* cannot be assessed */
        {EXPERIENCE(INP("100") "," CLS("1")), "null"},
        {EXPERIENCE(""), "null"},
        {"{\"audits\":{},\"loadingExperience\":{\"initial_url\":\"https://example.com/\"}}", "null"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        expect(cases[i].answer, ITEM, "/cwv_pass", cases[i].pass);
    }
    expect(EXPERIENCE(CLS("7")), ITEM, "/field/cls/p75", "0.07");
    expect(EXPERIENCE(CLS("7")), ITEM, "/field/scope", "\"page\"");
    expect(EXPERIENCE(CLS("7")), ITEM, "/field/category", "\"SLOW\"");
    expect(EXPERIENCE(CLS("7")), ITEM, "/field/lcp_ms", "null");
    expect(EXPERIENCE(""), ITEM, "/field", "null");
    expect("{\"audits\":{},\"loadingExperience\":{\"origin_fallback\":true,\"metrics\":{" LCP("1") "}}}", ITEM, "/field/scope", "\"origin_fallback\"");
    expect("{\"audits\":{},\"originLoadingExperience\":{\"metrics\":{\"EXPERIMENTAL_TIME_TO_FIRST_BYTE\":{\"percentile\":700,\"category\":\"FAST\","
           "\"distributions\":[{\"min\":0,\"max\":800,\"proportion\":0.83},{\"proportion\":0.12},{\"proportion\":0.05}]}}}}",
           ITEM, "/origin/ttfb_ms", "{\"p75\":700,\"category\":\"FAST\",\"good\":0.83,\"needs_improvement\":0.12,\"poor\":0.05}");
    expect("{\"audits\":{},\"originLoadingExperience\":{\"metrics\":{" LCP("1") "}}}", ITEM, "/cwv_pass", "null"); /* the origin's is another question */
}

static void test_refused(void **state) {
    static const struct {
        const char *text;
        enum rc rc;
        const char *told;
    } cases[] = {
        {"", RC_PERM, ""},
        {"{", RC_PERM, ""},
        {"[]", RC_PERM, "item/url"},
        {"{\"answer\":{\"audits\":{}}}", RC_PERM, "item/url"},
        {"{\"answer\":{\"audits\":{}},\"item\":{\"url\":\"\"}}", RC_PERM, "item/url"},
        {"{\"answer\":{\"audits\":{}},\"item\":{\"url\":{\"labels\":{}}}}", RC_PERM, "item/url"},
        {"{\"answer\":{\"error\":{\"code\":500}}," ITEM "}", RC_PERM, "no audits"},
        {"{\"answer\":[]," ITEM "}", RC_PERM, "no audits"},
        {"{\"answer\":{\"lighthouseResult\":{\"runtimeError\":{\"code\":\"DNS_FAILURE\",\"message\":\"no such host\"},\"audits\":{}}}," ITEM "}", RC_PERM,
         "DNS_FAILURE: no such host"},
        {"{\"answer\":{\"lighthouseResult\":{\"runtimeError\":{\"code\":\"NO_FCP\",\"message\":\"no paint\"}}}," ITEM "}", RC_TEMP, "NO_FCP: no paint"},
        {"{\"answer\":{\"runtimeError\":{}}," ITEM "}", RC_TEMP, "without code"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct buf out = BUF_INIT(PAGESPEED_RECORD_MOST);
        struct err err = {.text = ""};
        enum rc rc = pagespeed_record(cases[i].text, strlen(cases[i].text), &out, &err);

        if (rc != cases[i].rc || out.length != 0 || err.text[0] == '\0' || strstr(err.text, cases[i].told) == NULL) {
            fail_msg("%s: %s %s", cases[i].text, rc_name(rc), err.text);
        }
        buf_release(&out);
    }
    expect("{\"audits\":{},\"runtimeError\":{\"code\":\"NO_ERROR\",\"message\":\"\"}}", ITEM, "/status", "\"ok\"");
}

static void test_error_class(void **state) {
    static const struct {
        const char *code, *text;
        enum rc rc;
    } cases[] = {
        {"FAILED_DOCUMENT_REQUEST", "x (Details: net::ERR_NAME_NOT_RESOLVED)", RC_PERM},
        {"FAILED_DOCUMENT_REQUEST", "x (Details: net::ERR_CONNECTION_REFUSED)", RC_PERM},
        {"FAILED_DOCUMENT_REQUEST", "x (Details: net::ERR_CERT_DATE_INVALID)", RC_PERM},
        {"FAILED_DOCUMENT_REQUEST", "x (Details: net::ERR_ACCESS_DENIED)", RC_PERM},
        {"FAILED_DOCUMENT_REQUEST", "x (Details: net::ERR_TIMED_OUT)", RC_TEMP},
        {"FAILED_DOCUMENT_REQUEST", "x (Details: net::ERR_CONNECTION_RESET)", RC_TEMP},
        {"ERRORED_DOCUMENT_REQUEST", "x (Status code: 404)", RC_PERM},
        {"ERRORED_DOCUMENT_REQUEST", "x (Status code: 403)", RC_PERM},
        {"ERRORED_DOCUMENT_REQUEST", "x (Status code: 429)", RC_TEMP},
        {"ERRORED_DOCUMENT_REQUEST", "x (Status code: 503)", RC_TEMP},
        {"DNS_FAILURE", "", RC_PERM},
        {"NOT_HTML", "", RC_PERM},
        {"INVALID_URL", "", RC_PERM},
        {"NO_FCP", "", RC_TEMP},
        {"PROTOCOL_TIMEOUT", "", RC_TEMP},
        {"TARGET_CRASHED", "", RC_TEMP},
        {"", "Something went wrong.", RC_TEMP},
        {"OF_NEXT_YEAR", "", RC_TEMP},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        if (pagespeed_error_class(cases[i].code, cases[i].text) != cases[i].rc) {
            fail_msg("%s %s", cases[i].code, cases[i].text);
        }
    }
}

/* Long texts are cut between characters, and what is too much is left out. */
static void test_bounds(void **state) {
    struct buf answer = BUF_INIT(1u << 20), out;
    struct slice value;
    (void)state;
    assert_int_equal(buf_add_text(&answer, "{\"audits\":{},\"runWarnings\":["), RC_OK);
    for (unsigned i = 0; i < 40; i++) {
        assert_int_equal(buf_printf(&answer, "%s\"x", i > 0 ? "," : ""), RC_OK);
        for (unsigned j = 0; j < 300; j++) {
            assert_int_equal(buf_add_text(&answer, "\xc3\xa9"), RC_OK);
        }
        assert_int_equal(buf_add_char(&answer, '"'), RC_OK);
    }
    assert_int_equal(buf_add_text(&answer, "]}"), RC_OK);
    out = record_of(buf_text(&answer), ITEM);
    assert_true(json_find((struct slice){.data = buf_text(&out), .length = out.length}, "/results/0/warnings", &value));
    assert_int_equal(json_count(value), 20);
    assert_true(json_find(value, "/0", &value));
    assert_int_equal(value.length, 501);
    buf_release(&out);
    buf_reset(&answer);
    /* So are escapes, and the two of a pair. */
    assert_int_equal(buf_add_text(&answer, "{\"audits\":{},\"lighthouseVersion\":\"xxx"), RC_OK);
    for (unsigned i = 0; i < 10; i++) {
        assert_int_equal(buf_add_text(&answer, "\\ud83d\\ude00"), RC_OK);
    }
    assert_int_equal(buf_add_text(&answer, "\"}"), RC_OK);
    expect(buf_text(&answer), ITEM, "/lighthouse_version", "\"xxx\\ud83d\\ude00\\ud83d\\ude00\\ud83d\\ude00\"");
    buf_release(&answer);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_missing_is_null), cmocka_unit_test(test_who_and_when), cmocka_unit_test(test_scores_and_lab), cmocka_unit_test(test_savings),
        cmocka_unit_test(test_field),           cmocka_unit_test(test_refused),      cmocka_unit_test(test_error_class),    cmocka_unit_test(test_bounds),
    };

    return cmocka_run_group_tests_name("pagespeed", tests, NULL, NULL);
}
