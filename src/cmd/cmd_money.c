// SPDX-License-Identifier: Apache-2.0
#include "cmd/cmd_period.h"

#include "engine/money.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static void print_row(const char *name, int width, const char *currency, const struct money_sum *sum, const struct money_left *left) {
    char shown[200], spent[DEC_TEXT_SIZE], doubt[DEC_TEXT_SIZE], open[DEC_TEXT_SIZE], each[DEC_TEXT_SIZE] = "-", rest[DEC_TEXT_SIZE] = "-";
    dec_format(sum->money.spent, spent);
    dec_format(sum->money.in_doubt, doubt);
    dec_format(sum->money.open, open);
    if (sum->records)
        dec_format(dec_share(sum->money.spent, 1, sum->records), each);
    if (left)
        dec_format(left->left, rest);
    printf("%-*s  %-3s  %10" PRIu64 "  %12s  %12s  %12s  %12s  %12s\n", width, cmd_shown(shown, sizeof shown, name, true), *currency ? currency : "-",
           sum->records, spent, doubt, open, each, rest);
}

static void print_text(const struct money *money) {
    int width = 8;
    for (size_t i = 0; i < money->rows.count; i++)
        width = (int)strlen(money->rows.list[i].name) > width ? (int)strlen(money->rows.list[i].name) : width;
    printf("%-*s  %-3s  %10s  %12s  %12s  %12s  %12s  %12s\n", width, money_by_name(money->options.by), "", "records", "spent", "in doubt", "in flight",
           "per record", "left today");
    for (size_t i = 0; i < money->rows.count; i++) {
        const struct money_row *row = &money->rows.list[i];
        struct money_left left;
        print_row(row->name, width, row->currency, &row->sum, money_left(money, row, &left) ? &left : NULL);
    }
    for (size_t i = 0; i < money->totals.count; i++) {
        const struct money_row *total = &money->totals.list[i];
        struct money_left left;
        print_row("total", width, total->currency, &total->sum, money_left_of_total(money, total->currency, &left) ? &left : NULL);
    }
    printf("Days are those of UTC, as the caps count them.\n");
}

static void tell_damage(void *context, const struct err *err) {
    cmd_say(context, "%s; what it says is counted as far as it can be read", err->text);
}

static int run(struct cmd *cmd, const struct money_options *options) {
    struct money *money;
    struct err err = {0};
    int code = EXIT_DONE;
    enum rc rc = money_read(cmd->spool, cmd->sources, options, tell_damage, cmd, &money, &err);
    if (rc)
        return cmd_fail_rc(cmd, rc, &err);
    if (cmd->json)
        code = cmd_print_json(cmd, money_json(money));
    else
        print_text(money);
    if (!code && money->damages)
        code = cmd_fail(cmd, EXIT_DATA, "%" PRIu64 " lines of journals are damaged; `batchspool verify` tells more", money->damages);
    money_free(money);
    return code;
}

int cmd_money_command(struct cmd *cmd, int argc, char **argv) {
    const char *by = "source", *since = NULL, *until = NULL;
    struct money_options how = {.source = NULL};
    const struct cmd_option options[] = {
        {"source", CMD_TEXT, &how.source, "NAME", "only this source"},
        {"campaign", CMD_TEXT, &how.campaign, "ID", "only this campaign"},
        {"since", CMD_TEXT, &since, "TIME", "only from then on: a time, a UTC day, or how long ago (P7D)"},
        {"until", CMD_TEXT, &until, "TIME", "only before then, or to the end of that day"},
        {"by", CMD_TEXT, &by, "WHAT", "a row for each source (default), campaign, day, job or owner"},
        {.name = NULL},
    };
    int code;
    if (!cmd_parse(cmd, &argc, &argv, options, &code))
        return code;
    if (argc)
        return cmd_usage(cmd);
    if (!money_by_parse(by, &how.by))
        return cmd_fail(cmd, EXIT_USAGE, "--by %s: must be source, campaign, day, job or owner", by);
    if ((code = cmd_period_parse(cmd, since, until, &how.period)) != EXIT_DONE || (code = cmd_open(cmd)) != EXIT_DONE || (code = cmd_sources(cmd)) != EXIT_DONE)
        return code;
    how.caps = cmd->config.daily_cost_caps;
    how.cap_count = cmd->config.daily_cost_cap_count;
    return run(cmd, &how);
}
