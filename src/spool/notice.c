// SPDX-License-Identifier: Apache-2.0
#include "spool/notice.h"

#include "base/clock.h"
#include "base/digest.h"
#include "base/json.h"
#include "base/log.h"
#include "os/dirscan.h"
#include "os/fsio.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FILE_NAME_SIZE (JOBID_SIZE + 6)
#define VALUE_MOST (128u * 1024u)

static const char *const KIND_NAMES[NOTICE_KIND_COUNT] = {"completed", "failed", "held",  "file_failed", "unauthorized",
                                                          "stuck",     "budget", "queue", "test",        "digest"};

const char *notice_kind_name(enum notice_kind kind) {
    return kind < NOTICE_KIND_COUNT ? KIND_NAMES[kind] : "none";
}

bool notice_kind_parse(const char *name, enum notice_kind *kind) {
    for (enum notice_kind k = 0; k < NOTICE_KIND_COUNT; k++)
        if (strcmp(name, KIND_NAMES[k]) == 0) {
            *kind = k;
            return true;
        }
    return false;
}

void notice_id_make(enum notice_kind kind, int64_t when_us, const char *subject, const char *to, char out[JOBID_SIZE]) {
    char when[20], hex[DIGEST_HEX_SIZE] = "", slug[JOBID_SLUG_SIZE];
    struct digest *digest = digest_new();
    if (digest != NULL) {
        digest_add(digest, notice_kind_name(kind), strlen(notice_kind_name(kind)) + 1);
        digest_add(digest, subject, strlen(subject) + 1);
        digest_add(digest, to, strlen(to));
        digest_hex(digest, hex);
        digest_free(digest);
    }
    if (hex[0] == '\0') { /* a notice that nobody can tell from another one is better than none */
        log_error("out of memory; what is on disk is whole, start again");
        abort();
    }
    clock_format_basic(when_us, when);
    jobid_slug(notice_kind_name(kind), slug);
    str_format(out, JOBID_SIZE, "%s-%.12s-%s", when, hex, slug);
}

/* --- the file -------------------------------------------------------------------------------------------------------- */

static const char *text_of(const cJSON *json, const char *name) {
    return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, name));
}

static enum rc wrong(struct err *err, const char *member, const char *must) {
    return err_set(err, RC_PERM, "%s: must be %s", member, must);
}

static enum rc check_names(const cJSON *json, struct err *err) {
    static const char *const names[] = {"v", "event", "to", "job_id", "seq", "created_at", "awaits", "digest_of", "values"};
    const cJSON *member;
    cJSON_ArrayForEach(member, json) {
        bool known = false;
        for (size_t i = 0; i < sizeof names / sizeof *names; i++)
            known = known || strcmp(member->string, names[i]) == 0;
        if (!known)
            return err_set(err, RC_PERM, "unknown member \"%.64s\"", member->string);
    }
    return RC_OK;
}

/* Below the spool's own directories of results alone, so that nobody is told whether some other file is there. */
static bool is_awaited(const char *path) {
    return str_starts(path, "results/") && strstr(path, "/.") == NULL && strstr(path, "//") == NULL;
}

static enum rc read_job(const cJSON *json, struct notice *notice, struct err *err) {
    const cJSON *seq = cJSON_GetObjectItemCaseSensitive(json, "seq");
    const char *job_id = text_of(json, "job_id"), *awaits = text_of(json, "awaits");
    if (cJSON_HasObjectItem(json, "job_id")) {
        if (job_id == NULL || !jobid_valid(job_id))
            return wrong(err, "job_id", "the id of a job");
        str_copy(notice->job_id, sizeof notice->job_id, job_id);
    }
    if (seq != NULL) {
        if (!cJSON_IsNumber(seq) || seq->valuedouble < 1 || seq->valuedouble > 9007199254740991.0 || !notice->job_id[0])
            return wrong(err, "seq", "the number of a line of the job's journal");
        notice->seq = (uint64_t)seq->valuedouble;
    }
    if (cJSON_HasObjectItem(json, "awaits") && (awaits == NULL || !is_awaited(awaits) || !str_copy(notice->awaits, sizeof notice->awaits, awaits)))
        return wrong(err, "awaits", "a path below results/");
    return RC_OK;
}

