// SPDX-License-Identifier: Apache-2.0
#include "helper/words.h"

#include "base/str.h"
#include "helper/quotes.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* --- vocabulary ------------------------------------------------------------------------------------------------------ */

static const struct {
    const char *word, *meaning;
} SYNONYMS[] = {
    {"ltd", "limited"},      {"co", "company"},       {"corp", "corporation"}, {"inc", "incorporated"}, {"lessor", "landlord"}, {"lessee", "tenant"},
    {"pound", "gbp"},        {"pounds", "gbp"},       {"dollar", "usd"},       {"dollars", "usd"},      {"euro", "eur"},        {"euros", "eur"},
    {"cent", "percent"},     {"pc", "percent"},       {"pct", "percent"},      {"yr", "year"},          {"yrs", "year"},        {"annum", "year"},
    {"pa", "year"},          {"annual", "year"},      {"annually", "year"},    {"yearly", "year"},      {"monthly", "month"},   {"quarterly", "quarter"},
    {"weekly", "week"},      {"daily", "day"},        {"ft", "foot"},          {"feet", "foot"},        {"sq", "square"},       {"sqft", "square foot"},
    {"sqm", "square metre"}, {"m2", "square metre"},  {"metres", "metre"},     {"meter", "metre"},      {"meters", "metre"},    {"m", "metre"},
    {"licence", "license"},  {"premises", "premise"}, {"purposes", "purpose"}, {"cannot", "not"},       {"street", "st"},       {"road", "rd"},
    {"mos", "month"},        {"mths", "month"},       {"mth", "month"},
};

static const char *const NUMBERS[] = {"zero", "one",    "two",    "three",    "four",     "five",    "six",     "seven",     "eight",    "nine",
                                      "ten",  "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"};
static const char *const TENS[] = {"twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"};
static const char *const MONTHS[] = {"january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november", "december"};
/* Left out at once. */
static const char *const ARTICLES[] = {"the", "a", "an", "of", "per", "sterling", "said", NULL};
static const char *const REFERENCES[] = {"clause", "paragraph", "schedule", "section", "part", "act", "article", "page", "plan", "regulation", NULL};
static const char *const CURRENCIES[] = {"gbp", "usd", "eur", NULL};

bool words_listed(const char *const *list, const char *text) {
    while (*list && strcmp(*list, text) != 0)
        list++;
    return *list != NULL;
}

static int index_in(const char *const *list, size_t count, const char *text) {
    for (size_t i = 0; i < count; i++)
        if (strcmp(list[i], text) == 0)
            return (int)i;
    return -1;
}

/* --- text to words ---------------------------------------------------------------------------------------------------- */

/* A character beyond ASCII as it is compared. */
static void put_wide(const char *at, size_t length, struct buf *out) {
    static const struct { const char *bytes, *meaning; } others[] = {{"\xc2\xa3", " gbp "}, {"\xe2\x82\xac", " eur "}, {"\xc2\xad", ""}, {"\xe2\x80\x8b", ""}};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (strlen(others[i].bytes) == length && memcmp(others[i].bytes, at, length) == 0) {
            (void)buf_add_text(out, others[i].meaning);
            return;
        }
    const char *alias = quotes_alias(at, length);
    if (!alias)
        (void)buf_add(out, at, length);
    else if (!isalpha((unsigned char)*alias)) /* blanks, dashes and dots part words, an apostrophe does not */
        (void)(*alias == '\'' ? RC_OK : buf_add_char(out, ' '));
    else
        (void)buf_add_text(out, alias);
}

/* text[at] is a sign between digits that belongs to its word. */
static bool is_inner(const char *text, size_t at) {
    const unsigned char before = at ? (unsigned char)text[at - 1] : ' ', after = (unsigned char)text[at + 1];
    if (isdigit(before) && isdigit(after))
        return strchr(".,/-", text[at]) != NULL;
    return false;
}

/* text[at] is the dot behind a letter of its own, as in "p.a.". */
static bool is_initial(const char *text, size_t at) {
    const unsigned char before = at ? (unsigned char)text[at - 1] : ' ', further = at > 1 ? (unsigned char)text[at - 2] : ' ';
    return text[at] == '.' && isalpha(before) && (isspace(further) || further == '.' || further == '(');
}

