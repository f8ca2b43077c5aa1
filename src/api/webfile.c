// SPDX-License-Identifier: Apache-2.0
#include "api/webfile.h"

#include "base/clock.h"
#include "base/json.h"
#include "os/fsio.h"
#include "os/lockfile.h"

#include <string.h>
#include <unistd.h>

#define LOCK_NAME ".lock"
#define TMP_NAME ".tmp" /* of whoever holds the lock */
#define VERSION 1

enum rc webfile_lock(const struct spool *spool, int *fd, struct err *err) {
    bool created;
    enum rc rc = fsio_open_append(spool->web_fd, LOCK_NAME, WEBFILE_MODE, fd, &created, err);
    if (rc)
        return err_prefix(err, rc, "web");
    rc = lockfile_lock(*fd, err);
    if (rc)
        close(*fd);
    return rc;
}

static struct webfile_stamp stamp_of(const struct stat *st) {
    return (struct webfile_stamp){.inode = st->st_ino, .size = st->st_size, .mtime = st->st_mtim};
}

bool webfile_fresh(const struct spool *spool, const char *name, const struct webfile_stamp *stamp) {
    struct stat st;
    struct webfile_stamp now = {0};
    if (fsio_stat(spool->web_fd, name, &st, NULL) == RC_OK)
        now = stamp_of(&st);
    return now.inode == stamp->inode && now.size == stamp->size && now.mtime.tv_sec == stamp->mtime.tv_sec && now.mtime.tv_nsec == stamp->mtime.tv_nsec;
}

static enum rc parse(const char *name, const struct buf *text, cJSON **root, struct err *err) {
    struct err wrong = {0};
    if (json_check(buf_text(text), text->length, &json_rules_config, &wrong))
        return err_set(err, RC_CORRUPT, "web/%s: %s", name, wrong.text);
    *root = cJSON_ParseWithLength(buf_text(text), text->length);
    if (!*root)
        return err_set(err, RC_TEMP, "web/%s: out of memory", name);
    const cJSON *version = cJSON_GetObjectItemCaseSensitive(*root, "version");
    if (cJSON_IsNumber(version) && version->valuedouble == VERSION)
        return RC_OK;
    cJSON_Delete(*root);
    *root = NULL;
    return err_set(err, RC_CORRUPT, "web/%s: is not of version %d, which this program knows", name, VERSION);
}

enum rc webfile_read(const struct spool *spool, const char *name, cJSON **root, struct webfile_stamp *stamp, struct err *err) {
    struct buf text = BUF_INIT(WEBFILE_BYTES);
    struct stat st = {.st_ino = 0};
    int fd;
    *root = NULL;
    if (stamp)
        *stamp = (struct webfile_stamp){0};
    enum rc rc = fsio_open_read(spool->web_fd, name, &fd, &st, err);
    if (rc == RC_GONE) {
        *root = cJSON_CreateObject();
        return *root && cJSON_AddNumberToObject(*root, "version", VERSION) ? RC_OK : err_set(err, RC_TEMP, "web/%s: out of memory", name);
    }
    if (rc)
        return err_prefix(err, rc, "web");
    rc = fsio_read_all(fd, &text, err);
    close(fd);
    if (!rc)
        rc = parse(name, &text, root, err);
    else if (rc == RC_PERM)
        rc = err_set(err, RC_CORRUPT, "web/%s: is longer than %u bytes", name, WEBFILE_BYTES);
    if (stamp)
        *stamp = stamp_of(&st);
    buf_release(&text);
    return rc;
}

enum rc webfile_write(const struct spool *spool, const char *name, const cJSON *root, struct err *err) {
    char *text = cJSON_Print(root);
    if (!text)
        return err_set(err, RC_TEMP, "web/%s: out of memory", name);
    const size_t length = strlen(text);
    enum rc rc = length > WEBFILE_BYTES ? err_set(err, RC_PERM, "would be longer than %u bytes", WEBFILE_BYTES)
                                        : fsio_put_file(spool->web_fd, TMP_NAME, name, WEBFILE_MODE, text, length, err);
    cJSON_free(text);
    return rc ? err_prefix(err, rc, "web/%s", name) : rc;
}

enum rc webfile_change(const struct spool *spool, const char *name, webfile_edit *edit, void *context, struct err *err) {
    int lock;
    cJSON *root;
    enum rc rc = webfile_lock(spool, &lock, err);
    if (rc)
        return rc;
    rc = webfile_read(spool, name, &root, NULL, err);
    if (!rc && (rc = edit(context, root, err)) == RC_OK)
        rc = webfile_write(spool, name, root, err);
    cJSON_Delete(root);
    close(lock);
    return rc;
}

cJSON *webfile_object(cJSON *root, const char *name) {
    cJSON *object = cJSON_GetObjectItemCaseSensitive(root, name);
    if (!object)
        object = cJSON_AddObjectToObject(root, name);
    return cJSON_IsObject(object) ? object : NULL;
}

enum rc webfile_set(cJSON *object, const char *name, cJSON *value, struct err *err) {
    cJSON_DeleteItemFromObjectCaseSensitive(object, name);
    if (value && cJSON_AddItemToObject(object, name, value))
        return RC_OK;
    cJSON_Delete(value);
    return err_set(err, RC_TEMP, "out of memory");
}

enum rc webfile_set_text(cJSON *object, const char *name, const char *text, struct err *err) {
    return webfile_set(object, name, cJSON_CreateString(text), err);
}

enum rc webfile_set_time(cJSON *object, const char *name, int64_t wall_us, struct err *err) {
    char text[CLOCK_RFC3339_SIZE];
    clock_format_rfc3339(wall_us, 6, text);
    return webfile_set(object, name, wall_us ? cJSON_CreateString(text) : cJSON_CreateNull(), err);
}

bool webfile_text(const cJSON *object, const char *name, char *out, size_t size) {
    const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, name));
    return str_copy(out, size, text ? text : "") && text;
}

bool webfile_time(const cJSON *object, const char *name, int64_t *wall_us) {
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);
    *wall_us = 0;
    return !item || cJSON_IsNull(item) || (cJSON_IsString(item) && clock_parse_rfc3339(item->valuestring, wall_us));
}
