// SPDX-License-Identifier: Apache-2.0
#include "api/bucket.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>

static const struct bucket_rate RATES[BUCKET_CLASSES] = {
    [BUCKET_GENERAL] = {.per_s = 10, .burst = 3}, [BUCKET_UPLOAD] = {.per_s = 0.1, .burst = 1}, [BUCKET_LOGIN] = {.per_s = 0, .burst = 1}};

static int setup(void **state) {
    *state = buckets_new(RATES);
    return *state ? 0 : 1;
}

static int teardown(void **state) {
    buckets_free(*state);
    return 0;
}

static void test_addresses(void **state) {
    static const char *const cases[][2] = {
        {"192.0.2.7", "192.0.2.7"},
        {"::ffff:192.0.2.7", "192.0.2.7"},
        {"2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"},
        {"2001:DB8:1:2::", "2001:db8:1:2::/64"},
        {"::1", "::/64"},
        {"unix", "unix"},
        {"", ""},
    };
    char out[BUCKET_KEY_SIZE];
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        bucket_address(cases[i][0], out);
        assert_string_equal(out, cases[i][1]);
    }
}

static void test_bucket(void **state) {
    struct buckets *b = *state;
    int64_t now = 1000000;
    for (int i = 0; i < 3; i++)
        assert_int_equal(bucket_take(b, BUCKET_GENERAL, "a", now), 0);
    assert_int_equal(bucket_take(b, BUCKET_GENERAL, "a", now), 1);
    assert_int_equal(bucket_take(b, BUCKET_GENERAL, "b", now), 0); /* another client */
    assert_int_equal(bucket_take(b, BUCKET_UPLOAD, "a", now), 0);  /* another class */
    assert_int_equal(bucket_take(b, BUCKET_UPLOAD, "a", now), 10);
    assert_int_equal(bucket_take(b, BUCKET_UPLOAD, "a", now + 9000), 1);
    assert_int_equal(bucket_take(b, BUCKET_UPLOAD, "a", now + 10000), 0);
    assert_int_equal(bucket_take(b, BUCKET_GENERAL, "a", now + 99), 1);
    assert_int_equal(bucket_take(b, BUCKET_GENERAL, "a", now + 200), 0);
    now += 3600000;
    for (int i = 0; i < 3; i++)
        assert_int_equal(bucket_take(b, BUCKET_GENERAL, "a", now), 0); /* the burst, not an hour's worth */
    assert_int_equal(bucket_take(b, BUCKET_GENERAL, "a", now), 1);
    assert_int_equal(bucket_take(b, BUCKET_GENERAL, "a", now - 5000), 1); /* a clock that goes back gives nothing */
    for (int i = 0; i < 100; i++)
        assert_int_equal(bucket_take(b, BUCKET_LOGIN, "a", now), 0); /* rate 0: no limit */
}

/* Bounded: who asked longest ago is forgotten, who asks on is not. */
static void test_many(void **state) {
    struct buckets *b = *state;
    char key[32];
    for (int i = 0; i < 4; i++)
        (void)bucket_take(b, BUCKET_UPLOAD, "idle", 1);
    for (unsigned i = 0; i < 3 * BUCKET_CLIENTS; i++) {
        snprintf(key, sizeof key, "c%u", i);
        assert_int_equal(bucket_take(b, BUCKET_UPLOAD, key, 1), 0);
        if (i % 100 == 0)
            assert_int_equal(bucket_take(b, BUCKET_UPLOAD, "busy", 1) > 0, i > 0);
    }
    assert_int_equal(bucket_take(b, BUCKET_UPLOAD, "busy", 1), 10);
    assert_int_equal(bucket_take(b, BUCKET_UPLOAD, "idle", 1), 0);
    snprintf(key, sizeof key, "c%u", 3 * BUCKET_CLIENTS - 1);
    assert_int_equal(bucket_take(b, BUCKET_UPLOAD, key, 1), 10);
}

static void test_login_of_one(void **state) {
    struct buckets *b = *state;
    static const unsigned waits[] = {1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900};
    int64_t now = 5000;
    for (unsigned i = 0; i < BUCKET_LOGIN_FREE; i++)
        assert_int_equal(bucket_login(b, "192.0.2.7", "ops", now), 0);
    for (size_t i = 0; i < sizeof waits / sizeof *waits; i++) {
        assert_int_equal(bucket_login(b, "192.0.2.7", "ops", now), waits[i]);
        now += (int64_t)waits[i] * 1000 - 1;
        assert_int_equal(bucket_login(b, "192.0.2.7", "ops", now), 1);
        now += 1;
        assert_int_equal(bucket_login(b, "192.0.2.7", "ops", now), 0);
    }
    assert_int_equal(bucket_login(b, "192.0.2.7", "ann", now), 0); /* another name, and another address, are free */
    assert_int_equal(bucket_login(b, "192.0.2.8", "ops", now + 30000), 0);
    bucket_login_good(b, "192.0.2.7", "ops");
    assert_int_equal(bucket_login(b, "192.0.2.7", "ops", now + 30001), 0);
}

/* From everywhere: at most two a minute, and never more than half a minute for the user himself. */
static void test_login_of_all(void **state) {
    struct buckets *b = *state;
    char address[32];
    int64_t now = 5000;
    unsigned let_in = 0;
    for (unsigned i = 0; i < 6000; i++, now += 100) { /* ten minutes */
        snprintf(address, sizeof address, "10.0.%u.%u", i / 256, i % 256);
        const unsigned wait = bucket_login(b, address, "ops", now);
        assert_true(wait <= BUCKET_NAME_MOST_S);
        let_in += wait == 0;
    }
    assert_in_range(let_in, 20, 40);
    assert_int_equal(bucket_login(b, "192.0.2.7", "ops", now + 30000), 0);
    bucket_login_good(b, "192.0.2.7", "ops");
    assert_int_equal(bucket_login(b, "192.0.2.9", "ops", now + 30001), 0);
    for (unsigned i = 0; i < 20; i++)
        (void)bucket_login(b, "192.0.2.9", "bob", now);
    assert_int_equal(bucket_login(b, "192.0.2.9", "bob", now + 3601000), 0);
    assert_int_equal(bucket_login(b, "192.0.2.9", "bob", now + 3601000), 0); /* forgotten: the free ones are back */
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {TEST(test_addresses), TEST(test_bucket), TEST(test_many), TEST(test_login_of_one), TEST(test_login_of_all)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
