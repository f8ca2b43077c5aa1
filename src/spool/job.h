// SPDX-License-Identifier: Apache-2.0
#ifndef SPOOL_JOB_H
#define SPOOL_JOB_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/dec.h"
#include "base/digest.h"
#include "spool/jobid.h"
#include "spool/journal.h"
#include "spool/layout.h"

/* What the journal says of a job and of its files, folded event by event: the one place that knows what events mean. Index, command line, verify and recovery
 * use it alike. */

enum priority { PRIORITY_LOW, PRIORITY_NORMAL, PRIORITY_HIGH, PRIORITY_URGENT };
const char *priority_name(enum priority priority);
bool priority_parse(const char *name, enum priority *priority);

enum file_status { FILE_PENDING, FILE_PROCESSING, FILE_COMPLETED, FILE_FAILED };
const char *file_status_name(enum file_status status);

#define JOB_UNKNOWN UINT64_MAX /* a count that is not known yet */

struct job_guess { /* what a job may take; JOB_UNKNOWN where nobody knows */
    uint64_t requests, records, ms;
    struct dec cost;
    bool priced;    /* cost is known */
    char basis[80]; /* how the time was got; "" when ms is not known */
};

struct job_row { /* DESIGN 7 batch_jobs, and what dispatch and following need */
    char id[JOBID_SIZE];
    enum place place; /* where the journal says the file lies */
    char mode[16];    /* run, preview, probe, results, cleanup, source */
    char reason[48];  /* why it is there: "max_records", "charge_unknown", "coverage" ...; "" when there is nothing to say */
    char error_details[600];
    char source[65], campaign[65], name[129], created_by[65];
    enum priority priority;
    bool automatic; /* process: auto */
    bool metered;
    bool accepted;      /* false: only rejected so far */
    bool requested;     /* a page was ever requested */
    bool override_wait; /* moved to pending/ (or given a new time in deferred/) by a person: not_before does not count any more, until the job is accepted
                           afresh */
    int64_t created_us, updated_us, completed_us, until_us; /* 0: none; until_us of deferred */
    int64_t placed_us;                                      /* ts of the event that put it where it is */
    int64_t until_mtime_us;                                 /* the mtime that a file in deferred/ has when nobody touched it */
    int64_t not_before_us;
    uint64_t total_records;              /* min(the total the source named last, take), or JOB_UNKNOWN */
    uint64_t take;                       /* or JOB_UNKNOWN */
    uint64_t processed_records;          /* captured */
    uint64_t success_count, error_count; /* loaded; records that could not be, and failed_units */
    uint64_t failed_units;               /* pages or units that failed for good (`failed` with batch) and were not captured since */
    uint64_t captured_batches, loaded_batches, failed_batches,
        unknown_batches;                                         /* failed: payloads that could not be loaded; unknown: CHARGE_UNKNOWN and undecided */
    uint64_t unique_records, duplicate_records, missing_records; /* of `completed` / `failed` coverage, else JOB_UNKNOWN */
    struct dec cost;                                             /* spent: captured pages, and unknown ones once decided */
    struct dec cost_in_doubt;                                    /* undecided CHARGE_UNKNOWN at their highest price */
    char currency[9];
    char criteria_hash[DIGEST_HEX_SIZE];
    char text_sha256[DIGEST_HEX_SIZE];    /* of the text in the last `accepted` */
    char reuses[JOBID_SIZE];              /* on_duplicate: reuse: the job whose payloads it points at */
    uint64_t journal_offset, journal_seq; /* how far the journal was folded in */
    char journal_hash[DIGEST_HEX_SIZE];
    uint64_t owned_records; /* of a delta purchase: not bought; in processed_records and success_count */
    uint64_t open_batches;  /* paid requests of which nothing was heard since: in flight, or lost by a crash and not told of yet */
    struct dec cost_open;   /* their highest price */
    /* Of the run that goes on, or of the last one (job_progress). A run begins with its first `requested`: again after `claimed`, and after a silence that no
     * waiting in processing/ explains (no daemon ran). */
    int64_t started_us, progress_us;           /* its first `requested`, its last `captured`; 0: none yet */
    uint64_t started_records, started_batches; /* captured before it began */
    /* When the run had 1, 2, 4, 8 ... pages: the last such moment and the one before; what came by then. */
    int64_t mark_us, earlier_us;
    uint64_t mark_records, mark_batches, earlier_records, earlier_batches;
    int64_t quiet_until_us;           /* a program that was started may say nothing until then; 0: none was */
    int64_t requested_us, outcome_us; /* the last `requested`; the last event that tells how a request, or a load, went */
    int64_t retry_us;                 /* `until` of a page that waits to be tried again; 0: none did since `claimed` */
    char retry_reason[48];
    uint64_t same_batches;     /* captured pages whose bytes an earlier payload of the source has */
    uint64_t repeats;          /* of them those that repeat another page of this job */
    struct job_guess guess;    /* made when it was accepted */
    int64_t archived_us;       /* its file was removed, with place still where it was (retention); 0: it was not */
    uint64_t archived_batches; /* payloads that are in archive/, or were removed without */
    struct job_memory *memory; /* of who folds (job_row_read, the index) and NULL in every row that they hand out */
};

/*
 * What a fold must remember beside the row, because a line can name only a batch whose amounts an earlier line told: `released --batch N` decides a cost that
 * only its `charge_unknown` had; a second `loaded` of a payload replaces the first. job_row_read keeps it in memory, the index in its own tables.
 */
