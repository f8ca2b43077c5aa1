// SPDX-License-Identifier: Apache-2.0
#include "base/digest.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* FIPS 180-4 examples. */
static const struct {
    const char *text, *hex;
} known[] = {
    {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
    {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
    {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
};

static void test_known(void **state) {
    char hex[DIGEST_HEX_SIZE];

    (void)state;
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        struct digest *d = digest_new();

        digest_of_hex(known[i].text, strlen(known[i].text), hex);
        assert_string_equal(hex, known[i].hex);
        assert_non_null(d);
        for (const char *p = known[i].text; *p != '\0'; p++) {
            digest_add(d, p, 1);
        }
        digest_hex(d, hex);
        assert_string_equal(hex, known[i].hex);
        digest_free(d);
    }
    digest_free(NULL);
}

static void test_million(void **state) {
    char block[1000], hex[DIGEST_HEX_SIZE];
    struct digest *d = digest_new();

    (void)state;
    assert_non_null(d);
    memset(block, 'a', sizeof(block));
    for (int i = 0; i < 1000; i++) {
        digest_add(d, block, sizeof(block));
    }
    digest_hex(d, hex);
    assert_string_equal(hex, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
    digest_free(d);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known),
        cmocka_unit_test(test_million),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
