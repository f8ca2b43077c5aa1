// SPDX-License-Identifier: Apache-2.0
#ifndef API_PRINCIPAL_H
#define API_PRINCIPAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Who asks, and what he may do: a person who is signed in, a machine with a key, or a caller with a secret of the environment. Pure: from every thread. */

/* Least first. But a viewer sees all jobs and an operator only his own: see principal_sees. */
enum role { ROLE_NONE, ROLE_VIEWER, ROLE_OPERATOR, ROLE_ADMIN };

const char *role_name(enum role role);                  /* "viewer", "operator", "admin"; "none" */
bool role_from_name(const char *name, enum role *role); /* false, and ROLE_NONE, when it is none of the three */

/* What a key is for. A route names one; SCOPE_PERSON is that of routes which no key may use (passwords, keys, users' own data). */
enum scope { SCOPE_PERSON, SCOPE_READ, SCOPE_SUBMIT, SCOPE_CONTROL, SCOPE_PROCESS, SCOPE_ADMIN, SCOPE_METRICS, SCOPE_CRON, SCOPE_COUNT };

const char *scope_name(enum scope scope); /* "read" ... "cron"; "person" */
/* SCOPE_PERSON is no scope of a key: false. */
bool scope_from_name(const char *name, enum scope *scope);
#define SCOPE_BIT(scope) (UINT32_C(1) << (scope))

#define PRINCIPAL_NAME_SIZE 65
#define PRINCIPAL_FAMILY_SIZE 33
#define PRINCIPAL_KEY_SIZE 17

enum principal_kind { PRINCIPAL_NOBODY, PRINCIPAL_USER, PRINCIPAL_KEY, PRINCIPAL_ENV };

struct principal {
    enum principal_kind kind;
    char name[PRINCIPAL_NAME_SIZE];     /* the user, a key's owner, or the environment's variable */
    enum role role;                     /* a key's: at most its owner's, as it is now */
    bool own_only;                      /* sees and touches only jobs that it created: an operator, and each key of one, whatever the key's role */
    uint32_t scopes;                    /* SCOPE_BITs of a key; not looked at for a user */
    char family[PRINCIPAL_FAMILY_SIZE]; /* of the session; "" for keys */
    char key_id[PRINCIPAL_KEY_SIZE];    /* "" for users */
    bool by_cookie;                     /* the token came in a cookie: unsafe methods need a CSRF token and an Origin */
    int64_t expires_s;                  /* of token or key; 0: never */
};

/* Whether it may use a route that asks for least and, of a key, for scope. ROLE_NONE: everybody, nobody included. */
bool principal_may(const struct principal *who, enum role least, enum scope scope);
/* Whether it sees a job of this creator (else the answer is 404), and whether it may change it as well (it sees it and is no viewer). */
bool principal_sees(const struct principal *who, const char *created_by);
bool principal_changes(const struct principal *who, const char *created_by);

#define PRINCIPAL_BY_KEY " by key "
/* "ops", "ops by key 1f2e...", "the environment's CRON_SECRET": for the audit, and `by` of events takes who->name. */
void principal_text(const struct principal *who, char *out, size_t size);

#endif
