// SPDX-License-Identifier: Apache-2.0
#ifndef ENGINE_SUBMIT_H
#define ENGINE_SUBMIT_H

#include "engine/sources.h"
#include "source/criteria.h"
#include "spool/jobid.h"
#include "spool/layout.h"

/* A job text checked as the daemon will check it, and dropped: for the command line and for the web program. */

struct submit {
    char source[65], mode[16];       /* as far as they could be read */
    const struct source *definition; /* borrowed from sources; NULL for modes that need none (source/errand.h) */
    struct criteria *criteria;       /* owned */
};

/*
 * Check the text: strict JSON, a source that there is, all members, and the templates of the source filled once as for the first page, so that what the source
 * needs and the job lacks is told now. file is what errors name. RC_PERM: it is wrong; err names file, place and mend, *fault (may be NULL) the member in its
 * parts. Else RC_TEMP. In the thread that owns sources. submit_release in any case.
 */
enum rc submit_check(struct sources *sources, const char *file, const char *text, size_t length, struct submit *submit, struct check_fault *fault,
                     struct err *err);
void submit_release(struct submit *submit);

/* Drop it in jobs/pending under an id that is drawn for the label (a name without directories, which becomes the slug). RC_OK: durable, id is its id. RC_PERM
 * with errno EACCES, RC_NOSPACE, RC_TEMP: nothing was submitted. Any thread. */
enum rc submit_drop(const struct spool *spool, const char *label, const char *text, size_t length, char id[JOBID_SIZE], struct err *err);
/* The same under this id, which the caller drew by jobid_new and keeps, so that it can try again after a crash: RC_OK too when there is such a job already.
 * Not by two threads at a time with one id. */
enum rc submit_drop_as(const struct spool *spool, const char *id, const char *text, size_t length, struct err *err);

/* What the daemon answered to a job of mode preview, probe or source: results/<id>/preview.json, with the job's id in it. RC_GONE: nothing yet. RC_CORRUPT: it
 * is no JSON object. *answer is the caller's. Any thread. */
enum rc submit_answer(const struct spool *spool, const char *id, cJSON **answer, struct err *err);

#endif
