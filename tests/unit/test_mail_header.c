// SPDX-License-Identifier: Apache-2.0
#include "notify/mail_header.h"

#include <openssl/evp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

/* Every line is ASCII, at most 78 characters, and a line break is there for folding alone. */
static void is_sound(const char *line) {
    size_t column = 0;
    for (const char *at = line; *at; at++) {
        if (*at == '\r') {
            assert_true(at[1] == '\n' && at[2] == ' ');
            column = 0;
            at++;
            continue;
        }
        assert_true(*at >= ' ' && *at <= '~');
        assert_true(++column <= 78);
    }
}

/* RFC 2047 undone. */
static void decode(const char *line, char *out) {
    size_t length = 0;
    while ((line = strstr(line, "=?UTF-8?B?"))) {
        const char *end = strstr(line, "?=");
        unsigned char bytes[100];
        assert_non_null(end);
        assert_true(end + 2 - line <= 75);
        const int coded = (int)(end - line - 10), count = EVP_DecodeBlock(bytes, (const unsigned char *)line + 10, coded);
        assert_true(count >= 0);
        const size_t some = (size_t)count - (end[-1] == '=') - (end[-2] == '=');
        memcpy(out + length, bytes, some);
        length += some;
        line = end + 2;
    }
    out[length] = '\0';
}

static void subject_is(const char *text, const char *wanted) {
    struct buf out = BUF_INIT(8192);
    char plain[4096];
    assert_int_equal(mail_header_text(&out, "Subject", text), RC_OK);
    is_sound(buf_text(&out));
    decode(buf_text(&out), plain);
    assert_string_equal(plain, wanted);
    buf_release(&out);
}

static void test_plain(void **state) {
    struct buf out = BUF_INIT(8192);
    (void)state;
    assert_int_equal(mail_header_text(&out, "Subject", "[batchspool] done: 10 records"), RC_OK);
    assert_string_equal(buf_text(&out), "Subject: [batchspool] done: 10 records");
    buf_reset(&out);
    assert_int_equal(mail_header_text(&out, "Subject", "word word word word word word word word word word word word word word word word word word word word"),
                     RC_OK);
    is_sound(buf_text(&out));
    assert_non_null(strstr(buf_text(&out), "\r\n word"));
    buf_reset(&out);
    assert_int_equal(mail_header_text(&out, "Subject", ""), RC_OK);
    assert_string_equal(buf_text(&out), "Subject: ");
    buf_release(&out);
}

static void test_encoded(void **state) {
    char many[1201] = "";
    (void)state;
    subject_is("\xc3\x9c"
               "ber uns",
               "\xc3\x9c"
               "ber uns");
    subject_is("=?UTF-8?B?eA==?=", "=?UTF-8?B?eA==?="); /* what looks encoded is encoded */
    subject_is("a\r\nBcc: x@example.com", "a??Bcc: x@example.com");
    subject_is("\xff\xfe", "??");
    for (int i = 0; i < 300; i++)
        strcat(many, "\xf0\x9f\x8f\xa0");
    subject_is(many, many); /* no character is cut in two */
}

static void test_mailbox(void **state) {
    struct buf out = BUF_INIT(8192);
    (void)state;
    assert_int_equal(mail_header_mailbox(&out, "From", "", "a@example.com"), RC_OK);
    assert_string_equal(buf_text(&out), "From: a@example.com");
    buf_reset(&out);
    assert_int_equal(mail_header_mailbox(&out, "From", "A \"b\" \\c", "a@example.com"), RC_OK);
    assert_string_equal(buf_text(&out), "From: \"A \\\"b\\\" \\\\c\"\r\n <a@example.com>");
    buf_reset(&out);
    assert_int_equal(mail_header_mailbox(&out, "From", "J\xc3\xb6rg", "a@example.com"), RC_OK);
    is_sound(buf_text(&out));
    buf_release(&out);
}

static void test_date_and_id(void **state) {
    struct buf out = BUF_INIT(8192);
    (void)state;
    assert_int_equal(mail_header_date(&out, INT64_C(1795860000000000)), RC_OK);
    assert_string_equal(buf_text(&out), "Date: Sat, 28 Nov 2026 10:00:00 +0000");
    buf_reset(&out);
    assert_int_equal(mail_header_id(&out, "Message-ID", "20261128T100000Z-0123456789ab-test", "a@example.com"), RC_OK);
    assert_string_equal(buf_text(&out), "Message-ID: <20261128T100000Z-0123456789ab-test@example.com>");
    buf_release(&out);
    struct buf small = BUF_INIT(10);
    assert_int_equal(mail_header_text(&small, "Subject", "far too long for that"), RC_PERM);
    buf_release(&small);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_plain), cmocka_unit_test(test_encoded), cmocka_unit_test(test_mailbox),
                                       cmocka_unit_test(test_date_and_id)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
