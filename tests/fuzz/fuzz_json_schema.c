// SPDX-License-Identifier: Apache-2.0
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/json_schema.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A schema and a value with a NUL between them: whatever was accepted by json_check is answered, with a text when it is refused, and the same each time. */

static void require(bool holds) {
    if (!holds) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const uint8_t *nul = size > 0 ? memchr(data, '\0', size) : NULL;
    size_t length = nul != NULL ? (size_t)(nul - data) : size, rest = nul != NULL ? size - length - 1 : 0;
    char *schema = malloc(length + 1), *value = malloc(rest + 1); /* their own size, so that one byte too far is seen */
    struct err err = {0}, again = {0};

    if (schema != NULL && value != NULL) {
        memcpy(schema, data, length);
        memcpy(value, data + size - rest, rest);
        struct slice s = {.data = schema, .length = length}, v = {.data = value, .length = rest};
        if (json_check(schema, length, &json_rules_config, &err) == RC_OK && json_schema_check(s, &err) == RC_OK &&
            json_check(value, rest, &json_rules_payload, &err) == RC_OK) {
            enum rc rc = json_schema_validate(s, v, &err);
            require(rc == RC_OK || rc == RC_PERM || rc == RC_TEMP);
            require(json_schema_validate(s, v, &again) == rc);
            require(rc == RC_OK || (err.text[0] != '\0' && strcmp(err.text, again.text) == 0));
        }
    }
    free(schema);
    free(value);
    return 0;
}
