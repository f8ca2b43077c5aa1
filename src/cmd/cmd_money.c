// SPDX-License-Identifier: Apache-2.0
#include "cmd/cmd_journals.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What was spent, is in doubt, in flight and left: read from the journals alone, so that it holds whatever the index says. Currencies are never added up. */

enum by { BY_SOURCE, BY_CAMPAIGN, BY_DAY, BY_JOB };
static const char *const by_names[] = {"source", "campaign", "day", "job"};

struct sum {
    struct job_money money;
    uint64_t records; /* bought */
};

struct group {
    char name[JOBID_SIZE]; /* of what it is a group of */
    char currency[9];
    char source[65]; /* of BY_JOB, to tell */
    struct sum sum;
};

struct groups {
    struct group *list;
    size_t count, capacity;
    size_t *slots; /* place in list + 1, by name and currency */
    size_t slot_count;
};

struct report {
    struct cmd *cmd;
    enum by by;
    const char *source, *campaign;
    struct period period;
    struct period today;
    struct groups groups;
    struct groups used;   /* of today, by source: what caps count */
    struct groups totals; /* by currency */
    size_t bought;        /* of groups: those in which money moved */
    uint64_t damages;
    enum rc rc;
    /* the journal that is being read */
    struct job_row row;
    int64_t moved_us;
    uint64_t records;
};

/* --- groups --------------------------------------------------------------------------------------------------------- */

static size_t hash_of(const char *name, const char *currency) {
    uint64_t hash = UINT64_C(14695981039346656037);
    for (const char *at = name; *at; at++)
        hash = (hash ^ (unsigned char)*at) * UINT64_C(1099511628211);
    for (const char *at = currency; *at; at++)
        hash = (hash ^ (unsigned char)*at) * UINT64_C(1099511628211);
    return (size_t)hash;
}

static bool grow(struct groups *groups) {
    size_t slot_count = groups->slot_count ? groups->slot_count * 2 : 64;
    size_t *slots = calloc(slot_count, sizeof *slots);
    struct group *list = realloc(groups->list, slot_count / 2 * sizeof *list);
    if (list)
        groups->list = list;
    if (!list || !slots) {
        free(slots);
        return false;
    }
    for (size_t i = 0; i < groups->count; i++) {
        size_t at = hash_of(list[i].name, list[i].currency) % slot_count;
        while (slots[at])
            at = (at + 1) % slot_count;
        slots[at] = i + 1;
    }
    free(groups->slots);
    groups->slots = slots;
    groups->slot_count = slot_count;
    groups->capacity = slot_count / 2;
    return true;
}

static struct group *find(const struct groups *groups, const char *name, const char *currency, size_t *at) {
    if (!groups->slot_count)
        return NULL;
    for (*at = hash_of(name, currency) % groups->slot_count; groups->slots[*at]; *at = (*at + 1) % groups->slot_count) {
        struct group *group = &groups->list[groups->slots[*at] - 1];
        if (strcmp(group->name, name) == 0 && strcmp(group->currency, currency) == 0)
            return group;
    }
    return NULL;
}

/* NULL: out of memory. */
static struct group *group_of(struct groups *groups, const char *name, const char *currency) {
    size_t at;
    struct group *group = find(groups, name, currency, &at);
    if (group)
        return group;
    if (groups->count == groups->capacity && !grow(groups))
        return NULL;
    find(groups, name, currency, &at);
    groups->slots[at] = groups->count + 1;
    group = &groups->list[groups->count++];
    memset(group, 0, sizeof *group);
    str_copy(group->name, sizeof group->name, name);
    str_copy(group->currency, sizeof group->currency, currency);
    return group;
}

static void groups_release(struct groups *groups) {
    free(groups->list);
    free(groups->slots);
}

static int by_name(const void *a, const void *b) {
    const struct group *x = a, *y = b;
    int order = strcmp(x->name, y->name);
    return order ? order : strcmp(x->currency, y->currency);
}

static void add_sum(struct sum *sum, const struct sum *more) {
    sum->money.spent = dec_add(sum->money.spent, more->money.spent);
    sum->money.in_doubt = dec_add(sum->money.in_doubt, more->money.in_doubt);
    sum->money.open = dec_add(sum->money.open, more->money.open);
    sum->records += more->records;
}

