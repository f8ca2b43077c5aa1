// SPDX-License-Identifier: Apache-2.0
#include "cmd/cmd_jobs.h"

#include "base/clock.h"
#include "cmd/cmd_pause.h"
#include "engine/queue.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DAY_US (INT64_C(24) * 3600 * 1000000)

struct totals {
    char source[65], currency[9];
    bool metered;
    uint64_t jobs[PLACE_COUNT];
    uint64_t records, loaded, errors, bytes, same;
    uint64_t day_records, day_bytes, day_batches;
    struct dec cost, in_doubt;
    struct queue queue;
};

struct stats {
    struct totals *list; /* one a source and currency */
    size_t count, capacity;
    struct totals all; /* without money: currencies are not added up */
    int64_t since_us;
};

/* What one job's captured payloads add up to. */
struct captured {
    int64_t since_us;
    uint64_t bytes, day_records, day_bytes, day_batches;
};

static void add_file(struct captured *sum, int64_t at_us, uint64_t bytes, uint64_t records) {
    sum->bytes += bytes;
    if (at_us < sum->since_us)
        return;
    sum->day_batches++;
    sum->day_bytes += bytes;
    sum->day_records += records;
}

static bool on_file_row(void *context, const struct file_row *row) {
    struct captured *sum = context;
    add_file(sum, row->captured_us ? row->captured_us : row->created_us, row->bytes, row->records);
    return true;
}

static uint64_t count_member(const cJSON *json, const char *name) {
    const cJSON *value = cJSON_GetObjectItemCaseSensitive(json, name);
    return cJSON_IsNumber(value) && value->valuedouble > 0 ? (uint64_t)value->valuedouble : 0;
}

static void on_line(void *context, const struct job_row *row, const struct journal_line *line) {
    struct captured *sum = context;
    (void)row;
    if (strcmp(line->event, "captured") == 0)
        add_file(sum, line->ts_us, count_member(line->json, "bytes"), count_member(line->json, "records"));
}

static struct totals *totals_of(struct stats *stats, const struct job_row *row) {
    for (size_t i = 0; i < stats->count; i++)
        if (strcmp(stats->list[i].source, row->source) == 0 && strcmp(stats->list[i].currency, row->currency) == 0)
            return &stats->list[i];
    if (stats->count == stats->capacity) {
        size_t capacity = stats->capacity ? stats->capacity * 2 : 8;
        struct totals *list = realloc(stats->list, capacity * sizeof *list);
        if (!list)
            return NULL;
        stats->list = list;
        stats->capacity = capacity;
    }
    struct totals *t = &stats->list[stats->count++];
    memset(t, 0, sizeof *t);
    str_copy(t->source, sizeof t->source, row->source);
    str_copy(t->currency, sizeof t->currency, row->currency);
    return t;
}

static void add_job(struct totals *t, const struct job_row *row, const struct captured *sum) {
    t->jobs[row->place]++;
    queue_add(&t->queue, row);
    t->metered = t->metered || row->metered;
    t->records += row->processed_records;
    t->loaded += row->success_count;
    t->errors += row->error_count;
    t->cost = dec_add(t->cost, row->cost);
    t->in_doubt = dec_add(t->in_doubt, row->cost_in_doubt);
    t->same += row->same_batches;
    t->bytes += sum->bytes;
    t->day_records += sum->day_records;
    t->day_bytes += sum->day_bytes;
    t->day_batches += sum->day_batches;
}

static enum rc take_job(struct cmd *cmd, struct stats *stats, const struct jobs_entry *job, struct err *err) {
    struct job_row row;
    struct captured sum = {.since_us = stats->since_us};
    enum rc rc = cmd_job_row(cmd, job, &row, err);
    if (rc == RC_GONE || (rc != RC_CORRUPT && strcmp(row.mode, "run") != 0))
        return RC_OK;
    if (rc && rc != RC_CORRUPT)
        return rc;
    struct index *index = cmd_index(cmd);
    struct job_row seen;
    struct err ignored = {0};
    if (row.captured_batches && index && index_job(index, job->id, &seen, &ignored) == RC_OK && seen.journal_offset >= row.journal_offset)
        rc = index_files(index, job->id, on_file_row, &sum, err);
    else if (row.captured_batches)
        rc = job_row_read(cmd->spool, job->id, &seen, on_line, &sum, err);
    if (rc && rc != RC_CORRUPT && rc != RC_GONE)
        return rc;
    struct totals *t = totals_of(stats, &row);
    if (!t)
        return err_set(err, RC_TEMP, "out of memory");
    add_job(t, &row, &sum);
    add_job(&stats->all, &row, &sum);
    return RC_OK;
}

