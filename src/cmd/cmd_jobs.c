// SPDX-License-Identifier: Apache-2.0
#include "cmd/cmd_jobs.h"

#include "base/clock.h"
#include "base/json.h"
#include "base/limits.h"
#include "engine/paused.h"
#include "os/dirscan.h"
#include "os/fsio.h"
#include "source/criteria.h"
#include "spool/payload.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void cmd_jobs_release(struct cmd_jobs *jobs) {
    for (size_t i = 0; i < jobs->count; i++)
        free(jobs->list[i].file);
    free(jobs->list);
    *jobs = (struct cmd_jobs){NULL, 0, 0};
}

/* id or file is NULL. */
static enum rc add_job(struct cmd_jobs *jobs, const char *id, const char *file, enum place place, struct err *err) {
    if (jobs->count == jobs->capacity) {
        size_t capacity = jobs->capacity ? jobs->capacity * 2 : 64;
        struct cmd_job *list = realloc(jobs->list, capacity * sizeof *list);
        if (!list)
            return err_set(err, RC_TEMP, "out of memory");
        jobs->list = list;
        jobs->capacity = capacity;
    }
    struct cmd_job job = {.place = place};
    if (id)
        str_copy(job.id, sizeof job.id, id);
    if (file && !(job.file = strdup(file)))
        return err_set(err, RC_TEMP, "out of memory");
    jobs->list[jobs->count++] = job;
    return RC_OK;
}

static bool id_of_journal(const char *name, char id[JOBID_SIZE]) {
    size_t length = strlen(name);
    if (!str_ends(name, ".ndjson") || length - 7 >= JOBID_SIZE)
        return false;
    memcpy(id, name, length - 7);
    id[length - 7] = '\0';
    return jobid_valid(id);
}

static enum rc scan_place(const struct spool *spool, enum place place, struct cmd_jobs *jobs, struct err *err) {
    struct dirscan *scan;
    enum rc rc = dirscan_open(spool->place_fd[place], ".", &scan, err);
    if (rc)
        return err_prefix(err, rc, "jobs/%s", place_name(place));
    const bool may_rest = place == PLACE_PENDING || place == PLACE_HOLD || place == PLACE_CANCELLED;
    const char *name;
    unsigned char type;
    while ((rc = dirscan_next(scan, &name, &type, err)) == RC_OK) {
        char id[JOBID_SIZE];
        if (type != DT_REG || name[0] == '.' || !str_ends(name, ".json"))
            continue;
        if (jobid_from_file(name, id))
            rc = add_job(jobs, id, NULL, place, err);
        else if (may_rest)
            rc = add_job(jobs, NULL, name, place, err);
        if (rc)
            break;
    }
    dirscan_close(scan);
    return rc == RC_GONE ? RC_OK : rc;
}

static enum rc scan_journals(const struct spool *spool, struct cmd_jobs *jobs, struct err *err) {
    struct dirscan *scan;
    enum rc rc = dirscan_open(spool->journal_fd, ".", &scan, err);
    if (rc)
        return err_prefix(err, rc, "journal");
    const char *name;
    unsigned char type;
    while ((rc = dirscan_next(scan, &name, &type, err)) == RC_OK) {
        char id[JOBID_SIZE];
        if (id_of_journal(name, id) && (rc = add_job(jobs, id, NULL, PLACE_NONE, err)) != RC_OK)
            break;
    }
    dirscan_close(scan);
    return rc == RC_GONE ? RC_OK : rc;
}

static int by_id(const void *a, const void *b) {
    const struct cmd_job *x = a, *y = b;
    int order = strcmp(x->id, y->id);
    if (order == 0 && x->file && y->file)
        order = strcmp(x->file, y->file);
    return order ? order : (int)y->place - (int)x->place; /* PLACE_NONE last */
}

/* Of entries of one id keep one; those that were seen twice, or only by their journal, were perhaps moved while the directories were read. */
static void settle(const struct spool *spool, struct cmd_jobs *jobs) {
    size_t kept = 0;
    for (size_t i = 0; i < jobs->count; kept++) {
        struct cmd_job *job = &jobs->list[i];
        size_t seen = job->place != PLACE_NONE, next = i + 1;
        while (job->id[0] && next < jobs->count && strcmp(job->id, jobs->list[next].id) == 0)
            seen += jobs->list[next++].place != PLACE_NONE;
        jobs->list[kept] = *job;
        if (seen != 1)
            jobs->list[kept].place = cmd_job_place(spool, job->id);
        i = next;
    }
    jobs->count = kept;
}

enum rc cmd_jobs_scan(const struct spool *spool, struct cmd_jobs *jobs, struct err *err) {
    *jobs = (struct cmd_jobs){NULL, 0, 0};
    enum rc rc = RC_OK;
    for (int place = PLACE_PENDING; !rc && place < PLACE_COUNT; place++)
        rc = scan_place(spool, (enum place)place, jobs, err);
    if (!rc)
        rc = scan_journals(spool, jobs, err);
    if (rc) {
        cmd_jobs_release(jobs);
        return rc;
    }
    if (jobs->count)
        qsort(jobs->list, jobs->count, sizeof *jobs->list, by_id);
    settle(spool, jobs);
    return RC_OK;
}

