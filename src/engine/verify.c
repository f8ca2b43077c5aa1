// SPDX-License-Identifier: Apache-2.0
#include "engine/verify.h"

#include "base/clock.h"
#include "engine/verify_internal.h"
#include "os/dirscan.h"
#include "os/fsio.h"

#include <dirent.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static enum rc out_of_memory(struct err *err) {
    return err_set(err, RC_TEMP, "out of memory");
}

enum rc verify_add(struct verify *v, struct err *err, const char *kind, const char *path, const char *format, ...) {
    struct verify_findings *f = &v->findings;
    if (f->count == f->capacity) {
        size_t capacity = f->capacity ? f->capacity * 2 : 16;
        struct verify_finding *list = realloc(f->list, capacity * sizeof *list);
        if (!list)
            return out_of_memory(err);
        f->list = list;
        f->capacity = capacity;
    }
    char detail[700];
    va_list args;
    va_start(args, format);
    vsnprintf(detail, sizeof detail, format, args);
    va_end(args);
    struct verify_finding *finding = &f->list[f->count];
    *finding = (struct verify_finding){
        .subject = v->subject, .where = v->where, .name = strdup(v->name), .kind = kind, .path = strdup(path), .detail = strdup(detail)};
    f->count++;
    return finding->name && finding->path && finding->detail ? RC_OK : out_of_memory(err);
}

static void release_findings(struct verify_findings *f) {
    for (size_t i = 0; i < f->count; i++) {
        free(f->list[i].name);
        free(f->list[i].path);
        free(f->list[i].detail);
    }
    free(f->list);
    *f = (struct verify_findings){NULL, 0, 0};
}

static enum rc look(struct verify *v, enum verify_subject subject, int where, const char *name, bool learn, struct err *err) {
    v->subject = subject;
    v->where = where;
    v->name = name;
    switch (subject) {
    case SUBJECT_JOB:
        return verify_job(v, name, learn, err);
    case SUBJECT_MARKER:
        return verify_marker(v, (enum shelf)where, name, err);
    case SUBJECT_RAW:
        return verify_raw(v, name, err);
    case SUBJECT_SUMS:
        return verify_sums(v, name, err);
    case SUBJECT_ENTRY:
        return verify_entry(v, (enum place)where, name, err);
    case SUBJECT_ROW:
        return verify_row(v, name, err);
    case SUBJECT_PAUSE:
        return verify_pause(v, name, err);
    case SUBJECT_SCHEDULE:
        return verify_schedule(v, name, err);
    case SUBJECT_ARCHIVE:
        return verify_archive(v, name, err);
    case SUBJECT_DOCUMENT:
        return verify_document(v, name, err);
    }
    return RC_FATAL;
}

static int compare_ids(const void *a, const void *b) {
    return strcmp(a, b);
}

static enum rc add_id(struct verify_ids *ids, const char *name, size_t length, struct err *err) {
    if (ids->count == ids->capacity) {
        size_t capacity = ids->capacity ? ids->capacity * 2 : 64;
        char(*list)[JOBID_SIZE] = realloc(ids->list, capacity * sizeof *list);
        if (!list)
            return out_of_memory(err);
        ids->list = list;
        ids->capacity = capacity;
    }
    memcpy(ids->list[ids->count], name, length);
    ids->list[ids->count][length] = '\0';
    ids->count += jobid_valid(ids->list[ids->count]);
    return RC_OK;
}

static enum rc read_ids(struct verify *v, struct err *err) {
    struct dirscan *scan;
    enum rc rc = dirscan_open(v->spool->journal_fd, ".", &scan, err);
    if (rc)
        return err_prefix(err, rc, "journal");
    const char *name;
    unsigned char type;
    while ((rc = dirscan_next(scan, &name, &type, err)) == RC_OK) {
        size_t length = strlen(name);
        if (type == DT_REG && str_ends(name, ".ndjson") && length - 7 < JOBID_SIZE && (rc = add_id(&v->ids, name, length - 7, err)) != RC_OK)
            break;
    }
    dirscan_close(scan);
    if (v->ids.count)
        qsort(v->ids.list, v->ids.count, sizeof *v->ids.list, compare_ids);
    return rc == RC_GONE ? RC_OK : rc;
}

