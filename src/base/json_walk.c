// SPDX-License-Identifier: Apache-2.0
#include <string.h>

#include "base/json.h"
#include "base/json_internal.h"
#include "base/limits.h"
#include "base/number.h"

static struct slice slice_between(const char *from, const char *to) {
    return (struct slice){.data = from, .length = (size_t)(to - from)};
}

/* A walk through text 64 bytes at a time, from a byte outside strings. */
struct walk {
    const char *next, *end;     /* what is not looked at yet */
    const char *block;          /* the 64 bytes, or fewer at the end */
    uint64_t inside, escaped;   /* all bits: the next block begins in a string; 1: its first byte is escaped */
    uint64_t structure;         /* of this block: the brackets (and colons) outside strings */
    const char *last_backslash; /* so far, this whole block included; NULL for none */
};

/* Which bytes have a backslash before them that is not itself escaped; most blocks have no backslash at all. */
static uint64_t find_escaped(struct walk *w, uint64_t backslashes) {
    uint64_t escaped = w->escaped;

    w->last_backslash = backslashes != 0 ? w->block + 63 - __builtin_clzll(backslashes) : w->last_backslash;
    backslashes &= ~escaped;
    w->escaped = 0;
    while (backslashes != 0) {
        uint64_t first = backslashes & (~backslashes + 1), next = first << 1;

        w->escaped = next == 0 ? 1 : 0;
        escaped |= next;
        backslashes &= ~(first | next);
    }
    return escaped;
}

/* From a quote that opens (with it) to the one that closes (without it), for each pair; an odd bit has an odd number of quotes up to it. */
static inline uint64_t between_quotes(uint64_t quotes) {
    for (unsigned shift = 1; shift < 64; shift *= 2) {
        quotes ^= quotes << shift;
    }
    return quotes;
}

/* What stands in the next block; false at the end. */
static inline bool next_block(struct walk *w, bool colons) {
    size_t left = (size_t)(w->end - w->next);
    struct json_block block;
    uint64_t quotes, backslashes, inside;

    w->block = w->next;
    if (left >= 64) {
        json_block_load(&block, w->block);
        w->next += 64;
    } else {
        char last[64] = {0};

        memcpy(last, w->block, left);
        json_block_load(&block, last);
        w->next = w->end;
    }
    quotes = json_block_equal(&block, '"');
    backslashes = json_block_equal(&block, '\\');
    if ((backslashes | w->escaped) != 0) {
        quotes &= ~find_escaped(w, backslashes);
    }
    inside = between_quotes(quotes) ^ w->inside;
    w->inside = 0 - (inside >> 63);
    if (quotes == 0 && w->inside != 0 && w->escaped == 0) { /* a long string */
        w->next = json_skip_unquoted(w->next, w->end);
    }
    w->structure = json_block_brackets(&block) & ~inside;
    if (colons) {
        w->structure |= json_block_equal(&block, ':') & ~inside;
    }
    return left > 0;
}

/* 1 for [ and {, -1 for ] and }: their bits 0x06 are 2 and 4. */
static inline int64_t depth_change(char bracket) {
    return 3 - (bracket & 6);
}

/* Behind the bracket that closes the container which begins at `at`. The kinds of brackets match in text that was checked. */
static const char *skip_container(const char *at, const char *end) {
    struct walk w = {.next = at, .end = end};
    int64_t depth = 0;

    while (next_block(&w, false)) {
        for (uint64_t left = w.structure; left != 0; left &= left - 1) {
            const char *bracket = w.block + __builtin_ctzll(left);

            depth += depth_change(*bracket);
            if (depth == 0) {
                return bracket + 1;
            }
        }
    }
    return end;
}

