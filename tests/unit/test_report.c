// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/digest.h"
#include "report/report.h"

/* Every format, told the same hostile report. */

#define HOSTILE "<script>alert(1)</script> & \"quoted\" 'it' ]]> \x01\x1b[31m \xff\xfe caf\xc3\xa9 \xe2\x80\xae \xf0\x9f\x98\x80"
#define ROWS_OF_A_SHEET 1048576u

static char dir[] = "/tmp/report-XXXXXX";

static const char *path_of(const char *name) {
    static char path[128];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    return path;
}

/* What a command prints, which must succeed. The caller frees. */
static char *output_of(const char *format, ...) __attribute__((format(printf, 1, 2)));
static char *output_of(const char *format, ...) {
    struct buf text = BUF_INIT(64 * 1024 * 1024);
    char command[1000], piece[4096];
    size_t length;
    va_list args;
    va_start(args, format);
    vsnprintf(command, sizeof command, format, args);
    va_end(args);
    FILE *pipe = popen(command, "r");
    assert_non_null(pipe);
    while ((length = fread(piece, 1, sizeof piece, pipe)) > 0)
        assert_int_equal(buf_add(&text, piece, length), RC_OK);
    if (pclose(pipe) != 0)
        fail_msg("%s failed: %s", command, buf_text(&text));
    return buf_take(&text);
}

static void assert_has(const char *text, const char *part) {
    if (!strstr(text, part))
        fail_msg("no \"%s\" in: %.3000s", part, text);
}

static void assert_lacks(const char *text, const char *part) {
    if (strstr(text, part))
        fail_msg("\"%s\" in: %.3000s", part, text);
}

static const struct report_column columns[] = {
    {.title = "Key " HOSTILE, .head = true, .width = 20}, {.title = "Number", .right = true, .format = "0.00"}, {.title = "Date"}};
static const struct report_table table = {.title = "Rows " HOSTILE,
                                          .sheet = "Rows: a/b?",
                                          .formats = REPORT_XLSX | REPORT_HTML | REPORT_PDF | REPORT_CSV,
                                          .most = 60,
                                          .column_count = 3,
                                          .columns = columns};

static void tell(struct report *r, unsigned rows) {
    const struct report_figure figures[] = {{.label = HOSTILE, .value = HOSTILE, .note = HOSTILE, .tone = REPORT_BAD}};
    const struct report_event event = {.uid = "1@x", .date = "2026-12-31", .summary = "Ends; all of it, \\ and\n" HOSTILE, .description = HOSTILE HOSTILE};
    const struct report_event none = {.uid = "2@x", .date = "31 December", .summary = "no date"};
    char key[80];
    report_figures(r, figures, 1);
    report_heading(r, 1, "%s", HOSTILE);
    report_text(r, REPORT_QUIET, "%s", HOSTILE);
    report_table_begin(r, &table);
    for (unsigned i = 0; i < rows; i++) {
        snprintf(key, sizeof key, i == 0 ? "=1+%u" : i == 1 ? "row %u " HOSTILE : "row %u", i);
        const struct report_cell cells[] = {report_cell_text(key),
                                            report_cell_of(REPORT_NUMBER,
                                                           slice_of(i == 2   ? ""
                                                                    : i == 3 ? "12345678901234567890"
                                                                             : "-1.50"),
                                                           REPORT_PLAIN),
                                            report_cell_of(REPORT_DATE, slice_of(i == 4 ? "soon" : "2026-11-28"), REPORT_GOOD)};
        report_row(r, cells);
    }
    report_table_end(r);
    report_event(r, &event);
    report_event(r, &none);
}

