// SPDX-License-Identifier: Apache-2.0
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/docform.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Any bytes: a kind or a reason. */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct docform form;
    struct err err = {0};
    char *copy = size > 0 ? malloc(size) : NULL;
    if (copy != NULL)
        memcpy(copy, data, size);
    enum rc rc = docform_look((struct slice){.data = copy, .length = copy != NULL ? size : 0}, &form, &err);
    if (rc == RC_OK ? form.type == DOCFORM_NONE || form.pages > DOCFORM_PAGES_MOST : rc != RC_PERM || err.text[0] == '\0')
        abort();
    free(copy);
    return 0;
}
