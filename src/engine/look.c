// SPDX-License-Identifier: Apache-2.0
#include "engine/look.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/limits.h"
#include "base/str.h"
#include "engine/limits_look.h"
#include "engine/paused.h"
#include "os/fsio.h"
#include "source/criteria.h"

#include <stdio.h>
#include <string.h>

static void copy_member(char *out, size_t size, const cJSON *json, const char *name) {
    const cJSON *value = cJSON_GetObjectItemCaseSensitive(json, name);
    if (cJSON_IsString(value))
        str_copy(out, size, value->valuestring);
}

/* What a file that was not accepted yet says of itself, as far as it can be read. False: it is not there any more. */
static bool describe_drop(const struct spool *spool, const struct jobs_entry *job, struct job_row *row) {
    char name[JOBID_SIZE + 8];
    const char *file = jobs_file(job, name);
    struct stat st;
    const enum rc there = fsio_stat(spool->place_fd[job->place], file, &st, NULL);
    if (there)
        return there != RC_GONE;
    row->created_us = row->updated_us = (int64_t)st.st_mtim.tv_sec * 1000000 + st.st_mtim.tv_nsec / 1000;
    struct buf text = BUF_INIT(LIMIT_JOB_FILE_BYTES);
    struct err ignored = {0};
    if (fsio_read_file(spool->place_fd[job->place], file, &text, &ignored) == RC_OK &&
        criteria_source(file, buf_text(&text), text.length, row->source, row->mode, &ignored) == RC_OK) {
        cJSON *json = cJSON_ParseWithLength(buf_text(&text), text.length);
        char priority[16] = "";
        copy_member(row->campaign, sizeof row->campaign, json, "campaign_id");
        copy_member(row->name, sizeof row->name, json, "name");
        copy_member(priority, sizeof priority, json, "priority");
        if (*priority)
            priority_parse(priority, &row->priority);
        cJSON_Delete(json);
    }
    buf_release(&text);
    return true;
}

enum rc look_journalled(const struct look *look, const char *id, struct job_row *row, struct err *err) {
    uint64_t bytes;
    if (!jobs_journal_bytes(look->spool, id, &bytes))
        return err_set(err, RC_GONE, "%s: no journal", id);
    if (bytes && row->journal_offset == bytes && strcmp(row->id, id) == 0)
        return RC_OK;
    return index_job_now(look->index, look->spool, id, row, err);
}

/* Where the file lies is the state, whatever the journal said last. */
static void lay_place(const struct jobs_entry *job, struct job_row *row) {
    if (row->place == job->place || (row->archived_us && job->place == PLACE_NONE))
        return;
    str_copy(row->reason, sizeof row->reason, job->place == PLACE_NONE ? "missing" : "mv");
    row->error_details[0] = '\0';
    if (job->place != PLACE_NONE)
        row->place = job->place;
}

enum rc look_row(const struct look *look, const struct jobs_entry *job, struct job_row *row, struct err *err) {
    job_row_init(row, job->id);
    enum rc rc = job->id[0] ? look_journalled(look, job->id, row, err) : RC_GONE;
    if (rc == RC_GONE) {
        job_row_init(row, job->id);
        row->place = job->place;
        if (job->place == PLACE_NONE || !describe_drop(look->spool, job, row))
            return err_set(err, RC_GONE, "%s: it went away meanwhile", job->file ? job->file : job->id);
        if (!*row->mode) /* it cannot be read */
            str_copy(row->mode, sizeof row->mode, "run");
        return RC_OK;
    }
    if (rc == RC_CORRUPT) {
        row->place = job->place == PLACE_NONE ? row->place : job->place;
        str_copy(row->reason, sizeof row->reason, "damaged");
        str_copy(row->error_details, sizeof row->error_details, err->text);
    } else if (!rc)
        lay_place(job, row);
    if (!*row->mode) /* it was never accepted */
        str_copy(row->mode, sizeof row->mode, "run");
    return rc;
}

