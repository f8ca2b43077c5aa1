// SPDX-License-Identifier: Apache-2.0
#include "cmd/cmd_top.h"

#include "base/clock.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define BAR 8
#define STATE 21 /* of a job that does not run: its state and reason, where others have state and bar */

static const char *const BOLD = "1", *const BAD = "31", *const WARN = "33", *const SELECTED = "7", *const DIM = "2";

/* "12345", "123k", "12M" */
static const char *short_count(char out[24], uint64_t count) {
    if (count == JOB_UNKNOWN)
        str_copy(out, 24, "?");
    else if (count < 100000)
        snprintf(out, 24, "%" PRIu64, count);
    else if (count < 10000000)
        snprintf(out, 24, "%" PRIu64 "k", count / 1000);
    else
        snprintf(out, 24, "%" PRIu64 "M", count / 1000000);
    return out;
}

/* The part of an id that people know it by, without its time. */
static const char *short_name(const char *name) {
    return jobid_valid(name) ? name + 17 : name;
}

static void draw_head(const struct top *top, int columns, struct cmd_screen *screen) {
    char time[CLOCK_RFC3339_SIZE], line[1000], root[600], money[128], daemon[40];
    clock_format_rfc3339(top->now_us, 0, time);
    str_copy(daemon, sizeof daemon, top->daemon_runs ? "daemon runs" : "NO DAEMON RUNS");
    const int room = columns - 18 - (int)strlen(daemon) - 11;
    cmd_shown(root, sizeof root, top->cmd->spool->root, false);
    if (room > 8 && strlen(root) > (size_t)room)
        memmove(root, root + strlen(root) - (size_t)room, (size_t)room + 1);
    snprintf(line, sizeof line, "batchspool top  %s", root);
    cmd_screen_add(screen, columns, top->daemon_runs ? BOLD : BAD, "%-*s%s  %.8sZ", columns - (int)strlen(daemon) - 11, line, daemon, time + 11);
    size_t used = (size_t)snprintf(line, sizeof line, "today ");
    for (size_t i = 0; i < top->money_count && used < sizeof line - 200; i++)
        used += (size_t)snprintf(line + used, sizeof line - used, "%s%s", i ? ", " : "",
                                 cmd_money(money, top->money[i].spent, top->money[i].in_doubt, top->money[i].currency));
    if (!top->money_count)
        used += (size_t)snprintf(line + used, sizeof line - used, top->money_known ? "nothing spent" : "? (no index)");
    const bool bad = top->jobs[PLACE_FAILED] || top->files_failed || top->errors;
    snprintf(line + used, sizeof line - used, "  done %" PRIu64 "  failed %" PRIu64 "  payloads failed %" PRIu64 "  bad records %" PRIu64,
             top->jobs[PLACE_PROCESSED], top->jobs[PLACE_FAILED], top->files_failed, top->errors);
    cmd_screen_add(screen, columns, bad ? BAD : NULL, "%s", line);
}

static void draw_queue(const struct top *top, int columns, struct cmd_screen *screen) {
    cmd_screen_add(screen, columns, DIM, "%-11s %7s %7s %7s %7s %8s %8s", "", "urgent", "high", "normal", "low", "all", "oldest");
    for (const enum place *place = queue_places; *place != PLACE_NONE; place++) {
        const struct queue_figure *f = top->queue.figures[*place], total = queue_total(&top->queue, *place);
        char age[24];
        cmd_screen_add(screen, columns, *place == PLACE_HOLD && total.depth ? WARN : NULL,
                       "%-11s %7" PRIu64 " %7" PRIu64 " %7" PRIu64 " %7" PRIu64 " %8" PRIu64 " %8s", place_name(*place), f[PRIORITY_URGENT].depth,
                       f[PRIORITY_HIGH].depth, f[PRIORITY_NORMAL].depth, f[PRIORITY_LOW].depth, total.depth,
                       total.depth ? cmd_span(age, top->now_us - total.oldest_us) : "-");
    }
}

static void draw_pauses(const struct top *top, int columns, size_t most, struct cmd_screen *screen) {
    for (size_t i = 0; i < top->pause_count && i < most; i++) {
        char left[24];
        cmd_screen_add(screen, columns, WARN, "source %s: nothing is sent for %s: %s%s", top->pauses[i].source,
                       cmd_span(left, top->pauses[i].until_us - top->now_us), top->pauses[i].reason,
                       i + 1 == most && top->pause_count > most ? "; and others" : "");
    }
}

/* Which columns fit. */
struct columns {
    int name;
    bool rate, cost, bar;
};

static struct columns choose(int columns) {
    struct columns c = {.bar = columns >= 60, .rate = columns >= 72, .cost = columns >= 80};
    const int used = 2 + (c.bar ? 1 + STATE : 1 + 10) + 1 + 11 + 1 + 5 + (c.rate ? 1 + 7 : 0) + (c.cost ? 1 + 8 : 0);
    c.name = columns - used > 4 ? columns - used : 4;
    return c;
}

