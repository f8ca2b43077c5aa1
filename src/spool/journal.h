// SPDX-License-Identifier: Apache-2.0
#ifndef SPOOL_JOURNAL_H
#define SPOOL_JOURNAL_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/digest.h"
#include "spool/layout.h"

/*
 * journal/<job id>.ndjson (DESIGN 6). Members of every line, in this order: v, seq (from 1), prev (SHA-256 hex of the line before without its line feed; 64
 * zeros for the first), ts, event, node, then what the writer gave. docs/JOURNAL.md lists the members of each event.
 */

struct journal; /* one open journal of one thread */

/* create: make it when missing (mode 0660; the caller of journal_sync also gets the directory synced). RC_GONE without create. */
enum rc journal_open(const struct spool *spool, const char *job_id, bool create, struct journal **journal, struct err *err);
/* As with create; a new journal gets the file of *spare, when there is one (*spare is -1 then). */
enum rc journal_open_spare(const struct spool *spool, const char *job_id, int *spare, struct journal **journal, struct err *err);
/* See to it that there is one: an empty file without a name (-1: none, which is no failure). To make a file can take longer than to sync it. */
void journal_spare(const struct spool *spool, int *spare);
void journal_close(struct journal *journal); /* unlocks */

/* flock, then look at the tail: cut a torn last line, learn seq and prev (nothing is read when nobody else wrote since). RC_CORRUPT: the last line is no event
 * of ours (err says what): nothing may be appended. RC_GONE: the journal was removed (and not opened with create). Never lock one job twice in a thread: it
 * would wait for itself. */
enum rc journal_lock(struct journal *journal, struct err *err);
void journal_unlock(struct journal *journal); /* lines not yet written are dropped */

/* Queue one line; members is borrowed (an object, or NULL). `by` ("daemon", "mv", "command line", "web") and uid go in as members when by is not NULL; uid is
 * that of this process unless members has one. Bytes that are not UTF-8 become '?'. */
enum rc journal_add(struct journal *journal, const char *event, const char *by, const cJSON *members, struct err *err);
/* Write what is queued with one write(), then fdatasync (and fsync of journal/ after creation) when durable. On failure the file is cut back to what it
 * was, nothing counts as written, and the handle opens the file afresh at the next lock. Locked only. */
enum rc journal_commit(struct journal *journal, bool durable, struct err *err);
/* Two halves of commit, so that several journals share the wait: write all, then sync each. */
enum rc journal_write(struct journal *journal, struct err *err);
enum rc journal_sync(struct journal *journal, struct err *err);
/* The caller has synced journal/ since the file was opened: journal_sync need not. */
void journal_entered(struct journal *journal);
/* journal_sync of each whose rcs[i] is RC_OK (entries of NULL are passed over), with one fsync of journal/ for all that were made. */
void journal_sync_all(struct journal **journals, enum rc *rcs, size_t count, struct err *err);

uint64_t journal_size(const struct journal *journal); /* bytes of whole lines; locked only */

/* open + lock + add + commit(durable) + close, for one event. */
enum rc journal_put(const struct spool *spool, const char *job_id, const char *event, const char *by, const cJSON *members, struct err *err);

/* Reading follows the file without a lock and stops before a torn last line. */
struct journal_line {
    const char *text; /* without line feed; borrowed until the next call */
    size_t length;
    uint64_t offset, end; /* of the line in the file; end is the offset of the next */
    uint64_t seq;
    char hash[DIGEST_HEX_SIZE]; /* of this line: `prev` of the next */
    int64_t ts_us;
    const char *event; /* borrowed from json */
    const cJSON *json; /* borrowed until the next call */
};
struct journal_reader;
/* Start at offset, after a line whose seq and hash are given (0, 0, NULL: from the start). RC_GONE: no such journal. */
enum rc journal_reader_open(const struct spool *spool, const char *job_id, uint64_t offset, uint64_t seq, const char *hash, struct journal_reader **reader,
                            struct err *err);
/* RC_OK with the next line; RC_GONE at the end; RC_CORRUPT when the line is no event, its seq or prev does not follow (err says line number and what); reading
 * can go on after RC_CORRUPT. */
enum rc journal_reader_next(struct journal_reader *reader, struct journal_line *line, struct err *err);
/* The next line whose event this is. The lines passed over are not looked at, and the chain is not checked. RC_GONE: no more. */
enum rc journal_reader_find(struct journal_reader *reader, const char *event, struct journal_line *line, struct err *err);
void journal_reader_close(struct journal_reader *reader);

#endif
