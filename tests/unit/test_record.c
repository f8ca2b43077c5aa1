// SPDX-License-Identifier: Apache-2.0
#include "helper/record.h"

#include "base/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* --- merging ------------------------------------------------------------------------------------------------------------ */

#define FOUND(value, unit, quote)                                                                                                                              \
    "{\"value\":" value ",\"unit\":" unit ",\"status\":\"found\",\"document\":\"d\",\"page\":1,\"quote\":\"q\",\"quote_verified\":" quote "}"
#define NONE "{\"value\":null,\"unit\":null,\"status\":\"not_found\",\"page\":null,\"quote\":null}"
#define NOT_APPLICABLE "{\"value\":null,\"unit\":null,\"status\":\"n/a\",\"page\":null,\"quote\":null}"
#define DOUBTFUL                                                                                                                                               \
    "{\"value\":\"3/4/"                                                                                                                                        \
    "2019\",\"unit\":null,\"status\":\"conflict\",\"quote\":\"q\",\"candidates\":[{\"value\":\"2019-04-03\",\"unit\":null,\"status\":\"conflict\",\"quote_"    \
    "verified\":true},"                                                                                                                                        \
    "{\"value\":\"2019-03-04\",\"unit\":null,\"status\":\"conflict\",\"quote_verified\":true}]}"

