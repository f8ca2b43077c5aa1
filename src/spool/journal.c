// SPDX-License-Identifier: Apache-2.0
#include "spool/journal.h"

#include "base/limits.h"
#include "base/log.h"
#include "os/fsio.h"
#include "os/lockfile.h"
#include "spool/journal_line.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define JOURNAL_MODE 0660
#define QUEUE_BYTES ((size_t)LIMIT_EVENT_BYTES * 4)
#define TAIL_BYTES ((size_t)4096)
#define SYNC_TOGETHER 16u

/* Where the chain ends: what the next line needs to know. */
struct tail {
    uint64_t size; /* bytes of whole lines */
    uint64_t seq;
    char hash[DIGEST_HEX_SIZE];
};

struct journal {
    const struct spool *spool;
    char name[JOURNAL_NAME_SIZE];
    int fd;
    bool create;
    bool made; /* its directory entry is not synced yet */
    bool locked;
    bool known;         /* `tail` is what the file was at the last unlock */
    struct tail tail;   /* with what is queued */
    struct tail synced; /* what a failed sync goes back to */
    struct buf queue;
};

static const struct tail TAIL_EMPTY = {0, 0, JOURNAL_FIRST_PREV};

static enum rc open_file(struct journal *journal, struct err *err) {
    bool created = false;
    enum rc rc;
    struct stat st;
    /* fsio_open_append makes what is missing: without `create` it must be there. */
    if (!journal->create && (rc = fsio_stat(journal->spool->journal_fd, journal->name, &st, err)) != RC_OK)
        return rc;
    rc = fsio_open_append(journal->spool->journal_fd, journal->name, JOURNAL_MODE, &journal->fd, &created, err);
    if (rc != RC_OK)
        journal->fd = -1;
    journal->made = journal->made || created;
    journal->known = false;
    return rc;
}

static enum rc open_one(const struct spool *spool, const char *job_id, bool create, int *spare, struct journal **out, struct err *err) {
    *out = NULL;
    struct journal *journal = calloc(1, sizeof *journal);
    if (journal == NULL)
        return err_set(err, RC_TEMP, "out of memory");
    journal->spool = spool;
    journal->create = create;
    journal->fd = -1;
    buf_init(&journal->queue, QUEUE_BYTES);
    enum rc rc = journal_name(job_id, journal->name, err);
    if (rc == RC_OK && *spare >= 0 && fsio_name(*spare, spool->journal_fd, journal->name, NULL) == RC_OK) {
        journal->fd = *spare;
        journal->made = true;
        *spare = -1;
    } else if (rc == RC_OK)
        rc = open_file(journal, err);
    if (rc == RC_OK)
        *out = journal;
    else
        journal_close(journal);
    return rc;
}

enum rc journal_open(const struct spool *spool, const char *job_id, bool create, struct journal **out, struct err *err) {
    int none = -1;
    return open_one(spool, job_id, create, &none, out, err);
}

enum rc journal_open_spare(const struct spool *spool, const char *job_id, int *spare, struct journal **out, struct err *err) {
    return open_one(spool, job_id, true, spare, out, err);
}

void journal_spare(const struct spool *spool, int *spare) {
    if (*spare < 0 && fsio_create_unnamed(spool->journal_fd, JOURNAL_MODE, spare, NULL) != RC_OK)
        *spare = -1;
}

void journal_close(struct journal *journal) {
    if (journal == NULL)
        return;
    journal_unlock(journal);
    if (journal->fd >= 0)
        close(journal->fd);
    buf_release(&journal->queue);
    free(journal);
}

/* The whole line that ends before `end` (there is a line feed at end - 1), read from the back. */
static enum rc read_line_before(struct journal *journal, uint64_t end, struct buf *line, struct err *err) {
    uint64_t start = end - 1;
    size_t chunk = TAIL_BYTES;
    for (;;) {
        uint64_t from = end - 1 > chunk ? end - 1 - chunk : 0;
        size_t want = (size_t)(end - 1 - from);
        buf_reset(line);
        enum rc rc = buf_reserve(line, want);
        if (rc != RC_OK)
            return err_set(err, rc == RC_PERM ? RC_CORRUPT : rc, "journal/%s: the last line is longer than %u bytes", journal->name, LIMIT_EVENT_BYTES);
        ssize_t got = want > 0 ? pread(journal->fd, line->data, want, (off_t)from) : 0;
        if (got != (ssize_t)want)
            return got < 0 ? err_sys(err, "journal/%s: read", journal->name)
                           : err_set(err, RC_TEMP, "journal/%s: it became shorter while it was read", journal->name);
        const char *feed = want > 0 ? memrchr(line->data, '\n', want) : NULL;
        if (feed == NULL && from > 0) {
            chunk = chunk * 8 < LIMIT_EVENT_BYTES + 1u ? chunk * 8 : chunk == LIMIT_EVENT_BYTES + 1u ? chunk * 2 : LIMIT_EVENT_BYTES + 1u;
            continue;
        }
        start = feed == NULL ? from : from + (uint64_t)(feed - line->data) + 1;
        line->length = (size_t)(end - 1 - start);
        if (start > from)
            memmove(line->data, line->data + (start - from), line->length);
        if (line->data != NULL)
            line->data[line->length] = '\0';
        return RC_OK;
    }
}

