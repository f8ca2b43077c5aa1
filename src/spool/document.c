// SPDX-License-Identifier: Apache-2.0
#include "spool/document.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/str.h"
#include "os/dirscan.h"
#include "os/fsio.h"
#include "os/lockfile.h"

#include <archive.h>
#include <archive_entry.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#define TMP_DIR "documents/tmp"
#define RAW_DIR "documents/raw"
#define ENDING ".upload"
#define COMPRESSED ".zst"
#define BLOCK_BYTES ((size_t)128 * 1024)
#define COMPRESS_LEAST 4096u /* bytes: smaller files take a block all the same */
#define PATH_SIZE 128

struct document_upload {
    const struct spool *spool;
    int fd;
    struct digest *digest;
    uint64_t bytes;
    char tmp[64]; /* below the root; "" once it has its name */
    char packed[64];
};

/* --- coming in ---------------------------------------------------------------------------------------------------------- */

void document_drop(struct document_upload *u) {
    if (!u)
        return;
    if (u->fd >= 0)
        close(u->fd);
    if (*u->tmp)
        (void)fsio_unlink(u->spool->root_fd, u->tmp, NULL);
    if (*u->packed)
        (void)fsio_unlink(u->spool->root_fd, u->packed, NULL);
    digest_free(u->digest);
    free(u);
}

static enum rc tmp_name(char out[64], struct err *err) {
    unsigned char random[12];
    char hex[2 * sizeof random + 1];
    if (getrandom(random, sizeof random, 0) != sizeof random)
        return err_sys(err, "getrandom");
    str_hex(random, sizeof random, hex);
    str_format(out, 64, TMP_DIR "/%s" ENDING, hex);
    return RC_OK;
}

/* A new file of tmp, locked while it is used: document_sweep lets it be. */
static enum rc create_tmp(const struct spool *spool, char name[64], int *fd, struct err *err) {
    enum rc rc = tmp_name(name, err);
    if (!rc)
        rc = fsio_create(spool->root_fd, name, 0660, fd, err);
    if (rc)
        *name = '\0';
    else
        (void)lockfile_try(*fd, NULL);
    return rc;
}

enum rc document_begin(const struct spool *spool, struct document_upload **upload, struct err *err) {
    struct document_upload *u = calloc(1, sizeof *u);
    *upload = NULL;
    if (!u)
        return err_set(err, RC_TEMP, "out of memory");
    u->spool = spool;
    u->fd = -1;
    u->digest = digest_new();
    enum rc rc = u->digest ? create_tmp(spool, u->tmp, &u->fd, err) : err_set(err, RC_TEMP, "out of memory");
    if (rc)
        document_drop(u);
    else
        *upload = u;
    return rc;
}

enum rc document_add(struct document_upload *u, const void *bytes, size_t length, struct err *err) {
    if (length > DOCUMENT_BYTES_MOST - u->bytes)
        return err_set(err, RC_PERM, "is larger than %llu bytes", (unsigned long long)DOCUMENT_BYTES_MOST);
    digest_add(u->digest, bytes, length);
    u->bytes += length;
    return fsio_write(u->fd, bytes, length, err);
}

uint64_t document_bytes(const struct document_upload *u) {
    return u->bytes;
}

int document_fd(const struct document_upload *u) {
    return u->fd;
}

enum rc document_look(const struct document_upload *u, struct docform *form, struct err *err) {
    const char *bytes;
    size_t length;
    enum rc rc = fsio_map(u->fd, &bytes, &length, err);
    if (rc)
        return rc;
    rc = docform_look((struct slice){.data = bytes, .length = length}, form, err);
    fsio_unmap(bytes, length);
    return rc;
}

/* --- compressing -------------------------------------------------------------------------------------------------------- */

struct sink {
    int fd;
    enum rc rc;
    struct err *err;
};

static la_ssize_t sink_write(struct archive *archive, void *context, const void *bytes, size_t length) {
    struct sink *s = context;
    s->rc = fsio_write(s->fd, bytes, length, s->err);
    if (s->rc) {
        archive_set_error(archive, EIO, "the disk refused");
        return -1;
    }
    return (la_ssize_t)length;
}

