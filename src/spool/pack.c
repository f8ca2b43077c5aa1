// SPDX-License-Identifier: Apache-2.0
#include "spool/pack.h"

#include "base/fault.h"
#include "base/str.h"
#include "os/fsio.h"
#include "os/lockfile.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BLOCK_BYTES ((size_t)256 * 1024)
#define LIST_MOST_BYTES ((size_t)512 * 1024 * 1024)
#define PARTS_MOST 10000u
#define SUFFIX ".tar.zst"

/* An archive's bytes on their way to the disk, or from it. */
struct stream {
    int fd;
    struct digest *digest;
    uint64_t bytes;
    char *room; /* BLOCK_BYTES */
    enum rc rc; /* of the disk */
    struct err *err;
};

enum rc pack_lock(const struct spool *spool, struct err *err) {
    enum rc rc = lockfile_try(spool->archive_fd, err);
    return rc == RC_AGAIN ? err_set(err, rc, "archive/: another cleanup is at work") : rc;
}

static void part_name(const char *month, unsigned part, char out[PACK_NAME_SIZE]) {
    if (part == 1)
        str_format(out, PACK_NAME_SIZE, "%.7s" SUFFIX, month);
    else
        str_format(out, PACK_NAME_SIZE, "%.7s.%u" SUFFIX, month, part);
}

static void sum_name(const char *name, char out[PACK_NAME_SIZE + 16]) {
    str_format(out, PACK_NAME_SIZE + 16, "%s.sha256", name);
}

static void list_name(const char *name, char out[PACK_NAME_SIZE + 16]) {
    str_format(out, PACK_NAME_SIZE + 16, "%.*s.SHA256SUMS", (int)(strlen(name) - strlen(SUFFIX)), name);
}

static bool is_there(const struct spool *spool, const char *name) {
    struct stat st;
    return fsio_stat(spool->archive_fd, name, &st, NULL) != RC_GONE;
}

/* How many parts the month has; an archive that was taken away left its list. */
static enum rc count_parts(const struct spool *spool, const char *month, unsigned *count, struct err *err) {
    char name[PACK_NAME_SIZE], list[PACK_NAME_SIZE + 16];
    for (*count = 0; *count < PARTS_MOST; ++*count) {
        part_name(month, *count + 1, name);
        list_name(name, list);
        if (!is_there(spool, name) && !is_there(spool, list))
            return RC_OK;
    }
    return err_set(err, RC_PERM, "archive/: %s has too many parts", month);
}

/* --- streams -------------------------------------------------------------------------------------------------------- */

static enum rc stream_open(struct stream *s, int fd, struct err *err) {
    *s = (struct stream){.fd = fd, .digest = digest_new(), .room = malloc(BLOCK_BYTES), .err = err};
    return s->digest && s->room ? RC_OK : err_set(err, RC_TEMP, "out of memory");
}

static void stream_release(struct stream *s) {
    digest_free(s->digest);
    free(s->room);
}

static la_ssize_t stream_write(struct archive *archive, void *context, const void *bytes, size_t length) {
    struct stream *s = context;
    s->rc = fsio_write(s->fd, bytes, length, s->err);
    if (s->rc) {
        archive_set_error(archive, EIO, "the disk refused");
        return -1;
    }
    digest_add(s->digest, bytes, length);
    s->bytes += length;
    return (la_ssize_t)length;
}

static ssize_t stream_take(struct stream *s) {
    ssize_t got;
    do
        got = read(s->fd, s->room, BLOCK_BYTES);
    while (got < 0 && errno == EINTR);
    if (got < 0)
        s->rc = err_sys(s->err, "archive/: read");
    if (got > 0) {
        digest_add(s->digest, s->room, (size_t)got);
        s->bytes += (uint64_t)got;
    }
    return got;
}

static la_ssize_t stream_read(struct archive *archive, void *context, const void **bytes) {
    struct stream *s = context;
    ssize_t got = stream_take(s);
    *bytes = s->room;
    if (got < 0)
        archive_set_error(archive, EIO, "the disk refused");
    return got;
}

