// SPDX-License-Identifier: Apache-2.0
#ifndef SPOOL_PAUSE_H
#define SPOOL_PAUSE_H

#include <cjson/cJSON.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "base/buf.h"
#include "spool/layout.h"

/*
 * paused/: what persons stopped or changed while the daemon runs, a small file each, so that `ls` shows it and it outlives every restart.
 *   queue            nothing new is begun
 *   source.<name>    nothing new is begun with this source
 *   rate.<name>      other limits hold for this source (source/steer.h reads it)
 * The file being there is the pause: touch pauses, rm resumes, mv does both. What it holds is for people: nothing, a line that says why, or
 *   {"by": "ops", "since": "2026-11-23T17:05:01Z", "until": "2026-11-24T06:00:00Z", "reason": "invoice under dispute", "job": "..."}
 * of which the daemon heeds `until` (RFC 3339): then it removes the file. Names that begin with a dot are left alone.
 */

#define PAUSE_QUEUE "queue"
#define PAUSE_SOURCE "source."
#define PAUSE_RATE "rate."
#define PAUSE_NAME_SIZE 80
#define PAUSE_FILE_BYTES 65536u

struct pause {
    uid_t owner;                /* of the file: who can be known to have paused it */
    char by[65];                /* as the file says, else the owner's name */
    char reason[200];           /* "" none is told */
    int64_t since_us, until_us; /* since: else the file's time; until_us 0: until somebody resumes it */
    char wrong[300];            /* what is wrong with the file, which pauses all the same; "" nothing */
};

/* The name of a file: prefix PAUSE_SOURCE or PAUSE_RATE. False: source is no name of one. */
bool pause_name(const char *prefix, const char *source, char out[PAUSE_NAME_SIZE]);
/* Whether a name is one of the three, and of which source ("" for the queue). */
bool pause_known(const char *name, const char **source);

/* RC_GONE: no such file, nothing is paused. RC_PERM: it is something else than a file; what it says cannot be read, so it pauses (wrong says so). */
enum rc pause_read(const struct spool *spool, const char *name, struct pause *pause, struct err *err);
/* The same of bytes that were read from a file with this stat. */
void pause_parse(const char *text, size_t length, const struct stat *st, struct pause *pause);

/* Whether a source (NULL: the queue alone), or the queue, is paused now; of both the queue is told. Its name in *name (may be NULL). What cannot be read is
 * paused. For programs that look: the daemon has its own memory of it. */
bool pause_holds(const struct spool *spool, const char *source, struct pause *pause, const char **name);
/* "by ops since 2026-11-23T17:05:01Z until 2026-11-24T06:00:00Z: invoice under dispute" */
void pause_text(const struct pause *pause, char *out, size_t size);

/* Make or replace the file, durably. members is borrowed; `by` and `since` are put in where they are missing. */
enum rc pause_write(const struct spool *spool, const char *name, const cJSON *members, struct err *err);
/* Remove it, durably. RC_GONE: there is none. */
enum rc pause_remove(const struct spool *spool, const char *name, struct err *err);

/* Each name but those with a dot, in the order of the directory, at most 4096 of them; pause_known tells which mean something. fn returns false to stop. */
enum rc pause_each(const struct spool *spool, bool (*fn)(void *context, const char *name), void *context, struct err *err);

/* The name of a user, "uid 1000" when there is none. */
void pause_user(uid_t uid, char out[65]);

#endif
