// SPDX-License-Identifier: Apache-2.0
#include "net/ratelimit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/limits.h"

#define NOW_US (INT64_C(1795000000) * 1000000)

/* "name: value" lines, a bar between them. */
static struct fields fields_of(const char *text) {
    struct fields fields = {.count = 0};
    char line[512], name[64];

    while (*text != '\0') {
        size_t length = strcspn(text, "|"), colon = strcspn(text, ":");

        (void)snprintf(line, sizeof(line), "%.*s", (int)length, text);
        (void)snprintf(name, sizeof(name), "%.*s", (int)colon, line);
        assert_true(fields_add(&fields, name, line + colon + 2, strlen(line + colon + 2)));
        text += length + (text[length] == '|');
    }
    return fields;
}

static void test_families(void **state) {
    static const struct {
        const char *text;
        bool told;
        uint64_t remaining;
        int64_t wait_ms;
    } cases[] = {
        {"ratelimit-remaining: 3|ratelimit-reset: 30", true, 3, 30000},
        {"x-ratelimit-remaining: 0|x-ratelimit-reset: 2", true, 0, 2000},
        {"x-ratelimit-remaining: 0|x-ratelimit-reset: 1795000010", true, 0, 11000},
        {"x-ratelimit-remaining: 0|x-ratelimit-reset: 1795000010000", true, 0, 11000},
        {"x-ratelimit-remaining: 0|x-ratelimit-reset: 784111787|date: Sun, 06 Nov 1994 08:49:37 GMT", true, 0, (int64_t)LIMIT_RETRY_AFTER_S * 1000},
        {"x-ratelimit-remaining: 0|x-ratelimit-reset: 1700000010|date: Tue, 14 Nov 2023 22:13:20 GMT", true, 0, 11000},
        {"x-ratelimit-remaining: 0|x-ratelimit-reset: 1794999000", true, 0, 250},
        {"x-ratelimit-remaining-requests: 0|x-ratelimit-reset-requests: 6m0s", true, 0, 360000},
        {"x-ratelimit-remaining-requests: 1|x-ratelimit-reset-requests: 12ms", true, 1, 250},
        {"x-ratelimit-remaining-requests: 1|x-ratelimit-reset-requests: 1h1m1.5s", true, 1, (int64_t)LIMIT_RETRY_AFTER_S * 1000},
        {"ratelimit: limit=100, remaining=0, reset=30", true, 0, 30000},
        {"ratelimit: limit=100,reset=5;remaining=7", true, 7, 5000},
        {"ratelimit: \"default\";r=50;t=30", true, 50, 30000},
        {"ratelimit: \"hour\";r=50;t=3000, \"second\";t=1;r=2", true, 2, 1000},
        {"ratelimit: \"burst\";r=0;t=1, \"daily\";r=0;t=3000", true, 0, 3000000},
        {"x-ratelimit-remaining: 4, 4;w=60|x-ratelimit-reset: 9", true, 4, 9000},
        {"x-rate-limit-remaining: 2", true, 2, 1000},
        {"x-ratelimit-remaining: 0|x-ratelimit-reset: soon", true, 0, 1000},
        {"x-ratelimit-remaining: 0|x-ratelimit-reset: 1000000000000000000000", true, 0, (int64_t)LIMIT_RETRY_AFTER_S * 1000},
        {"x-ratelimit-remaining: 0|x-ratelimit-reset: -5", true, 0, 1000},
        {"ratelimit-remaining: 9|ratelimit-reset: 9|x-ratelimit-remaining: 1|x-ratelimit-reset: 3", true, 1, 3000},
        {"x-ratelimit-remaining: many", false, 0, 0},
        {"ratelimit: \"default\"", false, 0, 0},
        {"ratelimit: ,;,", false, 0, 0},
        {"date: Sun, 06 Nov 1994 08:49:37 GMT", false, 0, 0},
        {"", false, 0, 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct fields fields = fields_of(cases[i].text);
        struct ratelimit limit = {.remaining = 0};
        bool told = ratelimit_read(&fields, NULL, NULL, NOW_US, &limit);

        if (told != cases[i].told || limit.remaining != cases[i].remaining || limit.wait_us / 1000 != cases[i].wait_ms) {
            fail_msg("%s: %d, %llu left, wait %lld ms", cases[i].text, told, (unsigned long long)limit.remaining, (long long)limit.wait_us / 1000);
        }
        fields_release(&fields);
    }
}

static void test_own_names(void **state) {
    struct fields fields = fields_of("x-calls-left: 2|x-calls-reset: 7|x-ratelimit-remaining: 0|x-ratelimit-reset: 1");
    struct ratelimit limit;

    (void)state;
    assert_true(ratelimit_read(&fields, "X-Calls-Left", "X-Calls-Reset", NOW_US, &limit));
    assert_int_equal(limit.remaining, 2);
    assert_int_equal(limit.wait_us, 7000000);
    fields_release(&fields);
}

static void test_wait(void **state) {
    static const struct {
        const char *text;
        int64_t wait_s;
    } cases[] = {{"x-wait: 5", 5},
                 {"x-wait: 0", 1},
                 {"x-wait: 1.2", 2},
                 {"x-wait: 2m", 120},
                 {"x-wait: 99999", LIMIT_RETRY_AFTER_S},
                 {"x-wait: 1795000010", 11},
                 {"x-wait: Tue, 14 Nov 2023 22:13:25 GMT|date: Tue, 14 Nov 2023 22:13:20 GMT", 5},
                 {"x-wait: Tue, 14 Nov 2023 22:13:20 GMT|date: Tue, 14 Nov 2023 22:13:20 GMT", 1},
                 {"x-wait: later", 0},
                 {"other: 5", 0}};

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct fields fields = fields_of(cases[i].text);
        int64_t wait = ratelimit_wait_s(&fields, "X-Wait", NOW_US);

        if (wait != cases[i].wait_s) {
            fail_msg("%s: %lld s", cases[i].text, (long long)wait);
        }
        fields_release(&fields);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_families), cmocka_unit_test(test_own_names), cmocka_unit_test(test_wait)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