static enum rc failed(struct archive *archive, const struct stream *s, enum rc rc, struct err *err) {
    if (s->rc)
        return s->rc; /* told in err where it was met */
    const char *text = archive_error_string(archive);
    return err_set(err, rc, "archive: %s", text ? text : "out of memory");
}

/* --- raw payloads --------------------------------------------------------------------------------------------------- */

enum rc pack_sum(const struct spool *spool, const char *raw_path, char sha256[DIGEST_HEX_SIZE], uint64_t *bytes, struct err *err) {
    struct stream s;
    struct stat st;
    int fd;
    enum rc rc = fsio_open_read(spool->raw_fd, raw_path, &fd, &st, err);
    if (rc)
        return rc;
    rc = stream_open(&s, fd, err);
    while (!rc && stream_take(&s) > 0)
        ;
    if (!rc)
        rc = s.rc;
    if (!rc)
        digest_hex(s.digest, sha256);
    if (bytes)
        *bytes = s.bytes;
    stream_release(&s);
    close(fd);
    return rc;
}

/* --- writing -------------------------------------------------------------------------------------------------------- */

static enum rc add_header(struct archive *archive, const struct pack_file *file, const struct stat *st) {
    struct archive_entry *entry = archive_entry_new();
    if (!entry)
        return RC_TEMP;
    archive_entry_set_pathname(entry, file->path);
    archive_entry_set_filetype(entry, AE_IFREG);
    archive_entry_set_perm(entry, 0440);
    archive_entry_set_size(entry, st->st_size);
    archive_entry_set_mtime(entry, st->st_mtim.tv_sec, 0);
    const bool good = archive_write_header(archive, entry) == ARCHIVE_OK;
    archive_entry_free(entry);
    return good ? RC_OK : RC_TEMP;
}

/* Its bytes, which must be what its sum says. */
static enum rc add_file(const struct spool *spool, struct archive *archive, const struct stream *out, const struct pack_file *file, struct err *err) {
    struct stream in;
    struct stat st;
    char sum[DIGEST_HEX_SIZE];
    ssize_t got = 0;
    int fd;
    enum rc rc = fsio_open_read(spool->raw_fd, file->path, &fd, &st, err);
    if (rc)
        return rc == RC_GONE ? err_set(err, RC_CORRUPT, "payloads/raw/%s: it is not there", file->path) : rc;
    rc = stream_open(&in, fd, err);
    if (!rc && (rc = add_header(archive, file, &st)) != RC_OK)
        rc = failed(archive, out, rc, err);
    while (!rc && (got = stream_take(&in)) > 0)
        if (archive_write_data(archive, in.room, (size_t)got) != got)
            rc = failed(archive, out, RC_TEMP, err);
    if (!rc)
        rc = in.rc;
    if (!rc) {
        digest_hex(in.digest, sum);
        if (strcmp(sum, file->sha256) != 0 || in.bytes != (uint64_t)st.st_size)
            rc = err_set(err, RC_CORRUPT, "payloads/raw/%s: its SHA-256 is %s, not %s", file->path, sum, file->sha256);
    }
    stream_release(&in);
    close(fd);
    return rc;
}

