// SPDX-License-Identifier: Apache-2.0
#include "report/lease_model.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/buf.h"

/* What reviewers said laid over records, and what is open then. */

#define SUM "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define SUM_B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define EVIDENCE "\"page\":1,\"quote\":\"q\",\"quote_verified\":true"
#define HEAD "{\"group\":\"G\",\"document\":{\"sha256\":\"" SUM "\",\"name\":\"a.pdf\",\"type\":\"lease\",\"date\":\"2019-01-01\"},"
#define ROW(from, to, amount) "{\"from\":\"" from "\",\"to\":\"" to "\",\"amount\":" amount "," EVIDENCE "}"
#define FIELDS                                                                                                                                                 \
    "\"fields\":{\"commencement_date\":{\"value\":\"2019-01-01\",\"status\":\"found\"," EVIDENCE                                                               \
    "},\"expiry_date\":{\"value\":\"2024-12-31\",\"status\":\"found\"," EVIDENCE "},\"term\":{\"value\":5,\"unit\":\"years\",\"status\":\"found\"," EVIDENCE   \
    "}}"
#define CHECKS                                                                                                                                                 \
    "\"checks\":[{\"id\":\"term_arithmetic\",\"result\":\"failed\",\"text\":\"as the analysis says\"},{\"id\":\"rent_gaps\",\"result\":\"ok\","                \
    "\"text\":\"as found\"}]}"

static cJSON *lay(const char *record, const char *review) {
    struct err err = {0};
    cJSON *words = cJSON_Parse(review), *laid = NULL;
    assert_true(*review == '\0' || words != NULL);
    assert_int_equal(lease_review_lay(slice_of(record), words, &laid, &err), RC_OK);
    cJSON_Delete(words);
    return laid;
}

static const char *text_at(const cJSON *json, const char *a, int index, const char *b) {
    const cJSON *list = cJSON_GetObjectItemCaseSensitive(json, a);
    const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(cJSON_GetArrayItem(list, index), b));
    return text ? text : "";
}

/* --- ids ---------------------------------------------------------------------------------------------------------------- */

/* The same row has the same id wherever it stands and however it is written; rows that say the same differ. */
static void test_ids(void **state) {
    char first[LEASE_ROW_SIZE], again[LEASE_ROW_SIZE], other[LEASE_ROW_SIZE];
    (void)state;
    cJSON *a = lay(HEAD FIELDS ",\"rent\":[" ROW("2019-01-01", "2020-12-31", "5") "," ROW("2021-01-01", "2024-12-31", "6") "]," CHECKS, "");
    cJSON *b = lay(HEAD FIELDS ",\"rent\":[" ROW("2018-01-01", "2018-12-31", "4") ",{\"amount\":5.0,\"to\":\"2020-12-31\",\"from\":\"2019-01-01\"," EVIDENCE
                                                                                  "}," ROW("2019-01-01", "2020-12-31", "5") "]," CHECKS,
                   "");
    str_copy(first, sizeof first, text_at(a, "rent", 0, "row"));
    str_copy(again, sizeof again, text_at(b, "rent", 1, "row"));
    str_copy(other, sizeof other, text_at(b, "rent", 2, "row"));
    assert_int_equal(strlen(first), 13);
    assert_int_equal(first[0], 'r');
    assert_string_equal(first, again);
    assert_int_equal(strncmp(other, first, 13), 0);
    assert_string_equal(other + 13, "-2");
    assert_string_not_equal(first, text_at(a, "rent", 1, "row"));
    cJSON_Delete(a);
    cJSON_Delete(b);
}

/* --- values ------------------------------------------------------------------------------------------------------------- */

static void test_fit(void **state) {
    static const struct {
        enum lease_type type;
        const char *value;
        bool good;
    } cases[] = {{LEASE_DATE, "\"2024-02-29\"", true},
                 {LEASE_DATE, "\"2023-02-29\"", false},
                 {LEASE_DATE, "\"29.2.2024\"", false},
                 {LEASE_DATE, "20240229", false},
                 {LEASE_NUMBER, "1250.5", true},
                 {LEASE_NUMBER, "\"1250.50\"", true},
                 {LEASE_NUMBER, "\"-3\"", true},
                 {LEASE_NUMBER, "\"1,250\"", false},
                 {LEASE_NUMBER, "\"1e3\"", false},
                 {LEASE_NUMBER, "1e300", false},
                 {LEASE_NUMBER, "\"1234567890123456\"", false},
                 {LEASE_NUMBER, "\"\"", false},
                 {LEASE_NUMBER, "true", false},
                 {LEASE_BOOLEAN, "true", true},
                 {LEASE_BOOLEAN, "\"true\"", false},
                 {LEASE_TEXT, "\"x\"", true},
                 {LEASE_TEXT, "1", false},
                 {LEASE_ANY, "[\"a\",1,true]", true},
                 {LEASE_ANY, "[[1]]", false},
                 {LEASE_ANY, "{}", false},
                 {LEASE_DATE, "null", true},
                 {LEASE_NUMBER, "null", true}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        cJSON *value = cJSON_Parse(cases[i].value);
        struct err err = {0};
        assert_non_null(value);
        const enum rc rc = lease_review_fit(cases[i].type, &value, &err);
        assert_int_equal(rc, cases[i].good ? RC_OK : RC_PERM);
        assert_true(cases[i].good || err.text[0]);
        assert_true(!cases[i].good || cases[i].type != LEASE_NUMBER || cJSON_IsNull(value) || cJSON_IsNumber(value));
        cJSON_Delete(value);
    }
}

