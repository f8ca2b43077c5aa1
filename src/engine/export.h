// SPDX-License-Identifier: Apache-2.0
#ifndef ENGINE_EXPORT_H
#define ENGINE_EXPORT_H

#include <stdio.h>

#include "engine/sources.h"
#include "spool/layout.h"

/*
 * `batchspool export` (DESIGN 8). Streams one snapshot of the record store.
 *
 * Which records: with job, the members of that job (or of the job whose payloads it reuses) in their order, each once, with the text which that job captured,
 * whatever was bought later; with campaign, the same over all its jobs, the newest of their texts; else every record, or every one of source, as it is now, in
 * key order. not_in leaves out what is a member of a job of that campaign. NDJSON: a line is the record's exact text, line breaks between tokens folded;
 * with_origin makes it {"origin":{"source","job","batch","captured_at","cost"},"record":TEXT}, where cost is the record's share of its page, null when unknown.
 * CSV: engine/csv.h. with_origin puts those five columns first. Without columns_text the columns are those of all records (which are walked twice), members of
 * objects inside objects as "a.b". children: a row for each child that this list of the source definition has in a record's text. CSV: first the primary key of
 * the parent (a child's column of the same name becomes "NAME.column"), then the child's members (columns_text: paths are the child's). NDJSON: a line is the
 * child's exact text; with_origin puts "parent":{KEYS} beside it. All records must be of one source.
 *
 * since: the records that loading has brought, or changed, since an earlier export ended, each as it is now (sink_changes), by load; "0": since ever. With
 * source only that source's, with campaign only what jobs of that campaign captured last; not with job, whose records do not change. What was loaded again, be
 * it with the same text, comes again; a record that went (its definition was mended, and it was loaded again) is not told. No changes are no error.
 */

struct export_options {
    bool csv;                                                /* else NDJSON */
    const char *source, *campaign, *job, *children, *not_in; /* NULL: no such filter; job is a whole id */
    const char *columns_text;                                /* content of --columns FILE, or NULL: every member of any record, flattened; CSV only */
    size_t columns_length;
    bool with_origin;  /* source, job, batch, captured_at, cost beside each row */
    const char *since; /* NULL: not by change; else "0", or what an export before gave */
    uint64_t limit;    /* of since: so many records; 0: all */
    char *cursor;      /* of since: room for EXPORT_CURSOR_SIZE, for what the next export gives as since; or NULL */
};

#define EXPORT_CURSOR_SIZE 65

/* Write to out, flushed. RC_GONE: nothing of that job, source or campaign was ever loaded (err); the same for not_in, lest a misspelt name leave nobody out.
 * RC_PERM: the options do not fit (columns, children), or the cursor is none of this store's. RC_TEMP: writing failed. At most one at a time in a process, and
 * not while it loads (LMDB). */
enum rc export_run(const struct spool *spool, struct sources *sources, const struct export_options *options, FILE *out, uint64_t *rows, struct err *err);

#endif
