// SPDX-License-Identifier: Apache-2.0
#include "net/robots.h"

#include "net/url_list.h"

#include <string.h>
#include <strings.h>

static struct slice trimmed(struct slice text) {
    while (text.length && strchr(" \t\r", *text.data)) {
        text.data++;
        text.length--;
    }
    while (text.length && strchr(" \t\r", text.data[text.length - 1]))
        text.length--;
    return text;
}

static void read_line(struct slice line, size_t number, robots_sitemap *told, void *context) {
    static const char field[] = "sitemap";
    char url[URL_LIST_URL_MOST], clean[URL_LIST_URL_MOST];
    const char *remark = line.length ? memchr(line.data, '#', line.length) : NULL;
    line.length = remark ? (size_t)(remark - line.data) : line.length;
    const char *colon = line.length ? memchr(line.data, ':', line.length) : NULL;
    if (!colon)
        return;
    const struct slice name = trimmed((struct slice){line.data, (size_t)(colon - line.data)});
    const struct slice value = trimmed((struct slice){colon + 1, (size_t)(line.data + line.length - colon) - 1});
    if (name.length != strlen(field) || strncasecmp(name.data, field, name.length) != 0 || value.length >= sizeof url || memchr(value.data, '\0', value.length))
        return;
    memcpy(url, value.data, value.length);
    url[value.length] = '\0';
    if ((strncasecmp(url, "https://", 8) == 0 || strncasecmp(url, "http://", 7) == 0) && url_list_clean(url, clean, NULL) == RC_OK)
        told(context, number, clean);
}

void robots_read(const char *text, size_t length, robots_sitemap *told, void *context) {
    size_t number = 1;
    length = length < ROBOTS_BYTES_MOST ? length : ROBOTS_BYTES_MOST;
    if (length >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) {
        text += 3;
        length -= 3;
    }
    for (; length; number++) {
        size_t line = 0;
        while (line < length && text[line] != '\n' && text[line] != '\r')
            line++;
        read_line((struct slice){text, line}, number, told, context);
        const size_t end = line == length ? 0 : line + 1 < length && text[line] == '\r' && text[line + 1] == '\n' ? 2 : 1;
        text += line + end;
        length -= line + end;
    }
}
