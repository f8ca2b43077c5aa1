// SPDX-License-Identifier: Apache-2.0
#ifndef ENGINE_SCHEDULE_FILES_H
#define ENGINE_SCHEDULE_FILES_H

#include <cjson/cJSON.h>

#include "base/clock.h"
#include "base/limits.h"
#include "engine/schedule_file.h"
#include "spool/recurrence.h"

/* Looking at the files of schedules/, and putting them there. The daemon sees what changed by itself; nothing here asks it. In the thread that owns sources.
 * Changes are durable; names have been checked by str_is_name. */

struct schedule_names {
    char (*list)[LIMIT_NAME_BYTES + 1]; /* in order */
    size_t count, capacity;
};
enum rc schedule_files_names(const struct spool *spool, struct schedule_names *names, struct err *err); /* names is zeroed by the caller */
void schedule_files_names_release(struct schedule_names *names);

/* One schedule as it lies there. */
struct schedule_seen {
    char name[LIMIT_NAME_BYTES + 1];
    struct schedule_file file;
    struct recurrence state;
    bool off;   /* it is <name>.json.off */
    enum rc rc; /* of reading and checking it */
    struct err err;
    int64_t next_s; /* RECURRENCE_NONE: none */
};
/* RC_GONE: there is none. RC_PERM: it is not right; it is shown all the same. schedule_file_release(&seen->file) in any case. */
enum rc schedule_files_see(const struct spool *spool, struct sources *sources, const char *name, struct schedule_seen *seen);

const char *schedule_files_state(const struct schedule_seen *seen);               /* "on", "off", "ended", "wrong" */
const char *schedule_files_status(const struct spool *spool, const char *job_id); /* of its last job; "" none */
const char *schedule_files_utc(char out[CLOCK_RFC3339_SIZE], int64_t at_s);
/* "2026-11-24T06:00:00-05:00": what the clock shows there. */
const char *schedule_files_local(char out[CLOCK_RFC3339_SIZE + 8], const char *zone, int64_t at_s);
/* What `schedules list --json` prints; the caller frees. */
cJSON *schedule_files_json(const struct spool *spool, const struct schedule_seen *seen);

/* Check a text and put it there as a new one. shown is what errors name; *file is what was checked (RC_PERM with errno 0: file->fault says which member),
 * schedule_file_release in any case. RC_PERM with EEXIST: there is one of that name, switched off perhaps. */
enum rc schedule_files_add(const struct spool *spool, struct sources *sources, const char *name, const char *shown, const char *text, size_t length,
                           struct schedule_file *file, struct err *err);
/* The same in the place of one that is there; one that is switched off stays so. RC_GONE: there is none. The file is then the caller's. */
enum rc schedule_files_replace(const struct spool *spool, struct sources *sources, const char *name, const char *shown, const char *text, size_t length,
                               struct schedule_file *file, struct err *err);
/* Off: mv x.json x.json.off; on: back, and where the file itself says that it is not enabled, in there. RC_GONE: there is none. */
enum rc schedule_files_enable(const struct spool *spool, struct sources *sources, const char *name, bool on, struct err *err);
enum rc schedule_files_remove(const struct spool *spool, const char *name, struct err *err);
/* Drop its job now, beside its due times. created_by: NULL: what its job says. RC_PERM with errno 0: it is not right. */
enum rc schedule_files_run(const struct spool *spool, const struct schedule_seen *seen, const char *created_by, char id[JOBID_SIZE], struct err *err);

#endif
