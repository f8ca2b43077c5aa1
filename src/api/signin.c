// SPDX-License-Identifier: Apache-2.0
#include "api/signin.h"

#include "api/account.h"
#include "api/api.h"
#include "api/bucket.h"
#include "api/credentials.h"
#include "api/login.h"
#include "api/webaudit.h"
#include "api/who.h"
#include "base/clock.h"
#include "base/log.h"

#include <stdlib.h>
#include <string.h>

#define DAY_US (INT64_C(86400) * 1000000)

void signin_audit(const struct request *r, const char *act, const char *target, const char *outcome) {
    char by[200], status[40];
    struct err err = {0};
    principal_text(&r->who, by, sizeof by);
    str_format(status, sizeof status, r->reply.status < 400 ? "ok" : r->reply.status == 403 ? "denied" : "failed (%u)", r->reply.status);
    const struct webaudit entry = {.by = by, .client = r->client, .act = act, .target = target, .outcome = outcome ? outcome : status};
    if (webaudit_add(r->api->spool, &entry, &err))
        log_warn("%s", err.text);
}

/* --- sessions ----------------------------------------------------------------------------------------------------------- */

static void set_cookie(struct request *r, const char *name, const char *value, const char *path, unsigned max_age_s) {
    char cookie[2300];
    if (credentials_set_cookie(cookie, sizeof cookie, name, value, path, max_age_s, gate_secure(r->api->gate)))
        reply_header(r, "Set-Cookie", "%s", cookie);
}

/* in is wiped. */
static void reply_signed(struct request *r, struct login *in) {
    const int64_t left_s = in->access_expires_s - clock_wall_us() / 1000000;
    cJSON *json = cJSON_CreateObject();
    cJSON_AddStringToObject(json, "access_token", in->access);
    cJSON_AddStringToObject(json, "token_type", "Bearer");
    cJSON_AddNumberToObject(json, "expires_in", (double)left_s);
    cJSON_AddStringToObject(json, "refresh_token", in->refresh);
    cJSON_AddStringToObject(json, "csrf_token", in->csrf);
    cJSON *user = cJSON_AddObjectToObject(json, "user");
    cJSON_AddStringToObject(user, "name", in->user.name);
    cJSON_AddStringToObject(user, "role", role_name(in->user.role));
    reply_json(r, 200, json);
    set_cookie(r, COOKIE_ACCESS, in->access, "/", (unsigned)left_s);
    set_cookie(r, COOKIE_REFRESH, in->refresh, COOKIE_REFRESH_PATH, SESSIONS_IDLE_S);
    login_wipe(in);
}

static void forget_cookies(struct request *r) {
    set_cookie(r, COOKIE_ACCESS, "", "/", 0);
    set_cookie(r, COOKIE_REFRESH, "", COOKIE_REFRESH_PATH, 0);
}

static void reply_401(struct request *r, const struct err *err) {
    reply_problem(r, 401, "%s", err->text);
    reply_header(r, "WWW-Authenticate", "Bearer realm=\"batchspool\"");
}

/* PERM of these is what the caller was told to say; everything else is ours. */
static void reply_refused(struct request *r, enum rc rc, const struct err *err) {
    if (rc == RC_PERM)
        reply_401(r, err);
    else
        reply_rc(r, rc == RC_GONE ? RC_TEMP : rc, err);
}

/* A password may be tried now. False: the reply is set. */
static bool may_try(struct request *r, const char *name) {
    char address[BUCKET_KEY_SIZE];
    bucket_address(r->client, address);
    unsigned after_s = bucket_login(r->api->buckets, address, name, clock_mono_ms());
    if (!after_s)
        return true;
    reply_problem(r, 429, "too many attempts; try again in %u s", after_s);
    reply_header(r, "Retry-After", "%u", after_s);
    return false;
}

static void was_right(struct request *r, const char *name) {
    char address[BUCKET_KEY_SIZE];
    if (r->reply.status != 200)
        return;
    bucket_address(r->client, address);
    bucket_login_good(r->api->buckets, address, name);
}

bool signin_login_prepare(struct request *r) {
    static const char *const known[] = {"username", "password", NULL};
    const char *name, *password;
    return request_members(r, known) && request_text(r, "username", 256, true, &name) && request_text(r, "password", USERS_PASSWORD_MOST, true, &password) &&
           may_try(r, name);
}

