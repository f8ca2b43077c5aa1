// SPDX-License-Identifier: Apache-2.0
#include "base/str.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define NEAREST_LENGTH 64u /* longer names are not compared */

struct slice slice_of(const char *text) {
    return (struct slice){.data = text, .length = strlen(text)};
}

bool slice_equals(struct slice a, const char *text) {
    size_t length = strlen(text);

    return a.length == length && (length == 0 || memcmp(a.data, text, length) == 0);
}

bool str_copy(char *out, size_t size, const char *text) {
    size_t length = strlen(text);

    if (length >= size) {
        if (size > 0) {
            out[0] = '\0';
        }
        return false;
    }
    memmove(out, text, length + 1);
    return true;
}

bool str_format(char *out, size_t size, const char *format, ...) {
    va_list args;
    int length;

    va_start(args, format);
    length = vsnprintf(out, size, format, args);
    va_end(args);
    if (length < 0 || (size_t)length >= size) {
        if (size > 0) {
            out[0] = '\0';
        }
        return false;
    }
    return true;
}

bool str_starts(const char *text, const char *prefix) {
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

bool str_ends(const char *text, const char *suffix) {
    size_t length = strlen(text), tail = strlen(suffix);

    return length >= tail && memcmp(text + length - tail, suffix, tail) == 0;
}

static bool digits_to_u64(const char *text, uint64_t *out) {
    uint64_t value = 0;

    if (*text == '\0') {
        return false;
    }
    for (; *text != '\0'; text++) {
        if (*text < '0' || *text > '9' || __builtin_mul_overflow(value, 10u, &value) || __builtin_add_overflow(value, (uint64_t)(*text - '0'), &value)) {
            return false;
        }
    }
    *out = value;
    return true;
}

bool str_to_u64(const char *text, uint64_t least, uint64_t most, uint64_t *out) {
    uint64_t value;

    if (!digits_to_u64(text, &value) || value < least || value > most) {
        return false;
    }
    *out = value;
    return true;
}

bool str_to_i64(const char *text, int64_t least, int64_t most, int64_t *out) {
    bool negative = *text == '-';
    uint64_t size;
    int64_t value;

    if (!digits_to_u64(negative ? text + 1 : text, &size) || size > (uint64_t)INT64_MAX + (negative ? 1 : 0)) {
        return false;
    }
    value = negative ? (int64_t)(0 - size) : (int64_t)size;
    if (value < least || value > most) {
        return false;
    }
    *out = value;
    return true;
}

void str_hex(const void *bytes, size_t length, char *out) {
    static const char digits[] = "0123456789abcdef";
    const unsigned char *in = bytes;

    for (size_t i = 0; i < length; i++) {
        out[2 * i] = digits[in[i] >> 4];
        out[2 * i + 1] = digits[in[i] & 15];
    }
    out[2 * length] = '\0';
}

static int hex_value(char c) {
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

bool str_unhex(const char *text, void *bytes, size_t length) {
    unsigned char *out = bytes;

    if (strnlen(text, 2 * length + 1) != 2 * length) {
        return false;
    }
    for (size_t i = 0; i < length; i++) {
        int high = hex_value(text[2 * i]), low = hex_value(text[2 * i + 1]);

        if (high < 0 || low < 0) {
            return false;
        }
        out[i] = (unsigned char)(high * 16 + low);
    }
    return true;
}

bool str_is_name(const char *text) {
    size_t length = strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-");

    return length >= 1 && length <= 64 && text[length] == '\0';
}

size_t str_utf8_length(const char *bytes, size_t length) {
    const unsigned char *p = (const unsigned char *)bytes;
    unsigned char low = 0x80, high = 0xBF; /* bounds of the second byte: no overlong form, no surrogate, nothing past U+10FFFF */
    size_t size;

    if (length == 0) {
        return 0;
    }
    if (p[0] < 0x80) {
        return 1;
    }
    if (p[0] < 0xC2 || p[0] > 0xF4) {
        return 0;
    }
    size = p[0] < 0xE0 ? 2 : p[0] < 0xF0 ? 3 : 4;
    low = p[0] == 0xE0 ? 0xA0 : p[0] == 0xF0 ? 0x90 : low;
    high = p[0] == 0xED ? 0x9F : p[0] == 0xF4 ? 0x8F : high;
    if (size > length || p[1] < low || p[1] > high) {
        return 0;
    }
    for (size_t i = 2; i < size; i++) {
        if ((p[i] & 0xC0u) != 0x80u) {
            return 0;
        }
    }
    return size;
}

bool str_is_utf8(const char *bytes, size_t length) {
    for (size_t at = 0; at < length;) {
        size_t size = str_utf8_length(bytes + at, length - at);

        if (size == 0) {
            return false;
        }
        at += size;
    }
    return true;
}

/* Characters that would move the cursor, break the line or turn the reading direction of what a person sees. */
static bool is_unsafe(uint32_t c) {
    return c < 0x20 || (c >= 0x7F && c <= 0x9F) || c == 0x61C || c == 0x200E || c == 0x200F || (c >= 0x2028 && c <= 0x202E) || (c >= 0x2066 && c <= 0x2069) ||
           c == 0xFEFF;
}

static uint32_t code_point(const unsigned char *p, size_t size) {
    static const unsigned char lead_mask[] = {0, 0x7F, 0x1F, 0x0F, 0x07};
    uint32_t c = p[0] & lead_mask[size];

    for (size_t i = 1; i < size; i++) {
        c = c << 6 | (p[i] & 0x3Fu);
    }
    return c;
}

size_t str_printable(char *out, size_t size, const char *text, size_t length) {
    size_t at = 0, fit = 0; /* fit: where "..." still has room */

    for (size_t i = 0; i < length;) {
        size_t take = str_utf8_length(text + i, length - i), put = take;
        uint32_t c = take > 0 ? code_point((const unsigned char *)text + i, take) : (unsigned char)text[i];
        char escape[16];
        const char *from = text + i;

        if (take == 0 || is_unsafe(c)) {
            put = (size_t)snprintf(escape, sizeof(escape), take > 1 ? "\\u%04x" : "\\x%02x", (unsigned)c);
            from = escape;
        }
        if (at + put >= size) {
            size_t dots = size > 3 ? 3 : size - 1;

            memcpy(out + fit, "...", dots);
            at = fit + dots;
            break;
        }
        memcpy(out + at, from, put);
        at += put;
        i += take > 0 ? take : 1;
        if (at + 3 < size) {
            fit = at;
        }
    }
    out[at] = '\0';
    return at;
}

static size_t least_of(size_t a, size_t b) {
    return a < b ? a : b;
}

/* Insertions, deletions, substitutions and swaps of neighbours (optimal string alignment), with three rows. */
static size_t distance(const char *a, size_t a_length, const char *b, size_t b_length) {
    size_t rows[3][NEAREST_LENGTH + 1];

    for (size_t j = 0; j <= b_length; j++) {
        rows[0][j] = j;
    }
    for (size_t i = 1; i <= a_length; i++) {
        size_t *row = rows[i % 3], *above = rows[(i + 2) % 3], *before = rows[(i + 1) % 3];

        row[0] = i;
        for (size_t j = 1; j <= b_length; j++) {
            size_t changed = above[j - 1] + (a[i - 1] != b[j - 1] ? 1 : 0);

            row[j] = least_of(changed, least_of(above[j], row[j - 1]) + 1);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
                row[j] = least_of(row[j], before[j - 2] + 1);
            }
        }
    }
    return rows[a_length % 3][b_length];
}

const char *str_nearest(const char *text, const char *const *names, size_t count) {
    size_t length = strnlen(text, NEAREST_LENGTH + 1), best = least_of(3, length / 2) + 1;
    const char *nearest = NULL;

    for (size_t i = 0; i < count && length <= NEAREST_LENGTH; i++) {
        size_t name_length = strlen(names[i]), far;

        if (name_length > NEAREST_LENGTH) {
            continue;
        }
        far = distance(text, length, names[i], name_length);
        if (far < best) {
            best = far;
            nearest = names[i];
        }
    }
    return nearest;
}

/* ISO 8601 duration: the components in the order in which they may come. */
static const struct {
    char letter;
    bool time, alone;
    int64_t ms;
} components[] = {{'W', false, true, INT64_C(604800000)},
                  {'D', false, false, INT64_C(86400000)},
                  {'H', true, false, INT64_C(3600000)},
                  {'M', true, false, INT64_C(60000)},
                  {'S', true, false, INT64_C(1000)}};

#define COMPONENTS (sizeof(components) / sizeof(components[0]))
#define DURATION_MOST_MS (INT64_C(36525) * 86400000)

/* Digits with an optional fraction. The fraction is kept in millionths: finer than a week's share of a millisecond matters to nobody. */
static bool take_amount(const char **at, int64_t *whole, int64_t *millionths, bool *fraction) {
    int64_t scale = 100000;
    const char *start = *at;

    *whole = *millionths = 0;
    for (; **at >= '0' && **at <= '9'; (*at)++) {
        *whole = *whole * 10 + (**at - '0');
        if (*whole > DURATION_MOST_MS) {
            return false;
        }
    }
    *fraction = *at > start && **at == '.';
    if (!*fraction) {
        return *at > start;
    }
    start = ++*at;
    for (; **at >= '0' && **at <= '9'; (*at)++) {
        *millionths += (**at - '0') * scale;
        scale /= 10;
    }
    return *at > start;
}

bool str_duration_ms(const char *text, int64_t *ms) {
    int64_t total = 0;
    size_t next = 0; /* the first component that may still come */
    bool time = false, fraction = false;

    if (*text++ != 'P' || *text == '\0') {
        return false;
    }
    while (*text != '\0') {
        int64_t whole, millionths, part;
        size_t i = next;

        if (*text == 'T' && !time) {
            time = true;
            text++;
        }
        if (fraction || !take_amount(&text, &whole, &millionths, &fraction)) { /* only the last one may have a fraction */
            return false;
        }
        while (i < COMPONENTS && (components[i].letter != *text || components[i].time != time)) {
            i++;
        }
        if (i == COMPONENTS || (components[i].alone && text[1] != '\0') || __builtin_mul_overflow(whole, components[i].ms, &part)) {
            return false;
        }
        part += millionths * components[i].ms / 1000000;
        if (part > DURATION_MOST_MS - total) {
            return false;
        }
        total += part;
        next = i + 1;
        text++;
    }
    *ms = total;
    return true;
}
