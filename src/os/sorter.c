// SPDX-License-Identifier: Apache-2.0
#include "os/sorter.h"

#include "base/heap.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* In memory and in the file a record is its two lengths, its key and its value. */
struct head {
    uint32_t key, value;
};

#define LEAST_MEMORY_BYTES (4 * (SORTER_RECORD_BYTES + sizeof(struct head)))
#define RUN_BUFFER_BYTES (SORTER_RECORD_BYTES + sizeof(struct head))

struct run { /* a sorted part of the file */
    struct heap_node node;
    size_t number; /* earlier runs have the earlier records */
    uint64_t at, end;
    char *buffer;
    size_t used, length; /* of the buffer; the record that comes next begins at used */
};

struct sorter {
    size_t memory_bytes;
    char *arena;
    size_t length;
    size_t *offsets; /* of the records in the arena */
    size_t count, capacity, next;
    uint64_t added;
    int fd; /* -1: nothing was written yet */
    uint64_t file_bytes;
    struct run *runs;
    size_t run_count, run_capacity;
    struct heap heap;
    struct run *last; /* its record was handed out */
    bool reading;
};

struct sorter *sorter_new(size_t memory_bytes) {
    struct sorter *sorter = calloc(1, sizeof *sorter);
    if (sorter == NULL)
        return NULL;
    sorter->memory_bytes = memory_bytes == 0 ? SORTER_MEMORY_BYTES : memory_bytes < LEAST_MEMORY_BYTES ? LEAST_MEMORY_BYTES : memory_bytes;
    sorter->fd = -1;
    sorter->arena = malloc(sorter->memory_bytes); /* the kernel gives what is touched */
    if (sorter->arena == NULL) {
        free(sorter);
        return NULL;
    }
    return sorter;
}

void sorter_free(struct sorter *sorter) {
    if (sorter == NULL)
        return;
    for (size_t i = 0; i < sorter->run_count; i++)
        free(sorter->runs[i].buffer);
    free(sorter->runs);
    heap_release(&sorter->heap);
    if (sorter->fd >= 0)
        close(sorter->fd);
    free(sorter->arena);
    free(sorter->offsets);
    free(sorter);
}

uint64_t sorter_count(const struct sorter *sorter) {
    return sorter->added;
}

static struct head head_at(const char *record) {
    struct head head;
    memcpy(&head, record, sizeof head);
    return head;
}

static size_t record_bytes(const char *record) {
    struct head head = head_at(record);
    return sizeof head + head.key + head.value;
}

static int compare(const char *a, const char *b) {
    struct head x = head_at(a), y = head_at(b);
    int order = memcmp(a + sizeof x, b + sizeof y, x.key < y.key ? x.key : y.key);
    return order != 0 ? order : (x.key > y.key) - (x.key < y.key);
}

/* The offset decides between equal keys: what was added earlier lies before. */
static int by_key(const void *left, const void *right, void *arena) {
    const size_t *a = left, *b = right;
    int order = compare((const char *)arena + *a, (const char *)arena + *b);
    return order != 0 ? order : (*a > *b) - (*a < *b);
}

static void sort(struct sorter *sorter) {
    if (sorter->count > 1)
        qsort_r(sorter->offsets, sorter->count, sizeof *sorter->offsets, by_key, sorter->arena);
}

static enum rc open_file(struct sorter *sorter, struct err *err) {
    const char *dir = getenv("TMPDIR");
    char name[PATH_MAX];
    dir = dir != NULL && *dir == '/' ? dir : "/tmp";
    sorter->fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (sorter->fd < 0 && str_format(name, sizeof name, "%s/batchspool-sort-XXXXXX", dir)) {
        sorter->fd = mkostemp(name, O_CLOEXEC);
        if (sorter->fd >= 0)
            unlink(name);
    }
    return sorter->fd < 0 ? err_sys(err, "a file for sorting in %s", dir) : RC_OK;
}

static enum rc write_all(struct sorter *sorter, const char *bytes, size_t length, struct err *err) {
    while (length > 0) {
        ssize_t done = write(sorter->fd, bytes, length);
        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0)
            return err_sys(err, "the file for sorting in $TMPDIR or /tmp");
        bytes += done;
        length -= (size_t)done;
        sorter->file_bytes += (uint64_t)done;
    }
    return RC_OK;
}

static enum rc write_records(struct sorter *sorter, struct err *err) {
    char block[128 * 1024];
    size_t used = 0;
    enum rc rc = RC_OK;
    for (size_t i = 0; rc == RC_OK && i < sorter->count; i++) {
        const char *record = sorter->arena + sorter->offsets[i];
        size_t bytes = record_bytes(record);
        if (used + bytes > sizeof block) {
            rc = write_all(sorter, block, used, err);
            used = 0;
        }
        memcpy(block + used, record, bytes);
        used += bytes;
    }
    return rc == RC_OK ? write_all(sorter, block, used, err) : rc;
}

/* What is in memory becomes a run of the file. */
static enum rc spill(struct sorter *sorter, struct err *err) {
    enum rc rc = sorter->fd < 0 ? open_file(sorter, err) : RC_OK;
    if (rc != RC_OK)
        return rc;
    if (sorter->run_count == sorter->run_capacity) {
        size_t capacity = sorter->run_capacity == 0 ? 16 : sorter->run_capacity * 2;
        struct run *runs = realloc(sorter->runs, capacity * sizeof *runs);
        if (runs == NULL)
            return err_set(err, RC_TEMP, "out of memory");
        sorter->runs = runs;
        sorter->run_capacity = capacity;
    }
    sort(sorter);
    struct run run = {.number = sorter->run_count, .at = sorter->file_bytes};
    rc = write_records(sorter, err);
    if (rc != RC_OK)
        return rc;
    run.end = sorter->file_bytes;
    sorter->runs[sorter->run_count++] = run;
    sorter->count = 0;
    sorter->length = 0;
    return RC_OK;
}

