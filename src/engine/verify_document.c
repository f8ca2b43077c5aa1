// SPDX-License-Identifier: Apache-2.0
#include "engine/verify_internal.h"

#include "os/fsio.h"
#include "spool/document.h"

#include <cjson/cJSON.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* documents/: each document against its name, and against the jobs that name it. */

#define RAW "documents/raw/"
#define COMPRESSED ".zst"
#define SUM_LENGTH (DIGEST_HEX_SIZE - 1)

static bool is_month(const char *name) {
    return strlen(name) == 7 && strspn(name, "0123456789") == 4 && name[4] == '-' && strspn(name + 5, "0123456789") == 2;
}

/* <sha256> or <sha256>.zst */
static bool take_sum(const char *name, char sha256[DIGEST_HEX_SIZE], bool *compressed) {
    *compressed = str_ends(name, COMPRESSED);
    return strlen(name) == SUM_LENGTH + (*compressed ? strlen(COMPRESSED) : 0) && str_format(sha256, DIGEST_HEX_SIZE, "%.64s", name) && document_is_sum(sha256);
}

/* --- what jobs name ------------------------------------------------------------------------------------------------- */

static int by_sum(const void *a, const void *b) {
    return strcmp(((const struct verify_document *)a)->sha256, ((const struct verify_document *)b)->sha256);
}

static enum rc add(struct verify_documents *documents, const struct verify_document *document, struct err *err) {
    if (documents->count == documents->capacity) {
        size_t capacity = documents->capacity ? documents->capacity * 2 : 16;
        struct verify_document *list = realloc(documents->list, capacity * sizeof *list);
        if (!list)
            return err_set(err, RC_TEMP, "out of memory");
        documents->list = list;
        documents->capacity = capacity;
    }
    documents->list[documents->count++] = *document;
    return RC_OK;
}

enum rc verify_documents_of(const char *job_id, const char *text, struct verify_documents *documents, struct err *err) {
    cJSON *job = strstr(text, "\"documents\"") ? cJSON_Parse(text) : NULL;
    const cJSON *item;
    enum rc rc = RC_OK;
    documents->count = 0; /* the last acceptance holds */
    cJSON_ArrayForEach(item, cJSON_GetObjectItemCaseSensitive(job, "documents")) {
        const char *sum = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(item, "sha256"));
        const cJSON *bytes = cJSON_GetObjectItemCaseSensitive(item, "bytes");
        struct verify_document document = {.bytes = cJSON_IsNumber(bytes) && bytes->valuedouble > 0 ? (uint64_t)bytes->valuedouble : 0};
        if (rc || !sum || !document_is_sum(sum))
            continue;
        str_copy(document.sha256, sizeof document.sha256, sum);
        str_copy(document.job_id, sizeof document.job_id, job_id);
        rc = add(documents, &document, err);
    }
    cJSON_Delete(job);
    return rc;
}

enum rc verify_named(struct verify *v, const struct verify_documents *documents, bool learn, struct err *err) {
    char path[160];
    enum rc rc = RC_OK;
    for (size_t i = 0; i < documents->count && !rc; i++) {
        const struct verify_document *d = &documents->list[i];
        rc = document_stored(v->spool, d->sha256, err);
        if (rc == RC_GONE) {
            str_format(path, sizeof path, RAW "*/%s", d->sha256);
            rc = verify_add(v, err, "document-missing", path, "job %s names it: send it again, or put it back from a backup", d->job_id);
        }
        if (!rc && learn)
            rc = add(&v->documents, d, err);
    }
    return rc;
}

void verify_documents_sort(struct verify_documents *documents) {
    if (documents->count)
        qsort(documents->list, documents->count, sizeof *documents->list, by_sum);
}

/* A job that says another size. */
static const struct verify_document *other_size(const struct verify *v, const char *sha256, uint64_t bytes) {
    struct verify_document wanted = {.bytes = 0};
    str_copy(wanted.sha256, sizeof wanted.sha256, sha256);
    const struct verify_documents *all = &v->documents;
    const struct verify_document *found = all->count ? bsearch(&wanted, all->list, all->count, sizeof *all->list, by_sum) : NULL, *end = all->list + all->count;
    while (found && found > all->list && by_sum(found - 1, found) == 0)
        found--;
    for (; found && found < end && strcmp(found->sha256, sha256) == 0; found++)
        if (found->bytes && found->bytes != bytes)
            return found;
    return NULL;
}

/* --- what lies there ------------------------------------------------------------------------------------------------ */

static enum rc look_at_document(struct verify *v, const char *path, const char *sha256, bool compressed, const struct stat *st, struct err *err) {
    struct err reason = {0};
    uint64_t bytes = (uint64_t)st->st_size;
    enum rc rc = v->options->quick ? RC_OK : document_check(v->spool, path + strlen(RAW), &bytes, &reason);
    if (rc == RC_GONE) /* cleaned up meanwhile */
        return RC_OK;
    if (rc == RC_CORRUPT)
        return verify_add(v, err, "document-changed", path, "%s", reason.text);
    if (rc)
        return err_set(err, rc, "%s", reason.text);
    if (v->counts) {
        v->counts->documents++;
        v->counts->document_bytes += (uint64_t)st->st_size;
    }
    const struct verify_document *other = v->options->quick && compressed ? NULL : other_size(v, sha256, bytes);
    return other ? verify_add(v, err, "document-size", path, "has %" PRIu64 " bytes; job %s says %" PRIu64, bytes, other->job_id, other->bytes) : RC_OK;
}

static enum rc foreign(struct verify *v, const char *path, const char *what, struct err *err) {
    return verify_add(v, err, "document-foreign", path, "%s", what);
}

enum rc verify_document(struct verify *v, const char *path, struct err *err) {
    const char *below = path + strlen("documents/"), *name = strrchr(path, '/') + 1;
    char sha256[DIGEST_HEX_SIZE], first[160];
    bool compressed;
    struct stat st;
    enum rc rc = fsio_stat(v->spool->root_fd, path, &st, err);
    if (rc)
        return rc == RC_GONE ? RC_OK : rc;
    if (name == below)
        return S_ISDIR(st.st_mode) && (strcmp(name, "raw") == 0 || strcmp(name, "tmp") == 0) ? RC_OK
                                                                                             : foreign(v, path, "documents/ has raw and tmp alone", err);
    if (str_starts(below, "tmp/"))
        return S_ISREG(st.st_mode) && str_ends(name, ".upload") ? RC_OK : foreign(v, path, "it is no upload", err);
    if (name == path + strlen(RAW))
        return S_ISDIR(st.st_mode) && is_month(name) ? RC_OK : foreign(v, path, "it is no directory of a month", err);
    if (!S_ISREG(st.st_mode) || !take_sum(name, sha256, &compressed))
        return foreign(v, path, "its name is no SHA-256, alone or with " COMPRESSED, err);
    rc = document_find(v->spool, sha256, first, sizeof first, err);
    if (rc == RC_OK && strcmp(first, path) != 0)
        return verify_add(v, err, "document-double", path, "the same document is %s", first);
    return rc && rc != RC_GONE ? rc : look_at_document(v, path, sha256, compressed, &st, err);
}
