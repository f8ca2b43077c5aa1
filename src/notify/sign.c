// SPDX-License-Identifier: Apache-2.0
#include "notify/sign.h"

#include "base/buf.h"
#include "base/digest.h"
#include "base/str.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <string.h>

#define KEY_MOST 1024

/* The key's bytes; 0: it is none. */
static size_t decode(const char *secret, size_t length, unsigned char key[KEY_MOST]) {
    const size_t prefix = strlen("whsec_");
    if (length < prefix || memcmp(secret, "whsec_", prefix) != 0) {
        if (length > KEY_MOST)
            return 0;
        memcpy(key, secret, length);
        return length;
    }
    const char *coded = secret + prefix;
    const size_t count = length - prefix;
    if (count == 0 || count % 4 != 0 || count / 4 * 3 > KEY_MOST)
        return 0;
    const int bytes = EVP_DecodeBlock(key, (const unsigned char *)coded, (int)count);
    if (bytes < 0)
        return 0;
    return (size_t)bytes - (coded[count - 1] == '=') - (coded[count - 2] == '=');
}

bool sign_webhook(const char *secret, size_t secret_length, const char *id, long long seconds, const char *body, size_t body_length, char out[SIGN_SIZE]) {
    unsigned char key[KEY_MOST], sum[DIGEST_BYTES], coded[SIGN_SIZE];
    struct buf text = BUF_INIT(body_length + 256);
    unsigned int length = 0;
    const size_t key_length = decode(secret, secret_length, key);
    bool done = key_length > 0 && buf_printf(&text, "%s.%lld.", id, seconds) == RC_OK && buf_add(&text, body, body_length) == RC_OK &&
                HMAC(EVP_sha256(), key, (int)key_length, (const unsigned char *)text.data, text.length, sum, &length) != NULL && length == sizeof sum;
    if (done) {
        EVP_EncodeBlock(coded, sum, sizeof sum);
        done = str_format(out, SIGN_SIZE, "v1,%s", (const char *)coded);
    }
    OPENSSL_cleanse(key, sizeof key);
    buf_release(&text);
    return done;
}
