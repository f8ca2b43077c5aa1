// SPDX-License-Identifier: Apache-2.0
#include "api/admit.h"

#include "api/bucket.h"
#include "api/follow.h"
#include "api/gate.h"
#include "api/route.h"
#include "api/sessions.h"
#include "api/web.h"
#include "api/who.h"
#include "base/clock.h"
#include "base/log.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct key_use {
    struct work work;
    const struct spool *spool;
    char id[PRINCIPAL_KEY_SIZE];
    int64_t when_us;
};

#define CREDENTIAL_FIELDS 3
#define RETRY_S 5u

/* --- before anybody asks who it is -------------------------------------------------------------------------------------- */

bool admit_host(struct request *r) {
    if (gate_host(r->api->gate, request_header(r, "Host")))
        return true;
    reply_problem(r, 421, "this host is not served here; names beside the address belong into allowed_hosts");
    return false;
}

/* 429 */
static bool too_many(struct request *r, unsigned after_s, const char *detail) {
    if (!after_s)
        return false;
    reply_problem(r, 429, "%s; try again in %u s", detail, after_s);
    reply_header(r, "Retry-After", "%u", after_s);
    return true;
}

/* Who is signed in is counted as that person, all others by their address. */
static bool in_rate(struct request *r) {
    char key[BUCKET_KEY_SIZE];
    const unsigned flags = r->route->flags;
    const enum bucket_class class = flags & ROUTE_LOGIN ? BUCKET_LOGIN : flags & ROUTE_UPLOAD ? BUCKET_UPLOAD : BUCKET_GENERAL;
    bucket_address(r->client, key);
    if (r->who.kind != PRINCIPAL_NOBODY && class != BUCKET_LOGIN)
        str_format(key, sizeof key, "=%s", r->who.name);
    return !too_many(r, bucket_take(r->api->buckets, class, key, clock_mono_ms()), "too many requests");
}

/* --- who ---------------------------------------------------------------------------------------------------------------- */

static bool comes_twice(const struct request *r) {
    static const char *const fields[CREDENTIAL_FIELDS] = {"Authorization", "X-API-Key", "Cookie"};
    for (size_t f = 0; f < CREDENTIAL_FIELDS; f++) {
        size_t count = 0;
        for (size_t i = 0; i < r->header_count; i++)
            count += strcasecmp(r->headers[i].name, fields[f]) == 0;
        if (count > 1)
            return true;
    }
    return false;
}

static void key_run(struct work **items, size_t count) {
    for (size_t i = 0; i < count; i++) {
        const struct key_use *use = HEAP_ENTRY(items[i], struct key_use, work);
        struct err err = {0};
        if (apikey_used(use->spool, use->id, use->when_us, &err))
            log_warn("%s", err.text);
    }
}

static void key_done(struct work *item) {
    free(HEAP_ENTRY(item, struct key_use, work));
}

/* Its last use is written behind the answer's back. */
static void key_used(struct api *api, const char *id) {
    static const struct work_class class = {.name = "key", .run = key_run, .done = key_done, .max = 16};
    struct key_use *use = calloc(1, sizeof *use);
    if (!use)
        return;
    use->spool = api->spool;
    use->when_us = clock_wall_us();
    str_copy(use->id, sizeof use->id, id);
    worker_submit(api->worker, &use->work, &class, ADMIT_LANE_USERS);
}

static void unauthorized(struct request *r, enum rc rc) {
    reply_problem(r, 401,
                  rc == RC_AGAIN  ? "the access token has expired; refresh it"
                  : rc == RC_GONE ? "sign in, or send a key"
                                  : "these credentials are not valid");
    reply_header(r, "WWW-Authenticate", "Bearer realm=\"batchspool\"%s", rc == RC_GONE ? "" : ", error=\"invalid_token\"");
}

/* r->who; of a public route nobody, when nothing good was given. False: the reply is set. */
static bool identify(struct request *r) {
    char use_key[PRINCIPAL_KEY_SIZE] = "";
    struct err err = {0};
    const struct who_given given = {.authorization = request_header(r, "Authorization"),
                                    .api_key = request_header(r, "X-API-Key"),
                                    .cookie = request_header(r, "Cookie"),
                                    .twice = comes_twice(r),
                                    .env_scope = r->route->env_scope,
                                    .now_s = clock_wall_us() / 1000000};
    enum rc rc = who_is(r->api->who, &given, &r->who, use_key, &err);
    if (*use_key)
        key_used(r->api, use_key);
    if (!rc)
        return true;
    const bool public = r->route->flags & ROUTE_PUBLIC;
    r->who = (struct principal){.kind = PRINCIPAL_NOBODY};
    if (rc == RC_CORRUPT || rc == RC_TEMP) {
        log_error("%s", err.text);
        if (!public)
            reply_later(r, RETRY_S, "users cannot be read; see the log");
        return public;
    }
    if (!public)
        unauthorized(r, rc);
    return public;
}

/* Against requests that other sites have a browser send. */
static bool own_pages(struct request *r) {
    const char *host = request_header(r, "Host"), *origin = request_header(r, "Origin"), *site = request_header(r, "Sec-Fetch-Site");
    if (gate_safe_method(r->method))
        return true;
    if (r->route->flags & ROUTE_SESSION) {
        if (gate_origin_or_none(r->api->gate, host, origin, site))
            return true;
    } else if (!r->who.by_cookie)
        return true;
    else if (gate_origin(r->api->gate, host, origin, site)) {
        if (gate_csrf_ok(who_secret(r->api->who), r->who.family, request_header(r, GATE_CSRF_HEADER)))
            return true;
        reply_problem(r, 403, "the field " GATE_CSRF_HEADER " is missing or not that of this session (GET /api/auth/me tells it)");
        return false;
    }
    reply_problem(r, 403, "the request does not come from this site's own pages");
    return false;
}

