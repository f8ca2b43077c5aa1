// SPDX-License-Identifier: Apache-2.0
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "source/auth.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The answer of a token endpoint, its status first: what is granted can stand in a header, and what is told of the rest has no secret in it. */

static void require(bool holds) {
    if (!holds) {
        abort();
    }
}

static const char *secret(void *context, const char *name) {
    (void)context;
    return name[0] == 'i' ? "CANARY-ID" : "CANARY/SECRET";
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const struct source source = {.auth = {.type = AUTH_OAUTH2,
                                                  .access_token_url = "https://id.example/token",
                                                  .client_id = "${secret:i}",
                                                  .client_secret = "${secret:s}",
                                                  .default_token_expiration_s = 3600}};
    static const int statuses[] = {200, 302, 400, 429, 503};
    const struct template_scope scope = {.secret = secret};
    char *body = size > 0 ? malloc(size > 1 ? size - 1 : 1) : NULL; /* its own size, so that one byte too far is seen */
    struct auth_token token = {.life_s = 0};
    struct err err = {0};

    if (body == NULL) {
        return 0;
    }
    memcpy(body, data + 1, size - 1);
    switch (auth_read_token(&source, &scope, statuses[data[0] % 5], (struct slice){.data = body, .length = size - 1}, &token, &err)) {
    case AUTH_GRANTED:
        require(data[0] % 5 == 0 && token.text.length > 0 && token.life_s >= 1 && token.life_s <= 31536000);
        for (size_t i = 0; i < token.text.length; i++) {
            require(token.text.data[i] > ' ' && token.text.data[i] < 0x7f);
        }
        break;
    case AUTH_REFUSED:
    case AUTH_LATER:
        require(token.text.length == 0 && err.text[0] != '\0');
        require(strstr(err.text, "CANARY/SECRET") == NULL);
        break;
    }
    buf_release(&token.text);
    free(body);
    return 0;
}
