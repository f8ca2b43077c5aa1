// SPDX-License-Identifier: Apache-2.0
#include "base/date.h"

#include "base/str.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define TOKENS_MOST 64u
#define YEAR_LEAST 1000
#define YEAR_MOST 9999

static int month_days(int year, int month) {
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return days[month - 1] + (month == 2 && leap);
}

static bool is_day(int year, int month, int day) {
    return year >= YEAR_LEAST && year <= YEAR_MOST && month >= 1 && month <= 12 && day >= 1 && day <= month_days(year, month);
}

bool date_parse(const char *text, struct date *out) {
    static const char form[] = "dddd-dd-dd";
    for (size_t i = 0; i < sizeof form; i++) /* with the NUL */
        if (form[i] == 'd' ? !isdigit((unsigned char)text[i]) : text[i] != form[i])
            return false;
    *out = (struct date){.year = (text[0] - '0') * 1000 + (text[1] - '0') * 100 + (text[2] - '0') * 10 + (text[3] - '0'),
                         .month = (text[5] - '0') * 10 + (text[6] - '0'),
                         .day = (text[8] - '0') * 10 + (text[9] - '0')};
    return is_day(out->year, out->month, out->day);
}

void date_format(struct date date, char out[DATE_TEXT_SIZE]) {
    str_format(out, DATE_TEXT_SIZE, "%04d-%02d-%02d", date.year, date.month, date.day);
}

/* Years begin in March, so that the odd day is the last one. */
int64_t date_days(struct date date) {
    int64_t year = date.month <= 2 ? date.year - 1 : date.year, month = (date.month + 9) % 12;
    return year * 365 + year / 4 - year / 100 + year / 400 + (month * 306 + 5) / 10 + date.day - 1 - 719468;
}

struct date date_of_days(int64_t days) {
    int64_t z = days + 719468, era = (z >= 0 ? z : z - 146096) / 146097, of_era = z - era * 146097;
    int64_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    int64_t of_year = of_era - (365 * year + year / 4 - year / 100), month = (5 * of_year + 2) / 153;
    struct date date = {.day = (int)(of_year - (153 * month + 2) / 5 + 1), .month = (int)(month < 10 ? month + 3 : month - 9)};
    date.year = (int)(year + era * 400 + (date.month <= 2));
    return date;
}

int date_compare(struct date a, struct date b) {
    int64_t x = date_days(a), y = date_days(b);
    return (x > y) - (x < y);
}

struct date date_add_months(struct date date, int64_t months) {
    int64_t at = (int64_t)date.year * 12 + date.month - 1 + months;
    int64_t least = (int64_t)YEAR_LEAST * 12, most = (int64_t)YEAR_MOST * 12 + 11;
    at = at < least ? least : at > most ? most : at;
    date.year = (int)(at / 12);
    date.month = (int)(at % 12) + 1;
    if (date.day > month_days(date.year, date.month))
        date.day = month_days(date.year, date.month);
    return date;
}

/* --- texts -------------------------------------------------------------------------------------------------------------- */

struct token {
    int month;      /* of a name; 0 */
    int value;      /* of a number; -1 */
    int digits;     /* of a number */
    char separator; /* right behind it: '/', '.', '-' before a digit; 0 */
};

static int month_of(const char *word, size_t length) {
    static const char *const names[] = {"january", "february", "march",     "april",   "may",      "june",
                                        "july",    "august",   "september", "october", "november", "december"};
    for (int i = 0; i < 12; i++)
        if (length <= strlen(names[i]) && (length == 3 || length == strlen(names[i]) || (i == 8 && length == 4)) && strncasecmp(word, names[i], length) == 0)
            return i + 1;
    return 0;
}

/* What may stand between the parts of a date: "of", "day", ordinals are dropped; other words end it. */
static bool is_filler(const char *word, size_t length) {
    static const char *const words[] = {"of", "day", "the", "st", "nd", "rd", "th"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strlen(words[i]) == length && strncasecmp(word, words[i], length) == 0)
            return true;
    return false;
}

static struct token number_token(const char **at) {
    struct token t = {.value = 0};
    for (; isdigit((unsigned char)**at); ++*at) {
        if (t.digits < 6)
            t.value = t.value * 10 + (**at - '0');
        t.digits++;
    }
    if (**at && strchr("/.-", **at) && isdigit((unsigned char)(*at)[1]))
        t.separator = *(*at)++;
    return t;
}

/* A break is a token that belongs to no date. */
static size_t tokens_of(const char *text, struct token tokens[TOKENS_MOST]) {
    static const struct token breaks = {.value = -1};
    size_t count = 0;
    while (*text && count < TOKENS_MOST) {
        if (isdigit((unsigned char)*text)) {
            tokens[count++] = number_token(&text);
        } else if (isalpha((unsigned char)*text)) {
            const char *word = text;
            while (isalpha((unsigned char)*text))
                text++;
            size_t length = (size_t)(text - word);
            int month = month_of(word, length);
            if (month)
                tokens[count++] = (struct token){.month = month, .value = -1};
            else if (!is_filler(word, length))
                tokens[count++] = breaks;
        } else
            text++;
    }
    return count;
}