void signin_login(struct request *r) {
    const char *name = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(r->json, "username"));
    char *password = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(r->json, "password"));
    struct login in;
    struct err err = {0};
    enum rc rc = login_begin(r->api->spool, who_secret(r->api->who), name, password, clock_wall_us() / 1000000, &in, &err);
    explicit_bzero(password, strlen(password));
    if (rc)
        reply_refused(r, rc, &err);
    else {
        reply_signed(r, &in);
        r->who.kind = PRINCIPAL_USER;
        str_copy(r->who.name, sizeof r->who.name, name);
    }
    /* People type passwords where the name belongs. */
    signin_audit(r, "login", users_name_valid(name) ? name : "(no name)", NULL);
}

void signin_login_done(struct request *r) {
    was_right(r, cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(r->json, "username")));
}

void signin_refresh(struct request *r) {
    static const char *const known[] = {"refresh_token", NULL};
    char cookie[CREDENTIALS_TOKEN_SIZE];
    const char *token = NULL;
    struct login in = {.access_expires_s = 0};
    struct err err = {0};
    bool reused = false;
    if (r->json && (!request_members(r, known) || !request_text(r, "refresh_token", CREDENTIALS_TOKEN_SIZE - 1, false, &token)))
        return;
    if (!token && credentials_cookie(request_header(r, "Cookie"), COOKIE_REFRESH, cookie) == RC_OK)
        token = cookie;
    enum rc rc = token ? login_refresh(r->api->spool, who_secret(r->api->who), token, clock_wall_us() / 1000000, &in, &reused, &err)
                       : err_set(&err, RC_PERM, "there is no refresh token; sign in");
    if (!rc) {
        reply_signed(r, &in);
        return;
    }
    reply_refused(r, rc, &err);
    if (rc == RC_PERM && token == cookie)
        forget_cookies(r);
    if (reused)
        signin_audit(r, "refresh", in.session.user, "an old token was used; the session was ended");
}

void signin_logout(struct request *r) {
    struct err err = {0};
    enum rc rc = *r->who.family ? sessions_end(r->api->spool, r->who.name, r->who.family, &err) : RC_OK;
    if (rc && rc != RC_GONE) {
        reply_rc(r, rc, &err);
        return;
    }
    reply_empty(r, 204);
    forget_cookies(r);
    signin_audit(r, "logout", r->who.name, NULL);
}

bool signin_password_prepare(struct request *r) {
    return may_try(r, r->who.name);
}

void signin_password_done(struct request *r) {
    was_right(r, r->who.name);
}

void signin_password(struct request *r) {
    static const char *const known[] = {"old_password", "new_password", NULL};
    const char *old, *new;
    struct login in;
    struct err err = {0};
    if (!request_members(r, known) || !request_text(r, "old_password", USERS_PASSWORD_MOST, true, &old) ||
        !request_text(r, "new_password", USERS_PASSWORD_MOST, true, &new))
        return;
    enum rc rc = login_change_password(r->api->spool, who_secret(r->api->who), r->who.name, old, new, clock_wall_us() / 1000000, &in, &err);
    if (rc == RC_PERM)
        reply_invalid(r, "/new_password", "%s", err.text);
    else if (rc == RC_AGAIN)
        reply_invalid(r, "/old_password", "%s", err.text);
    else if (rc)
        reply_refused(r, rc, &err);
    else
        reply_signed(r, &in);
    signin_audit(r, "password", r->who.name, NULL);
}

void signin_me(struct request *r) {
    char csrf[GATE_CSRF_SIZE], until[CLOCK_RFC3339_SIZE];
    cJSON *json = cJSON_CreateObject();
    cJSON_AddStringToObject(json, "name", r->who.name);
    cJSON_AddStringToObject(json, "role", role_name(r->who.role));
    if (r->who.by_cookie) {
        gate_csrf(who_secret(r->api->who), r->who.family, csrf);
        cJSON_AddStringToObject(json, "csrf_token", csrf);
    } else
        cJSON_AddNullToObject(json, "csrf_token");
    cJSON_AddStringToObject(json, "csrf_header", GATE_CSRF_HEADER);
    clock_format_rfc3339(r->who.expires_s * 1000000, 0, until);
    if (r->who.expires_s)
        cJSON_AddStringToObject(json, "expires_at", until);
    else
        cJSON_AddNullToObject(json, "expires_at");
    reply_json(r, 200, json);
}

