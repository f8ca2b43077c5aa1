// SPDX-License-Identifier: Apache-2.0
#ifndef API_RECENT_H
#define API_RECENT_H

#include <cjson/cJSON.h>

#include "api/board.h"

/*
 * The newest events that people care about (what was accepted, began, ended, waits, was decided), of all jobs, for a page that shows what goes on. Kept in a
 * ring; those from before the program started are known as far as the rows of jobs tell: the last change of place. The loop's alone.
 */
#define RECENT_KEPT 2000u

struct recent;

struct recent *recent_new(void); /* NULL: out of memory */
void recent_free(struct recent *recent);
void recent_clear(struct recent *recent);
/* A line of a journal. Those that nobody cares about are passed over. */
void recent_line(struct recent *recent, const struct job_row *row, const struct journal_line *line);
/* What a row tells of before. To be called before any line is. */
void recent_fill(struct recent *recent, const struct board_row *row);

/* At most limit, newest first, since that time; source, owner: only those, NULL: all. The caller frees. */
cJSON *recent_json(const struct recent *recent, int64_t since_us, const char *source, const char *owner, size_t limit);

#endif
