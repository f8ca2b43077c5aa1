// SPDX-License-Identifier: Apache-2.0
#include "api/idempotency.h"

#include "base/clock.h"
#include "base/digest.h"
#include "base/json.h"
#include "base/log.h"
#include "base/str.h"
#include "os/dirscan.h"
#include "os/fsio.h"

#include <cjson/cJSON.h>
#include <dirent.h>
#include <string.h>

#define DIR_NAME "web/idempotency"
#define FILE_MOST 1024u
#define PATH_SIZE 128

bool idempotency_key_valid(const char *key) {
    size_t length = strlen(key);
    for (const char *at = key; *at; at++)
        if (*at < '!' || *at > '~')
            return false;
    return length > 0 && length <= IDEMPOTENCY_KEY_MOST;
}

static void path_of(const char *owner, const char *key, char out[PATH_SIZE]) {
    char text[70 + IDEMPOTENCY_KEY_MOST], sum[DIGEST_HEX_SIZE];
    str_format(text, sizeof text, "%s\n%s", owner, key);
    digest_of_hex(text, strlen(text), sum);
    str_format(out, PATH_SIZE, DIR_NAME "/%s.json", sum);
}

/* RC_GONE: not there, or nothing of ours. */
static enum rc read_known(const struct spool *spool, const char *path, const char *body_sha256, char id[JOBID_SIZE], struct err *err) {
    struct buf text = BUF_INIT(FILE_MOST);
    enum rc rc = fsio_read_file(spool->root_fd, path, &text, err);
    cJSON *json = rc ? NULL : cJSON_ParseWithLength(buf_text(&text), text.length);
    const char *sum = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, "sha256"));
    const char *known = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, "job_id"));
    buf_release(&text);
    if (!rc && (!sum || !known || !jobid_valid(known)))
        rc = RC_GONE;
    if (!rc && strcmp(sum, body_sha256) != 0)
        rc = err_set(err, RC_PERM, "this Idempotency-Key came with another body before (job %s); a new submission wants a new key", known);
    if (!rc)
        str_copy(id, JOBID_SIZE, known);
    cJSON_Delete(json);
    return rc;
}

enum rc idempotency_take(const struct spool *spool, const char *owner, const char *key, const char *body_sha256, char id[JOBID_SIZE], bool *known,
                         struct err *err) {
    char path[PATH_SIZE], tmp[PATH_SIZE], text[FILE_MOST];
    path_of(owner, key, path);
    *known = false;
    enum rc rc = fsio_make_dirs(spool->root_fd, DIR_NAME, 02770, err);
    if (!rc)
        rc = read_known(spool, path, body_sha256, id, err);
    if (rc != RC_GONE) {
        *known = rc == RC_OK;
        return rc;
    }
    str_format(text, sizeof text, "{\"sha256\":\"%s\",\"job_id\":\"%s\"}\n", body_sha256, id);
    str_format(tmp, sizeof tmp, "%s.tmp", path);
    return fsio_put_file(spool->root_fd, tmp, path, 0660, text, strlen(text), err);
}

void idempotency_prune(const struct spool *spool) {
    struct dirscan *scan;
    const char *name;
    unsigned char type;
    struct stat st;
    struct err err = {0};
    const int64_t before_us = clock_wall_us() - (int64_t)IDEMPOTENCY_KEEP_S * 1000000;
    enum rc rc = dirscan_open(spool->root_fd, DIR_NAME, &scan, &err);
    if (rc)
        return;
    while ((rc = dirscan_next(scan, &name, &type, &err)) == RC_OK)
        if (type == DT_REG && fsio_stat(dirscan_fd(scan), name, &st, NULL) == RC_OK && clock_file_us(st.st_mtim) < before_us)
            fsio_unlink(dirscan_fd(scan), name, NULL);
    if (rc != RC_GONE)
        log_warn(DIR_NAME ": %s", err.text);
    dirscan_close(scan);
}
