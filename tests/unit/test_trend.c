// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "api/trend.h"

#define S INT64_C(1000000)
#define MINUTE (60 * S)
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)
#define NOW (INT64_C(1795850000) * S + 123456) /* 2026-11-28 07:13:20 */

static struct dec usd(const char *text) {
    struct dec value;
    assert_true(dec_parse(slice_of(text), &value));
    return value;
}

struct seen {
    struct trend_sums points[TREND_POINTS], all;
    unsigned count, pairs;
};

static void see(void *context, const char *source, const char *owner, const char *currency, const struct trend_sums *points) {
    struct seen *seen = context;
    (void)source;
    (void)owner;
    (void)currency;
    seen->pairs++;
    for (unsigned i = 0; i < seen->count; i++) {
        seen->points[i].captured += points[i].captured;
        seen->all.captured += points[i].captured;
        seen->all.loaded += points[i].loaded;
        seen->all.batches += points[i].batches;
        seen->all.cost = dec_add(seen->all.cost, points[i].cost);
    }
}

static struct seen look(const struct trend *trend, int64_t window_s, int64_t now_us, const char *source, const char *owner) {
    const struct trend_span span = trend_span(window_s, now_us);
    struct seen seen = {.count = span.count};
    trend_each(trend, &span, source, owner, see, &seen);
    return seen;
}

static void add(struct trend *trend, const char *source, const char *owner, int64_t at_us, int64_t now_us, int64_t captured) {
    const struct trend_sums sums = {.captured = captured, .batches = 1, .cost = usd("0.05")};
    trend_add(trend, source, owner, "USD", at_us, now_us, &sums);
}

/* Of every window: enough points and not too many, the last holds now, and the first the beginning. */
static void spans(void **state) {
    (void)state;
    for (int64_t window_s = TREND_WINDOW_MIN_S; window_s <= TREND_WINDOW_MAX_S; window_s += 1 + window_s / 7) {
        const struct trend_span span = trend_span(window_s, NOW);
        assert_true(span.count >= 1 && span.count <= TREND_POINTS && (window_s < 1800 || span.count >= 21));
        assert_int_equal(span.first_us % span.width_us, 0);
        assert_int_equal(trend_point(&span, NOW), span.count - 1);
        assert_int_equal(trend_point(&span, NOW - window_s * S), 0);
        assert_int_equal(trend_point(&span, span.from_us - 1), -1);
        assert_true(span.from_us <= NOW - window_s * S && span.from_us > NOW - window_s * S - HOUR);
    }
    const struct trend_span day = trend_span(86400, NOW);
    assert_int_equal(day.width_us, 30 * MINUTE);
    assert_int_equal(day.count, 49);
}

