// SPDX-License-Identifier: Apache-2.0
#include "engine/load_internal.h"

#include "base/clock.h"
#include "base/json.h"
#include "os/fsio.h"
#include "os/lockfile.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CHUNK_BYTES ((size_t)64 * 1024)
#define KEY_MAX ((size_t)64 * 1024 * 1024)

struct load_chunk {
    struct load_chunk *next;
    size_t used, size;
    char bytes[];
};

char *load_arena_add(struct load_arena *arena, const void *bytes, size_t length) {
    struct load_chunk *chunk = arena->chunks;
    char *out;

    if (chunk == NULL || chunk->size - chunk->used < length + 1) {
        size_t size = length + 1 > CHUNK_BYTES ? length + 1 : CHUNK_BYTES;
        chunk = malloc(sizeof(*chunk) + size);
        if (chunk == NULL)
            return NULL;
        *chunk = (struct load_chunk){.next = arena->chunks, .size = size};
        arena->chunks = chunk;
    }
    out = chunk->bytes + chunk->used;
    memcpy(out, bytes, length);
    out[length] = '\0';
    chunk->used += length + 1;
    return out;
}

void load_arena_release(struct load_arena *arena) {
    while (arena->chunks != NULL) {
        struct load_chunk *chunk = arena->chunks;
        arena->chunks = chunk->next;
        free(chunk);
    }
}

/* Set the file aside. Always RC_OK: a file that can not be loaded is a result. */
static enum rc reject(struct load_file *file, const char *reason) {
    file->reason = reason;
    (void)err_prefix(&file->err, RC_PERM, "%s", file->marker);
    return RC_OK;
}

/* Room for one element more; false when out of memory. */
static bool room(void **array, size_t count, size_t *capacity, size_t element) {
    void *larger;
    size_t wanted = *capacity == 0 ? 512 : *capacity * 2;

    if (count < *capacity)
        return true;
    larger = realloc(*array, wanted * element);
    if (larger == NULL)
        return false;
    *array = larger;
    *capacity = wanted;
    return true;
}

static bool add_record(struct load_file *file, struct slice text, uint32_t index, const struct buf *key) {
    void *array = file->records;
    char *copy = load_arena_add(&file->arena, key->data, key->length);

    if (copy == NULL || !room(&array, file->record_count, &file->record_capacity, sizeof(file->records[0])))
        return false;
    file->records = array;
    file->records[file->record_count++] = (struct sink_record){.key = {.data = copy, .length = key->length}, .text = text, .index = index};
    return true;
}

static bool add_bad(struct load_file *file, struct slice text, uint32_t index, bool in_array, const char *reason) {
    char pointer[600];
    void *array = file->bad;
    char *where, *why = load_arena_add(&file->arena, reason, strlen(reason));
    int length = in_array ? snprintf(pointer, sizeof(pointer), "%s/%u", file->source->data_selector, index)
                          : snprintf(pointer, sizeof(pointer), "%s", file->source->data_selector);

    where = load_arena_add(&file->arena, pointer, (size_t)length);
    if (where == NULL || why == NULL || !room(&array, file->bad_count, &file->bad_capacity, sizeof(file->bad[0])))
        return false;
    file->bad = array;
    file->bad[file->bad_count++] = (struct sink_bad){.text = text, .index = index, .pointer = where, .reason = why};
    return true;
}

static enum rc scan_record(struct load_file *file, struct slice text, uint32_t index, bool in_array, struct buf *key) {
    char reason[600];

    switch (load_record_key(file->source, text, file->job_id, file->batch, index, key, reason, sizeof(reason))) {
    case RC_OK:
        return add_record(file, text, index, key) ? RC_OK : RC_TEMP;
    case RC_PERM:
        return add_bad(file, text, index, in_array, reason) ? RC_OK : RC_TEMP;
    case RC_AGAIN:
    case RC_GONE:
    case RC_TEMP:
    case RC_CORRUPT:
    case RC_NOSPACE:
    case RC_CANCELLED:
    case RC_FATAL:
        break;
    }
    return RC_TEMP;
}