enum place cmd_job_place(const struct spool *spool, const char *id) {
    char name[JOBID_SIZE + 8];
    struct stat st;
    str_format(name, sizeof name, "%s.json", id);
    /* Twice: a rename may pass from a directory not yet looked at to one that was. */
    for (int look = 0; look < 2; look++)
        for (int place = PLACE_PENDING; place < PLACE_COUNT; place++)
            if (fsio_stat(spool->place_fd[place], name, &st, NULL) == RC_OK && S_ISREG(st.st_mode))
                return (enum place)place;
    return PLACE_NONE;
}

const char *cmd_job_file(const struct cmd_job *job, char out[JOBID_SIZE + 8]) {
    if (job->file)
        return job->file;
    str_format(out, JOBID_SIZE + 8, "%s.json", job->id);
    return out;
}

static bool journal_bytes(const struct spool *spool, const char *id, uint64_t *bytes) {
    char name[JOBID_SIZE + 8];
    struct stat st;
    str_format(name, sizeof name, "%s.ndjson", id);
    if (fsio_stat(spool->journal_fd, name, &st, NULL) != RC_OK)
        return false;
    *bytes = (uint64_t)st.st_size;
    return true;
}

bool cmd_job_has_journal(const struct spool *spool, const char *id) {
    uint64_t bytes;
    return *id && journal_bytes(spool, id, &bytes) && bytes;
}

static void copy_member(char *out, size_t size, const cJSON *json, const char *name) {
    const cJSON *value = cJSON_GetObjectItemCaseSensitive(json, name);
    if (cJSON_IsString(value))
        str_copy(out, size, value->valuestring);
}

/* What a file that was not accepted yet says of itself, as far as it can be read. */
static void describe_drop(const struct spool *spool, const struct cmd_job *job, struct job_row *row) {
    char name[JOBID_SIZE + 8];
    const char *file = cmd_job_file(job, name);
    struct stat st;
    if (fsio_stat(spool->place_fd[job->place], file, &st, NULL) != RC_OK)
        return;
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
}

enum rc cmd_job_journalled(struct cmd *cmd, const char *id, struct job_row *row, struct err *err) {
    uint64_t bytes;
    if (!journal_bytes(cmd->spool, id, &bytes))
        return err_set(err, RC_GONE, "%s: no journal", id);
    if (bytes && row->journal_offset == bytes && strcmp(row->id, id) == 0)
        return RC_OK;
    return index_job_now(cmd_index(cmd), cmd->spool, id, row, err);
}

/* Where the file lies is the state, whatever the journal said last. */
static void lay_place(const struct cmd_job *job, struct job_row *row) {
    if (row->place == job->place)
        return;
    str_copy(row->reason, sizeof row->reason, job->place == PLACE_NONE ? "missing" : "mv");
    row->error_details[0] = '\0';
    if (job->place != PLACE_NONE)
        row->place = job->place;
}

