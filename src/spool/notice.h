// SPDX-License-Identifier: Apache-2.0
#ifndef SPOOL_NOTICE_H
#define SPOOL_NOTICE_H

#include <cjson/cJSON.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "spool/jobid.h"
#include "spool/layout.h"
#include "spool/notice_target.h"

/*
 * notices/<state>/<id>.json: one notice for one recipient. Where it lies is its state:
 *   pending     to be sent; also by a person's mv out of deferred/, failed/ or processed/
 *   processing  on its way
 *   processed   the other end took it
 *   deferred    it is tried again at the file's mtime
 *   failed      it will not be taken, or not any more; `<id>.why` beside it says why, as it does in deferred/
 * The file is made once, in tmp/, and never changed:
 *   {"v": 1, "event": "completed", "to": "mailto:ops@example.com", "job_id": "...", "seq": 9, "created_at": "...", "awaits": "results/ID/report.pdf",
 *    "digest_of": ["<id>", ...], "values": {"name": "Absentee owners", ...}}
 * job_id and seq: of the journal's line that it tells of; absent otherwise. awaits: a path below the spool that must be there before it is sent. digest_of: the
 * notices that it stands for. values: what templates can name, texts alone.
 * The id has the form of a job's (spool/jobid.h) and is made of what the notice is about and for whom, so that the same is never made twice.
 */

enum notice_kind {
    NOTICE_COMPLETED,
    NOTICE_JOB_FAILED,
    NOTICE_HELD,
    NOTICE_FILE_FAILED,
    NOTICE_UNAUTHORIZED, /* a source refused the credentials: its jobs wait */
    NOTICE_STUCK,
    NOTICE_BUDGET,
    NOTICE_QUEUE,
    NOTICE_TEST,
    NOTICE_DIGEST,
    NOTICE_KIND_COUNT
};
const char *notice_kind_name(enum notice_kind kind); /* "completed" ... */
bool notice_kind_parse(const char *name, enum notice_kind *kind);

#define NOTICE_FILE_BYTES (256u * 1024u)
#define NOTICE_DIGEST_MOST 200u
#define NOTICE_VALUES_MOST 64u

struct notice {
    char id[JOBID_SIZE];
    enum notice_kind kind;
    char to[NOTICE_TARGET_SIZE];
    char job_id[JOBID_SIZE]; /* "" none */
    uint64_t seq;
    int64_t created_us;
    char awaits[300]; /* "" nothing */
    cJSON *values;    /* an object, owned */
    cJSON *digest_of; /* an array of ids, owned; NULL: it is none */
};

/* The id of a notice of this kind about `subject` (a job and the seq of its line, or whatever tells two occasions apart) for this target. */
void notice_id_make(enum notice_kind kind, int64_t when_us, const char *subject, const char *to, char out[JOBID_SIZE]);

/* Check and read the text of the file <id>.json. RC_PERM: it is no notice (err says what is wrong). notice_release in any case. */
enum rc notice_parse(const char *id, const char *text, size_t length, struct notice *notice, struct err *err);
void notice_release(struct notice *notice);
/* Its text. */
enum rc notice_format(const struct notice *notice, struct buf *out);

/* All below wait for the disk. Any thread, but not two for one notice. */

/* Make the file: tmp/, fsync, to its state without replacing (until_us is the mtime of one in deferred/, else 0), both directories synced. RC_OK too when there
 * is one of this id in that state. */
enum rc notice_put(const struct spool *spool, const struct notice *notice, enum notice_state state, int64_t until_us, struct err *err);
/* Where it lies; NOTICE_NONE. */
enum notice_state notice_find(const struct spool *spool, const char *id);
/* RC_GONE: it is not there (any more). st may be NULL. */
enum rc notice_read(const struct spool *spool, enum notice_state state, const char *id, struct notice *notice, struct stat *st, struct err *err);
/* Move it; until_us as in notice_put. synced: both directories are. A `.why` in the old state goes. RC_PERM with errno EEXIST: there is one already. */
enum rc notice_move(const struct spool *spool, const char *id, enum notice_state from, enum notice_state to, int64_t until_us, bool synced, struct err *err);
/* The text beside it. Not synced: it is for people. */
void notice_why_write(const struct spool *spool, enum notice_state state, const char *id, const char *text);
/* RC_GONE: none. */
enum rc notice_why_read(const struct spool *spool, enum notice_state state, const char *id, struct buf *out, struct err *err);
/* Remove the file and what lies beside it. */
enum rc notice_remove(const struct spool *spool, enum notice_state state, const char *id, struct err *err);

/* Each notice of a state, in the order of the directory; fn returns false to stop. st: NULL unless stats. */
typedef bool notice_seen(void *context, const char *id, const struct stat *st);
enum rc notice_each(const struct spool *spool, enum notice_state state, bool stats, notice_seen *fn, void *context, struct err *err);

#endif
