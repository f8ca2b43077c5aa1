// SPDX-License-Identifier: Apache-2.0
#ifndef API_LOGIN_H
#define API_LOGIN_H

#include "api/access.h"
#include "api/gate.h"
#include "api/sessions.h"
#include "api/users.h"

/* Signing in, and staying so. On a lane; those with a password take 0.1 s and 64 MiB, so submit them all to one lane number. */

/* The answer to a login or refresh. It holds secrets: login_wipe it when it was sent. */
struct login {
    struct user user;
    struct session session;
    char access[ACCESS_SIZE];
    char refresh[SESSIONS_TOKEN_SIZE];
    char csrf[GATE_CSRF_SIZE];
    int64_t access_expires_s;
};
void login_wipe(struct login *in);

/* RC_PERM: "user name or password is wrong", whatever was. */
enum rc login_begin(const struct spool *spool, const struct secret *secret, const char *name, const char *password, int64_t now_s, struct login *in,
                    struct err *err);
/* RC_PERM: sign in again; *reused as sessions_rotate has it, in->session says whose. */
enum rc login_refresh(const struct spool *spool, const struct secret *secret, const char *refresh, int64_t now_s, struct login *in, bool *reused,
                      struct err *err);
/* A person's own password: all his sessions end, and a new one begins. RC_AGAIN: the old one is wrong. RC_PERM: the new
 * one breaks the rules. */
enum rc login_change_password(const struct spool *spool, const struct secret *secret, const char *name, const char *old, const char *password, int64_t now_s,
                              struct login *in, struct err *err);

#endif
