// SPDX-License-Identifier: Apache-2.0
#ifndef SINK_SINK_H
#define SINK_SINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/dec.h"
#include "base/digest.h"
#include "base/str.h"
#include "spool/jobid.h"
#include "spool/layout.h"

/*
 * Record stores (DESIGN 7): one file and one table row each. What a store holds is a pure function of the set of loaded files, whatever the order in which they
 * came:
 * - the record of a (source, primary key) is its newest version; versions are ordered by (captured, job id, batch), and an older one never replaces a newer;
 * - superseded versions stay, so that a job's export shows what that job captured;
 * - the children of a record are those of its newest version;
 * - the members of a job are its records in document order, a key that repeats in a file once, at its first place (its text is that of the last place);
 * - a record without a key is kept as a bad one, with its place and reason, until a replay takes it;
 * - one row says what a file gave;
 * - (and this alone goes by time) a number says when each file was loaded last, among the others.
 * Loading a file that is there already (same job, batch, sha256 and definition) changes nothing. One thread; never across fork; at most one open store a
 * process.
 */

struct sink; /* one open store */

struct sink_record {
    struct slice key;  /* primary key as bytes: any length, any bytes, not empty */
    struct slice text; /* exact source text */
    uint32_t index;    /* place in the file, from 0 */
};

struct sink_bad {
    struct slice text;
    uint32_t index;
    const char *pointer; /* JSON Pointer of the record in its file */
    const char *reason;
};

/* Gives the children of a record's text to seen, in document order; of equal (name, key) the last counts. Stops and returns what seen returned when that is not
 * RC_OK. */
typedef enum rc sink_child_seen(void *context, const char *name, struct slice key, struct slice text);
typedef enum rc sink_children(const void *definition, struct slice record, sink_child_seen *seen, void *context);

struct sink_file { /* one payload to load; everything is borrowed for the call */
    const char *source, *campaign, *job_id;
    uint32_t batch;
    const char *path;       /* below payloads/raw */
    const char *sha256;     /* hex, of the bytes */
    const char *definition; /* hex, of that part of the source definition that decides what is stored */
    int64_t captured_us;
    struct dec cost; /* of the page */
    bool has_cost;
    bool again; /* a replay: the records are bad ones of this file that are good now; bad is empty */
    const struct sink_record *records;
    size_t record_count; /* in the order of index */
    const struct sink_bad *bad;
    size_t bad_count;
    sink_children *children;
    const void *children_context; /* its `definition` */
    /* Results. inserted + updated + unchanged is the number of records given (of a replay: those still bad in the store) or, when known, success_count. */
    bool known; /* was there already: nothing was changed */
    uint64_t inserted, updated, unchanged;
    uint64_t success_count, error_count; /* of the file's row now */
};

struct sink_file_row {
    char source[65], campaign[65], job_id[JOBID_SIZE];
    uint32_t batch;
    char path[256], sha256[DIGEST_HEX_SIZE], definition[DIGEST_HEX_SIZE];
    int64_t captured_us;
    struct dec cost;
    bool has_cost;
    uint64_t properties_count, success_count, error_count; /* properties = success + error */
};

struct sink_seen {    /* one record of a walk; borrowed until the callback returns */
    struct slice key; /* identifies (source, primary key) in this store */
    const char *source, *job_id;
    uint32_t batch;
    int64_t captured_us;
    struct slice text;
};

struct sink_pick {
    const char *source;      /* NULL: every source */
    const char *const *jobs; /* sorted by strcmp; with job_count 0: the newest version of every record, in key order */
    size_t
        job_count; /* else the members of each job, in their order, each with the newest text that one of these jobs captured; a key may come several times */
};

/* A place in the order in which files came into a store: of load `load` the records before `next` were seen, and of the loads before all. Zeroed: nothing was.
 */
struct sink_position {
    char store[17]; /* the store that it is of; "": of any */
    uint64_t load;
    uint32_t next;
};

struct sink_error {
    const char *job_id;
    uint32_t batch, index;
    const char *pointer, *reason;
    struct slice text;
};

enum sink_change { SINK_INSERTED, SINK_UPDATED, SINK_UNCHANGED };

/* Callbacks return false to stop the walk, which is no error. */
typedef bool sink_record_seen(void *context, const struct sink_seen *seen);
typedef bool sink_file_seen(void *context, const struct sink_file_row *row);
typedef bool sink_job_seen(void *context, const char *job_id);
typedef bool sink_error_seen(void *context, const struct sink_error *error);

