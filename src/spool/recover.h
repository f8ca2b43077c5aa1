// SPDX-License-Identifier: Apache-2.0
#ifndef SPOOL_RECOVER_H
#define SPOOL_RECOVER_H

#include "spool/job.h"

/* Bring file and journal of one job together again: moves by hand, interrupted moves, vanished files, doubles (DESIGN 3 "Moves by hand"). */

enum recovered {
    RECOVERED_NOTHING,        /* they agree */
    RECOVERED_BY_MV,          /* a legal move by hand was journalled: row tells the new place */
    RECOVERED_PUT_BACK,       /* the file was put back where the journal says */
    RECOVERED_MADE_AGAIN,     /* it had vanished: made again in hold/, reason missing */
    RECOVERED_DOUBLE,         /* a second copy became failed/<id>.dup-N.json */
    RECOVERED_NEVER_ACCEPTED, /* no journal: file lies in `where`; the caller accepts it (pending/), leaves it (hold/, cancelled/) or it went to failed/. Or it
                                 was refused, and lies in pending/ */
    RECOVERED_LOOK_AGAIN      /* in no place or in two: call again a little later with second_look (a scan races with renames) */
};

struct recover_result {
    enum recovered what;
    enum place where;   /* of the file now; PLACE_NONE: nowhere */
    struct job_row row; /* as the journal says after it; accepted false when there is no journal */
};

/* Under the journal's lock. A drop that was refused moves like a job, but that in pending/ it is for the caller to accept. Out of `processed/`, and by hand
 * into processing/, processed/, failed/, deferred/: put back and journalled (`requeued`, reason put_back, by mv). An interrupted move (event, no rename) is
 * finished. uid of a move by mv is the file's owner. A changed mtime in deferred/ is a new `until` (journalled `deferred`, by mv) when the row says deferred. A
 * .why without its job is removed; a put-back or hand-made place gets its .why. RC_CORRUPT: the journal is damaged (the file goes to hold/, reason damaged). */
enum rc recover_job(const struct spool *spool, const char *job_id, bool second_look, struct recover_result *result, struct err *err);

#endif