enum rc cmd_job_row(struct cmd *cmd, const struct cmd_job *job, struct job_row *row, struct err *err) {
    job_row_init(row, job->id);
    enum rc rc = job->id[0] ? cmd_job_journalled(cmd, job->id, row, err) : RC_GONE;
    if (rc == RC_GONE) {
        job_row_init(row, job->id);
        row->place = job->place;
        if (job->place == PLACE_NONE)
            return err_set(err, RC_GONE, "%s: it went away meanwhile", job->id);
        describe_drop(cmd->spool, job, row);
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

static bool same_file(const char *part, const char *file) {
    size_t length = strlen(part);
    return strcmp(part, file) == 0 || (strncmp(part, file, length) == 0 && strcmp(file + length, ".json") == 0);
}

static int several(struct cmd *cmd, const char *part, const struct cmd_jobs *jobs) {
    const size_t most = 20;
    size_t found = 0;
    cmd_say(cmd, "\"%s\" is part of several ids:", part);
    for (size_t i = 0; i < jobs->count; i++) {
        const struct cmd_job *job = &jobs->list[i];
        char shown[512];
        if (!strstr(job->file ? job->file : job->id, part) || ++found > most)
            continue;
        fprintf(stderr, "  %s (%s)\n", cmd_shown(shown, sizeof shown, job->file ? job->file : job->id, false), place_name(job->place));
    }
    if (found > most)
        fprintf(stderr, "  ... and %zu more\n", found - most);
    return EXIT_USAGE;
}

static int take_found(struct cmd *cmd, const char *part, struct cmd_jobs *jobs, struct cmd_job *out) {
    struct cmd_job *only = NULL, *exact = NULL;
    size_t found = 0;
    for (size_t i = 0; *part && i < jobs->count; i++) {
        struct cmd_job *job = &jobs->list[i];
        if (!strstr(job->file ? job->file : job->id, part))
            continue;
        only = job;
        found++;
        if (job->file && same_file(part, job->file))
            exact = exact ? exact : job;
    }
    if (found > 1 && !exact)
        return several(cmd, part, jobs);
    if (!found)
        return cmd_fail(cmd, EXIT_NOINPUT, "no job has \"%s\" in its id; `batchspool list` shows those that there are", part);
    only = exact ? exact : only;
    *out = *only;
    only->file = NULL;
    return EXIT_DONE;
}

int cmd_job_find(struct cmd *cmd, const char *part, struct cmd_job *job) {
    struct err err = {0};
    uint32_t batch;
    *job = (struct cmd_job){.place = PLACE_NONE};
    if (jobid_valid(part) || payload_marker_parse(part, job->id, &batch)) {
        if (!job->id[0])
            str_copy(job->id, sizeof job->id, part);
        job->place = cmd_job_place(cmd->spool, job->id);
        if (job->place != PLACE_NONE || cmd_job_has_journal(cmd->spool, job->id))
            return EXIT_DONE;
        *job = (struct cmd_job){.place = PLACE_NONE};
    }
    struct cmd_jobs jobs;
    enum rc rc = cmd_jobs_scan(cmd->spool, &jobs, &err);
    if (rc)
        return cmd_fail_rc(cmd, rc, &err);
    int code = take_found(cmd, part, &jobs, job);
    cmd_jobs_release(&jobs);
    return code;
}

int cmd_job_run(struct cmd *cmd, int argc, char **argv, int (*run)(struct cmd *cmd, const struct cmd_job *job)) {
    int code;
    if (!cmd_parse(cmd, &argc, &argv, NULL, &code))
        return code;
    if (argc != 1)
        return cmd_usage(cmd);
    struct cmd_job job;
    if ((code = cmd_open(cmd)) != EXIT_DONE || (code = cmd_job_find(cmd, argv[0], &job)) != EXIT_DONE)
        return code;
    code = run(cmd, &job);
    free(job.file);
    return code;
}

int cmd_jobs_find(struct cmd *cmd, char **parts, int count, struct cmd_jobs *jobs) {
    *jobs = (struct cmd_jobs){NULL, 0, 0};
    jobs->list = calloc((size_t)count + 1, sizeof *jobs->list);
    if (!jobs->list)
        return cmd_fail(cmd, EXIT_IO, "out of memory");
    jobs->capacity = (size_t)count + 1;
    for (int i = 0; i < count; i++) {
        int code = cmd_job_find(cmd, parts[i], &jobs->list[jobs->count]);
        if (code)
            return code;
        jobs->count++;
    }
    return EXIT_DONE;
}

int64_t cmd_job_waits(struct cmd *cmd, const struct job_row *row, int64_t now_us, char reason[48]) {
    const char *own = "";
    const struct source *source = NULL;
    struct paused paused;
    const int64_t until_us = job_waits_until(row, now_us, &own);
    str_copy(reason, 48, own);
    if (until_us || row->place != PLACE_PROCESSING || row->requested_us > row->outcome_us)
        return until_us; /* something is in flight */
    if (row->total_records != JOB_UNKNOWN && row->processed_records >= row->total_records)
        return 0;
    if (cmd_sources(cmd) == EXIT_DONE && sources_get(cmd->sources, row->source, &source, NULL) != RC_OK)
        source = NULL;
    if (!paused_look(cmd_index(cmd), row->source, source, now_us, &paused))
        return 0;
    str_copy(reason, 48, paused.reason);
    return paused.until_us;
}

void cmd_job_progress_json(struct cmd *cmd, const struct job_row *row, cJSON *json) {
    char reason[48], when[CLOCK_RFC3339_SIZE];
    const int64_t now_us = clock_wall_us(), until_us = cmd_job_waits(cmd, row, now_us, reason);
    job_progress_json(row, now_us, json);
    if (!until_us)
        return;
    clock_format_rfc3339(until_us, 6, when);
    cJSON_ReplaceItemInObjectCaseSensitive(json, "waiting_until", cJSON_CreateString(when));
    cJSON_ReplaceItemInObjectCaseSensitive(json, "waiting_for", cJSON_CreateString(reason));
}

const char *cmd_bar(char *out, size_t width, uint64_t records, uint64_t goal) {
    const size_t full = goal == JOB_UNKNOWN || goal == 0 ? 0 : records >= goal ? width : (size_t)((double)records / (double)goal * (double)width);
    memset(out, '.', width + 2);
    memset(out + 1, '#', full);
    out[0] = '[';
    out[width + 1] = ']';
    out[width + 2] = '\0';
    return out;
}

const char *cmd_rate(char out[24], const struct job_progress *progress) {
    if (progress->rate_per_s < 0)
        str_copy(out, 24, "-");
    else
        snprintf(out, 24, progress->rate_per_s < 1000 ? "%.1f" : "%.0f", progress->rate_per_s);
    return out;
}

const char *cmd_eta(char out[24], const struct job_progress *progress, int64_t now_us) {
    if (!progress->eta_us)
        str_copy(out, 24, "-");
    else
        cmd_span(out, progress->eta_us - now_us);
    return out;
}
