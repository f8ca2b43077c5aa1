// SPDX-License-Identifier: Apache-2.0
#include "engine/retention_internal.h"

#include "base/log.h"
#include "os/fsio.h"
#include "os/lockfile.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The payloads of one month, which is over: packed in parts, each of which is done with before the next is begun. */

#define PART_FILES 20000u
#define PART_BYTES (UINT64_C(4) << 30)

struct part { /* what is packed together, or was */
    struct pack pack;
    struct retention_ids ids;
    struct pack_file *files;
    size_t file_count, file_capacity;
    uint64_t bytes;
};

struct month {
    struct retention *r;
    char name[8];
    struct part old, fresh; /* old: packed by a run that was killed before it told the journals */
    struct pack_file *listed;
    size_t listed_count;
    cJSON *archives;
    uint64_t jobs, files, bytes;
};

static void part_release(struct part *part) {
    retention_ids_release(&part->ids);
    free(part->files);
    *part = (struct part){.bytes = 0};
}

static enum rc part_add(struct part *part, const struct retention_job *job, struct err *err) {
    enum rc rc = retention_ids_add(&part->ids, job->row.id, err);
    for (size_t i = 0; !rc && i < job->count; i++) {
        if (job->files[i].archived)
            continue;
        if (part->file_count == part->file_capacity) {
            size_t capacity = part->file_capacity ? part->file_capacity * 2 : 64;
            struct pack_file *larger = realloc(part->files, capacity * sizeof *larger);
            if (!larger)
                return err_set(err, RC_TEMP, "out of memory");
            part->files = larger;
            part->file_capacity = capacity;
        }
        part->files[part->file_count++] = job->files[i].raw;
        part->bytes += job->files[i].bytes;
    }
    return rc;
}

static enum rc tell(struct journal *journal, const struct retention *r, const struct retention_file *file, const char *archive, struct err *err) {
    cJSON *m = retention_file_members(file);
    if (!m)
        return err_set(err, RC_TEMP, "out of memory");
    char path[PACK_NAME_SIZE + 16];
    if (archive[0] && str_format(path, sizeof path, "archive/%s", archive))
        cJSON_AddStringToObject(m, "archive", path);
    enum rc rc = journal_add(journal, "archived", r->options->by, m, err);
    cJSON_Delete(m);
    return rc;
}

/* Marker and raw payload of what the journal calls archived, while no loader has it. The caller syncs. */
static enum rc remove_file(const struct retention *r, const char *id, const struct retention_file *file, bool *removed, struct err *err) {
    char marker[PAYLOAD_PATH_SIZE];
    int fd;
    enum rc rc = fsio_open_read(r->spool->raw_fd, file->raw.path, &fd, NULL, err);
    if (rc == RC_GONE && file->inner)
        return RC_OK;
    if (rc == RC_GONE) { /* a kill came between the two */
        payload_marker_name(id, file->batch, marker);
        rc = fsio_unlink(r->spool->shelf_fd[SHELF_PROCESSED], marker, err);
        return rc == RC_GONE ? RC_OK : rc;
    }
    if (rc)
        return rc;
    rc = lockfile_try(fd, err);
    payload_marker_name(id, file->batch, marker);
    if (!rc && !file->inner) {
        rc = fsio_unlink(r->spool->shelf_fd[SHELF_PROCESSED], marker, err);
        rc = rc == RC_GONE ? RC_OK : rc;
    }
    if (!rc)
        rc = fsio_unlink(r->spool->raw_fd, file->raw.path, err);
    *removed = *removed || !rc;
    close(fd);
    return rc == RC_AGAIN || rc == RC_GONE ? RC_OK : rc; /* the next cleanup comes by */
}

static enum rc remove_files(const struct retention *r, const struct retention_job *job, bool *removed, struct err *err) {
    enum rc rc = RC_OK;
    for (size_t i = 0; !rc && i < job->count; i++)
        if (job->files[i].archived)
            rc = remove_file(r, job->row.id, &job->files[i], removed, err);
    return rc;
}

