// SPDX-License-Identifier: Apache-2.0
#include "engine/load_internal.h"

#include "base/clock.h"
#include "base/log.h"
#include "os/dirscan.h"
#include "os/fsio.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>

struct marker {
    enum shelf shelf;
    char name[];
};

struct markers {
    struct marker **list;
    size_t count, capacity;
};

struct group {
    struct load_file *files[LOAD_GROUP_FILES];
    struct sink_file stored[LOAD_GROUP_FILES]; /* of those without a reason, in the same order */
    size_t count, bytes, records;
    int64_t store_ms;
};

void load_failed(struct loader *loader, const struct err *err) {
    loader->report->files_failed++;
    log_warn("load: %s", err->text);
    if (loader->report->first_error[0] == '\0')
        (void)str_printable(loader->report->first_error, sizeof(loader->report->first_error), err->text, strlen(err->text));
}

bool load_wants(const struct load_options *options, const char *job_id) {
    for (size_t i = 0; i < options->job_count; i++)
        if (strcmp(options->job_ids[i], job_id) == 0)
            return true;
    return options->job_count == 0;
}

/* Listing */

static void markers_release(struct markers *markers) {
    for (size_t i = 0; i < markers->count; i++)
        free(markers->list[i]);
    free(markers->list);
}

static enum rc markers_add(struct markers *markers, enum shelf shelf, const char *name, struct err *err) {
    size_t size = strlen(name) + 1;
    struct marker *marker = malloc(sizeof(*marker) + size);

    if (marker != NULL && markers->count == markers->capacity) {
        size_t capacity = markers->capacity == 0 ? 256 : markers->capacity * 2;
        struct marker **larger = realloc(markers->list, capacity * sizeof(struct marker *));
        if (larger != NULL) {
            markers->list = larger;
            markers->capacity = capacity;
        }
    }
    if (marker == NULL || markers->count == markers->capacity) {
        free(marker);
        return err_set(err, RC_TEMP, "out of memory");
    }
    marker->shelf = shelf;
    memcpy(marker->name, name, size);
    markers->list[markers->count++] = marker;
    return RC_OK;
}

static enum rc list_shelf(struct loader *loader, enum shelf shelf, struct markers *markers, struct err *err) {
    struct dirscan *scan;
    const char *name;
    unsigned char type;
    char job_id[JOBID_SIZE];
    uint32_t batch;
    enum rc rc = dirscan_open(loader->spool->shelf_fd[shelf], ".", &scan, err);

    if (rc != RC_OK)
        return rc;
    while (rc == RC_OK && (rc = dirscan_next(scan, &name, &type, err)) == RC_OK)
        if (payload_marker_parse(name, job_id, &batch) && load_wants(loader->options, job_id))
            rc = markers_add(markers, shelf, name, err);
    dirscan_close(scan);
    return rc == RC_GONE ? RC_OK : rc;
}

static int marker_order(const void *left, const void *right) {
    const struct marker *a = *(struct marker *const *)left, *b = *(struct marker *const *)right;
    int order = strcmp(a->name, b->name);

    return order != 0 ? order : (int)a->shelf - (int)b->shelf;
}

static enum rc list_markers(struct loader *loader, struct markers *markers, struct err *err) {
    unsigned shelves = loader->options->shelves | 1u << SHELF_PROCESSING;
    enum rc rc = RC_OK;

    if (loader->options->reload)
        shelves |= 1u << SHELF_PROCESSED | 1u << SHELF_FAILED;
    for (enum shelf shelf = SHELF_PENDING; shelf < SHELF_COUNT && rc == RC_OK; shelf++)
        if ((shelves & 1u << shelf) != 0)
            rc = list_shelf(loader, shelf, markers, err);
    if (markers->count > 1)
        qsort(markers->list, markers->count, sizeof(struct marker *), marker_order);
    return rc;
}

/* One group */

static void group_release(struct group *group) {
    for (size_t i = 0; i < group->count; i++) {
        load_file_release(group->files[i]);
        free(group->files[i]);
    }
    group->count = 0;
}

/* A marker into the group; what can not be taken now is counted and left. */
static enum rc group_add(struct loader *loader, struct group *group, const struct marker *marker, struct err *err) {
    struct load_file *file = malloc(sizeof(*file));
    struct err own = {0};
    enum rc rc;

