// SPDX-License-Identifier: Apache-2.0
#ifndef SOURCE_ERRAND_H
#define SOURCE_ERRAND_H

#include "source/check.h"
#include "source/forms.h"
#include "spool/jobid.h"

/* What a job of mode results or cleanup asks for (DESIGN 2): work that needs no source and that a child process of the daemon does. */

enum errand_kind { ERRAND_RESULTS, ERRAND_CLEANUP };

#define ERRAND_NAME_SIZE 101
#define ERRAND_CURSOR_SIZE 65

struct errand {
    enum errand_kind kind;
    /* of results: which records (engine/export.h), and the form of the file; "" where it does not say */
    char job[JOBID_SIZE], campaign[65], children[65], not_in[65], since[ERRAND_CURSOR_SIZE];
    char source[65];
    char name[ERRAND_NAME_SIZE]; /* of the file; never "" */
    unsigned formats;            /* FORM_BIT; 0: the standard set of the report */
    bool set;                    /* several files, each under the name of its form; else one, of the form and name given */
    bool reported;               /* it says which report; else the definition of the source does */
    enum forms_report report;
    char baseline[JOBID_SIZE]; /* the job that a pagespeed report is compared with beside the run before; "" none */
    bool with_origin;
    bool wait;            /* the job has not ended yet: it will in a moment */
    uint64_t limit;       /* of changed records, with since; 0: all */
    const cJSON *columns; /* an array, or NULL; borrowed from what was read */
    /* of cleanup */
    bool dry_run;
};

/* One file that an export of records alone makes. */
bool errand_exports(const struct errand *errand);
/* The mode is one of these. */
bool errand_mode(const char *mode, enum errand_kind *kind);
/* The members of such a job, as criteria_parse has opened it; source is its member, or "". */
void errand_read(struct check *check, const cJSON *root, const char *source, struct errand *errand);

#endif