static enum rc write_archive(const struct spool *spool, int fd, const struct pack_file *files, size_t count, struct pack *pack, struct err *err) {
    struct archive *archive = archive_write_new();
    struct stream out;
    enum rc rc = stream_open(&out, fd, err);
    if (!archive)
        rc = err_set(err, RC_TEMP, "out of memory");
    if (!rc && (archive_write_set_format_pax_restricted(archive) != ARCHIVE_OK || archive_write_add_filter_zstd(archive) != ARCHIVE_OK ||
                archive_write_set_bytes_per_block(archive, (int)BLOCK_BYTES) != ARCHIVE_OK || archive_write_set_bytes_in_last_block(archive, 1) != ARCHIVE_OK ||
                archive_write_open(archive, &out, NULL, stream_write, NULL) != ARCHIVE_OK))
        rc = failed(archive, &out, RC_PERM, err);
    for (size_t i = 0; !rc && i < count; i++)
        rc = add_file(spool, archive, &out, &files[i], err);
    if (!rc && archive_write_close(archive) != ARCHIVE_OK)
        rc = failed(archive, &out, RC_TEMP, err);
    if (archive)
        archive_write_free(archive);
    if (!rc)
        rc = out.rc;
    if (!rc)
        rc = fsio_sync(fd, err);
    if (!rc) {
        digest_hex(out.digest, pack->sha256);
        pack->bytes = out.bytes;
    }
    stream_release(&out);
    return rc;
}

/* --- reading -------------------------------------------------------------------------------------------------------- */

static enum rc open_archive(struct stream *in, struct archive **archive, struct err *err) {
    *archive = archive_read_new();
    if (!*archive)
        return err_set(err, RC_TEMP, "out of memory");
    if (archive_read_support_filter_zstd(*archive) != ARCHIVE_OK || archive_read_support_format_tar(*archive) != ARCHIVE_OK ||
        archive_read_open(*archive, in, NULL, stream_read, NULL) != ARCHIVE_OK)
        return failed(*archive, in, RC_CORRUPT, err);
    return RC_OK;
}

/* The sum of the member that was come to; its bytes go to fd when that is not -1. */
static enum rc member_sum(struct archive *archive, const struct stream *in, int fd, char sum[DIGEST_HEX_SIZE], struct err *err) {
    struct digest *digest = digest_new();
    const void *bytes;
    size_t length;
    la_int64_t offset;
    int code = ARCHIVE_OK;
    enum rc rc = digest ? RC_OK : err_set(err, RC_TEMP, "out of memory");
    while (!rc && (code = archive_read_data_block(archive, &bytes, &length, &offset)) == ARCHIVE_OK) {
        digest_add(digest, bytes, length);
        if (fd >= 0)
            rc = fsio_write(fd, bytes, length, err);
    }
    if (!rc && code != ARCHIVE_EOF)
        rc = failed(archive, in, RC_CORRUPT, err);
    if (!rc)
        digest_hex(digest, sum);
    digest_free(digest);
    return rc;
}

/* The members are these files, in this order, with these sums, and nothing else; the bytes are those that were written. */
static enum rc read_back(int fd, const struct pack_file *files, size_t count, const struct pack *pack, struct err *err) {
    struct archive *archive = NULL;
    struct archive_entry *entry;
    struct stream in;
    char sum[DIGEST_HEX_SIZE];
    size_t i = 0;
    int code = ARCHIVE_OK;
    enum rc rc = lseek(fd, 0, SEEK_SET) == 0 ? RC_OK : err_sys(err, "archive/: seek");
    if (rc)
        return rc;
    rc = stream_open(&in, fd, err);
    if (!rc)
        rc = open_archive(&in, &archive, err);
    for (; !rc && (code = archive_read_next_header(archive, &entry)) == ARCHIVE_OK; i++) {
        rc = member_sum(archive, &in, -1, sum, err);
        const char *path = archive_entry_pathname(entry);
        if (!rc && (i >= count || !path || strcmp(path, files[i].path) != 0 || strcmp(sum, files[i].sha256) != 0))
            rc = err_set(err, RC_CORRUPT, "archive: read back, member %zu is not payloads/raw/%s", i + 1, i < count ? files[i].path : "?");
    }
    if (!rc && (code != ARCHIVE_EOF || i != count))
        rc =
            code == ARCHIVE_EOF ? err_set(err, RC_CORRUPT, "archive: read back, it has %zu members, not %zu", i, count) : failed(archive, &in, RC_CORRUPT, err);
    while (!rc && stream_take(&in) > 0)
        ;
    if (!rc)
        rc = in.rc;
    if (!rc) {
        digest_hex(in.digest, sum);
        if (strcmp(sum, pack->sha256) != 0)
            rc = err_set(err, RC_CORRUPT, "archive: read back, it has other bytes than were written");
    }
    if (archive)
        archive_read_free(archive);
    stream_release(&in);
    return rc;
}

