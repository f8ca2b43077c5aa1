// SPDX-License-Identifier: Apache-2.0
#include "engine/load_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void job_free(struct load_job *job) {
    free(job->batches);
    free(job);
}

void load_jobs_forget(struct loader *loader, bool all) {
    struct load_job **link = &loader->jobs;

    if (!all && *link != NULL)
        link = &(*link)->next;
    while (*link != NULL) {
        struct load_job *job = *link;
        *link = job->next;
        job_free(job);
    }
}

/* The place of a batch in the list: its own, or where it belongs. */
static size_t batch_place(const struct load_job *job, uint32_t batch) {
    size_t low = 0, high = job->batch_count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (job->batches[middle].batch < batch)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

const struct load_batch *load_job_batch(const struct load_job *job, uint32_t batch) {
    size_t place = batch_place(job, batch);

    return place < job->batch_count && job->batches[place].batch == batch ? &job->batches[place] : NULL;
}

static struct load_batch *batch_add(struct load_job *job, uint32_t batch) {
    size_t place = batch_place(job, batch);

    if (place < job->batch_count && job->batches[place].batch == batch)
        return &job->batches[place];
    if (job->batch_count == job->batch_capacity) {
        size_t capacity = job->batch_capacity == 0 ? 16 : job->batch_capacity * 2;
        struct load_batch *larger = realloc(job->batches, capacity * sizeof(*larger));
        if (larger == NULL)
            return NULL;
        job->batches = larger;
        job->batch_capacity = capacity;
    }
    memmove(&job->batches[place + 1], &job->batches[place], (job->batch_count - place) * sizeof(job->batches[0]));
    job->batch_count++;
    job->batches[place] = (struct load_batch){.batch = batch};
    return &job->batches[place];
}

/* Fold a line into its batch: file_row knows what events mean; only what loading needs is kept, for jobs of many batches. */
static void line_seen(void *context, const struct job_row *row, const struct journal_line *line) {
    struct load_job *job = context;
    struct file_row file = {.batch = job_line_batch(line)};
    struct load_batch *batch;

    if (file.batch == 0 || job_line_inner(line) ||
        (strcmp(line->event, "captured") != 0 && strcmp(line->event, "loaded") != 0 && strcmp(line->event, "rejected") != 0))
        return;
    batch = batch_add(job, file.batch);
    if (batch == NULL) {
        job->out_of_memory = true;
        return;
    }
    /* A row that has a path is one of a captured file. */
    (void)str_copy(file.file_path, sizeof(file.file_path), batch->sha256);
    (void)str_copy(file.sha256, sizeof(file.sha256), batch->sha256);
    file.status = batch->status;
    file.captured_us = batch->captured_us;
    file.success_count = batch->success_count;
    file.error_count = batch->error_count;
    if (!file_row_apply(&file, row, line)) {
        if (strcmp(line->event, "rejected") == 0)
            batch->status = FILE_FAILED;
        return;
    }
    if (batch->sha256[0] == '\0') {
        const cJSON *cost = cJSON_GetObjectItemCaseSensitive(line->json, "cost");
        batch->has_cost = cJSON_IsString(cost) && dec_parse(slice_of(cost->valuestring), &batch->cost);
    }
    (void)str_copy(batch->sha256, sizeof(batch->sha256), file.sha256);
    batch->status = file.status;
    batch->captured_us = file.captured_us;
    batch->success_count = file.success_count;
    batch->error_count = file.error_count;
}

enum rc load_job_get(struct loader *loader, const char *job_id, struct load_job **job, struct err *err) {
    struct load_job *fresh;
    enum rc rc;

    for (*job = loader->jobs; *job != NULL; *job = (*job)->next)
        if (strcmp((*job)->row.id, job_id) == 0)
            return RC_OK;
    fresh = calloc(1, sizeof(*fresh));
    if (fresh == NULL)
        return err_set(err, RC_TEMP, "out of memory");
    rc = job_row_read(loader->spool, job_id, &fresh->row, line_seen, fresh, err);
    if (rc == RC_OK && fresh->out_of_memory)
        rc = err_set(err, RC_TEMP, "out of memory");
    if (rc != RC_OK) {
        job_free(fresh);
        return rc;
    }
    fresh->next = loader->jobs;
    loader->jobs = fresh;
    *job = fresh;
    return RC_OK;
}

/* What others appended since the journal was read. */
static enum rc follow(struct loader *loader, struct load_job *job, struct err *err) {
    struct journal_reader *reader;
    struct journal_line line;
    enum rc rc = journal_reader_open(loader->spool, job->row.id, job->row.journal_offset, job->row.journal_seq, job->row.journal_hash, &reader, err);

    if (rc != RC_OK)
        return rc;
    while ((rc = journal_reader_next(reader, &line, err)) == RC_OK) {
        line_seen(job, &job->row, &line);
        job->row.journal_offset = line.end;
        job->row.journal_seq = line.seq;
        (void)str_copy(job->row.journal_hash, sizeof(job->row.journal_hash), line.hash);
    }
    journal_reader_close(reader);
    if (rc == RC_GONE)
        rc = job->out_of_memory ? err_set(err, RC_TEMP, "out of memory") : RC_OK;
    return rc;
}

static bool is_said(const struct load_job *job, const struct load_event *event) {
    const struct load_batch *batch = load_job_batch(job, event->batch);

    if (batch == NULL)
        return false;
    if (event->reason != NULL)
        return batch->status == FILE_FAILED;
    return batch->status == FILE_COMPLETED && batch->success_count == event->success_count && batch->error_count == event->error_count;
}

static bool add_count(cJSON *members, const char *name, uint64_t count) {
    return cJSON_AddNumberToObject(members, name, (double)count) != NULL;
}

static cJSON *event_members(const struct load_event *event) {
    cJSON *members = cJSON_CreateObject();
    bool good = add_count(members, "batch", event->batch) && cJSON_AddStringToObject(members, "file", event->raw_path) != NULL;

    if (event->reason != NULL) {
        good = good && cJSON_AddStringToObject(members, "reason", event->reason) != NULL && cJSON_AddStringToObject(members, "error", event->error) != NULL;
    } else {
        good = good && cJSON_AddStringToObject(members, "sha256", event->sha256) != NULL &&
               add_count(members, "properties_count", event->success_count + event->error_count) && add_count(members, "success_count", event->success_count) &&
               add_count(members, "error_count", event->error_count) && add_count(members, "inserted", event->inserted) &&
               add_count(members, "updated", event->updated) && add_count(members, "unchanged", event->unchanged) &&
               add_count(members, "processing_time_ms", event->time_ms);
    }
    if (good)
        return members;
    cJSON_Delete(members);
    return NULL;
}

static enum rc add_events(struct journal *journal, const struct load_options *options, const struct load_job *job, const struct load_event *events,
                          size_t count, struct err *err) {
    /* The daemon's loaders take what is ready, a person's run what is pending too. */
    const char *by = options->shelves & 1u << SHELF_PENDING || options->reload || options->replay ? "command line" : NULL;
    enum rc rc = RC_OK;

    for (size_t i = 0; i < count && rc == RC_OK; i++) {
        if (is_said(job, &events[i]))
            continue;
        cJSON *members = event_members(&events[i]);
        if (members == NULL)
            return err_set(err, RC_TEMP, "out of memory");
        rc = journal_add(journal, events[i].reason != NULL ? "rejected" : "loaded", by, members, err);
        cJSON_Delete(members);
    }
    return rc;
}

enum rc load_journal(struct loader *loader, struct load_job *job, const struct load_event *events, size_t count, struct err *err) {
    struct journal *journal;
    enum rc rc = journal_open(loader->spool, job->row.id, false, &journal, err);

    if (rc != RC_OK)
        return rc;
    rc = journal_lock(journal, err);
    if (rc == RC_OK)
        rc = follow(loader, job, err);
    if (rc == RC_OK)
        rc = add_events(journal, loader->options, job, events, count, err);
    if (rc == RC_OK)
        rc = journal_commit(journal, true, err);
    journal_close(journal);
    return rc;
}