/* Words with a blank between. */
static void flatten(const char *text, struct buf *out) {
    for (size_t at = 0, left = strlen(text); left;) {
        size_t length = str_utf8_length(text + at, left);
        const unsigned char c = (unsigned char)text[at];
        if (length > 1)
            put_wide(text + at, length, out);
        else if (isalnum(c))
            (void)buf_add_char(out, (char)tolower(c));
        else if (is_inner(text, at))
            (void)buf_add_char(out, (char)c);
        else if (c == '$' && at > 1 && strncasecmp(text + at - 2, "us", 2) == 0 && (at == 2 || !isalnum((unsigned char)text[at - 3]))) {
            out->length -= 2; /* US$ */
            (void)buf_add_text(out, " usd ");
        } else if (c == '$' || c == '%' || c == '&')
            (void)buf_add_text(out, c == '$' ? " usd " : c == '%' ? " percent " : " and ");
        else if (c != '\'' && !is_initial(text, at))
            (void)buf_add_char(out, ' ');
        length += length == 0;
        at += length;
        left -= length;
    }
}

void words_free(struct words *w) {
    if (w)
        free(w->list);
    free(w);
}

bool words_reserve(struct words *w, size_t capacity) {
    struct word *list = capacity <= WORDS_MOST ? realloc(w->list, capacity * sizeof *list) : NULL;
    if (list) {
        w->list = list;
        w->capacity = capacity;
    }
    return list != NULL;
}

static struct word *put(struct words *w, enum word_kind kind) {
    if (w->count == w->capacity && !words_reserve(w, w->capacity ? w->capacity * 2 : 32))
        return NULL;
    struct word *word = &w->list[w->count++];
    *word = (struct word){.kind = kind};
    return word;
}

static void put_word(struct words *w, const char *text) {
    struct word *word = words_listed(ARTICLES, text) ? NULL : put(w, WORD_PLAIN);
    if (word)
        str_format(word->text, sizeof word->text, "%.39s", text);
}

static void put_number(struct words *w, double number) {
    struct word *last = w->count ? &w->list[w->count - 1] : NULL;
    const bool reference = last && last->kind == WORD_PLAIN && words_listed(REFERENCES, last->text);
    if (last && last->kind == WORD_NUMBER && fabs(last->number - number) < 1e-9) /* ten (10) */
        return;
    struct word *word = put(w, WORD_NUMBER);
    if (word)
        *word = (struct word){.kind = WORD_NUMBER, .number = number, .reference = reference};
}

static bool put_date(struct words *w, const char *text) {
    struct date dates[2];
    const enum date_found found = date_read(text, DATE_ORDER_NONE, dates);
    struct word *word = found == DATE_NOT ? NULL : put(w, WORD_DATE);
    if (word)
        *word = (struct word){.kind = WORD_DATE, .date = dates[0], .two = found == DATE_TWO};
    return word != NULL;
}

/* Digits, with commas between thousands, decimals, or st, nd, rd, th behind. */
static bool read_number(const char *text, double *number) {
    char digits[WORD_SIZE], *end;
    size_t count = 0;
    for (const char *at = text; *at && count < sizeof digits - 1; at++)
        if (*at != ',')
            digits[count++] = *at;
    digits[count] = '\0';
    if (!isdigit((unsigned char)*digits))
        return false;
    *number = strtod(digits, &end);
    return !*end || strcmp(end, "st") == 0 || strcmp(end, "nd") == 0 || strcmp(end, "rd") == 0 || strcmp(end, "th") == 0;
}

/* Of the words so far: 105 for "one hundred and five". */
struct spelled {
    double total, part;
    bool any;
};

static bool spell(struct spelled *s, const char *text) {
    const int one = index_in(NUMBERS, sizeof NUMBERS / sizeof *NUMBERS, text), ten = index_in(TENS, sizeof TENS / sizeof *TENS, text);
    if (one >= 0 || ten >= 0)
        s->part += one >= 0 ? one : 20 + 10 * ten;
    else if (s->any && strcmp(text, "hundred") == 0)
        s->part *= 100;
    else if (s->any && (strcmp(text, "thousand") == 0 || strcmp(text, "million") == 0)) {
        s->total += s->part * (*text == 't' ? 1e3 : 1e6);
        s->part = 0;
    } else
        return s->any && strcmp(text, "and") == 0 && s->part >= 100;
    s->any = true;
    return true;
}

static void stop_spelling(struct words *w, struct spelled *s) {
    if (s->any)
        put_number(w, s->total + s->part);
    *s = (struct spelled){.any = false};
}