/* --- keys --------------------------------------------------------------------------------------------------------------- */

void signin_keys(struct request *r) {
    const struct apikeys *keys;
    struct err err = {0};
    enum rc rc = who_keys(r->api->who, &keys, &err);
    if (rc) {
        reply_rc(r, rc, &err);
        return;
    }
    cJSON *json = cJSON_CreateObject(), *list = cJSON_AddArrayToObject(json, "keys");
    for (size_t i = 0; i < apikeys_count(keys); i++) {
        const struct apikey *key = apikeys_at(keys, i);
        if (r->who.role == ROLE_ADMIN || strcmp(key->owner, r->who.name) == 0)
            cJSON_AddItemToArray(list, apikey_json(key));
    }
    reply_json(r, 200, json);
}

static bool take_scopes(struct request *r, uint32_t *scopes) {
    const cJSON *given = cJSON_GetObjectItemCaseSensitive(r->json, "scopes"), *item;
    const char *names[SCOPE_COUNT];
    size_t count = 0;
    struct err err = {0};
    *scopes = 1u << SCOPE_READ;
    if (!given)
        return true;
    if (cJSON_IsArray(given) && cJSON_GetArraySize(given) <= SCOPE_COUNT) {
        cJSON_ArrayForEach(item, given) names[count++] = cJSON_IsString(item) ? item->valuestring : "";
        if (apikey_scopes(names, count, scopes, &err) == RC_OK)
            return true;
    }
    reply_invalid(r, "/scopes", "%s", *err.text ? err.text : "must be a list of scopes");
    return false;
}

static bool take_role(struct request *r, bool required, enum role *role) {
    const char *text;
    if (!request_text(r, "role", 16, required, &text))
        return false;
    if (!text || role_from_name(text, role))
        return true;
    reply_invalid(r, "/role", "must be viewer, operator or admin");
    return false;
}

/* expires_at to whole days from now, the last one begun. */
static bool take_life(struct request *r, unsigned *days) {
    const char *text;
    int64_t at_us;
    const int64_t now_us = clock_wall_us();
    if (!request_text(r, "expires_at", 64, false, &text))
        return false;
    if (!text)
        return true;
    if (clock_parse_rfc3339(text, &at_us) && at_us > now_us && at_us - now_us <= APIKEY_LIFE_MOST_DAYS * DAY_US) {
        *days = (unsigned)((at_us - now_us + DAY_US - 1) / DAY_US);
        return true;
    }
    reply_invalid(r, "/expires_at", "must be a time to come, at most %u days ahead", APIKEY_LIFE_MOST_DAYS);
    return false;
}

void signin_key_add(struct request *r) {
    static const char *const known[] = {"name", "role", "scopes", "expires_at", NULL};
    struct apikey_wish wish = {.owner = r->who.name, .role = ROLE_NONE};
    struct apikey key;
    char text[APIKEY_SIZE];
    struct err err = {0};
    if (!request_members(r, known) || !request_text(r, "name", APIKEY_NAME_SIZE - 1, true, &wish.name) || !take_role(r, false, &wish.role) ||
        !take_scopes(r, &wish.scopes) || !take_life(r, &wish.life_days))
        return;
    enum rc rc = apikey_add(r->api->spool, &wish, &key, text, &err);
    if (rc == RC_PERM)
        reply_problem(r, 422, "%s", err.text);
    else if (rc == RC_AGAIN)
        reply_problem(r, 409, "%s", err.text);
    else if (rc)
        reply_rc(r, rc, &err);
    else {
        cJSON *json = apikey_json(&key);
        cJSON_AddStringToObject(json, "key", text);
        reply_json(r, 201, json);
        reply_header(r, "Location", "/api/auth/keys/%s", key.id);
    }
    explicit_bzero(text, sizeof text);
    signin_audit(r, "key.add", rc ? wish.name : key.id, NULL);
}

void signin_key_remove(struct request *r) {
    struct err err = {0};
    enum rc rc = apikey_remove(r->api->spool, r->vars[0], r->who.role == ROLE_ADMIN ? NULL : r->who.name, &err);
    if (rc == RC_GONE)
        reply_problem(r, 404, "there is no key %.40s", r->vars[0]);
    else if (rc)
        reply_rc(r, rc, &err);
    else
        reply_empty(r, 204);
    signin_audit(r, "key.remove", r->vars[0], NULL);
}

