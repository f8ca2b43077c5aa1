// SPDX-License-Identifier: Apache-2.0
#include "base/number.h"

#include <stdio.h>
#include <string.h>

#define EXPONENT_LIMIT INT64_C(100000000000000000)
#define PLAIN_MOST 21  /* ECMAScript: more integer digits than this are written with an exponent */
#define PLAIN_LEAST -6 /* and so are those whose first digit counts less than this power */

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

static size_t take_digits(const char **at, const char *end) {
    const char *start = *at;

    while (*at < end && is_digit(**at)) {
        (*at)++;
    }
    return (size_t)(*at - start);
}

static bool take_exponent(const char **at, const char *end, struct number *n, int64_t *exponent) {
    bool negative;
    const char *digit;

    *exponent = 0;
    if (*at == end || (**at != 'e' && **at != 'E')) {
        return true;
    }
    n->integer_text = false;
    (*at)++;
    negative = *at < end && **at == '-';
    if (*at < end && (**at == '-' || **at == '+')) {
        (*at)++;
    }
    digit = *at;
    if (take_digits(at, end) == 0) {
        return false;
    }
    for (; digit < *at && !n->huge_exponent; digit++) {
        *exponent = *exponent * 10 + (*digit - '0');
        n->huge_exponent = *exponent >= EXPONENT_LIMIT;
    }
    if (negative) {
        *exponent = -*exponent;
    }
    return true;
}

/* Narrow [start, stop), digits with perhaps a point, to the significant ones. point is where the point is or would be. */
static void set_significant(struct number *n, const char *start, const char *stop, const char *point, int64_t exponent) {
    while (start < stop && (*start == '0' || *start == '.')) {
        start++;
    }
    while (stop > start && (stop[-1] == '0' || stop[-1] == '.')) {
        stop--;
    }
    n->digits = (struct slice){.data = start, .length = (size_t)(stop - start)};
    n->point = point > start && point < stop ? (size_t)(point - start) : n->digits.length;
    n->count = n->digits.length - (n->point < n->digits.length ? 1 : 0);
    n->power = n->count == 0 ? 0 : exponent + (point > start ? point - start - 1 : point - start);
}

bool number_parse(struct slice text, struct number *out) {
    const char *at = text.data, *end, *start, *point, *stop;
    int64_t exponent;
    size_t integers;

    *out = (struct number){.integer_text = true};
    if (text.length == 0) {
        return false;
    }
    end = at + text.length;
    out->negative = *at == '-';
    at += out->negative ? 1 : 0;
    start = at;
    integers = take_digits(&at, end);
    if (integers == 0 || (integers > 1 && *start == '0')) {
        return false;
    }
    point = stop = at;
    if (at < end && *at == '.') {
        out->integer_text = false;
        at++;
        if (take_digits(&at, end) == 0) {
            return false;
        }
        stop = at;
    }
    if (!take_exponent(&at, end, out, &exponent) || at != end) {
        return false;
    }
    set_significant(out, start, stop, point, exponent);
    return true;
}

int number_digit(const struct number *n, size_t i) {
    return n->digits.data[i < n->point ? i : i + 1] - '0';
}

bool number_to_u64(const struct number *n, uint64_t *out) {
    uint64_t value = 0;

    if (n->count == 0) {
        *out = 0;
        return true;
    }
    if (n->negative || n->power > 19 || n->power < (int64_t)(n->count - 1)) {
        return false;
    }
    for (size_t i = 0; i <= (size_t)n->power; i++) {
        unsigned digit = i < n->count ? (unsigned)number_digit(n, i) : 0;

        if (__builtin_mul_overflow(value, 10u, &value) || __builtin_add_overflow(value, digit, &value)) {
            return false;
        }
    }
    *out = value;
    return true;
}

/* Compare the significant digits with those of a constant: <0, 0, >0; digits past the constant's do not count. */
static int compare_digits(const struct number *n, const char *constant) {
    for (size_t i = 0; constant[i] != '\0'; i++) {
        int difference = (i < n->count ? number_digit(n, i) : 0) - (constant[i] - '0');

        if (difference != 0) {
            return difference;
        }
    }
    return 0;
}

bool number_is_safe(const struct number *n) {
    if (n->count == 0) {
        return !n->negative;
    }
    if (n->integer_text) {
        return n->power < 15 || (n->power == 15 && compare_digits(n, "9007199254740991") <= 0);
    }
    if (n->power == 308) {
        return compare_digits(n, "17976931348623157") <= 0; /* DBL_MAX is 1.7976931348623157e308 */
    }
    if (n->power == -324) {
        return compare_digits(n, "24703282292062328") >= 0; /* half of the least double: below it is rounded to 0 */
    }
    return n->power < 308 && n->power > -324;
}

size_t number_format_size(const struct number *n) {
    return n->count + 32; /* sign, point, exponent, or at most 21 zeros */
}

static size_t put_digits(const struct number *n, size_t from, size_t to, char *out) {
    for (size_t i = from; i < to; i++) {
        out[i - from] = (char)('0' + (i < n->count ? number_digit(n, i) : 0));
    }
    return to - from;
}

static size_t put_plain(const struct number *n, char *out) {
    size_t at = 0, integers = n->power < 0 ? 0 : (size_t)n->power + 1;

    if (integers == 0) {
        out[at++] = '0';
    }
    at += put_digits(n, 0, integers, out + at);
    if (integers < n->count) {
        out[at++] = '.';
        for (int64_t i = n->power; i < -1; i++) {
            out[at++] = '0';
        }
        at += put_digits(n, integers, n->count, out + at);
    }
    return at;
}

static size_t put_with_exponent(const struct number *n, char *out) {
    size_t at = put_digits(n, 0, 1, out);
    char exponent[24];
    int length;

    if (n->count > 1) {
        out[at++] = '.';
        at += put_digits(n, 1, n->count, out + at);
    }
    length = snprintf(exponent, sizeof(exponent), "e%+lld", (long long)n->power);
    memcpy(out + at, exponent, (size_t)length);
    return at + (size_t)length;
}

size_t number_format(const struct number *n, char *out) {
    size_t at = 0;

    if (n->count == 0) {
        out[0] = '0';
        return 1;
    }
    if (n->negative) {
        out[at++] = '-';
    }
    return at + (n->power >= PLAIN_MOST || n->power < PLAIN_LEAST ? put_with_exponent(n, out + at) : put_plain(n, out + at));
}
