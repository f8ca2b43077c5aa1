// SPDX-License-Identifier: Apache-2.0
#ifndef TESTS_JSON_REFERENCE_H
#define TESTS_JSON_REFERENCE_H

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"

/* Looking at checked text byte by byte: what base/json_walk must give the same as. */

static const char *reference_blank(const char *at, const char *end) {
    while (at < end && (*at == ' ' || *at == '\t' || *at == '\r' || *at == '\n')) {
        at++;
    }
    return at;
}

static const char *reference_skip(const char *at, const char *end) {
    size_t depth = 0;
    bool scalar = *at != '"' && *at != '[' && *at != '{', string = false;

    while (at < end && scalar && strchr(" \t\r\n,]}", *at) == NULL) {
        at++;
    }
    while (at < end && !scalar) {
        char c = *at++;

        if (string && c == '\\') {
            at++;
        } else if (c == '"') {
            string = !string;
        } else if (!string && (c == '[' || c == '{')) {
            depth++;
        } else if (!string && (c == ']' || c == '}')) {
            depth--;
        }
        if (depth == 0 && !string) {
            break;
        }
    }
    return at;
}

struct reference_iter {
    const char *at, *end;
    bool object;
};

static bool reference_init(struct reference_iter *iter, struct slice container) {
    iter->end = container.data + container.length;
    iter->at = reference_blank(container.data, iter->end);
    if (iter->at == iter->end || (*iter->at != '[' && *iter->at != '{')) {
        return false;
    }
    iter->object = *iter->at++ == '{';
    return true;
}

static bool reference_next(struct reference_iter *iter, struct slice *name, struct slice *value) {
    const char *at = reference_blank(iter->at, iter->end);

    if (*at == ']' || *at == '}') {
        return false;
    }
    at = *at == ',' ? reference_blank(at + 1, iter->end) : at;
    *name = (struct slice){.data = at, .length = 0};
    if (iter->object) {
        name->data = at + 1;
        at = reference_skip(at, iter->end);
        name->length = (size_t)(at - name->data) - 1;
        at = reference_blank(reference_blank(at, iter->end) + 1, iter->end);
    }
    value->data = at;
    iter->at = reference_skip(at, iter->end);
    value->length = (size_t)(iter->at - at);
    return true;
}

static bool reference_named(struct slice name, const char *token, size_t length) {
    struct buf decoded = BUF_INIT(name.length + 1), wanted = BUF_INIT(length + 1);
    enum rc rc = json_decode_string((struct slice){.data = name.data - 1, .length = name.length + 2}, &decoded);
    bool same;

    for (size_t i = 0; i < length && rc == RC_OK; i++) {
        bool escape = token[i] == '~' && i + 1 < length;

        i += escape ? 1 : 0;
        rc = buf_add_char(&wanted, !escape ? token[i] : token[i] == '0' ? '~' : '/');
    }
    same = rc == RC_OK && decoded.length == wanted.length && (wanted.length == 0 || memcmp(decoded.data, wanted.data, wanted.length) == 0);
    buf_release(&decoded);
    buf_release(&wanted);
    return same;
}

static bool reference_step(struct slice container, const char *token, size_t length, struct slice *value) {
    struct reference_iter iter;
    struct slice name, each;
    bool found = false;
    char *stop;
    unsigned long long index = strtoull(token, &stop, 10);
    bool is_index = length > 0 && token[0] >= '0' && token[0] <= '9' && stop == token + length && (token[0] != '0' || length == 1);

    if (!reference_init(&iter, container)) {
        return false;
    }
    while (reference_next(&iter, &name, &each)) {
        if (iter.object ? reference_named(name, token, length) : is_index && index-- == 0) {
            *value = each;
            found = true;
        }
    }
    return found;
}

static bool reference_find(struct slice document, const char *pointer, struct slice *value) {
    const char *end = document.data + document.length, *from = reference_blank(document.data, end);
    struct slice found = {.data = from, .length = (size_t)((*pointer == '/' ? end : reference_skip(from, end)) - from)};

    for (; *pointer == '/'; pointer += strcspn(pointer + 1, "/") + 1) {
        if (!reference_step(found, pointer + 1, strcspn(pointer + 1, "/"), &found)) {
            return false;
        }
    }
    *value = found;
    return *pointer == '\0';
}

/* The pointer to a member, from what it is a member of; false when it does not fit or a C string cannot say it. */
static bool reference_pointer(struct slice name, char *out, size_t size) {
    struct buf decoded = BUF_INIT(name.length + 1);
    size_t length = 0;
    bool fits = json_decode_string((struct slice){.data = name.data - 1, .length = name.length + 2}, &decoded) == RC_OK;

    out[length++] = '/';
    for (size_t i = 0; i < decoded.length && fits; i++) {
        char c = decoded.data[i];

        if (c == '~' || c == '/') {
            out[length++] = '~';
        }
        out[length++] = (char)(c == '~' ? '0' : c == '/' ? '1' : c);
        fits = c != '\0' && length + 3 < size;
    }
    out[length] = '\0';
    buf_release(&decoded);
    return fits;
}

/* Do all ways to look agree for this value? */
static bool reference_agrees_at(struct slice value, const struct json_outline *outline) {
    struct reference_iter expected_iter;
    struct json_iter iter;
    struct slice name, each, expected_name, expected, found;
    size_t count = 0;
    char pointer[600];

    if (!reference_init(&expected_iter, value)) {
        return !json_iter_init(&iter, value) && json_count(value) == 0;
    }
    if (!json_iter_init(&iter, value) || iter.object != expected_iter.object) {
        return false;
    }
    while (reference_next(&expected_iter, &expected_name, &expected)) {
        if (!json_iter_next(&iter, &name, &each) || each.data != expected.data || each.length != expected.length || name.length != expected_name.length ||
            (iter.object && name.data != expected_name.data)) {
            return false;
        }
        if (count++ < 20 && iter.object && reference_pointer(name, pointer, sizeof(pointer))) {
            if (!reference_find(value, pointer, &expected) || !json_find(value, pointer, &found) || found.data != expected.data ||
                found.length != expected.length) {
                return false;
            }
            if (outline != NULL && (!json_outline_find(outline, pointer, &found) || found.data != expected.data || found.length != expected.length)) {
                return false;
            }
        }
    }
    return !json_iter_next(&iter, &name, &each) && json_count(value) == count;
}

/* And for each value in it? The outline, or NULL, is that of the value. */
static bool reference_agrees(struct slice value, const struct json_outline *outline, unsigned depth) {
    struct reference_iter iter;
    struct slice name, each;

    if (!reference_agrees_at(value, outline)) {
        return false;
    }
    if (depth < 8 && reference_init(&iter, value)) {
        while (reference_next(&iter, &name, &each)) {
            if (!reference_agrees(each, NULL, depth + 1)) {
                return false;
            }
        }
    }
    return true;
}

#endif