/* --- making --------------------------------------------------------------------------------------------------------- */

static enum rc put_lists(const struct spool *spool, const struct pack *pack, const struct pack_file *files, size_t count, struct err *err) {
    char name[PACK_NAME_SIZE + 16];
    struct buf text = BUF_INIT(LIST_MOST_BYTES);
    enum rc rc = RC_OK;
    for (size_t i = 0; !rc && i < count; i++)
        rc = buf_printf(&text, "%s  %s\n", files[i].sha256, files[i].path);
    list_name(pack->name, name);
    rc = rc ? err_set(err, RC_TEMP, "out of memory") : fsio_put_file(spool->archive_fd, ".list", name, 0640, buf_text(&text), text.length, err);
    buf_reset(&text);
    if (!rc && buf_printf(&text, "%s  %s\n", pack->sha256, pack->name) != RC_OK)
        rc = err_set(err, RC_TEMP, "out of memory");
    sum_name(pack->name, name);
    if (!rc)
        rc = fsio_put_file(spool->archive_fd, ".list", name, 0640, buf_text(&text), text.length, err);
    buf_release(&text);
    return rc;
}

enum rc pack_make(const struct spool *spool, const char month[8], const struct pack_file *files, size_t count, struct pack *pack, struct err *err) {
    static const char tmp[] = ".pack";
    unsigned parts;
    int fd;
    *pack = (struct pack){.bytes = 0};
    enum rc rc = count_parts(spool, month, &parts, err);
    if (!rc && (rc = fsio_unlink(spool->archive_fd, tmp, err)) == RC_GONE) /* what a kill left */
        rc = RC_OK;
    if (!rc)
        rc = fsio_create(spool->archive_fd, tmp, 0640, &fd, err);
    if (rc)
        return rc;
    part_name(month, parts + 1, pack->name);
    rc = write_archive(spool, fd, files, count, pack, err);
    if (!rc)
        rc = read_back(fd, files, count, pack, err);
    close(fd);
    if (!rc)
        rc = fsio_rename_new(spool->archive_fd, tmp, spool->archive_fd, pack->name, err);
    if (!rc)
        rc = fsio_sync_dir(spool->archive_fd, ".", err);
    if (!rc)
        rc = put_lists(spool, pack, files, count, err);
    if (!rc && fault_point("archived", pack->name))
        rc = err_set(err, RC_TEMP, "archive/%s: a fault that was asked for", pack->name);
    if (rc)
        fsio_unlink(spool->archive_fd, tmp, NULL);
    return rc;
}

/* --- what is there -------------------------------------------------------------------------------------------------- */

static int by_path(const void *a, const void *b) {
    return strcmp(((const struct pack_file *)a)->path, ((const struct pack_file *)b)->path);
}

bool pack_has(const struct pack_file *files, size_t count, const char *path, const char *sha256) {
    struct pack_file wanted = {.path = ""};
    if (!count || !str_copy(wanted.path, sizeof wanted.path, path))
        return false;
    const struct pack_file *found = bsearch(&wanted, files, count, sizeof *files, by_path);
    return found && strcmp(found->sha256, sha256) == 0;
}

