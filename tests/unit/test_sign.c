// SPDX-License-Identifier: Apache-2.0
#include "notify/sign.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

/* The example that the specification of Standard Webhooks gives. */
static void test_known(void **state) {
    static const char body[] = "{\"test\": 2432232314}", secret[] = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    char out[SIGN_SIZE];
    (void)state;
    assert_true(sign_webhook(secret, strlen(secret), "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, body, strlen(body), out));
    assert_string_equal(out, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
}

static void test_secrets(void **state) {
    char a[SIGN_SIZE], b[SIGN_SIZE];
    (void)state;
    assert_true(sign_webhook("plain", 5, "id", 1, "x", 1, a));
    assert_true(sign_webhook("plain", 5, "id", 2, "x", 1, b));
    assert_string_not_equal(a, b);
    assert_true(sign_webhook("other", 5, "id", 1, "x", 1, b));
    assert_string_not_equal(a, b);
    assert_true(sign_webhook("whsec_cGxhaW4=", 14, "id", 1, "x", 1, b)); /* "plain" */
    assert_string_equal(a, b);
    assert_false(sign_webhook("", 0, "id", 1, "x", 1, a));
    assert_false(sign_webhook("whsec_", 6, "id", 1, "x", 1, a));
    assert_false(sign_webhook("whsec_!!!!", 10, "id", 1, "x", 1, a));
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_known), cmocka_unit_test(test_secrets)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
