// SPDX-License-Identifier: Apache-2.0
#ifndef SOURCE_INCREMENTAL_H
#define SOURCE_INCREMENTAL_H

#include "base/buf.h"
#include "source/paginator.h"

/*
 * Only what is new since the last job of the same name (dlt's `incremental`): "incremental": {"cursor_path": "/updated_at", "start_param": "since",
 * "initial_value": "2026-01-01T00:00:00Z", "lookback": "PT1H"}. cursor_path is a Pointer in a record; start_param, start_body_path or start_header is where
 * the value to begin at goes; lookback, a duration for times or a number for numbers, is taken from it, for records that appear late. Values are JSON text.
 */

void source_incremental(struct check *check, const cJSON *definition, struct source *source);

/* The greatest value at cursor_path of these records, when it is greater than what is in max already; records without one say nothing. RC_TEMP: out of memory.
 */
enum rc incremental_max(const struct source *source, struct slice records, struct buf *max);
/* What is sent: last_value ("" none: initial_value) less lookback; empty when there is none. RC_PERM: lookback does not fit the value (err). */
enum rc incremental_start(const struct source *source, const char *last_value, struct buf *start, struct err *err);
/* Put start ("" nothing) where the definition wants it. */
enum rc incremental_place(const struct source *source, const char *start, struct placement *placement);

#endif
