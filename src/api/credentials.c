// SPDX-License-Identifier: Apache-2.0
#include "api/credentials.h"

#include "base/str.h"

#include <string.h>
#include <strings.h>

/* token68 (RFC 7235), and "~", which is in refresh tokens; all of them may be in a cookie. */
#define TOKEN_CHARACTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~+/"
#define COOKIE_CHARACTERS TOKEN_CHARACTERS "@="

static struct slice trimmed(const char *from, const char *to) {
    while (from < to && (*from == ' ' || *from == '\t'))
        from++;
    while (to > from && (to[-1] == ' ' || to[-1] == '\t'))
        to--;
    return (struct slice){.data = from, .length = (size_t)(to - from)};
}

static enum rc take(struct slice text, const char *characters, char out[CREDENTIALS_TOKEN_SIZE]) {
    if (text.length == 0 || text.length >= CREDENTIALS_TOKEN_SIZE || strspn(text.data, characters) < text.length)
        return RC_PERM;
    memcpy(out, text.data, text.length);
    out[text.length] = '\0';
    return RC_OK;
}

enum rc credentials_cookie(const char *field, const char *name, char out[CREDENTIALS_TOKEN_SIZE]) {
    enum rc rc = RC_GONE;
    out[0] = '\0';
    if (!field)
        return RC_GONE;
    const size_t length = strnlen(field, CREDENTIALS_COOKIES_MOST + 1);
    if (length > CREDENTIALS_COOKIES_MOST)
        return RC_PERM;
    for (const char *at = field, *end = field + length; at < end;) {
        const char *stop = memchr(at, ';', (size_t)(end - at));
        stop = stop ? stop : end;
        const char *equals = memchr(at, '=', (size_t)(stop - at));
        if (equals && slice_equals(trimmed(at, equals), name)) {
            if (rc != RC_GONE || take(trimmed(equals + 1, stop), COOKIE_CHARACTERS, out) != RC_OK) {
                out[0] = '\0';
                return RC_PERM;
            }
            rc = RC_OK;
        }
        at = stop + 1;
    }
    return rc;
}

/* One token68, with its padding at the end. */
static enum rc take_token(const char *from, char out[CREDENTIALS_TOKEN_SIZE]) {
    struct slice text = trimmed(from, from + strnlen(from, CREDENTIALS_TOKEN_SIZE + 16));
    const size_t body = strspn(text.data, TOKEN_CHARACTERS);
    out[0] = '\0';
    if (body == 0 || (body < text.length && strspn(text.data + body, "=") < text.length - body))
        return RC_PERM;
    return take(text, TOKEN_CHARACTERS "=", out);
}

enum rc credentials_bearer(const char *field, char out[CREDENTIALS_TOKEN_SIZE]) {
    static const char scheme[] = "Bearer";
    out[0] = '\0';
    if (!field)
        return RC_GONE;
    return strncasecmp(field, scheme, sizeof scheme - 1) == 0 && field[sizeof scheme - 1] == ' ' ? take_token(field + sizeof scheme, out) : RC_PERM;
}

enum rc credentials_api_key(const char *field, char out[CREDENTIALS_TOKEN_SIZE]) {
    out[0] = '\0';
    return field ? take_token(field, out) : RC_GONE;
}

bool credentials_set_cookie(char *out, size_t size, const char *name, const char *value, const char *path, unsigned max_age_s, bool secure) {
    if (value[strspn(value, COOKIE_CHARACTERS)])
        return false;
    return str_format(out, size, "%s=%s; Path=%s; Max-Age=%u; HttpOnly; SameSite=Strict%s", name, max_age_s ? value : "", path, max_age_s,
                      secure ? "; Secure" : "");
}
