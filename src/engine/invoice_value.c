// SPDX-License-Identifier: Apache-2.0
#include "engine/invoice_value.h"

#include "base/clock.h"
#include "base/zone.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#define CELL_BYTES 64u

static struct slice trimmed(struct slice text) {
    while (text.length && (unsigned char)text.data[0] <= ' ') {
        text.data++;
        text.length--;
    }
    while (text.length && (unsigned char)text.data[text.length - 1] <= ' ')
        text.length--;
    return text;
}

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

static bool is_letter(char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

/* --- money ---------------------------------------------------------------------------------------------------------- */

/* What a sign or a blank is worth at the beginning of text: its bytes; 0: it is none. */
static size_t skip_mark(struct slice text, char currency[9]) {
    static const struct {
        const char *bytes, *currency; /* a dollar or a yen is that of several countries */
    } marks[] = {{"\xE2\x82\xAC", "EUR"}, {"\xC2\xA3", "GBP"},  {"$", ""}, {"\xC2\xA5", ""}, {"\xC2\xA0", ""},
                 {"\xE2\x80\xAF", ""},    {"\xE2\x80\x89", ""}, {" ", ""}, {"'", ""},        {"\xE2\x80\x99", ""}};
    for (size_t i = 0; i < sizeof marks / sizeof marks[0]; i++) {
        size_t length = strlen(marks[i].bytes);
        if (text.length < length || memcmp(text.data, marks[i].bytes, length) != 0)
            continue;
        if (*marks[i].currency)
            str_copy(currency, 9, marks[i].currency);
        return length;
    }
    return 0;
}

struct amount {
    char digits[CELL_BYTES]; /* and points and commas */
    size_t length;
    bool negative;
};

/* Digits, points and commas are left of it, and the sign. */
static const char *strip(struct slice text, struct amount *amount, char currency[9]) {
    bool bracket = false, over = false; /* over: letters follow the digits */
    for (size_t i = 0; i < text.length;) {
        struct slice rest = {text.data + i, text.length - i};
        char c = text.data[i];
        size_t mark = skip_mark(rest, currency);
        if (mark) {
            i += mark;
            continue;
        }
        if (is_letter(c)) {
            size_t letters = 0;
            while (letters < rest.length && is_letter(rest.data[letters]))
                letters++;
            if (letters > 3 || (letters == 3 && !str_format(currency, 9, "%.3s", rest.data)))
                return "is no amount";
            for (size_t k = 0; letters == 3 && k < 3; k++)
                currency[k] = (char)(currency[k] & ~0x20);
            if (letters == 2 && strncasecmp(rest.data, "cr", 2) == 0) /* a credit */
                amount->negative = true;
            over = amount->length > 0;
            i += letters;
            continue;
        }
        if (c == '-' || c == '(')
            amount->negative = true;
        bracket = bracket || c == '(';
        if (is_digit(c) || c == '.' || c == ',') {
            if (over)
                return "is no amount";
            if (amount->length + 1 == sizeof amount->digits)
                return "is too long for an amount";
            amount->digits[amount->length++] = c;
        } else if (c != '-' && c != '+' && c != '(' && !(c == ')' && bracket))
            return "is no amount";
        i++;
    }
    return amount->length ? NULL : "is no amount";
}

/* The decimal sign of the digits, in *at; their length when there is none. */
static const char *find_decimal(const struct amount *amount, char known, bool comma_usual, size_t *at) {
    const char *digits = amount->digits;
    size_t point = amount->length, comma = amount->length, points = 0, commas = 0;
    for (size_t i = 0; i < amount->length; i++) {
        points += digits[i] == '.';
        commas += digits[i] == ',';
        point = digits[i] == '.' ? i : point;
        comma = digits[i] == ',' ? i : comma;
    }
    *at = amount->length;
    if (known) {
        *at = known == '.' ? point : comma;
        return (known == '.' ? points : commas) > 1 ? "has more than one decimal sign" : NULL;
    }
    if (points && commas) {
        *at = point > comma ? point : comma;
        return (*at == point ? points : commas) > 1 ? "has more than one decimal sign" : NULL;
    }
    if (points + commas != 1)
        return NULL; /* none, or thousands */
    size_t sign = points ? point : comma;
    bool like_thousands = amount->length - sign == 4 && sign >= 1 && sign <= 3 && digits[0] != '0';
    if (like_thousands && points && comma_usual)
        return "can be read in two ways; --decimal . or --decimal , says which";
    if (!like_thousands || points || comma_usual)
        *at = sign;
    return NULL;
}

/* Thousands stand in groups of three. */
static bool grouped(const struct amount *amount, size_t decimal) {
    size_t since = 0;
    bool any = false;
    for (size_t i = 0; i < decimal; i++) {
        if (is_digit(amount->digits[i])) {
            since++;
            continue;
        }
        if ((any && since != 3) || since == 0 || since > 3)
            return false;
        any = true;
        since = 0;
    }
    return !any || since == 3;
}

const char *invoice_value_money(struct slice text, char decimal, bool comma_usual, struct dec *out, char currency[9]) {
    struct amount amount = {.length = 0};
    char plain[CELL_BYTES + 4];
    size_t used = 0, at;
    currency[0] = '\0';
    const char *problem = strip(trimmed(text), &amount, currency);
    if (!problem)
        problem = find_decimal(&amount, decimal, comma_usual, &at);
    if (problem)
        return problem;
    if (!grouped(&amount, at))
        return "is no amount: thousands stand in groups of three";
    if (amount.negative)
        plain[used++] = '-';
    if (at == 0)
        plain[used++] = '0';
    bool leading = true;
    for (size_t i = 0; i < amount.length; i++) {
        char c = amount.digits[i];
        if (i > at && !is_digit(c))
            return "is no amount";
        leading = leading && c == '0' && i + 1 < at; /* "007.50" */
        if (i == at && i + 1 < amount.length)
            plain[used++] = '.';
        else if (is_digit(c) && !leading)
            plain[used++] = c;
    }
    return dec_parse((struct slice){plain, used}, out) ? NULL : "is no amount";
}

const char *invoice_value_count(struct slice text, uint64_t *out) {
    static const char no_count[] = "is no whole number";
    struct amount amount = {.length = 0};
    char currency[9] = "", plain[CELL_BYTES];
    size_t used = 0, end;
    if (strip(trimmed(text), &amount, currency) || amount.negative || currency[0])
        return no_count;
    end = amount.length;
    /* "400.00": what follows the last sign is nothing but zeros, and no group of thousands. */
    for (size_t i = amount.length; i-- > 0 && end == amount.length;)
        if (!is_digit(amount.digits[i]) && amount.length - i != 4 && strspn(amount.digits + i + 1, "0") == amount.length - i - 1)
            end = i;
    if (!grouped(&amount, end))
        return no_count;
    for (size_t i = 0; i < end; i++)
        if (is_digit(amount.digits[i]))
            plain[used++] = amount.digits[i];
    plain[used] = '\0';
    return str_to_u64(plain, 0, UINT64_MAX, out) ? NULL : no_count;
}

/* --- time ----------------------------------------------------------------------------------------------------------- */

struct face { /* of a clock and a calendar */
    unsigned year, month, day, hour, minute, second;
    unsigned micro;
    bool has_clock;
};

static const char no_time[] = "is no time or day that is known here";

static bool number(const char **at, unsigned least, unsigned most, unsigned *out) {
    size_t digits = strspn(*at, "0123456789");
    if (digits < least || digits > most)
        return false;
    *out = 0;
    for (size_t i = 0; i < digits; i++)
        *out = *out * 10 + (unsigned)((*at)[i] - '0');
    *at += digits;
    return true;
}

static bool sign(const char **at, const char *signs) {
    if (!**at || !strchr(signs, **at))
        return false;
    (*at)++;
    return true;
}

static const char *take_date(const char **at, enum invoice_dates dates, struct face *face) {
    unsigned first, second, third;
    size_t digits = strspn(*at, "0123456789");
    char separator;
    if (!number(at, 1, 4, &first) || !**at)
        return no_time;
    separator = **at;
    if (!sign(at, "-/.") || !number(at, 1, 2, &second) || **at != separator)
        return no_time;
    (*at)++;
    if (!number(at, digits == 4 ? 1 : 4, digits == 4 ? 2 : 4, &third))
        return no_time;
    if (digits == 4) {
        face->year = first;
        face->month = second;
        face->day = third;
        return NULL;
    }
    face->year = third;
    bool dmy = separator == '.' || first > 12 || dates == INVOICE_DATES_DMY;
    if (separator != '.' && first <= 12 && second <= 12 && first != second && dates == INVOICE_DATES_SURE)
        return "can be read in two ways; --dates mdy or --dates dmy says which";
    face->day = dmy ? first : second;
    face->month = dmy ? second : first;
    return NULL;
}

static const char *take_clock(const char **at, struct face *face) {
    if (!number(at, 1, 2, &face->hour) || !sign(at, ":") || !number(at, 2, 2, &face->minute))
        return no_time;
    face->has_clock = true;
    if (sign(at, ":") && !number(at, 2, 2, &face->second))
        return no_time;
    if (sign(at, ".,")) {
        unsigned scale = 100000;
        if (!is_digit(**at))
            return no_time;
        for (; is_digit(**at); (*at)++, scale /= 10)
            face->micro += (unsigned)(**at - '0') * scale;
    }
    while (**at == ' ')
        (*at)++;
    if (strncasecmp(*at, "am", 2) == 0 || strncasecmp(*at, "pm", 2) == 0) {
        if (face->hour < 1 || face->hour > 12)
            return no_time;
        face->hour = face->hour % 12 + (**at == 'p' || **at == 'P' ? 12 : 0);
        *at += 2;
    }
    return NULL;
}

/* What the zone's clock shows, as microseconds since 1970 of a clock face. */
static bool face_us(const struct face *face, int64_t *us) {
    char text[64];
    snprintf(text, sizeof text, "%04u-%02u-%02uT%02u:%02u:%02uZ", face->year, face->month, face->day, face->hour, face->minute, face->second);
    if (!clock_parse_rfc3339(text, us))
        return false;
    *us += face->micro;
    return true;
}

static int64_t instant(const char *zone, int64_t local_us) {
    int64_t found[2];
    int64_t local_s = local_us / 1000000;
    if (strcmp(zone, "UTC") == 0)
        return local_us;
    unsigned count = zone_instants(zone, local_s, found);
    int64_t s = count ? found[0] : local_s - zone_offset_s(zone, local_s); /* skipped: as if the clock had not been put forward */
    return s * 1000000 + local_us % 1000000;
}

/* "Z", "UTC", "+02:00" or "-0500" at the end. */
static const char *take_zone(const char **at, bool *given, int64_t *offset_us) {
    unsigned hours, minutes;
    while (**at == ' ')
        (*at)++;
    *given = **at;
    *offset_us = 0;
    if (!**at)
        return NULL;
    if (strcasecmp(*at, "z") == 0 || strcasecmp(*at, "utc") == 0 || strcasecmp(*at, "gmt") == 0)
        return NULL;
    bool west = **at == '-';
    if (!sign(at, "+-") || !is_digit((*at)[0]) || !is_digit((*at)[1]))
        return no_time;
    hours = (unsigned)((*at)[0] - '0') * 10 + (unsigned)((*at)[1] - '0');
    *at += 2;
    sign(at, ":");
    if (!number(at, 2, 2, &minutes) || **at || hours > 15 || minutes > 59)
        return no_time;
    *offset_us = ((int64_t)hours * 3600 + (int64_t)minutes * 60) * (west ? -1000000 : 1000000);
    return NULL;
}

/* Seconds or milliseconds since 1970. */
static bool epoch(const char *text, int64_t *us) {
    uint64_t value;
    size_t length = strlen(text);
    if ((length != 10 && length != 13) || !str_to_u64(text, 0, UINT64_C(9999999999999), &value))
        return false;
    *us = (int64_t)value * (length == 10 ? 1000000 : 1000);
    return true;
}

const char *invoice_value_time(struct slice cell, enum invoice_dates dates, const char *zone, int64_t *us, int64_t *until_us, bool *day) {
    char text[CELL_BYTES];
    const char *at = text;
    struct face face = {.micro = 0};
    bool given;
    int64_t local_us, offset_us;
    cell = trimmed(cell);
    *day = false;
    if (cell.length >= sizeof text || !str_format(text, sizeof text, "%.*s", (int)cell.length, cell.data))
        return no_time;
    if (epoch(text, us)) {
        *until_us = *us + 1;
        return NULL;
    }
    const char *problem = take_date(&at, dates, &face);
    if (problem)
        return problem;
    if (*at && !sign(&at, "T ,"))
        return no_time;
    while (*at == ' ')
        at++;
    if (*at && (problem = take_clock(&at, &face)) != NULL)
        return problem;
    if ((problem = take_zone(&at, &given, &offset_us)) != NULL)
        return problem;
    if (!face_us(&face, &local_us))
        return no_time;
    *day = !face.has_clock;
    *us = given ? local_us - offset_us : instant(zone, local_us);
    *until_us = *us + 1;
    if (*day)
        *until_us = given ? *us + INT64_C(86400000000) : instant(zone, local_us + INT64_C(86400000000));
    return NULL;
}
