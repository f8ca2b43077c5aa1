// SPDX-License-Identifier: Apache-2.0
#include "net/url_list.h"

#include "base/str.h"
#include "base/strset.h"

#include <ctype.h>
#include <curl/curl.h>
#include <idn2.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define SHOWN_MOST 200u
#define TOO_LONG "is longer than a URL may be"

/* --- one URL ------------------------------------------------------------------------------------------------------------ */

static bool set(CURLU *url, CURLUPart part, const char *text, unsigned flags) {
    return curl_url_set(url, part, text, flags) == CURLUE_OK;
}

/* "example" is no public name, and what a person who forgot the rest writes. */
static bool host_is_name(const char *host) {
    return (strchr(host, '.') && *host != '.' && !strstr(host, "..")) || *host == '[' || strcasecmp(host, "localhost") == 0;
}

/* "/a//" is "/a", "/" is nothing. */
static bool trim_path(CURLU *url) {
    char *path = NULL;
    if (curl_url_get(url, CURLUPART_PATH, &path, 0) != CURLUE_OK)
        return true;
    size_t length = strlen(path);
    while (length > 0 && path[length - 1] == '/')
        path[--length] = '\0';
    bool done = set(url, CURLUPART_PATH, length ? path : NULL, 0);
    curl_free(path);
    return done;
}

/* In lower case and ASCII (RFC 5891), which leaves some characters out. libcurl does that too, but by the locale of the program. */
static bool set_host(CURLU *url, const char *host) {
    char *ascii = NULL, address[64];
    if (*host == '[') {
        bool fits = str_copy(address, sizeof address, host);
        for (char *at = address; fits && *at; at++)
            *at = (char)tolower((unsigned char)*at);
        return fits && set(url, CURLUPART_HOST, address, 0);
    }
    bool done = idn2_to_ascii_8z(host, &ascii, IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL) == IDN2_OK && host_is_name(ascii) && set(url, CURLUPART_HOST, ascii, 0);
    idn2_free(ascii);
    return done;
}

static const char *refused(CURLU *url, const char *text) {
    char *part = NULL;
    const char *why = NULL;
    for (const char *at = text; *at; at++)
        if ((unsigned char)*at <= ' ' || *at == 0x7f)
            return "has a blank or a control character";
    if (!set(url, CURLUPART_URL, text, CURLU_NON_SUPPORT_SCHEME))
        return "is no URL";
    if (curl_url_get(url, CURLUPART_SCHEME, &part, 0) != CURLUE_OK || (strcasecmp(part, "http") != 0 && strcasecmp(part, "https") != 0))
        why = "is neither http nor https";
    curl_free(part);
    part = NULL;
    if (!why && curl_url_get(url, CURLUPART_USER, &part, 0) == CURLUE_OK)
        why = "has a user name or a password in it";
    curl_free(part);
    part = NULL;
    if (!why && (curl_url_get(url, CURLUPART_HOST, &part, 0) != CURLUE_OK || !host_is_name(part)))
        why = "has no host name";
    if (!why && !set_host(url, part))
        why = "has a host name that is none";
    if (!why && (!set(url, CURLUPART_FRAGMENT, NULL, 0) || !trim_path(url)))
        why = "is no URL";
    curl_free(part);
    return why;
}

/* "example.com", "example.com:8080/x": no scheme before the first slash, question mark or port. */
static bool is_bare(const char *text) {
    const char *scheme = strstr(text, "://");
    return !scheme || strcspn(text, "/?#") < (size_t)(scheme - text);
}

