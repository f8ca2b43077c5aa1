// SPDX-License-Identifier: Apache-2.0
#include "base/digest.h"

#include <openssl/evp.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"

struct digest {
    EVP_MD_CTX *context;
    bool failed;
};

struct digest *digest_new(void) {
    struct digest *d = calloc(1, sizeof(*d));

    if (d == NULL) {
        return NULL;
    }
    d->context = EVP_MD_CTX_new();
    if (d->context == NULL || EVP_DigestInit_ex(d->context, EVP_sha256(), NULL) != 1) {
        digest_free(d);
        return NULL;
    }
    return d;
}

void digest_free(struct digest *d) {
    if (d != NULL) {
        EVP_MD_CTX_free(d->context);
        free(d);
    }
}

void digest_add(struct digest *d, const void *bytes, size_t length) {
    if (EVP_DigestUpdate(d->context, bytes, length) != 1) {
        d->failed = true;
    }
}

void digest_hex(struct digest *d, char out[DIGEST_HEX_SIZE]) {
    unsigned char sum[EVP_MAX_MD_SIZE];

    if (EVP_DigestFinal_ex(d->context, sum, NULL) != 1 || d->failed) {
        out[0] = '\0';
        return;
    }
    str_hex(sum, DIGEST_BYTES, out);
}

void digest_of(const void *bytes, size_t length, unsigned char out[DIGEST_BYTES]) {
    if (EVP_Digest(bytes, length, out, NULL, EVP_sha256(), NULL) != 1) {
        memset(out, 0, DIGEST_BYTES);
    }
}

void digest_of_hex(const void *bytes, size_t length, char out[DIGEST_HEX_SIZE]) {
    unsigned char sum[DIGEST_BYTES];

    digest_of(bytes, length, sum);
    str_hex(sum, sizeof(sum), out);
}
