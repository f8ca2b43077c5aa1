// SPDX-License-Identifier: Apache-2.0
#ifndef API_SESSIONS_H
#define API_SESSIONS_H

#include "api/secret.h"
#include "api/users.h"

/*
 * Sessions and their refresh tokens. A session (a family of tokens: what grew out of one login) is a file, web/sessions/<user>~<family>.json; removing it ends
 * the session, its access tokens included, so `ls` shows who is signed in and `rm` signs out.
 *   {"version":1,"epoch":"...","created_at":T,"used_at":T,"expires_at":T,"current":SHA-256,"previous":SHA-256 or ""}
 *
 * A refresh token is "<user>~<family>~<43 characters of base64url>", of which the file has only the SHA-256. Each use gives the next one: the first is random,
 * its successors are HMAC-SHA256(web/secret, token), which nobody can tell from random without the secret. That makes the answer to a token the same whenever
 * it is given, though only its sum is stored: two tabs that wake up together, or a page that is loaded again while its refresh is on the way, present the same
 * token twice within SESSIONS_GRACE_S and get the same successor, and it does not matter whose answer's cookie is kept. (A fresh sibling for each would make
 * the loser's cookie a stolen one at its next use.) After that, an old token ends its family: one of its two holders is a thief (RFC 9700, 4.14.2).
 *
 * A session ends SESSIONS_IDLE_S after its last use, at the latest SESSIONS_LIFE_S after its login. A user has at most SESSIONS_MOST; the one that was not used
 * for longest goes.
 */

#define SESSIONS_IDLE_S (7 * 86400)
#define SESSIONS_LIFE_S (30 * 86400)
#define SESSIONS_GRACE_S 10
#define SESSIONS_MOST 50u
#define SESSIONS_TOKEN_SIZE (PRINCIPAL_NAME_SIZE + PRINCIPAL_FAMILY_SIZE + SECRET_MAC_SIZE) /* with its NUL */

struct session {
    char user[PRINCIPAL_NAME_SIZE];
    char family[PRINCIPAL_FAMILY_SIZE];
    int64_t expires_s;
};

/* Parts of a refresh token; false: it is none. secret may be NULL. Pure. */
bool sessions_token_parse(const char *token, struct session *session, const char **secret);

/* Whether the session is there. One fstatat: from every thread. */
bool sessions_alive(const struct spool *spool, const char *user, const char *family);

/* --- on a lane, or in a program --- */

/* A login. token holds the first refresh token. */
enum rc sessions_begin(const struct spool *spool, const struct user *user, int64_t now_s, struct session *session, char token[SESSIONS_TOKEN_SIZE],
                       struct err *err);

/* Use of a refresh token: its successor, its session, and its user as he is now. RC_PERM: it is none, its session is over, or the user is disabled or has
 * another password since. *reused (may be NULL): it was an old one, and its family has been ended: tell the audit. */
enum rc sessions_rotate(const struct spool *spool, const struct secret *secret, const char *token, int64_t now_s, struct session *session, struct user *user,
                        char next[SESSIONS_TOKEN_SIZE], bool *reused, struct err *err);

/* Logout. RC_GONE: there was none. */
enum rc sessions_end(const struct spool *spool, const char *user, const char *family, struct err *err);
/* All of a user; but one, unless but is NULL. (What ends them at once is the user's epoch: this removes their files.) */
enum rc sessions_end_all(const struct spool *spool, const char *user, const char *but, struct err *err);
/* Remove the files of sessions that were not used for SESSIONS_IDLE_S, by the files' times: at start and once a day. */
enum rc sessions_prune(const struct spool *spool, int64_t now_s, struct err *err);

#endif
