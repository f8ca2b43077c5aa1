// SPDX-License-Identifier: Apache-2.0
#include "notify/settings.h"

#include "base/str.h"

#include <string.h>
#include <strings.h>

void notify_settings_init(struct notify_settings *s) {
    memset(s, 0, sizeof *s);
    s->heartbeat_interval_s = 60;
    s->rate_per_hour = 60;
    s->retry_s = 30;
    s->give_up_s = 5 * 86400;
    s->keep_days = 30;
    s->stuck_interval_s = 300;
    str_copy(s->webhook_secret, sizeof s->webhook_secret, "webhook_secret");
    str_copy(s->resend_key, sizeof s->resend_key, "resend_api_key");
}

bool notify_settings_add(struct notify_settings *s, struct notify_list *list, const char *text) {
    const size_t size = strlen(text) + 1;
    if (list->count >= NOTIFY_LIST_MOST || size > sizeof s->texts - s->texts_length)
        return false;
    if (list->count == 0)
        list->at = s->texts_length;
    memcpy(s->texts + s->texts_length, text, size);
    s->texts_length += (unsigned)size;
    list->count++;
    return true;
}

const char *notify_settings_next(const struct notify_settings *s, const struct notify_list *list, const char *text) {
    const char *next = text == NULL ? s->texts + list->at : text + strlen(text) + 1, *end = s->texts + list->at;
    for (unsigned i = 0; i < list->count; i++)
        end += strlen(end) + 1;
    return next < end ? next : NULL;
}

/* --- who may be written to -------------------------------------------------------------------------------------------- */

static bool is_url(const char *text) {
    return strstr(text, "://") != NULL;
}

bool notify_allow_valid(const char *entry) {
    char address[NOTICE_TARGET_SIZE + 2];
    if (is_url(entry))
        return notice_url_valid(entry);
    if (strchr(entry, '@') != NULL)
        return notice_address_valid(entry);
    return str_format(address, sizeof address, "a@%s", entry) && notice_address_valid(address);
}

/* Dots and slashes that are coded in the path: servers decode them before they look where ".." leads. */
static bool hides_path(const char *url) {
    static const char *const coded[] = {"%2e", "%2f", "%5c"};
    const char *query = url + strcspn(url, "?");
    for (size_t i = 0; i < sizeof coded / sizeof *coded; i++) {
        const char *at = strcasestr(url, coded[i]);
        if (at != NULL && at < query)
            return true;
    }
    return false;
}

/* Scheme and host know no case, and where they end nothing may follow that would make another host, or part of a name, of them. */
static bool url_within(const char *entry, const char *url) {
    const size_t length = strlen(entry), head = strcspn(strstr(entry, "://") + 3, "/?") + (size_t)(strstr(entry, "://") + 3 - entry);
    if (strncasecmp(entry, url, head) != 0 || strncmp(entry + head, url + (strlen(url) < head ? strlen(url) : head), length - head) != 0)
        return false;
    if (strstr(url, "/../") != NULL || strstr(url, "/./") != NULL || str_ends(url, "/..") || hides_path(url))
        return false;
    return entry[length - 1] == '/' || url[length] == '\0' || url[length] == '/' || url[length] == '?';
}

static bool lets_in(const char *entry, const char *target) {
    const char *address = notice_target_address(target);
    if (is_url(entry))
        return address == NULL && url_within(entry, target);
    if (address == NULL)
        return false;
    return strcasecmp(entry, strchr(entry, '@') != NULL ? address : strchr(address, '@') + 1) == 0;
}

bool notify_allowed(const struct notify_settings *s, const char *target) {
    const char *entry = NULL;
    if (!notice_target_valid(target))
        return false;
    while ((entry = notify_settings_next(s, &s->allow, entry)) != NULL)
        if (lets_in(entry, target))
            return true;
    for (enum notice_kind kind = 0; kind < NOTICE_KIND_COUNT; kind++)
        for (entry = NULL; (entry = notify_settings_next(s, &s->recipients[kind], entry)) != NULL;)
            if (strcmp(entry, target) == 0)
                return true;
    return false;
}

/* --- addresses --------------------------------------------------------------------------------------------------------- */

bool notify_mailbox(const char *text, char name[200], char address[320]) {
    const char *open = strrchr(text, '<');
    name[0] = '\0';
    if (open == NULL)
        return notice_address_valid(text) && str_copy(address, 320, text);
    size_t length = (size_t)(open - text), inner = strcspn(open + 1, ">");
    while (length > 0 && (text[length - 1] == ' ' || text[length - 1] == '"'))
        length--;
    while (length > 0 && (*text == ' ' || *text == '"')) {
        text++;
        length--;
    }
    for (size_t i = 0; i < length; i++)
        if ((unsigned char)text[i] < ' ' || text[i] == 0x7f)
            return false;
    return strcmp(open + 1 + inner, ">") == 0 && str_is_utf8(text, length) && str_format(name, 200, "%.*s", (int)length, text) &&
           str_format(address, 320, "%.*s", (int)inner, open + 1) && notice_address_valid(address);
}

bool notify_loopback(const char *url) {
    static const char *const names[] = {"localhost", "127.0.0.1", "[::1]"};
    const char *slashes = strstr(url, "://"), *host = slashes == NULL ? url : slashes + 3;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const size_t length = strlen(names[i]);
        if (strncasecmp(host, names[i], length) == 0 && (host[length] == '\0' || strchr(":/?", host[length]) != NULL))
            return true;
    }
    return false;
}
