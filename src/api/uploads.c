// SPDX-License-Identifier: Apache-2.0
#include "api/uploads.h"

#include "api/api.h"
#include "api/submission.h"
#include "base/clock.h"
#include "base/digest.h"
#include "base/log.h"
#include "net/url_list.h"
#include "os/dirscan.h"
#include "os/fsio.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>
#include <unistd.h>

#define TMP_DIR "documents/tmp"
#define ENDING ".upload"
#define URLS_TOLD 10000u
#define WRONG_TOLD 1000u
#define HEAD_BYTES 8
#define SPARE_BYTES (128u * 1024u * 1024u) /* that uploads leave for the answers of sources */

struct upload {
    const struct spool *spool;
    int fd;
    struct digest *digest;
    uint64_t bytes;
    unsigned char head[HEAD_BYTES];
    char tmp[64]; /* below the root; "" once it has its name */
    char sha256[DIGEST_HEX_SIZE];
};

static void release(void *own) {
    struct upload *u = own;
    if (u->fd >= 0)
        close(u->fd);
    if (*u->tmp)
        fsio_unlink(u->spool->root_fd, u->tmp, NULL);
    digest_free(u->digest);
    free(u);
}

static struct upload *begin(struct request *r, struct err *err) {
    unsigned char random[12];
    char hex[2 * sizeof random + 1];
    struct upload *u = calloc(1, sizeof *u);
    if (!u)
        return NULL;
    u->spool = r->api->spool;
    u->fd = -1;
    r->own = u;
    r->own_release = release;
    if (getrandom(random, sizeof random, 0) != sizeof random) {
        err_sys(err, "getrandom");
        return NULL;
    }
    str_hex(random, sizeof random, hex);
    str_format(u->tmp, sizeof u->tmp, TMP_DIR "/%s" ENDING, hex);
    u->digest = digest_new();
    return u->digest && fsio_create(u->spool->root_fd, u->tmp, 0660, &u->fd, err) == RC_OK ? u : NULL;
}

/* What was paid for must find room, documents may come again. False: the reply is set. */
static bool is_room(struct request *r, uint64_t length) {
    uint64_t bytes, inodes;
    if (fsio_room(r->api->spool->root_fd, &bytes, &inodes, NULL) || bytes >= length + SPARE_BYTES)
        return true;
    reply_problem(r, 507, "there is no room for the file: %llu bytes are free, of which %u stay", (unsigned long long)bytes, SPARE_BYTES);
    return false;
}

bool uploads_piece(struct request *r, const char *bytes, size_t length) {
    struct err err = {0};
    uint64_t whole = 0;
    if (!r->own && request_header(r, "Content-Length"))
        (void)str_to_u64(request_header(r, "Content-Length"), 0, UINT64_MAX / 2, &whole);
    if (!is_room(r, whole > length ? whole : length))
        return false;
    struct upload *u = r->own ? r->own : begin(r, &err);
    if (!u) {
        reply_problem(r, 507, "the upload cannot be kept: %s", *err.text ? err.text : "out of memory");
        return false;
    }
    for (size_t i = 0; u->bytes + i < HEAD_BYTES && i < length; i++)
        u->head[u->bytes + i] = (unsigned char)bytes[i];
    u->bytes += length;
    digest_add(u->digest, bytes, length);
    enum rc rc = fsio_write(u->fd, bytes, length, &err);
    if (rc)
        reply_rc(r, rc == RC_PERM ? RC_TEMP : rc, &err);
    return !rc;
}

/* --- the whole file ----------------------------------------------------------------------------------------------------- */

static const char *given_name(const struct request *r) {
    return request_query(r, "name");
}

static cJSON *upload_json(const struct request *r, const struct upload *u) {
    char shown[200];
    cJSON *json = cJSON_CreateObject();
    cJSON_AddStringToObject(json, "document_id", u->sha256);
    cJSON_AddNumberToObject(json, "bytes", (double)u->bytes);
    if (given_name(r)) {
        str_printable(shown, sizeof shown, given_name(r), strlen(given_name(r)));
        cJSON_AddStringToObject(json, "name", shown);
    } else
        cJSON_AddNullToObject(json, "name");
    return json;
}

/* Something came, under a name that can be told. NULL: the reply is set. */
static struct upload *whole(struct request *r) {
    struct upload *u = r->own;
    if (!u || !u->bytes)
        reply_invalid(r, "", "the file is empty");
    else if (given_name(r) && (!*given_name(r) || strlen(given_name(r)) > 128))
        reply_problem(r, 400, "name must have 1 to 128 bytes");
    else {
        digest_hex(u->digest, u->sha256);
        if (*u->sha256)
            return u;
        reply_later(r, 1, "out of memory");
    }
    return NULL;
}

/* Durable under its name. *known: it was here already. */
static enum rc keep(struct upload *u, bool *known, struct err *err) {
    char month[32], path[120], time[20];
    clock_format_basic(clock_wall_us(), time);
    str_format(month, sizeof month, "documents/raw/%.4s-%.2s", time, time + 4);
    str_format(path, sizeof path, "%s/%s", month, u->sha256);
    enum rc rc = fsio_sync(u->fd, err);
    if (!rc)
        rc = fsio_make_dirs(u->spool->root_fd, month, 02770, err);
    if (rc)
        return rc;
    errno = 0;
    rc = fsio_rename_new(u->spool->root_fd, u->tmp, u->spool->root_fd, path, err);
    *known = rc == RC_PERM && errno == EEXIST;
    if (rc && !*known)
        return rc;
    if (!*known)
        *u->tmp = '\0';
    rc = fsio_sync_dir(u->spool->root_fd, month, err);
    return rc ? rc : fsio_sync_dir(u->spool->root_fd, TMP_DIR, err);
}

