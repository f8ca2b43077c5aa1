// SPDX-License-Identifier: Apache-2.0
#include "base/json.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/json_scan.h"
#include "base/limits.h"
#include "base/number.h"

const struct json_rules json_rules_payload = {.max_depth = LIMIT_PAYLOAD_DEPTH};
const struct json_rules json_rules_config = {
    .max_depth = LIMIT_JSON_DEPTH, .max_members = LIMIT_JSON_KEYS, .unique_names = true, .safe_numbers = true, .no_nul = true};
const struct json_rules json_rules_config_commented = {
    .max_depth = LIMIT_JSON_DEPTH, .max_members = LIMIT_JSON_KEYS, .unique_names = true, .safe_numbers = true, .no_nul = true, .comments = true};

/*
 * Every scan_ function gets where it starts and returns where it stopped, NULL after an error. Instead of a call stack there is one bit for each
 * open container. What the rules for configuration need besides (members, names) is not touched on the payload path.
 */

const char *json_scan_fail(struct json_scan *s, const char *at, const char *format, ...) {
    char what[256];
    size_t line = 1;
    const char *line_start = s->text;
    va_list args;

    for (const char *p = s->text; p < at; p++) {
        if (*p == '\n') {
            line++;
            line_start = p + 1;
        }
    }
    va_start(args, format);
    (void)vsnprintf(what, sizeof(what), format, args);
    va_end(args);
    s->rc = err_set(s->err, RC_PERM, "line %zu column %zu: %s", line, (size_t)(at - line_start) + 1, what);
    return NULL;
}

static const char *fail_expected(struct json_scan *s, const char *at, const char *what) {
    if (at == s->end) {
        return json_scan_fail(s, at, "the text ends where %s is expected", what);
    }
    if (*at == '/' && s->rules->comments) {
        return json_scan_fail(s, at, "a comment is not closed, or '/' stands alone");
    }
    if (*at > ' ' && *at < 0x7F) {
        return json_scan_fail(s, at, "'%c' where %s is expected", *at, what);
    }
    return json_scan_fail(s, at, "byte 0x%02x where %s is expected", (unsigned char)*at, what);
}

/* Behind a comment, or `at` itself when there is none or it is not closed: what is expected there then reports it. */
static const char *skip_comment(const char *at, const char *end) {
    const char *from = at;

    if (end - at < 2) {
        return from;
    }
    if (at[1] == '/') {
        const char *stop = memchr(at, '\n', (size_t)(end - at));

        return stop != NULL ? stop : end;
    }
    if (at[1] == '*') {
        const char *stop = memmem(at + 2, (size_t)(end - at - 2), "*/", 2);

        return stop != NULL ? stop + 2 : from;
    }
    return from;
}

const char *json_scan_skip(const struct json_scan *s, const char *at) {
    for (;;) {
        const char *from;

        at = json_skip_blank(at, s->end);
        if (!s->rules->comments || at == s->end || *at != '/') {
            return at;
        }
        from = at;
        at = skip_comment(at, s->end);
        if (at == from) {
            return at;
        }
    }
}

static inline const char *skip(const struct json_scan *s, const char *at) {
    if (at<s->end && * at> ' ' && *at != '/') {
        return at;
    }
    return json_scan_skip(s, at);
}

/* The four digits of \uXXXX, from behind the u; -1 when they are not there. */
static int take_unit(const char *at, const char *end) {
    int unit = 0;

    if (end - at < 4) {
        return -1;
    }
    for (int i = 0; i < 4; i++) {
        int digit = json_hex_value(at[i]);

        if (digit < 0) {
            return -1;
        }
        unit = unit * 16 + digit;
    }
    return unit;
}

static const char *scan_unicode(struct json_scan *s, const char *at) {
    int unit = take_unit(at + 2, s->end);

    if (unit < 0) {
        return json_scan_fail(s, at, "\\u without four hexadecimal digits");
    }
    if (unit == 0 && s->rules->no_nul) {
        return json_scan_fail(s, at, "\\u0000 in a string");
    }
    if (unit < 0xD800 || unit > 0xDFFF) {
        return at + 6;
    }
    if (unit <= 0xDBFF && s->end - at >= 12 && at[6] == '\\' && at[7] == 'u') {
        int low = take_unit(at + 8, s->end);

        if (low >= 0xDC00 && low <= 0xDFFF) {
            return at + 12;
        }
    }
    return json_scan_fail(s, at, "\\u%04x is half of a surrogate pair", (unsigned)unit);
}

static const char *scan_escape(struct json_scan *s, const char *at) {
    if (s->end - at < 2) {
        return json_scan_fail(s, at, "a string is not closed");
    }
    switch (at[1]) {
    case '"':
    case '\\':
    case '/':
    case 'b':
    case 'f':
    case 'n':
    case 'r':
    case 't':
        return at + 2;
    case 'u':
        return scan_unicode(s, at);
    default:
        return json_scan_fail(s, at, "a backslash that begins no JSON escape");
    }
}

