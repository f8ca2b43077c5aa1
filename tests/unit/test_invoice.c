// SPDX-License-Identifier: Apache-2.0
#include "engine/invoice.h"

#include "base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void test_money(void **state) {
    (void)state;
    static const struct {
        const char *in, *out, *currency; /* out NULL: refused */
        char decimal;
        bool comma_usual;
    } cases[] = {
        {"20.00", "20.00", "", 0, false},
        {"20", "20.00", "", 0, false},
        {"0.005", "0.005", "", 0, false},
        {".5", "0.50", "", 0, false},
        {"$1,234.50", "1234.50", "", 0, false},
        {"1,234", "1234.00", "", 0, false},
        {"1,234,567.891", "1234567.891", "", 0, false},
        {"1.234.567,89", "1234567.89", "", 0, false},
        {"12,5", "12.50", "", 0, false},
        {"12,50 \xE2\x82\xAC", "12.50", "EUR", 0, true},
        {"\xC2\xA3 1 234,50", "1234.50", "GBP", 0, true},
        {"1\xC2\xA0"
         "234,50",
         "1234.50", "", 0, true},
        {"1'234.50", "1234.50", "", 0, false},
        {"USD 12.50", "12.50", "USD", 0, false},
        {"12.50 usd", "12.50", "USD", 0, false},
        {"US$12.50", "12.50", "", 0, false},
        {"(12.50)", "-12.50", "", 0, false},
        {"-12.50", "-12.50", "", 0, false},
        {"12.50-", "-12.50", "", 0, false},
        {"12.50 CR", "-12.50", "", 0, false},
        {"1.234", "1.234", "", 0, false},
        {"1,234", "1.234", "", 0, true},
        {"1.234", NULL, "", 0, true}, /* one thousand, or one and a bit? */
        {"1.234", "1234.00", "", ',', true},
        {"1.234", "1.234", "", '.', true},
        {"0.234", "0.234", "", 0, true},
        {"007.50", "7.50", "", 0, false},
        {"", NULL, "", 0, false},
        {"-", NULL, "", 0, false},
        {"free", NULL, "", 0, false},
        {"1.2.3", NULL, "", 0, false},
        {"1,23,456.0", NULL, "", 0, false},
        {"12 34", "1234.00", "", 0, false},
        {"1e5", NULL, "", 0, false},
        {"1.23456789012", NULL, "", 0, false},
        {"99999999999999999999999", NULL, "", 0, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct dec money;
        char currency[9], text[DEC_TEXT_SIZE] = "";
        const char *problem = invoice_value_money(slice_of(cases[i].in), cases[i].decimal, cases[i].comma_usual, &money, currency);
        if (!problem)
            dec_format(money, text);
        if (!cases[i].out != (problem != NULL) || (cases[i].out && strcmp(text, cases[i].out) != 0))
            fail_msg("\"%s\": %s%s", cases[i].in, problem ? problem : "", text);
        if (cases[i].out)
            assert_string_equal(currency, cases[i].currency);
    }
}

static void test_count(void **state) {
    (void)state;
    static const struct {
        const char *in;
        long long out; /* -1: refused */
    } cases[] = {{"400", 400}, {"1,200", 1200}, {"1.200", 1200}, {"1 200", 1200}, {"400.00", 400}, {"400,0", 400}, {"1,200.00", 1200},
                 {"0", 0},     {"-4", -1},      {"4.5", -1},     {"", -1},        {"x", -1},       {"$4", 4},      {"1,20", -1}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint64_t count = 77;
        const char *problem = invoice_value_count(slice_of(cases[i].in), &count);
        if ((problem == NULL) != (cases[i].out >= 0) || (!problem && (long long)count != cases[i].out))
            fail_msg("\"%s\": %s %llu", cases[i].in, problem ? problem : "", (unsigned long long)count);
    }
}

