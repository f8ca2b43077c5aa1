// SPDX-License-Identifier: Apache-2.0
#include "spool/journal.h"

#include "base/clock.h"
#include "base/limits.h"
#include "base/str.h"
#include "os/fsio.h"
#include "spool/journal_line.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define READ_BYTES ((size_t)8 * 1024)
#define READ_MAX_BYTES ((size_t)256 * 1024)

struct journal_reader {
    int fd;
    char name[JOURNAL_NAME_SIZE];
    struct buf buffer; /* bytes of the file from `base` */
    uint64_t base;
    size_t at;    /* of the next line in the buffer */
    size_t chunk; /* grows with what is read: a follower reads a line, a rebuild everything */
    uint64_t seq;
    char hash[DIGEST_HEX_SIZE];
    cJSON *json;
};

enum rc journal_reader_open(const struct spool *spool, const char *job_id, uint64_t offset, uint64_t seq, const char *hash, struct journal_reader **out,
                            struct err *err) {
    *out = NULL;
    struct journal_reader *reader = calloc(1, sizeof *reader);
    if (reader == NULL)
        return err_set(err, RC_TEMP, "out of memory");
    buf_init(&reader->buffer, (size_t)LIMIT_EVENT_BYTES + READ_MAX_BYTES);
    reader->base = offset;
    reader->chunk = READ_BYTES;
    reader->seq = seq;
    str_copy(reader->hash, sizeof reader->hash, hash != NULL ? hash : JOURNAL_FIRST_PREV);
    struct stat st;
    enum rc rc = journal_name(job_id, reader->name, err);
    if (rc == RC_OK)
        rc = fsio_open_read(spool->journal_fd, reader->name, &reader->fd, &st, err);
    if (rc != RC_OK) {
        free(reader);
        return rc;
    }
    if ((uint64_t)st.st_size < offset) {
        rc = err_set(err, RC_CORRUPT, "journal/%s: %llu bytes are left of the %llu that were read before", reader->name, (unsigned long long)st.st_size,
                     (unsigned long long)offset);
        journal_reader_close(reader);
        return rc;
    }
    *out = reader;
    return RC_OK;
}

void journal_reader_close(struct journal_reader *reader) {
    if (reader == NULL)
        return;
    cJSON_Delete(reader->json);
    close(reader->fd);
    buf_release(&reader->buffer);
    free(reader);
}

/* Read on behind what is in the buffer. RC_GONE: the file ends here. */
static enum rc fill(struct journal_reader *reader, struct err *err) {
    struct buf *buffer = &reader->buffer;
    if (reader->at > 0) {
        buffer->length -= reader->at;
        memmove(buffer->data, buffer->data + reader->at, buffer->length);
        reader->base += reader->at;
        reader->at = 0;
    }
    enum rc rc = buf_reserve(buffer, reader->chunk);
    if (rc != RC_OK)
        return err_set(err, rc == RC_PERM ? RC_CORRUPT : rc, rc == RC_PERM ? "journal/%s: line %llu is too long" : "journal/%s: line %llu: out of memory",
                       reader->name, (unsigned long long)reader->seq + 1);
    ssize_t got;
    do
        got = pread(reader->fd, buffer->data + buffer->length, reader->chunk, (off_t)(reader->base + buffer->length));
    while (got < 0 && errno == EINTR);
    if (got < 0)
        return err_sys(err, "journal/%s: read", reader->name);
    if (got == 0)
        return RC_GONE;
    buffer->length += (size_t)got;
    if ((size_t)got == reader->chunk && reader->chunk < READ_MAX_BYTES)
        reader->chunk *= 2;
    return RC_OK;
}

/* The next whole line, borrowed from the buffer. RC_GONE: at the end, or before a torn last line. */
static enum rc next_text(struct journal_reader *reader, const char **text, size_t *length, struct err *err) {
    size_t scanned = 0;
    for (;;) {
        const char *start = reader->buffer.data != NULL ? reader->buffer.data + reader->at : NULL;
        size_t have = reader->buffer.length - reader->at;
        const char *feed = have > scanned ? memchr(start + scanned, '\n', have - scanned) : NULL;
        if (feed != NULL) {
            *text = start;
            *length = (size_t)(feed - start);
            return RC_OK;
        }
        scanned = have;
        enum rc rc = fill(reader, err);
        if (rc != RC_OK)
            return rc;
    }
}