static enum rc feed(int fd, struct archive *archive, struct err *err) {
    char *room = malloc(BLOCK_BYTES);
    enum rc rc = room ? RC_OK : err_set(err, RC_TEMP, "out of memory");
    ssize_t got = 1;
    for (off_t at = 0; !rc && got > 0; at += got > 0 ? got : 0) {
        do
            got = pread(fd, room, BLOCK_BYTES, at);
        while (got < 0 && errno == EINTR);
        if (got < 0)
            rc = err_sys(err, TMP_DIR ": read");
        else if (got > 0 && archive_write_data(archive, room, (size_t)got) != got)
            rc = err_set(err, RC_TEMP, "compress: %s", archive_error_string(archive));
    }
    free(room);
    return rc;
}

/* All of one file, compressed, into another. */
static enum rc compress_into(int from, int to, struct err *err) {
    struct sink sink = {.fd = to, .err = err};
    struct archive *archive = archive_write_new();
    struct archive_entry *entry = archive_entry_new();
    enum rc rc = archive && entry ? RC_OK : err_set(err, RC_TEMP, "out of memory");
    if (!rc) {
        archive_entry_set_pathname(entry, "document");
        archive_entry_set_filetype(entry, AE_IFREG);
        if (archive_write_set_format_raw(archive) != ARCHIVE_OK || archive_write_add_filter_zstd(archive) != ARCHIVE_OK ||
            archive_write_set_bytes_in_last_block(archive, 1) != ARCHIVE_OK || archive_write_open(archive, &sink, NULL, sink_write, NULL) != ARCHIVE_OK ||
            archive_write_header(archive, entry) != ARCHIVE_OK)
            rc = err_set(err, RC_TEMP, "compress: %s", archive_error_string(archive));
    }
    if (!rc)
        rc = feed(from, archive, err);
    if (!rc && archive_write_close(archive) != ARCHIVE_OK)
        rc = sink.rc ? sink.rc : err_set(err, RC_TEMP, "compress: %s", archive_error_string(archive));
    if (entry)
        archive_entry_free(entry);
    if (archive)
        archive_write_free(archive);
    return sink.rc ? sink.rc : rc;
}

/* Take the compressed form in place of the file when that is at least a tenth smaller. A failure to compress is none to store: but a full disk is told. */
static enum rc compress_if_paid(struct document_upload *u, bool *compressed, struct err *err) {
    struct docform form = {.type = DOCFORM_NONE};
    struct err unused = {0};
    struct stat st = {0};
    int fd;
    *compressed = false;
    (void)document_look(u, &form, &unused);
    if (u->bytes < COMPRESS_LEAST || form.type == DOCFORM_JPEG || form.type == DOCFORM_PNG) /* compressed already */
        return RC_OK;
    enum rc rc = create_tmp(u->spool, u->packed, &fd, err);
    if (rc)
        return rc;
    rc = compress_into(u->fd, fd, err);
    if (!rc && fstat(fd, &st) != 0)
        rc = err_sys(err, "%s", u->packed);
    if (rc || (uint64_t)st.st_size > u->bytes / 10 * 9) {
        close(fd);
        (void)fsio_unlink(u->spool->root_fd, u->packed, NULL);
        *u->packed = '\0';
        return rc;
    }
    close(u->fd);
    u->fd = fd;
    (void)fsio_unlink(u->spool->root_fd, u->tmp, NULL);
    str_copy(u->tmp, sizeof u->tmp, u->packed);
    *u->packed = '\0';
    *compressed = true;
    return RC_OK;
}

/* --- where it is -------------------------------------------------------------------------------------------------------- */

bool document_is_sum(const char *sha256) {
    return strlen(sha256) == DIGEST_HEX_SIZE - 1 && strspn(sha256, "0123456789abcdef") == DIGEST_HEX_SIZE - 1;
}

/* RC_GONE: in no month. */
static enum rc find(const struct spool *spool, const char *sha256, char path[PATH_SIZE], bool *compressed, struct err *err) {
    struct dirscan *scan;
    const char *month;
    unsigned char type;
    struct stat st;
    enum rc found = RC_GONE, rc = dirscan_open(spool->root_fd, RAW_DIR, &scan, err);
    if (rc)
        return rc;
    while (found == RC_GONE && (rc = dirscan_next(scan, &month, &type, err)) == RC_OK) {
        if (type != DT_DIR)
            continue;
        for (int i = 0; found == RC_GONE && i < 2; i++) {
            *compressed = i == 1;
            if (str_format(path, PATH_SIZE, RAW_DIR "/%s/%s%s", month, sha256, i ? COMPRESSED : ""))
                found = fsio_stat(spool->root_fd, path, &st, err);
        }
    }
    dirscan_close(scan);
    return found == RC_GONE && rc && rc != RC_GONE ? rc : found;
}

