// SPDX-License-Identifier: Apache-2.0
#include "net/fetch_head.h"

#include "base/limits.h"
#include "base/str.h"

#include <string.h>
#include <strings.h>

static struct slice trim(const char *bytes, size_t length) {
    while (length > 0 && strchr(" \t\r\n", bytes[length - 1]) != NULL) {
        length--;
    }
    while (length > 0 && (*bytes == ' ' || *bytes == '\t')) {
        bytes++;
        length--;
    }
    return (struct slice){bytes, length};
}

/* The first of several headers of one name counts. What is no printable ASCII comes out as '?': these values end up in journals and messages. */
static void keep(char *out, size_t size, struct slice value, bool whole) {
    if (out[0] != '\0' || (whole && value.length >= size)) {
        return;
    }
    size_t length = value.length < size ? value.length : size - 1;
    for (size_t i = 0; i < length; i++) {
        out[i] = value.data[i] >= 0x20 && value.data[i] < 0x7f ? value.data[i] : '?';
    }
    out[length] = '\0';
}

static bool is_named(struct slice name, const char *wanted) {
    return strlen(wanted) == name.length && strncasecmp(name.data, wanted, name.length) == 0;
}

static bool is_request_id(struct slice name) {
    static const char tail[] = "-request-id";
    size_t length = sizeof(tail) - 1;
    return is_named(name, tail + 1) || (name.length > length && strncasecmp(name.data + name.length - length, tail, length) == 0);
}

/* "HTTP/1.1 200 OK" or "HTTP/2 200". A later answer replaces all that an earlier one said, but not what it cost. */
static void begin(struct fetch_head *head, const char *line, size_t length) {
    fields_release(&head->fields);
    *head = (struct fetch_head){.bytes = head->bytes, .in_head = true};
    const char *end = line + length, *at = memchr(line, ' ', length);
    int status = 0;
    for (at = at == NULL ? end : at + 1; at < end && *at >= '0' && *at <= '9' && status < 100; at++) {
        status = status * 10 + (*at - '0');
    }
    head->interim = status < 200;
    head->status = head->interim ? 0 : status;
}

bool fetch_head_line(struct fetch_head *head, const char *const *wanted, const char *line, size_t length) {
    head->bytes += length;
    if (head->bytes > LIMIT_HEADER_BYTES) {
        return false;
    }
    if (head->ended) {
        return true;
    }
    if (!head->in_head) {
        begin(head, line, length);
        return true;
    }
    if (trim(line, length).length == 0) {
        head->in_head = false;
        head->ended = !head->interim;
        return true;
    }
    const char *colon = memchr(line, ':', length);
    if (colon == NULL || head->interim) {
        return true;
    }
    struct slice name = trim(line, (size_t)(colon - line)), value = trim(colon + 1, length - (size_t)(colon - line) - 1);
    for (; wanted != NULL && *wanted != NULL; wanted++) {
        if (is_named(name, *wanted)) {
            if (!fields_add(&head->fields, *wanted, value.data, value.length)) {
                return false;
            }
            break;
        }
    }
    if (is_named(name, "content-type")) {
        keep(head->content_type, sizeof(head->content_type), value, false);
    } else if (is_named(name, "location")) {
        keep(head->location, sizeof(head->location), value, true);
    } else if (is_named(name, "retry-after")) {
        keep(head->retry_after, sizeof(head->retry_after), value, false);
    } else if (is_request_id(name)) {
        keep(head->request_id, sizeof(head->request_id), value, false);
    }
    return true;
}
