// SPDX-License-Identifier: Apache-2.0
#include "api/webaudit.h"

#include "base/clock.h"
#include "base/json.h"
#include "os/fsio.h"
#include "os/lockfile.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MODE 0660
#define NAME_SIZE 32

static void name_of(unsigned number, char out[NAME_SIZE]) {
    str_format(out, NAME_SIZE, number ? WEBAUDIT_FILE ".%u" : WEBAUDIT_FILE, number);
}

/* For who holds the lock of the newest. A crash in between leaves a number free, which is passed over. */
static enum rc rotate(const struct spool *spool, struct err *err) {
    char from[NAME_SIZE], to[NAME_SIZE];
    enum rc rc = RC_OK;
    for (unsigned i = WEBAUDIT_FILES - 1; i-- > 0 && (!rc || rc == RC_GONE);) {
        name_of(i, from);
        name_of(i + 1, to);
        rc = fsio_rename(spool->web_fd, from, spool->web_fd, to, err);
    }
    return rc ? rc : fsio_sync_dir(spool->web_fd, ".", err);
}

/* The newest, locked, and still the newest: another may have rotated it while we waited. */
static enum rc open_locked(const struct spool *spool, int *fd, struct stat *st, bool *created, struct err *err) {
    struct stat there;
    for (;;) {
        enum rc rc = fsio_open_append(spool->web_fd, WEBAUDIT_FILE, MODE, fd, created, err);
        if (rc)
            return rc;
        rc = lockfile_lock(*fd, err);
        if (!rc && fstat(*fd, st) != 0)
            rc = err_sys(err, WEBAUDIT_FILE);
        if (!rc && fsio_stat(spool->web_fd, WEBAUDIT_FILE, &there, NULL) == RC_OK && there.st_ino == st->st_ino) {
            if (st->st_size < (off_t)WEBAUDIT_BYTES)
                return RC_OK;
            rc = rotate(spool, err);
        }
        close(*fd);
        if (rc)
            return rc;
    }
}

static enum rc add_field(struct buf *line, const char *name, const char *text) {
    char shown[WEBAUDIT_FIELD];
    text = text ? text : "";
    str_printable(shown, sizeof shown, text, strnlen(text, 4 * sizeof shown));
    enum rc rc = buf_printf(line, ",\"%s\":", name);
    return rc ? rc : json_quote(slice_of(shown), line);
}

static enum rc make_line(const struct webaudit *entry, struct buf *line) {
    char now[CLOCK_RFC3339_SIZE];
    clock_format_rfc3339(clock_wall_us(), 6, now);
    enum rc rc = buf_printf(line, "\n{\"ts\":\"%s\"", now);
    rc = rc ? rc : add_field(line, "by", entry->by);
    rc = rc ? rc : add_field(line, "client", entry->client);
    rc = rc ? rc : add_field(line, "act", entry->act);
    rc = rc ? rc : add_field(line, "target", entry->target);
    rc = rc ? rc : add_field(line, "outcome", entry->outcome);
    return rc ? rc : buf_add_text(line, "}\n");
}

/* Whether the file ends in the middle of a line. */
static bool torn(int fd, off_t size) {
    char last;
    return size > 0 && (pread(fd, &last, 1, size - 1) != 1 || last != '\n');
}

enum rc webaudit_add(const struct spool *spool, const struct webaudit *entry, struct err *err) {
    struct buf line = BUF_INIT(16384);
    struct stat st = {.st_size = 0};
    bool created = false;
    int fd = -1;
    enum rc rc = make_line(entry, &line) ? err_set(err, RC_TEMP, "out of memory") : open_locked(spool, &fd, &st, &created, err);
    if (rc == RC_OK) {
        const size_t from = torn(fd, st.st_size) ? 0 : 1; /* the line feed that ends what was torn */
        rc = fsio_write(fd, line.data + from, line.length - from, err);
        rc = rc ? rc : fsio_sync_data(fd, err);
        close(fd);
        if (!rc && created)
            rc = fsio_sync_dir(spool->web_fd, ".", err);
    }
    buf_release(&line);
    return rc ? err_prefix(err, rc, "web") : rc;
}

static bool each_line(const char *data, size_t length, bool (*fn)(void *context, struct slice line), void *context) {
    for (const char *at = data, *end = data + length, *stop; at < end && (stop = memchr(at, '\n', (size_t)(end - at))) != NULL; at = stop + 1) {
        const struct slice line = {.data = at, .length = (size_t)(stop - at)};
        if (line.length && *at == '{' && json_check(at, line.length, &json_rules_config, NULL) == RC_OK && !fn(context, line))
            return false;
    }
    return true;
}

enum rc webaudit_each(const struct spool *spool, bool (*fn)(void *context, struct slice line), void *context, struct err *err) {
    enum rc rc = RC_OK;
    bool on = true;
    for (unsigned i = WEBAUDIT_FILES; i-- > 0 && on && !rc;) {
        char name[NAME_SIZE];
        const char *data;
        size_t length;
        int fd;
        name_of(i, name);
        rc = fsio_open_read(spool->web_fd, name, &fd, NULL, err);
        if (!rc) {
            rc = fsio_map(fd, &data, &length, err);
            close(fd);
            if (!rc) {
                on = each_line(data, length, fn, context);
                fsio_unmap(data, length);
            }
        } else if (rc == RC_GONE)
            rc = RC_OK;
    }
    return rc ? err_prefix(err, rc, "web") : rc;
}
