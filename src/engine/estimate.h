// SPDX-License-Identifier: Apache-2.0
#ifndef ENGINE_ESTIMATE_H
#define ENGINE_ESTIMATE_H

#include <cjson/cJSON.h>

#include "engine/limits_look.h"
#include "engine/reuse.h"
#include "source/criteria.h"
#include "store/history.h"

/* What a job will take: requests, records, money, time. From the source's own history (store/history.h), the limits of its definition, and what waits before
 * it. */

struct estimate_pace {     /* a history in short */
    unsigned pages;        /* it is made from; 0: nothing is known */
    double page_s;         /* from request to answer, in the middle */
    double pages_per_s;    /* as achieved by running jobs, with requests in flight together; 0: not known */
    uint64_t most_records; /* of a page */
    struct dec price;      /* of a record */
    bool priced;
};
void estimate_pace(const struct history *history, struct estimate_pace *pace);

struct estimate_queue { /* jobs of the source that run, or come before it */
    uint64_t jobs, requests;
    uint64_t unknown; /* of them those whose requests nobody knows */
    bool cut;         /* there are more, which were not looked at */
};

struct estimate_input {
    const struct source *source;
    uint64_t page_size; /* the job's batch_size; 0: the source has none */
    uint64_t records;   /* or JOB_UNKNOWN */
    struct estimate_pace pace;
    struct estimate_queue queue;
    bool by_units; /* the units are no pages: records is how many */
    struct {
        uint64_t cached;   /* of them those that take an earlier unit's answer */
        unsigned requests; /* of each of the others */
        unsigned width;    /* of the job's own, that go together; 0: as many as the source takes */
    } unit;
    const struct limits_window *windows; /* of the source, as far as they are used */
    unsigned window_count;
    unsigned jobs_at_once;  /* of the daemon */
    struct dec spent_today; /* by the source, in doubt included */
    int64_t now_us;
};

struct estimate {
    struct job_guess guess; /* ms: until it is done, from now on */
    uint64_t queue_ms;      /* of that before its own first page; JOB_UNKNOWN when ms is */
    uint64_t days;          /* on which it buys, when the source has a daily cap and the cost is known, or asks, when a day's quota does not do; else 0 */
    char records_from[JOBID_SIZE + 8]; /* "preview", "job ID", "units"; of a bound that the job sets itself "take", "max_records"; "" not known */
};

/* The one function that estimates; pure. What is not known stays JOB_UNKNOWN. */
void estimate_make(const struct estimate_input *input, struct estimate *estimate);

/* What the index says of a source, for jobs of this priority that come after `job_id` ("": after all there are). At most ESTIMATE_QUEUE jobs are looked at. */
#define ESTIMATE_QUEUE 256u
struct estimate_source {
    struct estimate_pace pace;
    struct estimate_queue queue;
    struct dec spent_today;
    struct limits_window windows[SOURCE_MAX_WINDOWS];
    unsigned window_count;
    int64_t at_us; /* when it was read */
};
void estimate_look(struct index *index, const struct source *source, enum priority priority, const char *job_id, int64_t now_us, struct estimate_source *out);

/* Of one job: its records by total (of its preview; JOB_UNKNOWN: none), or an earlier job or preview of the same search, or its own bounds. */
void estimate_job(struct index *index, const struct source *source, const struct criteria *criteria, uint64_t total, const char *job_id,
                  const struct estimate_source *look, unsigned jobs_at_once, struct estimate *estimate);

/* Members requests, records, records_from, cost, currency, seconds, queue_seconds, days, basis: those that are known, or all of them with nulls. */
void estimate_add(const struct estimate *estimate, const struct source *source, bool nulls, cJSON *json);

#endif