static void test_fields(void **state) {
    (void)state;
    static const struct {
        const char *parts;
        enum record_kind kind;
        const char *status, *value; /* of conflicts: the candidates */
    } cases[] = {
        {"[" NONE "," NONE "]", RECORD_TEXT, "not_found", "null"},
        {"[" NONE "," NOT_APPLICABLE "]", RECORD_TEXT, "n/a", "null"},
        {"[" NONE "," FOUND("\"ACME Ltd\"", "null", "true") "]", RECORD_TEXT, "found", "\"ACME Ltd\""},
        {"[" NOT_APPLICABLE "," FOUND("\"ACME Ltd\"", "null", "true") "]", RECORD_TEXT, "found", "\"ACME Ltd\""},
        {"[" FOUND("\"ACME  LTD.\"", "null", "false") "," FOUND("\"Acme Ltd\"", "null", "true") "]", RECORD_TEXT, "found", "\"Acme Ltd\""},
        {"[" FOUND("\"ACME Ltd\"", "null", "true") "," FOUND("\"ACME Ltd of Leeds\"", "null", "true") "]", RECORD_TEXT, "found", "\"ACME Ltd of Leeds\""},
        {"[" FOUND("\"ACME Ltd\"", "null", "true") "," FOUND("\"Other Ltd\"", "null", "true") "]", RECORD_TEXT, "conflict", "\"ACME Ltd\" \"Other Ltd\""},
        {"[" FOUND("\"A Ltd\"", "null", "true") "," FOUND("\"B\"", "null", "true") "," FOUND("\"A LTD\"", "null", "true") "]", RECORD_TEXT, "conflict",
         "\"A Ltd\" \"B\""},
        {"[" FOUND("10", "\"years\"", "true") "," FOUND("10.0", "null", "true") "]", RECORD_NUMBER, "found", "10"},
        {"[" FOUND("10", "\"years\"", "true") "," FOUND("10", "\"months\"", "true") "]", RECORD_NUMBER, "conflict", "10 10"},
        {"[" FOUND("10", "\"years\"", "true") "," FOUND("12", "\"years\"", "true") "]", RECORD_NUMBER, "conflict", "10 12"},
        {"[" FOUND("true", "null", "true") "," FOUND("false", "null", "true") "]", RECORD_BOOLEAN, "conflict", "true false"},
        {"[" FOUND("\"2019-03-04\"", "null", "true") "," FOUND("\"2019-03-04\"", "null", "true") "]", RECORD_DATE, "found", "\"2019-03-04\""},
        {"[" DOUBTFUL "]", RECORD_DATE, "conflict", "\"2019-04-03\" \"2019-03-04\""},
        {"[" DOUBTFUL "," FOUND("\"2019-03-04\"", "null", "true") "]", RECORD_DATE, "found", "\"2019-03-04\""}, /* said elsewhere */
        {"[" DOUBTFUL "," FOUND("\"2020-01-01\"", "null", "true") "]", RECORD_DATE, "conflict", "\"2020-01-01\" \"2019-04-03\" \"2019-03-04\""},
        /* what many parts of a long lease say of the same thing */
        {"[" FOUND("\"HARBOUR ESTATES LIMITED\"", "null", "true") "," FOUND("\"Harbour Estates Ltd\"", "null", "true") "," FOUND("\"Harbour Estates\"", "null",
                                                                                                                                 "true") "]",
         RECORD_NAME, "found", "\"HARBOUR ESTATES LIMITED\""},
        {"[" FOUND("\"NORTHWIND COFFEE LIMITED\"", "null", "true") "," FOUND("\"NORTHWIND HOLDINGS PLC\"", "null", "true") "]", RECORD_NAME, "conflict",
         "\"NORTHWIND COFFEE LIMITED\" \"NORTHWIND HOLDINGS PLC\""},
        {"[" FOUND("\"Landlord may enter on 48 hours' notice\"", "null",
                   "true") "," FOUND("\"The landlord is entitled to enter after giving forty-eight (48) hours' prior written notice\"", "null", "true") "]",
         RECORD_TEXT, "found", "\"The landlord is entitled to enter after giving forty-eight (48) hours' prior written notice\""},
        {"[" FOUND("\"Landlord may enter on 48 hours' notice\"", "null", "true") "," FOUND("\"The landlord may enter on giving 24 hours' notice\"", "null",
                                                                                           "true") "]",
         RECORD_TEXT, "conflict", "\"Landlord may enter on 48 hours' notice\" \"The landlord may enter on giving 24 hours' notice\""},
        /* a quote that is in the text goes before one that is not, whatever they say */
        {"[" FOUND("12", "\"years\"", "false") "," FOUND("10", "\"years\"", "true") "]", RECORD_NUMBER, "found", "10"},
        {"[" FOUND("\"ACME Ltd of Leeds\"", "null", "true") "," FOUND("\"ACME Ltd of Leeds, registered in England\"", "null", "false") "]", RECORD_NAME,
         "found", "\"ACME Ltd of Leeds\""},
        {"[" FOUND("12", "\"years\"", "false") "," FOUND("10", "\"years\"", "null") "]", RECORD_NUMBER, "conflict", "12 10"},
        {"[" FOUND("2450", "\"sq ft\"", "true") "," FOUND("227.6", "\"square metres\"", "true") "]", RECORD_NUMBER, "found", "2450"},
        {"[" FOUND("12000", "\"GBP\"", "true") "," FOUND("12000", "\"\u00a3\"", "true") "]", RECORD_NUMBER, "found", "12000"},
        {"[" FOUND("12000", "\"GBP\"", "true") "," FOUND("12000", "\"USD\"", "true") "]", RECORD_NUMBER, "conflict", "12000 12000"},
        {"[" FOUND("10", "\"years\"", "true") "," FOUND("120", "\"calendar months\"", "true") "]", RECORD_NUMBER, "found", "10"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        cJSON *parts = cJSON_Parse(cases[i].parts);
        assert_non_null(parts);
        cJSON *field = record_merge_field(parts, cases[i].kind), *one;
        char values[200] = "";
        if (strcmp(cases[i].status, "conflict") == 0) {
            assert_true(cJSON_IsNull(cJSON_GetObjectItem(field, "value")));
            cJSON_ArrayForEach(one, cJSON_GetObjectItem(field, "candidates")) {
                char *text = cJSON_PrintUnformatted(cJSON_GetObjectItem(one, "value"));
                snprintf(values + strlen(values), sizeof values - strlen(values), "%s%s", *values ? " " : "", text);
                free(text);
                assert_string_equal(cJSON_GetStringValue(cJSON_GetObjectItem(one, "status")), "found");
            }
        } else {
            char *text = cJSON_PrintUnformatted(cJSON_GetObjectItem(field, "value"));
            str_copy(values, sizeof values, text);
            free(text);
            assert_null(cJSON_GetObjectItem(field, "candidates"));
        }
        assert_string_equal(values, cases[i].value);
        assert_string_equal(cJSON_GetStringValue(cJSON_GetObjectItem(field, "status")), cases[i].status);
        cJSON_Delete(field);
        cJSON_Delete(parts);
    }
}

static void test_rows(void **state) {
    (void)state;
    static const struct record_member members[] = {{"from", RECORD_DATE}, {"to", RECORD_DATE}, {"amount", RECORD_NUMBER}, {.name = NULL}};
    cJSON *list = cJSON_CreateArray();
    cJSON *first = cJSON_Parse(
        "[{\"from\":\"2019-01-01\",\"to\":null,\"amount\":100,\"quote\":null},{\"from\":\"2020-01-01\",\"to\":null,\"amount\":110,\"quote\":\"a\"}]");
    cJSON *second = cJSON_Parse(
        "[{\"from\":\"2019-01-01\",\"to\":\"2019-12-31\",\"amount\":100,\"quote\":\"b\"},{\"from\":\"2020-01-01\",\"to\":null,\"amount\":120,\"quote\":\"c\"},"
        "{\"from\":null,\"to\":null,\"amount\":100,\"quote\":\"d\"}]");
    record_merge_rows(list, first, members);
    record_merge_rows(list, second, members);
    char *text = cJSON_PrintUnformatted(list);
    assert_string_equal(
        text,
        "[{\"from\":\"2019-01-01\",\"to\":\"2019-12-31\",\"amount\":100,\"quote\":\"b\"},{\"from\":\"2020-01-01\",\"to\":null,\"amount\":110,\"quote\":\"a\"},"
        "{\"from\":\"2020-01-01\",\"to\":null,\"amount\":120,\"quote\":\"c\"},{\"from\":null,\"to\":null,\"amount\":100,\"quote\":\"d\"}]");
    free(text);
    cJSON_Delete(list);
    cJSON_Delete(first);
    cJSON_Delete(second);
}

#define ROW(page, quote) "\"page\":" page ",\"quote\":\"" quote "\",\"quote_verified\":true"
#define CLAUSE(topic, text, page, quote) "{\"topic\":\"" topic "\",\"text\":\"" text "\"," ROW(page, quote) "}"
#define OPTION(kind, from, notice, page, quote) "{\"kind\":\"" kind "\",\"window_from\":" from ",\"window_to\":null,\"notice\":" notice "," ROW(page, quote) "}"
#define RENT_ROW(from, to, amount, currency, page, quote)                                                                                                      \
    "{\"from\":" from ",\"to\":" to ",\"amount\":" amount ",\"currency\":" currency ",\"frequency\":\"year\"," ROW(page, quote) "}"

/* Rows as two parts that overlap bring them. */
static void test_rows_twice(void **state) {
    static const struct record_member rent[] = {{"from", RECORD_DATE},         {"to", RECORD_DATE},        {"amount", RECORD_NUMBER},
                                                {"currency", RECORD_CURRENCY}, {"frequency", RECORD_WORD}, {.name = NULL}};
    static const struct record_member options[] = {
        {"kind", RECORD_WORD}, {"window_from", RECORD_DATE}, {"window_to", RECORD_DATE}, {"notice", RECORD_TEXT}, {.name = NULL}};
    static const struct record_member clauses[] = {{"topic", RECORD_TEXT}, {"text", RECORD_TEXT}, {.name = NULL}};
    static const struct {
        const char *first, *second;
        const struct record_member *members;
        int count;
    } cases[] = {
        {RENT_ROW("\"2019-03-25\"", "\"2022-03-24\"", "48000", "\"GBP\"", "3", "from 25/03/2019: GBP 48,000"),
         RENT_ROW("\"2019-03-25\"", "null", "48000.0", "\"\u00a3\"", "9", "the rent is \u00a348,000"), rent, 1},
        {RENT_ROW("\"2019-03-25\"", "null", "48000", "\"GBP\"", "3", "(a) Annual Rent from 25/03/2019: GBP 48,000"),
         RENT_ROW("null", "null", "48000", "\"GBP\"", "3", "Annual Rent from 25/03/2019: GBP 48,000"), rent, 1}, /* the same place */
        {RENT_ROW("\"2019-03-25\"", "null", "48000", "\"GBP\"", "3", "(a) Annual Rent from 25/03/2019: GBP 48,000"),
         RENT_ROW("null", "null", "48000", "\"GBP\"", "30", "a deposit of GBP 48,000"), rent, 2},
        {RENT_ROW("\"2019-03-25\"", "null", "48000", "\"GBP\"", "3", "48,000 in year 1, 50,000 in year 2"),
         RENT_ROW("\"2020-03-25\"", "null", "50000", "\"GBP\"", "3", "48,000 in year 1, 50,000 in year 2"), rent, 2},
        {RENT_ROW("\"2019-03-25\"", "null", "48000", "\"GBP\"", "3", "a"), RENT_ROW("\"2019-03-25\"", "null", "48000", "\"EUR\"", "3", "b"), rent, 2},
        {OPTION("break", "\"2024-03-24\"", "\"six months\"", "3", "a"),
         OPTION("break", "\"2024-03-24\"", "\"not less than 6 months' written notice\"", "8", "b"), options, 1},
        {OPTION("break", "\"2024-03-24\"", "\"six months\"", "3", "a"), OPTION("break", "\"2024-03-24\"", "\"three months\"", "3", "b"), options, 2},
        {OPTION("break", "\"2024-03-24\"", "\"six months\"", "3", "a"), OPTION("renew", "\"2024-03-24\"", "\"six months\"", "3", "a"), options, 2},
        {CLAUSE("Re-entry", "The landlord may re-enter when rent is unpaid for 21 days.", "4", "if any rent is unpaid for 21 days the Landlord may re-enter"),
         CLAUSE("re-entry", "Landlord re-enters if rent has been unpaid for twenty-one (21) days", "4", "rent is unpaid for 21 days the Landlord may re-enter"),
         clauses, 1},
        {CLAUSE("Insurance", "The landlord insures, the tenant repays the premium", "4", "a b c"),
         CLAUSE("Insurance rent", "The landlord insures and the tenant repays the premium on demand", "40", "d e f"), clauses, 1}, /* said twice */
        {CLAUSE("Insurance", "The landlord insures against fire", "4", "a b c"),
         CLAUSE("Insurance", "Terrorism cover is at the tenant's cost where available", "40", "d e f"), clauses, 2},
        {CLAUSE("Re-entry", "rent unpaid for 21 days", "4", "a b c"), CLAUSE("Re-entry", "rent unpaid for 14 days", "4", "a b c"), clauses, 2},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[1000];
        cJSON *list = cJSON_CreateArray(), *rows;
        snprintf(text, sizeof text, "[%s]", cases[i].first);
        rows = cJSON_Parse(text);
        record_merge_rows(list, rows, cases[i].members);
        cJSON_Delete(rows);
        snprintf(text, sizeof text, "[%s]", cases[i].second);
        rows = cJSON_Parse(text);
        assert_non_null(rows);
        record_merge_rows(list, rows, cases[i].members);
        if (cJSON_GetArraySize(list) != cases[i].count)
            fail_msg("%s and %s are %d rows", cases[i].first, cases[i].second, cJSON_GetArraySize(list));
        cJSON_Delete(rows);
        cJSON_Delete(list);
    }
}

/* What is not kept stands beside it. */
static void test_also(void **state) {
    static const struct {
        const char *parts, *value, *also;
    } cases[] = {
        {"[" FOUND("\"12 years\"", "null", "false") "," FOUND("\"10 years\"", "null", "true") "]", "10 years", "12 years"},
        {"[" FOUND("\"six months' notice\"", "null", "true") "," FOUND("\"not less than 6 months' notice\"", "null", "true") "]",
         "not less than 6 months' notice", NULL},
        {"[" FOUND("\"no structural alterations may be made to the frame or roof\"", "null",
                   "true") "," FOUND("\"partitions do not need consent if plans are shown to the surveyor before\"", "null", "true") "]",
         "partitions do not need consent if plans are shown to the surveyor before", "no structural alterations may be made to the frame or roof"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        cJSON *parts = cJSON_Parse(cases[i].parts), *field = record_merge_field(parts, RECORD_TEXT);
        const cJSON *also = cJSON_GetArrayItem(cJSON_GetObjectItem(field, "also"), 0);
        assert_string_equal(cJSON_GetStringValue(cJSON_GetObjectItem(field, "value")), cases[i].value);
        if (cases[i].also)
            assert_string_equal(cJSON_GetStringValue(cJSON_GetObjectItem(also, "value")), cases[i].also);
        else
            assert_null(also);
        cJSON_Delete(field);
        cJSON_Delete(parts);
    }
}

/* --- checks ------------------------------------------------------------------------------------------------------------- */

#define VALUE(value, unit) "{\"value\":" value ",\"unit\":" unit ",\"status\":\"found\",\"quote_verified\":true}"
#define QUOTED(value, quote) "{\"value\":" value ",\"unit\":null,\"status\":\"found\",\"quote\":\"" quote "\"}"
#define DAY(text) VALUE("\"" text "\"", "null")
#define RENT(from, to, amount) "{\"from\":" from ",\"to\":" to ",\"amount\":" amount ",\"currency\":\"GBP\",\"frequency\":\"year\",\"quote_verified\":true}"
#define RECORD(fields, rent, options) "{\"fields\":{" fields "},\"rent\":[" rent "],\"options\":[" options "],\"dates\":[],\"clauses\":[]}"
#define TERM "\"commencement_date\":" DAY("2019-03-25") ",\"term\":" VALUE("10", "\"years\"")

static const struct {
    const char *record, *check, *outcome, *text; /* a part of the text */
} CHECKS[] = {
    {RECORD(TERM ",\"expiry_date\":" DAY("2029-03-24"), "", ""), "term_arithmetic", "ok", "end on the stated expiry"},
    {RECORD(TERM ",\"expiry_date\":" DAY("2029-03-25"), "", ""), "term_arithmetic", "ok", "end on the stated expiry"},
    {RECORD(TERM ",\"expiry_date\":" DAY("2030-03-24"), "", ""), "term_arithmetic", "failed", "ends on 2029-03-24, stated is 2030-03-24"},
    {RECORD(TERM, "", ""), "term_arithmetic", "not_possible", "it is 2029-03-24"},
    {RECORD("\"commencement_date\":" DAY("2019-03-25"), "", ""), "term_arithmetic", "not_possible", "length of the term"},
    {RECORD("\"commencement_date\":" DAY("2019-03-25") ",\"term\":" VALUE("99", "\"years less 3 days\"") ",\"expiry_date\":" DAY("2118-03-21"), "", ""),
     "term_arithmetic", "failed", "2118-03-24"},
    {RECORD("\"commencement_date\":" DAY("2019-03-25") ",\"term\":" VALUE("18", "\"months\"") ",\"expiry_date\":" DAY("2020-09-24"), "", ""), "term_arithmetic",
     "ok", ""},
    {RECORD("", "", ""), "term_arithmetic", "not_possible", "commencement"},
    {RECORD("\"commencement_date\":" DAY("2019-03-25") ",\"expiry_date\":" DAY("2018-03-24"), "", ""), "date_sequence", "failed",
     "expires before it commences"},
    {RECORD("\"commencement_date\":" DAY("2019-03-25") ",\"rent_commencement_date\":" DAY("2019-03-24"), "", ""), "date_sequence", "failed", "before the term"},
    {RECORD(TERM ",\"rent_commencement_date\":" DAY("2019-06-25"), "", ""), "date_sequence", "ok", ""},
    {RECORD("", "", ""), "date_sequence", "not_possible", ""},
    {RECORD("", RENT("\"2019-03-25\"", "\"2020-03-24\"", "100") "," RENT("\"2020-03-25\"", "null", "110"), ""), "rent_gaps", "ok", "2 rows"},
    {RECORD("", RENT("\"2019-03-25\"", "\"2020-03-24\"", "100") "," RENT("\"2020-04-25\"", "null", "110"), ""), "rent_gaps", "failed",
     "between 2020-03-24 and 2020-04-25 (31 days)"},
    {RECORD("", RENT("\"2019-03-25\"", "\"2020-03-25\"", "100") "," RENT("\"2020-03-25\"", "null", "110"), ""), "rent_gaps", "failed", "overlap"},
    {RECORD(TERM, RENT("\"2019-06-25\"", "\"2029-03-24\"", "100"), ""), "rent_gaps", "failed", "rent begins on 2019-03-25, the first row on 2019-06-25"},
    {RECORD(TERM, RENT("\"2019-03-25\"", "\"2028-03-24\"", "100"), ""), "rent_gaps", "failed", "the last row ends on 2028-03-24, the term on 2029-03-24"},
    {RECORD(TERM ",\"rent_commencement_date\":" DAY("2019-06-25"), RENT("\"2019-06-25\"", "\"2029-03-24\"", "100"), ""), "rent_gaps", "ok", "there is 1 row"},
    {RECORD("", RENT("null", "null", "100"), ""), "rent_gaps", "not_possible", ""},
    {RECORD("\"escalation_percent\":" VALUE("3", "\"percent\""),
            RENT("null", "null", "1000") "," RENT("null", "null", "1030") "," RENT("null", "null", "1060.9"), ""),
     "escalation_arithmetic", "ok", "2 steps"},
    {RECORD("\"escalation_percent\":" VALUE("3", "\"percent\""), RENT("null", "null", "1000") "," RENT("null", "null", "1050"), ""), "escalation_arithmetic",
     "failed", "from 1000 the rent should rise to 1030.00, stated is 1050"},
    {RECORD("\"ground_rent_pattern\":" VALUE("\"Doubling every 25 years\"", "null"), RENT("null", "null", "250") "," RENT("null", "null", "500"), ""),
     "escalation_arithmetic", "ok", "1 steps"},
    {RECORD("\"escalation_percent\":" VALUE("3", "\"percent\""), RENT("null", "null", "1000"), ""), "escalation_arithmetic", "not_possible", "fewer than two"},
    {RECORD("", RENT("null", "null", "1000"), ""), "escalation_arithmetic", "not_possible", "no fixed rise"},
    {RECORD(TERM, "", "{\"kind\":\"break\",\"window_from\":\"2024-03-24\",\"window_to\":\"2024-03-24\",\"quote_verified\":true}"), "option_dates", "ok",
     "1 options"},
    {RECORD(TERM, "", "{\"kind\":\"break\",\"window_from\":\"2024-03-25\",\"window_to\":\"2024-03-24\"}"), "option_dates", "failed", "ends before it begins"},
    {RECORD(TERM, "", "{\"kind\":\"break\",\"window_from\":\"2018-03-25\",\"window_to\":null}"), "option_dates", "failed", "before the term"},
    {RECORD(TERM, "", "{\"kind\":\"renew\",\"window_from\":null,\"window_to\":\"2030-01-01\"}"), "option_dates", "failed",
     "renew: its window is after the term"},
    {RECORD(TERM, "", "{\"kind\":\"renew\",\"window_from\":null,\"window_to\":null}"), "option_dates", "not_possible", ""},
    {RECORD(TERM, "", ""), "quotes", "ok", "2 quotes"},
    {RECORD(TERM, "", "{\"kind\":\"renew\",\"quote_verified\":false}"), "quotes", "failed", "1 of 3 quotes are not in the text"},
    {RECORD(TERM, "", "{\"kind\":\"renew\",\"quote_verified\":null}"), "quotes", "failed", "1 findings have no quote"},
    {RECORD("", "", ""), "quotes", "not_possible", "nothing was found"},
    {RECORD("\"deposit\":" QUOTED("12000", "a deposit of GBP 12,000 is held"), "", ""), "values", "ok", "1 numbers"},
    {RECORD("\"deposit\":" QUOTED("12000.5", "12.000,50 EUR"), "", ""), "values", "ok", ""},
    {RECORD("\"deposit\":" QUOTED("12000", "12 000 EUR"), "", ""), "values", "ok", ""},
    {RECORD("\"deposit\":" QUOTED("12000", "a deposit of GBP 21,000"), "", ""), "values", "failed", "the quote of deposit does not show 12000"},
    {RECORD("\"term\":" QUOTED("10", "ten years"), "", ""), "values", "not_possible", ""},
    {RECORD("\"expiry_date\":" QUOTED("\"2029-03-24\"", "until 24 March 2029"), "", ""), "values", "ok", ""},
    {RECORD("\"expiry_date\":" QUOTED("\"2029-03-24\"", "until 24 March 2028"), "", ""), "values", "failed", "does not show 2029-03-24"},
    {RECORD("", "{\"from\":\"2019-03-25\",\"to\":\"2020-03-24\",\"amount\":100,\"quote\":\"25 March 2019 to 24 March 2020: 100\"}", ""), "values", "ok",
     "3 numbers"},
    {RECORD("", "{\"from\":\"2019-03-25\",\"to\":\"2020-03-24\",\"amount\":100,\"quote\":\"25 March 2019 to 24 March 2020: 110\"}", ""), "values", "failed",
     "amount"},
};

static void test_checks(void **state) {
    (void)state;
    const struct record_doubts doubts = {.count = 0};
    const unsigned orders[2] = {0, 0};
    for (size_t i = 0; i < sizeof CHECKS / sizeof *CHECKS; i++) {
        cJSON *record = cJSON_Parse(CHECKS[i].record), *one;
        assert_non_null(record);
        cJSON *checks = record_checks(record, &doubts, orders);
        assert_int_equal(cJSON_GetArraySize(checks), 8);
        cJSON_ArrayForEach(one, checks) {
            if (strcmp(cJSON_GetStringValue(cJSON_GetObjectItem(one, "id")), CHECKS[i].check) != 0)
                continue;
            const char *outcome = cJSON_GetStringValue(cJSON_GetObjectItem(one, "result")), *text = cJSON_GetStringValue(cJSON_GetObjectItem(one, "text"));
            if (strcmp(outcome, CHECKS[i].outcome) != 0 || !strstr(text, CHECKS[i].text))
                fail_msg("case %zu, %s: %s, %s", i, CHECKS[i].check, outcome, text);
        }
        cJSON_Delete(checks);
        cJSON_Delete(record);
    }
}

/* --- the whole ---------------------------------------------------------------------------------------------------------- */

static const char SCHEMA[] =
    "{\"$id\":\"urn:batchspool:lease:tiny:3\",\"type\":\"object\",\"properties\":{\"document\":{\"type\":\"object\"},\"fields\":{\"type\":\"object\","
    "\"properties\":{\"tenant\":{\"$ref\":\"#/$defs/text\"},"
    "\"commencement_date\":{\"$ref\":\"#/$defs/"
    "date\"}},\"additionalProperties\":false,\"required\":[\"tenant\",\"commencement_date\"]},\"rent\":{\"type\":\"array\"},\"options\":{\"type\":\"array\"},"
    "\"dates\":{\"type\":\"array\"},\"clauses\":{\"type\":\"array\"}},\"required\":[\"document\",\"fields\",\"rent\",\"options\",\"dates\",\"clauses\"],"
    "\"additionalProperties\":false,"
    "\"$defs\":{\"text\":{\"type\":\"object\"},\"date\":{\"type\":\"object\"}}}";

#define ANSWER(date, quote, page)                                                                                                                              \
    "{\"document\":{\"type\":\"lease\",\"date\":\"1 March 2019\",\"supersedes\":null,\"missing_schedules\":[\"Schedule "                                       \
    "1\"]},\"fields\":{\"tenant\":{\"value\":\"ACME\",\"unit\":null,"                                                                                          \
    "\"status\":\"found\",\"page\":" page ",\"quote\":\"" quote "\"},\"commencement_date\":{\"value\":\"" date                                                 \
    "\",\"unit\":null,\"status\":\"found\",\"page\":1,\"quote\":\"the Term "                                                                                   \
    "begins\"}},\"rent\":[],\"options\":[],\"dates\":[{\"date\":\"" date "\",\"what\":\"start\",\"page\":null,\"quote\":null}],\"clauses\":[]}"

static cJSON *completion(const char *content) {
    cJSON *answer = cJSON_Parse("{\"model\":\"m\",\"choices\":[{\"message\":{\"refusal\":null},\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":10,"
                                "\"completion_tokens\":5,\"total_tokens\":15}}");
    cJSON *message = cJSON_GetObjectItem(cJSON_GetArrayItem(cJSON_GetObjectItem(answer, "choices"), 0), "message");
    cJSON_AddStringToObject(message, "content", content);
    return answer;
}

static struct page PAGES[] = {{.number = 1, .text = "The tenant is ACME. the Term begins 03/04/2019."},
                              {.number = 2, .text = "paid by ACME Limited", .illegible = true}};

static enum rc make(const char *const contents[], const char *page_text, enum date_order order, cJSON **record, struct err *err) {
    struct page list[2];
    struct lease lease = {.name = "tiny", .schema_version = "3", .prompt_version = "4", .schema = BUF_INIT(100000), .json = cJSON_Parse(SCHEMA)};
    memcpy(list, PAGES, sizeof list);
    if (page_text)
        list[1].text = page_text;
    const struct pages pages = {.list = list, .count = 2, .page_count = 2, .text_by = "pdf"};
    assert_int_equal(buf_add_text(&lease.schema, SCHEMA), RC_OK);
    struct record_input input = {
        .run = "r", .name = "lease.pdf", .sha256 = "ab", .order = order, .lease = &lease, .pages = &pages, .answers = cJSON_CreateArray()};
    for (; *contents; contents++)
        cJSON_AddItemToArray(input.answers, completion(*contents));
    enum rc rc = record_make(&input, record, err);
    cJSON_Delete(input.answers);
    lease_release(&lease);
    return rc;
}

static const char *text_at(const cJSON *record, const char *list, const char *name, const char *member) {
    return cJSON_GetStringValue(cJSON_GetObjectItem(cJSON_GetObjectItem(cJSON_GetObjectItem(record, list), name), member));
}

static void test_record(void **state) {
    (void)state;
    struct err err = {0};
    cJSON *record;
    assert_int_equal(make((const char *[]){ANSWER("03/04/2019", "paid by ACME Limited", "1"), ANSWER("03/04/2019", "The tenant is ACME", "1"), NULL}, NULL,
                          DATE_ORDER_MDY, &record, &err),
                     RC_OK);
    assert_string_equal(text_at(record, "fields", "commencement_date", "value"), "2019-03-04");
    assert_string_equal(
        text_at(record, "document", "date_order", "x") ? "" : cJSON_GetStringValue(cJSON_GetObjectItem(cJSON_GetObjectItem(record, "document"), "date_order")),
        "mdy");
    const cJSON *tenant = cJSON_GetObjectItem(cJSON_GetObjectItem(record, "fields"), "tenant");
    assert_int_equal(cJSON_GetObjectItem(tenant, "page")->valueint, 2); /* corrected */
    assert_true(cJSON_IsTrue(cJSON_GetObjectItem(tenant, "quote_verified")));
    assert_string_equal(cJSON_GetStringValue(cJSON_GetObjectItem(tenant, "document")), "lease.pdf");
    assert_int_equal(cJSON_GetObjectItem(cJSON_GetObjectItem(record, "tokens"), "total")->valueint, 30);
    assert_int_equal(cJSON_GetArraySize(cJSON_GetObjectItem(record, "dates")), 1);
    char *text = cJSON_PrintUnformatted(cJSON_GetObjectItem(record, "document"));
    assert_string_equal(text, "{\"sha256\":\"ab\",\"name\":\"lease.pdf\",\"type\":\"lease\",\"date\":\"2019-03-01\",\"supersedes\":null,\"pages\":2,\"text_"
                              "by\":\"pdf\",\"illegible_pages\":[2],"
                              "\"damaged_pages\":[],\"missing_schedules\":[\"Schedule 1\"],\"date_order\":\"mdy\"}");
    free(text);
    cJSON_Delete(record);

    /* Without an order such a date is a conflict; the document's own dates may settle it. */
    const char *const one[] = {ANSWER("03/04/2019", "words that are nowhere", "1"), NULL};
    assert_int_equal(make(one, NULL, DATE_ORDER_NONE, &record, &err), RC_OK);
    assert_string_equal(text_at(record, "fields", "commencement_date", "status"), "conflict");
    tenant = cJSON_GetObjectItem(cJSON_GetObjectItem(record, "fields"), "tenant");
    assert_true(cJSON_IsFalse(cJSON_GetObjectItem(tenant, "quote_verified")));
    cJSON_Delete(record);
    assert_int_equal(make(one, "paid by ACME Limited on 25/12/2019", DATE_ORDER_NONE, &record, &err), RC_OK);
    assert_string_equal(text_at(record, "fields", "commencement_date", "value"), "2019-04-03");
    cJSON_Delete(record);
}

static void test_refused(void **state) {
    (void)state;
    struct err err = {0};
    cJSON *record;
    assert_int_equal(make((const char *[]){NULL}, NULL, DATE_ORDER_DMY, &record, &err), RC_PERM);
    assert_int_equal(make((const char *[]){"{\"fields\":{}}", NULL}, NULL, DATE_ORDER_DMY, &record, &err), RC_TEMP);
    assert_non_null(strstr(err.text, "not as the schema tiny wants it: the root: lacks \"document\""));
    assert_int_equal(make((const char *[]){ANSWER("1 May 2019", "The tenant is ACME", "1"), "no JSON at all", NULL}, NULL, DATE_ORDER_DMY, &record, &err),
                     RC_TEMP);
    assert_true(str_starts(err.text, "part 2 of 2: "));
    assert_null(record);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_fields), cmocka_unit_test(test_rows),   cmocka_unit_test(test_rows_twice),
                                       cmocka_unit_test(test_also),   cmocka_unit_test(test_checks), cmocka_unit_test(test_record),
                                       cmocka_unit_test(test_refused)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
