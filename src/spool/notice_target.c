// SPDX-License-Identifier: Apache-2.0
#include "spool/notice_target.h"

#include "base/str.h"

#include <string.h>

#define LETTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
#define DIGITS "0123456789"
#define ATEXT LETTERS DIGITS "!#$%&'*+/=?^_`{|}~-"
#define LOCAL_MOST 64
#define DOMAIN_MOST 253
#define LABEL_MOST 63

static bool is_dot_atom(const char *text, size_t length) {
    if (length == 0 || text[0] == '.' || text[length - 1] == '.')
        return false;
    for (size_t i = 0; i < length; i++)
        if (text[i] == '.' ? text[i + 1] == '.' : !text[i] || strchr(ATEXT, text[i]) == NULL)
            return false;
    return true;
}

static bool is_domain(const char *text, size_t length) {
    size_t label = 0;
    if (length == 0 || length > DOMAIN_MOST)
        return false;
    for (size_t i = 0; i <= length; i++) {
        if (i == length || text[i] == '.') {
            if (label == 0 || label > LABEL_MOST || text[i - 1] == '-')
                return false;
            label = 0;
        } else if (!text[i] || strchr(LETTERS DIGITS "-", text[i]) == NULL || (label == 0 && text[i] == '-'))
            return false;
        else
            label++;
    }
    return true;
}

bool notice_address_valid(const char *address) {
    const char *at = strchr(address, '@');
    return at != NULL && at - address <= LOCAL_MOST && is_dot_atom(address, (size_t)(at - address)) && is_domain(at + 1, strlen(at + 1));
}

/* The host of a URL without its port; its length. */
static size_t host_of(const char *after_scheme, const char **host) {
    *host = after_scheme;
    if (*after_scheme == '[') {
        const size_t inner = strspn(after_scheme + 1, DIGITS "abcdefABCDEF:.");
        return after_scheme[1 + inner] == ']' ? inner + 2 : 0;
    }
    return strcspn(after_scheme, ":/?");
}

static bool is_loopback(const char *host, size_t length) {
    static const char *const names[] = {"localhost", "127.0.0.1", "[::1]"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (length == strlen(names[i]) && memcmp(host, names[i], length) == 0)
            return true;
    return false;
}

bool notice_url_valid(const char *url) {
    const bool secure = str_starts(url, "https://");
    const char *host, *rest;
    if ((!secure && !str_starts(url, "http://")) || strlen(url) >= NOTICE_TARGET_SIZE)
        return false;
    for (const unsigned char *at = (const unsigned char *)url; *at; at++)
        if (*at <= ' ' || *at >= 0x7f || strchr("\"<>\\^`{|}#", *at) != NULL)
            return false;
    const size_t length = host_of(url + (secure ? 8 : 7), &host);
    if (length == 0 || (!secure && !is_loopback(host, length)) || (*host != '[' && !is_domain(host, length)))
        return false;
    rest = host + length;
    if (*rest == ':') {
        const size_t digits = strspn(rest + 1, DIGITS);
        if (digits == 0 || digits > 5)
            return false;
        rest += 1 + digits;
    }
    return *rest == '\0' || *rest == '/' || *rest == '?';
}

const char *notice_target_address(const char *target) {
    return str_starts(target, "mailto:") ? target + strlen("mailto:") : NULL;
}

bool notice_target_valid(const char *target) {
    const char *address = notice_target_address(target);
    return address != NULL ? notice_address_valid(address) : notice_url_valid(target);
}

void notice_target_shown(const char *target, char out[NOTICE_TARGET_SIZE]) {
    const char *address = notice_target_address(target), *slashes = strstr(target, "://");
    const size_t length = slashes == NULL ? strlen(target) : (size_t)(slashes + 3 - target) + strcspn(slashes + 3, "/?");
    if (address != NULL)
        str_printable(out, NOTICE_TARGET_SIZE, address, strlen(address));
    else
        str_printable(out, NOTICE_TARGET_SIZE, target, length);
}
