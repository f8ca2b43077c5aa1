// SPDX-License-Identifier: Apache-2.0
#include "spool/members.h"

#include "base/json.h"
#include "os/fsio.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FLUSH_BYTES ((size_t)64 * 1024)
#define LINE_MOST ((size_t)128 * 1024)

struct members_writer {
    const struct spool *spool;
    char tmp[JOBID_SIZE + 32], path[JOBID_SIZE + 32], dir[JOBID_SIZE];
    int fd;
    struct buf lines;
    struct digest *digest;
};

static void file_path(const char *job_id, const char *name, char *out, size_t size) {
    str_format(out, size, "%s/%s", job_id, name);
}

static void writer_free(struct members_writer *w) {
    if (w->fd >= 0)
        close(w->fd);
    buf_release(&w->lines);
    digest_free(w->digest);
    free(w);
}

enum rc members_begin(const struct spool *spool, const char *job_id, struct members_writer **writer, struct err *err) {
    struct members_writer *w = calloc(1, sizeof *w);
    *writer = NULL;
    if (!w)
        return err_set(err, RC_TEMP, "out of memory");
    w->spool = spool;
    w->fd = -1;
    w->digest = digest_new();
    buf_init(&w->lines, FLUSH_BYTES + LINE_MOST);
    str_copy(w->dir, sizeof w->dir, job_id);
    file_path(job_id, ".members.tmp", w->tmp, sizeof w->tmp);
    file_path(job_id, "members.ndjson", w->path, sizeof w->path);
    enum rc rc = w->digest ? fsio_make_dirs(spool->results_fd, job_id, 02770, err) : err_set(err, RC_TEMP, "out of memory");
    if (!rc && (rc = fsio_unlink(spool->results_fd, w->tmp, err)) == RC_GONE)
        rc = RC_OK;
    if (!rc)
        rc = fsio_create(spool->results_fd, w->tmp, 0660, &w->fd, err);
    if (rc)
        writer_free(w);
    else
        *writer = w;
    return rc;
}

static enum rc flush(struct members_writer *w, struct err *err) {
    digest_add(w->digest, buf_text(&w->lines), w->lines.length);
    enum rc rc = fsio_write(w->fd, buf_text(&w->lines), w->lines.length, err);
    buf_reset(&w->lines);
    return rc;
}

enum rc members_add(struct members_writer *w, struct slice key, const char *owner, struct err *err) {
    enum rc rc = buf_add_text(&w->lines, "{\"key\":");
    if (!rc)
        rc = buf_add(&w->lines, key.data, key.length);
    if (!rc)
        rc = *owner ? buf_printf(&w->lines, ",\"job\":\"%s\"}\n", owner) : buf_add_text(&w->lines, "}\n");
    if (rc)
        return err_set(err, rc, rc == RC_TEMP ? "out of memory" : "an id of more than %zu bytes", LINE_MOST);
    return w->lines.length >= FLUSH_BYTES ? flush(w, err) : RC_OK;
}

enum rc members_commit(struct members_writer *w, char sha256[DIGEST_HEX_SIZE], struct err *err) {
    enum rc rc = flush(w, err);
    if (!rc)
        rc = fsio_sync(w->fd, err);
    if (!rc)
        rc = fsio_rename(w->spool->results_fd, w->tmp, w->spool->results_fd, w->path, err);
    if (!rc)
        rc = fsio_sync_dir(w->spool->results_fd, w->dir, err);
    digest_hex(w->digest, sha256);
    if (rc)
        fsio_unlink(w->spool->results_fd, w->tmp, NULL);
    writer_free(w);
    return rc;
}

void members_abort(struct members_writer *w) {
    if (!w)
        return;
    fsio_unlink(w->spool->results_fd, w->tmp, NULL);
    writer_free(w);
}

/* --- reading ------------------------------------------------------------------------------------------------------ */

struct members {
    const char *data;
    size_t length, at;
};

enum rc members_open(const struct spool *spool, const char *job_id, const char *sha256, struct members **members, struct err *err) {
    char path[JOBID_SIZE + 32], sum[DIGEST_HEX_SIZE];
    int fd;
    *members = NULL;
    file_path(job_id, "members.ndjson", path, sizeof path);
    enum rc rc = fsio_open_read(spool->results_fd, path, &fd, NULL, err);
    if (rc)
        return rc;
    struct members *m = calloc(1, sizeof *m);
    rc = m ? fsio_map(fd, &m->data, &m->length, err) : err_set(err, RC_TEMP, "out of memory");
    close(fd);
    if (rc) {
        free(m);
        return rc;
    }
    digest_of_hex(m->data, m->length, sum);
    if (sha256 && strcmp(sum, sha256) != 0) {
        members_close(m);
        return err_set(err, RC_CORRUPT, "results/%s is not what was journalled", path);
    }
    *members = m;
    return RC_OK;
}

void members_close(struct members *m) {
    if (!m)
        return;
    fsio_unmap(m->data, m->length);
    free(m);
}

void members_seek(struct members *m, size_t at) {
    m->at = at < m->length ? at : m->length;
}

size_t members_at(const struct members *m) {
    return m->at;
}

/* The text between the quotes of a job id, which has nothing in it that would be escaped. */
static bool take_owner(struct slice value, char out[JOBID_SIZE]) {
    return value.length > 2 && value.length < JOBID_SIZE + 1 && str_format(out, JOBID_SIZE, "%.*s", (int)value.length - 2, value.data + 1) && jobid_valid(out);
}

bool members_next(struct members *m, struct member *member) {
    const char *line = m->data + m->at, *end = m->at < m->length ? memchr(line, '\n', m->length - m->at) : NULL;
    struct slice owner;
    if (!end)
        return false;
    struct slice document = {line, (size_t)(end - line)};
    member->job_id[0] = '\0';
    if (json_check(document.data, document.length, &json_rules_payload, NULL) || !json_find(document, "/key", &member->key) ||
        (json_find(document, "/job", &owner) && !take_owner(owner, member->job_id)))
        return false;
    m->at += document.length + 1;
    return true;
}