/* --- reading -------------------------------------------------------------------------------------------------------- */

static void add_to(struct report *report, struct groups *groups, const char *name, const struct sum *sum) {
    struct group *group = group_of(groups, name, report->row.currency);
    if (!group) {
        report->rc = RC_TEMP;
        return;
    }
    add_sum(&group->sum, sum);
    str_copy(group->source, sizeof group->source, report->row.source);
}

static bool wanted(const struct report *report, int64_t us) {
    return period_has(&report->period, us) && (!report->source || strcmp(report->source, report->row.source) == 0) &&
           (!report->campaign || strcmp(report->campaign, report->row.campaign) == 0);
}

static void add(struct report *report, int64_t us, const struct sum *sum) {
    const struct job_row *row = &report->row;
    char day[CLOCK_RFC3339_SIZE];
    if (!wanted(report, us))
        return;
    period_day(day, us);
    const char *const names[] = {[BY_SOURCE] = row->source, [BY_CAMPAIGN] = row->campaign, [BY_DAY] = day, [BY_JOB] = row->id};
    add_to(report, &report->groups, names[report->by], sum);
    add_to(report, &report->totals, "", sum);
}

static void on_money(void *context, int64_t ts_us, const struct job_money *moved) {
    struct report *report = context;
    struct sum sum = {.money = *moved}, used = sum;
    report->moved_us = ts_us;
    add(report, ts_us, &sum);
    if (!period_has(&report->today, ts_us)) /* what is open counts on every day */
        used.money.spent = used.money.in_doubt = dec_zero();
    add_to(report, &report->used, report->row.source, &used);
}

/* The fold tells of money first: the records of a page belong to the day of its money. */
static void on_line(void *context, const struct job_row *row, const struct journal_line *line) {
    struct report *report = context;
    struct sum sum = {.records = row->processed_records - report->records};
    report->records = row->processed_records;
    if (sum.records && strcmp(line->event, "captured") == 0 && cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(line->json, "paid")))
        add(report, report->moved_us, &sum);
}

static void on_damage(void *context, const struct err *err) {
    struct report *report = context;
    report->damages++;
    cmd_say(report->cmd, "%s; what it says is counted as far as it can be read", err->text);
}

static enum rc read_journal(void *context, const char *id, struct err *err) {
    struct report *report = context;
    const struct job_listener listener = {on_line, on_money, on_damage, report};
    report->records = 0;
    enum rc rc = job_row_listen(report->cmd->spool, id, &report->row, &listener, err);
    return rc ? rc : report->rc ? err_set(err, report->rc, "out of memory") : RC_OK;
}

/* --- telling -------------------------------------------------------------------------------------------------------- */

struct left {
    struct dec cap, reserve, used, left;
};

static struct dec total_of(const struct job_money *money) {
    return dec_add(money->spent, dec_add(money->in_doubt, money->open));
}

/* What the caps of today leave. False: the source has none, or its definition cannot be read. */
static bool source_left(struct report *report, const char *name, const char *currency, struct left *left) {
    const struct source *source;
    struct err err = {0};
    size_t at;
    if (sources_get(report->cmd->sources, name, &source, &err) || !source->has_daily_cost_cap || strcmp(source->currency, currency) != 0)
        return false;
    const struct group *used = find(&report->used, name, currency, &at);
    left->cap = source->daily_cost_cap;
    left->reserve = source->reserve;
    left->used = used ? total_of(&used->sum.money) : dec_zero();
    left->left = dec_sub(dec_sub(left->cap, left->reserve), left->used);
    return true;
}

static void daemon_left(const struct report *report, const struct cost_cap *cap, struct left *left) {
    *left = (struct left){.cap = cap->cap};
    for (size_t i = 0; i < report->used.count; i++)
        if (strcmp(report->used.list[i].currency, cap->currency) == 0)
            left->used = dec_add(left->used, total_of(&report->used.list[i].sum.money));
    left->left = dec_sub(left->cap, left->used);
}

static void add_money(cJSON *json, const char *name, struct dec money) {
    char text[DEC_TEXT_SIZE];
    dec_format(money, text);
    cJSON_AddStringToObject(json, name, text);
}