static void test_time(void **state) {
    (void)state;
    static const struct {
        const char *in, *out; /* out NULL: refused; a day alone when it ends with "d" */
        enum invoice_dates dates;
        const char *zone;
    } cases[] = {
        {"2026-11-23T17:05:01Z", "2026-11-23T17:05:01Z", 0, "UTC"},
        {"2026-11-23T17:05:01+02:00", "2026-11-23T15:05:01Z", 0, "UTC"},
        {"2026-11-23 17:05:01 -0500", "2026-11-23T22:05:01Z", 0, "UTC"},
        {"2026-11-23 17:05:01.250", "2026-11-23T17:05:01Z", 0, "UTC"},
        {"2026-11-23 17:05 UTC", "2026-11-23T17:05:00Z", 0, "Europe/Berlin"},
        {"2026/11/23", "2026-11-23T00:00:00Zd", 0, "UTC"},
        {"2026-11-23", "2026-11-22T23:00:00Zd", 0, "Europe/Berlin"},
        {"23.11.2026 17:05", "2026-11-23T16:05:00Z", 0, "Europe/Berlin"},
        {"11/23/2026", "2026-11-23T00:00:00Zd", 0, "UTC"},
        {"23/11/2026", "2026-11-23T00:00:00Zd", 0, "UTC"},
        {"04/04/2026", "2026-04-04T00:00:00Zd", 0, "UTC"},
        {"04/05/2026", NULL, 0, "UTC"},
        {"04/05/2026", "2026-04-05T00:00:00Zd", INVOICE_DATES_MDY, "UTC"},
        {"04/05/2026", "2026-05-04T00:00:00Zd", INVOICE_DATES_DMY, "UTC"},
        {"11/23/2026 5:05 PM", "2026-11-23T17:05:00Z", 0, "UTC"},
        {"11/23/2026, 12:05:01 am", "2026-11-23T00:05:01Z", 0, "UTC"},
        {"1795453501", "2026-11-23T17:05:01Z", 0, "UTC"},
        {"1795453501250", "2026-11-23T17:05:01Z", 0, "UTC"},
        {"2026-13-01", NULL, 0, "UTC"},
        {"2026-02-30", NULL, 0, "UTC"},
        {"13/13/2026", NULL, 0, "UTC"},
        {"2026-11-23T25:00:00Z", NULL, 0, "UTC"},
        {"2026-11-23 13:00 PM", NULL, 0, "UTC"},
        {"yesterday", NULL, 0, "UTC"},
        {"", NULL, 0, "UTC"},
        {"2026-11-23x", NULL, 0, "UTC"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int64_t us, until;
        bool day;
        char text[CLOCK_RFC3339_SIZE + 2] = "";
        const char *problem = invoice_value_time(slice_of(cases[i].in), cases[i].dates, cases[i].zone, &us, &until, &day);
        if (!problem) {
            clock_format_rfc3339(us, 0, text);
            if (day)
                strcat(text, "d");
            assert_true(until > us && (!day || until - us == INT64_C(86400000000)));
        }
        if (!cases[i].out != (problem != NULL) || (cases[i].out && strcmp(text, cases[i].out) != 0))
            fail_msg("\"%s\": %s%s", cases[i].in, problem ? problem : "", text);
    }
}

/* Each row as "LINE id time records amount currency", or its error, a line each. */
static void rows(const char *text, const char *columns, char *out, size_t size) {
    struct invoice invoice;
    struct err err = {0};
    const struct invoice_options options = {.columns = columns, .zone = "UTC"};
    size_t used = 0, at = 0, length = strlen(text);
    if (invoice_detect(&invoice, &options, text, length, &err)) {
        snprintf(out, size, "%s", err.text);
        return;
    }
    struct csv_reader reader;
    csv_reader_init(&reader, invoice.separator);
    out[0] = '\0';
    for (bool end = false; !end;) {
        size_t took = 0;
        enum csv_step step = csv_reader_feed(&reader, text + at, length - at, &took);
        at += took;
        end = step == CSV_MORE;
        step = end ? csv_reader_end(&reader) : step;
        if (step != CSV_ROW)
            continue;
        struct invoice_line line;
        char amount[DEC_TEXT_SIZE], when[CLOCK_RFC3339_SIZE] = "-";
        enum rc rc = invoice_read(&invoice, &reader, &line, &err);
        if (rc == RC_GONE)
            continue;
        if (rc) {
            used += (size_t)snprintf(out + used, size - used, "%s\n", err.text);
            continue;
        }
        dec_format(line.amount, amount);
        if (line.has_time)
            clock_format_rfc3339(line.from_us, 0, when);
        used += (size_t)snprintf(out + used, size - used, "%u %s %s %lld %s %s\n", (unsigned)line.line, line.request_id, when,
                                 line.has_records ? (long long)line.records : -1, amount, line.currency);
    }
    csv_reader_release(&reader);
}

static void reads(const char *text, const char *columns, const char *wanted) {
    char out[2000];
    rows(text, columns, out, sizeof out);
    assert_string_equal(out, wanted);
}

static void test_invoices(void **state) {
    (void)state;
    reads("Request ID,Date/Time,Records,Cost,Currency\r\nreq-1,2026-11-23T17:05:01Z,400,20.00,USD\r\n", NULL, "2 req-1 2026-11-23T17:05:01Z 400 20.00 USD\n");
    reads("\xEF\xBB\xBF\"Transaction-ID\";\"Date\";\"Quantity\";\"Amount (EUR)\"\n\"a;b\";\"23.11.2026\";\"1.200\";\"1.234,50 \xE2\x82\xAC\"\n", NULL,
          "2 a;b 2026-11-23T00:00:00Z 1200 1234.50 EUR\n");
    reads("Invoice 4711\nAcme Inc, Reno\n\nDate,Description,Qty,Unit price,Total\n2026-11-23,\"search, \"\"CA\"\"\",400,0.05,20.00\n\n,,,,\nTotal,,,,20.00\n",
          NULL, "5  2026-11-23T00:00:00Z 400 20.00 \n");
    reads("when\twhat\tpaid\n2026-11-23\tx\t5\n", "amount=paid,time=when", "2  2026-11-23T00:00:00Z -1 5.00 \n");
    reads("id,amount\na,1.00\nb,abc\nc,\nd,2.00\n", NULL,
          "2 a - -1 1.00 \nline 3, column \"amount\": \"abc\" is no amount\nline 4, column \"amount\": \"\" is no amount\n5 d - -1 2.00 \n");
    reads("id,amount,qty,date\na,1.00,x,2026-11-23\nb,1.00,4,soon\n", NULL,
          "line 2, column \"qty\": \"x\" is no whole number\nline 3, column \"date\": \"soon\" is no time or day that is known here\n");
}

static void test_refusals(void **state) {
    (void)state;
    char out[2000];
    rows("a,b\n1,2\n", NULL, out, sizeof out);
    assert_non_null(strstr(out, "--columns"));
    assert_non_null(strstr(out, "\"a\", \"b\""));
    rows("id,amount\n1,2\n", "amount=cost", out, sizeof out);
    assert_non_null(strstr(out, "\"amount\""));
    rows("id,amount\n1,2\n", "amounts=amount", out, sizeof out);
    assert_non_null(strstr(out, "--columns amounts=amount"));
    rows("id,amount\n1,2\n", "amount", out, sizeof out);
    assert_non_null(strstr(out, "must be"));
    rows("", NULL, out, sizeof out);
    assert_non_null(strstr(out, "no cells"));
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_money), cmocka_unit_test(test_count), cmocka_unit_test(test_time), cmocka_unit_test(test_invoices),
                                       cmocka_unit_test(test_refusals)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
