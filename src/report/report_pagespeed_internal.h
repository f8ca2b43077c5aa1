// SPDX-License-Identifier: Apache-2.0
#ifndef REPORT_REPORT_PAGESPEED_INTERNAL_H
#define REPORT_REPORT_PAGESPEED_INTERNAL_H

#include "report/report_pagespeed.h"

/* What the files of this model share: report_pagespeed.c (reading, the order of things), report_pagespeed_changes.c (against other runs),
 * report_pagespeed_failing.c (what failed), report_pagespeed_groups.c (labels, opportunities, errors), report_pagespeed_rows.c (all rows). */

enum { PAGESPEED_PERFORMANCE, PAGESPEED_ACCESSIBILITY, PAGESPEED_BEST_PRACTICES, PAGESPEED_SEO, PAGESPEED_SCORES };
extern const char *const report_pagespeed_score_names[PAGESPEED_SCORES];
extern const char *const report_pagespeed_score_pointers[PAGESPEED_SCORES];

#define PAGESPEED_NONE (-1.0) /* a score that is not there */
#define PAGESPEED_DROP 10.0   /* smaller changes of a score are noise */

struct pagespeed_row {
    char *url, *strategy; /* owned */
    struct slice record;  /* empty: the unit failed */
    struct slice previous, baseline;
    const struct report_failed *failed, *failed_before;
    struct slice labels;
    double scores[PAGESPEED_SCORES];
    int cwv; /* 1 passes, 0 does not, -1 not known */
};

struct pagespeed {
    struct report *report;
    const struct report_pagespeed *input;
    const char *job_id;
    struct pagespeed_row *rows; /* by URL, then strategy */
    size_t count;
    char **labels; /* the names that any row has, in order */
    size_t label_count;
    enum rc rc;
};

int report_pagespeed_cwv(struct slice record);
enum report_tone report_pagespeed_tone(double score);
/* It failed, or has a record that says that it did. */
bool report_pagespeed_fails(const struct pagespeed_row *row);
/* "93", or "" for PAGESPEED_NONE. */
const char *report_pagespeed_number(double number, char out[32]);

/* report_pagespeed_changes.c. Each tells its tables; false: out of memory. */
struct pagespeed_changes {
    size_t worse, better; /* Core Web Vitals that no longer, or at last, pass */
    size_t drops, compared;
    size_t fails, fail_pages, works, work_pages; /* rows that fail and were ok, or are ok and failed; and URLs of them */
};
void report_pagespeed_count_changes(const struct pagespeed *p, bool baseline, struct pagespeed_changes *changes);
bool report_pagespeed_tell_changes(struct pagespeed *p, bool baseline);

/* report_pagespeed_failing.c */
bool report_pagespeed_newly_fails(const struct pagespeed_row *row, bool baseline);
bool report_pagespeed_works_again(const struct pagespeed_row *row, bool baseline);
/* What newly fails, then what works again (that of the run before alone). */
bool report_pagespeed_tell_failing(struct pagespeed *p, bool baseline);
bool report_pagespeed_tell_failed(struct pagespeed *p);

/* report_pagespeed_groups.c */
bool report_pagespeed_tell_labels(struct pagespeed *p);
bool report_pagespeed_tell_opportunities(struct pagespeed *p);
bool report_pagespeed_tell_errors(struct pagespeed *p);

/* report_pagespeed_rows.c */
bool report_pagespeed_tell_rows(struct pagespeed *p);

#endif