/* --- going out ---------------------------------------------------------------------------------------------------------- */

static enum rc hash_file(int fd, char sha256[DIGEST_HEX_SIZE], uint64_t *bytes, struct err *err) {
    struct digest *digest = digest_new();
    char *room = malloc(BLOCK_BYTES);
    enum rc rc = digest && room ? RC_OK : err_set(err, RC_TEMP, "out of memory");
    ssize_t got = 1;
    for (*bytes = 0; !rc && got > 0;) {
        do
            got = pread(fd, room, BLOCK_BYTES, (off_t)*bytes);
        while (got < 0 && errno == EINTR);
        if (got < 0)
            rc = err_sys(err, RAW_DIR ": read");
        else if (got > 0) {
            digest_add(digest, room, (size_t)got);
            *bytes += (uint64_t)got;
        }
    }
    if (!rc)
        digest_hex(digest, sha256);
    free(room);
    digest_free(digest);
    return rc;
}

/* A file that goes with its descriptor. */
static enum rc nameless(const struct spool *spool, int *fd, struct err *err) {
    char name[64];
    int dir;
    enum rc rc = fsio_open_dir(spool->root_fd, TMP_DIR, &dir, err);
    if (rc)
        return rc;
    rc = fsio_create_unnamed(dir, 0600, fd, err);
    close(dir);
    if (rc != RC_PERM) /* file systems without such files */
        return rc;
    rc = tmp_name(name, err);
    if (!rc)
        rc = fsio_create(spool->root_fd, name, 0600, fd, err);
    if (!rc)
        rc = fsio_unlink(spool->root_fd, name, err);
    return rc;
}

typedef enum rc take_bytes(void *context, const void *bytes, size_t length, struct err *err);

static enum rc take_into_file(void *fd, const void *bytes, size_t length, struct err *err) {
    return fsio_write(*(const int *)fd, bytes, length, err);
}

static enum rc take_into_sum(void *digest, const void *bytes, size_t length, struct err *err) {
    (void)err;
    digest_add(digest, bytes, length);
    return RC_OK;
}

/* Of the stream that was written for one document: RC_CORRUPT for anything else. */
static enum rc expand(int from, take_bytes *take, void *context, uint64_t *total, struct err *err) {
    struct archive *archive = archive_read_new();
    struct archive_entry *entry;
    const void *bytes;
    size_t length;
    la_int64_t offset;
    uint64_t written = 0;
    int code;
    enum rc rc = archive ? RC_OK : err_set(err, RC_TEMP, "out of memory");
    if (!rc && (archive_read_support_filter_zstd(archive) != ARCHIVE_OK || archive_read_support_format_raw(archive) != ARCHIVE_OK ||
                archive_read_open_fd(archive, from, BLOCK_BYTES) != ARCHIVE_OK || archive_read_next_header(archive, &entry) != ARCHIVE_OK))
        rc = err_set(err, RC_CORRUPT, "it cannot be decompressed: %s", archive_error_string(archive));
    while (!rc && (code = archive_read_data_block(archive, &bytes, &length, &offset)) != ARCHIVE_EOF) {
        if (code != ARCHIVE_OK || length > DOCUMENT_BYTES_MOST - written)
            rc = err_set(err, RC_CORRUPT, "it cannot be decompressed");
        else
            rc = take(context, bytes, length, err);
        written += length;
    }
    if (archive)
        archive_read_free(archive);
    *total = written;
    return rc;
}

/* The same file, for reading alone. */
static enum rc reopen(int *fd, struct err *err) {
    char path[40];
    str_format(path, sizeof path, "/proc/self/fd/%d", *fd);
    int again = open(path, O_RDONLY | O_CLOEXEC);
    enum rc rc = again < 0 ? err_sys(err, TMP_DIR ": open again") : RC_OK;
    close(*fd);
    *fd = again;
    return rc;
}

