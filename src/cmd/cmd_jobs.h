// SPDX-License-Identifier: Apache-2.0
#ifndef CMD_CMD_JOBS_H
#define CMD_CMD_JOBS_H

#include "cmd/cmd.h"
#include "engine/look.h"

/* Finding jobs by a part of their id, and what is told of one. */

/* Spool, index and sources of this program, for what looks. */
struct look cmd_look(struct cmd *cmd);
/* look_journalled and look_row with it. */
enum rc cmd_job_journalled(struct cmd *cmd, const char *id, struct job_row *row, struct err *err);
enum rc cmd_job_row(struct cmd *cmd, const struct jobs_entry *job, struct job_row *row, struct err *err);

/* The one job that part is a unique part of, or that a payload of that name belongs to. 0; 66 none, 64 several (listed), both with a message. job->file is
 * owned by the caller. */
int cmd_job_find(struct cmd *cmd, const char *part, struct jobs_entry *job);
/* A whole subcommand whose one argument is such a part: run gets the job; its exit code is returned. */
int cmd_job_run(struct cmd *cmd, int argc, char **argv, int (*run)(struct cmd *cmd, const struct jobs_entry *job));
/* The same as cmd_job_find for each of parts; frees nothing on failure that the caller could not free with jobs_release. */
int cmd_jobs_find(struct cmd *cmd, char **parts, int count, struct jobs *jobs);

/* look_waits, look_progress and look_progress_json. */
struct job_progress cmd_job_progress(struct cmd *cmd, const struct job_row *row, int64_t now_us);
int64_t cmd_job_waits(struct cmd *cmd, const struct job_row *row, int64_t now_us, char reason[48]);
void cmd_job_progress_json(struct cmd *cmd, const struct job_row *row, cJSON *json);
/* "[####....]" with width places for the mark; out has width + 3 bytes. */
const char *cmd_bar(char *out, size_t width, uint64_t records, uint64_t goal);
/* Follow one job: its row as the journal says, and its place. The journal is read again only when it grew. */
struct cmd_follow {
    struct jobs_entry job;
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
