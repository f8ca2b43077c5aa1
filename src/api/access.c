// SPDX-License-Identifier: Apache-2.0
#include "api/access.h"

#include "base/json.h"
#include "base/str.h"

#include <jwt.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#define ISSUER "batchspool-httpd"
#define AUDIENCE "batchspool"
/* base64url of {"alg":"HS256","typ":"JWT"}, as libjwt writes it */
#define HEADER "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9."
#define BASE64URL "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

static enum rc add_claims(jwt_t *jwt, const struct user *user, const char *family, int64_t now_s) {
    char id[SECRET_ID_SIZE];
    secret_random_id(id);
    return jwt_add_grant(jwt, "iss", ISSUER) || jwt_add_grant(jwt, "aud", AUDIENCE) || jwt_add_grant(jwt, "sub", user->name) ||
                   jwt_add_grant(jwt, "role", role_name(user->role)) || jwt_add_grant_int(jwt, "iat", (long)now_s) ||
                   jwt_add_grant_int(jwt, "exp", (long)now_s + ACCESS_LIFE_S) || jwt_add_grant(jwt, "jti", id) || jwt_add_grant(jwt, "fam", family) ||
                   jwt_add_grant(jwt, "epoch", user->epoch)
               ? RC_TEMP
               : RC_OK;
}

enum rc access_issue(const struct secret *secret, const struct user *user, const char *family, int64_t now_s, char out[ACCESS_SIZE], struct err *err) {
    jwt_t *jwt = NULL;
    char *text = NULL;
    if (jwt_new(&jwt) == 0 && jwt_set_alg(jwt, JWT_ALG_HS256, secret->key, sizeof secret->key) == 0 && add_claims(jwt, user, family, now_s) == RC_OK)
        text = jwt_encode_str(jwt);
    const bool fits = text && str_copy(out, ACCESS_SIZE, text);
    free(text);
    jwt_free(jwt);
    return fits ? RC_OK : err_set(err, RC_TEMP, "the access token could not be made");
}

/* Three parts of base64url, the first of them ours, the third the signature of what is before it. */
static bool is_signed(const struct secret *secret, const char *token) {
    unsigned char mac[crypto_auth_hmacsha256_BYTES];
    crypto_auth_hmacsha256_state state;
    char signature[SECRET_MAC_SIZE];
    if (strnlen(token, ACCESS_SIZE) >= ACCESS_SIZE || !str_starts(token, HEADER))
        return false;
    const char *body = token + strlen(HEADER);
    const size_t length = strspn(body, BASE64URL);
    if (!length || body[length] != '.')
        return false;
    crypto_auth_hmacsha256_init(&state, secret->key, sizeof secret->key);
    crypto_auth_hmacsha256_update(&state, (const unsigned char *)token, strlen(HEADER) + length);
    crypto_auth_hmacsha256_final(&state, mac);
    sodium_bin2base64(signature, sizeof signature, mac, sizeof mac, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    return secret_same(signature, body + length + 1);
}

static bool take_text(const cJSON *claims, const char *name, char *out, size_t size) {
    return webfile_text(claims, name, out, size) && *out;
}

static bool take_time(const cJSON *claims, const char *name, int64_t *out) {
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(claims, name);
    if (!cJSON_IsNumber(item) || !(item->valuedouble >= 0 && item->valuedouble < 9e15))
        return false;
    *out = (int64_t)item->valuedouble;
    return true;
}

/* We write none; one that is there is heeded. */
static bool valid_yet(const cJSON *claims, int64_t now_s, int64_t issued_s) {
    int64_t not_before_s = issued_s;
    return (!cJSON_GetObjectItemCaseSensitive(claims, "nbf") || take_time(claims, "nbf", &not_before_s)) && issued_s <= now_s + ACCESS_SKEW_S &&
           not_before_s <= now_s + ACCESS_SKEW_S;
}

static enum rc check_claims(const cJSON *claims, int64_t now_s, struct access *a, struct err *err) {
    char issuer[32], audience[32], role[16];
    if (!take_text(claims, "iss", issuer, sizeof issuer) || strcmp(issuer, ISSUER) != 0)
        return err_set(err, RC_PERM, "access token: iss is not " ISSUER);
    if (!take_text(claims, "aud", audience, sizeof audience) || strcmp(audience, AUDIENCE) != 0)
        return err_set(err, RC_PERM, "access token: aud is not " AUDIENCE);
    if (!take_text(claims, "sub", a->sub, sizeof a->sub) || !take_text(claims, "role", role, sizeof role) || !role_from_name(role, &a->role) ||
        !take_text(claims, "fam", a->family, sizeof a->family) || !take_text(claims, "epoch", a->epoch, sizeof a->epoch) ||
        !take_text(claims, "jti", a->id, sizeof a->id))
        return err_set(err, RC_PERM, "access token: sub, role, fam, epoch or jti is missing");
    if (!take_time(claims, "iat", &a->issued_s) || !take_time(claims, "exp", &a->expires_s))
        return err_set(err, RC_PERM, "access token: iat or exp is missing");
    if (!valid_yet(claims, now_s, a->issued_s))
        return err_set(err, RC_PERM, "access token: is not valid yet");
    if (a->expires_s > a->issued_s + ACCESS_LIFE_S)
        return err_set(err, RC_PERM, "access token: lives longer than any that we made");
    return a->expires_s <= now_s ? err_set(err, RC_AGAIN, "access token: has expired") : RC_OK;
}

enum rc access_read(const struct secret *secret, const char *token, int64_t now_s, struct access *access, struct err *err) {
    jwt_t *jwt = NULL;
    *access = (struct access){.role = ROLE_NONE};
    if (!is_signed(secret, token) || jwt_decode(&jwt, token, secret->key, sizeof secret->key) != 0)
        return err_set(err, RC_PERM, "access token: is not signed by us");
    char *text = jwt_get_alg(jwt) == JWT_ALG_HS256 ? jwt_get_grants_json(jwt, NULL) : NULL;
    jwt_free(jwt);
    cJSON *claims = text && json_check(text, strlen(text), &json_rules_config, NULL) == RC_OK ? cJSON_Parse(text) : NULL;
    free(text);
    enum rc rc = claims ? check_claims(claims, now_s, access, err) : err_set(err, RC_PERM, "access token: cannot be read");
    cJSON_Delete(claims);
    return rc;
}
