// SPDX-License-Identifier: Apache-2.0
#ifndef SOURCE_AUTH_H
#define SOURCE_AUTH_H

#include "base/str.h"
#include "source/request.h"

/* What a source wants to see before it answers: a bearer token, a name and password (RFC 7617), a key, or an access token that is asked for with the client's
 * credentials (OAuth 2.0, RFC 6749 section 4.4). Pure: texts in, texts out. No err ever shows a secret. */

/* Put it into the headers or params of a request. Without scope->access_token the header of a source with client credentials is left out. RC_PERM: a secret is
 * missing or empty, has control characters, a user name has a colon, or the request says the same header or parameter already. */
enum rc auth_apply(const struct source *source, const struct template_scope *scope, cJSON *params, cJSON *headers, struct err *err);

/* What a server says may repeat the URL that it was asked by: take the values of source->hidden_params out of text, which is to be kept or shown. */
void auth_hide(const struct source *source, char *text);

/* The request for an access token, of a source whose auth.type is AUTH_OAUTH2. Caller: auth_wipe. RC_PERM as above. */
enum rc auth_token_request(const struct source *source, const struct template_scope *scope, struct request *request, struct err *err);
/* request_release, with everything in it overwritten first. */
void auth_wipe(struct request *request);

#define AUTH_ANSWER_BYTES 65536u /* of a token endpoint, at most */

enum auth_grant {
    AUTH_GRANTED,
    AUTH_REFUSED, /* for a person to mend: 4xx, a redirect, a good status with what is no token */
    AUTH_LATER    /* 408, 429, 5xx */
};
struct auth_token {
    struct buf text; /* visible ASCII; wiped by the caller */
    int64_t life_s;  /* 1 s to a year; default_token_expiration when the answer does not say */
};

/* What a whole answer of the token endpoint means. Granted: access_token (visible ASCII), token_type "Bearer" in any case, expires_in absent, a number or a
 * text of digits. Otherwise err names the endpoint, the status, and `error` and `error_description`, but for words that hold one of the secrets of the request.
 */
enum auth_grant auth_read_token(const struct source *source, const struct template_scope *scope, int status, struct slice body, struct auth_token *token,
                                struct err *err);

#endif