/* --- laying ------------------------------------------------------------------------------------------------------------- */

static void test_lay(void **state) {
    static const char record[] = HEAD FIELDS ",\"rent\":[" ROW("2019-01-01", "2020-12-31", "5") "," ROW("2021-01-01", "2024-12-31", "6") "]," CHECKS;
    struct buf review = BUF_INIT(4096);
    (void)state;
    cJSON *laid = lay(record, "");
    assert_string_equal(text_at(laid, "checks", 0, "text"), "as the analysis says"); /* nobody said anything: it knows the text, we do not */
    assert_int_equal(buf_printf(&review,
                                "{\"fields\":{\"" SUM "\":{\"expiry_date\":{\"decision\":\"corrected\",\"value\":\"2023-12-31\",\"reviewer\":\"ann\"}}},"
                                "\"rows\":{\"" SUM "\":{\"rent\":{\"%s\":{\"cells\":{\"from\":{\"decision\":\"corrected\",\"value\":\"2022-01-01\"}}},"
                                "\"a1\":{\"decision\":\"added\",\"values\":{\"from\":\"2018-06-01\",\"amount\":4}}}}}}",
                                text_at(laid, "rent", 1, "row")),
                     RC_OK);
    cJSON_Delete(laid);
    laid = lay(record, buf_text(&review));
    assert_string_equal(text_at(laid, "rent", 0, "row"), "a1"); /* in the order of their dates */
    assert_string_equal(text_at(laid, "rent", 2, "from"), "2022-01-01");
    const cJSON *cells = cJSON_GetObjectItemCaseSensitive(
        cJSON_GetObjectItemCaseSensitive(cJSON_GetArrayItem(cJSON_GetObjectItemCaseSensitive(laid, "rent"), 2), "review"), "cells");
    assert_string_equal(cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(cJSON_GetObjectItemCaseSensitive(cells, "from"), "was")), "2021-01-01");
    assert_string_equal(text_at(laid, "checks", 0, "result"), "ok");
    assert_string_equal(text_at(laid, "checks", 0, "was"), "as the analysis says");
    assert_string_equal(text_at(laid, "checks", 1, "result"), "failed");
    assert_non_null(strstr(text_at(laid, "checks", 1, "text"), "no rent is stated between 2020-12-31 and 2022-01-01"));
    cJSON_Delete(laid);
    buf_release(&review);
}

static void test_remove(void **state) {
    static const char record[] = HEAD FIELDS ",\"dates\":[{\"date\":\"2020-01-01\",\"what\":\"a\"},{\"date\":\"2021-01-01\",\"what\":\"b\"}]," CHECKS;
    char id[LEASE_ROW_SIZE], review[400];
    (void)state;
    cJSON *laid = lay(record, "");
    str_copy(id, sizeof id, text_at(laid, "dates", 0, "row"));
    cJSON_Delete(laid);
    assert_true(
        str_format(review, sizeof review, "{\"rows\":{\"" SUM "\":{\"dates\":{\"%s\":{\"decision\":\"removed\"},\"r0\":{\"decision\":\"removed\"}}}}}", id));
    laid = lay(record, review);
    assert_string_equal(text_at(laid, "dates", 0, "what"), "b");
    assert_int_equal(cJSON_GetArraySize(cJSON_GetObjectItemCaseSensitive(laid, "dates")), 1);
    assert_string_equal(text_at(cJSON_GetObjectItemCaseSensitive(laid, "removed"), "dates", 0, "what"), "a");
    cJSON_Delete(laid);
}

/* Records are what a source gave: nothing in them is believed to be of its kind. */
static void test_odd(void **state) {
    static const char *const odd[] = {HEAD "\"fields\":{\"a\":1,\"b\":[],\"c\":{\"status\":7,\"value\":{}}},\"rent\":[1,null,[],{\"from\":5,\"amount\":\"x\"}],"
                                           "\"dates\":7,\"checks\":[1,{\"id\":3}]}",
                                      HEAD "\"fields\":{},\"rent\":{},\"checks\":{\"id\":1}}",
                                      HEAD "\"fields\":{},\"removed\":5,\"options\":[{\"row\":1,\"review\":2,\"kind\":[]}]}"};
    static const char *const none[] = {"[]", "{}", "{\"fields\":[]}", "{\"fields\":{},\"document\":{\"sha256\":1}}", "7"};
    (void)state;
    for (size_t i = 0; i < sizeof odd / sizeof *odd; i++)
        cJSON_Delete(lay(odd[i], "{\"fields\":{\"" SUM "\":{\"a\":{\"decision\":\"corrected\",\"value\":1}}},\"rows\":{\"" SUM
                                 "\":{\"rent\":{\"a1\":{\"decision\":\"added\",\"values\":{}}}}}}"));
    for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
        struct err err = {0};
        cJSON *laid;
        assert_int_equal(lease_review_lay(slice_of(none[i]), NULL, &laid, &err), RC_CORRUPT);
        assert_null(laid);
    }
}