static enum rc open_compressed(const struct spool *spool, int *fd, struct err *err) {
    int plain = -1;
    uint64_t bytes;
    enum rc rc = nameless(spool, &plain, err);
    if (!rc)
        rc = expand(*fd, take_into_file, &plain, &bytes, err);
    if (!rc)
        rc = reopen(&plain, err);
    else if (plain >= 0) {
        close(plain);
        plain = -1;
    }
    close(*fd);
    *fd = plain;
    return rc;
}

static enum rc open_checked(const struct spool *spool, const char *path, bool compressed, const char *sha256, int *fd, uint64_t *bytes, struct err *err) {
    char sum[DIGEST_HEX_SIZE];
    uint64_t length;
    enum rc rc = fsio_open_read(spool->root_fd, path, fd, NULL, err);
    if (!rc && compressed)
        rc = open_compressed(spool, fd, err);
    if (!rc)
        rc = hash_file(*fd, sum, bytes ? bytes : &length, err);
    if (!rc && strcmp(sum, sha256) != 0)
        rc = err_set(err, RC_CORRUPT, "its bytes are not those that were stored");
    if (!rc)
        return RC_OK;
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
    return err_prefix(err, rc, "%s", path);
}

enum rc document_open(const struct spool *spool, const char *sha256, int *fd, uint64_t *bytes, struct err *err) {
    char path[PATH_SIZE];
    bool compressed;
    *fd = -1;
    if (!document_is_sum(sha256))
        return err_set(err, RC_PERM, "\"%.70s\" is no SHA-256", sha256);
    enum rc rc = find(spool, sha256, path, &compressed, err);
    if (rc)
        return rc == RC_GONE ? err_set(err, rc, "the document %s is not stored: send it again", sha256) : rc;
    rc = open_checked(spool, path, compressed, sha256, fd, bytes, err);
    if (rc == RC_CORRUPT)
        err_set(err, rc, "%s is damaged: send the document again, or put it back from a backup", path);
    return rc;
}

enum rc document_find(const struct spool *spool, const char *sha256, char *path, size_t size, struct err *err) {
    char found[PATH_SIZE];
    bool compressed;
    enum rc rc = find(spool, sha256, found, &compressed, err);
    return rc ? rc : str_copy(path, size, found) ? RC_OK : err_set(err, RC_PERM, "%s: the path is too long", found);
}

enum rc document_stored(const struct spool *spool, const char *sha256, struct err *err) {
    char path[PATH_SIZE];
    return document_find(spool, sha256, path, sizeof path, err);
}

static enum rc hash_compressed(int fd, char sha256[DIGEST_HEX_SIZE], uint64_t *bytes, struct err *err) {
    struct digest *digest = digest_new();
    enum rc rc = digest ? expand(fd, take_into_sum, digest, bytes, err) : err_set(err, RC_TEMP, "out of memory");
    if (!rc)
        digest_hex(digest, sha256);
    digest_free(digest);
    return rc;
}

enum rc document_check(const struct spool *spool, const char *name, uint64_t *bytes, struct err *err) {
    char path[PATH_SIZE], sum[DIGEST_HEX_SIZE] = "";
    const char *base = strrchr(name, '/');
    int fd;
    if (!base || !str_format(path, sizeof path, RAW_DIR "/%s", name))
        return err_set(err, RC_PERM, "\"%.100s\" is no document", name);
    enum rc rc = fsio_open_read(spool->root_fd, path, &fd, NULL, err);
    if (rc)
        return rc;
    rc = (str_ends(name, COMPRESSED) ? hash_compressed : hash_file)(fd, sum, bytes, err);
    close(fd);
    if (!rc && strncmp(sum, base + 1, DIGEST_HEX_SIZE - 1) != 0)
        rc = err_set(err, RC_CORRUPT, "its bytes are not those that were stored (SHA-256 %s)", sum);
    return rc;
}

/* --- storing ------------------------------------------------------------------------------------------------------------ */

/* Whether it is there whole. A damaged one is removed, so that the new one takes its place. */
static enum rc look_for_known(const struct spool *spool, struct document *document, struct err *err) {
    char path[PATH_SIZE];
    int fd;
    enum rc rc = find(spool, document->sha256, path, &document->compressed, err);
    document->known = false;
    if (rc)
        return rc == RC_GONE ? RC_OK : rc;
    rc = open_checked(spool, path, document->compressed, document->sha256, &fd, NULL, err);
    if (rc == RC_OK) {
        close(fd);
        document->known = true;
        rc = fsio_touch(spool->root_fd, path, err); /* handed in now: cleanup leaves it for the job that is to come */
        if (rc)
            return rc;
        *strrchr(path, '/') = '\0'; /* its name may not be on the disk yet: who stored it may have been killed */
        rc = fsio_sync_dir(spool->root_fd, path, err);
    } else if (rc == RC_CORRUPT) {
        log_warn("%s: is damaged; replaced by the same document, which was sent again", path);
        rc = fsio_unlink(spool->root_fd, path, err);
    }
    return rc;
}

