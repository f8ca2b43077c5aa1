// SPDX-License-Identifier: Apache-2.0
#ifndef ENGINE_LOAD_INTERNAL_H
#define ENGINE_LOAD_INTERNAL_H

#include "engine/load.h"
#include "sink/sink.h"
#include "spool/payload.h"

/* Loading: load.c (markers, groups, dry run), load_file.c (one payload: claim, check, scan), load_record.c (what a record is), load_journal.c (what the
 * journals say and are told), load_replay.c (kept bad records), load_worker.c (the worker's command line and report). */

/* A group shares one transaction and its syncs. */
#define LOAD_GROUP_FILES 32u
#define LOAD_GROUP_BYTES ((size_t)12 * 1024 * 1024)
#define LOAD_GROUP_RECORDS 10000u
#define LOAD_FILE_RECORDS 1000000u /* of one payload; a hostile one can hold 30 million */

/* Bytes that live as long as their file; they never move. */
struct load_arena {
    struct load_chunk *chunks;
};
/* A copy, NUL-terminated; NULL when out of memory. */
char *load_arena_add(struct load_arena *arena, const void *bytes, size_t length);
void load_arena_release(struct load_arena *arena);

/* The journal's word on one payload. */
struct load_batch {
    uint32_t batch;
    enum file_status status;
    char sha256[DIGEST_HEX_SIZE]; /* "" until captured */
    int64_t captured_us;
    struct dec cost;
    bool has_cost;
    uint64_t success_count, error_count; /* of the last `loaded` */
};

struct load_job {
    struct load_job *next;
    struct job_row row;         /* where following goes on: its journal_offset, _seq and _hash */
    struct load_batch *batches; /* by number */
    size_t batch_count, batch_capacity;
    bool out_of_memory;
};

struct loader {
    const struct spool *spool;
    struct sources *sources;
    const struct load_options *options;
    struct load_report *report;
    struct sink *sink;     /* NULL in a dry run without a store */
    struct load_job *jobs; /* read so far; the last read first */
};

/* Count one file (or one batch of a replay) as failed. */
void load_failed(struct loader *loader, const struct err *err);

/* load_journal.c */

/* The journal of a job, read once. RC_GONE: none. RC_CORRUPT: damaged. Borrowed until load_jobs_forget. */
enum rc load_job_get(struct loader *loader, const char *job_id, struct load_job **job, struct err *err);
const struct load_batch *load_job_batch(const struct load_job *job, uint32_t batch); /* NULL: the journal does not know it */
/* Forget all jobs but the last one read (all: that too). */
void load_jobs_forget(struct loader *loader, bool all);

struct load_event {
    uint32_t batch;
    const char *raw_path, *sha256;
    const char *reason, *error; /* `rejected`; reason NULL: `loaded` */
    uint64_t success_count, error_count, inserted, updated, unchanged, time_ms;
};
/* Journal these events of one job, durable. What the journal says already is not said again: several loaders and crashes leave one `loaded` a file. */
enum rc load_journal(struct loader *loader, struct load_job *job, const struct load_event *events, size_t count, struct err *err);

/* load_record.c */

/* Hex SHA-256 of what in a definition decides what is stored. */
void load_definition(const struct source *source, char out[DIGEST_HEX_SIZE]);
/* The key of a record as the store wants it. RC_PERM: it is a bad record, reason says why. RC_TEMP: out of memory. */
enum rc load_record_key(const struct source *source, struct slice record, const char *job_id, uint32_t batch, uint32_t index, struct buf *key, char *reason,
                        size_t reason_size);
/* sink_children of a struct source. A child without its key is known by its place. */
enum rc load_children(const void *definition, struct slice record, sink_child_seen *seen, void *context);

/* load_file.c */

struct load_file {
    char marker[PAYLOAD_PATH_SIZE], raw_path[PAYLOAD_PATH_SIZE], job_id[JOBID_SIZE];
    uint32_t batch;
    enum shelf from;
    int fd; /* locked while the claim holds */
    const char *data;
    size_t length;
    struct load_job *job; /* NULL: no journal */
    const struct source *source;
    char sha256[DIGEST_HEX_SIZE], definition[DIGEST_HEX_SIZE];
    int64_t captured_us;
    struct dec cost;
    bool has_cost;
    const char *reason; /* not NULL: goes to failed/, err says more */
    struct err err;
    struct load_arena arena;
    struct sink_record *records;
    size_t record_count, record_capacity;
    struct sink_bad *bad;
    size_t bad_count, bad_capacity;
    int64_t scan_ms;
};

/* Claim a marker (not in a dry run), check and scan its payload. RC_OK: ready to be stored, or with a reason. RC_AGAIN: another loader has it. RC_GONE: the
 * marker went, or is no marker. RC_PERM: it stays where it is, err says why (no source definition, damaged journal). RC_TEMP: trouble of ours; it was put back.
 */
enum rc load_file_take(struct loader *loader, const char *marker, enum shelf from, struct load_file *file, struct err *err);
/* Undo the claim: the marker goes back to its shelf. */
void load_file_put_back(struct loader *loader, struct load_file *file);
void load_file_release(struct load_file *file);
void load_file_sink(const struct load_file *file, struct sink_file *out);

/* load_replay.c */
enum rc load_replay(struct loader *loader, struct err *err);

bool load_wants(const struct load_options *options, const char *job_id);

#endif
