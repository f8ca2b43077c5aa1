// SPDX-License-Identifier: Apache-2.0
#ifndef API_ACCOUNT_H
#define API_ACCOUNT_H

#include "api/access.h"
#include "api/gate.h"
#include "api/sessions.h"
#include "api/users.h"

/* What concerns users, sessions and keys at once. On a lane (those with a password take 0.1 s and 64 MiB: submit them all to one lane number), or in a program.
 */

/* The answer to a login or refresh. It holds secrets: account_wipe it when it was sent. */
struct account_signed_in {
    struct user user;
    struct session session;
    char access[ACCESS_SIZE];
    char refresh[SESSIONS_TOKEN_SIZE];
    char csrf[GATE_CSRF_SIZE];
    int64_t access_expires_s;
};
void account_wipe(struct account_signed_in *in);

/* RC_PERM: "user name or password is wrong", whatever was. */
enum rc account_login(const struct spool *spool, const struct secret *secret, const char *name, const char *password, int64_t now_s,
                      struct account_signed_in *in, struct err *err);
/* RC_PERM: sign in again; *reused as sessions_rotate has it, in->session says whose. */
enum rc account_refresh(const struct spool *spool, const struct secret *secret, const char *refresh, int64_t now_s, struct account_signed_in *in, bool *reused,
                        struct err *err);
/* A person's own password: all his sessions end, and a new one begins. RC_PERM: the old one is wrong, or the new one breaks the rules (errno is EINVAL then).
 */
enum rc account_change_password(const struct spool *spool, const struct secret *secret, const char *name, const char *old, const char *password, int64_t now_s,
                                struct account_signed_in *in, struct err *err);

/* As users_set_password, users_set_disabled, users_remove, and what goes with them: sessions, on removal keys. What a crash between leaves is worth nothing. */
enum rc account_set_password(const struct spool *spool, const char *name, const char *password, struct err *err);
enum rc account_set_disabled(const struct spool *spool, const char *name, bool disabled, struct err *err);
enum rc account_remove(const struct spool *spool, const char *name, struct err *err);

#endif