/* Lines of "<64 digits>  <path>"; what is none is passed over. */
static enum rc read_list(const struct spool *spool, const char *name, struct pack_file **files, size_t *count, struct err *err) {
    char list[PACK_NAME_SIZE + 16];
    struct buf text = BUF_INIT(LIST_MOST_BYTES);
    size_t lines = 0;
    list_name(name, list);
    enum rc rc = fsio_read_file(spool->archive_fd, list, &text, err);
    const char *at = buf_text(&text), *end = at + text.length, *stop;
    for (const char *c = at; !rc && c < end; c++)
        lines += *c == '\n';
    *files = rc ? NULL : calloc(lines + 1, sizeof **files);
    if (!rc && !*files)
        rc = err_set(err, RC_TEMP, "out of memory");
    for (; !rc && at < end && (stop = memchr(at, '\n', (size_t)(end - at))); at = stop + 1) {
        struct pack_file *file = &(*files)[*count];
        if (stop - at > 66 && str_format(file->sha256, sizeof file->sha256, "%.64s", at) &&
            str_format(file->path, sizeof file->path, "%.*s", (int)(stop - at - 66), at + 66))
            ++*count;
    }
    buf_release(&text);
    if (!rc && *count)
        qsort(*files, *count, sizeof **files, by_path);
    return rc;
}

/* A kill came between the archive and its lists: they are made from it. */
static enum rc mend_lists(const struct spool *spool, struct pack *pack, struct err *err) {
    struct archive *archive = NULL;
    struct archive_entry *entry;
    struct stream in;
    struct pack_file *files = NULL, *more;
    size_t count = 0, capacity = 0;
    int fd, code = ARCHIVE_OK;
    enum rc rc = fsio_open_read(spool->archive_fd, pack->name, &fd, NULL, err);
    if (rc)
        return rc;
    rc = stream_open(&in, fd, err);
    if (!rc)
        rc = open_archive(&in, &archive, err);
    while (!rc && (code = archive_read_next_header(archive, &entry)) == ARCHIVE_OK) {
        if (count == capacity) {
            capacity = capacity ? capacity * 2 : 256;
            more = realloc(files, capacity * sizeof *files);
            if (!more) {
                rc = err_set(err, RC_TEMP, "out of memory");
                break;
            }
            files = more;
        }
        const char *path = archive_entry_pathname(entry);
        if (!path || !str_copy(files[count].path, sizeof files[count].path, path))
            rc = err_set(err, RC_CORRUPT, "archive/%s: it has a member with another kind of name", pack->name);
        else
            rc = member_sum(archive, &in, -1, files[count++].sha256, err);
    }
    if (!rc && code != ARCHIVE_EOF)
        rc = failed(archive, &in, RC_CORRUPT, err);
    while (!rc && stream_take(&in) > 0)
        ;
    if (!rc)
        rc = in.rc;
    if (!rc) {
        digest_hex(in.digest, pack->sha256);
        rc = put_lists(spool, pack, files, count, err);
    }
    if (archive)
        archive_read_free(archive);
    free(files);
    stream_release(&in);
    close(fd);
    return rc;
}

enum rc pack_last(const struct spool *spool, const char month[8], struct pack *pack, struct pack_file **files, size_t *count, struct err *err) {
    unsigned parts;
    *pack = (struct pack){.bytes = 0};
    *files = NULL;
    *count = 0;
    enum rc rc = count_parts(spool, month, &parts, err);
    if (rc || !parts)
        return rc;
    char sum[PACK_NAME_SIZE + 16];
    part_name(month, parts, pack->name);
    sum_name(pack->name, sum);
    if (!is_there(spool, pack->name)) { /* somebody took it away: it is no help */
        pack->name[0] = '\0';
        return RC_OK;
    }
    if (!is_there(spool, sum))
        rc = mend_lists(spool, pack, err);
    return rc ? rc : read_list(spool, pack->name, files, count, err);
}

enum rc pack_check(const struct spool *spool, const char *name, struct pack *pack, struct err *err) {
    char list[PACK_NAME_SIZE + 16];
    struct buf text = BUF_INIT(4096);
    struct stream s;
    int fd;
    struct pack found = {.bytes = 0};
    str_copy(found.name, sizeof found.name, name); /* which may be that of *pack */
    *pack = found;
    sum_name(pack->name, list);
    enum rc rc = fsio_open_read(spool->archive_fd, pack->name, &fd, NULL, err);
    if (rc)
        return rc;
    rc = stream_open(&s, fd, err);
    while (!rc && stream_take(&s) > 0)
        ;
    if (!rc)
        rc = s.rc;
    if (!rc)
        digest_hex(s.digest, pack->sha256);
    pack->bytes = s.bytes;
    stream_release(&s);
    close(fd);
    if (!rc)
        rc = fsio_read_file(spool->archive_fd, list, &text, err);
    if (!rc && (text.length < 64 || strncmp(buf_text(&text), pack->sha256, 64) != 0))
        rc = err_set(err, RC_CORRUPT, "its SHA-256 is %s, %s says otherwise", pack->sha256, list);
    buf_release(&text);
    return rc;
}