static cJSON *totals_json(const struct totals *t, bool of_source) {
    cJSON *json = cJSON_CreateObject(), *jobs = cJSON_CreateObject();
    if (of_source)
        cJSON_AddStringToObject(json, "source", t->source);
    cJSON_AddItemToObject(json, "jobs", jobs);
    for (int place = PLACE_PENDING; place < PLACE_COUNT; place++)
        cJSON_AddNumberToObject(jobs, place_status((enum place)place), (double)t->jobs[place]);
    cJSON_AddItemToObject(json, "queue", queue_json(&t->queue, clock_wall_us()));
    cJSON_AddNumberToObject(json, "records", (double)t->records);
    cJSON_AddNumberToObject(json, "success_count", (double)t->loaded);
    cJSON_AddNumberToObject(json, "error_count", (double)t->errors);
    cJSON_AddNumberToObject(json, "bytes", (double)t->bytes);
    cJSON_AddNumberToObject(json, "same_batches", (double)t->same);
    if (of_source && t->metered) {
        char text[DEC_TEXT_SIZE];
        dec_format(t->cost, text);
        cJSON_AddStringToObject(json, "cost", text);
        dec_format(t->in_doubt, text);
        cJSON_AddStringToObject(json, "cost_in_doubt", text);
        cJSON_AddStringToObject(json, "currency", t->currency);
    }
    cJSON *day = cJSON_AddObjectToObject(json, "last_24h");
    cJSON_AddNumberToObject(day, "batches", (double)t->day_batches);
    cJSON_AddNumberToObject(day, "records", (double)t->day_records);
    cJSON_AddNumberToObject(day, "bytes", (double)t->day_bytes);
    cJSON_AddNumberToObject(day, "records_per_hour", (double)t->day_records / 24.0);
    return json;
}

static int print_json(struct cmd *cmd, const struct stats *stats) {
    cJSON *json = totals_json(&stats->all, false);
    cJSON *list = cJSON_AddArrayToObject(json, "sources");
    for (size_t i = 0; i < stats->count; i++)
        cJSON_AddItemToArray(list, totals_json(&stats->list[i], true));
    cJSON_AddItemToObject(json, "paused", pauses_list(cmd->spool));
    return cmd_print_json(cmd, json);
}

/* Only what is there: a line a place and priority. */
static void print_queue(const char *of, const struct queue *queue) {
    char age[24];
    for (const enum place *place = queue_places; *place != PLACE_NONE; place++)
        for (int p = PRIORITY_URGENT; p >= PRIORITY_LOW; p--) {
            const struct queue_figure *figure = &queue->figures[*place][p];
            if (figure->depth)
                printf("%s%-10s %-6s %10" PRIu64 "  oldest %s\n", of, place_name(*place), priority_name((enum priority)p), figure->depth,
                       cmd_span(age, clock_wall_us() - figure->oldest_us));
        }
}

static void print_text(const struct stats *stats) {
    const struct totals *all = &stats->all;
    for (int place = PLACE_PENDING; place < PLACE_COUNT; place++)
        printf("%-12s %12" PRIu64 "\n", place_status((enum place)place), all->jobs[place]);
    printf("%-12s %12" PRIu64 " captured, %" PRIu64 " loaded, %" PRIu64 " errors\n", "records", all->records, all->loaded, all->errors);
    printf("%-12s %12" PRIu64 "\n", "bytes", all->bytes);
    if (all->same)
        printf("%-12s %12" PRIu64 " batches have the bytes of an earlier payload\n", "same", all->same);
    printf("%-12s %12" PRIu64 " records, %" PRIu64 " batches, %" PRIu64 " bytes, %.1f records/h\n", "last 24 h", all->day_records, all->day_batches,
           all->day_bytes, (double)all->day_records / 24.0);
    print_queue("queue ", &all->queue);
    for (size_t i = 0; i < stats->count; i++) {
        const struct totals *t = &stats->list[i];
        uint64_t jobs = 0;
        char source[100], money[128];
        for (int place = PLACE_PENDING; place < PLACE_COUNT; place++)
            jobs += t->jobs[place];
        printf("source %s: %" PRIu64 " jobs, %" PRIu64 " records, cost %s, last 24 h %" PRIu64 " records\n", cmd_shown(source, sizeof source, t->source, true),
               jobs, t->records, t->metered ? cmd_money(money, t->cost, t->in_doubt, t->currency) : "-", t->day_records);
        print_queue("  queue ", &t->queue);
    }
}

int cmd_stats(struct cmd *cmd, int argc, char **argv) {
    int code;
    if (!cmd_parse(cmd, &argc, &argv, NULL, &code))
        return code;
    if (argc)
        return cmd_usage(cmd);
    if ((code = cmd_open(cmd)) != EXIT_DONE)
        return code;
    struct stats stats = {.since_us = clock_wall_us() - DAY_US};
    struct jobs jobs;
    struct err err = {0};
    enum rc rc = jobs_scan(cmd->spool, &jobs, &err);
    for (size_t i = 0; !rc && i < jobs.count; i++)
        rc = take_job(cmd, &stats, &jobs.list[i], &err);
    if (rc)
        code = cmd_fail_rc(cmd, rc, &err);
    else if (cmd->json)
        code = print_json(cmd, &stats);
    else
        print_text(&stats);
    if (!rc && !cmd->json)
        cmd_pause_print(cmd);
    jobs_release(&jobs);
    free(stats.list);
    return code;
}