static const char *state_of(const struct top *top, const struct top_job *job, char out[64], bool bar) {
    char left[24], drawn[BAR + 3];
    const char *reason = job->reason;
    switch (job->place) {
    case PLACE_PROCESSING:
        if (job->until_us)
            snprintf(out, 64, "waits %s %s", cmd_span(left, job->until_us - top->now_us), bar ? reason : "");
        else if (bar)
            snprintf(out, 64, "runs %*s %s", STATE - BAR - 2 - 6, "", cmd_bar(drawn, BAR, job->records, job->total));
        else
            str_copy(out, 64, "runs");
        return out;
    case PLACE_DEFERRED:
        snprintf(out, 64, "in %s %s", job->until_us ? cmd_span(left, job->until_us - top->now_us) : "?", reason);
        return out;
    case PLACE_PENDING:
        snprintf(out, 64, "pending %s", job->priority != PRIORITY_NORMAL ? priority_name(job->priority) : reason);
        return out;
    case PLACE_HOLD:
        snprintf(out, 64, "held %s", reason);
        return out;
    case PLACE_FAILED:
        snprintf(out, 64, "failed %s", reason);
        return out;
    case PLACE_NONE:
    case PLACE_PROCESSED:
    case PLACE_CANCELLED:
    case PLACE_COUNT:
        break;
    }
    str_copy(out, 64, place_name(job->place));
    return out;
}

static void draw_job(const struct top *top, const struct top_job *job, bool selected, int columns, struct cmd_screen *screen) {
    const struct columns c = choose(columns);
    char state[64], done[24], total[24], records[64], rate[24], eta[24], cost[DEC_TEXT_SIZE] = "-", line[600], name[TOP_NAME * 2];
    snprintf(records, sizeof records, "%s/%s", short_count(done, job->records), short_count(total, job->total));
    if (job->metered)
        dec_format(job->cost, cost);
    const int state_width = c.bar ? STATE : 10;
    size_t used =
        (size_t)snprintf(line, sizeof line, "%c %-*.*s %-*.*s %11.11s", selected ? '>' : ' ', c.name, c.name,
                         cmd_shown(name, sizeof name, short_name(job->name), true), state_width, state_width, state_of(top, job, state, c.bar), records);
    if (c.rate)
        used += (size_t)snprintf(line + used, sizeof line - used, " %7.7s", job->place == PLACE_PROCESSING ? look_rate(rate, &job->progress) : "-");
    used += (size_t)snprintf(line + used, sizeof line - used, " %5.5s", look_eta(eta, &job->progress, top->now_us));
    if (c.cost)
        snprintf(line + used, sizeof line - used, " %8.8s", cost);
    const bool doubt = dec_compare(job->in_doubt, dec_zero()) != 0;
    cmd_screen_add(screen, columns, selected ? SELECTED : job->place == PLACE_FAILED || doubt ? BAD : job->place == PLACE_HOLD ? WARN : NULL, "%s", line);
}

static void draw_titles(int columns, struct cmd_screen *screen) {
    const struct columns c = choose(columns);
    char line[400];
    size_t used = (size_t)snprintf(line, sizeof line, "  %-*.*s %-*s %11s", c.name, c.name, "JOB", c.bar ? STATE : 10, "STATE", "RECORDS");
    if (c.rate)
        used += (size_t)snprintf(line + used, sizeof line - used, " %7s", "PER S");
    used += (size_t)snprintf(line + used, sizeof line - used, " %5s", "LEFT");
    if (c.cost)
        snprintf(line + used, sizeof line - used, " %8s", "COST");
    cmd_screen_add(screen, columns, DIM, "%s", line);
}

static void scroll(struct top *top, size_t page) {
    top->page = page ? page : 1;
    if (top->row < top->first)
        top->first = top->row;
    if (top->row >= top->first + top->page)
        top->first = top->row - top->page + 1;
    if (top->first && top->first + top->page > top->count)
        top->first = top->count > top->page ? top->count - top->page : 0;
}

static void draw_selected(const struct top *top, int columns, struct cmd_screen *screen) {
    if (!top->count) {
        cmd_screen_add(screen, columns, DIM, "%s", "no job runs, waits or has failed");
        return;
    }
    const struct top_job *job = &top->list[top->row];
    char name[TOP_NAME * 2], source[140];
    cmd_screen_add(screen, columns, DIM, "%s  %s %s%s%s%s%s", cmd_shown(name, sizeof name, job->name, false),
                   cmd_shown(source, sizeof source, job->source, true), priority_name(job->priority), *job->reason ? "  " : "", job->reason,
                   *job->error ? ": " : "", job->error);
}