/* --- what is open ------------------------------------------------------------------------------------------------------- */

struct names {
    char text[400];
};

static bool list_name(void *context, const struct lease_need *need) {
    struct names *names = context;
    const size_t length = strlen(names->text);
    str_format(names->text + length, sizeof names->text - length, "%s%s", length ? " " : "", need->name);
    return true;
}

static void assert_open(const char *records, size_t count, const char *review, const char *names, bool draft) {
    cJSON *words = cJSON_Parse(review);
    static const struct report_lost lost[] = {{"c.pdf", "cannot be read", SUM_B}, {"unknown", "lost", NULL}};
    const struct report_lease input = {.records = {.text = slice_of(records), .count = count}, .review = words, .lost = lost, .lost_count = 2};
    struct lease_model m = {.input = &input};
    struct names found = {""};
    struct err err = {0};
    assert_int_equal(lease_model_read(&m, true, &err), RC_OK);
    assert_true(lease_model_needs(&m, list_name, &found));
    assert_string_equal(found.text, names);
    assert_int_equal(lease_model_draft(&m), draft);
    lease_model_release(&m);
    cJSON_Delete(words);
}

#define DOUBT "\"page\":1,\"quote\":\"q\",\"quote_verified\":false"
#define WORD "{\"decision\":\"confirmed\",\"reviewer\":\"ann\"}"

static void test_open(void **state) {
    static const char record[] =
        "{\"document\":{\"sha256\":\"" SUM "\",\"name\":\"a.pdf\",\"illegible_pages\":[2]},\"fields\":{\"gone\":{\"status\":\"not_found\"},"
        "\"doubt\":{\"value\":1,\"status\":\"found\"," DOUBT "},\"fine\":{\"value\":1,\"status\":\"found\"," EVIDENCE
        "}},\"rent\":[{\"from\":\"2019-01-01\",\"amount\":5," DOUBT "}],\"checks\":[{\"id\":\"x\",\"result\":\"failed\",\"text\":\"t\"},"
        "{\"id\":\"quotes\",\"result\":\"failed\",\"text\":\"u\"}]}\n";
    cJSON *laid = lay(record, "");
    char id[LEASE_ROW_SIZE], review[1200];
    (void)state;
    str_copy(id, sizeof id, text_at(laid, "rent", 0, "row"));
    cJSON_Delete(laid);
    assert_open(record, 1, "{}", "not_analysed not_analysed illegible_pages doubt rent check_x gone", true);
    assert_open(record, 1, "{\"declared\":\"done\"}", "not_analysed not_analysed illegible_pages doubt rent check_x gone", true);
#define ALL_BUT_ROW                                                                                                                                            \
    "{\"declared\":%s,\"fields\":{\"" SUM_B "\":{\"not_analysed\":" WORD "},\"" SUM "\":{\"illegible_pages\":" WORD ",\"doubt\":" WORD ",\"gone\":" WORD       \
    ",\"check_x\":{\"decision\":\"confirmed\",\"was\":\"%s\"}}},\"rows\":{\"" SUM "\":{\"rent\":{\"%s\":%s}}}}"
#define CELLS(which) "{\"cells\":{" which "}}"
    str_format(review, sizeof review, ALL_BUT_ROW, "null", "t", id, WORD);
    assert_open(record, 1, review, "not_analysed", false); /* one that the job has no sum of is told, and holds nothing up */
    str_format(review, sizeof review, ALL_BUT_ROW, "\"reopened\"", "t", id, WORD);
    assert_open(record, 1, review, "not_analysed", true);
    str_format(review, sizeof review, ALL_BUT_ROW, "null", "another text", id, WORD);
    assert_open(record, 1, review, "not_analysed check_x", true);
    str_format(review, sizeof review, ALL_BUT_ROW, "null", "t", id, CELLS("\"amount\":" WORD));
    assert_open(record, 1, review, "not_analysed rent", true);
    str_format(review, sizeof review, ALL_BUT_ROW, "null", "t", id, CELLS("\"amount\":" WORD ",\"from\":" WORD));
    assert_open(record, 1, review, "not_analysed", false);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_ids),    cmocka_unit_test(test_fit), cmocka_unit_test(test_lay),
                                       cmocka_unit_test(test_remove), cmocka_unit_test(test_odd), cmocka_unit_test(test_open)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
