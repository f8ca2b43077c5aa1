// SPDX-License-Identifier: Apache-2.0
#include "cmd/cmd_jobs.h"

#include "base/clock.h"
#include "base/json.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define LOOK_EVERY_MS 500
#define BAR_WIDTH 20
#define IDLE_LOOKS 2 /* a scan races with renames: nothing to do is believed when it was seen twice */

/* The one global: what a signal handler may write. */
static volatile sig_atomic_t interrupted;

static void on_signal(int signo) {
    (void)signo;
    interrupted = 1;
}

struct watched {
    struct cmd_follow follow;
    enum place shown_place;
    uint64_t shown_records;
    bool seen, shown;
};

struct screen {
    struct watched *list;
    size_t count, capacity;
    bool terminal;
    size_t lines; /* drawn last */
};

static struct watched *watched_of(struct screen *screen, const char *id) {
    for (size_t i = 0; i < screen->count; i++)
        if (strcmp(screen->list[i].follow.job.id, id) == 0)
            return &screen->list[i];
    if (screen->count == screen->capacity) {
        size_t capacity = screen->capacity ? screen->capacity * 2 : 8;
        struct watched *list = realloc(screen->list, capacity * sizeof *list);
        if (!list)
            return NULL;
        screen->list = list;
        screen->capacity = capacity;
    }
    struct watched *w = &screen->list[screen->count++];
    memset(w, 0, sizeof *w);
    cmd_follow_init(&w->follow, id);
    return w;
}

static void format_line(struct cmd *cmd, const struct watched *w, bool bar, char *out, size_t size) {
    const struct job_row *row = &w->follow.row;
    const enum place place = w->follow.job.place;
    const int64_t now_us = clock_wall_us();
    const struct job_progress progress = cmd_job_progress(cmd, row, now_us);
    char bars[BAR_WIDTH + 4] = "", total[24] = "?", money[140] = "", reason[80] = "", rate[24], left[24], eta[40] = "", waits[48] = "", failed[32] = "";
    if (bar)
        cmd_bar(bars, BAR_WIDTH, row->processed_records, row->total_records);
    if (progress.eta_us && place == PLACE_PROCESSING)
        snprintf(eta, sizeof eta, "  %s left", look_eta(left, &progress, now_us));
    if (place == PLACE_PROCESSING)
        cmd_job_waits(cmd, row, now_us, waits);
    if (row->total_records != JOB_UNKNOWN)
        snprintf(total, sizeof total, "%" PRIu64, row->total_records);
    if (row->metered) {
        char plain[128];
        snprintf(money, sizeof money, "  %s", cmd_money(plain, row->cost, row->cost_in_doubt, row->currency));
    }
    if (row->failed_units)
        snprintf(failed, sizeof failed, "  %" PRIu64 " failed", row->failed_units);
    if (row->place == place && (*row->reason || *waits))
        snprintf(reason, sizeof reason, "  %s", *waits ? waits : row->reason);
    snprintf(out, size, "%s  %s%s%-10s %" PRIu64 "/%s%s  %s/s%s%s%s", row->id, bars, bar ? " " : "", place_status(place), row->processed_records, total, failed,
             progress.rate_per_s < 0 ? "0.0" : look_rate(rate, &progress), eta, money, reason);
}

static void draw(struct cmd *cmd, struct screen *screen) {
    struct winsize window = {.ws_col = 0};
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &window) != 0 || window.ws_col < 20 || window.ws_row < 3)
        window = (struct winsize){.ws_col = 80, .ws_row = 24};
    if (screen->lines)
        printf("\033[%zuA", screen->lines);
    size_t most = (size_t)window.ws_row - 2, drawn = screen->count < most ? screen->count : most;
    for (size_t i = 0; i < drawn; i++) {
        char line[512];
        format_line(cmd, &screen->list[i], true, line, sizeof line);
        printf("\r\033[K%.*s\n", (int)window.ws_col - 1, line);
    }
    screen->lines = drawn;
    if (drawn < screen->count) {
        printf("\r\033[K... and %zu more\n", screen->count - drawn);
        screen->lines++;
    }
    printf("\033[J");
    fflush(stdout);
}