static enum rc read_values(cJSON *json, struct notice *notice, struct err *err) {
    notice->values = cJSON_DetachItemFromObjectCaseSensitive(json, "values");
    if (notice->values == NULL && (notice->values = cJSON_CreateObject()) == NULL)
        return err_set(err, RC_TEMP, "out of memory");
    if (!cJSON_IsObject(notice->values) || cJSON_GetArraySize(notice->values) > (int)NOTICE_VALUES_MOST)
        return wrong(err, "values", "an object of at most 64 texts");
    const cJSON *value;
    cJSON_ArrayForEach(value, notice->values) {
        if (!cJSON_IsString(value) || !str_is_name(value->string) || strlen(value->valuestring) > VALUE_MOST)
            return wrong(err, "values", "an object of texts whose names have letters, digits and _");
    }
    return RC_OK;
}

static enum rc read_digest(cJSON *json, struct notice *notice, struct err *err) {
    const cJSON *item;
    notice->digest_of = cJSON_DetachItemFromObjectCaseSensitive(json, "digest_of");
    if ((notice->digest_of != NULL) != (notice->kind == NOTICE_DIGEST))
        return wrong(err, "digest_of", "there in a digest, and there alone");
    if (notice->digest_of == NULL)
        return RC_OK;
    const int count = cJSON_IsArray(notice->digest_of) ? cJSON_GetArraySize(notice->digest_of) : 0;
    if (count < 1 || count > (int)NOTICE_DIGEST_MOST)
        return wrong(err, "digest_of", "a list of 1 to 200 ids");
    cJSON_ArrayForEach(item, notice->digest_of) {
        if (!cJSON_IsString(item) || !jobid_valid(item->valuestring))
            return wrong(err, "digest_of", "a list of ids");
    }
    return RC_OK;
}

static enum rc read_members(cJSON *json, struct notice *notice, struct err *err) {
    const cJSON *version = cJSON_GetObjectItemCaseSensitive(json, "v");
    const char *kind = text_of(json, "event"), *to = text_of(json, "to"), *created = text_of(json, "created_at");
    if (!cJSON_IsObject(json))
        return err_set(err, RC_PERM, "must be an object");
    if (!cJSON_IsNumber(version) || version->valuedouble != 1)
        return wrong(err, "v", "1");
    if (kind == NULL || !notice_kind_parse(kind, &notice->kind))
        return wrong(err, "event", "the kind of a notice");
    if (to == NULL || !notice_target_valid(to) || !str_copy(notice->to, sizeof notice->to, to))
        return wrong(err, "to", NOTICE_TARGET_RULE);
    if (created == NULL || !clock_parse_rfc3339(created, &notice->created_us))
        return wrong(err, "created_at", "a time (RFC 3339)");
    enum rc rc = check_names(json, err);
    if (rc == RC_OK)
        rc = read_job(json, notice, err);
    if (rc == RC_OK)
        rc = read_digest(json, notice, err);
    return rc == RC_OK ? read_values(json, notice, err) : rc;
}

enum rc notice_parse(const char *id, const char *text, size_t length, struct notice *notice, struct err *err) {
    *notice = (struct notice){.values = NULL};
    if (!jobid_valid(id) || !str_copy(notice->id, sizeof notice->id, id))
        return err_set(err, RC_PERM, "\"%.80s\" is no id of a notice", id);
    enum rc rc = json_check(text, length, &json_rules_config, err);
    if (rc != RC_OK)
        return rc;
    cJSON *json = cJSON_ParseWithLength(text, length);
    rc = json == NULL ? err_set(err, RC_TEMP, "out of memory") : read_members(json, notice, err);
    cJSON_Delete(json);
    return rc;
}

void notice_release(struct notice *notice) {
    cJSON_Delete(notice->values);
    cJSON_Delete(notice->digest_of);
    notice->values = notice->digest_of = NULL;
}

