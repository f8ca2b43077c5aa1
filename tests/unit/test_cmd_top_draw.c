// SPDX-License-Identifier: Apache-2.0
#include "cmd/cmd_top.h"

#include "base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define NOW INT64_C(1795453501000000)

static struct cmd cmd;
static struct spool spool;
static struct cmd_screen screen;

static size_t characters(const char *text) {
    size_t count = 0;
    for (; *text; text++)
        count += ((unsigned char)*text & 0xc0) != 0x80;
    return count;
}

static void fill(struct top *top, size_t count) {
    str_copy(spool.root, sizeof spool.root, "/var/spool/batchspool");
    cmd.spool = &spool;
    *top = (struct top){.cmd = &cmd, .now_us = NOW, .daemon_runs = true, .money_known = true, .money_count = 1, .count = count};
    str_copy(top->money[0].currency, sizeof top->money[0].currency, "USD");
    top->money[0].spent = dec_times((struct dec){.nano = 1000000000}, 12);
    top->list = calloc(count + 1, sizeof *top->list);
    for (size_t i = 0; i < count; i++) {
        struct top_job *job = &top->list[i];
        *job = (struct top_job){.place = i % 3 == 0   ? PLACE_PROCESSING
                                         : i % 3 == 1 ? PLACE_HOLD
                                                      : PLACE_PENDING,
                                .priority = (enum priority)(i % 4),
                                .records = 400 * i,
                                .total = i % 2 ? 123456789 : JOB_UNKNOWN,
                                .progress = {.rate_per_s = (double)i * 1000.5, .eta_us = NOW + 100000000},
                                .metered = true};
        str_format(job->name, sizeof job->name, "20261123T170501Z-%012zx-a-name-that-is-quite-long", i);
        str_copy(job->source, sizeof job->source, "acme");
        str_copy(job->reason, sizeof job->reason, job->place == PLACE_HOLD ? "charge_unknown" : "");
    }
}

static bool shows(const char *part) {
    for (int i = 0; i < screen.count; i++)
        if (strstr(screen.lines[i].text, part))
            return true;
    return false;
}

static void every_size_is_filled_and_kept(void **state) {
    (void)state;
    static const int sizes[][2] = {{80, 24}, {60, 15}, {40, 10}, {20, 5}, {132, 50}, {300, 200}};
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++)
        for (size_t count = 0; count <= 40; count += count < 3 ? 3 : 37) {
            struct top top;
            fill(&top, count);
            cmd_top_draw(&top, sizes[s][0], sizes[s][1], true, &screen);
            assert_int_equal(screen.count, sizes[s][1]);
            for (int i = 0; i < screen.count; i++)
                assert_true(characters(screen.lines[i].text) <= (size_t)sizes[s][0]);
            cmd_top_release(&top);
        }
}

static void at_80_by_24(void **state) {
    (void)state;
    struct top top;
    fill(&top, 40);
    top.pause_count = 1;
    top.pauses[0].until_us = NOW + 600000000;
    str_copy(top.pauses[0].source, sizeof top.pauses[0].source, "acme");
    str_copy(top.pauses[0].reason, sizeof top.pauses[0].reason, "unauthorized");
    cmd_top_draw(&top, 80, 24, true, &screen);
    assert_true(shows("daemon runs  17:05:01Z") && shows("today 12.00 USD"));
    assert_true(shows("source acme: nothing is sent for 10m: unauthorized"));
    assert_true(shows("> 000000000000-a-"));
    assert_true(shows("held charge_unknown"));
    assert_true(shows("h hold  r release/retry  c cancel"));
    assert_non_null(strstr(screen.lines[22].text, "20261123T170501Z-000000000000-a-name-that-is-quite-long  acme low"));
    /* The selected one is always seen. */
    top.row = 39;
    cmd_top_draw(&top, 80, 24, true, &screen);
    assert_true(shows("> 000000000027"));
    top.row = 0;
    cmd_top_draw(&top, 80, 24, true, &screen);
    assert_true(shows("> 000000000000"));
    top.asks = true;
    str_copy(top.selected, sizeof top.selected, top.list[0].name);
    cmd_top_draw(&top, 80, 24, true, &screen);
    assert_true(shows("cancel 000000000000-a-name-that-is-quite-long? y/n"));
    cmd_top_release(&top);
}

static void nothing_of_a_name_reaches_the_terminal(void **state) {
    (void)state;
    struct top top;
    fill(&top, 1);
    str_copy(top.list[0].name, sizeof top.list[0].name, "\033[2J\007x.json");
    str_copy(top.list[0].error, sizeof top.list[0].error, "\033]0;title\007 \xe2\x80\xae\xff");
    cmd_top_draw(&top, 80, 24, true, &screen);
    for (int i = 0; i < screen.count; i++)
        for (const char *c = screen.lines[i].text; *c; c++)
            assert_true((unsigned char)*c >= 0x20 && *c != 0x7f);
    assert_true(shows("\\x1b[2J\\x07x.json"));
    cmd_top_release(&top);
}

static void printed_once_all_are_there(void **state) {
    (void)state;
    struct top top;
    fill(&top, 40);
    top.hidden = 5;
    cmd_top_draw(&top, 80, 0, false, &screen);
    assert_true(shows("  000000000027") && shows("... and 5 more") && !shows("> ") && !shows("hold  r"));
    cmd_top_release(&top);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_size_is_filled_and_kept),
        cmocka_unit_test(at_80_by_24),
        cmocka_unit_test(nothing_of_a_name_reaches_the_terminal),
        cmocka_unit_test(printed_once_all_are_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