static cJSON *sum_json(const char *label, const char *name, const char *currency, const struct sum *sum) {
    cJSON *json = cJSON_CreateObject();
    if (label)
        cJSON_AddStringToObject(json, label, name);
    cJSON_AddStringToObject(json, "currency", currency);
    cJSON_AddNumberToObject(json, "records", (double)sum->records);
    add_money(json, "spent", sum->money.spent);
    add_money(json, "in_doubt", sum->money.in_doubt);
    add_money(json, "in_flight", sum->money.open);
    if (sum->records)
        add_money(json, "cost_per_record", dec_share(sum->money.spent, 1, sum->records));
    else
        cJSON_AddNullToObject(json, "cost_per_record");
    return json;
}

static void add_left(cJSON *json, const struct left *left) {
    add_money(json, "daily_cost_cap", left->cap);
    add_money(json, "reserve", left->reserve);
    add_money(json, "used_today", left->used);
    add_money(json, "left_today", left->left);
}

static int print_json(struct report *report) {
    static const char *const labels[] = {"source", "campaign_id", "day", "job_id"};
    const struct config *config = &report->cmd->config;
    cJSON *json = cJSON_CreateObject();
    cJSON_AddStringToObject(json, "by", by_names[report->by]);
    cJSON_AddStringToObject(json, "days", "UTC");
    cJSON *rows = cJSON_AddArrayToObject(json, "rows"), *totals = cJSON_AddArrayToObject(json, "totals"),
          *caps = cJSON_AddArrayToObject(json, "daily_cost_caps");
    for (size_t i = 0; i < report->groups.count; i++) {
        const struct group *group = &report->groups.list[i];
        struct left left;
        cJSON *row = sum_json(labels[report->by], group->name, group->currency, &group->sum);
        if (report->by == BY_JOB)
            cJSON_AddStringToObject(row, "source", group->source);
        if (report->by == BY_SOURCE && source_left(report, group->name, group->currency, &left))
            add_left(row, &left);
        cJSON_AddItemToArray(rows, row);
    }
    for (size_t i = 0; i < report->totals.count; i++)
        cJSON_AddItemToArray(totals, sum_json(NULL, NULL, report->totals.list[i].currency, &report->totals.list[i].sum));
    for (unsigned i = 0; !report->source && i < config->daily_cost_cap_count; i++) {
        struct left left;
        cJSON *cap = cJSON_CreateObject();
        daemon_left(report, &config->daily_cost_caps[i], &left);
        cJSON_AddStringToObject(cap, "currency", config->daily_cost_caps[i].currency);
        add_left(cap, &left);
        cJSON_AddItemToArray(caps, cap);
    }
    cJSON_AddNumberToObject(json, "damaged_journal_lines", (double)report->damages);
    return cmd_print_json(report->cmd, json);
}