static void draw_keys(const struct top *top, int columns, struct cmd_screen *screen) {
    if (top->asks)
        cmd_screen_add(screen, columns, SELECTED, "cancel %s? y/n", short_name(top->selected));
    else if (*top->message)
        cmd_screen_add(screen, columns, BOLD, "%s", top->message);
    else
        cmd_screen_add(screen, columns, DIM, "%s",
                       columns >= 72 ? "up/down select  h hold  r release/retry  c cancel  + - priority  q quit" : "h hold  r release  c cancel  + -  q quit");
}

void cmd_top_draw(struct top *top, int columns, int rows, bool keys, struct cmd_screen *screen) {
    screen->count = 0;
    columns = columns < 20 ? 20 : columns;
    draw_head(top, columns, screen);
    if (rows == 0 || rows >= 12)
        draw_queue(top, columns, screen);
    draw_pauses(top, columns, rows == 0 ? TOP_PAUSES : rows >= 20 ? 3 : 1, screen);
    draw_titles(columns, screen);
    const int below = keys ? (rows >= 10 ? 2 : 1) : 0;
    const int room = rows ? rows - screen->count - below : CMD_TERM_ROWS - screen->count - 1;
    scroll(top, room > 0 ? (size_t)room : 0);
    for (size_t i = top->first; i < top->count && room > 0 && i < top->first + top->page; i++)
        draw_job(top, &top->list[i], keys && i == top->row, columns, screen);
    const uint64_t unseen = top->hidden + (top->count > top->page ? top->count - top->page : 0);
    if (!keys) {
        if (unseen)
            cmd_screen_add(screen, columns, NULL, "... and %" PRIu64 " more", unseen);
        return;
    }
    while (screen->count < rows - below)
        cmd_screen_add(screen, columns, NULL, "%s", "");
    if (below == 2)
        draw_selected(top, columns, screen);
    draw_keys(top, columns, screen);
    if (screen->count > rows)
        screen->count = rows;
}

static void add_time(cJSON *json, const char *name, int64_t us) {
    char when[CLOCK_RFC3339_SIZE];
    clock_format_rfc3339(us, 0, when);
    cJSON_AddItemToObject(json, name, us ? cJSON_CreateString(when) : cJSON_CreateNull());
}

cJSON *cmd_top_json(const struct top *top) {
    cJSON *json = cJSON_CreateObject();
    char text[DEC_TEXT_SIZE], shown[TOP_NAME * 2];
    cJSON_AddBoolToObject(json, "daemon_runs", top->daemon_runs);
    cJSON_AddItemToObject(json, "queue", queue_json(&top->queue, top->now_us));
    cJSON_AddNumberToObject(json, "completed", (double)top->jobs[PLACE_PROCESSED]);
    cJSON_AddNumberToObject(json, "failed", (double)top->jobs[PLACE_FAILED]);
    cJSON_AddNumberToObject(json, "files_failed", (double)top->files_failed);
    cJSON *list = cJSON_AddArrayToObject(json, "spent_today");
    for (size_t i = 0; i < top->money_count; i++) {
        cJSON *one = cJSON_CreateObject();
        cJSON_AddStringToObject(one, "currency", top->money[i].currency);
        dec_format(top->money[i].spent, text);
        cJSON_AddStringToObject(one, "cost", text);
        dec_format(top->money[i].in_doubt, text);
        cJSON_AddStringToObject(one, "cost_in_doubt", text);
        cJSON_AddItemToArray(list, one);
    }
    list = cJSON_AddArrayToObject(json, "paused");
    for (size_t i = 0; i < top->pause_count; i++) {
        cJSON *one = cJSON_CreateObject();
        cJSON_AddStringToObject(one, "source", top->pauses[i].source);
        cJSON_AddStringToObject(one, "reason", top->pauses[i].reason);
        add_time(one, "until", top->pauses[i].until_us);
        cJSON_AddItemToArray(list, one);
    }
    list = cJSON_AddArrayToObject(json, "jobs");
    for (size_t i = 0; i < top->count; i++) {
        const struct top_job *job = &top->list[i];
        cJSON *one = cJSON_CreateObject();
        cJSON_AddStringToObject(one, "name", cmd_shown(shown, sizeof shown, job->name, false));
        cJSON_AddStringToObject(one, "place", place_name(job->place));
        cJSON_AddStringToObject(one, "priority", priority_name(job->priority));
        cJSON_AddStringToObject(one, "reason", job->reason);
        cJSON_AddNumberToObject(one, "processed_records", (double)job->records);
        cJSON_AddItemToObject(one, "total_records", job->total == JOB_UNKNOWN ? cJSON_CreateNull() : cJSON_CreateNumber((double)job->total));
        cJSON_AddItemToObject(one, "rate_per_s", job->progress.rate_per_s < 0 ? cJSON_CreateNull() : cJSON_CreateNumber(job->progress.rate_per_s));
        add_time(one, "eta", job->progress.eta_us);
        add_time(one, "until", job->until_us);
        cJSON_AddItemToArray(list, one);
    }
    cJSON_AddNumberToObject(json, "jobs_not_listed", (double)top->hidden);
    return json;
}