static void windows(void **state) {
    (void)state;
    int64_t s = 0;
    assert_true(trend_window("1m", &s) && s == 60);
    assert_true(trend_window("24h", &s) && s == 86400);
    assert_true(trend_window("31d", &s) && s == TREND_WINDOW_MAX_S);
    assert_true(trend_window("44640m", &s) && s == TREND_WINDOW_MAX_S);
    const char *const wrong[] = {"", "m", "0m", "32d", "745h", "44641m", "24", "24s", "-1h", "1.5h", "1h ", "999999999999999999m"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        assert_false(trend_window(wrong[i], &s));
}

static void counts_by_time(void **state) {
    (void)state;
    struct trend *trend = trend_new();
    add(trend, "a", "ops", NOW, NOW, 1);
    add(trend, "a", "ops", NOW - 30 * MINUTE, NOW, 10);
    add(trend, "a", "ops", NOW - 20 * HOUR, NOW, 100);
    add(trend, "a", "ops", NOW - 30 * DAY, NOW, 1000);
    add(trend, "a", "ops", NOW - 33 * DAY, NOW, 10000); /* too old */
    add(trend, "a", "ops", NOW + HOUR, NOW, 100000);    /* a clock that runs ahead: now */
    assert_int_equal(look(trend, 60, NOW, NULL, NULL).all.captured, 100001);
    assert_int_equal(look(trend, 3600, NOW, NULL, NULL).all.captured, 100011);
    assert_int_equal(look(trend, 86400, NOW, NULL, NULL).all.captured, 100111);
    const struct seen month = look(trend, TREND_WINDOW_MAX_S, NOW, NULL, NULL);
    assert_int_equal(month.all.captured, 101111);
    assert_int_equal(month.all.batches, 5);
    assert_int_equal(dec_compare(month.all.cost, usd("0.25")), 0);
    assert_int_equal(look(trend, 3600, NOW, NULL, NULL).points[30].captured, 10);
    /* Time goes on: what was in the window leaves it. */
    assert_int_equal(look(trend, 3600, NOW + 45 * MINUTE, NULL, NULL).all.captured, 100001);
    add(trend, "a", "ops", NOW + 2 * DAY, NOW + 2 * DAY, 7);
    assert_int_equal(look(trend, 3600, NOW + 2 * DAY, NULL, NULL).all.captured, 7);
    assert_int_equal(look(trend, 3 * 86400, NOW + 2 * DAY, NULL, NULL).all.captured, 100118);
    add(trend, "a", "ops", NOW + 90 * DAY, NOW + 90 * DAY, 3);
    assert_int_equal(look(trend, TREND_WINDOW_MAX_S, NOW + 90 * DAY, NULL, NULL).all.captured, 3);
    trend_clear(trend);
    assert_int_equal(look(trend, TREND_WINDOW_MAX_S, NOW, NULL, NULL).pairs, 0);
    trend_free(trend);
}

static void by_source_and_owner(void **state) {
    (void)state;
    struct trend *trend = trend_new();
    add(trend, "a", "ops", NOW, NOW, 1);
    add(trend, "b", "ops", NOW, NOW, 10);
    add(trend, "b", "ada", NOW, NOW, 100);
    assert_int_equal(look(trend, 3600, NOW, "b", NULL).all.captured, 110);
    assert_int_equal(look(trend, 3600, NOW, NULL, "ops").all.captured, 11);
    assert_int_equal(look(trend, 3600, NOW, "a", "ada").pairs, 0);
    trend_free(trend);
}

/* However many there are, memory is bounded and nothing is lost of the sum. */
static void is_bounded(void **state) {
    (void)state;
    struct trend *trend = trend_new();
    char owner[20];
    for (unsigned i = 0; i < TREND_KEYS + 100; i++) {
        snprintf(owner, sizeof owner, "user%u", i);
        add(trend, "a", owner, NOW, NOW, 1);
    }
    const struct seen seen = look(trend, 3600, NOW, NULL, NULL);
    assert_int_equal(seen.all.captured, TREND_KEYS + 100);
    assert_int_equal(seen.pairs, TREND_KEYS + 1);
    trend_free(trend);
}

static void lines(void **state) {
    (void)state;
    struct trend *trend = trend_new();
    struct job_row before, after;
    job_row_init(&before, "20261123T170501Z-4f9c2a01b7d3-a");
    str_copy(before.source, sizeof before.source, "a");
    after = before;
    after.processed_records = 500;
    after.success_count = after.owned_records = 100; /* owned: nothing came of these */
    after.captured_batches = 1;
    after.cost = usd("20.00");
    trend_line(trend, &before, &after, NOW, NOW);
    before = after;
    after.success_count = 490;
    trend_line(trend, &before, &after, NOW, NOW);
    before = after; /* loaded again: of the payload 380 now */
    after.success_count = 480;
    trend_line(trend, &before, &after, NOW, NOW);
    const struct seen seen = look(trend, 3600, NOW, "a", NULL);
    assert_int_equal(seen.all.captured, 400);
    assert_int_equal(seen.all.loaded, 380);
    assert_int_equal(seen.all.batches, 1);
    assert_int_equal(dec_compare(seen.all.cost, usd("20.00")), 0);
    trend_free(trend);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(spans),          cmocka_unit_test(windows),
                                       cmocka_unit_test(counts_by_time), cmocka_unit_test(by_source_and_owner),
                                       cmocka_unit_test(is_bounded),     cmocka_unit_test(lines)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
