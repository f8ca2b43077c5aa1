// SPDX-License-Identifier: Apache-2.0
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "report/lease_model.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A record of a lease and what reviewers said of it, with a NUL between them: laid over it, or a reason; what comes is JSON, and what is open can be told. The
 * same input gives the same record. */

static bool ignore(void *context, const struct lease_need *need) {
    (void)context;
    return need->why != NULL;
}

static void look(const char *text, const cJSON *review) {
    const struct report_lease input = {.records = {.text = slice_of(text), .count = 1}, .review = review};
    struct lease_model m = {.input = &input};
    struct err err = {0};
    if (lease_model_read(&m, true, &err) == RC_OK) {
        (void)lease_model_needs(&m, ignore, NULL);
        (void)lease_model_draft(&m);
    } else if (!err.text[0])
        abort();
    lease_model_release(&m);
}

/* By what they print: names may stand twice in an object. */
static bool same_text(const cJSON *a, const cJSON *b) {
    char *x = cJSON_PrintUnformatted(a), *y = cJSON_PrintUnformatted(b);
    const bool same = x && y && strcmp(x, y) == 0;
    cJSON_free(x);
    cJSON_free(y);
    return same;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char *text = malloc(size + 1);
    cJSON *laid = NULL, *again = NULL, *review;
    struct err err = {0};
    if (!text)
        return 0;
    memcpy(text, data, size);
    text[size] = '\0';
    const size_t length = strlen(text);
    const char *words = length < size ? text + length + 1 : "";
    if (!memchr(text, '\n', length) && json_check(text, length, &json_rules_payload, &err) == RC_OK) {
        review = json_check(words, strlen(words), &json_rules_config, &err) == RC_OK ? cJSON_Parse(words) : NULL;
        const enum rc rc = lease_review_lay(slice_of(text), review, &laid, &err);
        if (rc == RC_OK && (lease_review_lay(slice_of(text), review, &again, &err) != RC_OK || !same_text(laid, again)))
            abort();
        look(text, review);
        cJSON_Delete(review);
    }
    cJSON_Delete(laid);
    cJSON_Delete(again);
    free(text);
    return 0;
}