/* --- users -------------------------------------------------------------------------------------------------------------- */

void signin_users(struct request *r) {
    const struct users *users;
    struct err err = {0};
    enum rc rc = who_users(r->api->who, &users, &err);
    if (rc) {
        reply_rc(r, rc, &err);
        return;
    }
    cJSON *json = cJSON_CreateObject(), *list = cJSON_AddArrayToObject(json, "users");
    for (size_t i = 0; i < users_count(users); i++)
        cJSON_AddItemToArray(list, users_json(users_at(users, i)));
    reply_json(r, 200, json);
}

/* As api/users.h has its results. */
static void reply_user_rc(struct request *r, enum rc rc, const struct err *err) {
    if (rc == RC_AGAIN)
        reply_problem(r, 409, "%s", err->text);
    else if (rc == RC_PERM)
        reply_problem(r, 422, "%s", err->text);
    else
        reply_rc(r, rc, err);
}

static void reply_user(struct request *r, unsigned status, const char *name) {
    struct user user;
    struct err err = {0};
    enum rc rc = users_get(r->api->spool, name, &user, &err);
    if (rc)
        reply_user_rc(r, rc, &err);
    else
        reply_json(r, status, users_json(&user));
}

void signin_user_add(struct request *r) {
    static const char *const known[] = {"name", "role", "password", NULL};
    const char *name, *password;
    enum role role = ROLE_NONE;
    struct err err = {0};
    if (!request_members(r, known) || !request_text(r, "name", 64, true, &name) || !take_role(r, true, &role) ||
        !request_text(r, "password", USERS_PASSWORD_MOST, true, &password))
        return;
    if (!users_name_valid(name))
        reply_invalid(r, "/name", "must be 1 to 64 letters, digits, _ . @ or -, the first a letter, digit or _");
    else if (users_password_check(name, password, &err))
        reply_invalid(r, "/password", "%s", err.text);
    else {
        enum rc rc = users_add(r->api->spool, name, password, role, &err);
        if (rc)
            reply_user_rc(r, rc, &err);
        else {
            reply_user(r, 201, name);
            reply_header(r, "Location", "/api/users/%s", name);
        }
    }
    signin_audit(r, "user.add", name, NULL);
}

/* One after the other; what fails leaves what was done before. */
static enum rc change_user(struct request *r, const char *name, enum role role, const cJSON *disabled, const char *password, struct err *err) {
    enum rc rc = role ? users_set_role(r->api->spool, name, role, err) : RC_OK;
    if (!rc && password)
        rc = account_set_password(r->api->spool, name, password, err);
    return !rc && disabled ? account_set_disabled(r->api->spool, name, cJSON_IsTrue(disabled), err) : rc;
}

void signin_user_change(struct request *r) {
    static const char *const known[] = {"role", "disabled", "password", NULL};
    const char *name = r->vars[0], *password;
    const cJSON *disabled = cJSON_GetObjectItemCaseSensitive(r->json, "disabled");
    enum role role = ROLE_NONE;
    struct err err = {0};
    if (!request_members(r, known) || !take_role(r, false, &role) || !request_text(r, "password", USERS_PASSWORD_MOST, false, &password))
        return;
    if (disabled && !cJSON_IsBool(disabled))
        reply_invalid(r, "/disabled", "must be true or false");
    else if (!disabled && !role && !password)
        reply_invalid(r, "", "there is nothing to change: role, disabled or password");
    else if (password && users_password_check(name, password, &err))
        reply_invalid(r, "/password", "%s", err.text);
    else {
        enum rc rc = change_user(r, name, role, disabled, password, &err);
        if (rc)
            reply_user_rc(r, rc, &err);
        else
            reply_user(r, 200, name);
    }
    signin_audit(r, "user.change", name, NULL);
}

void signin_user_remove(struct request *r) {
    struct err err = {0};
    enum rc rc = account_remove(r->api->spool, r->vars[0], &err);
    if (rc)
        reply_user_rc(r, rc, &err);
    else
        reply_empty(r, 204);
    signin_audit(r, "user.remove", r->vars[0], NULL);
}
