// SPDX-License-Identifier: Apache-2.0
#include "engine/load_internal.h"

#include "base/clock.h"

#include <stdlib.h>
#include <string.h>

#define KEY_MAX ((size_t)64 * 1024 * 1024)

struct bad_file { /* a file that has bad records */
    char job_id[JOBID_SIZE];
    uint32_t batch;
};

struct bad_files {
    const struct load_options *options;
    struct bad_file *list;
    size_t count, capacity;
    bool out_of_memory;
};

static bool note_place(void *context, const struct sink_error *error) {
    struct bad_files *places = context;
    const struct bad_file *last = places->count > 0 ? &places->list[places->count - 1] : NULL;

    if ((last != NULL && last->batch == error->batch && strcmp(last->job_id, error->job_id) == 0) || !load_wants(places->options, error->job_id))
        return true;
    if (places->count == places->capacity) {
        size_t capacity = places->capacity == 0 ? 64 : places->capacity * 2;
        struct bad_file *larger = realloc(places->list, capacity * sizeof(*larger));
        if (larger == NULL) {
            places->out_of_memory = true;
            return false;
        }
        places->list = larger;
        places->capacity = capacity;
    }
    places->list[places->count].batch = error->batch;
    (void)str_copy(places->list[places->count].job_id, JOBID_SIZE, error->job_id);
    places->count++;
    return true;
}

/* The bad records of one file that are good by the definition of today. */
struct judged {
    const struct source *source;
    struct load_arena arena;
    struct buf key;
    struct sink_record *records;
    size_t count, capacity;
    uint64_t still_bad;
    bool out_of_memory;
};

static bool judge(void *context, const struct sink_error *error) {
    struct judged *judged = context;
    char reason[600];
    char *key, *text;
    enum rc rc = load_record_key(judged->source, error->text, error->job_id, error->batch, error->index, &judged->key, reason, sizeof(reason));

    if (rc == RC_PERM) {
        judged->still_bad++;
        return true;
    }
    if (rc == RC_OK && judged->count == judged->capacity) {
        size_t capacity = judged->capacity == 0 ? 64 : judged->capacity * 2;
        struct sink_record *larger = realloc(judged->records, capacity * sizeof(*larger));
        if (larger != NULL) {
            judged->records = larger;
            judged->capacity = capacity;
        }
    }
    key = rc == RC_OK ? load_arena_add(&judged->arena, judged->key.data, judged->key.length) : NULL;
    text = rc == RC_OK ? load_arena_add(&judged->arena, error->text.data, error->text.length) : NULL;
    judged->out_of_memory = key == NULL || text == NULL || judged->count == judged->capacity;
    if (judged->out_of_memory)
        return false;
    judged->records[judged->count++] =
        (struct sink_record){.key = {.data = key, .length = judged->key.length}, .text = {.data = text, .length = error->text.length}, .index = error->index};
    return true;
}

static enum rc journal_replay(struct loader *loader, const struct sink_file *file, int64_t started_ms, struct err *err) {
    struct load_event event = {.batch = file->batch,
                               .raw_path = file->path,
                               .sha256 = file->sha256,
                               .success_count = file->success_count,
                               .error_count = file->error_count,
                               .inserted = file->inserted,
                               .updated = file->updated,
                               .unchanged = file->unchanged,
                               .time_ms = (uint64_t)(clock_mono_ms() - started_ms)};
    struct load_job *job;
    enum rc rc = load_job_get(loader, file->job_id, &job, err);

    return rc == RC_OK ? load_journal(loader, job, &event, 1, err) : rc;
}

/* The journal is told also when nothing is new: a crash may have kept the last replay's counts from it. */
static enum rc store(struct loader *loader, const struct sink_file_row *row, struct judged *judged, struct err *err) {
    struct load_report *report = loader->report;
    struct sink_file file = {.source = row->source,
                             .campaign = row->campaign,
                             .job_id = row->job_id,
                             .batch = row->batch,
                             .path = row->path,
                             .sha256 = row->sha256,
                             .definition = row->definition,
                             .captured_us = row->captured_us,
                             .cost = row->cost,
                             .has_cost = row->has_cost,
                             .again = true,
                             .records = judged->records,
                             .record_count = judged->count,
                             .children = load_children,
                             .children_context = judged->source};
    enum sink_change change;
    int64_t started_ms = clock_mono_ms();
    enum rc rc = RC_OK;

    if (loader->options->dry_run) {
        for (size_t i = 0; i < judged->count && rc == RC_OK; i++) {
            rc = sink_compare(loader->sink, &file, &judged->records[i], &change, err);
            file.inserted += change == SINK_INSERTED;
            file.updated += change == SINK_UPDATED;
            file.unchanged += change == SINK_UNCHANGED;
        }
    } else {
        file.success_count = row->success_count;
        file.error_count = row->error_count;
        if (judged->count > 0)
            rc = sink_load(loader->sink, &file, 1, err);
        if (rc == RC_OK)
            rc = journal_replay(loader, &file, started_ms, err);
    }
    report->files++;
    report->records += judged->count + judged->still_bad;
    report->errors += judged->still_bad;
    report->inserted += file.inserted;
    report->updated += file.updated;
    report->unchanged += file.unchanged;
    return rc;
}

static enum rc replay_file(struct loader *loader, const struct bad_file *place, struct err *err) {
    struct judged judged = {.key = BUF_INIT(KEY_MAX)};
    struct sink_file_row row;
    enum rc rc = sink_file(loader->sink, place->job_id, place->batch, &row, err);

    if (rc != RC_OK)
        return rc == RC_GONE ? RC_OK : rc;
    rc = sources_get(loader->sources, row.source, &judged.source, err);
    if (rc != RC_OK) {
        (void)err_prefix(err, rc, "%s batch %u stays", place->job_id, place->batch);
        load_failed(loader, err);
        return RC_OK;
    }
    rc = sink_errors(loader->sink, place->job_id, place->batch, judge, &judged, err);
    if (rc == RC_OK && judged.out_of_memory)
        rc = err_set(err, RC_TEMP, "out of memory");
    if (rc == RC_OK)
        rc = store(loader, &row, &judged, err);
    buf_release(&judged.key);
    load_arena_release(&judged.arena);
    free(judged.records);
    return rc;
}

enum rc load_replay(struct loader *loader, struct err *err) {
    struct bad_files places = {.options = loader->options};
    enum rc rc = sink_errors(loader->sink, NULL, 0, note_place, &places, err);

    if (rc == RC_OK && places.out_of_memory)
        rc = err_set(err, RC_TEMP, "out of memory");
    for (size_t i = 0; i < places.count && rc == RC_OK; i++) {
        rc = replay_file(loader, &places.list[i], err);
        load_jobs_forget(loader, false);
    }
    free(places.list);
    return rc;
}
