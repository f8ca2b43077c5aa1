// SPDX-License-Identifier: Apache-2.0
#include "helper/record.h"

#include "base/str.h"
#include "helper/tool.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define TEXT_MOST 1000
#define LISTED_MOST 5 /* things that one check names */

enum outcome { OK, FAILED, NOT_POSSIBLE };

/* One check while it is made: what is wrong is added to its text. */
struct check {
    const char *id;
    enum outcome outcome;
    unsigned wrong;
    char text[TEXT_MOST];
};

/* Another thing that is wrong. */
__attribute__((format(printf, 2, 3))) static void wrong(struct check *c, const char *format, ...) {
    size_t length = strlen(c->text);
    va_list args;
    c->outcome = FAILED;
    if (c->wrong++ >= LISTED_MOST)
        return;
    if (length && length + 2 < sizeof c->text) {
        memcpy(c->text + length, "; ", 3);
        length += 2;
    }
    va_start(args, format);
    vsnprintf(c->text + length, sizeof c->text - length, format, args);
    va_end(args);
}

__attribute__((format(printf, 3, 4))) static void say(struct check *c, enum outcome outcome, const char *format, ...) {
    va_list args;
    c->outcome = outcome;
    va_start(args, format);
    vsnprintf(c->text, sizeof c->text, format, args);
    va_end(args);
}

static void add(cJSON *list, struct check *c) {
    static const char *const outcomes[] = {"ok", "failed", "not_possible"};
    char shown[TEXT_MOST];
    cJSON *json = cJSON_CreateObject();
    str_printable(shown, sizeof shown, c->text, strlen(c->text)); /* of a text that was cut, half a character too */
    cJSON_AddStringToObject(json, "id", c->id);
    cJSON_AddStringToObject(json, "result", outcomes[c->outcome]);
    cJSON_AddStringToObject(json, "text", shown);
    cJSON_AddItemToArray(list, json);
}

/* --- what the record says ----------------------------------------------------------------------------------------------- */

static const cJSON *found_value(const cJSON *record, const char *name) {
    const cJSON *field = cJSON_GetObjectItemCaseSensitive(cJSON_GetObjectItemCaseSensitive(record, "fields"), name);
    return strcmp(tool_text(field, "status", ""), "found") == 0 ? cJSON_GetObjectItemCaseSensitive(field, "value") : NULL;
}

static const char *found_unit(const cJSON *record, const char *name) {
    return tool_text(cJSON_GetObjectItemCaseSensitive(cJSON_GetObjectItemCaseSensitive(record, "fields"), name), "unit", "");
}

static bool found_date(const cJSON *record, const char *name, struct date *date) {
    const char *text = cJSON_GetStringValue(found_value(record, name));
    return text && date_parse(text, date);
}

static bool row_date(const cJSON *row, const char *name, struct date *date) {
    const char *text = tool_text(row, name, NULL);
    return text && date_parse(text, date);
}

static bool found_number(const cJSON *record, const char *name, double *number) {
    const cJSON *value = found_value(record, name);
    *number = cJSON_IsNumber(value) ? value->valuedouble : 0;
    return cJSON_IsNumber(value);
}

/* The term in months; false when it is not known, or is no whole number of them. */
static bool term_months(const cJSON *record, int64_t *months) {
    double number;
    const char *unit = found_unit(record, "term");
    if (!found_number(record, "term", &number))
        return false;
    double m = strncasecmp(unit, "month", 5) == 0 ? number : strncasecmp(unit, "year", 4) == 0 ? number * 12 : -1;
    *months = (int64_t)m;
    return m > 0 && m < 12 * 2000 && m == floor(m);
}

/* The last day of the term as it was stated, or as it follows. */
static bool last_day(const cJSON *record, struct date *date) {
    int64_t months;
    if (found_date(record, "expiry_date", date))
        return true;
    if (!found_date(record, "commencement_date", date) || !term_months(record, &months))
        return false;
    *date = date_of_days(date_days(date_add_months(*date, months)) - 1);
    return true;
}

/* --- the checks --------------------------------------------------------------------------------------------------------- */

