// SPDX-License-Identifier: Apache-2.0
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "api/access.h"
#include "api/apikey.h"
#include "api/credentials.h"
#include "api/gate.h"
#include "api/sessions.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What a request says of who it is and where it comes from. The first byte says what the rest is: a cookie field, another field, claims that are rightly
 * signed, a Host or Origin; everything is also tried as a token of each kind. What is taken has the form that it must have. */

#define NOW INT64_C(1795000000)

static const struct secret SECRET = {.key = {7}};

static void require(bool holds) {
    if (!holds) {
        abort();
    }
}

static bool only(const char *text, const char *characters) {
    return text[0] != '\0' && text[strspn(text, characters)] == '\0';
}

#define ALNUM "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

static void any_token(const char *text) {
    struct session session;
    struct access access;
    struct err err = {0};
    char id[PRINCIPAL_KEY_SIZE];
    const char *secret;

    require(access_read(&SECRET, text, NOW, &access, &err) != RC_OK && err.text[0] != '\0'); /* nobody signed it */
    if (sessions_token_parse(text, &session, &secret)) {
        require(users_name_valid(session.user) && strlen(session.family) == 32 && strlen(secret) == 43);
    }
    if (apikey_id(text, id)) {
        require(strlen(id) == 16 && strncmp(text + 4, id, 16) == 0);
    }
}

static void cookies(const char *text) {
    static const char *const names[] = {COOKIE_ACCESS, COOKIE_REFRESH};
    char out[CREDENTIALS_TOKEN_SIZE], set[CREDENTIALS_TOKEN_SIZE + 200], again[CREDENTIALS_TOKEN_SIZE];

    for (size_t i = 0; i < 2; i++) {
        if (credentials_cookie(text, names[i], out) != RC_OK) {
            require(out[0] == '\0');
            continue;
        }
        require(only(out, ALNUM "-._~+/@=") && strstr(text, out) != NULL);
        require(credentials_set_cookie(set, sizeof(set), names[i], out, "/", 1, true));
        require(credentials_cookie(set, names[i], again) == RC_OK && strcmp(out, again) == 0);
        any_token(out);
    }
}

static void fields(const char *text) {
    char out[CREDENTIALS_TOKEN_SIZE];

    if (credentials_bearer(text, out) == RC_OK) {
        require(only(out, ALNUM "-._~+/="));
        any_token(out);
    }
    if (credentials_api_key(text, out) == RC_OK) {
        require(only(out, ALNUM "-._~+/="));
        any_token(out);
    }
}

static void claims(const char *text, size_t size) {
    char token[2 * ACCESS_SIZE] = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.";
    unsigned char mac[crypto_auth_hmacsha256_BYTES];
    crypto_auth_hmacsha256_state state;
    struct access access;
    struct err err = {0};
    size_t at = strlen(token);

    if (size > ACCESS_SIZE) {
        return;
    }
    sodium_bin2base64(token + at, sizeof(token) - at, (const unsigned char *)text, size, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    crypto_auth_hmacsha256_init(&state, SECRET.key, sizeof(SECRET.key));
    crypto_auth_hmacsha256_update(&state, (const unsigned char *)token, strlen(token));
    crypto_auth_hmacsha256_final(&state, mac);
    at = strlen(token);
    token[at++] = '.';
    sodium_bin2base64(token + at, sizeof(token) - at, mac, sizeof(mac), sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    if (access_read(&SECRET, token, NOW, &access, &err) == RC_OK) {
        require(access.sub[0] != '\0' && access.family[0] != '\0' && access.epoch[0] != '\0' && access.role != ROLE_NONE);
        require(access.expires_s > NOW && access.issued_s <= NOW + ACCESS_SKEW_S && access.expires_s <= access.issued_s + ACCESS_LIFE_S);
    }
}

static void origins(const char *text) {
    struct gate gate, other;
    struct err err = {0};
    const struct gate_options options = {.listen_host = "192.0.2.7", .proxy_origin = "https://batch.example"};

    require(gate_init(&gate, &options, &err) == RC_OK);
    if (gate_host(&gate, text)) {
        require(strncasecmp(text, "localhost", 9) == 0 || strncmp(text, "127.0.0.1", 9) == 0 || strncmp(text, "[::1]", 5) == 0 ||
                strncmp(text, "192.0.2.7", 9) == 0 || strncasecmp(text, "batch.example", 13) == 0);
        require(only(text, ALNUM ".[]:"));
    }
    if (gate_origin(&gate, "localhost:8080", text, NULL)) {
        require(strcasecmp(text, "http://localhost:8080") == 0 || strcasecmp(text, "https://batch.example") == 0);
    }
    require(!gate_csrf_ok(&SECRET, "family", text));
    if (gate_init(&other, &(struct gate_options){.allowed_hosts = &text, .allowed_count = 1}, &err) == RC_OK) {
        require(strchr(text, '[') != NULL || strchr(text, ':') != NULL || gate_host(&other, text));
    }
    if (gate_init(&other, &(struct gate_options){.proxy_origin = text}, &err) == RC_OK) {
        require(text[0] == '\0' || gate_origin(&other, "localhost", text, NULL));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char *text;

    if (size == 0 || (text = malloc(size)) == NULL) {
        return 0;
    }
    memcpy(text, data + 1, size - 1);
    text[size - 1] = '\0';
    switch (data[0]) {
    case 'c':
        cookies(text);
        break;
    case 'f':
        fields(text);
        break;
    case 'j':
        claims(text, size - 1);
        break;
    case 'o':
        origins(text);
        break;
    default:
        any_token(text);
        break;
    }
    free(text);
    return 0;
}