struct reading {
    enum date_found found;
    struct date dates[2];
    bool several; /* different ones: none is meant */
    struct date wanted;
    bool has_wanted;
};

static void take(struct reading *r, enum date_found found, struct date a, struct date b) {
    r->has_wanted |= date_compare(a, r->wanted) == 0 || date_compare(b, r->wanted) == 0;
    if (r->found != DATE_NOT && (r->found != found || date_compare(r->dates[0], a) != 0 || (found == DATE_TWO && date_compare(r->dates[1], b) != 0)))
        r->several = true;
    r->found = found;
    r->dates[0] = a;
    r->dates[1] = b;
}

static void take_if_day(struct reading *r, int year, int month, int day) {
    struct date date = {.year = year, .month = month, .day = day};
    if (is_day(year, month, day))
        take(r, DATE_ONE, date, date);
}

/* 25/03/2019: a, b and the year. */
static void take_numbers(struct reading *r, int a, int b, int year, enum date_order order) {
    bool day_first = is_day(year, b, a), month_first = is_day(year, a, b);
    struct date left = {.year = year, .month = b, .day = a}, right = {.year = year, .month = a, .day = b};
    if (order != DATE_ORDER_NONE)
        take_if_day(r, year, order == DATE_ORDER_DMY ? b : a, order == DATE_ORDER_DMY ? a : b);
    else if (day_first && month_first && a != b)
        take(r, DATE_TWO, left, right);
    else if (day_first || month_first)
        take(r, DATE_ONE, day_first ? left : right, day_first ? left : right);
}

static bool is_year(const struct token *t) {
    return t->digits == 4 && t->value >= YEAR_LEAST;
}

static bool is_small(const struct token *t) {
    return t->digits >= 1 && t->digits <= 2;
}

static void read_all(const char *text, enum date_order order, struct reading *r) {
    struct token tokens[TOKENS_MOST];
    size_t count = tokens_of(text, tokens);
    for (size_t i = 0; i + 2 < count; i++) {
        const struct token *a = &tokens[i], *b = a + 1, *c = a + 2;
        if (is_year(a) && is_small(b) && is_small(c) && a->separator && a->separator == b->separator)
            take_if_day(r, a->value, b->value, c->value);
        else if (is_small(a) && b->month && is_year(c))
            take_if_day(r, c->value, b->month, a->value);
        else if (a->month && is_small(b) && !b->separator && is_year(c))
            take_if_day(r, c->value, a->month, b->value);
        else if (is_small(a) && is_small(b) && is_year(c) && a->separator && a->separator == b->separator)
            take_numbers(r, a->value, b->value, c->value, order);
        else
            continue;
        i += 2;
    }
}

static const struct date NEVER = {.year = 1, .month = 1, .day = 1};

enum date_found date_read(const char *text, enum date_order order, struct date out[2]) {
    struct reading r = {.found = DATE_NOT, .wanted = NEVER};
    read_all(text, order, &r);
    if (r.several || r.found == DATE_NOT)
        return DATE_NOT;
    out[0] = r.dates[0];
    out[1] = r.dates[1];
    return r.found;
}

bool date_is_in(const char *text, enum date_order order, struct date date) {
    struct reading r = {.found = DATE_NOT, .wanted = date};
    read_all(text, order, &r);
    return r.has_wanted;
}

/* A number of up to `most` digits that is not a part of a longer one. */
static const char *scan_number(const char *at, int most, int *value) {
    int digits = 0;
    for (*value = 0; isdigit((unsigned char)*at) && digits <= most; at++, digits++)
        *value = *value * 10 + (*at - '0');
    return digits >= 1 && digits <= most ? at : NULL;
}

void date_count_orders(const char *text, unsigned *day_first, unsigned *month_first) {
    *day_first = *month_first = 0;
    for (const char *at = text; *at; at++) {
        int a, b, year;
        if (!isdigit((unsigned char)*at) || (at > text && (isdigit((unsigned char)at[-1]) || strchr("/.-", at[-1]))))
            continue;
        const char *end = scan_number(at, 2, &a);
        char separator = end ? *end : '\0';
        if (!separator || !strchr("/.-", separator) || !(end = scan_number(end + 1, 2, &b)) || *end != separator || !(end = scan_number(end + 1, 4, &year)))
            continue;
        bool day = is_day(year, b, a), month = is_day(year, a, b);
        *day_first += day && !month;
        *month_first += month && !day;
    }
}
