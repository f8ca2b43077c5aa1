// SPDX-License-Identifier: Apache-2.0
#include "api/credentials.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

static void test_cookies(void **state) {
    static const struct {
        const char *field;
        enum rc rc;
        const char *value;
    } cases[] = {
        {NULL, RC_GONE, ""},
        {"", RC_GONE, ""},
        {"bs_access=abc", RC_OK, "abc"},
        {"a=b; bs_access=abc; c=d", RC_OK, "abc"},
        {"a=b;bs_access=abc", RC_OK, "abc"},
        {"  bs_access = abc ; x", RC_OK, "abc"},
        {"bs_access=a.b-c_d~e@f=", RC_OK, "a.b-c_d~e@f="},
        {"theme={\"a\": \"b\"}; \xff\xfe; bs_access=abc", RC_OK, "abc"}, /* what others set is not ours to judge */
        {"xbs_access=1; bs_accessx=2; BS_ACCESS=3", RC_GONE, ""},
        {"bs_access", RC_GONE, ""},
        {"bs_access=", RC_PERM, ""},
        {"bs_access=abc; bs_access=def", RC_PERM, ""},
        {"bs_access=abc; bs_access=abc", RC_PERM, ""},
        {"bs_access=abc; bs_access=", RC_PERM, ""},
        {"bs_access=\"abc\"", RC_PERM, ""},
        {"bs_access=a b", RC_PERM, ""},
        {"bs_access=a,b", RC_PERM, ""},
        {"bs_access=\xc3\xa9", RC_PERM, ""},
    };
    char out[CREDENTIALS_TOKEN_SIZE];
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const enum rc rc = credentials_cookie(cases[i].field, COOKIE_ACCESS, out);
        if (rc != cases[i].rc || strcmp(out, cases[i].value) != 0)
            fail_msg("%s: %s, \"%s\"", cases[i].field, rc_name(rc), out);
    }
}

static void test_fields(void **state) {
    static const struct {
        const char *field;
        enum rc rc;
        const char *value;
    } cases[] = {
        {NULL, RC_GONE, ""},
        {"Bearer abc", RC_OK, "abc"},
        {"bearer abc", RC_OK, "abc"},
        {"BEARER   abc  ", RC_OK, "abc"},
        {"Bearer a.b-c_d~e+f/g==", RC_OK, "a.b-c_d~e+f/g=="},
        {"", RC_PERM, ""},
        {"Bearer", RC_PERM, ""},
        {"Bearer ", RC_PERM, ""},
        {"Bearerabc", RC_PERM, ""},
        {"Bearer abc def", RC_PERM, ""},
        {"Bearer abc, Bearer def", RC_PERM, ""},
        {"Bearer a=b", RC_PERM, ""},
        {"Bearer =", RC_PERM, ""},
        {"Bearer \"abc\"", RC_PERM, ""},
        {"Bearer\tabc", RC_PERM, ""},
        {"Bearer a\r\nX: y", RC_PERM, ""},
        {"Basic b3BzOng=", RC_PERM, ""},
        {"abc", RC_PERM, ""},
    };
    char out[CREDENTIALS_TOKEN_SIZE];
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const enum rc rc = credentials_bearer(cases[i].field, out);
        if (rc != cases[i].rc || strcmp(out, cases[i].value) != 0)
            fail_msg("%s: %s, \"%s\"", cases[i].field, rc_name(rc), out);
    }
    assert_int_equal(credentials_api_key(NULL, out), RC_GONE);
    assert_int_equal(credentials_api_key(" bsk_1_2 ", out), RC_OK);
    assert_string_equal(out, "bsk_1_2");
    assert_int_equal(credentials_api_key("", out), RC_PERM);
    assert_int_equal(credentials_api_key("a b", out), RC_PERM);
}

static void test_bounds(void **state) {
    char out[CREDENTIALS_TOKEN_SIZE];
    char *field = malloc(CREDENTIALS_COOKIES_MOST + 2);
    (void)state;
    memset(field, 'a', CREDENTIALS_COOKIES_MOST + 1);
    field[CREDENTIALS_COOKIES_MOST + 1] = '\0';
    assert_int_equal(credentials_cookie(field, COOKIE_ACCESS, out), RC_PERM);
    field[CREDENTIALS_COOKIES_MOST] = '\0';
    assert_int_equal(credentials_cookie(field, COOKIE_ACCESS, out), RC_GONE);
    memcpy(field, "bs_access=", 10);
    assert_int_equal(credentials_cookie(field, COOKIE_ACCESS, out), RC_PERM);
    field[10 + CREDENTIALS_TOKEN_SIZE - 1] = '\0';
    assert_int_equal(credentials_cookie(field, COOKIE_ACCESS, out), RC_OK);
    memcpy(field, "Bearer    ", 10);
    assert_int_equal(credentials_bearer(field, out), RC_OK);
    field[10 + CREDENTIALS_TOKEN_SIZE - 1] = 'a';
    assert_int_equal(credentials_bearer(field, out), RC_PERM);
    free(field);
}

static void test_set(void **state) {
    char out[256];
    (void)state;
    assert_true(credentials_set_cookie(out, sizeof out, COOKIE_ACCESS, "abc.def", "/", 900, false));
    assert_string_equal(out, "bs_access=abc.def; Path=/; Max-Age=900; HttpOnly; SameSite=Strict");
    assert_true(credentials_set_cookie(out, sizeof out, COOKIE_REFRESH, "abc", COOKIE_REFRESH_PATH, 5, true));
    assert_string_equal(out, "bs_refresh=abc; Path=/api/auth; Max-Age=5; HttpOnly; SameSite=Strict; Secure");
    assert_true(credentials_set_cookie(out, sizeof out, COOKIE_ACCESS, "", "/", 0, false));
    assert_string_equal(out, "bs_access=; Path=/; Max-Age=0; HttpOnly; SameSite=Strict");
    assert_false(credentials_set_cookie(out, sizeof out, COOKIE_ACCESS, "a; Path=/x", "/", 1, false));
    assert_false(credentials_set_cookie(out, sizeof out, COOKIE_ACCESS, "a\r\nSet-Cookie: x=y", "/", 1, false));
    assert_false(credentials_set_cookie(out, 20, COOKIE_ACCESS, "abc", "/", 1, false));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cookies),
        cmocka_unit_test(test_fields),
        cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_set),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
