// SPDX-License-Identifier: Apache-2.0
#ifndef API_CREDENTIALS_H
#define API_CREDENTIALS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/rc.h"

/* What a request brings to say who it is: cookies and the fields Authorization and X-API-Key, read strictly and bounded; and cookies to send. Pure. */

#define CREDENTIALS_COOKIES_MOST 8192u /* bytes of the field Cookie; browsers send at most 4096 a cookie */
#define CREDENTIALS_TOKEN_SIZE 2048u   /* of one token, key or cookie, with its NUL */

#define COOKIE_ACCESS "bs_access"   /* Path=/ */
#define COOKIE_REFRESH "bs_refresh" /* Path=/api/auth */
#define COOKIE_REFRESH_PATH "/api/auth"

/* The value of one cookie in the field Cookie (RFC 6265; NULL: no such field). RC_GONE: it is not there. RC_PERM: it is there twice (somebody put another one
 * beside ours), is empty, or has characters that we send in none; or the field is too long. What other programs on this host have set is passed over, whatever
 * its form. */
enum rc credentials_cookie(const char *field, const char *name, char out[CREDENTIALS_TOKEN_SIZE]);

/* The token of "Bearer TOKEN" (RFC 6750; the scheme in any case). RC_GONE: no field. RC_PERM: another scheme, or no token68. */
enum rc credentials_bearer(const char *field, char out[CREDENTIALS_TOKEN_SIZE]);
/* X-API-Key: a token68, blanks around it. RC_GONE: no field. RC_PERM: something else. */
enum rc credentials_api_key(const char *field, char out[CREDENTIALS_TOKEN_SIZE]);

/* The value of Set-Cookie: "name=value; Path=path; Max-Age=N; HttpOnly; SameSite=Strict[; Secure]"; max_age_s 0 removes it. False: it does not fit, or the
 * value has characters that a cookie must not have. */
bool credentials_set_cookie(char *out, size_t size, const char *name, const char *value, const char *path, unsigned max_age_s, bool secure);

#endif