const char *json_skip_value(const char *at, const char *end) {
    if (at == end) {
        return end;
    }
    if (*at == '"') {
        return json_skip_string(at + 1, end);
    }
    if (*at == '[' || *at == '{') {
        return skip_container(at, end);
    }
    while (at < end && *at != ',' && *at != ']' && *at != '}' && !json_is_blank(*at)) {
        at++;
    }
    return at;
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

/* A reference token of a JSON Pointer. */
struct token {
    struct slice text;
    bool plain; /* no ~ and no quote: a name without escapes that it means is the same bytes */
};

/* The token behind the slash at `pointer`. */
static struct token take_token(const char *pointer) {
    struct token token = {.text = {.data = pointer + 1, .length = strcspn(pointer + 1, "/")}};

    token.plain = strcspn(token.text.data, "/~\"") == token.text.length;
    return token;
}

/* Is this the name that the token means? Both are decoded on the way. */
static bool name_matches(struct slice name, struct slice token) {
    struct json_bytes bytes;

    json_bytes_init(&bytes, name);
    for (size_t i = 0; i < token.length; i++) {
        int c = (unsigned char)token.data[i];

        if (c == '~' && i + 1 < token.length) {
            c = token.data[++i] == '0' ? '~' : '/';
        }
        if (json_bytes_next(&bytes) != c) {
            return false;
        }
    }
    return json_bytes_next(&bytes) < 0;
}

/* The quote that opens the name which closes at `close`: the nearest one without an odd number of backslashes before it. NULL in text that was not
 * checked. */
static const char *opening_quote(const char *begin, const char *close) {
    for (const char *at = close - 1; at > begin; at--) {
        const char *run = at;

        while (*at == '"' && run[-1] == '\\' && run - 1 > begin) {
            run--;
        }
        if (*at == '"' && (at - run) % 2 == 0) {
            return at;
        }
        at = run;
    }
    return NULL;
}

/* Is the name before this colon the one that is looked for? Its object begins at `begin`. Nearly every other name is told by where its opening
 * quote would have to be; only with escapes is it looked for and decoded. */
static inline bool name_before(const char *begin, const char *colon, const struct token *token, bool escapes) {
    const char *close = colon - 1, *open;

    while (close > begin && json_is_blank(*close)) {
        close--;
    }
    if (*close != '"' || close == begin) {
        return false;
    }
    if (token->plain && !escapes) {
        size_t length = token->text.length;

        return (size_t)(close - begin) > length + 1 && close[-(ptrdiff_t)length - 1] == '"' && memcmp(close - length, token->text.data, length) == 0;
    }
    open = opening_quote(begin, close);
    return open != NULL && name_matches(slice_between(open + 1, close), token->text);
}

/* Where the value of a member is. */
struct place {
    const char *from;   /* behind the colon; NULL: there is no such member */
    const char *closed; /* behind the first container in the object that closes after that; NULL: none does */
};

/* The last member of this name of the object that begins at `begin`. */
static struct place find_member(const char *begin, const char *end, const struct token *token) {
    struct walk w = {.next = begin, .end = end, .last_backslash = begin};
    struct place found = {.from = NULL, .closed = NULL};
    const char *before = begin;
    int64_t depth = 0;

    while (next_block(&w, true)) {
        for (uint64_t left = w.structure; left != 0; left &= left - 1) {
            const char *at = w.block + __builtin_ctzll(left);

            if (*at != ':') {
                depth += depth_change(*at);
                if (depth == 0) {
                    return found;
                }
                if (depth == 1 && found.closed == NULL) {
                    found.closed = at + 1;
                }
            } else if (depth == 1 && name_before(begin, at, token, w.last_backslash > before)) {
                found = (struct place){.from = at + 1, .closed = NULL};
            }
            before = at;
        }
    }
    return found;
}

static bool member(struct slice object, const struct token *token, struct slice *value) {
    const char *end = object.data + object.length;
    struct place found = find_member(object.data, end, token);

    if (found.from == NULL) {
        return false;
    }
    found.from = json_skip_blank(found.from, end);
    if (found.from == end || (*found.from != '[' && *found.from != '{')) {
        found.closed = json_skip_value(found.from, end);
    }
    *value = slice_between(found.from, found.closed != NULL ? found.closed : end);
    return true;
}

/* "0" or digits without a leading zero; "-", the element after the last, names nothing that is there. */
static bool token_index(struct slice token, uint64_t *index) {
    struct number n;

    return token.length > 0 && token.data[0] != '-' && number_parse(token, &n) && n.integer_text && number_to_u64(&n, index);
}

static bool step(struct slice container, const struct token *token, struct slice *value) {
    struct json_iter iter;
    struct slice name;
    uint64_t index = 0;

    if (!json_iter_init(&iter, container)) {
        return false;
    }
    if (iter.object) {
        return member(slice_between(iter.at - 1, iter.end), token, value);
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
        struct token token = take_token(pointer);

        if (!step(found, &token, &found)) {
            return false;
        }
        pointer = token.text.data + token.text.length;
    }
    *value = found;
    return true;
}

bool json_outline_find(const struct json_outline *outline, const char *pointer, struct slice *value) {
    struct token token;

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

        if (name_matches(m->name, token.text)) {
            const char *rest = token.text.data + token.text.length;

            *value = m->value;
            return *rest == '\0' || json_find(m->value, rest, value);
        }
    }
    return false;
}
