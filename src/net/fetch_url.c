// SPDX-License-Identifier: Apache-2.0
#include "net/fetch_url.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/str.h"

/* Owned by the caller (curl_free); NULL when there is none. */
static char *part_of(CURLU *parsed, CURLUPart part, unsigned flags) {
    char *text = NULL;
    return curl_url_get(parsed, part, &text, flags) == CURLUE_OK ? text : NULL;
}

static bool part_is(CURLU *parsed, CURLUPart part, const char *wanted) {
    char *text = part_of(parsed, part, 0);
    bool is = text != NULL && strcasecmp(text, wanted) == 0;
    curl_free(text);
    return is;
}

static bool same_part(CURLU *a, CURLU *b, CURLUPart part) {
    char *text = part_of(a, part, CURLU_DEFAULT_PORT);
    bool same = text != NULL;
    if (same) {
        char *other = part_of(b, part, CURLU_DEFAULT_PORT);
        same = other != NULL && strcasecmp(text, other) == 0;
        curl_free(other);
    }
    curl_free(text);
    return same;
}

/* libcurl has already written short and octal forms of an IPv4 address out in full, and itself takes "localhost" for loopback without asking anybody. */
static bool is_loopback(CURLU *parsed) {
    char *host = part_of(parsed, CURLUPART_HOST, 0);
    struct in_addr address;
    bool loopback = host != NULL && (strcasecmp(host, "localhost") == 0 || strcmp(host, "[::1]") == 0 ||
                                     (inet_pton(AF_INET, host, &address) == 1 && ntohl(address.s_addr) >> 24 == 127));
    curl_free(host);
    return loopback;
}

static char *copy_of(CURLU *parsed) {
    char *text = part_of(parsed, CURLUPART_URL, 0);
    char *copy = text == NULL ? NULL : strdup(text);
    curl_free(text);
    return copy;
}

/* Takes over what is parsed; changes it. */
static enum rc fill(struct fetch_url *url, CURLU *parsed, bool allow_http, struct err *err) {
    *url = (struct fetch_url){.secure = part_is(parsed, CURLUPART_SCHEME, "https"), .loopback = is_loopback(parsed)};
    (void)curl_url_set(parsed, CURLUPART_FRAGMENT, NULL, 0);
    url->text = copy_of(parsed);
    (void)curl_url_set(parsed, CURLUPART_QUERY, NULL, 0);
    url->shown = copy_of(parsed);
    if (url->text == NULL || url->shown == NULL) {
        fetch_url_release(url);
        return err_set(err, RC_TEMP, "out of memory");
    }
    if (url->secure || (part_is(parsed, CURLUPART_SCHEME, "http") && (allow_http || url->loopback))) {
        return RC_OK;
    }
    (void)err_set(err, RC_PERM, "%s: only https, or http to this host itself or with \"allow_http\": true", url->shown);
    fetch_url_release(url);
    return RC_PERM;
}

enum rc fetch_url_init(struct fetch_url *url, const char *text, bool allow_http, struct err *err) {
    *url = (struct fetch_url){0};
    CURLU *parsed = curl_url();
    if (parsed == NULL) {
        return err_set(err, RC_TEMP, "out of memory");
    }
    CURLUcode code = curl_url_set(parsed, CURLUPART_URL, text, CURLU_DISALLOW_USER);
    enum rc rc = code == CURLUE_OK ? fill(url, parsed, allow_http, err) : err_set(err, RC_PERM, "URL: %s", curl_url_strerror(code));
    curl_url_cleanup(parsed);
    return rc;
}

void fetch_url_release(struct fetch_url *url) {
    free(url->text);
    free(url->shown);
    *url = (struct fetch_url){0};
}

bool fetch_url_origin(const char *text, char *out, size_t size) {
    CURLU *parsed = curl_url();
    bool is = parsed != NULL && curl_url_set(parsed, CURLUPART_URL, text, CURLU_NON_SUPPORT_SCHEME) == CURLUE_OK;
    char *scheme = is ? part_of(parsed, CURLUPART_SCHEME, 0) : NULL, *host = is ? part_of(parsed, CURLUPART_HOST, 0) : NULL;
    char *port = is ? part_of(parsed, CURLUPART_PORT, CURLU_NO_DEFAULT_PORT) : NULL;
    is = scheme != NULL && host != NULL && str_format(out, size, "%s://%s%s%s", scheme, host, port != NULL ? ":" : "", port != NULL ? port : "");
    for (char *at = out; is && *at != '\0'; at++) {
        *at = (char)tolower((unsigned char)*at);
    }
    curl_free(port);
    curl_free(host);
    curl_free(scheme);
    curl_url_cleanup(parsed);
    return is;
}

enum rc fetch_url_redirect(struct fetch_url *url, const struct fetch_url *from, const char *location, bool allow_http, bool *same_origin, struct err *err) {
    *url = (struct fetch_url){0};
    CURLU *base = curl_url(), *parsed = NULL;
    if (base != NULL && curl_url_set(base, CURLUPART_URL, from->text, 0) == CURLUE_OK) {
        parsed = curl_url_dup(base);
    }
    enum rc rc;
    if (parsed == NULL) {
        rc = err_set(err, RC_TEMP, "out of memory");
    } else if (curl_url_set(parsed, CURLUPART_URL, location, CURLU_URLENCODE | CURLU_DISALLOW_USER) != CURLUE_OK) {
        rc = err_set(err, RC_PERM, "%s: redirected to what is no URL", from->shown);
    } else if (!same_part(base, parsed, CURLUPART_SCHEME) || (is_loopback(parsed) && !from->loopback)) {
        rc = err_set(err, RC_PERM, "%s: redirected to another scheme or to this host itself", from->shown);
    } else {
        *same_origin = same_part(base, parsed, CURLUPART_HOST) && same_part(base, parsed, CURLUPART_PORT);
        rc = fill(url, parsed, allow_http, err);
    }
    curl_url_cleanup(parsed);
    curl_url_cleanup(base);
    return rc;
}