static const char *scan_utf8(struct json_scan *s, const char *at) {
    while (at < s->end && (unsigned char)*at >= 0x80) {
        size_t size = str_utf8_length(at, (size_t)(s->end - at));

        if (size == 0) {
            return json_scan_fail(s, at, "byte 0x%02x is not UTF-8 here", (unsigned char)*at);
        }
        at += size;
    }
    return at;
}

enum { CLASS_PLAIN, CLASS_QUOTE, CLASS_ESCAPE, CLASS_CONTROL, CLASS_UTF8 };

#define CONTROL_8 3, 3, 3, 3, 3, 3, 3, 3
#define UTF8_8 4, 4, 4, 4, 4, 4, 4, 4
#define UTF8_32 UTF8_8, UTF8_8, UTF8_8, UTF8_8

/* What a byte is inside a string. */
static const uint8_t class_of[256] = {
    CONTROL_8, CONTROL_8, CONTROL_8, CONTROL_8, ['"'] = CLASS_QUOTE, ['\\'] = CLASS_ESCAPE, [128] = UTF8_32, UTF8_32, UTF8_32, UTF8_32};

_Static_assert(CLASS_CONTROL == 3 && CLASS_UTF8 == 4, "as the table writes them");

/* On from `at` in a string that begins at `open`. */
static const char *scan_string_on(struct json_scan *s, const char *open, const char *at) {
    while (at != NULL) {
        at = json_skip_plain(at, s->end);
        if (at == s->end) {
            return json_scan_fail(s, open, "a string is not closed");
        }
        switch (class_of[(unsigned char)*at]) {
        case CLASS_QUOTE:
            return at + 1;
        case CLASS_ESCAPE:
            at = scan_escape(s, at);
            break;
        case CLASS_UTF8:
            at = scan_utf8(s, at);
            break;
        default:
            return json_scan_fail(s, at, "raw control character 0x%02x in a string", (unsigned char)*at);
        }
    }
    return NULL;
}

#if JSON_SSE2

/* As json_skip_plain, and remembers where else it would stop. */
static const char *look_further(struct json_scan *s, const char *at) {
    for (; s->end - at >= 64; at += 64) {
        s->stops = json_odd_64(at);
        s->looked = at + 64;
        if (s->stops != 0) {
            return at + __builtin_ctzll(s->stops);
        }
    }
    return json_skip_plain(at, s->end);
}

/* As json_skip_plain. Strings are short: 64 bytes are looked at once for all that are in them, and the next string need not wait for where this one ends. */
static inline const char *skip_plain(struct json_scan *s, const char *at) {
    size_t left = (size_t)(s->looked - at);

    if (left - 1 < 64) {
        uint64_t stops = s->stops >> (64 - left);

        if (stops != 0) {
            return at + __builtin_ctzll(stops);
        }
        at = s->looked;
    }
    return look_further(s, at);
}

#else

static inline const char *skip_plain(const struct json_scan *s, const char *at) {
    return json_skip_plain(at, s->end);
}

#endif

/* From the opening quote. */
static inline const char *scan_string(struct json_scan *s, const char *at) {
    const char *stop = skip_plain(s, at + 1);

    return stop < s->end && *stop == '"' ? stop + 1 : scan_string_on(s, at, stop);
}

static inline const char *skip_digits(const char *at, const char *end) {
    while (at < end && *at >= '0' && *at <= '9') {
        at++;
    }
    return at;
}

static const char *check_number(struct json_scan *s, const char *start, const char *stop) {
    struct number n;

    if (!number_parse((struct slice){.data = start, .length = (size_t)(stop - start)}, &n) || !number_is_safe(&n)) {
        return json_scan_fail(s, start, "the number does not fit a double (write it as text)");
    }
    return stop;
}

static inline const char *scan_number(struct json_scan *s, const char *at) {
    const char *start = at, *from, *end = s->end;

    if (*at == '-') {
        at++;
    }
    from = at;
    at = skip_digits(at, end);
    if (at == from) {
        return fail_expected(s, at, "a digit");
    }
    if (*from == '0' && at - from > 1) {
        return json_scan_fail(s, from, "a number with a leading zero");
    }
    if (at < end && *at == '.') {
        from = ++at;
        at = skip_digits(at, end);
        if (at == from) {
            return fail_expected(s, at, "a digit after the point");
        }
    }
    if (at < end && (*at == 'e' || *at == 'E')) {
        at++;
        at += at < end && (*at == '+' || *at == '-') ? 1 : 0;
        from = at;
        at = skip_digits(at, end);
        if (at == from) {
            return fail_expected(s, at, "a digit of the exponent");
        }
    }
    return s->rules->safe_numbers ? check_number(s, start, at) : at;
}

