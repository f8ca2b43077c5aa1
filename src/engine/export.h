// SPDX-License-Identifier: Apache-2.0
#ifndef ENGINE_EXPORT_H
#define ENGINE_EXPORT_H

#include <stdio.h>

#include "engine/sources.h"
#include "spool/layout.h"

/* `batchspool export` (DESIGN 8). */

struct export_options {
    bool csv;                 /* else NDJSON */
    const char *source, *campaign, *job, *children, *not_in; /* NULL: no such filter; job is a whole id */
    const char *columns_text; /* content of --columns FILE, or NULL: every member of the first records, flattened */
    size_t columns_length;
    bool with_origin;         /* source, job, batch, captured_at, cost beside each row */
};

/* Write to out, flushed. Job exports follow the job's members in their order, with the text that this job captured. RC_GONE: nothing of that job, source or campaign was ever loaded (err). RC_TEMP: writing failed. */
enum rc export_run(const struct spool *spool, struct sources *sources, const struct export_options *options, FILE *out, uint64_t *rows, struct err *err);

#endif
