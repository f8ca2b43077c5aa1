// SPDX-License-Identifier: Apache-2.0
#ifndef API_NOTICE_WATCH_H
#define API_NOTICE_WATCH_H

#include "api/api.h"
#include "api/request.h"

/* Notices as the web program shows them: a live event for each that is made, and for each that will not be sent; how many lie where; and trying the way out.
 * The loop's alone, but for notice_test. */

struct notice_watch;

/* NULL: out of memory; everything else that goes wrong is in the log. */
struct notice_watch *notice_watch_new(struct api *api);
void notice_watch_free(struct notice_watch *watch);

struct notice_counts {
    uint64_t pending, deferred, failed;
    char last_error[400]; /* of the newest that failed, or waits to be tried again; "" */
};
/* As of the last ten seconds. */
const struct notice_counts *notice_watch_counts(struct notice_watch *watch);

/* Whether this person may have notices sent to whom the job's `notify` names; at: where the job stands in the body, "" or "/job". False: the reply is set. */
bool notice_watch_allows(struct request *r, const cJSON *job, const char *at);

/* POST /api/test-email: on a lane, then waiting for what comes of it. */
void notice_test(struct request *r);
void notice_tested(struct request *r);

#endif