static inline const char *scan_word(struct json_scan *s, const char *at, const char *word, size_t length) {
    if ((size_t)(s->end - at) < length || memcmp(at, word, length) != 0) {
        return json_scan_fail(s, at, "a word that is not true, false or null");
    }
    return at + length;
}

static inline bool names_watched(const struct json_scan *s) {
    return s->count_members || (s->depth == 1 && s->watch_root) || (s->tap_depth > 0 && s->depth == s->tap_depth + 1);
}

/* A name, its colon, and on to the value. */
static inline const char *scan_name(struct json_scan *s, const char *at) {
    const char *open = at;
    bool plain;

    if (at == s->end || *at != '"') {
        return fail_expected(s, at, "a name in double quotes");
    }
    at = skip_plain(s, open + 1);
    plain = at < s->end && *at == '"';
    at = plain ? at + 1 : scan_string_on(s, open, at);
    if (at == NULL) {
        return NULL;
    }
    if (names_watched(s) && !json_watch_name(s, (struct slice){.data = open + 1, .length = (size_t)(at - open) - 2}, plain)) {
        return NULL;
    }
    at = skip(s, at);
    if (at == s->end || *at != ':') {
        return fail_expected(s, at, "':'");
    }
    return skip(s, at + 1);
}

static inline bool in_object(const struct json_scan *s) {
    return (s->is_object[(s->depth - 1) / 64] >> ((s->depth - 1) % 64) & 1u) != 0;
}

/* Nobody counts the members of this object, nor looks at their names, but for tap_member in an element of the array that is tapped; and no comments. */
static inline bool members_are_plain(const struct json_scan *s) {
    return !s->count_members && !s->rules->comments && !(s->depth == 1 && s->watch_root);
}

enum member_part { MEMBER_NAME, MEMBER_VALUE, MEMBER_END };

/*
 * From the name of a member on through as many as have a name without escapes and a string or number as value. Most of a page is such members, and of what
 * scan_name, scan_value and close_containers ask for each they need little. Returns where that is no more so, and what of a member begins or ended there.
 */
static const char *scan_plain_members(struct json_scan *s, const char *at, enum member_part *part) {
    const bool tapped = s->tap_depth > 0 && s->depth == s->tap_depth + 1;
    const char *end = s->end;

    for (;;) {
        const char *name = at, *stop;

        *part = MEMBER_NAME;
        if (at == end || *at != '"') {
            return name;
        }
        stop = skip_plain(s, name + 1);
        if (stop == end || *stop != '"' || (tapped && json_same_name((struct slice){.data = name + 1, .length = (size_t)(stop - name) - 1}, s->tap_member))) {
            return name;
        }
        at = json_skip_blank(stop + 1, end);
        if (at == end || *at != ':') {
            return name;
        }
        at = json_skip_blank(at + 1, end);
        if (at < end && *at == '"') {
            at = scan_string(s, at);
        } else if (at < end && (*at == '-' || (*at >= '0' && *at <= '9'))) {
            at = scan_number(s, at);
        } else {
            *part = MEMBER_VALUE;
            return at;
        }
        if (at == NULL) {
            return NULL;
        }
        stop = json_skip_blank(at, end);
        if (stop == end || *stop != ',') {
            *part = MEMBER_END;
            return at;
        }
        at = json_skip_blank(stop + 1, end);
    }
}

/* From the bracket to the first value inside, or behind an empty container; *inside tells which. */
static inline const char *open_container(struct json_scan *s, const char *at, bool *inside) {
    bool object = *at == '{';
    uint64_t bit = UINT64_C(1) << (s->depth % 64), *bits = &s->is_object[s->depth / 64];

    if (s->depth == s->max_depth) {
        return json_scan_fail(s, at, "nested more than %u deep", (unsigned)s->max_depth);
    }
    if (s->tap != NULL && !object && s->depth < 2) {
        json_watch_array(s, at);
    }
    at = skip(s, at + 1);
    if (at < s->end && *at == (object ? '}' : ']')) {
        *inside = false;
        if (s->tap_depth > s->depth) { /* it was the tapped array */
            s->tap_depth = 0;
        }
        return at + 1;
    }
    *bits = object ? *bits | bit : *bits & ~bit;
    if (s->count_members) {
        s->members[s->depth] = 0;
    }
    s->depth++;
    *inside = true;
    if (s->tap_depth > 0 && s->depth == s->tap_depth + 1) {
        s->odd_name = false;
        s->found.data = NULL;
    }
    return object ? scan_name(s, at) : at;
}

