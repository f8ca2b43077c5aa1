// SPDX-License-Identifier: Apache-2.0
#ifndef SOURCE_SUGGEST_H
#define SOURCE_SUGGEST_H

#include <cjson/cJSON.h>

#include "source/check.h"
#include "source/source.h"

/* What is offered while a person types a criterion: a free request of the source's member `suggest`, and what is taken of its answer. Pure. */

#define SUGGEST_MOST 20u
#define SUGGEST_QUERY_BYTES 200u
#define SUGGEST_TIMEOUT_MS 5000
#define SUGGEST_BODY_BYTES (256u * 1024u) /* of an answer */

struct suggest { /* what a job of mode probe asks for */
    const struct source_suggest *field;
    const cJSON *job; /* what its templates see: an object with `q`; borrowed from what was read */
};

/* NULL: the source has none for that field. */
const struct source_suggest *suggest_find(const struct source *source, const char *field);
/* The members of a job of mode probe that has `suggest`, as criteria_parse has opened it. */
void suggest_read(struct check *check, const cJSON *root, const struct source *source, struct suggest *suggest);
/* {"suggestions":[{"value","label"}, at most SUGGEST_MOST],"cache_ttl_s":N}; the caller frees. What has no value that can be used is passed over. NULL: the
 * body is no JSON, it has no such list, nothing of it can be used, or out of memory. */
cJSON *suggest_answer(const struct source_suggest *field, struct slice body);

#endif