struct sink_row {
    const char *name; /* of `record_store` in the configuration */
    enum rc (*open)(const struct spool *spool, bool write, struct sink **sink, struct err *err);
    void (*close)(struct sink *sink);
    enum rc (*load)(struct sink *sink, struct sink_file *files, size_t count, struct err *err);
    enum rc (*file)(struct sink *sink, const char *job_id, uint32_t batch, struct sink_file_row *row, struct err *err);
    enum rc (*files)(struct sink *sink, const char *job_id, sink_file_seen *fn, void *context, struct err *err);
    enum rc (*jobs)(struct sink *sink, const char *campaign, sink_job_seen *fn, void *context, struct err *err);
    enum rc (*walk)(struct sink *sink, const struct sink_pick *pick, sink_record_seen *fn, void *context, struct err *err);
    enum rc (*errors)(struct sink *sink, const char *job_id, uint32_t batch, sink_error_seen *fn, void *context, struct err *err);
    enum rc (*find)(struct sink *sink, const char *source, struct slice key, const char *job_id, sink_record_seen *fn, void *context, struct err *err);
    enum rc (*compare)(struct sink *sink, const struct sink_file *file, const struct sink_record *record, enum sink_change *change, struct err *err);
    enum rc (*changes)(struct sink *sink, struct sink_position *at, const struct sink_pick *pick, sink_record_seen *fn, void *context, struct err *err);
};

struct sink { /* every store begins with it */
    const struct sink_row *row;
};

extern const struct sink_row *const sink_rows[]; /* NULL at the end */
extern const struct sink_row sink_lmdb;

#define SINK_DEFAULT "lmdb"

/* Open the store of this name (NULL: SINK_DEFAULT). write: made when missing. Without write it is one snapshot, as of now, until sink_close. RC_GONE: none
 * there yet (read only). RC_PERM: no such store, or written by a newer version. RC_CORRUPT: damaged (set records/ aside and load again: `process --reload`). */
enum rc sink_open(const char *name, const struct spool *spool, bool write, struct sink **sink, struct err *err);
void sink_close(struct sink *sink); /* NULL allowed */

/* Load these files in one durable transaction: all of them or none. RC_OK: durable, results filled in. RC_NOSPACE, RC_TEMP: nothing happened. */
enum rc sink_load(struct sink *sink, struct sink_file *files, size_t count, struct err *err);

/* Reading. RC_GONE: no such row. Walks of nothing are RC_OK. */
enum rc sink_file(struct sink *sink, const char *job_id, uint32_t batch, struct sink_file_row *row, struct err *err);
enum rc sink_files(struct sink *sink, const char *job_id, sink_file_seen *fn, void *context, struct err *err); /* of one job, by batch */
enum rc sink_jobs(struct sink *sink, const char *campaign, sink_job_seen *fn, void *context, struct err *err); /* with loaded files of this campaign, by id */
enum rc sink_walk(struct sink *sink, const struct sink_pick *pick, sink_record_seen *fn, void *context, struct err *err);
enum rc sink_errors(struct sink *sink, const char *job_id, uint32_t batch, sink_error_seen *fn, void *context,
                    struct err *err); /* job_id NULL: of all jobs; batch 0: of all files; by job, batch, index */
/* The newest version of one record (key as in sink_record), or with job_id the newest that this job captured, superseded or not. RC_GONE: there is none. */
enum rc sink_find(struct sink *sink, const char *source, struct slice key, const char *job_id, sink_record_seen *fn, void *context, struct err *err);
/* What loading this one record would do to the store as it is now. */
enum rc sink_compare(struct sink *sink, const struct sink_file *file, const struct sink_record *record, enum sink_change *change, struct err *err);
/* The records that a file which was loaded, loaded again or replayed behind *at made what they are, by load and in document order; *at goes along, behind each
 * record that was told, and at the end of the walk behind all there is. Each record comes as it is now and once a walk, in a later one again when it was loaded
 * again, be it with the same text; one that went is not told. Jobs of pick: only files of these. RC_PERM: *at is of another store. */
enum rc sink_changes(struct sink *sink, struct sink_position *at, const struct sink_pick *pick, sink_record_seen *fn, void *context, struct err *err);

#endif
