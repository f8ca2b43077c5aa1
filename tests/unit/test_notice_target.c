// SPDX-License-Identifier: Apache-2.0
#include "spool/notice_target.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

static void test_addresses(void **state) {
    static const char *const good[] = {"ops@example.com", "a.b+c@ex-ample.co.uk", "o'neil@example.com", "x@localhost", "A_B@xn--bcher-kva.example"};
    static const char *const bad[] = {"",
                                      "@example.com",
                                      "ops",
                                      "ops@",
                                      "ops@@example.com",
                                      ".ops@example.com",
                                      "o..ps@example.com",
                                      "ops.@example.com",
                                      "ops@example..com",
                                      "ops@-example.com",
                                      "ops@example-.com",
                                      "ops@example.com.",
                                      "ops@example.com\r\nBcc: x@example.com",
                                      "ops@example.com\n",
                                      "\"a b\"@example.com",
                                      "a b@example.com",
                                      "<ops@example.com>",
                                      "ops@example.com,x@example.com",
                                      "ops@example.com;",
                                      "\xc3\xbc@example.com",
                                      "ops@b\xc3\xbc"
                                      "cher.example",
                                      "ops@[127.0.0.1]",
                                      "01234567890123456789012345678901234567890123456789012345678901234@example.com"};
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        assert_true(notice_address_valid(good[i]));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(notice_address_valid(bad[i]));
}

static void test_urls(void **state) {
    static const char *const good[] = {
        "https://hooks.example.com/a/b?c=d", "https://example.com",    "https://example.com:8443/x", "http://127.0.0.1:80/x", "http://localhost/x",
        "http://[::1]:8080/x?y=%20z",        "https://[2001:db8::1]/x"};
    static const char *const bad[] = {"http://example.com/",
                                      "https://",
                                      "https:///x",
                                      "https://user@example.com/",
                                      "https://user:pass@example.com/",
                                      "ftp://example.com",
                                      "https://a b/",
                                      "https://a/b c",
                                      "https://example.com/\r\nX: y",
                                      "https://example.com:port/",
                                      "https://example.com:123456",
                                      "https://a/#fragment",
                                      "https://[::1",
                                      "http://localhost.example.com/x",
                                      "http://127.0.0.1.example.com/",
                                      "javascript:alert(1)",
                                      "mailto:a@b.example",
                                      "https://ex_ample.com"};
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        assert_true(notice_url_valid(good[i]));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(notice_url_valid(bad[i]));
    assert_true(notice_target_valid("mailto:ops@example.com"));
    assert_false(notice_target_valid("mailto:ops@example.com?subject=x"));
    assert_false(notice_target_valid("MAILTO:ops@example.com"));
}

static void test_shown(void **state) {
    char shown[NOTICE_TARGET_SIZE];
    (void)state;
    notice_target_shown("mailto:ops@example.com", shown);
    assert_string_equal(shown, "ops@example.com");
    notice_target_shown("https://hooks.example.com/services/T000/SECRET?token=x", shown);
    assert_string_equal(shown, "https://hooks.example.com");
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_addresses), cmocka_unit_test(test_urls), cmocka_unit_test(test_shown)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