static void check_term(const cJSON *record, cJSON *list) {
    struct check c = {.id = "term_arithmetic"};
    struct date begin, end;
    int64_t months;
    bool has_begin = found_date(record, "commencement_date", &begin), has_end = found_date(record, "expiry_date", &end),
         has_term = term_months(record, &months);
    char a[DATE_TEXT_SIZE], b[DATE_TEXT_SIZE];
    if (!has_begin || !has_term) {
        say(&c, NOT_POSSIBLE, "the %s is not known", has_begin ? "length of the term in years or months" : "commencement");
    } else {
        struct date after = date_add_months(begin, months), last = date_of_days(date_days(after) - 1);
        date_format(last, a);
        if (!has_end)
            say(&c, NOT_POSSIBLE, "no expiry is stated; by commencement and term it is %s", a);
        else if (date_compare(end, last) == 0 || date_compare(end, after) == 0)
            say(&c, OK, "commencement and term end on the stated expiry");
        else {
            date_format(end, b);
            say(&c, FAILED, "by commencement and term the lease ends on %s, stated is %s", a, b);
        }
    }
    add(list, &c);
}

static void check_order_of_dates(const cJSON *record, cJSON *list) {
    struct check c = {.id = "date_sequence"};
    struct date begin, end, rent;
    bool has_begin = found_date(record, "commencement_date", &begin), has_end = found_date(record, "expiry_date", &end),
         has_rent = found_date(record, "rent_commencement_date", &rent);
    if (!has_begin || !(has_end || has_rent))
        say(&c, NOT_POSSIBLE, "fewer than two of commencement, rent commencement and expiry are known");
    if (has_begin && has_end && date_compare(begin, end) >= 0)
        wrong(&c, "the lease expires before it commences");
    if (has_begin && has_rent && date_compare(rent, begin) < 0)
        wrong(&c, "rent commences before the term");
    if (has_end && has_rent && date_compare(rent, end) > 0)
        wrong(&c, "rent commences after the term");
    if (c.outcome == OK)
        say(&c, OK, "commencement, rent commencement and expiry follow each other");
    add(list, &c);
}

/* From one row of rent to the next. */
static void check_step(struct check *c, const cJSON *row, const cJSON *next) {
    struct date to, from;
    if (!next || !row_date(next, "from", &from) || !row_date(row, "to", &to))
        return;
    int64_t gap = date_days(from) - date_days(to) - 1;
    char a[DATE_TEXT_SIZE], b[DATE_TEXT_SIZE];
    date_format(to, a);
    date_format(from, b);
    if (gap > 0)
        wrong(c, "no rent is stated between %s and %s (%lld days)", a, b, (long long)gap);
    else if (gap < 0)
        wrong(c, "two rents overlap: one runs to %s, the next from %s", a, b);
}

static void check_rent_gaps(const cJSON *record, cJSON *list) {
    struct check c = {.id = "rent_gaps"};
    const cJSON *rows = cJSON_GetObjectItemCaseSensitive(record, "rent"), *last = NULL;
    struct date first, begin, end, to;
    char a[DATE_TEXT_SIZE], b[DATE_TEXT_SIZE];
    unsigned dated = 0;
    for (const cJSON *row = rows->child; row; row = row->next) {
        dated += row_date(row, "from", &to);
        check_step(&c, row, row->next);
        last = row;
    }
    bool has_begin = found_date(record, "rent_commencement_date", &begin) || found_date(record, "commencement_date", &begin);
    if (dated && row_date(rows->child, "from", &first) && has_begin && date_compare(first, begin) > 0) {
        date_format(begin, a);
        date_format(first, b);
        wrong(&c, "rent begins on %s, the first row on %s", a, b);
    }
    if (dated && row_date(last, "to", &to) && last_day(record, &end) && date_days(to) + 1 < date_days(end)) {
        date_format(to, a);
        date_format(end, b);
        wrong(&c, "the last row ends on %s, the term on %s", a, b);
    }
    if (!dated)
        say(&c, NOT_POSSIBLE, "no rent with dates was found");
    else if (c.outcome == OK)
        say(&c, OK, dated == 1 ? "there is %u row of rent, and no gap" : "%u rows of rent follow each other without a gap", dated);
    add(list, &c);
}

/* The factor of each step: a percentage, or doubling by the pattern's words. */
static double step_factor(const cJSON *record) {
    double percent;
    const char *pattern = cJSON_GetStringValue(found_value(record, "ground_rent_pattern"));
    if (found_number(record, "escalation_percent", &percent))
        return 1 + percent / 100;
    return pattern && strcasestr(pattern, "doubl") ? 2 : 0;
}

static bool same_kind_of_rent(const cJSON *a, const cJSON *b) {
    return strcmp(tool_text(a, "frequency", ""), tool_text(b, "frequency", "")) == 0 && strcmp(tool_text(a, "currency", ""), tool_text(b, "currency", "")) == 0;
}

