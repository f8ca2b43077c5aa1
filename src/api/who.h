// SPDX-License-Identifier: Apache-2.0
#ifndef API_WHO_H
#define API_WHO_H

#include "api/apikey.h"
#include "api/principal.h"
#include "api/secret.h"
#include "api/users.h"

/*
 * Who asks: of what a request brings, the principal. It knows users.json, keys.json, the secret and those of the environment; the loop's own, and fast enough
 * for it (two or three fstatat when nothing changed, an HMAC or a SHA-256; no hashing of passwords, nothing is written).
 */

struct who;

/* spool is borrowed. Takes the secrets of the environment (apikey_env_take). RC_FATAL, RC_PERM, RC_CORRUPT: the program cannot start (err says how to mend). */
enum rc who_new(const struct spool *spool, struct who **who, struct err *err);
void who_free(struct who *who);
const struct secret *who_secret(const struct who *who); /* does not change: lanes may have it, until who_free */
/* As of now: read again when they changed. For lists, too. RC_CORRUPT: the file is damaged and nobody is known. */
enum rc who_users(struct who *who, const struct users **users, struct err *err);
enum rc who_keys(struct who *who, const struct apikeys **keys, struct err *err);

struct who_given {
    const char *authorization, *api_key, *cookie; /* the fields Authorization, X-API-Key, Cookie; NULL: there is none */
    bool twice;                                   /* one of them came twice: refused */
    enum scope env_scope; /* SCOPE_PROCESS or SCOPE_CRON on the processor's and cron's own routes, where secrets of the environment are accepted; else
                             SCOPE_PERSON */
    int64_t now_s;
};

/* RC_OK: *principal. RC_GONE: nothing was given; *principal is nobody. RC_AGAIN: an access token that has expired (refresh). RC_PERM: what was given is
 * good for nothing: 401 in all three, with err for the log, not for the answer. RC_CORRUPT, RC_TEMP: users or keys cannot be read: 503.
 * A field is believed before a cookie; Authorization and X-API-Key together are refused. *use_key (may be NULL): the id of a key whose use is to be written,
 * apikey_used on a lane; else "". */
enum rc who_is(struct who *who, const struct who_given *given, struct principal *principal, char use_key[PRINCIPAL_KEY_SIZE], struct err *err);

#endif