/* --- back ----------------------------------------------------------------------------------------------------------- */

static enum rc restore_member(const struct spool *spool, struct archive *archive, const struct stream *in, const char *path, const char *sha256,
                              struct err *err) {
    static const char tmp[] = ".restored.body";
    char sum[DIGEST_HEX_SIZE];
    int fd;
    enum rc rc = fsio_unlink(spool->payloads_tmp_fd, tmp, err);
    if (!rc || rc == RC_GONE)
        rc = fsio_create(spool->payloads_tmp_fd, tmp, 0440, &fd, err);
    if (rc)
        return rc;
    rc = member_sum(archive, in, fd, sum, err);
    if (!rc && strcmp(sum, sha256) != 0)
        rc = err_set(err, RC_CORRUPT, "archive: %s has the SHA-256 %s, not %s", path, sum, sha256);
    if (!rc)
        rc = fsio_sync(fd, err);
    close(fd);
    if (!rc)
        rc = payload_publish(spool, tmp, path, sha256, err);
    fsio_unlink(spool->payloads_tmp_fd, tmp, NULL);
    return rc;
}

static enum rc restore_part(const struct spool *spool, const char *name, pack_restored *fn, void *context, struct err *err) {
    struct pack_file *files = NULL, wanted = {.path = ""};
    struct archive *archive = NULL;
    struct archive_entry *entry;
    struct stream in;
    size_t count = 0;
    int fd, code = ARCHIVE_OK;
    enum rc rc = fsio_open_read(spool->archive_fd, name, &fd, NULL, err);
    if (rc)
        return rc;
    rc = stream_open(&in, fd, err);
    if (!rc)
        rc = read_list(spool, name, &files, &count, err);
    if (!rc)
        rc = open_archive(&in, &archive, err);
    while (!rc && (code = archive_read_next_header(archive, &entry)) == ARCHIVE_OK) {
        const char *path = archive_entry_pathname(entry);
        const bool fits = path && archive_entry_filetype(entry) == AE_IFREG && str_copy(wanted.path, sizeof wanted.path, path);
        const struct pack_file *file = fits && count ? bsearch(&wanted, files, count, sizeof *files, by_path) : NULL;
        if (!file)
            rc = err_set(err, RC_CORRUPT, "archive/%s: %.200s is not in its list", name, path ? path : "a member");
        if (!rc)
            rc = restore_member(spool, archive, &in, file->path, file->sha256, err);
        if (!rc)
            rc = fn(context, file->path, file->sha256, err);
    }
    if (!rc && code != ARCHIVE_EOF)
        rc = failed(archive, &in, RC_CORRUPT, err);
    if (archive)
        archive_read_free(archive);
    free(files);
    stream_release(&in);
    close(fd);
    return rc;
}

enum rc pack_restore(const struct spool *spool, const char month[8], pack_restored *fn, void *context, struct err *err) {
    char name[PACK_NAME_SIZE];
    unsigned parts;
    bool found = false;
    enum rc rc = count_parts(spool, month, &parts, err);
    for (unsigned part = 1; !rc && part <= parts; part++) {
        part_name(month, part, name);
        if (!is_there(spool, name))
            continue;
        found = true;
        rc = restore_part(spool, name, fn, context, err);
    }
    return rc || found ? rc : err_set(err, RC_GONE, "archive/ has nothing of %s", month);
}
