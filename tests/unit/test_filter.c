// SPDX-License-Identifier: Apache-2.0
#include "api/filter.h"

#include "base/clock.h"
#include "base/str.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <string.h>

#define S INT64_C(1000000)
#define NOW_US (INT64_C(1795000000) * S)
#define DAY (86400 * S)

#define TEXT "20261123t170501z-4f9c2a01b7d3-reno absentee owners, reno ca-2026-11 properties"

static const struct filter_glance GLANCE = {.source = "properties",
                                            .campaign = "CA-2026-11",
                                            .owner = "ops",
                                            .reason = "max_cost",
                                            .name = "Absentee owners, Reno",
                                            .pairs = {UINT64_MAX, UINT64_MAX},
                                            .place = PLACE_HOLD,
                                            .priority = PRIORITY_HIGH,
                                            .runs = true,
                                            .automatic = true,
                                            .unloaded = true,
                                            .created_us = NOW_US - 3 * DAY,
                                            .updated_us = NOW_US - DAY};

static bool has_of(const char *text, const struct filter_glance *glance, const char *mode) {
    struct filter_glance whole = *glance;
    const struct filter_job job = {.glance = &whole, .id = "20261123T170501Z-4f9c2a01b7d3-reno", .mode = mode, .text = TEXT};
    struct filter filter = {0};
    struct err err = {0};
    if (filter_parse(&filter, text, NOW_US, &err) != RC_OK)
        fail_msg("%s: %s", text, err.text);
    filter_pairs(TEXT, whole.pairs);
    const bool has = filter_has(&filter, &job);
    assert_true(!has || filter_may_have(&filter, &whole));
    if (filter_is_plain(&filter))
        assert_int_equal(has, filter_may_have(&filter, &whole));
    whole.pairs[0] = whole.pairs[1] = UINT64_MAX; /* pairs only save time */
    assert_int_equal(has, filter_has(&filter, &job));
    return has;
}

static bool has(const char *text) {
    return has_of(text, &GLANCE, "run");
}

static void words_and_keys(void **state) {
    static const char *const yes[] = {"",
                                      "  \t ",
                                      "status:held",
                                      "status:HOLD",
                                      "status:failed,held",
                                      "source:properties",
                                      "source:items,properties",
                                      "campaign:CA-2026-11",
                                      "owner:ops",
                                      "priority:high,urgent",
                                      "mode:run",
                                      "mode:preview,run",
                                      "reason:max_cost",
                                      "id:20261123T17",
                                      "older:2d",
                                      "older:P2D",
                                      "newer:4d",
                                      "newer:1w older:1h",
                                      "is:unloaded is:auto",
                                      "absentee",
                                      "ABSENTEE owners",
                                      "\"absentee owners\"",
                                      "\"owners, reno\" status:held",
                                      "\"Absentee own",
                                      "4f9c2a",
                                      "source:\"properties\"",
                                      "\"source\":properties",
                                      "updated_after:2026-01-01T00:00:00Z",
                                      "created_before:2100-01-01T00:00:00Z",
                                      "\"\" reno",
                                      "q:reno"};
    static const char *const no[] = {"status:failed",
                                     "source:Properties",
                                     "campaign:CA",
                                     "owner:op",
                                     "priority:low",
                                     "mode:preview",
                                     "reason:max",
                                     "id:20261124",
                                     "id:reno",
                                     "older:4d",
                                     "newer:2d",
                                     "is:loaded",
                                     "is:error",
                                     "is:manual",
                                     "\"owners absentee\"",
                                     "absentee missing",
                                     "status:held sparks",
                                     "\"status:held\"",
                                     ":held",
                                     "source:items status:held",
                                     "created_after:2100-01-01T00:00:00Z",
                                     "updated_before:2020-01-01T00:00:00Z"};
    (void)state;
    for (size_t i = 0; i < sizeof yes / sizeof *yes; i++)
        if (!has(yes[i]))
            fail_msg("%s", yes[i]);
    for (size_t i = 0; i < sizeof no / sizeof *no; i++)
        if (has(no[i]))
            fail_msg("%s", no[i]);
}

/* Previews, exports and the like are jobs too, but only who asks for them means them. */
static void jobs_that_run_unless_asked(void **state) {
    struct filter_glance other = GLANCE;
    (void)state;
    other.runs = false;
    assert_false(has_of("", &other, "preview"));
    assert_false(has_of("status:held", &other, "preview"));
    assert_true(has_of("mode:preview", &other, "preview"));
    assert_false(has_of("mode:results", &other, "preview"));
}

