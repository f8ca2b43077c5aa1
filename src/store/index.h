// SPDX-License-Identifier: Apache-2.0
#ifndef STORE_INDEX_H
#define STORE_INDEX_H

#include <stdbool.h>
#include <stdint.h>

#include "base/dec.h"
#include "spool/job.h"

/*
 * An index (LMDB): what directories and journals say, made fast to ask. Derived: delete it and it is built again. One writer, its program (or `reindex` without
 * a daemon); readers any number. Committed without sync: after a crash of the machine (another boot id, no clean close) index_open answers RC_CORRUPT and it is
 * rebuilt.
 */
struct index;

/* Two programs keep one each by the same code: the daemon, whose only writer it is, in index/ (2750, files 0640), and the web program, whose only writer it is,
 * in web/index/ (2770, 0660). */
enum index_home { INDEX_OF_DAEMON, INDEX_OF_WEB };

/* write: its program; made when missing. RC_GONE: none there (read only). RC_CORRUPT: other format, damaged, or not closed cleanly before a reboot:
 * index_rebuild. */
enum rc index_open(const struct spool *spool, enum index_home home, bool write, struct index **index, struct err *err);
void index_close(struct index *index); /* write: marks it clean and syncs */
/* Remove what is there (nobody in this process may have it open), make a new one and fold every journal in. A damaged journal is logged and counts as far as it
 * goes. progress may be NULL. The result is the same bytes-of-rows for the same journals. RC_OK leaves *index open for writing; else it is NULL. */
enum rc index_rebuild(const struct spool *spool, enum index_home home, struct index **index, void (*progress)(void *context, uint64_t jobs), void *context,
                      struct err *err);

/* Writers group changes: begin, any number of calls below, commit. A write call outside of begin/commit makes its own transaction. The map grows by itself (a
 * group is then committed in parts). When a write in a group failed, index_commit undoes the group and answers why: follow its jobs again, nothing is lost. */
enum rc index_begin(struct index *index, struct err *err);
enum rc index_commit(struct index *index, struct err *err);

/* Fold in what the job's journal has beyond what was applied. row (may be NULL) is the result. RC_GONE: no journal. RC_CORRUPT: damaged journal line (row is
 * what came before). */
enum rc index_follow(struct index *index, const struct spool *spool, const char *job_id, struct job_row *row, struct err *err);

/* The same, but only lines that end at or before this offset: those that are known to be synced. A line that is folded in and then cut back, because its sync
 * failed, would make the index stray from the journal. */
enum rc index_follow_to(struct index *index, const struct spool *spool, const char *job_id, uint64_t limit, struct job_row *row, struct err *err);

/* Hear of each line that a follow of this index folds in, with the job's row before and after it. One listener; NULL: none. A group whose commit fails is
 * undone, so its lines are heard again. */
typedef void index_line_seen(void *context, const struct job_row *before, const struct job_row *row, const struct journal_line *line);
void index_listen(struct index *index, index_line_seen *seen, void *context);

/* Reading; RC_GONE: no such row. Each sees the latest commit (and, in the writer, its own open transaction). */
enum rc index_job(struct index *index, const char *job_id, struct job_row *row, struct err *err);
/* The row as the journal has it now: of the index (may be NULL) when that is as new, else folded from the journal (job_row_read says what can go wrong). */
enum rc index_job_now(struct index *index, const struct spool *spool, const char *job_id, struct job_row *row, struct err *err);
enum rc index_file(struct index *index, const char *job_id, uint32_t batch, struct file_row *row, struct err *err);
uint64_t index_count(struct index *index, enum place place); /* jobs there, of mode run */

/* Walks, in key order; fn returns false to stop. after: "" or the last id/key seen, so that a walk can go on later. */
typedef bool index_job_seen(void *context, const struct job_row *row);
enum rc index_jobs(struct index *index, enum place place /* PLACE_NONE: all, by id */, const char *after_id, index_job_seen *fn, void *context,
                   struct err *err);
enum rc index_jobs_of_campaign(struct index *index, const char *campaign, index_job_seen *fn, void *context, struct err *err);
typedef bool index_file_seen(void *context, const struct file_row *row);
enum rc index_files(struct index *index, const char *job_id, index_file_seen *fn, void *context, struct err *err);
/* job_id: only those of that job; NULL: of all. */
enum rc index_files_by_sha256(struct index *index, const char *sha256, const char *job_id, index_file_seen *fn, void *context, struct err *err);

/* Dispatch: the pending job of this source that comes first (priority, then id) after the job `after_id` of priority `after_priority` ("": from the first of
 * that priority on). RC_GONE: none. Jobs of mode source wait for nobody: they have a queue of their own, that of INDEX_NO_SOURCE, which index_next_source
 * passes over; so have those of modes results and cleanup, INDEX_ERRANDS. */
#define INDEX_NO_SOURCE ""
#define INDEX_ERRANDS "\1"
enum rc index_next_pending(struct index *index, const char *source, enum priority after_priority, const char *after_id, char job_id[JOBID_SIZE],
                           enum priority *priority, struct err *err);
/* The sources that have pending jobs, in turn: the first name greater than `after`. RC_GONE: no more. */
enum rc index_next_source(struct index *index, const char *after, char source[65], struct err *err);
/* The deferred job that is due first. RC_GONE: none. */
enum rc index_next_deferred(struct index *index, char job_id[JOBID_SIZE], int64_t *until_us, struct err *err);
/* The accepted jobs of modes run and preview with the same source and canonical criteria, newest first. */
enum rc index_jobs_of_criteria(struct index *index, const char *source, const char *criteria_hash, index_job_seen *fn, void *context, struct err *err);

/* The newest pages of a source; none is no error. */
struct history;
enum rc index_history(struct index *index, const char *source, struct history *history, struct err *err);

/* Money of a source, or of all sources of a currency ("@USD"), folded from the journals: spent and in doubt (undecided CHARGE_UNKNOWN) on that UTC day
 * ("2026-11-23"); open (paid requests of which nothing was heard since, at their highest price) is that of all days. */
enum rc index_spent(struct index *index, const char *name, const char *day, struct job_money *money, struct err *err);

/* What was asked of a source, and its money, from one time to another; whole quarters of an hour, in which every midnight of every zone lies. Folded from the
 * journals: requests are what `requested`, `previewed` and refused previews tell. */
#define INDEX_SPAN_MS INT64_C(900000)
struct index_sums {
    uint64_t requests;
    struct dec spent, in_doubt;
};
enum rc index_sums(struct index *index, const char *source, int64_t from_us, int64_t to_us, struct index_sums *sums, struct err *err);
bool index_asked(const struct journal_line *line); /* the line says that a request was sent */

/* What the governor must not forget over a restart; not derived from journals. After a rebuild there is none: who asks makes it from the `requested` lines.
 * Small blob of at most 64 KiB a source. */
enum rc index_put_governor(struct index *index, const char *source, const void *blob, size_t length, struct err *err);
enum rc index_get_governor(struct index *index, const char *source, void *blob, size_t *length /* in: room, out: bytes */, struct err *err);

#endif
