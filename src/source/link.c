// SPDX-License-Identifier: Apache-2.0
#include "source/link.h"

#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define MOST_VALUE_BYTES 1024u

/* --- the header field ---------------------------------------------------------------------------------------------- */

static bool is_blank(char c) {
    return c == ' ' || c == '\t';
}

static const char *skip_blanks(const char *at) {
    while (is_blank(*at)) {
        at++;
    }
    return at;
}

/* Behind a quoted string that begins at `at`; what it says is added to value (cut off when it does not fit: then it is nothing that anybody asks for). */
static const char *take_quoted(const char *at, char value[MOST_VALUE_BYTES]) {
    size_t length = 0;
    const char quote = *at;

    for (at++; *at != '\0' && *at != quote; at++) {
        if (*at == '\\' && at[1] != '\0') {
            at++;
        }
        if (length + 1 < MOST_VALUE_BYTES) {
            value[length++] = *at;
        }
    }
    value[length + 1 < MOST_VALUE_BYTES ? length : 0] = '\0';
    return *at == quote ? at + 1 : at;
}

static const char *take_token(const char *at, const char *stop, char value[MOST_VALUE_BYTES]) {
    size_t length = strcspn(at, stop);

    if (length < MOST_VALUE_BYTES) {
        memcpy(value, at, length);
    }
    value[length < MOST_VALUE_BYTES ? length : 0] = '\0';
    return at + length;
}

/* To the next of the characters in stop that is not in quotes. */
static const char *skip_to(const char *at, const char *stop) {
    char value[MOST_VALUE_BYTES];

    while (*at != '\0' && strchr(stop, *at) == NULL) {
        at = *at == '"' ? take_quoted(at, value) : at + 1;
    }
    return at;
}

static bool names_relation(const char *value, const char *relation) {
    size_t wanted = strlen(relation);

    while (*(value = skip_blanks(value)) != '\0') {
        size_t length = strcspn(value, " \t");

        if (length == wanted && strncasecmp(value, relation, length) == 0) {
            return true;
        }
        value += length;
    }
    return false;
}

/* The parameters behind a target, to the comma or the end. */
static const char *take_params(const char *at, const char *relation, bool *wanted) {
    char name[MOST_VALUE_BYTES], value[MOST_VALUE_BYTES];
    bool has_relation = false, has_anchor = false;

    *wanted = false;
    for (at = skip_to(at, ",;"); *at == ';'; at = skip_to(at, ",;")) {
        at = skip_blanks(take_token(skip_blanks(at + 1), " \t=;,", name));
        value[0] = '\0';
        if (*at == '=') {
            at = skip_blanks(at + 1);
            /* 'next' is no quoted string of the RFC, and common clients take it for one. */
            at = *at == '"' || (*at == '\'' && strchr(at + 1, '\'') != NULL) ? take_quoted(at, value) : take_token(at, " \t;,", value);
        }
        if (strcasecmp(name, "rel") == 0 && !has_relation) {
            has_relation = true;
            *wanted = names_relation(value, relation);
        }
        has_anchor = has_anchor || strcasecmp(name, "anchor") == 0;
    }
    *wanted = *wanted && !has_anchor;
    return at;
}

bool link_find(const char *field, const char *relation, struct slice *target) {
    const char *at = field, *end;
    bool wanted = false;

    while (*(at += strspn(at, " \t,")) != '\0') {
        if (*at != '<') {
            at = skip_to(at, ",");
            continue;
        }
        end = strchr(at, '>');
        if (end == NULL) {
            return false;
        }
        *target = (struct slice){.data = at + 1, .length = (size_t)(end - at) - 1};
        at = take_params(end + 1, relation, &wanted);
        if (wanted) {
            return true;
        }
    }
    return false;
}

/* --- where it leads ------------------------------------------------------------------------------------------------ */

/* Owned by the caller (curl_free); NULL when there is none. */
static char *part_of(CURLU *url, CURLUPart part, unsigned flags) {
    char *text = NULL;

    return url != NULL && curl_url_get(url, part, &text, flags) == CURLUE_OK ? text : NULL;
}

static bool same_part(CURLU *a, CURLU *b, CURLUPart part) {
    char *one = part_of(a, part, CURLU_DEFAULT_PORT), *other = part_of(b, part, CURLU_DEFAULT_PORT);
    bool same = one != NULL && other != NULL && strcasecmp(one, other) == 0;

    curl_free(one);
    curl_free(other);
    return same;
}

static bool part_is(CURLU *url, CURLUPart part, const char *wanted) {
    char *text = part_of(url, part, CURLU_DEFAULT_PORT);
    bool is = text != NULL && strcasecmp(text, wanted) == 0;

    curl_free(text);
    return is;
}

static bool same_origin(CURLU *a, CURLU *b) {
    return same_part(a, b, CURLUPART_SCHEME) && same_part(a, b, CURLUPART_HOST) && same_part(a, b, CURLUPART_PORT);
}

/* Behind a proxy that ends TLS, servers write links to themselves with http. */
static void upgrade(CURLU *base, CURLU *url) {
    if (part_is(base, CURLUPART_SCHEME, "https") && part_is(base, CURLUPART_PORT, "443") && part_is(url, CURLUPART_SCHEME, "http") &&
        part_is(url, CURLUPART_PORT, "80") && same_part(base, url, CURLUPART_HOST)) {
        (void)curl_url_set(url, CURLUPART_PORT, NULL, 0);
        (void)curl_url_set(url, CURLUPART_SCHEME, "https", 0);
    }
}

