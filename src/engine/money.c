// SPDX-License-Identifier: Apache-2.0
#include "engine/money.h"

#include "spool/jobs.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static const char *const names[] = {"source", "campaign", "day", "job", "owner"};

const char *money_by_name(enum money_by by) {
    return names[by];
}

bool money_by_parse(const char *name, enum money_by *by) {
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strcmp(name, names[i]) == 0) {
            *by = (enum money_by)i;
            return true;
        }
    return false;
}

/* --- rows ----------------------------------------------------------------------------------------------------------- */

static size_t hash_of(const char *name, const char *currency) {
    uint64_t hash = UINT64_C(14695981039346656037);
    for (const char *at = name; *at; at++)
        hash = (hash ^ (unsigned char)*at) * UINT64_C(1099511628211);
    for (const char *at = currency; *at; at++)
        hash = (hash ^ (unsigned char)*at) * UINT64_C(1099511628211);
    return (size_t)hash;
}

static bool grow(struct money_rows *groups) {
    size_t slot_count = groups->slot_count ? groups->slot_count * 2 : 64;
    size_t *slots = calloc(slot_count, sizeof *slots);
    struct money_row *list = realloc(groups->list, slot_count / 2 * sizeof *list);
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

static struct money_row *find(const struct money_rows *groups, const char *name, const char *currency, size_t *at) {
    if (!groups->slot_count)
        return NULL;
    for (*at = hash_of(name, currency) % groups->slot_count; groups->slots[*at]; *at = (*at + 1) % groups->slot_count) {
        struct money_row *group = &groups->list[groups->slots[*at] - 1];
        if (strcmp(group->name, name) == 0 && strcmp(group->currency, currency) == 0)
            return group;
    }
    return NULL;
}

/* NULL: out of memory. */
static struct money_row *group_of(struct money_rows *groups, const char *name, const char *currency) {
    size_t at;
    struct money_row *group = find(groups, name, currency, &at);
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

static void rows_release(struct money_rows *groups) {
    free(groups->list);
    free(groups->slots);
}

static int by_name(const void *a, const void *b) {
    const struct money_row *x = a, *y = b;
    int order = strcmp(x->name, y->name);
    return order ? order : strcmp(x->currency, y->currency);
}

static void add_sum(struct money_sum *sum, const struct money_sum *more) {
    sum->money.spent = dec_add(sum->money.spent, more->money.spent);
    sum->money.in_doubt = dec_add(sum->money.in_doubt, more->money.in_doubt);
    sum->money.open = dec_add(sum->money.open, more->money.open);
    sum->records += more->records;
}

/* --- reading -------------------------------------------------------------------------------------------------------- */

struct reading {
    struct money *money;
    const struct spool *spool;
    void (*damage)(void *context, const struct err *err);
    void *context;
    struct period today;
    enum rc rc;
    size_t bought; /* of rows: those in which money moved */
    /* the journal that is being read */
    struct job_row row;
    int64_t moved_us;
    uint64_t records;
};

static void add_to(struct reading *r, struct money_rows *groups, const char *name, const struct money_sum *sum) {
    struct money_row *group = group_of(groups, name, r->row.currency);
    if (!group) {
        r->rc = RC_TEMP;
        return;
    }
    add_sum(&group->sum, sum);
    str_copy(group->source, sizeof group->source, r->row.source);
}

static bool wanted(const struct reading *r, int64_t us) {
    return period_has(&r->money->options.period, us) && (!r->money->options.source || strcmp(r->money->options.source, r->row.source) == 0) &&
           (!r->money->options.campaign || strcmp(r->money->options.campaign, r->row.campaign) == 0) &&
           (!r->money->options.owner || strcmp(r->money->options.owner, r->row.created_by) == 0);
}

static void add(struct reading *r, int64_t us, const struct money_sum *sum) {
    const struct job_row *row = &r->row;
    char day[CLOCK_RFC3339_SIZE];
    if (!wanted(r, us))
        return;
    period_day(day, us);
    const char *const of[] = {[MONEY_BY_SOURCE] = row->source,
                              [MONEY_BY_CAMPAIGN] = row->campaign,
                              [MONEY_BY_DAY] = day,
                              [MONEY_BY_JOB] = row->id,
                              [MONEY_BY_OWNER] = row->created_by};
    add_to(r, &r->money->rows, of[r->money->options.by], sum);
    add_to(r, &r->money->totals, "", sum);
}

static void on_money(void *context, int64_t ts_us, const struct job_money *moved) {
    struct reading *r = context;
    struct money_sum sum = {.money = *moved}, used = sum;
    r->moved_us = ts_us;
    add(r, ts_us, &sum);
    if (!period_has(&r->today, ts_us)) /* what is open counts on every day */
        used.money.spent = used.money.in_doubt = dec_zero();
    add_to(r, &r->money->used, r->row.source, &used);
}

/* The fold tells of money first: the records of a page belong to the day of its money. */
static void on_line(void *context, const struct job_row *row, const struct journal_line *line) {
    struct reading *r = context;
    struct money_sum sum = {.records = row->processed_records - r->records};
    r->records = row->processed_records;
    if (sum.records && strcmp(line->event, "captured") == 0 && cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(line->json, "paid")))
        add(r, r->moved_us, &sum);
}

static void on_damage(void *context, const struct err *err) {
    struct reading *r = context;
    r->money->damages++;
    if (r->damage)
        r->damage(r->context, err);
}

static enum rc read_journal(void *context, const char *id, struct err *err) {
    struct reading *r = context;
    const struct job_listener listener = {on_line, on_money, on_damage, r};
    r->records = 0;
    enum rc rc = job_row_listen(r->spool, id, &r->row, &listener, err);
    return rc ? rc : r->rc ? err_set(err, r->rc, "out of memory") : RC_OK;
}

static struct dec total_of(const struct job_money *money) {
    return dec_add(money->spent, dec_add(money->in_doubt, money->open));
}

static bool add_source(void *context, const char *name) {
    struct reading *r = context;
    struct money *money = r->money;
    struct money_rows *rows = &money->rows;
    const struct source *source;
    for (size_t i = 0; i < r->bought; i++)
        if (strcmp(rows->list[i].name, name) == 0)
            return true;
    const char *only = money->options.source;
    if ((only && strcmp(only, name) != 0) || sources_get(money->sources, name, &source, NULL) || !source->has_daily_cost_cap)
        return true;
    if (rows->count == rows->capacity && !grow(rows)) {
        r->rc = RC_TEMP;
        return false;
    }
    struct money_row *row = &rows->list[rows->count++];
    *row = (struct money_row){.sum = {.records = 0}};
    str_copy(row->name, sizeof row->name, name);
    str_copy(row->currency, sizeof row->currency, source->currency);
    return true;
}

static bool is_nothing(const struct money_sum *sum) {
    return !sum->records && dec_compare(sum->money.spent, dec_zero()) == 0 && dec_compare(total_of(&sum->money), dec_zero()) == 0;
}

/* What left no trace in money, such as a job whose every page was refused, is no row. */
static void drop_nothing(struct money_rows *groups) {
    size_t kept = 0;
    for (size_t i = 0; i < groups->count; i++)
        if (!is_nothing(&groups->list[i].sum))
            groups->list[kept++] = groups->list[i];
    groups->count = kept;
}

/* A source that has a cap is told of although nothing was bought. */
static enum rc settle(struct reading *r, struct err *err) {
    struct money_rows *rows = &r->money->rows, *totals = &r->money->totals;
    drop_nothing(rows); /* nothing is looked up in them any more */
    r->bought = rows->count;
    if (r->money->options.by == MONEY_BY_SOURCE && !r->money->options.campaign)
        sources_list(r->money->sources, add_source, r, NULL); /* without sources/ nothing is left to tell */
    if (r->rc)
        return err_set(err, r->rc, "out of memory");
    if (rows->count)
        qsort(rows->list, rows->count, sizeof *rows->list, by_name);
    if (totals->count)
        qsort(totals->list, totals->count, sizeof *totals->list, by_name);
    return RC_OK;
}

enum rc money_read(const struct spool *spool, struct sources *sources, const struct money_options *options,
                   void (*damage)(void *context, const struct err *err), void *context, struct money **out, struct err *err) {
    struct money *money = calloc(1, sizeof *money);
    struct reading reading = {.money = money, .spool = spool, .damage = damage, .context = context};
    *out = NULL;
    if (!money)
        return err_set(err, RC_TEMP, "out of memory");
    money->options = *options;
    money->sources = sources;
    period_of_day(&reading.today, clock_wall_us());
    enum rc rc = jobs_journals(spool, read_journal, &reading, err);
    if (!rc)
        rc = settle(&reading, err);
    if (rc)
        money_free(money);
    else
        *out = money;
    return rc;
}

void money_free(struct money *money) {
    if (!money)
        return;
    rows_release(&money->rows);
    rows_release(&money->totals);
    rows_release(&money->used);
    free(money);
}

/* --- telling -------------------------------------------------------------------------------------------------------- */

/* What the caps of today leave. False: the source has none, or its definition cannot be read. */
static bool source_left(const struct money *money, const char *name, const char *currency, struct money_left *left) {
    const struct source *source;
    size_t at;
    if (sources_get(money->sources, name, &source, NULL) || !source->has_daily_cost_cap || strcmp(source->currency, currency) != 0)
        return false;
    const struct money_row *used = find(&money->used, name, currency, &at);
    left->cap = source->daily_cost_cap;
    left->reserve = source->reserve;
    left->used = used ? total_of(&used->sum.money) : dec_zero();
    left->left = dec_sub(dec_sub(left->cap, left->reserve), left->used);
    return true;
}

static void daemon_left(const struct money *money, const struct cost_cap *cap, struct money_left *left) {
    *left = (struct money_left){.cap = cap->cap};
    for (size_t i = 0; i < money->used.count; i++)
        if (strcmp(money->used.list[i].currency, cap->currency) == 0)
            left->used = dec_add(left->used, total_of(&money->used.list[i].sum.money));
    left->left = dec_sub(left->cap, left->used);
}

bool money_left(const struct money *money, const struct money_row *row, struct money_left *left) {
    return money->options.by == MONEY_BY_SOURCE && source_left(money, row->name, row->currency, left);
}

bool money_left_of_total(const struct money *money, const char *currency, struct money_left *left) {
    for (unsigned i = 0; !money->options.source && i < money->options.cap_count; i++)
        if (strcmp(money->options.caps[i].currency, currency) == 0) {
            daemon_left(money, &money->options.caps[i], left);
            return true;
        }
    return false;
}

static void add_amount(cJSON *json, const char *name, struct dec money) {
    char text[DEC_TEXT_SIZE];
    dec_format(money, text);
    cJSON_AddStringToObject(json, name, text);
}

static cJSON *sum_json(const char *label, const char *name, const char *currency, const struct money_sum *sum) {
    cJSON *json = cJSON_CreateObject();
    if (label)
        cJSON_AddStringToObject(json, label, name);
    cJSON_AddStringToObject(json, "currency", currency);
    cJSON_AddNumberToObject(json, "records", (double)sum->records);
    add_amount(json, "spent", sum->money.spent);
    add_amount(json, "in_doubt", sum->money.in_doubt);
    add_amount(json, "in_flight", sum->money.open);
    if (sum->records)
        add_amount(json, "cost_per_record", dec_share(sum->money.spent, 1, sum->records));
    else
        cJSON_AddNullToObject(json, "cost_per_record");
    return json;
}

static void add_left(cJSON *json, const struct money_left *left) {
    add_amount(json, "daily_cost_cap", left->cap);
    add_amount(json, "reserve", left->reserve);
    add_amount(json, "used_today", left->used);
    add_amount(json, "left_today", left->left);
}

cJSON *money_json(const struct money *money) {
    static const char *const labels[] = {"source", "campaign_id", "day", "job_id", "created_by"};
    cJSON *json = cJSON_CreateObject();
    cJSON_AddStringToObject(json, "by", names[money->options.by]);
    cJSON_AddStringToObject(json, "days", "UTC");
    cJSON *rows = cJSON_AddArrayToObject(json, "rows"), *totals = cJSON_AddArrayToObject(json, "totals"),
          *caps = cJSON_AddArrayToObject(json, "daily_cost_caps");
    for (size_t i = 0; i < money->rows.count; i++) {
        const struct money_row *group = &money->rows.list[i];
        struct money_left left;
        cJSON *row = sum_json(labels[money->options.by], group->name, group->currency, &group->sum);
        if (money->options.by == MONEY_BY_JOB)
            cJSON_AddStringToObject(row, "source", group->source);
        if (money->options.by == MONEY_BY_SOURCE && source_left(money, group->name, group->currency, &left))
            add_left(row, &left);
        cJSON_AddItemToArray(rows, row);
    }
    for (size_t i = 0; i < money->totals.count; i++)
        cJSON_AddItemToArray(totals, sum_json(NULL, NULL, money->totals.list[i].currency, &money->totals.list[i].sum));
    for (unsigned i = 0; !money->options.source && i < money->options.cap_count; i++) {
        struct money_left left;
        cJSON *cap = cJSON_CreateObject();
        daemon_left(money, &money->options.caps[i], &left);
        cJSON_AddStringToObject(cap, "currency", money->options.caps[i].currency);
        add_left(cap, &left);
        cJSON_AddItemToArray(caps, cap);
    }
    cJSON_AddNumberToObject(json, "damaged_journal_lines", (double)money->damages);
    return json;
}