static int print_changes(struct cmd *cmd, struct screen *screen) {
    for (size_t i = 0; i < screen->count; i++) {
        struct watched *w = &screen->list[i];
        const struct job_row *row = &w->follow.row;
        if (w->shown && w->shown_place == w->follow.job.place && w->shown_records == row->processed_records)
            continue;
        w->shown = true;
        w->shown_place = w->follow.job.place;
        w->shown_records = row->processed_records;
        if (cmd->json) {
            cJSON *json = job_row_json(row);
            cJSON_DeleteItemFromObjectCaseSensitive(json, "place");
            cJSON_AddStringToObject(json, "place", place_name(w->follow.job.place));
            cJSON_ReplaceItemInObjectCaseSensitive(json, "status", cJSON_CreateString(place_status(w->follow.job.place)));
            cmd_job_progress_json(cmd, row, json);
            int code = cmd_print_json(cmd, json);
            if (code)
                return code;
        } else {
            char line[512];
            format_line(cmd, w, false, line, sizeof line);
            puts(line);
        }
    }
    return fflush(stdout) == 0 ? EXIT_DONE : cmd_fail(cmd, EXIT_IO, "standard output: %s", strerror(errno));
}

/* Jobs that run or wait for their turn come in; those that were seen stay to show how they ended. *busy: something may still happen by itself. */
static enum rc look_at_all(struct cmd *cmd, struct screen *screen, bool *busy, struct err *err) {
    struct jobs jobs;
    *busy = false;
    enum rc rc = jobs_scan(cmd->spool, &jobs, err);
    for (size_t i = 0; !rc && i < jobs.count; i++) {
        const enum place place = jobs.list[i].place;
        if (!jobs.list[i].id[0] || (place != PLACE_PENDING && place != PLACE_PROCESSING))
            continue;
        *busy = true;
        if (!watched_of(screen, jobs.list[i].id))
            rc = err_set(err, RC_TEMP, "out of memory");
    }
    jobs_release(&jobs);
    for (size_t i = 0; !rc && i < screen->count; i++)
        rc = cmd_follow_look(cmd, &screen->list[i].follow, err);
    return rc;
}

static enum rc look_at_one(struct cmd *cmd, struct screen *screen, bool *busy, int *end, struct err *err) {
    enum rc rc = cmd_follow_look(cmd, &screen->list[0].follow, err);
    *end = rc ? EXIT_IO : cmd_follow_end(&screen->list[0].follow);
    *busy = *end < 0;
    return rc;
}

static void show(struct screen *screen) {
    if (screen->terminal)
        printf("\033[?25h");
    fflush(stdout);
}

static int watch(struct cmd *cmd, struct screen *screen, bool one) {
    int end = EXIT_DONE, idle = 0;
    while (!interrupted) {
        struct err err = {0};
        bool busy;
        enum rc rc = one ? look_at_one(cmd, screen, &busy, &end, &err) : look_at_all(cmd, screen, &busy, &err);
        if (rc)
            return cmd_fail_rc(cmd, rc, &err);
        int code = EXIT_DONE;
        if (screen->terminal)
            draw(cmd, screen);
        else
            code = print_changes(cmd, screen);
        idle = busy ? 0 : idle + 1;
        if (code || (one && !busy) || idle >= IDLE_LOOKS)
            return code ? code : end;
        if (!spool_daemon_runs(cmd->spool) && busy)
            return cmd_fail(cmd, EXIT_NO_DAEMON, "no daemon runs on %s: nothing will move until batchspoold is started", cmd->spool->root);
        poll(NULL, 0, LOOK_EVERY_MS);
    }
    return EXIT_DONE;
}

int cmd_watch(struct cmd *cmd, int argc, char **argv) {
    int code;
    if (!cmd_parse(cmd, &argc, &argv, NULL, &code))
        return code;
    if (argc > 1)
        return cmd_usage(cmd);
    if ((code = cmd_open(cmd)) != EXIT_DONE)
        return code;
    struct screen screen = {.terminal = !cmd->json && isatty(STDOUT_FILENO)};
    struct jobs_entry job = {.file = NULL};
    if (argc == 1 && (code = cmd_job_find(cmd, argv[0], &job)) != EXIT_DONE)
        return code;
    if (job.file) {
        code = cmd_fail(cmd, EXIT_LATER, "%s: it was not accepted yet and has no id to follow", job.file);
        free(job.file);
        return code;
    }
    if (argc == 1 && !watched_of(&screen, job.id))
        return cmd_fail(cmd, EXIT_IO, "out of memory");
    const struct sigaction action = {.sa_handler = on_signal};
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGHUP, &action, NULL);
    if (screen.terminal)
        printf("\033[?25l");
    code = watch(cmd, &screen, argc == 1);
    show(&screen);
    free(screen.list);
    return code;
}