static int compare_known(const void *a, const void *b) {
    return strcmp(((const struct verify_known *)a)->path, ((const struct verify_known *)b)->path);
}

const struct verify_known *verify_find_known(const struct verify *v, const char *path) {
    char *key = strdup(path);
    const struct verify_known wanted = {.path = key};
    const struct verify_known *found = key && v->known_count ? bsearch(&wanted, v->known, v->known_count, sizeof *v->known, compare_known) : NULL;
    free(key);
    /* An answer is known under the names that it may get; one that was captured has it. */
    while (found && found > v->known && compare_known(found - 1, found) == 0)
        found--;
    for (const struct verify_known *other = found; other && other < v->known + v->known_count && compare_known(other, found) == 0; other++)
        if (other->captured)
            return other;
    return found;
}

/* A name of a directory's entry, and its type. */
typedef enum rc entry_seen(struct verify *v, int where, const char *prefix, const char *name, unsigned char type, struct err *err);

static enum rc each_entry(struct verify *v, int dir_fd, const char *path, int where, entry_seen *fn, struct err *err) {
    struct dirscan *scan;
    enum rc rc = dirscan_open(dir_fd, path, &scan, err);
    if (rc)
        return rc;
    const char *name;
    unsigned char type;
    while ((rc = dirscan_next(scan, &name, &type, err)) == RC_OK)
        if (name[0] != '.' && (rc = fn(v, where, path, name, type, err)) != RC_OK)
            break;
    dirscan_close(scan);
    return rc == RC_GONE ? RC_OK : rc;
}

static enum rc on_job_file(struct verify *v, int where, const char *prefix, const char *name, unsigned char type, struct err *err) {
    (void)prefix;
    return type == DT_REG && str_ends(name, ".json") ? look(v, SUBJECT_ENTRY, where, name, false, err) : RC_OK;
}

static enum rc on_pause(struct verify *v, int where, const char *prefix, const char *name, unsigned char type, struct err *err) {
    (void)prefix;
    (void)type;
    return look(v, SUBJECT_PAUSE, where, name, false, err);
}

static enum rc on_marker(struct verify *v, int where, const char *prefix, const char *name, unsigned char type, struct err *err) {
    (void)prefix;
    /* Bodies of answers that were not good lie beside the markers of failed/. */
    if (where == SHELF_FAILED && type == DT_REG && str_ends(name, ".body"))
        return RC_OK;
    if (v->counts)
        v->counts->markers++;
    return look(v, SUBJECT_MARKER, where, name, false, err);
}

static enum rc on_raw(struct verify *v, int where, const char *prefix, const char *name, unsigned char type, struct err *err) {
    char path[PAYLOAD_PATH_SIZE + 300];
    (void)where;
    (void)type;
    if (strcmp(name, "SHA256SUMS") == 0)
        return look(v, SUBJECT_SUMS, 0, prefix, false, err);
    str_format(path, sizeof path, "%s/%s", prefix, name);
    return look(v, SUBJECT_RAW, 0, path, false, err);
}

static enum rc on_month(struct verify *v, int where, const char *prefix, const char *name, unsigned char type, struct err *err) {
    (void)prefix;
    return type == DT_DIR ? each_entry(v, v->spool->raw_fd, name, where, on_raw, err) : look(v, SUBJECT_RAW, 0, name, false, err);
}

static enum rc on_archive(struct verify *v, int where, const char *prefix, const char *name, unsigned char type, struct err *err) {
    (void)prefix;
    (void)type;
    return str_ends(name, ".tar.zst") && !v->options->quick ? look(v, SUBJECT_ARCHIVE, where, name, false, err) : RC_OK;
}