static void print_row(const char *name, int width, const char *currency, const struct sum *sum, const struct left *left) {
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

static void print_text(struct report *report) {
    const struct config *config = &report->cmd->config;
    int width = 8;
    for (size_t i = 0; i < report->groups.count; i++)
        width = (int)strlen(report->groups.list[i].name) > width ? (int)strlen(report->groups.list[i].name) : width;
    printf("%-*s  %-3s  %10s  %12s  %12s  %12s  %12s  %12s\n", width, by_names[report->by], "", "records", "spent", "in doubt", "in flight", "per record",
           "left today");
    for (size_t i = 0; i < report->groups.count; i++) {
        const struct group *group = &report->groups.list[i];
        struct left left;
        bool known = report->by == BY_SOURCE && source_left(report, group->name, group->currency, &left);
        print_row(group->name, width, group->currency, &group->sum, known ? &left : NULL);
    }
    for (size_t i = 0; i < report->totals.count; i++) {
        const struct group *total = &report->totals.list[i];
        struct left left;
        bool known = false;
        for (unsigned c = 0; !report->source && c < config->daily_cost_cap_count; c++)
            if (strcmp(config->daily_cost_caps[c].currency, total->currency) == 0) {
                known = true;
                daemon_left(report, &config->daily_cost_caps[c], &left);
            }
        print_row("total", width, total->currency, &total->sum, known ? &left : NULL);
    }
    printf("Days are those of UTC, as the caps count them.\n");
}

static bool add_source(void *context, const char *name) {
    struct report *report = context;
    const struct source *source;
    struct err err = {0};
    for (size_t i = 0; i < report->bought; i++)
        if (strcmp(report->groups.list[i].name, name) == 0)
            return true;
    if ((report->source && strcmp(report->source, name) != 0) || sources_get(report->cmd->sources, name, &source, &err) || !source->has_daily_cost_cap)
        return true;
    if (report->groups.count == report->groups.capacity && !grow(&report->groups)) {
        report->rc = RC_TEMP;
        return false;
    }
    struct group *group = &report->groups.list[report->groups.count++];
    *group = (struct group){.sum = {.records = 0}};
    str_copy(group->name, sizeof group->name, name);
    str_copy(group->currency, sizeof group->currency, source->currency);
    return true;
}

static bool is_nothing(const struct sum *sum) {
    return !sum->records && dec_compare(sum->money.spent, dec_zero()) == 0 && dec_compare(total_of(&sum->money), dec_zero()) == 0;
}

/* What left no trace in money, such as a job whose every page was refused, is no row. */
static void drop_nothing(struct groups *groups) {
    size_t kept = 0;
    for (size_t i = 0; i < groups->count; i++)
        if (!is_nothing(&groups->list[i].sum))
            groups->list[kept++] = groups->list[i];
    groups->count = kept;
}

/* A source that has a cap is told of although nothing was bought. */
static int settle(struct report *report) {
    struct err err = {0};
    drop_nothing(&report->groups); /* nothing is looked up in them any more */
    report->bought = report->groups.count;
    if (report->by == BY_SOURCE && !report->campaign)
        sources_list(report->cmd->sources, add_source, report, &err); /* without sources/ nothing is left to tell */
    if (report->rc)
        return cmd_fail(report->cmd, EXIT_IO, "out of memory");
    if (report->groups.count)
        qsort(report->groups.list, report->groups.count, sizeof *report->groups.list, by_name);
    if (report->totals.count)
        qsort(report->totals.list, report->totals.count, sizeof *report->totals.list, by_name);
    return EXIT_DONE;
}

static bool parse_by(const char *text, enum by *by) {
    for (size_t i = 0; i < sizeof by_names / sizeof by_names[0]; i++)
        if (strcmp(text, by_names[i]) == 0) {
            *by = (enum by)i;
            return true;
        }
    return false;
}

static int run(struct report *report) {
    const struct cmd_journals journals = {read_journal, report};
    int code = cmd_journals_each(report->cmd, NULL, &journals);
    if (!code)
        code = settle(report);
    if (!code && report->cmd->json)
        code = print_json(report);
    else if (!code)
        print_text(report);
    if (!code && report->damages)
        code = cmd_fail(report->cmd, EXIT_DATA, "%" PRIu64 " lines of journals are damaged; `batchspool verify` tells more", report->damages);
    groups_release(&report->groups);
    groups_release(&report->used);
    groups_release(&report->totals);
    return code;
}

int cmd_money_command(struct cmd *cmd, int argc, char **argv) {
    const char *by = "source", *since = NULL, *until = NULL;
    struct report report = {.cmd = cmd};
    const struct cmd_option options[] = {
        {"source", CMD_TEXT, &report.source, "NAME", "only this source"},
        {"campaign", CMD_TEXT, &report.campaign, "ID", "only this campaign"},
        {"since", CMD_TEXT, &since, "TIME", "only from then on: a time, a UTC day, or how long ago (P7D)"},
        {"until", CMD_TEXT, &until, "TIME", "only before then, or to the end of that day"},
        {"by", CMD_TEXT, &by, "WHAT", "a row for each source (default), campaign, day or job"},
        {.name = NULL},
    };
    int code;
    if (!cmd_parse(cmd, &argc, &argv, options, &code))
        return code;
    if (argc)
        return cmd_usage(cmd);
    if (!parse_by(by, &report.by))
        return cmd_fail(cmd, EXIT_USAGE, "--by %s: must be source, campaign, day or job", by);
    if ((code = cmd_period_parse(cmd, since, until, &report.period)) != EXIT_DONE || (code = cmd_open(cmd)) != EXIT_DONE ||
        (code = cmd_sources(cmd)) != EXIT_DONE)
        return code;
    const int64_t day_us = INT64_C(24) * 3600 * 1000000, now = clock_wall_us();
    report.today = (struct period){now / day_us * day_us, now / day_us * day_us + day_us};
    return run(&report);
}
