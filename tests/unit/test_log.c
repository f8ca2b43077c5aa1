// SPDX-License-Identifier: Apache-2.0
#include "base/log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/json.h"

static char line[8192];

static void say(enum log_level level, const char *text) {
    switch (level) {
    case LOG_LEVEL_DEBUG:
        log_debug("%s", text);
        break;
    case LOG_LEVEL_INFO:
        log_info("%s", text);
        break;
    case LOG_LEVEL_WARN:
        log_warn("%s", text);
        break;
    case LOG_LEVEL_ERROR:
        log_error("%s", text);
        break;
    }
}

/* What one call writes to standard error, in `line`. */
static size_t capture(enum log_level level, const char *text) {
    int pipes[2], saved = dup(STDERR_FILENO);
    ssize_t got;

    assert_true(saved >= 0);
    assert_int_equal(pipe(pipes), 0);
    assert_true(dup2(pipes[1], STDERR_FILENO) >= 0);
    say(level, text);
    assert_true(dup2(saved, STDERR_FILENO) >= 0);
    (void)close(saved);
    (void)close(pipes[1]);
    got = read(pipes[0], line, sizeof(line) - 1);
    (void)close(pipes[0]);
    assert_true(got >= 0);
    line[got] = '\0';
    return (size_t)got;
}

static void test_levels(void **state) {
    enum log_level level;

    (void)state;
    assert_true(log_level_parse("warn", &level));
    assert_int_equal(level, LOG_LEVEL_WARN);
    assert_true(log_level_parse("debug", &level));
    assert_int_equal(level, LOG_LEVEL_DEBUG);
    assert_false(log_level_parse("WARN", &level));
    assert_false(log_level_parse("", &level));
    log_init(LOG_LEVEL_WARN, false);
    assert_int_equal(capture(LOG_LEVEL_DEBUG, "x"), 0);
    assert_int_equal(capture(LOG_LEVEL_INFO, "x"), 0);
    assert_true(capture(LOG_LEVEL_WARN, "x") > 0);
    assert_true(capture(LOG_LEVEL_ERROR, "x") > 0);
}

static void test_text(void **state) {
    char stamp[CLOCK_RFC3339_SIZE], longer[9000];
    int64_t us;

    (void)state;
    log_init(LOG_LEVEL_DEBUG, false);
    (void)capture(LOG_LEVEL_INFO, "two\nlines \x1b[1m and \xe2\x80\xae.");
    (void)snprintf(stamp, sizeof(stamp), "%.20s", line);
    assert_true(clock_parse_rfc3339(stamp, &us));
    assert_string_equal(line + 20, " info two\\x0alines \\x1b[1m and \\u202e.\n");
    memset(longer, 'y', sizeof(longer) - 1);
    longer[sizeof(longer) - 1] = '\0';
    assert_int_equal(capture(LOG_LEVEL_ERROR, longer), 4096);
    assert_string_equal(line + 4090, "yy...\n");
}

static void test_json(void **state) {
    static const char tail[] = "\"level\":\"warn\",\"text\":\"say \\\"hi\\\" c:\\\\x \\\\x0a\"}\n";
    char longer[9000];
    struct slice text;
    size_t length;

    (void)state;
    log_init(LOG_LEVEL_DEBUG, true);
    length = capture(LOG_LEVEL_WARN, "say \"hi\" c:\\x \n");
    assert_true(length > sizeof(tail));
    assert_string_equal(line + length - (sizeof(tail) - 1), tail);
    assert_int_equal(json_check(line, length, &json_rules_config, NULL), RC_OK);
    assert_true(json_find((struct slice){.data = line, .length = length}, "/ts", &text));
    /* However the cut falls, the line stays JSON in UTF-8. */
    for (size_t shift = 0; shift < 4; shift++) {
        for (size_t i = 0; i + 3 < sizeof(longer); i += 3) {
            memcpy(longer + i, i % 9 == 0 ? "\\\"\\" : "\xe2\x82\xac", 3);
        }
        longer[sizeof(longer) - 3] = '\0';
        memset(longer, 'a', 3 * shift);
        longer[3 * shift] = 'b';
        length = capture(LOG_LEVEL_WARN, longer + 2 * shift);
        assert_true(length <= 4096 && length > 4080);
        assert_int_equal(json_check(line, length, &json_rules_config, NULL), RC_OK);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_levels),
        cmocka_unit_test(test_text),
        cmocka_unit_test(test_json),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
