// SPDX-License-Identifier: Apache-2.0
#ifndef ENGINE_AUDIT_H
#define ENGINE_AUDIT_H

#include "base/buf.h"
#include "base/period.h"
#include "spool/job.h"
#include "store/index.h"

/* Who did what: the journals, one after the other, put in order of time in bounded memory. In one thread at a time; any. */

struct audit_options { /* all borrowed; NULL: whatever it is */
    const char *job;   /* an id */
    const char *source, *campaign;
    const char *by; /* "daemon", "mv", a name that `by` of the journal has, or a user's name or number */
    const char *const *events;
    size_t event_count; /* 0: what people did and what was decided */
    bool all;           /* then: everything */
    bool newest_first;
    struct period period;
    struct index *index; /* whether a journal ends as it did when that saw it; NULL: not asked */
};

struct audit_event {
    const struct job_row *row; /* before the line */
    int64_t ts_us;
    uint64_t seq;
    const struct journal_line *line; /* NULL: it is damage */
    const struct err *damage;
    const char *by;            /* "daemon" when nobody signed */
    bool has_uid, uid_of_file; /* whose: the owner of a file that lay in the spool, else the program's */
    uint64_t uid;
    const char *user;     /* "" when this machine does not know it */
    struct dec money;     /* that the line moved; 0 */
    const char *money_is; /* "spent", "in_doubt", "in_flight" */
};
/* How an event is to be kept: appends to out. False: out of memory. */
typedef bool audit_form(void *context, const struct audit_event *event, struct buf *out);
/* One JSON object; context is not used. */
bool audit_json(void *context, const struct audit_event *event, struct buf *out);
/* The members of a line that are told beside those; NULL ends them. */
extern const char *const audit_told[];

struct audit;
/* Read and sort. damage (may be NULL) hears of each place where a journal was edited or damaged, which is also an event. RC_GONE: the job has no journal. */
enum rc audit_read(const struct spool *spool, const struct audit_options *options, audit_form *form, void (*damage)(void *context, const struct err *err),
                   void *context, struct audit **audit, struct err *err);
/* The next event as form made it, borrowed until the next call. RC_GONE: no more. */
enum rc audit_next(struct audit *audit, struct slice *event, struct err *err);
uint64_t audit_count(const struct audit *audit); /* of all events */
uint64_t audit_damages(const struct audit *audit);
void audit_free(struct audit *audit);

#endif
