// SPDX-License-Identifier: Apache-2.0
#ifndef API_APIKEY_H
#define API_APIKEY_H

#include "api/principal.h"
#include "api/users.h"
#include "api/webfile.h"

/*
 * Keys of machines: "bsk_<16 hexadecimal digits>_<43 characters of base64url>", in web/keys.json, which has only the SHA-256 of the whole (of 32 random bytes
 * a fast sum is enough: there is nothing to guess).
 *   {"version":1,"keys":{"<id>":{"name","owner","owner_since","sha256","role","scopes":["read"...],"created_at","expires_at","last_used_at"}}}
 * A key can do what its role and its scopes say, and never more than its owner can now: it is nothing while he is disabled, and for good when he was removed
 * (owner_since is when he was made: somebody else of that name does not inherit it). Each key expires.
 *
 * Two secrets of the environment are accepted as well, each for one path: BACKGROUND_PROCESSOR_API_KEY starts what waits (SCOPE_PROCESS of the processor's
 * route), CRON_SECRET the same from cron (SCOPE_CRON).
 */

#define APIKEY_FILE "keys.json"
#define APIKEY_PREFIX "bsk_"
#define APIKEY_SIZE 65 /* of the text of a key with its NUL */
#define APIKEY_MOST_OF_OWNER 50u
#define APIKEY_LIFE_DAYS 90u /* when nothing else is asked for */
#define APIKEY_LIFE_MOST_DAYS 3660u
#define APIKEY_NAME_SIZE 65
#define APIKEY_USED_S 60 /* last_used_at is that exact */

struct apikey {
    char id[PRINCIPAL_KEY_SIZE];
    char name[APIKEY_NAME_SIZE]; /* what people call it */
    char owner[PRINCIPAL_NAME_SIZE];
    int64_t owner_since_us;
    char sha256[65];
    enum role role;
    uint32_t scopes;                              /* SCOPE_BITs */
    int64_t created_us, expires_us, last_used_us; /* last_used_us 0: never */
};

/* The id of a key's text; false: it has not the form of one. Pure. */
bool apikey_id(const char *text, char id[PRINCIPAL_KEY_SIZE]);
/* Names to bits. RC_PERM names the first that is none, with the nearest; an empty list is none, too. Pure. */
enum rc apikey_scopes(const char *const *names, size_t count, uint32_t *scopes, struct err *err);
/* {"key_id","name","owner","role","scopes","expires_at","created_at","last_used_at"}; NULL: out of memory. Pure. */
cJSON *apikey_json(const struct apikey *key);

/* --- the loop's memory of the file: one owner, one thread --- */

struct apikeys;
struct apikeys *apikeys_new(const struct spool *spool); /* spool is borrowed; NULL: out of memory */
void apikeys_free(struct apikeys *keys);
/* As users_refresh: on failure no key is known. */
enum rc apikeys_refresh(struct apikeys *keys, struct err *err);
size_t apikeys_count(const struct apikeys *keys);
const struct apikey *apikeys_at(const struct apikeys *keys, size_t i); /* by id; borrowed until the next refresh */
const struct apikey *apikeys_find(const struct apikeys *keys, const char *id);
/* What the key may, as its owner is now. False: nothing, as he is disabled or another one of that name. Pure. */
bool apikey_principal(const struct apikey *key, const struct user *owner, struct principal *who);
/* Whose key this is. users must be as new. RC_PERM, one text for all reasons. *write_use: it is time to call apikey_used on a lane (once a minute a key). */
enum rc apikeys_check(struct apikeys *keys, const struct users *users, const char *text, int64_t now_s, struct principal *who, bool *write_use,
                      struct err *err);

/* --- on a lane, or in a program --- */

struct apikey_wish {
    const char *name, *owner;
    enum role role; /* ROLE_NONE: the owner's */
    uint32_t scopes;
    unsigned life_days; /* 0: APIKEY_LIFE_DAYS */
};
/* text is the key, which nobody can tell again. RC_GONE: no such owner. RC_PERM: a role above his, no scope, a wrong name or life. RC_AGAIN: he has too many.
 */
enum rc apikey_add(const struct spool *spool, const struct apikey_wish *wish, struct apikey *key, char text[APIKEY_SIZE], struct err *err);
/* owner NULL: anybody's. RC_GONE: there is none of that id, or it is another's. */
enum rc apikey_remove(const struct spool *spool, const char *id, const char *owner, struct err *err);
/* All of a user: when he is removed. */
enum rc apikey_remove_all(const struct spool *spool, const char *owner, struct err *err);
enum rc apikey_used(const struct spool *spool, const char *id, int64_t when_us, struct err *err);

/* --- secrets of the environment --- */

struct apikey_env {
    char processor[65], cron[65]; /* SHA-256 */
    bool has_processor, has_cron;
};
/* Takes both out of the environment, so that no child has them. RC_FATAL: one is shorter than 16 characters, or
 * has others than a token can have. At start, before there are threads. */
enum rc apikey_env_take(struct apikey_env *env, struct err *err);
/* Whether text is the secret for this scope (SCOPE_PROCESS or SCOPE_CRON, and only where the route is the processor's or cron's own). Pure. */
bool apikey_env_check(const struct apikey_env *env, const char *text, enum scope scope, struct principal *who);

#endif