static void check_escalation(const cJSON *record, cJSON *list) {
    struct check c = {.id = "escalation_arithmetic"};
    double factor = step_factor(record);
    unsigned steps = 0;
    const cJSON *before = NULL;
    for (const cJSON *row = cJSON_GetObjectItemCaseSensitive(record, "rent")->child; row && factor > 0; row = row->next) {
        const cJSON *amount = cJSON_GetObjectItemCaseSensitive(row, "amount");
        if (!cJSON_IsNumber(amount))
            continue;
        const cJSON *earlier = cJSON_GetObjectItemCaseSensitive(before, "amount");
        if (before && same_kind_of_rent(before, row)) {
            double wanted = earlier->valuedouble * factor;
            steps++;
            if (fabs(amount->valuedouble - wanted) > fmax(1, wanted / 1000))
                wrong(&c, "from %.15g the rent should rise to %.2f, stated is %.15g", earlier->valuedouble, wanted, amount->valuedouble);
        }
        before = row;
    }
    if (factor <= 0)
        say(&c, NOT_POSSIBLE, "no fixed rise is stated");
    else if (!steps)
        say(&c, NOT_POSSIBLE, "fewer than two rows of rent can be compared");
    else if (c.outcome == OK)
        say(&c, OK, "%u steps rise as stated", steps);
    add(list, &c);
}

static void check_option(struct check *c, const cJSON *option, const struct date *begin, const struct date *end) {
    struct date from, to;
    const char *kind = tool_text(option, "kind", "");
    bool has_from = row_date(option, "window_from", &from), has_to = row_date(option, "window_to", &to);
    if (has_from && has_to && date_compare(from, to) > 0)
        wrong(c, "%s: its window ends before it begins", kind);
    if (begin && ((has_from && date_compare(from, *begin) < 0) || (has_to && date_compare(to, *begin) < 0)))
        wrong(c, "%s: its window is before the term", kind);
    if (end && ((has_from && date_compare(from, *end) > 0) || (has_to && date_compare(to, *end) > 0)))
        wrong(c, "%s: its window is after the term", kind);
}

static void check_options(const cJSON *record, cJSON *list) {
    struct check c = {.id = "option_dates"};
    struct date begin, end, day;
    unsigned dated = 0;
    bool has_begin = found_date(record, "commencement_date", &begin), has_end = last_day(record, &end);
    for (const cJSON *option = cJSON_GetObjectItemCaseSensitive(record, "options")->child; option; option = option->next) {
        dated += row_date(option, "window_from", &day) || row_date(option, "window_to", &day);
        check_option(&c, option, has_begin ? &begin : NULL, has_end ? &end : NULL);
    }
    if (!dated)
        say(&c, NOT_POSSIBLE, "no option with dates was found");
    else if (c.outcome == OK)
        say(&c, OK, "%u options lie within the term", dated);
    add(list, &c);
}

static void check_date_order(const struct record_doubts *doubts, const unsigned orders[2], cJSON *list) {
    struct check c = {.id = "date_order"};
    static const char *const names[] = {"", "day first", "month first"};
    unsigned against = doubts->order == DATE_ORDER_DMY ? orders[1] : doubts->order == DATE_ORDER_MDY ? orders[0] : 0;
    if (against)
        wrong(&c, "dates were read %s, but %u dates of the text can only be read the other way", names[doubts->order], against);
    if (!doubts->order && orders[0] && orders[1])
        wrong(&c, "the text has dates that can only be read day first (%u) and such that can only be read month first (%u)", orders[0], orders[1]);
    if (doubts->count)
        wrong(&c, "%u dates could not be understood, the first is \"%s\"", doubts->count, doubts->first);
    if (c.outcome == OK)
        say(&c, OK, doubts->order ? "dates in numbers were read %s" : "no date depends on the order of day and month%s", names[doubts->order]);
    add(list, &c);
}

/* What a reviewer looked at needs no quote that shows it. */
static bool is_reviewed(const cJSON *item) {
    return cJSON_GetObjectItemCaseSensitive(item, "review") != NULL;
}

static void count_quotes(const cJSON *items, unsigned counts[3]) {
    for (const cJSON *item = items ? items->child : NULL; item; item = item->next) {
        const cJSON *verified = cJSON_GetObjectItemCaseSensitive(item, "quote_verified");
        bool counts_here = strcmp(tool_text(item, "status", "found"), "found") == 0;
        if (is_reviewed(item))
            continue;
        if (counts_here)
            counts[cJSON_IsTrue(verified) ? 0 : cJSON_IsFalse(verified) ? 1 : 2]++;
        count_quotes(cJSON_GetObjectItemCaseSensitive(item, "candidates"), counts); /* one level: candidates have none */
    }
}