struct job_unknown { /* an undecided CHARGE_UNKNOWN, or a paid request that is open */
    uint32_t batch;
    int64_t ts_us; /* of `charge_unknown`: the day that the money belongs to; of `requested` */
    struct dec cost;
    bool open;
};
struct job_batch { /* what was known of the line's batch before the line */
    bool captured, failed_unit;
    enum file_status status; /* when captured */
    bool archived;
    uint64_t success_count, error_count; /* of its last `loaded` */
};
/* Money moved: to be added to what was spent, was in doubt, and is open, on the day of ts_us (a decided charge moves from doubt to spent; what was open belongs
 * to the day of its outcome then). */
struct job_money {
    struct dec spent, in_doubt, open;
};
typedef void job_money_moved(void *context, int64_t ts_us, const struct job_money *moved);
struct job_memory {
    struct job_unknown *unknown; /* malloc'ed, ordered by batch */
    size_t unknown_count, unknown_capacity;
    struct job_batch batch; /* set by who folds, before each line that has a `batch` */
    job_money_moved *money; /* may be NULL */
    void *context;
};
void job_memory_release(struct job_memory *memory);

void job_row_init(struct job_row *row, const char *id);
/* The batch that a line is about; 0: none. */
uint32_t job_line_batch(const struct journal_line *line);
/* `captured`, `archived` or `restored` of a step before the last of its unit: a payload that is kept, and not loaded. */
bool job_line_inner(const struct journal_line *line);
/*
 * Fold one line in. Lines must come in order, each once. Unknown events are counted as seen (a newer writer). row->memory must be set when a line has a batch.
 * A second `captured` of a batch changes nothing (the first is final). RC_TEMP: out of memory, nothing was folded.
 */
enum rc job_row_apply(struct job_row *row, const struct journal_line *line);

struct file_row { /* DESIGN 7 batch_file_status: one captured payload */
    char job_id[JOBID_SIZE];
    uint32_t batch;      /* from 1 */
    char file_path[256]; /* below the spool: payloads/raw/2026-11/... */
    char sha256[DIGEST_HEX_SIZE];
    char campaign[65];
    enum file_status status;
    uint64_t bytes, records;
    int64_t created_us, processed_us, captured_us; /* captured_us: ts of its first `answered` (orders versions of a record) */
    char error_details[300];
    uint64_t properties_count, success_count, error_count, processing_time_ms;
    char same_as[256];   /* the payload that had these bytes before, below the spool; "" none */
    int64_t archived_us; /* its raw payload and marker are gone (retention), or are about to; 0: they are there */
    char item[300];      /* of a unit: which it is, for people; "" none */
    char archive[64];    /* where it is then, below the spool; "" nowhere */
};
/* Fold one line in; true when it was about this file. Start from a zeroed row with job_id set and batch of the event (`captured` makes it; it has a file_path
 * from then on). */
bool file_row_apply(struct file_row *row, const struct job_row *job, const struct journal_line *line);
/* file_id of DESIGN 7: "<job id>_batch0001". */
void file_id_format(const char *job_id, uint32_t batch, char *out, size_t size);

/* The rows as DESIGN 7 names them (API, --json): the caller frees. Counts that are not known are null; money is text; times RFC 3339. `criteria` is not in the
 * row: who shows it reads it from job_text_read. */
cJSON *job_row_json(const struct job_row *row);
cJSON *file_row_json(const struct file_row *row);

/* How a job gets on, from its row and the time: what every program shows. */
struct job_progress {
    double rate_per_s; /* records a second of the run that goes on, or of the last one; < 0: not known yet */
    int64_t eta_us;    /* when all records that are expected will have come; 0: not known, or nothing goes on */
};
struct job_progress job_progress(const struct job_row *row, int64_t now_us);
/* rate_per_s, eta, eta_s, waiting_until and waiting_for into what job_row_json made. */
void job_progress_json(const struct job_row *row, const struct job_progress *progress, int64_t now_us, cJSON *json);
/* A job in processing/ that has nothing in flight and waits for a page's back-off: until when, and the reason; 0: it does not. */
int64_t job_waits_until(const struct job_row *row, int64_t now_us, const char **reason);
/* When something was heard of it last: it came to its place, asked, or was answered. */
int64_t job_heard_us(const struct job_row *row);

/* When the address of a source is wrong: what to do. */
#define JOB_WRONG_ADDRESS                                                                                                                                      \
    "correct it (source_settings of the configuration, or the definition), then `batchspool reload`, or send the daemon SIGHUP: jobs that wait are tried at "  \
    "once with the new one, a job that runs keeps the old"
/* The text of `<id>.why` for a job in hold/, failed/ or deferred/: what, since when, how to go on. */
void job_why_format(const struct job_row *row, char *out, size_t size);

/* Read the whole journal of one job. on_line may be NULL. RC_GONE: none, or an empty one. RC_CORRUPT: a line is damaged (row holds what came before it; err
 * says where). */
typedef void job_line_seen(void *context, const struct job_row *row, const struct journal_line *line);
enum rc job_row_read(const struct spool *spool, const char *id, struct job_row *row, job_line_seen *on_line, void *context, struct err *err);

/* The same for who wants to hear of more; each may be NULL. With `damage` a damaged line is told, folded in as far as it is an event, and does not end the
 * reading: RC_OK then means that the end was reached. */
struct job_listener {
    job_line_seen *line;
    job_money_moved *money;
    void (*damage)(void *context, const struct err *err);
    void *context;
};
enum rc job_row_listen(const struct spool *spool, const char *id, struct job_row *row, const struct job_listener *listener, struct err *err);

/* The job text of the last `accepted` line (owned by the caller, free()). RC_GONE: never accepted. RC_CORRUPT: it is not what its sha256 says. */
enum rc job_text_read(const struct spool *spool, const char *id, char **text, size_t *length, struct err *err);

#endif