/* Under the journal's lock: is it still so, and are its payloads in this archive? Then tell. RC_GONE: not now. */
static enum rc tell_payloads(struct retention *r, struct journal *journal, const char *id, const struct part *part, struct retention_job *job,
                             struct err *err) {
    enum rc rc = journal_lock(journal, err);
    if (!rc)
        rc = retention_job_read(r->spool, id, job, err);
    if (rc)
        return rc;
    const bool ends = job->row.place != PLACE_PROCESSED && !job->row.archived_us;
    if (retention_held_by(r, job) || (ends && !retention_old(r, &job->row)))
        return RC_GONE;
    for (size_t i = 0; !rc && i < job->count; i++) {
        struct retention_file *file = &job->files[i];
        if (file->archived)
            continue;
        if (part->pack.name[0] && !pack_has(part->files, part->file_count, file->raw.path, file->raw.sha256))
            return RC_GONE;
        rc = tell(journal, r, file, part->pack.name, err);
        file->archived = true;
    }
    if (!rc && ends) /* else a person could let it go on, without them */
        rc = retention_tell_job(r, journal, &job->row, err);
    return rc ? rc : journal_commit(journal, true, err);
}

static enum rc retire_payloads(struct month *m, const struct part *part, const char *id, bool *removed) {
    struct retention *r = m->r;
    struct retention_job job = {.files = NULL};
    struct journal *journal;
    enum rc rc = journal_open(r->spool, id, false, &journal, r->err);
    if (rc)
        return rc == RC_GONE ? RC_OK : rc;
    rc = tell_payloads(r, journal, id, part, &job, r->err);
    journal_close(journal);
    if (!rc)
        rc = remove_files(r, &job, removed, r->err);
    retention_job_release(&job);
    if (rc == RC_CORRUPT || rc == RC_GONE) {
        log_warn("cleanup: job %s stays: %s", id, rc == RC_GONE ? "it has changed meanwhile" : r->err->text);
        rc = RC_OK;
    }
    return rc;
}

static enum rc sync_removed(const struct retention *r, const char *month) {
    enum rc rc = fsio_sync_dir(r->spool->shelf_fd[SHELF_PROCESSED], ".", r->err);
    return rc ? rc : fsio_sync_dir(r->spool->raw_fd, month, r->err);
}

static int file_order(const void *a, const void *b) {
    return strcmp(((const struct pack_file *)a)->path, ((const struct pack_file *)b)->path);
}

static void add_archive(struct month *m, const struct pack *pack) {
    char path[PACK_NAME_SIZE + 16];
    cJSON *item = cJSON_CreateObject();
    str_format(path, sizeof path, "archive/%s", pack->name);
    cJSON_AddStringToObject(item, "file", path);
    cJSON_AddStringToObject(item, "sha256", pack->sha256);
    cJSON_AddNumberToObject(item, "bytes", (double)pack->bytes);
    cJSON_AddItemToArray(m->archives, item);
}

/* Pack, or see that what was packed is whole; then the jobs. */
static enum rc finish_part(struct month *m, struct part *part, bool packed) {
    struct retention *r = m->r;
    enum rc rc = RC_OK;
    bool removed = false;
    if (!part->ids.count || r->options->dry_run) {
        part_release(part);
        return RC_OK;
    }
    if (part->file_count > 1)
        qsort(part->files, part->file_count, sizeof *part->files, file_order);
    if (packed)
        rc = pack_check(r->spool, part->pack.name, &part->pack, r->err);
    else if (r->options->limits.archive)
        rc = pack_make(r->spool, m->name, part->files, part->file_count, &part->pack, r->err);
    if (!rc && part->pack.name[0])
        add_archive(m, &part->pack);
    for (size_t i = 0; !rc && i < part->ids.count; i++)
        rc = retire_payloads(m, part, part->ids.list[i], &removed);
    if (removed) {
        enum rc synced = sync_removed(r, m->name);
        rc = rc ? rc : synced;
    }
    part_release(part);
    return rc;
}

/* Every payload is what the journal says, before anything is built on it. RC_CORRUPT: one is not. */
static enum rc check_files(const struct retention *r, const struct retention_job *job, struct err *err) {
    char sum[DIGEST_HEX_SIZE];
    enum rc rc = RC_OK;
    for (size_t i = 0; !rc && i < job->count; i++) {
        const struct retention_file *file = &job->files[i];
        if (file->archived)
            continue;
        rc = pack_sum(r->spool, file->raw.path, sum, NULL, err);
        if (rc == RC_GONE || (!rc && strcmp(sum, file->raw.sha256) != 0))
            rc = err_set(err, RC_CORRUPT, "payloads/raw/%s is %s", file->raw.path, rc ? "missing" : "not what its checksum says");
    }
    return rc;
}

static bool all_listed(const struct month *m, const struct retention_job *job) {
    for (size_t i = 0; i < job->count; i++)
        if (!job->files[i].archived && !pack_has(m->listed, m->listed_count, job->files[i].raw.path, job->files[i].raw.sha256))
            return false;
    return m->listed_count > 0;
}