static void check_quotes(const cJSON *record, cJSON *list) {
    static const char *const parts[] = {"fields", "rent", "options", "dates", "clauses"};
    struct check c = {.id = "quotes"};
    unsigned counts[3] = {0};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        count_quotes(cJSON_GetObjectItemCaseSensitive(record, parts[i]), counts);
    if (counts[1])
        wrong(&c, "%u of %u quotes are not in the text", counts[1], counts[0] + counts[1]);
    if (counts[2])
        wrong(&c, "%u findings have no quote", counts[2]);
    if (!counts[0] && c.outcome == OK)
        say(&c, NOT_POSSIBLE, "nothing was found");
    else if (c.outcome == OK)
        say(&c, OK, "%u quotes are in the text", counts[0]);
    add(list, &c);
}

/* --- whether quotes show what is said to be in them ---------------------------------------------------------------------- */

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

/* A number of a text without what groups its digits: one reading with a point for the fraction, one with a comma. Returns its end. */
static const char *read_amount(const char *at, double out[2]) {
    char digits[2][64];
    size_t lengths[2] = {0, 0};
    const char *end = at;
    while (is_digit(*end) || (*end && strchr(",.' ", *end) && is_digit(end[1])))
        end++;
    for (int reading = 0; reading < 2; reading++) {
        for (const char *c = at; c < end && lengths[reading] < sizeof digits[0] - 1; c++)
            if (is_digit(*c) || *c == (reading ? ',' : '.'))
                digits[reading][lengths[reading]++] = is_digit(*c) ? *c : '.';
        digits[reading][lengths[reading]] = '\0';
        out[reading] = strtod(digits[reading], NULL);
    }
    return end;
}

/* Numbers written in words are not looked for: a quote without digits shows anything. */
static bool shows_number(const char *quote, double value) {
    bool digits = false;
    for (const char *at = quote; *at;) {
        double readings[2];
        if (!is_digit(*at)) {
            at++;
            continue;
        }
        digits = true;
        at = read_amount(at, readings);
        for (int i = 0; i < 2; i++)
            if (fabs(readings[i] - fabs(value)) < 0.005)
                return true;
    }
    return !digits;
}

static void compare_value(struct check *c, unsigned *compared, const cJSON *item, const char *member, const char *name, enum date_order order) {
    const cJSON *value = cJSON_GetObjectItemCaseSensitive(item, member);
    const char *quote = tool_text(item, "quote", NULL), *text = cJSON_GetStringValue(value);
    struct date date;
    if (is_reviewed(item) || !quote || !strpbrk(quote, "0123456789"))
        return;
    if (cJSON_IsNumber(value)) {
        ++*compared;
        if (!shows_number(quote, value->valuedouble))
            wrong(c, "the quote of %s does not show %.15g", name, value->valuedouble);
    } else if (text && date_parse(text, &date)) {
        ++*compared;
        if (!date_is_in(quote, order, date))
            wrong(c, "the quote of %s does not show %s", name, text);
    }
}

static void check_values(const cJSON *record, enum date_order order, cJSON *list) {
    static const char *const members[][3] = {
        {"rent", "amount", "from"}, {"rent", "to", NULL}, {"options", "window_from", "window_to"}, {"dates", "date", NULL}};
    struct check c = {.id = "values"};
    unsigned compared = 0;
    for (const cJSON *field = cJSON_GetObjectItemCaseSensitive(record, "fields")->child; field; field = field->next)
        if (strcmp(tool_text(field, "status", ""), "found") == 0)
            compare_value(&c, &compared, field, "value", field->string, order);
    for (size_t i = 0; i < sizeof members / sizeof *members; i++)
        for (const cJSON *row = cJSON_GetObjectItemCaseSensitive(record, members[i][0])->child; row; row = row->next)
            for (int m = 1; m < 3 && members[i][m]; m++)
                compare_value(&c, &compared, row, members[i][m], members[i][m], order);
    if (!compared)
        say(&c, NOT_POSSIBLE, "no quote has a number or date to compare");
    else if (c.outcome == OK)
        say(&c, OK, "%u numbers and dates stand in their quotes", compared);
    add(list, &c);
}

cJSON *record_checks(const cJSON *record, const struct record_doubts *doubts, const unsigned orders[2]) {
    cJSON *list = cJSON_CreateArray();
    check_term(record, list);
    check_order_of_dates(record, list);
    check_rent_gaps(record, list);
    check_escalation(record, list);
    check_options(record, list);
    check_date_order(doubts, orders, list);
    check_quotes(record, list);
    check_values(record, doubts->order, list);
    return list;
}