/* Slice the records out. A selector that names no array names one record. */
static enum rc scan(struct load_file *file, struct err *err) {
    struct slice document = {.data = file->data, .length = file->length}, selected, name, text;
    struct buf key = BUF_INIT(KEY_MAX);
    struct json_iter iter;
    enum rc rc = RC_OK;
    uint32_t index = 0;

    if (json_check(file->data, file->length, &json_rules_payload, &file->err) != RC_OK)
        return reject(file, "invalid");
    if (!json_find(document, file->source->data_selector, &selected)) {
        err_set(&file->err, RC_PERM, "%s: nothing is at data_selector \"%s\"", file->raw_path, file->source->data_selector);
        return reject(file, "invalid");
    }
    if (json_type(selected) != JSON_ARRAY || !json_iter_init(&iter, selected)) {
        rc = scan_record(file, selected, 0, false, &key);
    } else {
        while (rc == RC_OK && index < LOAD_FILE_RECORDS && json_iter_next(&iter, &name, &text))
            rc = scan_record(file, text, index++, true, &key);
        if (rc == RC_OK && index == LOAD_FILE_RECORDS && json_iter_next(&iter, &name, &text)) {
            err_set(&file->err, RC_PERM, "%s: more than %u records in one payload", file->raw_path, LOAD_FILE_RECORDS);
            rc = reject(file, "invalid");
        }
    }
    buf_release(&key);
    return rc == RC_OK ? RC_OK : err_set(err, rc, "%s: out of memory", file->raw_path);
}

static enum rc check_bytes(struct load_file *file, struct err *err) {
    char sha256[DIGEST_HEX_SIZE];
    enum rc rc = fsio_map(file->fd, &file->data, &file->length, err);

    if (rc != RC_OK)
        return rc;
    digest_of_hex(file->data, file->length, sha256);
    if (strcmp(sha256, file->sha256) == 0)
        return scan(file, err);
    err_set(&file->err, RC_CORRUPT, "%s: the SHA-256 is %s, the journal says %s", file->raw_path, sha256, file->sha256);
    return reject(file, "damaged");
}

/* What the journal and the source definition say of the marker. */
static enum rc look_up(struct loader *loader, struct load_file *file, struct err *err) {
    enum rc rc = load_job_get(loader, file->job_id, &file->job, err);
    const struct load_batch *batch;
    char raw_path[PAYLOAD_PATH_SIZE];

    if (rc == RC_CORRUPT)
        return err_prefix(err, RC_PERM, "%s stays", file->marker);
    if (rc == RC_GONE) {
        err_set(&file->err, RC_PERM, "there is no journal of its job");
        return reject(file, "foreign");
    }
    if (rc != RC_OK)
        return rc;
    batch = load_job_batch(file->job, file->batch);
    payload_raw_path(file->job_id, file->job->row.campaign, file->batch, NULL, raw_path);
    if (batch == NULL || batch->sha256[0] == '\0') {
        err_set(&file->err, RC_PERM, "the job's journal has not captured this batch");
        return reject(file, "foreign");
    }
    if (file->raw_path[0] != '\0' && strcmp(raw_path, file->raw_path) != 0) {
        err_set(&file->err, RC_PERM, "the link names %s, not this batch's %s", file->raw_path, raw_path);
        return reject(file, "foreign");
    }
    (void)str_copy(file->raw_path, sizeof(file->raw_path), raw_path);
    (void)str_copy(file->sha256, sizeof(file->sha256), batch->sha256);
    file->captured_us = batch->captured_us;
    file->cost = batch->cost;
    file->has_cost = batch->has_cost;
    rc = sources_get(loader->sources, file->job->row.source, &file->source, err);
    if (rc != RC_OK)
        return err_prefix(err, RC_PERM, "%s stays", file->marker);
    load_definition(file->source, file->definition);
    return file->definition[0] != '\0' ? RC_OK : err_set(err, RC_TEMP, "out of memory");
}

