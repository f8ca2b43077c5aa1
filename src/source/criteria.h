// SPDX-License-Identifier: Apache-2.0
#ifndef SOURCE_CRITERIA_H
#define SOURCE_CRITERIA_H

#include <cjson/cJSON.h>

#include "base/digest.h"
#include "source/check.h"
#include "source/errand.h"
#include "source/source.h"
#include "source/steer.h"
#include "source/suggest.h"
#include "spool/job.h"

/* A job (criteria) file (DESIGN 4), checked. */

enum on_duplicate { ON_DUPLICATE_REJECT, ON_DUPLICATE_REUSE, ON_DUPLICATE_RUN };

struct criteria {
    cJSON *json;   /* the whole object, owned; with the source's job_members defaults put in */
    char mode[16]; /* "run" by default */
    char source[65], name[129] /* else the group of all of its documents; or "" */, campaign_id[65] /* "" when the file gives none: the slug */, created_by[65];
    enum priority priority;
    int64_t not_before_us;                  /* 0: none */
    uint64_t max_records, take, batch_size; /* JOB_UNKNOWN, JOB_UNKNOWN, the source's limit by default */
    uint64_t unit_count;                    /* of a source whose units are no pages, within take; else 0 */
    struct dec max_cost;
    bool has_max_cost;
    bool automatic;
    enum on_duplicate on_duplicate;
    int64_t duplicate_window_ms;
    int64_t refresh_older_than_ms; /* owned records that are older are bought again; of a source that lists ids for free */
    struct steer *steer;           /* of mode source, owned; else NULL */
    struct suggest *suggest;       /* of mode probe that asks for suggestions, owned; else NULL */
    struct errand *errand;         /* of modes results and cleanup, owned; else NULL. What it asks for is all there is: no search, no pages */
    bool cache;                    /* a completed job may answer it, where the source has a cache_ttl: unless it says "cache": false or "on_duplicate": "run" */
    char hash[DIGEST_HEX_SIZE];    /* SHA-256 of the canonical {criteria and the source's job_members} with the source's name */
};

/* The member `source` (and `mode`) of a job text that passed json_check, so that the caller can find the definition. RC_PERM with err when it is not an object
 * or has no such name; modes results and cleanup need none ("" then). file is what errors name. Also runs json_check(json_rules_config): call this first. */
enum rc criteria_source(const char *file, const char *text, size_t length, char source[65], char mode[16], struct err *err);
/* Check all members against DESIGN 4 and the source (borrowed; NULL for modes results and cleanup, which ask for no pages of it). Errors name the member, what
 * is allowed, and the nearest known name. */
enum rc criteria_parse(const char *file, const char *text, size_t length, const struct source *source, struct criteria **criteria, struct err *err);
/* The same; *fault (may be NULL; zeroed by the caller) is what RC_PERM was about, where that is a member. */
enum rc criteria_source_at(const char *file, const char *text, size_t length, char source[65], char mode[16], struct check_fault *fault, struct err *err);
enum rc criteria_parse_at(const char *file, const char *text, size_t length, const struct source *source, struct criteria **criteria, struct check_fault *fault,
                          struct err *err);
void criteria_free(struct criteria *criteria);

/* Whether an edited text may go on as the same job after its first request: only priority, not_before, max_*, process and notify may differ (DESIGN 3 Accept).
 * RC_PERM with err naming the member. */
enum rc criteria_may_differ(const struct criteria *before, const struct criteria *after, struct err *err);

#endif