enum rc notice_format(const struct notice *notice, struct buf *out) {
    char created[CLOCK_RFC3339_SIZE];
    cJSON *json = cJSON_CreateObject();
    clock_format_rfc3339(notice->created_us, 6, created);
    cJSON_AddNumberToObject(json, "v", 1);
    cJSON_AddStringToObject(json, "event", notice_kind_name(notice->kind));
    cJSON_AddStringToObject(json, "to", notice->to);
    if (notice->job_id[0])
        cJSON_AddStringToObject(json, "job_id", notice->job_id);
    if (notice->seq)
        cJSON_AddNumberToObject(json, "seq", (double)notice->seq);
    cJSON_AddStringToObject(json, "created_at", created);
    if (notice->awaits[0])
        cJSON_AddStringToObject(json, "awaits", notice->awaits);
    if (notice->digest_of)
        cJSON_AddItemReferenceToObject(json, "digest_of", notice->digest_of);
    if (notice->values)
        cJSON_AddItemReferenceToObject(json, "values", notice->values);
    char *text = cJSON_Print(json);
    cJSON_Delete(json);
    if (text == NULL)
        return RC_TEMP;
    enum rc rc = buf_add_text(out, text);
    cJSON_free(text);
    return rc == RC_OK ? buf_add_char(out, '\n') : rc;
}

/* --- the directories --------------------------------------------------------------------------------------------------- */

static enum rc file_name(const char *id, char out[FILE_NAME_SIZE], struct err *err) {
    if (!jobid_valid(id))
        return err_set(err, RC_PERM, "\"%.80s\" is no id of a notice", id);
    str_format(out, FILE_NAME_SIZE, "%s.json", id);
    return RC_OK;
}

static enum rc write_tmp(const struct spool *spool, const char *name, const struct buf *text, int64_t until_us, struct err *err) {
    int fd;
    enum rc rc = fsio_create(spool->notices_tmp_fd, name, 0660, &fd, err);
    if (rc == RC_PERM && errno == EEXIST && fsio_unlink(spool->notices_tmp_fd, name, err) == RC_OK) /* a crash left it */
        rc = fsio_create(spool->notices_tmp_fd, name, 0660, &fd, err);
    if (rc != RC_OK)
        return rc;
    rc = fsio_write(fd, buf_text(text), text->length, err);
    if (rc == RC_OK && until_us != 0)
        rc = fsio_set_mtime(spool->notices_tmp_fd, name, until_us, err);
    if (rc == RC_OK)
        rc = fsio_sync(fd, err);
    close(fd);
    if (rc != RC_OK)
        fsio_unlink(spool->notices_tmp_fd, name, NULL);
    return rc;
}

enum rc notice_put(const struct spool *spool, const struct notice *notice, enum notice_state state, int64_t until_us, struct err *err) {
    struct buf text = BUF_INIT(NOTICE_FILE_BYTES);
    char name[FILE_NAME_SIZE];
    enum rc rc = file_name(notice->id, name, err);
    if (rc == RC_OK && (rc = notice_format(notice, &text)) != RC_OK)
        err_set(err, rc, rc == RC_TEMP ? "out of memory" : "the notice is longer than %u bytes", NOTICE_FILE_BYTES);
    if (rc == RC_OK)
        rc = write_tmp(spool, name, &text, until_us, err);
    buf_release(&text);
    if (rc != RC_OK)
        return rc;
    rc = fsio_rename_new(spool->notices_tmp_fd, name, spool->notice_fd[state], name, err);
    if (rc != RC_OK) {
        const bool there = rc == RC_PERM && errno == EEXIST;
        fsio_unlink(spool->notices_tmp_fd, name, NULL);
        return there ? RC_OK : rc;
    }
    rc = fsio_sync_dir(spool->notice_fd[state], ".", err);
    return rc == RC_OK ? fsio_sync_dir(spool->notices_tmp_fd, ".", err) : rc;
}

