// SPDX-License-Identifier: Apache-2.0
#include "engine/results_internal.h"

#include "engine/review.h"
#include "engine/review_records.h"

enum rc results_lease_write(const struct results_ask *ask, int fd, struct err *err) {
    struct review_lost lost;
    cJSON *review = NULL;
    enum rc rc = review_lost_read(ask->spool, ask->errand->job, &lost, err);
    if (!rc)
        rc = review_read(ask->spool, ask->errand->job, &review, err);
    if (!rc) {
        const struct report_lease input = {.records = ask->gathered->records, .review = review, .lost = lost.list, .lost_count = lost.count};
        rc = report_lease_write(&input, ask->job, ask->form, fd, err);
    }
    cJSON_Delete(review);
    review_lost_release(&lost);
    return rc;
}
