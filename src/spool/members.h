// SPDX-License-Identifier: Apache-2.0
#ifndef SPOOL_MEMBERS_H
#define SPOOL_MEMBERS_H

#include "base/digest.h"
#include "base/str.h"
#include "spool/jobid.h"
#include "spool/layout.h"

/*
 * results/<job id>/members.ndjson: which records are a job's (DESIGN 6), for a job that buys only what is not owned yet. A line for each, in the order of the
 * search: {"key":ID} is to be bought by the job itself, {"key":ID,"job":JOB} was owned already: it is what that job captured. ID is JSON text as the source
 * gave it. Written whole before the first purchase, and never changed: the event `listed` has its SHA-256.
 */

struct member {
    struct slice key;        /* JSON text, borrowed from the file */
    char job_id[JOBID_SIZE]; /* that owned it; "": the job itself buys it */
};

struct members_writer;
/* What an earlier try left is replaced. Owned by the caller: commit or abort. */
enum rc members_begin(const struct spool *spool, const char *job_id, struct members_writer **writer, struct err *err);
enum rc members_add(struct members_writer *writer, struct slice key, const char *owner, struct err *err); /* owner: a job id, or "" */
/* Durable under its name when this is RC_OK. Frees the writer in any case. */
enum rc members_commit(struct members_writer *writer, char sha256[DIGEST_HEX_SIZE], struct err *err);
void members_abort(struct members_writer *writer); /* NULL allowed */

struct members; /* a file that is being read, as a mapping */
/* RC_GONE: the job has none. sha256 NULL: whatever it is; RC_CORRUPT: another one, or not of this form. */
enum rc members_open(const struct spool *spool, const char *job_id, const char *sha256, struct members **members, struct err *err);
void members_close(struct members *members); /* NULL allowed */
/* Read from here on: 0, or what members_at said before a call of members_next. */
void members_seek(struct members *members, size_t at);
size_t members_at(const struct members *members);
bool members_next(struct members *members, struct member *member); /* false: no more, or no line of this form */

#endif