static enum rc on_schedule(struct verify *v, int where, const char *prefix, const char *name, unsigned char type, struct err *err) {
    (void)prefix;
    (void)type;
    return str_ends(name, ".state") ? look(v, SUBJECT_SCHEDULE, where, name, false, err) : RC_OK;
}

static enum rc on_document(struct verify *v, int where, const char *prefix, const char *name, unsigned char type, struct err *err) {
    char path[400];
    if (!str_format(path, sizeof path, "%s/%s", prefix, name))
        return RC_OK;
    enum rc rc = look(v, SUBJECT_DOCUMENT, where, path, false, err);
    const bool inside = type == DT_DIR && (strcmp(path, "documents/raw") == 0 || strcmp(path, "documents/tmp") == 0 || strcmp(prefix, "documents/raw") == 0);
    return rc || !inside ? rc : each_entry(v, v->spool->root_fd, path, where, on_document, err);
}

static enum rc look_at_documents(struct verify *v, struct err *err) {
    enum rc rc = each_entry(v, v->spool->root_fd, "documents", 0, on_document, err);
    return rc == RC_GONE ? RC_OK : rc; /* a spool from before there were any */
}

struct row_walk {
    struct verify *v;
    struct err *err;
    enum rc rc;
};

static bool on_row(void *context, const struct job_row *row) {
    struct row_walk *walk = context;
    if (walk->v->counts)
        walk->v->counts->index_rows++;
    walk->rc = look(walk->v, SUBJECT_ROW, 0, row->id, false, walk->err);
    return walk->rc == RC_OK;
}

static int compare_sums(const void *a, const void *b) {
    const struct verify_known *const *x = a, *const *y = b;
    return strcmp((*x)->sha256, (*y)->sha256);
}

/* A batch that was captured twice is known twice, side by side. */
static enum rc count_same(struct verify *v, struct err *err) {
    const struct verify_known **list = calloc(v->known_count + 1, sizeof(const struct verify_known *));
    size_t count = 0;
    if (!list)
        return out_of_memory(err);
    for (size_t i = 0; i < v->known_count; i++)
        if (v->known[i].captured && (count == 0 || compare_known(list[count - 1], &v->known[i]) != 0))
            list[count++] = &v->known[i];
    if (count)
        qsort(list, count, sizeof *list, compare_sums);
    for (size_t i = 1; i < count; i++)
        v->counts->same += compare_sums(&list[i - 1], &list[i]) == 0;
    free(list);
    return RC_OK;
}

static enum rc look_at_everything(struct verify *v, struct err *err) {
    enum rc rc = read_ids(v, err);
    for (size_t i = 0; !rc && i < v->ids.count; i++) {
        v->counts->jobs++;
        rc = look(v, SUBJECT_JOB, 0, v->ids.list[i], true, err);
    }
    if (!rc && v->known_count)
        qsort(v->known, v->known_count, sizeof *v->known, compare_known);
    if (!rc)
        rc = count_same(v, err);
    for (int place = PLACE_PENDING; !rc && place < PLACE_COUNT; place++)
        rc = each_entry(v, v->spool->place_fd[place], ".", place, on_job_file, err);
    for (int shelf = SHELF_PENDING; !rc && shelf < SHELF_COUNT; shelf++)
        rc = each_entry(v, v->spool->shelf_fd[shelf], ".", shelf, on_marker, err);
    if (!rc)
        rc = each_entry(v, v->spool->raw_fd, ".", 0, on_month, err);
    if (!rc)
        rc = each_entry(v, v->spool->paused_fd, ".", 0, on_pause, err);
    if (!rc)
        rc = each_entry(v, v->spool->schedules_fd, ".", 0, on_schedule, err);
    if (!rc)
        rc = each_entry(v, v->spool->archive_fd, ".", 0, on_archive, err);
    verify_documents_sort(&v->documents);
    if (!rc)
        rc = look_at_documents(v, err);
    if (!rc && v->index) {
        struct row_walk walk = {v, err, RC_OK};
        rc = index_jobs(v->index, PLACE_NONE, "", on_row, &walk, err);
        rc = rc ? rc : walk.rc;
    }
    return rc;
}