/* The offset after the last line feed at or before `size`. */
static enum rc whole_lines(struct journal *journal, uint64_t size, uint64_t *end, struct err *err) {
    char block[TAIL_BYTES];
    while (size > 0) {
        uint64_t from = size > sizeof block ? size - sizeof block : 0;
        ssize_t got = pread(journal->fd, block, (size_t)(size - from), (off_t)from);
        if (got != (ssize_t)(size - from))
            return got < 0 ? err_sys(err, "journal/%s: read", journal->name)
                           : err_set(err, RC_TEMP, "journal/%s: it became shorter while it was read", journal->name);
        const char *feed = memrchr(block, '\n', (size_t)got);
        if (feed != NULL) {
            *end = from + (uint64_t)(feed - block) + 1;
            return RC_OK;
        }
        size = from;
    }
    *end = 0;
    return RC_OK;
}

/* Learn the end of the chain. A last line without its line feed was torn by a kill, and one with NUL bytes by a power loss (its blocks never reached the disk):
 * neither was ever reported as written, so both are cut. */
static enum rc learn_tail(struct journal *journal, uint64_t size, struct err *err) {
    struct buf line = BUF_INIT(LIMIT_EVENT_BYTES);
    struct tail tail = TAIL_EMPTY;
    enum rc rc = whole_lines(journal, size, &tail.size, err);
    while (rc == RC_OK && tail.size > 0) {
        rc = read_line_before(journal, tail.size, &line, err);
        if (rc != RC_OK || memchr(buf_text(&line), '\0', line.length) == NULL)
            break;
        tail.size -= line.length + 1;
    }
    if (rc == RC_OK && tail.size > 0)
        rc = journal_line_seq(buf_text(&line), line.length, &tail.seq, err);
    if (rc == RC_OK && tail.size > 0)
        digest_of_hex(buf_text(&line), line.length, tail.hash);
    else if (rc == RC_CORRUPT)
        err_prefix(err, rc, "journal/%s: last line", journal->name);
    if (rc == RC_OK && tail.size < size) {
        log_warn("journal/%s: cut %llu bytes of a torn last line", journal->name, (unsigned long long)(size - tail.size));
        rc = fsio_truncate(journal->fd, (off_t)tail.size, err);
    }
    buf_release(&line);
    if (rc == RC_OK)
        journal->tail = tail;
    return rc;
}

/* Open (again) and lock the file that has the journal's name: one that was removed or replaced meanwhile is not it. */
static enum rc lock_named(struct journal *journal, struct stat *st, struct err *err) {
    for (;;) {
        enum rc rc = journal->fd < 0 ? open_file(journal, err) : RC_OK;
        if (rc != RC_OK || (rc = lockfile_lock(journal->fd, err)) != RC_OK)
            return rc;
        struct stat named;
        if (fstat(journal->fd, st) != 0)
            return err_sys(err, "journal/%s", journal->name);
        if (fsio_stat(journal->spool->journal_fd, journal->name, &named, NULL) == RC_OK && named.st_ino == st->st_ino && named.st_dev == st->st_dev)
            return RC_OK;
        close(journal->fd);
        journal->fd = -1;
    }
}

enum rc journal_lock(struct journal *journal, struct err *err) {
    struct stat st;
    enum rc rc = lock_named(journal, &st, err);
    if (rc != RC_OK)
        return rc;
    if (!journal->known || (uint64_t)st.st_size != journal->tail.size)
        rc = learn_tail(journal, (uint64_t)st.st_size, err);
    journal->known = rc == RC_OK;
    if (rc != RC_OK) {
        lockfile_unlock(journal->fd);
        return rc;
    }
    journal->synced = journal->tail;
    journal->locked = true;
    return RC_OK;
}

void journal_unlock(struct journal *journal) {
    if (!journal->locked)
        return;
    if (journal->queue.length > 0) { /* never written: the chain ends where the file does */
        buf_reset(&journal->queue);
        journal->known = false;
    }
    journal->locked = false;
    if (journal->fd >= 0)
        lockfile_unlock(journal->fd);
}