    if (file == NULL)
        return err_set(err, RC_TEMP, "out of memory");
    switch (rc = load_file_take(loader, marker->name, marker->shelf, file, &own)) {
    case RC_OK:
        group->files[group->count++] = file;
        group->bytes += file->length;
        group->records += file->record_count + file->bad_count;
        return RC_OK;
    case RC_AGAIN:
        loader->report->files_busy++;
        rc = RC_OK;
        break;
    case RC_GONE:
        rc = RC_OK;
        break;
    case RC_PERM:
        load_failed(loader, &own);
        rc = RC_OK;
        break;
    case RC_TEMP:
    case RC_CORRUPT:
    case RC_NOSPACE:
    case RC_CANCELLED:
    case RC_FATAL:
        (void)err_set(err, rc, "%s", own.text);
        break;
    }
    free(file);
    return rc;
}

static enum rc group_store(struct loader *loader, struct group *group, struct err *err) {
    struct sink_file files[LOAD_GROUP_FILES];
    size_t count = 0, next = 0;
    int64_t started_ms = clock_mono_ms();
    enum rc rc = RC_OK;

    for (size_t i = 0; i < group->count; i++)
        if (group->files[i]->reason == NULL)
            load_file_sink(group->files[i], &files[count++]);
    if (count > 0)
        rc = sink_load(loader->sink, files, count, err);
    for (size_t i = 0; i < group->count; i++)
        if (group->files[i]->reason == NULL)
            group->stored[i] = files[next++];
    group->store_ms = count > 0 ? (clock_mono_ms() - started_ms) / (int64_t)count : 0;
    return rc;
}

static struct load_event event_of(const struct group *group, size_t i) {
    const struct load_file *file = group->files[i];
    const struct sink_file *stored = &group->stored[i];
    struct load_event event = {.batch = file->batch, .raw_path = file->raw_path, .sha256 = file->sha256, .reason = file->reason, .error = file->err.text};

    if (file->reason == NULL) {
        event.success_count = stored->success_count;
        event.error_count = stored->error_count;
        event.inserted = stored->inserted;
        event.updated = stored->updated;
        event.unchanged = stored->unchanged;
        event.time_ms = (uint64_t)(file->scan_ms + group->store_ms);
    }
    return event;
}

/* The files of a job stand together: one commit for each job. */
static enum rc group_journal(struct loader *loader, const struct group *group, struct err *err) {
    struct load_event events[LOAD_GROUP_FILES];
    enum rc rc = RC_OK;

    for (size_t i = 0; i < group->count && rc == RC_OK;) {
        struct load_job *job = group->files[i]->job;
        size_t count = 0;
        do
            events[count++] = event_of(group, i++);
        while (i < group->count && group->files[i]->job == job);
        if (job != NULL)
            rc = load_journal(loader, job, events, count, err);
    }
    return rc;
}

/* Markers to where they end; then each directory that changed is synced once. */
static enum rc group_shelve(struct loader *loader, const struct group *group, struct err *err) {
    unsigned touched = 1u << SHELF_PROCESSING;
    enum rc rc = RC_OK;

    for (size_t i = 0; i < group->count && rc == RC_OK; i++) {
        const struct load_file *file = group->files[i];
        enum shelf to = file->reason == NULL ? SHELF_PROCESSED : SHELF_FAILED;
        touched |= 1u << to | 1u << file->from;
        rc = payload_marker_move(loader->spool, file->marker, SHELF_PROCESSING, to, false, err);
        if (rc == RC_GONE)
            rc = RC_OK;
    }
    for (enum shelf shelf = SHELF_PENDING; shelf < SHELF_COUNT && rc == RC_OK; shelf++)
        if ((touched & 1u << shelf) != 0)
            rc = fsio_sync(loader->spool->shelf_fd[shelf], err);
    return rc;
}

static void group_report(struct loader *loader, const struct group *group) {
    struct load_report *report = loader->report;

    for (size_t i = 0; i < group->count; i++) {
        const struct sink_file *stored = &group->stored[i];
        if (group->files[i]->reason != NULL) {
            load_failed(loader, &group->files[i]->err);
            continue;
        }
        report->files++;
        report->records += stored->success_count + stored->error_count;
        report->inserted += stored->inserted;
        report->updated += stored->updated;
        report->unchanged += stored->unchanged;
        report->errors += stored->error_count;
    }
}

