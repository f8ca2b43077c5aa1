// SPDX-License-Identifier: Apache-2.0
#ifndef SOURCE_SCHEDULE_H
#define SOURCE_SCHEDULE_H

#include "base/buf.h"
#include "base/cron.h"
#include "base/str.h"
#include "base/zone.h"

/* A recurring job: spool/schedules/<name>.json, checked, and when it is due. Times are seconds since the epoch. The thread of base/zone.h. */

#define SCHEDULE_TIMES_SIZE 400
#define SCHEDULE_NEVER INT64_MAX

struct schedule {
    char label[129]; /* its `name`, or "" */
    char zone[ZONE_NAME_SIZE];
    char when[260]; /* the text of `cron` or `every` */
    struct cron cron;
    int64_t every_s;                 /* 0: cron */
    int64_t start_s, until_s;        /* nothing is due before and after; start_s is where `every` counts from. INT64_MIN and SCHEDULE_NEVER: none given */
    bool enabled, once;              /* once: one run for all that were missed; else they are left out */
    char times[SCHEDULE_TIMES_SIZE]; /* what decides when it is due, in one line: another text is another schedule */
};

/* Check all but the job's own members. file is named in errors, with line and column. job: the text of the job, borrowed from text. RC_PERM: err says what is
 * wrong. */
enum rc schedule_parse(const char *file, const char *text, size_t length, struct schedule *schedule, struct slice *job, struct err *err);

/* The same; *fault (may be NULL; zeroed by the caller) is what RC_PERM was about, where that is a member. */
struct check_fault;
enum rc schedule_parse_at(const char *file, const char *text, size_t length, struct schedule *schedule, struct slice *job, struct check_fault *fault,
                          struct err *err);

/* The first due time after after_s. False: none any more. */
bool schedule_next(const struct schedule *schedule, int64_t after_s, int64_t *due_s);

#define SCHEDULE_PASSED_MOST 100u
struct schedule_passed {
    int64_t first_s, last_s;
    unsigned count; /* SCHEDULE_PASSED_MOST: that many, or more */
};
/* The due times after after_s and up to now_s. False: none. */
bool schedule_passed(const struct schedule *schedule, int64_t after_s, int64_t now_s, struct schedule_passed *passed);

/* The text of a job file: the members of job as they are written, `on_duplicate` "run" where it says nothing, and created_by (NULL: what job says). RC_PERM:
 * out is full. */
enum rc schedule_job(struct slice job, const char *created_by, struct buf *out);

/* text with the root's member `enabled` set; all else stays as it is written. text is a schedule's that was checked. RC_PERM: out is full. */
enum rc schedule_enable(struct slice text, bool enabled, struct buf *out);

#endif
