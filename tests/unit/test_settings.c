// SPDX-License-Identifier: Apache-2.0
#include "notify/settings.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

static struct notify_settings s;

static int setup(void **state) {
    (void)state;
    notify_settings_init(&s);
    assert_true(notify_settings_add(&s, &s.allow, "example.com"));
    assert_true(notify_settings_add(&s, &s.allow, "ops@other.example"));
    assert_true(notify_settings_add(&s, &s.allow, "https://hooks.example.com/in"));
    assert_true(notify_settings_add(&s, &s.allow, "https://all.example.com/"));
    assert_true(notify_settings_add(&s, &s.recipients[NOTICE_HELD], "mailto:boss@far.example"));
    return 0;
}

static void test_lists(void **state) {
    const char *at = NULL;
    unsigned count = 0;
    (void)state;
    while ((at = notify_settings_next(&s, &s.allow, at)))
        count++;
    assert_int_equal(count, 4);
    assert_null(notify_settings_next(&s, &s.recipients[NOTICE_COMPLETED], NULL));
    assert_string_equal(notify_settings_next(&s, &s.recipients[NOTICE_HELD], NULL), "mailto:boss@far.example");
}

static void test_allowed(void **state) {
    static const char *const yes[] = {
        "mailto:anybody@example.com",        "mailto:x@EXAMPLE.com",           "mailto:ops@other.example",       "mailto:OPS@other.example",
        "https://hooks.example.com/in",      "https://hooks.example.com/in/x", "https://HOOKS.example.com/in?a", "https://hooks.example.com/in?a=%2f%2E",
        "https://all.example.com/any/where", "mailto:boss@far.example"};
    static const char *const no[] = {"mailto:x@sub.example.com",
                                     "mailto:x@notexample.com",
                                     "mailto:x@example.com.evil.example",
                                     "mailto:other@other.example",
                                     "https://hooks.example.com/inside",
                                     "https://hooks.example.com/",
                                     "https://hooks.example.com.evil.example/in",
                                     "https://example.com/",
                                     "https://hooks.example.com/in/../out",
                                     "https://hooks.example.com/in/%2e%2e/out",
                                     "https://hooks.example.com/in/..%2Fout",
                                     "https://hooks.example.com/in/..%5cout",
                                     "https://hooks.example.com:444/in",
                                     "http://127.0.0.1/",
                                     "mailto:x@example.com\r\nBcc: y@evil.example",
                                     "",
                                     "mailto:"};
    (void)state;
    for (size_t i = 0; i < sizeof yes / sizeof *yes; i++)
        if (!notify_allowed(&s, yes[i]))
            fail_msg("%s", yes[i]);
    for (size_t i = 0; i < sizeof no / sizeof *no; i++)
        if (notify_allowed(&s, no[i]))
            fail_msg("%s", no[i]);
}

static void test_mailbox(void **state) {
    char name[200], address[320];
    (void)state;
    assert_true(notify_mailbox("a@example.com", name, address));
    assert_string_equal(name, "");
    assert_true(notify_mailbox("Batch <a@example.com>", name, address));
    assert_string_equal(name, "Batch");
    assert_string_equal(address, "a@example.com");
    assert_true(notify_mailbox("\"Batch, jobs\" <a@example.com>", name, address));
    assert_string_equal(name, "Batch, jobs");
    assert_false(notify_mailbox("Batch <a@example.com> x", name, address));
    assert_false(notify_mailbox("Ba\r\ntch <a@example.com>", name, address));
    assert_false(notify_mailbox("Batch <a>", name, address));
    assert_false(notify_mailbox("", name, address));
}

static void test_loopback(void **state) {
    (void)state;
    assert_true(notify_loopback("smtp://127.0.0.1:25"));
    assert_true(notify_loopback("smtp://localhost"));
    assert_true(notify_loopback("smtps://[::1]:465"));
    assert_false(notify_loopback("smtp://localhost.example.com"));
    assert_false(notify_loopback("smtp://127.0.0.1.example.com"));
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_lists), cmocka_unit_test(test_allowed), cmocka_unit_test(test_mailbox),
                                       cmocka_unit_test(test_loopback)};
    return cmocka_run_group_tests(tests, setup, NULL);
}
