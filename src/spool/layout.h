// SPDX-License-Identifier: Apache-2.0
#ifndef SPOOL_LAYOUT_H
#define SPOOL_LAYOUT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

/* What the directories of a spool are (DESIGN 2, 3): one table row a directory. */

enum place { /* of a job file: jobs/<name>/ */
             PLACE_NONE,
             PLACE_PENDING,
             PLACE_PROCESSING,
             PLACE_PROCESSED,
             PLACE_DEFERRED,
             PLACE_HOLD,
             PLACE_FAILED,
             PLACE_CANCELLED,
             PLACE_COUNT
};

enum shelf { /* of a payload marker: payloads/<name>/ */
             SHELF_NONE,
             SHELF_PENDING,
             SHELF_READY,
             SHELF_PROCESSING,
             SHELF_PROCESSED,
             SHELF_FAILED,
             SHELF_COUNT
};

enum notice_state { /* of a notice: notices/<name>/ */
                    NOTICE_NONE,
                    NOTICE_PENDING,
                    NOTICE_PROCESSING,
                    NOTICE_PROCESSED,
                    NOTICE_DEFERRED,
                    NOTICE_FAILED,
                    NOTICE_STATE_COUNT
};

const char *place_name(enum place place);     /* "pending" ...; "none" */
const char *place_status(enum place place);   /* DESIGN 7: PENDING, PROCESSING, COMPLETED, DEFERRED, HELD, FAILED, CANCELLED */
enum place place_from_name(const char *name); /* PLACE_NONE when it is none */
const char *shelf_name(enum shelf shelf);
enum shelf shelf_from_name(const char *name);
const char *notice_state_name(enum notice_state state);

struct spool {
    char root[4096]; /* absolute */
    int root_fd;
    int jobs_tmp_fd;           /* jobs/tmp */
    int place_fd[PLACE_COUNT]; /* jobs/<place>; PLACE_NONE is -1; processing is this node's own when there are nodes */
    int journal_fd;            /* journal/ */
    int payloads_fd;           /* payloads/ */
    int payloads_tmp_fd;       /* payloads/tmp */
    int raw_fd;                /* payloads/raw */
    int shelf_fd[SHELF_COUNT]; /* payloads/<shelf> */
    int results_fd;            /* results/ */
    int bookmarks_fd;          /* bookmarks/ */
    int paused_fd;             /* paused/ */
    int schedules_fd;          /* schedules/ */
    int web_fd;                /* web/: what the web program keeps for itself */
    int archive_fd;            /* archive/ */
    char node[65];             /* the `node` of events; the host's name by default */

    int notices_tmp_fd;                /* notices/tmp */
    int notice_fd[NOTICE_STATE_COUNT]; /* notices/<state>; NOTICE_NONE is -1 */
};

/* Make or repair the tree with the owners and modes of DESIGN 2 (umask plays no part). Idempotent. RC_PERM: something of another kind is in the way. */
enum rc spool_init(const char *root, struct err *err);
/* Open an existing tree. RC_GONE: no spool there (err: run `batchspool init`). RC_PERM: world-accessible, or a directory missing or of another kind (err says
 * how to mend). node may be NULL. */
enum rc spool_open(const char *root, const char *node, struct spool **spool, struct err *err);
void spool_close(struct spool *spool);

/* SPOOL_LOCK is the daemon's lock file in the root (lockfile_hold). */
#define SPOOL_LOCK ".lock"
bool spool_daemon_runs(const struct spool *spool);

/* `<id>.why` beside a job in failed/, hold/, deferred/ (DESIGN 3): what, where, since when, how to go on. Written through jobs/tmp, replacing; not synced on
 * its own (it can be made again from the journal). spool_why_remove: nothing when there is none. */
enum rc spool_why_write(const struct spool *spool, enum place place, const char *job_id, const char *text, struct err *err);
void spool_why_remove(const struct spool *spool, enum place place, const char *job_id);
/* The same for <name>.why in another directory of the spool. */
enum rc spool_note_write(const struct spool *spool, int dir_fd, const char *name, const char *text, struct err *err);
void spool_note_remove(int dir_fd, const char *name);

#endif