/* Lock, then claim: a claim in processing/ whose raw file is not locked was abandoned. */
static enum rc claim(struct loader *loader, struct load_file *file, struct err *err) {
    struct stat st;
    enum rc rc;

    if (loader->options->dry_run)
        return RC_OK;
    /* A marker that leads to another's file must not hold that one up. */
    if (file->reason == NULL) {
        rc = lockfile_try(file->fd, err);
        if (rc != RC_OK)
            return rc;
    }
    if (file->from != SHELF_PROCESSING)
        return payload_marker_move(loader->spool, file->marker, file->from, SHELF_PROCESSING, false, err);
    /* Its owner may have finished between our open and our lock. */
    return fsio_stat(loader->spool->shelf_fd[SHELF_PROCESSING], file->marker, &st, err);
}

enum rc load_file_take(struct loader *loader, const char *marker, enum shelf from, struct load_file *file, struct err *err) {
    int64_t started_ms = clock_mono_ms();
    enum rc rc;

    memset(file, 0, sizeof(*file));
    file->fd = -1;
    file->from = from;
    if (!payload_marker_parse(marker, file->job_id, &file->batch) || !str_copy(file->marker, sizeof(file->marker), marker))
        return RC_GONE;
    switch (rc = payload_open(loader->spool, from, marker, &file->fd, file->raw_path, &file->err)) {
    case RC_OK:
        break;
    case RC_PERM:
        file->reason = "foreign";
        break;
    case RC_CORRUPT:
        file->reason = "dangling";
        break;
    case RC_GONE:
    case RC_AGAIN:
    case RC_TEMP:
    case RC_NOSPACE:
    case RC_CANCELLED:
    case RC_FATAL:
        (void)err_set(err, rc, "%s", file->err.text);
        goto fail;
    }
    if (file->reason != NULL) {
        (void)reject(file, file->reason);
        file->raw_path[0] = '\0';
        /* Only for its journal. A payload that is not there needs no definition. */
        rc = load_job_get(loader, file->job_id, &file->job, err);
        if (rc == RC_OK)
            payload_raw_path(file->job_id, file->job->row.campaign, file->batch, NULL, file->raw_path);
        if (rc == RC_GONE || rc == RC_CORRUPT)
            rc = RC_OK;
    } else {
        rc = look_up(loader, file, err);
    }
    if (rc == RC_OK)
        rc = claim(loader, file, err);
    if (rc == RC_OK && file->reason == NULL) {
        rc = check_bytes(file, err);
        if (rc != RC_OK)
            load_file_put_back(loader, file);
    }
    file->scan_ms = clock_mono_ms() - started_ms;
    if (rc == RC_OK)
        return RC_OK;
fail:
    load_file_release(file);
    return rc;
}

void load_file_put_back(struct loader *loader, struct load_file *file) {
    enum shelf to = file->from;

    if (loader->options->dry_run)
        return;
    if (to == SHELF_PROCESSING)
        to = file->job != NULL && file->job->row.automatic ? SHELF_READY : SHELF_PENDING;
    (void)payload_marker_move(loader->spool, file->marker, SHELF_PROCESSING, to, false, NULL);
}

void load_file_release(struct load_file *file) {
    if (file->data != NULL)
        fsio_unmap(file->data, file->length);
    if (file->fd >= 0)
        close(file->fd);
    load_arena_release(&file->arena);
    free(file->records);
    free(file->bad);
    memset(file, 0, sizeof(*file));
    file->fd = -1;
}

void load_file_sink(const struct load_file *file, struct sink_file *out) {
    *out = (struct sink_file){.source = file->source->name,
                              .campaign = file->job->row.campaign,
                              .job_id = file->job_id,
                              .batch = file->batch,
                              .path = file->raw_path,
                              .sha256 = file->sha256,
                              .definition = file->definition,
                              .captured_us = file->captured_us,
                              .cost = file->cost,
                              .has_cost = file->has_cost,
                              .records = file->records,
                              .record_count = file->record_count,
                              .bad = file->bad,
                              .bad_count = file->bad_count,
                              .children = load_children,
                              .children_context = file->source};
}