int64_t look_waits(const struct look *look, const struct job_row *row, int64_t now_us, char reason[48]) {
    const char *own = "";
    const struct source *source = NULL;
    struct paused paused;
    const int64_t until_us = job_waits_until(row, now_us, &own);
    str_copy(reason, 48, own);
    if (until_us || row->place != PLACE_PROCESSING || row->requested_us > row->outcome_us)
        return until_us; /* something is in flight */
    if (row->total_records != JOB_UNKNOWN && row->processed_records + row->failed_units >= row->total_records)
        return 0;
    if (look->sources && sources_get(look->sources, row->source, &source, NULL) != RC_OK)
        source = NULL;
    if (!paused_look(look->index, row->source, source, now_us, &paused))
        return 0;
    str_copy(reason, 48, paused.reason);
    return paused.until_us;
}

/* What the rates and quotas of its source make it take. */
static void heed_quotas(const struct look *look, const struct job_row *row, int64_t now_us, struct job_progress *progress) {
    struct limits_window windows[SOURCE_MAX_WINDOWS];
    const struct source *source = NULL;
    const uint64_t over = row->processed_records + row->failed_units;
    uint64_t rest = 0, days = 0;
    if (!row->processed_records || over >= row->total_records || !look->sources || sources_get(look->sources, row->source, &source, NULL) != RC_OK)
        return;
    const double left = (double)(row->total_records - over), pages = left * (double)row->captured_batches / (double)row->processed_records;
    for (unsigned i = 0; i < source->rate_count; i++) {
        const int64_t bound_us = now_us + (int64_t)(pages / (double)source->rates[i].limit * (double)source->rates[i].interval_ms * 1000);
        progress->eta_us = bound_us > progress->eta_us ? bound_us : progress->eta_us;
    }
    if (!source->window_count)
        return;
    const unsigned count = limits_look_windows(look->index, source, now_us, windows);
    const double quota_s = limits_look_quota_s(windows, count, (uint64_t)(pages + 0.5), now_us, &rest, &days);
    const double last_s = pages > 0 ? left * ((double)rest / pages) / progress->rate_per_s : 0;
    if (quota_s > 0 && quota_s + last_s < 1e10 && now_us + (int64_t)((quota_s + last_s) * 1e6) > progress->eta_us)
        progress->eta_us = now_us + (int64_t)((quota_s + last_s) * 1e6);
}

struct job_progress look_progress(const struct look *look, const struct job_row *row, int64_t now_us) {
    struct job_progress progress = job_progress(row, now_us);
    char reason[48];
    if (!progress.eta_us)
        return progress;
    if (!spool_daemon_runs(look->spool)) {
        progress.eta_us = 0;
        return progress;
    }
    const int64_t until_us = look_waits(look, row, now_us, reason);
    progress.eta_us += until_us > now_us ? until_us - now_us : 0;
    heed_quotas(look, row, now_us, &progress);
    return progress;
}

void look_progress_json(const struct look *look, const struct job_row *row, cJSON *json) {
    char reason[48], when[CLOCK_RFC3339_SIZE];
    const int64_t now_us = clock_wall_us(), until_us = look_waits(look, row, now_us, reason);
    const struct job_progress progress = look_progress(look, row, now_us);
    job_progress_json(row, &progress, now_us, json);
    if (!until_us)
        return;
    clock_format_rfc3339(until_us, 6, when);
    cJSON_ReplaceItemInObjectCaseSensitive(json, "waiting_until", cJSON_CreateString(when));
    cJSON_ReplaceItemInObjectCaseSensitive(json, "waiting_for", cJSON_CreateString(reason));
}

const char *look_rate(char out[24], const struct job_progress *progress) {
    if (progress->rate_per_s < 0)
        str_copy(out, 24, "-");
    else
        snprintf(out, 24, progress->rate_per_s < 1000 ? "%.1f" : "%.0f", progress->rate_per_s);
    return out;
}

const char *look_eta(char out[24], const struct job_progress *progress, int64_t now_us) {
    if (!progress->eta_us)
        str_copy(out, 24, "-");
    else
        clock_format_span(progress->eta_us - now_us, out);
    return out;
}