static enum rc publish(struct document_upload *u, struct document *document, struct err *err) {
    char month[32], path[PATH_SIZE], time[20];
    clock_format_basic(clock_wall_us(), time);
    str_format(month, sizeof month, RAW_DIR "/%.4s-%.2s", time, time + 4);
    str_format(path, sizeof path, "%s/%s%s", month, document->sha256, document->compressed ? COMPRESSED : "");
    enum rc rc = fsio_sync(u->fd, err);
    if (!rc)
        rc = fsio_make_dirs(u->spool->root_fd, month, 02770, err);
    if (rc)
        return rc;
    errno = 0;
    rc = fsio_rename_new(u->spool->root_fd, u->tmp, u->spool->root_fd, path, err);
    document->known = rc == RC_PERM && errno == EEXIST; /* another one came at the same time */
    if (rc && !document->known)
        return rc;
    if (!document->known)
        *u->tmp = '\0';
    rc = fsio_sync_dir(u->spool->root_fd, month, err);
    return rc ? rc : fsio_sync_dir(u->spool->root_fd, TMP_DIR, err);
}

enum rc document_keep(struct document_upload *u, struct document *document, struct err *err) {
    *document = (struct document){.bytes = u->bytes};
    digest_hex(u->digest, document->sha256);
    if (!*document->sha256)
        return err_set(err, RC_TEMP, "out of memory");
    enum rc rc = look_for_known(u->spool, document, err);
    if (rc || document->known)
        return rc;
    rc = compress_if_paid(u, &document->compressed, err);
    return rc ? rc : publish(u, document, err);
}

/* Nobody works on it. */
static bool is_left(int dir_fd, const char *name) {
    int fd;
    if (fsio_open_read(dir_fd, name, &fd, NULL, NULL))
        return false;
    enum rc rc = lockfile_try(fd, NULL);
    close(fd);
    return rc == RC_OK;
}

void document_sweep(const struct spool *spool) {
    struct dirscan *scan;
    const char *name;
    unsigned char type;
    struct err err = {0};
    if (dirscan_open(spool->root_fd, TMP_DIR, &scan, &err)) {
        log_warn(TMP_DIR ": %s", err.text);
        return;
    }
    while (dirscan_next(scan, &name, &type, &err) == RC_OK)
        if (type == DT_REG && str_ends(name, ENDING) && is_left(dirscan_fd(scan), name) && fsio_unlink(dirscan_fd(scan), name, &err) == RC_OK)
            log_info(TMP_DIR "/%s: a broken upload, removed", name);
    dirscan_close(scan);
}

static enum rc copy_in(int fd, struct document_upload *u, struct err *err) {
    char *room = malloc(BLOCK_BYTES);
    enum rc rc = room ? RC_OK : err_set(err, RC_TEMP, "out of memory");
    ssize_t got = 1;
    while (!rc && got > 0) {
        do
            got = read(fd, room, BLOCK_BYTES);
        while (got < 0 && errno == EINTR);
        if (got < 0)
            rc = err_sys(err, "read");
        else if (got > 0)
            rc = document_add(u, room, (size_t)got, err);
    }
    free(room);
    return rc;
}

enum rc document_put_file(const struct spool *spool, const char *path, struct document *document, struct docform *form, struct err *err) {
    struct document_upload *u = NULL;
    int fd;
    enum rc rc = fsio_open_read(AT_FDCWD, path, &fd, NULL, err);
    if (rc)
        return rc;
    rc = document_begin(spool, &u, err);
    if (!rc)
        rc = copy_in(fd, u, err);
    close(fd);
    if (!rc)
        rc = document_look(u, form, err);
    if (rc)
        err_prefix(err, rc, "%s", path);
    else
        rc = document_keep(u, document, err);
    document_drop(u);
    return rc;
}