/* From behind a value through the brackets that close, to the next value, or to the end of the text when none is open any more. */
static inline const char *close_containers(struct json_scan *s, const char *at) {
    while (s->depth > 0) {
        bool object = in_object(s);

        if (s->outline != NULL && s->depth == 1 && object) {
            json_watch_root_value(s, at);
        }
        if (s->tap_depth > 0 && s->depth <= s->tap_depth + 1) {
            json_watch_value(s, at);
        }
        at = skip(s, at);
        if (at < s->end && *at == ',') {
            enum member_part part = MEMBER_NAME;

            at = skip(s, at + 1);
            if (object && members_are_plain(s)) {
                at = scan_plain_members(s, at, &part);
            }
            if (at == NULL || !object || part == MEMBER_VALUE) {
                return at;
            }
            if (part == MEMBER_NAME) {
                return scan_name(s, at);
            }
            continue;
        }
        if (at == s->end || *at != (object ? '}' : ']')) {
            return fail_expected(s, at, object ? "',' or '}'" : "',' or ']'");
        }
        if (object && s->rules->unique_names && !json_watch_object_end(s)) {
            return NULL;
        }
        s->depth--;
        if (s->depth < s->tap_depth) {
            s->tap_depth = 0;
        }
        at++;
    }
    return at;
}

static inline const char *scan_value(struct json_scan *s, const char *at, bool *inside) {
    *inside = false;
    if (at == s->end) {
        return fail_expected(s, at, "a value");
    }
    switch (*at) {
    case '"':
        return scan_string(s, at);
    case '{':
    case '[':
        return open_container(s, at, inside);
    case 't':
        return scan_word(s, at, "true", 4);
    case 'f':
        return scan_word(s, at, "false", 5);
    case 'n':
        return scan_word(s, at, "null", 4);
    case '-':
    case '0':
    case '1':
    case '2':
    case '3':
    case '4':
    case '5':
    case '6':
    case '7':
    case '8':
    case '9':
        return scan_number(s, at);
    default:
        return fail_expected(s, at, "a value");
    }
}

static void scan_text(struct json_scan *s) {
    const char *root = skip(s, s->text), *at = root, *end;

    for (;;) {
        bool inside;

        if (s->tap_depth > 0 && s->depth <= s->tap_depth + 1) {
            *(s->depth == s->tap_depth ? &s->element : &s->value) = at;
        }
        at = scan_value(s, at, &inside);
        if (at != NULL && !inside) {
            at = close_containers(s, at);
        }
        if (at == NULL) {
            return;
        }
        if (s->depth == 0) {
            break;
        }
    }
    end = at;
    at = skip(s, at);
    if (at != s->end) {
        (void)fail_expected(s, at, "the end of the text");
    } else if (s->outline != NULL) {
        s->outline->root = (struct slice){.data = root, .length = (size_t)(end - root)};
    }
}

/* As json_outline_tap; outline and tap may be NULL. */
static enum rc check(const char *text, size_t length, const struct json_rules *rules, struct json_outline *outline, const struct json_tap *tap,
                     struct err *err) {
    struct json_scan s;

    s.text = length > 0 ? text : "";
    s.end = s.text + length;
    s.looked = s.text;
    s.stops = 0;
    s.rules = rules;
    s.err = err;
    s.rc = RC_OK;
    s.depth = 0;
    s.max_depth = rules->max_depth < JSON_DEPTH_MOST ? rules->max_depth : JSON_DEPTH_MOST;
    s.count_members = rules->max_members > 0 || rules->unique_names;
    s.names = NULL;
    s.name_count = s.name_capacity = 0;
    s.outline = outline;
    s.watch_root = outline != NULL || tap != NULL;
    json_watch_tap(&s, tap);
    memset(s.is_object, 0, sizeof(s.is_object));
    if (length >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0) {
        (void)json_scan_fail(&s, s.text, "the text begins with a byte order mark: save it as UTF-8 without one");
    } else {
        scan_text(&s);
    }
    free(s.names);
    return s.rc;
}

enum rc json_check(const char *text, size_t length, const struct json_rules *rules, struct err *err) {
    return check(text, length, rules, NULL, NULL, err);
}

enum rc json_outline(const char *text, size_t length, const struct json_rules *rules, struct json_outline *outline, struct err *err) {
    return json_outline_tap(text, length, rules, outline, NULL, err);
}

enum rc json_outline_tap(const char *text, size_t length, const struct json_rules *rules, struct json_outline *outline, const struct json_tap *tap,
                         struct err *err) {
    enum rc rc;

    outline->root = (struct slice){.data = NULL, .length = 0};
    outline->count = 0;
    outline->complete = true;
    rc = check(text, length, rules, outline, tap, err);
    outline->complete = outline->complete && rc == RC_OK && *outline->root.data == '{';
    return rc;
}
