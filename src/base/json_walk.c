// SPDX-License-Identifier: Apache-2.0
#include <string.h>

#include "base/json.h"
#include "base/json_internal.h"
#include "base/limits.h"
#include "base/number.h"

static struct slice slice_between(const char *from, const char *to) {
    return (struct slice){.data = from, .length = (size_t)(to - from)};
}

bool json_iter_init(struct json_iter *iter, struct slice container) {
    enum json_type type = json_type(container);

    *iter = (struct json_iter){.at = NULL, .end = NULL, .object = type == JSON_OBJECT};
    if (type != JSON_OBJECT && type != JSON_ARRAY) {
        return false;
    }
    iter->end = container.data + container.length;
    iter->at = json_skip_blank(container.data, iter->end) + 1; /* behind the bracket */
    return true;
}

bool json_iter_next(struct json_iter *iter, struct slice *name, struct slice *value) {
    const char *at = json_skip_blank(iter->at, iter->end), *end = iter->end, *from;

    *name = (struct slice){.data = at, .length = 0};
    if (at < end && *at == ',') {
        at = json_skip_blank(at + 1, end);
    }
    if (at == end || *at == ']' || *at == '}') {
        iter->at = end;
        return false;
    }
    if (iter->object) {
        from = at + 1;
        at = json_skip_string(from, end);
        if (at == from || at[-1] != '"') { /* only in text that was not checked */
            iter->at = end;
            return false;
        }
        *name = slice_between(from, at - 1);
        at = json_skip_blank(at, end);
        at = json_skip_blank(at < end ? at + 1 : at, end); /* the colon */
    }
    from = at;
    at = json_skip_value(at, end);
    *value = slice_between(from, at);
    iter->at = at;
    return at > from;
}

size_t json_count(struct slice container) {
    struct json_iter iter;
    struct slice name, value;
    size_t count = 0;

    if (json_iter_init(&iter, container)) {
        while (json_iter_next(&iter, &name, &value)) {
            count++;
        }
    }
    return count;
}

bool json_pointer_valid(const char *pointer) {
    size_t length = strnlen(pointer, LIMIT_POINTER_BYTES + 1);

    if (length > LIMIT_POINTER_BYTES || (length > 0 && pointer[0] != '/')) {
        return false;
    }
    for (const char *tilde = strchr(pointer, '~'); tilde != NULL; tilde = strchr(tilde + 1, '~')) {
        if (tilde[1] != '0' && tilde[1] != '1') {
            return false;
        }
    }
    return true;
}

/* The token behind the slash at `pointer`. */
static struct json_token take_token(const char *pointer) {
    struct json_token token = {.text = {.data = pointer + 1, .length = strcspn(pointer + 1, "/")}};

    token.plain = strcspn(token.text.data, "/~\"\\") == token.text.length;
    return token;
}

/* "0" or digits without a leading zero; "-", the element after the last, names nothing that is there. */
static bool token_index(struct slice token, uint64_t *index) {
    struct number n;

    return token.length > 0 && token.data[0] != '-' && number_parse(token, &n) && n.integer_text && number_to_u64(&n, index);
}

static bool step(struct slice container, const struct json_token *token, struct slice *value) {
    struct json_iter iter;
    struct slice name;
    uint64_t index = 0;

    if (!json_iter_init(&iter, container)) {
        return false;
    }
    if (iter.object) {
        return json_find_member(slice_between(iter.at - 1, iter.end), token, value);
    }
    if (!token_index(token->text, &index)) {
        return false;
    }
    while (json_iter_next(&iter, &name, value)) {
        if (index-- == 0) {
            return true;
        }
    }
    return false;
}

bool json_find(struct slice document, const char *pointer, struct slice *value) {
    const char *from, *end;
    struct slice found;

    if (json_type(document) == JSON_NONE || (*pointer != '\0' && *pointer != '/')) {
        return false;
    }
    end = document.data + document.length;
    from = json_skip_blank(document.data, end);
    /* On the way to a member the end of the whole is not needed: a long answer is gone through once. */
    found = slice_between(from, *pointer == '/' ? end : json_skip_value(from, end));
    while (*pointer == '/') {
        struct json_token token = take_token(pointer);

        if (!step(found, &token, &found)) {
            return false;
        }
        pointer = token.text.data + token.text.length;
    }
    *value = found;
    return true;
}

bool json_outline_find(const struct json_outline *outline, const char *pointer, struct slice *value) {
    struct json_token token;

    if (*pointer == '\0') {
        *value = outline->root;
        return value->length > 0;
    }
    if (*pointer != '/' || !outline->complete) {
        return json_find(outline->root, pointer, value);
    }
    token = take_token(pointer);
    for (uint32_t i = outline->count; i > 0; i--) { /* of duplicate names the last counts */
        const struct json_member *m = &outline->members[i - 1];

        if (json_name_is(m->name, &token)) {
            const char *rest = token.text.data + token.text.length;

            *value = m->value;
            return *rest == '\0' || json_find(m->value, rest, value);
        }
    }
    return false;
}
