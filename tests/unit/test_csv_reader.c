// SPDX-License-Identifier: Apache-2.0
#include "base/csv_reader.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Rows as "a|b/c|d/": cells between bars, rows end with a slash; a bad row is "!LINE/". Given in pieces of `piece` bytes. */
static void read(const char *text, size_t length, char separator, size_t piece, char *out, size_t size) {
    struct csv_reader reader;
    csv_reader_init(&reader, separator);
    size_t used = 0;
    out[0] = '\0';
    for (size_t at = 0, done = 0; !done;) {
        size_t now = length - at < piece ? length - at : piece, took = 0;
        enum csv_step step = at < length ? csv_reader_feed(&reader, text + at, now, &took) : csv_reader_end(&reader);
        done = at >= length;
        at += took;
        if (step == CSV_BAD)
            used += (size_t)snprintf(out + used, size - used, "!%u/", (unsigned)reader.line);
        if (step != CSV_ROW)
            continue;
        for (size_t i = 0; i < csv_reader_count(&reader); i++) {
            struct slice cell = csv_reader_cell(&reader, i);
            used += (size_t)snprintf(out + used, size - used, "%s%.*s", i ? "|" : "", (int)cell.length, cell.data);
        }
        used += (size_t)snprintf(out + used, size - used, "/");
    }
    assert_int_equal(csv_reader_cell(&reader, CSV_READER_CELLS + 5).length, 0);
    csv_reader_release(&reader);
}

static void test_forms(void **state) {
    (void)state;
    static const struct {
        const char *in, *out;
        char separator;
    } cases[] = {
        {"", "", ','},
        {"a,b\nc,d\n", "a|b/c|d/", ','},
        {"a,b\r\nc,d\r\n", "a|b/c|d/", ','},
        {"a,b\rc,d", "a|b/c|d/", ','},
        {"a;b,c;d", "a|b,c|d/", ';'},
        {"a\t\"b\tc\"\n", "a|b\tc/", '\t'},
        {"\"a \"\"b\"\"\",\"c,d\"\r\n", "a \"b\"|c,d/", ','},
        {"\"two\r\nlines\",x\r\ny\r\n", "two\r\nlines|x/y/", ','},
        {"\xEF\xBB\xBFid,b\nc\n", "id|b/c/", ','},
        {"\xEF\xBB\xBF\"id\",b\n", "id|b/", ','},
        {"a,\n,\n\nb\n", "a|/|//b/", ','},
        {"a\"b,c\n", "a\"b|c/", ','},
        {"\"a\" ,b\n", "a|b/", ','},
        {"\"a\"x,b\nc,d\n", "!1/c|d/", ','},
        {"a\n\"b,c\n", "a/!2/", ','},
        {"\"\"\n\"\"\"\"\n", "/\"/", ','},
        {"a\n\"x\ny\"z\nb\n", "a/!2/b/", ','},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        for (size_t piece = 1; piece <= 7; piece++) {
            char out[200];
            read(cases[i].in, strlen(cases[i].in), cases[i].separator, piece, out, sizeof out);
            assert_string_equal(out, cases[i].out);
        }
}

static void test_bounds(void **state) {
    (void)state;
    char out[400];
    read("a\0b\nc\n", 6, ',', 3, out, sizeof out);
    assert_string_equal(out, "!1/c/");
    size_t length = CSV_READER_ROW_BYTES + 10;
    char *big = malloc(length + 20);
    memset(big, 'x', length);
    memcpy(big + length, "\nnext\n", 6);
    read(big, length + 6, ',', 1000, out, sizeof out);
    assert_string_equal(out, "!1/next/");
    /* A quote that nothing ends does not swallow the whole file. */
    big[0] = '"';
    memset(big + 1, '\n', length - 1);
    read(big, length + 6, ',', 1000, out, sizeof out);
    assert_true(strncmp(out, "!1/", 3) == 0 && strstr(out, "/next/"));
    memset(big, ',', CSV_READER_CELLS);
    memcpy(big + CSV_READER_CELLS, "\nx\n", 3);
    read(big, CSV_READER_CELLS + 3, ',', 1000, out, sizeof out);
    assert_string_equal(out, "!1/x/");
    free(big);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_forms), cmocka_unit_test(test_bounds)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