enum rc sorter_add(struct sorter *sorter, struct slice key, struct slice value, struct err *err) {
    if (key.length > SORTER_RECORD_BYTES || value.length > SORTER_RECORD_BYTES - key.length)
        return err_set(err, RC_PERM, "a record of %zu bytes is too long to be sorted", key.length + value.length);
    struct head head = {(uint32_t)key.length, (uint32_t)value.length};
    size_t bytes = sizeof head + key.length + value.length;
    if (sorter->length + (sorter->count + 1) * sizeof *sorter->offsets + bytes > sorter->memory_bytes) {
        enum rc rc = spill(sorter, err);
        if (rc != RC_OK)
            return rc;
    }
    if (sorter->count == sorter->capacity) {
        size_t capacity = sorter->capacity == 0 ? 256 : sorter->capacity * 2;
        size_t *offsets = realloc(sorter->offsets, capacity * sizeof *offsets);
        if (offsets == NULL)
            return err_set(err, RC_TEMP, "out of memory");
        sorter->offsets = offsets;
        sorter->capacity = capacity;
    }
    char *at = sorter->arena + sorter->length;
    memcpy(at, &head, sizeof head);
    memcpy(at + sizeof head, key.data, key.length);
    if (value.length > 0)
        memcpy(at + sizeof head + key.length, value.data, value.length);
    sorter->offsets[sorter->count++] = sorter->length;
    sorter->length += bytes;
    sorter->added++;
    return RC_OK;
}

/* Have the next record of the run whole in its buffer. RC_GONE: the run is at its end. */
static enum rc fill(struct sorter *sorter, struct run *run, struct err *err) {
    size_t have = run->length - run->used;
    if (have >= sizeof(struct head) && have >= record_bytes(run->buffer + run->used))
        return RC_OK;
    if (have > 0)
        memmove(run->buffer, run->buffer + run->used, have);
    run->used = 0;
    run->length = have;
    while (run->length < RUN_BUFFER_BYTES && run->at < run->end) {
        size_t want = RUN_BUFFER_BYTES - run->length;
        want = run->end - run->at < want ? (size_t)(run->end - run->at) : want;
        ssize_t got = pread(sorter->fd, run->buffer + run->length, want, (off_t)run->at);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return got < 0 ? err_sys(err, "the file for sorting") : err_set(err, RC_TEMP, "the file for sorting has become shorter");
        run->length += (size_t)got;
        run->at += (uint64_t)got;
    }
    return run->length > 0 ? RC_OK : RC_GONE;
}

static bool comes_before(const struct heap_node *a, const struct heap_node *b) {
    const struct run *x = HEAP_ENTRY(a, struct run, node), *y = HEAP_ENTRY(b, struct run, node);
    int order = compare(x->buffer + x->used, y->buffer + y->used);
    return order != 0 ? order < 0 : x->number < y->number;
}

static enum rc begin_merge(struct sorter *sorter, struct err *err) {
    enum rc rc = sorter->count > 0 ? spill(sorter, err) : RC_OK;
    free(sorter->arena);
    sorter->arena = NULL;
    heap_init(&sorter->heap, comes_before);
    for (size_t i = 0; rc == RC_OK && i < sorter->run_count; i++) {
        struct run *run = &sorter->runs[i];
        run->buffer = malloc(RUN_BUFFER_BYTES);
        rc = run->buffer != NULL ? fill(sorter, run, err) : RC_TEMP;
        if (rc == RC_TEMP || !heap_push(&sorter->heap, &run->node))
            rc = err_set(err, RC_TEMP, "out of memory");
    }
    return rc;
}

static enum rc next_merged(struct sorter *sorter, const char **record, struct err *err) {
    if (sorter->last != NULL) {
        struct run *run = sorter->last;
        sorter->last = NULL;
        run->used += record_bytes(run->buffer + run->used);
        enum rc rc = fill(sorter, run, err);
        if (rc == RC_OK)
            heap_moved(&sorter->heap, &run->node);
        else if (rc == RC_GONE)
            heap_remove(&sorter->heap, &run->node);
        else
            return rc;
    }
    struct heap_node *top = heap_top(&sorter->heap);
    if (top == NULL)
        return RC_GONE;
    sorter->last = HEAP_ENTRY(top, struct run, node);
    *record = sorter->last->buffer + sorter->last->used;
    return RC_OK;
}

enum rc sorter_next(struct sorter *sorter, struct slice *key, struct slice *value, struct err *err) {
    const char *record;
    enum rc rc = RC_OK;
    if (!sorter->reading) {
        sorter->reading = true;
        if (sorter->fd >= 0)
            rc = begin_merge(sorter, err);
        else
            sort(sorter);
    }
    if (rc == RC_OK && sorter->fd >= 0)
        rc = next_merged(sorter, &record, err);
    else if (rc == RC_OK && sorter->next == sorter->count)
        rc = RC_GONE;
    else if (rc == RC_OK)
        record = sorter->arena + sorter->offsets[sorter->next++];
    if (rc != RC_OK)
        return rc;
    struct head head = head_at(record);
    *key = (struct slice){record + sizeof head, head.key};
    *value = (struct slice){record + sizeof head + head.key, head.value};
    return RC_OK;
}
