// SPDX-License-Identifier: Apache-2.0
#include "api/who.h"

#include "api/access.h"
#include "api/credentials.h"
#include "api/sessions.h"
#include "base/str.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

struct who {
    const struct spool *spool;
    struct secret secret;
    struct apikey_env env;
    struct users *users;
    struct apikeys *keys;
};

enum rc who_new(const struct spool *spool, struct who **out, struct err *err) {
    struct who *who = calloc(1, sizeof *who);
    *out = NULL;
    if (!who)
        return err_set(err, RC_TEMP, "out of memory");
    who->spool = spool;
    who->users = users_new(spool);
    who->keys = apikeys_new(spool);
    enum rc rc = who->users && who->keys ? secret_load(spool, &who->secret, err) : err_set(err, RC_TEMP, "out of memory");
    rc = rc ? rc : apikey_env_take(&who->env, err);
    rc = rc ? rc : users_refresh(who->users, err);
    rc = rc ? rc : apikeys_refresh(who->keys, err);
    if (rc)
        who_free(who);
    else
        *out = who;
    return rc;
}

void who_free(struct who *who) {
    if (!who)
        return;
    users_free(who->users);
    apikeys_free(who->keys);
    secret_wipe(&who->secret);
    free(who);
}

const struct secret *who_secret(const struct who *who) {
    return &who->secret;
}

enum rc who_users(struct who *who, const struct users **users, struct err *err) {
    *users = who->users;
    return users_refresh(who->users, err);
}

enum rc who_keys(struct who *who, const struct apikeys **keys, struct err *err) {
    *keys = who->keys;
    return apikeys_refresh(who->keys, err);
}

static enum rc by_token(struct who *who, const char *token, int64_t now_s, struct principal *p, struct err *err) {
    struct access access;
    enum rc rc = access_read(&who->secret, token, now_s, &access, err);
    if (rc)
        return rc;
    const struct user *user = users_find(who->users, access.sub);
    if (!user || user->disabled || strcmp(user->epoch, access.epoch) != 0)
        return err_set(err, RC_PERM, "access token: the user was removed or disabled, or has another password");
    if (user->role != access.role)
        return err_set(err, RC_PERM, "access token: the user has another role since");
    if (!sessions_alive(who->spool, access.sub, access.family))
        return err_set(err, RC_PERM, "access token: its session is over");
    p->kind = PRINCIPAL_USER;
    p->role = user->role;
    p->own_only = user->role == ROLE_OPERATOR;
    p->expires_s = access.expires_s;
    str_copy(p->name, sizeof p->name, user->name);
    str_copy(p->family, sizeof p->family, access.family);
    return RC_OK;
}

static enum rc by_key(struct who *who, const struct who_given *given, const char *text, struct principal *p, char use_key[PRINCIPAL_KEY_SIZE],
                      struct err *err) {
    bool write_use = false;
    if (apikey_env_check(&who->env, text, given->env_scope, p))
        return RC_OK;
    enum rc rc = apikeys_refresh(who->keys, err);
    rc = rc ? rc : apikeys_check(who->keys, who->users, text, given->now_s, p, &write_use, err);
    if (!rc && write_use && use_key)
        str_copy(use_key, PRINCIPAL_KEY_SIZE, p->key_id);
    return rc;
}

/* The secrets of the environment have any form that a token can have, but three parts of base64url are an access token. */
static bool is_key(const struct who_given *given, const char *token) {
    return str_starts(token, APIKEY_PREFIX) || (given->env_scope != SCOPE_PERSON && !str_starts(token, "eyJ"));
}

enum rc who_is(struct who *who, const struct who_given *given, struct principal *principal, char use_key[PRINCIPAL_KEY_SIZE], struct err *err) {
    char token[CREDENTIALS_TOKEN_SIZE] = "";
    *principal = (struct principal){.kind = PRINCIPAL_NOBODY};
    if (use_key)
        *use_key = '\0';
    if (given->twice || (given->authorization && given->api_key))
        return err_set(err, RC_PERM, "more than one field says who it is");
    enum rc rc = given->api_key ? credentials_api_key(given->api_key, token) : credentials_bearer(given->authorization, token);
    const bool by_cookie = rc == RC_GONE;
    if (by_cookie)
        rc = credentials_cookie(given->cookie, COOKIE_ACCESS, token);
    if (rc)
        return rc == RC_GONE ? rc : err_set(err, rc, "what says who it is has not the form of a token");
    rc = users_refresh(who->users, err);
    if (!rc && !by_cookie && (given->api_key || is_key(given, token)))
        rc = by_key(who, given, token, principal, use_key, err);
    else if (!rc)
        rc = by_token(who, token, given->now_s, principal, err);
    principal->by_cookie = by_cookie && !rc;
    sodium_memzero(token, sizeof token);
    return rc;
}
