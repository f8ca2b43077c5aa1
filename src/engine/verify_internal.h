// SPDX-License-Identifier: Apache-2.0
#ifndef ENGINE_VERIFY_INTERNAL_H
#define ENGINE_VERIFY_INTERNAL_H

#include "engine/verify.h"
#include "spool/payload.h"

/* What one check looks at; it can be looked at again by itself. */
enum verify_subject {
    SUBJECT_JOB,
    SUBJECT_MARKER,
    SUBJECT_RAW,
    SUBJECT_SUMS,
    SUBJECT_ENTRY,
    SUBJECT_ROW,
    SUBJECT_PAUSE,
    SUBJECT_SCHEDULE,
    SUBJECT_ARCHIVE,
    SUBJECT_DOCUMENT
};

struct verify_finding {
    enum verify_subject subject;
    int where;  /* SUBJECT_MARKER: shelf; SUBJECT_ENTRY: place */
    char *name; /* job id, marker, path below payloads/raw, month, file name; owned */
    const char *kind;
    char *path, *detail; /* owned */
};

struct verify_findings {
    struct verify_finding *list;
    size_t count, capacity;
};

/* A payload that a journal names, be it captured or only answered. */
struct verify_known {
    char *path; /* below payloads/raw; owned */
    char sha256[DIGEST_HEX_SIZE];
    char job_id[JOBID_SIZE];
    uint32_t batch;
    bool captured;
};

/* A document that a job names. */
struct verify_document {
    char sha256[DIGEST_HEX_SIZE];
    char job_id[JOBID_SIZE];
    uint64_t bytes; /* as the job says; 0: it does not */
};

struct verify_documents {
    struct verify_document *list;
    size_t count, capacity;
};

struct verify_ids {
    char (*list)[JOBID_SIZE]; /* sorted */
    size_t count, capacity;
};

struct verify {
    const struct spool *spool;
    struct index *index;
    const struct verify_options *options;
    struct verify_counts *counts; /* NULL at the second look */
    struct verify_ids ids;        /* of journals */
    struct verify_known *known;   /* sorted by path once the jobs were read */
    size_t known_count, known_capacity;
    struct verify_documents documents; /* the same */
    struct verify_findings findings;
    char *bytes;                 /* to read with */
    enum verify_subject subject; /* being looked at */
    int where;
    const char *name;
};

#define VERIFY_READ_BYTES ((size_t)256 * 1024)

/* Record a difference of the subject that is being looked at. */
enum rc verify_add(struct verify *v, struct err *err, const char *kind, const char *path, const char *format, ...) __attribute__((format(printf, 5, 6)));

/* learn: the payloads that the journal names are added to v->known. */
enum rc verify_job(struct verify *v, const char *job_id, bool learn, struct err *err);
enum rc verify_row(struct verify *v, const char *job_id, struct err *err);
enum rc verify_entry(struct verify *v, enum place place, const char *name, struct err *err);
enum rc verify_pause(struct verify *v, const char *name, struct err *err);
enum rc verify_marker(struct verify *v, enum shelf shelf, const char *name, struct err *err);
enum rc verify_raw(struct verify *v, const char *path, struct err *err);
enum rc verify_sums(struct verify *v, const char *month, struct err *err);
enum rc verify_archive(struct verify *v, const char *list, struct err *err);
enum rc verify_schedule(struct verify *v, const char *state, struct err *err);

/* path: below the spool, of an entry of documents/, or of its directories. */
enum rc verify_document(struct verify *v, const char *path, struct err *err);
/* The documents of a job by its text, in place of those in the list. */
enum rc verify_documents_of(const char *job_id, const char *text, struct verify_documents *documents, struct err *err);
/* They are stored; learn: they are added to v->documents. */
enum rc verify_named(struct verify *v, const struct verify_documents *documents, bool learn, struct err *err);
void verify_documents_sort(struct verify_documents *documents);

const struct verify_known *verify_find_known(const struct verify *v, const char *path); /* NULL: none */

#endif