enum rc url_list_clean(const char *text, char out[URL_LIST_URL_MOST], struct err *err) {
    char whole[URL_LIST_URL_MOST], *clean = NULL;
    *out = '\0';
    if (!str_format(whole, sizeof whole, "%s%s", is_bare(text) ? "https://" : "", text) || !str_is_utf8(text, strlen(text)))
        return err_set(err, RC_PERM, strlen(text) + 9 > sizeof whole ? TOO_LONG : "is no UTF-8");
    CURLU *url = curl_url();
    if (!url)
        return err_set(err, RC_TEMP, "out of memory");
    const char *why = refused(url, whole);
    if (!why && curl_url_get(url, CURLUPART_URL, &clean, CURLU_NO_DEFAULT_PORT) != CURLUE_OK)
        why = "is no URL";
    if (!why) {
        size_t length = strlen(clean);
        char *path = strstr(clean, "://");
        if (path && length && clean[length - 1] == '/' && !strchr(clean, '?'))
            clean[length - 1] = '\0';
        if (!str_copy(out, URL_LIST_URL_MOST, clean))
            why = TOO_LONG;
    }
    curl_free(clean);
    curl_url_cleanup(url);
    return why ? err_set(err, RC_PERM, "%s", why) : RC_OK;
}

/* --- the list ----------------------------------------------------------------------------------------------------------- */

/* The first field of a line, without quotes and blanks. False: it is longer than a URL may be, and out has its beginning. */
static bool first_field(const char *line, size_t length, char out[URL_LIST_URL_MOST]) {
    size_t used = 0;
    while (length && isspace((unsigned char)*line)) {
        line++;
        length--;
    }
    const bool quoted = length && *line == '"';
    for (size_t i = quoted; i < length; i++) {
        if (quoted ? line[i] == '"' : line[i] == ',' || line[i] == ';' || line[i] == '\t')
            break;
        if (used + 1 == URL_LIST_URL_MOST) {
            if (isspace((unsigned char)line[i]))
                continue;
            out[used] = '\0';
            return false;
        }
        out[used++] = line[i] ? line[i] : ' ';
    }
    while (used && isspace((unsigned char)out[used - 1]))
        used--;
    out[used] = '\0';
    return true;
}

static void tell_wrong(size_t line, const char *text, const char *why, const struct url_list_told *told, struct url_list_counts *counts) {
    char shown[SHOWN_MOST];
    counts->wrong++;
    str_printable(shown, sizeof shown, text, strlen(text));
    told->wrong(told->context, line, shown, why);
}

static enum rc take_line(struct strset *seen, size_t line, const char *text, const struct url_list_told *told, struct url_list_counts *counts) {
    char clean[URL_LIST_URL_MOST];
    struct err why = {0};
    bool fresh = false;
    if (!*text || *text == '#' || (line == 1 && strcasecmp(text, "url") == 0))
        return RC_OK;
    enum rc rc = url_list_clean(text, clean, &why);
    if (rc == RC_PERM) {
        tell_wrong(line, text, why.text, told, counts);
        return RC_OK;
    }
    if (!rc && !strset_keep(seen, clean, &fresh))
        rc = RC_TEMP;
    if (rc)
        return rc;
    if (fresh) {
        counts->urls++;
        told->url(told->context, line, clean);
    } else
        counts->duplicates++;
    return RC_OK;
}

enum rc url_list_read(const char *text, size_t length, const struct url_list_told *told, struct url_list_counts *counts, struct err *err) {
    struct strset seen = {.slots = NULL};
    char field[URL_LIST_URL_MOST];
    enum rc rc = RC_OK;
    size_t line = 0;
    *counts = (struct url_list_counts){0, 0, 0};
    if (length >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) {
        text += 3;
        length -= 3;
    }
    for (const char *end = text + length; text < end && !rc; line++) {
        const char *feed = memchr(text, '\n', (size_t)(end - text));
        size_t size = (size_t)((feed ? feed : end) - text);
        if (first_field(text, size, field))
            rc = take_line(&seen, line + 1, field, told, counts);
        else
            tell_wrong(line + 1, field, TOO_LONG, told, counts);
        text += size + 1;
    }
    strset_release(&seen);
    return rc ? err_set(err, rc, "out of memory") : RC_OK;
}
