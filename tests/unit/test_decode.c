// SPDX-License-Identifier: Apache-2.0
#include "api/decode.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

/* A copy without a NUL behind it, so that a sanitizer sees a byte too many. */
static char *decoded(const char *text, size_t length) {
    char *copy = malloc(length + !length);
    assert_non_null(copy);
    memcpy(copy, text, length);
    char *out = decode_percent(copy, length);
    free(copy);
    return out;
}

static void percent(void **state) {
    static const char *const good[][2] = {{"", ""},           {"plain", "plain"},     {"a%20b", "a b"},         {"a+b", "a+b"},    {"%2F%2f", "//"},
                                          {"100%25", "100%"}, {"%C3%A4", "\xc3\xa4"}, {"\xc3\xa4", "\xc3\xa4"}, {"%7e%0A", "~\n"}, {"%252F", "%2F"}};
    static const char *const bad[] = {"%",   "%4",    "a%",  "a%4", "%%41",   "%g1",       "%1g",  "% 41",        "%-1",
                                      "%00", "a%00b", "%ff", "%C3", "%C0%80", "%ED%A0%80", "\xff", "%F4%90%80%80"};
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        char *out = decoded(good[i][0], strlen(good[i][0]));
        if (!out || strcmp(out, good[i][1]) != 0)
            fail_msg("%s", good[i][0]);
        free(out);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char *out = decoded(bad[i], strlen(bad[i]));
        if (out)
            fail_msg("%s: %s", bad[i], out);
    }
    assert_null(decoded("a\0b", 3));
    assert_null(decoded("%41%4", 5));
}

/* What was escaped is decoded to itself, and has nothing that means something in a path, a query or a header field. */
static void there_and_back(void **state) {
    char text[256 * 2];
    struct buf out = BUF_INIT(4096);
    size_t used = 0;
    (void)state;
    for (unsigned c = 1; c < 0x80; c++)
        text[used++] = (char)c;
    strcpy(text + used, "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80");
    assert_int_equal(decode_escape(&out, text), RC_OK);
    assert_null(strpbrk(buf_text(&out), "/?#&=+ \r\n<>\";,:@"));
    char *back = decoded(buf_text(&out), out.length);
    assert_string_equal(back, text);
    free(back);
    buf_release(&out);
    struct buf small = BUF_INIT(4);
    assert_int_equal(decode_escape(&small, "a b c"), RC_PERM);
    buf_release(&small);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(percent), cmocka_unit_test(there_and_back)};
    return cmocka_run_group_tests_name("decode", tests, NULL, NULL);
}
