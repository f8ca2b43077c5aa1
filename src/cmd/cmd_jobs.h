// SPDX-License-Identifier: Apache-2.0
#ifndef CMD_CMD_JOBS_H
#define CMD_CMD_JOBS_H

#include "cmd/cmd.h"
#include "spool/job.h"

/* Which jobs there are and where: where a file lies is its state, so jobs/ is read each time; journals and index only give the details. */

struct cmd_job {
    char id[JOBID_SIZE]; /* "" when the file is not named by an id (a drop that was not accepted yet, or rests in hold/ or cancelled/) */
    char *file;          /* its name then, else NULL; owned */
    enum place place;    /* PLACE_NONE: a journal, but no file */
};

struct cmd_jobs {
    struct cmd_job *list;
    size_t count, capacity;
};

/* All job files, and the journals without one, sorted by id; files that are not named by an id first. A job that is being moved meanwhile is there once. */
enum rc cmd_jobs_scan(const struct spool *spool, struct cmd_jobs *jobs, struct err *err);
void cmd_jobs_release(struct cmd_jobs *jobs);

/* The place of <id>.json; PLACE_NONE. */
enum place cmd_job_place(const struct spool *spool, const char *id);
/* Its file name in the place where it lies. */
const char *cmd_job_file(const struct cmd_job *job, char out[JOBID_SIZE + 8]);
bool cmd_job_has_journal(const struct spool *spool, const char *id);
/* The row as index or journal say, without the place laid over it; RC_GONE: no journal. */
enum rc cmd_job_journalled(struct cmd *cmd, const char *id, struct job_row *row, struct err *err);

/* The row of a job: from the index when that is as new as the journal, else from the journal, else (never accepted) from what the file says of itself; place is
 * where the file lies. A damaged journal gives reason "damaged" and the err. */
enum rc cmd_job_row(struct cmd *cmd, const struct cmd_job *job, struct job_row *row, struct err *err);

/* The one job that part is a unique part of, or that a payload of that name belongs to. 0; 66 none, 64 several (listed), both with a message. job->file is
 * owned by the caller. */
int cmd_job_find(struct cmd *cmd, const char *part, struct cmd_job *job);
/* A whole subcommand whose one argument is such a part: run gets the job; its exit code is returned. */
int cmd_job_run(struct cmd *cmd, int argc, char **argv, int (*run)(struct cmd *cmd, const struct cmd_job *job));
/* The same as cmd_job_find for each of parts; frees nothing on failure that the caller could not free with cmd_jobs_release. */
int cmd_jobs_find(struct cmd *cmd, char **parts, int count, struct cmd_jobs *jobs);

/* Put it back into pending/, as `retry` does. 0, or the exit code after a message. */
int cmd_move_requeue(struct cmd *cmd, struct cmd_job *job);

/* A running job that waits, for a page's back-off or for its source: until when and for what; 0: it does not. reason has 48 bytes. */
int64_t cmd_job_waits(struct cmd *cmd, const struct job_row *row, int64_t now_us, char reason[48]);
/* job_progress_json, and for what it waits. */
void cmd_job_progress_json(struct cmd *cmd, const struct job_row *row, cJSON *json);
/* "[####....]" with width places for the mark; out has width + 3 bytes. */
const char *cmd_bar(char *out, size_t width, uint64_t records, uint64_t goal);
/* "120.5", "-" when it is not known; "4m" until the ETA, "-". */
const char *cmd_rate(char out[24], const struct job_progress *progress);
const char *cmd_eta(char out[24], const struct job_progress *progress, int64_t now_us);

/* Follow one job: its row as the journal says, and its place. The journal is read again only when it grew. */
struct cmd_follow {
    struct cmd_job job;
    struct job_row row;
    bool started; /* its journal was there */
};
void cmd_follow_init(struct cmd_follow *follow, const char *id);
/* RC_OK; place PLACE_NONE means: look again. */
enum rc cmd_follow_look(struct cmd *cmd, struct cmd_follow *follow, struct err *err);
/* How the job ended: 0 processed, 1 failed or cancelled, 75 held; -1: it goes on. */
int cmd_follow_end(const struct cmd_follow *follow);
/* Wait for every job, telling on standard error how each ended: 0; 1 when one failed or was cancelled; 75 when one is held; 69 no daemon; results/<id>/<file>
 * ends the waiting for a job, too, when file is not NULL. */
int cmd_follow_wait(struct cmd *cmd, struct cmd_follow *follows, size_t count, const char *file);

#endif