enum rc journal_add(struct journal *journal, const char *event, const char *by, const cJSON *members, struct err *err) {
    size_t before = journal->queue.length;
    struct line_head head = {.seq = journal->tail.seq + 1, .prev = journal->tail.hash, .event = event, .node = journal->spool->node, .by = by};
    enum rc rc = journal_line_format(&journal->queue, &head, members, err);
    if (rc != RC_OK) {
        journal->queue.length = before;
        return err_prefix(err, rc, "journal/%s", journal->name);
    }
    size_t length = journal->queue.length - before;
    digest_of_hex(journal->queue.data + before, length - 1, journal->tail.hash);
    journal->tail.seq++;
    journal->tail.size += length;
    return RC_OK;
}

/* After a failed write or sync: nothing since the last sync counts. The descriptor is spent (a failed fsync marks pages clean); the lock goes with it. */
static void go_back(struct journal *journal) {
    struct err err = {0};
    buf_reset(&journal->queue);
    if (fsio_truncate(journal->fd, (off_t)journal->synced.size, &err) != RC_OK)
        log_error("%s: what was just written could not be cut back", err.text);
    close(journal->fd);
    journal->fd = -1;
    journal->known = false;
    journal->locked = false;
}

enum rc journal_write(struct journal *journal, struct err *err) {
    if (!journal->locked)
        return err_set(err, RC_TEMP, "journal/%s: an earlier write failed", journal->name);
    if (journal->queue.length == 0)
        return RC_OK;
    enum rc rc = fsio_write(journal->fd, journal->queue.data, journal->queue.length, err);
    if (rc == RC_OK)
        buf_reset(&journal->queue);
    else
        go_back(journal);
    return rc;
}

/* One syncfs for so many journals: a flood of drops is taken in several times faster. RC_PERM: each file by itself. */
static enum rc sync_together(struct journal **journals, const enum rc *rcs, size_t count, struct err *err) {
    const struct journal *any = NULL;
    size_t ready = 0;
    for (size_t i = 0; i < count; i++) {
        if (journals[i] != NULL && rcs[i] == RC_OK) {
            any = journals[i];
            ready++;
        }
    }
    return ready < SYNC_TOGETHER ? RC_PERM : fsio_sync_all(any->spool->journal_fd, err);
}

/* fdatasync of the file alone, unless all were synced together. */
static enum rc sync_lines(struct journal *journal, enum rc together, struct err *err) {
    if (!journal->locked)
        return err_set(err, RC_TEMP, "journal/%s: an earlier write failed", journal->name);
    enum rc rc = together == RC_PERM ? fsio_sync_data(journal->fd, err) : together;
    if (rc != RC_OK)
        go_back(journal);
    return rc;
}

static void sync_done(struct journal *journal) {
    journal->made = false;
    journal->synced = journal->tail;
}

void journal_entered(struct journal *journal) {
    journal->made = false;
}

enum rc journal_sync(struct journal *journal, struct err *err) {
    enum rc rc = RC_OK;
    journal_sync_all(&journal, &rc, 1, err);
    return rc;
}

void journal_sync_all(struct journal **journals, enum rc *rcs, size_t count, struct err *err) {
    const struct spool *made = NULL;
    enum rc together = sync_together(journals, rcs, count, err);
    for (size_t i = 0; i < count; i++) {
        if (journals[i] == NULL || rcs[i] != RC_OK)
            continue;
        rcs[i] = sync_lines(journals[i], together, err);
        if (rcs[i] == RC_OK && journals[i]->made)
            made = journals[i]->spool;
    }
    enum rc rc = made != NULL ? fsio_sync_dir(made->journal_fd, ".", err) : RC_OK;
    for (size_t i = 0; i < count; i++) {
        if (journals[i] == NULL || rcs[i] != RC_OK)
            continue;
        if (journals[i]->made && rc != RC_OK) {
            rcs[i] = rc;
            go_back(journals[i]);
        } else {
            sync_done(journals[i]);
        }
    }
}

enum rc journal_commit(struct journal *journal, bool durable, struct err *err) {
    enum rc rc = journal_write(journal, err);
    if (rc == RC_OK && durable)
        rc = journal_sync(journal, err);
    return rc;
}

uint64_t journal_size(const struct journal *journal) {
    return journal->tail.size;
}

enum rc journal_put(const struct spool *spool, const char *job_id, const char *event, const char *by, const cJSON *members, struct err *err) {
    struct journal *journal;
    enum rc rc = journal_open(spool, job_id, true, &journal, err);
    if (rc != RC_OK)
        return rc;
    if ((rc = journal_lock(journal, err)) == RC_OK && (rc = journal_add(journal, event, by, members, err)) == RC_OK)
        rc = journal_commit(journal, true, err);
    journal_close(journal);
    return rc;
}
