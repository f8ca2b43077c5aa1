// SPDX-License-Identifier: Apache-2.0
#ifndef SOURCE_UNITS_H
#define SOURCE_UNITS_H

#include "base/digest.h"
#include "source/paginator.h"

/* Units that are no pages (DESIGN 5): the cross product of lists of the job, the first list outermost; of a source of documents, its documents. Unit n is batch
 * n. */

struct units {
    uint64_t count; /* of units; at most LIMIT_BATCHES */
    unsigned list_count;
    struct units_list {
        const char *name;     /* borrowed from the source */
        const cJSON **values; /* borrowed from the job */
        uint64_t count;
    } lists[SOURCE_MAX_LISTS];
};

/* The lists of a source's foreach in a job. take: at most so many units. RC_PERM (err names the member): a list is missing, empty, none, or there are more than
 * LIMIT_BATCHES units. RC_TEMP: out of memory. */
enum rc units_new(const struct source *source, const cJSON *job, uint64_t take, struct units **units, struct err *err);
void units_free(struct units *units);
/* Of unit `batch`, counted from 1: an object of the lists' names and its elements, that the caller frees. NULL: out of memory, or no such unit. */
cJSON *units_item(const struct units *units, uint32_t batch);
/* The same for people's eyes, "https://www.example/ mobile": of each list its element, of an object its url or name; as str_printable. False, and "": there is
 * no such unit (units may be NULL). Any thread. */
#define UNITS_LABEL_SIZE 300
bool units_label(const struct units *units, uint32_t batch, char out[UNITS_LABEL_SIZE]);
/* What units share their first answer by (unit_cache, which the source has): of the source and the key's templates, filled in. known: as in template_scope.
 * RC_PERM, RC_TEMP. */
enum rc units_key(const struct source *source, const cJSON *job, const cJSON *item, const cJSON *known, char out[DIGEST_HEX_SIZE], struct err *err);
/* Requests of one unit of this job, when all goes well: of each step that a request does, one. */
unsigned units_requests(const struct source *source, const cJSON *job);
/* Their plan: each unit is a page of its number, with limit 1. A unit that failed for good is told as an answer. RC_TEMP: out of memory. */
enum rc units_plan(uint64_t count, struct paginator **paginator);
/* No definition names it. */
extern const struct paginator_row units_row;

#endif
