// SPDX-License-Identifier: Apache-2.0
#include "cmd/cmd_top.h"

#include "base/clock.h"
#include "engine/paused.h"
#include "os/dirscan.h"
#include "spool/payload.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>

static int place_order(enum place place) {
    static const int orders[PLACE_COUNT] = {[PLACE_PROCESSING] = 1, [PLACE_HOLD] = 2, [PLACE_PENDING] = 3, [PLACE_DEFERRED] = 4, [PLACE_FAILED] = 5};
    return orders[place];
}

static int order(const void *a, const void *b) {
    const struct top_job *x = a, *y = b;
    if (x->place != y->place)
        return place_order(x->place) - place_order(y->place);
    if (x->place == PLACE_FAILED)
        return strcmp(y->name, x->name); /* the last one first */
    if (x->priority != y->priority)
        return (int)y->priority - (int)x->priority;
    return strcmp(x->name, y->name);
}

static enum rc add_job(struct top *top, const struct jobs_entry *job, const struct job_row *row, struct err *err) {
    if (top->count == top->capacity) {
        size_t capacity = top->capacity ? top->capacity * 2 : 64;
        struct top_job *list = realloc(top->list, capacity * sizeof *list);
        if (!list)
            return err_set(err, RC_TEMP, "out of memory");
        top->list = list;
        top->capacity = capacity;
    }
    struct top_job *t = &top->list[top->count++];
    *t = (struct top_job){.place = row->place,
                          .priority = row->priority,
                          .records = row->processed_records,
                          .total = row->total_records,
                          .errors = row->error_count,
                          .progress = cmd_job_progress(top->cmd, row, top->now_us),
                          .until_us = row->place == PLACE_DEFERRED ? row->until_us : 0,
                          .cost = row->cost,
                          .in_doubt = row->cost_in_doubt,
                          .metered = row->metered};
    str_copy(t->name, sizeof t->name, job->file ? job->file : job->id);
    str_copy(t->source, sizeof t->source, row->source);
    str_copy(t->reason, sizeof t->reason, row->reason);
    str_copy(t->currency, sizeof t->currency, row->currency);
    str_format(t->error, sizeof t->error, "%.190s", row->error_details);
    if (row->place == PLACE_PROCESSING)
        t->until_us = cmd_job_waits(top->cmd, row, top->now_us, t->reason);
    top->errors += t->errors;
    return RC_OK;
}

/* Of 100,000 files that wait the first ones are enough, of those that failed the last ones. */
static enum rc take_jobs(struct top *top, const struct jobs *jobs, struct err *err) {
    size_t taken[PLACE_COUNT][PRIORITY_URGENT + 1] = {{0}};
    uint64_t failed = 0;
    enum rc rc = RC_OK;
    for (size_t i = 0; i < jobs->count; i++)
        top->jobs[jobs->list[i].place]++;
    for (size_t i = 0; !rc && i < jobs->count; i++) {
        const struct jobs_entry *job = &jobs->list[i];
        struct job_row row;
        struct err one = {0};
        if (!place_order(job->place))
            continue;
        if (job->place == PLACE_FAILED && ++failed + TOP_MOST <= top->jobs[PLACE_FAILED]) {
            top->hidden++;
            continue;
        }
        rc = cmd_job_row(top->cmd, job, &row, &one);
        if (rc == RC_GONE || rc == RC_CORRUPT)
            rc = RC_OK;
        if (rc) {
            *err = one;
            break;
        }
        if (row.place != job->place || strcmp(row.mode, "run") != 0)
            continue;
        queue_add(&top->queue, &row);
        top->drops += job->place == PLACE_PENDING && !row.accepted;
        if (taken[row.place][row.priority]++ < TOP_MOST)
            rc = add_job(top, job, &row, err);
        else
            top->hidden++;
    }
    if (top->count)
        qsort(top->list, top->count, sizeof *top->list, order);
    return rc;
}

