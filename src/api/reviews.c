// SPDX-License-Identifier: Apache-2.0
#include "api/reviews.h"

#include "api/api.h"
#include "engine/review.h"

void reviews_get(struct request *r) {
    struct err err = {0};
    cJSON *review;
    const enum rc rc = review_read(r->api->spool, r->job->id, &review, &err);
    if (rc)
        reply_rc(r, rc, &err);
    else
        reply_json(r, 200, review);
}

void reviews_put(struct request *r) {
    const struct review_by by = {.by = r->who.name, .reviewer = r->who.name};
    char pointer[600] = "";
    struct err err = {0};
    cJSON *review;
    if (review_check(r->json, pointer, &err)) {
        reply_invalid(r, pointer, "%s", err.text);
        return;
    }
    const enum rc rc = review_change(r->api->spool, r->job->id, r->json, &by, &review, &err);
    if (rc)
        reply_rc(r, rc == RC_PERM ? RC_TEMP : rc, &err);
    else
        reply_json(r, 200, review);
}