/* The order matters (STYLE rule 13, each step can be repeated): the store's commit, the journal, the marker. A marker still in processing/ is taken again, and
 * finds what was done. */
static enum rc group_finish(struct loader *loader, struct group *group, struct err *err) {
    enum rc rc = group_store(loader, group, err);

    if (rc != RC_OK) {
        for (size_t i = 0; i < group->count; i++)
            load_file_put_back(loader, group->files[i]);
        return rc;
    }
    rc = group_journal(loader, group, err);
    if (rc == RC_OK)
        rc = group_shelve(loader, group, err);
    if (rc == RC_OK)
        group_report(loader, group);
    return rc;
}

/* Against the store as it is now; keys that several waiting files share are compared for each. */
static enum rc compare_file(struct loader *loader, const struct load_file *file, struct sink_file *out, struct err *err) {
    struct sink_file_row row;
    enum sink_change change = SINK_INSERTED;
    enum rc rc = RC_OK;

    load_file_sink(file, out);
    out->success_count = out->record_count;
    out->error_count = out->bad_count;
    if (loader->sink != NULL && sink_file(loader->sink, file->job_id, file->batch, &row, err) == RC_OK && strcmp(row.sha256, file->sha256) == 0 &&
        strcmp(row.definition, file->definition) == 0) {
        out->unchanged = out->success_count;
        return RC_OK;
    }
    for (size_t i = 0; i < out->record_count && rc == RC_OK; i++) {
        if (loader->sink != NULL)
            rc = sink_compare(loader->sink, out, &out->records[i], &change, err);
        out->inserted += change == SINK_INSERTED;
        out->updated += change == SINK_UPDATED;
        out->unchanged += change == SINK_UNCHANGED;
    }
    return rc;
}

static enum rc group_compare(struct loader *loader, struct group *group, struct err *err) {
    enum rc rc = RC_OK;

    for (size_t i = 0; i < group->count && rc == RC_OK; i++)
        if (group->files[i]->reason == NULL)
            rc = compare_file(loader, group->files[i], &group->stored[i], err);
    if (rc == RC_OK)
        group_report(loader, group);
    return rc;
}

static enum rc load_groups(struct loader *loader, const struct markers *markers, struct err *err) {
    struct group *group = calloc(1, sizeof(*group));
    enum rc rc = RC_OK;

    if (group == NULL)
        return err_set(err, RC_TEMP, "out of memory");
    for (size_t i = 0; i < markers->count && rc == RC_OK;) {
        group->bytes = group->records = 0;
        while (i < markers->count && rc == RC_OK && group->count < LOAD_GROUP_FILES && group->bytes < LOAD_GROUP_BYTES && group->records < LOAD_GROUP_RECORDS)
            rc = group_add(loader, group, markers->list[i++], err);
        if (rc != RC_OK)
            for (size_t j = 0; j < group->count; j++)
                load_file_put_back(loader, group->files[j]);
        else if (group->count > 0)
            rc = loader->options->dry_run ? group_compare(loader, group, err) : group_finish(loader, group, err);
        group_release(group);
        load_jobs_forget(loader, false);
    }
    free(group);
    return rc;
}

static enum rc open_store(struct loader *loader, struct err *err) {
    enum rc rc = sink_open(NULL, loader->spool, !loader->options->dry_run, &loader->sink, err);

    return rc == RC_GONE && loader->options->dry_run ? RC_OK : rc;
}

enum rc load_run(const struct spool *spool, struct sources *sources, const struct load_options *options, struct load_report *report, struct err *err) {
    struct loader loader = {.spool = spool, .sources = sources, .options = options, .report = report};
    struct markers markers = {0};
    int64_t started_ms = clock_mono_ms();
    enum rc rc;

    memset(report, 0, sizeof(*report));
    rc = options->replay ? RC_OK : list_markers(&loader, &markers, err);
    /* Nothing to do makes no store. */
    if (rc == RC_OK && (markers.count > 0 || options->replay))
        rc = open_store(&loader, err);
    if (rc == RC_OK && options->replay && loader.sink != NULL)
        rc = load_replay(&loader, err);
    else if (rc == RC_OK)
        rc = load_groups(&loader, &markers, err);
    sink_close(loader.sink);
    load_jobs_forget(&loader, true);
    markers_release(&markers);
    report->time_ms = (uint64_t)(clock_mono_ms() - started_ms);
    return rc;
}
