// SPDX-License-Identifier: Apache-2.0
#ifndef SOURCE_PROBE_H
#define SOURCE_PROBE_H

#include <cjson/cJSON.h>

#include "source/answer.h"

/* What can be learnt of a source without paying (`sources test`): which pages to ask for, one after the other, and what their answers teach. Pure.
 *
 *   probe_new; while (probe_next) { ask for the page: REQUEST_PREVIEW of a metered source, else REQUEST_FREE; probe_answer } probe_result; probe_free
 *
 * A metered source without metering.preview is not asked at all. */

#define PROBE_MOST_REQUESTS 12
#define PROBE_MOST_LIMIT 10000u /* records of a page that are tried at most */

struct probe;

/* Header fields that the probe reports, beside those of source->wanted: the caller wants them of each answer. NULL at the end. */
extern const char *const probe_headers[];

/* job: the object of the job's members. Both are borrowed until probe_free. RC_TEMP: out of memory; RC_PERM: the definition has no first page. */
enum rc probe_new(const struct source *source, const cJSON *job, struct probe **probe);
void probe_free(struct probe *probe);
/* The next page to ask for, its batch 0; each is answered before the next is asked for. False: all is learnt. */
bool probe_next(struct probe *probe, struct page *page);
/* Every final answer, good or not. */
void probe_answer(struct probe *probe, const struct page *page, const struct answer *answer, const struct verdict *verdict);
/* What was learnt, as batchspool(1) describes it; the caller frees. NULL: out of memory. */
cJSON *probe_result(const struct probe *probe);

#endif
