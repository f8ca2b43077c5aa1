// SPDX-License-Identifier: Apache-2.0
#ifndef ENGINE_SCHEDULE_FILE_H
#define ENGINE_SCHEDULE_FILE_H

#include <sys/stat.h>

#include "engine/sources.h"
#include "source/check.h"
#include "source/schedule.h"
#include "spool/layout.h"

/* A file of schedules/, read and checked with its job and the definition of the job's source; for the daemon and the command line. */

struct schedule_file {
    struct stat st;
    struct buf text;
    struct schedule schedule;
    struct slice job;         /* borrowed from text */
    struct check_fault fault; /* of a text that is not right: the member, where it is one */
};

/* Check a text. file is what errors name, with line and column in that text. RC_PERM: it is not right, or its source is not. file->text is set by the caller.
 */
enum rc schedule_file_check(struct sources *sources, const char *shown, struct schedule_file *file, struct err *err);
/* schedules/<name>.json. closed: an event told that its writer is done; else a writer gives RC_AGAIN. RC_GONE: there is none. RC_PERM: it is not right, or no
 * regular file, or cannot be read by us, or has a name that none may have (str_is_name). Call schedule_file_release in any case; file->st is filled unless
 * there is none. */
enum rc schedule_file_read(const struct spool *spool, struct sources *sources, const char *name, bool closed, struct schedule_file *file, struct err *err);
void schedule_file_release(struct schedule_file *file);

#endif