/* A line with NUL bytes at the very end was torn by a power loss; the next writer cuts it. */
static bool torn(struct journal_reader *reader, const char *text, size_t length) {
    struct stat st;
    return memchr(text, '\0', length) != NULL && fstat(reader->fd, &st) == 0 && (uint64_t)st.st_size == reader->base + reader->at + length + 1;
}

static enum rc check_line(struct journal_reader *reader, struct journal_line *line, struct err *err) {
    unsigned long long number = (unsigned long long)reader->seq + 1;
    enum rc rc = journal_line_parse(line->text, line->length, &reader->json, err);
    if (rc != RC_OK)
        return err_prefix(err, rc, "journal/%s: line %llu", reader->name, number);
    line->json = reader->json;
    line->event = cJSON_GetObjectItemCaseSensitive(line->json, "event")->valuestring;
    if (!journal_line_u64(line->json, "seq", &line->seq) || !clock_parse_rfc3339(cJSON_GetObjectItemCaseSensitive(line->json, "ts")->valuestring, &line->ts_us))
        return err_set(err, RC_CORRUPT, "journal/%s: line %llu: ts is no time or seq no number", reader->name, number);
    return RC_OK;
}

static enum rc check_chain(const struct journal_reader *reader, const struct journal_line *line, struct err *err) {
    unsigned long long number = (unsigned long long)reader->seq + 1;
    if (line->seq != reader->seq + 1)
        return err_set(err, RC_CORRUPT, "journal/%s: line %llu: seq is %llu: a line was removed, added or moved", reader->name, number,
                       (unsigned long long)line->seq);
    if (strcmp(cJSON_GetObjectItemCaseSensitive(line->json, "prev")->valuestring, reader->hash) != 0)
        return err_set(err, RC_CORRUPT, "journal/%s: line %llu: prev is not the SHA-256 of the line before: line %llu was changed", reader->name, number,
                       number - 1);
    return RC_OK;
}

/* Pass on to the line after this one. */
static void take_line(struct journal_reader *reader, const char *text, size_t length, struct journal_line *line) {
    *line = (struct journal_line){.text = text, .length = length, .offset = reader->base + reader->at};
    line->end = line->offset + length + 1;
    digest_of_hex(text, length, line->hash);
    reader->at += length + 1;
    cJSON_Delete(reader->json);
    reader->json = NULL;
}

enum rc journal_reader_next(struct journal_reader *reader, struct journal_line *line, struct err *err) {
    const char *text;
    size_t length;
    enum rc rc = next_text(reader, &text, &length, err);
    if (rc != RC_OK)
        return rc;
    if (torn(reader, text, length))
        return RC_GONE;
    take_line(reader, text, length, line);
    rc = check_line(reader, line, err);
    if (rc == RC_OK)
        rc = check_chain(reader, line, err);
    /* Later lines are judged by this one, so that one damaged line is told once. */
    reader->seq = rc == RC_OK || line->seq > reader->seq ? line->seq : reader->seq + 1;
    memcpy(reader->hash, line->hash, sizeof reader->hash);
    return rc;
}

enum rc journal_reader_find(struct journal_reader *reader, const char *event, struct journal_line *line, struct err *err) {
    char needle[64];
    if (!str_format(needle, sizeof needle, "\"event\":\"%s\"", event))
        return err_set(err, RC_PERM, "%s: no event", event);
    for (;;) {
        const char *text;
        size_t length;
        enum rc rc = next_text(reader, &text, &length, err);
        if (rc != RC_OK)
            return rc;
        if (memmem(text, length, needle, strlen(needle)) == NULL) {
            reader->at += length + 1;
            continue;
        }
        if (torn(reader, text, length))
            return RC_GONE;
        take_line(reader, text, length, line);
        rc = check_line(reader, line, err);
        if (rc != RC_OK || strcmp(line->event, event) == 0)
            return rc;
    }
}
