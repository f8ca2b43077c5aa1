// SPDX-License-Identifier: Apache-2.0
#ifndef SPOOL_JOBID_H
#define SPOOL_JOBID_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* `<UTC time>-<12 hex>-<slug>` (DESIGN 3): 16 + 1 + 12 + 1 + at most 40. */
#define JOBID_SIZE 71
#define JOBID_SLUG_SIZE 41

/* slug of a dropped name (".json" at its end is left off first). Never empty. */
void jobid_slug(const char *dropped_name, char out[JOBID_SLUG_SIZE]);
/* A new id with 48 bits from getrandom(2). */
enum rc jobid_new(int64_t wall_us, const char *slug, char out[JOBID_SIZE], struct err *err);
/* Exactly the form above. */
bool jobid_valid(const char *text);
/* "<id>.json" to id; false when the name is not that. */
bool jobid_from_file(const char *file_name, char out[JOBID_SIZE]);
/* The parts: out_time "20261123T170501Z" (17 bytes), out_hex 13 bytes; slug is borrowed from id. id must be valid. */
void jobid_parts(const char *id, char out_time[17], char out_hex[13], const char **slug);

#endif