/* What a kill left behind the event. */
static enum rc remove_rest(struct month *m, const struct retention_job *job) {
    bool removed = false;
    enum rc rc = m->r->options->dry_run || retention_files_left(job, NULL) == job->count ? RC_OK : remove_files(m->r, job, &removed, m->r->err);
    return rc || !removed ? rc : sync_removed(m->r, m->name);
}

/* Why it stays now; NULL: it goes. *rc: it cannot be told. */
static const char *stays(const struct month *m, const struct retention_job *job, enum rc *rc) {
    const struct retention *r = m->r;
    struct err damage = {0};
    const char *held = retention_held_by(r, job);
    if (held)
        return held;
    if (job->row.place != PLACE_PROCESSED && !job->row.archived_us && !retention_old(r, &job->row))
        return "not_old_enough"; /* a person may let it go on */
    *rc = r->options->dry_run ? RC_OK : check_files(r, job, &damage);
    if (*rc == RC_CORRUPT) {
        log_warn("cleanup: job %s stays: %s", job->row.id, damage.text);
        *rc = RC_OK;
        return "damaged";
    }
    if (*rc)
        err_set(r->err, *rc, "%s", damage.text);
    return NULL;
}

static enum rc take(struct month *m, const struct retention_job *job, size_t files, uint64_t bytes) {
    const bool packed = all_listed(m, job);
    enum rc rc = RC_OK;
    m->jobs++;
    m->files += files;
    m->bytes += bytes;
    if (!packed && m->fresh.ids.count && (m->fresh.file_count + files > PART_FILES || m->fresh.bytes + bytes > PART_BYTES))
        rc = finish_part(m, &m->fresh, false);
    return rc ? rc : part_add(packed ? &m->old : &m->fresh, job, m->r->err);
}

static enum rc month_job(struct month *m, const char *id) {
    struct retention *r = m->r;
    struct retention_job job;
    struct err damage = {0};
    uint64_t bytes = 0;
    enum rc rc = retention_job_read(r->spool, id, &job, &damage);
    if (rc == RC_CORRUPT)
        retention_keep(r, "damaged");
    if (rc)
        return rc == RC_CORRUPT || rc == RC_GONE ? RC_OK : err_set(r->err, rc, "%s", damage.text);
    rc = remove_rest(m, &job);
    const size_t left = rc ? 0 : retention_files_left(&job, &bytes);
    const char *held = left ? stays(m, &job, &rc) : NULL;
    if (held)
        retention_keep(r, held);
    else if (left && !rc)
        rc = take(m, &job, left, bytes);
    retention_job_release(&job);
    return rc;
}

static void add_month(struct month *m) {
    struct retention *r = m->r;
    r->files += m->files;
    r->bytes += m->bytes;
    if (!m->files && !cJSON_GetArraySize(m->archives)) {
        cJSON_Delete(m->archives);
        return;
    }
    cJSON *item = cJSON_CreateObject();
    cJSON_AddStringToObject(item, "month", m->name);
    cJSON_AddNumberToObject(item, "jobs", (double)m->jobs);
    cJSON_AddNumberToObject(item, "files", (double)m->files);
    cJSON_AddNumberToObject(item, "bytes", (double)m->bytes);
    cJSON_AddItemToObject(item, "archives", m->archives);
    cJSON_AddItemToArray(r->months, item);
}

enum rc retention_month(struct retention *r, const char *name) {
    struct month m = {.r = r, .archives = cJSON_CreateArray()};
    struct retention_ids ids = {.count = 0};
    str_copy(m.name, sizeof m.name, name);
    enum rc rc = retention_month_ids(r, name, &ids);
    if (!rc && r->options->limits.archive && !r->options->dry_run)
        rc = pack_last(r->spool, name, &m.old.pack, &m.listed, &m.listed_count, r->err);
    for (size_t i = 0; !rc && i < ids.count; i++)
        rc = month_job(&m, ids.list[i]);
    if (!rc)
        rc = finish_part(&m, &m.old, true);
    if (!rc)
        rc = finish_part(&m, &m.fresh, false);
    if (!rc && !r->options->dry_run)
        rc = payload_month_tidy(r->spool, name, r->err);
    part_release(&m.old);
    part_release(&m.fresh);
    retention_ids_release(&ids);
    free(m.listed);
    add_month(&m);
    return rc;
}