static bool same_subject(const struct verify_finding *a, const struct verify_finding *b) {
    return a->subject == b->subject && a->where == b->where && strcmp(a->name, b->name) == 0;
}

static bool still_there(const struct verify_findings *later, const struct verify_finding *finding) {
    for (size_t i = 0; i < later->count; i++)
        if (same_subject(&later->list[i], finding) && strcmp(later->list[i].kind, finding->kind) == 0 && strcmp(later->list[i].path, finding->path) == 0)
            return true;
    return false;
}

/* Look again at what was different, and tell what still is. The findings of one subject follow each other. */
static enum rc look_again(struct verify *v, verify_found *found, void *context, struct verify_counts *counts, struct err *err) {
    struct verify_findings first = v->findings;
    enum rc rc = RC_OK;
    v->findings = (struct verify_findings){NULL, 0, 0};
    v->counts = NULL;
    for (size_t i = 0; !rc && i < first.count; i++) {
        if (i == 0 || !same_subject(&first.list[i], &first.list[i - 1])) {
            release_findings(&v->findings);
            rc = look(v, first.list[i].subject, first.list[i].where, first.list[i].name, false, err);
        }
        if (!rc && still_there(&v->findings, &first.list[i])) {
            counts->differences++;
            found(context, first.list[i].kind, first.list[i].path, first.list[i].detail);
        }
    }
    release_findings(&first);
    return rc;
}

/* Payloads that were published after the journals had been read are known at the second look only. */
static enum rc learn_again(struct verify *v, struct err *err) {
    bool needed = false;
    for (size_t i = 0; i < v->findings.count; i++)
        needed = needed || v->findings.list[i].subject != SUBJECT_JOB;
    if (!needed)
        return RC_OK;
    for (size_t i = 0; i < v->known_count; i++)
        free(v->known[i].path);
    v->known_count = v->ids.count = v->documents.count = 0;
    struct verify_findings kept = v->findings;
    const struct verify_options *options = v->options;
    const struct verify_options quick = {.quick = true};
    v->findings = (struct verify_findings){NULL, 0, 0};
    v->options = &quick;
    v->counts = NULL;
    enum rc rc = read_ids(v, err);
    for (size_t i = 0; !rc && i < v->ids.count; i++)
        rc = look(v, SUBJECT_JOB, 0, v->ids.list[i], true, err);
    release_findings(&v->findings);
    v->findings = kept;
    v->options = options;
    if (v->known_count)
        qsort(v->known, v->known_count, sizeof *v->known, compare_known);
    verify_documents_sort(&v->documents);
    return rc;
}

enum rc verify_run(const struct spool *spool, struct index *index, const struct verify_options *options, verify_found *found, void *context,
                   struct verify_counts *counts, struct err *err) {
    memset(counts, 0, sizeof *counts);
    struct verify v = {.spool = spool, .index = index, .options = options, .counts = counts, .bytes = malloc(VERIFY_READ_BYTES)};
    enum rc rc = v.bytes ? look_at_everything(&v, err) : out_of_memory(err);
    if (!rc && v.findings.count) {
        poll(NULL, 0, (int)options->pause_ms);
        rc = learn_again(&v, err);
        if (!rc)
            rc = look_again(&v, found, context, counts, err);
    }
    release_findings(&v.findings);
    for (size_t i = 0; i < v.known_count; i++)
        free(v.known[i].path);
    free(v.known);
    free(v.documents.list);
    free(v.ids.list);
    free(v.bytes);
    return rc;
}
