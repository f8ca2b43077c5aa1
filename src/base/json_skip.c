// SPDX-License-Identifier: Apache-2.0
#include <string.h>

#include "base/json.h"
#include "base/json_internal.h"

#if JSON_SSE2

/* 64 bytes; of what is asked about them bit i of the answer is byte i. */
struct block {
    __m128i part[4];
};

static inline void load(struct block *b, const char *at) {
    for (size_t i = 0; i < 4; i++) {
        b->part[i] = _mm_loadu_si128((const __m128i *)(at + 16 * i));
    }
}

static inline uint64_t join(__m128i a, __m128i b, __m128i c, __m128i d) {
    uint64_t low = (uint32_t)_mm_movemask_epi8(a) | (uint32_t)_mm_movemask_epi8(b) << 16;
    uint64_t high = (uint32_t)_mm_movemask_epi8(c) | (uint32_t)_mm_movemask_epi8(d) << 16;

    return low | high << 32;
}

static inline uint64_t equal(const struct block *b, char c) {
    __m128i each = _mm_set1_epi8(c);

    return join(_mm_cmpeq_epi8(b->part[0], each), _mm_cmpeq_epi8(b->part[1], each), _mm_cmpeq_epi8(b->part[2], each), _mm_cmpeq_epi8(b->part[3], each));
}

/* Brackets and braces differ in the bit 0x20. */
static inline __m128i part_brackets(__m128i part) {
    __m128i folded = _mm_or_si128(part, _mm_set1_epi8(0x20));

    return _mm_or_si128(_mm_cmpeq_epi8(folded, _mm_set1_epi8('{')), _mm_cmpeq_epi8(folded, _mm_set1_epi8('}')));
}

static inline uint64_t brackets(const struct block *b) {
    return join(part_brackets(b->part[0]), part_brackets(b->part[1]), part_brackets(b->part[2]), part_brackets(b->part[3]));
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
    struct block block;
    uint64_t quotes, backslashes, inside;

    w->block = w->next;
    if (left >= 64) {
        load(&block, w->block);
        w->next += 64;
    } else {
        char last[64] = {0};

        memcpy(last, w->block, left);
        load(&block, last);
        w->next = w->end;
    }
    quotes = equal(&block, '"');
    backslashes = equal(&block, '\\');
    if ((backslashes | w->escaped) != 0) {
        quotes &= ~find_escaped(w, backslashes);
    }
    inside = between_quotes(quotes) ^ w->inside;
    w->inside = 0 - (inside >> 63);
    if (quotes == 0 && w->inside != 0 && w->escaped == 0) { /* a long string */
        w->next = json_skip_unquoted(w->next, w->end);
    }
    w->structure = brackets(&block) & ~inside;
    if (colons) {
        w->structure |= equal(&block, ':') & ~inside;
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

static struct slice slice_between(const char *from, const char *to) {
    return (struct slice){.data = from, .length = (size_t)(to - from)};
}

/* The quote that opens the name which closes at `close`: the nearest one without an odd number of backslashes before it. NULL, in text that was
 * not checked, when there is none behind `before`. */
static const char *opening_quote(const char *before, const char *close) {
    for (const char *at = close - 1; at > before; at--) {
        const char *run = at;

        if (*at == '"') {
            while (run - 1 > before && run[-1] == '\\') {
                run--;
            }
            if ((at - run) % 2 == 0) {
                return at;
            }
            at = run;
        }
    }
    return NULL;
}

/* Is the name before this colon, and behind `before`, the one that is looked for? Nearly every other name is told by where its opening quote would
 * have to be; only with escapes is it looked for and decoded. */
static inline bool name_ends(const char *before, const char *colon, const struct json_token *token, bool escapes) {
    const char *close = colon - 1, *open;

    while (close > before && json_is_blank(*close)) {
        close--;
    }
    if (*close != '"') {
        return false;
    }
    if (token->plain && !escapes) {
        size_t length = token->text.length;

        return (size_t)(close - before) > length + 1 && *(close - length - 1) == '"' && memcmp(close - length, token->text.data, length) == 0;
    }
    open = opening_quote(before, close);
    return open != NULL && json_name_is(slice_between(open + 1, close), token);
}

/* Where the value of a member is. */
struct place {
    const char *from;   /* behind the colon; NULL: there is no such member */
    const char *closed; /* behind the first container in the object that closes after that; NULL: none does */
};

/* The last member of this name of the object that begins at `begin`. */
static struct place find_member(const char *begin, const char *end, const struct json_token *token) {
    struct walk w = {.next = begin, .end = end, .last_backslash = begin};
    struct place found = {.from = NULL, .closed = NULL};
    const char *before = begin; /* what stood outside strings last */
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
            } else if (depth == 1 && name_ends(before, at, token, w.last_backslash > before)) {
                found = (struct place){.from = at + 1, .closed = NULL};
            }
            before = at;
        }
    }
    return found;
}

bool json_find_member(struct slice object, const struct json_token *token, struct slice *value) {
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

#else

/* Behind the bracket that closes the container which begins at `at`. The kinds of brackets match in text that was checked. */
static const char *skip_container(const char *at, const char *end) {
    enum { OTHER, OPEN, CLOSE };
    static const uint8_t kind_of[256] = {['['] = OPEN, ['{'] = OPEN, [']'] = CLOSE, ['}'] = CLOSE};
    size_t depth = 0;

    while (at < end) {
        unsigned char c = (unsigned char)*at++;

        if (c == '"') {
            at = json_skip_string(at, end);
        } else if (c == '\n') { /* indented text is mostly blanks */
            while (end - at >= 8 && json_load_word(at) == JSON_EACH_BYTE(' ')) {
                at += 8;
            }
        } else if (kind_of[c] == OPEN) {
            depth++;
        } else if (kind_of[c] == CLOSE && --depth == 0) {
            return at;
        }
    }
    return end;
}

bool json_find_member(struct slice object, const struct json_token *token, struct slice *value) {
    struct json_iter iter;
    struct slice name, each;
    bool found = false;

    (void)json_iter_init(&iter, object);
    while (json_iter_next(&iter, &name, &each)) {
        if (json_name_is(name, token)) {
            *value = each;
            found = true;
        }
    }
    return found;
}

#endif

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