static void what_is_wrong_is_told(void **state) {
    static const struct {
        const char *text, *detail;
    } bad[] = {
        {"sattus:failed", "there is no \"sattus:\"; did you mean \"status:\"?"},
        {"https://example.com", "quotes"},
        {"status:done", "status \"done\": must be pending"},
        {"status:", "status \"\""},
        {"status:failed,", "status \"\""},
        {"priority:huge", "low, normal, high or urgent"},
        {"is:lost", "loaded, unloaded, error, auto or manual"},
        {"source:", "source \"\": must be a name"},
        {"source:a,,b", "must be a name"},
        {"older:soon", "30m, 2h, 3d"},
        {"older:", "30m, 2h, 3d"},
        {"newer:-2h", "30m, 2h, 3d"},
        {"older:2H", "30m, 2h, 3d"},
        {"older:99999999d", "30m, 2h, 3d"},
        {"created_after:yesterday", "2026-11-24T06:00:00Z"},
        {"source:1,2,3,4,5,6,7,8,9", "at most 8"},
        {"a b c d e f g h i", "at most 8 words"},
        {"source:aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffff12345", "too long"},
        {"id:aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffffgggggggggghhhhhhhhhh", "too long"},
    };
    char text[FILTER_TEXT_MAX + 2];
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct filter filter = {0};
        struct err err = {0};
        if (filter_parse(&filter, bad[i].text, NOW_US, &err) != RC_PERM || !strstr(err.text, bad[i].detail))
            fail_msg("%s: %s", bad[i].text, err.text);
    }
    struct filter filter = {0};
    struct err err = {0};
    memset(text, ' ', sizeof text);
    text[FILTER_TEXT_MAX] = '\0';
    assert_int_equal(filter_parse(&filter, text, NOW_US, &err), RC_OK);
    text[FILTER_TEXT_MAX] = ' ';
    text[FILTER_TEXT_MAX + 1] = '\0';
    assert_int_equal(filter_parse(&filter, text, NOW_US, &err), RC_PERM);
    memset(text, 'x', 129);
    text[129] = '\0';
    assert_int_equal(filter_parse(&filter, text, NOW_US, &err), RC_PERM);
    text[128] = '\0';
    assert_int_equal(filter_parse(&filter, text, NOW_US, &err), RC_OK);
}

/* Of several bounds all hold, in whatever order they come. */
static void bounds(void **state) {
    struct filter_glance job = GLANCE;
    (void)state;
    job.created_us = NOW_US - DAY;
    static const struct {
        const char *text;
        bool has;
    } cases[] = {
        {"older:86400s", false}, /* before, not at */
        {"older:86399s", true},
        {"newer:86400s", true},
        {"newer:86399s", false},
        {"older:23h newer:25h", true},
        {"older:3d older:1h", false},
        {"older:1h older:3d", false},
        {"newer:3d newer:1h", false},
        {"newer:1h newer:3d", false},
        {"newer:3d created_after:2100-01-01T00:00:00Z", false},
        {"created_before:2020-01-01T00:00:00Z older:1h", false},
        {"updated_after:2100-01-01T00:00:00Z updated_after:2020-01-01T00:00:00Z", false},
        {"updated_before:2020-01-01T00:00:00Z updated_before:2100-01-01T00:00:00Z", false},
        {"older:100w", false},
        {"older:5000w", false}, /* before 1970 */
        {"newer:5000w", true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if (has_of(cases[i].text, &job, "run") != cases[i].has)
            fail_msg("%s", cases[i].text);
}

/* A text has the pairs of every word that is in it. */
static void pairs_of_words(void **state) {
    uint64_t whole[2] = {0, 0};
    (void)state;
    filter_pairs(TEXT, whole);
    for (size_t from = 0; from < strlen(TEXT); from++)
        for (size_t length = 0; from + length <= strlen(TEXT); length++) {
            char word[sizeof TEXT];
            uint64_t part[2] = {0, 0};
            memcpy(word, TEXT + from, length);
            word[length] = '\0';
            filter_pairs(word, part);
            assert_true(!(part[0] & ~whole[0]) && !(part[1] & ~whole[1]));
        }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_and_keys), cmocka_unit_test(jobs_that_run_unless_asked), cmocka_unit_test(what_is_wrong_is_told), cmocka_unit_test(bounds),
        cmocka_unit_test(pairs_of_words),
    };
    return cmocka_run_group_tests_name("filter", tests, NULL, NULL);
}
