// SPDX-License-Identifier: Apache-2.0
#include "cmd/cmd_jobs.h"

#include "base/clock.h"
#include "os/fsio.h"

#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LOOK_EVERY_MS 100
#define DAEMON_GONE_MS 10000 /* a daemon that restarts is waited for */

void cmd_follow_init(struct cmd_follow *follow, const char *id) {
    memset(follow, 0, sizeof *follow);
    str_copy(follow->job.id, sizeof follow->job.id, id);
    job_row_init(&follow->row, id);
}

enum rc cmd_follow_look(struct cmd *cmd, struct cmd_follow *follow, struct err *err) {
    follow->job.place = jobs_place(cmd->spool, follow->job.id);
    enum rc rc = cmd_job_journalled(cmd, follow->job.id, &follow->row, err);
    follow->started = follow->started || rc == RC_OK;
    return rc == RC_GONE ? RC_OK : rc;
}

int cmd_follow_end(const struct cmd_follow *follow) {
    switch (follow->job.place) {
    case PLACE_PROCESSED:
        return EXIT_DONE;
    case PLACE_FAILED:
    case PLACE_CANCELLED:
        return EXIT_INCOMPLETE;
    case PLACE_HOLD:
        return EXIT_LATER;
    case PLACE_PENDING:
    case PLACE_PROCESSING:
    case PLACE_DEFERRED:
    case PLACE_NONE:
    case PLACE_COUNT:
        break;
    }
    return -1;
}

static bool answered(const struct cmd *cmd, const char *id, const char *file) {
    char path[JOBID_SIZE + 80];
    struct stat st;
    return file && str_format(path, sizeof path, "%s/%s", id, file) && fsio_stat(cmd->spool->results_fd, path, &st, NULL) == RC_OK;
}

static void tell(const struct cmd *cmd, const struct cmd_follow *follow) {
    const struct job_row *row = &follow->row;
    if (follow->job.place == PLACE_PROCESSED) {
        if (row->failed_units)
            cmd_say(cmd, "%s: complete; %" PRIu64 " of its %" PRIu64 " units failed: `batchspool why %s` names them", follow->job.id, row->failed_units,
                    row->total_records, follow->job.id);
        return;
    }
    /* Out of processing/ the event comes before the rename, elsewhere after it: the reason may not be there yet, but then the place tells enough. */
    const bool known = row->place == follow->job.place;
    cmd_say(cmd, "%s: %s%s%s%s%s", follow->job.id, place_name(follow->job.place), known && *row->reason ? ": " : "", known ? row->reason : "",
            known && *row->error_details ? ": " : "", known ? row->error_details : "");
}

static int worse(int a, int b) {
    if (a == EXIT_INCOMPLETE || b == EXIT_INCOMPLETE)
        return EXIT_INCOMPLETE;
    return a > b ? a : b;
}

int cmd_follow_wait(struct cmd *cmd, struct cmd_follow *follows, size_t count, const char *file) {
    bool *ended = calloc(count + 1, sizeof *ended);
    if (!ended)
        return cmd_fail(cmd, EXIT_IO, "out of memory");
    int code = EXIT_DONE;
    size_t left = count;
    int64_t seen_ms = 0; /* when a daemon was seen last; none at the start is told at once */
    while (left) {
        for (size_t i = 0; i < count; i++) {
            struct err err = {0};
            if (ended[i])
                continue;
            bool has_answer = answered(cmd, follows[i].job.id, file);
            enum rc rc = cmd_follow_look(cmd, &follows[i], &err);
            int end = rc ? cmd_fail_rc(cmd, rc, &err) : has_answer ? EXIT_DONE : cmd_follow_end(&follows[i]);
            if (end < 0)
                continue;
            if (!rc && !has_answer)
                tell(cmd, &follows[i]);
            ended[i] = true;
            left--;
            code = worse(code, end);
        }
        int64_t now = clock_mono_ms();
        if (spool_daemon_runs(cmd->spool))
            seen_ms = now;
        else if (left && (!seen_ms || now - seen_ms > DAEMON_GONE_MS)) {
            code = cmd_fail(cmd, EXIT_NO_DAEMON, "no daemon runs on %s; the jobs stay where they are until batchspoold is started", cmd->spool->root);
            break;
        }
        if (left)
            poll(NULL, 0, LOOK_EVERY_MS);
    }
    free(ended);
    return code;
}
