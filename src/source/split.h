// SPDX-License-Identifier: Apache-2.0
#ifndef SOURCE_SPLIT_H
#define SOURCE_SPLIT_H

#include "source/paginator.h"

/*
 * A source that gives only the first maximum_offset records of a search is asked for parts of it, by a range criterion that its definition declares in the
 * paginator (offset):
 *   "split": {"minimum": 0, "maximum": 5000000, "params": {"price_min": "${range.from}", "price_max": "${range.to}"}}
 * minimum and maximum are integers or dates ("2020-01-01"); params, headers and json are laid over the request, `append` ({"/Criteria": {...}}) adds a value
 * to the end of an array in its body. Both ends belong to a part; with "to": "exclusive" ${range.to} is the value behind the last, for criteria with fractions.
 */

struct split {
    const cJSON *params, *headers, *json, *append; /* borrowed from the definition; or NULL */
    int64_t minimum, maximum;                      /* days since 1970 for dates */
    bool dates, exclusive;
};

struct split_part { /* both ends inclusive */
    int64_t from, to;
};

/* Check `split` of the paginator and take it in; source->split stays NULL without one. */
void split_check(struct check *check, struct source *source);

/* A part as a page's token, "[0,2500000]" or "[\"2020-01-01\",\"2020-06-30\"]", and back; false: the token is none. */
void split_token(const struct split *split, struct split_part part, char *token, size_t size);
bool split_parse(const struct split *split, const char *token, struct split_part *part);
bool split_is_token(const char *token);

/* {"from":..,"to":..} as the templates see it; the caller frees. NULL: out of memory. */
cJSON *split_range(const struct split *split, struct split_part part);

#endif