static bool put_synonym(struct words *w, const char *text) {
    for (size_t i = 0; i < sizeof SYNONYMS / sizeof *SYNONYMS; i++) {
        const char *meaning = SYNONYMS[i].meaning, *blank = strchr(meaning, ' ');
        char first[WORD_SIZE];
        if (strcmp(SYNONYMS[i].word, text) != 0)
            continue;
        str_format(first, sizeof first, "%.*s", (int)strcspn(meaning, " "), meaning);
        put_word(w, first);
        if (blank)
            put_word(w, blank + 1);
        return true;
    }
    return false;
}

/* One word, as it is compared. */
static void take(struct words *w, char *text) {
    double number;
    size_t length = strlen(text);
    if ((strchr(text, '/') || strchr(text, '-')) && put_date(w, text))
        return;
    if (read_number(text, &number)) {
        put_number(w, number);
        return;
    }
    if (put_synonym(w, text))
        return;
    if (length > 3 && text[length - 1] == 's' && text[length - 2] != 's')
        text[length - 1] = '\0';
    if (!put_synonym(w, text))
        put_word(w, text);
}

/* --- words put together ------------------------------------------------------------------------------------------------- */

void words_cut(struct words *w, size_t at, size_t count) {
    memmove(&w->list[at], &w->list[at + count], (w->count - at - count) * sizeof *w->list);
    w->count -= count;
}

bool words_is(const struct words *w, size_t at, const char *text) {
    return at < w->count && w->list[at].kind == WORD_PLAIN && strcmp(w->list[at].text, text) == 0;
}

static bool is_number(const struct words *w, size_t at, double least, double most) {
    return at < w->count && w->list[at].kind == WORD_NUMBER && w->list[at].number >= least && w->list[at].number <= most;
}

/* 25 (day) March 2019, March 25 2019. */
static void join_date(struct words *w, size_t at) {
    const size_t day_word = words_is(w, at + 1, "day");
    const size_t month_at = is_number(w, at, 1, 31) ? at + 1 + day_word : at, day_at = month_at == at ? at + 1 : at,
                 year_at = month_at == at ? at + 2 : month_at + 1;
    if (month_at >= w->count || w->list[month_at].kind != WORD_PLAIN || !is_number(w, day_at, 1, 31) || !is_number(w, year_at, 1000, 9999))
        return;
    const int month = index_in(MONTHS, sizeof MONTHS / sizeof *MONTHS, w->list[month_at].text);
    if (month < 0)
        return;
    const struct date date = {.year = (int)w->list[year_at].number, .month = month + 1, .day = (int)w->list[day_at].number};
    w->list[at] = (struct word){.kind = WORD_DATE, .date = date};
    words_cut(w, at + 1, year_at - at);
}

bool words_is_currency(const struct words *w, size_t at) {
    return at < w->count && w->list[at].kind == WORD_PLAIN && words_listed(CURRENCIES, w->list[at].text);
}

/* The currency behind the amount, and once: "GBP 20,000 (twenty thousand pounds)". */
static void join_money(struct words *w, size_t at) {
    if (words_is_currency(w, at) && at + 1 < w->count && w->list[at + 1].kind == WORD_NUMBER && (at == 0 || w->list[at - 1].kind != WORD_NUMBER)) {
        const struct word currency = w->list[at];
        w->list[at] = w->list[at + 1];
        w->list[at + 1] = currency;
    }
    if (at + 3 < w->count && w->list[at].kind == WORD_NUMBER && words_is_currency(w, at + 1) && is_number(w, at + 2, w->list[at].number, w->list[at].number) &&
        words_is_currency(w, at + 3) && strcmp(w->list[at + 1].text, w->list[at + 3].text) == 0)
        words_cut(w, at + 2, 2);
    if (at + 2 < w->count && w->list[at].kind == WORD_NUMBER && words_is_currency(w, at + 1) && words_is_currency(w, at + 2)) /* £20,000 sterling pounds */
        words_cut(w, at + 2, 1);
}

struct words *words_new(const char *text) {
    struct words *w = calloc(1, sizeof *w);
    struct buf flat = BUF_INIT((size_t)4 * 1024 * 1024);
    struct spelled spelled = {.any = false};
    char *save = NULL;
    if (!w)
        return NULL;
    flatten(text, &flat);
    for (char *word = flat.length ? strtok_r(flat.data, " ", &save) : NULL; word; word = strtok_r(NULL, " ", &save)) {
        if (spell(&spelled, word))
            continue;
        stop_spelling(w, &spelled);
        take(w, word);
    }
    stop_spelling(w, &spelled);
    buf_release(&flat);
    for (size_t at = 0; at < w->count; at++)
        join_date(w, at);
    for (size_t at = 0; at < w->count; at++)
        join_money(w, at);
    return w;
}
