// SPDX-License-Identifier: Apache-2.0
#include "cmd/cmd_estimate.h"

#include "base/clock.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

const char *cmd_duration(char out[32], double seconds) {
    const int64_t minutes = seconds < 1e15 ? (int64_t)(seconds / 60) : INT64_MAX / 60;
    if (seconds < 10)
        snprintf(out, 32, "%.1f s", seconds);
    else if (seconds < 120)
        snprintf(out, 32, "%.0f s", seconds);
    else if (minutes < 120)
        snprintf(out, 32, "%" PRId64 " min", minutes);
    else if (minutes < 48 * 60)
        snprintf(out, 32, "%" PRId64 " h %" PRId64 " min", minutes / 60, minutes % 60);
    else
        snprintf(out, 32, "%" PRId64 " days", minutes / 1440);
    return out;
}

const char *cmd_guess(char out[CMD_ESTIMATE_TEXT], const struct job_guess *guess, const char *currency) {
    struct buf text = BUF_INIT(CMD_ESTIMATE_TEXT - 1);
    char room[128];
    const char *comma = "";
    if (guess->requests != JOB_UNKNOWN) {
        buf_printf(&text, "%" PRIu64 " request%s", guess->requests, guess->requests == 1 ? "" : "s");
        comma = ", ";
    }
    if (guess->records != JOB_UNKNOWN) {
        buf_printf(&text, "%s%" PRIu64 " record%s", comma, guess->records, guess->records == 1 ? "" : "s");
        comma = ", ";
    }
    if (guess->priced)
        buf_printf(&text, "%s%s", comma, cmd_money(room, guess->cost, dec_zero(), currency));
    if (guess->ms != JOB_UNKNOWN)
        buf_printf(&text, "%s%s", comma, cmd_duration(room, (double)guess->ms / 1000));
    if (guess->ms != JOB_UNKNOWN && guess->basis[0])
        buf_printf(&text, " (%s)", guess->basis);
    str_copy(out, CMD_ESTIMATE_TEXT, buf_text(&text));
    buf_release(&text);
    return out;
}

void cmd_estimate(struct cmd *cmd, const struct source *source, const struct criteria *criteria, char out[CMD_ESTIMATE_TEXT]) {
    const int64_t now_us = clock_wall_us();
    const struct reuse_search search = {.source = criteria->source, .hash = criteria->hash, .take = criteria->take, .automatic = criteria->automatic};
    struct index *index = cmd_index(cmd);
    struct estimate_source look;
    struct estimate estimate;
    char other[JOBID_SIZE], text[CMD_ESTIMATE_TEXT];
    out[0] = '\0';
    if (strcmp(criteria->mode, "run") != 0)
        return;
    if (index && source->cache_ttl_ms && criteria->cache && criteria->not_before_us <= now_us &&
        reuse_completed(index, &search, now_us - source->cache_ttl_ms * 1000, other, NULL) == RC_OK) {
        str_format(out, CMD_ESTIMATE_TEXT, "job %s answers it, nothing will be asked for", other);
        return;
    }
    estimate_look(index, source, criteria->priority, "", now_us, &look);
    estimate_job(index, source, criteria, JOB_UNKNOWN, NULL, &look, cmd->config.max_concurrent_jobs, &estimate);
    const bool bound = strcmp(estimate.records_from, "take") == 0 || strcmp(estimate.records_from, "max_records") == 0;
    if (*cmd_guess(text, &estimate.guess, source->currency))
        str_format(out, CMD_ESTIMATE_TEXT, "%s %.300s", bound ? "at most" : "about", text);
}
