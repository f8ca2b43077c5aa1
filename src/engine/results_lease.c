// SPDX-License-Identifier: Apache-2.0
#include "engine/results_internal.h"

#include "engine/review.h"
#include "report/report_lease.h"

#include <stdlib.h>
#include <string.h>

struct lost { /* documents that could not be analysed, by the names that the job has for them */
    struct results_failed units;
    struct report_lost *list;
    char (*numbers)[24]; /* of those without a name */
    cJSON *job;
};

static enum rc read_lost(const struct results_ask *ask, struct lost *lost, struct err *err) {
    char *text = NULL;
    size_t length = 0;
    enum rc rc = results_failed_read(ask->spool, ask->errand->job, &lost->units, err);
    if (rc || !lost->units.count)
        return rc;
    rc = job_text_read(ask->spool, ask->errand->job, &text, &length, err);
    if (rc)
        return rc;
    lost->job = cJSON_ParseWithLength(text, length);
    free(text);
    lost->list = calloc(lost->units.count, sizeof *lost->list);
    lost->numbers = calloc(lost->units.count, sizeof *lost->numbers);
    if (!lost->list || !lost->numbers)
        return err_set(err, RC_TEMP, "out of memory");
    const cJSON *documents = cJSON_GetObjectItemCaseSensitive(lost->job, "documents");
    for (size_t i = 0; i < lost->units.count; i++) {
        const struct results_unit *unit = &lost->units.list[i];
        const char *name = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(cJSON_GetArrayItem(documents, (int)unit->batch - 1), "name"));
        str_format(lost->numbers[i], sizeof lost->numbers[i], "document %u", (unsigned)unit->batch);
        lost->list[i] = (struct report_lost){.name = name ? name : lost->numbers[i], .error = unit->error};
    }
    return RC_OK;
}

enum rc results_lease_write(const struct results_ask *ask, int fd, struct err *err) {
    struct lost lost = {.list = NULL};
    cJSON *review = NULL;
    enum rc rc = read_lost(ask, &lost, err);
    if (!rc)
        rc = review_read(ask->spool, ask->errand->job, &review, err);
    if (!rc) {
        const struct report_lease input = {.records = ask->gathered->records, .review = review, .lost = lost.list, .lost_count = lost.units.count};
        rc = report_lease_write(&input, ask->job, ask->form, fd, err);
    }
    cJSON_Delete(review);
    cJSON_Delete(lost.job);
    free(lost.list);
    free(lost.numbers);
    results_failed_release(&lost.units);
    return rc;
}
