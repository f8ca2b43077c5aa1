// SPDX-License-Identifier: Apache-2.0
#ifndef REPORT_REPORT_PAGESPEED_H
#define REPORT_REPORT_PAGESPEED_H

#include <stdint.h>

#include "report/report_records.h"

/*
 * URL analyses (docs/REPORTS.md has the layout of their records): a page of summary; what changed against the run before and against a baseline: what
 * newly fails first, then Core Web Vitals, then scores that fell by 10 or more (less is noise); worst by label; opportunities by number of URLs; errors by
 * cause; all rows. What was not measured is empty, never 0, and in no mean.
 */

struct report_failed { /* a unit that has no record, because it failed for good */
    const char *url, *strategy, *error_class, *error;
    struct slice labels; /* a JSON object, or empty */
    uint32_t attempts;   /* 0: it was never asked for */
};

struct report_pagespeed {
    struct report_records records;
    const struct report_failed *failed;
    size_t failed_count;
    struct report_records previous; /* of each URL and strategy the record of the last run before that has another answer, where there is one; any order */
    const struct report_failed *failed_before; /* what failed in the last run before, later than its record in `previous`; any order */
    size_t failed_before_count;
    struct report_records baseline; /* the same of the run that all are compared with */
    const char *baseline_id;        /* its job, or NULL */
};

enum rc report_pagespeed_write(const struct report_pagespeed *input, const struct report_job *job, const struct report_form *form, int fd, struct err *err);

#endif
