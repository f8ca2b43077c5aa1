// SPDX-License-Identifier: Apache-2.0
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "helper/pagespeed.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* An answer of PageSpeed Insights, or anything else: what comes out is a JSON document with one record, or an error text and nothing. */

static void require(bool holds) {
    if (!holds) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct buf out = BUF_INIT(PAGESPEED_RECORD_MOST);
    struct err err = {.text = ""};
    struct slice value;
    char *copy = malloc(size + !size);
    enum rc rc;

    if (copy == NULL) {
        return 0;
    }
    memcpy(copy, data, size);
    rc = pagespeed_record(copy, size, &out, &err);
    if (rc == RC_OK) {
        require(json_check(buf_text(&out), out.length, &json_rules_payload, NULL) == RC_OK);
        require(json_find((struct slice){.data = buf_text(&out), .length = out.length}, "/results/0/url", &value) && json_type(value) == JSON_STRING);
    } else {
        require((rc == RC_PERM || rc == RC_TEMP) && out.length == 0 && err.text[0] != '\0');
    }
    buf_release(&out);
    free(copy);
    return 0;
}
