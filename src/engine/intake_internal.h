// SPDX-License-Identifier: Apache-2.0
#ifndef ENGINE_INTAKE_INTERNAL_H
#define ENGINE_INTAKE_INTERNAL_H

#include "engine/engine_internal.h"

#include <limits.h>

/* What intake.c (the queue of dropped files, and taking them in) and intake_check.c (what a file says) share. */

struct intake {
    struct heap_node node;
    struct work work;
    struct intake *next_accepting, *next_of_name;
    struct engine *engine;
    char name[NAME_MAX + 1], id[JOBID_SIZE]; /* id: as it was handed to the lane */
    enum priority priority;
    uint64_t order;
    struct stat st;
    struct buf text;
    struct criteria *criteria; /* NULL: not acceptable */
    char source[65], hash[DIGEST_HEX_SIZE];
    char reason[48], duplicate_of[JOBID_SIZE];
    bool refused;
    int64_t cache_ttl_ms; /* of its source */
    bool cached;          /* duplicate_of completed within the source's cache_ttl */
    bool again;           /* an edited text of an accepted job */
    bool same_search;     /* of which it asks the same, or which has asked already: no new duplicate */
    cJSON *members;
    char *why;
    struct drop drop;
};

/* intake_check.c, on the loop */

/* The file as it was read (or how it could not be, RC_CORRUPT): criteria, and the members of `accepted`; or it is refused. */
void intake_check(struct intake *in, enum rc read_rc, const struct err *read_err);
/* It is not acceptable: its drop puts it into failed/ as `rejected`, but for the edited file of an accepted job, which the caller moves. */
void intake_refuse(struct intake *in, const char *reason, const char *error);
/* A live or completed job with the same criteria, or one that is being accepted now. */
bool intake_duplicate(const struct intake *in, char other[JOBID_SIZE]);
/* A job that completed within the source's cache_ttl answers this one, unless it is for a later time. */
bool intake_cached(const struct intake *in, char other[JOBID_SIZE]);
/* Its payloads are those of duplicate_of: nothing will be asked for. */
bool intake_complete_at_once(const struct intake *in);
/* After its first request a job may differ only in what does not change what is bought. Not RC_OK: err says how it differs, or why that is not known. */
enum rc intake_may_go_on(const struct intake *in, const struct job_row *row, struct err *err);
/* Who made it: whom its text names, when that is believed, else the owner of its file. */
void intake_created_by(const struct intake *in, const struct criteria *criteria, char *out, size_t size);

#endif