static void write_report(const struct report_form *form, const char *name, unsigned rows, bool draft) {
    const struct report_head head = {
        .title = "Title " HOSTILE, .subtitle = HOSTILE, .origin = "Job " HOSTILE, .as_of_us = INT64_C(1795860000000000), .draft = draft};
    struct report *report;
    struct err err = {0};
    const int fd = open(path_of(name), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    if (report_open(form, fd, &head, &report, &err))
        fail_msg("%s", err.text);
    tell(report, rows);
    if (report_close(report, &err))
        fail_msg("%s: %s", form->name, err.text);
    close(fd);
}

static void test_clean(void **state) {
    static const struct {
        const char *text;
        size_t length, most;
        const char *clean;
    } cases[] = {{"plain", 5, 0, "plain"},
                 {"a\0b", 3, 0,
                  "a\xef\xbf\xbd"
                  "b"},
                 {"a\r\nb\rc\td", 8, 0, "a\nb\nc\td"},
                 {"\x01\x7f\xc2\x85", 4, 0, "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
                 {"\xff\xc3", 2, 0, "\xef\xbf\xbd\xef\xbf\xbd"},
                 {"\xef\xbf\xbe", 3, 0, "\xef\xbf\xbd"},
                 {"a\xe2\x80\xae"
                  "b\xe2\x81\xa6",
                  8, 0,
                  "a\xef\xbf\xbd"
                  "b\xef\xbf\xbd"}, /* what turns text around */
                 {"abcd", 4, 4, "abcd"},
                 {"abcde", 5, 4, "abc\xe2\x80\xa6"},
                 {"ab\xf0\x9f\x98\x80", 6, 4, "ab\xf0\x9f\x98\x80"}, /* two units of UTF-16 */
                 {"abc\xf0\x9f\x98\x80", 7, 4, "abc\xe2\x80\xa6"}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct buf out = BUF_INIT(1000);
        assert_int_equal(report_clean((struct slice){cases[i].text, cases[i].length}, cases[i].most, &out), RC_OK);
        assert_string_equal(buf_text(&out), cases[i].clean);
        buf_release(&out);
    }
}

static void test_number(void **state) {
    double number;
    (void)state;
    assert_true(report_number(slice_of("-1.50e3"), &number) && number == -1500.0);
    assert_true(report_number(slice_of("0.000000000000000123456789012345"), &number));
    assert_true(report_number(slice_of("123456789012345"), &number));
    assert_true(report_number(slice_of("1739.0353955680337"), &number) && number > 1739.03 && number < 1739.04);
    assert_false(report_number(slice_of("1234567890123456"), &number));
    assert_false(report_number(slice_of("1234567890123456.5"), &number));
    assert_false(report_number(slice_of("1e400"), &number));
    assert_false(report_number(slice_of(""), &number));
    assert_false(report_number(slice_of("12a"), &number));
    assert_false(report_number(slice_of("inf"), &number));
}

static void test_xlsx(void **state) {
    (void)state;
    write_report(&report_xlsx, "a.xlsx", 100, true);
    free(output_of("unzip -tq %s", path_of("a.xlsx")));
    char *sheet = output_of("unzip -p %s xl/worksheets/sheet2.xml", path_of("a.xlsx")), *book = output_of("unzip -p %s xl/workbook.xml", path_of("a.xlsx"));
    char *about = output_of("unzip -p %s xl/worksheets/sheet1.xml | xmllint --format -", path_of("a.xlsx"));
    assert_has(book, "name=\"Rows- a-b-\"");
    assert_has(about, "DRAFT");
    assert_has(sheet, "<t>=1+0</t>");
    assert_lacks(sheet, "<f>");
    assert_lacks(sheet, "<script>");
    assert_has(sheet, "&lt;script&gt;");
    assert_has(sheet, "t=\"inlineStr\"><is><t>12345678901234567890</t>");
    assert_lacks(sheet, "<c r=\"B4\""); /* missing is no cell, or a blank one */
    assert_has(sheet, "<is><t>soon</t>");
    assert_has(sheet, "<v>46354</v>"); /* 2026-11-28 */
    assert_has(sheet, "<c r=\"A101\"");
    free(output_of("unzip -p %s xl/worksheets/sheet2.xml | xmllint --noout -", path_of("a.xlsx")));
    free(sheet);
    free(book);
    free(about);
}

static void test_sheets(void **state) {
    static const struct report_column one[] = {{.title = "N"}};
    static const struct report_table long_table = {.title = "Long", .formats = REPORT_XLSX, .column_count = 1, .columns = one};
    const struct report_head head = {.title = "Long", .as_of_us = 1};
    const struct report_cell cell = report_cell_of(REPORT_NUMBER, slice_of("1"), REPORT_PLAIN);
    struct report *report;
    struct err err = {0};
    (void)state;
    const int fd = open(path_of("long.xlsx"), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_int_equal(report_open(&report_xlsx, fd, &head, &report, &err), RC_OK);
    report_table_begin(report, &long_table);
    for (unsigned i = 0; i < ROWS_OF_A_SHEET + 4; i++) /* with the head five rows too many for one sheet */
        report_row(report, &cell);
    report_table_end(report);
    assert_int_equal(report_close(report, &err), RC_OK);
    close(fd);
    char *book = output_of("unzip -p %s xl/workbook.xml", path_of("long.xlsx"));
    char *rest = output_of("unzip -p %s xl/worksheets/sheet3.xml | grep -o '<row ' | wc -l", path_of("long.xlsx"));
    assert_has(book, "name=\"Long\"");
    assert_has(book, "name=\"Long 2\"");
    assert_int_equal(atoi(rest), 6); /* its own head, and five */
    free(book);
    free(rest);
}

static void test_html(void **state) {
    (void)state;
    write_report(&report_html, "a.html", 100, true);
    free(output_of("xmllint --noout --nonet %s", path_of("a.html")));
    char *page = output_of("cat %s", path_of("a.html"));
    assert_lacks(page, "<script");
    assert_has(page, "&lt;script&gt;alert(1)&lt;/script&gt; &amp; &quot;quoted&quot; &#39;it&#39;");
    assert_has(page, "class=\"draft\"");
    assert_has(page, "40 more rows are not shown");
    assert_has(page, "default-src 'none'");
    assert_has(page, "<th scope=\"row\">row 59</th>");
    assert_lacks(page, "row 60");
    free(page);
}

static void test_pdf(void **state) {
    (void)state;
    write_report(&report_pdf, "a.pdf", 100, true);
    write_report(&report_pdf, "b.pdf", 0, false);
    char *text = output_of("pdftotext -layout %s - 2>&1", path_of("a.pdf")), *info = output_of("pdfinfo %s 2>&1", path_of("a.pdf"));
    char *fonts = output_of("pdffonts %s | awk 'NR > 2 {print $(NF - 4)}' | sort -u", path_of("a.pdf"));
    assert_has(info, "Pages:           2");
    assert_string_equal(fonts, "yes\n"); /* embedded */
    assert_has(text, "DRAFT \xe2\x80\x93 not reviewed yet");
    assert_has(text, "Page 2 of 2");
    assert_has(text, "caf\xc3\xa9");
    assert_has(text, "40 more rows are not shown");
    assert_has(text, "characters are shown as");
    assert_lacks(text, "Syntax");
    free(text);
    text = output_of("pdftotext -layout %s - 2>&1", path_of("b.pdf"));
    assert_has(text, "None.");
    assert_lacks(text, "DRAFT");
    free(text);
    free(info);
    free(fonts);
}

static void test_csv(void **state) {
    (void)state;
    write_report(&report_csv, "a.csv", 5, false);
    char *text = output_of("cat %s", path_of("a.csv"));
    assert_has(text, "\r\n'=1+0,-1.50,2026-11-28\r\n");
    assert_has(text, "\r\nrow 2,,2026-11-28\r\n");
    assert_has(text, "\r\nrow 3,12345678901234567890,2026-11-28\r\n");
    free(text);
}

static void test_ics(void **state) {
    (void)state;
    write_report(&report_ics, "a.ics", 0, false);
    char *text = output_of("cat %s", path_of("a.ics")), *unfolded = output_of("perl -0pe 's/\\r\\n //g' %s", path_of("a.ics"));
    size_t length = 0;
    for (const char *at = text; *at; at++) {
        length = *at == '\n' ? 0 : length + 1;
        assert_true(length <= 76); /* 75 octets and the CR */
        assert_true(*at != '\n' || at[-1] == '\r');
    }
    assert_has(text, "DTSTART;VALUE=DATE:20261231\r\nDTEND;VALUE=DATE:20270101\r\n");
    assert_has(unfolded, "SUMMARY:Ends\\; all of it\\, \\\\ and\\n<script>");
    assert_has(text, "END:VEVENT\r\nEND:VCALENDAR\r\n");
    assert_lacks(text, "2@x");
    free(output_of("perl -CS -ne '1' %s && iconv -f UTF-8 -t UTF-8 %s >/dev/null", path_of("a.ics"), path_of("a.ics")));
    free(text);
    free(unfolded);
}

/* The same report is the same bytes. */
static void test_same(void **state) {
    (void)state;
    for (size_t i = 0; report_forms[i]; i++) {
        write_report(report_forms[i], "same", 20, true);
        char *first = output_of("sha256sum <%s", path_of("same"));
        write_report(report_forms[i], "same", 20, true);
        char *second = output_of("sha256sum <%s", path_of("same"));
        assert_string_equal(first, second);
        free(first);
        free(second);
    }
}

/* A full disk is told, and nothing else happens. */
static void test_full(void **state) {
    const struct report_head head = {.title = "Full", .as_of_us = 1};
    (void)state;
    for (size_t i = 0; report_forms[i]; i++) {
        struct report *report = NULL;
        struct err err = {0};
        const int fd = open("/dev/full", O_RDWR | O_CLOEXEC);
        assert_true(fd >= 0);
        enum rc rc = report_open(report_forms[i], fd, &head, &report, &err);
        if (!rc) {
            tell(report, 100);
            rc = report_close(report, &err);
        }
        if ((rc != RC_NOSPACE && rc != RC_TEMP) || !err.text[0])
            fail_msg("%s: %s \"%s\"", report_forms[i]->name, rc_name(rc), err.text);
        close(fd);
    }
}

static void test_failed(void **state) {
    const struct report_head head = {.title = "Failed", .as_of_us = 1};
    struct err err = {0}, told = {.text = "the model gave up"};
    (void)state;
    for (size_t i = 0; report_forms[i]; i++) {
        struct report *report;
        const int fd = open(path_of("failed"), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        assert_int_equal(report_open(report_forms[i], fd, &head, &report, &err), RC_OK);
        report_table_begin(report, &table);
        report_fail(report, RC_TEMP, &told);
        assert_true(report_failed(report));
        assert_int_equal(report_close(report, &err), RC_TEMP);
        assert_string_equal(err.text, "the model gave up");
        close(fd);
    }
}

static int make_dir(void **state) {
    (void)state;
    return mkdtemp(dir) ? 0 : -1;
}

static int remove_dir(void **state) {
    char command[128];
    (void)state;
    snprintf(command, sizeof command, "rm -r %s", dir);
    return system(command);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_clean), cmocka_unit_test(test_number), cmocka_unit_test(test_xlsx),  cmocka_unit_test(test_sheets),
                                       cmocka_unit_test(test_html),  cmocka_unit_test(test_pdf),    cmocka_unit_test(test_csv),   cmocka_unit_test(test_ics),
                                       cmocka_unit_test(test_same),  cmocka_unit_test(test_full),   cmocka_unit_test(test_failed)};
    return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
