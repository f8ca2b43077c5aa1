// SPDX-License-Identifier: Apache-2.0
#ifndef API_ACCESS_H
#define API_ACCESS_H

#include "api/secret.h"
#include "api/users.h"

/*
 * Access tokens: JWT (RFC 7519, RFC 8725) of one algorithm, HS256 with web/secret, by libjwt. A token is what one login or refresh gave, for 15 minutes:
 *   iss "batchspool-httpd", aud "batchspool", sub, role, iat, exp, jti, fam (family of its session), epoch (of users.json)
 * libjwt takes the algorithm from the token's own header, reads the body before it looks at the signature, and knows no claim; so what it is given to read has
 * been checked before: its first part is, byte for byte, the header that we write (there is no `alg` to choose, no `kid`, no `none`), and its third is our
 * signature, compared in constant time. After it the claims are checked here. Pure: from every thread, 20 microseconds.
 */

#define ACCESS_LIFE_S 900
#define ACCESS_SKEW_S 60 /* how far in the future a token may have been made */
#define ACCESS_SIZE 1024 /* of a token's text with its NUL; a longer one is none */

struct access {
    char sub[PRINCIPAL_NAME_SIZE];
    enum role role;
    char family[PRINCIPAL_FAMILY_SIZE];
    char epoch[USERS_EPOCH_SIZE];
    char id[SECRET_ID_SIZE];
    int64_t issued_s, expires_s;
};

/* RC_TEMP: out of memory. out holds the token. */
enum rc access_issue(const struct secret *secret, const struct user *user, const char *family, int64_t now_s, char out[ACCESS_SIZE], struct err *err);

/* What a token says. RC_PERM: it is none of ours, or a claim is missing or wrong, or it is not valid yet. RC_AGAIN: it has expired (refresh). The text of err
 * is for a log; it has nothing of the token in it. Whether user, role, epoch and family still are what it says is who's business (api/who.h). */
enum rc access_read(const struct secret *secret, const char *token, int64_t now_s, struct access *access, struct err *err);

#endif
