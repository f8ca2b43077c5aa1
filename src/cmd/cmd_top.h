// SPDX-License-Identifier: Apache-2.0
#ifndef CMD_CMD_TOP_H
#define CMD_CMD_TOP_H

#include "cmd/cmd_jobs.h"
#include "cmd/cmd_term.h"
#include "engine/queue.h"

/* `top`: cmd_top.c (keys, time), cmd_top_look.c (what there is), cmd_top_draw.c (what is seen). */

#define TOP_NAME 256
#define TOP_MOST 250 /* jobs of one priority and place that are in the list; the others are counted */

struct top_job {
    char name[TOP_NAME]; /* its id, or its file's name when it has none */
    enum place place;
    enum priority priority;
    char source[65], reason[48], error[200], currency[9];
    uint64_t records, total, errors;
    struct job_progress progress;
    int64_t until_us; /* it waits, or is deferred, until then; 0 */
    struct dec cost, in_doubt;
    bool metered;
};

#define TOP_MONEY 4
#define TOP_PAUSES 8

struct top {
    struct cmd *cmd;
    int64_t now_us;
    bool daemon_runs;
    struct queue queue;
    uint64_t jobs[PLACE_COUNT], drops, files_failed, errors; /* errors: records of the jobs in the list that could not be loaded */
    struct top_money {
        char currency[9];
        struct dec spent, in_doubt;
    } money[TOP_MONEY]; /* of today, by currency */
    size_t money_count;
    bool money_known; /* there is an index */
    struct top_pause {
        char source[65], reason[48];
        int64_t until_us;
    } pauses[TOP_PAUSES];
    size_t pause_count;
    struct top_job *list; /* running, held, pending, deferred, failed */
    size_t count, capacity;
    uint64_t hidden; /* jobs of these places that are not in the list */
    /* what the keys have done */
    char selected[TOP_NAME];
    size_t row, first; /* of the selected one; the first that is shown */
    size_t page;       /* rows of the list that fit; set by drawing */
    bool asks;         /* a question is open: cancel the selected job? */
    char message[600];
};

/* Look at the spool anew; the selected job stays selected while it is in the list. */
enum rc cmd_top_look(struct top *top, struct err *err);
void cmd_top_release(struct top *top);
/* rows 0: as many as there are. keys: with the line that tells them. */
void cmd_top_draw(struct top *top, int columns, int rows, bool keys, struct cmd_screen *screen);
cJSON *cmd_top_json(const struct top *top);

#endif