/* False: the reply is set. */
static bool kept(struct request *r, struct upload *u, bool *known) {
    struct err err = {0};
    enum rc rc = keep(u, known, &err);
    if (rc)
        reply_rc(r, rc == RC_PERM ? RC_TEMP : rc, &err);
    return !rc;
}

static bool starts(const struct upload *u, const void *bytes, size_t length) {
    return u->bytes >= length && memcmp(u->head, bytes, length) == 0;
}

/* NULL when it is a document that can be read; else what to do about it. */
static const char *wrong_kind(const struct upload *u) {
    if (starts(u, "%PDF-", 5) || starts(u, "\x89PNG\r\n\x1a\n", 8) || starts(u, "\xff\xd8\xff", 3) || starts(u, "II*\0", 4) || starts(u, "MM\0*", 4))
        return NULL;
    if (starts(u, "PK\x03\x04", 4))
        return "is a ZIP or an Office file (DOCX); save it as PDF and send that";
    if (starts(u, "\xd0\xcf\x11\xe0", 4))
        return "is an old Office file (DOC); save it as PDF and send that";
    return "is neither PDF, TIFF, JPEG nor PNG";
}

static bool keep_document(struct request *r, struct upload *u, bool *known) {
    const char *wrong = u ? wrong_kind(u) : NULL;
    if (wrong)
        reply_problem(r, 415, "the file %s", wrong);
    return u && !wrong && kept(r, u, known);
}

cJSON *uploads_keep(struct request *r) {
    struct upload *u = whole(r);
    bool known;
    return keep_document(r, u, &known) ? upload_json(r, u) : NULL;
}

void uploads_document(struct request *r) {
    struct upload *u = whole(r);
    bool known;
    if (keep_document(r, u, &known))
        reply_json(r, known ? 200 : 201, upload_json(r, u));
}

/* All of it, from the disk, into r->body. */
static bool read_back(struct request *r, const struct upload *u) {
    struct err err = {0};
    enum rc rc = fsio_read_all(u->fd, &r->body, &err);
    if (rc)
        reply_rc(r, rc, &err);
    return !rc;
}

void uploads_criteria(struct request *r) {
    struct upload *u = whole(r);
    bool known;
    if (!u || !read_back(r, u) || !submission_check(r) || !kept(r, u, &known))
        return;
    cJSON *json = upload_json(r, u);
    cJSON_AddItemToObject(json, "job", cJSON_Duplicate(r->json, true));
    reply_json(r, 201, json);
}

struct told {
    cJSON *urls, *rejected;
    size_t url_count, rejected_count;
};

static void told_url(void *context, size_t line, const char *url) {
    struct told *t = context;
    (void)line;
    if (t->url_count++ < URLS_TOLD)
        cJSON_AddItemToArray(t->urls, cJSON_CreateString(url));
}

static void told_wrong(void *context, size_t line, const char *text, const char *why) {
    struct told *t = context;
    if (t->rejected_count++ >= WRONG_TOLD)
        return;
    cJSON *one = cJSON_CreateObject();
    cJSON_AddNumberToObject(one, "line", (double)line);
    cJSON_AddStringToObject(one, "text", text);
    cJSON_AddStringToObject(one, "detail", why);
    cJSON_AddItemToArray(t->rejected, one);
}

void uploads_urls(struct request *r) {
    struct upload *u = whole(r);
    struct url_list_counts counts;
    struct err err = {0};
    bool known;
    if (!u || !read_back(r, u))
        return;
    cJSON *json = upload_json(r, u);
    struct told told = {.urls = cJSON_CreateArray(), .rejected = cJSON_CreateArray()};
    const struct url_list_told listener = {.url = told_url, .wrong = told_wrong, .context = &told};
    enum rc rc = url_list_read(buf_text(&r->body), r->body.length, &listener, &counts, &err);
    cJSON_AddItemToObject(json, "urls", told.urls);
    cJSON_AddItemToObject(json, "rejected", told.rejected);
    cJSON_AddNumberToObject(json, "total", (double)counts.urls);
    cJSON_AddNumberToObject(json, "duplicates", (double)counts.duplicates);
    if (rc)
        reply_rc(r, rc, &err);
    else if (!counts.urls)
        reply_invalid(r, "", "there is no URL in it%s", counts.wrong ? " that can be used" : "");
    else if (kept(r, u, &known)) {
        reply_json(r, 201, json);
        return;
    }
    cJSON_Delete(json);
}

void uploads_sweep(const struct spool *spool) {
    struct dirscan *scan;
    const char *name;
    unsigned char type;
    struct err err = {0};
    if (dirscan_open(spool->root_fd, TMP_DIR, &scan, &err)) {
        log_warn(TMP_DIR ": %s", err.text);
        return;
    }
    while (dirscan_next(scan, &name, &type, &err) == RC_OK)
        if (type == DT_REG && str_ends(name, ENDING) && fsio_unlink(dirscan_fd(scan), name, &err) == RC_OK)
            log_info(TMP_DIR "/%s: a broken upload, removed", name);
    dirscan_close(scan);
}