static void add_money(struct top *top, const char *name, const struct source *source) {
    char day[CLOCK_RFC3339_SIZE];
    struct job_money today;
    clock_format_rfc3339(top->now_us, 0, day);
    day[strlen("2026-11-23")] = '\0';
    if (!source->metered || index_spent(cmd_index(top->cmd), name, day, &today, NULL))
        return;
    size_t i = 0;
    while (i < top->money_count && strcmp(top->money[i].currency, source->currency) != 0)
        i++;
    if (i == TOP_MONEY)
        return;
    if (i == top->money_count) {
        top->money_count++;
        top->money[i].spent = top->money[i].in_doubt = dec_zero();
        str_copy(top->money[i].currency, sizeof top->money[i].currency, source->currency);
    }
    top->money[i].spent = dec_add(top->money[i].spent, today.spent);
    top->money[i].in_doubt = dec_add(top->money[i].in_doubt, today.in_doubt);
}

static bool see_source(void *context, const char *name) {
    struct top *top = context;
    const struct source *source = NULL;
    struct paused paused;
    if (sources_get(top->cmd->sources, name, &source, NULL) != RC_OK)
        source = NULL;
    if (source)
        add_money(top, name, source);
    if (paused_look(cmd_index(top->cmd), name, source, top->now_us, &paused) && top->pause_count < TOP_PAUSES) {
        struct top_pause *pause = &top->pauses[top->pause_count++];
        pause->until_us = paused.until_us;
        str_copy(pause->source, sizeof pause->source, name);
        str_copy(pause->reason, sizeof pause->reason, paused.reason);
    }
    return true;
}

static uint64_t count_failed_files(const struct spool *spool) {
    struct dirscan *scan;
    const char *name;
    unsigned char type;
    char id[JOBID_SIZE];
    uint32_t batch;
    uint64_t count = 0;
    if (dirscan_open(spool->shelf_fd[SHELF_FAILED], ".", &scan, NULL))
        return 0;
    while (dirscan_next(scan, &name, &type, NULL) == RC_OK)
        count += type == DT_LNK && payload_marker_parse(name, id, &batch);
    dirscan_close(scan);
    return count;
}

/* The selected job may have moved in the list, or out of it. */
static void find_selected(struct top *top) {
    for (size_t i = 0; i < top->count; i++)
        if (strcmp(top->list[i].name, top->selected) == 0) {
            top->row = i;
            return;
        }
    if (top->row >= top->count)
        top->row = top->count ? top->count - 1 : 0;
    str_copy(top->selected, sizeof top->selected, top->count ? top->list[top->row].name : "");
    top->asks = false; /* what was asked about is not there any more */
}

enum rc cmd_top_look(struct top *top, struct err *err) {
    struct jobs jobs;
    top->now_us = clock_wall_us();
    top->daemon_runs = spool_daemon_runs(top->cmd->spool);
    if (!top->cmd->index) /* the daemon may have made one meanwhile */
        top->cmd->index_looked = false;
    top->queue = (struct queue){.figures = {{{0, 0}}}};
    memset(top->jobs, 0, sizeof top->jobs);
    top->drops = top->errors = top->hidden = 0;
    top->count = top->money_count = top->pause_count = 0;
    top->money_known = cmd_index(top->cmd) != NULL;
    enum rc rc = jobs_scan(top->cmd->spool, &jobs, err);
    if (!rc)
        rc = take_jobs(top, &jobs, err);
    jobs_release(&jobs);
    if (top->money_known) {
        struct err none = {0};
        sources_list(top->cmd->sources, see_source, top, &none);
        top->jobs[PLACE_PROCESSED] = index_count(cmd_index(top->cmd), PLACE_PROCESSED); /* without previews and the like */
    }
    top->files_failed = count_failed_files(top->cmd->spool);
    find_selected(top);
    return rc;
}

void cmd_top_release(struct top *top) {
    free(top->list);
    top->list = NULL;
}