static bool allowed(struct request *r) {
    if (r->route->flags & ROUTE_PUBLIC || principal_may(&r->who, r->route->role, r->route->scope))
        return true;
    const bool key = r->who.kind != PRINCIPAL_USER && r->who.role >= r->route->role;
    if (key)
        reply_problem(r, 403, "the key has not the scope %s", scope_name(r->route->scope));
    else
        reply_problem(r, 403, "this needs the role %s, yours is %s", role_name(r->route->role), role_name(r->who.role));
    return false;
}

bool admit_sees(const struct principal *who, const char *owner) {
    return principal_sees(who, owner);
}

const char *admit_owner(const struct principal *who) {
    return who->own_only ? who->name : NULL;
}

/* It is there, and what it may is the same. */
static bool key_holds(struct api *api, const struct principal *who, const struct user *owner) {
    const struct apikeys *keys;
    struct principal now;
    struct err err = {0};
    const struct apikey *key = who_keys(api->who, &keys, &err) ? NULL : apikeys_find(keys, who->key_id);
    return key && apikey_principal(key, owner, &now) && now.role == who->role && now.own_only == who->own_only;
}

bool admit_holds(struct api *api, const struct principal *who) {
    const struct users *users;
    struct err err = {0};
    if (who->expires_s && who->expires_s <= clock_wall_us() / 1000000)
        return false;
    if (who->kind == PRINCIPAL_ENV)
        return true;
    const struct user *user = who_users(api->who, &users, &err) ? NULL : users_find(users, who->name);
    if (!user || user->disabled)
        return false;
    if (who->kind == PRINCIPAL_KEY)
        return key_holds(api, who, user);
    return user->role == who->role && (!*who->family || sessions_alive(api->spool, who->name, who->family));
}

/* --- the job ------------------------------------------------------------------------------------------------------------ */

static bool find_job(struct request *r) {
    struct err err = {0};
    r->job = malloc(sizeof *r->job);
    if (!r->job) {
        reply_later(r, 1, "out of memory");
        return false;
    }
    enum rc rc = jobid_valid(r->vars[0]) ? follow_row(r->api->follow, r->vars[0], r->job, &err) : RC_GONE;
    if ((rc == RC_OK || rc == RC_CORRUPT) && admit_sees(&r->who, r->job->created_by))
        return true;
    if (rc == RC_OK || rc == RC_GONE || rc == RC_CORRUPT)
        reply_problem(r, 404, "there is no job %.80s", r->vars[0]);
    else
        reply_rc(r, rc, &err);
    return false;
}

bool admit_request(struct request *r) {
    if (!identify(r)) {
        in_rate(r); /* who guesses is told 429 */
        return false;
    }
    return in_rate(r) && own_pages(r) && allowed(r) && (!(r->route->flags & ROUTE_JOB) || find_job(r));
}

uint32_t admit_lane(const struct request *r) {
    uint32_t hash = 2166136261u;
    if ((r->route->flags & ROUTE_FETCH) && (!(r->route->flags & ROUTE_SOURCES) || cJSON_GetObjectItemCaseSensitive(r->json, "sitemap")))
        return worker_lightest(r->api->worker, ADMIT_LANE_FETCH, ADMIT_LANE_FIRST);
    if (r->route->flags & ROUTE_SOURCES)
        return ADMIT_LANE_SOURCES;
    if (r->route->flags & ROUTE_USERS)
        return ADMIT_LANE_USERS;
    if (r->route->flags & ROUTE_HEAVY)
        return gate_safe_method(r->method) ? ADMIT_LANE_LOOKS : ADMIT_LANE_ACTS;
    if (!(r->route->flags & ROUTE_JOB))
        return worker_lightest(r->api->worker, ADMIT_LANE_FIRST, ADMIT_LANES);
    for (const char *at = r->vars[0]; *at; at++)
        hash = (hash ^ (unsigned char)*at) * 16777619u;
    return ADMIT_LANE_FIRST + hash % (ADMIT_LANES - ADMIT_LANE_FIRST);
}

bool admit_lane_free(struct request *r, uint32_t lane) {
    const bool heavy = lane == ADMIT_LANE_LOOKS || lane == ADMIT_LANE_ACTS, fetch = lane >= ADMIT_LANE_FETCH && lane < ADMIT_LANE_FIRST;
    if (worker_load(r->api->worker, lane) < (heavy ? ADMIT_HEAVY_MOST : fetch ? ADMIT_FETCH_MOST : ADMIT_LANE_MOST))
        return true;
    reply_later(r, RETRY_S, "too much of this is being done already");
    return false;
}

void admit_seal(struct request *r) {
    struct gate_header header;
    const struct reply *reply = &r->reply;
    const bool shown = r->route && (r->route->flags & ROUTE_SHOWN);
    const enum gate_kind kind = r->route == &web_route && reply->status < 400 ? GATE_PAGE : reply->fd < 0 ? GATE_DATA : shown ? GATE_SHOWN : GATE_FILE;
    bool cached = false;
    for (size_t i = 0; i < reply->header_count; i++)
        cached = cached || strcmp(reply->headers[i].name, "Cache-Control") == 0;
    for (size_t i = 0; gate_header(r->api->gate, kind, i, &header); i++)
        if (!cached || strcmp(header.name, "Cache-Control") != 0)
            reply_header(r, header.name, "%s", header.value);
}
