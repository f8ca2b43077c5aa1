// SPDX-License-Identifier: Apache-2.0
#ifndef SPOOL_BOOKMARK_H
#define SPOOL_BOOKMARK_H

#include "base/buf.h"
#include "spool/job.h"

/*
 * Where an incremental source goes on, for each name of a job: bookmarks/<source>/<name>.json, a small file for people to read and edit:
 *   {"source": "tickets", "name": "Nightly", "last_value": "2026-11-23T10:00:00Z", "job_id": "...", "updated_at": "..."}
 * The file's name is the slug of the job's name (that of the dropped file when it gives none), with eight hex digits of the name's SHA-256 behind it when the
 * slug is not the name itself. Values are JSON text: a string with its quotes, or a number.
 */

/* The greater of two values, as times (RFC 3339, or a date alone), numbers, or bytes, whichever both are: <0, 0, >0. */
int bookmark_compare(struct slice a, struct slice b);

/* The job's name for it: as it was accepted, or the slug of its id. */
void bookmark_name(const struct job_row *row, char out[129]);
/* The path below bookmarks/, for messages too. */
void bookmark_path(const char *source, const char *name, char *out, size_t size);

/* last_value, appended to value. RC_GONE: no such file, or its last_value is null or missing. RC_PERM: the file is not as it should be; err names it and the
 * mend. */
enum rc bookmark_read(const struct spool *spool, const char *source, const char *name, struct buf *value, struct err *err);

/* A job that completes moves its bookmark on: never back, and once; when the file says that this job did so, it stays as it is, edited or not. Durable. A file
 * that is not as it should be is left alone (RC_OK, a line in the log). Called under the journal's lock, between the event `completed` (member `bookmark`) and
 * the rename. */
enum rc bookmark_advance(const struct spool *spool, const struct job_row *row, const char *value, struct err *err);
/* The same for a move that was interrupted: the value is that of the journal's last `completed`; nothing when it has none. */
enum rc bookmark_recover(const struct spool *spool, const struct job_row *row, struct err *err);

#endif
