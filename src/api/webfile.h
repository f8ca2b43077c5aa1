// SPDX-License-Identifier: Apache-2.0
#ifndef API_WEBFILE_H
#define API_WEBFILE_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <sys/stat.h>

#include "spool/layout.h"

/*
 * The small JSON documents of web/ ({"version": 1, ...}), which the web program and `batchspool user` read and change beside each other. Each is replaced as
 * a whole and durably, so a reader sees the old one or the new one and needs no lock; who changes holds web/.lock from its reading to its writing.
 * webfile_read and webfile_fresh: from every thread (a few system calls on a small file: on the loop, too). The others wait for the disk: on a lane, or in
 * a program.
 */

#define WEBFILE_BYTES (1u << 20) /* of one document */
#define WEBFILE_MODE 0660
#define WEBFILE_MEMBERS 1000u /* of an object in it, as json_rules_config has it */

/* Wait for web/.lock; close(*fd) gives it back. */
enum rc webfile_lock(const struct spool *spool, int *fd, struct err *err);

/* Which file it was that somebody read; {0}: none. */
struct webfile_stamp {
    ino_t inode;
    off_t size;
    struct timespec mtime;
};
/* Whether the document is still that one (that there still is none). */
bool webfile_fresh(const struct spool *spool, const char *name, const struct webfile_stamp *stamp);

/* *root is the caller's. There is none yet: RC_OK, {"version": 1}. RC_CORRUPT: it is no such document, or of another version. stamp may be NULL. */
enum rc webfile_read(const struct spool *spool, const char *name, cJSON **root, struct webfile_stamp *stamp, struct err *err);

/* Replace it, durably; for who holds the lock. */
enum rc webfile_write(const struct spool *spool, const char *name, const cJSON *root, struct err *err);

/* Read, edit and write, with the lock held. What edit returns other than RC_OK is returned, and nothing is written. */
typedef enum rc webfile_edit(void *context, cJSON *root, struct err *err);
enum rc webfile_change(const struct spool *spool, const char *name, webfile_edit *edit, void *context, struct err *err);

/* The object that a member is, made when it is missing. NULL: it is something else, or there is no memory. */
cJSON *webfile_object(cJSON *root, const char *name);
/* Replace or add a member. RC_TEMP: no memory. */
enum rc webfile_set(cJSON *object, const char *name, cJSON *value, struct err *err);
enum rc webfile_set_text(cJSON *object, const char *name, const char *text, struct err *err);
enum rc webfile_set_time(cJSON *object, const char *name, int64_t wall_us, struct err *err); /* 0: null */
/* Text of a member into out; false when it is missing, no text, or too long. */
bool webfile_text(const cJSON *object, const char *name, char *out, size_t size);
/* A time (RFC 3339), 0 when it is null or missing; false when it is something else. */
bool webfile_time(const cJSON *object, const char *name, int64_t *wall_us);

#endif