/* "https://host:port", for people. */
static void show_origin(CURLU *url, char out[64]) {
    char *scheme = part_of(url, CURLUPART_SCHEME, 0), *host = part_of(url, CURLUPART_HOST, 0), *port = part_of(url, CURLUPART_PORT, CURLU_NO_DEFAULT_PORT);
    char text[400];

    (void)str_format(text, sizeof(text), "%.20s://%.300s%s%.6s", scheme != NULL ? scheme : "", host != NULL ? host : "", port != NULL ? ":" : "",
                     port != NULL ? port : "");
    (void)str_printable(out, 58, text, strlen(text));
    curl_free(scheme);
    curl_free(host);
    curl_free(port);
}

static bool is_sendable(const char *url) {
    for (; *url != '\0'; url++) {
        if (*url <= ' ' || *url >= 0x7f) {
            return false;
        }
    }
    return true;
}

static enum rc refuse(char fault[LINK_FAULT_SIZE], const char *what) {
    (void)str_format(fault, LINK_FAULT_SIZE, "the next link %s", what);
    return RC_PERM;
}

static enum rc take_url(CURLU *base, CURLU *url, char *out, size_t size, char fault[LINK_FAULT_SIZE]) {
    char leads[64], from[64], *text;
    enum rc rc = RC_OK;

    upgrade(base, url);
    if (!same_origin(base, url)) {
        show_origin(url, leads);
        show_origin(base, from);
        (void)str_format(fault, LINK_FAULT_SIZE, "the next link leads to %s, the source is %s", leads, from);
        return RC_PERM;
    }
    (void)curl_url_set(url, CURLUPART_FRAGMENT, NULL, 0);
    text = part_of(url, CURLUPART_URL, CURLU_NO_DEFAULT_PORT);
    if (text == NULL) {
        rc = RC_TEMP;
    } else if (!is_sendable(text)) {
        rc = refuse(fault, "is no URL");
    } else if (!str_copy(out, size, text)) {
        (void)str_format(fault, LINK_FAULT_SIZE, "the next link is longer than %zu bytes", size - 1);
        rc = RC_PERM;
    }
    curl_free(text);
    return rc;
}

enum rc link_resolve(const char *base, struct slice target, char *out, size_t size, char fault[LINK_FAULT_SIZE]) {
    CURLU *from = curl_url(), *url = NULL;
    char *text = strndup(target.data != NULL ? target.data : "", target.length);
    CURLUcode code = CURLUE_OUT_OF_MEMORY;
    enum rc rc;

    out[0] = '\0';
    if (from != NULL && text != NULL) {
        code = curl_url_set(from, CURLUPART_URL, base, 0);
    }
    if (code == CURLUE_OK) {
        url = curl_url_dup(from);
        code = url == NULL       ? CURLUE_OUT_OF_MEMORY
               : text[0] == '\0' ? CURLUE_OK /* the document itself */
                                 : curl_url_set(url, CURLUPART_URL, text, CURLU_URLENCODE | CURLU_DISALLOW_USER);
    }
    if (code == CURLUE_OUT_OF_MEMORY) {
        rc = RC_TEMP;
    } else if (code == CURLUE_USER_NOT_ALLOWED) {
        rc = refuse(fault, "has a user name in it");
    } else if (code != CURLUE_OK) {
        rc = refuse(fault, "is no URL that can be asked for");
    } else {
        rc = take_url(from, url, out, size, fault);
    }
    free(text);
    curl_url_cleanup(url);
    curl_url_cleanup(from);
    return rc;
}

bool link_same_origin(const char *a, const char *b) {
    CURLU *one = curl_url(), *other = curl_url();
    bool same = one != NULL && other != NULL && curl_url_set(one, CURLUPART_URL, a, 0) == CURLUE_OK && curl_url_set(other, CURLUPART_URL, b, 0) == CURLUE_OK &&
                same_origin(one, other);

    curl_url_cleanup(one);
    curl_url_cleanup(other);
    return same;
}

/* --- query --------------------------------------------------------------------------------------------------------- */

static int hex_value(char c) {
    const char *digits = "0123456789abcdef", *found = c != '\0' ? strchr(digits, c >= 'A' && c <= 'F' ? c - 'A' + 'a' : c) : NULL;

    return found != NULL ? (int)(found - digits) : -1;
}

/* The name of the parameter at `at`, decoded; one that does not fit is nothing that anybody looks for. */
static void take_name(const char *at, size_t length, char name[MOST_VALUE_BYTES]) {
    size_t used = 0;

    for (size_t i = 0; i < length && at[i] != '='; i++) {
        char c = at[i] == '+' ? ' ' : at[i];

        if (c == '%' && length - i > 2 && hex_value(at[i + 1]) >= 0 && hex_value(at[i + 2]) >= 0) {
            c = (char)(hex_value(at[i + 1]) * 16 + hex_value(at[i + 2]));
            i += 2;
        }
        if (used + 1 == MOST_VALUE_BYTES) {
            used = 0;
            break;
        }
        name[used++] = c;
    }
    name[used] = '\0';
}

void link_drop_params(char *url, bool (*drop)(const void *context, const char *name), const void *context) {
    char *query = strchr(url, '?'), *to, name[MOST_VALUE_BYTES];
    const char *at;

    if (query == NULL) {
        return;
    }
    to = query;
    for (at = query + 1; at[-1] != '\0';) {
        size_t length = strcspn(at, "&");
        bool more = at[length] == '&';

        take_name(at, length, name);
        if (length > 0 && !drop(context, name)) {
            *to = to == query ? '?' : '&';
            memmove(to + 1, at, length);
            to += length + 1;
        }
        if (!more) {
            break;
        }
        at += length + 1;
    }
    *to = '\0';
}
