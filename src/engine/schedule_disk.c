// SPDX-License-Identifier: Apache-2.0
#include "engine/schedule_disk.h"

#include <string.h>

#include "source/criteria.h"
#include "source/units.h"

#define DAY_S INT64_C(86400)
#define MONTH_DAYS 31 /* the longest */

/* --- the job to go by ------------------------------------------------------------------------------------------------- */

struct newest {
    const char *source;
    char id[JOBID_SIZE];
};

static bool see_job(void *context, const struct job_row *row) {
    struct newest *newest = context;
    if (strcmp(row->source, newest->source) == 0 && strcmp(row->mode, "run") == 0 && row->captured_batches > 0 && strcmp(row->id, newest->id) > 0)
        str_copy(newest->id, sizeof newest->id, row->id);
    return true;
}

struct answers {
    uint64_t bytes, pages;
};

static void on_line(void *context, const struct job_row *row, const struct journal_line *line) {
    struct answers *answers = context;
    const cJSON *bytes = cJSON_GetObjectItemCaseSensitive(line->json, "bytes");
    (void)row;
    if (strcmp(line->event, "captured") != 0 || !cJSON_IsNumber(bytes) || bytes->valuedouble < 0 || bytes->valuedouble > 1e15)
        return;
    answers->bytes += (uint64_t)bytes->valuedouble;
    answers->pages += !job_line_inner(line);
}

static bool measure(const struct spool *spool, const char *id, struct schedule_disk *disk) {
    struct answers answers = {0, 0};
    struct job_row row;
    const enum rc rc = *id ? job_row_read(spool, id, &row, on_line, &answers, NULL) : RC_GONE;
    if ((rc && rc != RC_CORRUPT) || !answers.pages)
        return false;
    str_copy(disk->job_id, sizeof disk->job_id, id);
    disk->pages = answers.pages;
    disk->page_bytes = answers.bytes / answers.pages;
    return true;
}

/* --- a run ------------------------------------------------------------------------------------------------------------ */

/* Units of the schedule's lists; 0: it has none. */
static uint64_t units_of(const struct source *source, const struct slice *job) {
    struct criteria *criteria = NULL;
    struct units *units = NULL;
    uint64_t count = 0;
    if (source->list_count && criteria_parse("job", job->data, job->length, source, &criteria, NULL) == RC_OK &&
        units_new(source, criteria->json, criteria->take, &units, NULL) == RC_OK)
        count = units->count;
    units_free(units);
    criteria_free(criteria);
    return count;
}

static void count_runs(const struct schedule_seen *seen, unsigned payload_months, int64_t now_s, struct schedule_disk *disk) {
    const int64_t end_s = now_s + ((int64_t)payload_months + 1) * MONTH_DAYS * DAY_S;
    int64_t at_s = now_s;
    while (disk->runs < SCHEDULE_DISK_RUNS && schedule_next(&seen->file.schedule, at_s, &at_s) && at_s <= end_s)
        disk->runs++;
    disk->runs_cut = disk->runs == SCHEDULE_DISK_RUNS;
}

enum rc schedule_disk(const struct spool *spool, struct index *index, struct sources *sources, const struct schedule_seen *seen, unsigned payload_months,
                      int64_t now_s, struct schedule_disk *disk, struct err *err) {
    char name[65], mode[16];
    const struct source *source;
    memset(disk, 0, sizeof *disk);
    enum rc rc = criteria_source("job", seen->file.job.data, seen->file.job.length, name, mode, err);
    rc = rc ? rc : sources_get(sources, name, &source, err);
    if (rc)
        return rc;
    count_runs(seen, payload_months, now_s, disk);
    if (!measure(spool, seen->state.job_id, disk)) {
        struct newest newest = {.source = name};
        if (index)
            index_jobs(index, PLACE_PROCESSED, "", see_job, &newest, NULL);
        if (!measure(spool, newest.id, disk))
            return err_set(err, RC_GONE, "no job of %s has completed yet: what an answer takes is not known", name);
    }
    const uint64_t units = units_of(source, &seen->file.job);
    disk->run_pages = units ? units : disk->pages;
    if (__builtin_mul_overflow(disk->page_bytes, disk->run_pages, &disk->bytes) || __builtin_mul_overflow(disk->bytes, disk->runs, &disk->bytes))
        disk->bytes = UINT64_MAX;
    return RC_OK;
}