enum notice_state notice_find(const struct spool *spool, const char *id) {
    /* In the order in which a notice passes them, so that one that moves meanwhile is met. */
    static const enum notice_state order[] = {NOTICE_DEFERRED, NOTICE_PENDING, NOTICE_PROCESSING, NOTICE_DEFERRED, NOTICE_FAILED, NOTICE_PROCESSED};
    char name[FILE_NAME_SIZE];
    struct stat st;
    if (file_name(id, name, NULL) != RC_OK)
        return NOTICE_NONE;
    for (size_t i = 0; i < sizeof order / sizeof *order; i++)
        if (fsio_stat(spool->notice_fd[order[i]], name, &st, NULL) == RC_OK)
            return order[i];
    return NOTICE_NONE;
}

enum rc notice_read(const struct spool *spool, enum notice_state state, const char *id, struct notice *notice, struct stat *st, struct err *err) {
    struct buf text = BUF_INIT(NOTICE_FILE_BYTES);
    char name[FILE_NAME_SIZE];
    struct stat here;
    int fd = -1;
    *notice = (struct notice){.values = NULL};
    enum rc rc = file_name(id, name, err);
    if (rc == RC_OK)
        rc = fsio_open_read(spool->notice_fd[state], name, &fd, &here, err);
    if (rc != RC_OK)
        return rc;
    if (st != NULL)
        *st = here;
    rc = fsio_read_all(fd, &text, err);
    close(fd);
    if (rc == RC_OK && (rc = notice_parse(id, buf_text(&text), text.length, notice, err)) != RC_OK)
        err_prefix(err, rc, "notices/%s/%s", notice_state_name(state), name);
    buf_release(&text);
    return rc;
}

enum rc notice_move(const struct spool *spool, const char *id, enum notice_state from, enum notice_state to, int64_t until_us, bool synced, struct err *err) {
    char name[FILE_NAME_SIZE];
    enum rc rc = file_name(id, name, err);
    if (rc == RC_OK && until_us != 0)
        rc = fsio_set_mtime(spool->notice_fd[from], name, until_us, err);
    if (rc == RC_OK)
        rc = fsio_rename_new(spool->notice_fd[from], name, spool->notice_fd[to], name, err);
    if (rc != RC_OK)
        return rc;
    if (synced && (rc = fsio_sync_dir(spool->notice_fd[to], ".", err)) == RC_OK)
        rc = fsio_sync_dir(spool->notice_fd[from], ".", err);
    spool_note_remove(spool->notice_fd[from], id);
    return rc;
}

void notice_why_write(const struct spool *spool, enum notice_state state, const char *id, const char *text) {
    struct err err = {0};
    if (spool_note_write(spool, spool->notice_fd[state], id, text, &err) != RC_OK)
        log_warn("notices/%s/%s.why: %s", notice_state_name(state), id, err.text);
}

enum rc notice_why_read(const struct spool *spool, enum notice_state state, const char *id, struct buf *out, struct err *err) {
    char name[FILE_NAME_SIZE];
    enum rc rc = file_name(id, name, err);
    if (rc != RC_OK)
        return rc;
    str_format(name, sizeof name, "%s.why", id);
    return fsio_read_file(spool->notice_fd[state], name, out, err);
}

enum rc notice_remove(const struct spool *spool, enum notice_state state, const char *id, struct err *err) {
    char name[FILE_NAME_SIZE];
    enum rc rc = file_name(id, name, err);
    if (rc == RC_OK)
        rc = fsio_unlink(spool->notice_fd[state], name, err);
    spool_note_remove(spool->notice_fd[state], id);
    return rc;
}

enum rc notice_each(const struct spool *spool, enum notice_state state, bool stats, notice_seen *fn, void *context, struct err *err) {
    struct dirscan *scan;
    const char *name;
    unsigned char type;
    char id[JOBID_SIZE];
    struct stat st;
    enum rc rc = dirscan_open(spool->notice_fd[state], ".", &scan, err);
    if (rc != RC_OK)
        return rc;
    while ((rc = dirscan_next(scan, &name, &type, err)) == RC_OK) {
        if (type != DT_REG || !jobid_from_file(name, id) || (stats && fsio_stat(spool->notice_fd[state], name, &st, NULL) != RC_OK))
            continue;
        if (!fn(context, id, stats ? &st : NULL))
            break;
    }
    dirscan_close(scan);
    return rc == RC_GONE ? RC_OK : rc;
}
